//! [`TufRepository`]: metadata of The Update Framework, by which Sigstore hands out its trust roots
//! ([TUF specification](https://theupdateframework.github.io/specification/v1.0.34/)).
//!
//! The caller fetches, or reads what he once fetched: either way every signature is verified. Delegations are not
//! followed, since the trust roots are targets of the top level.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::digest::{Digest, HashAlgorithm};
use crate::key::{PublicKey, SignatureScheme, Signed};
use crate::text::encoding;
use crate::text::json::{self, AtMost, JsonError};
use crate::text::time::UnixTime;

/// Sigstore's targets have 8 KiB.
const MAX_LEN: usize = 4 << 20;
/// The SubjectPublicKeyInfo of an uncompressed point on P-256, up to the point.
const P256_SPKI_PREFIX: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
const ED25519_SPKI_PREFIX: &str = "302a300506032b6570032100";

/// Metadata is not what the repository's keys signed, or may not be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TufError {
    /// It is too long.
    #[error("`{role}` has {found} bytes, expected at most {expected}")]
    TooLong {
        /// Which metadata or target.
        role: String,
        /// Its length in bytes.
        found: usize,
        /// The longest that is read.
        expected: usize,
    },
    /// It is not JSON, or of another shape.
    #[error("`{role}` is malformed")]
    Json {
        /// Which metadata.
        role: String,
        /// Where and why.
        source: JsonError,
    },
    /// It is other metadata than is needed, or of another major version of the specification.
    #[error("found {found}, expected `{role}` of specification 1")]
    Kind {
        /// Which metadata is needed.
        role: String,
        /// What was found.
        found: String,
    },
    /// It holds a number that is not an integer, which has no canonical form.
    #[error("`{role}` holds the number {found}, expected integers")]
    Number {
        /// Which metadata.
        role: String,
        /// The number.
        found: String,
    },
    /// The root does not say who signs this metadata, or asks for no signature.
    #[error("the root does not define who signs `{role}`: {problem}")]
    Role {
        /// Which metadata.
        role: String,
        /// What is missing.
        problem: &'static str,
    },
    /// Its signatures are too many, or one key has two
    /// ([specification, section 4.2.1](https://theupdateframework.github.io/specification/v1.0.33/#file-formats-object-format)).
    #[error("signatures of `{role}`: {problem}")]
    Signatures {
        /// Which metadata.
        role: String,
        /// What was found and expected.
        problem: String,
    },
    /// Too few different keys signed it.
    #[error("`{role}` is signed by {found} of its keys, expected {expected}")]
    Threshold {
        /// Which metadata.
        role: String,
        /// How many different keys did.
        found: usize,
        /// How many must.
        expected: usize,
    },
    /// It is older or newer than it must be.
    #[error("`{role}` has version {found}, expected {expected}")]
    Version {
        /// Which metadata.
        role: String,
        /// Its version.
        found: u64,
        /// The version that is needed.
        expected: u64,
    },
    /// It has expired: newer metadata may be withheld.
    #[error("`{role}` expired at {expires}, and it is {now}")]
    Expired {
        /// Which metadata.
        role: String,
        /// When.
        expires: UnixTime,
        /// The caller's time.
        now: UnixTime,
    },
    /// The signed metadata does not list it.
    #[error("`{name}` is not listed")]
    Unlisted {
        /// Which file.
        name: String,
    },
    /// Its content is not the one that is listed.
    #[error("`{name}` does not have the length and digests that are listed")]
    Content {
        /// Which file.
        name: String,
    },
}

/// A TUF repository, by its root: who may sign what.
#[derive(Clone, Debug)]
pub struct TufRepository {
    root: Root,
}

/// The files that a repository vouches for.
#[derive(Clone, Debug)]
pub struct VerifiedTargets {
    targets: BTreeMap<String, Listed>,
    version: u64,
}

impl TufRepository {
    /// Starts from a root that the caller trusts, wherever he has it from.
    ///
    /// # Errors
    /// If it is malformed, or not signed by its own keys.
    pub fn from_trusted_root(bytes: &[u8]) -> Result<Self, TufError> {
        let metadata = Metadata::<Root>::read("root", bytes)?;
        metadata.verify_by(&metadata.signed)?;
        Ok(Self { root: metadata.signed })
    }

    /// Takes over the next root, which the keys of the last one and its own keys signed (section 5.3).
    ///
    /// # Errors
    /// If it is not signed so, or not the next version. The repository is unchanged then.
    pub fn update_root(&mut self, bytes: &[u8]) -> Result<(), TufError> {
        let metadata = Metadata::<Root>::read("root", bytes)?;
        metadata.verify_by(&self.root)?;
        metadata.verify_by(&metadata.signed)?;
        metadata.check_version(self.root.version.saturating_add(1))?;
        self.root = metadata.signed;
        Ok(())
    }

    /// Version of the root.
    #[must_use]
    pub fn root_version(&self) -> u64 {
        self.root.version
    }

    /// Proves which files the repository vouches for at `now` (sections 5.4 to 5.6).
    ///
    /// It does not remember versions across runs: a caller that does compares them itself.
    ///
    /// # Errors
    /// If metadata is not signed by those whom the root names, has expired, or is not the metadata that was meant.
    pub fn verify_targets(
        &self,
        timestamp: &[u8],
        snapshot: &[u8],
        targets: &[u8],
        now: UnixTime,
    ) -> Result<VerifiedTargets, TufError> {
        check_expiry("root", self.root.expires, now)?;
        let timestamp = Metadata::<Listing>::read("timestamp", timestamp)?;
        timestamp.verify_by(&self.root)?;
        check_expiry("timestamp", timestamp.signed.expires, now)?;

        let listed = timestamp.signed.meta("snapshot.json")?;
        listed.check("snapshot.json", snapshot)?;
        let snapshot = Metadata::<Listing>::read("snapshot", snapshot)?;
        snapshot.verify_by(&self.root)?;
        snapshot.check_version(listed.version)?;
        check_expiry("snapshot", snapshot.signed.expires, now)?;

        let listed = snapshot.signed.meta("targets.json")?;
        listed.check("targets.json", targets)?;
        let targets = Metadata::<Targets>::read("targets", targets)?;
        targets.verify_by(&self.root)?;
        targets.check_version(listed.version)?;
        check_expiry("targets", targets.signed.expires, now)?;
        Ok(VerifiedTargets { version: targets.version, targets: targets.signed.targets })
    }
}

impl VerifiedTargets {
    /// Version of the list.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The names of the files. They are names, not paths: nothing here makes a file of one.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.targets.keys().map(String::as_str)
    }

    /// Proves that the repository vouches for `content` under this name, such as `trusted_root.json`.
    ///
    /// # Errors
    /// If the name is not listed, or the content is another one.
    pub fn verify<'c>(&self, name: &str, content: &'c [u8]) -> Result<&'c [u8], TufError> {
        let listed = self.targets.get(name).ok_or_else(|| TufError::Unlisted { name: name.to_owned() })?;
        if listed.hashes.is_empty() || listed.length.is_none() {
            return Err(TufError::Content { name: name.to_owned() });
        }
        listed.check(name, content)?;
        Ok(content)
    }
}

/// Metadata as it was read, and the bytes that its signatures are over.
struct Metadata<T> {
    role: &'static str,
    version: u64,
    signed: T,
    canonical: Vec<u8>,
    signatures: Vec<Signature>,
}

/// The public-good repository's root has nine.
const MAX_SIGNATURES: usize = 256;

#[derive(Deserialize)]
struct Wire {
    signatures: AtMost<Signature, MAX_SIGNATURES>,
    signed: Value,
}

#[derive(Deserialize)]
struct Signature {
    keyid: String,
    sig: String,
}

/// What every kind of metadata says of itself.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "_type")]
    kind: String,
    spec_version: String,
    version: u64,
}

#[derive(Clone, Debug, Deserialize)]
struct Root {
    version: u64,
    expires: UnixTime,
    keys: BTreeMap<String, Key>,
    roles: BTreeMap<String, Role>,
}

#[derive(Clone, Debug, Deserialize)]
struct Key {
    scheme: String,
    keyval: KeyValue,
}

#[derive(Clone, Debug, Deserialize)]
struct KeyValue {
    public: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Role {
    keyids: Vec<String>,
    threshold: usize,
}

/// What timestamp and snapshot hold.
#[derive(Deserialize)]
struct Listing {
    expires: UnixTime,
    meta: BTreeMap<String, Listed>,
}

#[derive(Deserialize)]
struct Targets {
    expires: UnixTime,
    targets: BTreeMap<String, Listed>,
}

/// What is known of a file before it is fetched.
#[derive(Clone, Debug, Deserialize)]
struct Listed {
    #[serde(default)]
    version: u64,
    length: Option<u64>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

impl<T: serde::de::DeserializeOwned> Metadata<T> {
    fn read(role: &'static str, bytes: &[u8]) -> Result<Self, TufError> {
        if bytes.len() > MAX_LEN {
            return Err(TufError::TooLong { role: role.to_owned(), found: bytes.len(), expected: MAX_LEN });
        }
        let malformed = |source: JsonError| TufError::Json { role: role.to_owned(), source };
        let Wire { signatures, signed } = json::from_slice(bytes).map_err(malformed)?;
        let wrong = |problem: String| TufError::Signatures { role: role.to_owned(), problem };
        let signatures = signatures
            .into_vec()
            .map_err(|found| wrong(format!("found {found}, expected at most {MAX_SIGNATURES}")))?;
        let mut seen = BTreeSet::new();
        if let Some(again) = signatures.iter().find(|one| !seen.insert(&one.keyid)) {
            return Err(wrong(format!("the key `{}` is repeated, expected it once", again.keyid)));
        }
        let header = Header::deserialize(&signed).map_err(|error| malformed(error.into()))?;
        if header.kind != role || !header.spec_version.starts_with("1.") {
            let found = format!("`{}` of specification {}", header.kind, header.spec_version);
            return Err(TufError::Kind { role: role.to_owned(), found });
        }
        if header.version == 0 {
            return Err(TufError::Version { role: role.to_owned(), found: 0, expected: 1 });
        }
        let mut canonical = Vec::with_capacity(bytes.len());
        write_canonical(&signed, &mut canonical)
            .map_err(|found| TufError::Number { role: role.to_owned(), found })?;
        let signed = T::deserialize(signed).map_err(|error| malformed(error.into()))?;
        Ok(Self { role, version: header.version, signed, canonical, signatures })
    }

    /// Proves that enough different keys of the role signed this.
    fn verify_by(&self, root: &Root) -> Result<(), TufError> {
        let wrong = |problem| TufError::Role { role: self.role.to_owned(), problem };
        let role = root.roles.get(self.role).ok_or_else(|| wrong("no such role"))?;
        if role.threshold == 0 {
            return Err(wrong("its threshold is 0"));
        }
        // By key, not by identifier: one key under two identifiers is one signer.
        let mut signers = BTreeSet::new();
        for signature in &self.signatures {
            let key =
                role.keyids.contains(&signature.keyid).then(|| root.keys.get(&signature.keyid)).flatten();
            if let Some((key, scheme)) = key.and_then(Key::read)
                && let Some(bytes) = encoding::from_hex(&signature.sig)
                && key.verify(scheme, Signed::Message(&self.canonical), &bytes).is_ok()
            {
                signers.insert(key.spki_der().to_vec());
            }
        }
        if signers.len() < role.threshold {
            return Err(TufError::Threshold {
                role: self.role.to_owned(),
                found: signers.len(),
                expected: role.threshold,
            });
        }
        Ok(())
    }

    fn check_version(&self, expected: u64) -> Result<(), TufError> {
        match self.version {
            found if found == expected => Ok(()),
            found => Err(TufError::Version { role: self.role.to_owned(), found, expected }),
        }
    }
}

fn check_expiry(role: &str, expires: UnixTime, now: UnixTime) -> Result<(), TufError> {
    if now < expires { Ok(()) } else { Err(TufError::Expired { role: role.to_owned(), expires, now }) }
}

impl Listing {
    fn meta(&self, name: &str) -> Result<&Listed, TufError> {
        self.meta.get(name).ok_or_else(|| TufError::Unlisted { name: name.to_owned() })
    }
}

impl Listed {
    /// Length and every digest that are listed are the content's; of an unknown algorithm none is.
    fn check(&self, name: &str, content: &[u8]) -> Result<(), TufError> {
        let has_length = self.length.is_none_or(|length| u64::try_from(content.len()) == Ok(length));
        let has_digests = self.hashes.iter().all(|(algorithm, hex)| {
            let algorithm = HashAlgorithm::ALL.into_iter().find(|one| one.name() == algorithm);
            algorithm.is_some_and(|algorithm| Digest::of(algorithm, content).to_hex() == *hex)
        });
        if has_length && has_digests { Ok(()) } else { Err(TufError::Content { name: name.to_owned() }) }
    }
}

impl Key {
    /// The key, in PEM or in the hexadecimal form of older roots; `None` for what is not supported.
    fn read(&self) -> Option<(PublicKey, SignatureScheme)> {
        let text = &self.keyval.public;
        let (prefix, scheme) = match self.scheme.as_str() {
            "ecdsa-sha2-nistp256" => (P256_SPKI_PREFIX, SignatureScheme::Ecdsa(HashAlgorithm::Sha256)),
            "ed25519" => (ED25519_SPKI_PREFIX, SignatureScheme::Ed25519),
            "rsassa-pss-sha256" => ("", SignatureScheme::RsaPss(HashAlgorithm::Sha256)),
            _ => return None,
        };
        let key = match PublicKey::from_pem(text) {
            Ok(key) => key,
            Err(_) => PublicKey::from_der(&encoding::from_hex(&format!("{prefix}{text}"))?).ok()?,
        };
        Some((key, scheme))
    }
}

/// Writes canonical JSON as TUF signs it (OLPC's form): members in order, no spaces, only `"` and `\` escaped.
///
/// # Errors
/// The number that is not an integer.
fn write_canonical(value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(bool) => out.extend(bool.to_string().as_bytes()),
        Value::Number(number) if number.is_f64() => return Err(number.to_string()),
        Value::Number(number) => out.extend(number.to_string().as_bytes()),
        Value::String(text) => write_canonical_text(text, out),
        Value::Array(elements) => {
            out.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_canonical(element, out)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            out.push(b'{');
            // Sorted, whichever map serde_json was built with.
            let members: BTreeMap<_, _> = members.iter().collect();
            for (index, (name, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_canonical_text(name, out);
                out.push(b':');
                write_canonical(member, out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn write_canonical_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}
