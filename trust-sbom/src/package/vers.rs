//! [`Vers`]: a range of versions in any ecosystem
//! ([VERS](https://github.com/package-url/vers-spec/blob/main/VERSION-RANGE-SPEC.md)).

use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use crate::answer::Answer;
use crate::package::percent;
use crate::package::version::VersionScheme;

/// Ranges of advisories have at most some dozen.
const MAX_CONSTRAINTS: usize = 1000;
const MAX_LEN: usize = 64 * 1024;

/// A range of versions: a scheme, and constraints in the order of their versions.
///
/// ```
/// use trust_sbom::{Answer, Vers};
/// let affected: Vers = "vers:maven/>=2.0-beta9|<2.3.1|>=2.4|<2.12.3|>=2.13.0|<2.17.0".parse()?;
/// assert_eq!(affected.contains("2.14.1"), Answer::Yes);
/// assert_eq!(affected.contains("2.17.0"), Answer::No);
/// # Ok::<(), trust_sbom::VersError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vers {
    scheme: String,
    constraints: Constraints,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Constraints {
    /// `*`
    Any,
    Some(Vec<Constraint>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Constraint {
    comparator: Comparator,
    version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparator {
    /// The comparator at the beginning, and what follows it. Without any, versions must be equal.
    fn split(text: &str) -> (Self, &str) {
        for (sign, comparator) in [
            (">=", Self::GreaterOrEqual),
            ("<=", Self::LessOrEqual),
            ("!=", Self::NotEqual),
            (">", Self::Greater),
            ("<", Self::Less),
            ("=", Self::Equal),
        ] {
            if let Some(rest) = text.strip_prefix(sign) {
                return (comparator, rest);
            }
        }
        (Self::Equal, text)
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    fn is_upper(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual)
    }

    fn is_lower(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterOrEqual)
    }

    /// Whether a version that is ordered so against the constraint's is within.
    fn admits(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// The text is not a range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VersError {
    /// It is too long.
    #[error("range has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It does not begin as a range does.
    #[error("found `{found}`, expected `vers:<scheme>/<constraints>` with a scheme in lower case")]
    Form {
        /// The beginning of what was found.
        found: String,
    },
    /// A constraint is empty, or holds something that must be percent-encoded.
    #[error("constraint {index} is `{found}`, expected a comparator and a version")]
    Constraint {
        /// Which, counted from 0.
        index: usize,
        /// What was found.
        found: String,
    },
    /// Comparators do not alternate: one of two bounds on the same side holds nothing that the other does not.
    #[error("constraints `{0}` and `{1}` bound the same side, expected `<` and `>` to alternate")]
    Redundant(String, String),
    /// There are too many constraints.
    #[error("range has {found} constraints, expected at most {MAX_CONSTRAINTS}")]
    TooMany {
        /// How many.
        found: usize,
    },
}

impl FromStr for Vers {
    type Err = VersError;

    /// Reads a range; its constraints may stand in any order.
    fn from_str(text: &str) -> Result<Self, VersError> {
        if text.len() > MAX_LEN {
            return Err(VersError::TooLong { found: text.len() });
        }
        let form = || VersError::Form { found: text.chars().take(40).collect() };
        let (scheme, list) =
            text.strip_prefix("vers:").and_then(|rest| rest.split_once('/')).ok_or_else(form)?;
        let is_scheme =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
            return Err(form());
        }
        let constraints = if list == "*" { Constraints::Any } else { Constraints::Some(read(scheme, list)?) };
        Ok(Self { scheme: scheme.to_owned(), constraints })
    }
}

fn read(scheme: &str, list: &str) -> Result<Vec<Constraint>, VersError> {
    let found = list.split('|').count();
    if found > MAX_CONSTRAINTS {
        return Err(VersError::TooMany { found });
    }
    let mut constraints = Vec::with_capacity(found);
    for (index, text) in list.split('|').enumerate() {
        let (comparator, version) = Comparator::split(text);
        let version = Some(version)
            .filter(|version| !version.is_empty() && !version.contains(is_reserved))
            .and_then(percent::decode)
            .ok_or_else(|| VersError::Constraint { index, found: text.chars().take(80).collect() })?;
        constraints.push(Constraint { comparator, version });
    }
    // Where a version is none of the scheme there is no order, and every question is answered with "unknown".
    if let Some(scheme) = VersionScheme::from_name(scheme)
        && constraints.iter().all(|one| scheme.compare(&one.version, &one.version).is_some())
    {
        constraints = sorted(constraints, scheme);
    }
    Ok(constraints)
}

/// In the order of their versions. Not every scheme's is transitive, and then the library's sorting may panic.
fn sorted(constraints: Vec<Constraint>, scheme: VersionScheme) -> Vec<Constraint> {
    let mut sorted: Vec<Constraint> = Vec::with_capacity(constraints.len());
    for one in constraints {
        let is_before =
            |other: &Constraint| scheme.total_order(&other.version, &one.version).is_none_or(Ordering::is_le);
        sorted.insert(sorted.partition_point(is_before), one);
    }
    sorted
}

/// What separates and signs constraints, and what nobody sees, must be encoded in a version.
fn is_reserved(character: char) -> bool {
    matches!(character, '<' | '>' | '=' | '!' | '*' | '|' | '\0'..=' ' | '\x7f')
}

impl Vers {
    /// The scheme's name.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Whether its bounds alternate, as the specification's [algorithm](https://github.com/package-url/vers-spec) presumes: in
    /// the order of versions, each bound is followed by one on the other side. Equal and unequal versions between them do
    /// not count.
    ///
    /// # Errors
    /// If two bounds on the same side follow each other: one holds nothing that the other does not, so what was meant is
    /// something else, and the range contains no version for certain.
    pub fn check_alternation(&self) -> Result<(), VersError> {
        let Constraints::Some(constraints) = &self.constraints else { return Ok(()) };
        let bounds: Vec<&Constraint> =
            constraints.iter().filter(|one| one.comparator.is_lower() || one.comparator.is_upper()).collect();
        for pair in bounds.windows(2) {
            if let [one, other] = pair
                && one.comparator.is_lower() == other.comparator.is_lower()
            {
                let text = |one: &Constraint| format!("{}{}", one.comparator.sign(), one.version);
                return Err(VersError::Redundant(text(one), text(other)));
            }
        }
        Ok(())
    }

    /// Whether its scheme orders the versions of packages of this type.
    #[must_use]
    pub fn is_for(&self, package_type: &str) -> bool {
        let of_type = VersionScheme::from_name(package_type);
        self.scheme == package_type || of_type.is_some() && of_type == VersionScheme::from_name(&self.scheme)
    }

    /// Whether a version is within the range, by the specification's algorithm.
    ///
    /// It is unknown where the scheme is, where a version is none of the scheme, where bounds do not
    /// [alternate](Self::check_alternation), and where the scheme's order contradicts itself.
    #[must_use]
    pub fn contains(&self, version: &str) -> Answer {
        let constraints = match &self.constraints {
            Constraints::Any => return Answer::Yes,
            Constraints::Some(constraints) => constraints,
        };
        let Some(scheme) = VersionScheme::from_name(&self.scheme) else {
            return Answer::Unknown(format!("the version scheme `{}` is not known", self.scheme));
        };
        let Some(ordered) = constraints
            .iter()
            .map(|one| Some((one.comparator, scheme.compare(version, &one.version)?)))
            .collect::<Option<Vec<_>>>()
        else {
            return Answer::Unknown(format!(
                "`{version}` and the range do not compare as versions of `{scheme}`"
            ));
        };
        if let Err(problem) = self.check_alternation() {
            return Answer::Unknown(problem.to_string());
        }
        // The constraints are in order, so it is after the first ones and before the rest.
        if !ordered.is_sorted_by(|(_, one), (_, next)| one >= next) {
            return Answer::Unknown(format!("the order of {scheme} contradicts itself around `{version}`"));
        }
        if let Some((comparator, _)) = ordered.iter().find(|(comparator, ordering)| {
            ordering.is_eq() && matches!(comparator, Comparator::Equal | Comparator::NotEqual)
        }) {
            return (*comparator == Comparator::Equal).into();
        }
        let bounds: Vec<(Comparator, Ordering)> = ordered
            .into_iter()
            .filter(|(comparator, _)| comparator.is_lower() || comparator.is_upper())
            .collect();
        let admits = |bound: Option<&(Comparator, Ordering)>| {
            bound.is_some_and(|(comparator, ordering)| comparator.admits(*ordering))
        };
        let below = bounds.first().filter(|(comparator, _)| comparator.is_upper());
        let above = bounds.last().filter(|(comparator, _)| comparator.is_lower());
        let between = bounds.windows(2).any(|pair| match pair {
            [(lower, _), (upper, _)] if lower.is_lower() && upper.is_upper() => {
                admits(pair.first()) && admits(pair.last())
            }
            _ => false,
        });
        (admits(below) || admits(above) || between).into()
    }
}

impl fmt::Display for Vers {
    /// The canonical form: constraints in the order of their versions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vers:{}/", self.scheme)?;
        let constraints = match &self.constraints {
            Constraints::Any => return f.write_str("*"),
            Constraints::Some(constraints) => constraints,
        };
        for (index, Constraint { comparator, version }) in constraints.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { "|" }, comparator.sign())?;
            percent::encode(version, |character| character != '%' && !is_reserved(character), f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contains(range: &str, version: &str) -> Answer {
        range.parse::<Vers>().unwrap().contains(version)
    }

    #[test]
    fn what_nobody_knows_is_unknown() {
        let unknown = |answer: Answer| matches!(answer, Answer::Unknown(_));
        assert!(unknown(contains("vers:cobol/>=1.0", "2.0")));
        assert!(unknown(contains("vers:npm/>=1.0.0", "latest")));
        assert!(unknown(contains("vers:npm/>=1.0.0|<latest", "2.0.0")));
        assert!(unknown(contains("vers:npm/<1.0.0|<5.0.0", "2.0.0")));
        assert_eq!(contains("vers:cobol/*", "2.0"), Answer::Yes);
    }

    #[test]
    fn what_is_not_a_range_is_refused() {
        for (text, expected) in [
            ("npm/>=1", "found `npm/>=1`, expected `vers:<scheme>/<constraints>`"),
            ("vers:NPM/>=1", "expected `vers:<scheme>/<constraints>` with a scheme in lower case"),
            ("vers:npm/", "constraint 0 is ``"),
            ("vers:npm/>=1.0.0||<2.0.0", "constraint 1 is ``"),
            ("vers:npm/>=1.0.0| <2.0.0", "constraint 1 is ` <2.0.0`"),
            ("vers:npm/=>1.0.0", "constraint 0 is `=>1.0.0`"),
            ("vers:npm/1.0%2", "constraint 0 is `1.0%2`"),
            ("vers:npm/1.0%+1", "constraint 0 is `1.0%+1`"),
            ("vers:npm/1.*", "constraint 0 is `1.*`"),
        ] {
            let found = text.parse::<Vers>().unwrap_err().to_string();
            assert!(found.contains(expected), "{text}:\n found {found}\n expected {expected}");
        }
        let many = format!("vers:npm/{}1", "1|".repeat(1000));
        assert_eq!(many.parse::<Vers>(), Err(VersError::TooMany { found: 1001 }));
        let long = format!("vers:npm/{}", "1".repeat(MAX_LEN));
        assert_eq!(long.parse::<Vers>(), Err(VersError::TooLong { found: MAX_LEN + 9 }));
    }

    #[test]
    fn where_mavens_order_contradicts_itself_nothing_is_known() {
        let answer = contains("vers:maven/>=1|<1~", "1-.alpha.");
        assert!(matches!(&answer, Answer::Unknown(why) if why.contains("contradicts itself")), "{answer:?}");
        assert_eq!(contains("vers:maven/>=1|<1~", "1"), Answer::Yes);
    }

    proptest! {
        #[test]
        fn constraints_in_an_order_that_contradicts_itself_are_read(
            versions in prop::collection::vec("1(\\.|-|~|alpha|0){0,5}", 30..60),
        ) {
            let list: Vec<String> = versions.iter().map(|version| format!("!={version}")).collect();
            let range: Vers = format!("vers:maven/{}", list.join("|")).parse().unwrap();
            for version in &versions {
                prop_assert_ne!(range.contains(version), Answer::Yes);
            }
        }

        #[test]
        fn a_range_contains_what_its_constraints_say(bounds in prop::collection::btree_set(0_u32..60, 2..8), version in 0_u32..60) {
            // Pairs of a lower and an upper bound; a last lower bound stays open.
            let text: Vec<String> = bounds
                .iter()
                .enumerate()
                .map(|(index, bound)| format!("{}{bound}", if index % 2 == 0 { ">=" } else { "<" }))
                .collect();
            let expected = bounds.iter().filter(|bound| **bound <= version).count() % 2 == 1;
            for scheme in ["npm", "pypi", "maven", "deb", "rpm", "apk", "gem", "nuget", "generic"] {
                let answer = contains(&format!("vers:{scheme}/{}", text.join("|")), &version.to_string());
                prop_assert_eq!(answer, Answer::from(expected), "{} {}", scheme, version);
            }
        }

        #[test]
        fn what_is_printed_reads_as_it_was(versions in prop::collection::vec("[0-9]{1,2}[a-z%!=| ]{0,3}", 1..5)) {
            let constraints =
                versions.into_iter().map(|version| Constraint { comparator: Comparator::Less, version }).collect();
            let range = Vers { scheme: "unknown".to_owned(), constraints: Constraints::Some(constraints) };
            prop_assert_eq!(range.to_string().parse(), Ok(range));
        }

        #[test]
        fn reading_never_panics(text in "\\PC*") {
            let _ = text.parse::<Vers>();
            let _ = format!("vers:pypi/{text}").parse::<Vers>();
        }
    }
}
