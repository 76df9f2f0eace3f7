//! What is written reads back as what it was written from, and keeps to the specification.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::collections::BTreeSet;

use trust_core::Reasons;
use trust_sbom::{Component, Limits, Sbom, Strictness};
use trust_testkit::vectors::vectors;

fn read(bytes: &[u8]) -> Sbom {
    Sbom::read(bytes, &Limits::default()).unwrap().0
}

fn by_spec(json: &str) -> Result<Sbom, String> {
    match Sbom::read_strictly(json.as_bytes(), &Limits::default(), Strictness::Spec) {
        Ok((sbom, _)) => Ok(sbom),
        Err(error) => Err(Reasons(&error).to_string()),
    }
}

fn purls(sbom: &Sbom) -> BTreeSet<String> {
    sbom.components().iter().flat_map(|component| component.purls.clone()).collect()
}

fn edges(sbom: &Sbom) -> BTreeSet<(String, String)> {
    let name = |id| sbom.component(id).map(|one| format!("{} {:?}", one.full_name(), one.purls)).unwrap();
    sbom.dependencies().map(|(from, to)| (name(from), name(to))).collect()
}

#[test]
fn documents_of_each_format_survive_their_own_writer_and_the_other_one() {
    let Some(dir) = vectors("sbom/real") else { return };
    for name in [
        "cargo.cdx.json",
        "cargo.spdx.json",
        "debroot.cdx.json",
        "debroot.trivy.cdx.json",
        "debroot.trivy.spdx.json",
        "npm.cdx.json",
        "npm.spdx.json",
        "npm.trivy.cdx.json",
        "debroot.cdx.xml",
        "cargo.spdx",
        "debroot.spdx.json",
    ] {
        let sbom = read(&std::fs::read(dir.join(name)).unwrap());
        for written in [sbom.to_cyclonedx(), sbom.to_spdx()] {
            let again = by_spec(&written.json).unwrap_or_else(|problem| panic!("{name}: {problem}"));
            assert_eq!(again.components().len(), sbom.components().len(), "{name}");
            assert_eq!(purls(&again), purls(&sbom), "{name}");
            assert_eq!(edges(&again), edges(&sbom), "{name}");
            let (first, second) = if written.json.contains("\"bomFormat\"") {
                (written.json, again.to_cyclonedx().json)
            } else {
                (written.json, again.to_spdx().json)
            };
            let differing = first.lines().zip(second.lines()).find(|(one, other)| one != other);
            assert!(first == second, "{name}: written twice it is not the same: {differing:?}");
        }
    }
}

/// Every field that CycloneDX has a place for.
const CYCLONEDX: &str = r#"{
  "bomFormat": "CycloneDX", "specVersion": "1.6",
  "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79", "version": 3,
  "metadata": {
    "timestamp": "2026-01-31T12:00:00Z", "lifecycles": [{"phase": "build"}, {"name": "weekly"}],
    "tools": {"components": [{"type": "application", "group": "anchore", "name": "syft", "version": "1.18.1"}]},
    "authors": [{"name": "Ann", "email": "ann@example.org"}],
    "component": {"type": "container", "bom-ref": "root", "name": "app", "version": "1"},
    "manufacturer": {"name": "Maker", "url": ["https://maker.example"], "contact": [{"email": "m@maker.example"}]},
    "supplier": {"name": "Shop"},
    "licenses": [{"license": {"id": "CC0-1.0"}}]
  },
  "components": [
    {"type": "library", "bom-ref": "a", "supplier": {"name": "Shop"}, "manufacturer": {"name": "Maker"},
     "authors": [{"name": "Bo"}], "publisher": "Pub", "group": "g", "name": "a", "version": "1.0",
     "description": "A.", "scope": "optional",
     "hashes": [{"alg": "SHA-256", "content": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
                {"alg": "BLAKE2b-256", "content": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}],
     "licenses": [{"license": {"id": "MIT", "acknowledgement": "declared", "url": "https://mit.example"}},
                  {"license": {"name": "Own license"}}],
     "copyright": "(c) Bo", "cpe": "cpe:2.3:a:g:a:1.0:*:*:*:*:*:*:*", "purl": "pkg:maven/g/a@1.0",
     "omniborId": ["gitoid:blob:sha1:a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"],
     "swhid": ["swh:1:cnt:94a9ed024d3859793618152ea559a168bbcbb5e2"], "swid": {"tagId": "swid-a", "name": "a"},
     "externalReferences": [{"type": "vcs", "url": "https://example.org/a.git",
        "hashes": [{"alg": "SHA-1", "content": "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"}]}],
     "components": [{"type": "file", "name": "a.class", "components": [{"type": "data", "name": "deep"}]}],
     "evidence": {"licenses": [{"license": {"id": "Apache-2.0"}}]},
     "properties": [{"name": "syft:location", "value": "/a"}]},
    {"type": "library", "bom-ref": "b", "name": "b", "licenses": [{"expression": "MIT OR Apache-2.0"}]},
    {"type": "cryptographic-asset", "name": "key"}
  ],
  "dependencies": [{"ref": "root", "dependsOn": ["a", "b"]}, {"ref": "a", "dependsOn": ["b"], "provides": ["b"]}],
  "compositions": [{"aggregate": "incomplete_first_party_only", "assemblies": ["root"]},
                   {"aggregate": "complete", "dependencies": ["a"]}],
  "vulnerabilities": [{
     "id": "CVE-2026-1", "source": {"url": "https://nvd.example/1"},
     "references": [{"id": "GHSA-1", "source": {"url": ""}}],
     "ratings": [{"source": {"name": "nvd"}, "score": 9.8, "severity": "critical", "method": "CVSSv31",
                  "vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
     "cwes": [79], "advisories": [{"url": "https://adv.example"}],
     "published": "2026-01-01T00:00:00Z", "updated": "2026-01-02T00:00:00Z",
     "analysis": {"state": "not_affected", "justification": "code_not_reachable", "response": ["will_not_fix"],
                  "detail": "Never called.", "lastUpdated": "2026-01-03T00:00:00Z"},
     "affects": [{"ref": "a", "versions": [{"version": "1.1", "status": "unaffected"}]}, {"ref": "b"}]}]
}"#;

/// Without what differs by its nature: the digest of the text.
fn model(sbom: &Sbom) -> serde_json::Value {
    let mut value = serde_json::to_value(sbom).unwrap();
    value.as_object_mut().unwrap().remove("digest");
    value
}

#[test]
fn reading_what_cyclonedx_was_written_as_gives_the_same_model() {
    let sbom = by_spec(CYCLONEDX).unwrap();
    let written = sbom.to_cyclonedx();
    assert_eq!(written.lost, Vec::<String>::new());
    let again = by_spec(&written.json).unwrap();
    assert!(model(&again) == model(&sbom), "{:#}\n{:#}", model(&again), model(&sbom));
    // And every field of it was read: none has the value that it has when nothing is said.
    let a = &sbom.components()[1];
    let unsaid = serde_json::to_value(Component::default()).unwrap();
    for (field, value) in serde_json::to_value(a).unwrap().as_object().unwrap() {
        let has_no_place = ["versionRange", "isExternal", "download", "fileName", "filesAnalyzed"];
        assert!(*value != unsaid[field] || has_no_place.contains(&field.as_str()), "{field} was not read");
    }
}

const SPDX: &str = r#"{
  "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "doc",
  "documentNamespace": "https://example.org/doc",
  "externalDocumentRefs": [{"externalDocumentId": "DocumentRef-x", "spdxDocument": "https://example.org/x",
     "checksum": {"algorithm": "SHA1", "checksumValue": "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"}}],
  "creationInfo": {"created": "2026-01-31T12:00:00Z",
     "creators": ["Person: Ann (ann@example.org)", "Organization: Shop", "Tool: syft-1.18.1"]},
  "packages": [
    {"SPDXID": "SPDXRef-a", "name": "a", "versionInfo": "1.0", "packageFileName": "a.jar",
     "supplier": "Organization: Shop (s@example.org)", "originator": "Person: Bo", "downloadLocation": "https://example.org/a",
     "filesAnalyzed": true,
     "checksums": [{"algorithm": "SHA3-256", "checksumValue": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
                   {"algorithm": "SHA384", "checksumValue": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a089f86d081884c7d659a2feaa0c55ad015"}],
     "homepage": "https://example.org", "licenseConcluded": "MIT", "licenseDeclared": "NOASSERTION",
     "licenseInfoFromFiles": ["Apache-2.0"], "copyrightText": "NONE", "description": "A.",
     "primaryPackagePurpose": "OPERATING-SYSTEM",
     "externalRefs": [
       {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:maven/g/a@1.0"},
       {"referenceCategory": "SECURITY", "referenceType": "cpe22Type", "referenceLocator": "cpe:/a:g:a:1.0"},
       {"referenceCategory": "SECURITY", "referenceType": "advisory", "referenceLocator": "https://adv.example"}]},
    {"SPDXID": "SPDXRef-b", "name": "b", "downloadLocation": "NONE", "filesAnalyzed": false,
     "licenseDeclared": "LicenseRef-own"}],
  "hasExtractedLicensingInfos": [{"licenseId": "LicenseRef-own", "extractedText": "Do as you like.", "name": "Own"}],
  "files": [{"SPDXID": "SPDXRef-f", "fileName": "./f", "licenseConcluded": "NONE", "licenseInfoInFiles": ["MIT"],
     "checksums": [{"algorithm": "SHA1", "checksumValue": "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"}], "copyrightText": "x"}],
  "relationships": [
    {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-a"},
    {"spdxElementId": "SPDXRef-b", "relationshipType": "BUILD_DEPENDENCY_OF", "relatedSpdxElement": "SPDXRef-a"},
    {"spdxElementId": "SPDXRef-a", "relationshipType": "DEPENDS_ON", "relatedSpdxElement": "NOASSERTION"},
    {"spdxElementId": "SPDXRef-f", "relationshipType": "CONTAINED_BY", "relatedSpdxElement": "SPDXRef-a"},
    {"spdxElementId": "SPDXRef-a", "relationshipType": "GENERATES", "relatedSpdxElement": "DocumentRef-x:SPDXRef-y"},
    {"spdxElementId": "SPDXRef-b", "relationshipType": "TEST_TOOL_OF", "relatedSpdxElement": "NONE"}]
}"#;

#[test]
fn reading_what_spdx_was_written_as_gives_the_same_model() {
    let sbom = by_spec(SPDX).unwrap();
    let written = sbom.to_spdx();
    assert_eq!(written.lost, Vec::<String>::new());
    let again = by_spec(&written.json).unwrap();
    assert!(model(&again) == model(&sbom), "{:#}\n{:#}", model(&again), model(&sbom));
}

#[test]
fn what_the_other_format_has_no_place_for_is_said() {
    let contacts = r#""contact": [{"email": "m@maker.example"}, {"email": "second@maker.example"}]"#;
    let two = CYCLONEDX.replace(r#""contact": [{"email": "m@maker.example"}]"#, contacts);
    let lost = by_spec(&two).unwrap().to_spdx().lost;
    for what in [
        "lifecycles of the document",
        "producer of the document",
        "properties of g/a",
        "publisher of g/a",
        "licenses of g/a",
        r#"that "dependencies" is complete: g/a"#,
        "2 findings",
        "a statement about CVE-2026-1",
    ] {
        assert!(lost.iter().any(|one| one.starts_with(what)), "{what}: {lost:#?}");
    }
    let lost = by_spec(SPDX).unwrap().to_cyclonedx().lost;
    for what in [
        r#"a relationship: {"elsewhere":"DocumentRef-x:SPDXRef-y"} "generatedFrom" a"#,
        "externalDocuments of the document",
        "licenses of a",
    ] {
        assert!(lost.iter().any(|one| one.starts_with(what)), "{what}: {lost:#?}");
    }
}

#[test]
fn components_that_are_alike_are_told_apart() {
    let twice = r#"{"bomFormat": "CycloneDX", "specVersion": "1.6",
        "components": [{"type": "file", "name": "a"}, {"type": "file", "name": "a"}]}"#;
    let written = read(twice.as_bytes()).to_cyclonedx();
    assert_eq!(by_spec(&written.json).unwrap().components().len(), 2);
    assert_eq!(written.lost, Vec::<String>::new());
}

#[test]
fn what_is_written_of_any_document_keeps_to_the_specification() {
    let Some(dir) = vectors("sbom/wild") else { return };
    let (mut count, mut problems) = (0, Vec::new());
    for kind in ["cdx-json", "cdx-xml", "spdx-json", "spdx-tv", "spdx-yaml", "spdx3-jsonld"] {
        for entry in std::fs::read_dir(dir.join(kind)).unwrap() {
            let path = entry.unwrap().path();
            let Ok((sbom, _)) = Sbom::read(&*std::fs::read(&path).unwrap(), &Limits::default()) else {
                continue;
            };
            for written in [sbom.to_cyclonedx(), sbom.to_spdx()] {
                count += 1;
                let problem = by_spec(&written.json).err();
                problems.extend(problem.map(|problem| format!("{}: {problem}", path.display())));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(count > 100, "{count}");
}
