//! What attestations say.
//!
//! | file | holds |
//! |---|---|
//! | `provenance` | [`Provenance`](crate::Provenance), [`VerificationSummary`](crate::VerificationSummary): SLSA |
//! | `predicate` | [`Predicate`](crate::Predicate): the content, by the type |
//! | `format` | [`DocumentFormat`](crate::DocumentFormat): formats of embedders |

pub(crate) mod provenance;

pub(crate) mod predicate;

pub(crate) mod format;
