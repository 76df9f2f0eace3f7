//! `validate`: the form of a resource
//! ([validate rules](https://kyverno.io/docs/policy-types/cluster-policy/validate/)).

use super::{conditions, context};
use crate::cel::names::Names;
use crate::language::reader::expressions::{REQUEST, audit_annotations, validations, variables};
use crate::language::reader::{At, PolicyError, mode_rule};
use crate::policy::mode::ModeRule;
use crate::policy::overlay::{KeyRule, Overlay, OverlayKey};
use crate::policy::policy_set::{ForEach, FormRequirement, Lint, Requirement};
use crate::policy::validation::{ImageSelection, ValidationRule};
use crate::value::value_pattern::ValuePattern;
use crate::yaml::Value;

/// Lists of pods that need not be there.
const OPTIONAL_LISTS: [&str; 2] = ["initContainers", "ephemeralContainers"];
/// How deep lists of elements of lists may go.
const MAX_NESTING: usize = 4;

pub(super) fn read(
    at: &At<'_>,
    policy_mode: &ModeRule,
    lints: &mut Vec<Lint>,
) -> Result<Requirement, PolicyError> {
    let mut fields = at.fields()?;
    let message = fields.get("message").map(|at| at.template()).transpose()?;
    let mode = mode_rule(fields.get("failureAction"), fields.get("failureActionOverrides"), policy_mode)?;
    let allows_existing =
        fields.get("allowExistingViolations").map(|at| at.boolean()).transpose()?.unwrap_or(true);
    let (pattern, any, deny) = (fields.get("pattern"), fields.get("anyPattern"), fields.get("deny"));
    let (lists, expressions) = (fields.get("foreach"), fields.get("cel"));
    fields.finish()?;
    if let Some(expressions) = expressions {
        if let Some(other) = [pattern, any, deny, lists].into_iter().flatten().next() {
            return Err(other.wrong("no other requirement beside `cel`"));
        }
        return cel(&expressions, mode);
    }
    let requirement = match lists {
        Some(lists) if pattern.is_none() && any.is_none() && deny.is_none() => for_each(&lists, 1, lints)?,
        Some(list) => return Err(list.wrong("one of `pattern`, `anyPattern`, `deny` and `foreach`")),
        None => requirement(at, pattern, any, deny, lints)?,
    };
    Ok(Requirement::Form { mode, message, requirement, allows_existing })
}

/// `cel`: what expressions say of the resource
/// ([CEL](https://kyverno.io/docs/policy-types/cluster-policy/validate/#common-expression-language-cel)).
fn cel(at: &At<'_>, mode: ModeRule) -> Result<Requirement, PolicyError> {
    let mut fields = at.fields()?;
    let mut names = Names { values: REQUEST.to_vec(), ..Names::default() };
    let variables = variables(fields.get("variables"), &mut names)?;
    let validations = validations(&fields.require("expressions", "at least one expression")?, &names)?;
    audit_annotations(fields.get("auditAnnotations"), &names)?;
    // Whether Kyverno makes a policy of the API server of it.
    fields.get("generate").map(|at| at.boolean()).transpose()?;
    for parameters in ["paramKind", "paramRef"] {
        if let Some(parameters) = fields.get(parameters) {
            return Err(parameters.not_implemented());
        }
    }
    fields.finish()?;
    Ok(Requirement::Validations(Box::new(ValidationRule {
        path: at.path().to_owned(),
        mode,
        conditions: Vec::new(),
        images: ImageSelection::default(),
        variables,
        validations,
    })))
}

fn requirement(
    at: &At<'_>,
    pattern: Option<At<'_>>,
    any: Option<At<'_>>,
    deny: Option<At<'_>>,
    lints: &mut Vec<Lint>,
) -> Result<FormRequirement, PolicyError> {
    match (pattern, any, deny) {
        (Some(pattern), None, None) => Ok(FormRequirement::Forms(vec![overlay(&pattern, lints)?])),
        (None, Some(any), None) => {
            let forms = any.list()?;
            if forms.is_empty() {
                return Err(any.wrong("at least one pattern"));
            }
            Ok(FormRequirement::Forms(forms.iter().map(|one| overlay(one, lints)).collect::<Result<_, _>>()?))
        }
        (None, None, Some(deny)) => Ok(FormRequirement::Deny(conditions::read_deny(&deny)?)),
        _ => Err(at.wrong("exactly one of `pattern`, `anyPattern`, `deny` and `foreach`")),
    }
}

fn for_each(at: &At<'_>, depth: usize, lints: &mut Vec<Lint>) -> Result<FormRequirement, PolicyError> {
    let lists = at.list()?;
    if lists.is_empty() {
        return Err(at.wrong("at least one list"));
    }
    Ok(FormRequirement::ForEach(
        lists.iter().map(|one| for_each_of(one, depth, lints)).collect::<Result<_, _>>()?,
    ))
}

fn for_each_of(at: &At<'_>, depth: usize, lints: &mut Vec<Lint>) -> Result<ForEach, PolicyError> {
    if depth > MAX_NESTING {
        return Err(at.wrong("lists in lists, four deep at most"));
    }
    let mut fields = at.fields()?;
    let list = fields.require("list", "an expression whose value is a list")?.expression()?;
    let context = fields.get("context").map(|at| context::read(&at)).transpose()?.unwrap_or_default();
    let preconditions = fields.get("preconditions").map(|at| conditions::read(&at)).transpose()?;
    let of_element = fields.get("elementScope").map(|at| at.boolean()).transpose()?;
    let (pattern, any, deny) = (fields.get("pattern"), fields.get("anyPattern"), fields.get("deny"));
    let nested = fields.get("foreach");
    fields.finish()?;
    let requirement = match nested {
        Some(lists) if pattern.is_none() && any.is_none() && deny.is_none() => {
            for_each(&lists, depth + 1, lints)?
        }
        Some(nested) => return Err(nested.wrong("one of `pattern`, `anyPattern`, `deny` and `foreach`")),
        None => requirement(at, pattern, any, deny, lints)?,
    };
    Ok(ForEach { path: at.path().to_owned(), list, context, preconditions, of_element, requirement })
}

fn overlay(at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Overlay, PolicyError> {
    match at.value() {
        Value::Map(_) => {
            let mut keys = Vec::new();
            for (written, value) in at.fields()?.all() {
                let (name, rule) = key(written, &value)?;
                if OPTIONAL_LISTS.contains(&name) && rule == KeyRule::Required {
                    lints
                        .push(value.lint(format!(
                            "requires that every pod has `{name}`; did you mean `=({name})`?"
                        )));
                }
                let is_list = matches!(value.value(), Value::List(elements) if !elements.is_empty());
                if rule == KeyRule::Existence && !is_list {
                    return Err(
                        value.wrong("a list of at least one pattern, which an existence anchor needs")
                    );
                }
                let overlay = overlay(&value, lints)?;
                if name == "metadata" {
                    check_labels(&value, &overlay)?;
                }
                keys.push(OverlayKey { name: value.template_of(name)?, rule, overlay });
            }
            Ok(Overlay::Map(keys))
        }
        Value::List(_) => {
            Ok(Overlay::List(at.list()?.iter().map(|one| overlay(one, lints)).collect::<Result<_, _>>()?))
        }
        Value::Text(text) if text.contains("$(") => Err(at.not_implemented()),
        Value::Text(_) => {
            let template = at.template()?;
            Ok(match template.constant().and_then(|text| text.as_str()) {
                Some(text) => Overlay::Text(ValuePattern::new(text)),
                None => Overlay::Template(template),
            })
        }
        Value::Null => Ok(Overlay::Nothing),
        Value::Bool(value) => Ok(Overlay::Exact((*value).into())),
        Value::Int(value) => Ok(Overlay::Exact((*value).into())),
        Value::Float(value) => Ok(Overlay::Exact((*value).into())),
    }
}

/// Labels and annotations are texts. Kyverno drops all patterns of a map of them of which one is no text and one has wildcards
/// in its key.
fn check_labels(metadata: &At<'_>, overlay: &Overlay) -> Result<(), PolicyError> {
    let name =
        |key: &OverlayKey| key.name.constant().and_then(|name| name.as_str()).unwrap_or_default().to_owned();
    let Overlay::Map(fields) = overlay else { return Ok(()) };
    for field in fields.iter().filter(|field| ["labels", "annotations"].contains(&name(field).as_str())) {
        let Overlay::Map(entries) = &field.overlay else { continue };
        let is_text = |key: &OverlayKey| matches!(key.overlay, Overlay::Text(_) | Overlay::Template(_));
        if entries.iter().any(|key| name(key).contains(['*', '?'])) && !entries.iter().all(is_text) {
            return Err(metadata.wrong(
                "labels and annotations with texts as patterns, where the name of one has wildcards",
            ));
        }
    }
    Ok(())
}

/// The name of a key, and what its anchor says. `+( )` is for mutation. Spaces around the anchor do not count.
fn key<'a>(written: &'a str, at: &At<'_>) -> Result<(&'a str, KeyRule), PolicyError> {
    let anchored = written.trim().strip_suffix(')').and_then(|rest| rest.split_once('('));
    let Some((anchor, name)) = anchored.filter(|(_, name)| !name.is_empty()) else {
        return Ok((written, KeyRule::Required));
    };
    let rule = match anchor {
        "=" => KeyRule::Optional,
        "" => KeyRule::Condition,
        "<" => KeyRule::GlobalCondition,
        "X" => KeyRule::Forbidden,
        "^" => KeyRule::Existence,
        "+" => return Err(at.not_implemented()),
        _ => return Ok((written, KeyRule::Required)),
    };
    Ok((name, rule))
}
