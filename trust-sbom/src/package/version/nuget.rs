//! [NuGet](https://learn.microsoft.com/nuget/concepts/package-versioning#normalized-version-numbers): up to four
//! numbers, and a prerelease whose case does not count.

use core::cmp::Ordering;

use super::semver;

pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    semver::compare(&a.to_lowercase(), &b.to_lowercase())
}
