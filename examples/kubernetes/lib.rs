//! What the programs are made of beside trust-kube: options, and a gate that judges by what the API server stores.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};
use kube::Client;
use trust_core::TrustRoot;
use trust_examples::finish;
use trust_examples::network::{Network, Root, http};
use trust_gate::{Cached, Gate, Registry};
use trust_kube::{CloudEvents, Cluster, ClusterEvents, ClusterSettings, EventSink, JsonLines};
use trust_policy::{InventorySettings, ReportKind, Trust, TrustOptions};
use url::Url;

/// A connection to the API server that is silent for longer is dead.
const SILENCE: Duration = Duration::from_secs(300);

/// Options of both.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// What events call the cluster
    #[arg(long, default_value = "cluster")]
    pub cluster: String,
    /// The namespace of the records
    #[arg(long, default_value = "trust-system")]
    pub namespace: String,
    /// Judge by policies of Kyverno and of policy-controller with these labels, too; by all if it is empty
    #[arg(long, value_name = "LABELS", default_value = "trust.dev/gate=on")]
    foreign: String,
    /// Heed exceptions from such policies in this namespace, which may be a pattern; in none without it
    #[arg(long, value_name = "NAMESPACE")]
    exceptions_from: Vec<String>,
    /// Trust the `TrustRoot`s that the API server stores, and nothing else
    #[arg(long, conflicts_with_all = ["trust_root", "tuf"])]
    stored_roots: bool,
    /// Follow who has which role, for rules that ask for it
    #[arg(long)]
    roles: bool,
    #[command(flatten)]
    root: Root,
    /// How registries are asked
    #[command(flatten)]
    pub network: Network,
}

impl Common {
    /// A gate that judges by what the API server stores. The server is the one in whose cluster the program runs, or that of `KUBECONFIG`.
    ///
    /// # Errors
    /// If the server, or a trust root, cannot be had.
    pub async fn cluster(&self, registry: Cached<Registry>) -> Result<Cluster, String> {
        let mut config = kube::Config::infer().await.map_err(|error| error.to_string())?;
        config.read_timeout = Some(SILENCE);
        let client = Client::try_from(config).map_err(|error| error.to_string())?;
        let read = &mut |file: &Path| std::fs::read(file).map_err(|error| error.to_string());
        let loading = || self.network.root(&self.root, read, &tokio::runtime::Handle::current());
        let current = tokio::task::block_in_place(loading)?;
        let root = current.map_or_else(TrustRoot::public_good, |current| current.root.clone());
        let mut gate = Gate::builder(Default::default(), Trust::new(root), registry);
        if let Some(source) = self.network.revocation()? {
            gate = gate.revocation(source);
        }
        let mut settings = ClusterSettings::default();
        settings.foreign = Some(self.foreign.clone());
        settings.exceptions_from.clone_from(&self.exceptions_from);
        settings.roles = self.roles;
        settings.roots = self.stored_roots.then(TrustOptions::default);
        Cluster::follow(client, gate, settings).await.map_err(|error| error.to_string())
    }
}

/// Where events go: to standard output, to the API server, and where they are posted.
///
/// # Errors
/// If nothing can be posted.
pub fn sinks(client: &Client, events: Option<Url>) -> Result<Vec<Arc<dyn EventSink>>, String> {
    let mut sinks: Vec<Arc<dyn EventSink>> =
        vec![Arc::new(JsonLines::new(std::io::stdout())), Arc::new(ClusterEvents::new(client.clone()))];
    if let Some(url) = events {
        sinks.push(Arc::new(CloudEvents::new(Arc::new(http(None)?), url)));
    }
    Ok(sinks)
}

/// How long things take.
#[derive(Clone, Debug, Args)]
pub struct Times {
    /// Seconds after which what runs is judged by fresh evidence, and its tags are resolved, again
    #[arg(long, default_value_t = 86_400)]
    period: u32,
    /// Seconds in which an admission may come on record
    #[arg(long, default_value_t = 60)]
    grace: u32,
}

impl Times {
    /// As an inventory has them.
    #[must_use]
    pub fn settings(&self) -> InventorySettings {
        let mut settings = InventorySettings::default();
        settings.period_millis = 1000 * i64::from(self.period);
        settings.admission_grace_millis = 1000 * i64::from(self.grace);
        settings
    }
}

/// Kinds of reports.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Reports {
    /// wgpolicyk8s.io/v1alpha2
    PolicyReport,
    /// openreports.io/v1alpha1
    OpenReports,
}

impl From<Reports> for ReportKind {
    fn from(reports: Reports) -> Self {
        match reports {
            Reports::PolicyReport => Self::PolicyReport,
            Reports::OpenReports => Self::OpenReport,
        }
    }
}

/// Runs a program that logs JSON to standard error.
pub fn program<T: Parser, F: Future<Output = Result<(), String>>>(
    name: &str,
    run: impl FnOnce(T) -> F,
) -> ExitCode {
    tracing_subscriber::fmt().json().with_writer(std::io::stderr).init();
    let arguments = match trust_examples::arguments(|_: &T| Ok(())) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(arguments)).map(|()| 0),
        Err(error) => Err(error.to_string()),
    };
    finish(name, outcome)
}
