//! [Semantic Versioning 2.0.0, section 11](https://semver.org/spec/v2.0.0.html#spec-item-11), with numbers of any
//! length. A leading `v` and absent minor and patch numbers are read, since packages have both.

use core::cmp::Ordering;

use super::{compare_lists, compare_numbers, compare_parts, is_number, number_or_zero};

pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Version::read(a)?, Version::read(b)?);
    let numbers =
        compare_lists(&a.numbers, &b.numbers, |a, b| compare_numbers(number_or_zero(a), number_or_zero(b)));
    Some(numbers.then_with(|| compare_prereleases(a.prerelease, b.prerelease)))
}

struct Version<'a> {
    numbers: Vec<&'a str>,
    prerelease: Option<&'a str>,
}

impl<'a> Version<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let text = text.trim().trim_start_matches(['v', '=']);
        // Build metadata does not count.
        let text = text.split_once('+').map_or(text, |(version, _)| version);
        let (core, prerelease) = match text.split_once('-') {
            Some((core, prerelease)) => (core, Some(prerelease)),
            None => (text, None),
        };
        let numbers: Vec<&str> = core.split('.').collect();
        let is_version = numbers.len() <= 4 && numbers.iter().all(|number| is_number(number));
        is_version.then_some(Self { numbers, prerelease })
    }
}

/// A version without prerelease comes after the same with one.
fn compare_prereleases(a: Option<&str>, b: Option<&str>) -> Ordering {
    let (a, b) = match (a, b) {
        (None, None) => return Ordering::Equal,
        (None, Some(_)) => return Ordering::Greater,
        (Some(_), None) => return Ordering::Less,
        (Some(a), Some(b)) => (a, b),
    };
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split('.').collect(), b.split('.').collect());
    compare_lists(&a, &b, |a, b| match (a, b) {
        (None, _) => Ordering::Less,
        (_, None) => Ordering::Greater,
        (Some(a), Some(b)) => compare_parts(a, b, Ordering::Greater),
    })
}
