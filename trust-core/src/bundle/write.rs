//! A bundle as JSON in version 0.3, as proto3's JSON mapping writes it.

use serde_json::{Map, Value, json};

use super::{Bundle, Content, LogEntry, Material};
use crate::digest::HashAlgorithm;
use crate::text::encoding::to_base64;

pub(super) fn write(bundle: &Bundle) -> Value {
    let mut wire = Map::new();
    wire.insert("mediaType".to_owned(), super::MEDIA_TYPE.into());
    let (name, content) = match &bundle.content {
        Content::Envelope(envelope) => ("dsseEnvelope", envelope.to_wire()),
        Content::Message { unverified_digest, signature } => {
            let mut message = json!({ "signature": to_base64(signature) });
            if let (Some(digest), Some(message)) = (unverified_digest, message.as_object_mut()) {
                let algorithm = match digest.algorithm() {
                    HashAlgorithm::Sha256 => "SHA2_256",
                    HashAlgorithm::Sha384 => "SHA2_384",
                    HashAlgorithm::Sha512 => "SHA2_512",
                };
                let digest = json!({"algorithm": algorithm, "digest": to_base64(digest.as_bytes())});
                message.insert("messageDigest".to_owned(), digest);
            }
            ("messageSignature", message)
        }
    };
    wire.insert(name.to_owned(), content);
    wire.insert("verificationMaterial".to_owned(), material(bundle));
    Value::Object(wire)
}

fn material(bundle: &Bundle) -> Value {
    let mut material = Map::new();
    let (name, signer) = match &bundle.material {
        Material::Certificate { leaf, .. } => ("certificate", json!({ "rawBytes": to_base64(leaf.der()) })),
        Material::Key { unverified_hint } => ("publicKey", json!({ "hint": unverified_hint })),
    };
    material.insert(name.to_owned(), signer);
    if !bundle.log_entries.is_empty() {
        material.insert("tlogEntries".to_owned(), bundle.log_entries.iter().map(log_entry).collect());
    }
    if !bundle.timestamps.is_empty() {
        let timestamps = bundle.timestamps.iter();
        let timestamps: Value =
            timestamps.map(|one| json!({ "signedTimestamp": to_base64(&one.token) })).collect();
        let timestamps = json!({ "rfc3161Timestamps": timestamps });
        material.insert("timestampVerificationData".to_owned(), timestamps);
    }
    Value::Object(material)
}

fn log_entry(entry: &LogEntry) -> Value {
    let mut wire = json!({
        "logIndex": entry.log_index.to_string(),
        "logId": {"keyId": to_base64(&entry.log_id)},
        "kindVersion": {"kind": entry.kind, "version": entry.version},
        "canonicalizedBody": to_base64(&entry.body),
    });
    let Some(fields) = wire.as_object_mut() else { return wire };
    if let Some(time) = entry.integrated_time {
        fields.insert("integratedTime".to_owned(), time.as_millis().div_euclid(1000).to_string().into());
    }
    if let Some(promise) = &entry.promise {
        fields.insert("inclusionPromise".to_owned(), json!({ "signedEntryTimestamp": to_base64(promise) }));
    }
    if let Some(proof) = &entry.proof {
        let hashes: Value = proof.hashes.iter().map(|hash| to_base64(hash)).collect();
        let (root_hash, tree_size) = checkpoint_head(&proof.checkpoint);
        let proof = json!({
            "logIndex": proof.log_index.to_string(), "rootHash": root_hash, "treeSize": tree_size, "hashes": hashes,
            "checkpoint": {"envelope": proof.checkpoint},
        });
        fields.insert("inclusionProof".to_owned(), proof);
    }
    wire
}

/// The root hash and the size of the tree, which stand in the checkpoint, for readers that look for them beside it.
fn checkpoint_head(checkpoint: &str) -> (&str, &str) {
    let mut lines = checkpoint.lines().skip(1);
    let size = lines.next().unwrap_or_default();
    (lines.next().unwrap_or_default(), size)
}
