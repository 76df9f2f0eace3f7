//! [`LabelSelector`]: objects by their labels
//! ([labels and selectors](https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/)).

use std::collections::BTreeMap;

use trust_core::Pattern;

/// Labels that an object must have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabelSelector {
    /// A label that one of these patterns of a key matches must have a value that the pattern beside it matches.
    pub match_labels: Vec<(Pattern, Pattern)>,
    /// Conditions on a label each.
    pub match_expressions: Vec<LabelCondition>,
}

/// A condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelCondition {
    /// The label has one of these values.
    In(String, Vec<String>),
    /// The label is absent, or has none of these values.
    NotIn(String, Vec<String>),
    /// The label is there.
    Exists(String),
    /// The label is absent.
    DoesNotExist(String),
}

impl LabelSelector {
    /// Whether an object with these labels is meant.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let has = |(key, value): &(Pattern, Pattern)| {
            labels.iter().any(|(name, found)| key.matches(name) && value.matches(found))
        };
        self.match_labels.iter().all(has)
            && self.match_expressions.iter().all(|condition| match condition {
                LabelCondition::In(key, values) => {
                    labels.get(key).is_some_and(|found| values.contains(found))
                }
                LabelCondition::NotIn(key, values) => {
                    labels.get(key).is_none_or(|found| !values.contains(found))
                }
                LabelCondition::Exists(key) => labels.contains_key(key),
                LabelCondition::DoesNotExist(key) => !labels.contains_key(key),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_selected_as_in_kubernetes() {
        let labels = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
        let with = |condition| LabelSelector { match_labels: vec![], match_expressions: vec![condition] };
        let (env, values) = (|| "env".to_owned(), |value: &str| vec![value.to_owned()]);
        assert!(LabelSelector::default().matches(&labels));
        assert!(with(LabelCondition::In(env(), values("prod"))).matches(&labels));
        assert!(!with(LabelCondition::In("team".to_owned(), values("a"))).matches(&labels));
        assert!(with(LabelCondition::NotIn("team".to_owned(), values("a"))).matches(&labels));
        assert!(!with(LabelCondition::NotIn(env(), values("prod"))).matches(&labels));
        assert!(with(LabelCondition::Exists(env())).matches(&labels));
        assert!(!with(LabelCondition::DoesNotExist(env())).matches(&labels));
        let wildcard = |key: &str, value: &str| LabelSelector {
            match_labels: vec![(Pattern::wildcard(key), Pattern::wildcard(value))],
            match_expressions: vec![],
        };
        assert!(wildcard("e*", "p*").matches(&labels) && !wildcard("env", "dev").matches(&labels));
    }
}
