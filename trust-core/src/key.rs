//! [`PublicKey`]: verifying signatures with the key types that the field uses.
//!
//! Which bytes are a key, which schemes it verifies, and what they sign is decided here. The arithmetic is behind
//! [`SignatureAlgorithm`]. It handles public data only, so it need not be constant-time.

mod scheme;

mod ecdsa;
mod pure_rust;

#[cfg(feature = "aws-lc")]
mod aws_lc;
mod remembering;

use core::fmt;
use std::sync::Arc;

use der::Decode as _;
use der::asn1::ObjectIdentifier;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::traits::PublicKeyParts as _;
use spki::{AlgorithmIdentifierRef, DecodePublicKey as _, SubjectPublicKeyInfoRef};
use thiserror::Error;

#[cfg(feature = "aws-lc")]
pub use self::aws_lc::AwsLc;
use self::ecdsa::EcdsaKey;
pub use self::ecdsa::Tables;
pub use self::pure_rust::PureRust;
pub use self::remembering::Remembering;
pub(crate) use self::scheme::hash_from_oid;
pub(crate) use self::scheme::oid::SHA256;
pub use self::scheme::{SignatureError, SignatureScheme, Signed};

use crate::digest::{Digest, HashAlgorithm};
use crate::text::encoding;
use crate::text::pem::{self, PemError};

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const PRIME256V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const SECP521R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// NIST SP 800-57 part 1, table 2: shorter moduli give less than 112 bits of security.
const MIN_RSA_BITS: usize = 2048;
/// The longest modulus in Sigstore's algorithm registry and in Notation; longer ones only cost time.
const MAX_RSA_BITS: usize = 4096;

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// ECDSA on NIST P-256.
    EcdsaP256,
    /// ECDSA on NIST P-384.
    EcdsaP384,
    /// ECDSA on NIST P-521.
    EcdsaP521,
    /// RSA with a modulus of so many bits.
    Rsa {
        /// Length of the modulus.
        bits: usize,
    },
    /// Ed25519 (RFC 8032).
    Ed25519,
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcdsaP256 => f.write_str("ECDSA P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA P-384"),
            Self::EcdsaP521 => f.write_str("ECDSA P-521"),
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::Ed25519 => f.write_str("Ed25519"),
        }
    }
}

/// A cryptographic back end: the arithmetic of signatures, and nothing else.
///
/// What a back end accepts, every proof of these crates rests on. [`PublicKey`] hands it only keys whose value is
/// valid, and only schemes that fit the key and the content.
pub trait SignatureAlgorithm: fmt::Debug + Send + Sync {
    /// Proves that the holder of `key` signed `content` by `scheme`.
    ///
    /// Embedders call [`PublicKey::verify`] instead, which checks what this takes for granted.
    ///
    /// # Errors
    /// If the signature does not verify.
    fn verify(
        &self,
        key: &PublicKey,
        scheme: SignatureScheme,
        content: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError>;
}

/// The back end of keys for which no other was chosen, whatever features a build has: another is chosen by a call.
const DEFAULT_BACK_END: &dyn SignatureAlgorithm = &PureRust;

/// A public key, checked when it was read. Two keys are equal if their SubjectPublicKeyInfo DER is.
///
/// Its algorithm comes from the key alone, never from a document that it verifies. A clone shares everything.
#[derive(Clone)]
pub struct PublicKey {
    checked: Arc<CheckedKey>,
    back_end: &'static dyn SignatureAlgorithm,
}

struct CheckedKey {
    spki: Vec<u8>,
    /// How many of the last bytes of `spki` are the key itself.
    raw_len: usize,
    algorithm: KeyAlgorithm,
    value: KeyValue,
}

impl CheckedKey {
    fn by(self, back_end: &'static dyn SignatureAlgorithm) -> PublicKey {
        PublicKey { checked: Arc::new(self), back_end }
    }
}

enum KeyValue {
    P256(EcdsaKey<p256::NistP256>),
    P384(EcdsaKey<p384::NistP384>),
    P521(p521::ProjectivePoint),
    Rsa(rsa::RsaPublicKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

/// The bytes are not a usable public key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not a PEM block labelled `PUBLIC KEY`.
    #[error("found no PEM block with a public key")]
    Pem(#[from] PemError),
    /// The bytes are not a DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
    #[error("the key is not a DER SubjectPublicKeyInfo")]
    Spki,
    /// Its algorithm has parameters, and none are defined for it.
    #[error("the {algorithm} key has parameters, expected none")]
    Parameters {
        /// The algorithm's name.
        algorithm: &'static str,
    },
    /// The algorithm or curve is not supported.
    #[error(
        "key algorithm `{found}` is not supported, expected ECDSA on P-256, P-384 or P-521, RSA or Ed25519"
    )]
    Algorithm {
        /// The object identifier.
        found: String,
    },
    /// An RSA modulus is too short, too long, or not of whole bytes.
    #[error("RSA key has {found} bits, expected {MIN_RSA_BITS} to {MAX_RSA_BITS} in steps of 8")]
    RsaBits {
        /// Its length.
        found: usize,
    },
    /// The key's value is not on its curve, or otherwise invalid.
    #[error("the {algorithm} key has an invalid value")]
    Value {
        /// The algorithm's name.
        algorithm: &'static str,
    },
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// If it is malformed, of an unsupported algorithm, or its value is invalid.
    pub fn from_der(spki: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| KeyError::Spki)?;
        let bits = info.subject_public_key.as_bytes().ok_or(KeyError::Spki)?;
        let (algorithm, value) = match info.algorithm.oid {
            EC_PUBLIC_KEY => ec_value(&info.algorithm, bits)?,
            RSA_ENCRYPTION => rsa_value(rsa::RsaPublicKey::from_public_key_der(spki).ok())?,
            // RFC 8410, section 3: they must be absent.
            ED25519 if info.algorithm.parameters.is_some() => {
                return Err(KeyError::Parameters { algorithm: "Ed25519" });
            }
            ED25519 => ed25519_value(bits)?,
            other => {
                return Err(KeyError::Algorithm { found: other.to_string() });
            }
        };
        Ok(CheckedKey { spki: spki.to_vec(), raw_len: bits.len(), algorithm, value }.by(DEFAULT_BACK_END))
    }

    /// Reads an RSA key in PKCS#1 DER (RFC 8017 appendix A.1.1), as some trust roots hold it.
    ///
    /// # Errors
    /// If it is malformed or its modulus has an unusual length.
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, KeyError> {
        use rsa::pkcs8::EncodePublicKey as _;
        let key = rsa::RsaPublicKey::from_pkcs1_der(der).map_err(|_| KeyError::Value { algorithm: "RSA" })?;
        Self::from_der(key.to_public_key_der().map_err(|_| KeyError::Spki)?.as_bytes())
    }

    /// Verifies by this back end from now on.
    #[must_use]
    pub fn with_back_end(mut self, back_end: &'static dyn SignatureAlgorithm) -> Self {
        self.back_end = back_end;
        self
    }

    /// Spends so much memory on verifying faster.
    #[must_use]
    pub fn with_tables(self, tables: Tables) -> Self {
        let value = match &self.checked.value {
            KeyValue::P256(key) => KeyValue::P256(key.with_tables(tables)),
            KeyValue::P384(key) => KeyValue::P384(key.with_tables(tables)),
            KeyValue::P521(_) | KeyValue::Rsa(_) | KeyValue::Ed25519(_) => return self,
        };
        let CheckedKey { spki, raw_len, algorithm, .. } = self.checked.as_ref();
        CheckedKey { spki: spki.clone(), raw_len: *raw_len, algorithm: *algorithm, value }.by(self.back_end)
    }

    /// Builds the table now, unless this kind of key has none or [`Tables::Never`] was chosen: some milliseconds.
    pub fn prepare(&self) {
        match &self.checked.value {
            KeyValue::P256(key) => key.prepare(),
            KeyValue::P384(key) => key.prepare(),
            KeyValue::P521(_) | KeyValue::Rsa(_) | KeyValue::Ed25519(_) => {}
        }
    }

    /// This key, verifying by the back end of `anchor`, which vouches for it.
    pub(crate) fn by_back_end_of(&self, anchor: &Self) -> Self {
        self.clone().with_back_end(anchor.back_end)
    }

    /// Reads one PEM block labelled `PUBLIC KEY` (RFC 7468 section 13).
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der), and if there is no such block, or anything beside it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_der(&pem::decode(text, "PUBLIC KEY")?)
    }

    /// The SubjectPublicKeyInfo in DER.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.checked.spki
    }

    /// The key itself, without its algorithm: an uncompressed point (SEC 1 section 2.3.3), an RSAPublicKey in DER, or
    /// the 32 bytes of RFC 8032.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        let spki = self.spki_der();
        spki.get(spki.len().saturating_sub(self.checked.raw_len)..).unwrap_or(spki)
    }

    /// What kind of key it is.
    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.checked.algorithm
    }

    /// The SHA-256 of [`spki_der`](Self::spki_der): the key's identity in reports, logs and hints.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::sha256(self.spki_der())
    }

    /// The hint that cosign writes beside signatures: base64 of the [`fingerprint`](Self::fingerprint).
    #[must_use]
    pub fn hint(&self) -> String {
        encoding::to_base64(self.fingerprint().as_bytes())
    }

    /// The schemes that signers of artifacts use with this kind of key, preferred first.
    ///
    /// From Sigstore's [algorithm registry](https://github.com/sigstore/architecture-docs/blob/main/algorithm-registry.md);
    /// SHA-256 with P-384 and P-521 is deprecated there, but real signatures use it.
    #[must_use]
    pub fn artifact_schemes(&self) -> &'static [SignatureScheme] {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        use SignatureScheme::{Ecdsa, Ed25519, Ed25519ph, RsaPkcs1, RsaPss};
        match self.algorithm() {
            KeyAlgorithm::EcdsaP256 => &[Ecdsa(Sha256)],
            KeyAlgorithm::EcdsaP384 => &[Ecdsa(Sha384), Ecdsa(Sha256)],
            KeyAlgorithm::EcdsaP521 => &[Ecdsa(Sha512), Ecdsa(Sha256)],
            KeyAlgorithm::Rsa { .. } => &[RsaPkcs1(Sha256), RsaPss(Sha256)],
            KeyAlgorithm::Ed25519 => &[Ed25519, Ed25519ph],
        }
    }

    /// The one scheme in which a transparency log with this kind of key signs: with SHA-256 whatever the curve, as
    /// Rekor does.
    #[must_use]
    pub fn log_scheme(&self) -> SignatureScheme {
        match self.algorithm() {
            KeyAlgorithm::Ed25519 => SignatureScheme::Ed25519,
            KeyAlgorithm::Rsa { .. } => SignatureScheme::RsaPkcs1(HashAlgorithm::Sha256),
            _ => SignatureScheme::Ecdsa(HashAlgorithm::Sha256),
        }
    }

    /// Proves that the holder of this key signed `content` by `scheme`.
    ///
    /// # Errors
    /// If the signature does not verify, or the scheme does not fit the key or the content.
    pub fn verify(
        &self,
        scheme: SignatureScheme,
        content: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        if let Signed::Digest(digest) = content
            && scheme.hash() != Some(digest.algorithm())
        {
            return Err(SignatureError::DigestOnly { scheme, digest: digest.algorithm() });
        }
        if !scheme.fits(self.algorithm()) {
            return Err(SignatureError::Scheme { key: self.algorithm(), scheme });
        }
        self.back_end.verify(self, scheme, content, signature)
    }

    /// Proves that the holder of this key signed `content` by one of the [`artifact_schemes`](Self::artifact_schemes),
    /// and says by which.
    ///
    /// # Errors
    /// If none of them verifies: why not by the preferred one.
    pub fn verify_artifact(
        &self,
        content: Signed<'_>,
        signature: &[u8],
    ) -> Result<SignatureScheme, SignatureError> {
        let mut first_error = None;
        for &scheme in self.artifact_schemes() {
            match self.verify(scheme, content, signature) {
                Ok(()) => return Ok(scheme),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or(SignatureError::Invalid))
    }
}

fn ec_value(
    algorithm: &AlgorithmIdentifierRef<'_>,
    bits: &[u8],
) -> Result<(KeyAlgorithm, KeyValue), KeyError> {
    let curve = algorithm.parameters_oid().map_err(|_| KeyError::Spki)?;
    // RFC 5480 section 2.2 leaves compressed points optional; with one spelling, equal keys have equal DER.
    let uncompressed = bits.first() == Some(&4);
    let value = |algorithm| KeyError::Value { algorithm };
    match curve {
        PRIME256V1 => p256::PublicKey::from_sec1_bytes(bits)
            .ok()
            .filter(|_| uncompressed)
            .and_then(|_| EcdsaKey::from_sec1(bits))
            .map(|key| (KeyAlgorithm::EcdsaP256, KeyValue::P256(key)))
            .ok_or(value("P-256")),
        SECP384R1 => p384::PublicKey::from_sec1_bytes(bits)
            .ok()
            .filter(|_| uncompressed)
            .and_then(|_| EcdsaKey::from_sec1(bits))
            .map(|key| (KeyAlgorithm::EcdsaP384, KeyValue::P384(key)))
            .ok_or(value("P-384")),
        SECP521R1 => p521::PublicKey::from_sec1_bytes(bits)
            .ok()
            .filter(|_| uncompressed)
            .map(|key| (KeyAlgorithm::EcdsaP521, KeyValue::P521(key.to_projective())))
            .ok_or(value("P-521")),
        other => Err(KeyError::Algorithm { found: other.to_string() }),
    }
}

fn rsa_value(key: Option<rsa::RsaPublicKey>) -> Result<(KeyAlgorithm, KeyValue), KeyError> {
    let key = key.ok_or(KeyError::Value { algorithm: "RSA" })?;
    let bits = usize::try_from(key.n().bits()).unwrap_or(usize::MAX);
    if (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) && bits % 8 == 0 {
        Ok((KeyAlgorithm::Rsa { bits }, KeyValue::Rsa(key)))
    } else {
        Err(KeyError::RsaBits { found: bits })
    }
}

fn ed25519_value(bits: &[u8]) -> Result<(KeyAlgorithm, KeyValue), KeyError> {
    <&[u8; 32]>::try_from(bits)
        .ok()
        .and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(bytes).ok())
        .filter(|key| !key.is_weak())
        .map(|key| (KeyAlgorithm::Ed25519, KeyValue::Ed25519(key)))
        .ok_or(KeyError::Value { algorithm: "Ed25519" })
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki_der() == other.spki_der()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Display for PublicKey {
    /// Algorithm and fingerprint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key {}", self.algorithm(), self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ed25519_key_has_no_parameters() {
        let point = [
            0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
            0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
        ];
        let key = |parameters: &[u8]| {
            let algorithm = [&[6, 3, 0x2b, 0x65, 0x70], parameters].concat();
            let bits = [&[3, 33, 0][..], &point].concat();
            let info = [&[0x30, algorithm.len() as u8][..], &algorithm, &bits].concat();
            PublicKey::from_der(&[&[0x30, info.len() as u8][..], &info].concat())
        };
        assert_eq!(key(&[]).map(|key| key.algorithm()), Ok(KeyAlgorithm::Ed25519));
        for parameters in [&[5, 0][..], &[6, 3, 0x2b, 0x65, 0x70]] {
            assert_eq!(key(parameters).unwrap_err(), KeyError::Parameters { algorithm: "Ed25519" });
        }
    }
}
