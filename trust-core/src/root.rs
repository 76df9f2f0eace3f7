//! [`TrustRoot`]: the authorities and logs that a verifier trusts, from a `trusted_root.json`
//! ([protobuf-specs, sigstore_trustroot.proto](https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto)).

mod log_key;
mod wire;

pub(crate) mod tuf;

use thiserror::Error;

pub use self::log_key::LogKey;
use self::wire::{authority, entries, log_key};
use crate::digest::Digest;
use crate::key::{KeyError, PublicKey, SignatureAlgorithm, Tables};
use crate::text::json::{self, JsonError};
use crate::text::time::UnixTime;
use crate::x509::authority::Authority;
use crate::x509::certificate::CertificateError;

/// The public-good root has 6 KiB.
const MAX_LEN: usize = 4 << 20;

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

    /// A root that trusts no authority and no log: for keys alone, without logs and timestamps.
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
    /// it has verified some signatures.
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

#[cfg(test)]
mod tests {
    use super::wire::UNSUPPORTED;
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
