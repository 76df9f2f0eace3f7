//! One of several replicas is active, whatever becomes of the others and of the API server. Time is the test's.
#![cfg(feature = "cluster")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod api_server;

use std::time::Duration;

use tokio::time::{Instant, sleep};
use trust_kube::Leadership;

use crate::api_server::ApiServer;

fn run<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(future)
}

fn replica(server: &ApiServer, name: &str) -> Leadership {
    Leadership::new(server.client(), "trust-system", "trust-watch", name)
}

fn holds(leadership: &Leadership) -> bool {
    *leadership.holding().borrow()
}

/// How long until a replica is active.
async fn until_active(leadership: &Leadership) -> u64 {
    let start = Instant::now();
    leadership.holding().wait_for(|holds| *holds).await.unwrap();
    start.elapsed().as_secs()
}

#[test]
fn another_replica_follows_one_that_is_killed_and_one_that_ends() {
    run(async {
        let server = ApiServer::default();
        let first = replica(&server, "first");
        assert_eq!(until_active(&first).await, 0);
        let second = replica(&server, "second");
        sleep(Duration::from_secs(60)).await;
        assert!(holds(&first) && !holds(&second), "it is renewed");
        drop(first); // killed: it gives nothing up
        let waited = until_active(&second).await;
        assert!((13..=17).contains(&waited), "{waited}");
        let third = replica(&server, "third");
        sleep(Duration::from_secs(10)).await;
        assert!(holds(&second) && !holds(&third));
        second.end().await;
        assert!(until_active(&third).await <= 2);
    });
}

#[test]
fn one_that_cannot_reach_the_server_stops_before_another_begins() {
    for fault in ["silent", "500", "401"] {
        run(async {
            // Two ways to one server, of which one breaks.
            let server = ApiServer::default();
            let first = replica(&server, "first");
            until_active(&first).await;
            sleep(Duration::from_secs(7)).await;
            match fault {
                "silent" => server.set_silent(true),
                status => server.set_status(status.parse().ok()),
            }
            let start = Instant::now();
            first.holding().wait_for(|holds| !*holds).await.unwrap();
            let waited = start.elapsed().as_secs();
            assert!((7..=10).contains(&waited), "{fault}: {waited}");
            // It is the active one again when the server is there again.
            server.set_silent(false);
            server.set_status(None);
            assert!(until_active(&first).await <= 12, "{fault}");
        });
    }
}

#[test]
fn of_many_that_begin_at_once_one_is_active() {
    run(async {
        let server = ApiServer::default();
        let replicas: Vec<_> = (0..8).map(|number| replica(&server, &format!("replica-{number}"))).collect();
        for _ in 0..30 {
            sleep(Duration::from_secs(1)).await;
            assert_eq!(replicas.iter().filter(|one| holds(one)).count(), 1);
        }
    });
}
