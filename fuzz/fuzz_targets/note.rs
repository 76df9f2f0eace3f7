//! A note that is accepted follows the grammar, and no known key has signed a stranger's text.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::{PublicKey, TrustRoot};
use trust_rekor::{Checkpoint, NoteKey, SignedNote};

static KEY: LazyLock<PublicKey> =
    LazyLock::new(|| TrustRoot::public_good().transparency_logs()[1].key.clone());

fuzz_target!(|text: &str| {
    let Ok(note) = SignedNote::parse(text) else { return };
    assert!(note.unverified_text().ends_with('\n'));
    assert!(text.starts_with(note.unverified_text()) && text.ends_with('\n'));
    assert!((1..=100).contains(&note.unverified_signatures().len()));
    let key = NoteKey::c2sp("log2025-1.rekor.sigstore.dev", &KEY);
    // The seeds hold no checkpoint of this log, so whatever verifies was forged.
    assert!(Checkpoint::verify(&note, &key).is_err());
});
