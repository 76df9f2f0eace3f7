//! [`Repositories`]: which store answers for which image.

use trust_core::{Digest, ImageRef};

use crate::store::{EvidenceStore, StoreError};

/// Stores, by the repository or the single image that each answers for.
#[derive(Debug, Default)]
pub struct Repositories {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    reference: ImageRef,
    /// Whether the entry is about one tag or digest only.
    is_one_image: bool,
    store: Box<dyn EvidenceStore>,
}

impl Repositories {
    /// No repository: nothing can be fetched.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets a store answer for `reference`: for its repository, or, if it names a tag or digest, for that image only.
    ///
    /// A store that holds one image answers for a tag with that image, whatever it is called inside.
    pub fn insert(&mut self, reference: ImageRef, store: impl EvidenceStore + 'static) {
        // `latest` may have been filled in: only what was written counts.
        let written = reference.written();
        let last = written.rsplit('/').next().unwrap_or(written);
        let is_one_image = last.contains([':', '@']);
        let store: Box<dyn EvidenceStore> = match store.only_image() {
            Ok(Some(digest)) if is_one_image => {
                Box::new(OneImage { store, reference: reference.clone(), digest })
            }
            // A store that is broken answers too, and says so for each image.
            Ok(_) | Err(_) => Box::new(store),
        };
        self.entries.push(Entry { reference, is_one_image, store });
    }

    /// The store that answers for `image`: one for that very image before one for its repository.
    ///
    /// A digest names the same content wherever it is found, so any store of the repository answers for it.
    #[must_use]
    pub fn store_for(&self, image: &ImageRef) -> Option<&dyn EvidenceStore> {
        let of_repository = |entry: &&Entry| entry.reference.name() == image.name();
        let is_image = |entry: &&Entry| entry.is_one_image && entry.reference.tag() == image.tag();
        let is_repository = |entry: &&Entry| !entry.is_one_image || image.digest().is_some();
        let candidates = || self.entries.iter().filter(of_repository);
        candidates()
            .find(is_image)
            .or_else(|| candidates().find(is_repository))
            .map(|entry| entry.store.as_ref())
    }
}

/// A store with one image, under the name that it is known by outside.
#[derive(Debug)]
struct OneImage<S> {
    store: S,
    reference: ImageRef,
    digest: Digest,
}

impl<S: EvidenceStore> EvidenceStore for OneImage<S> {
    fn resolve(&self, image: &ImageRef) -> Result<Option<Digest>, StoreError> {
        if image.digest().is_none() && image.tag() == self.reference.tag() {
            return Ok(Some(self.digest.clone()));
        }
        self.store.resolve(image)
    }

    fn tag(&self, tag: &str) -> Result<Option<Digest>, StoreError> {
        self.store.tag(tag)
    }

    fn fetch(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.fetch(digest, limit)
    }

    fn referrers(&self, digest: &Digest) -> Result<Vec<Digest>, StoreError> {
        self.store.referrers(digest)
    }

    fn check_image(&self, digest: &Digest) -> Result<(), StoreError> {
        self.store.check_image(digest)
    }
}
