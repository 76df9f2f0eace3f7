//! The models of the crates `cyclonedx-bom` and `spdx-rs` as [`Sbom`], for build tools that make a document and attest it in one
//! process. Each is written as its own crate writes it, and read as any document is: what holds for files holds here, but that
//! diagnostics are not returned.

use std::io;

use super::error::SbomError;
use super::limits::Limits;
use crate::model::sbom::Sbom;

/// As the crate writes it, in CycloneDX 1.5.
///
/// ```
/// use cyclonedx_bom::models::bom::Bom;
/// use trust_sbom::Sbom;
/// let sbom = Sbom::try_from(&Bom::default())?;
/// assert_eq!(sbom.components().len(), 0);
/// # Ok::<(), trust_sbom::SbomError>(())
/// ```
#[cfg(feature = "cyclonedx-bom")]
impl TryFrom<&cyclonedx_bom::models::bom::Bom> for Sbom {
    type Error = SbomError;

    fn try_from(bom: &cyclonedx_bom::models::bom::Bom) -> Result<Self, SbomError> {
        let mut text = Vec::new();
        bom.clone().output_as_json_v1_5(&mut text).map_err(not_written)?;
        Ok(Self::read(&*text, &Limits::default())?.0)
    }
}

/// As the crate writes it, in JSON.
///
/// ```
/// use spdx_rs::models::SPDX;
/// use trust_sbom::Sbom;
/// let sbom = Sbom::try_from(&SPDX::new("shop"))?;
/// assert_eq!(sbom.header().name.as_deref(), Some("shop"));
/// # Ok::<(), trust_sbom::SbomError>(())
/// ```
#[cfg(feature = "spdx-rs")]
impl TryFrom<&spdx_rs::models::SPDX> for Sbom {
    type Error = SbomError;

    fn try_from(document: &spdx_rs::models::SPDX) -> Result<Self, SbomError> {
        let text = serde_json::to_vec(document).map_err(not_written)?;
        Ok(Self::read(&*text, &Limits::default())?.0)
    }
}

fn not_written(problem: impl std::error::Error + Send + Sync + 'static) -> SbomError {
    SbomError::Read { problem: format!("the model cannot be written: {}", io::Error::other(problem)) }
}
