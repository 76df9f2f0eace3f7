//! Image signatures as cosign 1 and 2 store them: a payload with annotations beside it
//! ([signature](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md) and
//! [attestation](https://github.com/sigstore/cosign/blob/main/specs/ATTESTATION_SPEC.md) specifications).

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::bundle::{Bundle, Content, Material, Timestamp};
use crate::digest::{Digest, DigestError};
use crate::log::LogEntry;
use crate::statement::dsse::{Envelope, EnvelopeError};
use crate::text::encoding;
use crate::text::json::{self, JsonError};
use crate::text::pem;
use crate::text::time::UnixTime;
use crate::x509::certificate::{Certificate, CertificateError};
use crate::x509::chain::MAX_PATH_LEN;

/// Media type of a layer that holds a [`SimpleSigning`] payload.
pub const SIMPLE_SIGNING_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Media type of a layer that holds an [`Envelope`] with an attestation.
pub const ENVELOPE_MEDIA_TYPE: &str = "application/vnd.dsse.envelope.v1+json";
/// Media types of layers that hold a [`Bundle`] begin with it; the rest is the version.
pub const BUNDLE_MEDIA_TYPE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";
/// The predicate by which cosign 3 signs an image.
pub const SIGN_PREDICATE_TYPE: &str = "https://sigstore.dev/cosign/sign/v1";
/// By which names cosign knows predicate types, and policies that are written for it.
pub const PREDICATE_TYPES: [(&str, &str); 11] = [
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("link", "https://in-toto.io/Link/v1"),
    ("openvex", "https://openvex.dev/ns"),
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("vsa", "https://slsa.dev/verification_summary/v1"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
];

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const BUNDLE: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

const PAYLOAD_TYPE: &str = "cosign container image signature";

/// An annotation holds a certificate, or a log entry with one.
const MAX_ANNOTATION_LEN: usize = 1 << 20;

/// What a legacy image signature signs: the digest of a manifest.
///
/// The name of the image in it is the signer's claim; the digest is the identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimpleSigning {
    docker_reference: String,
    manifest_digest: Digest,
    annotations: BTreeMap<String, serde_json::Value>,
}

/// A layer does not hold a signature as cosign writes it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CosignError {
    /// The payload is not JSON, or of another shape.
    #[error("signature payload is malformed")]
    Payload(#[from] JsonError),
    /// The payload is of another type.
    #[error("signature payload has the type `{found}`, expected `{PAYLOAD_TYPE}`")]
    PayloadType {
        /// What was found.
        found: String,
    },
    /// The payload's digest cannot be read.
    #[error("`critical.image.docker-manifest-digest` of the signature payload cannot be used")]
    ManifestDigest(#[from] DigestError),
    /// The envelope cannot be read.
    #[error("attestation envelope cannot be used")]
    Envelope(#[from] EnvelopeError),
    /// An annotation is absent.
    #[error("layer has no annotation `{name}`")]
    NoAnnotation {
        /// Which.
        name: &'static str,
    },
    /// An annotation is malformed.
    #[error("annotation `{name}` is malformed: {problem}")]
    Annotation {
        /// Which.
        name: &'static str,
        /// What was found and expected.
        problem: String,
    },
    /// The form has no place for something.
    #[error("cosign's older form has no place for it: {problem}")]
    NoPlace {
        /// For what.
        problem: String,
    },
    /// The certificate cannot be used.
    #[error("annotation `{CERTIFICATE}` is not a usable certificate")]
    Certificate(#[from] CertificateError),
}

impl SimpleSigning {
    /// A payload to sign: the manifest, and by which name the signer knows it.
    #[must_use]
    pub fn new(docker_reference: impl Into<String>, manifest_digest: Digest) -> Self {
        Self { docker_reference: docker_reference.into(), manifest_digest, annotations: BTreeMap::new() }
    }

    /// Notes something in it, as `cosign sign -a` does.
    #[must_use]
    pub fn with_annotations(mut self, annotations: BTreeMap<String, serde_json::Value>) -> Self {
        self.annotations = annotations;
        self
    }

    /// The payload as JSON. A signature is over these very bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        let optional = if self.annotations.is_empty() { None } else { Some(&self.annotations) };
        serde_json::json!({
            "critical": {
                "identity": {"docker-reference": self.docker_reference},
                "image": {"docker-manifest-digest": self.manifest_digest.to_string()},
                "type": PAYLOAD_TYPE,
            },
            "optional": optional,
        })
        .to_string()
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// If it is malformed or of another type.
    pub fn from_json(bytes: &[u8]) -> Result<Self, CosignError> {
        let wire: wire::Payload = json::from_slice(bytes)?;
        if wire.critical.payload_type != PAYLOAD_TYPE {
            return Err(CosignError::PayloadType { found: wire.critical.payload_type });
        }
        Ok(Self {
            docker_reference: wire.critical.identity.docker_reference,
            manifest_digest: wire.critical.image.docker_manifest_digest.parse()?,
            annotations: wire.optional.unwrap_or_default(),
        })
    }

    /// The image's name at signing, by the signer.
    #[must_use]
    pub fn docker_reference(&self) -> &str {
        &self.docker_reference
    }

    /// The manifest that is signed.
    #[must_use]
    pub fn manifest_digest(&self) -> &Digest {
        &self.manifest_digest
    }

    /// What the signer noted (`cosign sign -a key=value`).
    #[must_use]
    pub fn annotations(&self) -> &BTreeMap<String, serde_json::Value> {
        &self.annotations
    }
}

/// The bundle that a signature layer amounts to; its artifact is the layer's content.
///
/// # Errors
/// If an annotation is absent or malformed.
pub fn signature_bundle(annotations: &BTreeMap<String, String>) -> Result<Bundle, CosignError> {
    let text = annotation(annotations, SIGNATURE)?.ok_or(CosignError::NoAnnotation { name: SIGNATURE })?;
    let signature = base64(SIGNATURE, text)?;
    let content = Content::Message { unverified_digest: None, signature };
    bundle(annotations, content, None)
}

/// The bundle that an attestation layer amounts to.
///
/// # Errors
/// If the envelope or an annotation is malformed.
pub fn attestation_bundle(
    layer: &[u8],
    annotations: &BTreeMap<String, String>,
) -> Result<Bundle, CosignError> {
    let content = Content::Envelope(Envelope::from_json(layer)?);
    // cosign has the whole envelope timestamped, not its signature (`VerifyRFC3161Timestamp`).
    bundle(annotations, content, Some(layer.to_vec()))
}

/// The annotations beside the layer by which cosign 1 and 2 read this bundle: [`signature_bundle`] and [`attestation_bundle`] the other
/// way round. `issuers` are the certificates above the signer's, its own issuer first, for verifiers that trust the last one alone.
///
/// # Errors
/// If the form has no place for something: an entry without a promise, as Rekor v2 makes them; two entries or timestamps.
pub fn annotations(
    bundle: &Bundle,
    issuers: &[Certificate],
) -> Result<BTreeMap<String, String>, CosignError> {
    let mut annotations = BTreeMap::new();
    let signature = match &bundle.content {
        Content::Message { signature, .. } => encoding::to_base64(signature),
        // An envelope has its own.
        Content::Envelope(_) => String::new(),
    };
    annotations.insert(SIGNATURE.to_owned(), signature);
    if let Material::Certificate { leaf, .. } = &bundle.material {
        annotations.insert(CERTIFICATE.to_owned(), pem::encode("CERTIFICATE", leaf.der()));
        let chain: String = issuers.iter().map(|one| pem::encode("CERTIFICATE", one.der())).collect();
        annotations.insert(CHAIN.to_owned(), chain);
    }
    let only =
        |what, found| CosignError::NoPlace { problem: format!("found {found} {what}, expected at most 1") };
    match &bundle.log_entries[..] {
        [] => {}
        [entry] => {
            let (Some(promise), Some(time)) = (&entry.promise, entry.integrated_time) else {
                let problem = "the log entry has no promise (Rekor v2 makes none)".to_owned();
                return Err(CosignError::NoPlace { problem });
            };
            let wire = serde_json::json!({
                "SignedEntryTimestamp": encoding::to_base64(promise),
                "Payload": {
                    "body": encoding::to_base64(&entry.body), "integratedTime": time.as_millis().div_euclid(1000),
                    "logIndex": entry.log_index, "logID": encoding::to_hex(&entry.log_id),
                },
            });
            annotations.insert(BUNDLE.to_owned(), wire.to_string());
        }
        entries => return Err(only("log entries", entries.len())),
    }
    match &bundle.timestamps[..] {
        [] => {}
        [one] => {
            let wire = serde_json::json!({ "SignedRFC3161Timestamp": encoding::to_base64(&one.token) });
            annotations.insert(TIMESTAMP.to_owned(), wire.to_string());
        }
        timestamps => return Err(only("timestamps", timestamps.len())),
    }
    Ok(annotations)
}

fn bundle(
    annotations: &BTreeMap<String, String>,
    content: Content,
    timestamped: Option<Vec<u8>>,
) -> Result<Bundle, CosignError> {
    let material = match annotation(annotations, CERTIFICATE)? {
        Some(pem) => Material::Certificate {
            leaf: Box::new(Certificate::from_pem(pem)?),
            unverified_intermediates: intermediates(annotations)?,
        },
        None => Material::Key { unverified_hint: String::new() },
    };
    let log_entry = annotation(annotations, BUNDLE)?.map(log_entry).transpose()?;
    let timestamp = annotation(annotations, TIMESTAMP)?
        .map(|text| {
            let wire: wire::Timestamp = parse(TIMESTAMP, text)?;
            Ok::<_, CosignError>(Timestamp {
                token: base64(TIMESTAMP, &wire.signed_timestamp)?,
                over: timestamped,
            })
        })
        .transpose()?;
    Ok(Bundle::from_parts(
        content,
        material,
        log_entry.into_iter().collect(),
        timestamp.into_iter().collect(),
    ))
}

/// The certificates between the signer's and the root, for a verifier that trusts the root alone. They are hints: one that cannot be
/// read leads nowhere, and the trust root may know the way by itself.
fn intermediates(annotations: &BTreeMap<String, String>) -> Result<Vec<Certificate>, CosignError> {
    let text = annotation(annotations, CHAIN)?.unwrap_or_default();
    let certificates = pem::split_blocks(text).into_iter().take(MAX_PATH_LEN);
    let readable = certificates.filter_map(|block| Certificate::from_pem(block).ok());
    Ok(readable.filter(|certificate| !certificate.is_self_issued()).collect())
}

fn log_entry(text: &str) -> Result<LogEntry, CosignError> {
    let wire: wire::RekorBundle = parse(BUNDLE, text)?;
    let problem = |problem: &str| CosignError::Annotation { name: BUNDLE, problem: problem.to_owned() };
    let log_id = encoding::from_hex(&wire.payload.log_id)
        .ok_or_else(|| problem("`Payload.logID` is not lower-case hexadecimal"))?;
    let log_index =
        u64::try_from(wire.payload.log_index).map_err(|_| problem("`Payload.logIndex` is negative"))?;
    Ok(LogEntry::with_promise(
        log_id,
        log_index,
        UnixTime::from_seconds(wire.payload.integrated_time),
        base64(BUNDLE, &wire.payload.body)?,
        base64(BUNDLE, &wire.signed_entry_timestamp)?,
    ))
}

/// The value of an annotation; an empty one counts as absent.
fn annotation<'a>(
    annotations: &'a BTreeMap<String, String>,
    name: &'static str,
) -> Result<Option<&'a str>, CosignError> {
    let Some(value) = annotations.get(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    if value.len() > MAX_ANNOTATION_LEN {
        return Err(CosignError::Annotation {
            name,
            problem: format!("it has {} bytes, expected at most {MAX_ANNOTATION_LEN}", value.len()),
        });
    }
    Ok(Some(value))
}

fn parse<T: serde::de::DeserializeOwned>(name: &'static str, text: &str) -> Result<T, CosignError> {
    json::from_slice(text.as_bytes())
        .map_err(|error| CosignError::Annotation { name, problem: error.to_string() })
}

fn base64(name: &'static str, text: &str) -> Result<Vec<u8>, CosignError> {
    encoding::from_base64(text)
        .ok_or_else(|| CosignError::Annotation { name, problem: "a value in it is not base64".to_owned() })
}

mod wire {
    use super::{BTreeMap, Deserialize};

    #[derive(Deserialize)]
    pub(super) struct Payload {
        pub(super) critical: Critical,
        pub(super) optional: Option<BTreeMap<String, serde_json::Value>>,
    }

    #[derive(Deserialize)]
    pub(super) struct Critical {
        pub(super) identity: Identity,
        pub(super) image: Image,
        #[serde(rename = "type")]
        pub(super) payload_type: String,
    }

    #[derive(Deserialize)]
    pub(super) struct Identity {
        #[serde(rename = "docker-reference")]
        pub(super) docker_reference: String,
    }

    #[derive(Deserialize)]
    pub(super) struct Image {
        #[serde(rename = "docker-manifest-digest")]
        pub(super) docker_manifest_digest: String,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub(super) struct RekorBundle {
        pub(super) signed_entry_timestamp: String,
        pub(super) payload: RekorPayload,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct RekorPayload {
        pub(super) body: String,
        pub(super) integrated_time: i64,
        pub(super) log_index: i64,
        #[serde(rename = "logID")]
        pub(super) log_id: String,
    }

    #[derive(Deserialize)]
    pub(super) struct Timestamp {
        #[serde(rename = "SignedRFC3161Timestamp")]
        pub(super) signed_timestamp: String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::pem::PemError;

    #[test]
    fn a_payload_of_another_type_is_refused() {
        let text = r#"{"critical":{"identity":{"docker-reference":"a"},"image":{"docker-manifest-digest":"sha256:00"},
            "type":"atomic container signature"}}"#;
        let found = "atomic container signature".to_owned();
        assert_eq!(SimpleSigning::from_json(text.as_bytes()), Err(CosignError::PayloadType { found }));
    }

    #[test]
    fn a_key_where_a_certificate_is_expected_is_refused() {
        let key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
        let annotations = BTreeMap::from([
            (SIGNATURE.to_owned(), "AAAA".to_owned()),
            (CERTIFICATE.to_owned(), key.to_owned()),
        ]);
        let expected = PemError::Begin { found: Some("PUBLIC KEY".to_owned()), expected: "CERTIFICATE" };
        assert_eq!(signature_bundle(&annotations).err(), Some(CosignError::Certificate(expected.into())));
    }

    #[test]
    fn a_layer_without_signature_is_refused() {
        assert_eq!(
            signature_bundle(&BTreeMap::new()).err(),
            Some(CosignError::NoAnnotation { name: SIGNATURE })
        );
    }
}
