//! SBOMs, scan reports, VEX documents and provenance, whatever tool wrote them, read into one model each;
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
//! Each file is about one noun, a folder about one stage; a file imports only from those before it in this list:
//!
//! | room | holds |
//! |---|---|
//! | `lenient` | values written in several ways |
//! | `answer` | [`Answer`]: yes, no or unknown |
//! | `package` | [`Purl`], [`Cpe`], [`VersionScheme`], [`Vers`] |
//! | `model` | [`Sbom`], [`Component`], [`Relationship`], [`LicenseClaim`], [`Finding`], [`VexStatement`], [`Diagnostics`] |
//! | `read` | [`Sbom::read`], bounded by [`Limits`]: CycloneDX 1.0 to 1.7, SPDX 2.1 to 2.3, SPDX 3.0; [`Strictness`] |
//! | `write` | [`Sbom::to_cyclonedx`], [`Sbom::to_spdx`] |
//! | `report` | [`ScanReport`]: Trivy, Grype, SARIF, osv-scanner, in-toto and CycloneDX; [`FindingRule`] |
//! | `vex` | [`Vex`]: OpenVEX, CSAF, CycloneDX and SPDX 3; [`ScanReport::suppress`] |
//! | `question` | [`Sbom::find`], [`Sbom::exposure`], [`Advisory`], [`Profile`], [`Sbom::diff`], [`Sbom::merge`] |
//! | `attestation` | [`Predicate`]: what an attestation says, by its type; [`Provenance`], [`VerificationSummary`]; [`DocumentFormat`] |

mod lenient;

mod answer;

mod package;

mod model;

mod read;

mod write;

mod report;

mod vex;

mod question;

mod attestation;

pub use answer::Answer;
pub use attestation::format::{DocumentFormat, Formats};
pub use attestation::predicate::{Predicate, PredicateError, PredicateKind};
pub use attestation::provenance::{Material, Provenance, Source, VerificationSummary};
pub use model::component::{
    Agent, AgentKind, Component, ComponentId, ComponentKind, ExternalReference, Hash, Scope, Stated, Tool,
};
pub use model::diagnostic::{Diagnostic, DiagnosticKind, Diagnostics, Grade};
pub use model::finding::{Affected, Epss, Finding, FixState, Rating, Severity, Suppression};
pub use model::license::{License, LicenseClaim, LicenseError, LicensePolicy, LicenseRole};
pub use model::relationship::{
    Aggregate, Completeness, CompletenessOf, DependencyScope, Node, Relationship, RelationshipKind,
};
pub use model::sbom::{Encoding, ExternalDocument, ExtractedLicense, Format, Header, Sbom};
pub use model::vex_statement::{VexDecision, VexProduct, VexStatement, VexStatus};
pub use package::cpe::{Cpe, CpeError};
pub use package::purl::{Purl, PurlError, PurlParts};
pub use package::vers::{Vers, VersError};
pub use package::version::VersionScheme;
pub use question::advisory::{Advisory, AdvisoryError, AffectedVersions, VersionEvent};
pub use question::compare::{Aspect, Change, Diff};
pub use question::profile::{CheckResult, Conformance, Level, Profile};
pub use question::query::{Exposed, Exposure, MatchedBy, PackageMatch, PackagePattern, Paths, Way};
pub use read::Strictness;
pub use read::builder::SbomBuilder;
pub use read::error::SbomError;
pub use read::limits::Limits;
pub use report::{FindingRule, ReportError, ReportFormat, ScanReport, join_findings};
pub use vex::{UnmatchedStatement, Vex, VexError, VexFormat, VexMatching, VexSource, VexSubject};
pub use write::Written;
