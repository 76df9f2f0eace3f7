//! Logs that vouch for a certificate are known, are counted once, and are as many as were required.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::internal::encoding;
use trust_core::{Certificate, TrustRoot, verify_scts};
use trust_fuzz::{accepting_root, seed_root};

static ROOT: LazyLock<TrustRoot> = LazyLock::new(seed_root);
static ACCEPTING: LazyLock<TrustRoot> = LazyLock::new(accepting_root);

fuzz_target!(|bytes: &[u8]| {
    let Ok(leaf) = Certificate::from_der(bytes) else { return };
    let issuer = &ROOT.certificate_authorities()[0].chain()[0];
    let _ = verify_scts(&leaf, issuer, ROOT.certificate_logs(), 1);
    for required in 0..3 {
        let Ok(verified) = verify_scts(&leaf, issuer, ACCEPTING.certificate_logs(), required) else {
            continue;
        };
        assert!((required..=16).contains(&verified.len()));
        for (index, sct) in verified.iter().enumerate() {
            assert!(verified[..index].iter().all(|earlier| earlier.log_id() != sct.log_id()));
            let known = |log: &trust_core::LogKey| encoding::to_hex(&log.log_id) == sct.log_id();
            assert!(ROOT.certificate_logs().iter().any(known));
        }
    }
});
