//! [`Predicate`]: what an attestation says, by its predicate type, in the models of this crate.

use core::fmt;
use std::borrow::Cow;

use serde::Deserialize;
use serde::Serialize;
use serde_json::value::RawValue;
use thiserror::Error;
use trust_core::Statement;
use trust_core::internal::json::{Document, JsonError};

use crate::attestation::provenance::{Provenance, VerificationSummary};
use crate::model::diagnostic::Diagnostics;
use crate::model::sbom::{Format, Sbom};
use crate::read::error::SbomError;
use crate::read::limits::Limits;
use crate::report::{ReportError, ScanReport};
use crate::vex::{Vex, VexError};

/// What an attestation says about its subjects.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Predicate {
    /// What they are made of.
    Sbom(Box<Sbom>, Diagnostics),
    /// What a scanner found in them.
    ScanReport(Box<ScanReport>),
    /// Whether vulnerabilities affect them.
    Vex(Box<Vex>),
    /// How they were built.
    Provenance(Box<Provenance>),
    /// That a verifier checked them.
    VerificationSummary(Box<VerificationSummary>),
    /// Something that is not read here.
    Other,
}

/// The predicate is not what its type says.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PredicateError {
    /// It is not JSON, repeats a key, or has another shape.
    #[error("predicate is malformed")]
    Json(#[from] JsonError),
    /// It is no SBOM.
    #[error("predicate is not the SBOM that its type says")]
    Sbom(#[from] SbomError),
    /// It is no report.
    #[error("predicate is not the scan report that its type says")]
    Report(#[from] ReportError),
    /// It is no VEX document.
    #[error("predicate is not the VEX document that its type says")]
    Vex(#[from] VexError),
    /// It is not what an embedder's own format requires.
    #[error("predicate is not {format}: {problem}")]
    Own {
        /// The format's name.
        format: String,
        /// What is wrong, in its reader's words.
        problem: String,
    },
    /// It is an SBOM of the other format.
    #[error("predicate is {found}, its type says {expected}")]
    Format {
        /// What was found.
        found: Format,
        /// What the type says.
        expected: Format,
    },
}

impl PredicateError {
    /// What is wrong with a predicate of an embedder's own format.
    #[must_use]
    pub fn of_format(format: &str, problem: &dyn fmt::Display) -> Self {
        Self::Own { format: format.to_owned(), problem: problem.to_string() }
    }
}

/// What an attestation is about, by its predicate type alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum PredicateKind {
    /// What its subjects are made of.
    Sbom,
    /// What a scanner found in them.
    ScanReport,
    /// Whether vulnerabilities affect them.
    Vex,
    /// How they were built.
    Provenance,
    /// That a verifier checked them.
    VerificationSummary,
}

impl PredicateKind {
    /// The kind that a predicate type says; `None` for types that are not read here.
    #[must_use]
    pub fn of(predicate_type: &str) -> Option<Self> {
        Some(match Kind::of(predicate_type)? {
            Kind::Spdx | Kind::CycloneDx => Self::Sbom,
            Kind::ScanReport => Self::ScanReport,
            Kind::OpenVex => Self::Vex,
            Kind::ProvenanceV0 | Kind::ProvenanceV1 => Self::Provenance,
            Kind::VerificationSummary => Self::VerificationSummary,
        })
    }
}

impl fmt::Display for PredicateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sbom => "SBOM",
            Self::ScanReport => "scan report",
            Self::Vex => "VEX document",
            Self::Provenance => "provenance",
            Self::VerificationSummary => "verification summary",
        })
    }
}

/// What a predicate type says that the predicate is, and how it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Spdx,
    CycloneDx,
    ScanReport,
    OpenVex,
    ProvenanceV0,
    ProvenanceV1,
    VerificationSummary,
}

/// Predicate types; those with `true` may go on with `/v` and a version.
const TYPES: [(&str, bool, Kind); 19] = [
    ("https://spdx.dev/Document", true, Kind::Spdx),
    ("https://cyclonedx.org/bom", true, Kind::CycloneDx),
    ("https://cyclonedx.org/schema", true, Kind::CycloneDx),
    ("https://cosign.sigstore.dev/attestation/vuln/v1", false, Kind::ScanReport),
    ("cosign.sigstore.dev/attestation/vuln/v1", false, Kind::ScanReport),
    ("https://in-toto.io/attestation/vulns", false, Kind::ScanReport),
    ("https://in-toto.io/attestation/vulns/v0.1", false, Kind::ScanReport),
    ("https://in-toto.io/attestation/vulns/v0.2", false, Kind::ScanReport),
    ("https://openvex.dev/ns", false, Kind::OpenVex),
    ("https://openvex.dev/ns/v0.0.1", false, Kind::OpenVex),
    ("https://openvex.dev/ns/v0.2.0", false, Kind::OpenVex),
    ("https://slsa.dev/provenance/v0.1", false, Kind::ProvenanceV0),
    ("https://slsa.dev/provenance/v0.2", false, Kind::ProvenanceV0),
    ("https://slsa.dev/provenance/v1", false, Kind::ProvenanceV1),
    ("https://slsa.dev/provenance/v1.0", false, Kind::ProvenanceV1),
    ("https://slsa.dev/provenance/v1.1", false, Kind::ProvenanceV1),
    ("https://slsa.dev/verification_summary/v0.1", false, Kind::VerificationSummary),
    ("https://slsa.dev/verification_summary/v0.2", false, Kind::VerificationSummary),
    ("https://slsa.dev/verification_summary/v1", false, Kind::VerificationSummary),
];

impl Kind {
    /// Types are compared whole; only a version may follow where one is known to.
    fn of(predicate_type: &str) -> Option<Self> {
        let is_version = |tail: &str| {
            tail.strip_prefix("/v").is_some_and(|version| {
                !version.is_empty()
                    && version
                        .split('.')
                        .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
            })
        };
        let is = |(name, has_version, _): &&(&str, bool, Self)| {
            predicate_type
                .strip_prefix(name)
                .is_some_and(|tail| tail.is_empty() || (*has_version && is_version(tail)))
        };
        TYPES.iter().find(is).map(|(.., kind)| *kind)
    }
}

/// What cosign before 2.0 wrapped predicates in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped<'a> {
    #[serde(rename = "Data", borrow)]
    data: &'a RawValue,
    #[serde(rename = "Timestamp")]
    _timestamp: Option<serde::de::IgnoredAny>,
}

impl Predicate {
    /// What it is about; `None` for what is not read here.
    #[must_use]
    pub fn kind(&self) -> Option<PredicateKind> {
        Some(match self {
            Self::Sbom(..) => PredicateKind::Sbom,
            Self::ScanReport(_) => PredicateKind::ScanReport,
            Self::Vex(_) => PredicateKind::Vex,
            Self::Provenance(_) => PredicateKind::Provenance,
            Self::VerificationSummary(_) => PredicateKind::VerificationSummary,
            Self::Other => return None,
        })
    }

    /// Reads the predicate of a statement.
    ///
    /// Who says so is not part of it: the statement must come out of a verified bundle.
    ///
    /// # Errors
    /// If it is not what its type says. A type that is not known here is no error, but [`Predicate::Other`].
    pub fn of(statement: &Statement, limits: &Limits) -> Result<Self, PredicateError> {
        Self::read(statement.predicate_type(), statement.predicate_json().as_bytes(), limits)
    }

    /// Reads a predicate of this type: an object, the same in a text, or either in cosign's old wrapper.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn read(predicate_type: &str, predicate: &[u8], limits: &Limits) -> Result<Self, PredicateError> {
        let Some(kind) = Kind::of(predicate_type) else { return Ok(Self::Other) };
        let document = Document::new(predicate)?;
        let content = match document.read::<Wrapped<'_>>() {
            Ok(wrapped) => unquote(wrapped.data.get())?,
            Err(_) => unquote(document.text())?,
        };
        let bytes = content.as_bytes();
        Ok(match kind {
            Kind::Spdx | Kind::CycloneDx => {
                let (sbom, diagnostics) = Sbom::read(bytes, limits)?;
                let (found, expected) = match (kind, sbom.format()) {
                    (Kind::Spdx, Format::CycloneDx) => (Format::CycloneDx, Format::Spdx),
                    (Kind::CycloneDx, found @ (Format::Spdx | Format::Spdx3)) => (found, Format::CycloneDx),
                    _ => return Ok(Self::Sbom(Box::new(sbom), diagnostics)),
                };
                return Err(PredicateError::Format { found, expected });
            }
            Kind::ScanReport => Self::ScanReport(Box::new(ScanReport::read(bytes, limits)?)),
            Kind::OpenVex => Self::Vex(Box::new(Vex::read(bytes, limits)?)),
            Kind::ProvenanceV0 => Self::Provenance(Box::new(Provenance::read_v0(&Document::new(bytes)?)?)),
            Kind::ProvenanceV1 => Self::Provenance(Box::new(Provenance::read_v1(&Document::new(bytes)?)?)),
            Kind::VerificationSummary => {
                Self::VerificationSummary(Box::new(VerificationSummary::read(&Document::new(bytes)?)?))
            }
        })
    }
}

/// The JSON, or what a JSON text holds: tag-value, or JSON again.
fn unquote(json: &str) -> Result<Cow<'_, str>, JsonError> {
    if json.trim_start().starts_with('"') {
        return Ok(Cow::Owned(serde_json::from_str(json)?));
    }
    Ok(Cow::Borrowed(json))
}
