//! `imageExtractors`: where images stand in other kinds than pods and their controllers
//! ([custom resources](https://kyverno.io/docs/policy-types/cluster-policy/verify-images/sigstore/#verifying-images-in-a-custom-resource)).

use crate::language::reader::{At, PolicyError};
use crate::policy::policy_set::ImageExtractor;

pub(super) fn read(at: &At<'_>) -> Result<Vec<ImageExtractor>, PolicyError> {
    let mut extractors = Vec::new();
    for (kind, list) in at.fields()?.all() {
        for one in list.list()? {
            extractors.push(extractor(kind, &one)?);
        }
    }
    Ok(extractors)
}

fn extractor(kind: &str, at: &At<'_>) -> Result<ImageExtractor, PolicyError> {
    let mut fields = at.fields()?;
    let written = fields.require("path", "the way to the images, such as `/spec/steps/*/image`")?;
    let Some(path) = written.text()?.strip_prefix('/') else {
        return Err(written.wrong("a path that begins with `/`"));
    };
    let mut path: Vec<String> = path.trim_end_matches('/').split('/').map(str::to_owned).collect();
    let value = fields.get("value").map(|at| at.text()).transpose()?.map(str::to_owned);
    let key = fields.get("key").map(|at| at.text()).transpose()?.map(str::to_owned);
    let transform = fields.get("jmesPath").map(|at| at.expression()).transpose()?;
    // What the images are called in expressions.
    fields.ignore("name");
    fields.finish()?;
    // Without `value`, the last part of the path is the field that is the image.
    let value = match value {
        Some(value) => Some(value),
        None => path.pop_if(|last| last != "*"),
    };
    Ok(ImageExtractor { kind: kind.to_owned(), path, value, key, transform })
}
