//! [`Sbom`]: an SBOM, whatever format it was written in.

use core::fmt;

use serde::{Deserialize, Serialize};
use trust_core::{Digest, UnixTime};

use crate::lenient::nullable;
use crate::model::component::{Agent, Component, ComponentId, Tool};
use crate::model::finding::Finding;
use crate::model::relationship::{Completeness, Node, Relationship, RelationshipKind};
use crate::model::vex_statement::VexStatement;

/// What a piece of software is made of, by the author of the document.
///
/// It proves nothing about the software: that a trusted signer wrote it is for a
/// [`VerifiedBundle`](trust_core::VerifiedBundle) to prove, and that it is complete, for nobody.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sbom {
    pub(crate) format: Format,
    pub(crate) encoding: Encoding,
    pub(crate) version: String,
    pub(crate) digest: Option<Digest>,
    /// Everything that is said of the document itself.
    #[serde(flatten)]
    pub(crate) header: Header,
    pub(crate) roots: Vec<ComponentId>,
    pub(crate) components: Vec<Component>,
    pub(crate) relationships: Vec<Relationship>,
    pub(crate) completeness: Vec<Completeness>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) statements: Vec<VexStatement>,
}

/// What a document says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Header {
    /// Its identifier: `serialNumber`, `documentNamespace`, or the document's `spdxId`.
    pub id: Option<String>,
    /// Which edition of it this is (CycloneDX `version`).
    pub edition: Option<u64>,
    /// Its name.
    pub name: Option<String>,
    /// When it was made.
    pub created: Option<UnixTime>,
    /// Who wrote it.
    pub authors: Vec<Agent>,
    /// With what.
    pub tools: Vec<Tool>,
    /// Who supplies the software.
    pub supplier: Option<Agent>,
    /// Who makes the software.
    pub producer: Option<Agent>,
    /// The document's own license.
    pub data_license: Option<String>,
    /// The stages of the software's life at which it was made: `build`, `operations`; as written.
    pub lifecycles: Vec<String>,
    /// Other documents that it refers to.
    pub external_documents: Vec<ExternalDocument>,
    /// Licenses that are not on the SPDX list, by the names that expressions of the document use.
    pub extracted_licenses: Vec<ExtractedLicense>,
}

/// A license that is not on the SPDX list
/// ([SPDX 2.3](https://spdx.github.io/spdx-spec/v2.3/other-licensing-information-detected/)).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExtractedLicense {
    /// `LicenseRef-…`
    #[serde(rename = "licenseId", default, deserialize_with = "nullable")]
    pub id: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its text.
    #[serde(rename = "extractedText", default, deserialize_with = "nullable")]
    pub text: String,
}

/// Another document that one refers to. It is never fetched.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct ExternalDocument {
    /// What it is called here.
    pub reference: String,
    /// Its identifier.
    pub uri: String,
    /// Its hash, as `algorithm:value`.
    pub hash: Option<String>,
}

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Format {
    /// [CycloneDX](https://cyclonedx.org/specification/overview/), 1.0 to 1.7.
    CycloneDx,
    /// [SPDX](https://spdx.github.io/spdx-spec/v2.3/) 2.1 to 2.3.
    Spdx,
    /// [SPDX](https://spdx.github.io/spdx-spec/v3.0.1/) 3.0.
    Spdx3,
    /// None: a program made it ([`SbomBuilder`](crate::SbomBuilder)).
    Own,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CycloneDx => "CycloneDX",
            Self::Spdx | Self::Spdx3 => "SPDX",
            Self::Own => "a format of its own",
        })
    }
}

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Encoding {
    /// JSON; of SPDX 3, JSON-LD.
    Json,
    /// XML.
    Xml,
    /// SPDX tag-value.
    TagValue,
    /// YAML.
    Yaml,
    /// As its own format has it.
    Own,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON",
            Self::Xml => "XML",
            Self::TagValue => "tag-value",
            Self::Yaml => "YAML",
            Self::Own => "its own form",
        })
    }
}

impl Sbom {
    /// Its format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// How it was written.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Version of the format, such as `1.6` or `2.3`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// SHA-256 of the bytes that it was read from; none if it was made here.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What it says of itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The parts that the document is about, as it says itself.
    #[must_use]
    pub fn roots(&self) -> &[ComponentId] {
        &self.roots
    }

    /// All parts, the roots and nested ones included, in the document's order. None may mean that there are none, or
    /// that no scan was made.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// One of its parts; `None` if the identifier is of another document.
    #[must_use]
    pub fn component(&self, id: ComponentId) -> Option<&Component> {
        self.components.get(id.index())
    }

    /// All parts, with their identifiers.
    pub fn ids(&self) -> impl Iterator<Item = (ComponentId, &Component)> {
        (0u32..).map(ComponentId).zip(&self.components)
    }

    /// How the parts relate.
    #[must_use]
    pub fn relationships(&self) -> &[Relationship] {
        &self.relationships
    }

    /// What the author knows about what is missing.
    #[must_use]
    pub fn completeness(&self) -> &[Completeness] {
        &self.completeness
    }

    /// The vulnerabilities that the document lists itself.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The VEX statements that the document makes itself.
    #[must_use]
    pub fn statements(&self) -> &[VexStatement] {
        &self.statements
    }

    /// The dependencies, each as the part that needs and the part that is needed.
    pub fn dependencies(&self) -> impl Iterator<Item = (ComponentId, ComponentId)> {
        self.relationships.iter().filter_map(|one| match (&one.from, &one.kind, &one.to) {
            (Node::Component(from), RelationshipKind::DependsOn(_), Node::Component(to)) => {
                Some((*from, *to))
            }
            _ => None,
        })
    }
}
