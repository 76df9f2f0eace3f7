//! [`DocumentFormat`]: a format of attested documents, and [`Formats`]: those that are read.

use core::fmt;
use std::sync::Arc;

use trust_core::Statement;

use crate::attestation::predicate::{Predicate, PredicateError, PredicateKind};
use crate::read::limits::Limits;

/// A format of SBOMs, scan reports or VEX documents, as attestations carry it.
///
/// An implementor promises to read a document whole or to refuse it, within the limits, and to distinguish a scan without findings
/// from no scan: see [`ScanReport::scanned`](crate::ScanReport::scanned).
///
/// ```
/// use trust_sbom::{Component, DocumentFormat, Formats, Limits, Predicate, PredicateError, PredicateKind, SbomBuilder};
///
/// /// A package URL on each line.
/// #[derive(Debug)]
/// struct Lines;
///
/// impl DocumentFormat for Lines {
///     fn name(&self) -> &str {
///         "a list of package URLs"
///     }
///     fn kind_of(&self, predicate_type: &str) -> Option<PredicateKind> {
///         (predicate_type == "https://acme.example/packages/v1").then_some(PredicateKind::Sbom)
///     }
///     fn read(&self, _: &str, predicate: &[u8], limits: &Limits) -> Result<Predicate, PredicateError> {
///         let lines: Result<Vec<String>, _> = serde_json::from_slice(predicate);
///         let lines = lines.map_err(|error| PredicateError::of_format(self.name(), &error))?;
///         let mut builder = SbomBuilder::new(limits);
///         for line in lines {
///             let mut component = Component::default();
///             component.name.clone_from(&line);
///             component.purls.push(line);
///             builder.add(component)?;
///         }
///         let (sbom, diagnostics) = builder.finish();
///         Ok(Predicate::Sbom(Box::new(sbom), diagnostics))
///     }
/// }
///
/// let formats = Formats::default().with(Lines);
/// let read = formats.read("https://acme.example/packages/v1", br#"["pkg:npm/lodash@4.17.20"]"#, &Limits::default())?;
/// let Predicate::Sbom(sbom, _) = read else { panic!("{read:?}") };
/// assert_eq!(sbom.components()[0].purls, ["pkg:npm/lodash@4.17.20"]);
/// # Ok::<(), PredicateError>(())
/// ```
pub trait DocumentFormat: fmt::Debug + Send + Sync {
    /// Its name, for messages.
    fn name(&self) -> &str;

    /// What attestations of this predicate type are about; `None` if they do not carry this format.
    fn kind_of(&self, predicate_type: &str) -> Option<PredicateKind>;

    /// Reads a predicate of a type that it [carries](Self::kind_of).
    ///
    /// # Errors
    /// If it is not what its type says, or exceeds the limits.
    fn read(
        &self,
        predicate_type: &str,
        predicate: &[u8],
        limits: &Limits,
    ) -> Result<Predicate, PredicateError>;
}

/// The formats of this crate: SBOMs in SPDX and CycloneDX, scan reports, OpenVEX, SLSA provenance and verification summaries.
#[derive(Debug)]
struct BuiltIn;

impl DocumentFormat for BuiltIn {
    fn name(&self) -> &str {
        "a built-in format"
    }

    fn kind_of(&self, predicate_type: &str) -> Option<PredicateKind> {
        PredicateKind::of(predicate_type)
    }

    fn read(
        &self,
        predicate_type: &str,
        predicate: &[u8],
        limits: &Limits,
    ) -> Result<Predicate, PredicateError> {
        Predicate::read(predicate_type, predicate, limits)
    }
}

/// The formats that are read: those that are built in, and before them an embedder's own.
#[derive(Clone, Debug)]
pub struct Formats {
    /// The first that carries a predicate type reads it.
    formats: Vec<Arc<dyn DocumentFormat>>,
}

impl Default for Formats {
    fn default() -> Self {
        Self { formats: vec![Arc::new(BuiltIn)] }
    }
}

impl Formats {
    /// Reads this format, too. Predicate types that it carries are its own, even if a built-in format carries them.
    #[must_use]
    pub fn with(mut self, format: impl DocumentFormat + 'static) -> Self {
        self.formats.insert(0, Arc::new(format));
        self
    }

    /// What attestations of this predicate type are about; `None` for types that are not read.
    #[must_use]
    pub fn kind_of(&self, predicate_type: &str) -> Option<PredicateKind> {
        self.formats.iter().find_map(|one| one.kind_of(predicate_type))
    }

    /// Reads the predicate of a statement, which must come out of a verified bundle.
    ///
    /// # Errors
    /// If it is not what its type says.
    pub fn predicate_of(&self, statement: &Statement, limits: &Limits) -> Result<Predicate, PredicateError> {
        self.read(statement.predicate_type(), statement.predicate_json().as_bytes(), limits)
    }

    /// Reads a predicate of this type.
    ///
    /// # Errors
    /// If it is not what its type says. A type that no format carries is no error, but [`Predicate::Other`].
    pub fn read(
        &self,
        predicate_type: &str,
        predicate: &[u8],
        limits: &Limits,
    ) -> Result<Predicate, PredicateError> {
        let carrier = self.formats.iter().find_map(|one| Some((one, one.kind_of(predicate_type)?)));
        let Some((format, kind)) = carrier else { return Ok(Predicate::Other) };
        let read = format.read(predicate_type, predicate, limits)?;
        match read.kind() {
            Some(found) if found == kind => Ok(read),
            found => {
                let found =
                    found.map_or_else(|| "nothing that is known".to_owned(), |found| found.to_string());
                let problem = format!("found {found}, expected {kind}");
                Err(PredicateError::of_format(format.name(), &problem))
            }
        }
    }
}
