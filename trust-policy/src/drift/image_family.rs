//! [`ImageFamily`]: the digests by which one image may run.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use trust_core::Digest;

use crate::evaluate::image_content;

/// The digests by which one image may run: its own, and if it is an index, those of its platforms' manifests; and those of the
/// configurations. It proves that they belong together, for each names the next by its digest; not that any of them may run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFamily(BTreeSet<Digest>);

impl ImageFamily {
    /// The family of an image, from its index, manifests and configurations as they were stored, by digest. All of them must be
    /// there.
    ///
    /// # Errors
    /// If one is not there, cannot be read, or is not what its digest says: in words.
    pub fn of(image: &Digest, documents: &BTreeMap<String, String>) -> Result<Self, String> {
        image_content::family(image, documents).map(Self).map_err(|(_, problem)| problem)
    }

    /// Which index and manifests of an image are still to be fetched, by what is known of it: ask again with them, until none is.
    ///
    /// # Errors
    /// If one that is there cannot be read, or is not what its digest says: in words.
    pub fn missing(image: &Digest, documents: &BTreeMap<String, String>) -> Result<Vec<Digest>, String> {
        image_content::missing(image, documents).map_err(|(_, problem)| problem)
    }

    /// Whether a digest is one of them.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        self.0.contains(digest)
    }
}

impl FromIterator<Digest> for ImageFamily {
    fn from_iter<T: IntoIterator<Item = Digest>>(digests: T) -> Self {
        Self(digests.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn digest_of(document: &Value) -> Digest {
        Digest::sha256(document.to_string().as_bytes())
    }

    fn manifest(config: &[u8]) -> Value {
        json!({"schemaVersion": 2, "config": {"digest": Digest::sha256(config), "size": 1, "mediaType": "c"}, "layers": []})
    }

    #[test]
    fn a_family_is_the_index_its_platforms_and_their_configurations() {
        let (amd64, arm64, attestation) = (manifest(b"amd64"), manifest(b"arm64"), manifest(b"attestation"));
        let entry = |manifest: &Value, os: &str, architecture: &str| json!({"digest": digest_of(manifest), "size": 1, "mediaType": "m", "platform": {"os": os, "architecture": architecture}});
        let mut statement = entry(&attestation, "unknown", "unknown");
        statement["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        let index = json!({"schemaVersion": 2,
            "manifests": [entry(&amd64, "linux", "amd64"), entry(&arm64, "linux", "arm64"), statement]});
        let image = digest_of(&index);
        let mut documents = BTreeMap::new();
        assert_eq!(ImageFamily::missing(&image, &documents), Ok(vec![image.clone()]));
        assert!(ImageFamily::of(&image, &documents).unwrap_err().contains("was not fetched"));
        documents.insert(image.to_string(), index.to_string());
        let platforms = [&amd64, &arm64].map(digest_of);
        assert_eq!(ImageFamily::missing(&image, &documents), Ok(platforms.to_vec()), "not the attestation");
        documents.insert(platforms[0].to_string(), amd64.to_string());
        assert!(ImageFamily::of(&image, &documents).is_err(), "a platform is missing");
        documents.insert(platforms[1].to_string(), arm64.to_string());
        assert_eq!(ImageFamily::missing(&image, &documents), Ok(vec![]));
        let family = ImageFamily::of(&image, &documents).unwrap();
        let configs = [Digest::sha256(b"amd64"), Digest::sha256(b"arm64")];
        assert!([&image].into_iter().chain(&platforms).chain(&configs).all(|one| family.has(one)));
        for other in [digest_of(&attestation), Digest::sha256(b"attestation"), Digest::sha256(b"evil")] {
            assert!(!family.has(&other));
        }
        // What is not what its digest says is believed in nothing.
        documents.insert(platforms[1].to_string(), manifest(b"evil").to_string());
        assert!(ImageFamily::of(&image, &documents).is_err());
        // A single manifest is its own platform.
        let single = BTreeMap::from([(platforms[0].to_string(), amd64.to_string())]);
        let family = ImageFamily::of(&platforms[0], &single).unwrap();
        assert!(family.has(&platforms[0]) && family.has(&configs[0]) && !family.has(&configs[1]));
    }
}
