//! The model as [CycloneDX 1.6](https://cyclonedx.org/docs/1.6/json/) in JSON.

use std::collections::{BTreeMap, HashSet};

use crate::model::component::{Agent, ComponentId, ComponentKind, Hash, Scope, Stated};
use crate::model::finding::{Finding, FixState, Rating, Severity};
use crate::model::license::{License, LicenseClaim, LicenseRole};
use crate::model::relationship::{CompletenessOf, Node, RelationshipKind};
use crate::model::sbom::Sbom;
use crate::model::vex_statement::{VexStatement, VexStatus};
use crate::read::cyclonedx::schema::{self, tables};
use crate::write::{Json, Object, Written};

/// The stages that have a name of their own.
const PHASES: [&str; 7] =
    ["design", "pre-build", "build", "post-build", "operations", "discovery", "decommission"];

pub(crate) fn write(sbom: &Sbom) -> Written {
    let root = sbom.roots().first().copied();
    let mut writer = Writer { sbom, held: Held::of(sbom, root), order: Vec::new(), references: Vec::new() };
    writer.name_components();
    let metadata = writer.metadata(root);
    let top: Vec<ComponentId> =
        sbom.ids().map(|(id, _)| id).filter(|id| !writer.held.is_held(*id) && Some(*id) != root).collect();
    let components: Vec<Json> = top.into_iter().map(|id| writer.component(id)).collect();
    let header = sbom.header();
    let serial = header.id.as_ref().filter(|id| schema::is_serial_number(id));
    let document = Object::default()
        .text("bomFormat", Some("CycloneDX"))
        .text("specVersion", Some("1.6"))
        .text("serialNumber", serial)
        .value("version", header.edition.map(Json::from))
        .value("metadata", Some(metadata))
        .list("components", components)
        .list("dependencies", writer.dependencies())
        .list("compositions", writer.compositions())
        .list("vulnerabilities", writer.vulnerabilities());
    Written::new(sbom, document.into_json(), &writer.order)
}

/// Which component holds which: only what is held once, by one that does not hold it in turn, can be nested. The root
/// has a place of its own.
struct Held {
    parts: Vec<Vec<ComponentId>>,
    is_held: Vec<bool>,
}

impl Held {
    fn of(sbom: &Sbom, root: Option<ComponentId>) -> Self {
        let count = sbom.components().len();
        let mut holder: Vec<Option<ComponentId>> = vec![None; count];
        for one in sbom.relationships() {
            if let (Node::Component(from), RelationshipKind::Contains, Node::Component(to)) =
                (&one.from, &one.kind, &one.to)
                && from != to
                && Some(*to) != root
                && let Some(place @ None) = holder.get_mut(to.index())
            {
                *place = Some(*from);
            }
        }
        let mut held = Self { parts: vec![Vec::new(); count], is_held: vec![false; count] };
        for (id, _) in sbom.ids() {
            let Some(Some(from)) = holder.get(id.index()) else { continue };
            // Up to the top: a circle is written flat, and so is what nests too deep.
            let (mut at, mut depth) = (*from, 0);
            while let Some(Some(next)) = holder.get(at.index()) {
                at = *next;
                depth += 1;
                if depth > MAX_DEPTH {
                    break;
                }
            }
            if depth <= MAX_DEPTH {
                held.parts.get_mut(from.index()).into_iter().for_each(|parts| parts.push(id));
                held.is_held.get_mut(id.index()).into_iter().for_each(|is_held| *is_held = true);
            }
        }
        held
    }

    fn is_held(&self, id: ComponentId) -> bool {
        self.is_held.get(id.index()).copied().unwrap_or_default()
    }
}

/// Readers take some 60 components in one another.
const MAX_DEPTH: usize = 32;

struct Writer<'a> {
    sbom: &'a Sbom,
    held: Held,
    /// The components that are written, each before its parts.
    order: Vec<ComponentId>,
    /// The reference of each component, and whether something refers to it.
    references: Vec<(String, bool)>,
}

impl Writer<'_> {
    /// Every component that is referred to needs a reference of its own, and so do those that are alike: a list of
    /// components has each once.
    fn name_components(&mut self) {
        let mut used: HashSet<ComponentId> = HashSet::new();
        for one in self.sbom.relationships().iter().filter(|one| one.kind != RelationshipKind::Contains) {
            for node in [&one.from, &one.to] {
                if let Node::Component(id) = node {
                    used.insert(*id);
                }
            }
        }
        let (mut taken, mut alike) = (HashSet::new(), HashSet::new());
        for (id, component) in self.sbom.ids() {
            let own = component.reference.clone().filter(|reference| taken.insert(reference.clone()));
            let is_first = alike.insert((&component.name, &component.version, component.purls.first()));
            let is_used = own.is_some() || used.contains(&id) || !is_first;
            let mut reference = own.unwrap_or_else(|| format!("component-{}", id.index()));
            if is_used && component.reference.as_ref() != Some(&reference) {
                while !taken.insert(reference.clone()) {
                    reference.push('+');
                }
            }
            self.references.push((reference, is_used));
        }
    }

    fn reference(&self, id: ComponentId) -> String {
        self.references.get(id.index()).map(|(reference, _)| reference.clone()).unwrap_or_default()
    }

    fn metadata(&mut self, root: Option<ComponentId>) -> Json {
        let header = self.sbom.header();
        let lifecycles = header.lifecycles.iter().map(|stage| {
            let name = if PHASES.contains(&stage.as_str()) { "phase" } else { "name" };
            Object::default().text(name, Some(stage)).into_value()
        });
        let tools = header.tools.iter().map(|tool| {
            Object::default()
                .text("type", Some("application"))
                .text("group", tool.vendor.as_ref())
                .text("name", Some(&tool.name))
                .text("version", tool.version.as_ref())
                .into_value()
        });
        let tools = unique(tools.collect());
        let tools = (!tools.is_empty()).then(|| Object::default().list("components", tools).into_value());
        let root = root.map(|root| self.component(root));
        Object::default()
            .text("timestamp", header.created.map(|time| time.to_string()).as_ref())
            .list("lifecycles", lifecycles.collect())
            .value("tools", tools)
            .list("authors", header.authors.iter().map(contact).collect())
            .value("component", root)
            .value("manufacturer", header.producer.as_ref().map(organization))
            .value("supplier", header.supplier.as_ref().map(organization))
            .list(
                "licenses",
                header
                    .data_license
                    .iter()
                    .filter_map(|text| license(&License::from_text(text), None, None))
                    .collect(),
            )
            .into_value()
    }

    fn component(&mut self, id: ComponentId) -> Json {
        self.order.push(id);
        let parts = self.held.parts.get(id.index()).cloned().unwrap_or_default();
        let parts: Vec<Json> = parts.into_iter().map(|part| self.component(part)).collect();
        let Some(component) = self.sbom.component(id) else { return Json::from(()) };
        let reference = self.references.get(id.index()).filter(|(_, is_used)| *is_used);
        let copyright = match &component.copyright {
            Some(Stated::Value(text)) => Some(text.as_str()),
            Some(Stated::None) => Some("NONE"),
            Some(Stated::NoAssertion) => Some("NOASSERTION"),
            None => None,
        };
        let swid = component.swids.first().map(|tag| {
            Object::default().text("tagId", Some(tag)).text("name", Some(&component.name)).into_value()
        });
        let is_observed = |claim: &&LicenseClaim| claim.role == LicenseRole::Observed;
        let (observed, claimed): (Vec<_>, Vec<_>) = component.licenses.iter().partition(is_observed);
        let observed = licenses(&observed);
        let evidence =
            (!observed.is_empty()).then(|| Object::default().list("licenses", observed).into_value());
        let mut references: Vec<Json> = component
            .external_references
            .iter()
            .map(|one| {
                Object::default()
                    .text("type", Some(reference_type(&one.kind)))
                    .text("url", Some(&one.url))
                    .list("hashes", hashes(&one.hashes))
                    .into_value()
            })
            .collect();
        if let Some(Stated::Value(url)) = &component.download {
            references.push(
                Object::default().text("type", Some("distribution")).text("url", Some(url)).into_value(),
            );
        }
        let properties = component.properties.iter().map(|(name, value)| {
            Object::default().text("name", Some(name)).text("value", Some(value)).into_value()
        });
        Object::default()
            .text("type", Some(component_type(&component.kind)))
            .text("bom-ref", reference.map(|(reference, _)| reference))
            .value("supplier", component.supplier.as_deref().map(organization))
            .value("manufacturer", component.producer.as_deref().map(organization))
            .list("authors", component.authors.iter().map(|agent| contact(agent)).collect())
            .text("publisher", component.publisher.as_ref())
            .text("group", component.group.as_ref())
            .text("name", Some(&component.name))
            .text("version", component.version.as_ref())
            .text("description", component.description.as_ref())
            .text("scope", component.scope.as_ref().and_then(scope))
            .list("hashes", hashes(&component.hashes))
            .list("licenses", licenses(&claimed))
            .text("copyright", copyright)
            .text("cpe", component.cpes.first())
            .text("purl", component.purls.first())
            .list("omniborId", component.gitoids.iter().cloned().map(Json::from).collect())
            .list("swhid", component.swhids.iter().cloned().map(Json::from).collect())
            .value("swid", swid)
            .list("externalReferences", references)
            .list("components", parts)
            .value("evidence", evidence)
            .list("properties", properties.collect())
            .into_value()
    }

    fn dependencies(&self) -> Vec<Json> {
        let mut order: Vec<String> = Vec::new();
        let mut of: BTreeMap<String, [Vec<Json>; 2]> = BTreeMap::new();
        let name = |node: &Node| match node {
            Node::Component(id) => Some(self.reference(*id)),
            Node::Elsewhere(reference) => Some(reference.clone()),
            Node::Document | Node::None | Node::NoAssertion => None,
        };
        for one in self.sbom.relationships() {
            let which = match &one.kind {
                RelationshipKind::DependsOn(_) => 0,
                RelationshipKind::Provides => 1,
                _ => continue,
            };
            let (Some(from), Some(to)) = (name(&one.from), name(&one.to)) else { continue };
            let entry = of.entry(from.clone()).or_insert_with(|| {
                order.push(from);
                Default::default()
            });
            entry.get_mut(which).into_iter().for_each(|list| list.push(Json::from(to.clone())));
        }
        let mut written = Vec::new();
        for from in order {
            let [needs, provides] = of.remove(&from).unwrap_or_default();
            written.push(
                Object::default()
                    .text("ref", Some(&from))
                    .list("dependsOn", unique(needs))
                    .list("provides", unique(provides))
                    .into_value(),
            );
        }
        written
    }

    fn compositions(&self) -> Vec<Json> {
        let name = |node: &Node| match node {
            Node::Component(id) => Some(Json::from(self.reference(*id))),
            Node::Elsewhere(reference) => Some(Json::from(reference.clone())),
            _ => None,
        };
        let written = self.sbom.completeness().iter().filter_map(|one| {
            let field = match one.what {
                CompletenessOf::Assemblies => "assemblies",
                CompletenessOf::Dependencies | CompletenessOf::Relationships => "dependencies",
                CompletenessOf::Vulnerabilities => "vulnerabilities",
            };
            // Without parts it is about the whole, which is read as both of its lists.
            if one.of.is_empty() && one.what == CompletenessOf::Dependencies {
                return None;
            }
            Some(
                Object::default()
                    .text("aggregate", Some(one.aggregate.name()))
                    .list(field, unique(one.of.iter().filter_map(name).collect()))
                    .into_value(),
            )
        });
        unique(written.collect())
    }

    /// Findings of one vulnerability stand together, with what is said about them.
    fn vulnerabilities(&self) -> Vec<Json> {
        let same = |one: &Finding, other: &Finding| {
            one.id == other.id
                && one.aliases == other.aliases
                && one.ratings == other.ratings
                && one.urls == other.urls
        };
        let mut said: Vec<&VexStatement> = self.sbom.statements().iter().collect();
        let mut written = Vec::new();
        for group in self.sbom.findings().chunk_by(same) {
            let Some(first) = group.first() else { continue };
            let about: Vec<&str> =
                group.iter().filter_map(|one| one.component.reference.as_deref()).collect();
            let is_about = |statement: &&VexStatement| {
                let products = statement.products.iter().filter_map(|one| one.identifiers.first());
                statement.vulnerability.first().is_some_and(|id| **id == *first.id)
                    && products.map(String::as_str).eq(about.iter().copied())
            };
            let statement = said.iter().position(is_about).map(|place| said.remove(place));
            let affects = group.iter().filter_map(affects);
            let mut urls = first.urls.iter();
            let source = urls.next().map(|url| Object::default().text("url", Some(url)).into_value());
            let other_names = first.aliases.iter().map(|alias| {
                let source = Object::default().text("url", Some("")).into_value();
                Object::default().text("id", Some(alias)).value("source", Some(source)).into_value()
            });
            written.push(
                Object::default()
                    .text("id", Some(&first.id))
                    .value("source", source)
                    .list("references", other_names.collect())
                    .list("ratings", first.ratings.iter().map(rating).collect())
                    .list("cwes", first.cwes.iter().copied().map(Json::from).collect())
                    .list(
                        "advisories",
                        urls.map(|url| Object::default().text("url", Some(url)).into_value()).collect(),
                    )
                    .text("published", first.published.map(|time| time.to_string()).as_ref())
                    .text("updated", first.modified.map(|time| time.to_string()).as_ref())
                    .value("analysis", statement.map(analysis))
                    .list("affects", unique(affects.collect()))
                    .into_value(),
            );
        }
        unique(written)
    }
}

/// Each item once.
fn unique(items: Vec<Json>) -> Vec<Json> {
    let mut seen = HashSet::new();
    items.into_iter().filter(|item| seen.insert(serde_json::to_string(item).unwrap_or_default())).collect()
}

fn affects(finding: &Finding) -> Option<Json> {
    let reference = finding.component.reference.as_ref()?;
    let fixed = match &finding.fix {
        FixState::Available(versions) => versions.as_slice(),
        _ => &[],
    };
    let versions = fixed.iter().map(|version| {
        Object::default().text("version", Some(version)).text("status", Some("unaffected")).into_value()
    });
    Some(Object::default().text("ref", Some(reference)).list("versions", versions.collect()).into_value())
}

fn analysis(statement: &VexStatement) -> Json {
    let state = match &statement.status {
        VexStatus::NotAffected => "not_affected",
        VexStatus::Fixed => "resolved",
        VexStatus::Affected => "exploitable",
        VexStatus::UnderInvestigation => "in_triage",
        VexStatus::Other(word) => word,
    };
    let responses = statement.action.iter().flat_map(|action| action.split(", "));
    let responses = responses.filter_map(|word| known(tables::VULNERABILITY_ANALYSIS_RESPONSE, word));
    let justification = statement.justification.as_deref();
    Object::default()
        .text("state", known(tables::IMPACT_ANALYSIS_STATE, state))
        .text(
            "justification",
            justification.and_then(|word| known(tables::IMPACT_ANALYSIS_JUSTIFICATION, word)),
        )
        .list("response", responses.map(Json::from).collect())
        .text("detail", statement.impact.as_ref())
        .text("lastUpdated", statement.timestamp.map(|time| time.to_string()).as_ref())
        .into_value()
}

fn rating(rating: &Rating) -> Json {
    let severity = match rating.severity {
        Severity::Negligible => "info",
        severity => severity.name(),
    };
    let source =
        rating.source.as_ref().map(|source| Object::default().text("name", Some(source)).into_value());
    Object::default()
        .value("source", source)
        .value("score", rating.score.or_else(|| other_score(rating)).map(Json::from))
        .text("severity", Some(severity))
        .text(
            "method",
            rating.method.as_deref().map(|word| known(tables::SCORE_METHOD, word).unwrap_or("other")),
        )
        .text("vector", rating.vector.as_ref())
        .into_value()
}

/// A score on another scale, which is a number too; a word has no place.
fn other_score(rating: &Rating) -> Option<f64> {
    rating.other_score.as_ref()?.parse().ok().filter(|score: &f64| score.is_finite())
}

/// The words that CycloneDX has not are the nearest ones that it has.
fn component_type(kind: &ComponentKind) -> &str {
    match kind {
        ComponentKind::Unstated | ComponentKind::Other(_) => "library",
        ComponentKind::Source | ComponentKind::Archive | ComponentKind::Install => "file",
        kind => kind.name(),
    }
}

fn scope(scope: &Scope) -> Option<&'static str> {
    match scope {
        Scope::Required => Some("required"),
        Scope::Optional => Some("optional"),
        Scope::Excluded => Some("excluded"),
        Scope::Other(_) => None,
    }
}

/// SPDX's categories have no counterpart.
fn reference_type(kind: &str) -> &str {
    known(tables::EXTERNAL_REFERENCE_TYPE, kind).unwrap_or("other")
}

/// The word, if 1.6 has it.
fn known(words: schema::Values, word: &str) -> Option<&str> {
    schema::is_value(words, 6, word).then_some(word)
}

fn hashes(hashes: &[Hash]) -> Vec<Json> {
    let known = hashes.iter().filter(|hash| schema::is_hash(&hash.value));
    let known = known.filter_map(|hash| Some((hash.cyclonedx_name()?, &hash.value)));
    known
        .map(|(name, value)| {
            Object::default().text("alg", Some(name)).text("content", Some(value)).into_value()
        })
        .collect()
}

fn contact(agent: &Agent) -> Json {
    Object::default().text("name", agent.name.as_ref()).text("email", agent.emails.first()).into_value()
}

fn organization(agent: &Agent) -> Json {
    let contacts = agent.emails.iter().map(|email| Object::default().text("email", Some(email)).into_value());
    Object::default()
        .text("name", agent.name.as_ref())
        .list("url", agent.urls.iter().cloned().map(Json::from).collect())
        .list("contact", contacts.collect())
        .into_value()
}

/// An expression is written as one only where it is alone: beside others, 1.6 has no place for it but a name.
fn licenses(claims: &[&LicenseClaim]) -> Vec<Json> {
    let claims: Vec<_> = claims.iter().filter(|claim| claim.license != License::NoAssertion).collect();
    claims
        .iter()
        .filter_map(|claim| match &claim.license {
            License::Expression(text) if claims.len() > 1 && spdx::license_id(text).is_none() => {
                license(&License::Name(text.clone()), Some(claim.role), claim.url.as_ref())
            }
            own => license(own, Some(claim.role), claim.url.as_ref()),
        })
        .collect()
}

fn license(license: &License, role: Option<LicenseRole>, url: Option<&String>) -> Option<Json> {
    let acknowledgement = match role {
        Some(LicenseRole::Declared) => Some("declared"),
        Some(LicenseRole::Concluded) => Some("concluded"),
        _ => None,
    };
    let (field, text) = match license {
        License::Expression(text) if spdx::license_id(text).is_some() => ("id", &**text),
        License::Expression(text) => {
            return Some(
                Object::default()
                    .text("expression", Some(text))
                    .text("acknowledgement", acknowledgement)
                    .into_value(),
            );
        }
        License::Name(text) => ("name", &**text),
        License::None => ("name", "NONE"),
        // Not to say anything is how CycloneDX says this.
        License::NoAssertion => return None,
    };
    let license = Object::default()
        .text(field, Some(text))
        .text("acknowledgement", acknowledgement)
        .text("url", url)
        .into_value();
    Some(Object::default().value("license", Some(license)).into_value())
}
