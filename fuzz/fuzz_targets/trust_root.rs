//! A trust root that is read trusts no log from ever on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trust_core::TrustRoot;
use trust_fuzz::within;

fuzz_target!(|bytes: &[u8]| {
    let Ok(root) = within(4, bytes, TrustRoot::from_json) else { return };
    for log in root.transparency_logs().iter().chain(root.certificate_logs()) {
        assert!(log.valid_for.start.is_some());
    }
    for authority in root.certificate_authorities().iter().chain(root.timestamp_authorities()) {
        assert!(!authority.chain().is_empty());
    }
});
