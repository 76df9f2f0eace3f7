//! A bundle that nobody signed is never verified, whatever it says, and reading it keeps the limits. Behind the
//! signatures, what is verified still is about the artifact, in a log, and at a time that is not in the future.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::{
    Bundle, CertificateIdentity, Digest, IdentityPolicy, Pattern, PublicKey, Signed, SignerPolicy, TrustRoot,
    UnixTime, Verifier,
};
use trust_fuzz::{AcceptAll, accepting_root, seed_root, within};
use trust_rekor::RekorLog;

static ROOT: LazyLock<TrustRoot> = LazyLock::new(seed_root);
static ACCEPTING: LazyLock<TrustRoot> = LazyLock::new(accepting_root);
static KEY: LazyLock<PublicKey> = LazyLock::new(|| ROOT.transparency_logs()[0].key.clone());
static ANYBODY: LazyLock<SignerPolicy> = LazyLock::new(|| {
    let any = || Pattern::regex(".*").unwrap();
    SignerPolicy::Identity(IdentityPolicy::new([CertificateIdentity::new(any(), any())]).unwrap())
});
/// The image of the embedded set that is signed without a key.
static IMAGE: LazyLock<Digest> = LazyLock::new(|| {
    "sha256:a8a5f4a2cf64fbab20959e539fce691b94ae4f29f9b6f0afd4886496ea9e192e".parse().unwrap()
});
const NOW: UnixTime = UnixTime::from_seconds(4_000_000_000);

fuzz_target!(|bytes: &[u8]| {
    let Ok(bundle) = within(4, bytes, Bundle::from_json) else { return };
    assert!(bundle.unverified_log_entries().len() <= 32);
    let artifact = Signed::Digest(&IMAGE);

    let policy = SignerPolicy::Key(KEY.clone().into());
    let verifier = Verifier::new(&ROOT, &RekorLog).accepting_signatures_in_no_transparency_log();
    assert!(verifier.verify(&bundle, artifact, &policy, NOW).is_err());

    let anything = SignerPolicy::Key(KEY.clone().with_back_end(&AcceptAll).into());
    let verifier = Verifier::new(&ACCEPTING, &RekorLog);
    for policy in [&anything, &ANYBODY] {
        let Ok(verified) = verifier.verify(&bundle, artifact, policy, NOW) else { continue };
        assert!(!verified.log_entries().is_empty());
        assert!(verified.times().iter().all(|time| time.time() <= NOW));
        assert!(verified.statement().is_none_or(|statement| statement.applies_to(&IMAGE)));
        if std::ptr::eq(policy, &raw const *ANYBODY) {
            assert!(!verified.times().is_empty() && !verified.certificate_timestamps().is_empty());
        }
        // Nothing about it verifies for another artifact, except a signature that covers no statement.
        let other = Digest::sha256(b"another image");
        let again = verifier.verify(&bundle, Signed::Digest(&other), policy, NOW);
        assert!(again.is_err(), "{again:?}");
    }
});
