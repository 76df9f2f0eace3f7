//! [`evaluate`]: from policies, a resource and evidence to a verdict. A pure function of its arguments.

use std::collections::BTreeMap;

use trust_core::{ImageRef, PinnedImage, Reasons, TrustRoot, UnixTime};

use crate::evidence::{Evidence, FailureKind, ImageEvidence};
use crate::model::{Attestor, AttestorSet, Check, ImageRequirement, Mode, Policy, PolicySet, Rule, Signer};
use crate::overlay::Overlay;
use crate::reference;
use crate::resource::{ContainerImage, Resource};
use crate::signature::{ArtifactError, ReasonCode, SignedArtifact, signer_name};
use crate::verdict::{Decision, Explanation, Outcome, PatchOperation, RuleVerdict, Verdict, VerifiedImage};

/// Judges a resource by every policy that is about it.
///
/// Signed times must not be after `now`; nothing else depends on the clock. Evidence that is missing denies.
#[must_use]
pub fn evaluate(
    policies: &PolicySet,
    resource: &Resource,
    evidence: &Evidence,
    root: &TrustRoot,
    now: UnixTime,
) -> Verdict {
    let mut evaluation =
        Evaluation { resource, evidence, root, now, pins: BTreeMap::new(), images: BTreeMap::new() };
    let rules: Vec<RuleVerdict> =
        policies.rules_for(resource).map(|(policy, rule)| evaluation.rule(policy, rule)).collect();
    let is_denied = |rule: &RuleVerdict| rule.outcome == Outcome::Fail && rule.mode == Mode::Enforce;
    let decision = if rules.iter().any(is_denied) { Decision::Deny } else { Decision::Allow };
    let pins = if decision == Decision::Deny { BTreeMap::new() } else { evaluation.pins };
    Verdict {
        decision,
        resource: resource.id().clone(),
        rules,
        images: evaluation.images.into_values().collect(),
        patch: pins.into_iter().map(|(path, value)| PatchOperation { op: "replace", path, value }).collect(),
    }
}

struct Evaluation<'a> {
    resource: &'a Resource,
    evidence: &'a Evidence,
    root: &'a TrustRoot,
    now: UnixTime,
    /// By JSON pointer: the image with the digest that was verified.
    pins: BTreeMap<String, String>,
    images: BTreeMap<String, VerifiedImage>,
}

/// An attestor set and its name, and what its signatures must be.
struct Wanted<'a> {
    set: &'a AttestorSet,
    /// The type of the attestation; `None` for a signature.
    predicate_type: Option<&'a str>,
}

impl Evaluation<'_> {
    fn rule(&mut self, policy: &Policy, rule: &Rule) -> RuleVerdict {
        let judged = match &rule.check {
            Check::Images(requirements) => self.images(requirements),
            Check::Form { mode, message, overlay, of_pod } => {
                vec![(*mode, self.form(overlay, *of_pod, message.as_deref()))]
            }
        };
        let violated = judged.iter().filter(|(_, one)| !one.holds()).map(|(mode, _)| *mode).max();
        RuleVerdict {
            policy: policy.name.clone(),
            rule: rule.name.clone(),
            mode: violated.unwrap_or(rule.check.strictest_mode()),
            outcome: match violated {
                Some(_) => Outcome::Fail,
                None if judged.is_empty() => Outcome::Skip,
                None => Outcome::Pass,
            },
            explanations: judged.into_iter().map(|(_, explanation)| explanation).collect(),
        }
    }

    fn form(&self, overlay: &Overlay, of_pod: bool, message: Option<&str>) -> Explanation {
        let pointer = if of_pod { self.resource.pod_pointer().unwrap_or_default() } else { "" };
        let deviations = overlay.deviations(self.resource.object().pointer(pointer), pointer);
        if deviations.is_empty() {
            return Explanation::pass("form", "is as demanded");
        }
        let causes = deviations.iter().map(|deviation| {
            let message = format!("found {}, expected {}", deviation.found, deviation.expected);
            Explanation::fail(deviation.pointer.clone(), ReasonCode::Form, message)
        });
        let message = message.unwrap_or("is not as demanded");
        Explanation::fail("form", ReasonCode::Form, message).because(causes.collect())
    }

    fn images(&mut self, requirements: &[ImageRequirement]) -> Vec<(Mode, Explanation)> {
        let mut judged = Vec::new();
        for image in self.resource.images() {
            for requirement in requirements.iter().filter(|one| one.is_about(&image)) {
                judged.push((requirement.mode, self.image(requirement, &image)));
            }
        }
        judged
    }

    fn image(&mut self, requirement: &ImageRequirement, image: &ContainerImage) -> Explanation {
        let check = format!("{image}, image `{}`", image.image);
        let (pinned, evidence) = match self.pinned(image) {
            Ok(found) => found,
            Err((code, message)) => {
                let sets = requirement
                    .attestors
                    .iter()
                    .chain(requirement.attestations.iter().flat_map(|one| &one.attestors));
                return Explanation::fail(check, code, message)
                    .because(sets.flat_map(unusable_keys).collect());
            }
        };
        let mut causes = Vec::new();
        let artifacts: Vec<_> = evidence
            .artifacts
            .iter()
            .map(|artifact| (artifact.location.as_str(), SignedArtifact::parse(artifact)))
            .collect();
        let signatures = requirement.attestors.iter().map(|set| Wanted { set, predicate_type: None });
        let attestations = requirement.attestations.iter().flat_map(|one| {
            let predicate_type = Some(one.predicate_type.as_str());
            one.attestors.iter().map(move |set| Wanted { set, predicate_type })
        });
        for wanted in signatures.chain(attestations) {
            causes.push(self.attestor_set(&wanted, &pinned, evidence, &artifacts));
        }
        let names_digest = pinned.reference().digest().is_some();
        if requirement.needs_digest && !requirement.pins_digest && !names_digest {
            causes.push(Explanation::fail(
                "digest",
                ReasonCode::NoDigest,
                "the image is named by tag, expected `@sha256:…`",
            ));
        }
        let path = &requirement.path;
        if let Some(code) = causes.iter().find_map(|cause| cause.code) {
            let message = format!("does not satisfy `{path}` as `{}`", pinned.digest());
            return Explanation::fail(check, code, message).because(causes);
        }
        // A requirement that names nobody pins the digest, but nothing was verified.
        if !requirement.attestors.is_empty() || !requirement.attestations.is_empty() {
            let verified = VerifiedImage { image: image.image.clone(), digest: pinned.digest().clone() };
            self.images.insert(image.image.clone(), verified);
        }
        if requirement.pins_digest && !names_digest {
            self.pins.insert(image.pointer.clone(), kyverno_pin(&pinned));
        }
        Explanation::pass(check, format!("satisfies `{path}` as `{}`", pinned.digest())).because(causes)
    }

    /// The image with the digest that it was resolved to, and what was fetched for it.
    fn pinned(&self, image: &ContainerImage) -> Result<(PinnedImage, &ImageEvidence), (ReasonCode, String)> {
        let reference: ImageRef =
            image.image.parse().map_err(|error| (ReasonCode::Malformed, Reasons(&error).to_string()))?;
        let evidence = self.evidence.images.get(&image.image).ok_or_else(|| {
            (
                ReasonCode::NotFetched,
                "nothing was fetched for it, so it is not known who signed it".to_owned(),
            )
        })?;
        if let Some(tampered) = evidence.failures.iter().find(|one| one.kind == FailureKind::Tampered) {
            return Err((
                ReasonCode::Tampered,
                format!("comes from a store that cannot be believed: {tampered}"),
            ));
        }
        let digest = evidence
            .digest
            .clone()
            .map_err(|failure| (ReasonCode::NotFetched, format!("cannot be resolved: {failure}")))?;
        let pinned = PinnedImage::new(reference, digest)
            .map_err(|error| (ReasonCode::OtherImage, Reasons(&error).to_string()))?;
        Ok((pinned, evidence))
    }

    fn attestor_set(
        &self,
        wanted: &Wanted<'_>,
        image: &PinnedImage,
        evidence: &ImageEvidence,
        artifacts: &[(&str, Result<SignedArtifact<'_>, ArtifactError>)],
    ) -> Explanation {
        let Wanted { set, predicate_type } = wanted;
        let kind = predicate_type.map_or_else(
            || "signature".to_owned(),
            |predicate_type| format!("attestation of type `{predicate_type}`"),
        );
        let is_wanted = |parsed: &Result<SignedArtifact<'_>, ArtifactError>| match parsed {
            Ok(artifact) => artifact.unverified_attestation_type() == *predicate_type,
            // It may be the wanted one: whoever reads the verdict should know that it is there.
            Err(_) => true,
        };
        let candidates: Vec<_> = artifacts.iter().filter(|(_, parsed)| is_wanted(parsed)).collect();
        let failures: Vec<_> = evidence
            .failures
            .iter()
            .map(|one| Explanation::fail(one.location.clone(), ReasonCode::NotFetched, one.problem.clone()))
            .collect();
        if candidates.is_empty() {
            let code = if failures.is_empty() { ReasonCode::NotFound } else { ReasonCode::NotFetched };
            let message = format!("found no {kind} of the image, expected {} of", set.count);
            let mut causes = failures;
            causes.extend(unusable_keys(set));
            return Explanation::fail(set.path.clone(), code, with_signers(message, set)).because(causes);
        }
        let (mut causes, mut signers) = (Vec::new(), Vec::new());
        causes.extend(unusable_keys(set));
        for attestor in &set.attestors {
            if matches!(attestor.signer, Signer::UnusableKey(_)) {
                continue;
            }
            let mut signed_by = Vec::new();
            let mut found = Vec::new();
            for (location, parsed) in &candidates {
                let verified = match parsed {
                    Ok(artifact) => artifact.verify(attestor, image.digest(), self.root, self.now),
                    Err(error) => Err(error.clone()),
                };
                match verified {
                    Ok(verified) => {
                        let signer = signer_name(verified.signer());
                        found
                            .push(Explanation::pass(format!("{kind} in {location}"), format!("by {signer}")));
                        signed_by.push(signer);
                    }
                    Err(error) => {
                        let message = format!("{}{}", Reasons(&error), remedy(&error, attestor));
                        found.push(Explanation::fail(format!("{kind} in {location}"), error.code(), message));
                    }
                }
            }
            let check = format!("{}: {}", attestor.path, attestor.signer);
            causes.push(match found.iter().find_map(|one| one.code).filter(|_| signed_by.is_empty()) {
                Some(code) => Explanation::fail(check, code, "has not signed the image").because(found),
                None => Explanation::pass(check, "has signed the image")
                    .because(found.into_iter().filter(Explanation::holds).collect()),
            });
            signers.push(signed_by);
        }
        let count = distinct_signers(&signers);
        let message = format!("{count} of {} required signers", set.count);
        if count >= set.count {
            return Explanation::pass(set.path.clone(), message).because(causes);
        }
        // One attestor's own reason says more than that the number is too small.
        let code = match (&causes[..], failures.is_empty()) {
            ([only], true) => only.code.unwrap_or(ReasonCode::TooFewSigners),
            (_, true) => ReasonCode::TooFewSigners,
            (_, false) => ReasonCode::NotFetched,
        };
        causes.extend(failures);
        Explanation::fail(set.path.clone(), code, message).because(causes)
    }
}

/// The keys of a set that cannot be read: nobody can have signed with them, whatever is found.
fn unusable_keys(set: &AttestorSet) -> Vec<Explanation> {
    let unusable = |attestor: &Attestor| match &attestor.signer {
        Signer::UnusableKey(error) => {
            let message = format!("the policy's key cannot be used: {}", Reasons(error));
            Some(Explanation::fail(attestor.path.clone(), ReasonCode::UnusablePolicy, message))
        }
        Signer::Key(_) | Signer::Identity(_) => None,
    };
    set.attestors.iter().filter_map(unusable).collect()
}

fn with_signers(message: String, set: &AttestorSet) -> String {
    let signers: Vec<_> = set.attestors.iter().map(|attestor| attestor.signer.to_string()).collect();
    format!("{message} {}", signers.join("; "))
}

/// What the policy's author can do, where the signature is good but for something that the policy may give up.
fn remedy(error: &ArtifactError, attestor: &Attestor) -> &'static str {
    match (error.code(), &attestor.signer) {
        (ReasonCode::NotInLog, Signer::Key(_)) => {
            " (a policy accepts a key's signatures that are in no log only with `rekor.ignoreTlog: true`)"
        }
        _ => "",
    }
}

/// How many attestors can be matched with signers so that no signer counts twice.
///
/// Two entries that one signer satisfies are one signer: otherwise "2 of 3" could be had from one.
fn distinct_signers(signed_by: &[Vec<String>]) -> usize {
    fn assign<'a>(
        attestor: usize,
        signed_by: &'a [Vec<String>],
        tried: &mut Vec<&'a str>,
        taken: &mut BTreeMap<&'a str, usize>,
    ) -> bool {
        for signer in signed_by.get(attestor).into_iter().flatten() {
            if tried.contains(&signer.as_str()) {
                continue;
            }
            tried.push(signer);
            let is_free = match taken.get(signer.as_str()).copied() {
                None => true,
                Some(holder) => assign(holder, signed_by, tried, taken),
            };
            if is_free {
                taken.insert(signer, attestor);
                return true;
            }
        }
        false
    }
    let mut taken = BTreeMap::new();
    (0..signed_by.len()).filter(|&attestor| assign(attestor, signed_by, &mut Vec::new(), &mut taken)).count()
}

/// The image as Kyverno's `mutateDigest` writes it: `registry/repository:tag@digest`.
fn kyverno_pin(pinned: &PinnedImage) -> String {
    let reference = pinned.reference();
    let tag = reference.tag().map_or_else(String::new, |tag| format!(":{tag}"));
    format!("{}{tag}@{}", reference::kyverno_name(reference), pinned.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(signed_by: &[&[&str]]) -> Vec<Vec<String>> {
        signed_by.iter().map(|names| names.iter().map(|name| (*name).to_owned()).collect()).collect()
    }

    #[test]
    fn one_signer_counts_once() {
        assert_eq!(distinct_signers(&names(&[&["a"], &["a"]])), 1);
        assert_eq!(distinct_signers(&names(&[&["a", "b"], &["a"]])), 2);
        assert_eq!(distinct_signers(&names(&[&["a", "b"], &["a", "b"], &["a", "b"]])), 2);
        assert_eq!(distinct_signers(&names(&[&[], &["a"]])), 1);
        assert_eq!(distinct_signers(&[]), 0);
    }
}
