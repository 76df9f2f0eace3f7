//! Files: opened, unpacked, and recognised.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};

use flate2::read::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde_json::value::RawValue;
use trust_core::Reasons;
use trust_sbom::{Advisory, Diagnostics, Limits, Sbom, ScanReport, Strictness, Vex};

use crate::attestation::Attested;

/// More bytes are not looked at for an attestation.
const MAX_ATTESTATION_LEN: u64 = 64 << 20;
/// Smaller files are read before a person would look.
const LARGE: u64 = 16 << 20;

/// A file, or standard input, while a person sees how far it is; unpacked, if it is gzip. The reader bounds how much is read.
pub(crate) fn open(file: &str) -> Result<Box<dyn Read>, String> {
    let problem = |error: std::io::Error| format!("{file}: {error}");
    let opened: Box<dyn Read> = if file == "-" {
        Box::new(std::io::stdin())
    } else {
        let opened = File::open(file).map_err(problem)?;
        match opened.metadata().map(|metadata| metadata.len()) {
            Ok(len) if len >= LARGE => Box::new(bar(len).wrap_read(opened)),
            _ => Box::new(opened),
        }
    };
    let mut read = BufReader::new(opened);
    let is_gzip = read.fill_buf().map_err(problem)?.starts_with(&[0x1f, 0x8b]);
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(read)) } else { Box::new(read) })
}

/// A bar on standard error, if that is a terminal.
fn bar(len: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}");
    let bar = ProgressBar::new(len).with_finish(ProgressFinish::AndClear);
    style.map_or_else(|_| ProgressBar::hidden(), |style| bar.with_style(style))
}

/// The bytes of a file, as many as an SBOM may have.
pub(crate) fn read_bytes(file: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let most = Limits::default().len;
    let mut bounded = open(file)?.take(most.saturating_add(1));
    bounded.read_to_end(&mut bytes).map_err(|error| format!("{file}: {error}"))?;
    Ok(bytes)
}

/// An SBOM, also one within something else.
pub(crate) fn read(file: &str, strictness: Strictness) -> Result<(Sbom, Diagnostics), String> {
    let limits = Limits::default();
    let error = match Sbom::read_strictly(open(file)?, &limits, strictness) {
        Ok(read) => return Ok(read),
        Err(error) => error,
    };
    // Standard input cannot be read again.
    let bytes = if file == "-" { Vec::new() } else { read_bytes(file)? };
    let within =
        wrapped(&bytes).and_then(|text| Sbom::read_strictly(text.as_bytes(), &limits, strictness).ok());
    within.ok_or_else(|| format!("{file}: {}{}", Reasons(&error), looks_like(&bytes)))
}

/// The attestation in a file, if it is one. Large files are not looked at.
pub(crate) fn attestation(file: &str) -> Result<Option<Attested>, String> {
    let is_small = std::fs::metadata(file).is_ok_and(|metadata| metadata.len() <= MAX_ATTESTATION_LEN);
    if file == "-" || !is_small { Ok(None) } else { Ok(Attested::read(&read_bytes(file)?)) }
}

/// The SBOM within an attestation, or within GitHub's `{"sbom": …}`.
fn wrapped(bytes: &[u8]) -> Option<String> {
    if let Some(attested) = Attested::read(bytes) {
        return Some(attested.statement.predicate_json().to_owned());
    }
    let outer: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(bytes).ok()?;
    Some(outer.get("sbom")?.get().to_owned())
}

/// What a file is that is not what was expected, and what reads it.
pub(crate) fn looks_like(bytes: &[u8]) -> &'static str {
    let limits = Limits::default();
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => " (it is UTF-16, expected UTF-8)",
        _ if Attested::read(bytes).is_some() => " (it is an attestation: `sbom show` reads what it says)",
        _ if Advisory::read(bytes, &limits).is_ok() => {
            " (it is an advisory: `sbom affected SBOM --advisory FILE` reads it)"
        }
        _ if ScanReport::read(bytes, &limits).is_ok() => " (it is a scan report: `sbom findings` reads it)",
        _ if Vex::read(bytes, &limits).is_ok() => {
            " (it is a VEX document: `sbom findings REPORT --vex FILE` applies it)"
        }
        _ if Sbom::read(bytes, &limits).is_ok() => " (it is an SBOM: `sbom show` reads it)",
        _ => "",
    }
}
