//! [`Evidence`]: everything that was fetched to judge a resource, as plain data.
//!
//! It says what was found and where, and what could not be fetched and why. It vouches for nothing: evaluation
//! verifies all of it. As data it can be archived, and judged again a year later.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;
use trust_core::Digest;
use trust_core::internal::encoding;
use trust_core::revocation::{RevocationAnswers, RevocationQuery};

/// What was fetched, by image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// By image as written in the resource.
    pub images: BTreeMap<String, ImageEvidence>,
    /// Objects that policies refer to, as Kubernetes has them, by [`ObjectName`](crate::ObjectName) as text. Of a Secret
    /// only what is public belongs here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objects: BTreeMap<String, Result<serde_json::Value, FetchFailure>>,
    /// Indexes, manifests and configurations of images, as they were stored, by digest (`sha256:…`). What an image says about itself is
    /// known if its index, its manifests and their configurations are all here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub documents: BTreeMap<String, String>,
    /// OCSP responses and CRLs, by [query](RevocationQuery) as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revocations: BTreeMap<String, Result<RevocationAnswer, FetchFailure>>,
}

/// An OCSP response or a CRL, as it was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RevocationAnswer(
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")] pub Arc<[u8]>,
);

impl RevocationAnswers for Evidence {
    fn answer(&self, query: &RevocationQuery) -> Option<Result<&[u8], String>> {
        let found = self.revocations.get(&query.to_string())?;
        Some(found.as_ref().map(|answer| &*answer.0).map_err(|failure| failure.problem.clone()))
    }
}

/// What was fetched for one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageEvidence {
    /// What the reference was resolved to, once: whatever is verified, patched and reported is this digest.
    pub digest: Result<Digest, FetchFailure>,
    /// Signatures and attestations that were found for that digest.
    pub artifacts: Vec<Artifact>,
    /// What is known to be there, or may be, but could not be fetched.
    pub failures: Vec<FetchFailure>,
    /// What else was noticed, in words: signatures of other kinds, or of other manifests of the same image. It counts for
    /// nothing, and says where a signature may be that is missed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What is attached to the image in forms that nothing here verifies, so it counts for nothing: statements that BuildKit puts into
    /// the image's own index (`application/vnd.in-toto+json`), which carry no signature.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unverified: Vec<Artifact>,
}

impl ImageEvidence {
    /// An image at which nothing was found, yet.
    #[must_use]
    pub fn of(digest: Digest) -> Self {
        Self {
            digest: Ok(digest),
            artifacts: Vec::new(),
            failures: Vec::new(),
            notes: Vec::new(),
            unverified: Vec::new(),
        }
    }

    /// An image of which nothing is known.
    #[must_use]
    pub fn failed(failure: FetchFailure) -> Self {
        Self {
            digest: Err(failure.clone()),
            artifacts: Vec::new(),
            failures: vec![failure],
            notes: Vec::new(),
            unverified: Vec::new(),
        }
    }
}

/// A signature or attestation as it was stored, by Sigstore's tools or the Notary Project's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Where it was found, for messages: a tag or referrer, and a layer.
    pub location: String,
    /// What the layer is said to be.
    pub media_type: String,
    /// The layer's annotations, in which cosign 1 and 2 keep signatures.
    pub annotations: BTreeMap<String, String>,
    /// The layer's content.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub content: Arc<[u8]>,
}

/// Something could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[error("{location}: {problem}")]
pub struct FetchFailure {
    /// What.
    pub location: String,
    /// Why not, for programs.
    pub kind: FailureKind,
    /// Why not, for people.
    pub problem: String,
}

/// Why something could not be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum FailureKind {
    /// It is not there.
    NotFound,
    /// Its content is not what its digest says: the store is broken, or lies. Nothing from it can be believed.
    Tampered,
    /// It is larger, or there is more of it, than is read.
    TooLarge,
    /// It is there, but not as the format requires.
    Malformed,
    /// The store did not answer, or answered that it is broken.
    Unavailable,
    /// The store wants other credentials.
    Unauthorized,
    /// The store answers no more for now.
    RateLimited,
    /// The store did not answer in time.
    TimedOut,
    /// It is at an address at which nothing is asked.
    Forbidden,
}

impl FailureKind {
    /// Whether it may succeed if it is tried again as it is.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Unavailable | Self::RateLimited | Self::TimedOut)
    }
}

fn to_base64<S: Serializer>(bytes: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encoding::to_base64(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    encoding::from_base64(&text).map(Arc::from).ok_or_else(|| de::Error::custom("content is not base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_reads_back_as_it_was() {
        let (kind, problem) = (FailureKind::NotFound, "gone".to_owned());
        let failure = FetchFailure { location: "tag a".to_owned(), kind, problem };
        let artifact = Artifact {
            location: "tag b".to_owned(),
            media_type: "m".to_owned(),
            annotations: BTreeMap::from([("k".to_owned(), "v".to_owned())]),
            content: Arc::from([0, 255]),
        };
        let found = ImageEvidence {
            digest: Ok(Digest::sha256(b"x")),
            artifacts: vec![artifact],
            failures: vec![failure.clone()],
            ..ImageEvidence::of(Digest::sha256(b"x"))
        };
        let absent = ImageEvidence::failed(failure);
        let images = BTreeMap::from([("a".to_owned(), found), ("b".to_owned(), absent)]);
        let objects = BTreeMap::from([("Secret/a/b".to_owned(), Ok(serde_json::json!({"data": {}})))]);
        let documents = BTreeMap::from([(Digest::sha256(b"{}").to_string(), "{}".to_owned())]);
        let answer = Ok(RevocationAnswer(Arc::from([1, 2])));
        let revocations = BTreeMap::from([("crl http://crl.example/1".to_owned(), answer)]);
        let evidence = Evidence { images, objects, documents, revocations };
        let text = serde_json::to_string(&evidence).unwrap();
        assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), evidence);
    }
}
