//! [`Workload`]: what a Pod says of itself, and what its node says that it runs.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

use crate::drift::running_image::RunningImage;
use crate::kubernetes::request::Request;
use crate::kubernetes::resource::{ContainerKind, ResourceError, ResourceId, controller, wrong};

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

impl Workload {
    /// Reads a Pod as the API server has it, with its status.
    ///
    /// # Errors
    /// If it has no uid, name or namespace, or its containers are not where Pods have them.
    pub fn of_pod(pod: &Value) -> Result<Self, ResourceError> {
        let text = |pointer: &str| {
            let value = pod.pointer(pointer);
            value
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
                .ok_or_else(|| wrong(pointer, value, "a text"))
        };
        let mut containers = Vec::new();
        for (kind, list, place) in ContainerKind::OF_PODS {
            let statuses = pod.get("status").and_then(|status| status.get(kind.statuses()?)?.as_array());
            let list = format!("/spec/{list}");
            let items = match pod.pointer(&list) {
                None | Some(Value::Null) => continue,
                Some(Value::Array(items)) => items,
                found => return Err(wrong(&list, found, "a list")),
            };
            for (index, item) in items.iter().enumerate() {
                let field = |place: &str| {
                    let value = item.pointer(&format!("/{place}"));
                    value
                        .and_then(Value::as_str)
                        .ok_or_else(|| wrong(&format!("{list}/{index}/{place}"), value, "a text"))
                };
                if kind == ContainerKind::Volume && item.get("image").is_none() {
                    continue;
                }
                let (name, image) = (field("name")?.to_owned(), field(place)?.to_owned());
                let mut statuses = statuses.into_iter().flatten();
                let status = statuses.find(|one| one.get("name").and_then(Value::as_str) == Some(&name));
                let running = match status.and_then(|one| one.get("imageID")) {
                    None | Some(Value::Null) => RunningImage::NotStarted,
                    Some(Value::String(id)) => RunningImage::read(id),
                    Some(other) => RunningImage::Unreadable(other.to_string()),
                };
                containers.push(RunningContainer { kind, name, image, running });
            }
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
/// A user who may create Pods writes this. It says which findings belong together, and not what a workload may run: a verdict on record
/// counts for the images that were judged, and for no others.
#[must_use]
pub fn owner_of(object: &Value, own: ResourceId) -> ResourceId {
    let controller = controller(object);
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

/// Whether a volume is the token's and nothing else: the author of a Pod can give any volume this name.
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str) -> ResourceId {
        ResourceId {
            kind: "Pod".to_owned(),
            namespace: "n".to_owned(),
            name: name.to_owned(),
            ..ResourceId::default()
        }
    }

    #[test]
    fn the_owner_is_what_a_person_wrote() {
        let owned = |kind: &str, name: &str, is_controller: bool| {
            json!({"metadata": {"labels": {"pod-template-hash": "5d9c"}, "ownerReferences":
                [{"apiVersion": "a/v1", "kind": kind, "name": name, "controller": is_controller}]}})
        };
        for (object, kind, name) in [
            (owned("ReplicaSet", "web-5d9c", true), "Deployment", "web"),
            (owned("ReplicaSet", "web-other", true), "ReplicaSet", "web-other"),
            (owned("Job", "nightly-29384756", true), "CronJob", "nightly"),
            (owned("Job", "import-2024", true), "Job", "import-2024"),
            (owned("StatefulSet", "db", true), "StatefulSet", "db"),
            // A static Pod is a workload of its own, and so is one that only refers to another object.
            (owned("Node", "node-1", true), "Pod", "p"),
            (owned("Deployment", "web", false), "Pod", "p"),
            (json!({"metadata": {"name": "p-x7", "generateName": "p-"}}), "Pod", "p-*"),
            (json!({"metadata": {"name": "p", "generateName": "other-"}}), "Pod", "p"),
        ] {
            let owner = owner_of(&object, pod("p"));
            assert_eq!(
                (owner.kind.as_str(), owner.name.as_str(), owner.namespace.as_str()),
                (kind, name, "n"),
                "{object}"
            );
        }
    }

    #[test]
    fn what_differs_from_pod_to_pod_is_left_out_and_nothing_else_is() {
        let pod = |name: &str, change: &dyn Fn(&mut Value)| {
            let mut pod = json!({
                "metadata": {"name": name, "generateName": "web-", "namespace": "n", "uid": name, "resourceVersion": "1"},
                "spec": {"nodeName": name, "hostname": name, "serviceAccountName": "s",
                    "containers": [{"name": "c", "image": "i", "volumeMounts":
                        [{"name": format!("kube-api-access-{name}"), "mountPath": TOKEN_PATH}]}],
                    "volumes": [{"name": format!("kube-api-access-{name}"), "projected": {"sources": []}}]},
            });
            change(&mut pod);
            Workload::of_pod(&pod).unwrap().facts
        };
        let same = pod("web-1", &|_| {});
        assert_eq!(pod("web-2", &|_| {}), same);
        assert_eq!(
            pod("web-1", &|pod| pod["metadata"]["annotations"] = json!({"cni.projectcalico.org/podIP": "1"})),
            pod("web-2", &|pod| pod["metadata"]["annotations"] = json!({}))
        );
        for change in [
            &(|pod: &mut Value| pod["spec"]["serviceAccountName"] = "t".into()) as &dyn Fn(&mut Value),
            &|pod| pod["spec"]["hostPID"] = true.into(),
            &|pod| pod["metadata"]["annotations"] = json!({"k8s.v1.cni.cncf.io/networks": "a"}),
            &|pod| pod["metadata"]["labels"] = json!({"k8s.v1.cni.cncf.io/network-status": "a"}),
            &|pod| pod["metadata"]["generateName"] = "other-".into(),
            // The token's name on what is no token.
            &|pod| {
                pod["spec"]["volumes"][0] = json!({"name": "kube-api-access-1", "hostPath": {"path": "/"}})
            },
            &|pod| pod["spec"]["volumes"][0]["image"] = json!({"reference": "i"}),
            &|pod| pod["spec"]["containers"][0]["volumeMounts"][0]["mountPath"] = "/etc".into(),
        ] {
            assert_ne!(pod("web-1", change), same);
        }
    }
}
