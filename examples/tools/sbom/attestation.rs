//! Documents within attestations: an in-toto statement by itself, in a DSSE envelope, or in a Sigstore bundle. Nothing is
//! verified here.

use std::fmt::Write as _;

use serde_json::{Value, json};
use trust_core::{Envelope, Reasons, Statement};
use trust_sbom::{Answer, Limits, Predicate};

/// A statement, and what it stands in.
pub(crate) struct Attested {
    wrapping: &'static str,
    pub(crate) statement: Statement,
}

impl Attested {
    /// The statement in a file; `None` if it is none.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let of_envelope = |bytes: &[u8], wrapping| {
            let envelope = Envelope::from_json(bytes).ok()?;
            Some(Self { wrapping, statement: Statement::from_json(envelope.payload()).ok()? })
        };
        if let Ok(statement) = Statement::from_json(bytes) {
            return Some(Self { wrapping: "in-toto statement", statement });
        }
        let bundled = || {
            let bundle: Value = serde_json::from_slice(bytes).ok()?;
            of_envelope(
                bundle.get("dsseEnvelope")?.to_string().as_bytes(),
                "Sigstore bundle with a DSSE envelope",
            )
        };
        of_envelope(bytes, "DSSE envelope").or_else(bundled)
    }

    /// What it is, and about what, as lines and as JSON.
    pub(crate) fn shown(&self) -> (String, Value) {
        let subjects: Vec<String> = self
            .statement
            .subjects()
            .iter()
            .map(|subject| {
                let digests: Vec<String> = subject.digests().iter().map(ToString::to_string).collect();
                format!("{} {}", subject.name(), digests.join(" ")).trim().to_owned()
            })
            .collect();
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<15}{value}");
        };
        line("attestation", &format!("{}, whose signature is not verified here", self.wrapping));
        line("type", self.statement.predicate_type());
        line("subjects", &subjects.join(", "));
        let json = json!({"wrapping": self.wrapping, "predicateType": self.statement.predicate_type(), "subjects": subjects});
        (text, json)
    }

    /// What it says.
    pub(crate) fn predicate(&self) -> Result<Predicate, String> {
        Predicate::of(&self.statement, &Limits::default()).map_err(|error| Reasons(&error).to_string())
    }
}

/// What a predicate says, in a line.
pub(crate) fn summary(predicate: &Predicate) -> String {
    match predicate {
        Predicate::Sbom(sbom, _) => format!("SBOM: {} components", sbom.components().len()),
        Predicate::ScanReport(report) => {
            let scanned = match &report.scanned {
                Answer::Yes => String::new(),
                other => format!(", scanned: {other}"),
            };
            format!("scan report: {} findings{scanned}", report.findings.len())
        }
        Predicate::Vex(vex) => format!("VEX document: {} statements", vex.statements.len()),
        Predicate::Provenance(provenance) => {
            let source = provenance.source().and_then(|source| source.forms().into_iter().next());
            let source = source.map_or_else(String::new, |source| format!(" from {source}"));
            format!("provenance: built by {}{source}", provenance.builder)
        }
        Predicate::VerificationSummary(summary) => {
            let result = if summary.has_passed { "passed" } else { "failed" };
            format!("verification summary: {} {result}, by {}", summary.resource, summary.verifier)
        }
        _ => "of a type that is not read here".to_owned(),
    }
}
