//! Bundles that no real service would make: attacks of the field's advisories, odd certificates, thresholds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::cast_possible_truncation)]

mod pki;

use serde_json::json;
use trust_core::encoding::to_base64;

use crate::pki::world::{
    Beside, CT_LOG, Content, Entry, LOG, Log, SUBJECT, Stamp, World, YEAR, accepted, denied,
};
use crate::pki::{CODE_SIGNING, Issuer, Key, Logged, TIME_STAMPING, Template, extension, oid, tlv};

#[test]
fn the_unchanged_world_is_accepted() {
    let verified = accepted(|_| {});
    assert_eq!(verified.times()[0].time().to_string(), "2026-06-01T12:00:00Z");
    let [sct] = verified.certificate_timestamps() else { panic!("{verified:?}") };
    assert_eq!(sct.timestamp().to_string(), "2026-06-01T12:00:00Z");
}

#[test]
fn names_of_each_kind_are_read() {
    let other = [oid("1.3.6.1.4.1.57264.1.7"), tlv(0xa0, &tlv(0x0c, SUBJECT.as_bytes()))].concat();
    accepted(|world| world.subject_alt_name = tlv(0xa0, &other));
    accepted(|world| world.subject_alt_name = tlv(0x81, SUBJECT.as_bytes()));
    accepted(|world| {
        world.subject_alt_name = [tlv(0x86, b"https://other.example"), tlv(0x86, SUBJECT.as_bytes())].concat()
    });
    denied("no subject alternative name of type URI, e-mail or otherName", |world| {
        world.subject_alt_name = tlv(0x82, b"github.com");
    });
    denied("signed by `https://other.example`", |world| {
        world.subject_alt_name = tlv(0x86, b"https://other.example")
    });
}

#[test]
fn issuers_must_agree() {
    denied("certificate names two issuers, `https://evil.example` and", |world| {
        world.issuer_v1 = "https://evil.example";
    });
}

#[test]
fn leafs_that_may_not_sign_are_denied() {
    denied("lacks the extended key usage codeSigning", |world| world.leaf_purposes = vec![TIME_STAMPING]);
    denied("has the extended key usage any", |world| world.leaf_purposes = vec![CODE_SIGNING, "2.5.29.37.0"]);
    denied("lacks the key usage digitalSignature", |world| world.leaf_usage = 0x40);
    denied("with the key usage keyCertSign", |world| world.leaf_usage = 0x84);
    denied("is a certification authority, expected an end entity", |world| {
        world.leaf_extensions = vec![pki::basic_constraints(None)];
    });
    // The poison of a precertificate, and any other extension that must be understood.
    denied("has the extension 1.3.6.1.4.1.11129.2.4.3", |world| {
        world.leaf_extensions = vec![extension("1.3.6.1.4.1.11129.2.4.3", true, &[5, 0])];
    });
    denied("holds the extension 2.5.29.15 twice", |world| world.leaf_extensions = vec![pki::key_usage(0x80)]);
    denied("expected to cover 2026-06-01T12:00:00Z", |world| {
        world.leaf_validity = ("260601120001Z", "260601121000Z");
    });
    accepted(|world| world.leaf_validity = ("260601115000Z", "260601120000Z"));
    accepted(|world| world.leaf_validity = ("260601120000Z", "260601121000Z"));
}

#[test]
fn cve_2026_24122_an_intermediate_that_had_expired_when_the_signature_was_made() {
    // It was still valid at the leaf's notBefore.
    denied("certificate `CN=intermediate` is valid", |world| {
        world.intermediate_validity = ("260101000000Z", "260601115900Z");
    });
}

#[test]
fn issuers_that_may_not_issue_are_denied() {
    denied("certificate `CN=intermediate` is not a certification authority", |world| {
        world.intermediate_extensions = vec![pki::key_usage(0x04)];
    });
    denied("certificate `CN=intermediate` lacks the key usage keyCertSign", |world| {
        world.intermediate_extensions = vec![pki::basic_constraints(None), pki::key_usage(0x80)];
    });
    denied("certificate `CN=intermediate` lacks the extended key usage codeSigning", |world| {
        world.intermediate_extensions.push(pki::extended_key_usage(false, &[TIME_STAMPING]));
    });
    denied("certificate `CN=intermediate` has the extension 2.5.29.30", |world| {
        world.intermediate_extensions.push(extension("2.5.29.30", false, &[0x30, 0]));
    });
}

#[test]
fn a_root_that_allows_no_intermediate_is_obeyed() {
    denied("allows 0 intermediate authorities below it, found 1", |world| world.root_path_len = Some(0));
    accepted(|world| world.root_path_len = Some(1));
}

#[test]
fn a_bundle_for_another_artifact_by_its_own_account_is_denied() {
    denied("bundle is for an artifact with digest `sha256:6666", |world| {
        world.change_bundle = |bundle| {
            let digest = json!({"algorithm": "SHA2_256", "digest": to_base64(&[0x66; 32])});
            bundle["messageSignature"]["messageDigest"] = digest;
        };
    });
}

#[test]
fn more_certificate_timestamps_than_are_read_are_denied() {
    denied("certificate holds 17 signed certificate timestamps, expected at most 16", |world| {
        world.scts = (10..27).map(Key::p256).collect();
    });
}

#[test]
fn cve_2026_49834_thresholds_count_operators_and_logs() {
    let two_logs = |world: &mut World, second: &'static str| {
        world.logs = vec![Log::v2(6, LOG, "operator"), Log::v2(5, "second.example", second)];
        world.configure = |verifier| verifier.with_log_threshold(2);
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
        world.configure = |verifier| verifier.with_certificate_log_threshold(2);
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
fn timestamp_authorities_must_be_nothing_else() {
    let sole = "must have timeStamping as its only extended key usage, in a critical extension";
    denied(sole, |world| world.stamps[0].purposes = (false, vec![TIME_STAMPING]));
    denied(sole, |world| world.stamps[0].purposes = (true, vec![TIME_STAMPING, CODE_SIGNING]));
    denied("lacks the extended key usage timeStamping", |world| {
        world.stamps[0].purposes = (true, vec![CODE_SIGNING])
    });
}

#[test]
fn the_time_of_one_authority_does_not_count_in_the_window_of_another() {
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

#[test]
fn authorities_of_one_name_are_all_tried() {
    accepted(|world| {
        world.change_root = |root| {
            let key = Key::p384(99);
            let issuer = Issuer { name: "intermediate", key: &key };
            let extensions = vec![pki::basic_constraints(None), pki::key_usage(0x04)];
            let other = Template { subject: "intermediate", key: &key, validity: YEAR, extensions };
            let other = pki::root_authority("https://old.example", &[&pki::certificate(&other, &issuer)]);
            root["certificateAuthorities"].as_array_mut().unwrap().insert(0, other);
        };
    });
}

#[test]
fn cve_2026_22703_an_entry_about_something_else_is_denied() {
    denied("entry has another canonical body than the bundle", |world| {
        world.change_bundle = |bundle| {
            // A good entry of the same log and signer, about another artifact.
            let signer = Key::p256(1);
            let raw = bundle["verificationMaterial"]["certificate"]["rawBytes"].as_str().unwrap();
            let certificate = trust_core::encoding::from_base64(raw).unwrap();
            let content = b"another artifact";
            let logged = Logged {
                signer: &signer,
                certificate: &certificate,
                content,
                signed: content,
                signature: &signer.sign(content),
            };
            bundle["verificationMaterial"]["tlogEntries"][0] =
                pki::rekor_v2(&Key::ed25519(6), LOG, &[], &logged.hashedrekord_v002());
        };
    });
}

#[test]
fn cve_2024_45395_floods_are_refused_at_once() {
    denied("rfc3161Timestamps` has 10000 entries, expected at most 32", |world| {
        world.change_bundle = |bundle| {
            let list = &mut bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"];
            *list = vec![list[0].clone(); 10_000].into();
        };
    });
}
