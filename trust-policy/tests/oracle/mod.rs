//! Rows of Kyverno's answers: how they are judged here, and where the answers differ on purpose.

pub(crate) mod judge;
pub(crate) mod ledger;
