use trust_core::{KeyError, pem::PemError};

use super::PolicyError;
use crate::model::{Check, ImageRequirement, Mode, PolicySet, Signer};
use crate::resource::Resource;
use crate::yaml::Span;

const KEY: &str = "-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEi2S6o+OgSF2KM/C69kidhhoK7kxtYSfjg7vQ0h4L5Xd+6ymfIrFxi/CI2U1jYkW9LLWibC6JbCnqUrXlyahLVw==\\n-----END PUBLIC KEY-----\\n";

/// A policy whose rule holds `rule`, in YAML's flow style, on line 7.
fn policy(rule: &str) -> String {
    format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata:\n  name: p\nspec:\n  rules:\n  - {{name: r, \
         match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}, {rule}}}\n"
    )
}

fn requirement(entry: &str) -> ImageRequirement {
    let set = PolicySet::from_yaml(&policy(&format!("verifyImages: [{entry}]"))).unwrap();
    let Check::Images(requirements) = &set.policies()[0].rules[0].check else { panic!("not about images") };
    requirements[0].clone()
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
    let [set] = &requirement.attestors[..] else { panic!("{requirement:?}") };
    assert_eq!((set.path.as_str(), set.count, set.attestors.len()), (".attestors[0]", 2, 2));
    assert_eq!(set.attestors[1].path, ".attestors[0].entries[0].keys.publicKeys[1]");
    assert!(set.attestors[1].needs_log_entry && set.attestors[1].needs_certificate_log);
}

#[test]
fn the_older_form_is_the_newer_one() {
    let requirement = requirement(&format!("{{image: 'docker.io/a/*', key: \"{KEY}\"}}"));
    assert_eq!(requirement.references[0].to_string(), "`docker.io/a/*`");
    let [set] = &requirement.attestors[..] else { panic!("{requirement:?}") };
    assert!(
        matches!(&set.attestors[..], [one] if matches!(one.signer, Signer::Key(_)) && one.needs_log_entry)
    );
    assert!(requirement.pins_digest && requirement.needs_digest);
}

#[test]
fn a_placeholder_key_loads_and_is_marked() {
    let entry = "{imageReferences: [a], attestors: [{entries: [{keys: {publicKeys: \"-----BEGIN PUBLIC KEY-----\\n\
                 ...your public key...\\n-----END PUBLIC KEY-----\"}}]}]}";
    let set = PolicySet::from_yaml(&policy(&format!("verifyImages: [{entry}]"))).unwrap();
    let lint = &set.policies()[0].lints[0];
    assert_eq!(lint.path, "spec.rules[0].verifyImages[0].attestors[0].entries[0].keys.publicKeys");
    let found = "...your public key...".to_owned();
    let expected = Signer::UnusableKey(KeyError::Pem(PemError::Base64 { found }));
    assert_eq!(requirement(entry).attestors[0].attestors[0].signer, expected);
}

#[test]
fn logs_are_needed_unless_the_policy_ignores_them() {
    let with = |logs: &str| {
        let keys = format!("{{keys: {{publicKeys: \"{KEY}\"{logs}}}}}");
        let requirement =
            requirement(&format!("{{imageReferences: [a], attestors: [{{entries: [{keys}]}}]}}"));
        let attestor = &requirement.attestors[0].attestors[0];
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
        set.policies()[0].rules[0].check.strictest_mode()
    };
    assert_eq!(mode(""), Mode::Audit);
    assert_eq!(mode("  validationFailureAction: enforce\n"), Mode::Enforce);
    assert_eq!(mode("  validationFailureAction: Audit\n"), Mode::Audit);
    assert_eq!(requirement("{imageReferences: [a], failureAction: Enforce}").mode, Mode::Enforce);
}

#[test]
fn what_is_not_implemented_is_refused_by_path_and_place() {
    let text =
        policy("verifyImages: [{imageReferences: [a]}]").replace("  name: p\n", "  name: p\nspce: {}\n");
    let expected = PolicyError::NotImplemented { path: "spce".to_owned(), span: Span { line: 5, column: 7 } };
    assert_eq!(error(&text), expected);
    assert_eq!(expected.to_string(), "line 5, column 7: `spce` is not implemented, so the policy is refused");
    for (text, path) in [
        (policy("exclude: {}, verifyImages: [{imageReferences: [a]}]"), "spec.rules[0].exclude"),
        (policy("preconditions: {}, verifyImages: [{imageReferences: [a]}]"), "spec.rules[0].preconditions"),
        (
            policy("verifyImages: [{imageReferences: [a], repository: b}]"),
            "spec.rules[0].verifyImages[0].repository",
        ),
        (
            policy("verifyImages: [{imageReferences: [a], type: Notary}]"),
            "spec.rules[0].verifyImages[0].type",
        ),
        (policy("validate: {pattern: {'^(spec)': {a: b}}}"), "spec.rules[0].validate.pattern.^(spec)"),
        (policy("validate: {pattern: {spec: {a: '>3'}}}"), "spec.rules[0].validate.pattern.spec.a"),
        (policy("validate: {pattern: {spec: {a: '10-20'}}}"), "spec.rules[0].validate.pattern.spec.a"),
        (policy("validate: {anyPattern: []}"), "spec.rules[0].validate.pattern"),
    ] {
        match error(&text) {
            PolicyError::NotImplemented { path: found, .. } | PolicyError::Absent { path: found, .. } => {
                assert_eq!(found, path, "{text}");
            }
            other => panic!("{text}: {other}"),
        }
    }
    let nested = "{imageReferences: [a], attestors: [{entries: [{attestor: {}}]}]}";
    assert!(
        refused(nested)
            .contains("`spec.rules[0].verifyImages[0].attestors[0].entries[0].attestor` is not implemented")
    );
    let kms = "{imageReferences: [a], attestors: [{entries: [{keys: {publicKeys: a, kms: b}}]}]}";
    assert!(
        refused(kms)
            .contains("`spec.rules[0].verifyImages[0].attestors[0].entries[0].keys.kms` is not implemented")
    );
    let conditions = format!(
        "{{imageReferences: [a], attestations: [{{type: t, attestors: [{{entries: [{{keys: {{publicKeys: \"{KEY}\"}}}}]}}], \
         conditions: []}}]}}"
    );
    assert!(
        refused(&conditions)
            .contains("`spec.rules[0].verifyImages[0].attestations[0].conditions` is not implemented")
    );
}

#[test]
fn cve_2025_29778_an_identity_that_would_not_be_checked() {
    for field in ["subjectRegExp", "issuerRegExp", "roots", "additionalExtensions"] {
        let entry = format!(
            "{{imageReferences: [a], attestors: [{{entries: [{{keyless: {{subject: s, issuer: i, {field}: a}}}}]}}]}}"
        );
        let expected = format!("keyless.{field}` is not implemented, so the policy is refused");
        assert!(refused(&entry).contains(&expected), "{field}");
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
            "is an entry with neither of `keys` and `keyless`",
        ),
        (
            "{imageReferences: [a], attestors: [{entries: [{keys: {publicKeys: ''}}]}]}",
            "expected one or more public keys",
        ),
        (
            "{imageReferences: [a], attestors: [{entries: [{keyless: {issuer: i}}]}]}",
            "keyless.subject` is absent",
        ),
        (
            "{imageReferences: [a], attestors: [{entries: [{keyless: {subject: s}}]}]}",
            "keyless.issuer` is absent",
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
        "line 1, column 13: `apiVersion` is `v1`, expected `kyverno.io/v1`"
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
        PolicySet::from_yaml(policies).unwrap().required_images(&resource[0]).len()
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
        set.required_images(&Resource::from_yaml(&pod).unwrap()[0]).len()
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
