//! `image attest`: what a document says of an image, read before it is signed.

use std::path::PathBuf;

use trust_examples::network::{progress, runtime};
use trust_examples::{print, read_text};
use trust_sign::{attestation, predicate_type};

use crate::reasons;
use crate::signer::Options;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What is said: an SBOM, a scan report, VEX, provenance, or any JSON
    #[arg(long, value_name = "FILE")]
    predicate: PathBuf,
    /// Its type: a URI, or a name as cosign has it, such as cyclonedx, spdxjson, vuln, openvex, slsaprovenance1
    #[arg(long = "type", value_name = "TYPE")]
    predicate_type: String,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, String> {
    let (options, runtime) = (&arguments.options, runtime()?);
    let predicate_type = predicate_type(&arguments.predicate_type).map_err(|error| reasons(&error))?;
    let predicate = read_text(&arguments.predicate)?;
    let signing = options.prepare(&runtime)?;
    let target = &signing.target;
    let statement = attestation(target, predicate_type, &predicate);
    let statement =
        statement.map_err(|error| format!("{}: {}", arguments.predicate.display(), reasons(&error)))?;
    let progress = progress(format!("attesting {}", target.image.written()));
    let (signed, status) = signing.sign(&runtime, options, &statement, None)?;
    drop(progress);
    let what = if target.is_index() { "all platforms" } else { "one platform" };
    print(&format!("{} is {}, {what}\n{signed}", target.image.written(), target.digest))?;
    Ok(status)
}
