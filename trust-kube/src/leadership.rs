//! [`Leadership`]: one of several replicas is active.

use std::time::Duration;

use kube::Client;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout_at};
use trust_gate::internal::now;

use crate::api::{ApiServer, ClusterError, Kind, Objects, field};

/// How long a lease is left to a holder that does not renew it. The times are those of Kubernetes' own controllers.
const DURATION: Duration = Duration::from_secs(15);
/// How long a holder that cannot renew it goes on.
const RENEWAL: Duration = Duration::from_secs(10);
/// How often it is renewed, and tried for.
const RETRY: Duration = Duration::from_secs(2);

/// Whether this replica is the active one: the one that holds a Lease
/// ([`coordination.k8s.io/v1`](https://kubernetes.io/docs/concepts/architecture/leases/)).
///
/// A replica that is killed is followed by another after some 17 seconds, one that [ends](Self::end) at once. One that cannot reach
/// the API server stops being active five seconds before another can become so. Clocks of machines are never compared: a lease has run
/// out when this replica has seen it unchanged for so long.
#[derive(Debug)]
pub struct Leadership {
    holding: watch::Receiver<bool>,
    ending: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Leadership {
    /// Tries for the Lease of this name from now on; `identity` tells replicas apart, as the name of a Pod does. It needs tokio.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str, identity: &str) -> Self {
        let (holds, holding) = watch::channel(false);
        let (ending, ends) = watch::channel(false);
        let lease = Lease {
            objects: Kind::LEASE.within(&ApiServer(client), namespace),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            identity: identity.to_owned(),
            seen: None,
        };
        Self { holding, ending, task: Some(tokio::spawn(lease.hold(holds, ends))) }
    }

    /// Whether it is the active one, now and when that changes.
    #[must_use]
    pub fn holding(&self) -> watch::Receiver<bool> {
        self.holding.clone()
    }

    /// Stops, and lets another replica take over at once.
    pub async fn end(mut self) {
        let _ = self.ending.send(true);
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

/// Without giving the lease up: another replica waits for it.
impl Drop for Leadership {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

#[derive(Debug)]
struct Lease {
    objects: Objects,
    namespace: String,
    name: String,
    identity: String,
    /// The version that was seen last, and since when.
    seen: Option<(String, Instant)>,
}

impl Lease {
    async fn hold(mut self, holds: watch::Sender<bool>, mut ends: watch::Receiver<bool>) {
        // Until when it is held.
        let mut until: Option<Instant> = None;
        loop {
            let start = Instant::now();
            let limit = until.unwrap_or(start + RENEWAL);
            match timeout_at(limit, self.try_for()).await {
                Ok(Ok(Some(true))) => until = Some(start + RENEWAL),
                Ok(Ok(Some(false))) => until = None,
                // Another write came first, which may be this replica's own: it is looked at again.
                Ok(Ok(None)) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the lease cannot be had or renewed"),
                Err(_) => tracing::warn!("the lease was not answered for in time"),
            }
            let is_held = until.is_some_and(|until| Instant::now() < until);
            if !is_held {
                until = None;
            }
            holds.send_if_modified(|holds| core::mem::replace(holds, is_held) != is_held);
            let next = until.map_or(start + RETRY, |until| until.min(start + RETRY));
            tokio::select! {
                () = sleep_until(next) => {}
                _ = ends.wait_for(|ends| *ends) => break,
            }
        }
        holds.send_replace(false);
        if until.is_some()
            && let Err(error) = self.give_up().await
        {
            tracing::warn!(%error, "the lease is not given up");
        }
    }

    /// Takes or renews the lease, if it is free, run out or held here; whether it is held here now, or `None` if that is not known.
    async fn try_for(&mut self) -> Result<Option<bool>, ClusterError> {
        let Some(lease) = self.objects.get(&self.name).await? else {
            let metadata = json!({"name": self.name, "namespace": self.namespace});
            let new = json!({"apiVersion": Kind::LEASE.api_version(), "kind": Kind::LEASE.kind, "metadata": metadata,
                "spec": self.spec(&self.identity, &Value::Null)});
            return won(self.objects.create(&self.name, &new).await);
        };
        let version = lease.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default();
        let since = match &self.seen {
            Some((seen, since)) if seen == version => *since,
            // It can have been written as late as now.
            _ => Instant::now(),
        };
        self.seen = Some((version.to_owned(), since));
        let holder = lease.pointer("/spec/holderIdentity").and_then(Value::as_str).unwrap_or_default();
        if !(holder.is_empty() || holder == self.identity || Instant::now() >= since + DURATION) {
            return Ok(Some(false));
        }
        let spec = self.spec(&self.identity, field(&lease, "spec"));
        won(self.objects.replace(&self.name, &with_spec(lease, spec)).await)
    }

    async fn give_up(&self) -> Result<(), ClusterError> {
        let Some(lease) = self.objects.get(&self.name).await? else { return Ok(()) };
        if lease.pointer("/spec/holderIdentity").and_then(Value::as_str) != Some(&self.identity) {
            return Ok(());
        }
        let spec = self.spec("", field(&lease, "spec"));
        self.objects.replace(&self.name, &with_spec(lease, spec)).await
    }

    fn spec(&self, holder: &str, before: &Value) -> Value {
        let transitions = field(before, "leaseTransitions").as_i64().unwrap_or_default();
        let is_same = field(before, "holderIdentity") == holder;
        let time = micro_time();
        let since = if is_same { field(before, "acquireTime").clone() } else { time.clone().into() };
        json!({
            "holderIdentity": holder,
            "leaseDurationSeconds": DURATION.as_secs(),
            "acquireTime": since,
            "renewTime": time,
            "leaseTransitions": transitions + i64::from(!is_same && !before.is_null()),
        })
    }
}

fn with_spec(mut lease: Value, spec: Value) -> Value {
    if let Value::Object(fields) = &mut lease {
        fields.insert("spec".to_owned(), spec);
    }
    lease
}

/// Whether a write came before those of others; `None` if it did not, and may have been this replica's own.
fn won(written: Result<(), ClusterError>) -> Result<Option<bool>, ClusterError> {
    match written {
        Ok(()) => Ok(Some(true)),
        Err(error) if error.is_conflict() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The time as `MicroTime` has it.
fn micro_time() -> String {
    let text = now().to_string();
    let (seconds, rest) = text.split_once('.').unwrap_or((text.trim_end_matches('Z'), ""));
    format!("{seconds}.{:0<6}Z", rest.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_have_six_digits() {
        let text = super::micro_time();
        let (_, digits) = text.split_once('.').unwrap();
        assert_eq!((text.len(), digits.len(), digits.ends_with('Z')), (27, 7, true), "{text}");
    }
}
