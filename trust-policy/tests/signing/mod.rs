//! Keys that these tests sign with.

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use trust_core::encoding::to_base64;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

/// The public key of a seed in PEM, with its line breaks escaped as in YAML.
pub(crate) fn pem(seed: u8) -> String {
    let der = key(seed).verifying_key().to_public_key_der().unwrap();
    format!("-----BEGIN PUBLIC KEY-----\\n{}\\n-----END PUBLIC KEY-----\\n", to_base64(der.as_bytes()))
}

/// The signature of a message by the key of a seed, in base64.
pub(crate) fn sign(seed: u8, message: &str) -> String {
    let signature: DerSignature = key(seed).sign(message.as_bytes());
    to_base64(signature.as_bytes())
}
