//! [`Finding`]: something that is wrong with what runs, from when it is seen until it is mended.

use core::fmt;

use serde::{Deserialize, Serialize};
use trust_core::{Digest, UnixTime};
use trust_sbom::Severity;

use crate::kubernetes::resource::ResourceId;
use crate::policy::mode::Mode;
use crate::verdict::FoundVulnerability;
use crate::verdict::reason::{Mismatch, ReasonCode};

/// Transitions of one finding that wait to be delivered.
const MAX_PENDING: usize = 64;

/// What kind of thing is wrong with what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum FindingKind {
    /// A node runs another image than was admitted, or than the Pod's own digest says.
    RunningDigestMismatch,
    /// The tag of the image stands for another image now than was admitted. What runs is still what was admitted.
    TagMoved,
    /// A signature or attestation that a rule requires, and that was there at admission, is not there.
    SignatureMissing,
    /// What signs it does not verify any more, or is not about this image.
    SignatureInvalid,
    /// Who signed it is no longer named by the policy by which it was admitted.
    SignerRevoked,
    /// It was verified by a trust root that was replaced, and is not by the new one.
    TrustRootChanged,
    /// It has a vulnerability that the policy forbids and that was not known at admission.
    NewVulnerability,
    /// It would be judged otherwise today, because the policies changed.
    VerdictChanged,
    /// The latest scan is older than the policy allows.
    ScanTooOld,
    /// The image, or something attested about it, is older than the policy allows.
    TooOld,
    /// The base image is not one that the policy allows any more.
    BaseOutdated,
    /// It violates a policy, as it did when it was admitted; or it never was admitted.
    Violation,
    /// It runs, and no verdict is on record: the webhook was down or passed it over, or it was there before.
    AdmissionBypassed,
    /// No rule about images applies to it.
    ImageNotCovered,
    /// What guards the cluster was weakened: a webhook configuration, or a policy.
    ControlPlaneDrift,
    /// Whether something is wrong cannot be known; the message says why.
    Unknown,
}

/// By what a finding is found, and so by what it can be found to be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// Judging again.
    Verdict,
    /// Comparing what runs with the family of what was admitted.
    Family,
    /// Resolving the tag.
    Tag,
    /// The records of admission.
    Record,
    /// Looking at what guards the cluster.
    Guard,
}

impl FindingKind {
    pub(super) fn source(self) -> Source {
        match self {
            Self::RunningDigestMismatch => Source::Family,
            Self::TagMoved => Source::Tag,
            Self::AdmissionBypassed => Source::Record,
            Self::ControlPlaneDrift => Source::Guard,
            _ => Source::Verdict,
        }
    }

    /// What helps, in general; a finding's message says what is found and what is expected.
    #[must_use]
    pub fn action(self) -> Action {
        match self {
            Self::AdmissionBypassed => Action::Investigate,
            Self::RunningDigestMismatch => Action::RollBack,
            Self::TagMoved => Action::Redeploy,
            Self::SignatureMissing
            | Self::SignatureInvalid
            | Self::SignerRevoked
            | Self::TrustRootChanged => Action::Resign,
            Self::NewVulnerability | Self::TooOld | Self::BaseOutdated => Action::Rebuild,
            Self::ScanTooOld => Action::Rescan,
            Self::VerdictChanged | Self::Violation | Self::ImageNotCovered => Action::AskForException,
            Self::ControlPlaneDrift => Action::Restore,
            Self::Unknown => Action::Retry,
        }
    }

    /// How severe it is, unless what is found says more.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::RunningDigestMismatch | Self::SignatureInvalid => Severity::Critical,
            Self::TagMoved => Severity::Low,
            Self::ScanTooOld | Self::TooOld | Self::BaseOutdated | Self::ImageNotCovered | Self::Unknown => {
                Severity::Medium
            }
            _ => Severity::High,
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What a person or a program can do about a finding or a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Action {
    /// Build the image again, with the fix or on a newer base.
    Rebuild,
    /// Sign or attest the image again, by a signer that the policy names.
    Resign,
    /// Scan the image again, and attest the report.
    Rescan,
    /// Roll the workload out again, through admission.
    Redeploy,
    /// Go back to an image that was admitted.
    RollBack,
    /// Change the workload or its policy, or ask for an exception.
    AskForException,
    /// Put back what guarded the cluster.
    Restore,
    /// Find out how it came to run.
    Investigate,
    /// Ask again later: it is not known now.
    Retry,
}

impl Action {
    /// What helps against a reason to deny.
    #[must_use]
    pub fn against(code: ReasonCode) -> Self {
        use ReasonCode as Code;
        match code {
            Code::NotFound
            | Code::OtherImage
            | Code::WrongKey
            | Code::WrongIdentity
            | Code::WrongAnnotation
            | Code::NotInLog
            | Code::NotTrusted
            | Code::Revoked
            | Code::TooFewSigners => Self::Resign,
            Code::Vulnerable | Code::TooOld | Code::OtherBase => Self::Rebuild,
            Code::ScanTooOld => Self::Rescan,
            Code::NotFetched => Self::Retry,
            Code::Tampered | Code::Malformed => Self::Investigate,
            Code::Condition | Code::Unresolved | Code::UnusablePolicy | Code::NoDigest | Code::Form => {
                Self::AskForException
            }
        }
    }
}

/// Where a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FindingState {
    /// It is so.
    Open,
    /// It was so.
    Resolved,
}

/// What happened to a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Transition {
    /// It is found for the first time.
    Opened,
    /// It is still so, and something about it changed: the reason, the mode, the vulnerabilities.
    Changed,
    /// It is no longer so.
    Resolved,
    /// It was resolved, and is so again.
    Reopened,
}

/// Something that is wrong with what runs, from when it is seen until it is mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Finding {
    /// SHA-256 of what makes it this one: cluster, workload, container, image, digest, and the policy, rule and reason of a verdict, or the
    /// kind. The same thing has the same id after a restart, and if it comes back.
    pub id: Digest,
    /// What kind it is.
    pub kind: FindingKind,
    /// The cluster, as the embedder calls it.
    pub cluster: String,
    /// The workload; for what guards the cluster, that.
    pub workload: ResourceId,
    /// Where it is, and why.
    #[serde(flatten)]
    pub about: About,
    /// Where it stands.
    pub state: FindingState,
    /// When it was found first.
    pub opened: UnixTime,
    /// When it opened, changed or was resolved last.
    pub changed: UnixTime,
    /// What happened to it and was not [delivered](crate::Inventory::delivered) yet, oldest first. At most 64: while nothing can be
    /// delivered, the first and the latest are kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<(Transition, UnixTime)>,
    /// How many of them were handed out to be delivered.
    #[serde(skip)]
    pub(super) emitted: usize,
}

/// Where a finding is, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct About {
    /// The container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The image as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The digest: of what runs, of what was admitted or of what was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What a violation does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What kind of reason a verdict has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<ReasonCode>,
    /// Why, in words.
    pub message: String,
    /// What was found and what is expected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mismatches: Vec<Mismatch>,
    /// Forbidden vulnerabilities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vulnerabilities: Vec<FoundVulnerability>,
}

impl About {
    /// Whether it, which cannot be known, may be what the other says.
    pub(super) fn may_hide(&self, other: &Self) -> bool {
        let is_same_rule =
            self.policy.is_some() && (&self.policy, &self.rule) == (&other.policy, &other.rule);
        is_same_rule && (self.container.is_none() || self.container == other.container)
    }

    /// Takes what another one says, too.
    pub(super) fn merge(&mut self, other: Self) {
        if !self.message.contains(&other.message) {
            self.message = format!("{}; {}", self.message, other.message);
        }
        self.mismatches.extend(
            other.mismatches.into_iter().filter(|one| !self.mismatches.contains(one)).collect::<Vec<_>>(),
        );
        let new = other.vulnerabilities.into_iter().filter(|one| !self.vulnerabilities.contains(one));
        let new: Vec<_> = new.collect();
        self.vulnerabilities.extend(new);
    }
}

impl Finding {
    pub(super) fn new(
        id: Digest,
        kind: FindingKind,
        cluster: &str,
        workload: &ResourceId,
        about: About,
        now: UnixTime,
    ) -> Self {
        Self {
            id,
            kind,
            cluster: cluster.to_owned(),
            workload: workload.clone(),
            about,
            state: FindingState::Open,
            opened: now,
            changed: now,
            pending: vec![(Transition::Opened, now)],
            emitted: 0,
        }
    }

    pub(super) fn id_of(kind: FindingKind, cluster: &str, workload: &ResourceId, about: &About) -> Digest {
        // What a verdict finds has one identity, whatever kind of change it is called.
        let kind = about.policy.is_none().then_some(kind);
        let image = about.image.as_deref().map(|image| image.split('@').next().unwrap_or(image));
        let text = serde_json::to_string(&(
            kind,
            about.code,
            cluster,
            workload,
            &about.container,
            image,
            &about.digest,
            &about.policy,
            &about.rule,
        ));
        Digest::sha256(text.unwrap_or_default().as_bytes())
    }

    /// Whether what a person would act on is the same. Words, and ages that grow, may differ.
    pub(super) fn is_same(&self, about: &About) -> bool {
        let compared = matches!(self.kind, FindingKind::ControlPlaneDrift | FindingKind::TagMoved);
        (self.about.mode, &self.about.vulnerabilities) == (about.mode, &about.vulnerabilities)
            && (!compared || self.about.mismatches == about.mismatches)
    }

    /// How severe it is: what the vulnerabilities are, and otherwise what its kind is; low where the policy only reports.
    #[must_use]
    pub fn severity(&self) -> Severity {
        let worst = self.about.vulnerabilities.iter().map(|one| Severity::from_name(&one.severity));
        let worst = worst.max_by_key(|one| one.rank()).unwrap_or_else(|| self.kind.severity());
        match self.about.mode {
            Some(Mode::Audit | Mode::Warn) if worst.rank() > Severity::Medium.rank() => Severity::Medium,
            _ => worst,
        }
    }

    pub(super) fn happens(&mut self, transition: Transition, now: UnixTime) {
        self.state =
            if transition == Transition::Resolved { FindingState::Resolved } else { FindingState::Open };
        // What happens to one finding happens one after the other, whatever the clock says.
        self.changed = now.max(self.changed.plus_millis(1));
        self.pending.push((transition, self.changed));
        if self.pending.len() > MAX_PENDING {
            self.pending.remove(1);
            self.emitted -= usize::from(self.emitted > 1);
        }
    }
}
