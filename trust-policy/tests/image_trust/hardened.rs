//! Images with little in them, on bases that are mended.

use serde_json::{Value, json};
use trust_core::Digest;
use trust_policy::{Evidence, PolicySet, ReasonCode, Trust, Verdict, evaluate};
use trust_testkit::artifacts::attestation;
use trust_testkit::judge::{allowed, denied, evidence, image_at, pod, request};

use crate::{CYCLONEDX, IMAGE, NOW, judge, policy, sbom};

fn component(kind: &str, name: &str, purl: &str) -> Value {
    let mut component = json!({"type": kind, "name": name, "version": "1"});
    if !purl.is_empty() {
        component["purl"] = purl.into();
    }
    component
}

#[test]
fn an_image_is_without_shells_and_package_managers() {
    let judge = |tools: &str, components: Value| {
        let attested = vec![attestation(1, CYCLONEDX, &sbom(&components))];
        judge(&format!("{{sbom: {{from: [release], without: [{tools}]}}}}"), attested)
    };
    let openssl = || component("library", "openssl", "pkg:deb/debian/openssl@1");
    allowed(&judge("shells, packageManagers", json!([openssl()])));
    for (tools, found) in [
        ("shells", component("library", "bash", "pkg:deb/debian/bash@5")),
        ("shells", component("application", "busybox", "pkg:generic/busybox@1")),
        ("shells", component("library", "bash-static", "pkg:alpine/bash-static@5")),
        ("shells", component("file", "/usr/bin/sh", "")),
        ("shells", component("file", "/bin/fish", "")),
        ("shells", component("file", "/usr/bin/pwsh", "")),
        ("shells", component("file", "/busybox/sh", "")),
        ("shells", component("file", "zsh", "")),
        // Under another name than its package has.
        ("shells", component("library", "app-shells/bash", "pkg:ebuild/app-shells/bash@5")),
        ("shells", component("library", "GNU Bash", "pkg:deb/debian/bash@5")),
        ("packageManagers", component("library", "apk-tools", "pkg:apk/alpine/apk-tools@2")),
        ("packageManagers", component("file", "/sbin/apk", "")),
        ("packageManagers", component("file", "/usr/bin/apt-get", "")),
    ] {
        let name = found["name"].as_str().unwrap().to_owned();
        let verdict = judge(tools, json!([openssl(), found]));
        denied(&verdict, ReasonCode::Condition, &name);
        let other = if tools == "shells" { "packageManagers" } else { "shells" };
        allowed(&judge(other, json!([openssl(), component("library", &name, "pkg:npm/x@1")])));
    }
    // A file that is called like a shell is none where no programs are.
    allowed(&judge("shells", json!([openssl(), component("file", "/usr/share/doc/bash", "")])));
    // A library that is called like a shell is none.
    allowed(&judge("shells", json!([component("library", "fish", "pkg:npm/fish@1")])));
}

#[test]
fn the_operating_system_is_mended() {
    let judge = |components: Value| {
        let rows = "[{name: debian, version: '10', since: '2024-06-30'}, {name: debian, version: '12', since: '2028-06-30'}]";
        let attested = vec![attestation(1, CYCLONEDX, &sbom(&components))];
        judge(&format!("{{sbom: {{from: [release], endOfLife: {rows}}}}}"), attested)
    };
    let system =
        |name: &str, version: &str| json!({"type": "operating-system", "name": name, "version": version});
    let old = judge(json!([system("debian", "10.13")]));
    denied(
        &old,
        ReasonCode::OtherBase,
        "found `debian 10.13`, expected a system that is maintained after 2024-06-30",
    );
    let good = judge(json!([system("Debian", "12")]));
    allowed(&good);
    let text = serde_json::to_string(&good).unwrap();
    assert!(text.contains("\"until\":\"2028-06-30T00:00:00Z\""), "{text}");
    allowed(&judge(json!([system("debian", "100")])));
    for named in ["buster", ""] {
        denied(&judge(json!([system("debian", named)])), ReasonCode::Unresolved, "the number of its version");
    }
    denied(
        &judge(json!([system("debian", "10 (buster)")])),
        ReasonCode::OtherBase,
        "found `debian 10 (buster)`",
    );
    // Without such a component, packages say what they were made for.
    let made_for = |distro: &str| {
        judge(json!([component("library", "a", &format!("pkg:deb/debian/a@1?distro={distro}"))]))
    };
    denied(&made_for("debian-10"), ReasonCode::OtherBase, "found `debian 10`");
    allowed(&made_for("debian-13"));
    // A system hides none for which packages were made, and both may have other names.
    let package = || component("library", "a", "pkg:deb/debian/a@1?distro=debian-10");
    let hidden = judge(json!([system("linux", "6.1"), package()]));
    denied(&hidden, ReasonCode::OtherBase, "found `debian 10`");
    denied(&judge(json!([system("Debian GNU/Linux", "10")])), ReasonCode::OtherBase, "found `debian 10`");
    allowed(&judge(json!([
        system("debian", "bookworm"),
        component("library", "a", "pkg:deb/debian/a@1?distro=debian-12")
    ])));
    let unnamed = judge(json!([component("library", "a", "pkg:npm/a@1")]));
    denied(&unnamed, ReasonCode::Unresolved, "it names no operating system with the number of its version");
}

#[test]
fn a_version_is_a_text() {
    let wrong = |row: &str| {
        PolicySet::from_yaml(&policy(&format!("{{sbom: {{from: [release], endOfLife: [{row}]}}}}")))
            .unwrap_err()
            .to_string()
    };
    let number = wrong("{name: alpine, version: 3.10, since: '2021-05-01'}");
    assert!(number.contains("`spec.require.sbom.endOfLife[0].version`"), "{number}");
    let name = wrong("{name: debian, version: buster, since: '2021-05-01'}");
    assert!(name.contains("expected a version in quotes"), "{name}");
}

/// A manifest with its configuration.
fn image(config: &Value, layers: usize, annotations: &Value) -> (Digest, Vec<String>) {
    let config = config.to_string();
    let layer = |index: usize| json!({"digest": Digest::sha256(&[index as u8]).to_string()});
    let manifest = json!({
        "config": {"digest": Digest::sha256(config.as_bytes()).to_string()},
        "layers": (0..layers).map(layer).collect::<Vec<_>>(),
        "annotations": annotations,
    })
    .to_string();
    (Digest::sha256(manifest.as_bytes()), vec![manifest, config])
}

#[test]
fn an_image_has_few_layers_and_no_volumes() {
    let judge = |require: &str, volumes: Value, layers: usize| {
        let (digest, documents) = image(&json!({"config": {"Volumes": volumes}}), layers, &json!({}));
        let policies = PolicySet::from_yaml(&policy(&format!("{{image: {{{require}}}}}"))).unwrap();
        let evidence = evidence([(IMAGE, image_at(&digest))], documents);
        evaluate(&policies, &request(pod(IMAGE)), &evidence, &Trust::keys_only(), NOW)
    };
    allowed(&judge("noVolumes: true, maxLayers: 2", Value::Null, 2));
    denied(&judge("maxLayers: 2", json!({}), 3), ReasonCode::Condition, "found `3`, expected at most 2");
    denied(
        &judge("noVolumes: true", json!({"/data": {}}), 1),
        ReasonCode::Condition,
        "found `/data`, expected no volumes",
    );
    let wrong = PolicySet::from_yaml(&policy("{image: {maxLayers: 0}}")).unwrap_err().to_string();
    assert!(wrong.contains("`spec.require.image.maxLayers` is `0`, expected a number of layers"), "{wrong}");
}

#[test]
fn a_base_is_young() {
    let judge = |created: &str, layers: usize, fetched: bool| -> Verdict {
        let (base, mut documents) = image(&json!({"created": created}), 2, &json!({}));
        let annotations = json!({"org.opencontainers.image.base.name": "docker.io/library/debian:12",
            "org.opencontainers.image.base.digest": base.to_string()});
        let (digest, own) = image(&json!({}), layers, &annotations);
        documents.extend(own);
        let policies = PolicySet::from_yaml(&policy("{image: {maxBaseAge: 240h}}")).unwrap();
        let request = request(pod(IMAGE));
        assert_eq!(policies.requirements(&request, &Evidence::default(), NOW).bases, [IMAGE]);
        let mut evidence = evidence([(IMAGE, image_at(&digest))], documents);
        if fetched {
            evidence.images.insert(evidence.bases_of(&digest)[0].clone(), image_at(&base));
        }
        evaluate(&policies, &request, &evidence, &Trust::keys_only(), NOW)
    };
    allowed(&judge("2026-11-15T00:00:00Z", 3, true));
    denied(&judge("2026-10-01T00:00:00Z", 3, true), ReasonCode::TooOld, "found `2026-10-01T00:00:00Z`");
    denied(
        &judge("2026-11-15T00:00:00Z", 1, true),
        ReasonCode::OtherBase,
        "does not have the layers of its base",
    );
    denied(&judge("2026-11-15T00:00:00Z", 3, false), ReasonCode::NotFetched, "nothing was fetched for it");
}

#[test]
fn no_image_is_its_own_base() {
    let annotations = json!({"org.opencontainers.image.base.name": IMAGE});
    let (digest, documents) = image(&json!({"created": "2026-11-15T00:00:00Z"}), 2, &annotations);
    let policies = PolicySet::from_yaml(&policy("{image: {maxBaseAge: 240h}}")).unwrap();
    let evidence = evidence([(IMAGE, image_at(&digest))], documents);
    let verdict = evaluate(&policies, &request(pod(IMAGE)), &evidence, &Trust::keys_only(), NOW);
    denied(&verdict, ReasonCode::OtherBase, "the image names itself as its base");
}
