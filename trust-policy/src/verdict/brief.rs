//! [`Brief`]: a verdict in a few lines: each image that a rule judged, and below it the reasons of its failures and what did
//! not count.

use core::fmt;

use crate::policy::mode::Mode;
use crate::verdict::plain::Plain;
use crate::verdict::{Explanation, JudgedImage, Outcome, RuleVerdict, Verdict};

/// Reasons of one violation, and findings that do not count, that are printed.
const MAX_REASONS: usize = 20;

/// A verdict in a few lines. The [`Verdict`] itself prints the whole tree of why.
#[derive(Clone, Copy, Debug)]
pub struct Brief<'a>(&'a Verdict);

impl Verdict {
    /// The verdict in a few lines: each image that a rule judged, the reasons of failures, the findings that do not count, and the
    /// rules that an exception or a precondition kept from judging. Rules that hold for a resource as a whole are left out.
    #[must_use]
    pub fn brief(&self) -> Brief<'_> {
        Brief(self)
    }
}

impl Explanation {
    /// The reasons of a failure: the ends of its tree.
    pub(crate) fn reasons(&self) -> Vec<&Self> {
        let causes: Vec<_> = self.because.iter().filter(|one| one.fails()).flat_map(Self::reasons).collect();
        if causes.is_empty() { vec![self] } else { causes }
    }

    /// What was left out, such as a finding that a VEX document answers: the skipped nodes of its tree.
    fn left_out(&self) -> Vec<&Self> {
        let skips = |one: &&Self| one.outcome == Outcome::Skip;
        self.because
            .iter()
            .flat_map(|one| Some(one).filter(skips).into_iter().chain(one.left_out()))
            .collect()
    }
}

/// What all rules say of one container; of the resource itself where there is none.
struct Judged<'a> {
    image: Option<&'a JudgedImage>,
    said: Vec<(&'a RuleVerdict, &'a Explanation)>,
}

impl<'a> Judged<'a> {
    fn of(verdict: &'a Verdict) -> Vec<Self> {
        let mut judged: Vec<Self> = Vec::new();
        for (rule, one) in
            verdict.rules.iter().flat_map(|rule| rule.explanations.iter().map(move |one| (rule, one)))
        {
            let image = one.image.as_deref();
            let name = |image: Option<&'a JudgedImage>| image.map(|image| (&image.container, &image.image));
            match judged.iter_mut().find(|judged| name(judged.image) == name(image)) {
                Some(judged) => {
                    // Only some rules ask what a name stands for.
                    if image.is_some_and(|image| image.digest.is_some()) {
                        judged.image = image;
                    }
                    judged.said.push((rule, one));
                }
                None => judged.push(Self { image, said: vec![(rule, one)] }),
            }
        }
        judged
    }

    /// It fails if anything fails, and is skipped if everything is.
    fn outcome(&self) -> Outcome {
        let is = |outcome| self.said.iter().any(|(_, one)| one.outcome == outcome);
        match (is(Outcome::Fail), is(Outcome::Pass)) {
            (true, _) => Outcome::Fail,
            (_, true) => Outcome::Pass,
            _ => Outcome::Skip,
        }
    }

    fn failures(&self) -> impl Iterator<Item = &(&'a RuleVerdict, &'a Explanation)> {
        self.said.iter().filter(|(_, one)| one.fails())
    }
}

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(verdict) = self;
        verdict.fmt_heading(f)?;
        for judged in Judged::of(verdict) {
            let outcome = judged.outcome();
            let indent = if judged.image.is_some() { 4 } else { 2 };
            if let Some(image) = judged.image {
                let (container, written) = (Plain(&image.container), Plain(&image.image));
                write!(f, "\n  [{outcome}] {container}: {written}")?;
                if let Some(digest) = &image.digest {
                    write!(f, " as {}", Plain(&digest.to_string()))?;
                }
            }
            // A rule that did not judge the resource, because of an exception or its preconditions, says so.
            for (rule, one) in
                judged.said.iter().filter(|(_, one)| one.image.is_none() && one.outcome == Outcome::Skip)
            {
                write!(f, "\n  [{}] ", one.outcome)?;
                fmt_line(f, rule, "", one)?;
            }
            for (rule, failure) in judged.failures() {
                fmt_reasons(f, rule, failure, indent)?;
            }
            for (rule, one) in &judged.said {
                fmt_lines(f, rule, &one.left_out(), indent)?;
            }
        }
        Ok(())
    }
}

fn fmt_reasons(
    f: &mut fmt::Formatter<'_>,
    rule: &RuleVerdict,
    failure: &Explanation,
    indent: usize,
) -> fmt::Result {
    // What a policy says of a resource in its own words stands at the top of the tree.
    let own = failure.image.is_none() && !failure.because.is_empty();
    let reasons: Vec<_> = own.then_some(failure).into_iter().chain(failure.reasons()).collect();
    fmt_lines(f, rule, &reasons, indent)
}

fn fmt_lines(
    f: &mut fmt::Formatter<'_>,
    rule: &RuleVerdict,
    lines: &[&Explanation],
    indent: usize,
) -> fmt::Result {
    let is_violated = rule.outcome == Outcome::Fail && rule.mode != Mode::Enforce;
    let only = if is_violated { " (reported only)" } else { "" };
    for one in lines.iter().take(MAX_REASONS) {
        write!(f, "\n{:indent$}", "")?;
        fmt_line(f, rule, only, one)?;
    }
    match lines.len().saturating_sub(MAX_REASONS) {
        0 => Ok(()),
        more => {
            let (policy, name) = (Plain(&rule.policy), Plain(&rule.rule));
            write!(f, "\n{:indent$}{policy}/{name}{only}: and {more} more", "")
        }
    }
}

fn fmt_line(f: &mut fmt::Formatter<'_>, rule: &RuleVerdict, only: &str, one: &Explanation) -> fmt::Result {
    let (policy, name) = (Plain(&rule.policy), Plain(&rule.rule));
    write!(f, "{policy}/{name}{only}: {}: {}", Plain(&one.check), Plain(&one.message))
}
