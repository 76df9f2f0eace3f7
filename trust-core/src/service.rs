//! What signers ask services for, without asking: requests and answers as bytes.

pub(crate) mod fulcio;
pub(crate) mod signing_config;
