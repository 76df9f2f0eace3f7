//! [`notation_policies`]: the trust policy and the trust stores of notation's own folder
//! ([directory structure](https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md#trust-store)).

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::json;
use trust_core::Reasons;
use trust_core::notation::{StoreKind, TrustPolicy, TrustStore};

use crate::folder::read_bounded;
use crate::store::StoreError;

/// Of one file; notation's users have a few KiB.
const MAX_LEN: u64 = 1 << 20;
/// Files of one store.
const MAX_FILES: usize = 1000;
/// The newer name first.
const POLICIES: [&str; 2] = ["trustpolicy.oci.json", "trustpolicy.json"];

/// Reads notation's folder, such as `~/.config/notation`, as a text in the languages of [`PolicySet`](trust_policy::PolicySet):
/// `trustpolicy.oci.json`, or the older `trustpolicy.json`, and each trust store that it names.
///
/// A store is the folder `truststore/x509/<kind>/<name>`, and every file in it is a certificate in DER, or one or more in PEM. Links and
/// folders in it are refused, as by notation.
///
/// # Errors
/// If the trust policy is missing or malformed, or a store that it names is missing, empty, or holds anything else.
pub fn notation_policies(folder: &Path) -> Result<String, StoreError> {
    let mut policy = None;
    for name in POLICIES {
        let path = folder.join(name);
        policy = read_bounded(&path, MAX_LEN)?.map(|bytes| (path.display().to_string(), bytes));
        if policy.is_some() {
            break;
        }
    }
    let not_found =
        || StoreError::NotFound { what: format!("{} in {}", POLICIES.join(" or "), folder.display()) };
    let (what, bytes) = policy.ok_or_else(not_found)?;
    let malformed = |problem: String| StoreError::Malformed { what: what.clone(), problem };
    let parsed = TrustPolicy::from_json(&bytes).map_err(|error| malformed(Reasons(&error).to_string()))?;
    let named: BTreeSet<&(StoreKind, String)> =
        parsed.statements().iter().flat_map(|statement| &statement.stores).collect();
    let text = String::from_utf8(bytes).map_err(|error| malformed(error.to_string()))?;
    let mut documents = vec![text];
    for (kind, name) in named {
        let path = folder.join("truststore/x509").join(kind.name()).join(name);
        documents.push(document(*kind, name, &store(*kind, &path)?));
    }
    Ok(documents.join("\n---\n"))
}

/// The store as a document.
fn document(kind: StoreKind, name: &str, store: &TrustStore) -> String {
    json!({"apiVersion": "trust.dev/v1beta1", "kind": "TrustStore", "metadata": {"name": name},
        "spec": {"type": kind.name(), "certificates": store.to_pem()}})
    .to_string()
}

/// The store in a folder.
fn store(kind: StoreKind, folder: &Path) -> Result<TrustStore, StoreError> {
    let what = format!("trust store {}", folder.display());
    let malformed = |problem: String| StoreError::Malformed { what: what.clone(), problem };
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::NotFound { what: what.clone() },
        _ => StoreError::Unavailable { what: what.clone(), problem: error.to_string() },
    };
    if fs::symlink_metadata(folder).map_err(unreadable)?.is_symlink() {
        return Err(malformed("it is a link, expected a folder".to_owned()));
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.file_type().map_err(unreadable)?.is_file() {
            return Err(malformed(format!(
                "`{name}` is a link or a folder, expected files with certificates"
            )));
        }
        if files.len() >= MAX_FILES {
            return Err(malformed(format!("it has more than {MAX_FILES} files")));
        }
        let content = read_bounded(&entry.path(), MAX_LEN)?;
        files.push((name, content.ok_or_else(|| StoreError::NotFound { what: what.clone() })?));
    }
    files.sort();
    let named = files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
    TrustStore::of_files(kind, named).map_err(|error| malformed(Reasons(&error).to_string()))
}
