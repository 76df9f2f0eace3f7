//! The bundle as JSON, by [proto3's JSON mapping](https://protobuf.dev/programming-guides/json/):
//! names in lowerCamelCase, 64-bit integers as text or number, `null` for absent.

use serde::{Deserialize, Deserializer, de};

use super::{
    BundleError, BundleVersion, Certificate, Content, Digest, Envelope, HashAlgorithm, InclusionClaim,
    LogEntry, MAX_LOG_ENTRIES, MAX_PATH_LEN, MAX_PROOF_HASHES, MAX_TIMESTAMPS, Material, Timestamp, UnixTime,
};
use crate::dsse::WireEnvelope;
use crate::encoding;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bundle {
    media_type: Option<String>,
    verification_material: Option<VerificationMaterial>,
    message_signature: Option<MessageSignature>,
    dsse_envelope: Option<WireEnvelope>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerificationMaterial {
    public_key: Option<PublicKeyIdentifier>,
    x509_certificate_chain: Option<CertificateChain>,
    certificate: Option<RawCertificate>,
    #[serde(default, deserialize_with = "null_is_empty")]
    tlog_entries: Vec<TransparencyLogEntry>,
    timestamp_verification_data: Option<TimestampVerificationData>,
}

#[derive(Deserialize)]
struct PublicKeyIdentifier {
    hint: Option<String>,
}

#[derive(Deserialize)]
struct CertificateChain {
    #[serde(default, deserialize_with = "null_is_empty")]
    certificates: Vec<RawCertificate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCertificate {
    raw_bytes: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TimestampVerificationData {
    #[serde(default, deserialize_with = "null_is_empty")]
    rfc3161_timestamps: Vec<SignedTimestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedTimestamp {
    signed_timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageSignature {
    message_digest: Option<HashOutput>,
    signature: Option<String>,
}

#[derive(Deserialize)]
struct HashOutput {
    algorithm: Option<String>,
    digest: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TransparencyLogEntry {
    log_index: Option<Int64>,
    log_id: Option<LogId>,
    kind_version: Option<KindVersion>,
    integrated_time: Option<Int64>,
    inclusion_promise: Option<InclusionPromise>,
    inclusion_proof: Option<InclusionProof>,
    canonicalized_body: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: Option<String>,
}

#[derive(Deserialize)]
struct KindVersion {
    kind: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionPromise {
    signed_entry_timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionProof {
    log_index: Option<Int64>,
    #[serde(default, deserialize_with = "null_is_empty")]
    hashes: Vec<String>,
    checkpoint: Option<Checkpoint>,
}

#[derive(Deserialize)]
struct Checkpoint {
    envelope: Option<String>,
}

/// A 64-bit integer, as text or as a number.
#[derive(Clone, Copy)]
struct Int64(i64);

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum TextOrNumber {
            Text(String),
            Number(i64),
        }
        match TextOrNumber::deserialize(deserializer)? {
            TextOrNumber::Number(number) => Ok(Self(number)),
            TextOrNumber::Text(text) => match text.parse::<i64>() {
                // One spelling only: no plus sign, no leading zeros.
                Ok(number) if number.to_string() == text => Ok(Self(number)),
                _ => Err(de::Error::custom(format_args!("`{text}` is not a 64-bit integer"))),
            },
        }
    }
}

fn null_is_empty<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Bundle {
    pub(super) fn into_bundle(self) -> Result<super::Bundle, BundleError> {
        let media_type = self.media_type.unwrap_or_default();
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
        let wire = self.verification_material.ok_or_else(|| absent("verificationMaterial"))?;
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

impl MessageSignature {
    fn into_content(self) -> Result<Content, BundleError> {
        let unverified_digest = self
            .message_digest
            .map(|hash| {
                let name = hash.algorithm.unwrap_or_default();
                let algorithm = match name.as_str() {
                    "SHA2_256" => HashAlgorithm::Sha256,
                    "SHA2_384" => HashAlgorithm::Sha384,
                    "SHA2_512" => HashAlgorithm::Sha512,
                    _ => {
                        return Err(BundleError::Value {
                            path: "messageSignature.messageDigest.algorithm".to_owned(),
                            found: name,
                            expected: "`SHA2_256`, `SHA2_384` or `SHA2_512`",
                        });
                    }
                };
                let path = "messageSignature.messageDigest.digest";
                let bytes = base64(path, hash.digest)?;
                Digest::new(algorithm, bytes).map_err(|error| BundleError::Value {
                    path: path.to_owned(),
                    found: error.to_string(),
                    expected: "a digest of the algorithm's length",
                })
            })
            .transpose()?;
        Ok(Content::Message {
            unverified_digest,
            signature: base64("messageSignature.signature", self.signature)?,
        })
    }
}

fn material(
    version: BundleVersion,
    key: Option<PublicKeyIdentifier>,
    certificate: Option<RawCertificate>,
    chain: Option<CertificateChain>,
) -> Result<Material, BundleError> {
    match (key, certificate, chain) {
        (Some(key), None, None) => Ok(Material::Key { unverified_hint: key.hint.unwrap_or_default() }),
        (None, Some(raw), None) => Ok(Material::Certificate {
            leaf: Box::new(certificate_at("verificationMaterial.certificate", raw)?),
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

fn certificates(chain: CertificateChain) -> Result<Material, BundleError> {
    const PATH: &str = "verificationMaterial.x509CertificateChain.certificates";
    bounded(PATH, chain.certificates.len(), MAX_PATH_LEN)?;
    let mut certificates = chain
        .certificates
        .into_iter()
        .enumerate()
        .map(|(index, raw)| certificate_at(&format!("{PATH}[{index}]"), raw));
    let leaf = certificates.next().ok_or_else(|| absent(PATH))??;
    let unverified_intermediates = certificates.collect::<Result<Vec<_>, _>>()?;
    if let Some(anchor) = unverified_intermediates.iter().find(|certificate| certificate.is_self_issued()) {
        return Err(BundleError::SelfSigned { certificate: anchor.to_string() });
    }
    Ok(Material::Certificate { leaf: Box::new(leaf), unverified_intermediates })
}

fn certificate_at(path: &str, raw: RawCertificate) -> Result<Certificate, BundleError> {
    let der = base64(&format!("{path}.rawBytes"), raw.raw_bytes)?;
    Certificate::from_der(&der).map_err(|source| BundleError::Certificate { path: path.to_owned(), source })
}

fn parse_timestamps(wire: Vec<SignedTimestamp>) -> Result<Vec<Timestamp>, BundleError> {
    const PATH: &str = "verificationMaterial.timestampVerificationData.rfc3161Timestamps";
    bounded(PATH, wire.len(), MAX_TIMESTAMPS)?;
    wire.into_iter()
        .enumerate()
        .map(|(index, timestamp)| {
            let token = base64(&format!("{PATH}[{index}].signedTimestamp"), timestamp.signed_timestamp)?;
            Ok(Timestamp { token, over: None })
        })
        .collect()
}

fn log_entries(
    version: BundleVersion,
    wire: Vec<TransparencyLogEntry>,
) -> Result<Vec<LogEntry>, BundleError> {
    bounded("verificationMaterial.tlogEntries", wire.len(), MAX_LOG_ENTRIES)?;
    let mut entries: Vec<LogEntry> = Vec::with_capacity(wire.len());
    for (index, entry) in wire.into_iter().enumerate() {
        let entry = entry.into_entry(&format!("verificationMaterial.tlogEntries[{index}]"))?;
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

impl TransparencyLogEntry {
    fn into_entry(self, path: &str) -> Result<LogEntry, BundleError> {
        let at = |field: &str| format!("{path}.{field}");
        let kind_version = self.kind_version.ok_or_else(|| absent(&at("kindVersion")))?;
        let integrated_time = match self.integrated_time {
            // proto3 does not tell 0 from absent.
            None | Some(Int64(0)) => None,
            Some(Int64(seconds)) => Some(UnixTime::from_seconds(seconds)),
        };
        Ok(LogEntry {
            log_id: base64(&at("logId.keyId"), self.log_id.and_then(|id| id.key_id))?,
            log_index: index(&at("logIndex"), self.log_index)?,
            kind: kind_version.kind.unwrap_or_default(),
            version: kind_version.version.unwrap_or_default(),
            integrated_time,
            promise: self
                .inclusion_promise
                .map(|promise| {
                    base64(&at("inclusionPromise.signedEntryTimestamp"), promise.signed_entry_timestamp)
                })
                .transpose()?,
            proof: self.inclusion_proof.map(|proof| proof.into_claim(&at("inclusionProof"))).transpose()?,
            body: base64(&at("canonicalizedBody"), self.canonicalized_body)?,
        })
    }
}

impl InclusionProof {
    fn into_claim(self, path: &str) -> Result<InclusionClaim, BundleError> {
        bounded("inclusionProof.hashes", self.hashes.len(), MAX_PROOF_HASHES)?;
        let mut hashes = Vec::with_capacity(self.hashes.len());
        for (index, text) in self.hashes.into_iter().enumerate() {
            let hash: Option<[u8; 32]> =
                encoding::from_proto_base64(&text).and_then(|bytes| bytes.try_into().ok());
            hashes.push(hash.ok_or_else(|| BundleError::Value {
                path: format!("{path}.hashes[{index}]"),
                found: text,
                expected: "32 bytes in base64",
            })?);
        }
        let checkpoint = self
            .checkpoint
            .and_then(|checkpoint| checkpoint.envelope)
            .filter(|envelope| !envelope.is_empty())
            .ok_or_else(|| absent(&format!("{path}.checkpoint.envelope")))?;
        Ok(InclusionClaim {
            log_index: index(&format!("{path}.logIndex"), self.log_index)?,
            hashes,
            checkpoint,
        })
    }
}

/// A non-negative index; proto3 leaves out 0.
fn index(path: &str, value: Option<Int64>) -> Result<u64, BundleError> {
    let Int64(value) = value.unwrap_or(Int64(0));
    u64::try_from(value).map_err(|_| BundleError::Value {
        path: path.to_owned(),
        found: value.to_string(),
        expected: "a non-negative integer",
    })
}

fn base64(path: &str, text: Option<String>) -> Result<Vec<u8>, BundleError> {
    let text = text.filter(|text| !text.is_empty()).ok_or_else(|| absent(path))?;
    encoding::from_proto_base64(&text).ok_or_else(|| BundleError::Value {
        path: path.to_owned(),
        found: text.chars().take(40).collect(),
        expected: "base64",
    })
}

fn absent(path: &str) -> BundleError {
    BundleError::Absent { path: path.to_owned() }
}

fn bounded(path: &'static str, found: usize, expected: usize) -> Result<(), BundleError> {
    if found <= expected {
        return Ok(());
    }
    Err(BundleError::TooMany { path, found, expected })
}
