//! [`attestation`]: what is said of an image, read before it is signed; and [`ProvenanceBuilder`].

use serde_json::{Map, Value, json};
use thiserror::Error;
use trust_core::cosign::PREDICATE_TYPES;
use trust_core::{Digest, Statement, StatementError, UnixTime};
use trust_sbom::{Limits, Predicate, PredicateError};

use crate::image::ImageTarget;

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// The attestation cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AttestationError {
    /// The type is neither a name nor a URI.
    #[error("predicate type `{found}` is not known; expected a URI, or one of {}", names())]
    Type {
        /// What was found.
        found: String,
    },
    /// The predicate is not what its type says.
    #[error("the predicate cannot be read as its type")]
    Predicate(#[from] PredicateError),
    /// It cannot be a statement.
    #[error("it cannot be a statement")]
    Statement(#[from] StatementError),
}

fn names() -> String {
    PREDICATE_TYPES.map(|(name, _)| format!("`{name}`")).join(", ")
}

/// The predicate type that a name of cosign's stands for; a URI stands for itself.
///
/// # Errors
/// If it is neither.
pub fn predicate_type(name: &str) -> Result<&str, AttestationError> {
    match PREDICATE_TYPES.iter().find(|(known, _)| *known == name) {
        Some((_, uri)) => Ok(uri),
        None if name.contains(':') => Ok(name),
        None => Err(AttestationError::Type { found: name.to_owned() }),
    }
}

/// A statement about an image: that what the predicate says of it holds.
///
/// A predicate of a type that verifiers read (SBOMs, scan reports, VEX, provenance, summaries) is read here first, so that nothing is
/// signed that means nothing to them. One of another type must be JSON.
///
/// # Errors
/// If it cannot be read as what its type says.
pub fn attestation(
    target: &ImageTarget,
    predicate_type: &str,
    predicate: &str,
) -> Result<Statement, AttestationError> {
    Predicate::read(predicate_type, predicate.as_bytes(), &Limits::default())?;
    Ok(Statement::new(vec![target.subject()], predicate_type, predicate)?)
}

/// How an artifact was built ([SLSA provenance v1](https://slsa.dev/spec/v1.0/provenance)).
///
/// ```
/// use serde_json::json;
/// use trust_sign::ProvenanceBuilder;
///
/// let predicate = ProvenanceBuilder::new("https://example.com/build/v1", "https://example.com/builder")
///     .parameter("ref", json!("refs/heads/main"))
///     .to_json();
/// assert!(predicate.contains(r#""builder":{"id":"https://example.com/builder"}"#));
/// ```
#[derive(Clone, Debug)]
pub struct ProvenanceBuilder {
    build_type: String,
    builder: String,
    parameters: Map<String, Value>,
    dependencies: Vec<Value>,
    metadata: Map<String, Value>,
}

impl ProvenanceBuilder {
    /// A build of a type, by a builder: URIs that consumers expect.
    #[must_use]
    pub fn new(build_type: impl Into<String>, builder: impl Into<String>) -> Self {
        Self {
            build_type: build_type.into(),
            builder: builder.into(),
            parameters: Map::new(),
            dependencies: Vec::new(),
            metadata: Map::new(),
        }
    }

    /// Something that who asked for the build chose (`externalParameters`).
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: Value) -> Self {
        self.parameters.insert(name.into(), value);
        self
    }

    /// Something that went into it: its URI, and its digest.
    #[must_use]
    pub fn dependency(mut self, uri: impl Into<String>, digest: &Digest) -> Self {
        let digest = json!({ digest.algorithm().name(): digest.to_hex() });
        self.dependencies.push(json!({"uri": uri.into(), "digest": digest}));
        self
    }

    /// The source, as a commit in Git.
    #[must_use]
    pub fn git_commit(mut self, uri: impl Into<String>, commit: impl Into<String>) -> Self {
        self.dependencies.push(json!({"uri": uri.into(), "digest": {"gitCommit": commit.into()}}));
        self
    }

    /// By which name the builder knows this run.
    #[must_use]
    pub fn invocation(mut self, id: impl Into<String>) -> Self {
        self.metadata.insert("invocationId".to_owned(), id.into().into());
        self
    }

    /// From when to when it ran.
    #[must_use]
    pub fn ran(mut self, started: UnixTime, finished: UnixTime) -> Self {
        self.metadata.insert("startedOn".to_owned(), started.to_string().into());
        self.metadata.insert("finishedOn".to_owned(), finished.to_string().into());
        self
    }

    /// The predicate.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut definition = Map::new();
        definition.insert("buildType".to_owned(), self.build_type.clone().into());
        definition.insert("externalParameters".to_owned(), self.parameters.clone().into());
        if !self.dependencies.is_empty() {
            definition.insert("resolvedDependencies".to_owned(), self.dependencies.clone().into());
        }
        let mut details = json!({"builder": {"id": self.builder}});
        if let (false, Some(details)) = (self.metadata.is_empty(), details.as_object_mut()) {
            details.insert("metadata".to_owned(), self.metadata.clone().into());
        }
        json!({"buildDefinition": definition, "runDetails": details}).to_string()
    }

    /// What it says of an image.
    ///
    /// # Errors
    /// If it cannot be read as provenance.
    pub fn attestation(&self, target: &ImageTarget) -> Result<Statement, AttestationError> {
        attestation(target, PROVENANCE, &self.to_json())
    }
}
