//! [`Conditions`]: what policies ask of values, with `any` and `all`
//! ([preconditions](https://kyverno.io/docs/policy-types/cluster-policy/preconditions/)).

use serde_json::Value;

use crate::expression::{Scope, Unresolved};
use crate::operator::Operator;
use crate::template::Template;

/// Blocks of conditions, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Conditions {
    /// The blocks.
    pub blocks: Vec<ConditionBlock>,
}

/// Conditions of which some must hold.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ConditionBlock {
    /// At least one of these must hold, if there is such a list; none of an empty list does.
    pub any: Option<Vec<Condition>>,
    /// All of these must hold.
    pub all: Vec<Condition>,
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Condition {
    /// Where it stands in the policy.
    pub path: String,
    /// What is compared.
    pub key: Template,
    /// How.
    pub operator: Operator,
    /// With what.
    pub value: Template,
    /// What the policy's author says about it.
    pub message: Option<Template>,
}

/// Whether conditions hold, and what each of them found.
pub(crate) struct Judgement {
    pub(crate) holds: Result<bool, Unresolved>,
    pub(crate) findings: Vec<Finding>,
}

/// What a condition found.
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) holds: Result<bool, Unresolved>,
    /// The comparison, or the author's message.
    pub(crate) text: String,
}

impl Conditions {
    /// Whether all blocks hold. What has no value decides nothing: the answer stands if it is the same either way.
    pub(crate) fn judge(&self, scope: &Scope) -> Judgement {
        let mut findings = Vec::new();
        let mut judge = |condition: &Condition| {
            let finding = condition.judge(scope);
            let holds = finding.holds.clone();
            findings.push(finding);
            holds
        };
        let blocks: Vec<_> = self
            .blocks
            .iter()
            .flat_map(|block| {
                let any = block.any.as_ref().map(|any| any_of(any.iter().map(&mut judge).collect()));
                let all = all_of(block.all.iter().map(&mut judge).collect());
                any.into_iter().chain([all])
            })
            .collect();
        Judgement { holds: all_of(blocks), findings }
    }
}

impl Condition {
    fn judge(&self, scope: &Scope) -> Finding {
        let values = self.key.resolve(scope).and_then(|key| Ok((key, self.value.resolve(scope)?)));
        let message = self.message.as_ref().and_then(|message| message.resolve_text(scope).ok());
        let text = match &values {
            Ok((key, value)) => format!("{} {} {}", shown(key), self.operator, shown(value)),
            Err(error) => error.to_string(),
        };
        let text = message.map_or(text.clone(), |message| format!("{message}: {text}"));
        let holds = values.map(|(key, value)| self.operator.holds(&key, &value));
        Finding { path: self.path.clone(), holds, text }
    }
}

fn any_of(results: Vec<Result<bool, Unresolved>>) -> Result<bool, Unresolved> {
    if results.contains(&Ok(true)) {
        return Ok(true);
    }
    results.into_iter().find(Result::is_err).unwrap_or(Ok(false))
}

fn all_of(results: Vec<Result<bool, Unresolved>>) -> Result<bool, Unresolved> {
    if results.contains(&Ok(false)) {
        return Ok(false);
    }
    results.into_iter().find(Result::is_err).unwrap_or(Ok(true))
}

/// A value for messages.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn condition(key: &str, operator: Operator, value: &str) -> Condition {
        let template = |text: &str| Template::new(&json!(text)).unwrap();
        Condition { path: String::new(), key: template(key), operator, value: template(value), message: None }
    }

    fn holds(any: Option<&[&str]>, all: &[&str]) -> Option<bool> {
        let list = |keys: &[&str]| keys.iter().map(|key| condition(key, Operator::Equals, "x")).collect();
        let conditions = Conditions { blocks: vec![ConditionBlock { any: any.map(list), all: list(all) }] };
        let mut scope = Scope::new("2026-11-22T00:00:00Z".parse().unwrap());
        scope.set("x", &json!("x"));
        conditions.judge(&scope).holds.ok()
    }

    #[test]
    fn any_and_all_must_hold() {
        let (yes, no, unknown) = ("x", "y", "{{ absent }}");
        assert_eq!(holds(None, &[]), Some(true));
        assert_eq!(holds(Some(&[]), &[]), Some(false));
        assert_eq!(holds(Some(&[no, yes]), &[]), Some(true));
        assert_eq!(holds(Some(&[yes]), &[no]), Some(false));
        assert_eq!(holds(None, &["{{ x }}", yes]), Some(true));
        // What has no value matters only where it decides.
        assert_eq!(holds(Some(&[unknown, yes]), &[]), Some(true));
        assert_eq!(holds(Some(&[unknown, no]), &[]), None);
        assert_eq!(holds(None, &[unknown, no]), Some(false));
        assert_eq!(holds(None, &[unknown, yes]), None);
    }
}
