//! [`ImageTarget`]: an image that is signed, and the statements about it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trust_core::internal::json as strict_json;
use trust_core::{Digest, ImageRef, Statement, StatementError, StatementSubject, cosign};
use trust_gate::{Deadline, EvidenceStore, Found, Item, StoreError, Want};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An image of which the manifest is known: what a signature is about, and what it is attached to.
///
/// For an image of several platforms it is the index that is signed, unless the reference names one platform's digest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageTarget {
    /// Where it is.
    pub image: ImageRef,
    /// The digest of its manifest.
    pub digest: Digest,
    /// The manifest's length in bytes.
    pub size: usize,
    /// The manifest's media type.
    pub media_type: String,
}

impl ImageTarget {
    /// Finds the image that a reference stands for now.
    ///
    /// # Errors
    /// If it is not there, or its manifest is not what its digest says.
    pub async fn find(
        store: &dyn EvidenceStore,
        image: &ImageRef,
        until: Deadline,
    ) -> Result<Self, StoreError> {
        let not_found = || StoreError::NotFound { what: image.written().to_owned() };
        let resolved = store.fetch(&Want::new(image.clone(), Item::Image), until).await?;
        let Found::Digest(digest) = resolved else { return Err(not_found()) };
        let manifest = store.fetch(&Want::new(image.clone(), Item::Manifest(digest.clone())), until).await?;
        let Found::Bytes(bytes) = manifest else { return Err(not_found()) };
        let what = format!("manifest {digest}");
        digest.check(&bytes).map_err(|source| StoreError::Tampered { what: what.clone(), source })?;
        let media_type = media_type(&bytes).map_err(|problem| StoreError::Malformed { what, problem })?;
        Ok(Self { image: image.clone(), digest, size: bytes.len(), media_type })
    }

    /// Whether it is an image of several platforms.
    #[must_use]
    pub fn is_index(&self) -> bool {
        self.media_type.contains("index") || self.media_type.contains("manifest.list")
    }

    /// The statement by which cosign 3 signs an image. `annotations` are the signer's notes (`cosign sign -a`).
    ///
    /// # Errors
    /// Never, for what is written here is a statement.
    pub fn signature(&self, annotations: &BTreeMap<String, String>) -> Result<Statement, StatementError> {
        let subject = StatementSubject::new("", self.digest.clone()).with_annotations(annotations);
        Statement::new(vec![subject], cosign::SIGN_PREDICATE_TYPE, "{}")
    }

    /// What cosign 1 and 2 sign of an image.
    #[must_use]
    pub fn simple_signing(&self, annotations: &BTreeMap<String, String>) -> cosign::SimpleSigning {
        let (host, path) = self.image.written_name();
        let name = host.map_or_else(|| self.image.name(), |host| format!("{host}/{path}"));
        let annotations = annotations.iter().map(|(name, value)| (name.clone(), Value::from(value.clone())));
        cosign::SimpleSigning::new(name, self.digest.clone()).with_annotations(annotations.collect())
    }

    /// The image as the subject of an attestation.
    #[must_use]
    pub fn subject(&self) -> StatementSubject {
        StatementSubject::new(self.image.name(), self.digest.clone())
    }

    pub(crate) fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest.to_string(), "size": self.size})
    }
}

/// What a manifest says that it is, or its members show.
pub(crate) fn media_type(manifest: &[u8]) -> Result<String, String> {
    let members: serde_json::Map<String, Value> =
        strict_json::from_slice(manifest).map_err(|error| error.to_string())?;
    if let Some(stated) = members.get("mediaType").and_then(Value::as_str) {
        return Ok(stated.to_owned());
    }
    match (members.contains_key("layers"), members.contains_key("manifests")) {
        (true, false) => Ok(MANIFEST.to_owned()),
        (false, true) => Ok(INDEX.to_owned()),
        _ => Err("expected either `layers` or `manifests`".to_owned()),
    }
}
