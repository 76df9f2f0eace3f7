//! [`WitnessPolicy`]: which witnesses must have seen a checkpoint
//! ([C2SP tlog-cosignature](https://github.com/C2SP/C2SP/blob/main/tlog-cosignature.md),
//! [tlog-policy](https://github.com/C2SP/C2SP/blob/main/tlog-policy.md)).
//!
//! A witness signs only checkpoints that extend the last one it saw, so a log that shows different trees to different
//! people needs a quorum of witnesses to go along with it.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;
use trust_core::{SignatureScheme, Signed, TimeWindow, UnixTime};

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::note::{NoteKey, SignedNote};
use crate::vkey::{KeyKind, VerifierKey, VerifierKeyError};

/// The specification wants at least 32 of each.
const MAX_DEFINITIONS: usize = 256;

/// Logs, witnesses, and the quorum of witnesses that makes a checkpoint of one of the logs valid.
///
/// ```
/// use trust_rekor::WitnessPolicy;
/// let policy: WitnessPolicy = "
///     log sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8
///     quorum none
/// ".parse()?;
/// assert_eq!(policy.logs().len(), 1);
/// # Ok::<(), trust_rekor::WitnessPolicyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct WitnessPolicy {
    logs: Vec<VerifierKey>,
    witnesses: BTreeMap<String, VerifierKey>,
    groups: BTreeMap<String, Group>,
    quorum: Option<String>,
}

#[derive(Clone, Debug)]
struct Group {
    threshold: usize,
    members: Vec<String>,
}

/// The text is not a policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WitnessPolicyError {
    /// A line is malformed.
    #[error("line {line} is `{found}`, expected {expected}")]
    Line {
        /// Which, counted from 1.
        line: usize,
        /// What was found.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A key cannot be used.
    #[error("line {line} has an unusable key")]
    Key {
        /// Which line.
        line: usize,
        /// Why not.
        source: VerifierKeyError,
    },
    /// A name or key is defined twice, or a name is a member twice.
    #[error("line {line}: `{name}` {problem}")]
    Name {
        /// Which line.
        line: usize,
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There is no quorum line, or more than one.
    #[error("policy has {found} quorum lines, expected 1")]
    Quorum {
        /// How many.
        found: usize,
    },
    /// There are too many definitions.
    #[error("policy has more than {MAX_DEFINITIONS} definitions")]
    TooMany,
}

/// A checkpoint is not one that the policy accepts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WitnessError {
    /// None of the policy's logs signed it.
    #[error("checkpoint of `{origin}` is not by a log of the policy")]
    UnknownLog {
        /// By its own account.
        origin: String,
    },
    /// It is not a checkpoint, or the log's signature does not verify.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A cosignature of a known witness does not verify.
    #[error("the cosignature of `{witness}` does not verify")]
    Cosignature {
        /// The witness.
        witness: String,
    },
    /// Too few witnesses saw it.
    #[error("quorum `{quorum}` is not reached by {}", witnesses(found))]
    NoQuorum {
        /// Name of the quorum.
        quorum: String,
        /// The witnesses that signed.
        found: Vec<String>,
    },
}

fn witnesses(found: &[String]) -> String {
    if found.is_empty() { "any witness".to_owned() } else { format!("`{}`", found.join("`, `")) }
}

/// A checkpoint of a trusted log, and the witnesses that saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessedCheckpoint {
    checkpoint: Checkpoint,
    cosignatures: BTreeMap<String, UnixTime>,
}

impl WitnessedCheckpoint {
    /// The checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// When each witness signed it, by the witness's own clock.
    #[must_use]
    pub fn cosignatures(&self) -> &BTreeMap<String, UnixTime> {
        &self.cosignatures
    }
}

impl SignedNote<'_> {
    /// Proves that a witness cosigned this note, and says when, by its own clock; `None` if it did not. Of several times the
    /// first that stands there is said.
    ///
    /// # Errors
    /// If there is a cosignature of the witness that does not verify.
    pub fn verify_cosignature(&self, witness: &VerifierKey) -> Result<Option<UnixTime>, WitnessError> {
        Ok(self.cosignature_times(witness)?.first().copied())
    }

    fn cosignature_times(&self, witness: &VerifierKey) -> Result<Vec<UnixTime>, WitnessError> {
        let wrong = || WitnessError::Cosignature { witness: witness.name().to_owned() };
        let mut times = Vec::new();
        for line in self.unverified_signatures() {
            if line.name() != witness.name() || line.key_id() != witness.key_id() {
                continue;
            }
            let (seconds, signature) =
                line.unverified_signature().split_first_chunk::<8>().ok_or_else(wrong)?;
            let seconds = i64::try_from(u64::from_be_bytes(*seconds)).map_err(|_| wrong())?;
            let message = format!("cosignature/v1\ntime {seconds}\n{}", self.unverified_text());
            witness
                .public_key()
                .verify(SignatureScheme::Ed25519, Signed::Message(message.as_bytes()), signature)
                .map_err(|_| wrong())?;
            times.push(UnixTime::from_seconds(seconds));
        }
        Ok(times)
    }
}

impl WitnessPolicy {
    /// The logs whose checkpoints are accepted.
    #[must_use]
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// Proves that one of the logs signed the checkpoint, and that a quorum of witnesses saw it, whenever that was.
    ///
    /// # Errors
    /// If the log is unknown, a signature of a known key does not verify, or the quorum is not reached.
    pub fn verify(&self, note: &SignedNote<'_>) -> Result<WitnessedCheckpoint, WitnessError> {
        self.verify_within(note, TimeWindow::ALWAYS)
    }

    /// Likewise, within a window: cosignatures before its start are too old to say what is there now, and those after its
    /// end, which should be the caller's time, are of the future. Neither counts.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_within(
        &self,
        note: &SignedNote<'_>,
        window: TimeWindow,
    ) -> Result<WitnessedCheckpoint, WitnessError> {
        let origin = Checkpoint::unverified_origin(note)?;
        let log = self
            .logs
            .iter()
            .find(|log| log.name() == origin)
            .ok_or_else(|| WitnessError::UnknownLog { origin: origin.to_owned() })?;
        let checkpoint = Checkpoint::verify(note, &NoteKey::c2sp(log.name(), log.public_key()))?;
        let mut cosignatures = BTreeMap::new();
        let mut seen_by = BTreeSet::new();
        for (name, witness) in &self.witnesses {
            let times = note.cosignature_times(witness)?;
            if let Some(time) = times.into_iter().filter(|time| window.contains(*time)).max() {
                cosignatures.insert(witness.name().to_owned(), time);
                seen_by.insert(name.as_str());
            }
        }
        match &self.quorum {
            Some(quorum) if !self.has_seen(quorum, &seen_by) => Err(WitnessError::NoQuorum {
                quorum: quorum.clone(),
                found: seen_by.into_iter().map(str::to_owned).collect(),
            }),
            _ => Ok(WitnessedCheckpoint { checkpoint, cosignatures }),
        }
    }

    /// Whether a witness, or enough members of a group, are among those who signed.
    ///
    /// Groups only hold names that were defined before them, so this ends.
    fn has_seen(&self, name: &str, seen_by: &BTreeSet<&str>) -> bool {
        match self.groups.get(name) {
            None => seen_by.contains(name),
            Some(group) => {
                let count = group.members.iter().filter(|member| self.has_seen(member, seen_by)).count();
                count >= group.threshold
            }
        }
    }
}

impl core::str::FromStr for WitnessPolicy {
    type Err = WitnessPolicyError;

    fn from_str(text: &str) -> Result<Self, WitnessPolicyError> {
        let mut reader = Reader::default();
        for (index, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
            if words.first().is_some_and(|word| !word.starts_with('#')) {
                reader.line(index + 1, line.trim(), &words)?;
            }
        }
        match reader.quorum_lines {
            1 => Ok(reader.policy),
            found => Err(WitnessPolicyError::Quorum { found }),
        }
    }
}

impl Default for WitnessPolicy {
    /// No logs, no witnesses: it accepts no checkpoint.
    fn default() -> Self {
        Self { logs: Vec::new(), witnesses: BTreeMap::new(), groups: BTreeMap::new(), quorum: None }
    }
}

#[derive(Default)]
struct Reader {
    policy: WitnessPolicy,
    members: BTreeSet<String>,
    quorum_lines: usize,
}

impl Reader {
    fn line(&mut self, line: usize, text: &str, words: &[&str]) -> Result<(), WitnessPolicyError> {
        let wrong = |expected| WitnessPolicyError::Line { line, found: text.to_owned(), expected };
        if text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(wrong("no control characters"));
        }
        let policy = &self.policy;
        if policy.logs.len() + policy.witnesses.len() + policy.groups.len() >= MAX_DEFINITIONS {
            return Err(WitnessPolicyError::TooMany);
        }
        match words {
            ["log", key] | ["log", key, _] => self.log(line, key),
            ["witness", name, key] | ["witness", name, key, _] => self.witness(line, name, key),
            ["group", name, threshold, members @ ..] if !members.is_empty() => {
                let threshold = match *threshold {
                    "all" => members.len(),
                    "any" => 1,
                    number => number
                        .parse()
                        .ok()
                        .filter(|k| (1..=members.len()).contains(k) && !number.starts_with(['0', '+']))
                        .ok_or_else(|| wrong("a threshold from 1 to the number of members"))?,
                };
                self.group(line, name, threshold, members)
            }
            ["quorum", name] => self.quorum(line, name),
            _ => {
                Err(wrong("`log KEY`, `witness NAME KEY`, `group NAME all|any|K MEMBER...` or `quorum NAME`"))
            }
        }
    }

    fn key(line: usize, text: &str, kind: KeyKind) -> Result<VerifierKey, WitnessPolicyError> {
        let key: VerifierKey = text.parse().map_err(|source| WitnessPolicyError::Key { line, source })?;
        if key.kind() == kind {
            return Ok(key);
        }
        let problem = "has a key of another kind than this line needs";
        Err(WitnessPolicyError::Name { line, name: key.name().to_owned(), problem })
    }

    fn log(&mut self, line: usize, text: &str) -> Result<(), WitnessPolicyError> {
        let key = Self::key(line, text, KeyKind::Ed25519)?;
        let name = key.name().to_owned();
        if self.policy.logs.iter().any(|log| log.public_key() == key.public_key()) {
            return Err(WitnessPolicyError::Name { line, name, problem: "has the key of an earlier log" });
        }
        if self.policy.logs.iter().any(|log| log.name() == name) {
            return Err(WitnessPolicyError::Name { line, name, problem: "has the name of an earlier log" });
        }
        self.policy.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, line: usize, name: &str, text: &str) -> Result<(), WitnessPolicyError> {
        let key = Self::key(line, text, KeyKind::CosignatureV1)?;
        self.define(line, name)?;
        if self.policy.witnesses.values().any(|one| one.public_key() == key.public_key()) {
            let name = name.to_owned();
            return Err(WitnessPolicyError::Name {
                line,
                name,
                problem: "has the key of an earlier witness",
            });
        }
        self.policy.witnesses.insert(name.to_owned(), key);
        Ok(())
    }

    fn group(
        &mut self,
        line: usize,
        name: &str,
        threshold: usize,
        members: &[&str],
    ) -> Result<(), WitnessPolicyError> {
        self.define(line, name)?;
        for member in members {
            self.defined(line, member)?;
            if !self.members.insert((*member).to_owned()) {
                let name = (*member).to_owned();
                return Err(WitnessPolicyError::Name {
                    line,
                    name,
                    problem: "is already a member of a group",
                });
            }
        }
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.policy.groups.insert(name.to_owned(), Group { threshold, members });
        Ok(())
    }

    fn quorum(&mut self, line: usize, name: &str) -> Result<(), WitnessPolicyError> {
        self.quorum_lines += 1;
        if name != "none" {
            self.defined(line, name)?;
            self.policy.quorum = Some(name.to_owned());
        }
        Ok(())
    }

    fn define(&self, line: usize, name: &str) -> Result<(), WitnessPolicyError> {
        let is_taken = self.policy.witnesses.contains_key(name) || self.policy.groups.contains_key(name);
        if name == "none" || is_taken {
            let problem = "is already defined";
            return Err(WitnessPolicyError::Name { line, name: name.to_owned(), problem });
        }
        Ok(())
    }

    fn defined(&self, line: usize, name: &str) -> Result<(), WitnessPolicyError> {
        if self.policy.witnesses.contains_key(name) || self.policy.groups.contains_key(name) {
            return Ok(());
        }
        let problem = "is not defined on an earlier line";
        Err(WitnessPolicyError::Name { line, name: name.to_owned(), problem })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A policy with so many witnesses, whose keys are made up.
    fn policy(lines: &str) -> Result<WitnessPolicy, WitnessPolicyError> {
        let mut text = String::new();
        for (index, raw) in KEYS.iter().enumerate() {
            text += &format!("witness W{index} {raw}\n");
        }
        (text + lines).parse()
    }

    /// Keys of public witnesses, by the names under which they sign.
    const KEYS: [&str; 1] =
        ["witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G"];

    #[test]
    fn groups_count_their_members() {
        let text = "witness A witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G\n\
                    group G any A\nquorum G\n";
        let policy: WitnessPolicy = text.parse().unwrap();
        assert!(policy.has_seen("G", &BTreeSet::from(["A"])));
        assert!(!policy.has_seen("G", &BTreeSet::new()));
    }

    #[test]
    fn malformed_policies_are_refused() {
        let name =
            |line, name: &str, problem| WitnessPolicyError::Name { line, name: name.to_owned(), problem };
        for (lines, expected) in [
            ("", WitnessPolicyError::Quorum { found: 0 }),
            ("quorum none\nquorum none\n", WitnessPolicyError::Quorum { found: 2 }),
            ("quorum X\n", name(2, "X", "is not defined on an earlier line")),
            ("group none any W0\nquorum none\n", name(2, "none", "is already defined")),
            ("group W0 any W0\nquorum none\n", name(2, "W0", "is already defined")),
            (
                "group A any W0\ngroup B any W0\nquorum none\n",
                name(3, "W0", "is already a member of a group"),
            ),
            ("group A any none\nquorum none\n", name(2, "none", "is not defined on an earlier line")),
        ] {
            assert_eq!(policy(lines).err(), Some(expected), "{lines}");
        }
        for lines in ["group A 2 W0\n", "group A 0 W0\n", "group A 01 W0\n", "group A any\n", "what\n"] {
            assert!(matches!(policy(lines), Err(WitnessPolicyError::Line { line: 2, .. })), "{lines}");
        }
        let again = format!("witness W1 {}\nquorum none\n", KEYS[0]);
        assert_eq!(policy(&again).err(), Some(name(2, "W1", "has the key of an earlier witness")));
        let log = format!("log {}\nquorum none\n", KEYS[0]);
        let witness = "witness.navigli.sunlight.geomys.org";
        assert_eq!(
            policy(&log).err(),
            Some(name(2, witness, "has a key of another kind than this line needs"))
        );
    }
}
