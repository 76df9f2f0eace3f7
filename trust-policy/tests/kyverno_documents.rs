//! Kyverno's own policies with `verifyImages`, from its tests and its library.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

#[path = "../../trust-core/tests/vectors/mod.rs"]
mod vectors;

use trust_policy::PolicySet;

/// Policies that are refused, by a part of the file's name, and the reason.
const LEDGER: [(&str, &str); 1] = [("with-mutation", "`spec.rules[0].mutate` is not implemented")];

/// The documents of a file that are policies: tests keep the objects that they need beside them.
fn policies(text: &str) -> String {
    let documents = text.split("\n---").map(|one| one.trim_start_matches("---"));
    let is_policy = |one: &&str| {
        one.lines().any(|line| line.trim_end() == "kind: ClusterPolicy" || line.trim_end() == "kind: Policy")
    };
    documents.filter(is_policy).collect::<Vec<_>>().join("\n---\n")
}

#[test]
fn policies_that_people_have_load() {
    let Some(dir) = vectors::vectors("policy/kyverno-verify-images") else { return };
    let (mut count, mut refused) = (0, Vec::new());
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = policies(&std::fs::read_to_string(&path).unwrap());
        count += 1;
        let known = LEDGER.iter().find(|(part, _)| name.contains(part));
        match (PolicySet::from_yaml(&text), known) {
            (Ok(set), None) => assert!(!set.policies().is_empty()),
            (Err(error), Some((_, reason))) if error.to_string().contains(reason) => {}
            (Ok(_), Some(_)) => refused.push(format!("{name}: stands in the ledger, but loads")),
            (Err(error), _) => refused.push(format!("{name}: {error}")),
        }
    }
    assert!(count > 50, "only {count} files");
    assert!(refused.is_empty(), "{} of {count}: {refused:#?}", refused.len());
}
