//! [`Judgement`]: what came of judging what runs, and when it is to be judged again.

use std::collections::BTreeMap;

use trust_core::{Digest, UnixTime};

use crate::drift::finding::{About, FindingKind};
use crate::drift::inventory::shared::{Needs, Pin, Shared};
use crate::drift::inventory::{Key, key_of};
use crate::drift::record::{Admission, RunningRow};
use crate::kubernetes::resource::ResourceId;
use crate::verdict::problem::Problem;
use crate::verdict::reason::ReasonCode;
use crate::verdict::{Explanation, Outcome, Verdict};

/// What Pods say and run, as it is judged: once for all that say and run the same.
#[derive(Debug)]
pub(super) struct Judgement {
    pub(super) facts: Key,
    pub(super) pins: Vec<Pin>,
    /// For which policies and trust it is asked for, and not answered yet.
    asked: Option<u64>,
    /// Whether what is known may have changed since.
    is_stale: bool,
    judged: Option<Box<Judged>>,
}

/// A verdict, as far as it is needed.
#[derive(Debug)]
struct Judged {
    generation: u64,
    policies: Digest,
    trust: Digest,
    time: UnixTime,
    until: Option<UnixTime>,
    may_change_on_retry: bool,
    problems: Box<[Problem]>,
    /// Container and image of what no rule judged.
    uncovered: Box<[(String, String)]>,
    rows: Box<[RunningRow]>,
}

impl Judgement {
    pub(super) fn new(facts: Key, pins: Vec<Pin>) -> Self {
        Self { facts, pins, asked: None, is_stale: false, judged: None }
    }

    pub(super) fn key(&self) -> Key {
        let mut text = self.facts.to_vec();
        for pin in &self.pins {
            text.extend_from_slice(format!("{:?} {} {}\n", pin.kind, pin.container, pin.image).as_bytes());
        }
        key_of(&text)
    }

    pub(super) fn rows(&self) -> &[RunningRow] {
        self.judged.as_deref().map_or(&[], |judged| &judged.rows)
    }

    /// What is known may have changed: new reports, other labels of the namespace.
    pub(super) fn becomes_stale(&mut self) {
        self.is_stale = true;
    }

    /// Takes a verdict, unless policies or trust changed since it was asked for.
    pub(super) fn answer(
        &mut self,
        verdict: &Verdict,
        generation: u64,
        shared: &Shared,
        now: UnixTime,
    ) -> bool {
        if self.asked != Some(generation) || generation != shared.generation {
            return false;
        }
        self.asked = None;
        let uncovered = verdict.uncovered.iter().map(|one| (one.container.clone(), one.image.clone()));
        self.judged = Some(Box::new(Judged {
            generation,
            policies: shared.policies.clone(),
            trust: shared.trust.clone(),
            time: now,
            until: verdict.until(),
            may_change_on_retry: verdict.may_change_on_retry(),
            problems: verdict.problems().into(),
            uncovered: uncovered.collect(),
            rows: rows(verdict).into(),
        }));
        true
    }

    /// Whether it must be judged again now, and if so, whether by fresh evidence; otherwise it says when.
    pub(super) fn asks(
        &mut self,
        shared: &Shared,
        workload: &ResourceId,
        now: UnixTime,
        needs: &mut Needs,
    ) -> Option<bool> {
        let settings = &shared.settings;
        let (is_due, is_fresh) = match &self.judged {
            Some(judged) => {
                let period = match judged.may_change_on_retry {
                    true => settings.retry_millis,
                    false => spread(workload, settings.period_millis),
                };
                let period = judged.time.plus_millis(period);
                let again =
                    judged.until.map_or(period, |until| until.max(judged.time).plus_millis(1).min(period));
                if now < again {
                    needs.at(again);
                }
                (judged.generation != shared.generation, self.is_stale || now >= again)
            }
            None => (true, true),
        };
        if self.asked == Some(shared.generation) && !self.is_stale || !(is_due || is_fresh) {
            return None;
        }
        (self.asked, self.is_stale) = (Some(shared.generation), false);
        Some(is_fresh)
    }

    /// What is wrong by the last verdict; `None` if there is none.
    pub(super) fn candidates(&self, admissions: &[Admission]) -> Option<Vec<(FindingKind, About)>> {
        let judged = self.judged.as_ref()?;
        let problem = |problem: &Problem| {
            let kind = judged.kind_of(problem, admissions);
            (kind, About::from(problem.clone()))
        };
        let uncovered = |(container, image): &(String, String)| {
            let about = About {
                container: Some(container.clone()),
                image: Some(image.clone()),
                message: "no rule about images applies".to_owned(),
                ..About::default()
            };
            (FindingKind::ImageNotCovered, about)
        };
        Some(judged.problems.iter().map(problem).chain(judged.uncovered.iter().map(uncovered)).collect())
    }
}

impl Judged {
    /// What kind of finding a problem is: by its reason, and by what was so when the workload was admitted.
    fn kind_of(&self, problem: &Problem, admissions: &[Admission]) -> FindingKind {
        use ReasonCode as Code;
        if matches!(problem.code, Code::NotFetched | Code::Unresolved) {
            return FindingKind::Unknown;
        }
        let is_of = |one: &&Admission| match (&problem.container, &problem.image) {
            (Some(container), Some(image)) => one.images.iter().any(|admitted| {
                admitted.container == *container
                    && image.split('@').next() == admitted.image.split('@').next()
            }),
            _ => true,
        };
        let Some(admission) = admissions.iter().rev().find(is_of) else { return FindingKind::Violation };
        let rule = format!("{}/{}", problem.policy, problem.rule);
        let are_policies_new = admission.policies != self.policies;
        if admission.failed.contains(&rule) {
            return FindingKind::Violation;
        }
        if !admission.passed.contains(&rule) {
            return if are_policies_new { FindingKind::VerdictChanged } else { FindingKind::Violation };
        }
        match problem.code {
            Code::NotFound => FindingKind::SignatureMissing,
            Code::WrongKey | Code::WrongIdentity if are_policies_new => FindingKind::SignerRevoked,
            // Another signer's signature took the place of the one that was there.
            Code::WrongKey | Code::WrongIdentity => FindingKind::SignatureMissing,
            Code::NotTrusted | Code::NotInLog if admission.trust != self.trust => {
                FindingKind::TrustRootChanged
            }
            Code::NotTrusted | Code::NotInLog | Code::OtherImage | Code::Malformed | Code::Tampered => {
                FindingKind::SignatureInvalid
            }
            Code::Vulnerable => FindingKind::NewVulnerability,
            Code::ScanTooOld => FindingKind::ScanTooOld,
            Code::TooOld => FindingKind::TooOld,
            Code::OtherBase => FindingKind::BaseOutdated,
            _ if are_policies_new => FindingKind::VerdictChanged,
            _ => FindingKind::Violation,
        }
    }
}

/// Between half of a period and all of it: the same for one workload, and spread over all of them.
fn spread(workload: &ResourceId, period_millis: i64) -> i64 {
    let [first, second, ..] = key_of(workload.to_string().as_bytes());
    let part = i64::from(u16::from_be_bytes([first, second]));
    period_millis / 2 + (period_millis / 2).saturating_mul(part) / i64::from(u16::MAX)
}

/// What a verdict says of each container.
fn rows(verdict: &Verdict) -> Vec<RunningRow> {
    let mut rows: BTreeMap<&str, RunningRow> = BTreeMap::new();
    for rule in &verdict.rules {
        for explanation in &rule.explanations {
            let Some(image) = explanation.image.as_deref() else { continue };
            let row = rows.entry(&image.container).or_insert_with(|| RunningRow {
                container: image.container.clone(),
                ..RunningRow::default()
            });
            row.digest = row.digest.take().or_else(|| image.digest.clone());
            let rules = match explanation.outcome {
                Outcome::Pass => Some(&mut row.passed),
                Outcome::Fail => Some(&mut row.failed),
                Outcome::Skip => None,
            };
            rules.into_iter().for_each(|rules| rules.push(format!("{}/{}", rule.policy, rule.rule)));
            add_signers(explanation, row);
        }
    }
    let mut rows: Vec<_> = rows.into_values().collect();
    for row in &mut rows {
        for texts in [&mut row.passed, &mut row.failed, &mut row.signers, &mut row.sources] {
            texts.sort();
            texts.dedup();
            texts.shrink_to_fit();
        }
    }
    rows
}

fn add_signers(explanation: &Explanation, row: &mut RunningRow) {
    if let Some(signature) = explanation.signature.as_deref() {
        let issuer = signature.issuer.as_deref().unwrap_or("an unknown issuer");
        row.signers.extend(signature.key.iter().map(|key| format!("key {key}")));
        row.signers.extend(signature.subjects.iter().map(|subject| format!("{subject} by {issuer}")));
        row.sources.extend(signature.source.clone());
    }
    explanation.because.iter().for_each(|one| add_signers(one, row));
}
