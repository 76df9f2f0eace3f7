//! [`Digest`]: the name of bytes.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Digest as _;
use thiserror::Error;

use crate::text::encoding;

/// The hash functions that the formats here allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgorithm {
    /// SHA-256, 32 bytes.
    Sha256,
    /// SHA-384, 48 bytes.
    Sha384,
    /// SHA-512, 64 bytes.
    Sha512,
}

impl HashAlgorithm {
    /// All of them, weakest first.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The algorithm whose [`name`](Self::name) is `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// The name in OCI digests and in-toto digest sets, such as `sha256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// How many bytes a digest has.
    #[must_use]
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A hash algorithm with a value of exactly its length: the identity of a blob, a manifest, an artifact.
///
/// The text form is that of OCI, `sha256:<64 lower-case hexadecimal digits>`
/// ([image-spec, digests](https://github.com/opencontainers/image-spec/blob/v1.1.0/descriptor.md#digests)).
/// A value proves nothing until something was hashed and compared with it: see [`Digest::check`].
///
/// ```
/// use trust_core::Digest;
/// let digest = Digest::sha256(b"hello");
/// assert_eq!(digest.to_string().parse(), Ok(digest.clone()));
/// assert!(digest.check(b"hello").is_ok());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: HashAlgorithm,
    bytes: Vec<u8>,
}

/// The text or the bytes are not a digest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DigestError {
    /// There is no `algorithm:value`.
    #[error("`{found}` is not a digest, expected `sha256:<64 hexadecimal digits>`")]
    Form {
        /// What was found, at most 200 characters of it.
        found: String,
    },
    /// The algorithm is none of sha256, sha384, sha512.
    #[error("digest algorithm `{found}` is not supported, expected `sha256`, `sha384` or `sha512`")]
    Algorithm {
        /// What was found.
        found: String,
    },
    /// The value has another length than the algorithm's.
    #[error("{algorithm} digest has {found} bytes, expected {}", algorithm.output_len())]
    Length {
        /// The algorithm.
        algorithm: HashAlgorithm,
        /// How many bytes were found.
        found: usize,
    },
}

/// The bytes hash to something else.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("content has digest `{found}`, expected `{expected}`")]
pub struct DigestMismatch {
    /// What the bytes hash to.
    pub found: Digest,
    /// What they should hash to.
    pub expected: Digest,
}

impl Digest {
    /// A digest from its raw value.
    ///
    /// # Errors
    /// If the length is not the algorithm's.
    pub fn new(algorithm: HashAlgorithm, bytes: impl Into<Vec<u8>>) -> Result<Self, DigestError> {
        let bytes = bytes.into();
        if bytes.len() == algorithm.output_len() {
            Ok(Self { algorithm, bytes })
        } else {
            Err(DigestError::Length { algorithm, found: bytes.len() })
        }
    }

    /// The digest of `content`.
    #[must_use]
    pub fn of(algorithm: HashAlgorithm, content: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(content);
        hasher.finish()
    }

    /// The SHA-256 digest of `content`.
    #[must_use]
    pub fn sha256(content: &[u8]) -> Self {
        Self::of(HashAlgorithm::Sha256, content)
    }

    /// Proves that `content` is what this digest names.
    ///
    /// # Errors
    /// If it hashes to something else; the error holds both digests.
    pub fn check(&self, content: &[u8]) -> Result<(), DigestMismatch> {
        let found = Self::of(self.algorithm, content);
        if found == *self { Ok(()) } else { Err(DigestMismatch { found, expected: self.clone() }) }
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The raw value, as long as the algorithm says.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value in lower-case hexadecimal, without the algorithm.
    #[must_use]
    pub fn to_hex(&self) -> String {
        encoding::to_hex(&self.bytes)
    }
}

/// Hashes content that comes in pieces.
#[derive(Clone, Debug)]
pub enum Hasher {
    /// SHA-256.
    Sha256(sha2::Sha256),
    /// SHA-384.
    Sha384(sha2::Sha384),
    /// SHA-512.
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// Begins.
    #[must_use]
    pub fn new(algorithm: HashAlgorithm) -> Self {
        match algorithm {
            HashAlgorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            HashAlgorithm::Sha384 => Self::Sha384(sha2::Sha384::new()),
            HashAlgorithm::Sha512 => Self::Sha512(sha2::Sha512::new()),
        }
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(piece),
            Self::Sha384(state) => state.update(piece),
            Self::Sha512(state) => state.update(piece),
        }
    }

    /// The digest of all pieces.
    #[must_use]
    pub fn finish(self) -> Digest {
        let (algorithm, bytes) = match self {
            Self::Sha256(state) => (HashAlgorithm::Sha256, state.finalize().to_vec()),
            Self::Sha384(state) => (HashAlgorithm::Sha384, state.finalize().to_vec()),
            Self::Sha512(state) => (HashAlgorithm::Sha512, state.finalize().to_vec()),
        };
        Digest { algorithm, bytes }
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let form = || DigestError::Form { found: text.chars().take(200).collect() };
        let (name, value) = text.split_once(':').ok_or_else(form)?;
        let algorithm = HashAlgorithm::from_name(name)
            .ok_or_else(|| DigestError::Algorithm { found: name.chars().take(200).collect() })?;
        Self::new(algorithm, encoding::from_hex(value).ok_or_else(form)?)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_wrong_length_cannot_exist() {
        let found = Digest::new(HashAlgorithm::Sha384, [0; 32]);
        let expected = DigestError::Length { algorithm: HashAlgorithm::Sha384, found: 32 };
        assert_eq!(found, Err(expected.clone()));
        assert_eq!(expected.to_string(), "sha384 digest has 32 bytes, expected 48");
    }

    #[test]
    fn other_spellings_are_refused() {
        let hex = "A0".repeat(32);
        assert_eq!(
            format!("sha256:{hex}").parse::<Digest>(),
            Err(DigestError::Form { found: format!("sha256:{hex}") })
        );
        assert_eq!("md5:00".parse::<Digest>(), Err(DigestError::Algorithm { found: "md5".to_owned() }));
        assert_eq!("sha256".parse::<Digest>(), Err(DigestError::Form { found: "sha256".to_owned() }));
    }

    proptest! {
        #[test]
        fn text_and_value_are_inverse(content: Vec<u8>, which in 0_usize..3) {
            let digest = Digest::of(HashAlgorithm::ALL[which], &content);
            prop_assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest.clone()));
            prop_assert_eq!(digest.check(&content), Ok(()));
        }

        #[test]
        fn other_content_never_checks(a: Vec<u8>, b: Vec<u8>) {
            prop_assume!(a != b);
            prop_assert_eq!(Digest::sha256(&a).check(&b), Err(DigestMismatch {
                found: Digest::sha256(&b),
                expected: Digest::sha256(&a),
            }));
        }

        #[test]
        fn parsing_never_panics(text: String) {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
            }
        }
    }
}
