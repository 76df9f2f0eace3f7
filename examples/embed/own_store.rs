//! Judge images from a store of your own: here a layout that is asked through a counter.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use trust_gate::{Boxed, Deadline, EvidenceStore, Found, Item, Limits, OciLayout, StoreError, Want, collect};

#[derive(Debug)]
struct Counted(OciLayout, Arc<AtomicUsize>);

/// "Not there" is `Found::Absent`; "not known" is an error, which denies.
impl EvidenceStore for Counted {
    fn fetch<'a>(&'a self, want: &'a Want, until: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        if matches!(want.item, Item::Manifest(_) | Item::Blob { .. }) {
            self.1.fetch_add(1, Relaxed);
        }
        self.0.fetch(want, until)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let fetched = Arc::new(AtomicUsize::new(0));
    let layout = OciLayout::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/images"))?;
    let store = Counted(layout, fetched.clone());
    let found = collect(&store, &"ghcr.io/myorg/app:signed".parse()?, &Limits::default());
    println!("{} artifacts in {} fetches", found.artifacts.len(), fetched.load(Relaxed));
    Ok(())
}
