//! `match`: which resources a rule is about
//! ([match/exclude](https://kyverno.io/docs/policy-types/cluster-policy/match-exclude/)).

use trust_core::Pattern;

use super::fields::At;
use super::{Autogen, PolicyError};
use crate::model::KindMatch;

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

/// The kinds that a rule names.
pub(super) struct Selection {
    kinds: Vec<KindMatch>,
    /// Whether it is about pods and nothing else, so that it extends to their controllers.
    pub(super) is_pods_only: bool,
}

impl Selection {
    /// The kinds, and the controllers that a rule about pods extends to.
    pub(super) fn kinds(self, autogen: &Autogen) -> Vec<KindMatch> {
        let mut kinds = self.kinds;
        if self.is_pods_only {
            let extends_to = |name: &str| match autogen {
                Autogen::All => true,
                Autogen::Only(names) => names.iter().any(|one| one == name),
            };
            kinds.extend(CONTROLLERS.iter().filter(|(_, kind)| extends_to(kind)).map(|(group, kind)| {
                KindMatch { group: Some(Pattern::exact(*group)), version: None, kind: Pattern::exact(*kind) }
            }));
        }
        kinds
    }
}

/// Reads `match`: `any` or `all` of some filters, or the older form with one filter.
pub(super) fn read(at: At<'_>) -> Result<Selection, PolicyError> {
    let mut fields = at.fields()?;
    let (any, all, resources) = (fields.get("any"), fields.get("all"), fields.get("resources"));
    fields.finish()?;
    let names = match (any, all, resources) {
        (Some(any), None, None) => filters(&any)?,
        (None, Some(all), None) => {
            // A resource has one kind: of several filters with kinds, all cannot be met but by chance.
            if all.list()?.len() > 1 {
                return Err(all.wrong("one filter, several are not implemented"));
            }
            filters(&all)?
        }
        (None, None, Some(resources)) => kinds(&resources)?,
        _ => return Err(at.wrong("exactly one of `any`, `all` and `resources`")),
    };
    let is_pods_only = names.iter().all(|(name, _)| matches!(*name, "Pod" | "v1/Pod"));
    let kinds = names.into_iter().map(|(_, kind)| kind).collect();
    Ok(Selection { kinds, is_pods_only })
}

type NamedKinds<'a> = Vec<(&'a str, KindMatch)>;

fn filters<'a>(list: &At<'a>) -> Result<NamedKinds<'a>, PolicyError> {
    let filters = list.list()?;
    if filters.is_empty() {
        return Err(list.wrong("at least one filter"));
    }
    let mut all = Vec::new();
    for filter in filters {
        let mut fields = filter.fields()?;
        all.extend(kinds(&fields.require("resources", "the kinds of resources")?)?);
        fields.finish()?;
    }
    Ok(all)
}

fn kinds<'a>(resources: &At<'a>) -> Result<NamedKinds<'a>, PolicyError> {
    let mut fields = resources.fields()?;
    let list = fields.require("kinds", "a list of kinds such as `Pod`")?;
    fields.finish()?;
    list.texts()?;
    list.list()?.into_iter().map(|at| Ok((at.text()?, kind(&at)?))).collect()
}

/// `Kind`, `version/Kind` or `group/version/Kind`, with wildcards.
fn kind(at: &At<'_>) -> Result<KindMatch, PolicyError> {
    let parts: Vec<&str> = at.text()?.split('/').collect();
    let pattern = |text: &&str| Some(Pattern::wildcard(*text));
    match &parts[..] {
        parts if parts.iter().any(|part| part.is_empty()) => {
            Err(at.wrong("a kind such as `apps/v1/Deployment`"))
        }
        [kind] => Ok(KindMatch { group: None, version: None, kind: Pattern::wildcard(*kind) }),
        [version, kind] => {
            // Kyverno takes a first part that is no version for a group.
            let is_version = version.starts_with('v') || *version == "*";
            let (group, version) =
                if is_version { (None, pattern(version)) } else { (pattern(version), None) };
            Ok(KindMatch { group, version, kind: Pattern::wildcard(*kind) })
        }
        [group, version, kind] => {
            Ok(KindMatch { group: pattern(group), version: pattern(version), kind: Pattern::wildcard(*kind) })
        }
        _ => Err(at.wrong("a kind such as `apps/v1/Deployment`")),
    }
}
