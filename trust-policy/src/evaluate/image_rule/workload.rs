//! What an image's configuration and the workload around it must be.

use serde_json::{Value, json};
use trust_core::Digest;

use crate::evaluate::Evaluation;
use crate::evaluate::image_content::platforms;
use crate::evaluate::signers::differing;
use crate::policy::image_rule::WorkloadRequirement;
use crate::policy::shape::Shape;
use crate::verdict::Explanation;

impl Evaluation<'_> {
    pub(super) fn workload(&self, requirement: &WorkloadRequirement, image: &Digest) -> Explanation {
        let mut causes = Vec::new();
        if !requirement.object.is_empty() {
            let (object, id) = (self.request.resource.object(), self.request.resource.id());
            let whole = json!({
                "spec": object.get("spec").unwrap_or(&Value::Null),
                "metadata": object.get("metadata").unwrap_or(&Value::Null),
                "typemeta": {"kind": id.kind, "apiVersion": id.api_version},
            });
            causes.extend(differing(&Shape::Fields(requirement.object.clone()), "", &whole));
        }
        if !requirement.platforms.is_empty() {
            match platforms(image, self.evidence) {
                Ok(contents) => {
                    for content in contents {
                        let platform = content.platform();
                        let meant = requirement.platforms.iter().filter(|(name, _)| {
                            // What is said of an architecture is said of its variants.
                            platform
                                .strip_prefix(name.as_str())
                                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                        });
                        let (config, path) = (content.config_json(), format!("config.{platform}"));
                        causes.extend(meant.flat_map(|(_, shape)| differing(shape, &path, &config)));
                    }
                }
                Err((code, problem)) => causes.push(Explanation::fail("config", code, problem)),
            }
        }
        Explanation::all(&requirement.path, causes)
    }
}
