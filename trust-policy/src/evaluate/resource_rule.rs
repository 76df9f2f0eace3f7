//! Rules about the form of a resource: `pattern`, `anyPattern`, `deny` and `foreach`.

use serde_json::Value;

use trust_sbom::Answer;

use super::{Evaluation, unresolved};
use crate::evaluate::scope;
use crate::evidence::Evidence;
use crate::expression::Scope;
use crate::expression::condition::Finding;
use crate::expression::template::Template;
use crate::kubernetes::request::Operation;
use crate::policy::mode::Mode;
use crate::policy::overlay::{Deviation, Overlay};
use crate::policy::policy_set::{ForEach, FormRequirement, Policy, Requirement, Rule};
use crate::verdict::Explanation;
use crate::verdict::reason::{Mismatch, ReasonCode};

/// Elements of a list of which something is required.
const MAX_ELEMENTS: usize = 10_000;

/// What is judged: a value, and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) value: Option<&'a Value>,
    pub(crate) pointer: &'a str,
}

/// What a requirement says of a subject.
pub(crate) enum Judged {
    /// It does not apply.
    Skipped,
    /// It is met.
    Met,
    /// It is violated, for these reasons, if there are any but that it says so.
    Violated(Vec<Cause>),
}

/// Why a requirement is violated.
#[derive(PartialEq)]
pub(crate) struct Cause {
    explanation: Explanation,
    /// The values that violate it, whole: an explanation may shorten them. None if it cannot be determined.
    found: Vec<Option<Value>>,
}

impl Cause {
    fn of_finding(finding: Finding) -> Self {
        let found = finding.compared.into_iter().flat_map(|(key, value)| [Some(key), Some(value)]).collect();
        Self { explanation: Explanation::fail(finding.path, ReasonCode::Condition, finding.text), found }
    }

    fn of_deviation(deviation: Deviation) -> Self {
        let message = format!("found {}, expected {}", deviation.found_text(), deviation.expected);
        let mismatch = Mismatch::new(deviation.found(), [&deviation.expected]);
        let explanation =
            Explanation::fail(deviation.pointer, ReasonCode::Form, message).differing(Some(mismatch));
        Self { explanation, found: vec![deviation.found] }
    }
}

impl From<Explanation> for Cause {
    /// It cannot be determined.
    fn from(explanation: Explanation) -> Self {
        Self { explanation, found: Vec::new() }
    }
}

/// A rule about the form of a resource.
pub(super) struct FormRule<'a> {
    pub(super) requirement: &'a FormRequirement,
    pub(super) message: Option<&'a Template>,
    /// Whether what violated it before an update may go on.
    pub(super) allows_existing: bool,
}

impl Evaluation<'_> {
    pub(super) fn form(
        &self,
        policy: &Policy,
        rule: &Rule,
        form: &FormRule<'_>,
        mode: Mode,
        scope: &Scope,
    ) -> super::Judged {
        let skipped = |why| super::Judged::Skipped(Explanation::skip("form", why).into());
        // What is deleted has no form any more.
        if matches!(form.requirement, FormRequirement::Forms(_))
            && self.request.operation == Operation::Delete
        {
            return skipped("the resource is deleted");
        }
        let causes = match self.requirement(form.requirement, rule, scope) {
            Judged::Skipped => return skipped("nothing in it is meant"),
            Judged::Met => {
                let explanation = Explanation::pass("form", "is as required");
                return super::Judged::Found(vec![(mode, explanation)]);
            }
            Judged::Violated(causes) => causes,
        };
        let message = form.message.and_then(|message| message.resolve_text(scope).ok());
        let mut message = message.unwrap_or_else(|| "is not as required".to_owned());
        let mut mode = mode;
        if form.allows_existing && mode == Mode::Enforce && self.violated_before(policy, rule, &causes) {
            mode = Mode::Audit;
            message.push_str(" (as before the update, so it is reported only)");
        }
        let causes: Vec<_> = causes.into_iter().map(|cause| cause.explanation).collect();
        // What is violated for certain says more than what is unknown beside it.
        let mut codes = causes.iter().filter_map(|cause| cause.code);
        let first = codes.clone().next().unwrap_or(ReasonCode::Form);
        let code = codes.find(|code| *code != ReasonCode::Unresolved).unwrap_or(first);
        super::Judged::Found(vec![(mode, Explanation::fail("form", code, message).because(causes))])
    }

    fn requirement(&self, requirement: &FormRequirement, rule: &Rule, scope: &Scope) -> Judged {
        let resource = &self.request.resource;
        let pointer = if rule.of_pod { resource.pod_pointer().unwrap_or_default() } else { "" };
        judge(
            requirement,
            Subject { value: resource.object().pointer(pointer), pointer },
            scope,
            self.evidence,
        )
    }

    /// Whether what violates a rule now all violated it before the update, with the same values.
    fn violated_before(&self, policy: &Policy, rule: &Rule, causes: &[Cause]) -> bool {
        let Some(before) = self.before.request.as_ref().filter(|_| !self.policies.blocks_unchanged()) else {
            return false;
        };
        if rule.matches.applies_to(before) != Answer::Yes {
            return false;
        }
        let mut evaluation = Evaluation::new(self.policies, before, self.evidence, self.trust, self.now);
        let (Requirement::Form { requirement, .. }, Ok((scope, _))) =
            (&rule.requirement, evaluation.prepared(policy, rule, Mode::Enforce))
        else {
            return false;
        };
        let Judged::Violated(old) = evaluation.requirement(requirement, rule, &scope) else { return false };
        // A requirement that is violated without a cause is violated whatever the resource says.
        causes.iter().all(|cause| !cause.found.is_empty() && old.contains(cause))
    }
}

/// What a requirement says of a subject.
pub(crate) fn judge(
    requirement: &FormRequirement,
    subject: Subject<'_>,
    scope: &Scope,
    evidence: &Evidence,
) -> Judged {
    match requirement {
        FormRequirement::Forms(forms) => judge_forms(forms, subject, scope),
        FormRequirement::Deny(conditions) => {
            let judgement = conditions.judge(scope);
            let causes = judgement.findings.into_iter().filter(|finding| finding.holds != Ok(false));
            match judgement.holds {
                Ok(false) => Judged::Met,
                Ok(true) => Judged::Violated(causes.map(Cause::of_finding).collect()),
                Err(error) => Judged::Violated(vec![unresolved("conditions", &error).into()]),
            }
        }
        FormRequirement::ForEach(lists) => {
            together(lists.iter().map(|each| for_each(each, subject, scope, evidence)))
        }
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
        Err(error) => return Judged::Violated(vec![unresolved("pattern", &error).into()]),
    };
    let (mut causes, mut is_judged) = (Vec::new(), false);
    for form in &forms {
        match form.judge(subject.value, subject.pointer, scope.budget()) {
            Ok(Ok(deviations)) if deviations.is_empty() => return Judged::Met,
            Ok(Ok(deviations)) => {
                is_judged = true;
                causes.extend(deviations.into_iter().map(Cause::of_deviation));
            }
            Ok(Err(_)) => {}
            Err(exhausted) => {
                let explanation = Explanation::fail("pattern", ReasonCode::Unresolved, exhausted.to_string());
                return Judged::Violated(vec![explanation.into()]);
            }
        }
    }
    if is_judged { Judged::Violated(causes) } else { Judged::Skipped }
}

fn for_each(each: &ForEach, whole: Subject<'_>, scope: &Scope, evidence: &Evidence) -> Judged {
    let fail = |code, message: String| {
        Judged::Violated(vec![Explanation::fail(each.path.clone(), code, message).into()])
    };
    // A list that is not there has no elements.
    let list = match each.list.resolve_or_null(scope) {
        Ok(Value::Null) => return Judged::Skipped,
        Ok(Value::Array(items)) => items,
        // What is no list is one element.
        Ok(other) => vec![other],
        Err(error) => return Judged::Violated(vec![unresolved(&each.path, &error).into()]),
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
            Err(error) => return Judged::Violated(vec![unresolved(&each.path, &error).into()]),
        }
        if each.of_element == Some(true) && !element.is_object() {
            return fail(
                ReasonCode::Unresolved,
                format!("element {index} is not a map, so it cannot have the required form"),
            );
        }
        let pointer = format!("element {index} of {}", each.path);
        let subject = match each.of_element.unwrap_or(element.is_object()) {
            true => Subject { value: Some(element), pointer: &pointer },
            false => whole,
        };
        match judge(&each.requirement, subject, &scope, evidence) {
            // What violates it is this element: another one that violates it in the same way is another violation.
            Judged::Violated(mut causes) => {
                let known = causes.iter_mut().filter(|cause| !cause.found.is_empty());
                known.for_each(|cause| cause.found.push(Some(element.clone())));
                Judged::Violated(causes)
            }
            other => other,
        }
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
