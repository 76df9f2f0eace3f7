//! What a trust policy says of a signature.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use trust_core::notation::{
    Action, COSE_MEDIA_TYPE, Check, JWS_MEDIA_TYPE, SignatureEnvelope, StoreKind, TrustPolicy, TrustStore,
    TrustStores, Verification,
};
use trust_core::revocation::{NotAsked, RevocationAnswers, RevocationQuery};
use trust_core::{Certificate, Digest, Reasons, UnixTime};
use trust_testkit::notation::{Attribute, Notation, SIGNED_AT, chain, chain_of, leaf_extensions};
use trust_testkit::revocation::{Crl, generalized, sources};
use trust_testkit::sigstore::{
    Issuer, Key, TIME_STAMPING, Template, basic_constraints, certificate, extended_key_usage, extension,
    key_usage, seq, timestamp, tlv,
};
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
    policy.statements()[0].verify(SignatureEnvelope::from_bytes(media_type, bytes), stores, &NotAsked, now)
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
        (Check::Revocation, &revocable, NOW, "http://crl.example/1 was not asked"),
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
    assert!(!counts && found[0].2.contains("trust store `ca:acme` was not found"), "{found:?}");
    authority(&mut envelope);
    // The authority's own time counts, so the certificates may be over by now.
    let later = "2030-01-01T00:00:00Z".parse().unwrap();
    assert!(judge(&envelope, StoreKind::SigningAuthority, &of_authority, later).0);
    assert!(!judge(&envelope, StoreKind::CertificateAuthority, &of_ca, NOW).0);
    // Also where that is a time at which they were not valid, and not where it is yet to come.
    envelope.attributes[1].1 = Attribute::Time(SIGNED_AT + 365 * 24 * 60 * 60);
    for (now, expected) in [(later, "expected to cover 2027-06-01"), (NOW, "signature is dated 2027-06-01")] {
        let (counts, found) = judge(&envelope, StoreKind::SigningAuthority, &of_authority, now);
        assert!(!counts && found[0].2.contains(expected), "{found:?}");
    }
    // Another root of the same name is another one.
    let other = chain(&Key::p256(66), vec![key_usage(0x80)], ("250101000000Z", "280101000000Z"));
    let bytes = Notation::new(&artifact()).cose();
    let verification = of_ca.statements()[0].verify(
        SignatureEnvelope::from_bytes(COSE_MEDIA_TYPE, &bytes),
        &stores(StoreKind::CertificateAuthority, &other),
        &NotAsked,
        NOW,
    );
    assert!(!verification.counts());
}

#[test]
fn a_signer_whose_name_cannot_be_compared_is_nobody() {
    let mut envelope = Notation::new(&artifact());
    let validity = trust_testkit::notation::YEAR;
    envelope.chain = chain_of("signer", &Key::p384(41), &envelope.key, leaf_extensions(), validity);
    let stores = stores(StoreKind::CertificateAuthority, &envelope.chain);
    let policy = policy("strict", &["ca:acme"], &["x509.subject: C=US, ST=WA, O=acme"], json!({}));
    let found = problems(&judge(&policy, &stores, COSE_MEDIA_TYPE, &envelope.cose(), NOW));
    assert!(
        matches!(&found[..], [(Check::Authenticity, Action::Enforce, why)] if why.contains("name has no `C`")),
        "{found:?}"
    );
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
fn a_timestamp_of_another_authority_does_not_count() {
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
        let stores = TrustStores::from([
            (
                (StoreKind::CertificateAuthority, "a".to_owned()),
                TrustStore::assertion(StoreKind::CertificateAuthority, vec![root]).unwrap(),
            ),
            ((StoreKind::TimestampAuthority, "a".to_owned()), Stamps::default().store()),
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

/// A timestamp authority of our own.
struct Stamps {
    time: &'static str,
    usage_is_critical: bool,
    more: Vec<Vec<u8>>,
}

impl Default for Stamps {
    fn default() -> Self {
        Self { time: "20260601120000Z", usage_is_critical: true, more: Vec::new() }
    }
}

impl Stamps {
    const KEYS: [u8; 2] = [80, 81];

    fn certificate(&self, subject: &str, extensions: Vec<Vec<u8>>) -> Vec<u8> {
        let [root, leaf] = Self::KEYS.map(Key::p256);
        let key = if subject == "stamps" { &root } else { &leaf };
        let template = Template { subject, key, validity: ("260101000000Z", "360101000000Z"), extensions };
        certificate(&template, &Issuer { name: "stamps", key: &root })
    }

    fn root(&self) -> Vec<u8> {
        self.certificate("stamps", vec![basic_constraints(None), key_usage(0x06)])
    }

    fn store(&self) -> TrustStore {
        let root = Certificate::from_der(&self.root()).unwrap();
        TrustStore::assertion(StoreKind::TimestampAuthority, vec![root]).unwrap()
    }

    /// Our own envelope with a timestamp over its signature.
    fn stamped(&self) -> Notation {
        let mut envelope = Notation::new(&artifact());
        let jws = envelope.jws().to_string();
        let imprint = Digest::sha256(crate::verify(JWS_MEDIA_TYPE, jws.as_bytes()).unwrap().signature());
        let digital_signature = extension("2.5.29.15", self.usage_is_critical, &[3, 2, 7, 0x80]);
        let purposes = vec![digital_signature, extended_key_usage(true, &[TIME_STAMPING])];
        let leaf = self.certificate("stamp", [purposes, self.more.clone()].concat());
        let key = Key::p256(Self::KEYS[1]);
        envelope.timestamp = Some(timestamp(
            imprint.as_bytes(),
            self.time,
            &leaf,
            "stamps",
            &key,
            std::slice::from_ref(&leaf),
            1,
        ));
        envelope
    }

    /// What fails of an envelope under a policy that names this authority.
    fn judge(&self, envelope: &Notation, more: Value, now: &str) -> Vec<Problem> {
        let mut stores = stores(StoreKind::CertificateAuthority, &envelope.chain);
        stores.insert((StoreKind::TimestampAuthority, "acme".to_owned()), self.store());
        let policy = policy("strict", &["ca:acme", "tsa:acme"], &["*"], more);
        let bytes = envelope.jws().to_string().into_bytes();
        let verification = judge(&policy, &stores, JWS_MEDIA_TYPE, &bytes, now.parse().unwrap());
        let problems = problems(&verification);
        assert_eq!(verification.counts(), problems.is_empty());
        problems
    }
}

/// Certificates are over from 2027 on.
const WITHIN: &str = "2026-07-01T00:00:00Z";
const OVER: &str = "2027-07-01T00:00:00Z";

#[test]
fn a_timestamp_says_when_certificates_must_be_valid() {
    let right = Stamps::default();
    for now in [WITHIN, OVER] {
        assert_eq!(right.judge(&right.stamped(), json!({}), now), []);
    }
    let refuse = |stamps: Stamps, now: &str, expected: &str| {
        let found = stamps.judge(&stamps.stamped(), json!({}), now);
        assert!(
            matches!(&found[..], [(Check::AuthenticTimestamp, _, why)] if why.contains(expected)),
            "{found:?}, expected {expected}"
        );
    };
    let at = |time| Stamps { time, ..Stamps::default() };
    assert_eq!(at("20260101000000Z").judge(&at("20260101000000Z").stamped(), json!({}), OVER), []);
    refuse(at("20270101000001Z"), OVER, "expected to cover 2027-01-01T00:00:01Z");
    refuse(
        at("20260801000000Z"),
        WITHIN,
        "signature is dated 2026-08-01T00:00:00Z, which is after 2026-07-01",
    );
    refuse(Stamps { usage_is_critical: false, ..Stamps::default() }, OVER, "has no critical keyUsage");
    let points = seq(&[seq(&[tlv(0xa0, &tlv(0xa0, &tlv(0x86, b"http://crl.example/1")))])]);
    let more = vec![extension("2.5.29.31", false, &points)];
    refuse(Stamps { more, ..Stamps::default() }, OVER, "cannot determine whether");
}

#[test]
fn a_timestamp_may_be_wanted_only_once_certificates_are_over() {
    let stamps = Stamps::default();
    let late = || json!({"verifyTimestamp": "afterCertExpiry"});
    let (bare, stamped) = (Notation::new(&artifact()), stamps.stamped());
    assert_eq!(stamps.judge(&bare, late(), WITHIN), []);
    assert_eq!(stamps.judge(&stamped, late(), OVER), []);
    for (envelope, more, now, expected) in [
        (&bare, json!({}), WITHIN, "signature has no timestamp"),
        (&bare, late(), OVER, "signature has no timestamp"),
        // Not valid yet is not over.
        (&stamped, late(), "2025-07-01T00:00:00Z", "expected to cover 2025-07-01T00:00:00Z"),
    ] {
        let found = stamps.judge(envelope, more, now);
        assert!(found[0].2.contains(expected), "{found:?}, expected {expected}");
    }
}

#[test]
fn a_store_of_another_kind_is_not_there() {
    let stamps = Stamps::default();
    let envelope = stamps.stamped();
    let mut stores = stores(StoreKind::CertificateAuthority, &envelope.chain);
    let root = Certificate::from_der(&stamps.root()).unwrap();
    let of_ca = TrustStore::assertion(StoreKind::CertificateAuthority, vec![root]).unwrap();
    stores.insert((StoreKind::TimestampAuthority, "acme".to_owned()), of_ca);
    let policy = policy("strict", &["ca:acme", "tsa:acme"], &["*"], json!({}));
    let bytes = envelope.jws().to_string().into_bytes();
    let found = problems(&judge(&policy, &stores, JWS_MEDIA_TYPE, &bytes, NOW));
    assert!(found[0].2.contains("trust store `tsa:acme` was not found"), "{found:?}");
}

/// Its certificates say who knows whether they are revoked, and whoever vouches for a time must not be, whatever the policy says of signers.
#[test]
fn a_timestamp_of_a_real_authority_wants_only_its_revocation() {
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
    let unknown = "cannot determine whether";
    for (file, reason) in [
        ("jwsWithTimestamp.sig", unknown),
        ("coseWithTimestamp.sig", unknown),
        ("jwsExpiredWithTimestamp.sig", unknown),
        ("coseExpiredWithTimestamp.sig", unknown),
        ("timestampAfterNotAfter.sig", "expected to cover"),
        ("timestampBeforeNotBefore.sig", "expected to cover"),
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
        assert!(of_time.as_ref().is_some_and(|(.., why)| why.contains(reason)), "{file}: {of_time:?}");
    }
}

/// CVE-2024-56138: a timestamp of an authority whose certificate is revoked, or may be, vouches for nothing, whatever is done about the
/// signer's certificates.
#[test]
fn cve_2024_56138_the_timestamp_authority_must_not_be_revoked() {
    let url = "http://crl.example/tsa";
    let stamps = Stamps { more: sources(None, Some(url)), ..Stamps::default() };
    let envelope = stamps.stamped();
    let bytes = envelope.jws().to_string().into_bytes();
    let mut stores = stores(StoreKind::CertificateAuthority, &envelope.chain);
    stores.insert((StoreKind::TimestampAuthority, "acme".to_owned()), stamps.store());
    let root = Key::p256(Stamps::KEYS[0]);
    let now: UnixTime = WITHIN.parse().unwrap();
    let list = |revoked: Vec<(u8, Vec<Vec<u8>>)>| {
        let (this, next) = (now.plus_millis(-1000), Some(now.plus_millis(1000)));
        Crl { issuer: Issuer { name: "stamps", key: &root }, this, next, revoked, extensions: Vec::new() }
            .der()
    };
    let query = RevocationQuery::Crl { url: url.to_owned() };
    let skip = json!({"override": {"revocation": "skip"}});
    let policy = policy("strict", &["ca:acme", "tsa:acme"], &["*"], skip);
    let judge = |answer: Option<Vec<u8>>| {
        let answers: BTreeMap<_, _> = answer.map(|answer| (query.clone(), Ok(answer))).into_iter().collect();
        let envelope = SignatureEnvelope::from_bytes(JWS_MEDIA_TYPE, &bytes);
        policy.statements()[0].verify(envelope, &stores, &answers, now)
    };
    assert!(judge(Some(list(Vec::new()))).counts());
    for (answer, expected) in
        [(Some(list(vec![(7, Vec::new())])), "is revoked since"), (None, "was not asked")]
    {
        let verification = judge(answer);
        let found = problems(&verification);
        assert!(!verification.counts() && verification.signed.is_none());
        assert!(
            matches!(&found[..], [(Check::AuthenticTimestamp, _, why)] if why.contains(expected)),
            "{found:?}"
        );
    }
    assert_eq!(judge(None).unasked, [query]);
}

/// Addresses in certificates are those of strangers until the policy trusts the chain.
#[test]
fn nothing_is_wanted_for_a_chain_that_is_not_trusted() {
    let mut envelope = Notation::new(&artifact());
    let extensions = [leaf_extensions(), sources(Some("http://ocsp.example/"), None)].concat();
    envelope.chain = chain(&envelope.key, extensions, trust_testkit::notation::YEAR);
    let bytes = envelope.jws().to_string().into_bytes();
    let other = trust_testkit::notation::own_chain(&envelope.key, leaf_extensions());
    for (chain, wanted) in [(&envelope.chain, 1), (&other, 0)] {
        for level in ["strict", "permissive", "audit"] {
            let policy = policy(level, &["ca:acme"], &["*"], json!({}));
            let stores = stores(StoreKind::CertificateAuthority, chain);
            let verification = judge(&policy, &stores, JWS_MEDIA_TYPE, &bytes, NOW);
            assert_eq!(verification.unasked.len(), wanted, "{level}");
        }
    }
}

/// Certificates above the one that is trusted are anybody's: one of the real name and key, and whatever else, can take a real one's place.
#[test]
fn certificates_above_the_trusted_one_prove_nothing_and_are_not_asked() {
    let (leaf, middle_key, theirs) = (Key::p256(40), Key::p256(42), Key::p384(90));
    let url = sources(None, Some("http://evil.example/crl"));
    let extensions = [leaf_extensions(), sources(None, Some("http://crl.example/1"))].concat();
    let validity = trust_testkit::notation::YEAR;
    let real = chain(&leaf, extensions, validity);
    let authority = |more: Vec<Vec<u8>>| [vec![basic_constraints(None), key_usage(0x06)], more].concat();
    let make = |subject, key, extensions, name, by| {
        certificate(&Template { subject, key, validity, extensions }, &Issuer { name, key: by })
    };
    let middle = make("middle", &middle_key, authority(url.clone()), "evil", &theirs);
    let root = make("evil", &theirs, authority(Vec::new()), "evil", &theirs);
    let mut envelope = Notation::new(&artifact());
    envelope.chain = vec![real[0].clone(), middle, root];
    let bytes = envelope.jws().to_string().into_bytes();
    let policy = policy("strict", &["ca:acme"], &["*"], json!({}));
    let judge = |trusted: &[u8], answers: &dyn RevocationAnswers| {
        let kind = StoreKind::CertificateAuthority;
        let store = TrustStore::pinning(kind, vec![Certificate::from_der(trusted).unwrap()]).unwrap();
        let stores = TrustStores::from([((kind, "acme".to_owned()), store)]);
        let envelope = SignatureEnvelope::from_bytes(JWS_MEDIA_TYPE, &bytes);
        policy.statements()[0].verify(envelope, &stores, answers, NOW)
    };
    // The leaf is pinned: it is asked about itself, by its own address.
    let pinned = judge(&real[0], &NotAsked);
    let query = RevocationQuery::Crl { url: "http://crl.example/1".to_owned() };
    assert_eq!((pinned.anchor, &pinned.unasked[..]), (Some(0), &[query.clone()][..]));
    assert!(!pinned.counts());
    let (this, next) = (NOW.plus_millis(-1000), Some(NOW.plus_millis(1000)));
    let list = |revoked| {
        let issuer = Issuer { name: "middle", key: &middle_key };
        Ok(Crl { issuer, this, next, revoked, extensions: Vec::new() }.der())
    };
    let answers = |revoked| BTreeMap::from([(query.clone(), list(revoked))]);
    assert!(judge(&real[0], &answers(Vec::new())).counts());
    let revoked = judge(&real[0], &answers(vec![(7, Vec::new())]));
    assert!(!revoked.counts() && problems(&revoked)[0].2.contains("is revoked"), "{:?}", problems(&revoked));
    // The real authority is no part of this chain.
    for other in [&real[1], &real[2]] {
        let verification = judge(other, &NotAsked);
        assert_eq!(
            (verification.anchor, verification.unasked.len(), verification.counts()),
            (None, 0, false)
        );
    }
}

/// Who only logs the identity still asks about revocation: of a chain that a store knows.
#[test]
fn a_stranger_under_a_trusted_root_is_asked_about() {
    let mut envelope = Notation::new(&artifact());
    let extensions = [leaf_extensions(), sources(Some("http://ocsp.example/"), None)].concat();
    envelope.chain = chain(&envelope.key, extensions, trust_testkit::notation::YEAR);
    let bytes = envelope.jws().to_string().into_bytes();
    let stores = stores(StoreKind::CertificateAuthority, &envelope.chain);
    let other = ["x509.subject: C=US, ST=WA, O=Other"];
    for (level, instead, asked) in [
        ("strict", json!({}), 0),
        ("audit", json!({}), 1),
        ("audit", json!({"override": {"revocation": "enforce"}}), 1),
    ] {
        let policy = policy(level, &["ca:acme"], &other, instead);
        let verification = judge(&policy, &stores, JWS_MEDIA_TYPE, &bytes, NOW);
        assert_eq!((verification.unasked.len(), verification.anchor), (asked, Some(2)), "{level}");
    }
}

/// A signing authority's time is said by the certificate in question: it spares nothing from its own revocation.
#[test]
fn a_revoked_signing_authority_vouches_for_no_earlier_time() {
    let (url, middle) = ("http://crl.example/1", Key::p256(42));
    let mut envelope = Notation::new(&artifact());
    envelope.attributes = vec![
        ("io.cncf.notary.signingScheme", Attribute::Text("notary.x509.signingAuthority".to_owned())),
        ("io.cncf.notary.authenticSigningTime", Attribute::Time(SIGNED_AT)),
    ];
    envelope.critical = vec!["io.cncf.notary.signingScheme", "io.cncf.notary.authenticSigningTime"];
    let extensions = [leaf_extensions(), sources(None, Some(url))].concat();
    envelope.chain = chain(&envelope.key, extensions, trust_testkit::notation::YEAR);
    // The issuer of these tests may not sign lists, but for this one.
    let authority = vec![basic_constraints(None), key_usage(0x06)];
    let template = Template {
        subject: "middle",
        key: &middle,
        validity: trust_testkit::notation::YEAR,
        extensions: authority,
    };
    envelope.chain[1] = certificate(&template, &Issuer { name: "root", key: &Key::p384(41) });
    let bytes = envelope.jws().to_string().into_bytes();
    let later = extension("2.5.29.24", false, &generalized(NOW.plus_millis(-1000)));
    let (this, next) = (NOW.plus_millis(-1000), Some(NOW.plus_millis(1000)));
    let issuer = Issuer { name: "middle", key: &middle };
    let list = Crl { issuer, this, next, revoked: vec![(7, vec![later])], extensions: Vec::new() }.der();
    let answers = BTreeMap::from([(RevocationQuery::Crl { url: url.to_owned() }, Ok(list))]);
    let policy = policy("strict", &["signingAuthority:acme"], &["*"], json!({}));
    let stores = stores(StoreKind::SigningAuthority, &envelope.chain);
    let envelope = SignatureEnvelope::from_bytes(JWS_MEDIA_TYPE, &bytes);
    let verification = policy.statements()[0].verify(envelope, &stores, &answers, NOW);
    assert!(verification.signed.is_some_and(|signed| signed < NOW.plus_millis(-1000)));
    let found = problems(&verification);
    assert!(matches!(&found[..], [(Check::Revocation, _, why)] if why.contains("is revoked")), "{found:?}");
}
