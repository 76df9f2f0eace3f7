//! `ImageTrustPolicy` of `trust.dev/v1alpha1`: our own small language, for what others have no words for: what is in the
//! documents that supply chains attest. `schema/image-trust-policy.json` is its JSON Schema.
//!
//! ```yaml
//! apiVersion: trust.dev/v1alpha1
//! kind: ImageTrustPolicy
//! metadata: {name: release}
//! spec:
//!   images: ["ghcr.io/acme/**"]
//!   signers:
//!     release: {issuer: "https://token.actions.githubusercontent.com", subject: "https://github.com/acme/*"}
//!   require:
//!     signatures: {from: [release]}
//!     sbom: {from: [release], profile: ntia, deny: [{purl: "pkg:npm/lodash", versions: "vers:npm/<4.17.21"}]}
//!     vulnerabilities: {from: [release], severities: [critical], fixAvailable: true, maxAge: 168h}
//!     provenance: {from: [release], builders: ["https://github.com/actions/*"]}
//! ```

use std::collections::BTreeMap;

use trust_core::internal::pem;
use trust_core::{CertificateIdentity, IdentityPolicy, Pattern, PublicKey};
use trust_sbom::{
    FindingRule, LicensePolicy, PackagePattern, Profile, Purl, Severity, Vers, VersError, VexMatching,
};

use crate::kubernetes::image_pattern::ReferencePattern;
use crate::language::PolicyLanguage;
use crate::language::reader::{At, Fields, PolicyError, labels, mode_rule};
use crate::policy::image_rule::{
    AttestationRequirement, DeniedPackage, ImageConfigRequirement, ImageRule, ProvenanceRequirement,
    SbomRequirement, SummaryRequirement, VexRequirement, VulnerabilityRequirement,
};
use crate::policy::mode::Mode;
use crate::policy::policy_set::{Policy, PolicySet, Requirement, Rule};
use crate::policy::resource_match::{Filter, Filters, ResourceMatch};
use crate::policy::signer::{Attestor, AttestorSet, Signer};
use crate::value::duration;
use crate::yaml::Node;

/// The JSON Schema of `ImageTrustPolicy`.
pub const IMAGE_TRUST_POLICY_SCHEMA: &str = include_str!("../../schema/image-trust-policy.json");

/// `ImageTrustPolicy`.
#[derive(Debug)]
pub(crate) struct Language;

impl PolicyLanguage for Language {
    fn reads(&self, api_version: &str, kind: &str) -> bool {
        api_version.starts_with("trust.dev/") && !kind.ends_with("List")
    }

    fn compile(&self, document: &Node, set: &mut PolicySet) -> Result<(), PolicyError> {
        read(&At::root(document), set)
    }
}

fn read(document: &At<'_>, set: &mut PolicySet) -> Result<(), PolicyError> {
    let mut fields = document.fields()?;
    let api_version = fields.require("apiVersion", "`trust.dev/v1alpha1`")?;
    if api_version.text()? != "trust.dev/v1alpha1" {
        return Err(api_version.wrong("`trust.dev/v1alpha1`"));
    }
    let kind = fields.require("kind", "`ImageTrustPolicy`")?;
    if kind.text()? != "ImageTrustPolicy" {
        return Err(kind.wrong("`ImageTrustPolicy`"));
    }
    let metadata = fields.require("metadata", "the policy's name")?;
    let name = metadata.fields()?.require("name", "the policy's name")?.text()?.to_owned();
    let spec = fields.require("spec", "what is required")?;
    fields.get("status"); // what its reader says of it
    fields.finish()?;

    let mut fields = spec.fields()?;
    let mode = mode_rule(fields.get("mode"), fields.get("modeOverrides"), &Mode::Enforce.into())?;
    let namespaces = patterns(&mut fields, "namespaces")?;
    let namespace_selector = fields.get("namespaceSelector").map(|at| labels::read(&at)).transpose()?;
    let images = fields.require("images", "patterns of images, such as `ghcr.io/acme/**`")?;
    let except = fields.get("exceptImages").map(|at| at.list()).transpose()?.unwrap_or_default();
    let except = except.iter().map(reference).collect::<Result<_, _>>()?;
    let pins_digest = fields.get("pinDigest").map(|at| at.boolean()).transpose()?.unwrap_or(true);
    let signers = signers(&mut fields)?;
    let require = fields.require("require", "what is required")?;
    fields.finish()?;

    let reader = Reader { signers };
    let mut images_rule = reader.require(&require)?;
    images_rule.mode = mode;
    images_rule.references = images.some()?.iter().map(reference).collect::<Result<_, _>>()?;
    images_rule.except = except;
    images_rule.pins_digest = pins_digest;
    let filter = Filter { namespaces, namespace_selector, ..Filter::default() };
    let matches = ResourceMatch { matched: Filters::Any(vec![filter]), excluded: None };
    let requirement = Requirement::Images { extractors: Vec::new(), rules: vec![images_rule] };
    let rule = Rule::new("require", matches, requirement);
    let mut policy = Policy::new(name, vec![rule]);
    "ImageTrustPolicy".clone_into(&mut policy.kind);
    set.extend(PolicySet::new(vec![policy]));
    Ok(())
}

/// Patterns of which one must match.
fn references(fields: &mut Fields<'_>, name: &str) -> Result<Vec<ReferencePattern>, PolicyError> {
    fields.get(name).map(|at| at.some()).transpose()?.unwrap_or_default().iter().map(reference).collect()
}

fn reference(at: &At<'_>) -> Result<ReferencePattern, PolicyError> {
    ReferencePattern::by_segment(at.text()?)
        .map_err(|error| at.wrong(format!("a pattern: {}", error.problem)))
}

fn patterns(fields: &mut Fields<'_>, name: &str) -> Result<Vec<Pattern>, PolicyError> {
    let list = fields.get(name).map(|at| at.texts()).transpose()?.unwrap_or_default();
    Ok(list.into_iter().map(Pattern::wildcard).collect())
}

/// The signers by their names; several keys in one text are several signers of that name.
fn signers(fields: &mut Fields<'_>) -> Result<BTreeMap<String, Vec<Attestor>>, PolicyError> {
    let mut signers = BTreeMap::new();
    let Some(all) = fields.get("signers") else { return Ok(signers) };
    for (name, at) in all.fields()?.all() {
        signers.insert(name.to_owned(), signer(&at)?);
    }
    Ok(signers)
}

fn signer(at: &At<'_>) -> Result<Vec<Attestor>, PolicyError> {
    let mut fields = at.fields()?;
    let key = fields.get("publicKey");
    let (issuer, authority) = (fields.get("issuer"), fields.get("authority"));
    let (subject, expression) = (fields.get("subject"), fields.get("subjectRegExp"));
    let mut needs =
        |log| fields.get(log).map(|at| at.boolean()).transpose().map(|needs| needs.unwrap_or(true));
    let needs_log_entry = needs("transparencyLog")?;
    let needs_certificate_log = needs("certificateTransparencyLog")?;
    fields.finish()?;
    let attestor = |signer| Attestor {
        path: at.path().to_owned(),
        needs_log_entry,
        needs_certificate_log,
        ..Attestor::new(signer)
    };
    let subject = match (subject, expression) {
        (Some(subject), None) => Some(Pattern::wildcard(subject.text()?)),
        (None, Some(expression)) => Some(
            Pattern::regex(expression.text()?)
                .map_err(|error| expression.wrong(format!("a regular expression: {}", error.problem)))?,
        ),
        (None, None) => None,
        (Some(_), Some(expression)) => return Err(expression.wrong("either this or `subject`")),
    };
    let vouched = match (issuer, authority) {
        (Some(_), Some(authority)) => return Err(authority.wrong("either this or `issuer`")),
        (issuer, authority) => issuer.map(|at| (true, at)).or(authority.map(|at| (false, at))),
    };
    match (key, vouched, subject) {
        (Some(key), None, None) => {
            let blocks = pem::split_blocks(key.text()?);
            let signers = blocks.into_iter().map(|block| match PublicKey::from_pem(block) {
                Ok(key) => Ok(attestor(Signer::Key(Box::new(key)))),
                Err(error) => Err(key.wrong(format!("public keys in PEM: {error}"))),
            });
            let signers: Vec<_> = signers.collect::<Result<_, _>>()?;
            if signers.is_empty() { Err(key.wrong("public keys in PEM")) } else { Ok(signers) }
        }
        (None, Some((is_issuer, vouched)), Some(subject)) => {
            let identity = match (is_issuer, vouched.text()?) {
                (_, "") => return Err(vouched.wrong("text that is not empty")),
                (true, issuer) => CertificateIdentity::new(subject, Pattern::exact(issuer)),
                (false, authority) => CertificateIdentity::without_issuer(subject, authority),
            };
            let policy = IdentityPolicy::new([identity]).map_err(|_| at.wrong("an identity"))?;
            Ok(vec![attestor(Signer::Identity(policy))])
        }
        _ => {
            Err(at.wrong("either `publicKey`, or `issuer` or `authority` with `subject` or `subjectRegExp`"))
        }
    }
}

struct Reader {
    signers: BTreeMap<String, Vec<Attestor>>,
}

impl Reader {
    fn require(&self, at: &At<'_>) -> Result<ImageRule, PolicyError> {
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
        let set = self.from(at, &mut fields)?;
        fields.finish()?;
        Ok(set)
    }

    /// `from`, names of signers, and `atLeast`, of how many; of all if it is absent.
    fn from(&self, at: &At<'_>, fields: &mut Fields<'_>) -> Result<AttestorSet, PolicyError> {
        let from = fields.require("from", "names of signers")?;
        let mut attestors = Vec::new();
        for name in from.some()? {
            let signers = self.signers.get(name.text()?).ok_or_else(|| name.wrong("the name of a signer"))?;
            attestors.extend(signers.iter().cloned());
        }
        let count = match fields.get("atLeast") {
            None => None,
            Some(count) => Some(
                usize::try_from(count.integer()?)
                    .ok()
                    .filter(|wanted| (1..=attestors.len()).contains(wanted))
                    .ok_or_else(|| count.wrong(format!("1 to {}, the number of signers", attestors.len())))?,
            ),
        };
        Ok(AttestorSet { path: at.path().to_owned(), count, attestors })
    }

    fn attestation(&self, at: &At<'_>) -> Result<AttestationRequirement, PolicyError> {
        let mut fields = at.fields()?;
        let predicate_type = fields.require("type", "the type of the predicate")?.text()?.to_owned();
        let mut attestation = AttestationRequirement::new(predicate_type, self.from(at, &mut fields)?);
        at.path().clone_into(&mut attestation.path);
        attestation.max_age = age(fields.get("maxAge"))?;
        fields.finish()?;
        Ok(attestation)
    }

    fn sbom(&self, at: &At<'_>) -> Result<SbomRequirement, PolicyError> {
        let mut fields = at.fields()?;
        let attestors = self.from(at, &mut fields)?;
        let profile = match fields.get("profile") {
            None => None,
            Some(name) => {
                Some(Profile::from_name(name.text()?).ok_or_else(|| name.wrong("`ntia`, `cisa` or `bsi`"))?)
            }
        };
        let denied = fields.get("deny").map(|at| at.some()).transpose()?.unwrap_or_default();
        let licenses = fields.get("licenses").map(|at| licenses(&at)).transpose()?;
        fields.finish()?;
        let denied = denied.iter().map(denied_package).collect::<Result<_, _>>()?;
        Ok(SbomRequirement { path: at.path().to_owned(), attestors, profile, denied, licenses })
    }

    fn vulnerabilities(&self, at: &At<'_>) -> Result<VulnerabilityRequirement, PolicyError> {
        let mut fields = at.fields()?;
        let attestors = self.from(at, &mut fields)?;
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
        let attestors = self.from(at, &mut fields)?;
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
            attestors: self.from(at, &mut fields)?,
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
            attestors: self.from(at, &mut fields)?,
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
    };
    fields.finish()?;
    let is_empty = requirement.max_age.is_none()
        && !requirement.non_root
        && requirement.bases.is_empty()
        && requirement.base_policy.is_none();
    match is_empty {
        true => Err(at.wrong("at least one of `maxAge`, `nonRoot: true`, `base` and `basePolicy`")),
        false => Ok(requirement),
    }
}

/// Milliseconds of a duration such as `168h`.
fn age(at: Option<At<'_>>) -> Result<Option<i64>, PolicyError> {
    let Some(at) = at else { return Ok(None) };
    let nanoseconds = duration::parse(at.text()?).filter(|nanoseconds| *nanoseconds > 0);
    nanoseconds.map(|found| Some(found / 1_000_000)).ok_or_else(|| at.wrong("a duration such as `168h`"))
}

fn probability(at: &At<'_>) -> Result<f64, PolicyError> {
    let found: Option<f64> = at.scalar()?.parse().ok();
    found.filter(|found| (0.0..=1.0).contains(found)).ok_or_else(|| at.wrong("a probability from 0 to 1"))
}

fn denied_package(at: &At<'_>) -> Result<DeniedPackage, PolicyError> {
    let mut fields = at.fields()?;
    let (purl, cpe, name) = (fields.get("purl"), fields.get("cpe"), fields.get("name"));
    let versions = fields.get("versions");
    fields.finish()?;
    let pattern = match (purl, cpe, name) {
        (Some(at), None, None) => {
            let purl: Purl =
                at.text()?.parse().map_err(|error| at.wrong(format!("a package URL: {error}")))?;
            if !purl.has_known_type() {
                let found = purl.package_type();
                return Err(at.wrong(format!("a package URL of a registered type: `{found}` is none")));
            }
            PackagePattern::Purl(Box::new(purl))
        }
        (None, Some(cpe), None) => {
            PackagePattern::Cpe(cpe.text()?.parse().map_err(|error| cpe.wrong(format!("a CPE: {error}")))?)
        }
        (None, None, Some(name)) => PackagePattern::Name(name.text()?.to_owned(), None),
        _ => return Err(at.wrong("exactly one of `purl`, `cpe` and `name`")),
    };
    let package_type = match &pattern {
        PackagePattern::Purl(purl) => Some(purl.package_type().to_owned()),
        _ => None,
    };
    let versions = match versions {
        None => None,
        Some(at) => {
            let wrong = |error: VersError| at.wrong(format!("a VERS range: {error}"));
            let range: Vers = at.text()?.parse().map_err(wrong)?;
            range.check_alternation().map_err(wrong)?;
            if let Some(package_type) = package_type.filter(|one| !range.is_for(one)) {
                return Err(
                    at.wrong(format!("a range of versions of `{package_type}`, as the package URL says"))
                );
            }
            Some(range)
        }
    };
    Ok(DeniedPackage { path: at.path().to_owned(), pattern, versions })
}

fn licenses(at: &At<'_>) -> Result<LicensePolicy, PolicyError> {
    let mut fields = at.fields()?;
    let (allow, deny) = (fields.get("allow"), fields.get("deny"));
    fields.finish()?;
    let mut policy = LicensePolicy::new();
    if let Some(allow) = allow {
        policy = policy
            .allowing(allow.texts()?)
            .map_err(|error| allow.wrong(format!("SPDX licenses: {error}")))?;
    }
    if let Some(deny) = deny {
        policy =
            policy.denying(deny.texts()?).map_err(|error| deny.wrong(format!("SPDX licenses: {error}")))?;
    }
    Ok(policy)
}
