//! A range of versions that is read prints as one that contains the same, and orders are antisymmetric.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trust_sbom::{Vers, VersionScheme};

fuzz_target!(|text: &str| {
    let (range, version) = text.split_once('\n').unwrap_or((text, "1.0"));
    let (a, b) = version.split_once('\n').unwrap_or((version, "1.0.1"));
    for name in ["apk", "alpm", "deb", "gem", "generic", "maven", "npm", "nuget", "pypi", "rpm"] {
        let Some(scheme) = VersionScheme::from_name(name) else { continue };
        assert_eq!(scheme.compare(a, b), scheme.compare(b, a).map(|ordering| ordering.reverse()), "{name}");
        assert!(scheme.compare(a, a).is_none_or(|ordering| ordering.is_eq()), "{name}");
    }
    let Ok(range) = range.parse::<Vers>() else { return };
    let again: Vers = range.to_string().parse().unwrap_or_else(|error| panic!("{range}: {error}"));
    assert_eq!(again.contains(a), range.contains(a), "{range}");
});
