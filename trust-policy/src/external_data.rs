//! How Gatekeeper asks for external data, and is answered: [`ProviderRequest`]
//! ([externaldata.gatekeeper.sh/v1beta1](https://open-policy-agent.github.io/gatekeeper/website/docs/externaldata/)).

use serde::Deserialize;
use serde_json::{Value, json};
use thiserror::Error;
use trust_core::internal::json::{self, JsonError};

use crate::kubernetes::request::Request;
use crate::kubernetes::resource::{Resource, ResourceError};
use crate::verdict::plain::Plain;
use crate::verdict::problem::Problem;
use crate::verdict::{Decision, Verdict};

const API_VERSION: &str = "externaldata.gatekeeper.sh/v1beta1";
/// Images that are asked about at a time: a Pod has fewer.
const MAX_KEYS: usize = 256;
/// Kubernetes' own limit of a request.
const MAX_LEN: usize = 3 << 20;

/// What Gatekeeper asks: about images, each `image` or, as Ratify's users write it, `[namespace]image`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderRequest {
    /// The keys, in order.
    pub keys: Vec<String>,
}

/// What a caller wants back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProviderAnswer {
    /// For a constraint: what came of judging the image, as an object with `image` and `warnings`.
    Validation,
    /// For `Assign` and its like: the image, with the digest that was verified.
    Mutation,
}

/// It is no request of Gatekeeper's that can be answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// It is too long.
    #[error("the request has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It is not JSON, repeats a key, or has another shape.
    #[error("the request is malformed")]
    Json(#[from] JsonError),
    /// It is something else.
    #[error("found `{found}`, expected `{API_VERSION}` `ProviderRequest`")]
    Kind {
        /// Its API version and kind.
        found: String,
    },
    /// It asks about too many images.
    #[error("found {found} keys, expected at most {MAX_KEYS}")]
    TooManyKeys {
        /// How many.
        found: usize,
    },
    /// A key is not `image` or `[namespace]image`.
    #[error("found key `{}`, expected `image` or `[namespace]image`", Plain(.found))]
    Key {
        /// The key.
        found: String,
    },
    /// No workload can be made of a key.
    #[error("the key names no image")]
    Resource(#[from] ResourceError),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    api_version: String,
    kind: String,
    request: WireRequest,
}

#[derive(Deserialize)]
struct WireRequest {
    keys: Vec<String>,
}

impl ProviderRequest {
    /// Reads a `ProviderRequest`.
    ///
    /// # Errors
    /// If it is none, or asks too much.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ProviderError> {
        if bytes.len() > MAX_LEN {
            return Err(ProviderError::TooLong { found: bytes.len() });
        }
        let Wire { api_version, kind, request } = json::from_slice(bytes)?;
        if (api_version.as_str(), kind.as_str()) != (API_VERSION, "ProviderRequest") {
            return Err(ProviderError::Kind { found: format!("{api_version} {kind}") });
        }
        match request.keys.len() {
            found if found > MAX_KEYS => Err(ProviderError::TooManyKeys { found }),
            _ => Ok(Self { keys: request.keys }),
        }
    }

    /// The request that a key stands for: a Pod that runs the image is created in the namespace. Where a key names none, none is known:
    /// policies that ask for it deny.
    ///
    /// # Errors
    /// If it stands for none.
    pub fn request(key: &str) -> Result<Request, ProviderError> {
        let wrong = || ProviderError::Key { found: key.to_owned() };
        let (namespace, image) = match key.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or_else(wrong)?,
            None => ("", key),
        };
        if image.is_empty() || image.contains(['[', ']']) {
            return Err(wrong());
        }
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "external-data", "namespace": namespace},
            "spec": {"containers": [{"name": "image", "image": image}]},
        });
        Ok(Request::from(Resource::from_json(pod)?))
    }
}

impl ProviderAnswer {
    /// What is answered for a key. `None` for the verdict if it was not judged.
    #[must_use]
    pub fn item(self, key: &str, request: &Request, verdict: Option<&Verdict>) -> Value {
        let Some(verdict) = verdict else { return Self::failed(key, "not judged by the deadline") };
        let texts = |problems: Vec<Problem>| {
            let text = |one: &Problem| {
                let (policy, rule) = (Plain(&one.policy).to_string(), Plain(&one.rule).to_string());
                format!("policy `{policy}`, rule `{rule}`: {}", Plain(&one.message))
            };
            problems.iter().map(text).collect::<Vec<_>>()
        };
        let uncovered = verdict
            .uncovered
            .iter()
            .map(|one| format!("no rule about images applies to {}", Plain(&one.image)));
        let reasons: Vec<String> = texts(verdict.problems()).into_iter().chain(uncovered).collect();
        if verdict.decision == Decision::Deny {
            return Self::failed(key, &format!("denied: {}", reasons.join("; ")));
        }
        let written = request.resource.images().first().map(|one| one.image.clone()).unwrap_or_default();
        let image = verdict.patch.first().map_or(written, |operation| operation.value.clone());
        let value = match self {
            Self::Validation => json!({"image": image, "warnings": reasons}),
            Self::Mutation => json!(image),
        };
        json!({"key": key, "value": value, "error": ""})
    }

    /// What is answered for a key that cannot be judged.
    #[must_use]
    pub fn failed(key: &str, problem: &str) -> Value {
        json!({"key": key, "value": null, "error": problem})
    }

    /// The document to answer with.
    #[must_use]
    pub fn response(items: &[Value]) -> Value {
        json!({
            "apiVersion": API_VERSION,
            "kind": "ProviderResponse",
            "response": {"idempotent": true, "items": items, "systemError": ""},
        })
    }

    /// The document to answer with if the request cannot be read.
    #[must_use]
    pub fn system_error(error: &ProviderError) -> Value {
        let problem = trust_core::Reasons(error).to_string();
        json!({
            "apiVersion": API_VERSION,
            "kind": "ProviderResponse",
            "response": {"idempotent": true, "items": [], "systemError": problem},
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_name_a_namespace_or_none() {
        for (key, namespace, image) in [
            ("ghcr.io/acme/app:1", "", "ghcr.io/acme/app:1"),
            ("[shop]ghcr.io/acme/app:1", "shop", "ghcr.io/acme/app:1"),
            ("[]nginx", "", "nginx"),
        ] {
            let request = ProviderRequest::request(key).unwrap();
            assert_eq!(request.resource.id().namespace, namespace, "{key}");
            assert_eq!(request.resource.images()[0].image, image);
        }
        for key in ["", "[shop]", "[shop", "[a][b]nginx", "a]b"] {
            assert!(matches!(ProviderRequest::request(key), Err(ProviderError::Key { .. })), "{key}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let request = |version: &str, keys: Value| {
            let document =
                json!({"apiVersion": version, "kind": "ProviderRequest", "request": {"keys": keys}});
            ProviderRequest::from_json(document.to_string().as_bytes())
        };
        assert_eq!(request(API_VERSION, json!(["a", "b"])).unwrap().keys, ["a", "b"]);
        let error = request("externaldata.gatekeeper.sh/v1alpha1", json!([])).unwrap_err();
        assert!(
            error.to_string().contains("found `externaldata.gatekeeper.sh/v1alpha1 ProviderRequest`"),
            "{error}"
        );
        let many: Vec<String> = (0..=MAX_KEYS).map(|number| number.to_string()).collect();
        assert_eq!(request(API_VERSION, json!(many)).unwrap_err(), ProviderError::TooManyKeys { found: 257 });
        assert!(matches!(request(API_VERSION, json!([1])), Err(ProviderError::Json(_))));
        assert!(ProviderRequest::from_json(b"{\"kind\":1,\"kind\":2}").is_err());
        assert!(matches!(
            ProviderRequest::from_json(&vec![b' '; MAX_LEN + 1]),
            Err(ProviderError::TooLong { .. })
        ));
    }
}
