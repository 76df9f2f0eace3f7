//! [SPDX 3.0](https://spdx.github.io/spdx-spec/v3.0.1/) in JSON-LD.
//!
//! It is read as the specification's own schema writes it: a list of elements, each with a `type`. That is not
//! JSON-LD at large, and `@context` is compared, never fetched.

use core::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::model::component::{
    Agent, AgentKind, Component, ComponentKind, ExternalReference, Hash, Stated, Tool,
};
use crate::model::diagnostic::DiagnosticKind;
use crate::model::finding::Finding;
use crate::model::license::{License, LicenseClaim, LicenseRole};
use crate::model::relationship::{Aggregate, CompletenessOf, DependencyScope, RelationshipKind};
use crate::model::sbom::{ExternalDocument, Format};
use crate::model::vex_statement::{VexStatement, VexStatus};
use crate::read::draft::{self, Draft, Edge};
use crate::read::error::SbomError;
use crate::read::stream::JsonStream;

pub(crate) const VERSIONS_TEXT: &str =
    "3.0.x, with the context `https://spdx.org/rdf/3.0.x/spdx-context.jsonld`";

/// A document while it is read: elements refer to each other in any order.
#[derive(Default)]
pub(crate) struct Spdx3 {
    context: Option<Value>,
    has_graph: bool,
    elements: Vec<Map<String, Value>>,
}

impl Spdx3 {
    /// Reads the value of a key of the document; false if the key is none of SPDX 3's.
    pub(crate) fn read_key(
        &mut self,
        key: &str,
        json: &mut JsonStream<'_>,
        draft: &Draft<'_>,
    ) -> Result<bool, SbomError> {
        match key {
            "@context" => self.context = Some(json.value()?),
            "@graph" => {
                self.has_graph = true;
                // Everything is an element: a component has relations, licenses and agents besides.
                let most = draft.limits().components.saturating_add(draft.limits().relationships);
                json.each_unique(|element| {
                    if self.elements.len() == most {
                        return Err(SbomError::TooMany { what: "elements", expected: most });
                    }
                    self.elements.push(element);
                    Ok(())
                })?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(crate) fn is_marked(&self) -> bool {
        self.has_graph
    }

    /// The version and the document's identifiers, once everything is read and understood.
    pub(crate) fn finish(
        mut self,
        draft: &mut Draft<'_>,
        by_spec: bool,
    ) -> Result<(String, Vec<String>), SbomError> {
        let version = self.version()?;
        let elements = core::mem::take(&mut self.elements);
        let elements: Vec<Element<'_>> = elements.iter().map(Element).collect();
        let graph = Graph::new(&elements);
        if by_spec {
            elements.iter().try_for_each(Element::check)?;
        }
        let mut document = Vec::new();
        for element in &elements {
            match element.kind() {
                "SpdxDocument" => {
                    document.extend(element.id().map(str::to_owned));
                    graph.document(element, draft);
                }
                "software_Sbom" | "Bom" => {
                    document.extend(element.id().map(str::to_owned));
                    draft.header.lifecycles.extend(element.texts("sbomType"));
                    element.texts("rootElement").for_each(|root| draft.root_reference(root));
                }
                "software_Package"
                | "software_File"
                | "software_SoftwareArtifact"
                | "software_Snippet"
                | "ai_AIPackage"
                | "dataset_DatasetPackage" => {
                    let component = graph.component(element, draft);
                    draft.component(component)?;
                }
                _ => element.id().into_iter().for_each(|id| draft.elsewhere(id.to_owned())),
            }
        }
        for element in &elements {
            match element.kind() {
                "Relationship" | "LifecycleScopedRelationship" => graph.relationship(element, draft)?,
                kind if kind.starts_with("security_Vex") => graph.vex(element, draft),
                _ => {}
            }
            draft.is_full(draft.statements.len().max(draft.findings.len()), "statements")?;
        }
        graph.claim_licenses(&elements, draft);
        Ok((version, document))
    }

    /// The version that `@context` names; the elements may not name another line.
    fn version(&self) -> Result<String, SbomError> {
        let contexts: Vec<&str> = match &self.context {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let version = contexts.iter().find_map(|context| {
            context.strip_prefix("https://spdx.org/rdf/")?.strip_suffix("/spdx-context.jsonld")
        });
        match version {
            Some(version) if version.starts_with("3.0") => Ok(version.to_owned()),
            _ => Err(SbomError::Version {
                format: Format::Spdx3,
                found: contexts.join(", ").chars().take(200).collect(),
                expected: VERSIONS_TEXT,
            }),
        }
    }
}

/// An object of the graph.
#[derive(Clone, Copy)]
struct Element<'e>(&'e Map<String, Value>);

/// What the names of fields begin with, by the profile that they are of.
const PROFILES: [&str; 5] = ["", "software_", "simplelicensing_", "expandedlicensing_", "security_"];

impl<'e> Element<'e> {
    /// A field, with its profile's prefix or without: both are written.
    fn field(&self, name: &str) -> Option<&'e Value> {
        PROFILES.iter().find_map(|profile| self.0.get(&format!("{profile}{name}")))
    }

    fn text(&self, name: &str) -> Option<String> {
        self.field(name)?.as_str().map(str::to_owned)
    }

    /// All texts of a field, which may be one text or a list.
    fn texts(&self, name: &str) -> impl Iterator<Item = String> {
        self.items(name).into_iter().filter_map(|item| item.as_str().map(str::to_owned))
    }

    fn items(&self, name: &str) -> Vec<&'e Value> {
        match self.field(name) {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(one) => vec![one],
            None => Vec::new(),
        }
    }

    fn id(&self) -> Option<&'e str> {
        self.0.get("spdxId").or_else(|| self.0.get("@id"))?.as_str()
    }

    fn kind(&self) -> &'e str {
        self.0.get("type").or_else(|| self.0.get("@type")).and_then(Value::as_str).unwrap_or_default()
    }

    /// What the specification asks of the elements that are read.
    fn check(&self) -> Result<(), SbomError> {
        let breach = |problem: &str| {
            let at = self.id().unwrap_or("an element").to_owned();
            Err(SbomError::Spec { at, problem: problem.to_owned() })
        };
        let needs: &[&str] = match self.kind() {
            "" => return breach("`type` is missing"),
            "CreationInfo" => &["specVersion", "created", "createdBy"],
            "Relationship" | "LifecycleScopedRelationship" => {
                &["spdxId", "creationInfo", "from", "to", "relationshipType"]
            }
            "software_Package" | "software_File" => &["spdxId", "creationInfo", "name"],
            "SpdxDocument" | "software_Sbom" => &["spdxId", "creationInfo"],
            _ => &[],
        };
        match needs.iter().find(|name| self.field(name).is_none()) {
            Some(name) => breach(&format!("`{name}` is missing")),
            None => Ok(()),
        }
    }
}

/// What is said of a vulnerability: its names, and the first of them and the others.
#[derive(Clone)]
struct Names {
    all: Arc<[String]>,
    id: Arc<str>,
    aliases: Arc<[String]>,
}

/// The elements by their identifiers, and what many elements refer to, made once.
struct Graph<'e> {
    by_id: HashMap<&'e str, Element<'e>>,
    agents: RefCell<HashMap<&'e str, Option<Arc<Agent>>>>,
    names: RefCell<HashMap<&'e str, Names>>,
    licenses: RefCell<HashMap<&'e str, License>>,
}

impl<'e> Graph<'e> {
    fn new(elements: &[Element<'e>]) -> Self {
        let by_id = elements.iter().filter_map(|element| Some((element.id()?, *element))).collect();
        Self { by_id, agents: RefCell::default(), names: RefCell::default(), licenses: RefCell::default() }
    }

    /// The object that a value is, or refers to.
    fn resolve(&self, value: &'e Value) -> Option<Element<'e>> {
        match value {
            Value::Object(inline) => Some(Element(inline)),
            Value::String(id) => self.by_id.get(id.as_str()).copied(),
            _ => None,
        }
    }

    fn document(&self, element: &Element<'e>, draft: &mut Draft<'_>) {
        draft.header.id = element.id().map(str::to_owned);
        draft.header.name = element.text("name");
        draft.header.data_license = element.text("dataLicense").map(|license| {
            let named = self.by_id.get(license.as_str());
            named.and_then(|one| one.text("licenseExpression")).unwrap_or(license)
        });
        element.texts("rootElement").for_each(|root| draft.root_reference(root));
        for import in element.items("import") {
            if let Some(import) = self.resolve(import) {
                let id = import.text("externalSpdxId").unwrap_or_default();
                let uri = import.text("locationHint").unwrap_or_default();
                draft.header.external_documents.push(ExternalDocument { reference: id, uri, hash: None });
            }
        }
        let Some(info) = element.field("creationInfo").and_then(|info| self.resolve(info)) else { return };
        draft.header.created = draft.time(info.text("created").as_deref(), "creationInfo.created");
        for author in info.items("createdBy") {
            draft.header.authors.extend(self.agent(author).map(|agent| (*agent).clone()));
        }
        for tool in info.items("createdUsing") {
            if let Some(tool) = self.resolve(tool) {
                let name = tool.text("name").unwrap_or_default();
                draft.header.tools.push(Tool { vendor: None, name, version: None });
            }
        }
    }

    fn agent(&self, value: &'e Value) -> Option<Arc<Agent>> {
        let Some(id) = value.as_str() else { return self.new_agent(value).map(Arc::new) };
        if let Some(agent) = self.agents.borrow().get(id) {
            return agent.clone();
        }
        let agent = self.new_agent(value).map(Arc::new);
        self.agents.borrow_mut().insert(id, agent.clone());
        agent
    }

    fn new_agent(&self, value: &'e Value) -> Option<Agent> {
        let element = self.resolve(value)?;
        let kind = match element.kind() {
            "Person" => AgentKind::Person,
            "SoftwareAgent" | "Tool" => AgentKind::Software,
            _ => AgentKind::Organization,
        };
        let mut agent = Agent { kind, name: element.text("name"), ..Agent::default() };
        for (word, identifier) in self.identifiers(&element) {
            match word.as_str() {
                "email" => agent.emails.push(identifier),
                _ if identifier.contains("://") => agent.urls.push(identifier),
                _ => {}
            }
        }
        Some(agent)
    }

    /// The names of a vulnerability.
    fn names(&self, value: &'e Value) -> Option<Names> {
        let id = value.as_str();
        if let Some(names) = id.and_then(|id| self.names.borrow().get(id).cloned()) {
            return Some(names);
        }
        let vulnerability = self.resolve(value)?;
        let mut all: Vec<String> =
            self.identifiers(&vulnerability).into_iter().map(|(_, identifier)| identifier).collect();
        all.extend(vulnerability.text("name").filter(|name| !all.contains(name)));
        let names = Names {
            id: all.first().map(String::as_str).unwrap_or_default().into(),
            aliases: all.iter().skip(1).cloned().collect(),
            all: all.into(),
        };
        if let Some(id) = id {
            self.names.borrow_mut().insert(id, names.clone());
        }
        Some(names)
    }

    /// External identifiers, each as its type and value. The field is written in the singular and in the plural.
    fn identifiers(&self, element: &Element<'e>) -> Vec<(String, String)> {
        let all = element.items("externalIdentifier").into_iter().chain(element.items("externalIdentifiers"));
        all.filter_map(|one| self.resolve(one))
            .filter_map(|one| Some((one.text("externalIdentifierType")?, one.text("identifier")?)))
            .collect()
    }

    fn component(&self, element: &Element<'e>, draft: &mut Draft<'_>) -> Component {
        let at = element.id().unwrap_or_default();
        let kind = match (element.kind(), element.text("primaryPurpose")) {
            ("software_File", _) => ComponentKind::File,
            ("ai_AIPackage", None) => ComponentKind::MachineLearningModel,
            ("dataset_DatasetPackage", None) => ComponentKind::Data,
            (_, Some(purpose)) => ComponentKind::from_name(&purpose),
            (_, None) => ComponentKind::Unstated,
        };
        if let ComponentKind::Other(word) = &kind
            && word != "other"
        {
            draft.odd(DiagnosticKind::UnknownValue(word.clone()), at);
        }
        let mut component = Component {
            reference: element.id().map(str::to_owned),
            kind,
            name: element.text("name").unwrap_or_default(),
            version: element.text("packageVersion"),
            purls: element.texts("packageUrl").collect(),
            copyright: element.text("copyrightText").map(Stated::from_spdx),
            description: element.text("description").or_else(|| element.text("summary")),
            download: element.text("downloadLocation").map(Stated::from_spdx),
            supplier: element.items("suppliedBy").first().and_then(|one| self.agent(one)),
            producer: element.items("originatedBy").first().and_then(|one| self.agent(one)),
            ..Component::default()
        };
        for (word, identifier) in self.identifiers(element) {
            match word.as_str() {
                "packageUrl" | "purl" if component.purls.contains(&identifier) => {}
                "packageUrl" | "purl" => component.purls.push(identifier),
                "cpe22" | "cpe23" => component.cpes.push(identifier),
                "swid" => component.swids.push(identifier),
                "swhid" => component.swhids.push(identifier),
                "gitoid" => component.gitoids.push(identifier),
                _ => component.external_references.push(ExternalReference {
                    kind: word,
                    url: identifier,
                    hashes: Vec::new(),
                }),
            }
        }
        for hash in element.items("verifiedUsing").into_iter().filter_map(|one| self.resolve(one)) {
            if let (Some(algorithm), Some(value)) = (hash.text("algorithm"), hash.text("hashValue")) {
                component.hashes.push(Hash::new(&algorithm, &value));
            }
        }
        for reference in element.items("externalRef").into_iter().filter_map(|one| self.resolve(one)) {
            let kind = reference.text("externalRefType").unwrap_or_default();
            for url in reference.texts("locator") {
                component.external_references.push(ExternalReference {
                    kind: kind.clone(),
                    url,
                    hashes: Vec::new(),
                });
            }
        }
        if let Some(url) = element.text("homePage") {
            let kind = "website".to_owned();
            component.external_references.push(ExternalReference { kind, url, hashes: Vec::new() });
        }
        for purpose in element.texts("additionalPurpose") {
            component.properties.push(("spdx:additionalPurpose".to_owned(), purpose));
        }
        component
    }

    fn relationship(&self, element: &Element<'e>, draft: &mut Draft<'_>) -> Result<(), SbomError> {
        let (Some(from), Some(word)) = (element.text("from"), element.text("relationshipType")) else {
            draft.odd(DiagnosticKind::MissingField("from"), element.id().unwrap_or_default());
            return Ok(());
        };
        let scope = match element.text("scope").as_deref() {
            Some("build") => DependencyScope::Build,
            Some("development") => DependencyScope::Development,
            Some("runtime") => DependencyScope::Runtime,
            Some("test") => DependencyScope::Test,
            _ => DependencyScope::Unstated,
        };
        let (kind, is_inverse) = match word.as_str() {
            "describes" => (RelationshipKind::Describes, false),
            "contains" => (RelationshipKind::Contains, false),
            "dependsOn" => (RelationshipKind::DependsOn(scope), false),
            "hasOptionalDependency" => (RelationshipKind::DependsOn(DependencyScope::Optional), false),
            "hasProvidedDependency" => (RelationshipKind::DependsOn(DependencyScope::Provided), false),
            "generates" => (RelationshipKind::GeneratedFrom, true),
            "hasVariant" => (RelationshipKind::VariantOf, true),
            "patchedBy" => (RelationshipKind::PatchFor, true),
            // Licenses are claims of the component.
            "hasDeclaredLicense" | "hasConcludedLicense" => return Ok(()),
            _ => (RelationshipKind::Other(word.clone()), false),
        };
        if let Some(completeness) = element.text("completeness") {
            let what = match kind {
                RelationshipKind::DependsOn(_) => CompletenessOf::Dependencies,
                RelationshipKind::Contains => CompletenessOf::Assemblies,
                _ => CompletenessOf::Relationships,
            };
            draft.completeness(what, vec![from.clone()], Aggregate::from_name(&completeness));
        }
        for to in element.texts("to") {
            let to = match to.as_str() {
                "NoneElement" | "https://spdx.org/rdf/3.0.1/terms/Core/NoneElement" => "NONE".to_owned(),
                "NoAssertionElement" | "https://spdx.org/rdf/3.0.1/terms/Core/NoAssertionElement" => {
                    "NOASSERTION".to_owned()
                }
                _ => to,
            };
            let (from, to) = if is_inverse { (to, from.clone()) } else { (from.clone(), to) };
            draft.edge(Edge { from, kind: kind.clone(), to, is_inverse })?;
        }
        Ok(())
    }

    /// The licenses stand beside the components, joined by relationships.
    fn claim_licenses(&self, elements: &[Element<'e>], draft: &mut Draft<'_>) {
        for element in elements {
            let role = match element.text("relationshipType").as_deref() {
                Some("hasDeclaredLicense") => LicenseRole::Declared,
                Some("hasConcludedLicense") => LicenseRole::Concluded,
                _ => continue,
            };
            let Some(from) = element.text("from") else { continue };
            for to in element.items("to") {
                let Some(license) = self.license(to, &from, draft) else { continue };
                draft.claim(&from, LicenseClaim { role, license, url: None });
            }
        }
    }

    /// The license that an element is.
    fn license(&self, to: &'e Value, from: &str, draft: &mut Draft<'_>) -> Option<License> {
        if let Some(license) = to.as_str().and_then(|id| self.licenses.borrow().get(id).cloned()) {
            return Some(license);
        }
        let word = to.as_str().and_then(|to| to.rsplit('/').next()).unwrap_or_default();
        let text = match (word, self.resolve(to)) {
            ("NoneLicense" | "NoneElement", _) => "NONE",
            ("NoAssertionLicense" | "NoAssertionElement", _) => "NOASSERTION",
            (_, element) => {
                let element = element?;
                element.field("licenseExpression").or_else(|| element.field("name"))?.as_str()?
            }
        };
        let license = draft.license(text, from);
        if let Some(id) = to.as_str() {
            self.licenses.borrow_mut().insert(id, license.clone());
        }
        Some(license)
    }

    /// A statement of VEX, from a vulnerability to products.
    fn vex(&self, element: &Element<'e>, draft: &mut Draft<'_>) {
        let status = match element.kind() {
            "security_VexAffectedVulnAssessmentRelationship" => VexStatus::Affected,
            "security_VexNotAffectedVulnAssessmentRelationship" => VexStatus::NotAffected,
            "security_VexFixedVulnAssessmentRelationship" => VexStatus::Fixed,
            "security_VexUnderInvestigationVulnAssessmentRelationship" => VexStatus::UnderInvestigation,
            other => VexStatus::Other(other.to_owned()),
        };
        let Some(names) = element.field("from").and_then(|from| self.names(from)) else {
            draft.odd(DiagnosticKind::MissingField("from"), element.id().unwrap_or_default());
            return;
        };
        let mut products = Vec::new();
        for to in element.texts("to") {
            let (component, product) = draft.named(&to);
            if status == VexStatus::Affected {
                let (id, aliases) = (names.id.clone(), names.aliases.clone());
                draft.findings.push(Finding { id, aliases, component, ..Finding::default() });
            }
            products.push(product);
        }
        draft.statements.push(VexStatement {
            vulnerability: names.all,
            products,
            status,
            justification: element.text("justificationType").map(Arc::from),
            impact: element.text("impactStatement").map(Arc::from),
            action: element.text("actionStatement").map(Arc::from),
            timestamp: element.text("publishedTime").as_deref().and_then(draft::time),
        });
    }
}
