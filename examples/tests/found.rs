//! Inputs that were once judged wrongly: `$TRUST_VECTORS/found/cases.tsv` names the command, the exit status, and a text that
//! must appear, or with `!` in front must not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

mod program;

use crate::program::{stderr, stdout};

/// Cases of the readers of documents and bundles that are still judged wrongly.
const OPEN: [&str; 1] = [
    // The chain annotation of this one is empty: its intermediate is nowhere in the layout.
    "roots-without-intermediate",
];

#[test]
fn what_was_judged_wrongly_is_judged_rightly() {
    let Some(folder) = trust_testkit::vectors::vectors("found") else { return };
    let table = std::fs::read_to_string(folder.join("cases.tsv")).unwrap();
    let (mut count, mut wrong) = (0, Vec::new());
    for line in table.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let [name, command, status, text, _why] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        count += 1;
        let words: Vec<&str> = command.split(' ').map(|word| word.trim_matches('\'')).collect();
        let output = program::run_in(&folder, words[0], &words[1..], "");
        let shown = format!("{}{}", stdout(&output), stderr(&output));
        let says = match text.strip_prefix('!') {
            _ if text == "-" => true,
            Some(absent) => match absent.strip_prefix('^') {
                Some(start) => !shown.lines().any(|line| line.starts_with(start)),
                None => !shown.contains(absent),
            },
            None => shown.contains(text),
        };
        let is_right = output.status.code() == status.parse().ok() && says;
        if is_right == OPEN.contains(&name) {
            wrong.push(format!(
                "{name}: exit {:?}, expected {status} and `{text}`\n{command}\n{shown}",
                output.status.code()
            ));
        }
    }
    assert!(count > 0, "no cases");
    println!("found: {} of {count} cases are right", count - OPEN.len());
    assert!(wrong.is_empty(), "{} of {count} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
