//! What all workloads share, and what one of them needs.

use std::collections::{BTreeMap, BTreeSet};

use trust_core::{Digest, UnixTime};

use crate::drift::finding::{About, FindingKind, Source};
use crate::drift::image_family::ImageFamily;
use crate::drift::inventory::known::Known;
use crate::drift::inventory::{InventorySettings, Key};
use crate::kubernetes::resource::ContainerKind;

/// What all workloads share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) cluster: String,
    pub(super) settings: InventorySettings,
    pub(super) policies: Digest,
    pub(super) trust: Digest,
    /// Grows with each change of policies or trust.
    pub(super) generation: u64,
    /// Whether every Pod of the cluster was seen.
    pub(super) is_synced: bool,
    /// By `repository@digest`: what one repository does not have, another may.
    pub(super) families: BTreeMap<String, Known<ImageFamily>>,
    pub(super) tags: BTreeMap<String, Known<Digest>>,
}

/// An image of a judgement, as it is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    pub(super) kind: ContainerKind,
    pub(super) container: String,
    pub(super) image: String,
    pub(super) digest: Digest,
}

/// What an owner needs, and when it is to be looked at again.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Judgements, and whether evidence must be fetched anew.
    pub(super) judgements: Vec<(Key, bool)>,
    /// Images whose families are needed, as `repository@digest`.
    pub(super) families: BTreeSet<String>,
    /// Images whose tags are to be resolved.
    pub(super) tags: BTreeSet<String>,
    next: Option<UnixTime>,
}

impl Needs {
    pub(super) fn at(&mut self, time: UnixTime) {
        self.next = Some(self.next.map_or(time, |next| next.min(time)));
    }

    pub(super) fn next(&self) -> Option<UnixTime> {
        self.next
    }
}

/// What is found to be wrong.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) kind: FindingKind,
    pub(super) about: About,
    /// It may still turn out otherwise, so it opens nothing; but nothing shows that it is mended.
    pub(super) is_pending: bool,
}

/// All that is found to be wrong with a workload, and what is not known, so that nothing shows that it is mended.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    pub(super) unsettled: BTreeSet<Source>,
}

impl Found {
    pub(super) fn add(&mut self, kind: FindingKind, about: About) {
        self.candidates.push(Candidate { kind, about, is_pending: false });
    }
}
