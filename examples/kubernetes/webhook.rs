//! The admission webhook of a cluster: judges by the policies that the API server stores, puts what it admitted on record there, and writes
//! events to standard output and a log to standard error. `README.md` beside it says how to roll it out.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use tokio::net::TcpListener;
use trust_kube::{ClusterRecords, ServerCertificate, asked_to_end, serve, webhook};
use trust_kubernetes::{Common, program, sinks};

/// Answers an API server of Kubernetes, and Gatekeeper.
#[derive(Clone, Debug, Parser)]
#[command(name = "trust-webhook", version)]
struct Arguments {
    /// The folder with `tls.crt` and `tls.key`, which are read again when they change
    #[arg(long, value_name = "DIR")]
    tls: PathBuf,
    /// Where to listen
    #[arg(long, default_value = "0.0.0.0:8443")]
    listen: String,
    #[command(flatten)]
    common: Common,
}

fn main() -> ExitCode {
    program("trust-webhook", run)
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let Arguments { tls, listen, common } = arguments;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let certificate = ServerCertificate::open(tls.join("tls.crt"), tls.join("tls.key"), provider.clone());
    let certificate = certificate.map_err(|error| error.to_string())?;
    let listener = TcpListener::bind(&listen).await.map_err(|error| format!("{listen}: {error}"))?;
    let mut cluster = common.cluster(common.network.registry()?).await?;
    let client = cluster.client().clone();
    let records = Arc::new(ClusterRecords::new(client.clone(), &common.namespace));
    let recorder = cluster.recorder(&common.cluster, records, sinks(&client, None)?);
    let is_ready = Arc::new(AtomicBool::new(false));
    let (ready, is_there) = (cluster.ready(), is_ready.clone());
    tokio::spawn(async move {
        ready.await;
        is_there.store(true, Ordering::Relaxed);
    });
    let routes = webhook(cluster.gate().clone(), vec![Arc::new(recorder.clone())], is_ready.clone());
    let served = serve(listener, certificate, provider, routes, is_ready, asked_to_end()).await;
    recorder.close(Duration::from_secs(10)).await;
    served.map_err(|error| error.to_string())
}
