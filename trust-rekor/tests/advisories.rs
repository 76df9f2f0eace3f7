//! The field's advisories that concern verifying, each as the attack that it describes; TOB-SIGSTORE numbers are those
//! of Trail of Bits' review of sigstore-rust.
//!
//! Those about policies and images are tests of `trust-policy` and `trust-gate`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::cast_possible_truncation)]

use serde_json::{Value, json};
use trust_core::internal::encoding::to_base64;

use trust_testkit::sigstore::world::{
    Beside, CT_LOG, Content, Entry, LOG, Log, Stamp, TWO, World, accepted, denied,
};
use trust_testkit::sigstore::{Key, tlv};

/// A world whose log is of the generation and kind, with the content that fits.
fn logged_as(world: &mut World, entry: Entry) {
    world.content = match entry {
        Entry::HashedRekordV001 | Entry::HashedRekordV002 => Content::Artifact,
        Entry::DsseV001 | Entry::IntotoV002 => Content::Statement,
    };
    world.logs = vec![match entry {
        Entry::HashedRekordV002 => Log::v2(6, LOG, "operator"),
        _ => Log::v1(Key::p256(6), LOG, entry),
    }];
}

const ENTRIES: [Entry; 4] =
    [Entry::HashedRekordV001, Entry::DsseV001, Entry::IntotoV002, Entry::HashedRekordV002];

/// An entry of each kind, which the log took in, but about something else: denied for these reasons.
fn entries_about_something_else(
    expected: [&str; 4],
    change: for<'a> fn(&mut trust_testkit::sigstore::Logged<'a>),
) {
    for (entry, expected) in ENTRIES.into_iter().zip(expected) {
        accepted(|world| logged_as(world, entry));
        denied(
            &format!("log entry 0 does not verify: entry has another {expected} than the bundle"),
            |world| {
                logged_as(world, entry);
                world.change_logged = change;
            },
        );
    }
}

#[test]
fn cve_2022_23649_the_entry_of_another_signature() {
    entries_about_something_else(["signature", "signature", "signature", "canonical body"], |logged| {
        logged.signature = b"another signature";
    });
}

#[test]
fn cve_2022_36056_and_cve_2026_22703_the_entry_of_another_artifact() {
    let payload = "payload digest";
    entries_about_something_else(["artifact digest", payload, payload, "canonical body"], |logged| {
        (logged.content, logged.signed) = (b"another artifact", b"another artifact");
    });
    // A bundle that is right in everything else does not spare the identity.
    denied("signed by `https://evil.example`", |world| {
        world.subject_alt_name = tlv(0x86, b"https://evil.example");
    });
    denied("checkpoint cannot be used", |world| {
        world.change_bundle = |bundle| {
            let proof = &mut bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"];
            proof["checkpoint"]["envelope"] =
                "log.example\n1\nAAAA\n\n\u{2014} log.example AAAAAAAA\n".into();
        };
    });
}

#[test]
fn cve_2024_51746_the_entry_of_another_signer() {
    entries_about_something_else(["signer", "signer", "signer", "canonical body"], |logged| {
        logged.certificate = b"another certificate";
    });
}

#[test]
fn a_time_that_no_promise_vouches_for() {
    // The proof is right, so the entry counts; its time is the uploader's own account.
    denied("found no signed time", |world| {
        logged_as(world, Entry::HashedRekordV001);
        world.stamps.clear();
        world.change_bundle = |bundle| {
            let entry = bundle["verificationMaterial"]["tlogEntries"][0].as_object_mut().unwrap();
            entry.remove("inclusionPromise").unwrap();
        };
    });
    denied("the log's promise (signed entry timestamp) does not verify", |world| {
        logged_as(world, Entry::HashedRekordV001);
        world.change_bundle = |bundle| {
            bundle["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = "1780315201".into();
        };
    });
}

#[test]
fn tob_sigstore_4_the_certificate_must_be_valid_at_every_time() {
    denied("expected to cover 2026-06-01T12:10:00Z", |world| {
        let mut late = Stamp::new(20, "second.example", "second");
        late.time = "20260601121000Z";
        world.stamps.push(late);
    });
}

#[test]
fn an_envelope_with_two_signatures() {
    denied("envelope has 2 signatures, expected 1", |world| {
        world.content = Content::Statement;
        world.change_bundle = |bundle| {
            let signatures = bundle["dsseEnvelope"]["signatures"].as_array_mut().unwrap();
            signatures.push(signatures[0].clone());
        };
    });
}

#[test]
fn ghsa_fx35_mq7g_6g98_a_key_where_a_certificate_is_expected() {
    let spki = Key::p256(1).spki();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", to_base64(&spki));
    for key in [spki, pem.into_bytes()] {
        let (mut bundle, _) = World::new().make();
        bundle["verificationMaterial"]["certificate"]["rawBytes"] = to_base64(&key).into();
        let error = trust_core::Bundle::from_json(bundle.to_string().as_bytes()).unwrap_err();
        let reason = trust_core::Reasons(&error).to_string();
        assert!(
            reason.contains("`verificationMaterial.certificate` is not a usable certificate"),
            "{reason}"
        );
    }
}

#[test]
fn cve_2026_39395_a_payload_that_is_no_statement() {
    denied("the signed statement cannot be used", |world| world.content = Content::Payload("not JSON"));
    denied("the signed statement cannot be used", |world| world.content = Content::Payload("{}"));
    denied("the signed statement is for nothing", |world| {
        world.content = Content::Payload(
            r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"md5":"00"}}],"predicateType":"p"}"#,
        );
    });
}

#[test]
fn cve_2024_45395_floods() {
    denied("rfc3161Timestamps` has 10000 entries, expected at most 32", |world| {
        world.change_bundle = |bundle| {
            let list = &mut bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"];
            *list = vec![list[0].clone(); 10_000].into();
        };
    });
    denied("tlogEntries` has 10000 entries, expected at most 32", |world| {
        world.change_bundle = |bundle| {
            let list = &mut bundle["verificationMaterial"]["tlogEntries"];
            *list = vec![list[0].clone(); 10_000].into();
        };
    });
    let subject = json!({"name": "a", "digest": {"sha256": "00".repeat(32)}});
    let digests: Value =
        (0..10_000).map(|n| (format!("algorithm{n}"), json!("00"))).collect::<serde_json::Map<_, _>>().into();
    for (subjects, expected) in [
        (json!(vec![subject; 10_000]), "has 10000 subjects, expected at most 1024"),
        (json!([{"name": "a", "digest": digests}]), "has 10000 digests, expected at most 32"),
    ] {
        let statement =
            json!({"_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": "p"});
        denied(expected, |world| world.content = Content::Payload(statement.to_string().leak()));
    }
}

#[test]
fn cve_2025_66564_and_cve_2025_66506_object_identifiers_without_end() {
    denied("timestamp has", |world| {
        world.change_bundle = |bundle| {
            let list = &mut bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"];
            list[0]["signedTimestamp"] = to_base64(&tlv(6, &[0x81; 65_000]).repeat(16)).into();
        };
    });
    denied("is not a usable certificate", |world| {
        let endless = [&[0x81; 60_000][..], &[1]].concat();
        world.leaf_extensions = vec![trust_testkit::sigstore::seq(&[tlv(6, &endless), tlv(4, &[])])];
    });
}

/// Every path to a member or element below this value.
fn paths(value: &Value, prefix: &str, into: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(i, value)| (i.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (name, child) in children {
        let path = format!("{prefix}/{name}");
        paths(child, &path, into);
        into.push(path);
    }
}

#[test]
fn cve_2023_33199_and_cve_2026_23831_entries_without_one_of_their_members() {
    for entry in ENTRIES {
        let mut world = World::new();
        logged_as(&mut world, entry);
        let body = world.make().0["verificationMaterial"]["tlogEntries"][0]["canonicalizedBody"].clone();
        let body = trust_core::internal::encoding::from_base64(body.as_str().unwrap()).unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        let mut all = Vec::new();
        paths(&body, "", &mut all);
        assert!(all.len() > 8, "{all:?}");
        for path in all {
            for replacement in [None, Some(Value::Null), Some(json!("")), Some(json!({})), Some(json!([]))] {
                let mut changed = body.clone();
                let (parent, name) = path.rsplit_once('/').unwrap();
                match (changed.pointer_mut(parent).unwrap(), replacement) {
                    (Value::Object(members), None) => drop(members.remove(name)),
                    (Value::Array(elements), None) => drop(elements.remove(name.parse().unwrap())),
                    (parent, Some(value)) => *parent.pointer_mut(&format!("/{name}")).unwrap() = value,
                    (parent, None) => panic!("{parent} has no {name}"),
                }
                let mut world = World::new();
                logged_as(&mut world, entry);
                world.change_body = Box::new(move |_| changed.to_string());
                let verified = world.verify();
                // Rekor hashes the envelope as it was uploaded, which nobody can do again.
                assert_eq!(verified.is_ok(), path.starts_with("/spec/envelopeHash"), "{path}: {verified:?}");
            }
        }
    }
}

#[test]
fn cve_2023_47122_a_log_of_the_attackers_own() {
    for entry in ENTRIES {
        denied("does not verify", |world| {
            logged_as(world, entry);
            world.change_root = |root| {
                let v2 = root["tlogs"][0]["publicKey"]["keyDetails"] == "PKIX_ED25519";
                let other = if v2 { Key::ed25519(99) } else { Key::p256(99) };
                root["tlogs"][0]["publicKey"]["rawBytes"] = to_base64(&other.spki()).into();
            };
        });
    }
}

#[test]
fn cve_2026_44310_a_token_without_any_certificate() {
    denied("the certificate that signed the timestamp is neither in it nor in the trust root", |world| {
        world.stamps[0].beside = Beside::Missing;
    });
}

#[test]
fn cve_2026_44309_other_bytes_of_the_same_meaning() {
    denied("signature is not by", |world| {
        world.content = Content::Statement;
        world.change_bundle = |bundle| {
            let payload = trust_core::internal::encoding::from_base64(
                bundle["dsseEnvelope"]["payload"].as_str().unwrap(),
            );
            let spaced = [payload.unwrap(), b"\n".to_vec()].concat();
            bundle["dsseEnvelope"]["payload"] = to_base64(&spaced).into();
        };
    });
}

#[test]
fn rustsec_2026_0046_a_token_with_two_signers() {
    denied("2 signers, expected 1", |world| world.stamps[0].signers = 2);
    denied("0 signers, expected 1", |world| world.stamps[0].signers = 0);
}

#[test]
fn rustsec_2023_0052_paths_without_end() {
    denied("has 40 entries, expected at most", |world| {
        world.change_bundle = |bundle| {
            bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
            let material = bundle["verificationMaterial"].as_object_mut().unwrap();
            let certificate = material.remove("certificate").unwrap();
            material.insert("x509CertificateChain".into(), json!({"certificates": vec![certificate; 40]}));
        };
    });
    denied("certificateAuthorities[0].certChain.certificates` has 40 entries, expected at most 8", |world| {
        world.change_root = |root| {
            let list = &mut root["certificateAuthorities"][0]["certChain"]["certificates"];
            *list = vec![list[0].clone(); 40].into();
        };
    });
}

#[test]
fn cve_2026_24122_an_intermediate_that_had_expired_when_the_signature_was_made() {
    // It was still valid at the leaf's notBefore.
    denied("certificate `CN=intermediate` is valid", |world| {
        world.intermediate_validity = ("260101000000Z", "260601115900Z");
    });
}

#[test]
fn ghsa_hm8f_75xx_w2vr_a_bundle_for_another_artifact_by_its_own_account() {
    denied("bundle is for an artifact with digest `sha256:6666", |world| {
        world.change_bundle = |bundle| {
            let digest = json!({"algorithm": "SHA2_256", "digest": to_base64(&[0x66; 32])});
            bundle["messageSignature"]["messageDigest"] = digest;
        };
    });
    // By an algorithm that the signature does not use, too.
    denied("bundle is for an artifact with digest `sha512:6666", |world| {
        world.change_bundle = |bundle| {
            let digest = json!({"algorithm": "SHA2_512", "digest": to_base64(&[0x66; 64])});
            bundle["messageSignature"]["messageDigest"] = digest;
        };
    });
}

#[test]
fn cve_2026_49834_thresholds_count_operators_and_logs() {
    let two_logs = |world: &mut World, second: &'static str| {
        world.logs = vec![Log::v2(6, LOG, "operator"), Log::v2(5, "second.example", second)];
        world.configure = |verifier| verifier.with_log_threshold(TWO);
    };
    let verified = accepted(|world| two_logs(world, "another operator"));
    assert_eq!(verified.log_entries().len(), 2);
    // Two logs of one operator are one witness, and so are two entries in one log.
    denied("found the signature in 1 trusted transparency logs, expected 2", |world| {
        two_logs(world, "operator")
    });
    denied("log entry 1 is there twice", |world| {
        two_logs(world, "another operator");
        world.change_bundle = |bundle| {
            let entries = &mut bundle["verificationMaterial"]["tlogEntries"];
            entries[1] = entries[0].clone();
        };
    });

    let two_stamps = |world: &mut World, second: &'static str| {
        world.stamps.push(Stamp::new(20, "second.example", second));
        world.configure = |verifier| verifier.with_timestamp_threshold(2);
    };
    assert_eq!(accepted(|world| two_stamps(world, "another operator")).times().len(), 2);
    denied("signed times by 1 operators of timestamp authorities, expected 2", |world| {
        two_stamps(world, "stamps")
    });
    denied("signed times by 1 operators of timestamp authorities, expected 2", |world| {
        two_stamps(world, "another operator");
        world.change_bundle = |bundle| {
            let list = &mut bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"];
            list[1] = list[0].clone();
        };
    });

    let two_scts = |world: &mut World| {
        world.scts.push(Key::p256(5));
        world.configure = |verifier| verifier.with_certificate_log_threshold(TWO);
    };
    let verified = accepted(|world| {
        two_scts(world);
        world.trusted_certificate_logs.push(Key::p256(5));
    });
    assert_eq!(verified.certificate_timestamps().len(), 2);
    denied("1 trusted certificate transparency logs vouch for the certificate, expected 2", two_scts);
    let one_is_unknown = accepted(|world| world.scts.push(Key::p256(5)));
    assert_eq!(one_is_unknown.certificate_timestamps().len(), 1);
    denied("certificate holds two timestamps of the log", |world| world.scts.push(Key::p256(CT_LOG)));
    denied("0 trusted certificate transparency logs vouch", |world| world.scts.clear());
    denied("is not in the trust root", |world| world.scts = vec![Key::p256(5)]);
}

#[test]
fn cve_2026_39984_a_forged_certificate_before_the_timestamp_authoritys_own() {
    // The forged one has the issuer and serial number that the token names, but is not the one that it hashes.
    accepted(|world| world.stamps[0].beside = Beside::ForgedAndOwn);
    denied("is not the signer that the token names", |world| world.stamps[0].beside = Beside::Forged);
}

#[test]
fn tob_sigstore_11_the_time_of_one_authority_in_the_window_of_another() {
    denied("the timestamp authority `https://stamps.example` is trusted", |world| {
        world.change_root = |root| {
            let authorities = root["timestampAuthorities"].as_array_mut().unwrap();
            let mut other = authorities[0].clone();
            other["uri"] = "https://other.example".into();
            other["certChain"]["certificates"].as_array_mut().unwrap().reverse();
            authorities[0]["validFor"]["end"] = "2026-05-01T00:00:00Z".into();
            authorities.push(other);
        };
    });
}
