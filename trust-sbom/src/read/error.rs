//! [`SbomError`]: why a document is not read.

use thiserror::Error;
use trust_core::internal::json::JsonError;

use crate::model::sbom::Format;

/// The document cannot be read: it is broken, too large, or of a format or version that is not read here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SbomError {
    /// It could not be got to the end.
    #[error("document could not be read: {problem}")]
    Read {
        /// What the reader says.
        problem: String,
    },
    /// It is too long.
    #[error("document has more than {expected} bytes")]
    TooLong {
        /// How many are read.
        expected: u64,
    },
    /// There is too much of something.
    #[error("document has more than {expected} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are read.
        expected: usize,
    },
    /// A component has too much of something.
    #[error("component `{at}` has more than {expected} {what}")]
    TooManyOf {
        /// Of what.
        what: &'static str,
        /// Which component.
        at: String,
        /// How many are read.
        expected: usize,
    },
    /// A name or version is too long.
    #[error(
        "component `{at}` has a name, version or package URL of {found} bytes, expected at most {expected}"
    )]
    TextTooLong {
        /// Which component.
        at: String,
        /// Its length.
        found: usize,
        /// How many bytes are read.
        expected: usize,
    },
    /// It is not JSON, repeats a key that is read, or has another shape.
    #[error("document is malformed")]
    Json(#[from] JsonError),
    /// It is not XML that is read here.
    #[error("document is malformed at byte {at}: {problem}")]
    Xml {
        /// Where, counted from 0.
        at: u64,
        /// What was found and what was expected.
        problem: String,
    },
    /// A line of tag-value or YAML is not read.
    #[error("document is malformed at line {line}: {problem}")]
    Line {
        /// Which line, counted from 1.
        line: u64,
        /// What was found and what was expected.
        problem: String,
    },
    /// It says that it is of several formats.
    #[error("document has both `{0}` and `{1}`, expected one of them")]
    TwoFormats(&'static str, &'static str),
    /// It does not say what it is.
    #[error("document has none of `bomFormat`, `spdxVersion`, `@graph` and CycloneDX's XML namespace")]
    UnknownFormat,
    /// It is of a format that is known, and not read.
    #[error(
        "document is {found}, expected CycloneDX in JSON or XML, or SPDX in JSON, tag-value, YAML or JSON-LD"
    )]
    Unsupported {
        /// What it is.
        found: &'static str,
    },
    /// It is of another version.
    #[error("document is {format} `{found}`, expected {expected}")]
    Version {
        /// The format.
        format: Format,
        /// What was found.
        found: String,
        /// Which versions are read.
        expected: &'static str,
    },
    /// [`Strictness::Spec`](crate::Strictness::Spec) was asked for, and the specification forbids something.
    #[error("{at}: {problem}")]
    Spec {
        /// Where: a path into the document.
        at: String,
        /// What was found and what was expected.
        problem: String,
    },
}
