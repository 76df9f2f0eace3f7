//! [`Discovery`]: what there is on an image, found by questions and answers, without waiting.
//!
//! Signatures and attestations are kept in four places:
//! - tags `sha256-<hex>.sig` and `.att`: cosign 1 and 2;
//! - referrers, by the API of OCI 1.1, and its tag `sha256-<hex>` where there is none: cosign 3, notation and others.
//!
//! What a listing says of a manifest is not believed: cosign's own entries have another type than the manifest.
//! Every manifest is fetched, and the media types of its layers say what they are.

mod answer;

mod walk;

mod place;

mod documents;

mod signed_elsewhere;

use std::collections::BTreeMap;

use trust_core::ImageRef;
use trust_policy::{FailureKind, FetchFailure, ImageEvidence};

use crate::discovery::answer::Answer;
use crate::discovery::walk::{Walk, late};
use crate::store::{Found, Item, StoreError, Want};

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
    /// Bytes of all that is fetched for one request.
    pub request_len: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            images: 200,
            objects: 200,
            manifests: 100,
            artifacts: 300,
            layer_len: 128 << 20,
            total_len: 256 << 20,
            request_len: 512 << 20,
        }
    }
}

/// What there is on one image: a machine that asks and is answered, and waits for nothing.
///
/// [`wants`](Self::wants) are questions that are open and can all be asked at once; each [`answer`](Self::answer) may lead to
/// further ones, until there are none. The result depends on the answers alone, and not on the order in which they arrive; what
/// was never answered is a failure in it. Nothing is believed: content is hashed, and sizes and numbers are
/// [bounded](Limits).
///
/// ```
/// use trust_gate::{Discovery, Found, Limits};
/// let mut discovery = Discovery::new("ghcr.io/acme/app:v1".parse()?, &Limits::default());
/// for want in discovery.wants() {
///     discovery.answer(&want, Ok(Found::Absent)); // the store knows that there is no such image
/// }
/// assert!(discovery.wants().is_empty());
/// assert_eq!(discovery.finish().image.digest.unwrap_err().problem, "the repository has no such image");
/// # Ok::<(), trust_core::ImageRefError>(())
/// ```
#[derive(Debug)]
pub struct Discovery {
    limits: Limits,
    image: ImageRef,
    /// References of other repositories in which its signatures are kept.
    others: Vec<ImageRef>,
    needs_documents: bool,
    /// What was asked of which repository, the image's own being the first; `None` until it is answered.
    answers: BTreeMap<(usize, Item), Option<Answer>>,
    /// Bytes of layers that were asked for early.
    eager_len: u64,
}

/// What was found on one image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discovered {
    /// Its digest, signatures and attestations.
    pub image: ImageEvidence,
    /// Its index, manifests and configurations, by digest, as [`Evidence`](trust_policy::Evidence) holds them.
    pub documents: BTreeMap<String, String>,
}

impl Discovery {
    /// Asks what is stored beside `image`.
    #[must_use]
    pub fn new(image: ImageRef, limits: &Limits) -> Self {
        Self {
            limits: *limits,
            image,
            others: Vec::new(),
            needs_documents: false,
            answers: BTreeMap::new(),
            eager_len: 0,
        }
    }

    /// Asks another repository, too, by any reference of it. Where a signature is kept proves nothing, so it counts like any
    /// other.
    #[must_use]
    pub fn beside(mut self, repository: ImageRef) -> Self {
        if self.places().all(|place| place.name() != repository.name()) {
            self.others.push(repository);
        }
        self
    }

    /// Asks what the image says about itself, too: its index, and manifest and configuration of each platform.
    #[must_use]
    pub fn with_documents(mut self) -> Self {
        self.needs_documents = true;
        self
    }

    /// Further questions: each is asked once. If there are none and all are answered, everything is known.
    #[must_use]
    pub fn wants(&mut self) -> Vec<Want> {
        let Walk { wants, eager_len, .. } = Walk::through(self, false);
        self.eager_len = eager_len;
        let mut asked = Vec::new();
        for (place, item) in wants {
            let (Some(image), None) =
                (self.places().nth(place).cloned(), self.answers.get(&(place, item.clone())))
            else {
                continue;
            };
            asked.push(Want::new(image, item.clone()));
            self.answers.insert((place, item), None);
        }
        asked
    }

    /// Takes an answer. What was not asked, or is answered already, is passed over.
    pub fn answer(&mut self, want: &Want, answer: Result<Found, StoreError>) {
        let Some(place) = self.places().position(|place| *place == want.image) else { return };
        if let Some(open @ None) = self.answers.get_mut(&(place, want.item.clone())) {
            *open = Some(Answer::read(want, answer, self.needs_documents && place == 0));
        }
    }

    /// What was found. What was asked and not answered is a failure.
    #[must_use]
    pub fn finish(self) -> Discovered {
        let Walk { found, documents, .. } = Walk::through(&self, true);
        Discovered { image: found, documents }
    }

    fn places(&self) -> impl Iterator<Item = &ImageRef> {
        core::iter::once(&self.image).chain(&self.others)
    }
}

impl<'a> Walk<'a> {
    /// Goes through all answers, in an order that depends on nothing but them.
    fn through(discovery: &'a Discovery, is_last: bool) -> Self {
        let mut walk = Self {
            discovery,
            is_last,
            wants: Vec::new(),
            open: 0,
            eager_len: discovery.eager_len,
            found: ImageEvidence::failed(late(discovery.image.written())),
            documents: BTreeMap::new(),
        };
        walk.image();
        walk
    }

    fn image(&mut self) {
        let discovery = self.discovery;
        let image = &discovery.image;
        // Once: whatever is verified and pinned from here on is this digest.
        let digest = match self.ask(0, Item::Image) {
            None => return,
            Some(Answer::Image(digest)) => digest,
            Some(Answer::Failed(error)) => {
                self.found = ImageEvidence::failed(error.clone().into_failure(image.written()));
                return;
            }
            Some(_) => {
                let problem = "the repository has no such image".to_owned();
                let kind = FailureKind::NotFound;
                self.found = ImageEvidence::failed(FetchFailure {
                    location: image.written().to_owned(),
                    kind,
                    problem,
                });
                return;
            }
        };
        self.found = ImageEvidence::of(digest.clone());
        for (index, reference) in discovery.places().enumerate() {
            let mut place = self.place(index, digest);
            if index > 0 {
                place.say_where(&reference.name());
            } else if place.artifacts.is_empty() && self.open == 0 {
                place.notes.extend(self.signed_elsewhere(digest));
            }
            self.found.artifacts.extend(place.artifacts);
            self.found.failures.extend(place.failures);
            self.found.notes.extend(place.notes);
        }
        if discovery.needs_documents
            && let Err(error) = self.documents(digest)
        {
            self.found.failures.push(error.into_failure(image.written()));
        }
    }
}
