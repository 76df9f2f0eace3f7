//! [`evaluate`]: from policies, a request and evidence to a verdict. A pure function of its arguments.
//!
//! | file | holds |
//! |---|---|
//! | `image_content` | what images say about themselves |
//! | `scope`, `image_extractor` | what a rule's expressions can refer to; the images of a resource, for one rule |
//! | `notation_checks` | what the checks of the Notary Project's signatures found, for verdicts |
//! | `proof` | what an artifact must prove, and what it does; [`ArtifactError`](crate::ArtifactError) |
//! | `sigstore_signature`, `notation_signature` | the two kinds of signatures |
//! | `signed_artifact` | signatures and attestations, in whichever form they were stored |
//! | `age` | how old something is allowed to be |
//! | `signers`, `image_config` | who signed an image and what they attested; what it says about itself |
//! | `image_rule` | rules about images |
//! | `validation_rule` | what expressions in CEL say |
//! | `own_check` | what embedders ask themselves |
//! | `resource_rule` | the form of a resource |
//! | `requirements` | [`PolicySet::requirements`]: what to fetch |

pub(crate) mod image_content;
mod scope;

mod image_extractor;

mod notation_checks;

pub(crate) mod proof;

mod notation_signature;
mod sigstore_signature;

pub(crate) mod signed_artifact;

mod age;

mod image_config;
mod signers;

mod image_rule;
mod own_check;
pub(crate) mod resource_rule;
mod validation_rule;

pub(crate) mod requirements;

use core::cell::RefCell;
use core::ptr;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use trust_core::{PinnedImage, UnixTime};
use trust_sbom::Answer;

use self::resource_rule::FormRule;
use self::scope::Scopes;
use self::signers::Parsed;
use crate::evaluate::proof::Answers;
use crate::evidence::{Evidence, ImageEvidence};
use crate::expression::{Scope, Unresolved};
use crate::kubernetes::image_pattern;
use crate::kubernetes::request::{Before, Request};
use crate::kubernetes::resource::ContainerImage;
use crate::policy::mode::Mode;
use crate::policy::policy_set::{Exception, Policy, PolicySet, Requirement, Rule, Uncovered};
use crate::trust::Trust;
use crate::verdict::reason::ReasonCode;
use crate::verdict::{
    Decision, Explanation, GrantedException, Outcome, PatchOperation, RuleVerdict, UncoveredImage, Verdict,
    VerifiedImage,
};

/// Judges a request by every policy that is about it.
///
/// A signed time is at most the [clock tolerance](crate::TrustOptions::clock_tolerance_millis) after `now`; of the rest only
/// expressions about the time depend on the clock. Missing evidence denies.
#[must_use]
pub fn evaluate(
    policies: &PolicySet,
    request: &Request,
    evidence: &Evidence,
    trust: &Trust,
    now: UnixTime,
) -> Verdict {
    let mut evaluation = Evaluation::new(policies, request, evidence, trust, now);
    let mut rules: Vec<RuleVerdict> = Vec::new();
    // The kinds of rules of which the current policy had one that judged.
    let (mut current, mut applied) = (None, BTreeSet::new());
    let mut has_judged_form = false;
    let mut unverified = Vec::new();
    for (policy, rule, answer) in policies.rules_for(request) {
        // Policies of several namespaces may share a name.
        if !current.replace(policy).is_some_and(|last| ptr::eq(last, policy)) {
            applied.clear();
        }
        let kind = RuleKind::of(rule);
        if policy.first_rule_only && applied.contains(&kind) {
            continue;
        }
        let verdict = evaluation.rule(policy, rule, answer);
        if verdict.outcome != Outcome::Skip {
            applied.insert(kind);
            has_judged_form |= kind == RuleKind::Form;
        }
        unverified.push((core::mem::take(&mut evaluation.unverified), evaluation.every_image.take()));
        rules.push(verdict);
    }
    // Whichever rule verifies or judges an image, it counts for all.
    for (rule, (images, every_image)) in rules.iter_mut().zip(unverified) {
        evaluation.require_verified(rule, images);
        evaluation.require_judged(rule, every_image);
    }
    let is_denied = |rule: &RuleVerdict| rule.outcome == Outcome::Fail && rule.mode == Mode::Enforce;
    let uncovered = evaluation.uncovered(has_judged_form);
    let denies_uncovered = !uncovered.is_empty() && policies.uncovered() == Uncovered::Deny;
    let decision = match denies_uncovered || rules.iter().any(is_denied) {
        true => Decision::Deny,
        false => Decision::Allow,
    };
    let pins = if decision == Decision::Deny { BTreeMap::new() } else { evaluation.pins };
    Verdict {
        decision,
        resource: request.resource.id().clone(),
        rules,
        uncovered,
        images: evaluation.images.into_values().collect(),
        patch: pins
            .into_iter()
            .map(|(path, value)| PatchOperation { op: "replace".into(), path, value })
            .collect(),
    }
}

/// The kinds of rules of which `applyRules: One` takes one each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RuleKind {
    Images,
    Form,
    Check,
}

impl RuleKind {
    fn of(rule: &Rule) -> Self {
        match rule.requirement {
            Requirement::Images { .. } => Self::Images,
            Requirement::Form { .. } => Self::Form,
            Requirement::Validations(ref rule) if rule.asks_about_images() => Self::Images,
            Requirement::Validations(_) => Self::Form,
            Requirement::Check(_) => Self::Check,
        }
    }
}

struct Evaluation<'a> {
    policies: &'a PolicySet,
    request: &'a Request,
    evidence: &'a Evidence,
    trust: &'a Trust,
    now: UnixTime,
    /// What an update found there.
    before: Before,
    /// What was answered about revocation, with what came of it.
    answers: Answers<'a>,
    /// What was found on each image, parsed once.
    parsed: RefCell<BTreeMap<&'a str, Rc<Parsed<'a>>>>,
    scopes: Scopes<'a>,
    /// By JSON pointer: the image with the digest that was verified.
    pins: BTreeMap<String, String>,
    images: BTreeMap<String, VerifiedImage>,
    /// JSON pointers to the images that a rule about images judged, or passed over by name.
    covered: BTreeSet<String>,
    /// Images that some expression verified.
    verified: BTreeSet<String>,
    /// Those that some expression must verify for the rule that is being judged.
    unverified: Vec<(Mode, ContainerImage)>,
    /// What it does if an image is judged by no rule, where the rule that is being judged wants every image to be.
    every_image: Option<Mode>,
}

/// What a rule says about the request.
enum Judged {
    /// It is about nothing in it, for this reason.
    Skipped(Box<Explanation>),
    /// What was found, and what each violation does.
    Found(Vec<(Mode, Explanation)>),
}

impl<'a> Evaluation<'a> {
    fn new(
        policies: &'a PolicySet,
        request: &'a Request,
        evidence: &'a Evidence,
        trust: &'a Trust,
        now: UnixTime,
    ) -> Self {
        Self {
            policies,
            request,
            evidence,
            answers: Answers::of(evidence),
            trust,
            now,
            before: Before::of(request),
            parsed: RefCell::default(),
            scopes: Scopes::new(request, now),
            pins: BTreeMap::new(),
            images: BTreeMap::new(),
            covered: BTreeSet::new(),
            verified: BTreeSet::new(),
            unverified: Vec::new(),
            every_image: None,
        }
    }

    /// The images that would run and that nothing judged. In a set without rules about images one about the form does.
    fn uncovered(&self, has_judged_form: bool) -> Vec<UncoveredImage> {
        let is_about_images = |rule: &Rule| RuleKind::of(rule) == RuleKind::Images;
        let has_image_rules =
            self.policies.policies().iter().flat_map(|policy| &policy.rules).any(is_about_images);
        if self.policies.uncovered() == Uncovered::Allow
            || !self.request.starts_images()
            || self.before.is_being_deleted(self.request)
            || !has_image_rules && has_judged_form
        {
            return Vec::new();
        }
        let unjudged =
            self.unjudged().filter(|image| self.policies.blocks_unchanged() || !self.before.has(image));
        unjudged
            .map(|image| UncoveredImage {
                container: image.to_string(),
                name: image.container.clone(),
                image: image.image.clone(),
                pointer: image.pointer.clone(),
            })
            .collect()
    }

    /// The images that no rule about images judged, or passed over by name.
    fn unjudged(&self) -> impl Iterator<Item = &ContainerImage> {
        let is_allowed = |image: &ContainerImage| {
            image.forms().is_some_and(|forms| {
                self.policies.allowed_images().iter().any(|pattern| pattern.passes_over(forms))
            })
        };
        let images = self.request.resource.images().iter();
        images.filter(move |image| !self.covered.contains(&image.pointer) && !is_allowed(image))
    }

    /// Where a rule wants every image to be judged: those that none judged.
    fn require_judged(&self, rule: &mut RuleVerdict, every_image: Option<Mode>) {
        let Some(mode) = every_image.filter(|_| self.request.starts_images()) else { return };
        for image in self.unjudged() {
            let check = format!("{image}, image `{}`", image.image);
            let message = "found no rule about images that judges it, expected one (`everyImage: judged`)";
            let unjudged = Explanation::fail(check, ReasonCode::Form, message).about(image, None);
            rule.add_violation(self.mode_on(mode, image), unjudged);
        }
    }

    /// What a violation does on an image: one that an update leaves as it was is reported only.
    fn mode_on(&self, mode: Mode, image: &ContainerImage) -> Mode {
        match self.policies.blocks_unchanged() || !self.before.has(image) {
            true => mode,
            false => Mode::Audit,
        }
    }

    fn rule(&mut self, policy: &Policy, rule: &Rule, is_about: Answer) -> RuleVerdict {
        let strictest = match &rule.requirement {
            Requirement::Images { rules, .. } => {
                rules.iter().map(|one| one.mode.of(self.request)).max().unwrap_or(Mode::Audit)
            }
            Requirement::Form { mode, .. } => mode.of(self.request),
            Requirement::Validations(rule) => rule.mode.of(self.request),
            Requirement::Check(own) => own.mode.of(self.request),
        };
        let judged = match is_about {
            Answer::Unknown(reason) => {
                let message = format!("cannot determine whether the rule applies to the resource: {reason}");
                let explanation = Explanation::fail("match", ReasonCode::Unresolved, message);
                Judged::Found(vec![(strictest, explanation)])
            }
            _ if self.before.is_being_deleted(self.request) => {
                Judged::Skipped(Explanation::skip("operation", "the resource is being deleted").into())
            }
            _ => self.judge(policy, rule, strictest),
        };
        let (outcome, mode, explanations) = match judged {
            Judged::Skipped(explanation) => (Outcome::Skip, strictest, vec![*explanation]),
            Judged::Found(found) => {
                let violated = found.iter().filter(|(_, one)| one.fails()).map(|(mode, _)| *mode).max();
                let outcome = match violated {
                    Some(_) => Outcome::Fail,
                    None if found.iter().all(|(_, one)| one.outcome == Outcome::Skip) => Outcome::Skip,
                    None => Outcome::Pass,
                };
                (outcome, violated.unwrap_or(strictest), found.into_iter().map(|(_, one)| one).collect())
            }
        };
        RuleVerdict { policy: policy.name.clone(), rule: rule.name.clone(), mode, outcome, explanations }
    }

    fn judge(&mut self, policy: &Policy, rule: &Rule, strictest: Mode) -> Judged {
        let (scope, images) = match self.prepared(policy, rule, strictest) {
            Ok(prepared) => prepared,
            Err(judged) => return judged,
        };
        match &rule.requirement {
            Requirement::Images { rules, .. } => {
                Judged::Found(self.images(rules, &images, strictest, &scope))
            }
            Requirement::Validations(validations) => {
                self.validations(validations, rule.of_pod, &images, strictest, &scope)
            }
            Requirement::Check(own) => Judged::Found(self.own_check(own, &images, strictest)),
            Requirement::Form { message, requirement, allows_existing, .. } => {
                let form =
                    FormRule { requirement, message: message.as_ref(), allows_existing: *allows_existing };
                self.form(policy, rule, &form, strictest, &scope)
            }
        }
    }

    /// What a rule can refer to, and the images that it is about; or what it says without judging them.
    fn prepared(
        &mut self,
        policy: &Policy,
        rule: &Rule,
        strictest: Mode,
    ) -> Result<(Scope, Vec<ContainerImage>), Judged> {
        let is_excepted = self.policies.exceptions().iter().any(|one| one.conditions.is_some());
        let mut scope = self.scopes.of_rule(rule, is_excepted);
        for exception in self.policies.exceptions() {
            match self.is_excepted(exception, policy, rule, &scope) {
                Answer::Yes => {
                    let images = self.request.resource.images();
                    let covered = images.iter().filter(|image| rule.requirement.covers(image));
                    self.covered.extend(covered.map(|image| image.pointer.clone()));
                    let name = format!("{}/{}", exception.namespace, exception.name);
                    let check = format!("exception `{name}`");
                    let expires = exception.expires;
                    let granted = GrantedException { name, reason: None, owner: None, expires };
                    let mut skip = Explanation::skip(check, "the rule does not judge this").excepted(granted);
                    skip.until = expires;
                    return Err(Judged::Skipped(skip.into()));
                }
                // An exception that cannot be granted is not.
                Answer::No | Answer::Unknown(_) => {}
            }
        }
        scope::set_context(&mut scope, &rule.context, self.evidence);
        let images = match image_extractor::images(rule, self.request, &mut scope) {
            Ok(images) => images,
            Err(problem) => {
                let explanation = Explanation::fail("imageExtractors", ReasonCode::Unresolved, problem);
                return Err(Judged::Found(vec![(strictest, explanation)]));
            }
        };
        if let Some(preconditions) = &rule.preconditions {
            match preconditions.judge(&scope).holds {
                Ok(true) => {}
                Ok(false) => {
                    return Err(Judged::Skipped(Explanation::skip("preconditions", "do not hold").into()));
                }
                Err(error) => {
                    return Err(Judged::Found(vec![(strictest, unresolved("preconditions", &error))]));
                }
            }
        }
        // Which images expressions are about is known once they are evaluated.
        if !matches!(rule.requirement, Requirement::Validations(_)) {
            let covered = images.iter().filter(|image| rule.requirement.covers(image));
            self.covered.extend(covered.map(|image| image.pointer.clone()));
        }
        Ok((scope, images))
    }

    fn is_excepted(&self, exception: &Exception, policy: &Policy, rule: &Rule, scope: &Scope) -> Answer {
        if !exception.names(policy, rule, &self.request.resource) {
            return Answer::No;
        }
        let conditions = exception.conditions.as_ref().map_or(Ok(true), |one| one.judge(scope).holds);
        let conditions = conditions.map_or_else(|error| Answer::Unknown(error.to_string()), Answer::from);
        let expressions = exception
            .expressions
            .as_deref()
            .map_or(Answer::Yes, |expressions| self.conditions_hold(expressions));
        let is_over = exception.expires.is_some_and(|expires| expires <= self.now);
        Answer::all([
            exception.matches.matched.exempt(self.request),
            conditions,
            expressions,
            Answer::from(!is_over),
        ])
    }

    /// What was found on an image, parsed.
    fn parsed(&self, image: &str) -> Rc<Parsed<'a>> {
        let Some((name, evidence)) = self.evidence.images.get_key_value(image) else {
            return Rc::default();
        };
        self.parsed.borrow_mut().entry(name).or_insert_with(|| Rc::new(signers::parsed(evidence))).clone()
    }

    /// The image with the digest that it was resolved to, and what was fetched for it.
    fn pinned(
        &self,
        image: &ContainerImage,
    ) -> Result<(PinnedImage, &'a ImageEvidence), (ReasonCode, String)> {
        self.evidence.pinned(&image.image)
    }
}

/// What cannot be determined, because an expression has no value.
fn unresolved(check: &str, error: &Unresolved) -> Explanation {
    Explanation::fail(check, ReasonCode::Unresolved, error.to_string())
}

/// The image as Kyverno's `mutateDigest` writes it: `registry/repository:tag@digest`.
fn kyverno_pin(pinned: &PinnedImage) -> String {
    let reference = pinned.reference();
    let tag = reference.tag().map_or_else(String::new, |tag| format!(":{tag}"));
    format!("{}{tag}@{}", image_pattern::kyverno_name(reference), pinned.digest())
}
