//! [`Limits`]: how much is read of a document that a stranger wrote.

/// How much is read of a document that a stranger wrote. Every field can be raised or lowered.
///
/// Depth is not among them: JSON is read to 128 levels, XML to 128 elements, nested components to 60.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the document; cosign attaches up to 128 MiB.
    pub len: u64,
    /// Components, files and nested components included; the largest known images have some 100 000.
    pub components: usize,
    /// Relationships between components.
    pub relationships: usize,
    /// Findings of a report, and statements of a VEX document.
    pub findings: usize,
    /// Products of a VEX document, over all of its statements.
    pub products: usize,
    /// Hashes, licenses, identifiers, references or properties of one component, each.
    pub per_component: usize,
    /// Bytes of a component's name, version or license, and of a package URL.
    pub text: usize,
    /// Diagnostics that are kept; further ones are counted.
    pub diagnostics: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            len: 512 << 20,
            components: 1_000_000,
            relationships: 10_000_000,
            findings: 100_000,
            products: 1_000_000,
            per_component: 65_536,
            text: 8 << 10,
            diagnostics: 1_000,
        }
    }
}
