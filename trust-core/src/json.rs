//! Strict JSON: what [`serde_json`] reads, minus repeated keys, which it would resolve silently.

use std::collections::BTreeSet;

use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use thiserror::Error;

/// The text is not the JSON that was expected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct JsonError {
    /// Line, counted from 1; 0 if the problem has no place.
    pub line: usize,
    /// Column, counted from 1.
    pub column: usize,
    /// What was found and what was expected.
    pub problem: String,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        let position = format!(" at line {} column {}", error.line(), error.column());
        Self {
            line: error.line(),
            column: error.column(),
            problem: text.strip_suffix(&position).unwrap_or(&text).to_owned(),
        }
    }
}

/// Reads a `T` from JSON in which no object repeats a key, at any depth.
///
/// Depth is bounded by `serde_json` at 128. The caller bounds the size.
///
/// # Errors
/// Says line, column and what was expected.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    serde_json::from_slice::<UniqueKeys>(bytes)?;
    Ok(serde_json::from_slice(bytes)?)
}

/// Accepts any JSON without a repeated key, and keeps nothing of it.
struct UniqueKeys;

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueKeysVisitor)
    }
}

struct UniqueKeysVisitor;

impl<'de> Visitor<'de> for UniqueKeysVisitor {
    type Value = UniqueKeys;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<UniqueKeys, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<Key<'de>>()? {
            if seen.contains(&key.0) {
                return Err(de::Error::custom(format_args!(
                    "the key `{}` is repeated, expected it once",
                    key.0
                )));
            }
            seen.insert(key.0);
            map.next_value::<UniqueKeys>()?;
        }
        Ok(UniqueKeys)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<UniqueKeys, A::Error> {
        while seq.next_element::<UniqueKeys>()?.is_some() {}
        Ok(UniqueKeys)
    }

    fn visit_bool<E>(self, _: bool) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_i64<E>(self, _: i64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_u64<E>(self, _: u64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_f64<E>(self, _: f64) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_str<E>(self, _: &str) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }

    fn visit_unit<E>(self) -> Result<UniqueKeys, E> {
        Ok(UniqueKeys)
    }
}

/// An object's key, borrowed from the input unless it holds escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_key_is_refused_at_any_depth_and_in_any_spelling() {
        for text in [r#"{"a":1,"a":2}"#, r#"[{"b":{"a":1,"\u0061":2}}]"#] {
            let error = from_slice::<serde_json::Value>(text.as_bytes()).unwrap_err();
            assert_eq!(error.problem, "the key `a` is repeated, expected it once");
            assert_eq!(error.line, 1);
        }
    }

    #[test]
    fn errors_say_where() {
        let error = from_slice::<Vec<u8>>(b"[1,\n \"x\"]").unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 4: invalid type: string \"x\", expected u8");
    }
}
