//! Software bills of materials, in CycloneDX and SPDX, read into one model.
//!
//! A document is read whole or refused: repeated keys, two formats at once and excessive sizes are errors with a
//! place. Nothing is fetched, and nothing is guessed.
//!
//! ```
//! use trust_sbom::{Limits, Sbom};
//! let text = br#"{"bomFormat": "CycloneDX", "specVersion": "1.6",
//!                 "components": [{"type": "library", "name": "a", "purl": "pkg:cargo/a@1.0.0"}]}"#;
//! let sbom = Sbom::read(text, &Limits::default())?;
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

mod percent;

mod answer;
mod version;

mod purl;
mod vers;

mod cyclonedx;
mod sbom;
mod spdx;

pub use answer::Answer;
pub use purl::{Purl, PurlError, PurlParts};
pub use sbom::{Component, Format, Limits, Sbom, SbomError};
pub use vers::{Vers, VersError};
pub use version::VersionScheme;
