//! Documents out of the model: [`Sbom::to_cyclonedx`] and [`Sbom::to_spdx`], and what both share.

mod cyclonedx;
mod losses;
mod spdx;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::model::component::ComponentId;
use crate::model::sbom::Sbom;

/// A document that was written, and what its format could not say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The document.
    pub json: String,
    /// What reads back otherwise than it was, in words: each field that has lost its value or part of it, and each
    /// relationship, finding and statement that is not there. It is found by reading [`json`](Self::json) again.
    pub lost: Vec<String>,
}

impl Written {
    fn new(sbom: &Sbom, json: String, order: &[ComponentId]) -> Self {
        Self { lost: losses::losses(sbom, &json, order), json }
    }
}

impl Sbom {
    /// The document as [CycloneDX 1.6](https://cyclonedx.org/docs/1.6/json/) in JSON. Reading it gives the same model,
    /// but for what is [lost](Written::lost) because CycloneDX has no place for it.
    #[must_use]
    pub fn to_cyclonedx(&self) -> Written {
        cyclonedx::write(self)
    }

    /// The document as [SPDX 2.3](https://spdx.github.io/spdx-spec/v2.3/) in JSON, likewise.
    #[must_use]
    pub fn to_spdx(&self) -> Written {
        spdx::write(self)
    }
}

/// JSON while it is written.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Json {
    Value(Value),
    List(Vec<Json>),
    Object(Object),
}

impl<T: Into<Value>> From<T> for Json {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

/// A JSON object while it is written: fields in the order of writing, for people to read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Object(Vec<(&'static str, Json)>);

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Object {
    pub(crate) fn text(self, name: &'static str, text: Option<impl AsRef<str>>) -> Self {
        self.value(name, text.map(|text| Json::from(text.as_ref())))
    }

    pub(crate) fn list(self, name: &'static str, items: Vec<Json>) -> Self {
        self.value(name, (!items.is_empty()).then_some(Json::List(items)))
    }

    pub(crate) fn value(mut self, name: &'static str, value: Option<Json>) -> Self {
        self.0.extend(value.map(|value| (name, value)));
        self
    }

    pub(crate) fn into_value(self) -> Json {
        Json::Object(self)
    }

    /// The text, with line breaks.
    pub(crate) fn into_json(self) -> String {
        // Nothing that is written can fail: keys are texts, and numbers finite.
        serde_json::to_string_pretty(&self).unwrap_or_default()
    }
}

/// An expression as a part of another one.
pub(crate) fn list(expression: &str) -> String {
    if expression.contains(' ') { format!("({expression})") } else { expression.to_owned() }
}
