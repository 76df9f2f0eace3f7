//! How the webhook of a language's own controller is set up, which changes no verdict.

use super::{Fields, PolicyError};
use crate::policy::policy_set::Lint;

/// How long it may take, in seconds.
pub(crate) fn read_timeout(fields: &mut Fields<'_>, name: &str) -> Result<(), PolicyError> {
    match fields.get(name) {
        Some(timeout) if !timeout.integer().is_ok_and(|seconds| (1..=30).contains(&seconds)) => {
            Err(timeout.wrong("a whole number from 1 to 30"))
        }
        _ => Ok(()),
    }
}

/// What is done if it does not answer. What cannot be judged is denied here; a policy that ignores failures is told so.
pub(crate) fn read_failure_policy(fields: &mut Fields<'_>, lints: &mut Vec<Lint>) -> Result<(), PolicyError> {
    let Some(at) = fields.get("failurePolicy") else { return Ok(()) };
    match at.text()? {
        "Fail" => {}
        "Ignore" => lints.push(at.lint("is `Ignore`, but what cannot be judged is denied here")),
        _ => return Err(at.wrong("`Fail` or `Ignore`")),
    }
    Ok(())
}
