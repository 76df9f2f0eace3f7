//! [`Checkpoint`]: a tree head that a log signed
//! ([C2SP tlog-checkpoint](https://github.com/C2SP/C2SP/blob/main/tlog-checkpoint.md)).

use thiserror::Error;
use trust_core::internal::encoding;

use crate::merkle::{self, Hash};
use crate::note::{NoteError, NoteKey, SignedNote};

/// The size and root hash of a log's tree. It is only made from a note whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
}

/// The note is not a checkpoint, or not the log's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It is not a note, or not signed by the log's key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// A line is absent or malformed.
    #[error("line {line} is `{found}`, expected {expected}")]
    Line {
        /// Which, counted from 1.
        line: usize,
        /// What was found.
        found: String,
        /// What was expected.
        expected: &'static str,
    },
    /// An empty tree has another root hash than the empty tree's.
    #[error("tree of size 0 has a root hash other than that of the empty tree")]
    EmptyTree,
}

impl Checkpoint {
    /// Verifies that `key` signed the note, and reads the checkpoint in it.
    ///
    /// # Errors
    /// If the signature does not verify, or the text is not a checkpoint.
    pub fn verify(note: &SignedNote<'_>, key: &NoteKey<'_>) -> Result<Self, CheckpointError> {
        note.verify(key)?;
        Self::parse(note.unverified_text())
    }

    /// The origin line of a note, which says whose key is needed to verify it.
    ///
    /// # Errors
    /// If there is none.
    pub fn unverified_origin<'a>(note: &SignedNote<'a>) -> Result<&'a str, CheckpointError> {
        let origin = note.unverified_text().split('\n').next();
        origin.filter(|origin| !origin.is_empty()).ok_or(CheckpointError::Line {
            line: 1,
            found: String::new(),
            expected: "the log's origin",
        })
    }

    fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        let wrong =
            |line, found: &str, expected| CheckpointError::Line { line, found: found.to_owned(), expected };
        let origin = lines.next().unwrap_or_default();
        if origin.is_empty() {
            return Err(wrong(1, origin, "the log's origin"));
        }
        let size = lines.next().unwrap_or_default();
        let size = parse_size(size).ok_or_else(|| wrong(2, size, "the tree size in decimal digits"))?;
        let root = lines.next().unwrap_or_default();
        let root: Hash = encoding::from_base64(root)
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| wrong(3, root, "the root hash, 32 bytes in base64"))?;
        // Extension lines may follow, none of them empty.
        for (index, extension) in lines.enumerate() {
            if extension.is_empty() {
                return Err(CheckpointError::Line {
                    line: index + 4,
                    found: String::new(),
                    expected: "an extension line that is not empty",
                });
            }
        }
        if size == 0 && root != merkle::empty_root() {
            return Err(CheckpointError::EmptyTree);
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> &Hash {
        &self.root
    }
}

/// ASCII decimal without sign and leading zeros.
fn parse_size(text: &str) -> Option<u64> {
    let size: u64 = text.parse().ok()?;
    (size.to_string() == text).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn line(line: usize, found: &str, expected: &'static str) -> CheckpointError {
        CheckpointError::Line { line, found: found.to_owned(), expected }
    }

    #[test]
    fn size_zero_is_the_empty_tree() {
        let checkpoint = Checkpoint::parse(&format!("log.example\n0\n{ROOT}\nextension\n"));
        assert_eq!(checkpoint.map(|checkpoint| checkpoint.size()), Ok(0));
        let other = Checkpoint::parse(&format!("log.example\n0\n{}=\n", "A".repeat(43)));
        assert_eq!(other, Err(CheckpointError::EmptyTree));
    }

    #[test]
    fn other_spellings_are_refused() {
        let size = "the tree size in decimal digits";
        let root = "the root hash, 32 bytes in base64";
        for (text, expected) in [
            ("\n1\nx\n".to_owned(), line(1, "", "the log's origin")),
            (format!("o\n+1\n{ROOT}\n"), line(2, "+1", size)),
            (format!("o\n01\n{ROOT}\n"), line(2, "01", size)),
            (format!("o\n1 \n{ROOT}\n"), line(2, "1 ", size)),
            ("o\n1\n".to_owned(), line(3, "", root)),
            ("o\n1\nAAAA\n".to_owned(), line(3, "AAAA", root)),
            (format!("o\n1\n{ROOT}\n\nx\n"), line(4, "", "an extension line that is not empty")),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(expected), "{text:?}");
        }
    }
}
