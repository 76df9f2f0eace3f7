//! [`Request`]: what is asked of the cluster: a resource, what is done with it, and by whom.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kubernetes::resource::{ContainerImage, ContainerKind, Resource, controller};

/// A resource, and what is known about the request for it. What is not known matters only to policies that ask for it;
/// those then deny.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Request {
    /// The resource as it is to be.
    pub resource: Resource,
    /// What is done with it.
    pub operation: Operation,
    /// The part of the resource that is asked for, such as `status` or `scale`; empty for the resource itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subresource: String,
    /// Of what it is a part, if the object does not say: the Pod of `PodExecOptions`, the Deployment of a `Scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The resource as it was, of an update.
    pub old: Option<Value>,
    /// Who asks, if that is known.
    pub user: Option<User>,
    /// Roles that are bound to the user in the namespace, as `<namespace>:<name>`, if they are known.
    pub roles: Option<Vec<String>>,
    /// Cluster roles, likewise.
    pub cluster_roles: Option<Vec<String>>,
    /// The labels of its namespace, if they are known.
    pub namespace_labels: Option<BTreeMap<String, String>>,
}

/// A resource of which something is a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Parent {
    /// Its group and version, such as `apps/v1`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
}

/// What is done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It is created.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// A client connects to it.
    Connect,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct User {
    /// The name; `system:serviceaccount:<namespace>:<name>` for a service account.
    pub username: String,
    /// The user's groups.
    pub groups: Vec<String>,
}

impl Operation {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Create, Self::Update, Self::Delete, Self::Connect];
}

impl From<Resource> for Request {
    /// The resource is created; nothing else is known.
    fn from(resource: Resource) -> Self {
        Self {
            resource,
            operation: Operation::Create,
            subresource: String::new(),
            parent: None,
            old: None,
            user: None,
            roles: None,
            cluster_roles: None,
            namespace_labels: None,
        }
    }
}

impl Request {
    /// Where the resource itself names no namespace, it is in this one.
    pub(crate) fn in_namespace(mut self, namespace: &str) -> Self {
        self.resource.set_namespace(namespace);
        self
    }
}

impl Request {
    /// Whether it can start images: what is created, or changed, itself, or gets more containers.
    pub(crate) fn starts_images(&self) -> bool {
        matches!(self.operation, Operation::Create | Operation::Update)
            && matches!(self.subresource.as_str(), "" | "ephemeralcontainers")
    }

    /// Whether a controller makes the resource of a template that it compares it with: a ReplicaSet of a Deployment, a Job of a CronJob. Pods
    /// are compared with none.
    pub(crate) fn is_made_by_controller(&self) -> bool {
        self.resource.id().kind != "Pod" && controller(self.resource.object()).is_some()
    }

    /// The request before an update: for the resource as it was.
    pub(crate) fn before(&self) -> Option<Self> {
        let old = self.old.as_ref().filter(|_| self.operation == Operation::Update)?;
        let resource = Resource::from_json(old.clone()).ok()?;
        Some(Self {
            resource,
            operation: self.operation,
            subresource: self.subresource.clone(),
            parent: self.parent.clone(),
            old: None,
            user: self.user.clone(),
            roles: self.roles.clone(),
            cluster_roles: self.cluster_roles.clone(),
            namespace_labels: self.namespace_labels.clone(),
        })
    }
}

/// What an update found there.
#[derive(Debug, Default)]
pub(crate) struct Before {
    /// The request for it; `None` if it is no update, or cannot be read.
    pub(crate) request: Option<Request>,
    images: BTreeSet<(ContainerKind, String, String)>,
}

impl Before {
    pub(crate) fn of(request: &Request) -> Self {
        let before = request.before();
        let same_kind =
            before.as_ref().filter(|one| one.resource.id().kind == request.resource.id().kind).into_iter();
        let images = same_kind.flat_map(|one| one.resource.images()).map(key).collect();
        Self { request: before, images }
    }

    /// Whether the update leaves an image as it was: the same container of the same list has the same image.
    pub(crate) fn has(&self, image: &ContainerImage) -> bool {
        !self.images.is_empty() && self.images.contains(&key(image))
    }

    /// Whether the update leaves every image of a resource as it was, and takes none away. It must have some.
    pub(crate) fn has_all(&self, images: &[ContainerImage]) -> bool {
        let now: BTreeSet<_> = images.iter().map(key).collect();
        !now.is_empty() && now == self.images
    }

    /// Whether the update is of an object that is being deleted, and changes nothing but its metadata and status.
    pub(crate) fn is_being_deleted(&self, request: &Request) -> bool {
        let Some(old) = &self.request else { return false };
        let time = old.resource.object().pointer("/metadata/deletionTimestamp");
        time.is_some_and(|time| !time.is_null())
            && old.resource.id().kind == request.resource.id().kind
            && content(old.resource.object()) == content(request.resource.object())
    }
}

/// The fields of an object but for its metadata and status.
fn content(object: &Value) -> BTreeMap<&String, &Value> {
    let fields = object.as_object().into_iter().flatten();
    fields.filter(|(name, _)| !matches!(name.as_str(), "metadata" | "status")).collect()
}

fn key(image: &ContainerImage) -> (ContainerKind, String, String) {
    (image.kind, image.container.clone(), image.image.clone())
}

impl User {
    /// Namespace and name, if it is a service account.
    pub(crate) fn service_account(&self) -> Option<(&str, &str)> {
        self.username.strip_prefix("system:serviceaccount:")?.split_once(':')
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        })
    }
}
