//! Attestations, SBOMs, scan reports and VEX.

use serde_json::{Value, json};
use trust_policy::{
    Artifact, AttestorSet, Decision, Evidence, FailureKind, FetchFailure, ImageEvidence, PolicySet, Trust,
    Verdict, evaluate,
};

use crate::{FRESH, IMAGE, NOW, allowed, denied, image_trust, judge, judge_with, kyverno, pod, request};
use trust_testkit::artifacts::{attestation, digest, pem, signature};

/// What one of our own policies says of an image with these artifacts.
fn attested(require: &str, artifacts: &[Artifact]) -> Verdict {
    judge_with(&image_trust(require), &request(pod(&[IMAGE])), artifacts, &[])
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
        denied(&verdict, "referrer: cannot be read, and may change the verdict: 100 manifests");
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
        "referrer: cannot be read, and may change the verdict: 100 manifests",
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
    let found = ImageEvidence { artifacts, notes, ..ImageEvidence::of(digest()) };
    evidence.images.insert(IMAGE.to_owned(), found);
    let policies = image_trust("{sbom: {from: [release]}}");
    let verdict = evaluate(&policies, &request(pod(&[IMAGE])), &evidence, &Trust::keys_only(), NOW);
    for reason in [
        "found no SBOM of the image",
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
            "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec:\n  images: ['a/**']\n  signers: \
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
