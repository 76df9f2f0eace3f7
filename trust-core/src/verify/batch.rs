//! Many bundles at once, on rayon's threads.

use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::{SignerPolicy, VerifiedBundle, Verifier, VerifyError};
use crate::bundle::Bundle;
use crate::key::Signed;
use crate::text::time::UnixTime;

/// One bundle, and what it must prove.
#[derive(Clone, Copy, Debug)]
pub struct Question<'q> {
    /// The bundle.
    pub bundle: &'q Bundle,
    /// What it must be about.
    pub artifact: Signed<'q>,
    /// Who must have signed.
    pub policy: &'q SignerPolicy,
}

impl Verifier<'_> {
    /// [`verify`](Self::verify) for each question, on the threads of the current rayon pool: within the caller's
    /// `pool.install`, on his. The answers stand in the order of the questions.
    #[must_use]
    pub fn verify_all(
        &self,
        questions: &[Question<'_>],
        now: UnixTime,
    ) -> Vec<Result<VerifiedBundle, VerifyError>> {
        questions
            .par_iter()
            .map(|question| self.verify(question.bundle, question.artifact, question.policy, now))
            .collect()
    }
}
