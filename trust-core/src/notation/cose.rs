//! Envelopes in the form of COSE_Sign1
//! ([COSE envelope](https://github.com/notaryproject/specifications/blob/main/specs/signature-envelope-cose.md),
//! [RFC 9052 section 4.2](https://www.rfc-editor.org/rfc/rfc9052#section-4.2)).

use coset::cbor::value::Value;
use coset::iana::{EnumI64 as _, HeaderParameter};
use coset::{
    CoseSign1, Header, Label, RegisteredLabel, RegisteredLabelWithPrivate, TaggedCborSerializable as _,
};

use super::PAYLOAD_MEDIA_TYPE;
use super::attributes::{
    AUTHENTIC_SIGNING_TIME, Algorithm, Attributes, AttributesError, EXPIRY, SIGNING_AGENT, SIGNING_SCHEME,
    SIGNING_TIME, Said, SigningScheme, TIMESTAMP_SIGNATURE,
};
use super::parts::{EnvelopeError, Parts};
use crate::text::time::UnixTime;
use crate::x509::certificate::Certificate;

/// Where the certificates stand ([RFC 9360](https://www.rfc-editor.org/rfc/rfc9360#section-2)).
const X5CHAIN: i64 = 33;
/// [RFC 8949 section 3.4.2](https://www.rfc-editor.org/rfc/rfc8949#section-3.4.2)
const EPOCH_TIME: u64 = 1;

pub(super) fn read(bytes: &[u8]) -> Result<Parts, EnvelopeError> {
    let envelope = CoseSign1::from_tagged_slice(bytes)
        .map_err(|error| EnvelopeError::Cbor { problem: error.to_string() })?;
    let signed = envelope.tbs_data(&[]);
    let CoseSign1 { protected, unprotected, payload, signature } = envelope;
    let header = protected.header;
    check_disjoint(&header, &unprotected)?;
    let payload =
        payload.ok_or(EnvelopeError::Malformed { part: "payload", expected: "bytes in the envelope" })?;
    Ok(Parts {
        payload,
        signed,
        signature,
        attributes: attributes(&header)?,
        algorithm: algorithm(&header),
        certificates: certificates(&header, &unprotected)?,
        timestamp: timestamp(&unprotected)?,
        agent: agent(&unprotected)?,
    })
}

/// What is signed must not stand beside it a second time, where anyone may write.
fn check_disjoint(protected: &Header, unprotected: &Header) -> Result<(), EnvelopeError> {
    let has_own =
        unprotected.alg.is_some() || unprotected.content_type.is_some() || !unprotected.crit.is_empty();
    let is_chain = |label: &Label| *label == Label::Int(X5CHAIN); // which is told apart by itself
    let stands_twice =
        |(label, _): &(Label, Value)| !is_chain(label) && protected.rest.iter().any(|(one, _)| one == label);
    match has_own || unprotected.rest.iter().any(stands_twice) {
        true => Err(EnvelopeError::Malformed {
            part: "unprotected header",
            expected: "nothing that must be, or is, protected",
        }),
        false => Ok(()),
    }
}

/// The number of the algorithm; empty if there is none.
fn algorithm(header: &Header) -> String {
    match &header.alg {
        None => String::new(),
        Some(RegisteredLabelWithPrivate::Assigned(algorithm)) => number(algorithm),
        Some(RegisteredLabelWithPrivate::PrivateUse(number)) => number.to_string(),
        // A text is no number, whatever it says.
        Some(RegisteredLabelWithPrivate::Text(text)) => format!("text {text}"),
    }
}

fn number(assigned: &impl coset::iana::EnumI64) -> String {
    assigned.to_i64().to_string()
}

fn field<'a>(header: &'a Header, name: &str) -> Option<&'a Value> {
    let is_named = |label: &Label| matches!(label, Label::Text(text) if text == name);
    header.rest.iter().find(|(label, _)| is_named(label)).map(|(_, value)| value)
}

/// A list, or one certificate alone; in the protected header as well as in the other one.
fn certificates(protected: &Header, unprotected: &Header) -> Result<Vec<Vec<u8>>, EnvelopeError> {
    let chain = |header: &Header| {
        header.rest.iter().find(|(label, _)| *label == Label::Int(X5CHAIN)).map(|(_, value)| value.clone())
    };
    let malformed =
        EnvelopeError::Malformed { part: "x5chain", expected: "a certificate, or a list of them" };
    match (chain(protected), chain(unprotected)) {
        (Some(_), Some(_)) => {
            Err(EnvelopeError::Malformed { part: "x5chain", expected: "one list of certificates" })
        }
        (None, None) => Err(EnvelopeError::NoCertificates),
        (Some(Value::Bytes(one)), None) | (None, Some(Value::Bytes(one))) => Ok(vec![one]),
        (Some(Value::Array(list)), None) | (None, Some(Value::Array(list))) => {
            list.into_iter().map(|one| one.into_bytes().map_err(|_| malformed.clone())).collect()
        }
        _ => Err(malformed),
    }
}

fn timestamp(unprotected: &Header) -> Result<Option<Vec<u8>>, EnvelopeError> {
    match field(unprotected, TIMESTAMP_SIGNATURE) {
        None => Ok(None),
        Some(Value::Bytes(token)) => Ok(Some(token.clone())),
        Some(_) => Err(EnvelopeError::Malformed { part: TIMESTAMP_SIGNATURE, expected: "bytes" }),
    }
}

fn agent(unprotected: &Header) -> Result<Option<String>, EnvelopeError> {
    match field(unprotected, SIGNING_AGENT) {
        None => Ok(None),
        Some(Value::Text(agent)) => Ok(Some(agent.clone())),
        Some(_) => Err(EnvelopeError::Malformed { part: SIGNING_AGENT, expected: "a text" }),
    }
}

fn attributes(header: &Header) -> Result<Attributes, AttributesError> {
    if header.crit.is_empty() {
        return Err(AttributesError::Absent { name: "crit" });
    }
    // The algorithm and the content type are always heeded, so they may be critical; texts are never called as they are.
    let name = |label: &RegisteredLabelWithPrivate<HeaderParameter>| match label {
        RegisteredLabelWithPrivate::Assigned(HeaderParameter::Alg | HeaderParameter::ContentType) => None,
        RegisteredLabelWithPrivate::Text(text) => Some(text.clone()),
        RegisteredLabelWithPrivate::Assigned(other) => Some(number(other)),
        RegisteredLabelWithPrivate::PrivateUse(number) => Some(number.to_string()),
    };
    let content_type = match &header.content_type {
        None => None,
        Some(RegisteredLabel::Text(text)) => Some(text.clone()),
        Some(RegisteredLabel::Assigned(format)) => Some(number(format)),
    };
    let names: Vec<String> = header
        .rest
        .iter()
        .map(|(label, _)| match label {
            Label::Text(text) => text.clone(),
            Label::Int(number) => number.to_string(),
        })
        .collect();
    Ok(Attributes {
        content_type,
        critical: header.crit.iter().filter_map(name).collect(),
        scheme: match field(header, SIGNING_SCHEME) {
            None => None,
            Some(Value::Text(text)) => Some(text.clone()),
            Some(other) => return Err(wrong(SIGNING_SCHEME, other, "text")),
        },
        signing_time: time(header, SIGNING_TIME)?,
        authentic_signing_time: time(header, AUTHENTIC_SIGNING_TIME)?,
        expiry: time(header, EXPIRY)?,
        names,
    })
}

fn wrong(name: &str, found: &Value, expected: &'static str) -> AttributesError {
    let found = match found {
        Value::Text(_) => "text",
        Value::Integer(_) => "a number without a tag",
        Value::Tag(..) => "another tag or value",
        _ => "another value",
    };
    AttributesError::Value { name: name.to_owned(), found: found.to_owned(), expected }
}

fn time(header: &Header, name: &str) -> Result<Option<UnixTime>, AttributesError> {
    let Some(value) = field(header, name) else { return Ok(None) };
    let seconds = match value {
        Value::Tag(EPOCH_TIME, inner) => inner.as_integer().and_then(|seconds| i64::try_from(seconds).ok()),
        _ => None,
    };
    // Years of four digits, as times are written everywhere else.
    let seconds = seconds.filter(|seconds| (0..=253_402_300_799).contains(seconds));
    seconds
        .map(|seconds| Some(UnixTime::from_seconds(seconds)))
        .ok_or_else(|| wrong(name, value, "tag 1 with whole seconds"))
}

/// An envelope without its signature.
pub(super) fn unsigned(algorithm: &Algorithm, said: Said, payload: Vec<u8>) -> CoseSign1 {
    let time = |time: UnixTime| {
        Value::Tag(EPOCH_TIME, Box::new(Value::Integer(time.as_millis().div_euclid(1000).into())))
    };
    let scheme = Value::Text(SigningScheme::X509.name().to_owned());
    let mut rest = vec![
        (Label::Text(SIGNING_SCHEME.to_owned()), scheme),
        (Label::Text(SIGNING_TIME.to_owned()), time(said.signing_time)),
    ];
    rest.extend(said.expiry.map(|expiry| (Label::Text(EXPIRY.to_owned()), time(expiry))));
    let critical = said.critical().into_iter();
    let header = Header {
        alg: coset::iana::Algorithm::from_i64(algorithm.cose).map(RegisteredLabelWithPrivate::Assigned),
        crit: critical.map(|name| RegisteredLabelWithPrivate::Text(name.to_owned())).collect(),
        content_type: Some(RegisteredLabel::Text(PAYLOAD_MEDIA_TYPE.to_owned())),
        rest,
        ..Header::default()
    };
    let protected = coset::ProtectedHeader { original_data: None, header };
    CoseSign1 { protected, payload: Some(payload), ..CoseSign1::default() }
}

pub(super) fn seal(
    mut envelope: CoseSign1,
    signature: &[u8],
    certificates: &[Certificate],
    timestamp: Option<&[u8]>,
    agent: &str,
) -> Result<Vec<u8>, EnvelopeError> {
    let chain = certificates.iter().map(|one| Value::Bytes(one.der().to_vec())).collect();
    envelope.unprotected.rest = vec![
        (Label::Int(X5CHAIN), Value::Array(chain)),
        (Label::Text(SIGNING_AGENT.to_owned()), Value::Text(agent.to_owned())),
    ];
    let token = timestamp.map(|token| Value::Bytes(token.to_vec()));
    let token = token.map(|token| (Label::Text(TIMESTAMP_SIGNATURE.to_owned()), token));
    envelope.unprotected.rest.extend(token);
    envelope.signature = signature.to_vec();
    envelope.to_tagged_vec().map_err(|error| EnvelopeError::Cbor { problem: error.to_string() })
}
