//! [`Metrics`]: what a gate did, as plain numbers that an embedder exports.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// How a review ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewOutcome {
    /// It was judged, and is allowed.
    Allowed,
    /// It was judged, and is denied.
    Denied,
    /// It was denied without being judged, for too many others were.
    Busy,
    /// It was denied, for it was not judged by the deadline.
    Late,
    /// It is no review.
    Unreadable,
}

impl ReviewOutcome {
    /// Each.
    pub const ALL: [Self; 5] = [Self::Allowed, Self::Denied, Self::Busy, Self::Late, Self::Unreadable];

    /// A name for exports, such as `allowed`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Busy => "busy",
            Self::Late => "late",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Upper bounds of the histogram of times, in milliseconds; what took longer is counted after the last.
pub const BUCKETS: [u64; 13] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000];

/// Counters that only grow, but for that of policies. Reading them locks nothing.
#[derive(Debug, Default)]
pub struct Metrics {
    outcomes: [AtomicU64; ReviewOutcome::ALL.len()],
    times: [AtomicU64; BUCKETS.len() + 1],
    total_micros: AtomicU64,
    refused_policies: AtomicUsize,
}

impl Metrics {
    /// How many policies cannot be read; their last readable versions are used. The reader of policies sets it.
    #[must_use]
    pub fn refused_policies(&self) -> usize {
        self.refused_policies.load(Ordering::Relaxed)
    }

    /// Sets how many policies cannot be read.
    pub fn set_refused_policies(&self, count: usize) {
        self.refused_policies.store(count, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, outcome: ReviewOutcome, time: Duration) {
        let at = ReviewOutcome::ALL.iter().position(|one| *one == outcome);
        let bucket =
            BUCKETS.iter().position(|bound| time <= Duration::from_millis(*bound)).unwrap_or(BUCKETS.len());
        for counter in [at.and_then(|at| self.outcomes.get(at)), self.times.get(bucket)].into_iter().flatten()
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.total_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// How many reviews ended so.
    #[must_use]
    pub fn count(&self, outcome: ReviewOutcome) -> u64 {
        let at = ReviewOutcome::ALL.iter().position(|one| *one == outcome);
        at.and_then(|at| self.outcomes.get(at)).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// How many reviews took as long as each of the [`BUCKETS`] says, and no shorter one; the last number is of those that took
    /// longer than all.
    #[must_use]
    pub fn times(&self) -> [u64; BUCKETS.len() + 1] {
        core::array::from_fn(|at| self.times.get(at).map_or(0, |count| count.load(Ordering::Relaxed)))
    }

    /// How long all reviews took together.
    #[must_use]
    pub fn total_time(&self) -> Duration {
        Duration::from_micros(self.total_micros.load(Ordering::Relaxed))
    }
}
