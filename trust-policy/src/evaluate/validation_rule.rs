//! What expressions in CEL say of a request and its images
//! ([evaluation](https://kyverno.io/docs/policy-types/image-validating-policy/)).
//!
//! Expressions are evaluated twice: once to learn what they ask for, when nothing is fetched yet, and once to judge.
//!
//! | file | holds |
//! |---|---|
//! | `bindings` | what the names of expressions stand for |
//! | `questions` | what expressions ask for: signatures, attestations, objects |

mod bindings;
mod questions;

use core::cell::LazyCell;
use std::collections::BTreeSet;

use trust_core::{ImageRef, UnixTime};
use trust_sbom::Answer;

use self::bindings::{Bindings, RequestObjects};
use self::questions::{Unanswered, Verification};
use super::{Evaluation, Judged, Scopes};
use crate::cel::value::{Failure, Value};
use crate::evidence::Evidence;
use crate::expression::Scope;
use crate::expression::budget::Budget;
use crate::kubernetes::object_name::ObjectName;
use crate::kubernetes::request::Request;
use crate::kubernetes::resource::ContainerImage;
use crate::policy::mode::Mode;
use crate::policy::validation::{NamedExpression, Validation, ValidationRule};
use crate::verdict::reason::ReasonCode;
use crate::verdict::{Explanation, RuleVerdict, VerifiedImage};

/// What expressions ask for.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) images: BTreeSet<String>,
    /// Images whose own manifests and configurations are asked for.
    pub(super) documents: BTreeSet<String>,
    pub(super) objects: BTreeSet<ObjectName>,
}

/// What must be fetched so that the expressions of a rule can be evaluated.
pub(super) fn requirements(
    rule: &ValidationRule,
    request: &Request,
    of_pod: bool,
    images: &[ContainerImage],
    evidence: &Evidence,
    budget: &Budget,
    now: UnixTime,
) -> Asked {
    let objects = RequestObjects::of(request, of_pod);
    let questions = Unanswered::new(evidence, budget);
    let mut bindings = Bindings::new(&objects, &questions, budget, now);
    if let Ok(Some(_)) = bindings.unmet(&rule.conditions) {
        return Asked::default();
    }
    let selected = bindings.select_images(&rule.images, images).unwrap_or_default();
    bindings.bind_rule(rule);
    bindings.bind_variables(rule);
    for attestor in rule.images.attestors.iter().filter_map(|one| one.key.as_ref()) {
        let _ = bindings.evaluate(attestor);
    }
    for validation in &rule.validations {
        let _ = bindings.evaluate(&validation.expression);
        validation.message_expression.iter().for_each(|message| {
            let _ = bindings.evaluate(message);
        });
    }
    let mut asked = questions.asked.take();
    let all: Vec<String> = selected.into_iter().map(|image| image.image).collect();
    // What an expression asks for after it failed is not known, so all images are meant.
    if rule.asks_image_data() {
        asked.documents.extend(all.iter().cloned());
        asked.images.extend(all.iter().cloned());
    }
    if !rule.images.attestors.is_empty() || rule.images.pins_digest {
        asked.images.extend(all);
    }
    asked
}

impl Evaluation<'_> {
    /// Whether expressions over the request hold.
    pub(super) fn conditions_hold(&self, conditions: &[NamedExpression]) -> Answer {
        let objects = RequestObjects::of(self.request, false);
        let questions = Unanswered::new(self.evidence, self.scopes.budget());
        let bindings = Bindings::new(&objects, &questions, self.scopes.budget(), self.now);
        match bindings.unmet(conditions) {
            Ok(unmet) => Answer::from(unmet.is_none()),
            Err(failure) => Answer::Unknown(failure.to_string()),
        }
    }

    pub(super) fn validations(
        &mut self,
        rule: &ValidationRule,
        of_pod: bool,
        images: &[ContainerImage],
        mode: Mode,
        scope: &Scope,
    ) -> Judged {
        let objects = RequestObjects::of(self.request, of_pod);
        let questions = Verification::new(self, rule, scope);
        let mut bindings = Bindings::new(&objects, &questions, self.scopes.budget(), self.now);
        match bindings.unmet(&rule.conditions) {
            Ok(None) => {}
            Ok(Some(name)) => {
                return Judged::Skipped(
                    Explanation::skip(format!("condition `{name}`"), "does not hold").into(),
                );
            }
            Err(failure) => return Judged::Found(vec![(mode, undetermined("matchConditions", &failure))]),
        }
        let selected = match prepare(rule, &mut bindings, &questions, images) {
            Ok(selected) => selected,
            Err(failure) => return Judged::Found(vec![(mode, undetermined("images", &failure))]),
        };
        let mut found = self.digests(rule, &selected, mode);
        let violated_before = LazyCell::new(|| self.validations_violated_before(rule, of_pod, scope));
        found
            .extend(self.in_order(rule, &bindings, &questions, mode, &|path| violated_before.contains(path)));
        let verified = questions.into_verified();
        self.conclude(rule, selected, &found, &verified, mode);
        Judged::Found(found)
    }

    /// What is wrong with how images are named.
    fn digests(
        &self,
        rule: &ValidationRule,
        images: &[ContainerImage],
        mode: Mode,
    ) -> Vec<(Mode, Explanation)> {
        let judge = |image: &ContainerImage| {
            let check = format!("{image}, image `{}`", image.image);
            let fail = |code, message: String| Explanation::fail(&check, code, message).about(image, None);
            let names_digest = image.image.parse::<ImageRef>().ok().map(|image| image.digest().is_some());
            let explanation = match (names_digest, rule.images.pins_digest && image.is_written) {
                (Some(true), _) => return None,
                (None, _) => fail(ReasonCode::Malformed, "is not an image reference".to_owned()),
                (Some(false), true) => match self.pinned(image) {
                    Ok(_) => return None,
                    Err((code, message)) => fail(code, message),
                },
                (Some(false), false) if rule.images.needs_digest => {
                    fail(ReasonCode::NoDigest, "the image is named by tag, expected `@sha256:…`".to_owned())
                }
                (Some(false), false) => return None,
            };
            Some((self.mode_on(mode, image), explanation))
        };
        images.iter().filter_map(judge).collect()
    }

    /// The validations up to the first one that does not hold.
    fn in_order<'e>(
        &self,
        rule: &'e ValidationRule,
        bindings: &Bindings<'e>,
        questions: &Verification<'_, '_>,
        mode: Mode,
        was_violated: &dyn Fn(&str) -> bool,
    ) -> Vec<(Mode, Explanation)> {
        let mut found = Vec::new();
        // What variables ask for is not the first validation's.
        questions.take_causes();
        for validation in &rule.validations {
            let holds = bindings.holds(&validation.expression);
            let causes = questions.take_causes();
            let is_true = holds == Ok(true);
            let is_old = !is_true && was_violated(&validation.path);
            let mode = if is_old { Mode::Audit } else { mode };
            let explanation = match holds {
                Ok(true) => Explanation::pass(&validation.path, "holds"),
                Ok(false) => violated(validation, bindings, &causes),
                Err(failure) => {
                    let code = causes.iter().find_map(|one| one.code).unwrap_or(ReasonCode::Unresolved);
                    let message = format!("cannot determine whether it holds: {failure}");
                    Explanation::fail(&validation.path, code, message)
                }
            };
            // What the message asks for is no cause.
            questions.take_causes();
            found.push((mode, explanation.because(causes)));
            // What is reported only must not keep the others from being judged.
            if !is_true && !is_old {
                break;
            }
        }
        found
    }

    /// The validations that did not hold before an update that leaves every image as it was; of anything else, none. Where they do not hold
    /// now, that is reported only.
    fn validations_violated_before(
        &self,
        rule: &ValidationRule,
        of_pod: bool,
        scope: &Scope,
    ) -> BTreeSet<String> {
        let images = self.request.resource.images();
        let before = self.before.request.as_ref().filter(|_| self.before.has_all(images));
        let Some(before) = before.filter(|_| !self.policies.blocks_unchanged()) else {
            return BTreeSet::new();
        };
        let mut evaluation = Evaluation::new(self.policies, before, self.evidence, self.trust, self.now);
        evaluation.scopes = Scopes::new(before, self.now).with_budget(self.scopes.budget());
        let objects = RequestObjects::of(before, of_pod);
        let questions = Verification::new(&evaluation, rule, scope);
        let mut bindings = Bindings::new(&objects, &questions, self.scopes.budget(), self.now);
        let is_judged = bindings.unmet(&rule.conditions) == Ok(None);
        if prepare(rule, &mut bindings, &questions, before.resource.images()).is_err() {
            return BTreeSet::new();
        }
        let mut violated = BTreeSet::new();
        for one in rule.validations.iter().filter(|_| is_judged) {
            if !matches!(bindings.holds(&one.expression), Ok(true) | Err(Failure::Exhausted)) {
                violated.insert(one.path.clone());
            }
        }
        violated
    }

    /// Notes what was judged, verified and pinned.
    fn conclude(
        &mut self,
        rule: &ValidationRule,
        images: Vec<ContainerImage>,
        found: &[(Mode, Explanation)],
        verified: &BTreeSet<String>,
        mode: Mode,
    ) {
        let holds = found.iter().all(|(_, explanation)| explanation.holds());
        if rule.asks_about_images() {
            self.covered.extend(images.iter().map(|image| image.pointer.clone()));
        }
        self.verified.extend(verified.iter().cloned());
        // What is reported only releases no image that is new.
        let is_denied = found.iter().any(|(mode, one)| !one.holds() && *mode == Mode::Enforce);
        if !is_denied && rule.images.needs_signature {
            let mode_on = |image: &ContainerImage| (self.mode_on(mode, image), image.clone());
            self.unverified = images.iter().map(mode_on).collect();
        }
        for image in images {
            let Ok((pinned, _)) = self.pinned(&image) else { continue };
            if holds && verified.contains(&image.image) {
                let one = VerifiedImage { image: image.image.clone(), digest: pinned.digest().clone() };
                self.images.insert(image.image.clone(), one);
            }
            let is_new = !self.before.has(&image) && !self.request.is_made_by_controller();
            let names_digest = pinned.reference().digest().is_some();
            if holds && rule.images.pins_digest && !names_digest && image.is_written && is_new {
                self.pins.insert(image.pointer.clone(), super::kyverno_pin(&pinned));
            }
        }
    }

    /// Images that some expression must have verified, once all rules were judged.
    pub(super) fn require_verified(&self, rule: &mut RuleVerdict, images: Vec<(Mode, ContainerImage)>) {
        for (mode, image) in images {
            if self.verified.contains(&image.image) {
                continue;
            }
            let check = format!("{image}, image `{}`", image.image);
            let message = "no expression verified a signature or an attestation of it";
            let explanation = Explanation::fail(check, ReasonCode::NotFound, message).about(&image, None);
            rule.add_violation(mode, explanation);
        }
    }
}

/// Selects the images that a rule is about, and binds what its expressions refer to.
fn prepare<'e>(
    rule: &'e ValidationRule,
    bindings: &mut Bindings<'e>,
    questions: &Verification<'e, '_>,
    images: &[ContainerImage],
) -> Result<Vec<ContainerImage>, Failure> {
    let selected = bindings.select_images(&rule.images, images)?;
    questions.select(&selected);
    bindings.bind_rule(rule);
    questions.bind_keys(bindings);
    bindings.bind_variables(rule);
    Ok(selected)
}

/// What the policy's author says about a violation.
fn violated<'e>(validation: &'e Validation, bindings: &Bindings<'e>, causes: &[Explanation]) -> Explanation {
    let of_expression = validation.message_expression.as_ref().and_then(|one| match bindings.evaluate(one) {
        Ok(Value::Text(text)) => Some(text.to_string()),
        _ => None,
    });
    let message = of_expression.or_else(|| validation.message.clone());
    let message = message.unwrap_or_else(|| format!("`{}` does not hold", validation.expression));
    let code = causes.iter().find_map(|one| one.code).unwrap_or(ReasonCode::Condition);
    Explanation::fail(&validation.path, code, message)
}

fn undetermined(check: &str, failure: &Failure) -> Explanation {
    let message = format!("cannot determine whether the rule applies: {failure}");
    Explanation::fail(check, ReasonCode::Unresolved, message)
}
