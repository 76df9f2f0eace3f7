//! [`Parts`]: what both forms of envelopes have; [`EnvelopeError`]: why one is not a signature.

use thiserror::Error;

use super::attributes::{Attributes, AttributesError};
use super::chain::NotationChainError;
use super::payload::PayloadError;
use crate::key::SignatureError;
use crate::text::json::JsonError;
use crate::x509::certificate::CertificateError;

/// Envelopes with a chain of three certificates and a timestamp have some 12 KiB.
pub(super) const MAX_LEN: usize = 1 << 20;

/// What both forms of envelopes have.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) payload: Vec<u8>,
    /// What the signature is over, as received.
    pub(super) signed: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) attributes: Attributes,
    /// As it is named: by its name in JWS, by its number in COSE.
    pub(super) algorithm: String,
    /// In DER, leaf first.
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) timestamp: Option<Vec<u8>>,
    pub(super) agent: Option<String>,
}

/// An envelope is malformed, or does not verify.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It is in no form that is read.
    #[error("envelope of type `{found}` is not read, expected `application/jose+json` or `application/cose`")]
    MediaType {
        /// Its media type.
        found: String,
    },
    /// It is too long.
    #[error("envelope has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It is not the JSON that is expected.
    #[error("envelope is not a flattened JWS")]
    Json(#[from] JsonError),
    /// It is not the CBOR that is expected.
    #[error("envelope is not a tagged COSE_Sign1: {problem}")]
    Cbor {
        /// What is wrong.
        problem: String,
    },
    /// A part is malformed.
    #[error("envelope's `{part}` is malformed, expected {expected}")]
    Malformed {
        /// Which part.
        part: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// It has no certificates.
    #[error("envelope has no certificates")]
    NoCertificates,
    /// A certificate is malformed.
    #[error("certificate {index} of the envelope cannot be read")]
    Certificate {
        /// Which, from 0 on.
        index: usize,
        /// Why not.
        source: CertificateError,
    },
    /// A signed attribute is not as it must be.
    #[error("signed attributes are not as the specification requires")]
    Attributes(#[from] AttributesError),
    /// The holder of the certificate's key did not sign it.
    #[error("envelope was not signed by the key of its first certificate")]
    Signature(#[from] SignatureError),
    /// The certificates are not a chain as the specification wants it.
    #[error("certificates are not as the specification requires")]
    Chain(#[from] NotationChainError),
    /// What is signed is malformed.
    #[error("payload cannot be read")]
    Payload(#[from] PayloadError),
}
