//! Images that a rule does not judge until a time.

use trust_core::Digest;

use crate::evaluate::Evaluation;
use crate::kubernetes::resource::ContainerImage;
use crate::policy::image_rule::{ImageException, ImageRule};
use crate::verdict::{Explanation, GrantedException};

impl Evaluation<'_> {
    /// That a rule does not judge an image for now; or the exceptions for it that have ended.
    pub(super) fn exceptions(
        &self,
        rule: &ImageRule,
        image: &ContainerImage,
        digest: Option<&Digest>,
    ) -> Result<Explanation, Vec<Explanation>> {
        let is_meant = |one: &&ImageException| {
            image.is_selected(&one.images, &[]) || digest.is_some_and(|digest| one.digests.contains(digest))
        };
        let mut expired = Vec::new();
        for one in rule.exceptions.iter().filter(is_meant) {
            let ImageException { path, reason, owner, expires, .. } = one;
            if *expires <= self.now {
                let message = format!("ended at {expires}: {reason} ({owner})");
                expired.push(Explanation::skip(path, message));
                continue;
            }
            let message = format!("is not judged until {expires}: {reason} ({owner})");
            let granted = GrantedException {
                name: path.clone(),
                reason: Some(reason.clone()),
                owner: Some(owner.clone()),
                expires: Some(*expires),
            };
            return Ok(Explanation::skip("exception", message)
                .about(image, digest)
                .until(*expires)
                .excepted(granted));
        }
        Err(expired)
    }
}
