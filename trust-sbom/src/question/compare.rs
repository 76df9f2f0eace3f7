//! Two documents: [`Sbom::diff`], what changed from one to the other, and [`Sbom::merge`], both as one.

use core::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::model::component::{Component, ComponentId};
use crate::model::relationship::{Completeness, Node, Relationship};
use crate::model::sbom::Sbom;
use crate::package::purl::Purl;
use crate::package::version::VersionScheme;

/// What changed from one document to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Diff {
    /// Components that the second one alone has, by its identifiers.
    pub added: Vec<ComponentId>,
    /// Components that the first one alone has, by its identifiers.
    pub removed: Vec<ComponentId>,
    /// Components that both have, and that differ.
    pub changed: Vec<Change>,
    /// Dependencies that the second one alone has, by names.
    pub added_dependencies: Vec<(String, String)>,
    /// Dependencies that the first one alone has, by names.
    pub removed_dependencies: Vec<(String, String)>,
}

impl Diff {
    /// Nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A component that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Change {
    /// In the first document.
    pub before: ComponentId,
    /// In the second one.
    pub after: ComponentId,
    /// In which ways.
    pub aspects: Vec<Aspect>,
}

/// How a component changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Aspect {
    /// Its version rose.
    Upgraded,
    /// Its version fell.
    Downgraded,
    /// It has another version, and which is newer is unknown.
    Version,
    /// It has the same version and another hash: it is not the same, or one of them lies.
    Hash,
    /// It has other licenses.
    Licenses,
    /// It has another supplier.
    Supplier,
}

/// What makes two components the same package, whatever their versions.
fn identity(component: &Component) -> String {
    match component.purls.first().map(|purl| purl.parse::<Purl>()) {
        Some(Ok(purl)) => purl.package().to_string(),
        Some(Err(_)) | None => format!("{}:{}", component.kind.name(), component.full_name()),
    }
}

/// The same, with the version.
fn full_identity(component: &Component) -> String {
    format!("{}@{}", identity(component), component.version.as_deref().unwrap_or_default())
}

impl Sbom {
    /// What changed from this document to another one. Components are the same if they are the same package; where one
    /// has several versions, equal versions are paired first, then the others in the documents' order.
    #[must_use]
    pub fn diff(&self, other: &Self) -> Diff {
        type Group<'a> = (Vec<(ComponentId, &'a Component)>, Vec<(ComponentId, &'a Component)>);
        let mut groups: BTreeMap<String, Group<'_>> = BTreeMap::new();
        for (id, component) in self.ids() {
            groups.entry(identity(component)).or_default().0.push((id, component));
        }
        for (id, component) in other.ids() {
            groups.entry(identity(component)).or_default().1.push((id, component));
        }
        let mut diff = Diff::default();
        for (mut before, mut after) in groups.into_values() {
            let mut by_version: HashMap<Option<String>, Vec<(ComponentId, &Component)>> = HashMap::new();
            for one in after.drain(..).rev() {
                by_version.entry(one.1.version.clone()).or_default().push(one);
            }
            before.retain(|(id, component)| {
                let Some((other_id, other)) = by_version.get_mut(&component.version).and_then(Vec::pop)
                else {
                    return true;
                };
                diff.compare((*id, component), (other_id, other));
                false
            });
            let mut rest: Vec<_> = by_version.into_values().flatten().collect();
            rest.sort_by_key(|(id, _)| *id);
            let mut rest = rest.into_iter();
            for one in before {
                match rest.next() {
                    Some(other) => diff.compare(one, other),
                    None => diff.removed.push(one.0),
                }
            }
            diff.added.extend(rest.map(|(id, _)| id));
        }
        let (before, after) = (self.named_dependencies(), other.named_dependencies());
        diff.added_dependencies = after.difference(&before).cloned().collect();
        diff.removed_dependencies = before.difference(&after).cloned().collect();
        diff
    }

    fn named_dependencies(&self) -> BTreeSet<(String, String)> {
        let name = |id| self.component(id).map(full_identity);
        self.dependencies().filter_map(|(from, to)| Some((name(from)?, name(to)?))).collect()
    }

    /// Both documents as one: this one's header and order, then what the other one adds. Components are joined if they
    /// are the same package in the same version and no hash of theirs contradicts; where both say something, this one
    /// counts. Merging a document with itself, or twice with another one, changes nothing more.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let mut merged = self.clone();
        merged.digest = None;
        let mut taken: HashMap<String, Vec<ComponentId>> = HashMap::new();
        for (id, component) in self.ids() {
            taken.entry(full_identity(component)).or_default().push(id);
        }
        taken.values_mut().for_each(|ids| ids.reverse());
        let mut references: BTreeSet<String> =
            self.components.iter().filter_map(|component| component.reference.clone()).collect();
        let mut places: Vec<ComponentId> = Vec::with_capacity(other.components.len());
        for component in &other.components {
            let same = taken.get_mut(&full_identity(component)).and_then(|ids| {
                let fits =
                    |id: &ComponentId| self.component(*id).is_some_and(|one| !contradict(one, component));
                let place = ids.iter().rposition(fits)?;
                Some(ids.remove(place))
            });
            if let Some(id) = same {
                places.push(id);
                if let Some(one) = merged.components.get_mut(id.index()) {
                    one.complete_from(component);
                }
                continue;
            }
            let mut component = component.clone();
            // A reference that is taken by another component gets a mark.
            while let Some(reference) =
                component.reference.take_if(|reference| references.contains(reference))
            {
                component.reference = Some(format!("{reference}+"));
            }
            references.extend(component.reference.clone());
            places.push(ComponentId(u32::try_from(merged.components.len()).unwrap_or(u32::MAX)));
            merged.components.push(component);
        }
        let moved = |node: &Node| match node {
            Node::Component(id) => {
                places.get(id.index()).map_or(Node::NoAssertion, |id| Node::Component(*id))
            }
            node => node.clone(),
        };
        for root in &other.roots {
            if let Some(id) = places.get(root.index())
                && !merged.roots.contains(id)
            {
                merged.roots.push(*id);
            }
        }
        let mut known: std::collections::HashSet<Relationship> =
            merged.relationships.iter().cloned().collect();
        for one in &other.relationships {
            let one = Relationship { from: moved(&one.from), to: moved(&one.to), ..one.clone() };
            if known.insert(one.clone()) {
                merged.relationships.push(one);
            }
        }
        for one in &other.completeness {
            let one = Completeness { of: one.of.iter().map(moved).collect(), ..one.clone() };
            if !merged.completeness.contains(&one) {
                merged.completeness.push(one);
            }
        }
        let new = other.findings.iter().filter(|one| !self.findings.contains(one));
        merged.findings.extend(new.cloned());
        let new = other.statements.iter().filter(|one| !self.statements.contains(one));
        merged.statements.extend(new.cloned());
        merged
    }
}

impl Diff {
    fn compare(&mut self, (before, old): (ComponentId, &Component), (after, new): (ComponentId, &Component)) {
        let mut aspects = Vec::new();
        if old.version != new.version {
            aspects.push(match order(old, new) {
                Some(Ordering::Less) => Aspect::Upgraded,
                Some(Ordering::Greater) => Aspect::Downgraded,
                Some(Ordering::Equal) | None => Aspect::Version,
            });
        } else if contradict(old, new) {
            aspects.push(Aspect::Hash);
        }
        let licenses =
            |one: &Component| one.licenses.iter().cloned().collect::<std::collections::HashSet<_>>();
        if licenses(old) != licenses(new) {
            aspects.push(Aspect::Licenses);
        }
        if old.supplier != new.supplier {
            aspects.push(Aspect::Supplier);
        }
        if !aspects.is_empty() {
            self.changed.push(Change { before, after, aspects });
        }
    }
}

/// How the versions compare, in the order of the ecosystem that the package URL names.
fn order(old: &Component, new: &Component) -> Option<Ordering> {
    let purl: Purl = new.purls.first()?.parse().ok()?;
    VersionScheme::from_name(purl.package_type())?.compare(old.version.as_ref()?, new.version.as_ref()?)
}

/// Whether both have a hash of one algorithm, and none of it is the same.
fn contradict(one: &Component, other: &Component) -> bool {
    one.hashes.iter().any(|hash| {
        let mut same = other.hashes.iter().filter(|other| other.algorithm == hash.algorithm).peekable();
        same.peek().is_some() && !same.any(|other| other.value == hash.value)
    })
}

impl Component {
    /// Takes what another description of the same component says besides.
    fn complete_from(&mut self, other: &Self) {
        fn extend<T: Clone + PartialEq>(own: &mut Vec<T>, other: &[T]) {
            for one in other {
                if !own.contains(one) {
                    own.push(one.clone());
                }
            }
        }
        fn fill<T: Clone>(own: &mut Option<T>, other: &Option<T>) {
            if own.is_none() {
                own.clone_from(other);
            }
        }
        extend(&mut self.purls, &other.purls);
        extend(&mut self.cpes, &other.cpes);
        extend(&mut self.swids, &other.swids);
        extend(&mut self.swhids, &other.swhids);
        extend(&mut self.gitoids, &other.gitoids);
        extend(&mut self.hashes, &other.hashes);
        extend(&mut self.authors, &other.authors);
        extend(&mut self.licenses, &other.licenses);
        extend(&mut self.external_references, &other.external_references);
        extend(&mut self.properties, &other.properties);
        fill(&mut self.supplier, &other.supplier);
        fill(&mut self.producer, &other.producer);
        fill(&mut self.publisher, &other.publisher);
        fill(&mut self.copyright, &other.copyright);
        fill(&mut self.description, &other.description);
        fill(&mut self.download, &other.download);
        fill(&mut self.file_name, &other.file_name);
    }
}
