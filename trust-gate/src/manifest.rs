//! Reading OCI manifests and indexes
//! ([image specification](https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md)).

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use trust_core::Digest;
use trust_core::internal::json;

use crate::store::{EvidenceStore, StoreError};

/// Registries need not accept larger manifests (distribution specification, "Pushing Manifests").
pub(crate) const MAX_MANIFEST_LEN: u64 = 4 << 20;

/// A manifest of one image or artifact, or an index of several.
pub(crate) enum Manifest {
    Image(Box<ImageManifest>),
    Index(Box<ImageIndex>),
}

impl Manifest {
    /// Fetches a manifest and proves that it is what `digest` names.
    pub(crate) fn fetch(store: &dyn EvidenceStore, digest: &Digest) -> Result<Self, StoreError> {
        let what = format!("manifest {digest}");
        let bytes = fetch(store, digest, MAX_MANIFEST_LEN, &what)?;
        Self::parse(&bytes, &what)
    }

    /// Likewise, with its text.
    pub(crate) fn fetch_text(
        store: &dyn EvidenceStore,
        digest: &Digest,
    ) -> Result<(String, Self), StoreError> {
        let what = format!("manifest {digest}");
        let bytes = fetch(store, digest, MAX_MANIFEST_LEN, &what)?;
        let manifest = Self::parse(&bytes, &what)?;
        Ok((text(bytes, &what)?, manifest))
    }

    /// The manifest that this one refers to.
    pub(crate) fn subject(&self) -> Result<Option<Digest>, StoreError> {
        let subject = match self {
            Self::Image(image) => image.subject(),
            Self::Index(index) => index.subject(),
        };
        subject.as_ref().map(digest_of).transpose()
    }

    fn parse(bytes: &[u8], what: &str) -> Result<Self, StoreError> {
        let malformed = |error: json::JsonError| StoreError::Malformed {
            what: what.to_owned(),
            problem: error.to_string(),
        };
        // What it is, its members say: an index has `manifests`, an image `layers` (CVE-2021-41190: never both).
        let members: serde_json::Map<String, serde_json::Value> =
            json::from_slice(bytes).map_err(malformed)?;
        match (members.contains_key("layers"), members.contains_key("manifests")) {
            (true, false) => Ok(Self::Image(Box::new(json::from_slice(bytes).map_err(malformed)?))),
            (false, true) => Ok(Self::Index(Box::new(json::from_slice(bytes).map_err(malformed)?))),
            _ => Err(StoreError::Malformed {
                what: what.to_owned(),
                problem: "expected either `layers` or `manifests`".to_owned(),
            }),
        }
    }
}

/// Fetches a manifest or blob and proves that it is what `digest` names.
pub(crate) fn fetch(
    store: &dyn EvidenceStore,
    digest: &Digest,
    limit: u64,
    what: &str,
) -> Result<Vec<u8>, StoreError> {
    let bytes = store.fetch(digest, limit)?.ok_or_else(|| StoreError::NotFound { what: what.to_owned() })?;
    digest.check(&bytes).map_err(|source| StoreError::Tampered { what: what.to_owned(), source })?;
    Ok(bytes)
}

/// Fetches what a descriptor names, and proves its digest and its size.
pub(crate) fn fetch_described(
    store: &dyn EvidenceStore,
    descriptor: &Descriptor,
    limit: u64,
) -> Result<Vec<u8>, StoreError> {
    let digest = digest_of(descriptor)?;
    let what = format!("blob {digest}");
    if descriptor.size() > limit {
        return Err(StoreError::TooLarge { what, found: descriptor.size(), unit: "bytes", limit });
    }
    // No more than the descriptor says is read.
    let bytes = match fetch(store, &digest, descriptor.size(), &what) {
        Err(StoreError::TooLarge { found, unit: "bytes", .. }) => {
            return Err(StoreError::Size { what, found, expected: descriptor.size() });
        }
        fetched => fetched?,
    };
    check_size(descriptor, &what, bytes.len() as u64)?;
    Ok(bytes)
}

/// A document's text.
pub(crate) fn text(bytes: Vec<u8>, what: &str) -> Result<String, StoreError> {
    String::from_utf8(bytes)
        .map_err(|error| StoreError::Malformed { what: what.to_owned(), problem: error.to_string() })
}

pub(crate) fn check_size(descriptor: &Descriptor, what: &str, found: u64) -> Result<(), StoreError> {
    if found == descriptor.size() {
        return Ok(());
    }
    Err(StoreError::Size { what: what.to_owned(), found, expected: descriptor.size() })
}

/// A descriptor's digest, in a form that can be used as a file name.
pub(crate) fn digest_of(descriptor: &Descriptor) -> Result<Digest, StoreError> {
    let text = descriptor.digest().to_string();
    text.parse().map_err(|error: trust_core::DigestError| StoreError::Malformed {
        what: format!("descriptor of `{text}`"),
        problem: error.to_string(),
    })
}
