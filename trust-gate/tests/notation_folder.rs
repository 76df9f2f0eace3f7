//! Notation's own folder, as its users have it, and with one thing wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use trust_core::Digest;
use trust_core::internal::pem;
use trust_core::notation::StoreKind;
use trust_gate::notation_policies;
use trust_policy::PolicySet;
use trust_testkit::notation::Notation;
use trust_testkit::vectors::vectors;

fn policy(stores: &[&str]) -> String {
    json!({"version": "1.0", "trustPolicies": [{"name": "a", "registryScopes": ["*"],
        "signatureVerification": {"level": "strict"}, "trustStores": stores, "trustedIdentities": ["*"]}]})
    .to_string()
}

/// A folder with a trust policy that names this store, and the store's own folder.
fn folder(kind: &str, name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("trustpolicy.json"), policy(&[&format!("{kind}:{name}")])).unwrap();
    let store = folder.path().join("truststore/x509").join(kind).join(name);
    fs::create_dir_all(&store).unwrap();
    (folder, store)
}

fn refused(folder: &Path, reason: &str) {
    let error = notation_policies(folder).expect_err(reason).to_string();
    assert!(error.contains(reason), "expected {reason}: {error}");
}

#[test]
fn policies_and_stores_are_read() {
    let chain = Notation::new(&Digest::sha256(b"")).chain;
    let (folder, store) = folder("ca", "acme");
    fs::write(store.join("root.pem"), pem::encode("CERTIFICATE", &chain[2])).unwrap();
    fs::write(store.join("middle.der"), &chain[1]).unwrap();
    let set = PolicySet::from_yaml(&notation_policies(folder.path()).unwrap()).unwrap();
    let key = (StoreKind::CertificateAuthority, "acme".to_owned());
    assert_eq!(set.trust_stores()[&key].certificates().len(), 2);
    assert_eq!(set.policies().len(), 1);
    // The newer name is the one that counts.
    fs::write(folder.path().join("trustpolicy.oci.json"), policy(&["ca:other"])).unwrap();
    refused(folder.path(), "ca/other is not there");
}

#[test]
fn what_notation_refuses_is_refused() {
    let chain = Notation::new(&Digest::sha256(b"")).chain;
    let (whole, store) = folder("ca", "acme");
    refused(whole.path(), "is empty");
    fs::write(store.join("leaf.der"), &chain[0]).unwrap();
    refused(whole.path(), "cannot be trusted as a root");
    fs::write(store.join("leaf.der"), "certificate").unwrap();
    refused(whole.path(), "`leaf.der` holds no certificate");
    fs::remove_file(store.join("leaf.der")).unwrap();
    let root = whole.path().join("root.pem");
    fs::write(&root, pem::encode("CERTIFICATE", &chain[2])).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&root, store.join("linked.pem")).unwrap();
        refused(whole.path(), "`linked.pem` is a link or a folder");
        fs::remove_file(store.join("linked.pem")).unwrap();
        let (other, place) = folder("ca", "acme");
        fs::remove_dir(&place).unwrap();
        fs::write(store.join("root.pem"), pem::encode("CERTIFICATE", &chain[2])).unwrap();
        std::os::unix::fs::symlink(&store, &place).unwrap();
        refused(other.path(), "it is a link, expected a folder");
    }
    fs::create_dir(store.join("below")).unwrap();
    refused(whole.path(), "`below` is a link or a folder");
    fs::remove_dir_all(&store).unwrap();
    refused(whole.path(), "is not there");
    fs::write(whole.path().join("trustpolicy.json"), policy(&["ca:../acme"])).unwrap();
    refused(whole.path(), "expected a store");
    fs::remove_file(whole.path().join("trustpolicy.json")).unwrap();
    refused(whole.path(), "trustpolicy.oci.json or trustpolicy.json");
}

/// The stores of notation's own tests.
#[test]
fn the_stores_of_notation_are_what_their_names_say() {
    let Some(vectors) = vectors("notation/truststore/x509") else { return };
    for (kind, name, expected) in [
        ("ca", "valid-trust-store", None),
        ("ca", "valid-trust-store-2", None),
        ("ca", "valid-trust-store-self-signed", None),
        ("ca", "trust-store-with-invalid-certs", Some("`invalid` holds no certificate")),
        ("ca", "trust-store-with-leaf-certs", Some("cannot be trusted as a root")),
        ("ca", "trust-store-with-leaf-certs-in-single-file", Some("cannot be trusted as a root")),
        ("ca", "valid-trust-store_SYMLINK", Some("holds no certificate")),
    ] {
        let (folder, store) = folder(kind, name);
        for entry in fs::read_dir(vectors.join(kind).join(name)).unwrap() {
            let entry = entry.unwrap();
            fs::write(store.join(entry.file_name()), fs::read(entry.path()).unwrap()).unwrap();
        }
        match expected {
            None => drop(PolicySet::from_yaml(&notation_policies(folder.path()).unwrap()).unwrap()),
            Some(reason) => refused(folder.path(), reason),
        }
    }
}
