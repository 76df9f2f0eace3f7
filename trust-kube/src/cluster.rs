//! [`Cluster`]: a gate that judges by what an API server stores.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::AbortHandle;
use trust_core::{Digest, Reasons};
use trust_gate::internal::now;
use trust_gate::{Deadline, Gate, GateBuilder, Roots};
use trust_policy::{PolicySet, Trust, TrustOptions};

use crate::api::{ApiServer, ClusterError, Lists};
use crate::cluster_objects::ClusterObjects;
use crate::cluster_policies::{ClusterPolicies, ClusterRoots};
use crate::event_sink::EventSink;
use crate::last_good::State;
use crate::record_store::RecordStore;
use crate::recorder::Recorder;
use crate::resource_status::write_statuses;

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
/// that is asked for, roles of users and trust roots. A change takes effect at once; while the server is away, what was seen last counts.
///
/// Until [all of it is there](Self::ready), the gate denies whatever has an image. Dropped, it follows nothing any more, and the gate
/// judges by what was seen last: keep it as long as the gate.
#[derive(Debug)]
pub struct Cluster {
    server: ApiServer,
    gate: Gate,
    objects: ClusterObjects,
    judged_by: watch::Receiver<Option<JudgedBy>>,
    is_trusted: watch::Receiver<bool>,
    /// Until somebody writes them down.
    states: Option<mpsc::UnboundedReceiver<State>>,
    tasks: Vec<AbortHandle>,
}

/// What a [`Cluster`] follows beyond each `ImageTrustPolicy`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ClusterSettings {
    /// What the policies of the server are added to: what becomes of uncovered images, and policies that are always there.
    pub base: PolicySet,
    /// Policies that are written for Kyverno (`ClusterPolicy`, `Policy`, `PolicyException`, `ImageValidatingPolicy`,
    /// `NamespacedImageValidatingPolicy`) and for policy-controller (`ClusterImagePolicy`) with these labels, such as `trust.dev/gate=on`;
    /// all of them if it is empty. Those that Kyverno alone is for, such as policies that generate objects, cannot be read here: choose
    /// those that are about images.
    pub foreign: Option<String>,
    /// The namespaces whose exceptions from such policies count, as patterns; of none without them. Whoever may write an exception there
    /// can except every namespace.
    pub exceptions_from: Vec<String>,
    /// Which roles are bound to whom, for rules that ask who asks. It must be allowed to read all bindings.
    pub roles: bool,
    /// `TrustRoot`s, by these options: then they alone are trusted, and if there is none, the keys of policies are.
    pub roots: Option<TrustOptions>,
}

impl Cluster {
    /// Begins to follow what this API server stores. The policies and objects of the builder are replaced. It needs tokio.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub async fn follow(
        client: Client,
        gate: GateBuilder,
        settings: ClusterSettings,
    ) -> Result<Self, ClusterError> {
        let ClusterSettings { base, foreign, exceptions_from, roles, roots } = settings;
        let server = ApiServer(client);
        let lists = Lists::of(&server).await?;
        let objects = ClusterObjects::new(server.clone(), roles);
        let gate = gate.objects(objects.clone()).surroundings(objects.clone()).build();
        gate.replace_policies(PolicySet::default());
        let (state, states) = mpsc::unbounded_channel();
        let mut policies = ClusterPolicies::new(server.clone(), state.clone());
        if let Some(labels) = &foreign {
            policies = policies.with_foreign(labels).with_exceptions_from(&exceptions_from);
        }
        let (found, judged_by) = watch::channel(None);
        let found = Arc::new(found);
        let (trusted, is_trusted) = watch::channel(roots.is_none());
        let mut tasks = vec![tokio::spawn(objects.clone().follow(lists)).abort_handle()];
        if let Some(options) = roots {
            let roots = ClusterRoots::new(server.clone(), state);
            let following = follow_roots(roots, lists, options, gate.clone(), trusted);
            tasks.push(tokio::spawn(following).abort_handle());
        }
        let following = follow_policies(policies, lists, base, gate.clone(), found.clone());
        tasks.push(tokio::spawn(following).abort_handle());
        tasks.push(tokio::spawn(follow_trust(gate.clone(), found, is_trusted.clone())).abort_handle());
        Ok(Self { server, gate, objects, judged_by, is_trusted, states: Some(states), tasks })
    }

    /// Waits until all of it is there: for ever, if a policy that was stored before cannot be read; the log says which.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + use<> {
        let (mut judged_by, mut is_trusted) = (self.judged_by.clone(), self.is_trusted.clone());
        let objects = self.objects.clone();
        async move {
            // What sends is dropped with the cluster; then it never gets ready.
            let is_there = judged_by.wait_for(Option::is_some).await.is_ok()
                && is_trusted.wait_for(|is_trusted| *is_trusted).await.is_ok();
            objects.listed().await;
            if !is_there {
                std::future::pending().await
            }
        }
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

    /// By what the gate judges, now and when that changes; `None` until policies are there.
    #[must_use]
    pub fn judged_by(&self) -> watch::Receiver<Option<JudgedBy>> {
        self.judged_by.clone()
    }

    /// The names of namespaces whose labels change, each after the gate knows them.
    pub(crate) fn relabelled(&self) -> broadcast::Receiver<String> {
        self.objects.relabelled()
    }

    /// Says in the status of each `ImageTrustPolicy` and followed `TrustRoot` whether it can be read, and why not, whenever `holding` is true
    /// ([`Leadership::holding`](crate::Leadership::holding)): one replica is to do so. The second call does nothing.
    pub fn write_statuses(&mut self, holding: watch::Receiver<bool>) {
        if let Some(states) = self.states.take() {
            let writing = write_statuses(self.server.clone(), states, holding);
            self.tasks.push(tokio::spawn(writing).abort_handle());
        }
    }

    /// A recorder of what the gate judges, which is told by what it judges.
    pub fn recorder(
        &mut self,
        name: &str,
        records: Arc<dyn RecordStore>,
        sinks: Vec<Arc<dyn EventSink>>,
    ) -> Recorder {
        let mut judged_by = self.judged_by();
        let nothing = || (Digest::sha256(b"no policies"), self.gate.trust_digest());
        let by = judged_by.borrow_and_update().clone();
        let (policies, trust) = by.map_or_else(nothing, |by| (by.policies, by.trust));
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

async fn follow_policies(
    policies: ClusterPolicies,
    lists: Lists,
    base: PolicySet,
    gate: Gate,
    found: Arc<watch::Sender<Option<JudgedBy>>>,
) {
    let changed = |set: PolicySet, digest: &Digest, refused| {
        let guard = set.guard();
        tracing::info!(policies = set.policies().len(), refused, %digest, "judging by these policies");
        gate.metrics().set_refused_policies(refused);
        gate.replace_policies(set);
        let by = JudgedBy { policies: digest.clone(), trust: gate.trust_digest(), guard };
        found.send_replace(Some(by));
    };
    policies.follow(lists, base, changed).await;
}

async fn follow_roots(
    roots: ClusterRoots,
    lists: Lists,
    options: TrustOptions,
    gate: Gate,
    trusted: watch::Sender<bool>,
) {
    let (sources, mut waiting) = mpsc::unbounded_channel();
    let following = roots.follow(lists, move |source, count| {
        let _ = sources.send((source, count));
    });
    let loading = async {
        while let Some((source, count)) = waiting.recv().await {
            let loaded = match count {
                0 => Ok(None),
                // They are at hand: nothing is fetched.
                _ => Roots::load(source, Deadline::never())
                    .await
                    .and_then(|roots| roots.current(now()))
                    .map(Some),
            };
            let trust =
                loaded.map_err(|error| Reasons(&error).to_string()).and_then(|current| match current {
                    Some(current) => Trust::with_options(current.root.clone(), options.clone())
                        .map_err(|error| Reasons(&error).to_string()),
                    None => Ok(Trust::keys_only()),
                });
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

/// Tells when the gate trusts another root.
async fn follow_trust(
    gate: Gate,
    found: Arc<watch::Sender<Option<JudgedBy>>>,
    mut is_trusted: watch::Receiver<bool>,
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
        // Where no roots are followed, it changes by the gate alone.
        if let Ok(Err(_)) = tokio::time::timeout(PERIOD, is_trusted.changed()).await {
            tokio::time::sleep(PERIOD).await;
        }
    }
}
