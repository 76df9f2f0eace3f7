//! Images that a rule does not judge until a time.

use trust_core::{Digest, UnixTime};

use crate::kubernetes::resource::ContainerImage;
use crate::policy::image_rule::{ImageException, ImageRule};
use crate::verdict::{Explanation, GrantedException};

/// That a rule does not judge an image for now, and whether its digest is the reason; or the exceptions for it that have ended.
pub(super) fn of(
    rule: &ImageRule,
    image: &ContainerImage,
    digest: Option<&Digest>,
    names_digest: bool,
    now: UnixTime,
) -> Result<(Explanation, bool), Vec<Explanation>> {
    let mut expired = Vec::new();
    for one in &rule.exceptions {
        let ImageException { path, images, digests, reason, owner, expires } = one;
        // An image that cannot be read is not excepted by its name.
        let by_name =
            image.forms().is_some_and(|forms| images.iter().any(|pattern| pattern.passes_over(forms)));
        // What a tag stands for changes, unless the rule pins it.
        let is_fixed = names_digest || rule.pins_digest;
        let by_digest = is_fixed && digest.is_some_and(|digest| digests.contains(digest));
        if !(by_name || by_digest) {
            continue;
        }
        if *expires <= now {
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
        let excepted =
            Explanation::skip("exception", message).about(image, digest).until(*expires).excepted(granted);
        return Ok((excepted, !by_name));
    }
    Err(expired)
}
