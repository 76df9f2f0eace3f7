//! [`Monitor`]: follows a log from checkpoint to checkpoint, and reads every entry in between.
//!
//! It is a state machine without I/O: the caller fetches what [`Monitor::missing`] names. Entries count only once the
//! tree that they make has the root that the log signed, so a log that serves other entries than it hashed is caught.

use thiserror::Error;
use trust_core::internal::encoding;
use trust_core::{Identity, IdentityPolicy, TimeWindow, UnixTime};

use crate::checkpoint::Checkpoint;
use crate::entry;
use crate::frontier::Frontier;
use crate::merkle::{self, Hash, ProofError};
use crate::tile::{EntryBundle, EntryBundleError};

/// How a log came from one checkpoint to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transition {
    /// It is the same tree.
    Unchanged,
    /// It is the same tree with more leaves.
    Grown {
        /// Its former size.
        from: u64,
        /// Its size.
        to: u64,
    },
}

/// Two checkpoints of one log contradict each other, or are not shown to agree.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransitionError {
    /// They are of two logs.
    #[error("checkpoint is of `{found}`, expected `{expected}`")]
    OtherLog {
        /// By the newer one.
        found: String,
        /// By the older one.
        expected: String,
    },
    /// The log became smaller: it forgot entries.
    #[error("log `{origin}` shrank from {from} to {to} entries")]
    Rollback {
        /// The log.
        origin: String,
        /// Its size before.
        from: u64,
        /// Its size now.
        to: u64,
    },
    /// The log signed two trees of one size: evidence of a split view, which anyone can check.
    #[error("log `{origin}` signed two trees of {size} entries, with roots {first} and {second}")]
    SplitView {
        /// The log.
        origin: String,
        /// The size of both.
        size: u64,
        /// Root of the one, in hexadecimal.
        first: String,
        /// Root of the other.
        second: String,
    },
    /// The proof does not show that the older tree is the beginning of the newer one.
    #[error("log `{origin}` is not shown to have only grown from {from} to {to} entries")]
    Consistency {
        /// The log.
        origin: String,
        /// Its size before.
        from: u64,
        /// Its size now.
        to: u64,
        /// Why not.
        source: ProofError,
    },
}

/// Proves that a log only grew from one checkpoint to the next.
///
/// `proof` is a proof of consistency; for trees of equal size, or an older tree without leaves, it is empty.
///
/// # Errors
/// If the log shrank, signed two trees of one size, or is not shown to have only grown.
pub fn verify_transition(
    old: &Checkpoint,
    new: &Checkpoint,
    proof: &[Hash],
) -> Result<Transition, TransitionError> {
    check_sizes(old, new)?;
    let (from, to) = (old.size(), new.size());
    let inconsistent =
        |source| TransitionError::Consistency { origin: new.origin().to_owned(), from, to, source };
    match (from == to, from) {
        (true, _) => Ok(Transition::Unchanged),
        // Every tree begins with the empty one.
        (false, 0) if proof.is_empty() => Ok(Transition::Grown { from, to }),
        (false, 0) => Err(inconsistent(ProofError::Length { found: proof.len(), expected: 0 })),
        (false, _) => merkle::verify_consistency(from, to, proof, old.root(), new.root())
            .map(|()| Transition::Grown { from, to })
            .map_err(inconsistent),
    }
}

/// What two checkpoints say without a proof: one log, not smaller, and one tree for one size.
fn check_sizes(old: &Checkpoint, new: &Checkpoint) -> Result<(), TransitionError> {
    let (found, expected) = (new.origin().to_owned(), old.origin().to_owned());
    if found != expected {
        return Err(TransitionError::OtherLog { found, expected });
    }
    if new.size() < old.size() {
        return Err(TransitionError::Rollback { origin: found, from: old.size(), to: new.size() });
    }
    if new.size() == old.size() && new.root() != old.root() {
        return Err(TransitionError::SplitView {
            origin: found,
            size: new.size(),
            first: encoding::to_hex(old.root()),
            second: encoding::to_hex(new.root()),
        });
    }
    Ok(())
}

/// Follows one log.
#[derive(Clone, Debug)]
pub struct Monitor {
    checkpoint: Option<Checkpoint>,
    frontier: Frontier,
    watched: Option<IdentityPolicy>,
}

/// The log did something that it must not do, or its entries could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MonitorError {
    /// The checkpoints contradict each other.
    #[error(transparent)]
    Transition(#[from] TransitionError),
    /// What was kept from before is not the tree of the checkpoint that was kept.
    #[error("the state has a tree of {size} entries with another root than its checkpoint")]
    State {
        /// Size of the tree.
        size: u64,
    },
    /// A bundle of entries is malformed.
    #[error("`{path}` is malformed")]
    Bundle {
        /// Its path.
        path: String,
        /// What is wrong.
        source: EntryBundleError,
    },
    /// A bundle of entries was not brought.
    #[error("`{path}` is absent")]
    NoBundle {
        /// Its path.
        path: String,
    },
    /// The entries do not make the tree that the log signed.
    #[error("the entries of `{origin}` make the root {found}, but it signed {expected}")]
    OtherEntries {
        /// The log.
        origin: String,
        /// Root of the entries that it serves, in hexadecimal.
        found: String,
        /// Root that it signed.
        expected: String,
    },
}

/// What a monitor noticed in entries that are proven to be in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A certificate with a watched identity signed something.
    Match {
        /// Index of the entry.
        index: u64,
        /// Who signed.
        identity: Box<Identity>,
    },
    /// An entry cannot be read; others are read all the same.
    Unreadable {
        /// Index of the entry.
        index: u64,
        /// What was found and expected.
        problem: String,
    },
}

impl Default for Monitor {
    fn default() -> Self {
        Self::new()
    }
}

impl Monitor {
    /// A monitor that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { checkpoint: None, frontier: Frontier::new(), watched: None }
    }

    /// A monitor that goes on from where an earlier one stopped.
    ///
    /// # Errors
    /// If the tree is not that of the checkpoint.
    pub fn resume(checkpoint: Checkpoint, frontier: Frontier) -> Result<Self, MonitorError> {
        if frontier.size() != checkpoint.size() || frontier.root() != *checkpoint.root() {
            return Err(MonitorError::State { size: frontier.size() });
        }
        Ok(Self { checkpoint: Some(checkpoint), frontier, watched: None })
    }

    /// Reports entries that these identities signed.
    #[must_use]
    pub fn watching(mut self, identities: IdentityPolicy) -> Self {
        self.watched = Some(identities);
        self
    }

    /// The last checkpoint that was accepted.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// The tree that was read.
    #[must_use]
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// What must be fetched to read on up to a checkpoint, one after the other: a log may have grown by any number.
    ///
    /// # Errors
    /// If the checkpoint contradicts the last one.
    pub fn missing(&self, new: &Checkpoint) -> Result<impl Iterator<Item = EntryBundle>, MonitorError> {
        if let Some(old) = &self.checkpoint {
            check_sizes(old, new)?;
        }
        Ok(EntryBundle::covering(self.frontier.size(), new.size()))
    }

    /// Reads on up to a checkpoint, from the contents of the bundles that [`missing`](Self::missing) names, in its
    /// order. Each is taken only when the one before it has been read.
    ///
    /// The older tree is the beginning of the newer one because the newer one is computed from it.
    ///
    /// # Errors
    /// If the log shrank, signed two trees of one size, or serves other entries than it signed. The state is unchanged.
    pub fn advance(
        &mut self,
        new: &Checkpoint,
        bundles: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Vec<Event>, MonitorError> {
        let (mut frontier, mut events) = (self.frontier.clone(), Vec::new());
        let mut bundles = bundles.into_iter();
        for bundle in self.missing(new)? {
            let absent = || MonitorError::NoBundle { path: bundle.path() };
            let bytes = bundles.next().ok_or_else(absent)?;
            let malformed = |source| MonitorError::Bundle { path: bundle.path(), source };
            for (index, body) in (bundle.first_entry()..).zip(bundle.entries(&bytes).map_err(malformed)?) {
                // The first bundle may begin with entries that were read before.
                if index < frontier.size() {
                    continue;
                }
                events.extend(self.watch(index, body));
                let leaf = merkle::leaf_hash(body);
                let full = MonitorError::State { size: frontier.size() };
                frontier = frontier.append(leaf).ok_or(full)?;
            }
        }
        if frontier.size() != new.size() || frontier.root() != *new.root() {
            return Err(MonitorError::OtherEntries {
                origin: new.origin().to_owned(),
                found: encoding::to_hex(&frontier.root()),
                expected: encoding::to_hex(new.root()),
            });
        }
        self.frontier = frontier;
        self.checkpoint = Some(new.clone());
        Ok(events)
    }

    fn watch(&self, index: u64, body: &[u8]) -> Option<Event> {
        let watched = self.watched.as_ref()?;
        match entry::certificate(body) {
            Err(error) => Some(Event::Unreadable { index, problem: error.to_string() }),
            Ok(None) => None,
            Ok(Some(certificate)) => match Identity::unverified_from_certificate(&certificate) {
                Err(error) => Some(Event::Unreadable { index, problem: error.to_string() }),
                Ok(identity) => watched
                    .is_claimed_by(&identity)
                    .then(|| Event::Match { index, identity: Box::new(identity) }),
            },
        }
    }
}

/// Whether a checkpoint that was seen at `seen` is still fresh at `now`, if logs must show a new one within `max_age_millis`.
///
/// A log that is frozen for one client shows an old tree for ever.
#[must_use]
pub fn is_fresh(seen: UnixTime, now: UnixTime, max_age_millis: i64) -> bool {
    TimeWindow { start: Some(seen), end: Some(seen.plus_millis(max_age_millis)) }.contains(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_fresh_for_as_long_as_the_caller_says() {
        let seen = UnixTime::from_seconds(1000);
        assert!(is_fresh(seen, seen, 500) && is_fresh(seen, seen.plus_millis(500), 500));
        assert!(!is_fresh(seen, seen.plus_millis(501), 500));
        assert!(!is_fresh(seen, seen.plus_millis(-1), 500), "it cannot have been seen later than now");
    }
}
