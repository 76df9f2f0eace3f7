//! [`WorkloadRecord`]: what is kept of a workload, so that nothing is lost when the program that follows it starts again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use trust_core::{Digest, ImageRef, UnixTime};

use crate::drift::finding::Finding;
use crate::kubernetes::request::{Before, Request};
use crate::kubernetes::resource::{ContainerImage, ResourceId};
use crate::verdict::{Decision, Outcome, Verdict};

/// What is kept of a workload: with what it was admitted, what is wrong with it, and what it ran when it was judged last.
///
/// It is believed, so keep it where only the webhook and the watch write. Annotations of Pods are no such place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WorkloadRecord {
    /// The workload.
    pub workload: ResourceId,
    /// With what it was admitted, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admissions: Vec<Admission>,
    /// What is wrong with it, and what was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What it runs, as of when it was judged last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<RunningRow>,
    /// Of what guards the cluster: how it is to be, field by field.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub baseline: BTreeMap<String, String>,
}

/// That a workload was admitted, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Admission {
    /// Its images.
    pub images: Vec<AdmittedImage>,
    /// Rules that held or did not apply, as `policy/rule`.
    pub passed: Vec<String>,
    /// Rules that were violated and did not deny.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// The policies by which it was judged ([`Inventory::policies_changed`](crate::Inventory::policies_changed)).
    pub policies: Digest,
    /// The trust root, likewise.
    pub trust: Digest,
    /// When.
    pub time: UnixTime,
}

/// An image with which a workload was admitted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AdmittedImage {
    /// The container.
    pub container: String,
    /// The image as written.
    pub image: String,
    /// What was verified, or what the image names itself; `None` if no rule asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// A container of a workload: what it runs, with what provenance, covered by which policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct RunningRow {
    /// The container.
    pub container: String,
    /// The image as written.
    pub image: String,
    /// What was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What its node says: the running digest, or why there is none.
    pub running: String,
    /// Rules that judged it and hold, as `policy/rule`.
    pub passed: Vec<String>,
    /// Rules that it violates.
    pub failed: Vec<String>,
    /// Who signed it or attested something about it, whatever came of that.
    pub signers: Vec<String>,
    /// The source repositories that certificates of the signers name.
    pub sources: Vec<String>,
}

impl WorkloadRecord {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(workload: ResourceId) -> Self {
        Self {
            workload,
            admissions: Vec::new(),
            findings: Vec::new(),
            images: Vec::new(),
            baseline: BTreeMap::new(),
        }
    }

    /// When something was last known of it.
    pub(super) fn latest(&self) -> Option<UnixTime> {
        let admitted = self.admissions.iter().map(|one| one.time);
        admitted.chain(self.findings.iter().map(|one| one.changed)).max()
    }

    /// Takes an admission. Of the same images and the same judgement only the newest is kept; whether that changes more than a time.
    pub(super) fn admit(&mut self, admission: Admission) -> bool {
        let is_same = |one: &Admission| {
            (&one.images, &one.policies, &one.trust, &one.failed)
                == (&admission.images, &admission.policies, &admission.trust, &admission.failed)
        };
        let known = self.admissions.iter().position(is_same);
        if known.and_then(|known| self.admissions.get(known)).is_some_and(|one| one.time >= admission.time) {
            return false;
        }
        let is_last = known.is_some_and(|known| known + 1 == self.admissions.len());
        known.map(|known| self.admissions.remove(known));
        let at = self.admissions.partition_point(|one| one.time <= admission.time);
        self.admissions.insert(at, admission);
        !is_last
    }
}

impl Admission {
    /// What is to be kept of a verdict; `None` if it denies, or if no image comes of it: an update admits the images that it changes.
    #[must_use]
    pub fn of(
        request: &Request,
        verdict: &Verdict,
        policies: &Digest,
        trust: &Digest,
        now: UnixTime,
    ) -> Option<Self> {
        if verdict.decision == Decision::Deny || !request.starts_images() {
            return None;
        }
        // What an update leaves as it was is not judged as strictly: that it may stay does not say that it was ever admitted.
        let before = Before::of(request);
        let image = |one: &ContainerImage| {
            let verified = verdict.images.iter().find(|verified| verified.image == one.image);
            AdmittedImage {
                container: one.container.clone(),
                image: one.image.clone(),
                digest: verified.map(|verified| verified.digest.clone()).or_else(|| own_digest(&one.image)),
            }
        };
        let images: BTreeSet<_> =
            request.resource.images().iter().filter(|one| !before.has(one)).map(image).collect();
        let rules = |is_failed: bool| {
            let rules = verdict.rules.iter().filter(move |rule| (rule.outcome == Outcome::Fail) == is_failed);
            rules.map(|rule| format!("{}/{}", rule.policy, rule.rule)).collect()
        };
        (!images.is_empty()).then(|| Self {
            images: images.into_iter().collect(),
            passed: rules(false),
            failed: rules(true),
            policies: policies.clone(),
            trust: trust.clone(),
            time: now,
        })
    }

    /// What was admitted for a container, if its image was: as it was written, or pinned to what was verified.
    pub(super) fn image(&self, container: &str, image: &str) -> Option<&AdmittedImage> {
        self.images.iter().find(|one| {
            one.container == container
                && (one.image == image
                    || one.digest.is_some()
                        && one.digest == own_digest(image)
                        && repository(&one.image) == repository(image))
        })
    }
}

/// The digest that an image names itself.
pub(super) fn own_digest(image: &str) -> Option<Digest> {
    image.parse::<ImageRef>().ok()?.digest().cloned()
}

/// The registry and repository of an image, in one form.
pub(super) fn repository(image: &str) -> Option<String> {
    Some(image.parse::<ImageRef>().ok()?.name())
}
