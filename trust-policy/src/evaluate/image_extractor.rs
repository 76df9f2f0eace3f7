//! The images of a resource for one rule: those of its pod, or those that the rule's own extractors find.

use serde_json::Value;

use crate::evaluate::scope;
use crate::expression::Scope;
use crate::kubernetes::request::Request;
use crate::kubernetes::resource::{ContainerImage, ContainerKind};
use crate::policy::policy_set::{ImageExtractor, Requirement, Rule};
use crate::value::pointer::child;

/// As many images as a pod may have containers.
const MAX_IMAGES: usize = 1000;

/// The images that a rule is about, or why they cannot be known. Those that its extractors find, its expressions find in
/// `images`.
pub(crate) fn images(
    rule: &Rule,
    request: &Request,
    scope: &mut Scope,
) -> Result<Vec<ContainerImage>, String> {
    let images = match &rule.requirement {
        Requirement::Images { extractors, .. } => extracted(extractors, request, scope)?,
        Requirement::Check(_) | Requirement::Validations(_) => request.resource.images().to_vec(),
        Requirement::Form { .. } => Vec::new(),
    };
    if images.iter().any(|image| !image.is_in_pod()) {
        scope::set_images(scope, &images);
    }
    Ok(images)
}

fn extracted(
    extractors: &[ImageExtractor],
    request: &Request,
    scope: &Scope,
) -> Result<Vec<ContainerImage>, String> {
    let kind = &request.resource.id().kind;
    let mut own = extractors.iter().filter(|one| one.kind == *kind).peekable();
    if own.peek().is_none() {
        return Ok(request.resource.images().to_vec());
    }
    let mut images = Vec::new();
    for extractor in own {
        let mut found = Vec::new();
        walk(request.resource.object(), &extractor.path, String::new(), &mut found)?;
        for (pointer, value) in found {
            images.extend(extractor.image(&pointer, value, scope)?);
        }
    }
    Ok(images)
}

/// Every value that a path leads to, with its JSON pointer. A path that ends early leads to nothing.
fn walk<'a>(
    value: &'a Value,
    path: &[String],
    pointer: String,
    found: &mut Vec<(String, &'a Value)>,
) -> Result<(), String> {
    if found.len() == MAX_IMAGES {
        return Err(format!("resource has more than {MAX_IMAGES} images"));
    }
    let Some((step, rest)) = path.split_first() else {
        found.push((pointer, value));
        return Ok(());
    };
    match (step.as_str(), value) {
        ("*", Value::Array(items)) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| walk(item, rest, format!("{pointer}/{index}"), found)),
        ("*", Value::Object(map)) => {
            map.iter().try_for_each(|(key, item)| walk(item, rest, child(&pointer, key), found))
        }
        (step, Value::Object(map)) => match map.get(step) {
            Some(inner) => walk(inner, rest, child(&pointer, step), found),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

impl ImageExtractor {
    fn image(&self, pointer: &str, value: &Value, scope: &Scope) -> Result<Option<ContainerImage>, String> {
        let (place, image) = match &self.value {
            Some(field) => (child(pointer, field), value.get(field)),
            None => (pointer.to_owned(), Some(value)),
        };
        let written = match image {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(_) => return Err(format!("`{place}` is not a string, expected an image")),
        };
        let image = match &self.transform {
            None => written.clone(),
            Some(transform) => {
                let mut scope = scope.clone();
                scope.set_whole(&Value::from(written.as_str()));
                transform.resolve_text(&scope).map_err(|error| error.to_string())?
            }
        };
        let name = self.key.as_ref().and_then(|key| value.get(key)?.as_str());
        let container = name.map_or_else(|| pointer.to_owned(), str::to_owned);
        let is_written = image == written;
        Ok(Some(ContainerImage::new(ContainerKind::Custom, container, place, image, is_written)))
    }
}
