//! [`Pattern`]: how text in a policy says which text it means. Every kind matches the whole text.

use core::fmt;

use regex::Regex;
use thiserror::Error;

/// A compiled regular expression may take this much memory.
const MAX_REGEX_SIZE: usize = 1 << 20;

/// A condition on a text. Exact unless chosen otherwise; never a match on a part of the text.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// The text itself.
    Exact(String),
    /// `*` stands for any characters, also none and also `/`; `?` for exactly one; there are no escapes.
    Wildcard(String),
    /// A regular expression, anchored at both ends.
    Regex(AnchoredRegex),
}

/// A regular expression that matches whole texts only, in linear time.
#[derive(Clone, Debug)]
pub struct AnchoredRegex {
    written: String,
    compiled: Regex,
}

/// The text is not a regular expression, or too large a one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{found}` is not a usable regular expression: {problem}")]
pub struct PatternError {
    /// What was found.
    pub found: String,
    /// What is wrong.
    pub problem: String,
}

impl Pattern {
    /// Exactly `text`.
    pub fn exact(text: impl Into<String>) -> Self {
        Self::Exact(text.into())
    }

    /// `text` with `*` and `?`.
    pub fn wildcard(text: impl Into<String>) -> Self {
        Self::Wildcard(text.into())
    }

    /// The regular expression `text` in the syntax of the crate [`regex`], anchored at both ends.
    ///
    /// # Errors
    /// If it does not compile, or becomes too large.
    pub fn regex(text: &str) -> Result<Self, PatternError> {
        let compile = |source: &str| regex::RegexBuilder::new(source).size_limit(MAX_REGEX_SIZE).build();
        // Compiled alone first, so that a stray parenthesis cannot close the group around it.
        compile(text)
            .and_then(|_| compile(&format!(r"\A(?:{text})\z")))
            .map(|compiled| Self::Regex(AnchoredRegex { written: text.to_owned(), compiled }))
            .map_err(|error| PatternError { found: text.to_owned(), problem: error.to_string() })
    }

    /// Whether the whole of `text` is what this pattern means.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(expected) => expected == text,
            Self::Wildcard(pattern) => wildcard_matches(pattern, text),
            Self::Regex(regex) => regex.compiled.is_match(text),
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn written(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Wildcard(text) => text,
            Self::Regex(regex) => &regex.written,
        }
    }
}

/// Greedy matching with one point to return to: time is at most the product of the lengths.
fn wildcard_matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut last_star = None;
    loop {
        let (mut next_pattern, mut next_text) = (pattern.clone(), text.clone());
        match (next_pattern.next(), next_text.next()) {
            (Some('*'), _) => {
                last_star = Some((next_pattern.clone(), text.clone()));
                pattern = next_pattern;
            }
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {
                (pattern, text) = (next_pattern, next_text);
            }
            _ => {
                let Some((after_star, retry)) = &mut last_star else {
                    return false;
                };
                if retry.next().is_none() {
                    return false;
                }
                (pattern, text) = (after_star.clone(), retry.clone());
            }
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        core::mem::discriminant(self) == core::mem::discriminant(other) && self.written() == other.written()
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) | Self::Wildcard(text) => write!(f, "`{text}`"),
            Self::Regex(regex) => write!(f, "/{}/", regex.written),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regex_matches_the_whole_text_only() {
        let pattern = Pattern::regex("https://github.com/org|other").unwrap();
        assert!(pattern.matches("https://github.com/org") && pattern.matches("other"));
        assert!(!pattern.matches("https://github.com/org/evil") && !pattern.matches("xother"));
        assert!(!Pattern::regex("a").unwrap().matches("a\n"));
        assert!(Pattern::regex("a)|(b").is_err());
    }

    #[test]
    fn an_exact_pattern_has_no_wildcards() {
        assert!(!Pattern::exact("a*").matches("ab"));
        assert!(Pattern::exact("a*").matches("a*"));
    }

    #[test]
    fn an_empty_wildcard_matches_only_the_empty_text() {
        assert!(Pattern::wildcard("").matches(""));
        assert!(!Pattern::wildcard("").matches("a"));
    }

    #[test]
    fn hostile_wildcards_stay_cheap() {
        let (pattern, text) = ("*a".repeat(500) + "*b", "a".repeat(5000));
        assert!(!Pattern::wildcard(pattern).matches(&text));
    }

    proptest::proptest! {
        #[test]
        fn wildcards_agree_with_a_regex(pattern in "[ab*?é]{0,8}", text in "[abé]{0,10}") {
            let mut source = String::from("(?s)");
            for character in pattern.chars() {
                match character {
                    '*' => source.push_str(".*"),
                    '?' => source.push('.'),
                    other => source.push(other),
                }
            }
            let oracle = Pattern::regex(&source).unwrap();
            proptest::prop_assert_eq!(Pattern::wildcard(pattern).matches(&text), oracle.matches(&text));
        }
    }
}
