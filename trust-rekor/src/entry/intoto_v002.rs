//! [intoto 0.0.2](https://github.com/sigstore/rekor/blob/main/pkg/types/intoto/v0.0.2/intoto_v0_0_2_schema.json):
//! an in-toto envelope, in Rekor v1. Its signatures are base64 of base64.

use std::borrow::Cow;

use serde::Deserialize;
use trust_core::internal::encoding;
use trust_core::internal::json::{AtMost, Document};
use trust_core::{ClaimedContent, Digest, LogClaim, LogError};

use super::{HexHash, same, same_signature, same_signer, unsupported};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    spec: Spec<'a>,
}

#[derive(Deserialize)]
struct Spec<'a> {
    #[serde(borrow)]
    content: Content<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    #[serde(borrow)]
    envelope: Envelope<'a>,
    #[serde(borrow)]
    payload_hash: HexHash<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow)]
    payload_type: Cow<'a, str>,
    #[serde(borrow)]
    signatures: AtMost<Signature<'a>, 2>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature<'a> {
    #[serde(borrow)]
    sig: Cow<'a, str>,
    #[serde(borrow)]
    public_key: Cow<'a, str>,
}

pub(super) fn bind(body: &Document<'_>, claim: &LogClaim<'_>) -> Result<(), LogError> {
    let ClaimedContent::Envelope(envelope) = claim.content else {
        return Err(unsupported("intoto", "0.0.2"));
    };
    let Body { spec: Spec { content } } = super::read(body)?;
    let payload = Digest::sha256(envelope.payload());
    same(content.payload_hash.to_digest() == Some(payload), "payload digest")?;
    same(content.envelope.payload_type == envelope.payload_type(), "payload type")?;
    let [signature] = content.envelope.signatures.kept() else {
        return Err(LogError::Mismatch { field: "number of signatures" });
    };
    let inner = encoding::from_base64(&signature.sig)
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(LogError::Mismatch { field: "signature" })?;
    same_signature(&inner, claim)?;
    same_signer(&signature.public_key, claim)
}

/// The first signer, as base64 of PEM.
pub(super) fn signer<'a>(body: &Document<'a>) -> Result<Cow<'a, str>, LogError> {
    let Body { spec } = super::read(body)?;
    let first = spec.content.envelope.signatures.into_first();
    first.map(|signature| signature.public_key).ok_or(LogError::Mismatch { field: "number of signatures" })
}
