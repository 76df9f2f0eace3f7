//! Pods, and verdicts on them.

use serde_json::{Value, json};
use trust_core::{Digest, UnixTime};
use trust_policy::{
    Artifact, Evidence, ImageEvidence, PolicySet, Request, Resource, Trust, Verdict, evaluate,
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
    ImageEvidence { digest: Ok(Digest::sha256(b"image")), artifacts, failures: Vec::new(), notes: Vec::new() }
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
