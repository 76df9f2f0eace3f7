//! [`SignError`]: why signing failed, and what is already public.

use core::fmt;

use thiserror::Error;

/// What a service has made public, irrevocably.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Published {
    /// A certificate with the signer's identity, in logs of certificates.
    Certificate {
        /// The authority's URL.
        authority: String,
        /// False: the authority may have made it, but has not answered with it.
        is_certain: bool,
    },
    /// The signature and its signer.
    LogEntry {
        /// The log's URL.
        log: String,
        /// Where it is there; `None`: the log may have taken it in, but has not said where.
        index: Option<u64>,
    },
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { authority, is_certain: true } => write!(f, "a certificate by {authority}"),
            Self::Certificate { authority, is_certain: false } => {
                write!(f, "perhaps a certificate by {authority}")
            }
            Self::LogEntry { log, index: Some(index) } => write!(f, "entry {index} of {log}"),
            Self::LogEntry { log, index: None } => write!(f, "perhaps an entry of {log}"),
        }
    }
}

/// What a signer was about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Begin: what is asked for cannot be made, or not by these services.
    Begin,
    /// Get an identity token.
    Token,
    /// Sign with the key.
    Sign,
    /// Get a certificate.
    Certificate,
    /// Get a timestamp.
    Timestamp,
    /// Get an entry of a log.
    Log,
    /// Verify the outcome.
    Verify,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begin => "begin to sign",
            Self::Token => "get an identity token",
            Self::Sign => "sign",
            Self::Certificate => "get a certificate",
            Self::Timestamp => "get a timestamp",
            Self::Log => "log the signature",
            Self::Verify => "verify what was signed",
        })
    }
}

/// Signing failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot {stage}: {problem}{}", already(published))]
#[non_exhaustive]
pub struct SignError {
    /// What could not be done.
    pub stage: Stage,
    /// Why not.
    pub problem: String,
    /// What is already public.
    pub published: Vec<Published>,
}

fn already(published: &[Published]) -> String {
    let all: Vec<String> = published.iter().map(ToString::to_string).collect();
    if all.is_empty() { String::new() } else { format!("; already public: {}", all.join(", ")) }
}

impl SignError {
    /// Nothing is public yet.
    pub(crate) fn new(stage: Stage, problem: &dyn fmt::Display) -> Self {
        Self { stage, problem: problem.to_string(), published: Vec::new() }
    }
}
