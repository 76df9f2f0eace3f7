//! [`Bindings`]: what the names of expressions stand for.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value as Json;
use trust_core::UnixTime;

use crate::cel::value::{Failure, Key, Value, failed};
use crate::cel::{Cel, Environment, Interpreter, Question};
use crate::evaluate::scope::as_pod;
use crate::expression::budget::Budget;
use crate::kubernetes::request::{Operation, Request};
use crate::kubernetes::resource::{ContainerImage, ContainerKind};
use crate::policy::validation::{ImageSelection, NamedExpression, ValidationRule};

/// Images of one request, those that expressions find among them.
pub(super) const MAX_IMAGES: usize = 1000;

/// The objects of a request, as expressions see them.
pub(super) struct RequestObjects<'r> {
    object: Option<Cow<'r, Json>>,
    old: Option<Cow<'r, Json>>,
    request: Value<'r>,
    namespace: Option<Value<'r>>,
}

impl<'r> RequestObjects<'r> {
    /// Those of a request. A rule about pods finds a controller's pod in the controller's place.
    pub(super) fn of(request: &'r Request, of_pod: bool) -> Self {
        let (resource, id) = (&request.resource, request.resource.id());
        let (group, version) = id.api_version.split_once('/').unwrap_or(("", &id.api_version));
        let text = |text: &str| Value::from(text.to_owned());
        let kind = [("group", text(group)), ("version", text(version)), ("kind", text(&id.kind))];
        let user = request.user.as_ref().map(|user| {
            let groups: Vec<Value<'r>> = user.groups.iter().map(|group| text(group)).collect();
            Value::partial([("username", text(&user.username)), ("groups", groups.into())])
        });
        let fields = [
            ("operation", text(&request.operation.to_string())),
            ("name", text(&id.name)),
            ("namespace", text(&id.namespace)),
            ("subResource", text(&request.subresource)),
            ("kind", Value::partial(kind)),
        ];
        let namespace = request.namespace_labels.as_ref().map(|labels| {
            let labels = labels.iter().map(|(name, value)| (Key::Text(name.as_str().into()), text(value)));
            let labels: BTreeMap<Key, Value<'r>> = labels.collect();
            let metadata = Value::partial([("name", text(&id.namespace)), ("labels", labels.into())]);
            Value::partial([("metadata", metadata)])
        });
        // Of a deletion, Kubernetes shows the object as it was alone.
        let is_deleted = request.operation == Operation::Delete;
        let (object, old) = match is_deleted {
            true => (None, Some(resource.object())),
            false => (Some(resource.object()), request.old.as_ref()),
        };
        let as_pod = |object: &'r Json| as_pod(object, resource, of_pod);
        Self {
            object: object.map(as_pod),
            old: old.map(as_pod),
            request: Value::partial(fields.into_iter().chain(user.map(|user| ("userInfo", user)))),
            namespace,
        }
    }
}

/// Who answers what expressions ask for.
pub(super) trait Questions<'e> {
    fn answer(&self, question: Question, arguments: &[Value<'e>]) -> Result<Value<'e>, Failure>;
}

/// What the names of expressions stand for.
pub(super) struct Bindings<'e> {
    objects: &'e RequestObjects<'e>,
    questions: &'e dyn Questions<'e>,
    budget: &'e Budget,
    now: UnixTime,
    images: Option<Value<'e>>,
    rule: Option<&'e ValidationRule>,
    /// Each evaluated once; one that has no value fails where it is used.
    variables: Vec<(&'e str, Result<Value<'e>, Failure>)>,
}

impl<'e> Bindings<'e> {
    pub(super) fn new(
        objects: &'e RequestObjects<'e>,
        questions: &'e dyn Questions<'e>,
        budget: &'e Budget,
        now: UnixTime,
    ) -> Self {
        Self { objects, questions, budget, now, images: None, rule: None, variables: Vec::new() }
    }

    pub(super) fn evaluate(&self, expression: &'e Cel) -> Result<Value<'e>, Failure> {
        Interpreter::new(self, self.budget, self.now).evaluate(expression)
    }

    pub(super) fn holds(&self, expression: &'e Cel) -> Result<bool, Failure> {
        Interpreter::new(self, self.budget, self.now).holds(expression)
    }

    /// The name of a condition that does not hold, if there is one. One that has no value matters only where the others hold.
    pub(super) fn unmet(&self, conditions: &'e [NamedExpression]) -> Result<Option<&'e str>, Failure> {
        let mut failure = None;
        for condition in conditions {
            match self.holds(&condition.expression) {
                Ok(true) => {}
                Ok(false) => return Ok(Some(&condition.name)),
                Err(found) => failure = failure.or(Some(found)),
            }
        }
        failure.map_or(Ok(None), Err)
    }

    /// The images that a rule asks about: those of pods, and those that its own expressions find. `images` is theirs then.
    pub(super) fn select_images(
        &mut self,
        selection: &'e ImageSelection,
        of_pods: &[ContainerImage],
    ) -> Result<Vec<ContainerImage>, Failure> {
        let mut lists: BTreeMap<Key, Vec<Value<'e>>> = BTreeMap::new();
        let key = |name: &str| Key::Text(name.into());
        for (kind, name, _) in ContainerKind::OF_PODS {
            if kind != ContainerKind::Volume {
                lists.entry(key(name)).or_default();
            }
        }
        let mut selected = Vec::new();
        let mut candidates: Vec<(&str, ContainerImage)> = Vec::new();
        for image in of_pods {
            let name = ContainerKind::OF_PODS.iter().find(|(kind, ..)| *kind == image.kind);
            candidates.extend(name.map(|(_, name, _)| (*name, image.clone())));
        }
        for extractor in &selection.extractors {
            lists.entry(key(&extractor.name)).or_default();
            let found = self.evaluate(&extractor.expression)?;
            let items = found.items().ok_or_else(|| {
                Failure::Failed(format!(
                    "images `{}` are {}, expected list",
                    extractor.name,
                    found.type_name()
                ))
            })?;
            for item in items {
                let Some(text) = item.to_text() else {
                    return failed(format!(
                        "image in `{}` is {}, expected string",
                        extractor.name,
                        item.type_name()
                    ));
                };
                let name = extractor.name.clone();
                let image =
                    ContainerImage::new(ContainerKind::Custom, name, String::new(), text.to_string(), false);
                candidates.push((&extractor.name, image));
            }
        }
        if candidates.len() > MAX_IMAGES {
            return failed(format!("found {} images, expected at most {MAX_IMAGES}", candidates.len()));
        }
        for (name, image) in candidates {
            if self.is_selected(selection, &image)? {
                lists.entry(key(name)).or_default().push(image.image.clone().into());
                selected.push(image);
            }
        }
        let lists: BTreeMap<Key, Value<'e>> =
            lists.into_iter().map(|(name, images)| (name, images.into())).collect();
        self.images = Some(lists.into());
        Ok(selected)
    }

    fn is_selected(&self, selection: &'e ImageSelection, image: &ContainerImage) -> Result<bool, Failure> {
        if let Some(is_selected) = selection.selects(image) {
            return Ok(is_selected);
        }
        let reference = Reference(image.image.clone().into());
        for expression in &selection.reference_expressions {
            if Interpreter::new(&reference, self.budget, self.now).holds(expression)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Binds the attestors and attestations of a rule.
    pub(super) fn bind_rule(&mut self, rule: &'e ValidationRule) {
        self.rule = Some(rule);
    }

    /// Binds its variables, each for those after it.
    pub(super) fn bind_variables(&mut self, rule: &'e ValidationRule) {
        for variable in &rule.variables {
            let value = self.evaluate(&variable.expression);
            self.variables.push((&variable.name, value));
        }
    }
}

impl<'e> Environment<'e> for Bindings<'e> {
    fn value(&self, name: &str) -> Result<Value<'e>, Failure> {
        let objects = self.objects;
        match name {
            "object" => Ok(objects.object.as_deref().map_or(Value::Null, Value::from)),
            "oldObject" => Ok(objects.old.as_deref().map_or(Value::Null, Value::from)),
            "request" => Ok(objects.request.clone()),
            "namespaceObject" => objects
                .namespace
                .clone()
                .ok_or_else(|| Failure::Unknown("the labels of the namespace are not known".to_owned())),
            "images" => self.images.clone().ok_or_else(|| Failure::Failed("there are no images".to_owned())),
            other => failed(format!("name `{other}` is not known")),
        }
    }

    fn member(&self, name: &str, member: &str) -> Result<Value<'e>, Failure> {
        let rule = self.rule.ok_or_else(|| Failure::Failed(format!("name `{name}` is not known")))?;
        let found = match name {
            "variables" => {
                let variable = self.variables.iter().find(|(own, _)| *own == member);
                return variable
                    .map_or_else(|| failed("variable has no value yet"), |(_, value)| value.clone());
            }
            "attestors" => {
                rule.images.attestors.iter().position(|one| one.name == member).map(Value::Attestor)
            }
            _ => {
                let attestation = rule.images.attestations.iter().find(|one| one.name == member);
                attestation.map(|one| Value::from(one.name.as_str()))
            }
        };
        found.ok_or_else(|| Failure::Failed(format!("`{name}.{member}` is not known")))
    }

    fn answer(&self, question: Question, arguments: &[Value<'e>]) -> Result<Value<'e>, Failure> {
        self.questions.answer(question, arguments)
    }
}

/// An image reference that may be selected, as `ref`.
struct Reference<'e>(Value<'e>);

impl<'e> Environment<'e> for Reference<'e> {
    fn value(&self, _: &str) -> Result<Value<'e>, Failure> {
        Ok(self.0.clone())
    }

    fn member(&self, name: &str, _: &str) -> Result<Value<'e>, Failure> {
        failed(format!("name `{name}` is not known"))
    }

    fn answer(&self, _: Question, _: &[Value<'e>]) -> Result<Value<'e>, Failure> {
        failed("is not asked here")
    }
}
