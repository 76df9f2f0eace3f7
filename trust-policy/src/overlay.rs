//! [`Overlay`]: the form that Kyverno's `validate.pattern` demands of a resource
//! ([patterns](https://kyverno.io/docs/policy-types/cluster-policy/validate/#patterns)).
//!
//! Maps: every key of the pattern must be there, with [anchors](KeyRule) for what is otherwise. Lists: every element must
//! have the form of the pattern's only element. Values: [`ValuePattern`].

use serde_json::{Map, Value};
use trust_core::Pattern;

use crate::expression::{Scope, Unresolved};
use crate::pointer::child;
use crate::template::Template;
use crate::value_pattern::{ValuePattern, scalar_text};

/// A form that values may have.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// A map with these keys, at least.
    Map(Vec<OverlayKey>),
    /// A list whose elements all have this form.
    List(Box<Overlay>),
    /// A value that the pattern means, or a list of such values.
    Text(ValuePattern),
    /// A value that the pattern means once its expressions have values.
    Template(Template),
    /// This number or boolean, or a list of it.
    Exact(Value),
    /// Nothing: absent, `null`, zero, `false` or empty.
    Nothing,
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayKey {
    /// Its name.
    pub name: Pattern,
    /// What it means that it is there, or is not.
    pub rule: KeyRule,
    /// The form of its value.
    pub overlay: Overlay,
}

/// What a key of a pattern demands ([anchors](https://kyverno.io/docs/policy-types/cluster-policy/validate/#anchors)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRule {
    /// It must be there, in the form.
    Required,
    /// `=(key)`: if it is there, it must be in the form.
    Optional,
    /// `(key)`: the map's other keys matter only if it is there in the form.
    Condition,
    /// `<(key)`: the whole pattern matters only if it is there in the form.
    GlobalCondition,
    /// `X(key)`: it must not be there.
    Forbidden,
    /// `^(key)`: its list must have an element of the form.
    Existence,
}

/// A value does not have the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deviation {
    /// JSON pointer to the value.
    pub(crate) pointer: String,
    /// What was found.
    pub(crate) found: String,
    /// What was expected.
    pub(crate) expected: String,
}

/// Why there are no deviations to speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unjudged {
    /// A condition of the map is not met.
    Map,
    /// A condition of the whole pattern is not met.
    Whole,
    /// An expression has no value.
    Unresolved(Unresolved),
}

impl Overlay {
    /// Whether a value in it is that of an expression.
    pub(crate) fn has_expressions(&self) -> bool {
        match self {
            Self::Map(keys) => keys.iter().any(|key| key.overlay.has_expressions()),
            Self::List(element) => element.has_expressions(),
            Self::Template(_) => true,
            Self::Text(_) | Self::Exact(_) | Self::Nothing => false,
        }
    }

    /// Every deviation of `value` from this form; an absent value is `None`.
    pub(crate) fn deviations(
        &self,
        value: Option<&Value>,
        pointer: &str,
        scope: &Scope,
    ) -> Result<Vec<Deviation>, Unjudged> {
        let deviation = |expected: String| {
            vec![Deviation { pointer: pointer.to_owned(), found: describe(value), expected }]
        };
        Ok(match (self, value) {
            (Self::Map(keys), Some(Value::Object(map))) => map_deviations(keys, map, pointer, scope)?,
            (Self::Map(_), _) => deviation("a map".to_owned()),
            (Self::List(element), Some(Value::Array(items))) => {
                let (mut deviations, mut unjudged) = (Vec::new(), 0);
                for (index, item) in items.iter().enumerate() {
                    match element.deviations(Some(item), &child(pointer, &index.to_string()), scope) {
                        Ok(found) => deviations.extend(found),
                        Err(Unjudged::Map) => unjudged += 1,
                        Err(other) => return Err(other),
                    }
                }
                if unjudged > 0 && unjudged == items.len() {
                    return Err(Unjudged::Map);
                }
                deviations
            }
            (Self::List(_), _) => deviation("a list".to_owned()),
            (Self::Text(pattern), found) => {
                if all_of(found, |one| pattern.matches(one)) {
                    Vec::new()
                } else {
                    deviation(pattern.to_string())
                }
            }
            (Self::Template(template), found) => {
                let resolved = template.resolve(scope).map_err(Unjudged::Unresolved)?;
                let Some(text) = scalar_text(&resolved) else {
                    return Ok(if found == Some(&resolved) {
                        Vec::new()
                    } else {
                        deviation(format!("`{resolved}`"))
                    });
                };
                let pattern = ValuePattern::new(&text);
                if all_of(found, |one| pattern.matches(one)) {
                    Vec::new()
                } else {
                    deviation(pattern.to_string())
                }
            }
            (Self::Exact(expected), found) => {
                let is_expected = |one: &Value| {
                    one == expected
                        || expected.is_number()
                            && scalar_text(one).is_some_and(|text| text.parse().ok() == expected.as_f64())
                };
                if all_of(found, is_expected) { Vec::new() } else { deviation(format!("`{expected}`")) }
            }
            (Self::Nothing, found) => {
                let is_nothing = match found {
                    None | Some(Value::Null | Value::Bool(false)) => true,
                    Some(Value::String(text)) => text.is_empty(),
                    Some(Value::Number(number)) => number.as_f64() == Some(0.0),
                    Some(_) => false,
                };
                if is_nothing { Vec::new() } else { deviation("nothing".to_owned()) }
            }
        })
    }
}

fn map_deviations(
    keys: &[OverlayKey],
    map: &Map<String, Value>,
    pointer: &str,
    scope: &Scope,
) -> Result<Vec<Deviation>, Unjudged> {
    let find = |key: &OverlayKey| map.iter().find(|(name, _)| key.name.matches(name));
    // Conditions first: they say whether the rest matters.
    for key in keys {
        let unmet = match key.rule {
            KeyRule::Condition => Unjudged::Map,
            KeyRule::GlobalCondition => Unjudged::Whole,
            _ => continue,
        };
        let Some((name, value)) = find(key) else { return Err(unmet) };
        if !key.overlay.deviations(Some(value), &child(pointer, name), scope)?.is_empty() {
            return Err(unmet);
        }
    }
    let mut deviations = Vec::new();
    for key in keys {
        let found = find(key);
        let name = found.map_or_else(|| written(&key.name), |(name, _)| name.clone());
        let pointer = child(pointer, &name);
        let value = found.map(|(_, value)| value);
        match key.rule {
            KeyRule::Condition | KeyRule::GlobalCondition => {}
            KeyRule::Optional if value.is_none() => {}
            KeyRule::Optional | KeyRule::Required => {
                deviations.extend(key.overlay.deviations(value, &pointer, scope)?);
            }
            KeyRule::Forbidden => {
                if value.is_some() {
                    let expected = "nothing".to_owned();
                    deviations.push(Deviation { pointer, found: describe(value), expected });
                }
            }
            KeyRule::Existence => {
                deviations.extend(existence_deviations(&key.overlay, value, &pointer, scope)?)
            }
        }
    }
    Ok(deviations)
}

/// Whether some element has the form. An element whose condition is not met has it not.
fn existence_deviations(
    overlay: &Overlay,
    value: Option<&Value>,
    pointer: &str,
    scope: &Scope,
) -> Result<Vec<Deviation>, Unjudged> {
    let (Overlay::List(element), Some(Value::Array(items))) = (overlay, value) else {
        let expected = "a list".to_owned();
        return Ok(vec![Deviation { pointer: pointer.to_owned(), found: describe(value), expected }]);
    };
    for item in items {
        match element.deviations(Some(item), pointer, scope) {
            Ok(deviations) if deviations.is_empty() => return Ok(Vec::new()),
            Ok(_) | Err(Unjudged::Map) => {}
            Err(other) => return Err(other),
        }
    }
    let expected = "an element of the form that is demanded".to_owned();
    Ok(vec![Deviation { pointer: pointer.to_owned(), found: format!("{} others", items.len()), expected }])
}

/// Whether a value, or each of a list, is as it should be.
fn all_of(value: Option<&Value>, is_right: impl Fn(&Value) -> bool) -> bool {
    match value {
        Some(Value::Array(items)) => items.iter().all(is_right),
        Some(value) => is_right(value),
        None => false,
    }
}

fn written(pattern: &Pattern) -> String {
    pattern.to_string().trim_matches('`').to_owned()
}

fn describe(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Object(_)) => "a map".to_owned(),
        Some(Value::Array(_)) => "a list".to_owned(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deviations(overlay: &Overlay, value: &Value) -> Result<Vec<String>, Unjudged> {
        let scope = Scope::new("2026-11-22T00:00:00Z".parse().unwrap());
        let found = overlay.deviations(Some(value), "", &scope)?;
        Ok(found
            .into_iter()
            .map(|one| format!("{}: {}, not {}", one.pointer, one.found, one.expected))
            .collect())
    }

    fn text(text: &str) -> Overlay {
        Overlay::Text(ValuePattern::new(text))
    }

    fn map<const N: usize>(keys: [(&str, KeyRule, Overlay); N]) -> Overlay {
        let key = |(name, rule, overlay)| OverlayKey { name: Pattern::wildcard(name), rule, overlay };
        Overlay::Map(keys.into_iter().map(key).collect())
    }

    fn list(element: Overlay) -> Overlay {
        Overlay::List(Box::new(element))
    }

    #[test]
    fn every_element_of_a_list_must_have_the_form() {
        let overlay = map([("a", KeyRule::Required, list(map([("image", KeyRule::Required, text("x/*"))])))]);
        let value = json!({"a": [{"image": "x/1"}, {"image": "y/2"}, {}]});
        let expected = ["/a/1/image: `y/2`, not `x/*`", "/a/2/image: nothing, not `x/*`"];
        assert_eq!(deviations(&overlay, &value).unwrap(), expected);
    }

    #[test]
    fn keys_mean_what_their_anchors_say() {
        let of = |rule| map([("a", rule, list(text("*")))]);
        assert_eq!(deviations(&of(KeyRule::Required), &json!({})).unwrap(), ["/a: nothing, not a list"]);
        assert_eq!(deviations(&of(KeyRule::Optional), &json!({})).unwrap().len(), 0);
        assert_eq!(deviations(&of(KeyRule::Forbidden), &json!({"a": 1})).unwrap(), ["/a: `1`, not nothing"]);
        assert_eq!(deviations(&of(KeyRule::Forbidden), &json!({})).unwrap().len(), 0);
        let existence = map([("a", KeyRule::Existence, list(text("x")))]);
        assert_eq!(deviations(&existence, &json!({"a": ["y", "x"]})).unwrap().len(), 0);
        assert_eq!(deviations(&existence, &json!({"a": ["y"]})).unwrap().len(), 1);
    }

    #[test]
    fn conditions_say_whether_the_rest_matters() {
        let overlay = |rule| {
            list(map([
                ("policy", KeyRule::Required, text("Always")),
                ("image", rule, text("*:latest | !*:*")),
            ]))
        };
        let (conditional, global) = (overlay(KeyRule::Condition), overlay(KeyRule::GlobalCondition));
        let latest = json!([{"image": "a:1"}, {"image": "a:latest"}]);
        assert_eq!(deviations(&conditional, &latest).unwrap(), ["/1/policy: nothing, not `Always`"]);
        assert_eq!(deviations(&global, &latest), Err(Unjudged::Whole));
        assert_eq!(deviations(&conditional, &json!([{"image": "a:1"}])), Err(Unjudged::Map));
        assert_eq!(deviations(&conditional, &json!([{"image": "a", "policy": "Always"}])).unwrap().len(), 0);
    }

    #[test]
    fn names_of_keys_may_have_wildcards() {
        let overlay = map([("app*", KeyRule::Required, text("x"))]);
        assert_eq!(deviations(&overlay, &json!({"b": "y", "app.io/name": "x"})).unwrap().len(), 0);
        assert_eq!(deviations(&overlay, &json!({"b": "x"})).unwrap(), ["/app*: nothing, not `x`"]);
    }

    #[test]
    fn values_of_every_kind_are_compared() {
        assert_eq!(deviations(&Overlay::Exact(json!(1)), &json!("1")).unwrap().len(), 0);
        assert_eq!(deviations(&Overlay::Exact(json!(true)), &json!("true")).unwrap().len(), 1);
        assert_eq!(deviations(&Overlay::Nothing, &json!("")).unwrap().len(), 0);
        assert_eq!(deviations(&Overlay::Nothing, &json!([1])).unwrap().len(), 1);
        assert_eq!(deviations(&text(">1"), &json!([2, 3])).unwrap().len(), 0);
        assert_eq!(deviations(&text(">1"), &json!([2, 1])).unwrap().len(), 1);
    }
}
