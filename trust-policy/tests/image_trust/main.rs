//! Our own policies, on attestations that these tests sign.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod bases;
mod config;
mod exceptions;
mod formats;
mod hardened;
mod platforms;
mod rules;
mod which;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trust_core::{Digest, FulcioExtension, UnixTime};
use trust_policy::{Artifact, PolicySet, ReasonCode, Trust, Verdict, yaml};

use trust_testkit::artifacts::{attestation, digest, pem};
use trust_testkit::judge::{self, allowed, denied, image_with, pod, request};
use trust_testkit::notation::Notation;
use trust_testkit::sigstore::certificate_pem;
use trust_testkit::sigstore::world::World;

const IMAGE: &str = "ghcr.io/acme/app:v1";
const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000); // 2026-11-18

/// A policy with two signers, `release` and `security`.
fn policy(require: &str) -> String {
    format!(
        "apiVersion: trust.dev/v1beta1\nkind: ImageTrustPolicy\nmetadata: {{name: p}}\nspec:\n  images: ['ghcr.io/acme/**']\n  \
         signers:\n    release: {{publicKey: \"{}\", transparencyLog: false}}\n    security: {{publicKey: \"{}\", \
         transparencyLog: false}}\n  require: {require}\n",
        pem(1),
        pem(2)
    )
}

fn judge(require: &str, artifacts: Vec<Artifact>) -> Verdict {
    judge_image(require, artifacts, IMAGE)
}

fn judge_image(require: &str, artifacts: Vec<Artifact>, image: &str) -> Verdict {
    judge_by(&PolicySet::from_yaml(&policy(require)).unwrap(), artifacts, image)
}

fn judge_by(policies: &PolicySet, artifacts: Vec<Artifact>, image: &str) -> Verdict {
    judge::judge(policies, &request(pod(image)), &image_with(artifacts), &Trust::keys_only(), NOW)
}

const CYCLONEDX: &str = "https://cyclonedx.org/bom";

fn sbom(components: &Value) -> Value {
    json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components})
}

fn log4j(version: &str) -> Value {
    let purl = format!("pkg:maven/org.apache.logging.log4j/log4j-core@{version}");
    json!([{"type": "library", "name": "log4j-core", "version": version, "purl": purl, "licenses": [{"license": {"id": "Apache-2.0"}}]}])
}

#[test]
fn a_denied_package_is_named_with_its_signer() {
    let require = "{sbom: {from: [release], deny: [{purl: 'pkg:maven/org.apache.logging.log4j/log4j-core', \
                   versions: 'vers:maven/>=2.0-beta9|<2.15.0'}]}}";
    let attested = |seed, version| vec![attestation(seed, CYCLONEDX, &sbom(&log4j(version)))];
    allowed(&judge(require, attested(1, "2.17.1")));
    let purl = "denied package pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1";
    denied(&judge(require, attested(1, "2.14.1")), ReasonCode::Condition, purl);
    denied(&judge(require, vec![]), ReasonCode::NotFound, "found no SBOM of the image");
    denied(&judge(require, attested(2, "2.17.1")), ReasonCode::WrongKey, "signature is not by");
    // One that is right does not make up for one that is wrong, and one that lists nothing says nothing.
    let both = vec![attested(1, "2.17.1").remove(0), attested(1, "2.14.1").remove(0)];
    denied(&judge(require, both), ReasonCode::Condition, purl);
    let empty = vec![attestation(1, CYCLONEDX, &sbom(&json!([])))];
    denied(&judge(require, empty), ReasonCode::Unresolved, "cannot be determined: it lists no components");
    let broken = vec![attestation(1, CYCLONEDX, &json!({"bomFormat": "CycloneDX", "specVersion": "9.9"}))];
    denied(&judge(require, broken), ReasonCode::Malformed, "9.9");
}

#[test]
fn licenses_and_profiles_are_demanded() {
    let attested = || vec![attestation(1, CYCLONEDX, &sbom(&log4j("2.17.1")))];
    allowed(&judge("{sbom: {from: [release], licenses: {allow: [Apache-2.0, MIT]}}}", attested()));
    let verdict = judge("{sbom: {from: [release], licenses: {deny: [Apache-2.0]}}}", attested());
    denied(&verdict, ReasonCode::Condition, "denied: log4j-core (Apache-2.0)");
    let verdict = judge("{sbom: {from: [release], profile: ntia}}", attested());
    denied(&verdict, ReasonCode::Condition, "does not conform: ");
}

const VULNS: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
const OPENVEX: &str = "https://openvex.dev/ns/v0.2.0";

fn scan(severity: &str, fixed: &str, finished: &str) -> Value {
    json!({
        "invocation": {},
        "scanner": {"uri": "trivy", "version": "0.60", "db": {"lastUpdate": finished}, "result": {
            "SchemaVersion": 2, "ArtifactName": "a", "Trivy": {"Version": "0.60"}, "Metadata": {"OS": {"Family": "alpine", "Name": "3"}},
            "Results": [{"Target": "t", "Class": "os-pkgs", "Vulnerabilities": [{
                "VulnerabilityID": "CVE-2026-1", "PkgName": "libssl3", "InstalledVersion": "3.0.8-r3", "FixedVersion": fixed,
                "Status": if fixed.is_empty() { "affected" } else { "fixed" }, "Severity": severity,
                "PkgIdentifier": {"PURL": "pkg:apk/alpine/libssl3@3.0.8-r3"},
            }]}]}},
        "metadata": {"scanStartedOn": finished, "scanFinishedOn": finished},
    })
}

const FRESH: &str = "2026-11-17T00:00:00Z";

#[test]
fn a_critical_finding_with_a_fix_is_named() {
    let require =
        "{vulnerabilities: {from: [security], severities: [critical], fixAvailable: true, maxAge: 168h}}";
    let reported = |severity, fixed, finished| vec![attestation(2, VULNS, &scan(severity, fixed, finished))];
    allowed(&judge(require, reported("HIGH", "3.0.9-r0", FRESH)));
    allowed(&judge(require, reported("CRITICAL", "", FRESH)));
    let verdict = judge(require, reported("CRITICAL", "3.0.9-r0", FRESH));
    denied(
        &verdict,
        ReasonCode::Vulnerable,
        "found CVE-2026-1 (critical) in pkg:apk/alpine/libssl3@3.0.8-r3",
    );
    assert!(verdict.to_string().contains("3.0.9-r0"), "{verdict}");
    let old = judge(require, reported("LOW", "", "2026-10-01T00:00:00Z"));
    denied(&old, ReasonCode::ScanTooOld, "found `2026-10-01T00:00:00Z`, expected 2026-11-1");
    // The newest report of a scanner counts.
    let mut both = reported("CRITICAL", "3.0.9-r0", "2026-11-16T00:00:00Z");
    both.extend(reported("LOW", "", FRESH));
    allowed(&judge(require, both));
    denied(&judge(require, vec![]), ReasonCode::NotFound, "found no scan report of the image");
}

#[test]
fn vex_is_heard_from_those_who_may_speak() {
    let vex = |products: &Value| {
        json!({"@context": OPENVEX, "@id": "https://vex.example/1", "author": "security", "timestamp": FRESH, "version": 1,
            "statements": [{"vulnerability": {"name": "CVE-2026-1"}, "products": products, "status": "not_affected",
                "justification": "vulnerable_code_not_in_execute_path"}]})
    };
    let image =
        json!([{"@id": format!("pkg:oci/app@{}", digest()), "hashes": {"sha-256": digest().to_hex()}}]);
    let require = |from: &str| {
        format!("{{vulnerabilities: {{from: [release], severities: [critical], vex: {{from: [{from}]}}}}}}")
    };
    let artifacts = |products: &Value| {
        vec![attestation(1, VULNS, &scan("CRITICAL", "", FRESH)), attestation(2, OPENVEX, &vex(products))]
    };
    let answered = judge(&require("security"), artifacts(&image));
    allowed(&answered);
    // What a document answered is seen in the short form, too.
    let brief = answered.brief().to_string();
    assert!(brief.contains("\n  [pass] c: ghcr.io/acme/app:v1 as sha256:6105d6cc76af…\n"), "{brief}");
    assert!(
        brief.contains("p/require: CVE-2026-1 (critical)") && brief.contains("does not count"),
        "{brief}"
    );
    denied(&judge(&require("release"), artifacts(&image)), ReasonCode::Vulnerable, "found CVE-2026-1");
    // Where two must speak, one is not heard.
    denied(
        &judge(&require("release, security"), artifacts(&image)),
        ReasonCode::Vulnerable,
        "found CVE-2026-1",
    );
    let other = json!([{"@id": "pkg:oci/other", "hashes": {"sha-256": Digest::sha256(b"other").to_hex()}}]);
    denied(&judge(&require("security"), artifacts(&other)), ReasonCode::Vulnerable, "found CVE-2026-1");
}

#[test]
fn provenance_names_builder_and_source() {
    let provenance = |builder: &str, source: &str| {
        let predicate = json!({
            "buildDefinition": {"buildType": "https://actions.github.io/buildtypes/workflow/v1", "externalParameters": {"workflow": {"repository": source, "ref": "refs/heads/main", "path": "w.yml"}},
                "resolvedDependencies": [{"uri": source, "digest": {"gitCommit": "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"}}]},
            "runDetails": {"builder": {"id": builder}},
        });
        attestation(1, "https://slsa.dev/provenance/v1", &predicate)
    };
    let require = "{provenance: {from: [release], builders: ['https://github.com/actions/*'], sources: ['git+https://github.com/acme/*']}}";
    let (builder, source) = ("https://github.com/actions/runner", "https://github.com/acme/app");
    allowed(&judge(require, vec![provenance(builder, source)]));
    let verdict = judge(require, vec![provenance("https://laptop.example", source)]);
    denied(
        &verdict,
        ReasonCode::Condition,
        "builder: found `https://laptop.example`, expected `https://github.com/actions/*`",
    );
    let verdict = judge(require, vec![provenance(builder, "https://github.com/evil/app")]);
    denied(&verdict, ReasonCode::Condition, "source: found `https://github.com/evil/app`");
    // One is enough: an image can be rebuilt elsewhere.
    allowed(&judge(require, vec![provenance("https://laptop.example", source), provenance(builder, source)]));
}

#[test]
fn a_verification_summary_has_a_level() {
    let summary = |result: &str, level: &str| {
        let predicate = json!({"verifier": {"id": "https://verifier.example"}, "timeVerified": FRESH, "resourceUri": "ghcr.io/acme/app",
            "policy": {"uri": "https://policy.example"}, "verificationResult": result, "verifiedLevels": [level]});
        vec![attestation(1, "https://slsa.dev/verification_summary/v1", &predicate)]
    };
    let require =
        "{verificationSummary: {from: [release], verifiers: ['https://verifier.example'], buildLevel: 3}}";
    allowed(&judge(require, summary("PASSED", "SLSA_BUILD_LEVEL_3")));
    denied(
        &judge(require, summary("PASSED", "SLSA_BUILD_LEVEL_2")),
        ReasonCode::Condition,
        "found `2`, expected SLSA build level 3",
    );
    denied(
        &judge(require, summary("FAILED", "SLSA_BUILD_LEVEL_3")),
        ReasonCode::Condition,
        "found another result, expected `PASSED`",
    );
}

#[test]
fn registries_and_numbers_of_signers() {
    allowed(&judge("{registries: ['ghcr.io/acme/*']}", vec![]));
    let verdict = judge_image("{registries: ['ghcr.io/acme/*']}", vec![], "ghcr.io/acme/team/app");
    denied(&verdict, ReasonCode::Form, "found `ghcr.io/acme/team/app`, expected `ghcr.io/acme/*`");
    let both = "{attestations: [{type: t, from: [release, security]}]}";
    let one = "{attestations: [{type: t, from: [release, security], atLeast: 1}]}";
    let attested = |seeds: &[u8]| seeds.iter().map(|seed| attestation(*seed, "t", &json!({}))).collect();
    allowed(&judge(both, attested(&[1, 2])));
    allowed(&judge(one, attested(&[2])));
    denied(&judge(both, attested(&[2])), ReasonCode::TooFewSigners, "1 of 2 required signers");
    // A key signs at no time that anybody vouches for.
    let aged = "{attestations: [{type: t, from: [release], maxAge: 24h}]}";
    denied(&judge(aged, attested(&[1])), ReasonCode::Unresolved, "no time of the signature is vouched for");
}

#[test]
fn what_is_verified_is_pinned() {
    let verdict =
        judge("{attestations: [{type: t, from: [release]}]}", vec![attestation(1, "t", &json!({}))]);
    allowed(&verdict);
    assert_eq!(verdict.patch[0].value, format!("{IMAGE}@{}", digest()));
    assert_eq!(verdict.images[0].digest, digest());
}

#[test]
fn what_the_language_does_not_have_is_refused() {
    let error = |text: &str| PolicySet::from_yaml(text).unwrap_err().to_string();
    for (require, expected) in [
        ("{}", "`spec.require` is a map, expected at least one requirement"),
        ("{image: {}}", "`spec.require.image` is a map, expected at least one requirement, such as `maxAge`"),
        ("{image: {nonRoot: false}}", "`spec.require.image` is a map, expected at least one requirement"),
        (
            "{image: {nonRoot: true, base: []}}",
            "`spec.require.image.base` is a list, expected at least one element",
        ),
        (
            "{registries: [], image: {nonRoot: true}}",
            "`spec.require.registries` is a list, expected at least one element",
        ),
        (
            "{attestations: [], image: {nonRoot: true}}",
            "`spec.require.attestations` is a list, expected at least one",
        ),
        (
            "{vulnerabilities: {from: [release], severities: []}}",
            "`spec.require.vulnerabilities.severities` is a list, expected at least one",
        ),
        (
            "{sbom: {from: [release], licenses: {allow: []}}}",
            "`spec.require.sbom.licenses.allow` is a list, expected at least one",
        ),
        ("{sbom: {from: [release], deny: []}}", "`spec.require.sbom.deny` is a list, expected at least one"),
        ("{sboms: {}}", "`spec.require.sboms` is an unknown field, did you mean `sbom`?"),
        ("{sbom: {}}", "`spec.require.sbom.from` is absent, expected names of signers"),
        ("{sbom: {from: []}}", "`spec.require.sbom.from` is a list, expected at least one element"),
        (
            "{sbom: {from: [nobody]}}",
            "`spec.require.sbom.from[0]` is `nobody`, expected the name of a signer",
        ),
        ("{sbom: {from: [release], atLeast: 2}}", "atLeast` is `2`, expected 1 to 1, the number of signers"),
        ("{sbom: {from: [release], profile: iso}}", "profile` is `iso`, expected `ntia`, `cisa` or `bsi`"),
        ("{sbom: {from: [release], deny: [{purl: x}]}}", "deny[0].purl` is `x`, expected a package URL"),
        (
            "{sbom: {from: [release], deny: [{name: x, versions: z}]}}",
            "versions` is `z`, expected a VERS range",
        ),
        ("{sbom: {from: [release], licenses: {allow: [Mine]}}}", "allow` is a list, expected SPDX licenses"),
        (
            "{vulnerabilities: {from: [release], severities: [awful]}}",
            "severities[0]` is `awful`, expected a severity",
        ),
        ("{vulnerabilities: {from: [release], maxAge: soon}}", "maxAge` is `soon`, expected a duration"),
        ("{vulnerabilities: {from: [release], epss: 2}}", "epss` is `2`, expected a probability"),
        ("{verificationSummary: {from: [release], buildLevel: 5}}", "buildLevel` is `5`, expected 1 to 4"),
    ] {
        let found = error(&policy(require));
        assert!(found.contains(expected), "{require}:\n found {found}\n expected {expected}");
    }
    let other = policy("{registries: [a]}").replace("v1beta1", "v1");
    assert!(error(&other).contains("`apiVersion` is `trust.dev/v1`, expected `trust.dev/v1beta1`"));
    let older = policy("{registries: [a]}").replace("v1beta1", "v1alpha1");
    PolicySet::from_yaml(&older).unwrap();
    let nobody = policy("{registries: [a]}").replace("transparencyLog: false", "subject: a");
    assert!(
        error(&nobody).contains("expected either `publicKey`, `certificate`, `notation`, or `issuer`"),
        "{}",
        error(&nobody)
    );
}

/// Every field that the schema names, with a value that the language reads.
const WHOLE: &str = "
apiVersion: trust.dev/v1beta1
kind: ImageTrustPolicy
metadata: {name: whole}
spec:
  mode: Warn
  modeOverrides:
  - {action: Audit, namespaces: [lab], namespaceSelector: {matchLabels: {a: b}, matchExpressions: [{key: c, operator: In, values: [d]}]}}
  namespaces: [shop]
  exceptNamespaces: [shop-lab]
  namespaceSelector: {matchLabels: {a: b}, matchExpressions: [{key: c, operator: In, values: [d]}]}
  images: ['ghcr.io/acme/**']
  exceptImages: ['ghcr.io/acme/lab/**']
  exceptions: [{images: ['ghcr.io/acme/old'], digests: ['sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'], reason: r, owner: o, expires: '2027-01-31'}]
  everyImage: judged
  pinDigest: false
  requireDigest: true
  signers:
    ci: {issuer: 'https://i', subject: 's*', transparencyLog: true, extensions: {EXTENSIONS}}
    other: {issuerRegExp: 'https://i', subjectRegExp: 's.*', repository: ghcr.io/acme/signatures, annotations: {a: b}}
    releases: {authority: 'https://a', subject: 's', certificateTransparencyLog: false}
    key: {publicKey: KEY}
    leaf: {certificate: CERTIFICATE}
    notary:
      notation:
        certificates: ROOT
        signingAuthorities: ROOT
        timestampAuthorities: ROOT
        trustStores: ['ca:acme']
        trustedIdentities: ['*']
        level: permissive
        override: {revocation: enforce, expiry: enforce, authenticity: log, authenticTimestamp: log}
        verifyTimestamp: afterCertExpiry
  require:
    registries: ['ghcr.io/acme/**']
    signatures: {from: [ci, key], atLeast: 1, at: index, signedNames: ['ghcr.io/acme/**']}
    attestations: [{type: t, from: [ci], atLeast: 1, maxAge: 24h, at: either, which: latest, expression: predicate.a == 1}]
    sbom:
      from: [ci]
      atLeast: 1
      at: everyPlatform
      which: all
      without: [shells, packageManagers]
      endOfLife: [{name: debian, version: '10', since: '2024-06-30'}]
      profile: bsi
      deny: [{purl: 'pkg:npm/a', versions: 'vers:npm/<1'}, {cpe: 'cpe:2.3:a:b:c:*:*:*:*:*:*:*:*'}, {name: d}]
      licenses: {allow: [MIT], deny: [GPL-3.0-only]}
    vulnerabilities:
      from: [ci]
      atLeast: 1
      at: index
      severities: [critical, unknown]
      fixAvailable: true
      knownExploited: true
      epss: 0.5
      maxAge: 24h
      vex: {from: [key], atLeast: 1, products: identifier}
    provenance: {from: [ci], atLeast: 1, at: index, which: any, builders: [b], sources: [s], dependencies: [d], buildTypes: [t]}
    image: {maxAge: 24h, nonRoot: true, base: ['docker.io/library/debian'], basePolicy: other, maxBaseAge: 24h, noVolumes: true, maxLayers: 3}
    verificationSummary: {from: [ci], atLeast: 1, at: index, which: any, verifiers: [v], resources: [r], policies: [p], maxAge: 24h, buildLevel: 3}
";

/// Holds the fields of these values against those that the schema has in their place, both ways, and collects their names.
fn compare(root: &Value, schema: &Value, values: &[&Value], place: &str, named: &mut BTreeSet<String>) {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => {
            root.pointer(reference.trim_start_matches('#')).expect("the reference leads somewhere")
        }
        None => schema,
    };
    let items: Vec<&Value> = values.iter().filter_map(|one| one.as_array()).flatten().collect();
    if !items.is_empty() {
        compare(root, &schema["items"], &items, &format!("{place}[]"), named);
    }
    let maps: Vec<_> = values.iter().filter_map(|one| one.as_object()).collect();
    let of_any_name = &schema["additionalProperties"];
    if of_any_name.is_object() {
        let values: Vec<&Value> = maps.iter().flat_map(|map| map.values()).collect();
        return compare(root, of_any_name, &values, &format!("{place}.*"), named);
    }
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    for name in maps.iter().flat_map(|map| map.keys()) {
        assert!(
            properties.contains_key(name) || schema["properties"].is_null(),
            "the schema lacks `{place}.{name}`"
        );
    }
    for (name, schema) in &properties {
        let values: Vec<&Value> = maps.iter().filter_map(|map| map.get(name)).collect();
        assert!(!values.is_empty(), "the schema has `{place}.{name}`, which is not tried");
        named.insert(name.clone());
        compare(root, schema, &values, &format!("{place}.{name}"), named);
    }
}

#[test]
fn the_schema_has_the_fields_of_the_language() {
    let key = format!("\"{}\"", pem(1));
    let certificate = json!(certificate_pem(&World::new().certificates().0)).to_string();
    let root = Notation::new(&Digest::sha256(b"")).chain.pop().unwrap();
    let root = json!(certificate_pem(&root)).to_string();
    let extensions = FulcioExtension::ALL.iter().map(|one| format!("{}: x", json!(one).as_str().unwrap()));
    let whole = WHOLE
        .replace("KEY", &key)
        .replace("CERTIFICATE", &certificate)
        .replace("ROOT", &root)
        .replace("EXTENSIONS", &extensions.collect::<Vec<_>>().join(", "));
    PolicySet::from_yaml(&whole).unwrap();
    let schema: Value = serde_json::from_str(include_str!("../../schema/image-trust-policy.json")).unwrap();
    let document = yaml::parse_documents(&whole).unwrap()[0].to_json();
    let mut named = BTreeSet::new();
    compare(&schema, &schema, &[&document], "", &mut named);
    assert!(named.len() > 40, "{} fields were compared", named.len());
    // And the language reads no other: a field that the schema does not name is refused.
    for field in &named {
        let other = whole.replacen(&format!("{field}:"), &format!("{field}X:"), 1);
        let is_free = ["name", "a"].contains(&field.as_str());
        assert!(is_free || PolicySet::from_yaml(&other).is_err(), "`{field}X` was read");
    }
}
