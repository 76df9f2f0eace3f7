//! [`ClusterWatch`]: finds what is wrong with what runs in a cluster, for as long as it is the active replica.

use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use trust_core::UnixTime;
use trust_gate::Gate;
use trust_gate::internal::now;
use trust_policy::{Inventory, InventorySettings, PolicySet, ResourceId, WorkloadEvent, guard_of};

use crate::api::{ApiServer, Kind, Lists, Seen, follow_all, id_of};
use crate::cluster::{Cluster, JudgedBy};
use crate::event_sink::EventSink;
use crate::record_store::RecordStore;
use crate::watch::{Watch, WatchError};

/// What is followed.
const KINDS: [Kind; 4] = [Kind::POD, Kind::NAMESPACE, Kind::VALIDATING_WEBHOOKS, Kind::MUTATING_WEBHOOKS];
/// What is seen at once before it is settled.
const BATCH: usize = 1_000;
/// How often admissions are taken, and how soon something is tried again that failed.
const PERIOD: Duration = Duration::from_secs(2);

/// Follows the Pods of a cluster, judges what runs again, and finds what is wrong with it: a [`Watch`] that is fed by the API server. Beside
/// the Pods it follows the webhook configurations that ask this program's gate (by name), labels of namespaces and the policies.
#[derive(Debug)]
pub struct ClusterWatch {
    server: ApiServer,
    gate: Gate,
    judged_by: watch::Receiver<Option<JudgedBy>>,
    cluster: String,
    settings: InventorySettings,
    webhooks: Vec<String>,
    records: Arc<dyn RecordStore>,
    sinks: Vec<Arc<dyn EventSink>>,
    numbers: WatchNumbers,
}

/// What a [`ClusterWatch`] sees, as numbers. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct WatchNumbers(Arc<Mutex<Numbers>>);

#[derive(Clone, Debug, Default)]
struct Numbers {
    is_active: bool,
    pods: usize,
    unreadable: u64,
    failures: u64,
    open: BTreeMap<String, usize>,
}

impl WatchNumbers {
    /// In Prometheus' text format. A replica that is not active sees nothing.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let Numbers { is_active, pods, unreadable, failures, open } = self.locked().clone();
        let mut text = String::new();
        for (name, kind, help, value) in [
            ("trust_watch_active", "gauge", "Whether this replica is the active one.", u64::from(is_active)),
            ("trust_watch_pods", "gauge", "Pods that run.", pods as u64),
            ("trust_watch_unreadable_pods_total", "counter", "Pods that could not be followed.", unreadable),
            ("trust_watch_failures_total", "counter", "Records or events that were tried again.", failures),
        ] {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
        text.push_str(
            "# HELP trust_findings_open Findings that are open.\n# TYPE trust_findings_open gauge\n",
        );
        for (kind, count) in open {
            let _ = writeln!(text, "trust_findings_open{{kind=\"{kind}\"}} {count}");
        }
        text
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClusterWatch {
    /// Judges as the gate of this cluster does, and calls it so in events. `webhooks` are the names of the webhook configurations by which
    /// the API server asks that gate.
    #[must_use]
    pub fn new(
        cluster: &Cluster,
        name: &str,
        webhooks: Vec<String>,
        records: Arc<dyn RecordStore>,
        sinks: Vec<Arc<dyn EventSink>>,
    ) -> Self {
        Self {
            server: ApiServer(cluster.client().clone()),
            gate: cluster.gate().clone(),
            judged_by: cluster.judged_by(),
            cluster: name.to_owned(),
            settings: InventorySettings::default(),
            webhooks,
            records,
            sinks,
            numbers: WatchNumbers::default(),
        }
    }

    /// Takes these times.
    #[must_use]
    pub fn with_settings(mut self, settings: InventorySettings) -> Self {
        self.settings = settings;
        self
    }

    /// What it sees, as numbers.
    #[must_use]
    pub fn numbers(&self) -> WatchNumbers {
        self.numbers.clone()
    }

    /// Watches whenever `holding` is true ([`Leadership::holding`](crate::Leadership::holding)), for ever: each time it takes up what is on
    /// record, so nothing is lost and nothing said twice when another replica was active meanwhile.
    pub async fn run(mut self, mut holding: watch::Receiver<bool>) {
        loop {
            if holding.wait_for(|holds| *holds).await.is_err() {
                return;
            }
            tracing::info!("this replica is active");
            self.numbers.locked().is_active = true;
            tokio::select! {
                () = self.watch() => {}
                _ = holding.wait_for(|holds| !*holds) => {}
            }
            *self.numbers.locked() = Numbers::default();
            tracing::info!("this replica is not active any more");
        }
    }

    async fn watch(&mut self) {
        let (mut watch, lists) = loop {
            match self.start().await {
                Ok(started) => break started,
                Err(problem) => {
                    tracing::error!(problem, "the watch cannot start yet");
                    tokio::time::sleep(PERIOD).await;
                }
            }
        };
        let mut seen = follow_all(&self.server, KINDS.map(|kind| (kind, None)), lists);
        let mut sight = Sight::new(&self.webhooks);
        // When to settle although nothing happens, not before when after a failure, and when to take admissions.
        let (mut settles, mut not_before, mut takes) = (Instant::now(), Instant::now(), Instant::now());
        loop {
            tokio::select! {
                first = seen.next() => {
                    // What has come by now is settled at once.
                    let Some((kind, first)) = first else { return };
                    sight.take(watch.inventory(), kind, first, now());
                    for (kind, next) in core::iter::from_fn(|| seen.next().now_or_never().flatten()).take(BATCH) {
                        sight.take(watch.inventory(), kind, next, now());
                    }
                }
                () = watch.answered(now) => {}
                changed = self.judged_by.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    if let Some(by) = self.judged_by.borrow_and_update().clone() {
                        watch.inventory().guard_seen(PolicySet::guard_id(), Some(by.guard));
                        watch.inventory().policies_changed(by.policies);
                        watch.inventory().trust_changed(by.trust);
                    }
                }
                () = sleep_until(settles) => {}
                () = sleep_until(takes) => {
                    takes = Instant::now() + PERIOD;
                    self.count(&mut watch, &sight);
                    if let Err(error) = watch.take_admissions(now()).await {
                        self.failed(&error);
                    }
                }
            }
            if Instant::now() < not_before {
                continue;
            }
            settles = match watch.settle(now()).await {
                Ok(next) => Instant::now() + until(next),
                Err(error) => {
                    self.failed(&error);
                    not_before = Instant::now() + PERIOD;
                    not_before
                }
            };
        }
    }

    /// Takes up what is on record.
    async fn start(&mut self) -> Result<(Watch, Lists), String> {
        let lists = Lists::of(&self.server).await.map_err(|error| error.to_string())?;
        let by = self.judged_by.borrow_and_update().clone().ok_or("there are no policies yet")?;
        let inventory = Inventory::new(&*self.cluster, self.settings.clone(), by.policies, by.trust);
        let watch = Watch::start(inventory, self.gate.clone(), self.records.clone(), self.sinks.clone());
        let mut watch = watch.await.map_err(|error| error.to_string())?;
        watch.inventory().guard_seen(PolicySet::guard_id(), Some(by.guard));
        Ok((watch, lists))
    }

    fn failed(&self, error: &WatchError) {
        tracing::warn!(%error, "it is tried again");
        self.numbers.locked().failures += 1;
    }

    fn count(&self, watch: &mut Watch, sight: &Sight) {
        let inventory = watch.inventory();
        let mut numbers = self.numbers.locked();
        (numbers.pods, numbers.unreadable) = (inventory.pods(), sight.unreadable);
        numbers.open.clear();
        for finding in inventory.open_findings() {
            *numbers.open.entry(finding.kind.to_string()).or_default() += 1;
        }
    }
}

/// How long until then; an hour if nothing is to come.
fn until(next: Option<UnixTime>) -> Duration {
    let millis = next.map_or(3_600_000, |next| next.as_millis().saturating_sub(now().as_millis()));
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

/// Tells an inventory what is seen of each kind.
#[derive(Debug)]
struct Sight {
    /// Names of webhook configurations, and of which kinds they were seen since all were listed.
    webhooks: BTreeMap<String, BTreeSet<Kind>>,
    labels: BTreeMap<String, Value>,
    unreadable: u64,
}

impl Sight {
    fn new(webhooks: &[String]) -> Self {
        let webhooks = webhooks.iter().map(|name| (name.clone(), BTreeSet::new())).collect();
        Self { webhooks, labels: BTreeMap::new(), unreadable: 0 }
    }

    fn take(&mut self, inventory: &mut Inventory, kind: Kind, seen: Seen, now: UnixTime) {
        match seen {
            Seen::Failed(error) => tracing::warn!(%error, "the server is asked again"),
            seen if kind == Kind::POD => self.pod(inventory, &seen, now),
            seen if kind == Kind::NAMESPACE => self.namespace(inventory, &seen),
            seen => self.webhook(inventory, kind, &seen),
        }
    }

    fn pod(&mut self, inventory: &mut Inventory, seen: &Seen, now: UnixTime) {
        let event = match seen {
            Seen::Starts => WorkloadEvent::ListStarts,
            Seen::Is(pod) => WorkloadEvent::Seen(pod),
            Seen::Gone(pod) => WorkloadEvent::Gone(pod),
            Seen::Ends => WorkloadEvent::ListEnds,
            Seen::Failed(_) => return,
        };
        if let Err(error) = inventory.apply(event, now) {
            self.unreadable += 1;
            tracing::error!(%error, "a Pod cannot be followed");
        }
    }

    fn namespace(&mut self, inventory: &mut Inventory, seen: &Seen) {
        let (Seen::Is(object) | Seen::Gone(object)) = seen else { return };
        let name = id_of(object).name;
        if let Seen::Gone(_) = seen {
            self.labels.remove(&name);
            return;
        }
        let labels = object.pointer("/metadata/labels").cloned().unwrap_or_default();
        let before = self.labels.insert(name.clone(), labels.clone());
        if before.is_some_and(|before| before != labels) {
            inventory.namespace_changed(&name);
        }
    }

    fn webhook(&mut self, inventory: &mut Inventory, kind: Kind, seen: &Seen) {
        let guard = |name: &str| ResourceId {
            api_version: kind.api_version(),
            kind: kind.kind.to_owned(),
            name: name.to_owned(),
            namespace: String::new(),
        };
        match seen {
            Seen::Starts => self.webhooks.values_mut().for_each(|kinds| {
                let _ = kinds.remove(&kind);
            }),
            Seen::Is(object) => {
                let id = guard(&id_of(object).name);
                if let Some(kinds) = self.webhooks.get_mut(&id.name) {
                    kinds.insert(kind);
                    inventory.guard_seen(id, Some(guard_of(object)));
                }
            }
            Seen::Gone(object) => {
                let id = guard(&id_of(object).name);
                if self.webhooks.contains_key(&id.name) {
                    inventory.guard_seen(id, None);
                }
            }
            Seen::Ends => {
                for (name, _) in self.webhooks.iter().filter(|(_, kinds)| !kinds.contains(&kind)) {
                    inventory.guard_seen(guard(name), None);
                }
            }
            Seen::Failed(_) => {}
        }
    }
}
