//! [`Sbom`]: a bill of materials, whatever format it was written in.

use core::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use trust_core::json::{self, JsonError};

use crate::{cyclonedx, spdx};

/// What a piece of software is made of, by whoever wrote the document.
///
/// It proves nothing about the software: that a trusted signer wrote it is for a
/// [`VerifiedBundle`](trust_core::VerifiedBundle) to prove, and that it is complete, for nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sbom {
    format: Format,
    version: String,
    components: Vec<Component>,
}

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Format {
    /// [CycloneDX](https://cyclonedx.org/docs/1.6/json/) in JSON, 1.2 to 1.6.
    CycloneDx,
    /// [SPDX](https://spdx.github.io/spdx-spec/v2.3/) in JSON, 2.2 and 2.3.
    Spdx,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CycloneDx => "CycloneDX",
            Self::Spdx => "SPDX",
        })
    }
}

/// A part of the software.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Its version, if the document says.
    pub version: Option<String>,
    /// Its [package URLs](https://github.com/package-url/purl-spec), as written.
    pub purls: Vec<String>,
}

/// How much is read of a document that a stranger wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes; cosign attaches documents of up to 128 MiB.
    pub len: usize,
    /// Components; the largest known images have some 100 000 files as components.
    pub components: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { len: 128 << 20, components: 1_000_000 }
    }
}

/// The text is not a bill of materials that is read here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SbomError {
    /// It is too long.
    #[error("document has {found} bytes, expected at most {expected}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
        /// How many are read.
        expected: usize,
    },
    /// There are too many components.
    #[error("document has more than {expected} components")]
    TooManyComponents {
        /// How many are read.
        expected: usize,
    },
    /// It is not JSON, repeats a key, or has another shape.
    #[error("document is malformed")]
    Json(#[from] JsonError),
    /// It says that it is of two formats.
    #[error("document has both `bomFormat` and `spdxVersion`, expected one of them")]
    TwoFormats,
    /// It does not say what it is.
    #[error("document has neither `bomFormat` nor `spdxVersion`")]
    UnknownFormat,
    /// It is of another version.
    #[error("document is {format} `{found}`, expected {expected}")]
    Version {
        /// The format.
        format: Format,
        /// What was found.
        found: String,
        /// Which versions are read.
        expected: &'static str,
    },
}

impl Sbom {
    /// Reads a document. Its format is what its content says, and it must say exactly one.
    ///
    /// # Errors
    /// If it is malformed, too large, or of no format or version that is read here.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, SbomError> {
        #[derive(Deserialize)]
        struct Markers {
            #[serde(rename = "bomFormat")]
            cyclonedx: Option<serde::de::IgnoredAny>,
            #[serde(rename = "spdxVersion")]
            spdx: Option<serde::de::IgnoredAny>,
        }
        if bytes.len() > limits.len {
            return Err(SbomError::TooLong { found: bytes.len(), expected: limits.len });
        }
        let markers: Markers = json::from_slice(bytes)?;
        let (format, (version, components)) = match (markers.cyclonedx, markers.spdx) {
            (Some(_), None) => (Format::CycloneDx, cyclonedx::read(bytes, limits)?),
            (None, Some(_)) => (Format::Spdx, spdx::read(bytes, limits)?),
            (Some(_), Some(_)) => return Err(SbomError::TwoFormats),
            (None, None) => return Err(SbomError::UnknownFormat),
        };
        Ok(Self { format, version, components })
    }

    /// Its format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Version of the format.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its parts, in the document's order. None may mean that there are none, or that nobody looked.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Sbom, SbomError> {
        Sbom::read(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn the_same_parts_are_read_from_both_formats() {
        let cyclonedx = read(
            r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[
                {"type":"library","name":"a","version":"1","purl":"pkg:cargo/a@1",
                 "components":[{"type":"library","name":"b"}]}]}"#,
        )
        .unwrap();
        let spdx = read(
            r#"{"spdxVersion":"SPDX-2.3","packages":[
                {"name":"a","versionInfo":"1","externalRefs":[
                    {"referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a"},
                    {"referenceType":"purl","referenceLocator":"pkg:cargo/a@1"}]},
                {"name":"b"}]}"#,
        )
        .unwrap();
        assert_eq!(cyclonedx.components(), spdx.components());
        assert_eq!(cyclonedx.components()[0].purls, ["pkg:cargo/a@1"]);
        assert_eq!((cyclonedx.format(), cyclonedx.version()), (Format::CycloneDx, "1.5"));
        assert_eq!((spdx.format(), spdx.version()), (Format::Spdx, "SPDX-2.3"));
    }

    #[test]
    fn the_format_must_be_said_once() {
        assert_eq!(read("{}"), Err(SbomError::UnknownFormat));
        assert_eq!(read(r#"{"bomFormat":"CycloneDX","spdxVersion":"SPDX-2.3"}"#), Err(SbomError::TwoFormats));
        let version = |format, found: &str, expected| {
            Err(SbomError::Version { format, found: found.to_owned(), expected })
        };
        assert_eq!(
            read(r#"{"bomFormat":"CycloneDX","specVersion":"9.9"}"#),
            version(Format::CycloneDx, "9.9", cyclonedx::VERSIONS_TEXT)
        );
        assert_eq!(
            read(r#"{"spdxVersion":"SPDX-1.2","packages":[]}"#),
            version(Format::Spdx, "SPDX-1.2", spdx::VERSIONS_TEXT)
        );
    }

    #[test]
    fn a_component_cannot_hide_behind_a_repeated_key() {
        let text = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"name":"log4j"}],"components":[]}"#;
        let Err(SbomError::Json(error)) = read(text) else { panic!("accepted") };
        assert_eq!(error.problem, "the key `components` is repeated, expected it once");
    }

    #[test]
    fn limits_are_kept() {
        let text =
            br#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[{"name":"a"},{"name":"b"}]}"#;
        let short = Limits { len: 10, ..Limits::default() };
        assert_eq!(Sbom::read(text, &short), Err(SbomError::TooLong { found: text.len(), expected: 10 }));
        let few = Limits { components: 1, ..Limits::default() };
        assert_eq!(Sbom::read(text, &few), Err(SbomError::TooManyComponents { expected: 1 }));
        let deep = format!(
            r#"{{"bomFormat":"CycloneDX","specVersion":"1.5","components":{}{}}}"#,
            r#"[{"name":"a","components":"#.repeat(10_000),
            "}]".repeat(10_000)
        );
        assert!(matches!(read(&deep), Err(SbomError::Json(_))));
    }

    proptest::proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC*") {
            let _ = read(&text);
        }
    }
}
