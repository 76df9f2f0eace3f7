//! A package URL that is read prints as one that reads as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trust_sbom::Purl;

fuzz_target!(|text: &str| {
    let Ok(purl) = text.parse::<Purl>() else { return };
    let printed = purl.to_string();
    let again: Purl = printed.parse().unwrap_or_else(|error| panic!("{printed}: {error}"));
    assert_eq!(again, purl, "{printed}");
    assert_eq!(again.to_string(), printed);
});
