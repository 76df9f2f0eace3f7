//! [`OciLayout`]: images in a folder
//! ([image layout](https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md)).

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use oci_spec::image::{Descriptor, ImageIndex};
use trust_core::internal::json;
use trust_core::{Digest, DigestMismatch, Hasher, ImageRef};

use crate::deadline::{Boxed, Deadline};
use crate::folder::{file_len, read_bounded};
use crate::manifest::{self, Manifest};
use crate::store::{EvidenceStore, Found, Item, MAX_MANIFEST_LEN, StoreError, Want};

/// The content of `oci-layout`.
pub(crate) const MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Where a blob is in a layout.
pub(crate) fn blob_path(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join("blobs").join(digest.algorithm().name()).join(digest.to_hex())
}

/// By which a name is given to an entry of the index.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// By which `cosign save` tells what it wrote.
const KIND: &str = "kind";
const COSIGN_KINDS: &str = "dev.cosignproject.cosign/";

/// A folder that holds more is not one image with its signatures.
const MAX_MANIFESTS: usize = 10_000;
/// Bytes of all manifests that are read to answer one question.
const MAX_MANIFESTS_LEN: u64 = 64 << 20;
/// An index of indexes is legal; a chain of them is an attack.
const MAX_INDEX_DEPTH: usize = 3;
/// Blobs of one image that are hashed.
const MAX_BLOBS: usize = 20_000;
/// Bytes of all blobs of one image that are hashed: more than any image has, and less than a file with holes can say.
const MAX_BLOBS_LEN: u64 = 32 << 30;
/// Tags that are listed where one is missing.
const MAX_LISTED: usize = 10;

/// A manifest, or why it cannot be read.
type ReadManifest = Result<Manifest, StoreError>;

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
    /// Signatures are not images: they have a subject, a tag that begins with `sha256-`, or a kind by which `cosign save`
    /// says so. Nor are the platforms of an index that is there itself.
    ///
    /// # Errors
    /// If a manifest cannot be read.
    pub fn only_image(&self) -> Result<Option<Digest>, StoreError> {
        let is_signature = |descriptor: &Descriptor| {
            ref_name(descriptor).is_some_and(|name| name.starts_with("sha256-"))
                || cosign_kind(descriptor).is_some_and(|kind| !kind.starts_with("image"))
        };
        let (mut images, mut platforms) = (Vec::new(), BTreeSet::new());
        for (digest, manifest) in self.manifests(|descriptor| !is_signature(descriptor))? {
            let manifest = manifest?;
            if manifest.subject()?.is_some() {
                continue;
            }
            if let Manifest::Index(index) = &manifest {
                for entry in index.manifests() {
                    platforms.insert(manifest::digest_of(entry)?);
                }
            }
            images.push(digest);
        }
        images.retain(|image| !platforms.contains(image));
        Ok(match &images[..] {
            [image] => Some(image.clone()),
            _ => None,
        })
    }

    /// What the layout has of what is wanted.
    ///
    /// # Errors
    /// If that cannot be known.
    pub fn find(&self, want: &Want) -> Result<Found, StoreError> {
        match &want.item {
            Item::Image => match self.resolve(&want.image)? {
                Some(digest) => {
                    self.check_image(&digest)?;
                    Ok(Found::Digest(digest))
                }
                None => Ok(Found::Absent),
            },
            Item::Tag(tag) => self.tag(tag)?.map_or(Ok(Found::Absent), |digest| self.whole_manifest(&digest)),
            Item::Manifest(digest) if self.blob(digest).exists() => self.whole_manifest(digest),
            Item::Manifest(_) => Ok(Found::Absent),
            Item::Blob { digest, size } => match read_bounded(&self.blob(digest), *size) {
                Err(StoreError::TooLarge { what, found, limit, .. }) => {
                    Err(StoreError::Size { what, found, expected: limit })
                }
                read => Ok(read?.map_or(Found::Absent, Found::Bytes)),
            },
            Item::Referrers(digest) => self.referrers(digest).map(Found::Referrers),
        }
    }

    /// The digest that a reference stands for; `None` if there is no such image.
    fn resolve(&self, image: &ImageRef) -> Result<Option<Digest>, StoreError> {
        if let Some(digest) = image.digest() {
            return Ok(self.blob(digest).is_file().then(|| digest.clone()));
        }
        let name = image.name();
        let tag = image.tag().unwrap_or_default();
        // Some tools write the whole reference, which says more than a tag, some no name at all.
        for written in [&format!("{name}:{tag}"), tag] {
            if let Some(digest) = self.named(written)? {
                return Ok(Some(digest));
            }
        }
        let is_nameless = |digest: &Digest| {
            let of_image = |one: &&Descriptor| one.digest().to_string() == digest.to_string();
            self.index.manifests().iter().filter(of_image).all(|one| ref_name(one).is_none())
        };
        if let Some(digest) = self.only_image()?.filter(is_nameless) {
            return Ok(Some(digest));
        }
        Err(StoreError::NoSuchTag { tag: tag.to_owned(), found: self.names() })
    }

    /// The digest that a tag stands for; `None` if there is no such tag.
    ///
    /// # Errors
    /// If that cannot be known.
    pub fn tag(&self, tag: &str) -> Result<Option<Digest>, StoreError> {
        match self.named(tag)? {
            Some(digest) => Ok(Some(digest)),
            None => self.saved_beside(tag),
        }
    }

    fn referrers(&self, digest: &Digest) -> Result<Vec<Digest>, StoreError> {
        // What the listing says of a manifest is not believed: only the manifest says what its subject is.
        // One that cannot be read may be a referrer, so the caller is told that it is there.
        let may_refer = |manifest: ReadManifest| {
            let subject = manifest.and_then(|manifest| manifest.subject());
            subject.map_or(true, |subject| subject.as_ref() == Some(digest))
        };
        let manifests = self.manifests(|_| true)?.into_iter();
        Ok(manifests.filter_map(|(digest, manifest)| may_refer(manifest).then_some(digest)).collect())
    }

    /// Proves that the image itself is whole, as far as it is here.
    ///
    /// # Errors
    /// If a part of it is here and is not what its digest says.
    pub fn check_image(&self, digest: &Digest) -> Result<(), StoreError> {
        self.check_manifest(digest, 0, &mut Checked::default())
    }

    /// A manifest. Nothing of its configuration is used here; that it is whole shows that the layout is.
    fn whole_manifest(&self, digest: &Digest) -> Result<Found, StoreError> {
        let (bytes, manifest) = self.manifest(digest)?;
        if let Manifest::Image(image) = &manifest {
            self.check_blob(image.config(), &mut Checked::default())?;
        }
        Ok(Found::Bytes(bytes))
    }

    /// A manifest whose digest is proved.
    fn manifest(&self, digest: &Digest) -> Result<(Vec<u8>, Manifest), StoreError> {
        let what = format!("manifest {digest}");
        let bytes = read_bounded(&self.blob(digest), MAX_MANIFEST_LEN)?
            .ok_or_else(|| StoreError::NotFound { what: what.clone() })?;
        manifest::check_digest(digest, &bytes, &what)?;
        let manifest = Manifest::parse(&bytes, &what)?;
        Ok((bytes, manifest))
    }

    /// The manifests of the index, each once and read, of those descriptors that are wanted.
    fn manifests(
        &self,
        is_wanted: impl Fn(&Descriptor) -> bool,
    ) -> Result<Vec<(Digest, ReadManifest)>, StoreError> {
        let (mut manifests, mut seen, mut len) = (Vec::new(), BTreeSet::new(), 0);
        for descriptor in self.index.manifests().iter().filter(|one| is_wanted(one)) {
            let digest = manifest::digest_of(descriptor)?;
            if !seen.insert(digest.clone()) {
                continue;
            }
            len += fs::metadata(self.blob(&digest)).map_or(0, |found| found.len().min(MAX_MANIFEST_LEN));
            if len > MAX_MANIFESTS_LEN {
                return Err(StoreError::TooLarge {
                    what: self.folder.join("index.json").display().to_string(),
                    found: len,
                    unit: "bytes of manifests",
                    limit: MAX_MANIFESTS_LEN,
                });
            }
            let manifest = self.manifest(&digest).map(|(_, manifest)| manifest);
            manifests.push((digest, manifest));
        }
        Ok(manifests)
    }

    /// What `cosign save` wrote beside an image: its `sigs` or its `atts`, which are named by their kind alone.
    fn saved_beside(&self, tag: &str) -> Result<Option<Digest>, StoreError> {
        let Some((image, suffix)) = tag.rsplit_once('.') else { return Ok(None) };
        let kind = match suffix {
            "sig" => "sigs",
            "att" => "atts",
            _ => return Ok(None),
        };
        let mut saved = self.index.manifests().iter().filter(|one| cosign_kind(one) == Some(kind)).peekable();
        if saved.peek().is_none() {
            return Ok(None);
        }
        let is_of_this = |only: &Digest| image == format!("{}-{}", only.algorithm(), only.to_hex());
        match (self.only_image()?.filter(is_of_this), saved.next(), saved.next()) {
            (Some(_), Some(one), None) => manifest::digest_of(one).map(Some),
            _ => Ok(None),
        }
    }

    /// The digest that a name in the index stands for.
    fn named(&self, name: &str) -> Result<Option<Digest>, StoreError> {
        let mut found = self.index.manifests().iter().filter(|one| ref_name(one) == Some(name));
        let first = found.next().map(manifest::digest_of).transpose()?;
        for other in found {
            if Some(manifest::digest_of(other)?) != first {
                return Err(StoreError::Malformed {
                    what: "index.json".to_owned(),
                    problem: format!("it has two manifests with the name `{name}`"),
                });
            }
        }
        Ok(first)
    }

    /// The names in the index that are not those of signatures, as words.
    fn names(&self) -> String {
        let is_image = |name: &&str| !name.starts_with("sha256-");
        let names: BTreeSet<&str> =
            self.index.manifests().iter().filter_map(ref_name).filter(is_image).collect();
        let listed: Vec<_> = names.iter().take(MAX_LISTED).map(|name| format!("`{name}`")).collect();
        match names.len() {
            0 => "no tag".to_owned(),
            found if found > MAX_LISTED => format!("{} and {} more", listed.join(", "), found - MAX_LISTED),
            _ => listed.join(", "),
        }
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        blob_path(&self.folder, digest)
    }

    /// Hashes a blob of the size that its descriptor says, piece by piece; a blob that is not there is passed over.
    fn check_blob(&self, descriptor: &Descriptor, checked: &mut Checked) -> Result<(), StoreError> {
        let expected = manifest::digest_of(descriptor)?;
        let what = format!("blob {expected}");
        if let Some(size) = checked.blobs.get(&expected) {
            return manifest::check_size(descriptor.size(), &what, *size);
        }
        let too_large = |found: u64, unit: &'static str, limit: u64| StoreError::TooLarge {
            what: "the image".to_owned(),
            found,
            unit,
            limit,
        };
        if checked.blobs.len() == MAX_BLOBS {
            return Err(too_large(MAX_BLOBS as u64 + 1, "blobs", MAX_BLOBS as u64));
        }
        let unavailable = |error: std::io::Error| StoreError::Unavailable {
            what: what.clone(),
            problem: error.to_string(),
        };
        let path = self.blob(&expected);
        let Some(found) = file_len(&path)? else { return Ok(()) };
        manifest::check_size(descriptor.size(), &what, found)?;
        checked.len += found;
        if checked.len > MAX_BLOBS_LEN {
            return Err(too_large(checked.len, "bytes", MAX_BLOBS_LEN));
        }
        let mut file = File::open(path).map_err(unavailable)?.take(descriptor.size());
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
        manifest::check_size(descriptor.size(), &what, size)?;
        checked.blobs.insert(expected, size);
        Ok(())
    }

    fn check_manifest(&self, digest: &Digest, depth: usize, checked: &mut Checked) -> Result<(), StoreError> {
        // How deep it stands counts: below a limit it may be seen again.
        if checked.manifests.get(digest).is_some_and(|at| *at <= depth) {
            return Ok(());
        }
        checked.manifests.insert(digest.clone(), depth);
        match self.manifest(digest)?.1 {
            Manifest::Image(image) => core::iter::once(image.config())
                .chain(image.layers())
                .try_for_each(|one| self.check_blob(one, checked)),
            Manifest::Index(index) if depth < MAX_INDEX_DEPTH => {
                for descriptor in index.manifests() {
                    self.check_blob(descriptor, checked)?;
                    let digest = manifest::digest_of(descriptor)?;
                    // A layout may hold some platforms only.
                    if self.blob(&digest).exists() {
                        self.check_manifest(&digest, depth + 1, checked)?;
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

/// What was found whole, so that nothing is read twice.
#[derive(Default)]
struct Checked {
    /// Sizes in bytes.
    blobs: BTreeMap<Digest, u64>,
    /// Of all blobs, in bytes.
    len: u64,
    /// How deep each was found: an image in an index in an index is at 2.
    manifests: BTreeMap<Digest, usize>,
}

impl EvidenceStore for OciLayout {
    fn fetch<'a>(&'a self, want: &'a Want, _: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        let found = self.find(want);
        Box::pin(async { found })
    }

    fn only_image(&self) -> Result<Option<Digest>, StoreError> {
        Self::only_image(self)
    }
}

fn ref_name(descriptor: &Descriptor) -> Option<&str> {
    descriptor.annotations().as_ref()?.get(REF_NAME).map(String::as_str)
}

/// What `cosign save` says a manifest is.
fn cosign_kind(descriptor: &Descriptor) -> Option<&str> {
    descriptor.annotations().as_ref()?.get(KIND)?.strip_prefix(COSIGN_KINDS)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, StoreError> {
    let what = path.display().to_string();
    let bytes = read_bounded(path, MAX_MANIFEST_LEN)?.ok_or(StoreError::NotFound { what: what.clone() })?;
    json::from_slice(&bytes).map_err(|error| StoreError::Malformed { what, problem: error.to_string() })
}
