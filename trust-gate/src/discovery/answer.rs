//! [`Answer`]: what a store answered, proved against what was asked, and no more of it than is used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use oci_spec::image::Descriptor;
use trust_core::cosign::{BUNDLE_MEDIA_TYPE_PREFIX, ENVELOPE_MEDIA_TYPE, SIMPLE_SIGNING_MEDIA_TYPE};
use trust_core::{Digest, internal::encoding};

use crate::manifest::{self, Manifest};
use crate::store::{Found, Item, MAX_MANIFEST_LEN, MAX_REFERRERS, StoreError, Want};

/// The type of signatures of the Notary Project
/// ([specification](https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-specification.md)).
pub(super) const NOTATION_TYPE: &str = "application/vnd.cncf.notary.signature";
/// Entries of an index: platforms, and for each an attestation; or referrers.
pub(super) const MAX_ENTRIES: usize = 200;
/// Layers of one manifest that are of use; cosign reads 1000.
const MAX_LAYERS: usize = 1000;

/// What was answered.
#[derive(Debug)]
pub(super) enum Answer {
    Failed(StoreError),
    Absent,
    Image(Digest),
    Manifest(ReadManifest),
    Blob(Arc<[u8]>),
    Referrers(Vec<Digest>),
}

/// A manifest of which the bytes are proved.
#[derive(Debug)]
pub(super) struct ReadManifest {
    pub(super) digest: Digest,
    /// In bytes.
    pub(super) len: u64,
    /// Its text, if it is a document.
    pub(super) text: Option<String>,
    /// What it refers to.
    pub(super) subject: Option<Digest>,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Image {
        /// What kind of artifact it is.
        kind: String,
        config: Result<(Digest, u64), StoreError>,
        /// Those that may be of use.
        layers: Vec<Layer>,
    },
    Index {
        /// The first of them.
        entries: Vec<Entry>,
        /// How many there are.
        count: usize,
    },
}

#[derive(Debug)]
pub(super) struct Layer {
    pub(super) index: usize,
    pub(super) use_: Use,
    pub(super) media_type: String,
    pub(super) digest: Result<Digest, StoreError>,
    pub(super) size: u64,
    pub(super) annotations: BTreeMap<String, String>,
    /// The content, where the descriptor holds it.
    pub(super) data: Option<Result<Arc<[u8]>, StoreError>>,
}

/// What a layer may be used as, by its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    /// A signature or attestation that is verified.
    Signature,
    /// One of the Notary Project.
    Notation,
    /// A statement without signature, as BuildKit writes it.
    Statement,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) digest: Result<Digest, StoreError>,
    /// Whether BuildKit says that it is no platform but attests to one
    /// ([format](https://github.com/moby/buildkit/blob/v0.15.0/docs/attestations/attestation-storage.md)).
    pub(super) is_attestation: bool,
}

impl Answer {
    /// Proves what was answered. The text of a manifest is kept if it is wanted as a document.
    pub(super) fn read(want: &Want, answer: Result<Found, StoreError>, keeps_text: bool) -> Self {
        let read = |found| match (&want.item, found) {
            (_, Found::Absent) => Ok(Self::Absent),
            (Item::Image, Found::Digest(digest)) => match want.image.digest() {
                Some(asked) if *asked != digest => Err(StoreError::Malformed {
                    what: want.what(),
                    problem: format!("the store answered {digest}"),
                }),
                _ => Ok(Self::Image(digest)),
            },
            (Item::Tag(_), Found::Bytes(bytes)) => {
                let digest = Digest::sha256(&bytes);
                ReadManifest::read(digest, bytes, &want.what(), false).map(Self::Manifest)
            }
            (Item::Manifest(digest), Found::Bytes(bytes)) => {
                manifest::check_digest(digest, &bytes, &want.what())?;
                ReadManifest::read(digest.clone(), bytes, &want.what(), keeps_text).map(Self::Manifest)
            }
            (Item::Blob { digest, size }, Found::Bytes(bytes)) => {
                check_content(digest, *size, &bytes, &want.what())?;
                Ok(Self::Blob(bytes.into()))
            }
            (Item::Referrers(_), Found::Referrers(referrers)) => {
                let mut seen = BTreeSet::new();
                let once = referrers.into_iter().filter(|one| seen.insert(one.clone()));
                Ok(Self::Referrers(once.take(MAX_REFERRERS + 1).collect()))
            }
            _ => Err(StoreError::Malformed {
                what: want.what(),
                problem: "the store answered something else than was asked".to_owned(),
            }),
        };
        answer.and_then(read).unwrap_or_else(Self::Failed)
    }
}

impl ReadManifest {
    fn read(digest: Digest, bytes: Vec<u8>, what: &str, keeps_text: bool) -> Result<Self, StoreError> {
        let len = bytes.len() as u64;
        if len > MAX_MANIFEST_LEN {
            let what = what.to_owned();
            return Err(StoreError::TooLarge { what, found: len, unit: "bytes", limit: MAX_MANIFEST_LEN });
        }
        let manifest = Manifest::parse(&bytes, what)?;
        let subject = manifest.subject()?;
        let body = match manifest {
            Manifest::Image(image) => {
                let kind = image.artifact_type().as_ref().unwrap_or_else(|| image.config().media_type());
                let layers = image.layers().iter().enumerate();
                // Of each use so many: layers of one do not hide those of another.
                let mut counts = BTreeMap::new();
                let mut has_room = |layer: &Layer| {
                    let count = counts.entry(layer.use_).or_insert(0);
                    *count += 1;
                    *count <= MAX_LAYERS + 1
                };
                Body::Image {
                    kind: kind.to_string(),
                    config: manifest::digest_of(image.config()).map(|digest| (digest, image.config().size())),
                    layers: layers
                        .filter_map(|(index, layer)| Layer::read(index, layer))
                        .filter(|layer| has_room(layer))
                        .collect(),
                }
            }
            Manifest::Index(index) => {
                // Who lists one thing often hides nothing behind it.
                let mut seen = BTreeSet::new();
                let once = index.manifests().iter().filter(|entry| seen.insert(entry.digest().to_string()));
                let mut entries: Vec<&Descriptor> = once.collect();
                let count = entries.len();
                entries.truncate(MAX_ENTRIES);
                Body::Index { entries: entries.into_iter().map(Entry::read).collect(), count }
            }
        };
        let malformed = |error: std::string::FromUtf8Error| StoreError::Malformed {
            what: what.to_owned(),
            problem: error.to_string(),
        };
        let text = keeps_text.then(|| String::from_utf8(bytes).map_err(malformed)).transpose()?;
        Ok(Self { digest, len, text, subject, body })
    }
}

impl Layer {
    /// `None` for what is of no use.
    fn read(index: usize, layer: &Descriptor) -> Option<Self> {
        let media_type = layer.media_type().to_string();
        let use_ = match media_type.as_str() {
            SIMPLE_SIGNING_MEDIA_TYPE | ENVELOPE_MEDIA_TYPE => Use::Signature,
            bundle if bundle.starts_with(BUNDLE_MEDIA_TYPE_PREFIX) => Use::Signature,
            "application/jose+json" | "application/cose" => Use::Notation,
            "application/vnd.in-toto+json" => Use::Statement,
            _ => return None,
        };
        let digest = manifest::digest_of(layer);
        let data = layer.data().as_ref().zip(digest.as_ref().ok()).map(|(data, digest)| {
            let what = format!("data of the descriptor of {digest}");
            let malformed =
                || StoreError::Malformed { what: what.clone(), problem: "it is not base64".to_owned() };
            let content = encoding::from_base64(data).ok_or_else(malformed)?;
            check_content(digest, layer.size(), &content, &what)?;
            Ok(Arc::from(content))
        });
        let annotations = layer.annotations().iter().flatten();
        let annotations = annotations.map(|(name, value)| (name.clone(), value.clone())).collect();
        Some(Self { index, use_, media_type, digest, size: layer.size(), annotations, data })
    }
}

impl Entry {
    fn read(entry: &Descriptor) -> Self {
        let annotations = entry.annotations().as_ref();
        Self {
            digest: manifest::digest_of(entry),
            is_attestation: annotations.is_some_and(|all| all.contains_key("vnd.docker.reference.type")),
        }
    }
}

/// Proves digest and size of a blob.
fn check_content(digest: &Digest, size: u64, bytes: &[u8], what: &str) -> Result<(), StoreError> {
    // The size first: of what is too long, only the beginning may be here.
    let found = bytes.len() as u64;
    if found > size {
        manifest::check_size(size, what, found)?;
    }
    manifest::check_digest(digest, bytes, what)?;
    manifest::check_size(size, what, found)
}
