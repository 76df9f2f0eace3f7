//! Software bills of materials, in CycloneDX and SPDX, read into one model.
//!
//! A document is read whole or refused: repeated keys, two formats at once and excessive sizes are errors with a
//! place. Nothing is fetched, and nothing is guessed.
//!
//! ```
//! use trust_sbom::{Limits, Sbom};
//! let text = br#"{"bomFormat": "CycloneDX", "specVersion": "1.6",
//!                 "components": [{"type": "library", "name": "a", "purl": "pkg:cargo/a@1.0.0"}]}"#;
//! let (sbom, diagnostics) = Sbom::read(&text[..], &Limits::default())?;
//! assert_eq!(diagnostics.count(), 0);
//! assert_eq!(sbom.components()[0].purls, ["pkg:cargo/a@1.0.0"]);
//! # Ok::<(), trust_sbom::SbomError>(())
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `percent` | percent-encoding |
//! | `answer` | [`Answer`]: yes, no or unknown |
//! | `version` | [`VersionScheme`]: the order of versions, one ecosystem a file |
//! | `vers` | [`Vers`]: ranges of versions |
//! | `purl` | [`Purl`]: names of packages |
//! | `sbom` | the model, and which format a document is of |
//! | `cyclonedx`, `spdx` | one format each |

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

mod compare;
mod profile;
mod query;

mod provenance;

mod predicate;

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
pub use predicate::{Predicate, PredicateError};
pub use profile::{CheckResult, Conformance, Level, Profile};
pub use provenance::{Material, Provenance, VerificationSummary};
pub use purl::{Purl, PurlError, PurlParts};
pub use query::{Exposed, Exposure, MatchedBy, PackageMatch, PackagePattern, Paths};
pub use read::Strictness;
pub use relationship::{
    Aggregate, Completeness, CompletenessOf, DependencyScope, Node, Relationship, RelationshipKind,
};
pub use report::{FindingRule, ReportError, ReportFormat, ScanReport, join_findings};
pub use sbom::{Encoding, ExternalDocument, ExtractedLicense, Format, Header, Sbom};
pub use vers::{Vers, VersError};
pub use version::VersionScheme;
pub use vex::{Vex, VexError, VexFormat, VexMatching, VexSource, VexSubject};
pub use vex_statement::{VexDecision, VexProduct, VexStatement, VexStatus};
pub use write::Written;
