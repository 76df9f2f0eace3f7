//! [`ClusterWatch`]: finds what is wrong with what runs in a cluster, for as long as it is the active replica.

use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tokio::sync::{broadcast, watch};
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
const KINDS: [Kind; 3] = [Kind::POD, Kind::VALIDATING_WEBHOOKS, Kind::MUTATING_WEBHOOKS];
/// Events that are taken at once before the inventory settles.
const BATCH: usize = 1_000;
/// How often admissions are read, and after how long what failed is tried again.
const PERIOD: Duration = Duration::from_secs(2);

/// Follows the Pods of a cluster, judges what runs again, and finds what is wrong with it: a [`Watch`] that is fed by the API server. Beside
/// the Pods it follows the webhook configurations that ask the webhook's gate (by name), labels of namespaces and the policies.
#[derive(Debug)]
pub struct ClusterWatch {
    server: ApiServer,
    gate: Gate,
    judged_by: watch::Receiver<Option<JudgedBy>>,
    relabelled: broadcast::Receiver<String>,
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
            relabelled: cluster.relabelled(),
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

    /// Watches whenever `holding` is true ([`Leadership::holding`](crate::Leadership::holding)): each time it takes up what is on
    /// record, so nothing is lost and nothing said twice when another replica was active meanwhile. It ends when what says so, or the
    /// [`Cluster`], is dropped.
    pub async fn run(mut self, mut holding: watch::Receiver<bool>) {
        while holding.wait_for(|holds| *holds).await.is_ok() {
            tracing::info!("this replica is active");
            self.numbers.locked().is_active = true;
            let goes_on = tokio::select! {
                () = self.watch() => false,
                ended = holding.wait_for(|holds| !*holds) => ended.is_ok(),
            };
            *self.numbers.locked() = Numbers::default();
            tracing::info!("this replica is not active any more");
            if !goes_on {
                return;
            }
        }
    }

    /// Watches until the cluster is dropped.
    async fn watch(&mut self) {
        let (mut watch, lists) = loop {
            match self.start().await {
                Ok(Some(started)) => break started,
                Ok(None) => return,
                Err(problem) => {
                    tracing::error!(problem, "the watch cannot start yet");
                    tokio::time::sleep(PERIOD).await;
                }
            }
        };
        let mut seen = follow_all(&self.server, KINDS.map(|kind| (kind, None)), lists);
        let mut sight = Sight::new(&self.webhooks);
        let records = self.records.clone();
        let admissions = |after| {
            let records = records.clone();
            Box::pin(async move {
                sleep_until(after).await;
                records.admissions().await
            })
        };
        // When to settle although nothing happens, and the admissions that are read.
        let (mut settles, mut reading) = (Instant::now(), admissions(Instant::now()));
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
                answered = watch.answered(now) => {
                    if let Err(error) = answered {
                        self.failed(&error);
                    }
                }
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
                relabelled = self.relabelled.recv() => match relabelled {
                    Ok(namespace) => watch.inventory().namespace_changed(&namespace),
                    Err(broadcast::error::RecvError::Lagged(_)) => watch.inventory().knowledge_changed(None),
                    Err(broadcast::error::RecvError::Closed) => return,
                },
                read = &mut reading => {
                    match read {
                        Ok(found) => watch.admitted(found, now()),
                        Err(error) => self.failed(&error.into()),
                    }
                    reading = admissions(Instant::now() + PERIOD);
                    self.count(&mut watch, &sight);
                }
                () = sleep_until(settles) => {}
            }
            settles = Instant::now() + until(watch.settle(now()));
        }
    }

    /// Takes up what is on record; `None` if the cluster was dropped.
    async fn start(&mut self) -> Result<Option<(Watch, Lists)>, String> {
        let Ok(by) = self.judged_by.wait_for(Option::is_some).await.map(|by| by.clone()) else {
            return Ok(None);
        };
        let Some(by) = by else { return Ok(None) };
        // What changed before now is judged by already.
        self.relabelled = self.relabelled.resubscribe();
        let lists = Lists::of(&self.server).await.map_err(|error| error.to_string())?;
        let inventory = Inventory::new(&*self.cluster, self.settings.clone(), by.policies, by.trust);
        let watch = Watch::start(inventory, self.gate.clone(), self.records.clone(), self.sinks.clone());
        let mut watch = watch.await.map_err(|error| error.to_string())?;
        watch.inventory().guard_seen(PolicySet::guard_id(), Some(by.guard));
        Ok(Some((watch, lists)))
    }

    fn failed(&self, error: &WatchError) {
        tracing::warn!(%error, "not stored or delivered yet");
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

/// How long until then; an hour if nothing is to come. What failed is tried again when admissions are read.
fn until(next: Option<UnixTime>) -> Duration {
    let millis = next.map_or(3_600_000, |next| next.as_millis().saturating_sub(now().as_millis()));
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

/// Tells an inventory what is seen of each kind.
#[derive(Debug)]
struct Sight {
    /// Names of webhook configurations, and of which kinds they were seen since all were listed.
    webhooks: BTreeMap<String, BTreeSet<Kind>>,
    unreadable: u64,
}

impl Sight {
    fn new(webhooks: &[String]) -> Self {
        let webhooks = webhooks.iter().map(|name| (name.clone(), BTreeSet::new())).collect();
        Self { webhooks, unreadable: 0 }
    }

    fn take(&mut self, inventory: &mut Inventory, kind: Kind, seen: Seen, now: UnixTime) {
        match seen {
            Seen::Failed(error) => {
                tracing::warn!(kind = kind.plural, %error, "cannot be followed at the moment")
            }
            seen if kind == Kind::POD => self.pod(inventory, &seen, now),
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

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trust_core::Digest;
    use trust_policy::FindingKind;

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_795_000_000);
    const GUARDS: [Kind; 2] = [Kind::VALIDATING_WEBHOOKS, Kind::MUTATING_WEBHOOKS];

    fn configuration(name: &str, policy: &str) -> Seen {
        let kind = Kind::VALIDATING_WEBHOOKS;
        Seen::Is(json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": {"name": name},
            "webhooks": [{"name": "images.trust.dev", "failurePolicy": policy}]}))
    }

    /// All configurations are listed.
    fn list(sight: &mut Sight, inventory: &mut Inventory, found: Vec<Seen>) {
        for kind in GUARDS {
            sight.take(inventory, kind, Seen::Starts, NOW);
        }
        for seen in found {
            sight.take(inventory, Kind::VALIDATING_WEBHOOKS, seen, NOW);
        }
        for kind in GUARDS {
            sight.take(inventory, kind, Seen::Ends, NOW);
        }
    }

    #[test]
    fn a_configuration_that_is_weakened_or_gone_is_found_however_that_is_seen() {
        let mut inventory =
            Inventory::new("c", InventorySettings::default(), Digest::sha256(b"p"), Digest::sha256(b"t"));
        let mut sight = Sight::new(&["trust".to_owned()]);
        for seen in [Seen::Starts, Seen::Ends] {
            sight.take(&mut inventory, Kind::POD, seen, NOW);
        }
        let is_found = |inventory: &mut Inventory| {
            inventory.settle(NOW);
            inventory.open_findings().any(|one| one.kind == FindingKind::ControlPlaneDrift)
        };
        let guard = || configuration("trust", "Fail");
        list(&mut sight, &mut inventory, vec![guard(), configuration("other", "Fail")]);
        assert!(!is_found(&mut inventory), "what is seen first is as it is to be");
        sight.take(&mut inventory, Kind::VALIDATING_WEBHOOKS, configuration("other", "Ignore"), NOW);
        assert!(!is_found(&mut inventory), "it is not the gate's");
        sight.take(&mut inventory, Kind::VALIDATING_WEBHOOKS, configuration("trust", "Ignore"), NOW);
        assert!(is_found(&mut inventory));
        sight.take(&mut inventory, Kind::VALIDATING_WEBHOOKS, guard(), NOW);
        assert!(!is_found(&mut inventory));
        // It is gone when all are listed again.
        list(&mut sight, &mut inventory, vec![configuration("other", "Fail")]);
        assert!(is_found(&mut inventory));
        list(&mut sight, &mut inventory, vec![guard()]);
        assert!(!is_found(&mut inventory));
        let Seen::Is(object) = guard() else { return };
        sight.take(&mut inventory, Kind::VALIDATING_WEBHOOKS, Seen::Gone(object), NOW);
        assert!(is_found(&mut inventory));
        // A failure changes nothing.
        let error = crate::ClusterError { what: String::new(), problem: String::new(), status: None };
        sight.take(&mut inventory, Kind::VALIDATING_WEBHOOKS, Seen::Failed(error), NOW);
        assert!(is_found(&mut inventory));
        // A Pod that cannot be followed is counted.
        sight.take(&mut inventory, Kind::POD, Seen::Is(json!({"kind": "Pod"})), NOW);
        assert_eq!(sight.unreadable, 1);
    }
}
