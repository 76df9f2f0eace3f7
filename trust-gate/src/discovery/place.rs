//! [`Place`]: the signatures and attestations that one repository has on an image.

use std::collections::BTreeSet;

use trust_core::Digest;
use trust_policy::{Artifact, FetchFailure};

use crate::discovery::answer::{Answer, Body, Layer, NOTATION_TYPE, ReadManifest, Use};
use crate::discovery::walk::{Budget, Walk, base_tag, late};
use crate::store::{Item, MAX_MANIFEST_LEN, MAX_REFERRERS, StoreError};

/// Bytes of all manifests of signatures in one repository.
const MAX_MANIFESTS_LEN: u64 = 64 << 20;

/// What a manifest of signatures is known by.
enum Listed<'a> {
    Read(&'a ReadManifest),
    Named(&'a Digest),
}

/// What one repository has on the image.
#[derive(Default)]
pub(super) struct Place {
    pub(super) artifacts: Vec<Artifact>,
    pub(super) failures: Vec<FetchFailure>,
    pub(super) notes: Vec<String>,
    seen: BTreeSet<Digest>,
    manifests: Budget,
    /// How many layers of signatures there are so far.
    layers: usize,
    /// Their bytes.
    layers_len: u64,
}

impl Walk<'_> {
    /// The signatures in one repository.
    pub(super) fn place(&mut self, index: usize, image: &Digest) -> Place {
        let mut place = Place::default();
        let base = base_tag(image);
        for tag in [format!("{base}.sig"), format!("{base}.att")] {
            let location = format!("tag {tag}");
            match self.ask(index, Item::Tag(tag)) {
                None => place.failures.push(late(&location)),
                Some(Answer::Manifest(read)) => {
                    self.manifest(index, &mut place, &Listed::Read(read), None, &location);
                }
                Some(Answer::Failed(StoreError::NoStore)) => {
                    place.failures.push(StoreError::NoStore.into_failure(image.to_string()));
                    return place;
                }
                Some(Answer::Failed(error)) => place.failures.push(error.clone().into_failure(location)),
                Some(_) => {}
            }
        }
        match self.ask(index, Item::Referrers(image.clone())) {
            None => place.failures.push(late("referrers")),
            Some(Answer::Referrers(referrers)) => {
                if referrers.len() > MAX_REFERRERS {
                    place.too_large("referrers", "referrers", MAX_REFERRERS as u64);
                }
                self.referrers(index, &mut place, referrers.iter(), image, "referrer");
            }
            Some(Answer::Failed(error)) => place.failures.push(error.clone().into_failure("referrers")),
            Some(_) => {}
        }
        // The referrers tag of registries without the API
        // ([distribution specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#referrers-tag-schema)).
        let location = format!("referrer in tag {base}");
        match self.ask(index, Item::Tag(base.clone())) {
            None => place.failures.push(late(&location)),
            Some(Answer::Failed(error)) => place.failures.push(error.clone().into_failure(location)),
            // A registry of GitLab answers for this tag with the image itself.
            Some(Answer::Manifest(read)) if read.digest == *image => {}
            Some(Answer::Manifest(read)) => match &read.body {
                Body::Index { entries, count } => {
                    if *count > entries.len() {
                        place.too_large(&location, "referrers", entries.len() as u64);
                    }
                    for entry in entries {
                        if let Err(error) = &entry.digest {
                            place.failures.push(error.clone().into_failure(&location));
                        }
                    }
                    let entries = entries.iter().filter_map(|entry| entry.digest.as_ref().ok());
                    self.referrers(index, &mut place, entries, image, &location);
                }
                Body::Image { .. } => {
                    let error = StoreError::Malformed {
                        what: format!("tag {base}"),
                        problem: "it is an image, expected an index of referrers".to_owned(),
                    };
                    place.failures.push(error.into_failure(location));
                }
            },
            Some(_) => {}
        }
        place
    }

    fn referrers<'l>(
        &mut self,
        index: usize,
        place: &mut Place,
        referrers: impl Iterator<Item = &'l Digest>,
        image: &Digest,
        location: &str,
    ) {
        for digest in referrers {
            // What is beyond the limit was said to be.
            if place.seen.len() > self.discovery.limits.manifests {
                return;
            }
            let listed = Listed::Named(digest);
            self.manifest(index, place, &listed, Some(image), &format!("{location} {digest}"));
        }
    }

    /// Takes the signatures of a manifest; of a referrer, only if it refers to `subject`.
    fn manifest(
        &mut self,
        index: usize,
        place: &mut Place,
        listed: &Listed<'_>,
        subject: Option<&Digest>,
        location: &str,
    ) {
        let limits = &self.discovery.limits;
        let digest = match listed {
            Listed::Read(read) => &read.digest,
            Listed::Named(digest) => digest,
        };
        if !place.seen.insert(digest.clone()) {
            return;
        }
        // Said once: every further one would only repeat it.
        if place.seen.len() > limits.manifests {
            if place.seen.len() == limits.manifests + 1 {
                place.too_large(location, "manifests", limits.manifests as u64);
            }
            return;
        }
        let read = match listed {
            Listed::Read(read) => *read,
            Listed::Named(_) if place.manifests.used > MAX_MANIFESTS_LEN => {
                return place.too_large(location, "bytes of manifests", MAX_MANIFESTS_LEN);
            }
            Listed::Named(_) if !place.manifests.has_room(MAX_MANIFESTS_LEN) => {
                self.open += 1;
                return place.failures.push(late(location));
            }
            Listed::Named(digest) => match self.ask(index, Item::Manifest((*digest).clone())) {
                None => {
                    place.manifests.reserved += MAX_MANIFEST_LEN;
                    return place.failures.push(late(location));
                }
                Some(Answer::Manifest(read)) => read,
                Some(Answer::Failed(error)) => {
                    return place.failures.push(error.clone().into_failure(location));
                }
                Some(_) => {
                    let error = StoreError::NotFound { what: format!("manifest {digest}") };
                    return place.failures.push(error.into_failure(location));
                }
            },
        };
        place.manifests.used += read.len;
        // A listing may hold whatever it likes: only the manifest says what it is about.
        if subject.is_some() && read.subject.as_ref() != subject {
            return;
        }
        match &read.body {
            Body::Image { kind, layers, .. } => self.layers(index, place, kind, layers, location),
            Body::Index { .. } => {
                let error = StoreError::Malformed {
                    what: format!("manifest {digest}"),
                    problem: "it is an index, expected a manifest with signatures".to_owned(),
                };
                place.failures.push(error.into_failure(location));
            }
        }
    }

    fn layers(&mut self, index: usize, place: &mut Place, kind: &str, layers: &[Layer], location: &str) {
        let use_ = if kind == NOTATION_TYPE { Use::Notation } else { Use::Signature };
        let layers: Vec<&Layer> = layers.iter().filter(|layer| layer.use_ == use_).collect();
        if layers.is_empty() {
            return place.notes.push(format!("{location} is an artifact of type `{kind}`"));
        }
        for layer in layers {
            let location = format!("{location}, layer {}", layer.index);
            place.layers += 1;
            if place.layers > self.discovery.limits.artifacts {
                return place.too_large(&location, "layers", self.discovery.limits.artifacts as u64);
            }
            let content = match self.layer(index, layer, &mut place.layers_len) {
                None => {
                    place.failures.push(late(&location));
                    continue;
                }
                Some(Err(error)) => {
                    place.failures.push(error.into_failure(location));
                    continue;
                }
                Some(Ok(content)) => content,
            };
            place.artifacts.push(Artifact {
                location,
                media_type: layer.media_type.clone(),
                annotations: layer.annotations.clone(),
                content,
            });
        }
    }
}

impl Place {
    fn too_large(&mut self, location: &str, unit: &'static str, limit: u64) {
        let error = StoreError::TooLarge { what: "the image".to_owned(), found: limit + 1, unit, limit };
        self.failures.push(error.into_failure(location));
    }

    /// Puts the repository before every location.
    pub(super) fn say_where(&mut self, repository: &str) {
        let prefix = |text: &mut String| text.insert_str(0, &format!("{repository}, "));
        self.artifacts.iter_mut().for_each(|one| prefix(&mut one.location));
        self.failures.iter_mut().for_each(|one| prefix(&mut one.location));
        self.notes.iter_mut().for_each(prefix);
    }
}
