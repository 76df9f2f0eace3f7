//! What an API server stores decides, whatever becomes of it. Time is the test's.
#![cfg(feature = "cluster")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod api_server;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use trust_gate::{Gate, Repositories};
use trust_kube::{Cluster, ClusterSettings};
use trust_policy::{PolicySet, Trust};

use crate::api_server::ApiServer;

const PATH: &str = "/apis/trust.dev/v1beta1/imagetrustpolicies/p";
/// Longer than until all objects are listed again.
const LISTED_AGAIN: Duration = Duration::from_secs(700);

fn run<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true).build().unwrap().block_on(future)
}

fn policy(mode: &str) -> Value {
    json!({"apiVersion": "trust.dev/v1beta1", "kind": "ImageTrustPolicy", "metadata": {"name": "p"},
        "spec": {"mode": mode, "images": ["**"], "require": {"registries": ["ghcr.io/acme/**"]}}})
}

async fn follow(server: &ApiServer) -> Cluster {
    let gate = Gate::builder(PolicySet::default(), Trust::keys_only(), Repositories::new());
    Cluster::follow(server.client(), gate, ClusterSettings::default()).await.unwrap()
}

/// The mode of the policy by which is judged, and how many policies cannot be read.
fn judged_by(cluster: &Cluster) -> (Option<String>, usize) {
    let by = cluster.judged_by().borrow().clone();
    (by.and_then(|by| by.guard.get("p/require").cloned()), cluster.gate().metrics().refused_policies())
}

#[test]
fn a_broken_policy_and_a_server_that_is_away_change_nothing() {
    run(async {
        let server = ApiServer::default();
        server.put(PATH, policy("Enforce"));
        let cluster = follow(&server).await;
        timeout(Duration::from_secs(60), cluster.ready()).await.expect("it lists page by page instead");
        let enforced = (Some("Enforce".to_owned()), 0);
        assert_eq!(judged_by(&cluster), enforced);
        for status in [404, 403, 500] {
            server.set_status(Some(status));
            sleep(LISTED_AGAIN).await;
            assert_eq!(judged_by(&cluster), enforced, "{status}");
        }
        server.set_status(None);
        server.put(PATH, policy("Never"));
        sleep(LISTED_AGAIN).await;
        assert_eq!(judged_by(&cluster), (Some("Enforce".to_owned()), 1));
        server.put(PATH, policy("Audit"));
        sleep(LISTED_AGAIN).await;
        assert_eq!(judged_by(&cluster), (Some("Audit".to_owned()), 0));
        server.delete(PATH);
        sleep(LISTED_AGAIN).await;
        assert_eq!(judged_by(&cluster), (None, 0));
    });
}

/// A server that was away when it was asked for the first time does not seem to have none.
#[test]
fn policies_of_an_older_definition_are_not_overlooked() {
    run(async {
        let server = ApiServer::default();
        server.set_older();
        let mut older = policy("Enforce");
        older["apiVersion"] = "trust.dev/v1alpha1".into();
        let path = PATH.replace("v1beta1", "v1alpha1");
        server.put(&path, older);
        let mut cluster = follow(&server).await;
        let (_holding, holds) = watch::channel(true);
        cluster.write_statuses(holds);
        server.set_status(Some(503));
        timeout(LISTED_AGAIN, cluster.ready()).await.expect_err("nothing is known yet");
        server.set_status(None);
        timeout(LISTED_AGAIN, cluster.ready()).await.unwrap();
        assert_eq!(judged_by(&cluster), (Some("Enforce".to_owned()), 0));
        sleep(LISTED_AGAIN).await;
        let written = server.get(&path).unwrap();
        assert_eq!(written["status"]["conditions"][0]["status"], "True", "{written}");
    });
}

#[test]
fn a_policy_that_was_broken_before_is_waited_for() {
    run(async {
        let server = ApiServer::default();
        server.put(PATH, policy("Never"));
        let cluster = follow(&server).await;
        timeout(LISTED_AGAIN, cluster.ready()).await.expect_err("what it required is not known");
        server.put(PATH, policy("Enforce"));
        timeout(LISTED_AGAIN, cluster.ready()).await.unwrap();
        assert_eq!(judged_by(&cluster), (Some("Enforce".to_owned()), 0));
    });
}
