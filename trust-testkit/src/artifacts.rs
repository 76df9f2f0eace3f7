//! Signatures and attestations that these tests make.

use std::collections::BTreeMap;

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};
use trust_core::Digest;
use trust_core::internal::encoding::to_base64;
use trust_policy::Artifact;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

/// The public key of a seed in PEM, with its line breaks escaped as in YAML.
pub fn pem(seed: u8) -> String {
    let der = key(seed).verifying_key().to_public_key_der().unwrap();
    format!("-----BEGIN PUBLIC KEY-----\\n{}\\n-----END PUBLIC KEY-----\\n", to_base64(der.as_bytes()))
}

/// The signature of a message by the key of a seed, in base64.
fn sign(seed: u8, message: &str) -> String {
    let signature: DerSignature = key(seed).sign(message.as_bytes());
    to_base64(signature.as_bytes())
}

/// The image that [`attestation`]s are about.
pub fn digest() -> Digest {
    Digest::sha256(b"image")
}

/// A signature on an image, by the key of a seed, as cosign 2 stores it.
pub fn signature(seed: u8, image: &Digest, optional: &Value) -> Artifact {
    let payload = json!({
        "critical": {"identity": {"docker-reference": "ghcr.io/acme/app"}, "type": "cosign container image signature",
            "image": {"docker-manifest-digest": image.to_string()}},
        "optional": optional,
    })
    .to_string();
    let signature = sign(seed, &payload);
    Artifact {
        location: format!("signature of {image} by {seed}"),
        media_type: trust_core::cosign::SIMPLE_SIGNING_MEDIA_TYPE.to_owned(),
        annotations: BTreeMap::from([("dev.cosignproject.cosign/signature".to_owned(), signature)]),
        content: payload.into_bytes().into(),
    }
}

/// An attestation of [`digest`] as cosign 2 stores it, signed by the key of a seed.
pub fn attestation(seed: u8, predicate_type: &str, predicate: &Value) -> Artifact {
    attestation_of(seed, &digest(), predicate_type, predicate)
}

/// An attestation of an image as cosign 2 stores it, signed by the key of a seed.
pub fn attestation_of(seed: u8, image: &Digest, predicate_type: &str, predicate: &Value) -> Artifact {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": predicate_type,
        "subject": [{"name": "ghcr.io/acme/app", "digest": {"sha256": image.to_hex()}}],
        "predicate": predicate,
    })
    .to_string();
    let payload_type = "application/vnd.in-toto+json";
    let signed = format!("DSSEv1 {} {payload_type} {} {statement}", payload_type.len(), statement.len());
    let signature = sign(seed, &signed);
    let envelope = json!({
        "payloadType": payload_type,
        "payload": to_base64(statement.as_bytes()),
        "signatures": [{"sig": signature}],
    });
    Artifact {
        location: format!("{predicate_type} by {seed}"),
        media_type: trust_core::cosign::ENVELOPE_MEDIA_TYPE.to_owned(),
        annotations: BTreeMap::from([("dev.cosignproject.cosign/signature".to_owned(), String::new())]),
        content: envelope.to_string().into_bytes().into(),
    }
}
