//! A log entry whose body a stranger wrote is never in a trusted log, whichever kind it claims to be.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::{
    ClaimedContent, ClaimedSigner, LogClaim, LogEntry, Signed, TransparencyLog, TrustRoot, UnixTime,
};
use trust_rekor::RekorLog;

static ROOT: LazyLock<TrustRoot> = LazyLock::new(TrustRoot::public_good);

fuzz_target!(|body: &[u8]| {
    let log = &ROOT.transparency_logs()[0];
    let time = UnixTime::from_seconds(1_700_000_000);
    let entry = LogEntry::with_promise(log.log_id.clone(), 1, time, body.to_vec(), vec![0; 70]);
    let claim = LogClaim {
        signature: b"signature",
        scheme: log.key.log_scheme(),
        signer: ClaimedSigner::Key(&log.key),
        content: ClaimedContent::Artifact(Signed::Message(b"content")),
    };
    assert!(RekorLog.verify_entry(&entry, &claim, ROOT.transparency_logs()).is_err());
});
