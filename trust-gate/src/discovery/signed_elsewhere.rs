//! Which other manifests of an image that has no signatures have some: what a user may have signed instead.

use trust_core::Digest;

use crate::discovery::answer::{Answer, Body, ReadManifest};
use crate::discovery::walk::{Walk, base_tag};
use crate::store::Item;

/// Platforms that are asked for signatures where the index has none, to say so.
const MAX_NOTED_PLATFORMS: usize = 4;

impl Walk<'_> {
    /// In words. Nothing is concluded from it, so what cannot be fetched is passed over.
    pub(super) fn signed_elsewhere(&mut self, image: &Digest) -> Vec<String> {
        let platforms = |answer: Option<&Answer>| match answer {
            Some(Answer::Manifest(ReadManifest { body: Body::Index { entries, .. }, .. })) => {
                let platforms = entries.iter().filter(|entry| !entry.is_attestation);
                platforms.filter_map(|entry| entry.digest.clone().ok()).collect()
            }
            _ => Vec::new(),
        };
        let mut notes = Vec::new();
        let own: Vec<Digest> = platforms(self.ask(0, Item::Manifest(image.clone())));
        let asked = own.len().min(MAX_NOTED_PLATFORMS);
        let signed = own.iter().take(asked).filter(|one| self.is_signed(one)).count();
        if signed > 0 {
            let of = if asked < own.len() { format!("the first {asked}") } else { asked.to_string() };
            notes.push(format!(
                "it is an index without signatures, {signed} of {of} of its platforms have some"
            ));
        }
        // A tag beside the digest may name the index that lists it.
        let reference = &self.discovery.image;
        if let Some(tag) = reference.tag().filter(|_| reference.digest().is_some())
            && let answer @ Some(Answer::Manifest(read)) = self.ask(0, Item::Tag(tag.to_owned()))
            && read.digest != *image
            && platforms(answer).contains(image)
            && self.is_signed(&read.digest)
        {
            notes.push(format!("it has no signatures, but the index {} that lists it has some", read.digest));
        }
        notes
    }

    fn is_signed(&mut self, image: &Digest) -> bool {
        let base = base_tag(image);
        let tags = [format!("{base}.sig"), format!("{base}.att"), base];
        // All are asked at once.
        let tagged: Vec<bool> = tags
            .into_iter()
            .map(|tag| matches!(self.ask(0, Item::Tag(tag)), Some(Answer::Manifest(read)) if read.digest != *image))
            .collect();
        let referrers = self.ask(0, Item::Referrers(image.clone()));
        tagged.contains(&true) || matches!(referrers, Some(Answer::Referrers(some)) if !some.is_empty())
    }
}
