//! Metadata of every role: its form, its signatures, its canonical bytes
//! ([document formats](https://theupdateframework.github.io/specification/v1.0.34/#document-formats)).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::digest::{Digest, HashAlgorithm};
use crate::key::{PublicKey, SignatureScheme, Signed};
use crate::text::encoding;
use crate::text::json::{self, AtMost, JsonError};
use crate::text::time::UnixTime;

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
    /// It is older than metadata that was accepted before.
    #[error("`{role}` has version {found}, but version {trusted} was there before")]
    Rollback {
        /// Which metadata.
        role: String,
        /// Its version.
        found: u64,
        /// The version that was accepted before.
        trusted: u64,
    },
    /// The repository does not have what it says it has.
    #[error("`{name}` is not there, though it must be")]
    Withheld {
        /// Which file.
        name: String,
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

/// Who may sign a role.
#[derive(Clone, Copy)]
pub(super) struct Signers<'a> {
    pub(super) role: Option<&'a Role>,
    pub(super) keys: &'a BTreeMap<String, Key>,
}

impl Root {
    /// Who may sign this role.
    pub(super) fn signers(&self, role: &str) -> Signers<'_> {
        Signers { role: self.roles.get(role), keys: &self.keys }
    }
}

/// Metadata as it was read, and the bytes that its signatures are over.
#[derive(Debug)]
pub(super) struct Metadata<T> {
    role: String,
    pub(super) version: u64,
    pub(super) signed: T,
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

#[derive(Debug, Deserialize)]
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
pub(super) struct Root {
    pub(super) version: u64,
    pub(super) expires: UnixTime,
    #[serde(default)]
    pub(super) consistent_snapshot: bool,
    keys: BTreeMap<String, Key>,
    roles: BTreeMap<String, Role>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Key {
    scheme: String,
    keyval: KeyValue,
}

#[derive(Clone, Debug, Deserialize)]
struct KeyValue {
    #[serde(default)]
    public: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Role {
    pub(super) keyids: Vec<String>,
    pub(super) threshold: usize,
}

/// What timestamp and snapshot hold.
#[derive(Debug, Deserialize)]
pub(super) struct Listing {
    pub(super) expires: UnixTime,
    pub(super) meta: BTreeMap<String, Listed>,
}

/// What is known of a file before it is fetched.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Listed {
    #[serde(default)]
    pub(super) version: u64,
    pub(super) length: Option<u64>,
    #[serde(default, deserialize_with = "hashes")]
    pub(super) hashes: BTreeMap<String, String>,
}

/// Hashes in hexadecimal: one stands in the URL of a target.
fn hashes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let hashes = BTreeMap::<String, String>::deserialize(deserializer)?;
    match hashes.values().find(|hash| hash.is_empty() || !hash.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        Some(other) => Err(serde::de::Error::custom(format!("found hash `{other}`, expected hexadecimal"))),
        None => Ok(hashes),
    }
}

impl<T: serde::de::DeserializeOwned> Metadata<T> {
    /// Reads metadata of a role. That of delegated roles is of the kind `targets`.
    pub(super) fn read(role: &str, bytes: &[u8]) -> Result<Self, TufError> {
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
        let kind = if matches!(role, "root" | "timestamp" | "snapshot") { role } else { "targets" };
        if header.kind != kind || !header.spec_version.starts_with("1.") {
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
        Ok(Self { role: role.to_owned(), version: header.version, signed, canonical, signatures })
    }

    /// Proves that enough different keys of the role signed this.
    pub(super) fn verify_by(&self, signers: Signers<'_>) -> Result<(), TufError> {
        let wrong = |problem| TufError::Role { role: self.role.clone(), problem };
        let Signers { role, keys } = signers;
        let role = role.ok_or_else(|| wrong("no such role"))?;
        if role.threshold == 0 {
            return Err(wrong("its threshold is 0"));
        }
        // By key, not by identifier: one key under two identifiers is one signer.
        let mut signers = BTreeSet::new();
        for signature in &self.signatures {
            let key = role.keyids.contains(&signature.keyid).then(|| keys.get(&signature.keyid)).flatten();
            if let Some((key, scheme)) = key.and_then(Key::read)
                && let Some(bytes) = encoding::from_hex(&signature.sig)
                && key.verify(scheme, Signed::Message(&self.canonical), &bytes).is_ok()
            {
                signers.insert(key.spki_der().to_vec());
            }
        }
        if signers.len() < role.threshold {
            return Err(TufError::Threshold {
                role: self.role.clone(),
                found: signers.len(),
                expected: role.threshold,
            });
        }
        Ok(())
    }

    pub(super) fn check_version(&self, expected: u64) -> Result<(), TufError> {
        match self.version {
            found if found == expected => Ok(()),
            found => Err(TufError::Version { role: self.role.clone(), found, expected }),
        }
    }
}

pub(super) fn check_expiry(role: &str, expires: UnixTime, now: UnixTime) -> Result<(), TufError> {
    if now < expires { Ok(()) } else { Err(TufError::Expired { role: role.to_owned(), expires, now }) }
}

impl Listing {
    pub(super) fn meta(&self, name: &str) -> Result<&Listed, TufError> {
        self.meta.get(name).ok_or_else(|| TufError::Unlisted { name: name.to_owned() })
    }
}

impl Listed {
    /// Length and every digest that are listed are the content's; of an unknown algorithm none is.
    pub(super) fn check(&self, name: &str, content: &[u8]) -> Result<(), TufError> {
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
            "ecdsa-sha2-nistp384" => ("", SignatureScheme::Ecdsa(HashAlgorithm::Sha384)),
            "rsa-pkcs1v15-sha256" => ("", SignatureScheme::RsaPkcs1(HashAlgorithm::Sha256)),
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
