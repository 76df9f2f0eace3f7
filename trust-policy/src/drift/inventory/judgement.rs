//! [`Judgement`]: what came of judging what runs, and when it is to be judged again.

use std::collections::{BTreeMap, BTreeSet};

use trust_core::{Digest, UnixTime};

use crate::drift::finding::{About, FindingKind, Source};
use crate::drift::inventory::shared::{Candidate, Found, Needs, Pin, Shared};
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
    /// For which policies and trust it is asked for and not answered yet, and by which of the questions.
    asked: Option<(u64, u64)>,
    /// Whether what is known may have changed since.
    is_stale: bool,
    judged: Option<Box<Judged>>,
    /// How often in a row something could not be fetched.
    failures: u32,
    /// Whether the Pods are such that no policy can judge them.
    is_unreadable: bool,
}

/// A verdict, as far as it is needed.
#[derive(Debug)]
struct Judged {
    generation: u64,
    policies: Digest,
    trust: Digest,
    time: UnixTime,
    until: Option<UnixTime>,
    problems: Box<[Problem]>,
    /// Container and image of what no rule judged.
    uncovered: Box<[(String, String)]>,
    rows: Box<[RunningRow]>,
}

impl Judgement {
    pub(super) fn new(facts: Key, pins: Vec<Pin>) -> Self {
        Self { facts, pins, asked: None, is_stale: false, judged: None, failures: 0, is_unreadable: false }
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

    /// Whether one of these images is judged.
    pub(super) fn is_about(&self, images: &BTreeSet<Digest>) -> bool {
        let judged = self.rows().iter().filter_map(|row| row.digest.as_ref());
        self.pins.iter().map(|pin| &pin.digest).chain(judged).any(|digest| images.contains(digest))
    }

    pub(super) fn is_judged(&self) -> bool {
        self.judged.is_some() || self.is_unreadable
    }

    pub(super) fn cannot_be_read(&mut self) {
        (self.is_unreadable, self.asked) = (true, None);
    }

    /// It is asked for by this question; an earlier one is not heard any more.
    pub(super) fn is_asked(&mut self, generation: u64, ticket: u64) {
        self.asked = Some((generation, ticket));
    }

    /// Whether an answer to this is still waited for.
    pub(super) fn is_wanted(&self, asked: (u64, u64), shared: &Shared) -> bool {
        self.asked == Some(asked) && asked.0 == shared.generation
    }

    /// Takes a verdict, unless policies or trust changed since it was asked for, or it was asked for again.
    pub(super) fn answer(
        &mut self,
        verdict: &Verdict,
        asked: (u64, u64),
        shared: &Shared,
        now: UnixTime,
    ) -> bool {
        if !self.is_wanted(asked, shared) {
            return false;
        }
        self.asked = None;
        let uncovered = verdict.uncovered.iter().map(|one| (one.name.clone(), one.image.clone()));
        let problems = verdict.problems();
        let is_failed = problems.iter().any(|one| one.code == ReasonCode::NotFetched);
        self.failures = if is_failed { self.failures.saturating_add(1) } else { 0 };
        self.judged = Some(Box::new(Judged {
            generation: shared.generation,
            policies: shared.policies.clone(),
            trust: shared.trust.clone(),
            time: now,
            until: verdict.until(),
            problems: problems.into(),
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
                let period = spread(workload, settings.period_millis);
                let period = match self.failures {
                    0 => period,
                    count => settings.retry_millis.saturating_mul(1 << (count - 1).min(16)).min(period),
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
        let is_asked = self.asked.is_some_and(|(generation, _)| generation == shared.generation);
        if self.is_unreadable || is_asked && !self.is_stale || !(is_due || is_fresh) {
            return None;
        }
        self.is_stale = false;
        Some(is_fresh)
    }

    /// What is wrong by the last verdict. One by other policies or another trust than those of now opens nothing.
    pub(super) fn find(&self, admissions: &[Admission], shared: &Shared, found: &mut Found) {
        if self.is_unreadable {
            let message =
                "it cannot be judged: its containers are not where Pods have them, or too many".to_owned();
            found.unsettled.insert(Source::Verdict);
            found.add(FindingKind::Unknown, About { message, ..About::default() });
        }
        let Some(judged) = &self.judged else {
            found.unsettled.insert(Source::Verdict);
            return;
        };
        let is_pending = judged.generation != shared.generation;
        if is_pending {
            found.unsettled.insert(Source::Verdict);
        }
        for problem in &judged.problems {
            let (kind, about) = (judged.kind_of(problem, admissions), About::from(problem.clone()));
            found.candidates.push(Candidate { kind, about, is_pending });
        }
        for (container, image) in &judged.uncovered {
            let about = About {
                container: Some(container.clone()),
                image: Some(image.clone()),
                message: "no rule about images applies".to_owned(),
                ..About::default()
            };
            found.candidates.push(Candidate { kind: FindingKind::ImageNotCovered, about, is_pending });
        }
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
            (Some(container), Some(image)) => one.image(container, image).is_some(),
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
            // Its policy named the authority before and does now: what changed is what the authority says.
            Code::Revoked => FindingKind::SignerRevoked,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::record::AdmittedImage;
    use crate::policy::mode::Mode;

    /// What kind a problem of this code is, where policies and trust changed since admission or not.
    fn kind(code: ReasonCode, policies: &str, trust: &str, change: impl Fn(&mut Admission)) -> FindingKind {
        let digest = |text: &str| Digest::sha256(text.as_bytes());
        let judged = Judged {
            generation: 0,
            policies: digest(policies),
            trust: digest(trust),
            time: UnixTime::from_seconds(0),
            until: None,
            problems: Box::default(),
            uncovered: Box::default(),
            rows: Box::default(),
        };
        let problem = Problem {
            policy: "p".to_owned(),
            rule: "r".to_owned(),
            mode: Mode::Enforce,
            container: Some("c".to_owned()),
            image: Some("i:1".to_owned()),
            digest: None,
            code,
            message: String::new(),
            mismatches: Vec::new(),
            vulnerabilities: Vec::new(),
        };
        let image = AdmittedImage { container: "c".to_owned(), image: "i:1".to_owned(), digest: None };
        let mut admission = Admission {
            images: vec![image],
            passed: vec!["p/r".to_owned()],
            failed: Vec::new(),
            policies: digest("old"),
            trust: digest("old"),
            time: UnixTime::from_seconds(0),
        };
        change(&mut admission);
        judged.kind_of(&problem, &[admission])
    }

    #[test]
    fn a_kind_says_what_changed_since_admission() {
        use FindingKind as Kind;
        use ReasonCode as Code;
        // The same policies and trust, other policies, another trust.
        for (code, same, by_policies, by_trust) in [
            (Code::NotFetched, Kind::Unknown, Kind::Unknown, Kind::Unknown),
            (Code::Unresolved, Kind::Unknown, Kind::Unknown, Kind::Unknown),
            (Code::NotFound, Kind::SignatureMissing, Kind::SignatureMissing, Kind::SignatureMissing),
            (Code::WrongKey, Kind::SignatureMissing, Kind::SignerRevoked, Kind::SignatureMissing),
            (Code::WrongIdentity, Kind::SignatureMissing, Kind::SignerRevoked, Kind::SignatureMissing),
            (Code::NotTrusted, Kind::SignatureInvalid, Kind::SignatureInvalid, Kind::TrustRootChanged),
            (Code::NotInLog, Kind::SignatureInvalid, Kind::SignatureInvalid, Kind::TrustRootChanged),
            (Code::OtherImage, Kind::SignatureInvalid, Kind::SignatureInvalid, Kind::SignatureInvalid),
            (Code::Tampered, Kind::SignatureInvalid, Kind::SignatureInvalid, Kind::SignatureInvalid),
            (Code::Vulnerable, Kind::NewVulnerability, Kind::NewVulnerability, Kind::NewVulnerability),
            (Code::ScanTooOld, Kind::ScanTooOld, Kind::ScanTooOld, Kind::ScanTooOld),
            (Code::TooOld, Kind::TooOld, Kind::TooOld, Kind::TooOld),
            (Code::OtherBase, Kind::BaseOutdated, Kind::BaseOutdated, Kind::BaseOutdated),
            (Code::Condition, Kind::Violation, Kind::VerdictChanged, Kind::Violation),
            (Code::Form, Kind::Violation, Kind::VerdictChanged, Kind::Violation),
        ] {
            assert_eq!(kind(code, "old", "old", |_| {}), same, "{code:?}");
            assert_eq!(kind(code, "new", "old", |_| {}), by_policies, "{code:?}");
            assert_eq!(kind(code, "old", "new", |_| {}), by_trust, "{code:?}");
        }
        // It was violated then, too; or the rule was not there; or the image was not admitted.
        let failed = |one: &mut Admission| (one.failed, one.passed) = (vec!["p/r".to_owned()], vec![]);
        assert_eq!(kind(Code::NotFound, "new", "old", failed), Kind::Violation);
        let absent = |one: &mut Admission| one.passed = vec![];
        assert_eq!(kind(Code::NotFound, "new", "old", absent), Kind::VerdictChanged);
        assert_eq!(kind(Code::NotFound, "old", "old", absent), Kind::Violation);
        let other = |one: &mut Admission| one.images[0].image = "i:2".to_owned();
        assert_eq!(kind(Code::NotFound, "old", "old", other), Kind::Violation);
    }
}
