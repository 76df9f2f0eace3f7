//! Judges Kubernetes workloads by policies, with images and signatures from registries and OCI layouts.
//!
//! Without arguments it judges the embedded set in `examples/data`. Run with `--help` for the rest.

mod arguments;

use std::fmt::Display;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use trust_core::{Reasons, TrustRoot};
use trust_examples::network::{Network, Root, progress, runtime};
use trust_examples::{ImageSource, clock, finish, painted, print};
use trust_gate::{Limits, Objects, collect_for_async, collect_revocations, notation_policies};
use trust_policy::{
    Archive, Decision, Page, PolicySet, Replay, ReportKind, Request, Resource, Verdict, to_sarif,
};

use crate::arguments::{Arguments, Format};

const ALLOWED: u8 = 0;
const DENIED: u8 = 1;

fn main() -> ExitCode {
    match trust_examples::arguments(Arguments::check) {
        Ok(arguments) => finish("admit", run(&arguments)),
        Err(code) => code,
    }
}

fn run(arguments: &Arguments) -> Result<u8, String> {
    if let Some(path) = &arguments.replay {
        return replay(path, arguments);
    }
    let archive = if arguments.is_empty() { collect(&embedded_set()?)? } else { collect(arguments)? };
    if let Some(path) = &arguments.save {
        let text = serde_json::to_vec(&archive).map_err(|error| at(path, &error))?;
        fs::write(path, text).map_err(|error| at(path, &error))?;
    }
    let verdicts: Vec<&Verdict> = archive.judged.iter().map(|one| &one.verdict).collect();
    print(&shown(&verdicts, &archive, arguments)?)?;
    Ok(status(&verdicts))
}

/// Judges an archive again: by its own policies, or by others that might have been there.
fn replay(path: &Path, arguments: &Arguments) -> Result<u8, String> {
    let bytes = fs::read(path).map_err(|error| at(path, &error))?;
    let archive = Archive::from_json(&bytes).map_err(|error| at(path, &Reasons(&error)))?;
    let is_what_if = !arguments.policies.is_empty();
    let replay = if is_what_if {
        let (texts, _) = read_policies(&arguments.policies, &mut Input::default())?;
        archive.replay_by(&texts)
    } else {
        archive.replay()
    };
    let Replay { verdicts, differences, .. } = replay.map_err(|error| at(path, &Reasons(&error)))?;
    let verdicts: Vec<&Verdict> = verdicts.iter().collect();
    let mut text = shown(&verdicts, &archive, arguments)?;
    if arguments.format == Format::Text {
        let heading = if is_what_if { "what if: not the archive's own policies" } else { "replay" };
        text += &match differences.len() {
            0 => format!("{heading}: as it was judged\n"),
            count => format!("{heading}: {count} differences\n"),
        };
        text.extend(differences.iter().map(|one| format!("  {one}\n")));
    } else {
        for one in &differences {
            eprintln!("admit: note: {one}");
        }
    }
    print(&text)?;
    let differs = !is_what_if && !differences.is_empty();
    Ok(if differs { DENIED } else { status(&verdicts) })
}

fn status(verdicts: &[&Verdict]) -> u8 {
    match verdicts.iter().any(|verdict| verdict.decision == Decision::Deny) {
        true => DENIED,
        false => ALLOWED,
    }
}

/// Everything that the verdicts are made of: read, fetched, and never asked for again.
fn collect(arguments: &Arguments) -> Result<Archive, String> {
    let mut input = Input::default();
    let (texts, policies) = read_policies(&arguments.policies, &mut input)?;
    let resources = read_resources(&arguments.resources, &mut input)?;
    let runtime = runtime()?;
    let root = match arguments.network.root(
        &arguments.root,
        &mut |file| Ok(input.read(file)?.into_bytes()),
        runtime.handle(),
    )? {
        None => {
            let (time, now) = (TrustRoot::PUBLIC_GOOD_TIME, arguments.now.map_or_else(clock, Ok)?);
            let days = (now.as_millis() - time.as_millis()).div_euclid(86_400_000);
            eprintln!(
                "admit: note: the trust root is the embedded one of Sigstore's public-good instance, {days} days old"
            );
            TrustRoot::PUBLIC_GOOD_JSON.to_owned()
        }
        Some(current) => current.json.to_string(),
    };
    let objects: Objects = read_resources(&arguments.objects, &mut input)?.into_iter().collect();
    let mut repositories = trust_examples::repositories(&arguments.images)?;
    if !arguments.network.offline {
        repositories.insert_for_others(arguments.network.registry()?);
    }
    let now = arguments.now.map_or_else(clock, Ok)?;
    let mut archive = Archive::new(texts, &root, now).map_err(|error| Reasons(&error).to_string())?;
    archive = archive.with_uncovered(arguments.uncovered(), arguments.allowed_images.clone());
    let progress = progress(format!("fetching what {} resources need", resources.len()));
    let limits = Limits::default();
    let revocation = arguments.network.revocation()?;
    let collect = |resource: Resource| {
        let request = Request::from(resource);
        let until = arguments.network.deadline();
        let collecting = collect_for_async(&policies, &request, &repositories, &objects, &limits, now, until);
        let mut evidence = runtime.block_on(collecting);
        if let Some(source) = &revocation {
            runtime.block_on(collect_revocations(&policies, &request, source, &mut evidence, now, until));
        }
        (request, evidence)
    };
    archive.judge(resources.into_iter().map(collect)).map_err(|error| Reasons(&error).to_string())?;
    drop(progress);
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
        root: Root { trust_root: Some(data.join("trusted-root.json")), ..Root::default() },
        network: Network::none(),
        now: Some("2026-11-27T00:00:00Z".parse().map_err(|error| format!("{error}"))?),
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
    let (mut texts, mut policies, mut problems) = (Vec::new(), PolicySet::default(), Vec::new());
    for file in files {
        let text = if file.is_dir() { notation_folder(file)? } else { input.read(file)? };
        match PolicySet::from_yaml(&text) {
            Ok(read) => {
                for lint in read.policies().iter().flat_map(|policy| &policy.lints) {
                    eprintln!("admit: note: {}", at(file, lint));
                }
                policies.extend(read);
            }
            Err(_) => problems.extend(PolicySet::errors_in(&text).iter().map(|error| at(file, error))),
        }
        texts.push(text);
    }
    if problems.is_empty() { Ok((texts, policies)) } else { Err(problems.join("\nadmit: ")) }
}

/// Notation's own folder, with a trust policy and its trust stores.
fn notation_folder(folder: &Path) -> Result<String, String> {
    notation_policies(folder).map_err(|error| at(folder, &Reasons(&error)))
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

/// The verdicts on what an archive holds, in the form that is asked for.
fn shown(verdicts: &[&Verdict], archive: &Archive, arguments: &Arguments) -> Result<String, String> {
    let pretty = |value: &serde_json::Value| Ok(format!("{value:#}\n"));
    let lines =
        |values: Vec<serde_json::Value>| Ok(values.iter().map(|value| format!("{value}\n")).collect());
    let all = || verdicts.iter().copied();
    match arguments.format {
        Format::Text => {}
        Format::Json => {
            return Ok(serde_json::to_string_pretty(verdicts).map_err(|error| error.to_string())? + "\n");
        }
        Format::Sarif => {
            let file = arguments.resources.first().filter(|_| arguments.resources.len() == 1);
            return pretty(&to_sarif(all(), file.map(|file| file.to_string_lossy()).as_deref()));
        }
        Format::Html => return Ok(Page::of_verdicts(all(), archive.now).to_string()),
        Format::Report => {
            return lines(all().map(|one| one.to_report(ReportKind::PolicyReport, archive.now)).collect());
        }
        Format::Vsa => {
            if arguments.replay.is_some() && !arguments.policies.is_empty() {
                return Err(
                    "`--format vsa` says what was judged, and with `--policy` it was judged otherwise"
                        .to_owned(),
                );
            }
            let (verifier, policies) =
                (arguments.verifier.as_deref().unwrap_or_default(), &archive.digests.policies);
            return lines(all().flat_map(|one| one.to_summaries(verifier, policies, archive.now)).collect());
        }
    }
    let denied = verdicts.iter().filter(|verdict| verdict.decision == Decision::Deny).count();
    let text = |verdict: &&Verdict| match arguments.explain {
        true => format!("{verdict}\n\n"),
        false => format!("{}\n", verdict.brief()),
    };
    let texts: String = verdicts.iter().map(text).collect();
    let blank = if arguments.explain { "" } else { "\n" };
    Ok(format!("{}{blank}{} allowed, {denied} denied\n", painted(&texts), verdicts.len() - denied))
}

fn at(file: &Path, problem: &dyn Display) -> String {
    let name = if file == Path::new("-") { "standard input".into() } else { file.to_string_lossy() };
    format!("{name}: {problem}")
}
