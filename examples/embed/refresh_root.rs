//! Turn a folder of TUF metadata into a trust root: `N.root.json` from the one you ship, then what the newest says.
//!
//! usage: refresh_root FIRST_ROOT METADATA_DIR TARGETS_DIR NOW

use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use trust_core::{TrustRoot, TufFiles, TufUpdate, UnixTime};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [first, metadata, targets, now] = arguments.as_slice() else {
        return Err("usage: refresh_root FIRST_ROOT METADATA_DIR TARGETS_DIR NOW".into());
    };
    let now: UnixTime = now.parse()?; // expired metadata is refused

    // Each root is signed by the one before it; the first is yours, and nothing proves it but you.
    let mut update = TufUpdate::new(TufFiles::new(fs::read(first)?), now)?;
    update.look_for("trusted_root.json");
    while let Some(wanted) = update.next() {
        match fs::read(Path::new(metadata).join(&wanted.name)) {
            Ok(found) => update.answer(Some(&found))?, // what is accepted is to be kept
            Err(error) if error.kind() == ErrorKind::NotFound => update.answer(None)?,
            Err(error) => return Err(error.into()),
        };
    }
    let target = update.target()?;
    let root = TrustRoot::from_json(target.verify(&fs::read(Path::new(targets).join(target.path()))?)?)?;
    println!("root {}, targets {}", update.root_version(), update.targets_version().unwrap_or_default());
    println!("{} logs, {} authorities", root.transparency_logs().len(), root.certificate_authorities().len());
    Ok(())
}
