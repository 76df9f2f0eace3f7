//! The watch of a cluster: follows what runs, judges it again, and finds what is wrong with it. One replica is active. It keeps records at
//! the API server, and leaves there events and reports; events go to standard output, too, and a log to standard error.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use tokio::net::TcpListener;
use trust_kube::{
    ClusterRecords, ClusterWatch, Leadership, RecordStore, Reported, asked_to_end, health, serve_health,
};
use trust_kubernetes::{Common, Reports, Times, program, sinks};
use url::Url;

/// Finds what is wrong with what runs in a cluster.
#[derive(Clone, Debug, Parser)]
#[command(name = "trust-watch", version)]
struct Arguments {
    /// Names of the webhook configurations by which the API server asks the webhook
    #[arg(long, value_name = "NAME", default_value = "trust")]
    webhook: Vec<String>,
    /// Which reports to write, whose kinds the API server must know
    #[arg(long)]
    reports: Option<Reports>,
    /// Where to post events, as CloudEvents
    #[arg(long, value_name = "URL")]
    events: Option<Url>,
    /// Requests to registries in a second
    #[arg(long, default_value_t = 10)]
    pace: u32,
    /// By which replicas are told apart: the name of the Pod
    #[arg(long, env = "HOSTNAME")]
    identity: String,
    /// Where to answer about health and numbers
    #[arg(long, default_value = "0.0.0.0:8080")]
    listen: String,
    #[command(flatten)]
    times: Times,
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    program("trust-watch", run)
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let Arguments { webhook, reports, events, pace, identity, listen, times, common } = arguments;
    let listener = TcpListener::bind(&listen).await.map_err(|error| format!("{listen}: {error}"))?;
    let mut cluster = common.cluster(common.network.paced_registry(pace)?).await?;
    let client = cluster.client().clone();
    let mut records: Arc<dyn RecordStore> = Arc::new(ClusterRecords::new(client.clone(), &common.namespace));
    if let Some(reports) = reports {
        records = Arc::new(Reported::new(records, client.clone(), reports.into()));
    }
    let watch = ClusterWatch::new(&cluster, &common.cluster, webhook, records, sinks(&client, events)?);
    let (numbers, ready) = (watch.numbers(), cluster.ready());
    let leadership = Leadership::new(client.clone(), &common.namespace, "trust-watch", &identity);
    cluster.write_statuses(leadership.holding());
    let (watch, holding) = (watch.with_settings(times.settings()), leadership.holding());
    let is_ready = Arc::new(AtomicBool::new(false));
    let routes = health(is_ready.clone(), move || numbers.to_prometheus());
    let watching = async {
        ready.await;
        is_ready.store(true, Ordering::Relaxed);
        watch.run(holding).await;
    };
    let ended = tokio::select! {
        served = serve_health(listener, routes) => served.map_err(|error| error.to_string()),
        () = watching => Ok(()),
        () = asked_to_end() => Ok(()),
    };
    leadership.end().await;
    ended
}
