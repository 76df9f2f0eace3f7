//! [`VersionScheme`]: how the versions of an ecosystem are ordered, each ecosystem in its own file.
//!
//! Every comparison takes linear time, on numbers of any length, and is a total order of the versions that it reads: but for
//! those of pacman and Maven, which contradict themselves on odd versions. To Maven `1` equals `1-.alpha.`, which is newer than
//! `1~`, which is newer than `1`.

mod alpine;
mod debian;
mod gem;
mod generic;
mod maven;
mod pypi;
mod rpm;
mod semver;

mod nuget;

use core::cmp::Ordering;
use core::fmt;

/// The order of an ecosystem's versions, by its name in [VERS](https://github.com/package-url/vers-spec).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VersionScheme {
    /// [Alpine](https://wiki.alpinelinux.org/wiki/APKBUILD_Reference#pkgver): `apk`, `alpine`.
    Alpine,
    /// [Arch Linux](https://man.archlinux.org/man/vercmp.8): `alpm`, `arch`.
    Alpm,
    /// [Semantic Versioning](https://semver.org/spec/v2.0.0.html) as Cargo reads it: `cargo`.
    Cargo,
    /// [Debian](https://www.debian.org/doc/debian-policy/ch-controlfields.html#version): `deb`, `debian`.
    Debian,
    /// [RubyGems](https://guides.rubygems.org/specification-reference/#version): `gem`.
    Gem,
    /// Runs of digits and of other characters, for versions of which nothing else is known: `generic`.
    Generic,
    /// [Go modules](https://go.dev/ref/mod#versions): `golang`, `go`.
    Golang,
    /// [Maven](https://maven.apache.org/pom.html#version-order-specification): `maven`.
    Maven,
    /// Semantic Versioning as npm reads it: `npm`.
    Npm,
    /// [NuGet](https://learn.microsoft.com/nuget/concepts/package-versioning): `nuget`.
    Nuget,
    /// [PEP 440](https://peps.python.org/pep-0440/): `pypi`.
    Pypi,
    /// [RPM](https://rpm-software-management.github.io/rpm/manual/dependencies.html): `rpm`.
    Rpm,
    /// Semantic Versioning: `semver`.
    Semver,
}

impl VersionScheme {
    /// The scheme of this name; `None` if it is not known here.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "apk" | "alpine" => Self::Alpine,
            "alpm" | "arch" => Self::Alpm,
            "cargo" => Self::Cargo,
            "deb" | "debian" => Self::Debian,
            "gem" => Self::Gem,
            "generic" => Self::Generic,
            "golang" | "go" => Self::Golang,
            "maven" => Self::Maven,
            "npm" => Self::Npm,
            "nuget" => Self::Nuget,
            "pypi" => Self::Pypi,
            "rpm" => Self::Rpm,
            "semver" => Self::Semver,
            _ => return None,
        })
    }

    /// How two versions are ordered; `None` if one of them is none of this scheme.
    #[must_use]
    pub fn compare(self, a: &str, b: &str) -> Option<Ordering> {
        match self {
            Self::Alpine => alpine::compare(a, b),
            Self::Alpm => Some(rpm::compare_alpm(a, b)),
            Self::Cargo | Self::Golang | Self::Npm | Self::Semver => semver::compare(a, b),
            Self::Debian => debian::compare(a, b),
            Self::Gem => gem::compare(a, b),
            Self::Generic => Some(generic::compare(a, b)),
            Self::Maven => Some(maven::compare(a, b)),
            Self::Nuget => nuget::compare(a, b),
            Self::Pypi => pypi::compare(a, b),
            Self::Rpm => Some(rpm::compare(a, b)),
        }
    }
}

impl VersionScheme {
    /// An order for sorting, which agrees with [`compare`](Self::compare): to pacman, 1 equals 1-1 and 1-2.
    pub(crate) fn total_order(self, a: &str, b: &str) -> Option<Ordering> {
        let ordering = self.compare(a, b)?;
        Some(match self {
            Self::Alpm => ordering.then_with(|| a.contains('-').cmp(&b.contains('-'))),
            _ => ordering,
        })
    }
}

impl fmt::Display for VersionScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alpine => "apk",
            Self::Alpm => "alpm",
            Self::Cargo => "cargo",
            Self::Debian => "deb",
            Self::Gem => "gem",
            Self::Generic => "generic",
            Self::Golang => "golang",
            Self::Maven => "maven",
            Self::Npm => "npm",
            Self::Nuget => "nuget",
            Self::Pypi => "pypi",
            Self::Rpm => "rpm",
            Self::Semver => "semver",
        })
    }
}

/// How two numbers in decimal digits are ordered, however long they are.
fn compare_numbers(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Likewise, of a part that may be absent: then it is 0.
fn number_or_zero<'t>(part: Option<&&'t str>) -> &'t str {
    part.copied().unwrap_or("0")
}

/// How two parts are ordered: numbers as numbers, words as text, and a word against a number as the ecosystem has it.
fn compare_parts(a: &str, b: &str, word_to_number: Ordering) -> Ordering {
    match (is_number(a), is_number(b)) {
        (true, true) => compare_numbers(a, b),
        (false, true) => word_to_number,
        (true, false) => word_to_number.reverse(),
        (false, false) => a.cmp(b),
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Splits off the longest beginning whose bytes are all so.
fn take_while(text: &str, is_so: impl Fn(u8) -> bool) -> (&str, &str) {
    let len = text.bytes().take_while(|&byte| is_so(byte)).count();
    text.split_at_checked(len).unwrap_or((text, ""))
}

/// How two lists are ordered, element by element, the shorter one filled up with `None`.
fn compare_lists<T>(a: &[T], b: &[T], compare: impl Fn(Option<&T>, Option<&T>) -> Ordering) -> Ordering {
    (0..a.len().max(b.len()))
        .map(|index| compare(a.get(index), b.get(index)))
        .find(|ordering| ordering.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests;
