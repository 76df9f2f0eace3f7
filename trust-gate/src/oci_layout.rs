//! [`OciLayout`]: images in a folder
//! ([image layout](https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md)).

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use oci_spec::image::{Descriptor, ImageIndex};
use trust_core::json;
use trust_core::{Digest, DigestMismatch, Hasher, ImageRef};

use crate::manifest::{self, MAX_MANIFEST_LEN, Manifest};
use crate::store::{EvidenceStore, StoreError};

const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// A folder that holds more is not one image with its signatures.
const MAX_MANIFESTS: usize = 10_000;
/// An index of indexes is legal; a chain of them is an attack.
const MAX_INDEX_DEPTH: usize = 3;

/// An OCI image layout in a folder: one repository.
#[derive(Clone, Debug)]
pub struct OciLayout {
    folder: PathBuf,
    index: ImageIndex,
}

impl OciLayout {
    /// Opens the folder, which must hold `oci-layout` and `index.json`.
    ///
    /// # Errors
    /// If it is not a layout of version 1.0.0.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Marker {
            image_layout_version: String,
        }
        let folder = folder.into();
        let marker: Marker = read_json(&folder.join("oci-layout"))?;
        if marker.image_layout_version != "1.0.0" {
            return Err(StoreError::Malformed {
                what: folder.join("oci-layout").display().to_string(),
                problem: format!("version is `{}`, expected `1.0.0`", marker.image_layout_version),
            });
        }
        let index: ImageIndex = read_json(&folder.join("index.json"))?;
        let found = index.manifests().len();
        if found > MAX_MANIFESTS {
            return Err(StoreError::TooLarge {
                what: folder.join("index.json").display().to_string(),
                found: found as u64,
                unit: "manifests",
                limit: MAX_MANIFESTS as u64,
            });
        }
        Ok(Self { folder, index })
    }

    /// The digest of the only image in the layout; `None` if there are several, or none.
    ///
    /// Signatures are not images: they have a subject, or a tag that begins with `sha256-`.
    ///
    /// # Errors
    /// If a manifest cannot be read.
    pub fn only_image(&self) -> Result<Option<Digest>, StoreError> {
        let mut images = Vec::new();
        for descriptor in self.index.manifests() {
            let digest = manifest::digest_of(descriptor)?;
            let is_signature = ref_name(descriptor).is_some_and(|name| name.starts_with("sha256-"));
            let is_image = !is_signature && Manifest::fetch(self, &digest)?.subject()?.is_none();
            if is_image && !images.contains(&digest) {
                images.push(digest);
            }
        }
        Ok(match &images[..] {
            [image] => Some(image.clone()),
            _ => None,
        })
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.folder.join("blobs").join(digest.algorithm().name()).join(digest.to_hex())
    }

    /// Hashes a blob of any size, piece by piece; a blob that is not there is passed over.
    fn check_blob(&self, descriptor: &Descriptor) -> Result<(), StoreError> {
        let expected = manifest::digest_of(descriptor)?;
        let what = format!("blob {expected}");
        let unavailable = |error: std::io::Error| StoreError::Unavailable {
            what: what.clone(),
            problem: error.to_string(),
        };
        let mut file = match File::open(self.blob(&expected)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unavailable(error)),
        };
        let (mut hasher, mut size, mut piece) = (Hasher::new(expected.algorithm()), 0, vec![0; 1 << 16]);
        loop {
            let len = file.read(&mut piece).map_err(unavailable)?;
            let Some(read) = piece.get(..len).filter(|read| !read.is_empty()) else { break };
            hasher.update(read);
            size += len as u64;
        }
        let found = hasher.finish();
        if found != expected {
            let source = DigestMismatch { found, expected };
            return Err(StoreError::Tampered { what, source });
        }
        manifest::check_size(descriptor, &what, size)
    }

    fn check_manifest(&self, digest: &Digest, depth: usize) -> Result<(), StoreError> {
        match Manifest::fetch(self, digest)? {
            Manifest::Image(image) => core::iter::once(image.config())
                .chain(image.layers())
                .try_for_each(|one| self.check_blob(one)),
            Manifest::Index(index) if depth < MAX_INDEX_DEPTH => {
                for descriptor in index.manifests() {
                    self.check_blob(descriptor)?;
                    let digest = manifest::digest_of(descriptor)?;
                    // A layout may hold some platforms only.
                    if self.blob(&digest).exists() {
                        self.check_manifest(&digest, depth + 1)?;
                    }
                }
                Ok(())
            }
            Manifest::Index(_) => Err(StoreError::TooLarge {
                what: format!("index {digest}"),
                found: depth as u64,
                unit: "levels of indexes",
                limit: MAX_INDEX_DEPTH as u64,
            }),
        }
    }
}

impl EvidenceStore for OciLayout {
    fn resolve(&self, image: &ImageRef) -> Result<Option<Digest>, StoreError> {
        if let Some(digest) = image.digest() {
            return Ok(self.blob(digest).is_file().then(|| digest.clone()));
        }
        let name = image.name();
        let tag = image.tag().unwrap_or_default();
        match self.tag(tag)? {
            Some(digest) => Ok(Some(digest)),
            // Some tools write the whole reference.
            None => self.tag(&format!("{name}:{tag}")),
        }
    }

    fn tag(&self, tag: &str) -> Result<Option<Digest>, StoreError> {
        let mut found = self.index.manifests().iter().filter(|one| ref_name(one) == Some(tag));
        let first = found.next().map(manifest::digest_of).transpose()?;
        for other in found {
            if Some(manifest::digest_of(other)?) != first {
                return Err(StoreError::Malformed {
                    what: "index.json".to_owned(),
                    problem: format!("it has two manifests with the name `{tag}`"),
                });
            }
        }
        Ok(first)
    }

    fn fetch(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        read_bounded(&self.blob(digest), limit)
    }

    fn referrers(&self, digest: &Digest) -> Result<Vec<Digest>, StoreError> {
        let mut referrers = Vec::new();
        for descriptor in self.index.manifests() {
            let candidate = manifest::digest_of(descriptor)?;
            // What the listing says of a manifest is not believed: only the manifest says what its subject is.
            // One that cannot be read may be a referrer, and whoever asked should know that it is there.
            let subject = Manifest::fetch(self, &candidate).and_then(|manifest| manifest.subject());
            let may_refer = subject.map_or(true, |subject| subject.as_ref() == Some(digest));
            if may_refer && !referrers.contains(&candidate) {
                referrers.push(candidate);
            }
        }
        Ok(referrers)
    }

    fn check_image(&self, digest: &Digest) -> Result<(), StoreError> {
        self.check_manifest(digest, 0)
    }
}

fn ref_name(descriptor: &Descriptor) -> Option<&str> {
    descriptor.annotations().as_ref()?.get(REF_NAME).map(String::as_str)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let what = path.display().to_string();
    let bytes = read_bounded(path, MAX_MANIFEST_LEN)?.ok_or(StoreError::NotFound { what: what.clone() })?;
    json::from_slice(&bytes).map_err(|error| StoreError::Malformed { what, problem: error.to_string() })
}

/// The content of a file of at most `limit` bytes; `None` if there is no such file.
fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let what = path.display().to_string();
    let unavailable =
        |error: std::io::Error| StoreError::Unavailable { what: what.clone(), problem: error.to_string() };
    let found = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err(StoreError::Malformed { what, problem: "it is not a file".to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unavailable(error)),
    };
    if found > limit {
        return Err(StoreError::TooLarge { what, found, unit: "bytes", limit });
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(unavailable)?;
    Ok(Some(bytes))
}
