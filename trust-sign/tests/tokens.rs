//! Where identity tokens come from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod token;

use futures_util::FutureExt as _;
use serde_json::json;
use trust_core::UnixTime;
use trust_gate::{Boxed, Deadline, HttpRequest, HttpResponse, Transport, TransportError};
use trust_sign::{AmbientToken, IdentityToken, TokenError, TokenSource as _};

use token::{SUBJECT, token};

fn now() -> UnixTime {
    "2026-11-27T00:00:00Z".parse().unwrap()
}

fn good() -> String {
    token("sigstore", now().plus_millis(600_000))
}

/// GitHub's service at one host, Google's at another.
#[derive(Debug)]
struct Services;

impl Transport for Services {
    fn send<'a>(
        &'a self,
        request: HttpRequest,
        _: Deadline,
    ) -> Boxed<'a, Result<HttpResponse, TransportError>> {
        let header = |wanted: &str| {
            let found = request.headers.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let body = match request.url.host_str().unwrap() {
            "token.github.example" => {
                assert_eq!(request.url.query(), Some("job=1&audience=sigstore"));
                assert_eq!(header("authorization"), "Bearer s3cr3t");
                json!({"value": good()}).to_string()
            }
            "metadata.example" => {
                assert!(request.url.query().unwrap().contains("audience=sigstore"));
                assert_eq!(header("metadata-flavor"), "Google");
                good()
            }
            _ => return Box::pin(async { Ok(HttpResponse::new(403, Vec::new(), b"no".to_vec())) }),
        };
        Box::pin(async move { Ok(HttpResponse::new(200, Vec::new(), body.into_bytes())) })
    }
}

fn found(variable: fn(&str) -> Option<String>) -> Result<IdentityToken, TokenError> {
    let machine = AmbientToken::new(Services).with_environment(variable);
    machine.token(now(), Deadline::never()).now_or_never().unwrap()
}

fn given(name: &str, variables: &[(&str, &str)]) -> Option<String> {
    variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

#[test]
fn the_token_of_the_machine_is_found_where_it_is() {
    for variable in [
        (|name| (name == "SIGSTORE_ID_TOKEN").then(good)) as fn(&str) -> Option<String>,
        |name| {
            given(
                name,
                &[
                    ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://token.github.example/?job=1"),
                    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cr3t"),
                    ("GITHUB_ACTIONS", "true"),
                ],
            )
        },
        |name| given(name, &[("GCE_METADATA_HOST", "metadata.example")]),
    ] {
        assert_eq!(found(variable).unwrap().unverified_subject(), SUBJECT);
    }
}

#[test]
fn where_there_is_none_it_is_said_what_to_do() {
    for (variable, expected) in [
        (
            (|name| given(name, &[("GITHUB_ACTIONS", "true")])) as fn(&str) -> Option<String>,
            "id-token: write",
        ),
        (|name| given(name, &[("GITLAB_CI", "true")]), "SIGSTORE_ID_TOKEN"),
        (|name| given(name, &[("GCE_METADATA_HOST", "other.example")]), "status 403"),
        // The job's own token would travel in the clear.
        (
            |name| {
                given(
                    name,
                    &[
                        ("ACTIONS_ID_TOKEN_REQUEST_URL", "http://token.github.example/?job=1"),
                        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cr3t"),
                    ],
                )
            },
            "has no TLS",
        ),
        (|name| (name == "SIGSTORE_ID_TOKEN").then(|| token("other", now())), "`other`"),
    ] {
        let error = found(variable).unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(!format!("{error:?}{error}").contains("s3cr3t"), "{error}");
    }
}

#[test]
fn a_verified_address_is_the_subject_and_an_unverified_one_is_not() {
    use trust_core::internal::encoding::to_base64;
    for (verified, expected) in [
        (json!(true), "a@example.com"),
        (json!("true"), "a@example.com"),
        (json!(false), "42"),
        (json!(null), "42"),
    ] {
        let claims = json!({
            "iss": "https://issuer.example", "sub": "42", "aud": ["other", "sigstore"], "exp": 4_000_000_000_i64,
            "email": "a@example.com", "email_verified": verified,
        });
        let base64 = to_base64(claims.to_string().as_bytes()).replace('+', "-").replace('/', "_");
        let token =
            IdentityToken::parse(&format!("e30.{}.c2ln", base64.trim_end_matches('=')), now()).unwrap();
        assert_eq!(token.unverified_subject(), expected, "{verified}");
    }
}
