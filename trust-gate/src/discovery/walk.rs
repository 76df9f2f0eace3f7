//! [`Walk`]: one way through all answers, which says what was found and what is still to be asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use trust_core::Digest;
use trust_policy::{FetchFailure, ImageEvidence};

use crate::discovery::Discovery;
use crate::discovery::answer::{Answer, Layer};
use crate::store::{Item, StoreError};

/// Bytes of layers that are asked for while it is not known yet whether other layers come before them.
const MAX_EAGER_LEN: u64 = 16 << 20;

/// One way through the answers: what they say so far, and what they do not say.
pub(super) struct Walk<'a> {
    pub(super) discovery: &'a Discovery,
    /// Whether content is wanted, and not only what is still to be asked.
    pub(super) is_last: bool,
    /// What was not asked yet.
    pub(super) wants: Vec<(usize, Item)>,
    /// How many answers were missed so far.
    pub(super) open: usize,
    pub(super) eager_len: u64,
    pub(super) found: ImageEvidence,
    pub(super) documents: BTreeMap<String, String>,
}

impl<'a> Walk<'a> {
    /// The answer, or `None` if there is none yet.
    pub(super) fn ask(&mut self, place: usize, item: Item) -> Option<&'a Answer> {
        let answer = self.discovery.answers.get(&(place, item.clone()));
        if answer.is_none() {
            self.wants.push((place, item));
        }
        let answer = answer.and_then(Option::as_ref);
        self.open += usize::from(answer.is_none());
        answer
    }

    /// The content of a layer; `None` if it is not there yet. `used` are the bytes of all layers before it.
    pub(super) fn layer(
        &mut self,
        index: usize,
        layer: &Layer,
        used: &mut u64,
    ) -> Option<Result<Arc<[u8]>, StoreError>> {
        let digest = match &layer.digest {
            Ok(digest) => digest,
            Err(error) => return Some(Err(error.clone())),
        };
        let limits = &self.discovery.limits;
        let limit = limits.layer_len.min(limits.total_len.saturating_sub(*used));
        if layer.size > limit {
            let what = format!("blob {digest}");
            return Some(Err(StoreError::TooLarge { what, found: layer.size, unit: "bytes", limit }));
        }
        *used += layer.size;
        if let Some(data) = &layer.data {
            return Some(data.clone());
        }
        let item = Item::Blob { digest: digest.clone(), size: layer.size };
        // While something before it is open, others may come before it that leave it no room.
        if self.open > 0 && !self.discovery.answers.contains_key(&(index, item.clone())) {
            if self.eager_len + layer.size > MAX_EAGER_LEN {
                self.open += 1;
                return None;
            }
            self.eager_len += layer.size;
        }
        match self.ask(index, item)? {
            Answer::Blob(content) => Some(Ok(content.clone())),
            Answer::Failed(error) => Some(Err(error.clone())),
            _ => Some(Err(StoreError::NotFound { what: format!("blob {digest}") })),
        }
    }
}

/// Bytes of what was answered, and what the open answers may have.
#[derive(Default)]
pub(super) struct Budget {
    pub(super) used: u64,
    pub(super) reserved: u64,
}

impl Budget {
    /// Whether one more may be asked for.
    pub(super) fn has_room(&self, limit: u64) -> bool {
        self.used + self.reserved <= limit
    }
}

/// The tag of a manifest's referrers, on which cosign's tags are built.
pub(super) fn base_tag(image: &Digest) -> String {
    format!("{}-{}", image.algorithm(), image.to_hex())
}

pub(super) fn late(location: &str) -> FetchFailure {
    let what = "it".to_owned();
    StoreError::TimedOut { what }.into_failure(location)
}
