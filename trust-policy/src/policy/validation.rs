//! [`ValidationRule`]: what expressions in CEL require of a request and of its images.

use crate::cel::{Cel, Question};
use crate::kubernetes::image_pattern::ReferencePattern;
use crate::kubernetes::resource::{ContainerImage, ContainerKind};
use crate::policy::mode::ModeRule;
use crate::policy::signer::AttestorSet;

/// What expressions in CEL require of a request and of its images.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ValidationRule {
    /// Where it stands in the policy.
    pub path: String,
    /// What a violation does.
    pub mode: ModeRule,
    /// It applies to a request only where all of these hold.
    pub conditions: Vec<NamedExpression>,
    /// Which images it asks about, and what it can ask of them.
    pub images: ImageSelection,
    /// `variables`, each for those after it.
    pub variables: Vec<NamedExpression>,
    /// What must hold, in order.
    pub validations: Vec<Validation>,
}

/// An expression with a name.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NamedExpression {
    /// The name.
    pub name: String,
    /// The expression.
    pub expression: Cel,
}

/// What must hold.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Validation {
    /// Where it stands in the policy.
    pub path: String,
    /// What must be true.
    pub expression: Cel,
    /// What the policy's author says if it is not …
    pub message: Option<String>,
    /// … and what takes its place if it has a value.
    pub message_expression: Option<Cel>,
}

/// Which images expressions ask about, and what they can ask of them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImageSelection {
    /// Those that one of these patterns …
    pub references: Vec<ReferencePattern>,
    /// … or expressions over `ref` selects; every image if there are neither.
    pub reference_expressions: Vec<Cel>,
    /// Lists of images that stand elsewhere than in pods, by name.
    pub extractors: Vec<NamedExpression>,
    /// `attestors`
    pub attestors: Vec<NamedAttestor>,
    /// `attestations`
    pub attestations: Vec<NamedAttestation>,
    /// Whether the resource is changed to name the digests of the images.
    pub pins_digest: bool,
    /// Whether the resource must name digests in the end.
    pub needs_digest: bool,
    /// Whether each image must have been verified by some expression, of whichever rule of this kind.
    pub needs_signature: bool,
    /// What the policy says about credentials for registries, as written: for the caller that collects the evidence.
    pub registry_credentials: Option<serde_json::Value>,
}

/// A signer with a name.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NamedAttestor {
    /// The name.
    pub name: String,
    /// Who it is.
    pub signers: AttestorSet,
    /// The key of the signers, in PEM, if an expression makes it.
    pub key: Option<Cel>,
}

/// A kind of attestation with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedAttestation {
    /// The name.
    pub name: String,
    /// The kind.
    pub kind: AttestationKind,
}

/// A kind of attestation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttestationKind {
    /// In-toto statements with this type of predicate.
    Statement(String),
    /// Artifacts of this type that refer to the image. Signatures on them are not verified here.
    Referrer(String),
}

impl ValidationRule {
    /// Whether it asks about images, so that it judges them.
    #[must_use]
    pub fn asks_about_images(&self) -> bool {
        let images = &self.images;
        !(images.attestors.is_empty()
            && images.references.is_empty()
            && images.reference_expressions.is_empty()
            && images.extractors.is_empty())
    }

    /// Whether an expression asks what images say about themselves.
    pub(crate) fn asks_image_data(&self) -> bool {
        let variables = self.variables.iter().map(|one| &one.expression);
        let validations =
            self.validations.iter().flat_map(|one| [Some(&one.expression), one.message_expression.as_ref()]);
        variables.chain(validations.flatten()).any(|one| one.asks(Question::ImageData))
    }

    /// Whether it is about an image, as far as that is known without its expressions.
    pub(crate) fn covers(&self, image: &ContainerImage) -> bool {
        self.asks_about_images() && self.images.selects(image) == Some(true)
    }
}

impl ImageSelection {
    /// Whether patterns select an image; `None` if expressions decide. Images that are mounted as volumes stand in no list.
    pub(crate) fn selects(&self, image: &ContainerImage) -> Option<bool> {
        match (image.kind, self.references.is_empty(), self.reference_expressions.is_empty()) {
            (ContainerKind::Volume, ..) => Some(false),
            (_, true, true) => Some(true),
            _ if image.is_selected(&self.references, &[]) => Some(true),
            (_, _, true) => Some(false),
            _ => None,
        }
    }
}
