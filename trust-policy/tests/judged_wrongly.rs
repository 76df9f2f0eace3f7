//! What was once allowed and must not be: one kind of mistake a test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod signing;

use serde_json::{Value, json};
use trust_core::{TrustRoot, UnixTime};
use trust_policy::{
    Archive, Artifact, AttestorSet, Decision, Evidence, FailureKind, FetchFailure, ImageEvidence, Mode,
    Operation, Outcome, PolicySet, ReasonCode, ReferencePattern, Request, Resource, Uncovered, Verdict,
    evaluate,
};

use crate::signing::{attestation, digest, pem, signature};

const IMAGE: &str = "ghcr.io/acme/app:v1";
const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000); // 2026-11-18
const FRESH: &str = "2026-11-17T00:00:00Z";

/// One of our own policies, with the signers `release` and `security`.
fn image_trust(require: &str) -> PolicySet {
    PolicySet::from_yaml(&format!(
        "apiVersion: trust.dev/v1alpha1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec:\n  images: ['ghcr.io/acme/**']\n  \
         signers:\n    release: {{publicKey: \"{}\", transparencyLog: false}}\n    security: {{publicKey: \"{}\", \
         transparencyLog: false}}\n  require: {require}\n",
        pem(1),
        pem(2)
    ))
    .unwrap()
}

/// Kyverno's rules, in flow style, all on pods unless they say otherwise.
fn kyverno(spec: &str, rules: &[&str]) -> PolicySet {
    let rules: String = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| {
            let matches = match rule.contains("match:") {
                true => "",
                false => "match: {any: [{resources: {kinds: [Pod]}}]}, ",
            };
            format!("  - {{name: r{index}, {matches}{rule}}}\n")
        })
        .collect();
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n{spec}  rules:\n{rules}"
    );
    PolicySet::from_yaml(&text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

fn pod(images: &[&str]) -> Value {
    let containers: Vec<_> = images
        .iter()
        .enumerate()
        .map(|(index, image)| json!({"name": format!("c{index}"), "image": image}))
        .collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"containers": containers}})
}

fn request(object: Value) -> Request {
    Resource::from_json(object).unwrap().into()
}

/// Judges with these artifacts on each image, and these failures to fetch more.
fn judge_with(
    policies: &PolicySet,
    request: &Request,
    artifacts: &[Artifact],
    failures: &[FetchFailure],
) -> Verdict {
    let found = || ImageEvidence {
        digest: Ok(digest()),
        artifacts: artifacts.to_vec(),
        failures: failures.to_vec(),
        notes: vec![],
    };
    let needed = policies.requirements(request, &Evidence::default(), NOW);
    let images = needed.images.into_iter().map(|image| (image, found()));
    let evidence = Evidence { images: images.collect(), ..Evidence::default() };
    evaluate(policies, request, &evidence, &TrustRoot::empty(), NOW)
}

fn judge(policies: &PolicySet, object: Value) -> Verdict {
    judge_with(policies, &request(object), &[], &[])
}

/// What one of our own policies says of an image with these artifacts.
fn attested(require: &str, artifacts: &[Artifact]) -> Verdict {
    judge_with(&image_trust(require), &request(pod(&[IMAGE])), artifacts, &[])
}

#[track_caller]
fn allowed(verdict: &Verdict) {
    assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
}

#[track_caller]
fn denied(verdict: &Verdict, reason: &str) {
    assert_eq!(verdict.decision, Decision::Deny, "{verdict}");
    assert!(verdict.to_string().contains(reason), "expected {reason}:\n{verdict}");
}

/// Whether a `verifyImages` entry with this pattern is about an image.
fn selects(pattern: &str, image: &str) -> bool {
    let policies = kyverno("", &[&format!("verifyImages: [{{imageReferences: ['{pattern}']}}]")]);
    let needed = policies.requirements(&request(pod(&[image])), &Evidence::default(), NOW);
    needed.images == [image]
}

fn sbom(components: &Value) -> Artifact {
    let document = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components});
    attestation(1, "https://cyclonedx.org/bom", &document)
}

fn lodash() -> Value {
    json!([{"type": "library", "name": "lodash", "version": "4.17.21", "purl": "pkg:npm/lodash@4.17.21",
        "licenses": [{"license": {"id": "MIT"}}]}])
}

/// A report of a scanner behind cosign's wrapper, with the severities that it found.
fn scan(scanner: &str, finished: &str, severities: &[&str]) -> Artifact {
    let found: Vec<_> = severities
        .iter()
        .map(|severity| {
            json!({"VulnerabilityID": "CVE-2026-1", "PkgName": "libssl3", "InstalledVersion": "3.0.8-r3", "Severity": severity,
                "PkgIdentifier": {"PURL": "pkg:apk/alpine/libssl3@3.0.8-r3"}})
        })
        .collect();
    let predicate = json!({
        "invocation": {},
        "scanner": {"uri": scanner, "version": "1", "db": {"lastUpdate": finished}, "result": {
            "SchemaVersion": 2, "ArtifactName": "a", "Results": [{"Target": "t", "Class": "os-pkgs", "Vulnerabilities": found}]}},
        "metadata": {"scanStartedOn": finished, "scanFinishedOn": finished},
    });
    attestation(2, "https://cosign.sigstore.dev/attestation/vuln/v1", &predicate)
}

#[test]
fn what_could_not_be_fetched_denies_where_all_must_be_good() {
    let (kind, problem) = (FailureKind::TooLarge, "100 manifests".to_owned());
    let failure = [FetchFailure { location: "referrer".to_owned(), kind, problem }];
    let artifacts = [sbom(&lodash()), signature(1, &digest(), &Value::Null), scan("trivy", FRESH, &[])];
    let judge = |require: &str, failures: &[FetchFailure]| {
        judge_with(&image_trust(require), &request(pod(&[IMAGE])), &artifacts, failures)
    };
    for require in [
        "{sbom: {from: [release], deny: [{purl: 'pkg:npm/left-pad'}]}}",
        "{vulnerabilities: {from: [security], severities: [critical]}}",
    ] {
        allowed(&judge(require, &[]));
        let verdict = judge(require, &failure);
        denied(&verdict, "referrer: may hold what decides otherwise, and cannot be read: 100 manifests");
    }
    // That somebody signed is no less true for what else there may be.
    allowed(&judge("{signatures: {from: [release]}}", &failure));
    let conditions = format!(
        "verifyImages: [{{imageReferences: ['*'], attestations: [{{type: 'https://cyclonedx.org/bom', attestors: [{{entries: \
         [{{keys: {{publicKeys: \"{}\", rekor: {{ignoreTlog: true}}}}}}]}}], conditions: [{{all: [{{key: '{{{{ bomFormat }}}}', \
         operator: Equals, value: CycloneDX}}]}}]}}]}}]",
        pem(1)
    );
    let policies = kyverno("", &[&conditions]);
    allowed(&judge_with(&policies, &request(pod(&[IMAGE])), &artifacts, &[]));
    denied(
        &judge_with(&policies, &request(pod(&[IMAGE])), &artifacts, &failure),
        "referrer: may hold what decides otherwise, and cannot be read: 100 manifests",
    );
}

#[test]
fn a_source_is_not_any_dependency() {
    let require = "{provenance: {from: [release], sources: ['git+https://github.com/acme/*']}}";
    let dependency = json!([{"uri": "git+https://github.com/acme/app@refs/heads/main"}]);
    let built = |build_type: &str, parameters: Value| {
        let predicate = json!({
            "buildDefinition": {"buildType": build_type, "externalParameters": parameters, "resolvedDependencies": dependency},
            "runDetails": {"builder": {"id": "https://builder.example"}},
        });
        attested(require, &[attestation(1, "https://slsa.dev/provenance/v1", &predicate)])
    };
    let workflow = "https://actions.github.io/buildtypes/workflow/v1";
    let of = |repository: &str| json!({"workflow": {"repository": repository, "ref": "refs/heads/main"}});
    allowed(&built(workflow, of("https://github.com/acme/app")));
    denied(
        &built(workflow, of("https://github.com/evil/fork")),
        "source: found `https://github.com/evil/fork",
    );
    denied(&built(workflow, json!({})), "source: found nothing");
    allowed(&built("https://build.example/v1", json!({})));
    let old = |source: &str| {
        let predicate = json!({"buildType": "https://build.example/v0", "builder": {"id": "https://builder.example"},
            "invocation": {"configSource": {"uri": source}}, "materials": dependency});
        attested(require, &[attestation(1, "https://slsa.dev/provenance/v0.2", &predicate)])
    };
    allowed(&old("git+https://github.com/acme/app"));
    denied(&old("git+https://github.com/evil/fork"), "source: found `git+https://github.com/evil/fork`");
}

#[test]
fn a_summary_of_another_resource_is_none() {
    let summary = |resource: &str, verified: &str| {
        let predicate = json!({"verifier": {"id": "https://verifier.example"}, "timeVerified": verified, "resourceUri": resource,
            "policy": {"uri": "https://policy.example"}, "verificationResult": "PASSED", "verifiedLevels": ["SLSA_BUILD_LEVEL_3"]});
        [attestation(1, "https://slsa.dev/verification_summary/v1", &predicate)]
    };
    let require =
        "{verificationSummary: {from: [release], verifiers: ['https://verifier.example'], maxAge: 72h}}";
    allowed(&attested(require, &summary("ghcr.io/acme/app", FRESH)));
    allowed(&attested(require, &summary(&format!("pkg:oci/app@{}", digest()), FRESH)));
    denied(&attested(require, &summary("registry.example.com/dev/sandbox", FRESH)), "sandbox");
    denied(&attested(require, &summary("ghcr.io/acme/app", "2026-10-01T00:00:00Z")), "2026-10-01");
    let policy = "{verificationSummary: {from: [release], policies: ['https://other.example']}}";
    denied(&attested(policy, &summary("ghcr.io/acme/app", FRESH)), "https://policy.example");
}

#[test]
fn every_image_is_covered_or_named() {
    let both = request(pod(&[IMAGE, "evil.example/x"]));
    let signed = [signature(1, &digest(), &Value::Null)];
    let policies = || image_trust("{signatures: {from: [release]}}");
    let judge = |policies: &PolicySet| judge_with(policies, &both, &signed, &[]);
    denied(&judge(&policies()), "uncovered: container `c1`, image `evil.example/x`");
    let reported = judge(&policies().with_uncovered(Uncovered::Report));
    assert_eq!((reported.decision, reported.uncovered.len()), (Decision::Allow, 1), "{reported}");
    assert!(judge(&policies().with_uncovered(Uncovered::Allow)).is_covered());
    let known = |pattern: &str| policies().allowing_images([ReferencePattern::by_segment(pattern).unwrap()]);
    allowed(&judge(&known("evil.example/*")));
    denied(&judge(&known("good.example/*")), "evil.example/x");
    // What runs nothing has nothing to cover.
    let service = request(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}));
    allowed(&judge_with(&policies(), &service, &[], &[]));
    let mut deleted = both.clone();
    deleted.operation = Operation::Delete;
    allowed(&judge_with(&policies(), &deleted, &[], &[]));
}

#[test]
fn an_update_may_leave_what_is_wrong_and_not_change_it_for_other_wrong() {
    let policies = kyverno("", &["validate: {pattern: {spec: {containers: [{image: 'ghcr.io/*'}]}}}"]);
    let update = |old: &str, new: &str, policies: &PolicySet| {
        let mut request = request(pod(&[new]));
        request.operation = Operation::Update;
        request.old = Some(pod(&[old]));
        judge_with(policies, &request, &[], &[])
    };
    let same = update("docker.io/a", "docker.io/a", &policies);
    allowed(&same);
    assert_eq!((same.rules[0].outcome, same.rules[0].mode), (Outcome::Fail, Mode::Audit), "{same}");
    denied(&update("docker.io/a", "docker.io/a", &policies.clone().blocking_unchanged()), "docker.io/a");
    denied(&update("docker.io/a", "evil.example/b", &policies), "found `evil.example/b`");
    denied(&update("ghcr.io/a", "docker.io/a", &policies), "found `docker.io/a`");
    // Likewise of rules about images: what stays is reported.
    let signed = image_trust("{signatures: {from: [release]}}");
    allowed(&update(IMAGE, IMAGE, &signed));
    denied(&update(IMAGE, "ghcr.io/acme/other", &signed), "found no signature");
}

#[test]
fn one_image_has_one_name() {
    let digested = format!("ghcr.io/acme/app:v1@{}", digest());
    for (pattern, image) in [
        ("ghcr.io/acme/*", "GHCR.io/acme/app"),
        ("ghcr.io/acme/*", "ghcr.io:443/acme/app"),
        ("GHCR.io/acme/*", "ghcr.io/acme/app"),
        ("docker.io/library/*", "nginx"),
        ("docker.io/*", "registry-1.docker.io/library/nginx"),
        ("index.docker.io/*", "nginx"),
        ("ghcr.io/acme/app:*", &digested),
    ] {
        assert!(selects(pattern, image), "{pattern} {image}");
    }
    assert!(!selects("docker.io/*", "LOCALHOST/app"), "what is in upper case is a host");
}

#[test]
fn what_is_of_the_future_is_not_young() {
    let require = "{vulnerabilities: {from: [security], severities: [critical], maxAge: 168h}}";
    allowed(&attested(require, &[scan("trivy", FRESH, &[])]));
    let future = scan("trivy", "2099-01-01T00:00:00Z", &[]);
    denied(&attested(require, std::slice::from_ref(&future)), "2099-01-01");
    denied(&attested(require, &[scan("trivy", FRESH, &["CRITICAL"]), future]), "CVE-2026-1 (critical)");
}

#[test]
fn empty_is_not_turned_round() {
    for conditions in ["{all: []}", "{}", "[]"] {
        let policies = kyverno("", &[&format!("validate: {{deny: {{conditions: {conditions}}}}}")]);
        denied(&judge(&policies, pod(&["a"])), "form");
    }
    denied(&judge(&kyverno("", &["validate: {deny: {}}"]), pod(&["a"])), "form");
    for excluded in [
        "{}",
        "{any: [{}]}",
        "{any: []}",
        "{any: [{resources: {namespaces: []}}]}",
        "{any: [{resources: {names: []}}]}",
        "{any: [{subjects: []}]}",
        "{any: [{resources: {operations: []}}]}",
    ] {
        let policies =
            kyverno("", &[&format!("exclude: {excluded}, validate: {{pattern: {{kind: Nothing}}}}")]);
        denied(&judge(&policies, pod(&["a"])), "expected `Nothing`");
    }
    let overridden = kyverno(
        "  validationFailureActionOverrides: [{action: Audit, namespaces: []}]\n",
        &["validate: {pattern: {kind: Nothing}}"],
    );
    denied(&judge(&overridden, pod(&["a"])), "expected `Nothing`");
    assert!(AttestorSet::new(Vec::new()).is_err());
}

#[test]
fn an_anchor_frees_its_own_element_and_nothing_else() {
    let init = |images: &[&str]| {
        let mut object = pod(images);
        object["spec"]["initContainers"] = json!([{"name": "i", "image": "docker.io/i"}]);
        object
    };
    let policies = kyverno(
        "",
        &["validate: {pattern: {spec: {=(containers): [{(image): 'ghcr.io/*', name: 'c?'}], \
           =(initContainers): [{(image): 'ghcr.io/*', name: 'c?'}]}}}"],
    );
    let mut wrong = init(&["ghcr.io/a"]);
    wrong["spec"]["containers"][0]["name"] = json!("other");
    denied(&judge(&policies, wrong), "found `other`");
    allowed(&judge(&policies, init(&["ghcr.io/a"])));
    let negated = kyverno("", &["validate: {pattern: {spec: {X(hostNetwork): 'null'}}}"]);
    let mut host = pod(&["a"]);
    host["spec"]["hostNetwork"] = json!(true);
    denied(&judge(&negated, host), "hostNetwork");
}

#[test]
fn a_value_in_another_spelling_is_still_that_value() {
    for (pattern, value) in
        [("!0", "0Mi"), ("!0", "00"), ("!0", "-0"), ("!1", "1000m"), ("!1Gi", "1024Mi"), ("!60s", "1m")]
    {
        let policies =
            kyverno("", &[&format!("validate: {{pattern: {{metadata: {{labels: {{v: '{pattern}'}}}}}}}}")]);
        let mut object = pod(&["a"]);
        object["metadata"]["labels"] = json!({"v": value});
        denied(&judge(&policies, object), "expected");
    }
}

#[test]
fn a_path_leads_through_the_value_of_its_variable() {
    let policies = kyverno(
        "",
        &["context: [{name: known, variable: {value: {request: {mine: bad}}, jmesPath: request.mine}}], \
           validate: {deny: {conditions: {any: [{key: '{{ known }}', operator: Equals, value: bad}]}}}"],
    );
    denied(&judge(&policies, pod(&["a"])), "form");
}

#[test]
fn a_subresource_is_matched_as_such() {
    let judge = |kinds: &str, subresource: &str| {
        let rule = format!(
            "match: {{any: [{{resources: {{kinds: ['{kinds}']}}}}]}}, validate: {{pattern: {{kind: Nothing}}}}"
        );
        let policies = kyverno("", &[&rule]).with_uncovered(Uncovered::Allow);
        let mut request = request(pod(&["a"]));
        request.subresource = subresource.to_owned();
        judge_with(&policies, &request, &[], &[]).decision == Decision::Deny
    };
    for (kinds, subresource, is_about) in [
        ("Pod", "", true),
        ("Pod", "status", false),
        ("Pod/ephemeralcontainers", "ephemeralcontainers", true),
        ("Pod.ephemeralcontainers", "ephemeralcontainers", true),
        ("Pod/*", "ephemeralcontainers", true),
        ("Pod/status", "ephemeralcontainers", false),
        ("*/Pod", "", true),
    ] {
        assert_eq!(judge(kinds, subresource), is_about, "{kinds} {subresource}");
    }
}

#[test]
fn a_rule_that_did_not_judge_is_not_the_one_that_applies() {
    let one = "  applyRules: One\n";
    let passed_over =
        "preconditions: {all: [{key: a, operator: Equals, value: b}]}, validate: {pattern: {kind: Pod}}";
    let wrong = "validate: {pattern: {kind: Nothing}}";
    denied(&judge(&kyverno(one, &[passed_over, wrong]), pod(&["a"])), "expected `Nothing`");
    // Of each kind of rules one applies.
    let verifies = "verifyImages: [{imageReferences: ['*'], mutateDigest: false, verifyDigest: false}]";
    denied(&judge(&kyverno(one, &[verifies, wrong]), pod(&["a"])), "expected `Nothing`");
    allowed(&judge(&kyverno(one, &["validate: {pattern: {kind: Pod}}", wrong]), pod(&["a"])));
}

#[test]
fn policies_that_share_a_name_apply_a_rule_each() {
    let one = |kind: &str, pattern: &str| {
        format!(
            "apiVersion: kyverno.io/v1\nkind: {kind}\nmetadata: {{name: p, namespace: shop}}\nspec: {{applyRules: One, \
             validationFailureAction: Enforce, rules: [{{name: r, match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}, \
             validate: {{pattern: {{kind: {pattern}}}}}}}]}}\n"
        )
    };
    let cluster = one("ClusterPolicy", "Pod").replace(", namespace: shop", "");
    let policies = PolicySet::from_yaml(&format!("{cluster}---\n{}", one("Policy", "Nothing"))).unwrap();
    denied(&judge(&policies, pod(&["a"])), "expected `Nothing`");
}

#[test]
fn a_name_that_stands_in_an_object_is_asked_for_in_the_next_round() {
    let policies = kyverno(
        "",
        &[
            "context: [{name: first, configMap: {name: first, namespace: ns}}, {name: second, configMap: {name: \
           '{{ first.data.next }}', namespace: ns}}], validate: {foreach: [{list: request.object.spec.containers, context: \
           [{name: third, configMap: {name: '{{ element.name }}-{{ second.data.next }}', namespace: ns}}], deny: {conditions: \
           {any: [{key: '{{ third.data.bad }}', operator: Equals, value: 'yes'}]}}}]}",
        ],
    );
    let (request, mut evidence) = (request(pod(&["a"])), Evidence::default());
    for (name, data) in
        [("first", json!({"next": "b"})), ("b", json!({"next": "c"})), ("c0-c", json!({"bad": "no"}))]
    {
        let needed = policies.requirements(&request, &evidence, NOW).objects;
        let asked: Vec<_> = needed.iter().map(ToString::to_string).collect();
        assert_eq!(asked, [format!("ConfigMap/ns/{name}")]);
        evidence.objects.insert(asked[0].clone(), Ok(json!({"data": data})));
    }
    assert!(policies.requirements(&request, &evidence, NOW).objects.is_empty());
    let verdict = evaluate(&policies, &request, &evidence, &TrustRoot::empty(), NOW);
    assert_eq!(verdict.rules[0].outcome, Outcome::Pass, "{verdict}");
}

#[test]
fn no_default_takes_the_place_of_what_could_not_be_fetched() {
    let policies = kyverno(
        "",
        &[
            "context: [{name: known, configMap: {name: c, namespace: ns}}, {name: list, variable: {jmesPath: known.data.list, \
           default: []}}], validate: {deny: {conditions: {any: [{key: a, operator: AnyIn, value: '{{ list }}'}, {key: \
           \"{{ known.data.stop || 'no' }}\", operator: Equals, value: 'yes'}]}}}",
        ],
    );
    let judge = |found: Option<Result<Value, FailureKind>>| {
        let mut evidence = Evidence::default();
        let failure = |kind| FetchFailure { location: "c".to_owned(), kind, problem: "gone".to_owned() };
        if let Some(found) = found {
            evidence.objects.insert("ConfigMap/ns/c".to_owned(), found.map_err(failure));
        }
        let policies = PolicySet::clone(&policies).with_uncovered(Uncovered::Allow);
        evaluate(&policies, &request(pod(&["a"])), &evidence, &TrustRoot::empty(), NOW)
    };
    denied(&judge(None), "`known` could not be loaded: ConfigMap/ns/c was not looked up");
    denied(&judge(Some(Err(FailureKind::Unavailable))), "`known` could not be loaded: c: gone");
    // That there is none is known, so a variable's own default takes its place, but `||` does not.
    let absent = judge(Some(Err(FailureKind::NotFound)));
    denied(&absent, "`known` could not be loaded: c: gone");
    assert!(!absent.to_string().contains("`list` could not be loaded"), "{absent}");
    denied(&judge(Some(Ok(json!({"data": {"stop": "yes"}})))), "form");
}

#[test]
fn no_default_takes_the_place_of_what_is_too_much() {
    let policies = kyverno(
        "",
        &["context: [{name: list, variable: {jmesPath: 'request.object.spec.list', \
           default: []}}], validate: {deny: {conditions: {any: [{key: a, operator: AnyIn, value: '{{ list }}'}]}}}"],
    );
    let with = |count: usize| {
        let mut object = pod(&["a"]);
        object["spec"]["list"] = (0..count).map(|one| json!(format!("v{one}"))).collect();
        judge(&policies, object)
    };
    allowed(&with(20));
    denied(&with(150_000), "has more than 100000 values");
}

#[test]
fn a_list_that_an_expression_gives_is_not_met_by_an_empty_one() {
    let policies = kyverno("", &["validate: {pattern: {spec: {args: \"{{ ['x', 'y'] }}\"}}}"]);
    let with = |args: Value| {
        let mut object = pod(&["a"]);
        object["spec"]["args"] = args;
        judge(&policies, object)
    };
    allowed(&with(json!(["x", "y"])));
    for args in [json!([]), json!(["x"]), json!("x"), json!(null)] {
        denied(&with(args), "expected `[\"x\",\"y\"]`");
    }
}

#[test]
fn a_violation_is_an_old_one_only_with_the_same_values() {
    let update = |rule: &str, old: &Value, new: &Value| {
        let spec = |spec: &Value| {
            let mut object = pod(&["a"]);
            object["spec"]["x"] = spec.clone();
            object
        };
        let mut request = request(spec(new));
        (request.operation, request.old) = (Operation::Update, Some(spec(old)));
        let policies = kyverno("", &[&format!("validate: {{allowExistingViolations: true, {rule}}}")]);
        let policies = policies.with_uncovered(Uncovered::Allow);
        judge_with(&policies, &request, &[], &[])
    };
    let long = |end: &str| json!(format!("{}{end}", "v".repeat(300)));
    for (rule, one, other) in [
        ("pattern: {spec: {x: 'ok'}}", json!([long("1")]), json!([long("2")])),
        ("pattern: {spec: {x: 'ok'}}", json!({"a": 1}), json!({"a": 2})),
        ("pattern: {spec: {'^(x)': [{a: 1}]}}", json!([{"a": 2}]), json!([{"a": 3}])),
        (
            "deny: {conditions: {any: [{key: '{{ request.object.spec.x }}', operator: Equals, value: 'v*'}]}}",
            long("1"),
            long("2"),
        ),
    ] {
        allowed(&update(rule, &one, &one));
        denied(&update(rule, &one, &other), "form");
    }
    // Another element of a list that violates it in the same way is another violation.
    let each = "foreach: [{list: request.object.spec.x, deny: {conditions: {any: [{key: '{{ element.privileged }}', operator: \
                Equals, value: true}]}}}]";
    let element = |name: &str| json!({"name": name, "privileged": true});
    let (one, two) = (json!([element("a")]), json!([element("a"), element("b")]));
    allowed(&update(each, &one, &one));
    denied(&update(each, &one, &two), "form");
}

#[test]
fn an_archive_knows_whether_unchanged_violations_were_blocked() {
    let text = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec:\n  validationFailureAction: Enforce\n  \
                rules:\n  - {name: r, match: {any: [{resources: {kinds: [Pod]}}]}, validate: {pattern: {spec: {x: 'ok'}}}}\n";
    let mut request = request(pod(&["a"]));
    (request.operation, request.old) = (Operation::Update, Some(pod(&["a"])));
    let root = r#"{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;
    let archive = || {
        let archive = Archive::new(vec![text.to_owned()], root, NOW).unwrap();
        archive.with_uncovered(Uncovered::Allow, Vec::new())
    };
    for (mut archive, decision) in
        [(archive(), Decision::Allow), (archive().blocking_unchanged(), Decision::Deny)]
    {
        archive.judge([(request.clone(), Evidence::default())]).unwrap();
        assert_eq!(archive.judged[0].verdict.decision, decision);
        let written = serde_json::to_string(&archive).unwrap();
        let read = Archive::from_json(written.as_bytes()).unwrap();
        assert_eq!(read.replay().unwrap().differences, []);
        let edited = match decision {
            Decision::Allow => written.replace("\"blocksUnchanged\":false", "\"blocksUnchanged\":true"),
            Decision::Deny => written.replace("\"blocksUnchanged\":true", "\"blocksUnchanged\":false"),
        };
        let replay = Archive::from_json(edited.as_bytes()).unwrap().replay().unwrap();
        assert_eq!(replay.differences.len(), 2, "{:?}", replay.differences);
    }
}

#[test]
fn what_is_being_deleted_is_judged_if_more_than_its_metadata_changes() {
    let policies = kyverno(
        "",
        &["match: {any: [{resources: {kinds: [ConfigMap]}}]}, validate: {pattern: {data: {a: 'ok'}}}"],
    );
    let object = |data: &str, finalizers: Value| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": data}, "metadata": {"name": "a", "namespace": "shop",
            "deletionTimestamp": "2026-11-17T00:00:00Z", "finalizers": finalizers}})
    };
    let update = |new: Value| {
        let mut request = request(new);
        (request.operation, request.old) = (Operation::Update, Some(object("1", json!(["f"]))));
        judge_with(&policies, &request, &[], &[])
    };
    allowed(&update(object("1", json!([]))));
    denied(&update(object("2", json!([]))), "form");
}

#[test]
fn controllers_are_judged_as_kyverno_extends_policies_to_them() {
    let deployment = |image: &str| {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "shop"},
            "spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}})
    };
    let pattern = "validate: {pattern: {spec: {containers: [{image: 'ghcr.io/*'}]}}}";
    let beside = |kinds: &str| format!("match: {{any: [{{resources: {{kinds: [{kinds}]}}}}]}}, {pattern}");
    let is_denied = |rules: &[&str]| {
        let verdict = judge(&kyverno("", rules).with_uncovered(Uncovered::Allow), deployment("docker.io/a"));
        verdict.decision == Decision::Deny
    };
    assert!(is_denied(&[&beside("Pod")]));
    // A rule with names speaks of certain pods, so nothing of its policy is extended.
    let named = format!("match: {{any: [{{resources: {{kinds: [Pod], names: [x]}}}}]}}, {pattern}");
    assert!(!is_denied(&[&beside("Pod"), &named]));
    let exception = |rule: &str| {
        format!(
            "---\napiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {{name: e, namespace: shop}}\nspec:\n  exceptions: \
             [{{policyName: p, ruleNames: [{rule}]}}]\n  match: {{any: [{{resources: {{kinds: [Deployment]}}}}]}}\n"
        )
    };
    let excepted = |rule: &str| {
        let text = format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec:\n  validationFailureAction: Enforce\n  \
             rules:\n  - {{name: r0, {}}}\n{}",
            beside("Pod"),
            exception(rule)
        );
        let policies = PolicySet::from_yaml(&text).unwrap().with_uncovered(Uncovered::Allow);
        judge(&policies, deployment("docker.io/a")).decision == Decision::Allow
    };
    assert!(excepted("autogen-r0"));
    assert!(!excepted("r0"), "the rule that judges a Deployment is the extended one");
}

#[test]
fn operators_and_loops_compare_as_kyverno_does() {
    let is_denied = |conditions: &str| {
        let rule = format!("validate: {{deny: {{conditions: {{any: [{conditions}]}}}}}}");
        judge(&kyverno("", &[&rule]), pod(&["a"])).decision == Decision::Deny
    };
    assert!(is_denied("{key: true, operator: AnyIn, value: [true, false]}"));
    assert!(is_denied("{key: 'a*', operator: AnyIn, value: [abc]}"));
    assert!(!is_denied("{key: '5', operator: GreaterThan, value: '1h'}"));
    let each = "validate: {foreach: [{list: request.object.metadata.labels, deny: {conditions: {any: [{key: '{{ element.a }}', \
                operator: Equals, value: bad}]}}}]}";
    let mut object = pod(&["a"]);
    object["metadata"]["labels"] = json!({"a": "bad"});
    denied(&judge(&kyverno("", &[each]), object), "form");
    // A loop over no lists judges nothing.
    let text = "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {rules: [{name: r, match: {any: \
                [{resources: {kinds: [Pod]}}]}, validate: {foreach: []}}]}\n";
    assert!(PolicySet::from_yaml(text).unwrap_err().to_string().contains("at least one list"));
}

#[test]
fn the_strictest_action_of_a_rule_decides() {
    let rule = "verifyImages: [{imageReferences: ['a*'], required: true, failureAction: Audit, attestors: [{entries: [{keys: \
                {publicKeys: KEY, rekor: {ignoreTlog: true}}}]}]}, {imageReferences: ['ab*'], failureAction: Enforce, attestors: \
                [{entries: [{keys: {publicKeys: KEY, rekor: {ignoreTlog: true}}}]}]}]"
        .replace("KEY", &format!("\"{}\"", pem(1)));
    let verdict = judge(&kyverno("", &[&rule]), pod(&["abc"]));
    assert_eq!((verdict.decision, verdict.rules[0].mode), (Decision::Deny, Mode::Enforce), "{verdict}");
}

#[test]
fn what_an_sbom_does_not_say_is_unknown() {
    let deny = "{sbom: {from: [release], deny: [{purl: 'pkg:npm/left-pad'}]}}";
    let licenses = "{sbom: {from: [release], licenses: {allow: [MIT]}}}";
    for require in [deny, licenses] {
        allowed(&attested(require, &[sbom(&lodash())]));
        denied(&attested(require, &[sbom(&json!([]))]), "it lists no components");
    }
    let nameless = json!([{"type": "library", "name": "left-pad", "version": "1.0.0"}]);
    let verdict = attested(licenses, &[sbom(&nameless)]);
    assert_eq!(verdict.decision, Decision::Deny, "without a package URL it still has a license: {verdict}");
    let verdict = attested("{sbom: {from: [release], deny: [{name: left-pad}]}}", &[sbom(&nameless)]);
    denied(&verdict, "denied package left-pad");
}

#[test]
fn two_scanners_behind_one_wrapper_are_two() {
    let require = "{vulnerabilities: {from: [security], severities: [critical]}}";
    let (older, newer) = ("2026-11-16T00:00:00Z", FRESH);
    allowed(&attested(require, &[scan("trivy", older, &["CRITICAL"]), scan("trivy", newer, &[])]));
    let reports = [scan("grype", older, &["CRITICAL"]), scan("trivy", newer, &[])];
    let as_written = attested(require, &reports);
    // Trivy's own report says that it is Trivy's, whatever the wrapper says: so both are of one scanner.
    allowed(&as_written);
    let item = |scanner: &str, finished: &str, found: &Value| {
        let predicate = json!({"invocation": {}, "scanner": {"uri": scanner, "version": "1", "result": found},
            "metadata": {"scanStartedOn": finished, "scanFinishedOn": finished}});
        attestation(2, "https://in-toto.io/attestation/vulns/v0.1", &predicate)
    };
    let critical = json!([{"id": "CVE-2026-1", "severity": [{"method": "nvd", "score": "CRITICAL"}, {"method": "cvss_score", "score": "9.8"}]}]);
    let verdict = attested(require, &[item("one", older, &critical), item("two", newer, &json!([]))]);
    denied(&verdict, "CVE-2026-1");
}

/// A finding, and a statement of VEX on it.
fn affected(seed: u8, status: &str, time: Option<&str>) -> Artifact {
    let mut statement = json!({"vulnerability": {"name": "CVE-2026-1"}, "status": status,
        "products": [{"@id": "pkg:oci/app@sha256:x", "hashes": {"sha-256": digest().to_hex()}}]});
    if status == "not_affected" {
        statement["justification"] = json!("component_not_present");
    }
    let mut document = json!({"@context": "https://openvex.dev/ns/v0.2.0", "@id": format!("urn:{status}"), "author": "a",
        "version": 1, "statements": [statement]});
    if let Some(time) = time {
        document["statements"][0]["timestamp"] = json!(time);
    }
    attestation(seed, "https://openvex.dev/ns/v0.2.0", &document)
}

#[test]
fn each_signer_that_is_needed_signed_what_satisfies() {
    let built_by = |seed: u8, builder: &str| {
        let predicate = json!({"buildDefinition": {"buildType": "https://b.example/t", "externalParameters": {}},
            "runDetails": {"builder": {"id": builder}}});
        attestation(seed, "https://slsa.dev/provenance/v1", &predicate)
    };
    let require = "{provenance: {from: [release, security], builders: ['https://good.example/*']}}";
    let (good, bad) = ("https://good.example/1", "https://bad.example/1");
    allowed(&attested(require, &[built_by(1, good), built_by(2, good)]));
    // Another document beside it does not harm.
    allowed(&attested(require, &[built_by(1, good), built_by(2, good), built_by(2, bad)]));
    denied(&attested(require, &[built_by(1, good), built_by(2, bad)]), "1 of 2 required signers");

    let findings = [scan("trivy", FRESH, &["CRITICAL"])];
    let require =
        "{vulnerabilities: {from: [security], severities: [critical], vex: {from: [release, security]}}}";
    let heard = |statements: &[Artifact]| attested(require, &[&findings[..], statements].concat());
    let time = Some("2026-11-10T00:00:00Z");
    let (one, other) = (affected(1, "not_affected", time), affected(2, "not_affected", time));
    allowed(&heard(&[one.clone(), other]));
    denied(&heard(core::slice::from_ref(&one)), "CVE-2026-1");
    denied(&heard(&[one, affected(2, "fixed", time)]), "CVE-2026-1");
}

#[test]
fn what_has_no_date_is_neither_older_nor_newer() {
    let require = "{vulnerabilities: {from: [security], severities: [critical], vex: {from: [release]}}}";
    let with = |artifacts: &[Artifact]| attested(require, artifacts);
    let undated = |severities: &[&str]| {
        let mut artifact = scan("trivy", "", severities);
        artifact.location.push_str(" undated");
        artifact
    };
    denied(&with(&[undated(&["CRITICAL"]), scan("trivy", FRESH, &[])]), "CVE-2026-1");
    denied(&with(&[scan("trivy", FRESH, &[]), undated(&["CRITICAL"])]), "CVE-2026-1");
    // Of the same time both count.
    denied(&with(&[scan("trivy", FRESH, &[]), scan("trivy", FRESH, &["CRITICAL"])]), "CVE-2026-1");
    denied(&with(&[scan("trivy", FRESH, &["CRITICAL"]), scan("trivy", FRESH, &[])]), "CVE-2026-1");

    let found = scan("trivy", FRESH, &["CRITICAL"]);
    let heard = |statements: &[Artifact]| with(&[&[found.clone()][..], statements].concat());
    let (early, late) = (Some("2026-11-10T00:00:00Z"), Some("2026-11-12T00:00:00Z"));
    let future = Some("2027-11-12T00:00:00Z");
    allowed(&heard(&[affected(1, "affected", early), affected(1, "not_affected", late)]));
    denied(&heard(&[affected(1, "not_affected", early), affected(1, "affected", late)]), "CVE-2026-1");
    denied(&heard(&[affected(1, "not_affected", late), affected(1, "affected", None)]), "CVE-2026-1");
    denied(&heard(&[affected(1, "affected", late), affected(1, "not_affected", future)]), "CVE-2026-1");
}

#[test]
fn a_denial_names_what_is_there_instead() {
    let mut evidence = Evidence::default();
    let artifacts =
        vec![attestation(1, "https://other.example/t", &json!({})), signature(1, &digest(), &json!({}))];
    let notes = vec!["referrer x is a Notation signature".to_owned()];
    let found = ImageEvidence { digest: Ok(digest()), artifacts, failures: vec![], notes };
    evidence.images.insert(IMAGE.to_owned(), found);
    let policies = image_trust("{sbom: {from: [release]}}");
    let verdict = evaluate(&policies, &request(pod(&[IMAGE])), &evidence, &TrustRoot::empty(), NOW);
    for reason in [
        "found no bill of materials of the image",
        "is an attestation of type `https://other.example/t`",
        "is a signature on the image itself",
        "referrer x is a Notation signature",
    ] {
        denied(&verdict, reason);
    }
}

#[test]
fn programs_read_who_signed_and_when_to_ask_again() {
    let (released, age) = (signature(1, &digest(), &json!({})), "maxAge: 48h");
    let require = format!(
        "{{signatures: {{from: [release]}}, vulnerabilities: {{from: [security], severities: [critical], {age}}}}}"
    );
    let verdict = attested(&require, &[released.clone(), scan("trivy", FRESH, &[])]);
    allowed(&verdict);
    let signatures: Vec<_> = verdict.signatures().collect();
    assert_eq!(signatures.len(), 2);
    assert!(signatures[0].key.is_some() && signatures[0].issuer.is_none(), "{signatures:?}");
    assert_eq!(
        signatures[1].predicate_type.as_deref(),
        Some("https://cosign.sigstore.dev/attestation/vuln/v1")
    );
    assert_eq!(verdict.until(), Some("2026-11-19T00:00:00Z".parse().unwrap()));
    assert!(!verdict.may_change_on_retry());
    let read: Verdict = serde_json::from_str(&serde_json::to_string(&verdict).unwrap()).unwrap();
    assert_eq!(read, verdict);

    let failure = FetchFailure {
        location: "referrer a".to_owned(),
        kind: FailureKind::Unavailable,
        problem: "gone".to_owned(),
    };
    let unfetched = judge_with(&image_trust(&require), &request(pod(&[IMAGE])), &[released], &[failure]);
    denied(&unfetched, "gone");
    assert!(unfetched.may_change_on_retry());
    assert!(!attested(&require, &[]).may_change_on_retry());
}

#[test]
fn a_package_is_absent_only_where_it_would_be_found() {
    let require = "{sbom: {from: [release], deny: [{purl: 'pkg:npm/left-pad'}]}}";
    let bill = |components: Value| attested(require, &[sbom(&components)]);
    allowed(&bill(lodash()));
    let unidentified = json!({"type": "library", "name": "left-pad", "version": "1.0.0"});
    denied(&bill(json!([lodash()[0], unidentified])), "left-pad has the name, and no identifier");
    denied(&bill(json!([{"type": "library", "name": "x"}])), "identifies no package in this way");
    let document = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": lodash(),
        "compositions": [{"aggregate": "incomplete"}]});
    let incomplete = attestation(1, "https://cyclonedx.org/bom", &document);
    denied(&attested(require, &[incomplete]), "the list of parts is incomplete");
}

#[test]
fn a_typo_in_a_deny_list_is_refused() {
    let error = |package: &str| {
        let text = format!(
            "apiVersion: trust.dev/v1alpha1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec:\n  images: ['a/**']\n  signers: \
             {{s: {{publicKey: \"{}\", transparencyLog: false}}}}\n  require: {{sbom: {{from: [s], deny: [{package}]}}}}\n",
            pem(1)
        );
        PolicySet::from_yaml(&text).unwrap_err().to_string()
    };
    assert!(error("{purl: 'pkg:nmp/lodash'}").contains("nmp"));
    let other = error("{purl: 'pkg:npm/lodash', versions: 'vers:pypi/<1.0'}");
    assert!(other.contains("a range of versions of `npm`"), "{other}");
    let twice = error("{purl: 'pkg:npm/lodash', versions: 'vers:npm/<1.0.0|<5.0.0'}");
    assert!(twice.contains("bound the same side"), "{twice}");
}

#[test]
fn files_are_read_as_kubectl_reads_them() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: PodList\n  items:\n  - {metadata: {name: a}}\n\
                - apiVersion: apps/v1\n  kind: DeploymentList\n  items: [{apiVersion: apps/v1, kind: Deployment, metadata: {name: b}}]\n";
    let ids: Vec<_> = Resource::from_yaml(list).unwrap().iter().map(|one| one.id().to_string()).collect();
    assert_eq!(ids, ["Pod default/a", "Deployment default/b"]);
    let number = |text: &str| {
        let text = format!("{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{value: {text}}}}}");
        Resource::from_yaml(&text).unwrap().remove(0).object()["spec"]["value"].clone()
    };
    assert_eq!(number("010"), json!(8));
    let merged = "a: &a {image: docker.io/evil}\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {<<: *a, image: ghcr.io/a}\n";
    assert!(Resource::from_yaml(merged).is_err(), "kubectl and YAML take another of the two");
}

#[test]
fn a_policy_is_refused_by_the_name_of_its_language() {
    for (api_version, kind) in [
        ("policies.kyverno.io/v1", "ImageValidatingPolicy"),
        ("policy.sigstore.dev/v1beta1", "ClusterImagePolicy"),
    ] {
        let text = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{}}\n");
        let error = PolicySet::from_yaml(&text).unwrap_err().to_string();
        assert!(error.contains(&format!("`{api_version}` is not read here")), "{error}");
    }
}

#[test]
fn the_work_of_a_judgement_is_bounded() {
    let nested = "validate: {foreach: [{list: request.object.spec.list, foreach: [{list: request.object.spec.list, foreach: \
                  [{list: request.object.spec.list, deny: {conditions: {any: [{key: '{{ element }}', operator: Equals, value: \
                  nothing}]}}}]}]}]}";
    let with = |count: usize| {
        let mut object = pod(&["a"]);
        object["spec"]["list"] = (0..count).map(|one| json!(format!("v{one}"))).collect();
        object
    };
    allowed(&judge(&kyverno("", &[nested]), with(20)));
    let verdict = judge(&kyverno("", &[nested]), with(5000));
    denied(&verdict, "the budget of a judgement");
    assert_eq!(verdict.rules[0].explanations[0].code, Some(ReasonCode::Unresolved), "{verdict}");
    // Large lists are compared by hashing.
    let lists = "validate: {deny: {conditions: {any: [{key: '{{ request.object.spec.list }}', operator: AnyIn, value: \
                 '{{ request.object.spec.other }}'}]}}}";
    let mut object = with(9000);
    object["spec"]["other"] = (0..9000).map(|one| json!(format!("w{one}"))).collect();
    allowed(&judge(&kyverno("", &[lists]), object));
    // So are forms, comparisons with patterns, and what functions make.
    let form = "validate: {pattern: {spec: {list: [{a: 1, b: 2, c: 3, d: 4}]}}}";
    let mut object = pod(&["a"]);
    object["spec"]["list"] = (0..200_000).map(|_| json!({})).collect();
    denied(&judge(&kyverno("", &[form]), object), "the budget of a judgement");
    let patterns = "validate: {deny: {conditions: {any: [{key: '{{ request.object.spec.a }}', operator: Equals, value: \
                    '{{ request.object.spec.b }}'}]}}}";
    let mut object = pod(&["a"]);
    object["spec"]["a"] = json!("a".repeat(300_000));
    object["spec"]["b"] = json!(format!("*{}b", "a".repeat(150_000)));
    denied(&judge(&kyverno("", &[patterns]), object), "the budget of a judgement");
    for function in
        ["regex_replace_all('a', @, @)", "regex_replace_all_literal('a', @, @)", "join(@, [@, @, @])"]
    {
        let rule = format!(
            "validate: {{deny: {{conditions: {{any: [{{key: \"{{{{ request.object.spec.a.{function} }}}}\", operator: \
             Equals, value: b}}]}}}}}}"
        );
        let mut object = pod(&["a"]);
        object["spec"]["a"] = json!("a".repeat(600_000));
        denied(&judge(&kyverno("", &[&rule]), object), "expected at most 1048576");
    }
}

#[test]
fn amounts_beyond_all_numbers_are_compared() {
    for value in ["1e300", "-1e300"] {
        let key = "{key: '1h', operator: DurationGreaterThan, value: VALUE}".replace("VALUE", value);
        let rule = format!("validate: {{deny: {{conditions: {{any: [{key}]}}}}}}");
        let verdict = judge(&kyverno("", &[&rule]), pod(&["a"]));
        assert_eq!(verdict.decision == Decision::Deny, value.starts_with('-'), "{verdict}");
    }
}
