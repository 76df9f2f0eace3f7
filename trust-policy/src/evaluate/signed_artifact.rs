//! [`SignedArtifact`]: a signature or attestation on an image, in whichever form it was stored.

use trust_core::notation::{COSE_MEDIA_TYPE, JWS_MEDIA_TYPE, SignatureEnvelope};
use trust_core::{Digest, SignerPolicy, Statement, UnixTime, VerifiedBundle, Verifier};

use crate::evaluate::notation_signature;
use crate::evaluate::proof::{ArtifactError, Judging, Proof, Subject};
use crate::evaluate::sigstore_signature::SigstoreSignature;
use crate::evidence::Artifact;
use crate::policy::signer::{Attestor, Signer};
use crate::verdict::VerifiedSignature;

/// A signature or attestation, parsed. It proves nothing yet.
pub(crate) enum SignedArtifact<'a> {
    /// As Sigstore's tools make it.
    Sigstore(Box<SigstoreSignature<'a>>),
    /// As the Notary Project's tools make it.
    Notation(Box<SignatureEnvelope>),
}

/// Which tools make a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    Sigstore,
    Notary,
}

impl Maker {
    /// Whose signatures count for this signer.
    pub(crate) fn of(signer: &Signer) -> Self {
        match signer {
            Signer::Notation(_) => Self::Notary,
            _ => Self::Sigstore,
        }
    }

    /// Who makes artifacts of this media type.
    pub(crate) fn of_media_type(media_type: &str) -> Self {
        match media_type {
            JWS_MEDIA_TYPE | COSE_MEDIA_TYPE => Self::Notary,
            _ => Self::Sigstore,
        }
    }

    /// It is found where the other's signature is wanted.
    fn instead_of(self, wanted: Self) -> ArtifactError {
        ArtifactError::OtherKind { found: self.name(), expected: wanted.name() }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sigstore => "Sigstore",
            Self::Notary => "the Notary Project",
        }
    }
}

impl<'a> SignedArtifact<'a> {
    pub(crate) fn parse(artifact: &'a Artifact) -> Result<Self, ArtifactError> {
        Ok(match Maker::of_media_type(&artifact.media_type) {
            Maker::Notary => Self::Notation(Box::new(SignatureEnvelope::from_bytes(
                &artifact.media_type,
                &artifact.content,
            )?)),
            Maker::Sigstore => Self::Sigstore(Box::new(SigstoreSignature::parse(artifact)?)),
        })
    }

    /// The type of the attestation; `None` for a signature on the image itself.
    pub(crate) fn unverified_attestation_type(&self) -> Option<&str> {
        match self {
            Self::Sigstore(signature) => signature.unverified_attestation_type(),
            Self::Notation(_) => None,
        }
    }

    /// The attestation; `None` for a signature over something else.
    pub(crate) fn unverified_statement(&self) -> Option<&Statement> {
        match self {
            Self::Sigstore(signature) => signature.unverified_statement(),
            Self::Notation(_) => None,
        }
    }

    /// Proves that `attestor` signed this, and that it is about the image.
    pub(crate) fn verify(
        &self,
        attestor: &Attestor,
        subject: Subject<'_>,
        by: Judging<'_>,
    ) -> Result<Proof, ArtifactError> {
        match (self, &attestor.signer) {
            (Self::Notation(envelope), Signer::Notation(signer)) => {
                notation_signature::verify(envelope, signer, attestor, subject, by)
            }
            (Self::Sigstore(signature), signer) if Maker::of(signer) == Maker::Sigstore => {
                let verified = signature.verify(attestor, subject.image, by.trust, by.now)?;
                Ok(Proof {
                    signer: verified.signer().to_string(),
                    time: verified.times().iter().map(|time| time.time()).min(),
                    signature: VerifiedSignature::of(&verified, self.unverified_attestation_type()),
                    checks: Vec::new(),
                })
            }
            (found, wanted) => {
                let found = match found {
                    Self::Sigstore(_) => Maker::Sigstore,
                    Self::Notation(_) => Maker::Notary,
                };
                Err(found.instead_of(Maker::of(wanted)))
            }
        }
    }
}

impl Artifact {
    /// Proves that `signer` signed this, and that it is about `image`: in each form in which cosign stores signatures and
    /// attestations. Signatures of the Notary Project are judged [otherwise](trust_core::notation). It does not prove what an attestation says to be true, only who says it.
    ///
    /// # Errors
    /// If it is malformed, does not verify, or is about something else.
    pub fn verify(
        &self,
        image: &Digest,
        signer: &SignerPolicy,
        verifier: &Verifier<'_>,
        now: UnixTime,
    ) -> Result<VerifiedBundle, ArtifactError> {
        match Maker::of_media_type(&self.media_type) {
            Maker::Sigstore => SigstoreSignature::parse(self)?.prove(image, signer, verifier, now),
            Maker::Notary => Err(Maker::Notary.instead_of(Maker::Sigstore)),
        }
    }

    /// The type of the attestation as it says itself; `None` for a signature on the image itself.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn unverified_attestation_type(&self) -> Result<Option<String>, ArtifactError> {
        Ok(SignedArtifact::parse(self)?.unverified_attestation_type().map(str::to_owned))
    }
}
