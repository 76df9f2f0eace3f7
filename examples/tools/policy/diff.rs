//! Which past verdicts would change: a look at new policies before they are rolled out.

use std::path::PathBuf;

use clap::Args;
use trust_core::Reasons;
use trust_examples::print;
use trust_policy::{Archive, Decision, ReasonCode, Verdict};

use super::{at, text};

/// The command line of a comparison.
#[derive(Args)]
pub(crate) struct DiffArguments {
    /// Policies, of any language
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// Policies that may take their place
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// What was judged: archives as `admit --archive` writes them
    #[arg(long = "archive", value_name = "FILE", required = true, num_args = 1..)]
    archives: Vec<PathBuf>,
}

/// How many verdicts change, and how.
#[derive(Default)]
struct Changes {
    judged: usize,
    denied: usize,
    allowed: usize,
    /// The decision stays, and its reasons do not.
    reasons: usize,
}

/// Whether no decision changes.
pub(crate) fn diff(arguments: &DiffArguments) -> Result<bool, String> {
    let (old, new) = (text(&arguments.old)?, text(&arguments.new)?);
    let mut changes = Changes::default();
    for path in &arguments.archives {
        let read = Archive::from_json(text(path)?.as_bytes());
        let archive = read.map_err(|error| at(path, &Reasons(&error)))?;
        let judged = |policy: &PathBuf, text: &String| {
            let replay = archive.replay_by(std::slice::from_ref(text));
            replay.map(|replay| replay.verdicts).map_err(|error| at(policy, &Reasons(&error)))
        };
        let (before, after) = (judged(&arguments.old, &old)?, judged(&arguments.new, &new)?);
        for (before, after) in before.iter().zip(&after) {
            changes.add(before, after)?;
        }
    }
    print(&format!(
        "{} verdicts: {} would be denied, {} allowed, {} have other reasons\n",
        changes.judged, changes.denied, changes.allowed, changes.reasons
    ))?;
    Ok(changes.denied + changes.allowed == 0)
}

impl Changes {
    fn add(&mut self, before: &Verdict, after: &Verdict) -> Result<(), String> {
        self.judged += 1;
        if before.decision == after.decision {
            // What each rule says is the rule's own; what comes of it is what counts.
            self.reasons += usize::from(violated(before) != violated(after));
            return Ok(());
        }
        let is_denied = after.decision == Decision::Deny;
        self.denied += usize::from(is_denied);
        self.allowed += usize::from(!is_denied);
        print(&format!("{} -> {} {}\n", before.decision, after.decision, after.resource))?;
        let why = if is_denied { after } else { before };
        why.brief().to_string().lines().skip(1).try_for_each(|line| print(&format!("  {line}\n")))?;
        let is_unfetched = codes(after).any(|code| code == ReasonCode::NotFetched);
        if is_denied && is_unfetched {
            print("  (the archive does not hold all that the new policies ask for)\n")?;
        }
        Ok(())
    }
}

/// The policies and rules that are violated.
fn violated(verdict: &Verdict) -> Vec<(&str, &str)> {
    verdict.violations().map(|rule| (rule.policy.as_str(), rule.rule.as_str())).collect()
}

fn codes(verdict: &Verdict) -> impl Iterator<Item = ReasonCode> {
    verdict.rules.iter().flat_map(|rule| &rule.explanations).filter_map(|one| one.code)
}
