//! The clock, and chance.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

use trust_core::UnixTime;

/// The time; a clock that is set before 1970 says 1970, when nothing was valid yet.
#[must_use]
pub fn now() -> UnixTime {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

/// A number from 0 up to 1, so that many who wait do not come at once. It is no secret.
#[must_use]
pub fn random() -> f64 {
    let bits = RandomState::new().hash_one(0_u8) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}
