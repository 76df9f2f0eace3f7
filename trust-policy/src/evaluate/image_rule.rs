//! Rules about images: where they come from, who signed them, what is attested about them, what they say about themselves.

mod origin;
mod sbom;
mod vulnerabilities;
mod workload;

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;
use trust_core::{Digest, Pattern, PinnedImage, Reasons, Statement, UnixTime};
use trust_sbom::{Answer, Formats, Limits, Predicate, PredicateKind};

use super::signers::{Signed, SignedStatement, Wanted, What, predicate};
use super::{Evaluation, image_config, unresolved};
use crate::expression::Scope;
use crate::kubernetes::resource::{ContainerImage, ContainerKind};
use crate::policy::image_rule::{
    AttestationDeny, AttestationRequirement, ImageAuthority, ImageRule, Vouching,
};
use crate::policy::mode::Mode;
use crate::policy::policy_set::{Policy, PolicySet, Requirement, Rule};
use crate::policy::signer::AttestorSet;
use crate::verdict::reason::{Mismatch, ReasonCode};
use crate::verdict::{Explanation, VerifiedImage};

/// Statements under one name, multiplied over all names, of which something is denied.
const MAX_COMBINATIONS: usize = 1000;
/// Images below one another of which something is required.
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
    formats: &'a Formats,
    now: UnixTime,
}

impl Evaluation<'_> {
    pub(super) fn images(
        &mut self,
        rules: &[ImageRule],
        images: &[ContainerImage],
        mode: Mode,
        scope: &Scope,
    ) -> Vec<(Mode, Explanation)> {
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
        let mut causes = Vec::new();
        causes.extend((!rule.registries.is_empty()).then(|| registries(rule, image)));
        if rule.needs_names_alone() {
            return summed(check, &rule.path, None, image, causes);
        }
        let has_signers = rule.attestor_sets().next().is_some();
        let (pinned, evidence) = match self.pinned(image) {
            Ok(found) => found,
            Err((code, message)) => {
                let sets = rule.attestor_sets();
                causes.extend(sets.flat_map(|set| self.unusable_signers(set, scope)));
                return Explanation::fail(check, code, message).about(image, None).because(causes);
            }
        };
        let artifacts = if has_signers { self.parsed(image) } else { Rc::default() };
        let formats = self.policies.formats();
        let signed = |what: What<'_>, set: &AttestorSet| {
            let wanted = Wanted { image: &pinned, evidence, artifacts: &artifacts, formats, scope, what };
            self.attestor_set(&wanted, set)
        };
        let unknown =
            Wanted { image: &pinned, evidence, artifacts: &artifacts, formats, scope, what: What::Signature }
                .unknown();
        causes.extend(rule.signatures.iter().map(|set| signed(What::Signature, set).explanation));
        // Conditions must hold of every attestation, so all must be known.
        if rule.deny.is_some() || rule.has_conditions() {
            causes.extend(unknown.iter().cloned());
        }
        let mut named = BTreeMap::new();
        for attestation in &rule.attestations {
            let (found, statements) = attested(attestation, &signed);
            causes.extend(found);
            if let Some(name) = &attestation.name {
                let predicates = statements.iter().filter_map(|one| predicate(&one.statement).ok());
                named.entry(name.as_str()).or_insert_with(Vec::new).extend(predicates);
            }
        }
        causes.extend((!rule.authorities.is_empty()).then(|| vouched(&rule.authorities, &signed)));
        causes.extend(rule.workload.as_ref().map(|one| self.workload(one, pinned.digest())));
        // What is denied is asked of what was attested, so only once all of it was.
        if let Some(deny) = &rule.deny
            && causes.iter().all(Explanation::holds)
        {
            causes.push(denied(deny, &named, scope));
        }
        let asked = Asked { image: &pinned, unknown, signed: &signed, formats, now: self.now };
        causes.extend(rule.sbom.as_ref().map(|one| asked.sbom(one)));
        causes.extend(rule.vulnerabilities.as_ref().map(|one| asked.vulnerabilities(one)));
        causes.extend(rule.provenance.as_ref().map(|one| asked.provenance(one)));
        causes.extend(rule.summary.as_ref().map(|one| asked.summary(one)));
        if let Some(config) = &rule.image {
            causes.push(image_config::judge(config, pinned.digest(), self.evidence, self.now));
            if let Some(policy) = &config.base_policy {
                causes.push(self.base(policy, pinned.digest(), scope, depth));
            }
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
        if causes.iter().all(Explanation::holds) {
            // What an update leaves as it was, or a controller made of a template, stays as it is: otherwise a Pod would restart, and the
            // controller would make another one.
            let is_new = !self.before.has(image) && !self.request.is_made_by_controller();
            if rule.pins_digest && !names_digest && image.is_written && is_new {
                self.pins.insert(image.pointer.clone(), super::kyverno_pin(&pinned));
            }
            if has_signers {
                let verified = VerifiedImage { image: image.image.clone(), digest: digest.clone() };
                self.images.insert(image.image.clone(), verified);
            }
        }
        summed(check, &rule.path, Some(digest), image, causes)
    }
}

/// Whether trusted signers attest what is asked, and what they attest.
fn attested(
    attestation: &AttestationRequirement,
    signed: &dyn Fn(What<'_>, &AttestorSet) -> Signed,
) -> (Vec<Explanation>, Vec<SignedStatement>) {
    let (kind, conditions) = (&attestation.predicate_type, attestation.conditions.as_ref());
    let (mut causes, mut statements) = (Vec::new(), Vec::new());
    if attestation.attestors.is_empty() {
        let message = "the policy names no signers, so it can never be satisfied";
        causes.push(Explanation::fail(&attestation.path, ReasonCode::UnusablePolicy, message));
    }
    for set in &attestation.attestors {
        // One must be young enough, one must have the shape, and all must meet the conditions.
        let young = attestation.max_age.map(|max_age| What::Young(kind, max_age));
        let shaped = attestation.shape.as_ref().map(|shape| What::Shaped(kind, shape));
        let asks_more = conditions.is_some() || attestation.name.is_some();
        let any = (asks_more || young.is_none() && shaped.is_none()).then_some(What::Type(kind, conditions));
        causes.extend([young, shaped].into_iter().flatten().map(|what| signed(what, set).explanation));
        if let Some(what) = any {
            let signed = signed(what, set);
            if signed.explanation.holds() {
                statements.extend(signed.statements);
            }
            causes.push(signed.explanation);
        }
    }
    (causes, statements)
}

/// Whether one of the authorities vouches for an image.
fn vouched(authorities: &[ImageAuthority], signed: &dyn Fn(What<'_>, &AttestorSet) -> Signed) -> Explanation {
    let vouches = |authority: &ImageAuthority| {
        let check = format!("{}: `{}`", authority.path, authority.name);
        let causes = match &authority.vouching {
            Vouching::Always => return Explanation::pass(check, "vouches for every image"),
            Vouching::Never(message) => {
                return Explanation::fail(check, ReasonCode::Condition, message.clone());
            }
            Vouching::Signature(set) => vec![signed(What::Signature, set).explanation],
            Vouching::Attestations(attestations) if attestations.is_empty() => {
                let message = "the policy names no attestation, so it can never be satisfied";
                return Explanation::fail(check, ReasonCode::UnusablePolicy, message);
            }
            Vouching::Attestations(attestations) => {
                attestations.iter().flat_map(|one| attested(one, signed).0).collect()
            }
        };
        Explanation::all(&check, causes)
    };
    let mut answers: Vec<_> = authorities.iter().map(vouches).collect();
    let check = "authorities";
    match answers.iter().position(Explanation::holds) {
        Some(index) => {
            Explanation::pass(check, "one vouches for the image").because(vec![answers.swap_remove(index)])
        }
        None => {
            let code = match &answers[..] {
                [only] => only.code.unwrap_or(ReasonCode::TooFewSigners),
                _ => ReasonCode::TooFewSigners,
            };
            let message = format!("none of {} vouches for the image", answers.len());
            Explanation::fail(check, code, message).because(answers)
        }
    }
}

fn registries(rule: &ImageRule, image: &ContainerImage) -> Explanation {
    if rule.registries.iter().any(|one| one.matches(&image.image) == Ok(true)) {
        return Explanation::pass("registries", "comes from where it may");
    }
    let mismatch = Mismatch::new(Some(image.image.as_str()), &rule.registries);
    Explanation::differs("registries", ReasonCode::Form, mismatch)
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
        let rules = match base_rules(self.policies, policy) {
            Ok(rules) => rules,
            Err(problem) => return fail(ReasonCode::Unresolved, problem),
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
        let about: Vec<_> = rules.into_iter().filter(|rule| rule.applies_to(&base)).collect();
        if about.is_empty() {
            return fail(
                ReasonCode::Condition,
                format!("found `{}`, which the policy does not apply to", base.image),
            );
        }
        let digest = match self.pinned(&base) {
            Ok((pinned, _)) => pinned.digest().clone(),
            Err((code, message)) => return fail(code, format!("`{}`: {message}", base.image)),
        };
        if let Err((code, problem)) = image_config::stands_on(image, &digest, self.evidence) {
            return fail(code, problem);
        }
        let satisfied = about.into_iter().map(|rule| self.image(rule, &base, scope, depth + 1)).collect();
        Explanation::all(&check, satisfied)
    }
}

/// The rules of the only cluster-wide policy of this name that has image rules. Another policy of the same name cannot replace it.
fn base_rules<'p>(policies: &'p PolicySet, name: &str) -> Result<Vec<&'p ImageRule>, String> {
    let image_rules = |policy: &'p Policy| -> Vec<(&'p Rule, &'p [ImageRule])> {
        let of_images = policy.rules.iter().filter_map(|rule| match &rule.requirement {
            Requirement::Images { rules, .. } => Some((rule, &rules[..])),
            _ => None,
        });
        of_images.collect()
    };
    let named = policies.policies().iter().filter(|one| one.name == name && one.namespace.is_none());
    let named: Vec<_> =
        named.map(|policy| (policy, image_rules(policy))).filter(|(_, rules)| !rules.is_empty()).collect();
    let [(policy, rules)] = &named[..] else {
        return Err(format!("found {} such policies about images, expected one", named.len()));
    };
    let is_check = |rule: &&Rule| matches!(rule.requirement, Requirement::Check(_));
    if let Some(rule) = policy.rules.iter().find(is_check) {
        return Err(format!("its rule `{}` is a check, and checks are not asked of bases", rule.name));
    }
    if let Some((rule, _)) =
        rules.iter().find(|(rule, _)| rule.preconditions.is_some() || !rule.context.is_empty())
    {
        return Err(format!("its rule `{}` depends on the request, and a base is in none", rule.name));
    }
    Ok(rules.iter().flat_map(|(_, rules)| *rules).collect())
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

impl Asked<'_> {
    fn read(&self, statement: &Statement) -> Result<Predicate, String> {
        let read = self.formats.predicate_of(statement, &Limits::default());
        read.map_err(|error| Reasons(&error).to_string())
    }

    /// Whether enough trusted signers attest documents of a kind, and the documents.
    fn documents(&self, kind: PredicateKind, set: &AttestorSet) -> (Explanation, Vec<Document>) {
        let signed = (self.signed)(What::Kind(kind), set);
        let read = |one: SignedStatement| {
            let content = self.read(&one.statement);
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
        let judge = |statement: &Statement| judge(&self.read(statement));
        Explanation::all(path, vec![(self.signed)(What::Satisfying(kind, &judge), set).explanation])
    }
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
