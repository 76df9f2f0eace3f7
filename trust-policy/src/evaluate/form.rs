//! Rules about the form of a resource: `pattern`, `anyPattern`, `deny` and `foreach`.

use serde_json::Value;

use super::unresolved;
use crate::evidence::Evidence;
use crate::expression::Scope;
use crate::model::{Demand, ForEach};
use crate::overlay::Overlay;
use crate::scope;
use crate::signature::ReasonCode;
use crate::verdict::Explanation;

/// Elements of a list of which something is demanded.
const MAX_ELEMENTS: usize = 10_000;

/// What is judged: a value, and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) value: Option<&'a Value>,
    pub(crate) pointer: &'a str,
}

/// What a demand says of a subject.
pub(crate) enum Judged {
    /// It does not apply.
    Skipped,
    /// It is met.
    Met,
    /// It is violated, for these reasons, if there are any but that it says so.
    Violated(Vec<Explanation>),
}

/// What a demand says of a subject.
pub(crate) fn judge(demand: &Demand, subject: Subject<'_>, scope: &Scope, evidence: &Evidence) -> Judged {
    match demand {
        Demand::Forms(forms) => judge_forms(forms, subject, scope),
        Demand::Deny(conditions) => {
            let judgement = conditions.judge(scope);
            let causes = judgement.findings.into_iter().filter(|finding| finding.holds != Ok(false));
            match judgement.holds {
                Ok(false) => Judged::Met,
                Ok(true) => Judged::Violated(
                    causes
                        .map(|finding| Explanation::fail(finding.path, ReasonCode::Condition, finding.text))
                        .collect(),
                ),
                Err(error) => Judged::Violated(vec![unresolved("conditions", &error)]),
            }
        }
        Demand::ForEach(lists) => together(lists.iter().map(|each| for_each(each, subject, scope, evidence))),
    }
}

/// What several judgements say together: all that apply must be met.
fn together(judged: impl Iterator<Item = Judged>) -> Judged {
    let (mut causes, mut is_judged, mut is_violated) = (Vec::new(), false, false);
    for one in judged {
        match one {
            Judged::Skipped => {}
            Judged::Met => is_judged = true,
            Judged::Violated(found) => {
                (is_judged, is_violated) = (true, true);
                causes.extend(found);
            }
        }
    }
    match (is_judged, is_violated) {
        (false, _) => Judged::Skipped,
        (true, false) => Judged::Met,
        (true, true) => Judged::Violated(causes),
    }
}

fn judge_forms(forms: &[Overlay], subject: Subject<'_>, scope: &Scope) -> Judged {
    // All expressions need a value, whichever form is the one that fits.
    let resolved: Result<Vec<Overlay>, _> = forms.iter().map(|form| form.resolved(scope)).collect();
    let forms = match resolved {
        Ok(forms) => forms,
        Err(error) => return Judged::Violated(vec![unresolved("pattern", &error)]),
    };
    let (mut causes, mut is_judged) = (Vec::new(), false);
    for form in &forms {
        match form.deviations(subject.value, subject.pointer) {
            Ok(deviations) if deviations.is_empty() => return Judged::Met,
            Ok(deviations) => {
                is_judged = true;
                causes.extend(deviations.into_iter().map(|deviation| {
                    let message = format!("found {}, expected {}", deviation.found, deviation.expected);
                    Explanation::fail(deviation.pointer, ReasonCode::Form, message)
                }));
            }
            Err(_) => {}
        }
    }
    if is_judged { Judged::Violated(causes) } else { Judged::Skipped }
}

fn for_each(each: &ForEach, whole: Subject<'_>, scope: &Scope, evidence: &Evidence) -> Judged {
    let fail =
        |code, message: String| Judged::Violated(vec![Explanation::fail(each.path.clone(), code, message)]);
    // A list that is not there has no elements.
    let list = match each.list.resolve_or_null(scope) {
        Ok(Value::Null) => return Judged::Skipped,
        Ok(Value::Array(items)) => items,
        // What is no list is one element.
        Ok(other) => vec![other],
        Err(error) => return Judged::Violated(vec![unresolved(&each.path, &error)]),
    };
    if list.len() > MAX_ELEMENTS {
        let message = format!("found {} elements, expected at most {MAX_ELEMENTS}", list.len());
        return fail(ReasonCode::Unresolved, message);
    }
    let depth = scope.loops();
    together(list.iter().enumerate().map(|(index, element)| {
        if let Err(exhausted) = scope.budget().spend(1 + size_of(element)) {
            return fail(ReasonCode::Unresolved, exhausted.to_string());
        }
        let mut scope = scope.clone();
        scope.enter_loop();
        for (name, value) in [("element", element), ("elementIndex", &Value::from(index))] {
            scope.set(name, value);
            scope.set(&format!("{name}{depth}"), value);
        }
        scope::set_context(&mut scope, &each.context, evidence);
        match each.preconditions.as_ref().map_or(Ok(true), |conditions| conditions.judge(&scope).holds) {
            Ok(false) => return Judged::Skipped,
            Ok(true) => {}
            Err(error) => return Judged::Violated(vec![unresolved(&each.path, &error)]),
        }
        if each.of_element == Some(true) && !element.is_object() {
            return fail(
                ReasonCode::Unresolved,
                format!("element {index} is no map, of which a form is demanded"),
            );
        }
        let pointer = format!("element {index} of {}", each.path);
        let subject = match each.of_element.unwrap_or(element.is_object()) {
            true => Subject { value: Some(element), pointer: &pointer },
            false => whole,
        };
        judge(&each.demand, subject, &scope, evidence)
    }))
}

/// How many values there are in a value.
fn size_of(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size_of).sum(),
        Value::Object(map) => map.values().map(size_of).sum(),
        _ => 0,
    }
}
