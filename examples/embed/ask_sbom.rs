//! Read an SBOM of any format, and ask it: is this package in there, in these versions?

use std::error::Error;
use std::fs::File;

use trust_sbom::{Answer, Limits, PackagePattern, Sbom};

fn main() -> Result<(), Box<dyn Error>> {
    let file = File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/documents/shop.cdx.json"))?;
    let (sbom, diagnostics) = Sbom::read(file, &Limits::default())?;
    println!("{} {}: {} components", sbom.format(), sbom.version(), sbom.components().len());
    println!("{} things are odd about it", diagnostics.count());

    let lodash = PackagePattern::Purl(Box::new("pkg:npm/lodash".parse()?));
    let exposure = sbom.exposure(&lodash, &"vers:npm/<4.17.21".parse()?);
    match &exposure.answer {
        Answer::Yes => println!("yes:"),
        Answer::No => println!("no"),
        Answer::Unknown(reason) => println!("unknown: {reason}"), // never the same as "no"
    }
    for one in &exposure.exposed {
        let name = sbom.component(one.found.id).map(|component| component.full_name()).unwrap_or_default();
        println!(
            "  {name}, {}",
            if one.path.is_some() { "as a dependency" } else { "without saying of what" }
        );
    }
    Ok(())
}
