//! Extension points implemented outside the workspace: a store, a log verifier, a back end for signatures, a policy language and a check
//! decide together whether one image may run; a document format reads one document.
//!
//! usage: cargo run --manifest-path examples/outside/Cargo.toml

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use trust_core::{
    LogClaim, LogEntry, LogError, LogKey, PublicKey, PureRust, SignatureAlgorithm, SignatureError,
    SignatureScheme, Signed, TransparencyLog, TrustRoot, UnixTime, VerifiedLogEntry,
};
use trust_gate::{
    Boxed, Deadline, EvidenceStore, Found, Limits, Objects, OciLayout, Repositories, StoreError, Want,
    collect_for,
};
use trust_policy::yaml::Node;
use trust_policy::{
    Check, CheckAnswer, CheckRequirement, CheckSubject, Decision, Languages, Policy, PolicyError,
    PolicyLanguage, PolicySet, Request, Resource, Trust, evaluate,
};
use trust_rekor::RekorLog;
use trust_sbom::{Component, DocumentFormat, Formats, Predicate, PredicateError, PredicateKind, SbomBuilder};

/// A store: what a layout has, and how often it was asked.
#[derive(Debug)]
struct Counted {
    layout: OciLayout,
    fetched: Arc<AtomicUsize>,
}

impl EvidenceStore for Counted {
    fn fetch<'a>(&'a self, want: &'a Want, until: Deadline) -> Boxed<'a, Result<Found, StoreError>> {
        self.fetched.fetch_add(1, Ordering::Relaxed);
        self.layout.fetch(want, until)
    }
}

/// A log verifier: Rekor's rules, but only for the logs of one operator.
#[derive(Debug)]
struct OneOperator(String);

impl TransparencyLog for OneOperator {
    fn verify_entry(
        &self,
        entry: &LogEntry,
        claim: &LogClaim<'_>,
        logs: &[LogKey],
    ) -> Result<VerifiedLogEntry, LogError> {
        let ours: Vec<LogKey> = logs.iter().filter(|log| log.operator == self.0).cloned().collect();
        RekorLog.verify_entry(entry, claim, &ours)
    }
}

/// A back end that counts the signatures it verifies.
#[derive(Debug, Default)]
struct Arithmetic(AtomicUsize);

impl SignatureAlgorithm for Arithmetic {
    fn verify(
        &self,
        key: &PublicKey,
        scheme: SignatureScheme,
        content: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        PureRust.verify(key, scheme, content, signature)
    }
}

static ARITHMETIC: Arithmetic = Arithmetic(AtomicUsize::new(0));

/// A check: no platform of an image runs for longer than it was made for.
#[derive(Debug)]
struct MadeSince(UnixTime);

impl Check for MadeSince {
    fn name(&self) -> &str {
        "made"
    }
    fn needs_image_configs(&self) -> bool {
        true
    }
    fn judge(&self, subject: &CheckSubject<'_>) -> CheckAnswer {
        let configs = match subject.image_configs() {
            Ok(configs) => configs,
            Err(reason) => return CheckAnswer::Unknown { reason },
        };
        for one in configs {
            let created = one.json["created"].as_str().and_then(|text| text.parse::<UnixTime>().ok());
            match created {
                Some(time) if time >= self.0 => {}
                Some(time) => {
                    return CheckAnswer::Violated {
                        found: time.to_string(),
                        expected: format!("{} or later", self.0),
                    };
                }
                None => {
                    return CheckAnswer::Unknown {
                        reason: format!("{} does not say when it was made", one.platform),
                    };
                }
            }
        }
        CheckAnswer::Holds { message: format!("not before {}", self.0) }
    }
}

/// A language: `{apiVersion: acme.example/v1, kind: Freshness, since: <time>}`.
#[derive(Debug)]
struct Freshness;

impl PolicyLanguage for Freshness {
    fn reads(&self, api_version: &str, kind: &str) -> bool {
        (api_version, kind) == ("acme.example/v1", "Freshness")
    }
    fn compile(&self, document: &Node, set: &mut PolicySet) -> Result<(), PolicyError> {
        let since = document.get("since");
        let time = since.and_then(Node::as_str).and_then(|text| text.parse().ok());
        let time = time.ok_or_else(|| PolicyError::Value {
            path: "since".to_owned(),
            span: since.unwrap_or(document).span(),
            found: since.map_or("nothing".to_owned(), |found| found.to_json().to_string()),
            expected: "a time in RFC 3339".to_owned(),
        })?;
        let requirement = CheckRequirement::on_images(Vec::new(), Arc::new(MadeSince(time)));
        set.extend(PolicySet::new(vec![Policy::checking("freshness", requirement)]));
        Ok(())
    }
}

/// A document format: a list of names of components.
#[derive(Debug)]
struct Names;

impl DocumentFormat for Names {
    fn name(&self) -> &str {
        "a list of components"
    }
    fn kind_of(&self, predicate_type: &str) -> Option<PredicateKind> {
        (predicate_type == "https://acme.example/components").then_some(PredicateKind::Sbom)
    }
    fn read(
        &self,
        _: &str,
        predicate: &[u8],
        limits: &trust_sbom::Limits,
    ) -> Result<Predicate, PredicateError> {
        let mut builder = SbomBuilder::new(limits);
        let names: Result<Vec<String>, _> = serde_json::from_slice(predicate);
        for name in names.map_err(|error| PredicateError::of_format(self.name(), &error))? {
            let mut component = Component::default();
            component.name = name;
            builder.add(component)?;
        }
        let (sbom, diagnostics) = builder.finish();
        Ok(Predicate::Sbom(Box::new(sbom), diagnostics))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    let text = |file: &str| std::fs::read_to_string(data.join(file));
    let kyverno = text("policies/require-release-workflow.yaml")?;
    let root = TrustRoot::from_json(text("trusted-root.json")?.as_bytes())?.with_back_end(&ARITHMETIC);
    let request = Request::from(Resource::from_yaml(&text("resources/2-keyless.yaml")?)?.remove(0));
    let operator = root.transparency_logs()[0].operator.clone();
    let now: UnixTime = "2026-12-01T00:00:00Z".parse()?;
    let fetched = Arc::new(AtomicUsize::new(0));
    let mut repositories = Repositories::new();
    let layout = OciLayout::open(data.join("images"))?;
    repositories.insert("ghcr.io/myorg/web".parse()?, Counted { layout, fetched: fetched.clone() });

    let judge = |since: &str, operator: &str| -> Result<_, Box<dyn Error>> {
        let own = format!("{{apiVersion: acme.example/v1, kind: Freshness, since: '{since}'}}");
        let policies = Languages::default().with(Freshness).read(&format!("{own}\n---\n{kyverno}"))?;
        let policies = policies.with_formats(Formats::default().with(Names));
        let evidence =
            collect_for(&policies, &request, &repositories, &Objects::default(), &Limits::default(), now);
        let trust = Trust::new(root.clone()).with_log(Arc::new(OneOperator(operator.to_owned())));
        Ok(evaluate(&policies, &request, &evidence, &trust, now))
    };
    let allowed = judge("0001-01-01T00:00:00Z", &operator)?;
    println!("{allowed}\n");
    assert_eq!(allowed.decision, Decision::Allow, "policy, check, log verifier, store and back end say yes");
    let of_another_log = judge("0001-01-01T00:00:00Z", "somebody else")?;
    println!("{of_another_log}\n");
    assert_eq!(of_another_log.decision, Decision::Deny, "the log verifier says no");
    let old = judge("2027-01-01T00:00:00Z", &operator)?;
    println!("{old}\n");
    assert_eq!(old.decision, Decision::Deny, "the check says no");
    assert!(judge("tomorrow", &operator).is_err(), "the language refuses");
    let formats = Formats::default().with(Names);
    let read =
        formats.read("https://acme.example/components", br#"["a", "b"]"#, &trust_sbom::Limits::default())?;
    assert!(matches!(read, Predicate::Sbom(sbom, _) if sbom.components().len() == 2), "the format reads");
    let (fetched, verified) = (fetched.load(Ordering::Relaxed), ARITHMETIC.0.load(Ordering::Relaxed));
    println!("{fetched} questions answered, {verified} signatures verified");
    assert!(fetched > 0 && verified > 0, "the store and the back end were asked");
    Ok(())
}
