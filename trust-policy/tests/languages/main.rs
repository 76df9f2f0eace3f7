//! One intent in four languages: the same decision on the same images, whatever was signed and attested, also after it was converted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

mod conversion;
mod intent;

use proptest::prelude::*;
use trust_core::UnixTime;
use trust_policy::{Decision, PolicySet, Trust, evaluate};
use trust_testkit::judge::{pod, request};

use self::intent::{Found, found, intents};

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000); // 2026-11-18
const SCAN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

fn decide(policies: &PolicySet, found: &Found) -> Decision {
    let request = request(pod(found.image));
    evaluate(policies, &request, &found.evidence(), &Trust::keys_only(), NOW).decision
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_intent_decides_alike_in_every_language(
        intent in intents(),
        images in proptest::collection::vec(found(), 1..6),
    ) {
        let texts = [intent.in_kyverno(), intent.in_expressions(), intent.in_sigstore(), intent.in_our_own()];
        let read = |text: &String| PolicySet::from_yaml(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let written: Vec<PolicySet> = texts.iter().map(read).collect();
        let converted: Vec<PolicySet> = written.iter().flat_map(conversion::converted).collect();
        prop_assert_eq!(converted.len(), 5, "of Kyverno and of policy-controller into two languages, of ours into one");
        let policies: Vec<PolicySet> = written.into_iter().chain(converted).collect();
        for found in &images {
            let decisions: Vec<Decision> = policies.iter().map(|one| decide(one, found)).collect();
            prop_assert!(decisions.iter().all(|one| *one == decisions[0]), "{intent:?} on {found:?}: {decisions:?}");
            // What could not be fetched may deny what the intent allows, and allows nothing else.
            let allowed = decisions[0] == Decision::Allow;
            let expected = intent.is_satisfied_by(found);
            prop_assert!(allowed == expected || found.fails && !allowed, "{intent:?} on {found:?}: {decisions:?}");
        }
    }
}
