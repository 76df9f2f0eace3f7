//! An admission review that is read is answered: denied where a policy that is enforced cannot be satisfied.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::UnixTime;
use trust_fuzz::{assert_lines, within};
use trust_policy::{AdmissionReview, Decision, Evidence, PolicySet, ReportKind, Trust, evaluate};

static POLICIES: LazyLock<PolicySet> = LazyLock::new(|| {
    let text = "{apiVersion: trust.dev/v1beta1, kind: ImageTrustPolicy, metadata: {name: p}, spec: {images: ['**'], \
                require: {registries: ['ghcr.io/acme/**']}}}";
    PolicySet::from_yaml(text).unwrap()
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(review) = within(32, bytes, AdmissionReview::from_json) else { return };
    let now = UnixTime::from_seconds(0);
    let verdict = evaluate(&POLICIES, &review.request, &Evidence::default(), &Trust::keys_only(), now);
    assert_lines(&verdict);
    let strangers =
        review.request.resource.images().iter().any(|image| !image.image.contains("ghcr.io/acme/"));
    let is_change =
        review.request.operation.to_string() != "DELETE" && review.request.operation.to_string() != "CONNECT";
    assert!(!(strangers && is_change) || verdict.decision == Decision::Deny, "{verdict}");
    let answer = review.respond(&verdict);
    assert_eq!(answer.allowed, verdict.decision == Decision::Allow);
    assert_eq!(answer.to_review()["response"]["uid"], review.uid);
    let report = verdict.to_report(ReportKind::PolicyReport, now);
    assert!(report["summary"]["fail"].is_u64());
});
