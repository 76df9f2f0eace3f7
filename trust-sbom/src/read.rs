//! [`Sbom::read`]: finds out what a document is, by its content alone, and reads it.

pub(crate) mod error;
pub(crate) mod limits;

pub(crate) mod draft;
pub(crate) mod stream;

pub(crate) mod builder;

pub(crate) mod cyclonedx;
pub(crate) mod spdx;
pub(crate) mod spdx3;

#[cfg(any(feature = "cyclonedx-bom", feature = "spdx-rs"))]
mod models;

use std::io::{self, BufRead, BufReader, Read};

use serde_json::{Map, Value};
use trust_core::internal::json;
use trust_core::{HashAlgorithm, Hasher};

use self::cyclonedx::CycloneDx;
use self::draft::{Draft, Sink};
use self::error::SbomError;
use self::limits::Limits;
use self::spdx::Spdx;
use self::spdx3::Spdx3;
use self::stream::JsonStream;
use crate::model::component::Component;
use crate::model::diagnostic::{DiagnosticKind, Diagnostics};
use crate::model::sbom::{Encoding, Format, Sbom};

/// How much of what a specification says a document must keep to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strictness {
    /// As much as its meaning needs. The rest becomes [`Diagnostics`].
    #[default]
    Meaning,
    /// All that the specification forbids is an error.
    Spec,
}

impl Sbom {
    /// Reads a document of any format that is known here; a `&[u8]` is a reader too. What it is must be said by its
    /// content, exactly once.
    ///
    /// It is read in one pass. Nothing that it names is fetched.
    ///
    /// # Errors
    /// If it is broken, too large, or of no format and version that is read here.
    pub fn read(input: impl Read, limits: &Limits) -> Result<(Self, Diagnostics), SbomError> {
        read(input, limits, Strictness::Meaning, Sink::Keep)
    }

    /// As [`read`](Self::read), and as strict as asked. [`Strictness::Spec`] holds the whole document in memory.
    ///
    /// # Errors
    /// As [`read`](Self::read), and if the document breaks the specification.
    pub fn read_strictly(
        input: impl Read,
        limits: &Limits,
        strictness: Strictness,
    ) -> Result<(Self, Diagnostics), SbomError> {
        read(input, limits, strictness, Sink::Keep)
    }

    /// Reads a document and gives away each component as soon as it is read, for documents that are too large to be
    /// held. The result has no components, relationships or completeness.
    ///
    /// ```
    /// use trust_sbom::{Limits, Sbom};
    /// let document = br#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": "a"}]}"#;
    /// let mut names = Vec::new();
    /// Sbom::read_components(&document[..], &Limits::default(), &mut |one| names.push(one.name))?;
    /// assert_eq!(names, ["a"]);
    /// # Ok::<(), trust_sbom::SbomError>(())
    /// ```
    ///
    /// # Errors
    /// As [`read`](Self::read). Components may have been given away before.
    pub fn read_components<'a>(
        input: impl Read,
        limits: &'a Limits,
        take: &'a mut dyn FnMut(Component),
    ) -> Result<(Self, Diagnostics), SbomError> {
        read(input, limits, Strictness::Meaning, Sink::Pass(take))
    }
}

fn read<'a>(
    input: impl Read,
    limits: &'a Limits,
    strictness: Strictness,
    sink: Sink<'a>,
) -> Result<(Sbom, Diagnostics), SbomError> {
    let mut input = BufReader::with_capacity(64 << 10, Hashing::new(input, limits.len));
    let result = read_any(&mut input, Draft::new(limits, sink), strictness);
    // A document that is too long, or cannot be got, is malformed where it stops.
    let hashing = input.into_inner();
    if hashing.is_too_long {
        return Err(SbomError::TooLong { expected: limits.len });
    }
    if let Some(problem) = hashing.problem {
        return Err(SbomError::Read { problem });
    }
    let (mut sbom, diagnostics) = result?;
    sbom.digest = Some(hashing.hasher.finish());
    Ok((sbom, diagnostics))
}

fn read_any(
    input: &mut impl BufRead,
    mut draft: Draft<'_>,
    strictness: Strictness,
) -> Result<(Sbom, Diagnostics), SbomError> {
    let problem = |error: io::Error| SbomError::Read { problem: error.to_string() };
    let (first, marks) = first_byte(input).map_err(problem)?;
    if marks > 1 {
        draft.odd(DiagnosticKind::UnknownValue("\u{feff}".repeat(marks - 1)), "the beginning");
    }
    match first {
        // Two bytes for each letter.
        Some(0) => Err(SbomError::Unsupported { found: "UTF-16" }),
        Some(_) if input.fill_buf().map_err(problem)?.get(1) == Some(&0) => {
            Err(SbomError::Unsupported { found: "UTF-16" })
        }
        Some(b'{') if strictness == Strictness::Spec => read_json_by_spec(input, draft),
        Some(b'{') => read_json(input, draft, strictness),
        Some(b'<') => read_xml(input, draft, strictness),
        Some(0x1F) => Err(SbomError::Unsupported { found: "gzip" }),
        Some(0xFE | 0xFF) => Err(SbomError::Unsupported { found: "UTF-16" }),
        Some(_) => read_lines(&all(input)?, draft, strictness),
        None => Err(SbomError::UnknownFormat),
    }
}

fn read_lines(
    text: &str,
    mut draft: Draft<'_>,
    strictness: Strictness,
) -> Result<(Sbom, Diagnostics), SbomError> {
    let encoding = spdx::encoding_of(text)?;
    let mut spdx = Spdx::default();
    match encoding {
        Encoding::Yaml => spdx.read_yaml(text, &mut draft)?,
        _ => spdx.read_tag_value(text, &mut draft)?,
    }
    let version = spdx.finish(&draft, strictness == Strictness::Spec)?;
    Ok(draft.finish(Format::Spdx, encoding, version, &[spdx::DOCUMENT]))
}

/// The first byte that is not white space, left in place, and how many byte order marks of UTF-8 were passed over.
fn first_byte(input: &mut impl BufRead) -> io::Result<(Option<u8>, usize)> {
    let mut marks = 0;
    while input.fill_buf()?.starts_with(&[0xEF, 0xBB, 0xBF]) {
        input.consume(3);
        marks += 1;
    }
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok((None, marks));
        }
        let spaces = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if let Some(byte) = buffer.get(spaces) {
            let byte = *byte;
            input.consume(spaces);
            return Ok((Some(byte), marks));
        }
        input.consume(spaces);
    }
}

fn all(input: &mut impl Read) -> Result<String, SbomError> {
    let mut text = String::new();
    match input.read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(SbomError::Read { problem: error.to_string() }),
    }
}

/// Reads JSON in one pass, whatever format it turns out to be.
fn read_json(
    mut input: impl Read,
    draft: Draft<'_>,
    strictness: Strictness,
) -> Result<(Sbom, Diagnostics), SbomError> {
    let mut document = Document::new(draft);
    JsonStream::new(&mut input).document(|key, json| document.read_key(key, json))?;
    document.finish(strictness)
}

/// Holds the whole text, to look for repeated keys at any depth and for what CycloneDX forbids.
fn read_json_by_spec(input: &mut impl Read, draft: Draft<'_>) -> Result<(Sbom, Diagnostics), SbomError> {
    let text = all(input)?;
    cyclonedx::check_text(json::Document::new(text.as_bytes())?.text())?;
    read_json(text.as_bytes(), draft, Strictness::Spec)
}

fn read_xml(
    input: impl BufRead,
    mut draft: Draft<'_>,
    strictness: Strictness,
) -> Result<(Sbom, Diagnostics), SbomError> {
    let mut cyclonedx = CycloneDx::default();
    let mut whole = (strictness == Strictness::Spec).then(Map::new);
    cyclonedx.read_xml(input, &mut draft, whole.as_mut())?;
    if let Some(mut whole) = whole {
        // What the root element and its namespace say.
        whole.insert("bomFormat".to_owned(), Value::from("CycloneDX"));
        whole.insert("specVersion".to_owned(), Value::from(cyclonedx.version.clone()));
        cyclonedx::check(&Value::Object(whole))?;
    }
    let version = cyclonedx.finish(&mut draft)?;
    Ok(draft.finish(Format::CycloneDx, Encoding::Xml, version, &[]))
}

/// A JSON document while it is read. Until its end it may be of any format: the marker can come last.
struct Document<'a> {
    draft: Draft<'a>,
    cyclonedx: CycloneDx,
    spdx: Spdx,
    spdx3: Spdx3,
}

impl<'a> Document<'a> {
    fn new(draft: Draft<'a>) -> Self {
        Self { draft, cyclonedx: CycloneDx::default(), spdx: Spdx::default(), spdx3: Spdx3::default() }
    }

    fn read_key(&mut self, key: &str, json: &mut JsonStream<'_>) -> Result<(), SbomError> {
        let draft = &mut self.draft;
        let is_read = self.cyclonedx.read_key(key, json, draft)?
            || self.spdx.read_key(key, json, draft)?
            || self.spdx3.read_key(key, json, draft)?;
        if is_read { Ok(()) } else { json.skip() }
    }

    fn finish(mut self, strictness: Strictness) -> Result<(Sbom, Diagnostics), SbomError> {
        let by_spec = strictness == Strictness::Spec;
        let markers = [
            (self.cyclonedx.marker.is_some(), "bomFormat"),
            (self.spdx.version.is_some(), "spdxVersion"),
            (self.spdx3.is_marked(), "@graph"),
        ];
        let mut found = markers.into_iter().filter(|(is_found, _)| *is_found).map(|(_, marker)| marker);
        match (found.next(), found.next()) {
            (Some(first), Some(second)) => Err(SbomError::TwoFormats(first, second)),
            (Some("bomFormat"), None) => {
                let version = self.cyclonedx.finish(&mut self.draft)?;
                Ok(self.draft.finish(Format::CycloneDx, Encoding::Json, version, &[]))
            }
            (Some("spdxVersion"), None) => {
                let version = self.spdx.finish(&self.draft, by_spec)?;
                Ok(self.draft.finish(Format::Spdx, Encoding::Json, version, &[spdx::DOCUMENT]))
            }
            (Some(_), None) => {
                let (version, document) = self.spdx3.finish(&mut self.draft, by_spec)?;
                let document: Vec<&str> = document.iter().map(String::as_str).collect();
                Ok(self.draft.finish(Format::Spdx3, Encoding::Json, version, &document))
            }
            (None, _) => Err(SbomError::UnknownFormat),
        }
    }
}

/// Passes on what it reads, as far as the limit, and hashes it.
struct Hashing<R> {
    inner: R,
    left: u64,
    hasher: Hasher,
    is_too_long: bool,
    problem: Option<String>,
}

impl<R: Read> Hashing<R> {
    fn new(inner: R, limit: u64) -> Self {
        Self {
            inner,
            left: limit,
            hasher: Hasher::new(HashAlgorithm::Sha256),
            is_too_long: false,
            problem: None,
        }
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.inner.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.problem = Some(error.to_string());
                return Err(error);
            }
            other => other?,
        };
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                self.is_too_long = true;
                return Err(io::Error::other("the document is too long"));
            }
        }
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}
