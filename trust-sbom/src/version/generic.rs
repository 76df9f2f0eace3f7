//! Versions of which nothing is known: runs of digits are numbers, runs of letters are words, and words come before
//! numbers and before the end, as prereleases do.

use core::cmp::Ordering;

use super::{compare_lists, compare_numbers, is_number, take_while};

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    compare_lists(&runs(&a), &runs(&b), |a, b| {
        let (a, b) = (a.copied().unwrap_or("0"), b.copied().unwrap_or("0"));
        match (is_number(a), is_number(b)) {
            (true, true) => compare_numbers(a, b),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => a.cmp(b),
        }
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
