//! [hashedrekord 0.0.2](https://github.com/sigstore/rekor-tiles/blob/main/api/proto/rekor/v2/hashedrekord.proto):
//! the only kind of entry in Rekor v2. An envelope is logged by the digest of its pre-authentication encoding.
//!
//! The canonical body is rebuilt from the claim and compared as a whole, so that no member of it can differ unseen.

use serde::Deserialize;
use trust_core::internal::encoding;
use trust_core::internal::json::Document;
use trust_core::{
    ClaimedContent, ClaimedSigner, Digest, HashAlgorithm, KeyAlgorithm, LogClaim, LogError, SignatureScheme,
};

use super::same;

pub(super) fn bind(body: &[u8], claim: &LogClaim<'_>) -> Result<(), LogError> {
    let expected = canonical_body(claim)?;
    same(expected.as_bytes() == body, "canonical body")
}

/// The signer's certificate in DER; `None` for a key.
pub(super) fn certificate(body: &Document<'_>) -> Result<Option<Vec<u8>>, LogError> {
    let body: Body = super::read(body)?;
    let certificate = body.spec.entry.signature.verifier.x509_certificate;
    certificate
        .map(|one| {
            encoding::from_base64(&one.raw_bytes)
                .ok_or_else(|| LogError::Body { problem: "the certificate is not base64".to_owned() })
        })
        .transpose()
}

#[derive(Deserialize)]
struct Body {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(rename = "hashedRekordV002")]
    entry: Entry,
}

#[derive(Deserialize)]
struct Entry {
    signature: Signature,
}

#[derive(Deserialize)]
struct Signature {
    verifier: SignerForm,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignerForm {
    x509_certificate: Option<RawCertificate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCertificate {
    raw_bytes: String,
}

/// The entry that the log makes of the claim, as canonical JSON (RFC 8785); no value needs escaping.
fn canonical_body(claim: &LogClaim<'_>) -> Result<String, LogError> {
    let (key_details, digest) = logged(claim)?;
    let algorithm = match digest.algorithm() {
        HashAlgorithm::Sha256 => "SHA2_256",
        HashAlgorithm::Sha384 => "SHA2_384",
        HashAlgorithm::Sha512 => "SHA2_512",
    };
    let (form, signer) = match claim.signer {
        ClaimedSigner::Certificate(certificate) => ("x509Certificate", certificate.der()),
        ClaimedSigner::Key(key) => ("publicKey", key.spki_der()),
    };
    let base64 = encoding::to_base64;
    let verifier =
        format!(r#"{{"keyDetails":"{key_details}","{form}":{{"rawBytes":"{}"}}}}"#, base64(signer));
    // RFC 8785 orders members by name: `keyDetails` comes before `publicKey` and before `x509Certificate`.
    Ok(format!(
        r#"{{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{{"hashedRekordV002":{{"data":{{"algorithm":"{algorithm}","digest":"{}"}},"signature":{{"content":"{}","verifier":{verifier}}}}}}}}}"#,
        base64(digest.as_bytes()),
        base64(claim.signature),
    ))
}

/// The name of the claim's algorithm, and the digest that is logged.
pub(crate) fn logged(claim: &LogClaim<'_>) -> Result<(&'static str, Digest), LogError> {
    let (key_details, hash) = key_details(claim)?;
    let digest = match claim.content {
        ClaimedContent::Artifact(artifact) => artifact.digest(hash),
        ClaimedContent::Envelope(envelope) => Some(Digest::of(hash, &envelope.pre_authentication_encoding())),
    };
    Ok((key_details, digest.ok_or(LogError::Mismatch { field: "digest algorithm" })?))
}

/// The name of the claim's algorithm, and the hash that it is over. Pure Ed25519 cannot be logged.
fn key_details(claim: &LogClaim<'_>) -> Result<(&'static str, HashAlgorithm), LogError> {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    let name = match (claim.signer.public_key().algorithm(), claim.scheme) {
        (KeyAlgorithm::EcdsaP256, SignatureScheme::Ecdsa(Sha256)) => "PKIX_ECDSA_P256_SHA_256",
        (KeyAlgorithm::EcdsaP384, SignatureScheme::Ecdsa(Sha384)) => "PKIX_ECDSA_P384_SHA_384",
        (KeyAlgorithm::EcdsaP521, SignatureScheme::Ecdsa(Sha512)) => "PKIX_ECDSA_P521_SHA_512",
        (KeyAlgorithm::Rsa { bits: 2048 }, SignatureScheme::RsaPkcs1(Sha256)) => {
            "PKIX_RSA_PKCS1V15_2048_SHA256"
        }
        (KeyAlgorithm::Rsa { bits: 3072 }, SignatureScheme::RsaPkcs1(Sha256)) => {
            "PKIX_RSA_PKCS1V15_3072_SHA256"
        }
        (KeyAlgorithm::Rsa { bits: 4096 }, SignatureScheme::RsaPkcs1(Sha256)) => {
            "PKIX_RSA_PKCS1V15_4096_SHA256"
        }
        (KeyAlgorithm::Ed25519, SignatureScheme::Ed25519ph) => "PKIX_ED25519_PH",
        _ => return Err(LogError::Mismatch { field: "algorithm" }),
    };
    let hash = claim.scheme.hash();
    Ok((name, hash.ok_or(LogError::Mismatch { field: "algorithm" })?))
}
