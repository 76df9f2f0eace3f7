//! The tables beside the published schemas: each field, whether it is required, its values and its shape, version by version.
//!
//! The schemas are those that the npm package `@cyclonedx/cyclonedx-library` 10.3.0 carries in `res/schema`: a folder of them is named
//! by `CYCLONEDX_SCHEMAS`. A new version of the specification shows here as the lines that the tables lack.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // a test reads files

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

use super::{Object, Shape, root};

/// The files of the versions 1.2 to 1.7, and the fields that are compared in each.
const SCHEMAS: [(u8, &str, usize); 6] = [
    (2, "bom-1.2-strict.SNAPSHOT.schema.json", 114),
    (3, "bom-1.3-strict.SNAPSHOT.schema.json", 127),
    (4, "bom-1.4.SNAPSHOT.schema.json", 189),
    (5, "bom-1.5.SNAPSHOT.schema.json", 428),
    (6, "bom-1.6.SNAPSHOT.schema.json", 610),
    (7, "bom-1.7.SNAPSHOT.schema.json", 701),
];

/// A node of a schema, and the document in which its references are resolved.
#[derive(Clone, Copy)]
struct Node<'s> {
    file: &'s str,
    value: &'s Value,
}

struct Comparison<'s> {
    files: &'s BTreeMap<String, Value>,
    minor: u8,
    seen: BTreeSet<(usize, usize)>,
    fields: usize,
    problems: Vec<String>,
}

impl<'s> Comparison<'s> {
    /// The node that a reference names, in whichever file.
    fn resolved(&self, node: Node<'s>) -> Node<'s> {
        let Some(reference) = node.value["$ref"].as_str() else { return node };
        let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let file = if file.is_empty() { node.file } else { file };
        let (file, document) = self.files.get_key_value(file).unwrap_or_else(|| panic!("no file {file}"));
        let value = document.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {file}"));
        self.resolved(Node { file, value })
    }

    fn parts(node: Node<'s>, name: &str) -> Vec<Node<'s>> {
        let list = node.value[name].as_array().into_iter().flatten();
        list.map(|value| Node { file: node.file, value }).collect()
    }

    /// The alternatives of a node, flattened; itself if it has none with a shape of their own.
    fn alternatives(&self, node: Node<'s>) -> Vec<Node<'s>> {
        let node = self.resolved(node);
        let parts: Vec<_> = ["oneOf", "anyOf"].iter().flat_map(|name| Self::parts(node, name)).collect();
        let has_shape = |one: &Node<'s>| {
            let one = self.resolved(*one);
            ["type", "properties", "items", "oneOf", "anyOf", "enum", "format"]
                .iter()
                .any(|key| !one.value[key].is_null())
        };
        match node.value["properties"].is_null() && !parts.is_empty() && parts.iter().any(has_shape) {
            true => parts.into_iter().flat_map(|one| self.alternatives(one)).collect(),
            false => vec![node],
        }
    }

    fn object(&mut self, object: &'static Object, node: Node<'s>, place: &str) {
        let key = (core::ptr::from_ref(object) as usize, core::ptr::from_ref(node.value) as usize);
        if !self.seen.insert(key) {
            return;
        }
        // Alternatives of an object list their fields again.
        let mut properties: BTreeMap<&str, Node<'s>> = BTreeMap::new();
        let variants = ["oneOf", "anyOf", "allOf"].iter().flat_map(|name| Self::parts(node, name));
        for part in variants.map(|one| self.resolved(one)).chain([node]) {
            for (name, value) in part.value["properties"].as_object().into_iter().flatten() {
                properties.insert(name, Node { file: part.file, value });
            }
        }
        let names = |value: &'s Value| value.as_array().into_iter().flatten().filter_map(Value::as_str);
        let required: BTreeSet<&str> = names(&node.value["required"]).collect();
        let ours = object.fields.iter().filter(|field| field.is_in(self.minor)).map(|field| field.name);
        for name in ours.filter(|name| !properties.contains_key(name)) {
            self.problems.push(format!("{place}.{name}: only the table has it"));
        }
        for (name, value) in properties {
            let Some(field) = object.fields.iter().find(|one| one.name == name && one.is_in(self.minor))
            else {
                self.problems.push(format!("{place}.{name}: the table lacks it"));
                continue;
            };
            self.fields += 1;
            if field.is_required != required.contains(name) {
                self.problems.push(format!("{place}.{name}: required by the one only"));
            }
            self.shape(&field.shape, value, &format!("{place}.{name}"));
        }
    }

    /// What differs below an alternative; nothing is kept of it.
    fn differs(&mut self, shape: &'static Shape, node: Node<'s>, place: &str) -> bool {
        let (seen, before, fields) = (self.seen.clone(), self.problems.len(), self.fields);
        self.shape(shape, node, place);
        let differs = self.problems.len() > before;
        if differs {
            (self.seen, self.fields) = (seen, fields);
            self.problems.truncate(before);
        }
        differs
    }

    fn shape(&mut self, shape: &'static Shape, node: Node<'s>, place: &str) {
        let alternatives = self.alternatives(node);
        if let Shape::Either(shapes) = shape {
            for node in alternatives {
                if shapes.iter().all(|shape| self.differs(shape, node, place)) {
                    self.problems.push(format!("{place}: an alternative of the schema is not in the table"));
                }
            }
            return;
        }
        for node in alternatives {
            let schema = node.value;
            let is = |name: &str| schema["type"] == name;
            let values: BTreeSet<&str> =
                schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let is_right = match shape {
                Shape::Any => true,
                Shape::Object(object) => {
                    if is("object") || !schema["properties"].is_null() {
                        self.object(object, node, place);
                        true
                    } else {
                        false
                    }
                }
                Shape::Array(item) | Shape::Set(item) => {
                    // A list with one element alone gives its items one by one.
                    let items = schema["items"].get(0).unwrap_or(&schema["items"]);
                    let items = Node { file: node.file, value: items };
                    if is("array") {
                        self.shape(item, items, &format!("{place}[]"));
                    }
                    is("array") && (schema["uniqueItems"] == true) == matches!(shape, Shape::Set(_))
                }
                Shape::Enum(known) => {
                    let known = known.iter().filter(|(since, _)| *since <= self.minor);
                    let ours: BTreeSet<&str> = known.flat_map(|(_, words)| words.split('|')).collect();
                    let differ: Vec<_> = ours.symmetric_difference(&values).collect();
                    if !differ.is_empty() {
                        self.problems.push(format!("{place}: {differ:?} are in one of the two"));
                    }
                    true
                }
                Shape::LicenseId => values.contains("Apache-2.0"),
                Shape::Integer => is("integer"),
                Shape::Number => is("number"),
                Shape::Boolean => is("boolean"),
                Shape::DateTime => schema["format"] == "date-time",
                Shape::SerialNumber | Shape::HashContent => !schema["pattern"].is_null(),
                // Before 1.5 a reference could be empty, and then refers to nothing: the table refuses it for all versions.
                Shape::Nonempty => is("string") && (self.minor < 5 || schema["minLength"] == 1),
                // Names of algorithms and curves are a registry of their own, which grows between versions: any text is taken.
                Shape::Text if node.file.starts_with("cryptography-defs") => is("string"),
                Shape::Text => is("string") && values.is_empty() && schema["format"] != "date-time",
                Shape::Either(_) => unreachable!("above"),
            };
            if !is_right {
                let mut text = schema.to_string();
                text.truncate(200);
                self.problems
                    .push(format!("{place}: found {text}, the table has {}", shape.describe(self.minor)));
            }
        }
    }
}

#[test]
fn the_tables_say_what_the_published_schemas_say() {
    let Some(folder) = std::env::var_os("CYCLONEDX_SCHEMAS").map(PathBuf::from) else {
        eprintln!("SKIPPED: set CYCLONEDX_SCHEMAS to a folder with the schemas of CycloneDX");
        return;
    };
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.insert(name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap());
        }
    }
    let mut problems = Vec::new();
    for (minor, file, fields) in SCHEMAS {
        let (file, value) = files.get_key_value(file).unwrap();
        let mut comparison =
            Comparison { files: &files, minor, seen: BTreeSet::new(), fields: 0, problems: Vec::new() };
        comparison.object(root(), Node { file, value }, "");
        assert_eq!(comparison.fields, fields, "1.{minor}");
        problems.extend(comparison.problems.into_iter().map(|problem| format!("1.{minor} {problem}")));
    }
    assert!(problems.is_empty(), "{} differences:\n{}", problems.len(), problems.join("\n"));
}
