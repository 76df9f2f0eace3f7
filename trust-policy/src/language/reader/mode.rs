//! What a violation does, in the policy and by namespace.

use trust_core::Pattern;

use super::{At, PolicyError, labels};
use crate::policy::mode::{Mode, ModeOverride, ModeRule};

/// What a violation does: here, else in some namespaces, else as around it.
pub(crate) fn mode_rule(
    action: Option<At<'_>>,
    overrides: Option<At<'_>>,
    around: &ModeRule,
) -> Result<ModeRule, PolicyError> {
    let mut rule = match action {
        Some(action) => ModeRule { default: mode(action)?, overrides: Vec::new() },
        None => around.clone(),
    };
    let mut own = Vec::new();
    for one in overrides.map(|at| at.list()).transpose()?.unwrap_or_default() {
        let mut fields = one.fields()?;
        let action = fields.require("action", "`Audit` or `Enforce`")?;
        let namespaces = fields.get("namespaces").map(|at| at.list()).transpose()?.unwrap_or_default();
        let namespaces =
            namespaces.iter().map(|at| at.text().map(Pattern::wildcard)).collect::<Result<_, _>>()?;
        let selector = fields.get("namespaceSelector").map(|at| labels::read(&at)).transpose()?;
        fields.finish()?;
        own.push(ModeOverride { mode: mode(action)?, namespaces, selector });
    }
    own.append(&mut rule.overrides);
    rule.overrides = own;
    Ok(rule)
}

/// One of the modes, in any case.
fn mode(at: At<'_>) -> Result<Mode, PolicyError> {
    match at.text()?.to_ascii_lowercase().as_str() {
        "enforce" => Ok(Mode::Enforce),
        "warn" => Ok(Mode::Warn),
        "audit" => Ok(Mode::Audit),
        _ => Err(at.wrong("`Audit`, `Warn` or `Enforce`")),
    }
}
