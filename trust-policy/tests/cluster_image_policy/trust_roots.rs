//! Authorities and logs that stand in a `TrustRoot` of their own.

use serde_json::{Value, json};
use trust_core::internal::encoding::{from_base64, to_base64};
use trust_core::internal::pem;
use trust_core::{Digest, UnixTime, cosign};
use trust_policy::{Artifact, ImageEvidence, OwnRoots, PolicySet, ReasonCode, Trust, Verdict, evaluate};
use trust_testkit::artifacts;
use trust_testkit::judge::{allowed, denied, evidence, image_at, pod, request};
use trust_testkit::sigstore::Key;
use trust_testkit::sigstore::world::{ARTIFACT, Content, Entry, ISSUER, LOG, Log, SUBJECT, World};

use crate::IMAGE;

const NOW: UnixTime = UnixTime::from_seconds(1_780_315_500); // 2026-06-01T12:05:00Z

/// A signature by an identity, and the root by which it verifies as policy-controller writes it.
fn signed() -> (Artifact, Value) {
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": cosign::SIGN_PREDICATE_TYPE, "predicate": {},
        "subject": [{"name": "", "digest": {"sha256": Digest::sha256(ARTIFACT).to_hex()}}]});
    let mut world = World::new();
    world.content = Content::Payload(Box::leak(statement.to_string().into_boxed_str()));
    world.logs = vec![Log::v1(Key::p256(6), LOG, Entry::DsseV001)];
    let (bundle, root) = world.make();
    let artifact = Artifact {
        location: "bundle".to_owned(),
        media_type: "application/vnd.dev.sigstore.bundle.v0.3+json".to_owned(),
        annotations: std::collections::BTreeMap::new(),
        content: bundle.to_string().into_bytes().into(),
    };
    let pem_of =
        |label: &str, bytes: &Value| pem::encode(label, &from_base64(bytes.as_str().unwrap()).unwrap());
    let authority = |one: &Value| {
        let chain = one["certChain"]["certificates"].as_array().unwrap().iter();
        let chain: String = chain.map(|one| pem_of("CERTIFICATE", &one["rawBytes"])).collect();
        json!({"subject": {"organization": "o", "commonName": "c"}, "uri": one["uri"], "certChain": to_base64(chain.as_bytes())})
    };
    let log = |one: &Value| {
        let key = pem_of("PUBLIC KEY", &one["publicKey"]["rawBytes"]);
        json!({"baseURL": one["baseUrl"], "hashAlgorithm": "sha-256", "publicKey": to_base64(key.as_bytes())})
    };
    let all = |name: &str, write: &dyn Fn(&Value) -> Value| -> Value {
        root[name].as_array().unwrap().iter().map(write).collect()
    };
    let keys = json!({
        "certificateAuthorities": all("certificateAuthorities", &authority),
        "timestampAuthorities": all("timestampAuthorities", &authority),
        "tLogs": all("tlogs", &log),
        "ctLogs": all("ctlogs", &log),
    });
    (artifact, keys)
}

fn resource(name: &str, spec: &Value) -> String {
    json!({"apiVersion": "policy.sigstore.dev/v1alpha1", "kind": "TrustRoot", "metadata": {"name": name}, "spec": spec}).to_string()
}

/// A policy with this authority, beside `identities`.
fn policy(keyless: &str, beside: &str) -> String {
    format!(
        "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {{name: p}}\nspec: {{images: [{{glob: 'ghcr.io/acme/**'}}], \
         authorities: [{{keyless: {{identities: [{{issuer: '{ISSUER}', subject: '{SUBJECT}'}}]{keyless}}}{beside}}}]}}\n"
    )
}

fn judge(policies: &PolicySet, artifact: &Artifact) -> Verdict {
    let image = ImageEvidence { artifacts: vec![artifact.clone()], ..image_at(&Digest::sha256(ARTIFACT)) };
    evaluate(policies, &request(pod(IMAGE)), &evidence([(IMAGE, image)], []), &Trust::keys_only(), NOW)
}

#[test]
fn authorities_and_logs_stand_in_a_root_of_their_own() {
    let (artifact, keys) = signed();
    let root = resource("mine", &json!({"sigstoreKeys": keys}));
    let named = ", trustRootRef: mine";
    let judge = |keyless: &str, beside: &str, root: &str| {
        let policies = PolicySet::from_yaml(&format!("{}---\n{root}\n", policy(keyless, beside))).unwrap();
        judge(&policies, &artifact)
    };
    allowed(&judge(named, ", ctlog: {trustRootRef: mine}", &root));
    // policy-controller asks for no log where it asks for a timestamp.
    allowed(&judge(named, ", rfc3161timestamp: {trustRootRef: mine}", &root));
    // Each reference is for its own part, and here the trust root has nothing.
    let no_log = judge(named, "", &root);
    denied(&no_log, ReasonCode::NotInLog, "log");
    let no_authority = judge("", ", ctlog: {trustRootRef: mine}", &root);
    denied(&no_authority, ReasonCode::NotTrusted, "the trust root has no certificate authority");
    for (part, reason) in [
        ("certificateAuthorities", "the trust root has no certificate authority"),
        ("ctLogs", "0 trusted certificate transparency logs vouch for the certificate"),
        ("tLogs", "found the signature in 0 trusted transparency logs"),
    ] {
        let mut fewer = keys.clone();
        fewer.as_object_mut().unwrap().remove(part);
        let root = resource("mine", &json!({"sigstoreKeys": fewer}));
        let verdict = judge(named, ", ctlog: {trustRootRef: mine}", &root);
        let text = verdict.to_string();
        assert!(verdict.decision == trust_policy::Decision::Deny && text.contains(reason), "{part}: {text}");
    }
    let mut fewer = keys.clone();
    fewer.as_object_mut().unwrap().remove("timestampAuthorities");
    let unstamped = resource("mine", &json!({"sigstoreKeys": fewer}));
    let verdict = judge(named, ", rfc3161timestamp: {trustRootRef: mine}", &unstamped);
    denied(&verdict, ReasonCode::NotTrusted, "timestamp");
    let both = PolicySet::from_yaml(&policy(", trustRootRef: mine, ca-cert: {data: x}", ""))
        .unwrap_err()
        .to_string();
    assert!(both.contains("expected either this or `trustRootRef`"), "{both}");
}

/// A key needs no time, so it is the demand for a timestamp alone that denies.
#[test]
fn a_key_may_need_a_timestamp() {
    let (_, keys) = signed();
    let judge = |beside: &str| {
        let text = format!(
            "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {{name: p}}\nspec: {{images: [{{glob: 'ghcr.io/acme/**'}}], \
             authorities: [{{key: {{data: \"{}\"}}{beside}}}]}}\n---\n{}\n",
            artifacts::pem(1),
            resource("mine", &json!({"sigstoreKeys": keys}))
        );
        let signature = artifacts::signature(1, &Digest::sha256(ARTIFACT), &json!({}));
        self::judge(&PolicySet::from_yaml(&text).unwrap(), &signature)
    };
    allowed(&judge(""));
    let unstamped = judge(", rfc3161timestamp: {trustRootRef: mine}");
    denied(&unstamped, ReasonCode::NotTrusted, "timestamp authorities");
}

#[test]
fn a_root_that_is_not_there_denies_and_says_so() {
    let (artifact, keys) = signed();
    let text = policy(", trustRootRef: mine", ", ctlog: {trustRootRef: mine}");
    let mut policies = PolicySet::from_yaml(&text).unwrap();
    denied(
        &judge(&policies, &artifact),
        ReasonCode::UnusablePolicy,
        "the policy names the `TrustRoot` `mine`, which is not in the set",
    );
    let remote = resource("mine", &json!({"remote": {"root": "e30=", "mirror": "https://tuf.example"}}));
    policies.extend(PolicySet::from_yaml(&remote).unwrap());
    denied(&judge(&policies, &artifact), ReasonCode::UnusablePolicy, "is published by The Update Framework");
    // Whoever fetches it adds what was found; and a set of another text may have it.
    policies.add_trust_root("mine", Ok(OwnRoots::default()));
    denied(
        &judge(&policies, &artifact),
        ReasonCode::NotInLog,
        "found the signature in 0 trusted transparency logs",
    );
    policies.extend(PolicySet::from_yaml(&resource("mine", &json!({"sigstoreKeys": keys}))).unwrap());
    allowed(&judge(&policies, &artifact));
}

#[test]
fn mistakes_in_a_root_are_named_with_their_place() {
    let (_, keys) = signed();
    let mut wrong_key = keys.clone();
    wrong_key["tLogs"][0]["publicKey"] = "e30=".into();
    let mut wrong_chain = keys.clone();
    wrong_chain["certificateAuthorities"][0]["certChain"] =
        to_base64(pem::encode("CERTIFICATE", b"x").as_bytes()).into();
    let mut nameless = keys.clone();
    nameless["timestampAuthorities"][0]["subject"].as_object_mut().unwrap().remove("organization");
    let mut without_url = keys.clone();
    without_url["ctLogs"][0].as_object_mut().unwrap().remove("baseURL");
    for (spec, expected) in [
        (json!({}), "exactly one of `sigstoreKeys`, `repository` and `remote`"),
        (json!({"sigstoreKeys": keys, "remote": {"root": "e30="}}), "exactly one of"),
        (json!({"sigstoreKeys": wrong_key}), "`spec.sigstoreKeys.tLogs[0].publicKey`"),
        (json!({"sigstoreKeys": wrong_chain}), "`spec.sigstoreKeys.certificateAuthorities[0].certChain`"),
        (
            json!({"sigstoreKeys": nameless}),
            "`spec.sigstoreKeys.timestampAuthorities[0].subject.organization` is absent",
        ),
        (json!({"sigstoreKeys": without_url}), "`spec.sigstoreKeys.ctLogs[0].baseURL` is absent"),
        (json!({"sigstoreKeys": {"tlogs": []}}), "did you mean `tLogs`?"),
    ] {
        let found = PolicySet::from_yaml(&resource("mine", &spec)).unwrap_err().to_string();
        assert!(found.contains(expected), "{spec}: {found}");
    }
}
