//! What guards a cluster, field by field: webhook configurations, and policies.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kubernetes::resource::ResourceId;
use crate::policy::mode::ModeRule;
use crate::policy::policy_set::{PolicySet, Requirement};

/// Fields of a webhook by which it judges less or more. The certificate by which it is trusted is left out: it is renewed all the time,
/// and with a wrong one the webhook answers nothing.
const FIELDS: [&str; 7] = [
    "failurePolicy",
    "rules",
    "namespaceSelector",
    "objectSelector",
    "matchConditions",
    "matchPolicy",
    "sideEffects",
];
/// What is weaker stands before what is stronger.
const BY_STRENGTH: [&[&str]; 3] =
    [&["Ignore", "Fail"], &["Audit", "Warn", "Enforce"], &["Allow", "Report", "Deny"]];

/// The fields of a `ValidatingWebhookConfiguration` or a `MutatingWebhookConfiguration` by which it guards the cluster.
#[must_use]
pub fn guard_of(configuration: &Value) -> BTreeMap<String, String> {
    let webhooks = configuration.get("webhooks").and_then(Value::as_array);
    let mut fields = BTreeMap::new();
    for webhook in webhooks.into_iter().flatten() {
        let name = webhook.get("name").and_then(Value::as_str).unwrap_or_default();
        let mut add = |field: &str, value: &Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            fields.insert(format!("{name}/{field}"), text);
        };
        // What is not there is a value, too: a condition that is added makes a webhook judge less.
        for field in FIELDS {
            add(field, webhook.get(field).unwrap_or(&Value::Null));
        }
        for field in ["service", "url"] {
            if let Some(value) = webhook.get("clientConfig").and_then(|client| client.get(field)) {
                add(field, value);
            }
        }
    }
    fields
}

impl PolicySet {
    /// What a violation of each rule does, which exceptions there are, and what becomes of uncovered images: by what the policies guard
    /// the cluster. What rules require is not in it: that they changed is seen in the verdicts. Any change of the list of exceptions counts, a
    /// shorter one too. It is compared with what it was under [`guard_id`](Self::guard_id).
    #[must_use]
    pub fn guard(&self) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        for policy in self.policies() {
            let namespace = policy.namespace.as_ref().map_or_else(String::new, |name| format!("{name}/"));
            for rule in &policy.rules {
                let modes: Vec<&ModeRule> = match &rule.requirement {
                    Requirement::Images { rules, .. } => rules.iter().map(|one| &one.mode).collect(),
                    Requirement::Form { mode, .. } => vec![mode],
                    Requirement::Validations(rule) => vec![&rule.mode],
                    Requirement::Check(own) => vec![&own.mode],
                };
                let mut modes: Vec<_> = modes.iter().map(ToString::to_string).collect();
                modes.dedup();
                fields.insert(format!("{namespace}{}/{}", policy.name, rule.name), modes.join(", "));
            }
        }
        let exceptions: Vec<_> =
            self.exceptions().iter().map(|one| format!("{}/{}", one.namespace, one.name)).collect();
        fields.insert("exceptions".to_owned(), exceptions.join(", "));
        fields.insert("uncovered images".to_owned(), format!("{:?}", self.uncovered()));
        fields
    }

    /// What stands for the policies of a cluster among what [guards](crate::Inventory::guard_seen) it.
    #[must_use]
    pub fn guard_id() -> ResourceId {
        ResourceId { kind: "PolicySet".to_owned(), name: "policies".to_owned(), ..ResourceId::default() }
    }
}

/// Takes into a baseline what is new or stronger; whether that was anything.
pub(super) fn raise(baseline: &mut BTreeMap<String, String>, found: &BTreeMap<String, String>) -> bool {
    let mut is_raised = false;
    for (field, value) in found {
        let is_stronger = match baseline.get(field) {
            None => true,
            Some(before) => BY_STRENGTH.iter().any(|order| {
                let at = |text: &String| order.iter().position(|one| one == text);
                at(before).zip(at(value)).is_some_and(|(before, now)| now > before)
            }),
        };
        if is_stronger {
            baseline.insert(field.clone(), value.clone());
            is_raised = true;
        }
    }
    is_raised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stronger_is_taken_and_what_is_weaker_is_not() {
        let of = |mode: &str, failure: &str| {
            BTreeMap::from([("a".to_owned(), mode.to_owned()), ("b".to_owned(), failure.to_owned())])
        };
        let mut baseline = BTreeMap::new();
        assert!(raise(&mut baseline, &of("Audit", "Ignore")));
        assert!(raise(&mut baseline, &of("Enforce", "Fail")));
        assert_eq!(baseline, of("Enforce", "Fail"));
        assert!(!raise(&mut baseline, &of("Warn", "Ignore")));
        assert_eq!(baseline, of("Enforce", "Fail"));
    }
}
