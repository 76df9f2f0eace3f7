//! [`SigningKey`]: what signs; and [`PrivateKey`], one in memory.

mod encrypted;
#[cfg(feature = "pkcs11")]
mod pkcs11_uri;

#[cfg(feature = "pkcs11")]
mod pkcs11;

use core::fmt;

#[cfg(feature = "pkcs11")]
pub use self::pkcs11::Pkcs11Key;
#[cfg(feature = "pkcs11")]
pub use self::pkcs11_uri::Pkcs11Uri;
use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use p256::pkcs8::EncodePublicKey as _;
use thiserror::Error;
use trust_core::internal::{encoding, pem};
use trust_core::{Digest, HashAlgorithm, KeyAlgorithm, PublicKey, SignatureScheme};
use trust_gate::{Boxed, Deadline};
use zeroize::Zeroizing;

/// What signs: a private key in memory, in a token, or in a service that keeps it (a KMS).
///
/// An implementor promises that the signature is over the message by [`scheme`](Self::scheme), that it verifies with
/// [`public_key`](Self::public_key), and that it answers by the deadline. The signer verifies every signature before anyone sees it.
///
/// ```
/// use trust_core::{PublicKey, SignatureScheme};
/// use trust_gate::{Boxed, Deadline};
/// use trust_sign::{KeyError, SigningKey};
///
/// /// A key that a service keeps.
/// #[derive(Debug)]
/// struct Kms {
///     public: PublicKey,
/// }
///
/// impl SigningKey for Kms {
///     fn public_key(&self) -> &PublicKey {
///         &self.public
///     }
///
///     fn sign<'a>(&'a self, message: &'a [u8], _: Deadline) -> Boxed<'a, Result<Vec<u8>, KeyError>> {
///         Box::pin(async move {
///             let digest = trust_core::Digest::sha256(message);
///             Err(KeyError::Unavailable { problem: format!("the service did not sign {digest}") })
///         })
///     }
/// }
/// ```
pub trait SigningKey: fmt::Debug + Send + Sync {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// By which scheme it signs; unless an implementor says otherwise, the one that Sigstore prefers for this kind of key.
    fn scheme(&self) -> SignatureScheme {
        let preferred = self.public_key().artifact_schemes().first().copied();
        preferred.unwrap_or(SignatureScheme::Ecdsa(HashAlgorithm::Sha256))
    }

    /// A signature over the message.
    ///
    /// # Errors
    /// If there is none.
    fn sign<'a>(&'a self, message: &'a [u8], until: Deadline) -> Boxed<'a, Result<Vec<u8>, KeyError>>;

    /// A signature over the message by this scheme; of ECDSA in DER. By default only the [preferred](Self::scheme) scheme is supported.
    ///
    /// # Errors
    /// If the key does not sign by it.
    fn sign_by<'a>(
        &'a self,
        scheme: SignatureScheme,
        message: &'a [u8],
        until: Deadline,
    ) -> Boxed<'a, Result<Vec<u8>, KeyError>> {
        sign_by_preferred(self, scheme, message, until)
    }
}

/// A signature by the preferred scheme, if that is the one.
fn sign_by_preferred<'a>(
    key: &'a (impl SigningKey + ?Sized),
    scheme: SignatureScheme,
    message: &'a [u8],
    until: Deadline,
) -> Boxed<'a, Result<Vec<u8>, KeyError>> {
    if scheme == key.scheme() {
        return key.sign(message, until);
    }
    let problem = format!("it signs with {:?}, expected {scheme:?}", key.scheme());
    Box::pin(async move { Err(KeyError::Unavailable { problem }) })
}

/// The key cannot be read, or does not sign. No variant holds any part of a private key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text has no block that holds a private key.
    #[error(
        "found {found}, expected a PEM block `PRIVATE KEY`, `EC PRIVATE KEY`, `RSA PRIVATE KEY` or \
         `ENCRYPTED SIGSTORE PRIVATE KEY`"
    )]
    Label {
        /// The labels that are there.
        found: String,
    },
    /// The block cannot be read.
    #[error("the block `{label}` is malformed: {problem}")]
    Malformed {
        /// Which.
        label: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// It is a key of a kind that does not sign here.
    #[error("the key is of a kind that does not sign here: found {found}, expected {expected}")]
    Kind {
        /// What was found.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// It is encrypted.
    #[error("the key is encrypted, and no password was given")]
    Encrypted,
    /// It is encrypted in another way than cosign does.
    #[error("the key is encrypted with {found}, expected {expected}")]
    Encryption {
        /// By what.
        found: String,
        /// What is read.
        expected: &'static str,
    },
    /// The password is wrong, or the file was changed.
    #[error("the password is wrong, or the file was changed")]
    Password,
    /// The URI does not name a key.
    #[cfg(feature = "pkcs11")]
    #[error("the URI of a PKCS #11 key is wrong: {problem}")]
    Uri {
        /// What is wrong.
        problem: String,
    },
    /// What keeps the key does not sign.
    #[error("the key cannot be used: {problem}")]
    Unavailable {
        /// Why not.
        problem: String,
    },
}

const PKCS8: &str = "PRIVATE KEY";
const SEC1: &str = "EC PRIVATE KEY";
const PKCS1: &str = "RSA PRIVATE KEY";
const KINDS: &str = "P-256, P-384, P-521 or Ed25519, or RSA of 2048 to 8192 bits with the feature `aws-lc`";

/// A private key in memory, which is overwritten when it is dropped.
///
/// ECDSA signs with nonces of RFC 6979: the same message has the same signature, and no randomness is needed.
pub struct PrivateKey {
    secret: Secret,
    public: PublicKey,
}

enum Secret {
    P256(p256::SecretKey),
    P384(p384::SecretKey),
    P521(p521::SecretKey),
    Ed25519(ed25519_dalek::SigningKey),
    #[cfg(feature = "aws-lc")]
    Rsa(aws_lc_rs::rsa::KeyPair),
}

/// Without the key.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, {})", self.public.algorithm(), self.public.fingerprint())
    }
}

impl PrivateKey {
    /// A new key: P-256, P-384, P-521 or Ed25519.
    ///
    /// ```
    /// use trust_core::KeyAlgorithm;
    /// let key = trust_sign::PrivateKey::generate(KeyAlgorithm::EcdsaP256)?;
    /// assert!(format!("{key:?}").starts_with("PrivateKey(ECDSA P-256, sha256:"));
    /// # Ok::<(), trust_sign::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// If it is of another kind, or the system gives no random numbers.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        // At most one random number in 2^32 cannot be a key.
        for _ in 0..16 {
            let secret = match algorithm {
                KeyAlgorithm::EcdsaP256 => p256::SecretKey::from_slice(&*random::<32>()?).map(Secret::P256),
                KeyAlgorithm::EcdsaP384 => p384::SecretKey::from_slice(&*random::<48>()?).map(Secret::P384),
                KeyAlgorithm::EcdsaP521 => {
                    let mut bytes = random::<66>()?;
                    // The group has 521 bits.
                    bytes.first_mut().into_iter().for_each(|first| *first &= 1);
                    p521::SecretKey::from_slice(&*bytes).map(Secret::P521)
                }
                KeyAlgorithm::Ed25519 => {
                    Ok(Secret::Ed25519(ed25519_dalek::SigningKey::from_bytes(&*random::<32>()?)))
                }
                KeyAlgorithm::Rsa { .. } => {
                    return Err(KeyError::Kind { found: "RSA", expected: "P-256, P-384, P-521 or Ed25519" });
                }
            };
            if let Ok(secret) = secret {
                return Self::new(secret);
            }
        }
        Err(KeyError::Unavailable { problem: "the system's random numbers cannot be keys".to_owned() })
    }

    /// Reads a key that is not encrypted: PKCS#8, SEC 1, or PKCS#1 with the feature `aws-lc`. Other blocks of the text, such as OpenSSL's
    /// parameters of the curve, are passed over.
    ///
    /// # Errors
    /// If there is none that can sign; [`KeyError::Encrypted`] if it is encrypted.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (label, der) = private_block(text)?;
        match label {
            PKCS8 => Self::from_pkcs8(&der),
            SEC1 => Self::from_sec1(&der),
            PKCS1 => Self::from_pkcs1(&der),
            _ => Err(KeyError::Encrypted),
        }
    }

    /// Reads a key that cosign encrypted, or one that is not encrypted, for which the password is not used.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem); [`KeyError::Password`] if the password is not the one.
    pub fn from_encrypted_pem(text: &str, password: &[u8]) -> Result<Self, KeyError> {
        let (label, content) = private_block(text)?;
        match encrypted::LABELS.contains(&label) {
            true => Self::from_pkcs8(&encrypted::decrypt(label, &content, password)?),
            false => Self::from_pem(text),
        }
    }

    /// The key as cosign writes it, encrypted by a password: `cosign sign --key` reads it.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn to_encrypted_pem(&self, password: &[u8]) -> Result<String, KeyError> {
        let der = self.to_pkcs8()?;
        Ok(pem::encode(encrypted::LABELS[0], encrypted::encrypt(&der, password)?.as_bytes()))
    }

    /// The public half in PEM, as cosign writes it beside the private one.
    #[must_use]
    pub fn public_pem(&self) -> String {
        pem::encode("PUBLIC KEY", self.public.spki_der())
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = p256::SecretKey::from_pkcs8_der(der) {
            return Self::new(Secret::P256(key));
        }
        if let Ok(key) = p384::SecretKey::from_pkcs8_der(der) {
            return Self::new(Secret::P384(key));
        }
        if let Ok(key) = p521::SecretKey::from_pkcs8_der(der) {
            return Self::new(Secret::P521(key));
        }
        if let Ok(key) = ed25519_dalek::SigningKey::from_pkcs8_der(der) {
            return Self::new(Secret::Ed25519(key));
        }
        #[cfg(feature = "aws-lc")]
        if let Ok(key) = aws_lc_rs::rsa::KeyPair::from_pkcs8(der) {
            return Self::new(Secret::Rsa(key));
        }
        Err(KeyError::Kind { found: "PKCS#8 of another kind", expected: KINDS })
    }

    fn from_sec1(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = p256::SecretKey::from_sec1_der(der) {
            return Self::new(Secret::P256(key));
        }
        if let Ok(key) = p384::SecretKey::from_sec1_der(der) {
            return Self::new(Secret::P384(key));
        }
        if let Ok(key) = p521::SecretKey::from_sec1_der(der) {
            return Self::new(Secret::P521(key));
        }
        Err(KeyError::Kind { found: "another curve", expected: KINDS })
    }

    #[cfg(feature = "aws-lc")]
    fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let key = aws_lc_rs::rsa::KeyPair::from_der(der);
        Self::new(Secret::Rsa(key.map_err(|_| KeyError::Kind { found: "another RSA key", expected: KINDS })?))
    }

    #[cfg(not(feature = "aws-lc"))]
    fn from_pkcs1(_: &[u8]) -> Result<Self, KeyError> {
        Err(KeyError::Kind { found: "an RSA key", expected: KINDS })
    }

    fn new(secret: Secret) -> Result<Self, KeyError> {
        let malformed = |problem| KeyError::Malformed { label: PKCS8, problem };
        let lost = |_| malformed("its public half cannot be written");
        let spki = match &secret {
            Secret::P256(key) => key.public_key().to_public_key_der().map_err(lost)?.into_vec(),
            Secret::P384(key) => key.public_key().to_public_key_der().map_err(lost)?.into_vec(),
            Secret::P521(key) => key.public_key().to_public_key_der().map_err(lost)?.into_vec(),
            Secret::Ed25519(key) => {
                use ed25519_dalek::pkcs8::EncodePublicKey as _;
                key.verifying_key().to_public_key_der().map_err(lost)?.into_vec()
            }
            #[cfg(feature = "aws-lc")]
            Secret::Rsa(key) => {
                use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
                use aws_lc_rs::signature::KeyPair as _;
                let der: Result<PublicKeyX509Der<'_>, _> = key.public_key().as_der();
                der.map_err(|_| malformed("its public half cannot be written"))?.as_ref().to_vec()
            }
        };
        let public = PublicKey::from_der(&spki).map_err(|_| malformed("its public half is no key"))?;
        Ok(Self { secret, public })
    }

    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let lost = |_| KeyError::Unavailable { problem: "the key cannot be written".to_owned() };
        Ok(match &self.secret {
            Secret::P256(key) => key.to_pkcs8_der().map_err(lost)?.to_bytes(),
            Secret::P384(key) => key.to_pkcs8_der().map_err(lost)?.to_bytes(),
            Secret::P521(key) => key.to_pkcs8_der().map_err(lost)?.to_bytes(),
            Secret::Ed25519(key) => key.to_pkcs8_der().map_err(lost)?.to_bytes(),
            #[cfg(feature = "aws-lc")]
            Secret::Rsa(key) => {
                use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
                let der: Result<Pkcs8V1Der<'_>, _> = key.as_der();
                let problem = || KeyError::Unavailable { problem: "the key cannot be written".to_owned() };
                Zeroizing::new(der.map_err(|_| problem())?.as_ref().to_vec())
            }
        })
    }

    #[cfg(feature = "aws-lc")]
    fn sign_by_pss(&self, hash: HashAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        use aws_lc_rs::signature::{RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512};
        let Secret::Rsa(key) = &self.secret else {
            return Err(KeyError::Kind { found: "a key on a curve", expected: "RSA" });
        };
        let padding = match hash {
            HashAlgorithm::Sha256 => &RSA_PSS_SHA256,
            HashAlgorithm::Sha384 => &RSA_PSS_SHA384,
            HashAlgorithm::Sha512 => &RSA_PSS_SHA512,
        };
        let mut signature = vec![0; key.public_modulus_len()];
        let failed = |_| KeyError::Unavailable { problem: "it does not sign".to_owned() };
        key.sign(padding, &aws_lc_rs::rand::SystemRandom::new(), message, &mut signature).map_err(failed)?;
        Ok(signature)
    }

    fn sign_now(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let failed = |_| KeyError::Unavailable { problem: "it does not sign".to_owned() };
        Ok(match &self.secret {
            Secret::P256(key) => {
                let key = p256::ecdsa::SigningKey::from(key);
                let digest = Digest::of(HashAlgorithm::Sha256, message);
                let signature: p256::ecdsa::Signature =
                    key.sign_prehash(digest.as_bytes()).map_err(failed)?;
                signature.to_der().as_bytes().to_vec()
            }
            Secret::P384(key) => {
                let key = p384::ecdsa::SigningKey::from(key);
                let digest = Digest::of(HashAlgorithm::Sha384, message);
                let signature: p384::ecdsa::Signature =
                    key.sign_prehash(digest.as_bytes()).map_err(failed)?;
                signature.to_der().as_bytes().to_vec()
            }
            Secret::P521(key) => {
                let key = p521::ecdsa::SigningKey::from(key);
                let digest = Digest::of(HashAlgorithm::Sha512, message);
                let signature: p521::ecdsa::Signature =
                    key.sign_prehash(digest.as_bytes()).map_err(failed)?;
                signature.to_der().as_bytes().to_vec()
            }
            Secret::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            #[cfg(feature = "aws-lc")]
            Secret::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                let (padding, random) =
                    (&aws_lc_rs::signature::RSA_PKCS1_SHA256, aws_lc_rs::rand::SystemRandom::new());
                let failed = |_| KeyError::Unavailable { problem: "it does not sign".to_owned() };
                key.sign(padding, &random, message, &mut signature).map_err(failed)?;
                signature
            }
        })
    }
}

impl SigningKey for PrivateKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign<'a>(&'a self, message: &'a [u8], _: Deadline) -> Boxed<'a, Result<Vec<u8>, KeyError>> {
        Box::pin(async move { self.sign_now(message) })
    }

    #[cfg(feature = "aws-lc")]
    fn sign_by<'a>(
        &'a self,
        scheme: SignatureScheme,
        message: &'a [u8],
        until: Deadline,
    ) -> Boxed<'a, Result<Vec<u8>, KeyError>> {
        match scheme {
            SignatureScheme::RsaPss(hash) => Box::pin(async move { self.sign_by_pss(hash, message) }),
            other => sign_by_preferred(self, other, message, until),
        }
    }
}

fn random<const LEN: usize>() -> Result<Zeroizing<[u8; LEN]>, KeyError> {
    let mut bytes = Zeroizing::new([0; LEN]);
    let failed = |error: getrandom::Error| KeyError::Unavailable { problem: error.to_string() };
    getrandom::fill(&mut *bytes).map_err(failed)?;
    Ok(bytes)
}

/// The block of a text that holds a private key, and its label.
fn private_block(text: &str) -> Result<(&'static str, Zeroizing<Vec<u8>>), KeyError> {
    let labels = [PKCS8, SEC1, PKCS1, encrypted::LABELS[0], encrypted::LABELS[1]];
    let blocks = pem::split_blocks(text);
    let found = |label: &&'static str| {
        let begin = format!("-----BEGIN {label}-----");
        blocks.iter().find_map(|block| block.trim().strip_prefix(&begin))
    };
    let Some((label, body)) = labels.iter().find_map(|label| Some((*label, found(label)?))) else {
        let name =
            |block: &&str| Some(block.trim().strip_prefix("-----BEGIN ")?.split_once("-----")?.0.to_owned());
        let others: Vec<String> = blocks.iter().filter_map(name).map(|name| format!("`{name}`")).collect();
        let found = if others.is_empty() { "no PEM".to_owned() } else { others.join(", ") };
        return Err(KeyError::Label { found });
    };
    let malformed = |problem| KeyError::Malformed { label, problem };
    let end = format!("-----END {label}-----");
    let body = body.trim_end().strip_suffix(&end).ok_or(malformed("it does not end"))?;
    let mut base64 = Zeroizing::new(String::with_capacity(body.len()));
    base64.extend(body.chars().filter(|c| !c.is_ascii_whitespace()));
    let content = encoding::from_base64(&base64).map(Zeroizing::new).ok_or(malformed("it is not base64"))?;
    Ok((label, content))
}
