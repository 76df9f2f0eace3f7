//! What the targets share.

use peak_alloc::PeakAlloc;
use trust_core::TrustRoot;
use trust_policy::{Explanation, Verdict};
pub use trust_testkit::AcceptAll;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that a reader may hold whatever its input is: windows, tables, the room that vectors keep.
const FIXED: usize = 1 << 20;

/// Reads, and asserts that no more was held than so many times the input.
pub fn within<T>(times: usize, input: &[u8], read: impl FnOnce(&[u8]) -> T) -> T {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let value = read(input);
    let held = MEMORY.peak_usage().saturating_sub(before);
    assert!(held <= FIXED + times * input.len(), "{held} bytes were held to read {}", input.len());
    value
}

/// Asserts that the text of a verdict has the lines that its tree has: nobody else writes one.
pub fn assert_lines(verdict: &Verdict) {
    fn count(explanations: &[Explanation]) -> usize {
        explanations.iter().map(|one| 1 + count(&one.because)).sum()
    }
    let rules: usize = verdict.rules.iter().map(|rule| 1 + count(&rule.explanations)).sum();
    let expected = 1 + rules.max(1) + verdict.uncovered.len() + verdict.patch.len();
    let text = verdict.to_string();
    assert_eq!(text.lines().count(), expected, "{text}");
    assert!(!text.contains(['\r', '\u{1b}', '\u{202e}', '\u{2028}']), "{text:?}");
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
