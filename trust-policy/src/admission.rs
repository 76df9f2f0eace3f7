//! [`AdmissionReview`]: how the API server of Kubernetes asks, and is answered
//! ([admission.k8s.io/v1](https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request)).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use thiserror::Error;
use trust_core::encoding;
use trust_core::json::{self, JsonError};

use crate::mode::Mode;
use crate::request::{Operation, Request, User};
use crate::resource::{Resource, ResourceError};
use crate::verdict::{Decision, Explanation, RuleVerdict, Verdict};

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
    #[serde(default)]
    dry_run: bool,
}

impl AdmissionReview {
    /// Reads a review. What is to be deleted is judged as it was.
    ///
    /// # Errors
    /// If it is not one. The caller answers such a review, too: with HTTP status 400, which denies.
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
        let asked = Request {
            operation: request.operation,
            old,
            user: request.user_info,
            ..Request::from(Resource::from_json(object)?)
        };
        Ok(Self {
            uid: request.uid,
            request: asked.in_namespace(&request.namespace),
            is_dry_run: request.dry_run,
        })
    }

    /// The answer, as a review: what the API server does, and what whoever asks is told.
    #[must_use]
    pub fn respond(&self, verdict: &Verdict) -> AdmissionResponse {
        let denied = verdict.decision == Decision::Deny;
        let with = |wanted: Mode| verdict.violations().filter(move |rule| rule.mode == wanted);
        let message = match verdict.is_covered() {
            true => with(Mode::Enforce).map(violation).collect::<Vec<_>>().join("\n"),
            false => "no policy applies".to_owned(),
        };
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
    /// What whoever asks is told, though it goes on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What the API server writes into its audit log, under the webhook's name.
    pub audit_annotations: Map<String, Value>,
}

impl AdmissionResponse {
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
    for explanation in rule.explanations.iter().filter(|one| !one.holds()) {
        text.push_str(&format!("\n  {}: {}", explanation.check, explanation.message));
        leaves(explanation, &mut text);
    }
    text
}

fn leaves(explanation: &Explanation, text: &mut String) {
    for cause in explanation.because.iter().filter(|one| !one.holds()) {
        match cause.because.iter().all(Explanation::holds) {
            true => text.push_str(&format!("\n    {}: {}", cause.check, cause.message)),
            false => leaves(cause, text),
        }
    }
}

fn shortened(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let fits = |(start, c): &(usize, char)| start + c.len_utf8() + '…'.len_utf8() <= limit;
    text.char_indices().take_while(fits).map(|(_, c)| c).chain(['…']).collect()
}
