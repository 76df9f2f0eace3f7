//! [`Repositories`]: which store answers for which image.

use trust_core::ImageRef;

use crate::deadline::{Boxed, Deadline};
use crate::store::{EvidenceStore, Found, Item, StoreError, Want};

/// Stores, by the repository or the single image that each answers for. It is a store itself, which routes each question.
#[derive(Debug, Default)]
pub struct Repositories {
    entries: Vec<Entry>,
    others: Option<Box<dyn EvidenceStore>>,
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
        // A store that is broken answers too, and says so for each image.
        let only = store.only_image().ok().flatten().filter(|_| is_one_image);
        let only = only.and_then(|digest| format!("{}@{digest}", reference.name()).parse().ok());
        let store: Box<dyn EvidenceStore> = match only {
            Some(only) => {
                let only = Want::new(only, Item::Image);
                Box::new(OneImage { store, reference: reference.clone(), only })
            }
            None => Box::new(store),
        };
        self.entries.push(Entry { reference, is_one_image, store });
    }

    /// Lets a store, such as a registry, answer for every repository that no other store answers for.
    pub fn insert_for_others(&mut self, store: impl EvidenceStore + 'static) {
        self.others = Some(Box::new(store));
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
            .map(|entry| &entry.store)
            .or(self.others.as_ref())
            .map(Box::as_ref)
    }
}

impl EvidenceStore for Repositories {
    fn fetch<'a>(&'a self, want: &'a Want, until: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        match self.store_for(&want.image) {
            Some(store) => store.fetch(want, until),
            None => Box::pin(async { Err(StoreError::NoStore) }),
        }
    }
}

/// A store with one image, under the name that it is known by outside.
#[derive(Debug)]
struct OneImage<S> {
    store: S,
    reference: ImageRef,
    /// The question by which the store knows it.
    only: Want,
}

impl<S: EvidenceStore> EvidenceStore for OneImage<S> {
    fn fetch<'a>(&'a self, want: &'a Want, until: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        if want.item == Item::Image
            && want.image.digest().is_none()
            && want.image.tag() == self.reference.tag()
        {
            return self.store.fetch(&self.only, until);
        }
        self.store.fetch(want, until)
    }
}
