//! Questions to an [`Sbom`]: is this package in it, is it of these versions, and how did it get there.

use std::collections::{HashSet, VecDeque};

use serde::Serialize;

use crate::answer::Answer;
use crate::model::component::{Component, ComponentId, ComponentKind};
use crate::model::relationship::{Aggregate, CompletenessOf, Node, RelationshipKind};
use crate::model::sbom::Sbom;
use crate::package::cpe::Cpe;
use crate::package::purl::Purl;
use crate::package::vers::Vers;

/// Which package is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PackagePattern {
    /// By package URL: type, namespace and name are equal, and so are the version and the qualifiers that it has. A
    /// package that was built from this one (`?upstream=`) matches too, and of RHEL and the distributions that rebuild it
    /// (AlmaLinux, CentOS, Rocky Linux) each means the others: scanners look all of them up by RHEL's advisories.
    Purl(Box<Purl>),
    /// By CPE: see [`Cpe::matches`].
    Cpe(Cpe),
    /// By name, in any case, and by version if there is one. A weak match: names are not unique.
    Name(String, Option<String>),
}

/// A component that is, or may be, the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PackageMatch {
    /// The component.
    pub id: ComponentId,
    /// What shows that it is the package.
    pub by: MatchedBy,
    /// Its version, as it is compared.
    pub version: Option<String>,
}

/// What shows that a component is the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum MatchedBy {
    /// Its package URL.
    Purl,
    /// The package that it was built from.
    Source,
    /// Its CPE.
    Cpe,
    /// Its name alone: it has no identifier of the kind that was asked for.
    Name,
}

/// Whether software holds a package in versions that are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Exposure {
    /// The answer. No means that the document says so: what it leaves out is unknown.
    pub answer: Answer,
    /// The components that make it yes or unknown, each with the way from a root to it, as far as the document says.
    pub exposed: Vec<Exposed>,
}

/// A component that is, or may be, of the versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Exposed {
    /// How it matched.
    #[serde(flatten)]
    pub found: PackageMatch,
    /// Whether it is of the versions.
    pub answer: Answer,
    /// From a root to the component, both included; none if the document says no way.
    pub path: Option<Way>,
}

/// A way from a root to a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Way {
    /// The root it begins at.
    pub root: ComponentId,
    /// How many components are left out after the root, for a way that is longer than 32.
    pub left_out: usize,
    /// The last components of it, up to the component itself; none if that is the root.
    pub last: Vec<ComponentId>,
}

/// Components of a way that are kept.
const MAX_WAY: usize = 32;

impl Sbom {
    /// The components that are a package, in the document's order.
    #[must_use]
    pub fn find(&self, pattern: &PackagePattern) -> Vec<PackageMatch> {
        self.ids().filter_map(|(id, component)| matched(id, component, pattern)).collect()
    }

    /// Whether the software holds a package, in any version.
    ///
    /// It is unknown if a component only has its name, if the document identifies no package at all, or says itself that it
    /// is incomplete.
    #[must_use]
    pub fn holds(&self, pattern: &PackagePattern) -> Answer {
        let found = self.find(pattern);
        let is_certain =
            |one: &PackageMatch| one.by != MatchedBy::Name || matches!(pattern, PackagePattern::Name(..));
        match found.first() {
            None => self.covers(pattern),
            Some(_) if found.iter().any(is_certain) => Answer::Yes,
            Some(weak) => {
                let name = self.component(weak.id).map(Component::full_name).unwrap_or_default();
                Answer::Unknown(format!("{name} has the name, and no identifier"))
            }
        }
    }

    /// Whether the software holds a package in a version of the range.
    ///
    /// It is unknown if a component may be the package and lacks the identifier or the version that would tell, if
    /// versions do not compare, if the document identifies no package at all, or says itself that it is incomplete.
    #[must_use]
    pub fn exposure(&self, pattern: &PackagePattern, range: &Vers) -> Exposure {
        self.exposure_by(pattern, &|_| Answer::Yes, &|version| range.contains(version))
    }

    /// Likewise, in a version of which something is so, in a component that is meant.
    pub(crate) fn exposure_by(
        &self,
        pattern: &PackagePattern,
        is_meant: &dyn Fn(&Component) -> Answer,
        is_so: &dyn Fn(&str) -> Answer,
    ) -> Exposure {
        let paths = Paths::of(self);
        let mut exposed = Vec::new();
        for found in self.find(pattern) {
            let Some(component) = self.component(found.id) else { continue };
            let answer = match (&found.by, &found.version) {
                (_, None) => Answer::Unknown(format!("{} has no version", component.full_name())),
                (MatchedBy::Name, Some(version)) => match is_so(version) {
                    Answer::Yes if !matches!(pattern, PackagePattern::Name(..)) => Answer::Unknown(format!(
                        "{} has the name and the version, and no identifier",
                        component.full_name()
                    )),
                    answer => answer,
                },
                (_, Some(version)) => is_so(version),
            };
            let answer = Answer::all([is_meant(component), answer]);
            if answer != Answer::No {
                exposed.push(Exposed { path: paths.way_to(found.id), found, answer });
            }
        }
        let is_yes = |one: &&Exposed| one.answer == Answer::Yes;
        let answer = match exposed.iter().find(is_yes).or(exposed.first()) {
            Some(one) => one.answer.clone(),
            None => self.covers(pattern),
        };
        Exposure { answer, exposed }
    }

    /// Whether what is not in the document is not in the software: "no" for a package that is not found, or unknown.
    fn covers(&self, pattern: &PackagePattern) -> Answer {
        let unknown = |reason: String| Answer::Unknown(reason);
        if self.components().is_empty() {
            return unknown("the document lists no components".to_owned());
        }
        let is_of_packages = |what| matches!(what, CompletenessOf::Assemblies | CompletenessOf::Dependencies);
        let is_whole = |of: &[Node]| {
            of.is_empty() || self.roots().iter().any(|root| of.contains(&Node::Component(*root)))
        };
        let gap = self.completeness().iter().find(|one| {
            is_of_packages(one.what)
                && is_whole(&one.of)
                && matches!(one.aggregate, Aggregate::Incomplete(_) | Aggregate::Unknown)
        });
        if let Some(gap) = gap {
            return unknown(format!("the author says that the list of parts is {}", gap.aggregate.name()));
        }
        let is_identified = |component: &&Component| match pattern {
            PackagePattern::Purl(_) => !component.purls.is_empty(),
            PackagePattern::Cpe(_) => !component.cpes.is_empty(),
            PackagePattern::Name(..) => !component.name.is_empty(),
        };
        // What the document is about is no part of it.
        let roots: HashSet<&ComponentId> = self.roots().iter().collect();
        let mut packages = self.ids().filter(|(id, component)| {
            component.kind != ComponentKind::File && !(roots.contains(id) && self.components().len() > 1)
        });
        if !packages.any(|(_, component)| is_identified(&component)) {
            return unknown("the document identifies no package in this way".to_owned());
        }
        Answer::No
    }
}

fn matched(id: ComponentId, component: &Component, pattern: &PackagePattern) -> Option<PackageMatch> {
    let by = |by, version: Option<String>| {
        Some(PackageMatch { id, by, version: version.or_else(|| component.version.clone()) })
    };
    let has_name = |name: &str| {
        component.name.eq_ignore_ascii_case(name) || component.full_name().eq_ignore_ascii_case(name)
    };
    match pattern {
        PackagePattern::Purl(wanted) => {
            // One that cannot be read, or leaves out the distribution, may be the one.
            let (mut is_identified, mut may_be) = (!component.purls.is_empty(), false);
            for text in &component.purls {
                let Ok(purl) = text.parse::<Purl>() else {
                    is_identified = false;
                    may_be |= text.to_lowercase().contains(&wanted.name().to_lowercase());
                    continue;
                };
                let version = purl.version().or(component.version.as_deref());
                match compared(wanted, &purl, purl.name(), version) {
                    Same::Yes => return by(MatchedBy::Purl, version_of(&purl)),
                    Same::Perhaps => may_be = true,
                    Same::No => {}
                }
                if let Some(upstream) = purl.qualifier("upstream") {
                    let (name, version) = source_of(upstream);
                    match compared(wanted, &purl, name, version.or(purl.version())) {
                        Same::Yes => {
                            let version = version.map(|version| with_epoch(&purl, version));
                            return by(MatchedBy::Source, version.or_else(|| version_of(&purl)));
                        }
                        Same::Perhaps => may_be = true,
                        Same::No => {}
                    }
                }
            }
            let own_version = component.version.as_deref();
            let has_version =
                wanted.version().is_none_or(|one| own_version.is_none_or(|version| version == one));
            // Without a package URL the scope of npm, or the group of Maven, stands in the name.
            let scoped = wanted
                .namespace()
                .map(|scope| ['/', ':'].map(|sign| format!("{scope}{sign}{}", wanted.name())));
            let has_its_name = has_name(wanted.name()) || scoped.iter().flatten().any(|name| has_name(name));
            let is_weak = may_be || !is_identified && has_its_name && has_version;
            is_weak.then(|| by(MatchedBy::Name, None)).flatten()
        }
        PackagePattern::Cpe(wanted) => {
            let cpes: Vec<Option<Cpe>> = component.cpes.iter().map(|cpe| cpe.parse().ok()).collect();
            if let Some(cpe) = cpes.iter().flatten().find(|cpe| wanted.matches(cpe)) {
                return by(MatchedBy::Cpe, cpe.version().map(str::to_owned));
            }
            let is_identified = !cpes.is_empty() && cpes.iter().all(Option::is_some);
            let has_version = wanted.version().is_none() || component.version.as_deref() == wanted.version();
            let is_weak = !is_identified && has_version && has_name(wanted.product());
            is_weak.then(|| by(MatchedBy::Name, None)).flatten()
        }
        PackagePattern::Name(name, version) => {
            let has_version = version.is_none() || component.version == *version;
            (has_name(name) && has_version).then(|| by(MatchedBy::Name, None)).flatten()
        }
    }
}

/// Whether two names are one package's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Same {
    Yes,
    /// What would tell is left out.
    Perhaps,
    No,
}

/// Whether a package URL, with this name and version, is the package that is asked for.
fn compared(wanted: &Purl, purl: &Purl, name: &str, version: Option<&str>) -> Same {
    if wanted.package_type() != purl.package_type() {
        return Same::No;
    }
    let of_name = match whole_name(wanted, wanted.name()) == whole_name(purl, name) {
        true => Same::Yes,
        false if lacks_distribution(wanted, purl) && wanted.name() == name => Same::Perhaps,
        false => return Same::No,
    };
    let of_part = |wanted: &str, found: Option<&str>| match found {
        Some(found) if found == wanted => Same::Yes,
        Some(_) => Same::No,
        None => Same::Perhaps,
    };
    let of_version = wanted.version().map(|wanted| of_part(wanted, version));
    let of_qualifiers = wanted.qualifiers().map(|(key, value)| of_part(value, purl.qualifier(key)));
    let all: Vec<Same> = [of_name].into_iter().chain(of_version).chain(of_qualifiers).collect();
    match (all.contains(&Same::No), all.contains(&Same::Perhaps)) {
        (true, _) => Same::No,
        (false, true) => Same::Perhaps,
        (false, false) => Same::Yes,
    }
}

/// Namespace and name, as packages of the type are told apart.
fn whole_name(purl: &Purl, name: &str) -> String {
    let namespace = match (purl.package_type(), purl.namespace()) {
        ("rpm" | "deb" | "apk", Some(namespace)) => Some(distribution(namespace)),
        (_, namespace) => namespace,
    };
    // A `/` between namespace and name may be written as a part of the name.
    let whole = namespace.map_or_else(|| name.to_owned(), |namespace| format!("{namespace}/{name}"));
    match purl.package_type() {
        // https://peps.python.org/pep-0503/#normalized-names
        "pypi" => {
            let parts = whole.split(['-', '_', '.']).filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join("-").to_lowercase()
        }
        "nuget" => whole.to_lowercase(),
        _ => whole,
    }
}

/// Whether one of two packages of a distribution does not say of which it is.
fn lacks_distribution(wanted: &Purl, purl: &Purl) -> bool {
    matches!(purl.package_type(), "rpm" | "deb" | "apk")
        && purl.namespace().is_none() != wanted.namespace().is_none()
}

/// One name for distributions that have several in package URLs. RHEL and those that rebuild its packages are one.
fn distribution(namespace: &str) -> &str {
    match namespace {
        "rhel" | "almalinux" | "alma" | "centos" | "rocky" | "rockylinux" | "rocky-linux" => "redhat",
        "amazon" | "amazonlinux" => "amzn",
        "oracle" | "oraclelinux" => "ol",
        other => other,
    }
}

/// Name and version of a source package: `name`, `name@version`, or the file `name-version-release.src.rpm`.
fn source_of(upstream: &str) -> (&str, Option<&str>) {
    if let Some(file) = upstream.strip_suffix(".src.rpm")
        && let Some((end, _)) = file.rmatch_indices('-').nth(1)
        && let (Some(name), Some(version)) = (file.get(..end), file.get(end + 1..))
    {
        return (name, Some(version));
    }
    upstream.split_once('@').map_or((upstream, None), |(name, version)| (name, Some(version)))
}

/// The version, with the epoch that distributions write beside it.
fn version_of(purl: &Purl) -> Option<String> {
    purl.version().map(|version| with_epoch(purl, version))
}

fn with_epoch(purl: &Purl, version: &str) -> String {
    match purl.qualifier("epoch") {
        Some(epoch) if !version.contains(':') => format!("{epoch}:{version}"),
        _ => version.to_owned(),
    }
}

/// The shortest ways from the roots along what is needed and what is held. Circles are legal.
#[derive(Debug)]
pub struct Paths {
    /// For each component the one before it, the root, and how far it is; a root is before itself.
    before: Vec<Option<(ComponentId, ComponentId, usize)>>,
}

impl Paths {
    /// Of all components of a document, at once.
    #[must_use]
    pub fn of(sbom: &Sbom) -> Self {
        let mut next: Vec<Vec<ComponentId>> = vec![Vec::new(); sbom.components().len()];
        for one in sbom.relationships() {
            if let (
                Node::Component(from),
                RelationshipKind::DependsOn(_) | RelationshipKind::Contains,
                Node::Component(to),
            ) = (&one.from, &one.kind, &one.to)
                && let Some(next) = next.get_mut(from.index())
            {
                next.push(*to);
            }
        }
        let mut before = vec![None; next.len()];
        let mut waiting: VecDeque<ComponentId> = VecDeque::new();
        for root in sbom.roots() {
            if let Some(place) = before.get_mut(root.index()) {
                *place = Some((*root, *root, 0));
                waiting.push_back(*root);
            }
        }
        while let Some(at) = waiting.pop_front() {
            for to in next.get(at.index()).into_iter().flatten() {
                let (root, distance) = match before.get(at.index()) {
                    Some(Some((_, root, distance))) => (*root, distance + 1),
                    _ => continue,
                };
                if let Some(place @ None) = before.get_mut(to.index()) {
                    *place = Some((at, root, distance));
                    waiting.push_back(*to);
                }
            }
        }
        Self { before }
    }

    /// From a root to a component, both included; `None` if there is no way.
    #[must_use]
    pub fn to(&self, id: ComponentId) -> Option<Vec<ComponentId>> {
        let mut path = vec![id];
        let mut at = id;
        loop {
            let (before, ..) = (*self.before.get(at.index())?)?;
            if before == at {
                break;
            }
            path.push(before);
            at = before;
        }
        path.reverse();
        Some(path)
    }

    /// Likewise, no longer than is read by people.
    #[must_use]
    pub fn way_to(&self, id: ComponentId) -> Option<Way> {
        let (_, root, distance) = (*self.before.get(id.index())?)?;
        let mut last = Vec::new();
        let mut at = id;
        while at != root && last.len() < MAX_WAY {
            last.push(at);
            at = (*self.before.get(at.index())?)?.0;
        }
        last.reverse();
        Some(Way { root, left_out: distance - last.len(), last })
    }
}
