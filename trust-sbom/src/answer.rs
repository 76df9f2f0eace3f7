//! [`Answer`]: yes, no, or unknown with the reason. What nobody knows is never a no.

use core::fmt;

use serde::Serialize;

/// The answer to a question about a document's contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// It is so.
    Yes,
    /// It is not so.
    No,
    /// The document does not say, for this reason.
    Unknown(String),
}

impl From<bool> for Answer {
    fn from(is_so: bool) -> Self {
        if is_so { Self::Yes } else { Self::No }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yes => f.write_str("yes"),
            Self::No => f.write_str("no"),
            Self::Unknown(reason) => write!(f, "unknown: {reason}"),
        }
    }
}
