//! `any` and `all` of conditions, in `preconditions`, `deny` and attestations
//! ([conditions](https://kyverno.io/docs/policy-types/cluster-policy/preconditions/)).

use crate::expression::condition::{Condition, ConditionBlock, Conditions};
use crate::language::reader::{At, PolicyError};
use crate::yaml::Value;

/// Conditions of `deny` and `preconditions`: a block, or the older form of a list of conditions, all of which must hold.
pub(super) fn read(at: &At<'_>) -> Result<Conditions, PolicyError> {
    let block = match at.value() {
        Value::List(_) => ConditionBlock { any: None, all: list(at)? },
        _ => block(at)?,
    };
    Ok(Conditions { blocks: vec![block] })
}

/// `deny`; without conditions, it denies in any case.
pub(super) fn read_deny(at: &At<'_>) -> Result<Conditions, PolicyError> {
    let mut fields = at.fields()?;
    let conditions = fields.get("conditions").map(|at| read(&at)).transpose()?;
    fields.finish()?;
    Ok(conditions.unwrap_or_default())
}

/// Conditions on an attestation: a list of blocks, all of which must hold.
pub(super) fn read_blocks(at: &At<'_>) -> Result<Conditions, PolicyError> {
    Ok(Conditions { blocks: at.list()?.iter().map(block).collect::<Result<_, _>>()? })
}

fn list(at: &At<'_>) -> Result<Vec<Condition>, PolicyError> {
    at.list()?.iter().map(condition).collect()
}

fn block(at: &At<'_>) -> Result<ConditionBlock, PolicyError> {
    let mut fields = at.fields()?;
    let any = fields.get("any").map(|at| list(&at)).transpose()?;
    let all = fields.get("all").map(|at| list(&at)).transpose()?.unwrap_or_default();
    fields.finish()?;
    Ok(ConditionBlock { any, all })
}

fn condition(at: &At<'_>) -> Result<Condition, PolicyError> {
    let mut fields = at.fields()?;
    let key = fields.require("key", "what is compared")?.template()?;
    let operator = fields.require("operator", "how it is compared")?;
    let operator = operator.text()?.parse().map_err(|_| operator.wrong("an operator such as `AnyIn`"))?;
    let value = fields.require("value", "what it is compared with")?.template()?;
    let message = fields.get("message").map(|at| at.template()).transpose()?;
    fields.finish()?;
    Ok(Condition { path: at.path().to_owned(), key, operator, value, message })
}
