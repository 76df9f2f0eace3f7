//! C2SP's Wycheproof: every vector of the schemes that are verified here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use serde_json::Value;
use trust_core::internal::encoding;
use trust_core::{HashAlgorithm, PublicKey, PureRust, SignatureScheme, Signed, Tables};

/// The scheme that a file is about.
fn scheme(file: &str) -> SignatureScheme {
    let hash = HashAlgorithm::ALL.into_iter().find(|hash| file.contains(hash.name()));
    match (file.split('_').next().unwrap(), hash) {
        ("ecdsa", Some(hash)) if file.contains("_p1363_") => SignatureScheme::EcdsaP1363(hash),
        ("ecdsa", Some(hash)) => SignatureScheme::Ecdsa(hash),
        ("rsa", Some(hash)) if file.contains("_pss_") => SignatureScheme::RsaPss(hash),
        ("rsa", Some(hash)) => SignatureScheme::RsaPkcs1(hash),
        ("ed25519", _) => SignatureScheme::Ed25519,
        _ => panic!("{file} is about an unknown scheme"),
    }
}

/// The same key with its tables, which have to give the same answers. Tables are costly in a build without
/// optimization, so small groups share them out.
fn other_forms(key: &PublicKey, tests: usize) -> Vec<(&'static str, PublicKey)> {
    let mut forms = vec![
        ("the compact table", key.clone().with_tables(Tables::Compact)),
        #[cfg(feature = "aws-lc")]
        ("aws-lc-rs", key.clone().with_tables(Tables::Never).with_back_end(&trust_core::AwsLc)),
    ];
    if tests > 10 {
        forms.push(("the fast table", key.clone().with_tables(Tables::Fast)));
    }
    forms.iter().filter(|(form, _)| form.contains("table")).for_each(|(_, key)| key.prepare());
    forms
}

#[test]
fn every_vector_is_judged_right() {
    let Some(folder) = trust_testkit::vectors::vectors("wycheproof") else { return };
    let (mut judged, mut wrong) = (0, Vec::new());
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let scheme = scheme(&name);
        let document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for group in document["testGroups"].as_array().unwrap() {
            let der = group["publicKeyDer"].as_str().unwrap();
            let key = PublicKey::from_der(&encoding::from_hex(der).unwrap()).unwrap();
            let key = key.with_tables(Tables::Never).with_back_end(&PureRust);
            let other_forms = other_forms(&key, group["tests"].as_array().unwrap().len());
            for test in group["tests"].as_array().unwrap() {
                let bytes = |member: &str| encoding::from_hex(test[member].as_str().unwrap()).unwrap();
                let (message, signature) = (bytes("msg"), bytes("sig"));
                let verified = key.verify(scheme, Signed::Message(&message), &signature).is_ok();
                judged += 1;
                for (form, key) in &other_forms {
                    if key.verify(scheme, Signed::Message(&message), &signature).is_ok() != verified {
                        wrong.push(format!("{name} {}: {verified} but not by {form}", test["tcId"]));
                    }
                }
                // "acceptable" may go either way: a missing NULL in PKCS#1, which is refused here.
                if verified != (test["result"] == "valid") {
                    wrong.push(format!("{name} {}: {} but {verified}", test["tcId"], test["result"]));
                }
            }
        }
    }
    assert!(judged > 1000, "{judged} vectors");
    assert!(wrong.is_empty(), "{} of {judged} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    println!("{judged} vectors");
}

#[test]
fn ecdsa_in_the_form_of_jose_is_not_der() {
    let Some(file) = trust_testkit::vectors::vectors("wycheproof/ecdsa_secp256r1_sha256_p1363_test.json")
    else {
        return;
    };
    let document: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    for group in document["testGroups"].as_array().unwrap() {
        let der = group["publicKeyDer"].as_str().unwrap();
        let key = PublicKey::from_der(&encoding::from_hex(der).unwrap()).unwrap();
        for test in group["tests"].as_array().unwrap() {
            let bytes = |member: &str| encoding::from_hex(test[member].as_str().unwrap()).unwrap();
            let scheme = SignatureScheme::Ecdsa(HashAlgorithm::Sha256);
            assert!(key.verify(scheme, Signed::Message(&bytes("msg")), &bytes("sig")).is_err());
        }
    }
}
