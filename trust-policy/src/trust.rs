//! [`Trust`]: by what signatures are verified, and how many must witness each.

use core::num::NonZeroUsize;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trust_core::{TransparencyLog, TrustRoot, Verifier};
use trust_rekor::{RekorLog, WitnessPolicyError, WitnessedLog};

/// By what signatures are verified: the keys and authorities that are trusted, how many of them must witness a signature, and what
/// proves that it is in a log.
///
/// A policy may require less for one of its signers, by naming what it gives up; never more than is said here.
///
/// ```
/// use trust_core::TrustRoot;
/// use trust_policy::{Trust, TrustOptions};
///
/// let mut options = TrustOptions::default();
/// options.timestamp_authorities = 1;
/// options.clock_tolerance_millis = 2_000;
/// let trust = Trust::with_options(TrustRoot::public_good(), options)?;
/// # Ok::<(), trust_rekor::WitnessPolicyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Trust {
    root: TrustRoot,
    options: TrustOptions,
    log: Arc<dyn TransparencyLog>,
}

/// What is required of every signature: data, so that an [`Archive`](crate::Archive) can hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TrustOptions {
    /// Entries in the transparency logs of so many different operators.
    pub transparency_logs: NonZeroUsize,
    /// So many different certificate transparency logs that vouch for a certificate.
    pub certificate_logs: NonZeroUsize,
    /// Times that timestamp authorities of so many different operators signed.
    pub timestamp_authorities: usize,
    /// Times that so many different operators signed, whether of timestamp authorities or of logs.
    pub observers: usize,
    /// Certificates whose signature has no signed time are judged at the current time
    /// ([`Verifier::accepting_certificates_at_the_current_time`]).
    pub accepts_certificates_at_the_current_time: bool,
    /// How much later than now a signed time may be, in milliseconds ([`Verifier::with_clock_tolerance`]).
    pub clock_tolerance_millis: u32,
    /// Which witnesses must have seen the logs' trees, as a [`WitnessPolicy`](trust_rekor::WitnessPolicy) in its own text form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witnesses: Option<String>,
}

impl Default for TrustOptions {
    /// One transparency log and one certificate log; no more.
    fn default() -> Self {
        Self {
            transparency_logs: NonZeroUsize::MIN,
            certificate_logs: NonZeroUsize::MIN,
            timestamp_authorities: 0,
            observers: 0,
            accepts_certificates_at_the_current_time: false,
            clock_tolerance_millis: 0,
            witnesses: None,
        }
    }
}

impl Trust {
    /// Trusts this root; one transparency log and one certificate log must witness a signature.
    #[must_use]
    pub fn new(root: TrustRoot) -> Self {
        Self { root, options: TrustOptions::default(), log: Arc::new(RekorLog) }
    }

    /// Trusts this root, and requires this.
    ///
    /// # Errors
    /// If the text about witnesses is not a policy.
    pub fn with_options(root: TrustRoot, options: TrustOptions) -> Result<Self, WitnessPolicyError> {
        let log: Arc<dyn TransparencyLog> = match &options.witnesses {
            Some(witnesses) => Arc::new(WitnessedLog::new(witnesses.parse()?)),
            None => Arc::new(RekorLog),
        };
        Ok(Self { root, options, log })
    }

    /// Verifies log entries by this instead: by another log's rules. What it proves of witnesses is its own to say.
    #[must_use]
    pub fn with_log(mut self, log: Arc<dyn TransparencyLog>) -> Self {
        self.log = log;
        self
    }

    /// Trusts no authority and no log: no signature verifies, except by the keys of a policy that need no log.
    #[must_use]
    pub fn keys_only() -> Self {
        Self::new(TrustRoot::empty())
    }

    /// The keys and authorities.
    #[must_use]
    pub fn root(&self) -> &TrustRoot {
        &self.root
    }

    /// What is required of every signature.
    #[must_use]
    pub fn options(&self) -> &TrustOptions {
        &self.options
    }

    /// A verifier that requires all of it, under this root.
    pub(crate) fn verifier<'a>(&'a self, root: &'a TrustRoot) -> Verifier<'a> {
        let options = &self.options;
        let verifier = Verifier::new(root, self.log.as_ref())
            .with_log_threshold(options.transparency_logs)
            .with_certificate_log_threshold(options.certificate_logs)
            .with_timestamp_threshold(options.timestamp_authorities)
            .with_observer_threshold(options.observers)
            .with_clock_tolerance(options.clock_tolerance_millis);
        match options.accepts_certificates_at_the_current_time {
            true => verifier.accepting_certificates_at_the_current_time(),
            false => verifier,
        }
    }
}

impl From<TrustRoot> for Trust {
    fn from(root: TrustRoot) -> Self {
        Self::new(root)
    }
}
