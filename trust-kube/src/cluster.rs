//! [`Cluster`]: a gate that judges by what an API server stores.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use trust_core::{Digest, Reasons};
use trust_gate::internal::now;
use trust_gate::{Deadline, Gate, GateBuilder, Roots};
use trust_policy::{PolicySet, Trust, TrustOptions};

use crate::api::{ApiServer, ClusterError};
use crate::cluster_objects::ClusterObjects;
use crate::cluster_policies::{ClusterPolicies, ClusterRoots};
use crate::event_sink::EventSink;
use crate::record_store::RecordStore;
use crate::recorder::Recorder;

/// How often it is looked whether the gate trusts another root.
const PERIOD: Duration = Duration::from_secs(10);

/// By what a gate judges, as records name it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JudgedBy {
    /// Identifies the policies.
    pub policies: Digest,
    /// Identifies the trust root.
    pub trust: Digest,
    /// By what the policies guard the cluster ([`PolicySet::guard`]).
    pub guard: BTreeMap<String, String>,
}

/// A [`Gate`] that judges by what an API server stores: its policies, the objects to which they refer, labels of namespaces and, if
/// that is asked for, roles of users and trust roots. A change takes effect at once.
///
/// Dropped, it follows nothing any more.
#[derive(Debug)]
pub struct Cluster {
    server: ApiServer,
    gate: Gate,
    judged_by: watch::Receiver<Option<JudgedBy>>,
    tasks: Vec<AbortHandle>,
}

/// What a [`Cluster`] follows beyond policies.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ClusterSettings {
    /// Kyverno's policies and exceptions with these labels ([`ClusterPolicies::with_kyverno`]).
    pub kyverno: Option<String>,
    /// Which roles are bound to whom, for rules that ask who asks. It must be allowed to read all bindings.
    pub roles: bool,
    /// `TrustRoot`s, by these options: then they alone are trusted, and if there is none, the keys of policies are.
    pub roots: Option<TrustOptions>,
    /// Whether it says in the status of `ImageTrustPolicy` and `TrustRoot` whether they can be read.
    pub writes_status: bool,
}

impl Cluster {
    /// Follows what this API server stores, and waits until all of it is there: that can be for ever, if a policy that is stored already
    /// cannot be read; the log says which. The policies and objects of the builder are replaced. It needs tokio.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub async fn follow(
        client: Client,
        gate: GateBuilder,
        settings: ClusterSettings,
    ) -> Result<Self, ClusterError> {
        let mut objects = ClusterObjects::new(client.clone());
        if settings.roles {
            objects = objects.with_roles();
        }
        let gate = gate.objects(objects.clone()).surroundings(objects.clone()).build();
        gate.replace_policies(PolicySet::default());
        let mut policies = ClusterPolicies::new(client.clone()).await?;
        let mut roots = match settings.roots {
            Some(options) => Some((ClusterRoots::new(client.clone()).await?, options)),
            None => None,
        };
        if let Some(labels) = &settings.kyverno {
            policies = policies.with_kyverno(labels);
        }
        if settings.writes_status {
            policies = policies.writing_status();
            roots = roots.map(|(roots, options)| (roots.writing_status(), options));
        }
        let (found, judged_by) = watch::channel(None);
        let found = Arc::new(found);
        let mut tasks = vec![tokio::spawn(objects.follow()).abort_handle()];
        let (trusted, mut trusts) = watch::channel(roots.is_none());
        if let Some((roots, options)) = roots {
            tasks.push(tokio::spawn(follow_roots(roots, options, gate.clone(), trusted)).abort_handle());
        }
        tasks.push(tokio::spawn(follow_policies(policies, gate.clone(), found.clone())).abort_handle());
        tasks.push(tokio::spawn(follow_trust(gate.clone(), found, trusts.clone())).abort_handle());
        let cluster = Self { server: ApiServer(client), gate, judged_by, tasks };
        // The tasks that send live as long as the cluster.
        let _ = trusts.wait_for(|is_trusted| *is_trusted).await;
        let _ = cluster.judged_by.clone().wait_for(Option::is_some).await;
        Ok(cluster)
    }

    /// The gate.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.server.0
    }

    /// By what the gate judges, now and when that changes; never `None`.
    #[must_use]
    pub fn judged_by(&self) -> watch::Receiver<Option<JudgedBy>> {
        self.judged_by.clone()
    }

    /// A recorder of what the gate judges, which is told by what it judges.
    pub fn recorder(
        &mut self,
        name: &str,
        records: Arc<dyn RecordStore>,
        sinks: Vec<Arc<dyn EventSink>>,
    ) -> Recorder {
        let mut judged_by = self.judged_by();
        let by = judged_by.borrow_and_update().clone();
        let (policies, trust) = by.map_or_else(
            || (Digest::sha256(b"no policies"), self.gate.trust_digest()),
            |by| (by.policies, by.trust),
        );
        let recorder = Recorder::new(name, policies, trust, records, sinks);
        let told = recorder.clone();
        let tell = async move {
            while judged_by.changed().await.is_ok() {
                if let Some(by) = judged_by.borrow_and_update().clone() {
                    told.judging_by(by.policies, by.trust);
                }
            }
        };
        self.tasks.push(tokio::spawn(tell).abort_handle());
        recorder
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

async fn follow_policies(policies: ClusterPolicies, gate: Gate, found: Arc<watch::Sender<Option<JudgedBy>>>) {
    let changed = |set: PolicySet, digest: &Digest, refused| {
        let guard = set.guard();
        tracing::info!(policies = set.policies().len(), refused, %digest, "judging by these policies");
        gate.metrics().set_refused_policies(refused);
        gate.replace_policies(set);
        let by = JudgedBy { policies: digest.clone(), trust: gate.trust_digest(), guard };
        found.send_replace(Some(by));
    };
    policies.follow(changed).await;
}

async fn follow_roots(roots: ClusterRoots, options: TrustOptions, gate: Gate, trusted: watch::Sender<bool>) {
    let (sources, mut waiting) = tokio::sync::mpsc::unbounded_channel();
    let following = roots.follow(move |source, _, count| {
        let _ = sources.send((source, count));
    });
    let loading = async {
        while let Some((source, count)) = waiting.recv().await {
            let trust = match count {
                0 => Ok(Trust::keys_only()),
                _ => {
                    match Roots::load(source, Deadline::never()).await.and_then(|roots| roots.current(now()))
                    {
                        Ok(current) => Trust::with_options(current.root.clone(), options.clone())
                            .map_err(|error| Reasons(&error).to_string()),
                        Err(error) => Err(Reasons(&error).to_string()),
                    }
                }
            };
            match trust {
                Ok(trust) => {
                    tracing::info!(roots = count, "trusting these roots");
                    gate.replace_trust(trust);
                    trusted.send_replace(true);
                }
                Err(problem) => tracing::error!(problem, "the trust roots stay as they were"),
            }
        }
    };
    tokio::join!(following, loading);
}

/// Says when the gate trusts another root, whoever changed it.
async fn follow_trust(
    gate: Gate,
    found: Arc<watch::Sender<Option<JudgedBy>>>,
    mut trusts: watch::Receiver<bool>,
) {
    loop {
        let trust = gate.trust_digest();
        found.send_if_modified(|by| match by {
            Some(by) if by.trust != trust => {
                by.trust = trust;
                true
            }
            _ => false,
        });
        let _ = tokio::time::timeout(PERIOD, trusts.changed()).await;
        if trusts.has_changed().is_err() {
            tokio::time::sleep(PERIOD).await;
        }
    }
}
