//! Identity tokens, of which nothing is verified here.

use serde_json::json;
use trust_core::UnixTime;
use trust_core::internal::encoding;

pub(crate) const SUBJECT: &str = "repo:acme/app";

pub(crate) fn token(audience: &str, expires: UnixTime) -> String {
    let claims = json!({
        "iss": "https://issuer.example", "sub": SUBJECT, "aud": audience,
        "exp": expires.as_millis() / 1000, "secret": "claim",
    });
    let base64 = encoding::to_base64(claims.to_string().as_bytes()).replace('+', "-").replace('/', "_");
    format!("e30.{}.c2ln", base64.trim_end_matches('='))
}
