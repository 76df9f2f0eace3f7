//! [`Advisory`]: which versions of which packages have a vulnerability, by an author's word
//! ([OSV](https://ossf.github.io/osv-schema/)). It is asked against an [`Sbom`]; it is no report of a scan.

use core::cmp::Ordering;

use serde::Serialize;
use thiserror::Error;
use trust_core::UnixTime;
use trust_core::internal::json::{Document, JsonError};

use crate::answer::Answer;
use crate::model::component::Component;
use crate::model::sbom::Sbom;
use crate::package::purl::{Purl, PurlParts};
use crate::package::version::VersionScheme;
use crate::question::query::{Exposure, PackagePattern};
use crate::read::limits::Limits;
use crate::report::osv;
use crate::report::time;

/// What an advisory says. Who says so is another question: reading it proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Advisory {
    /// Its name.
    pub id: String,
    /// Other names of the same vulnerability.
    pub aliases: Vec<String>,
    /// When it was withdrawn, if it was: then nothing is affected.
    pub withdrawn: Option<UnixTime>,
    /// When it was last changed.
    pub modified: Option<UnixTime>,
    /// What is affected.
    pub affected: Vec<AffectedVersions>,
}

/// The affected versions of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AffectedVersions {
    /// The ecosystem, such as `npm` or `Debian:12`.
    pub ecosystem: String,
    /// The name of the package there.
    pub name: String,
    /// The package, without a version; `None` if the ecosystem is none that package URLs are known for here.
    pub package: Option<Purl>,
    /// Versions that are affected, one by one.
    pub versions: Vec<String>,
    /// Ranges of versions that are affected: what happens at which version.
    pub ranges: Vec<Vec<VersionEvent>>,
}

/// What happens to a range at a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum VersionEvent {
    /// From it on versions are affected; `0` is before all.
    Introduced(String),
    /// From it on they are not.
    Fixed(String),
    /// After it they are not.
    LastAffected(String),
}

/// The text is no advisory that is read here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AdvisoryError {
    /// It is too long.
    #[error("advisory has {found} bytes, expected at most {expected}")]
    TooLong {
        /// Its length.
        found: usize,
        /// How many are read.
        expected: u64,
    },
    /// It is not JSON, repeats a key, or has another shape.
    #[error("advisory is malformed")]
    Json(#[from] JsonError),
}

/// Ecosystems of OSV, and their package URL's type and namespace: `/` and `:` say that this stands in the name, before the
/// last such sign.
const ECOSYSTEMS: [(&str, &str, &str); 22] = [
    ("AlmaLinux", "rpm", "almalinux"),
    ("Alpine", "apk", "alpine"),
    ("Bitnami", "bitnami", ""),
    ("Chainguard", "apk", "chainguard"),
    ("Debian", "deb", "debian"),
    ("GitHub Actions", "github", "/"),
    ("Go", "golang", "/"),
    ("Hex", "hex", ""),
    ("Maven", "maven", ":"),
    ("NuGet", "nuget", ""),
    ("Packagist", "composer", "/"),
    ("Pub", "pub", ""),
    ("PyPI", "pypi", ""),
    ("Red Hat", "rpm", "redhat"),
    ("Rocky Linux", "rpm", "rocky-linux"),
    ("RubyGems", "gem", ""),
    ("SUSE", "rpm", "suse"),
    ("Ubuntu", "deb", "ubuntu"),
    ("Wolfi", "apk", "wolfi"),
    ("crates.io", "cargo", ""),
    ("npm", "npm", "/"),
    ("openSUSE", "rpm", "opensuse"),
];

impl Advisory {
    /// Reads an advisory.
    ///
    /// # Errors
    /// If it is malformed or too large.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, AdvisoryError> {
        if bytes.len() as u64 > limits.len {
            return Err(AdvisoryError::TooLong { found: bytes.len(), expected: limits.len });
        }
        let wire: osv::Advisory = Document::new(bytes)?.read()?;
        Ok(Self {
            withdrawn: time(wire.withdrawn.as_ref()),
            modified: time(wire.modified.as_ref()),
            affected: wire.affected.into_iter().map(AffectedVersions::from).collect(),
            id: wire.id,
            aliases: wire.aliases,
        })
    }

    /// Whether software holds an affected version of a package.
    ///
    /// It is unknown as for [`Sbom::exposure`], and where the advisory names a package or a version that is not understood
    /// here, or ranges of commits alone.
    #[must_use]
    pub fn exposure(&self, sbom: &Sbom) -> Exposure {
        let mut whole = Exposure { answer: Answer::No, exposed: Vec::new() };
        if self.withdrawn.is_some() {
            return whole;
        }
        let mut answers = Vec::new();
        for package in &self.affected {
            let Some(purl) = &package.package else {
                answers.push(Answer::Unknown(format!(
                    "the ecosystem `{}` of `{}` is not known",
                    package.ecosystem, package.name
                )));
                continue;
            };
            let pattern = PackagePattern::Purl(Box::new(purl.clone()));
            let is_meant = |component: &Component| package.is_of_release(component);
            let exposure = sbom.exposure_by(&pattern, &is_meant, &|version| package.has(version));
            answers.push(exposure.answer);
            whole.exposed.extend(exposure.exposed);
        }
        if self.affected.is_empty() {
            answers.push(Answer::Unknown("the advisory names no package".to_owned()));
        }
        whole.answer = Answer::any(answers);
        whole
    }
}

impl From<osv::AffectedPackage> for AffectedVersions {
    fn from(wire: osv::AffectedPackage) -> Self {
        let package = wire.package.unwrap_or_default();
        let (ecosystem, name) = (package.ecosystem.unwrap_or_default(), package.name.unwrap_or_default());
        let written = package.purl.and_then(|purl| purl.parse::<Purl>().ok()).map(|purl| purl.package());
        let events = |range: osv::Range| {
            let event = |event: osv::Event| {
                [
                    event.introduced.map(VersionEvent::Introduced),
                    event.fixed.map(VersionEvent::Fixed),
                    event.last_affected.map(VersionEvent::LastAffected),
                ]
            };
            range.events.into_iter().flat_map(event).flatten().collect()
        };
        // Commits are no versions of packages.
        let ranges = wire.ranges.into_iter().filter(|range| range.kind.as_deref() != Some("GIT"));
        Self {
            package: written.or_else(|| package_of(&ecosystem, &name)),
            versions: wire.versions,
            ranges: ranges.map(events).collect(),
            ecosystem,
            name,
        }
    }
}

/// The package of a name in an ecosystem.
fn package_of(ecosystem: &str, name: &str) -> Option<Purl> {
    let family = ecosystem.split(':').next().unwrap_or_default();
    let (_, package_type, namespace) = ECOSYSTEMS.iter().find(|(known, ..)| *known == family)?;
    let (namespace, name) = match *namespace {
        sign @ ("/" | ":") => match name.rsplit_once(sign) {
            Some((namespace, name)) => (namespace, name),
            None => ("", name),
        },
        namespace => (namespace, name),
    };
    let parts = PurlParts {
        package_type: (*package_type).to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
        ..PurlParts::default()
    };
    parts.build().ok()
}

impl AffectedVersions {
    /// Whether a version is affected
    /// ([evaluation](https://ossf.github.io/osv-schema/#evaluation)).
    #[must_use]
    pub fn has(&self, version: &str) -> Answer {
        let scheme = self.package.as_ref().and_then(|purl| VersionScheme::from_name(purl.package_type()));
        let scheme = scheme.unwrap_or(VersionScheme::Semver);
        if self
            .versions
            .iter()
            .any(|one| one == version || scheme.compare(one, version) == Some(Ordering::Equal))
        {
            return Answer::Yes;
        }
        if self.versions.is_empty() && self.ranges.is_empty() {
            return Answer::Unknown(format!("the advisory says no versions of `{}`", self.name));
        }
        Answer::any(self.ranges.iter().map(|events| in_range(events, version, scheme)))
    }

    /// Whether a component is of the distribution's release that the ecosystem names: `12` of `Debian:12`. Where either of
    /// them is not a number, it is unknown.
    fn is_of_release(&self, component: &Component) -> Answer {
        let is_number = |text: &&str| {
            text.starts_with(|c: char| c.is_ascii_digit())
                && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        };
        let Some((_, rest)) = self.ecosystem.split_once(':') else { return Answer::Yes };
        let Some(release) = rest.split(':').map(|part| part.trim_start_matches('v')).find(is_number) else {
            return Answer::Unknown(format!("`{}` names no release by its number", self.ecosystem));
        };
        let distributions = component.purls.iter().filter_map(|purl| {
            let purl: Purl = purl.parse().ok()?;
            purl.qualifier("distro").map(str::to_owned)
        });
        let distributions: Vec<String> = distributions.collect();
        // `debian-12`, `12.4`, `alpine-3.18.4`.
        let is_release = |distro: &String| match distro.rsplit('-').next().filter(is_number) {
            Some(own) => Answer::from(
                own == release || own.strip_prefix(release).is_some_and(|rest| rest.starts_with('.')),
            ),
            None => Answer::Unknown(format!("`{distro}` names no release by its number")),
        };
        match distributions.is_empty() {
            true => Answer::Yes,
            false => Answer::any(distributions.iter().map(is_release)),
        }
    }
}

/// Whether a version is within a range: by the last event, in the order of versions, that is not after it.
fn in_range(events: &[VersionEvent], version: &str, scheme: VersionScheme) -> Answer {
    let order = |at: &str| if at == "0" { Some(Ordering::Greater) } else { scheme.compare(version, at) };
    if !events.iter().any(|event| matches!(event, VersionEvent::Introduced(_))) {
        return Answer::Unknown("a range of the advisory does not say where it begins".to_owned());
    }
    let mut last: Option<(&str, bool)> = None;
    for event in events {
        let (at, is_affected, has_come) = match event {
            VersionEvent::Introduced(at) => (at, true, order(at).map(Ordering::is_ge)),
            VersionEvent::Fixed(at) => (at, false, order(at).map(Ordering::is_ge)),
            VersionEvent::LastAffected(at) => (at, false, order(at).map(Ordering::is_gt)),
        };
        let Some(has_come) = has_come else {
            return Answer::Unknown(format!(
                "`{version}` and `{at}` do not compare as versions of `{scheme}`"
            ));
        };
        let is_later = last.is_none_or(|(before, _)| {
            before == "0" || at != "0" && scheme.compare(at, before).is_none_or(Ordering::is_ge)
        });
        if has_come && is_later {
            last = Some((at, is_affected));
        }
    }
    Answer::from(last.is_some_and(|(_, is_affected)| is_affected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advisory(affected: &str) -> Advisory {
        let text = format!(
            r#"{{"id": "X-1", "modified": "2026-01-01T00:00:00Z", "aliases": ["CVE-2026-1"], "affected": [{affected}]}}"#
        );
        Advisory::read(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn has(ranges: &str, version: &str) -> Answer {
        let affected =
            format!(r#"{{"package": {{"ecosystem": "npm", "name": "@a/b"}}, "ranges": [{ranges}]}}"#);
        advisory(&affected).affected[0].has(version)
    }

    #[test]
    fn a_range_is_what_its_events_make_of_it() {
        let twice = r#"{"type": "SEMVER", "events": [{"introduced": "2.0.0"}, {"fixed": "2.1.0"}, {"introduced": "0"}, {"fixed": "1.5.0"}]}"#;
        for (version, expected) in [
            ("1.0.0", true),
            ("1.5.0", false),
            ("1.9.0", false),
            ("2.0.0", true),
            ("2.1.0", false),
            ("3.0.0", false),
        ] {
            assert_eq!(has(twice, version), Answer::from(expected), "{version}");
        }
        let last =
            r#"{"type": "ECOSYSTEM", "events": [{"introduced": "1.0.0"}, {"last_affected": "1.2.0"}]}"#;
        assert_eq!(
            ["0.9.0", "1.2.0", "1.2.1"].map(|one| has(last, one)),
            [Answer::No, Answer::Yes, Answer::No]
        );
        assert!(matches!(has(twice, "soon"), Answer::Unknown(_)));
        assert!(matches!(
            has(r#"{"type": "GIT", "events": [{"introduced": "0"}]}"#, "1.0.0"),
            Answer::Unknown(_)
        ));
    }

    #[test]
    fn names_of_ecosystems_are_packages() {
        for (ecosystem, name, purl) in [
            ("npm", "@a/b", "pkg:npm/%40a/b"),
            ("Maven", "org.a:b", "pkg:maven/org.a/b"),
            ("Go", "github.com/a/b", "pkg:golang/github.com/a/b"),
            ("Debian:12", "openssl", "pkg:deb/debian/openssl"),
            ("PyPI", "a", "pkg:pypi/a"),
        ] {
            assert_eq!(package_of(ecosystem, name).unwrap().to_string(), purl);
        }
        assert_eq!(package_of("Linux", "kernel"), None);
    }

    #[test]
    fn an_advisory_is_asked_against_a_document() {
        let sbom = |purl: &str| {
            let text = format!(
                r#"{{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{{"name": "x", "purl": "{purl}"}}]}}"#
            );
            Sbom::read(text.as_bytes(), &Limits::default()).unwrap().0
        };
        let debian = advisory(
            r#"{"package": {"ecosystem": "Debian:12", "name": "openssl"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.0.11-1"}]}]}"#,
        );
        let answer = |purl: &str| debian.exposure(&sbom(purl)).answer;
        assert_eq!(answer("pkg:deb/debian/openssl@3.0.9-1?distro=debian-12"), Answer::Yes);
        assert_eq!(answer("pkg:deb/debian/libssl3@3.0.9-1?distro=debian-12.4&upstream=openssl"), Answer::Yes);
        assert_eq!(answer("pkg:deb/debian/openssl@3.0.9-1"), Answer::Yes);
        assert_eq!(answer("pkg:deb/debian/openssl@3.0.9-1?distro=debian-11"), Answer::No);
        assert_eq!(answer("pkg:deb/debian/openssl@3.0.11-1?distro=debian-12"), Answer::No);
        // A release by its name may be the one, and so may a stream of RHEL.
        assert!(matches!(answer("pkg:deb/debian/openssl@3.0.9-1?distro=bookworm"), Answer::Unknown(_)));
        let rhel = advisory(
            r#"{"package": {"ecosystem": "Red Hat:enterprise_linux:9::appstream", "name": "curl"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "7.76.1-20"}]}]}"#,
        );
        assert_eq!(rhel.exposure(&sbom("pkg:rpm/redhat/curl@7.76.1-14?distro=rhel-9.2")).answer, Answer::Yes);
        assert_eq!(rhel.exposure(&sbom("pkg:rpm/redhat/curl@7.76.1-14?distro=rhel-8.2")).answer, Answer::No);
        // A range that does not begin says nothing.
        let endless = advisory(
            r#"{"package": {"ecosystem": "npm", "name": "a"}, "ranges": [{"type": "SEMVER", "events": [{"fixed": "2.0.0"}]}]}"#,
        );
        assert!(matches!(endless.exposure(&sbom("pkg:npm/a@1.0.0")).answer, Answer::Unknown(_)));
        let unknown = advisory(r#"{"package": {"ecosystem": "Linux", "name": "kernel"}}"#);
        assert!(matches!(unknown.exposure(&sbom("pkg:deb/debian/openssl@3")).answer, Answer::Unknown(_)));
        assert!(matches!(
            advisory("").exposure(&sbom("pkg:deb/debian/openssl@3")).answer,
            Answer::Unknown(_)
        ));
    }
}
