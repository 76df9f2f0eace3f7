//! What can be asked of an SBOM: packages, versions, ways, licenses, profiles, differences.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use proptest::prelude::*;
use trust_sbom::{
    Answer, Aspect, Cpe, License, LicensePolicy, Limits, MatchedBy, PackagePattern, Profile, Sbom, Vers,
};
use trust_testkit::vectors::vectors;

fn read(text: &str) -> Sbom {
    Sbom::read(text.as_bytes(), &Limits::default()).unwrap().0
}

fn cyclonedx(rest: &str) -> Sbom {
    read(&format!(r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", {rest}}}"#))
}

fn purl(text: &str) -> PackagePattern {
    PackagePattern::Purl(Box::new(text.parse().unwrap()))
}

fn vers(text: &str) -> Vers {
    text.parse().unwrap()
}

const LOG4J: &str = "vers:maven/>=2.0-beta9|<2.3.1|>=2.4|<2.12.3|>=2.13.0|<2.17.0";
const LOG4J_CORE: &str = "pkg:maven/org.apache.logging.log4j/log4j-core";

#[test]
fn log4j_is_found_wherever_it_stands_with_the_way_to_it() {
    let sbom = cyclonedx(
        r#""metadata": {"component": {"bom-ref": "app", "name": "app"}},
           "components": [{"bom-ref": "spring", "name": "spring", "purl": "pkg:maven/org.spring/spring@5", "components": [
               {"bom-ref": "log4j", "name": "log4j-core", "version": "2.14.1",
                "purl": "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1?type=jar"}]}],
           "dependencies": [{"ref": "app", "dependsOn": ["spring"]}]"#,
    );
    let exposure = sbom.exposure(&purl(LOG4J_CORE), &vers(LOG4J));
    assert_eq!(exposure.answer, Answer::Yes);
    let path = exposure.exposed[0].path.as_ref().unwrap();
    let names: Vec<_> = core::iter::once(&path.root)
        .chain(&path.last)
        .map(|id| sbom.component(*id).unwrap().name.as_str())
        .collect();
    assert_eq!(names, ["app", "spring", "log4j-core"]);
    // A version that is mended, and a package that is not there.
    let fixed = "vers:maven/>=2.0-beta9|<2.3.1";
    assert_eq!(sbom.exposure(&purl(LOG4J_CORE), &vers(fixed)).answer, Answer::No);
    assert_eq!(sbom.exposure(&purl("pkg:maven/org.apache/other"), &vers("vers:maven/*")).answer, Answer::No);
}

#[test]
fn what_nobody_can_know_is_unknown() {
    let is_unknown = |rest: &str, range: &str| {
        let answer = cyclonedx(rest).exposure(&purl(LOG4J_CORE), &vers(range)).answer;
        assert!(matches!(answer, Answer::Unknown(_)), "{rest}: {answer}");
    };
    let other = r#"{"name": "a", "purl": "pkg:maven/b/a@1"}"#;
    // The name without an identifier, the package without a version, a version that does not compare.
    is_unknown(&format!(r#""components": [{other}, {{"name": "log4j-core", "version": "2.14.1"}}]"#), LOG4J);
    is_unknown(
        &format!(r#""components": [{other}, {{"name": "log4j-core", "purl": "{LOG4J_CORE}"}}]"#),
        LOG4J,
    );
    let known = format!(r#""components": [{{"name": "log4j-core", "purl": "{LOG4J_CORE}@2.14.1"}}]"#);
    is_unknown(&known, "vers:unheard/<3");
    // Nothing is identified; and the author says that something is missing.
    is_unknown(r#""components": [{"name": "a"}]"#, LOG4J);
    is_unknown(
        &format!(r#""components": [{other}], "compositions": [{{"aggregate": "incomplete"}}]"#),
        LOG4J,
    );
    let complete = format!(r#""components": [{other}], "compositions": [{{"aggregate": "complete"}}]"#);
    assert_eq!(cyclonedx(&complete).exposure(&purl(LOG4J_CORE), &vers(LOG4J)).answer, Answer::No);
}

#[test]
fn one_package_has_one_identity() {
    let holds = |purl: &str, wanted: &str| {
        let other = r#"{"name": "a", "purl": "pkg:generic/a@1"}"#;
        let sbom = cyclonedx(&format!(r#""components": [{other}, {{"name": "some", "purl": "{purl}"}}]"#));
        match sbom.holds(&self::purl(wanted)) {
            Answer::Yes => "yes",
            Answer::No => "no",
            Answer::Unknown(_) => "unknown",
        }
    };
    for (purl, wanted, answer) in [
        ("pkg:pypi/Zope.Interface@5", "pkg:pypi/zope-interface", "yes"),
        ("pkg:pypi/a__b@5", "pkg:pypi/a.b", "yes"),
        ("pkg:nuget/Newtonsoft.Json@13", "pkg:nuget/newtonsoft.json", "yes"),
        ("pkg:npm/%40a%2Fb@1", "pkg:npm/%40a/b", "yes"),
        ("pkg:npm/b@1", "pkg:npm/%40a/b", "no"),
        ("pkg:rpm/amazon/curl@7", "pkg:rpm/amzn/curl", "yes"),
        ("pkg:rpm/oracle/curl@7", "pkg:rpm/ol/curl", "yes"),
        ("pkg:rpm/alma/curl@7", "pkg:rpm/almalinux/curl", "yes"),
        ("pkg:rpm/suse/curl@7", "pkg:rpm/redhat/curl", "no"),
        // What does not say of which distribution it is, or cannot be read, may be the one.
        ("pkg:deb/curl@7", "pkg:deb/debian/curl", "unknown"),
        ("pkg:deb/other@7", "pkg:deb/debian/curl", "no"),
        ("pkg:npm/curl@1?a=1&a=2", "pkg:npm/curl", "unknown"),
        ("npm/curl %", "pkg:npm/curl", "unknown"),
        ("", "pkg:npm/some", "unknown"),
        // Nor does what leaves out the version, or the architecture.
        ("pkg:npm/a-b", "pkg:npm/a-b@3.3.6", "unknown"),
        ("pkg:npm/a-b@3.3.6", "pkg:npm/a-b@3.3.6", "yes"),
        ("pkg:npm/a-b@3.3.7", "pkg:npm/a-b@3.3.6", "no"),
        ("pkg:deb/debian/curl@7", "pkg:deb/debian/curl?arch=amd64", "unknown"),
        ("pkg:deb/libssl3@3?upstream=openssl", "pkg:deb/debian/openssl", "unknown"),
    ] {
        assert_eq!(holds(purl, wanted), answer, "{purl} {wanted}");
    }
}

#[test]
fn what_lacks_the_identifier_may_be_the_package() {
    let cpe = PackagePattern::Cpe("cpe:2.3:a:apache:log4j-core:*".parse().unwrap());
    let holds = |cpes: &str| {
        let other = r#"{"name": "a", "cpe": "cpe:2.3:a:x:a:1:*:*:*:*:*:*:*"}"#;
        cyclonedx(&format!(r#""components": [{other}, {{"name": "log4j-core", "version": "2.14.1"{cpes}}}]"#))
            .holds(&cpe)
    };
    assert!(matches!(holds(""), Answer::Unknown(_)));
    assert!(matches!(holds(r#", "cpe": "log4j""#), Answer::Unknown(_)));
    assert_eq!(holds(r#", "cpe": "cpe:2.3:a:apache:log4j-core:2.14.1:*:*:*:*:*:*:*""#), Answer::Yes);
    assert_eq!(holds(r#", "cpe": "cpe:2.3:a:other:log4j-core:2.14.1:*:*:*:*:*:*:*""#), Answer::No);
}

#[test]
fn packages_are_found_by_every_identifier() {
    let sbom = cyclonedx(
        r#""components": [
          {"name": "libssl3", "version": "3.0.11-1", "cpe": "cpe:2.3:a:openssl:libssl3:3.0.11:*:*:*:*:*:*:*",
           "purl": "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl"},
          {"name": "libc6", "version": "2.36", "purl": "pkg:deb/debian/libc6@2.36?upstream=glibc%402.35"},
          {"name": "curl", "version": "7.76", "purl": "pkg:rpm/redhat/curl@7.76"},
          {"name": "bash", "version": "5.2", "purl": "pkg:rpm/fedora/bash@5.2?epoch=1"}]"#,
    );
    let found = |pattern: &PackagePattern| {
        sbom.find(pattern).iter().map(|one| (one.by, one.version.clone().unwrap())).collect::<Vec<_>>()
    };
    let version = |text: &str| text.to_owned();
    assert_eq!(found(&purl("pkg:deb/debian/libssl3")), [(MatchedBy::Purl, version("3.0.11-1"))]);
    assert_eq!(found(&purl("pkg:deb/debian/openssl")), [(MatchedBy::Source, version("3.0.11-1"))]);
    assert_eq!(found(&purl("pkg:deb/debian/glibc")), [(MatchedBy::Source, version("2.35"))]);
    assert_eq!(found(&purl("pkg:rpm/fedora/bash")), [(MatchedBy::Purl, version("1:5.2"))]);
    // RHEL and its rebuilds are one; other distributions are not.
    assert_eq!(found(&purl("pkg:rpm/rocky/curl")), [(MatchedBy::Purl, version("7.76"))]);
    assert_eq!(found(&purl("pkg:rpm/opensuse/curl")), []);
    assert_eq!(found(&purl("pkg:deb/debian/libssl3?arch=arm64")), []);
    assert_eq!(found(&purl("pkg:deb/debian/libssl3@3.0.10")), []);
    let cpe: Cpe = "cpe:2.3:a:openssl:*".parse().unwrap();
    assert_eq!(found(&PackagePattern::Cpe(cpe)), [(MatchedBy::Cpe, version("3.0.11"))]);
    let name = PackagePattern::Name("BASH".to_owned(), Some("5.2".to_owned()));
    assert_eq!(found(&name), [(MatchedBy::Name, version("5.2"))]);
}

#[test]
fn licenses_are_judged_as_they_are_written() {
    // A name of several licenses is none of them.
    let open =
        LicensePolicy::new().allowing(["Apache-2.0", "BSD-3-Clause", "PSF-2.0", "Artistic-2.0"]).unwrap();
    for name in ["BSD", "Apache", "PSF", "Artistic", "apache"] {
        let license = cyclonedx(&format!(
            r#""components": [{{"name": "a", "licenses": [{{"license": {{"name": "{name}"}}}}]}}]"#
        ));
        let claim = &license.components()[0].licenses[0];
        assert!(matches!(open.allows(&claim.license), Answer::Unknown(_)), "{name}");
    }
    let policy = LicensePolicy::new()
        .allowing(["MIT", "Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", "LicenseRef-ours"])
        .unwrap()
        .denying(["AGPL-3.0-only", "LicenseRef-theirs"])
        .unwrap();
    let allows = |text: &str| {
        let sbom = cyclonedx(&format!(
            r#""components": [{{"name": "a", "licenses": [{{"expression": "{text}"}}]}}]"#
        ));
        policy.allows(&sbom.components()[0].licenses[0].license)
    };
    for text in [
        "MIT",
        "mit",
        "APACHE-2.0",
        "Apache License 2.0",
        "MIT OR GPL-3.0-only",
        "MIT AND Apache-2.0",
        "LicenseRef-ours",
        "(MIT or GPL-3.0-only) and Apache-2.0",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "MIT OR LicenseRef-unheard",
    ] {
        assert_eq!(allows(text), Answer::Yes, "{text}");
    }
    for text in [
        "GPL-2.0-only",
        "GPLv2+",
        "MIT AND GPL-3.0-only",
        "AGPL-3.0-only",
        "LicenseRef-theirs",
        "NONE",
        "GPL-3.0-only AND LicenseRef-unheard",
        "AGPL-3.0-only OR GPL-3.0-only",
    ] {
        assert_eq!(allows(text), Answer::No, "{text}");
    }
    for text in ["NOASSERTION", "Some license", "MIT AND LicenseRef-unheard", "MIT AND"] {
        assert!(matches!(allows(text), Answer::Unknown(_)), "{text}");
    }
    // With nothing allowed by name, what is not denied is.
    let open = LicensePolicy::new().denying(["GPL-3.0-only"]).unwrap();
    let of = |text: &str| open.allows(&License::Expression(text.into()));
    assert_eq!((of("BSD-3-Clause"), of("GPL-3.0-only")), (Answer::Yes, Answer::No));
    assert!(LicensePolicy::new().allowing(["No-Such-License"]).is_err());
}

#[test]
fn a_complete_document_keeps_to_ntia_and_each_gap_is_named() {
    let complete = r#""metadata": {"timestamp": "2026-01-31T12:00:00Z", "authors": [{"name": "Ann"}],
          "component": {"bom-ref": "a", "name": "a", "version": "1", "purl": "pkg:npm/a@1", "supplier": {"name": "S"}}},
        "components": [{"bom-ref": "b", "name": "b", "version": "1", "purl": "pkg:npm/b@1", "supplier": {"name": "S"}}],
        "dependencies": [{"ref": "a", "dependsOn": ["b"]}]"#;
    let check = |text: &str| Profile::NTIA.check(&cyclonedx(text));
    let conformance = check(complete);
    assert_eq!((conformance.conforms, conformance.score), (Answer::Yes, 10.0));
    for (part, id, missing) in [
        (r#""authors": [{"name": "Ann"}],"#, "author", "document"),
        (r#""timestamp": "2026-01-31T12:00:00Z", "#, "timestamp", "document"),
        (r#", "supplier": {"name": "S"}}]"#, "supplier", "b"),
        (r#""version": "1", "purl": "pkg:npm/b@1", "#, "version", "b"),
        (r#""purl": "pkg:npm/b@1", "#, "unique identifier", "b"),
        (r#""dependsOn": ["b"]"#, "dependency relationship", "a"),
    ] {
        let replaced =
            if part.ends_with("}]") { complete.replace(part, "}]") } else { complete.replace(part, "") };
        let replaced = replaced.replace(r#"{"ref": "a", }"#, r#"{"ref": "a"}"#);
        assert_ne!(replaced, complete);
        let conformance = check(&replaced);
        assert_eq!(conformance.conforms, Answer::No, "{id}");
        let result = conformance.checks.iter().find(|one| one.id == id).unwrap();
        assert_eq!(result.missing[0], missing, "{id}");
        assert!(conformance.score < 10.0);
    }
}

#[test]
fn differences_are_of_packages_not_of_places() {
    let before = cyclonedx(
        r#""components": [{"bom-ref": "1", "name": "a", "version": "1.9", "purl": "pkg:npm/a@1.9"},
            {"bom-ref": "2", "name": "b", "version": "1", "purl": "pkg:npm/b@1", "hashes": [{"alg": "SHA-256", "content": "00"}]},
            {"bom-ref": "3", "name": "gone", "version": "1", "purl": "pkg:npm/gone@1"}],
           "dependencies": [{"ref": "1", "dependsOn": ["3"]}]"#,
    );
    let after = cyclonedx(
        r#""components": [{"bom-ref": "x", "name": "new", "version": "1", "purl": "pkg:npm/new@1"},
            {"bom-ref": "y", "name": "b", "version": "1", "purl": "pkg:npm/b@1", "hashes": [{"alg": "SHA-256", "content": "01"}],
             "supplier": {"name": "S"}, "licenses": [{"license": {"id": "MIT"}}]},
            {"bom-ref": "z", "name": "a", "version": "1.10", "purl": "pkg:npm/a@1.10"}]"#,
    );
    let diff = before.diff(&after);
    let aspects: Vec<_> = diff.changed.iter().map(|one| one.aspects.clone()).collect();
    assert_eq!(aspects, [vec![Aspect::Upgraded], vec![Aspect::Hash, Aspect::Licenses, Aspect::Supplier]]);
    assert_eq!(after.component(diff.added[0]).unwrap().name, "new");
    assert_eq!(before.component(diff.removed[0]).unwrap().name, "gone");
    assert_eq!(diff.removed_dependencies.len(), 1);
    assert_eq!(after.diff(&before).changed[0].aspects, [Aspect::Downgraded]);
}

#[test]
fn real_documents_differ_from_themselves_in_nothing_and_merge_into_themselves() {
    let Some(dir) = vectors("sbom/real") else { return };
    for name in ["cargo.cdx.json", "debroot.trivy.spdx.json", "npm.trivy.cdx.json"] {
        let file = std::fs::File::open(dir.join(name)).unwrap();
        let sbom = Sbom::read(file, &Limits::default()).unwrap().0;
        assert!(sbom.diff(&sbom).is_empty(), "{name}");
        let merged = sbom.merge(&sbom);
        assert_eq!(merged.components(), sbom.components(), "{name}");
        assert_eq!(merged.relationships(), sbom.relationships(), "{name}");
    }
}

/// Components of a few names and versions, so that they meet.
fn bills() -> impl Strategy<Value = Sbom> {
    let part = (0..4u8, 0..3u8, 0..3u8, prop::option::of(0..4u8));
    prop::collection::vec(part, 0..8).prop_map(|parts| {
        let components = parts.iter().enumerate().map(|(place, (name, version, hash, _))| {
            format!(
                r#"{{"type": "library", "bom-ref": "r{place}", "name": "n{name}", "version": "{version}", "purl": "pkg:npm/n{name}@{version}",
                    "hashes": [{{"alg": "MD5", "content": "{hash:032}"}}]}}"#
            )
        });
        let edges = parts.iter().enumerate().filter_map(|(place, (.., to))| {
            Some(format!(r#"{{"ref": "r{place}", "dependsOn": ["r{}"]}}"#, (*to)?))
        });
        cyclonedx(&format!(
            r#""components": [{}], "dependencies": [{}]"#,
            components.collect::<Vec<_>>().join(","),
            edges.collect::<Vec<_>>().join(",")
        ))
    })
}

/// What a bill says, without its order and references.
fn content(sbom: &Sbom) -> Vec<String> {
    let name = |one: &trust_sbom::Component| format!("{:?}{:?}", one.purls, one.hashes);
    let mut all: Vec<String> = sbom.components().iter().map(name).collect();
    all.sort();
    all
}

proptest! {
    #[test]
    fn a_bill_differs_from_itself_in_nothing(one in bills()) {
        prop_assert!(one.diff(&one).is_empty());
    }

    #[test]
    fn merging_twice_is_merging_once_and_order_does_not_matter(one in bills(), other in bills()) {
        let merged = one.merge(&other);
        prop_assert_eq!(content(&one.merge(&one)), content(&one));
        prop_assert_eq!(content(&merged.merge(&other)), content(&merged));
        prop_assert_eq!(content(&other.merge(&one)), content(&merged));
    }

    #[test]
    fn the_forms_of_one_document_mean_the_same(one in bills()) {
        // JSON, written; and the same parts as XML and as tag-value.
        let again = read(&one.to_cyclonedx().json);
        prop_assert_eq!(again.components(), one.components());
        prop_assert_eq!(again.relationships(), one.relationships());
        let parts = |component: &trust_sbom::Component| format!(
            r#"<component type="library" bom-ref="{}"><name>{}</name><version>{}</version><hashes><hash alg="MD5">{}</hash></hashes><purl>{}</purl></component>"#,
            component.reference.as_ref().unwrap(), component.name, component.version.as_ref().unwrap(),
            component.hashes[0].value, component.purls[0]
        );
        let edges = |sbom: &Sbom| -> Vec<(String, String)> {
            let name = |id| format!("{:?}", sbom.component(id).unwrap().purls);
            let mut edges: Vec<_> = sbom.dependencies().map(|(from, to)| (name(from), name(to))).collect();
            edges.sort();
            edges
        };
        let reference = |id| one.component(id).unwrap().reference.clone().unwrap();
        let dependencies: String = one.dependencies().map(|(from, to)| format!(
            r#"<dependency ref="{}"><dependency ref="{}"/></dependency>"#, reference(from), reference(to)
        )).collect();
        let components: String = one.components().iter().map(parts).collect();
        let xml = read(&format!(
            r#"<bom xmlns="http://cyclonedx.org/schema/bom/1.6"><components>{components}</components><dependencies>{dependencies}</dependencies></bom>"#
        ));
        prop_assert_eq!(content(&xml), content(&one));
        prop_assert_eq!(edges(&xml), edges(&one));
        let packages: String = one.components().iter().map(|component| format!(
            "PackageName: {}\nSPDXID: SPDXRef-{}\nPackageVersion: {}\nPackageChecksum: MD5: {}\nExternalRef: PACKAGE-MANAGER purl {}\n",
            component.name, component.reference.as_ref().unwrap(), component.version.as_ref().unwrap(),
            component.hashes[0].value, component.purls[0]
        )).collect();
        let relations: String = one.dependencies().map(|(from, to)| format!(
            "Relationship: SPDXRef-{} DEPENDS_ON SPDXRef-{}\n", reference(from), reference(to)
        )).collect();
        let tags = read(&format!("SPDXVersion: SPDX-2.3\n{packages}{relations}"));
        prop_assert_eq!(content(&tags), content(&one));
        prop_assert_eq!(edges(&tags), edges(&one));
        prop_assert_eq!(content(&read(&tags.to_spdx().json)), content(&one));
    }
}
