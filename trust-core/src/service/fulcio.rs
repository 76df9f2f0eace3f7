//! A certificate for an identity: the request to Fulcio, and its answer
//! ([fulcio.proto](https://github.com/sigstore/fulcio/blob/main/fulcio.proto), `CreateSigningCertificate`).

use serde::Deserialize;
use thiserror::Error;

use crate::key::{KeyAlgorithm, PublicKey};
use crate::text::encoding;
use crate::text::json::{self, AtMost, JsonError};
use crate::text::pem;
use crate::x509::certificate::{Certificate, CertificateError};
use crate::x509::chain::MAX_PATH_LEN;

/// Fulcio's answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FulcioError {
    /// The answer is not JSON, or of another shape.
    #[error("the answer is malformed")]
    Json(#[from] JsonError),
    /// There is no certificate with the promise of a log in it.
    #[error("the answer has no certificate with an embedded SCT; a bundle has no place for a detached one")]
    NoEmbeddedSct,
    /// The chain is longer than any that is verified.
    #[error("the answer has {found} certificates, expected 1 to {MAX_PATH_LEN}")]
    Length {
        /// How many.
        found: usize,
    },
    /// A certificate cannot be read.
    #[error("certificate {index} of the answer cannot be used")]
    Certificate {
        /// Which.
        index: usize,
        /// Why not.
        source: CertificateError,
    },
    /// The certificate is for another key.
    #[error("the certificate is for another key than the request")]
    OtherKey,
}

/// The body of a request for a certificate of this key, in JSON. `proof_of_possession` is the key's signature over the subject of the
/// identity token (its `email`, or its `sub`), which proves that the requester holds the key.
#[must_use]
pub fn certificate_request(key: &PublicKey, proof_of_possession: &[u8]) -> String {
    let algorithm = match key.algorithm() {
        KeyAlgorithm::Rsa { .. } => "RSA",
        KeyAlgorithm::Ed25519 => "ED25519",
        _ => "ECDSA",
    };
    serde_json::json!({"publicKeyRequest": {
        "publicKey": {"algorithm": algorithm, "content": pem::encode("PUBLIC KEY", key.spki_der())},
        "proofOfPossession": encoding::to_base64(proof_of_possession),
    }})
    .to_string()
}

/// The certificate for this key, and the ones above it, from Fulcio's answer. Only the key is checked; verify the path and the SCT before relying on it.
///
/// # Errors
/// If there is none, or it is for another key.
pub fn certificate_chain(
    answer: &[u8],
    key: &PublicKey,
) -> Result<(Certificate, Vec<Certificate>), FulcioError> {
    let wire: Answer = json::from_slice(answer)?;
    let signed = wire.signed_certificate_embedded_sct.ok_or(FulcioError::NoEmbeddedSct)?;
    let pems = signed.chain.certificates.into_vec().map_err(|found| FulcioError::Length { found })?;
    let read = |(index, text): (usize, &String)| {
        Certificate::from_pem(text).map_err(|source| FulcioError::Certificate { index, source })
    };
    let mut chain = pems.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?.into_iter();
    let leaf = chain.next().ok_or(FulcioError::Length { found: 0 })?;
    if leaf.public_key().spki_der() != key.spki_der() {
        return Err(FulcioError::OtherKey);
    }
    Ok((leaf, chain.collect()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    signed_certificate_embedded_sct: Option<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    chain: Chain,
}

#[derive(Deserialize)]
struct Chain {
    certificates: AtMost<String, MAX_PATH_LEN>,
}
