//! [`EvidenceStore`]: where images and their signatures are kept.

use thiserror::Error;
use trust_core::{Digest, DigestMismatch, ImageRef, Reasons};
use trust_policy::{FailureKind, FetchFailure};

use crate::deadline::{Boxed, Deadline};

/// Registries need not accept larger manifests
/// ([distribution specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pushing-manifests)).
pub(crate) const MAX_MANIFEST_LEN: u64 = 4 << 20;

/// Referrers of one image that are listed: more than are read, and fewer than fill the memory.
pub(crate) const MAX_REFERRERS: usize = 1_000;

/// One question to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Want {
    /// In which repository: a reference of it. If the [item](Self::item) is an image, that image.
    pub image: ImageRef,
    /// What is wanted.
    pub item: Item,
}

impl Want {
    /// This item, in the repository of `image`.
    #[must_use]
    pub fn new(image: ImageRef, item: Item) -> Self {
        Self { image, item }
    }

    /// What is wanted, for messages.
    pub(crate) fn what(&self) -> String {
        match &self.item {
            Item::Image => format!("image {}", self.image.written()),
            Item::Tag(tag) => format!("tag {tag}"),
            Item::Manifest(digest) => format!("manifest {digest}"),
            Item::Blob { digest, .. } => format!("blob {digest}"),
            Item::Referrers(digest) => format!("referrers of {digest}"),
        }
    }
}

/// What is wanted of a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// [`Found::Digest`]: the digest that the reference stands for now. A store that holds the whole image proves here that
    /// it is whole, as far as that is cheap.
    Image,
    /// [`Found::Bytes`]: the manifest that a tag stands for now, of at most 4 MiB.
    Tag(String),
    /// [`Found::Bytes`]: a manifest or index of at most 4 MiB.
    Manifest(Digest),
    /// [`Found::Bytes`]: a blob.
    Blob {
        /// Which.
        digest: Digest,
        /// How many bytes its descriptor says it has: no more are read.
        size: u64,
    },
    /// [`Found::Referrers`]: the manifests whose `subject` is this one
    /// ([OCI 1.1](https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers)); of those that
    /// are stored under a tag, where there is no API, the caller asks itself.
    Referrers(Digest),
}

/// What a store answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// For an image.
    Digest(Digest),
    /// For a tag, a manifest or a blob: its content, unproved.
    Bytes(Vec<u8>),
    /// For referrers: their digests, in an order that does not change. Nothing that a listing says of them is believed. Of more than
    /// 1,000, no more than 1,001 are of use, by which it is known that there are more.
    Referrers(Vec<Digest>),
    /// The store knows that it has no such thing.
    Absent,
}

/// Where images are kept, with the signatures and attestations beside them.
///
/// A store is not trusted: the caller hashes what it returns. An implementor promises three things: [`Found::Absent`] means
/// that something is not there, and an error that it cannot be determined; it answers by the deadline, with
/// [`StoreError::TimedOut`] if need be; and no more is read than was asked for. A store that never waits needs no runtime.
///
/// ```
/// use std::collections::BTreeMap;
/// use trust_core::Digest;
/// use trust_gate::{Boxed, Deadline, EvidenceStore, Found, Item, Repositories, StoreError, Want};
///
/// /// Blobs in memory, and the tags that name some of them.
/// #[derive(Debug, Default)]
/// struct Memory {
///     blobs: BTreeMap<Digest, Vec<u8>>,
///     tags: BTreeMap<String, Digest>,
/// }
///
/// impl Memory {
///     fn bytes(&self, digest: Option<&Digest>) -> Found {
///         digest.and_then(|one| self.blobs.get(one)).map_or(Found::Absent, |blob| Found::Bytes(blob.clone()))
///     }
/// }
///
/// impl EvidenceStore for Memory {
///     fn fetch<'a>(&'a self, want: &'a Want, _: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
///         let named = want.image.digest().or_else(|| self.tags.get(want.image.tag()?));
///         let found = match &want.item {
///             Item::Image => named.map_or(Found::Absent, |digest| Found::Digest(digest.clone())),
///             Item::Tag(tag) => self.bytes(self.tags.get(tag)),
///             Item::Manifest(digest) | Item::Blob { digest, .. } => self.bytes(Some(digest)),
///             Item::Referrers(_) => Found::Referrers(Vec::new()),
///         };
///         Box::pin(async { Ok(found) })
///     }
/// }
///
/// let mut repositories = Repositories::new();
/// repositories.insert("ghcr.io/acme/app".parse()?, Memory::default());
/// # Ok::<(), trust_core::ImageRefError>(())
/// ```
pub trait EvidenceStore: core::fmt::Debug + Send + Sync {
    /// What the store has of what is wanted.
    ///
    /// # Errors
    /// If that cannot be known.
    fn fetch<'a>(&'a self, want: &'a Want, until: Deadline) -> Boxed<'a, Result<Found, StoreError>>;

    /// The image of a store that holds one alone, whatever it is called there; `None` if it holds several or none, or
    /// cannot know without waiting.
    ///
    /// # Errors
    /// If that cannot be known.
    fn only_image(&self) -> Result<Option<Digest>, StoreError> {
        Ok(None)
    }
}

impl<S: EvidenceStore + ?Sized> EvidenceStore for std::sync::Arc<S> {
    fn fetch<'a>(&'a self, want: &'a Want, until: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        (**self).fetch(want, until)
    }

    fn only_image(&self) -> Result<Option<Digest>, StoreError> {
        (**self).only_image()
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
    /// It cannot be written.
    #[error("{what} cannot be written: {problem}")]
    Unwritable {
        /// What.
        what: String,
        /// Why not.
        problem: String,
    },
    /// No store answers for this repository.
    #[error("no store answers for this repository")]
    NoStore,
    /// The registry wants other credentials, or none that it knows may read this.
    #[error("{what} cannot be read: {problem}")]
    Unauthorized {
        /// What.
        what: String,
        /// What was answered, and what to do.
        problem: String,
    },
    /// The registry answers no more for now.
    #[error(
        "{what} cannot be read: the registry limits requests ({problem}); try again later, or with credentials"
    )]
    RateLimited {
        /// What.
        what: String,
        /// What was answered.
        problem: String,
    },
    /// It was not answered by the deadline.
    #[error("{what} was not answered by the deadline")]
    TimedOut {
        /// What.
        what: String,
    },
    /// It is at an address at which nothing is asked.
    #[error("{what} is not asked for: {problem}")]
    Forbidden {
        /// What.
        what: String,
        /// Why not, and what allows it.
        problem: String,
    },
}

impl StoreError {
    /// The failure as evidence holds it.
    #[must_use]
    pub fn into_failure(self, location: impl Into<String>) -> FetchFailure {
        let kind = match &self {
            Self::NotFound { .. } | Self::NoSuchTag { .. } | Self::NoStore => FailureKind::NotFound,
            Self::Tampered { .. } | Self::Size { .. } => FailureKind::Tampered,
            Self::TooLarge { .. } => FailureKind::TooLarge,
            Self::Malformed { .. } => FailureKind::Malformed,
            Self::Unavailable { .. } | Self::Unwritable { .. } => FailureKind::Unavailable,
            Self::Unauthorized { .. } => FailureKind::Unauthorized,
            Self::RateLimited { .. } => FailureKind::RateLimited,
            Self::TimedOut { .. } => FailureKind::TimedOut,
            Self::Forbidden { .. } => FailureKind::Forbidden,
        };
        let problem = Reasons(&self).to_string();
        FetchFailure { location: location.into(), kind, problem }
    }
}
