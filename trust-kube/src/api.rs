//! The API server: kinds of objects, requests for them, and following them.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, Preconditions};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde_json::{Map, Value};
use thiserror::Error;
use trust_gate::internal::random;
use trust_policy::ResourceId;

/// The field manager: the API server keeps by it which fields are ours.
const MANAGER: &str = "trust.dev";
/// Objects in one page of a list.
const PAGE: u32 = 500;
/// What one request may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a server answers one watch request; a connection that is silent for longer is replaced.
const WATCH_SECONDS: u32 = 120;
/// After so long without an event all objects are listed again, so a connection that was lost silently is noticed.
const SILENCE: Duration = Duration::from_secs(600);
/// The pause before all objects are listed again after a failure; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(20);
/// The first minor version of Kubernetes 1 that streams lists by default
/// ([streaming lists](https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists)).
const STREAMS_LISTS: u32 = 34;

/// The API server did not do what it was asked.
#[derive(Debug, Error)]
#[error("{what}: {problem}")]
pub struct ClusterError {
    /// What was asked for.
    pub what: String,
    /// Why not.
    pub problem: String,
    /// The HTTP status, if it answered.
    pub status: Option<u16>,
}

impl ClusterError {
    pub(crate) fn new(what: impl ToString, error: &kube::Error) -> Self {
        let (problem, status) = match error {
            kube::Error::Api(status) => (status.message.clone(), Some(status.code)),
            other => (trust_core::Reasons(other).to_string(), None),
        };
        Self { what: what.to_string(), problem, status }
    }

    /// Whether another write came first.
    pub(crate) fn is_conflict(&self) -> bool {
        self.status == Some(409)
    }

    /// Whether a retry would be refused, too: the object is invalid or too large, or its namespace is being deleted.
    pub(crate) fn is_final(&self) -> bool {
        match self.status {
            Some(400 | 404 | 405 | 413 | 422) => true,
            Some(403) => self.problem.contains("being terminated"),
            _ => false,
        }
    }

    /// Whether the server found no such object, or no such kind.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status == Some(404)
    }
}

/// A client of one API server.
#[derive(Clone)]
pub(crate) struct ApiServer(pub(crate) Client);

impl core::fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ApiServer")
    }
}

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
}

impl Kind {
    pub(crate) const POD: Self = Self::new("", "v1", "Pod", "pods");
    pub(crate) const NAMESPACE: Self = Self::new("", "v1", "Namespace", "namespaces");
    pub(crate) const CONFIG_MAP: Self = Self::new("", "v1", "ConfigMap", "configmaps");
    pub(crate) const SECRET: Self = Self::new("", "v1", "Secret", "secrets");
    pub(crate) const EVENT: Self = Self::new("", "v1", "Event", "events");
    pub(crate) const LEASE: Self = Self::new("coordination.k8s.io", "v1", "Lease", "leases");
    pub(crate) const ROLE_BINDING: Self =
        Self::new("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings");
    pub(crate) const CLUSTER_ROLE_BINDING: Self =
        Self::new("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings");
    pub(crate) const VALIDATING_WEBHOOKS: Self = Self::new(
        "admissionregistration.k8s.io",
        "v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    );
    pub(crate) const MUTATING_WEBHOOKS: Self = Self::new(
        "admissionregistration.k8s.io",
        "v1",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
    );
    pub(crate) const CLUSTER_POLICY: Self = Self::new("kyverno.io", "v1", "ClusterPolicy", "clusterpolicies");
    pub(crate) const POLICY: Self = Self::new("kyverno.io", "v1", "Policy", "policies");
    pub(crate) const POLICY_EXCEPTION: Self =
        Self::new("kyverno.io", "v2", "PolicyException", "policyexceptions");
    pub(crate) const IMAGE_VALIDATING_POLICY: Self =
        Self::new("policies.kyverno.io", "v1beta1", "ImageValidatingPolicy", "imagevalidatingpolicies");
    pub(crate) const NAMESPACED_IMAGE_VALIDATING_POLICY: Self = Self::new(
        "policies.kyverno.io",
        "v1beta1",
        "NamespacedImageValidatingPolicy",
        "namespacedimagevalidatingpolicies",
    );
    pub(crate) const CLUSTER_IMAGE_POLICY: Self =
        Self::new("policy.sigstore.dev", "v1beta1", "ClusterImagePolicy", "clusterimagepolicies");
    pub(crate) const CEL_POLICY_EXCEPTION: Self =
        Self::new("policies.kyverno.io", "v1beta1", "PolicyException", "policyexceptions");
    pub(crate) const SIGSTORE_TRUST_ROOT: Self =
        Self::new("policy.sigstore.dev", "v1alpha1", "TrustRoot", "trustroots");
    pub(crate) const IMAGE_TRUST_POLICY: Self =
        Self::new("trust.dev", "v1beta1", "ImageTrustPolicy", "imagetrustpolicies");
    const OLDER_IMAGE_TRUST_POLICY: Self =
        Self::new("trust.dev", "v1alpha1", "ImageTrustPolicy", "imagetrustpolicies");
    pub(crate) const TRUST_ROOT: Self = Self::new("trust.dev", "v1alpha1", "TrustRoot", "trustroots");
    pub(crate) const RECORD: Self = Self::new("trust.dev", "v1alpha1", "WorkloadRecord", "workloadrecords");
    pub(crate) const ADMISSION: Self =
        Self::new("trust.dev", "v1alpha1", "WorkloadAdmission", "workloadadmissions");
    pub(crate) const POLICY_REPORT: Self =
        Self::new("wgpolicyk8s.io", "v1alpha2", "PolicyReport", "policyreports");
    pub(crate) const CLUSTER_POLICY_REPORT: Self =
        Self::new("wgpolicyk8s.io", "v1alpha2", "ClusterPolicyReport", "clusterpolicyreports");
    pub(crate) const REPORT: Self = Self::new("openreports.io", "v1alpha1", "Report", "reports");
    pub(crate) const CLUSTER_REPORT: Self =
        Self::new("openreports.io", "v1alpha1", "ClusterReport", "clusterreports");

    /// The kind in the version in which an object is.
    pub(crate) fn in_version_of(self, id: &ResourceId) -> Self {
        let older = Self::OLDER_IMAGE_TRUST_POLICY;
        if older.is_of(id) && older.api_version() == id.api_version { older } else { self }
    }

    /// Whether an object is of this kind, in any version.
    pub(crate) fn is_of(self, id: &ResourceId) -> bool {
        let group = id.api_version.split_once('/').map_or("", |(group, _)| group);
        (group, id.kind.as_str()) == (self.group, self.kind)
    }

    const fn new(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
    ) -> Self {
        Self { group, version, kind, plural }
    }

    pub(crate) fn api_version(self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    fn resource(self) -> ApiResource {
        ApiResource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            api_version: self.api_version(),
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
        }
    }

    /// Those of all namespaces, or those that have none.
    pub(crate) fn everywhere(self, server: &ApiServer) -> Objects {
        Objects { kind: self, place: String::new(), api: Api::all_with(server.0.clone(), &self.resource()) }
    }

    /// Those of a namespace; if it is empty, those that have none.
    pub(crate) fn within(self, server: &ApiServer, namespace: &str) -> Objects {
        if namespace.is_empty() {
            return self.everywhere(server);
        }
        let api = Api::namespaced_with(server.0.clone(), namespace, &self.resource());
        Objects { kind: self, place: format!("{namespace}/"), api }
    }
}

/// The objects of a kind, in a namespace or everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    kind: Kind,
    place: String,
    api: Api<DynamicObject>,
}

/// What happens to the objects of a kind.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A list of all of them begins.
    Starts,
    /// This one was listed, added or changed.
    Is(Value),
    /// This one was deleted.
    Gone(Value),
    /// The list is complete: what was not listed does not exist any more.
    Ends,
    /// The server did not answer, or its answer cannot be read. It is asked again.
    Failed(ClusterError),
}

impl Objects {
    fn what(&self, name: &str) -> String {
        format!("{} {}{name}", self.kind.kind, self.place)
    }

    fn error(&self, name: &str, error: &kube::Error) -> ClusterError {
        ClusterError::new(self.what(name), error)
    }

    /// The answer to a request, within the time that one may take.
    async fn within<T>(
        &self,
        name: &str,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, ClusterError> {
        match tokio::time::timeout(PATIENCE, request).await {
            Ok(answered) => answered.map_err(|error| self.error(name, &error)),
            Err(_) => {
                let problem = format!("no answer within {PATIENCE:?}");
                Err(ClusterError { what: self.what(name), problem, status: None })
            }
        }
    }

    /// `None` if it was not found.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Value>, ClusterError> {
        let found = self.within(name, self.api.get_opt(name)).await?;
        Ok(found.map(|object| to_value(object, self.kind)))
    }

    /// Whether the server knows the kind: a 404 says that it does not.
    async fn is_known(&self) -> Result<(), ClusterError> {
        self.within("", self.api.list_metadata(&ListParams::default().limit(1))).await.map(drop)
    }

    pub(crate) async fn list(&self) -> Result<Vec<Value>, ClusterError> {
        let mut all = Vec::new();
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let list = self.within("", self.api.list(&page)).await?;
            all.extend(list.items.into_iter().map(|object| to_value(object, self.kind)));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(all),
            }
        }
    }

    pub(crate) async fn create(&self, name: &str, object: &Value) -> Result<(), ClusterError> {
        let object = self.parse(name, object)?;
        self.within(name, self.api.create(&Default::default(), &object)).await.map(drop)
    }

    /// Replaces it, if it still has the version that `object` names.
    pub(crate) async fn replace(&self, name: &str, object: &Value) -> Result<(), ClusterError> {
        let object = self.parse(name, object)?;
        self.within(name, self.api.replace(name, &Default::default(), &object)).await.map(drop)
    }

    fn parse(&self, name: &str, object: &Value) -> Result<DynamicObject, ClusterError> {
        let read = serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError);
        read.map_err(|error| self.error(name, &error))
    }

    /// Creates it, or sets our fields of it (server-side apply).
    pub(crate) async fn apply(&self, name: &str, object: &Value) -> Result<(), ClusterError> {
        self.within(name, self.api.patch(name, &ours(), &Patch::Apply(object))).await.map(drop)
    }

    /// Likewise, of its status.
    pub(crate) async fn apply_status(&self, name: &str, object: &Value) -> Result<(), ClusterError> {
        self.within(name, self.api.patch_status(name, &ours(), &Patch::Apply(object))).await.map(drop)
    }

    /// Deletes it; if a version is given, only that version. That it was not found, or has another version, is no error.
    pub(crate) async fn delete(&self, name: &str, version: Option<String>) -> Result<(), ClusterError> {
        let preconditions =
            version.map(|version| Preconditions { resource_version: Some(version), uid: None });
        let parameters = DeleteParams { preconditions, ..DeleteParams::default() };
        match self.within(name, self.api.delete(name, &parameters)).await {
            Err(error) if !matches!(error.status, Some(404 | 409)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Follows them for ever. After a failure, and after ten minutes without an event, all are listed again; the watch of Pods, of which there are
    /// many, is resumed after a failure instead.
    pub(crate) fn follow(self, lists: Lists, labels: Option<String>) -> BoxStream<'static, Seen> {
        let following = Following { objects: self, lists, labels, events: None, pause: Duration::ZERO };
        futures_util::stream::unfold(following, |mut following| async {
            Some((following.next().await, following))
        })
        .boxed()
    }

    fn watcher(
        &self,
        lists: Lists,
        labels: Option<&str>,
    ) -> BoxStream<'static, watcher::Result<watcher::Event<DynamicObject>>> {
        let mut config = watcher::Config::default().page_size(PAGE).timeout(WATCH_SECONDS);
        if lists == Lists::Streamed {
            config = config.streaming_lists();
        }
        if let Some(labels) = labels {
            config = config.labels(labels);
        }
        watcher(self.api.clone(), config).default_backoff().boxed()
    }
}

/// Objects that are followed.
struct Following {
    objects: Objects,
    lists: Lists,
    labels: Option<String>,
    events: Option<BoxStream<'static, watcher::Result<watcher::Event<DynamicObject>>>>,
    /// Before they are listed again.
    pause: Duration,
}

impl Following {
    async fn next(&mut self) -> Seen {
        let kind = self.objects.kind;
        loop {
            let events = match &mut self.events {
                Some(events) => events,
                None => {
                    tokio::time::sleep(self.pause).await;
                    self.events.insert(self.objects.watcher(self.lists, self.labels.as_deref()))
                }
            };
            let seen = match tokio::time::timeout(SILENCE, events.next()).await {
                Ok(Some(Ok(event))) => {
                    self.pause = Duration::ZERO;
                    return match event {
                        watcher::Event::Init => Seen::Starts,
                        watcher::Event::InitApply(object) | watcher::Event::Apply(object) => {
                            Seen::Is(to_value(object, kind))
                        }
                        watcher::Event::Delete(object) => Seen::Gone(to_value(object, kind)),
                        watcher::Event::InitDone => Seen::Ends,
                    };
                }
                Ok(Some(Err(error))) => Some(Seen::Failed(failure(kind, error))),
                Ok(None) | Err(_) => None,
            };
            if let (Some(Seen::Failed(error)), Lists::Streamed) = (&seen, self.lists)
                && matches!(error.status, Some(400 | 422))
            {
                tracing::info!(%error, "the server does not stream lists");
                self.lists = Lists::Paged;
                self.events = None;
            }
            if kind != Kind::POD || seen.is_none() {
                self.events = None;
                let jitter = self.pause.mul_f64(random() / 2.0);
                self.pause = (2 * self.pause).clamp(FIRST_PAUSE, LAST_PAUSE) + jitter;
            }
            if let Some(seen) = seen {
                return seen;
            }
        }
    }
}

/// By force: nothing else is to write our fields.
fn ours() -> PatchParams {
    PatchParams::apply(MANAGER).force()
}

fn failure(kind: Kind, error: watcher::Error) -> ClusterError {
    let status = match &error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    };
    ClusterError { what: kind.plural.to_owned(), problem: trust_core::Reasons(&error).to_string(), status }
}

/// How a server lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lists {
    /// Page by page, each held whole.
    Paged,
    /// One object after the other.
    Streamed,
}

impl Lists {
    /// As this server does.
    pub(crate) async fn of(server: &ApiServer) -> Result<Self, ClusterError> {
        let version = server.0.apiserver_version().await;
        let version = version.map_err(|error| ClusterError::new("the server's version", &error))?;
        // Some providers write `29+`.
        let minor: String = version.minor.chars().take_while(char::is_ascii_digit).collect();
        let streams = version.major == "1" && minor.parse::<u32>().is_ok_and(|minor| minor >= STREAMS_LISTS);
        Ok(if streams { Self::Streamed } else { Self::Paged })
    }
}

/// An object as the server has it, without the lists of who wrote which field.
fn to_value(object: DynamicObject, kind: Kind) -> Value {
    let DynamicObject { mut metadata, data, .. } = object;
    metadata.managed_fields = Default::default();
    let mut fields = match data {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    // Items of a list do not say what they are.
    fields.insert("apiVersion".to_owned(), kind.api_version().into());
    fields.insert("kind".to_owned(), kind.kind.into());
    fields.insert("metadata".to_owned(), serde_json::to_value(metadata).unwrap_or_default());
    Value::Object(fields)
}

/// A field of an object, or `null`.
pub(crate) fn field<'v>(value: &'v Value, name: &str) -> &'v Value {
    value.get(name).unwrap_or(&Value::Null)
}

/// What an object is called.
pub(crate) fn id_of(object: &Value) -> ResourceId {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    ResourceId {
        api_version: text("/apiVersion"),
        kind: text("/kind"),
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name"),
    }
}

impl ApiServer {
    /// The kind in the version that the server knows, if there is an older one with the same fields; asked until the server answers.
    /// Policies of a definition that was not brought up to date are not overlooked.
    pub(crate) async fn known_version(&self, kind: Kind) -> Kind {
        if kind != Kind::IMAGE_TRUST_POLICY {
            return kind;
        }
        loop {
            match kind.everywhere(self).is_known().await {
                Ok(()) => return kind,
                Err(error) if error.is_not_found() => return Kind::OLDER_IMAGE_TRUST_POLICY,
                // Which one it knows is not known: where it is the older one, there would seem to be no policies.
                Err(error) => {
                    tracing::warn!(%error, kind = kind.kind, "the version of this kind is not known yet");
                    tokio::time::sleep(LAST_PAUSE).await;
                }
            }
        }
    }
}

/// Follows several kinds at once, each with the labels by which objects are chosen, if only some are.
pub(crate) fn follow_all(
    server: &ApiServer,
    kinds: impl IntoIterator<Item = (Kind, Option<String>)>,
    lists: Lists,
) -> BoxStream<'static, (Kind, Seen)> {
    let streams = kinds.into_iter().map(|(kind, labels)| {
        let seen = kind.everywhere(server).follow(lists, labels);
        seen.map(move |seen| (kind, seen)).boxed()
    });
    futures_util::stream::select_all(streams.collect::<Vec<_>>()).boxed()
}
