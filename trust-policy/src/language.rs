//! [`PolicySet::from_yaml`]: policies of every language that is read, by their API version; and [`PolicyLanguage`], for those of
//! embedders.

pub(crate) mod reader;

mod cluster_image_policy;
mod image_trust_policy;
mod image_validating_policy;
mod kyverno;
mod notation;

use core::fmt;
use std::sync::Arc;

use self::reader::PolicyError;
use crate::policy::policy_set::PolicySet;
use crate::yaml::{self, Node, Value};

pub use self::image_trust_policy::IMAGE_TRUST_POLICY_SCHEMA;

/// A policy language: which documents are of it, and what they require.
///
/// An implementor promises that a policy never means less than it says: an unknown field is an error, with its path and place.
///
/// ```
/// use std::sync::Arc;
/// use trust_policy::yaml::Node;
/// use trust_policy::{Check, CheckAnswer, CheckRequirement, CheckSubject, Languages, Policy, PolicyError, PolicyLanguage, PolicySet};
///
/// /// `kind: Curfew`, with the names of those who may always deploy.
/// #[derive(Debug)]
/// struct Curfew;
///
/// #[derive(Debug)]
/// struct NotAtNight(Vec<String>);
///
/// impl Check for NotAtNight {
///     fn name(&self) -> &str {
///         "curfew"
///     }
///     fn judge(&self, subject: &CheckSubject<'_>) -> CheckAnswer {
///         let hour = subject.now.as_millis().div_euclid(3_600_000).rem_euclid(24);
///         match subject.request.user.as_ref().is_some_and(|user| self.0.contains(&user.username)) {
///             false if hour < 6 => CheckAnswer::Violated { found: format!("hour {hour}"), expected: "6 to 23".to_owned() },
///             _ => CheckAnswer::Holds { message: "may deploy now".to_owned() },
///         }
///     }
/// }
///
/// impl PolicyLanguage for Curfew {
///     fn reads(&self, api_version: &str, kind: &str) -> bool {
///         api_version == "acme.example/v1" && kind == "Curfew"
///     }
///     fn compile(&self, document: &Node, set: &mut PolicySet) -> Result<(), PolicyError> {
///         let except = document.to_json()["except"].clone();
///         let except = serde_json::from_value(except.clone()).map_err(|_| PolicyError::Value {
///             path: "except".to_owned(),
///             span: document.get("except").unwrap_or(document).span(),
///             found: except.to_string(),
///             expected: "a list of users".to_owned(),
///         })?;
///         set.extend(PolicySet::new(vec![Policy::checking("curfew", CheckRequirement::on_request(Arc::new(NotAtNight(except))))]));
///         Ok(())
///     }
/// }
///
/// let languages = Languages::default().with(Curfew);
/// let policies = languages.read("{apiVersion: acme.example/v1, kind: Curfew, except: [on-call]}")?;
/// assert_eq!(policies.policies().len(), 1);
/// assert!(languages.read("{apiVersion: acme.example/v1, kind: Curfew, except: 1}").is_err());
/// # Ok::<(), PolicyError>(())
/// ```
pub trait PolicyLanguage: fmt::Debug + Send + Sync {
    /// Whether a document of this API version and kind is of this language.
    fn reads(&self, api_version: &str, kind: &str) -> bool;

    /// Whether this document is of this language: by its API version and kind, unless it is known by something else.
    fn reads_document(&self, document: &Node) -> bool {
        let text = |field| document.get(field).and_then(Node::as_str).unwrap_or_default();
        self.reads(text("apiVersion"), text("kind"))
    }

    /// Adds what a document requires to the set.
    ///
    /// # Errors
    /// If it is malformed, or has anything that is not understood.
    fn compile(&self, document: &Node, set: &mut PolicySet) -> Result<(), PolicyError>;
}

/// The languages in which policies are read: those that are built in, and before them an embedder's own.
#[derive(Clone, Debug)]
pub struct Languages {
    /// The first that reads a document compiles it.
    languages: Vec<Arc<dyn PolicyLanguage>>,
}

impl Default for Languages {
    /// Kyverno's policies, older and newer, `ClusterImagePolicy`, notation's `trustpolicy.json`, and `ImageTrustPolicy` with its `TrustStore`s.
    fn default() -> Self {
        Self {
            languages: vec![
                Arc::new(image_trust_policy::Language),
                Arc::new(kyverno::Language),
                Arc::new(image_validating_policy::Language),
                Arc::new(cluster_image_policy::Language),
                Arc::new(notation::Language),
            ],
        }
    }
}

impl Languages {
    /// Reads this language, too. What it reads is its own, even if a built-in language would read it.
    #[must_use]
    pub fn with(mut self, language: impl PolicyLanguage + 'static) -> Self {
        self.languages.insert(0, Arc::new(language));
        self
    }

    /// Reads every policy and every exception of a YAML or JSON text; those in a `List` stand for themselves.
    ///
    /// # Errors
    /// If it is not YAML, a document is of no language, or uses what is not implemented: with path, line and column. It is the
    /// first of the [errors](Self::errors_in).
    pub fn read(&self, text: &str) -> Result<PolicySet, PolicyError> {
        let mut set = PolicySet::default();
        for node in yaml::parse_documents(text)?.iter().flat_map(|node| self.items(node)) {
            self.compile(node, &mut set)?;
        }
        if set.policies().is_empty() && set.exceptions().is_empty() && !set.has_trust_material() {
            return Err(PolicyError::NoPolicy);
        }
        Ok(set)
    }

    /// Everything for which a text is refused: of each document the first mistake.
    #[must_use]
    pub fn errors_in(&self, text: &str) -> Vec<PolicyError> {
        let documents = match yaml::parse_documents(text) {
            Ok(documents) => documents,
            Err(error) => return vec![error.into()],
        };
        let nodes: Vec<&Node> = documents.iter().flat_map(|node| self.items(node)).collect();
        if nodes.is_empty() {
            return vec![PolicyError::NoPolicy];
        }
        nodes.into_iter().filter_map(|node| self.compile(node, &mut PolicySet::default()).err()).collect()
    }

    /// The language that reads this document.
    fn language(&self, node: &Node) -> Option<&dyn PolicyLanguage> {
        self.languages.iter().find(|one| one.reads_document(node)).map(AsRef::as_ref)
    }

    /// The items of a list of objects, or the object. What a language reads is one object, whatever it is called.
    fn items<'n>(&self, document: &'n Node) -> Vec<&'n Node> {
        let kind = document.get("kind").and_then(Node::as_str).unwrap_or_default();
        match document.get("items").map(|items| &items.value) {
            Some(Value::List(nodes)) if kind.ends_with("List") && self.language(document).is_none() => {
                nodes.iter().flat_map(|node| self.items(node)).collect()
            }
            _ => vec![document],
        }
    }

    fn compile(&self, node: &Node, set: &mut PolicySet) -> Result<(), PolicyError> {
        if let Some(language) = self.language(node) {
            return language.compile(node, set);
        }
        let api_version = node.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
        if let Some((_, language)) =
            OTHER_LANGUAGES.iter().find(|(prefix, _)| api_version.starts_with(prefix))
        {
            let span = node.get("apiVersion").map_or(node.span(), Node::span);
            return Err(PolicyError::OtherLanguage { span, found: api_version.to_owned(), language });
        }
        // It is of no language; most policies are Kyverno's, so the error says what those look like.
        kyverno::Language.compile(node, set)
    }
}

/// Policy languages that are known and not read here.
const OTHER_LANGUAGES: [(&str, &str); 3] = [
    ("policies.kyverno.io/", "another of Kyverno's policies in CEL than `ImageValidatingPolicy`"),
    ("policy.sigstore.dev/", "another kind of policy-controller's than `ClusterImagePolicy` and `TrustRoot`"),
    ("constraints.gatekeeper.sh/", "Gatekeeper's constraints"),
];

impl PolicySet {
    /// Reads the policies of a text in the built-in [languages](Languages).
    ///
    /// # Errors
    /// As [`Languages::read`].
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        Languages::default().read(text)
    }

    /// Everything for which a text is refused: of each document the first mistake.
    #[must_use]
    pub fn errors_in(text: &str) -> Vec<PolicyError> {
        Languages::default().errors_in(text)
    }
}
