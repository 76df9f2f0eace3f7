//! An API server in memory: objects and lists. Its watches never see anything, and it does not stream lists.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::http::{Method, Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// Objects by path. Clones are the same server.
#[derive(Clone, Default)]
pub(crate) struct ApiServer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Value>,
    version: u64,
    /// Requests are not answered at all.
    is_silent: bool,
    /// What is answered instead of what was asked.
    status: Option<u16>,
    /// It does not know `trust.dev/v1beta1`.
    is_older: bool,
}

impl ApiServer {
    /// A client of it.
    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let bytes = body.collect_bytes().await?;
                let query = parts.uri.query().unwrap_or_default().to_owned();
                let is_watch = query.contains("watch=true") && !query.contains("sendInitialEvents=true");
                if server.0.lock().unwrap().is_silent || is_watch {
                    std::future::pending::<()>().await;
                }
                let (status, value) = server.answer(&parts.method, parts.uri.path(), &query, &bytes);
                let response =
                    Response::builder().status(status).body(Body::from(value.to_string().into_bytes()));
                Ok::<_, tower::BoxError>(response?)
            }
        });
        Client::new(service, "default")
    }

    /// Stores an object at a path.
    #[allow(dead_code)] // not every test needs it
    pub(crate) fn put(&self, path: &str, object: Value) {
        self.0.lock().unwrap().store(path.to_owned(), object);
    }

    /// Forgets `trust.dev/v1beta1`.
    #[allow(dead_code)] // not every test needs it
    pub(crate) fn set_older(&self) {
        self.0.lock().unwrap().is_older = true;
    }

    /// An object.
    #[allow(dead_code)] // not every test needs it
    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.0.lock().unwrap().objects.get(path).cloned()
    }

    /// Deletes an object.
    #[allow(dead_code)] // not every test needs it
    pub(crate) fn delete(&self, path: &str) {
        self.0.lock().unwrap().objects.remove(path);
    }

    /// How often objects were written.
    #[allow(dead_code)] // not every test needs it
    pub(crate) fn writes(&self) -> u64 {
        self.0.lock().unwrap().version
    }

    /// How many objects there are.
    #[allow(dead_code)] // not every test needs it
    pub(crate) fn objects(&self) -> usize {
        self.0.lock().unwrap().objects.len()
    }

    /// From now on it does not answer, or does.
    #[allow(dead_code)] // not every test needs it
    pub(crate) fn set_silent(&self, is_silent: bool) {
        self.0.lock().unwrap().is_silent = is_silent;
    }

    /// From now on it answers everything with this status, or as it should.
    #[allow(dead_code)] // not every test needs it
    pub(crate) fn set_status(&self, status: Option<u16>) {
        self.0.lock().unwrap().status = status;
    }

    fn answer(&self, method: &Method, path: &str, query: &str, body: &[u8]) -> (u16, Value) {
        let mut state = self.0.lock().unwrap();
        let failed = |code: u16, reason: &str| {
            (
                code,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason}),
            )
        };
        if let Some(status) = state.status {
            return failed(status, "AsTold");
        }
        if path == "/version" {
            let version = json!({"major": "1", "minor": "36", "gitVersion": "v1.36.0", "gitCommit": "", "gitTreeState": "", "buildDate": "",
                "goVersion": "", "compiler": "", "platform": ""});
            return (200, version);
        }
        if query.contains("sendInitialEvents=true") {
            return failed(
                422,
                "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
            );
        }
        if state.is_older && path.starts_with("/apis/trust.dev/v1beta1/") {
            return failed(404, "NotFound");
        }
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let name = sent["metadata"]["name"].as_str().unwrap_or_default();
        match *method {
            Method::GET => match state.objects.get(path) {
                Some(object) => (200, object.clone()),
                None if state.objects.keys().any(|one| one.starts_with(&format!("{path}/")))
                    || is_list(path) =>
                {
                    let inside = state.objects.iter().filter(|(one, _)| one.starts_with(&format!("{path}/")));
                    let items: Vec<&Value> = inside.map(|(_, object)| object).collect();
                    (
                        200,
                        json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}),
                    )
                }
                None => failed(404, "NotFound"),
            },
            Method::POST if state.objects.contains_key(&format!("{path}/{name}")) => {
                failed(409, "AlreadyExists")
            }
            Method::POST => (201, state.store(format!("{path}/{name}"), sent)),
            Method::PUT => match state.objects.get(path) {
                None => failed(404, "NotFound"),
                Some(found) if version(found) != version(&sent) => failed(409, "Conflict"),
                Some(_) => (200, state.store(path.to_owned(), sent)),
            },
            Method::PATCH => {
                assert!(query.contains("fieldManager="), "{query}");
                if let Some(object) =
                    path.strip_suffix("/status").and_then(|path| state.objects.get_mut(path))
                {
                    object["status"] = sent["status"].clone();
                    return (200, object.clone());
                }
                (200, state.store(path.to_owned(), sent))
            }
            Method::DELETE => {
                let wanted = sent["preconditions"]["resourceVersion"].clone();
                match state.objects.get(path) {
                    None => failed(404, "NotFound"),
                    Some(found) if !wanted.is_null() && wanted != *version(found) => failed(409, "Conflict"),
                    Some(_) => {
                        state.objects.remove(path);
                        (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}))
                    }
                }
            }
            _ => failed(405, "MethodNotAllowed"),
        }
    }
}

fn version(object: &Value) -> &Value {
    &object["metadata"]["resourceVersion"]
}

/// Whether a path is that of all objects of a kind, in a namespace or of a kind that this server knows.
fn is_list(path: &str) -> bool {
    path.split("/namespaces/").nth(1).is_some_and(|rest| rest.split('/').count() == 2)
        || ["/namespaces", "/imagetrustpolicies"].iter().any(|plural| path.ends_with(plural))
}

impl State {
    fn store(&mut self, path: String, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.objects.insert(path, object.clone());
        object
    }
}
