//! Runnable programs, one for each way of embedding the trust crates.
//!
//! - `admit`: judge workloads by Kyverno policies, with images from OCI layouts.
//! - `conformance`: verify a bundle by the protocol of sigstore-conformance.
//! - `log`: verify checkpoints, proofs and every entry of a transparency log.
//! - `policy`: lint and explain Kyverno policies, and run their test suites.
//! - `sbom`: read bills of materials, scan reports and VEX documents, and answer questions about them.
//!
//! Each program stands in a folder of its own and uses the crates as anybody would. This library holds what all of them do
//! in the same way: print, say what they are, and open layouts.

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::str::FromStr;

use trust_core::{ImageRef, Reasons};
use trust_gate::{OciLayout, Repositories};

/// Prints to standard output. Whoever stops reading, as `head` does, has what they want.
///
/// # Errors
/// If it cannot be written for another reason.
pub fn print(text: &str) -> Result<(), String> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    }
}

/// What a program says about itself, if that is what it is asked: its help, or its version.
#[must_use]
pub fn about(program: &str, help: &str, words: &[String]) -> Option<String> {
    let asks = |names: [&str; 2]| words.iter().any(|word| names.contains(&word.as_str()));
    if asks(["--help", "-h"]) {
        return Some(help.to_owned());
    }
    asks(["--version", "-V"]).then(|| format!("{program} {}\n", env!("CARGO_PKG_VERSION")))
}

/// A layout, and the repository or the image that it answers for.
#[derive(Clone, Debug)]
pub struct ImageSource {
    /// For which.
    pub reference: ImageRef,
    /// The folder.
    pub layout: PathBuf,
}

impl FromStr for ImageSource {
    type Err = String;

    /// `REF=DIR`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (reference, layout) = text
            .split_once('=')
            .ok_or_else(|| format!("--image: `{text}` has no `=`, expected REF=LAYOUT_DIR"))?;
        let reference = reference.parse().map_err(|error| format!("--image: {error}"))?;
        Ok(Self { reference, layout: PathBuf::from(layout) })
    }
}

/// The repositories for which these layouts answer.
///
/// # Errors
/// If one is no layout.
pub fn repositories(sources: &[ImageSource]) -> Result<Repositories, String> {
    let mut repositories = Repositories::new();
    for ImageSource { reference, layout } in sources {
        let opened =
            OciLayout::open(layout).map_err(|error| format!("{}: {}", layout.display(), Reasons(&error)))?;
        repositories.insert(reference.clone(), opened);
    }
    Ok(repositories)
}

/// The front page's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct FrontPage;
