//! Alpine's package versions, as [apk-tools](https://gitlab.alpinelinux.org/alpine/apk-tools/-/blob/master/doc/apk-package.5.scd)
//! orders them: `number{.number}[letter]{_suffix[number]}[-rnumber]`.

use core::cmp::Ordering;

use super::{compare_numbers, take_while};

const SUFFIXES: [(&str, i8); 9] = [
    ("alpha", -4),
    ("beta", -3),
    ("pre", -2),
    ("rc", -1),
    ("cvs", 1),
    ("svn", 2),
    ("git", 3),
    ("hg", 4),
    ("p", 5),
];

pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (Version::read(a.trim())?, Version::read(b.trim())?);
    Some(
        a.compare_numbers(&b)
            .then_with(|| a.letter.cmp(&b.letter))
            .then_with(|| {
                super::compare_lists(&a.suffixes, &b.suffixes, |a, b| {
                    let ((kind_a, number_a), (kind_b, number_b)) = (suffix_or_none(a), suffix_or_none(b));
                    kind_a.cmp(&kind_b).then_with(|| compare_numbers(number_a, number_b))
                })
            })
            .then_with(|| compare_numbers(a.revision, b.revision)),
    )
}

/// Without a suffix it is neither a pre-release nor a later state.
fn suffix_or_none<'t>(suffix: Option<&(i8, &'t str)>) -> (i8, &'t str) {
    suffix.copied().unwrap_or((0, ""))
}

struct Version<'a> {
    numbers: Vec<&'a str>,
    letter: Option<char>,
    suffixes: Vec<(i8, &'a str)>,
    revision: &'a str,
}

impl<'a> Version<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let digits = |text: &'a str| take_while(text, |byte| byte.is_ascii_digit());
        let (first, mut rest) = digits(text);
        let mut version = Self { numbers: vec![first], letter: None, suffixes: Vec::new(), revision: "" };
        while let Some(after) = rest.strip_prefix('.') {
            let (number, after) = digits(after);
            version.numbers.push(number);
            rest = after;
        }
        if let Some(letter) = rest.chars().next().filter(char::is_ascii_lowercase) {
            (version.letter, rest) = (Some(letter), rest.get(1..)?);
        }
        while let Some(after) = rest.strip_prefix('_') {
            let (name, after) = take_while(after, |byte| byte.is_ascii_lowercase());
            let (_, kind) = SUFFIXES.iter().find(|(suffix, _)| *suffix == name)?;
            let (number, after) = digits(after);
            version.suffixes.push((*kind, number));
            rest = after;
        }
        if let Some(after) = rest.strip_prefix("-r") {
            (version.revision, rest) = digits(after);
        }
        (rest.is_empty() && version.numbers.iter().all(|number| !number.is_empty())).then_some(version)
    }

    /// Numbers after the first that begin with 0 are fractions: they are compared as text.
    fn compare_numbers(&self, other: &Self) -> Ordering {
        let (mut a, mut b) = (self.numbers.iter(), other.numbers.iter());
        let mut is_first = true;
        loop {
            let ordering = match (a.next(), b.next()) {
                (None, None) => return Ordering::Equal,
                (None, Some(_)) => return Ordering::Less,
                (Some(_), None) => return Ordering::Greater,
                (Some(a), Some(b)) if !is_first && (a.starts_with('0') || b.starts_with('0')) => a.cmp(b),
                (Some(a), Some(b)) => compare_numbers(a, b),
            };
            if ordering.is_ne() {
                return ordering;
            }
            is_first = false;
        }
    }
}
