//! Kyverno's `ImageValidatingPolicy` and `NamespacedImageValidatingPolicy` (`policies.kyverno.io`, `v1alpha1` to `v1`,
//! [reference](https://kyverno.io/docs/policy-types/image-validating-policy/)), and the exceptions from them.
//!
//! Expressions are compiled when the policy is read: one that refers to a name, a field of `attestors`, `attestations` or
//! `variables`, or a function that is not known is refused, with its place. What needs a service loads and is never counted, and a
//! lint says so.
//!
//! | file | holds |
//! |---|---|
//! | `attestors` | signers |

mod attestors;

use trust_core::{Pattern, UnixTime};

use crate::cel::names::Names;
use crate::kubernetes::image_pattern::ReferencePattern;
use crate::language::PolicyLanguage;
use crate::language::reader::expressions::{
    REQUEST, audit_annotations, check_distinct, expression, named, validations, variables,
};
use crate::language::reader::match_constraints::{self, CONTROLLERS};
use crate::language::reader::{At, Fields, PolicyError, webhook};
use crate::policy::mode::Mode;
use crate::policy::policy_set::{Exception, Lint, Policy, PolicySet, Requirement, Rule};
use crate::policy::resource_match::{Filter, Filters, ResourceMatch};
use crate::policy::validation::{AttestationKind, ImageSelection, NamedAttestation, ValidationRule};
use crate::yaml::Node;

const API_VERSIONS: [&str; 3] =
    ["policies.kyverno.io/v1", "policies.kyverno.io/v1beta1", "policies.kyverno.io/v1alpha1"];
const KINDS: [&str; 3] = ["ImageValidatingPolicy", "NamespacedImageValidatingPolicy", "PolicyException"];
/// The name of a policy's one rule.
const RULE: &str = "validations";

/// `ImageValidatingPolicy`.
#[derive(Debug)]
pub(crate) struct Language;

impl PolicyLanguage for Language {
    fn reads(&self, api_version: &str, kind: &str) -> bool {
        api_version.starts_with("policies.kyverno.io/") && KINDS.contains(&kind)
    }

    fn compile(&self, document: &Node, set: &mut PolicySet) -> Result<(), PolicyError> {
        read(&At::root(document), set)
    }
}

fn read(document: &At<'_>, set: &mut PolicySet) -> Result<(), PolicyError> {
    let mut fields = document.fields()?;
    let api_version = fields.require("apiVersion", "`policies.kyverno.io/v1`")?;
    if !API_VERSIONS.contains(&api_version.text()?) {
        let known = API_VERSIONS.map(|one| format!("`{one}`")).join(", ");
        return Err(api_version.wrong(format!("one of {known}")));
    }
    let kind = fields.require("kind", "`ImageValidatingPolicy`")?.text()?;
    let metadata = fields.require("metadata", "the policy's name")?;
    let mut about = metadata.fields()?;
    let name = about.require("name", "the policy's name")?.text()?.to_owned();
    let namespace = about.get("namespace").map(|at| at.text().map(str::to_owned)).transpose()?;
    let spec = fields.require("spec", "what is required")?;
    fields.ignore("status");
    fields.finish()?;
    let own_namespace = || namespace.clone().unwrap_or_else(|| "default".to_owned());
    if kind == "PolicyException" {
        set.add_exceptions([exception(name, own_namespace(), &spec)?]);
        return Ok(());
    }
    let mut lints = Vec::new();
    let rule = rule(&spec, &mut lints)?;
    let mut policy = Policy::new(name, vec![rule]);
    policy.namespace = (kind == "NamespacedImageValidatingPolicy").then(own_namespace);
    policy.lints = lints;
    kind.clone_into(&mut policy.kind);
    set.extend(PolicySet::new(vec![policy]));
    Ok(())
}

fn rule(spec: &At<'_>, lints: &mut Vec<Lint>) -> Result<Rule, PolicyError> {
    let mut fields = spec.fields()?;
    check_webhook(&mut fields, lints)?;
    let mode = mode(fields.get("validationActions"))?;
    let constraints = fields.require("matchConstraints", "the requests that it applies to")?;
    let (mut matches, is_of_pods) = match_constraints::read(&constraints)?;
    let controllers = controllers(&mut fields)?;
    let of_pod = is_of_pods && !controllers.is_empty();
    if of_pod {
        match_constraints::extend_to(&mut matches, &controllers);
    }
    let of_request = Names { values: REQUEST.to_vec(), ..Names::default() };
    let conditions = named(fields.get("matchConditions"), &of_request)?;
    let mut images = image_selection(&mut fields, &of_request)?;
    let mut names =
        Names { values: [&REQUEST[..], &["images"]].concat(), members: Vec::new(), may_ask: true };
    images.attestations = attestations(fields.get("attestations"))?;
    let attestors = fields.get("attestors");
    let all = attestors.as_ref().map(At::list).transpose()?.unwrap_or_default();
    let known = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let attestor_names: Vec<&str> = all.iter().map(attestors::name).collect::<Result<_, _>>()?;
    check_distinct(attestors.as_ref(), &attestor_names)?;
    names.members.push(("attestors", known(attestor_names)));
    names
        .members
        .push(("attestations", known(images.attestations.iter().map(|one| one.name.as_str()).collect())));
    let variables = variables(fields.get("variables"), &mut names)?;
    // Keys that expressions make are those of the request: signers cannot depend on one another.
    let of_keys = Names { members: Vec::new(), ..names.clone() };
    images.attestors = all.iter().map(|at| attestors::read(at, &of_keys, lints)).collect::<Result<_, _>>()?;
    let validations = validations(&fields.require("validations", "at least one expression")?, &names)?;
    audit_annotations(fields.get("auditAnnotations"), &names)?;
    fields.finish()?;
    let path = spec.path().to_owned();
    let rule = ValidationRule { path, mode: mode.into(), conditions, images, variables, validations };
    let mut rule = Rule::new(RULE, matches, Requirement::Validations(rule.into()));
    rule.of_pod = of_pod;
    Ok(rule)
}

/// How the webhook and the scans of Kyverno are set up, which changes no verdict.
fn check_webhook(fields: &mut Fields<'_>, lints: &mut Vec<Lint>) -> Result<(), PolicyError> {
    if let Some(at) = fields.get("webhookConfiguration") {
        let mut inner = at.fields()?;
        webhook::read_timeout(&mut inner, "timeoutSeconds")?;
        inner.finish()?;
    }
    webhook::read_failure_policy(fields, lints)?;
    let Some(evaluation) = fields.get("evaluation") else { return Ok(()) };
    let mut fields = evaluation.fields()?;
    if let Some(mode) = fields.get("mode") {
        match mode.text()? {
            "Kubernetes" => {}
            // What it judges has no kind and no images of pods.
            "JSON" => return Err(mode.not_implemented()),
            _ => return Err(mode.wrong("`Kubernetes`")),
        }
    }
    for name in ["admission", "background"] {
        let Some(at) = fields.get(name) else { continue };
        let mut inner = at.fields()?;
        let enabled = inner.get("enabled").map(|at| at.boolean()).transpose()?.unwrap_or(true);
        inner.finish()?;
        if name == "admission" && !enabled {
            lints.push(at.lint("is not enabled, but the policy judges whatever it is asked about here"));
        }
    }
    fields.finish()
}

/// What a violation does: of several actions, the strictest.
fn mode(actions: Option<At<'_>>) -> Result<Mode, PolicyError> {
    let actions = actions.map(|at| at.list()).transpose()?.unwrap_or_default();
    let mode = |at: &At<'_>| match at.text()? {
        "Deny" => Ok(Mode::Enforce),
        "Warn" => Ok(Mode::Warn),
        "Audit" => Ok(Mode::Audit),
        _ => Err(at.wrong("`Deny`, `Warn` or `Audit`")),
    };
    let modes: Vec<Mode> = actions.iter().map(mode).collect::<Result<_, _>>()?;
    Ok(modes.into_iter().max().unwrap_or(Mode::Enforce))
}

/// The resources whose pods a policy about pods extends to.
fn controllers<'a>(fields: &mut Fields<'a>) -> Result<Vec<&'a str>, PolicyError> {
    let all = CONTROLLERS.iter().map(|(name, ..)| *name).collect();
    let Some(autogen) = fields.get("autogen") else { return Ok(all) };
    let mut fields = autogen.fields()?;
    let pod_controllers = fields.get("podControllers");
    fields.finish()?;
    let Some(pod_controllers) = pod_controllers else { return Ok(all) };
    let mut fields = pod_controllers.fields()?;
    let controllers = fields.get("controllers");
    fields.finish()?;
    let Some(controllers) = controllers else { return Ok(all) };
    let meant = |at: &At<'a>| match at.text()? {
        "none" => Ok(None),
        name if CONTROLLERS.iter().any(|(known, ..)| *known == name) => Ok(Some(name)),
        _ => Err(at.wrong("a controller of pods, such as `deployments`")),
    };
    let names: Vec<_> = controllers.list()?.iter().map(meant).collect::<Result<_, _>>()?;
    Ok(names.into_iter().flatten().collect())
}

fn image_selection(fields: &mut Fields<'_>, names: &Names) -> Result<ImageSelection, PolicyError> {
    let mut images = ImageSelection {
        pins_digest: true,
        needs_digest: true,
        needs_signature: true,
        ..ImageSelection::default()
    };
    let references = fields.get("matchImageReferences").map(|at| at.list()).transpose()?.unwrap_or_default();
    let of_reference = Names { values: vec!["ref"], ..Names::default() };
    for at in &references {
        let mut fields = at.fields()?;
        let (glob, over) = (fields.get("glob"), fields.get("expression"));
        fields.finish()?;
        match (glob, over) {
            (Some(glob), None) => {
                let pattern = ReferencePattern::glob(glob.text()?);
                images
                    .references
                    .push(pattern.map_err(|error| glob.wrong(format!("a glob: {}", error.problem)))?);
            }
            (None, Some(over)) => images.reference_expressions.push(expression(&over, &of_reference)?),
            _ => return Err(at.wrong("exactly one of `glob` and `expression`")),
        }
    }
    images.extractors = named(fields.get("images"), names)?;
    if let Some(configuration) = fields.get("validationConfigurations") {
        let mut fields = configuration.fields()?;
        let mut flag =
            |name| fields.get(name).map(|at| at.boolean()).transpose().map(|flag| flag.unwrap_or(true));
        images.pins_digest = flag("mutateDigest")?;
        images.needs_digest = flag("verifyDigest")?;
        images.needs_signature = flag("required")?;
        fields.finish()?;
    }
    images.registry_credentials = fields.get("credentials").map(|at| at.json());
    Ok(images)
}

fn attestations(at: Option<At<'_>>) -> Result<Vec<NamedAttestation>, PolicyError> {
    let list = at.as_ref().map(At::list).transpose()?.unwrap_or_default();
    let read = |at: &At<'_>| {
        let mut fields = at.fields()?;
        let name = fields.require("name", "the attestation's name")?.text()?.to_owned();
        let (statement, referrer) = (fields.get("intoto"), fields.get("referrer"));
        fields.finish()?;
        let kind = |at: &At<'_>| {
            let mut fields = at.fields()?;
            let kind = fields.require("type", "a type, such as `https://slsa.dev/provenance/v1`")?.text()?;
            fields.finish().map(|()| kind.to_owned())
        };
        let kind = match (statement, referrer) {
            (Some(statement), None) => AttestationKind::Statement(kind(&statement)?),
            (None, Some(referrer)) => AttestationKind::Referrer(kind(&referrer)?),
            _ => return Err(at.wrong("exactly one of `intoto` and `referrer`")),
        };
        Ok(NamedAttestation { name, kind })
    };
    let read: Vec<NamedAttestation> = list.iter().map(read).collect::<Result<_, _>>()?;
    check_distinct(at.as_ref(), &read.iter().map(|one| one.name.as_str()).collect::<Vec<_>>())?;
    Ok(read)
}

/// `PolicyException` of policies in CEL: what it applies to, the policies that it names do not judge.
fn exception(name: String, namespace: String, spec: &At<'_>) -> Result<Exception, PolicyError> {
    let mut fields = spec.fields()?;
    let (mut policies, mut kinds) = (Vec::new(), Vec::new());
    for at in fields.require("policyRefs", "the policies")?.some()? {
        let mut fields = at.fields()?;
        let (policy, kind) =
            (fields.require("name", "a policy's name")?, fields.require("kind", "a policy's kind")?);
        fields.finish()?;
        let policy = match kind.text()? {
            "ImageValidatingPolicy" => Pattern::exact(policy.text()?),
            "NamespacedImageValidatingPolicy" => Pattern::exact(format!("{namespace}/{}", policy.text()?)),
            // It excepts from policies of other kinds, which are not read here.
            _ => continue,
        };
        kinds.push(kind.text()?.to_owned());
        policies.push((policy, vec![Pattern::wildcard("*")]));
    }
    let of_request = Names { values: REQUEST.to_vec(), ..Names::default() };
    let conditions = named(fields.get("matchConditions"), &of_request)?;
    // What policies would make of them is not known.
    for name in ["images", "allowedValues"] {
        if let Some(at) = fields.get(name).filter(|at| !at.is_empty()) {
            return Err(at.not_implemented());
        }
    }
    let expires = match fields.get("expiresAt") {
        None => None,
        Some(at) => Some(
            at.text()?.parse::<UnixTime>().map_err(|_| at.wrong("a time such as `2026-01-02T15:04:05Z`"))?,
        ),
    };
    for name in ["reportResult", "evaluationMode", "properties"] {
        fields.ignore(name);
    }
    fields.finish()?;
    // A filter that names nothing would exempt nothing.
    let every = Filter { names: vec![Pattern::wildcard("*")], ..Filter::default() };
    let matches = ResourceMatch { matched: Filters::Any(vec![every]), excluded: None };
    let mut exception = Exception::new(name, policies, matches);
    exception.namespace = namespace;
    exception.kinds = kinds;
    exception.expressions = Some(conditions);
    exception.expires = expires;
    Ok(exception)
}
