//! Envelopes of the Notary Project are read in both forms without a panic, within what their length allows; and a name that is read is the
//! same once it is printed and read again, and a trust policy that is read has a statement.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trust_core::notation::{
    COSE_MEDIA_TYPE, DistinguishedName, JWS_MEDIA_TYPE, SignatureEnvelope, TrustPolicy,
};
use trust_fuzz::{AcceptAll, within};

fuzz_target!(|bytes: &[u8]| {
    for media_type in [JWS_MEDIA_TYPE, COSE_MEDIA_TYPE] {
        let read = within(64, bytes, |bytes| SignatureEnvelope::from_bytes(media_type, bytes));
        if let Ok(envelope) = read {
            // What anyone writes gets past no signature, so all are taken to be right.
            if let Ok(verified) = envelope.with_back_end(&AcceptAll).verify() {
                let attributes = verified.attributes();
                assert!(attributes.expiry.is_none_or(|expiry| expiry > attributes.signing_time));
                let _ = verified.identity();
            }
        }
    }
    if let Ok(policy) = within(64, bytes, TrustPolicy::from_json) {
        assert!(policy.statements().iter().all(|one| one.actions.skips_all() || !one.stores.is_empty()));
        assert!(!policy.statements().is_empty());
    }
    if let Ok(text) = core::str::from_utf8(bytes)
        && let Ok(name) = DistinguishedName::parse(text)
    {
        let shown = name.to_string();
        if let Ok(again) = DistinguishedName::parse(&shown) {
            assert_eq!(again, name);
        } else {
            // What is escaped may be too long.
            assert!(shown.len() > 4096);
        }
    }
});
