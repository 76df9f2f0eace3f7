//! Reads bills of materials, scan reports and VEX documents of any format, and answers questions about them.

mod affected;
mod arguments;
mod attestation;
mod progress;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::process::ExitCode;

use flate2::read::MultiGzDecoder;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use trust_core::{Digest, Reasons};
use trust_sbom::{
    Advisory, Answer, ComponentId, Conformance, Diagnostics, Finding, FindingRule, Limits, Predicate,
    Profile, Sbom, ScanReport, Severity, Strictness, Vex, VexMatching, VexSource, VexSubject, join_findings,
};

use crate::arguments::{Arguments, Failure, bad_input, usage};
use crate::attestation::Attested;
use crate::progress::Progress;

const USAGE: &str = "\
Reads bills of materials, scan reports and VEX documents, and answers questions about them.

usage: sbom show     FILE [--strict]                what it is, how much is in it, what is odd about it
       sbom packages FILE                           its package URLs, one a line, sorted
       sbom licenses FILE                           its licenses, and how many components have each
       sbom affected FILE --purl PURL --range VERS  whether it holds the package in these versions, and how it got there
       sbom affected FILE --advisory OSV...         whether it holds what advisories of OSV say is affected
       sbom affected FILE --id CVE --report REPORT... whether it holds what scanners found to have this vulnerability
       sbom check    FILE --profile ntia|cisa|bsi   whether it says what the profile demands
       sbom diff     FILE FILE                      what changed from the first to the second
       sbom findings REPORT... [--vex FILE]... [--digest DIGEST] [--fail-on SEVERITY,...] [--fixed-only]
                                                    what the scanners found, joined, and what VEX says about it
       sbom convert  FILE --to cyclonedx|spdx       the document as CycloneDX 1.6 or SPDX 2.3, in JSON

Formats are found out by content: CycloneDX 1.0 to 1.7 (JSON, XML); SPDX 2.1 to 2.3 (JSON, tag-value, YAML) and 3.0;
reports of Trivy, Grype, osv-scanner, SARIF, CycloneDX and in-toto vulns; OpenVEX, CSAF, CycloneDX, SPDX 3. Bills of
materials are also read within an in-toto statement, a DSSE envelope, a Sigstore bundle or GitHub's `{\"sbom\": …}`,
without verifying anything; `show` says what else is in them.
`-` is standard input. `--format json` prints JSON.

--strict refuses what the specification forbids, and not only what has no meaning.
--vex says that this document's statements count. With --digest only those count that name the image by it.

exit status: 0 yes to check, no to affected and findings, no difference; 1 the other answer; 2 bad input; 3 unknown
";

/// More bytes are not looked at for an attestation.
const MAX_ATTESTATION_LEN: u64 = 64 << 20;

/// What a command says, and the status that it ends with.
struct Outcome {
    text: String,
    json: Value,
    status: u8,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(text) = trust_examples::about("sbom", USAGE, &words) {
        return printed(&text, 0);
    }
    match Arguments::parse(&words).and_then(|arguments| run(&arguments)) {
        Ok((outcome, true)) => printed(&format!("{:#}\n", outcome.json), outcome.status),
        Ok((outcome, false)) => printed(&outcome.text, outcome.status),
        Err(Failure::Usage(problem)) => {
            eprintln!("sbom: {problem}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Err(Failure::Input(problem)) => {
            eprintln!("sbom: {problem}");
            ExitCode::from(2)
        }
    }
}

fn printed(text: &str, status: u8) -> ExitCode {
    match trust_examples::print(text) {
        Ok(()) => ExitCode::from(status),
        Err(problem) => {
            eprintln!("sbom: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<(Outcome, bool), Failure> {
    let as_json = match arguments.value("--format")? {
        None | Some("text") => false,
        Some("json") => true,
        Some(other) => return Err(usage(format!("`{other}` is not a format, expected text or json"))),
    };
    let outcome = match arguments.command() {
        "show" => show(arguments)?,
        "packages" => packages(arguments)?,
        "licenses" => licenses(arguments)?,
        "affected" => affected::affected(arguments)?,
        "check" => check(arguments)?,
        "diff" => diff(arguments)?,
        "findings" => findings(arguments)?,
        "convert" => convert(arguments)?,
        other => return Err(usage(format!("`{other}` is not a command"))),
    };
    Ok((outcome, as_json))
}

/// A file, or standard input, while a person sees how far it is; unpacked, if it is gzip. Who reads it bounds how much.
fn open(file: &str) -> Result<Box<dyn Read>, Failure> {
    let problem = |error: std::io::Error| bad_input(format!("{file}: {error}"));
    let (opened, len): (Box<dyn Read>, _) = if file == "-" {
        (Box::new(std::io::stdin()), None)
    } else {
        let opened = File::open(file).map_err(problem)?;
        let len = opened.metadata().ok().map(|metadata| metadata.len());
        (Box::new(opened), len)
    };
    let mut read = BufReader::new(Progress::new(opened, len));
    let is_gzip = read.fill_buf().map_err(problem)?.starts_with(&[0x1f, 0x8b]);
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(read)) } else { Box::new(read) })
}

fn read(file: &str, strictness: Strictness) -> Result<(Sbom, Diagnostics), Failure> {
    let limits = Limits::default();
    let error = match Sbom::read_strictly(open(file)?, &limits, strictness) {
        Ok(read) => return Ok(read),
        Err(error) => error,
    };
    // Standard input cannot be read again.
    let bytes = if file == "-" { Vec::new() } else { read_bytes(file)? };
    let within =
        wrapped(&bytes).and_then(|text| Sbom::read_strictly(text.as_bytes(), &limits, strictness).ok());
    within.ok_or_else(|| bad_input(format!("{file}: {}{}", Reasons(&error), looks_like(&bytes))))
}

/// The bill of materials within an attestation, or within GitHub's `{"sbom": …}`.
fn wrapped(bytes: &[u8]) -> Option<String> {
    if let Some(attested) = Attested::read(bytes) {
        return Some(attested.statement.predicate_json().to_owned());
    }
    let outer: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(bytes).ok()?;
    Some(outer.get("sbom")?.get().to_owned())
}

/// What a file is that is not what was expected, and what reads it.
fn looks_like(bytes: &[u8]) -> &'static str {
    let limits = Limits::default();
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => " (it is UTF-16, expected UTF-8)",
        _ if Attested::read(bytes).is_some() => " (it is an attestation: `sbom show` reads what it says)",
        _ if Advisory::read(bytes, &limits).is_ok() => {
            " (it is an advisory: `sbom affected SBOM --advisory FILE` reads it)"
        }
        _ if ScanReport::read(bytes, &limits).is_ok() => " (it is a scan report: `sbom findings` reads it)",
        _ if Vex::read(bytes, &limits).is_ok() => {
            " (it is a VEX document: `sbom findings REPORT --vex FILE` hears it)"
        }
        _ if Sbom::read(bytes, &limits).is_ok() => " (it is a bill of materials: `sbom show` reads it)",
        _ => "",
    }
}

fn read_bytes(file: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let most = Limits::default().len;
    open(file)?
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| bad_input(format!("{file}: {error}")))?;
    Ok(bytes)
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

fn show(arguments: &Arguments) -> Result<Outcome, Failure> {
    let strictness = if arguments.flag("--strict") { Strictness::Spec } else { Strictness::Meaning };
    let file = arguments.only_operand()?;
    // Larger attestations are not read whole.
    if file != "-"
        && std::fs::metadata(file).is_ok_and(|metadata| metadata.len() <= MAX_ATTESTATION_LEN)
        && let Some(attested) = Attested::read(&read_bytes(file)?)
    {
        return show_attested(file, &attested);
    }
    let (sbom, diagnostics) = read(file, strictness)?;
    Ok(show_sbom(&sbom, &diagnostics))
}

/// What an attestation is, and what it says.
fn show_attested(file: &str, attested: &Attested) -> Result<Outcome, Failure> {
    let (mut text, mut json) = attested.shown();
    let predicate = attested.predicate().map_err(|problem| bad_input(format!("{file}: {problem}")))?;
    let (lines, content) = match &predicate {
        Predicate::Sbom(sbom, diagnostics) => {
            let outcome = show_sbom(sbom, diagnostics);
            (outcome.text, outcome.json)
        }
        other => (format!("{:<15}{}\n", "content", attestation::summary(other)), json!(other)),
    };
    text += &lines;
    if let Value::Object(fields) = &mut json {
        fields.insert("content".to_owned(), content);
    }
    Ok(Outcome { text, json, status: 0 })
}

fn show_sbom(sbom: &Sbom, diagnostics: &Diagnostics) -> Outcome {
    let header = sbom.header();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for component in sbom.components() {
        *kinds.entry(component.kind.name()).or_default() += 1;
    }
    let roots: Vec<String> = sbom.roots().iter().map(|root| name(sbom, *root)).collect();
    let purls = sbom.components().iter().filter(|component| !component.purls.is_empty()).count();
    let tools: Vec<String> = header
        .tools
        .iter()
        .map(|tool| {
            tool.version.as_ref().map_or(tool.name.clone(), |version| format!("{} {version}", tool.name))
        })
        .collect();
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<15}{value}");
        }
    };
    line("format", &format!("{} {} in {}", sbom.format(), sbom.version(), sbom.encoding()));
    line("identifier", header.id.as_deref().unwrap_or_default());
    line("name", header.name.as_deref().unwrap_or_default());
    line("created", &header.created.map(|time| time.to_string()).unwrap_or_default());
    line("tools", &tools.join(", "));
    line("about", &roots.join(", "));
    let kinds_text: Vec<String> = kinds
        .iter()
        .map(|(kind, count)| format!("{count} {}", if kind.is_empty() { "of no stated kind" } else { kind }))
        .collect();
    line(
        "components",
        &format!("{}, {purls} with a package URL ({})", sbom.components().len(), kinds_text.join(", ")),
    );
    line("relationships", &sbom.relationships().len().to_string());
    line("dependencies", &sbom.dependencies().count().to_string());
    line("findings", &sbom.findings().len().to_string());
    line("diagnostics", &diagnostics.count().to_string());
    let mut gravest: Vec<_> = diagnostics.kept().iter().collect();
    gravest.sort_by_key(|diagnostic| core::cmp::Reverse(diagnostic.grade));
    for diagnostic in gravest.into_iter().take(20) {
        let _ = writeln!(text, "  {diagnostic}");
    }
    if diagnostics.count() > 20 {
        let _ = writeln!(text, "  … and {} more", diagnostics.count() - 20);
    }
    let json = json!({
        "format": sbom.format(), "version": sbom.version(), "encoding": sbom.encoding(), "digest": sbom.digest().map(ToString::to_string),
        "id": header.id, "name": header.name, "created": header.created, "tools": header.tools, "roots": roots,
        "components": sbom.components().len(), "componentsByKind": kinds, "componentsWithPurl": purls,
        "relationships": sbom.relationships().len(), "dependencies": sbom.dependencies().count(),
        "findings": sbom.findings().len(), "diagnosticsCount": diagnostics.count(), "diagnostics": diagnostics.kept(),
    });
    Outcome { text, json, status: 0 }
}

fn packages(arguments: &Arguments) -> Result<Outcome, Failure> {
    let file = arguments.only_operand()?;
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
    Ok(Outcome { text, json: arguments.json(|| json!(purls)), status: 0 })
}

/// The licenses that are concluded or declared, with how many components have them.
fn licenses(arguments: &Arguments) -> Result<Outcome, Failure> {
    let (sbom, _) = read(arguments.only_operand()?, Strictness::Meaning)?;
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

fn check(arguments: &Arguments) -> Result<Outcome, Failure> {
    let wanted = arguments.required("--profile")?;
    let profile = Profile::from_name(wanted)
        .ok_or_else(|| usage(format!("`{wanted}` is not a profile, expected ntia, cisa or bsi")))?;
    let (sbom, _) = read(arguments.only_operand()?, Strictness::Meaning)?;
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

fn diff(arguments: &Arguments) -> Result<Outcome, Failure> {
    let [before, after] = arguments.operands() else { return Err(usage("diff needs two files")) };
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

fn findings(arguments: &Arguments) -> Result<Outcome, Failure> {
    let rule = rule(arguments)?;
    let limits = Limits::default();
    let mut documents = Vec::new();
    for file in arguments.values("--vex") {
        let vex = Vex::read(&read_bytes(file)?, &limits)
            .map_err(|error| bad_input(format!("{file}: {}", Reasons(&error))))?;
        documents.push((file, vex));
    }
    let (matching, subject) = match arguments.value("--digest")? {
        Some(text) => {
            let digest: Digest = text.parse().map_err(|error| bad_input(Reasons(&error).to_string()))?;
            (VexMatching::Digest, VexSubject::of_digests([digest]))
        }
        None => (VexMatching::Identifier, VexSubject::default()),
    };
    let sources: Vec<VexSource<'_>> =
        documents.iter().map(|(file, vex)| VexSource { vex, author: file, matching }).collect();
    let mut all: Vec<Finding> = Vec::new();
    let mut scanned = Answer::Yes;
    let mut reports: Vec<ScanReport> = Vec::new();
    for file in arguments.operands() {
        let bytes = read_bytes(file)?;
        let mut report = ScanReport::read(&bytes, &limits)
            .map_err(|error| bad_input(format!("{file}: {}{}", Reasons(&error), looks_like(&bytes))))?;
        // Before they are joined, as policies do it: what one report knows under another name is not answered for it.
        report.suppress(&sources, &subject);
        all.append(&mut report.findings);
        if report.scanned != Answer::Yes {
            scanned = report.scanned.clone();
        }
        reports.push(report);
    }
    let Some(mut report) = reports.pop() else { return Err(usage("findings needs a report")) };
    report.findings = join_findings(all);
    report.scanned = scanned;
    let mut text = String::new();
    report.findings.sort_by_key(|finding| core::cmp::Reverse(finding.severity.rank()));
    for finding in &report.findings {
        let _ =
            write!(text, "{:<10} {} in {}: {}", finding.severity, finding.id, finding.component, finding.fix);
        if let Some(reason) = &finding.suppressed {
            let _ = write!(text, "  [{reason}]");
        }
        text.push('\n');
    }
    let answer = rule.map(|rule| report.has(&rule));
    if let Some(answer) = &answer {
        let _ = writeln!(text, "forbidden findings: {answer}");
    }
    let status = answer.as_ref().map_or(0, |answer| status_of(answer, 1, 0));
    let json = arguments.json(|| json!({"findings": report.findings, "forbidden": answer}));
    Ok(Outcome { text, json, status })
}

/// Which findings are forbidden; `None` if nothing is said about it.
fn rule(arguments: &Arguments) -> Result<Option<FindingRule>, Failure> {
    let fixed_only = arguments.flag("--fixed-only");
    let Some(names) = arguments.value("--fail-on")? else {
        return if fixed_only { Err(usage("`--fixed-only` needs `--fail-on`")) } else { Ok(None) };
    };
    let mut severities = Vec::new();
    for name in names.split(',') {
        let severity = Severity::from_name(name);
        if severity == Severity::Unknown && !name.eq_ignore_ascii_case("unknown") {
            return Err(usage(format!("`{name}` is not a severity")));
        }
        severities.push(severity);
    }
    let rule = FindingRule::of_severities(&severities);
    Ok(Some(if fixed_only { rule.with_fix() } else { rule }))
}

fn convert(arguments: &Arguments) -> Result<Outcome, Failure> {
    let to = arguments.required("--to")?;
    let (sbom, _) = read(arguments.only_operand()?, Strictness::Meaning)?;
    let written = match to {
        "cyclonedx" => sbom.to_cyclonedx(),
        "spdx" => sbom.to_spdx(),
        other => return Err(usage(format!("`{other}` is not a format, expected cyclonedx or spdx"))),
    };
    if let Some(first) = written.lost.first() {
        eprintln!("sbom: the format has no place for {} things, such as {first}", written.lost.len());
    }
    let json = arguments.json(|| json!({"document": written.json, "lost": written.lost}));
    Ok(Outcome { text: written.json + "\n", json, status: 0 })
}
