//! [`PolicySet::from_yaml`]: policies of every language that is read, by their API version.

pub(crate) mod reader;

mod image_trust_policy;
mod kyverno;

use self::reader::{At, PolicyError};
use crate::policy::policy_set::PolicySet;
use crate::yaml::{self, Node, Value};

/// Policy languages that are known and not read here.
const OTHER_LANGUAGES: [(&str, &str); 3] = [
    ("policies.kyverno.io/", "Kyverno's policies in CEL"),
    ("policy.sigstore.dev/", "policy-controller's ClusterImagePolicy and TrustRoot"),
    ("constraints.gatekeeper.sh/", "Gatekeeper's constraints"),
];

impl PolicySet {
    /// Reads every policy and every exception of a YAML or JSON text; those in a `List` stand for themselves.
    ///
    /// # Errors
    /// If it is not YAML, a document is neither, or uses what is not implemented: with path, line and column. It is the first
    /// of the [errors](Self::errors_in).
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        let mut set = Self::default();
        for node in yaml::parse_documents(text)?.iter().flat_map(items) {
            read(node, &mut set)?;
        }
        if set.policies().is_empty() && set.exceptions().is_empty() {
            return Err(PolicyError::NoPolicy);
        }
        Ok(set)
    }

    /// Everything for which a text is refused: of each document the first mistake.
    #[must_use]
    pub fn errors_in(text: &str) -> Vec<PolicyError> {
        let documents = match yaml::parse_documents(text) {
            Ok(documents) => documents,
            Err(error) => return vec![error.into()],
        };
        let nodes: Vec<&Node> = documents.iter().flat_map(items).collect();
        if nodes.is_empty() {
            return vec![PolicyError::NoPolicy];
        }
        nodes.into_iter().filter_map(|node| read(node, &mut Self::default()).err()).collect()
    }
}

/// The items of a list of objects, or the object.
fn items(document: &Node) -> Vec<&Node> {
    let kind = document.get("kind").and_then(Node::as_str).unwrap_or_default();
    match document.get("items").map(|items| &items.value) {
        Some(Value::List(nodes)) if kind.ends_with("List") => nodes.iter().flat_map(items).collect(),
        _ => vec![document],
    }
}

fn read(node: &Node, set: &mut PolicySet) -> Result<(), PolicyError> {
    let document = At::root(node);
    let api_version = node.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
    if let Some((_, language)) = OTHER_LANGUAGES.iter().find(|(prefix, _)| api_version.starts_with(prefix)) {
        let span = node.get("apiVersion").map_or(node.span(), Node::span);
        return Err(PolicyError::OtherLanguage { span, found: api_version.to_owned(), language });
    }
    match api_version.starts_with("trust.dev/") {
        true => image_trust_policy::read(&document, set),
        false => kyverno::read(&document, set),
    }
}
