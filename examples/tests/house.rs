//! The house: within a crate, a module imports only from those that its parent lists before it; and the documents name files that
//! are there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 7] =
    ["trust-core", "trust-rekor", "trust-sbom", "trust-policy", "trust-gate", "trust-sign", "trust-kube"];

/// The modules of a crate by their paths, such as `["x509", "chain"]`; the crate itself has the empty path.
struct Crate {
    texts: BTreeMap<Vec<String>, String>,
}

impl Crate {
    fn read(name: &str) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).join("src");
        let mut texts = BTreeMap::from([(Vec::new(), fs::read_to_string(source.join("lib.rs")).unwrap())]);
        let mut folders: Vec<(PathBuf, Vec<String>)> = vec![(source, Vec::new())];
        while let Some((folder, path)) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let entry = entry.unwrap().path();
                let name = entry.file_stem().unwrap().to_str().unwrap().to_owned();
                let inner = [path.clone(), vec![name.clone()]].concat();
                if entry.is_dir() {
                    folders.push((entry, inner));
                } else if name != "lib" && entry.extension().is_some_and(|extension| extension == "rs") {
                    texts.insert(inner, fs::read_to_string(&entry).unwrap());
                }
            }
        }
        Self { texts }
    }

    /// The place of a module among those that its parent declares.
    fn place(&self, parent: &[String], child: &str) -> Option<usize> {
        let text = &self.texts[parent];
        let modules = text.lines().filter_map(|line| {
            let line = line.trim();
            line.strip_suffix(';')?
                .rsplit_once("mod ")
                .filter(|(before, _)| before.is_empty() || before.starts_with("pub"))
        });
        modules.map(|(_, name)| name).position(|name| name == child)
    }

    /// The innermost module of this crate on a path.
    fn module(&self, path: &[String]) -> Vec<String> {
        (0..=path.len())
            .rev()
            .map(|len| path[..len].to_vec())
            .find(|path| self.texts.contains_key(path))
            .unwrap()
    }
}

/// A text without comments and without its tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The paths that begin with this word: `crate::a::b`, and both of `crate::a::{b, c}`.
fn paths(code: &str, word: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(word) {
        if code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':') {
            continue;
        }
        let mut path = Vec::new();
        let mut rest = &code[at..];
        loop {
            let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            path.push(rest[..len].to_owned());
            rest = &rest[len..];
            match rest.strip_prefix("::") {
                Some(after) if after.starts_with('{') => {
                    let group = &after[1..after.find('}').unwrap()];
                    found.extend(group.split(',').map(|one| {
                        let name = one.trim().split([':', ' ']).next().unwrap().to_owned();
                        [path.clone(), vec![name]].concat()
                    }));
                    break;
                }
                Some(after) if after.starts_with(|c: char| c.is_alphabetic()) => rest = after,
                _ => {
                    found.push(path);
                    break;
                }
            }
        }
    }
    found
}

#[test]
fn each_module_imports_only_from_those_before_it() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for name in CRATES {
        let this = Crate::read(name);
        for (own, text) in this.texts.iter().filter(|(path, _)| !path.is_empty()) {
            if own.last().is_some_and(|last| last.starts_with("test") || last.starts_with("tiny_curve")) {
                continue;
            }
            let text = code(text);
            let mut imported: Vec<Vec<String>> =
                paths(&text, "crate").into_iter().map(|path| path[1..].to_vec()).collect();
            for path in paths(&text, "super") {
                let ups = path.iter().take_while(|step| *step == "super").count();
                imported.push([own[..own.len() - ups].to_vec(), path[ups..].to_vec()].concat());
            }
            for path in imported {
                let other = this.module(&path);
                let shared = own.iter().zip(&other).take_while(|(one, other)| one == other).count();
                // A folder and what is in it are one room.
                if shared == own.len() || shared == other.len() {
                    continue;
                }
                count += 1;
                let parent = &own[..shared];
                let (here, there) = (this.place(parent, &own[shared]), this.place(parent, &other[shared]));
                let (here, there) = (here.expect("a declared module"), there.expect("a declared module"));
                if there > here {
                    wrong.push(format!("{name}: `{}` imports `{}`", own.join("::"), other.join("::")));
                }
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(count > 300, "only {count} imports were found");
    assert!(wrong.is_empty(), "imports that run up:\n{}", wrong.join("\n"));
}

#[test]
fn the_documents_name_files_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut named = 0;
    for document in ["README.md", "DESIGN.md", "SECURITY.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        for line in text.lines() {
            // A file without a folder of its own stands beside the one before it.
            let mut source = None;
            for name in line.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs")) {
                let path = match (name.split_once("/src/"), &source) {
                    (Some((package, _)), _) => {
                        source = Some(root.join(package).join("src"));
                        root.join(name)
                    }
                    (None, Some(source)) => source.join(name),
                    (None, None) if name.contains('/') => root.join(name),
                    (None, None) => continue,
                };
                assert!(path.is_file(), "{document} names `{name}`, which is not there");
                named += 1;
            }
        }
    }
    assert!(named > 25, "only {named} files are named");
}
