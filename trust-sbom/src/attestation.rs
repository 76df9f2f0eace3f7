//! What attestations say.
//!
//! | file | holds |
//! |---|---|
//! | `provenance` | [`Provenance`](crate::Provenance), [`VerificationSummary`](crate::VerificationSummary): SLSA |
//! | `predicate` | [`Predicate`](crate::Predicate): the content, by the type |

pub(crate) mod provenance;

pub(crate) mod predicate;
