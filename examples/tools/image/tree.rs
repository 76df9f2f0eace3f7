//! `image tree`: what is attached to an image, by whom, since when, and whether that is verified.

use serde_json::json;
use trust_core::notation::SignatureEnvelope;
use trust_core::{CertificateIdentity, IdentityPolicy, Pattern, SignerPolicy, Verifier, VerifyError};
use trust_examples::{Format, clock, print};
use trust_policy::{Artifact, ArtifactError, Plain};
use trust_rekor::RekorLog;

use crate::verify::{logged, pretty, when};
use crate::{Given, Source, reasons};

pub(crate) fn run(source: &Source) -> Result<u8, String> {
    let now = clock()?;
    let Given { found, root } = source.fetch()?;
    let digest = match &found.digest {
        Ok(digest) => digest,
        Err(failure) => {
            eprintln!("image: {}", Plain(&failure.to_string()));
            return Ok(1);
        }
    };
    let anybody = CertificateIdentity::new(Pattern::wildcard("*"), Pattern::wildcard("*"));
    let anybody = SignerPolicy::Identity(IdentityPolicy::new([anybody]).map_err(|error| reasons(&error))?);
    let verifier = Verifier::new(&root, &RekorLog);
    let (mut text, mut all) = (format!("{} is {digest}\n", source.image.written()), Vec::new());
    for artifact in &found.artifacts {
        let kind = match artifact.unverified_attestation_type() {
            Ok(None) => "signature".to_owned(),
            Ok(Some(kind)) => format!("attestation of {kind}"),
            Err(error) => format!("unreadable: {}", reasons(&error)),
        };
        let (is_verified, by) = match artifact.verify(digest, &anybody, &verifier, now) {
            Err(ArtifactError::OtherKind { .. }) => (false, of_notation(artifact)),
            Ok(bundle) => (true, format!("by {}{}{}", bundle.signer(), when(&bundle), logged(&bundle))),
            Err(ArtifactError::Verify(VerifyError::Material { .. })) => {
                (false, "it is signed with a key: `image verify --key FILE` verifies it".to_owned())
            }
            Err(error) => (false, reasons(&error)),
        };
        let mark = if is_verified { "verified" } else { "not verified" };
        let (kind_, by_, location) = (Plain(&kind), Plain(&by), Plain(&artifact.location));
        text.push_str(&format!("├─ {kind_}\n│    {mark}: {by_}\n│    {location}\n"));
        all.push(json!({"kind": kind, "verified": is_verified, "by": by, "location": artifact.location}));
    }
    let others = found.unverified.iter().map(|one| format!("{}, {}", one.media_type, one.location));
    let others: Vec<String> = others.chain(found.notes.iter().cloned()).collect();
    for other in &others {
        text.push_str(&format!("├─ {}\n", Plain(other)));
    }
    let failures: Vec<String> = found.failures.iter().map(ToString::to_string).collect();
    for failure in &failures {
        text.push_str(&format!("├─ not fetched: {}\n", Plain(failure)));
    }
    let count = found.artifacts.len() + others.len();
    text.push_str(&format!("└─ {count} attached, {} could not be fetched\n", failures.len()));
    print(&match source.format {
        Format::Text => text,
        Format::Json => {
            pretty(&json!({"image": source.image.written(), "digest": digest.to_string(), "attached": all,
            "others": others, "failures": failures}))
        }
    })?;
    Ok(u8::from(!failures.is_empty()))
}

/// What is known of a signature of the Notary Project without a trust policy.
fn of_notation(artifact: &Artifact) -> String {
    let envelope = SignatureEnvelope::from_bytes(&artifact.media_type, &artifact.content);
    let verified = match envelope.and_then(SignatureEnvelope::verify) {
        Ok(verified) => verified,
        Err(error) => return reasons(&error),
    };
    let root = verified.certificates().last().map(ToString::to_string).unwrap_or_default();
    let name = verified.identity().map_or_else(|error| reasons(&error), |name| name.to_string());
    format!(
        "it is of the Notary Project, intact, by {name} under {root}: a trust policy says whether that is trusted"
    )
}
