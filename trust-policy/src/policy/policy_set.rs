//! [`PolicySet`]: the one model that every policy language compiles to.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use trust_core::notation::{StoreKind, TrustStore, TrustStores};
use trust_core::{Pattern, UnixTime};
use trust_sbom::Formats;

use crate::expression::condition::Conditions;
use crate::expression::template::Template;
use crate::kubernetes::image_pattern::ReferencePattern;
use crate::kubernetes::resource::{ContainerImage, Resource};
use crate::policy::check::CheckRequirement;
use crate::policy::image_rule::ImageRule;
use crate::policy::mode::ModeRule;
use crate::policy::notation_trust::NotationTrust;
use crate::policy::overlay::Overlay;
use crate::policy::resource_match::{Filter, Filters, ResourceMatch};
use crate::policy::signer::OwnRoots;
use crate::policy::validation::{NamedExpression, ValidationRule};
use crate::yaml::Span;

/// Policies to judge by. All of them are judged; one that denies is enough.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    policies: Vec<Policy>,
    exceptions: Vec<Exception>,
    /// Or why one cannot be used.
    roots: BTreeMap<String, Result<OwnRoots, String>>,
    trust_stores: TrustStores,
    /// Kinds and names that stand for several stores.
    ambiguous_stores: BTreeSet<(StoreKind, String)>,
    uncovered: Uncovered,
    allowed: Vec<ReferencePattern>,
    blocks_unchanged: bool,
    formats: Formats,
}

/// What becomes of a workload with an image that no image rule judges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uncovered {
    /// It is denied: a set from which a policy is missing must not let through what that policy was for.
    #[default]
    Deny,
    /// It is reported.
    Report,
    /// It is allowed.
    Allow,
}

/// A policy, with its rules.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// The kind of its document, such as `ClusterPolicy`; empty if it is of none.
    pub kind: String,
    /// Its namespace, outside of which it does not apply; `None` for all namespaces.
    pub namespace: Option<String>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
    /// Whether of each kind of rules only the first counts that judges a resource.
    pub first_rule_only: bool,
    /// What is odd about it, though it can be read.
    pub lints: Vec<Lint>,
}

impl Policy {
    /// A policy for all namespaces.
    #[must_use]
    pub fn new(name: impl Into<String>, rules: Vec<Rule>) -> Self {
        Self {
            name: name.into(),
            kind: String::new(),
            namespace: None,
            rules,
            first_rule_only: false,
            lints: Vec::new(),
        }
    }

    /// A policy that requires this of every resource with images.
    ///
    /// ```
    /// use trust_core::PublicKey;
    /// use trust_policy::{Attestor, AttestorSet, ImageRule, Policy, PolicySet, ReferencePattern, SbomRequirement, Signer};
    ///
    /// let key = PublicKey::from_pem(
    ///     "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEi2S6o+OgSF2KM/C69kidhhoK7kxtYSfjg7vQ0h4L5Xd+6ymfIrFxi/CI2U1jYkW9LLWibC6JbCnqUrXlyahLVw==\n-----END PUBLIC KEY-----\n",
    /// )?;
    /// let builder = AttestorSet::new(vec![Attestor::new(Signer::Key(Box::new(key)))])?;
    /// let mut rule = ImageRule::new(vec![ReferencePattern::by_segment("ghcr.io/acme/**")?]);
    /// rule.sbom = Some(SbomRequirement::new(builder));
    /// let policies = PolicySet::new(vec![Policy::about_images("sbom", rule)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn about_images(name: impl Into<String>, rule: ImageRule) -> Self {
        Self::of_one_rule(name, Requirement::Images { extractors: Vec::new(), rules: vec![rule] })
    }

    /// A policy that asks this of every resource.
    #[must_use]
    pub fn checking(name: impl Into<String>, requirement: CheckRequirement) -> Self {
        Self::of_one_rule(name, Requirement::Check(requirement))
    }

    fn of_one_rule(name: impl Into<String>, requirement: Requirement) -> Self {
        let matched = Filters::Any(vec![Filter::default()]);
        let matches = ResourceMatch { matched, excluded: None };
        Self::new(name, vec![Rule::new("require", matches, requirement)])
    }
}

/// A rule: what it applies to, and what it requires.
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
    /// What it requires.
    pub requirement: Requirement,
}

impl Rule {
    /// A rule about these requests.
    #[must_use]
    pub fn new(name: impl Into<String>, matches: ResourceMatch, requirement: Requirement) -> Self {
        let name = name.into();
        Self { name, matches, of_pod: false, context: Vec::new(), preconditions: None, requirement }
    }
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
    /// What a registry holds of an image, which the caller collects.
    Image {
        /// The image.
        reference: Template,
        /// The part that is meant, if not everything.
        path: Option<Template>,
    },
    /// A ConfigMap, by namespace and name, which the caller looks up while it collects evidence.
    ConfigMap {
        /// Its namespace.
        namespace: Template,
        /// Its name.
        name: Template,
    },
}

/// What a rule requires.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Requirement {
    /// Something of images.
    Images {
        /// Where images stand in kinds that have them elsewhere than in pods.
        extractors: Vec<ImageExtractor>,
        /// What.
        rules: Vec<ImageRule>,
    },
    /// A resource of a certain form.
    Form {
        /// What a violation does.
        mode: ModeRule,
        /// What the policy's author says about a violation.
        message: Option<Template>,
        /// The form.
        requirement: FormRequirement,
        /// Whether an update is reported only, if the resource violated the rule before it.
        allows_existing: bool,
    },
    /// What expressions in CEL say of the request and its images.
    Validations(Box<ValidationRule>),
    /// What an embedder's own check says.
    Check(CheckRequirement),
}

/// What is required of a resource, or of an element of one of its lists.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum FormRequirement {
    /// One of these forms.
    Forms(Vec<Overlay>),
    /// That these conditions do not hold.
    Deny(Conditions),
    /// Something of each element of some lists.
    ForEach(Vec<ForEach>),
}

/// What is required of each element of a list.
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
    /// Whether a form is required of the element, or of what the loop stands in; without it of the element if it is a map.
    pub of_element: Option<bool>,
    /// What is required.
    pub requirement: FormRequirement,
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
        Self { policies, ..Self::default() }
    }

    /// Says what becomes of workloads with an image that no image rule judges; without it they are denied.
    ///
    /// An image is covered if a rule about images judges it, or passes over it by name or by an exception. In a set without any
    /// such rule, every rule about the form of the workload covers its images; a [`Check`](crate::Check) covers none.
    #[must_use]
    pub fn with_uncovered(mut self, uncovered: Uncovered) -> Self {
        self.uncovered = uncovered;
        self
    }

    /// Allows uncovered images that one of these patterns selects.
    #[must_use]
    pub fn allowing_images(mut self, patterns: impl IntoIterator<Item = ReferencePattern>) -> Self {
        self.allowed.extend(patterns);
        self
    }

    /// Blocks updates that leave an image, or a form that was wrong before, as it was. Without it such violations are
    /// reported and do not deny: a label, a finalizer or a scale-down starts nothing that does not run already.
    #[must_use]
    pub fn blocking_unchanged(mut self) -> Self {
        self.blocks_unchanged = true;
        self
    }

    /// Reads attested documents in these formats.
    #[must_use]
    pub fn with_formats(mut self, formats: Formats) -> Self {
        self.formats = formats;
        self
    }

    /// The formats in which attested documents are read.
    #[must_use]
    pub fn formats(&self) -> &Formats {
        &self.formats
    }

    /// What becomes of workloads with an image that no image rule judges.
    #[must_use]
    pub fn uncovered(&self) -> Uncovered {
        self.uncovered
    }

    /// Which uncovered images are allowed.
    #[must_use]
    pub fn allowed_images(&self) -> &[ReferencePattern] {
        &self.allowed
    }

    /// Whether updates are blocked that leave a violation as it was.
    #[must_use]
    pub fn blocks_unchanged(&self) -> bool {
        self.blocks_unchanged
    }

    /// Adds the policies of another set after these. What is allowed beyond both stays as it is here.
    pub fn extend(&mut self, other: Self) {
        self.policies.extend(other.policies);
        self.exceptions.extend(other.exceptions);
        self.roots.extend(other.roots);
        for ((_, name), store) in other.trust_stores {
            self.add_trust_store(name, store);
        }
        self.ambiguous_stores.extend(other.ambiguous_stores);
    }

    /// Adds a root that policies of the set name, in the place of one of this name; or says why it cannot be used, so that what is signed
    /// by it is denied for that reason.
    pub fn add_trust_root(&mut self, name: impl Into<String>, root: Result<OwnRoots, String>) {
        self.roots.insert(name.into(), root);
    }

    /// The root of this name, or why it cannot be used; `None` if there is none.
    #[must_use]
    pub fn trust_root(&self, name: &str) -> Option<Result<&OwnRoots, &str>> {
        self.roots.get(name).map(|root| root.as_ref().map_err(String::as_str))
    }

    /// Whether it has a root or a trust store for policies of other texts.
    pub(crate) fn has_trust_material(&self) -> bool {
        !self.roots.is_empty() || !self.trust_stores.is_empty()
    }

    /// Adds a trust store for signers of the Notary Project's kind. Of two with the same kind and name and different certificates, neither can
    /// be used.
    pub fn add_trust_store(&mut self, name: impl Into<String>, store: TrustStore) {
        let key = (store.kind(), name.into());
        match self.trust_stores.get(&key) {
            Some(found) if *found != store => drop(self.ambiguous_stores.insert(key)),
            Some(_) => {}
            None => drop(self.trust_stores.insert(key, store)),
        }
    }

    /// Why a signer's trust stores cannot be used, if one name stands for several.
    pub(crate) fn ambiguous_store(&self, trust: &NotationTrust) -> Option<String> {
        let mut named = trust.statement.stores.iter();
        let is_ambiguous = |key: &&(StoreKind, String)| {
            !trust.stores.contains_key(*key) && self.ambiguous_stores.contains(*key)
        };
        named.find(is_ambiguous).map(|(kind, name)| {
            format!("the trust store `{kind}:{name}` is defined several times, with different certificates")
        })
    }

    /// The trust stores, by kind and name.
    #[must_use]
    pub fn trust_stores(&self) -> &TrustStores {
        &self.trust_stores
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
    /// The kinds of documents from whose policies it excepts; from policies of any kind if there are none.
    pub kinds: Vec<String>,
    /// And only where all of these hold.
    pub expressions: Option<Vec<NamedExpression>>,
    /// Until when.
    pub expires: Option<UnixTime>,
}

impl Exception {
    /// Requests that some rules do not judge: those of policies whose names match the first pattern of a pair, and whose own names
    /// match one of its others. A filter that names nothing exempts nothing.
    #[must_use]
    pub fn new(name: impl Into<String>, rules: Vec<(Pattern, Vec<Pattern>)>, matches: ResourceMatch) -> Self {
        Self {
            name: name.into(),
            namespace: String::new(),
            rules,
            matches,
            conditions: None,
            kinds: Vec::new(),
            expressions: None,
            expires: None,
        }
    }

    /// Whether it names a rule, by the name that Kyverno gives it for a resource: a rule about pods that extends to their
    /// controllers is called `autogen-…` there.
    #[must_use]
    pub fn names(&self, policy: &Policy, rule: &Rule, resource: &Resource) -> bool {
        if !self.kinds.is_empty() && !self.kinds.contains(&policy.kind) {
            return false;
        }
        let rule = match (rule.of_pod, resource.id().kind.as_str()) {
            (false, _) | (true, "Pod") => rule.name.clone(),
            (true, "CronJob") => format!("autogen-cronjob-{}", rule.name),
            (true, _) => format!("autogen-{}", rule.name),
        };
        let full = policy.namespace.as_ref().map(|namespace| format!("{namespace}/{}", policy.name));
        let policy = full.as_ref().unwrap_or(&policy.name);
        self.rules
            .iter()
            .any(|(name, rules)| name.matches(policy) && rules.iter().any(|pattern| pattern.matches(&rule)))
    }
}

impl Rule {
    /// Whether any expression in it refers to the request.
    pub(crate) fn has_expressions(&self) -> bool {
        let of_requirement = match &self.requirement {
            Requirement::Images { extractors, rules } => {
                extractors.iter().any(|one| one.transform.is_some())
                    || rules.iter().any(ImageRule::has_expressions)
            }
            // What CEL refers to is not in the scope of JMESPath.
            Requirement::Check(_) | Requirement::Validations(_) => false,
            Requirement::Form { message, requirement, .. } => {
                message.as_ref().is_some_and(|message| message.constant().is_none())
                    || !matches!(requirement, FormRequirement::Forms(forms) if !forms.iter().any(Overlay::has_expressions))
            }
        };
        of_requirement || !self.context.is_empty() || self.preconditions.is_some()
    }
}

impl Requirement {
    /// Whether it is about images, and judges an image or passes over it by name.
    pub(crate) fn covers(&self, image: &ContainerImage) -> bool {
        match self {
            Self::Images { rules, .. } => rules.iter().any(|one| one.covers(image)),
            Self::Validations(rule) => rule.covers(image),
            // What an embedder asks besides does not release an image.
            Self::Form { .. } | Self::Check(_) => false,
        }
    }
}
