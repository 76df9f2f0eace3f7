//! Signed certificate timestamps embedded in a certificate
//! ([RFC 6962 sections 3.2 and 3.3](https://www.rfc-editor.org/rfc/rfc6962#section-3.2)).

use der::Tag;
use der::asn1::ObjectIdentifier;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::asn1::{self, Element, Malformed};
use crate::digest::HashAlgorithm;
use crate::key::{PublicKey, SignatureScheme, Signed};
use crate::root::LogKey;
use crate::text::encoding;
use crate::text::time::{TimeWindow, UnixTime};
use crate::x509::certificate::Certificate;

const SCT_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");

/// Certificates of this field carry one or two; the limit bounds the signature checks.
const MAX_SCTS: usize = 16;

/// A certificate transparency log's promise to publish a certificate, verified.
///
/// It proves that the log saw the certificate at that time, not that it was published or that it is monitored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedSct {
    log_id: String,
    timestamp: UnixTime,
}

impl VerifiedSct {
    /// The log's identifier, SHA-256 of its key, in hexadecimal.
    #[must_use]
    pub fn log_id(&self) -> &str {
        &self.log_id
    }

    /// When the log saw the certificate.
    #[must_use]
    pub fn timestamp(&self) -> UnixTime {
        self.timestamp
    }
}

/// The certificate is not known to be in a transparency log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SctError {
    /// The extension is not a list of timestamps in TLS encoding.
    #[error("the list of signed certificate timestamps is malformed")]
    Malformed,
    /// There are too many.
    #[error("certificate holds {found} signed certificate timestamps, expected at most {MAX_SCTS}")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// Two come from one log.
    #[error("certificate holds two timestamps of the log `{log_id}`, expected one")]
    Duplicate {
        /// The log.
        log_id: String,
    },
    /// Fewer logs than required vouch for the certificate.
    #[error(
        "{found} trusted certificate transparency logs vouch for the certificate, expected {expected}{}",
        list(problems)
    )]
    TooFew {
        /// How many do.
        found: usize,
        /// How many must.
        expected: usize,
        /// Why the others do not count.
        problems: Vec<SctProblem>,
    },
}

/// Why one timestamp does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SctProblem {
    /// The trust root does not know the log.
    #[error("log `{log_id}` is not in the trust root")]
    UnknownLog {
        /// The log.
        log_id: String,
    },
    /// The log's key was not valid then.
    #[error("log `{log_id}` is trusted {window}, expected to cover {time}")]
    Window {
        /// The log.
        log_id: String,
        /// When its key is trusted.
        window: TimeWindow,
        /// When it was used.
        time: UnixTime,
    },
    /// The signature does not verify.
    #[error("the timestamp of log `{log_id}` does not verify")]
    Signature {
        /// The log.
        log_id: String,
    },
}

fn list(problems: &[SctProblem]) -> String {
    problems.iter().map(|problem| format!("; {problem}")).collect()
}

/// Verifies every timestamp embedded in `leaf`, which `issuer` issued, and counts distinct logs.
///
/// It proves that the logs saw this certificate. That `issuer` issued it, is for [`verify_path`](crate::verify_path)
/// to say.
///
/// # Errors
/// If fewer than `required` trusted logs vouch for the certificate, or the list is malformed.
pub fn verify_scts(
    leaf: &Certificate,
    issuer: &Certificate,
    logs: &[LogKey],
    required: usize,
) -> Result<Vec<VerifiedSct>, SctError> {
    let scts = match leaf.extension(SCT_LIST) {
        Some(extension) => parse_list(extension.value).ok_or(SctError::Malformed)?,
        None => Vec::new(),
    };
    if scts.len() > MAX_SCTS {
        return Err(SctError::TooMany { found: scts.len() });
    }
    let tbs = without_sct_list(leaf.tbs()).map_err(|_| SctError::Malformed)?;
    let (mut verified, mut problems): (Vec<VerifiedSct>, Vec<SctProblem>) = Default::default();
    for (index, sct) in scts.iter().enumerate() {
        let log_id = encoding::to_hex(sct.log_id);
        if scts.iter().take(index).any(|other| other.log_id == sct.log_id) {
            return Err(SctError::Duplicate { log_id });
        }
        match sct.verify(&tbs, issuer.public_key(), logs, &log_id) {
            Ok(timestamp) => verified.push(VerifiedSct { log_id, timestamp }),
            Err(problem) => problems.push(problem),
        }
    }
    if verified.len() < required {
        return Err(SctError::TooFew { found: verified.len(), expected: required, problems });
    }
    Ok(verified)
}

/// One `SignedCertificateTimestamp`.
struct Sct<'a> {
    log_id: &'a [u8],
    millis: u64,
    extensions: &'a [u8],
    hash: u8,
    signature_algorithm: u8,
    signature: &'a [u8],
}

impl Sct<'_> {
    fn verify(
        &self,
        tbs: &[u8],
        issuer: &PublicKey,
        logs: &[LogKey],
        log_id: &str,
    ) -> Result<UnixTime, SctProblem> {
        let time = UnixTime::from_millis(i64::try_from(self.millis).unwrap_or(i64::MAX));
        let mut problem = SctProblem::UnknownLog { log_id: log_id.to_owned() };
        // A trust root may list one log several times, with different windows.
        for log in logs.iter().filter(|log| log.log_id == self.log_id) {
            if !log.valid_for.contains(time) {
                problem = SctProblem::Window { log_id: log_id.to_owned(), window: log.valid_for, time };
            } else if self.signed_by(&log.key, tbs, issuer) {
                return Ok(time);
            } else {
                problem = SctProblem::Signature { log_id: log_id.to_owned() };
            }
        }
        Err(problem)
    }

    fn signed_by(&self, key: &PublicKey, tbs: &[u8], issuer: &PublicKey) -> bool {
        // RFC 6962 section 2.1.4 allows ECDSA on P-256 and RSA PKCS#1 v1.5, both with SHA-256 (TLS hash 4).
        let scheme = match (self.hash, self.signature_algorithm) {
            (4, 3) => SignatureScheme::Ecdsa(HashAlgorithm::Sha256),
            (4, 1) => SignatureScheme::RsaPkcs1(HashAlgorithm::Sha256),
            _ => return false,
        };
        self.signed_bytes(tbs, issuer)
            .is_some_and(|bytes| key.verify(scheme, Signed::Message(&bytes), self.signature).is_ok())
    }

    /// The `digitally-signed` structure for a `precert_entry`.
    fn signed_bytes(&self, tbs: &[u8], issuer: &PublicKey) -> Option<Vec<u8>> {
        const V1: u8 = 0;
        const CERTIFICATE_TIMESTAMP: u8 = 0;
        const PRECERT_ENTRY: [u8; 2] = [0, 1];
        let tbs_len = u32::try_from(tbs.len()).ok().filter(|len| len >> 24 == 0)?;
        let extensions_len = u16::try_from(self.extensions.len()).ok()?;
        let mut bytes = Vec::with_capacity(tbs.len() + self.extensions.len() + 64);
        bytes.extend([V1, CERTIFICATE_TIMESTAMP]);
        bytes.extend(self.millis.to_be_bytes());
        bytes.extend(PRECERT_ENTRY);
        bytes.extend(Sha256::digest(issuer.spki_der()));
        bytes.extend(tbs_len.to_be_bytes().iter().skip(1));
        bytes.extend(tbs);
        bytes.extend(extensions_len.to_be_bytes());
        bytes.extend(self.extensions);
        Some(bytes)
    }
}

/// Reads an OCTET STRING with a `SignedCertificateTimestampList`.
fn parse_list(value: &[u8]) -> Option<Vec<Sct<'_>>> {
    let list = Element::only(value).and_then(|element| element.content_of(Tag::OctetString)).ok()?;
    let (mut list, rest) = length_prefixed(list)?;
    if !rest.is_empty() || list.is_empty() {
        return None;
    }
    let mut scts = Vec::new();
    while !list.is_empty() {
        let (sct, rest) = length_prefixed(list)?;
        scts.push(parse_sct(sct)?);
        list = rest;
    }
    Some(scts)
}

fn parse_sct(bytes: &[u8]) -> Option<Sct<'_>> {
    let (version, bytes) = bytes.split_first()?;
    let (log_id, bytes) = bytes.split_at_checked(32)?;
    let (millis, bytes) = bytes.split_first_chunk::<8>()?;
    let (extensions, bytes) = length_prefixed(bytes)?;
    let (&[hash, signature_algorithm], bytes) = bytes.split_first_chunk::<2>()?;
    let (signature, rest) = length_prefixed(bytes)?;
    (*version == 0 && rest.is_empty()).then_some(Sct {
        log_id,
        millis: u64::from_be_bytes(*millis),
        extensions,
        hash,
        signature_algorithm,
        signature,
    })
}

/// Splits off what a 16-bit length announces.
fn length_prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

/// The TBSCertificate as the log saw it: the same bytes without the list of timestamps.
fn without_sct_list(tbs: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut fields = Element::only(tbs)?.open(Tag::Sequence)?;
    let mut kept = Vec::with_capacity(tbs.len());
    while !fields.is_empty() {
        let field = fields.next()?;
        if !field.is(asn1::context(3)) {
            kept.extend_from_slice(field.encoding);
            continue;
        }
        let mut extensions = Element::only(field.content)?.open(Tag::Sequence)?;
        let mut kept_extensions = Vec::with_capacity(field.content.len());
        while !extensions.is_empty() {
            let extension = extensions.next()?;
            if extension.open(Tag::Sequence)?.next_oid()? != SCT_LIST {
                kept_extensions.extend_from_slice(extension.encoding);
            }
        }
        if !kept_extensions.is_empty() {
            kept.extend(asn1::encode(0xa3, &asn1::encode(0x30, &kept_extensions)));
        }
    }
    Ok(asn1::encode(0x30, &kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_list_is_cut_out() {
        let extension =
            |oid: &[u8]| asn1::encode(0x30, &[asn1::encode(6, oid), asn1::encode(4, &[7; 200])].concat());
        let sct_list = extension(&[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 4, 2]);
        let other = extension(&[0x55, 0x1d, 0x11]);
        let tbs = |extensions: &[u8]| {
            let explicit = asn1::encode(0xa3, &asn1::encode(0x30, extensions));
            asn1::encode(0x30, &[asn1::encode(2, &[1]), explicit].concat())
        };
        let whole = tbs(&[other.clone(), sct_list.clone()].concat());
        assert_eq!(without_sct_list(&whole), Ok(tbs(&other)));
        let alone = without_sct_list(&tbs(&sct_list));
        assert_eq!(alone, Ok(asn1::encode(0x30, &asn1::encode(2, &[1]))));
    }

    #[test]
    fn malformed_lists_are_refused() {
        for bytes in [&[][..], &[4, 2, 0, 0], &[4, 3, 0, 1, 0], &[4, 4, 0, 2, 0, 9]] {
            assert!(parse_list(bytes).is_none(), "{bytes:?}");
        }
    }
}
