//! The model as [SPDX 2.3](https://spdx.github.io/spdx-spec/v2.3/) in JSON.

use std::collections::HashSet;

use trust_core::Digest;

use crate::model::component::{Agent, AgentKind, Component, ComponentId, ComponentKind, Hash, Stated};
use crate::model::license::{License, LicenseRole};
use crate::model::relationship::{DependencyScope, Node, Relationship, RelationshipKind};
use crate::model::sbom::{ExtractedLicense, Format, Sbom};
use crate::read::spdx::{self, DOCUMENT};
use crate::write::{Json, Object, Written, list};

/// [Purposes](https://spdx.github.io/spdx-spec/v2.3/package-information/#724-primary-package-purpose-field).
const PURPOSES: [&str; 11] = [
    "APPLICATION",
    "FRAMEWORK",
    "LIBRARY",
    "CONTAINER",
    "OPERATING-SYSTEM",
    "DEVICE",
    "FIRMWARE",
    "SOURCE",
    "ARCHIVE",
    "FILE",
    "INSTALL",
];

/// The license of every SPDX document
/// ([section 6.2](https://spdx.github.io/spdx-spec/v2.3/document-creation-information/#62-data-license-field)).
const DATA_LICENSE: &str = "CC0-1.0";

pub(crate) fn write(sbom: &Sbom) -> Written {
    let mut writer = Writer { sbom, ids: Vec::new(), extracted: sbom.header().extracted_licenses.clone() };
    writer.name_components();
    let header = sbom.header();
    // Every component stands as a package or a file; files of SPDX have neither version nor identifier.
    let is_file = |component: &Component| {
        component.kind == ComponentKind::File && component.version.is_none() && component.purls.is_empty()
    };
    let (files, packages): (Vec<_>, Vec<_>) = sbom.ids().partition(|(_, component)| is_file(component));
    let order: Vec<ComponentId> = packages.iter().chain(&files).map(|(id, _)| *id).collect();
    let packages: Vec<Json> = packages.into_iter().map(|(id, one)| writer.package(id, one)).collect();
    let files: Vec<Json> = files.into_iter().map(|(id, one)| writer.file(id, one)).collect();
    let creators = header.authors.iter().map(creator).chain(header.tools.iter().map(|tool| {
        let version = tool.version.as_ref().map(|version| format!("-{version}")).unwrap_or_default();
        format!("Tool: {}{version}", tool.name)
    }));
    let creators: Vec<Json> = creators.map(Json::from).collect();
    let creators = if creators.is_empty() { vec![Json::from("Tool: trust-sbom")] } else { creators };
    let created = header.created.map_or_else(|| "1970-01-01T00:00:00Z".to_owned(), |time| time.to_string());
    let info = Object::default().text("created", Some(created)).list("creators", creators).into_value();
    let external = header.external_documents.iter().map(|one| {
        let hash = one.hash.as_deref().and_then(|hash| hash.split_once(':'));
        let checksum = hash.map(|(algorithm, value)| checksum(&Hash::new(algorithm, value)));
        Object::default()
            .text("externalDocumentId", Some(&one.reference))
            .value("checksum", checksum)
            .text("spdxDocument", Some(&one.uri))
            .into_value()
    });
    let licenses = writer.extracted.iter().map(|one| {
        Object::default()
            .text("licenseId", Some(&one.id))
            .text("extractedText", Some(&one.text))
            .text("name", one.name.as_ref())
            .into_value()
    });
    let licenses: Vec<Json> = licenses.collect();
    let relationships = writer.relationships();
    let document = Object::default()
        .text("spdxVersion", Some("SPDX-2.3"))
        // The specification allows no other.
        .text("dataLicense", Some(DATA_LICENSE))
        .text("SPDXID", Some(DOCUMENT))
        .text("name", Some(header.name.as_deref().unwrap_or("SBOM")))
        .text("documentNamespace", Some(namespace(sbom)))
        .list("externalDocumentRefs", external.collect())
        .value("creationInfo", Some(info))
        .list("packages", packages)
        .list("files", files)
        .list("hasExtractedLicensingInfos", licenses)
        .list("relationships", relationships);
    Written::new(sbom, document.into_json(), &order)
}

/// The document's own namespace, or one of its content.
fn namespace(sbom: &Sbom) -> String {
    match &sbom.header().id {
        Some(id) if spdx::is_namespace(id) && (sbom.format() == Format::Spdx || id.starts_with("urn:")) => {
            id.clone()
        }
        _ => {
            let names: Vec<String> = sbom.components().iter().map(Component::full_name).collect();
            let digest =
                sbom.digest().cloned().unwrap_or_else(|| Digest::sha256(names.join("\n").as_bytes()));
            format!("https://spdx.org/spdxdocs/{}", digest.to_hex())
        }
    }
}

struct Writer<'a> {
    sbom: &'a Sbom,
    ids: Vec<String>,
    /// Licenses that are not on the list, those that get an identifier here among them.
    extracted: Vec<ExtractedLicense>,
}

impl Writer<'_> {
    fn name_components(&mut self) {
        let mut taken = HashSet::from([DOCUMENT.to_owned()]);
        for (id, component) in self.sbom.ids() {
            let own = component.reference.clone().filter(|reference| spdx::is_id(reference));
            let mut name = own.unwrap_or_else(|| format!("SPDXRef-Component-{}", id.index()));
            while !taken.insert(name.clone()) {
                name.push_str("-x");
            }
            self.ids.push(name);
        }
    }

    fn id(&self, id: ComponentId) -> String {
        self.ids.get(id.index()).cloned().unwrap_or_default()
    }

    fn package(&mut self, id: ComponentId, component: &Component) -> Json {
        let identifiers = [
            ("PACKAGE-MANAGER", "purl", &component.purls),
            ("SECURITY", "cpe23Type", &component.cpes),
            ("SECURITY", "swid", &component.swids),
            ("PERSISTENT-ID", "swh", &component.swhids),
            ("PERSISTENT-ID", "gitoid", &component.gitoids),
        ];
        let mut references: Vec<Json> = Vec::new();
        for (category, kind, list) in identifiers {
            for locator in list {
                let kind =
                    if kind == "cpe23Type" && locator.starts_with("cpe:/") { "cpe22Type" } else { kind };
                references.push(external_ref(category, kind, locator));
            }
        }
        let mut homepage = None;
        for one in &component.external_references {
            match one.kind.split_once(':') {
                Some((category, kind)) => references.push(external_ref(category, kind, &one.url)),
                None if one.kind == "website" && homepage.is_none() => homepage = Some(&one.url),
                None => references.push(external_ref("OTHER", &one.kind.replace(' ', "-"), &one.url)),
            }
        }
        let purpose = component.kind.name().to_ascii_uppercase();
        let purpose = match &component.kind {
            ComponentKind::Unstated => None,
            _ if PURPOSES.contains(&purpose.as_str()) => Some(purpose),
            _ => Some("OTHER".to_owned()),
        };
        let name = component.full_name();
        let download = component.download.as_ref().map_or("NOASSERTION", stated);
        Object::default()
            .text("SPDXID", Some(self.id(id)))
            .text("name", Some(&name))
            .text("versionInfo", component.version.as_ref())
            .text("packageFileName", component.file_name.as_ref())
            .text("supplier", component.supplier.as_deref().map(creator))
            .text("originator", component.producer.as_deref().map(creator))
            .text("downloadLocation", Some(download))
            .value("filesAnalyzed", Some(Json::from(component.files_analyzed.unwrap_or(false))))
            .list("checksums", checksums(&component.hashes))
            .text("homepage", homepage)
            .text("licenseConcluded", self.licenses(component, &[LicenseRole::Concluded]))
            .text(
                "licenseDeclared",
                self.licenses(component, &[LicenseRole::Declared, LicenseRole::Unstated]),
            )
            .list("licenseInfoFromFiles", self.observed(component))
            .text("copyrightText", component.copyright.as_ref().map(stated))
            .text("description", component.description.as_ref())
            .list("externalRefs", references)
            .text("primaryPackagePurpose", purpose)
            .into_value()
    }

    fn file(&mut self, id: ComponentId, component: &Component) -> Json {
        Object::default()
            .text("SPDXID", Some(self.id(id)))
            .text("fileName", Some(&component.name))
            .list("checksums", checksums(&component.hashes))
            .text("licenseConcluded", self.licenses(component, &[LicenseRole::Concluded]))
            .list("licenseInfoInFiles", self.observed(component))
            .text("copyrightText", component.copyright.as_ref().map(stated))
            .into_value()
    }

    /// The claims on these grounds, as one expression.
    fn licenses(&mut self, component: &Component, roles: &[LicenseRole]) -> Option<String> {
        let claims = component.licenses.iter().filter(|claim| roles.contains(&claim.role));
        let mut texts: Vec<String> = claims.map(|claim| self.expression(&claim.license)).collect();
        match texts.len() {
            0 => None,
            1 => texts.pop(),
            _ => Some(texts.iter().map(|text| list(text)).collect::<Vec<_>>().join(" AND ")),
        }
    }

    fn observed(&mut self, component: &Component) -> Vec<Json> {
        let claims = component.licenses.iter().filter(|claim| claim.role == LicenseRole::Observed);
        claims.map(|claim| Json::from(self.expression(&claim.license))).collect()
    }

    /// A license as an expression; a name becomes a reference to itself.
    fn expression(&mut self, license: &License) -> String {
        let License::Name(name) = license else { return license.text().to_owned() };
        let word: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
            .take(64)
            .collect();
        let mut id = format!("LicenseRef-{word}");
        while self.extracted.iter().any(|one| one.id == id && *one.text != **name) {
            id.push_str("-x");
        }
        if !self.extracted.iter().any(|one| one.id == id) {
            let text = name.to_string();
            self.extracted.push(ExtractedLicense { id: id.clone(), name: Some(text.clone()), text });
        }
        id
    }

    fn relationships(&self) -> Vec<Json> {
        let described: HashSet<ComponentId> = self
            .sbom
            .relationships()
            .iter()
            .filter_map(|one| match (&one.from, &one.kind, &one.to) {
                (Node::Document, RelationshipKind::Describes, Node::Component(id)) => Some(*id),
                _ => None,
            })
            .collect();
        let roots =
            self.sbom.roots().iter().filter(|root| !described.contains(root)).map(|root| Relationship {
                from: Node::Document,
                kind: RelationshipKind::Describes,
                to: Node::Component(*root),
                is_inverse: false,
            });
        let roots: Vec<Relationship> = roots.collect();
        let mut written = Vec::new();
        for one in roots.iter().chain(self.sbom.relationships()) {
            let (word, is_inverse) = word(&one.kind, one.is_inverse);
            let (Some(from), Some(to)) = (self.node(&one.from), self.node(&one.to)) else { continue };
            let (from, to) = if is_inverse { (to, from) } else { (from, to) };
            written.push(
                Object::default()
                    .text("spdxElementId", Some(from))
                    .text("relationshipType", Some(word))
                    .text("relatedSpdxElement", Some(to))
                    .into_value(),
            );
        }
        written
    }

    /// Only what is of SPDX can be referred to in another document.
    fn node(&self, node: &Node) -> Option<String> {
        match node {
            Node::Document => Some(DOCUMENT.to_owned()),
            Node::Component(id) => Some(self.id(*id)),
            Node::None => Some("NONE".to_owned()),
            Node::NoAssertion => Some("NOASSERTION".to_owned()),
            Node::Elsewhere(reference) => {
                let is_spdx = reference.starts_with("DocumentRef-") || spdx::is_id(reference);
                is_spdx.then(|| reference.clone())
            }
        }
    }
}

/// The word, and whether it stands the other way round.
fn word(kind: &RelationshipKind, is_inverse: bool) -> (&str, bool) {
    match (kind, is_inverse) {
        (RelationshipKind::Describes, false) => ("DESCRIBES", false),
        (RelationshipKind::Describes, true) => ("DESCRIBED_BY", true),
        (RelationshipKind::Contains, false) => ("CONTAINS", false),
        (RelationshipKind::Contains, true) => ("CONTAINED_BY", true),
        (RelationshipKind::GeneratedFrom, false) => ("GENERATED_FROM", false),
        (RelationshipKind::GeneratedFrom, true) => ("GENERATES", true),
        (RelationshipKind::VariantOf, _) => ("VARIANT_OF", false),
        (RelationshipKind::PatchFor, _) => ("PATCH_FOR", false),
        (RelationshipKind::DependsOn(DependencyScope::Unstated), false) => ("DEPENDS_ON", false),
        (RelationshipKind::DependsOn(scope), _) => (
            match scope {
                DependencyScope::Unstated => "DEPENDENCY_OF",
                DependencyScope::Build => "BUILD_DEPENDENCY_OF",
                DependencyScope::Development => "DEV_DEPENDENCY_OF",
                DependencyScope::Optional => "OPTIONAL_DEPENDENCY_OF",
                DependencyScope::Provided => "PROVIDED_DEPENDENCY_OF",
                DependencyScope::Runtime => "RUNTIME_DEPENDENCY_OF",
                DependencyScope::Test => "TEST_DEPENDENCY_OF",
            },
            true,
        ),
        (RelationshipKind::Other(word), _) if spdx::relationship_kind(word).is_some() => (word, false),
        (RelationshipKind::Provides | RelationshipKind::Other(_), _) => ("OTHER", false),
    }
}

fn creator(agent: &Agent) -> String {
    let kind = match agent.kind {
        AgentKind::Organization => "Organization",
        AgentKind::Person => "Person",
        AgentKind::Software => "Tool",
    };
    let email = agent.emails.first().map(|email| format!(" ({email})")).unwrap_or_default();
    format!("{kind}: {}{email}", agent.name.as_deref().unwrap_or_default())
}

fn stated(stated: &Stated) -> &str {
    match stated {
        Stated::Value(value) => value,
        Stated::None => "NONE",
        Stated::NoAssertion => "NOASSERTION",
    }
}

fn checksums(hashes: &[Hash]) -> Vec<Json> {
    hashes.iter().filter(|hash| spdx::is_checksum(&hash.value)).map(checksum).collect()
}

/// `sha256` is `SHA256`; only the algorithms of SHA-3 and BLAKE2 have a dash.
fn checksum(hash: &Hash) -> Json {
    let name = hash.algorithm.to_ascii_uppercase();
    let name = match (name.strip_prefix("SHA3"), name.strip_prefix("BLAKE2B")) {
        (Some(length), _) if length.len() == 3 => format!("SHA3-{length}"),
        (_, Some(length)) => format!("BLAKE2b-{length}"),
        _ => name,
    };
    Object::default().text("algorithm", Some(name)).text("checksumValue", Some(&hash.value)).into_value()
}

fn external_ref(category: &str, kind: &str, locator: &str) -> Json {
    Object::default()
        .text("referenceCategory", Some(category))
        .text("referenceType", Some(kind))
        .text("referenceLocator", Some(locator))
        .into_value()
}
