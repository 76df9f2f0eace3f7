//! Envelopes of the Notary Project are read in both forms without a panic, within what their length allows; and a name that is read is a part
//! of itself, and a trust policy that is read has a statement.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trust_core::notation::{
    COSE_MEDIA_TYPE, DistinguishedName, JWS_MEDIA_TYPE, SignatureEnvelope, TrustPolicy,
};
use trust_fuzz::within;

fuzz_target!(|bytes: &[u8]| {
    for media_type in [JWS_MEDIA_TYPE, COSE_MEDIA_TYPE] {
        let read = within(64, bytes, |bytes| SignatureEnvelope::from_bytes(media_type, bytes));
        if let Ok(envelope) = read {
            let _ = envelope.unverified_artifact();
            let _ = envelope.verify();
        }
    }
    if let Ok(policy) = within(64, bytes, TrustPolicy::from_json) {
        assert!(policy.statements().iter().all(|one| one.actions.skips_all() || !one.stores.is_empty()));
        assert!(!policy.statements().is_empty());
    }
    if let Ok(text) = core::str::from_utf8(bytes)
        && let Ok(name) = DistinguishedName::parse(text)
    {
        assert!(name.is_part_of(&name));
    }
});
