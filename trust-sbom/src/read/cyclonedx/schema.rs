//! What the specification of CycloneDX allows, as a table, and whether a document keeps to it.

pub(crate) mod tables;
#[cfg(test)]
mod tests;

use core::hash::BuildHasher as _;
use std::collections::{BTreeMap, HashMap};
use std::hash::RandomState;
use std::rc::Rc;

use serde_json::Value;
use serde_json::value::RawValue;
use trust_core::UnixTime;

use crate::read::error::SbomError;

/// What a value may be.
#[derive(Debug)]
pub(super) enum Shape {
    Any,
    Text,
    Nonempty,
    Integer,
    Number,
    Boolean,
    DateTime,
    /// `urn:uuid:…`
    SerialNumber,
    /// As many hexadecimal digits as a hash has.
    HashContent,
    /// On the SPDX list.
    LicenseId,
    Enum(Values),
    Object(&'static Object),
    Array(&'static Shape),
    /// An array without repetitions.
    Set(&'static Shape),
    Either(&'static [Shape]),
}

/// Words, joined by `|`, with the minor version that brings them.
pub(crate) type Values = &'static [(u8, &'static str)];

#[derive(Debug)]
pub(super) struct Object {
    pub(super) fields: &'static [Field],
    rules: &'static [Rule],
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// The minor versions that have it so.
    since: u8,
    until: u8,
    is_required: bool,
    pub(super) shape: Shape,
}

/// How fields of one object go together. Each alternative is a set of fields.
#[derive(Debug)]
enum Rule {
    ExactlyOne(&'static [&'static [&'static str]]),
    AtLeastOne(&'static [&'static [&'static str]]),
    NotTogether(&'static [&'static [&'static str]]),
}

const fn object(fields: &'static [Field], rules: &'static [Rule]) -> Object {
    Object { fields, rules }
}

const fn required(name: &'static str, since: u8, until: u8, shape: Shape) -> Field {
    Field { name, since, until, is_required: true, shape }
}

const fn optional(name: &'static str, since: u8, until: u8, shape: Shape) -> Field {
    Field { name, since, until, is_required: false, shape }
}

/// The whole document.
pub(super) fn root() -> &'static Object {
    &tables::BOM
}

impl Object {
    /// The field of this name in this version, or in the next one that has it.
    pub(super) fn field(&self, name: &str, minor: u8) -> Option<&'static Field> {
        let mut of_name = self.fields.iter().filter(|field| field.name == name);
        of_name.clone().find(|field| field.is_in(minor)).or_else(|| of_name.next())
    }
}

impl Field {
    fn is_in(&self, minor: u8) -> bool {
        (self.since..=self.until).contains(&minor)
    }
}

/// The members of a document, each as it is written.
pub(super) type Members<'a> = BTreeMap<String, &'a RawValue>;

/// Whether a document keeps to the specification `1.{minor}`. What was not specified in JSON before 1.2 is held to 1.2.
pub(super) fn check(document: &Value, minor: u8) -> Result<(), SbomError> {
    let mut checker = Checker::new(minor);
    checker.object(&tables::BOM, document).map_err(|problem| checker.error(problem))
}

/// Likewise, of a document of which one component at a time is held.
pub(super) fn check_members(document: &Members<'_>, minor: u8) -> Result<(), SbomError> {
    let mut checker = Checker::new(minor);
    checker.document(document).map_err(|problem| checker.error(problem))
}

struct Checker {
    minor: u8,
    path: Vec<String>,
    /// The `bom-ref` of every component, with its place.
    references: HashMap<Rc<str>, String>,
    /// The same in the order in which they were found, so that the last ones can be forgotten.
    order: Vec<Rc<str>>,
}

impl Checker {
    fn new(minor: u8) -> Self {
        Self { minor: minor.max(2), path: Vec::new(), references: HashMap::new(), order: Vec::new() }
    }

    fn error(&self, problem: String) -> SbomError {
        SbomError::Spec { at: self.place(), problem }
    }

    fn place(&self) -> String {
        if self.path.is_empty() { "document".to_owned() } else { self.path.join(".") }
    }

    /// Checks within a step of the path, which stays if it fails.
    fn within(
        &mut self,
        step: String,
        check: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.path.push(step);
        check(self)?;
        self.path.pop();
        Ok(())
    }

    fn document(&mut self, members: &Members<'_>) -> Result<(), String> {
        for (name, text) in members {
            let field = self.field(&tables::BOM, name)?;
            self.within(name.clone(), |checker| match (&field.shape, text.get().starts_with('[')) {
                (Shape::Array(item), true) => checker.each(item, text, false),
                (Shape::Set(item), true) => checker.each(item, text, true),
                (shape, _) => checker.shape(shape, &parse(text)?),
            })?;
        }
        self.members(&tables::BOM, |name| members.contains_key(name))
    }

    /// Each item of an array, parsed on its own.
    fn each(&mut self, shape: &'static Shape, text: &RawValue, is_set: bool) -> Result<(), String> {
        let items: Vec<&RawValue> = serde_json::from_str(text.get()).map_err(|error| error.to_string())?;
        let mut seen = Seen::default();
        for (index, item) in items.iter().enumerate() {
            let value = parse(item)?;
            let is_same =
                |other: usize| items.get(other).is_some_and(|other| parse(other) == Ok(value.clone()));
            if is_set && seen.is_repeated(index, &value, is_same) {
                return Err(format!("item {index} is repeated, expected it once"));
            }
            self.within(index.to_string(), |checker| checker.shape(shape, &value))?;
        }
        Ok(())
    }

    fn field(&self, object: &'static Object, name: &str) -> Result<&'static Field, String> {
        let field = object.field(name, self.minor).filter(|field| field.is_in(self.minor));
        field.ok_or_else(|| format!("`{name}` is not a field here in version 1.{}", self.minor))
    }

    fn object(&mut self, object: &'static Object, value: &Value) -> Result<(), String> {
        let Value::Object(map) = value else { return Err(expected("an object", value)) };
        for (name, value) in map {
            let field = self.field(object, name)?;
            self.within(name.clone(), |checker| checker.shape(&field.shape, value))?;
        }
        self.members(object, |name| map.contains_key(name))?;
        if core::ptr::eq(object, &raw const tables::COMPONENT)
            && let Some(Value::String(reference)) = map.get("bom-ref")
        {
            if let Some(other) = self.references.get(reference.as_str()) {
                return Err(format!("`bom-ref` `{reference}` is also that of {other}, expected it once"));
            }
            let reference: Rc<str> = reference.as_str().into();
            self.order.push(reference.clone());
            self.references.insert(reference, self.place());
        }
        Ok(())
    }

    /// Which members an object must have, and which go together.
    fn members(&self, object: &'static Object, has: impl Fn(&str) -> bool) -> Result<(), String> {
        let is_missing = |field: &&Field| field.is_required && field.is_in(self.minor) && !has(field.name);
        if let Some(field) = object.fields.iter().find(is_missing) {
            return Err(format!("`{}` is missing", field.name));
        }
        let has = |names: &&&[&str]| names.iter().all(|name| has(name));
        for rule in object.rules {
            let (kept, wanted, sets) = match rule {
                Rule::ExactlyOne(sets) => (sets.iter().filter(has).count() == 1, "exactly one of", sets),
                Rule::AtLeastOne(sets) => (sets.iter().any(|set| has(&set)), "at least one of", sets),
                Rule::NotTogether(sets) => (!sets.iter().any(|set| has(&set)), "not both of", sets),
            };
            if !kept {
                let names: Vec<String> =
                    sets.iter().map(|set| format!("`{}`", set.join("` and `"))).collect();
                return Err(format!("expected {wanted} {}", names.join(", ")));
            }
        }
        Ok(())
    }

    fn shape(&mut self, shape: &'static Shape, value: &Value) -> Result<(), String> {
        match (shape, value) {
            (Shape::Any, _)
            | (Shape::Text, Value::String(_))
            | (Shape::Number, Value::Number(_))
            | (Shape::Boolean, Value::Bool(_)) => Ok(()),
            (Shape::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(()),
            (Shape::Nonempty, Value::String(text)) if !text.is_empty() => Ok(()),
            (Shape::DateTime, Value::String(text)) if text.parse::<UnixTime>().is_ok() => Ok(()),
            (Shape::SerialNumber, Value::String(text)) if is_serial_number(text) => Ok(()),
            (Shape::HashContent, Value::String(text)) if is_hash(text) => Ok(()),
            (Shape::LicenseId, Value::String(text)) if is_license_id(text) => Ok(()),
            (Shape::Enum(values), Value::String(text)) if is_value(values, self.minor, text) => Ok(()),
            (Shape::Object(object), value) => self.object(object, value),
            (Shape::Array(item), Value::Array(items)) => self.items(item, items),
            (Shape::Set(item), Value::Array(items)) => {
                if let Some(index) = first_repeated(items) {
                    return Err(format!("item {index} is repeated, expected it once"));
                }
                self.items(item, items)
            }
            (Shape::Either(shapes), value) => {
                // A value that is one of them may not leave references of the others behind.
                let (path, references) = (self.path.len(), self.order.len());
                let mut problem = String::new();
                for shape in *shapes {
                    match self.shape(shape, value) {
                        Ok(()) => return Ok(()),
                        Err(one) => problem = one,
                    }
                    self.path.truncate(path);
                    for reference in self.order.drain(references..) {
                        self.references.remove(&reference);
                    }
                }
                Err(problem)
            }
            (shape, value) => Err(expected(&shape.describe(self.minor), value)),
        }
    }

    fn items(&mut self, shape: &'static Shape, items: &[Value]) -> Result<(), String> {
        for (index, item) in items.iter().enumerate() {
            self.within(index.to_string(), |checker| checker.shape(shape, item))?;
        }
        Ok(())
    }
}

/// Whether 1.`minor` has the word.
pub(crate) fn is_value(values: Values, minor: u8, text: &str) -> bool {
    let mut known = values.iter().filter(|(since, _)| *since <= minor);
    known.any(|(_, words)| words.split('|').any(|word| word == text))
}

impl Shape {
    fn describe(&self, minor: u8) -> String {
        match self {
            Self::Any => "anything".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Nonempty => "a text that is not empty".to_owned(),
            Self::Integer => "an integer".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::DateTime => "an RFC 3339 date-time".to_owned(),
            Self::SerialNumber => "`urn:uuid:` and a UUID in lower case".to_owned(),
            Self::HashContent => "32, 40, 64, 96 or 128 hexadecimal digits".to_owned(),
            Self::LicenseId => "an identifier of the SPDX license list".to_owned(),
            Self::Object(_) => "an object".to_owned(),
            Self::Array(_) | Self::Set(_) | Self::Either(_) => "an array".to_owned(),
            Self::Enum(values) => {
                let words: Vec<_> =
                    values.iter().filter(|(since, _)| *since <= minor).map(|(_, words)| *words).collect();
                format!("one of {}", words.join("|"))
            }
        }
    }
}

fn expected(what: &str, found: &Value) -> String {
    let found: String = found.to_string().chars().take(80).collect();
    format!("found {found}, expected {what}")
}

fn parse(text: &RawValue) -> Result<Value, String> {
    serde_json::from_str(text.get()).map_err(|error| error.to_string())
}

/// The items of a set that were seen, by their hashes.
#[derive(Default)]
struct Seen {
    state: RandomState,
    places: HashMap<u64, Vec<usize>>,
}

impl Seen {
    /// Whether the item at this place is the same as one before it, of those that have its hash.
    fn is_repeated(&mut self, index: usize, item: &Value, is_same: impl Fn(usize) -> bool) -> bool {
        let same_hash = self.places.entry(self.state.hash_one(item)).or_default();
        let is_repeated = same_hash.iter().any(|other| is_same(*other));
        same_hash.push(index);
        is_repeated
    }
}

/// The first item that equals one before it.
fn first_repeated(items: &[Value]) -> Option<usize> {
    let mut seen = Seen::default();
    items
        .iter()
        .enumerate()
        .position(|(index, item)| seen.is_repeated(index, item, |other| items.get(other) == Some(item)))
}

pub(crate) fn is_serial_number(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else { return false };
    let lengths = uuid.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && uuid.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

pub(crate) fn is_hash(text: &str) -> bool {
    [32, 40, 64, 96, 128].contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_license_id(text: &str) -> bool {
    spdx::license_id(text).is_some() || spdx::exception_id(text).is_some()
}
