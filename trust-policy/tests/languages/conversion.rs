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

/// What the two conversions say is not the same.
fn changes(policies: &PolicySet) -> [Vec<String>; 2] {
    [policies.to_image_trust_policies(), policies.to_image_validating_policies()]
        .map(|one| one.changes.iter().map(ToString::to_string).collect())
}

#[test]
fn entries_that_do_different_things_are_left_out() {
    let entry = |action: &str| format!("{{{KEYLESS}, failureAction: {action}}}");
    let alike = kyverno("", &format!("{}\n    - {}", entry("Enforce"), entry("Enforce")));
    assert!(!changes(&alike).iter().flatten().any(|one| one.contains("left out")), "{:?}", changes(&alike));
    let different = kyverno("", &format!("{}\n    - {}", entry("Audit"), entry("Enforce")));
    for said in changes(&different) {
        assert_eq!(
            said,
            [
                "policy `p`, rule `r`: left out: what a violation does differs between its entries, and the strictest counts for all"
            ]
        );
    }
}

#[test]
fn what_makes_pods_is_judged_as_before_or_that_is_said() {
    let text = |annotations: &str, selector: &str| {
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p{annotations}}}\nspec:\n  rules:\n  - name: r\n    match: {{any: \
             [{{resources: {{kinds: [Pod]{selector}}}}}]}}\n    verifyImages: [{{{KEYLESS}, mutateDigest: false}}]\n"
        )
    };
    let of = |controllers: &str, selector: &str| {
        let annotations =
            format!(", annotations: {{pod-policies.kyverno.io/autogen-controllers: '{controllers}'}}");
        PolicySet::from_yaml(&text(if controllers.is_empty() { "" } else { &annotations }, selector)).unwrap()
    };
    let selector = ", namespaceSelector: {matchLabels: {a: b}}";
    let is_asked = |policies: &PolicySet, kind: &str| {
        let template =
            serde_json::json!({"spec": {"containers": [{"name": "c", "image": "ghcr.io/acme/app"}]}});
        let object = serde_json::json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "a", "namespace": "n"}, "spec": {"template": template}});
        let mut request = trust_testkit::judge::request(object);
        request.namespace_labels = Some([("a".to_owned(), "b".to_owned())].into());
        !policies.requirements(&request, &trust_policy::Evidence::default(), crate::NOW).images.is_empty()
    };
    for (controllers, selector, narrower) in [
        ("", "", false),
        ("Deployment", "", false),
        ("", selector, true),
        ("Deployment", selector, true),
        ("none", selector, false),
    ] {
        let source = of(controllers, selector);
        let conversion = source.to_image_validating_policies();
        let converted = read(&conversion);
        let place = format!("{controllers} {selector}: {:?}", conversion.changes);
        let is_said = conversion.changes.iter().any(|one| one.message.contains("it is about Pods alone"));
        assert_eq!(is_said, narrower, "{place}");
        for kind in ["Deployment", "StatefulSet"] {
            let (before, after) = (is_asked(&source, kind), is_asked(&converted, kind));
            assert_eq!(before && !after, narrower && before, "{kind}: {place}");
            assert!(before || !after, "{kind}: {place}");
        }
    }
}

#[test]
fn expressions_stay_anchored() {
    let source = PolicySet::from_yaml(&format!(
        "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {{name: p}}\nspec: {{images: [{{glob: '**'}}], authorities: \
         [{{keyless: {{identities: [{{issuer: a, subjectRegExp: '{}'}}]}}}}]}}\n",
        r"^https://x/a\$"
    ))
    .unwrap();
    let document = &source.to_image_trust_policies().documents[0];
    assert_eq!(document["spec"]["signers"]["signer1"]["subjectRegExp"], r"^(?:^https://x/a\$)$");
}

/// A policy of policy-controller, or of Kyverno, that is about these images.
fn about(pattern: &str, in_kyverno: bool) -> PolicySet {
    let key = format!("\"{}\"", pem(1));
    match in_kyverno {
        true => kyverno("", &format!("{{imageReferences: ['{pattern}'], attestors: [{{entries: [{{keys: {{publicKeys: {key}}}}}]}}]}}")),
        false => PolicySet::from_yaml(&format!(
            "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {{name: p}}\nspec: {{images: [{{glob: '{pattern}'}}], \
             authorities: [{{key: {{data: {key}}}}}]}}\n"
        ))
        .unwrap(),
    }
}

/// The images that a set asks for.
fn meant(policies: &PolicySet, image: &str) -> bool {
    let request = trust_testkit::judge::request(trust_testkit::judge::pod(image));
    !policies.requirements(&request, &trust_policy::Evidence::default(), crate::NOW).images.is_empty()
}

#[test]
fn what_is_converted_is_about_every_image_that_it_was_about() {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let names = [
        "ghcr.io/acme/app",
        "ghcr.io/acme/team/app",
        "ghcr.io/acme/app-prod",
        "acme-corp/app",
        "nginx",
        "localhost:5000/app",
        "quay.io/acme/app",
    ];
    let ends = [
        "".to_owned(),
        ":v1".to_owned(),
        ":1.2-prod".to_owned(),
        ":latest".to_owned(),
        ":443".to_owned(),
        format!("@{digest}"),
        format!(":v1@{digest}"),
    ];
    let images: Vec<String> =
        names.iter().flat_map(|name| ends.iter().map(move |end| format!("{name}{end}"))).collect();
    let patterns = [
        "*",
        "**",
        "*/*",
        "ghcr.io/acme/*",
        "ghcr.io/acme/**",
        "ghcr.io/acme/app",
        "ghcr.io/acme/app*",
        "ghcr.io/acme/*-prod",
        "*latest",
        "*:443",
        "*:v1",
        "ghcr.io/acme/app:*",
        "ghcr.io/acme/app:v1",
        "ghcr.io/acme/app:v*",
        "ghcr.io/*/app:*",
        "ghcr.io/acme/*:v1",
        "acme-*/**",
        "acme-corp/*",
        "nginx*",
        "docker.io/*",
        "localhost:5000/*",
        "*app*",
        "*/app",
        "gh*.io/**",
    ];
    let mut compared = 0;
    for (pattern, in_kyverno) in patterns.iter().flat_map(|pattern| [(pattern, true), (pattern, false)]) {
        let source = about(pattern, in_kyverno);
        for conversion in [source.to_image_trust_policies(), source.to_image_validating_policies()] {
            if conversion.documents.is_empty() {
                assert_eq!(conversion.changes[0].kind, ChangeKind::LeftOut, "{pattern}");
                continue;
            }
            let (converted, mut differs) = (read(&conversion), Vec::new());
            for image in &images {
                compared += 1;
                let (before, after) = (meant(&source, image), meant(&converted, image));
                assert!(
                    after || !before,
                    "{pattern} ({in_kyverno}) was about {image}: {:?}",
                    conversion.documents
                );
                differs.extend((before != after).then_some(image));
            }
            // More is never asked without a word.
            let says = |change: &trust_policy::Change| {
                change.kind == ChangeKind::Stricter && change.message.contains(pattern)
            };
            let is_said = conversion.changes.iter().any(says);
            assert!(
                is_said || differs.is_empty(),
                "{pattern} ({in_kyverno}) became about {differs:?}: {:?}",
                conversion.documents
            );
        }
    }
    assert!(compared > 1000, "{compared}");
}

#[test]
fn no_document_takes_the_place_of_another() {
    let of = |namespace: &str| {
        format!(
            "apiVersion: kyverno.io/v1\nkind: Policy\nmetadata: {{name: verify, namespace: {namespace}}}\nspec:\n  rules:\n  - name: r\n    match: {{any: \
             [{{resources: {{kinds: [Pod]}}}}]}}\n    verifyImages: [{{{KEYLESS}, mutateDigest: false}}]\n"
        )
    };
    let sigstore = "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: a-verify}\nspec: {images: [{glob: '**'}], authorities: \
                    [{keyless: {identities: [{issuer: a, subject: b}]}}]}\n";
    let policies = PolicySet::from_yaml(&format!("{}---\n{}---\n{sigstore}", of("a"), of("b"))).unwrap();
    let names = |conversion: Conversion| -> Vec<String> {
        conversion
            .documents
            .iter()
            .map(|one| {
                format!(
                    "{}/{}",
                    one["metadata"]["namespace"].as_str().unwrap_or("-"),
                    one["metadata"]["name"].as_str().unwrap()
                )
            })
            .collect()
    };
    assert_eq!(names(policies.to_image_trust_policies()), ["-/a-verify", "-/b-verify", "-/a-verify-2"]);
    assert_eq!(names(policies.to_image_validating_policies()), ["a/verify", "b/verify", "-/a-verify"]);
}

#[test]
fn no_document_takes_the_place_of_a_policy_that_is_there() {
    let own = format!(
        "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {{name: signed}}\nspec: {{images: ['**'], signers: {{k: {{publicKey: \"{}\"}}}}, require: {{signatures: {{from: [k]}}}}}}\n",
        pem(1)
    );
    let sigstore = "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata: {name: signed}\nspec: {images: [{glob: '**'}], authorities: \
                    [{keyless: {identities: [{issuer: a, subject: b}]}}]}\n";
    let policies = PolicySet::from_yaml(&format!("{sigstore}---\n{own}")).unwrap();
    assert_eq!(policies.to_image_trust_policies().documents[0]["metadata"]["name"], "signed-2");
    assert_eq!(policies.to_image_validating_policies().documents[0]["metadata"]["name"], "signed");
}

#[test]
fn what_only_our_own_language_demands_is_not_lost() {
    let key = format!("\"{}\"", pem(1));
    for more in [
        "sbom: {from: [k]}",
        "image: {nonRoot: true}",
        "signatures: {from: [k], at: everyPlatform}",
        "signatures: {from: [k], signedNames: [a]}",
    ] {
        let text = format!(
            "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec: {{images: ['ghcr.io/acme/**'], signers: {{k: {{publicKey: {key}}}}}, require: {{{more}}}}}\n"
        );
        let mut policies = PolicySet::from_yaml(&text).unwrap().policies().to_vec();
        // As an embedder makes it, it is of no language.
        policies[0].kind = String::new();
        let policies = PolicySet::new(policies);
        for conversion in [policies.to_image_trust_policies(), policies.to_image_validating_policies()] {
            assert!(conversion.documents.is_empty(), "{more}: {:?}", conversion.documents);
            assert_eq!(conversion.changes[0].kind, ChangeKind::LeftOut);
        }
    }
    // An override for every namespace stays one.
    let everywhere = kyverno("", &format!("{{{KEYLESS}}}")).policies().to_vec();
    let mut rule = everywhere[0].rules[0].clone();
    let trust_policy::Requirement::Images { rules, .. } = &mut rule.requirement else { panic!() };
    rules[0].mode = trust_policy::Mode::Audit.into();
    let mut one = trust_policy::ModeOverride::in_namespaces(trust_policy::Mode::Enforce, vec![]);
    one.selector = Some(trust_policy::LabelSelector::default());
    rules[0].mode.overrides.push(one);
    let policies = PolicySet::new(vec![trust_policy::Policy::new("p", vec![rule])]);
    let spec = &policies.to_image_trust_policies().documents[0]["spec"];
    assert_eq!(spec["modeOverrides"][0], serde_json::json!({"action": "Enforce", "namespaceSelector": {}}));
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
