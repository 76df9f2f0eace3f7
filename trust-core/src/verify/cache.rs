//! [`VerifiedCache`]: bundles that were verified before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{SignerPolicy, TimeSource, VerifiedBundle, Verifier, VerifyError};
use crate::bundle::{Bundle, BundleError};
use crate::digest::Digest;
use crate::key::Signed;
use crate::text::time::UnixTime;

/// What one verifier verified for one policy: the same bundle about the same artifact again costs one SHA-256.
///
/// Rejections are not kept, and neither is what depends on the current time. When it is full it forgets everything.
#[derive(Debug)]
pub struct VerifiedCache<'a> {
    verifier: Verifier<'a>,
    policy: SignerPolicy,
    capacity: usize,
    verified: Mutex<BTreeMap<[u8; 32], Arc<VerifiedBundle>>>,
}

/// A bundle cannot be read, or does not prove what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyJsonError {
    /// It cannot be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// It does not prove what was asked.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

impl<'a> VerifiedCache<'a> {
    /// Remembers so many bundles that this verifier verified for this policy.
    #[must_use]
    pub fn new(verifier: Verifier<'a>, policy: SignerPolicy, capacity: usize) -> Self {
        Self { verifier, policy, capacity, verified: Mutex::default() }
    }

    /// As [`Verifier::verify`], from the bundle's JSON, about the artifact with this digest.
    ///
    /// # Errors
    /// If the bundle cannot be read, or the first check that fails.
    pub fn verify(
        &self,
        bundle: &[u8],
        artifact: &Digest,
        now: UnixTime,
    ) -> Result<Arc<VerifiedBundle>, VerifyJsonError> {
        let algorithm = artifact.algorithm().name();
        let question: [u8; 32] = Sha256::new()
            .chain_update([u8::try_from(algorithm.len()).unwrap_or_default()])
            .chain_update(algorithm)
            .chain_update(artifact.as_bytes())
            .chain_update(bundle)
            .finalize()
            .into();
        let known = self.lock().get(&question).cloned();
        // A time that was past once stays so, unless the caller's clock went back.
        if let Some(verified) = known.filter(|known| known.times().iter().all(|time| time.time() <= now)) {
            return Ok(verified);
        }
        let parsed = Bundle::from_json(bundle)?;
        let verified = self.verifier.verify(&parsed, Signed::Digest(artifact), &self.policy, now)?;
        let verified = Arc::new(verified);
        let by_caller = verified.times().iter().any(|time| *time.source() == TimeSource::Caller);
        if !verified.times().is_empty() && !by_caller && self.capacity > 0 {
            let mut all = self.lock();
            if all.len() >= self.capacity {
                all.clear();
            }
            all.insert(question, Arc::clone(&verified));
        }
        Ok(verified)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<[u8; 32], Arc<VerifiedBundle>>> {
        // A thread that panicked while it held the lock left a map all the same.
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
