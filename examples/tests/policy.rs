//! The program `policy`, run as a user runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

mod program;

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::program::{stderr, stdout};

fn policy(arguments: &[&str]) -> Output {
    program::run("policy", arguments, "")
}

fn data(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(path).to_str().unwrap().to_owned()
}

const POLICY: &str = "
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: no-latest}
spec:
  rules:
  - name: tag
    match: {any: [{resources: {kinds: [Pod]}}]}
    exclude: {any: [{resources: {namespaces: [kube-system]}}]}
    preconditions: {all: [{key: '{{ request.operation }}', operator: NotEquals, value: DELETE}]}
    validate:
      message: 'the image of {{ request.object.metadata.name }} has no tag'
      foreach:
      - list: request.object.spec.containers
        deny: {conditions: {any: [{key: '{{ element.image }}', operator: Equals, value: '*:latest'}]}}
";

const RESOURCES: &str = "
apiVersion: v1
kind: Pod
metadata: {name: good, namespace: shop}
spec: {containers: [{name: c, image: 'a:1'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: bad, namespace: shop}
spec: {containers: [{name: c, image: 'a:latest'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: system, namespace: kube-system}
spec: {containers: [{name: c, image: 'a:latest'}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: deployed, namespace: shop}
spec: {template: {metadata: {name: t}, spec: {containers: [{name: c, image: 'a:latest'}]}}}
";

fn suite(folder: &Path, good: &str) {
    fs::write(folder.join("policy.yaml"), POLICY).unwrap();
    fs::write(folder.join("resources.yaml"), RESOURCES).unwrap();
    let row = |rule: &str, resource: &str, result: &str| {
        format!("- {{policy: no-latest, rule: {rule}, resources: [{resource}], result: {result}}}\n")
    };
    let results = row("tag", "good", good)
        + &row("tag", "bad", "fail")
        + &row("tag", "system", "skip")
        + &row("autogen-tag", "deployed", "fail");
    let text = format!("name: t\npolicies: [policy.yaml]\nresources: [resources.yaml]\nresults:\n{results}");
    fs::write(folder.join("kyverno-test.yaml"), text).unwrap();
}

#[test]
fn a_suite_passes_or_says_what_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    suite(folder.path(), "pass");
    let passed = policy(&["test", path]);
    let text = stdout(&passed);
    assert!(passed.status.success() && text.contains("4 rows passed, 0 failed, 0 skipped"), "{text}");
    suite(folder.path(), "fail");
    let failed = policy(&["test", path]);
    let text = stdout(&failed);
    assert_eq!(failed.status.code(), Some(1), "{text}");
    assert!(text.contains("FAIL no-latest/tag on good: pass, expected fail"), "{text}");
    assert!(text.contains("3 rows passed, 1 failed"), "{text}");
}

#[test]
fn a_suite_says_what_names_stand_for() {
    let folder = tempfile::tempdir().unwrap();
    let policies = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec:\n  rules:\n  - name: r\n    match: \
                    {any: [{resources: {kinds: [Pod]}}]}\n    context: [{name: known, configMap: {name: c, namespace: ns}}]\n    \
                    validate: {deny: {conditions: {any: [{key: '{{ known.data.env }}-{{ request.mode }}', operator: \
                    NotEquals, value: dev-fast}]}}}\n---\n{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: \
                    refused}, spec: {rules: []}}\n";
    let values = "globalValues: {request.mode: fast}\npolicies: [{name: p, rules: [{name: r, values: {known.data.env: dev}}], \
                  resources: [{name: bad, values: {request.mode: slow}}]}]\n";
    let suite = "name: t\npolicies: [policy.yaml]\nresources: [resources.yaml]\nvariables: values.yaml\nresults:\n\
                 - {policy: p, rule: r, resources: [good], result: pass}\n- {policy: p, rule: r, resources: [bad], result: fail}\n";
    for (name, text) in [
        ("policy.yaml", policies),
        ("values.yaml", values),
        ("kyverno-test.yaml", suite),
        ("resources.yaml", RESOURCES),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let output = policy(&["test", folder.path().to_str().unwrap()]);
    assert!(stdout(&output).contains("2 rows passed, 0 failed, 0 skipped"), "{}", stdout(&output));
}

#[test]
fn a_suite_verifies_the_images_that_it_is_given() {
    let (folder, data) = (tempfile::tempdir().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")).join("data"));
    for (from, to) in [
        ("policies/require-release-key.yaml", "policy.yaml"),
        ("resources/1-signed.yaml", "signed.yaml"),
        ("resources/4-stranger.yaml", "stranger.yaml"),
    ] {
        fs::copy(data.join(from), folder.path().join(to)).unwrap();
    }
    let suite = "name: t\npolicies: [policy.yaml]\nresources: [signed.yaml, stranger.yaml]\nresults:\n\
                 - {policy: require-release-key, rule: release-key, resources: [signed], result: pass}\n\
                 - {policy: require-release-key, rule: release-key, resources: [stranger], result: fail}\n";
    fs::write(folder.path().join("kyverno-test.yaml"), suite).unwrap();
    let path = folder.path().to_str().unwrap();
    let without = stdout(&policy(&["test", path]));
    assert!(without.contains("of which none is given") && without.contains("2 skipped"), "{without}");
    let image = format!("ghcr.io/myorg/app={}", data.join("images").display());
    let with = stdout(&policy(&["test", path, "--image", &image, "--now=2026-11-27T00:00:00Z"]));
    assert!(with.contains("2 rows passed, 0 failed, 0 skipped"), "{with}");
}

#[test]
fn suites_of_kyverno_pass() {
    let Some(dir) = trust_testkit::vectors::vectors("policy/kyverno-suites") else { return };
    let output = policy(&["test", dir.to_str().unwrap()]);
    let text = stdout(&output);
    assert!(output.status.success(), "{text}");
    let passed = text.lines().last().unwrap().split(' ').next().unwrap();
    assert!(passed.parse::<usize>().unwrap() >= 25, "{text}");
}

/// Rows that go the other way here: Kyverno extends rules to controllers by rewriting their text, which passes over `"object"` in
/// quotes, so that such an expression speaks of the controller; here it speaks of the pod, as without quotes.
const QUOTED: &str =
    "restrict-automount-sa-token/validate-automountServiceAccountToken on deploy-policy-reporter";

#[test]
fn suites_that_need_no_registry_are_right() {
    let Some(folder) = trust_testkit::vectors::vectors("kyverno-oracle") else { return };
    let text = stdout(&policy(&["test", folder.join("suites").to_str().unwrap()]));
    let wrong: Vec<_> =
        text.lines().filter(|line| line.starts_with("  FAIL") && !line.contains(QUOTED)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What is passed over needs what is refused, and says so.
    let silent: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("  skip") && !line.contains("is not implemented"))
        .collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
    println!("{}", text.lines().last().unwrap());
}

#[test]
fn a_suite_in_which_nothing_runs_is_not_green() {
    let folder = tempfile::tempdir().unwrap();
    suite(folder.path(), "pass");
    let refused = POLICY.replace("foreach:", "podSecurity: {level: baseline}\n      foreach:");
    fs::write(folder.path().join("policy.yaml"), refused).unwrap();
    let output = policy(&["test", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert!(stdout(&output).contains("0 rows passed, 0 failed"), "{}", stdout(&output));
}

/// A policy with every requirement that has an age or patterns.
const TRUSTED: &str = "
apiVersion: trust.dev/v1beta1
kind: ImageTrustPolicy
metadata: {name: trusted}
spec:
  images: ['ghcr.io/acme/**']
  exceptions: [{images: [ghcr.io/acme/old], reason: is replaced, owner: team, expires: '2027-01-31'}]
  everyImage: judged
  signers:
    ci: {issuer: 'https://i', subject: s}
  require:
    signatures: {from: [ci], at: either, signedNames: [ghcr.io/acme/*]}
    attestations: [{type: t, from: [ci], maxAge: 24h, which: latest, expression: 'predicate.a == 1'}]
    sbom: {from: [ci], at: everyPlatform, without: [shells], endOfLife: [{name: debian, version: '10', since: '2024-06-30'}]}
    vulnerabilities: {from: [ci], severities: [critical], fixAvailable: true, knownExploited: true, epss: 0.5, maxAge: 48h}
    provenance: {from: [ci], builders: [b], dependencies: [d]}
    verificationSummary: {from: [ci], verifiers: [v], resources: [r], policies: [p], maxAge: 72h}
    image: {maxAge: 96h, nonRoot: true, noVolumes: true, maxLayers: 9, maxBaseAge: 720h}
";

#[test]
fn policies_are_explained_and_their_traps_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    fs::write(&file, POLICY).unwrap();
    let file = file.to_str().unwrap();
    assert!(policy(&["lint", file]).status.success());
    let text = stdout(&policy(&["explain", file]));
    for expected in
        ["policy `no-latest`", "about `Pod`, `DaemonSet`", "but not anything in namespaces `kube-system`"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    fs::write(file, TRUSTED).unwrap();
    let text = stdout(&policy(&["explain", file]));
    for line in [
        "must have an attestation of type `t`, signed by",
        "nor, until 2027-01-31T00:00:00Z, `ghcr.io/acme/old`: is replaced (team)",
        "and every other image must be judged by some policy about images",
        "for the index or for every platform, as `ghcr.io/acme/*`",
        "of which the latest must satisfy `predicate.a == 1`",
        "for every platform\n        without shells",
        "and not of debian 10, since 2024-06-30T00:00:00Z",
        "must declare no volumes",
        "must have at most 9 layers",
        "on a base that was made at most 720 hours ago",
        "signed at most 24 hours ago",
        "without findings of critical, if a fix is known, if they are known to be exploited, if their EPSS is 0.5 or above",
        "as of at most 48 hours ago",
        "built by",
        "with dependencies that match each of",
        "by the verifier",
        "on the resource",
        "by the policy",
        "made at most 72 hours ago",
        "made at most 96 hours ago",
        "must run as a user who is not root",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let trap = POLICY
        .replace("      foreach:", "      pattern: {spec: {initContainers: [{image: 'a/*'}]}}\n      x:");
    let trap = trap.split("      x:").next().unwrap().to_owned();
    fs::write(file, trap).unwrap();
    let linted = policy(&["lint", file]);
    assert_eq!(linted.status.code(), Some(1));
    assert!(stdout(&linted).contains("did you mean `=(initContainers)`?"), "{}", stdout(&linted));
}

#[test]
fn policies_are_converted_and_what_is_not_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    let text = |verify: &str| {
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: signed}}\nspec:\n  rules:\n  - name: r\n    match: {{any: \
             [{{resources: {{kinds: [Pod]}}}}]}}\n    {verify}\n"
        )
    };
    let keyless = "verifyImages: [{imageReferences: ['ghcr.io/acme/*'], mutateDigest: false, attestors: [{entries: [{keyless: {issuer: 'https://i', \
                   subject: 's/*', rekor: {url: 'https://r'}}}]}]}]";
    for (to, kind) in
        [("image-trust-policy", "ImageTrustPolicy"), ("image-validating-policy", "ImageValidatingPolicy")]
    {
        fs::write(&file, text(keyless)).unwrap();
        let output = policy(&["convert", "--to", to, file.to_str().unwrap()]);
        let converted = stdout(&output);
        assert!(output.status.success() && converted.contains(&format!("kind: {kind}\n")), "{converted}");
        // It is read again, and nothing is left of it to convert.
        fs::write(&file, &converted).unwrap();
        assert!(policy(&["explain", file.to_str().unwrap()]).status.success(), "{converted}");
        let again = policy(&["convert", "--to", to, file.to_str().unwrap()]);
        assert_eq!(again.status.code(), Some(1));
        assert!(stdout(&again).contains("# policy `signed`: left out: it is"), "{}", stdout(&again));
    }
    // Two files are one set: neither takes the other's place.
    fs::write(&file, text(keyless)).unwrap();
    let other = folder.path().join("other.yaml");
    fs::copy(&file, &other).unwrap();
    let both = [file.to_str().unwrap(), other.to_str().unwrap()];
    let output = policy(&[&["convert", "--to", "image-trust-policy"][..], &both].concat());
    assert!(stdout(&output).contains("name: signed-2\n"), "{}", stdout(&output));
    fs::write(&file, text("validate: {pattern: {spec: {hostNetwork: false}}}")).unwrap();
    let output = policy(&["convert", "--to", "image-trust-policy", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("rule `r`: left out: it is about no images"), "{}", stdout(&output));
}

#[test]
fn bad_input_is_named() {
    for arguments in
        [&["test", "/does/not/exist"][..], &["lint", "/does/not/exist"], &["lint"], &["eat"], &[]]
    {
        let output = policy(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).starts_with("policy: "), "{arguments:?}");
    }
}

/// The release key of the examples, asked for by expressions.
fn by_expressions() -> String {
    let policy = fs::read_to_string(data("policies/require-release-key.yaml")).unwrap();
    let start = policy.find("-----BEGIN").unwrap();
    let end = policy.find("-----END PUBLIC KEY-----").unwrap() + "-----END PUBLIC KEY-----".len();
    let key = policy[start..end].lines().map(str::trim).collect::<Vec<_>>().join("\\n");
    format!(
        "apiVersion: policies.kyverno.io/v1\nkind: ImageValidatingPolicy\nmetadata: {{name: release-key}}\nspec:\n  \
         matchConstraints: {{resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods]}}]}}\n  \
         matchImageReferences: [{{glob: 'ghcr.io/myorg/app*'}}]\n  \
         attestors: [{{name: release, cosign: {{key: {{data: \"{key}\"}}, ctlog: {{insecureIgnoreTlog: true}}}}}}]\n  \
         validations: [{{expression: 'images.containers.all(i, verifyImageSignatures(i, [attestors.release]) > 0)', message: not released}}]\n"
    )
}

#[test]
fn what_would_be_fetched_is_said_of_a_resource() {
    let folder = tempfile::tempdir().unwrap();
    let (file, pod) = (folder.path().join("policy.yaml"), folder.path().join("pod.yaml"));
    fs::write(&file, by_expressions()).unwrap();
    fs::write(
        &pod,
        "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: c, image: ghcr.io/myorg/app:1}]}}",
    )
    .unwrap();
    let output = policy(&["explain", file.to_str().unwrap(), "--resource", pod.to_str().unwrap()]);
    let text = stdout(&output) + &stderr(&output);
    for line in [
        "images `ghcr.io/myorg/app*` (Enforce)",
        "attestor `release`: ECDSA P-256 key",
        "must hold: images.containers.all(i, verifyImageSignatures(i, [attestors.release]) > 0)",
        "to judge Pod default/web would be fetched",
        "image `ghcr.io/myorg/app:1`: its digest, its signatures and attestations",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn past_verdicts_are_compared_by_old_and_new_policies() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (archive, new) = (path("archive.json"), path("new.yaml"));
    let old = data("policies/require-release-key.yaml");
    let saved = program::run("admit", &["--save", &archive], "");
    assert_eq!(saved.status.code(), Some(1), "{}", stderr(&saved));
    let diff = |old: &str, new: &str| policy(&["diff", old, new, "--archive", &archive]);

    let same = diff(&old, &old);
    assert!(same.status.success(), "{}", stdout(&same));
    assert!(stdout(&same).ends_with(" verdicts: 0 would be denied, 0 allowed, 0 have other reasons\n"));
    // Another language, the same intent.
    fs::write(&new, by_expressions()).unwrap();
    let other = diff(&old, &new);
    assert!(other.status.success(), "{}{}", stdout(&other), stderr(&other));
    // Nothing is required any more.
    fs::write(
        &new,
        by_expressions()
            .replace("> 0)'", ">= 0)'")
            .replace("  validations", "  validationConfigurations: {required: false}\n  validations"),
    )
    .unwrap();
    let weaker = diff(&old, &new);
    assert_eq!(weaker.status.code(), Some(1));
    let text = stdout(&weaker);
    assert!(text.contains("0 would be denied"), "{text}");
    let stricter = stdout(&diff(&new, &old));
    assert!(stricter.contains("0 allowed") && stricter.contains("-> DENY Pod"), "{stricter}");
}
