//! [`ImageRule`]: what is required of images: who signed them, what is attested about them, what they say about themselves.

use trust_core::{Digest, Pattern, UnixTime};
use trust_sbom::{FindingRule, LicensePolicy, PackagePattern, Profile, Vers, VexMatching};

use crate::cel::Cel;
use crate::expression::condition::Conditions;
use crate::expression::template::Template;
use crate::kubernetes::image_pattern::ReferencePattern;
use crate::kubernetes::resource::ContainerImage;
use crate::policy::mode::{Mode, ModeRule};
use crate::policy::shape::Shape;
use crate::policy::signer::{AttestorSet, Placement};
use crate::yaml::Span;

/// What is required of images, whatever language says it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageRule {
    /// Where it stands in the policy, such as `spec.rules[0].verifyImages[0]`.
    pub path: String,
    /// Its place in the text.
    pub span: Span,
    /// What a violation does.
    pub mode: ModeRule,
    /// Which images it is about: those that match any of these …
    pub references: Vec<ReferencePattern>,
    /// … and none of these.
    pub except: Vec<ReferencePattern>,
    /// Of those images the ones that are not judged for now.
    pub exceptions: Vec<ImageException>,
    /// Whether every image of the workload must be judged, or passed over by name, by some rule about images, also one that only reports.
    pub every_image: bool,
    /// Where images may come from; anywhere if there are none.
    pub registries: Vec<ReferencePattern>,
    /// Who must have signed them: all of these sets.
    pub signatures: Vec<AttestorSet>,
    /// What must have been attested: all of these.
    pub attestations: Vec<AttestationRequirement>,
    /// Authorities of whom one must vouch for each image. If the list is empty, none need to.
    pub authorities: Vec<ImageAuthority>,
    /// How often some of them must vouch, beyond that.
    pub vouched: Vec<VouchedCount>,
    /// What their configurations and the workload must be.
    pub workload: Option<WorkloadRequirement>,
    /// What must not hold of the attestations that have a name.
    pub deny: Option<AttestationDeny>,
    /// What they must be made of.
    pub sbom: Option<SbomRequirement>,
    /// What must not be found in them.
    pub vulnerabilities: Option<VulnerabilityRequirement>,
    /// How they must have been built.
    pub provenance: Option<ProvenanceRequirement>,
    /// What they must say about themselves.
    pub image: Option<ImageConfigRequirement>,
    /// Who must have checked them, and what for.
    pub summary: Option<SummaryRequirement>,
    /// What the policy says about credentials for registries, as written: for the caller that collects the evidence.
    pub registry_credentials: Option<serde_json::Value>,
    /// Whether the resource is changed to name the digest that was verified.
    pub pins_digest: bool,
    /// Whether the resource must name a digest in the end.
    pub needs_digest: bool,
}

/// Images that a rule does not judge until a time. Verdicts say so; they count as covered. One that is named by tag and excepted by
/// digest is pinned to that digest.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageException {
    /// Where it stands in the policy.
    pub path: String,
    /// Which images, by name …
    pub images: Vec<ReferencePattern>,
    /// … or by digest.
    pub digests: Vec<Digest>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Until when: from then on the images are judged again.
    pub expires: UnixTime,
}

/// The names of an expression about an attestation.
pub(crate) const ATTESTED_NAMES: [&str; 2] = ["predicate", "predicateType"];

/// Which of several documents must satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Which {
    /// One that each of enough signers signed; another one does not harm.
    Any,
    /// Every one that a trusted signer signed.
    All,
    /// The one that was signed last; where several signers are needed, of each the last. Without a time that is vouched for, which is
    /// the last is unknown. Such a time says that the signature existed then: an old one that was stamped late counts as late.
    Latest,
}

/// An attestation that must be there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttestationRequirement {
    /// Where it stands in the policy.
    pub path: String,
    /// The type of its predicate.
    pub predicate_type: String,
    /// The name by which [`AttestationDeny`] speaks of its predicate.
    pub name: Option<String>,
    /// Who must have signed it: all of these sets.
    pub attestors: Vec<AttestorSet>,
    /// What must hold of every predicate that a signer signed.
    pub conditions: Option<Conditions>,
    /// What one that a signer signed must be; another one does not harm.
    pub shape: Option<Shape>,
    /// What must be true of its `predicate`, and of which of several.
    pub expression: Option<(Which, Cel)>,
    /// How old its signature may be, in milliseconds.
    pub max_age: Option<i64>,
}

/// One of several who may vouch for an image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageAuthority {
    /// Where it stands in the policy.
    pub path: String,
    /// Its name in the policy.
    pub name: String,
    /// By what it vouches.
    pub vouching: Vouching,
}

/// By what an authority vouches for an image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Vouching {
    /// It vouches for every image.
    Always,
    /// It vouches for none, and says this.
    Never(String),
    /// By a signature.
    Signature(AttestorSet),
    /// By all of these attestations.
    Attestations(Vec<AttestationRequirement>),
}

/// How often an authority must vouch for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VouchedCount {
    /// The authority, by its name.
    pub authority: String,
    /// By what.
    pub of: Vouched,
    /// How many there must be at least …
    pub at_least: usize,
    /// … and at most.
    pub at_most: Option<usize>,
}

/// By what an authority vouched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vouched {
    /// By signatures on the image itself.
    Signatures,
    /// By attestations, each kind that the policy names counted once.
    Attestations,
}

/// What an image's configuration and the workload around it must be.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct WorkloadRequirement {
    /// Where it stands in the policy.
    pub path: String,
    /// What the configuration must be on each of these platforms that the image has, such as `linux/arm/v7`, with the names of fields as
    /// in the [image specification](https://github.com/opencontainers/image-spec/blob/v1.1.0/config.md).
    pub platforms: Vec<(String, Shape)>,
    /// What the object's `spec`, its `metadata`, and its kind and API version as `typemeta` must be.
    pub object: Vec<(String, Shape)>,
}

/// What must not hold of attestations, together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AttestationDeny {
    /// Where it stands, relative to the requirement.
    pub path: String,
    /// What the policy's author says about it.
    pub message: Option<Template>,
    /// The conditions.
    pub conditions: Conditions,
}

/// What must be true of SBOMs that trusted signers attest; at least one must be there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SbomRequirement {
    /// Where it stands in the policy.
    pub path: String,
    /// Who must have signed it.
    pub attestors: AttestorSet,
    /// Of which it must be true.
    pub which: Which,
    /// What it must say.
    pub profile: Option<&'static Profile>,
    /// What must not be in it.
    pub denied: Vec<DeniedPackage>,
    /// Which licenses its components may have.
    pub licenses: Option<LicensePolicy>,
    /// Tools that it must not list.
    pub without: Vec<Tools>,
    /// Operating systems and the ends of their lives. Where the SBOM names none, it is unknown.
    pub end_of_life: Vec<EndOfLife>,
}

/// Tools that help whoever breaks into a container. That an SBOM lists none proves that there is none as far as its maker looks: a
/// file that was copied into an image belongs to no package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tools {
    /// Shells, such as `bash` and `busybox`.
    Shells,
    /// Package managers of operating systems, such as `apt` and `apk-tools`.
    PackageManagers,
}

/// An operating system and the end of its life.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndOfLife {
    /// Its name, such as `debian`.
    pub name: String,
    /// The version, or what versions of it begin with: `10` is also `10.13`.
    pub version: String,
    /// Since when.
    pub since: UnixTime,
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
pub struct VulnerabilityRequirement {
    /// Where it stands in the policy.
    pub path: String,
    /// Who must have signed the report.
    pub attestors: AttestorSet,
    /// Which findings are forbidden.
    pub rule: FindingRule,
    /// How old the report's knowledge may be, in milliseconds.
    pub max_age: Option<i64>,
    /// Who may say that a finding does not count.
    pub vex: Option<VexRequirement>,
}

/// Who may say that findings do not count.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VexRequirement {
    /// Who must have signed the statements.
    pub attestors: AttestorSet,
    /// How they must name the image.
    pub matching: VexMatching,
}

/// How an image must have been built: what provenance must say.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProvenanceRequirement {
    /// Where it stands in the policy.
    pub path: String,
    /// Who must have signed it.
    pub attestors: AttestorSet,
    /// Of which of several it must be true.
    pub which: Which,
    /// By one of these builders; by any if there are none.
    pub builders: Vec<Pattern>,
    /// From one of these sources: where the build's instructions came from, not any of what it depends on.
    pub sources: Vec<Pattern>,
    /// With a dependency that each of these matches.
    pub dependencies: Vec<Pattern>,
    /// In one of these ways.
    pub build_types: Vec<Pattern>,
}

/// What an image must say about itself, on every platform. The image's builder says so: it is worth what the signature is worth.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ImageConfigRequirement {
    /// Where it stands in the policy.
    pub path: String,
    /// How long ago it may have been made, in milliseconds.
    pub max_age: Option<i64>,
    /// Whether it must run as a user who is not root.
    pub non_root: bool,
    /// Whether it must declare no volumes: a runtime makes each of them writable, though the root file system is not.
    pub no_volumes: bool,
    /// How many layers it may have.
    pub max_layers: Option<usize>,
    /// Which image it must say that it was built on
    /// ([`org.opencontainers.image.base.name`](https://github.com/opencontainers/image-spec/blob/v1.1.0/annotations.md)).
    pub bases: Vec<ReferencePattern>,
    /// The policy that the image must satisfy on which it was built, as its layers prove: by the name of the one policy about images
    /// that is for all namespaces and has no preconditions.
    pub base_policy: Option<String>,
    /// How long ago the image may have been made, in milliseconds, on which it was built, as its layers prove.
    pub max_base_age: Option<i64>,
}

impl ImageConfigRequirement {
    /// Whether it asks for the image below.
    pub(crate) fn needs_base(&self) -> bool {
        self.base_policy.is_some() || self.max_base_age.is_some()
    }
}

/// Who must have checked an image: what a summary must say.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SummaryRequirement {
    /// Where it stands in the policy.
    pub path: String,
    /// Who must have signed it.
    pub attestors: AttestorSet,
    /// Of which of several it must be true.
    pub which: Which,
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

impl ImageRule {
    /// Demands nothing yet of the images that one of these patterns means, and pins them; violations are denied.
    #[must_use]
    pub fn new(references: Vec<ReferencePattern>) -> Self {
        Self {
            path: "require".to_owned(),
            span: Span { line: 0, column: 0 },
            mode: Mode::Enforce.into(),
            references,
            except: Vec::new(),
            exceptions: Vec::new(),
            every_image: false,
            registries: Vec::new(),
            signatures: Vec::new(),
            attestations: Vec::new(),
            authorities: Vec::new(),
            vouched: Vec::new(),
            workload: None,
            deny: None,
            sbom: None,
            vulnerabilities: None,
            provenance: None,
            image: None,
            summary: None,
            registry_credentials: None,
            pins_digest: true,
            needs_digest: false,
        }
    }

    /// Whether it is about this image.
    #[must_use]
    pub fn applies_to(&self, image: &ContainerImage) -> bool {
        image.is_selected(&self.references, &self.except)
    }

    /// Whether it is about this image, or passes over it by name.
    pub(crate) fn covers(&self, image: &ContainerImage) -> bool {
        self.applies_to(image) || image.is_passed_over(&self.references, &self.except)
    }

    /// Whether it asks where images come from and nothing else, so that nothing need be fetched to judge it.
    pub(crate) fn needs_names_alone(&self) -> bool {
        let asks_more = self.attestor_sets().next().is_some()
            || !self.attestations.is_empty()
            || !self.authorities.is_empty()
            || self.workload.is_some()
            || self.deny.is_some()
            || self.image.is_some()
            || self.pins_digest
            || self.needs_digest;
        !self.registries.is_empty() && !asks_more
    }

    /// Whether it asks what images say about themselves.
    pub(crate) fn needs_documents(&self) -> bool {
        self.image.is_some()
            || self.workload.as_ref().is_some_and(|one| !one.platforms.is_empty())
            || self.needs_platforms()
    }

    /// Whether it asks for what was signed of single platforms.
    pub(crate) fn needs_platforms(&self) -> bool {
        self.attestor_sets().any(|set| set.placement != Placement::Image)
    }

    /// Every attestation that it asks for, by itself or through an authority.
    fn all_attestations(&self) -> impl Iterator<Item = &AttestationRequirement> {
        self.attestations.iter().chain(self.authorities.iter().flat_map(ImageAuthority::attestations))
    }

    /// Whether conditions must hold of every attestation of some type.
    pub(crate) fn has_conditions(&self) -> bool {
        self.all_attestations().any(|one| one.conditions.is_some())
    }

    /// Every set of signers that it names.
    pub(crate) fn attestor_sets(&self) -> impl Iterator<Item = &AttestorSet> {
        let vulnerabilities = self.vulnerabilities.as_ref();
        self.signatures
            .iter()
            .chain(self.authorities.iter().filter_map(ImageAuthority::signature))
            .chain(self.all_attestations().flat_map(|one| &one.attestors))
            .chain(self.sbom.as_ref().map(|one| &one.attestors))
            .chain(vulnerabilities.map(|one| &one.attestors))
            .chain(vulnerabilities.and_then(|one| one.vex.as_ref()).map(|one| &one.attestors))
            .chain(self.provenance.as_ref().map(|one| &one.attestors))
            .chain(self.summary.as_ref().map(|one| &one.attestors))
    }

    /// Whether any expression in it refers to the request.
    pub(crate) fn has_expressions(&self) -> bool {
        self.deny.is_some() || self.has_conditions() || self.attestor_sets().any(AttestorSet::has_expressions)
    }
}

impl ImageException {
    /// These images, by name or digest, for this reason, until this time.
    #[must_use]
    pub fn new(reason: impl Into<String>, owner: impl Into<String>, expires: UnixTime) -> Self {
        Self {
            path: "exceptions".to_owned(),
            images: Vec::new(),
            digests: Vec::new(),
            reason: reason.into(),
            owner: owner.into(),
            expires,
        }
    }
}

impl VouchedCount {
    /// Once, by this.
    #[must_use]
    pub fn new(authority: impl Into<String>, of: Vouched) -> Self {
        Self { authority: authority.into(), of, at_least: 1, at_most: None }
    }
}

impl EndOfLife {
    /// Nobody mends this version of an operating system since then.
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>, since: UnixTime) -> Self {
        Self { name: name.into(), version: version.into(), since }
    }
}

impl ImageAuthority {
    /// An authority that vouches by this.
    #[must_use]
    pub fn new(name: impl Into<String>, vouching: Vouching) -> Self {
        let name = name.into();
        Self { path: format!("authorities.{name}"), name, vouching }
    }

    fn signature(&self) -> Option<&AttestorSet> {
        match &self.vouching {
            Vouching::Signature(set) => Some(set),
            _ => None,
        }
    }

    fn attestations(&self) -> &[AttestationRequirement] {
        match &self.vouching {
            Vouching::Attestations(attestations) => attestations,
            _ => &[],
        }
    }
}

impl AttestationRequirement {
    /// An attestation of this type, of any age.
    #[must_use]
    pub fn new(predicate_type: impl Into<String>, attestors: AttestorSet) -> Self {
        Self {
            path: "attestation".to_owned(),
            predicate_type: predicate_type.into(),
            name: None,
            attestors: vec![attestors],
            conditions: None,
            shape: None,
            expression: None,
            max_age: None,
        }
    }
}

impl SbomRequirement {
    /// An SBOM that lists something.
    #[must_use]
    pub fn new(attestors: AttestorSet) -> Self {
        Self {
            path: "sbom".to_owned(),
            attestors,
            which: Which::All,
            profile: None,
            denied: Vec::new(),
            licenses: None,
            without: Vec::new(),
            end_of_life: Vec::new(),
        }
    }
}

impl DeniedPackage {
    /// The package in these versions, or in any.
    #[must_use]
    pub fn new(pattern: PackagePattern, versions: Option<Vers>) -> Self {
        Self { path: "deny".to_owned(), pattern, versions }
    }
}

impl VulnerabilityRequirement {
    /// A report of any age, without findings that the rule forbids.
    #[must_use]
    pub fn new(attestors: AttestorSet, rule: FindingRule) -> Self {
        Self { path: "vulnerabilities".to_owned(), attestors, rule, max_age: None, vex: None }
    }
}

impl VexRequirement {
    /// Statements by these signers, about products that are named in this way.
    #[must_use]
    pub fn new(attestors: AttestorSet, matching: VexMatching) -> Self {
        Self { attestors, matching }
    }
}

impl ProvenanceRequirement {
    /// Provenance of any kind.
    #[must_use]
    pub fn new(attestors: AttestorSet) -> Self {
        let path = "provenance".to_owned();
        Self {
            path,
            attestors,
            which: Which::Any,
            builders: Vec::new(),
            sources: Vec::new(),
            dependencies: Vec::new(),
            build_types: Vec::new(),
        }
    }
}

impl SummaryRequirement {
    /// A summary that says that something passed.
    #[must_use]
    pub fn new(attestors: AttestorSet) -> Self {
        Self {
            path: "verificationSummary".to_owned(),
            attestors,
            which: Which::Any,
            verifiers: Vec::new(),
            resources: Vec::new(),
            policies: Vec::new(),
            max_age: None,
            level: None,
        }
    }
}
