//! Rules about the form of a resource: `pattern`, `anyPattern`, `deny` and `foreach`.

use serde_json::Value;

use super::unresolved;
use crate::evidence::Evidence;
use crate::expression::Scope;
use crate::model::{Demand, ForEach};
use crate::overlay::{Overlay, Unjudged};
use crate::scope;
use crate::signature::ReasonCode;
use crate::verdict::Explanation;

/// Elements of a list of which something is demanded.
const MAX_ELEMENTS: usize = 10_000;

/// What is judged: a value, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) value: Option<&'a Value>,
    pub(super) pointer: &'a str,
}

/// Every way in which a subject is not as demanded; none if it is. `None`: the demand is not about it.
pub(super) fn violations(
    demand: &Demand,
    subject: Subject<'_>,
    scope: &Scope,
    evidence: &Evidence,
) -> Option<Vec<Explanation>> {
    match demand {
        Demand::Forms(forms) => forms_violations(forms, subject, scope),
        Demand::Deny(conditions) => {
            let judgement = conditions.judge(scope);
            let causes = judgement.findings.into_iter().filter(|finding| finding.holds != Ok(false));
            Some(match judgement.holds {
                Ok(false) => Vec::new(),
                Ok(true) => causes
                    .map(|finding| Explanation::fail(finding.path, ReasonCode::Condition, finding.text))
                    .collect(),
                Err(error) => vec![unresolved("conditions", &error)],
            })
        }
        Demand::ForEach(lists) => {
            let judged: Vec<_> = lists.iter().filter_map(|each| for_each(each, scope, evidence)).collect();
            if judged.is_empty() { None } else { Some(judged.concat()) }
        }
    }
}

fn forms_violations(forms: &[Overlay], subject: Subject<'_>, scope: &Scope) -> Option<Vec<Explanation>> {
    let (mut causes, mut is_judged) = (Vec::new(), false);
    for form in forms {
        match form.deviations(subject.value, subject.pointer, scope) {
            Ok(deviations) if deviations.is_empty() => return Some(Vec::new()),
            Ok(deviations) => {
                is_judged = true;
                causes.extend(deviations.into_iter().map(|deviation| {
                    let message = format!("found {}, expected {}", deviation.found, deviation.expected);
                    Explanation::fail(deviation.pointer, ReasonCode::Form, message)
                }));
            }
            Err(Unjudged::Map | Unjudged::Whole) => {}
            Err(Unjudged::Unresolved(error)) => {
                is_judged = true;
                causes.push(unresolved("pattern", &error));
            }
        }
    }
    is_judged.then_some(causes)
}

fn for_each(each: &ForEach, scope: &Scope, evidence: &Evidence) -> Option<Vec<Explanation>> {
    // A list that is not there has no elements.
    let list = match each.list.resolve_or_null(scope) {
        Ok(Value::Null) => return None,
        Ok(Value::Array(items)) => items,
        Ok(Value::Object(map)) => {
            map.into_iter().map(|(key, value)| serde_json::json!({"key": key, "value": value})).collect()
        }
        Ok(other) => {
            let message = format!("found `{other}`, expected a list");
            return Some(vec![Explanation::fail(each.path.clone(), ReasonCode::Unresolved, message)]);
        }
        Err(error) => return Some(vec![unresolved(&each.path, &error)]),
    };
    if list.len() > MAX_ELEMENTS {
        let message = format!("found {} elements, expected at most {MAX_ELEMENTS}", list.len());
        return Some(vec![Explanation::fail(each.path.clone(), ReasonCode::Unresolved, message)]);
    }
    let (mut violations_of_all, mut is_judged) = (Vec::new(), false);
    for (index, element) in list.iter().enumerate() {
        let mut scope = scope.clone();
        scope.set("element", element);
        scope.set("elementIndex", &index.into());
        scope::set_context(&mut scope, &each.context, evidence);
        match each.preconditions.as_ref().map_or(Ok(true), |conditions| conditions.judge(&scope).holds) {
            Ok(false) => continue,
            Ok(true) => {}
            Err(error) => {
                return Some(vec![unresolved(&each.path, &error)]);
            }
        }
        let pointer = format!("element {index} of {}", each.path);
        let element = Subject { value: Some(element), pointer: &pointer };
        if let Some(found) = violations(&each.demand, element, &scope, evidence) {
            is_judged = true;
            violations_of_all.extend(found);
        }
    }
    is_judged.then_some(violations_of_all)
}
