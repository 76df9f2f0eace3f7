//! [`PublicKey`] and [`SignatureScheme`]: verifying signatures with the key types that the field uses.
//!
//! The arithmetic is RustCrypto's. Verification handles public data only, so it need not be constant-time.

use core::fmt;

use der::asn1::ObjectIdentifier;
use der::{Decode as _, Encode as _};
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::traits::PublicKeyParts as _;
use sha2::{Sha256, Sha384, Sha512};
use spki::{AlgorithmIdentifierRef, DecodePublicKey as _, SubjectPublicKeyInfoRef};
use thiserror::Error;

use crate::digest::{Digest, HashAlgorithm};
use crate::encoding;
use crate::pem::{self, PemError};

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

/// How a signature is made: which scheme, over which hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureScheme {
    /// ECDSA with a DER-encoded signature (RFC 3279 section 2.2.3).
    Ecdsa(HashAlgorithm),
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2).
    RsaPkcs1(HashAlgorithm),
    /// RSASSA-PSS with MGF1 of the same hash and a salt as long as the hash (RFC 8017 section 8.1).
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
            Self::Ecdsa(hash) | Self::RsaPkcs1(hash) | Self::RsaPss(hash) => Some(hash),
            Self::Ed25519ph => Some(HashAlgorithm::Sha512),
            Self::Ed25519 => None,
        }
    }

    /// The scheme that an X.509 or CMS `AlgorithmIdentifier` names; `None` for SHA-1 and everything else unknown.
    pub(crate) fn from_algorithm_identifier(algorithm: &AlgorithmIdentifierRef<'_>) -> Option<Self> {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        Some(match algorithm.oid.to_string().as_str() {
            "1.2.840.10045.4.3.2" => Self::Ecdsa(Sha256),
            "1.2.840.10045.4.3.3" => Self::Ecdsa(Sha384),
            "1.2.840.10045.4.3.4" => Self::Ecdsa(Sha512),
            "1.2.840.113549.1.1.11" => Self::RsaPkcs1(Sha256),
            "1.2.840.113549.1.1.12" => Self::RsaPkcs1(Sha384),
            "1.2.840.113549.1.1.13" => Self::RsaPkcs1(Sha512),
            "1.2.840.113549.1.1.10" => Self::RsaPss(pss_hash(algorithm)?),
            "1.3.101.112" => Self::Ed25519,
            _ => return None,
        })
    }
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
pub(crate) fn hash_from_oid(oid: &ObjectIdentifier) -> Option<HashAlgorithm> {
    match oid.to_string().as_str() {
        "2.16.840.1.101.3.4.2.1" => Some(HashAlgorithm::Sha256),
        "2.16.840.1.101.3.4.2.2" => Some(HashAlgorithm::Sha384),
        "2.16.840.1.101.3.4.2.3" => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

impl fmt::Display for SignatureScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ecdsa(hash) => write!(f, "ECDSA with {hash}"),
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

/// A public key, checked when it was read. Two keys are equal if their SubjectPublicKeyInfo DER is.
///
/// Its algorithm comes from the key alone, never from a document that it verifies.
#[derive(Clone)]
pub struct PublicKey {
    spki: Vec<u8>,
    algorithm: KeyAlgorithm,
    point: Point,
}

#[derive(Clone)]
enum Point {
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    P521(Box<p521::ecdsa::VerifyingKey>),
    Rsa(Box<rsa::RsaPublicKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
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

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// If it is malformed, of an unsupported algorithm, or its value is invalid.
    pub fn from_der(spki: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| KeyError::Spki)?;
        let bits = info.subject_public_key.as_bytes().ok_or(KeyError::Spki)?;
        let (algorithm, point) = match info.algorithm.oid {
            EC_PUBLIC_KEY => ec_point(&info.algorithm, bits)?,
            RSA_ENCRYPTION => rsa_point(rsa::RsaPublicKey::from_public_key_der(spki).ok())?,
            ED25519 => ed25519_point(bits)?,
            other => {
                return Err(KeyError::Algorithm { found: other.to_string() });
            }
        };
        Ok(Self { spki: spki.to_vec(), algorithm, point })
    }

    /// Reads an RSA key in PKCS#1 DER (RFC 8017 appendix A.1.1), as some trust roots hold it.
    ///
    /// # Errors
    /// If it is malformed or its modulus has an unusual length.
    pub fn from_pkcs1_der(der: &[u8]) -> Result<Self, KeyError> {
        use rsa::pkcs8::EncodePublicKey as _;
        let key = rsa::RsaPublicKey::from_pkcs1_der(der).ok();
        let (algorithm, point) = rsa_point(key.clone())?;
        let spki = key.and_then(|key| key.to_public_key_der().ok()).ok_or(KeyError::Spki)?.into_vec();
        Ok(Self { spki, algorithm, point })
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
        &self.spki
    }

    /// What kind of key it is.
    #[must_use]
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The SHA-256 of [`spki_der`](Self::spki_der): the key's identity in reports, logs and hints.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::sha256(&self.spki)
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
        match self.algorithm {
            KeyAlgorithm::EcdsaP256 => &[Ecdsa(Sha256)],
            KeyAlgorithm::EcdsaP384 => &[Ecdsa(Sha384), Ecdsa(Sha256)],
            KeyAlgorithm::EcdsaP521 => &[Ecdsa(Sha512), Ecdsa(Sha256)],
            KeyAlgorithm::Rsa { .. } => &[RsaPkcs1(Sha256), RsaPss(Sha256)],
            KeyAlgorithm::Ed25519 => &[Ed25519, Ed25519ph],
        }
    }

    /// The one scheme in which a log or authority with this kind of key signs.
    #[must_use]
    pub fn default_scheme(&self) -> SignatureScheme {
        match self.algorithm {
            KeyAlgorithm::EcdsaP256 => SignatureScheme::Ecdsa(HashAlgorithm::Sha256),
            KeyAlgorithm::EcdsaP384 => SignatureScheme::Ecdsa(HashAlgorithm::Sha384),
            KeyAlgorithm::EcdsaP521 => SignatureScheme::Ecdsa(HashAlgorithm::Sha512),
            KeyAlgorithm::Rsa { .. } => SignatureScheme::RsaPkcs1(HashAlgorithm::Sha256),
            KeyAlgorithm::Ed25519 => SignatureScheme::Ed25519,
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
        let verified = match (&self.point, scheme) {
            (Point::P256(key), SignatureScheme::Ecdsa(hash)) => {
                verify_ecdsa::<p256::NistP256>(key, content, hash, signature)
            }
            (Point::P384(key), SignatureScheme::Ecdsa(hash)) => {
                verify_ecdsa::<p384::NistP384>(key, content, hash, signature)
            }
            (Point::P521(key), SignatureScheme::Ecdsa(hash)) => {
                verify_ecdsa::<p521::NistP521>(key, content, hash, signature)
            }
            (Point::Rsa(key), SignatureScheme::RsaPkcs1(hash)) => {
                verify_rsa_pkcs1(key, content, hash, signature)
            }
            (Point::Rsa(key), SignatureScheme::RsaPss(hash)) => verify_rsa_pss(key, content, hash, signature),
            (Point::Ed25519(key), SignatureScheme::Ed25519) => verify_ed25519(key, content, signature),
            (Point::Ed25519(key), SignatureScheme::Ed25519ph) => verify_ed25519ph(key, content, signature),
            _ => {
                return Err(SignatureError::Scheme { key: self.algorithm, scheme });
            }
        };
        verified.ok_or(SignatureError::Invalid)
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

fn ec_point(algorithm: &AlgorithmIdentifierRef<'_>, bits: &[u8]) -> Result<(KeyAlgorithm, Point), KeyError> {
    let curve = algorithm.parameters_oid().map_err(|_| KeyError::Spki)?;
    // RFC 5480 section 2.2 leaves compressed points optional; with one spelling, equal keys have equal DER.
    let uncompressed = bits.first() == Some(&4);
    let value = |algorithm| KeyError::Value { algorithm };
    match curve {
        PRIME256V1 => p256::ecdsa::VerifyingKey::from_sec1_bytes(bits)
            .ok()
            .filter(|_| uncompressed)
            .map(|key| (KeyAlgorithm::EcdsaP256, Point::P256(Box::new(key))))
            .ok_or(value("P-256")),
        SECP384R1 => p384::ecdsa::VerifyingKey::from_sec1_bytes(bits)
            .ok()
            .filter(|_| uncompressed)
            .map(|key| (KeyAlgorithm::EcdsaP384, Point::P384(Box::new(key))))
            .ok_or(value("P-384")),
        SECP521R1 => p521::ecdsa::VerifyingKey::from_sec1_bytes(bits)
            .ok()
            .filter(|_| uncompressed)
            .map(|key| (KeyAlgorithm::EcdsaP521, Point::P521(Box::new(key))))
            .ok_or(value("P-521")),
        other => Err(KeyError::Algorithm { found: other.to_string() }),
    }
}

fn rsa_point(key: Option<rsa::RsaPublicKey>) -> Result<(KeyAlgorithm, Point), KeyError> {
    let key = key.ok_or(KeyError::Value { algorithm: "RSA" })?;
    let bits = usize::try_from(key.n().bits()).unwrap_or(usize::MAX);
    if (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) && bits % 8 == 0 {
        Ok((KeyAlgorithm::Rsa { bits }, Point::Rsa(Box::new(key))))
    } else {
        Err(KeyError::RsaBits { found: bits })
    }
}

fn ed25519_point(bits: &[u8]) -> Result<(KeyAlgorithm, Point), KeyError> {
    <&[u8; 32]>::try_from(bits)
        .ok()
        .and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(bytes).ok())
        .filter(|key| !key.is_weak())
        .map(|key| (KeyAlgorithm::Ed25519, Point::Ed25519(Box::new(key))))
        .ok_or(KeyError::Value { algorithm: "Ed25519" })
}

fn verify_ecdsa<C>(
    key: &ecdsa::VerifyingKey<C>,
    content: Signed<'_>,
    hash: HashAlgorithm,
    signature: &[u8],
) -> Option<()>
where
    C: ecdsa::EcdsaCurve + elliptic_curve::CurveArithmetic,
    ecdsa::VerifyingKey<C>: p256::ecdsa::signature::hazmat::PrehashVerifier<ecdsa::Signature<C>>,
    ecdsa::der::MaxSize<C>: elliptic_curve::array::ArraySize,
    <elliptic_curve::FieldBytesSize<C> as core::ops::Add>::Output:
        core::ops::Add<ecdsa::der::MaxOverhead> + elliptic_curve::array::ArraySize,
{
    let digest = content.digest(hash)?;
    let signature = ecdsa::Signature::<C>::from_der(signature).ok()?;
    // FIPS 186-5 section 6.4.2: a hash shorter than the order is the number itself, so zeros may be put before it.
    let field_len = elliptic_curve::FieldBytes::<C>::default().len();
    let mut prehash = vec![0; field_len.saturating_sub(digest.as_bytes().len())];
    prehash.extend_from_slice(digest.as_bytes());
    key.verify_prehash(&prehash, &signature).ok()
}

fn verify_rsa_pkcs1(
    key: &rsa::RsaPublicKey,
    content: Signed<'_>,
    hash: HashAlgorithm,
    signature: &[u8],
) -> Option<()> {
    let digest = content.digest(hash)?;
    let signature = rsa::pkcs1v15::Signature::try_from(signature).ok()?;
    let (key, digest) = (key.clone(), digest.as_bytes());
    match hash {
        HashAlgorithm::Sha256 => {
            rsa::pkcs1v15::VerifyingKey::<Sha256>::new(key).verify_prehash(digest, &signature)
        }
        HashAlgorithm::Sha384 => {
            rsa::pkcs1v15::VerifyingKey::<Sha384>::new(key).verify_prehash(digest, &signature)
        }
        HashAlgorithm::Sha512 => {
            rsa::pkcs1v15::VerifyingKey::<Sha512>::new(key).verify_prehash(digest, &signature)
        }
    }
    .ok()
}

fn verify_rsa_pss(
    key: &rsa::RsaPublicKey,
    content: Signed<'_>,
    hash: HashAlgorithm,
    signature: &[u8],
) -> Option<()> {
    use rsa::pss::VerifyingKey;
    let digest = content.digest(hash)?;
    let signature = rsa::pss::Signature::try_from(signature).ok()?;
    let (key, digest, salt) = (key.clone(), digest.as_bytes(), hash.output_len());
    match hash {
        HashAlgorithm::Sha256 => {
            VerifyingKey::<Sha256>::new_with_salt_len(key, salt).verify_prehash(digest, &signature)
        }
        HashAlgorithm::Sha384 => {
            VerifyingKey::<Sha384>::new_with_salt_len(key, salt).verify_prehash(digest, &signature)
        }
        HashAlgorithm::Sha512 => {
            VerifyingKey::<Sha512>::new_with_salt_len(key, salt).verify_prehash(digest, &signature)
        }
    }
    .ok()
}

fn verify_ed25519(key: &ed25519_dalek::VerifyingKey, content: Signed<'_>, signature: &[u8]) -> Option<()> {
    let Signed::Message(message) = content else {
        return None;
    };
    let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
    key.verify_strict(message, &signature).ok()
}

fn verify_ed25519ph(key: &ed25519_dalek::VerifyingKey, content: Signed<'_>, signature: &[u8]) -> Option<()> {
    let digest = content.digest(HashAlgorithm::Sha512)?;
    let state = Prehashed(digest.as_bytes().try_into().ok()?);
    let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
    key.verify_prehashed_strict(state, None, &signature).ok()
}

/// A finished SHA-512, in the form of a hash state: dalek's interface takes no digest.
struct Prehashed([u8; 64]);

impl Default for Prehashed {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl sha2::digest::HashMarker for Prehashed {}

impl sha2::digest::OutputSizeUser for Prehashed {
    type OutputSize = sha2::digest::consts::U64;
}

impl sha2::digest::Update for Prehashed {
    fn update(&mut self, _: &[u8]) {}
}

impl sha2::digest::FixedOutput for Prehashed {
    fn finalize_into(self, out: &mut sha2::digest::Output<Self>) {
        out.copy_from_slice(&self.0);
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
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
        write!(f, "{} key {}", self.algorithm, self.fingerprint())
    }
}
