//! The program `admit`, run as a user runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod program;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::program::{stderr, stdout};

fn admit(arguments: &[&str], input: &str) -> Output {
    program::run("admit", arguments, input)
}

fn data(path: &str) -> String {
    let data: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(path);
    data.to_str().unwrap().to_owned()
}

#[test]
fn the_embedded_set_gives_eight_verdicts_with_their_reasons() {
    let output = admit(&["--explain"], "");
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}{}", stderr(&output));
    let verdicts: Vec<&str> = text.split("\n\n").collect();
    let expected = [
        (
            "ALLOW Pod shop/signed",
            "patch /spec/containers/0/image to ghcr.io/myorg/app:signed@sha256:362fcdaaad53…",
        ),
        (
            "ALLOW Deployment shop/keyless",
            "by `https://github.com/myorg/web/.github/workflows/release.yml@refs/tags/v1`",
        ),
        ("DENY Pod shop/unsigned", "found no signature of the image, expected 1"),
        ("DENY Pod shop/stranger", "signature is not by ECDSA P-256 key sha256:"),
        ("DENY Pod shop/moved", "signature is for the image `sha256:6a0fcaba"),
        ("DENY Deployment shop/impostor", "signed by `https://github.com/evil/web/"),
        (
            "DENY Pod shop/elsewhere",
            "/spec/containers/0/image: found `docker.io/library/nginx:1.29`, expected `ghcr.io/myorg/* |",
        ),
        ("ALLOW Pod lab/lab", "[FAIL] policy `audit-lab`, rule `release-key` (Audit, reported only)"),
    ];
    assert_eq!(verdicts.len(), expected.len() + 1, "{text}");
    for (verdict, (decision, reason)) in verdicts.iter().zip(expected) {
        assert!(verdict.starts_with(decision), "expected {decision}:\n{verdict}");
        assert!(verdict.contains(reason), "expected {reason}:\n{verdict}");
    }
    assert_eq!(verdicts[8].trim(), "3 allowed, 5 denied");
}

#[test]
fn without_explain_a_container_has_a_line_and_a_failure_its_reasons() {
    let text = stdout(&admit(&[], ""));
    let expected = "\
ALLOW Pod shop/signed
  [pass] app: ghcr.io/myorg/app:signed as sha256:362fcdaaad53…
ALLOW Deployment shop/keyless
  [pass] web: ghcr.io/myorg/web:keyless as sha256:a8a5f4a2cf64…
DENY Pod shop/unsigned
  [FAIL] app: ghcr.io/myorg/app:unsigned as sha256:cc386faad510…
    require-release-key/release-key: .attestors[0]: found no signature of the image, expected 1 of ECDSA P-256 key sha256:";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.contains(
            "\n  allowed-registries/our-registries: form: Images must come from approved registries.\n"
        ),
        "{text}"
    );
    assert!(
        text.contains("\n    audit-lab/release-key (reported only): digest: the image is named by tag"),
        "{text}"
    );
    assert!(text.ends_with("\n\n3 allowed, 5 denied\n") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn verdicts_are_printed_as_json() {
    let output = admit(&["--format", "json"], "");
    let verdicts: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdicts.as_array().unwrap().len(), 8);
    assert_eq!(verdicts[0]["decision"], "allow");
    assert_eq!(verdicts[0]["patch"][0]["op"], "replace");
    assert_eq!(verdicts[0]["patch"][0]["path"], "/spec/containers/0/image");
    assert_eq!(verdicts[3]["decision"], "deny");
    assert_eq!(verdicts[3]["rules"][2]["explanations"][0]["code"], "wrongKey");
    assert_eq!(verdicts[7]["rules"][1]["outcome"], "fail");
}

#[test]
fn the_users_own_files_are_judged() {
    let (policy, layout) = (data("policies/require-release-key.yaml"), data("images"));
    let image = format!("ghcr.io/myorg/app={layout}");
    let pod = |tag: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{containers: [{{name: c, image: 'ghcr.io/myorg/app:{tag}'}}]}}}}"
        )
    };
    let judge = |tag: &str| admit(&["--policy", &policy, "--resource", "-", "--image", &image], &pod(tag));
    for (tag, code) in [("signed", 0), ("legacy", 0), ("stranger", 1), ("absent", 1)] {
        let output = judge(tag);
        assert_eq!(output.status.code(), Some(code), "{tag}: {}{}", stdout(&output), stderr(&output));
    }
    let nowhere = admit(&["--policy", &policy, "--resource", "-", "--offline"], &pod("signed"));
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(stdout(&nowhere).contains("no store answers for this repository"), "{}", stdout(&nowhere));
    let early = ["--policy", &policy, "--resource", "-", "--image", &image, "--now", "2020-01-01T00:00:00Z"];
    assert_eq!(admit(&early, &pod("signed")).status.code(), Some(0), "a key alone has no signed time");
}

#[test]
fn bad_input_is_refused_with_file_and_line() {
    let policy = data("policies/require-release-key.yaml");
    let resource = data("resources/1-signed.yaml");
    for (arguments, input, expected) in [
        (
            vec!["--policy", "-", "--resource", &resource],
            "a: [",
            "admit: standard input: policy is not readable YAML: line 1",
        ),
        (
            vec!["--policy", "-", "--resource", &resource],
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: a}\nspec:\n  rules:\n  - name: r\n    mutate: {}\n",
            "admit: standard input: line 6, column 5: `spec.rules[0].match` is absent",
        ),
        (
            vec!["--policy", &policy, "--resource", "-"],
            "kind: Pod\n",
            "admit: standard input: line 1, column 1: `/apiVersion` is absent",
        ),
        (vec!["--policy", &policy, "--resource", "-"], "", "admit: standard input: found no resource"),
        (vec!["--policy", "absent.yaml", "--resource", "-"], "", "admit: absent.yaml: No such file"),
        (vec!["--policy", "-", "--resource", "-"], "", "admit: standard input: found no policy"),
        (vec!["--policy", &policy], "", "admit: `--resource` is needed"),
        (vec!["--resource", &resource], "", "admit: `--policy` is needed"),
        (
            vec!["--policy", &policy, "--resource", &resource, "--now", "noon"],
            "",
            "admit: invalid value 'noon' for '--now <RFC3339>': `noon` is not a time",
        ),
        (
            vec!["--policy", &policy, "--resource", &resource, "--image", "a"],
            "",
            "admit: invalid value 'a' for '--image <REF=DIR>...': `a` has no `=`",
        ),
        (
            vec!["--policy", &policy, "--resource", &resource, "--image", "a=/nowhere"],
            "",
            "admit: /nowhere: /nowhere/oci-layout is not there",
        ),
        (
            vec!["--policy", &policy, "--resource", &resource, "--trust-root", "-"],
            "{}",
            "admit: standard input: trust root is malformed: line 1, column 2",
        ),
        (vec!["--format", "xml"], "", "admit: invalid value 'xml' for '--format <FORMAT>'"),
        (vec!["--frobnicate", "x"], "", "admit: unexpected argument '--frobnicate' found"),
        (vec!["frobnicate"], "", "admit: unexpected argument 'frobnicate' found"),
    ] {
        let output = admit(&arguments, input);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(expected), "{arguments:?}:\n found {message}\n expected {expected}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {}", stdout(&output));
    }
}

#[test]
fn help_is_not_an_error() {
    let output = admit(&["--help"], "");
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stdout(&output).contains("exit status: 0 all allowed, 1 something denied, or a replay that differs")
    );
    assert!(stdout(&admit(&["--version"], "")).starts_with("admit 0."));
}

#[test]
fn what_no_policy_is_about_is_denied_unless_that_is_allowed() {
    let policy = data("policies/require-release-key.yaml");
    let service = "{apiVersion: v1, kind: Service, metadata: {name: a}}";
    let allowed = admit(&["--policy", &policy, "--resource", "-"], service);
    assert_eq!(allowed.status.code(), Some(0), "nothing in it runs: {}", stdout(&allowed));
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c, image: quay.io/other/a}]}}";
    let judge = |more: &[&str]| {
        let arguments = [&["--policy", &policy, "--resource", "-"], more].concat();
        let output = admit(&arguments, pod);
        (output.status.code(), stdout(&output).contains("uncovered: container `c`, image `quay.io/other/a`"))
    };
    assert_eq!(judge(&[]), (Some(1), true));
    assert_eq!(judge(&["--report-uncovered"]), (Some(0), true));
    assert_eq!(judge(&["--allow-uncovered"]), (Some(0), false));
    assert_eq!(judge(&["--allow-image", "quay.io/other/*"]), (Some(0), false));
    assert_eq!(judge(&["--allow-image", "quay.io/mine/*"]), (Some(1), true));
}

#[test]
fn what_builders_and_scanners_attest_decides() {
    let pod = |tag: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{containers: [{{name: c, image: 'ghcr.io/myorg/shop:{tag}'}}]}}}}"
        )
    };
    let (policy, layout) = (data("attested-policy.yaml"), format!("ghcr.io/myorg/shop={}", data("attested")));
    let judge = |tag: &str, now: &str| {
        let arguments = ["--policy", &policy, "--resource", "-", "--image", &layout, "--now", now];
        let output = admit(&arguments, &pod(tag));
        (output.status.code(), stdout(&output))
    };
    let (code, text) = judge("good", "2026-11-22T00:00:00Z");
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = judge("old", "2026-11-22T00:00:00Z");
    assert_eq!(code, Some(1), "{text}");
    for reason in [
        "denied package pkg:npm/lodash@4.17.20",
        "found CVE-2021-23337 (critical) in pkg:npm/lodash@4.17.20, fixed in 4.17.21",
        "builder: found `https://laptop.example`, expected `https://github.com/actions/runner/*`",
    ] {
        assert!(text.contains(reason), "{reason}: {text}");
    }
    // The scanner's knowledge grows old.
    let (code, text) = judge("good", "2026-12-22T00:00:00Z");
    assert!(code == Some(1) && text.contains("age: found `2026-11-21T00:00:0"), "{text}");
}

#[test]
fn an_archive_gives_the_same_verdicts_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive.json");
    let archive = archive.to_str().unwrap();
    for format in ["text", "json"] {
        let judged = admit(&["--save", archive, "--format", format], "");
        assert_eq!(judged.status.code(), Some(1), "{}", stderr(&judged));
        let again = admit(&["--replay", archive, "--format", format], "");
        assert_eq!(again.status.code(), Some(1), "{}", stderr(&again));
        let expected = stdout(&judged) + if format == "text" { "replay: as it was judged\n" } else { "" };
        assert_eq!(stdout(&again), expected);
    }
    let read = || -> Value { serde_json::from_slice(&std::fs::read(archive).unwrap()).unwrap() };
    let whole = read();
    // What is taken out of it denies.
    let mut edited = whole.clone();
    for one in edited["judged"].as_array_mut().unwrap() {
        one["evidence"]["images"] = serde_json::json!({});
    }
    std::fs::write(archive, edited.to_string()).unwrap();
    let text = stdout(&admit(&["--replay", archive], ""));
    assert!(text.contains("1 allowed, 7 denied"), "{text}");
    assert!(text.contains("request or evidence 0 changed since the archive was made"), "{text}");
    assert!(text.contains("verdict 0: was ALLOW Pod shop/signed, is DENY Pod shop/signed"), "{text}");
    // A policy that is made harmless afterwards is seen.
    let mut edited = whole.clone();
    for policy in edited["policies"].as_array_mut().unwrap() {
        *policy = policy.as_str().unwrap().replace("Enforce", "Audit").into();
    }
    std::fs::write(archive, edited.to_string()).unwrap();
    let output = admit(&["--replay", archive], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("policies changed since the archive was made"), "{}", stdout(&output));
    // Other policies on purpose are another question.
    std::fs::write(archive, whole.to_string()).unwrap();
    let output = admit(&["--replay", archive, "--policy", &data("policies/require-release-key.yaml")], "");
    assert!(stdout(&output).contains("what if: not the archive's own policies"), "{}", stdout(&output));
    let broken = admit(&["--replay", &data("trusted-root.json")], "");
    assert_eq!(broken.status.code(), Some(2));
    assert!(stderr(&broken).contains("archive is malformed"), "{}", stderr(&broken));
}
