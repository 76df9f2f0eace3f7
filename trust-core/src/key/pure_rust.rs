//! The back end that rustc alone builds.

use ecdsa::Signature;
use ecdsa::hazmat::verify_prehashed;
use sha2::{Sha256, Sha384, Sha512};

use super::{KeyValue, PublicKey, SignatureAlgorithm, SignatureError, SignatureScheme, Signed};
use crate::digest::HashAlgorithm;

/// ECDSA on P-256 and P-384 over fiat-crypto's proven field, in variable time; on P-521, and RSA, by RustCrypto;
/// Ed25519 by dalek.
#[derive(Clone, Copy, Debug, Default)]
pub struct PureRust;

impl SignatureAlgorithm for PureRust {
    fn verify(
        &self,
        key: &PublicKey,
        scheme: SignatureScheme,
        content: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        use SignatureScheme::{Ecdsa, EcdsaP1363, Ed25519, Ed25519ph, RsaPkcs1, RsaPss};
        let is_valid = match (&key.checked.value, scheme) {
            (KeyValue::P256(key), Ecdsa(hash) | EcdsaP1363(hash)) => content
                .digest(hash)
                .zip(ecdsa_signature(scheme, signature))
                .is_some_and(|(digest, signature)| key.verify(digest.as_bytes(), &signature)),
            (KeyValue::P384(key), Ecdsa(hash) | EcdsaP1363(hash)) => content
                .digest(hash)
                .zip(ecdsa_signature(scheme, signature))
                .is_some_and(|(digest, signature)| key.verify(digest.as_bytes(), &signature)),
            (KeyValue::P521(key), Ecdsa(hash) | EcdsaP1363(hash)) => content
                .digest(hash)
                .zip(ecdsa_signature(scheme, signature))
                .is_some_and(|(digest, signature)| {
                    verify_prehashed::<p521::NistP521>(key, digest.as_bytes(), &signature).is_ok()
                }),
            (KeyValue::Rsa(key), RsaPkcs1(hash)) => verify_rsa_pkcs1(key, content, hash, signature).is_some(),
            (KeyValue::Rsa(key), RsaPss(hash)) => verify_rsa_pss(key, content, hash, signature).is_some(),
            (KeyValue::Ed25519(key), Ed25519) => verify_ed25519(key, content, signature).is_some(),
            (KeyValue::Ed25519(key), Ed25519ph) => verify_ed25519ph(key, content, signature).is_some(),
            _ => false,
        };
        if is_valid { Ok(()) } else { Err(SignatureError::Invalid) }
    }
}

/// Both numbers of a signature, strictly read: neither is zero, both are below the order.
pub(super) fn ecdsa_signature<C>(scheme: SignatureScheme, signature: &[u8]) -> Option<Signature<C>>
where
    C: ecdsa::EcdsaCurve + elliptic_curve::CurveArithmetic,
    ecdsa::der::MaxSize<C>: elliptic_curve::array::ArraySize,
    <elliptic_curve::FieldBytesSize<C> as core::ops::Add>::Output:
        core::ops::Add<ecdsa::der::MaxOverhead> + elliptic_curve::array::ArraySize,
{
    match scheme {
        SignatureScheme::EcdsaP1363(_) => Signature::from_slice(signature),
        _ => Signature::from_der(signature),
    }
    .ok()
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
