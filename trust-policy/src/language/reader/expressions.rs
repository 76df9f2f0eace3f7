//! Expressions in CEL, as Kyverno's policies write them.

use super::{At, PolicyError};
use crate::cel::Cel;
use crate::cel::names::Names;
use crate::policy::validation::{NamedExpression, Validation};

/// Variables of one policy.
const MAX_NAMED: usize = 64;

/// Names that stand for the request, in every expression.
pub(crate) const REQUEST: [&str; 4] = ["object", "oldObject", "request", "namespaceObject"];

/// Expressions with names.
pub(crate) fn named(at: Option<At<'_>>, names: &Names) -> Result<Vec<NamedExpression>, PolicyError> {
    let list = at.as_ref().map(At::list).transpose()?.unwrap_or_default();
    let read: Vec<NamedExpression> =
        list.iter().map(|one| named_expression(one, names)).collect::<Result<_, _>>()?;
    check_distinct(at.as_ref(), &read.iter().map(|one| one.name.as_str()).collect::<Vec<_>>())?;
    Ok(read)
}

fn named_expression(at: &At<'_>, names: &Names) -> Result<NamedExpression, PolicyError> {
    let mut fields = at.fields()?;
    let name = fields.require("name", "a name")?.text()?.to_owned();
    let written = fields.require("expression", "an expression")?;
    fields.finish()?;
    Ok(NamedExpression { name, expression: expression(&written, names)? })
}

/// `variables`, each of which may refer to those before it.
pub(crate) fn variables(at: Option<At<'_>>, names: &mut Names) -> Result<Vec<NamedExpression>, PolicyError> {
    let list = at.as_ref().map(At::list).transpose()?.unwrap_or_default();
    if let Some(one) = list.get(MAX_NAMED) {
        return Err(one.wrong(format!("at most {MAX_NAMED} variables")));
    }
    let (mut variables, mut known) = (Vec::new(), Vec::new());
    for one in &list {
        let mut names = names.clone();
        names.members.push(("variables", known.clone()));
        let variable = named_expression(one, &names)?;
        if known.contains(&variable.name) {
            return Err(one.wrong(format!("a name that is not taken, `{}` is", variable.name)));
        }
        known.push(variable.name.clone());
        variables.push(variable);
    }
    names.members.push(("variables", known));
    Ok(variables)
}

/// What must hold: at least one expression.
pub(crate) fn validations(at: &At<'_>, names: &Names) -> Result<Vec<Validation>, PolicyError> {
    at.some()?.iter().map(|one| validation(one, names)).collect()
}

fn validation(at: &At<'_>, names: &Names) -> Result<Validation, PolicyError> {
    let mut fields = at.fields()?;
    let written = fields.require("expression", "an expression")?;
    let message = fields.get("message").map(|at| at.text()).transpose()?.filter(|text| !text.is_empty());
    let message_expression = fields.get("messageExpression").filter(|at| at.text() != Ok(""));
    // A word for the API server's answer.
    fields.get("reason").map(|at| at.text()).transpose()?;
    fields.finish()?;
    Ok(Validation {
        path: at.path().to_owned(),
        expression: expression(&written, names)?,
        message: message.map(str::to_owned),
        message_expression: message_expression.map(|at| expression(&at, names)).transpose()?,
    })
}

pub(crate) fn expression(at: &At<'_>, names: &Names) -> Result<Cel, PolicyError> {
    Cel::compile(at.text()?, names).map_err(|error| PolicyError::Expression {
        path: at.path().to_owned(),
        span: at.span(),
        problem: error.to_string(),
    })
}

/// Refuses a name that stands twice: one of the two would mean nothing.
pub(crate) fn check_distinct(at: Option<&At<'_>>, names: &[&str]) -> Result<(), PolicyError> {
    let twice =
        names.iter().enumerate().find(|(index, name)| names.iter().take(*index).any(|one| one == *name));
    match (at, twice) {
        (Some(at), Some((_, name))) => Err(at.wrong(format!("names that differ, not `{name}` twice"))),
        _ => Ok(()),
    }
}

/// Annotations of Kyverno's own log, which require nothing. One that cannot be compiled is a mistake all the same.
pub(crate) fn audit_annotations(at: Option<At<'_>>, names: &Names) -> Result<(), PolicyError> {
    for at in at.map(|at| at.list()).transpose()?.unwrap_or_default() {
        let mut fields = at.fields()?;
        fields.require("key", "the annotation's name")?.text()?;
        expression(&fields.require("valueExpression", "an expression")?, names)?;
        fields.finish()?;
    }
    Ok(())
}
