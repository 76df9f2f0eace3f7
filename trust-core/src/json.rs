//! Strict JSON: what [`serde_json`] reads, minus repeated keys, which it would resolve silently.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::Value;
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
    Document::new(bytes)?.read()
}

/// JSON in which no object repeats a key, at any depth, to be read as one type or another.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a>(&'a str);

impl<'a> Document<'a> {
    /// Reads it once, for its form.
    ///
    /// # Errors
    /// Says line, column and what was expected.
    pub fn new(bytes: &'a [u8]) -> Result<Self, JsonError> {
        // serde_json finds the place of what is not UTF-8.
        let Ok(text) = core::str::from_utf8(bytes) else {
            serde_json::from_slice::<Value>(bytes)?;
            return Err(JsonError { line: 0, column: 0, problem: "found what is not UTF-8".to_owned() });
        };
        let mut deserializer = serde_json::Deserializer::from_str(text);
        UniqueKeys(&mut Vec::new()).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.0
    }

    /// Reads it as a `T`, which may borrow from it.
    ///
    /// # Errors
    /// Says line, column and what was expected.
    pub fn read<T: Deserialize<'a>>(&self) -> Result<T, JsonError> {
        Ok(serde_json::from_str(self.0)?)
    }
}

/// Accepts any JSON without a repeated key, and keeps nothing of it. It holds the keys of the objects that are open:
/// those of the innermost stand last.
struct UniqueKeys<'k, 'de>(&'k mut Vec<Cow<'de, str>>);

/// The keys of an object that are compared one by one; further ones are kept in order.
const FEW: usize = 32;

impl<'de> DeserializeSeed<'de> for UniqueKeys<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (start, mut many) = (self.0.len(), BTreeSet::new());
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            let few = self.0.get(start..).unwrap_or_default();
            let is_repeated = if few.len() < FEW {
                few.contains(&key)
            } else {
                few.contains(&key) || !many.insert(key.clone())
            };
            if is_repeated {
                return Err(de::Error::custom(format_args!("the key `{key}` is repeated, expected it once")));
            }
            if few.len() < FEW {
                self.0.push(key);
            }
            map.next_value_seed(UniqueKeys(self.0))?;
        }
        self.0.truncate(start);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(UniqueKeys(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// An object's key, borrowed from the input unless it holds escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

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
    fn many_keys_are_compared_too() {
        let object = |keys: &[usize]| {
            let members: Vec<_> = keys.iter().map(|key| format!("\"k{key}\":{{\"k0\":0}}")).collect();
            from_slice::<Value>(format!("{{{}}}", members.join(",")).as_bytes())
        };
        let mut keys: Vec<usize> = (0..100).collect();
        assert!(object(&keys).is_ok());
        for repeated in [0, 31, 32, 99] {
            keys.push(repeated);
            let problem = object(&keys).unwrap_err().problem;
            assert_eq!(problem, format!("the key `k{repeated}` is repeated, expected it once"));
            keys.pop();
        }
    }

    #[test]
    fn what_is_not_utf8_is_refused_with_its_place() {
        let error = from_slice::<Value>(b"{\n\"\xff\": 1}").unwrap_err();
        assert_eq!(error.line, 2, "{error}");
    }

    #[test]
    fn errors_say_where() {
        let error = from_slice::<Vec<u8>>(b"[1,\n \"x\"]").unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 4: invalid type: string \"x\", expected u8");
    }
}
