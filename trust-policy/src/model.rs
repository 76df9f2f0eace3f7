//! [`PolicySet`]: the one model that every policy language compiles to.

use core::fmt;

use serde::Serialize;
use trust_core::{IdentityPolicy, KeyError, Pattern, PublicKey};

use crate::condition::Conditions;
use crate::label_selector::LabelSelector;
use crate::overlay::Overlay;
use crate::reference::ReferencePattern;
use crate::request::Request;
use crate::resource::ContainerImage;
use crate::resource_match::ResourceMatch;
use crate::template::Template;
use crate::yaml::Span;

/// Policies to judge by. All of them are judged; one that denies is enough.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    policies: Vec<Policy>,
    exceptions: Vec<Exception>,
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
    /// Whether only the first rule counts that is about a resource.
    pub first_rule_only: bool,
    /// What is odd about it, though it can be read.
    pub lints: Vec<Lint>,
}

/// A rule: what it is about, and what it demands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Which requests it is about.
    pub matches: ResourceMatch,
    /// Whether it speaks of a pod, wherever in the resource the pod stands.
    pub of_pod: bool,
    /// Names for its expressions, each for those after it.
    pub context: Vec<ContextEntry>,
    /// Where these do not hold, it is about nothing.
    pub preconditions: Option<Conditions>,
    /// What it demands.
    pub check: Check,
}

/// A name for expressions.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ContextEntry {
    /// The name.
    pub name: String,
    /// What it stands for.
    pub source: ContextSource,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ContextSource {
    /// A value, computed or written.
    Variable {
        /// What is taken a part of; everything if there is none.
        value: Option<Template>,
        /// The part.
        path: Option<Template>,
        /// What it is if that has no value.
        default: Option<Template>,
    },
    /// A ConfigMap, by namespace and name, which whoever collects the evidence looks up.
    ConfigMap {
        /// Its namespace.
        namespace: Template,
        /// Its name.
        name: Template,
    },
}

/// What a rule demands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Check {
    /// Signed images.
    Images {
        /// Where images stand in kinds that have them elsewhere than in pods.
        extractors: Vec<ImageExtractor>,
        /// What is demanded of them.
        requirements: Vec<ImageRequirement>,
    },
    /// A resource of a certain form.
    Form {
        /// What a violation does.
        mode: ModeRule,
        /// What the policy's author says about a violation.
        message: Option<Template>,
        /// The form.
        demand: Demand,
    },
}

/// What is demanded of a resource, or of an element of one of its lists.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Demand {
    /// One of these forms.
    Forms(Vec<Overlay>),
    /// That these conditions do not hold.
    Deny(Conditions),
    /// Something of each element of some lists.
    ForEach(Vec<ForEach>),
}

/// What is demanded of each element of a list.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ForEach {
    /// Where it stands in the policy.
    pub path: String,
    /// An expression whose value is the list.
    pub list: Template,
    /// Names for the expressions, each for those after it.
    pub context: Vec<ContextEntry>,
    /// Elements for which these do not hold are passed over.
    pub preconditions: Option<Conditions>,
    /// What is demanded.
    pub demand: Demand,
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
    pub mode: ModeRule,
    /// Which images it is about: those that match any of these …
    pub references: Vec<ReferencePattern>,
    /// … and none of these.
    pub except: Vec<ReferencePattern>,
    /// Who must have signed: all of these sets.
    pub attestors: Vec<AttestorSet>,
    /// What must have been attested: all of these.
    pub attestations: Vec<AttestationRequirement>,
    /// What must not hold of the attestations that have a name.
    pub deny: Option<AttestationDeny>,
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
    /// The name by which [`AttestationDeny`] speaks of its predicate.
    pub name: Option<String>,
    /// Who must have signed it: all of these sets.
    pub attestors: Vec<AttestorSet>,
    /// What must hold of every predicate that a signer signed.
    pub conditions: Option<Conditions>,
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

/// Signers of whom some must have signed, each counted once.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AttestorSet {
    /// Where it stands, relative to the requirement, such as `.attestors[0]`.
    pub path: String,
    /// How many different ones must have signed, at least 1; `None` for all.
    pub count: Option<usize>,
    /// The signers; at least `count`.
    pub attestors: Vec<Attestor>,
}

/// A signer.
#[derive(Clone, Debug, PartialEq)]
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
    /// Annotations that the signature must have.
    pub annotations: Vec<(String, String)>,
}

/// Who a signer is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Signer {
    /// The holder of a key.
    Key(Box<PublicKey>),
    /// The holder of a key that cannot be read; nobody can be it.
    UnusableKey(KeyError),
    /// The holders of the keys that expressions have as their value.
    KeysOf(Template),
    /// The holder of the key in a Secret, which whoever collects the evidence looks up.
    KeyInSecret(ObjectName),
    /// Somebody with an identity that a certificate authority of the trust root vouches for.
    Identity(IdentityPolicy),
    /// Some of the signers of a set.
    Some(Box<AttestorSet>),
    /// Somebody whose signature cannot be verified here yet; nobody can be it.
    Unsupported(&'static str),
}

/// A namespaced object of Kubernetes that a policy refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ObjectName {
    /// `ConfigMap` or `Secret`.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::UnusableKey(_) => f.write_str("an unusable key"),
            Self::KeysOf(_) => f.write_str("keys of a context entry"),
            Self::KeyInSecret(object) => write!(f, "the key in {object}"),
            Self::Identity(policy) => policy.fmt(f),
            Self::Some(set) => {
                let signers: Vec<_> = set.attestors.iter().map(|one| one.signer.to_string()).collect();
                let count = set.count.map_or_else(|| "all".to_owned(), |count| count.to_string());
                write!(f, "{count} of ({})", signers.join("; "))
            }
            Self::Unsupported(what) => f.write_str(what),
        }
    }
}

/// What a violation does. It never changes whether there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// It is reported.
    Audit,
    /// It is reported, and whoever asks is warned.
    Warn,
    /// The resource is denied.
    Enforce,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audit => "Audit",
            Self::Warn => "Warn",
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

/// What a violation does, by namespace.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModeRule {
    /// Where no override says otherwise.
    pub default: Mode,
    /// The first that is about the namespace counts.
    pub overrides: Vec<ModeOverride>,
}

/// What a violation does in some namespaces.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModeOverride {
    /// What it does.
    pub mode: Mode,
    /// In these namespaces; in all if there are none.
    pub namespaces: Vec<Pattern>,
    /// In namespaces with these labels.
    pub selector: Option<LabelSelector>,
}

impl ModeRule {
    /// What a violation does in a request's namespace. Where that cannot be known, the stricter is taken.
    #[must_use]
    pub fn of(&self, request: &Request) -> Mode {
        let mut strictest = None;
        for one in &self.overrides {
            let namespace = &request.resource.id().namespace;
            if !one.namespaces.is_empty() && !one.namespaces.iter().any(|pattern| pattern.matches(namespace))
            {
                continue;
            }
            match (&one.selector, &request.namespace_labels) {
                (Some(selector), Some(labels)) if !selector.matches(labels) => {}
                (Some(_), None) => strictest = strictest.max(Some(one.mode)),
                _ => return strictest.max(Some(one.mode)).unwrap_or(one.mode),
            }
        }
        strictest.max(Some(self.default)).unwrap_or(self.default)
    }
}

/// Where images stand in a kind of resource.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ImageExtractor {
    /// The kind.
    pub kind: String,
    /// The way to the images, or to what holds them; `*` for every element.
    pub path: Vec<String>,
    /// The field that is the image, of what the path leads to; `None` if that is the image itself.
    pub value: Option<String>,
    /// The field that names it, for messages.
    pub key: Option<String>,
    /// An expression that makes a reference of what is found.
    pub transform: Option<Template>,
}

impl PolicySet {
    /// A set of policies.
    #[must_use]
    pub fn new(policies: Vec<Policy>) -> Self {
        Self { policies, exceptions: Vec::new() }
    }

    /// Adds the policies of another set after these.
    pub fn extend(&mut self, other: Self) {
        self.policies.extend(other.policies);
        self.exceptions.extend(other.exceptions);
    }

    /// The policies, in order.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// Adds exceptions: what they are about, the rules that they name do not judge.
    pub fn add_exceptions(&mut self, exceptions: impl IntoIterator<Item = Exception>) {
        self.exceptions.extend(exceptions);
    }

    /// The exceptions.
    #[must_use]
    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }
}

/// Requests that some rules do not judge.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Exception {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The rules, by policy (with its namespace, if it has one) and name, with wildcards.
    pub rules: Vec<(Pattern, Vec<Pattern>)>,
    /// Which requests.
    pub matches: ResourceMatch,
    /// And only where these hold.
    pub conditions: Option<Conditions>,
}

impl Exception {
    /// Whether it names a rule.
    #[must_use]
    pub fn names(&self, policy: &Policy, rule: &str) -> bool {
        let full = policy.namespace.as_ref().map(|namespace| format!("{namespace}/{}", policy.name));
        let policy = full.as_ref().unwrap_or(&policy.name);
        self.rules
            .iter()
            .any(|(name, rules)| name.matches(policy) && rules.iter().any(|pattern| pattern.matches(rule)))
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
