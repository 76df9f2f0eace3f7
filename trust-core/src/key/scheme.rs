//! [`SignatureScheme`]: how signatures are made, [`Signed`]: what they are over, [`SignatureError`]: why one does not verify.

use core::fmt;

use der::asn1::ObjectIdentifier;
use der::{Decode as _, Encode as _};
use spki::AlgorithmIdentifierRef;
use thiserror::Error;

use super::KeyAlgorithm;
use crate::digest::{Digest, HashAlgorithm};

/// How a signature is made: which scheme, over which hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureScheme {
    /// ECDSA with a DER-encoded signature (RFC 3279 section 2.2.3).
    Ecdsa(HashAlgorithm),
    /// ECDSA with both numbers of the signature one after the other, each as long as the curve's order (IEEE P1363,
    /// [RFC 7518 section 3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)): JWS and COSE write it so.
    EcdsaP1363(HashAlgorithm),
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2).
    RsaPkcs1(HashAlgorithm),
    /// RSASSA-PSS with MGF1 of the same hash and a salt as long as the hash (RFC 8017 section 8.1), as X.509, JWS, COSE and TUF ask
    /// for. Go's `crypto/rsa` can make longer salts; no tool of Sigstore signs with PSS unless it is told to, and its verifiers take RSA
    /// keys by PKCS #1 v1.5, so they are not accepted.
    RsaPss(HashAlgorithm),
    /// Pure Ed25519: signs the message itself.
    Ed25519,
    /// Ed25519ph without context: signs the SHA-512 digest of the message (RFC 8032 section 5.1).
    Ed25519ph,
}

impl SignatureScheme {
    /// The hash of the message that is signed; `None` where the message itself is.
    #[must_use]
    pub fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::Ecdsa(hash) | Self::EcdsaP1363(hash) | Self::RsaPkcs1(hash) | Self::RsaPss(hash) => {
                Some(hash)
            }
            Self::Ed25519ph => Some(HashAlgorithm::Sha512),
            Self::Ed25519 => None,
        }
    }

    /// Whether keys of this kind make such signatures.
    #[must_use]
    pub fn fits(self, key: KeyAlgorithm) -> bool {
        use KeyAlgorithm::{EcdsaP256, EcdsaP384, EcdsaP521, Ed25519, Rsa};
        match self {
            Self::Ecdsa(_) | Self::EcdsaP1363(_) => matches!(key, EcdsaP256 | EcdsaP384 | EcdsaP521),
            Self::RsaPkcs1(_) | Self::RsaPss(_) => matches!(key, Rsa { .. }),
            Self::Ed25519 | Self::Ed25519ph => key == Ed25519,
        }
    }

    /// The scheme that an X.509 or CMS `AlgorithmIdentifier` names; `None` for SHA-1 and everything else unknown.
    pub(crate) fn from_algorithm_identifier(algorithm: &AlgorithmIdentifierRef<'_>) -> Option<Self> {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        Some(match algorithm.oid {
            oid::ECDSA_WITH_SHA256 => Self::Ecdsa(Sha256),
            oid::ECDSA_WITH_SHA384 => Self::Ecdsa(Sha384),
            oid::ECDSA_WITH_SHA512 => Self::Ecdsa(Sha512),
            oid::SHA256_WITH_RSA => Self::RsaPkcs1(Sha256),
            oid::SHA384_WITH_RSA => Self::RsaPkcs1(Sha384),
            oid::SHA512_WITH_RSA => Self::RsaPkcs1(Sha512),
            oid::RSASSA_PSS => Self::RsaPss(pss_hash(algorithm)?),
            oid::ED25519 => Self::Ed25519,
            _ => return None,
        })
    }
}

/// Object identifiers of signature schemes and hash functions.
pub(super) mod oid {
    use der::asn1::ObjectIdentifier;

    pub(super) const ECDSA_WITH_SHA256: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
    pub(super) const ECDSA_WITH_SHA384: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
    pub(super) const ECDSA_WITH_SHA512: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
    pub(super) const SHA256_WITH_RSA: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
    pub(super) const SHA384_WITH_RSA: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
    pub(super) const SHA512_WITH_RSA: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
    pub(super) const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
    pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
    pub(crate) const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
    pub(super) const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
    pub(super) const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
}

/// The hash of RSASSA-PSS parameters (RFC 4055 section 3.1) whose MGF1 hash and salt length agree with it.
fn pss_hash(algorithm: &AlgorithmIdentifierRef<'_>) -> Option<HashAlgorithm> {
    use rsa::pkcs1::RsaPssParams;
    let der = algorithm.parameters?.to_der().ok()?;
    let params = RsaPssParams::<der::Any>::from_der(&der).ok()?;
    let hash = hash_from_oid(&params.hash.oid)?;
    let mask = params.mask_gen.parameters?;
    (hash_from_oid(&mask.oid)? == hash && usize::from(params.salt_len) == hash.output_len()).then_some(hash)
}

/// The hash function with this object identifier; SHA-1 is none of them.
pub(crate) fn hash_from_oid(algorithm: &ObjectIdentifier) -> Option<HashAlgorithm> {
    match *algorithm {
        oid::SHA256 => Some(HashAlgorithm::Sha256),
        oid::SHA384 => Some(HashAlgorithm::Sha384),
        oid::SHA512 => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

impl fmt::Display for SignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ecdsa(hash) => write!(f, "ECDSA with {hash}"),
            Self::EcdsaP1363(hash) => write!(f, "ECDSA (P1363) with {hash}"),
            Self::RsaPkcs1(hash) => write!(f, "RSA PKCS#1 v1.5 with {hash}"),
            Self::RsaPss(hash) => write!(f, "RSA-PSS with {hash}"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Ed25519ph => f.write_str("Ed25519ph"),
        }
    }
}

/// What a signature is over: the message, or only its digest where the message is elsewhere.
#[derive(Clone, Copy, Debug)]
pub enum Signed<'a> {
    /// The message.
    Message(&'a [u8]),
    /// The digest of the message.
    Digest(&'a Digest),
}

impl Signed<'_> {
    /// The digest by this algorithm; `None` if only another one is known.
    #[must_use]
    pub fn digest(&self, hash: HashAlgorithm) -> Option<Digest> {
        match self {
            Self::Message(message) => Some(Digest::of(hash, message)),
            Self::Digest(digest) => (digest.algorithm() == hash).then(|| (*digest).clone()),
        }
    }

    /// The digest that is known, or the SHA-256 of the message.
    #[must_use]
    pub fn any_digest(&self) -> Digest {
        match self {
            Self::Message(message) => Digest::sha256(message),
            Self::Digest(digest) => (*digest).clone(),
        }
    }
}

/// A signature does not verify. A wrong signature has no details.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The signature is not one by this key over this content.
    #[error("signature does not verify")]
    Invalid,
    /// This kind of key cannot make signatures of this scheme.
    #[error("a key of type {key} cannot verify {scheme}")]
    Scheme {
        /// The key's type.
        key: KeyAlgorithm,
        /// The signature's scheme.
        scheme: SignatureScheme,
    },
    /// Only a digest is known, and not the one that the scheme signs.
    #[error("{scheme} cannot be verified from a {digest} digest, expected {}", expected_content(*scheme))]
    DigestOnly {
        /// The signature's scheme.
        scheme: SignatureScheme,
        /// The digest's algorithm.
        digest: HashAlgorithm,
    },
}

fn expected_content(scheme: SignatureScheme) -> &'static str {
    match scheme.hash() {
        Some(HashAlgorithm::Sha256) => "a sha256 digest",
        Some(HashAlgorithm::Sha384) => "a sha384 digest",
        Some(HashAlgorithm::Sha512) => "a sha512 digest",
        None => "the content itself",
    }
}
