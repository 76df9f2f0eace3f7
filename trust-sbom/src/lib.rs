//! Bills of materials, scan reports, VEX documents and provenance, whatever tool wrote them, read into one model each;
//! and answers to questions about them, which are yes, no or unknown with the reason.
//!
//! ```
//! use trust_sbom::{Answer, FindingRule, Limits, PackagePattern, Sbom, ScanReport, Severity};
//! let text = br#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [
//!     {"type": "library", "name": "log4j-core", "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"}]}"#;
//! let (sbom, diagnostics) = Sbom::read(&text[..], &Limits::default())?;
//! assert_eq!(diagnostics.count(), 0);
//! let log4j = PackagePattern::Purl(Box::new("pkg:maven/org.apache.logging.log4j/log4j-core".parse()?));
//! let exposure = sbom.exposure(&log4j, &"vers:maven/>=2.0-beta9|<2.15.0".parse()?);
//! assert_eq!(exposure.answer, Answer::Yes);
//!
//! // A report that does not show that anything was scanned is not clean.
//! let report = ScanReport::read(br#"{"SchemaVersion": 2}"#, &Limits::default())?;
//! assert!(matches!(report.has(&FindingRule::of_severities(&[Severity::Critical])), Answer::Unknown(_)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A document is read whole or refused, in one pass: repeated keys, two formats at once and excessive sizes are errors
//! with a place. What is odd but harms nothing is a [`Diagnostic`]. Nothing is fetched, nothing is guessed, and nothing
//! here says who wrote a document: pass what came out of a verified attestation ([`Predicate::of`]).
//!
//! | file | holds |
//! |---|---|
//! | `lenient`, `percent` | values written in several ways; percent-encoding |
//! | `answer` | [`Answer`]: yes, no or unknown |
//! | `limits` | [`Limits`]: how much is read |
//! | `version` | [`VersionScheme`]: the order of versions, one ecosystem a file |
//! | `cpe`, `purl` | [`Cpe`], [`Purl`]: names of packages |
//! | `vers` | [`Vers`]: ranges of versions |
//! | `diagnostic` | [`Diagnostics`]: what is odd |
//! | `license` | [`LicenseClaim`]: who says which license; [`LicensePolicy`]: which are allowed |
//! | `component`, `relationship` | [`Component`], [`Relationship`]: the parts, and how they hang together |
//! | `vex_statement` | [`VexStatement`]: whether a vulnerability affects a product |
//! | `finding` | [`Finding`]: a vulnerability in a component, its ratings, its fix |
//! | `sbom`, `error` | [`Sbom`]; [`SbomError`] |
//! | `draft`, `stream`, `write` | what the readers share: references until they are resolved, lists one item at a time; what the writers share |
//! | `cyclonedx` | CycloneDX 1.0 to 1.7 in JSON and XML, its schema, its writer |
//! | `spdx` | SPDX 2.1 to 2.3 in JSON, YAML and tag-value, its writer |
//! | `spdx3` | SPDX 3.0 in JSON-LD |
//! | `read` | [`Sbom::read`]: which format a document is of; [`Strictness`] |
//! | `report` | [`ScanReport`]: Trivy, Grype, SARIF, osv-scanner, in-toto and CycloneDX; [`FindingRule`] |
//! | `vex` | [`Vex`]: OpenVEX, CSAF, CycloneDX and SPDX 3; [`ScanReport::suppress`] |
//! | `compare`, `profile`, `query` | [`Sbom::diff`] and [`Sbom::merge`]; [`Profile`]; [`Sbom::find`] and [`Sbom::exposure`] |
//! | `advisory` | [`Advisory`]: which versions are affected, by OSV |
//! | `provenance` | [`Provenance`], [`VerificationSummary`]: SLSA |
//! | `predicate` | [`Predicate`]: what an attestation says, by its type |

mod lenient;
mod percent;

mod answer;
mod limits;
mod version;

mod cpe;
mod purl;
mod vers;

mod diagnostic;
mod license;

mod component;
mod relationship;

mod vex_statement;

mod finding;

mod sbom;

mod error;

mod draft;
mod stream;
mod write;

mod cyclonedx;
mod spdx;
mod spdx3;

mod read;

mod report;

mod vex;

mod advisory;
mod compare;
mod profile;
mod query;

mod provenance;

mod predicate;

pub use advisory::{Advisory, AdvisoryError, AffectedVersions, VersionEvent};
pub use answer::Answer;
pub use compare::{Aspect, Change, Diff};
pub use component::{
    Agent, AgentKind, Component, ComponentId, ComponentKind, ExternalReference, Hash, Scope, Stated, Tool,
};
pub use cpe::{Cpe, CpeError};
pub use diagnostic::{Diagnostic, DiagnosticKind, Diagnostics, Grade};
pub use error::SbomError;
pub use finding::{Affected, Epss, Finding, FixState, Rating, Severity, Suppression};
pub use license::{License, LicenseClaim, LicenseError, LicensePolicy, LicenseRole};
pub use limits::Limits;
pub use predicate::{Predicate, PredicateError, PredicateKind};
pub use profile::{CheckResult, Conformance, Level, Profile};
pub use provenance::{Material, Provenance, Source, VerificationSummary};
pub use purl::{Purl, PurlError, PurlParts};
pub use query::{Exposed, Exposure, MatchedBy, PackageMatch, PackagePattern, Paths, Way};
pub use read::Strictness;
pub use relationship::{
    Aggregate, Completeness, CompletenessOf, DependencyScope, Node, Relationship, RelationshipKind,
};
pub use report::{FindingRule, ReportError, ReportFormat, ScanReport, join_findings};
pub use sbom::{Encoding, ExternalDocument, ExtractedLicense, Format, Header, Sbom};
pub use vers::{Vers, VersError};
pub use version::VersionScheme;
pub use vex::{UnmatchedStatement, Vex, VexError, VexFormat, VexMatching, VexSource, VexSubject};
pub use vex_statement::{VexDecision, VexProduct, VexStatement, VexStatus};
pub use write::Written;
