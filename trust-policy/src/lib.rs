//! x
#![allow(missing_docs)]

mod evaluate;
mod evidence;
mod kyverno;
mod model;
mod overlay;
mod reference;
mod resource;
mod signature;
mod verdict;
pub mod yaml;

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
