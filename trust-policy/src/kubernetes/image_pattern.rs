//! [`ReferencePattern`]: which images a policy means.
//!
//! One repository has one name ([`ImageRef`]), and patterns are brought into the same form when they are read, so another
//! spelling of an image never escapes a pattern. What is left to the policy language is how its wildcards match.

use core::fmt;

use trust_core::internal::{canonical_registry, is_registry};
use trust_core::{ImageRef, ImageRefError, Pattern, PatternError};

/// A pattern on image references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferencePattern {
    dialect: Dialect,
    pattern: Pattern,
    written: String,
}

/// How the wildcards of a policy language match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// Kyverno's ClusterPolicy: `*` crosses `/`, and tag and digest are matched, too.
    Kyverno,
    /// policy-controller's ClusterImagePolicy: `*` stands for anything within one part of the path, `**` for anything, and tag and
    /// digest are matched, too. Docker Hub is `index.docker.io`.
    Sigstore,
    /// Kyverno's policies in CEL: `*` and `**` stand for anything, and there are classes and alternatives. Tag and digest are
    /// matched, too, and what was written.
    Glob,
    /// Ours: registry and repository alone. `*` stands for anything within one part of the path, `**` for anything; a pattern
    /// matches at its ends.
    BySegment,
}

impl ReferencePattern {
    /// A wildcard as in Kyverno's `imageReferences`.
    #[must_use]
    pub fn kyverno(pattern: &str) -> Self {
        let canonical = Pattern::wildcard(canonical_pattern(pattern));
        Self { dialect: Dialect::Kyverno, pattern: canonical, written: pattern.to_owned() }
    }

    /// A glob as in `images` of policy-controller's ClusterImagePolicy
    /// ([globs](https://docs.sigstore.dev/policy-controller/overview/#configuring-image-patterns)).
    ///
    /// # Errors
    /// If it has other characters than references and wildcards, or is too long.
    pub fn sigstore(glob: &str) -> Result<Self, PatternError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_:/*.@".contains(c);
        if glob.is_empty() || !glob.chars().all(allowed) {
            let problem = "it may have letters, digits and `-_:/*.@`".to_owned();
            return Err(PatternError { found: glob.to_owned(), problem });
        }
        let full = sigstore_full(glob);
        let canonical = with_canonical_registry(full);
        let pattern = Pattern::regex(&glob_regex(canonical.as_deref().unwrap_or(full)))?;
        Ok(Self { dialect: Dialect::Sigstore, pattern, written: glob.to_owned() })
    }

    /// A glob as in `matchImageReferences` of Kyverno's policies in CEL: `*` and `**` stand for anything, `?` for one character,
    /// `[a-z]` and `[!a-z]` for one of some, `{a,b}` for one of several, and `\` takes their meaning from the sign behind it.
    ///
    /// # Errors
    /// If a class or a list of alternatives has no end, or it is too long.
    pub fn glob(glob: &str) -> Result<Self, PatternError> {
        let host = glob.split('/').next().unwrap_or_default();
        let canonical = if host.contains(['[', '{', '\\']) { None } else { with_canonical_registry(glob) };
        let regex = class_glob_regex(canonical.as_deref().unwrap_or(glob));
        let regex = regex.map_err(|problem| PatternError { found: glob.to_owned(), problem })?;
        Ok(Self { dialect: Dialect::Glob, pattern: Pattern::regex(&regex)?, written: glob.to_owned() })
    }

    /// Registry and repository, with `*` within one part of the path and `**` over several: `ghcr.io/acme/**`. Tags and
    /// digests are not compared.
    ///
    /// # Errors
    /// If it is too long.
    pub fn by_segment(text: &str) -> Result<Self, PatternError> {
        let pattern = Pattern::regex(&glob_regex(&canonical_pattern(text)))?;
        Ok(Self { dialect: Dialect::BySegment, pattern, written: text.to_owned() })
    }

    /// Whether the pattern selects this image, in any of the ways in which it can be written.
    ///
    /// # Errors
    /// If the image is not a reference.
    pub fn matches(&self, image: &str) -> Result<bool, ImageRefError> {
        ReferenceForms::of(image).map(|forms| self.selects(&forms))
    }

    /// Whether the pattern selects an image. A tag pattern also selects a reference that carries a digest, by its tag, and
    /// `:*` one that has a digest alone: neither may be a way around it.
    pub(crate) fn selects(&self, forms: &ReferenceForms) -> bool {
        match self.dialect {
            Dialect::Kyverno | Dialect::Sigstore | Dialect::Glob => {
                self.passes_over(forms) || forms.tagged.iter().any(|form| self.matches_form(form))
            }
            Dialect::BySegment => forms.names.iter().any(|name| self.pattern.matches(name)),
        }
    }

    /// Whether the pattern, as an exception, passes over an image. A tag beside a digest says nothing about what runs, so it
    /// is not compared here.
    pub(crate) fn passes_over(&self, forms: &ReferenceForms) -> bool {
        match self.dialect {
            Dialect::Kyverno => forms.resolved.iter().any(|form| self.matches_form(form)),
            Dialect::Glob => {
                let forms = forms.resolved.iter().chain(&forms.untagged).chain([&forms.written]);
                forms.into_iter().any(|form| self.matches_form(form))
            }
            Dialect::Sigstore => {
                forms.resolved.iter().chain(&forms.untagged).any(|form| self.matches_form(form))
            }
            Dialect::BySegment => forms.names.iter().any(|name| self.pattern.matches(name)),
        }
    }

    /// policy-controller calls Docker Hub by another name, and compares what was written, too.
    fn matches_form(&self, form: &str) -> bool {
        let hub = form.strip_prefix("docker.io/").filter(|_| self.dialect == Dialect::Sigstore);
        self.pattern.matches(form)
            || hub.is_some_and(|path| {
                self.pattern.matches(path) || self.pattern.matches(&format!("index.docker.io/{path}"))
            })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The pattern with its registry in the form in which references have theirs, if it names one.
    pub(crate) fn canonical(&self) -> String {
        match self.dialect {
            Dialect::Kyverno | Dialect::BySegment => canonical_pattern(&self.written),
            Dialect::Sigstore => {
                let full = sigstore_full(&self.written);
                with_canonical_registry(full).unwrap_or_else(|| full.to_owned())
            }
            Dialect::Glob => self.written.clone(),
        }
    }

    /// Whether `*` crosses `/`, and tags and digests are compared, and there are no classes.
    pub(crate) fn is_kyverno(&self) -> bool {
        self.dialect == Dialect::Kyverno
    }

    /// Whether it may have classes and alternatives.
    pub(crate) fn is_glob(&self) -> bool {
        self.dialect == Dialect::Glob
    }

    /// Whether registry and repository alone are compared.
    pub(crate) fn is_by_segment(&self) -> bool {
        self.dialect == Dialect::BySegment
    }

    /// Why the pattern may match other images than it seems to, if it does.
    pub(crate) fn oddity(&self) -> Option<String> {
        let text = self.written.as_str();
        let (host, path) = text.split_once('/').map_or((None, text), |(host, path)| (Some(host), path));
        let rest = text.trim_start_matches('*');
        if text.starts_with('*') && rest.contains(['.', '/']) && self.dialect == Dialect::Kyverno {
            return Some(format!("in which `*` also matches `/`: it matches `evil.example/x{rest}` too"));
        }
        if let Some((start, _)) = registry_start(host.unwrap_or(path)) {
            return Some(format!("which does not end the registry: it matches `{start}.evil.example/x` too"));
        }
        let canonical = || canonical_pattern(text);
        match host {
            _ if has_wildcard(host.unwrap_or(path)) => None,
            None if !path.is_empty() => {
                Some(format!("which names no registry: it is read as `{}`", canonical()))
            }
            Some(host) if !is_registry(host) => {
                Some(format!("whose first part is not a registry: it is read as `{}`", canonical()))
            }
            _ if path.chars().any(|c| c.is_ascii_uppercase()) && !path.contains(':') => {
                Some("which has upper-case letters in the repository, where references have none".to_owned())
            }
            _ => None,
        }
    }
}

/// A reference in each form in which patterns compare it. Short names of Docker Hub stand with and without `library/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReferenceForms {
    /// Registry and repository.
    names: Vec<String>,
    /// By what decides what runs: the digest, else the tag.
    resolved: Vec<String>,
    /// By the tag, if there is a digest beside it, and with it.
    tagged: Vec<String>,
    /// Without the tag `latest`, which may be left out.
    untagged: Vec<String>,
    /// As it was written.
    written: String,
}

impl ReferenceForms {
    pub(crate) fn of(image: &str) -> Result<Self, ImageRefError> {
        let written = image.to_owned();
        let image: ImageRef = image.parse()?;
        let name = image.name();
        let short = name.strip_prefix("docker.io/library/").map(|short| format!("docker.io/{short}"));
        let names: Vec<String> = [name].into_iter().chain(short).collect();
        let with =
            |suffix: String| names.iter().map(move |name| format!("{name}{suffix}")).collect::<Vec<_>>();
        let is_latest = image.digest().is_none() && matches!(image.tag(), None | Some("latest"));
        let untagged = if is_latest { names.clone() } else { Vec::new() };
        let (resolved, tagged) = match (image.digest(), image.tag()) {
            (Some(digest), tag) => {
                let tag = tag.unwrap_or_default();
                let tagged = [format!(":{tag}"), format!(":{tag}@{digest}")];
                (with(format!("@{digest}")), tagged.into_iter().flat_map(with).collect())
            }
            (None, tag) => (with(format!(":{}", tag.unwrap_or("latest"))), Vec::new()),
        };
        Ok(Self { names, resolved, tagged, untagged, written })
    }
}

impl fmt::Display for ReferencePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.written)
    }
}

/// A glob of policy-controller, with what it stands for where it names no registry.
fn sigstore_full(glob: &str) -> &str {
    match glob {
        "*" => "index.docker.io/library/*",
        "*/*" => "index.docker.io/*/*",
        glob => glob,
    }
}

/// A pattern with its registry in the form in which references have theirs, if it names one.
fn canonical_pattern(pattern: &str) -> String {
    with_canonical_registry(pattern).unwrap_or_else(|| match pattern {
        _ if pattern.contains('/') => format!("docker.io/{pattern}"),
        _ if pattern.starts_with(['*', '?']) => pattern.to_owned(),
        _ if registry_start(pattern).is_some() => pattern.to_ascii_lowercase(),
        // As in a reference, what names no registry is Docker Hub's.
        _ => format!("docker.io/{pattern}"),
    })
}

/// The pattern, if its first part is a registry.
fn with_canonical_registry(pattern: &str) -> Option<String> {
    let (host, path) = pattern.split_once('/')?;
    (has_wildcard(host) || is_registry(host)).then(|| format!("{}/{path}", canonical_registry(host)))
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// What is before a `*` that goes on where a registry's name could end: `ghcr.io` of `ghcr.io*`.
fn registry_start(first: &str) -> Option<(&str, &str)> {
    first.split_once('*').filter(|(start, _)| start.contains('.') && !start.contains([':', '@']))
}

/// A regular expression in which `*` is anything within one part of a path, and `**` anything.
fn glob_regex(glob: &str) -> String {
    let mut regex = String::new();
    let mut rest = glob;
    while let Some(next) = rest.chars().next() {
        let (step, length) = match rest {
            _ if rest.starts_with("**") => (".*".to_owned(), 2),
            _ if next == '*' => ("[^/]*".to_owned(), 1),
            _ => (regex_escape(next), next.len_utf8()),
        };
        regex.push_str(&step);
        rest = rest.get(length..).unwrap_or_default();
    }
    regex
}

/// A regular expression of a glob with classes and alternatives.
fn class_glob_regex(glob: &str) -> Result<String, String> {
    let (mut regex, mut letters, mut open) = (String::new(), glob.chars().peekable(), 0usize);
    while let Some(letter) = letters.next() {
        match letter {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '{' => {
                open += 1;
                regex.push_str("(?:");
            }
            '}' if open > 0 => {
                open -= 1;
                regex.push(')');
            }
            ',' if open > 0 => regex.push('|'),
            '\\' => {
                let escaped = letters.next().ok_or("nothing stands behind `\\`")?;
                regex.push_str(&regex_escape(escaped));
            }
            '[' => {
                regex.push_str(if letters.next_if_eq(&'!').is_some() { "[^" } else { "[" });
                let mut is_empty = true;
                loop {
                    match letters.next().ok_or("class has no end, expected `]`")? {
                        ']' if is_empty => return Err("class is empty".to_owned()),
                        ']' => break,
                        '-' if !is_empty && letters.peek() != Some(&']') => regex.push('-'),
                        one => regex.push_str(&regex_escape(one)),
                    }
                    is_empty = false;
                }
                regex.push(']');
            }
            other => regex.push_str(&regex_escape(other)),
        }
    }
    if open > 0 { Err("list of alternatives has no end, expected `}`".to_owned()) } else { Ok(regex) }
}

/// A character that stands for itself in a regular expression.
fn regex_escape(character: char) -> String {
    if character.is_ascii_alphanumeric() {
        character.to_string()
    } else {
        format!("\\x{{{:x}}}", u32::from(character))
    }
}

/// A reference as Kyverno shows it (`GetImageInfo` in pkg/utils/image/infos.go).
pub(crate) fn kyverno_form(image: &ImageRef) -> String {
    let name = kyverno_name(image);
    match (image.digest(), image.tag()) {
        (Some(digest), _) => format!("{name}@{digest}"),
        (None, tag) => format!("{name}:{}", tag.unwrap_or("latest")),
    }
}

/// Registry and repository as Kyverno shows them: as written, with Docker Hub's name where no registry was.
pub(crate) fn kyverno_name(image: &ImageRef) -> String {
    let (host, path) = image.written_name();
    format!("{}/{path}", host.unwrap_or("docker.io"))
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
    fn a_tag_pattern_also_selects_references_that_carry_a_digest() {
        let digest = Digest::sha256(b"");
        let (tagged, bare) = (format!("ghcr.io/o/a:v1@{digest}"), format!("ghcr.io/o/a@{digest}"));
        for (pattern, image, expected) in [
            ("ghcr.io/o/a:*", &tagged, true),
            ("ghcr.io/o/a:v1", &tagged, true),
            ("ghcr.io/o/a:v2", &tagged, false),
            ("ghcr.io/o/a@*", &tagged, true),
            ("ghcr.io/o/a*", &tagged, true),
            ("ghcr.io/o/a:*", &bare, true),
            ("ghcr.io/o/a:v1", &bare, false),
        ] {
            assert_eq!(ReferencePattern::kyverno(pattern).matches(image), Ok(expected), "{pattern} {image}");
        }
        // As an exception it goes by what runs, which no tag beside a digest says.
        let forms = ReferenceForms::of(&tagged).unwrap();
        assert!(!ReferencePattern::kyverno("ghcr.io/o/a:v1").passes_over(&forms));
        assert!(ReferencePattern::kyverno("ghcr.io/o/a*").passes_over(&forms));
    }

    #[test]
    fn no_spelling_escapes_a_pattern() {
        for (pattern, image, expected) in [
            ("ghcr.io/o/*", "GHCR.io/o/app", true),
            ("ghcr.io/o/*", "ghcr.io:443/o/app", true),
            ("GHCR.IO/o/*", "ghcr.io/o/app", true),
            ("docker.io/*", "index.docker.io/o/app", true),
            ("index.docker.io/*", "nginx", true),
            ("docker.io/library/*", "nginx", true),
            ("docker.io/nginx:*", "docker.io/library/nginx:1", true),
            ("docker.io/ngin*", "nginx", true),
            ("nginx:*", "nginx:1", true),
            ("o/app*", "docker.io/o/app:1", true),
            ("docker.io/*", "EVIL/x", false),
            ("*", "ghcr.io/o/app", true),
            ("*/nginx:*", "docker.io/library/nginx:1", true),
            ("ghcr.io*", "ghcr.io/o/app", true),
            ("*.corp.io:443/*", "eu.corp.io/app", true),
            ("*.CORP.io:443/*", "eu.corp.io:443/app", true),
            ("nginx:1.2*", "nginx:1.25", true),
        ] {
            assert_eq!(ReferencePattern::kyverno(pattern).matches(image), Ok(expected), "{pattern} {image}");
        }
        assert_eq!(ReferencePattern::by_segment("docker.io/**").unwrap().matches("EVIL/x"), Ok(false));
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
    fn globs_match_as_policy_controllers_do() {
        let digest = Digest::sha256(b"");
        for (glob, image, expected) in [
            ("*", "nginx", true),
            ("*", "o/nginx", false),
            ("*/*", "o/nginx:1", true),
            ("**", "ghcr.io/a/b/c:1", true),
            ("ghcr.io/*/*", "ghcr.io/foo", false),
            ("ghcr.io/foo", "ghcr.io/foo", true),
            ("ghcr.io/foo", "ghcr.io/foo:latest", true),
            ("ghcr.io/foo", "ghcr.io/foo:1", false),
            ("ghcr.io/foo", &format!("ghcr.io/foo@{digest}"), false),
            ("ghcr.io/foo*", &format!("ghcr.io/foo:1@{digest}"), true),
            ("index.docker.io/library/*", "docker.io/nginx:1", true),
            ("docker.io/library/*", "nginx:1", true),
            ("o/app*", "index.docker.io/o/app:1", true),
            ("ghcr.io:443/acme/**", "ghcr.io:443/acme/app", true),
            ("GHCR.io/acme/**", "ghcr.io/acme/app:1", true),
            ("registry-1.docker.io/**", "nginx", true),
        ] {
            assert_eq!(
                ReferencePattern::sigstore(glob).unwrap().matches(image),
                Ok(expected),
                "{glob} {image}"
            );
        }
        assert!(ReferencePattern::sigstore("").is_err() && ReferencePattern::sigstore("[a-z]*").is_err());
    }

    #[test]
    fn what_is_not_a_reference_is_an_error() {
        assert!(ReferencePattern::kyverno("*").matches("not a reference").is_err());
    }
}
