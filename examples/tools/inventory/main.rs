//! Says which images run in a cluster, with what provenance, covered by which policies, and what is wrong: from the records that a
//! webhook and a watch keep in a folder, or at an API server.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use trust_examples::network::runtime;
use trust_examples::{clock, finish, print, read};
use trust_kube::{FolderRecords, RecordStore};
use trust_policy::{Finding, FindingState, Page, Plain, WorkloadRecord};

/// Says which images run, who signed them, which policies judged them, and what is wrong.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "inventory",
    version,
    after_help = "exit status: 0 nothing is wrong, 1 a finding is open, 2 bad input\n\n\
        JSON lines are flat, one for each container and digest. DuckDB, for example, finds the images that run unsigned:\n  \
        inventory RECORDS --format json > runs.jsonl\n  \
        duckdb -c \"select namespace, workload, image from 'runs.jsonl' where image != '' and len(signers) = 0\""
)]
struct Arguments {
    /// The folder with the records; or a file with the API server's, `-` for standard input:
    /// kubectl get workloadrecords -n trust-system -o json | inventory -
    records: PathBuf,
    /// How it is printed: text, json (lines), csv or html
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Only what a finding is open about
    #[arg(long)]
    open: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
    Csv,
    Html,
}

/// A container of a workload, flat.
#[derive(Debug, Serialize)]
struct Row {
    namespace: String,
    kind: String,
    workload: String,
    container: String,
    image: String,
    digest: Option<String>,
    running: String,
    passed: Vec<String>,
    failed: Vec<String>,
    signers: Vec<String>,
    sources: Vec<String>,
    findings: Vec<String>,
}

fn main() -> ExitCode {
    match trust_examples::arguments(|_: &Arguments| Ok(())) {
        Ok(arguments) => finish("inventory", run(&arguments)),
        Err(code) => code,
    }
}

fn run(arguments: &Arguments) -> Result<u8, String> {
    let mut records = match arguments.records.is_dir() {
        true => in_folder(&arguments.records)?,
        false => in_list(&arguments.records)?,
    };
    records.sort_by(|one, other| one.workload.cmp(&other.workload));
    let is_open = records.iter().any(|record| open(record).next().is_some());
    let mut rows: Vec<Row> = records.iter().flat_map(rows).collect();
    rows.retain(|row| !arguments.open || !row.findings.is_empty());
    print(&match arguments.format {
        Format::Text => text(&rows),
        Format::Json => lines(&rows)?,
        Format::Csv => csv(&rows),
        Format::Html => {
            records.retain(|record| !arguments.open || open(record).next().is_some());
            Page::of_records(&records, clock()?).to_string()
        }
    })?;
    Ok(u8::from(is_open))
}

fn in_folder(folder: &Path) -> Result<Vec<WorkloadRecord>, String> {
    let of_records = folder.join("records");
    if !of_records.is_dir() {
        return Err(format!("{}: it is not there, so no watch wrote records here", of_records.display()));
    }
    let store = FolderRecords::open(folder).map_err(|error| error.to_string())?;
    runtime()?.block_on(store.records()).map_err(|error| error.to_string())
}

/// Those of an API server, as `kubectl get workloadrecords -o json` lists them.
fn in_list(file: &Path) -> Result<Vec<WorkloadRecord>, String> {
    let name = file.display();
    let bytes = match file == Path::new("-") {
        true => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map_err(|error| format!("standard input: {error}"))?;
            bytes
        }
        false => read(file)?,
    };
    let list: Value =
        serde_json::from_slice(&bytes).map_err(|error| format!("{name}: no list of records: {error}"))?;
    let items = list
        .get("items")
        .and_then(Value::as_array)
        .ok_or_else(|| format!("{name}: found no items, expected a list of records"))?;
    let record = |(index, item): (usize, &Value)| {
        let content = item.pointer("/spec/content").and_then(Value::as_str);
        let content = content
            .ok_or_else(|| format!("{name}: item {index} has no spec.content, expected a WorkloadRecord"))?;
        serde_json::from_str(content).map_err(|error| format!("{name}: item {index}: {error}"))
    };
    items.iter().enumerate().map(record).collect()
}

fn open(record: &WorkloadRecord) -> impl Iterator<Item = &Finding> {
    record.findings.iter().filter(|one| one.state == FindingState::Open)
}

/// What runs; and what is found of something that does not, such as a webhook configuration.
fn rows(record: &WorkloadRecord) -> Vec<Row> {
    let row = |container: &str| Row {
        namespace: record.workload.namespace.clone(),
        kind: record.workload.kind.clone(),
        workload: record.workload.name.clone(),
        container: container.to_owned(),
        image: String::new(),
        digest: None,
        running: String::new(),
        passed: Vec::new(),
        failed: Vec::new(),
        signers: Vec::new(),
        sources: Vec::new(),
        findings: Vec::new(),
    };
    let mut rows: Vec<Row> = Vec::new();
    for one in &record.images {
        rows.push(Row {
            image: one.image.clone(),
            digest: one.digest.as_ref().map(ToString::to_string),
            running: one.running.clone(),
            passed: one.passed.clone(),
            failed: one.failed.clone(),
            signers: one.signers.clone(),
            sources: one.sources.clone(),
            ..row(&one.container)
        });
    }
    for finding in open(record) {
        let container = finding.about.container.as_deref().unwrap_or_default();
        if !rows.iter().any(|one| one.container == container) {
            rows.push(row(container));
        }
        let digest = finding.about.digest.as_ref().map(ToString::to_string);
        let is_meant = |one: &Row| {
            one.container == container
                && digest.as_ref().is_none_or(|digest| {
                    one.digest.as_ref().is_none_or(|own| own == digest) || one.running.contains(digest)
                })
        };
        let is_any = rows.iter().any(is_meant);
        let of =
            rows.iter_mut().filter(|one| if is_any { is_meant(one) } else { one.container == container });
        of.for_each(|one| one.findings.push(finding.kind.to_string()));
    }
    rows
}

fn text(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let Row { namespace, kind, workload, container, image, .. } = row;
        let signers = match &row.signers[..] {
            [] => "unsigned".to_owned(),
            signers => format!("signed by {}", signers.join(", ")),
        };
        if image.is_empty() {
            let open = row.findings.iter().map(|one| format!("  open: {}\n", Plain(one)));
            let heading = format!("{namespace}/{kind}/{workload}: {container}");
            return format!("{}\n{}", Plain(&heading), open.collect::<String>());
        }
        let mut text = format!(
            "{}\n  {}\n",
            Plain(&format!("{namespace}/{kind}/{workload}/{container}: {image}")),
            Plain(&format!(
                "runs {}, {signers}, judged by {} rules",
                row.running,
                row.passed.len() + row.failed.len()
            ))
        );
        text.extend(row.findings.iter().map(|one| format!("  open: {}\n", Plain(one))));
        text
    };
    let open: usize = rows.iter().map(|row| row.findings.len()).sum();
    let containers = rows.iter().filter(|row| !row.image.is_empty()).count();
    format!("{}{containers} containers, {open} open findings\n", rows.iter().map(line).collect::<String>())
}

fn lines(rows: &[Row]) -> Result<String, String> {
    let line =
        |row: &Row| serde_json::to_string(row).map(|line| line + "\n").map_err(|error| error.to_string());
    rows.iter().map(line).collect()
}

/// As [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180) has it, with lists separated by semicolons. What a spreadsheet would take for a
/// formula begins with an apostrophe.
fn csv(rows: &[Row]) -> String {
    let field = |text: &str| {
        let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\""))
    };
    let line = |row: &Row| {
        let lists =
            [&row.passed, &row.failed, &row.signers, &row.sources, &row.findings].map(|list| list.join("; "));
        let texts = [&row.namespace, &row.kind, &row.workload, &row.container, &row.image];
        let digest = row.digest.clone().unwrap_or_default();
        let all = texts.into_iter().chain([&digest, &row.running]).chain(&lists);
        all.map(|text| field(text)).collect::<Vec<_>>().join(",") + "\r\n"
    };
    let heading =
        "namespace,kind,workload,container,image,digest,running,passed,failed,signers,sources,findings\r\n";
    heading.to_owned() + &rows.iter().map(line).collect::<String>()
}
