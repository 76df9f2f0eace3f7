//! CycloneDX in XML, read as the JSON that it corresponds to. The specification's table says which element is a list,
//! an object or a number; this file knows only where the two forms differ.
//!
//! Elements are held on a stack of our own, so that depth costs memory and no call stack; whole parts of the document
//! (a component, a dependency) are handed on as they end.

use std::io::BufRead;

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::schema::{self, Object, Shape};
use super::{CycloneDx, minor};
use crate::read::draft::Draft;
use crate::read::error::SbomError;

/// Elements within elements.
const MAX_DEPTH: usize = 128;
const NAMESPACE: &str = "http://cyclonedx.org/schema/bom/";

/// Lists whose items stand in their parent without an element around them.
const FLAT: [&str; 6] = ["url", "contact", "omniborId", "swhid", "identity", "subject"];
/// Where the two forms differ too much, and nothing is read: they are left out.
const SKIPPED: [&str; 13] = [
    "signature",
    "modelCard",
    "formulation",
    "declarations",
    "definitions",
    "cryptoProperties",
    "releaseNotes",
    "annotations",
    "governance",
    "patentAssertions",
    "expressionDetails",
    "callstack",
    "proofOfConcept",
];

/// Of which version a document is, and whether it must keep to all of it.
#[derive(Clone, Copy)]
struct Form {
    minor: u8,
    by_spec: bool,
}

/// An element that is read.
struct Element {
    name: String,
    at: u64,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl CycloneDx {
    /// Reads a document, and keeps it in `whole` if it is wanted as JSON.
    pub(crate) fn read_xml(
        &mut self,
        input: impl BufRead,
        draft: &mut Draft<'_>,
        whole: Option<&mut Map<String, Value>>,
    ) -> Result<(), SbomError> {
        read(input, self, draft, whole)
    }
}

fn read(
    input: impl BufRead,
    cyclonedx: &mut CycloneDx,
    draft: &mut Draft<'_>,
    mut whole: Option<&mut Map<String, Value>>,
) -> Result<(), SbomError> {
    let mut reader = NsReader::from_reader(input);
    let mut buffer = Vec::new();
    let mut open: Vec<Element> = Vec::new();
    // How many elements of other namespaces are open; they hold nothing that is read.
    let mut foreign = 0usize;
    let mut namespace: Option<Namespace> = None;
    let mut is_over = false;
    loop {
        buffer.clear();
        let at = reader.buffer_position();
        let malformed = |problem: String| SbomError::Xml { at, problem };
        let (resolved, event) = match reader.read_resolved_event_into(&mut buffer) {
            Ok((resolved, event)) => (resolved, event),
            Err(error) => return Err(malformed(error.to_string())),
        };
        let bound = match resolved {
            ResolveResult::Bound(namespace) => Some(namespace.into_inner()),
            ResolveResult::Unbound | ResolveResult::Unknown(_) => None,
        };
        match &event {
            Event::DocType(_) => return Err(malformed("found a document type, expected none".to_owned())),
            Event::Eof if !is_over => return Err(malformed("found the end, expected `</bom>`".to_owned())),
            Event::Eof => break,
            Event::Start(start) | Event::Empty(start) => {
                if is_over {
                    return Err(malformed("found a second root element, expected the end".to_owned()));
                }
                let is_empty = matches!(event, Event::Empty(_));
                if namespace.is_none() {
                    namespace = Some(Namespace::of_root(start, bound, at)?);
                }
                let is_known = namespace.as_ref().is_some_and(|one| bound == Some(one.0.as_str()));
                if foreign > 0 || !is_known {
                    foreign += usize::from(!is_empty);
                } else {
                    if open.len() == MAX_DEPTH {
                        return Err(malformed(format!(
                            "found more than {MAX_DEPTH} elements in one another"
                        )));
                    }
                    open.push(Element::start(start, at).map_err(malformed)?);
                }
                if open.len() + foreign > MAX_DEPTH {
                    return Err(malformed(format!("found more than {MAX_DEPTH} elements in one another")));
                }
                if is_empty && is_known && foreign == 0 {
                    is_over = end(&mut open, cyclonedx, draft, &mut whole, namespace.as_ref())?;
                }
            }
            Event::End(_) if foreign > 0 => foreign -= 1,
            Event::End(_) => is_over = end(&mut open, cyclonedx, draft, &mut whole, namespace.as_ref())?,
            Event::Text(text) => push_text(&mut open, foreign, &text.xml10_content()).map_err(malformed)?,
            Event::CData(text) => push_text(&mut open, foreign, &text.xml10_content()).map_err(malformed)?,
            Event::GeneralRef(reference) => {
                let text = if let Ok(Some(c)) = reference.resolve_char_ref() {
                    c.to_string()
                } else {
                    let name = reference.xml10_content();
                    let known = quick_xml::escape::resolve_predefined_entity(&name);
                    known
                        .ok_or_else(|| {
                            malformed(format!("found the entity `{name}`, expected one of XML's own"))
                        })?
                        .to_owned()
                };
                push_text(&mut open, foreign, &text).map_err(malformed)?;
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    Ok(())
}

/// The namespace of the root element, which holds the version.
struct Namespace(String);

impl Namespace {
    fn of_root(start: &BytesStart<'_>, bound: Option<&str>, at: u64) -> Result<Self, SbomError> {
        let name = start.local_name();
        let bound = bound.unwrap_or_default();
        match (name.as_ref(), bound) {
            ("bom", bound) if bound.starts_with(NAMESPACE) => Ok(Self(bound.to_owned())),
            ("RDF", _) => Err(SbomError::Unsupported { found: "SPDX in RDF" }),
            ("Document", "") => Err(SbomError::Unsupported { found: "SPDX in XML" }),
            (name, bound) => {
                let problem =
                    format!("found the element `{name}` of `{bound}`, expected `bom` of `{NAMESPACE}…`");
                Err(SbomError::Xml { at, problem })
            }
        }
    }

    fn version(&self) -> &str {
        self.0.strip_prefix(NAMESPACE).unwrap_or_default()
    }
}

fn push_text(open: &mut [Element], foreign: usize, text: &str) -> Result<(), String> {
    match open.last_mut() {
        Some(element) if foreign == 0 => element.text.push_str(text),
        None if !text.trim().is_empty() => return Err("found text outside of the document".to_owned()),
        _ => {}
    }
    Ok(())
}

/// Closes the innermost element. Lists of the document are taken item by item, the rest as a whole; true at the end.
fn end(
    open: &mut Vec<Element>,
    cyclonedx: &mut CycloneDx,
    draft: &mut Draft<'_>,
    whole: &mut Option<&mut Map<String, Value>>,
    namespace: Option<&Namespace>,
) -> Result<bool, SbomError> {
    let Some(element) = open.pop() else { return Ok(true) };
    let version = namespace.map(Namespace::version).unwrap_or_default();
    let form = Form { minor: minor(version).unwrap_or(7), by_spec: whole.is_some() };
    let (depth, at) = (open.len(), element.at);
    let parent = open.last_mut();
    let is_item = depth == 2 && parent.as_ref().is_some_and(|parent| parent.is_list(form));
    match parent {
        None => {
            cyclonedx.marker = Some("CycloneDX".to_owned());
            cyclonedx.version = Some(version.to_owned());
            for (name, value) in element.attributes {
                match name.as_str() {
                    "serialNumber" => draft.header.id = Some(value.clone()),
                    "version" => draft.header.edition = value.trim().parse().ok(),
                    _ => {}
                }
                if let Some(whole) = whole
                    && let Some(field) = schema::root().field(&name, form.minor)
                {
                    whole.insert(name, scalar(&field.shape, &value));
                }
            }
            return Ok(true);
        }
        Some(parent) if is_item => {
            let name = parent.name.clone();
            let Some(Shape::Array(item) | Shape::Set(item)) =
                schema::root().field(&name, form.minor).map(|field| &field.shape)
            else {
                return Ok(false);
            };
            let value = element.value(item, form)?;
            take_item(&name, value, at, cyclonedx, draft, whole)?;
        }
        Some(_) if depth == 1 => {
            let Some(field) = schema::root().field(&element.name, form.minor) else {
                // Nothing that is read; the specification may forbid it.
                if let Some(whole) = whole {
                    whole.insert(element.name, Value::Null);
                }
                return Ok(false);
            };
            if SKIPPED.contains(&field.name) {
                return Ok(false);
            }
            if element.name == "metadata" {
                let value = element.value(&field.shape, form)?;
                keep(whole, &element.name, &value, at)?;
                cyclonedx.metadata(typed(value, at)?, draft)?;
            } else if let Some(whole) = whole {
                if !element.is_list(form) {
                    let value = element.value(&field.shape, form)?;
                    whole.insert(element.name, value);
                } else if !whole.contains_key(&element.name) {
                    whole.insert(element.name, Value::Array(Vec::new()));
                }
            }
        }
        Some(parent) => parent.children.push(element),
    }
    Ok(false)
}

fn take_item(
    name: &str,
    value: Value,
    at: u64,
    cyclonedx: &mut CycloneDx,
    draft: &mut Draft<'_>,
    whole: &mut Option<&mut Map<String, Value>>,
) -> Result<(), SbomError> {
    if let Some(whole) = whole {
        match whole.get_mut(name) {
            Some(Value::Array(items)) => items.push(value.clone()),
            _ => {
                whole.insert(name.to_owned(), Value::Array(vec![value.clone()]));
            }
        }
    }
    match name {
        "components" => cyclonedx.component(typed(value, at)?, draft),
        "dependencies" => cyclonedx.dependency(typed(value, at)?, draft),
        "vulnerabilities" => cyclonedx.vulnerability(typed(value, at)?, draft),
        "services" => {
            cyclonedx.service(typed(value, at)?, draft);
            Ok(())
        }
        "compositions" => {
            cyclonedx.composition(typed(value, at)?, draft);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Keeps a value of the whole document.
fn keep(
    whole: &mut Option<&mut Map<String, Value>>,
    name: &str,
    value: &Value,
    at: u64,
) -> Result<(), SbomError> {
    match whole.as_mut().map(|whole| whole.insert(name.to_owned(), value.clone())) {
        Some(Some(_)) => Err(repeated(name, at)),
        _ => Ok(()),
    }
}

fn typed<T: DeserializeOwned>(value: Value, at: u64) -> Result<T, SbomError> {
    serde_json::from_value(value).map_err(|error| SbomError::Xml { at, problem: error.to_string() })
}

fn repeated(name: &str, at: u64) -> SbomError {
    SbomError::Xml { at, problem: format!("found the element `{name}` again, expected it once") }
}

impl Element {
    fn start(start: &BytesStart<'_>, at: u64) -> Result<Self, String> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let name = attribute.key.as_ref();
            // Attributes of other namespaces say nothing that is read, namespaces themselves are resolved.
            if name == "xmlns" || name.contains(':') {
                continue;
            }
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
            attributes.push((name.to_owned(), value.map_err(|error| error.to_string())?.into_owned()));
        }
        let name = start.local_name().as_ref().to_owned();
        Ok(Self { name, at, attributes, text: String::new(), children: Vec::new() })
    }

    /// Whether it is one of the document's lists, to be taken item by item.
    fn is_list(&self, form: Form) -> bool {
        let field = schema::root().field(&self.name, form.minor);
        field.is_some_and(|field| {
            !SKIPPED.contains(&field.name)
                && matches!(field.shape, Shape::Array(Shape::Object(_)) | Shape::Set(Shape::Object(_)))
        })
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The element as the JSON of this shape.
    fn value(&self, shape: &'static Shape, form: Form) -> Result<Value, SbomError> {
        Ok(match shape {
            Shape::Object(object) => Value::Object(self.object(object, form)?),
            Shape::Array(item) | Shape::Set(item) => {
                // Until 1.6 an expression is the only license, in the form of JSON by its schema since 1.5 alone.
                let has_expression = self.children.iter().any(|child| child.name == "expression");
                if form.by_spec && form.minor < 7 && has_expression && self.children.len() > 1 {
                    let problem = "found an expression among licenses, expected it alone".to_owned();
                    return Err(SbomError::Xml { at: self.at, problem });
                }
                let items: Result<Vec<Value>, SbomError> =
                    self.children.iter().map(|child| child.item(item, form)).collect();
                Value::Array(items?)
            }
            Shape::Either(shapes) => {
                match shapes.iter().find(|shape| self.fits(shape, form)).or(shapes.first()) {
                    Some(shape) => self.value(shape, form)?,
                    None => Value::Null,
                }
            }
            scalar_shape => scalar(scalar_shape, &self.text),
        })
    }

    /// Whether the element looks like one of several shapes: all that it holds has a place there.
    fn fits(&self, shape: &Shape, form: Form) -> bool {
        let holds = |name: &str| self.children.iter().any(|child| child.name == name);
        match shape {
            Shape::Array(Shape::Object(object)) if object.field("license", form.minor).is_some() => {
                holds("license")
            }
            Shape::Array(Shape::Object(object)) if object.field("expression", form.minor).is_some() => {
                holds("expression")
            }
            // Tools: a list of `tool`, or an object.
            Shape::Array(_) | Shape::Set(_) => holds("tool"),
            Shape::Object(object) => {
                !holds("tool")
                    && self.children.iter().all(|child| object.field(&child.name, form.minor).is_some())
            }
            _ => false,
        }
    }

    /// The element as an item of a list.
    fn item(&self, shape: &'static Shape, form: Form) -> Result<Value, SbomError> {
        match (self.name.as_str(), shape) {
            // A list of licenses holds objects around licenses, and expressions.
            ("license" | "expression" | "expression-detailed", Shape::Object(_) | Shape::Either(_)) => {
                self.license_choice(shape, form)
            }
            // An object of which only a text is written.
            (name, Shape::Object(object))
                if self.children.is_empty() && object.field(name, form.minor).is_some() =>
            {
                let mut map = self.object(object, form)?;
                map.insert(name.to_owned(), Value::String(self.text.trim().to_owned()));
                Ok(Value::Object(map))
            }
            (_, Shape::Object(_) | Shape::Either(_) | Shape::Array(_) | Shape::Set(_)) => {
                self.value(shape, form)
            }
            // A reference stands in an attribute.
            _ => match self.attribute("ref") {
                Some(reference) => Ok(Value::String(reference.to_owned())),
                None => self.value(shape, form),
            },
        }
    }

    fn license_choice(&self, shape: &'static Shape, form: Form) -> Result<Value, SbomError> {
        let mut choice = Map::new();
        if self.name == "license" {
            let license = match shape {
                Shape::Object(object) => object.field("license", form.minor),
                Shape::Either(shapes) => shapes.iter().find_map(|shape| match shape {
                    Shape::Object(object) => object.field("license", form.minor),
                    _ => None,
                }),
                _ => None,
            };
            if let Some(license) = license {
                choice.insert("license".to_owned(), self.value(&license.shape, form)?);
            }
            return Ok(Value::Object(choice));
        }
        for (name, value) in &self.attributes {
            choice.insert(name.clone(), Value::String(value.clone()));
        }
        if self.name == "expression" {
            choice.insert("expression".to_owned(), Value::String(self.text.trim().to_owned()));
        }
        Ok(Value::Object(choice))
    }

    fn object(&self, object: &'static Object, form: Form) -> Result<Map<String, Value>, SbomError> {
        let mut map = Map::new();
        for (name, value) in &self.attributes {
            let name = if name == "content-type" { "contentType" } else { name };
            if let Some(field) = object.field(name, form.minor) {
                map.insert(name.to_owned(), scalar(&field.shape, value));
            }
        }
        // Elements with a text of their own: a hash, a property, an attachment, a classification.
        if self.children.is_empty() && !self.text.trim().is_empty() {
            let holder = ["content", "value", "classification"];
            let field = holder.iter().find_map(|name| object.field(name, form.minor));
            if let Some(field) = field {
                map.insert(field.name.to_owned(), scalar(&field.shape, &self.text));
            }
        }
        for child in &self.children {
            child.add_to(&mut map, object, form, &self.name)?;
        }
        Ok(map)
    }

    /// Adds the element to the object that it stands in.
    fn add_to(
        &self,
        map: &mut Map<String, Value>,
        object: &'static Object,
        form: Form,
        parent: &str,
    ) -> Result<(), SbomError> {
        let name = match (parent, self.name.as_str()) {
            // What a dependency needs, and what it provides.
            ("dependency", "dependency") => "dependsOn",
            (_, "responses") => "response",
            (_, name) => name,
        };
        let Some(field) = object.field(name, form.minor) else { return Ok(()) };
        // Since 1.5 a flow of data has its direction at its classification.
        if parent == "dataflow"
            && let Some(flow) = self.attribute("flow")
        {
            map.insert("flow".to_owned(), Value::String(flow.to_owned()));
        }
        if SKIPPED.contains(&field.name) {
            return Ok(());
        }
        let item = match &field.shape {
            Shape::Array(item) | Shape::Set(item) => Some(item),
            Shape::Either(shapes) => shapes.iter().find_map(|shape| match shape {
                Shape::Array(item) | Shape::Set(item) if FLAT.contains(&name) => Some(item),
                _ => None,
            }),
            _ => None,
        };
        let is_flat =
            FLAT.contains(&name) || parent == "dependency" || (parent, name) == ("component", "data");
        match (item, map.get_mut(name)) {
            (Some(item), Some(Value::Array(items))) if is_flat => items.push(self.item(item, form)?),
            (Some(item), None) if is_flat => {
                let item = self.item(item, form)?;
                map.insert(name.to_owned(), Value::Array(vec![item]));
            }
            (_, Some(_)) => return Err(repeated(&self.name, self.at)),
            (_, None) => {
                map.insert(name.to_owned(), self.value(&field.shape, form)?);
            }
        }
        Ok(())
    }
}

/// A text as the JSON of this shape, or as a text where it is none.
fn scalar(shape: &Shape, text: &str) -> Value {
    let trimmed = text.trim();
    let value = match shape {
        Shape::Integer => trimmed.parse::<i64>().ok().map(Value::from),
        Shape::Number => trimmed.parse::<f64>().ok().map(Value::from),
        Shape::Boolean if ["true", "1"].contains(&trimmed) => Some(Value::Bool(true)),
        Shape::Boolean if ["false", "0"].contains(&trimmed) => Some(Value::Bool(false)),
        _ => None,
    };
    value.unwrap_or_else(|| Value::String(trimmed.to_owned()))
}
