//! What a gate is given under load: an image in memory, and how much memory the process holds.

use std::collections::BTreeMap;

use trust_gate::{
    Boxed, Deadline, Discovery, EvidenceStore, Found, Item, Limits, OciLayout, StoreError, Want,
};

/// What was asked of a layout, in memory.
#[derive(Debug)]
pub struct Memory(BTreeMap<Item, Found>);

impl EvidenceStore for Memory {
    fn fetch<'a>(&'a self, want: &'a Want, _: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        let found = self.0.get(&want.item).cloned().unwrap_or(Found::Absent);
        Box::pin(async { Ok(found) })
    }
}

/// The image `ghcr.io/myorg/app:signed` of the embedded set, with all that is attached to it.
#[must_use]
pub fn memory() -> Memory {
    let layout = OciLayout::open(crate::data().join("images")).expect("the embedded set has images");
    let image: trust_core::ImageRef = "ghcr.io/myorg/app:signed".parse().expect("a reference");
    let mut discovery = Discovery::new(image, &Limits::default());
    let mut answers = BTreeMap::new();
    loop {
        let wants = discovery.wants();
        if wants.is_empty() {
            return Memory(answers);
        }
        for want in wants {
            let found = layout.find(&want).expect("the layout is whole");
            answers.insert(want.item.clone(), found.clone());
            discovery.answer(&want, Ok(found));
        }
    }
}

/// Bytes that the process holds.
#[must_use]
pub fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

/// The number behind an option of the command line.
#[must_use]
pub fn option(name: &str) -> Option<u64> {
    let arguments: Vec<String> = std::env::args().collect();
    let at = arguments.iter().position(|one| one == name)?;
    arguments.get(at + 1)?.parse().ok()
}
