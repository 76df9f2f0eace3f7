//! The admission webhook of a cluster: policies from a folder, images and signatures from registries, records in a folder, events on
//! standard output, a log on standard error. `examples/kubernetes/README.md` says how to roll it out.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Parser;
use tokio::net::TcpListener;
use trust_core::{Digest, TrustRoot};
use trust_examples::finish;
use trust_examples::network::{Network, Root};
use trust_gate::Gate;
use trust_kube::{
    EventSink, FolderRecords, JsonLines, PolicyFiles, Recorder, ServerCertificate, asked_to_end, serve,
    webhook,
};
use trust_policy::Trust;

/// Answers an API server of Kubernetes.
#[derive(Clone, Debug, Parser)]
#[command(name = "webhook", version)]
struct Arguments {
    /// The folder with the policies; a change takes effect within two seconds, and a mistake changes nothing
    #[arg(long, value_name = "DIR")]
    policies: PathBuf,
    /// The folder with `tls.crt` and `tls.key`, which are read again when they change
    #[arg(long, value_name = "DIR")]
    tls: PathBuf,
    /// The folder with the records of what was admitted
    #[arg(long, value_name = "DIR")]
    records: PathBuf,
    /// What events call the cluster
    #[arg(long, default_value = "cluster")]
    cluster: String,
    /// Where to listen
    #[arg(long, default_value = "0.0.0.0:8443")]
    listen: String,
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    network: Network,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt().json().with_writer(std::io::stderr).init();
    match trust_examples::arguments(|_: &Arguments| Ok(())) {
        Ok(arguments) => finish("webhook", run(&arguments).map_err(|error| error.to_string())),
        Err(code) => code,
    }
}

fn run(arguments: &Arguments) -> Result<u8, Box<dyn Error>> {
    let files = PolicyFiles::open(&arguments.policies)?;
    // Files are written beside what is answered.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let read = &mut |file: &Path| std::fs::read(file).map_err(|error| error.to_string());
    let current = arguments.network.root(&arguments.root, read, &runtime)?;
    let root = current.map_or_else(TrustRoot::public_good, |current| current.root.clone());
    let trust = root.digest().cloned().unwrap_or_else(|| Digest::sha256(b"public good"));
    let gate = Gate::new(files.policies().clone(), Trust::new(root), arguments.network.registry()?);
    let records = Arc::new(FolderRecords::open(&arguments.records)?);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let (certificate, key) = (arguments.tls.join("tls.crt"), arguments.tls.join("tls.key"));
    let certificate = ServerCertificate::open(certificate, key, provider.clone())?;
    runtime.block_on(async {
        let sinks: Vec<Arc<dyn EventSink>> = vec![Arc::new(JsonLines::new(std::io::stdout()))];
        let policies = files.digest().clone();
        let recorder = Recorder::new(&arguments.cluster, policies, trust.clone(), records, sinks);
        let is_ready = Arc::new(AtomicBool::new(true));
        let routes = webhook(gate.clone(), vec![Arc::new(recorder.clone())], is_ready.clone());
        let recording = recorder.clone();
        tokio::spawn(files.keep_fresh(move |policies, digest| {
            gate.replace_policies(policies.clone());
            recording.judging_by(digest.clone(), trust.clone());
        }));
        let listener = TcpListener::bind(&arguments.listen).await?;
        let served = serve(listener, certificate, provider, routes, is_ready, asked_to_end()).await;
        recorder.close(Duration::from_secs(10)).await;
        served
    })?;
    Ok(0)
}
