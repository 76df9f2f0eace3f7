//! [`ClusterObjects`]: what rules ask of the cluster: ConfigMaps and Secrets, labels of namespaces, roles of users.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::{broadcast, watch};
use trust_gate::{Boxed, Deadline, ObjectStore, StoreError, Surroundings};
use trust_policy::{ObjectName, Request, User};

use crate::api::{ApiServer, Kind, Lists, Seen, field, follow_all, id_of};

/// How long the request for one namespace's labels may take.
const MAX_WAIT: Duration = Duration::from_secs(2);
/// Relabelled namespaces that wait for a listener.
const MAX_RELABELLED: usize = 256;

/// What rules ask of the cluster. ConfigMaps and Secrets are asked for one by one, and only those that a rule names; labels of
/// namespaces, and which roles are bound to whom, are [followed](Self::follow).
#[derive(Clone, Debug)]
pub(crate) struct ClusterObjects {
    server: ApiServer,
    known: Arc<RwLock<Known>>,
    knows_roles: bool,
    relabelled: broadcast::Sender<String>,
    is_listed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Known {
    namespaces: Followed<BTreeMap<String, String>>,
    bindings: Followed<Binding>,
    cluster_bindings: Followed<Binding>,
}

/// Objects of one kind, as they were seen last.
#[derive(Debug)]
struct Followed<T> {
    /// By namespace and name.
    objects: BTreeMap<(String, String), T>,
    listing: Option<BTreeMap<(String, String), T>>,
    /// Whether all were listed, and nothing has failed since.
    is_fresh: bool,
}

impl Known {
    /// Takes what is seen of namespaces, and returns those whose labels changed.
    fn relabel(&mut self, seen: Seen) -> Vec<String> {
        let before = match &seen {
            Seen::Ends => self.namespaces.objects.clone(),
            Seen::Is(object) if self.namespaces.listing.is_none() => {
                let key = (String::new(), id_of(object).name);
                self.namespaces.objects.get(&key).cloned().map(|labels| (key, labels)).into_iter().collect()
            }
            _ => BTreeMap::new(),
        };
        self.namespaces.seen(seen, labels_of);
        let now = &self.namespaces.objects;
        let changed =
            before.into_iter().filter(|(key, labels)| now.get(key).is_some_and(|now| now != labels));
        changed.map(|((_, name), _)| name).collect()
    }
}

impl<T> Default for Followed<T> {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), listing: None, is_fresh: false }
    }
}

impl<T> Followed<T> {
    fn seen(&mut self, seen: Seen, read: impl Fn(&Value) -> T) {
        let key = |object: &Value| {
            let id = id_of(object);
            (id.namespace, id.name)
        };
        match seen {
            Seen::Starts => self.listing = Some(BTreeMap::new()),
            Seen::Is(object) => {
                let listing = self.listing.as_mut();
                self.is_fresh |= listing.is_none();
                listing.unwrap_or(&mut self.objects).insert(key(&object), read(&object));
            }
            Seen::Gone(object) => drop(self.objects.remove(&key(&object))),
            Seen::Ends => {
                // An end without a beginning does not say that there are none.
                let Some(listing) = self.listing.take() else { return };
                (self.objects, self.is_fresh) = (listing, true);
            }
            Seen::Failed(_) => self.is_fresh = false,
        }
    }
}

/// A role, and to whom it is bound.
#[derive(Debug)]
struct Binding {
    is_cluster_role: bool,
    /// Of a Role, `<namespace>:<name>`.
    role: String,
    subjects: Vec<Subject>,
}

#[derive(Debug)]
enum Subject {
    User(String),
    Group(String),
    ServiceAccount { namespace: String, name: String },
}

impl Binding {
    /// Reads a RoleBinding or a ClusterRoleBinding
    /// ([RBAC](https://kubernetes.io/docs/reference/access-authn-authz/rbac/#rolebinding-and-clusterrolebinding)).
    fn read(object: &Value) -> Self {
        let text = |value: &Value, name: &str| field(value, name).as_str().unwrap_or_default().to_owned();
        let id = id_of(object);
        let role = field(object, "roleRef");
        let is_cluster_role = field(role, "kind") == "ClusterRole";
        let name = text(role, "name");
        let subject = |subject: &Value| match field(subject, "kind").as_str()? {
            "User" => Some(Subject::User(text(subject, "name"))),
            "Group" => Some(Subject::Group(text(subject, "name"))),
            "ServiceAccount" => {
                let namespace = Some(text(subject, "namespace")).filter(|namespace| !namespace.is_empty());
                let namespace = namespace.unwrap_or_else(|| id.namespace.clone());
                Some(Subject::ServiceAccount { namespace, name: text(subject, "name") })
            }
            _ => None,
        };
        let subjects =
            field(object, "subjects").as_array().into_iter().flatten().filter_map(subject).collect();
        let role = if is_cluster_role { name } else { format!("{}:{name}", id.namespace) };
        Self { is_cluster_role, role, subjects }
    }

    fn binds(&self, user: &User) -> bool {
        let account =
            user.username.strip_prefix("system:serviceaccount:").and_then(|one| one.split_once(':'));
        self.subjects.iter().any(|subject| match subject {
            Subject::User(name) => *name == user.username,
            Subject::Group(name) => user.groups.contains(name),
            Subject::ServiceAccount { namespace, name } => account == Some((namespace, name)),
        })
    }
}

impl ClusterObjects {
    pub(crate) fn new(server: ApiServer, knows_roles: bool) -> Self {
        let (relabelled, is_listed) = (broadcast::Sender::new(MAX_RELABELLED), watch::Sender::new(false));
        Self { server, known: Arc::default(), knows_roles, relabelled, is_listed }
    }

    /// The names of namespaces whose labels changed, each after the new ones are known.
    pub(crate) fn relabelled(&self) -> broadcast::Receiver<String> {
        self.relabelled.subscribe()
    }

    /// Waits until all that is followed was listed once.
    pub(crate) async fn listed(&self) {
        // The sender lives as long as `self`.
        let _ = self.is_listed.subscribe().wait_for(|is_listed| *is_listed).await;
    }

    /// Follows namespaces and bindings for ever. Until they are listed, labels are requested one by one, and roles are unknown.
    pub(crate) async fn follow(self, lists: Lists) {
        let roles = [Kind::ROLE_BINDING, Kind::CLUSTER_ROLE_BINDING];
        let kinds = [Kind::NAMESPACE].into_iter().chain(roles.into_iter().filter(|_| self.knows_roles));
        let mut all = follow_all(&self.server, kinds.map(|kind| (kind, None)), lists);
        while let Some((kind, seen)) = all.next().await {
            if let Seen::Failed(error) = &seen {
                tracing::warn!(%error, "cannot be followed; it is listed again");
            }
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            let relabelled = match kind {
                Kind::ROLE_BINDING => {
                    known.bindings.seen(seen, Binding::read);
                    Vec::new()
                }
                Kind::CLUSTER_ROLE_BINDING => {
                    known.cluster_bindings.seen(seen, Binding::read);
                    Vec::new()
                }
                _ => known.relabel(seen),
            };
            let is_listed = known.namespaces.is_fresh
                && (!self.knows_roles || known.bindings.is_fresh && known.cluster_bindings.is_fresh);
            drop(known);
            // It is no failure that nothing listens.
            relabelled.into_iter().for_each(|name| drop(self.relabelled.send(name)));
            self.is_listed.send_if_modified(|was| is_listed && !core::mem::replace(was, true));
        }
    }

    async fn labels(&self, namespace: &str) -> Option<BTreeMap<String, String>> {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let key = (String::new(), namespace.to_owned());
            if let Some(labels) = known.namespaces.objects.get(&key).filter(|_| known.namespaces.is_fresh) {
                return Some(labels.clone());
            }
        }
        // It may be newer than what was seen.
        match Kind::NAMESPACE.everywhere(&self.server).get(namespace).await {
            Ok(found) => found.as_ref().map(labels_of),
            Err(error) => {
                tracing::warn!(%error, "labels of the namespace are unknown");
                None
            }
        }
    }

    /// Roles, and cluster roles, that are bound to a user in any namespace.
    fn roles(&self, user: &User) -> Option<(Vec<String>, Vec<String>)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if !(known.bindings.is_fresh && known.cluster_bindings.is_fresh) {
            return None;
        }
        let all = known.bindings.objects.values().chain(known.cluster_bindings.objects.values());
        let (mut roles, mut cluster_roles) = (BTreeSet::new(), BTreeSet::new());
        for binding in all.filter(|binding| binding.binds(user)) {
            let roles = if binding.is_cluster_role { &mut cluster_roles } else { &mut roles };
            roles.insert(binding.role.clone());
        }
        Some((roles.into_iter().collect(), cluster_roles.into_iter().collect()))
    }
}

fn labels_of(object: &Value) -> BTreeMap<String, String> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    labels.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

impl ObjectStore for ClusterObjects {
    fn object<'a>(
        &'a self,
        name: &'a ObjectName,
        _: Deadline,
    ) -> Boxed<'a, Result<Option<Value>, StoreError>> {
        Box::pin(async {
            let kind = match name.kind {
                "ConfigMap" => Kind::CONFIG_MAP,
                "Secret" => Kind::SECRET,
                other => {
                    let problem = format!("found kind {other}, expected ConfigMap or Secret");
                    return Err(StoreError::Unavailable { what: name.to_string(), problem });
                }
            };
            let found = kind.within(&self.server, &name.namespace).get(&name.name).await;
            found.map_err(|error| StoreError::Unavailable { what: name.to_string(), problem: error.problem })
        })
    }
}

impl Surroundings for ClusterObjects {
    fn complete<'a>(&'a self, request: &'a mut Request, until: Deadline) -> Boxed<'a, ()> {
        Box::pin(async move {
            let namespace = request.resource.id().namespace.clone();
            if request.namespace_labels.is_none() && !namespace.is_empty() {
                let left = until.left().map_or(MAX_WAIT, |left| MAX_WAIT.min(left));
                let found = tokio::time::timeout(left, self.labels(&namespace)).await;
                request.namespace_labels = found.unwrap_or_default();
            }
            if request.roles.is_none()
                && let Some((roles, cluster_roles)) = request.user.as_ref().and_then(|user| self.roles(user))
            {
                (request.roles, request.cluster_roles) = (Some(roles), Some(cluster_roles));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(name: &str, groups: &[&str]) -> User {
        let mut user = User::default();
        (user.username, user.groups) = (name.to_owned(), groups.iter().map(ToString::to_string).collect());
        user
    }

    #[test]
    fn a_binding_binds_users_groups_and_accounts_of_its_own_namespace_by_default() {
        let binding = Binding::read(&json!({
            "metadata": {"namespace": "team", "name": "b"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "deployer"},
            "subjects": [{"kind": "User", "name": "ann"}, {"kind": "Group", "name": "ops"},
                {"kind": "ServiceAccount", "name": "ci"}, {"kind": "ServiceAccount", "name": "cd", "namespace": "other"}],
        }));
        assert_eq!((binding.role.as_str(), binding.is_cluster_role), ("team:deployer", false));
        for (name, groups, is_bound) in [
            ("ann", vec![], true),
            ("bob", vec![], false),
            ("bob", vec!["ops"], true),
            ("ops", vec!["ann"], false),
            ("system:serviceaccount:team:ci", vec![], true),
            ("system:serviceaccount:other:ci", vec![], false),
            ("system:serviceaccount:other:cd", vec![], true),
            ("ci", vec![], false),
        ] {
            assert_eq!(binding.binds(&user(name, &groups)), is_bound, "{name} {groups:?}");
        }
        let cluster = Binding::read(
            &json!({"metadata": {"name": "b"}, "roleRef": {"kind": "ClusterRole", "name": "admin"}}),
        );
        assert_eq!((cluster.role.as_str(), cluster.is_cluster_role), ("admin", true));
        assert!(!cluster.binds(&user("ann", &["ops"])));
    }

    #[test]
    fn what_was_seen_is_fresh_until_something_fails() {
        let mut all = Followed::default();
        let namespace = |name: &str, label: &str| json!({"metadata": {"name": name, "labels": {"l": label}}});
        let label = |all: &Followed<BTreeMap<String, String>>, name: &str| {
            all.objects.get(&(String::new(), name.to_owned())).map(|labels| labels["l"].clone())
        };
        all.seen(Seen::Starts, labels_of);
        all.seen(Seen::Is(namespace("a", "1")), labels_of);
        assert_eq!((label(&all, "a"), all.is_fresh), (None, false));
        all.seen(Seen::Ends, labels_of);
        assert_eq!((label(&all, "a").as_deref(), all.is_fresh), (Some("1"), true));
        let error = crate::ClusterError { what: String::new(), problem: String::new(), status: None };
        all.seen(Seen::Failed(error), labels_of);
        assert!(!all.is_fresh);
        all.seen(Seen::Is(namespace("a", "2")), labels_of);
        assert_eq!((label(&all, "a").as_deref(), all.is_fresh), (Some("2"), true));
        all.seen(Seen::Ends, labels_of);
        assert_eq!(label(&all, "a").as_deref(), Some("2"), "an end without a beginning is no list of none");
        all.seen(Seen::Gone(namespace("a", "2")), labels_of);
        assert_eq!(label(&all, "a"), None);
    }
}
