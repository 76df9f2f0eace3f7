//! What is asked of provenance and of verification summaries: who built it, from what, and who checked that.

use trust_core::ImageRef;
use trust_sbom::{Predicate, PredicateKind, Provenance, Purl};

use super::{Asked, Document, is_young, judged, one_of, one_text};
use crate::image_trust::{ProvenanceDemand, SummaryDemand};
use crate::signature::ReasonCode;
use crate::verdict::Explanation;

impl Asked<'_> {
    pub(super) fn provenance(&self, demand: &ProvenanceDemand) -> Explanation {
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

    pub(super) fn summary(&self, demand: &SummaryDemand) -> Explanation {
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
