//! What the expressions of a rule can refer to: the request, its images, and the rule's own names
//! ([variables](https://kyverno.io/docs/policy-types/cluster-policy/variables/)).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use trust_core::{ImageRef, UnixTime};

use crate::evaluate::image_content::{RegistryData, registry_data};
use crate::evidence::{Evidence, FailureKind};
use crate::expression::budget::Budget;
use crate::expression::template::Template;
use crate::expression::{Absence, Scope, Unresolved, UnresolvedKind};
use crate::kubernetes::image_pattern;
use crate::kubernetes::object_name::ObjectName;
use crate::kubernetes::request::Request;
use crate::kubernetes::resource::{ContainerImage, ContainerKind, Resource};
use crate::policy::policy_set::{ContextEntry, ContextSource, Rule};
use crate::verdict::reason::ReasonCode;

/// The scopes of a request's rules. What they share is made once, and they spend one budget.
pub(crate) struct Scopes<'a> {
    request: &'a Request,
    now: UnixTime,
    budget: Budget,
    /// The names that every rule has, by whether it speaks of a pod.
    of_pod: BTreeMap<bool, Scope>,
}

impl<'a> Scopes<'a> {
    pub(crate) fn new(request: &'a Request, now: UnixTime) -> Self {
        Self { request, now, budget: Budget::default(), of_pod: BTreeMap::new() }
    }

    /// The scopes of another request, which spend the same budget.
    pub(crate) fn with_budget(mut self, budget: &Budget) -> Self {
        self.budget = budget.clone();
        self
    }

    /// What the expressions of a request may cost together.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The scope of a rule, without its own names. One without expressions needs none, unless it is asked for.
    pub(crate) fn of_rule(&mut self, rule: &Rule, is_needed: bool) -> Scope {
        let empty = Scope::new(self.now, self.budget.clone());
        if !rule.has_expressions() && !is_needed {
            return empty;
        }
        let request = self.request;
        let build = || {
            let mut scope = empty;
            set_request(&mut scope, request, rule.of_pod);
            set_images(&mut scope, request.resource.images());
            scope
        };
        self.of_pod.entry(rule.of_pod).or_insert_with(build).clone()
    }
}

/// Sets the names that every rule has. A rule that speaks of a pod finds a controller's pod in the controller's place.
fn set_request(scope: &mut Scope, request: &Request, of_pod: bool) {
    let (resource, id) = (&request.resource, request.resource.id());
    let as_pod = |object: &Value| as_pod(object, resource, of_pod).into_owned();
    let (group, version) = id.api_version.split_once('/').unwrap_or(("", &id.api_version));
    let mut fields = json!({
        "operation": request.operation,
        "name": id.name,
        "namespace": id.namespace,
        "kind": {"group": group, "version": version, "kind": id.kind},
        // Of a deletion, the object as it was: Kyverno reads `request.object` so, too.
        "object": as_pod(resource.object()),
    });
    if let (Value::Object(fields), Some(old)) = (&mut fields, &request.old) {
        fields.insert("oldObject".to_owned(), as_pod(old));
    }
    if let Some(user) = &request.user {
        if let Value::Object(fields) = &mut fields {
            fields.insert("userInfo".to_owned(), json!(user));
            fields.insert("roles".to_owned(), json!(request.roles));
            fields.insert("clusterRoles".to_owned(), json!(request.cluster_roles));
        }
        let (namespace, name) = user.service_account().unwrap_or_default();
        scope.set("serviceAccountNamespace", &json!(namespace));
        scope.set("serviceAccountName", &json!(name));
    }
    scope.set("request", &fields);
}

/// An object in which a rule that speaks of a pod finds a controller's pod in the controller's place.
pub(crate) fn as_pod<'o>(object: &'o Value, resource: &Resource, of_pod: bool) -> Cow<'o, Value> {
    let pointer = resource.pod_pointer().filter(|pointer| of_pod && !pointer.is_empty());
    let (Some(Value::Object(pod)), Some(fields)) =
        (pointer.and_then(|pointer| object.pointer(pointer)), object.as_object())
    else {
        return Cow::Borrowed(object);
    };
    let mut fields = fields.clone();
    for name in ["metadata", "spec"] {
        fields.insert(name.to_owned(), pod.get(name).cloned().unwrap_or_default());
    }
    Cow::Owned(Value::Object(fields))
}

/// Sets `images`: the parts of every image, by list and container.
pub(crate) fn set_images(scope: &mut Scope, images: &[ContainerImage]) {
    let mut lists: Map<String, Value> = Map::new();
    for image in images {
        let list = match image.kind {
            ContainerKind::Init => "initContainers",
            ContainerKind::Regular => "containers",
            ContainerKind::Ephemeral => "ephemeralContainers",
            ContainerKind::Volume => continue,
            ContainerKind::Custom => "custom",
        };
        let Ok(parsed) = image.image.parse::<ImageRef>() else { continue };
        let name = image_pattern::kyverno_name(&parsed);
        let (registry, path) = name.split_once('/').unwrap_or(("", &name));
        let mut parts = json!({
            "registry": registry,
            "path": path,
            "name": path.rsplit('/').next(),
            "reference": image_pattern::kyverno_form(&parsed),
            "referenceWithTag": format!("{name}:{}", parsed.tag().unwrap_or_default()),
        });
        if let Value::Object(parts) = &mut parts {
            parts.extend(parsed.tag().map(|tag| ("tag".to_owned(), json!(tag))));
            parts.extend(parsed.digest().map(|digest| ("digest".to_owned(), json!(digest.to_string()))));
        }
        if let Value::Object(list) = lists.entry(list).or_insert_with(|| json!({})) {
            list.insert(image.container.clone(), parts);
        }
    }
    scope.set("images", &Value::Object(lists));
}

/// Sets a rule's own names, each for those after it. What has no value is absent, with the reason.
pub(crate) fn set_context(scope: &mut Scope, entries: &[ContextEntry], evidence: &Evidence) {
    for entry in entries {
        match value_of(&entry.source, scope, evidence) {
            Ok(value) => scope.set(&entry.name, &value),
            Err(absence) => scope.set_absent(&entry.name, absence),
        }
    }
}

impl Absence {
    /// A name that was to have the value of an expression which has none.
    fn of(error: &Unresolved, prefix: &str) -> Self {
        let kind = match error.kind {
            UnresolvedKind::Unknown => UnresolvedKind::Unknown,
            UnresolvedKind::Absent | UnresolvedKind::Failed => UnresolvedKind::Failed,
        };
        Self { why: format!("{prefix}{error}"), kind }
    }
}

fn value_of(source: &ContextSource, scope: &Scope, evidence: &Evidence) -> Result<Value, Absence> {
    match source {
        ContextSource::Variable { value, path, default } => {
            let whole = value.as_ref().map(|value| value.resolve(scope)).transpose();
            let found = whole.and_then(|whole| match (whole, path) {
                (whole, None) => Ok(whole.unwrap_or_default()),
                (None, Some(path)) => path.resolve(scope),
                // The path leads through the value, and through nothing else.
                (Some(whole), Some(path)) => {
                    let mut inner = scope.clone();
                    inner.set_whole(&whole);
                    path.resolve(&inner)
                }
            });
            let found = match (found, default) {
                (Err(error), _) if error.kind == UnresolvedKind::Unknown => Err(error),
                (Err(_) | Ok(Value::Null), Some(default)) => default.resolve(scope),
                (found, _) => found,
            };
            found.map_err(|error| Absence::of(&error, ""))
        }
        ContextSource::Image { reference, path } => {
            let image = reference
                .resolve_text(scope)
                .map_err(|error| Absence::of(&error, "its image has no value: "))?;
            let found = registry_data(&image, evidence).map_err(|(code, problem)| {
                if code == ReasonCode::NotFetched {
                    scope.note_missing_image(image.clone());
                }
                Absence { why: format!("image `{image}`: {problem}"), kind: UnresolvedKind::Unknown }
            })?;
            let whole = kyverno_data(found);
            let Some(path) = path else { return Ok(whole) };
            let mut inner = scope.clone();
            inner.set_whole(&whole);
            path.resolve(&inner).map_err(|error| Absence::of(&error, ""))
        }
        ContextSource::ConfigMap { namespace, name } => {
            let object = object_of(namespace, name, scope)?;
            match evidence.objects.get(&object.to_string()) {
                Some(Ok(value)) => Ok(value.clone()),
                // That there is none is known.
                Some(Err(failure)) => Err(Absence {
                    why: failure.to_string(),
                    kind: match failure.kind {
                        FailureKind::NotFound => UnresolvedKind::Failed,
                        _ => UnresolvedKind::Unknown,
                    },
                }),
                None => {
                    let why = format!("{object} was not looked up");
                    scope.note_missing(object);
                    Err(Absence { why, kind: UnresolvedKind::Unknown })
                }
            }
        }
    }
}

/// What a registry holds of an image, as Kyverno gives it to expressions.
fn kyverno_data(data: RegistryData) -> Value {
    let reference = data.image.reference();
    let name = image_pattern::kyverno_name(reference);
    let (registry, repository) = name.split_once('/').unwrap_or(("", &name));
    let digest = reference.digest().map(ToString::to_string);
    let mut whole = json!({
        "image": reference.written(),
        "resolvedImage": format!("{name}@{}", data.image.digest()),
        "registry": registry,
        "repository": repository,
        "identifier": digest.as_deref().or(reference.tag()).unwrap_or("latest"),
        "manifest": data.manifest,
        "configData": data.config,
    });
    if let (Value::Object(fields), Some(index)) = (&mut whole, data.index) {
        fields.insert("manifestList".to_owned(), index);
    }
    whole
}

/// The object that a name stands for.
fn object_of(namespace: &Template, name: &Template, scope: &Scope) -> Result<ObjectName, Absence> {
    let resolve = |template: &Template| {
        template.resolve_text(scope).map_err(|error| Absence::of(&error, "its name has no value: "))
    };
    Ok(ObjectName { kind: "ConfigMap", namespace: resolve(namespace)?, name: resolve(name)? })
}
