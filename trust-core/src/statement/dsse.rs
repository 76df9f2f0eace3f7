//! [`Envelope`]: signed payloads of a named type
//! ([DSSE protocol, version 1](https://github.com/secure-systems-lab/dsse/blob/master/protocol.md)).

use std::borrow::Cow;

use serde::Deserialize;
use thiserror::Error;

use crate::text::encoding;
use crate::text::json::{AtMost, Document, JsonError};

/// Attestations hold SBOMs of tens of MiB; cosign reads up to 128 MiB.
const MAX_LEN: usize = 128 << 20;

/// A payload, its type, and one signature over both. It proves nothing until the signature is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signature: Vec<u8>,
    key_id: String,
}

/// The text is not an envelope with one signature.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It is too long.
    #[error("envelope has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It is not JSON, or of another shape.
    #[error("envelope is malformed")]
    Json(#[from] JsonError),
    /// A value is not base64.
    #[error("`{field}` of the envelope is not base64")]
    Base64 {
        /// Which.
        field: &'static str,
    },
    /// Sigstore allows one signature only.
    #[error("envelope has {found} signatures, expected 1")]
    Signatures {
        /// How many.
        found: usize,
    },
}

impl Envelope {
    /// An envelope of its parts.
    #[must_use]
    pub fn new(payload_type: impl Into<String>, payload: Vec<u8>, signature: Vec<u8>) -> Self {
        Self { payload_type: payload_type.into(), payload, signature, key_id: String::new() }
    }

    /// Reads an envelope in its JSON form.
    ///
    /// # Errors
    /// If it is malformed or has not exactly one signature.
    pub fn from_json(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > MAX_LEN {
            return Err(EnvelopeError::TooLong { found: bytes.len() });
        }
        Self::from_wire(Document::new(bytes)?.read()?)
    }

    pub(crate) fn from_wire(wire: WireEnvelope<'_>) -> Result<Self, EnvelopeError> {
        let [signature] = wire.signatures.kept() else {
            return Err(EnvelopeError::Signatures { found: wire.signatures.found() });
        };
        let decode =
            |field, text: &str| encoding::from_proto_base64(text).ok_or(EnvelopeError::Base64 { field });
        Ok(Self {
            payload: decode("payload", &wire.payload)?,
            signature: decode("signatures[0].sig", &signature.sig)?,
            payload_type: wire.payload_type,
            key_id: signature.keyid.clone().unwrap_or_default(),
        })
    }

    /// The media type of the payload; it is signed.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signature over [`pre_authentication_encoding`](Self::pre_authentication_encoding).
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The hint which key signed; it is not signed, and may be empty.
    #[must_use]
    pub fn unverified_key_id(&self) -> &str {
        &self.key_id
    }

    /// PAE: what the signature is over. Two different pairs of type and payload never encode to the same bytes.
    #[must_use]
    pub fn pre_authentication_encoding(&self) -> Vec<u8> {
        pre_authentication_encoding(&self.payload_type, &self.payload)
    }

    /// The envelope in its JSON form.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.to_wire().to_string()
    }

    pub(crate) fn to_wire(&self) -> serde_json::Value {
        let mut signature = serde_json::json!({ "sig": encoding::to_base64(&self.signature) });
        if let (false, Some(signature)) = (self.key_id.is_empty(), signature.as_object_mut()) {
            signature.insert("keyid".to_owned(), self.key_id.clone().into());
        }
        serde_json::json!({
            "payload": encoding::to_base64(&self.payload), "payloadType": self.payload_type, "signatures": [signature],
        })
    }
}

/// PAE: what is signed of a payload and its type.
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// The envelope as JSON, alone or in a bundle.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireEnvelope<'a> {
    #[serde(borrow, default)]
    payload: Cow<'a, str>,
    #[serde(default, alias = "payload_type")]
    payload_type: String,
    #[serde(borrow, default)]
    signatures: AtMost<WireSignature<'a>, 2>,
}

#[derive(Deserialize)]
struct WireSignature<'a> {
    #[serde(borrow)]
    sig: Cow<'a, str>,
    keyid: Option<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_protocols_own_example_encodes_as_printed_there() {
        let envelope = Envelope::new("http://example.com/HelloWorld", b"hello world".to_vec(), vec![]);
        assert_eq!(
            envelope.pre_authentication_encoding(),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn no_signature_and_two_signatures_are_refused() {
        for (signatures, found) in [("", 0), (r#"{"sig":""},{"sig":""}"#, 2)] {
            let text = format!(r#"{{"payload":"","payloadType":"t","signatures":[{signatures}]}}"#);
            assert_eq!(Envelope::from_json(text.as_bytes()), Err(EnvelopeError::Signatures { found }));
        }
    }

    /// Takes PAE apart again: an oracle that shows the encoding to be injective.
    fn take_apart(mut bytes: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        fn length_and_rest(bytes: &[u8]) -> Option<(usize, &[u8])> {
            let end = bytes.iter().position(|&byte| byte == b' ')?;
            let length = std::str::from_utf8(&bytes[..end]).ok()?.parse().ok()?;
            Some((length, &bytes[end + 1..]))
        }
        bytes = bytes.strip_prefix(b"DSSEv1 ")?;
        let (length, rest) = length_and_rest(bytes)?;
        let (payload_type, rest) = rest.split_at_checked(length)?;
        let (length, payload) = length_and_rest(rest.strip_prefix(b" ")?)?;
        (payload.len() == length).then(|| (payload_type.to_vec(), payload.to_vec()))
    }

    proptest! {
        #[test]
        fn pae_can_be_taken_apart(payload_type: String, payload: Vec<u8>) {
            let encoding = Envelope::new(payload_type.clone(), payload.clone(), vec![]).pre_authentication_encoding();
            prop_assert_eq!(take_apart(&encoding), Some((payload_type.into_bytes(), payload)));
        }

        #[test]
        fn different_envelopes_have_different_pae(a: (String, Vec<u8>), b: (String, Vec<u8>)) {
            prop_assume!(a != b);
            let encode = |(payload_type, payload)| {
                Envelope::new(String::clone(payload_type), Vec::clone(payload), vec![]).pre_authentication_encoding()
            };
            prop_assert_ne!(encode((&a.0, &a.1)), encode((&b.0, &b.1)));
        }
    }
}
