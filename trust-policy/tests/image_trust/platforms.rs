//! What must have been signed of each platform of an image.

use serde_json::{Value, json};
use trust_core::Digest;
use trust_policy::{Evidence, ImageEvidence, PolicySet, ReasonCode, Trust, Verdict, evaluate};
use trust_testkit::artifacts::{attestation_of, signature};
use trust_testkit::judge::{allowed, denied, evidence, image_at, pod, request};

use crate::{CYCLONEDX, IMAGE, NOW, log4j, policy, sbom};

/// An index of two platforms, with its documents.
struct Index {
    digest: Digest,
    platforms: [Digest; 2],
    documents: Vec<String>,
}

fn index() -> Index {
    let mut documents = Vec::new();
    let platforms = ["amd64", "arm64"].map(|architecture| {
        let config = json!({"os": "linux", "architecture": architecture}).to_string();
        let manifest = json!({"schemaVersion": 2, "layers": [],
            "config": {"digest": Digest::sha256(config.as_bytes()).to_string()}})
        .to_string();
        let digest = Digest::sha256(manifest.as_bytes());
        documents.extend([config, manifest]);
        (digest, architecture)
    });
    let entry = |(digest, architecture): &(Digest, &str)| json!({"digest": digest.to_string(), "platform": {"os": "linux", "architecture": architecture}});
    let index = json!({"schemaVersion": 2, "manifests": platforms.iter().map(entry).collect::<Vec<Value>>()})
        .to_string();
    let digest = Digest::sha256(index.as_bytes());
    documents.push(index);
    Index { digest, platforms: platforms.map(|(digest, _)| digest), documents }
}

/// What is signed of the index and of its platforms, by the keys of these seeds.
struct SignedBy {
    index: &'static [u8],
    platforms: [&'static [u8]; 2],
}

fn judge(
    require: &str,
    signed: &SignedBy,
    artifact: &dyn Fn(u8, &Digest) -> trust_policy::Artifact,
) -> Verdict {
    let Index { digest, platforms, documents } = index();
    let policies = PolicySet::from_yaml(&policy(require)).unwrap();
    let request = request(pod(IMAGE));
    let needed = policies.requirements(&request, &Evidence::default(), NOW);
    let found = |digest: &Digest, seeds: &[u8]| ImageEvidence {
        artifacts: seeds.iter().map(|seed| artifact(*seed, digest)).collect(),
        ..image_at(digest)
    };
    let mut evidence = evidence([(IMAGE, found(&digest, signed.index))], documents);
    if needed.platforms == [IMAGE] {
        let names = evidence.platforms_of(IMAGE);
        assert_eq!(names, platforms.each_ref().map(|one| format!("ghcr.io/acme/app@{one}")));
        for ((name, digest), seeds) in names.into_iter().zip(&platforms).zip(signed.platforms) {
            evidence.images.insert(name, found(digest, seeds));
        }
    }
    evaluate(&policies, &request, &evidence, &Trust::keys_only(), NOW)
}

#[test]
fn an_index_or_each_of_its_platforms_is_signed() {
    let by = |seed, digest: &Digest| signature(seed, digest, &json!({}));
    let judge = |at: &str, index, platforms| {
        judge(&format!("{{signatures: {{from: [release], at: {at}}}}}"), &SignedBy { index, platforms }, &by)
    };
    let (all, none) = ([&[1u8][..], &[1]], [&[][..], &[]]);
    allowed(&judge("index", &[1], none));
    denied(&judge("index", &[], all), ReasonCode::NotFound, "found no signature of the image");
    allowed(&judge("everyPlatform", &[], all));
    let one = judge("everyPlatform", &[1], [&[1], &[2]]);
    denied(&one, ReasonCode::WrongKey, "linux/arm64");
    denied(&judge("everyPlatform", &[1], [&[1], &[]]), ReasonCode::NotFound, "linux/arm64");
    allowed(&judge("either", &[1], none));
    allowed(&judge("either", &[], all));
    allowed(&judge("either", &[2], all));
    let neither = judge("either", &[], [&[1], &[]]);
    denied(&neither, ReasonCode::NotFound, "neither the index nor every platform");
}

#[test]
fn an_sbom_is_for_one_platform() {
    let require = "{sbom: {from: [release], at: everyPlatform, deny: [{name: log4j-core, versions: 'vers:maven/<2.15.0'}]}}";
    let version = |seed: u8, digest: &Digest| {
        let version = if seed == 1 { "2.17.1" } else { "2.14.1" };
        attestation_of(1, digest, CYCLONEDX, &sbom(&log4j(version)))
    };
    allowed(&judge(require, &SignedBy { index: &[], platforms: [&[1], &[1]] }, &version));
    let denied_one = judge(require, &SignedBy { index: &[1], platforms: [&[1], &[2]] }, &version);
    denied(&denied_one, ReasonCode::Condition, "linux/arm64");
    let missing = judge(require, &SignedBy { index: &[1], platforms: [&[1], &[]] }, &version);
    denied(&missing, ReasonCode::NotFound, "found no SBOM of the image");
}

#[test]
fn a_bad_sbom_of_the_index_is_not_made_good_by_its_platforms() {
    let deny = "deny: [{name: log4j-core, versions: 'vers:maven/<2.15.0'}]";
    let require = format!("{{sbom: {{from: [release], at: either, {deny}}}}}");
    let version = |seed: u8, digest: &Digest| {
        let version = if seed == 1 { "2.17.1" } else { "2.14.1" };
        attestation_of(1, digest, CYCLONEDX, &sbom(&log4j(version)))
    };
    let judge = |index, platforms| judge(&require, &SignedBy { index, platforms }, &version);
    allowed(&judge(&[], [&[1], &[1]]));
    allowed(&judge(&[1], [&[2], &[2]]));
    denied(&judge(&[2], [&[1], &[1]]), ReasonCode::Condition, "denied package");
}

#[test]
fn platforms_that_were_not_fetched_are_unknown() {
    let require = "{signatures: {from: [release], at: everyPlatform}}";
    let Index { digest, documents, .. } = index();
    let policies = PolicySet::from_yaml(&policy(require)).unwrap();
    let signed = || ImageEvidence { artifacts: vec![signature(1, &digest, &json!({}))], ..image_at(&digest) };
    let judge =
        |evidence: &Evidence| evaluate(&policies, &request(pod(IMAGE)), evidence, &Trust::keys_only(), NOW);
    denied(
        &judge(&evidence([(IMAGE, signed())], documents)),
        ReasonCode::NotFetched,
        "nothing was fetched for it",
    );
    denied(&judge(&evidence([(IMAGE, signed())], [])), ReasonCode::NotFetched, "was not fetched");
    // An image that is in no index is its own platform.
    let config = "{}".to_owned();
    let manifest = json!({"layers": [], "config": {"digest": Digest::sha256(b"{}").to_string()}}).to_string();
    let digest = Digest::sha256(manifest.as_bytes());
    let single = ImageEvidence { artifacts: vec![signature(1, &digest, &json!({}))], ..image_at(&digest) };
    allowed(&judge(&evidence([(IMAGE, single)], [manifest, config])));
}
