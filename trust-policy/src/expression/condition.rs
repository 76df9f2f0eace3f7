//! [`Conditions`]: what policies ask of values, with `any` and `all`
//! ([preconditions](https://kyverno.io/docs/policy-types/cluster-policy/preconditions/)).

use serde_json::Value;

use crate::expression::operator::Operator;
use crate::expression::template::Template;
use crate::expression::{Scope, Unresolved, UnresolvedKind};

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

impl Condition {
    /// Asks whether a key and a value compare so.
    ///
    /// ```
    /// use serde_json::json;
    /// use trust_policy::{Condition, ConditionBlock, Conditions, Operator, Template};
    /// let key = Template::of_expression("request.operation")?;
    /// let condition = Condition::new(key, Operator::In, Template::new(&json!(["CREATE", "UPDATE"]))?);
    /// let conditions = Conditions::from(ConditionBlock::all(vec![condition]));
    /// assert_eq!(conditions.blocks.len(), 1);
    /// # Ok::<(), trust_policy::ExpressionError>(())
    /// ```
    #[must_use]
    pub fn new(key: Template, operator: Operator, value: Template) -> Self {
        Self { path: "condition".to_owned(), key, operator, value, message: None }
    }
}

impl ConditionBlock {
    /// All of these must hold.
    #[must_use]
    pub fn all(conditions: Vec<Condition>) -> Self {
        Self { any: None, all: conditions }
    }

    /// At least one of these must hold.
    #[must_use]
    pub fn any(conditions: Vec<Condition>) -> Self {
        Self { any: Some(conditions), all: Vec::new() }
    }
}

impl From<ConditionBlock> for Conditions {
    fn from(block: ConditionBlock) -> Self {
        Self { blocks: vec![block] }
    }
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
    /// The key and the value that were compared.
    pub(crate) compared: Option<(Value, Value)>,
    /// The comparison, or the author's message.
    pub(crate) text: String,
}

impl Conditions {
    /// Whether all blocks hold. Conditions are asked in order until one decides; one that has no value before that decides
    /// that it cannot be determined, whatever those after it would say.
    pub(crate) fn judge(&self, scope: &Scope) -> Judgement {
        let mut findings = Vec::new();
        let holds = self.blocks.iter().try_fold(true, |holds, block| {
            Ok(holds && {
                let any = match &block.any {
                    Some(any) => decide(any, true, scope, &mut findings)?,
                    None => true,
                };
                decide(&block.all, false, scope, &mut findings)? && any
            })
        });
        Judgement { holds, findings }
    }
}

impl Conditions {
    /// Whether everything in them has a value, what would not decide as well: of attestations, Kyverno asks that first.
    pub(crate) fn resolve(&self, scope: &Scope) -> Result<(), Unresolved> {
        let all = self.blocks.iter().flat_map(|block| block.any.iter().flatten().chain(&block.all));
        let mut templates = all.flat_map(|one| [&one.key, &one.value].into_iter().chain(&one.message));
        templates.try_for_each(|template| template.resolve(scope).map(drop))
    }
}

/// The first of the conditions that holds, or does not, as asked, decides; without one it is the opposite.
fn decide(
    conditions: &[Condition],
    decisive: bool,
    scope: &Scope,
    findings: &mut Vec<Finding>,
) -> Result<bool, Unresolved> {
    for condition in conditions {
        let finding = condition.judge(scope);
        let holds = finding.holds.clone();
        findings.push(finding);
        if holds? == decisive {
            return Ok(decisive);
        }
    }
    Ok(!decisive)
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
        let compared = values.as_ref().ok().cloned();
        let holds = values.and_then(|(key, value)| {
            let holds = self.operator.judge(&key, &value, scope.budget());
            holds.map_err(|error| Unresolved {
                expression: self.path.clone(),
                problem: error.to_string(),
                kind: UnresolvedKind::Unknown,
            })
        });
        Finding { path: self.path.clone(), holds, compared, text }
    }
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
    use crate::expression::budget::Budget;

    fn condition(key: &str, operator: Operator, value: &str) -> Condition {
        let template = |text: &str| Template::new(&json!(text)).unwrap();
        Condition { path: String::new(), key: template(key), operator, value: template(value), message: None }
    }

    fn holds(any: Option<&[&str]>, all: &[&str]) -> Option<bool> {
        let list = |keys: &[&str]| keys.iter().map(|key| condition(key, Operator::Equals, "x")).collect();
        let conditions = Conditions { blocks: vec![ConditionBlock { any: any.map(list), all: list(all) }] };
        let mut scope = Scope::new("2026-11-22T00:00:00Z".parse().unwrap(), Budget::default());
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
        // The first that decides ends it; one without a value before it does not.
        assert_eq!(holds(Some(&[yes, unknown]), &[]), Some(true));
        assert_eq!(holds(Some(&[unknown, yes]), &[]), None);
        assert_eq!(holds(Some(&[unknown, no]), &[]), None);
        assert_eq!(holds(None, &[no, unknown]), Some(false));
        assert_eq!(holds(None, &[unknown, no]), None);
        assert_eq!(holds(Some(&[no]), &[unknown]), None);
        assert_eq!(holds(None, &[unknown, yes]), None);
    }
}
