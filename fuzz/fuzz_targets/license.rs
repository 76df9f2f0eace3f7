//! Any text in the place of a license gets an answer, and what a policy denies no longer allowance makes allowed.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_sbom::{Answer, License, LicensePolicy};

static POLICIES: LazyLock<[LicensePolicy; 3]> = LazyLock::new(|| {
    let few = LicensePolicy::new().allowing(["MIT", "Apache-2.0"]).unwrap();
    let more = few.clone().allowing(["GPL-2.0-or-later", "LicenseRef-own"]).unwrap();
    [few, more.clone(), more.denying(["MIT"]).unwrap()]
});

fuzz_target!(|text: &str| {
    let license = License::Expression(text.into());
    let [few, more, denying] = POLICIES.each_ref().map(|policy| policy.allows(&license));
    assert!(few != Answer::Yes || more == Answer::Yes, "{text}: to allow more denied it: {more:?}");
    assert!(more != Answer::No || denying != Answer::Yes, "{text}: to deny allowed it");
});
