//! [`collect`]: everything that a store has on an image's signatures, in all the ways they are stored.
//!
//! - tags `sha256-<hex>.sig` and `.att`: cosign 1 and 2;
//! - referrers, by the API of OCI 1.1 or its tag `sha256-<hex>` where there is no API: cosign 3 and others.
//!
//! What a listing says of a manifest is not believed: cosign's own entries have another type than the manifest.
//! Every manifest is fetched, and the media types of its layers say what they are.

use std::collections::{BTreeMap, BTreeSet};

use oci_spec::image::{Descriptor, ImageManifest};
use serde_json::Value;
use trust_core::cosign::{BUNDLE_MEDIA_TYPE_PREFIX, ENVELOPE_MEDIA_TYPE, SIMPLE_SIGNING_MEDIA_TYPE};
use trust_core::{Digest, ImageRef, UnixTime};
use trust_policy::{
    Artifact, Evidence, FailureKind, FetchFailure, ImageEvidence, ObjectName, PolicySet, Request,
    Requirements,
};

use crate::manifest::{self, Manifest};
use crate::objects::{self, ObjectStore};
use crate::repositories::Repositories;
use crate::store::{EvidenceStore, StoreError};

/// How much is fetched. Whatever is beyond is named as a failure, or is not there, which denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Images of one request, and their bases.
    pub images: usize,
    /// Objects of the cluster.
    pub objects: usize,
    /// Of one image, manifests of signatures; Kyverno reads 50.
    pub manifests: usize,
    /// Of one image, layers of signatures, over all manifests; cosign reads 1000 a manifest.
    pub artifacts: usize,
    /// Bytes of one layer; cosign reads 128 MiB.
    pub layer_len: u64,
    /// Bytes of all layers of one image together, and of all its manifests and configurations.
    pub total_len: u64,
}

/// The type of signatures of the Notary Project
/// ([specification](https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-specification.md)).
const NOTATION_TYPE: &str = "application/vnd.cncf.notary.signature";
/// Entries of an index: platforms, and for each an attestation.
const MAX_ENTRIES: usize = 200;
/// Images below one another.
const MAX_BASES: usize = 3;
/// How often objects are asked for whose names stand in objects.
const MAX_ROUNDS: usize = 8;

impl Default for Limits {
    fn default() -> Self {
        Self {
            images: 200,
            objects: 200,
            manifests: 100,
            artifacts: 300,
            layer_len: 128 << 20,
            total_len: 256 << 20,
        }
    }
}

/// Fetches what is needed to judge a request: the objects that rules refer to, in rounds, for the name of one can stand in
/// another, and then every image that a rule is about.
#[must_use]
pub fn collect_for(
    policies: &PolicySet,
    request: &Request,
    repositories: &Repositories,
    objects: &dyn ObjectStore,
    limits: &Limits,
    now: UnixTime,
) -> Evidence {
    let mut evidence = Evidence::default();
    let mut needed = policies.requirements(request, &evidence, now);
    for _ in 0..MAX_ROUNDS {
        if needed.objects.is_empty() || evidence.objects.len() >= limits.objects {
            break;
        }
        let left = limits.objects - evidence.objects.len();
        for name in needed.objects.iter().take(left) {
            evidence.objects.insert(name.to_string(), look_up(objects, name));
        }
        needed = policies.requirements(request, &evidence, now);
    }
    collect_images(&needed, repositories, limits, &mut evidence);
    evidence
}

fn look_up(objects: &dyn ObjectStore, name: &ObjectName) -> Result<Value, FetchFailure> {
    let what = name.to_string();
    match objects.object(name) {
        Ok(Some(object)) => Ok(objects::public_part(name, object)),
        Ok(None) => Err(StoreError::NotFound { what: what.clone() }.into_failure(what)),
        Err(error) => Err(error.into_failure(what)),
    }
}

fn collect_images(
    needed: &Requirements,
    repositories: &Repositories,
    limits: &Limits,
    evidence: &mut Evidence,
) {
    // Images, and how many bases below each are wanted.
    let depth = |image: &String| if needed.bases.contains(image) { MAX_BASES } else { 0 };
    let mut next: Vec<(String, usize)> =
        needed.images.iter().map(|image| (image.clone(), depth(image))).collect();
    while let Some((image, depth)) = next.pop() {
        if evidence.images.contains_key(&image) {
            continue;
        }
        if evidence.images.len() == limits.images {
            let error = StoreError::TooLarge {
                what: "the request".to_owned(),
                found: needed.images.len() as u64,
                unit: "images",
                limit: limits.images as u64,
            };
            let found = failed(error.into_failure(&image));
            evidence.images.insert(image, found);
            return;
        }
        let reference = match image.parse::<ImageRef>() {
            Ok(reference) => reference,
            Err(error) => {
                let found = unresolved(&image, FailureKind::Malformed, error.to_string());
                evidence.images.insert(image, found);
                continue;
            }
        };
        let store = repositories.store_for(&reference);
        let mut found = collect(store, &reference, limits);
        for repository in needed.repositories.get(&image).into_iter().flatten() {
            collect_beside(repository, repositories, &mut found, limits);
        }
        let is_base = !needed.images.contains(&image);
        if let (true, Some(store), Ok(digest)) =
            (is_base || needed.documents.contains(&image), store, &found.digest)
        {
            if let Err(error) = collect_documents(store, digest, limits.total_len, &mut evidence.documents) {
                found.failures.push(error.into_failure(&image));
            }
            if depth > 0 {
                next.extend(evidence.bases_of(digest).into_iter().map(|base| (base, depth - 1)));
            }
        }
        evidence.images.insert(image, found);
    }
}

/// Adds what another repository has on an image. Where a signature is kept proves nothing, so it counts like any other.
fn collect_beside(repository: &str, repositories: &Repositories, found: &mut ImageEvidence, limits: &Limits) {
    let Ok(digest) = &found.digest else { return };
    let store = match repository.parse::<ImageRef>() {
        Ok(reference) => repositories.store_for(&reference),
        Err(_) => None,
    };
    let Some(store) = store else {
        let problem = "no store answers for this repository".to_owned();
        let failure = FetchFailure { location: repository.to_owned(), kind: FailureKind::NotFound, problem };
        return found.failures.push(failure);
    };
    let mut collector = Collector::new(store, limits);
    collector.collect(digest);
    found.failures.extend(collector.failures);
    found.notes.extend(collector.notes.into_iter().map(|note| format!("{repository}, {note}")));
    found.artifacts.extend(
        collector.artifacts.into_iter().map(|artifact| Artifact {
            location: format!("{repository}, {}", artifact.location),
            ..artifact
        }),
    );
}

/// Fetches what an image says about itself: its index, and manifest and configuration of each platform.
fn collect_documents(
    store: &dyn EvidenceStore,
    image: &Digest,
    total_len: u64,
    documents: &mut BTreeMap<String, String>,
) -> Result<(), StoreError> {
    let (mut next, mut len) = (vec![image.clone()], 0);
    let mut keep = |digest: &Digest, text: String| {
        len += text.len() as u64;
        if len > total_len {
            let what = format!("image {image}");
            return Err(StoreError::TooLarge {
                what,
                found: len,
                unit: "bytes of documents",
                limit: total_len,
            });
        }
        documents.insert(digest.to_string(), text);
        Ok(())
    };
    let mut seen = BTreeSet::new();
    while let Some(digest) = next.pop() {
        if !seen.insert(digest.clone()) {
            continue;
        }
        let (text, manifest) = Manifest::fetch_text(store, &digest)?;
        keep(&digest, text)?;
        match manifest {
            // An index in an index is not an image.
            Manifest::Index(index) if digest == *image => {
                let (found, limit) = (index.manifests().len() as u64, MAX_ENTRIES as u64);
                if found > limit {
                    let what = format!("index {digest}");
                    return Err(StoreError::TooLarge { what, found, unit: "entries", limit });
                }
                next = index.manifests().iter().map(manifest::digest_of).collect::<Result<_, _>>()?;
            }
            Manifest::Index(_) => {}
            Manifest::Image(image) => {
                let digest = manifest::digest_of(image.config())?;
                if seen.insert(digest.clone()) {
                    let bytes = manifest::fetch_described(store, image.config(), manifest::MAX_MANIFEST_LEN)?;
                    keep(&digest, manifest::text(bytes, &format!("blob {digest}"))?)?;
                }
            }
        }
    }
    Ok(())
}

/// Fetches everything that `store` has on `image`; `None` if no store has it.
#[must_use]
pub fn collect(store: Option<&dyn EvidenceStore>, image: &ImageRef, limits: &Limits) -> ImageEvidence {
    let Some(store) = store else {
        return unresolved(
            image.written(),
            FailureKind::NotFound,
            "no store answers for this repository".to_owned(),
        );
    };
    // Once: whatever is verified and pinned from here on is this digest.
    let digest = match store.resolve(image) {
        Ok(Some(digest)) => digest,
        Ok(None) => {
            return unresolved(
                image.written(),
                FailureKind::NotFound,
                "the repository has no such image".to_owned(),
            );
        }
        Err(error) => return failed(error.into_failure(image.written())),
    };
    if let Err(error) = store.check_image(&digest) {
        return failed(error.into_failure(image.written()));
    }
    let mut collector = Collector::new(store, limits);
    collector.collect(&digest);
    let Collector { artifacts, failures, mut notes, .. } = collector;
    if artifacts.is_empty() {
        notes.extend(signed_elsewhere(store, image, &digest));
    }
    ImageEvidence { digest: Ok(digest), artifacts, failures, notes }
}

/// Which other manifests of an image that has no signatures have some. Nothing is concluded from it, so what cannot be
/// fetched is passed over.
fn signed_elsewhere(store: &dyn EvidenceStore, image: &ImageRef, digest: &Digest) -> Vec<String> {
    let is_signed = |digest: &Digest| {
        let tag = |suffix: &str| format!("{}-{}{suffix}", digest.algorithm(), digest.to_hex());
        let has = |suffix: &str| matches!(store.tag(&tag(suffix)), Ok(Some(_)));
        has(".sig") || has(".att") || has("") || store.referrers(digest).is_ok_and(|found| !found.is_empty())
    };
    let platforms = |digest: &Digest| match Manifest::fetch(store, digest) {
        Ok(Manifest::Index(index)) => {
            let is_attestation =
                |entry: &Descriptor| annotations(entry).contains_key("vnd.docker.reference.type");
            let entries = index.manifests().iter().filter(|entry| !is_attestation(entry));
            entries.take(MAX_ENTRIES).filter_map(|entry| manifest::digest_of(entry).ok()).collect()
        }
        _ => Vec::new(),
    };
    let mut notes = Vec::new();
    let own: Vec<Digest> = platforms(digest);
    let signed = own.iter().filter(|one| is_signed(one)).count();
    if signed > 0 {
        notes.push(format!(
            "it is an index without signatures, {signed} of {} of its platforms have some",
            own.len()
        ));
    }
    // A tag beside the digest may name the index that lists it.
    let tagged =
        image.tag().filter(|_| image.digest().is_some()).and_then(|tag| store.tag(tag).ok().flatten());
    if let Some(index) =
        tagged.filter(|index| index != digest && platforms(index).contains(digest) && is_signed(index))
    {
        notes.push(format!("it has no signatures, but the index {index} that lists it has some"));
    }
    notes
}

fn unresolved(image: &str, kind: FailureKind, problem: String) -> ImageEvidence {
    failed(FetchFailure { location: image.to_owned(), kind, problem })
}

fn failed(failure: FetchFailure) -> ImageEvidence {
    ImageEvidence {
        digest: Err(failure.clone()),
        artifacts: Vec::new(),
        failures: vec![failure],
        notes: Vec::new(),
    }
}

struct Collector<'a> {
    store: &'a dyn EvidenceStore,
    limits: &'a Limits,
    seen: Vec<Digest>,
    artifacts: Vec<Artifact>,
    failures: Vec<FetchFailure>,
    notes: Vec<String>,
    total_len: u64,
}

impl<'a> Collector<'a> {
    fn new(store: &'a dyn EvidenceStore, limits: &'a Limits) -> Self {
        Self {
            store,
            limits,
            seen: Vec::new(),
            artifacts: Vec::new(),
            failures: Vec::new(),
            notes: Vec::new(),
            total_len: 0,
        }
    }

    fn collect(&mut self, image: &Digest) {
        let base = format!("{}-{}", image.algorithm(), image.to_hex());
        for tag in [format!("{base}.sig"), format!("{base}.att")] {
            let location = format!("tag {tag}");
            match self.store.tag(&tag) {
                Ok(Some(digest)) => self.manifest(&digest, None, &location),
                Ok(None) => {}
                Err(error) => self.failures.push(error.into_failure(location)),
            }
        }
        match self.store.referrers(image) {
            Ok(referrers) => self.referrers(&referrers, image, "referrer"),
            Err(error) => self.failures.push(error.into_failure("referrers")),
        }
        let location = format!("referrer in tag {base}");
        match self.fallback(&base) {
            Ok(referrers) => self.referrers(&referrers, image, &location),
            Err(error) => self.failures.push(error.into_failure(location)),
        }
    }

    /// The referrers tag of registries without the API
    /// ([distribution specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#referrers-tag-schema)).
    fn fallback(&self, tag: &str) -> Result<Vec<Digest>, StoreError> {
        let Some(digest) = self.store.tag(tag)? else { return Ok(Vec::new()) };
        match Manifest::fetch(self.store, &digest)? {
            Manifest::Index(index) => index.manifests().iter().map(manifest::digest_of).collect(),
            Manifest::Image(_) => Err(StoreError::Malformed {
                what: format!("tag {tag}"),
                problem: "it is an image, expected an index of referrers".to_owned(),
            }),
        }
    }

    fn referrers(&mut self, referrers: &[Digest], image: &Digest, location: &str) {
        for digest in referrers {
            self.manifest(digest, Some(image), &format!("{location} {digest}"));
        }
    }

    /// Takes the signatures of a manifest; of a referrer, only if it is about `subject`.
    fn manifest(&mut self, digest: &Digest, subject: Option<&Digest>, location: &str) {
        if self.seen.contains(digest) {
            return;
        }
        self.seen.push(digest.clone());
        let found = self.seen.len();
        if found > self.limits.manifests {
            // Said once: every further one would only repeat it.
            if found == self.limits.manifests + 1 {
                self.too_large(location, "manifests", self.limits.manifests as u64);
            }
            return;
        }
        match self.signature_manifest(digest, subject) {
            Ok(Some(image)) => self.layers(&image, location),
            Ok(None) => {}
            Err(error) => self.failures.push(error.into_failure(location)),
        }
    }

    fn signature_manifest(
        &self,
        digest: &Digest,
        subject: Option<&Digest>,
    ) -> Result<Option<Box<ImageManifest>>, StoreError> {
        let manifest = Manifest::fetch(self.store, digest)?;
        // A listing may hold whatever it likes: only the manifest says what it is about.
        if subject.is_some() && manifest.subject()?.as_ref() != subject {
            return Ok(None);
        }
        match manifest {
            Manifest::Image(image) => Ok(Some(image)),
            Manifest::Index(_) => Err(StoreError::Malformed {
                what: format!("manifest {digest}"),
                problem: "it is an index, expected a manifest with signatures".to_owned(),
            }),
        }
    }

    fn layers(&mut self, image: &ImageManifest, location: &str) {
        let layers: Vec<_> =
            image.layers().iter().enumerate().filter(|(_, layer)| is_signature(layer)).collect();
        if layers.is_empty() {
            let kind =
                image.artifact_type().as_ref().unwrap_or_else(|| image.config().media_type()).to_string();
            let kind = match kind.as_str() {
                NOTATION_TYPE => "a Notation signature, which is not verified here yet".to_owned(),
                _ => format!("an artifact of type `{kind}`"),
            };
            return self.notes.push(format!("{location} is {kind}"));
        }
        // The config says nothing that is used; that it is whole shows that the store is.
        if let Err(error) = manifest::fetch_described(self.store, image.config(), self.limits.layer_len) {
            self.failures.push(error.into_failure(format!("{location}, config")));
        }
        for (index, layer) in layers {
            let location = format!("{location}, layer {index}");
            if self.artifacts.len() == self.limits.artifacts {
                self.too_large(&location, "layers", self.limits.artifacts as u64);
                return;
            }
            let left = self.limits.total_len.saturating_sub(self.total_len);
            match manifest::fetch_described(self.store, layer, self.limits.layer_len.min(left)) {
                Ok(content) => {
                    self.total_len += content.len() as u64;
                    self.artifacts.push(Artifact {
                        location,
                        media_type: layer.media_type().to_string(),
                        annotations: annotations(layer),
                        content,
                    });
                }
                Err(error) => self.failures.push(error.into_failure(location)),
            }
        }
    }

    fn too_large(&mut self, location: &str, unit: &'static str, limit: u64) {
        let error = StoreError::TooLarge { what: "the image".to_owned(), found: limit + 1, unit, limit };
        self.failures.push(error.into_failure(location));
    }
}

fn is_signature(layer: &Descriptor) -> bool {
    let media_type = layer.media_type().to_string();
    media_type == SIMPLE_SIGNING_MEDIA_TYPE
        || media_type == ENVELOPE_MEDIA_TYPE
        || media_type.starts_with(BUNDLE_MEDIA_TYPE_PREFIX)
}

fn annotations(layer: &Descriptor) -> BTreeMap<String, String> {
    let annotations = layer.annotations().iter().flatten();
    annotations.map(|(name, value)| (name.clone(), value.clone())).collect()
}
