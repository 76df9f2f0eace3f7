//! Reading OCI manifests and indexes
//! ([image specification](https://github.com/opencontainers/image-spec/blob/v1.1.0/manifest.md)).

use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use trust_core::Digest;
use trust_core::internal::json;

use crate::store::StoreError;

/// The media type of manifests.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of indexes.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A manifest of one image or artifact, or an index of several.
pub(crate) enum Manifest {
    Image(Box<ImageManifest>),
    Index(Box<ImageIndex>),
}

impl Manifest {
    pub(crate) fn parse(bytes: &[u8], what: &str) -> Result<Self, StoreError> {
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

    /// The manifest that this one refers to.
    pub(crate) fn subject(&self) -> Result<Option<Digest>, StoreError> {
        let subject = match self {
            Self::Image(image) => image.subject(),
            Self::Index(index) => index.subject(),
        };
        subject.as_ref().map(digest_of).transpose()
    }
}

/// Proves that bytes are what `digest` names.
pub(crate) fn check_digest(digest: &Digest, bytes: &[u8], what: &str) -> Result<(), StoreError> {
    digest.check(bytes).map_err(|source| StoreError::Tampered { what: what.to_owned(), source })
}

pub(crate) fn check_size(expected: u64, what: &str, found: u64) -> Result<(), StoreError> {
    if found == expected {
        return Ok(());
    }
    Err(StoreError::Size { what: what.to_owned(), found, expected })
}

/// A descriptor's digest, in a form that can be used as a file name.
pub(crate) fn digest_of(descriptor: &Descriptor) -> Result<Digest, StoreError> {
    let text = descriptor.digest().to_string();
    text.parse().map_err(|error: trust_core::DigestError| StoreError::Malformed {
        what: format!("descriptor of `{text}`"),
        problem: error.to_string(),
    })
}
