//! Versions of which nothing is known: runs of digits are numbers, runs of letters are words, and words come before
//! numbers and before the end, as prereleases do.

use core::cmp::Ordering;

use super::{compare_lists, compare_parts, number_or_zero, take_while};

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    compare_lists(&runs(&a), &runs(&b), |a, b| {
        compare_parts(number_or_zero(a), number_or_zero(b), Ordering::Less)
    })
}

fn runs(text: &str) -> Vec<&str> {
    let (mut runs, mut rest) = (Vec::new(), text.strip_prefix('v').unwrap_or(text));
    while !rest.is_empty() {
        let (digits, after) = take_while(rest, |byte| byte.is_ascii_digit());
        let (word, after) = take_while(after, |byte| !byte.is_ascii_digit() && !b"._-+~ ".contains(&byte));
        runs.extend([digits, word].into_iter().filter(|run| !run.is_empty()));
        rest = take_while(after, |byte| b"._-+~ ".contains(&byte)).1;
    }
    runs
}
