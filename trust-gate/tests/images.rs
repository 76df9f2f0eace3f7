//! Images that third parties signed with real cosign, in every form in which signatures are stored.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trust_core::{TrustRoot, UnixTime};
use trust_gate::{Limits, Objects, OciLayout, Repositories, collect_for};
use trust_policy::{Decision, Evidence, PolicySet, ReasonCode, Request, Resource, Trust, Verdict, evaluate};

const DIGEST: &str = "4d4b5d33d4820e03adee39923c0d270438caafc01deec697738ab3558aa424ea";
const SUBJECT: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.0.0";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The folder of the images; `None` where there are no vectors.
fn images() -> Option<PathBuf> {
    trust_testkit::vectors::vectors("images")
}

fn now() -> UnixTime {
    "2026-11-22T00:00:00Z".parse().unwrap()
}

/// A copy of a layout, to be changed.
fn copy(layout: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir_all(copy.path().join("blobs/sha256")).unwrap();
    for file in ["oci-layout", "index.json"] {
        fs::copy(layout.join(file), copy.path().join(file)).unwrap();
    }
    for blob in fs::read_dir(layout.join("blobs/sha256")).unwrap() {
        let blob = blob.unwrap();
        let target = copy.path().join("blobs/sha256").join(blob.file_name());
        fs::write(target, fs::read(blob.path()).unwrap()).unwrap();
    }
    copy
}

/// Keeps only those entries of the layout's index that `keep` wants, by tag and digest.
fn keep(layout: &Path, keep: impl Fn(Option<&str>, &str) -> bool) {
    let path = layout.join("index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let manifests = index["manifests"].as_array_mut().unwrap();
    manifests.retain(|one| keep(one["annotations"][REF_NAME].as_str(), one["digest"].as_str().unwrap()));
    fs::write(path, index.to_string()).unwrap();
}

fn policy(attestors: &str) -> PolicySet {
    PolicySet::from_yaml(&format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  \
         validationFailureAction: Enforce\n  rules:\n  - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    \
         verifyImages:\n    - imageReferences: ['ghcr.io/acme/*']\n{attestors}"
    ))
    .unwrap()
}

fn by_key(images: &Path, key: &str, extra: &str) -> PolicySet {
    let pem = fs::read_to_string(images.join("keys").join(key)).unwrap();
    let pem: String = pem.lines().map(|line| format!("              {line}\n")).collect();
    policy(&format!(
        "      attestors:\n      - entries:\n        - keys:\n            publicKeys: |-\n{pem}{extra}"
    ))
}

const UNLOGGED: &str = "            rekor: {ignoreTlog: true}\n";

fn keyless(subject: &str, issuer: &str) -> PolicySet {
    policy(&format!(
        "      attestors:\n      - entries:\n        - keyless: {{subject: '{subject}', issuer: '{issuer}', \
         rekor: {{url: 'https://rekor.sigstore.dev'}}}}\n"
    ))
}

fn judge_at(layout: &Path, policies: &PolicySet, root: &TrustRoot, image: &str) -> Verdict {
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
    );
    let request = Request::from(Resource::from_yaml(&pod).unwrap().remove(0));
    let mut repositories = Repositories::new();
    repositories.insert("ghcr.io/acme/app".parse().unwrap(), OciLayout::open(layout).unwrap());
    let evidence =
        collect_for(policies, &request, &repositories, &Objects::default(), &Limits::default(), now());
    evaluate(policies, &request, &evidence, &root.clone().into(), now())
}

fn judge(layout: &Path, policies: &PolicySet, root: &TrustRoot) -> Verdict {
    judge_at(layout, policies, root, "ghcr.io/acme/app:v1")
}

fn allowed(verdict: &Verdict) {
    assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
    let pin = format!("ghcr.io/acme/app:v1@sha256:{DIGEST}");
    let [operation] = &verdict.patch[..] else { panic!("{verdict}") };
    assert_eq!(
        (operation.path.as_str(), operation.value.as_str()),
        ("/spec/containers/0/image", pin.as_str())
    );
}

fn denied(verdict: &Verdict, code: ReasonCode) {
    assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
    let codes: Vec<_> =
        verdict.violations().flat_map(|rule| &rule.explanations).filter_map(|one| one.code).collect();
    assert!(codes.contains(&code), "expected {code:?}:\n{verdict}");
    assert!(verdict.patch.is_empty(), "{verdict}");
}

#[test]
fn a_keyed_image_is_allowed_through_each_form_alone() {
    let Some(images) = images() else { return };
    let (source, root) = (images.join("keyed-demo-app"), TrustRoot::public_good());
    let policies = by_key(&images, "cosign.pub", UNLOGGED);
    allowed(&judge(&source, &policies, &root));
    let tag = format!("sha256-{DIGEST}");
    let signature_tag = format!("{tag}.sig");
    type Form<'a> = (&'a str, &'a dyn Fn(Option<&str>) -> bool);
    let forms: [Form<'_>; 3] = [
        ("legacy tag", &|name| name == Some(&signature_tag)),
        ("fallback index", &|name| name == Some(&tag)),
        ("referrers", &|name| name.is_none()),
    ];
    for (form, is_of_form) in forms {
        let layout = copy(&source);
        keep(layout.path(), |name, _| name == Some("v1") || is_of_form(name));
        let verdict = judge(layout.path(), &policies, &root);
        println!("{form}: {verdict}");
        allowed(&verdict);
    }
    let nothing = copy(&source);
    keep(nothing.path(), |name, _| name == Some("v1"));
    denied(&judge(nothing.path(), &policies, &root), ReasonCode::NotFound);
}

/// Demands an attestation of this type by the demonstration's key.
fn attested(images: &Path, predicate_type: &str) -> PolicySet {
    let pem = fs::read_to_string(images.join("keys/cosign.pub")).unwrap();
    let pem: String = pem.lines().map(|line| format!("                  {line}\n")).collect();
    policy(&format!(
        "      attestations:\n      - type: {predicate_type}\n        attestors:\n        - entries:\n          \
         - keys:\n                publicKeys: |-\n{pem}                rekor: {{ignoreTlog: true}}\n"
    ))
}

#[test]
fn cve_2022_35929_an_attestation_of_another_type() {
    let Some(images) = images() else { return };
    let policies = attested(&images, "https://spdx.dev/Document");
    denied(
        &judge(&images.join("keyed-demo-app"), &policies, &TrustRoot::public_good()),
        ReasonCode::NotFound,
    );
}

#[test]
fn an_attestation_is_found_through_each_form_alone() {
    let Some(images) = images() else { return };
    let (source, root) = (images.join("keyed-demo-app"), TrustRoot::public_good());
    let provenance = attested(&images, "https://slsa.dev/provenance/v1");
    let attestation_tag = format!("sha256-{DIGEST}.att");
    type Form<'a> = &'a dyn Fn(Option<&str>) -> bool;
    let forms: [Form<'_>; 2] = [&|name| name == Some(&attestation_tag), &|name| name.is_none()];
    for is_of_form in forms {
        let layout = copy(&source);
        keep(layout.path(), |name, _| name == Some("v1") || is_of_form(name));
        allowed(&judge(layout.path(), &provenance, &root));
    }
    // An attestation says something about an image; it does not release it.
    let layout = copy(&source);
    keep(layout.path(), |name, _| name == Some("v1") || name == Some(&attestation_tag));
    denied(&judge(layout.path(), &by_key(&images, "cosign.pub", UNLOGGED), &root), ReasonCode::NotFound);
}

#[test]
fn a_signature_in_no_log_is_denied_unless_the_policy_says_so() {
    let Some(images) = images() else { return };
    let policies = by_key(&images, "cosign.pub", "");
    denied(
        &judge(&images.join("keyed-demo-app"), &policies, &TrustRoot::public_good()),
        ReasonCode::NotInLog,
    );
}

fn rekor_v2_root(images: &Path) -> TrustRoot {
    TrustRoot::from_json(&fs::read(images.join("keys/rekorv2-trusted-root.json")).unwrap()).unwrap()
}

#[test]
fn a_keyless_image_is_allowed_for_its_own_identity_only() {
    let Some(images) = images() else { return };
    let (layout, root) = (images.join("demo-rekorv2"), rekor_v2_root(&images));
    allowed(&judge(&layout, &keyless(SUBJECT, ISSUER), &root));
    allowed(&judge(&layout, &keyless("https://github.com/acme/*", ISSUER), &root));
    let wrong = ReasonCode::WrongIdentity;
    denied(&judge(&layout, &keyless("https://github.com/other/*", ISSUER), &root), wrong);
    denied(&judge(&layout, &keyless("https://github.com/acme/app", ISSUER), &root), wrong);
    denied(&judge(&layout, &keyless(SUBJECT, "https://accounts.google.com"), &root), wrong);
    denied(&judge(&layout, &keyless(SUBJECT, ISSUER), &TrustRoot::public_good()), ReasonCode::NotInLog);
}

#[test]
fn cve_2023_33959_one_changed_byte_in_any_blob() {
    let Some(images) = images() else { return };
    let (source, root) = (images.join("demo-rekorv2"), rekor_v2_root(&images));
    let policies = keyless(SUBJECT, ISSUER);
    let mut changed = 0;
    for blob in fs::read_dir(source.join("blobs/sha256")).unwrap() {
        let layout = copy(&source);
        let path = layout.path().join("blobs/sha256").join(blob.unwrap().file_name());
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        denied(&judge(layout.path(), &policies, &root), ReasonCode::Tampered);
        changed += 1;
    }
    assert!(changed >= 12, "{changed} blobs");
}

#[test]
fn a_reference_with_another_digest_is_denied() {
    let Some(images) = images() else { return };
    let (layout, root) = (images.join("demo-rekorv2"), rekor_v2_root(&images));
    let policies = keyless(SUBJECT, ISSUER);
    let own = judge_at(&layout, &policies, &root, &format!("ghcr.io/acme/app@sha256:{DIGEST}"));
    assert_eq!((own.decision, own.patch.len()), (Decision::Allow, 0), "{own}");
    let absent = format!("ghcr.io/acme/app@sha256:{}", "0".repeat(64));
    denied(&judge_at(&layout, &policies, &root, &absent), ReasonCode::NotFetched);
    denied(&judge_at(&layout, &policies, &root, "ghcr.io/acme/app:v2"), ReasonCode::NotFetched);
    denied(&judge_at(&layout, &policies, &root, "ghcr.io/acme/other:v1"), ReasonCode::NotFetched);
    // A blob that is there, but is another manifest: nobody signed it.
    let signature = "9af4d707d20aae01bc3d8b967e682981b392e1e479b86a2f2efce1174059a638";
    let other = format!("ghcr.io/acme/app@sha256:{signature}");
    denied(&judge_at(&layout, &policies, &root, &other), ReasonCode::NotFound);
}

#[test]
fn cve_2022_47633_a_tag_that_moved() {
    let Some(images) = images() else { return };
    let (source, root) = (images.join("demo-rekorv2"), rekor_v2_root(&images));
    // The tag now names one of the signatures: what it names is judged, and nobody signed that.
    let layout = copy(&source);
    let path = layout.path().join("index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let manifests = index["manifests"].as_array_mut().unwrap();
    let annotations = manifests[0].as_object_mut().unwrap().remove("annotations").unwrap();
    manifests[1]["annotations"] = annotations;
    fs::write(path, index.to_string()).unwrap();
    denied(&judge(layout.path(), &keyless(SUBJECT, ISSUER), &root), ReasonCode::NotFound);
}

/// A policy that wants attestations of the keyless image, each with its own fields behind `attestors`.
fn attestations(entries: &[(&str, &str)], more: &str) -> PolicySet {
    let identity =
        format!("{{subject: '{SUBJECT}', issuer: '{ISSUER}', rekor: {{url: 'https://rekor.sigstore.dev'}}}}");
    let entry = |(kind, fields): &(&str, &str)| {
        format!("      - type: {kind}\n        attestors: [{{entries: [{{keyless: {identity}}}]}}]\n{fields}")
    };
    let entries: String = entries.iter().map(entry).collect();
    policy(&format!("      attestations:\n{entries}{more}"))
}

const SLSA: &str = "https://slsa.dev/provenance/v1";
const CYCLONEDX: &str = "https://cyclonedx.org/bom";

#[test]
fn an_attestation_must_say_what_is_demanded() {
    let Some(images) = images() else { return };
    let (layout, root) = (images.join("demo-rekorv2"), rekor_v2_root(&images));
    let with = |conditions: &str| {
        attestations(&[(SLSA, &format!("        conditions:\n        - all:\n{conditions}"))], "")
    };
    let condition = |key: &str, operator: &str, value: &str| {
        format!("          - {{key: '{key}', operator: {operator}, value: '{value}'}}\n")
    };
    let builder = condition("{{ runDetails.builder.id }}", "Equals", "https://bench.example/*");
    allowed(&judge(&layout, &with(&builder), &root));
    let branch = condition("{{ buildDefinition.externalParameters.ref }}", "AnyIn", "refs/heads/release");
    let verdict = judge(&layout, &with(&(builder + &branch)), &root);
    denied(&verdict, ReasonCode::Condition);
    let text = verdict.to_string();
    assert!(text.contains("`\"refs/heads/main\"` AnyIn `\"refs/heads/release\"`"), "{text}");
    let absent = condition("{{ runDetails.builder.version }}", "NotEquals", "x");
    let verdict = judge(&layout, &with(&absent), &root);
    assert!(verdict.to_string().contains("`{{ runDetails.builder.version }}` has no value"), "{verdict}");
    assert_eq!(verdict.decision, Decision::Deny);
    // A predicate cannot answer for the request.
    let request = condition("{{ request.object.kind }}", "Equals", "Pod");
    allowed(&judge(&layout, &with(&request), &root));
}

#[test]
fn attestations_are_denied_together() {
    let Some(images) = images() else { return };
    let (layout, root) = (images.join("demo-rekorv2"), rekor_v2_root(&images));
    let both = [(SLSA, "        name: slsa\n"), (CYCLONEDX, "        name: sbom\n")];
    let with = |key: &str, value: &str| {
        let condition = format!("{{key: '{key}', operator: NotEquals, value: '{value}'}}");
        let deny = format!(
            "      validate: {{message: 'another image', deny: {{conditions: {{any: [{condition}]}}}}}}\n"
        );
        attestations(&both, &deny)
    };
    allowed(&judge(&layout, &with("{{ sbom.bomFormat }}", "CycloneDX"), &root));
    allowed(&judge(
        &layout,
        &with("{{ sbom.specVersion }}-{{ slsa.runDetails.metadata.invocationId }}", "1.6-bench-1"),
        &root,
    ));
    let verdict = judge(&layout, &with("{{ sbom.specVersion }}", "1.5"), &root);
    denied(&verdict, ReasonCode::Condition);
    assert!(verdict.to_string().contains("another image"), "{verdict}");
    // What is not attested cannot be cleared.
    let policies = with("{{ sbom.bomFormat }}", "CycloneDX");
    let copy = copy(&layout);
    keep(copy.path(), |tag, _| tag == Some("v1"));
    assert_eq!(judge(copy.path(), &policies, &root).decision, Decision::Deny);
}

#[test]
fn attestors_go_into_one_another() {
    let Some(images) = images() else { return };
    let (layout, root) = (images.join("demo-rekorv2"), rekor_v2_root(&images));
    let identity = |subject: &str| {
        format!("{{keyless: {{subject: '{subject}', issuer: '{ISSUER}', rekor: {{url: a}}}}}}")
    };
    let (own, other) = (identity(SUBJECT), identity("https://github.com/other/*"));
    let nested = |count: usize, outer: usize| {
        policy(&format!(
            "      attestors:\n      - count: {outer}\n        entries:\n        - attestor: {{count: {count}, entries: [{own}, {other}]}}\n        \
             - {other}\n"
        ))
    };
    allowed(&judge(&layout, &nested(1, 1), &root));
    denied(&judge(&layout, &nested(2, 1), &root), ReasonCode::TooFewSigners);
    denied(&judge(&layout, &nested(1, 2), &root), ReasonCode::TooFewSigners);
}

#[test]
fn keys_come_from_where_the_policy_says() {
    let Some(images) = images() else { return };
    let layout = images.join("keyed-demo-app");
    let pem = fs::read_to_string(images.join("keys/cosign.pub")).unwrap();
    let secret = policy(
        "      attestors: [{entries: [{keys: {secret: {name: key, namespace: shop}, rekor: {ignoreTlog: true}}}]}]\n",
    );
    let context = "    context: [{name: keys, configMap: {name: keys, namespace: shop}}]\n";
    let text = "      attestors: [{entries: [{keys: {publicKeys: '{{ keys.data.release }}', rekor: {ignoreTlog: true}}}]}]\n";
    let config_map = PolicySet::from_yaml(&format!("{}{context}", KEYED.replace("ATTESTORS", text))).unwrap();
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, image: 'ghcr.io/acme/app:v1'}]}}";
    let request = Request::from(Resource::from_yaml(pod).unwrap().remove(0));
    let mut repositories = Repositories::new();
    repositories.insert("ghcr.io/acme/app".parse().unwrap(), OciLayout::open(&layout).unwrap());
    let encoded = trust_core::internal::encoding::to_base64(pem.as_bytes());
    for (policies, object, value) in [
        (
            secret,
            "Secret/shop/key",
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "namespace": "shop"},
                "data": {"cosign.pub": encoded, "cosign.key": "c2VjcmV0"}}),
        ),
        (
            config_map,
            "ConfigMap/shop/keys",
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "keys", "namespace": "shop"},
                "data": {"release": pem}}),
        ),
    ] {
        let needed = policies.requirements(&request, &Evidence::default(), now()).objects;
        assert_eq!(needed.iter().map(ToString::to_string).collect::<Vec<_>>(), [object]);
        let judge = |objects: &Objects| {
            let evidence =
                collect_for(&policies, &request, &repositories, objects, &Limits::default(), now());
            (evaluate(&policies, &request, &evidence, &Trust::keys_only(), now()), evidence)
        };
        let (without, _) = judge(&Objects::default());
        assert_eq!(without.decision, Decision::Deny);
        assert!(without.to_string().contains(&format!("{object} cannot be read")), "{without}");
        let (verdict, evidence) = judge(&[Resource::from_json(value).unwrap()].into_iter().collect());
        allowed(&verdict);
        // Of a Secret nothing but the public key is kept.
        assert!(!serde_json::to_string(&evidence).unwrap().contains("cosign.key"));
    }
}

const KEYED: &str = "apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p}
spec:
  validationFailureAction: Enforce
  rules:
  - name: r
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages:
    - imageReferences: ['ghcr.io/acme/*']
ATTESTORS";

/// What our own policy says of real attestations and of the image itself.
fn image_trust(require: &str) -> PolicySet {
    PolicySet::from_yaml(&format!(
        "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec:\n  images: ['ghcr.io/acme/**']\n  \
         signers:\n    ci: {{issuer: '{ISSUER}', subject: 'https://github.com/acme/*'}}\n  require: {require}\n"
    ))
    .unwrap()
}

#[test]
fn what_cosign_attested_is_judged_by_its_content() {
    let Some(images) = images() else { return };
    let (layout, root) = (images.join("demo-rekorv2"), rekor_v2_root(&images));
    let judge = |require: &str| judge(&layout, &image_trust(require), &root);
    allowed(&judge(
        "{signatures: {from: [ci]}, provenance: {from: [ci], builders: ['https://bench.example/*']}}",
    ));
    let verdict = judge("{provenance: {from: [ci], builders: ['https://github.com/*']}}");
    denied(&verdict, ReasonCode::Condition);
    assert!(verdict.to_string().contains("builder: found `https://bench.example/builder/1`"), "{verdict}");
    // Its signatures have times that a log's authority vouches for.
    allowed(&judge("{attestations: [{type: 'https://slsa.dev/provenance/v1', from: [ci], maxAge: 720h}]}"));
    denied(
        &judge("{attestations: [{type: 'https://slsa.dev/provenance/v1', from: [ci], maxAge: 1m}]}"),
        ReasonCode::TooOld,
    );
    // One of its SBOMs lists nothing, and the other has no package URLs: what the image is made of is unknown.
    let verdict = judge("{sbom: {from: [ci], deny: [{purl: 'pkg:npm/lodash'}]}}");
    denied(&verdict, ReasonCode::Unresolved);
    assert!(
        verdict.to_string().contains("deny[0]: cannot be determined: the document identifies no package"),
        "{verdict}"
    );
    assert!(verdict.to_string().contains("it lists no components"), "{verdict}");
    denied(&judge("{vulnerabilities: {from: [ci], severities: [critical]}}"), ReasonCode::NotFound);
    let missing = judge("{vulnerabilities: {from: [ci]}}").to_string();
    assert!(missing.contains("found no scan report of the image"), "{missing}");
}

#[test]
fn signatures_are_found_in_another_repository() {
    let Some(images) = images() else { return };
    let (layout, root) = (images.join("keyed-demo-app"), TrustRoot::empty());
    let bare = copy(&layout);
    keep(bare.path(), |tag, _| tag == Some("v1"));
    let pem = fs::read_to_string(images.join("keys/cosign.pub")).unwrap();
    let key = serde_json::to_string(&pem).unwrap();
    let policies = policy(&format!(
        "      repository: ghcr.io/acme/signatures\n      attestors: [{{entries: [{{keys: {{publicKeys: {key}, rekor: {{ignoreTlog: true}}}}}}]}}]\n"
    ));
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, image: 'ghcr.io/acme/app:v1'}]}}";
    let request = Request::from(Resource::from_yaml(pod).unwrap().remove(0));
    let mut repositories = Repositories::new();
    repositories.insert("ghcr.io/acme/app".parse().unwrap(), OciLayout::open(bare.path()).unwrap());
    let mut judge = |elsewhere: bool| {
        if elsewhere {
            repositories
                .insert("ghcr.io/acme/signatures".parse().unwrap(), OciLayout::open(&layout).unwrap());
        }
        let evidence =
            collect_for(&policies, &request, &repositories, &Objects::default(), &Limits::default(), now());
        evaluate(&policies, &request, &evidence, &root.clone().into(), now())
    };
    denied(&judge(false), ReasonCode::NotFetched);
    allowed(&judge(true));
}

#[test]
fn an_image_is_asked_about_itself() {
    let Some(images) = images() else { return };
    let (layout, root) = (images.join("demo-rekorv2"), rekor_v2_root(&images));
    let verdict = judge(&layout, &image_trust("{image: {nonRoot: true}}"), &root);
    denied(&verdict, ReasonCode::Condition);
    assert!(verdict.to_string().contains("user: found ``, expected a user who is not root"), "{verdict}");
    let undated = judge(&layout, &image_trust("{image: {maxAge: 1h}}"), &root);
    assert_eq!(undated.decision, Decision::Deny, "{undated}");
}

/// A PEM text in the form of a YAML string.
fn pem(label: &str, der: &[u8]) -> String {
    let encoded = trust_core::internal::encoding::to_base64(der);
    format!("-----BEGIN {label}-----\\n{encoded}\\n-----END {label}-----\\n")
}

#[test]
fn a_policy_brings_its_own_authorities() {
    let Some(images) = images() else { return };
    let (layout, root) = (images.join("demo-rekorv2"), rekor_v2_root(&images));
    let chain = |authority: &trust_core::Authority| -> String {
        authority.chain().iter().map(|one| pem("CERTIFICATE", one.der())).collect()
    };
    let certificates: String = root.certificate_authorities().iter().map(chain).collect();
    let timestamps = chain(&root.timestamp_authorities()[0]);
    let log: String =
        root.certificate_logs().iter().map(|log| pem("PUBLIC KEY", log.key.spki_der())).collect();
    let with = |more: &str| {
        let identity = format!("subject: '{SUBJECT}', issuer: '{ISSUER}'");
        policy(&format!(
            "      attestors: [{{entries: [{{keyless: {{{identity}, rekor: {{url: a}}{more}}}}}]}}]\n"
        ))
    };
    let stranger = {
        let public_good = TrustRoot::public_good();
        public_good.certificate_authorities().iter().map(chain).collect::<String>()
    };
    for (root, own, other) in [
        (
            root.clone().with_certificate_authorities(vec![]),
            format!(", roots: \"{certificates}\""),
            format!(", roots: \"{stranger}\""),
        ),
        (
            root.clone().with_timestamp_authorities(vec![]),
            format!(", ctlog: {{tsaCertChain: \"{timestamps}\"}}"),
            format!(", ctlog: {{tsaCertChain: \"{stranger}\"}}"),
        ),
        (
            root.clone().with_certificate_logs(vec![]),
            format!(", ctlog: {{pubkey: \"{log}\"}}"),
            format!(
                ", ctlog: {{pubkey: \"{}\"}}",
                pem("PUBLIC KEY", root.transparency_logs()[0].key.spki_der())
            ),
        ),
    ] {
        allowed(&judge(&layout, &with(&own), &root));
        denied(&judge(&layout, &with(""), &root), ReasonCode::NotTrusted);
        assert_eq!(judge(&layout, &with(&other), &root).decision, Decision::Deny, "{other}");
    }
}
