//! [`Scope`]: to which requests a rule applies, as far as other languages can say it.

use trust_core::Pattern;

use super::{Obstacle, Source};
use crate::kubernetes::label_selector::LabelSelector;
use crate::policy::policy_set::Requirement;
use crate::policy::resource_match::{Filter, Filters};

/// To which requests a rule applies.
pub(super) struct Scope<'a> {
    pub(super) namespaces: Vec<&'a Pattern>,
    pub(super) except_namespaces: Vec<&'a Pattern>,
    pub(super) namespace_selector: Option<&'a LabelSelector>,
    pub(super) kinds: Kinds<'a>,
    /// The one namespace of its policy, if it has one.
    pub(super) own_namespace: Option<&'a str>,
}

/// Of which kinds resources are.
pub(super) enum Kinds<'a> {
    /// Any that has images.
    Any,
    /// Pods.
    Pods,
    /// Pods, and these kinds that make Pods.
    PodsAndControllers(Vec<&'a str>),
    /// These.
    Other(Vec<&'a str>),
}

impl<'a> Scope<'a> {
    pub(super) fn of(source: &Source<'a>) -> Result<Self, Obstacle> {
        let rule = source.rule;
        if rule.preconditions.is_some() {
            return Err("it has preconditions".to_owned());
        }
        if let Requirement::Images { extractors, .. } = &rule.requirement
            && !extractors.is_empty()
        {
            return Err("it says where custom resources have their images".to_owned());
        }
        let mut scope = Self {
            namespaces: Vec::new(),
            except_namespaces: Vec::new(),
            namespace_selector: None,
            kinds: Kinds::Any,
            own_namespace: source.policy.namespace.as_deref(),
        };
        match &rule.matches.matched {
            Filters::Any(filters) | Filters::All(filters) if filters.len() == 1 => {
                scope.add(filters.first().ok_or("it matches nothing")?)?;
            }
            Filters::Any(filters) if !filters.is_empty() => {
                for filter in filters {
                    scope.add(filter)?;
                    if !scope.namespaces.is_empty()
                        || scope.namespace_selector.is_some()
                        || filter.kinds.is_empty()
                    {
                        return Err("it matches in several ways, which are not only kinds".to_owned());
                    }
                }
            }
            _ => return Err("it matches requests by several conditions together".to_owned()),
        }
        let kinds = rule.matches.matched.filters().iter().flat_map(|filter| &filter.kinds);
        let kinds: Vec<&str> = kinds.map(|kind| kind.kind.written()).collect();
        scope.kinds = match &kinds[..] {
            [] => Kinds::Any,
            ["Pod"] => Kinds::Pods,
            _ if rule.of_pod => Kinds::PodsAndControllers(kinds),
            _ => Kinds::Other(kinds),
        };
        for filter in rule.matches.excluded.iter().flat_map(Filters::filters) {
            let of_namespaces = Filter { namespaces: filter.namespaces.clone(), ..Filter::default() };
            let is_joined =
                matches!(rule.matches.excluded, Some(Filters::All(ref filters)) if filters.len() > 1);
            if *filter != of_namespaces || filter.namespaces.is_empty() || is_joined {
                return Err("it excludes requests by something else than namespaces".to_owned());
            }
            scope.except_namespaces.extend(&filter.namespaces);
        }
        Ok(scope)
    }

    fn add(&mut self, filter: &'a Filter) -> Result<(), Obstacle> {
        let Filter { kinds, namespaces, namespace_selector, .. } = filter;
        let plain = Filter {
            kinds: kinds.clone(),
            namespaces: namespaces.clone(),
            namespace_selector: namespace_selector.clone(),
            ..Filter::default()
        };
        if *filter != plain {
            return Err("it matches requests by something else than kinds and namespaces".to_owned());
        }
        self.namespaces.extend(namespaces);
        self.namespace_selector = self.namespace_selector.or(namespace_selector.as_ref());
        Ok(())
    }
}
