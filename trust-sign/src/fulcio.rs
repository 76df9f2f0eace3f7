//! Fulcio: a certificate for the identity that a token names.

use trust_core::{Certificate, Reasons, certificate_chain, certificate_request};
use trust_gate::{Deadline, Transport};

use crate::exchange;
use crate::identity_token::IdentityToken;
use crate::key::{PrivateKey, SigningKey as _};
use crate::sign_error::{Published, SignError, Stage};

/// The certificate of a key, and those above it.
pub(crate) async fn certify(
    transport: &dyn Transport,
    authority: &str,
    key: &PrivateKey,
    token: &IdentityToken,
    until: Deadline,
) -> Result<(Certificate, Vec<Certificate>), SignError> {
    let refused =
        |problem: String| SignError::new(Stage::Certificate, &format_args!("{authority}: {problem}"));
    let proof = key.sign(token.unverified_subject().as_bytes(), until).await;
    let proof = proof.map_err(|error| SignError::new(Stage::Sign, &Reasons(&error)))?;
    let url = exchange::below(authority, "api/v2/signingCert").map_err(refused)?;
    exchange::for_secrets(&url).map_err(refused)?;
    let body = certificate_request(key.public_key(), &proof).into_bytes();
    let mut request = exchange::post(url, "application/json", body);
    request.headers.push(("authorization", format!("Bearer {}", token.secret())));
    // A certificate stands in logs of certificates before it is handed out.
    let made = |problem: String, is_certain| SignError {
        published: vec![Published::Certificate { authority: authority.to_owned(), is_certain }],
        ..refused(problem)
    };
    let sent = exchange::send(transport, request, until.at_most(exchange::TIMEOUT)).await;
    let response = sent.map_err(|error| match error.may_have_arrived {
        true => made(error.problem, false),
        false => refused(error.problem),
    })?;
    match response.status {
        200..=299 => certificate_chain(&response.body, key.public_key())
            .map_err(|error| made(Reasons(&error).to_string(), true)),
        // Who is refused by a rule gets none; who meets a broken server may have got one.
        ..500 => Err(refused(exchange::problem(&response))),
        _ => Err(made(exchange::problem(&response), false)),
    }
}
