//! [`Mode`]: what a violation does, and where.

use core::fmt;

use serde::{Deserialize, Serialize};
use trust_core::Pattern;

use crate::kubernetes::label_selector::LabelSelector;
use crate::kubernetes::request::Request;

/// What a violation does. It never changes whether there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// It is reported.
    Audit,
    /// It is reported, and the requester is warned.
    Warn,
    /// The resource is denied.
    Enforce,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audit => "Audit",
            Self::Warn => "Warn",
            Self::Enforce => "Enforce",
        })
    }
}

/// What a violation does, by namespace.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModeRule {
    /// Where no override says otherwise.
    pub default: Mode,
    /// The first that is about the namespace counts.
    pub overrides: Vec<ModeOverride>,
}

/// What a violation does in some namespaces.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ModeOverride {
    /// What it does.
    pub mode: Mode,
    /// In these namespaces; if there are none, the selector decides alone, and without one it applies nowhere.
    pub namespaces: Vec<Pattern>,
    /// In namespaces with these labels.
    pub selector: Option<LabelSelector>,
}

impl fmt::Display for ModeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.default)?;
        for one in &self.overrides {
            write!(f, "; {} in", one.mode)?;
            one.namespaces.iter().try_for_each(|name| write!(f, " {name}"))?;
            one.selector.iter().try_for_each(|selector| write!(f, " {selector:?}"))?;
        }
        Ok(())
    }
}

impl From<Mode> for ModeRule {
    /// The same in every namespace.
    fn from(mode: Mode) -> Self {
        Self { default: mode, overrides: Vec::new() }
    }
}

impl ModeOverride {
    /// Does this in namespaces that one of these patterns means.
    #[must_use]
    pub fn in_namespaces(mode: Mode, namespaces: Vec<Pattern>) -> Self {
        Self { mode, namespaces, selector: None }
    }

    /// Does this in namespaces with these labels.
    #[must_use]
    pub fn by_labels(mode: Mode, selector: LabelSelector) -> Self {
        Self { mode, namespaces: Vec::new(), selector: Some(selector) }
    }
}

impl ModeRule {
    /// Does something else in some namespaces; of several the first counts that is about a namespace.
    #[must_use]
    pub fn with_override(mut self, one: ModeOverride) -> Self {
        self.overrides.push(one);
        self
    }

    /// What a violation does in a request's namespace. Where that cannot be known, the stricter is taken.
    #[must_use]
    pub fn of(&self, request: &Request) -> Mode {
        let mut strictest = None;
        for one in &self.overrides {
            let namespace = &request.resource.id().namespace;
            let names = one.namespaces.iter().any(|pattern| pattern.matches(namespace));
            let by_selector = one.namespaces.is_empty() && one.selector.is_some();
            if !names && !by_selector {
                continue;
            }
            match (&one.selector, &request.namespace_labels) {
                (Some(selector), Some(labels)) if !selector.matches(labels) => {}
                (Some(_), None) => strictest = strictest.max(Some(one.mode)),
                _ => return strictest.max(Some(one.mode)).unwrap_or(one.mode),
            }
        }
        strictest.max(Some(self.default)).unwrap_or(self.default)
    }
}
