//! [`ImageRef`], a name of an image, and [`PinnedImage`], its identity.
//!
//! The grammar is that of the [reference implementation](https://github.com/distribution/reference/blob/v0.6.0/regexp.go), with
//! Docker's rule of what is a host: the first part of the path, if it has a `.`, a `:` or an upper-case letter, or is
//! `localhost`.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest::{Digest, DigestError};

/// The longest reference that is read: a host of 255, a repository of 255, a tag of 128, a sha512 digest of 135, and separators.
const MAX_LEN: usize = 776;
/// The longest repository (`RepositoryNameTotalLengthMax` of the reference implementation).
const MAX_REPOSITORY_LEN: usize = 255;
/// The longest tag.
const MAX_TAG_LEN: usize = 128;

/// Docker Hub, under the name by which images are known that name no host.
const DOCKER_HUB: &str = "docker.io";
/// Other hosts that answer for Docker Hub.
const DOCKER_HUB_ALIASES: [&str; 3] = ["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"];

/// A name of an image as written, and its parts in one canonical form.
///
/// What is one repository has one name: hosts are in lower case and without the port that HTTPS has anyway, Docker Hub is
/// `docker.io` by whichever of its names it was written, and its short names have `library/` in front. Here, as in Docker,
/// `nginx` is `docker.io/library/nginx:latest`. What was written is kept beside it.
/// A tag is a name that a registry may point elsewhere at any time; only a digest is an identity.
///
/// ```
/// use trust_core::ImageRef;
/// let image: ImageRef = "nginx".parse()?;
/// assert_eq!((image.registry(), image.repository(), image.tag()), ("docker.io", "library/nginx", Some("latest")));
/// assert_eq!(image.written(), "nginx");
/// let image: ImageRef = "GHCR.io:443/acme/app:v1".parse()?;
/// assert_eq!(image.name(), "ghcr.io/acme/app");
/// # Ok::<(), trust_core::ImageRefError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ImageRef {
    written: String,
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// The text is not an image reference.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ImageRefError {
    /// It is longer than any reference can be.
    #[error("image reference has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It does not follow the grammar.
    #[error(
        "`{found}` is not an image reference: {problem}, expected `[registry/]repository[:tag][@digest]`"
    )]
    Grammar {
        /// What was found.
        found: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Its digest is malformed or of an unsupported algorithm.
    #[error("the digest of `{found}` cannot be used")]
    Digest {
        /// The reference.
        found: String,
        /// What is wrong with its digest.
        source: DigestError,
    },
}

impl ImageRef {
    /// Exactly what was parsed.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The registry's host and port in canonical form; `docker.io` if none was written.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository within the registry; `library/` is put before Docker Hub's short names.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` if neither tag nor digest was written.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one was written.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// `registry/repository` in canonical form, without tag and digest.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// Host and path as they were written, without tag and digest; no host, if none was.
    #[must_use]
    pub fn written_name(&self) -> (Option<&str>, &str) {
        let (name, ..) = split(&self.written);
        split_host(name)
    }
}

/// Name, tag and digest of a reference.
fn split(text: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    // A `:` before the last `/` is a port's.
    let tag_at = rest.rfind(':').filter(|at| rest.rfind('/').is_none_or(|slash| slash < *at));
    match tag_at.and_then(|at| rest.split_at_checked(at)) {
        Some((name, tag)) => (name, tag.strip_prefix(':'), digest),
        None => (rest, None, digest),
    }
}

/// The host of a name, if it has one, and the path.
fn split_host(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, path)) if is_registry(first) => (Some(first), path),
        _ => (None, name),
    }
}

/// Whether the first part of a name with several is a registry, and not a part of the path on Docker Hub.
///
/// ```
/// assert!(trust_core::internal::is_registry("ghcr.io") && !trust_core::internal::is_registry("acme"));
/// ```
#[must_use]
pub fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.chars().any(char::is_uppercase)
}

/// One name for one registry: the host in lower case, without HTTPS's own port, Docker Hub's by one of its names.
///
/// ```
/// assert_eq!(trust_core::internal::canonical_registry("Index.Docker.io:443"), "docker.io");
/// ```
#[must_use]
pub fn canonical_registry(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host);
    if DOCKER_HUB_ALIASES.contains(&host) { DOCKER_HUB.to_owned() } else { host.to_owned() }
}

fn check_host(host: &str) -> Result<(), &'static str> {
    let (name, port) = match host.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    let is_ipv6 = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(|address| {
        !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
    });
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !is_ipv6 && !name.split('.').all(is_label) {
        return Err("the registry is not a host name");
    }
    match port {
        Some(port) if port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) => {
            Err("the registry's port is not a number")
        }
        _ => Ok(()),
    }
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.len() > MAX_REPOSITORY_LEN {
        return Err("the repository is longer than 255 bytes");
    }
    // Letters and digits, with one `.`, one or two `_` or some `-` between them.
    let is_part = |part: &str| {
        let mut separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let (first, last) = (part.chars().next(), part.chars().next_back());
        let is_alphanumeric =
            |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        is_alphanumeric(first)
            && is_alphanumeric(last)
            && separators.all(|separator| {
                matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
            })
    };
    match path.split('/').all(is_part) {
        true => Ok(()),
        false => Err("the repository has other than lower-case letters, digits and separators between them"),
    }
}

fn check_tag(tag: &str) -> Result<(), &'static str> {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let is_tag = tag.bytes().next().is_some_and(is_word)
        && tag.len() <= MAX_TAG_LEN
        && tag.bytes().all(|b| is_word(b) || b == b'.' || b == b'-');
    if is_tag { Ok(()) } else { Err("the tag is not 1 to 128 letters, digits, `_`, `.` or `-`") }
}

impl FromStr for ImageRef {
    type Err = ImageRefError;

    fn from_str(text: &str) -> Result<Self, ImageRefError> {
        if text.len() > MAX_LEN {
            return Err(ImageRefError::TooLong { found: text.len() });
        }
        let grammar = |problem: &'static str| ImageRefError::Grammar {
            found: text.to_owned(),
            problem: problem.to_owned(),
        };
        let (name, tag, digest) = split(text);
        let (host, path) = split_host(name);
        host.map_or(Ok(()), check_host).and_then(|()| check_path(path)).map_err(grammar)?;
        tag.map_or(Ok(()), check_tag).map_err(grammar)?;
        let digest = digest
            .map(Digest::from_str)
            .transpose()
            .map_err(|source| ImageRefError::Digest { found: text.to_owned(), source })?;
        let registry = canonical_registry(host.unwrap_or(DOCKER_HUB));
        let repository = match registry == DOCKER_HUB && !path.contains('/') {
            true => format!("library/{path}"),
            false => path.to_owned(),
        };
        let tag = tag.or(digest.is_none().then_some("latest")).map(str::to_owned);
        Ok(Self { written: text.to_owned(), registry, repository, tag, digest })
    }
}

impl fmt::Display for ImageRef {
    /// What was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageRef({} = {})", self.written, self.name())
    }
}

/// An image name together with the digest it stood for when it was resolved, once.
///
/// It proves that the name and the digest do not contradict each other; that the registry's
/// answer was honest is proven by hashing the manifest ([`Digest::check`]) and by signatures over the digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedImage {
    reference: ImageRef,
    digest: Digest,
}

/// The reference names one digest, the resolver another.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("`{reference}` was resolved to `{found}`, expected `{expected}`")]
pub struct PinError {
    /// The reference as written.
    pub reference: String,
    /// What it was resolved to.
    pub found: Digest,
    /// The digest that is part of it.
    pub expected: Digest,
}

impl PinnedImage {
    /// Joins a reference and the digest that it was resolved to.
    ///
    /// # Errors
    /// If the reference itself names another digest.
    pub fn new(reference: ImageRef, digest: Digest) -> Result<Self, PinError> {
        match reference.digest() {
            Some(expected) if *expected != digest => Err(PinError {
                reference: reference.written.clone(),
                found: digest,
                expected: expected.clone(),
            }),
            _ => Ok(Self { reference, digest }),
        }
    }

    /// The name.
    #[must_use]
    pub fn reference(&self) -> &ImageRef {
        &self.reference
    }

    /// The identity.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl fmt::Display for PinnedImage {
    /// `registry/repository[:tag]@digest`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reference.name())?;
        if let Some(tag) = self.reference.tag() {
            write!(f, ":{tag}")?;
        }
        write!(f, "@{}", self.digest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn image(text: &str) -> ImageRef {
        text.parse().unwrap()
    }

    #[test]
    fn parts_are_normalized_and_the_written_form_is_kept() {
        let digest = Digest::sha256(b"");
        let written = format!("ghcr.io/org/app:v1@{digest}");
        let reference = image(&written);
        assert_eq!(reference.written(), written);
        assert_eq!(reference.name(), "ghcr.io/org/app");
        assert_eq!((reference.tag(), reference.digest()), (Some("v1"), Some(&digest)));
        assert_eq!(image("localhost:5000/a").registry(), "localhost:5000");
        assert_eq!(image("a/b").name(), "docker.io/a/b");
        assert_eq!(image("ghcr.io/A:5000/b".trim_start_matches("ghcr.io/")).registry(), "a:5000");
    }

    #[test]
    fn one_repository_has_one_name() {
        for (written, name) in [
            ("GHCR.io/o/app", "ghcr.io/o/app"),
            ("ghcr.io:443/o/app", "ghcr.io/o/app"),
            ("registry-1.docker.io/library/nginx", "docker.io/library/nginx"),
            ("index.docker.io/nginx", "docker.io/library/nginx"),
            ("Docker.IO:443/a/b", "docker.io/a/b"),
            ("docker.io/nginx", "docker.io/library/nginx"),
            ("LOCALHOST/a", "localhost/a"),
            ("EVIL/x", "evil/x"),
            ("[2001:DB8::1]:5000/a", "[2001:db8::1]:5000/a"),
            ("localhost:80/a", "localhost:80/a"),
        ] {
            assert_eq!(image(written).name(), name, "{written}");
        }
        assert_eq!(image("GHCR.io/o/app:1").written_name(), (Some("GHCR.io"), "o/app"));
        assert_eq!(image("nginx:1").written_name(), (None, "nginx"));
    }

    #[test]
    fn the_grammar_is_dockers() {
        for wrong in [
            "a//b",
            "/a",
            "a/",
            "a:",
            "a@",
            "a:@",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a._b",
            "a b",
            "a:b:c",
            "a:-x",
            "ä",
            "a:ä",
            "host.:5000/a",
            ".host/a",
            "a_b.io/c",
            "h.io:x/a",
            "h.io:/a",
            "[::1/a",
            "[]/a",
            "a:t@sha256:12",
            "a/B",
        ] {
            assert!(wrong.parse::<ImageRef>().is_err(), "{wrong}");
        }
        let long = format!("a:{}", "t".repeat(129));
        assert!(long.parse::<ImageRef>().is_err());
        for right in ["x/a.b_c__d---e/f", "1", "a/1.2", "xn--a.io/b", "a:_x", "a:A.b-c_d", "1.2.3.4:1/a"] {
            assert!(right.parse::<ImageRef>().is_ok(), "{right}");
        }
    }

    #[test]
    fn unusable_references_are_refused() {
        assert!(matches!("".parse::<ImageRef>(), Err(ImageRefError::Grammar { .. })));
        assert!(matches!("ghcr.io/UPPER".parse::<ImageRef>(), Err(ImageRefError::Grammar { .. })));
        assert_eq!("a/".repeat(1000).parse::<ImageRef>(), Err(ImageRefError::TooLong { found: 2000 }));
    }

    #[test]
    fn a_digest_that_contradicts_the_reference_is_refused() {
        let (one, other) = (Digest::sha256(b"1"), Digest::sha256(b"2"));
        let reference = image(&format!("a/b@{one}"));
        assert!(PinnedImage::new(reference.clone(), one.clone()).is_ok());
        assert_eq!(
            PinnedImage::new(reference, other.clone()),
            Err(PinError { reference: format!("a/b@{one}"), found: other, expected: one })
        );
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_keeps_what_was_written(text in "\\PC{0,80}") {
            if let Ok(reference) = text.parse::<ImageRef>() {
                prop_assert_eq!(reference.written(), &text);
            }
        }

        #[test]
        fn a_pinned_image_reads_back_as_itself(
            registry in "[a-z]{1,8}\\.io", repository in "[a-z0-9]{1,8}(/[a-z0-9]{1,8}){0,3}",
            tag in "[a-z0-9][a-z0-9._-]{0,10}", content: Vec<u8>,
        ) {
            let digest = Digest::sha256(&content);
            let pinned = PinnedImage::new(image(&format!("{registry}/{repository}:{tag}")), digest.clone()).unwrap();
            let again = image(&pinned.to_string());
            prop_assert_eq!(again.name(), format!("{registry}/{repository}"));
            prop_assert_eq!(again.tag(), Some(tag.as_str()));
            prop_assert_eq!(again.digest(), Some(&digest));
        }
    }
}
