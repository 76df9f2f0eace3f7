//! [`Statement`]: what an attestation says about which artifacts
//! ([in-toto attestation framework](https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md)).

pub(crate) mod dsse;

use core::fmt;
use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::digest::{Digest, HashAlgorithm};
use crate::text::encoding;
use crate::text::json::{self, AtMost, JsonError};

/// The media type of statements in an [`Envelope`](crate::Envelope).
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

const V1: &str = "https://in-toto.io/Statement/v1";
const TYPES: [&str; 2] = ["https://in-toto.io/Statement/v0.1", V1];

/// sigstore-go reads as many.
const MAX_SUBJECTS: usize = 1024;
/// Likewise.
const MAX_DIGESTS: usize = 32;

/// A predicate about some artifacts. Who says so is not part of it: see [`VerifiedBundle`](crate::VerifiedBundle).
#[derive(Clone)]
pub struct Statement {
    subjects: Vec<StatementSubject>,
    predicate_type: String,
    predicate: Box<RawValue>,
}

/// An artifact that a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementSubject {
    name: String,
    digests: Vec<Digest>,
    /// As JSON text: who asks for one reads it.
    annotations: Annotations,
}

/// An object, as it was written.
#[derive(Clone, Debug, Default)]
struct Annotations(Option<Box<RawValue>>);

impl PartialEq for Annotations {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().map(|raw| raw.get()) == other.0.as_ref().map(|raw| raw.get())
    }
}

impl Eq for Annotations {}

/// The text is not an in-toto statement.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StatementError {
    /// It is not JSON, or of another shape.
    #[error("statement is malformed")]
    Json(#[from] JsonError),
    /// `_type` is unknown.
    #[error("statement has the type `{found}`, expected one of {TYPES:?}")]
    Type {
        /// What was found.
        found: String,
    },
    /// It is about nothing.
    #[error("statement has no subject")]
    NoSubject,
    /// It is about too many artifacts, or names one in too many ways.
    #[error("statement has {found} {what}, expected at most {expected}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many are read.
        expected: usize,
    },
    /// A digest is not of its algorithm's length.
    #[error("subject {index} has the {algorithm} digest `{found}`, expected {} hexadecimal digits", algorithm.output_len() * 2)]
    Digest {
        /// Which subject.
        index: usize,
        /// The algorithm.
        algorithm: HashAlgorithm,
        /// What was found.
        found: String,
    },
}

impl Statement {
    /// Reads a statement, v0.1 or v1.
    ///
    /// # Errors
    /// If it is malformed, of another type, or about nothing.
    pub fn from_json(bytes: &[u8]) -> Result<Self, StatementError> {
        let wire: WireStatement = json::from_slice(bytes)?;
        if !TYPES.contains(&wire.statement_type.as_str()) {
            return Err(StatementError::Type { found: wire.statement_type });
        }
        let wire_subjects = bounded("subjects", wire.subject)?;
        if wire_subjects.is_empty() {
            return Err(StatementError::NoSubject);
        }
        let mut subjects = Vec::with_capacity(wire_subjects.len());
        for (index, subject) in wire_subjects.into_iter().enumerate() {
            let mut digests = Vec::new();
            for (name, value) in bounded("digests", subject.digest.0)? {
                // Other algorithms (gitCommit, sha1, …) name the artifact for other tools.
                if let Some(algorithm) = HashAlgorithm::from_name(&name) {
                    let digest =
                        encoding::from_hex(&value).and_then(|bytes| Digest::new(algorithm, bytes).ok());
                    digests.push(digest.ok_or(StatementError::Digest { index, algorithm, found: value })?);
                }
            }
            subjects.push(StatementSubject {
                name: subject.name.unwrap_or_default(),
                digests,
                annotations: subject.annotations,
            });
        }
        Ok(Self {
            subjects,
            predicate_type: wire.predicate_type,
            predicate: wire.predicate.unwrap_or_else(|| RawValue::NULL.to_owned()),
        })
    }

    /// A statement v1 about some artifacts.
    ///
    /// ```
    /// use trust_core::{Digest, Statement, StatementSubject};
    ///
    /// let subject = StatementSubject::new("app", Digest::sha256(b"the manifest"));
    /// let statement = Statement::new(vec![subject], "https://example.com/tested/v1", r#"{"passed": true}"#)?;
    /// assert_eq!(Statement::from_json(statement.to_json().as_bytes())?.predicate_json(), r#"{"passed": true}"#);
    /// # Ok::<(), trust_core::StatementError>(())
    /// ```
    ///
    /// # Errors
    /// If it has no subjects or too many, or the predicate is not JSON or repeats a key.
    pub fn new(
        subjects: Vec<StatementSubject>,
        predicate_type: impl Into<String>,
        predicate_json: &str,
    ) -> Result<Self, StatementError> {
        if subjects.is_empty() {
            return Err(StatementError::NoSubject);
        }
        if subjects.len() > MAX_SUBJECTS {
            let (found, expected) = (subjects.len(), MAX_SUBJECTS);
            return Err(StatementError::TooMany { what: "subjects", found, expected });
        }
        let predicate = json::from_slice(predicate_json.as_bytes())?;
        Ok(Self { subjects, predicate_type: predicate_type.into(), predicate })
    }

    /// The statement as JSON, in version 1. The predicate stands in it as it was given.
    #[must_use]
    pub fn to_json(&self) -> String {
        let subjects: Vec<_> = self.subjects.iter().map(StatementSubject::to_wire).collect();
        let predicate_type = serde_json::json!(self.predicate_type);
        let subjects = serde_json::Value::from(subjects);
        format!(
            r#"{{"_type":"{V1}","subject":{subjects},"predicateType":{predicate_type},"predicate":{}}}"#,
            self.predicate.get()
        )
    }

    /// What it is about; at least one artifact.
    #[must_use]
    pub fn subjects(&self) -> &[StatementSubject] {
        &self.subjects
    }

    /// Whether one of the subjects has this digest.
    #[must_use]
    pub fn applies_to(&self, digest: &Digest) -> bool {
        self.subjects.iter().any(|subject| subject.digests.contains(digest))
    }

    /// The type of the predicate, a URI.
    #[must_use]
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// The predicate, as JSON text; `null` if there is none.
    #[must_use]
    pub fn predicate_json(&self) -> &str {
        self.predicate.get()
    }
}

impl StatementSubject {
    /// An artifact by its digest. Verifiers compare digests alone; the name is for people, and may be empty.
    #[must_use]
    pub fn new(name: impl Into<String>, digest: Digest) -> Self {
        Self { name: name.into(), digests: vec![digest], annotations: Annotations::default() }
    }

    /// Notes something beside it, as `cosign sign -a` does.
    #[must_use]
    pub fn with_annotations(mut self, annotations: &BTreeMap<String, String>) -> Self {
        self.annotations = Annotations(serde_json::value::to_raw_value(annotations).ok());
        self
    }

    fn to_wire(&self) -> serde_json::Value {
        let digests = self.digests.iter().map(|one| (one.algorithm().to_string(), one.to_hex().into()));
        let mut wire = serde_json::Map::new();
        if !self.name.is_empty() {
            wire.insert("name".to_owned(), self.name.clone().into());
        }
        wire.insert("digest".to_owned(), serde_json::Value::Object(digests.collect()));
        if let Some(annotations) = &self.annotations.0 {
            wire.insert(
                "annotations".to_owned(),
                serde_json::from_str(annotations.get()).unwrap_or_default(),
            );
        }
        serde_json::Value::Object(wire)
    }

    /// Its name; may be empty.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its digests of algorithms that are supported.
    #[must_use]
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// What the signer noted beside it under a name; cosign puts the annotations of a signature here.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<serde_json::Value> {
        let text = self.annotations.0.as_ref()?.get();
        One(name).deserialize(&mut serde_json::Deserializer::from_str(text)).ok()?
    }
}

fn bounded<T, const MAX: usize>(what: &'static str, list: AtMost<T, MAX>) -> Result<Vec<T>, StatementError> {
    list.into_vec().map_err(|found| StatementError::TooMany { what, found, expected: MAX })
}

/// The value of one key of an object. Nothing is kept of the others.
struct One<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = Option<serde_json::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = Option<serde_json::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            if key == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement")
            .field("predicate_type", &self.predicate_type)
            .field("subjects", &self.subjects)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct WireStatement {
    #[serde(rename = "_type")]
    statement_type: String,
    #[serde(default)]
    subject: AtMost<WireSubject, MAX_SUBJECTS>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct WireSubject {
    name: Option<String>,
    #[serde(default)]
    digest: Digests,
    #[serde(default, deserialize_with = "annotations")]
    annotations: Annotations,
}

/// Names of algorithms, and digests.
#[derive(Default)]
struct Digests(AtMost<(String, String), MAX_DIGESTS>);

impl<'de> Deserialize<'de> for Digests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AtMost::of_members(deserializer).map(Self)
    }
}

fn annotations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Annotations, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    match &raw {
        Some(text) if !text.get().starts_with('{') => {
            Err(de::Error::custom("annotations are no object, expected one"))
        }
        _ => Ok(Annotations(raw)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Statement, StatementError> {
        Statement::from_json(text.as_bytes())
    }

    #[test]
    fn both_versions_are_read() {
        let digest = Digest::sha256(b"x");
        for version in ["v0.1", "v1"] {
            let statement = parse(&format!(
                r#"{{"_type":"https://in-toto.io/Statement/{version}","predicateType":"p","predicate":{{"a": 1}},
                    "subject":[{{"digest":{{"sha256":"{}","gitCommit":"?"}}}}]}}"#,
                digest.to_hex()
            ))
            .unwrap();
            assert!(statement.applies_to(&digest) && !statement.applies_to(&Digest::sha256(b"y")));
            assert_eq!(statement.predicate_json(), r#"{"a": 1}"#);
        }
    }

    #[test]
    fn a_statement_about_nothing_is_refused() {
        let text = r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":[]}"#;
        assert_eq!(parse(text).err(), Some(StatementError::NoSubject));
    }

    #[test]
    fn a_repeated_digest_is_refused() {
        let text = r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"p",
            "subject":[{"digest":{"sha256":"00","sha256":"01"}}]}"#;
        assert!(
            matches!(parse(text), Err(StatementError::Json(error)) if error.problem.contains("`sha256` is repeated"))
        );
    }

    #[test]
    fn a_digest_in_upper_case_is_refused() {
        let found = "AB".repeat(32);
        let text = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"p","subject":[{{"digest":{{"sha256":"{found}"}}}}]}}"#
        );
        let expected = StatementError::Digest { index: 0, algorithm: HashAlgorithm::Sha256, found };
        assert_eq!(parse(&text).err(), Some(expected));
    }
}
