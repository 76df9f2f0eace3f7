use trust_core::internal::pem::PemError;
use trust_core::{Certificate, KeyError, TrustRoot, UnixTime};

use crate::evidence::Evidence;
use crate::kubernetes::object_name::ObjectName;
use crate::kubernetes::resource::Resource;
use crate::language::reader::PolicyError;
use crate::policy::image_rule::ImageRule;
use crate::policy::mode::Mode;
use crate::policy::policy_set::{PolicySet, Requirement};
use crate::policy::signer::Signer;
use crate::yaml::Span;

const KEY: &str = "-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEi2S6o+OgSF2KM/C69kidhhoK7kxtYSfjg7vQ0h4L5Xd+6ymfIrFxi/CI2U1jYkW9LLWibC6JbCnqUrXlyahLVw==\\n-----END PUBLIC KEY-----\\n";

/// A policy whose rule holds `rule`, in YAML's flow style, on line 7.
fn policy(rule: &str) -> String {
    format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata:\n  name: p\nspec:\n  rules:\n  - {{name: r, \
         match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}, {rule}}}\n"
    )
}

fn requirement(entry: &str) -> ImageRule {
    let set = PolicySet::from_yaml(&policy(&format!("verifyImages: [{entry}]"))).unwrap();
    let Requirement::Images { rules, .. } = &set.policies()[0].rules[0].requirement else {
        panic!("not about images")
    };
    rules[0].clone()
}

fn required_images(set: &PolicySet, mut resources: Vec<Resource>) -> usize {
    set.requirements(&resources.remove(0).into(), &Evidence::default(), UnixTime::from_seconds(0))
        .images
        .len()
}

fn error(text: &str) -> PolicyError {
    PolicySet::from_yaml(text).expect_err(text)
}

fn refused(entry: &str) -> String {
    error(&policy(&format!("verifyImages: [{entry}]"))).to_string().split_once(": ").unwrap().1.to_owned()
}

#[test]
fn several_keys_in_one_text_are_several_attestors() {
    let entry = format!(
        "{{imageReferences: [a], attestors: [{{entries: [{{keys: {{publicKeys: \"{KEY}{KEY}\"}}}}]}}]}}"
    );
    let requirement = requirement(&entry);
    let [set] = &requirement.signatures[..] else { panic!("{requirement:?}") };
    assert_eq!((set.path.as_str(), set.count, set.attestors.len()), (".attestors[0]", None, 2));
    assert_eq!(set.attestors[1].path, ".attestors[0].entries[0].keys.publicKeys[1]");
    assert!(set.attestors[1].needs_log_entry && set.attestors[1].needs_certificate_log);
}

#[test]
fn the_older_form_is_the_newer_one() {
    let requirement = requirement(&format!("{{image: 'docker.io/a/*', key: \"{KEY}\"}}"));
    assert_eq!(requirement.references[0].to_string(), "`docker.io/a/*`");
    let [set] = &requirement.signatures[..] else { panic!("{requirement:?}") };
    assert!(
        matches!(&set.attestors[..], [one] if matches!(one.signer, Signer::Key(_)) && one.needs_log_entry)
    );
    assert!(requirement.pins_digest && requirement.needs_digest);
}

#[test]
fn a_placeholder_key_loads_and_is_marked() {
    let entry = "{imageReferences: ['ghcr.io/*'], attestors: [{entries: [{keys: {publicKeys: \"-----BEGIN PUBLIC KEY-----\\n\
                 ...your public key...\\n-----END PUBLIC KEY-----\"}}]}]}";
    let set = PolicySet::from_yaml(&policy(&format!("verifyImages: [{entry}]"))).unwrap();
    let lint = &set.policies()[0].lints[0];
    assert_eq!(lint.path, "spec.rules[0].verifyImages[0].attestors[0].entries[0].keys.publicKeys");
    let found = "...your public key...".to_owned();
    let expected = Signer::UnusableKey(KeyError::Pem(PemError::Base64 { found }));
    assert_eq!(requirement(entry).signatures[0].attestors[0].signer, expected);
}

#[test]
fn logs_are_needed_unless_the_policy_ignores_them() {
    let with = |logs: &str| {
        let keys = format!("{{keys: {{publicKeys: \"{KEY}\"{logs}}}}}");
        let requirement =
            requirement(&format!("{{imageReferences: [a], attestors: [{{entries: [{keys}]}}]}}"));
        let attestor = &requirement.signatures[0].attestors[0];
        (attestor.needs_log_entry, attestor.needs_certificate_log)
    };
    assert_eq!(with(""), (true, true));
    assert_eq!(with(", rekor: {url: 'https://rekor.example'}"), (true, true));
    assert_eq!(with(", rekor: {ignoreTlog: true}, ctlog: {ignoreSCT: true}"), (false, false));
}

#[test]
fn modes_are_read_in_any_case_and_default_to_audit() {
    let mode = |action: &str| {
        let text =
            policy("verifyImages: [{imageReferences: [a]}]").replace("spec:\n", &format!("spec:\n{action}"));
        let set = PolicySet::from_yaml(&text).unwrap();
        let Requirement::Images { rules, .. } = &set.policies()[0].rules[0].requirement else {
            panic!("images")
        };
        rules[0].mode.default
    };
    assert_eq!(mode(""), Mode::Audit);
    assert_eq!(mode("  validationFailureAction: enforce\n"), Mode::Enforce);
    assert_eq!(mode("  validationFailureAction: Audit\n"), Mode::Audit);
    assert_eq!(requirement("{imageReferences: [a], failureAction: Enforce}").mode.default, Mode::Enforce);
}

#[test]
fn what_is_not_implemented_is_refused_by_path_and_place() {
    let text =
        policy("verifyImages: [{imageReferences: [a]}]").replace("  name: p\n", "  name: p\nspce: {}\n");
    let expected = PolicyError::Unknown {
        path: "spce".to_owned(),
        suggestion: Some("spec".to_owned()),
        span: Span { line: 5, column: 7 },
    };
    assert_eq!(error(&text), expected);
    assert_eq!(expected.to_string(), "line 5, column 7: `spce` is an unknown field, did you mean `spec`?");
    for (text, path) in [
        (policy("mutate: {targets: []}, validate: {pattern: {a: b}}"), "spec.rules[0].mutate"),
        (policy("validate: {pattern: {'+(spec)': {a: b}}}"), "spec.rules[0].validate.pattern.+(spec)"),
        (policy("validate: {pattern: {spec: {a: '$(./../b)'}}}"), "spec.rules[0].validate.pattern.spec.a"),
        (policy("validate: {podSecurity: {level: baseline}}"), "spec.rules[0].validate.podSecurity"),
        (
            policy("context: [{name: a, apiCall: {urlPath: /}}], validate: {pattern: {a: b}}"),
            "spec.rules[0].context[0].apiCall",
        ),
    ] {
        match error(&text) {
            PolicyError::NotImplemented { path: found, .. } => assert_eq!(found, path, "{text}"),
            other => panic!("{text}: {other}"),
        }
    }
}

#[test]
fn expressions_are_read_with_the_policy() {
    for (key, problem) in [
        ("{{ a", "`{{` has no `}}`"),
        ("{{ a b }}", "column"),
        ("{{ launch() }}", "`launch` is not a known function"),
    ] {
        let text = policy(&format!(
            "validate: {{deny: {{conditions: {{any: [{{key: '{key}', operator: Equals, value: b}}]}}}}}}"
        ));
        let found = error(&text).to_string();
        let place =
            "`spec.rules[0].validate.deny.conditions.any[0].key` has an expression that is not read: ";
        assert!(found.contains(place) && found.contains(problem), "{found}");
    }
    let unknown = "validate: {deny: {conditions: {any: [{key: a, operator: Sounds, value: b}]}}}";
    assert!(error(&policy(unknown)).to_string().contains("operator` is `Sounds`, expected an operator"));
}

#[test]
fn what_cannot_be_verified_yet_loads_and_is_marked() {
    for (entry, what) in [
        ("{keys: {kms: 'awskms:///a'}}", "a key of a key management service"),
        ("{keys: {publicKeys: 'gcpkms://a'}}", "a key of a key management service"),
        ("{certificates: {cert: a}}", "signatures by a certificate that cannot be used"),
        (
            "{keyless: {subject: s, issuer: i, roots: a}}",
            "identities under root certificates that cannot be read",
        ),
        (
            "{keyless: {subject: s, issuer: i, rekor: {pubkey: a}}}",
            "signatures in a log whose key cannot be read",
        ),
        (
            "{keyless: {subject: s, issuer: i, ctlog: {tsaCertChain: a}}}",
            "signatures with a timestamp authority that cannot be read",
        ),
        ("{keys: {publicKeys: a, signatureAlgorithm: sha512}}", "signatures over other hashes than SHA-256"),
    ] {
        let text =
            policy(&format!("verifyImages: [{{imageReferences: [a], attestors: [{{entries: [{entry}]}}]}}]"));
        let lints = &PolicySet::from_yaml(&text).unwrap().policies()[0].lints.clone();
        assert!(
            lints.iter().any(
                |lint| lint.message.contains("denies") || lint.message.contains("can never be satisfied")
            ),
            "{entry}: {lints:?}"
        );
        let requirement =
            requirement(&format!("{{imageReferences: [a], attestors: [{{entries: [{entry}]}}]}}"));
        assert_eq!(requirement.signatures[0].attestors[0].signer, Signer::Unsupported(what), "{entry}");
    }
}

#[test]
fn signers_of_every_kind_are_read() {
    let signer = |entry: &str| {
        let entry = format!("{{imageReferences: [a], attestors: [{{entries: [{entry}]}}]}}");
        requirement(&entry).signatures[0].attestors[0].signer.clone()
    };
    let secret = ObjectName { kind: "Secret", namespace: "ns".to_owned(), name: "s".to_owned() };
    assert_eq!(signer("{keys: {secret: {name: s, namespace: ns}}}"), Signer::KeyInSecret(secret.clone()));
    assert_eq!(signer("{keys: {publicKeys: 'k8s://ns/s'}}"), Signer::KeyInSecret(secret));
    assert!(matches!(signer("{keys: {publicKeys: '{{ keys.data.a }}'}}"), Signer::KeysOf(_)));
    let nested = signer(
        "{attestor: {count: 1, entries: [{keyless: {subject: s, issuer: i}}, {keyless: {subject: t, issuer: i}}]}}",
    );
    let Signer::Some(set) = nested else { panic!("{nested:?}") };
    assert_eq!((set.count, set.attestors.len()), (Some(1), 2));
    assert_eq!(set.attestors[1].path, ".attestors[0].entries[0].attestor.entries[1].keyless");
    let regular =
        signer("{keyless: {subjectRegExp: '^https://github.com/o/.+$', issuerRegExp: 'https://i'}}");
    assert_eq!(regular.to_string(), "/^https://github.com/o/.+$/ (issuer /https://i/)");
    let extension = "{keyless: {subject: s, issuer: i, additionalExtensions: {githubWorkflowTrigger: push}}}";
    assert!(matches!(signer(extension), Signer::Identity(_)));
}

#[test]
fn cve_2025_29778_an_identity_that_would_not_be_checked() {
    for (field, expected) in [
        ("subjectRegExp: a", "keyless.subjectRegExp` is `a`, expected either this or `subject`"),
        ("issuerRegExp: a", "keyless.issuerRegExp` is `a`, expected either this or `issuer`"),
        ("additionalExtensions: {other: a}", "keyless.additionalExtensions.other` is not implemented"),
        ("other: a", "keyless.other` is an unknown field"),
    ] {
        let entry = format!(
            "{{imageReferences: [a], attestors: [{{entries: [{{keyless: {{subject: s, issuer: i, {field}}}}}]}}]}}"
        );
        assert!(refused(&entry).contains(expected), "{field}: {}", refused(&entry));
    }
}

#[test]
fn what_would_accept_anybody_is_refused() {
    for (entry, expected) in [
        ("{attestors: []}", "`spec.rules[0].verifyImages[0].imageReferences` is absent"),
        (
            "{imageReferences: [a], attestors: []}",
            "`spec.rules[0].verifyImages[0].attestors` is a list, expected at least one",
        ),
        (
            "{imageReferences: [a], attestors: [{entries: []}]}",
            "entries` is a list, expected at least one attestor",
        ),
        (
            "{imageReferences: [a], attestors: [{entries: [{}]}]}",
            "expected an entry with exactly one of `keys`, `keyless`, `certificates` and `attestor`",
        ),
        (
            "{imageReferences: [a], attestors: [{entries: [{keys: {publicKeys: ''}}]}]}",
            "expected public keys in PEM",
        ),
        (
            "{imageReferences: [a], attestors: [{entries: [{keyless: {issuer: i}}]}]}",
            "expected `issuer` and `subject` that are not empty",
        ),
        (
            "{imageReferences: [a], attestors: [{entries: [{keyless: {subject: s}}]}]}",
            "expected `issuer` and `subject` that are not empty",
        ),
        (
            "{imageReferences: [a], attestors: [{entries: [{keyless: {subject: '', issuer: i}}]}]}",
            "that are not empty",
        ),
        (
            "{imageReferences: [a], attestors: [{count: 2, entries: [{keyless: {subject: s, issuer: i}}]}]}",
            "count` is `2`, expected at most 1, the number of attestors",
        ),
        (
            "{imageReferences: [a], attestors: [{count: -1, entries: [{keyless: {subject: s, issuer: i}}]}]}",
            "count` is `-1`, expected at most 1",
        ),
        ("{imageReferences: [a], attestations: [{type: t}]}", "attestations[0].attestors` is absent"),
        (
            "{imageReferences: ['{{ a }}']}",
            "imageReferences[0]` is `{{ a }}`, expected a pattern without variables",
        ),
    ] {
        let found = refused(entry);
        assert!(found.contains(expected), "{entry}:\n found {found}\n expected {expected}");
    }
}

#[test]
fn what_is_not_a_policy_is_refused() {
    assert_eq!(error(""), PolicyError::NoPolicy);
    let found = |text: &str| error(text).to_string();
    assert_eq!(
        found("apiVersion: v1\nkind: Pod\n"),
        "line 1, column 13: `apiVersion` is `v1`, expected `kyverno.io/v1` or `kyverno.io/v2beta1`"
    );
    assert_eq!(
        found("apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: a}\nspec:\n  rules: []\n"),
        "line 5, column 10: `spec.rules` is a list, expected at least one rule"
    );
    assert!(found("a: b: c").starts_with("policy is not readable YAML: line 1, column"));
    let twice = policy("verifyImages: [{imageReferences: [a], imageReferences: [b]}]");
    assert!(found(&twice).contains("duplicate"), "{}", found(&twice));
}

#[test]
fn rules_about_pods_extend_to_their_controllers() {
    let required = |policies: &str, kind: &str, api_version: &str| {
        let template = match kind {
            "Pod" => "spec: {containers: [{image: a}]}",
            "CronJob" => "spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: a}]}}}}}",
            _ => "spec: {template: {spec: {containers: [{image: a}]}}}",
        };
        let resource =
            Resource::from_yaml(&format!("{{apiVersion: {api_version}, kind: {kind}, {template}}}")).unwrap();
        required_images(&PolicySet::from_yaml(policies).unwrap(), resource)
    };
    let pods = policy("verifyImages: [{imageReferences: ['*']}]");
    for (kind, api_version) in [
        ("Pod", "v1"),
        ("Deployment", "apps/v1"),
        ("StatefulSet", "apps/v1"),
        ("DaemonSet", "apps/v1"),
        ("ReplicaSet", "apps/v1"),
        ("ReplicationController", "v1"),
        ("Job", "batch/v1"),
        ("CronJob", "batch/v1"),
    ] {
        assert_eq!(required(&pods, kind, api_version), 1, "{kind}");
    }
    assert_eq!(required(&pods, "Deployment", "example.com/v1"), 0);
    assert_eq!(required(&pods.replace("[Pod]", "[v1/Pod]"), "Deployment", "apps/v1"), 1);
    let only = |controllers: &str| {
        let annotation = format!("{{pod-policies.kyverno.io/autogen-controllers: '{controllers}'}}");
        pods.replace("  name: p\n", &format!("  name: p\n  annotations: {annotation}\n"))
    };
    assert_eq!(required(&only("none"), "Deployment", "apps/v1"), 0);
    assert_eq!(required(&only("none"), "Pod", "v1"), 1);
    assert_eq!(required(&only("Job,Deployment"), "Deployment", "apps/v1"), 1);
    assert_eq!(required(&only("Job,Deployment"), "CronJob", "batch/v1"), 0);
    let deployments = pods.replace("[Pod]", "[apps/v1/Deployment]");
    assert_eq!(
        (required(&deployments, "Deployment", "apps/v1"), required(&deployments, "Pod", "v1")),
        (1, 0)
    );
}

#[test]
fn a_namespaced_policy_is_about_its_namespace_only() {
    let text = policy("verifyImages: [{imageReferences: ['*']}]")
        .replace("ClusterPolicy", "Policy")
        .replace("  name: p\n", "  name: p\n  namespace: shop\n");
    let set = PolicySet::from_yaml(&text).unwrap();
    let required = |namespace: &str| {
        let pod = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{namespace: {namespace}}}, spec: {{containers: [{{image: a}}]}}}}"
        );
        required_images(&set, Resource::from_yaml(&pod).unwrap())
    };
    assert_eq!((required("shop"), required("lab")), (1, 0));
}

#[test]
fn traps_are_noted() {
    let lints = |rule: &str| {
        let set = PolicySet::from_yaml(&policy(rule)).unwrap();
        set.policies()[0].lints.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let list = "[{image: 'a/* | b/*'}]";
    assert!(
        lints(&format!("validate: {{pattern: {{spec: {{initContainers: {list}}}}}}}"))
            .contains("`=(initContainers)`")
    );
    assert_eq!(lints(&format!("validate: {{pattern: {{spec: {{=(initContainers): {list}}}}}}}")), "");
    assert!(lints("verifyImages: [{imageReferences: ['*.gcr.io/*']}]").contains("`evil.example/x.gcr.io/*`"));
    assert!(lints("verifyImages: [{imageReferences: [a]}]").contains("`mutateDigest`"));
}

#[test]
fn a_certificate_signs_and_its_chain_certifies_it() {
    let pem = |certificate: &Certificate| {
        let encoded = trust_core::internal::encoding::to_base64(certificate.der());
        format!("-----BEGIN CERTIFICATE-----\\n{encoded}\\n-----END CERTIFICATE-----\\n")
    };
    let root = TrustRoot::public_good();
    let chains: Vec<_> =
        root.certificate_authorities().iter().map(|one| one.chain().last().unwrap().clone()).collect();
    let signer = |fields: &str| {
        let entry =
            format!("{{imageReferences: [a], attestors: [{{entries: [{{certificates: {{{fields}}}}}]}}]}}");
        requirement(&entry).signatures[0].attestors[0].signer.clone()
    };
    let own = signer(&format!("cert: \"{}\"", pem(&chains[0])));
    assert_eq!(own, Signer::Certificate(Box::new(chains[0].clone())));
    let stranger = signer(&format!("cert: \"{}\", certChain: \"{}\"", pem(&chains[0]), pem(&chains[1])));
    assert_eq!(stranger, Signer::Unsupported("signatures by a certificate that cannot be used"));
    assert!(
        refused("{imageReferences: [a], attestors: [{entries: [{certificates: {}}]}]}")
            .contains("expected `cert` or `certChain`")
    );
}
