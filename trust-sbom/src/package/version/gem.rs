//! [RubyGems](https://docs.ruby-lang.org/en/master/Gem/Version.html): numbers and words; a word makes a prerelease.

use core::cmp::Ordering;

use super::{compare_lists, compare_parts, number_or_zero, take_while};

pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (canonical(segments(a)?), canonical(segments(b)?));
    let (a, b): (Vec<&str>, Vec<&str>) =
        (a.iter().map(String::as_str).collect(), b.iter().map(String::as_str).collect());
    Some(compare_lists(&a, &b, |a, b| compare_parts(number_or_zero(a), number_or_zero(b), Ordering::Less)))
}

/// Without the zeros before the first word, and without those at the end: `1.0.0.rc1` is `1.0.rc1`.
fn canonical(mut segments: Vec<String>) -> Vec<String> {
    let is_word = |segment: &String| segment.starts_with(|first: char| first.is_ascii_alphabetic());
    let mut words = segments.split_off(segments.iter().position(is_word).unwrap_or(segments.len()));
    for part in [&mut segments, &mut words] {
        while part.last().is_some_and(|last| last.bytes().all(|byte| byte == b'0')) {
            part.pop();
        }
    }
    segments.append(&mut words);
    segments
}

/// Runs of digits and of letters; a hyphen stands for `.pre.`.
fn segments(text: &str) -> Option<Vec<String>> {
    let text = text.trim().replace('-', ".pre.");
    let is_version = text.bytes().next().is_none_or(|first| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    if !is_version {
        return None;
    }
    let (mut segments, mut rest) = (Vec::new(), text.as_str());
    while !rest.is_empty() {
        let (digits, after) = take_while(rest, |byte| byte.is_ascii_digit());
        let (letters, after) = take_while(after, |byte| byte.is_ascii_alphabetic());
        segments.extend([digits, letters].into_iter().filter(|run| !run.is_empty()).map(str::to_owned));
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    Some(segments)
}
