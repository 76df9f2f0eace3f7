//! A log entry whose body a stranger wrote is never in a trusted log, whichever kind it claims to be. Even where the
//! log did promise it, it is about one claim only.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::{
    ClaimedContent, ClaimedSigner, Envelope, LogClaim, LogEntry, Signed, TransparencyLog, TrustRoot, UnixTime,
};
use trust_fuzz::AcceptAll;
use trust_rekor::RekorLog;

static ROOT: LazyLock<TrustRoot> = LazyLock::new(TrustRoot::public_good);
static ACCEPTING: LazyLock<TrustRoot> = LazyLock::new(|| TrustRoot::public_good().with_back_end(&AcceptAll));

fuzz_target!(|body: &[u8]| {
    let log = &ROOT.transparency_logs()[0];
    let time = UnixTime::from_seconds(1_700_000_000);
    let entry = LogEntry::with_promise(log.log_id.clone(), 1, time, body.to_vec(), vec![0; 70]);
    let envelope = Envelope::new("application/vnd.in-toto+json", b"content".to_vec(), b"signature".to_vec());
    let claim = |signature, content| LogClaim {
        signature,
        scheme: log.key.log_scheme(),
        signer: ClaimedSigner::Key(&log.key),
        content,
    };
    for content in
        [ClaimedContent::Artifact(Signed::Message(b"content")), ClaimedContent::Envelope(&envelope)]
    {
        let verify = |root: &TrustRoot, signature| {
            RekorLog.verify_entry(&entry, &claim(signature, content), root.transparency_logs())
        };
        assert!(verify(&ROOT, b"signature").is_err());
        if verify(&ACCEPTING, b"signature").is_ok() {
            assert!(verify(&ACCEPTING, b"another signature").is_err());
        }
    }
});
