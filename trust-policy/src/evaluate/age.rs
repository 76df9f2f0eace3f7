//! How old something is allowed to be.

use trust_core::UnixTime;

use crate::verdict::Explanation;
use crate::verdict::reason::{Mismatch, ReasonCode};

/// Whether a time is at most `max_age` milliseconds before `now`, and not after it. `too_old` is the reason if it is earlier.
pub(super) fn is_young(
    time: Option<UnixTime>,
    max_age: i64,
    now: UnixTime,
    unknown: &str,
    too_old: ReasonCode,
) -> Explanation {
    let Some(time) = time else { return Explanation::fail("age", ReasonCode::Unresolved, unknown) };
    let oldest = now.plus_millis(-max_age);
    match is_of_the_future(time, now) {
        Some(unknown) => unknown,
        None if time >= oldest => {
            Explanation::pass("age", format!("is of {time}")).until(time.plus_millis(max_age))
        }
        None => {
            let mismatch = Mismatch::new(Some(time.to_string()), [format!("{oldest} or later")]);
            Explanation::differs("age", too_old, mismatch)
        }
    }
}

pub(super) fn is_of_the_future(time: UnixTime, now: UnixTime) -> Option<Explanation> {
    let message = format!("is of {time}, which is after {now}: its age cannot be determined");
    (time > now).then(|| Explanation::fail("age", ReasonCode::Unresolved, message))
}
