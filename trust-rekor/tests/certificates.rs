//! Certificates of every right and wrong kind, in bundles that are right otherwise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::cast_possible_truncation)]

mod pki;

use crate::pki::world::{SUBJECT, YEAR, accepted, denied};
use crate::pki::{CODE_SIGNING, Issuer, Key, TIME_STAMPING, Template, extension, oid, tlv};

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
fn more_certificate_timestamps_than_are_read_are_denied() {
    denied("certificate holds 17 signed certificate timestamps, expected at most 16", |world| {
        world.scts = (10..27).map(Key::p256).collect();
    });
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
