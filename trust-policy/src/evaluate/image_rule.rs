//! Rules about images: where they come from, who signed them, what is attested about them, what they say about themselves.
//!
//! | file | holds |
//! |---|---|
//! | `asked` | what is asked of an image, and of each of its platforms |
//! | `exception` | images that are not judged until a time |
//! | `hardened` | tools and operating systems that an SBOM must not list |
//! | `origin`, `sbom`, `vulnerabilities` | what is asked of provenance and summaries, of SBOMs, of scan reports |
//! | `workload`, `base` | what is asked of the workload around an image, and of the image below |

mod asked;

mod base;
mod exception;
mod hardened;
mod origin;
mod sbom;
mod vulnerabilities;
mod workload;

use core::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use trust_core::{Digest, ImageRef, Pattern, PinnedImage, Statement, UnixTime};
use trust_sbom::{Answer, Predicate};

use self::asked::{Asked, Targets};
use super::age::is_young;
use super::signers::{Kind, Must, SignedStatement, What, other_shapes, predicate};
use super::{Evaluation, image_config, unresolved};
use crate::expression::Scope;
use crate::kubernetes::resource::ContainerImage;
use crate::policy::image_rule::{
    AttestationDeny, AttestationRequirement, ImageAuthority, ImageRule, Vouched, VouchedCount, Vouching,
    Which,
};
use crate::policy::mode::Mode;
use crate::policy::signer::{Attestor, AttestorSet, Placement, Signer};
use crate::verdict::reason::{Mismatch, ReasonCode};
use crate::verdict::{Explanation, VerifiedImage};

/// Statements under one name, multiplied over all names, of which something is denied.
const MAX_COMBINATIONS: usize = 1000;
/// Violations that are named one by one.
const MAX_NAMED: usize = 20;

impl Evaluation<'_> {
    pub(super) fn images(
        &mut self,
        rules: &[ImageRule],
        images: &[ContainerImage],
        mode: Mode,
        scope: &Scope,
    ) -> Vec<(Mode, Explanation)> {
        self.every_image = rules.iter().any(|rule| rule.every_image).then_some(mode);
        let mut judged = Vec::new();
        for image in images {
            for rule in rules.iter().filter(|one| one.applies_to(image)) {
                // Where entries of one rule say different things, the strictest counts for the rule.
                judged.push((self.mode_on(mode, image), self.image(rule, image, scope, 0)));
            }
        }
        judged
    }

    /// Whether an image satisfies a rule; `depth` counts the images that stand on it.
    fn image(
        &mut self,
        rule: &ImageRule,
        image: &ContainerImage,
        scope: &Scope,
        depth: usize,
    ) -> Explanation {
        let check = format!("{image}, image `{}`", image.image);
        let pinned = self.pinned(image);
        let written = image.image.parse::<ImageRef>();
        let written = written.as_ref().ok().and_then(ImageRef::digest);
        let digest = pinned.as_ref().map_or(written, |(pinned, _)| Some(pinned.digest()));
        let mut causes = match exception::of(rule, image, digest, written.is_some(), self.now) {
            Ok((excepted, by_digest)) => {
                // What is excepted is this digest, and not what the tag stands for later.
                if let (true, Ok((pinned, _))) = (by_digest, &pinned) {
                    self.pin(image, pinned);
                }
                return Explanation { check, ..excepted };
            }
            Err(expired) => expired,
        };
        causes.extend((!rule.registries.is_empty()).then(|| registries(rule, image)));
        if rule.needs_names_alone() {
            return summed(check, &rule.path, None, image, causes);
        }
        let pinned = match pinned {
            Ok((pinned, _)) => pinned,
            Err((code, message)) => {
                let sets = rule.attestor_sets();
                causes.extend(sets.flat_map(|set| self.unusable_signers(set, scope)));
                return Explanation::fail(check, code, message).about(image, None).because(causes);
            }
        };
        match Asked::new(self, &image.image, scope) {
            Ok(asked) => causes.extend(self.signed_demands(rule, &Targets::new(asked), scope)),
            Err((code, problem)) => causes.push(Explanation::fail("image", code, problem)),
        }
        if let Some(config) = &rule.image {
            causes.push(image_config::judge(config, pinned.digest(), self.evidence, self.now));
            causes.extend(self.base(config, pinned.digest(), scope, depth));
        }
        let names_digest = pinned.reference().digest().is_some();
        if rule.needs_digest && !rule.pins_digest && !names_digest {
            causes.push(Explanation::fail(
                "digest",
                ReasonCode::NoDigest,
                "the image is named by tag, expected `@sha256:…`",
            ));
        }
        let digest = pinned.digest();
        if !causes.iter().any(Explanation::fails) {
            if rule.pins_digest {
                self.pin(image, &pinned);
            }
            if rule.attestor_sets().next().is_some() {
                let verified = VerifiedImage { image: image.image.clone(), digest: digest.clone() };
                self.images.insert(image.image.clone(), verified);
            }
        }
        summed(check, &rule.path, Some(digest), image, causes)
    }

    /// Names the digest in the resource. What an update leaves as it was, or a controller made of a template, stays as it is: otherwise a
    /// Pod would restart, and the controller would make another one.
    fn pin(&mut self, image: &ContainerImage, pinned: &PinnedImage) {
        let is_new = !self.before.has(image) && !self.request.is_made_by_controller();
        if pinned.reference().digest().is_none() && image.is_written && is_new {
            self.pins.insert(image.pointer.clone(), super::kyverno_pin(pinned));
        }
    }

    /// What is asked of signatures and attestations, and of the workload.
    fn signed_demands(&self, rule: &ImageRule, targets: &Targets<'_, '_>, scope: &Scope) -> Vec<Explanation> {
        let image = targets.image();
        let mut causes = Vec::new();
        for set in &rule.signatures {
            let signed = |asked: &Asked<'_, '_>| vec![asked.signed(What::SIGNATURE, set).explanation];
            causes.extend(targets.judge(set.placement, Which::Any, &signed));
        }
        // Conditions must hold of every attestation, so all must be known.
        let needs_all = rule.deny.is_some() || rule.has_conditions();
        if needs_all {
            causes.extend(image.unknown());
            let sets = rule.attestations.iter().flat_map(|one| &one.attestors);
            causes.extend(sets.flat_map(|set| self.unread_signers(set, scope)));
        }
        let named = RefCell::new(BTreeMap::new());
        for attestation in &rule.attestations {
            let of_set = |set: &AttestorSet| {
                let of_one = |asked: &Asked<'_, '_>| {
                    let (mut found, statements) = attested(attestation, set, asked);
                    if needs_all && set.placement != Placement::Image {
                        found.extend(asked.unknown());
                    }
                    if let Some(name) = &attestation.name {
                        let predicates = statements.iter().filter_map(|one| predicate(&one.statement).ok());
                        named.borrow_mut().entry(name.as_str()).or_insert_with(Vec::new).extend(predicates);
                    }
                    found
                };
                let which = match &attestation.expression {
                    _ if needs_all => Which::All,
                    Some((which, _)) => *which,
                    None => Which::Any,
                };
                targets.judge(set.placement, which, &of_one)
            };
            causes.extend(by_each(attestation, &of_set));
        }
        if !(rule.authorities.is_empty() && rule.vouched.is_empty()) {
            causes.extend(vouched(&rule.authorities, &rule.vouched, image));
        }
        causes.extend(rule.workload.as_ref().map(|one| self.workload(one, image.image.digest())));
        // What is denied is asked of what was attested, so only once all of it was.
        if let Some(deny) = &rule.deny
            && causes.iter().all(Explanation::holds)
        {
            causes.push(denied(deny, &named.take(), scope));
        }
        if let Some(sbom) = &rule.sbom {
            causes
                .extend(targets.judge(sbom.attestors.placement, sbom.which, &|asked| vec![asked.sbom(sbom)]));
        }
        if let Some(scan) = &rule.vulnerabilities {
            causes.extend(
                targets
                    .judge(scan.attestors.placement, Which::All, &|asked| vec![asked.vulnerabilities(scan)]),
            );
        }
        if let Some(origin) = &rule.provenance {
            causes
                .extend(targets.judge(origin.attestors.placement, origin.which, &|asked| {
                    vec![asked.provenance(origin)]
                }));
        }
        if let Some(summary) = &rule.summary {
            causes
                .extend(targets.judge(summary.attestors.placement, summary.which, &|asked| {
                    vec![asked.summary(summary)]
                }));
        }
        causes
    }
}

/// What trusted signers attest, and whether it is what is asked.
fn attested(
    attestation: &AttestationRequirement,
    set: &AttestorSet,
    asked: &Asked<'_, '_>,
) -> (Vec<Explanation>, Vec<SignedStatement>) {
    let (kind, conditions) = (Kind::Type(&attestation.predicate_type), attestation.conditions.as_ref());
    let mut causes = Vec::new();
    let (any, others) = match &attestation.expression {
        Some((Which::Any, expression)) => (Some(expression), None),
        Some((which, expression)) => (None, Some((*which, expression))),
        None => (None, None),
    };
    // One must be young enough and say what it must, and all must meet the conditions.
    let judge = |statement: &Statement, time: Option<UnixTime>| {
        let unknown = "no time of the signature is vouched for";
        let age =
            attestation.max_age.map(|most| is_young(time, most, asked.now, unknown, ReasonCode::TooOld));
        let shape = attestation.shape.iter().flat_map(|shape| other_shapes(shape, statement));
        let expressed = any.map(|expression| asked.expressed(expression, statement));
        age.into_iter().chain(shape).chain(expressed).collect()
    };
    if attestation.max_age.is_some() || attestation.shape.is_some() || any.is_some() {
        causes.push(asked.signed(kind.that_must(Must::Satisfy(&judge)), set).explanation);
    }
    if let Some((which, expression)) = others {
        let judge = |statement: &Statement| vec![asked.expressed(expression, statement)];
        causes.push(asked.satisfied(&attestation.path, which, kind, set, &judge));
    }
    if !causes.is_empty() && conditions.is_none() && attestation.name.is_none() {
        return (causes, Vec::new());
    }
    let signed = asked.signed(kind.that_must(conditions.map_or(Must::Exist, Must::Meet)), set);
    let statements = if signed.explanation.holds() { signed.statements } else { Vec::new() };
    causes.push(signed.explanation);
    (causes, statements)
}

/// What holds of each set of signers who must attest something. Where there is none, nothing can be attested.
fn by_each(
    attestation: &AttestationRequirement,
    judge: &dyn Fn(&AttestorSet) -> Vec<Explanation>,
) -> Vec<Explanation> {
    if attestation.attestors.is_empty() {
        let message = "the policy names no signers, so it can never be satisfied";
        return vec![Explanation::fail(&attestation.path, ReasonCode::UnusablePolicy, message)];
    }
    attestation.attestors.iter().flat_map(judge).collect()
}

/// Whether one of the authorities vouches for an image, and each as often as it must.
fn vouched(
    authorities: &[ImageAuthority],
    counts: &[VouchedCount],
    asked: &Asked<'_, '_>,
) -> Vec<Explanation> {
    let mut answers: Vec<(Times, Explanation)> = authorities.iter().map(|one| vouches(one, asked)).collect();
    let check = "authorities";
    let code = match &answers[..] {
        [(_, only)] => only.code.unwrap_or(ReasonCode::TooFewSigners),
        _ => ReasonCode::TooFewSigners,
    };
    let Some(index) = answers.iter().position(|(_, answer)| answer.holds()) else {
        let message = format!("none of {} vouches for the image", answers.len());
        let answers = answers.into_iter().map(|(_, answer)| answer).collect();
        return vec![Explanation::fail(check, code, message).because(answers)];
    };
    let mut found = Vec::new();
    for count in counts {
        let named = authorities.iter().zip(&answers).find(|(one, _)| one.name == count.authority);
        let Some((authority, (times, answer))) = named else {
            let message = format!("the policy has no authority `{}`", count.authority);
            found.push(Explanation::fail(check, ReasonCode::UnusablePolicy, message));
            continue;
        };
        // What one vouches by has no number of the other.
        let is_of = match count.of {
            Vouched::Signatures => matches!(authority.vouching, Vouching::Signature(_)),
            Vouched::Attestations => matches!(authority.vouching, Vouching::Attestations(_)),
        };
        let times = if is_of && answer.holds() { *times } else { Times::default() };
        found.push(counted(count, times, answer));
        // One that is not known may be one too many.
        found.extend(count.at_most.map(|_| asked.unknown()).into_iter().flatten());
    }
    let (_, first) = answers.swap_remove(index);
    found.insert(0, Explanation::pass(check, "one vouches for the image").because(vec![first]));
    found
}

/// Whether an authority vouches for an image, and by how many signatures or attestations.
fn vouches(authority: &ImageAuthority, asked: &Asked<'_, '_>) -> (Times, Explanation) {
    let check = format!("{}: `{}`", authority.path, authority.name);
    let (times, causes) = match &authority.vouching {
        Vouching::Always => return (Times::default(), Explanation::pass(check, "vouches for every image")),
        Vouching::Never(message) => {
            return (Times::default(), Explanation::fail(check, ReasonCode::Condition, message.clone()));
        }
        Vouching::Signature(set) => {
            let signed = asked.signed(What::SIGNATURE, set);
            (Times::of(&signed.signers), vec![signed.explanation])
        }
        Vouching::Attestations(attestations) if attestations.is_empty() => {
            let message = "the policy names no attestation, so it can never be satisfied";
            return (Times::default(), Explanation::fail(check, ReasonCode::UnusablePolicy, message));
        }
        Vouching::Attestations(attestations) => {
            let by_each = |one| by_each(one, &|set| attested(one, set, asked).0);
            let times = Times { distinct: attestations.len(), all: attestations.len() };
            (times, attestations.iter().flat_map(by_each).collect())
        }
    };
    (times, Explanation::all(&check, causes))
}

/// How often an authority vouched.
#[derive(Clone, Copy, Default)]
struct Times {
    /// By different signers, or kinds of attestations: the same signature stored twice is one.
    distinct: usize,
    /// With all that is stored.
    all: usize,
}

impl Times {
    fn of(signers: &[String]) -> Self {
        Self { distinct: signers.iter().collect::<BTreeSet<_>>().len(), all: signers.len() }
    }
}

/// Whether an authority vouched as often as it must.
fn counted(count: &VouchedCount, times: Times, answer: &Explanation) -> Explanation {
    let VouchedCount { authority, of, at_least, at_most } = count;
    let what = if *of == Vouched::Attestations { "attestations" } else { "signatures" };
    let check = format!("{what} by `{authority}`");
    let Times { distinct, all } = times;
    if distinct >= *at_least && at_most.is_none_or(|most| all <= most) {
        return Explanation::pass(check, format!("found {distinct}"));
    }
    let found = if distinct < *at_least { distinct } else { all };
    let expected = match at_most {
        Some(most) => format!("{at_least} to {most}"),
        None => format!("{at_least} or more"),
    };
    let mismatch = Mismatch::new(Some(found.to_string()), [expected]);
    let causes = if answer.holds() { Vec::new() } else { vec![answer.clone()] };
    Explanation::differs(check, ReasonCode::TooFewSigners, mismatch).because(causes)
}

fn registries(rule: &ImageRule, image: &ContainerImage) -> Explanation {
    if rule.registries.iter().any(|one| one.matches(&image.image) == Ok(true)) {
        return Explanation::pass("registries", "comes from an allowed registry");
    }
    let mismatch = Mismatch::new(Some(image.image.as_str()), &rule.registries);
    Explanation::differs("registries", ReasonCode::Form, mismatch)
}

/// Whether more than one signer is needed.
pub(super) fn needs_several(set: &AttestorSet) -> bool {
    let is_several = |attestor: &Attestor| match &attestor.signer {
        Signer::Some(inner) => needs_several(inner),
        // How many keys stand there is known when they are read.
        Signer::KeysOf(_) | Signer::KeyInSecret(_) => true,
        _ => false,
    };
    set.count.unwrap_or(set.attestors.len()) > 1 || set.attestors.iter().any(is_several)
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

/// Whether some combination of the attestations that have a name is denied.
fn denied(deny: &AttestationDeny, named: &BTreeMap<&str, Vec<Value>>, scope: &Scope) -> Explanation {
    let count = named.values().fold(1usize, |count, values| count.saturating_mul(values.len().max(1)));
    if count > MAX_COMBINATIONS {
        let message =
            format!("found {count} combinations of attestations, expected at most {MAX_COMBINATIONS}");
        return Explanation::fail(deny.path.clone(), ReasonCode::Unresolved, message);
    }
    for combination in 0..count {
        let (mut scope, mut index) = (scope.clone(), combination);
        for (name, values) in named {
            if let Some(value) = values.get(index % values.len().max(1)) {
                scope.set(name, value);
            }
            index /= values.len().max(1);
        }
        let judgement = deny.conditions.judge(&scope);
        let causes = judgement.findings.into_iter().filter(|finding| finding.holds != Ok(false));
        match judgement.holds {
            Ok(false) => {}
            Ok(true) => {
                let message = deny.message.as_ref().and_then(|message| message.resolve_text(&scope).ok());
                let message = message.unwrap_or_else(|| "is denied".to_owned());
                return Explanation::fail(deny.path.clone(), ReasonCode::Condition, message).because(
                    causes
                        .map(|finding| Explanation::fail(finding.path, ReasonCode::Condition, finding.text))
                        .collect(),
                );
            }
            Err(error) => return unresolved(&deny.path, &error),
        }
    }
    Explanation::pass(deny.path.clone(), "is not denied")
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
        return Explanation::pass(
            check,
            found.map_or_else(|| "any is accepted".to_owned(), |found| format!("is `{found}`")),
        );
    }
    Explanation::differs(check, ReasonCode::Condition, Mismatch::new(found, patterns))
}
