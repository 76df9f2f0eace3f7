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
use std::collections::BTreeSet;

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
        // A document that is called as a policy of its kind would take its place.
        let identity = |one: &Policy| Identity {
            kind: one.kind.clone(),
            namespace: one.namespace.clone().unwrap_or_default(),
            name: one.name.clone(),
        };
        let mut taken = self.policies().iter().map(identity).collect();
        for policy in self.policies() {
            conversion.add_policy(policy, kind, write, &mut taken);
        }
        for exception in self.exceptions() {
            let message =
                "the exception is not converted: the rules that it names have other names afterwards";
            let name = format!("{}/{}", exception.namespace, exception.name);
            conversion.note(&name, "", ChangeKind::LeftOut, message);
        }
        conversion
    }
}

impl Conversion {
    fn note(&mut self, policy: &str, rule: &str, kind: ChangeKind, message: impl Into<String>) {
        let (policy, rule) = (policy.to_owned(), rule.to_owned());
        self.changes.push(Change { policy, rule, kind, message: message.into() });
    }

    fn add_policy(&mut self, policy: &Policy, kind: &str, write: Writer, taken: &mut BTreeSet<Identity>) {
        let mut left_out =
            |rule: &str, message: &str| self.note(&policy.name, rule, ChangeKind::LeftOut, message);
        if policy.kind == kind {
            return left_out("", &format!("it is `{kind}` already"));
        }
        if policy.first_rule_only && policy.rules.len() > 1 {
            return left_out("", "only the first of its rules counts that judges a resource");
        }
        let count: usize = policy.rules.iter().map(|rule| image_rules(rule).len()).sum();
        let mut index = 0;
        for rule in &policy.rules {
            let problem = match image_rules(rule) {
                [] if matches!(rule.requirement, Requirement::Validations(_)) => {
                    Some("it is written in CEL, which is not converted")
                }
                [] => Some("it is about no images by patterns, signatures or attestations"),
                [first, others @ ..] => others.iter().any(|one| one.mode != first.mode).then_some(
                    "what a violation does differs between its entries, and the strictest counts for all",
                ),
            };
            if let Some(problem) = problem {
                self.note(&policy.name, &rule.name, ChangeKind::LeftOut, problem);
                continue;
            }
            for images in image_rules(rule) {
                index += 1;
                let name = if count == 1 { policy.name.clone() } else { format!("{}-{index}", policy.name) };
                self.add(&Source { policy, rule, images, name }, write, taken);
            }
        }
    }

    fn add(&mut self, source: &Source<'_>, write: Writer, taken: &mut BTreeSet<Identity>) {
        let mut changes = Vec::new();
        let (policy, rule) = (&source.policy.name, &source.rule.name);
        match write(source, &mut changes) {
            Ok(documents) => {
                let namespace = source.policy.namespace.as_deref();
                self.documents.extend(documents.into_iter().map(|one| with_own_name(one, namespace, taken)));
                for (kind, message) in changes {
                    self.note(policy, rule, kind, message);
                }
            }
            Err(obstacle) => self.note(policy, rule, ChangeKind::LeftOut, obstacle),
        }
    }
}

/// What tells objects apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    kind: String,
    namespace: String,
    name: String,
}

/// A document whose name is not taken: the namespace is a part of it where there is none any more.
fn with_own_name(mut document: Value, namespace: Option<&str>, taken: &mut BTreeSet<Identity>) -> Value {
    let text = |pointer| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut identity = Identity {
        kind: text("/kind"),
        namespace: text("/metadata/namespace"),
        name: text("/metadata/name"),
    };
    if let (true, Some(namespace)) = (identity.namespace.is_empty(), namespace) {
        identity.name = format!("{namespace}-{}", identity.name);
    }
    let (written, mut number) = (identity.name.clone(), 1);
    while !taken.insert(identity.clone()) {
        number += 1;
        identity.name = format!("{written}-{number}");
    }
    if let Some(name) = document.pointer_mut("/metadata/name") {
        *name = identity.name.into();
    }
    document
}

/// The rules about images that stand in a rule.
fn image_rules(rule: &Rule) -> &[ImageRule] {
    match &rule.requirement {
        Requirement::Images { rules, .. } => rules,
        _ => &[],
    }
}
