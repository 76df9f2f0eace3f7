//! Questions about SBOMs.
//!
//! | file | holds |
//! |---|---|
//! | `query` | [`Sbom::find`](crate::Sbom::find) and [`Sbom::exposure`](crate::Sbom::exposure) |
//! | `advisory` | [`Advisory`](crate::Advisory): which versions are affected, by OSV |
//! | `profile` | [`Profile`](crate::Profile): whether a document says what NTIA, CISA or BSI require |
//! | `compare` | [`Sbom::diff`](crate::Sbom::diff) and [`Sbom::merge`](crate::Sbom::merge) |

pub(crate) mod query;

pub(crate) mod advisory;
pub(crate) mod profile;

pub(crate) mod compare;
