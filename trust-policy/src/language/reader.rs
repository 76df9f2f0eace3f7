//! What the readers of all policy languages share.
//!
//! | file | holds |
//! |---|---|
//! | `fields` | values with their paths; an unknown field is refused |
//! | `expressions` | expressions in CEL |
//! | `labels` | label selectors |
//! | `match_constraints` | which requests a policy in CEL applies to |
//! | `mode` | what a violation does |
//! | `signer` | keys, certificates and identities, as cosign's users write them |
//! | `webhook` | how long a webhook may take, and what is done if it does not answer |

pub(crate) mod expressions;
mod fields;
pub(crate) mod labels;
pub(crate) mod match_constraints;
mod mode;
pub(crate) mod signer;
pub(crate) mod webhook;

use thiserror::Error;

pub(crate) use self::fields::{At, Fields};
pub(crate) use self::mode::mode_rule;
use crate::yaml::{Span, YamlError};

fn suggested(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

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
    /// A field that the language does not have.
    #[error("{span}: `{path}` is an unknown field{}", suggested(suggestion))]
    Unknown {
        /// Which field.
        path: String,
        /// Its place.
        span: Span,
        /// A field that was most likely meant.
        suggestion: Option<String>,
    },
    /// A policy in a language that is not read here.
    #[error("{span}: `{found}` is not read here: {language}")]
    OtherLanguage {
        /// Where it says so.
        span: Span,
        /// Its API version.
        found: String,
        /// The language.
        language: &'static str,
    },
    /// A field is not implemented: it may require something that would not be checked.
    #[error("{span}: `{path}` is not implemented, so the policy is refused")]
    NotImplemented {
        /// Which field.
        path: String,
        /// Its place.
        span: Span,
    },
    /// A text is not the expression that it should be, or holds one that is none.
    #[error("{span}: `{path}` has an expression that is not read: {problem}")]
    Expression {
        /// Which field.
        path: String,
        /// Its place.
        span: Span,
        /// What is wrong.
        problem: String,
    },
    /// The text holds no policy.
    #[error(
        "found no policy, expected Kyverno's `ClusterPolicy`, `Policy`, `ImageValidatingPolicy` or `PolicyException`, a `ClusterImagePolicy`, or an `ImageTrustPolicy`"
    )]
    NoPolicy,
}
