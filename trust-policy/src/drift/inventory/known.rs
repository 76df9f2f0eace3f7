//! [`Known`]: something that was asked for, and what is known of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use trust_core::UnixTime;

use crate::evidence::FetchFailure;
use crate::kubernetes::resource::ResourceId;

/// Something that is asked for, answered, and asked for again after a while.
#[derive(Debug)]
pub(super) struct Known<T> {
    value: Option<Result<T, FetchFailure>>,
    /// Whether it is asked for and not answered yet.
    is_asked: bool,
    /// When it was answered.
    time: UnixTime,
    /// Workloads for which it matters.
    pub(super) users: BTreeSet<Arc<ResourceId>>,
}

impl<T> Known<T> {
    /// Nothing is known, and nothing was asked.
    pub(super) fn nothing() -> Self {
        Self { value: None, is_asked: false, time: UnixTime::from_millis(0), users: BTreeSet::new() }
    }

    pub(super) fn value(&self) -> Option<&Result<T, FetchFailure>> {
        self.value.as_ref()
    }

    /// Takes an answer. A failure does not take the place of what is known.
    pub(super) fn answer(&mut self, value: Result<T, FetchFailure>, now: UnixTime) {
        let keeps = value.is_err() && matches!(self.value, Some(Ok(_)));
        if !keeps {
            self.value = Some(value);
        }
        (self.is_asked, self.time) = (false, now);
    }

    /// Whether it is to be asked for now, for this workload; otherwise when, unless it is asked for already or known for good.
    pub(super) fn asks(
        &mut self,
        user: &Arc<ResourceId>,
        period_millis: Option<i64>,
        retry_millis: i64,
        now: UnixTime,
    ) -> Result<(), Option<UnixTime>> {
        if !self.users.contains(user) {
            self.users.insert(user.clone());
        }
        let after = match &self.value {
            _ if self.is_asked => return Err(None),
            None => None,
            Some(Err(_)) => Some(retry_millis),
            Some(Ok(_)) => Some(period_millis.ok_or(None)?),
        };
        match after.map(|after| self.time.plus_millis(after)).filter(|again| now < *again) {
            Some(again) => Err(Some(again)),
            None => {
                self.is_asked = true;
                Ok(())
            }
        }
    }
}
