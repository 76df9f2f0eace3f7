//! Where events go.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

#[cfg(feature = "cluster")]
mod api_server;

use std::sync::{Arc, Mutex};

use serde_json::Value;
use trust_core::Digest;
use trust_gate::{Boxed, Deadline, HttpRequest, HttpResponse, Method, Transport, TransportError};
use trust_kube::{CloudEvents, EventSink};
use trust_policy::{
    Event, Evidence, Inventory, InventorySettings, PolicySet, ResourceId, Trust, WorkloadEvent, evaluate,
};
use trust_testkit::judge::{pod, request};

/// Answers with these statuses, one after the other, and keeps what it was sent; 0 is no answer.
#[derive(Debug, Default)]
struct Script {
    statuses: Mutex<Vec<u16>>,
    sent: Mutex<Vec<HttpRequest>>,
}

impl Transport for Script {
    fn send<'a>(
        &'a self,
        request: HttpRequest,
        _: Deadline,
    ) -> Boxed<'a, Result<HttpResponse, TransportError>> {
        self.sent.lock().unwrap().push(request);
        let status = self.statuses.lock().unwrap().remove(0);
        let answer = match status {
            0 => Err(TransportError::Broken { problem: "connection reset".to_owned() }),
            status => Ok(HttpResponse::new(status, vec![], vec![])),
        };
        Box::pin(async { answer })
    }
}

fn event() -> Event {
    let request = request(pod("docker.io/library/nginx"));
    let now = "2026-11-18T00:00:00Z".parse().unwrap();
    let verdict = evaluate(&PolicySet::default(), &request, &Evidence::default(), &Trust::keys_only(), now);
    Event::of_verdict("c", "uid", request.workload(), &verdict, now).unwrap()
}

/// Whether the event was taken, after how many attempts, and what is said.
fn deliver(statuses: &[u16]) -> (Result<(), String>, usize) {
    let script = Arc::new(Script { statuses: Mutex::new(statuses.to_vec()), ..Script::default() });
    let sink = CloudEvents::new(script.clone(), "https://events.example/in?key=secret".parse().unwrap());
    let sink = sink.with_token("secret");
    assert!(!format!("{sink:?}").contains("secret"), "{sink:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let delivered = runtime.block_on(sink.deliver(&event())).map_err(|error| error.to_string());
    let sent = script.sent.lock().unwrap();
    for one in sent.iter() {
        let body: Value = serde_json::from_slice(&one.body).unwrap();
        assert_eq!(
            (one.method, &body["id"]),
            (Method::Post, &Value::from(event().id)),
            "each attempt is the same event"
        );
        assert!(one.headers.contains(&("authorization", "Bearer secret".to_owned())));
        assert!(one.headers.iter().any(
            |(name, value)| *name == "content-type" && value.starts_with("application/cloudevents+json")
        ));
    }
    (delivered, sent.len())
}

#[test]
fn what_may_succeed_later_is_tried_again_and_nothing_else() {
    assert_eq!(deliver(&[202]), (Ok(()), 1));
    assert_eq!(deliver(&[503, 0, 200]), (Ok(()), 3));
    let (refused, attempts) = deliver(&[400]);
    assert_eq!(attempts, 1);
    assert_eq!(refused.unwrap_err(), "event was not taken by events.example: status 400");
    let (failed, attempts) = deliver(&[429, 500, 503]);
    assert_eq!(attempts, 3);
    assert!(failed.unwrap_err().ends_with("status 503"));
    // A redirect is no success: the token goes nowhere else.
    assert_eq!(deliver(&[307]).1, 1);
}

#[test]
fn kubernetes_shows_the_workload_and_what_is_wrong() {
    let event = event();
    let shown = event.to_kubernetes_event();
    assert_eq!(
        (shown["type"].as_str(), shown["reason"].as_str()),
        (Some("Warning"), Some("AdmissionDenied"))
    );
    assert_eq!(shown["involvedObject"]["kind"], "Pod");
    assert_eq!(
        (&shown["involvedObject"]["namespace"], &shown["metadata"]["namespace"]),
        (&"".into(), &"default".into())
    );
    let message = shown["message"].as_str().unwrap();
    assert!(message.contains("no rule about images applies") && message.len() <= 1024, "{message}");
    let name = shown["metadata"]["name"].as_str().unwrap();
    assert!(name.len() <= 63 && name.starts_with("trust-"), "{name}");
    assert_eq!(event.to_kubernetes_event(), shown, "the same event is the same object");
}

/// Events of a finding that opens and is resolved.
fn of_a_finding() -> Vec<Event> {
    let mut inventory =
        Inventory::new("c", InventorySettings::default(), Digest::sha256(b"p"), Digest::sha256(b"t"));
    let guard =
        ResourceId { kind: "PolicySet".to_owned(), name: "policies".to_owned(), ..ResourceId::default() };
    let mut events = Vec::new();
    for event in [WorkloadEvent::ListStarts, WorkloadEvent::ListEnds] {
        inventory.apply(event, "2026-11-18T00:00:00Z".parse().unwrap()).unwrap();
    }
    for (minute, mode) in ["Enforce", "Audit", "Enforce"].into_iter().enumerate() {
        let fields = [("p/r".to_owned(), mode.to_owned())].into();
        inventory.guard_seen(guard.clone(), Some(fields));
        let now = format!("2026-11-18T00:{minute:02}:00Z").parse().unwrap();
        events.extend(inventory.settle(now).events);
    }
    events
}

/// `.ci/schemas` compares them with the published schema.
#[test]
fn samples_are_written_where_they_are_asked_for() {
    let events: Vec<Value> =
        of_a_finding().into_iter().chain([event()]).map(|event| event.to_cloud_event()).collect();
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        ["dev.trust.drift.opened.v1", "dev.trust.drift.resolved.v1", "dev.trust.admission.denied.v1"]
    );
    if let Some(folder) = std::env::var_os("TRUST_SAMPLES") {
        let file = std::path::Path::new(&folder).join("events.json");
        std::fs::write(file, serde_json::to_string(&events).unwrap()).unwrap();
    }
}

#[cfg(feature = "cluster")]
#[test]
fn what_the_api_server_refuses_for_good_counts_as_delivered_and_nothing_else_does() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = api_server::ApiServer::default();
        let sink = trust_kube::ClusterEvents::new(server.client());
        for (status, is_delivered) in [
            (Some(401), false),
            (Some(403), false),
            (Some(429), false),
            (Some(500), false),
            (Some(404), true),
            (Some(422), true),
            (None, true),
        ] {
            server.set_status(status);
            assert_eq!(sink.deliver(&event()).await.is_ok(), is_delivered, "{status:?}");
        }
        sink.deliver(&event()).await.unwrap();
        assert_eq!(server.objects(), 1, "the same event is one");
    });
}
