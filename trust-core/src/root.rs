//! [`TrustRoot`]: the authorities and logs that a verifier trusts, from a `trusted_root.json`
//! ([protobuf-specs, sigstore_trustroot.proto](https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto)).

mod wire;

use thiserror::Error;

use crate::authority::{Authority, host, operator_of, without_scheme};
use crate::certificate::{Certificate, CertificateError};
use crate::digest::Digest;
use crate::encoding;
use crate::json::{self, AtMost, JsonError};
use crate::key::{KeyAlgorithm, KeyError, PublicKey, SignatureAlgorithm, Tables};
use crate::time::{TimeWindow, UnixTime};

/// The public-good root has 6 KiB.
const MAX_LEN: usize = 4 << 20;
/// No instance has more than ten entries of a kind.
const MAX_ENTRIES: usize = 256;

const MEDIA_TYPES: [&str; 3] = [
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
];

/// What a verifier trusts: certificate authorities, timestamp authorities and logs, each for a window of time.
///
/// It is the caller's statement: nothing here proves it. Get it by TUF, or from a file that you control.
///
/// ```
/// let root = trust_core::TrustRoot::public_good();
/// assert_eq!(root.transparency_logs().len(), 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct TrustRoot {
    certificate_authorities: Vec<Authority>,
    timestamp_authorities: Vec<Authority>,
    transparency_logs: Vec<LogKey>,
    certificate_logs: Vec<LogKey>,
    skipped: Vec<SkippedEntry>,
    digest: Option<Digest>,
    back_end: Option<&'static dyn SignatureAlgorithm>,
}

/// A log and its key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogKey {
    /// Where it serves.
    pub base_url: String,
    /// Its identifier, as entries name it.
    pub log_id: Vec<u8>,
    /// Its key.
    pub key: PublicKey,
    /// When its key is trusted.
    pub valid_for: TimeWindow,
    /// Who runs it; if the root does not say, the domain of `base_url`: the last two labels of its host.
    pub operator: String,
}

/// An entry that was left out because its kind of key is not supported. What it would vouch for is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedEntry {
    /// Where it stands, such as `tlogs[0]`.
    pub path: String,
    /// Why it was left out.
    pub reason: RootError,
}

/// The text is not a trusted root.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RootError {
    /// It is too long.
    #[error("trust root has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It is not JSON, or of another shape.
    #[error("trust root is malformed")]
    Json(#[from] JsonError),
    /// Its media type is unknown.
    #[error("trust root has the media type `{found}`, expected one of {MEDIA_TYPES:?}")]
    MediaType {
        /// What was found.
        found: String,
    },
    /// There are too many entries of a kind.
    #[error("`{path}` has {found} entries, expected at most {expected}")]
    TooMany {
        /// Which list.
        path: String,
        /// How many.
        found: usize,
        /// How many are read.
        expected: usize,
    },
    /// A value is absent.
    #[error("`{path}` is absent")]
    Absent {
        /// Which value.
        path: String,
    },
    /// A value is not base64.
    #[error("`{path}` is not base64")]
    Base64 {
        /// Which value.
        path: String,
    },
    /// A key cannot be used.
    #[error("`{path}` is not a usable key")]
    Key {
        /// Which.
        path: String,
        /// Why not.
        source: KeyError,
    },
    /// A key's declared kind is unknown, or not that of the key.
    #[error("`{path}` declares the key details `{declared}`, which {problem}")]
    KeyDetails {
        /// Which.
        path: String,
        /// What is declared.
        declared: String,
        /// Why that cannot be.
        problem: &'static str,
    },
    /// A log hashes with another function than SHA-256.
    #[error("`{path}` is `{found}`, expected `SHA2_256`")]
    HashAlgorithm {
        /// Which.
        path: String,
        /// What was found.
        found: String,
    },
    /// A certificate cannot be used.
    #[error("`{path}` is not a usable certificate")]
    Certificate {
        /// Which.
        path: String,
        /// Why not.
        source: CertificateError,
    },
}

impl TrustRoot {
    /// Sigstore's public-good instance, as it was on 2026-11-21.
    ///
    /// A default for programs that cannot fetch it by TUF; its source is in `data/README.md`.
    /// It does not update itself.
    #[must_use]
    pub fn public_good() -> Self {
        // A test reads the embedded file; if it could not be read, nothing would be trusted.
        Self::from_json(Self::PUBLIC_GOOD_JSON.as_bytes()).unwrap_or_default()
    }

    /// What [`public_good`](Self::public_good) is read from: for archives, which must not change with this crate.
    pub const PUBLIC_GOOD_JSON: &'static str = include_str!("../data/public-good.json");

    /// As of when [`public_good`](Self::public_good) is: 2026-11-21. Keys that were added or withdrawn since are not in it.
    pub const PUBLIC_GOOD_TIME: UnixTime = UnixTime::from_seconds(1_795_219_200);

    /// Sigstore's staging instance, as it was on 2026-11-21: for tests of clients, whose signatures prove nothing.
    #[must_use]
    pub fn staging() -> Self {
        Self::from_json(include_bytes!("../data/staging.json")).unwrap_or_default()
    }

    /// A root that trusts nobody: for keys alone, without logs and timestamps.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads a `trusted_root.json`.
    ///
    /// Entries with keys of unsupported kinds are left out and listed by [`skipped`](Self::skipped):
    /// roots announce new kinds before verifiers know them.
    ///
    /// # Errors
    /// If anything else is malformed, with its path.
    pub fn from_json(bytes: &[u8]) -> Result<Self, RootError> {
        if bytes.len() > MAX_LEN {
            return Err(RootError::TooLong { found: bytes.len() });
        }
        let wire: wire::TrustedRoot = json::from_slice(bytes)?;
        if !MEDIA_TYPES.contains(&wire.media_type.as_str()) {
            return Err(RootError::MediaType { found: wire.media_type });
        }
        let mut root = Self { digest: Some(Digest::sha256(bytes)), ..Self::default() };
        let skipped = &mut root.skipped;
        root.transparency_logs = entries("tlogs", wire.tlogs, skipped, log_key)?;
        root.certificate_logs = entries("ctlogs", wire.ctlogs, skipped, log_key)?;
        root.certificate_authorities =
            entries("certificateAuthorities", wire.certificate_authorities, skipped, authority)?;
        root.timestamp_authorities =
            entries("timestampAuthorities", wire.timestamp_authorities, skipped, authority)?;
        Ok(root)
    }

    /// Verifies every signature under this root by this back end.
    #[must_use]
    pub fn with_back_end(mut self, back_end: &'static dyn SignatureAlgorithm) -> Self {
        self.back_end = Some(back_end);
        self.map_keys(|key| key.with_back_end(back_end))
    }

    /// Spends so much memory on each ECDSA key of this root, to verify faster; [`Tables::Fast`] if nothing is said.
    #[must_use]
    pub fn with_tables(self, tables: Tables) -> Self {
        self.map_keys(|key| key.with_tables(tables))
    }

    /// Builds the tables now, some 35 milliseconds and 2.5 MiB for the public-good instance; otherwise each key builds its own when
    /// it has verified [`USES_BEFORE_TABLE`](crate::USES_BEFORE_TABLE) signatures.
    pub fn prepare(&self) {
        for authority in self.certificate_authorities.iter().chain(&self.timestamp_authorities) {
            // The anchor's key verifies the rest of the chain once, which no table pays for.
            if let Some(first) = authority.chain().first() {
                first.public_key().prepare();
            }
        }
        for log in self.transparency_logs.iter().chain(&self.certificate_logs) {
            log.key.prepare();
        }
    }

    /// The same root with these certificate authorities instead of its own: for policies that bring theirs.
    #[must_use]
    pub fn with_certificate_authorities(mut self, authorities: Vec<Authority>) -> Self {
        self.certificate_authorities = authorities;
        self.changed()
    }

    /// Likewise with these timestamp authorities.
    #[must_use]
    pub fn with_timestamp_authorities(mut self, authorities: Vec<Authority>) -> Self {
        self.timestamp_authorities = authorities;
        self.changed()
    }

    /// Likewise with these transparency logs.
    #[must_use]
    pub fn with_transparency_logs(mut self, logs: Vec<LogKey>) -> Self {
        self.transparency_logs = logs;
        self.changed()
    }

    /// Likewise with these certificate logs.
    #[must_use]
    pub fn with_certificate_logs(mut self, logs: Vec<LogKey>) -> Self {
        self.certificate_logs = logs;
        self.changed()
    }

    /// It is no longer what it was read from, and its keys verify by its back end.
    fn changed(mut self) -> Self {
        self.digest = None;
        match self.back_end {
            Some(back_end) => self.with_back_end(back_end),
            None => self,
        }
    }

    fn map_keys(mut self, change: impl Fn(PublicKey) -> PublicKey) -> Self {
        for authority in self.certificate_authorities.iter_mut().chain(&mut self.timestamp_authorities) {
            *authority = authority.map_keys(&change);
        }
        for log in self.transparency_logs.iter_mut().chain(&mut self.certificate_logs) {
            log.key = change(log.key.clone());
        }
        self
    }

    /// The back end, if one was chosen.
    #[must_use]
    pub fn back_end(&self) -> Option<&'static dyn SignatureAlgorithm> {
        self.back_end
    }

    /// The certificate authorities (Fulcio).
    #[must_use]
    pub fn certificate_authorities(&self) -> &[Authority] {
        &self.certificate_authorities
    }

    /// The timestamp authorities.
    #[must_use]
    pub fn timestamp_authorities(&self) -> &[Authority] {
        &self.timestamp_authorities
    }

    /// The transparency logs of signatures (Rekor).
    #[must_use]
    pub fn transparency_logs(&self) -> &[LogKey] {
        &self.transparency_logs
    }

    /// The transparency logs of certificates (CT).
    #[must_use]
    pub fn certificate_logs(&self) -> &[LogKey] {
        &self.certificate_logs
    }

    /// What was left out.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedEntry] {
        &self.skipped
    }

    /// The SHA-256 of the text that was read; `None` for [`empty`](Self::empty).
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }
}

/// Converts each entry, leaving out those whose kind of key is not supported.
fn entries<W, T>(
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

const UNSUPPORTED: &str = "is not supported";

fn log_key(path: &str, wire: wire::Log) -> Result<LogKey, RootError> {
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

impl LogKey {
    /// An assertion that this is the key of the log that serves at `base_url`, identified as in RFC 6962: by the hash of the
    /// key.
    #[must_use]
    pub fn assertion(base_url: impl Into<String>, key: PublicKey, valid_for: TimeWindow) -> Self {
        let base_url = base_url.into();
        let (log_id, operator) = (key.fingerprint().as_bytes().to_vec(), operator_of(&base_url).to_owned());
        Self { base_url, log_id, key, valid_for, operator }
    }

    /// The names by which a checkpoint of this log may call it: `host[:port]/path` of the base URL, or the host.
    #[must_use]
    pub fn origins(&self) -> [&str; 2] {
        [without_scheme(&self.base_url), host(&self.base_url)]
    }
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
fn declared_key(path: &str, wire: &wire::PublicKey) -> Result<PublicKey, RootError> {
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

fn authority(path: &str, wire: wire::Authority) -> Result<Authority, RootError> {
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

fn window(wire: Option<wire::TimeRange>) -> TimeWindow {
    wire.map_or_else(TimeWindow::default, |range| TimeWindow { start: range.start, end: range.end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_root_is_whole() {
        let root = TrustRoot::public_good();
        assert_eq!(root.certificate_authorities.len(), 2);
        assert_eq!(root.timestamp_authorities.len(), 1);
        assert_eq!(root.transparency_logs.len(), 2);
        assert_eq!(root.certificate_logs.len(), 2);
        assert_eq!(root.skipped, []);
        // Both logs are one operator's, though the root does not say whose.
        let operators = root.transparency_logs.iter().map(|log| log.operator.as_str());
        assert!(
            operators.clone().all(|operator| operator == "sigstore.dev"),
            "{:?}",
            operators.collect::<Vec<_>>()
        );
        let staging = TrustRoot::staging();
        assert_eq!((staging.transparency_logs.len(), staging.certificate_logs.len()), (5, 5));
        assert_eq!(staging.skipped, []);
    }

    fn parse(text: &str) -> Result<TrustRoot, RootError> {
        TrustRoot::from_json(text.as_bytes())
    }

    const LOG: &str = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot.v0.2+json","tlogs":[{
        "baseUrl":"https://log.example:8443/v2/","hashAlgorithm":"SHA2_256","logId":{"keyId":"AAAA"},
        "publicKey":{"rawBytes":"MCowBQYDK2VwAyEAt8rlp1knGwjfbcXAYPYAkn0XiLz1x8O4t0YkEhie244=",
                     "keyDetails":"PKIX_ED25519","validFor":{"start":"2025-01-01T00:00:00Z"}}}]}"#;

    #[test]
    fn an_unknown_media_type_is_refused() {
        let found = "application/json".to_owned();
        assert_eq!(parse(r#"{"mediaType":"application/json"}"#).err(), Some(RootError::MediaType { found }));
    }

    #[test]
    fn a_log_without_start_is_refused() {
        let text = LOG.replace(r#""start":"2025-01-01T00:00:00Z""#, "");
        let path = "tlogs[0].publicKey.validFor.start".to_owned();
        assert_eq!(parse(&text).err(), Some(RootError::Absent { path }));
    }

    #[test]
    fn a_log_with_an_unknown_kind_of_key_is_left_out() {
        let root = parse(&LOG.replace("PKIX_ED25519", "ML_DSA_65")).unwrap();
        assert!(root.transparency_logs.is_empty());
        let expected = SkippedEntry {
            path: "tlogs[0]".to_owned(),
            reason: RootError::KeyDetails {
                path: "tlogs[0].publicKey".to_owned(),
                declared: "ML_DSA_65".to_owned(),
                problem: UNSUPPORTED,
            },
        };
        assert_eq!(root.skipped, [expected]);
    }

    #[test]
    fn a_key_of_another_kind_than_declared_is_refused() {
        let text = LOG.replace("PKIX_ED25519", "PKIX_ECDSA_P256_SHA_256");
        let expected = RootError::KeyDetails {
            path: "tlogs[0].publicKey".to_owned(),
            declared: "PKIX_ECDSA_P256_SHA_256".to_owned(),
            problem: "is not the kind of the key",
        };
        assert_eq!(parse(&text).err(), Some(expected));
    }

    #[test]
    fn a_log_may_be_called_by_its_url_or_by_its_host() {
        let root = parse(LOG).unwrap();
        assert_eq!(root.transparency_logs[0].origins(), ["log.example:8443/v2", "log.example"]);
    }
}
