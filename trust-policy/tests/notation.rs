//! Signatures of the Notary Project, as each language asks for them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trust_core::internal::pem;
use trust_core::notation::JWS_MEDIA_TYPE;
use trust_core::{Digest, UnixTime};
use trust_policy::{
    Artifact, Decision, Evidence, ImageEvidence, PolicySet, ReasonCode, Trust, Verdict, evaluate,
};
use trust_testkit::judge::{allowed, denied, evidence, image_at, pod, request};
use trust_testkit::notation::{Attribute, Notation, SIGNED_AT};
use trust_testkit::sigstore::Key;

const IMAGE: &str = "registry.example/acme/app:v1";
const NOW: UnixTime = UnixTime::from_seconds(SIGNED_AT + 60);
const MANIFEST: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}"#;

/// A signature on the manifest, with this changed.
fn signed(change: impl Fn(&mut Notation)) -> Artifact {
    let mut envelope = Notation::new(&Digest::sha256(MANIFEST.as_bytes()));
    envelope.describe(MANIFEST, json!({"build": "7"}));
    change(&mut envelope);
    artifact(JWS_MEDIA_TYPE, envelope.jws().to_string().into_bytes())
}

fn artifact(media_type: &str, content: Vec<u8>) -> Artifact {
    Artifact {
        location: "referrer".to_owned(),
        media_type: media_type.to_owned(),
        annotations: BTreeMap::new(),
        content: content.into(),
    }
}

fn found(artifacts: Vec<Artifact>) -> Evidence {
    let image = ImageEvidence { artifacts, ..image_at(&Digest::sha256(MANIFEST.as_bytes())) };
    evidence([(IMAGE, image)], [MANIFEST.to_owned()])
}

fn judge_at(policies: &PolicySet, evidence: &Evidence, now: UnixTime) -> Verdict {
    evaluate(policies, &request(pod(IMAGE)), evidence, &Trust::keys_only(), now)
}

fn judge(policies: &PolicySet, artifacts: Vec<Artifact>) -> Verdict {
    judge_at(policies, &found(artifacts), NOW)
}

fn certificate(index: usize) -> String {
    pem::encode("CERTIFICATE", &Notation::new(&Digest::sha256(b"")).chain[index])
}

fn root() -> String {
    certificate(2)
}

fn read(documents: &[Value]) -> PolicySet {
    let texts: Vec<String> = documents.iter().map(Value::to_string).collect();
    PolicySet::from_yaml(&texts.join("\n---\n")).unwrap_or_else(|error| panic!("{error}"))
}

fn trust_policy(scopes: &[&str], verification: Value) -> Value {
    let is_skip = verification["level"] == "skip";
    let (stores, identities) =
        if is_skip { (json!([]), json!([])) } else { (json!(["ca:acme"]), json!(["*"])) };
    json!({"version": "1.0", "trustPolicies": [{"name": "images", "registryScopes": scopes,
        "signatureVerification": verification, "trustStores": stores, "trustedIdentities": identities}]})
}

fn trust_store() -> Value {
    json!({"apiVersion": "trust.dev/v1beta1", "kind": "TrustStore", "metadata": {"name": "acme"},
        "spec": {"type": "ca", "certificates": root()}})
}

fn own(signer: Value) -> Value {
    json!({"apiVersion": "trust.dev/v1beta1", "kind": "ImageTrustPolicy", "metadata": {"name": "p"},
        "spec": {"images": ["registry.example/**"], "signers": {"acme": signer}, "require": {"signatures": {"from": ["acme"]}}}})
}

fn kyverno(certificates: Value) -> Value {
    json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p"}, "spec": {
        "validationFailureAction": "Enforce", "rules": [{"name": "notary", "match": {"any": [{"resources": {"kinds": ["Pod"]}}]},
        "verifyImages": [{"type": "Notary", "imageReferences": ["registry.example/*"],
            "attestors": [{"entries": [{"certificates": certificates}]}]}]}]}})
}

fn with_expressions(notary: Value) -> Value {
    json!({"apiVersion": "policies.kyverno.io/v1", "kind": "ImageValidatingPolicy", "metadata": {"name": "p"}, "spec": {
        "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]},
        "matchImageReferences": [{"glob": "registry.example/*"}],
        "attestors": [{"name": "notary", "notary": notary}],
        "validations": [{"expression": "images.containers.map(image, verifyImageSignatures(image, [attestors.notary])).all(e, e > 0)"}]}})
}

/// One requirement, in each language.
fn in_each_language() -> Vec<(&'static str, PolicySet)> {
    let strict = json!({"level": "strict"});
    vec![
        (
            "trustpolicy.json",
            read(&[trust_policy(&["registry.example/acme/app"], strict.clone()), trust_store()]),
        ),
        ("trustpolicy.json for all", read(&[trust_policy(&["*"], strict), trust_store()])),
        (
            "ImageTrustPolicy",
            read(&[own(json!({"notation": {"certificates": root(), "trustedIdentities": ["*"]}}))]),
        ),
        (
            "ImageTrustPolicy by name",
            read(&[
                own(json!({"notation": {"trustStores": ["ca:acme"], "trustedIdentities": ["*"]}})),
                trust_store(),
            ]),
        ),
        ("ClusterPolicy", read(&[kyverno(json!({"cert": root()}))])),
        ("ClusterPolicy with a chain", read(&[kyverno(json!({"certChain": root()}))])),
        ("ImageValidatingPolicy", read(&[with_expressions(json!({"certs": {"value": root()}}))])),
    ]
}

#[test]
fn one_requirement_decides_alike_in_every_language() {
    let stranger = signed(|envelope| {
        envelope.key = Key::p256(90);
        let extensions = trust_testkit::notation::leaf_extensions();
        envelope.chain = trust_testkit::notation::own_chain(&envelope.key, extensions);
    });
    let other = signed(|envelope| envelope.describe("{}", json!({})));
    let larger = signed(|envelope| {
        envelope.payload = envelope.payload.replace("\"size\":", "\"size\":1");
    });
    let other_type = signed(|envelope| {
        envelope.payload = envelope.payload.replace("image.manifest.v1", "image.index.v1");
    });
    let forged = signed(|envelope| envelope.key = Key::p256(99));
    let garbage = artifact(JWS_MEDIA_TYPE, b"{}".to_vec());
    for (language, policies) in in_each_language() {
        assert!(policies.policies()[0].lints.is_empty(), "{:?}", policies.policies()[0].lints);
        allowed(&judge(&policies, vec![signed(|_| {})]));
        allowed(&judge(&policies, vec![garbage.clone(), stranger.clone(), signed(|_| {})]));
        let denies = |artifacts: Vec<Artifact>, reason: &str| {
            let verdict = judge(&policies, artifacts);
            assert_eq!(verdict.decision, Decision::Deny, "{language}: {verdict}");
            assert!(verdict.to_string().contains(reason), "{language}, expected {reason}: {verdict}");
        };
        denies(Vec::new(), "found no signature of the image");
        denies(vec![stranger.clone()], "no trust store for the scheme `notary.x509`");
        denies(vec![other.clone()], "signature is for the image");
        denies(vec![larger.clone()], "bytes, expected");
        denies(vec![other_type.clone()], "application/vnd.oci.image.index.v1+json");
        denies(vec![forged.clone()], "was not signed by the key");
        denies(vec![garbage.clone()], "envelope cannot be read");
        let late = judge_at(&policies, &found(vec![signed(|_| {})]), "2027-06-01T00:00:00Z".parse().unwrap());
        assert!(late.to_string().contains("authenticTimestamp"), "{late}");
        assert_eq!(late.decision, Decision::Deny);
        // Without the manifest it is not known what the signature must describe.
        let mut nothing = found(vec![signed(|_| {})]);
        nothing.documents.clear();
        let verdict = judge_at(&policies, &nothing, NOW);
        assert!(verdict.to_string().contains("is missing from the evidence"), "{verdict}");
        let needed = policies.requirements(&request(pod(IMAGE)), &Evidence::default(), NOW);
        assert_eq!((needed.images, needed.documents), (vec![IMAGE.to_owned()], vec![IMAGE.to_owned()]));
    }
}

#[test]
fn converted_policies_decide_alike() {
    let (good, stranger) = (signed(|_| {}), signed(|envelope| envelope.key = Key::p256(99)));
    for (language, policies) in in_each_language() {
        let [ours, theirs] = [policies.to_image_trust_policies(), policies.to_image_validating_policies()];
        let is_named = language.contains("json") || language.contains("by name");
        let is_ours = language.starts_with("ImageTrustPolicy");
        for (conversion, is_there) in [(ours, !is_ours), (theirs, !is_named)] {
            let texts = conversion.documents.iter().map(Value::to_string).collect::<Vec<_>>();
            let unconverted = language == "ImageValidatingPolicy";
            assert_eq!(!texts.is_empty(), is_there && !unconverted, "{language}: {:?}", conversion.changes);
            if texts.is_empty() {
                continue;
            }
            let text = [texts, vec![trust_store().to_string()]].concat().join("\n---\n");
            let converted = PolicySet::from_yaml(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            allowed(&judge(&converted, vec![good.clone()]));
            assert_eq!(judge(&converted, vec![stranger.clone()]).decision, Decision::Deny);
        }
    }
}

#[test]
fn each_check_is_said_one_by_one() {
    let policies = &in_each_language()[0].1;
    let text = judge(policies, vec![signed(|_| {})]).to_string();
    for check in [
        "integrity: signed with the key of",
        "authenticity: by `",
        "expiry: the signature does not expire",
        "authenticTimestamp: the certificates are valid now",
        "revocation: no certificate up to the trusted one is revoked",
    ] {
        assert!(text.contains(check), "{check}: {text}");
    }
    let permissive =
        read(&[trust_policy(&["registry.example/acme/app"], json!({"level": "permissive"})), trust_store()]);
    let expired = signed(|envelope| {
        envelope.attributes.push(("io.cncf.notary.expiry", Attribute::Time(SIGNED_AT + 10)));
        envelope.critical.push("io.cncf.notary.expiry");
    });
    let logged = judge(&permissive, vec![expired.clone()]);
    allowed(&logged);
    let text = logged.to_string();
    assert!(text.contains("expiry: fails, which the policy only logs: artifact is signed until"), "{text}");
    denied(&judge(policies, vec![expired]), ReasonCode::TooOld, "fails the check `expiry`");
}

/// CVE-2024-23332: who can roll the registry back gains what the level logs, and verdicts show it. At `audit` anybody's signature counts.
#[test]
fn a_level_that_logs_takes_what_it_logs_and_says_so() {
    let audit = read(&[trust_policy(&["*"], json!({"level": "audit"})), trust_store()]);
    let stranger = signed(|envelope| {
        envelope.key = Key::p256(90);
        let extensions = trust_testkit::notation::leaf_extensions();
        envelope.chain = trust_testkit::notation::own_chain(&envelope.key, extensions);
    });
    let verdict = judge(&audit, vec![stranger]);
    allowed(&verdict);
    assert!(verdict.to_string().contains("authenticity: fails, which the policy only logs"), "{verdict}");
    denied(&judge(&audit, Vec::new()), ReasonCode::NotFound, "found no signature");
}

#[test]
fn images_of_no_statement_are_denied() {
    let strict = json!({"level": "strict"});
    let named = read(&[trust_policy(&["registry.example/acme/other"], strict), trust_store()]);
    let denies = |verdict: &Verdict, reason: &str| {
        assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
        assert!(verdict.to_string().contains(reason), "{verdict}");
    };
    denies(&judge(&named, vec![signed(|_| {})]), "registry.example/acme/other");
    // Nothing is asked of any registry to know it.
    let judged = |policies: &PolicySet, image: &str| {
        evaluate(policies, &request(pod(image)), &Evidence::default(), &Trust::keys_only(), NOW)
    };
    let skipped = read(&[trust_policy(&["registry.example/acme/app"], json!({"level": "skip"}))]);
    allowed(&judged(&skipped, IMAGE));
    // A longer name is another repository.
    denies(&judged(&skipped, "registry.example/acme/app/other:v1"), "expected `registry.example/acme/app`");
    // Docker Hub's short names are in the scopes of their full ones.
    let hub = read(&[trust_policy(&["docker.io/library/nginx"], json!({"level": "skip"}))]);
    allowed(&judged(&hub, "nginx"));
}

#[test]
fn a_pinned_certificate_is_the_one_that_counts() {
    // Kyverno's users paste the signer's own certificate.
    let leaf = read(&[kyverno(json!({"cert": certificate(0), "certChain": root()}))]);
    allowed(&judge(&leaf, vec![signed(|_| {})]));
    let sibling = signed(|envelope| {
        envelope.key = Key::p256(91);
        let extensions = trust_testkit::notation::leaf_extensions();
        envelope.chain =
            trust_testkit::notation::chain(&envelope.key, extensions, trust_testkit::notation::YEAR);
    });
    denied(&judge(&leaf, vec![sibling.clone()]), ReasonCode::NotTrusted, "no trust store");
    allowed(&judge(&read(&[kyverno(json!({"certChain": root()}))]), vec![sibling]));
    let broken =
        read(&[kyverno(json!({"cert": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"}))]);
    assert!(broken.policies()[0].lints[0].message.contains("can never be satisfied"));
    denied(&judge(&broken, vec![signed(|_| {})]), ReasonCode::NotFound, "cannot be used");
    let keys = json!({"publicKeys": "x"});
    let mut by_key = kyverno(json!({}));
    by_key["spec"]["rules"][0]["verifyImages"][0]["attestors"][0]["entries"][0] = json!({"keys": keys});
    assert!(read(&[by_key]).policies()[0].lints[0].message.contains("it denies"));
}

#[test]
fn identities_and_annotations_are_required() {
    let with = |identity: &str, annotations: Value| {
        read(&[own(
            json!({"notation": {"certificates": root(), "trustedIdentities": [identity]}, "annotations": annotations}),
        )])
    };
    let right = format!("x509.subject: {}", trust_testkit::notation::SUBJECT);
    allowed(&judge(&with(&right, json!({"build": "7"})), vec![signed(|_| {})]));
    let verdict = judge(&with(&right, json!({"build": "8"})), vec![signed(|_| {})]);
    denied(&verdict, ReasonCode::WrongAnnotation, "annotation `build`, expected `8`");
    let other = with("x509.subject: C=US, ST=WA, O=Other", json!({}));
    denied(&judge(&other, vec![signed(|_| {})]), ReasonCode::WrongIdentity, "fails the check `authenticity`");
    let missing = read(&[own(json!({"notation": {"trustStores": ["ca:acme"], "trustedIdentities": ["*"]}}))]);
    denied(&judge(&missing, vec![signed(|_| {})]), ReasonCode::UnusablePolicy, "`ca:acme` was not found");
}

/// What one kind of tools signs is nothing to the other's signers, however broken it is.
#[test]
fn kinds_of_signatures_are_kept_apart() {
    let key =
        pem::encode("PUBLIC KEY", trust_core::PublicKey::from_der(&Key::p256(1).spki()).unwrap().spki_der());
    let by_key = read(&[own(json!({"publicKey": key, "transparencyLog": false}))]);
    denied(&judge(&by_key, vec![signed(|_| {})]), ReasonCode::NotFound, "a signature of the Notary Project");
    let sigstore = artifact("application/vnd.dev.sigstore.bundle.v0.3+json", b"{}".to_vec());
    let notation = &in_each_language()[0].1;
    denied(&judge(notation, vec![sigstore.clone()]), ReasonCode::NotFound, "found no signature of the image");
    allowed(&judge(notation, vec![sigstore, signed(|_| {})]));
    // Either of two signers: each is asked of its own kind.
    let mut either = own(json!({"publicKey": key, "transparencyLog": false}));
    either["spec"]["signers"]["notary"] =
        json!({"notation": {"certificates": root(), "trustedIdentities": ["*"]}});
    either["spec"]["require"]["signatures"] = json!({"from": ["acme", "notary"], "atLeast": 1});
    allowed(&judge(&read(&[either.clone()]), vec![signed(|_| {})]));
    either["spec"]["require"]["signatures"] = json!({"from": ["acme", "notary"], "atLeast": 2});
    denied(&judge(&read(&[either]), vec![signed(|_| {})]), ReasonCode::TooFewSigners, "1 of 2");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let refused = |documents: &[Value], reason: &str| {
        let texts: Vec<String> = documents.iter().map(Value::to_string).collect();
        let error = PolicySet::from_yaml(&texts.join("\n---\n")).expect_err(reason).to_string();
        assert!(error.contains(reason), "expected {reason}: {error}");
    };
    let mut wrong = trust_policy(&["registry.example/*"], json!({"level": "strict"}));
    refused(&[wrong.clone()], "trustPolicies[0].registryScopes[0]");
    wrong["trustPolicies"][0]["registryScopes"] = json!(["*"]);
    wrong["trustPolicies"][0]["more"] = json!(1);
    refused(&[wrong], "more");
    refused(&[trust_policy(&["*"], json!({"level": "skip"}))], "repositories by their names");
    let notation = |fields: Value| own(json!({"notation": fields}));
    refused(&[notation(json!({"certificates": root()}))], "trustedIdentities");
    refused(
        &[notation(json!({"certificates": root(), "trustedIdentities": ["*"], "level": "skip"}))],
        "skip",
    );
    refused(&[notation(json!({"certificates": certificate(0), "trustedIdentities": ["*"]}))], "roots");
    refused(&[notation(json!({"trustedIdentities": ["*"]}))], "at least one store");
    let beside =
        json!({"notation": {"certificates": root(), "trustedIdentities": ["*"]}, "transparencyLog": false});
    refused(&[own(beside)], "are not logged");
    let mut store = trust_store();
    store["spec"]["type"] = json!("CA");
    refused(&[store], "`ca`, `signingAuthority` or `tsa`");
    let text = "trustPolicies:\n- name: a\n  registryScopes: [b.example/c]\n  signatureVerification: {level: stern}\nversion: '1.0'\n";
    let error = PolicySet::from_yaml(text).unwrap_err().to_string();
    assert!(error.starts_with("line 4"), "{error}");
}

/// A name that stands for two stores stands for neither: which one is meant is not known.
#[test]
fn two_stores_of_one_name_are_none() {
    let policy = trust_policy(&["*"], json!({"level": "strict"}));
    let same = read(&[policy.clone(), trust_store(), trust_store()]);
    allowed(&judge(&same, vec![signed(|_| {})]));
    let mut other = trust_store();
    other["spec"]["certificates"] = certificate(1).into();
    for documents in [[policy.clone(), trust_store(), other.clone()], [policy, other, trust_store()]] {
        let reason = "the trust store `ca:acme` is defined several times";
        denied(&judge(&read(&documents), vec![signed(|_| {})]), ReasonCode::UnusablePolicy, reason);
    }
}

/// One signature is one signer's, whatever each of two asks of it.
#[test]
fn a_signature_counts_once_whatever_is_logged_of_it() {
    let mut policy = own(json!({"notation": {"certificates": root(), "trustedIdentities": ["*"]}}));
    let other =
        trust_testkit::notation::own_chain(&Key::p256(90), trust_testkit::notation::leaf_extensions());
    policy["spec"]["signers"]["other"] = json!({"notation": {"certificates": pem::encode("CERTIFICATE", &other[2]),
        "trustedIdentities": ["*"], "level": "audit"}});
    policy["spec"]["require"]["signatures"] = json!({"from": ["acme", "other"], "atLeast": 2});
    denied(&judge(&read(&[policy]), vec![signed(|_| {})]), ReasonCode::TooFewSigners, "1 of 2");
}

/// What is not known of one signature is not hidden by another that is wrong.
#[test]
fn what_is_unknown_is_said_before_what_is_wrong() {
    let revocable = signed(|envelope| {
        let sources = trust_testkit::revocation::sources(Some("http://ocsp.example/"), None);
        let extensions = [trust_testkit::notation::leaf_extensions(), sources].concat();
        envelope.chain =
            trust_testkit::notation::chain(&envelope.key, extensions, trust_testkit::notation::YEAR);
    });
    let (policies, garbage) = (&in_each_language()[0].1, artifact(JWS_MEDIA_TYPE, b"{}".to_vec()));
    let evidence = found(vec![garbage, revocable]);
    denied(&judge_at(policies, &evidence, NOW), ReasonCode::NotFetched, "http://ocsp.example/ was not asked");
    let asked = policies.requirements(&request(pod(IMAGE)), &evidence, NOW).revocations;
    assert_eq!(
        asked.into_iter().map(|one| one.url().to_owned()).collect::<Vec<_>>(),
        ["http://ocsp.example/"]
    );
}

#[test]
fn what_is_not_read_of_kyverno_says_so() {
    let lint = |change: &dyn Fn(&mut Value)| {
        let mut policy = kyverno(json!({"cert": root()}));
        change(&mut policy["spec"]["rules"][0]["verifyImages"][0]);
        read(&[policy]).policies()[0]
            .lints
            .iter()
            .map(|lint| lint.message.clone())
            .collect::<Vec<_>>()
            .join("; ")
    };
    assert_eq!(lint(&|_| {}), "");
    let attested = lint(&|one| {
        one["attestations"] = json!([{"type": "sbom/cyclone-dx", "attestors": one["attestors"]}]);
    });
    assert!(attested.contains("an attestation signed in the Notary Project's format"), "{attested}");
    let older = lint(&|one| {
        one["key"] = "key".into();
        one.as_object_mut().unwrap().remove("attestors");
    });
    assert!(older.contains("cannot sign in the Notary Project's format"), "{older}");
}
