//! Policies that were converted.

use serde_json::Value;
use trust_policy::{ChangeKind, Conversion, PolicySet};
use trust_testkit::artifacts::pem;
use trust_testkit::vectors::vectors;

/// The policies in each of the languages into which all of them can be converted.
pub(crate) fn converted(policies: &PolicySet) -> Vec<PolicySet> {
    let conversions = [policies.to_image_trust_policies(), policies.to_image_validating_policies()];
    let whole =
        conversions.iter().filter(|one| !one.changes.iter().any(|change| change.kind == ChangeKind::LeftOut));
    whole.map(read).collect()
}

fn read(conversion: &Conversion) -> PolicySet {
    let text: Vec<String> = conversion.documents.iter().map(Value::to_string).collect();
    PolicySet::from_yaml(&text.join("\n---\n")).unwrap_or_else(|error| panic!("{error}: {}", text.join("\n")))
}

fn kyverno(rule: &str, verify: &str) -> PolicySet {
    PolicySet::from_yaml(&format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  \
         - name: r\n    match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}\n    {rule}\n    verifyImages:\n    - {verify}\n"
    ))
    .unwrap()
}

const KEYLESS: &str = "imageReferences: ['ghcr.io/acme/*'], attestors: [{entries: [{keyless: {subject: 'https://github.com/acme/*', \
                       issuer: 'https://token.actions.githubusercontent.com', rekor: {url: 'https://rekor.sigstore.dev'}}}]}]";

#[test]
fn what_is_converted_says_the_same() {
    let policies =
        kyverno("exclude: {any: [{resources: {namespaces: [kube-*]}}]}", &format!("{{{KEYLESS}}}"));
    let own = policies.to_image_trust_policies();
    let spec = &own.documents[0]["spec"];
    assert_eq!(spec["images"][0], "ghcr.io/acme/**");
    assert_eq!(spec["exceptNamespaces"][0], "kube-*");
    assert_eq!(spec["signers"]["signer1"]["subject"], "https://github.com/acme/*");
    assert_eq!(spec["signers"]["signer1"]["issuer"], "https://token.actions.githubusercontent.com");
    assert_eq!(spec["require"]["signatures"]["from"][0], "signer1");
    read(&own);
    let theirs = policies.to_image_validating_policies();
    let spec = &theirs.documents[0]["spec"];
    let identity = &spec["attestors"][0]["cosign"]["keyless"]["identities"][0];
    assert_eq!(
        identity["subjectRegExp"], "^https://github\\.com/acme/.*$",
        "there identities have no wildcards"
    );
    assert_eq!(identity["issuer"], "https://token.actions.githubusercontent.com");
    assert_eq!(spec["matchConditions"][0]["expression"], "!(request.namespace.matches(\"^kube-.*$\"))");
    read(&theirs);
}

#[test]
fn what_another_language_cannot_say_is_left_out_and_named() {
    let key = format!("keys: {{publicKeys: \"{}\"}}", pem(1));
    let signed = |more: &str| {
        format!("{{imageReferences: ['ghcr.io/acme/*'], attestors: [{{entries: [{{{key}}}]}}]{more}}}")
    };
    let conditions = format!(
        "{{imageReferences: ['ghcr.io/acme/*'], attestations: [{{type: t, attestors: [{{entries: [{{{key}}}]}}], \
         conditions: [{{all: [{{key: '{{{{ a }}}}', operator: Equals, value: b}}]}}]}}]}}"
    );
    let counted = format!(
        "{{imageReferences: ['ghcr.io/acme/*'], attestors: [{{count: 1, entries: [{{attestor: {{entries: [{{{key}}}, {{keys: {{publicKeys: \"{}\"}}}}]}}}}, {{{key}}}]}}]}}",
        pem(2)
    );
    for (rule, verify, expected) in [
        ("preconditions: {all: [{key: a, operator: Equals, value: a}]}", signed(""), "it has preconditions"),
        ("exclude: {any: [{resources: {names: [a]}}]}", signed(""), "something else than namespaces"),
        ("", conditions, "conditions"),
        ("", counted, "sets in sets"),
        ("", signed("").replace("acme/*'", "acme/app:v1*'"), "tags or digests"),
        ("", signed("").replace("acme/*'", "acme/a?p'"), "wildcards"),
    ] {
        let conversion = kyverno(rule, &verify).to_image_trust_policies();
        assert!(conversion.documents.is_empty(), "{rule} {verify}: {:?}", conversion.documents);
        let change = &conversion.changes[0];
        assert!(change.kind == ChangeKind::LeftOut && change.to_string().contains(expected), "{change}");
    }
    let hub =
        kyverno("", &signed("").replace("ghcr.io/acme/*", "docker.io/acme/*")).to_image_validating_policies();
    assert!(hub.documents.is_empty() && hub.changes[0].message.contains("Docker Hub"), "{:?}", hub.changes);
}

/// How many files are read, and how many policies are made of them.
#[test]
fn published_policies_are_converted_or_say_why_not() {
    let Some(vectors) = vectors("policy") else { return };
    for (folder, files, ours, theirs) in
        [("kyverno-verify-images", 50, 27, 24), ("cluster-image-policy", 42, 12, 2)]
    {
        let mut found = (0, 0, 0);
        for entry in std::fs::read_dir(vectors.join(folder)).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
            let Ok(policies) = PolicySet::from_yaml(&text) else { continue };
            let made = |conversion: &Conversion| {
                if !conversion.documents.is_empty() {
                    read(conversion);
                }
                assert!(conversion.documents.len() + conversion.changes.len() > 0, "{text}");
                conversion.documents.len()
            };
            found.0 += 1;
            found.1 += made(&policies.to_image_trust_policies());
            found.2 += made(&policies.to_image_validating_policies());
        }
        assert_eq!(found, (files, ours, theirs), "{folder}");
    }
}
