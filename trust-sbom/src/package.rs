//! Names of packages, their versions, and ranges of versions.
//!
//! | file | holds |
//! |---|---|
//! | `percent` | percent-encoding |
//! | `version` | [`VersionScheme`](crate::VersionScheme): the order of versions, one ecosystem a file |
//! | `cpe`, `purl` | [`Cpe`](crate::Cpe), [`Purl`](crate::Purl) |
//! | `vers` | [`Vers`](crate::Vers): ranges |

pub(crate) mod percent;

pub(crate) mod version;

pub(crate) mod cpe;
pub(crate) mod purl;
pub(crate) mod vers;
