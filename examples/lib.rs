//! Runnable programs, one for each way of embedding the trust crates.
//!
//! - `admit`: judge workloads by Kyverno policies, with images from OCI layouts.
//! - `conformance`: verify a bundle by the protocol of sigstore-conformance.
//! - `log`: verify checkpoints, proofs and every entry of a transparency log.
//! - `policy`: lint and explain Kyverno policies, and run their test suites.
//! - `sbom`: read bills of materials, scan reports and VEX documents, and answer questions about them.
//!
//! Each program stands in a folder of its own and uses the crates as anybody would. This library holds what all of them do
//! in the same way: print, and say what they are.

use std::io::{self, ErrorKind, Write};

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

/// The front page's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct FrontPage;
