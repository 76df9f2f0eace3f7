//! What holds of every judgement.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use proptest::prelude::*;
use serde_json::{Value, json};
use trust_core::{Digest, UnixTime};
use trust_policy::{
    Decision, Evidence, FailureKind, FetchFailure, ImageEvidence, Outcome, PolicySet, Request, Resource,
    Trust, Uncovered, Verdict, evaluate,
};

use trust_testkit::artifacts::{pem, signature};

const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);

fn digest(image: u8) -> Digest {
    Digest::sha256(&[image])
}

/// Images 1 and 2 need signatures of two of three keys; every image comes from one of two registries.
fn policies() -> PolicySet {
    let entries: Vec<_> = (1..=3)
        .map(|seed| format!("{{keys: {{publicKeys: \"{}\", rekor: {{ignoreTlog: true}}}}}}", pem(seed)))
        .collect();
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  \
         - name: signed\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    verifyImages:\n    \
         - {{imageReferences: ['ghcr.io/acme/app*'], attestors: [{{count: 2, entries: [{}]}}]}}\n  \
         - name: registries\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    \
         validate: {{pattern: {{spec: {{containers: [{{image: 'ghcr.io/* | quay.io/*'}}]}}}}}}\n",
        entries.join(", ")
    );
    PolicySet::from_yaml(&text).unwrap().with_uncovered(Uncovered::Allow)
}

const IMAGES: [&str; 4] =
    ["ghcr.io/acme/app1:v1", "ghcr.io/acme/app2:v1", "quay.io/other/x:1", "docker.io/evil:1"];

fn request(images: &[usize]) -> Request {
    let containers: Vec<Value> = images
        .iter()
        .enumerate()
        .map(|(index, image)| json!({"name": format!("c{index}"), "image": IMAGES[*image]}))
        .collect();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": containers}});
    Resource::from_json(pod).unwrap().into()
}

/// Evidence in which each of the first two images is signed by some seeds; a third seed signed nothing.
fn evidence(signers: &[Vec<u8>; 2]) -> Evidence {
    let image = |index: u8, seeds: &Vec<u8>| ImageEvidence {
        artifacts: seeds.iter().map(|seed| signature(*seed, &digest(index), &Value::Null)).collect(),
        ..ImageEvidence::of(digest(index))
    };
    let images = signers
        .iter()
        .zip([0u8, 1])
        .map(|(seeds, index)| (IMAGES[usize::from(index)].to_owned(), image(index, seeds)));
    Evidence { images: images.collect(), ..Evidence::default() }
}

fn judge(request: &Request, evidence: &Evidence) -> Verdict {
    evaluate(&policies(), request, evidence, &Trust::keys_only(), NOW)
}

fn case() -> impl Strategy<Value = (Vec<usize>, [Vec<u8>; 2])> {
    let signers = || prop::collection::vec(1u8..5, 0..4);
    (prop::collection::vec(0usize..4, 1..5), [signers(), signers()])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_same_is_judged_the_same((images, signers) in case()) {
        let (request, evidence) = (request(&images), evidence(&signers));
        let (one, other) = (judge(&request, &evidence), judge(&request, &evidence));
        prop_assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&other).unwrap());
        prop_assert_eq!(one.to_string(), other.to_string());
    }

    #[test]
    fn what_is_withheld_never_allows((images, signers) in case(), withheld in any::<prop::sample::Index>()) {
        let request = request(&images);
        let whole = evidence(&signers);
        let before = judge(&request, &whole).decision;
        let mut less = vec![Evidence::default()];
        for name in whole.images.keys() {
            let mut without = whole.clone();
            without.images.remove(name);
            less.push(without);
            let mut fewer = whole.clone();
            let found = fewer.images.get_mut(name).unwrap();
            if !found.artifacts.is_empty() {
                found.artifacts.remove(withheld.index(found.artifacts.len()));
            }
            less.push(fewer.clone());
            let found = fewer.images.get_mut(name).unwrap();
            let failure = FetchFailure { location: "l".to_owned(), kind: FailureKind::Unavailable, problem: "p".to_owned() };
            found.failures.push(failure);
            less.push(fewer);
        }
        for evidence in less {
            let after = judge(&request, &evidence).decision;
            prop_assert!(before == Decision::Allow || after == Decision::Deny);
        }
    }

    #[test]
    fn order_does_not_matter((images, signers) in case()) {
        let verdict = judge(&request(&images), &evidence(&signers));
        let backwards: Vec<usize> = images.iter().rev().copied().collect();
        let turned = signers.clone().map(|seeds| seeds.into_iter().rev().collect::<Vec<u8>>());
        prop_assert_eq!(judge(&request(&backwards), &evidence(&signers)).decision, verdict.decision);
        prop_assert_eq!(judge(&request(&images), &evidence(&turned)).decision, verdict.decision);
    }

    #[test]
    fn two_of_three_are_two((images, signers) in case()) {
        let verdict = judge(&request(&images), &evidence(&signers));
        let is_signed = |image: &usize| match signers.get(*image) {
            Some(seeds) => (1..=3).filter(|seed| seeds.contains(seed)).count() >= 2,
            None => *image == 2,
        };
        prop_assert_eq!(verdict.decision == Decision::Allow, images.iter().all(is_signed), "{}", verdict);
        prop_assert!(verdict.decision == Decision::Allow || verdict.patch.is_empty());
    }
}

#[test]
fn what_could_not_be_read_denies_and_says_so() {
    let mut evidence = evidence(&[vec![1, 2], vec![1, 2]]);
    let found = evidence.images.get_mut(IMAGES[0]).unwrap();
    found.artifacts.truncate(1);
    let problem = "connection refused".to_owned();
    found.failures.push(FetchFailure { location: "tag".to_owned(), kind: FailureKind::Unavailable, problem });
    let verdict = judge(&request(&[0]), &evidence);
    assert_eq!(verdict.decision, Decision::Deny);
    assert!(verdict.to_string().contains("tag: connection refused"), "{verdict}");
}

#[test]
fn where_no_policy_applies_the_verdict_says_so() {
    let judge_by = |policies: &PolicySet| {
        evaluate(policies, &request(&[3]), &Evidence::default(), &Trust::keys_only(), NOW)
    };
    let verdict = judge_by(&PolicySet::default());
    assert!(verdict.decision == Decision::Deny && !verdict.is_covered());
    assert!(verdict.to_string().contains("no rule about images applies"), "{verdict}");
    let said = judge_by(&PolicySet::default().with_uncovered(Uncovered::Report));
    assert!(said.decision == Decision::Allow && !said.is_covered());
    let audited = judge(&request(&[2]), &Evidence::default());
    assert!(audited.rules[0].outcome == Outcome::Skip);
}
