//! [Maven's version order](https://maven.apache.org/pom.html#version-order-specification), as its `ComparableVersion` computes it.

use core::cmp::Ordering;

use super::{compare_numbers, take_while};

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim().to_lowercase(), b.trim().to_lowercase());
    compare_lists(&read(&a), &read(&b))
}

/// Numbers, words, and the lists that a hyphen or a change between digits and letters opens.
#[derive(Clone, Debug)]
enum Item<'a> {
    Number(&'a str),
    Word { text: &'a str, is_before_digit: bool },
    List(Vec<Item<'a>>),
}

/// In the order that they have; every other word comes after these, in the alphabet's order.
const QUALIFIERS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];
const RELEASE: usize = 5;

fn qualifier(text: &str, is_before_digit: bool) -> (usize, &str) {
    let text = match (text, is_before_digit) {
        ("a", true) => "alpha",
        ("b", true) => "beta",
        ("m", true) => "milestone",
        ("ga" | "final" | "release", _) => "",
        ("cr", _) => "rc",
        _ => text,
    };
    match QUALIFIERS.iter().position(|one| *one == text) {
        Some(index) => (index, ""),
        None => (QUALIFIERS.len(), text),
    }
}

impl<'a> Item<'a> {
    fn is_null(&self) -> bool {
        match self {
            Self::Number(number) => number.bytes().all(|byte| byte == b'0'),
            Self::Word { text, is_before_digit } => qualifier(text, *is_before_digit).0 == RELEASE,
            Self::List(items) => items.is_empty(),
        }
    }

    /// How it is ordered with nothing at its place.
    fn compare_with_nothing(&self) -> Ordering {
        match self {
            Self::Number(number) => compare_numbers(number, "0"),
            Self::Word { text, is_before_digit } => qualifier(text, *is_before_digit).cmp(&(RELEASE, "")),
            Self::List(items) => items
                .iter()
                .map(Self::compare_with_nothing)
                .find(|one| one.is_ne())
                .unwrap_or(Ordering::Equal),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => compare_numbers(a, b),
            // 1.1 is newer than 1-1, which is newer than 1-sp.
            (Self::Number(_), _) => Ordering::Greater,
            (_, Self::Number(_)) => Ordering::Less,
            (
                Self::Word { text: a, is_before_digit: a_before },
                Self::Word { text: b, is_before_digit: b_before },
            ) => qualifier(a, *a_before).cmp(&qualifier(b, *b_before)),
            (Self::Word { .. }, Self::List(_)) => Ordering::Less,
            (Self::List(_), Self::Word { .. }) => Ordering::Greater,
            (Self::List(a), Self::List(b)) => compare_lists(a, b),
        }
    }
}

fn compare_lists(a: &[Item<'_>], b: &[Item<'_>]) -> Ordering {
    super::compare_lists(a, b, |a, b| match (a, b) {
        (Some(a), Some(b)) => a.compare(b),
        (Some(a), None) => a.compare_with_nothing(),
        (None, Some(b)) => b.compare_with_nothing().reverse(),
        (None, None) => Ordering::Equal,
    })
}

/// Reads a version into lists within lists, from the innermost outwards once all are read.
fn read(text: &str) -> Vec<Item<'_>> {
    let mut lists: Vec<Vec<Item<'_>>> = vec![Vec::new()];
    let mut rest = text;
    while !rest.is_empty() {
        let is_digit = rest.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
        let (run, after) =
            take_while(rest, |byte| byte.is_ascii_digit() == is_digit && byte != b'.' && byte != b'-');
        let next = after.bytes().next();
        let item = match (run, is_digit) {
            // Nothing between two separators is 0.
            ("", _) => Item::Number("0"),
            (run, true) => Item::Number(run),
            (text, false) => {
                Item::Word { text, is_before_digit: next.is_some_and(|byte| byte.is_ascii_digit()) }
            }
        };
        // A word before a digit or the end is ordered alike after a dot and after a hyphen.
        if matches!(item, Item::Word { .. })
            && next.is_none_or(|byte| byte.is_ascii_digit())
            && lists.last().is_some_and(|list| !list.is_empty())
        {
            lists.push(Vec::new());
        }
        if let Some(list) = lists.last_mut() {
            list.push(item);
        }
        rest = match next {
            Some(b'.') => after.get(1..).unwrap_or_default(),
            Some(b'-') => {
                lists.push(Vec::new());
                after.get(1..).unwrap_or_default()
            }
            Some(_) => {
                lists.push(Vec::new());
                after
            }
            None => after,
        };
    }
    let mut inner: Option<Vec<Item<'_>>> = None;
    while let Some(mut list) = lists.pop() {
        list.extend(inner.take().map(Item::List));
        inner = Some(normalized(list));
    }
    inner.unwrap_or_default()
}

/// Without what means nothing at its end, and before a list.
fn normalized(mut list: Vec<Item<'_>>) -> Vec<Item<'_>> {
    let mut index = list.len();
    while index > 0 {
        index -= 1;
        match list.get(index) {
            Some(item) if item.is_null() => drop(list.remove(index)),
            Some(Item::List(_)) => {}
            _ => break,
        }
    }
    list
}
