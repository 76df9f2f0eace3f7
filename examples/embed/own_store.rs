//! Judge images from a store of your own: here a layout that is asked through a counter.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use trust_core::{Digest, ImageRef};
use trust_gate::{EvidenceStore, Limits, OciLayout, StoreError, collect};

#[derive(Debug)]
struct Counted(OciLayout, Arc<AtomicUsize>);

/// "Not there" is `Ok(None)`; "not known" is an error, which denies.
impl EvidenceStore for Counted {
    fn resolve(&self, image: &ImageRef) -> Result<Option<Digest>, StoreError> {
        self.0.resolve(image)
    }
    fn tag(&self, tag: &str) -> Result<Option<Digest>, StoreError> {
        self.0.tag(tag)
    }
    fn fetch(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.1.fetch_add(1, Relaxed);
        self.0.fetch(digest, limit)
    }
    fn referrers(&self, digest: &Digest) -> Result<Vec<Digest>, StoreError> {
        self.0.referrers(digest)
    }
    fn check_image(&self, digest: &Digest) -> Result<(), StoreError> {
        self.0.check_image(digest)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let fetched = Arc::new(AtomicUsize::new(0));
    let layout = OciLayout::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/images"))?;
    let store = Counted(layout, fetched.clone());
    let found = collect(Some(&store), &"ghcr.io/myorg/app:signed".parse()?, &Limits::default());
    println!("{} artifacts in {} fetches", found.artifacts.len(), fetched.load(Relaxed));
    Ok(())
}
