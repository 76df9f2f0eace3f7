//! Reads policies: says where they may not mean what their author thinks, what they mean, what they are in another language, which past
//! verdicts others would change, and whether they pass their own test suites. Run with `--help` for the rest.

mod convert;
mod diff;
mod explain;
mod given;
mod suite;
mod values;

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use trust_examples::{clock, finish, print};
use trust_policy::{PolicySet, Resource};

use crate::convert::ConvertArguments;
use crate::diff::DiffArguments;
use crate::given::{Given, TestArguments};

/// Reads policies: says where they may not mean what their author thinks, what they mean, what they are in another language, which past
/// verdicts others would change, and whether they pass their own test suites
#[derive(Parser)]
#[command(name = "policy", version)]
#[command(
    after_help = "exit status: 0 nothing to say, nothing left out, no decision changes, every row that ran passed; 1 something was said or left out, a decision changes, a row failed, none ran; 2 bad input"
)]
enum Command {
    /// Where a policy may not mean what its author thinks, with line and column
    Lint {
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// What a policy requires, of what, by which signers
    Explain {
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Also what would be fetched to judge each of these resources by all the policies, YAML or JSON
        #[arg(long = "resource", value_name = "FILE")]
        resources: Vec<PathBuf>,
    },
    /// The same demands in another language, and what is not the same there
    Convert(ConvertArguments),
    /// Which past verdicts would change: those of archives, judged by the policies OLD and NEW
    Diff(DiffArguments),
    /// Run the Kyverno test suites (kyverno-test.yaml) in and below each folder
    Test(TestArguments),
}

fn main() -> ExitCode {
    let command = match trust_examples::arguments(|_: &Command| Ok(())) {
        Ok(command) => command,
        Err(code) => return code,
    };
    let is_quiet = match command {
        Command::Lint { files } => lint(&files),
        Command::Explain { files, resources } => explain_all(&files, &resources),
        Command::Convert(arguments) => convert::convert(&arguments),
        Command::Diff(arguments) => diff::diff(&arguments),
        Command::Test(arguments) => {
            Given::read(&arguments).and_then(|given| test(&arguments.folders, &given))
        }
    };
    finish("policy", is_quiet.map(|is_quiet| u8::from(!is_quiet)))
}

fn read(path: &Path) -> Result<PolicySet, String> {
    PolicySet::from_yaml(&text(path)?).map_err(|error| at(path, &error))
}

fn text(path: &Path) -> Result<String, String> {
    trust_examples::read_text(path)
}

fn at(path: &Path, problem: &dyn Display) -> String {
    format!("{}: {problem}", path.display())
}

fn lint(files: &[PathBuf]) -> Result<bool, String> {
    let mut is_quiet = true;
    for file in files {
        for lint in read(file)?.policies().iter().flat_map(|policy| &policy.lints) {
            print(&(at(file, lint) + "\n"))?;
            is_quiet = false;
        }
    }
    Ok(is_quiet)
}

fn explain_all(files: &[PathBuf], resources: &[PathBuf]) -> Result<bool, String> {
    let mut all = PolicySet::default();
    for file in files {
        let policies = read(file)?;
        print(&explain::explain(&policies))?;
        all.extend(policies);
    }
    let now = clock()?;
    for file in resources {
        for resource in Resource::from_yaml(&text(file)?).map_err(|error| at(file, &error))? {
            print(&explain::fetched(&all, &resource.into(), now))?;
        }
    }
    Ok(true)
}

fn test(folders: &[PathBuf], given: &Given) -> Result<bool, String> {
    let mut suites = Vec::new();
    for folder in folders {
        find_suites(folder, &mut suites)?;
    }
    if suites.is_empty() {
        let folders: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
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
