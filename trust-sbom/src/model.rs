//! What documents say, whatever their format: the parts and how they hang together, their licenses, what is wrong with them.
//!
//! | file | holds |
//! |---|---|
//! | `diagnostic` | [`Diagnostics`](crate::Diagnostics): what is odd |
//! | `license` | [`LicenseClaim`](crate::LicenseClaim): who says which license; [`LicensePolicy`](crate::LicensePolicy) |
//! | `component`, `relationship` | [`Component`](crate::Component), [`Relationship`](crate::Relationship) |
//! | `vex_statement` | [`VexStatement`](crate::VexStatement): whether a vulnerability affects a product |
//! | `finding` | [`Finding`](crate::Finding): a vulnerability in a component, its ratings, its fix |
//! | `sbom` | [`Sbom`](crate::Sbom) |

pub(crate) mod diagnostic;
pub(crate) mod license;

pub(crate) mod component;
pub(crate) mod relationship;

pub(crate) mod vex_statement;

pub(crate) mod finding;

pub(crate) mod sbom;
