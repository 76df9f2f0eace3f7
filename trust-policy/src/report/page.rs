//! [`Page`]: a page of HTML for people, whole in one file.

use core::fmt::{self, Write};

use trust_core::internal::encoding::to_base64;
use trust_core::{Digest, UnixTime};

use crate::drift::finding::{Finding, FindingState};
use crate::drift::record::WorkloadRecord;
use crate::kubernetes::resource::ResourceId;
use crate::policy::mode::Mode;
use crate::verdict::plain::Plain;
use crate::verdict::{Decision, Outcome, Verdict};

/// A page of HTML that shows verdicts, or what runs: one row for each container and rule, with filters by namespace, policy and
/// outcome. It is one file that asks for no other, so it works from a disk and a mail; without scripts it shows everything. Whatever
/// images and documents say is text in it, and the page's own policy names the one script and the one style by their hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    title: String,
    time: UnixTime,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    outcome: Shown,
    workload: ResourceId,
    container: String,
    image: String,
    rule: String,
    text: String,
}

/// How a row is counted and coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Denied,
    Reported,
    Open,
    Passed,
    Skipped,
}

impl Shown {
    const ALL: [Self; 5] = [Self::Denied, Self::Reported, Self::Open, Self::Passed, Self::Skipped];

    fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Reported => "reported",
            Self::Open => "open",
            Self::Passed => "passed",
            Self::Skipped => "skipped",
        }
    }
}

impl Page {
    /// Verdicts, as of this time.
    #[must_use]
    pub fn of_verdicts<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>, time: UnixTime) -> Self {
        let rows: Vec<Row> = verdicts.into_iter().flat_map(of_verdict).collect();
        Self { title: "Verdicts".to_owned(), time, rows }
    }

    /// What runs and what is wrong with it, from the records of workloads, as of this time.
    #[must_use]
    pub fn of_records<'a>(records: impl IntoIterator<Item = &'a WorkloadRecord>, time: UnixTime) -> Self {
        let rows: Vec<Row> = records.into_iter().flat_map(of_record).collect();
        Self { title: "What runs".to_owned(), time, rows }
    }
}

fn of_verdict(verdict: &Verdict) -> Vec<Row> {
    let mut rows = Vec::new();
    for rule in &verdict.rules {
        for one in &rule.explanations {
            let outcome = match (one.outcome, rule.mode) {
                (Outcome::Pass, _) => Shown::Passed,
                (Outcome::Skip, _) => Shown::Skipped,
                (Outcome::Fail, Mode::Enforce) => Shown::Denied,
                (Outcome::Fail, _) => Shown::Reported,
            };
            let reasons = one.reasons().into_iter().map(|one| format!("{}: {}", one.check, one.message));
            let digest = one.image.as_deref().and_then(|image| image.digest.as_ref());
            let image = one.image.as_deref().map_or_else(String::new, |image| image.image.clone());
            rows.push(Row {
                outcome,
                workload: verdict.resource.clone(),
                container: one.image.as_deref().map_or_else(String::new, |image| image.container.clone()),
                image: with_digest(&image, digest.map(ToString::to_string).as_deref()),
                rule: format!("{}/{}", rule.policy, rule.rule),
                text: match outcome {
                    Shown::Denied | Shown::Reported => reasons.collect::<Vec<_>>().join("\n"),
                    _ => one.message.clone(),
                },
            });
        }
    }
    let outcome = if verdict.decision == Decision::Deny { Shown::Denied } else { Shown::Reported };
    rows.extend(verdict.uncovered.iter().map(|one| Row {
        outcome,
        workload: verdict.resource.clone(),
        container: one.name.clone(),
        image: one.image.clone(),
        rule: String::new(),
        text: "no rule about images applies".to_owned(),
    }));
    rows
}

fn of_record(record: &WorkloadRecord) -> Vec<Row> {
    let is_open = |one: &&Finding| one.state == FindingState::Open;
    let finding = |one: &Finding| Row {
        outcome: Shown::Open,
        workload: record.workload.clone(),
        container: one.about.container.clone().unwrap_or_default(),
        image: one.about.image.clone().unwrap_or_default(),
        rule: match (&one.about.policy, &one.about.rule) {
            (Some(policy), Some(rule)) => format!("{policy}/{rule}"),
            _ => String::new(),
        },
        text: format!("{}, since {}: {}", one.kind, one.opened, one.about.message),
    };
    let mut rows: Vec<Row> = record.findings.iter().filter(is_open).map(finding).collect();
    for image in &record.images {
        let text = match &image.signers[..] {
            [] => "unsigned".to_owned(),
            signers => format!("signed by {}", signers.join(", ")),
        };
        rows.extend(image.passed.iter().map(|rule| Row {
            outcome: Shown::Passed,
            workload: record.workload.clone(),
            container: image.container.clone(),
            image: with_digest(&image.image, image.digest.as_ref().map(ToString::to_string).as_deref()),
            rule: rule.clone(),
            text: text.clone(),
        }));
    }
    rows
}

fn with_digest(image: &str, digest: Option<&str>) -> String {
    match digest {
        Some(digest) if !image.contains('@') => format!("{image} as {digest}"),
        _ => image.to_owned(),
    }
}

/// A text as HTML shows it, and nothing else.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// Untrusted text: what cannot be seen is written by its number, and digests are short.
fn plain(text: &str) -> String {
    Escaped(&Plain(text).to_string()).to_string()
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |shown| self.rows.iter().filter(|row| row.outcome == shown).count();
        writeln!(f, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
        writeln!(f, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
        let hash = |text: &str| to_base64(Digest::sha256(text.as_bytes()).as_bytes());
        writeln!(
            f,
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{}'; \
             script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">",
            hash(STYLE),
            hash(SCRIPT)
        )?;
        writeln!(f, "<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>", Escaped(&self.title))?;
        writeln!(f, "<h1>{}</h1>\n<p>As of {}.", Escaped(&self.title), self.time)?;
        for shown in Shown::ALL.into_iter().filter(|shown| count(*shown) > 0) {
            write!(f, " <span class=\"{0}\">{1} {0}</span>", shown.name(), count(shown))?;
        }
        writeln!(f, "</p>\n<form id=\"filters\" hidden>")?;
        self.fmt_filter(f, "namespace", self.rows.iter().map(|row| row.workload.namespace.as_str()))?;
        let policies = self.rows.iter().map(|row| row.rule.split('/').next().unwrap_or_default());
        self.fmt_filter(f, "policy", policies)?;
        self.fmt_filter(f, "outcome", self.rows.iter().map(|row| row.outcome.name()))?;
        writeln!(f, "<label>Text <input id=\"text\" type=\"search\"></label>")?;
        writeln!(f, "<output id=\"shown\"></output>\n</form>\n<table>\n<thead><tr>")?;
        for heading in ["Outcome", "Namespace", "Workload", "Container", "Image", "Rule", "Why"] {
            write!(f, "<th scope=\"col\">{heading}</th>")?;
        }
        writeln!(f, "</tr></thead>\n<tbody>")?;
        self.rows.iter().try_for_each(|row| row.fmt(f))?;
        writeln!(f, "</tbody>\n</table>\n<script>{SCRIPT}</script>\n</body>\n</html>")
    }
}

impl Page {
    fn fmt_filter<'a>(
        &self,
        f: &mut fmt::Formatter<'_>,
        name: &str,
        values: impl Iterator<Item = &'a str>,
    ) -> fmt::Result {
        let values: std::collections::BTreeSet<&str> = values.filter(|value| !value.is_empty()).collect();
        let (first, rest) = name.split_at(1);
        write!(
            f,
            "<label>{}{rest} <select id=\"{name}\"><option value=\"\">all</option>",
            first.to_uppercase()
        )?;
        for value in values {
            write!(f, "<option value=\"{0}\">{0}</option>", plain(value))?;
        }
        writeln!(f, "</select></label>")
    }
}

impl Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.outcome.name();
        let ResourceId { kind, namespace, name: workload, .. } = &self.workload;
        let policy = self.rule.split('/').next().unwrap_or_default();
        write!(
            f,
            "<tr data-namespace=\"{}\" data-policy=\"{}\" data-outcome=\"{name}\">",
            plain(namespace),
            plain(policy)
        )?;
        write!(
            f,
            "<td class=\"{name}\">{name}</td><td>{}</td><td>{} {}</td>",
            plain(namespace),
            plain(kind),
            plain(workload)
        )?;
        write!(
            f,
            "<td>{}</td><td><code>{}</code></td><td>{}</td><td>",
            plain(&self.container),
            plain(&self.image),
            plain(&self.rule)
        )?;
        for (index, line) in self.text.lines().enumerate() {
            write!(f, "{}{}", if index > 0 { "<br>" } else { "" }, plain(line))?;
        }
        writeln!(f, "</td></tr>")
    }
}

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884; --bad: #b3261e; --odd: #8a5a00; --good: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --odd: #ffcc66; --good: #7ddc9a; } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem; }
h1 { font-size: 1.4rem; margin: 0; }
form { display: flex; flex-wrap: wrap; gap: .5rem 1rem; margin: 1rem 0; align-items: center; }
form[hidden] { display: none; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
th, td:nth-child(-n+2) { white-space: nowrap; }
td:nth-child(5), td:nth-child(7) { overflow-wrap: anywhere; min-width: 15em; }
th { position: sticky; top: 0; background: Canvas; }
code { font: 13px/1.45 ui-monospace, monospace; }
.denied, .open { color: var(--bad); font-weight: 600; }
.reported { color: var(--odd); font-weight: 600; }
.passed { color: var(--good); }
p span { margin-right: .6rem; }
@media print { form { display: none !important; } body { margin: 0; font-size: 10px; } th { position: static; } tr { break-inside: avoid; } }
";

const SCRIPT: &str = "
const form = document.getElementById('filters'), rows = [...document.querySelectorAll('tbody tr')];
const names = ['namespace', 'policy', 'outcome'];
function filter() {
  const text = document.getElementById('text').value.toLowerCase();
  let shown = 0;
  for (const row of rows) {
    const fits = names.every(name => { const value = document.getElementById(name).value; return !value || row.dataset[name] === value; });
    row.hidden = !(fits && row.textContent.toLowerCase().includes(text));
    if (!row.hidden) shown += 1;
  }
  document.getElementById('shown').value = shown + ' of ' + rows.length;
}
form.hidden = false;
form.addEventListener('input', filter);
form.addEventListener('submit', event => event.preventDefault());
filter();
";
