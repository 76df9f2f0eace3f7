//! Kyverno's `ClusterPolicy` and `Policy` (`kyverno.io/v1`), as far as image policies need them
//! ([reference](https://kyverno.io/docs/policy-types/cluster-policy/)).
//!
//! A field that is not implemented here is refused when the policy is read, by its path: a policy never means
//! less than it says.
//!
//! | file | holds |
//! |---|---|
//! | `conditions`, `context` | conditions; names for expressions |
//! | `match_resources` | `match`, `exclude`, and the controllers that rules about pods extend to |
//! | `validate` | `pattern`, `anyPattern`, `deny`, `foreach` |
//! | `image_extractors` | where images stand in custom resources |
//! | `roots`, `attestors`, `verify_images` | what a policy trusts itself; signers; images and who must have signed them |
//! | `exception` | `PolicyException` |

mod conditions;
mod context;

mod match_resources;

mod image_extractors;
mod validate;

mod roots;

mod attestors;

mod verify_images;

mod exception;

use crate::cel::names::Names;
use crate::language::PolicyLanguage;
use crate::language::reader::expressions::{REQUEST, named};
use crate::language::reader::{At, PolicyError, mode_rule, webhook};
use crate::policy::mode::{Mode, ModeRule};
use crate::policy::policy_set::{Lint, Policy, PolicySet, Requirement, Rule};
use crate::yaml::Node;

const API_VERSIONS: &str = "`kyverno.io/v1` or `kyverno.io/v2beta1`";

/// Kyverno's policies.
#[derive(Debug)]
pub(crate) struct Language;

impl PolicyLanguage for Language {
    fn reads(&self, api_version: &str, kind: &str) -> bool {
        api_version.starts_with("kyverno.io/") && !kind.ends_with("List")
    }

    fn compile(&self, document: &Node, set: &mut PolicySet) -> Result<(), PolicyError> {
        read(&At::root(document), set)
    }
}

fn read(document: &At<'_>, set: &mut PolicySet) -> Result<(), PolicyError> {
    const KINDS: &str = "`ClusterPolicy`, `Policy` or `PolicyException`";
    let mut fields = document.fields()?;
    let api_version = fields.require("apiVersion", API_VERSIONS)?;
    let kind = fields.require("kind", KINDS)?;
    let is_exception = match (kind.text()?, api_version.text()?) {
        ("ClusterPolicy" | "Policy", "kyverno.io/v1" | "kyverno.io/v2beta1") => false,
        ("PolicyException", "kyverno.io/v2" | "kyverno.io/v2beta1" | "kyverno.io/v2alpha1") => true,
        ("ClusterPolicy" | "Policy", _) => return Err(api_version.wrong(API_VERSIONS)),
        ("PolicyException", _) => return Err(api_version.wrong("`kyverno.io/v2` or `kyverno.io/v2beta1`")),
        _ if !api_version.text()?.starts_with("kyverno.io/") => return Err(api_version.wrong(API_VERSIONS)),
        _ => return Err(kind.wrong(KINDS)),
    };
    let metadata = fields.require("metadata", "the policy's name")?;
    let (name, namespace, autogen) = read_metadata(metadata)?;
    let spec = fields.require("spec", "the policy's rules")?;
    // The API server writes it; it requires nothing.
    fields.ignore("status");
    fields.finish()?;
    if is_exception {
        set.add_exceptions([exception::read(name, namespace, &spec)?]);
        return Ok(());
    }
    let namespace = (kind.text()? == "Policy").then(|| namespace.unwrap_or_else(|| "default".to_owned()));
    let mut lints = Vec::new();
    let (rules, first_rule_only) = read_spec(&spec, &autogen, &mut lints)?;
    set.extend(PolicySet::new(vec![Policy {
        name,
        kind: kind.text()?.to_owned(),
        namespace,
        rules,
        first_rule_only,
        lints,
    }]));
    Ok(())
}

/// To which controllers a rule about pods extends.
enum Autogen {
    All,
    Only(Vec<String>),
}

fn read_metadata(metadata: At<'_>) -> Result<(String, Option<String>, Autogen), PolicyError> {
    const CONTROLLERS: &str = "pod-policies.kyverno.io/autogen-controllers";
    let mut fields = metadata.fields()?;
    let name = fields.require("name", "the policy's name")?.text()?.to_owned();
    let namespace = fields.get("namespace").map(|at| at.text().map(str::to_owned)).transpose()?;
    let controllers = match fields.get("annotations") {
        Some(annotations) => annotations.fields()?.get(CONTROLLERS),
        None => None,
    };
    let autogen = match controllers {
        None => Autogen::All,
        Some(controllers) => {
            let names = controllers.text()?.split(',').map(|name| name.trim().to_owned());
            Autogen::Only(names.filter(|name| name != "none").collect())
        }
    };
    // Other metadata describes the policy and requires nothing.
    Ok((name, namespace, autogen))
}

/// The rules, and whether only the first counts that is about a resource.
fn read_spec(
    spec: &At<'_>,
    autogen: &Autogen,
    lints: &mut Vec<Lint>,
) -> Result<(Vec<Rule>, bool), PolicyError> {
    let mut fields = spec.fields()?;
    let default = ModeRule::from(Mode::Audit);
    let (action, overrides) =
        (fields.get("validationFailureAction"), fields.get("validationFailureActionOverrides"));
    let mut mode = mode_rule(action, overrides, &default)?;
    if fields.get("emitWarning").map(|at| at.boolean()).transpose()?.unwrap_or(false) {
        let warn = |mode: &mut Mode| *mode = (*mode).max(Mode::Warn);
        warn(&mut mode.default);
        mode.overrides.iter_mut().for_each(|one| warn(&mut one.mode));
    }
    // Whether existing resources are judged too is for the embedder to say, who brings the resources.
    for flag in [
        "background",
        "mutateExistingOnPolicyUpdate",
        "generateExisting",
        "generateExistingOnPolicyUpdate",
        "useServerSideApply",
    ] {
        fields.get(flag).map(|at| at.boolean()).transpose()?;
    }
    if let Some(admission) = fields.get("admission")
        && !admission.boolean()?
    {
        lints.push(admission.lint("is `false`, but the policy judges whatever it is asked about here"));
    }
    if let Some(at) = fields.get("webhookConfiguration") {
        let mut inner = at.fields()?;
        webhook::read_timeout(&mut inner, "timeoutSeconds")?;
        webhook::read_failure_policy(&mut inner, lints)?;
        inner.finish()?;
    }
    webhook::read_timeout(&mut fields, "webhookTimeoutSeconds")?;
    webhook::read_failure_policy(&mut fields, lints)?;
    let first_rule_only = match fields.get("applyRules") {
        None => false,
        Some(which) => match which.text()? {
            "All" => false,
            "One" => true,
            _ => return Err(which.wrong("`All` or `One`")),
        },
    };
    let rules = fields.require("rules", "a list of rules")?;
    fields.finish()?;
    let list = rules.list()?;
    if list.is_empty() {
        return Err(rules.wrong("at least one rule"));
    }
    let mut rules: Vec<Rule> =
        list.into_iter().map(|at| rule(&at, &mode, lints)).collect::<Result<_, _>>()?;
    match_resources::extend_to_controllers(&mut rules, autogen);
    Ok((rules, first_rule_only))
}

fn rule(at: &At<'_>, policy_mode: &ModeRule, lints: &mut Vec<Lint>) -> Result<Rule, PolicyError> {
    let mut fields = at.fields()?;
    let name = fields.require("name", "the rule's name")?.text()?.to_owned();
    let matched = fields.require("match", "the resources that the rule applies to")?;
    let excluded = fields.get("exclude");
    let matches = match_resources::read(&matched, excluded.as_ref())?;
    let context = fields.get("context").map(|at| context::read(&at)).transpose()?.unwrap_or_default();
    let preconditions = fields.get("preconditions").map(|at| conditions::read(&at)).transpose()?;
    // Whether requests of Kyverno's own controllers are judged, too.
    fields.get("skipBackgroundRequests").map(|at| at.boolean()).transpose()?;
    for empty in ["validate", "mutate", "generate", "verifyImages"] {
        fields.ignore_empty(empty);
    }
    let conditions = fields.get("celPreconditions");
    let of_request = Names { values: REQUEST.to_vec(), ..Names::default() };
    let conditions =
        conditions.map(|at| named(Some(at.clone()), &of_request).map(|list| (at, list))).transpose()?;
    let mut filled = |name| fields.get(name).filter(|at| !at.is_empty());
    let mut requirement = match (filled("verifyImages"), filled("validate")) {
        (Some(verify_images), None) => Requirement::Images {
            extractors: match fields.get("imageExtractors") {
                Some(extractors) => image_extractors::read(&extractors)?,
                None => Vec::new(),
            },
            rules: verify_images::read(&verify_images, policy_mode, lints)?,
        },
        (None, Some(validate)) => validate::read(&validate, policy_mode, lints)?,
        (Some(_), Some(validate)) => {
            return Err(validate.wrong("either `verifyImages` or `validate` in a rule"));
        }
        (None, None) => {
            // Names what else stands there: `mutate`, `generate` and others.
            fields.ignore("imageExtractors");
            fields.finish()?;
            return Err(PolicyError::Absent {
                path: at.child("verifyImages"),
                span: at.span(),
                expected: "`verifyImages` or `validate`",
            });
        }
    };
    fields.finish()?;
    match (conditions, &mut requirement) {
        (None, _) => {}
        (Some((_, list)), Requirement::Validations(rule)) => rule.conditions = list,
        (Some((at, _)), _) => return Err(at.wrong("no `celPreconditions` without `validate.cel`")),
    }
    Ok(Rule { name, matches, of_pod: false, context, preconditions, requirement })
}

#[cfg(test)]
mod tests;
