//! [`ImageTrust`]: what is demanded of images and of what is attested about them, whatever language says it.

use trust_core::Pattern;
use trust_sbom::{FindingRule, LicensePolicy, PackagePattern, Profile, Vers, VexMatching};

use crate::kubernetes::image_pattern::ReferencePattern;
use crate::policy::mode::{Mode, ModeRule};
use crate::policy::signer::AttestorSet;
use crate::yaml::Span;

/// What is demanded of images, and of what trusted signers attest about them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageTrust {
    /// Where it stands in the policy.
    pub path: String,
    /// Its place in the text.
    pub span: Span,
    /// What a violation does.
    pub mode: ModeRule,
    /// Which images it is about: those that match any of these …
    pub references: Vec<ReferencePattern>,
    /// … and none of these.
    pub except: Vec<ReferencePattern>,
    /// Where images may come from; anywhere if there are none.
    pub registries: Vec<ReferencePattern>,
    /// Who must have signed them.
    pub signatures: Option<AttestorSet>,
    /// What must have been attested.
    pub attestations: Vec<AttestationDemand>,
    /// What they must be made of.
    pub sbom: Option<SbomDemand>,
    /// What must not be found in them.
    pub vulnerabilities: Option<VulnerabilityDemand>,
    /// How they must have been built.
    pub provenance: Option<ProvenanceDemand>,
    /// What they must say about themselves.
    pub image: Option<ImageDemand>,
    /// Who must have checked them, and what for.
    pub summary: Option<SummaryDemand>,
    /// Whether the resource is changed to name the digest that was verified.
    pub pins_digest: bool,
}

/// An attestation that must be there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttestationDemand {
    /// The type of its predicate.
    pub predicate_type: String,
    /// Who must have signed it.
    pub attestors: AttestorSet,
    /// How old its signature may be, in milliseconds.
    pub max_age: Option<i64>,
}

/// What must be true of every bill of materials that trusted signers attest; at least one must be there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SbomDemand {
    /// Where it stands in the policy.
    pub path: String,
    /// Who must have signed it.
    pub attestors: AttestorSet,
    /// What it must say.
    pub profile: Option<&'static Profile>,
    /// What must not be in it.
    pub denied: Vec<DeniedPackage>,
    /// Which licenses its components may have.
    pub licenses: Option<LicensePolicy>,
}

/// A package that must not be there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeniedPackage {
    /// Where it stands in the policy.
    pub path: String,
    /// The package.
    pub pattern: PackagePattern,
    /// In these versions; in any if there is no range.
    pub versions: Option<Vers>,
}

/// What must not be found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VulnerabilityDemand {
    /// Where it stands in the policy.
    pub path: String,
    /// Who must have signed the report.
    pub attestors: AttestorSet,
    /// Which findings are forbidden.
    pub rule: FindingRule,
    /// How old the report's knowledge may be, in milliseconds.
    pub max_age: Option<i64>,
    /// Who may say that a finding does not count.
    pub vex: Option<VexDemand>,
}

/// Who may say that findings do not count.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VexDemand {
    /// Who must have signed the statements.
    pub attestors: AttestorSet,
    /// How they must name the image.
    pub matching: VexMatching,
}

/// How an image must have been built: some provenance must say all of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProvenanceDemand {
    /// Where it stands in the policy.
    pub path: String,
    /// Who must have signed it.
    pub attestors: AttestorSet,
    /// By one of these builders; by any if there are none.
    pub builders: Vec<Pattern>,
    /// From one of these sources: where the build's instructions came from, not any of what it depends on.
    pub sources: Vec<Pattern>,
    /// With a dependency that each of these matches.
    pub dependencies: Vec<Pattern>,
    /// In one of these ways.
    pub build_types: Vec<Pattern>,
}

/// What an image must say about itself, on every platform. Whoever built it says so, so it is worth what its signature is.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImageDemand {
    /// Where it stands in the policy.
    pub path: String,
    /// How long ago it may have been made, in milliseconds.
    pub max_age: Option<i64>,
    /// Whether it must run as a user who is not root.
    pub non_root: bool,
    /// Which image it must say that it was built on
    /// ([`org.opencontainers.image.base.name`](https://github.com/opencontainers/image-spec/blob/v1.1.0/annotations.md)).
    pub bases: Vec<ReferencePattern>,
    /// The [`ImageTrust`] policy that the image must satisfy on which it was built, as its layers prove.
    pub base_policy: Option<String>,
}

/// Who must have checked an image: some summary must say all of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SummaryDemand {
    /// Where it stands in the policy.
    pub path: String,
    /// Who must have signed it.
    pub attestors: AttestorSet,
    /// By one of these verifiers; by any if there are none.
    pub verifiers: Vec<Pattern>,
    /// Of one of these resources (`resourceUri`); of the image's own repository or digest if there are none.
    pub resources: Vec<Pattern>,
    /// Against one of these policies (`policy.uri`); against any if there are none.
    pub policies: Vec<Pattern>,
    /// How long ago, in milliseconds.
    pub max_age: Option<i64>,
    /// To this level of SLSA's build track, 1 to 4, or above.
    pub level: Option<u8>,
}

impl ImageTrust {
    /// Demands nothing yet of the images that one of these patterns means; violations are denied.
    #[must_use]
    pub fn new(references: Vec<ReferencePattern>) -> Self {
        Self {
            path: "require".to_owned(),
            span: Span { line: 0, column: 0 },
            mode: Mode::Enforce.into(),
            references,
            except: Vec::new(),
            registries: Vec::new(),
            signatures: None,
            attestations: Vec::new(),
            sbom: None,
            vulnerabilities: None,
            provenance: None,
            image: None,
            summary: None,
            pins_digest: true,
        }
    }

    /// Every set of signers that it names.
    pub(crate) fn attestors(&self) -> impl Iterator<Item = &AttestorSet> {
        let vulnerabilities = self.vulnerabilities.as_ref();
        self.signatures
            .iter()
            .chain(self.attestations.iter().map(|one| &one.attestors))
            .chain(self.sbom.as_ref().map(|one| &one.attestors))
            .chain(vulnerabilities.map(|one| &one.attestors))
            .chain(vulnerabilities.and_then(|one| one.vex.as_ref()).map(|one| &one.attestors))
            .chain(self.provenance.as_ref().map(|one| &one.attestors))
            .chain(self.summary.as_ref().map(|one| &one.attestors))
    }
}

impl AttestationDemand {
    /// An attestation of this type, of any age.
    #[must_use]
    pub fn new(predicate_type: impl Into<String>, attestors: AttestorSet) -> Self {
        Self { predicate_type: predicate_type.into(), attestors, max_age: None }
    }
}

impl SbomDemand {
    /// A bill of materials that lists something.
    #[must_use]
    pub fn new(attestors: AttestorSet) -> Self {
        Self { path: "sbom".to_owned(), attestors, profile: None, denied: Vec::new(), licenses: None }
    }
}

impl DeniedPackage {
    /// The package in these versions, or in any.
    #[must_use]
    pub fn new(pattern: PackagePattern, versions: Option<Vers>) -> Self {
        Self { path: "deny".to_owned(), pattern, versions }
    }
}

impl VulnerabilityDemand {
    /// A report of any age, without findings that the rule forbids.
    #[must_use]
    pub fn new(attestors: AttestorSet, rule: FindingRule) -> Self {
        Self { path: "vulnerabilities".to_owned(), attestors, rule, max_age: None, vex: None }
    }
}

impl VexDemand {
    /// Statements by these signers, about products that are named in this way.
    #[must_use]
    pub fn new(attestors: AttestorSet, matching: VexMatching) -> Self {
        Self { attestors, matching }
    }
}

impl ProvenanceDemand {
    /// Provenance of any kind.
    #[must_use]
    pub fn new(attestors: AttestorSet) -> Self {
        let path = "provenance".to_owned();
        Self {
            path,
            attestors,
            builders: Vec::new(),
            sources: Vec::new(),
            dependencies: Vec::new(),
            build_types: Vec::new(),
        }
    }
}

impl SummaryDemand {
    /// A summary that says that something passed.
    #[must_use]
    pub fn new(attestors: AttestorSet) -> Self {
        Self {
            path: "verificationSummary".to_owned(),
            attestors,
            verifiers: Vec::new(),
            resources: Vec::new(),
            policies: Vec::new(),
            max_age: None,
            level: None,
        }
    }
}
