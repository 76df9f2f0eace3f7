//! [hashedrekord 0.0.1](https://github.com/sigstore/rekor/blob/main/pkg/types/hashedrekord/v0.0.1/hashedrekord_v0_0_1_schema.json):
//! a signature over an artifact's digest, in Rekor v1.

use std::borrow::Cow;

use serde::Deserialize;
use trust_core::internal::json::Document;
use trust_core::{ClaimedContent, LogClaim, LogError};

use super::{HexHash, same, same_signature, same_signer, unsupported};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    spec: Spec<'a>,
}

#[derive(Deserialize)]
struct Spec<'a> {
    #[serde(borrow)]
    data: Data<'a>,
    #[serde(borrow)]
    signature: Signature<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    hash: HexHash<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
    #[serde(borrow)]
    public_key: PublicKey<'a>,
}

#[derive(Deserialize)]
struct PublicKey<'a> {
    #[serde(borrow)]
    content: Cow<'a, str>,
}

pub(super) fn bind(body: &Document<'_>, claim: &LogClaim<'_>) -> Result<(), LogError> {
    let ClaimedContent::Artifact(artifact) = claim.content else {
        return Err(unsupported("hashedrekord", "0.0.1"));
    };
    let Body { spec } = super::read(body)?;
    let logged = spec.data.hash.to_digest();
    let is_artifact = logged.is_some_and(|logged| {
        artifact.digest(logged.algorithm()).as_ref() == Some(&logged)
            && claim.scheme.hash().is_none_or(|hash| hash == logged.algorithm())
    });
    same(is_artifact, "artifact digest")?;
    same_signature(&spec.signature.content, claim)?;
    same_signer(&spec.signature.public_key.content, claim)
}

/// The signer, as base64 of PEM.
pub(super) fn signer<'a>(body: &Document<'a>) -> Result<Cow<'a, str>, LogError> {
    let Body { spec } = super::read(body)?;
    Ok(spec.signature.public_key.content)
}
