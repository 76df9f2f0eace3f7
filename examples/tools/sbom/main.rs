//! Reads SBOMs, scan reports and VEX documents of any format, and answers questions about them.

mod affected;
mod arguments;
mod attestation;
mod findings;
mod input;
mod show;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};
use trust_examples::{Format, finish, print};
use trust_policy::Plain;
use trust_sbom::{Answer, ComponentId, Conformance, Limits, Profile, Sbom, Strictness};

use crate::arguments::{Arguments, Command, Target};
use crate::input::{open, read};

/// What a command says, and the status that it ends with.
struct Outcome {
    text: String,
    json: Value,
    status: u8,
}

fn main() -> ExitCode {
    let arguments = match trust_examples::arguments(|_: &Arguments| Ok(())) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let printed = |outcome: Outcome| {
        let text = match arguments.format {
            Format::Json => format!("{:#}\n", outcome.json),
            Format::Text => outcome.text,
        };
        print(&text).map(|()| outcome.status)
    };
    finish("sbom", run(&arguments.command).and_then(printed))
}

fn run(command: &Command) -> Result<Outcome, String> {
    match command {
        Command::Show { file, strict } => show::show(file, *strict),
        Command::Packages { file } => packages(file),
        Command::Licenses { file } => licenses(file),
        Command::Affected(arguments) => affected::affected(arguments),
        Command::Check { file, profile } => check(file, profile),
        Command::Diff { before, after } => diff(before, after),
        Command::Findings(arguments) => findings::findings(arguments),
        Command::Convert { file, to } => convert(file, *to),
    }
}

fn status_of(answer: &Answer, if_yes: u8, if_no: u8) -> u8 {
    match answer {
        Answer::Yes => if_yes,
        Answer::No => if_no,
        Answer::Unknown(_) => 3,
    }
}

/// How people call a component.
fn name(sbom: &Sbom, id: ComponentId) -> String {
    let Some(component) = sbom.component(id) else { return String::new() };
    match (component.purls.first(), &component.version) {
        (Some(purl), _) => purl.clone(),
        (None, Some(version)) => format!("{}@{version}", component.full_name()),
        (None, None) => component.full_name(),
    }
}

fn packages(file: &str) -> Result<Outcome, String> {
    let mut purls = BTreeSet::new();
    // Only the package URLs are kept, so a document may be larger than memory.
    let streamed = Sbom::read_components(open(file)?, &Limits::default(), &mut |component| {
        purls.extend(component.purls);
    });
    if streamed.is_err() {
        // It may stand within something else.
        let (sbom, _) = read(file, Strictness::Meaning)?;
        purls = sbom.components().iter().flat_map(|component| component.purls.iter().cloned()).collect();
    }
    let text = purls.iter().fold(String::new(), |text, purl| text + purl + "\n");
    Ok(Outcome { text, json: json!(purls), status: 0 })
}

/// The licenses that are concluded or declared, with how many components have them.
fn licenses(file: &str) -> Result<Outcome, String> {
    let (sbom, _) = read(file, Strictness::Meaning)?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for component in sbom.components() {
        let names: BTreeSet<&str> = component.licenses.iter().map(|claim| claim.license.text()).collect();
        let names = if names.is_empty() { BTreeSet::from(["none stated"]) } else { names };
        for name in names {
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    let text =
        counts.iter().fold(String::new(), |text, (name, count)| text + &format!("{count:>6} {name}\n"));
    Ok(Outcome { text, json: json!(counts), status: 0 })
}

fn check(file: &str, profile: &Profile) -> Result<Outcome, String> {
    let (sbom, _) = read(file, Strictness::Meaning)?;
    let conformance = profile.check(&sbom);
    let status = status_of(&conformance.conforms, 0, 1);
    Ok(Outcome { text: table(profile, &conformance), json: json!(conformance), status })
}

fn table(profile: &Profile, conformance: &Conformance) -> String {
    let mut text = format!(
        "{} {}: {}, {:.1} of 10\n",
        profile.id, profile.edition, conformance.conforms, conformance.score
    );
    for check in &conformance.checks {
        let mark = if check.passed == check.total { "ok" } else { "--" };
        let _ = write!(text, "  {mark} {:<36} {}/{}", check.id, check.passed, check.total);
        if !check.missing.is_empty() {
            let shown: Vec<&str> = check.missing.iter().take(3).map(String::as_str).collect();
            let more = if check.total - check.passed > shown.len() { ", …" } else { "" };
            let _ = write!(text, "  missing: {}{more}", shown.join(", "));
        }
        text.push('\n');
    }
    text
}

fn diff(before: &str, after: &str) -> Result<Outcome, String> {
    let (before, _) = read(before, Strictness::Meaning)?;
    let (after, _) = read(after, Strictness::Meaning)?;
    let diff = before.diff(&after);
    let mut text = String::new();
    for id in &diff.removed {
        let _ = writeln!(text, "- {}", name(&before, *id));
    }
    for id in &diff.added {
        let _ = writeln!(text, "+ {}", name(&after, *id));
    }
    for change in &diff.changed {
        let aspects: Vec<String> =
            change.aspects.iter().map(|aspect| format!("{aspect:?}").to_lowercase()).collect();
        let (old, new) = (name(&before, change.before), name(&after, change.after));
        let _ = writeln!(text, "~ {old} -> {new} ({})", aspects.join(", "));
    }
    for (mark, edges) in [("-", &diff.removed_dependencies), ("+", &diff.added_dependencies)] {
        for (from, to) in edges {
            let _ = writeln!(text, "{mark} {from} > {to}");
        }
    }
    let names = |sbom: &Sbom, ids: &[ComponentId]| ids.iter().map(|id| name(sbom, *id)).collect::<Vec<_>>();
    let changed = diff.changed.iter().map(|change| {
        json!({"before": name(&before, change.before), "after": name(&after, change.after), "aspects": change.aspects})
    });
    let json = json!({
        "added": names(&after, &diff.added), "removed": names(&before, &diff.removed),
        "changed": changed.collect::<Vec<_>>(),
        "addedDependencies": diff.added_dependencies, "removedDependencies": diff.removed_dependencies,
    });
    Ok(Outcome { text, json, status: u8::from(!diff.is_empty()) })
}

fn convert(file: &str, to: Target) -> Result<Outcome, String> {
    let (sbom, _) = read(file, Strictness::Meaning)?;
    let written = match to {
        Target::Cyclonedx => sbom.to_cyclonedx(),
        Target::Spdx => sbom.to_spdx(),
    };
    if let Some(first) = written.lost.first() {
        eprintln!(
            "sbom: the format has no place for {} things, such as {}",
            written.lost.len(),
            Plain(first)
        );
    }
    let json = json!({"document": written.json, "lost": written.lost});
    Ok(Outcome { text: written.json + "\n", json, status: 0 })
}
