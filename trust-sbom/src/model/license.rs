//! [`LicenseClaim`]: who says that a component has which license; and [`LicensePolicy`], which licenses are allowed.

use std::collections::BTreeSet;

use std::sync::Arc;

use serde::Serialize;
use spdx::{Expression, LicenseReq, Licensee, ParseMode};
use thiserror::Error;

use crate::answer::Answer;

/// Longer expressions are not read.
const MAX_LEN: usize = 8 << 10;
/// Deeper ones neither.
const MAX_DEPTH: usize = 32;

/// A claim about a component's license.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct LicenseClaim {
    /// On what ground.
    pub role: LicenseRole,
    /// Which license.
    pub license: License,
    /// Where its text is.
    pub url: Option<String>,
}

/// On what ground a license is claimed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum LicenseRole {
    /// The document does not say.
    #[default]
    Unstated,
    /// The component's author declares it.
    Declared,
    /// The document's author concludes it.
    Concluded,
    /// It was found in a file.
    Observed,
}

/// A license. Not to say anything is not a license: the component then has no claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum License {
    /// An [SPDX expression](https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/), as written.
    Expression(Arc<str>),
    /// A name that is not on the SPDX list, or an expression that cannot be read.
    Name(Arc<str>),
    /// `NONE`: there is no license.
    None,
    /// `NOASSERTION`: the author does not say.
    NoAssertion,
}

impl License {
    /// The license that a text in the place of an SPDX expression means.
    pub(crate) fn from_text(text: &str) -> Self {
        match text.trim() {
            "NONE" => Self::None,
            "NOASSERTION" => Self::NoAssertion,
            text if parse(text).is_ok() => Self::Expression(text.into()),
            text => Self::Name(text.into()),
        }
    }

    /// The text, as documents write it.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Expression(text) | Self::Name(text) => text,
            Self::None => "NONE",
            Self::NoAssertion => "NOASSERTION",
        }
    }
}

/// The text is not a license expression.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LicenseError {
    /// It is too long.
    #[error("license expression has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// Its parentheses are nested too deep.
    #[error("license expression nests deeper than {MAX_DEPTH} parentheses")]
    TooDeep,
    /// A term is not on the SPDX list, or the syntax is broken.
    #[error("`{text}` is not a license expression: {problem}")]
    Syntax {
        /// What was found.
        text: String,
        /// What is wrong, and where.
        problem: String,
    },
}

/// Reads an expression, after [`normalize`]. The bounds are checked before any parser sees it.
fn parse(text: &str) -> Result<Expression, LicenseError> {
    if text.len() > MAX_LEN {
        return Err(LicenseError::TooLong { found: text.len() });
    }
    let mut depth = 0usize;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(LicenseError::TooDeep);
        }
    }
    Expression::parse_mode(&normalize(text), MODE).map_err(|error| LicenseError::Syntax {
        text: text.chars().take(200).collect(),
        problem: format!("{} at byte {}", error.reason, error.span.start),
    })
}

/// As people write, but for names that mean several licenses.
const MODE: ParseMode = ParseMode { allow_imprecise_license_names: false, ..ParseMode::LAX };

/// Names that people write for one license of the SPDX list. `BSD`, `Apache`, `Artistic` and `PSF` stand for several.
const COMMON_NAMES: [(&str, &str); 30] = [
    ("agplv3", "AGPL-3.0-only"),
    ("agplv3+", "AGPL-3.0-or-later"),
    ("apache 2", "Apache-2.0"),
    ("apache 2.0", "Apache-2.0"),
    ("apache license 2.0", "Apache-2.0"),
    ("apache license, version 2.0", "Apache-2.0"),
    ("apache-2", "Apache-2.0"),
    ("bsd-2", "BSD-2-Clause"),
    ("bsd-3", "BSD-3-Clause"),
    ("expat", "MIT"),
    ("gplv1+", "GPL-1.0-or-later"),
    ("gplv2", "GPL-2.0-only"),
    ("gplv2+", "GPL-2.0-or-later"),
    ("gplv3", "GPL-3.0-only"),
    ("gplv3+", "GPL-3.0-or-later"),
    ("gpl-1", "GPL-1.0-only"),
    ("gpl-2", "GPL-2.0-only"),
    ("gpl-2+", "GPL-2.0-or-later"),
    ("gpl-3", "GPL-3.0-only"),
    ("gpl-3+", "GPL-3.0-or-later"),
    ("lgplv2", "LGPL-2.0-only"),
    ("lgplv2+", "LGPL-2.0-or-later"),
    ("lgplv2.1", "LGPL-2.1-only"),
    ("lgplv2.1+", "LGPL-2.1-or-later"),
    ("lgplv3", "LGPL-3.0-only"),
    ("lgplv3+", "LGPL-3.0-or-later"),
    ("lgpl-2.1+", "LGPL-2.1-or-later"),
    ("mit license", "MIT"),
    ("mplv2.0", "MPL-2.0"),
    ("public domain", "LicenseRef-public-domain"),
];

/// Common names become identifiers, and identifiers get the case of the SPDX list; the rest stays as it is.
fn normalize(text: &str) -> String {
    let whole = text.trim().to_ascii_lowercase();
    if let Some((_, id)) = COMMON_NAMES.iter().find(|(name, _)| *name == whole) {
        return (*id).to_owned();
    }
    let mut normalized = String::with_capacity(text.len());
    for piece in text.split_inclusive([' ', '(', ')']) {
        let end = piece.len() - usize::from(piece.ends_with([' ', '(', ')']));
        let (word, separator) = piece.split_at_checked(end).unwrap_or((piece, ""));
        normalized.push_str(&in_list_case(word));
        normalized.push_str(separator);
    }
    normalized
}

fn in_list_case(word: &str) -> String {
    let operator = word.to_ascii_uppercase();
    if ["AND", "OR", "WITH"].contains(&operator.as_str()) {
        return operator;
    }
    let lower = word.to_ascii_lowercase();
    if let Some((_, id)) = COMMON_NAMES.iter().find(|(name, _)| *name == lower) {
        return (*id).to_owned();
    }
    let (bare, plus) = word.strip_suffix('+').map_or((word, ""), |bare| (bare, "+"));
    if spdx::license_id(bare).is_some() || spdx::exception_id(bare).is_some() {
        return word.to_owned();
    }
    let listed = || spdx::identifiers::LICENSES.iter().map(|one| one.name);
    let exceptions = || spdx::identifiers::EXCEPTIONS.iter().map(|one| one.name);
    listed()
        .chain(exceptions())
        .find(|name| name.eq_ignore_ascii_case(bare))
        .map_or_else(|| word.to_owned(), |name| format!("{name}{plus}"))
}

/// Which licenses are allowed.
///
/// An expression is evaluated as it is written, without expanding it: `OR` is allowed if one side is, `AND` if both
/// are, a license `WITH` an exception only as that pair or as the license alone where it is allowed, and `-or-later` if
/// any version that it offers is. What the policy or the list does not know makes the answer unknown where it matters.
#[derive(Clone, Debug, Default)]
pub struct LicensePolicy {
    allowed: Option<Vec<Licensee>>,
    denied: Vec<Licensee>,
    allowed_refs: BTreeSet<String>,
    denied_refs: BTreeSet<String>,
}

impl LicensePolicy {
    /// Allows everything that is on the SPDX list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows these alone, each an SPDX identifier, with an exception or without, or a `LicenseRef-…`.
    ///
    /// # Errors
    /// If one is not on the SPDX list.
    pub fn allowing<'a>(mut self, licenses: impl IntoIterator<Item = &'a str>) -> Result<Self, LicenseError> {
        for license in licenses {
            let allowed = self.allowed.get_or_insert_default();
            match term(license)? {
                Term::Listed(licensee) => allowed.push(licensee),
                Term::Other(name) => {
                    self.allowed_refs.insert(name);
                }
            }
        }
        Ok(self)
    }

    /// Denies these, whatever is allowed.
    ///
    /// # Errors
    /// If one is not on the SPDX list.
    pub fn denying<'a>(mut self, licenses: impl IntoIterator<Item = &'a str>) -> Result<Self, LicenseError> {
        for license in licenses {
            match term(license)? {
                Term::Listed(licensee) => self.denied.push(licensee),
                Term::Other(name) => {
                    self.denied_refs.insert(name);
                }
            }
        }
        Ok(self)
    }

    /// Whether software under this license may be used.
    #[must_use]
    pub fn allows(&self, license: &License) -> Answer {
        match license {
            License::None => Answer::No,
            License::NoAssertion => {
                Answer::Unknown("the author does not say which license it has".to_owned())
            }
            License::Name(name) => Answer::Unknown(format!("`{name}` is not on the SPDX list")),
            License::Expression(text) => match parse(text) {
                Err(error) => Answer::Unknown(error.to_string()),
                Ok(expression) => self.allows_expression(&expression),
            },
        }
    }

    /// Evaluates twice, with what is unknown taken as allowed and as denied: terms only join by AND and OR, so if both
    /// agree the unknown does not matter.
    fn allows_expression(&self, expression: &Expression) -> Answer {
        let at_best = expression.evaluate(|term| self.allows_term(term).unwrap_or(true));
        let at_worst = expression.evaluate(|term| self.allows_term(term).unwrap_or(false));
        match (at_best, at_worst) {
            (true, false) => {
                Answer::Unknown(format!("`{expression}` has terms that the policy does not know"))
            }
            (is_allowed, _) => Answer::from(is_allowed),
        }
    }

    /// `None` if the policy does not know the term.
    fn allows_term(&self, term: &LicenseReq) -> Option<bool> {
        let name = term.license.to_string();
        if term.license.id().is_none() {
            return match (self.denied_refs.contains(&name), self.allowed_refs.contains(&name)) {
                (true, _) => Some(false),
                (false, true) => Some(true),
                (false, false) => None,
            };
        }
        let is_of = |licensees: &[Licensee]| licensees.iter().any(|licensee| licensee.satisfies(term));
        // An exception only gives permissions, so the license without it is allowed with it too.
        let without_exception = LicenseReq { license: term.license.clone(), addition: None };
        let is_of_bare =
            |licensees: &[Licensee]| licensees.iter().any(|one| one.satisfies(&without_exception));
        if is_of(&self.denied) || (term.addition.is_some() && is_of_bare(&self.denied)) {
            return Some(false);
        }
        Some(self.allowed.as_ref().is_none_or(|allowed| is_of(allowed) || is_of_bare(allowed)))
    }
}

enum Term {
    Listed(Licensee),
    Other(String),
}

fn term(text: &str) -> Result<Term, LicenseError> {
    if text.starts_with("LicenseRef-") || text.starts_with("DocumentRef-") {
        return Ok(Term::Other(text.to_owned()));
    }
    Licensee::parse_mode(&in_list_case(text), MODE).map(Term::Listed).map_err(|error| LicenseError::Syntax {
        text: text.chars().take(200).collect(),
        problem: error.reason.to_string(),
    })
}
