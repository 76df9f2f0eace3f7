//! x
#![allow(missing_docs)]

mod checkpoint;
mod entry;
pub mod merkle;
mod note;
mod promise;
mod rekor;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use merkle::ProofError;
pub use note::{NoteError, NoteKey, NoteSignature, SignedNote, c2sp_key_id};
pub use rekor::RekorLog;
