//! What a document that was written does not say: it is read again, and compared with the model that it was written from.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::component::ComponentId;
use crate::model::relationship::{Completeness, Node, Relationship, RelationshipKind};
use crate::model::sbom::Sbom;
use crate::read::limits::Limits;

/// Bytes of a value that are told.
const MAX_TOLD: usize = 100;

/// What reads back otherwise, in words. `order` has the components as the document has them, each before its parts.
pub(super) fn losses(sbom: &Sbom, json: &str, order: &[ComponentId]) -> Vec<String> {
    let limits = Limits {
        len: u64::MAX,
        components: usize::MAX,
        relationships: usize::MAX,
        findings: usize::MAX,
        products: usize::MAX,
        per_component: usize::MAX,
        text: usize::MAX,
        diagnostics: 0,
    };
    let again = match Sbom::read(json.as_bytes(), &limits) {
        Ok((again, _)) => again,
        Err(error) => return vec![format!("everything: it cannot be read again, {error}")],
    };
    let mut lost = Vec::new();
    fields("the document", sbom.header(), again.header(), &mut lost);
    if order.len() != again.components().len() || order.len() != sbom.components().len() {
        // Then nothing says which is which.
        let (found, expected) = (again.components().len(), sbom.components().len());
        return vec![format!("{found} of {expected} components are read again")];
    }
    for (id, after) in order.iter().zip(again.components()) {
        if let Some(before) = sbom.component(*id) {
            fields(&before.full_name(), before, after, &mut lost);
        }
    }
    for (before, after) in sbom.findings().iter().zip(again.findings()) {
        fields(&before.id, before, after, &mut lost);
    }
    let count = sbom.findings().len().saturating_sub(again.findings().len());
    lost.extend((count > 0).then(|| format!("{count} findings")));

    // What names components has other numbers in what was read again.
    let known = |id: &ComponentId| order.get(id.index()).copied().unwrap_or(*id);
    let node = |node: &Node| match node {
        Node::Component(id) => Node::Component(known(id)),
        other => other.clone(),
    };
    let name = |node: &Node| match node {
        Node::Component(id) => sbom.component(*id).map(|one| one.full_name()).unwrap_or_default(),
        other => told(other),
    };
    let roots: HashSet<ComponentId> = again.roots().iter().map(known).collect();
    let relationships: HashSet<Relationship> = again
        .relationships()
        .iter()
        .map(|one| Relationship {
            from: node(&one.from),
            to: node(&one.to),
            kind: one.kind.clone(),
            is_inverse: false,
        })
        .collect();
    let completeness: HashSet<Completeness> = again
        .completeness()
        .iter()
        .map(|one| Completeness { of: one.of.iter().map(node).collect(), ..one.clone() })
        .collect();
    for one in sbom.roots().iter().filter(|root| !roots.contains(root)) {
        lost.push(format!("that {} is a root", name(&Node::Component(*one))));
    }
    for one in sbom.relationships() {
        // A root says as much.
        let is_root = matches!(
            (&one.from, &one.kind, &one.to),
            (Node::Document, RelationshipKind::Describes, Node::Component(id)) if roots.contains(id)
        );
        if !is_root && !relationships.contains(&Relationship { is_inverse: false, ..one.clone() }) {
            lost.push(format!("a relationship: {} {} {}", name(&one.from), told(&one.kind), name(&one.to)));
        }
    }
    for one in sbom.completeness().iter().filter(|one| !completeness.contains(one)) {
        let of: Vec<String> = one.of.iter().map(name).collect();
        lost.push(format!("that {} is {}: {}", told(&one.what), one.aggregate.name(), of.join(", ")));
    }
    for one in sbom.statements().iter().filter(|one| !again.statements().contains(one)) {
        lost.push(format!("a statement about {}", one.vulnerability.join(", ")));
    }
    lost
}

/// The fields that said something, and say something else now. References are the document's own names.
fn fields<T: Serialize>(of: &str, before: &T, after: &T, lost: &mut Vec<String>) {
    let members = |value: &T| match serde_json::to_value(value) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let after = members(after);
    for (field, value) in members(before) {
        let says_nothing = match &value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.is_empty() || text == "unstated",
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        if !says_nothing && field != "reference" && after.get(&field) != Some(&value) {
            lost.push(format!("{field} of {of}: {}", told(&value)));
        }
    }
}

/// A value as JSON, as much of it as fits a line.
fn told(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string(value).unwrap_or_default();
    if let Some(end) = (text.len() > MAX_TOLD).then(|| text.floor_char_boundary(MAX_TOLD)) {
        text.truncate(end);
        text.push('…');
    }
    text
}
