//! [`SbomBuilder`]: an SBOM that a program makes, held to the same limits as one that is read.

use crate::model::component::{Component, ComponentId};
use crate::model::diagnostic::Diagnostics;
use crate::model::relationship::{DependencyScope, RelationshipKind};
use crate::model::sbom::{Encoding, Format, Header, Sbom};
use crate::read::draft::{Draft, Edge, Sink};
use crate::read::error::SbomError;
use crate::read::limits::Limits;

/// Makes an SBOM, for readers of formats that are not built in (see [`DocumentFormat`](crate::DocumentFormat)).
///
/// ```
/// use trust_sbom::{Component, Limits, SbomBuilder};
/// let limits = Limits::default();
/// let mut builder = SbomBuilder::new(&limits);
/// let mut component = |name: &str| {
///     let mut component = Component::default();
///     (component.reference, component.name) = (Some(name.to_owned()), name.to_owned());
///     component
/// };
/// builder.add_root(component("app"))?;
/// builder.add(component("lib"))?;
/// builder.depends_on("app", "lib")?;
/// let (sbom, diagnostics) = builder.finish();
/// assert_eq!((sbom.components().len(), sbom.dependencies().count(), diagnostics.count()), (2, 1, 0));
/// # Ok::<(), trust_sbom::SbomError>(())
/// ```
pub struct SbomBuilder<'a> {
    draft: Draft<'a>,
}

impl<'a> SbomBuilder<'a> {
    /// One without components yet, within these limits.
    #[must_use]
    pub fn new(limits: &'a Limits) -> Self {
        Self { draft: Draft::new(limits, Sink::Keep) }
    }

    /// Says what the document says about itself.
    #[must_use]
    pub fn with_header(mut self, header: Header) -> Self {
        self.draft.header = header;
        self
    }

    /// Adds a component.
    ///
    /// # Errors
    /// If there are too many, or a text or a list of it is too long.
    pub fn add(&mut self, component: Component) -> Result<ComponentId, SbomError> {
        self.draft.component(component)
    }

    /// Adds the software that the document is about, or one of several.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn add_root(&mut self, component: Component) -> Result<ComponentId, SbomError> {
        let id = self.draft.component(component)?;
        self.draft.root(id);
        Ok(id)
    }

    /// Says that one component depends on another, by their references; they may be added later.
    ///
    /// # Errors
    /// If there are too many relationships.
    pub fn depends_on(&mut self, from: &str, to: &str) -> Result<(), SbomError> {
        let kind = RelationshipKind::DependsOn(DependencyScope::default());
        self.draft.edge(Edge { from: from.to_owned(), kind, to: to.to_owned(), is_inverse: false })
    }

    /// The SBOM, and what is odd about it.
    #[must_use]
    pub fn finish(self) -> (Sbom, Diagnostics) {
        self.draft.finish(Format::Own, Encoding::Own, String::new(), &[])
    }
}
