//! Tools that an image is better without, and operating systems at the end of their lives, as its SBOM lists them.

use std::collections::BTreeSet;

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
/// Programs of package managers that are not called like their packages.
const PACKAGE_MANAGER_PROGRAMS: [&str; 8] =
    ["apk", "apt-cache", "apt-get", "dnf-3", "dpkg-deb", "rpm2cpio", "xbps-install", "yum-builddep"];
/// Shells that are not called like their packages.
const SHELL_PROGRAMS: [&str; 2] = ["pwsh", "sh"];
/// Operating systems under other names than those of `/etc/os-release`.
const OTHER_NAMES: [(&str, &str); 8] = [
    ("alpine linux", "alpine"),
    ("amazon", "amzn"),
    ("amazon linux", "amzn"),
    ("debian gnu/linux", "debian"),
    ("oracle", "ol"),
    ("oracle linux server", "ol"),
    ("red hat enterprise linux", "rhel"),
    ("redhat", "rhel"),
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

    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Shells => &SHELL_PROGRAMS,
            Self::PackageManagers => &PACKAGE_MANAGER_PROGRAMS,
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
        let is_named = is_listed(&name) || self::purls(component).any(|purl| is_listed(purl.name()));
        let is_package = component.kind != ComponentKind::File && !is_library && is_named;
        // A file is what it is called, where programs are.
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", &name));
        let is_of_programs = folder.is_empty() || ["bin", "busybox"].iter().any(|end| folder.ends_with(end));
        let is_program = is_of_programs && (is_listed(file) || self.programs().contains(&file));
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

/// The operating systems that an SBOM names, with their versions: as components, and as what packages were made for.
fn operating_systems(sbom: &Sbom) -> Vec<(String, String)> {
    let components = sbom.components();
    let systems = components.iter().filter(|one| one.kind == ComponentKind::OperatingSystem);
    let systems = systems.map(|one| (one.name.to_lowercase(), one.version.clone().unwrap_or_default()));
    let purls = components.iter().flat_map(purls);
    let made_for = purls.filter_map(|purl| purl.qualifier("distro").map(str::to_lowercase));
    let made_for = made_for.map(|one| {
        let (name, version) = one.rsplit_once('-').unwrap_or((&one, ""));
        (name.to_owned(), version.to_owned())
    });
    let all = systems.chain(made_for).map(|(name, version)| (release_name(&name).to_owned(), version));
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The name of an operating system as `/etc/os-release` has it.
fn release_name(name: &str) -> &str {
    OTHER_NAMES.iter().find(|(other, _)| *other == name).map_or(name, |(_, own)| own)
}

/// Whether no operating system is at the end of its life.
pub(super) fn maintained(table: &[EndOfLife], sbom: &Sbom, now: UnixTime) -> Explanation {
    let check = "end of life";
    let systems = operating_systems(sbom);
    // A version that is a name, such as `buster`, is not compared with numbers.
    let has_number = |version: &str| version.starts_with(|c: char| c.is_ascii_digit());
    let is_known = |name: &str| systems.iter().any(|(other, version)| other == name && has_number(version));
    if systems.is_empty() || !systems.iter().all(|(name, _)| is_known(name)) {
        let message = "cannot be determined: it names no operating system with the number of its version";
        return Explanation::fail(check, ReasonCode::Unresolved, message);
    }
    let is_meant = |row: &EndOfLife, name: &str, version: &str| {
        let rest = version.strip_prefix(row.version.as_str());
        let is_number = |c: char| c.is_ascii_digit();
        release_name(&row.name.to_lowercase()) == name
            && rest.is_some_and(|rest| !rest.starts_with(is_number))
    };
    let rows = systems.iter().flat_map(|(name, version)| {
        let rows = table.iter().filter(move |row| is_meant(row, name, version));
        rows.map(move |row| (format!("{name} {version}"), row.since))
    });
    let rows: Vec<_> = rows.collect();
    if let Some((system, since)) = rows.iter().find(|(_, since)| *since <= now) {
        let mismatch =
            Mismatch::new(Some(system.as_str()), [format!("a system that is maintained after {since}")]);
        return Explanation::differs(check, ReasonCode::OtherBase, mismatch);
    }
    let named: Vec<_> = systems.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let explanation = Explanation::pass(check, format!("is {}", named.join(" and ")));
    match rows.iter().map(|(_, since)| *since).min() {
        Some(until) => explanation.until(until),
        None => explanation,
    }
}
