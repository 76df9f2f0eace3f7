//! What runs, followed: what is wrong with it is found once, and resolved when it is mended.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod cluster;
mod order;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trust_core::Digest;
use trust_policy::{
    Action, Event, FindingKind, Inventory, InventorySettings, JudgementKey, Page, PolicySet, ReportKind,
    ResourceId, Task, Transition, Verdict, WorkloadEvent, guard_of, owner_of,
};
use trust_testkit::artifacts::{attestation, digest, signature};

use crate::cluster::{Cluster, IMAGE, NOW, pod, policy, web};

const HOUR: i64 = 3_600_000;

/// What is found, and what happens as it is mended: once each.
#[track_caller]
fn opens(cluster: &mut Cluster, kind: FindingKind) {
    cluster.settle();
    assert_eq!(cluster.open(), [kind], "{:#?}", cluster.findings());
    assert_eq!(cluster.happened(), [(kind, Transition::Opened)]);
}

#[track_caller]
fn resolves(cluster: &mut Cluster, kind: FindingKind) {
    cluster.settle();
    assert_eq!(cluster.open(), [], "{:#?}", cluster.findings());
    assert_eq!(cluster.happened(), [(kind, Transition::Resolved)]);
}

#[test]
fn what_runs_as_admitted_is_judged_once_and_nothing_is_found() {
    let mut cluster = Cluster::running();
    assert_eq!(cluster.judged, (1, 1));
    // Other Pods of the same workload that say and run the same, a part of the image, or nothing yet.
    let family = [
        cluster.id(),
        Digest::sha256(b"config").to_string(),
        "docker-pullable://ghcr.io/acme/app@".to_owned() + &Digest::sha256(b"amd64").to_string(),
        String::new(),
    ];
    for (number, id) in family.iter().enumerate() {
        cluster.see(&pod(10 + u32::try_from(number).unwrap(), 1, IMAGE, id));
    }
    cluster.settle();
    assert_eq!((cluster.judged, cluster.open()), ((1, 1), vec![]));
    assert_eq!(cluster.inventory.pods(), 5);
    let record = &cluster.store[&web()];
    assert_eq!(record.images.len(), 4, "{record:#?}");
    let row = record.images.iter().find(|row| row.running == cluster.id()).unwrap();
    assert!(
        row.signers.iter().all(|signer| signer.starts_with("key sha256:")) && row.signers.len() == 1,
        "{row:?}"
    );
    assert_eq!((row.digest.as_ref(), &row.passed[..]), (Some(&digest()), &["p/require".to_owned()][..]));
}

#[test]
fn another_digest_than_was_admitted_is_found_and_resolved_when_it_is_gone() {
    let mut cluster = Cluster::running();
    let evil = Digest::sha256(b"evil");
    cluster.see(&pod(1, 2, IMAGE, &format!("ghcr.io/acme/app@{evil}")));
    cluster.settle();
    // What runs is judged, too: it is unsigned, and was never admitted.
    let kinds = [FindingKind::RunningDigestMismatch, FindingKind::Violation];
    assert_eq!(cluster.open(), kinds);
    let is_mismatch = |one: &&&trust_policy::Finding| one.kind == FindingKind::RunningDigestMismatch;
    let finding = (**cluster.findings().iter().find(is_mismatch).unwrap()).clone();
    assert_eq!((finding.about.digest.clone(), finding.kind.action()), (Some(evil), Action::RollBack));
    assert!(finding.about.message.contains("expected sha256:"), "{}", finding.about.message);
    assert_eq!(cluster.happened().len(), 2);
    // The same again says nothing new.
    cluster.list(&[pod(1, 2, IMAGE, &format!("ghcr.io/acme/app@{}", Digest::sha256(b"evil")))]);
    cluster.settle();
    assert_eq!(cluster.happened(), []);
    cluster.see(&pod(1, 3, IMAGE, &cluster.id()));
    cluster.settle();
    assert_eq!(cluster.open(), []);
    // And again: the same finding is open again.
    cluster.happened();
    cluster.later(HOUR);
    cluster.see(&pod(1, 4, IMAGE, &format!("ghcr.io/acme/app@{}", Digest::sha256(b"evil"))));
    cluster.settle();
    assert!(cluster.happened().contains(&(FindingKind::RunningDigestMismatch, Transition::Reopened)));
    assert!(cluster.findings().iter().any(|one| one.id == finding.id && one.opened == finding.opened));
}

#[test]
fn what_no_digest_names_matches_nothing() {
    let mut cluster = Cluster::running();
    cluster.see(&pod(1, 2, IMAGE, "ghcr.io/acme/app:v1"));
    opens(&mut cluster, FindingKind::Unknown);
    cluster.see(&pod(1, 3, IMAGE, &cluster.id()));
    resolves(&mut cluster, FindingKind::Unknown);
    // What cannot be compared is not known to be right, and a finding that was open stays.
    let mut cluster = Cluster::running();
    cluster.is_down = true;
    cluster.see(&pod(1, 2, IMAGE, &Digest::sha256(b"config").to_string()));
    opens(&mut cluster, FindingKind::Unknown);
    cluster.is_down = false;
    cluster.later(HOUR);
    resolves(&mut cluster, FindingKind::Unknown);
}

#[test]
fn a_tag_that_moved_is_found_at_the_next_resolution() {
    let mut cluster = Cluster::running();
    let old = cluster.tags.insert(IMAGE.to_owned(), Digest::sha256(b"next")).unwrap();
    cluster.settle();
    assert_eq!(cluster.open(), []);
    cluster.later(24 * HOUR + 1);
    opens(&mut cluster, FindingKind::TagMoved);
    cluster.tags.insert(IMAGE.to_owned(), old);
    cluster.later(24 * HOUR + 1);
    resolves(&mut cluster, FindingKind::TagMoved);
}

#[test]
fn a_signature_that_is_deleted_is_missed() {
    let mut cluster = Cluster::running();
    let signatures = cluster.artifacts.remove(&digest()).unwrap();
    cluster.inventory.knowledge_changed(None);
    opens(&mut cluster, FindingKind::SignatureMissing);
    cluster.artifacts.insert(digest(), signatures);
    cluster.inventory.knowledge_changed(Some(&[digest()].into()));
    resolves(&mut cluster, FindingKind::SignatureMissing);
    // Without a hint it is found within a day.
    cluster.artifacts.clear();
    cluster.later(24 * HOUR);
    cluster.settle();
    assert_eq!(cluster.happened(), [(FindingKind::SignatureMissing, Transition::Reopened)]);
    // A registry that does not answer is another thing than one that has nothing.
    cluster.is_down = true;
    cluster.inventory.knowledge_changed(None);
    cluster.settle();
    assert_eq!(cluster.happened(), [(FindingKind::Unknown, Transition::Opened)]);
    assert_eq!(
        cluster.open(),
        [FindingKind::SignatureMissing, FindingKind::Unknown],
        "it does not show that it is mended"
    );
    // It is asked for again, ever later.
    cluster.judged = (0, 0);
    for _ in 0..24 {
        cluster.later(HOUR);
        cluster.settle();
    }
    assert!((3..10).contains(&cluster.judged.0), "{:?}", cluster.judged);
}

#[test]
fn a_key_that_is_taken_out_of_the_policy_revokes_what_it_signed() {
    let mut cluster = Cluster::running();
    cluster.set_policies(policy(2, ""));
    opens(&mut cluster, FindingKind::SignerRevoked);
    assert_eq!(cluster.judged, (2, 1), "judged again by what is at hand");
    cluster.artifacts.get_mut(&digest()).unwrap().push(signature(2, &digest(), &json!({})));
    cluster.inventory.knowledge_changed(None);
    resolves(&mut cluster, FindingKind::SignerRevoked);
    // Another kind of requirement is another verdict.
    cluster.set_policies(policy(2, ", sbom: {from: [release]}"));
    opens(&mut cluster, FindingKind::SignatureMissing);
}

const VULNS: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

fn scan(severity: &str, time: &str) -> Value {
    json!({
        "invocation": {},
        "scanner": {"uri": "trivy", "version": "0.60", "db": {"lastUpdate": time}, "result": {
            "SchemaVersion": 2, "ArtifactName": "a", "Trivy": {"Version": "0.60"}, "Metadata": {"OS": {"Family": "alpine", "Name": "3"}},
            "Results": [{"Target": "t", "Class": "os-pkgs", "Vulnerabilities": [{
                "VulnerabilityID": "CVE-2026-1", "PkgName": "libssl3", "InstalledVersion": "3.0.8-r3", "FixedVersion": "3.0.9-r0",
                "Status": "fixed", "Severity": severity, "PkgIdentifier": {"PURL": "pkg:apk/alpine/libssl3@3.0.8-r3"},
            }]}]}},
        "metadata": {"scanStartedOn": time, "scanFinishedOn": time},
    })
}

#[test]
fn new_vulnerabilities_and_old_scans_are_told_apart() {
    let mut cluster = Cluster::new();
    let scans =
        ", vulnerabilities: {from: [release], severities: [critical], fixAvailable: true, maxAge: 168h}";
    cluster.set_policies(policy(1, scans));
    let artifacts = |severity: &str, time: &str| {
        vec![signature(1, &digest(), &json!({})), attestation(1, VULNS, &scan(severity, time))]
    };
    cluster.artifacts.insert(digest(), artifacts("LOW", "2026-11-17T00:00:00Z"));
    cluster.admit(&pod(1, 1, IMAGE, ""));
    cluster.list(&[pod(1, 1, IMAGE, &cluster.id())]);
    cluster.settle();
    assert_eq!(cluster.open(), []);

    cluster.artifacts.insert(digest(), artifacts("CRITICAL", "2026-11-17T12:00:00Z"));
    cluster.inventory.knowledge_changed(Some(&[digest()].into()));
    opens(&mut cluster, FindingKind::NewVulnerability);
    let finding = cluster.findings()[0].clone();
    let found = &finding.about.vulnerabilities[0];
    assert_eq!((found.id.as_str(), found.fixed_in.as_slice()), ("CVE-2026-1", &["3.0.9-r0".to_owned()][..]));
    assert_eq!((finding.severity().name(), finding.kind.action()), ("critical", Action::Rebuild));

    cluster.artifacts.insert(digest(), artifacts("LOW", "2026-11-17T18:00:00Z"));
    cluster.inventory.knowledge_changed(None);
    resolves(&mut cluster, FindingKind::NewVulnerability);
    cluster.later(8 * 24 * HOUR);
    opens(&mut cluster, FindingKind::ScanTooOld);
    assert_eq!(cluster.findings()[0].kind.action(), Action::Rescan);
}

#[test]
fn what_slipped_past_admission_is_found_after_a_while() {
    let mut cluster = Cluster::new();
    cluster.list(&[pod(1, 1, IMAGE, &cluster.id())]);
    cluster.settle();
    assert_eq!(cluster.open(), [], "its admission may come on record yet");
    cluster.later(60_000);
    opens(&mut cluster, FindingKind::AdmissionBypassed);
    // It is judged all the same.
    assert_eq!(cluster.judged.0, 1);
    cluster.admit(&pod(1, 1, IMAGE, ""));
    resolves(&mut cluster, FindingKind::AdmissionBypassed);
    // A record of another image, of another container or of another workload is none.
    for change in [("image", "ghcr.io/acme/other:v1"), ("name", "d")] {
        let mut other = pod(2, 1, IMAGE, "");
        other["spec"]["containers"][0][change.0] = change.1.into();
        cluster.see(&other);
        cluster.later(60_000);
        cluster.round(true);
        cluster.later(60_000);
        cluster.settle();
        assert!(cluster.open().contains(&FindingKind::AdmissionBypassed), "{change:?}");
        cluster.delete(&other);
        cluster.settle();
        let mut again = cluster.open();
        again.retain(|kind| *kind == FindingKind::AdmissionBypassed);
        assert_eq!(again, []);
        // A uid that is gone does not come back, whatever comes late.
        cluster.see(&other);
        assert_eq!(cluster.inventory.pods(), 1);
        cluster.list(&[pod(1, 1, IMAGE, &cluster.id())]);
    }
    // A debug container that was added since.
    let mut debugged = pod(1, 5, IMAGE, &cluster.id());
    debugged["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "busybox"}]);
    cluster.see(&debugged);
    cluster.settle();
    cluster.later(60_000);
    cluster.settle();
    let found = cluster.findings();
    let bypassed = found.iter().find(|one| one.kind == FindingKind::AdmissionBypassed).unwrap();
    assert_eq!(bypassed.about.container.as_deref(), Some("debug"));
    assert!(found.iter().any(|one| one.kind == FindingKind::ImageNotCovered), "{found:#?}");
}

#[test]
fn the_author_of_a_pod_cannot_hide_that_it_was_not_admitted() {
    let bypassed = || {
        let mut cluster = Cluster::new();
        cluster.list(&[pod(1, 1, IMAGE, &cluster.id())]);
        cluster.settle();
        cluster
    };
    // An update that leaves its images is no admission.
    let mut cluster = bypassed();
    cluster.later(60_000);
    opens(&mut cluster, FindingKind::AdmissionBypassed);
    let mut labelled = pod(1, 2, IMAGE, &cluster.id());
    labelled["metadata"]["labels"]["x"] = "y".into();
    cluster.admit_update(&labelled, Some(&pod(1, 1, IMAGE, "")));
    cluster.see(&labelled);
    cluster.settle();
    assert_eq!((cluster.open(), cluster.happened()), (vec![FindingKind::AdmissionBypassed], vec![]));
    // What changes all the time is not ever new.
    let mut cluster = bypassed();
    for version in 2..5 {
        cluster.later(25_000);
        let mut changed = pod(1, version, IMAGE, &cluster.id());
        changed["metadata"]["annotations"] = json!({"a": version.to_string()});
        cluster.see(&changed);
        cluster.settle();
    }
    assert_eq!(cluster.open(), [FindingKind::AdmissionBypassed]);
    // An image that is mounted runs, too; and what is called as the token's volume is none.
    let mut cluster = Cluster::running();
    let mut mounting = pod(1, 2, IMAGE, &cluster.id());
    mounting["spec"]["volumes"] =
        json!([{"name": "kube-api-access-1", "image": {"reference": "ghcr.io/acme/app:evil"}}]);
    cluster.see(&mounting);
    cluster.settle();
    cluster.later(60_000);
    cluster.settle();
    let volume = |one: &&&trust_policy::Finding| one.about.container.as_deref() == Some("kube-api-access-1");
    let kinds: Vec<_> = cluster.findings().iter().filter(volume).map(|one| one.kind).collect();
    assert!(kinds.contains(&FindingKind::AdmissionBypassed) && kinds.len() > 1, "{kinds:?}");
    // Many admissions push none out by which something runs.
    let mut cluster = Cluster::running();
    for number in 0..40 {
        let mut other = pod(9, 1, IMAGE, "");
        other["spec"]["containers"][0]["name"] = format!("c{number}").into();
        cluster.admit(&other);
    }
    cluster.later(HOUR);
    cluster.settle();
    assert_eq!(cluster.open(), []);
    assert!(cluster.store[&web()].admissions.len() < 20);
    // A name that is not made of the prefix is judged as it is.
    let mut named = pod(1, 1, IMAGE, "");
    named["metadata"]["generateName"] = "debug-".into();
    named["metadata"]["ownerReferences"] = Value::Null;
    assert_eq!(
        owner_of(
            &named,
            ResourceId { kind: "Pod".to_owned(), name: "web-5d9c-1".to_owned(), ..ResourceId::default() }
        )
        .name,
        "web-5d9c-1"
    );
}

#[test]
fn a_pod_that_no_policy_can_judge_is_found() {
    let mut cluster = Cluster::new();
    let mut large = pod(1, 1, IMAGE, "");
    let container = |index: usize| json!({"name": format!("c{index}"), "image": IMAGE});
    large["spec"]["containers"] = (0..1001).map(container).collect();
    cluster.list(&[large]);
    cluster.settle();
    let found: Vec<_> = cluster.findings().iter().map(|one| (one.kind, one.about.message.clone())).collect();
    let [(FindingKind::Unknown, message)] = &found[..] else { panic!("{found:?}") };
    assert!(message.contains("cannot be judged"), "{message}");
    assert_eq!(cluster.judged, (0, 0));
}

#[test]
fn only_the_last_question_is_answered() {
    let mut cluster = Cluster::running();
    let old = verdict_of(&mut cluster);
    cluster.artifacts.clear();
    let newer = verdict_of(&mut cluster);
    cluster.inventory.judged(&newer.0, &newer.1, cluster.now);
    cluster.inventory.judged(&old.0, &old.1, cluster.now);
    cluster.settle();
    assert_eq!(cluster.open(), [FindingKind::SignatureMissing]);
    let old = verdict_of(&mut cluster);
    cluster.artifacts.insert(digest(), vec![signature(1, &digest(), &json!({}))]);
    let newer = verdict_of(&mut cluster);
    cluster.inventory.judged(&old.0, &old.1, cluster.now);
    cluster.inventory.judged(&newer.0, &newer.1, cluster.now);
    cluster.settle();
    assert_eq!(cluster.open(), []);
}

/// Asks for a judgement, and the answer to it as of now.
fn verdict_of(cluster: &mut Cluster) -> (JudgementKey, Verdict) {
    cluster.inventory.knowledge_changed(None);
    let task = cluster.inventory.settle(cluster.now).tasks.into_iter().find_map(|task| match task {
        Task::Judge { key, .. } => Some(key),
        _ => None,
    });
    let key = task.unwrap();
    let verdict = cluster.verdict(&key);
    (key, verdict)
}

/// A mutating webhook pins what it admits: the Pod that runs has another text than the one that was admitted.
#[test]
fn what_was_pinned_at_admission_is_what_was_admitted() {
    let mut cluster = Cluster::new();
    cluster.admit(&pod(1, 1, IMAGE, ""));
    let pinned = format!("{IMAGE}@{}", digest());
    cluster.list(&[pod(1, 1, &pinned, &cluster.id())]);
    cluster.settle();
    cluster.later(HOUR);
    cluster.settle();
    assert_eq!(cluster.open(), []);
}

#[test]
fn what_guards_the_cluster_may_become_stronger_only() {
    let mut cluster = Cluster::running();
    let webhook = |policy: &str, selector: &Value| {
        json!({"webhooks": [{"name": "v.trust.dev", "failurePolicy": policy, "namespaceSelector": selector,
            "rules": [], "clientConfig": {"caBundle": policy, "service": {"name": "trust"}}}]})
    };
    let id = ResourceId {
        kind: "ValidatingWebhookConfiguration".to_owned(),
        name: "trust".to_owned(),
        ..ResourceId::default()
    };
    let see = |cluster: &mut Cluster, policy: &str, selector: Value| {
        cluster.inventory.guard_seen(id.clone(), Some(guard_of(&webhook(policy, &selector))));
    };
    see(&mut cluster, "Ignore", json!({}));
    see(&mut cluster, "Fail", json!({}));
    cluster.settle();
    assert_eq!(cluster.open(), []);
    see(&mut cluster, "Ignore", json!({}));
    opens(&mut cluster, FindingKind::ControlPlaneDrift);
    see(&mut cluster, "Fail", json!({}));
    resolves(&mut cluster, FindingKind::ControlPlaneDrift);
    see(&mut cluster, "Fail", json!({"matchLabels": {"trust": "on"}}));
    opens(&mut cluster, FindingKind::ControlPlaneDrift);
    cluster.inventory.accept(&id);
    resolves(&mut cluster, FindingKind::ControlPlaneDrift);
    // It is remembered how it is to be.
    cluster.restart();
    cluster.list(&[pod(1, 1, IMAGE, &cluster.id())]);
    cluster.inventory.guard_seen(id.clone(), None);
    cluster.settle();
    assert!(cluster.open().contains(&FindingKind::ControlPlaneDrift));
    assert_eq!(cluster.findings().len(), 8, "each field of it: {:#?}", cluster.findings());
    // A policy that only reports from now on.
    let guard = |policy: &str| PolicySet::from_yaml(policy).unwrap().guard();
    let mut cluster = Cluster::running();
    cluster.inventory.guard_seen(PolicySet::guard_id(), Some(guard(&cluster.policies)));
    let audited = cluster.policies.replace("  images:", "  mode: Audit\n  images:");
    cluster.inventory.guard_seen(PolicySet::guard_id(), Some(guard(&audited)));
    opens(&mut cluster, FindingKind::ControlPlaneDrift);
    let gone = BTreeMap::new();
    cluster.inventory.guard_seen(PolicySet::guard_id(), Some(gone));
    cluster.settle();
    assert_eq!(cluster.open(), [FindingKind::ControlPlaneDrift]);
}

#[test]
fn nothing_is_lost_or_said_twice_when_the_watch_starts_again() {
    let mut cluster = Cluster::running();
    cluster.see(&pod(1, 2, IMAGE, &format!("ghcr.io/acme/app@{}", Digest::sha256(b"evil"))));
    // It ends after the record was stored, and before the event was delivered.
    while cluster.round(false) {}
    let ids: Vec<_> = cluster.findings().iter().map(|one| one.id.clone()).collect();
    cluster.restart();
    cluster.settle();
    let first: Vec<Event> = cluster.events.clone();
    assert_eq!(cluster.happened().len(), 2, "delivered after the restart");
    // And again, after they were: nothing is said, and what is open stays open though no Pod was listed yet.
    cluster.restart();
    cluster.settle();
    assert_eq!(cluster.happened(), []);
    assert_eq!(cluster.findings().iter().map(|one| one.id.clone()).collect::<Vec<_>>(), ids);
    cluster.list(&[pod(1, 2, IMAGE, &format!("ghcr.io/acme/app@{}", Digest::sha256(b"evil")))]);
    cluster.settle();
    assert_eq!(cluster.happened(), []);
    // Mended while it did not run.
    cluster.restart();
    cluster.list(&[pod(1, 3, IMAGE, &cluster.id())]);
    cluster.settle();
    assert_eq!(cluster.open(), []);
    assert!(cluster.happened().iter().all(|(_, transition)| *transition == Transition::Resolved));
    assert!(first.iter().all(|event| event.id.len() > 64));
}

#[test]
fn what_is_over_is_forgotten_after_a_week() {
    let mut cluster = Cluster::running();
    assert!(cluster.store.contains_key(&web()));
    cluster.list(&[]);
    cluster.settle();
    cluster.later(6 * 24 * HOUR);
    cluster.settle();
    assert!(cluster.store.contains_key(&web()), "a workload that is scaled to nothing may come back");
    cluster.later(2 * 24 * HOUR);
    cluster.settle();
    assert!(cluster.store.is_empty(), "{:#?}", cluster.store);
}

#[test]
fn a_pod_that_cannot_be_read_is_an_error() {
    let mut inventory =
        Inventory::new("c", InventorySettings::default(), Digest::sha256(b""), Digest::sha256(b""));
    let nameless = inventory.apply(WorkloadEvent::Gone(&json!({})), NOW).unwrap_err();
    assert_eq!(nameless.to_string(), "`/metadata/uid` is absent, expected a text");
    let mut broken = pod(1, 1, IMAGE, "");
    broken["spec"]["containers"][0]["image"] = 5.into();
    let error = inventory.apply(WorkloadEvent::Seen(&broken), NOW).unwrap_err();
    assert_eq!(error.to_string(), "`/spec/containers/0/image` is `5`, expected a text");
}

#[test]
fn a_report_says_what_runs_and_what_is_wrong() {
    let mut cluster = Cluster::running();
    let report = |cluster: &Cluster| cluster.store[&web()].to_report(ReportKind::PolicyReport);
    let passed = report(&cluster);
    assert_eq!((&passed["summary"]["pass"], &passed["summary"]["fail"]), (&json!(1), &json!(0)));
    assert!(passed["results"][0]["properties"]["signer"].as_str().unwrap().starts_with("key sha256:"));
    cluster.later(HOUR);
    cluster.inventory.knowledge_changed(None);
    cluster.settle();
    assert_eq!(report(&cluster), passed, "nothing changed");
    cluster.artifacts.clear();
    cluster.inventory.knowledge_changed(None);
    cluster.settle();
    let failed = report(&cluster);
    assert_eq!((&failed["summary"]["fail"], &failed["metadata"]["namespace"]), (&json!(1), &json!("shop")));
    let row = &failed["results"][0];
    assert_eq!((&row["category"], &row["severity"]), (&json!("SignatureMissing"), &json!("high")));
    assert_eq!(
        (&row["properties"]["action"], &row["properties"]["code"]),
        (&json!("resign"), &json!("notFound"))
    );
    let page = Page::of_records(cluster.store.values(), cluster.now).to_string();
    assert!(page.contains("SignatureMissing, since "), "{page}");
}

#[test]
fn an_event_says_what_to_do() {
    let mut cluster = Cluster::running();
    cluster.artifacts.clear();
    cluster.inventory.knowledge_changed(None);
    cluster.settle();
    let event = cluster.events.last().unwrap().to_cloud_event();
    assert_eq!(event["type"], "dev.trust.drift.opened.v1");
    assert_eq!(
        (&event["source"], &event["subject"]),
        (&json!("/clusters/prod"), &json!("shop/Deployment/web/c"))
    );
    assert_eq!((&event["data"]["action"], &event["data"]["severity"]), (&json!("resign"), &json!("high")));
    assert!(event["id"].as_str().unwrap().ends_with(&format!(".{}", NOW.as_millis())));
    let back: Event = serde_json::from_value(event["data"].clone()).unwrap();
    assert_eq!(&back, cluster.events.last().unwrap());
}
