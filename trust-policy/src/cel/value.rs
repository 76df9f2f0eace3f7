//! [`Value`]: what an expression can have as its value
//! ([values](https://github.com/google/cel-spec/blob/master/doc/langdef.md#values)).

use core::cmp::Ordering;
use core::ops::Deref;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value as Json;
use trust_core::{ImageRef, UnixTime};
use trust_sbom::VersionScheme;

use crate::expression::budget::{Budget, Exhausted};
use crate::value::duration;
use crate::value::quantity::Quantity;

/// Bytes that are compared in about the time of a step.
const COMPARED_IN_A_STEP: usize = 64;

/// The value of an expression. What comes from a document is borrowed from it.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Text<'a>),
    Bytes(Rc<[u8]>),
    List(Rc<Nested<Vec<Self>>>),
    Map(Rc<Nested<BTreeMap<Key, Self>>>),
    /// A list or a map of a document.
    Json(&'a Json),
    /// An object of which some fields are known, and others are not.
    Partial(Rc<BTreeMap<Key, Self>>),
    Time(UnixTime),
    /// In nanoseconds.
    Duration(i128),
    /// The type with this name.
    Type(&'static str),
    Optional(Option<Rc<Self>>),
    Image(Rc<ImageRef>),
    Quantity(Quantity),
    Semver(Text<'a>),
    /// One of the signers that a policy names, by its place among them.
    Attestor(usize),
    /// A whole number of which only the bounds are known, and why not more.
    Between(Rc<Bounds>),
}

/// The bounds of a number that is not known.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) least: i64,
    pub(crate) most: i64,
    pub(crate) reason: String,
}

/// Elements that were made, and how many levels of others stand in them: what goes through a value goes as deep.
#[derive(Clone, Debug)]
pub(crate) struct Nested<T> {
    elements: T,
    depth: usize,
}

/// Levels of elements in one another, documents not counted, which have their own limit.
const MAX_DEPTH: usize = 64;

/// A text: of the policy or a document, or one that was made.
#[derive(Clone, Debug)]
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Made(Rc<str>),
}

/// A key of a map. Whole numbers are the same key in every type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Bool(bool),
    Number(i128),
    Text(Rc<str>),
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It cannot be computed.
    Failed(String),
    /// What it depends on is not known.
    Unknown(String),
    /// It is more work than is done.
    Exhausted,
}

impl From<Exhausted> for Failure {
    fn from(_: Exhausted) -> Self {
        Self::Exhausted
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Failed(problem) | Self::Unknown(problem) => f.write_str(problem),
            Self::Exhausted => Exhausted.fmt(f),
        }
    }
}

/// A failure with this problem.
pub(crate) fn failed<T>(problem: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Failed(problem.into()))
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Text::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Text::Made(text.into()))
    }
}

impl<'a> From<Vec<Value<'a>>> for Value<'a> {
    fn from(items: Vec<Value<'a>>) -> Self {
        let depth = deepest(&items) + 1;
        Self::List(Rc::new(Nested { elements: items, depth }))
    }
}

impl<'a> From<BTreeMap<Key, Value<'a>>> for Value<'a> {
    fn from(entries: BTreeMap<Key, Value<'a>>) -> Self {
        let depth = deepest(entries.values()) + 1;
        Self::Map(Rc::new(Nested { elements: entries, depth }))
    }
}

/// How many levels of elements the deepest of some values has.
fn deepest<'v, 'a: 'v>(values: impl IntoIterator<Item = &'v Value<'a>>) -> usize {
    values.into_iter().map(Value::depth).max().unwrap_or_default()
}

impl<'a> From<&'a Json> for Value<'a> {
    fn from(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::of_number(number),
            Json::String(text) => Self::Text(Text::Borrowed(text)),
            Json::Array(_) | Json::Object(_) => Self::Json(json),
        }
    }
}

impl<'a> Value<'a> {
    /// An object of which these fields are known.
    pub(crate) fn partial<'n>(fields: impl IntoIterator<Item = (&'n str, Self)>) -> Self {
        let known = fields.into_iter().map(|(name, value)| (Key::Text(name.into()), value)).collect();
        Self::Partial(Rc::new(known))
    }

    /// The value of a document that is not kept.
    pub(crate) fn owned(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::Number(number) => Self::of_number(&number),
            Json::String(text) => text.into(),
            Json::Array(items) => items.into_iter().map(Self::owned).collect::<Vec<_>>().into(),
            Json::Object(fields) => {
                let entry = |(name, value): (String, Json)| (Key::Text(name.into()), Self::owned(value));
                fields.into_iter().map(entry).collect::<BTreeMap<_, _>>().into()
            }
        }
    }

    /// The value, unless it is too deep.
    pub(crate) fn bounded(self) -> Result<Self, Failure> {
        match self.depth() > MAX_DEPTH {
            true => failed(format!("value is more than {MAX_DEPTH} lists, maps and optional values deep")),
            false => Ok(self),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::List(items) => items.depth,
            Self::Map(entries) => entries.depth,
            Self::Optional(Some(inner)) => inner.depth() + 1,
            _ => 0,
        }
    }

    fn of_number(number: &serde_json::Number) -> Self {
        match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Self::Int(number),
            (None, Some(number)) => Self::Uint(number),
            (None, None) => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
        }
    }

    /// The name of its type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null_type",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::Text(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::List(_) | Self::Json(Json::Array(_)) => "list",
            Self::Map(_) | Self::Json(_) | Self::Partial(_) => "map",
            Self::Time(_) => "google.protobuf.Timestamp",
            Self::Duration(_) => "google.protobuf.Duration",
            Self::Type(_) => "type",
            Self::Optional(_) => "optional_type",
            Self::Image(_) => "image",
            Self::Quantity(_) => "kubernetes.Quantity",
            Self::Semver(_) => "kubernetes.Semver",
            Self::Attestor(_) => "attestor",
            Self::Between(_) => "int",
        }
    }

    /// How many elements it has, if it is a list or a map.
    pub(crate) fn len(&self) -> Option<usize> {
        match self {
            Self::List(items) => Some(items.elements.len()),
            Self::Map(entries) => Some(entries.elements.len()),
            Self::Json(Json::Array(items)) => Some(items.len()),
            Self::Json(Json::Object(fields)) => Some(fields.len()),
            _ => None,
        }
    }

    /// The elements of a list.
    pub(crate) fn items(&self) -> Option<Vec<Self>> {
        match self {
            Self::List(items) => Some(items.elements.clone()),
            Self::Json(Json::Array(items)) => Some(items.iter().map(Self::from).collect()),
            _ => None,
        }
    }

    /// An element of a list, by its place.
    pub(crate) fn item(&self, index: usize) -> Option<Self> {
        match self {
            Self::List(items) => items.elements.get(index).cloned(),
            Self::Json(Json::Array(items)) => items.get(index).map(Self::from),
            _ => None,
        }
    }

    /// The entries of a map.
    pub(crate) fn entries(&self) -> Option<Vec<(Self, Self)>> {
        match self {
            Self::Map(entries) => Some(
                entries.elements.iter().map(|(key, value)| (key.clone().into(), value.clone())).collect(),
            ),
            Self::Json(Json::Object(fields)) => {
                Some(fields.iter().map(|(name, value)| (name.as_str().into(), value.into())).collect())
            }
            _ => None,
        }
    }

    /// What stands under a name in a map; `None` if nothing does.
    pub(crate) fn field(&self, name: &str) -> Result<Option<Self>, Failure> {
        match self {
            Self::Json(Json::Object(fields)) => Ok(fields.get(name).map(Self::from)),
            Self::Map(entries) => Ok(entries.elements.get(&Key::Text(name.into())).cloned()),
            Self::Partial(known) => match known.get(&Key::Text(name.into())) {
                Some(value) => Ok(Some(value.clone())),
                None => Err(Failure::Unknown(format!("field `{name}` of the request is not known here"))),
            },
            other => failed(format!("{} has no fields, expected a map with `{name}`", other.type_name())),
        }
    }

    /// What stands at an index of a list, or under a key of a map; `None` if nothing does.
    pub(crate) fn at(&self, index: &Self) -> Result<Option<Self>, Failure> {
        let key = Key::of(index);
        match (self, key) {
            (Self::Json(Json::Object(_)) | Self::Partial(_), Some(Key::Text(name))) => self.field(&name),
            (Self::Json(Json::Object(_)), Some(_)) => Ok(None),
            (Self::Map(entries), Some(key)) => Ok(entries.elements.get(&key).cloned()),
            (Self::List(items), Some(Key::Number(index))) => {
                Ok(usize::try_from(index).ok().and_then(|index| items.elements.get(index)).cloned())
            }
            (Self::Json(Json::Array(items)), Some(Key::Number(index))) => {
                Ok(usize::try_from(index).ok().and_then(|index| items.get(index)).map(Self::from))
            }
            _ => failed(format!("cannot index {} with {}", self.type_name(), index.type_name())),
        }
    }

    /// Whether two values are equal: numbers by what they are worth, whatever their type. Each value that is compared is paid for.
    pub(crate) fn equals(&self, other: &Self, budget: &Budget) -> Result<bool, Failure> {
        budget.spend(1)?;
        if let (Some(own), Some(others)) = (self.len(), other.len()) {
            if own != others {
                return Ok(false);
            }
            budget.spend(own)?;
        }
        if let (Some(own), Some(others)) = (self.items(), other.items()) {
            for (one, two) in own.iter().zip(&others) {
                if !one.equals(two, budget)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        if let (Some(own), Self::Map(_) | Self::Json(_)) = (self.entries(), other) {
            for (key, value) in &own {
                // The key is copied to look it up.
                budget.spend(key.to_text().map_or(0, |text| text.len()) / COMPARED_IN_A_STEP)?;
                match other.at(key) {
                    Ok(Some(found)) if value.equals(&found, budget)? => {}
                    _ => return Ok(false),
                }
            }
            return Ok(true);
        }
        Ok(match (self, other) {
            (Self::Null, Self::Null) | (Self::Optional(None), Self::Optional(None)) => true,
            (Self::Type(one), Self::Type(two)) => one == two,
            (Self::Image(one), Self::Image(two)) => one == two,
            (Self::Quantity(one), Self::Quantity(two)) => one == two,
            (Self::Attestor(one), Self::Attestor(two)) => one == two,
            (Self::Optional(Some(one)), Self::Optional(Some(two))) => return one.equals(two, budget),
            (Self::Between(bounds), other) | (other, Self::Between(bounds)) => {
                for one in bounds.least..=bounds.most {
                    // One that it may be is the other's, so whether they are equal is not known.
                    if Self::Int(one).equals(other, budget)? {
                        return Err(Failure::Unknown(bounds.reason.clone()));
                    }
                }
                false
            }
            _ => self.compare_within(other, budget)? == Some(Ordering::Equal),
        })
    }

    /// How two values are ordered, if their types have an order. What is compared is paid for.
    pub(crate) fn compare_within(&self, other: &Self, budget: &Budget) -> Result<Option<Ordering>, Failure> {
        let length = match (self, other) {
            (Self::Text(one), Self::Text(two)) => one.len().min(two.len()),
            (Self::Bytes(one), Self::Bytes(two)) => one.len().min(two.len()),
            _ => 0,
        };
        budget.spend(length / COMPARED_IN_A_STEP)?;
        Ok(self.compare(other))
    }

    /// Likewise, for what was paid for.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(one), Self::Bool(two)) => Some(one.cmp(two)),
            (Self::Text(one), Self::Text(two)) => Some((**one).cmp(two)),
            (Self::Bytes(one), Self::Bytes(two)) => Some(one.cmp(two)),
            (Self::Time(one), Self::Time(two)) => Some(one.cmp(two)),
            (Self::Semver(one), Self::Semver(two)) => VersionScheme::Semver.compare(one, two),
            (Self::Duration(one), Self::Duration(two)) => Some(one.cmp(two)),
            _ => match (self.whole(), other.whole()) {
                (Some(one), Some(two)) => Some(one.cmp(&two)),
                (Some(whole), None) => other.double().and_then(|double| compare_numbers(whole, double)),
                (None, Some(whole)) => {
                    self.double().and_then(|double| compare_numbers(whole, double)).map(Ordering::reverse)
                }
                (None, None) => self.double()?.partial_cmp(&other.double()?),
            },
        }
    }

    /// Whether it is a number of any type.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Uint(_) | Self::Double(_))
    }

    fn whole(&self) -> Option<i128> {
        match self {
            Self::Int(number) => Some((*number).into()),
            Self::Uint(number) => Some((*number).into()),
            _ => None,
        }
    }

    fn double(&self) -> Option<f64> {
        match self {
            Self::Double(number) => Some(*number),
            _ => None,
        }
    }

    /// The value as text, as `string()` writes it; `None` if its type has no text.
    pub(crate) fn to_text(&self) -> Option<Text<'a>> {
        Some(match self {
            Self::Text(text) => text.clone(),
            Self::Bool(value) => Text::Borrowed(if *value { "true" } else { "false" }),
            Self::Int(number) => Text::Made(number.to_string().into()),
            Self::Uint(number) => Text::Made(number.to_string().into()),
            Self::Double(number) => Text::Made(double_text(*number).into()),
            Self::Bytes(bytes) => Text::Made(core::str::from_utf8(bytes).ok()?.into()),
            Self::Time(time) => Text::Made(time.to_string().into()),
            Self::Duration(nanos) => Text::Made(seconds_text(*nanos).into()),
            Self::Type(name) => Text::Borrowed(name),
            Self::Image(image) => Text::Made(image.written().into()),
            Self::Semver(text) => text.clone(),
            _ => return None,
        })
    }
}

impl Key {
    /// The key that a value is; `None` if values of its type cannot be keys.
    pub(crate) fn of(value: &Value<'_>) -> Option<Self> {
        Some(match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(number) => Self::Number((*number).into()),
            Value::Uint(number) => Self::Number((*number).into()),
            Value::Double(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                Self::Number(*number as i128)
            }
            Value::Text(Text::Made(text)) => Self::Text(text.clone()),
            Value::Text(text) => Self::Text((**text).into()),
            _ => return None,
        })
    }
}

impl From<Key> for Value<'_> {
    fn from(key: Key) -> Self {
        match key {
            Key::Bool(value) => Self::Bool(value),
            Key::Number(number) => i64::try_from(number)
                .map(Self::Int)
                .or_else(|_| u64::try_from(number).map(Self::Uint))
                .unwrap_or(Self::Null),
            Key::Text(text) => Self::Text(Text::Made(text)),
        }
    }
}

/// How a whole number and another one are ordered; in no way if that is not a number.
fn compare_numbers(whole: i128, double: f64) -> Option<Ordering> {
    const BOUND: f64 = 1e30;
    match double {
        double if double.is_nan() => None,
        double if double >= BOUND => Some(Ordering::Less),
        double if double <= -BOUND => Some(Ordering::Greater),
        double => {
            let floor = double.floor();
            let order = whole.cmp(&(floor as i128));
            Some(if order == Ordering::Equal && double > floor { Ordering::Less } else { order })
        }
    }
}

/// A number as Go writes it with as few digits as possible.
fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..21).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => format!("{number}"),
    }
}

/// A duration in seconds, as `string()` writes it.
fn seconds_text(nanos: i128) -> String {
    let (sign, left) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let text = format!("{}.{:09}", left / 1_000_000_000, left % 1_000_000_000);
    format!("{sign}{}s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The duration that a text says.
pub(crate) fn duration_of(text: &str) -> Result<i128, Failure> {
    let found = duration::parse(text);
    found
        .map(i128::from)
        .ok_or_else(|| Failure::Failed(format!("`{text}` is not a duration such as `1h30m`")))
}
