//! Whether a document holds what is affected: versions of a package, those of an advisory, or what a scanner found.

use std::fmt::Write as _;

use serde_json::json;
use trust_core::Reasons;
use trust_sbom::{
    Advisory, Answer, ComponentId, Exposure, Limits, PackagePattern, Paths, Purl, Sbom, ScanReport,
    Strictness, Vers, Way,
};

use crate::arguments::{Affected, Question};
use crate::input::{read, read_bytes};
use crate::{Outcome, name, status_of};

pub(crate) fn affected(arguments: &Affected) -> Result<Outcome, String> {
    let (sbom, _) = read(&arguments.file, Strictness::Meaning)?;
    match (&arguments.question, &arguments.range) {
        (Question { purl: Some(purl), .. }, Some(range)) => by_range(&sbom, purl, range),
        (Question { id: Some(id), .. }, _) => by_reports(&sbom, id, &arguments.reports),
        (Question { advisories, .. }, _) => by_advisories(&sbom, advisories),
    }
}

fn by_range(sbom: &Sbom, purl: &Purl, range: &Vers) -> Result<Outcome, String> {
    range.check_alternation().map_err(|error| error.to_string())?;
    let exposure = sbom.exposure(&PackagePattern::Purl(Box::new(purl.clone())), range);
    Ok(Outcome {
        text: format!("{}\n{}", exposure.answer, ways(sbom, &exposure)),
        status: status_of(&exposure.answer, 1, 0),
        json: json!(exposure),
    })
}

fn by_advisories(sbom: &Sbom, files: &[String]) -> Result<Outcome, String> {
    let (mut text, mut json, mut answers) = (String::new(), Vec::new(), Vec::new());
    for file in files {
        let advisory = Advisory::read(&read_bytes(file)?, &Limits::default())
            .map_err(|error| format!("{file}: {}", Reasons(&error)))?;
        let exposure = advisory.exposure(sbom);
        let withdrawn = advisory.withdrawn.map_or_else(String::new, |time| format!(" (withdrawn {time})"));
        let _ = writeln!(text, "{}{withdrawn}: {}", advisory.id, exposure.answer);
        text += &ways(sbom, &exposure);
        json.push(json!({"id": advisory.id, "aliases": advisory.aliases, "exposure": exposure}));
        answers.push(exposure.answer);
    }
    Ok(Outcome { text, json: json!(json), status: status_of(&Answer::any(answers), 1, 0) })
}

/// What reports say of one vulnerability, and whether the document holds it.
fn by_reports(sbom: &Sbom, id: &str, files: &[String]) -> Result<Outcome, String> {
    let paths = Paths::of(sbom);
    let (mut text, mut found, mut answers) = (String::new(), Vec::new(), Vec::new());
    for file in files {
        let report = ScanReport::read(&read_bytes(file)?, &Limits::default())
            .map_err(|error| format!("{file}: {}", Reasons(&error)))?;
        let named =
            report.findings.iter().filter(|one| one.names().any(|name| name.eq_ignore_ascii_case(id)));
        for finding in named.clone() {
            let component = &finding.component;
            let purl = component.purl.as_ref().and_then(|purl| purl.parse().ok());
            let pattern = match purl {
                Some(purl) => PackagePattern::Purl(Box::new(purl)),
                None => PackagePattern::Name(component.name.clone(), component.version.clone()),
            };
            let matches = sbom.find(&pattern);
            let _ = writeln!(
                text,
                "  {file}: {} ({}) in {component}: {}",
                finding.id, finding.severity, finding.fix
            );
            for one in &matches {
                let _ = writeln!(text, "    {}", shown(sbom, one.id, paths.way_to(one.id).as_ref()));
            }
            answers.push(match matches.is_empty() {
                true => Answer::Unknown(format!(
                    "{file} finds it in {component}, which the document does not list"
                )),
                false => Answer::Yes,
            });
            found.push(finding.clone());
        }
        if named.count() == 0 {
            answers.push(match &report.scanned {
                Answer::Yes => Answer::No,
                _ => Answer::Unknown(format!("{file} does not show that it looked for vulnerabilities")),
            });
        }
    }
    let answer = Answer::any(answers);
    let json = json!({"id": id, "answer": answer, "findings": found});
    Ok(Outcome { text: format!("{answer}\n{text}"), json, status: status_of(&answer, 1, 0) })
}

fn ways(sbom: &Sbom, exposure: &Exposure) -> String {
    let line = |one: &trust_sbom::Exposed| format!("  {}\n", shown(sbom, one.found.id, one.path.as_ref()));
    exposure.exposed.iter().map(line).collect()
}

/// A component, and the way to it, if there is one.
fn shown(sbom: &Sbom, id: ComponentId, way: Option<&Way>) -> String {
    let Some(way) = way else { return name(sbom, id) };
    let left_out = (way.left_out > 0).then(|| format!("{} more", way.left_out));
    let last = way.last.iter().map(|id| name(sbom, *id));
    core::iter::once(name(sbom, way.root)).chain(left_out).chain(last).collect::<Vec<_>>().join(" > ")
}
