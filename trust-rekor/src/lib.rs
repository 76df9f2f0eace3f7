//! Transparency logs for software signatures: Merkle trees, signed notes, checkpoints, and the entries of Rekor v1 and v2.
//!
//! [`RekorLog`] verifies log entries for [`trust_core::Verifier`]. There is no I/O: entries, proofs and checkpoints
//! come with the bundle, keys with the trust root.
//!
//! ```
//! use trust_rekor::merkle;
//! let (left, right) = (merkle::leaf_hash(b"first entry"), merkle::leaf_hash(b"second entry"));
//! let root = merkle::node_hash(&left, &right);
//! merkle::verify_inclusion(&right, 1, 2, &[left], &root)?;
//! # Ok::<(), trust_rekor::ProofError>(())
//! ```
//!
//! Each file is about one noun, and imports only from files above it in this list:
//!
//! | file | holds | follows |
//! |---|---|---|
//! | [`merkle`] | hashes, proofs of inclusion and consistency | RFC 9162 |
//! | `frontier` | [`Frontier`]: a tree that grows | compact ranges |
//! | `tile` | [`EntryBundle`]: where a log keeps its entries | C2SP tlog-tiles |
//! | `note` | [`SignedNote`] | C2SP signed-note |
//! | `vkey` | [`VerifierKey`] | C2SP signed-note |
//! | `checkpoint` | [`Checkpoint`] | C2SP tlog-checkpoint |
//! | `witness` | [`WitnessPolicy`] | C2SP tlog-cosignature, tlog-policy |
//! | `promise` | Rekor v1's signed entry timestamps | Sigstore's client specification |
//! | `entry` | what entries say, a file for each kind and version | Rekor's schemas |
//! | `submission` | [`submission_v1`], [`submission_v2`]: an entry for a log to take in | Rekor's APIs |
//! | `rekor` | [`RekorLog`], [`WitnessedLog`] | Sigstore's client specification |
//! | `monitor` | [`Monitor`]: follows a log, and reads every entry | |

pub mod merkle;

mod frontier;
mod tile;

mod note;
mod vkey;

mod checkpoint;
mod witness;

mod entry;
mod promise;
mod submission;

mod rekor;

mod monitor;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use frontier::Frontier;
pub use merkle::ProofError;
pub use monitor::{Event, Monitor, MonitorError, Transition, TransitionError, is_fresh, verify_transition};
pub use note::{NoteError, NoteKey, NoteSignature, SignedNote, c2sp_key_id};
pub use rekor::{RekorLog, WitnessedLog};
pub use submission::{AnswerError, read_answer_v1, submission_v1, submission_v2};
pub use tile::{ENTRIES_PER_BUNDLE, EntryBundle, EntryBundleError};
pub use vkey::{KeyKind, VerifierKey, VerifierKeyError};
pub use witness::{WitnessError, WitnessPolicy, WitnessPolicyError, WitnessedCheckpoint};
