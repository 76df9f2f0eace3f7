//! The tool `inventory`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod program;

use serde_json::{Value, json};

use crate::program::{stderr, stdout};

const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// Records of one workload that is well, one that is not, and a webhook configuration that was weakened.
fn records() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("records");
    std::fs::create_dir_all(&inner).unwrap();
    let workload = |kind: &str, name: &str| json!({"apiVersion": "apps/v1", "kind": kind, "namespace": "shop", "name": name});
    let image = |name: &str, signers: Value| {
        json!({"container": "c", "image": name, "digest": DIGEST, "running": format!("a@{DIGEST}"),
        "passed": ["p/require"], "failed": [], "signers": signers, "sources": ["https://github.com/acme/app"]})
    };
    let finding = |workload: &Value, kind: &str, container: &str| {
        json!({"id": DIGEST, "kind": kind, "cluster": "c", "workload": workload,
        "container": container, "message": "m", "state": "open", "opened": "2026-11-18T00:00:00Z", "changed": "2026-11-18T00:00:00Z"})
    };
    let (web, bad, guard) = (
        workload("Deployment", "web"),
        workload("Deployment", "=cmd"),
        workload("ValidatingWebhookConfiguration", "trust"),
    );
    let all = [
        json!({"workload": web, "images": [image("ghcr.io/acme/app:v1", json!(["release by https://issuer"]))]}),
        json!({"workload": bad, "images": [image("ghcr.io/acme/\u{1b}[2Jbad", json!([]))], "findings": [finding(&bad, "AdmissionBypassed", "c")]}),
        json!({"workload": guard, "findings": [finding(&guard, "ControlPlaneDrift", "v/failurePolicy")]}),
    ];
    for (index, record) in all.iter().enumerate() {
        std::fs::write(inner.join(format!("{index}.json")), record.to_string()).unwrap();
    }
    folder
}

/// The tool's status, and all that it prints.
fn run(arguments: &[&str]) -> (i32, String) {
    let output = program::run("inventory", arguments, "");
    (output.status.code().unwrap(), stdout(&output) + &stderr(&output))
}

#[test]
fn records_of_an_api_server_are_the_same_records() {
    let folder = records();
    let records = std::fs::read_dir(folder.path().join("records")).unwrap();
    let item = |file: std::fs::DirEntry| {
        let content = std::fs::read_to_string(file.path()).unwrap();
        json!({"apiVersion": "trust.dev/v1alpha1", "kind": "WorkloadRecord", "spec": {"content": content}})
    };
    let items: Vec<Value> = records.map(|file| item(file.unwrap())).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let output = program::run("inventory", &["-", "--format", "json"], &list);
    let (_, expected) = run(&[folder.path().to_str().unwrap(), "--format", "json"]);
    assert_eq!(stdout(&output), expected);
    let output = program::run("inventory", &["-"], "{\"items\": [{}]}");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("item 0 has no spec.content"), "{}", stderr(&output));
}

#[test]
fn what_runs_is_said_in_each_form() {
    let folder = records();
    let path = folder.path().to_str().unwrap();
    let (status, text) = run(&[path]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("shop/Deployment/web/c: ghcr.io/acme/app:v1\n  runs a@sha256:44136fa355b3…, signed by release by https://issuer, judged by 1 rules"), "{text}");
    assert!(text.contains("\\u{1b}[2Jbad") && !text.contains('\u{1b}'), "{text}");
    assert!(text.ends_with("2 containers, 2 open findings\n"), "{text}");
    assert!(
        text.contains("ValidatingWebhookConfiguration/trust: v/failurePolicy\n  open: ControlPlaneDrift\n"),
        "{text}"
    );
    let (_, text) = run(&[path, "--format", "json", "--open"]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["workload"], &lines[0]["findings"]),
        (&json!("=cmd"), &json!(["AdmissionBypassed"]))
    );
    assert!(
        lines.iter().all(|line| line.as_object().unwrap().values().all(|value| !value.is_object())),
        "flat"
    );
    let (_, text) = run(&[path, "--format", "csv"]);
    assert_eq!(text.lines().count(), 4);
    assert!(text.contains("\"'=cmd\""), "a spreadsheet computes nothing: {text}");
    let (_, text) = run(&[path, "--format", "html"]);
    assert!(
        text.starts_with("<!DOCTYPE html>") && text.contains("AdmissionBypassed, since 2026-11-18T00:00:00Z"),
        "{text}"
    );
}

#[test]
fn what_are_no_records_is_an_error() {
    let (status, text) = run(&["/nonexistent"]);
    assert_eq!(status, 2, "{text}");
    let folder = records();
    std::fs::write(folder.path().join("records/0.json"), "{").unwrap();
    let (status, text) = run(&[folder.path().to_str().unwrap()]);
    assert!(status == 2 && text.contains("0.json"), "{text}");
}
