//! [`ReferencePattern`]: which images a policy means. Each policy language normalizes references in its own way
//! before it compares them, so a pattern carries its dialect.

use core::fmt;

use trust_core::{ImageRef, ImageRefError, Pattern, PatternError};

/// A pattern on image references, and how references are written before they are compared with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferencePattern {
    dialect: Dialect,
    pattern: Pattern,
    written: String,
}

/// How a policy language writes references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// Kyverno's ClusterPolicy: `nginx` is `docker.io/nginx:latest`, without `library/`; with a digest the tag is
    /// left out. The pattern is a wildcard that crosses `/`.
    Kyverno,
    /// Ours: registry and repository alone, as Docker Hub and others write them in full. `*` stands for anything within one
    /// part of the path, `**` for anything; a pattern matches at its ends.
    BySegment,
}

impl ReferencePattern {
    /// A wildcard as in Kyverno's `imageReferences`.
    #[must_use]
    pub fn kyverno(pattern: &str) -> Self {
        Self { dialect: Dialect::Kyverno, pattern: Pattern::wildcard(pattern), written: pattern.to_owned() }
    }

    /// Registry and repository, with `*` within one part of the path and `**` over several: `ghcr.io/acme/**`. Tags and
    /// digests are not compared.
    ///
    /// # Errors
    /// If it is too long.
    pub fn by_segment(text: &str) -> Result<Self, PatternError> {
        let mut regex = String::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let (step, length) = match rest {
                _ if rest.starts_with("**") => (".*".to_owned(), 2),
                _ if next == '*' => ("[^/]*".to_owned(), 1),
                _ => (regex_escape(next), next.len_utf8()),
            };
            regex.push_str(&step);
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(Self { dialect: Dialect::BySegment, pattern: Pattern::regex(&regex)?, written: text.to_owned() })
    }

    /// Whether the pattern means this image.
    ///
    /// # Errors
    /// If the image is not a reference.
    pub fn matches(&self, image: &str) -> Result<bool, ImageRefError> {
        ReferenceForms::of(image).map(|forms| self.means(&forms))
    }

    /// Whether the pattern means an image that is written in these forms.
    pub(crate) fn means(&self, forms: &ReferenceForms) -> bool {
        self.pattern.matches(match self.dialect {
            Dialect::Kyverno => &forms.kyverno,
            Dialect::BySegment => &forms.name,
        })
    }
}

/// A reference as each dialect writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReferenceForms {
    kyverno: String,
    /// Registry and repository.
    name: String,
}

impl ReferenceForms {
    pub(crate) fn of(image: &str) -> Result<Self, ImageRefError> {
        let image: ImageRef = image.parse()?;
        Ok(Self {
            kyverno: kyverno_form(&image),
            name: format!("{}/{}", image.registry(), image.repository()),
        })
    }
}

impl fmt::Display for ReferencePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.written)
    }
}

/// A character that stands for itself in a regular expression.
fn regex_escape(character: char) -> String {
    if character.is_ascii_alphanumeric() {
        character.to_string()
    } else {
        format!("\\x{{{:x}}}", u32::from(character))
    }
}

/// A reference as Kyverno writes it (`GetImageInfo` in pkg/utils/image/infos.go).
pub(crate) fn kyverno_form(image: &ImageRef) -> String {
    let name = kyverno_name(image);
    match (image.digest(), image.tag()) {
        (Some(digest), _) => format!("{name}@{digest}"),
        (None, tag) => format!("{name}:{}", tag.unwrap_or("latest")),
    }
}

/// Registry and repository as Kyverno writes them.
pub(crate) fn kyverno_name(image: &ImageRef) -> String {
    let repository = image.repository();
    // The reference grammar puts `library/` before Docker Hub's short names; Kyverno does not.
    let short = repository.strip_prefix("library/").filter(|_| !image.written().contains("library/"));
    format!("{}/{}", image.registry(), short.unwrap_or(repository))
}

#[cfg(test)]
mod tests {
    use trust_core::Digest;

    use super::*;

    #[test]
    fn references_are_written_as_kyverno_writes_them() {
        let digest = Digest::sha256(b"");
        for (image, expected) in [
            ("nginx", "docker.io/nginx:latest".to_owned()),
            ("nginx:1", "docker.io/nginx:1".to_owned()),
            ("library/nginx", "docker.io/library/nginx:latest".to_owned()),
            ("a/b", "docker.io/a/b:latest".to_owned()),
            ("docker.io/a/b:1", "docker.io/a/b:1".to_owned()),
            ("ghcr.io/a", "ghcr.io/a:latest".to_owned()),
            ("localhost/a", "localhost/a:latest".to_owned()),
            ("localhost:5000/a:1", "localhost:5000/a:1".to_owned()),
            (&format!("ghcr.io/a:1@{digest}"), format!("ghcr.io/a@{digest}")),
        ] {
            assert_eq!(kyverno_form(&image.parse().unwrap()), expected, "{image}");
        }
    }

    #[test]
    fn a_tag_pattern_does_not_match_a_pinned_reference() {
        let pinned = format!("ghcr.io/o/a:v1@{}", Digest::sha256(b""));
        assert_eq!(ReferencePattern::kyverno("ghcr.io/o/a:*").matches(&pinned), Ok(false));
        assert_eq!(ReferencePattern::kyverno("ghcr.io/o/a*").matches(&pinned), Ok(true));
    }

    #[test]
    fn wildcards_cross_slashes() {
        let pattern = ReferencePattern::kyverno("*.gcr.io/*");
        assert_eq!(pattern.matches("eu.gcr.io/a"), Ok(true));
        assert_eq!(pattern.matches("evil.com/x.gcr.io/y"), Ok(true));
        assert_eq!(pattern.matches("gcr.io/a"), Ok(false));
    }

    #[test]
    fn parts_of_a_path_are_matched_one_by_one() {
        for (pattern, image, expected) in [
            ("ghcr.io/acme/**", "ghcr.io/acme/a/b:1", true),
            ("ghcr.io/acme/*", "ghcr.io/acme/a:1", true),
            ("ghcr.io/acme/*", "ghcr.io/acme/a/b", false),
            ("*.gcr.io/**", "evil.com/x.gcr.io/y", false),
            ("*.gcr.io/**", "eu.gcr.io/a/b", true),
            ("docker.io/library/*", "nginx", true),
            ("ghcr.io/acme", "ghcr.io/acme.evil", false),
            ("**", "ghcr.io/a", true),
        ] {
            let pattern = ReferencePattern::by_segment(pattern).unwrap();
            assert_eq!(pattern.matches(image), Ok(expected), "{pattern} {image}");
        }
    }

    #[test]
    fn what_is_not_a_reference_is_an_error() {
        assert!(ReferencePattern::kyverno("*").matches("not a reference").is_err());
    }
}
