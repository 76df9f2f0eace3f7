//! [SPDX 2](https://spdx.github.io/spdx-spec/v2.3/): its objects, in JSON and YAML, and what they mean in the model.
//!
//! | file | holds |
//! |---|---|
//! | `tag_value` | the tag-value form, as the same objects |
//!
//! Snippets and annotations are not read: they say nothing about which parts there are.

mod tag_value;

use std::sync::Arc;

use serde::Deserialize;

use crate::lenient::nullable;
use crate::model::component::{
    Agent, AgentKind, Component, ComponentKind, ExternalReference, Hash, Stated, Tool,
};
use crate::model::diagnostic::DiagnosticKind;
use crate::model::license::{License, LicenseClaim, LicenseRole};
use crate::model::relationship::{DependencyScope, RelationshipKind};
use crate::model::sbom::{Encoding, ExternalDocument, ExtractedLicense, Format};
use crate::read::draft::{Draft, Edge};
use crate::read::error::SbomError;
use crate::read::stream::JsonStream;

const VERSIONS: [&str; 4] = ["SPDX-2.1", "SPDX-2.2", "SPDX-2.2.1", "SPDX-2.3"];
pub(crate) const VERSIONS_TEXT: &str = "SPDX-2.1 to SPDX-2.3";
/// How the document calls itself.
pub(crate) const DOCUMENT: &str = "SPDXRef-DOCUMENT";

/// Whether a text that is neither JSON nor XML is tag-value or YAML: by the spelling of the version's name.
pub(crate) fn encoding_of(text: &str) -> Result<Encoding, SbomError> {
    let has = |name: &str| {
        text.lines().any(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(':'))
                || line
                    .strip_prefix('"')
                    .and_then(|line| line.strip_prefix(name))
                    .is_some_and(|rest| rest.starts_with("\":"))
        })
    };
    match (has("SPDXVersion"), has("spdxVersion")) {
        (true, false) => Ok(Encoding::TagValue),
        (false, true) => Ok(Encoding::Yaml),
        (true, true) => Err(SbomError::TwoFormats("SPDXVersion", "spdxVersion")),
        (false, false) => Err(SbomError::UnknownFormat),
    }
}

/// A document while it is read.
#[derive(Default)]
pub(crate) struct Spdx {
    pub(crate) version: Option<String>,
    /// The first thing that the specification forbids.
    breach: Option<(String, String)>,
}

impl Spdx {
    /// Reads the value of a key of the document; false if the key is none of SPDX's.
    pub(crate) fn read_key(
        &mut self,
        key: &str,
        json: &mut JsonStream<'_>,
        draft: &mut Draft<'_>,
    ) -> Result<bool, SbomError> {
        match key {
            "spdxVersion" => self.version = Some(json.value()?),
            "SPDXID" => {
                let id: Option<String> = json.value()?;
                self.expect(id.as_deref() == Some(DOCUMENT), "SPDXID", "expected `SPDXRef-DOCUMENT`");
            }
            "name" => draft.header.name = json.value()?,
            "dataLicense" => draft.header.data_license = json.value()?,
            "documentNamespace" => draft.header.id = json.value()?,
            "creationInfo" => {
                json.value::<Option<_>>()?.into_iter().for_each(|one| self.creation_info(one, draft))
            }
            "documentDescribes" => json.each(|one| {
                draft.root_reference(one);
                Ok(())
            })?,
            "externalDocumentRefs" => json.each(|one: ExternalDocumentRef| {
                draft.header.external_documents.push(one.into());
                Ok(())
            })?,
            "hasExtractedLicensingInfos" => json.each(|one| {
                draft.header.extracted_licenses.push(one);
                Ok(())
            })?,
            "packages" => json.each(|one| self.package(one, draft))?,
            "files" => json.each(|one| self.file(one, draft))?,
            "relationships" => json.each(|one| self.relationship(one, draft))?,
            "snippets" => json.each(|one: Snippet| {
                one.id.into_iter().for_each(|id| draft.elsewhere(id));
                Ok(())
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The same from YAML, which is read whole: repeated keys are refused, aliases bounded.
    pub(crate) fn read_yaml(&mut self, text: &str, draft: &mut Draft<'_>) -> Result<(), SbomError> {
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! {
                max_nodes: 20_000_000,
                max_reader_input_bytes: None,
                max_aliases: 100,
                max_anchors: 100,
                max_depth: 64,
            },
            with_snippet: false,
        };
        let whole: Whole =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| SbomError::Line {
                line: error.location().map_or(0, |location| location.line()),
                problem: error.without_snippet().to_string(),
            })?;
        self.version = Some(whole.version);
        self.expect(whole.id.as_deref() == Some(DOCUMENT), "SPDXID", "expected `SPDXRef-DOCUMENT`");
        draft.header.name = whole.name;
        draft.header.data_license = whole.data_license;
        draft.header.id = whole.namespace;
        self.creation_info(whole.creation_info, draft);
        draft.header.external_documents = whole.external_documents.into_iter().map(Into::into).collect();
        draft.header.extracted_licenses = whole.extracted_licenses;
        whole.describes.into_iter().for_each(|one| draft.root_reference(one));
        whole.snippets.into_iter().filter_map(|one| one.id).for_each(|id| draft.elsewhere(id));
        whole.packages.into_iter().try_for_each(|one| self.package(one, draft))?;
        whole.files.into_iter().try_for_each(|one| self.file(one, draft))?;
        whole.relationships.into_iter().try_for_each(|one| self.relationship(one, draft))
    }

    /// The version, once everything is read. `by_spec`: what the specification forbids is an error.
    pub(crate) fn finish(mut self, draft: &Draft<'_>, by_spec: bool) -> Result<String, SbomError> {
        let version = self.version.take().unwrap_or_default();
        if !VERSIONS.contains(&version.as_str()) {
            return Err(SbomError::Version { format: Format::Spdx, found: version, expected: VERSIONS_TEXT });
        }
        let header = &draft.header;
        self.expect(header.data_license.as_deref() == Some("CC0-1.0"), "dataLicense", "expected `CC0-1.0`");
        self.expect(header.name.is_some(), "name", "is missing");
        let namespace = header.id.as_ref().is_some_and(|id| is_namespace(id));
        self.expect(namespace, "documentNamespace", "expected an absolute URI without a fragment");
        self.expect(header.created.is_some(), "creationInfo.created", "expected a time, RFC 3339");
        let is_created = !(header.authors.is_empty() && header.tools.is_empty());
        self.expect(is_created, "creationInfo.creators", "expected at least one");
        match self.breach {
            Some((at, problem)) if by_spec => Err(SbomError::Spec { at, problem }),
            _ => Ok(version.trim_start_matches("SPDX-").to_owned()),
        }
    }

    /// Remembers the first breach of the specification.
    fn expect(&mut self, is_kept: bool, at: &str, problem: &str) {
        if !is_kept && self.breach.is_none() {
            self.breach = Some((at.to_owned(), problem.to_owned()));
        }
    }

    fn creation_info(&mut self, info: CreationInfo, draft: &mut Draft<'_>) {
        draft.header.created = draft.time(info.created.as_deref(), "creationInfo.created");
        for creator in info.creators {
            match creator.split_once(':').map(|(kind, name)| (kind.trim(), name.trim())) {
                Some(("Tool", name)) => draft.header.tools.push(tool(name)),
                Some(("Person" | "Organization", _)) => draft.header.authors.extend(agent(&creator)),
                _ => {
                    self.expect(
                        false,
                        "creationInfo.creators",
                        "expected `Tool:`, `Person:` or `Organization:`",
                    );
                    draft.odd(DiagnosticKind::UnknownValue(creator.clone()), "creationInfo.creators");
                    draft.header.authors.push(Agent { name: Some(creator), ..Agent::default() });
                }
            }
        }
    }

    fn package(&mut self, package: Package, draft: &mut Draft<'_>) -> Result<(), SbomError> {
        let at = package.id.clone().or_else(|| package.name.clone()).unwrap_or_default();
        self.expect(package.name.is_some(), &at, "a package's `name` is missing");
        self.expect(package.id.as_deref().is_some_and(is_id), &at, "a package's `SPDXID` is not `SPDXRef-…`");
        self.expect(package.download_location.is_some(), &at, "`downloadLocation` is missing");
        let mut component = Component {
            kind: package.purpose.as_deref().map_or(ComponentKind::Unstated, ComponentKind::from_name),
            name: package.name.unwrap_or_default(),
            version: package.version.filter(|version| !version.is_empty()),
            supplier: package.supplier.as_deref().and_then(agent).map(Arc::new),
            producer: package.originator.as_deref().and_then(agent).map(Arc::new),
            download: package.download_location.map(Stated::from_spdx),
            file_name: package.file_name,
            files_analyzed: package.files_analyzed,
            description: package.description.or(package.summary),
            hashes: self.hashes(package.checksums, &at),
            ..Component::default()
        };
        if let ComponentKind::Other(word) = &component.kind
            && word != "OTHER"
        {
            draft.odd(DiagnosticKind::UnknownValue(word.clone()), at.clone());
        }
        for (role, text) in [
            (LicenseRole::Concluded, package.license_concluded),
            (LicenseRole::Declared, package.license_declared),
        ] {
            component.licenses.extend(text.map(|text| claim(role, &text, &at, draft)));
        }
        component.licenses.extend(
            package.license_info_from_files.iter().map(|text| claim(LicenseRole::Observed, text, &at, draft)),
        );
        component.copyright = package.copyright.map(Stated::from_spdx);
        for reference in package.external_refs {
            reference.add_to(&mut component);
        }
        if let Some(url) = package.homepage {
            component.external_references.push(ExternalReference {
                kind: "website".to_owned(),
                url,
                hashes: Vec::new(),
            });
        }
        component.reference = package.id.clone();
        draft.component(component)?;
        for (from, to) in
            package.id.iter().flat_map(|id| package.has_files.iter().map(move |file| (id, file)))
        {
            draft.edge(Edge {
                from: from.clone(),
                kind: RelationshipKind::Contains,
                to: to.clone(),
                is_inverse: false,
            })?;
        }
        Ok(())
    }

    fn file(&mut self, file: File, draft: &mut Draft<'_>) -> Result<(), SbomError> {
        let at = file.id.clone().or_else(|| file.name.clone()).unwrap_or_default();
        self.expect(file.name.is_some(), &at, "a file's `fileName` is missing");
        self.expect(file.id.as_deref().is_some_and(is_id), &at, "a file's `SPDXID` is not `SPDXRef-…`");
        let mut licenses: Vec<LicenseClaim> = file
            .license_concluded
            .iter()
            .map(|text| claim(LicenseRole::Concluded, text, &at, draft))
            .collect();
        licenses.extend(
            file.license_info_in_files.iter().map(|text| claim(LicenseRole::Observed, text, &at, draft)),
        );
        let component = Component {
            reference: file.id,
            kind: ComponentKind::File,
            name: file.name.unwrap_or_default(),
            hashes: self.hashes(file.checksums, &at),
            copyright: file.copyright.map(Stated::from_spdx),
            licenses,
            ..Component::default()
        };
        draft.component(component).map(|_| ())
    }

    fn hashes(&mut self, checksums: Vec<Checksum>, at: &str) -> Vec<Hash> {
        let hashes: Vec<Hash> =
            checksums.into_iter().map(|one| Hash::new(&one.algorithm, &one.checksum_value)).collect();
        let are_hashes = hashes.iter().all(|one| is_checksum(&one.value));
        self.expect(are_hashes, at, "a checksum is not hexadecimal digits");
        hashes
    }

    fn relationship(&mut self, wire: WireRelationship, draft: &mut Draft<'_>) -> Result<(), SbomError> {
        let Some((kind, is_inverse)) = relationship_kind(&wire.kind) else {
            draft.odd(DiagnosticKind::UnknownValue(wire.kind.clone()), wire.from.clone());
            self.expect(false, &wire.from, "a relationship's type is none of the specification's");
            return draft.edge(Edge {
                from: wire.from,
                kind: RelationshipKind::Other(wire.kind),
                to: wire.to,
                is_inverse: false,
            });
        };
        let (from, to) = if is_inverse { (wire.to, wire.from) } else { (wire.from, wire.to) };
        draft.edge(Edge { from, kind, to, is_inverse })
    }
}

/// Whether it can be a document's namespace: an absolute URI without a fragment
/// ([section 6.5](https://spdx.github.io/spdx-spec/v2.3/document-creation-information/#65-spdx-document-namespace-field)).
pub(crate) fn is_namespace(text: &str) -> bool {
    text.contains(':') && !text.contains('#')
}

/// Whether it can be the value of a checksum.
pub(crate) fn is_checksum(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(crate) fn is_id(id: &str) -> bool {
    id.strip_prefix("SPDXRef-").is_some_and(|rest| {
        !rest.is_empty()
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
    })
}

fn claim(role: LicenseRole, text: &str, at: &str, draft: &mut Draft<'_>) -> LicenseClaim {
    let license: License = draft.license(text, at);
    LicenseClaim { role, license, url: None }
}

/// `Organization: Name (mail)`; `None` for `NOASSERTION`.
pub(crate) fn agent(text: &str) -> Option<Agent> {
    if text == "NOASSERTION" || text == "NONE" {
        return None;
    }
    let (kind, rest) = match text.split_once(':') {
        Some(("Person", rest)) => (AgentKind::Person, rest),
        Some(("Organization", rest)) => (AgentKind::Organization, rest),
        Some(("Tool", rest)) => (AgentKind::Software, rest),
        _ => (AgentKind::Organization, text),
    };
    let (name, email) = match rest.trim().strip_suffix(')').and_then(|rest| rest.rsplit_once('(')) {
        Some((name, email)) => (name.trim(), Some(email.trim().to_owned()).filter(|email| !email.is_empty())),
        None => (rest.trim(), None),
    };
    Some(Agent { kind, name: Some(name.to_owned()), emails: email.into_iter().collect(), urls: Vec::new() })
}

/// `name-version`, where the version begins with a digit, or `v` and one.
fn tool(text: &str) -> Tool {
    let is_version = |rest: &str| {
        rest.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit()) || rest.starts_with('[')
    };
    match text.rsplit_once('-') {
        Some((name, version)) if is_version(version) => {
            Tool { vendor: None, name: name.to_owned(), version: Some(version.to_owned()) }
        }
        _ => Tool { vendor: None, name: text.to_owned(), version: None },
    }
}

/// The kind that a word means, and whether it is the inverse word
/// ([relationships](https://spdx.github.io/spdx-spec/v2.3/relationships-between-SPDX-elements/)).
pub(crate) fn relationship_kind(word: &str) -> Option<(RelationshipKind, bool)> {
    use RelationshipKind::{Contains, DependsOn, Describes, GeneratedFrom, Other, PatchFor, VariantOf};
    const OTHERS: [&str; 25] = [
        "ANCESTOR_OF",
        "DESCENDANT_OF",
        "DISTRIBUTION_ARTIFACT",
        "FILE_ADDED",
        "FILE_DELETED",
        "FILE_MODIFIED",
        "EXPANDED_FROM_ARCHIVE",
        "DYNAMIC_LINK",
        "STATIC_LINK",
        "DATA_FILE_OF",
        "TEST_CASE_OF",
        "BUILD_TOOL_OF",
        "DEV_TOOL_OF",
        "TEST_OF",
        "TEST_TOOL_OF",
        "DOCUMENTATION_OF",
        "OPTIONAL_COMPONENT_OF",
        "METAFILE_OF",
        "PACKAGE_OF",
        "AMENDS",
        "DEPENDENCY_MANIFEST_OF",
        "COPY_OF",
        "EXAMPLE_OF",
        "OTHER",
        "REQUIREMENT_DESCRIPTION_FOR",
    ];
    Some(match word {
        "DESCRIBES" => (Describes, false),
        "DESCRIBED_BY" => (Describes, true),
        "CONTAINS" => (Contains, false),
        "CONTAINED_BY" => (Contains, true),
        "DEPENDS_ON" => (DependsOn(DependencyScope::Unstated), false),
        "DEPENDENCY_OF" => (DependsOn(DependencyScope::Unstated), true),
        "BUILD_DEPENDENCY_OF" => (DependsOn(DependencyScope::Build), true),
        "DEV_DEPENDENCY_OF" => (DependsOn(DependencyScope::Development), true),
        "OPTIONAL_DEPENDENCY_OF" => (DependsOn(DependencyScope::Optional), true),
        "PROVIDED_DEPENDENCY_OF" => (DependsOn(DependencyScope::Provided), true),
        "RUNTIME_DEPENDENCY_OF" => (DependsOn(DependencyScope::Runtime), true),
        "TEST_DEPENDENCY_OF" => (DependsOn(DependencyScope::Test), true),
        "GENERATED_FROM" => (GeneratedFrom, false),
        "GENERATES" => (GeneratedFrom, true),
        "VARIANT_OF" => (VariantOf, false),
        "PATCH_FOR" | "PATCH_APPLIED" => (PatchFor, false),
        "HAS_PREREQUISITE" | "PREREQUISITE_FOR" | "SPECIFICATION_FOR" => (Other(word.to_owned()), false),
        _ if OTHERS.contains(&word) => (Other(word.to_owned()), false),
        _ => return None,
    })
}

/// A whole document, for forms that are not read piece by piece.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whole {
    #[serde(rename = "spdxVersion")]
    version: String,
    #[serde(rename = "SPDXID")]
    id: Option<String>,
    name: Option<String>,
    data_license: Option<String>,
    #[serde(rename = "documentNamespace")]
    namespace: Option<String>,
    #[serde(default)]
    creation_info: CreationInfo,
    #[serde(rename = "documentDescribes", default, deserialize_with = "nullable")]
    describes: Vec<String>,
    #[serde(rename = "externalDocumentRefs", default, deserialize_with = "nullable")]
    external_documents: Vec<ExternalDocumentRef>,
    #[serde(rename = "hasExtractedLicensingInfos", default, deserialize_with = "nullable")]
    extracted_licenses: Vec<ExtractedLicense>,
    #[serde(default, deserialize_with = "nullable")]
    packages: Vec<Package>,
    #[serde(default, deserialize_with = "nullable")]
    files: Vec<File>,
    #[serde(default, deserialize_with = "nullable")]
    snippets: Vec<Snippet>,
    #[serde(default, deserialize_with = "nullable")]
    relationships: Vec<WireRelationship>,
}

#[derive(Deserialize, Default)]
struct CreationInfo {
    created: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    creators: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalDocumentRef {
    external_document_id: String,
    #[serde(default, deserialize_with = "nullable")]
    spdx_document: String,
    checksum: Option<Checksum>,
}

impl From<ExternalDocumentRef> for ExternalDocument {
    fn from(wire: ExternalDocumentRef) -> Self {
        let hash = wire.checksum.map(|one| Hash::new(&one.algorithm, &one.checksum_value));
        Self {
            reference: wire.external_document_id,
            uri: wire.spdx_document,
            hash: hash.map(|hash| format!("{}:{}", hash.algorithm, hash.value)),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Package {
    #[serde(rename = "SPDXID")]
    id: Option<String>,
    name: Option<String>,
    #[serde(rename = "versionInfo")]
    version: Option<String>,
    #[serde(rename = "packageFileName")]
    file_name: Option<String>,
    supplier: Option<String>,
    originator: Option<String>,
    download_location: Option<String>,
    files_analyzed: Option<bool>,
    #[serde(default, deserialize_with = "nullable")]
    checksums: Vec<Checksum>,
    homepage: Option<String>,
    license_concluded: Option<String>,
    license_declared: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    license_info_from_files: Vec<String>,
    #[serde(rename = "copyrightText")]
    copyright: Option<String>,
    summary: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    external_refs: Vec<ExternalRef>,
    #[serde(default, deserialize_with = "nullable")]
    has_files: Vec<String>,
    #[serde(rename = "primaryPackagePurpose")]
    purpose: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(rename = "SPDXID")]
    id: Option<String>,
    #[serde(rename = "fileName")]
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    checksums: Vec<Checksum>,
    license_concluded: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    license_info_in_files: Vec<String>,
    #[serde(rename = "copyrightText")]
    copyright: Option<String>,
}

#[derive(Deserialize)]
struct Snippet {
    #[serde(rename = "SPDXID")]
    id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: String,
    #[serde(default, deserialize_with = "nullable")]
    checksum_value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    #[serde(rename = "referenceCategory", default, deserialize_with = "nullable")]
    category: String,
    #[serde(rename = "referenceType", default, deserialize_with = "nullable")]
    kind: String,
    #[serde(rename = "referenceLocator", default, deserialize_with = "nullable")]
    locator: String,
}

impl ExternalRef {
    /// Identifiers have fields of their own; their type may be an IRI that ends in the word.
    fn add_to(self, component: &mut Component) {
        let word = self.kind.rsplit(['/', '#']).next().unwrap_or_default();
        let identifiers = match word {
            "purl" => &mut component.purls,
            "cpe22Type" | "cpe23Type" => &mut component.cpes,
            "swid" => &mut component.swids,
            "swh" => &mut component.swhids,
            "gitoid" => &mut component.gitoids,
            _ => {
                component.external_references.push(ExternalReference {
                    kind: format!("{}:{}", self.category, self.kind),
                    url: self.locator,
                    hashes: Vec::new(),
                });
                return;
            }
        };
        identifiers.push(self.locator);
    }
}

#[derive(Deserialize)]
struct WireRelationship {
    #[serde(rename = "spdxElementId", default, deserialize_with = "nullable")]
    from: String,
    #[serde(rename = "relationshipType", default, deserialize_with = "nullable")]
    kind: String,
    #[serde(rename = "relatedSpdxElement", default, deserialize_with = "nullable")]
    to: String,
}
