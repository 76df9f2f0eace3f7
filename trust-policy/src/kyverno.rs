//! Kyverno's `ClusterPolicy` and `Policy` (`kyverno.io/v1`), as far as image policies need them
//! ([reference](https://kyverno.io/docs/policy-types/cluster-policy/)).
//!
//! A field that is not implemented here is refused when the policy is read, by its path: a policy never means
//! less than it says.

mod fields;
mod form;
mod match_resources;
mod verify_images;

use thiserror::Error;

use self::fields::At;
use crate::model::{Check, Lint, Mode, Policy, PolicySet, Rule};
use crate::yaml::{self, Span, YamlError};

/// A policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The text is not YAML.
    #[error("policy is not readable YAML: {0}")]
    Yaml(#[from] YamlError),
    /// A field is absent.
    #[error("{span}: `{path}` is absent, expected {expected}")]
    Absent {
        /// Where it should be.
        path: String,
        /// Place of what it should be in.
        span: Span,
        /// What was expected.
        expected: &'static str,
    },
    /// A field has a value that it cannot have.
    #[error("{span}: `{path}` is {found}, expected {expected}")]
    Value {
        /// Which field.
        path: String,
        /// Its place.
        span: Span,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A field is not implemented: it may demand something that would not be checked.
    #[error("{span}: `{path}` is not implemented, so the policy is refused")]
    NotImplemented {
        /// Which field.
        path: String,
        /// Its place.
        span: Span,
    },
    /// The text holds no policy.
    #[error("found no policy, expected a `ClusterPolicy` or `Policy` of `kyverno.io/v1`")]
    NoPolicy,
}

const API_VERSIONS: &str = "`kyverno.io/v1`";

impl PolicySet {
    /// Reads every policy of a YAML or JSON text.
    ///
    /// # Errors
    /// If it is not YAML, a document is not a policy, or a policy uses what is not implemented: with path, line and
    /// column.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        let documents = yaml::parse_documents(text)?;
        if documents.is_empty() {
            return Err(PolicyError::NoPolicy);
        }
        let policies = documents.iter().map(|node| policy(At::root(node)));
        Ok(Self::new(policies.collect::<Result<_, _>>()?))
    }
}

fn policy(document: At<'_>) -> Result<Policy, PolicyError> {
    let mut fields = document.fields()?;
    let api_version = fields.require("apiVersion", API_VERSIONS)?;
    if api_version.text()? != "kyverno.io/v1" {
        return Err(api_version.wrong(API_VERSIONS));
    }
    let kind = fields.require("kind", "`ClusterPolicy` or `Policy`")?;
    let is_namespaced = match kind.text()? {
        "ClusterPolicy" => false,
        "Policy" => true,
        _ => return Err(kind.wrong("`ClusterPolicy` or `Policy`")),
    };
    let metadata = fields.require("metadata", "the policy's name")?;
    let (name, namespace, autogen) = read_metadata(metadata)?;
    let spec = fields.require("spec", "the policy's rules")?;
    // The API server writes it; it demands nothing.
    fields.ignore("status");
    fields.finish()?;

    let mut lints = Vec::new();
    let rules = read_spec(spec, &autogen, &mut lints)?;
    let namespace = is_namespaced.then(|| namespace.unwrap_or_else(|| "default".to_owned()));
    Ok(Policy { name, namespace, rules, lints })
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
    // Other metadata describes the policy and demands nothing.
    Ok((name, namespace, autogen))
}

fn read_spec(spec: At<'_>, autogen: &Autogen, lints: &mut Vec<Lint>) -> Result<Vec<Rule>, PolicyError> {
    let mut fields = spec.fields()?;
    let mode = fields.get("validationFailureAction").map(mode).transpose()?.unwrap_or(Mode::Audit);
    // Whether existing resources are judged too is for the embedder to say, who brings the resources.
    fields.get("background").map(|at| at.boolean()).transpose()?;
    if let Some(admission) = fields.get("admission")
        && !admission.boolean()?
    {
        return Err(admission.not_implemented());
    }
    if let Some(timeout) = fields.get("webhookTimeoutSeconds")
        && !timeout.integer().is_ok_and(|seconds| (1..=30).contains(&seconds))
    {
        return Err(timeout.wrong("a whole number from 1 to 30"));
    }
    // What cannot be judged is denied; a policy that asks to ignore failures would be told so.
    if let Some(failure_policy) = fields.get("failurePolicy") {
        match failure_policy.text()? {
            "Fail" => {}
            "Ignore" => {
                lints.push(failure_policy.lint("is `Ignore`, but what cannot be judged is denied here"))
            }
            _ => return Err(failure_policy.wrong("`Fail` or `Ignore`")),
        }
    }
    let rules = fields.require("rules", "a list of rules")?;
    fields.finish()?;
    let list = rules.list()?;
    if list.is_empty() {
        return Err(rules.wrong("at least one rule"));
    }
    list.into_iter().map(|at| rule(at, mode, autogen, lints)).collect()
}

fn rule(at: At<'_>, mode: Mode, autogen: &Autogen, lints: &mut Vec<Lint>) -> Result<Rule, PolicyError> {
    let mut fields = at.fields()?;
    let name = fields.require("name", "the rule's name")?.text()?.to_owned();
    let selection = match_resources::read(fields.require("match", "the resources that the rule is about")?)?;
    let check = match (fields.get("verifyImages"), fields.get("validate")) {
        (Some(verify_images), None) => Check::Images(verify_images::read(&verify_images, mode, lints)?),
        (None, Some(validate)) => form::read(validate, mode, selection.is_pods_only, lints)?,
        (Some(_), Some(validate)) => {
            return Err(validate.wrong("either `verifyImages` or `validate` in a rule"));
        }
        (None, None) => {
            return Err(PolicyError::Absent {
                path: at.child("verifyImages"),
                span: at.span(),
                expected: "`verifyImages` or `validate`",
            });
        }
    };
    fields.finish()?;
    Ok(Rule { name, kinds: selection.kinds(autogen), check })
}

fn mode(at: At<'_>) -> Result<Mode, PolicyError> {
    match at.text()?.to_ascii_lowercase().as_str() {
        "enforce" => Ok(Mode::Enforce),
        "audit" => Ok(Mode::Audit),
        _ => Err(at.wrong("`Audit` or `Enforce`")),
    }
}

#[cfg(test)]
mod tests;
