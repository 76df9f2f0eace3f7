//! Turn a folder of TUF metadata into a trust root: `N.root.json` from the one you ship, then what the newest says.
//!
//! usage: refresh_root FIRST_ROOT DIR NOW

use std::error::Error;
use std::fs;
use std::path::Path;

use trust_core::{TrustRoot, TufRepository, UnixTime};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [first, folder, now] = arguments.as_slice() else {
        return Err("usage: refresh_root FIRST_ROOT DIR NOW".into());
    };
    let read = |name: &str| fs::read(Path::new(folder).join(name));
    let now: UnixTime = now.parse()?; // expired metadata is refused

    // Each root is signed by the one before it; the first is yours, and nothing proves it but you.
    let mut repository = TufRepository::from_trusted_root(&fs::read(first)?)?;
    loop {
        match read(&format!("{}.root.json", repository.root_version() + 1)) {
            Ok(next) => repository.update_root(&next)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => break, // it is the newest
            Err(error) => return Err(error.into()),
        }
    }
    let (timestamp, snapshot) = (read("timestamp.json")?, read("snapshot.json")?);
    let targets = repository.verify_targets(&timestamp, &snapshot, &read("targets.json")?, now)?;
    let json = read("trusted_root.json")?;
    let root = TrustRoot::from_json(targets.verify("trusted_root.json", &json)?)?;
    println!("root {}, targets {}", repository.root_version(), targets.version());
    println!("{} logs, {} authorities", root.transparency_logs().len(), root.certificate_authorities().len());
    Ok(())
}
