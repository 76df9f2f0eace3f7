//! `ImageTrustPolicy` of `trust.dev/v1beta1`: our own small language, for what others have no words for: what is in the
//! documents that supply chains attest. `schema/image-trust-policy.json` is its JSON Schema.
//!
//! `v1alpha1`, which was less, is read as `v1beta1`.
//!
//! | file | holds |
//! |---|---|
//! | `trust_store` | `TrustStore`: certificates by a name |
//! | `notation`, `signers` | who may sign |
//! | `packages` | what an SBOM must not list |
//! | `require` | what is required of images |
//! | `exceptions` | images that are not judged until a time |
//!
//! ```yaml
//! apiVersion: trust.dev/v1beta1
//! kind: ImageTrustPolicy
//! metadata: {name: release}
//! spec:
//!   images: ["ghcr.io/acme/**"]
//!   signers:
//!     release: {issuer: "https://token.actions.githubusercontent.com", subject: "https://github.com/acme/*"}
//!   require:
//!     signatures: {from: [release]}
//!     sbom: {from: [release], profile: ntia, deny: [{purl: "pkg:npm/lodash", versions: "vers:npm/<4.17.21"}]}
//!     vulnerabilities: {from: [release], severities: [critical], fixAvailable: true, maxAge: 168h}
//!     provenance: {from: [release], builders: ["https://github.com/actions/*"]}
//! ```

mod trust_store;

mod notation;

mod signers;

mod packages;

mod require;

mod exceptions;

use trust_core::{Pattern, UnixTime};

use self::require::Reader;
use self::signers::Signers;
use crate::kubernetes::image_pattern::ReferencePattern;
use crate::language::PolicyLanguage;
use crate::language::reader::{At, Fields, PolicyError, labels, mode_rule};
use crate::policy::mode::Mode;
use crate::policy::policy_set::{Policy, PolicySet, Requirement, Rule};
use crate::policy::resource_match::{Filter, Filters, ResourceMatch};
use crate::value::duration;
use crate::yaml::Node;

/// The versions of the language that are read.
const VERSIONS: [&str; 2] = ["trust.dev/v1beta1", "trust.dev/v1alpha1"];

/// The JSON Schema of `ImageTrustPolicy`.
pub const IMAGE_TRUST_POLICY_SCHEMA: &str = include_str!("../../schema/image-trust-policy.json");

/// `ImageTrustPolicy`.
#[derive(Debug)]
pub(crate) struct Language;

impl PolicyLanguage for Language {
    fn reads(&self, api_version: &str, kind: &str) -> bool {
        api_version.starts_with("trust.dev/") && !kind.ends_with("List")
    }

    fn compile(&self, document: &Node, set: &mut PolicySet) -> Result<(), PolicyError> {
        read(&At::root(document), set)
    }
}

fn read(document: &At<'_>, set: &mut PolicySet) -> Result<(), PolicyError> {
    let mut fields = document.fields()?;
    let api_version = fields.require("apiVersion", "`trust.dev/v1beta1`")?;
    if !VERSIONS.contains(&api_version.text()?) {
        return Err(api_version.wrong("`trust.dev/v1beta1` or `trust.dev/v1alpha1`"));
    }
    let kind = fields.require("kind", "`ImageTrustPolicy` or `TrustStore`")?;
    match kind.text()? {
        "ImageTrustPolicy" => {}
        "TrustStore" => return trust_store::read(fields, set),
        _ => return Err(kind.wrong("`ImageTrustPolicy` or `TrustStore`")),
    }
    let metadata = fields.require("metadata", "the policy's name")?;
    let name = metadata.fields()?.require("name", "the policy's name")?.text()?.to_owned();
    let spec = fields.require("spec", "what is required")?;
    fields.get("status"); // what its reader says of it
    fields.finish()?;

    let mut fields = spec.fields()?;
    let mode = mode_rule(fields.get("mode"), fields.get("modeOverrides"), &Mode::Enforce.into())?;
    let namespaces = patterns(&mut fields, "namespaces")?;
    let except_namespaces = patterns(&mut fields, "exceptNamespaces")?;
    let namespace_selector = fields.get("namespaceSelector").map(|at| labels::read(&at)).transpose()?;
    let images = fields.require("images", "patterns of images, such as `ghcr.io/acme/**`")?;
    let except = fields.get("exceptImages").map(|at| at.list()).transpose()?.unwrap_or_default();
    let except = except.iter().map(reference).collect::<Result<_, _>>()?;
    let pins_digest = fields.get("pinDigest").map(|at| at.boolean()).transpose()?.unwrap_or(true);
    let needs_digest = fields.get("requireDigest").map(|at| at.boolean()).transpose()?.unwrap_or_default();
    let exceptions = fields.get("exceptions").map(|at| at.some()).transpose()?.unwrap_or_default();
    let every_image = fields.get("everyImage");
    let signers = Signers::read(fields.get("signers"))?;
    let require = fields.require("require", "what is required")?;
    fields.finish()?;

    let reader = Reader { signers };
    let mut images_rule = reader.require(&require)?;
    images_rule.mode = mode;
    images_rule.references = images.some()?.iter().map(reference).collect::<Result<_, _>>()?;
    images_rule.except = except;
    images_rule.exceptions = exceptions.iter().map(exceptions::read).collect::<Result<_, _>>()?;
    images_rule.every_image = match every_image {
        None => false,
        Some(at) if at.text()? == "judged" => true,
        Some(at) => return Err(at.wrong("`judged`")),
    };
    images_rule.pins_digest = pins_digest;
    images_rule.needs_digest = needs_digest;
    let filter = Filter { namespaces, namespace_selector, ..Filter::default() };
    let except = Filter { namespaces: except_namespaces, ..Filter::default() };
    let excluded = (!except.namespaces.is_empty()).then(|| Filters::Any(vec![except]));
    let matches = ResourceMatch { matched: Filters::Any(vec![filter]), excluded };
    let requirement = Requirement::Images { extractors: Vec::new(), rules: vec![images_rule] };
    let rule = Rule::new("require", matches, requirement);
    let mut policy = Policy::new(name, vec![rule]);
    "ImageTrustPolicy".clone_into(&mut policy.kind);
    set.extend(PolicySet::new(vec![policy]));
    Ok(())
}

/// Patterns of which one must match.
fn references(fields: &mut Fields<'_>, name: &str) -> Result<Vec<ReferencePattern>, PolicyError> {
    fields.get(name).map(|at| at.some()).transpose()?.unwrap_or_default().iter().map(reference).collect()
}

fn reference(at: &At<'_>) -> Result<ReferencePattern, PolicyError> {
    ReferencePattern::by_segment(at.text()?)
        .map_err(|error| at.wrong(format!("a pattern: {}", error.problem)))
}

fn patterns(fields: &mut Fields<'_>, name: &str) -> Result<Vec<Pattern>, PolicyError> {
    let list = fields.get(name).map(|at| at.texts()).transpose()?.unwrap_or_default();
    Ok(list.into_iter().map(Pattern::wildcard).collect())
}

/// Milliseconds of a duration such as `168h`.
fn age(at: Option<At<'_>>) -> Result<Option<i64>, PolicyError> {
    let Some(at) = at else { return Ok(None) };
    let nanoseconds = duration::parse(at.text()?).filter(|nanoseconds| *nanoseconds > 0);
    nanoseconds.map(|found| Some(found / 1_000_000)).ok_or_else(|| at.wrong("a duration such as `168h`"))
}

/// A day, from whose beginning on, or a time.
fn date(at: &At<'_>) -> Result<UnixTime, PolicyError> {
    let text = at.text()?;
    let time = if text.contains('T') { text.parse() } else { format!("{text}T00:00:00Z").parse() };
    time.map_err(|_| at.wrong("a date such as `2027-01-31`, or a time such as `2027-01-31T12:00:00Z`"))
}
