//! Certificates, the paths that they make, the authorities that issue them, and whom they are about.
//!
//! | file | holds |
//! |---|---|
//! | `certificate` | [`Certificate`](crate::Certificate), read strictly |
//! | `chain` | [`verify_path`](crate::verify_path): the rules of RFC 5280 |
//! | `authority` | [`Authority`](crate::Authority): an anchor, and when it is trusted |
//! | `identity` | [`Identity`](crate::Identity): whom a certificate is about |

pub(crate) mod certificate;
pub(crate) mod chain;

pub(crate) mod authority;
pub(crate) mod identity;
