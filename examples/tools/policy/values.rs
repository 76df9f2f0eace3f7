//! The values file of a suite: what names stand for where the CLI asks no cluster
//! ([variables](https://kyverno.io/docs/kyverno-cli/usage/test/#variables)).

use serde_json::{Map, Value, json};
use trust_policy::{Operation, Request, Resource};

/// What a values file says of one row: names with points in them, and their values.
pub(crate) fn of_row(file: &Value, policy: &str, rule: &str, resource: &str) -> Map<String, Value> {
    let named = |of: &Value, list: &str, name: &str| -> Vec<Value> {
        let items = of.get(list).and_then(Value::as_array).into_iter().flatten();
        items.filter(|one| one.get("name").is_some_and(|found| found == name)).cloned().collect()
    };
    let object =
        |of: &Value, name: &str| of.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut values = object(file, "globalValues");
    for policy in named(file, "policies", policy) {
        for one in [named(&policy, "rules", rule), named(&policy, "resources", resource)].concat() {
            values.extend(object(&one, "values"));
        }
    }
    values
}

/// Puts values in the place of what the contexts of a policy would load, and of other names in its expressions.
pub(crate) fn set_in_policy(node: &mut Value, values: &Map<String, Value>) {
    match node {
        Value::Object(fields) => {
            if let Some(Value::Array(context)) = fields.get_mut("context") {
                for entry in context.iter_mut().filter(|entry| entry["variable"].is_null()) {
                    let name = entry["name"].as_str().unwrap_or_default().to_owned();
                    if let Some(value) = below(values, &name) {
                        *entry = json!({"name": name, "variable": {"value": value}});
                    }
                }
            }
            fields.values_mut().for_each(|field| set_in_policy(field, values));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| set_in_policy(item, values)),
        Value::String(text) => {
            for (name, value) in values.iter().filter(|(name, _)| is_of_request(name)) {
                if let Some(value) = value.as_str() {
                    *text = text.replace(name, &format!("'{value}'"));
                }
            }
        }
        _ => {}
    }
}

/// Whether a name is one of a request that requests do not have themselves.
fn is_of_request(name: &str) -> bool {
    name.starts_with("request.") && !name.starts_with("request.o")
}

/// What a name stands for, by itself and by what is below it.
fn below(values: &Map<String, Value>, name: &str) -> Option<Value> {
    let mut whole = values.get(name).cloned();
    for (path, value) in values {
        if let Some(rest) = path.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) {
            set_at(whole.get_or_insert_with(|| json!({})), rest, value);
        }
    }
    whole
}

fn set_at(whole: &mut Value, path: &str, value: &Value) {
    let mut place = whole;
    for step in path.split('.') {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[step];
    }
    *place = value.clone();
}

/// Sets what a request has itself: its operation, and fields of its object and of the one before.
pub(crate) fn set_in_request(request: &mut Request, values: &Map<String, Value>) -> Result<(), String> {
    let with = |prefix: &str, mut object: Value| {
        for (name, value) in values {
            if let Some(path) = name.strip_prefix(prefix) {
                set_at(&mut object, path, value);
            }
        }
        object
    };
    let object = with("request.object.", request.resource.object().clone());
    if object != *request.resource.object() {
        request.resource = Resource::from_json(object).map_err(|error| error.to_string())?;
    }
    if let Some(operation) = values.get("request.operation") {
        let operation = serde_json::from_value(operation.clone());
        request.operation = operation.map_err(|error| format!("`request.operation`: {error}"))?;
        // An update without more is one that changes nothing.
        request.old = (request.operation == Operation::Update)
            .then(|| with("request.oldObject.", request.resource.object().clone()));
    }
    Ok(())
}
