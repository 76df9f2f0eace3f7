//! [Debian policy, section 5.6.12](https://www.debian.org/doc/debian-policy/ch-controlfields.html#version).

use core::cmp::Ordering;

use super::{compare_numbers, is_number, take_while};

pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Version::read(a)?, Version::read(b)?);
    let ordering = compare_numbers(a.epoch, b.epoch);
    Some(
        ordering
            .then_with(|| compare_part(a.upstream, b.upstream))
            .then_with(|| compare_part(a.revision, b.revision)),
    )
}

struct Version<'a> {
    epoch: &'a str,
    upstream: &'a str,
    revision: &'a str,
}

impl<'a> Version<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        let is_allowed = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'~' | b':' | b'_')
        };
        let is_version = is_number(epoch) && !upstream.is_empty() && rest.bytes().all(is_allowed);
        is_version.then_some(Self { epoch, upstream, revision })
    }
}

/// Runs of other characters and of digits, in turn.
fn compare_part(mut a: &str, mut b: &str) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = take_while(a, |byte| !byte.is_ascii_digit());
        let (text_b, rest_b) = take_while(b, |byte| !byte.is_ascii_digit());
        let (number_a, rest_a) = take_while(rest_a, |byte| byte.is_ascii_digit());
        let (number_b, rest_b) = take_while(rest_b, |byte| byte.is_ascii_digit());
        let ordering = compare_text(text_a, text_b).then_with(|| compare_numbers(number_a, number_b));
        if ordering.is_ne() {
            return ordering;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

/// A tilde sorts before the end, the end before letters, letters before everything else.
fn compare_text(a: &str, b: &str) -> Ordering {
    let weight = |byte: Option<u8>| match byte {
        Some(b'~') => (0, 0),
        None => (1, 0),
        Some(byte) if byte.is_ascii_alphabetic() => (2, byte),
        Some(byte) => (3, byte),
    };
    let (a, b) = (a.as_bytes(), b.as_bytes());
    super::compare_lists(a, b, |a, b| weight(a.copied()).cmp(&weight(b.copied())))
}
