//! Rules about what supply chains attest: bills of materials, scan reports, provenance.

use trust_core::{Digest, ImageRef, Pattern, PinnedImage, Reasons, UnixTime};
use trust_sbom::{
    Answer, ComponentKind, Finding, License, LicenseClaim, LicensePolicy, Limits, Predicate, PredicateKind,
    Provenance, Purl, ReportFormat, Sbom, ScanReport, Vex, VexMatching, VexSource, VexSubject, join_findings,
};

use super::images::{Signed, SignedStatement, Wanted, What};
use super::{Evaluation, config};
use crate::expression::Scope;
use crate::image_trust::{
    AttestationDemand, ImageTrust, ProvenanceDemand, SbomDemand, SummaryDemand, VulnerabilityDemand,
};
use crate::mode::Mode;
use crate::model::Check;
use crate::resource::{ContainerImage, ContainerKind};
use crate::signature::ReasonCode;
use crate::signer::AttestorSet;
use crate::verdict::{Explanation, VerifiedImage};

/// Images below one another of which something is demanded.
const MAX_BASES: usize = 3;
/// Violations that are named one by one.
const MAX_NAMED: usize = 20;

/// A document that a trusted signer attests, or why it cannot be read.
struct Document {
    signer: String,
    content: Result<Predicate, String>,
}

/// What is asked of one image.
struct Asked<'a> {
    image: &'a PinnedImage,
    /// What is there, or may be, and cannot be read.
    unknown: Vec<Explanation>,
    signed: &'a dyn Fn(What<'static>, &AttestorSet) -> Signed,
    now: UnixTime,
}

impl Evaluation<'_> {
    pub(super) fn trust(
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
            let signed = signed(What::Type(&demand.predicate_type, None), &demand.attestors);
            causes.push(attestation(demand, signed.explanation, &signed.statements, self.now));
        }
        let signed = |what: What<'static>, set: &AttestorSet| signed(what, set);
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
                .map(|demand| config::judge(demand, pinned.digest(), self.evidence, self.now)),
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
        let mut named = named.filter_map(|rule| match &rule.check {
            Check::Trust(trust) => Some(trust),
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
        if let Err(problem) = config::stands_on(image, &digest, self.evidence) {
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

/// Whether some attestation is young enough, by a time that is vouched for.
fn attestation(
    demand: &AttestationDemand,
    signed: Explanation,
    statements: &[SignedStatement],
    now: UnixTime,
) -> Explanation {
    let Some(max_age) = demand.max_age.filter(|_| signed.holds()) else { return signed };
    let youngest = statements.iter().filter_map(|one| one.time).max();
    let age = is_young(youngest, max_age, now, "no time of the signature is vouched for");
    judged(&demand.path, vec![signed, age])
}

/// The scanner of a report. One that is not named is nobody's: its reports are never taken for one another's.
fn scanner_of(report: &ScanReport) -> Option<(ReportFormat, &str)> {
    report
        .scanner
        .as_ref()
        .map(|tool| (report.format, tool.name.as_str()))
        .filter(|(_, name)| !name.is_empty())
}

pub(super) fn is_young(time: Option<UnixTime>, max_age: i64, now: UnixTime, unknown: &str) -> Explanation {
    let Some(time) = time else { return Explanation::fail("age", ReasonCode::Unresolved, unknown) };
    let oldest = now.plus_millis(-max_age);
    match time >= oldest {
        true if time > now => {
            let message = format!("is of {time}, which is after {now}: its age cannot be determined");
            Explanation::fail("age", ReasonCode::Unresolved, message)
        }
        true => Explanation::pass("age", format!("is of {time}")),
        false => Explanation::fail(
            "age",
            ReasonCode::Condition,
            format!("is of {time}, expected {oldest} or later"),
        ),
    }
}

/// All of these must hold.
pub(super) fn judged(path: &str, causes: Vec<Explanation>) -> Explanation {
    match causes.iter().find_map(|cause| cause.code) {
        Some(code) => Explanation::fail(path, code, "is not satisfied").because(causes),
        None => Explanation::pass(path, "is satisfied").because(causes),
    }
}

/// An answer that must be "no".
fn must_not(check: &str, answer: &Answer, what: &str) -> Explanation {
    match answer {
        Answer::No => Explanation::pass(check, format!("no {what}")),
        Answer::Yes => Explanation::fail(check, ReasonCode::Condition, what),
        Answer::Unknown(reason) => {
            Explanation::fail(check, ReasonCode::Unresolved, format!("cannot be told: {reason}"))
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
            let content = Predicate::of(&one.statement, &Limits::default());
            Document { signer: one.signer, content: content.map_err(|error| Reasons(&error).to_string()) }
        };
        (signed.explanation, signed.statements.into_iter().map(read).collect())
    }

    fn sbom(&self, demand: &SbomDemand) -> Explanation {
        let (signed, documents) = self.documents(PredicateKind::Sbom, &demand.attestors);
        if !signed.holds() {
            return judged(&demand.path, vec![signed]);
        }
        // All must be good, so all must be known.
        let mut causes = vec![signed];
        causes.extend(self.unknown.iter().cloned());
        for document in documents {
            let check = format!("SBOM by {}", document.signer);
            causes.push(match document.content {
                Ok(Predicate::Sbom(sbom, _)) => judged(&check, sbom_checks(demand, &sbom)),
                Ok(_) => {
                    Explanation::fail(check, ReasonCode::Malformed, "is another document than its type says")
                }
                Err(problem) => Explanation::fail(check, ReasonCode::Malformed, problem),
            });
        }
        judged(&demand.path, causes)
    }

    fn vulnerabilities(&self, demand: &VulnerabilityDemand) -> Explanation {
        let (signed, documents) = self.documents(PredicateKind::ScanReport, &demand.attestors);
        if !signed.holds() {
            return judged(&demand.path, vec![signed]);
        }
        // A newer report may be among what cannot be read.
        let mut causes = vec![signed];
        causes.extend(self.unknown.iter().cloned());
        // Of each scanner the report that knows most recently.
        let mut reports: Vec<(String, ScanReport)> = Vec::new();
        for document in documents {
            let report = match document.content {
                Ok(Predicate::ScanReport(report)) if report.as_of().is_some_and(|time| time > self.now) => {
                    let time = report.as_of().map_or_else(String::new, |time| time.to_string());
                    let message = format!(
                        "is of {time}, which is after {}: what it knows cannot be determined",
                        self.now
                    );
                    causes.push(Explanation::fail("scan report", ReasonCode::Unresolved, message));
                    continue;
                }
                Ok(Predicate::ScanReport(report)) => *report,
                Ok(_) => {
                    let message = "is another document than its type says";
                    causes.push(Explanation::fail("scan report", ReasonCode::Malformed, message));
                    continue;
                }
                Err(problem) => {
                    causes.push(Explanation::fail("scan report", ReasonCode::Malformed, problem));
                    continue;
                }
            };
            let is_same = |other: &ScanReport| {
                scanner_of(&report).is_some() && scanner_of(other) == scanner_of(&report)
            };
            match reports.iter_mut().find(|(_, other)| is_same(other)) {
                Some(other) if other.1.as_of() >= report.as_of() => {}
                Some(other) => *other = (document.signer, report),
                None => reports.push((document.signer, report)),
            }
        }
        let vex = self.vex(demand, &mut causes);
        let subject = vex_subject(self.image);
        for (signer, mut report) in reports {
            let name = report.scanner.as_ref().map_or("a scanner", |tool| tool.name.as_str()).to_owned();
            let check = format!("report of {name} by {signer}");
            let mut checks = Vec::new();
            if let Some(max_age) = demand.max_age {
                checks.push(is_young(
                    report.as_of(),
                    max_age,
                    self.now,
                    "the report does not say as of when it knows",
                ));
            }
            let sources: Vec<_> = vex
                .iter()
                .map(|(vex, author, matching)| VexSource { vex, author, matching: *matching })
                .collect();
            let ignored = report.unmatched(&sources, &subject).into_iter();
            let ignored = ignored.map(|one| {
                Explanation::skip(
                    format!("VEX by {} on {}", one.author, one.vulnerability),
                    format!("is not heard: {}", one.reason),
                )
            });
            let ignored = ignored.collect();
            report.suppress(&sources, &subject);
            checks.push(findings(demand, report, ignored));
            causes.push(judged(&check, checks));
        }
        judged(&demand.path, causes)
    }

    /// The statements that may be heard; what cannot be read is not heard, and said.
    fn vex(
        &self,
        demand: &VulnerabilityDemand,
        causes: &mut Vec<Explanation>,
    ) -> Vec<(Vex, String, VexMatching)> {
        let Some(vex) = &demand.vex else { return Vec::new() };
        let (signed, documents) = self.documents(PredicateKind::Vex, &vex.attestors);
        let mut heard = Vec::new();
        if !signed.holds() {
            return heard;
        }
        for document in documents {
            match document.content {
                Ok(Predicate::Vex(content)) => heard.push((*content, document.signer, vex.matching)),
                Ok(_) => {}
                Err(problem) => {
                    causes.push(Explanation::skip("VEX document", format!("is not heard: {problem}")))
                }
            }
        }
        heard
    }

    fn provenance(&self, demand: &ProvenanceDemand) -> Explanation {
        let (signed, documents) = self.documents(PredicateKind::Provenance, &demand.attestors);
        if !signed.holds() {
            return judged(&demand.path, vec![signed]);
        }
        let judge = |document: Document| {
            let check = format!("provenance by {}", document.signer);
            match document.content {
                Ok(Predicate::Provenance(provenance)) => {
                    judged(&check, provenance_checks(demand, &provenance))
                }
                Ok(_) => {
                    Explanation::fail(check, ReasonCode::Malformed, "is another document than its type says")
                }
                Err(problem) => Explanation::fail(check, ReasonCode::Malformed, problem),
            }
        };
        one_of(&demand.path, signed, documents.into_iter().map(judge).collect())
    }

    /// Whether a summary is about this image: it names what the policy says, else the image's repository or digest.
    fn resource(&self, demand: &SummaryDemand, found: &str) -> Explanation {
        if !demand.resources.is_empty() {
            return one_text("resource", &demand.resources, Some(found));
        }
        let image = self.image;
        let name = image.reference().name();
        let bare = found.split_once("://").map_or(found, |(_, rest)| rest);
        let is_repository = bare.parse::<ImageRef>().is_ok_and(|named| {
            named.name() == name && named.digest().is_none_or(|digest| digest == image.digest())
        });
        let is_purl = found.parse::<Purl>().is_ok_and(|purl| {
            purl.package_type() == "oci" && purl.version() == Some(image.digest().to_string().as_str())
        });
        match is_repository || is_purl || found == image.digest().to_string() {
            true => Explanation::pass("resource", format!("is `{found}`")),
            false => {
                let message = format!("found `{found}`, expected `{name}` or `{}`", image.digest());
                Explanation::fail("resource", ReasonCode::OtherImage, message)
            }
        }
    }

    fn summary(&self, demand: &SummaryDemand) -> Explanation {
        let (signed, documents) = self.documents(PredicateKind::VerificationSummary, &demand.attestors);
        if !signed.holds() {
            return judged(&demand.path, vec![signed]);
        }
        let judge = |document: Document| {
            let check = format!("verification summary by {}", document.signer);
            let summary = match document.content {
                Ok(Predicate::VerificationSummary(summary)) => summary,
                Ok(_) => {
                    let message = "is another document than its type says";
                    return Explanation::fail(check, ReasonCode::Malformed, message);
                }
                Err(problem) => return Explanation::fail(check, ReasonCode::Malformed, problem),
            };
            let mut checks = vec![
                one_text("verifier", &demand.verifiers, Some(&summary.verifier)),
                self.resource(demand, &summary.resource),
                one_text("policy", &demand.policies, Some(&summary.policy)),
            ];
            if let Some(max_age) = demand.max_age {
                checks.push(is_young(
                    summary.verified,
                    max_age,
                    self.now,
                    "it does not say when it was made",
                ));
            }
            if summary.verified.is_some_and(|time| time > self.now) && demand.max_age.is_none() {
                checks.push(is_young(summary.verified, i64::MAX / 2, self.now, ""));
            }
            checks.push(match summary.has_passed {
                true => Explanation::pass("result", "passed"),
                false => {
                    Explanation::fail("result", ReasonCode::Condition, "found a failure, expected `PASSED`")
                }
            });
            if let Some(wanted) = demand.level {
                let level = summary
                    .levels
                    .iter()
                    .filter_map(|one| one.strip_prefix("SLSA_BUILD_LEVEL_")?.parse::<u8>().ok());
                checks.push(match level.max() {
                    Some(found) if found >= wanted => Explanation::pass("level", format!("is {found}")),
                    found => {
                        let found = found.map_or_else(|| "none".to_owned(), |found| found.to_string());
                        let message = format!("found {found}, expected SLSA build level {wanted} or above");
                        Explanation::fail("level", ReasonCode::Condition, message)
                    }
                });
            }
            judged(&check, checks)
        };
        one_of(&demand.path, signed, documents.into_iter().map(judge).collect())
    }
}

/// The image, by its digest and by the names that VEX documents give it.
fn vex_subject(image: &PinnedImage) -> VexSubject {
    let mut subject = VexSubject::of_digests([image.digest().clone()]);
    let reference = image.reference();
    let name = reference.repository().rsplit('/').next().unwrap_or_default();
    let tag = reference.tag().map_or_else(String::new, |tag| format!("&tag={tag}"));
    subject.names = vec![
        reference.written().to_owned(),
        reference.name(),
        format!("pkg:oci/{name}@{}?repository_url={}{tag}", image.digest(), reference.name()),
    ];
    subject
}

/// One of the documents must satisfy.
fn one_of(path: &str, signed: Explanation, documents: Vec<Explanation>) -> Explanation {
    match documents.iter().position(Explanation::holds) {
        Some(index) => {
            let satisfying = documents.into_iter().nth(index);
            Explanation::pass(path, "is satisfied").because([signed].into_iter().chain(satisfying).collect())
        }
        None => {
            let code = documents.iter().find_map(|one| one.code).unwrap_or(ReasonCode::NotFound);
            let causes = [signed].into_iter().chain(documents).collect();
            Explanation::fail(path, code, "is not satisfied").because(causes)
        }
    }
}

fn sbom_checks(demand: &SbomDemand, sbom: &Sbom) -> Vec<Explanation> {
    let mut checks = Vec::new();
    if let Some(profile) = demand.profile {
        let conformance = profile.check(sbom);
        let check = format!("profile {} {}", conformance.profile, conformance.edition);
        let gaps = conformance.checks.iter().filter(|one| one.passed < one.total || one.total == 0);
        let gaps = gaps.map(|one| format!("{} of {}/{}", one.id, one.passed, one.total)).collect();
        checks.push(match &conformance.conforms {
            Answer::Yes => Explanation::pass(check, "is kept"),
            Answer::No => {
                Explanation::fail(check, ReasonCode::Condition, format!("is not kept: {}", some(gaps)))
            }
            Answer::Unknown(reason) => {
                Explanation::fail(check, ReasonCode::Unresolved, format!("cannot be told: {reason}"))
            }
        });
    }
    // A bill that lists nothing says nothing, whatever is asked of it.
    if sbom.components().iter().all(|one| one.kind == ComponentKind::Container) {
        let message = "cannot be determined: it lists no components";
        return vec![Explanation::fail("components", ReasonCode::Unresolved, message)];
    }
    for denied in &demand.denied {
        let check = denied.path.rsplit('.').next().unwrap_or_default().to_owned();
        let named =
            |id| sbom.component(id).map(|one| one.purls.first().cloned().unwrap_or_else(|| one.full_name()));
        let (answer, found): (Answer, Vec<String>) = match &denied.versions {
            Some(range) => {
                let exposure = sbom.exposure(&denied.pattern, range);
                let found = exposure.exposed.iter().filter(|one| one.answer == Answer::Yes);
                (exposure.answer.clone(), found.filter_map(|one| named(one.found.id)).collect())
            }
            None => {
                let found: Vec<_> =
                    sbom.find(&denied.pattern).iter().filter_map(|one| named(one.id)).collect();
                (Answer::from(!found.is_empty()), found)
            }
        };
        checks.push(must_not(&check, &answer, format!("denied package {}", some(found)).trim_end()));
    }
    if let Some(licenses) = &demand.licenses {
        checks.push(license_check(licenses, sbom));
    }
    if checks.is_empty() {
        checks.push(Explanation::pass("components", format!("lists {}", sbom.components().len())));
    }
    checks
}

/// Every component that is not a file or the image itself must have a license that is allowed.
fn license_check(policy: &LicensePolicy, sbom: &Sbom) -> Explanation {
    let (mut denied, mut unknown) = (Vec::new(), Vec::new());
    // Files have the license of what they are a part of, and the image is what it is made of.
    let parts = sbom.ids().map(|(_, component)| component);
    let parts: Vec<_> =
        parts.filter(|one| !matches!(one.kind, ComponentKind::File | ComponentKind::Container)).collect();
    if parts.is_empty() {
        return Explanation::fail(
            "licenses",
            ReasonCode::Unresolved,
            "cannot be determined: it lists no components",
        );
    }
    for component in parts {
        // Who does not say leaves it to the others.
        let says = |claim: &&LicenseClaim| claim.license != License::NoAssertion;
        let mut said = component.licenses.iter().filter(says).peekable();
        let answer = match said.peek() {
            None => Answer::Unknown("nobody says which".to_owned()),
            Some(_) => Answer::all(said.map(|claim| policy.allows(&claim.license))),
        };
        match answer {
            Answer::Yes => {}
            Answer::No => {
                let licenses: Vec<_> = component.licenses.iter().map(|claim| claim.license.text()).collect();
                denied.push(format!("{} ({})", component.full_name(), licenses.join(", ")));
            }
            Answer::Unknown(reason) => unknown.push(format!("{}: {reason}", component.full_name())),
        }
    }
    match (denied.is_empty(), unknown.is_empty()) {
        (false, _) => {
            Explanation::fail("licenses", ReasonCode::Condition, format!("denied: {}", some(denied)))
        }
        (true, false) => Explanation::fail(
            "licenses",
            ReasonCode::Unresolved,
            format!("cannot be told: {}", some(unknown)),
        ),
        (true, true) => Explanation::pass("licenses", "are all allowed"),
    }
}

fn findings(demand: &VulnerabilityDemand, mut report: ScanReport, ignored: Vec<Explanation>) -> Explanation {
    report.findings = join_findings(core::mem::take(&mut report.findings));
    // What does not count is said, with who says so and why.
    let suppressed = report.findings.iter().filter_map(|one| {
        let reason = one.suppressed.as_ref()?;
        let check = format!("{} ({}) in {}", one.id, one.severity.name(), one.component);
        Some(Explanation::skip(check, format!("does not count: {reason}")))
    });
    let mut notes: Vec<Explanation> = suppressed.collect();
    notes.extend(ignored);
    let forbidden: Vec<&Finding> =
        report.findings.iter().filter(|one| demand.rule.forbids(one) == Answer::Yes).collect();
    let named = forbidden.iter().map(|one| {
        let component = one.component.purl.clone().unwrap_or_else(|| {
            format!("{} {}", one.component.name, one.component.version.as_deref().unwrap_or_default())
        });
        format!("{} ({}) in {component}, {}", one.id, one.severity.name(), one.fix)
    });
    let named = some(named.collect());
    let explanation = match report.has(&demand.rule) {
        Answer::Yes => Explanation::fail("vulnerabilities", ReasonCode::Condition, format!("found {named}")),
        Answer::No => {
            Explanation::pass("vulnerabilities", format!("no forbidden finding: {}", looked_at(&report)))
        }
        answer => must_not("vulnerabilities", &answer, "forbidden finding"),
    };
    explanation.because(notes)
}

/// What a report looked at, and by which knowledge.
fn looked_at(report: &ScanReport) -> String {
    let count = report.findings.len();
    let packages = report.packages.map_or_else(String::new, |packages| format!(" in {packages} packages"));
    let database = match report.database_time {
        Some(time) => format!("database of {time}"),
        None => "database not stated".to_owned(),
    };
    format!("{count} {}{packages}, {database}", if count == 1 { "finding" } else { "findings" })
}

fn provenance_checks(demand: &ProvenanceDemand, provenance: &Provenance) -> Vec<Explanation> {
    // One source, in each way in which it is written.
    let forms = provenance.source().map(|source| source.forms()).unwrap_or_default();
    let source = forms.iter().find(|form| demand.sources.iter().any(|pattern| pattern.matches(form)));
    let mut checks = vec![
        one_text("builder", &demand.builders, Some(&provenance.builder)),
        one_text("build type", &demand.build_types, Some(&provenance.build_type)),
        one_text("source", &demand.sources, source.or(forms.first()).map(String::as_str)),
    ];
    for pattern in &demand.dependencies {
        let found = provenance.dependencies.iter().find(|one| pattern.matches(&one.uri));
        checks.push(match found {
            Some(one) => Explanation::pass("dependency", format!("found `{}`", one.uri)),
            None => Explanation::fail(
                "dependency",
                ReasonCode::Condition,
                format!("not found, expected {pattern}"),
            ),
        });
    }
    checks
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
