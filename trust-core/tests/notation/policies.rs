//! Trust policies, and the stores that they name.

use std::fs;

use serde_json::{Value, json};
use trust_core::notation::{
    Action, BlobTrustPolicy, Check, JWS_MEDIA_TYPE, StoreKind, TrustPolicy, TrustStore,
};
use trust_core::{Digest, HashAlgorithm, ImageRef, Reasons};
use trust_testkit::notation::{Notation, verify};
use trust_testkit::sigstore::Key;
use trust_testkit::vectors::vectors;

fn statement() -> Value {
    json!({
        "name": "wabbit-networks-images",
        "registryScopes": ["registry.acme-rockets.io/software/net-monitor", "registry.acme-rockets.io/software/net-logger"],
        "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:acme-rockets", "tsa:acme-stamps"],
        "trustedIdentities": ["x509.subject: C=US, ST=WA, L=Seattle, O=wabbit-networks.io, OU=Security Tools"],
    })
}

fn read(statements: Value) -> Result<TrustPolicy, String> {
    let document = json!({"version": "1.0", "trustPolicies": statements});
    TrustPolicy::from_json(document.to_string().as_bytes()).map_err(|error| Reasons(&error).to_string())
}

/// A statement with this at a path.
fn with(pointer: &str, value: Value) -> Value {
    let mut changed = statement();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    changed.pointer_mut(parent).unwrap()[name] = value;
    json!([changed])
}

#[test]
fn every_level_does_of_every_check_what_the_specification_says() {
    use Action::{Enforce as E, Log as L, Skip as S};
    for (level, expected) in [
        ("strict", [E, E, E, E, E]),
        ("permissive", [E, E, L, L, L]),
        ("audit", [E, L, L, L, L]),
        ("skip", [S, S, S, S, S]),
    ] {
        let mut statement = statement();
        statement["signatureVerification"]["level"] = level.into();
        if level == "skip" {
            statement.as_object_mut().unwrap().retain(|name, _| !name.starts_with("trust"));
        }
        let policy = read(json!([statement])).unwrap();
        let actions = policy.statements()[0].actions;
        assert_eq!(Check::ALL.map(|check| actions.of(check)), expected, "{level}");
        // Each override changes its own cell, where one is allowed.
        for (index, check) in Check::ALL.into_iter().enumerate() {
            for (word, action) in [("enforce", E), ("log", L), ("skip", S)] {
                statement["signatureVerification"]["override"] = json!({check.name(): word});
                let is_allowed = level != "skip"
                    && check != Check::Integrity
                    && (word != "skip" || check == Check::Revocation);
                match read(json!([statement])) {
                    Ok(policy) => {
                        assert!(is_allowed, "{level}, {check}: {word}");
                        let mut changed = expected;
                        changed[index] = action;
                        assert_eq!(Check::ALL.map(|check| policy.statements()[0].actions.of(check)), changed);
                    }
                    Err(error) => assert!(
                        !is_allowed && error.contains("override"),
                        "{level}, {check}: {word}: {error}"
                    ),
                }
            }
        }
    }
}

#[test]
fn one_statement_is_for_a_repository() {
    let mut global = statement();
    (global["name"], global["registryScopes"]) = ("all".into(), json!(["*"]));
    global["trustedIdentities"] = json!(["*"]);
    let policy = read(json!([global, statement()])).unwrap();
    let image = |text: &str| text.parse::<ImageRef>().unwrap();
    let name = |text: &str| policy.statement_for(&image(text)).map(|one| one.name.as_str());
    assert_eq!(name("registry.acme-rockets.io/software/net-monitor"), Some("wabbit-networks-images"));
    assert_eq!(name("registry.acme-rockets.io/software/net-monitor/more"), Some("all"));
    assert_eq!(name("nginx:1.27"), Some("all"));
    // However the workload spells it.
    assert_eq!(name("REGISTRY.acme-rockets.io:443/software/net-monitor:v1"), Some("wabbit-networks-images"));
    assert_eq!(policy.statements()[0].identities, None);
    assert_eq!(
        policy.statements()[1].stores[0],
        (StoreKind::CertificateAuthority, "acme-rockets".to_owned())
    );
    assert!(read(json!([statement()])).unwrap().statement_for(&image("nginx")).is_none());
}

#[test]
fn a_policy_that_means_something_else_than_it_says_is_refused() {
    let identity = |identities: Value| with("/trustedIdentities", identities);
    for (statements, expected) in [
        (json!([]), "`trustPolicies` is `[]`, expected at least one statement"),
        (json!([statement(), statement()]), "trustPolicies[1].name"),
        (with("/name", json!("")), "trustPolicies[0].name"),
        (with("/registryScopes", json!([])), "registryScopes` is `[]`"),
        (with("/registryScopes", json!(["*", "a.io/b"])), "registryScopes[0]` is `*`, expected `*` alone"),
        (with("/registryScopes", json!(["a.io/*"])), "registryScopes[0]` is `a.io/*`"),
        (with("/registryScopes", json!(["a.io"])), "registryScopes[0]` is `a.io`"),
        (with("/registryScopes", json!(["a.io/b:v1"])), "registryScopes[0]` is `a.io/b:v1`"),
        (with("/registryScopes", json!(["a.io/B"])), "registryScopes[0]` is `a.io/B`"),
        (with("/registryScopes", json!(["https://a.io/b"])), "registryScopes[0]"),
        (with("/registryScopes", json!(["a.io/b@sha256:00"])), "registryScopes[0]"),
        // Statements are found by one spelling alone.
        (with("/registryScopes", json!(["A.io/b"])), "registryScopes[0]` is `A.io/b`"),
        (with("/registryScopes", json!(["a.io:443/b"])), "registryScopes[0]` is `a.io:443/b`"),
        (with("/registryScopes", json!(["index.docker.io/a/b"])), "in its plain spelling"),
        (with("/registryScopes", json!(["docker.io/nginx"])), "in its plain spelling"),
        (with("/registryScopes", json!(["a.io/b", "a.io/b"])), "registryScopes[1]"),
        (with("/signatureVerification/level", json!("lax")), "level` is `lax`, expected `strict`"),
        (with("/signatureVerification/override", json!({"expiry": "warn"})), "override.expiry` is `warn`"),
        (with("/signatureVerification/override", json!({"other": "log"})), "override.other"),
        (with("/signatureVerification/verifyTimestamp", json!("never")), "verifyTimestamp` is `never`"),
        (with("/signatureVerification/more", json!(1)), "unknown field `more`"),
        (with("/trustStores", json!([])), "trustStores` is `[]`"),
        (with("/trustStores", json!(["acme"])), "trustStores[0]` is `acme`"),
        (with("/trustStores", json!(["ca:../acme"])), "trustStores[0]` is `ca:../acme`"),
        (with("/trustStores", json!(["ca:.."])), "trustStores[0]"),
        (with("/trustStores", json!(["CA:acme"])), "trustStores[0]"),
        (with("/trustStores", json!(["ca:a", "ca:a"])), "trustStores[1]"),
        (with("/trustStores", json!(["tsa:a"])), "expected a store of the kind `ca` or `signingAuthority`"),
        (identity(json!([])), "trustedIdentities` is `[]`"),
        (identity(json!(["*", "x509.subject: C=US, ST=WA, O=a"])), "trustedIdentities[0]` is `*`"),
        (identity(json!(["subject: C=US, ST=WA, O=a"])), "`x509.subject:` with a name"),
        (
            identity(json!(["x509.subject: C=US, O=a"])),
            "trustedIdentities[0]` is not a name: name has no `ST`",
        ),
        (identity(json!(["x509.subject: C=US, ST=WA, O=#0101"])), "hexadecimal"),
        (
            identity(json!(["x509.subject: C=US, ST=WA, O=a", "x509.subject: C=US, ST=WA, O=a, OU=b"])),
            "trustedIdentities[1]` is `x509.subject: C=US, ST=WA, O=a, OU=b`, expected an identity that is no part of another one",
        ),
        (
            with("/signatureVerification", json!({"level": "skip"})),
            "trustStores` is `ca:acme-rockets`, expected none where all is skipped",
        ),
        (
            json!([{"name": "all", "registryScopes": ["*"], "signatureVerification": {"level": "skip"}}]),
            "registryScopes` is `*`, expected repositories by their names where all is skipped",
        ),
    ] {
        let found = read(statements.clone()).expect_err(expected);
        assert!(found.contains(expected), "{statements}: {found}, expected {expected}");
    }
    for (text, expected) in [
        ("{}", "missing field"),
        ("{\"version\": \"2.0\", \"trustPolicies\": []}", "`version` is `2.0`"),
        ("{\"version\": \"1.0\", \"version\": \"1.0\", \"trustPolicies\": []}", "repeat"),
    ] {
        let found = Reasons(&TrustPolicy::from_json(text.as_bytes()).unwrap_err()).to_string();
        assert!(found.contains(expected), "{text}: {found}");
    }
}

#[test]
fn stores_of_notation_are_read_or_refused_for_what_is_wrong() {
    let Some(folder) = vectors("notation/truststore/x509") else { return };
    let store = |name: &str| {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder.join(name)).unwrap() {
            let path = entry.unwrap().path();
            files.push((path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()));
        }
        files.sort();
        let kind = StoreKind::from_name(name.split('/').next().unwrap()).unwrap();
        let read =
            TrustStore::of_files(kind, files.iter().map(|(name, content)| (name.as_str(), &content[..])));
        read.map_err(|error| Reasons(&error).to_string())
    };
    for (name, expected) in [
        ("ca/trust-store-with-invalid-certs", "`invalid` holds no certificate in PEM or DER"),
        (
            "ca/trust-store-with-leaf-certs",
            "expected a certification authority, or a certificate that is its own issuer",
        ),
        (
            "ca/trust-store-with-leaf-certs-in-single-file",
            "expected a certification authority, or a certificate that is its own issuer",
        ),
        ("tsa/test-nonCA", "expected a certification authority that is its own issuer"),
        ("tsa/test-nonSelfIssued", "expected a certification authority that is its own issuer"),
    ] {
        let found = store(name).expect_err(name);
        assert!(found.contains(expected), "{name}: {found}");
    }
    for name in [
        "ca/valid-trust-store",
        "ca/valid-trust-store-2",
        "ca/valid-trust-store-self-signed",
        "signingAuthority/valid-trust-store",
        "tsa/test-timestamp",
        "tsa/test-mismatch",
    ] {
        let read = store(name);
        assert!(read.is_ok(), "{name}: {read:?}");
    }
    assert!(TrustStore::of_files(StoreKind::CertificateAuthority, []).is_err());
}

#[test]
fn policies_for_blobs_are_by_name_or_for_all() {
    let statement = |name: &str, more: &str| {
        format!(
            r#"{{"name":"{name}","signatureVerification":{{"level":"strict"}},"trustStores":["ca:acme"],"trustedIdentities":["*"]{more}}}"#
        )
    };
    let skipped = r#"{"name":"s","signatureVerification":{"level":"skip"},"globalPolicy":true}"#;
    let read = |statements: &[&str]| {
        let document = format!(r#"{{"version":"1.0","trustPolicies":[{}]}}"#, statements.join(","));
        BlobTrustPolicy::from_json(document.as_bytes()).map_err(|error| error.to_string())
    };
    let (one, global) = (statement("a", ""), statement("b", r#","globalPolicy":true"#));
    let policy = read(&[&one, &global]).unwrap();
    assert_eq!(policy.named("a").map(|one| one.name.as_str()), Some("a"));
    assert_eq!(policy.global().map(|one| one.name.as_str()), Some("b"));
    assert_eq!((policy.named("c"), read(&[&one]).unwrap().global()), (None, None));
    for (statements, reason) in [
        (vec![one.as_str(), &one], "trustPolicies[1].name"),
        (vec![&global, &statement("c", r#","globalPolicy":true"#)], "trustPolicies[1].globalPolicy"),
        (vec![skipped], "trustPolicies[0].globalPolicy"),
        (vec![&statement("a", r#","registryScopes":["*"]"#)], "not what is expected"),
        (vec![], "at least one statement"),
    ] {
        let error = read(&statements).expect_err(reason);
        assert!(error.contains(reason), "expected {reason}: {error}");
    }
    // A document for images is none for blobs, and the other way round.
    let images = br#"{"version":"1.0","trustPolicies":[{"name":"a","globalPolicy":true,"signatureVerification":{"level":"strict"},"trustStores":["ca:acme"],"trustedIdentities":["*"]}]}"#;
    assert!(TrustPolicy::from_json(images).is_err());
}

#[test]
fn a_blob_is_signed_by_the_hash_of_the_key() {
    let content = b"a blob";
    let signed = |algorithm: HashAlgorithm, key: fn() -> Notation| {
        let mut envelope = key();
        let digest = Digest::of(algorithm, content);
        envelope.payload = format!(
            r#"{{"targetArtifact":{{"mediaType":"text/plain","digest":"{digest}","size":{}}}}}"#,
            content.len()
        );
        verify(JWS_MEDIA_TYPE, envelope.jws().to_string().as_bytes()).unwrap()
    };
    let of_p256 = || Notation::new(&Digest::sha256(b""));
    let of_p384 = || {
        let mut envelope = Notation::new(&Digest::sha256(b""));
        envelope.key = Key::p384(44);
        envelope.algorithm = ("ES384", -35);
        let (extensions, year) = (trust_testkit::notation::leaf_extensions(), trust_testkit::notation::YEAR);
        envelope.chain = trust_testkit::notation::chain(&envelope.key, extensions, year);
        envelope
    };
    let right = signed(HashAlgorithm::Sha256, of_p256);
    right.check_blob(content, None).unwrap();
    right.check_blob(content, Some("text/plain")).unwrap();
    assert!(right.check_blob(content, Some("text/html")).is_err());
    assert!(right.check_blob(b"another blob", None).is_err());
    signed(HashAlgorithm::Sha384, of_p384).check_blob(content, None).unwrap();
    assert!(signed(HashAlgorithm::Sha256, of_p384).check_blob(content, None).is_err());
}
