//! The gate under load: two threads, a warm cache, a thousand policies of which three match. Beside it, `evaluate` alone.
//!
//! `--reviews N` says how many; `--minutes M` goes on for so long, and says how much memory is held at the beginning and in the end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // a benchmark may

use std::time::{Duration, Instant};

use serde_json::json;
use trust_benches::data;
use trust_benches::load::{memory, option, resident};
use trust_core::UnixTime;
use trust_gate::{Cached, Deadline, Gate, Limits, Objects, collect_for};
use trust_policy::{AdmissionReview, Decision, PolicySet, Trust, evaluate};

const POLICIES: usize = 1_000;
const MATCHING: usize = 3;

/// The release key's policy, so often, of which all but three are for another kind.
fn policies() -> PolicySet {
    let yaml = std::fs::read_to_string(data().join("policies/require-release-key.yaml")).unwrap();
    let policy = |index: usize| {
        let named = yaml.replacen("name: require-release-key", &format!("name: p{index}"), 1);
        if index < MATCHING { named } else { named.replacen("- Pod\n", "- CronJob\n", 1) }
    };
    PolicySet::from_yaml(&(0..POLICIES).map(policy).collect::<Vec<_>>().join("---\n")).unwrap()
}

fn main() {
    let is_test = std::env::args().any(|one| one == "--test");
    let reviews = option("--reviews").unwrap_or(if is_test { 20 } else { 50_000 });
    let minutes = option("--minutes").unwrap_or(0);

    let policies = policies();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"},
        "spec": {"containers": [{"name": "c", "image": "ghcr.io/myorg/app:signed"}]}});
    let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {"uid": "u", "operation": "CREATE", "object": pod}})
    .to_string();
    let review = AdmissionReview::from_json(body.as_bytes()).unwrap();
    let now: UnixTime = "2026-12-01T00:00:00Z".parse().unwrap();
    let evidence =
        collect_for(&policies, &review.request, &memory(), &Objects::default(), &Limits::default(), now);
    let judge = || evaluate(&policies, &review.request, &evidence, &Trust::keys_only(), now);
    let verdict = judge();
    assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
    let matching = verdict.rules.iter().filter(|rule| rule.outcome == trust_policy::Outcome::Pass).count();
    assert_eq!(matching, MATCHING);
    let start = Instant::now();
    let alone = (reviews / 10).max(10);
    for _ in 0..alone {
        assert_eq!(judge().decision, Decision::Allow);
    }
    let evaluate_alone = start.elapsed() / u32::try_from(alone).unwrap();

    let gate = Gate::new(policies.clone(), Trust::keys_only(), Cached::new(memory()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let run = |count: u64| {
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let (gate, body) = (gate.clone(), body.clone());
                runtime.spawn(async move {
                    let mut times = Vec::new();
                    for _ in 0..count / 2 {
                        let start = Instant::now();
                        let until = Deadline::after(Duration::from_secs(10));
                        let reviewed = gate.review(body.as_bytes(), until).await;
                        assert!(reviewed.response.is_some_and(|response| response.allowed));
                        times.push(start.elapsed());
                    }
                    times
                })
            })
            .collect();
        let mut times: Vec<Duration> =
            tasks.into_iter().flat_map(|task| runtime.block_on(task).unwrap()).collect();
        times.sort();
        times
    };
    run(100.min(reviews));
    let (before, start) = (resident(), Instant::now());
    let mut times = run(reviews);
    let (took, mut judged) = (start.elapsed(), reviews);
    while start.elapsed() < Duration::from_secs(60 * minutes) {
        times = run(reviews);
        judged += reviews;
    }
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    println!("{POLICIES} policies, of which {matching} match; 2 threads, warm");
    println!(
        "gate: {:.0} verdicts/s, p50 {:?}, p99 {:?}",
        reviews as f64 / took.as_secs_f64(),
        at(50),
        at(99)
    );
    println!("evaluate alone, 1 thread: {evaluate_alone:?} a verdict");
    println!(
        "resident: {} KiB at the beginning, {} KiB after {judged} reviews",
        before / 1024,
        resident() / 1024
    );
}
