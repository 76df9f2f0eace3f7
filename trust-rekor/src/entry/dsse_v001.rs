//! [dsse 0.0.1](https://github.com/sigstore/rekor/blob/main/pkg/types/dsse/v0.0.1/dsse_v0_0_1_schema.json):
//! an envelope, in Rekor v1.
//!
//! `envelopeHash` is not compared: it is over the JSON text that the signer happened to upload.

use std::borrow::Cow;

use serde::Deserialize;
use trust_core::internal::json::{AtMost, Document};
use trust_core::{ClaimedContent, Digest, LogClaim, LogError};

use super::{HexHash, same, same_signature, same_signer, unsupported};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    spec: Spec<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    payload_hash: HexHash<'a>,
    #[serde(borrow)]
    signatures: AtMost<Signature<'a>, 2>,
}

#[derive(Deserialize)]
struct Signature<'a> {
    #[serde(borrow)]
    signature: Cow<'a, str>,
    #[serde(borrow)]
    verifier: Cow<'a, str>,
}

pub(super) fn bind(body: &Document<'_>, claim: &LogClaim<'_>) -> Result<(), LogError> {
    let ClaimedContent::Envelope(envelope) = claim.content else {
        return Err(unsupported("dsse", "0.0.1"));
    };
    let Body { spec } = super::read(body)?;
    let payload = Digest::sha256(envelope.payload());
    same(spec.payload_hash.to_digest() == Some(payload), "payload digest")?;
    let [signature] = spec.signatures.kept() else {
        return Err(LogError::Mismatch { field: "number of signatures" });
    };
    same_signature(&signature.signature, claim)?;
    same_signer(&signature.verifier, claim)
}

/// The first signer, as base64 of PEM.
pub(super) fn signer<'a>(body: &Document<'a>) -> Result<Cow<'a, str>, LogError> {
    let Body { spec } = super::read(body)?;
    let first = spec.signatures.into_first();
    first.map(|signature| signature.verifier).ok_or(LogError::Mismatch { field: "number of signatures" })
}
