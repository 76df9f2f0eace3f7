//! Verifies transparency logs offline: checkpoints, proofs, and every entry between two checkpoints.

mod state;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser};
use trust_core::internal::encoding;
use trust_core::{CertificateIdentity, IdentityPolicy, KeyAlgorithm, Pattern, PublicKey, Reasons, TrustRoot};
use trust_examples::BAD_INPUT;
use trust_rekor::merkle::{self, Hash};
use trust_rekor::{
    Checkpoint, Event, Monitor, NoteKey, SignedNote, VerifierKey, WitnessPolicy, verify_transition,
};

use crate::state::State;

/// Verifies transparency logs offline.
///
/// A checkpoint is a signed note. A proof is a file with one hash a line, in base64.
#[derive(Parser)]
#[command(name = "log", version, after_help = "exit status: 0 verified, 1 not verified, 2 bad input")]
enum Command {
    /// Verify the log's signature on a checkpoint
    VerifyCheckpoint {
        #[command(flatten)]
        key: KeyArguments,
        /// Witnesses that must have cosigned it
        #[arg(long, value_name = "FILE")]
        witness_policy: Option<PathBuf>,
        checkpoint: PathBuf,
    },
    /// Verify that an entry is in the tree of a checkpoint
    VerifyInclusion {
        #[command(flatten)]
        key: KeyArguments,
        #[arg(long, value_name = "FILE")]
        checkpoint: PathBuf,
        /// The entry's place in the log
        #[arg(long, value_name = "N")]
        index: u64,
        #[arg(long, value_name = "FILE")]
        proof: PathBuf,
        /// A file with the entry's bytes
        entry: PathBuf,
    },
    /// Verify that the tree of one checkpoint is the beginning of another's
    VerifyConsistency {
        #[command(flatten)]
        key: KeyArguments,
        #[arg(long, value_name = "FILE")]
        old: PathBuf,
        #[arg(long, value_name = "FILE")]
        new: PathBuf,
        #[arg(long, value_name = "FILE")]
        proof: PathBuf,
    },
    /// Read DIR/checkpoint and the entries in DIR/tile/entries up to it, prove that they are what the log signed and that it
    /// only grew since STATE was written, and print the entries whose certificate matches the patterns
    Watch {
        #[command(flatten)]
        key: KeyArguments,
        #[arg(long, value_name = "DIR")]
        tiles: PathBuf,
        #[arg(long, value_name = "FILE")]
        state: PathBuf,
        /// `*` and `?` are wildcards
        #[arg(long, value_name = "PATTERN")]
        identity: String,
        #[arg(long, value_name = "PATTERN", default_value = "*")]
        issuer: String,
    },
}

/// How the log's key is known; without any, by the embedded root of the public-good instance.
#[derive(Args)]
#[group(multiple = false)]
struct KeyArguments {
    /// The log's key: a PEM file, or a verifier key `name+id+base64`
    #[arg(long, value_name = "FILE_OR_VKEY")]
    key: Option<String>,
    /// A trusted_root.json that lists the log
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
}

/// Some 250 million entries: as much as one run reads.
const MAX_BUNDLES: usize = 1 << 20;

/// Why a command does not end well.
enum Failure {
    NotVerified(String),
    BadInput(String),
}

fn main() -> ExitCode {
    let command = match trust_examples::arguments(|_: &Command| Ok(())) {
        Ok(command) => command,
        Err(code) => return code,
    };
    let report = run(command).map(|report| report + "\n");
    match report.and_then(|text| trust_examples::print(&text).map_err(Failure::NotVerified)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::NotVerified(reason)) => {
            eprintln!("log: {reason}");
            ExitCode::from(1)
        }
        Err(Failure::BadInput(problem)) => {
            eprintln!("log: {problem}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn run(command: Command) -> Result<String, Failure> {
    match command {
        Command::VerifyCheckpoint { key, witness_policy, checkpoint } => {
            verify_checkpoint(&LogKeys::read(&key)?, witness_policy.as_deref(), &checkpoint)
        }
        Command::VerifyInclusion { key, checkpoint, index, proof, entry } => {
            verify_inclusion(&LogKeys::read(&key)?, &checkpoint, index, &proof, &entry)
        }
        Command::VerifyConsistency { key, old, new, proof } => {
            verify_consistency(&LogKeys::read(&key)?, &old, &new, &proof)
        }
        Command::Watch { key, tiles, state, identity, issuer } => {
            let identity = CertificateIdentity::new(Pattern::wildcard(identity), Pattern::wildcard(issuer));
            watch(&LogKeys::read(&key)?, &tiles, &state, identity)
        }
    }
}

fn verify_checkpoint(keys: &LogKeys, witnesses: Option<&Path>, file: &Path) -> Result<String, Failure> {
    let text = read_text(file)?;
    let checkpoint = keys.verify(&text)?;
    let mut report = describe(&checkpoint);
    if let Some(witnesses) = witnesses {
        let policy: WitnessPolicy =
            read_text(witnesses)?.parse().map_err(|error| bad_input(Reasons(&error).to_string()))?;
        let note = SignedNote::parse(&text).map_err(|error| not_verified(&error))?;
        let witnessed = policy.verify(&note).map_err(|error| not_verified(&error))?;
        for (witness, time) in witnessed.cosignatures() {
            report += &format!("\nseen by {witness} at {time}");
        }
    }
    Ok(report)
}

fn verify_inclusion(
    keys: &LogKeys,
    checkpoint: &Path,
    index: u64,
    proof: &Path,
    entry: &Path,
) -> Result<String, Failure> {
    let checkpoint = keys.verify(&read_text(checkpoint)?)?;
    let (proof, leaf) = (read_proof(proof)?, merkle::leaf_hash(&read(entry)?));
    merkle::verify_inclusion(&leaf, index, checkpoint.size(), &proof, checkpoint.root())
        .map_err(|error| not_verified(&error))?;
    Ok(format!("entry {index} is in {}", describe(&checkpoint)))
}

fn verify_consistency(keys: &LogKeys, old: &Path, new: &Path, proof: &Path) -> Result<String, Failure> {
    let (old, new) = (keys.verify(&read_text(old)?)?, keys.verify(&read_text(new)?)?);
    verify_transition(&old, &new, &read_proof(proof)?).map_err(|error| not_verified(&error))?;
    Ok(format!("{} is the beginning of {}", describe(&old), describe(&new)))
}

fn watch(
    keys: &LogKeys,
    tiles: &Path,
    state_file: &Path,
    identity: CertificateIdentity,
) -> Result<String, Failure> {
    let watched = IdentityPolicy::new([identity]).map_err(|error| bad_input(error.to_string()))?;
    let mut monitor = match State::load(state_file).map_err(Failure::BadInput)? {
        None => Monitor::new(),
        // What was kept is verified again: the file may have been changed since.
        Some(state) => {
            let checkpoint = keys.verify(&state.note)?;
            let frontier = state.frontier(&checkpoint).map_err(Failure::NotVerified)?;
            Monitor::resume(checkpoint, frontier).map_err(|error| not_verified(&error))?
        }
    }
    .watching(watched);
    let note = read_text(&tiles.join("checkpoint"))?;
    let checkpoint = keys.verify(&note)?;
    let former = monitor.frontier().size();
    let missing: Vec<_> =
        monitor.missing(&checkpoint).map_err(|error| not_verified(&error))?.take(MAX_BUNDLES).collect();
    // A partial bundle may have been replaced by the full one. One that is not there ends the reading, with an error.
    let read = |path: String| fs::read(tiles.join(path)).ok();
    let bundles = missing.iter().map_while(|bundle| read(bundle.path()).or_else(|| read(bundle.full_path())));
    let events = monitor.advance(&checkpoint, bundles).map_err(|error| not_verified(&error))?;
    State::new(note, monitor.frontier()).save(state_file).map_err(Failure::BadInput)?;

    let mut report = String::new();
    for event in events {
        report += &match event {
            Event::Match { index, identity } => format!("entry {index} was signed by {identity}\n"),
            Event::Unreadable { index, problem } => format!("entry {index} cannot be read: {problem}\n"),
            other => format!("{other:?}\n"),
        };
    }
    let read = checkpoint.size() - former;
    Ok(format!("{report}read {read} new entries of {}", describe(&checkpoint)))
}

fn describe(checkpoint: &Checkpoint) -> String {
    let root = encoding::to_base64(checkpoint.root());
    format!("the tree of {} entries of `{}` with root {root}", checkpoint.size(), checkpoint.origin())
}

/// How checkpoints are verified.
enum LogKeys {
    /// By one key, under the name that stands in the note.
    Key(PublicKey),
    /// By one key and its name.
    Named(VerifierKey),
    /// By whichever log of the trust root has the origin.
    Root(TrustRoot),
}

impl LogKeys {
    fn read(arguments: &KeyArguments) -> Result<Self, Failure> {
        let bad = |error: &dyn std::error::Error| bad_input(Reasons(error).to_string());
        match (&arguments.key, &arguments.trusted_root) {
            (Some(key), _) if key.contains('+') && !Path::new(key).exists() => {
                key.parse().map(Self::Named).map_err(|error| bad(&error))
            }
            (Some(file), _) => {
                PublicKey::from_pem(&read_text(Path::new(file))?).map(Self::Key).map_err(|error| bad(&error))
            }
            (None, Some(file)) => {
                TrustRoot::from_json(&read(file)?).map(Self::Root).map_err(|error| bad(&error))
            }
            (None, None) => Ok(Self::Root(TrustRoot::public_good())),
        }
    }

    fn verify(&self, text: &str) -> Result<Checkpoint, Failure> {
        let note = SignedNote::parse(text).map_err(|error| not_verified(&error))?;
        let origin = Checkpoint::unverified_origin(&note).map_err(|error| not_verified(&error))?;
        let verify = |key: &NoteKey<'_>| Checkpoint::verify(&note, key).map_err(|error| not_verified(&error));
        match self {
            Self::Key(key) => verify(&note_key(origin, key)),
            Self::Named(key) if key.name() == origin => verify(&NoteKey::c2sp(origin, key.public_key())),
            Self::Named(key) => {
                Err(Failure::NotVerified(format!("checkpoint is of `{origin}`, expected `{}`", key.name())))
            }
            Self::Root(root) => {
                let name = signer_name(origin);
                let log = root.transparency_logs().iter().find(|log| log.origins().contains(&name));
                let log = log.ok_or_else(|| {
                    Failure::NotVerified(format!(
                        "log `{origin}` is not in the trust root; name its key by `--key`"
                    ))
                })?;
                verify(&note_key(origin, &log.key))
            }
        }
    }
}

/// Rekor v1 signs with ECDSA as `<name>` what it calls `<name> - <tree identifier>`; others sign by their origin.
fn note_key<'a>(origin: &'a str, key: &'a PublicKey) -> NoteKey<'a> {
    match key.algorithm() {
        KeyAlgorithm::Ed25519 => NoteKey::c2sp(origin, key),
        _ => NoteKey::rekor_v1(signer_name(origin), key),
    }
}

fn signer_name(origin: &str) -> &str {
    origin.split_once(" - ").map_or(origin, |(name, _)| name)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    trust_examples::read(file).map_err(Failure::BadInput)
}

fn read_text(file: &Path) -> Result<String, Failure> {
    trust_examples::read_text(file).map_err(Failure::BadInput)
}

fn read_proof(file: &Path) -> Result<Vec<Hash>, Failure> {
    let hash = |line: &str| encoding::from_base64(line).and_then(|bytes| bytes.try_into().ok());
    let lines = read_text(file)?;
    let hashes = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    hashes
        .map(|line| {
            let problem = || format!("{}: `{line}` is not a hash of 32 bytes in base64", file.display());
            hash(line).ok_or_else(|| bad_input(problem()))
        })
        .collect()
}

fn bad_input(problem: impl Into<String>) -> Failure {
    Failure::BadInput(problem.into())
}

fn not_verified(error: &dyn std::error::Error) -> Failure {
    Failure::NotVerified(Reasons(error).to_string())
}
