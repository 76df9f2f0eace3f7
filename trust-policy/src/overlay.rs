//! [`Overlay`]: the form that Kyverno's `validate.pattern` demands of a resource
//! ([patterns](https://kyverno.io/docs/policy-types/cluster-policy/validate/#patterns)).
//!
//! Maps: every key of the pattern must be there. Lists: every element must have the form of the pattern's only
//! element. Texts: alternatives with `|`, conjunctions with `&`, wildcards, `!` for "not".

use serde_json::Value;
use trust_core::Pattern;

/// A form that values may have.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// A map with these keys, at least.
    Map(Vec<OverlayKey>),
    /// A list whose elements all have this form.
    List(Box<Overlay>),
    /// A text for which one of the alternatives holds, with all of its conditions.
    Text(Vec<Vec<TextCondition>>),
    /// Exactly this value: a number, a boolean or `null`.
    Exact(Value),
}

/// A key that a map must have.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayKey {
    /// Its name.
    pub name: String,
    /// Whether the form only matters if the key is there: `=(name)`.
    pub optional: bool,
    /// The form of its value.
    pub overlay: Overlay,
}

/// A condition on a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextCondition {
    /// Whether the text must not match: `!`.
    pub negated: bool,
    /// What the text is compared with.
    pub pattern: Pattern,
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

impl Overlay {
    /// Every deviation of `value` (none if the value is absent and that is allowed) from this form.
    pub(crate) fn deviations(&self, value: Option<&Value>, pointer: &str) -> Vec<Deviation> {
        let deviation = |expected: String| {
            vec![Deviation { pointer: pointer.to_owned(), found: describe(value), expected }]
        };
        match (self, value) {
            (Self::Map(keys), Some(Value::Object(map))) => keys
                .iter()
                .filter(|key| !key.optional || map.contains_key(&key.name))
                .flat_map(|key| key.overlay.deviations(map.get(&key.name), &child(pointer, &key.name)))
                .collect(),
            (Self::Map(_), _) => deviation("a map".to_owned()),
            (Self::List(element), Some(Value::Array(items))) => items
                .iter()
                .enumerate()
                .flat_map(|(index, item)| element.deviations(Some(item), &child(pointer, &index.to_string())))
                .collect(),
            (Self::List(_), _) => deviation("a list".to_owned()),
            (Self::Text(alternatives), Some(Value::String(text))) => {
                let holds = |conditions: &Vec<TextCondition>| conditions.iter().all(|one| one.holds(text));
                if alternatives.iter().any(holds) { Vec::new() } else { deviation(self.written()) }
            }
            (Self::Text(_), _) => deviation(self.written()),
            (Self::Exact(expected), found) => {
                let found = found.unwrap_or(&Value::Null);
                if found == expected { Vec::new() } else { deviation(format!("`{expected}`")) }
            }
        }
    }

    fn written(&self) -> String {
        let Self::Text(alternatives) = self else { return String::new() };
        let conjunction = |conditions: &Vec<TextCondition>| {
            let conditions: Vec<_> = conditions.iter().map(TextCondition::written).collect();
            conditions.join(" and ")
        };
        alternatives.iter().map(conjunction).collect::<Vec<_>>().join(" or ")
    }
}

impl TextCondition {
    fn holds(&self, text: &str) -> bool {
        self.pattern.matches(text) != self.negated
    }

    fn written(&self) -> String {
        format!("{}{}", if self.negated { "not " } else { "" }, self.pattern)
    }
}

fn child(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
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

    fn wildcard(text: &str) -> Overlay {
        Overlay::Text(vec![vec![TextCondition { negated: false, pattern: Pattern::wildcard(text) }]])
    }

    fn map(name: &str, optional: bool, overlay: Overlay) -> Overlay {
        Overlay::Map(vec![OverlayKey { name: name.to_owned(), optional, overlay }])
    }

    #[test]
    fn every_element_of_a_list_must_have_the_form() {
        let overlay = map("a", false, Overlay::List(Box::new(map("image", false, wildcard("x/*")))));
        let value = json!({"a": [{"image": "x/1"}, {"image": "y/2"}, {}]});
        let deviation = |pointer: &str, found: &str| Deviation {
            pointer: pointer.to_owned(),
            found: found.to_owned(),
            expected: "`x/*`".to_owned(),
        };
        assert_eq!(
            overlay.deviations(Some(&value), ""),
            [deviation("/a/1/image", "`y/2`"), deviation("/a/2/image", "nothing")]
        );
    }

    #[test]
    fn an_absent_key_deviates_unless_it_is_optional() {
        let list = || Overlay::List(Box::new(wildcard("*")));
        let expected = Deviation {
            pointer: "/initContainers".to_owned(),
            found: "nothing".to_owned(),
            expected: "a list".to_owned(),
        };
        let value = json!({});
        assert_eq!(map("initContainers", false, list()).deviations(Some(&value), ""), [expected]);
        assert_eq!(map("initContainers", true, list()).deviations(Some(&value), ""), []);
    }
}
