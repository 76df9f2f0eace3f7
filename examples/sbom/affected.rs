//! Whether a document holds what is affected: versions of a package, those of an advisory, or what a scanner found.

use std::fmt::Write as _;

use serde_json::json;
use trust_core::Reasons;
use trust_sbom::{
    Advisory, Answer, ComponentId, Exposure, Limits, PackagePattern, Paths, Purl, Sbom, ScanReport,
    Strictness, Vers, Way,
};

use crate::arguments::{Arguments, Failure, bad_input, usage};
use crate::{Outcome, name, read, read_bytes, status_of};

pub(crate) fn affected(arguments: &Arguments) -> Result<Outcome, Failure> {
    let given = ["--purl", "--advisory", "--id"].map(|option| arguments.values(option).count());
    match given {
        [1, 0, 0] => by_range(arguments),
        [0, count, 0] if count > 0 => by_advisories(arguments),
        [0, 0, 1] => by_reports(arguments),
        _ => Err(usage("one of `--purl` with `--range`, `--advisory`, and `--id` with `--report` is needed")),
    }
}

fn by_range(arguments: &Arguments) -> Result<Outcome, Failure> {
    let purl: Purl =
        arguments.required("--purl")?.parse().map_err(|error| bad_input(Reasons(&error).to_string()))?;
    let range: Vers =
        arguments.required("--range")?.parse().map_err(|error| bad_input(Reasons(&error).to_string()))?;
    range.check_alternation().map_err(|error| bad_input(error.to_string()))?;
    let (sbom, _) = read(arguments.only_operand()?, Strictness::Meaning)?;
    let exposure = sbom.exposure(&PackagePattern::Purl(Box::new(purl)), &range);
    Ok(Outcome {
        text: format!("{}\n{}", exposure.answer, ways(&sbom, &exposure)),
        status: status_of(&exposure.answer, 1, 0),
        json: arguments.json(|| json!(exposure)),
    })
}

fn by_advisories(arguments: &Arguments) -> Result<Outcome, Failure> {
    let (sbom, _) = read(arguments.only_operand()?, Strictness::Meaning)?;
    let (mut text, mut json, mut answers) = (String::new(), Vec::new(), Vec::new());
    for file in arguments.values("--advisory") {
        let advisory = Advisory::read(&read_bytes(file)?, &Limits::default())
            .map_err(|error| bad_input(format!("{file}: {}", Reasons(&error))))?;
        let exposure = advisory.exposure(&sbom);
        let withdrawn = advisory.withdrawn.map_or_else(String::new, |time| format!(" (withdrawn {time})"));
        let _ = writeln!(
            text,
            "{}{withdrawn}: {}\n{}",
            advisory.id,
            exposure.answer,
            ways(&sbom, &exposure).trim_end()
        );
        json.push(json!({"id": advisory.id, "aliases": advisory.aliases, "exposure": exposure}));
        answers.push(exposure.answer);
    }
    let text =
        text.lines().filter(|line| !line.is_empty()).fold(String::new(), |text, line| text + line + "\n");
    Ok(Outcome { text, json: json!(json), status: status_of(&Answer::any(answers), 1, 0) })
}

/// What reports say of one vulnerability, and whether the document holds it.
fn by_reports(arguments: &Arguments) -> Result<Outcome, Failure> {
    let id = arguments.required("--id")?;
    let (sbom, _) = read(arguments.only_operand()?, Strictness::Meaning)?;
    let paths = Paths::of(&sbom);
    let (mut text, mut found, mut answers) = (String::new(), Vec::new(), Vec::new());
    for file in arguments.values("--report") {
        let report = ScanReport::read(&read_bytes(file)?, &Limits::default())
            .map_err(|error| bad_input(format!("{file}: {}", Reasons(&error))))?;
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
                let _ = writeln!(text, "    {}", shown(&sbom, one.id, paths.way_to(one.id).as_ref()));
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
    if answers.is_empty() {
        return Err(usage("`--id` needs a `--report`"));
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
