//! [`Workload`]: what a Pod says of itself, and what its node says that it runs.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;
use thiserror::Error;

use crate::drift::running_image::RunningImage;
use crate::kubernetes::request::Request;
use crate::kubernetes::resource::{ContainerKind, ResourceId};

/// The lists of containers of a Pod, and where their status stands.
const LISTS: [(ContainerKind, &str, &str); 3] = [
    (ContainerKind::Init, "initContainers", "initContainerStatuses"),
    (ContainerKind::Regular, "containers", "containerStatuses"),
    (ContainerKind::Ephemeral, "ephemeralContainers", "ephemeralContainerStatuses"),
];
/// Labels that differ from Pod to Pod of one workload.
const LABELS_OF_ONE_POD: [&str; 3] = [
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-completion-index",
];
/// Annotations that are written after admission.
const ANNOTATIONS_OF_ONE_POD: [&str; 8] = [
    "batch.kubernetes.io/job-completion-index",
    "cni.projectcalico.org/containerID",
    "cni.projectcalico.org/podIP",
    "cni.projectcalico.org/podIPs",
    "k8s.ovn.org/pod-networks",
    "k8s.v1.cni.cncf.io/network-status",
    "k8s.v1.cni.cncf.io/networks-status",
    "vpc.amazonaws.com/pod-ips",
];
/// The volume with the token of the service account that the API server adds to each Pod, under a name of its own, and where it is
/// mounted.
const TOKEN_VOLUME: &str = "kube-api-access-";
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A Pod: whose it is, what policies judge of it, and what runs in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Workload {
    /// The workload that it belongs to ([`owner_of`]).
    pub owner: ResourceId,
    /// Its unique identifier.
    pub uid: String,
    /// Its version: a later one is larger. `None` if it is not a number.
    pub version: Option<u64>,
    /// Its containers, in order.
    pub containers: Vec<RunningContainer>,
    /// What policies judge, as JSON: the Pod without its status and without what differs between the Pods of one workload.
    pub(crate) facts: String,
}

/// A container of a Pod.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningContainer {
    /// In which list it stands.
    pub kind: ContainerKind,
    /// Its name.
    pub name: String,
    /// Its image as written.
    pub image: String,
    /// What its node says that it runs.
    pub running: RunningImage,
}

/// An object is not a Pod that can be followed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{pointer}` of the Pod is {found}, expected {expected}")]
pub struct WorkloadError {
    /// JSON pointer to the value.
    pub pointer: String,
    /// What was found.
    pub found: String,
    /// What was expected.
    pub expected: &'static str,
}

impl Workload {
    /// Reads a Pod as the API server has it, with its status.
    ///
    /// # Errors
    /// If it has no uid, name or namespace, or its containers are not where Pods have them.
    pub fn of_pod(pod: &Value) -> Result<Self, WorkloadError> {
        let text = |pointer: &str| {
            let value = pod.pointer(pointer);
            value
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .ok_or_else(|| wrong(pointer, value, "a text"))
        };
        let mut containers = Vec::new();
        for (kind, list, statuses) in LISTS {
            let statuses = pod.pointer("/status").and_then(|status| status.get(statuses));
            let statuses = statuses.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let pointer = format!("/spec/{list}");
            let items = match pod.pointer(&pointer) {
                None | Some(Value::Null) => continue,
                Some(Value::Array(items)) => items,
                found => return Err(wrong(&pointer, found, "a list")),
            };
            for (index, item) in items.iter().enumerate() {
                let field = |name: &str| {
                    let value = item.get(name);
                    let wrong = || wrong(&format!("{pointer}/{index}/{name}"), value, "a text");
                    value.and_then(Value::as_str).ok_or_else(wrong)
                };
                let (name, image) = (field("name")?.to_owned(), field("image")?.to_owned());
                let status =
                    statuses.iter().find(|one| one.get("name").and_then(Value::as_str) == Some(&name));
                let id = status.and_then(|one| one.get("imageID"));
                let running = match id {
                    None | Some(Value::Null) => RunningImage::NotStarted,
                    Some(Value::String(id)) => RunningImage::read(id),
                    Some(other) => RunningImage::Unreadable(other.to_string()),
                };
                containers.push(RunningContainer { kind, name, image, running });
            }
        }
        let volumes = pod.pointer("/spec/volumes").and_then(Value::as_array);
        for volume in volumes.into_iter().flatten() {
            let image = volume.pointer("/image/reference").and_then(Value::as_str);
            let name = volume.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            containers.extend(image.map(|image| RunningContainer {
                kind: ContainerKind::Volume,
                name,
                image: image.to_owned(),
                // No status says what is mounted.
                running: RunningImage::NotStarted,
            }));
        }
        let name = text("/metadata/name")?;
        let own = ResourceId {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: text("/metadata/namespace")?.to_owned(),
            name: name.to_owned(),
        };
        let facts = Facts { value: pod, place: Place::Pod, is_generated: generated_prefix(pod).is_some() };
        Ok(Self {
            owner: owner_of(pod, own),
            uid: text("/metadata/uid")?.to_owned(),
            version: version(pod),
            containers,
            facts: facts.text(),
        })
    }
}

/// The version of an object, by which [later ones are larger](https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions).
pub(crate) fn version(object: &Value) -> Option<u64> {
    object.pointer("/metadata/resourceVersion")?.as_str()?.parse().ok()
}

fn wrong(pointer: &str, found: Option<&Value>, expected: &'static str) -> WorkloadError {
    let found = match found {
        None | Some(Value::Null) => "absent".to_owned(),
        Some(Value::Object(_)) => "a map".to_owned(),
        Some(Value::Array(_)) => "a list".to_owned(),
        Some(other) => format!("`{other}`"),
    };
    WorkloadError { pointer: pointer.to_owned(), found, expected }
}

impl Request {
    /// The workload that the resource belongs to ([`owner_of`]).
    #[must_use]
    pub fn workload(&self) -> ResourceId {
        owner_of(self.resource.object(), self.resource.id().clone())
    }
}

/// The workload that an object belongs to, as far as the object itself says: its controller; of a ReplicaSet the Deployment, whose name
/// stands in that of the ReplicaSet; of a Job that a CronJob made, the CronJob, likewise. A Pod without a controller is a workload of
/// its own, and all with one generated name are one; so is one that a node makes from a file.
///
/// Whoever may create Pods writes this. It says which findings belong together; what a workload may run, it does not say: a verdict
/// on record counts for the images that were judged, and for no others.
#[must_use]
pub fn owner_of(object: &Value, own: ResourceId) -> ResourceId {
    let references = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    let is_controller = |one: &&Value| one.get("controller").and_then(Value::as_bool) == Some(true);
    let controller = references.and_then(|all| all.iter().find(is_controller));
    let field = |name: &str| controller.and_then(|one| one.get(name)).and_then(Value::as_str);
    let (Some(api_version), Some(kind), Some(name)) = (field("apiVersion"), field("kind"), field("name"))
    else {
        let name = generated_prefix(object).filter(|_| own.kind == "Pod").map(|prefix| format!("{prefix}*"));
        return ResourceId { name: name.unwrap_or(own.name), ..own };
    };
    if kind == "Node" {
        return own;
    }
    let label =
        |name: &str| object.pointer("/metadata/labels").and_then(|all| all.get(name)).and_then(Value::as_str);
    let (kind, name) = match kind {
        "ReplicaSet" => {
            let hash = label("pod-template-hash").filter(|hash| !hash.is_empty());
            let deployment = hash.and_then(|hash| name.strip_suffix(hash)?.strip_suffix('-'));
            deployment.map_or((kind, name), |name| ("Deployment", name))
        }
        // The minutes since 1970 at which it was to start.
        "Job" => match name.rsplit_once('-') {
            Some((cron_job, time)) if time.len() == 8 && time.bytes().all(|one| one.is_ascii_digit()) => {
                ("CronJob", cron_job)
            }
            _ => (kind, name),
        },
        _ => (kind, name),
    };
    ResourceId {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: own.namespace,
        name: name.to_owned(),
    }
}

/// What the API server made an object's name of; `None` if the name is not made of it.
fn generated_prefix(object: &Value) -> Option<&str> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let prefix = text("/metadata/generateName").filter(|prefix| !prefix.is_empty())?;
    text("/metadata/name").unwrap_or(prefix).starts_with(prefix).then_some(prefix)
}

/// Where in a Pod a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Pod,
    Metadata,
    Labels,
    Annotations,
    Spec,
    Containers,
    Container,
    Volumes,
    Mounts,
    Affinity,
    Rest,
}

impl Place {
    /// Where a field stands; `None` if it is left out.
    fn field(self, name: &str, is_generated: bool) -> Option<Self> {
        Some(match (self, name) {
            (Self::Pod, "metadata") => Self::Metadata,
            (Self::Pod, "spec") => Self::Spec,
            (Self::Pod, _) => return None,
            (Self::Metadata, "labels") => Self::Labels,
            (Self::Metadata, "annotations") => Self::Annotations,
            (Self::Metadata, "name") if !is_generated => Self::Rest,
            (Self::Metadata, "generateName" | "namespace" | "ownerReferences") => Self::Rest,
            (Self::Metadata, _) => return None,
            (Self::Labels, name) if LABELS_OF_ONE_POD.contains(&name) => return None,
            (Self::Annotations, name) if ANNOTATIONS_OF_ONE_POD.contains(&name) => return None,
            (Self::Spec, "nodeName") => return None,
            (Self::Spec, "hostname") if is_generated => return None,
            (Self::Spec, "containers" | "initContainers" | "ephemeralContainers") => Self::Containers,
            (Self::Spec, "volumes") => Self::Volumes,
            (Self::Container, "volumeMounts") => Self::Mounts,
            (Self::Spec, "affinity") => Self::Affinity,
            // By which a DaemonSet gives each Pod its node.
            (Self::Affinity, "matchFields") => return None,
            (Self::Affinity, _) => Self::Affinity,
            _ => Self::Rest,
        })
    }

    /// Where an item of a list stands; `None` if it is left out.
    fn item(self, item: &Value) -> Option<Self> {
        match self {
            Self::Containers => Some(Self::Container),
            Self::Volumes => (!is_token_volume(item)).then_some(Self::Rest),
            Self::Mounts => {
                let is_token =
                    starts_with(item, "name", TOKEN_VOLUME) && starts_with(item, "mountPath", TOKEN_PATH);
                (!is_token).then_some(Self::Rest)
            }
            other => Some(other),
        }
    }
}

fn starts_with(item: &Value, field: &str, prefix: &str) -> bool {
    item.get(field).and_then(Value::as_str).is_some_and(|text| text.starts_with(prefix))
}

/// Whether a volume is the token's and nothing else: the name alone is written by whoever writes the Pod.
fn is_token_volume(volume: &Value) -> bool {
    let is_projected = volume.as_object().is_some_and(|fields| {
        fields.contains_key("projected")
            && fields.keys().all(|field| matches!(field.as_str(), "name" | "projected"))
    });
    is_projected && starts_with(volume, "name", TOKEN_VOLUME)
}

/// A Pod without what differs between the Pods of one workload: what is judged of all of them at once.
struct Facts<'a> {
    value: &'a Value,
    place: Place,
    /// Whether the Pod's name was generated.
    is_generated: bool,
}

impl Facts<'_> {
    fn text(&self) -> String {
        let mut text = Vec::with_capacity(4096);
        // Neither writing to memory nor a JSON value can fail.
        let _ = serde_json::to_writer(&mut text, self);
        String::from_utf8(text).unwrap_or_default()
    }
}

impl Serialize for Facts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = |value, place| Facts { value, place, is_generated: self.is_generated };
        match (self.value, self.place) {
            (value, Place::Rest) => value.serialize(serializer),
            (Value::Object(fields), place) => {
                let mut map = serializer.serialize_map(None)?;
                if place == Place::Pod {
                    map.serialize_entry("apiVersion", "v1")?;
                    map.serialize_entry("kind", "Pod")?;
                }
                for (name, value) in fields {
                    if let Some(place) = place.field(name, self.is_generated) {
                        map.serialize_entry(name, &at(value, place))?;
                    }
                }
                map.end()
            }
            (Value::Array(items), place) => {
                let mut list = serializer.serialize_seq(None)?;
                for item in items {
                    if let Some(place) = place.item(item) {
                        list.serialize_element(&at(item, place))?;
                    }
                }
                list.end()
            }
            (value, _) => value.serialize(serializer),
        }
    }
}
