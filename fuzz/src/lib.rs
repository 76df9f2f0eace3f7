//! What the targets share.

use trust_core::{PublicKey, SignatureAlgorithm, SignatureError, SignatureScheme, Signed, TrustRoot};

/// A back end to which every signature is right, so that a fuzzer gets behind them.
#[derive(Debug)]
pub struct AcceptAll;

impl SignatureAlgorithm for AcceptAll {
    fn verify(
        &self,
        _: &PublicKey,
        _: SignatureScheme,
        _: Signed<'_>,
        _: &[u8],
    ) -> Result<(), SignatureError> {
        Ok(())
    }
}

/// The embedded set's trust root, whose authorities and logs made the seeds.
pub fn seed_root() -> TrustRoot {
    TrustRoot::from_json(include_bytes!("../../examples/data/trusted-root.json")).unwrap_or_default()
}

/// The same, to which every signature is right.
pub fn accepting_root() -> TrustRoot {
    seed_root().with_back_end(&AcceptAll)
}

/// Splits DER values that stand one after the other; the last takes what does not split.
pub fn der_values(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut values = Vec::new();
    while let [_, first, rest @ ..] = bytes {
        let (head, len) = match (*first, rest) {
            (0x82, [high, low, ..]) => (4, usize::from(u16::from_be_bytes([*high, *low]))),
            (0x81, [len, ..]) => (3, usize::from(*len)),
            (len, _) => (2, usize::from(len)),
        };
        let (value, rest) = bytes.split_at_checked(head + len).unwrap_or((bytes, &[]));
        values.push(value);
        bytes = rest;
    }
    values
}
