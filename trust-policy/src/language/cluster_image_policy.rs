//! policy-controller's `ClusterImagePolicy` (`policy.sigstore.dev`, `v1alpha1` and `v1beta1`,
//! [reference](https://docs.sigstore.dev/policy-controller/overview/)).
//!
//! Of its authorities one must vouch for an image, and all policies that match the image must be satisfied. Signatures and
//! attestations of both forms are read, whatever `signatureFormat` says. What an attestation must be is read in a part of CUE
//! (`cue`, `demands`). What is not implemented is refused by its path: policies in Rego, and those that stand elsewhere.
//! What needs a service loads and vouches for nothing, and a lint says so.

mod cue;

mod demands;

mod authorities;
mod trust_root;

use trust_core::Pattern;

use self::authorities::authority;
use self::demands::workload;
use crate::kubernetes::image_pattern::ReferencePattern;
use crate::language::PolicyLanguage;
use crate::language::reader::expressions::check_distinct;
use crate::language::reader::{At, PolicyError, labels};
use crate::policy::image_rule::{ImageRule, VouchedCount};
use crate::policy::mode::Mode;
use crate::policy::policy_set::{Policy, PolicySet, Requirement, Rule};
use crate::policy::resource_match::{Filter, Filters, KindMatch, ResourceMatch};
use crate::yaml::Node;

const API_VERSIONS: [&str; 2] = ["policy.sigstore.dev/v1alpha1", "policy.sigstore.dev/v1beta1"];
/// What `match` may name, with its kind and group.
const RESOURCES: [(&str, &str, &str); 7] = [
    ("cronjobs", "CronJob", "batch"),
    ("daemonsets", "DaemonSet", "apps"),
    ("deployments", "Deployment", "apps"),
    ("jobs", "Job", "batch"),
    ("pods", "Pod", ""),
    ("replicasets", "ReplicaSet", "apps"),
    ("statefulsets", "StatefulSet", "apps"),
];

/// `ClusterImagePolicy`, and the `TrustRoot`s that it names.
#[derive(Debug)]
pub(crate) struct Language;

impl PolicyLanguage for Language {
    fn reads(&self, api_version: &str, kind: &str) -> bool {
        api_version.starts_with("policy.sigstore.dev/") && ["ClusterImagePolicy", "TrustRoot"].contains(&kind)
    }

    fn compile(&self, document: &Node, set: &mut PolicySet) -> Result<(), PolicyError> {
        match document.get("kind").and_then(Node::as_str) {
            Some("TrustRoot") => trust_root::read(&At::root(document), set),
            _ => read(&At::root(document), set),
        }
    }
}

fn read(document: &At<'_>, set: &mut PolicySet) -> Result<(), PolicyError> {
    let mut fields = document.fields()?;
    let api_version = fields.require("apiVersion", "`policy.sigstore.dev/v1beta1`")?;
    if !API_VERSIONS.contains(&api_version.text()?) {
        return Err(api_version.wrong("`policy.sigstore.dev/v1alpha1` or `policy.sigstore.dev/v1beta1`"));
    }
    fields.ignore("kind");
    let metadata = fields.require("metadata", "the policy's name")?;
    let name = metadata.fields()?.require("name", "the policy's name")?.text()?.to_owned();
    let spec = fields.require("spec", "what is required")?;
    fields.ignore("status");
    fields.finish()?;

    let mut lints = Vec::new();
    let mut fields = spec.fields()?;
    let images = fields.require("images", "patterns of images, such as `glob: ghcr.io/acme/**`")?;
    let mode = fields.get("mode").map(|at| mode(&at)).transpose()?.unwrap_or(Mode::Enforce);
    let matched = fields.get("match").filter(|at| !at.is_empty()).map(|at| at.list()).transpose()?;
    let all =
        fields.require("authorities", "at least one authority: without any, no image is vouched for")?;
    let whole = fields.get("policy").filter(|at| !at.is_empty());
    let said = whole.as_ref().map(workload).transpose()?;
    fields.finish()?;

    let mut rule = ImageRule::new(images.some()?.iter().map(glob).collect::<Result<_, _>>()?);
    spec.path().clone_into(&mut rule.path);
    rule.span = spec.span();
    rule.mode = mode.into();
    let (workload, counts) = said.unzip();
    rule.workload = workload.filter(|one| !(one.platforms.is_empty() && one.object.is_empty()));
    rule.vouched = counts.unwrap_or_default();
    let mut pull_secrets = Vec::new();
    for (index, at) in all.some()?.iter().enumerate() {
        rule.authorities.push(authority(at, index, &mut pull_secrets, &mut lints)?);
    }
    check_distinct(Some(&all), &rule.authorities.iter().map(|one| one.name.as_str()).collect::<Vec<_>>())?;
    let is_known = |count: &&VouchedCount| rule.authorities.iter().any(|one| one.name == count.authority);
    if let (Some(unknown), Some(whole)) = (rule.vouched.iter().find(|count| !is_known(count)), &whole) {
        return Err(whole.wrong(format!("counts of its own authorities, not of `{}`", unknown.authority)));
    }
    rule.registry_credentials =
        (!pull_secrets.is_empty()).then(|| serde_json::json!({"signaturePullSecrets": pull_secrets}));
    let filters = match matched {
        Some(matched) => matched.iter().map(resource).collect::<Result<_, _>>()?,
        None => vec![Filter::default()],
    };
    let matches = ResourceMatch { matched: Filters::Any(filters), excluded: None };
    let requirement = Requirement::Images { extractors: Vec::new(), rules: vec![rule] };
    let mut policy = Policy::new(name, vec![Rule::new("authorities", matches, requirement)]);
    policy.lints = lints;
    "ClusterImagePolicy".clone_into(&mut policy.kind);
    set.extend(PolicySet::new(vec![policy]));
    Ok(())
}

fn glob(at: &At<'_>) -> Result<ReferencePattern, PolicyError> {
    let mut fields = at.fields()?;
    let glob = fields.require("glob", "a pattern of images, such as `ghcr.io/acme/**`")?;
    fields.finish()?;
    ReferencePattern::sigstore(glob.text()?).map_err(|error| glob.wrong(format!("a glob: {}", error.problem)))
}

fn mode(at: &At<'_>) -> Result<Mode, PolicyError> {
    match at.text()? {
        "enforce" | "" => Ok(Mode::Enforce),
        "warn" => Ok(Mode::Warn),
        _ => Err(at.wrong("`enforce` or `warn`")),
    }
}

/// Which resources: by group and version, which must be the same, and by labels.
fn resource(at: &At<'_>) -> Result<Filter, PolicyError> {
    let mut fields = at.fields()?;
    let [group, version, resource] = ["group", "version", "resource"].map(|name| fields.get(name));
    let selector = fields.get("selector").map(|at| labels::read(&at)).transpose()?;
    fields.finish()?;
    let (group, version) = (text(group)?, text(version)?);
    let expected = "`group`, `version` and `resource` of one kind, such as `apps`, `v1` and `deployments`: it would match nothing";
    if version.is_empty() {
        return Err(at.wrong(expected));
    }
    let kind = match &resource {
        Some(resource) => {
            let known = RESOURCES.iter().find(|(name, ..)| resource.text() == Ok(*name));
            let names = RESOURCES.map(|(name, ..)| format!("`{name}`")).join(", ");
            let (_, kind, its_group) = known.ok_or_else(|| resource.wrong(format!("one of {names}")))?;
            if group != *its_group {
                return Err(at.wrong(expected));
            }
            Pattern::exact(*kind)
        }
        None => Pattern::wildcard("*"),
    };
    let version = match version {
        "*" => Pattern::wildcard("*"),
        version => Pattern::exact(version),
    };
    let kind = KindMatch { group: Pattern::exact(group), version, ..KindMatch::new(kind) };
    Ok(Filter { kinds: vec![kind], selector, ..Filter::default() })
}

fn text(at: Option<At<'_>>) -> Result<&str, PolicyError> {
    at.map_or(Ok(""), |at| at.text())
}
