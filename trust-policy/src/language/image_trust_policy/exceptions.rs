//! `exceptions`: images that are not judged until a time.

use trust_core::Digest;

use super::{date, references};
use crate::language::reader::{At, PolicyError};
use crate::policy::image_rule::ImageException;

pub(super) fn read(at: &At<'_>) -> Result<ImageException, PolicyError> {
    let mut fields = at.fields()?;
    let images = references(&mut fields, "images")?;
    let digests = fields.get("digests").map(|at| at.some()).transpose()?.unwrap_or_default();
    let mut said = |name, expected| -> Result<String, PolicyError> {
        let at = fields.require(name, expected)?;
        match at.text()?.trim() {
            "" => Err(at.wrong("text that is not empty")),
            text => Ok(text.to_owned()),
        }
    };
    let (reason, owner) = (said("reason", "why they are not judged")?, said("owner", "who answers for it")?);
    let expires = date(&fields.require("expires", "until when, such as `2027-01-31`")?)?;
    fields.finish()?;
    if images.is_empty() && digests.is_empty() {
        return Err(at.wrong("at least one of `images` and `digests`"));
    }
    let digest = |at: &At<'_>| -> Result<Digest, PolicyError> {
        at.text()?.parse().map_err(|error| at.wrong(format!("a digest such as `sha256:…`: {error}")))
    };
    Ok(ImageException {
        path: at.path().to_owned(),
        images,
        digests: digests.iter().map(digest).collect::<Result<_, _>>()?,
        ..ImageException::new(reason, owner, expires)
    })
}
