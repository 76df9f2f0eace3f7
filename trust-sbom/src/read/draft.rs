//! [`Draft`]: an [`Sbom`] while it is read. References are words until the end, when all components are known.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use trust_core::UnixTime;

use crate::model::component::{Component, ComponentId};
use crate::model::diagnostic::{DiagnosticKind, Diagnostics};
use crate::model::finding::{Affected, Finding};
use crate::model::license::{License, LicenseClaim};
use crate::model::relationship::{
    Aggregate, Completeness, CompletenessOf, Node, Relationship, RelationshipKind,
};
use crate::model::sbom::{Encoding, Format, Header, Sbom};
use crate::model::vex_statement::{VexProduct, VexStatement};
use crate::package::purl::Purl;
use crate::read::error::SbomError;
use crate::read::limits::Limits;

/// Where a component goes as soon as it is read.
pub(crate) enum Sink<'a> {
    /// Into the bill.
    Keep,
    /// To a caller that asked for components alone. Relationships are then not kept.
    Pass(&'a mut dyn FnMut(Component)),
}

pub(crate) struct Draft<'a> {
    limits: &'a Limits,
    sink: Sink<'a>,
    pub(crate) header: Header,
    components: Vec<Component>,
    count: usize,
    ids: HashMap<String, ComponentId>,
    /// References to what is in the document and no component.
    others: HashSet<String>,
    edges: Vec<Edge>,
    roots: Vec<ComponentId>,
    is_root: HashSet<ComponentId>,
    root_references: Vec<String>,
    gaps: Vec<(CompletenessOf, Vec<String>, Aggregate)>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) statements: Vec<VexStatement>,
    diagnostics: Diagnostics,
    /// Texts that are licenses, and those that are not: reading one is slow, and they repeat.
    licenses: HashMap<String, License>,
    /// How findings and statements name what references lead to.
    named: HashMap<String, (Arc<Affected>, Arc<VexProduct>)>,
}

/// A relationship by references.
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) kind: RelationshipKind,
    pub(crate) to: String,
    pub(crate) is_inverse: bool,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(limits: &'a Limits, sink: Sink<'a>) -> Self {
        Self {
            limits,
            sink,
            header: Header::default(),
            components: Vec::new(),
            count: 0,
            ids: HashMap::new(),
            others: HashSet::new(),
            edges: Vec::new(),
            roots: Vec::new(),
            is_root: HashSet::new(),
            root_references: Vec::new(),
            gaps: Vec::new(),
            findings: Vec::new(),
            statements: Vec::new(),
            diagnostics: Diagnostics::default(),
            licenses: HashMap::new(),
            named: HashMap::new(),
        }
    }

    pub(crate) fn limits(&self) -> &'a Limits {
        self.limits
    }

    pub(crate) fn odd(&mut self, kind: DiagnosticKind, at: impl Into<String>) {
        self.diagnostics.add(kind, at, self.limits.diagnostics);
    }

    /// The time that a text says, `None` if it says none.
    pub(crate) fn time(&mut self, text: Option<&str>, field: &str) -> Option<UnixTime> {
        let text = text?;
        let time = time(text);
        if time.is_none() {
            self.odd(DiagnosticKind::Time(text.chars().take(64).collect()), field);
        }
        time
    }

    /// The license that a text means.
    pub(crate) fn license(&mut self, text: &str, at: &str) -> License {
        if let Some(license) = self.licenses.get(text) {
            return license.clone();
        }
        let license = License::from_text(text);
        if let License::Name(name) = &license {
            self.odd(DiagnosticKind::UnknownLicense(name.chars().take(200).collect()), at);
        }
        self.licenses.insert(text.to_owned(), license.clone());
        license
    }

    /// Adds a component, and says which one it is.
    pub(crate) fn component(&mut self, component: Component) -> Result<ComponentId, SbomError> {
        if self.count == self.limits.components {
            return Err(SbomError::TooMany { what: "components", expected: self.limits.components });
        }
        self.check(&component)?;
        let id = ComponentId(u32::try_from(self.count).unwrap_or(u32::MAX));
        self.count += 1;
        match &mut self.sink {
            Sink::Pass(take) => take(component),
            Sink::Keep => {
                if let Some(reference) = &component.reference {
                    if self.ids.contains_key(reference) {
                        self.diagnostics.add(
                            DiagnosticKind::RepeatedReference,
                            reference.clone(),
                            self.limits.diagnostics,
                        );
                    } else {
                        self.ids.insert(reference.clone(), id);
                    }
                }
                self.components.push(component);
            }
        }
        Ok(id)
    }

    /// Bounds, and oddities of names.
    fn check(&mut self, component: &Component) -> Result<(), SbomError> {
        let place = || component.reference.clone().unwrap_or_else(|| component.full_name());
        let lists = [
            ("hashes", component.hashes.len()),
            ("licenses", component.licenses.len()),
            ("package URLs", component.purls.len()),
            ("CPEs", component.cpes.len()),
            ("external references", component.external_references.len()),
            ("properties", component.properties.len()),
            ("authors", component.authors.len()),
        ];
        for (what, found) in lists {
            if found > self.limits.per_component {
                return Err(SbomError::TooManyOf {
                    what,
                    at: shorten(&place()),
                    expected: self.limits.per_component,
                });
            }
        }
        let texts = [Some(&component.name), component.group.as_ref(), component.version.as_ref()];
        for text in texts.into_iter().flatten().chain(&component.purls) {
            if text.len() > self.limits.text {
                return Err(SbomError::TextTooLong {
                    at: shorten(&place()),
                    found: text.len(),
                    expected: self.limits.text,
                });
            }
            if text.chars().any(is_misleading) {
                self.odd(DiagnosticKind::MisleadingText(shorten(text)), place());
            }
        }
        if component.name.is_empty() {
            self.odd(DiagnosticKind::MissingName, place());
        }
        for purl in &component.purls {
            match purl.parse::<Purl>() {
                Err(error) => self.odd(DiagnosticKind::Purl(error.to_string()), place()),
                Ok(parsed) if !agrees(&parsed, component) => {
                    self.odd(DiagnosticKind::PurlMismatch(shorten(purl)), place());
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }

    pub(crate) fn root(&mut self, id: ComponentId) {
        if self.is_root.insert(id) {
            self.roots.push(id);
        }
    }

    /// A root by its reference.
    pub(crate) fn root_reference(&mut self, reference: String) {
        self.root_references.push(reference);
    }

    /// A relationship between components by their references.
    pub(crate) fn edge(&mut self, edge: Edge) -> Result<(), SbomError> {
        if matches!(self.sink, Sink::Pass(_)) {
            return Ok(());
        }
        if self.edges.len() == self.limits.relationships {
            return Err(SbomError::TooMany { what: "relationships", expected: self.limits.relationships });
        }
        self.edges.push(edge);
        Ok(())
    }

    pub(crate) fn completeness(&mut self, what: CompletenessOf, of: Vec<String>, aggregate: Aggregate) {
        if !matches!(self.sink, Sink::Pass(_)) {
            self.gaps.push((what, of, aggregate));
        }
    }

    /// Adds a license to the component that a reference leads to.
    pub(crate) fn claim(&mut self, reference: &str, claim: LicenseClaim) {
        if let Some(component) = self.ids.get(reference).and_then(|id| self.components.get_mut(id.index()))
            && component.licenses.len() < self.limits.per_component
        {
            component.licenses.push(claim);
        }
    }

    /// Something of the document that is no component, so that a reference to it does not dangle.
    pub(crate) fn elsewhere(&mut self, reference: String) {
        self.others.insert(reference);
    }

    /// A reference for a component that has none. No document can have given it.
    pub(crate) fn new_reference(&self) -> String {
        format!("component-{}\0", self.count)
    }

    pub(crate) fn is_full(&self, found: usize, what: &'static str) -> Result<(), SbomError> {
        if found > self.limits.findings {
            return Err(SbomError::TooMany { what, expected: self.limits.findings });
        }
        Ok(())
    }

    /// What a reference leads to, as findings and statements name it: made once for all of them.
    pub(crate) fn named(&mut self, reference: &str) -> (Arc<Affected>, Arc<VexProduct>) {
        if let Some(named) = self.named.get(reference) {
            return named.clone();
        }
        let component = self.ids.get(reference).and_then(|id| self.components.get(id.index()));
        let purls = component.map(|component| component.purls.as_slice()).unwrap_or_default();
        let affected = Affected {
            name: component.map_or_else(String::new, Component::full_name),
            version: component.and_then(|component| component.version.clone()),
            purl: purls.first().cloned(),
            reference: Some(reference.to_owned()),
            ..Affected::default()
        };
        let product = VexProduct {
            identifiers: core::iter::once(reference.to_owned()).chain(purls.iter().cloned()).collect(),
            hashes: component.map(|component| component.hashes.clone()).unwrap_or_default(),
            ..VexProduct::default()
        };
        let named = (Arc::new(affected), Arc::new(product));
        self.named.insert(reference.to_owned(), named.clone());
        named
    }

    /// Resolves all references. `document` are those that mean the document itself.
    pub(crate) fn finish(
        mut self,
        format: Format,
        encoding: Encoding,
        version: String,
        document: &[&str],
    ) -> (Sbom, Diagnostics) {
        let mut dangling: HashSet<String> = HashSet::new();
        let mut node = |ids: &HashMap<String, ComponentId>,
                        diagnostics: &mut Diagnostics,
                        reference: String| match ids.get(&reference) {
            Some(id) => Node::Component(*id),
            None if document.contains(&reference.as_str()) => Node::Document,
            None if reference == "NONE" => Node::None,
            None if reference == "NOASSERTION" => Node::NoAssertion,
            None => {
                if !leads_elsewhere(&reference)
                    && !self.others.contains(&reference)
                    && dangling.insert(reference.clone())
                {
                    diagnostics.add(
                        DiagnosticKind::DanglingReference,
                        reference.clone(),
                        self.limits.diagnostics,
                    );
                }
                Node::Elsewhere(reference)
            }
        };
        let mut relationships = Vec::with_capacity(self.edges.len());
        for Edge { from, kind, to, is_inverse } in core::mem::take(&mut self.edges) {
            let from = node(&self.ids, &mut self.diagnostics, from);
            let to = node(&self.ids, &mut self.diagnostics, to);
            if let (Node::Document, RelationshipKind::Describes, Node::Component(id)) = (&from, &kind, &to)
                && self.is_root.insert(*id)
            {
                self.roots.push(*id);
            }
            relationships.push(Relationship { from, kind, to, is_inverse });
        }
        for reference in core::mem::take(&mut self.root_references) {
            if let Node::Component(id) = node(&self.ids, &mut self.diagnostics, reference)
                && self.is_root.insert(id)
            {
                self.roots.push(id);
            }
        }
        let mut completeness = Vec::with_capacity(self.gaps.len());
        for (what, of, aggregate) in core::mem::take(&mut self.gaps) {
            let of = of.into_iter().map(|one| node(&self.ids, &mut self.diagnostics, one)).collect();
            completeness.push(Completeness { what, of, aggregate });
        }
        // References that were made up here served their purpose.
        for component in &mut self.components {
            component.reference.take_if(|reference| reference.ends_with('\0'));
        }
        let sbom = Sbom {
            format,
            encoding,
            version,
            digest: None,
            header: self.header,
            roots: self.roots,
            components: self.components,
            relationships,
            completeness,
            findings: self.findings,
            statements: self.statements,
        };
        (sbom, self.diagnostics)
    }
}

/// RFC 3339, or without an offset, which is then UTC.
pub(crate) fn time(text: &str) -> Option<UnixTime> {
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}

/// References into other documents: a BOM-Link, an external document of SPDX 2, an IRI of SPDX 3.
fn leads_elsewhere(reference: &str) -> bool {
    reference.starts_with("urn:cdx:") || reference.starts_with("DocumentRef-")
}

fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Control characters, and marks that change the direction or the visibility of text.
fn is_misleading(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Whether a package URL names the component. Ecosystems split names differently, so only a name that occurs nowhere
/// in the other one, or another version, contradicts it.
fn agrees(purl: &Purl, component: &Component) -> bool {
    let letters = |text: &str| {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>()
    };
    let is_in = |one: &str, other: &str| letters(other).contains(&letters(one));
    let (name, own_name) = (purl.name(), &component.name);
    let same_name = own_name.is_empty()
        || name == own_name
        || is_in(name, &component.full_name())
        || is_in(own_name, name);
    let same_version = match (purl.version(), &component.version) {
        (Some(one), Some(other)) => one == other || is_in(one, other) || is_in(other, one),
        _ => true,
    };
    same_name && same_version
}
