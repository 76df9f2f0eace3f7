//! [`EvidenceStore`]: where images and their signatures are kept.

use thiserror::Error;
use trust_core::{Digest, DigestMismatch, ImageRef, Reasons};
use trust_policy::{FailureKind, FetchFailure};

/// One repository of images, with the signatures and attestations beside them.
///
/// A store is not trusted: the caller hashes what it returns. An implementor promises one thing: `None` means that something is
/// not there, and an error that it cannot be determined.
///
/// ```
/// use std::collections::BTreeMap;
/// use trust_core::{Digest, ImageRef};
/// use trust_gate::{EvidenceStore, Repositories, StoreError};
///
/// /// Blobs in memory, and the tags that name some of them.
/// #[derive(Debug, Default)]
/// struct Memory {
///     blobs: BTreeMap<Digest, Vec<u8>>,
///     tags: BTreeMap<String, Digest>,
/// }
///
/// impl EvidenceStore for Memory {
///     fn resolve(&self, image: &ImageRef) -> Result<Option<Digest>, StoreError> {
///         let held = |digest: &Digest| self.blobs.contains_key(digest).then(|| digest.clone());
///         image.digest().map_or_else(|| self.tag(image.tag().unwrap_or_default()), |digest| Ok(held(digest)))
///     }
///     fn tag(&self, tag: &str) -> Result<Option<Digest>, StoreError> {
///         Ok(self.tags.get(tag).cloned())
///     }
///     fn fetch(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
///         match self.blobs.get(digest) {
///             Some(blob) if blob.len() as u64 > limit => Err(StoreError::TooLarge {
///                 what: digest.to_string(),
///                 found: blob.len() as u64,
///                 limit,
///                 unit: "bytes",
///             }),
///             blob => Ok(blob.cloned()),
///         }
///     }
///     fn referrers(&self, _: &Digest) -> Result<Vec<Digest>, StoreError> {
///         Ok(Vec::new())
///     }
///     fn check_image(&self, _: &Digest) -> Result<(), StoreError> {
///         Ok(())
///     }
/// }
///
/// let mut repositories = Repositories::new();
/// repositories.insert("ghcr.io/acme/app".parse()?, Memory::default());
/// # Ok::<(), trust_core::ImageRefError>(())
/// ```
pub trait EvidenceStore: core::fmt::Debug + Send + Sync {
    /// The digest that a tag, or a reference with a tag or digest, stands for now; `None` if there is no such image.
    ///
    /// # Errors
    /// If that cannot be known.
    fn resolve(&self, image: &ImageRef) -> Result<Option<Digest>, StoreError>;

    /// The digest that a bare tag stands for; `None` if there is no such tag.
    ///
    /// # Errors
    /// If that cannot be known.
    fn tag(&self, tag: &str) -> Result<Option<Digest>, StoreError>;

    /// A manifest or blob of at most `limit` bytes; `None` if it is not there.
    ///
    /// # Errors
    /// If it is larger, or cannot be read.
    fn fetch(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// The manifests whose `subject` is `digest`
    /// ([OCI 1.1 referrers](https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers)).
    ///
    /// # Errors
    /// If they cannot be known.
    fn referrers(&self, digest: &Digest) -> Result<Vec<Digest>, StoreError>;

    /// Proves that the image itself is whole, as far as this store can without much cost.
    ///
    /// # Errors
    /// If a part of it is there and is not what its digest says.
    fn check_image(&self, digest: &Digest) -> Result<(), StoreError>;

    /// The image of a store that holds one alone, whatever it is called there; `None` if it holds several or none.
    ///
    /// # Errors
    /// If that cannot be known.
    fn only_image(&self) -> Result<Option<Digest>, StoreError> {
        Ok(None)
    }
}

/// A store does not have what it should, or what it has is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It is not there.
    #[error("{what} is not there")]
    NotFound {
        /// What.
        what: String,
    },
    /// The repository has no such tag.
    #[error("tag `{tag}` not found, found {found}")]
    NoSuchTag {
        /// Which.
        tag: String,
        /// Which tags there are, as words.
        found: String,
    },
    /// It is not what its digest or its descriptor says.
    #[error("{what} is not what its digest says")]
    Tampered {
        /// What.
        what: String,
        /// The two digests.
        source: DigestMismatch,
    },
    /// It has another size than its descriptor says.
    #[error("{what} has {found} bytes, expected {expected}")]
    Size {
        /// What.
        what: String,
        /// Its size in bytes.
        found: u64,
        /// Its size by its descriptor.
        expected: u64,
    },
    /// It is larger than is read, or there is more of it.
    #[error("{what} has {found} {unit}, expected at most {limit}")]
    TooLarge {
        /// What.
        what: String,
        /// How much.
        found: u64,
        /// Of what: bytes, layers, manifests.
        unit: &'static str,
        /// How much is read.
        limit: u64,
    },
    /// It is not as the OCI image specification requires.
    #[error("{what} is malformed: {problem}")]
    Malformed {
        /// What.
        what: String,
        /// What was found and expected.
        problem: String,
    },
    /// It cannot be read.
    #[error("{what} cannot be read: {problem}")]
    Unavailable {
        /// What.
        what: String,
        /// Why not.
        problem: String,
    },
}

impl StoreError {
    /// The failure as evidence holds it.
    #[must_use]
    pub fn into_failure(self, location: impl Into<String>) -> FetchFailure {
        let kind = match &self {
            Self::NotFound { .. } | Self::NoSuchTag { .. } => FailureKind::NotFound,
            Self::Tampered { .. } | Self::Size { .. } => FailureKind::Tampered,
            Self::TooLarge { .. } => FailureKind::TooLarge,
            Self::Malformed { .. } => FailureKind::Malformed,
            Self::Unavailable { .. } => FailureKind::Unavailable,
        };
        let problem = Reasons(&self).to_string();
        FetchFailure { location: location.into(), kind, problem }
    }
}
