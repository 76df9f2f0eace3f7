//! [`Problem`]: one thing that is wrong with a resource, flat, with what a person or a program needs to act on it.

use serde::{Deserialize, Serialize};
use trust_core::Digest;

use crate::policy::mode::Mode;
use crate::verdict::plain::Plain;
use crate::verdict::reason::{Mismatch, ReasonCode};
use crate::verdict::{Explanation, FoundVulnerability, RuleVerdict, Verdict};

/// Reasons of one problem that its message names.
const MAX_REASONS: usize = 20;

/// One thing that is wrong with a resource: one requirement of one rule that one image, or the resource itself, does not satisfy.
/// It says what the tree of a [`Verdict`] says, without the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Problem {
    /// The policy.
    pub policy: String,
    /// Its rule.
    pub rule: String,
    /// What a violation does.
    pub mode: Mode,
    /// The container, if it concerns an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The image as written, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What was judged, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What kind of reason it has.
    pub code: ReasonCode,
    /// The reasons, in words; one line.
    pub message: String,
    /// What was found and what is required, such as the signer, where two things were compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mismatches: Vec<Mismatch>,
    /// The vulnerabilities that are forbidden, where some are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vulnerabilities: Vec<FoundVulnerability>,
}

impl Verdict {
    /// Everything that is wrong, whether or not it denies, in the order of the policies. Images that no rule judged are in
    /// [`uncovered`](Self::uncovered).
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let explained =
            self.violations().flat_map(|rule| rule.explanations.iter().map(move |one| (rule, one)));
        explained.filter(|(_, one)| one.fails()).flat_map(|(rule, one)| of_explanation(rule, one)).collect()
    }
}

/// Of an image each requirement that fails; of the resource itself what fails.
fn of_explanation(rule: &RuleVerdict, explanation: &Explanation) -> Vec<Problem> {
    let failing: Vec<_> = explanation.because.iter().filter(|one| one.fails()).collect();
    if explanation.image.is_none() || failing.is_empty() {
        return of_requirement(rule, explanation, explanation);
    }
    failing.into_iter().flat_map(|cause| of_requirement(rule, explanation, cause)).collect()
}

/// One requirement may fail for reasons that different people mend: a scan that is too old and a vulnerability that it found.
fn of_requirement(rule: &RuleVerdict, about: &Explanation, cause: &Explanation) -> Vec<Problem> {
    let (apart, together): (Vec<_>, Vec<_>) =
        cause.reasons().into_iter().partition(|one| one.code.is_some_and(stands_alone));
    let mut groups: Vec<(ReasonCode, Vec<&Explanation>)> = Vec::new();
    for (code, reason) in apart.into_iter().filter_map(|one| Some((one.code?, one))) {
        match groups.iter_mut().find(|(other, _)| *other == code) {
            Some((_, reasons)) => reasons.push(reason),
            None => groups.push((code, vec![reason])),
        }
    }
    if let Some(first) = together.first() {
        let own = cause.code.filter(|code| !stands_alone(*code) && *code != ReasonCode::TooFewSigners);
        groups.push((own.or(first.code).unwrap_or(ReasonCode::Condition), together));
    }
    let problem = |(code, reasons): (ReasonCode, Vec<&Explanation>)| {
        let image = about.image.as_deref();
        Problem {
            policy: rule.policy.clone(),
            rule: rule.rule.clone(),
            mode: rule.mode,
            container: image.map(|one| one.container.clone()),
            image: image.map(|one| one.image.clone()),
            digest: image.and_then(|one| one.digest.clone()),
            code,
            message: message(&reasons),
            mismatches: reasons.iter().filter_map(|one| one.mismatch.as_deref().cloned()).collect(),
            vulnerabilities: reasons.iter().flat_map(|one| one.vulnerabilities.iter().cloned()).collect(),
        }
    };
    groups.into_iter().map(problem).collect()
}

fn stands_alone(code: ReasonCode) -> bool {
    use ReasonCode::{NotFetched, OtherBase, ScanTooOld, TooOld, Unresolved, Vulnerable};
    matches!(code, Vulnerable | TooOld | ScanTooOld | OtherBase | NotFetched | Unresolved)
}

fn message(reasons: &[&Explanation]) -> String {
    let line = |one: &&Explanation| format!("{}: {}", Plain(&one.check), Plain(&one.message));
    let mut lines: Vec<String> = reasons.iter().take(MAX_REASONS).map(line).collect();
    if let Some(more) = reasons.len().checked_sub(MAX_REASONS).filter(|more| *more > 0) {
        lines.push(format!("and {more} more"));
    }
    lines.join("; ")
}
