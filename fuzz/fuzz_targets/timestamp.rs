//! A timestamp that no trusted authority made is never verified, whatever it says.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::{TrustRoot, verify_timestamp};

static ROOT: LazyLock<TrustRoot> = LazyLock::new(TrustRoot::public_good);

fuzz_target!(|bytes: &[u8]| {
    // The seeds are of another authority, so whatever verifies was forged.
    assert!(verify_timestamp(bytes, b"content", ROOT.timestamp_authorities()).is_err());
});
