//! What the status of our own resources says: whether each can be read.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use trust_gate::internal::now;
use trust_policy::ResourceId;

use crate::api::{ApiServer, ClusterError, Kind, field};
use crate::last_good::State;

/// Before a status is written again that was not.
const PAUSE: Duration = Duration::from_secs(5);

/// Writes the states of `ImageTrustPolicy` and `TrustRoot` into their status, whenever `holding` is true: the latest of each.
pub(crate) async fn write_statuses(
    server: ApiServer,
    mut states: mpsc::UnboundedReceiver<State>,
    mut holding: watch::Receiver<bool>,
) {
    let mut waiting: BTreeMap<ResourceId, State> = BTreeMap::new();
    loop {
        let holds = *holding.borrow_and_update();
        let next = waiting.first_key_value().filter(|_| holds).map(|(_, state)| state.clone());
        tokio::select! {
            state = states.recv() => {
                let Some(state) = state else { return };
                waiting.insert(state.id.clone(), state);
            }
            changed = holding.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            written = write(&server, next.as_ref()), if next.is_some() => match written {
                Ok(()) => drop(next.and_then(|state| waiting.remove(&state.id))),
                Err(error) => {
                    tracing::warn!(%error, "a status is not written yet");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
}

async fn write(server: &ApiServer, state: Option<&State>) -> Result<(), ClusterError> {
    let Some(state) = state else { return Ok(()) };
    let kinds = [Kind::IMAGE_TRUST_POLICY, Kind::TRUST_ROOT];
    let Some(kind) = kinds.into_iter().find(|kind| kind.is_of(&state.id)) else { return Ok(()) };
    let kind = kind.in_version_of(&state.id);
    let objects = kind.everywhere(server);
    let Some(object) = objects.get(&state.id.name).await? else { return Ok(()) };
    let before = object.pointer("/status/conditions/0").unwrap_or(&Value::Null);
    let condition = condition(state, before);
    if condition == *before {
        return Ok(());
    }
    let status = json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": {"name": state.id.name},
        "status": {"conditions": [condition]}});
    match objects.apply_status(&state.id.name, &status).await {
        Err(error) if !error.is_final() => Err(error),
        _ => Ok(()),
    }
}

/// A condition ([API conventions](https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties)).
fn condition(state: &State, before: &Value) -> Value {
    let (status, reason, message) = match (&state.problem, state.is_before) {
        (None, _) => ("True", "Accepted", "it is used"),
        (Some(problem), true) => ("False", "InvalidStaysAsItWas", problem.as_str()),
        (Some(problem), false) => ("False", "Invalid", problem.as_str()),
    };
    let is_same = field(before, "status") == status;
    let since = if is_same { field(before, "lastTransitionTime").clone() } else { now().to_string().into() };
    json!({
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": state.generation,
        "lastTransitionTime": since,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_condition_is_that_of_its_transition() {
        let state = |problem: Option<&str>| State {
            id: ResourceId::default(),
            generation: 2,
            problem: problem.map(str::to_owned),
            is_before: true,
        };
        let first = condition(&state(None), &Value::Null);
        assert_eq!(condition(&state(None), &first), first);
        let before = json!({"status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        assert_eq!(condition(&state(None), &before)["lastTransitionTime"], "2026-01-01T00:00:00Z");
        let broken = condition(&state(Some("spec.x: unknown")), &before);
        assert_ne!(broken["lastTransitionTime"], "2026-01-01T00:00:00Z");
        assert_eq!((&broken["status"], &broken["message"]), (&json!("False"), &json!("spec.x: unknown")));
    }
}
