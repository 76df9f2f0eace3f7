//! [`PolicySet`]: the one model that every policy language compiles to.

use core::fmt;

use serde::Serialize;
use trust_core::{IdentityPolicy, KeyError, Pattern, PublicKey};

use crate::overlay::Overlay;
use crate::reference::ReferencePattern;
use crate::resource::{ContainerImage, Resource};
use crate::yaml::Span;

/// Policies to judge by. All of them are judged; one that denies is enough.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    policies: Vec<Policy>,
}

/// A policy, with its rules.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Its namespace, outside of which it does not apply; `None` for all namespaces.
    pub namespace: Option<String>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
    /// What is odd about it, though it can be read.
    pub lints: Vec<Lint>,
}

/// A rule: what it is about, and what it demands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Which resources it is about.
    pub kinds: Vec<KindMatch>,
    /// What it demands.
    pub check: Check,
}

/// What a rule demands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Check {
    /// Signed images.
    Images(Vec<ImageRequirement>),
    /// A resource of a certain form.
    Form {
        /// What a violation does.
        mode: Mode,
        /// What the policy's author says about a violation.
        message: Option<String>,
        /// The form.
        overlay: Overlay,
        /// Whether the form is that of a pod, wherever in the resource the pod stands.
        of_pod: bool,
    },
}

impl Check {
    /// What a violation does, at most.
    pub(crate) fn strictest_mode(&self) -> Mode {
        match self {
            Self::Images(requirements) => {
                requirements.iter().map(|one| one.mode).max().unwrap_or(Mode::Audit)
            }
            Self::Form { mode, .. } => *mode,
        }
    }
}

/// What is demanded of the images that match.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageRequirement {
    /// Where it stands in the policy, such as `spec.rules[0].verifyImages[0]`.
    pub path: String,
    /// Its place in the text.
    pub span: Span,
    /// What a violation does.
    pub mode: Mode,
    /// Which images it is about: those that match any of these …
    pub references: Vec<ReferencePattern>,
    /// … and none of these.
    pub except: Vec<ReferencePattern>,
    /// Who must have signed: all of these sets.
    pub attestors: Vec<AttestorSet>,
    /// What must have been attested: all of these.
    pub attestations: Vec<AttestationRequirement>,
    /// Whether the resource is changed to name the digest that was verified.
    pub pins_digest: bool,
    /// Whether the resource must name a digest in the end.
    pub needs_digest: bool,
}

/// An attestation that must be there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttestationRequirement {
    /// Where it stands, relative to the requirement, such as `.attestations[0]`.
    pub path: String,
    /// The type of its predicate.
    pub predicate_type: String,
    /// Who must have signed it: all of these sets.
    pub attestors: Vec<AttestorSet>,
}

/// Signers of whom some must have signed, each counted once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AttestorSet {
    /// Where it stands, relative to the requirement, such as `.attestors[0]`.
    pub path: String,
    /// How many different ones must have signed; at least 1.
    pub count: usize,
    /// The signers; at least `count`.
    pub attestors: Vec<Attestor>,
}

/// A signer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attestor {
    /// Where it stands, relative to the requirement, such as `.attestors[0].entries[0].keys`.
    pub path: String,
    /// Who it is.
    pub signer: Signer,
    /// Whether its signatures must be in a transparency log.
    pub needs_log_entry: bool,
    /// Whether its certificates must be in a certificate transparency log.
    pub needs_certificate_log: bool,
}

/// Who a signer is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signer {
    /// The holder of a key.
    Key(Box<PublicKey>),
    /// The holder of a key that cannot be read; nobody can be it.
    UnusableKey(KeyError),
    /// Somebody with an identity that a certificate authority of the trust root vouches for.
    Identity(IdentityPolicy),
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::UnusableKey(_) => f.write_str("an unusable key"),
            Self::Identity(policy) => policy.fmt(f),
        }
    }
}

/// What a violation does. It never changes whether there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// It is reported.
    Audit,
    /// The resource is denied.
    Enforce,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audit => "Audit",
            Self::Enforce => "Enforce",
        })
    }
}

/// Something odd in a policy that can be read: it may not mean what its author thinks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// Where it stands.
    pub path: String,
    /// Its place in the text.
    pub span: Span,
    /// What is odd.
    pub message: String,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: `{}` {}", self.span, self.path, self.message)
    }
}

/// A kind of resource, by patterns: absent parts match anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindMatch {
    /// API group; empty for the core group.
    pub group: Option<Pattern>,
    /// Version within the group.
    pub version: Option<Pattern>,
    /// Kind.
    pub kind: Pattern,
}

impl KindMatch {
    pub(crate) fn matches(&self, resource: &Resource) -> bool {
        let id = resource.id();
        let (group, version) = id.api_version.split_once('/').unwrap_or(("", &id.api_version));
        self.kind.matches(&id.kind)
            && self.group.as_ref().is_none_or(|pattern| pattern.matches(group))
            && self.version.as_ref().is_none_or(|pattern| pattern.matches(version))
    }
}

impl PolicySet {
    /// A set of policies.
    #[must_use]
    pub fn new(policies: Vec<Policy>) -> Self {
        Self { policies }
    }

    /// Adds the policies of another set after these.
    pub fn extend(&mut self, other: Self) {
        self.policies.extend(other.policies);
    }

    /// The policies, in order.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// Which images evidence is needed for, before anything is fetched: each once, as written.
    #[must_use]
    pub fn required_images(&self, resource: &Resource) -> Vec<String> {
        let mut required = Vec::new();
        for image in resource.images() {
            let needed = self.rules_for(resource).any(|(_, rule)| match &rule.check {
                Check::Images(requirements) => requirements.iter().any(|one| one.is_about(&image)),
                Check::Form { .. } => false,
            });
            if needed && !required.contains(&image.image) {
                required.push(image.image);
            }
        }
        required
    }

    /// The rules that are about a resource, with their policies.
    pub(crate) fn rules_for<'a>(
        &'a self,
        resource: &'a Resource,
    ) -> impl Iterator<Item = (&'a Policy, &'a Rule)> {
        self.policies
            .iter()
            .filter(|policy| {
                policy.namespace.as_ref().is_none_or(|namespace| *namespace == resource.id().namespace)
            })
            .flat_map(|policy| policy.rules.iter().map(move |rule| (policy, rule)))
            .filter(|(_, rule)| rule.kinds.iter().any(|kind| kind.matches(resource)))
    }
}

impl ImageRequirement {
    /// Whether it is about this image. An image that cannot be read is everybody's matter: it must not slip through.
    #[must_use]
    pub fn is_about(&self, image: &ContainerImage) -> bool {
        let matches = |pattern: &ReferencePattern| pattern.matches(&image.image).unwrap_or(true);
        let excepted = |pattern: &ReferencePattern| pattern.matches(&image.image).unwrap_or(false);
        self.references.iter().any(matches) && !self.except.iter().any(excepted)
    }
}
