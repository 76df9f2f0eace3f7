//! What the entries of Rekor say, and whether that is what a bundle claims.
//!
//! Each kind and version stands in its own file. An entry counts only if it holds the very signature, signer and
//! content of the claim: an entry that is in the log, but about something else, proves nothing
//! (CVE-2022-36056, CVE-2026-22703).

mod dsse_v001;
mod hashedrekord_v001;
pub(crate) mod hashedrekord_v002;
mod intoto_v002;

use std::borrow::Cow;

use serde::Deserialize;
use trust_core::internal::encoding;
use trust_core::internal::json::Document;
use trust_core::internal::pem;
use trust_core::{
    Certificate, ClaimedSigner, Digest, HashAlgorithm, LogClaim, LogEntry, LogError, PublicKey,
};

/// Entries that hold an attestation's digest and certificates have some KiB.
const MAX_BODY_LEN: usize = 1 << 20;

const SUPPORTED: &str =
    "hashedrekord 0.0.1 or 0.0.2, dsse 0.0.1 or intoto 0.0.2 with the bundle's kind of content";

/// Which generation of Rekor makes entries of a kind and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    /// Promises, checkpoints with a tree identifier.
    V1,
    /// No promises, C2SP checkpoints.
    V2,
}

/// An entry's kind, which was found to be about the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BoundEntry {
    /// `kind/version`.
    pub(crate) kind: String,
    pub(crate) generation: Generation,
}

/// Proves that the entry's body is about the claim.
///
/// # Errors
/// If it is malformed, of a kind that does not bind a signature, or about something else.
pub(crate) fn bind(entry: &LogEntry, claim: &LogClaim<'_>) -> Result<BoundEntry, LogError> {
    if entry.body.len() > MAX_BODY_LEN {
        return Err(LogError::Body {
            problem: format!("it has {} bytes, expected at most {MAX_BODY_LEN}", entry.body.len()),
        });
    }
    let body = document(&entry.body)?;
    let header: Header<'_> = read(&body)?;
    let kind = format!("{}/{}", header.kind, header.api_version);
    let declared = format!("{}/{}", entry.kind, entry.version);
    // Signatures in cosign's older form come without a declaration.
    if declared != "/" && declared != kind {
        return Err(LogError::KindVersion { declared, found: kind });
    }
    let generation = match (&*header.kind, &*header.api_version) {
        ("hashedrekord", "0.0.1") => {
            hashedrekord_v001::bind(&body, claim)?;
            Generation::V1
        }
        ("dsse", "0.0.1") => {
            dsse_v001::bind(&body, claim)?;
            Generation::V1
        }
        ("intoto", "0.0.2") => {
            intoto_v002::bind(&body, claim)?;
            Generation::V1
        }
        ("hashedrekord", "0.0.2") => {
            hashedrekord_v002::bind(&entry.body, claim)?;
            Generation::V2
        }
        _ => return Err(unsupported(header.kind, header.api_version)),
    };
    Ok(BoundEntry { kind, generation })
}

/// Kind and version of an entry.
///
/// # Errors
/// If it is malformed.
pub(crate) fn kind(body: &[u8]) -> Result<(String, String), LogError> {
    let body = document(body)?;
    let header: Header<'_> = read(&body)?;
    Ok((header.kind.into_owned(), header.api_version.into_owned()))
}

/// The certificate that an entry was signed with; `None` for a key.
///
/// Only as true as the proof of the entry: a monitor recomputed the tree.
///
/// # Errors
/// If the entry is malformed, or of a kind whose signer is not known here.
pub(crate) fn certificate(body: &[u8]) -> Result<Option<Certificate>, LogError> {
    let body = document(body)?;
    let header: Header<'_> = read(&body)?;
    match (&*header.kind, &*header.api_version) {
        ("hashedrekord", "0.0.1") => from_pem(&hashedrekord_v001::signer(&body)?),
        ("dsse", "0.0.1") => from_pem(&dsse_v001::signer(&body)?),
        ("intoto", "0.0.2") => from_pem(&intoto_v002::signer(&body)?),
        ("hashedrekord", "0.0.2") => {
            let der = hashedrekord_v002::certificate(&body)?;
            let certificate = der.as_deref().map(Certificate::from_der).transpose();
            certificate.map_err(|error| LogError::Body { problem: error.to_string() })
        }
        _ => Err(unsupported(header.kind, header.api_version)),
    }
}

/// A certificate in base64 of PEM; a key instead is not a certificate.
fn from_pem(base64: &str) -> Result<Option<Certificate>, LogError> {
    let pem = encoding::from_base64(base64).and_then(|bytes| String::from_utf8(bytes).ok());
    let pem = pem.ok_or_else(|| LogError::Body { problem: "the signer is not base64 of PEM".to_owned() })?;
    if PublicKey::from_pem(&pem).is_ok() {
        return Ok(None);
    }
    Certificate::from_pem(&pem).map(Some).map_err(|error| LogError::Body { problem: error.to_string() })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    api_version: Cow<'a, str>,
}

fn unsupported(kind: impl Into<String>, version: impl Into<String>) -> LogError {
    LogError::Kind { kind: kind.into(), version: version.into(), expected: SUPPORTED }
}

fn document(body: &[u8]) -> Result<Document<'_>, LogError> {
    Document::new(body).map_err(|error| LogError::Body { problem: error.to_string() })
}

fn read<'a, T: Deserialize<'a>>(body: &Document<'a>) -> Result<T, LogError> {
    body.read().map_err(|error| LogError::Body { problem: error.to_string() })
}

/// The value must be base64 of the claim's signature.
fn same_signature(base64: &str, claim: &LogClaim<'_>) -> Result<(), LogError> {
    same(encoding::from_base64(base64).as_deref() == Some(claim.signature), "signature")
}

/// The value must be base64 of a PEM certificate or key that is the claim's signer, compared as DER.
fn same_signer(base64: &str, claim: &LogClaim<'_>) -> Result<(), LogError> {
    let pem = encoding::from_base64(base64).and_then(|bytes| String::from_utf8(bytes).ok());
    let equal = pem.is_some_and(|pem| match claim.signer {
        ClaimedSigner::Certificate(certificate) => {
            pem::decode(&pem, "CERTIFICATE").is_ok_and(|der| der == certificate.der())
        }
        ClaimedSigner::Key(key) => pem::decode(&pem, "PUBLIC KEY").is_ok_and(|der| der == key.spki_der()),
    });
    same(equal, "signer")
}

fn same(equal: bool, field: &'static str) -> Result<(), LogError> {
    if equal { Ok(()) } else { Err(LogError::Mismatch { field }) }
}

/// A hash as Rekor v1 writes it: algorithm and hexadecimal value.
#[derive(Deserialize)]
struct HexHash<'a> {
    #[serde(borrow)]
    algorithm: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

impl HexHash<'_> {
    fn to_digest(&self) -> Option<Digest> {
        let algorithm = HashAlgorithm::ALL.into_iter().find(|one| one.name() == self.algorithm)?;
        Digest::new(algorithm, encoding::from_hex(&self.value)?).ok()
    }
}
