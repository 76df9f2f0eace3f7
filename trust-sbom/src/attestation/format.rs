//! [`DocumentFormat`]: a format of attested documents, and [`Formats`]: those that are read.

use core::fmt;
use std::sync::Arc;

use trust_core::Statement;

use crate::attestation::predicate::{Predicate, PredicateError, PredicateKind};
use crate::read::limits::Limits;

/// A format of bills of materials, scan reports or VEX documents, as attestations carry it.
///
/// An implementor promises to read a document whole or to refuse it, within the limits, and to distinguish a scan without findings
/// from no scan: see [`ScanReport::scanned`](crate::ScanReport::scanned).
///
/// ```
/// use trust_sbom::{Component, DocumentFormat, Formats, Limits, Predicate, PredicateKind, SbomBuilder};
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
///     fn read(&self, predicate: &[u8], limits: &Limits) -> Result<Predicate, String> {
///         let lines: Vec<String> = serde_json::from_slice(predicate).map_err(|error| error.to_string())?;
///         let mut builder = SbomBuilder::new(limits);
///         for line in lines {
///             let mut component = Component::default();
///             component.name.clone_from(&line);
///             component.purls.push(line);
///             builder.add(component).map_err(|error| error.to_string())?;
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
/// # Ok::<(), trust_sbom::PredicateError>(())
/// ```
pub trait DocumentFormat: fmt::Debug + Send + Sync {
    /// Its name, for messages.
    fn name(&self) -> &str;

    /// What attestations of this predicate type are about; `None` if they do not carry this format.
    fn kind_of(&self, predicate_type: &str) -> Option<PredicateKind>;

    /// Reads a predicate.
    ///
    /// # Errors
    /// If it is not what its type says, or exceeds the limits: in words.
    fn read(&self, predicate: &[u8], limits: &Limits) -> Result<Predicate, String>;
}

/// The formats that are read: an embedder's own first, then those that are built in.
#[derive(Clone, Debug, Default)]
pub struct Formats {
    own: Vec<Arc<dyn DocumentFormat>>,
}

impl Formats {
    /// Reads this format, too.
    #[must_use]
    pub fn with(mut self, format: impl DocumentFormat + 'static) -> Self {
        self.own.push(Arc::new(format));
        self
    }

    /// What attestations of this predicate type are about; `None` for types that are not read.
    #[must_use]
    pub fn kind_of(&self, predicate_type: &str) -> Option<PredicateKind> {
        self.own
            .iter()
            .find_map(|one| one.kind_of(predicate_type))
            .or_else(|| PredicateKind::of(predicate_type))
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
    /// If it is not what its type says.
    pub fn read(
        &self,
        predicate_type: &str,
        predicate: &[u8],
        limits: &Limits,
    ) -> Result<Predicate, PredicateError> {
        let Some((own, kind)) = self.own.iter().find_map(|one| Some((one, one.kind_of(predicate_type)?)))
        else {
            return Predicate::read(predicate_type, predicate, limits);
        };
        let wrong = |problem| PredicateError::Own { format: own.name().to_owned(), problem };
        let read = own.read(predicate, limits).map_err(wrong)?;
        match read.kind() {
            Some(found) if found == kind => Ok(read),
            found => Err(wrong(format!("its reader made {found:?} of it, expected {kind:?}"))),
        }
    }
}
