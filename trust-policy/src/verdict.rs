//! [`Verdict`]: what was decided about a resource, and the whole tree of why.

pub(crate) mod plain;
pub(crate) mod reason;

pub(crate) mod brief;
pub(crate) mod problem;

use core::fmt;
use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use trust_core::{
    Digest, FulcioExtension, UnixTime, VerifiedBundle, VerifiedLogEntry, VerifiedSigner, VerifiedTime,
};

use self::plain::Plain;
use self::reason::{Mismatch, ReasonCode};
use crate::kubernetes::resource::{ContainerImage, ResourceId};
use crate::policy::mode::Mode;

/// Whether the resource may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// It may.
    Allow,
    /// It may not: a rule that is enforced is violated, or cannot be judged; or an image is [uncovered](crate::Uncovered).
    Deny,
}

/// What was decided about a resource. Its text and its JSON are the same for the same inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Verdict {
    /// Whether it may run.
    pub decision: Decision,
    /// The resource.
    pub resource: ResourceId,
    /// Every rule that applies to it, in the policies' order.
    pub rules: Vec<RuleVerdict>,
    /// Images that would run and that no rule about images judged: what becomes of them, the policy set says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncovered: Vec<UncoveredImage>,
    /// The digests that were verified.
    pub images: Vec<VerifiedImage>,
    /// A JSON patch (RFC 6902) that pins what was verified; empty if the resource is denied.
    pub patch: Vec<PatchOperation>,
}

/// What a rule says about a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RuleVerdict {
    /// The policy.
    pub policy: String,
    /// The rule.
    pub rule: String,
    /// What a violation does; where a rule's requirements differ, the strictest of those that are violated.
    pub mode: Mode,
    /// Whether it holds.
    pub outcome: Outcome,
    /// Why.
    pub explanations: Vec<Explanation>,
}

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It does.
    Pass,
    /// It does not, or that cannot be known.
    Fail,
    /// It applies to nothing in this resource.
    Skip,
}

/// A node of the tree of why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Explanation {
    /// What was checked.
    pub check: String,
    /// Whether it holds.
    pub outcome: Outcome,
    /// What was found, and where it fails, what was expected.
    pub message: String,
    /// What kind of reason it is, where it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<ReasonCode>,
    /// What differs, where two things were compared: the message says it in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<Box<Mismatch>>,
    /// The image, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Box<JudgedImage>>,
    /// Until when it holds, if its age is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixTime>,
    /// The signature that was verified, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Box<VerifiedSignature>>,
    /// The exception because of which it was not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<Box<GrantedException>>,
    /// The vulnerabilities that are forbidden, where some are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vulnerabilities: Vec<FoundVulnerability>,
    /// What it was concluded from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Explanation>,
}

/// An exception that was granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct GrantedException {
    /// Where it stands: in the policy, or an object with its namespace.
    pub name: String,
    /// Why, if that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who answers for it, if that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Until when, if it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<UnixTime>,
}

/// A vulnerability in a package of an image, as a report says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FoundVulnerability {
    /// Its identifier, such as `CVE-2024-3094`.
    pub id: String,
    /// How severe it is: `critical`, `high` and so on, as [`Severity::name`](trust_sbom::Severity::name) writes it.
    pub severity: String,
    /// The package, as package URL where there is one, else its name and version.
    pub package: String,
    /// Versions in which it is fixed; empty if none is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixed_in: Vec<String>,
}

/// A signature that was verified, for programs: what the messages say in words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct VerifiedSignature {
    /// SHA-256 of the key's SubjectPublicKeyInfo; `None` if an identity signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    /// Who vouched for the identity; `None` if a key signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The identity: the certificate's names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// The source repository, if the certificate names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The type of what was attested; `None` for a signature on the image itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
    /// When it was signed, by whom that is vouched for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<SignatureTime>,
    /// The transparency logs that it is in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log_entries: Vec<SignatureLogEntry>,
}

/// A time at which a signature existed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SignatureTime {
    /// When.
    pub time: UnixTime,
    /// Who vouches for it: a timestamp authority, a log, or the caller.
    pub by: String,
}

/// An entry of a transparency log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SignatureLogEntry {
    /// The log, by its base URL.
    pub log: String,
    /// The entry's place in it.
    pub index: u64,
}

impl VerifiedSignature {
    pub(crate) fn of(verified: &VerifiedBundle, predicate_type: Option<&str>) -> Self {
        let time = |one: &VerifiedTime| SignatureTime { time: one.time(), by: one.source().to_string() };
        let entry =
            |one: &VerifiedLogEntry| SignatureLogEntry { log: one.log().to_owned(), index: one.log_index() };
        let mut signature = Self {
            predicate_type: predicate_type.map(str::to_owned),
            times: verified.times().iter().map(time).collect(),
            log_entries: verified.log_entries().iter().map(entry).collect(),
            ..Self::default()
        };
        match verified.signer() {
            VerifiedSigner::Key(fingerprint) => signature.key = Some(fingerprint.clone()),
            VerifiedSigner::Identity(identity) => {
                signature.issuer = identity.issuer().map(str::to_owned);
                signature.subjects = identity.subjects().iter().map(|one| one.value.clone()).collect();
                let source = identity.extension(FulcioExtension::SourceRepositoryUri);
                signature.source = source.map(str::to_owned);
            }
        }
        signature
    }

    /// A signature by whom a certificate under this root names; at this time at the latest, if that is vouched for.
    pub(crate) fn of_certificate(signer: &str, root: Option<String>, signed: Option<UnixTime>) -> Self {
        let by = "an authority of the trust policy";
        let time = |time| SignatureTime { time, by: by.to_owned() };
        Self {
            issuer: root,
            subjects: vec![signer.to_owned()],
            times: signed.map(time).into_iter().collect(),
            ..Self::default()
        }
    }
}

impl RuleVerdict {
    /// Adds what was found wrong once all rules were judged.
    pub(crate) fn add_violation(&mut self, mode: Mode, explanation: Explanation) {
        let is_first = self.outcome != Outcome::Fail;
        self.mode = if is_first { mode } else { self.mode.max(mode) };
        self.outcome = Outcome::Fail;
        self.explanations.push(explanation);
    }
}

impl Explanation {
    pub(crate) fn pass(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            check: check.into(),
            outcome: Outcome::Pass,
            message: message.into(),
            code: None,
            mismatch: None,
            image: None,
            until: None,
            signature: None,
            exception: None,
            vulnerabilities: Vec::new(),
            because: Vec::new(),
        }
    }

    pub(crate) fn skip(check: impl Into<String>, message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Skip, ..Self::pass(check, message) }
    }

    pub(crate) fn fail(check: impl Into<String>, code: ReasonCode, message: impl Into<String>) -> Self {
        Self { outcome: Outcome::Fail, code: Some(code), ..Self::pass(check, message) }
    }

    /// Fails because one thing was found and another is required.
    pub(crate) fn differs(check: impl Into<String>, code: ReasonCode, mismatch: Mismatch) -> Self {
        Self::fail(check, code, mismatch.to_string()).differing(Some(mismatch))
    }

    /// Says as data what differs; the message says it in its own words.
    pub(crate) fn differing(self, mismatch: Option<Mismatch>) -> Self {
        Self { mismatch: mismatch.map(Box::new), ..self }
    }

    /// Passes if all of these do; otherwise it has the first one's code.
    pub(crate) fn all(check: &str, causes: Vec<Self>) -> Self {
        match causes.iter().find_map(|cause| cause.code) {
            Some(code) => Self::fail(check, code, "is not satisfied").because(causes),
            None => Self::pass(check, "is satisfied").because(causes),
        }
    }

    pub(crate) fn about(mut self, image: &ContainerImage, digest: Option<&Digest>) -> Self {
        self.image = Some(Box::new(JudgedImage {
            container: image.container.clone(),
            image: image.image.clone(),
            digest: digest.cloned(),
        }));
        self
    }

    pub(crate) fn until(mut self, time: UnixTime) -> Self {
        self.until = Some(time);
        self
    }

    pub(crate) fn excepted(mut self, exception: GrantedException) -> Self {
        self.exception = Some(Box::new(exception));
        self
    }

    pub(crate) fn signed(mut self, signature: VerifiedSignature) -> Self {
        self.signature = Some(Box::new(signature));
        self
    }

    pub(crate) fn because(mut self, because: Vec<Self>) -> Self {
        self.because = because;
        self
    }

    pub(crate) fn holds(&self) -> bool {
        self.outcome == Outcome::Pass
    }

    pub(crate) fn fails(&self) -> bool {
        self.outcome == Outcome::Fail
    }
}

/// An image that was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct JudgedImage {
    /// The name of the container, or of whatever holds it.
    pub container: String,
    /// The image as written.
    pub image: String,
    /// What it stood for, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// An image that was verified: the name in the resource, and the digest that it stood for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct VerifiedImage {
    /// The image as written.
    pub image: String,
    /// What was verified.
    pub digest: Digest,
}

/// An image that no rule about images judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UncoveredImage {
    /// The container, or whatever holds it, in words.
    pub container: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// The image as written.
    pub image: String,
    /// JSON pointer to it.
    pub pointer: String,
}

/// One operation of a JSON patch: it replaces an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PatchOperation {
    /// Always `replace`.
    pub op: Cow<'static, str>,
    /// JSON pointer to the image.
    pub path: String,
    /// The image with the digest that was verified.
    pub value: String,
}

impl Verdict {
    /// Whether every image of the resource was judged by a rule about images. What becomes of one that was not, the
    /// [policy set](crate::PolicySet::with_uncovered) says.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.uncovered.is_empty()
    }

    /// The signatures that were verified, whatever came of them: each where it was found.
    pub fn signatures(&self) -> impl Iterator<Item = &VerifiedSignature> {
        self.nodes().filter_map(|node| node.signature.as_deref())
    }

    /// When the first of the ages that policies limit is over: from then on another verdict is to be expected. `None` if no
    /// policy limits one. Expressions about the time do not say when their value changes, so they are not counted.
    #[must_use]
    pub fn until(&self) -> Option<UnixTime> {
        self.nodes().filter_map(|node| node.until).min()
    }

    /// The explanations and all below them.
    fn nodes(&self) -> impl Iterator<Item = &Explanation> {
        let roots = self.rules.iter().flat_map(|rule| &rule.explanations);
        let mut next: Vec<&Explanation> = roots.collect();
        next.reverse();
        core::iter::from_fn(move || {
            let node = next.pop()?;
            next.extend(node.because.iter().rev());
            Some(node)
        })
    }

    /// Whether it is denied by a rule for which something could not be fetched: asked again, it may be allowed.
    #[must_use]
    pub fn may_change_on_retry(&self) -> bool {
        fn has_failed(explanation: &Explanation) -> bool {
            explanation.fails()
                && (explanation.code == Some(ReasonCode::NotFetched)
                    || explanation.because.iter().any(has_failed))
        }
        let denying = self.violations().filter(|rule| rule.mode == Mode::Enforce);
        self.decision == Decision::Deny && denying.flat_map(|rule| &rule.explanations).any(has_failed)
    }

    /// Rules that are violated, whether or not that denies the resource.
    pub fn violations(&self) -> impl Iterator<Item = &RuleVerdict> {
        self.rules.iter().filter(|rule| rule.outcome == Outcome::Fail)
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "ALLOW",
            Self::Deny => "DENY",
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::Skip => "skip",
        })
    }
}

impl fmt::Display for Verdict {
    /// The decision, and below it the tree of why: a line for each, whatever untrusted input holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_heading(f)?;
        for rule in &self.rules {
            write!(f, "\n  {rule}")?;
        }
        for operation in &self.patch {
            write!(f, "\n  patch {} to {}", Plain(&operation.path), Plain(&operation.value))?;
        }
        Ok(())
    }
}

impl Verdict {
    /// The decision, and what no rule judged.
    fn fmt_heading(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decision, Plain(&self.resource.to_string()))?;
        if self.rules.is_empty() {
            write!(f, "\n  no policy applies")?;
        }
        for one in &self.uncovered {
            write!(
                f,
                "\n  uncovered: {}, image `{}`: no rule about images applies",
                Plain(&one.container),
                Plain(&one.image)
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for RuleVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (policy, rule) = (Plain(&self.policy), Plain(&self.rule));
        write!(f, "[{}] policy `{policy}`, rule `{rule}` ({}", self.outcome, self.mode)?;
        f.write_str(match (self.outcome, self.mode) {
            (Outcome::Fail, Mode::Audit | Mode::Warn) => ", reported only)",
            (Outcome::Skip, _) if self.explanations.is_empty() => "): no image matches",
            _ => ")",
        })?;
        for explanation in &self.explanations {
            explanation.fmt_at(f, 2)?;
        }
        Ok(())
    }
}

impl Explanation {
    fn fmt_at(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let (check, message) = (Plain(&self.check), Plain(&self.message));
        write!(f, "\n{:indent$}[{}] {check}: {message}", "", self.outcome, indent = depth * 2)?;
        self.because.iter().try_for_each(|cause| cause.fmt_at(f, depth + 1))
    }
}
