//! [`ResourceMatch`]: which requests a rule is about
//! ([match and exclude](https://kyverno.io/docs/policy-types/cluster-policy/match-exclude/)).

use std::collections::BTreeMap;

use serde_json::Value;
use trust_core::Pattern;
use trust_sbom::Answer;

use crate::kubernetes::label_selector::LabelSelector;
use crate::kubernetes::request::{Operation, Request, User};

/// Which requests a rule is about: those that are matched and not excluded.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ResourceMatch {
    /// The requests that are matched.
    pub matched: Filters,
    /// The requests that are not meant all the same.
    pub excluded: Option<Filters>,
}

/// How filters go together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Filters {
    /// One of them is enough.
    Any(Vec<Filter>),
    /// All must fit.
    All(Vec<Filter>),
}

/// Conditions on a request: all that are there must hold.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Filter {
    /// One of these kinds; any kind if there are none.
    pub kinds: Vec<KindMatch>,
    /// One of these names.
    pub names: Vec<Pattern>,
    /// One of these namespaces.
    pub namespaces: Vec<Pattern>,
    /// All of these annotations.
    pub annotations: Vec<(Pattern, Pattern)>,
    /// These labels.
    pub selector: Option<LabelSelector>,
    /// These labels, now or before an update.
    pub object_selector: Option<LabelSelector>,
    /// A namespace with these labels.
    pub namespace_selector: Option<LabelSelector>,
    /// One of these operations; creation and update if there are none.
    pub operations: Vec<Operation>,
    /// One of these users.
    pub subjects: Vec<Subject>,
    /// One of these roles, as `<namespace>:<name>`.
    pub roles: Vec<Pattern>,
    /// One of these cluster roles.
    pub cluster_roles: Vec<Pattern>,
}

/// A user, a group or a service account.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Subject {
    /// A user with this name.
    User(Pattern),
    /// Everybody in this group.
    Group(Pattern),
    /// A service account, by namespace and name.
    ServiceAccount(Pattern, Pattern),
}

/// A kind of resource, and the part of it that is asked for, by patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KindMatch {
    /// API group; empty for the core group.
    pub group: Pattern,
    /// Version within the group.
    pub version: Pattern,
    /// Kind.
    pub kind: Pattern,
    /// Subresource; empty for the resource itself.
    pub subresource: Pattern,
}

impl Default for Filters {
    fn default() -> Self {
        Self::Any(Vec::new())
    }
}

impl ResourceMatch {
    /// Whether a rule is about a request.
    #[must_use]
    pub fn applies_to(&self, request: &Request) -> Answer {
        let excluded = self.excluded.as_ref().map_or(Answer::No, |filters| filters.exempt(request));
        match (self.matched.fit(request), excluded) {
            (Answer::No, _) | (_, Answer::Yes) => Answer::No,
            (Answer::Unknown(reason), _) | (_, Answer::Unknown(reason)) => Answer::Unknown(reason),
            (Answer::Yes, Answer::No) => Answer::Yes,
        }
    }
}

impl Filters {
    /// The filters.
    #[must_use]
    pub fn filters(&self) -> &[Filter] {
        match self {
            Self::Any(filters) | Self::All(filters) => filters,
        }
    }

    /// Whether they exempt a request: a filter that names nothing exempts nothing, one that names no operation holds for all.
    pub(crate) fn exempt(&self, request: &Request) -> Answer {
        let exempts = |filter: &Filter| match *filter == Filter::default() {
            true => Answer::No,
            false => filter.fits(request, &Operation::ALL),
        };
        self.together(self.filters().iter().map(exempts))
    }

    fn fit(&self, request: &Request) -> Answer {
        let usual = [Operation::Create, Operation::Update];
        self.together(self.filters().iter().map(|filter| filter.fits(request, &usual)))
    }

    fn together(&self, answers: impl Iterator<Item = Answer>) -> Answer {
        match self {
            Self::Any(_) => Answer::any(answers),
            Self::All(filters) if filters.is_empty() => Answer::No,
            Self::All(_) => Answer::all(answers),
        }
    }
}

impl Filter {
    /// Whether it fits, where these operations are meant if it names none.
    fn fits(&self, request: &Request, usual: &[Operation]) -> Answer {
        let (resource, id) = (&request.resource, request.resource.id());
        let is_one_of = |patterns: &[Pattern], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(text))
        };
        // A namespace is itself the namespace that it is matched by.
        let namespace = if id.kind == "Namespace" { &id.name } else { &id.namespace };
        let operations = match &self.operations[..] {
            [] => usual,
            operations => operations,
        };
        let has_annotations = || {
            let annotations = texts(resource.object().pointer("/metadata/annotations"));
            self.annotations.iter().all(|(key, value)| {
                annotations.iter().any(|(name, found)| key.matches(name) && value.matches(found))
            })
        };
        let has_labels = |selector: &LabelSelector, object: &Value| {
            selector.matches(&texts(object.pointer("/metadata/labels")))
        };
        let fits = (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind.matches(request)))
            && is_one_of(&self.names, &id.name)
            && is_one_of(&self.namespaces, namespace)
            && operations.contains(&request.operation)
            && (self.annotations.is_empty() || has_annotations())
            && self.selector.as_ref().is_none_or(|selector| has_labels(selector, resource.object()))
            && self.object_selector.as_ref().is_none_or(|selector| {
                let mut objects = [Some(resource.object()), request.old.as_ref()].into_iter().flatten();
                objects.any(|object| has_labels(selector, object))
            });
        Answer::all([Answer::from(fits), self.fits_namespace(request), self.fits_user(request)])
    }

    fn fits_namespace(&self, request: &Request) -> Answer {
        match (&self.namespace_selector, &request.namespace_labels) {
            (None, _) => Answer::Yes,
            (Some(selector), Some(labels)) => selector.matches(labels).into(),
            (Some(_), None) => Answer::Unknown("the labels of the namespace are not known".to_owned()),
        }
    }

    fn fits_user(&self, request: &Request) -> Answer {
        let is_subject = |subject: &Subject, user: &User| match subject {
            Subject::User(name) => name.matches(&user.username),
            Subject::Group(name) => user.groups.iter().any(|group| name.matches(group)),
            Subject::ServiceAccount(namespace, name) => user
                .service_account()
                .is_some_and(|(found, account)| namespace.matches(found) && name.matches(account)),
        };
        let subject = match &request.user {
            _ if self.subjects.is_empty() => Answer::Yes,
            Some(user) => self.subjects.iter().any(|subject| is_subject(subject, user)).into(),
            None => Answer::Unknown("the user is not known".to_owned()),
        };
        let has_role = |wanted: &[Pattern], roles: &Option<Vec<String>>| match roles {
            _ if wanted.is_empty() => Answer::Yes,
            Some(roles) => roles.iter().any(|role| wanted.iter().any(|one| one.matches(role))).into(),
            None => Answer::Unknown("the roles of the user are not known".to_owned()),
        };
        Answer::all([
            subject,
            has_role(&self.roles, &request.roles),
            has_role(&self.cluster_roles, &request.cluster_roles),
        ])
    }
}

impl KindMatch {
    /// A kind of any group and version, without its subresources.
    #[must_use]
    pub fn new(kind: Pattern) -> Self {
        let any = || Pattern::wildcard("*");
        Self { group: any(), version: any(), kind, subresource: Pattern::exact("") }
    }

    fn matches(&self, request: &Request) -> bool {
        let id = request.resource.id();
        let own = (id.api_version.as_str(), id.kind.as_str());
        let parent = request.parent.as_ref().map(|one| (one.api_version.as_str(), one.kind.as_str()));
        [Some(own), parent].into_iter().flatten().any(|(api_version, kind)| {
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            // Containers that are added to a running pod are the pod's.
            let is_debugged = kind == "Pod" && request.subresource == "ephemeralcontainers";
            self.kind.matches(kind)
                && self.group.matches(group)
                && self.version.matches(version)
                && (self.subresource.matches(&request.subresource)
                    || is_debugged && self.subresource.matches(""))
        })
    }
}

/// The texts of a map.
pub(crate) fn texts(map: Option<&Value>) -> BTreeMap<String, String> {
    let fields = map.and_then(Value::as_object).into_iter().flatten();
    fields.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}
