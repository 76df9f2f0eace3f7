//! Policies in other languages than they were written in: to move to another engine, or to this one's own language.
//!
//! What a policy demands of images is written anew, and no demand is made weaker: a rule that the other language cannot say is left
//! out and named, and so is whatever denies more, or is asked of fewer, than before.
//!
//! | file | holds |
//! |---|---|
//! | `parts` | patterns, selectors, keys and modes, as every language writes them |
//! | `scope` | to which requests a rule applies, as far as other languages can say it |
//! | `image_trust_policy`, `image_validating_policy` | the languages that are written |

mod parts;
mod scope;

mod image_trust_policy;
mod image_validating_policy;

use core::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::policy::image_rule::ImageRule;
use crate::policy::policy_set::{Policy, PolicySet, Requirement, Rule};

/// Policies in another language, and what is not the same there.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Conversion {
    /// The policies: objects that can be applied.
    pub documents: Vec<Value>,
    /// What is not the same, in the policies' order.
    pub changes: Vec<Change>,
}

/// What is not the same in another language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Change {
    /// The policy.
    pub policy: String,
    /// Its rule; empty if it is about the policy as a whole.
    pub rule: String,
    /// What becomes of it.
    pub kind: ChangeKind,
    /// What is not the same.
    pub message: String,
}

/// What becomes of something that is not the same in another language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ChangeKind {
    /// It is not in the documents: keep the policy that says it.
    LeftOut,
    /// More is denied than before.
    Stricter,
    /// It is asked of fewer resources or images.
    Narrower,
    /// It is the same here, and other engines read it in another way.
    Elsewhere,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, rule, kind, message } = self;
        let rule = if rule.is_empty() { String::new() } else { format!(", rule `{rule}`") };
        let kind = match kind {
            ChangeKind::LeftOut => "left out",
            ChangeKind::Stricter => "stricter",
            ChangeKind::Narrower => "narrower",
            ChangeKind::Elsewhere => "elsewhere",
        };
        write!(f, "policy `{policy}`{rule}: {kind}: {message}")
    }
}

/// Why something cannot be said.
type Obstacle = String;

/// A rule about images, on its way.
struct Source<'a> {
    policy: &'a Policy,
    rule: &'a Rule,
    images: &'a ImageRule,
    /// The name of the new policy.
    name: String,
}

/// Writes a rule in another language, and says what is not the same.
type Writer = fn(&Source<'_>, &mut Vec<(ChangeKind, String)>) -> Result<Vec<Value>, Obstacle>;

impl PolicySet {
    /// The rules about images as `ImageTrustPolicy` of `trust.dev/v1beta1`. Policies that are such are left out.
    #[must_use]
    pub fn to_image_trust_policies(&self) -> Conversion {
        self.converted("ImageTrustPolicy", image_trust_policy::write)
    }

    /// The rules about signatures and attestations as Kyverno's `ImageValidatingPolicy` of `policies.kyverno.io/v1`. Policies that are
    /// such are left out.
    #[must_use]
    pub fn to_image_validating_policies(&self) -> Conversion {
        self.converted("ImageValidatingPolicy", image_validating_policy::write)
    }

    fn converted(&self, kind: &str, write: Writer) -> Conversion {
        let mut conversion = Conversion::default();
        for policy in self.policies() {
            conversion.add_policy(policy, kind, write);
        }
        for exception in self.exceptions() {
            let message = "the exception is not converted: it names rules that are called otherwise now";
            let name = format!("{}/{}", exception.namespace, exception.name);
            conversion.note(&name, "", ChangeKind::LeftOut, message.to_owned());
        }
        conversion
    }
}

impl Conversion {
    fn note(&mut self, policy: &str, rule: &str, kind: ChangeKind, message: String) {
        self.changes.push(Change { policy: policy.to_owned(), rule: rule.to_owned(), kind, message });
    }

    fn add_policy(&mut self, policy: &Policy, kind: &str, write: Writer) {
        let mut left_out = |rule: &str, message: &str| {
            self.note(&policy.name, rule, ChangeKind::LeftOut, message.to_owned())
        };
        if policy.kind == kind {
            return left_out("", &format!("it is `{kind}` already"));
        }
        if policy.first_rule_only && policy.rules.len() > 1 {
            return left_out("", "only the first of its rules counts that judges a resource");
        }
        let count: usize = policy.rules.iter().map(|rule| image_rules(rule).len()).sum();
        let mut index = 0;
        for rule in &policy.rules {
            if image_rules(rule).is_empty() {
                self.note(
                    &policy.name,
                    &rule.name,
                    ChangeKind::LeftOut,
                    "it is about no images by patterns, signatures or attestations".to_owned(),
                );
            }
            for images in image_rules(rule) {
                index += 1;
                let name = if count == 1 { policy.name.clone() } else { format!("{}-{index}", policy.name) };
                self.add(&Source { policy, rule, images, name }, write);
            }
        }
    }

    fn add(&mut self, source: &Source<'_>, write: Writer) {
        let mut changes = Vec::new();
        let (policy, rule) = (&source.policy.name, &source.rule.name);
        match write(source, &mut changes) {
            Ok(documents) => {
                for document in documents {
                    let document = self.with_own_name(document, source);
                    self.documents.push(document);
                }
                for (kind, message) in changes {
                    self.note(policy, rule, kind, message);
                }
            }
            Err(obstacle) => self.note(policy, rule, ChangeKind::LeftOut, obstacle),
        }
    }
}

impl Conversion {
    /// A document whose name no other one has, for it would take its place: the namespace is a part of it where there is none any more.
    fn with_own_name(&self, mut document: Value, source: &Source<'_>) -> Value {
        let of = |one: &Value, pointer| one.pointer(pointer).cloned().unwrap_or_default();
        let identity =
            |one: &Value| ["/kind", "/metadata/namespace", "/metadata/name"].map(|pointer| of(one, pointer));
        let written = of(&document, "/metadata/name").as_str().unwrap_or_default().to_owned();
        let name = match &source.policy.namespace {
            Some(namespace) if of(&document, "/metadata/namespace").is_null() => {
                format!("{namespace}-{written}")
            }
            _ => written,
        };
        let others = (2..).map(|number| format!("{name}-{number}"));
        for own in core::iter::once(name.clone()).chain(others) {
            if let Some(place) = document.pointer_mut("/metadata/name") {
                *place = own.into();
            }
            if !self.documents.iter().any(|one| identity(one) == identity(&document)) {
                break;
            }
        }
        document
    }
}

/// The rules about images that stand in a rule.
fn image_rules(rule: &Rule) -> &[ImageRule] {
    match &rule.requirement {
        Requirement::Images { rules, .. } => rules,
        _ => &[],
    }
}
