//! Decides whether container images may run: policies that people already have, in; an explained verdict, out.
//!
//! [`evaluate`] is a pure function of policies, resource, evidence, trust root and time, so a verdict can be tested
//! without mocks, cached, and judged again a year later. Whatever is missing or unreadable denies.
//!
//! ```
//! use trust_core::{TrustRoot, UnixTime};
//! use trust_policy::{Decision, Evidence, PolicySet, Resource, evaluate};
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
//! let pod = Resource::from_yaml(r#"
//! {apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: c, image: docker.io/nginx}]}}
//! "#)?;
//! let verdict = evaluate(&policies, &pod[0], &Evidence::default(), &TrustRoot::empty(), UnixTime::from_seconds(0));
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
//! | `resource` | [`Resource`]: Kubernetes objects and their images |
//! | `evidence` | [`Evidence`]: what was fetched, as plain data |
//! | `reference`, `overlay` | patterns on images, and on the form of resources |
//! | `model` | [`PolicySet`]: what every policy language compiles to |
//! | `kyverno` | Kyverno's ClusterPolicy and Policy |
//! | `signature` | signatures and attestations, in whichever form they were stored |
//! | `verdict` | [`Verdict`] and its explanation |
//! | `evaluate` | [`evaluate`] |

pub mod yaml;

mod resource;

mod evidence;

mod overlay;
mod reference;

mod model;

mod kyverno;

mod signature;

mod verdict;

mod evaluate;

pub use evaluate::evaluate;
pub use evidence::{Artifact, Evidence, FailureKind, FetchFailure, ImageEvidence};
pub use kyverno::PolicyError;
pub use model::{
    AttestationRequirement, Attestor, AttestorSet, Check, ImageRequirement, KindMatch, Lint, Mode, Policy,
    PolicySet, Rule, Signer,
};
pub use overlay::{Overlay, OverlayKey, TextCondition};
pub use reference::{Dialect, ReferencePattern};
pub use resource::{ContainerImage, ContainerKind, Resource, ResourceError, ResourceId};
pub use signature::ReasonCode;
pub use verdict::{Decision, Explanation, Outcome, PatchOperation, RuleVerdict, Verdict, VerifiedImage};
