//! `require`: what is required of images.

use trust_sbom::{FindingRule, Profile, Severity, VexMatching};

use super::packages::{denied_package, end_of_life, licenses, tools};
use super::signers::Signers;
use super::{age, patterns, references};
use crate::cel::names::Names;
use crate::language::reader::expressions::expression;
use crate::language::reader::{At, PolicyError};
use crate::policy::image_rule::{
    ATTESTED_NAMES, AttestationRequirement, ImageConfigRequirement, ImageRule, ProvenanceRequirement,
    SbomRequirement, SummaryRequirement, VexRequirement, VulnerabilityRequirement, Which,
};
use crate::policy::signer::AttestorSet;

/// Reads what is required, of these signers.
pub(super) struct Reader {
    pub(super) signers: Signers,
}

impl Reader {
    pub(super) fn require(&self, at: &At<'_>) -> Result<ImageRule, PolicyError> {
        let mut fields = at.fields()?;
        let registries = references(&mut fields, "registries")?;
        let attestations = fields.get("attestations").map(|at| at.some()).transpose()?.unwrap_or_default();
        let mut rule = ImageRule::new(Vec::new());
        at.path().clone_into(&mut rule.path);
        rule.span = at.span();
        rule.registries = registries;
        rule.signatures =
            fields.get("signatures").map(|at| self.signatures(&at)).transpose()?.into_iter().collect();
        rule.attestations = attestations.iter().map(|at| self.attestation(at)).collect::<Result<_, _>>()?;
        rule.sbom = fields.get("sbom").map(|at| self.sbom(&at)).transpose()?;
        rule.vulnerabilities =
            fields.get("vulnerabilities").map(|at| self.vulnerabilities(&at)).transpose()?;
        rule.provenance = fields.get("provenance").map(|at| self.provenance(&at)).transpose()?;
        rule.image = fields.get("image").map(|at| image(&at)).transpose()?;
        rule.summary = fields.get("verificationSummary").map(|at| self.summary(&at)).transpose()?;
        fields.finish()?;
        if rule.registries.is_empty() && rule.image.is_none() && rule.attestor_sets().next().is_none() {
            return Err(at.wrong("at least one requirement"));
        }
        Ok(rule)
    }

    fn signatures(&self, at: &At<'_>) -> Result<AttestorSet, PolicyError> {
        let mut fields = at.fields()?;
        let mut set = self.signers.placed_set(at, &mut fields)?;
        let names = references(&mut fields, "signedNames")?;
        fields.finish()?;
        for attestor in &mut set.attestors {
            attestor.names.clone_from(&names);
        }
        Ok(set)
    }

    fn attestation(&self, at: &At<'_>) -> Result<AttestationRequirement, PolicyError> {
        let mut fields = at.fields()?;
        let predicate_type = fields.require("type", "the type of the predicate")?.text()?.to_owned();
        let mut attestation =
            AttestationRequirement::new(predicate_type, self.signers.placed_set(at, &mut fields)?);
        at.path().clone_into(&mut attestation.path);
        attestation.max_age = age(fields.get("maxAge"))?;
        let which = fields.get("which");
        let expression = fields.get("expression").map(|at| expression(&at, &attested_names())).transpose()?;
        fields.finish()?;
        attestation.expression = match (expression, &which) {
            (Some(expression), which) => Some((self::which(which.as_ref(), Which::All)?, expression)),
            (None, Some(which)) => return Err(which.wrong("no `which` without an `expression`")),
            (None, None) => None,
        };
        Ok(attestation)
    }

    fn sbom(&self, at: &At<'_>) -> Result<SbomRequirement, PolicyError> {
        let mut fields = at.fields()?;
        let attestors = self.signers.placed_set(at, &mut fields)?;
        let profile = match fields.get("profile") {
            None => None,
            Some(name) => {
                Some(Profile::from_name(name.text()?).ok_or_else(|| name.wrong("`ntia`, `cisa` or `bsi`"))?)
            }
        };
        let denied = fields.get("deny").map(|at| at.some()).transpose()?.unwrap_or_default();
        let licenses = fields.get("licenses").map(|at| licenses(&at)).transpose()?;
        let which = which(fields.get("which").as_ref(), Which::All)?;
        let without = fields.get("without").map(|at| at.some()).transpose()?.unwrap_or_default();
        let end_of_life = fields.get("endOfLife").map(|at| at.some()).transpose()?.unwrap_or_default();
        fields.finish()?;
        Ok(SbomRequirement {
            path: at.path().to_owned(),
            attestors,
            which,
            profile,
            denied: denied.iter().map(denied_package).collect::<Result<_, _>>()?,
            licenses,
            without: without.iter().map(tools).collect::<Result<_, _>>()?,
            end_of_life: end_of_life.iter().map(self::end_of_life).collect::<Result<_, _>>()?,
        })
    }

    fn vulnerabilities(&self, at: &At<'_>) -> Result<VulnerabilityRequirement, PolicyError> {
        let mut fields = at.fields()?;
        let attestors = self.signers.placed_set(at, &mut fields)?;
        let mut rule = FindingRule::default();
        for severity in fields.get("severities").map(|at| at.some()).transpose()?.unwrap_or_default() {
            match Severity::from_name(severity.text()?) {
                Severity::Unknown if severity.text()? != "unknown" => {
                    return Err(severity.wrong("a severity such as `critical`, or `unknown`"));
                }
                known => rule.severities.push(known),
            }
        }
        let mut flag =
            |name| fields.get(name).map(|at| at.boolean()).transpose().map(Option::unwrap_or_default);
        (rule.fixed_only, rule.exploited_only) = (flag("fixAvailable")?, flag("knownExploited")?);
        rule.min_epss = fields.get("epss").map(|at| probability(&at)).transpose()?;
        let max_age = age(fields.get("maxAge"))?;
        let vex = fields.get("vex").map(|at| self.vex(&at)).transpose()?;
        fields.finish()?;
        Ok(VulnerabilityRequirement { path: at.path().to_owned(), attestors, rule, max_age, vex })
    }

    fn vex(&self, at: &At<'_>) -> Result<VexRequirement, PolicyError> {
        let mut fields = at.fields()?;
        let attestors = self.signers.set(at, &mut fields)?;
        let matching = match fields.get("products") {
            None => VexMatching::Digest,
            Some(by) => match by.text()? {
                "digest" => VexMatching::Digest,
                "identifier" => VexMatching::Identifier,
                _ => return Err(by.wrong("`digest` or `identifier`")),
            },
        };
        fields.finish()?;
        Ok(VexRequirement { attestors, matching })
    }

    fn provenance(&self, at: &At<'_>) -> Result<ProvenanceRequirement, PolicyError> {
        let mut fields = at.fields()?;
        let requirement = ProvenanceRequirement {
            path: at.path().to_owned(),
            attestors: self.signers.placed_set(at, &mut fields)?,
            which: which(fields.get("which").as_ref(), Which::Any)?,
            builders: patterns(&mut fields, "builders")?,
            sources: patterns(&mut fields, "sources")?,
            dependencies: patterns(&mut fields, "dependencies")?,
            build_types: patterns(&mut fields, "buildTypes")?,
        };
        fields.finish()?;
        Ok(requirement)
    }

    fn summary(&self, at: &At<'_>) -> Result<SummaryRequirement, PolicyError> {
        let mut fields = at.fields()?;
        let level = fields.get("buildLevel");
        let requirement = SummaryRequirement {
            path: at.path().to_owned(),
            attestors: self.signers.placed_set(at, &mut fields)?,
            which: which(fields.get("which").as_ref(), Which::Any)?,
            verifiers: patterns(&mut fields, "verifiers")?,
            resources: patterns(&mut fields, "resources")?,
            policies: patterns(&mut fields, "policies")?,
            max_age: age(fields.get("maxAge"))?,
            level: match &level {
                None => None,
                Some(at) => Some(
                    u8::try_from(at.integer()?)
                        .ok()
                        .filter(|level| (1..=4).contains(level))
                        .ok_or_else(|| at.wrong("1 to 4"))?,
                ),
            },
        };
        fields.finish()?;
        Ok(requirement)
    }
}

fn image(at: &At<'_>) -> Result<ImageConfigRequirement, PolicyError> {
    let mut fields = at.fields()?;
    let requirement = ImageConfigRequirement {
        path: at.path().to_owned(),
        max_age: age(fields.get("maxAge"))?,
        non_root: fields.get("nonRoot").map(|at| at.boolean()).transpose()?.unwrap_or_default(),
        bases: references(&mut fields, "base")?,
        base_policy: fields.get("basePolicy").map(|at| at.text()).transpose()?.map(str::to_owned),
        max_base_age: age(fields.get("maxBaseAge"))?,
        no_volumes: fields.get("noVolumes").map(|at| at.boolean()).transpose()?.unwrap_or_default(),
        max_layers: fields.get("maxLayers").map(|at| layers(&at)).transpose()?,
    };
    fields.finish()?;
    // With nothing but its path it asks nothing.
    let nothing = ImageConfigRequirement { path: at.path().to_owned(), ..ImageConfigRequirement::default() };
    if requirement == nothing {
        return Err(at.wrong("at least one requirement, such as `maxAge` or `nonRoot: true`"));
    }
    Ok(requirement)
}

fn layers(at: &At<'_>) -> Result<usize, PolicyError> {
    usize::try_from(at.integer()?)
        .ok()
        .filter(|layers| *layers > 0)
        .ok_or_else(|| at.wrong("a number of layers from 1 on"))
}

/// `which` of several documents must satisfy.
fn which(at: Option<&At<'_>>, default: Which) -> Result<Which, PolicyError> {
    let Some(at) = at else { return Ok(default) };
    Ok(match at.text()? {
        "any" => Which::Any,
        "all" => Which::All,
        "latest" => Which::Latest,
        _ => return Err(at.wrong("`any`, `all` or `latest`")),
    })
}

/// The names of an expression about an attestation.
fn attested_names() -> Names {
    Names { values: ATTESTED_NAMES.to_vec(), ..Names::default() }
}

fn probability(at: &At<'_>) -> Result<f64, PolicyError> {
    let found: Option<f64> = at.scalar()?.parse().ok();
    found.filter(|found| (0.0..=1.0).contains(found)).ok_or_else(|| at.wrong("a probability from 0 to 1"))
}
