//! [`Profile`]: what others require that an SBOM says, each edition as data.

use serde::Serialize;

use crate::answer::Answer;
use crate::model::component::{Component, ComponentId, ComponentKind, Hash};
use crate::model::license::License;
use crate::model::relationship::{CompletenessOf, Node, RelationshipKind};
use crate::model::sbom::{Format, Sbom};

/// A list of what a document must say. See [`Profile::NTIA`], [`Profile::CISA`], [`Profile::BSI`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Profile {
    /// Who requires it.
    pub id: &'static str,
    /// Which edition.
    pub edition: &'static str,
    /// Where it is written.
    pub url: &'static str,
    checks: &'static [Check],
}

#[derive(Debug)]
struct Check {
    id: &'static str,
    level: Level,
    scope: Scope,
}

#[derive(Debug)]
enum Scope {
    Document(fn(&View<'_>) -> bool),
    Component(fn(&View<'_>, ComponentId, &Component) -> bool),
}

/// How much a check is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Level {
    /// It must be said.
    Required,
    /// It must be said if it exists, which the document alone cannot show.
    Additional,
}

/// How far a document keeps to a profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Conformance {
    /// The profile.
    pub profile: &'static str,
    /// Its edition.
    pub edition: &'static str,
    /// Whether everything that is required is there.
    pub conforms: Answer,
    /// The share of what is required that is there, 0 to 10.
    pub score: f64,
    /// Every check.
    pub checks: Vec<CheckResult>,
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckResult {
    /// What is checked.
    pub id: &'static str,
    /// How much it is required.
    pub level: Level,
    /// How many pass: components, or the document.
    pub passed: usize,
    /// Of how many.
    pub total: usize,
    /// The first that fail, by reference or name; `document` for the document.
    pub missing: Vec<String>,
}

/// That many are listed of those that fail.
const MISSING: usize = 20;

const fn document(id: &'static str, check: fn(&View<'_>) -> bool) -> Check {
    Check { id, level: Level::Required, scope: Scope::Document(check) }
}

const fn component(id: &'static str, check: fn(&View<'_>, ComponentId, &Component) -> bool) -> Check {
    Check { id, level: Level::Required, scope: Scope::Component(check) }
}

const fn additional(id: &'static str, check: fn(&View<'_>, ComponentId, &Component) -> bool) -> Check {
    Check { id, level: Level::Additional, scope: Scope::Component(check) }
}

impl Profile {
    /// The minimum elements of 2021.
    pub const NTIA: Self = Self {
        id: "ntia",
        edition: "2021-07-12",
        url: "https://www.ntia.gov/report/2021/minimum-elements-software-bill-materials-sbom",
        checks: &[
            document("author", has_author),
            document("timestamp", has_timestamp),
            document("root", has_root),
            component("supplier", |_, _, one| has_maker(one)),
            component("name", |_, _, one| !one.name.is_empty()),
            component("version", |_, _, one| has_version(one)),
            component("unique identifier", |_, _, one| has_identifier(one)),
            component("dependency relationship", |view, id, _| view.is_related(id)),
        ],
    };

    /// The minimum elements as drafted in 2025 for comment.
    pub const CISA: Self = Self {
        id: "cisa",
        edition: "2025-08 (draft)",
        url: "https://www.cisa.gov/resources-tools/resources/2025-minimum-elements-software-bill-materials-sbom",
        checks: &[
            document("author", has_author),
            document("timestamp", has_timestamp),
            document("tool name", |view| view.sbom.header().tools.iter().any(|tool| !tool.name.is_empty())),
            document("generation context", |view| !view.sbom.header().lifecycles.is_empty()),
            document("root", has_root),
            component("software producer", |_, _, one| has_maker(one)),
            component("name", |_, _, one| !one.name.is_empty()),
            component("version", |_, _, one| has_version(one)),
            component("software identifier", |_, _, one| has_identifier(one)),
            component("component hash", |_, _, one| !one.hashes.is_empty()),
            component("license", |_, _, one| has_license(one)),
            component("dependency relationship", |view, id, _| view.is_related(id)),
        ],
    };

    /// Technical guideline TR-03183 part 2 of the German BSI.
    pub const BSI: Self = Self {
        id: "bsi",
        edition: "TR-03183-2 v2.1.0 (2025)",
        url: "https://www.bsi.bund.de/SharedDocs/Downloads/EN/BSI/Publications/TechGuidelines/TR03183/BSI-TR-03183-2_v2_1_0.pdf",
        checks: &[
            document("format", is_of_current_format),
            document("creator of the SBOM", |view| {
                let header = view.sbom.header();
                header
                    .authors
                    .iter()
                    .chain(&header.supplier)
                    .chain(&header.producer)
                    .any(|one| one.is_reachable())
            }),
            document("timestamp", has_timestamp),
            document("root", has_root),
            component("component creator", |_, _, one| {
                one.producer.iter().chain(&one.supplier).chain(&one.authors).any(|one| one.is_reachable())
            }),
            component("name", |_, _, one| !one.name.is_empty()),
            component("version", |_, _, one| has_version(one)),
            component("filename", |view, id, one| {
                view.says(id, one, "filename") || view.deployables(id).any(|one| !one.name.is_empty())
            }),
            component("dependencies, with their completeness", |view, id, _| view.has_completeness(id)),
            component("distribution licenses", |_, _, one| has_license(one)),
            component("hash of the deployable component", |view, id, one| {
                let is_sha512 = |hash: &Hash| hash.algorithm == "sha512";
                let of_references = one.external_references.iter().flat_map(|reference| &reference.hashes);
                one.hashes.iter().chain(of_references).any(is_sha512)
                    || view.deployables(id).any(|one| one.hashes.iter().any(is_sha512))
            }),
            component("executable", |view, id, one| view.says(id, one, "executable")),
            component("archive", |view, id, one| view.says(id, one, "archive")),
            component("structured", |view, id, one| view.says(id, one, "structured")),
            additional("source code URI", |_, _, one| {
                has_reference(one, &["vcs", "source-distribution", "sourceArtifact"])
            }),
            additional("URI of the deployable", |view, id, one| {
                one.download.as_ref().is_some_and(|download| download.value().is_some())
                    || has_reference(one, &["distribution", "distribution-intake", "binaryArtifact"])
                    || view.deployables(id).any(|one| has_reference(one, &["binaryArtifact"]))
            }),
            additional("other identifiers", |_, _, one| has_identifier(one)),
        ],
    };

    /// The profile of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<&'static Self> {
        [&Self::NTIA, &Self::CISA, &Self::BSI].into_iter().find(|profile| profile.id == name)
    }

    /// How far a document keeps to the profile. It does not say whether what the document says is true.
    ///
    /// Files are not checked as components, unless there is nothing else. A document without components keeps to no
    /// profile: an empty list is complete for nobody.
    #[must_use]
    pub fn check(&self, sbom: &Sbom) -> Conformance {
        let view = View::new(sbom);
        let checks: Vec<CheckResult> = self.checks.iter().map(|check| check.run(&view)).collect();
        let required = || checks.iter().filter(|one| one.level == Level::Required);
        let is_empty = view.components.is_empty();
        let conforms = if is_empty {
            Answer::Unknown("the document lists no components".to_owned())
        } else {
            Answer::from(required().all(|one| one.passed == one.total))
        };
        #[expect(clippy::cast_precision_loss, reason = "a share of at most a few million")]
        let share = |one: &CheckResult| one.passed as f64 / one.total.max(1) as f64;
        #[expect(clippy::cast_precision_loss, reason = "there are some ten checks")]
        let score = 10.0 * required().map(share).sum::<f64>() / required().count().max(1) as f64;
        let score = if is_empty { 0.0 } else { score };
        Conformance { profile: self.id, edition: self.edition, conforms, score, checks }
    }
}

impl Check {
    fn run(&self, view: &View<'_>) -> CheckResult {
        let mut result =
            CheckResult { id: self.id, level: self.level, passed: 0, total: 0, missing: Vec::new() };
        let mut count = |is_passed: bool, name: &dyn Fn() -> String| {
            result.total += 1;
            result.passed += usize::from(is_passed);
            if !is_passed && result.missing.len() < MISSING {
                result.missing.push(name());
            }
        };
        match self.scope {
            Scope::Document(check) => count(check(view), &|| "document".to_owned()),
            Scope::Component(check) => {
                for (id, component) in &view.components {
                    let name = || component.reference.clone().unwrap_or_else(|| component.full_name());
                    count(check(view, *id, component), &name);
                }
            }
        }
        result
    }
}

/// A document with what is asked of it more than once.
struct View<'a> {
    sbom: &'a Sbom,
    components: Vec<(ComponentId, &'a Component)>,
    /// By component: it is an end of a relationship; and the author says how complete its dependencies are.
    related: Vec<bool>,
    stated: Vec<bool>,
    /// Files that a component is delivered as (SPDX 3), by component.
    deployables: Vec<Vec<ComponentId>>,
}

impl<'a> View<'a> {
    fn new(sbom: &'a Sbom) -> Self {
        let is_file = |component: &Component| component.kind == ComponentKind::File;
        let mut components: Vec<_> = sbom.ids().filter(|(_, component)| !is_file(component)).collect();
        if components.is_empty() {
            components = sbom.ids().collect();
        }
        let count = sbom.components().len();
        let (mut related, mut stated) = (vec![false; count], vec![false; count]);
        let mut deployables = vec![Vec::new(); count];
        for one in sbom.relationships() {
            for node in [&one.from, &one.to] {
                if let Node::Component(id) = node
                    && !matches!(one.kind, RelationshipKind::Other(_))
                    && let Some(place) = related.get_mut(id.index())
                {
                    *place = true;
                }
            }
            if let (Node::Component(from), RelationshipKind::Other(word), Node::Component(to)) =
                (&one.from, &one.kind, &one.to)
                && word == "hasDistributionArtifact"
                && let Some(place) = deployables.get_mut(from.index())
            {
                place.push(*to);
            }
        }
        for one in sbom.completeness().iter().filter(|one| one.what != CompletenessOf::Vulnerabilities) {
            if one.of.is_empty() {
                stated.fill(true);
            }
            for node in &one.of {
                if let Node::Component(id) = node
                    && let Some(place) = stated.get_mut(id.index())
                {
                    *place = true;
                }
            }
        }
        Self { sbom, components, related, stated, deployables }
    }

    fn is_related(&self, id: ComponentId) -> bool {
        self.related.get(id.index()).copied().unwrap_or_default() || self.has_completeness(id)
    }

    fn has_completeness(&self, id: ComponentId) -> bool {
        self.stated.get(id.index()).copied().unwrap_or_default()
    }

    fn deployables(&self, id: ComponentId) -> impl Iterator<Item = &'a Component> {
        let ids = self.deployables.get(id.index()).into_iter().flatten();
        ids.filter_map(|id| self.sbom.component(*id))
    }

    /// Whether a property of BSI's taxonomy is given, or in SPDX 3 the purpose that stands for it.
    fn says(&self, id: ComponentId, component: &Component, what: &str) -> bool {
        let property = format!("bsi:component:{what}");
        if component.property(&property).is_some_and(|value| !value.trim().is_empty()) {
            return true;
        }
        match what {
            "filename" => component.file_name.is_some(),
            // The purposes of the file say what it is, so any of them answers.
            _ => self.deployables(id).any(|file| file.property("spdx:additionalPurpose").is_some()),
        }
    }
}

fn has_author(view: &View<'_>) -> bool {
    let header = view.sbom.header();
    let agents = header.authors.iter().chain(&header.supplier).chain(&header.producer);
    agents.into_iter().any(|agent| agent.is_named())
}

fn has_timestamp(view: &View<'_>) -> bool {
    view.sbom.header().created.is_some()
}

fn has_root(view: &View<'_>) -> bool {
    !view.sbom.roots().is_empty()
}

fn is_of_current_format(view: &View<'_>) -> bool {
    match view.sbom.format() {
        Format::CycloneDx => ["1.6", "1.7"].contains(&view.sbom.version()),
        Format::Spdx3 => view.sbom.version() != "3.0.0",
        Format::Spdx | Format::Own => false,
    }
}

fn has_maker(component: &Component) -> bool {
    let agents = component.supplier.iter().chain(&component.producer).chain(&component.authors);
    agents.into_iter().any(|agent| agent.is_named())
        || component.publisher.as_ref().is_some_and(|publisher| !publisher.trim().is_empty())
}

fn has_version(component: &Component) -> bool {
    component.version.as_ref().is_some_and(|version| !version.trim().is_empty())
}

fn has_identifier(component: &Component) -> bool {
    let lists = [&component.purls, &component.cpes, &component.swids, &component.swhids, &component.gitoids];
    lists.iter().any(|list| !list.is_empty())
}

fn has_license(component: &Component) -> bool {
    component.licenses.iter().any(|claim| !matches!(claim.license, License::NoAssertion | License::None))
}

fn has_reference(component: &Component, kinds: &[&str]) -> bool {
    component
        .external_references
        .iter()
        .any(|one| kinds.iter().any(|kind| one.kind.eq_ignore_ascii_case(kind)))
}
