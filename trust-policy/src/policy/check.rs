//! [`Check`]: an embedder's own requirement, which no policy language can express.

use core::fmt;
use std::sync::Arc;

use serde_json::Value;
use trust_core::{PinnedImage, UnixTime};

use crate::kubernetes::image_pattern::ReferencePattern;
use crate::kubernetes::request::Request;
use crate::kubernetes::resource::ContainerImage;
use crate::policy::mode::{Mode, ModeRule};

/// One requirement on a request, or on each of its images.
///
/// An implementor promises two things. The same subject always gets the same answer, because verdicts are replayed. And what cannot
/// be determined is [unknown](CheckAnswer::Unknown), which denies.
///
/// ```
/// use std::sync::Arc;
/// use trust_policy::{Check, CheckAnswer, CheckRequirement, CheckSubject, Policy, PolicySet, ReferencePattern};
///
/// /// Every platform of the image has this label.
/// #[derive(Debug)]
/// struct Labelled(&'static str);
///
/// impl Check for Labelled {
///     fn name(&self) -> &str {
///         "label"
///     }
///     fn needs_image_configs(&self) -> bool {
///         true
///     }
///     fn judge(&self, subject: &CheckSubject<'_>) -> CheckAnswer {
///         let configs = match subject.image_configs() {
///             Ok(configs) => configs,
///             Err(reason) => return CheckAnswer::Unknown { reason },
///         };
///         match configs.iter().find(|one| one.label(self.0).is_none()) {
///             Some(one) => CheckAnswer::Violated {
///                 found: format!("no such label on {}", one.platform),
///                 expected: format!("the label `{}`", self.0),
///             },
///             None => CheckAnswer::Holds { message: format!("has the label `{}`", self.0) },
///         }
///     }
/// }
///
/// let ours = vec![ReferencePattern::by_segment("ghcr.io/acme/**")?];
/// let requirement = CheckRequirement::on_images(ours, Arc::new(Labelled("org.opencontainers.image.source")));
/// let policies = PolicySet::new(vec![Policy::checking("labels", requirement)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Check: fmt::Debug + Send + Sync {
    /// What it asks, in a word or two: it stands before its answer in verdicts.
    fn name(&self) -> &str;

    /// Whether it asks what images say about themselves: their manifests and configurations are fetched then.
    fn needs_image_configs(&self) -> bool {
        false
    }

    /// Judges one subject.
    fn judge(&self, subject: &CheckSubject<'_>) -> CheckAnswer;
}

/// What a check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckAnswer {
    /// It holds.
    Holds {
        /// What was found, for the verdict.
        message: String,
    },
    /// It does not hold: the image or the request is refused, with [`Condition`](crate::ReasonCode::Condition).
    Violated {
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// Whether it holds cannot be determined, which denies: if the check needs configurations that are not
    /// known, with the reason for that, such as [`NotFetched`](crate::ReasonCode::NotFetched); else with
    /// [`Unresolved`](crate::ReasonCode::Unresolved).
    Unknown {
        /// Why not.
        reason: String,
    },
}

/// What is judged.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckSubject<'a> {
    /// What is asked of the cluster.
    pub request: &'a Request,
    /// The image; `None` where the request is judged as a whole.
    pub image: Option<&'a PinnedImage>,
    /// When it is judged: the only clock that a check may read.
    pub now: UnixTime,
    pub(crate) configs: Result<Vec<ImageConfig>, String>,
}

impl CheckSubject<'_> {
    /// What the image says about itself, on each platform. The image's builder says so: it is worth what the signature is worth.
    ///
    /// # Errors
    /// If that is not known, or the check did not say that it [needs](Check::needs_image_configs) it.
    pub fn image_configs(&self) -> Result<&[ImageConfig], String> {
        self.configs.as_deref().map_err(Clone::clone)
    }
}

/// What an image says about itself on one platform
/// ([image configuration](https://github.com/opencontainers/image-spec/blob/v1.1.0/config.md)).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ImageConfig {
    /// The platform, such as `linux/amd64`; `image` if the image has one only.
    pub platform: String,
    /// The configuration as JSON, with the names of its own fields in lower case: runtimes read them in any case.
    pub json: Value,
}

impl ImageConfig {
    /// A label; `None` if it is absent or not a string.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.json.get("config")?.get("labels")?.get(name)?.as_str()
    }
}

/// What a check is asked about.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CheckSubjects {
    /// The request as a whole.
    Request,
    /// Each image that matches any of these patterns; every image if there are none.
    Images(Vec<ReferencePattern>),
}

/// A check, and what it is asked about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckRequirement {
    /// What a violation does.
    pub mode: ModeRule,
    /// What it is about.
    pub subjects: CheckSubjects,
    /// The check.
    pub check: Arc<dyn Check>,
}

impl CheckRequirement {
    /// Asked of each image that one of these patterns means, and of every image if there are none; violations are denied.
    #[must_use]
    pub fn on_images(references: Vec<ReferencePattern>, check: Arc<dyn Check>) -> Self {
        Self { mode: Mode::Enforce.into(), subjects: CheckSubjects::Images(references), check }
    }

    /// Asked of the request as a whole; violations are denied.
    #[must_use]
    pub fn on_request(check: Arc<dyn Check>) -> Self {
        Self { mode: Mode::Enforce.into(), subjects: CheckSubjects::Request, check }
    }

    /// Whether it is about this image.
    #[must_use]
    pub fn applies_to(&self, image: &ContainerImage) -> bool {
        match &self.subjects {
            CheckSubjects::Request => false,
            CheckSubjects::Images(references) => references.is_empty() || image.is_selected(references, &[]),
        }
    }

    /// Says what a violation does.
    #[must_use]
    pub fn with_mode(mut self, mode: impl Into<ModeRule>) -> Self {
        self.mode = mode.into();
        self
    }
}
