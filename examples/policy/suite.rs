//! Test suites of the Kyverno CLI: policies, resources, and what each rule should say about each resource
//! ([kyverno test](https://kyverno.io/docs/kyverno-cli/usage/test/)).

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::Value;
use trust_core::{TrustRoot, UnixTime};
use trust_policy::{
    Check, Evidence, Operation, Outcome, PolicySet, ReasonCode, Request, Resource, RuleVerdict, evaluate,
    yaml,
};

use super::{at, read, text};

/// One expectation, and what came of it.
pub(crate) struct Judged {
    /// Policy, rule and resource.
    pub(crate) name: String,
    pub(crate) expected: String,
    pub(crate) verdict: Row,
}

pub(crate) enum Row {
    Passed,
    Failed {
        found: String,
        why: String,
    },
    /// It needs what is not here.
    Skipped(String),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Suite {
    policies: Vec<String>,
    exceptions: Vec<String>,
    resources: Vec<String>,
    #[serde(rename = "clusterResources")]
    cluster_resources: Vec<String>,
    variables: Option<String>,
    userinfo: Option<String>,
    results: Vec<Expectation>,
}

/// What a suite expects of one rule and some resources.
#[derive(Deserialize)]
struct Expectation {
    policy: String,
    rule: String,
    kind: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    /// The older form of a single resource.
    resource: Option<String>,
    #[serde(alias = "status")]
    result: String,
}

pub(crate) fn run(path: &Path) -> Result<Vec<Judged>, String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let suite = yaml::parse_documents(&text(path)?).map_err(|error| at(path, &error))?;
    let suite = suite.first().ok_or_else(|| at(path, &"found nothing, expected a test"))?;
    let suite: Suite = serde_json::from_value(suite.to_json()).map_err(|error| at(path, &error))?;
    // What is refused takes the rows with it that need it, and no others.
    let (mut policies, mut refused) = (PolicySet::default(), Vec::new());
    for file in suite.policies.iter().chain(&suite.exceptions) {
        match read(&folder.join(file)) {
            Ok(read) => policies.extend(read),
            Err(problem) => refused.push(problem),
        }
    }
    let mut requests: Vec<Request> =
        resources(folder, &suite.resources)?.into_iter().map(Request::from).collect();
    // Without a user of its own a suite speaks of one without roles.
    let document = |file: &Option<String>| file.as_ref().map(|file| values(&folder.join(file))).transpose();
    let user = document(&suite.userinfo)?.unwrap_or_default();
    requests.iter_mut().try_for_each(|request| set_user(request, &user))?;
    if let Some(values) = document(&suite.variables)? {
        let set = requests.iter_mut().try_for_each(|request| set_values(request, &values));
        if let Err(problem) = set {
            // Whatever they would change is judged wrongly without them.
            policies = PolicySet::default();
            refused.insert(0, problem);
        }
    }
    let mut objects = Vec::new();
    for file in &suite.cluster_resources {
        let document = values(&folder.join(file))?;
        objects.extend(
            document.pointer("/spec/resources").and_then(Value::as_array).into_iter().flatten().cloned(),
        );
    }
    let named = |object: Value| {
        let object = Resource::from_json(object).map_err(|error| error.to_string())?;
        let id = object.id();
        Ok((format!("{}/{}/{}", id.kind, id.namespace, id.name), Ok(object.object().clone())))
    };
    let objects = objects.into_iter().map(named).collect::<Result<_, String>>()?;
    let evidence = Evidence { objects, ..Evidence::default() };
    let mut judged = Vec::new();
    for expectation in &suite.results {
        for name in expectation.resources.iter().chain(&expectation.resource) {
            judged.push(judge(&policies, &requests, &evidence, &refused, expectation, name));
        }
    }
    Ok(judged)
}

fn resources(folder: &Path, files: &[String]) -> Result<Vec<Resource>, String> {
    let mut resources = Vec::new();
    for file in files {
        let file = folder.join(file);
        resources.extend(Resource::from_yaml(&text(&file)?).map_err(|error| at(&file, &error))?);
    }
    Ok(resources)
}

fn values(file: &Path) -> Result<Value, String> {
    let documents = yaml::parse_documents(&text(file)?).map_err(|error| at(file, &error))?;
    Ok(documents.first().map(|node| node.to_json()).unwrap_or_default())
}

/// Who asks, and in which roles.
fn set_user(request: &mut Request, user: &Value) -> Result<(), String> {
    let names = |name: &str| -> Result<Vec<String>, String> {
        match &user[name] {
            Value::Null => Ok(Vec::new()),
            names => serde_json::from_value(names.clone()).map_err(|error| format!("`{name}`: {error}")),
        }
    };
    request.roles = Some(names("roles")?);
    request.cluster_roles = Some(names("clusterRoles")?);
    if !user["userInfo"].is_null() {
        let user = serde_json::from_value(user["userInfo"].clone());
        request.user = Some(user.map_err(|error| format!("`userInfo`: {error}"))?);
    }
    Ok(())
}

/// What a suite says about the requests: operations, and labels of namespaces.
fn set_values(request: &mut Request, values: &Value) -> Result<(), String> {
    let namespaces = values["namespaceSelector"].as_array().into_iter().flatten();
    for namespace in namespaces.filter(|one| one["name"] == *request.resource.id().namespace) {
        let labels = serde_json::from_value(namespace["labels"].clone());
        request.namespace_labels = Some(labels.map_err(|error| format!("labels of a namespace: {error}"))?);
    }
    let of_resource = values["policies"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|policy| policy["resources"].as_array().into_iter().flatten())
        .filter(|resource| resource["name"] == *request.resource.id().name)
        .map(|resource| &resource["values"]);
    for values in [&values["globalValues"]].into_iter().chain(of_resource) {
        for (name, value) in values.as_object().into_iter().flatten() {
            if name != "request.operation" {
                return Err(format!("`{name}` is set, which is not read here"));
            }
            let operation = serde_json::from_value(value.clone());
            request.operation = operation.map_err(|error| format!("`{name}`: {error}"))?;
            // An update without more is one that changes nothing.
            request.old = (request.operation == Operation::Update).then(|| request.resource.object().clone());
        }
    }
    Ok(())
}

fn judge(
    policies: &PolicySet,
    requests: &[Request],
    evidence: &Evidence,
    refused: &[String],
    expected: &Expectation,
    resource: &str,
) -> Judged {
    // The CLI names the rules that it makes of one about pods, and resources with their namespace or without.
    let rule = ["autogen-cronjob-", "autogen-"].iter().find_map(|prefix| expected.rule.strip_prefix(prefix));
    let rule = rule.unwrap_or(&expected.rule);
    let name = resource.rsplit('/').next().unwrap_or(resource);
    let policy = expected.policy.rsplit('/').next().unwrap_or(&expected.policy);
    let is_meant = |request: &&Request| {
        let id = request.resource.id();
        id.name == name && expected.kind.as_ref().is_none_or(|kind| *kind == id.kind)
    };
    let row = |verdict| Judged {
        name: format!("{policy}/{rule} on {resource}"),
        expected: expected.result.clone(),
        verdict,
    };
    let needs_signatures = policies
        .policies()
        .iter()
        .filter(|one| one.name == policy)
        .flat_map(|one| &one.rules)
        .any(|one| one.name == rule && matches!(one.check, Check::Images { .. }));
    if needs_signatures {
        return row(Row::Skipped("it verifies images, which needs a registry".to_owned()));
    }
    let is_read = policies.policies().iter().any(|one| one.name == policy);
    if let Some(problem) = refused.first().filter(|_| !is_read) {
        return row(Row::Skipped(problem.clone()));
    }
    let Some(request) = requests.iter().find(is_meant) else {
        return row(Row::Skipped("the suite has no such resource".to_owned()));
    };
    let verdict = evaluate(policies, request, evidence, &TrustRoot::empty(), clock());
    let found = verdict.rules.iter().find(|one| one.policy == policy && one.rule == rule);
    let result = found.map_or("skip", result);
    // Older suites call a reported violation a warning.
    let is_right = result == expected.result || (result == "fail" && expected.result == "warn");
    if is_right {
        return row(Row::Passed);
    }
    let why = found.map_or_else(|| "no such rule is about it".to_owned(), ToString::to_string);
    row(Row::Failed { found: result.to_owned(), why })
}

/// What the CLI would call it.
fn result(rule: &RuleVerdict) -> &'static str {
    let is_unresolved = rule.explanations.iter().any(|one| one.code == Some(ReasonCode::Unresolved));
    match rule.outcome {
        Outcome::Pass => "pass",
        Outcome::Fail if is_unresolved => "error",
        Outcome::Fail => "fail",
        Outcome::Skip => "skip",
    }
}

fn clock() -> UnixTime {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_seconds(i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX))
}
