//! Judges Kubernetes workloads by Kyverno policies, with images and signatures from OCI layouts.
//!
//! Without arguments it judges the embedded set in `examples/data`. Run with `--help` for the rest.

mod arguments;

use std::fmt::Display;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use trust_core::{Reasons, TrustRoot, UnixTime};
use trust_gate::{Limits, OciLayout, Repositories, collect_for};
use trust_policy::{Archive, ArchivedRequest, Decision, PolicySet, Request, Resource, Verdict};

use crate::arguments::{Arguments, Format, ImageSource};

const ALLOWED: u8 = 0;
const DENIED: u8 = 1;
const BAD_INPUT: u8 = 2;

fn main() -> ExitCode {
    let outcome = match Arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => run(&arguments),
        Ok(None) => {
            print!("{}", arguments::HELP);
            return ExitCode::from(ALLOWED);
        }
        Err(problem) => Err(format!("{problem}\n\n{}", arguments::HELP)),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            eprintln!("admit: {problem}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn run(arguments: &Arguments) -> Result<u8, String> {
    let archive = match &arguments.replay {
        Some(path) => {
            let bytes = fs::read(path).map_err(|error| at(path, &error))?;
            Archive::from_json(&bytes).map_err(|error| at(path, &Reasons(&error)))?
        }
        None if arguments.is_empty() => collect(&embedded_set()?)?,
        None => collect(arguments)?,
    };
    if let Some(path) = &arguments.save {
        let text = serde_json::to_vec(&archive).map_err(|error| at(path, &error))?;
        fs::write(path, text).map_err(|error| at(path, &error))?;
    }
    let verdicts = archive.judge().map_err(|error| Reasons(&error).to_string())?;
    print_verdicts(&verdicts, arguments.format).map_err(|error| format!("standard output: {error}"))?;
    let is_denied = verdicts.iter().any(|verdict| verdict.decision == Decision::Deny);
    Ok(if is_denied { DENIED } else { ALLOWED })
}

/// Everything that the verdicts are made of: read, fetched, and never asked for again.
fn collect(arguments: &Arguments) -> Result<Archive, String> {
    let mut input = Input::default();
    let (texts, policies) = read_policies(&arguments.policies, &mut input)?;
    let resources = read_resources(&arguments.resources, &mut input)?;
    let root = match &arguments.trust_root {
        None => TrustRoot::PUBLIC_GOOD_JSON.to_owned(),
        Some(path) => {
            let text = input.read(path)?;
            TrustRoot::from_json(text.as_bytes()).map_err(|error| at(path, &Reasons(&error)))?;
            text
        }
    };
    let mut repositories = Repositories::new();
    for ImageSource { reference, layout } in &arguments.images {
        let opened =
            OciLayout::open(layout).map_err(|error| format!("{}: {}", layout.display(), Reasons(&error)))?;
        repositories.insert(reference.clone(), opened);
    }
    let now = arguments.now.map_or_else(clock, Ok)?;
    let mut archive = Archive::new(texts, &root, now).map_err(|error| Reasons(&error).to_string())?;
    archive.allows_uncovered = arguments.allows_uncovered;
    for resource in resources {
        let request = Request::from(resource);
        let evidence = collect_for(&policies, &request, &repositories, &Limits::default(), now);
        archive.judged.push(ArchivedRequest { request, evidence });
    }
    Ok(archive)
}

/// The set in `examples/data`: policies, eight workloads, a layout with images, a trust root.
fn embedded_set() -> Result<Arguments, String> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let image = |name: &str| -> Result<ImageSource, String> {
        let reference = format!("ghcr.io/myorg/{name}").parse().map_err(|error| format!("{error}"))?;
        Ok(ImageSource { reference, layout: data.join("images") })
    };
    Ok(Arguments {
        policies: files_in(&data.join("policies"))?,
        resources: files_in(&data.join("resources"))?,
        images: vec![image("app")?, image("web")?, image("lab")?],
        trust_root: Some(data.join("trusted-root.json")),
        now: Some("2026-11-22T00:00:00Z".parse().map_err(|error| format!("{error}"))?),
        ..Arguments::default()
    })
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut files: Vec<_> = entries
        .map_err(|error| format!("{}: {error}", folder.display()))?
        .into_iter()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    Ok(files)
}

/// The policies, as text and read.
fn read_policies(files: &[PathBuf], input: &mut Input) -> Result<(Vec<String>, PolicySet), String> {
    let (mut texts, mut policies) = (Vec::new(), PolicySet::default());
    for file in files {
        let text = input.read(file)?;
        let read = PolicySet::from_yaml(&text).map_err(|error| at(file, &error))?;
        for lint in read.policies().iter().flat_map(|policy| &policy.lints) {
            eprintln!("admit: note: {}", at(file, lint));
        }
        policies.extend(read);
        texts.push(text);
    }
    Ok((texts, policies))
}

fn read_resources(files: &[PathBuf], input: &mut Input) -> Result<Vec<Resource>, String> {
    let mut resources = Vec::new();
    for file in files {
        let read = Resource::from_yaml(&input.read(file)?).map_err(|error| at(file, &error))?;
        if read.is_empty() {
            return Err(at(file, &"found no resource, expected at least one"));
        }
        resources.extend(read);
    }
    Ok(resources)
}

/// Files, and standard input, which can be read once.
#[derive(Default)]
struct Input {
    stdin_is_read: bool,
}

impl Input {
    fn read(&mut self, path: &Path) -> Result<String, String> {
        if path != Path::new("-") {
            return fs::read_to_string(path).map_err(|error| at(path, &error));
        }
        if std::mem::replace(&mut self.stdin_is_read, true) {
            return Err("`-` is given twice, but standard input can be read once".to_owned());
        }
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(|error| at(path, &error))?;
        Ok(text)
    }
}

fn print_verdicts(verdicts: &[Verdict], format: Format) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, verdicts)?;
            writeln!(out)
        }
        Format::Text => {
            for verdict in verdicts {
                writeln!(out, "{verdict}\n")?;
            }
            let denied = verdicts.iter().filter(|verdict| verdict.decision == Decision::Deny).count();
            writeln!(out, "{} allowed, {denied} denied", verdicts.len() - denied)
        }
    }
}

fn clock() -> Result<UnixTime, String> {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| format!("clock: {error}"))?;
    let millis = i64::try_from(elapsed.as_millis()).map_err(|error| format!("clock: {error}"))?;
    Ok(UnixTime::from_millis(millis))
}

fn at(file: &Path, problem: &dyn Display) -> String {
    let name = if file == Path::new("-") { "standard input".into() } else { file.to_string_lossy() };
    format!("{name}: {problem}")
}
