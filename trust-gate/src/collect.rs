//! [`collect_for`]: everything that is needed to judge a request, fetched.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures_util::future::{self, Either, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use trust_core::{ImageRef, UnixTime};
use trust_policy::{
    Evidence, FailureKind, FetchFailure, ImageEvidence, ImageFamily, ObjectName, PolicySet, Request,
    Requirements,
};

use crate::deadline::{Deadline, block_on};
use crate::discovery::{Discovered, Discovery, Limits};
use crate::objects::{self, ObjectStore};
use crate::store::{EvidenceStore, Found, Item, StoreError, Want};

/// Images below one another.
const MAX_BASES: usize = 3;
/// Questions of one request that are open at a time.
const WIDTH: usize = 32;
/// How often objects are asked for whose names stand in objects.
const MAX_ROUNDS: usize = 8;

/// Fetches what is needed to judge a request: the objects that rules refer to, in rounds, for the name of one can stand in
/// another, and then every image that a rule is about. It blocks while the stores do.
#[must_use]
pub fn collect_for(
    policies: &PolicySet,
    request: &Request,
    store: &dyn EvidenceStore,
    objects: &dyn ObjectStore,
    limits: &Limits,
    now: UnixTime,
) -> Evidence {
    let until = Deadline::never();
    block_on(collect_for_async(policies, request, store, objects, limits, now, until))
}

/// Fetches everything that `store` has on `image`. It blocks while the store does.
#[must_use]
pub fn collect(store: &dyn EvidenceStore, image: &ImageRef, limits: &Limits) -> ImageEvidence {
    block_on(collect_async(store, image, limits, Deadline::never()))
}

/// [`collect`], without blocking: everything that can be asked at once is. What is not answered by the deadline is a failure
/// in the evidence.
pub async fn collect_async(
    store: &dyn EvidenceStore,
    image: &ImageRef,
    limits: &Limits,
    until: Deadline,
) -> ImageEvidence {
    let mut one = [Discovery::new(image.clone(), limits)];
    drive(&mut one, store, limits, &mut 0, until).await;
    let [discovery] = one;
    discovery.finish().image
}

/// [`collect_for`], without blocking: everything that can be asked at once is. What is not answered by the deadline is a
/// failure in the evidence.
pub async fn collect_for_async(
    policies: &PolicySet,
    request: &Request,
    store: &dyn EvidenceStore,
    objects: &dyn ObjectStore,
    limits: &Limits,
    now: UnixTime,
    until: Deadline,
) -> Evidence {
    let mut evidence = Evidence::default();
    let mut needed = policies.requirements(request, &evidence, now);
    for _ in 0..MAX_ROUNDS {
        if needed.objects.is_empty() || evidence.objects.len() >= limits.objects {
            break;
        }
        let left = limits.objects - evidence.objects.len();
        let names: Vec<&ObjectName> = needed.objects.iter().take(left).collect();
        let found = future::join_all(names.iter().map(|name| look_up(objects, name, until))).await;
        evidence.objects.extend(names.iter().map(ToString::to_string).zip(found));
        needed = policies.requirements(request, &evidence, now);
    }
    collect_images(&needed, store, limits, until, &mut evidence).await;
    evidence
}

async fn look_up(
    objects: &dyn ObjectStore,
    name: &ObjectName,
    until: Deadline,
) -> Result<serde_json::Value, FetchFailure> {
    let what = name.to_string();
    let late = async {
        until.passes().await;
        Err(StoreError::TimedOut { what: name.to_string() })
    };
    let asked = future::select(objects.object(name, until), Box::pin(late));
    match asked.await.factor_first().0 {
        Ok(Some(object)) => Ok(objects::public_part(name, object)),
        Ok(None) => Err(StoreError::NotFound { what: what.clone() }.into_failure(what)),
        Err(error) => Err(error.into_failure(what)),
    }
}

/// Fetches the images: all that are known to be needed at once, and then those of their platforms and those on which they are built.
async fn collect_images(
    needed: &Requirements,
    store: &dyn EvidenceStore,
    limits: &Limits,
    until: Deadline,
    evidence: &mut Evidence,
) {
    let mut needed = needed.clone();
    // Images, and how many bases below each are wanted.
    let depth = |image: &String| if needed.bases.contains(image) { MAX_BASES } else { 0 };
    let mut next: BTreeMap<String, usize> =
        needed.images.iter().map(|image| (image.clone(), depth(image))).collect();
    let mut fetched = 0;
    while !next.is_empty() {
        let (mut asked, mut discoveries) = (Vec::new(), Vec::new());
        for (image, depth) in core::mem::take(&mut next) {
            if evidence.images.len() + asked.len() >= limits.images {
                let error = StoreError::TooLarge {
                    what: "the request".to_owned(),
                    found: (evidence.images.len() + asked.len() + 1) as u64,
                    unit: "images",
                    limit: limits.images as u64,
                };
                evidence.images.insert(image.clone(), ImageEvidence::failed(error.into_failure(&image)));
                break;
            }
            match discovery(&image, &needed, limits) {
                Ok(discovery) => {
                    discoveries.push(discovery);
                    asked.push((image, depth));
                }
                Err(failure) => {
                    evidence.images.insert(image, ImageEvidence::failed(failure));
                }
            }
        }
        drive(&mut discoveries, store, limits, &mut fetched, until).await;
        for ((image, depth), discovery) in asked.into_iter().zip(discoveries) {
            let Discovered { image: found, documents } = discovery.finish();
            evidence.documents.extend(documents);
            if let (true, Ok(digest)) = (depth > 0, &found.digest) {
                let bases = evidence.bases_of(digest);
                // What is asked of an image's platforms may be asked of its base's.
                if needed.platforms.contains(&image) {
                    needed.platforms.extend(bases.iter().cloned());
                }
                bases.into_iter().for_each(|base| want(&mut next, base, depth - 1));
            }
            evidence.images.insert(image.clone(), found);
            if needed.platforms.contains(&image) {
                let platforms = evidence.platforms_of(&image);
                // Who keeps signatures elsewhere keeps those of platforms there, too.
                if let Some(repositories) = needed.repositories.get(&image).cloned() {
                    for platform in &platforms {
                        needed.repositories.entry(platform.clone()).or_default().extend(repositories.clone());
                    }
                }
                platforms.into_iter().for_each(|platform| want(&mut next, platform, 0));
            }
        }
        next.retain(|image, _| !evidence.images.contains_key(image));
    }
}

/// Adds an image with at least this depth of bases below it.
fn want(next: &mut BTreeMap<String, usize>, image: String, depth: usize) {
    let wanted = next.entry(image).or_default();
    *wanted = depth.max(*wanted);
}

/// What is to be found on an image, as the policies need it.
fn discovery(image: &str, needed: &Requirements, limits: &Limits) -> Result<Discovery, FetchFailure> {
    let malformed = |error: trust_core::ImageRefError| FetchFailure {
        location: image.to_owned(),
        kind: FailureKind::Malformed,
        problem: trust_core::Reasons(&error).to_string(),
    };
    let mut discovery = Discovery::new(image.parse().map_err(malformed)?, limits);
    for repository in needed.repositories.get(image).into_iter().flatten() {
        discovery = discovery.beside(repository.parse().map_err(malformed)?);
    }
    let is_base = !needed.images.iter().any(|one| one == image);
    let needs_documents = is_base || needed.documents.iter().any(|one| one == image);
    Ok(if needs_documents { discovery.with_documents() } else { discovery })
}

/// Asks and answers, until there is nothing to ask, or the deadline is past. Only so many questions are open at a time, so that a
/// request with many images leaves room for others. `fetched` are the bytes that the request has so far.
pub(crate) async fn drive(
    discoveries: &mut [Discovery],
    store: &dyn EvidenceStore,
    limits: &Limits,
    fetched: &mut u64,
    until: Deadline,
) {
    let mut late = Box::pin(until.passes());
    let (mut waiting, mut open) = (VecDeque::new(), FuturesUnordered::new());
    let ask = |index: usize, want| async move {
        let answer = store.fetch(&want, until).await;
        (index, want, answer)
    };
    let mut changed: BTreeSet<usize> = (0..discoveries.len()).collect();
    while !until.is_past() {
        for index in core::mem::take(&mut changed) {
            let wants = discoveries.get_mut(index).map(Discovery::wants);
            waiting.extend(wants.into_iter().flatten().map(|want| (index, want)));
        }
        while open.len() < WIDTH
            && let Some((index, want)) = waiting.pop_front()
        {
            open.push(ask(index, want));
        }
        let Either::Left((Some(first), _)) = future::select(open.next(), &mut late).await else { return };
        // All that is answered by now: what is wanted next is found out once.
        let mut next = Some(first);
        while let Some((index, want, mut answer)) = next {
            if let Ok(Found::Bytes(bytes)) = &answer {
                *fetched += bytes.len() as u64;
            }
            if *fetched > limits.request_len {
                let (what, limit) = ("the request".to_owned(), limits.request_len);
                answer = Err(StoreError::TooLarge { what, found: *fetched, unit: "bytes", limit });
            }
            if let Some(discovery) = discoveries.get_mut(index) {
                discovery.answer(&want, answer);
                changed.insert(index);
            }
            next = open.next().now_or_never().flatten();
        }
    }
}

/// Fetches the index and the manifests of an image, and says by which digests it may run. `image` names the digest.
///
/// # Errors
/// If one cannot be fetched, read or believed, or the reference names no digest.
pub async fn collect_family(
    store: &dyn EvidenceStore,
    image: &ImageRef,
    until: Deadline,
) -> Result<ImageFamily, FetchFailure> {
    let failure = |kind, problem| FetchFailure { location: image.written().to_owned(), kind, problem };
    let digest = image.digest().ok_or_else(|| {
        failure(FailureKind::Malformed, "found no digest, expected `repository@digest`".to_owned())
    })?;
    let mut documents = BTreeMap::new();
    // The index, and then the manifests in it.
    for _ in 0..2 {
        let missing = ImageFamily::missing(digest, &documents);
        for one in missing.map_err(|problem| failure(FailureKind::Malformed, problem))? {
            let want = Want::new(image.clone(), Item::Manifest(one.clone()));
            let late = async {
                until.passes().await;
                Err(StoreError::TimedOut { what: want.what() })
            };
            let answer = future::select(store.fetch(&want, until), Box::pin(late)).await.factor_first().0;
            let text = match answer.map_err(|error| error.into_failure(image.written()))? {
                Found::Bytes(bytes) => String::from_utf8(bytes).ok(),
                _ => return Err(StoreError::NotFound { what: want.what() }.into_failure(image.written())),
            };
            let not_text = || failure(FailureKind::Malformed, format!("{} is not a text", want.what()));
            documents.insert(one.to_string(), text.ok_or_else(not_text)?);
        }
    }
    ImageFamily::of(digest, &documents).map_err(|problem| failure(FailureKind::Malformed, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_is_wanted_twice_has_the_bases_of_both() {
        let mut next = BTreeMap::new();
        for depth in [0, 2, 1] {
            want(&mut next, "a".to_owned(), depth);
        }
        assert_eq!(next, BTreeMap::from([("a".to_owned(), 2)]));
    }
}
