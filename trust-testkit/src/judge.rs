//! Pods, and verdicts on them.

use serde_json::{Value, json};
use trust_core::{Digest, UnixTime};
use trust_policy::{
    Artifact, Decision, Evidence, ImageEvidence, PolicySet, ReasonCode, Request, Resource, Trust, Verdict,
    evaluate,
};

/// A pod with one container of this image.
pub fn pod(image: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": image}]}})
}

/// A request for this object, as kubectl makes it.
pub fn request(object: Value) -> Request {
    Resource::from_json(object).unwrap().into()
}

/// An image that is there, with these signatures and attestations and no others.
pub fn image_with(artifacts: Vec<Artifact>) -> ImageEvidence {
    ImageEvidence { artifacts, ..image_at(&Digest::sha256(b"image")) }
}

/// An image whose digest is this one, without signatures.
pub fn image_at(digest: &Digest) -> ImageEvidence {
    ImageEvidence::of(digest.clone())
}

/// What was fetched: images by their names, and documents under the digests that they have.
pub fn evidence<'a>(
    images: impl IntoIterator<Item = (&'a str, ImageEvidence)>,
    documents: impl IntoIterator<Item = String>,
) -> Evidence {
    let by_digest = |text: String| (Digest::sha256(text.as_bytes()).to_string(), text);
    Evidence {
        images: images.into_iter().map(|(name, image)| (name.to_owned(), image)).collect(),
        documents: documents.into_iter().map(by_digest).collect(),
        ..Evidence::default()
    }
}

/// Asserts that the resource is allowed.
#[track_caller]
pub fn allowed(verdict: &Verdict) {
    assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
}

/// Asserts that the resource is denied, by the first rule, with this code and for this reason.
#[track_caller]
pub fn denied(verdict: &Verdict, code: ReasonCode, reason: &str) {
    assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
    assert_eq!(verdict.rules[0].explanations[0].code, Some(code), "{verdict}");
    assert!(verdict.to_string().contains(reason), "expected {reason}: {verdict}");
}

/// Judges where this was found of every image that the policies ask for.
pub fn judge(
    policies: &PolicySet,
    request: &Request,
    found: &ImageEvidence,
    trust: &Trust,
    now: UnixTime,
) -> Verdict {
    let images = policies.requirements(request, &Evidence::default(), now).images;
    let images = images.into_iter().map(|image| (image, found.clone()));
    evaluate(policies, request, &Evidence { images: images.collect(), ..Evidence::default() }, trust, now)
}
