//! The back end over aws-lc-rs, for hosts that have a C compiler: fresh keys and RSA verify twice as fast.
//!
//! It accepts what [`PureRust`] accepts: signatures are read by the same strict code first, and a key with a table
//! uses it, which is faster than aws-lc. Ed25519 stays with dalek, whose strict rules aws-lc does not have.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

use super::pure_rust::{PureRust, ecdsa_signature};
use super::{KeyValue, PublicKey, SignatureAlgorithm, SignatureError, SignatureScheme, Signed};
use crate::digest::{Digest, HashAlgorithm};

/// aws-lc-rs.
#[derive(Clone, Copy, Debug, Default)]
pub struct AwsLc;

impl SignatureAlgorithm for AwsLc {
    fn verify(
        &self,
        key: &PublicKey,
        scheme: SignatureScheme,
        content: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let Some(algorithm) = algorithm(&key.checked.value, scheme) else {
            return PureRust.verify(key, scheme, content, signature);
        };
        let digest = scheme.hash().and_then(|hash| content.digest(hash)).ok_or(SignatureError::Invalid)?;
        let by_aws_lc = |signature: &[u8]| verify(key, algorithm, &digest, signature);
        let is_valid = match &key.checked.value {
            KeyValue::P256(key) => {
                ecdsa_signature(scheme, signature).is_some_and(|signature| match key.table() {
                    Some(table) => key.verify_by(Some(table), digest.as_bytes(), &signature),
                    None => by_aws_lc(signature.to_der().as_bytes()),
                })
            }
            KeyValue::P384(key) => {
                ecdsa_signature(scheme, signature).is_some_and(|signature| match key.table() {
                    Some(table) => key.verify_by(Some(table), digest.as_bytes(), &signature),
                    None => by_aws_lc(signature.to_der().as_bytes()),
                })
            }
            KeyValue::P521(_) => ecdsa_signature::<p521::NistP521>(scheme, signature)
                .is_some_and(|signature| by_aws_lc(signature.to_der().as_bytes())),
            KeyValue::Rsa(_) | KeyValue::Ed25519(_) => by_aws_lc(signature),
        };
        if is_valid { Ok(()) } else { Err(SignatureError::Invalid) }
    }
}

fn verify(
    key: &PublicKey,
    algorithm: &'static dyn VerificationAlgorithm,
    digest: &Digest,
    signature: &[u8],
) -> bool {
    let hash = match digest.algorithm() {
        HashAlgorithm::Sha256 => &digest::SHA256,
        HashAlgorithm::Sha384 => &digest::SHA384,
        HashAlgorithm::Sha512 => &digest::SHA512,
    };
    let key = UnparsedPublicKey::new(algorithm, key.raw());
    digest::Digest::import_less_safe(digest.as_bytes(), hash)
        .is_ok_and(|digest| key.verify_digest(&digest, signature).is_ok())
}

/// What aws-lc-rs calls the scheme; `None` where dalek verifies.
fn algorithm(value: &KeyValue, scheme: SignatureScheme) -> Option<&'static dyn VerificationAlgorithm> {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    use SignatureScheme::{Ecdsa, EcdsaP1363, RsaPkcs1, RsaPss};
    Some(match (value, scheme) {
        (KeyValue::P256(_), Ecdsa(Sha256) | EcdsaP1363(Sha256)) => &signature::ECDSA_P256_SHA256_ASN1,
        (KeyValue::P256(_), Ecdsa(Sha384) | EcdsaP1363(Sha384)) => &signature::ECDSA_P256_SHA384_ASN1,
        (KeyValue::P256(_), Ecdsa(Sha512) | EcdsaP1363(Sha512)) => &signature::ECDSA_P256_SHA512_ASN1,
        (KeyValue::P384(_), Ecdsa(Sha256) | EcdsaP1363(Sha256)) => &signature::ECDSA_P384_SHA256_ASN1,
        (KeyValue::P384(_), Ecdsa(Sha384) | EcdsaP1363(Sha384)) => &signature::ECDSA_P384_SHA384_ASN1,
        (KeyValue::P384(_), Ecdsa(Sha512) | EcdsaP1363(Sha512)) => &signature::ECDSA_P384_SHA512_ASN1,
        (KeyValue::P521(_), Ecdsa(Sha256) | EcdsaP1363(Sha256)) => &signature::ECDSA_P521_SHA256_ASN1,
        (KeyValue::P521(_), Ecdsa(Sha384) | EcdsaP1363(Sha384)) => &signature::ECDSA_P521_SHA384_ASN1,
        (KeyValue::P521(_), Ecdsa(Sha512) | EcdsaP1363(Sha512)) => &signature::ECDSA_P521_SHA512_ASN1,
        (KeyValue::Rsa(_), RsaPkcs1(Sha256)) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (KeyValue::Rsa(_), RsaPkcs1(Sha384)) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (KeyValue::Rsa(_), RsaPkcs1(Sha512)) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (KeyValue::Rsa(_), RsaPss(Sha256)) => &signature::RSA_PSS_2048_8192_SHA256,
        (KeyValue::Rsa(_), RsaPss(Sha384)) => &signature::RSA_PSS_2048_8192_SHA384,
        (KeyValue::Rsa(_), RsaPss(Sha512)) => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}
