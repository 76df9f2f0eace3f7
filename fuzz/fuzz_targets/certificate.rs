//! A certificate is what was read: its bytes come back unchanged, and no stranger's key has signed it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trust_core::{Certificate, Identity, TrustRoot};
use trust_fuzz::within;

fuzz_target!(|bytes: &[u8]| {
    let Ok(certificate) = within(4, bytes, Certificate::from_der) else { return };
    assert_eq!(certificate.der(), bytes);
    let _ = Identity::unverified_from_certificate(&certificate);
    let root = TrustRoot::public_good();
    let is_in_root = root.certificate_authorities().iter().any(|one| one.chain().contains(&certificate));
    let log = &root.transparency_logs()[0].key;
    assert!(is_in_root || certificate.verify_signature(log).is_err());
});
