//! [`Purl`]: the name of a package in any ecosystem
//! ([package URL specification](https://github.com/package-url/purl-spec/blob/main/docs/standard/specification.md)).

mod types;

use core::fmt::{self, Write as _};
use core::str::FromStr;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::package::percent;

/// Longer ones occur in no corpus.
const MAX_LEN: usize = 8 * 1024;

/// A package URL in its canonical form, by its type's rules of case and spelling.
///
/// Two package URLs of one package are equal, however they were written.
///
/// ```
/// use trust_sbom::Purl;
/// let purl: Purl = "pkg:PyPI/Django_Extensions@3.2".parse()?;
/// assert_eq!(purl.to_string(), "pkg:pypi/django-extensions@3.2");
/// assert_eq!((purl.package_type(), purl.name(), purl.version()), ("pypi", "django-extensions", Some("3.2")));
/// # Ok::<(), trust_sbom::PurlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl(PurlParts);

/// The parts of a package URL, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PurlParts {
    /// Which ecosystem's package it is.
    pub package_type: String,
    /// Groups, scopes, owners or distributions, with `/` between them.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Whatever else tells it from others.
    pub qualifiers: BTreeMap<String, String>,
    /// A place within the package.
    pub subpath: Option<String>,
}

/// The text is not a package URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PurlError {
    /// It is too long.
    #[error("package URL has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It does not begin with `pkg:`.
    #[error("found `{found}`, expected `pkg:<type>/<name>`")]
    Scheme {
        /// The beginning of what was found.
        found: String,
    },
    /// Its type is absent, or holds other characters than letters, digits, `.` and `-`.
    #[error("type is `{found}`, expected a letter, and letters, digits, `.` and `-` after it")]
    Type {
        /// What was found.
        found: String,
    },
    /// It has no name.
    #[error("package URL has no name")]
    NoName,
    /// A qualifier's name is absent, repeated, or holds other characters than are allowed.
    #[error(
        "qualifier is `{found}`, expected each once, a letter in lower case, and letters, digits, `.`, `-` and `_` after it"
    )]
    Qualifier {
        /// What was found.
        found: String,
    },
    /// A percent sign is not followed by two hexadecimal digits, or they are not UTF-8.
    #[error("`{found}` is not percent-encoded UTF-8")]
    Encoding {
        /// The part.
        found: String,
    },
    /// Its type wants it otherwise.
    #[error("package URL of type `{package_type}` {rule}")]
    Rule {
        /// The type.
        package_type: String,
        /// What the type requires.
        rule: &'static str,
    },
}

impl FromStr for Purl {
    type Err = PurlError;

    fn from_str(text: &str) -> Result<Self, PurlError> {
        if text.len() > MAX_LEN {
            return Err(PurlError::TooLong { found: text.len() });
        }
        let scheme = || PurlError::Scheme { found: text.chars().take(40).collect() };
        let (head, rest) = text.split_once(':').ok_or_else(scheme)?;
        if !head.eq_ignore_ascii_case("pkg") {
            return Err(scheme());
        }
        let (rest, subpath) = split_last(rest, '#');
        let (rest, qualifiers) = split_last(rest, '?');
        let (package_type, rest) = rest.trim_matches('/').split_once('/').ok_or(PurlError::NoName)?;
        // An `@` in a namespace may stand unencoded: only one in the last segment begins the version.
        let last = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (path, version) = match rest.rfind('@').filter(|&at| at >= last) {
            Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..)),
            None => (rest, None),
        };
        let (namespace, name) =
            path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path.trim_end_matches('/')));
        let mut parts = PurlParts {
            package_type: package_type.to_owned(),
            namespace: Some(decode_segments(namespace)?),
            name: decode(name)?,
            version: version.map(decode).transpose()?,
            qualifiers: BTreeMap::new(),
            subpath: subpath.map(decode_segments).transpose()?,
        };
        for pair in qualifiers.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if parts.qualifiers.insert(key.to_ascii_lowercase(), decode(value)?).is_some() {
                return Err(PurlError::Qualifier { found: key.to_owned() });
            }
        }
        parts.build()
    }
}

fn split_last(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.rsplit_once(separator) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn decode_segments(text: &str) -> Result<String, PurlError> {
    let segments = text.split('/').filter(|segment| !segment.is_empty());
    Ok(segments.map(decode).collect::<Result<Vec<_>, _>>()?.join("/"))
}

fn decode(text: &str) -> Result<String, PurlError> {
    percent::decode(text).ok_or_else(|| PurlError::Encoding { found: text.chars().take(80).collect() })
}

impl PurlParts {
    /// The canonical package URL of these parts.
    ///
    /// # Errors
    /// If a part is absent or malformed, or the type requires something else.
    pub fn build(mut self) -> Result<Purl, PurlError> {
        self.package_type.make_ascii_lowercase();
        let mut characters = self.package_type.bytes();
        let is_type = characters.next().is_some_and(|first| first.is_ascii_lowercase())
            && characters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        if !is_type {
            return Err(PurlError::Type { found: self.package_type });
        }
        self.name = self.name.trim_matches('/').to_owned();
        if self.name.is_empty() {
            return Err(PurlError::NoName);
        }
        let namespace = self.namespace.take().unwrap_or_default();
        let segments: Vec<&str> = namespace.split('/').filter(|segment| !segment.is_empty()).collect();
        self.namespace = Some(segments.join("/")).filter(|namespace| !namespace.is_empty());
        self.version = self.version.filter(|version| !version.is_empty());
        self.qualifiers.retain(|_, value| !value.is_empty());
        if let Some(key) = self.qualifiers.keys().find(|key| !is_qualifier(key)) {
            return Err(PurlError::Qualifier { found: key.clone() });
        }
        let subpath = self.subpath.take().unwrap_or_default();
        let segments: Vec<&str> = subpath.split('/').filter(|one| !matches!(*one, "" | "." | "..")).collect();
        self.subpath = Some(segments.join("/")).filter(|subpath| !subpath.is_empty());
        types::apply(&mut self)?;
        let purl = Purl(self);
        // Encoding makes three bytes of one, and what is printed must be readable.
        match purl.to_string().len() {
            found if found > MAX_LEN => Err(PurlError::TooLong { found }),
            _ => Ok(purl),
        }
    }
}

fn is_qualifier(key: &str) -> bool {
    let mut characters = key.bytes();
    characters.next().is_some_and(|first| first.is_ascii_lowercase())
        && characters.all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_')
        })
}

impl Purl {
    /// Whether its type is one that the [specification](https://github.com/package-url/purl-spec/tree/main/types) registers.
    /// Others are legal, but a policy that names one has most likely a typo.
    #[must_use]
    pub fn has_known_type(&self) -> bool {
        types::KNOWN.contains(&self.package_type())
    }

    /// Which ecosystem's package it is.
    #[must_use]
    pub fn package_type(&self) -> &str {
        &self.0.package_type
    }

    /// Groups, scopes, owners or distributions, with `/` between them.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.0.namespace.as_deref()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.0.version.as_deref()
    }

    /// The qualifier of this name.
    #[must_use]
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.0.qualifiers.get(key).map(String::as_str)
    }

    /// The qualifiers, by name.
    pub fn qualifiers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.qualifiers.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// A place within the package.
    #[must_use]
    pub fn subpath(&self) -> Option<&str> {
        self.0.subpath.as_deref()
    }

    /// The package, whatever its version, qualifiers and subpath: what two versions of it share.
    #[must_use]
    pub fn package(&self) -> Self {
        let PurlParts { package_type, namespace, name, .. } = self.0.clone();
        Self(PurlParts { package_type, namespace, name, ..PurlParts::default() })
    }
}

impl fmt::Display for Purl {
    /// The canonical form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = &self.0;
        write!(f, "pkg:{}/", parts.package_type)?;
        for segment in parts.namespace.iter().flat_map(|namespace| namespace.split('/')) {
            encode(segment, f)?;
            f.write_char('/')?;
        }
        for (index, segment) in types::segments_of_name(parts).enumerate() {
            f.write_str(if index == 0 { "" } else { "/" })?;
            encode(segment, f)?;
        }
        if let Some(version) = &parts.version {
            f.write_char('@')?;
            encode(version, f)?;
        }
        for (index, (key, value)) in parts.qualifiers.iter().enumerate() {
            write!(f, "{}{key}=", if index == 0 { '?' } else { '&' })?;
            encode(value, f)?;
        }
        for (index, segment) in parts.subpath.iter().flat_map(|subpath| subpath.split('/')).enumerate() {
            f.write_char(if index == 0 { '#' } else { '/' })?;
            encode(segment, f)?;
        }
        Ok(())
    }
}

fn encode(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let is_plain = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_' | '~' | ':')
    };
    percent::encode(text, is_plain, f)
}

impl Serialize for Purl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_a_package_url_is_refused() {
        let found = |text: &str| text.parse::<Purl>().unwrap_err().to_string();
        assert_eq!(found("npm/a"), "found `npm/a`, expected `pkg:<type>/<name>`");
        assert_eq!(found("pkg:npm/"), "package URL has no name");
        assert_eq!(found("pkg:npm"), "package URL has no name");
        assert!(found("pkg:3d/a").starts_with("type is `3d`, expected"));
        assert!(found("pkg:npm/a?b=1&b=2").starts_with("qualifier is `b`, expected each once"));
        assert_eq!(found("pkg:npm/a%2"), "`a%2` is not percent-encoded UTF-8");
        assert_eq!(found("pkg:npm/%ff"), "`%ff` is not percent-encoded UTF-8");
        assert_eq!(found("pkg:npm/%+1"), "`%+1` is not percent-encoded UTF-8");
        assert!(found(&format!("pkg:npm/{}", "a".repeat(MAX_LEN))).starts_with("package URL has 8200 bytes"));
        assert!(found(&format!("pkg:npm/{}", "*".repeat(3000))).starts_with("package URL has 9008 bytes"));
    }

    #[test]
    fn one_package_has_one_name() {
        for (one, other) in [
            ("pkg:npm/%40angular/core@1", "pkg:npm/@angular/core@1"),
            ("pkg:npm/@angular/core", "pkg:npm/%40angular/core"),
            (
                "pkg:deb/Debian/Curl?distro=debian-12&arch=amd64",
                "pkg://deb/debian/curl?arch=amd64&distro=debian-12",
            ),
            ("pkg:github/Org/App@1", "PKG:github/org/app@1?empty="),
            ("pkg:generic/a#./b/../c//", "pkg:generic/a#b/c"),
            ("pkg:git/example.org/a%2F%2Fb", "pkg:git/example.org/a/b"),
        ] {
            assert_eq!(one.parse::<Purl>(), other.parse::<Purl>(), "{one}");
        }
        let purl: Purl = "pkg:npm/a@1?b=c#d".parse().unwrap();
        assert_eq!(purl.package().to_string(), "pkg:npm/a");
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_as_it_was(
            name in "[ -~]{1,8}", namespace in "[ -~]{0,8}", version in "[ -~]{0,8}", value in "\\PC{0,5}", subpath in "[ -~]{0,8}",
        ) {
            let parts = PurlParts {
                package_type: "generic".to_owned(),
                namespace: Some(namespace),
                name,
                version: Some(version),
                qualifiers: BTreeMap::from([("key".to_owned(), value)]),
                subpath: Some(subpath),
            };
            if let Ok(purl) = parts.build() {
                prop_assert_eq!(purl.to_string().parse(), Ok(purl));
            }
        }

        #[test]
        fn reading_never_panics(text in "\\PC*", package_type in "[a-z]{2,6}") {
            let _ = text.parse::<Purl>();
            let _ = format!("pkg:{package_type}/{text}").parse::<Purl>();
        }
    }
}
