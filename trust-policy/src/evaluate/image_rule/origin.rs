//! What is asked of provenance and of verification summaries: who built it, from what, and who checked that.

use trust_core::{ImageRef, Statement};
use trust_sbom::{Predicate, PredicateKind, Provenance, Purl, VerificationSummary};

use super::asked::Asked;
use super::{one_text, unreadable};
use crate::evaluate::age::{is_of_the_future, is_young};
use crate::evaluate::signers::Kind;
use crate::policy::image_rule::{ProvenanceRequirement, SummaryRequirement};
use crate::verdict::Explanation;
use crate::verdict::reason::{Mismatch, ReasonCode};

impl Asked<'_, '_> {
    pub(super) fn provenance(&self, requirement: &ProvenanceRequirement) -> Explanation {
        let judge = |statement: &Statement| match self.read(statement) {
            Ok(Predicate::Provenance(provenance)) => {
                vec![Explanation::all("provenance", provenance_checks(requirement, &provenance))]
            }
            other => vec![unreadable("provenance", &other)],
        };
        let kind = Kind::Documents(PredicateKind::Provenance);
        self.satisfied(&requirement.path, requirement.which, kind, &requirement.attestors, &judge)
    }

    /// Whether a summary is about this image: it names what the policy says, else the image's repository or digest.
    fn resource(&self, requirement: &SummaryRequirement, found: &str) -> Explanation {
        if !requirement.resources.is_empty() {
            return one_text("resource", &requirement.resources, Some(found));
        }
        let image = &self.image;
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
                let expected = [format!("`{name}`"), format!("`{}`", image.digest())];
                let mismatch = Mismatch::new(Some(found), expected);
                Explanation::differs("resource", ReasonCode::OtherImage, mismatch)
            }
        }
    }

    pub(super) fn summary(&self, requirement: &SummaryRequirement) -> Explanation {
        let judge = |statement: &Statement| match self.read(statement) {
            Ok(Predicate::VerificationSummary(summary)) => {
                vec![Explanation::all("verification summary", self.summary_checks(requirement, &summary))]
            }
            other => vec![unreadable("verification summary", &other)],
        };
        let kind = Kind::Documents(PredicateKind::VerificationSummary);
        self.satisfied(&requirement.path, requirement.which, kind, &requirement.attestors, &judge)
    }

    fn summary_checks(
        &self,
        requirement: &SummaryRequirement,
        summary: &VerificationSummary,
    ) -> Vec<Explanation> {
        let mut checks = vec![
            one_text("verifier", &requirement.verifiers, Some(&summary.verifier)),
            self.resource(requirement, &summary.resource),
            one_text("policy", &requirement.policies, Some(&summary.policy)),
        ];
        checks.extend(match (requirement.max_age, summary.verified) {
            (Some(max_age), time) => Some(is_young(
                time,
                max_age,
                self.now,
                "it does not say when it was made",
                ReasonCode::TooOld,
            )),
            (None, time) => time.and_then(|time| is_of_the_future(time, self.now)),
        });
        checks.push(match summary.has_passed {
            true => Explanation::pass("result", "passed"),
            false => {
                Explanation::fail("result", ReasonCode::Condition, "found another result, expected `PASSED`")
            }
        });
        if let Some(wanted) = requirement.level {
            let level = summary
                .levels
                .iter()
                .filter_map(|one| one.strip_prefix("SLSA_BUILD_LEVEL_")?.parse::<u8>().ok());
            checks.push(match level.max() {
                Some(found) if found >= wanted => Explanation::pass("level", format!("is {found}")),
                found => {
                    let expected = [format!("SLSA build level {wanted} or above")];
                    let mismatch = Mismatch::new(found.map(|found| found.to_string()), expected);
                    Explanation::differs("level", ReasonCode::Condition, mismatch)
                }
            });
        }
        checks
    }
}

fn provenance_checks(requirement: &ProvenanceRequirement, provenance: &Provenance) -> Vec<Explanation> {
    // One source, in each way in which it is written.
    let forms = provenance.source().map(|source| source.forms()).unwrap_or_default();
    let source = forms.iter().find(|form| requirement.sources.iter().any(|pattern| pattern.matches(form)));
    let mut checks = vec![
        one_text("builder", &requirement.builders, Some(&provenance.builder)),
        one_text("build type", &requirement.build_types, Some(&provenance.build_type)),
        one_text("source", &requirement.sources, source.or(forms.first()).map(String::as_str)),
    ];
    for pattern in &requirement.dependencies {
        let found = provenance.dependencies.iter().find(|one| pattern.matches(&one.uri));
        checks.push(match found {
            Some(one) => Explanation::pass("dependency", format!("found `{}`", one.uri)),
            None => {
                let mismatch = Mismatch::new(None::<String>, [pattern]);
                Explanation::differs("dependency", ReasonCode::Condition, mismatch)
            }
        });
    }
    checks
}
