//! What is asked of SBOMs: packages, licenses, completeness.

use trust_core::{Statement, UnixTime};
use trust_sbom::{
    Answer, ComponentKind, License, LicenseClaim, LicensePolicy, Predicate, PredicateKind, Sbom,
};

use super::asked::Asked;
use super::hardened::{maintained, without};
use super::{must_not, some, unreadable};
use crate::evaluate::signers::Kind;
use crate::policy::image_rule::SbomRequirement;
use crate::verdict::Explanation;
use crate::verdict::reason::ReasonCode;

impl Asked<'_, '_> {
    pub(super) fn sbom(&self, requirement: &SbomRequirement) -> Explanation {
        let judge = |statement: &Statement| match self.read(statement) {
            Ok(Predicate::Sbom(sbom, _)) => sbom_checks(requirement, &sbom, self.now),
            other => vec![unreadable("SBOM", &other)],
        };
        let kind = Kind::Documents(PredicateKind::Sbom);
        self.satisfied(&requirement.path, requirement.which, kind, &requirement.attestors, &judge)
    }
}

fn sbom_checks(requirement: &SbomRequirement, sbom: &Sbom, now: UnixTime) -> Vec<Explanation> {
    let mut checks = Vec::new();
    if let Some(profile) = requirement.profile {
        let conformance = profile.check(sbom);
        let check = format!("profile {} {}", conformance.profile, conformance.edition);
        let gaps = conformance.checks.iter().filter(|one| one.passed < one.total || one.total == 0);
        let gaps = gaps.map(|one| format!("{} of {}/{}", one.id, one.passed, one.total)).collect();
        checks.push(match &conformance.conforms {
            Answer::Yes => Explanation::pass(check, "conforms"),
            Answer::No => {
                Explanation::fail(check, ReasonCode::Condition, format!("does not conform: {}", some(gaps)))
            }
            Answer::Unknown(reason) => {
                Explanation::fail(check, ReasonCode::Unresolved, format!("cannot be determined: {reason}"))
            }
        });
    }
    // An SBOM that lists nothing says nothing, whatever is asked of it.
    if sbom.components().iter().all(|one| one.kind == ComponentKind::Container) {
        let message = "cannot be determined: it lists no components";
        return vec![Explanation::fail("components", ReasonCode::Unresolved, message)];
    }
    for denied in &requirement.denied {
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
                let found = sbom.find(&denied.pattern);
                let found = found.iter().filter_map(|one| named(one.id)).collect();
                (sbom.holds(&denied.pattern), found)
            }
        };
        checks.push(must_not(&check, &answer, format!("denied package {}", some(found)).trim_end()));
    }
    if let Some(licenses) = &requirement.licenses {
        checks.push(license_check(licenses, sbom));
    }
    checks.extend(requirement.without.iter().map(|tools| without(*tools, sbom)));
    checks.extend(
        (!requirement.end_of_life.is_empty()).then(|| maintained(&requirement.end_of_life, sbom, now)),
    );
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
            None => Answer::Unknown("the document does not say which".to_owned()),
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
            format!("cannot be determined: {}", some(unknown)),
        ),
        (true, true) => Explanation::pass("licenses", "are all allowed"),
    }
}
