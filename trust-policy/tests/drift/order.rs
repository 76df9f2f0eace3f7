//! The order in which things become known changes nothing, and neither does a restart.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;
use trust_core::Digest;
use trust_policy::{FindingState, Transition};

use crate::cluster::{Cluster, IMAGE, pod};

/// What Pods may be seen to run.
fn ids() -> [String; 5] {
    [
        format!("ghcr.io/acme/app@{}", trust_testkit::artifacts::digest()),
        Digest::sha256(b"config").to_string(),
        format!("ghcr.io/acme/app@{}", Digest::sha256(b"evil")),
        "unreadable".to_owned(),
        String::new(),
    ]
}

/// Versions of some Pods: number, version, what it runs; 5 for a deletion.
fn history() -> impl Strategy<Value = Vec<(u32, u32, usize)>> {
    prop::collection::vec((0..4u32, 0..6usize), 1..12).prop_map(|all| {
        let steps = all.into_iter().zip(1..);
        steps.map(|((number, id), version)| (number, version, id)).collect()
    })
}

fn apply(cluster: &mut Cluster, (number, version, id): (u32, u32, usize)) {
    match ids().get(id) {
        Some(id) => cluster.see(&pod(number, version, IMAGE, id)),
        None => cluster.delete(&pod(number, version, IMAGE, "")),
    }
}

/// What is open and what runs, as data.
fn state(cluster: &Cluster) -> Vec<String> {
    let mut state: Vec<String> =
        cluster.findings().iter().map(|one| format!("{:?}", (&one.id, &one.about))).collect();
    state.sort();
    let mut rows: Vec<_> = cluster.inventory.images().map(|row| format!("{row:?}")).collect();
    rows.sort();
    state.extend(rows);
    state
}

proptest! {
    #[test]
    fn order_and_repetition_change_nothing(
        history in history(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let mut straight = Cluster::running();
        for step in &history {
            apply(&mut straight, *step);
        }
        straight.settle();
        let mut shuffled = Cluster::running();
        for index in &order {
            apply(&mut shuffled, *index.get(&history));
            shuffled.round(true);
        }
        // What did not come yet comes, latest first.
        for step in history.iter().rev() {
            apply(&mut shuffled, *step);
        }
        shuffled.settle();
        prop_assert_eq!(state(&straight), state(&shuffled));
    }

    /// However often the watch ends, each finding opens and is resolved in turns, and its events have ids of their own.
    #[test]
    fn no_event_is_lost_by_a_restart(
        history in history(),
        ends in prop::collection::vec((0..4usize, any::<bool>()), 12),
    ) {
        let mut cluster = Cluster::running();
        let mut latest: BTreeMap<u32, Value> = BTreeMap::from([(1, pod(1, 1, IMAGE, &cluster.id()))]);
        let mut gone = Vec::new();
        for ((number, version, id), (rounds, delivers)) in history.iter().zip(ends) {
            if gone.contains(number) {
                continue;
            }
            match ids().get(*id) {
                Some(id) => drop(latest.insert(*number, pod(*number, *version, IMAGE, id))),
                None => {
                    latest.remove(number);
                    gone.push(*number);
                }
            }
            apply(&mut cluster, (*number, *version, *id));
            for _ in 0..rounds {
                cluster.round(delivers);
            }
            cluster.restart();
            cluster.list(&latest.values().cloned().collect::<Vec<_>>());
            cluster.later(1000);
        }
        cluster.settle();
        let mut by_finding: BTreeMap<Digest, Vec<(i64, String, Transition)>> = BTreeMap::new();
        for event in &cluster.events {
            if let trust_policy::Happened::Drift { finding, transition, .. } = &event.happened {
                let all = by_finding.entry(finding.id.clone()).or_default();
                all.push((event.time.as_millis(), event.id.clone(), *transition));
            }
        }
        for (id, mut events) in by_finding {
            // An event may come twice, as the same.
            events.sort();
            events.dedup();
            let mut is_open = false;
            for (_, _, transition) in &events {
                match transition {
                    Transition::Opened | Transition::Reopened => {
                        prop_assert!(!is_open, "opened twice: {events:?}");
                        is_open = true;
                    }
                    Transition::Changed => prop_assert!(is_open),
                    Transition::Resolved => {
                        prop_assert!(is_open, "resolved twice: {events:?}");
                        is_open = false;
                    }
                }
            }
            let known = cluster.inventory.open_findings().any(|one| one.id == id && one.state == FindingState::Open);
            prop_assert_eq!(is_open, known, "{:?}", events);
        }
    }
}
