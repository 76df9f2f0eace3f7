//! `matchConstraints`: which requests a policy in CEL applies to, as Kubernetes says it of webhooks
//! ([MatchResources](https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/validating-admission-policy-v1/)).

use trust_core::Pattern;

use super::{At, Fields, PolicyError, labels};
use crate::kubernetes::request::Operation;
use crate::policy::resource_match::{Filter, Filters, KindMatch, ResourceMatch};

/// Pods, and the kinds whose pods a policy about pods extends to: by resource, with kind and group.
pub(crate) const PODS: (&str, &str, &str) = ("pods", "Pod", "");
pub(crate) const CONTROLLERS: [(&str, &str, &str); 7] = [
    ("cronjobs", "CronJob", "batch"),
    ("daemonsets", "DaemonSet", "apps"),
    ("deployments", "Deployment", "apps"),
    ("jobs", "Job", "batch"),
    ("replicasets", "ReplicaSet", "apps"),
    ("replicationcontrollers", "ReplicationController", ""),
    ("statefulsets", "StatefulSet", "apps"),
];

/// Which requests a policy applies to, and whether these are pods, whatever they are called and labelled.
pub(crate) fn read(at: &At<'_>) -> Result<(ResourceMatch, bool), PolicyError> {
    let mut fields = at.fields()?;
    let mut selector =
        |name| fields.get(name).filter(|at| !at.is_empty()).map(|at| labels::read(&at)).transpose();
    let (namespaces, objects) = (selector("namespaceSelector")?, selector("objectSelector")?);
    let rules = fields.require("resourceRules", "at least one resource rule")?;
    // A kind is known of a resource more or less: what is excluded could be too much.
    if let Some(excluded) = fields.get("excludeResourceRules").filter(|at| !at.is_empty()) {
        return Err(excluded.not_implemented());
    }
    let is_exact = match fields.get("matchPolicy") {
        None => false,
        Some(policy) => match policy.text()? {
            "Exact" => true,
            "Equivalent" => false,
            _ => return Err(policy.wrong("`Exact` or `Equivalent`")),
        },
    };
    fields.finish()?;
    let mut filters: Vec<Filter> = rules.some()?.iter().map(rule).collect::<Result<_, _>>()?;
    let is_of_pods = filters == [Filter { operations: operations_of(&filters), ..pods() }]
        && namespaces.is_none()
        && objects.is_none();
    for filter in &mut filters {
        // The same object in another version of its group is equivalent.
        for kind in filter.kinds.iter_mut().filter(|_| !is_exact) {
            kind.version = Pattern::wildcard("*");
        }
        filter.namespace_selector.clone_from(&namespaces);
        filter.object_selector.clone_from(&objects);
    }
    Ok((ResourceMatch { matched: Filters::Any(filters), excluded: None }, is_of_pods))
}

/// Adds kinds whose pods are meant as well, to requests for pods.
pub(crate) fn extend_to(matches: &mut ResourceMatch, controllers: &[&str]) {
    let (Filters::Any(filters) | Filters::All(filters)) = &mut matches.matched;
    for filter in filters {
        let meant = CONTROLLERS.iter().filter(|(name, ..)| controllers.contains(name));
        filter.kinds.extend(meant.map(|(_, kind, group)| KindMatch {
            group: Pattern::exact(*group),
            ..KindMatch::new(Pattern::exact(*kind))
        }));
    }
}

fn operations_of(filters: &[Filter]) -> Vec<Operation> {
    filters.first().map(|one| one.operations.clone()).unwrap_or_default()
}

fn pods() -> Filter {
    let (_, kind, group) = PODS;
    let kind = KindMatch {
        group: Pattern::exact(group),
        version: Pattern::exact("v1"),
        ..KindMatch::new(Pattern::exact(kind))
    };
    Filter { kinds: vec![kind], ..Filter::default() }
}

fn rule(at: &At<'_>) -> Result<Filter, PolicyError> {
    let mut fields = at.fields()?;
    let groups = patterns(&fields.require("apiGroups", "API groups, such as `\"\"`")?)?;
    let versions = patterns(&fields.require("apiVersions", "versions, such as `v1`")?)?;
    let resources = fields.require("resources", "resources, such as `pods`")?;
    let operations = operations(&mut fields)?;
    let names = fields.get("resourceNames").map(|at| at.list()).transpose()?.unwrap_or_default();
    let names = names.iter().map(|at| at.text().map(Pattern::exact)).collect::<Result<_, _>>()?;
    // Whether a resource is in a namespace is not known of every one, so all are taken.
    if let Some(scope) = fields.get("scope")
        && !matches!(scope.text()?, "*" | "Namespaced" | "Cluster")
    {
        return Err(scope.wrong("`*`, `Namespaced` or `Cluster`"));
    }
    fields.finish()?;
    let mut kinds = Vec::new();
    for resource in resources.some()? {
        let (kind, subresource) = kind_of(&resource)?;
        for (group, version) in groups.iter().flat_map(|group| versions.iter().map(move |one| (group, one))) {
            kinds.push(KindMatch {
                group: group.clone(),
                version: version.clone(),
                kind: kind.clone(),
                subresource: subresource.clone(),
            });
        }
    }
    Ok(Filter { kinds, names, operations, ..Filter::default() })
}

/// `*`, or the text itself.
fn pattern(text: &str) -> Pattern {
    if text == "*" { Pattern::wildcard("*") } else { Pattern::exact(text) }
}

fn patterns(at: &At<'_>) -> Result<Vec<Pattern>, PolicyError> {
    Ok(at.texts()?.into_iter().map(pattern).collect())
}

fn operations(fields: &mut Fields<'_>) -> Result<Vec<Operation>, PolicyError> {
    let all = fields.require("operations", "operations, such as `CREATE`")?;
    let mut operations = Vec::new();
    for at in all.some()? {
        match at.text()? {
            "*" => operations.extend(Operation::ALL),
            "CREATE" => operations.push(Operation::Create),
            "UPDATE" => operations.push(Operation::Update),
            "DELETE" => operations.push(Operation::Delete),
            "CONNECT" => operations.push(Operation::Connect),
            _ => return Err(at.wrong("`CREATE`, `UPDATE`, `DELETE`, `CONNECT` or `*`")),
        }
    }
    Ok(operations)
}

/// The kind and the subresource of a resource such as `pods`, `pods/status` or `*/*`. Of a kind that is not known, every name
/// of which the resource can be the plural is taken.
fn kind_of(at: &At<'_>) -> Result<(Pattern, Pattern), PolicyError> {
    let written = at.text()?;
    let (resource, subresource) = written.split_once('/').unwrap_or((written, ""));
    let is_name = |text: &str| {
        text == "*" || text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if resource.is_empty() || !is_name(resource) || !is_name(subresource) {
        return Err(at.wrong("a resource such as `pods` or `pods/ephemeralcontainers`"));
    }
    // All of a resource's subresources are not the resource; all of everything's are.
    let subresource = match (resource, subresource) {
        ("*", "*") => Pattern::wildcard("*"),
        (_, "*") => Pattern::wildcard("?*"),
        (_, one) => Pattern::exact(one),
    };
    if resource == "*" {
        return Ok((Pattern::wildcard("*"), subresource));
    }
    let known = CONTROLLERS.iter().chain([&PODS]).find(|(name, ..)| *name == resource);
    if let Some((_, kind, _)) = known {
        return Ok((Pattern::exact(*kind), subresource));
    }
    let without = |end: &str, by: &str| resource.strip_suffix(end).map(|rest| format!("{rest}{by}"));
    let singulars = [Some(resource.to_owned()), without("s", ""), without("es", ""), without("ies", "y")];
    let singulars: Vec<_> = singulars.into_iter().flatten().collect();
    let kind = Pattern::regex(&format!("(?i:{})", singulars.join("|")))
        .map_err(|error| at.wrong(format!("a resource: {}", error.problem)))?;
    Ok((kind, subresource))
}
