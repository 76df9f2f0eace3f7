//! `trustpolicy.json`, as notation's users have it
//! ([trust policy](https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md#trust-policy)).
//!
//! It has neither an API version nor a kind, and is recognised by its `trustPolicies`. Each statement is a rule for the images of its scopes; an
//! image that no statement matches is denied, as notation refuses to verify it. The stores that it names are those of the set:
//! [`PolicySet::add_trust_store`], or documents of the kind `TrustStore`.

use trust_core::Reasons;
use trust_core::notation::{TrustPolicy, TrustPolicyError, TrustStatement, TrustStores};

use crate::kubernetes::image_pattern::ReferencePattern;
use crate::language::PolicyLanguage;
use crate::language::reader::{At, PolicyError};
use crate::policy::image_rule::ImageRule;
use crate::policy::notation_trust::NotationTrust;
use crate::policy::policy_set::{Policy, PolicySet, Requirement, Rule};
use crate::policy::resource_match::{Filter, Filters, ResourceMatch};
use crate::policy::signer::{Attestor, AttestorSet, Signer};
use crate::yaml::{Node, Value};

/// The field by which the document is recognised.
const STATEMENTS: &str = "trustPolicies";

/// `trustpolicy.json`.
#[derive(Debug)]
pub(crate) struct Language;

impl PolicyLanguage for Language {
    fn reads(&self, _: &str, _: &str) -> bool {
        false
    }

    fn reads_document(&self, document: &Node) -> bool {
        document.get("apiVersion").is_none() && document.get(STATEMENTS).is_some()
    }

    fn compile(&self, document: &Node, set: &mut PolicySet) -> Result<(), PolicyError> {
        let policy = TrustPolicy::from_json(document.to_json().to_string().as_bytes());
        let policy = policy.map_err(|error| located(document, &error))?;
        let patterns = |scopes: &[String]| -> Result<Vec<ReferencePattern>, PolicyError> {
            let pattern = |scope: &String| {
                ReferencePattern::by_segment(scope)
                    .map_err(|error| At::root(document).wrong(format!("repositories: {}", error.problem)))
            };
            scopes.iter().map(pattern).collect()
        };
        let all = [String::from("**")];
        let scopes: Vec<String> =
            policy.statements().iter().flat_map(|statement| statement.scopes.clone()).collect();
        let mut rules = Vec::new();
        for (index, statement) in policy.statements().iter().enumerate() {
            let is_global = statement.scopes.is_empty();
            let mut images = ImageRule::new(patterns(if is_global { &all } else { &statement.scopes })?);
            images.path = format!("{STATEMENTS}[{index}]");
            images.span = span_at(document, &images.path);
            if is_global {
                images.except = patterns(&scopes)?;
            }
            images.signatures = signers(statement).into_iter().collect();
            if images.signatures.is_empty() {
                // Nothing is fetched for such images, as by notation.
                images.registries = patterns(&statement.scopes)?;
                images.pins_digest = false;
            }
            rules.push(rule(&statement.name, images));
        }
        if !policy.statements().iter().any(|statement| statement.scopes.is_empty()) {
            let mut images = ImageRule::new(patterns(&all)?);
            STATEMENTS.clone_into(&mut images.path);
            images.span = span_at(document, STATEMENTS);
            images.except = patterns(&scopes)?;
            images.registries = patterns(&scopes)?;
            images.pins_digest = false;
            rules.push(rule("registryScopes", images));
        }
        let mut policy = Policy::new("trustpolicy", rules);
        "trustpolicy.json".clone_into(&mut policy.kind);
        set.extend(PolicySet::new(vec![policy]));
        Ok(())
    }
}

fn rule(name: &str, images: ImageRule) -> Rule {
    let matches = ResourceMatch { matched: Filters::Any(vec![Filter::default()]), excluded: None };
    Rule::new(name, matches, Requirement::Images { extractors: Vec::new(), rules: vec![images] })
}

/// Who must have signed; `None` where all is skipped.
fn signers(statement: &TrustStatement) -> Option<AttestorSet> {
    if statement.actions.skips_all() {
        return None;
    }
    let signer = NotationTrust::new(statement.clone(), TrustStores::new());
    let attestor = Attestor { path: String::new(), ..Attestor::new(Signer::Notation(Box::new(signer))) };
    Some(AttestorSet::of(None, vec![attestor]).with_path(".trustedIdentities"))
}

/// The same mistake, with its place in the text.
fn located(document: &Node, error: &TrustPolicyError) -> PolicyError {
    let (path, found, expected) = match error {
        TrustPolicyError::Value { path, found, expected } => {
            (path.clone(), found.clone(), (*expected).to_owned())
        }
        TrustPolicyError::Identity { path, .. } => {
            let expected = format!("a name that can be compared: {}", Reasons(error));
            (path.clone(), "another".to_owned(), expected)
        }
        _ => {
            let expected = format!("a trust policy of the Notary Project: {}", Reasons(error));
            (STATEMENTS.to_owned(), "another document".to_owned(), expected)
        }
    };
    PolicyError::Value { span: span_at(document, &path), path, found, expected }
}

/// Where a path such as `trustPolicies[0].registryScopes[1]` stands in the text, or what it is in.
fn span_at(document: &Node, path: &str) -> crate::yaml::Span {
    let mut at = document;
    for part in path.split(['.', '[']) {
        let next = match (part.strip_suffix(']').and_then(|index| index.parse::<usize>().ok()), &at.value) {
            (Some(index), Value::List(items)) => items.get(index),
            _ => at.get(part),
        };
        let Some(next) = next else { break };
        at = next;
    }
    at.span()
}
