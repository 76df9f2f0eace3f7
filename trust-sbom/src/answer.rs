//! [`Answer`]: yes, no, or unknown with the reason. What is not known is never a no.

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

impl Answer {
    /// Whether one of several things is so: no if there are none.
    #[must_use]
    pub fn any(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut sum = Self::No;
        for answer in answers {
            match answer {
                Self::Yes => return Self::Yes,
                Self::Unknown(_) if sum == Self::No => sum = answer,
                Self::Unknown(_) | Self::No => {}
            }
        }
        sum
    }

    /// Whether all of several things are so: yes if there are none.
    #[must_use]
    pub fn all(answers: impl IntoIterator<Item = Self>) -> Self {
        let mut sum = Self::Yes;
        for answer in answers {
            match answer {
                Self::No => return Self::No,
                Self::Unknown(_) if sum == Self::Yes => sum = answer,
                Self::Unknown(_) | Self::Yes => {}
            }
        }
        sum
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_matters_only_where_it_decides() {
        let unknown = || Answer::Unknown("?".to_owned());
        assert_eq!(Answer::any([unknown(), Answer::Yes]), Answer::Yes);
        assert_eq!(Answer::any([Answer::No, unknown()]), unknown());
        assert_eq!(Answer::all([unknown(), Answer::No]), Answer::No);
        assert_eq!(Answer::all([Answer::Yes, unknown()]), unknown());
        assert_eq!((Answer::any([]), Answer::all([])), (Answer::No, Answer::Yes));
    }
}
