//! [`Resource`]: a Kubernetes object, and the images that it would run.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::kubernetes::image_pattern::{ReferenceForms, ReferencePattern};
use crate::yaml::{self, Node, Span, YamlError};

/// Kubernetes' own limit is the size of the object; this one bounds the work.
const MAX_CONTAINERS: usize = 1000;

/// A Kubernetes object that asks to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    id: ResourceId,
    object: Value,
    images: Vec<ContainerImage>,
}

/// Which object it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceId {
    /// Group and version, such as `apps/v1`.
    pub api_version: String,
    /// Kind, such as `Deployment`.
    pub kind: String,
    /// Namespace; empty if none is written.
    pub namespace: String,
    /// Name, or the prefix of the name that the API server will generate.
    pub name: String,
}

/// In which list of a pod a container stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ContainerKind {
    /// `initContainers`
    Init,
    /// `containers`
    Regular,
    /// `ephemeralContainers`
    Ephemeral,
    /// `volumes`: an image that is mounted.
    Volume,
    /// Elsewhere, where a policy says.
    Custom,
}

impl ContainerKind {
    /// Those of pods: the list, and where in its elements the image stands.
    pub(crate) const OF_PODS: [(Self, &str, &str); 4] = [
        (Self::Init, "initContainers", "image"),
        (Self::Regular, "containers", "image"),
        (Self::Ephemeral, "ephemeralContainers", "image"),
        (Self::Volume, "volumes", "image/reference"),
    ];

    /// Where a pod's status says what they run; `None` if it does not.
    pub(crate) fn statuses(self) -> Option<&'static str> {
        match self {
            Self::Init => Some("initContainerStatuses"),
            Self::Regular => Some("containerStatuses"),
            Self::Ephemeral => Some("ephemeralContainerStatuses"),
            Self::Volume | Self::Custom => None,
        }
    }
}

/// An image that a resource would run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerImage {
    /// In which list the container stands.
    pub kind: ContainerKind,
    /// The container's name.
    pub container: String,
    /// JSON pointer (RFC 6901) to the image.
    pub pointer: String,
    /// The image as written, or as a policy's expression makes it of what is written.
    pub image: String,
    /// Whether it is as written, so that it can be replaced.
    pub is_written: bool,
    /// How patterns see it; `None` if it is no reference.
    forms: Option<ReferenceForms>,
}

impl ContainerImage {
    pub(crate) fn new(
        kind: ContainerKind,
        container: String,
        pointer: String,
        image: String,
        is_written: bool,
    ) -> Self {
        let forms = ReferenceForms::of(&image).ok();
        Self { kind, container, pointer, image, is_written, forms }
    }

    /// How patterns see it; `None` if it is no reference.
    pub(crate) fn forms(&self) -> Option<&ReferenceForms> {
        self.forms.as_ref()
    }

    /// Whether patterns select it. What cannot be read is selected by every pattern, and passed over by none: it must not slip
    /// through.
    pub(crate) fn is_selected(&self, references: &[ReferencePattern], except: &[ReferencePattern]) -> bool {
        let Some(forms) = self.forms() else { return !references.is_empty() };
        references.iter().any(|pattern| pattern.selects(forms))
            && !except.iter().any(|pattern| pattern.passes_over(forms))
    }

    /// Whether it is passed over by name though a pattern selects it.
    pub(crate) fn is_passed_over(
        &self,
        references: &[ReferencePattern],
        except: &[ReferencePattern],
    ) -> bool {
        self.forms().is_some_and(|forms| {
            references.iter().any(|pattern| pattern.selects(forms))
                && except.iter().any(|pattern| pattern.passes_over(forms))
        })
    }

    /// Whether it stands where pods have images.
    pub(crate) fn is_in_pod(&self) -> bool {
        self.kind != ContainerKind::Custom
    }
}

impl fmt::Display for ContainerImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ContainerKind::Init => "init container",
            ContainerKind::Regular => "container",
            ContainerKind::Ephemeral => "ephemeral container",
            ContainerKind::Volume => "volume",
            ContainerKind::Custom => "image",
        };
        write!(f, "{kind} `{}`", self.container)
    }
}

/// The document is not a Kubernetes object whose images can be found.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// It is not YAML.
    #[error("resource is not readable YAML: {0}")]
    Yaml(#[from] YamlError),
    /// A value is absent or of another type.
    #[error("{}`{pointer}` is {found}, expected {expected}", place(*span))]
    Value {
        /// Where in the text, if it came as text.
        span: Option<Span>,
        /// JSON pointer to the value.
        pointer: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// There are too many containers.
    #[error("resource has {found} containers or more, expected at most {MAX_CONTAINERS}")]
    TooManyContainers {
        /// How many.
        found: usize,
    },
}

fn place(span: Option<Span>) -> String {
    span.map_or_else(String::new, |span| format!("{span}: "))
}

/// Where pods stand in the kinds that have some: Pod and the seven controllers.
const POD_TEMPLATES: [(&str, &str); 8] = [
    ("Pod", ""),
    ("CronJob", "/spec/jobTemplate/spec/template"),
    ("DaemonSet", "/spec/template"),
    ("Deployment", "/spec/template"),
    ("Job", "/spec/template"),
    ("ReplicaSet", "/spec/template"),
    ("ReplicationController", "/spec/template"),
    ("StatefulSet", "/spec/template"),
];

/// Kinds of Kubernetes' own that have no namespace.
const CLUSTER_KINDS: [&str; 24] = [
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterTrustBundle",
    "ComponentStatus",
    "CustomResourceDefinition",
    "DeviceClass",
    "FlowSchema",
    "IPAddress",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
];

impl Resource {
    /// Reads every object of a YAML or JSON text, as kubectl takes them: the items of a `List`, a `PodList` and the like stand
    /// for themselves, and what names no namespace is in `default`.
    ///
    /// # Errors
    /// If the text is not YAML, or a document is not a Kubernetes object.
    pub fn from_yaml(text: &str) -> Result<Vec<Self>, ResourceError> {
        let mut resources = Vec::new();
        for document in yaml::parse_documents(text)? {
            Self::take(&document, None, &mut resources)?;
        }
        Ok(resources)
    }

    /// Takes an object, or each item of a list, which may leave out what the list says of them.
    fn take(node: &Node, list: Option<&Node>, resources: &mut Vec<Self>) -> Result<(), ResourceError> {
        if let Some(yaml::Value::List(items)) = node.get("items").map(|items| &items.value) {
            return items.iter().try_for_each(|item| Self::take(item, Some(node), resources));
        }
        let mut item = node.clone();
        if let (Some(list), yaml::Value::Map(fields)) = (list, &mut item.value) {
            let text = |name: &str| list.get(name).and_then(Node::as_str);
            let kind =
                text("kind").and_then(|kind| kind.strip_suffix("List")).filter(|kind| !kind.is_empty());
            for (name, value) in
                [("apiVersion", text("apiVersion").filter(|_| kind.is_some())), ("kind", kind)]
            {
                let is_absent = fields.iter().all(|(key, _)| key != name);
                if let (Some(value), true) = (value, is_absent) {
                    let value = yaml::Value::Text(value.to_owned());
                    fields.push((name.to_owned(), Node { span: node.span(), value }));
                }
            }
        }
        let mut resource = Self::from_node(&item)?;
        if resource.is_namespaced() {
            resource.set_namespace("default");
        }
        resources.push(resource);
        Ok(())
    }

    /// Whether it is of a kind of Kubernetes' own that has a namespace.
    fn is_namespaced(&self) -> bool {
        let group = self.id.api_version.split_once('/').map_or("", |(group, _)| group);
        let is_own = !group.contains('.') || group.ends_with(".k8s.io");
        is_own && !CLUSTER_KINDS.contains(&self.id.kind.as_str())
    }

    fn from_node(node: &Node) -> Result<Self, ResourceError> {
        Self::from_json(node.to_json()).map_err(|error| match error {
            ResourceError::Value { pointer, found, expected, .. } => {
                ResourceError::Value { span: Some(span_at(node, &pointer)), pointer, found, expected }
            }
            other => other,
        })
    }

    /// An object that is already parsed.
    ///
    /// # Errors
    /// If it has no `kind`, or its containers are not where its kind has them.
    pub fn from_json(object: Value) -> Result<Self, ResourceError> {
        let text = |pointer: &str| text_at(&object, pointer);
        let required = |pointer: &str, expected| text(pointer)?.ok_or_else(|| wrong(pointer, None, expected));
        let name = match text("/metadata/name")? {
            Some(name) => Some(name),
            None => text("/metadata/generateName")?.map(|prefix| format!("{prefix}*")),
        };
        let id = ResourceId {
            api_version: required("/apiVersion", "an API version such as `v1`")?,
            kind: required("/kind", "a kind such as `Pod`")?,
            namespace: text("/metadata/namespace")?.unwrap_or_default(),
            name: name.unwrap_or_default(),
        };
        let mut resource = Self { id, object, images: Vec::new() };
        resource.images = resource.find_images()?;
        Ok(resource)
    }

    /// Gives it a namespace, if it names none.
    pub(crate) fn set_namespace(&mut self, namespace: &str) {
        if self.id.namespace.is_empty() && !namespace.is_empty() {
            namespace.clone_into(&mut self.id.namespace);
            if let Value::Object(fields) = &mut self.object {
                let metadata = fields.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(metadata) = metadata {
                    metadata.insert("namespace".to_owned(), namespace.into());
                }
            }
        }
    }

    /// Which object it is.
    #[must_use]
    pub fn id(&self) -> &ResourceId {
        &self.id
    }

    /// The object.
    #[must_use]
    pub fn object(&self) -> &Value {
        &self.object
    }

    /// JSON pointer to the pod, or the template of pods, that this resource runs; `None` if its kind has none.
    #[must_use]
    pub fn pod_pointer(&self) -> Option<&'static str> {
        POD_TEMPLATES.iter().find(|(kind, _)| *kind == self.id.kind).map(|&(_, pointer)| pointer)
    }

    /// Every image that it would run or mount: of init containers, containers, ephemeral containers and volumes.
    #[must_use]
    pub fn images(&self) -> &[ContainerImage] {
        &self.images
    }

    fn find_images(&self) -> Result<Vec<ContainerImage>, ResourceError> {
        let Some(pod) = self.pod_pointer() else { return Ok(Vec::new()) };
        let mut images = Vec::new();
        for (kind, list, place) in ContainerKind::OF_PODS {
            let list_pointer = format!("{pod}/spec/{list}");
            let list = match self.object.pointer(&list_pointer) {
                None | Some(Value::Null) => continue,
                Some(Value::Array(list)) => list,
                Some(other) => return Err(wrong(&list_pointer, Some(other), "a list")),
            };
            for index in 0..list.len() {
                let container = format!("{list_pointer}/{index}");
                let name = text_at(&self.object, &format!("{container}/name"))?;
                let pointer = format!("{container}/{place}");
                // The API server fills in no image: a container without one cannot run.
                if let Some(image) = text_at(&self.object, &pointer)?.filter(|image| !image.trim().is_empty())
                {
                    if images.len() == MAX_CONTAINERS {
                        return Err(ResourceError::TooManyContainers { found: MAX_CONTAINERS + 1 });
                    }
                    let name = name.unwrap_or_else(|| index.to_string());
                    images.push(ContainerImage::new(kind, name, pointer, image, true));
                }
            }
        }
        Ok(images)
    }
}

/// The text at a place; `None` if nothing is there, an error if something else is.
fn text_at(object: &Value, pointer: &str) -> Result<Option<String>, ResourceError> {
    match object.pointer(pointer) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(wrong(pointer, Some(other), "a text")),
    }
}

/// The reference to the controller that owns an object.
pub(crate) fn controller(object: &Value) -> Option<&Value> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    owners.iter().find(|one| one.get("controller").and_then(Value::as_bool) == Some(true))
}

pub(crate) fn wrong(pointer: &str, found: Option<&Value>, expected: &'static str) -> ResourceError {
    let found = match found {
        None => "absent".to_owned(),
        Some(Value::Object(_)) => "a map".to_owned(),
        Some(Value::Array(_)) => "a list".to_owned(),
        Some(other) => format!("`{other}`"),
    };
    ResourceError::Value { span: None, pointer: pointer.to_owned(), found, expected }
}

/// The place of the value that a JSON pointer names, or of what is nearest to it.
fn span_at(node: &Node, pointer: &str) -> Span {
    let mut node = node;
    for key in pointer.split('/').skip(1) {
        let child = match &node.value {
            yaml::Value::List(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
            _ => node.get(key),
        };
        match child {
            Some(child) => node = child,
            None => break,
        }
    }
    node.span()
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.object.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_json(Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(yaml: &str) -> Vec<String> {
        let resources = Resource::from_yaml(yaml).unwrap();
        resources[0].images().iter().map(|image| image.pointer.clone()).collect()
    }

    #[test]
    fn images_of_every_kind_of_container_are_found() {
        let yaml = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: a, image: x}]\n  \
                    initContainers: [{name: b, image: b}]\n  ephemeralContainers: [{name: c, image: c}]\n";
        assert_eq!(
            pointers(yaml),
            ["/spec/initContainers/0/image", "/spec/containers/0/image", "/spec/ephemeralContainers/0/image"]
        );
    }

    #[test]
    fn images_of_every_controller_are_found() {
        for (kind, template) in POD_TEMPLATES.iter().skip(1) {
            let pod = r#"{"spec":{"containers":[{"name":"a","image":"x"}]}}"#;
            let object = template.split('/').skip(1).collect::<Vec<_>>().into_iter().rev().fold(
                serde_json::from_str::<Value>(pod).unwrap(),
                |inner, key| serde_json::json!({ key: inner }),
            );
            let mut object = object;
            object["apiVersion"] = "v1".into();
            object["kind"] = (*kind).into();
            let resource = Resource::from_json(object).unwrap();
            assert_eq!(resource.images()[0].pointer, format!("{template}/spec/containers/0/image"), "{kind}");
        }
    }

    #[test]
    fn an_image_that_is_not_text_is_refused_with_its_place() {
        let yaml = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    image: [x]\n";
        let expected = ResourceError::Value {
            span: Some(Span { line: 6, column: 12 }),
            pointer: "/spec/containers/0/image".to_owned(),
            found: "a list".to_owned(),
            expected: "a text",
        };
        assert_eq!(Resource::from_yaml(yaml), Err(expected));
    }

    #[test]
    fn a_document_without_kind_is_refused() {
        let error = Resource::from_yaml("apiVersion: v1\n").unwrap_err();
        assert_eq!(error.to_string(), "line 1, column 1: `/kind` is absent, expected a kind such as `Pod`");
    }

    #[test]
    fn a_list_stands_for_its_items() {
        let yaml = "kind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n\
                    - {apiVersion: v1, kind: Pod, metadata: {name: b, namespace: shop}}\n";
        let ids: Vec<_> =
            Resource::from_yaml(yaml).unwrap().iter().map(|resource| resource.id().to_string()).collect();
        assert_eq!(ids, ["Pod default/a", "Pod shop/b"]);
    }

    #[test]
    fn files_are_read_as_kubectl_reads_them() {
        let yaml = "kind: PodList\napiVersion: v1\nitems:\n- metadata: {name: a}\n- {kind: List, items: [{metadata: {name: b}, \
                    kind: Namespace, apiVersion: v1}]}\n- {metadata: {name: c}, kind: Thing, apiVersion: x.io/v1}\n";
        let resources = Resource::from_yaml(yaml).unwrap();
        let ids: Vec<_> = resources.iter().map(|resource| resource.id().to_string()).collect();
        // What kind of thing a custom resource is, only the cluster knows.
        assert_eq!(ids, ["Pod default/a", "Namespace b", "Thing c"]);
        assert_eq!(resources[0].object()["metadata"]["namespace"], "default");
    }
}
