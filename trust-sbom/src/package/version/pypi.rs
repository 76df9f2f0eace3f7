//! [PEP 440](https://peps.python.org/pep-0440/): epoch, release, pre-, post- and development releases, local versions.

use core::cmp::Ordering;

use super::{compare_lists, compare_numbers, compare_parts, is_number, number_or_zero, take_while};

pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (text_a, text_b) = (a.trim().to_lowercase(), b.trim().to_lowercase());
    let (a, b) = (Version::read(&text_a)?, Version::read(&text_b)?);
    Some(
        compare_numbers(a.epoch, b.epoch)
            .then_with(|| {
                compare_lists(&a.release, &b.release, |a, b| {
                    compare_numbers(number_or_zero(a), number_or_zero(b))
                })
            })
            .then_with(|| a.compare_phase(&b))
            .then_with(|| compare_optional(a.post, b.post, Ordering::Less))
            .then_with(|| compare_optional(a.dev, b.dev, Ordering::Greater))
            .then_with(|| a.compare_local(&b)),
    )
}

struct Version<'a> {
    epoch: &'a str,
    release: Vec<&'a str>,
    /// `a`, `b` or `rc`, as 0 to 2, and its number.
    pre: Option<(u8, &'a str)>,
    post: Option<&'a str>,
    dev: Option<&'a str>,
    local: Option<&'a str>,
}

const PRE: [(&str, u8); 8] =
    [("alpha", 0), ("a", 0), ("beta", 1), ("b", 1), ("preview", 2), ("pre", 2), ("rc", 2), ("c", 2)];

impl<'a> Version<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (public, local) = match text.split_once('+') {
            Some((public, local)) => (public, Some(local)),
            None => (text, None),
        };
        let (epoch, rest) = public.split_once('!').unwrap_or(("0", public));
        let (first, mut rest) = take_while(rest, |byte| byte.is_ascii_digit());
        let mut release = vec![first];
        while let Some(after) = rest.strip_prefix('.') {
            let (number, after) = take_while(after, |byte| byte.is_ascii_digit());
            if number.is_empty() {
                break;
            }
            release.push(number);
            rest = after;
        }
        let mut version = Self { epoch, release, pre: None, post: None, dev: None, local };
        if let Some((phase, number, after)) = PRE.iter().find_map(|(name, phase)| {
            let (number, after) = labelled(rest, name)?;
            Some((*phase, number, after))
        }) {
            (version.pre, rest) = (Some((phase, number)), after);
        }
        if let Some((number, after)) = ["post", "rev", "r"].iter().find_map(|name| labelled(rest, name)) {
            (version.post, rest) = (Some(number), after);
        } else if let Some((number, after)) =
            rest.strip_prefix('-').map(|rest| take_while(rest, |byte| byte.is_ascii_digit()))
            && !number.is_empty()
        {
            (version.post, rest) = (Some(number), after);
        }
        if let Some((number, after)) = labelled(rest, "dev") {
            (version.dev, rest) = (Some(number), after);
        }
        let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let is_version = rest.is_empty()
            && is_number(epoch)
            && is_number(first)
            && local.is_none_or(|local| !local.is_empty() && local.bytes().all(is_local));
        is_version.then_some(version)
    }

    /// A development release comes first, then pre-releases, then the release and what follows it.
    fn compare_phase(&self, other: &Self) -> Ordering {
        let phase = |version: &Self| match (version.pre, version.post, version.dev) {
            (Some((phase, _)), _, _) => phase + 1,
            (None, None, Some(_)) => 0,
            _ => 4,
        };
        let number = |pre: Option<(u8, &'a str)>| pre.map_or("0", |(_, number)| number);
        phase(self).cmp(&phase(other)).then_with(|| compare_numbers(number(self.pre), number(other.pre)))
    }

    /// Without a local version it is older; numbers are newer than words.
    fn compare_local(&self, other: &Self) -> Ordering {
        let parts = |version: &Self| -> Vec<String> {
            version
                .local
                .map_or_else(Vec::new, |local| local.split(['.', '-', '_']).map(str::to_owned).collect())
        };
        compare_lists(&parts(self), &parts(other), |a, b| match (a, b) {
            (None, _) => Ordering::Less,
            (_, None) => Ordering::Greater,
            (Some(a), Some(b)) => compare_parts(a, b, Ordering::Less),
        })
    }
}

/// `[separator]name[separator][number]`: the number, 0 if there is none, and what follows.
fn labelled<'a>(text: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    let separated = |text: &'a str| text.strip_prefix(['.', '-', '_']).unwrap_or(text);
    let after = separated(text).strip_prefix(name)?;
    let (number, rest) = take_while(separated(after), |byte| byte.is_ascii_digit());
    Some((if number.is_empty() { "0" } else { number }, rest))
}

/// How two numbers are ordered that may be absent; `absent` says how an absent one compares with one that is there.
fn compare_optional(a: Option<&str>, b: Option<&str>, absent: Ordering) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => absent,
        (Some(_), None) => absent.reverse(),
        (Some(a), Some(b)) => compare_numbers(a, b),
    }
}
