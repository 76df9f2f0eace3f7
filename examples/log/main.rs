//! Verifies transparency logs offline: checkpoints, proofs, and every entry between two checkpoints.

mod state;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use trust_core::{
    CertificateIdentity, IdentityPolicy, KeyAlgorithm, Pattern, PublicKey, Reasons, TrustRoot, encoding,
};
use trust_rekor::merkle::{self, Hash};
use trust_rekor::{
    Checkpoint, Event, Monitor, NoteKey, SignedNote, VerifierKey, WitnessPolicy, verify_transition,
};

use crate::state::State;

const USAGE: &str = "\
Verifies transparency logs offline.

usage: log verify-checkpoint  [KEY] [--witness-policy FILE] CHECKPOINT
       log verify-inclusion   [KEY] --checkpoint FILE --index N --proof FILE ENTRY
       log verify-consistency [KEY] --old FILE --new FILE --proof FILE
       log watch              [KEY] --tiles DIR --state FILE --identity PATTERN [--issuer PATTERN]

KEY is how the log's key is known:
  --key FILE_OR_VKEY     a PEM file, or a verifier key `name+id+base64`
  --trusted-root FILE    a trusted_root.json that lists the log; without any, the embedded public-good root

CHECKPOINT is a signed note. A proof is a file with one hash a line, in base64. ENTRY is the entry's bytes.
`watch` reads DIR/checkpoint and the entries in DIR/tile/entries up to it, proves that they are what the log signed
and that it only grew since STATE was written, and prints the entries whose certificate matches the patterns
(`*` and `?` are wildcards).

exit status: 0 verified, 1 not verified, 2 usage
";

/// Some 250 million entries: as much as one run reads.
const MAX_BUNDLES: usize = 1 << 20;

/// Why a command has no good end.
enum Failure {
    NotVerified(String),
    Usage(String),
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let about = trust_examples::about("log", USAGE, &words);
    let outcome = match about {
        Some(text) => Ok(text),
        None => run(&words).map(|report| report + "\n"),
    };
    match outcome.and_then(|text| trust_examples::print(&text).map_err(Failure::NotVerified)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::NotVerified(reason)) => {
            eprintln!("log: {reason}");
            ExitCode::from(1)
        }
        Err(Failure::Usage(problem)) => {
            eprintln!("log: {problem}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(words: &[String]) -> Result<String, Failure> {
    let (command, words) = words.split_first().ok_or_else(|| usage("no command"))?;
    let mut options = Options::parse(words)?;
    let key = LogKeys::from_options(&mut options)?;
    let report = match command.as_str() {
        "verify-checkpoint" => verify_checkpoint(&key, &mut options)?,
        "verify-inclusion" => verify_inclusion(&key, &mut options)?,
        "verify-consistency" => verify_consistency(&key, &mut options)?,
        "watch" => watch(&key, &mut options)?,
        other => return Err(usage(format!("`{other}` is not a command"))),
    };
    Ok(report)
}

fn verify_checkpoint(keys: &LogKeys, options: &mut Options) -> Result<String, Failure> {
    let policy = options.take("--witness-policy");
    let text = read_text(&options.operand("CHECKPOINT")?)?;
    options.end()?;
    let checkpoint = keys.verify(&text)?;
    let mut report = describe(&checkpoint);
    if let Some(policy) = policy {
        let policy: WitnessPolicy =
            read_text(&policy)?.parse().map_err(|error| usage(Reasons(&error).to_string()))?;
        let note = SignedNote::parse(&text).map_err(|error| not_verified(&error))?;
        let witnessed = policy.verify(&note).map_err(|error| not_verified(&error))?;
        for (witness, time) in witnessed.cosignatures() {
            report += &format!("\nseen by {witness} at {time}");
        }
    }
    Ok(report)
}

fn verify_inclusion(keys: &LogKeys, options: &mut Options) -> Result<String, Failure> {
    let checkpoint = keys.verify(&read_text(&options.require("--checkpoint")?)?)?;
    let index = options.require("--index")?;
    let index: u64 = index.parse().map_err(|_| usage(format!("--index: `{index}` is not a number")))?;
    let proof = read_proof(&options.require("--proof")?)?;
    let entry = read(&options.operand("ENTRY")?)?;
    options.end()?;
    merkle::verify_inclusion(&merkle::leaf_hash(&entry), index, checkpoint.size(), &proof, checkpoint.root())
        .map_err(|error| not_verified(&error))?;
    Ok(format!("entry {index} is in {}", describe(&checkpoint)))
}

fn verify_consistency(keys: &LogKeys, options: &mut Options) -> Result<String, Failure> {
    let old = keys.verify(&read_text(&options.require("--old")?)?)?;
    let new = keys.verify(&read_text(&options.require("--new")?)?)?;
    let proof = read_proof(&options.require("--proof")?)?;
    options.end()?;
    verify_transition(&old, &new, &proof).map_err(|error| not_verified(&error))?;
    Ok(format!("{} is the beginning of {}", describe(&old), describe(&new)))
}

fn watch(keys: &LogKeys, options: &mut Options) -> Result<String, Failure> {
    let tiles = PathBuf::from(options.require("--tiles")?);
    let state_file = PathBuf::from(options.require("--state")?);
    let subject = Pattern::wildcard(options.require("--identity")?);
    let issuer = Pattern::wildcard(options.take("--issuer").unwrap_or_else(|| "*".to_owned()));
    options.end()?;
    let watched = IdentityPolicy::new([CertificateIdentity::new(subject, issuer)])
        .map_err(|error| usage(error.to_string()))?;

    let mut monitor = match State::load(&state_file).map_err(Failure::Usage)? {
        None => Monitor::new(),
        // What was kept is verified again: the file may have been changed since.
        Some(state) => {
            let checkpoint = keys.verify(&state.note)?;
            let frontier = state.frontier(&checkpoint).map_err(Failure::NotVerified)?;
            Monitor::resume(checkpoint, frontier).map_err(|error| not_verified(&error))?
        }
    }
    .watching(watched);
    let note = read_text(&tiles.join("checkpoint").to_string_lossy())?;
    let checkpoint = keys.verify(&note)?;
    let former = monitor.frontier().size();
    let missing: Vec<_> =
        monitor.missing(&checkpoint).map_err(|error| not_verified(&error))?.take(MAX_BUNDLES).collect();
    // A partial bundle may have been replaced by the full one. One that is not there ends the reading, with an error.
    let read = |path: String| fs::read(tiles.join(path)).ok();
    let bundles = missing.iter().map_while(|bundle| read(bundle.path()).or_else(|| read(bundle.full_path())));
    let events = monitor.advance(&checkpoint, bundles).map_err(|error| not_verified(&error))?;
    State::new(note, monitor.frontier()).save(&state_file).map_err(Failure::Usage)?;

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
    fn from_options(options: &mut Options) -> Result<Self, Failure> {
        match (options.take("--key"), options.take("--trusted-root")) {
            (Some(_), Some(_)) => Err(usage("either `--key` or `--trusted-root`")),
            (Some(key), None) if key.contains('+') && !Path::new(&key).exists() => {
                key.parse().map(Self::Named).map_err(|error| usage(Reasons(&error).to_string()))
            }
            (Some(file), None) => {
                let key = PublicKey::from_pem(&read_text(&file)?)
                    .map_err(|error| usage(Reasons(&error).to_string()))?;
                Ok(Self::Key(key))
            }
            (None, Some(file)) => TrustRoot::from_json(&read(&file)?)
                .map(Self::Root)
                .map_err(|error| usage(Reasons(&error).to_string())),
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

/// Options with a value each, and operands.
struct Options {
    values: Vec<(String, String)>,
    operands: Vec<String>,
}

impl Options {
    fn parse(words: &[String]) -> Result<Self, Failure> {
        let (mut values, mut operands) = (Vec::new(), Vec::new());
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word.starts_with("--") {
                let value = words.next().ok_or_else(|| usage(format!("`{word}` needs a value")))?;
                values.push((word.clone(), value.clone()));
            } else {
                operands.push(word.clone());
            }
        }
        Ok(Self { values, operands })
    }

    fn take(&mut self, option: &str) -> Option<String> {
        let index = self.values.iter().position(|(name, _)| name == option)?;
        Some(self.values.remove(index).1)
    }

    fn require(&mut self, option: &str) -> Result<String, Failure> {
        self.take(option).ok_or_else(|| usage(format!("`{option}` is needed")))
    }

    fn operand(&mut self, name: &str) -> Result<String, Failure> {
        self.operands.pop().ok_or_else(|| usage(format!("{name} is needed")))
    }

    fn end(&self) -> Result<(), Failure> {
        match self.values.iter().map(|(name, _)| name).chain(&self.operands).next() {
            None => Ok(()),
            Some(word) => Err(usage(format!("`{word}` is not expected"))),
        }
    }
}

fn read(file: &str) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| usage(format!("{file}: {error}")))
}

fn read_text(file: &str) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| usage(format!("{file}: {error}")))
}

fn read_proof(file: &str) -> Result<Vec<Hash>, Failure> {
    let hash = |line: &str| encoding::from_base64(line).and_then(|bytes| bytes.try_into().ok());
    let lines = read_text(file)?;
    let hashes = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    hashes
        .map(|line| {
            hash(line).ok_or_else(|| usage(format!("{file}: `{line}` is not a hash of 32 bytes in base64")))
        })
        .collect()
}

fn usage(problem: impl Into<String>) -> Failure {
    Failure::Usage(problem.into())
}

fn not_verified(error: &dyn std::error::Error) -> Failure {
    Failure::NotVerified(Reasons(error).to_string())
}
