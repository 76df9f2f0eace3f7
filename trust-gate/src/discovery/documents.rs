//! What an image says about itself: its index, and manifest and configuration of each platform.

use std::collections::BTreeSet;

use trust_core::Digest;
use trust_policy::Artifact;

use crate::discovery::answer::{Answer, Body, Layer, MAX_ENTRIES, ReadManifest, Use};
use crate::discovery::walk::{Budget, Walk};
use crate::store::{Item, MAX_MANIFEST_LEN, StoreError};

impl<'a> Walk<'a> {
    pub(super) fn documents(&mut self, image: &Digest) -> Result<(), StoreError> {
        let mut budget = Budget::default();
        let read = self.document(image, &mut budget)?;
        let Body::Index { entries, count } = &read.body else { return self.configuration(read, &mut budget) };
        if *count > MAX_ENTRIES {
            let (found, limit) = (*count as u64, MAX_ENTRIES as u64);
            let what = format!("index {image}");
            return Err(StoreError::TooLarge { what, found, unit: "entries", limit });
        }
        let platforms: BTreeSet<_> =
            entries.iter().map(|entry| entry.digest.clone()).collect::<Result<_, _>>()?;
        // All are asked before the first that failed is named.
        let mut outcome = Ok(());
        for digest in platforms.iter().filter(|digest| *digest != image) {
            let platform = self.document(digest, &mut budget);
            outcome = outcome.and(platform.and_then(|read| self.configuration(read, &mut budget)));
        }
        outcome
    }

    /// A manifest or index, as text.
    fn document(&mut self, digest: &Digest, budget: &mut Budget) -> Result<&'a ReadManifest, StoreError> {
        let what = format!("manifest {digest}");
        match self.ask_within(Item::Manifest(digest.clone()), MAX_MANIFEST_LEN, budget) {
            None => Err(StoreError::TimedOut { what }),
            Some(Answer::Manifest(read)) => {
                self.keep(digest, read.text.as_deref().unwrap_or_default(), budget)?;
                Ok(read)
            }
            Some(Answer::Failed(error)) => Err(error.clone()),
            Some(_) => Err(StoreError::NotFound { what }),
        }
    }

    /// The configuration of one platform. An index in an index is not an image.
    fn configuration(&mut self, platform: &ReadManifest, budget: &mut Budget) -> Result<(), StoreError> {
        let Body::Image { config, layers, .. } = &platform.body else { return Ok(()) };
        self.statements(&platform.digest, layers);
        let (config, size) = config.clone()?;
        let what = format!("blob {config}");
        if size > MAX_MANIFEST_LEN {
            return Err(StoreError::TooLarge { what, found: size, unit: "bytes", limit: MAX_MANIFEST_LEN });
        }
        match self.ask_within(Item::Blob { digest: config.clone(), size }, size, budget) {
            None => Err(StoreError::TimedOut { what }),
            Some(Answer::Blob(content)) => match core::str::from_utf8(content) {
                Ok(text) => self.keep(&config, text, budget),
                Err(error) => Err(StoreError::Malformed { what, problem: error.to_string() }),
            },
            Some(Answer::Failed(error)) => Err(error.clone()),
            Some(_) => Err(StoreError::NotFound { what }),
        }
    }

    fn ask_within(&mut self, item: Item, len: u64, budget: &mut Budget) -> Option<&'a Answer> {
        if !budget.has_room(self.discovery.limits.total_len) {
            self.open += 1;
            return None;
        }
        let answer = self.ask(0, item);
        if answer.is_none() {
            budget.reserved += len;
        }
        answer
    }

    fn keep(&mut self, digest: &Digest, text: &str, budget: &mut Budget) -> Result<(), StoreError> {
        let limit = self.discovery.limits.total_len;
        // One blob may be the configuration of several platforms.
        if self.documents.contains_key(&digest.to_string()) {
            return Ok(());
        }
        budget.used += text.len() as u64;
        if budget.used > limit {
            let what = "what the image says about itself".to_owned();
            return Err(StoreError::TooLarge { what, found: budget.used, unit: "bytes", limit });
        }
        let text = if self.is_last { text.to_owned() } else { String::new() };
        self.documents.insert(digest.to_string(), text);
        Ok(())
    }

    /// What BuildKit put beside a platform: it has no signature, so what cannot be fetched is passed over.
    fn statements(&mut self, digest: &Digest, layers: &[Layer]) {
        for layer in layers.iter().filter(|layer| layer.use_ == Use::Statement) {
            if self.found.unverified.len() >= self.discovery.limits.artifacts {
                return;
            }
            let mut used = self.found.unverified.iter().map(|one| one.content.len() as u64).sum();
            if let Some(Ok(content)) = self.layer(0, layer, &mut used) {
                self.found.unverified.push(Artifact {
                    location: format!("manifest {digest}, layer {}", layer.index),
                    media_type: layer.media_type.clone(),
                    annotations: layer.annotations.clone(),
                    content,
                });
            }
        }
    }
}
