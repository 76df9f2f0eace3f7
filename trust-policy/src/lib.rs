//! Decides whether container images may run: policies that people already have, in; an explained verdict, out.
//!
//! [`evaluate`] is a pure function of policies, request, evidence, trust and time, so a verdict can be tested
//! without mocks, cached, and judged again a year later. Whatever is missing or unreadable denies.
//!
//! ```
//! use trust_core::UnixTime;
//! use trust_policy::{Decision, Evidence, PolicySet, Request, Resource, Trust, evaluate};
//!
//! let policies = PolicySet::from_yaml(r#"
//! apiVersion: kyverno.io/v1
//! kind: ClusterPolicy
//! metadata: {name: our-registry}
//! spec:
//!   validationFailureAction: Enforce
//!   rules:
//!   - name: images
//!     match: {any: [{resources: {kinds: [Pod]}}]}
//!     validate: {pattern: {spec: {containers: [{image: "ghcr.io/org/*"}]}}}
//! "#)?;
//! let mut pods = Resource::from_yaml(r#"
//! {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: c, image: docker.io/nginx}]}}
//! "#)?;
//! let request = Request::from(pods.remove(0));
//! let verdict = evaluate(&policies, &request, &Evidence::default(), &Trust::keys_only(), UnixTime::from_seconds(0));
//! assert_eq!(verdict.decision, Decision::Deny);
//! assert!(verdict.to_string().contains("/spec/containers/0/image: found `docker.io/nginx`, expected `ghcr.io/org/*`"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each file is about one noun, a folder about one stage; a file imports only from those before it in this list:
//!
//! | room | holds |
//! |---|---|
//! | [`yaml`] | YAML with the place of every value |
//! | `value` | durations, quantities, [`ValuePattern`] |
//! | `kubernetes` | [`Resource`], [`Request`], [`ReferencePattern`], [`LabelSelector`] |
//! | `expression` | JMESPath, [`Template`], [`Operator`], [`Conditions`] |
//! | `cel` | CEL, within limits: [`Cel`]
//! | `policy` | [`PolicySet`], [`Rule`], [`AttestorSet`], [`Mode`], [`ImageRule`], [`Check`]: what every language compiles to |
//! | `language` | [`PolicyLanguage`]; Kyverno's policies, policy-controller's `ClusterImagePolicy`, and our own `ImageTrustPolicy`; [`PolicyError`] |
//! | `evidence`, `trust` | [`Evidence`]: what was fetched, as plain data; [`Trust`]: by what signatures are verified |
//! | `verdict` | [`Verdict`], its [`Explanation`], its [`ReasonCode`]s; [`Verdict::brief`], [`Problem`] |
//! | `evaluate` | [`evaluate`]; [`PolicySet::requirements`]: what to fetch |
//! | `archive` | [`Archive`]: what was judged, to be judged again |
//! | `admission`, `external_data` | [`AdmissionReview`], which an API server asks; [`ProviderRequest`], which Gatekeeper asks |
//! | `drift` | [`Inventory`]: what runs, [`Finding`]s, [`Event`]s |
//! | `report` | [`Verdict::to_report`], [`to_sarif`], [`Verdict::to_summaries`], [`Page`] |
//! | `conversion` | [`PolicySet::to_image_trust_policies`], and to Kyverno's language: [`Conversion`] |

pub mod yaml;

mod value;

mod kubernetes;

mod expression;

mod cel;

mod policy;

mod language;

mod evidence;
mod trust;

mod verdict;

mod evaluate;

mod archive;

mod admission;
mod external_data;

mod drift;

mod report;

mod conversion;

pub use admission::{AdmissionError, AdmissionResponse, AdmissionReview};
pub use archive::{Archive, ArchiveDigests, ArchiveError, ArchivedRequest, Difference, Replay};
pub use cel::Cel;
pub use conversion::{Change, ChangeKind, Conversion};
pub use drift::event::{Event, Happened, ProblemToMend};
pub use drift::finding::{About, Action, Finding, FindingKind, FindingState, Transition};
pub use drift::guard::guard_of;
pub use drift::image_family::ImageFamily;
pub use drift::inventory::{
    Changes, Inventory, InventorySettings, JudgementKey, RecordChange, Task, WorkloadEvent,
};
pub use drift::record::{Admission, AdmittedImage, RunningRow, WorkloadRecord};
pub use drift::running_image::RunningImage;
pub use drift::workload::{RunningContainer, Workload, owner_of};
pub use evaluate::evaluate;
pub use evaluate::proof::ArtifactError;
pub use evaluate::requirements::Requirements;
pub use evidence::{Artifact, Evidence, FailureKind, FetchFailure, ImageEvidence, RevocationAnswer};
pub use expression::ExpressionError;
pub use expression::condition::{Condition, ConditionBlock, Conditions};
pub use expression::operator::{Operator, UnknownOperator};
pub use expression::template::Template;
pub use external_data::{ProviderAnswer, ProviderError, ProviderRequest};
pub use kubernetes::image_pattern::ReferencePattern;
pub use kubernetes::label_selector::{LabelCondition, LabelSelector};
pub use kubernetes::object_name::ObjectName;
pub use kubernetes::request::{Operation, Parent, Request, User};
pub use kubernetes::resource::{ContainerImage, ContainerKind, Resource, ResourceError, ResourceId};
pub use language::reader::PolicyError;
pub use language::{IMAGE_TRUST_POLICY_SCHEMA, Languages, PolicyLanguage};
pub use policy::check::{Check, CheckAnswer, CheckRequirement, CheckSubject, CheckSubjects, ImageConfig};
pub use policy::image_rule::{
    AttestationDeny, AttestationRequirement, DeniedPackage, EndOfLife, ImageAuthority,
    ImageConfigRequirement, ImageException, ImageRule, ProvenanceRequirement, SbomRequirement,
    SummaryRequirement, Tools, VexRequirement, Vouched, VouchedCount, Vouching, VulnerabilityRequirement,
    Which, WorkloadRequirement,
};
pub use policy::mode::{Mode, ModeOverride, ModeRule};
pub use policy::notation_trust::NotationTrust;
pub use policy::overlay::{KeyRule, Overlay, OverlayKey};
pub use policy::policy_set::{
    ContextEntry, ContextSource, Exception, ForEach, FormRequirement, ImageExtractor, Lint, Policy,
    PolicySet, Requirement, Rule, Uncovered,
};
pub use policy::resource_match::{Filter, Filters, KindMatch, ResourceMatch, Subject};
pub use policy::shape::Shape;
pub use policy::signer::{Attestor, AttestorSet, AttestorSetError, NamedRoots, OwnRoots, Placement, Signer};
pub use policy::validation::{
    AttestationKind, ImageSelection, NamedAttestation, NamedAttestor, NamedExpression, Validation,
    ValidationRule,
};
pub use report::page::Page;
pub use report::policy_report::ReportKind;
pub use report::sarif::to_sarif;
pub use trust::{Trust, TrustOptions};
pub use value::value_pattern::ValuePattern;
pub use verdict::brief::Brief;
pub use verdict::plain::Plain;
pub use verdict::problem::Problem;
pub use verdict::reason::{Mismatch, ReasonCode};
pub use verdict::{
    Decision, Explanation, FoundVulnerability, GrantedException, JudgedImage, Outcome, PatchOperation,
    RuleVerdict, SignatureLogEntry, SignatureTime, UncoveredImage, Verdict, VerifiedImage, VerifiedSignature,
};
