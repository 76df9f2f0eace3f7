//! [`PolicySet::from_yaml`]: policies of every language that is read, by their API version.

use crate::image_trust_policy;
use crate::kyverno;
use crate::model::PolicySet;
use crate::reader::{At, PolicyError};
use crate::yaml;

impl PolicySet {
    /// Reads every policy and every exception of a YAML or JSON text.
    ///
    /// # Errors
    /// If it is not YAML, a document is neither, or uses what is not implemented: with path, line and column.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        let mut set = Self::default();
        for node in &yaml::parse_documents(text)? {
            let document = At::root(node);
            let api_version = node.get("apiVersion").and_then(yaml::Node::as_str).unwrap_or_default();
            if api_version.starts_with("trust.dev/") {
                image_trust_policy::read(&document, &mut set)?;
            } else {
                kyverno::read(&document, &mut set)?;
            }
        }
        if set.policies().is_empty() && set.exceptions().is_empty() {
            return Err(PolicyError::NoPolicy);
        }
        Ok(set)
    }
}
