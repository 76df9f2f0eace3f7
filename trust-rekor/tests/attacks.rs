//! Bundles that no real service would make: attacks of the field's advisories, odd certificates, thresholds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::cast_possible_truncation)]

mod pki;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use trust_core::encoding::to_base64;
use trust_core::{
    Bundle, CertificateIdentity, IdentityPolicy, Pattern, Reasons, SignatureScheme, Signed, SignerPolicy,
    TrustRoot, VerifiedBundle, Verifier,
};
use trust_rekor::RekorLog;

use crate::pki::{CODE_SIGNING, Issuer, Key, TIME_STAMPING, Template, extension, oid, seq, tlv};

const SUBJECT: &str = "https://github.com/org/app/.github/workflows/release.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const ARTIFACT: &[u8] = b"an artifact";
/// 2026-06-01T12:00:00Z.
const SIGNED_AT_MILLIS: u64 = 1_780_315_200_000;
const YEAR: (&str, &str) = ("260101000000Z", "270101000000Z");
const LOG: &str = "log.example";

/// Everything that a bundle is made of; a test changes one thing.
struct World {
    leaf_key: Key,
    leaf_validity: (&'static str, &'static str),
    leaf_usage: u8,
    leaf_purposes: Vec<&'static str>,
    leaf_extensions: Vec<Vec<u8>>,
    subject_alt_name: Vec<u8>,
    issuer_v1: &'static str,
    intermediate_validity: (&'static str, &'static str),
    intermediate_extensions: Vec<Vec<u8>>,
    root_path_len: Option<u8>,
    scts: Vec<u8>,
    stamp_time: &'static str,
    stamp_purposes: (bool, Vec<&'static str>),
    /// Certificates beside the token: none, then the trust root has the signer's own.
    stamp_beside: Beside,
    logs: Vec<(u8, &'static str, &'static str)>,
    scts_trusted: Vec<u8>,
    log_threshold: usize,
    change_root: fn(&mut Value),
    change_bundle: fn(&mut Value),
}

#[derive(Clone, Copy)]
enum Beside {
    Nothing,
    Forged,
    ForgedAndOwn,
}

impl World {
    fn new() -> Self {
        Self {
            leaf_key: Key::p256(1),
            leaf_validity: ("260601115500Z", "260601120500Z"),
            leaf_usage: 0x80,
            leaf_purposes: vec![CODE_SIGNING],
            leaf_extensions: Vec::new(),
            subject_alt_name: tlv(0x86, SUBJECT.as_bytes()),
            issuer_v1: ISSUER,
            intermediate_validity: YEAR,
            intermediate_extensions: vec![pki::basic_constraints(Some(0)), pki::key_usage(0x04)],
            root_path_len: None,
            scts: vec![4],
            stamp_time: "20260601120000Z",
            stamp_purposes: (true, vec![TIME_STAMPING]),
            stamp_beside: Beside::Nothing,
            logs: vec![(6, LOG, "operator")],
            scts_trusted: vec![4],
            log_threshold: 1,
            change_root: |_| {},
            change_bundle: |_| {},
        }
    }

    fn verify(&self) -> Result<VerifiedBundle, String> {
        let (root_key, intermediate_key) = (Key::p384(2), Key::p384(3));
        let (stamp_root_key, stamp_key) = (Key::p256(7), Key::p256(8));
        let authority = |key_usage| vec![pki::basic_constraints(None), pki::key_usage(key_usage)];
        let fulcio_extensions = vec![pki::basic_constraints(self.root_path_len), pki::key_usage(0x04)];
        let fulcio = Issuer { name: "fulcio", key: &root_key };
        let root = pki::certificate(
            &Template { subject: "fulcio", key: &root_key, validity: YEAR, extensions: fulcio_extensions },
            &fulcio,
        );
        let intermediate = Template {
            subject: "intermediate",
            key: &intermediate_key,
            validity: self.intermediate_validity,
            extensions: self.intermediate_extensions.clone(),
        };
        let intermediate = pki::certificate(&intermediate, &fulcio);
        let mut extensions = vec![
            pki::key_usage(self.leaf_usage),
            pki::extended_key_usage(false, &self.leaf_purposes),
            extension("2.5.29.17", true, &seq(std::slice::from_ref(&self.subject_alt_name))),
            extension("1.3.6.1.4.1.57264.1.1", false, self.issuer_v1.as_bytes()),
            extension("1.3.6.1.4.1.57264.1.8", false, &tlv(0x0c, ISSUER.as_bytes())),
        ];
        extensions.extend(self.leaf_extensions.clone());
        let leaf = Template { subject: "", key: &self.leaf_key, validity: self.leaf_validity, extensions };
        let ct_keys: Vec<_> = self.scts.iter().map(|&seed| Key::p256(seed)).collect();
        let ct_logs: Vec<_> = ct_keys.iter().map(|key| (key, SIGNED_AT_MILLIS)).collect();
        let leaf = pki::logged_certificate(
            &leaf,
            &Issuer { name: "intermediate", key: &intermediate_key },
            &ct_logs,
        );

        let stamps = Issuer { name: "stamps", key: &stamp_root_key };
        let stamp_root =
            Template { subject: "stamps", key: &stamp_root_key, validity: YEAR, extensions: authority(4) };
        let stamp_root = pki::certificate(&stamp_root, &stamps);
        let (critical, purposes) = &self.stamp_purposes;
        let extensions = vec![pki::key_usage(0x80), pki::extended_key_usage(*critical, purposes)];
        let stamp = Template { subject: "stamp", key: &stamp_key, validity: YEAR, extensions };
        let stamp = pki::certificate(&stamp, &stamps);

        let signature = self.leaf_key.sign(ARTIFACT);
        // A forged certificate stands before the signer's own.
        let forged = Template {
            subject: "stamp",
            key: &self.leaf_key,
            validity: YEAR,
            extensions: vec![pki::key_usage(0x80)],
        };
        let forged = pki::certificate(&forged, &Issuer { name: "stamps", key: &self.leaf_key });
        let beside = match self.stamp_beside {
            Beside::Nothing => Vec::new(),
            Beside::Forged => vec![forged],
            Beside::ForgedAndOwn => vec![forged, stamp.clone()],
        };
        let token = pki::timestamp(&signature, self.stamp_time, &stamp, "stamps", &stamp_key, &beside);
        let entries: Vec<Value> = self
            .logs
            .iter()
            .map(|&(seed, host, _)| {
                pki::log_entry(&Key::ed25519(seed), host, &self.leaf_key, &leaf, ARTIFACT, &signature)
            })
            .collect();
        let mut bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": to_base64(&leaf)},
                "tlogEntries": entries,
                "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": to_base64(&token)}]},
            },
            "messageSignature": {"signature": to_base64(&signature)},
        });
        let logs: Vec<Value> = self
            .logs
            .iter()
            .map(|&(seed, host, operator)| {
                let key = Key::ed25519(seed);
                pki::root_log(&key, host, &pki::log_id(&key, host), operator)
            })
            .collect();
        let ct_logs: Vec<Value> = self
            .scts_trusted
            .iter()
            .map(|&seed| {
                let key = Key::p256(seed);
                pki::root_log(&key, "ct.example", &Sha256::digest(key.spki()), "ct")
            })
            .collect();
        let stamp_chain: &[&[u8]] = match self.stamp_beside {
            Beside::Nothing => &[&stamp, &stamp_root],
            _ => &[&stamp_root],
        };
        let mut root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": logs,
            "ctlogs": ct_logs,
            "certificateAuthorities": [pki::root_authority("https://fulcio.example", &[&intermediate, &root])],
            "timestampAuthorities": [pki::root_authority("https://stamps.example", stamp_chain)],
        });
        (self.change_root)(&mut root);
        (self.change_bundle)(&mut bundle);
        let root =
            TrustRoot::from_json(root.to_string().as_bytes()).map_err(|error| Reasons(&error).to_string())?;
        let bundle =
            Bundle::from_json(bundle.to_string().as_bytes()).map_err(|error| Reasons(&error).to_string())?;
        let identity = CertificateIdentity::new(Pattern::exact(SUBJECT), Pattern::exact(ISSUER));
        let policy = SignerPolicy::Identity(IdentityPolicy::new([identity]).unwrap());
        Verifier::new(&root, &RekorLog)
            .with_log_threshold(self.log_threshold)
            .verify(&bundle, Signed::Message(ARTIFACT), &policy, "2026-11-22T00:00:00Z".parse().unwrap())
            .map_err(|error| Reasons(&error).to_string())
    }
}

fn accepted(change: impl FnOnce(&mut World)) -> VerifiedBundle {
    let mut world = World::new();
    change(&mut world);
    world.verify().unwrap()
}

fn denied(expected: &str, change: impl FnOnce(&mut World)) {
    let mut world = World::new();
    change(&mut world);
    let reason = world.verify().expect_err(expected);
    assert!(reason.contains(expected), "\n found {reason}\n expected {expected}");
}

#[test]
fn the_unchanged_world_is_accepted() {
    let verified = accepted(|_| {});
    assert_eq!(verified.times()[0].time().to_string(), "2026-06-01T12:00:00Z");
    let [sct] = verified.certificate_timestamps() else { panic!("{verified:?}") };
    assert_eq!(sct.timestamp().to_string(), "2026-06-01T12:00:00Z");
}

#[test]
fn leafs_of_each_curve_are_accepted() {
    for (key, scheme) in [
        (Key::p256(9), "ECDSA with sha256"),
        (Key::p384(9), "ECDSA with sha384"),
        (Key::p521(9), "ECDSA with sha512"),
    ] {
        let verified = accepted(|world| world.leaf_key = key);
        assert_eq!(SignatureScheme::to_string(&verified.scheme()), scheme);
    }
    // Pure Ed25519 signs no digest, so Rekor v2 has no entry for it.
    denied("entry has another algorithm than the bundle", |world| world.leaf_key = Key::ed25519(9));
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
        world.scts = (10..27).collect();
    });
}

#[test]
fn cve_2026_49834_thresholds_count_operators_and_logs() {
    let two_logs = |world: &mut World, second: &'static str| {
        world.logs = vec![(6, LOG, "operator"), (5, "second.example", second)];
        world.log_threshold = 2;
    };
    let verified = accepted(|world| two_logs(world, "another operator"));
    assert_eq!(verified.log_entries().len(), 2);
    // Two logs of one operator are one witness.
    denied("found the signature in 1 trusted transparency logs, expected 2", |world| {
        two_logs(world, "operator")
    });

    let verified = accepted(|world| (world.scts, world.scts_trusted) = (vec![4, 5], vec![4, 5]));
    assert_eq!(verified.certificate_timestamps().len(), 2);
    let one_is_unknown = accepted(|world| world.scts = vec![4, 5]);
    assert_eq!(one_is_unknown.certificate_timestamps().len(), 1);
    denied("certificate holds two timestamps of the log", |world| world.scts = vec![4, 4]);
    denied("0 trusted certificate transparency logs vouch", |world| world.scts = vec![]);
    denied("is not in the trust root", |world| world.scts = vec![5]);
}

#[test]
fn cve_2026_39984_a_forged_certificate_before_the_timestamp_authoritys_own() {
    // The forged one has the issuer and serial number that the token names, but is not the one that it hashes.
    accepted(|world| world.stamp_beside = Beside::ForgedAndOwn);
    denied("is not the signer that the token names", |world| world.stamp_beside = Beside::Forged);
}

#[test]
fn timestamp_authorities_must_be_nothing_else() {
    let sole = "must have timeStamping as its only extended key usage, in a critical extension";
    denied(sole, |world| world.stamp_purposes = (false, vec![TIME_STAMPING]));
    denied(sole, |world| world.stamp_purposes = (true, vec![TIME_STAMPING, CODE_SIGNING]));
    denied("lacks the extended key usage timeStamping", |world| {
        world.stamp_purposes = (true, vec![CODE_SIGNING])
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
            let (log, key) = (Key::ed25519(6), Key::p256(1));
            let raw = bundle["verificationMaterial"]["certificate"]["rawBytes"].as_str().unwrap();
            let certificate = trust_core::encoding::from_base64(raw).unwrap();
            let signature = key.sign(b"another artifact");
            bundle["verificationMaterial"]["tlogEntries"][0] =
                pki::log_entry(&log, LOG, &key, &certificate, b"another artifact", &signature);
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
