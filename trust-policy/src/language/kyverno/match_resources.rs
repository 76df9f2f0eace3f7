//! `match` and `exclude`: which requests a rule is about
//! ([match/exclude](https://kyverno.io/docs/policy-types/cluster-policy/match-exclude/)).

use trust_core::Pattern;

use super::Autogen;
use crate::kubernetes::request::Operation;
use crate::language::reader::{At, Fields, PolicyError, labels};
use crate::policy::policy_set::Rule;
use crate::policy::resource_match::{Filter, Filters, KindMatch, ResourceMatch, Subject};

/// The seven kinds whose pods a rule about pods extends to
/// ([auto-gen rules](https://kyverno.io/docs/policy-types/cluster-policy/autogen/)).
const CONTROLLERS: [(&str, &str); 7] = [
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("batch", "CronJob"),
    ("batch", "Job"),
    ("", "ReplicationController"),
];

/// Which requests a rule names.
pub(super) fn read(matched: &At<'_>, excluded: Option<&At<'_>>) -> Result<ResourceMatch, PolicyError> {
    Ok(ResourceMatch { matched: filters(matched)?, excluded: excluded.map(filters_or_none).transpose()? })
}

/// Extends rules about pods to their controllers, if the policy as a whole allows it (`CanAutoGen` in Kyverno's
/// pkg/autogen): no rule asks for a pod's own name, labels or annotations, which its controller does not share, and none names
/// pods and something else in one filter.
pub(super) fn extend_to_controllers(rules: &mut [Rule], autogen: &Autogen) {
    let sides = |rule: &Rule| {
        let sides = [Some(&rule.matches.matched), rule.matches.excluded.as_ref()];
        sides.into_iter().flatten().flat_map(|side| side.filters().to_vec()).collect::<Vec<Filter>>()
    };
    let prevents = |filter: &Filter| {
        let names_own =
            !filter.names.is_empty() || !filter.annotations.is_empty() || filter.selector.is_some();
        names_own || filter.kinds.len() > 1 && filter.kinds.iter().any(is_pod)
    };
    if rules.iter().flat_map(sides).any(|filter| prevents(&filter)) {
        return;
    }
    for rule in rules {
        rule.of_pod = rule.matches.matched.filters().iter().any(is_about_pods);
        extend(&mut rule.matches.matched, autogen);
        rule.matches.excluded.as_mut().into_iter().for_each(|filters| extend(filters, autogen));
    }
}

fn is_about_pods(filter: &Filter) -> bool {
    matches!(&filter.kinds[..], [only] if is_pod(only))
}

fn is_pod(kind: &KindMatch) -> bool {
    kind.kind.to_string() == "`Pod`" && kind.subresource.matches("")
}

/// Adds the controllers wherever pods are named.
fn extend(filters: &mut Filters, autogen: &Autogen) {
    let extends_to = |name: &str| match autogen {
        Autogen::All => true,
        Autogen::Only(names) => names.iter().any(|one| one == name),
    };
    let (Filters::Any(filters) | Filters::All(filters)) = filters;
    for filter in filters.iter_mut().filter(|filter| is_about_pods(filter)) {
        filter.kinds.extend(CONTROLLERS.iter().filter(|(_, kind)| extends_to(kind)).map(|(group, kind)| {
            KindMatch { group: Pattern::exact(*group), ..KindMatch::new(Pattern::exact(*kind)) }
        }));
    }
}

/// `any` or `all` of some filters, or the older form with one filter.
pub(super) fn filters(at: &At<'_>) -> Result<Filters, PolicyError> {
    match filters_or_none(at)? {
        filters if filters.filters().is_empty() => Err(at.wrong("at least one filter")),
        filters => Ok(filters),
    }
}

/// Likewise, but there may be no filter: nothing is excluded then.
fn filters_or_none(at: &At<'_>) -> Result<Filters, PolicyError> {
    let mut fields = at.fields()?;
    let list =
        |at: &At<'_>| at.list()?.iter().map(|one| filter(one.fields()?)).collect::<Result<Vec<_>, _>>();
    let (any, all) = (fields.get("any"), fields.get("all"));
    if any.is_some() || all.is_some() {
        // The API server writes it beside them; filled, it would be an older form beside a newer one.
        fields.ignore_empty("resources");
    }
    match (any, all) {
        (Some(any), None) => {
            fields.finish()?;
            Ok(Filters::Any(list(&any)?))
        }
        (None, Some(all)) => {
            fields.finish()?;
            Ok(Filters::All(list(&all)?))
        }
        (Some(_), Some(_)) => Err(at.wrong("one of `any` and `all`")),
        (None, None) => Ok(Filters::Any(vec![filter(at.fields()?)?])),
    }
}

fn filter(mut fields: Fields<'_>) -> Result<Filter, PolicyError> {
    let mut filter = match fields.get("resources") {
        Some(resources) => resources_filter(&resources)?,
        None => Filter::default(),
    };
    if let Some(subjects) = fields.get("subjects") {
        filter.subjects = subjects.list()?.iter().map(subject).collect::<Result<_, _>>()?;
    }
    filter.roles = patterns(fields.get("roles"))?;
    filter.cluster_roles = patterns(fields.get("clusterRoles"))?;
    fields.finish()?;
    Ok(filter)
}

fn resources_filter(at: &At<'_>) -> Result<Filter, PolicyError> {
    let mut fields = at.fields()?;
    let kinds =
        fields.get("kinds").map(|at| at.texts().and_then(|_| at.list())).transpose()?.unwrap_or_default();
    let mut names = patterns(fields.get("names"))?;
    names.extend(fields.get("name").map(|at| at.text().map(Pattern::wildcard)).transpose()?);
    let operations = fields.get("operations").map(|at| at.list()).transpose()?.unwrap_or_default();
    let annotations = fields.get("annotations").map(|at| labels::patterns(&at)).transpose()?;
    let filter = Filter {
        kinds: kinds.iter().map(kind).collect::<Result<_, _>>()?,
        names,
        namespaces: patterns(fields.get("namespaces"))?,
        annotations: annotations.unwrap_or_default(),
        selector: fields.get("selector").map(|at| labels::read(&at)).transpose()?,
        namespace_selector: fields.get("namespaceSelector").map(|at| labels::read(&at)).transpose()?,
        operations: operations.iter().map(operation).collect::<Result<_, _>>()?,
        ..Filter::default()
    };
    fields.finish()?;
    Ok(filter)
}

fn patterns(list: Option<At<'_>>) -> Result<Vec<Pattern>, PolicyError> {
    let list = list.map(|at| at.list()).transpose()?.unwrap_or_default();
    list.iter().map(|at| at.text().map(Pattern::wildcard)).collect()
}

fn operation(at: &At<'_>) -> Result<Operation, PolicyError> {
    match at.text()? {
        "CREATE" => Ok(Operation::Create),
        "UPDATE" => Ok(Operation::Update),
        "DELETE" => Ok(Operation::Delete),
        "CONNECT" => Ok(Operation::Connect),
        _ => Err(at.wrong("`CREATE`, `UPDATE`, `DELETE` or `CONNECT`")),
    }
}

fn subject(at: &At<'_>) -> Result<Subject, PolicyError> {
    let mut fields = at.fields()?;
    let kind = fields.require("kind", "`User`, `Group` or `ServiceAccount`")?;
    let name = Pattern::wildcard(fields.require("name", "the subject's name")?.text()?);
    let namespace = fields.get("namespace");
    fields.ignore("apiGroup");
    fields.finish()?;
    match (kind.text()?, namespace) {
        ("User", _) => Ok(Subject::User(name)),
        ("Group", _) => Ok(Subject::Group(name)),
        ("ServiceAccount", Some(namespace)) => {
            Ok(Subject::ServiceAccount(Pattern::wildcard(namespace.text()?), name))
        }
        ("ServiceAccount", None) => Err(at.wrong("a service account with its namespace")),
        _ => Err(kind.wrong("`User`, `Group` or `ServiceAccount`")),
    }
}

/// `Kind`, `version/Kind`, `group/version/Kind`, each with `/subresource` or `.subresource` behind it, and with wildcards
/// (`ParseKindSelector` in Kyverno's pkg/utils/kube/kind.go).
fn kind(at: &At<'_>) -> Result<KindMatch, PolicyError> {
    let written = at.text()?;
    // In the last part, dots separate as well.
    let (before, last) =
        written.rsplit_once('/').map_or((None, written), |(before, last)| (Some(before), last));
    let parts: Vec<&str> =
        before.into_iter().flat_map(|before| before.split('/')).chain(last.split('.')).collect();
    let (group, version, kind, subresource) = match parts[..] {
        [kind] => ("*", "*", kind, ""),
        // `*/Pod` has a version in front, `*/exec` a kind.
        ["*", second] if !second.contains(|c: char| c.is_ascii_uppercase()) => ("*", "*", "*", second),
        [version, kind] if is_version(version) => ("*", version, kind, ""),
        [kind, subresource] => ("*", "*", kind, subresource),
        [version, kind, subresource] if is_version(version) => ("*", version, kind, subresource),
        [group, version, kind] => (group, version, kind, ""),
        [group, version, kind, subresource] => (group, version, kind, subresource),
        _ => return Err(at.wrong("a kind such as `apps/v1/Deployment` or `Pod/exec`")),
    };
    if kind.is_empty() || version.is_empty() {
        return Err(at.wrong("a kind such as `apps/v1/Deployment` or `Pod/exec`"));
    }
    let [group, version, kind, subresource] = [group, version, kind, subresource].map(Pattern::wildcard);
    Ok(KindMatch { group, version, kind, subresource })
}

/// Whether a part is a version: `*`, `v1`, `v2beta1`.
fn is_version(part: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    part == "*"
        || part.strip_prefix('v').is_some_and(|rest| {
            let rest = rest
                .split_once("alpha")
                .or_else(|| rest.split_once("beta"))
                .map_or((rest, "0"), |parts| parts);
            is_number(rest.0) && is_number(rest.1)
        })
}
