//! [`push_bundle`], [`push_layer`]: signatures to where verifiers look for them
//! ([bundle](https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md) and
//! [signature](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md) specifications).

use futures_util::future::try_join;
use serde_json::{Value, json};
use trust_core::internal::{encoding, json as strict_json};
use trust_core::{Content, Digest, Statement, UnixTime, cosign};
use trust_gate::{Change, Deadline, PushManifest, Pusher, StoreError};

use crate::image::{ImageTarget, MANIFEST};
use crate::signer::{SignedBundle, SignedLayer};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Registries take no longer manifests.
const MAX_MANIFEST_LEN: usize = 4 << 20;
/// Registries take manifests of 4 MiB; a larger bundle is a blob of its own.
const MAX_INLINE_LEN: usize = 1 << 20;

/// Whether the manifest also contains the bundle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inline {
    /// It is a blob alone, as cosign does.
    #[default]
    No,
    /// It is in the descriptor's `data` as well, if it has at most 1 MiB: a verifier that reads it there needs one request less.
    Data,
}

/// Attaches a bundle to an image, as a referrer, as cosign 3 does. The digest of the manifest is returned.
///
/// # Errors
/// If it is not stored, or not listed.
pub async fn push_bundle(
    pusher: &Pusher,
    target: &ImageTarget,
    signed: &SignedBundle,
    inline: Inline,
    created: UnixTime,
    until: Deadline,
) -> Result<Digest, StoreError> {
    let bundle = signed.json.as_bytes();
    let mut layer = json!({
        "mediaType": BUNDLE, "size": bundle.len(), "digest": Digest::sha256(bundle).to_string(),
    });
    if let (Inline::Data, true, Some(layer)) = (inline, bundle.len() <= MAX_INLINE_LEN, layer.as_object_mut())
    {
        layer.insert("data".to_owned(), encoding::to_base64(bundle).into());
    }
    let predicate_type = match signed.bundle.unverified_content() {
        Content::Envelope(envelope) => {
            Statement::from_json(envelope.payload()).ok().map(|one| one.predicate_type().to_owned())
        }
        Content::Message { .. } => None,
    };
    let content = if predicate_type.is_some() { "dsse-envelope" } else { "message-signature" };
    let mut annotations = json!({
        "org.opencontainers.image.created": created.to_string(), "dev.sigstore.bundle.content": content,
    });
    if let (Some(predicate_type), Some(annotations)) = (predicate_type, annotations.as_object_mut()) {
        annotations.insert("dev.sigstore.bundle.predicateType".to_owned(), predicate_type.into());
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": BUNDLE,
        // The type stands here, too, for registries that list referrers by it.
        "config": {"mediaType": EMPTY, "size": 2, "digest": Digest::sha256(b"{}").to_string()},
        "layers": [layer],
        "subject": target.descriptor(),
        "annotations": annotations,
    });
    let push = |blob| pusher.target().push_blob(&target.image, blob, until);
    try_join(push(b"{}".as_slice()), push(bundle)).await?;
    let manifest = PushManifest::new(MANIFEST, manifest.to_string().into_bytes());
    pusher.attach(&target.image, &manifest, until).await
}

/// Adds a signature to those of an image that stand under its own tag, as cosign 1 and 2 do: `sha256-….sig`, `sha256-….att`.
///
/// # Errors
/// If it is not stored, or the tag stands for something else.
pub async fn push_layer(
    pusher: &Pusher,
    target: &ImageTarget,
    signed: &SignedLayer,
    until: Deadline,
) -> Result<(), StoreError> {
    let suffix = if signed.media_type == cosign::SIMPLE_SIGNING_MEDIA_TYPE { "sig" } else { "att" };
    let tag = format!("{}-{}.{suffix}", target.digest.algorithm(), target.digest.to_hex());
    let layer = json!({
        "mediaType": signed.media_type, "size": signed.layer.len(), "digest": Digest::sha256(&signed.layer).to_string(),
        "annotations": signed.annotations,
    });
    pusher.target().push_blob(&target.image, &signed.layer, until).await?;
    pusher.update_tag(&target.image, &tag, MANIFEST, until, |found| add_layer(found, &layer)).await
}

/// The manifest with one more layer; `None` if it has it already.
fn add_layer(found: Option<&[u8]>, layer: &Value) -> Result<Option<Change>, String> {
    // What else stands in it stays.
    let mut manifest: Value = match found {
        None => json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": []}),
        Some(bytes) => strict_json::from_slice(bytes).map_err(|error| error.to_string())?,
    };
    let layers = manifest.get_mut("layers").and_then(Value::as_array_mut);
    let layers = layers.ok_or("it is no image, and is not replaced")?;
    if layers.contains(layer) {
        return Ok(None);
    }
    layers.push(layer.clone());
    let digests: Vec<&Value> = layers.iter().filter_map(|one| one.get("digest")).collect();
    let config = json!({
        "architecture": "", "created": "0001-01-01T00:00:00Z", "os": "",
        "history": vec![json!({"created": "0001-01-01T00:00:00Z"}); digests.len()],
        "rootfs": {"type": "layers", "diff_ids": digests}, "config": {},
    });
    let config = config.to_string().into_bytes();
    let descriptor =
        json!({"mediaType": CONFIG, "size": config.len(), "digest": Digest::sha256(&config).to_string()});
    manifest
        .as_object_mut()
        .into_iter()
        .for_each(|all| drop(all.insert("config".to_owned(), descriptor.clone())));
    let manifest = manifest.to_string().into_bytes();
    if manifest.len() > MAX_MANIFEST_LEN {
        let found = manifest.len();
        return Err(format!(
            "it would have {found} bytes, expected at most {MAX_MANIFEST_LEN}: no registry takes more"
        ));
    }
    Ok(Some(Change { manifest, blobs: vec![config] }))
}
