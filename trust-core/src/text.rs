//! Texts, strictly read: encodings, JSON, PEM, times and patterns; and errors, shown with all their reasons.

pub mod encoding;
pub mod json;
pub mod pem;
pub(crate) mod time;

pub(crate) mod pattern;
pub(crate) mod reasons;
