//! Kyverno's image references.

use trust_core::ImageRef;

use super::{Arguments, Function, global, member};
use crate::cel::value::{Failure, Value, failed};

pub(super) const FUNCTIONS: [Function; 9] = [
    global("image", 1, parse),
    global("parseImageReference", 1, parse),
    global("isImage", 1, |a| Ok(Value::Bool(a.text(0)?.parse::<ImageRef>().is_ok()))),
    member("containsDigest", 1, |a| Ok(Value::Bool(image(a)?.digest().is_some()))),
    member("registry", 1, |a| Ok(hub(image(a)?.registry()).to_owned().into())),
    member("repository", 1, |a| Ok(image(a)?.repository().to_owned().into())),
    member("tag", 1, |a| Ok(tag(image(a)?).unwrap_or_default().to_owned().into())),
    member("digest", 1, |a| {
        let digest = image(a)?.digest().map(ToString::to_string);
        Ok(digest.unwrap_or_default().into())
    }),
    member("identifier", 1, |a| {
        let image = image(a)?;
        let digest = image.digest().map(ToString::to_string);
        Ok(digest.unwrap_or_else(|| tag(image).unwrap_or_default().to_owned()).into())
    }),
];

fn parse<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    match a.text(0)?.parse::<ImageRef>() {
        Ok(image) => Ok(Value::Image(image.into())),
        Err(error) => failed(error.to_string()),
    }
}

fn image<'v>(a: &Arguments<'v, '_>) -> Result<&'v ImageRef, Failure> {
    match a.get(0) {
        Value::Image(image) => Ok(image),
        _ => a.wrong(0, "an image, as `image(...)` makes it"),
    }
}

/// The registry by the name that it has in Kyverno's library: Docker Hub has another one there.
pub(crate) fn hub(registry: &str) -> &str {
    if registry == "docker.io" { "index.docker.io" } else { registry }
}

/// The tag, which is `latest` where there is neither a tag nor a digest.
fn tag(image: &ImageRef) -> Option<&str> {
    image.tag().or_else(|| image.digest().is_none().then_some("latest"))
}
