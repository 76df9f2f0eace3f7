//! The bundle as JSON, by [proto3's JSON mapping](https://protobuf.dev/programming-guides/json/):
//! names in lowerCamelCase, 64-bit integers as text or number, `null` for absent.

use core::fmt;
use std::borrow::Cow;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, de};

use super::{
    BundleError, BundleVersion, Certificate, Content, Digest, Envelope, HashAlgorithm, InclusionClaim,
    LogEntry, MAX_LOG_ENTRIES, MAX_PATH_LEN, MAX_PROOF_HASHES, MAX_TIMESTAMPS, Material, Timestamp, UnixTime,
};
use crate::statement::dsse::WireEnvelope;
use crate::text::encoding;
use crate::text::json::{AtMost, proto_enum};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bundle<'a> {
    #[serde(borrow, alias = "media_type")]
    media_type: Option<Text<'a>>,
    #[serde(borrow, alias = "verification_material")]
    verification_material: Option<VerificationMaterial<'a>>,
    #[serde(borrow, alias = "message_signature")]
    message_signature: Option<MessageSignature<'a>>,
    #[serde(borrow, alias = "dsse_envelope")]
    dsse_envelope: Option<WireEnvelope<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerificationMaterial<'a> {
    #[serde(borrow, alias = "public_key")]
    public_key: Option<PublicKeyIdentifier<'a>>,
    #[serde(borrow, alias = "x509_certificate_chain")]
    x509_certificate_chain: Option<CertificateChain<'a>>,
    #[serde(borrow)]
    certificate: Option<RawCertificate<'a>>,
    #[serde(borrow, default, alias = "tlog_entries")]
    tlog_entries: AtMost<TransparencyLogEntry<'a>, MAX_LOG_ENTRIES>,
    #[serde(borrow, alias = "timestamp_verification_data")]
    timestamp_verification_data: Option<TimestampVerificationData<'a>>,
}

#[derive(Deserialize)]
struct PublicKeyIdentifier<'a> {
    #[serde(borrow)]
    hint: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct CertificateChain<'a> {
    #[serde(borrow, default)]
    certificates: AtMost<RawCertificate<'a>, MAX_PATH_LEN>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCertificate<'a> {
    #[serde(borrow, alias = "raw_bytes")]
    raw_bytes: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimestampVerificationData<'a> {
    #[serde(borrow, default, alias = "rfc3161_timestamps")]
    rfc3161_timestamps: AtMost<SignedTimestamp<'a>, MAX_TIMESTAMPS>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedTimestamp<'a> {
    #[serde(borrow, alias = "signed_timestamp")]
    signed_timestamp: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageSignature<'a> {
    #[serde(borrow, alias = "message_digest")]
    message_digest: Option<HashOutput<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct HashOutput<'a> {
    #[serde(default, deserialize_with = "proto_enum")]
    algorithm: Option<String>,
    #[serde(borrow)]
    digest: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TransparencyLogEntry<'a> {
    #[serde(alias = "log_index")]
    log_index: Option<Int64>,
    #[serde(borrow, alias = "log_id")]
    log_id: Option<LogId<'a>>,
    #[serde(borrow, alias = "kind_version")]
    kind_version: Option<KindVersion<'a>>,
    #[serde(alias = "integrated_time")]
    integrated_time: Option<Int64>,
    #[serde(borrow, alias = "inclusion_promise")]
    inclusion_promise: Option<InclusionPromise<'a>>,
    #[serde(borrow, alias = "inclusion_proof")]
    inclusion_proof: Option<InclusionProof<'a>>,
    #[serde(borrow, alias = "canonicalized_body")]
    canonicalized_body: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId<'a> {
    #[serde(borrow, alias = "key_id")]
    key_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct KindVersion<'a> {
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    version: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionPromise<'a> {
    #[serde(borrow, alias = "signed_entry_timestamp")]
    signed_entry_timestamp: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionProof<'a> {
    #[serde(alias = "log_index")]
    log_index: Option<Int64>,
    #[serde(borrow, default)]
    hashes: AtMost<Text<'a>, MAX_PROOF_HASHES>,
    #[serde(borrow)]
    checkpoint: Option<Checkpoint<'a>>,
}

#[derive(Deserialize)]
struct Checkpoint<'a> {
    #[serde(borrow)]
    envelope: Option<Text<'a>>,
}

/// A 64-bit integer, as text or as a number.
#[derive(Clone, Copy)]
struct Int64(i64);

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Int64Visitor)
    }
}

struct Int64Visitor;

impl Visitor<'_> for Int64Visitor {
    type Value = Int64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a 64-bit integer, as text or as a number")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Int64, E> {
        Ok(Int64(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Int64, E> {
        i64::try_from(number).map(Int64).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Int64, E> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        // One spelling only: no plus sign, no leading zeros.
        let is_canonical = text == "0" || digits.starts_with(|first: char| matches!(first, '1'..='9'));
        let number = text.parse().ok().filter(|_| is_canonical);
        number.map(Int64).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// Text, borrowed from the document unless it holds escapes.
#[derive(Default, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl Text<'_> {
    fn into_string(text: Option<Self>) -> String {
        text.map(|Text(text)| text.into_owned()).unwrap_or_default()
    }
}

impl Bundle<'_> {
    pub(super) fn into_bundle(self) -> Result<super::Bundle, BundleError> {
        let media_type = Text::into_string(self.media_type);
        let version = BundleVersion::from_media_type(&media_type)
            .ok_or(BundleError::MediaType { found: media_type })?;
        let content = match (self.message_signature, self.dsse_envelope) {
            (Some(message), None) => message.into_content()?,
            (None, Some(envelope)) => Content::Envelope(Envelope::from_wire(envelope)?),
            (message, _) => {
                return Err(BundleError::OneOf {
                    found: if message.is_some() { 2 } else { 0 },
                    alternatives: "`messageSignature` and `dsseEnvelope`",
                });
            }
        };
        let wire = self.verification_material.ok_or_else(|| absent(format_args!("verificationMaterial")))?;
        let timestamps =
            wire.timestamp_verification_data.map(|data| data.rfc3161_timestamps).unwrap_or_default();
        let material = material(version, wire.public_key, wire.certificate, wire.x509_certificate_chain)?;
        Ok(super::Bundle {
            version,
            content,
            material,
            log_entries: log_entries(version, wire.tlog_entries)?,
            timestamps: parse_timestamps(timestamps)?,
        })
    }
}

impl MessageSignature<'_> {
    fn into_content(self) -> Result<Content, BundleError> {
        let unverified_digest = self
            .message_digest
            .map(|hash| {
                let name = hash.algorithm.unwrap_or_default();
                let algorithm = match name.as_str() {
                    "SHA2_256" | "1" => HashAlgorithm::Sha256,
                    "SHA2_384" | "2" => HashAlgorithm::Sha384,
                    "SHA2_512" | "3" => HashAlgorithm::Sha512,
                    _ => {
                        return Err(BundleError::Value {
                            path: "messageSignature.messageDigest.algorithm".to_owned(),
                            found: name,
                            expected: "`SHA2_256`, `SHA2_384` or `SHA2_512`",
                        });
                    }
                };
                let path = "messageSignature.messageDigest.digest";
                let bytes = base64(format_args!("{path}"), hash.digest)?;
                Digest::new(algorithm, bytes).map_err(|error| BundleError::Value {
                    path: path.to_owned(),
                    found: error.to_string(),
                    expected: "a digest of the algorithm's length",
                })
            })
            .transpose()?;
        Ok(Content::Message {
            unverified_digest,
            signature: base64(format_args!("messageSignature.signature"), self.signature)?,
        })
    }
}

fn material(
    version: BundleVersion,
    key: Option<PublicKeyIdentifier<'_>>,
    certificate: Option<RawCertificate<'_>>,
    chain: Option<CertificateChain<'_>>,
) -> Result<Material, BundleError> {
    match (key, certificate, chain) {
        (Some(key), None, None) => Ok(Material::Key { unverified_hint: Text::into_string(key.hint) }),
        (None, Some(raw), None) => Ok(Material::Certificate {
            leaf: Box::new(certificate_at(format_args!("verificationMaterial.certificate"), raw)?),
            unverified_intermediates: Vec::new(),
        }),
        (None, None, Some(_)) if version >= BundleVersion::V0_3 => {
            Err(BundleError::NotInVersion { path: "verificationMaterial.x509CertificateChain", version })
        }
        (None, None, Some(chain)) => certificates(chain),
        (key, certificate, chain) => Err(BundleError::OneOf {
            found: [key.is_some(), certificate.is_some(), chain.is_some()]
                .into_iter()
                .filter(|&is_some| is_some)
                .count(),
            alternatives: "`publicKey`, `certificate` and `x509CertificateChain`",
        }),
    }
}

fn certificates(chain: CertificateChain<'_>) -> Result<Material, BundleError> {
    const PATH: &str = "verificationMaterial.x509CertificateChain.certificates";
    let mut certificates = bounded(PATH, chain.certificates)?
        .into_iter()
        .enumerate()
        .map(|(index, raw)| certificate_at(format_args!("{PATH}[{index}]"), raw));
    let leaf = certificates.next().ok_or_else(|| absent(format_args!("{PATH}")))??;
    let unverified_intermediates = certificates.collect::<Result<Vec<_>, _>>()?;
    if let Some(anchor) = unverified_intermediates.iter().find(|certificate| certificate.is_self_issued()) {
        return Err(BundleError::SelfSigned { certificate: anchor.to_string() });
    }
    Ok(Material::Certificate { leaf: Box::new(leaf), unverified_intermediates })
}

fn certificate_at(path: fmt::Arguments<'_>, raw: RawCertificate<'_>) -> Result<Certificate, BundleError> {
    let der = base64(format_args!("{path}.rawBytes"), raw.raw_bytes)?;
    Certificate::from_der(&der).map_err(|source| BundleError::Certificate { path: path.to_string(), source })
}

fn parse_timestamps(
    wire: AtMost<SignedTimestamp<'_>, MAX_TIMESTAMPS>,
) -> Result<Vec<Timestamp>, BundleError> {
    const PATH: &str = "verificationMaterial.timestampVerificationData.rfc3161Timestamps";
    bounded(PATH, wire)?
        .into_iter()
        .enumerate()
        .map(|(index, timestamp)| {
            let token = base64(format_args!("{PATH}[{index}].signedTimestamp"), timestamp.signed_timestamp)?;
            Ok(Timestamp { token, over: None })
        })
        .collect()
}

fn log_entries(
    version: BundleVersion,
    wire: AtMost<TransparencyLogEntry<'_>, MAX_LOG_ENTRIES>,
) -> Result<Vec<LogEntry>, BundleError> {
    let wire = bounded("verificationMaterial.tlogEntries", wire)?;
    let mut entries: Vec<LogEntry> = Vec::with_capacity(wire.len());
    for (index, entry) in wire.into_iter().enumerate() {
        let entry = entry.into_entry(version, format_args!("verificationMaterial.tlogEntries[{index}]"))?;
        let missing = match version {
            BundleVersion::V0_1 => entry.promise.is_none().then_some("inclusion promise"),
            _ => entry.proof.is_none().then_some("inclusion proof"),
        };
        if let Some(missing) = missing {
            return Err(BundleError::LogEntry { index, missing, version });
        }
        let same = |other: &LogEntry| other.log_id == entry.log_id && other.log_index == entry.log_index;
        if entries.iter().any(same) {
            return Err(BundleError::DuplicateLogEntry { index });
        }
        entries.push(entry);
    }
    Ok(entries)
}

impl TransparencyLogEntry<'_> {
    pub(super) fn into_entry(
        mut self,
        version: BundleVersion,
        path: fmt::Arguments<'_>,
    ) -> Result<LogEntry, BundleError> {
        // Version 0.1 has proofs without a checkpoint, which prove nothing; the promise beside them does.
        if version == BundleVersion::V0_1 && self.inclusion_promise.is_some() {
            self.inclusion_proof = self.inclusion_proof.filter(|proof| proof.checkpoint.is_some());
        }
        let kind_version = self.kind_version.ok_or_else(|| absent(format_args!("{path}.kindVersion")))?;
        let part = |name, text: Option<Text<'_>>| match Text::into_string(text) {
            text if text.is_empty() => Err(absent(format_args!("{path}.kindVersion.{name}"))),
            text => Ok(text),
        };
        let integrated_time = match self.integrated_time {
            // proto3 does not tell 0 from absent.
            None | Some(Int64(0)) => None,
            Some(Int64(seconds)) => Some(UnixTime::from_seconds(seconds)),
        };
        Ok(LogEntry {
            log_id: base64(format_args!("{path}.logId.keyId"), self.log_id.and_then(|id| id.key_id))?,
            log_index: index(format_args!("{path}.logIndex"), self.log_index)?,
            kind: part("kind", kind_version.kind)?,
            version: part("version", kind_version.version)?,
            integrated_time,
            promise: self
                .inclusion_promise
                .map(|promise| {
                    base64(
                        format_args!("{path}.inclusionPromise.signedEntryTimestamp"),
                        promise.signed_entry_timestamp,
                    )
                })
                .transpose()?,
            proof: self
                .inclusion_proof
                .map(|proof| proof.into_claim(format_args!("{path}.inclusionProof")))
                .transpose()?,
            body: base64(format_args!("{path}.canonicalizedBody"), self.canonicalized_body)?,
        })
    }
}

impl InclusionProof<'_> {
    fn into_claim(self, path: fmt::Arguments<'_>) -> Result<InclusionClaim, BundleError> {
        let wire = bounded("inclusionProof.hashes", self.hashes)?;
        let mut hashes = Vec::with_capacity(wire.len());
        for (index, Text(text)) in wire.into_iter().enumerate() {
            let hash: Option<[u8; 32]> =
                encoding::from_proto_base64(&text).and_then(|bytes| bytes.try_into().ok());
            hashes.push(hash.ok_or_else(|| BundleError::Value {
                path: format!("{path}.hashes[{index}]"),
                found: text.into_owned(),
                expected: "32 bytes in base64",
            })?);
        }
        let checkpoint = self
            .checkpoint
            .and_then(|checkpoint| checkpoint.envelope)
            .map(|Text(envelope)| envelope.into_owned())
            .filter(|envelope| !envelope.is_empty())
            .ok_or_else(|| absent(format_args!("{path}.checkpoint.envelope")))?;
        Ok(InclusionClaim {
            log_index: index(format_args!("{path}.logIndex"), self.log_index)?,
            hashes,
            checkpoint,
        })
    }
}

/// A non-negative index; proto3 leaves out 0.
fn index(path: fmt::Arguments<'_>, value: Option<Int64>) -> Result<u64, BundleError> {
    let Int64(value) = value.unwrap_or(Int64(0));
    u64::try_from(value).map_err(|_| BundleError::Value {
        path: path.to_string(),
        found: value.to_string(),
        expected: "a non-negative integer",
    })
}

fn base64(path: fmt::Arguments<'_>, text: Option<Text<'_>>) -> Result<Vec<u8>, BundleError> {
    let Text(text) = text.filter(|Text(text)| !text.is_empty()).ok_or_else(|| absent(path))?;
    encoding::from_proto_base64(&text).ok_or_else(|| BundleError::Value {
        path: path.to_string(),
        found: text.chars().take(40).collect(),
        expected: "base64",
    })
}

fn absent(path: fmt::Arguments<'_>) -> BundleError {
    BundleError::Absent { path: path.to_string() }
}

fn bounded<T, const MAX: usize>(path: &'static str, list: AtMost<T, MAX>) -> Result<Vec<T>, BundleError> {
    list.into_vec().map_err(|found| BundleError::TooMany { path, found, expected: MAX })
}
