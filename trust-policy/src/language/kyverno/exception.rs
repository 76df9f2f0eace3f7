//! `PolicyException`: requests that some rules do not judge
//! ([policy exceptions](https://kyverno.io/docs/exceptions/)).

use trust_core::Pattern;

use super::{conditions, match_resources};
use crate::language::reader::{At, Fields, PolicyError};
use crate::policy::policy_set::Exception;
use crate::policy::resource_match::ResourceMatch;

pub(super) fn read(name: String, namespace: Option<String>, spec: &At<'_>) -> Result<Exception, PolicyError> {
    let mut fields = spec.fields()?;
    // Whether it holds for scans of what runs, too: every judgement is the same here.
    fields.get("background").map(|at| at.boolean()).transpose()?;
    let rules = rules(&mut fields)?;
    let matched = match_resources::filters(&fields.require("match", "the requests that it applies to")?)?;
    let conditions = fields.get("conditions").map(|at| conditions::read(&at)).transpose()?;
    fields.finish()?;
    Ok(Exception {
        name,
        namespace: namespace.unwrap_or_else(|| "default".to_owned()),
        rules,
        matches: ResourceMatch { matched, excluded: None },
        conditions,
        kinds: ["ClusterPolicy", "Policy"].map(str::to_owned).to_vec(),
        expressions: None,
        expires: None,
    })
}

fn rules(fields: &mut Fields<'_>) -> Result<Vec<(Pattern, Vec<Pattern>)>, PolicyError> {
    let mut rules = Vec::new();
    for one in fields.require("exceptions", "the policies and their rules")?.list()? {
        let mut fields = one.fields()?;
        let policy = fields.require("policyName", "a policy's name")?.text()?;
        let names = fields.require("ruleNames", "names of rules")?.texts()?;
        fields.finish()?;
        rules.push((Pattern::wildcard(policy), names.into_iter().map(Pattern::wildcard).collect()));
    }
    Ok(rules)
}
