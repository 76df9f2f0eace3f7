//! Reviews that real API servers sent: `$TRUST_VECTORS/admission-reviews`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use serde_json::Value;
use trust_core::UnixTime;
use trust_policy::{AdmissionReview, Decision, Evidence, PolicySet, Trust, evaluate};

/// No image satisfies it: nothing is fetched for them.
const POLICY: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: signed}
spec:
  validationFailureAction: Enforce
  rules:
  - name: signed
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages:
    - imageReferences: ['registry.example/*']
      attestors: [{entries: [{keyless: {issuer: 'https://i.example', subject: 'https://s.example/*', rekor: {url: 'https://r.example'}}}]}]
";

/// Whether a review is allowed, and whether it is if unchanged images are judged as well.
fn judge(bytes: &[u8]) -> (bool, bool) {
    let policies = PolicySet::from_yaml(POLICY).unwrap();
    let strict = policies.clone().blocking_unchanged();
    let review = AdmissionReview::from_json(bytes).unwrap();
    let uid = serde_json::from_slice::<Value>(bytes).unwrap()["request"]["uid"].clone();
    let allowed = |policies: &PolicySet| {
        let now = UnixTime::from_seconds(1_795_000_000);
        let verdict = evaluate(policies, &review.request, &Evidence::default(), &Trust::keys_only(), now);
        let answer = review.respond(&verdict).to_review();
        assert_eq!(answer["response"]["uid"], uid);
        assert_eq!(answer["response"]["allowed"], verdict.decision == Decision::Allow);
        verdict.decision == Decision::Allow
    };
    (allowed(&policies), allowed(&strict))
}

#[test]
fn reviews_of_real_api_servers_are_answered() {
    let Some(folder) = trust_testkit::vectors::vectors("admission-reviews") else { return };
    let table = std::fs::read_to_string(folder.join("cases.tsv")).unwrap();
    let (mut count, mut wrong) = (0, Vec::new());
    for line in table.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (file, wanted) = line.split_once('\t').unwrap();
        let found = judge(&std::fs::read(folder.join(file)).unwrap());
        let expected = match wanted {
            "allow" => (true, true),
            "deny" => (false, false),
            "unchanged" => (true, false),
            other => panic!("{other}"),
        };
        count += 1;
        if found != expected {
            wrong.push(format!("{file}: {found:?}, expected {wanted}"));
        }
    }
    assert!(count > 0 && wrong.is_empty(), "{} of {count}: {wrong:#?}", wrong.len());
    println!("admission-reviews: {count} of {count} answered as wanted");
}
