//! [`Diagnostics`]: what is odd about a document that could be read.

use core::fmt;

use serde::Serialize;

/// Something odd. The document was read nevertheless, and nothing of it was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnostic {
    /// How odd.
    pub grade: Grade,
    /// What.
    pub kind: DiagnosticKind,
    /// The component, reference or field that it is about.
    pub at: String,
}

/// How much an oddity matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Grade {
    /// Common, and without consequence for any question.
    Note,
    /// An answer may become "unknown" because of it.
    Warning,
    /// Two parts of the document contradict each other, or a name is made to be misread.
    Suspicious,
}

/// What is odd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum DiagnosticKind {
    /// A reference leads to nothing in the document.
    DanglingReference,
    /// Two components have the same reference; both are kept, and the first is what it leads to.
    RepeatedReference,
    /// A component has no name.
    MissingName,
    /// A value is none of those that the specification lists.
    UnknownValue(String),
    /// A package URL cannot be read.
    Purl(String),
    /// A license is neither on the SPDX list nor an expression over it.
    UnknownLicense(String),
    /// A time is not RFC 3339.
    Time(String),
    /// The package URL names another package or version than the component does.
    PurlMismatch(String),
    /// A name or version holds control characters or marks of text direction.
    MisleadingText(String),
    /// A field was expected and is missing.
    MissingField(&'static str),
}

impl DiagnosticKind {
    /// How much it matters.
    #[must_use]
    pub fn grade(&self) -> Grade {
        match self {
            Self::UnknownValue(_) | Self::UnknownLicense(_) | Self::Time(_) | Self::MissingField(_) => {
                Grade::Note
            }
            Self::DanglingReference | Self::RepeatedReference | Self::MissingName | Self::Purl(_) => {
                Grade::Warning
            }
            Self::PurlMismatch(_) | Self::MisleadingText(_) => Grade::Suspicious,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.at)?;
        match &self.kind {
            DiagnosticKind::DanglingReference => f.write_str("leads to nothing in this document"),
            DiagnosticKind::RepeatedReference => f.write_str("is the reference of several components"),
            DiagnosticKind::MissingName => f.write_str("has no name"),
            DiagnosticKind::UnknownValue(found) => {
                write!(f, "has the value `{found}`, which no specification lists")
            }
            DiagnosticKind::Purl(problem) => write!(f, "is not a package URL: {problem}"),
            DiagnosticKind::UnknownLicense(found) => {
                write!(f, "has the license `{found}`, neither on the SPDX list nor an expression over it")
            }
            DiagnosticKind::Time(found) => write!(f, "has the time `{found}`, expected RFC 3339"),
            DiagnosticKind::PurlMismatch(purl) => {
                write!(f, "has the package URL `{purl}`, which names something else")
            }
            DiagnosticKind::MisleadingText(found) => {
                write!(f, "is called `{}`, with characters that are not shown", found.escape_debug())
            }
            DiagnosticKind::MissingField(field) => write!(f, "has no `{field}`"),
        }
    }
}

/// What is odd about a document. The first ones are kept, the others counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    count: usize,
}

impl Diagnostics {
    /// Those that were kept, in the order in which they were found.
    #[must_use]
    pub fn kept(&self) -> &[Diagnostic] {
        &self.kept
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn add(&mut self, kind: DiagnosticKind, at: impl Into<String>, most: usize) {
        self.count = self.count.saturating_add(1);
        if self.kept.len() < most {
            self.kept.push(Diagnostic { grade: kind.grade(), kind, at: at.into() });
        }
    }
}
