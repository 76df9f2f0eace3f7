//! What is written is read again as what it was; and answers of services that say too little are refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use trust_core::internal::encoding::to_base64;
use trust_core::{
    Bundle, BundleVersion, ClaimedContent, ClaimedSigner, Content, Digest, LogClaim, LogEntry, LogError,
    Material, PublicKey, SignatureScheme, Signed, SigningConfig, Statement, StatementError, StatementSubject,
    UnixTime, cosign,
};
use trust_rekor::{AnswerError, read_answer_v1, submission_v1, submission_v2};
use trust_testkit::sigstore::Key;
use trust_testkit::vectors::vectors;

#[test]
fn real_bundles_are_written_as_what_they_were() {
    let (Some(bundles), Some(conformance)) = (vectors("bundles"), vectors("conformance")) else { return };
    let (mut folders, mut count) = (vec![bundles, conformance], 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(bundle) = Bundle::from_json(&fs::read(&path).unwrap()) else { continue };
            if bundle.version() != BundleVersion::V0_3 {
                continue;
            }
            let again = Bundle::from_json(bundle.to_json().as_bytes());
            let again = again.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(again.unverified_content(), bundle.unverified_content(), "{}", path.display());
            assert_eq!(again.unverified_material(), bundle.unverified_material(), "{}", path.display());
            assert_eq!(again.unverified_log_entries(), bundle.unverified_log_entries(), "{}", path.display());
            assert!(again.unverified_timestamps().eq(bundle.unverified_timestamps()), "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn the_services_of_real_signing_configurations_are_chosen() {
    let Some(folder) = vectors("trust-roots") else { return };
    let now: UnixTime = "2026-11-27T00:00:00Z".parse().unwrap();
    for (name, version) in [("signing_config.v0.2.json", 1), ("signing_config_rekor_v2.v0.2.json", 2)] {
        let config = SigningConfig::from_json(&fs::read(folder.join(name)).unwrap()).unwrap();
        assert_eq!(config.authority(&[1], now).unwrap().url, "https://fulcio.sigstore.dev");
        let logs = config.logs(&[1, 2], now).unwrap();
        assert_eq!((logs.len(), logs[0].version), (1, version), "{name}");
        assert_eq!(config.timestamp_authorities(&[1], now).unwrap().len(), 1);
        // Before any of them began.
        assert!(config.authority(&[1], "2020-01-01T00:00:00Z".parse().unwrap()).is_err());
    }
}

#[test]
fn a_statement_says_something_about_something() {
    let subject = || StatementSubject::new("app", Digest::sha256(b"manifest"));
    let notes = BTreeMap::from([("team".to_owned(), "a \"quoted\" name".to_owned())]);
    let noted =
        Statement::new(vec![subject().with_annotations(&notes)], "p", r#"{"b": 1, "a": 2.50}"#).unwrap();
    let again = Statement::from_json(noted.to_json().as_bytes()).unwrap();
    assert_eq!((again.subjects(), again.predicate_json()), (noted.subjects(), r#"{"b": 1, "a": 2.50}"#));
    assert_eq!(again.subjects()[0].annotation("team"), Some(json!("a \"quoted\" name")));
    assert!(matches!(Statement::new(vec![], "p", "{}"), Err(StatementError::NoSubject)));
    let many = vec![subject(); 1025];
    assert!(matches!(Statement::new(many, "p", "{}"), Err(StatementError::TooMany { found: 1025, .. })));
    for predicate in ["", "{", r#"{"a": 1, "a": 2}"#, "{} {}"] {
        assert!(
            matches!(Statement::new(vec![subject()], "p", predicate), Err(StatementError::Json(_))),
            "{predicate}"
        );
    }
}

fn entry() -> LogEntry {
    read_answer_v1(answer().to_string().as_bytes()).unwrap()
}

/// As Rekor v1 answers.
fn answer() -> Value {
    let body = r#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}"#;
    json!({"24296fb2": {
        "body": to_base64(body.as_bytes()), "integratedTime": 1_780_315_200, "logID": "c0d2", "logIndex": 7,
        "verification": {
            "signedEntryTimestamp": "AAAA",
            "inclusionProof": {"checkpoint": "c", "hashes": ["00".repeat(32)], "logIndex": 3, "rootHash": "", "treeSize": 4},
        },
    }})
}

#[test]
fn an_answer_of_rekor_1_is_whole_or_refused() {
    let found = entry();
    assert_eq!((found.log_index, found.kind.as_str(), found.version.as_str()), (7, "hashedrekord", "0.0.1"));
    for (path, value) in [
        ("/24296fb2/body", json!("!")),
        ("/24296fb2/body", json!(to_base64(b"{\"apiVersion\":\"\",\"kind\":\"hashedrekord\"}"))),
        ("/24296fb2/integratedTime", json!(0)),
        ("/24296fb2/integratedTime", json!(-1)),
        ("/24296fb2/logID", json!("")),
        ("/24296fb2/logID", json!("C0")),
        ("/24296fb2/logIndex", json!(-1)),
        ("/24296fb2/verification/signedEntryTimestamp", json!("")),
        ("/24296fb2/verification/inclusionProof/checkpoint", json!("")),
        ("/24296fb2/verification/inclusionProof/hashes/0", json!("00")),
        ("/24296fb2/verification/inclusionProof/hashes", json!(vec!["00".repeat(32); 65])),
        ("/24296fb2/verification/inclusionProof/logIndex", json!(-1)),
    ] {
        let mut wrong = answer();
        *wrong.pointer_mut(path).unwrap() = value.clone();
        let refused = read_answer_v1(wrong.to_string().as_bytes());
        assert!(matches!(refused, Err(AnswerError::Value { .. })), "{path} {value}: {refused:?}");
    }
    for (text, found) in [("{}", 0), (r#"{"a": 1}"#, 1)] {
        let refused = read_answer_v1(text.as_bytes());
        assert!(found == 1 || matches!(refused, Err(AnswerError::Entries { found: 0 })), "{refused:?}");
        assert!(refused.is_err());
    }
    let one = answer()["24296fb2"].clone();
    let two = read_answer_v1(json!({"a": one, "b": one}).to_string().as_bytes());
    assert!(matches!(two, Err(AnswerError::Entries { found: 2 })), "{two:?}");
}

#[test]
fn cosigns_older_form_holds_one_promise_and_one_timestamp() {
    let bundle = |entries: Vec<LogEntry>, timestamps: usize| {
        let content = Content::Message { unverified_digest: None, signature: vec![1, 2, 3] };
        let material = Material::Key { unverified_hint: String::new() };
        Bundle::new(content, material, entries, vec![vec![4]; timestamps])
    };
    let written = bundle(vec![entry()], 1);
    let again = cosign::signature_bundle(&cosign::annotations(&written, &[]).unwrap()).unwrap();
    assert_eq!(again.unverified_content(), written.unverified_content());
    let (found, expected) = (&again.unverified_log_entries()[0], entry());
    assert_eq!((&found.body, found.log_index, &found.promise), (&expected.body, 7, &expected.promise));
    assert!(again.unverified_timestamps().eq(written.unverified_timestamps()));

    let mut unpromised = entry();
    unpromised.promise = None;
    for (bundle, expected) in [
        (bundle(vec![unpromised], 0), "Rekor v2 makes none"),
        (bundle(vec![entry(), entry()], 0), "found 2 log entries"),
        (bundle(vec![], 2), "found 2 timestamps"),
    ] {
        let error = cosign::annotations(&bundle, &[]).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_log_is_sent_only_what_it_takes() {
    let claim_of = |key: &Key, scheme, submit: fn(&LogClaim<'_>) -> Result<String, LogError>| {
        let (public, signature) = (PublicKey::from_der(&key.spki()).unwrap(), key.sign(b"artifact"));
        submit(&LogClaim {
            signature: &signature,
            scheme,
            signer: ClaimedSigner::Key(&public),
            content: ClaimedContent::Artifact(Signed::Message(b"artifact")),
        })
    };
    use trust_core::HashAlgorithm::{Sha256, Sha384};
    let p384 = claim_of(&Key::p384(1), SignatureScheme::Ecdsa(Sha384), submission_v2).unwrap();
    let p384: Value = serde_json::from_str(&p384).unwrap();
    let signature = &p384["hashedRekordRequestV002"]["signature"];
    assert_eq!(signature["verifier"]["keyDetails"], "PKIX_ECDSA_P384_SHA_384");
    // Deprecated, and pure: not for the second generation.
    assert!(claim_of(&Key::p384(1), SignatureScheme::Ecdsa(Sha256), submission_v2).is_err());
    assert!(claim_of(&Key::ed25519(1), SignatureScheme::Ed25519, submission_v2).is_err());
    let first = claim_of(&Key::p256(1), SignatureScheme::Ecdsa(Sha256), submission_v1).unwrap();
    let first: Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&first["kind"], &first["apiVersion"]), (&json!("hashedrekord"), &json!("0.0.1")));
    assert_eq!(first["spec"]["data"]["hash"]["value"], Digest::sha256(b"artifact").to_hex());
}
