//! `context`: names for expressions
//! ([external data sources](https://kyverno.io/docs/policy-types/cluster-policy/external-data-sources/)).

use crate::expression::template::Template;
use crate::language::reader::{At, PolicyError};
use crate::policy::policy_set::{ContextEntry, ContextSource};

/// Names that are there already.
const RESERVED: [&str; 6] =
    ["request", "images", "element", "elementIndex", "serviceAccountName", "serviceAccountNamespace"];

pub(super) fn read(at: &At<'_>) -> Result<Vec<ContextEntry>, PolicyError> {
    at.list()?.iter().map(entry).collect()
}

fn entry(at: &At<'_>) -> Result<ContextEntry, PolicyError> {
    let mut fields = at.fields()?;
    let name = fields.require("name", "the entry's name")?;
    if RESERVED.contains(&name.text()?) {
        return Err(name.wrong("a name that is not taken"));
    }
    let source = match ["variable", "configMap", "imageRegistry"].map(|name| fields.get(name)) {
        [Some(variable), None, None] => self::variable(&variable)?,
        [None, Some(config_map), None] => self::config_map(&config_map)?,
        [None, None, Some(registry)] => self::image(&registry)?,
        _ => {
            // Names what else stands there: it would ask the network.
            fields.finish()?;
            return Err(at.wrong("one of `variable`, `configMap` and `imageRegistry`"));
        }
    };
    fields.finish()?;
    Ok(ContextEntry { name: name.text()?.to_owned(), source })
}

fn variable(at: &At<'_>) -> Result<ContextSource, PolicyError> {
    let mut fields = at.fields()?;
    let value = fields.get("value").map(|at| at.template()).transpose()?;
    let path = fields.get("jmesPath").map(|at| at.expression()).transpose()?;
    let default = fields.get("default").map(|at| at.template()).transpose()?;
    fields.finish()?;
    if value.is_none() && path.is_none() {
        return Err(at.wrong("`value` or `jmesPath`"));
    }
    Ok(ContextSource::Variable { value, path, default })
}

fn image(at: &At<'_>) -> Result<ContextSource, PolicyError> {
    let mut fields = at.fields()?;
    let reference = fields.require("reference", "an image")?.template()?;
    let path = fields.get("jmesPath").map(|at| at.expression()).transpose()?;
    // The caller has the credentials of registries.
    fields.ignore("imageRegistryCredentials");
    fields.finish()?;
    Ok(ContextSource::Image { reference, path })
}

fn config_map(at: &At<'_>) -> Result<ContextSource, PolicyError> {
    let mut fields = at.fields()?;
    let name = fields.require("name", "the ConfigMap's name")?.template()?;
    let namespace = match fields.get("namespace") {
        Some(namespace) => namespace.template()?,
        None => Template::constant_text("default"),
    };
    fields.finish()?;
    Ok(ContextSource::ConfigMap { namespace, name })
}
