//! What an embedder requires of every signature reaches the verdict, and an archive keeps it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use trust_core::{
    LogClaim, LogEntry, LogError, LogKey, TransparencyLog, TrustRoot, UnixTime, VerifiedLogEntry,
};
use trust_gate::{
    Boxed, Deadline, EvidenceStore, Found, Limits, Objects, OciLayout, Repositories, StoreError, Want,
    collect_for,
};
use trust_policy::{
    Archive, Decision, Difference, Evidence, PolicySet, ReasonCode, Request, Resource, Trust, TrustOptions,
    Verdict, evaluate,
};

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data").join(file)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(data(file)).unwrap()
}

fn now() -> UnixTime {
    "2026-12-01T00:00:00Z".parse().unwrap()
}

fn root() -> TrustRoot {
    TrustRoot::from_json(text("trusted-root.json").as_bytes()).unwrap()
}

const POLICY: &str = "policies/require-release-workflow.yaml";

/// The keyless workload of the embedded set, and what its layout has.
fn case() -> (PolicySet, Request, Evidence) {
    let policies = PolicySet::from_yaml(&text(POLICY)).unwrap();
    let request = Request::from(Resource::from_yaml(&text("resources/2-keyless.yaml")).unwrap().remove(0));
    let mut repositories = Repositories::new();
    repositories.insert("ghcr.io/myorg/web".parse().unwrap(), OciLayout::open(data("images")).unwrap());
    let evidence =
        collect_for(&policies, &request, &repositories, &Objects::default(), &Limits::default(), now());
    (policies, request, evidence)
}

fn judge(trust: &Trust) -> Verdict {
    judge_at(trust, now())
}

fn judge_at(trust: &Trust, now: UnixTime) -> Verdict {
    let (policies, request, evidence) = case();
    evaluate(&policies, &request, &evidence, trust, now)
}

fn options(change: Value) -> TrustOptions {
    serde_json::from_value(change).unwrap()
}

#[test]
fn each_demand_reaches_the_verdict() {
    let verdict = judge(&root().into());
    assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
    let witness =
        "witness w witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G";
    for (change, reason) in [
        (json!({"transparencyLogs": 2}), "in 1 trusted transparency logs, expected 2"),
        (json!({"certificateLogs": 2}), "expected 2"),
        (json!({"timestampAuthorities": 2}), "expected 2"),
        (json!({"observers": 3}), "expected 3"),
    ] {
        let trust = Trust::with_options(root(), options(change.clone())).unwrap();
        let verdict = judge(&trust);
        assert_eq!(verdict.decision, Decision::Deny, "{change}");
        assert!(verdict.to_string().contains(reason), "{change}: {verdict}");
    }
    let witnesses = options(json!({"witnesses": format!("{witness}\nquorum w\n")}));
    let verdict = judge(&Trust::with_options(root(), witnesses).unwrap());
    assert_eq!(verdict.decision, Decision::Deny);
    assert!(verdict.to_string().contains("checkpoint is not witnessed"), "{verdict}");
    assert!(Trust::with_options(root(), options(json!({"witnesses": "quorum nobody"}))).is_err());
    assert!(serde_json::from_value::<TrustOptions>(json!({"certificateLogs": 0})).is_err());
}

#[test]
fn the_clock_may_differ_by_the_tolerance() {
    let signed = signed_time();
    let tolerant = Trust::with_options(root(), options(json!({"clockToleranceMillis": 2000}))).unwrap();
    for (trust, behind, decision) in [
        (&Trust::new(root()), 0, Decision::Allow),
        (&Trust::new(root()), 1000, Decision::Deny),
        (&tolerant, 2000, Decision::Allow),
        (&tolerant, 3000, Decision::Deny),
    ] {
        let verdict = judge_at(trust, signed.plus_millis(-behind));
        assert_eq!(verdict.decision, decision, "{behind} ms behind: {verdict}");
        let reason = "says the signature was made at";
        assert_eq!(verdict.to_string().contains(reason), decision == Decision::Deny, "{verdict}");
    }
}

/// When the embedded image was signed, as its verdict says.
fn signed_time() -> UnixTime {
    let verdict = serde_json::to_value(judge(&root().into())).unwrap();
    let mut values = vec![&verdict];
    while let Some(value) = values.pop() {
        if let Some(time) = value.pointer("/signature/times/0/time").and_then(Value::as_str) {
            return time.parse().unwrap();
        }
        values.extend(value.as_array().into_iter().flatten());
        values.extend(value.as_object().into_iter().flat_map(|map| map.values()));
    }
    panic!("no signed time: {verdict}")
}

/// A log in which nothing is.
#[derive(Debug)]
struct Empty;

impl TransparencyLog for Empty {
    fn verify_entry(
        &self,
        _: &LogEntry,
        _: &LogClaim<'_>,
        _: &[LogKey],
    ) -> Result<VerifiedLogEntry, LogError> {
        Err(LogError::UnknownLog { log_id: "none".to_owned() })
    }
}

#[test]
fn log_entries_are_verified_by_whom_the_embedder_says() {
    let verdict = judge(&Trust::new(root()).with_log(Arc::new(Empty)));
    assert_eq!(verdict.decision, Decision::Deny);
    assert!(verdict.rules[0].explanations[0].code == Some(ReasonCode::NotInLog), "{verdict}");
}

#[test]
fn an_archive_keeps_what_was_demanded() {
    let (_, request, evidence) = case();
    let strict = options(json!({"timestampAuthorities": 2}));
    let mut archive = Archive::new(vec![text(POLICY)], &text("trusted-root.json"), now())
        .unwrap()
        .with_trust_options(strict.clone());
    archive.judge([(request, evidence)]).unwrap();
    assert_eq!(archive.judged[0].verdict.decision, Decision::Deny);
    let written = serde_json::to_vec(&archive).unwrap();
    let mut read = Archive::from_json(&written).unwrap();
    assert_eq!(read.trust_options, strict);
    assert_eq!(read.replay().unwrap().differences, []);
    read.trust_options = TrustOptions::default();
    let differences = read.replay().unwrap().differences;
    let [Difference::Changed { part }, Difference::Verdict { .. }] = &differences[..] else {
        panic!("{differences:?}")
    };
    assert_eq!(part, "trust root or options");
}

/// A store of somebody else: everything is another store's, under one tag.
#[derive(Debug)]
struct Mirror(OciLayout);

impl EvidenceStore for Mirror {
    fn fetch<'a>(&'a self, want: &'a Want, until: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        self.0.fetch(want, until)
    }
}

#[test]
fn any_store_answers_for_a_repository_from_any_thread() {
    let (policies, request, expected) = case();
    let mut repositories = Repositories::new();
    repositories
        .insert("ghcr.io/myorg/web".parse().unwrap(), Mirror(OciLayout::open(data("images")).unwrap()));
    let collect =
        || collect_for(&policies, &request, &repositories, &Objects::default(), &Limits::default(), now());
    std::thread::scope(|scope| {
        let threads = [scope.spawn(collect), scope.spawn(collect)];
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
    });
    assert!(format!("{repositories:?}").contains("Mirror"));
}
