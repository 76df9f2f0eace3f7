//! Requests to signing services, and their answers, as bytes.

pub(crate) mod fulcio;
pub(crate) mod signing_config;
