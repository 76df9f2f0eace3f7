//! What a trust policy says of a signature.

use std::fs;

use serde_json::{Value, json};
use trust_core::notation::{
    Action, COSE_MEDIA_TYPE, Check, JWS_MEDIA_TYPE, SignatureEnvelope, StoreKind, TrustPolicy, TrustStore,
    TrustStores, Verification,
};
use trust_core::{Certificate, Reasons, UnixTime};
use trust_testkit::notation::{Attribute, Notation, SIGNED_AT, chain, leaf_extensions};
use trust_testkit::sigstore::{Key, extension, key_usage, seq, tlv};
use trust_testkit::vectors::vectors;

use crate::artifact;

fn policy(level: &str, stores: &[&str], identities: &[&str], more: Value) -> TrustPolicy {
    let mut verification = json!({"level": level});
    for (name, value) in more.as_object().unwrap() {
        verification[name] = value.clone();
    }
    let document = json!({"version": "1.0", "trustPolicies": [{"name": "p", "registryScopes": ["*"], "signatureVerification": verification,
        "trustStores": stores, "trustedIdentities": identities}]});
    TrustPolicy::from_json(document.to_string().as_bytes()).unwrap()
}

fn judge(
    policy: &TrustPolicy,
    stores: &TrustStores,
    media_type: &str,
    bytes: &[u8],
    now: UnixTime,
) -> Verification {
    policy.statements()[0].verify(SignatureEnvelope::from_bytes(media_type, bytes), stores, now)
}

type Problem = (Check, Action, String);

/// The checks that fail, with what the policy does there, and why.
fn problems(verification: &Verification) -> Vec<Problem> {
    let failing = verification.checks.iter().filter_map(|one| {
        let problem = one.problem.as_ref()?;
        Some((one.check, one.action, Reasons(problem).to_string()))
    });
    failing.collect()
}

const NOW: UnixTime = UnixTime::from_seconds(SIGNED_AT + 60);

/// A store of a kind with the root of a chain.
fn stores(kind: StoreKind, chain: &[Vec<u8>]) -> TrustStores {
    let root = Certificate::from_der(chain.last().unwrap()).unwrap();
    TrustStores::from([((kind, "acme".to_owned()), TrustStore::assertion(kind, vec![root]).unwrap())])
}

/// Judges our own envelope in both forms.
fn own(
    level: &str,
    more: &Value,
    change: impl Fn(&mut Notation),
    now: UnixTime,
) -> Vec<(bool, Vec<Problem>)> {
    let mut envelope = Notation::new(&artifact());
    change(&mut envelope);
    let policy = policy(level, &["ca:acme"], &["*"], more.clone());
    let stores = stores(StoreKind::CertificateAuthority, &envelope.chain);
    let judge = |(media_type, bytes): (&str, Vec<u8>)| {
        let verification = judge(&policy, &stores, media_type, &bytes, now);
        (verification.counts(), problems(&verification))
    };
    envelope.both().map(judge).to_vec()
}

#[test]
fn each_check_fails_alone_and_its_action_decides() {
    let expired = |envelope: &mut Notation| {
        envelope.attributes.push(("io.cncf.notary.expiry", Attribute::Time(SIGNED_AT + 10)));
        envelope.critical.push("io.cncf.notary.expiry");
    };
    let after = "2027-06-01T00:00:00Z".parse().unwrap();
    let revocable = |envelope: &mut Notation| {
        let points = extension(
            "2.5.29.31",
            false,
            &seq(&[seq(&[tlv(0xa0, &tlv(0xa0, &tlv(0x86, b"http://crl.example/1")))])]),
        );
        envelope.chain =
            chain(&Key::p256(40), [leaf_extensions(), vec![points]].concat(), trust_testkit::notation::YEAR);
    };
    let forged = |envelope: &mut Notation| envelope.key = Key::p256(99);
    type Change<'a> = &'a dyn Fn(&mut Notation);
    let cases: [(Check, Change<'_>, UnixTime, &str); 4] = [
        (Check::Integrity, &forged, NOW, "was not signed by the key"),
        (Check::Expiry, &expired, NOW, "which is not after"),
        (Check::AuthenticTimestamp, &|_| {}, after, "expected to cover 2027-06-01"),
        (Check::Revocation, &revocable, NOW, "and nobody did"),
    ];
    for (check, change, now, reason) in cases {
        for level in ["strict", "permissive", "audit"] {
            for instead in [None, Some("enforce"), Some("log"), Some("skip")] {
                let is_allowed = instead.is_none()
                    || check != Check::Integrity && (instead != Some("skip") || check == Check::Revocation);
                if !is_allowed {
                    continue;
                }
                let more = instead.map_or(json!({}), |word| json!({"override": {check.name(): word}}));
                let action =
                    policy(level, &["ca:acme"], &["*"], more.clone()).statements()[0].actions.of(check);
                for (counts, problems) in own(level, &more, change, now) {
                    let place = format!("{check} at {level} with {instead:?}: {problems:?}");
                    if action == Action::Skip {
                        assert!(counts && problems.is_empty(), "{place}");
                        continue;
                    }
                    assert_eq!(problems.len(), 1, "{place}");
                    assert!(
                        (problems[0].0, problems[0].1) == (check, action) && problems[0].2.contains(reason),
                        "{place}"
                    );
                    assert_eq!(counts, action == Action::Log, "{place}");
                }
            }
        }
    }
    for (counts, problems) in own("strict", &json!({}), |_| {}, NOW) {
        assert!(counts && problems.is_empty(), "{problems:?}");
    }
}

#[test]
fn a_store_is_for_one_scheme() {
    let authority = |envelope: &mut Notation| {
        envelope.attributes = vec![
            ("io.cncf.notary.signingScheme", Attribute::Text("notary.x509.signingAuthority".to_owned())),
            ("io.cncf.notary.authenticSigningTime", Attribute::Time(SIGNED_AT)),
        ];
        envelope.critical = vec!["io.cncf.notary.signingScheme", "io.cncf.notary.authenticSigningTime"];
    };
    let mut envelope = Notation::new(&artifact());
    let judge = |envelope: &Notation, kind: StoreKind, policy: &TrustPolicy, now| {
        let bytes = envelope.jws().to_string().into_bytes();
        let verification = judge(policy, &stores(kind, &envelope.chain), JWS_MEDIA_TYPE, &bytes, now);
        (verification.counts(), problems(&verification))
    };
    let (of_ca, of_authority) = (
        policy("strict", &["ca:acme"], &["*"], json!({})),
        policy("strict", &["signingAuthority:acme"], &["*"], json!({})),
    );
    assert!(judge(&envelope, StoreKind::CertificateAuthority, &of_ca, NOW).0);
    let (counts, found) = judge(&envelope, StoreKind::SigningAuthority, &of_authority, NOW);
    assert!(!counts && found[0].2.contains("no trust store for the scheme `notary.x509`"), "{found:?}");
    let (counts, found) = judge(&envelope, StoreKind::SigningAuthority, &of_ca, NOW);
    assert!(!counts && found[0].2.contains("trust store `ca:acme` is not there"), "{found:?}");
    authority(&mut envelope);
    // The authority's own time counts, so the certificates may be over by now.
    let later = "2030-01-01T00:00:00Z".parse().unwrap();
    assert!(judge(&envelope, StoreKind::SigningAuthority, &of_authority, later).0);
    assert!(!judge(&envelope, StoreKind::CertificateAuthority, &of_ca, NOW).0);
    // Another root of the same name is another one.
    let other = chain(&Key::p256(66), vec![key_usage(0x80)], ("250101000000Z", "280101000000Z"));
    let bytes = Notation::new(&artifact()).cose();
    let verification = of_ca.statements()[0].verify(
        SignatureEnvelope::from_bytes(COSE_MEDIA_TYPE, &bytes),
        &stores(StoreKind::CertificateAuthority, &other),
        NOW,
    );
    assert!(!verification.counts());
}

#[test]
fn signers_of_notation_are_known_by_their_names() {
    let Some(folder) = vectors("notation") else { return };
    let root = fs::read(folder.join("truststore/x509/ca/valid-trust-store/NotationTestRoot.pem")).unwrap();
    let store =
        TrustStore::of_files(StoreKind::CertificateAuthority, [("NotationTestRoot.pem", &root[..])]).unwrap();
    let stores = TrustStores::from([((StoreKind::CertificateAuthority, "test".to_owned()), store)]);
    let bytes = fs::read(folder.join("envelopes/ca_valid_sig_env.json")).unwrap();
    let name = crate::verify(JWS_MEDIA_TYPE, &bytes).unwrap().identity().unwrap().to_string();
    let judge = |identity: &str| {
        let policy = policy("strict", &["ca:test"], &[identity], json!({"override": {"revocation": "log"}}));
        let verification = judge(&policy, &stores, JWS_MEDIA_TYPE, &bytes, trust_testkit::now());
        (verification.counts(), problems(&verification))
    };
    let (counts, found) = judge(&format!("x509.subject: {name}"));
    assert!(counts, "{name}: {found:?}");
    assert!(judge("*").0);
    let (counts, found) = judge("x509.subject: C=US, ST=WA, O=Evil");
    assert!(
        !counts && found[0].0 == Check::Authenticity && found[0].2.contains("expected `C=US, ST=WA, O=Evil`"),
        "{found:?}"
    );
}

#[test]
fn a_timestamp_counts_where_the_policy_names_authorities() {
    let Some(folder) = vectors("notation") else { return };
    let folder = folder.join("timestamp/sigEnv");
    for (file, media_type) in [
        ("jwsWithTimestamp.sig", JWS_MEDIA_TYPE),
        ("coseWithTimestamp.sig", COSE_MEDIA_TYPE),
        ("withoutTimestamp.sig", JWS_MEDIA_TYPE),
    ] {
        let bytes = fs::read(folder.join(file)).unwrap();
        let envelope = crate::verify(media_type, &bytes).unwrap();
        let root = envelope.certificates().last().unwrap().clone();
        let root = TrustStore::assertion(StoreKind::CertificateAuthority, vec![root]).unwrap();
        let stores = TrustStores::from([
            ((StoreKind::CertificateAuthority, "a".to_owned()), root.clone()),
            // An authority that did not stamp it.
            ((StoreKind::TimestampAuthority, "a".to_owned()), root),
        ]);
        let policy =
            policy("strict", &["ca:a", "tsa:a"], &["*"], json!({"override": {"revocation": "skip"}}));
        let verification = judge(&policy, &stores, media_type, &bytes, envelope.attributes().signing_time);
        let expected = if file == "withoutTimestamp.sig" {
            "signature has no timestamp"
        } else {
            "timestamp does not verify"
        };
        let found = problems(&verification);
        assert!(!verification.counts() && found[0].2.contains(expected), "{file}: {found:?}");
    }
}

#[test]
fn a_timestamp_of_a_real_authority_counts() {
    let Some(folder) = vectors("notation") else { return };
    let mut roots = Vec::new();
    for entry in fs::read_dir(folder.join("truststore/x509/tsa/test-timestamp")).unwrap() {
        let path = entry.unwrap().path();
        roots.push((path.display().to_string(), fs::read(path).unwrap()));
    }
    let authorities = TrustStore::of_files(
        StoreKind::TimestampAuthority,
        roots.iter().map(|(name, content)| (name.as_str(), &content[..])),
    )
    .unwrap();
    for (file, reason) in [
        ("jwsWithTimestamp.sig", None),
        ("coseWithTimestamp.sig", None),
        ("jwsExpiredWithTimestamp.sig", None),
        ("coseExpiredWithTimestamp.sig", None),
        ("timestampAfterNotAfter.sig", Some("expected to cover")),
        ("timestampBeforeNotBefore.sig", Some("expected to cover")),
    ] {
        let bytes = fs::read(folder.join("timestamp/sigEnv").join(file)).unwrap();
        let media_type = if bytes.starts_with(b"{") { JWS_MEDIA_TYPE } else { COSE_MEDIA_TYPE };
        let envelope = crate::verify(media_type, &bytes).unwrap();
        let root = TrustStore::assertion(
            StoreKind::CertificateAuthority,
            vec![envelope.certificates().last().unwrap().clone()],
        )
        .unwrap();
        let stores = TrustStores::from([
            ((StoreKind::CertificateAuthority, "a".to_owned()), root),
            ((StoreKind::TimestampAuthority, "a".to_owned()), authorities.clone()),
        ]);
        let policy =
            policy("strict", &["ca:a", "tsa:a"], &["*"], json!({"override": {"revocation": "skip"}}));
        let verification = judge(&policy, &stores, media_type, &bytes, trust_testkit::now());
        let of_time =
            problems(&verification).into_iter().find(|(check, ..)| *check == Check::AuthenticTimestamp);
        match reason {
            None => assert!(of_time.is_none(), "{file}: {of_time:?}"),
            Some(reason) => {
                assert!(of_time.as_ref().is_some_and(|(.., why)| why.contains(reason)), "{file}: {of_time:?}")
            }
        }
    }
}
