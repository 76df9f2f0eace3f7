//! [`SigstoreSignature`]: a signature or attestation as Sigstore's tools store it.

use trust_core::cosign::{self, SimpleSigning};
use trust_core::{
    Bundle, Content, Digest, ManagedKey, Signed, SignerPolicy, Statement, StatementSubject, UnixTime,
    VerifiedBundle, Verifier, VerifyError,
};

use crate::evaluate::proof::ArtifactError;
use crate::evidence::Artifact;
use crate::kubernetes::image_pattern::ReferencePattern;
use crate::policy::signer::{Attestor, Signer};
use crate::trust::Trust;

/// A signature or attestation by a key or an identity, parsed. It proves nothing yet.
pub(crate) struct SigstoreSignature<'a> {
    bundle: Bundle,
    /// The payload that names the manifest, in the form of cosign 1 and 2.
    payload: Option<(&'a [u8], SimpleSigning)>,
    statement: Option<Statement>,
}

impl<'a> SigstoreSignature<'a> {
    pub(crate) fn parse(artifact: &'a Artifact) -> Result<Self, ArtifactError> {
        let (bundle, payload) = match artifact.media_type.as_str() {
            cosign::SIMPLE_SIGNING_MEDIA_TYPE => {
                let payload = SimpleSigning::from_json(&artifact.content)?;
                (cosign::signature_bundle(&artifact.annotations)?, Some((&artifact.content[..], payload)))
            }
            cosign::ENVELOPE_MEDIA_TYPE => {
                (cosign::attestation_bundle(&artifact.content, &artifact.annotations)?, None)
            }
            other if other.starts_with(cosign::BUNDLE_MEDIA_TYPE_PREFIX) => {
                (Bundle::from_json(&artifact.content)?, None)
            }
            other => return Err(ArtifactError::MediaType { found: other.to_owned() }),
        };
        let statement = match bundle.unverified_content() {
            Content::Envelope(envelope) => {
                Some(Statement::from_json(envelope.payload()).map_err(VerifyError::from)?)
            }
            Content::Message { .. } => None,
        };
        Ok(Self { bundle, payload, statement })
    }

    /// The type of the attestation; `None` for a signature on the image itself.
    ///
    /// cosign 3 signs images by an attestation of its own type, which counts as a signature.
    pub(crate) fn unverified_attestation_type(&self) -> Option<&str> {
        let statement = self.statement.as_ref()?;
        Some(statement.predicate_type())
            .filter(|predicate_type| *predicate_type != cosign::SIGN_PREDICATE_TYPE)
    }

    /// The attestation; `None` for a signature over something else.
    pub(crate) fn unverified_statement(&self) -> Option<&Statement> {
        self.statement.as_ref()
    }

    /// Proves that the signature has the annotations that are wanted.
    fn check_annotations(&self, wanted: &[(String, String)], image: &Digest) -> Result<(), ArtifactError> {
        let own = self.payload.as_ref().map(|(_, payload)| payload.annotations());
        let subjects = self.statement.iter().flat_map(Statement::subjects);
        let subjects: Vec<_> = subjects.filter(|subject| subject.digests().contains(image)).collect();
        for (name, expected) in wanted {
            let of_subjects = subjects.iter().filter_map(|subject| subject.annotation(name));
            let found: Vec<_> =
                own.and_then(|own| own.get(name)).cloned().into_iter().chain(of_subjects).collect();
            if !found.iter().any(|value| value.as_str() == Some(expected)) {
                let found = found
                    .first()
                    .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                return Err(ArtifactError::Annotation {
                    name: name.clone(),
                    found,
                    expected: expected.clone(),
                });
            }
        }
        Ok(())
    }

    /// Proves that the signature names the image as is wanted: names are signed with the digest, though nothing makes them true.
    fn check_names(&self, wanted: &[ReferencePattern], image: &Digest) -> Result<(), ArtifactError> {
        let own = self.payload.as_ref().map(|(_, payload)| payload.docker_reference());
        let subjects = self.statement.iter().flat_map(Statement::subjects);
        let subjects =
            subjects.filter(|subject| subject.digests().contains(image)).map(StatementSubject::name);
        let found: Vec<&str> = own.into_iter().chain(subjects).filter(|name| !name.is_empty()).collect();
        let is_wanted = |name: &&str| wanted.iter().any(|pattern| pattern.matches(name) == Ok(true));
        if wanted.is_empty() || found.iter().any(is_wanted) {
            return Ok(());
        }
        Err(ArtifactError::Name {
            found: found.into_iter().map(str::to_owned).collect(),
            expected: wanted.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
        })
    }

    /// Proves that `attestor` signed this, and that it is about `image`.
    pub(crate) fn verify(
        &self,
        attestor: &Attestor,
        image: &Digest,
        trust: &Trust,
        now: UnixTime,
    ) -> Result<VerifiedBundle, ArtifactError> {
        let policy = match &attestor.signer {
            Signer::Key(key) => SignerPolicy::Key(key.as_ref().clone().into()),
            Signer::Certificate(certificate) => SignerPolicy::Key(
                ManagedKey::new(certificate.public_key().clone()).with_validity(certificate.validity()),
            ),
            Signer::Identity(policy) => SignerPolicy::Identity(policy.clone()),
            Signer::UnusableKey(error) => return Err(error.clone().into()),
            Signer::Some(_)
            | Signer::KeysOf(_)
            | Signer::KeyInSecret(_)
            | Signer::Notation(_)
            | Signer::Unsupported(_) => {
                return Err(ArtifactError::Unsupported { signer: attestor.signer.to_string() });
            }
        };
        let own = attestor.roots.as_ref().map(|roots| roots.instead_of(trust.root()));
        let mut verifier = trust.verifier(own.as_ref().unwrap_or(trust.root()));
        if !attestor.needs_log_entry {
            verifier = verifier.accepting_signatures_in_no_transparency_log();
        }
        if !attestor.needs_certificate_log {
            verifier = verifier.accepting_certificates_in_no_transparency_log();
        }
        if attestor.needs_timestamp {
            verifier = verifier.with_timestamp_threshold(trust.options().timestamp_authorities.max(1));
        }
        let verified = self.prove(image, &policy, &verifier, now)?;
        self.check_annotations(&attestor.annotations, image)?;
        self.check_names(&attestor.names, image)?;
        Ok(verified)
    }

    /// Proves that `signer` signed this, and that it is about `image`.
    pub(super) fn prove(
        &self,
        image: &Digest,
        signer: &SignerPolicy,
        verifier: &Verifier<'_>,
        now: UnixTime,
    ) -> Result<VerifiedBundle, ArtifactError> {
        let signed = match &self.payload {
            Some((bytes, _)) => Signed::Message(bytes),
            None => Signed::Digest(image),
        };
        let verified = verifier.verify(&self.bundle, signed, signer, now)?;
        // The signature is over the payload; the payload must be about this image.
        if let Some((_, payload)) = &self.payload
            && payload.manifest_digest() != image
        {
            return Err(ArtifactError::OtherImage {
                found: payload.manifest_digest().clone(),
                expected: image.clone(),
            });
        }
        Ok(verified)
    }
}
