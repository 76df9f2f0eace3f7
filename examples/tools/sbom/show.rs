//! What a document is, how much is in it, and what is odd about it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use trust_sbom::{Diagnostics, Predicate, Sbom, Strictness};

use crate::attestation::{self, Attested};
use crate::{Outcome, input, name};

pub(crate) fn show(file: &str, is_strict: bool) -> Result<Outcome, String> {
    if let Some(attested) = input::attestation(file)? {
        return show_attested(file, &attested);
    }
    let (sbom, diagnostics) =
        input::read(file, if is_strict { Strictness::Spec } else { Strictness::Meaning })?;
    Ok(show_sbom(&sbom, &diagnostics))
}

/// What an attestation is, and what it says.
fn show_attested(file: &str, attested: &Attested) -> Result<Outcome, String> {
    let (mut text, mut json) = attested.shown();
    let predicate = attested.predicate().map_err(|problem| format!("{file}: {problem}"))?;
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
