//! Envelopes in the form of JWS, flattened
//! ([JWS envelope](https://github.com/notaryproject/specifications/blob/main/specs/signature-envelope-jws.md),
//! [RFC 7515 section 7.2.2](https://www.rfc-editor.org/rfc/rfc7515#section-7.2.2)).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::PAYLOAD_MEDIA_TYPE;
use super::attributes::{
    AUTHENTIC_SIGNING_TIME, Algorithm, Attributes, AttributesError, EXPIRY, SIGNING_AGENT, SIGNING_SCHEME,
    SIGNING_TIME, Said, SigningScheme, TIMESTAMP_SIGNATURE,
};
use super::parts::{EnvelopeError, Parts};
use crate::text::encoding::{from_base64, from_base64url, to_base64, to_base64url};
use crate::text::json;
use crate::text::time::UnixTime;
use crate::x509::certificate::Certificate;

/// Where the certificates stand ([RFC 7515 section 4.1.6](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.6)).
const X5C: &str = "x5c";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    payload: String,
    protected: String,
    header: BTreeMap<String, Value>,
    signature: String,
}

pub(super) fn read(bytes: &[u8]) -> Result<Parts, EnvelopeError> {
    let wire: Wire = json::from_slice(bytes)?;
    let part = |name: &'static str, text: &str| {
        from_base64url(text)
            .ok_or(EnvelopeError::Malformed { part: name, expected: "base64url without padding" })
    };
    let protected = part("protected", &wire.protected)?;
    let fields: BTreeMap<String, Value> = json::from_slice(&protected)?;
    // What is signed must not stand beside it a second time, where anyone may write (RFC 7515 section 7.2.1).
    if wire.header.keys().any(|name| name == "crit" || name == "alg" || fields.contains_key(name)) {
        let expected = "nothing that must be, or is, protected";
        return Err(EnvelopeError::Malformed { part: "header", expected });
    }
    // A parser that ignores case, such as Go's, would take this one instead.
    let is_other = |name: &String, known: &str| name.eq_ignore_ascii_case(known) && name != known;
    if wire.header.keys().any(|name| is_other(name, X5C) || is_other(name, TIMESTAMP_SIGNATURE)) {
        let expected = "names in their own case";
        return Err(EnvelopeError::Malformed { part: "header", expected });
    }
    let attributes = attributes(&fields)?;
    let algorithm = text(&fields, "alg")?.unwrap_or_default();
    let certificates = wire.header.get(X5C).and_then(Value::as_array).ok_or(EnvelopeError::NoCertificates)?;
    let der = |one: &Value| {
        let bytes = one.as_str().and_then(from_base64);
        bytes.ok_or(EnvelopeError::Malformed { part: X5C, expected: "certificates in base64" })
    };
    let timestamp = match wire.header.get(TIMESTAMP_SIGNATURE) {
        None | Some(Value::Null) => None,
        Some(value) => Some(value.as_str().and_then(from_base64).ok_or(EnvelopeError::Malformed {
            part: TIMESTAMP_SIGNATURE,
            expected: "a timestamp token in base64",
        })?),
    };
    let agent = match wire.header.get(SIGNING_AGENT) {
        None | Some(Value::Null) => None,
        Some(Value::String(agent)) => Some(agent.clone()),
        Some(_) => return Err(EnvelopeError::Malformed { part: SIGNING_AGENT, expected: "a text" }),
    };
    Ok(Parts {
        payload: part("payload", &wire.payload)?,
        signed: format!("{}.{}", wire.protected, wire.payload).into_bytes(),
        signature: part("signature", &wire.signature)?,
        attributes,
        algorithm,
        certificates: certificates.iter().map(der).collect::<Result<_, _>>()?,
        timestamp,
        agent,
    })
}

fn attributes(fields: &BTreeMap<String, Value>) -> Result<Attributes, AttributesError> {
    let critical = match fields.get("crit") {
        None => return Err(AttributesError::Absent { name: "crit" }),
        Some(value) => {
            let names = value.as_array().filter(|names| !names.is_empty());
            let names =
                names.and_then(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect());
            names.ok_or_else(|| wrong("crit", value, "a list of names"))?
        }
    };
    Ok(Attributes {
        content_type: text(fields, "cty")?,
        critical,
        scheme: text(fields, SIGNING_SCHEME)?,
        signing_time: time(fields, SIGNING_TIME)?,
        authentic_signing_time: time(fields, AUTHENTIC_SIGNING_TIME)?,
        expiry: time(fields, EXPIRY)?,
        names: fields.keys().cloned().collect(),
    })
}

fn wrong(name: &str, found: &Value, expected: &'static str) -> AttributesError {
    let found: String = found.to_string().chars().take(64).collect();
    AttributesError::Value { name: name.to_owned(), found: format!("`{found}`"), expected }
}

fn text(fields: &BTreeMap<String, Value>, name: &str) -> Result<Option<String>, AttributesError> {
    let Some(value) = fields.get(name) else { return Ok(None) };
    value.as_str().map(|text| Some(text.to_owned())).ok_or_else(|| wrong(name, value, "a string"))
}

fn time(fields: &BTreeMap<String, Value>, name: &str) -> Result<Option<UnixTime>, AttributesError> {
    let Some(value) = fields.get(name) else { return Ok(None) };
    let time = value.as_str().and_then(|text| text.parse().ok());
    time.map(Some).ok_or_else(|| wrong(name, value, "a time such as `2026-01-31T12:00:00Z`"))
}

/// What is signed: the protected header and the payload, each in base64url.
#[derive(Clone)]
pub(super) struct Unsigned {
    protected: String,
    payload: String,
}

impl Unsigned {
    pub(super) fn new(algorithm: &Algorithm, said: Said, payload: &[u8]) -> Self {
        let mut protected = json!({
            "alg": algorithm.jws,
            "crit": said.critical(),
            "cty": PAYLOAD_MEDIA_TYPE,
            SIGNING_SCHEME: SigningScheme::X509.name(),
            SIGNING_TIME: said.signing_time.to_string(),
        });
        if let (Some(expiry), Some(fields)) = (said.expiry, protected.as_object_mut()) {
            fields.insert(EXPIRY.to_owned(), expiry.to_string().into());
        }
        Self { protected: to_base64url(protected.to_string().as_bytes()), payload: to_base64url(payload) }
    }

    pub(super) fn message(&self) -> Vec<u8> {
        format!("{}.{}", self.protected, self.payload).into_bytes()
    }

    pub(super) fn seal(
        &self,
        signature: &[u8],
        certificates: &[Certificate],
        timestamp: Option<&[u8]>,
        agent: &str,
    ) -> Vec<u8> {
        let chain: Vec<String> = certificates.iter().map(|one| to_base64(one.der())).collect();
        let mut header = json!({X5C: chain, SIGNING_AGENT: agent});
        if let (Some(token), Some(fields)) = (timestamp, header.as_object_mut()) {
            fields.insert(TIMESTAMP_SIGNATURE.to_owned(), to_base64(token).into());
        }
        let envelope = json!({"payload": self.payload, "protected": self.protected, "header": header,
            "signature": to_base64url(signature)});
        envelope.to_string().into_bytes()
    }
}
