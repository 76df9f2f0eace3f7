//! An entry for a log to take in, and its answer: as bytes, for someone else to send.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use trust_core::internal::json::{AtMost, JsonError};
use trust_core::internal::{encoding, json as strict_json, pem};
use trust_core::{
    ClaimedContent, ClaimedSigner, Digest, HashAlgorithm, InclusionClaim, LogClaim, LogEntry, LogError,
    UnixTime,
};

use crate::entry::{self, hashedrekord_v002};

/// The body of a request to Rekor v2, `POST {log}/api/v2/log/entries`
/// ([rekor.proto](https://github.com/sigstore/rekor-tiles/blob/main/api/proto/rekor/v2/rekor_service.proto)). An envelope is logged by the
/// digest of what is signed of it. The log answers with a `TransparencyLogEntry` ([`LogEntry::from_json`]).
///
/// # Errors
/// If this log takes no signature of the scheme, such as pure Ed25519.
pub fn submission_v2(claim: &LogClaim<'_>) -> Result<String, LogError> {
    let (key_details, digest) = hashedrekord_v002::logged(claim)?;
    let (form, signer) = match claim.signer {
        ClaimedSigner::Certificate(certificate) => ("x509Certificate", certificate.der()),
        ClaimedSigner::Key(key) => ("publicKey", key.spki_der()),
    };
    Ok(json!({"hashedRekordRequestV002": {
        "digest": encoding::to_base64(digest.as_bytes()),
        "signature": {
            "content": encoding::to_base64(claim.signature),
            "verifier": {form: {"rawBytes": encoding::to_base64(signer)}, "keyDetails": key_details},
        },
    }})
    .to_string())
}

/// The body of a request to Rekor v1, `POST {log}/api/v1/log/entries`
/// ([API](https://github.com/sigstore/rekor/blob/main/openapi.yaml)): a `hashedrekord` 0.0.1 for an artifact, a `dsse` 0.0.1 for an
/// envelope. The log answers with 201 ([`read_answer_v1`]), or with 409 and where the same entry is already.
///
/// # Errors
/// If only a digest of another algorithm than SHA-256 is known of the artifact.
pub fn submission_v1(claim: &LogClaim<'_>) -> Result<String, LogError> {
    let signer = match claim.signer {
        ClaimedSigner::Certificate(certificate) => pem::encode("CERTIFICATE", certificate.der()),
        ClaimedSigner::Key(key) => pem::encode("PUBLIC KEY", key.spki_der()),
    };
    let signer = encoding::to_base64(signer.as_bytes());
    let (kind, spec) = match claim.content {
        ClaimedContent::Artifact(artifact) => {
            let hash = claim.scheme.hash().unwrap_or(HashAlgorithm::Sha256);
            let digest: Digest =
                artifact.digest(hash).ok_or(LogError::Mismatch { field: "digest algorithm" })?;
            let spec = json!({
                "data": {"hash": {"algorithm": hash.name(), "value": digest.to_hex()}},
                "signature": {"content": encoding::to_base64(claim.signature), "publicKey": {"content": signer}},
            });
            ("hashedrekord", spec)
        }
        ClaimedContent::Envelope(envelope) => {
            let proposed = json!({"envelope": envelope.to_json(), "verifiers": [signer]});
            ("dsse", json!({ "proposedContent": proposed }))
        }
    };
    Ok(json!({"apiVersion": "0.0.1", "kind": kind, "spec": spec}).to_string())
}

/// The answer is no entry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It is not JSON, or of another shape.
    #[error("the answer is malformed")]
    Json(#[from] JsonError),
    /// There is not one entry in it.
    #[error("the answer has {found} entries, expected 1")]
    Entries {
        /// How many.
        found: usize,
    },
    /// A value is not what it should be.
    #[error("`{field}` of the answer is not {expected}")]
    Value {
        /// Which.
        field: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// The entry says no kind.
    #[error("the entry in the answer cannot be used")]
    Entry(#[from] LogError),
}

/// The entry that Rekor v1 answers with. It proves nothing yet.
///
/// # Errors
/// If it is malformed, or lacks the promise or the proof.
pub fn read_answer_v1(answer: &[u8]) -> Result<LogEntry, AnswerError> {
    let wire: BTreeMap<String, Answer> = strict_json::from_slice(answer)?;
    let found = wire.len();
    let mut answers = wire.into_values();
    let (Some(answer), None) = (answers.next(), answers.next()) else {
        return Err(AnswerError::Entries { found });
    };
    let value = |field, expected| AnswerError::Value { field, expected };
    let base64 = |field, text: &str| encoding::from_base64(text).ok_or(value(field, "base64"));
    let index = |field, number: i64| u64::try_from(number).map_err(|_| value(field, "0 or more"));
    let body = base64("body", &answer.body)?;
    let log_id = encoding::from_hex(&answer.log_id).ok_or(value("logID", "lower-case hexadecimal"))?;
    let promise = base64("verification.signedEntryTimestamp", &answer.verification.signed_entry_timestamp)?;
    let proof = answer.verification.inclusion_proof;
    let hashes = proof.hashes.into_vec().map_err(|_| value("inclusionProof.hashes", "at most 64 hashes"))?;
    let hash = |text: &String| encoding::from_hex(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let hashes = hashes.iter().map(hash).collect::<Option<Vec<_>>>();
    let hashes = hashes.ok_or(value("inclusionProof.hashes", "32 bytes in hexadecimal each"))?;
    let (kind, version) = entry::kind(&body)?;
    // What is nothing cannot be told from what is absent where it is written.
    for (field, is_empty) in [
        ("body", kind.is_empty() || version.is_empty()),
        ("logID", log_id.is_empty()),
        ("verification.signedEntryTimestamp", promise.is_empty()),
        ("inclusionProof.checkpoint", proof.checkpoint.is_empty()),
        ("integratedTime", answer.integrated_time <= 0),
    ] {
        if is_empty {
            return Err(value(field, "there"));
        }
    }
    Ok(LogEntry::with_promise(
        log_id,
        index("logIndex", answer.log_index)?,
        UnixTime::from_seconds(answer.integrated_time),
        body,
        promise,
    )
    .with_proof(
        kind,
        version,
        InclusionClaim::new(index("inclusionProof.logIndex", proof.log_index)?, hashes, proof.checkpoint),
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    body: String,
    integrated_time: i64,
    #[serde(rename = "logID")]
    log_id: String,
    log_index: i64,
    verification: Verification,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verification {
    inclusion_proof: Proof,
    signed_entry_timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    checkpoint: String,
    hashes: AtMost<String, 64>,
    log_index: i64,
}
