//! [`Event`]: a denial, or what happened to a finding, for the person or program that has to act on it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trust_core::internal::encoding::percent_encoded;
use trust_core::{Digest, UnixTime};

use crate::drift::finding::{About, Action, Finding, Transition};
use crate::kubernetes::resource::ResourceId;
use crate::verdict::plain::Plain;
use crate::verdict::problem::Problem;
use crate::verdict::{Decision, Verdict};

/// Vulnerabilities that a finding keeps: what is stored of a workload has room for them. The message says how many there are.
const MAX_VULNERABILITIES: usize = 100;
/// Characters of a message that Kubernetes takes, and of the hash in an event's name.
const KUBERNETES_MESSAGE: usize = 1024;
const KUBERNETES_NAME: usize = 32;

/// Something happened that a person or a program may have to act on.
///
/// The same event has the same [`id`](Self::id), so one that is delivered twice can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Event {
    /// What identifies it.
    pub id: String,
    /// When it happened.
    pub time: UnixTime,
    /// The cluster, as the embedder calls it.
    pub cluster: String,
    /// The workload.
    pub workload: ResourceId,
    /// What happened.
    #[serde(flatten)]
    pub happened: Happened,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
#[non_exhaustive]
pub enum Happened {
    /// A request was denied, or reported only: for these reasons.
    #[serde(rename_all = "camelCase")]
    Judged {
        /// Whether it may run.
        decision: Decision,
        /// What is wrong, and what helps.
        problems: Vec<ProblemToMend>,
        /// Images that no rule about images judged, each as container and image.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        uncovered: Vec<(String, String)>,
    },
    /// Something about what runs.
    #[serde(rename_all = "camelCase")]
    Drift {
        /// What happened to the finding.
        transition: Transition,
        /// The finding, as it is when the event is told: what happened to it since may be known already.
        finding: Box<Finding>,
        /// How severe it is, in lower case.
        severity: String,
        /// What helps.
        action: Action,
    },
}

/// A problem, and what helps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ProblemToMend {
    /// What is wrong.
    #[serde(flatten)]
    pub problem: Problem,
    /// What helps.
    pub action: Action,
}

impl Event {
    /// The denial of a request, or what a policy only reports; `None` if nothing is wrong. The request's uid makes the id.
    #[must_use]
    pub fn of_verdict(
        cluster: &str,
        uid: &str,
        workload: ResourceId,
        verdict: &Verdict,
        now: UnixTime,
    ) -> Option<Self> {
        let mend = |problem: Problem| ProblemToMend { action: Action::against(problem.code), problem };
        let problems: Vec<_> = verdict.problems().into_iter().map(mend).collect();
        let uncovered: Vec<_> =
            verdict.uncovered.iter().map(|one| (one.name.clone(), one.image.clone())).collect();
        if problems.is_empty() && uncovered.is_empty() {
            return None;
        }
        let text = serde_json::to_string(&(cluster, uid)).unwrap_or_default();
        Some(Self {
            id: Digest::sha256(text.as_bytes()).to_hex(),
            time: now,
            cluster: cluster.to_owned(),
            workload,
            happened: Happened::Judged { decision: verdict.decision, problems, uncovered },
        })
    }

    /// What happened to a finding.
    #[must_use]
    pub fn of_finding(finding: &Finding, transition: Transition, time: UnixTime) -> Self {
        Self {
            id: format!("{}.{}", finding.id.to_hex(), time.as_millis()),
            time,
            cluster: finding.cluster.clone(),
            workload: finding.workload.clone(),
            happened: Happened::Drift {
                transition,
                severity: finding.severity().name().to_owned(),
                action: finding.kind.action(),
                finding: Box::new(Finding { pending: Vec::new(), ..finding.clone() }),
            },
        }
    }

    /// What kind of event it is: `drift.opened`, `admission.denied` and the like.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.happened {
            Happened::Judged { decision: Decision::Deny, .. } => "admission.denied",
            Happened::Judged { .. } => "admission.audited",
            Happened::Drift { transition, .. } => match transition {
                Transition::Opened => "drift.opened",
                Transition::Changed => "drift.changed",
                Transition::Resolved => "drift.resolved",
                Transition::Reopened => "drift.reopened",
            },
        }
    }

    /// The event as Kubernetes shows it
    /// ([`Event` of core/v1](https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/)): of the workload, in its
    /// namespace. The same event has the same name.
    #[must_use]
    pub fn to_kubernetes_event(&self) -> Value {
        let ResourceId { api_version, kind, namespace, name } = &self.workload;
        let (is_warning, reason, message) = match &self.happened {
            Happened::Judged { decision, problems, uncovered } => {
                let problems = problems.iter().map(|one| {
                    let problem = &one.problem;
                    format!("policy `{}`, rule `{}`: {}", problem.policy, problem.rule, problem.message)
                });
                let uncovered = uncovered.iter().map(|(container, image)| {
                    format!("container `{container}`, image `{image}`: no rule about images applies")
                });
                let reason = if *decision == Decision::Deny { "AdmissionDenied" } else { "AdmissionAudited" };
                (true, reason.to_owned(), problems.chain(uncovered).collect::<Vec<_>>().join("; "))
            }
            Happened::Drift { transition: Transition::Resolved, finding, .. } => {
                (false, format!("{}Resolved", finding.kind), finding.about.message.clone())
            }
            Happened::Drift { finding, .. } => {
                (true, finding.kind.to_string(), finding.about.message.clone())
            }
        };
        let time = self.time.to_string();
        // An event about what has no namespace is in this one.
        let of = if namespace.is_empty() { "default" } else { namespace };
        let hash: String =
            Digest::sha256(self.id.as_bytes()).to_hex().chars().take(KUBERNETES_NAME).collect();
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": format!("trust-{hash}"), "namespace": of},
            "involvedObject": {"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name},
            "type": if is_warning { "Warning" } else { "Normal" },
            "reason": reason,
            "message": Plain(&message).to_string().chars().take(KUBERNETES_MESSAGE).collect::<String>(),
            "source": {"component": "trust"},
            "reportingComponent": "trust.dev",
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        })
    }

    /// The event as [CloudEvents 1.0](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) has it, in JSON.
    #[must_use]
    pub fn to_cloud_event(&self) -> Value {
        let ResourceId { kind, namespace, name, .. } = &self.workload;
        let container = match &self.happened {
            Happened::Drift { finding, .. } => finding.about.container.as_deref(),
            Happened::Judged { .. } => None,
        };
        let container =
            container.map_or_else(String::new, |container| format!("/{}", percent_encoded(container)));
        let namespace = if namespace.is_empty() { "-" } else { namespace };
        json!({
            "specversion": "1.0",
            "id": self.id,
            "type": format!("dev.trust.{}.v1", self.name()),
            "source": format!("/clusters/{}", percent_encoded(&self.cluster)),
            "subject": format!("{}/{}/{}{container}", percent_encoded(namespace), percent_encoded(kind), percent_encoded(name)),
            "time": self.time.to_string(),
            "datacontenttype": "application/json",
            "data": self,
        })
    }
}

impl From<Problem> for About {
    fn from(problem: Problem) -> Self {
        Self {
            container: problem.container,
            image: problem.image,
            digest: problem.digest,
            policy: Some(problem.policy),
            rule: Some(problem.rule),
            mode: Some(problem.mode),
            code: Some(problem.code),
            message: problem.message,
            mismatches: problem.mismatches,
            vulnerabilities: problem.vulnerabilities.into_iter().take(MAX_VULNERABILITIES).collect(),
        }
    }
}
