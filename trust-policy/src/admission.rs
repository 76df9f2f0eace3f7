//! [`AdmissionReview`]: how the API server of Kubernetes asks, and is answered
//! ([admission.k8s.io/v1](https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request)).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use thiserror::Error;
use trust_core::Reasons;
use trust_core::internal::encoding;
use trust_core::internal::json::{self, JsonError};

use crate::kubernetes::request::{Operation, Parent, Request, User};
use crate::kubernetes::resource::{Resource, ResourceError};
use crate::policy::mode::Mode;
use crate::verdict::plain::Plain;
use crate::verdict::{Decision, RuleVerdict, Verdict};

/// Kubernetes' own limit of a request.
const MAX_LEN: usize = 3 << 20;
/// Users read the answer in a terminal.
const MAX_MESSAGE: usize = 8 << 10;
/// Kubernetes cuts longer warnings off.
const MAX_WARNING: usize = 256;

/// What the API server asks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AdmissionReview {
    /// By which the answer is recognized.
    pub uid: String,
    /// What is asked. Namespace labels and roles are not in a review; an embedder that knows them adds them.
    pub request: Request,
    /// Whether nothing will come of it.
    pub is_dry_run: bool,
}

/// The document is not an admission review that can be judged: it is to be denied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// It is too long.
    #[error("admission review has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It is not JSON, repeats a key, or has another shape.
    #[error("admission review is malformed")]
    Json(#[from] JsonError),
    /// It is something else.
    #[error("found `{found}`, expected `admission.k8s.io/v1` `AdmissionReview`")]
    Kind {
        /// Its API version and kind.
        found: String,
    },
    /// It asks nothing.
    #[error("admission review has no {0}")]
    Absent(&'static str),
    /// What is asked for is not a Kubernetes object whose images can be found.
    #[error("object of the admission review cannot be read")]
    Resource(#[from] ResourceError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    api_version: String,
    kind: String,
    request: Option<WireRequest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRequest {
    uid: String,
    #[serde(default)]
    namespace: String,
    operation: Operation,
    user_info: Option<User>,
    object: Option<Value>,
    old_object: Option<Value>,
    resource: Option<WireResource>,
    #[serde(default)]
    sub_resource: String,
    dry_run: Option<bool>,
}

/// Which review it is, whatever else is in it.
#[derive(Deserialize)]
struct Identified {
    request: IdentifiedRequest,
}

#[derive(Deserialize)]
struct IdentifiedRequest {
    uid: String,
}

/// What is asked for, by the name in the path of the request.
#[derive(Deserialize)]
struct WireResource {
    #[serde(default)]
    group: String,
    version: String,
    resource: String,
}

/// Kinds of Kubernetes' own that have parts with kinds of their own, by the names of their resources.
const PARENTS: [(&str, &str); 11] = [
    ("pods", "Pod"),
    ("deployments", "Deployment"),
    ("replicasets", "ReplicaSet"),
    ("statefulsets", "StatefulSet"),
    ("replicationcontrollers", "ReplicationController"),
    ("daemonsets", "DaemonSet"),
    ("jobs", "Job"),
    ("nodes", "Node"),
    ("services", "Service"),
    ("serviceaccounts", "ServiceAccount"),
    ("namespaces", "Namespace"),
];

impl WireResource {
    /// Of what kind the resource is, if it is known.
    fn parent(&self) -> Option<Parent> {
        let (_, kind) = PARENTS.iter().find(|(name, _)| *name == self.resource)?;
        let group = if self.group.is_empty() { String::new() } else { format!("{}/", self.group) };
        Some(Parent { api_version: format!("{group}{}", self.version), kind: (*kind).to_owned() })
    }
}

impl AdmissionReview {
    /// Reads a review. What is to be deleted is judged as it was.
    ///
    /// # Errors
    /// If it is not one. Answer such a review, too, with HTTP status 200 and [`AdmissionResponse::for_unreadable`]: an error
    /// status does not deny, the API server then follows the webhook's `failurePolicy`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, AdmissionError> {
        if bytes.len() > MAX_LEN {
            return Err(AdmissionError::TooLong { found: bytes.len() });
        }
        let wire: Wire = json::from_slice(bytes)?;
        if (wire.api_version.as_str(), wire.kind.as_str()) != ("admission.k8s.io/v1", "AdmissionReview") {
            return Err(AdmissionError::Kind { found: format!("{} {}", wire.api_version, wire.kind) });
        }
        let request = wire.request.ok_or(AdmissionError::Absent("`request`"))?;
        let (object, old) = match (request.object, request.old_object) {
            (Some(object), old) => (object, old),
            (None, Some(old)) => (old.clone(), Some(old)),
            (None, None) => return Err(AdmissionError::Absent("`object` and no `oldObject`")),
        };
        let resource = Resource::from_json(object)?;
        let parent = request.resource.filter(|_| !request.sub_resource.is_empty());
        let parent = parent.and_then(|one| one.parent()).filter(|one| one.kind != resource.id().kind);
        let asked = Request {
            operation: request.operation,
            subresource: request.sub_resource,
            parent,
            old,
            user: request.user_info,
            ..Request::from(resource)
        };
        Ok(Self {
            uid: request.uid,
            request: asked.in_namespace(&request.namespace),
            is_dry_run: request.dry_run.unwrap_or(false),
        })
    }

    /// The answer, as a review: what the API server does, and what the requester is told.
    #[must_use]
    pub fn respond(&self, verdict: &Verdict) -> AdmissionResponse {
        let denied = verdict.decision == Decision::Deny;
        let with = |wanted: Mode| verdict.violations().filter(move |rule| rule.mode == wanted);
        let uncovered = verdict.uncovered.iter();
        let uncovered = uncovered.map(|one| {
            format!("{}, image `{}`: no rule about images applies", Plain(&one.container), Plain(&one.image))
        });
        let message = with(Mode::Enforce).map(violation).chain(uncovered).collect::<Vec<_>>().join("\n");
        let names = |rules: Vec<&RuleVerdict>| {
            rules.iter().map(|rule| format!("{}/{}", rule.policy, rule.rule)).collect::<Vec<_>>().join(",")
        };
        let digests: Vec<_> =
            verdict.images.iter().map(|one| format!("{}={}", one.image, one.digest)).collect();
        let mut annotations = Map::new();
        annotations.insert("decision".to_owned(), json!(if denied { "deny" } else { "allow" }));
        for (name, text) in [
            ("enforced", names(with(Mode::Enforce).collect())),
            ("audited", names(with(Mode::Audit).chain(with(Mode::Warn)).collect())),
            ("verified", digests.join(",")),
            (
                "uncovered",
                verdict.uncovered.iter().map(|one| one.image.as_str()).collect::<Vec<_>>().join(","),
            ),
        ] {
            if !text.is_empty() {
                annotations.insert(name.to_owned(), json!(shortened(&text, MAX_MESSAGE)));
            }
        }
        AdmissionResponse {
            uid: self.uid.clone(),
            allowed: !denied,
            status: denied.then(
                || json!({"code": 403, "reason": "Forbidden", "message": shortened(&message, MAX_MESSAGE)}),
            ),
            patch: (!verdict.patch.is_empty())
                .then(|| encoding::to_base64(json!(verdict.patch).to_string().as_bytes())),
            warnings: with(Mode::Warn).map(|rule| shortened(&violation(rule), MAX_WARNING)).collect(),
            audit_annotations: annotations,
        }
    }
}

/// What the API server is answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AdmissionResponse {
    /// The request's.
    pub uid: String,
    /// Whether the request goes on.
    pub allowed: bool,
    /// Why not: a code and a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Value>,
    /// A JSON patch that pins what was verified, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// What the requester is told, though the request goes on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What the API server writes into its audit log, under the webhook's name.
    pub audit_annotations: Map<String, Value>,
}

impl AdmissionResponse {
    /// An allowance, without a word.
    #[must_use]
    pub fn allow(uid: impl Into<String>) -> Self {
        Self {
            uid: uid.into(),
            allowed: true,
            status: None,
            patch: None,
            warnings: Vec::new(),
            audit_annotations: Map::new(),
        }
    }

    /// A denial, with a message for the requester.
    #[must_use]
    pub fn deny(uid: impl Into<String>, message: &str) -> Self {
        let status = json!({"code": 403, "reason": "Forbidden", "message": shortened(message, MAX_MESSAGE)});
        Self {
            uid: uid.into(),
            allowed: false,
            status: Some(status),
            patch: None,
            warnings: Vec::new(),
            audit_annotations: Map::new(),
        }
    }

    /// A denial of a review that cannot be judged. `None` if it has no readable uid: then there is nothing to
    /// answer, and the caller's HTTP status should be 400.
    #[must_use]
    pub fn for_unreadable(bytes: &[u8], error: &AdmissionError) -> Option<Self> {
        // A review that is too long to be judged still says which one it is.
        let review: Identified = json::from_slice(bytes.get(..bytes.len().min(4 * MAX_LEN))?).ok()?;
        Some(Self::deny(review.request.uid, &Reasons(error).to_string()))
    }

    /// The document to answer with.
    #[must_use]
    pub fn to_review(&self) -> Value {
        let mut response = json!(self);
        if let (Some(_), Value::Object(fields)) = (&self.patch, &mut response) {
            fields.insert("patchType".to_owned(), json!("JSONPatch"));
        }
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
    }
}

/// A violation in some lines: the rule, what is violated, and the reasons at the ends of the tree.
fn violation(rule: &RuleVerdict) -> String {
    let mut text = format!("policy `{}`, rule `{}`:", rule.policy, rule.rule);
    for explanation in rule.explanations.iter().filter(|one| one.fails()) {
        text.push_str(&format!("\n  {}: {}", Plain(&explanation.check), Plain(&explanation.message)));
        for reason in explanation.reasons().into_iter().filter(|reason| !core::ptr::eq(*reason, explanation))
        {
            text.push_str(&format!("\n    {}: {}", Plain(&reason.check), Plain(&reason.message)));
        }
    }
    text
}

fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let fits = |(start, c): &(usize, char)| start + c.len_utf8() + '…'.len_utf8() <= limit;
    text.char_indices().take_while(fits).map(|(_, c)| c).chain(['…']).collect()
}
