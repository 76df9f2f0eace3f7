//! A note that is accepted prints as it was read. A checkpoint, its signature aside, says what it says in one spelling.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::internal::encoding;
use trust_core::{PublicKey, TrustRoot};
use trust_fuzz::AcceptAll;
use trust_rekor::{Checkpoint, NoteKey, SignedNote};

static KEY: LazyLock<PublicKey> =
    LazyLock::new(|| TrustRoot::public_good().transparency_logs()[1].key.clone());
static ACCEPTING: LazyLock<PublicKey> = LazyLock::new(|| KEY.clone().with_back_end(&AcceptAll));

fuzz_target!(|text: &str| {
    let Ok(note) = SignedNote::parse(text) else { return };
    assert_eq!(note.to_string(), text);
    assert!((1..=100).contains(&note.unverified_signatures().len()));
    let key = NoteKey::c2sp("log2025-1.rekor.sigstore.dev", &KEY);
    let accepting = NoteKey::c2sp("log2025-1.rekor.sigstore.dev", &ACCEPTING);
    let (found, accepted) = (Checkpoint::verify(&note, &key), Checkpoint::verify(&note, &accepting));
    assert!(found.is_err() || found == accepted);
    let Ok(checkpoint) = accepted else { return };
    let root = encoding::to_base64(checkpoint.root());
    let printed = format!("{}\n{}\n{root}\n", checkpoint.origin(), checkpoint.size());
    assert!(note.unverified_text().starts_with(&printed));
});
