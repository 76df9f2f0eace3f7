//! Reading the policies and trust roots of an API server.

use serde_json::Value;
use trust_core::{Reasons, TrustRoot};
use trust_policy::PolicySet;

/// Reads a policy or an exception.
///
/// # Errors
/// If it cannot be used: why not, with the place.
pub(crate) fn read_policy(object: &Value) -> Result<PolicySet, String> {
    let text = object.to_string();
    PolicySet::from_yaml(&text).map_err(|_| {
        let errors = PolicySet::errors_in(&text);
        errors.iter().map(|error| Reasons(error).to_string()).collect::<Vec<_>>().join("\n")
    })
}

/// Reads a `TrustRoot`: a `trusted_root.json`.
///
/// # Errors
/// If it cannot be used: why not.
pub(crate) fn read_root(object: &Value) -> Result<Vec<u8>, String> {
    let root = object.pointer("/spec/trustedRoot").filter(|root| root.is_object());
    let json =
        root.ok_or("found no spec.trustedRoot, expected a trusted_root.json")?.to_string().into_bytes();
    TrustRoot::from_json(&json).map_err(|error| format!("spec.trustedRoot: {}", Reasons(&error)))?;
    Ok(json)
}

/// Checks an object before it is stored.
///
/// # Errors
/// If it cannot be read: why not.
pub(crate) fn check(object: &Value) -> Result<(), String> {
    let is_own = object["apiVersion"].as_str().is_some_and(|version| version.starts_with("trust.dev/"));
    match is_own && object["kind"] == "TrustRoot" {
        true => read_root(object).map(drop),
        false => read_policy(object).map(drop),
    }
}
