//! [`TargetArtifact`]: what a signature is about
//! ([payload](https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md#payload)).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest::{Digest, DigestMismatch};
use crate::text::json::{self, JsonError};

/// The artifact that a signature is about, by its descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct TargetArtifact {
    /// The media type of its manifest.
    pub media_type: String,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The size of its manifest in bytes.
    pub size: u64,
    /// What the signer says of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Its type, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// What is signed is no payload of the Notary Project, or it is about something else.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// It is not the JSON that is expected.
    #[error("payload is not a `targetArtifact` with `mediaType`, `digest` and `size`")]
    Json(#[from] JsonError),
    /// It is about an artifact of another digest.
    #[error("payload is about another artifact")]
    Digest(#[from] DigestMismatch),
    /// It is about an artifact of another media type.
    #[error("payload is about an artifact of type `{found}`, expected `{expected}`")]
    MediaType {
        /// The type in the payload.
        found: String,
        /// The type of the artifact.
        expected: String,
    },
    /// It is about an artifact of another size.
    #[error("payload is about an artifact of {found} bytes, expected {expected}")]
    Size {
        /// The size in the payload.
        found: u64,
        /// The size of the artifact.
        expected: u64,
    },
}

/// A payload has this field alone; what else stands there is signed and means nothing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    target_artifact: TargetArtifact,
}

impl TargetArtifact {
    pub(super) fn from_payload(bytes: &[u8]) -> Result<Self, PayloadError> {
        Ok(json::from_slice::<Payload>(bytes)?.target_artifact)
    }

    /// A manifest that is signed.
    #[must_use]
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        let (annotations, artifact_type) = (BTreeMap::new(), None);
        Self { media_type: media_type.into(), digest, size, annotations, artifact_type }
    }

    /// What is signed.
    pub(super) fn to_payload(&self) -> Vec<u8> {
        serde_json::json!({ "targetArtifact": self }).to_string().into_bytes()
    }

    /// Proves that this is the descriptor of a manifest: of its bytes, and of the media type under which it is known.
    ///
    /// # Errors
    /// If digest, size or media type differ.
    pub fn check(&self, manifest: &[u8], media_type: &str) -> Result<(), PayloadError> {
        self.digest.check(manifest)?;
        let expected = manifest.len() as u64;
        if self.size != expected {
            return Err(PayloadError::Size { found: self.size, expected });
        }
        if self.media_type != media_type {
            let (found, expected) = (self.media_type.clone(), media_type.to_owned());
            return Err(PayloadError::MediaType { found, expected });
        }
        Ok(())
    }
}
