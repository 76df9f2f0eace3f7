//! [`RekorLog`]: the transparency log of Sigstore, v1 and v2, behind [`TransparencyLog`].

use trust_core::internal::encoding;
use trust_core::{InclusionClaim, LogClaim, LogEntry, LogError, LogKey, TransparencyLog, VerifiedLogEntry};

use crate::checkpoint::Checkpoint;
use crate::entry::{self, BoundEntry, Generation};
use crate::merkle;
use crate::note::{NoteKey, SignedNote};
use crate::promise;
use crate::witness::WitnessPolicy;

/// Verifies entries of Rekor v1 and v2.
///
/// An entry counts if its body is about the claim, and the log that it names promised to include it or proves that
/// it did; each of the two that is there must verify. Whether an entry is of v1 or v2, its body says.
#[derive(Clone, Copy, Debug, Default)]
pub struct RekorLog;

impl TransparencyLog for RekorLog {
    fn verify_entry(
        &self,
        entry: &LogEntry,
        claim: &LogClaim<'_>,
        logs: &[LogKey],
    ) -> Result<VerifiedLogEntry, LogError> {
        let mut wrong = None;
        // One log may be listed with several windows: any of them will do.
        for log in logs.iter().filter(|log| log.log_id == entry.log_id) {
            match verify_in(log, entry, claim) {
                Ok(verified) => return Ok(verified),
                Err(error) => wrong = Some(error),
            }
        }
        Err(wrong.unwrap_or_else(|| LogError::UnknownLog { log_id: encoding::to_hex(&entry.log_id) }))
    }
}

/// Verifies entries as [`RekorLog`] does, and that a quorum of witnesses saw the tree that each entry is in.
///
/// A log that shows a client a tree of its own then needs the quorum to go along with it. Entries with a promise
/// alone are refused: no witness sees promises.
#[derive(Clone, Debug)]
pub struct WitnessedLog {
    policy: WitnessPolicy,
}

impl WitnessedLog {
    /// A verifier that requires this policy's quorum, of checkpoints of this policy's logs.
    #[must_use]
    pub fn new(policy: WitnessPolicy) -> Self {
        Self { policy }
    }
}

impl TransparencyLog for WitnessedLog {
    fn verify_entry(
        &self,
        entry: &LogEntry,
        claim: &LogClaim<'_>,
        logs: &[LogKey],
    ) -> Result<VerifiedLogEntry, LogError> {
        let verified = RekorLog.verify_entry(entry, claim, logs)?;
        let unwitnessed = |problem: String| LogError::Unwitnessed { problem };
        let proof = entry.proof.as_ref().ok_or_else(|| unwitnessed("entry has no checkpoint".to_owned()))?;
        let note = SignedNote::parse(&proof.checkpoint).map_err(|error| unwitnessed(error.to_string()))?;
        let witnessed = self.policy.verify(&note).map_err(|error| unwitnessed(error.to_string()))?;
        Ok(verified.witnessed_by(witnessed.cosignatures().keys().cloned().collect()))
    }
}

fn verify_in(log: &LogKey, entry: &LogEntry, claim: &LogClaim<'_>) -> Result<VerifiedLogEntry, LogError> {
    let BoundEntry { kind, generation } = entry::bind(entry, claim)?;
    let integrated_time = match (generation, &entry.promise) {
        (Generation::V1, Some(promise)) => Some(promise::verify_promise(entry, promise, log)?),
        // Without a promise no time is proved; Rekor v2 makes none.
        (Generation::V1, None) | (Generation::V2, _) => None,
    };
    let proved = match &entry.proof {
        Some(proof) => Some(verify_inclusion(log, entry, proof, generation)?),
        None if integrated_time.is_none() => return Err(LogError::Unproven),
        None => None,
    };
    // A promise signs the entry's own index.
    let index = proved.filter(|_| integrated_time.is_none()).unwrap_or(entry.log_index);
    Ok(VerifiedLogEntry::assertion(log, entry, index, kind, integrated_time))
}

/// Leaf from the body, size and root from the signed checkpoint: nothing of it from the bundle's say-so. The index is returned.
fn verify_inclusion(
    log: &LogKey,
    entry: &LogEntry,
    proof: &InclusionClaim,
    generation: Generation,
) -> Result<u64, LogError> {
    let checkpoint = verify_checkpoint(log, &proof.checkpoint, generation)?;
    let index = match generation {
        // Rekor v1 counts `logIndex` across shards; the proof is within one.
        Generation::V1 => proof.log_index,
        Generation::V2 => entry.log_index,
    };
    merkle::verify_inclusion(
        &merkle::leaf_hash(&entry.body),
        index,
        checkpoint.size(),
        &proof.hashes,
        checkpoint.root(),
    )
    .map(|()| index)
    .map_err(|error| LogError::Inclusion { problem: error.to_string() })
}

fn verify_checkpoint(log: &LogKey, envelope: &str, generation: Generation) -> Result<Checkpoint, LogError> {
    let unusable = |problem: String| LogError::Checkpoint { problem };
    let note = SignedNote::parse(envelope).map_err(|error| unusable(error.to_string()))?;
    let origin = Checkpoint::unverified_origin(&note).map_err(|error| unusable(error.to_string()))?;
    let name = match generation {
        // `<name> - <tree identifier>`, signed by `<name>`.
        Generation::V1 => {
            origin.rsplit_once(" - ").filter(|(_, tree)| is_decimal(tree)).map(|(name, _)| name)
        }
        Generation::V2 => Some(origin),
    };
    let name = name
        .filter(|name| !name.is_empty() && log.origins().contains(name))
        .ok_or_else(|| unusable(format!("its origin is `{origin}`, expected that of `{}`", log.base_url)))?;
    let key = match generation {
        Generation::V1 => NoteKey::rekor_v1(name, &log.key),
        Generation::V2 => NoteKey::c2sp(name, &log.key),
    };
    Checkpoint::verify(&note, &key).map_err(|error| unusable(error.to_string()))
}

fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
