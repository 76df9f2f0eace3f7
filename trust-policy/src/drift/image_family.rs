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
