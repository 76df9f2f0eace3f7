//! [`VerifierKey`]: a named key in one line of text
//! ([C2SP signed-note, verifier keys](https://github.com/C2SP/C2SP/blob/main/signed-note.md#verifier-keys)).

use core::fmt;
use core::str::FromStr;

use sha2::{Digest as _, Sha256};
use thiserror::Error;
use trust_core::PublicKey;
use trust_core::internal::encoding;

/// DER of the SubjectPublicKeyInfo of an Ed25519 key, up to the key (RFC 8410 section 4).
const ED25519_SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyKind {
    /// Notes, with Ed25519 (0x01): logs.
    Ed25519,
    /// Checkpoints of others, with a time, with Ed25519 (0x04): witnesses.
    CosignatureV1,
}

impl KeyKind {
    fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Ed25519),
            4 => Some(Self::CosignatureV1),
            _ => None,
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::CosignatureV1 => 4,
        }
    }
}

/// A key with a name, as `name+hex+base64`. The hexadecimal part is derived from the rest, and was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    key_id: [u8; 4],
    raw: [u8; 32],
    key: PublicKey,
}

/// The text is not a verifier key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifierKeyError {
    /// It is not three parts, or one is malformed.
    #[error("`{found}` is not a verifier key, expected `name+keyid+base64`")]
    Form {
        /// What was found.
        found: String,
    },
    /// The kind of key is unknown.
    #[error(
        "verifier key `{name}` is of kind {found:#04x}, expected 0x01 (Ed25519) or 0x04 (cosignature/v1)"
    )]
    Kind {
        /// Its name.
        name: String,
        /// Its kind.
        found: u8,
    },
    /// The identifier is not the key's.
    #[error("verifier key `{name}` has the identifier {found}, expected {expected}")]
    KeyId {
        /// Its name.
        name: String,
        /// The identifier that is written.
        found: String,
        /// The identifier of name and key.
        expected: String,
    },
    /// The key has an invalid value.
    #[error("verifier key `{name}` is not a valid Ed25519 key")]
    Key {
        /// Its name.
        name: String,
    },
}

impl VerifierKey {
    /// An Ed25519 key with a name; `None` for other kinds of keys.
    #[must_use]
    pub fn new(name: &str, kind: KeyKind, key: &PublicKey) -> Option<Self> {
        let raw: [u8; 32] = key.spki_der().strip_prefix(&ED25519_SPKI_PREFIX[..])?.try_into().ok()?;
        let key_id = key_id(name, kind, &raw);
        Some(Self { name: name.to_owned(), kind, key_id, raw, key: key.clone() })
    }

    /// Its name: a log's origin, or a witness.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    pub(crate) fn key_id(&self) -> [u8; 4] {
        self.key_id
    }
}

/// The beginning of the SHA-256 of name, line feed, kind and key.
fn key_id(name: &str, kind: KeyKind, raw: &[u8; 32]) -> [u8; 4] {
    let hash =
        Sha256::new().chain_update(name).chain_update([b'\n', kind.byte()]).chain_update(raw).finalize();
    hash.first_chunk().copied().unwrap_or_default()
}

impl FromStr for VerifierKey {
    type Err = VerifierKeyError;

    fn from_str(text: &str) -> Result<Self, VerifierKeyError> {
        let form = || VerifierKeyError::Form { found: text.chars().take(120).collect() };
        let (name, rest) = text.split_once('+').ok_or_else(form)?;
        let (written_id, base64) = rest.split_once('+').ok_or_else(form)?;
        let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
        let written_id =
            encoding::from_hex(written_id).filter(|id| is_name && id.len() == 4).ok_or_else(form)?;
        let bytes = encoding::from_base64(base64).ok_or_else(form)?;
        let (&kind_byte, raw) = bytes.split_first().ok_or_else(form)?;
        let name = name.to_owned();
        let kind = KeyKind::from_byte(kind_byte)
            .ok_or_else(|| VerifierKeyError::Kind { name: name.clone(), found: kind_byte })?;
        let raw: [u8; 32] = raw.try_into().map_err(|_| form())?;
        let hash =
            Sha256::new().chain_update(&name).chain_update([b'\n', kind.byte()]).chain_update(raw).finalize();
        let key_id: [u8; 4] = hash.first_chunk().copied().unwrap_or_default();
        if written_id != key_id {
            return Err(VerifierKeyError::KeyId {
                name,
                found: encoding::to_hex(&written_id),
                expected: encoding::to_hex(&key_id),
            });
        }
        let key = PublicKey::from_der(&[&ED25519_SPKI_PREFIX[..], &raw].concat())
            .map_err(|_| VerifierKeyError::Key { name: name.clone() })?;
        Ok(Self { name, kind, key_id, raw, key })
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.kind.byte()][..], &self.raw].concat();
        write!(f, "{}+{}+{}", self.name, encoding::to_hex(&self.key_id), encoding::to_base64(&key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn the_example_of_the_note_package_is_read() {
        let key: VerifierKey = KEY.parse().unwrap();
        assert_eq!((key.name(), key.kind()), ("PeterNeumann", KeyKind::Ed25519));
        assert_eq!(key.to_string(), KEY);
    }

    #[test]
    fn another_identifier_is_refused() {
        let key: VerifierKey = KEY.parse().unwrap();
        let other = VerifierKey::new("Other", KeyKind::Ed25519, key.public_key()).unwrap();
        let expected = VerifierKeyError::KeyId {
            name: "Other".to_owned(),
            found: "c74f20a3".to_owned(),
            expected: encoding::to_hex(&other.key_id()),
        };
        assert_eq!(KEY.replace("PeterNeumann", "Other").parse::<VerifierKey>(), Err(expected));
    }

    #[test]
    fn what_is_not_a_verifier_key_is_refused() {
        for text in ["", "a+b", "+c74f20a3+AQ==", "a b+c74f20a3+AQ==", "a+C74F20A3+AQ==", "a+c74f20a3+!"] {
            let expected = VerifierKeyError::Form { found: text.to_owned() };
            assert_eq!(text.parse::<VerifierKey>(), Err(expected), "{text}");
        }
        let mldsa = "a+00000000+BgAA".parse::<VerifierKey>();
        assert_eq!(mldsa, Err(VerifierKeyError::Kind { name: "a".to_owned(), found: 6 }));
    }
}
