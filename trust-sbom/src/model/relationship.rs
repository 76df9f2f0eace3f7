//! [`Relationship`]: how one component relates to another, with its direction; and [`Completeness`].

use serde::Serialize;

use crate::model::component::ComponentId;

/// `from` relates to `to`. Relations that a format also writes from the other end (`DEPENDENCY_OF`) are stored one way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Relationship {
    /// Where it starts.
    pub from: Node,
    /// How.
    pub kind: RelationshipKind,
    /// Where it leads.
    pub to: Node,
    /// It was written the other way round, by the inverse word.
    pub is_inverse: bool,
}

/// An end of a relationship.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Node {
    /// The document itself.
    Document,
    /// A component of this document.
    Component(ComponentId),
    /// Something else, by its reference: of another document, a snippet, or nothing that is there.
    Elsewhere(String),
    /// `NONE`: there is known to be nothing.
    None,
    /// `NOASSERTION`: the author does not say.
    NoAssertion,
}

/// How two parts relate.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum RelationshipKind {
    /// The document describes the part: it is a root.
    Describes,
    /// The part needs the other one.
    DependsOn(DependencyScope),
    /// The part holds the other one.
    Contains,
    /// The part was made from the other one.
    GeneratedFrom,
    /// The part is a variant of the other one.
    VariantOf,
    /// The part mends the other one.
    PatchFor,
    /// The part implements the other one (CycloneDX `provides`).
    Provides,
    /// Another word, as written.
    Other(String),
}

/// When a dependency is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum DependencyScope {
    /// The document does not say.
    #[default]
    Unstated,
    /// To build.
    Build,
    /// To develop.
    Development,
    /// If at hand.
    Optional,
    /// It is expected from the environment.
    Provided,
    /// At run time.
    Runtime,
    /// To test.
    Test,
}

/// What the author knows about what is missing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Completeness {
    /// What may be missing.
    pub what: CompletenessOf,
    /// Of which parts; of the whole document if there are none.
    pub of: Vec<Node>,
    /// What is known.
    pub aggregate: Aggregate,
}

/// What a [`Completeness`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum CompletenessOf {
    /// The parts that a component holds.
    Assemblies,
    /// The parts that a component needs.
    Dependencies,
    /// The known vulnerabilities.
    Vulnerabilities,
    /// A relationship of another kind (SPDX 3).
    Relationships,
}

/// How much the author knows ([CycloneDX](https://cyclonedx.org/docs/1.6/json/#compositions_items_aggregate)).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Aggregate {
    /// Nothing is missing.
    Complete,
    /// Something is missing. The word says what, if it is not just `incomplete`.
    Incomplete(String),
    /// The author does not know.
    Unknown,
    /// The author does not say.
    NotSpecified,
    /// Another word, as written.
    Other(String),
}

impl Aggregate {
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "complete" => Self::Complete,
            "unknown" => Self::Unknown,
            "not_specified" | "noAssertion" => Self::NotSpecified,
            _ if name.starts_with("incomplete") => Self::Incomplete(name.to_owned()),
            _ => Self::Other(name.to_owned()),
        }
    }

    /// The word.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Complete => "complete",
            Self::Unknown => "unknown",
            Self::NotSpecified => "not_specified",
            Self::Incomplete(name) | Self::Other(name) => name,
        }
    }
}
