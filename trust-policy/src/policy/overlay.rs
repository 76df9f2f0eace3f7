//! [`Overlay`]: the form that Kyverno's `validate.pattern` requires of a resource
//! ([patterns](https://kyverno.io/docs/policy-types/cluster-policy/validate/#patterns)).
//!
//! Maps: every key of the pattern must be present, with [anchors](KeyRule) for what is otherwise. Lists: every element must
//! have the form of the pattern's first element. Values: [`ValuePattern`].
//!
//! The first key that does not fit decides whether a map fails or is skipped, so the order of the keys is a part of the
//! meaning: first the anchors by name, then global conditions and keys with anchors below them in reverse order of name,
//! then the rest by name.

use serde_json::{Map, Value};
use trust_core::Pattern;

use crate::expression::budget::{Budget, Exhausted};
use crate::expression::template::Template;
use crate::expression::{Scope, Unresolved};
use crate::value::pointer::child;
use crate::value::value_pattern::ValuePattern;

/// A form that values may have.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// A map with these keys, at least.
    Map(Vec<OverlayKey>),
    /// A list. If the first form is of a map or a value, every element must have it; if it is of a list, each element must
    /// have the form at its own place.
    List(Vec<Overlay>),
    /// A value that the pattern matches, or a list of such values.
    Text(ValuePattern),
    /// A value that the pattern matches once its expressions have values.
    Template(Template),
    /// This number or boolean, or a list of it.
    Exact(Value),
    /// Nothing: absent, `null`, zero, `false` or empty.
    Nothing,
    /// Exactly this value: what an expression gave.
    Equal(Value),
}

/// A key of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayKey {
    /// Its name, which may have expressions. In labels and annotations, wildcards in it match the names that are there.
    pub name: Template,
    /// What its presence or absence means.
    pub rule: KeyRule,
    /// The form of its value.
    pub overlay: Overlay,
}

/// What a key of a pattern requires ([anchors](https://kyverno.io/docs/policy-types/cluster-policy/validate/#anchors)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRule {
    /// It must be present, in the form.
    Required,
    /// `=(key)`: if it is present, it must be in the form.
    Optional,
    /// `(key)`: unless it is present in the form, the map is skipped.
    Condition,
    /// `<(key)`: if it is present and not in the form, the map is skipped.
    GlobalCondition,
    /// `X(key)`: it must not be present.
    Forbidden,
    /// `^(key)`: if it is present, its list must have an element of the form.
    Existence,
}

/// A value does not have the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deviation {
    /// JSON pointer to the value.
    pub(crate) pointer: String,
    /// What was found; `None` if nothing was.
    pub(crate) found: Option<Value>,
    /// What was expected.
    pub(crate) expected: String,
}

impl Deviation {
    fn new(pointer: &str, found: Option<&Value>, expected: impl Into<String>) -> Self {
        Self { pointer: pointer.to_owned(), found: found.cloned(), expected: expected.into() }
    }

    /// What was found: a scalar as it is written, of a collection what it is.
    pub(crate) fn found(&self) -> Option<String> {
        Some(match self.found.as_ref()? {
            Value::Object(_) => "a map".to_owned(),
            Value::Array(items) => match items.len() {
                1 => "a list of 1 element".to_owned(),
                count => format!("a list of {count} elements"),
            },
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }

    /// The same for messages.
    pub(crate) fn found_text(&self) -> String {
        match (&self.found, self.found()) {
            (Some(Value::Object(_) | Value::Array(_)), Some(what)) => what,
            (_, Some(scalar)) => format!("`{scalar}`"),
            (_, None) => "nothing".to_owned(),
        }
    }
}

/// The form does not apply: a condition in it is not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skipped {
    /// Here: what is optional around it frees nothing else.
    Here,
    /// A global condition: up to the next list.
    Whole,
}

/// The deviations of a value from a form; none if it has the form.
pub(crate) type Judged = Result<Vec<Deviation>, Skipped>;

/// Steps for a deviation, which is kept and shown.
const COST_OF_DEVIATION: usize = 20;

impl KeyRule {
    /// How the anchor is written before the key in parentheses.
    fn sign(self) -> &'static str {
        match self {
            Self::Required | Self::Condition => "",
            Self::Optional => "=",
            Self::GlobalCondition => "<",
            Self::Forbidden => "X",
            Self::Existence => "^",
        }
    }
}

impl Overlay {
    /// Whether an expression is in it.
    pub(crate) fn has_expressions(&self) -> bool {
        match self {
            Self::Map(keys) => {
                keys.iter().any(|key| key.name.constant().is_none() || key.overlay.has_expressions())
            }
            Self::List(elements) => elements.iter().any(Self::has_expressions),
            Self::Template(_) => true,
            Self::Text(_) | Self::Exact(_) | Self::Nothing | Self::Equal(_) => false,
        }
    }

    /// The same form with the values of its expressions. What an expression gives is never read as an anchor.
    pub(crate) fn resolved(&self, scope: &Scope) -> Result<Self, Unresolved> {
        Ok(match self {
            Self::Map(keys) => {
                let key = |key: &OverlayKey| {
                    let name = Template::constant_text(&key.name.resolve_text(scope)?);
                    Ok(OverlayKey { name, rule: key.rule, overlay: key.overlay.resolved(scope)? })
                };
                Self::Map(keys.iter().map(key).collect::<Result<_, _>>()?)
            }
            Self::List(elements) => {
                Self::List(elements.iter().map(|one| one.resolved(scope)).collect::<Result<_, _>>()?)
            }
            Self::Template(template) => match template.resolve_or_null(scope)? {
                Value::String(text) => Self::Text(ValuePattern::new(&text)),
                Value::Null => Self::Nothing,
                scalar @ (Value::Bool(_) | Value::Number(_)) => Self::Exact(scalar),
                structure => Self::Equal(structure),
            },
            other => other.clone(),
        })
    }

    /// What `value` says of this form, which has no expressions; an absent value is `None`.
    pub(crate) fn judge(
        &self,
        value: Option<&Value>,
        pointer: &str,
        budget: &Budget,
    ) -> Result<Judged, Exhausted> {
        let judged = self.deviations(value, pointer, budget);
        if let Ok(deviations) = &judged {
            budget.spend(deviations.len().saturating_mul(COST_OF_DEVIATION))?;
        }
        if budget.is_exhausted() { Err(Exhausted) } else { Ok(judged) }
    }

    /// Every deviation of `value` from this form. Without a budget it ends somewhere, and says nothing.
    fn deviations(&self, value: Option<&Value>, pointer: &str, budget: &Budget) -> Judged {
        if self.pay(value, budget).is_err() {
            return Err(Skipped::Whole);
        }
        let deviation = |expected: String| vec![Deviation::new(pointer, value, expected)];
        Ok(match (self, value) {
            (Self::Map(keys), Some(Value::Object(map))) => map_deviations(keys, map, pointer, budget)?,
            (Self::Map(_), _) => deviation("a map".to_owned()),
            (Self::List(elements), Some(Value::Array(items))) => {
                list_deviations(elements, items, pointer, budget)?
            }
            (Self::List(_), _) => deviation("a list".to_owned()),
            (Self::Equal(expected), Some(found)) if expected == found => Vec::new(),
            (Self::Equal(expected), _) => deviation(format!("`{expected}`")),
            (Self::Exact(expected), found) if !self.matches_each(found) => deviation(format!("`{expected}`")),
            (Self::Text(pattern), found) if !self.matches_each(found) => deviation(pattern.to_string()),
            (Self::Nothing, found) if !self.matches_each(found) => deviation("nothing".to_owned()),
            // Forms are resolved before anything is judged.
            (Self::Template(_), _) => deviation("a value".to_owned()),
            (Self::Exact(_) | Self::Text(_) | Self::Nothing, _) => Vec::new(),
        })
    }

    /// Pays for looking at a value, without what is below it.
    fn pay(&self, value: Option<&Value>, budget: &Budget) -> Result<(), Exhausted> {
        match (self, value) {
            (Self::Text(pattern), Some(Value::String(text))) => {
                budget.spend_on_match(pattern.written(), text)
            }
            (Self::Text(_) | Self::Exact(_) | Self::Nothing, Some(Value::Array(items))) => {
                items.iter().try_for_each(|item| self.pay(Some(item), budget))
            }
            // Its keys are put in order, and each makes a pointer.
            (Self::Map(keys), Some(Value::Object(_))) => budget.spend(1 + 8 * keys.len()),
            _ => budget.spend(1),
        }
    }

    /// Whether a single value, or each of a list, is as it should be.
    fn matches_each(&self, value: Option<&Value>) -> bool {
        match value {
            Some(Value::Array(items)) => items.iter().all(|item| self.matches(item)),
            value => self.matches(value.unwrap_or(&Value::Null)),
        }
    }

    fn matches(&self, value: &Value) -> bool {
        match self {
            Self::Text(pattern) => pattern.matches(value),
            Self::Exact(expected @ Value::Bool(_)) => value == expected,
            Self::Exact(Value::Number(expected)) => match (value, expected.as_i64()) {
                (Value::Number(found), _) => found.as_f64() == expected.as_f64(),
                (Value::String(text), Some(expected)) => text.parse() == Ok(expected),
                (Value::String(text), None) => text.parse().ok() == expected.as_f64(),
                _ => false,
            },
            Self::Nothing => match value {
                Value::Null | Value::Bool(false) => true,
                Value::String(text) => text.is_empty(),
                Value::Number(number) => number.as_f64() == Some(0.0),
                _ => false,
            },
            Self::Equal(expected) => value == expected,
            Self::Exact(_) | Self::Map(_) | Self::List(_) | Self::Template(_) => false,
        }
    }

    /// Whether a key with an anchor is in it.
    fn has_anchors(&self) -> bool {
        match self {
            Self::Map(keys) => {
                keys.iter().any(|key| key.rule != KeyRule::Required || key.overlay.has_anchors())
            }
            Self::List(elements) => elements.iter().any(Self::has_anchors),
            _ => false,
        }
    }
}

impl OverlayKey {
    /// Its name, once that has no expressions.
    fn text(&self) -> &str {
        self.name.constant().and_then(Value::as_str).unwrap_or_default()
    }

    /// Its place among the keys of its map.
    fn order(&self) -> (u8, String) {
        let written = match self.rule {
            KeyRule::Required => self.text().to_owned(),
            rule => format!("{}({})", rule.sign(), self.text()),
        };
        let stage = match self.rule {
            KeyRule::GlobalCondition => 1,
            KeyRule::Required if self.overlay.has_anchors() => 1,
            KeyRule::Required => 2,
            _ => 0,
        };
        (stage, written)
    }
}

fn map_deviations(keys: &[OverlayKey], map: &Map<String, Value>, pointer: &str, budget: &Budget) -> Judged {
    let expanded = expanded_metadata(keys, map, budget);
    let keys = expanded.as_deref().unwrap_or(keys);
    let mut ordered: Vec<_> = keys.iter().map(|key| (key.order(), key)).collect();
    ordered.sort_by(|((stage, one), _), ((other_stage, other), _)| match stage.cmp(other_stage) {
        core::cmp::Ordering::Equal if *stage == 1 => other.cmp(one),
        core::cmp::Ordering::Equal => one.cmp(other),
        order => order,
    });
    let mut deviations = Vec::new();
    let (mut applied, mut skipped) = (0, 0);
    for ((stage, _), key) in ordered {
        // Anchors of which all that say something are skipped skip the map.
        if stage > 0 && applied == 0 && skipped > 0 && deviations.is_empty() {
            return Err(Skipped::Here);
        }
        match key_deviations(key, map, pointer, budget) {
            Ok(found) => {
                applied += 1;
                deviations.extend(found);
            }
            // What is skipped below an optional key frees nothing beside it.
            Err(Skipped::Here) if key.rule == KeyRule::Optional => skipped += 1,
            // What comes first decides; the rest is only said.
            Err(reason) if deviations.is_empty() => return Err(reason),
            Err(_) => {}
        }
    }
    if applied == 0 && skipped > 0 { Err(Skipped::Here) } else { Ok(deviations) }
}

fn key_deviations(key: &OverlayKey, map: &Map<String, Value>, pointer: &str, budget: &Budget) -> Judged {
    let pointer = child(pointer, key.text());
    let value = map.get(key.text());
    let deviation = |expected: &str| vec![Deviation::new(&pointer, value, expected)];
    let has_form = || key.overlay.deviations(value, &pointer, budget).is_ok_and(|found| found.is_empty());
    match (key.rule, value) {
        (KeyRule::Required, value) => match &key.overlay {
            // `*` alone means that the key is there.
            Overlay::Text(pattern) if pattern.written() == "*" => match value {
                None | Some(Value::Null) => Ok(deviation("a value")),
                Some(_) => Ok(Vec::new()),
            },
            overlay => overlay.deviations(value, &pointer, budget),
        },
        (KeyRule::Condition, None) => Err(Skipped::Here),
        (_, None) => Ok(Vec::new()),
        (KeyRule::Optional, value) => key.overlay.deviations(value, &pointer, budget),
        (KeyRule::Condition | KeyRule::GlobalCondition, _) if has_form() => Ok(Vec::new()),
        (KeyRule::Condition, _) => Err(Skipped::Here),
        (KeyRule::GlobalCondition, _) => Err(Skipped::Whole),
        (KeyRule::Forbidden, Some(_)) => Ok(deviation("nothing")),
        (KeyRule::Existence, Some(value)) => {
            let (Overlay::List(elements), Value::Array(items)) = (&key.overlay, value) else {
                return Ok(deviation("a list"));
            };
            let has_form = |element: &Overlay, item: &Value| {
                element.deviations(Some(item), &pointer, budget) == Ok(Vec::new())
            };
            let is_there = |element: &Overlay| {
                matches!(element, Overlay::Map(_)) && items.iter().any(|item| has_form(element, item))
            };
            match elements.iter().all(is_there) {
                true => Ok(Vec::new()),
                false => Ok(deviation("an element of the required form")),
            }
        }
    }
}

fn list_deviations(elements: &[Overlay], items: &[Value], pointer: &str, budget: &Budget) -> Judged {
    let place = |index: usize| child(pointer, &index.to_string());
    let wrong =
        |expected: String| Ok(vec![Deviation::new(pointer, Some(&Value::Array(items.to_vec())), expected)]);
    let pairs: Vec<(&Overlay, &Value)> = match elements.first() {
        None => return wrong("a pattern with elements".to_owned()),
        Some(first @ Overlay::Map(_)) => items.iter().map(|item| (first, item)).collect(),
        Some(Overlay::List(_)) if items.len() < elements.len() => {
            return wrong(format!("at least {}", elements.len()));
        }
        Some(Overlay::List(_)) => elements.iter().zip(items).collect(),
        Some(value) => {
            let fits = |item: &Value| value.pay(Some(item), budget).is_ok() && value.matches(item);
            return match items.iter().position(|item| !fits(item)) {
                None => Ok(Vec::new()),
                Some(index) => {
                    let (item, place) = (items.get(index), place(index));
                    let found = value.deviations(item, &place, budget)?;
                    let list_in_list = || vec![Deviation::new(&place, item, "a single value")];
                    Ok(if found.is_empty() { list_in_list() } else { found })
                }
            };
        }
    };
    let (mut deviations, mut skipped) = (Vec::new(), 0);
    for (index, (element, item)) in pairs.iter().enumerate() {
        match element.deviations(Some(item), &place(index), budget) {
            Ok(found) => deviations.extend(found),
            Err(_) => skipped += 1,
        }
    }
    if skipped > 0 && skipped == pairs.len() { Err(Skipped::Here) } else { Ok(deviations) }
}

/// The keys with the wildcards in labels and annotations replaced by the names that are there. `None` if there are none.
///
/// Where several names match, Kyverno takes one of them by chance. Here each of them must have the form, and one that meets
/// a condition is enough for it to be met.
fn expanded_metadata(
    keys: &[OverlayKey],
    map: &Map<String, Value>,
    budget: &Budget,
) -> Option<Vec<OverlayKey>> {
    let found = map.get("metadata")?.as_object()?;
    let at = keys.iter().position(|key| key.text() == "metadata")?;
    let Overlay::Map(metadata) = &keys.get(at)?.overlay else { return None };
    let mut metadata = metadata.clone();
    let mut is_changed = false;
    for name in ["labels", "annotations"] {
        let Some(names) = found.get(name).and_then(Value::as_object) else { continue };
        let Some(key) = metadata.iter_mut().find(|key| key.text() == name) else { continue };
        let Overlay::Map(entries) = &key.overlay else { continue };
        if entries.iter().any(|entry| entry.text().contains(['*', '?'])) {
            key.overlay =
                Overlay::Map(entries.iter().flat_map(|entry| expanded_entry(entry, names, budget)).collect());
            is_changed = true;
        }
    }
    if !is_changed {
        return None;
    }
    let mut expanded = keys.to_vec();
    expanded.get_mut(at)?.overlay = Overlay::Map(metadata);
    Some(expanded)
}

fn expanded_entry(entry: &OverlayKey, names: &Map<String, Value>, budget: &Budget) -> Vec<OverlayKey> {
    if budget.spend(names.len()).is_err() {
        return Vec::new();
    }
    let pattern = Pattern::wildcard(entry.text());
    let named = |name: &String| OverlayKey { name: Template::constant_text(name), ..entry.clone() };
    let mut matching: Vec<_> = names.keys().filter(|name| pattern.matches(name)).map(named).collect();
    if matches!(entry.rule, KeyRule::Condition | KeyRule::GlobalCondition) {
        let is_met = |key: &OverlayKey| key_deviations(key, names, "", budget).is_ok();
        let best = matching.iter().position(is_met).unwrap_or_default();
        matching = matching.into_iter().skip(best).take(1).collect();
    }
    if matching.is_empty() { vec![entry.clone()] } else { matching }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deviations(overlay: &Overlay, value: &Value) -> Result<Vec<String>, Skipped> {
        let shown = |one: Deviation| format!("{}: {}, not {}", one.pointer, one.found_text(), one.expected);
        Ok(overlay.judge(Some(value), "", &Budget::default()).unwrap()?.into_iter().map(shown).collect())
    }

    fn text(text: &str) -> Overlay {
        Overlay::Text(ValuePattern::new(text))
    }

    fn map<const N: usize>(keys: [(&str, KeyRule, Overlay); N]) -> Overlay {
        let key = |(name, rule, overlay)| OverlayKey { name: Template::constant_text(name), rule, overlay };
        Overlay::Map(keys.into_iter().map(key).collect())
    }

    fn list(element: Overlay) -> Overlay {
        Overlay::List(vec![element])
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
        let existence = map([("a", KeyRule::Existence, list(map([("k", KeyRule::Required, text("x"))])))]);
        assert_eq!(deviations(&existence, &json!({})).unwrap().len(), 0);
        assert_eq!(deviations(&existence, &json!({"a": [{"k": "y"}, {"k": "x"}]})).unwrap().len(), 0);
        assert_eq!(deviations(&existence, &json!({"a": [{"k": "y"}]})).unwrap().len(), 1);
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
        // An element that is skipped is skipped alone.
        for overlay in [&conditional, &global] {
            assert_eq!(deviations(overlay, &latest).unwrap(), ["/1/policy: nothing, not `Always`"]);
        }
        assert_eq!(deviations(&conditional, &json!([{"image": "a:1"}])), Err(Skipped::Here));
        assert_eq!(deviations(&conditional, &json!([{"image": "a", "policy": "Always"}])).unwrap().len(), 0);
    }

    #[test]
    fn what_comes_first_decides_whether_a_map_fails_or_is_skipped() {
        let overlay = map([
            ("a", KeyRule::Required, map([("k", KeyRule::Condition, text("x"))])),
            ("b", KeyRule::Required, text("x")),
            ("c", KeyRule::Forbidden, Overlay::Nothing),
        ]);
        let skipped = json!({"a": {"k": "y"}, "b": "y"});
        assert_eq!(deviations(&overlay, &skipped), Err(Skipped::Here));
        // The anchor of the map itself comes before the keys with anchors below them.
        let forbidden = json!({"a": {"k": "y"}, "b": "y", "c": 1});
        assert_eq!(deviations(&overlay, &forbidden).unwrap(), ["/c: `1`, not nothing", "/b: `y`, not `x`"]);
    }

    #[test]
    fn names_of_labels_may_have_wildcards() {
        let labels = |rule| {
            let labels = map([("app*", rule, text("x"))]);
            map([("metadata", KeyRule::Required, map([("labels", KeyRule::Required, labels)]))])
        };
        let of = |labels: Value| json!({"metadata": {"labels": labels}});
        let required = labels(KeyRule::Required);
        assert_eq!(deviations(&required, &of(json!({"b": "y", "app.io/name": "x"}))).unwrap().len(), 0);
        let absent = ["/metadata/labels/app*: nothing, not `x`"];
        assert_eq!(deviations(&required, &of(json!({"b": "x"}))).unwrap(), absent);
        // Each of several must have the form; a condition is met by one.
        let several = of(json!({"app1": "x", "app2": "y"}));
        assert_eq!(deviations(&required, &several).unwrap(), ["/metadata/labels/app2: `y`, not `x`"]);
        assert_eq!(deviations(&labels(KeyRule::Condition), &several).unwrap().len(), 0);
        // Elsewhere a name is a name.
        assert_eq!(
            deviations(&map([("app*", KeyRule::Required, text("x"))]), &json!({"app1": "x"})).unwrap().len(),
            1
        );
    }

    #[test]
    fn values_of_every_kind_are_compared() {
        assert_eq!(deviations(&Overlay::Exact(json!(1)), &json!("1")).unwrap().len(), 0);
        assert_eq!(deviations(&Overlay::Exact(json!(true)), &json!("true")).unwrap().len(), 1);
        assert_eq!(deviations(&Overlay::Nothing, &json!("")).unwrap().len(), 0);
        let equal = Overlay::Equal(json!(["x"]));
        assert_eq!(deviations(&equal, &json!(["x"])).unwrap().len(), 0);
        for other in [json!([]), json!([["x"]]), json!("x"), json!(null)] {
            assert_eq!(deviations(&equal, &other).unwrap().len(), 1, "{other}");
        }
        assert_eq!(deviations(&list(equal), &json!([["x"], []])).unwrap().len(), 1);
        assert_eq!(deviations(&Overlay::Nothing, &json!([1])).unwrap().len(), 1);
        assert_eq!(deviations(&text(">1"), &json!([2, 3])).unwrap().len(), 0);
        assert_eq!(deviations(&text(">1"), &json!([2, 1])).unwrap().len(), 1);
    }
}
