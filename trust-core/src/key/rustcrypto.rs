//! The back end over RustCrypto's curves and RSA, and over dalek's Ed25519: rustc alone builds it.

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use sha2::{Sha256, Sha384, Sha512};

use super::{Point, PublicKey, SignatureAlgorithm, SignatureError, SignatureScheme, Signed};
use crate::digest::HashAlgorithm;

/// RustCrypto's p256, p384, p521 and rsa, and dalek's ed25519.
#[derive(Clone, Copy, Debug, Default)]
pub struct RustCrypto;

impl SignatureAlgorithm for RustCrypto {
    fn verify(
        &self,
        key: &PublicKey,
        scheme: SignatureScheme,
        content: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        use SignatureScheme::{Ecdsa, EcdsaP1363, Ed25519, Ed25519ph, RsaPkcs1, RsaPss};
        match (&key.checked.point, scheme) {
            (Point::P256(key), Ecdsa(hash) | EcdsaP1363(hash)) => {
                verify_ecdsa::<p256::NistP256>(key, content, scheme, hash, signature)
            }
            (Point::P384(key), Ecdsa(hash) | EcdsaP1363(hash)) => {
                verify_ecdsa::<p384::NistP384>(key, content, scheme, hash, signature)
            }
            (Point::P521(key), Ecdsa(hash) | EcdsaP1363(hash)) => {
                verify_ecdsa::<p521::NistP521>(key, content, scheme, hash, signature)
            }
            (Point::Rsa(key), RsaPkcs1(hash)) => verify_rsa_pkcs1(key, content, hash, signature),
            (Point::Rsa(key), RsaPss(hash)) => verify_rsa_pss(key, content, hash, signature),
            (Point::Ed25519(key), Ed25519) => verify_ed25519(key, content, signature),
            (Point::Ed25519(key), Ed25519ph) => verify_ed25519ph(key, content, signature),
            _ => None,
        }
        .ok_or(SignatureError::Invalid)
    }
}

fn verify_ecdsa<C>(
    key: &ecdsa::VerifyingKey<C>,
    content: Signed<'_>,
    scheme: SignatureScheme,
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
    let signature = match scheme {
        SignatureScheme::EcdsaP1363(_) => ecdsa::Signature::<C>::from_slice(signature),
        _ => ecdsa::Signature::<C>::from_der(signature),
    }
    .ok()?;
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
    let scheme = match hash {
        HashAlgorithm::Sha256 => rsa::Pkcs1v15Sign::new::<Sha256>(),
        HashAlgorithm::Sha384 => rsa::Pkcs1v15Sign::new::<Sha384>(),
        HashAlgorithm::Sha512 => rsa::Pkcs1v15Sign::new::<Sha512>(),
    };
    key.verify(scheme, digest.as_bytes(), signature).ok()
}

fn verify_rsa_pss(
    key: &rsa::RsaPublicKey,
    content: Signed<'_>,
    hash: HashAlgorithm,
    signature: &[u8],
) -> Option<()> {
    let (digest, salt) = (content.digest(hash)?, hash.output_len());
    let digest = digest.as_bytes();
    match hash {
        HashAlgorithm::Sha256 => key.verify(rsa::Pss::<Sha256>::new_with_salt(salt), digest, signature),
        HashAlgorithm::Sha384 => key.verify(rsa::Pss::<Sha384>::new_with_salt(salt), digest, signature),
        HashAlgorithm::Sha512 => key.verify(rsa::Pss::<Sha512>::new_with_salt(salt), digest, signature),
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
