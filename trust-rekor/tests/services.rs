//! Bundles of every kind of service, log entry and key, made and verified: what is right is accepted.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::cast_possible_truncation)]

use serde_json::{Value, json};
use trust_core::internal::encoding::to_base64;
use trust_core::{
    Bundle, Digest, IdentityPolicy, ManagedKey, PublicKey, Reasons, Signed, SignerPolicy, TimeSource,
    TimeWindow, TrustRoot, UnixTime, Verifier,
};
use trust_rekor::{RekorLog, WitnessPolicy, WitnessedLog};

use trust_testkit::sigstore::world::{
    ARTIFACT, Beside, Content, Entry, LOG, Log, Stamp, TWO, World, accepted, denied,
};
use trust_testkit::sigstore::{Key, SIGNED_AT};

fn keys() -> Vec<(Key, &'static str)> {
    vec![
        (Key::p256(9), "ECDSA with sha256"),
        (Key::p384(9), "ECDSA with sha384"),
        (Key::p521(9), "ECDSA with sha512"),
        (Key::rsa(2048), "RSA PKCS#1 v1.5 with sha256"),
        (Key::rsa(3072), "RSA PKCS#1 v1.5 with sha256"),
        (Key::rsa(4096), "RSA PKCS#1 v1.5 with sha256"),
        (Key::ed25519ph(9), "Ed25519ph"),
        (Key::ed25519(9), "Ed25519"),
    ]
}

#[test]
fn what_each_kind_of_certified_key_signs_verifies() {
    for content in [Content::Artifact, Content::Statement] {
        for (key, scheme) in keys() {
            let mut world = World { content, leaf_key: key, ..World::new() };
            if scheme == "Ed25519" {
                // It signs no digest, so Rekor v2 has no entry for it.
                let reason = world.verify().unwrap_err();
                assert_eq!(
                    reason,
                    "log entry 0 does not verify: entry has another algorithm than the bundle"
                );
                world.logs.clear();
                world.configure = |verifier| verifier.accepting_signatures_in_no_transparency_log();
            }
            let verified = world.verify().unwrap();
            assert_eq!(verified.scheme().to_string(), scheme);
            assert_eq!(verified.statement().is_some(), content == Content::Statement);
        }
    }
}

#[test]
fn what_each_kind_of_managed_key_signs_verifies_without_anything_else() {
    let now = UnixTime::from_seconds(SIGNED_AT as i64);
    for (key, scheme) in keys() {
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": "any"}},
            "messageSignature": {"signature": trust_core::internal::encoding::to_base64(&key.sign(ARTIFACT))},
        });
        let bundle = Bundle::from_json(bundle.to_string().as_bytes()).unwrap();
        let public = PublicKey::from_der(&key.spki()).unwrap();
        let root = TrustRoot::empty();
        let verifier = Verifier::new(&root, &RekorLog).accepting_signatures_in_no_transparency_log();
        let verify = |artifact: &[u8], key: ManagedKey| {
            verifier.verify(&bundle, Signed::Message(artifact), &SignerPolicy::Key(key), now)
        };
        assert_eq!(verify(ARTIFACT, public.clone().into()).unwrap().scheme().to_string(), scheme);
        assert!(verify(b"another artifact", public.clone().into()).is_err());
        let other = PublicKey::from_der(&Key::p256(77).spki()).unwrap();
        assert!(verify(ARTIFACT, other.into()).is_err());
        let closed = TimeWindow { start: None, end: Some(UnixTime::from_seconds(SIGNED_AT as i64 - 1)) };
        assert!(verify(ARTIFACT, ManagedKey::new(public).with_validity(closed)).is_err());
    }
}

/// The same with every key as proto3 names the field.
fn in_snake_case(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    let snake = |key: &String| {
        key.chars().fold(String::new(), |name, c| match c.is_ascii_uppercase() {
            true => name + "_" + &c.to_ascii_lowercase().to_string(),
            false => name + &c.to_string(),
        })
    };
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (snake(key), in_snake_case(value))).collect(),
        Value::Array(items) => items.iter().map(in_snake_case).collect(),
        other => other.clone(),
    }
}

#[test]
fn fields_have_their_names_of_proto3_too() {
    let world = || World {
        logs: vec![Log::v1(Key::p256(30), LOG, Entry::HashedRekordV001)],
        change_bundle: |bundle| {
            *bundle = in_snake_case(bundle);
            let digest = trust_core::internal::encoding::to_base64(Digest::sha256(ARTIFACT).as_bytes());
            bundle["message_signature"]["message_digest"] = json!({"algorithm": 1, "digest": digest});
        },
        change_root: |root| {
            *root = in_snake_case(root);
            for log in root["tlogs"].as_array_mut().unwrap() {
                log["public_key"]["key_details"] = 5.into();
            }
        },
        ..World::new()
    };
    world().verify().unwrap();
    // Both spellings of one field are one too many.
    let both = World {
        change_bundle: |bundle| {
            bundle["verification_material"] = bundle["verificationMaterial"].clone();
        },
        ..world()
    };
    let error = both.verify().unwrap_err();
    assert!(error.contains("duplicate field"), "{error}");
}

/// The same bundle in an older version, and without the checkpoint of its entry.
fn remove_checkpoint(bundle: &mut serde_json::Value, version: &str) {
    bundle["mediaType"] = format!("application/vnd.dev.sigstore.bundle+json;version={version}").into();
    let material = &mut bundle["verificationMaterial"];
    if let Some(leaf) = material.as_object_mut().unwrap().remove("certificate") {
        material["x509CertificateChain"] = json!({"certificates": [leaf]});
    }
    material["tlogEntries"][0]["inclusionProof"].as_object_mut().unwrap().remove("checkpoint");
}

#[test]
fn a_promise_counts_beside_a_proof_without_a_checkpoint_in_version_0_1() {
    let world = |change: fn(&mut serde_json::Value)| World {
        logs: vec![Log::v1(Key::p256(30), LOG, Entry::HashedRekordV001)],
        change_bundle: change,
        ..World::new()
    };
    let verified = world(|bundle| remove_checkpoint(bundle, "0.1")).verify().unwrap();
    assert!(!verified.log_entries()[0].is_included());
    assert_eq!(verified.log_entries()[0].log_index(), 70);
    let error = world(|bundle| remove_checkpoint(bundle, "0.2")).verify().unwrap_err();
    assert!(error.contains("checkpoint"), "{error}");
}

#[test]
fn an_index_that_nobody_signed_is_the_one_that_was_proved() {
    // A stamp vouches for the time, where no promise does.
    let world = |change: fn(&mut serde_json::Value)| World {
        logs: vec![Log::v1(Key::p256(30), LOG, Entry::HashedRekordV001)],
        change_bundle: change,
        ..World::new()
    };
    let index = |world: World| world.verify().map(|verified| verified.log_entries()[0].log_index());
    assert_eq!(index(world(|_| {})), Ok(70));
    let unsigned = world(|bundle| {
        let entry = &mut bundle["verificationMaterial"]["tlogEntries"][0];
        entry.as_object_mut().unwrap().remove("inclusionPromise");
        entry["logIndex"] = "4711".into();
    });
    assert_eq!(index(unsigned), Ok(0));
    // Of Rekor v2 the entry's own index is proved, and the proof's is nobody's word.
    let second = World {
        change_bundle: |bundle| {
            bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"]["logIndex"] = "4711".into();
        },
        ..World::new()
    };
    assert_eq!(index(second), Ok(0));
}

#[test]
fn each_kind_of_entry_of_rekor_v1_verifies() {
    for (content, entry, kind) in [
        (Content::Artifact, Entry::HashedRekordV001, "hashedrekord/0.0.1"),
        (Content::Statement, Entry::DsseV001, "dsse/0.0.1"),
        (Content::Statement, Entry::IntotoV002, "intoto/0.0.2"),
    ] {
        for log_key in [Key::p256(30), Key::rsa(2048), Key::ed25519(30)] {
            let world = World {
                content,
                logs: vec![Log::v1(log_key, LOG, entry)],
                stamps: Vec::new(),
                ..World::new()
            };
            let verified = world.verify().unwrap();
            assert_eq!(verified.log_entries()[0].kind(), kind);
            // The promise is what vouches for the time.
            let [time] = verified.times() else { panic!("{verified:?}") };
            assert_eq!(time.source(), &TimeSource::TransparencyLog(format!("https://{LOG}")));
            assert_eq!(time.time(), UnixTime::from_seconds(SIGNED_AT as i64));
        }
    }
    denied("entry is of kind `dsse/0.0.1`", |world| {
        world.logs = vec![Log::v1(Key::p256(30), LOG, Entry::DsseV001)];
    });
    denied("entry is of kind `hashedrekord/0.0.1`", |world| {
        world.content = Content::Statement;
        world.logs = vec![Log::v1(Key::p256(30), LOG, Entry::HashedRekordV001)];
    });
}

#[test]
fn logs_of_both_generations_and_several_authorities_count_together() {
    let verified = accepted(|world| {
        let mut old = Log::v1(Key::p256(30), "old.example", Entry::HashedRekordV001);
        old.operator = "another operator";
        world.logs.push(old);
        world.stamps.push(Stamp::new(20, "second.example", "second"));
        world.configure = |verifier| {
            verifier.with_log_threshold(TWO).with_timestamp_threshold(2).with_observer_threshold(3)
        };
    });
    assert_eq!((verified.log_entries().len(), verified.times().len()), (2, 3));
    denied("signed times by 1 operators of timestamp authorities and logs, expected 2", |world| {
        world.configure = |verifier| verifier.with_observer_threshold(2);
    });
}

#[test]
fn authorities_and_certificate_logs_may_have_other_kinds_of_keys() {
    for key in [Key::p256(40), Key::p521(40), Key::rsa(2048), Key::rsa(4096), Key::ed25519(40)] {
        accepted(|world| world.intermediate_key = key);
    }
    accepted(|world| {
        world.scts = vec![Key::rsa(2048)];
        world.trusted_certificate_logs = vec![Key::rsa(2048)];
    });
    // RFC 6962 knows ECDSA on P-256 and RSA only; a log with another key says that it used one of them.
    denied("the timestamp of log", |world| {
        world.scts = vec![Key::ed25519(40)];
        world.trusted_certificate_logs = vec![Key::ed25519(40)];
    });
}

#[test]
fn a_timestamp_of_an_authority_that_nobody_knows_neither_counts_nor_harms() {
    // The authority of the first stamp alone is trusted.
    let forget_second = |root: &mut Value| {
        root["timestampAuthorities"].as_array_mut().unwrap().truncate(1);
    };
    let verified = accepted(|world| {
        let mut stranger = Stamp::new(20, "second.example", "second");
        stranger.issuer = "strangers";
        world.stamps.push(stranger);
        world.change_root = forget_second;
    });
    assert_eq!(verified.times().len(), 1);
    denied("expected 2; the timestamp's signer is of no authority in the trust root", |world| {
        let mut stranger = Stamp::new(20, "second.example", "second");
        stranger.issuer = "strangers";
        world.stamps.push(stranger);
        world.change_root = forget_second;
        world.configure = |verifier| verifier.with_timestamp_threshold(2);
    });
    // Alone it vouches for no time.
    denied("or a log's promise; the trust root has no timestamp authority", |world| {
        world.change_root = |root| root["timestampAuthorities"] = json!([]);
    });
    // One that says it is of a trusted authority must be.
    denied("timestamp 1 does not verify", |world| {
        let mut forged = Stamp::new(20, "second.example", "second");
        forged.beside = Beside::Forged;
        world.stamps.push(forged);
        world.change_root = forget_second;
    });
}

#[test]
fn the_way_to_the_root_may_come_with_the_signature() {
    let world = World::new();
    let intermediate = to_base64(&world.certificates().1);
    let (mut bundle, mut root) = world.make();
    let chain = root["certificateAuthorities"][0]["certChain"]["certificates"].as_array_mut().unwrap();
    chain.remove(0);
    let (leaf, signature) = (
        bundle["verificationMaterial"]["certificate"]["rawBytes"].take(),
        bundle["messageSignature"]["signature"].take(),
    );
    let stamp =
        bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"]
            .take();
    let pem = |der: &str| format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
    let verify = |chain: &str| {
        let annotations = [
            ("dev.cosignproject.cosign/signature", signature.as_str().unwrap().to_owned()),
            ("dev.sigstore.cosign/certificate", pem(leaf.as_str().unwrap())),
            ("dev.sigstore.cosign/chain", chain.to_owned()),
            ("dev.sigstore.cosign/rfc3161timestamp", json!({"SignedRFC3161Timestamp": stamp}).to_string()),
        ];
        let annotations = annotations.map(|(name, value)| (name.to_owned(), value)).into();
        let root = TrustRoot::from_json(root.to_string().as_bytes()).unwrap();
        let wanted = SignerPolicy::Identity(IdentityPolicy::new(world.wanted.clone()).unwrap());
        Verifier::new(&root, &RekorLog)
            .accepting_signatures_in_no_transparency_log()
            .verify(
                &trust_core::cosign::signature_bundle(&annotations).unwrap(),
                Signed::Message(ARTIFACT),
                &wanted,
                "2026-11-22T00:00:00Z".parse().unwrap(),
            )
            .map_err(|error| Reasons(&error).to_string())
    };
    verify(&pem(&intermediate)).unwrap();
    // cosign writes the root too; what cannot be read leads nowhere.
    let anchor =
        root["certificateAuthorities"][0]["certChain"]["certificates"][0]["rawBytes"].as_str().unwrap();
    verify(&(pem(&intermediate) + &pem(anchor) + &pem("AAAA"))).unwrap();
    for chain in [String::new(), pem(anchor)] {
        assert!(verify(&chain).unwrap_err().contains("was issued by"), "{chain}");
    }
}

#[test]
fn a_certificate_without_signed_time_is_judged_now_if_the_caller_says_so() {
    let without_time = |world: &mut World| {
        world.stamps.clear();
        world.leaf_validity = ("260101000000Z", "261231000000Z");
    };
    denied("found no signed time", without_time);
    let verified = accepted(|world| {
        without_time(world);
        world.configure = |verifier| verifier.accepting_certificates_at_the_current_time();
    });
    assert_eq!(verified.times()[0].source(), &TimeSource::Caller);
    // Where there is a signed time, that is the one.
    accepted(|world| world.configure = |verifier| verifier.accepting_certificates_at_the_current_time());
    // The caller is no observer, and a certificate that has expired stays expired.
    denied("signed times by 0 operators", |world| {
        without_time(world);
        world.configure =
            |verifier| verifier.accepting_certificates_at_the_current_time().with_observer_threshold(1);
    });
    denied("expected to cover 2026-11-22T00:00:00Z", |world| {
        world.stamps.clear();
        world.configure = |verifier| verifier.accepting_certificates_at_the_current_time();
    });
}

fn vkey(name: &str, kind: u8, key: &Key) -> String {
    use sha2::Digest as _;
    let raw = [&[kind], &key.spki()[12..]].concat();
    let id = sha2::Sha256::digest([name.as_bytes(), b"\n", &raw].concat());
    format!(
        "{name}+{}+{}",
        trust_core::internal::encoding::to_hex(&id[..4]),
        trust_core::internal::encoding::to_base64(&raw)
    )
}

#[test]
fn a_quorum_of_witnesses_can_be_demanded_of_log_entries() {
    let (first, second) = (|| Key::ed25519(51), || Key::ed25519(52));
    let policy: WitnessPolicy = format!(
        "log {}\nwitness one {}\nwitness two {}\ngroup both all one two\nquorum both\n",
        vkey(LOG, 1, &Key::ed25519(6)),
        vkey("one.example", 4, &first()),
        vkey("two.example", 4, &second()),
    )
    .parse()
    .unwrap();
    let witnessed = |world: &mut World, witnesses: Vec<(&'static str, Key)>| {
        world.logs[0].witnesses = witnesses;
        world.log_verifier = Box::new(WitnessedLog::new(policy.clone()));
    };
    let both = vec![("one.example", first()), ("two.example", second())];
    let verified = accepted(|world| witnessed(world, both));
    assert_eq!(verified.log_entries()[0].witnesses(), ["one.example", "two.example"]);
    denied("checkpoint is not witnessed: quorum `both` is not reached by `one`", |world| {
        witnessed(world, vec![("one.example", first())]);
    });
    denied("is not witnessed: quorum `both` is not reached by any witness", |world| {
        witnessed(world, vec![("one.example", second()), ("two.example", first())]);
    });
    // A promise is no checkpoint.
    denied("is not witnessed", |world| {
        world.logs = vec![Log::v1(Key::p256(30), LOG, Entry::HashedRekordV001)];
        world.log_verifier = Box::new(WitnessedLog::new(policy.clone()));
    });
}
