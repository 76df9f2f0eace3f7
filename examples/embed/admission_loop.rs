//! Answer admission reviews on two threads: policies, trust and stores are read once and shared.

use std::error::Error;

use trust_core::{TrustRoot, UnixTime};
use trust_gate::{Limits, Objects, OciLayout, Repositories, collect_for};
use trust_policy::{AdmissionResponse, AdmissionReview, PolicySet, Trust, evaluate};

/// What an API server sends.
const REVIEW: &str = r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "TAG",
    "operation": "CREATE", "object": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "TAG"},
    "spec": {"containers": [{"name": "c", "image": "ghcr.io/myorg/app:TAG"}]}}}}"#;
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");

fn main() -> Result<(), Box<dyn Error>> {
    let yaml = std::fs::read_to_string(format!("{DATA}/policies/require-release-key.yaml"))?;
    let (policies, trust) = (PolicySet::from_yaml(&yaml)?, Trust::new(TrustRoot::public_good()));
    let mut images = Repositories::new();
    images.insert("ghcr.io/myorg/app".parse()?, OciLayout::open(format!("{DATA}/images"))?);
    let now: UnixTime = "2026-12-01T00:00:00Z".parse()?;

    let answer = |body: &[u8]| match AdmissionReview::from_json(body) {
        Ok(review) => {
            let request = &review.request;
            let evidence =
                collect_for(&policies, request, &images, &Objects::default(), &Limits::default(), now);
            Some(review.respond(&evaluate(&policies, request, &evidence, &trust, now)))
        }
        Err(error) => AdmissionResponse::for_unreadable(body, &error), // without a uid: HTTP status 400
    };
    let print = |one: AdmissionResponse| println!("{}", one.to_review());
    let reviews = ["signed", "stranger", "legacy", "unsigned"].map(|tag| REVIEW.replace("TAG", tag));
    std::thread::scope(|threads| {
        for half in reviews.chunks(2) {
            threads.spawn(|| half.iter().filter_map(|body| answer(body.as_bytes())).for_each(print));
        }
    });
    Ok(())
}
