//! [`ImageRef`], a name of an image, and [`PinnedImage`], its identity.

use core::fmt;
use core::str::FromStr;

use oci_spec::distribution::Reference;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest::{Digest, DigestError};

/// The longest reference that is read: a host of 255, a repository of 255, a tag of 128, a sha512 digest of 135, and separators.
const MAX_LEN: usize = 776;

/// A name of an image as somebody wrote it, with its parts by the grammar of the distribution specification.
///
/// What was written is kept beside the normalized parts, because policy languages normalize differently:
/// here, as in Docker, `nginx` is `docker.io/library/nginx:latest`.
/// A tag is a name that a registry may point elsewhere at any time; only a digest is an identity.
///
/// ```
/// use trust_core::ImageRef;
/// let image: ImageRef = "nginx".parse()?;
/// assert_eq!((image.registry(), image.repository(), image.tag()), ("docker.io", "library/nginx", Some("latest")));
/// assert_eq!(image.written(), "nginx");
/// # Ok::<(), trust_core::ImageRefError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ImageRef {
    written: String,
    parts: Reference,
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

    /// The registry's host and port; `docker.io` if none was written.
    #[must_use]
    pub fn registry(&self) -> &str {
        self.parts.registry()
    }

    /// The repository within the registry; `library/` is put before Docker Hub's short names.
    #[must_use]
    pub fn repository(&self) -> &str {
        self.parts.repository()
    }

    /// The tag; `latest` if neither tag nor digest was written.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.parts.tag()
    }

    /// The digest, if one was written.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// `registry/repository`, without tag and digest.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry(), self.repository())
    }
}

impl FromStr for ImageRef {
    type Err = ImageRefError;

    fn from_str(text: &str) -> Result<Self, ImageRefError> {
        if text.len() > MAX_LEN {
            return Err(ImageRefError::TooLong { found: text.len() });
        }
        let parts = Reference::try_from(text)
            .map_err(|error| ImageRefError::Grammar { found: text.to_owned(), problem: error.to_string() })?;
        let digest = parts
            .digest()
            .map(Digest::from_str)
            .transpose()
            .map_err(|source| ImageRefError::Digest { found: text.to_owned(), source })?;
        Ok(Self { written: text.to_owned(), parts, digest })
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
        write!(f, "ImageRef({} = {})", self.written, self.parts)
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
