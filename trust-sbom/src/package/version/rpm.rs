//! RPM's `rpmvercmp` ([rpm-version(7)](https://rpm-software-management.github.io/rpm/man/rpm-version.7)), and pacman's older form of
//! it ([vercmp(8)](https://man.archlinux.org/man/vercmp.8)).

use core::cmp::Ordering;

use super::{compare_numbers, take_while};

/// `[epoch:]version[-release]`; without a release it is older than with one, though that be empty.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let ((epoch_a, version_a, release_a), (epoch_b, version_b, release_b)) = (split(a), split(b));
    compare_numbers(epoch_a, epoch_b).then_with(|| rpmvercmp(version_a, version_b)).then_with(|| {
        match (release_a, release_b) {
            (Some(a), Some(b)) => rpmvercmp(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    })
}

/// Likewise, but a release counts only where both have one: 1.0 equals both 1.0-1 and 1.0-2.
pub(super) fn compare_alpm(a: &str, b: &str) -> Ordering {
    let ((epoch_a, version_a, release_a), (epoch_b, version_b, release_b)) = (split(a), split(b));
    compare_numbers(epoch_a, epoch_b)
        .then_with(|| alpm_vercmp(version_a, version_b))
        .then_with(|| release_a.zip(release_b).map_or(Ordering::Equal, |(a, b)| alpm_vercmp(a, b)))
}

fn split(text: &str) -> (&str, &str, Option<&str>) {
    let text = text.trim();
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
        _ => ("", text),
    };
    match rest.rsplit_once('-') {
        Some((version, release)) => (epoch, version, Some(release)),
        None => (epoch, rest, None),
    }
}

fn is_separator(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && byte != b'~' && byte != b'^'
}

fn rpmvercmp(mut a: &str, mut b: &str) -> Ordering {
    loop {
        a = take_while(a, is_separator).1;
        b = take_while(b, is_separator).1;
        // A tilde sorts before everything, the end included.
        match (a.strip_prefix('~'), b.strip_prefix('~')) {
            (Some(rest_a), Some(rest_b)) => (a, b) = (rest_a, rest_b),
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => match (a.strip_prefix('^'), b.strip_prefix('^')) {
                // A caret sorts after the end, and before everything else.
                (Some(rest_a), Some(rest_b)) => (a, b) = (rest_a, rest_b),
                (Some(_), None) => return if b.is_empty() { Ordering::Greater } else { Ordering::Less },
                (None, Some(_)) => return if a.is_empty() { Ordering::Less } else { Ordering::Greater },
                (None, None) => {
                    if a.is_empty() || b.is_empty() {
                        return a.len().cmp(&b.len());
                    }
                    let ordering = compare_segments(&mut a, &mut b);
                    if ordering.is_ne() {
                        return ordering;
                    }
                }
            },
        }
    }
}

/// Compares the first runs of digits or of letters, and takes them off. Digits are newer than letters.
fn compare_segments(a: &mut &str, b: &mut &str) -> Ordering {
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let is_letter = |byte: u8| byte.is_ascii_alphabetic();
    let numeric = a.bytes().next().is_some_and(is_digit);
    let is_of_run = |byte| if numeric { is_digit(byte) } else { is_letter(byte) };
    let ((run_a, rest_a), (run_b, rest_b)) = (take_while(a, is_of_run), take_while(b, is_of_run));
    (*a, *b) = (rest_a, rest_b);
    match (run_b.is_empty(), numeric) {
        (true, true) => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, true) => compare_numbers(run_a, run_b),
        (false, false) => run_a.cmp(run_b),
    }
}

/// Pacman's: the numbers of separators count, and a rest that begins with a letter is older than none.
fn alpm_vercmp(mut a: &str, mut b: &str) -> Ordering {
    let is_separator = |byte: u8| !byte.is_ascii_alphanumeric();
    loop {
        let (separators_a, rest_a) = take_while(a, is_separator);
        let (separators_b, rest_b) = take_while(b, is_separator);
        if rest_a.is_empty() || rest_b.is_empty() {
            (a, b) = (rest_a, rest_b);
            break;
        }
        if separators_a.len() != separators_b.len() {
            return separators_a.len().cmp(&separators_b.len());
        }
        (a, b) = (rest_a, rest_b);
        let ordering = compare_segments(&mut a, &mut b);
        if ordering.is_ne() {
            return ordering;
        }
        if a.is_empty() || b.is_empty() {
            break;
        }
    }
    let begins_with_letter = |text: &str| text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => {
            if begins_with_letter(b) {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (false, _) => {
            if begins_with_letter(a) {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
    }
}
