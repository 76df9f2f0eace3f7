//! The models of other crates become the same as the documents that those crates write.
#![cfg(all(feature = "cyclonedx-bom", feature = "spdx-rs"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cyclonedx_bom::models::bom::Bom;
use spdx_rs::models::SPDX;
use trust_sbom::{Limits, Sbom};
use trust_testkit::vectors::vectors;

/// What is asked of an SBOM: packages, and what depends on what.
fn packages(sbom: &Sbom) -> BTreeSet<String> {
    let name = |id| {
        let component = sbom.component(id).unwrap();
        format!("{} {:?} {:?}", component.full_name(), component.version, component.purls)
    };
    let edges = sbom.dependencies().map(|(from, to)| format!("{} -> {}", name(from), name(to)));
    sbom.ids().map(|(id, _)| name(id)).chain(edges).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn a_model_asks_and_answers_as_its_document() {
    let Some(real) = vectors("sbom/real") else { return };
    let wild = vectors("sbom/wild").unwrap();
    let (mut cyclonedx, mut spdx) = (0, 0);
    for path in files(&real).into_iter().chain(files(&wild)) {
        let text = std::fs::read(&path).unwrap();
        let Ok((document, _)) = Sbom::read(&*text, &Limits::default()) else { continue };
        // What those crates do not read is not theirs to hand over.
        if let Ok(bom) = Bom::parse_from_json(&*text) {
            let model = Sbom::try_from(&bom).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(packages(&model), packages(&document), "{}", path.display());
            cyclonedx += 1;
        }
        if let Ok(model) = serde_json::from_slice::<SPDX>(&text) {
            let model = Sbom::try_from(&model).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(packages(&model), packages(&document), "{}", path.display());
            spdx += 1;
        }
    }
    println!("{cyclonedx} models of CycloneDX, {spdx} of SPDX");
    assert!(cyclonedx > 0 && spdx > 0, "{cyclonedx}, {spdx}");
}
