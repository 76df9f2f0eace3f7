//! Signatures of the Notary Project, right in every respect until a test changes one.

use serde_json::{Map, Value, json};
use trust_core::internal::encoding::{from_base64url, to_base64};
use trust_core::notation::{PAYLOAD_MEDIA_TYPE, SignatureEnvelope};

use crate::sigstore::{self, Issuer, Key, Template, basic_constraints, extended_key_usage, key_usage};

pub const YEAR: (&str, &str) = ("260101000000Z", "270101000000Z");
/// 2026-06-01T12:00:00Z
pub const SIGNED_AT: i64 = 1_780_315_200;

/// The value of a signed attribute.
#[derive(Clone, Debug)]
pub enum Attribute {
    Text(String),
    /// Seconds since the epoch.
    Time(i64),
}

/// From an hour ago to in a year, as UTCTime.
pub fn around_now() -> (String, String) {
    let written = |time: trust_core::UnixTime| {
        let digits: String = time.to_string().chars().take(19).filter(char::is_ascii_digit).collect();
        format!("{}Z", &digits[2..])
    };
    let now = crate::now();
    (written(now.plus_millis(-3_600_000)), written(now.plus_millis(365 * 86_400_000)))
}

/// Everything that an envelope is made of, in either form.
pub struct Notation {
    pub key: Key,
    /// In DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// By its name in JWS and its number in COSE.
    pub algorithm: (&'static str, i64),
    pub critical: Vec<&'static str>,
    pub content_type: &'static str,
    pub attributes: Vec<(&'static str, Attribute)>,
    pub payload: String,
    /// What stands beside the signature and is not signed.
    pub agent: Option<&'static str>,
    pub timestamp: Option<Vec<u8>>,
}

/// Whose certificate it is that signs.
pub const SUBJECT: &str = "C=US,ST=WA,O=Acme,CN=signer";

/// A certificate that signs, an authority, and a root above it: the same authorities each time.
pub fn chain(leaf: &Key, leaf_extensions: Vec<Vec<u8>>, validity: (&str, &str)) -> Vec<Vec<u8>> {
    chain_of(SUBJECT, &Key::p384(41), leaf, leaf_extensions, validity)
}

/// The same under other authorities.
pub fn own_chain(leaf: &Key, leaf_extensions: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    chain_of(SUBJECT, &Key::p384(43), leaf, leaf_extensions, YEAR)
}

/// The same for this subject, under the root of this key.
pub fn chain_of(
    subject: &str,
    root_key: &Key,
    leaf: &Key,
    leaf_extensions: Vec<Vec<u8>>,
    validity: (&str, &str),
) -> Vec<Vec<u8>> {
    let middle_key = Key::p256(42);
    let authority = || vec![basic_constraints(None), key_usage(0x04)];
    let by = |name, key| Issuer { name, key };
    let make = |subject, key, extensions, issuer: &Issuer<'_>| {
        sigstore::certificate(&Template { subject, key, validity, extensions }, issuer)
    };
    vec![
        make(subject, leaf, leaf_extensions, &by("middle", &middle_key)),
        make("middle", &middle_key, authority(), &by("root", root_key)),
        make("root", root_key, authority(), &by("root", root_key)),
    ]
}

/// What a certificate that signs artifacts has.
pub fn leaf_extensions() -> Vec<Vec<u8>> {
    vec![key_usage(0x80), extended_key_usage(false, &[sigstore::CODE_SIGNING])]
}

impl Notation {
    /// A signature by a key on P-256.
    pub fn new(artifact: &trust_core::Digest) -> Self {
        let key = Key::p256(40);
        Self {
            chain: chain(&key, leaf_extensions(), YEAR),
            key,
            algorithm: ("ES256", -7),
            critical: vec!["io.cncf.notary.signingScheme"],
            content_type: PAYLOAD_MEDIA_TYPE,
            attributes: vec![
                ("io.cncf.notary.signingScheme", Attribute::Text("notary.x509".to_owned())),
                ("io.cncf.notary.signingTime", Attribute::Time(SIGNED_AT)),
            ],
            payload: json!({"targetArtifact": {"mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": artifact.to_string(), "size": 100}})
            .to_string(),
            agent: Some("test/1"),
            timestamp: None,
        }
    }

    /// Is about a manifest in the OCI's format, and says this of it.
    pub fn describe(&mut self, manifest: &str, annotations: Value) {
        let digest = trust_core::Digest::sha256(manifest.as_bytes());
        self.payload = json!({"targetArtifact": {"mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest.to_string(), "size": manifest.len(), "annotations": annotations}})
        .to_string();
    }

    /// Numbers one after the other, as JWS and COSE have them.
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let der = self.key.sign(message);
        match &self.key {
            Key::P256(_) => p256::ecdsa::Signature::from_der(&der).unwrap().to_bytes().to_vec(),
            Key::P384(_) => p384::ecdsa::Signature::from_der(&der).unwrap().to_bytes().to_vec(),
            Key::P521(_) => p521::ecdsa::Signature::from_der(&der).unwrap().to_bytes().to_vec(),
            _ => der,
        }
    }

    /// The protected header of a JWS.
    pub fn protected(&self) -> Map<String, Value> {
        let mut protected = Map::new();
        protected.insert("alg".to_owned(), json!(self.algorithm.0));
        protected.insert("crit".to_owned(), json!(self.critical));
        protected.insert("cty".to_owned(), json!(self.content_type));
        for (name, value) in &self.attributes {
            let value = match value {
                Attribute::Text(text) => json!(text),
                Attribute::Time(seconds) => json!(trust_core::UnixTime::from_seconds(*seconds).to_string()),
            };
            protected.insert((*name).to_owned(), value);
        }
        protected
    }

    pub fn jws(&self) -> Value {
        self.jws_with(&Value::Object(self.protected()).to_string())
    }

    /// A JWS with this text as its protected header.
    pub fn jws_with(&self, protected: &str) -> Value {
        let (protected, payload) = (base64url(protected.as_bytes()), base64url(self.payload.as_bytes()));
        let signature = self.sign(format!("{protected}.{payload}").as_bytes());
        let mut header = json!({"x5c": self.chain.iter().map(|der| to_base64(der)).collect::<Vec<_>>()});
        if let Some(agent) = self.agent {
            header["io.cncf.notary.signingAgent"] = agent.into();
        }
        if let Some(timestamp) = &self.timestamp {
            header["io.cncf.notary.timestampSignature"] = to_base64(timestamp).into();
        }
        json!({"payload": payload, "protected": protected, "header": header, "signature": base64url(&signature)})
    }

    /// The entries of the protected header of a COSE_Sign1.
    pub fn entries(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let critical: Vec<_> = self.critical.iter().map(|name| cbor::text(name)).collect();
        let mut entries = vec![
            (cbor::int(1), cbor::int(self.algorithm.1)),
            (cbor::int(2), cbor::array(&critical)),
            (cbor::int(3), cbor::text(self.content_type)),
        ];
        for (name, value) in &self.attributes {
            let value = match value {
                Attribute::Text(text) => cbor::text(text),
                Attribute::Time(seconds) => [cbor::head(6, 1), cbor::int(*seconds)].concat(),
            };
            entries.push((cbor::text(name), value));
        }
        entries
    }

    pub fn cose(&self) -> Vec<u8> {
        let chain: Vec<_> = self.chain.iter().map(|der| cbor::bytes(der)).collect();
        [cbor::head(6, 18), self.cose_with(&self.entries(), cbor::array(&chain))].concat()
    }

    /// A COSE_Sign1 without its tag, with these entries and these certificates.
    pub fn cose_with(&self, protected: &[(Vec<u8>, Vec<u8>)], chain: Vec<u8>) -> Vec<u8> {
        let (protected, payload) = (cbor::map(protected), self.payload.as_bytes());
        let signed = cbor::array(&[
            cbor::text("Signature1"),
            cbor::bytes(&protected),
            cbor::bytes(&[]),
            cbor::bytes(payload),
        ]);
        let mut unprotected = vec![(cbor::int(33), chain)];
        unprotected
            .extend(self.agent.map(|agent| (cbor::text("io.cncf.notary.signingAgent"), cbor::text(agent))));
        unprotected.extend(
            self.timestamp
                .as_ref()
                .map(|token| (cbor::text("io.cncf.notary.timestampSignature"), cbor::bytes(token))),
        );
        cbor::array(&[
            cbor::bytes(&protected),
            cbor::map(&unprotected),
            cbor::bytes(payload),
            cbor::bytes(&self.sign(&signed)),
        ])
    }

    /// The envelope in each form, with its media type.
    pub fn both(&self) -> [(&'static str, Vec<u8>); 2] {
        [
            (trust_core::notation::JWS_MEDIA_TYPE, self.jws().to_string().into_bytes()),
            (trust_core::notation::COSE_MEDIA_TYPE, self.cose()),
        ]
    }
}

/// Reads and verifies an envelope; the reasons why not as one text.
pub fn verify(media_type: &str, bytes: &[u8]) -> Result<trust_core::notation::VerifiedEnvelope, String> {
    let envelope = SignatureEnvelope::from_bytes(media_type, bytes);
    envelope.and_then(SignatureEnvelope::verify).map_err(|error| trust_core::Reasons(&error).to_string())
}

/// URL-safe base64 without padding.
pub fn base64url(bytes: &[u8]) -> String {
    let text = to_base64(bytes).trim_end_matches('=').replace('+', "-").replace('/', "_");
    assert_eq!(from_base64url(&text).as_deref(), Some(bytes));
    text
}

/// CBOR, in the shortest form ([RFC 8949](https://www.rfc-editor.org/rfc/rfc8949)).
pub mod cbor {
    pub fn head(kind: u8, value: u64) -> Vec<u8> {
        let kind = kind << 5;
        match value {
            0..24 => vec![kind | value as u8],
            24..0x100 => vec![kind | 24, value as u8],
            0x100..0x1_0000 => [&[kind | 25][..], &(value as u16).to_be_bytes()].concat(),
            0x1_0000..0x1_0000_0000 => [&[kind | 26][..], &(value as u32).to_be_bytes()].concat(),
            _ => [&[kind | 27][..], &value.to_be_bytes()].concat(),
        }
    }

    pub fn int(value: i64) -> Vec<u8> {
        if value < 0 { head(1, (-1 - value) as u64) } else { head(0, value as u64) }
    }

    pub fn bytes(bytes: &[u8]) -> Vec<u8> {
        [head(2, bytes.len() as u64), bytes.to_vec()].concat()
    }

    pub fn text(text: &str) -> Vec<u8> {
        [head(3, text.len() as u64), text.as_bytes().to_vec()].concat()
    }

    pub fn array(items: &[Vec<u8>]) -> Vec<u8> {
        [head(4, items.len() as u64), items.concat()].concat()
    }

    pub fn map(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let entries: Vec<_> =
            entries.iter().map(|(key, value)| [key.clone(), value.clone()].concat()).collect();
        [head(5, entries.len() as u64), entries.concat()].concat()
    }
}
