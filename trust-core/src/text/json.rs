//! Strict JSON: what [`serde_json`] reads, minus repeated keys, which it would resolve silently, and lists in the place of
//! objects.

mod objects;

use core::marker::PhantomData;
use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use thiserror::Error;

pub use self::objects::Objects;

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
        let Ok(text) = core::str::from_utf8(bytes) else {
            // serde_json finds the place of what is not UTF-8.
            UniqueKeys(&mut Vec::new()).deserialize(&mut serde_json::Deserializer::from_slice(bytes))?;
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
        serde_json::from_str(self.0).map(|Objects(value)| value).map_err(JsonError::from)
    }
}

/// A value of an enumeration in [proto3's JSON](https://protobuf.dev/programming-guides/json/): its name, or its number, which
/// is returned in digits.
pub(crate) fn proto_enum<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Name {
        Text(String),
        Number(u32),
    }
    Ok(Option::<Name>::deserialize(deserializer)?.map(|name| match name {
        Name::Text(text) => text,
        Name::Number(number) => number.to_string(),
    }))
}

/// A list of which no more than `MAX` values are kept: what a stranger repeats without end takes no memory. `null` is empty.
#[derive(Clone, Debug)]
pub struct AtMost<T, const MAX: usize> {
    kept: Vec<T>,
    found: usize,
}

impl<T, const MAX: usize> AtMost<T, MAX> {
    /// How many there are.
    #[must_use]
    pub fn found(&self) -> usize {
        self.found
    }

    /// All of them.
    ///
    /// # Errors
    /// If there are more than are kept: how many.
    pub fn into_vec(self) -> Result<Vec<T>, usize> {
        if self.found == self.kept.len() { Ok(self.kept) } else { Err(self.found) }
    }

    /// The first, whatever comes after it.
    #[must_use]
    pub fn into_first(self) -> Option<T> {
        self.kept.into_iter().next()
    }

    /// Those that are kept.
    #[must_use]
    pub fn kept(&self) -> &[T] {
        &self.kept
    }
}

impl<K, V, const MAX: usize> AtMost<(K, V), MAX> {
    /// The members of an object, likewise.
    pub(crate) fn of_members<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>
    where
        K: Deserialize<'de>,
        V: Deserialize<'de>,
    {
        deserializer.deserialize_map(MembersVisitor(PhantomData))
    }
}

impl<T, const MAX: usize> Default for AtMost<T, MAX> {
    fn default() -> Self {
        Self { kept: Vec::new(), found: 0 }
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for AtMost<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_option(AtMostVisitor(PhantomData))
    }
}

struct AtMostVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for AtMostVisitor<T, MAX> {
    type Value = AtMost<T, MAX>;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(AtMost::default())
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(AtMost::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = AtMost::default();
        while list.kept.len() < MAX {
            let Some(value) = seq.next_element()? else {
                list.found = list.kept.len();
                return Ok(list);
            };
            list.kept.push(value);
        }
        list.found = list.kept.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            list.found += 1;
        }
        Ok(list)
    }
}

struct MembersVisitor<K, V, const MAX: usize>(PhantomData<(K, V)>);

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>, const MAX: usize> Visitor<'de>
    for MembersVisitor<K, V, MAX>
{
    type Value = AtMost<(K, V), MAX>;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut list = AtMost::default();
        while list.kept.len() < MAX {
            let Some(member) = map.next_entry()? else {
                list.found = list.kept.len();
                return Ok(list);
            };
            list.kept.push(member);
        }
        list.found = list.kept.len();
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            list.found += 1;
        }
        Ok(list)
    }
}

/// Accepts any JSON without a repeated key, and keeps nothing of it. It holds the keys of the objects that are open:
/// those of the innermost stand last.
struct UniqueKeys<'k, 'de>(&'k mut Vec<Cow<'de, str>>);

/// The keys of an object that are compared one by one; further ones are kept in order.
const FEW: usize = 32;
/// The keys of one object. The largest published documents have some thousands.
const MAX_KEYS: usize = 100_000;

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
            } else if few.len() + many.len() == MAX_KEYS {
                return Err(de::Error::custom(format_args!("an object has more than {MAX_KEYS} keys")));
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
    use serde_json::Value;

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
    fn a_list_is_bounded_while_it_is_read() {
        let list = |text: &str| from_slice::<AtMost<u8, 2>>(text.as_bytes());
        for (text, all) in
            [("null", Ok(vec![])), ("[]", Ok(vec![])), ("[1,2]", Ok(vec![1, 2])), ("[1,2,3,4]", Err(4))]
        {
            assert_eq!(list(text).unwrap().into_vec(), all, "{text}");
        }
        assert_eq!(list("[1,2,3]").unwrap().kept(), [1, 2]);
        assert!(list("{}").is_err() && list("[1,\"x\"]").is_err() && list("[1,2,3").is_err());
        let keys: Vec<String> = (0..=MAX_KEYS).map(|key| format!("\"{key}\":0")).collect();
        let problem =
            from_slice::<IgnoredAny>(format!("{{{}}}", keys.join(",")).as_bytes()).unwrap_err().problem;
        assert!(problem.contains("more than 100000 keys"), "{problem}");
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
