//! [CycloneDX](https://cyclonedx.org/docs/1.7/json/): its objects, and what they mean in the model.
//!
//! | file | holds |
//! |---|---|
//! | `schema` | what the specification allows |
//! | `vulnerability` | vulnerabilities, and what is said about them |
//! | `xml` | the XML form, as the JSON that it corresponds to |
//!
//! `pedigree`, `formulation`, `declarations`, `modelCard` and `cryptoProperties` are not read: they are about where a
//! part comes from, not about what is in the software.

pub(crate) mod schema;
mod vulnerability;
mod xml;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use trust_core::internal::json::{JsonError, Objects};

use crate::lenient::{OneOrMany, nullable};
use crate::model::component::{
    Agent, AgentKind, Component, ComponentKind, ExternalReference, Hash, Scope, Stated, Tool,
};
use crate::model::diagnostic::DiagnosticKind;
use crate::model::license::{LicenseClaim, LicenseRole};
use crate::model::relationship::{Aggregate, CompletenessOf, DependencyScope, RelationshipKind};
use crate::model::sbom::Format;
use crate::read::draft::{Draft, Edge};
use crate::read::error::SbomError;
use crate::read::stream::JsonStream;

use vulnerability::Vulnerability;

pub(crate) const VERSIONS_TEXT: &str = "1.0 to 1.7";

/// The minor version of `1.x`, if it is one that is read.
fn minor(version: &str) -> Option<u8> {
    version.strip_prefix("1.")?.parse().ok().filter(|minor| *minor <= 7)
}

/// A document while it is read: what must wait until all components are known.
#[derive(Default)]
pub(crate) struct CycloneDx {
    /// `bomFormat`.
    pub(crate) marker: Option<String>,
    pub(crate) version: Option<String>,
    vulnerabilities: Vec<Vulnerability>,
}

impl CycloneDx {
    /// Reads the value of a key of the document; false if the key is none of CycloneDX's.
    pub(crate) fn read_key(
        &mut self,
        key: &str,
        json: &mut JsonStream<'_>,
        draft: &mut Draft<'_>,
    ) -> Result<bool, SbomError> {
        match key {
            "bomFormat" => self.marker = Some(json.value()?),
            "specVersion" => self.version = Some(json.value()?),
            "serialNumber" => draft.header.id = json.value()?,
            "version" => draft.header.edition = json.value::<Option<u64>>()?,
            "metadata" => json.value::<Option<_>>()?.map_or(Ok(()), |one| self.metadata(one, draft))?,
            "components" => json.each(|one| self.component(one, draft))?,
            "services" => json.each(|one| {
                self.service(one, draft);
                Ok(())
            })?,
            "dependencies" => json.each(|one| self.dependency(one, draft))?,
            "compositions" => json.each(|one| {
                self.composition(one, draft);
                Ok(())
            })?,
            "vulnerabilities" => json.each(|one| self.vulnerability(one, draft))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The version, once everything is read.
    pub(crate) fn finish(mut self, draft: &mut Draft<'_>) -> Result<String, SbomError> {
        let version = self.version.take().unwrap_or_default();
        if minor(&version).is_none() || self.marker.as_deref() != Some("CycloneDX") {
            let found = match self.marker.as_deref() {
                None | Some("CycloneDX") => version,
                Some(other) => format!("{other} {version}"),
            };
            return Err(SbomError::Version { format: Format::CycloneDx, found, expected: VERSIONS_TEXT });
        }
        for vulnerability in self.vulnerabilities {
            vulnerability.into_model(draft);
            draft.is_full(draft.findings.len(), "findings")?;
        }
        Ok(version)
    }

    fn metadata(&mut self, metadata: Metadata, draft: &mut Draft<'_>) -> Result<(), SbomError> {
        draft.header.created = draft.time(metadata.timestamp.as_deref(), "metadata.timestamp");
        let lifecycles = metadata.lifecycles.into_iter();
        draft.header.lifecycles = lifecycles.filter_map(|one| one.phase.or(one.name)).collect();
        match metadata.tools {
            Some(Tools::List(tools)) => {
                draft.header.tools = tools.into_iter().map(|Objects(tool)| Tool::from(tool)).collect()
            }
            Some(Tools::Parts { components, services }) => {
                let tools = components.into_iter().chain(services);
                draft.header.tools = tools.map(|Objects(tool)| Tool::from(tool)).collect();
            }
            None => {}
        }
        draft.header.authors = metadata.authors.into_iter().map(Agent::from).collect();
        draft.header.supplier = metadata.supplier.map(Agent::from);
        draft.header.producer = metadata.manufacturer.or(metadata.manufacture).map(Agent::from);
        draft.header.data_license =
            metadata.licenses.into_vec().into_iter().find_map(LicenseChoice::into_text);
        if let Some(component) = metadata.component {
            if let Some(name) = &component.name {
                draft.header.name = Some(name.clone());
            }
            let root = self.part(component, None, draft)?;
            draft.root(root);
        }
        Ok(())
    }

    fn component(&mut self, wire: WireComponent, draft: &mut Draft<'_>) -> Result<(), SbomError> {
        self.part(wire, None, draft).map(|_| ())
    }

    /// A component, then those that it holds, to whatever depth was read.
    fn part(
        &mut self,
        mut wire: WireComponent,
        holder: Option<&str>,
        draft: &mut Draft<'_>,
    ) -> Result<crate::model::component::ComponentId, SbomError> {
        let inner = core::mem::take(&mut wire.components);
        let mut component = wire.into_model(draft);
        // Holding is a relationship, which needs references; a reference with a NUL is no document's own.
        if component.reference.is_none() && (holder.is_some() || !inner.is_empty()) {
            component.reference = Some(draft.new_reference());
        }
        let reference = component.reference.clone();
        let id = draft.component(component)?;
        if let (Some(holder), Some(held)) = (holder, &reference) {
            draft.edge(Edge {
                from: holder.to_owned(),
                kind: RelationshipKind::Contains,
                to: held.clone(),
                is_inverse: false,
            })?;
        }
        for one in inner {
            self.part(one, reference.as_deref(), draft)?;
        }
        Ok(id)
    }

    fn service(&mut self, service: Service, draft: &mut Draft<'_>) {
        if let Some(reference) = service.reference {
            draft.elsewhere(reference);
        }
        for one in service.services {
            self.service(one, draft);
        }
    }

    fn dependency(&mut self, dependency: Dependency, draft: &mut Draft<'_>) -> Result<(), SbomError> {
        let needs =
            dependency.depends_on.map(|to| (to, RelationshipKind::DependsOn(DependencyScope::Unstated)));
        let provides = dependency.provides.map(|to| (to, RelationshipKind::Provides));
        for (all, kind) in needs.into_iter().chain(provides) {
            for to in all {
                draft.edge(Edge {
                    from: dependency.reference.clone(),
                    kind: kind.clone(),
                    to,
                    is_inverse: false,
                })?;
            }
        }
        Ok(())
    }

    fn composition(&mut self, composition: Composition, draft: &mut Draft<'_>) {
        let of = [
            (CompletenessOf::Assemblies, composition.assemblies),
            (CompletenessOf::Dependencies, composition.dependencies),
            (CompletenessOf::Vulnerabilities, composition.vulnerabilities),
        ];
        let aggregate = Aggregate::from_name(&composition.aggregate);
        let says_of_parts = of.iter().any(|(_, parts)| parts.is_some());
        for (what, parts) in of {
            if let Some(parts) = parts {
                draft.completeness(what, parts, aggregate.clone());
            } else if !says_of_parts && what != CompletenessOf::Vulnerabilities {
                draft.completeness(what, Vec::new(), aggregate.clone());
            }
        }
    }

    fn vulnerability(&mut self, wire: Vulnerability, draft: &Draft<'_>) -> Result<(), SbomError> {
        self.vulnerabilities.push(wire);
        draft.is_full(self.vulnerabilities.len(), "vulnerabilities")
    }
}

/// Whether a document keeps to its version of the specification.
pub(crate) fn check(document: &Value) -> Result<(), SbomError> {
    schema::check(document, stated_minor(document.get("specVersion"))?)
}

/// Likewise, of a JSON document without repeated keys; of another format it is not checked.
pub(crate) fn check_text(text: &str) -> Result<(), SbomError> {
    let members: schema::Members<'_> = serde_json::from_str(text).map_err(JsonError::from)?;
    if !members.contains_key("bomFormat") {
        return Ok(());
    }
    let version = members.get("specVersion").map(|text| serde_json::from_str::<Value>(text.get()));
    schema::check_members(&members, stated_minor(version.transpose().map_err(JsonError::from)?.as_ref())?)
}

fn stated_minor(version: Option<&Value>) -> Result<u8, SbomError> {
    let version = version.and_then(Value::as_str).unwrap_or_default();
    minor(version).ok_or_else(|| SbomError::Version {
        format: Format::CycloneDx,
        found: version.to_owned(),
        expected: VERSIONS_TEXT,
    })
}

#[derive(Deserialize)]
struct Metadata {
    timestamp: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    lifecycles: Vec<Lifecycle>,
    tools: Option<Tools>,
    #[serde(default, deserialize_with = "nullable")]
    authors: Vec<Contact>,
    component: Option<WireComponent>,
    manufacture: Option<Organization>,
    manufacturer: Option<Organization>,
    supplier: Option<Organization>,
    #[serde(default, deserialize_with = "nullable")]
    licenses: OneOrMany<LicenseChoice>,
}

#[derive(Deserialize)]
struct Lifecycle {
    phase: Option<String>,
    name: Option<String>,
}

/// A list until 1.4, parts of their own since 1.5, and both in the wild.
#[derive(Deserialize)]
#[serde(untagged)]
enum Tools {
    List(Vec<Objects<WireTool>>),
    Parts {
        #[serde(default, deserialize_with = "nullable")]
        components: Vec<Objects<WireTool>>,
        #[serde(default, deserialize_with = "nullable")]
        services: Vec<Objects<WireTool>>,
    },
}

#[derive(Deserialize)]
struct WireTool {
    vendor: Option<String>,
    group: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    version: Option<String>,
}

impl From<WireTool> for Tool {
    fn from(wire: WireTool) -> Self {
        Self { vendor: wire.vendor.or(wire.group), name: wire.name, version: wire.version }
    }
}

#[derive(Deserialize)]
struct Contact {
    name: Option<String>,
    email: Option<String>,
}

impl From<Contact> for Agent {
    fn from(wire: Contact) -> Self {
        Self {
            kind: AgentKind::Person,
            name: wire.name,
            emails: wire.email.into_iter().collect(),
            urls: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
struct Organization {
    name: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    url: OneOrMany<String>,
    #[serde(default, deserialize_with = "nullable")]
    contact: OneOrMany<Contact>,
}

impl From<Organization> for Agent {
    fn from(wire: Organization) -> Self {
        Self {
            kind: AgentKind::Organization,
            name: wire.name,
            emails: wire.contact.into_vec().into_iter().filter_map(|one| one.email).collect(),
            urls: wire.url.into_vec(),
        }
    }
}

#[derive(Deserialize)]
struct WireComponent {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    supplier: Option<Organization>,
    manufacturer: Option<Organization>,
    #[serde(default, deserialize_with = "nullable")]
    authors: Vec<Contact>,
    author: Option<String>,
    publisher: Option<String>,
    group: Option<String>,
    name: Option<String>,
    version: Option<String>,
    #[serde(rename = "versionRange")]
    version_range: Option<String>,
    #[serde(rename = "isExternal", default, deserialize_with = "nullable")]
    is_external: bool,
    description: Option<String>,
    scope: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    hashes: Vec<WireHash>,
    #[serde(default, deserialize_with = "nullable")]
    licenses: OneOrMany<LicenseChoice>,
    copyright: Option<String>,
    cpe: Option<String>,
    purl: Option<String>,
    #[serde(rename = "omniborId", default, deserialize_with = "nullable")]
    omnibor_id: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    swhid: Vec<String>,
    swid: Option<Swid>,
    #[serde(rename = "externalReferences", default, deserialize_with = "nullable")]
    external_references: Vec<WireExternalReference>,
    #[serde(default, deserialize_with = "nullable")]
    components: Vec<WireComponent>,
    evidence: Option<Evidence>,
    #[serde(default, deserialize_with = "nullable")]
    properties: Vec<Property>,
}

impl WireComponent {
    fn into_model(self, draft: &mut Draft<'_>) -> Component {
        let at = || self.reference.clone().or_else(|| self.name.clone()).unwrap_or_default();
        let kind = self.kind.as_deref().map_or(ComponentKind::Unstated, ComponentKind::from_name);
        if let ComponentKind::Other(word) = &kind {
            draft.odd(DiagnosticKind::UnknownValue(word.clone()), at());
        }
        let mut licenses = Vec::new();
        for choice in self.licenses.into_vec() {
            licenses.extend(choice.into_claim(draft, self.name.as_deref().unwrap_or_default()));
        }
        for choice in self.evidence.map(|evidence| evidence.licenses.into_vec()).unwrap_or_default() {
            let claim = choice.into_claim(draft, self.name.as_deref().unwrap_or_default());
            licenses.extend(claim.map(|claim| LicenseClaim { role: LicenseRole::Observed, ..claim }));
        }
        let author =
            self.author.map(|name| Agent { kind: AgentKind::Person, name: Some(name), ..Agent::default() });
        Component {
            reference: self.reference,
            kind,
            group: self.group.filter(|group| !group.is_empty()),
            name: self.name.unwrap_or_default(),
            version: self.version,
            version_range: self.version_range,
            is_external: self.is_external,
            purls: self.purl.into_iter().collect(),
            cpes: self.cpe.into_iter().collect(),
            swids: self.swid.and_then(|swid| swid.tag_id).into_iter().collect(),
            swhids: self.swhid,
            gitoids: self.omnibor_id,
            hashes: self.hashes.into_iter().map(Hash::from).collect(),
            supplier: self.supplier.map(|agent| Arc::new(agent.into())),
            producer: self.manufacturer.map(|agent| Arc::new(agent.into())),
            authors: self.authors.into_iter().map(Agent::from).chain(author).map(Arc::new).collect(),
            publisher: self.publisher,
            copyright: self.copyright.map(Stated::from_spdx),
            description: self.description,
            scope: self.scope.map(|scope| match scope.as_str() {
                "required" => Scope::Required,
                "optional" => Scope::Optional,
                "excluded" => Scope::Excluded,
                _ => Scope::Other(scope),
            }),
            licenses,
            external_references: self.external_references.into_iter().map(ExternalReference::from).collect(),
            properties: self.properties.into_iter().map(|one| (one.name, one.value)).collect(),
            ..Component::default()
        }
    }
}

#[derive(Deserialize)]
struct Evidence {
    #[serde(default, deserialize_with = "nullable")]
    licenses: OneOrMany<LicenseChoice>,
}

#[derive(Deserialize)]
struct Swid {
    #[serde(rename = "tagId")]
    tag_id: Option<String>,
}

#[derive(Deserialize)]
struct WireHash {
    alg: String,
    #[serde(default, deserialize_with = "nullable")]
    content: String,
}

impl From<WireHash> for Hash {
    fn from(wire: WireHash) -> Self {
        Self::new(&wire.alg, &wire.content)
    }
}

#[derive(Deserialize)]
struct WireExternalReference {
    #[serde(rename = "type", default, deserialize_with = "nullable")]
    kind: String,
    #[serde(default, deserialize_with = "nullable")]
    url: String,
    #[serde(default, deserialize_with = "nullable")]
    hashes: Vec<WireHash>,
}

impl From<WireExternalReference> for ExternalReference {
    fn from(wire: WireExternalReference) -> Self {
        Self { kind: wire.kind, url: wire.url, hashes: wire.hashes.into_iter().map(Hash::from).collect() }
    }
}

#[derive(Deserialize)]
struct Property {
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    value: String,
}

/// A license, or an expression over licenses.
#[derive(Deserialize)]
struct LicenseChoice {
    license: Option<WireLicense>,
    expression: Option<String>,
    acknowledgement: Option<String>,
}

#[derive(Deserialize)]
struct WireLicense {
    id: Option<String>,
    name: Option<String>,
    url: Option<String>,
    acknowledgement: Option<String>,
}

impl LicenseChoice {
    fn into_claim(self, draft: &mut Draft<'_>, at: &str) -> Option<LicenseClaim> {
        let mut acknowledgement = self.acknowledgement;
        let (text, url) = match (self.expression, self.license) {
            (Some(expression), _) => (expression, None),
            (None, Some(license)) => {
                acknowledgement = acknowledgement.or(license.acknowledgement);
                (license.id.or(license.name)?, license.url)
            }
            (None, None) => return None,
        };
        let role = match acknowledgement.as_deref() {
            Some("declared") => LicenseRole::Declared,
            Some("concluded") => LicenseRole::Concluded,
            _ => LicenseRole::Unstated,
        };
        Some(LicenseClaim { role, license: draft.license(&text, at), url })
    }

    fn into_text(self) -> Option<String> {
        self.expression.or_else(|| self.license.and_then(|license| license.id.or(license.name)))
    }
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "bom-ref")]
    reference: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    services: Vec<Service>,
}

#[derive(Deserialize)]
struct Dependency {
    #[serde(rename = "ref", default, deserialize_with = "nullable")]
    reference: String,
    #[serde(rename = "dependsOn")]
    depends_on: Option<Vec<String>>,
    provides: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Composition {
    #[serde(default, deserialize_with = "nullable")]
    aggregate: String,
    assemblies: Option<Vec<String>>,
    dependencies: Option<Vec<String>>,
    vulnerabilities: Option<Vec<String>>,
}
