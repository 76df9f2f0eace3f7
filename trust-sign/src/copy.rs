//! [`copy`]: an image, with everything that is attached to it, from one place to another.

use std::collections::BTreeSet;

use serde::Deserialize;
use trust_core::internal::json as strict_json;
use trust_core::{Digest, HashAlgorithm, ImageRef};
use trust_gate::{
    Boxed, Condition, Deadline, EvidenceStore, Found, Item, PushManifest, Pusher, StoreError, Want,
};

use crate::image::media_type;

/// Manifests of one image, with what is attached to it.
const MAX_MANIFESTS: usize = 10_000;
/// An index of indexes is legal, and so is a signature on a signature; a chain of them is not.
const MAX_DEPTH: usize = 8;
/// Where cosign 1 and 2 store what they attach.
const SUFFIXES: [&str; 3] = ["sig", "att", "sbom"];

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// Manifests: of the image, its platforms, and what is attached to them.
    pub manifests: usize,
    /// Blobs.
    pub blobs: usize,
    /// Layers that registries may not distribute; they are not copied.
    pub left: usize,
}

/// Copies an image with its platforms, layers, signatures, attestations and other referrers, and what is attached to those. What is
/// signed stays as it is, byte for byte. The tag is set when all else is there. A blob is in memory several times while it is copied.
///
/// # Errors
/// If anything of it cannot be read or written, or the destination names another digest; what was written before stays.
pub async fn copy(
    from: &dyn EvidenceStore,
    image: &ImageRef,
    to: &Pusher,
    destination: &ImageRef,
    until: Deadline,
) -> Result<(Digest, Copied), StoreError> {
    let resolved = from.fetch(&Want::new(image.clone(), Item::Image), until).await?;
    let Found::Digest(digest) = resolved else {
        return Err(StoreError::NotFound { what: image.written().to_owned() });
    };
    if let Some(expected) = destination.digest().filter(|expected| **expected != digest) {
        let problem = format!("found `{digest}`, expected `{expected}`");
        return Err(StoreError::Malformed { what: destination.written().to_owned(), problem });
    }
    let mut copying = Copying {
        from,
        image,
        to,
        destination,
        until,
        blobs: BTreeSet::new(),
        manifests: BTreeSet::new(),
        copied: Copied::default(),
    };
    copying.manifest(&digest, Role::Plain, 0).await?;
    // The tag last, so that it never stands for an image whose signatures are missing.
    if destination.digest().is_none()
        && let Some(tag) = destination.tag()
    {
        copying.tag(&digest, tag).await?;
    }
    Ok((digest, copying.copied))
}

/// How a manifest is found at its new place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// By its digest.
    Plain,
    /// Among the referrers of its subject.
    Referrer,
}

struct Copying<'a> {
    from: &'a dyn EvidenceStore,
    image: &'a ImageRef,
    to: &'a Pusher,
    destination: &'a ImageRef,
    until: Deadline,
    blobs: BTreeSet<Digest>,
    manifests: BTreeSet<(Digest, Role)>,
    copied: Copied,
}

#[derive(Deserialize)]
struct Wire {
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: Digest,
    size: u64,
}

impl Copying<'_> {
    async fn find(&self, item: Item) -> Result<Option<Vec<u8>>, StoreError> {
        match self.from.fetch(&Want::new(self.image.clone(), item), self.until).await? {
            Found::Bytes(bytes) => Ok(Some(bytes)),
            _ => Ok(None),
        }
    }

    /// A manifest after what it refers to, and then what refers to it.
    fn manifest<'s>(
        &'s mut self,
        digest: &'s Digest,
        role: Role,
        depth: usize,
    ) -> Boxed<'s, Result<(), StoreError>> {
        Box::pin(async move {
            let what = format!("manifest {digest} of {}", self.image.name());
            if !self.manifests.insert((digest.clone(), role)) {
                return Ok(());
            }
            if depth > MAX_DEPTH {
                let (found, limit) = (depth as u64, MAX_DEPTH as u64);
                return Err(StoreError::TooLarge { what, found, unit: "manifests in one another", limit });
            }
            if self.manifests.len() > MAX_MANIFESTS {
                let (found, limit) = (self.manifests.len() as u64, MAX_MANIFESTS as u64);
                return Err(StoreError::TooLarge { what, found, unit: "manifests", limit });
            }
            is_sha256(digest)?;
            let bytes = self.find(Item::Manifest(digest.clone())).await?;
            let bytes = bytes.ok_or_else(|| StoreError::NotFound { what: what.clone() })?;
            digest.check(&bytes).map_err(|source| StoreError::Tampered { what: what.clone(), source })?;
            self.parts(&bytes, &what, depth).await?;
            self.put(bytes, role, &what).await?;
            self.attached(digest, depth).await
        })
    }

    async fn parts(&mut self, bytes: &[u8], what: &str, depth: usize) -> Result<(), StoreError> {
        let malformed = |error: strict_json::JsonError| StoreError::Malformed {
            what: what.to_owned(),
            problem: error.to_string(),
        };
        let wire: Wire = strict_json::from_slice(bytes).map_err(malformed)?;
        for part in wire.config.iter().chain(&wire.layers) {
            if part.media_type.contains("nondistributable") || part.media_type.contains("foreign") {
                self.copied.left += 1;
            } else if self.blobs.insert(part.digest.clone()) {
                self.blob(part).await?;
            }
        }
        for part in &wire.manifests {
            self.manifest(&part.digest, Role::Plain, depth + 1).await?;
        }
        Ok(())
    }

    async fn blob(&mut self, part: &Descriptor) -> Result<(), StoreError> {
        let what = format!("blob {} of {}", part.digest, self.image.name());
        is_sha256(&part.digest)?;
        let blob = self.find(Item::Blob { digest: part.digest.clone(), size: part.size }).await?;
        let blob = blob.ok_or_else(|| StoreError::NotFound { what: what.clone() })?;
        part.digest.check(&blob).map_err(|source| StoreError::Tampered { what, source })?;
        self.copied.blobs += 1;
        self.to.target().push_blob(self.destination, &blob, self.until).await
    }

    /// Lets a tag stand for a manifest that is copied.
    async fn tag(&self, digest: &Digest, tag: &str) -> Result<(), StoreError> {
        let what = format!("manifest {digest} of {}", self.image.name());
        let bytes = self.find(Item::Manifest(digest.clone())).await?;
        let bytes = bytes.ok_or_else(|| StoreError::NotFound { what: what.clone() })?;
        digest.check(&bytes).map_err(|source| StoreError::Tampered { what: what.clone(), source })?;
        let media_type = media_type(&bytes).map_err(|problem| StoreError::Malformed { what, problem })?;
        let manifest = PushManifest::new(media_type, bytes).tagged(tag, Condition::None);
        self.to.target().push_manifest(self.destination, &manifest, self.until).await.map(|_| ())
    }

    async fn put(&mut self, bytes: Vec<u8>, role: Role, what: &str) -> Result<(), StoreError> {
        let malformed = |problem| StoreError::Malformed { what: what.to_owned(), problem };
        let manifest = PushManifest::new(media_type(&bytes).map_err(malformed)?, bytes);
        self.copied.manifests += 1;
        match role {
            Role::Plain => {
                self.to.target().push_manifest(self.destination, &manifest, self.until).await.map(|_| ())
            }
            Role::Referrer => self.to.attach(self.destination, &manifest, self.until).await.map(|_| ()),
        }
    }

    /// What is attached to a manifest: referrers by the API and under their tag, and what cosign 1 and 2 put under tags.
    async fn attached(&mut self, digest: &Digest, depth: usize) -> Result<(), StoreError> {
        let referrers = Want::new(self.image.clone(), Item::Referrers(digest.clone()));
        let mut all = match self.from.fetch(&referrers, self.until).await? {
            Found::Referrers(all) => all,
            _ => Vec::new(),
        };
        let tag = format!("{}-{}", digest.algorithm(), digest.to_hex());
        if let Some(index) = self.find(Item::Tag(tag.clone())).await? {
            let wire: Wire = strict_json::from_slice(&index).map_err(|error| StoreError::Malformed {
                what: format!("tag `{tag}` of {}", self.image.name()),
                problem: error.to_string(),
            })?;
            all.extend(wire.manifests.into_iter().map(|one| one.digest));
        }
        for referrer in all {
            self.manifest(&referrer, Role::Referrer, depth + 1).await?;
        }
        for suffix in SUFFIXES {
            let tag = format!("{tag}.{suffix}");
            if let Some(manifest) = self.find(Item::Tag(tag.clone())).await? {
                let digest = Digest::sha256(&manifest);
                self.manifest(&digest, Role::Plain, depth + 1).await?;
                self.tag(&digest, &tag).await?;
            }
        }
        Ok(())
    }
}

/// What is written is stored under this digest.
fn is_sha256(digest: &Digest) -> Result<(), StoreError> {
    if digest.algorithm() == HashAlgorithm::Sha256 {
        return Ok(());
    }
    let problem = "its digest is of another algorithm, expected sha256".to_owned();
    Err(StoreError::Malformed { what: digest.to_string(), problem })
}
