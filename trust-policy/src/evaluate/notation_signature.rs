//! A signature of the Notary Project on an image: what it proves under a trust policy, check by check.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use trust_core::UnixTime;
use trust_core::internal::json;
use trust_core::notation::{Action, Check, SignatureEnvelope, TrustStores, VerifiedEnvelope};
use trust_core::revocation::RevocationQuery;

use crate::evaluate::notation_checks::{explained, signer_of};
use crate::evaluate::proof::{Answers, ArtifactError, Judging, Proof, Subject};
use crate::evidence::ImageEvidence;
use crate::policy::notation_trust::NotationTrust;
use crate::policy::policy_set::PolicySet;
use crate::policy::signer::Attestor;
use crate::verdict::VerifiedSignature;

/// Signatures of one image whose revocation is checked; notation tries as many.
const MAX_SIGNATURES: usize = 100;

/// Proves that a signer whom `signer` trusts signed this, for the image.
pub(super) fn verify(
    envelope: &SignatureEnvelope,
    signer: &NotationTrust,
    attestor: &Attestor,
    subject: Subject<'_>,
    by: Judging<'_>,
) -> Result<Proof, ArtifactError> {
    let stores = stores(signer, by.policies);
    let mut envelope = envelope.clone();
    // Its certificates come with the signature, so the root chooses the back end.
    if let Some(back_end) = by.trust.root().back_end() {
        envelope = envelope.with_back_end(back_end);
    }
    let verification = signer.statement.verify(Ok(envelope), &stores, by.answers, by.now);
    let Some(verified) = verification.envelope.as_ref().filter(|_| verification.counts()) else {
        return Err(ArtifactError::Notation { checks: verification.checks });
    };
    check_subject(verified, subject)?;
    check_annotations(&verified.artifact().annotations, &attestor.annotations)?;
    // Only a digest is signed, and no name.
    if !attestor.names.is_empty() {
        let expected = attestor.names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        return Err(ArtifactError::Name { found: Vec::new(), expected });
    }
    let signer = signer_of(verified);
    // An attacker can replace the certificates above the trusted one.
    let anchor = verification.anchor.and_then(|anchor| verified.certificates().get(anchor));
    let issuer = anchor.map(|anchor| anchor.subject());
    Ok(Proof {
        signature: VerifiedSignature::of_certificate(&signer, issuer, verification.signed),
        checks: explained(&verification.checks, Some((verified, verification.signed))),
        time: verification.signed,
        signer,
    })
}

/// What to ask about the revocation of the certificates of an image's signatures, so far as `signer` trusts them; and what was answered and
/// does not count.
pub(super) fn revocation_queries(
    image: &ImageEvidence,
    signer: &NotationTrust,
    policies: &PolicySet,
    answers: &Answers<'_>,
    now: UnixTime,
) -> (Vec<RevocationQuery>, Vec<RevocationQuery>) {
    let stores = stores(signer, policies);
    // Anyone can attach signatures: only those for this image with a trusted certificate can count, each once.
    let mut seen = BTreeSet::new();
    let once = image.artifacts.iter().filter(|one| seen.insert(&one.content));
    let envelopes = once.filter_map(|one| SignatureEnvelope::from_bytes(&one.media_type, &one.content).ok());
    let is_about = |envelope: &SignatureEnvelope| {
        let artifact = envelope.unverified_artifact().ok();
        image.digest.as_ref().ok().zip(artifact).is_some_and(|(digest, artifact)| artifact.digest == *digest)
    };
    // Where authenticity is only logged, the timestamp of an untrusted signer still matters.
    let must_be_trusted = signer.statement.actions.of(Check::Authenticity) == Action::Enforce;
    let is_trusted = |envelope: &SignatureEnvelope| {
        stores.values().any(|store| store.trusts(envelope.unverified_certificates()))
    };
    let envelopes = envelopes
        .filter(|envelope| is_about(envelope) && (!must_be_trusted || is_trusted(envelope)))
        .take(MAX_SIGNATURES);
    let (mut unasked, mut refused) = (Vec::new(), Vec::new());
    for envelope in envelopes {
        let verification = signer.statement.verify(Ok(envelope), &stores, answers, now);
        unasked.extend(verification.unasked);
        refused.extend(verification.refused);
    }
    (unasked, refused)
}

/// The trust stores that a signer names: its own, and those of the set.
fn stores(signer: &NotationTrust, policies: &PolicySet) -> TrustStores {
    let named = signer.statement.stores.iter();
    let found = named.filter_map(|key| {
        let store = signer.stores.get(key).or_else(|| policies.trust_stores().get(key));
        Some((key.clone(), store?.clone()))
    });
    found.collect()
}

/// Proves that the signature is for this manifest: digest, size and media type, as notation does.
fn check_subject(verified: &VerifiedEnvelope, subject: Subject<'_>) -> Result<(), ArtifactError> {
    let artifact = verified.artifact();
    if artifact.digest != *subject.image {
        let (found, expected) = (artifact.digest.clone(), subject.image.clone());
        return Err(ArtifactError::OtherImage { found, expected });
    }
    let no_manifest = || ArtifactError::NoManifest { image: subject.image.clone() };
    let manifest = subject.manifest.ok_or_else(no_manifest)?;
    Ok(artifact.check(manifest.as_bytes(), &media_type_of(manifest))?)
}

/// The media type that an index or manifest states, which it may omit in the OCI's formats
/// ([image manifest](https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md#image-manifest-property-descriptions)).
fn media_type_of(manifest: &str) -> String {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Written {
        media_type: Option<String>,
        manifests: Option<serde::de::IgnoredAny>,
    }
    let written: Written = json::from_slice(manifest.as_bytes()).unwrap_or_default();
    written.media_type.unwrap_or_else(|| match written.manifests {
        Some(_) => "application/vnd.oci.image.index.v1+json".to_owned(),
        None => "application/vnd.oci.image.manifest.v1+json".to_owned(),
    })
}

/// Proves that the signature has these annotations.
fn check_annotations(
    found: &BTreeMap<String, String>,
    wanted: &[(String, String)],
) -> Result<(), ArtifactError> {
    match wanted.iter().find(|(name, value)| found.get(name) != Some(value)) {
        None => Ok(()),
        Some((name, expected)) => Err(ArtifactError::Annotation {
            name: name.clone(),
            found: found.get(name).cloned(),
            expected: expected.clone(),
        }),
    }
}
