//! Test suites of the Kyverno CLI: policies, resources, and what each rule should say about each resource
//! ([kyverno test](https://kyverno.io/docs/kyverno-cli/usage/test/)).

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};
use trust_gate::{Limits, Objects, collect_for};
use trust_policy::{
    Evidence, Outcome, PolicySet, ReasonCode, Request, Requirement, Resource, RuleVerdict, evaluate, yaml,
};

use super::given::Given;
use super::{at, text, values};

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
    /// Absent where the policy has no rules with names: one in CEL.
    #[serde(default)]
    rule: String,
    kind: Option<String>,
    #[serde(default)]
    resources: Vec<String>,
    /// The older form of a single resource.
    resource: Option<String>,
    #[serde(alias = "status")]
    result: String,
}

pub(crate) fn run(path: &Path, given: &Given) -> Result<Vec<Judged>, String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let suite = yaml::parse_documents(&text(path)?).map_err(|error| at(path, &error))?;
    let suite = suite.first().ok_or_else(|| at(path, &"found nothing, expected a test"))?;
    let suite: Suite = serde_json::from_value(suite.to_json()).map_err(|error| at(path, &error))?;
    let mut documents = Vec::new();
    for file in suite.policies.iter().chain(&suite.exceptions) {
        let file = folder.join(file);
        let read = yaml::parse_documents(&text(&file)?).map_err(|error| at(&file, &error))?;
        documents.extend(read.iter().map(|document| (file.clone(), document.to_json())));
    }
    let mut requests: Vec<Request> =
        resources(folder, &suite.resources)?.into_iter().map(Request::from).collect();
    // Without a user of its own a suite speaks of one without roles.
    let document = |file: &Option<String>| file.as_ref().map(|file| document(&folder.join(file))).transpose();
    let user = document(&suite.userinfo)?.unwrap_or_default();
    requests.iter_mut().try_for_each(|request| set_user(request, &user))?;
    let values = document(&suite.variables)?.unwrap_or_default();
    requests.iter_mut().try_for_each(|request| set_namespace(request, &values))?;
    let mut objects = Vec::new();
    for file in &suite.cluster_resources {
        let document = self::document(&folder.join(file))?;
        objects.extend(
            document.pointer("/spec/resources").and_then(Value::as_array).into_iter().flatten().cloned(),
        );
    }
    let objects = objects.into_iter().map(Resource::from_json).collect::<Result<Vec<_>, _>>();
    let objects = objects.map_err(|error| at(path, &error))?.into_iter().chain(given.objects.iter().cloned());
    let (objects, repositories) = (Objects::from_iter(objects), given.repositories()?);
    let fetched = |policies: &PolicySet, request: &Request| {
        collect_for(policies, request, &repositories, &objects, &Limits::default(), given.now)
    };
    let mut judged = Vec::new();
    for expectation in &suite.results {
        for name in expectation.resources.iter().chain(&expectation.resource) {
            judged.push(judge(&documents, &requests, &fetched, &values, given, expectation, name));
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

/// The policies, with these values in their places. What is refused takes the rows with it that need it, and no others.
fn read_policies(documents: &[(PathBuf, Value)], values: &Map<String, Value>) -> (PolicySet, Vec<String>) {
    let (mut policies, mut refused) = (PolicySet::default(), Vec::new());
    for (file, document) in documents {
        let mut document = document.clone();
        if !values.is_empty() {
            values::set_in_policy(&mut document, values);
        }
        match PolicySet::from_yaml(&document.to_string()) {
            Ok(read) => policies.extend(read),
            // As it is written, if that can be said: with line and column.
            Err(problem) => refused.push(super::read(file).err().unwrap_or_else(|| at(file, &problem))),
        }
    }
    (policies, refused)
}

fn document(file: &Path) -> Result<Value, String> {
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

/// The labels that a suite says of a request's namespace.
fn set_namespace(request: &mut Request, values: &Value) -> Result<(), String> {
    let namespaces = values["namespaceSelector"].as_array().into_iter().flatten();
    for namespace in namespaces.filter(|one| one["name"] == *request.resource.id().namespace) {
        let labels = serde_json::from_value(namespace["labels"].clone());
        request.namespace_labels = Some(labels.map_err(|error| format!("labels of a namespace: {error}"))?);
    }
    Ok(())
}

fn judge(
    documents: &[(PathBuf, Value)],
    requests: &[Request],
    fetched: &dyn Fn(&PolicySet, &Request) -> Evidence,
    values: &Value,
    given: &Given,
    expected: &Expectation,
    resource: &str,
) -> Judged {
    // The CLI names the rules that it makes of one about pods, and resources with their namespace or without.
    let rule = ["autogen-cronjob-", "autogen-"].iter().find_map(|prefix| expected.rule.strip_prefix(prefix));
    let rule = rule.unwrap_or(&expected.rule);
    let is_meant_rule = |one: &str| rule.is_empty() || one == rule;
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
    let values = values::of_row(values, policy, rule, name);
    let (policies, refused) = read_policies(documents, &values);
    let needs_signatures = policies
        .policies()
        .iter()
        .filter(|one| one.name == policy)
        .flat_map(|one| &one.rules)
        .any(|one| is_meant_rule(&one.name) && matches!(one.requirement, Requirement::Images { .. }));
    if needs_signatures && given.images.is_empty() {
        return row(Row::Skipped("it verifies images, of which none is given".to_owned()));
    }
    let is_read = policies.policies().iter().any(|one| one.name == policy);
    if let Some(problem) = refused.first().filter(|_| !is_read) {
        return row(Row::Skipped(problem.clone()));
    }
    let Some(mut request) = requests.iter().find(is_meant).cloned() else {
        return row(Row::Skipped("the suite has no such resource".to_owned()));
    };
    if let Err(problem) = values::set_in_request(&mut request, &values) {
        return row(Row::Skipped(problem));
    }
    let verdict = evaluate(&policies, &request, &fetched(&policies, &request), &given.trust, given.now);
    let found = verdict.rules.iter().find(|one| one.policy == policy && is_meant_rule(&one.rule));
    let result = found.map_or("skip", result);
    // Older suites call a reported violation a warning.
    let is_right = result == expected.result || (result == "fail" && expected.result == "warn");
    if is_right {
        return row(Row::Passed);
    }
    let why = found.map_or_else(|| "no such rule applies to it".to_owned(), ToString::to_string);
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
