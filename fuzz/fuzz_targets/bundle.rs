//! A bundle that nobody signed is never verified, whatever it says, and reading it keeps the limits.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::{Bundle, Digest, PublicKey, Signed, SignerPolicy, TrustRoot, UnixTime, Verifier};
use trust_rekor::RekorLog;

static ROOT: LazyLock<TrustRoot> = LazyLock::new(TrustRoot::public_good);
static KEY: LazyLock<PublicKey> = LazyLock::new(|| ROOT.transparency_logs()[0].key.clone());

fuzz_target!(|bytes: &[u8]| {
    let Ok(bundle) = Bundle::from_json(bytes) else { return };
    assert!(bundle.unverified_log_entries().len() <= 32);
    let digest = Digest::sha256(b"an artifact that nobody signed with the log's key");
    let policy = SignerPolicy::Key(KEY.clone().into());
    let verified = Verifier::new(&ROOT, &RekorLog).accepting_signatures_in_no_transparency_log().verify(
        &bundle,
        Signed::Digest(&digest),
        &policy,
        UnixTime::from_seconds(4_000_000_000),
    );
    assert!(verified.is_err());
});
