//! What embedders ask themselves, by a [`Check`](crate::Check).

use trust_core::PinnedImage;

use super::Evaluation;
use crate::evaluate::image_content::{Content, platforms};
use crate::kubernetes::resource::ContainerImage;
use crate::policy::check::{CheckAnswer, CheckRequirement, CheckSubject, CheckSubjects, ImageConfig};
use crate::policy::mode::Mode;
use crate::verdict::Explanation;
use crate::verdict::reason::{Mismatch, ReasonCode};

impl Evaluation<'_> {
    pub(super) fn own_check(
        &self,
        own: &CheckRequirement,
        images: &[ContainerImage],
        mode: Mode,
    ) -> Vec<(Mode, Explanation)> {
        if own.subjects == CheckSubjects::Request {
            return vec![(mode, self.answer(own, None))];
        }
        let about = images.iter().filter(|image| own.applies_to(image));
        about.map(|image| (self.mode_on(mode, image), self.checked_image(own, image))).collect()
    }

    fn checked_image(&self, own: &CheckRequirement, image: &ContainerImage) -> Explanation {
        let check = format!("{image}, image `{}`", image.image);
        let pinned = match self.pinned(image) {
            Ok((pinned, _)) => pinned,
            Err((code, message)) => return Explanation::fail(check, code, message).about(image, None),
        };
        let answer = self.answer(own, Some(&pinned));
        let explanation = match answer.code {
            Some(code) => Explanation::fail(check, code, "does not satisfy the check"),
            None => Explanation::pass(check, "satisfies the check"),
        };
        explanation.about(image, Some(pinned.digest())).because(vec![answer])
    }

    fn answer(&self, own: &CheckRequirement, image: Option<&PinnedImage>) -> Explanation {
        let (configs, unknown) = match (image, own.check.needs_image_configs()) {
            (Some(image), true) => match platforms(image.digest(), self.evidence) {
                Ok(platforms) => (Ok(platforms), ReasonCode::Unresolved),
                Err((code, problem)) => (Err(problem), code),
            },
            (Some(_), false) => {
                let problem = "the check did not say that it needs what images say about themselves";
                (Err(problem.to_owned()), ReasonCode::Unresolved)
            }
            (None, _) => {
                let problem = "a request has no configuration of an image: the check must be on images";
                (Err(problem.to_owned()), ReasonCode::Unresolved)
            }
        };
        let config = |one: Content| ImageConfig { platform: one.name, json: one.json };
        let configs = configs.map(|platforms| platforms.into_iter().map(config).collect());
        let name = own.check.name();
        match own.check.judge(&CheckSubject { request: self.request, image, now: self.now, configs }) {
            CheckAnswer::Holds { message } => Explanation::pass(name, message),
            CheckAnswer::Violated { found, expected } => {
                let message = format!("found {found}, expected {expected}");
                let mismatch = Mismatch::new(Some(found), [expected]);
                Explanation::fail(name, ReasonCode::Condition, message).differing(Some(mismatch))
            }
            CheckAnswer::Unknown { reason } => {
                Explanation::fail(name, unknown, format!("cannot be determined: {reason}"))
            }
        }
    }
}
