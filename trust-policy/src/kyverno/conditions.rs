//! `any` and `all` of conditions, in `preconditions`, `deny` and attestations
//! ([conditions](https://kyverno.io/docs/policy-types/cluster-policy/preconditions/)).

use crate::condition::{Condition, ConditionBlock, Conditions};
use crate::reader::{At, PolicyError};
use crate::yaml::Value;

/// A block, a list of blocks, or the older form: a list of conditions.
pub(super) fn read(at: &At<'_>) -> Result<Conditions, PolicyError> {
    if matches!(at.value(), Value::Map(_)) {
        return Ok(Conditions { blocks: vec![block(at)?] });
    }
    let mut conditions = Conditions::default();
    let mut older = Vec::new();
    for item in at.list()? {
        match item.has("operator") {
            true => older.push(condition(&item)?),
            false => conditions.blocks.push(block(&item)?),
        }
    }
    if !older.is_empty() {
        conditions.blocks.push(ConditionBlock { any: None, all: older });
    }
    Ok(conditions)
}

fn block(at: &At<'_>) -> Result<ConditionBlock, PolicyError> {
    let mut fields = at.fields()?;
    let list = |at: At<'_>| at.list()?.iter().map(condition).collect::<Result<Vec<_>, _>>();
    let any = fields.get("any").map(list).transpose()?;
    let all = fields.get("all").map(list).transpose()?.unwrap_or_default();
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
