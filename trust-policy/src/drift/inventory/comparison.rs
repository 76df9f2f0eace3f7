//! [`Comparison`]: what runs, beside what was admitted.

use trust_core::{Digest, ImageRef, UnixTime};

use crate::drift::finding::{About, FindingKind, Source};
use crate::drift::inventory::known::Known;
use crate::drift::inventory::shared::{Candidate, Found, Needs, Pin, Shared};
use crate::drift::record::{Admission, AdmittedImage, own_digest, repository};
use crate::drift::running_image::RunningImage;
use crate::drift::workload::RunningContainer;
use crate::verdict::reason::Mismatch;

/// Compares what the Pods of one shape run with what was admitted.
pub(super) struct Comparison<'a> {
    pub(super) shared: &'a Shared,
    pub(super) admissions: &'a [Admission],
    /// When the first of the Pods was seen.
    pub(super) since: UnixTime,
    pub(super) now: UnixTime,
}

impl Comparison<'_> {
    /// Finds what is wrong with each container, and says by which digest each is to be judged.
    pub(super) fn pins(
        &self,
        containers: &[RunningContainer],
        found: &mut Found,
        needs: &mut Needs,
    ) -> Vec<Pin> {
        let mut pins = Vec::new();
        for container in containers {
            let admissions = self.admissions.iter().rev();
            let admitted: Vec<&AdmittedImage> =
                admissions.filter_map(|one| one.image(&container.name, &container.image)).collect();
            if admitted.is_empty() {
                self.bypassed(container, found, needs);
            }
            let mut expected: Vec<Digest> = own_digest(&container.image).into_iter().collect();
            if expected.is_empty() {
                expected.extend(admitted.iter().filter_map(|one| one.digest.clone()));
                expected.dedup();
            }
            let digest = self.running(container, &expected, found, needs);
            self.tag(container, &expected, found, needs);
            pins.extend(digest.map(|digest| Pin {
                kind: container.kind,
                container: container.name.clone(),
                image: pinned(&container.image, &digest),
                digest,
            }));
        }
        pins
    }

    /// It runs, and no verdict is on record: unless one may come yet.
    fn bypassed(&self, container: &RunningContainer, found: &mut Found, needs: &mut Needs) {
        let until = self.since.plus_millis(self.shared.settings.admission_grace_millis);
        let is_pending = self.now < until;
        if is_pending {
            needs.at(until);
        }
        let message = "runs, and no verdict on it is on record".to_owned();
        let about = about(container, None, message);
        found.candidates.push(Candidate { kind: FindingKind::AdmissionBypassed, about, is_pending });
    }

    /// Compares what a node says with what is expected, and says by which digest it is to be judged: what was admitted, if what runs is
    /// a part of it, and otherwise what runs.
    fn running(
        &self,
        container: &RunningContainer,
        expected: &[Digest],
        found: &mut Found,
        needs: &mut Needs,
    ) -> Option<Digest> {
        let first = expected.first().cloned();
        let (digest, from) = match &container.running {
            RunningImage::NotStarted => return first,
            RunningImage::Unreadable(text) => {
                let message = format!("its node says that `{text}` runs, which names no digest");
                found.add(FindingKind::Unknown, about(container, None, message));
                return first;
            }
            RunningImage::Digest { digest, repository } => (digest, repository),
        };
        let place = repository(&container.image);
        let is_same_place = place.is_some() && from.as_deref().and_then(repository) == place;
        let Some(first) = first else {
            if !is_same_place {
                let message =
                    format!("what `{}` is cannot be known: it names no repository", container.running);
                let about = about(container, Some(digest), message);
                found.candidates.push(Candidate { kind: FindingKind::Unknown, about, is_pending: false });
            }
            return is_same_place.then(|| digest.clone());
        };
        if let Some(same) = expected.iter().find(|one| *one == digest) {
            return Some(same.clone());
        }
        let (mut failures, mut is_known) = (Vec::new(), true);
        for one in expected {
            let Some(image) = place.as_ref().map(|place| format!("{place}@{one}")) else { continue };
            match self.shared.families.get(&image).and_then(Known::value) {
                Some(Ok(family)) if family.has(digest) => return Some(one.clone()),
                Some(Ok(_)) => {}
                Some(Err(failure)) => failures.push(failure.to_string()),
                None => is_known = false,
            }
            needs.families.insert(image);
        }
        if !is_known || !failures.is_empty() {
            found.unsettled.insert(Source::Family);
            if is_known {
                let problems = failures.join("; ");
                let message = format!(
                    "whether `{}` is what was admitted cannot be known: {problems}",
                    container.running
                );
                found.add(FindingKind::Unknown, about(container, Some(digest), message));
            }
            return Some(first);
        }
        let names = expected.iter().map(ToString::to_string);
        let mismatch = Mismatch::new(Some(container.running.to_string()), names);
        let message = format!("what its node runs is not `{first}`, nor a part of it: {mismatch}");
        let about = About { mismatches: vec![mismatch], ..about(container, Some(digest), message) };
        found.add(FindingKind::RunningDigestMismatch, about);
        Some(if is_same_place { digest.clone() } else { first })
    }

    /// Whether the tag still stands for what was admitted.
    fn tag(&self, container: &RunningContainer, expected: &[Digest], found: &mut Found, needs: &mut Needs) {
        let Some(tagged) = tagged(&container.image) else { return };
        match (self.shared.tags.get(&tagged).and_then(Known::value), expected.first()) {
            (Some(Ok(now)), Some(first)) if !expected.contains(now) => {
                let mismatch = Mismatch::new(Some(now.to_string()), [first]);
                let message = format!("`{tagged}` stands for another image now: {mismatch}");
                let about = About { mismatches: vec![mismatch], ..about(container, Some(first), message) };
                found.add(FindingKind::TagMoved, about);
            }
            (Some(Ok(_)), _) => {}
            (Some(Err(_)) | None, _) => {
                found.unsettled.insert(Source::Tag);
            }
        }
        needs.tags.insert(tagged);
    }
}

fn about(container: &RunningContainer, digest: Option<&Digest>, message: String) -> About {
    About {
        container: Some(container.name.clone()),
        image: Some(container.image.clone()),
        digest: digest.cloned(),
        message,
        ..About::default()
    }
}

/// The image without its digest, if it has a tag or stands for the default one.
fn tagged(image: &str) -> Option<String> {
    let reference: ImageRef = image.parse().ok()?;
    let tag = reference.tag();
    (tag.is_some() || reference.digest().is_none())
        .then(|| format!("{}:{}", reference.name(), tag.unwrap_or("latest")))
}

/// The image as written, with a digest in place of its own, if it has one.
fn pinned(image: &str, digest: &Digest) -> String {
    let name = image.split('@').next().unwrap_or(image);
    format!("{name}@{digest}")
}
