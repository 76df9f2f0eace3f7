//! Documents by third parties: the specification's own, and those that many tools wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use trust_core::Reasons;
use trust_sbom::{Advisory, Limits, Sbom, ScanReport, Strictness, Vex};
use trust_testkit::vectors::vectors;

/// Documents of the wild corpus that are not read, each with the reason.
const LEDGER: [(&str, &str); 2] = [
    ("decoder_test.go", "a program in Go"),
    ("tools-java__testResources_BadJSON.spdx.json", "made to be bad: a text where a list belongs"),
];
/// Made to be wrong, by their names.
const WRONG: [&str; 3] = ["bad", "sad", "invalid"];

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn read(path: &Path, strictness: Strictness) -> Result<Sbom, String> {
    let file = std::fs::File::open(path).unwrap();
    match Sbom::read_strictly(file, &Limits::default(), strictness) {
        Ok((sbom, _)) => Ok(sbom),
        Err(error) => Err(Reasons(&error).to_string()),
    }
}

#[test]
fn documents_of_the_cyclonedx_specification_are_accepted_and_rejected_as_they_say() {
    let Some(dir) = vectors("sbom/cyclonedx-spec") else { return };
    let (mut wrong, mut count) = (Vec::new(), 0);
    for path in files(&dir) {
        let name = name(&path);
        if !(name.ends_with(".json") || name.ends_with(".xml")) {
            continue;
        }
        count += 1;
        let is_valid = name.starts_with("valid-");
        for strictness in [Strictness::Meaning, Strictness::Spec] {
            match read(&path, strictness) {
                Err(problem) if is_valid => wrong.push(format!("{name}, {strictness:?}: {problem}")),
                Ok(_) if name.starts_with("invalid-") && strictness == Strictness::Spec => {
                    wrong.push(format!("{name} was accepted"));
                }
                _ => {}
            }
        }
    }
    assert!(count > 100, "only {count} documents");
    assert!(wrong.is_empty(), "{} of {count}: {wrong:#?}", wrong.len());
}

#[test]
fn documents_of_many_tools_are_read() {
    let Some(dir) = vectors("sbom/wild") else { return };
    for kind in ["cdx-json", "cdx-xml", "spdx-json", "spdx-tv", "spdx-yaml", "spdx3-jsonld"] {
        let mut unread = Vec::new();
        for path in files(&dir.join(kind)) {
            if let Err(problem) = read(&path, Strictness::Meaning) {
                let name = name(&path);
                let is_expected = WRONG.iter().any(|word| name.to_lowercase().contains(word))
                    || LEDGER.iter().any(|(one, _)| name.ends_with(one));
                if !is_expected {
                    unread.push(format!("{name}: {problem}"));
                }
            }
        }
        assert!(unread.is_empty(), "{kind}: {unread:#?}");
    }
}

#[test]
fn formats_that_are_not_read_are_called_by_their_names() {
    let Some(dir) = vectors("sbom/wild") else { return };
    for kind in ["spdx-rdf", "spdx-xml"] {
        for path in files(&dir.join(kind)) {
            let problem = read(&path, Strictness::Meaning).unwrap_err();
            assert!(problem.starts_with("document is SPDX in "), "{}: {problem}", path.display());
        }
    }
}

fn purls(sbom: &Sbom) -> BTreeSet<String> {
    sbom.components().iter().flat_map(|component| component.purls.clone()).collect()
}

/// Dependencies between parts that have package URLs.
fn edges(sbom: &Sbom) -> BTreeSet<(String, String)> {
    let purl = |id| sbom.component(id).unwrap().purls.first().cloned();
    sbom.dependencies().filter_map(|(from, to)| Some((purl(from)?, purl(to)?))).collect()
}

#[test]
fn the_encodings_of_one_source_agree() {
    let Some(dir) = vectors("sbom/real") else { return };
    let groups: [(&[&str], bool); 5] = [
        (
            &[
                "cargo.cdx.json",
                "cargo.cdx12.json",
                "cargo.cdx15.json",
                "cargo.spdx",
                "cargo.spdx.json",
                "cargo.spdx22.json",
            ],
            true,
        ),
        (&["debroot.cdx.json", "debroot.cdx.xml"], true),
        (&["debroot.spdx", "debroot.spdx.json"], true),
        (&["debroot.cdx.json", "debroot.spdx.json"], true),
        (&["debroot.trivy.cdx.json", "debroot.trivy.spdx.json"], false),
    ];
    for (group, has_edges) in groups {
        let sboms: Vec<Sbom> =
            group.iter().map(|name| read(&dir.join(name), Strictness::Meaning).unwrap()).collect();
        for (sbom, name) in sboms.iter().zip(group) {
            assert!(purls(sbom).len() > 70, "{name}");
            assert_eq!(purls(sbom), purls(&sboms[0]), "{name} and {}", group[0]);
            if has_edges {
                assert_eq!(edges(sbom), edges(&sboms[0]), "{name} and {}", group[0]);
            }
        }
    }
}

/// Every file of a folder that is JSON, with what reading it says.
fn unread(kind: &str, read: impl Fn(&[u8]) -> Result<usize, String>) -> Option<(usize, Vec<String>)> {
    let dir = vectors("sbom/wild")?.join(kind);
    let (mut findings, mut unread) = (0, Vec::new());
    for path in files(&dir) {
        let bytes = std::fs::read(&path).unwrap();
        // Snapshots of tests hold marks in the place of values, and are no JSON.
        if serde_json::from_slice::<serde_json::Value>(&bytes).is_err() {
            continue;
        }
        match read(&bytes) {
            Ok(count) => findings += count,
            Err(problem) => unread.push(format!("{}: {problem}", name(&path))),
        }
    }
    Some((findings, unread))
}

#[test]
fn reports_of_scanners_are_read() {
    for (kind, least) in [("trivy-v2", 50), ("grype-json", 10), ("sarif", 100)] {
        let read = |bytes: &[u8]| match ScanReport::read(bytes, &Limits::default()) {
            Ok(report) => Ok(report.findings.len()),
            Err(error) => Err(Reasons(&error).to_string()),
        };
        let Some((findings, unread)) = unread(kind, read) else { return };
        assert!(unread.is_empty(), "{kind}: {unread:#?}");
        assert!(findings >= least, "{kind}: {findings} findings");
    }
}

#[test]
fn advisories_are_read() {
    let read = |bytes: &[u8]| match Advisory::read(bytes, &Limits::default()) {
        Ok(advisory) => Ok(advisory.affected.iter().filter(|one| one.package.is_some()).count()),
        Err(error) => Err(Reasons(&error).to_string()),
    };
    let Some((packages, unread)) = unread("osv", read) else { return };
    assert!(unread.is_empty(), "{unread:#?}");
    assert!(packages >= 50, "{packages} packages");
}

#[test]
fn vex_documents_are_read() {
    for (kind, least) in [("openvex", 40), ("csaf", 100)] {
        let read = |bytes: &[u8]| match Vex::read(bytes, &Limits::default()) {
            Ok(vex) => Ok(vex.statements.len()),
            Err(error) => Err(Reasons(&error).to_string()),
        };
        let Some((statements, unread)) = unread(kind, read) else { return };
        assert!(unread.is_empty(), "{kind}: {unread:#?}");
        assert!(statements >= least, "{kind}: {statements} statements");
    }
}

#[test]
fn flipped_bits_never_make_a_reader_panic() {
    let Some(dir) = vectors("sbom/wild") else { return };
    let mut state = 1u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut read = 0;
    for path in files(&dir) {
        let bytes = std::fs::read(&path).unwrap();
        if bytes.is_empty() || bytes.len() > 64 << 10 {
            continue;
        }
        for _ in 0..10 {
            let mut flipped = bytes.clone();
            for _ in 0..=random(3) {
                flipped[random(bytes.len())] ^= 1 << random(8);
            }
            let limits = Limits::default();
            read += usize::from(Sbom::read(&flipped[..], &limits).is_ok());
            read += usize::from(ScanReport::read(&flipped, &limits).is_ok());
            read += usize::from(Vex::read(&flipped, &limits).is_ok());
        }
    }
    assert!(read > 100, "only {read} were read at all");
}
