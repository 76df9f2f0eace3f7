//! The document as JSON, and what its entries mean. Unknown fields are skipped: newer roots add some.

use serde::Deserialize;

use super::{LogKey, RootError, SkippedEntry};
use crate::key::{KeyAlgorithm, KeyError, PublicKey};
use crate::text::encoding;
use crate::text::json::{AtMost, proto_enum};
use crate::text::time::{TimeWindow, UnixTime};
use crate::x509::authority::{Authority, operator_of};
use crate::x509::certificate::{Certificate, CertificateError};
use crate::x509::chain::MAX_PATH_LEN;

/// No instance has more than ten entries of a kind.
const MAX_ENTRIES: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TrustedRoot {
    #[serde(alias = "media_type")]
    pub(super) media_type: String,
    #[serde(default)]
    pub(super) tlogs: AtMost<Log, MAX_ENTRIES>,
    #[serde(default, alias = "certificate_authorities")]
    pub(super) certificate_authorities: AtMost<WireAuthority, MAX_ENTRIES>,
    #[serde(default)]
    pub(super) ctlogs: AtMost<Log, MAX_ENTRIES>,
    #[serde(default, alias = "timestamp_authorities")]
    pub(super) timestamp_authorities: AtMost<WireAuthority, MAX_ENTRIES>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Log {
    #[serde(alias = "base_url")]
    pub(super) base_url: Option<String>,
    #[serde(alias = "hash_algorithm")]
    pub(super) hash_algorithm: Option<String>,
    #[serde(alias = "public_key")]
    pub(super) public_key: Option<DeclaredKey>,
    #[serde(alias = "log_id")]
    pub(super) log_id: Option<LogId>,
    pub(super) operator: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeclaredKey {
    #[serde(alias = "raw_bytes")]
    pub(super) raw_bytes: Option<String>,
    #[serde(default, alias = "key_details", deserialize_with = "proto_enum")]
    pub(super) key_details: Option<String>,
    #[serde(alias = "valid_for")]
    pub(super) valid_for: Option<TimeRange>,
}

#[derive(Deserialize)]
pub(super) struct TimeRange {
    pub(super) start: Option<UnixTime>,
    pub(super) end: Option<UnixTime>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogId {
    #[serde(alias = "key_id")]
    pub(super) key_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireAuthority {
    pub(super) uri: Option<String>,
    #[serde(alias = "cert_chain")]
    pub(super) cert_chain: Option<Chain>,
    #[serde(alias = "valid_for")]
    pub(super) valid_for: Option<TimeRange>,
    pub(super) operator: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct Chain {
    #[serde(default)]
    pub(super) certificates: AtMost<RawCertificate, MAX_PATH_LEN>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawCertificate {
    #[serde(alias = "raw_bytes")]
    pub(super) raw_bytes: String,
}

/// Converts each entry, leaving out those whose kind of key is not supported.
pub(super) fn entries<W, T>(
    list: &str,
    wire: AtMost<W, MAX_ENTRIES>,
    skipped: &mut Vec<SkippedEntry>,
    convert: impl Fn(&str, W) -> Result<T, RootError>,
) -> Result<Vec<T>, RootError> {
    let wire = bounded(list, wire)?;
    let mut converted = Vec::with_capacity(wire.len());
    for (index, entry) in wire.into_iter().enumerate() {
        let path = format!("{list}[{index}]");
        match convert(&path, entry) {
            Ok(entry) => converted.push(entry),
            Err(reason) if is_unsupported(&reason) => skipped.push(SkippedEntry { path, reason }),
            Err(error) => return Err(error),
        }
    }
    Ok(converted)
}

fn bounded<T, const MAX: usize>(path: &str, list: AtMost<T, MAX>) -> Result<Vec<T>, RootError> {
    list.into_vec().map_err(|found| RootError::TooMany { path: path.to_owned(), found, expected: MAX })
}

fn is_unsupported(error: &RootError) -> bool {
    matches!(
        error,
        RootError::KeyDetails { problem: UNSUPPORTED, .. }
            | RootError::Key { source: KeyError::Algorithm { .. }, .. }
            | RootError::Certificate {
                source: CertificateError::Key(KeyError::Algorithm { .. })
                    | CertificateError::SignatureAlgorithm { .. },
                ..
            }
    )
}

pub(super) const UNSUPPORTED: &str = "is not supported";

pub(super) fn log_key(path: &str, wire: Log) -> Result<LogKey, RootError> {
    let at = |field: &str| format!("{path}.{field}");
    let absent = |field: &str| RootError::Absent { path: at(field) };
    let hash = wire.hash_algorithm.unwrap_or_default();
    if hash != "SHA2_256" {
        return Err(RootError::HashAlgorithm { path: at("hashAlgorithm"), found: hash });
    }
    let public_key = wire.public_key.ok_or_else(|| absent("publicKey"))?;
    let key = declared_key(&at("publicKey"), &public_key)?;
    let valid_for = window(public_key.valid_for);
    // The proto makes `start` required for keys of logs: without it a log would be trusted from ever on.
    if valid_for.start.is_none() {
        return Err(absent("publicKey.validFor.start"));
    }
    let key_id = wire.log_id.and_then(|id| id.key_id).ok_or_else(|| absent("logId.keyId"))?;
    let log_id =
        encoding::from_proto_base64(&key_id).ok_or_else(|| RootError::Base64 { path: at("logId.keyId") })?;
    let base_url = wire.base_url.unwrap_or_default();
    let operator = wire.operator.unwrap_or_else(|| operator_of(&base_url).to_owned());
    Ok(LogKey { base_url, log_id, key, valid_for, operator })
}

/// The kinds of keys that are read, by the numbers of `PublicKeyDetails`
/// ([sigstore_common.proto](https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_common.proto)).
const KEY_DETAILS: [(&str, &str); 9] = [
    ("1", "PKCS1_RSA_PKCS1V5"),
    ("3", "PKIX_RSA_PKCS1V5"),
    ("5", "PKIX_ECDSA_P256_SHA_256"),
    ("7", "PKIX_ED25519"),
    ("9", "PKIX_RSA_PKCS1V15_2048_SHA256"),
    ("10", "PKIX_RSA_PKCS1V15_3072_SHA256"),
    ("11", "PKIX_RSA_PKCS1V15_4096_SHA256"),
    ("12", "PKIX_ECDSA_P384_SHA_384"),
    ("13", "PKIX_ECDSA_P521_SHA_512"),
];

/// Reads a key, and checks that it is of the kind that is declared.
fn declared_key(path: &str, wire: &DeclaredKey) -> Result<PublicKey, RootError> {
    let declared = wire.key_details.clone().unwrap_or_default();
    let named = KEY_DETAILS.iter().find(|(number, _)| *number == declared);
    let declared = named.map_or(declared, |(_, name)| (*name).to_owned());
    let raw = wire.raw_bytes.as_deref().unwrap_or_default();
    let bytes = encoding::from_proto_base64(raw)
        .ok_or_else(|| RootError::Base64 { path: format!("{path}.rawBytes") })?;
    let pkcs1 = declared.starts_with("PKCS1_RSA_");
    let details =
        |problem| RootError::KeyDetails { path: path.to_owned(), declared: declared.clone(), problem };
    let expected: fn(KeyAlgorithm) -> bool = match declared.as_str() {
        "PKIX_ECDSA_P256_SHA_256" => |found| found == KeyAlgorithm::EcdsaP256,
        "PKIX_ECDSA_P384_SHA_384" => |found| found == KeyAlgorithm::EcdsaP384,
        "PKIX_ECDSA_P521_SHA_512" => |found| found == KeyAlgorithm::EcdsaP521,
        "PKIX_ED25519" => |found| found == KeyAlgorithm::Ed25519,
        "PKCS1_RSA_PKCS1V5"
        | "PKIX_RSA_PKCS1V5"
        | "PKIX_RSA_PKCS1V15_2048_SHA256"
        | "PKIX_RSA_PKCS1V15_3072_SHA256"
        | "PKIX_RSA_PKCS1V15_4096_SHA256" => |found| matches!(found, KeyAlgorithm::Rsa { .. }),
        _ => return Err(details(UNSUPPORTED)),
    };
    let key = if pkcs1 { PublicKey::from_pkcs1_der(&bytes) } else { PublicKey::from_der(&bytes) }
        .map_err(|source| RootError::Key { path: path.to_owned(), source })?;
    if expected(key.algorithm()) { Ok(key) } else { Err(details("is not the kind of the key")) }
}

pub(super) fn authority(path: &str, wire: WireAuthority) -> Result<Authority, RootError> {
    let chain_path = format!("{path}.certChain.certificates");
    let list = bounded(&chain_path, wire.cert_chain.unwrap_or_default().certificates)?;
    if list.is_empty() {
        return Err(RootError::Absent { path: chain_path });
    }
    let mut chain = Vec::with_capacity(list.len());
    for (index, certificate) in list.iter().enumerate() {
        let path = format!("{chain_path}[{index}]");
        let der = encoding::from_proto_base64(&certificate.raw_bytes)
            .ok_or_else(|| RootError::Base64 { path: path.clone() })?;
        chain.push(Certificate::from_der(&der).map_err(|source| RootError::Certificate { path, source })?);
    }
    let authority = Authority::assertion(wire.uri.unwrap_or_default(), chain, window(wire.valid_for));
    Ok(match wire.operator {
        Some(operator) => authority.with_operator(operator),
        None => authority,
    })
}

fn window(wire: Option<TimeRange>) -> TimeWindow {
    wire.map_or(TimeWindow::ALWAYS, |range| TimeWindow { start: range.start, end: range.end })
}
