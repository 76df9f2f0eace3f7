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
//! let verdict = evaluate(&policies, &request, &Evidence::default(), &Trust::nobody(), UnixTime::from_seconds(0));
//! assert_eq!(verdict.decision, Decision::Deny);
//! assert!(verdict.to_string().contains("/spec/containers/0/image: found `docker.io/nginx`, expected `ghcr.io/org/*`"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each file is about one noun, and imports only from files above it in this list:
//!
//! | file | holds |
//! |---|---|
//! | [`yaml`] | YAML with the place of every value |
//! | `pointer` | JSON pointers |
//! | `reference` | [`ReferencePattern`]: which images a text means |
//! | `resource`, `request` | [`Resource`]: Kubernetes objects and their images; [`Request`]: what is done with one, by whom |
//! | `evidence` | [`Evidence`]: what was fetched, as plain data |
//! | `duration`, `quantity`, `value_pattern` | what values amount to; [`ValuePattern`]: which values a text means |
//! | `budget` | how much work one judgement may be |
//! | `expression`, `template` | JMESPath; [`Template`]: values with expressions in them |
//! | `operator`, `condition` | [`Operator`]; [`Conditions`] |
//! | `label_selector`, `overlay`, `resource_match` | [`LabelSelector`]; [`Overlay`]: forms of resources; [`ResourceMatch`] |
//! | `trust` | [`Trust`]: by what signatures are verified |
//! | `mode`, `signer` | [`Mode`]: what a violation does; [`AttestorSet`]: who must have signed |
//! | `image_trust`, `model` | [`ImageTrust`]: what is asked of what is attested; [`PolicySet`]: what every policy language compiles to |
//! | `image_content` | what images say about themselves |
//! | `image_extractor`, `scope` | the images of a resource, for one rule; what a rule's expressions can refer to |
//! | `reader` | what the readers of policies share: values with paths and places; [`PolicyError`] |
//! | `kyverno` | Kyverno's ClusterPolicy, Policy and PolicyException |
//! | `image_trust_policy` | our own policies, on what supply chains attest |
//! | `policy_file` | [`PolicySet::from_yaml`]: which language a document is of |
//! | `signature` | signatures and attestations, in whichever form they were stored |
//! | `plain` | text of strangers as it may be printed |
//! | `verdict` | [`Verdict`] and its explanation |
//! | `evaluate` | [`evaluate`] |
//! | `plan` | [`PolicySet::requirements`]: what to fetch |
//! | `archive` | [`Archive`]: what was judged, to be judged again |
//! | `admission`, `report` | [`AdmissionReview`]; [`Verdict::to_report`] |

pub mod yaml;

mod pointer;

mod reference;

mod object_name;

mod reason;

mod resource;

mod request;

mod evidence;

mod duration;
mod quantity;
mod value_pattern;

mod budget;

mod expression;
mod template;

mod operator;

mod condition;
mod label_selector;
mod overlay;

mod resource_match;

mod trust;

mod mode;
mod signer;

mod image_trust;

mod model;

mod image_content;
mod image_extractor;
mod scope;

mod reader;

mod image_trust_policy;
mod kyverno;

mod policy_file;

mod signature;

mod plain;

mod verdict;

mod evaluate;

mod plan;

mod archive;

mod admission;
mod report;

pub use admission::{AdmissionError, AdmissionResponse, AdmissionReview};
pub use archive::{Archive, ArchiveDigests, ArchiveError, ArchivedRequest, Difference, Replay};
pub use condition::{Condition, ConditionBlock, Conditions};
pub use evaluate::evaluate;
pub use evidence::{Artifact, Evidence, FailureKind, FetchFailure, ImageEvidence};
pub use image_trust::{
    AttestationDemand, DeniedPackage, ImageDemand, ImageTrust, ProvenanceDemand, SbomDemand, SummaryDemand,
    VexDemand, VulnerabilityDemand,
};
pub use label_selector::{LabelCondition, LabelSelector};
pub use mode::{Mode, ModeOverride, ModeRule};
pub use model::{
    AttestationDeny, AttestationRequirement, Check, ContextEntry, ContextSource, Demand, Exception, ForEach,
    ImageExtractor, ImageRequirement, Lint, Policy, PolicySet, Rule, Uncovered,
};
pub use object_name::ObjectName;
pub use operator::{Operator, UnknownOperator};
pub use overlay::{KeyRule, Overlay, OverlayKey};
pub use plan::Requirements;
pub use reader::PolicyError;
pub use reason::ReasonCode;
pub use reference::ReferencePattern;
pub use report::ReportKind;
pub use request::{Operation, Parent, Request, User};
pub use resource::{ContainerImage, ContainerKind, Resource, ResourceError, ResourceId};
pub use resource_match::{Filter, Filters, KindMatch, ResourceMatch, Subject};
pub use signer::{Attestor, AttestorSet, AttestorSetError, OwnRoots, Signer};
pub use template::Template;
pub use trust::{Trust, TrustOptions};
pub use value_pattern::ValuePattern;
pub use verdict::{
    Decision, Explanation, JudgedImage, Outcome, PatchOperation, RuleVerdict, SignatureLogEntry,
    SignatureTime, UncoveredImage, Verdict, VerifiedImage, VerifiedSignature,
};
