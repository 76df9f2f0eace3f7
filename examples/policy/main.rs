//! Reads Kyverno policies: says where they may not mean what their author thinks, what they mean, and whether they pass
//! their own test suites. Run with `--help` for the rest.

mod explain;
mod given;
mod suite;
mod values;

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use trust_examples::print;
use trust_policy::PolicySet;

use crate::given::Given;

const HELP: &str = "\
usage: policy lint FILE...      where a policy may not mean what its author thinks, with line and column
       policy explain FILE...   what a policy demands, of what, of whom
       policy test DIR... [--image REF=LAYOUT_DIR]... [--object FILE]... [--trust-root FILE] [--now RFC3339]
                                runs the suites (kyverno-test.yaml) in and below each folder

  --image REF=DIR    the OCI layout in DIR answers for the repository, or the image, REF; without any, rows that verify
                     images are skipped
  --object FILE      Secrets and ConfigMaps that policies refer to, YAML or JSON, beside those of the suites
  --trust-root FILE  a trusted_root.json; without it, Sigstore's public-good instance
  --now RFC3339      the time to judge at; without it, the clock's

exit status: 0 nothing to say, every row that ran passed; 1 something was said, a row failed, none ran; 2 bad input
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let about = trust_examples::about("policy", HELP, &arguments);
    let outcome = match words.as_slice() {
        _ if about.is_some() => print(&about.unwrap_or_default()).map(|()| true),
        ["lint", files @ ..] if !files.is_empty() => lint(files),
        ["explain", files @ ..] if !files.is_empty() => explain_all(files),
        ["test", words @ ..] => Given::parse(words).and_then(|(folders, given)| test(&folders, &given)),
        _ => Err(format!("expected a command and what it is for\n\n{HELP}")),
    };
    match outcome {
        Ok(is_quiet) => ExitCode::from(u8::from(!is_quiet)),
        Err(problem) => {
            eprintln!("policy: {problem}");
            ExitCode::from(2)
        }
    }
}

fn read(path: &Path) -> Result<PolicySet, String> {
    PolicySet::from_yaml(&text(path)?).map_err(|error| at(path, &error))
}

fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| at(path, &error))
}

fn at(path: &Path, problem: &dyn Display) -> String {
    format!("{}: {problem}", path.display())
}

fn lint(files: &[&str]) -> Result<bool, String> {
    let mut is_quiet = true;
    for file in files {
        for lint in read(Path::new(file))?.policies().iter().flat_map(|policy| &policy.lints) {
            print(&format!("{file}: {lint}\n"))?;
            is_quiet = false;
        }
    }
    Ok(is_quiet)
}

fn explain_all(files: &[&str]) -> Result<bool, String> {
    for file in files {
        print(&explain::explain(&read(Path::new(file))?))?;
    }
    Ok(true)
}

fn test(folders: &[&str], given: &Given) -> Result<bool, String> {
    let mut suites = Vec::new();
    for folder in folders {
        find_suites(Path::new(folder), &mut suites)?;
    }
    if suites.is_empty() {
        return Err(format!("found no `kyverno-test.yaml` in {}", folders.join(", ")));
    }
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for suite in suites {
        print(&format!("{}\n", suite.display()))?;
        let rows = match suite::run(&suite, given) {
            Ok(rows) => rows,
            Err(problem) => {
                failed += 1;
                print(&format!("  FAIL {problem}\n"))?;
                continue;
            }
        };
        for row in rows {
            match &row.verdict {
                suite::Row::Passed => passed += 1,
                suite::Row::Failed { found, why } => {
                    failed += 1;
                    print(&format!("  FAIL {}: {found}, expected {}\n", row.name, row.expected))?;
                    why.lines().try_for_each(|line| print(&format!("    {line}\n")))?;
                }
                suite::Row::Skipped(reason) => {
                    skipped += 1;
                    print(&format!("  skip {}: {reason}\n", row.name))?;
                }
            }
        }
    }
    print(&format!("{passed} rows passed, {failed} failed, {skipped} skipped\n"))?;
    // What judged nothing shows nothing.
    Ok(failed == 0 && passed > 0)
}

fn find_suites(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut paths: Vec<_> =
        entries.map_err(|error| at(folder, &error))?.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            find_suites(&path, found)?;
        } else if path.file_name().is_some_and(|name| name == "kyverno-test.yaml") {
            found.push(path);
        }
    }
    Ok(())
}
