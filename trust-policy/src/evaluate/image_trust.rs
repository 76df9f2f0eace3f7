//! Rules about what supply chains attest: bills of materials, scan reports, provenance.

mod origin;
mod sbom;
mod vulnerabilities;

use trust_core::{Digest, Pattern, PinnedImage, Reasons, Statement, UnixTime};
use trust_sbom::{Answer, Limits, Predicate, PredicateKind};

use super::image_rule::{Signed, SignedStatement, Wanted, What};
use super::judged::judged;
use super::{Evaluation, image_config};
use crate::expression::Scope;
use crate::kubernetes::resource::{ContainerImage, ContainerKind};
use crate::policy::image_trust::ImageTrust;
use crate::policy::mode::Mode;
use crate::policy::policy_set::Requirement;
use crate::policy::signer::AttestorSet;
use crate::verdict::reason::ReasonCode;
use crate::verdict::{Explanation, VerifiedImage};

/// Images below one another of which something is demanded.
const MAX_BASES: usize = 3;
/// Violations that are named one by one.
const MAX_NAMED: usize = 20;

/// A document that a trusted signer attests, or why it cannot be read.
struct Document {
    signer: String,
    statement: Statement,
    content: Result<Predicate, String>,
}

/// What is asked of one image.
struct Asked<'a> {
    image: &'a PinnedImage,
    /// What is there, or may be, and cannot be read.
    unknown: Vec<Explanation>,
    signed: &'a dyn Fn(What<'_>, &AttestorSet) -> Signed,
    now: UnixTime,
}

impl Evaluation<'_> {
    pub(super) fn image_trust(
        &mut self,
        trust: &ImageTrust,
        images: &[ContainerImage],
        scope: &Scope,
    ) -> Vec<(Mode, Explanation)> {
        let mode = trust.mode.of(self.request);
        let about: Vec<_> = images.iter().filter(|image| trust.is_about(image)).collect();
        about
            .into_iter()
            .map(|image| (self.mode_on(mode, image), self.trusted_image(trust, image, scope, 0)))
            .collect()
    }

    fn trusted_image(
        &mut self,
        trust: &ImageTrust,
        image: &ContainerImage,
        scope: &Scope,
        depth: usize,
    ) -> Explanation {
        let check = format!("{image}, image `{}`", image.image);
        let mut causes = Vec::new();
        if !trust.registries.is_empty() {
            let is_allowed = trust.registries.iter().any(|one| one.matches(&image.image) == Ok(true));
            let expected: Vec<_> = trust.registries.iter().map(ToString::to_string).collect();
            causes.push(match is_allowed {
                true => Explanation::pass("registries", "comes from where it may"),
                false => {
                    let message = format!("found `{}`, expected {}", image.image, expected.join(" or "));
                    Explanation::fail("registries", ReasonCode::Form, message)
                }
            });
        }
        if trust.attestors().next().is_none() && trust.image.is_none() && !trust.pins_digest {
            return summed(check, &trust.path, None, image, causes);
        }
        let (pinned, evidence) = match self.pinned(image) {
            Ok(found) => found,
            Err((code, message)) => {
                return Explanation::fail(check, code, message).about(image, None).because(causes);
            }
        };
        let artifacts = self.parsed(image);
        let signed = |what: What<'_>, set: &AttestorSet| {
            let wanted = Wanted { image: &pinned, evidence, artifacts: &artifacts, scope, what };
            self.attestor_set(&wanted, set)
        };
        if let Some(set) = &trust.signatures {
            causes.push(signed(What::Signature, set).explanation);
        }
        for demand in &trust.attestations {
            let what = match demand.max_age {
                Some(max_age) => What::Young(&demand.predicate_type, max_age),
                None => What::Type(&demand.predicate_type, None),
            };
            causes.push(signed(what, &demand.attestors).explanation);
        }
        let unknown =
            Wanted { image: &pinned, evidence, artifacts: &artifacts, scope, what: What::Signature }
                .unknown();
        let asked = Asked { image: &pinned, unknown, signed: &signed, now: self.now };
        causes.extend(trust.sbom.as_ref().map(|demand| asked.sbom(demand)));
        causes.extend(trust.vulnerabilities.as_ref().map(|demand| asked.vulnerabilities(demand)));
        causes.extend(trust.provenance.as_ref().map(|demand| asked.provenance(demand)));
        causes.extend(trust.summary.as_ref().map(|demand| asked.summary(demand)));
        causes.extend(
            trust
                .image
                .as_ref()
                .map(|demand| image_config::judge(demand, pinned.digest(), self.evidence, self.now)),
        );
        if let Some(policy) = trust.image.as_ref().and_then(|image| image.base_policy.as_ref()) {
            causes.push(self.base(policy, pinned.digest(), scope, depth));
        }
        let digest = pinned.digest().clone();
        let names_digest = pinned.reference().digest().is_some();
        let pin = super::kyverno_pin(&pinned);
        if causes.iter().all(Explanation::holds) {
            if trust.pins_digest && !names_digest && image.is_written {
                self.pins.insert(image.pointer.clone(), pin);
            }
            if trust.attestors().next().is_some() {
                let verified = VerifiedImage { image: image.image.clone(), digest: digest.clone() };
                self.images.insert(image.image.clone(), verified);
            }
        }
        summed(check, &trust.path, Some(&digest), image, causes)
    }
}

impl Evaluation<'_> {
    /// Whether the image below another one satisfies a policy of the set.
    fn base(&mut self, policy: &str, image: &Digest, scope: &Scope, depth: usize) -> Explanation {
        let check = format!("base, by policy `{policy}`");
        let fail = |code, message: String| Explanation::fail(check.clone(), code, message);
        if depth == MAX_BASES {
            return fail(
                ReasonCode::Unresolved,
                format!("is the base of a base more than {MAX_BASES} times"),
            );
        }
        let policies = self.policies;
        let named = policies.policies().iter().filter(|one| one.name == policy).flat_map(|one| &one.rules);
        let mut named = named.filter_map(|rule| match &rule.requirement {
            Requirement::Trust(trust) => Some(trust),
            _ => None,
        });
        let Some(trust) = named.next() else {
            return fail(ReasonCode::Unresolved, "there is no such `ImageTrustPolicy`".to_owned());
        };
        let bases = self.evidence.bases_of(image);
        let [base] = &bases[..] else {
            return fail(
                ReasonCode::Condition,
                format!("found {} bases, expected the image to name one", bases.len()),
            );
        };
        let base =
            ContainerImage::new(ContainerKind::Custom, "base".to_owned(), String::new(), base.clone(), false);
        if !trust.is_about(&base) {
            return fail(
                ReasonCode::Condition,
                format!("found `{}`, which the policy is not about", base.image),
            );
        }
        let digest = match self.pinned(&base) {
            Ok((pinned, _)) => pinned.digest().clone(),
            Err((code, message)) => return fail(code, format!("`{}`: {message}", base.image)),
        };
        if let Err(problem) = image_config::stands_on(image, &digest, self.evidence) {
            return fail(ReasonCode::Condition, problem);
        }
        let satisfied = self.trusted_image(trust, &base, scope, depth + 1);
        judged(&check, vec![satisfied])
    }
}

fn summed(
    check: String,
    path: &str,
    digest: Option<&Digest>,
    image: &ContainerImage,
    causes: Vec<Explanation>,
) -> Explanation {
    let as_digest = digest.map_or_else(String::new, |digest| format!(" as `{digest}`"));
    let explanation = match causes.iter().find_map(|cause| cause.code) {
        Some(code) => Explanation::fail(check, code, format!("does not satisfy `{path}`{as_digest}")),
        None => Explanation::pass(check, format!("satisfies `{path}`{as_digest}")),
    };
    explanation.about(image, digest).because(causes)
}

/// An answer that must be "no".
fn must_not(check: &str, answer: &Answer, what: &str) -> Explanation {
    match answer {
        Answer::No => Explanation::pass(check, format!("no {what}")),
        Answer::Yes => Explanation::fail(check, ReasonCode::Condition, what),
        Answer::Unknown(reason) => {
            Explanation::fail(check, ReasonCode::Unresolved, format!("cannot be determined: {reason}"))
        }
    }
}

/// Some of many, for a message.
fn some(mut items: Vec<String>) -> String {
    let more = items.len().saturating_sub(MAX_NAMED);
    items.truncate(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", items.join("; "))
}

impl Asked<'_> {
    /// Whether enough trusted signers attest documents of a kind, and the documents.
    fn documents(&self, kind: PredicateKind, set: &AttestorSet) -> (Explanation, Vec<Document>) {
        let signed = (self.signed)(What::Kind(kind), set);
        let read = |one: SignedStatement| {
            let content = read(&one.statement);
            Document { signer: one.signer, statement: one.statement, content }
        };
        (signed.explanation, signed.statements.into_iter().map(read).collect())
    }

    /// Whether enough trusted signers attest, each of them, a document that satisfies.
    fn satisfying(
        &self,
        path: &str,
        kind: PredicateKind,
        set: &AttestorSet,
        judge: &dyn Fn(&Result<Predicate, String>) -> Explanation,
    ) -> Explanation {
        let judge = |statement: &Statement| judge(&read(statement));
        judged(path, vec![(self.signed)(What::Satisfying(kind, &judge), set).explanation])
    }
}

fn read(statement: &Statement) -> Result<Predicate, String> {
    Predicate::of(statement, &Limits::default()).map_err(|error| Reasons(&error).to_string())
}

/// Why a document is not what its type says.
fn unreadable(check: &str, content: &Result<Predicate, String>) -> Explanation {
    let problem = match content {
        Ok(_) => "is another document than its type says",
        Err(problem) => problem,
    };
    Explanation::fail(check, ReasonCode::Malformed, problem)
}

/// A text that one of the patterns must match, if there are any.
fn one_text(check: &str, patterns: &[Pattern], found: Option<&str>) -> Explanation {
    if patterns.is_empty() || found.is_some_and(|found| patterns.iter().any(|pattern| pattern.matches(found)))
    {
        return Explanation::pass(check, format!("is `{}`", found.unwrap_or_default()));
    }
    let expected: Vec<_> = patterns.iter().map(ToString::to_string).collect();
    let found = found.map_or_else(|| "nothing".to_owned(), |found| format!("`{found}`"));
    Explanation::fail(
        check,
        ReasonCode::Condition,
        format!("found {found}, expected {}", expected.join(" or ")),
    )
}
