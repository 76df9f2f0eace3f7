//! Signatures of the Notary Project: those of others by their names, and our own with one thing wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

mod chains;
mod differential;
mod names;
mod policies;
mod verification;

use std::fs;

use serde_json::{Value, json};
use trust_core::Digest;
use trust_core::notation::{COSE_MEDIA_TYPE, JWS_MEDIA_TYPE, SigningScheme, VerifiedEnvelope};
use trust_testkit::notation::{Attribute, Notation, SIGNED_AT, base64url, cbor, verify};
use trust_testkit::sigstore::Key;
use trust_testkit::vectors::vectors;

#[test]
fn envelopes_of_notation_are_what_their_names_say() {
    let Some(folder) = vectors("notation/envelopes") else { return };
    let mut judged = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let verified = verify(JWS_MEDIA_TYPE, &fs::read(&path).unwrap());
        judged += 1;
        // Plugins are not run, so what one must check is denied, whatever its version.
        let expected = match () {
            // The last character of each has bits too many, so it is not the base64 of anything.
            () if name.contains("invalid_sig") => Err("`payload` is malformed"),
            () if name.contains("plugin") => Err("asks for a plugin, and none is run here"),
            () => Ok(()),
        };
        match (expected, &verified) {
            (Ok(()), Ok(verified)) => {
                let scheme = if name.starts_with("sa_") {
                    SigningScheme::SigningAuthority
                } else {
                    SigningScheme::X509
                };
                assert_eq!(verified.attributes().scheme, scheme, "{name}");
                let is_expired =
                    verified.attributes().expiry.is_some_and(|expiry| expiry < trust_testkit::now());
                assert_eq!(is_expired, name.contains("expired"), "{name}");
                assert!(
                    verified.identity().unwrap().to_string().contains("O=Notary"),
                    "{:?}",
                    verified.identity()
                );
            }
            (Err(reason), Err(found)) if found.contains(reason) => {}
            (_, found) => panic!("{name}: {found:?}"),
        }
    }
    assert!(judged >= 14, "{judged}");
}

#[test]
fn timestamped_envelopes_of_notation_are_read_in_both_forms() {
    let Some(folder) = vectors("notation/timestamp/sigEnv") else { return };
    let mut forms = [0, 0];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let is_jws = bytes.starts_with(b"{");
        let verified = verify(if is_jws { JWS_MEDIA_TYPE } else { COSE_MEDIA_TYPE }, &bytes);
        let verified = verified.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        forms[usize::from(is_jws)] += 1;
        let has_timestamp = !path.ends_with("withoutTimestamp.sig");
        assert_eq!(verified.unverified_timestamp().is_some(), has_timestamp, "{}", path.display());
        // An envelope of one form is none of the other.
        assert!(verify(if is_jws { COSE_MEDIA_TYPE } else { JWS_MEDIA_TYPE }, &bytes).is_err());
    }
    assert!(forms.iter().all(|count| *count >= 3), "{forms:?}");
}

#[test]
fn an_image_that_real_notation_signed() {
    let Some(layout) = vectors("images/demo-notation") else { return };
    let blob = |digest: &str| fs::read(layout.join("blobs").join(digest.replace(':', "/"))).unwrap();
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let manifests = index["manifests"].as_array().unwrap();
    let image = blob(manifests[0]["digest"].as_str().unwrap());
    let mut types = Vec::new();
    for entry in &manifests[1..] {
        let manifest: Value = serde_json::from_slice(&blob(entry["digest"].as_str().unwrap())).unwrap();
        let layer = &manifest["layers"][0];
        let media_type = layer["mediaType"].as_str().unwrap();
        let verified = verify(media_type, &blob(layer["digest"].as_str().unwrap())).unwrap();
        types.push(media_type.to_owned());
        verified.artifact().check(&image, "application/vnd.oci.image.manifest.v1+json").unwrap();
        assert!(verified.artifact().check(b"another", "application/vnd.oci.image.manifest.v1+json").is_err());
        assert!(verified.artifact().check(&image, "application/vnd.oci.image.index.v1+json").is_err());
        let annotation =
            manifest["annotations"]["io.cncf.notary.x509chain.thumbprint#S256"].as_str().unwrap();
        let thumbprints: Vec<String> = serde_json::from_str(annotation).unwrap();
        let found: Vec<String> = verified.thumbprints().iter().map(Digest::to_hex).collect();
        assert_eq!(found, thumbprints);
    }
    types.sort();
    assert_eq!(types, [COSE_MEDIA_TYPE, JWS_MEDIA_TYPE]);
}

fn artifact() -> Digest {
    Digest::sha256(b"image")
}

/// Judges the same envelope, with this change, in both forms.
fn changed(change: impl Fn(&mut Notation)) -> [Result<VerifiedEnvelope, String>; 2] {
    let mut envelope = Notation::new(&artifact());
    change(&mut envelope);
    envelope.both().map(|(media_type, bytes)| verify(media_type, &bytes))
}

#[track_caller]
fn accepted(change: impl Fn(&mut Notation)) -> [VerifiedEnvelope; 2] {
    changed(change).map(Result::unwrap)
}

#[track_caller]
fn refused(expected: &str, change: impl Fn(&mut Notation)) {
    for found in changed(change) {
        let found = found.expect_err(expected);
        assert!(found.contains(expected), "{found}, expected {expected}");
    }
}

const SCHEME: &str = "io.cncf.notary.signingScheme";
const TIME: &str = "io.cncf.notary.signingTime";
const AUTHENTIC: &str = "io.cncf.notary.authenticSigningTime";
const EXPIRY: &str = "io.cncf.notary.expiry";

#[test]
fn an_envelope_that_is_right_verifies_in_both_forms() {
    for verified in accepted(|_| {}) {
        assert_eq!(verified.artifact().digest, artifact());
        assert_eq!(verified.attributes().signing_time.as_millis(), SIGNED_AT * 1000);
        assert_eq!(verified.certificates().len(), 3);
        assert!(verified.not_valid_at(verified.attributes().signing_time).is_none());
        assert!(verified.not_valid_at("2027-02-01T00:00:00Z".parse().unwrap()).is_some());
    }
    accepted(|envelope| {
        envelope.attributes.push((EXPIRY, Attribute::Time(SIGNED_AT + 1)));
        envelope.critical.push(EXPIRY);
    });
    accepted(|envelope| {
        envelope.attributes = vec![
            (SCHEME, Attribute::Text("notary.x509.signingAuthority".to_owned())),
            (AUTHENTIC, Attribute::Time(SIGNED_AT)),
        ];
        envelope.critical = vec![SCHEME, AUTHENTIC];
    });
    // What is not signed may be anything.
    accepted(|envelope| envelope.agent = None);
    accepted(|envelope| envelope.agent = Some("x"));
    accepted(|envelope| envelope.timestamp = Some(b"not verified here".to_vec()));
    for (key, algorithm) in [(Key::p384(50), ("ES384", -35)), (Key::p521(50), ("ES512", -36))] {
        let mut envelope = Notation::new(&artifact());
        envelope.chain = trust_testkit::notation::chain(
            &key,
            trust_testkit::notation::leaf_extensions(),
            trust_testkit::notation::YEAR,
        );
        (envelope.key, envelope.algorithm) = (key, algorithm);
        envelope.both().iter().for_each(|(media_type, bytes)| drop(verify(media_type, bytes).unwrap()));
    }
}

#[test]
fn the_algorithm_is_the_keys() {
    refused("expected ES256 of a key of ECDSA P-256", |envelope| envelope.algorithm = ("ES384", -35));
    refused("expected ES256 of a key of ECDSA P-256", |envelope| envelope.algorithm = ("none", 0));
    refused("expected ES256 of a key of ECDSA P-256", |envelope| envelope.algorithm = ("HS256", 5));
    refused("key is of Ed25519, expected RSA of 2048", |envelope| {
        let key = Key::ed25519(9);
        envelope.chain = trust_testkit::notation::chain(
            &key,
            trust_testkit::notation::leaf_extensions(),
            trust_testkit::notation::YEAR,
        );
        (envelope.key, envelope.algorithm) = (key, ("EdDSA", -8));
    });
    // Another key than the certificate's.
    refused("was not signed by the key of its first certificate", |envelope| envelope.key = Key::p256(99));
}

#[test]
fn what_is_signed_beside_the_payload_is_heeded() {
    let [jws, cose] = changed(|envelope| envelope.critical.clear()).map(Result::unwrap_err);
    assert!(jws.contains("`crit` is `[]`, expected a list of names"), "{jws}");
    assert!(cose.contains("not a tagged COSE_Sign1"), "{cose}");
    refused("`io.cncf.notary.signingScheme` is not critical", |envelope| envelope.critical = vec![TIME]);
    refused("`acme.example/x` is critical, and it is not known here", |envelope| {
        envelope.critical.push("acme.example/x");
        envelope.attributes.push(("acme.example/x", Attribute::Text("y".to_owned())));
    });
    refused("`acme.example/x` is critical, and it is absent", |envelope| {
        envelope.critical.push("acme.example/x")
    });
    refused("is critical, and it is named twice", |envelope| envelope.critical.push(SCHEME));
    // What the form itself defines is not named so in JWS (RFC 7515 section 4.1.11), and has no such name in COSE.
    refused("`alg` is critical, and it is", |envelope| envelope.critical.push("alg"));
    refused("expected nothing that must be, or is, protected", |envelope| {
        let agent = ("io.cncf.notary.signingAgent", Attribute::Text("other".to_owned()));
        envelope.attributes.push(agent);
    });
    // One that is not critical means nothing.
    accepted(|envelope| envelope.attributes.push(("acme.example/x", Attribute::Text("y".to_owned()))));
    for name in ["io.cncf.notary.verificationPlugin", "io.cncf.notary.verificationPluginMinVersion"] {
        refused(&format!("`{name}` asks for a plugin"), |envelope| {
            envelope.attributes.push((name, Attribute::Text("p".to_owned())));
        });
    }
    refused("`content type` is `text/plain`", |envelope| envelope.content_type = "text/plain");
    refused("`io.cncf.notary.signingScheme` is `notary.other`", |envelope| {
        envelope.attributes[0].1 = Attribute::Text("notary.other".to_owned());
    });
    refused("`io.cncf.notary.signingTime` is absent", |envelope| drop(envelope.attributes.pop()));
    refused("does not belong to the scheme `notary.x509`", |envelope| {
        envelope.attributes.push((AUTHENTIC, Attribute::Time(SIGNED_AT)))
    });
    refused("`io.cncf.notary.authenticSigningTime` is not critical", |envelope| {
        envelope.attributes[0].1 = Attribute::Text("notary.x509.signingAuthority".to_owned());
        envelope.attributes[1] = (AUTHENTIC, Attribute::Time(SIGNED_AT));
    });
    refused("`io.cncf.notary.expiry` is not critical", |envelope| {
        envelope.attributes.push((EXPIRY, Attribute::Time(SIGNED_AT + 1)));
    });
    refused("which is not after 2026-06-01T12:00:00Z, when it was made", |envelope| {
        envelope.attributes.push((EXPIRY, Attribute::Time(SIGNED_AT)));
        envelope.critical.push(EXPIRY);
    });
    refused("`io.cncf.notary.signingTime` is ", |envelope| {
        envelope.attributes[1].1 = Attribute::Text("soon".to_owned());
    });
}

#[test]
fn the_payload_is_about_an_artifact() {
    refused("payload is not a `targetArtifact`", |envelope| envelope.payload = "{}".to_owned());
    refused("payload is not a `targetArtifact`", |envelope| envelope.payload = "[]".to_owned());
    refused("payload is not a `targetArtifact`", |envelope| {
        envelope.payload = envelope.payload.replace("sha256:", "md5:");
    });
    refused("payload is not a `targetArtifact`", |envelope| {
        envelope.payload = envelope.payload.replacen("\"size\":100", "\"size\":100,\"size\":1", 1);
    });
}

#[test]
fn an_artifact_is_its_whole_descriptor() {
    let manifest = [b'x'; 100];
    let [verified, _] = accepted(|envelope| {
        envelope.payload =
            envelope.payload.replace(&artifact().to_string(), &Digest::sha256(&manifest).to_string());
    });
    let check = |manifest: &[u8], media_type: &str| {
        verified
            .artifact()
            .check(manifest, media_type)
            .map_err(|error| trust_core::Reasons(&error).to_string())
    };
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    assert_eq!(check(&manifest, media_type), Ok(()));
    assert!(check(&[b'y'; 100], media_type).unwrap_err().contains("payload is about another artifact"));
    let index = "application/vnd.oci.image.index.v1+json";
    assert!(
        check(&manifest, index).unwrap_err().contains("of type `application/vnd.oci.image.manifest.v1+json`")
    );
    let [other_size, _] = accepted(|envelope| {
        envelope.payload = envelope
            .payload
            .replace(&artifact().to_string(), &Digest::sha256(&manifest).to_string())
            .replace("100", "101");
    });
    let error = other_size.artifact().check(&manifest, media_type).unwrap_err();
    assert_eq!(error.to_string(), "payload is about an artifact of 101 bytes, expected 100");
}

#[test]
fn a_jws_is_flattened_and_says_nothing_twice() {
    let envelope = Notation::new(&artifact());
    let judge = |jws: &Value| verify(JWS_MEDIA_TYPE, jws.to_string().as_bytes());
    let refuse = |jws: &Value, expected: &str| {
        let found = judge(jws).unwrap_err();
        assert!(found.contains(expected), "{jws}: {found}, expected {expected}");
    };
    let right = envelope.jws();
    judge(&right).unwrap();
    let mut general = right.clone();
    let signature =
        json!({"protected": right["protected"], "header": right["header"], "signature": right["signature"]});
    general["signatures"] = json!([signature]);
    refuse(&general, "unknown field `signatures`");
    let mut padded = right.clone();
    padded["payload"] = format!("{}=", right["payload"].as_str().unwrap()).into();
    refuse(&padded, "`payload` is malformed, expected base64url");
    let mut other = right.clone();
    other["payload"] = base64url(envelope.payload.replace("100", "101").as_bytes()).into();
    refuse(&other, "was not signed by the key");
    let mut bare = right.clone();
    bare["header"].as_object_mut().unwrap().remove("x5c");
    refuse(&bare, "has no certificates");
    bare["header"]["x5c"] = json!([]);
    refuse(&bare, "has no certificates");
    bare["header"]["x5c"] = json!(["AAAA"]);
    refuse(&bare, "certificate 0 of the envelope cannot be read");
    for name in ["alg", "crit", SCHEME] {
        let mut beside = right.clone();
        beside["header"][name] = "x".into();
        refuse(&beside, "expected nothing that must be, or is, protected");
    }
    let mut stamped = right.clone();
    stamped["header"]["io.cncf.notary.timestampSignature"] = "?".into();
    refuse(&stamped, "expected a timestamp token in base64");
    let protected = Value::Object(envelope.protected()).to_string();
    refuse(&envelope.jws_with(&protected.replacen('{', "{\"alg\":\"ES256\",", 1)), "repeat");
    // A name in other letters is another one.
    refuse(&envelope.jws_with(&protected.replace("\"alg\"", "\"ALG\"")), "signature algorithm is ``");
    let text = right.to_string();
    let twice = text.replacen('{', &format!("{{\"signature\":{},", right["signature"]), 1);
    assert!(verify(JWS_MEDIA_TYPE, twice.as_bytes()).is_err());
    assert!(verify(JWS_MEDIA_TYPE, &vec![b' '; 2 << 20]).unwrap_err().contains("expected at most"));
    assert!(verify("application/json", text.as_bytes()).unwrap_err().contains("is not read"));
}

#[test]
fn a_cose_envelope_is_tagged_and_says_nothing_twice() {
    let envelope = Notation::new(&artifact());
    let tagged = |inner: Vec<u8>| [cbor::head(6, 18), inner].concat();
    let judge = |bytes: &[u8]| verify(COSE_MEDIA_TYPE, bytes);
    let chain = || cbor::array(&envelope.chain.iter().map(|der| cbor::bytes(der)).collect::<Vec<_>>());
    let entries = envelope.entries();
    judge(&tagged(envelope.cose_with(&entries, chain()))).unwrap();
    let refuse = |bytes: &[u8], expected: &str| {
        let found = judge(bytes).unwrap_err();
        assert!(found.contains(expected), "{found}, expected {expected}");
    };
    refuse(&envelope.cose_with(&entries, chain()), "not a tagged COSE_Sign1");
    refuse(&[cbor::head(6, 17), envelope.cose_with(&entries, chain())].concat(), "not a tagged COSE_Sign1");
    refuse(&[envelope.cose(), vec![0]].concat(), "not a tagged COSE_Sign1");
    for again in [0, 3] {
        let mut twice = entries.clone();
        twice.push(entries[again].clone());
        refuse(&tagged(envelope.cose_with(&twice, chain())), "not a tagged COSE_Sign1");
    }
    let mut numbered = entries.clone();
    numbered[1].1 = cbor::array(&[cbor::text(SCHEME), cbor::int(1), cbor::int(3)]);
    judge(&tagged(envelope.cose_with(&numbered, chain()))).unwrap();
    let mut text = entries.clone();
    text[0].1 = cbor::text("-7");
    refuse(&tagged(envelope.cose_with(&text, chain())), "signature algorithm is `text -7`");
    // A time without its tag is a number.
    let mut untagged = entries.clone();
    untagged[4].1 = cbor::int(SIGNED_AT);
    refuse(
        &tagged(envelope.cose_with(&untagged, chain())),
        "`io.cncf.notary.signingTime` is a number without a tag",
    );
    // One certificate may stand alone, and it must be a chain of its own then.
    refuse(&tagged(envelope.cose_with(&entries, cbor::bytes(&envelope.chain[0]))), "did not issue itself");
    refuse(&tagged(envelope.cose_with(&entries, cbor::text("x"))), "`x5chain` is malformed");
    // The certificates may stand in the protected header, but not in both.
    let mut both = entries.clone();
    both.push((cbor::int(33), chain()));
    refuse(&tagged(envelope.cose_with(&both, chain())), "expected one list of certificates");
    assert!(judge(b"").is_err() && judge(&[0xff; 64]).is_err());
}
