//! Tools that an image is better without, and operating systems that nobody mends any more, as its SBOM lists them.

use trust_core::UnixTime;
use trust_sbom::{Answer, Component, ComponentKind, PackagePattern, Purl, Sbom};

use super::some;
use crate::policy::image_rule::{EndOfLife, Tools};
use crate::verdict::Explanation;
use crate::verdict::reason::{Mismatch, ReasonCode};

/// Package managers of operating systems.
const PACKAGE_MANAGERS: [&str; 19] = [
    "apk-tools",
    "apt",
    "aptitude",
    "dnf",
    "dnf5",
    "dpkg",
    "emerge",
    "libapk2",
    "microdnf",
    "opkg",
    "pacman",
    "portage",
    "rpm",
    "rpm-ostree",
    "tdnf",
    "urpmi",
    "xbps",
    "yum",
    "zypper",
];
/// Shells, and what is made of several programs of which one is a shell.
const SHELLS: [&str; 20] = [
    "ash",
    "bash",
    "busybox",
    "busybox-binsh",
    "csh",
    "dash",
    "dash-binsh",
    "elvish",
    "fish",
    "hush",
    "ksh",
    "ksh93u+m",
    "loksh",
    "mksh",
    "powershell",
    "rbash",
    "tcsh",
    "toybox",
    "yash",
    "zsh",
];
/// Types of packages that are libraries of a language, so that one that is called `sh` is no shell.
const TYPES_OF_LIBRARIES: [&str; 15] = [
    "cargo",
    "cocoapods",
    "composer",
    "conan",
    "cran",
    "gem",
    "golang",
    "hackage",
    "hex",
    "luarocks",
    "maven",
    "npm",
    "nuget",
    "pub",
    "pypi",
];

impl Tools {
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Shells => &SHELLS,
            Self::PackageManagers => &PACKAGE_MANAGERS,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Shells => "shell",
            Self::PackageManagers => "package manager",
        }
    }

    /// Whether a component is one of them.
    fn has(self, component: &Component) -> bool {
        let mut purls = purls(component).peekable();
        let is_library =
            purls.peek().is_some() && purls.all(|purl| TYPES_OF_LIBRARIES.contains(&purl.package_type()));
        let name = component.name.to_lowercase();
        let is_listed = |name: &str| self.packages().contains(&name.strip_suffix("-static").unwrap_or(name));
        let is_package = component.kind != ComponentKind::File && !is_library && is_listed(&name);
        // A file is what it is called, wherever it comes from.
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", &name));
        let is_program = folder.ends_with("bin") && (is_listed(file) || self == Self::Shells && file == "sh");
        let is_file = component.kind == ComponentKind::File && is_program;
        is_package || is_file
    }
}

fn purls(component: &Component) -> impl Iterator<Item = Purl> {
    component.purls.iter().filter_map(|purl| purl.parse().ok())
}

/// Whether an SBOM lists no such tools.
pub(super) fn without(tools: Tools, sbom: &Sbom) -> Explanation {
    let check = format!("no {}", tools.name());
    let found: Vec<_> =
        sbom.components().iter().filter(|one| tools.has(one)).map(Component::full_name).collect();
    if !found.is_empty() {
        let mismatch = Mismatch::new(Some(some(found)), [format!("no {}", tools.name())]);
        return Explanation::differs(check, ReasonCode::Condition, mismatch);
    }
    // A list that says itself that it is not whole proves nothing by what is not on it.
    let unknown = tools.packages().iter().find_map(|name| {
        match sbom.holds(&PackagePattern::Name((*name).to_owned(), None)) {
            Answer::Unknown(reason) => Some(reason),
            _ => None,
        }
    });
    match unknown {
        Some(reason) => {
            Explanation::fail(check, ReasonCode::Unresolved, format!("cannot be determined: {reason}"))
        }
        None => Explanation::pass(check, "lists none"),
    }
}

/// The operating systems that an SBOM names, with their versions: as components, or else as what packages were made for.
fn operating_systems(sbom: &Sbom) -> Vec<(String, String)> {
    let components = sbom.components();
    let systems = components.iter().filter(|one| one.kind == ComponentKind::OperatingSystem);
    let mut found: Vec<_> =
        systems.map(|one| (one.name.to_lowercase(), one.version.clone().unwrap_or_default())).collect();
    if found.is_empty() {
        let purls = components.iter().flat_map(purls);
        let made_for = purls.filter_map(|purl| purl.qualifier("distro").map(str::to_lowercase));
        found.extend(made_for.map(|one| {
            let (name, version) = one.rsplit_once('-').unwrap_or((&one, ""));
            (name.to_owned(), version.to_owned())
        }));
    }
    found.sort();
    found.dedup();
    found
}

/// Whether no operating system is one that nobody mends any more.
pub(super) fn maintained(table: &[EndOfLife], sbom: &Sbom, now: UnixTime) -> Explanation {
    let check = "end of life";
    let systems = operating_systems(sbom);
    // A version that is a name, such as `buster`, is not compared with numbers.
    let is_unknown = |(_, version): &(String, String)| !version.starts_with(|c: char| c.is_ascii_digit());
    if systems.is_empty() || systems.iter().any(is_unknown) {
        let message = "cannot be determined: it names no operating system with the number of its version";
        return Explanation::fail(check, ReasonCode::Unresolved, message);
    }
    let is_meant = |row: &EndOfLife, name: &str, version: &str| {
        let rest = version.strip_prefix(row.version.as_str());
        let is_number = |c: char| c.is_ascii_digit();
        row.name.eq_ignore_ascii_case(name) && rest.is_some_and(|rest| !rest.starts_with(is_number))
    };
    let rows = systems.iter().flat_map(|(name, version)| {
        let rows = table.iter().filter(move |row| is_meant(row, name, version));
        rows.map(move |row| (format!("{name} {version}"), row.since))
    });
    let rows: Vec<_> = rows.collect();
    if let Some((system, since)) = rows.iter().find(|(_, since)| *since <= now) {
        let mismatch = Mismatch::new(Some(system.as_str()), [format!("one that is mended after {since}")]);
        return Explanation::differs(check, ReasonCode::OtherBase, mismatch);
    }
    let named: Vec<_> = systems.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let explanation = Explanation::pass(check, format!("is {}", named.join(" and ")));
    match rows.iter().map(|(_, since)| *since).min() {
        Some(until) => explanation.until(until),
        None => explanation,
    }
}
