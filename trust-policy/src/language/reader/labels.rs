//! Label selectors
//! ([LabelSelector](https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/)).

use trust_core::Pattern;

use super::{At, PolicyError};
use crate::kubernetes::label_selector::{LabelCondition, LabelSelector};

pub(crate) fn read(at: &At<'_>) -> Result<LabelSelector, PolicyError> {
    let mut fields = at.fields()?;
    let match_labels = fields.get("matchLabels").map(|at| patterns(&at)).transpose()?.unwrap_or_default();
    let expressions = fields.get("matchExpressions").map(|at| at.list()).transpose()?.unwrap_or_default();
    fields.finish()?;
    Ok(LabelSelector {
        match_labels,
        match_expressions: expressions.iter().map(condition).collect::<Result<_, _>>()?,
    })
}

/// A map of texts, as patterns of keys and values.
pub(crate) fn patterns(at: &At<'_>) -> Result<Vec<(Pattern, Pattern)>, PolicyError> {
    let pair = |(name, at): (&str, At<'_>)| Ok((Pattern::wildcard(name), Pattern::wildcard(at.scalar()?)));
    at.fields()?.all().into_iter().map(pair).collect()
}

fn condition(at: &At<'_>) -> Result<LabelCondition, PolicyError> {
    let mut fields = at.fields()?;
    let key = fields.require("key", "the name of a label")?.text()?.to_owned();
    let operator = fields.require("operator", "`In`, `NotIn`, `Exists` or `DoesNotExist`")?;
    let values = fields.get("values");
    fields.finish()?;
    let texts = || -> Result<Vec<String>, PolicyError> {
        let values = values.as_ref().ok_or_else(|| operator.wrong("an operator without values"))?;
        values.list()?.iter().map(At::scalar).collect()
    };
    Ok(match operator.text()? {
        "In" => LabelCondition::In(key, texts()?),
        "NotIn" => LabelCondition::NotIn(key, texts()?),
        "Exists" => LabelCondition::Exists(key),
        "DoesNotExist" => LabelCondition::DoesNotExist(key),
        _ => return Err(operator.wrong("`In`, `NotIn`, `Exists` or `DoesNotExist`")),
    })
}
