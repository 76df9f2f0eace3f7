//! Ranges of semantic versions such as `>=1.0.0 <2.0.0 || 3.x`, as
//! [blang/semver](https://github.com/blang/semver/blob/v4.0.0/v4/range.go), which Kyverno uses, reads them: alternatives of
//! conjunctions, with `x` for any minor or patch version.

use core::cmp::Ordering;

use trust_sbom::VersionScheme;

/// Whether a version is in a range.
pub(super) fn contains(range: &str, version: &str) -> Result<bool, String> {
    if !is_version(version) {
        return Err(format!("`{version}` is not a semantic version"));
    }
    let parts = parts(range);
    let mut is_in = false;
    for alternative in parts.split(|part| part == "||") {
        if alternative.is_empty() {
            return Err("range has an alternative without a condition".to_owned());
        }
        let mut all = true;
        for condition in alternative {
            all &= holds(condition, version)?;
        }
        is_in |= all;
    }
    Ok(is_in)
}

/// The conditions of a range, and `||` between them. Spaces behind a sign belong to the condition.
fn parts(range: &str) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    for c in range.chars() {
        match c {
            ' ' if part.ends_with(['<', '>', '=']) => {}
            ' ' => parts.push(core::mem::take(&mut part)),
            c => part.push(c),
        }
    }
    parts.push(part);
    parts.retain(|part| part.len() > 1);
    parts
}

fn holds(condition: &str, version: &str) -> Result<bool, String> {
    let fail = || format!("`{condition}` is not a condition on a version");
    let at = condition.find(|c: char| c.is_ascii_digit()).ok_or_else(fail)?;
    let (sign, bound) = condition.split_at_checked(at).ok_or_else(fail)?;
    if !bound.contains('x') {
        return compare(sign, bound, version).ok_or_else(fail);
    }
    // `1.x` stands for 1.0.0 up to 2.0.0, `1.2.x` for 1.2.0 up to 1.3.0.
    let numbers: Vec<&str> = bound.split('.').collect();
    let number = |text: &str| text.parse::<u64>().map_err(|_| fail());
    let (from, to) = match numbers[..] {
        [major, "x"] | [major, "x", "x"] => {
            (format!("{major}.0.0"), format!("{}.0.0", number(major)?.saturating_add(1)))
        }
        [major, minor, "x"] => {
            (format!("{major}.{minor}.0"), format!("{major}.{}.0", number(minor)?.saturating_add(1)))
        }
        _ => return Err(fail()),
    };
    let is = |sign: &str, bound: &str| compare(sign, bound, version).ok_or_else(fail);
    match sign {
        "" | "=" | "==" => Ok(is(">=", &from)? && is("<", &to)?),
        // Both conditions must hold there, which no version can meet; the same here, since policies were written for it.
        "!" | "!=" => Ok(is("<", &from)? && is(">=", &to)?),
        ">" => is(">=", &to),
        ">=" => is(">=", &from),
        "<" => is("<", &from),
        "<=" => is("<", &to),
        _ => Err(fail()),
    }
}

fn compare(sign: &str, bound: &str, version: &str) -> Option<bool> {
    if !is_version(bound) {
        return None;
    }
    let order = VersionScheme::Semver.compare(version, bound)?;
    Some(match sign {
        "" | "=" | "==" => order.is_eq(),
        "!" | "!=" => order.is_ne(),
        ">" => order == Ordering::Greater,
        ">=" => order.is_ge(),
        "<" => order == Ordering::Less,
        "<=" => order.is_le(),
        _ => return None,
    })
}

/// Whether a text has the three numbers that a semantic version has.
pub(crate) fn is_version(text: &str) -> bool {
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    numbers.split('.').count() == 3 && numbers.split('.').all(is_number)
}
