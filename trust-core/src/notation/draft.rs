//! [`EnvelopeDraft`]: an envelope before it is signed.

use core::fmt;

use coset::CoseSign1;

use super::attributes::{Algorithm, Said};
use super::chain;
use super::envelope::{SignatureEnvelope, VerifiedEnvelope};
use super::parts::EnvelopeError;
use super::payload::TargetArtifact;
use super::{COSE_MEDIA_TYPE, JWS_MEDIA_TYPE, cose, jws};
use crate::key::SignatureScheme;
use crate::text::time::UnixTime;
use crate::timestamp::token_of;
use crate::x509::certificate::Certificate;

/// The form of an envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvelopeForm {
    /// JSON, as notation writes it unless it is told otherwise.
    #[default]
    Jws,
    /// CBOR.
    Cose,
}

impl EnvelopeForm {
    /// The media type of envelopes of this form.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jws => JWS_MEDIA_TYPE,
            Self::Cose => COSE_MEDIA_TYPE,
        }
    }
}

/// An envelope of the scheme `notary.x509` before it is signed: what must be signed, and how.
///
/// The signature may come from a key in memory, in a token or in a service.
#[derive(Clone)]
pub struct EnvelopeDraft {
    unsigned: Unsigned,
    certificates: Vec<Certificate>,
    scheme: SignatureScheme,
}

/// What is signed, in either form.
#[derive(Clone)]
enum Unsigned {
    Jws(jws::Unsigned),
    Cose(Box<CoseSign1>),
}

impl EnvelopeDraft {
    /// An envelope about an artifact, for a signer with these certificates, leaf first and root last. Times are whole seconds in envelopes.
    ///
    /// # Errors
    /// If the certificates are not as the specification requires, or their key signs nothing in it.
    pub fn new(
        form: EnvelopeForm,
        artifact: &TargetArtifact,
        certificates: Vec<Certificate>,
        signing_time: UnixTime,
        expiry: Option<UnixTime>,
    ) -> Result<Self, EnvelopeError> {
        let leaf = certificates.first().ok_or(EnvelopeError::NoCertificates)?;
        let algorithm = Algorithm::of_key(leaf.public_key().algorithm())?;
        chain::check(&certificates)?;
        let whole = |time: UnixTime| UnixTime::from_seconds(time.as_millis().div_euclid(1000));
        let said = Said { signing_time: whole(signing_time), expiry: expiry.map(whole) };
        let payload = artifact.to_payload();
        let unsigned = match form {
            EnvelopeForm::Jws => Unsigned::Jws(jws::Unsigned::new(&algorithm, said, &payload)),
            EnvelopeForm::Cose => Unsigned::Cose(Box::new(cose::unsigned(&algorithm, said, payload))),
        };
        Ok(Self { unsigned, certificates, scheme: algorithm.scheme })
    }

    /// By which scheme it is signed. ECDSA is two numbers of the same length, one after the other.
    #[must_use]
    pub fn scheme(&self) -> SignatureScheme {
        self.scheme
    }

    /// The message to sign, not its digest.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        match &self.unsigned {
            Unsigned::Jws(unsigned) => unsigned.message(),
            Unsigned::Cose(unsigned) => unsigned.tbs_data(&[]),
        }
    }

    /// The envelope with its signature, a timestamp over the signature as the authority returned it, and the signing software's name, which
    /// are not signed. Its signature and chain are verified; whether the root is trusted and the timestamp counts is not.
    ///
    /// # Errors
    /// If the signature is not by the first certificate's key, or the timestamp is malformed.
    pub fn seal(
        &self,
        signature: &[u8],
        timestamp: Option<&[u8]>,
        agent: &str,
    ) -> Result<(Vec<u8>, VerifiedEnvelope), EnvelopeError> {
        let timestamp = timestamp.map(token_of).transpose().map_err(|_| EnvelopeError::Malformed {
            part: "timestamp",
            expected: "a timestamp token, or an answer with one",
        })?;
        let (form, bytes) = match &self.unsigned {
            Unsigned::Jws(unsigned) => {
                (EnvelopeForm::Jws, unsigned.seal(signature, &self.certificates, timestamp, agent))
            }
            Unsigned::Cose(unsigned) => (
                EnvelopeForm::Cose,
                cose::seal((**unsigned).clone(), signature, &self.certificates, timestamp, agent)?,
            ),
        };
        let verified = SignatureEnvelope::from_bytes(form.media_type(), &bytes)?.verify()?;
        Ok((bytes, verified))
    }
}

impl fmt::Debug for EnvelopeDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvelopeDraft").field("certificates", &self.certificates).finish_non_exhaustive()
    }
}
