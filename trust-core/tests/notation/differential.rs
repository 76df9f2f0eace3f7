//! Envelopes with something changed, judged by real notation and here: what notation refuses is never accepted.
//!
//! `TRUST_DIFFERENTIAL` says how many of each kind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::{Value, json};
use trust_core::internal::pem;
use trust_core::notation::{
    COSE_MEDIA_TYPE, JWS_MEDIA_TYPE, SignatureEnvelope, StoreKind, TrustPolicy, TrustStore, TrustStores,
};
use trust_core::revocation::NotAsked;
use trust_core::{Certificate, Digest};
use trust_testkit::notation::{Attribute, Notation, around_now, cbor, chain, leaf_extensions};
use trust_testkit::servers::tool;
use trust_testkit::sigstore::{basic_constraints, extended_key_usage, extension, key_usage};

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;
const POLICY: &str = r#"{"version":"1.0","trustPolicies":[{"name":"a","registryScopes":["*"],"signatureVerification":{"level":"strict"},
    "trustStores":["ca:acme"],"trustedIdentities":["*"]}]}"#;

/// Chance that is the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn one<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

/// An image in a folder, with one signature beside it.
struct Layout(tempfile::TempDir);

impl Layout {
    fn new(root: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("notation/truststore/x509/ca/acme");
        fs::create_dir_all(&store).unwrap();
        fs::write(store.join("root.pem"), pem::encode("CERTIFICATE", root)).unwrap();
        fs::write(folder.path().join("notation/trustpolicy.json"), POLICY).unwrap();
        fs::create_dir_all(folder.path().join("layout/blobs/sha256")).unwrap();
        fs::write(folder.path().join("layout/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn add(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::sha256(bytes);
        fs::write(self.path().join("layout/blobs/sha256").join(digest.to_hex()), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest.to_string(), "size": bytes.len()})
    }

    /// Whether notation verifies the image by this envelope.
    fn is_verified(&self, media_type: &str, envelope: &[u8]) -> bool {
        const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
        let blobs = self.path().join("layout/blobs/sha256");
        for entry in fs::read_dir(&blobs).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let config = self.add("application/vnd.cncf.notary.signature", b"{}");
        let subject = self.add(MANIFEST_TYPE, MANIFEST.as_bytes());
        let signature = json!({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config,
            "layers": [self.add(media_type, envelope)], "subject": subject,
            "annotations": {"io.cncf.notary.x509chain.thumbprint#S256": "[]"}});
        let signature = self.add(MANIFEST_TYPE, signature.to_string().as_bytes());
        let index = json!({"schemaVersion": 2, "manifests": [subject, signature]});
        fs::write(self.path().join("layout/index.json"), index.to_string()).unwrap();
        let image = format!("layout@{}", Digest::sha256(MANIFEST.as_bytes()));
        let mut command = tool("notation").unwrap();
        command.args(["verify", "--oci-layout", "--scope", "registry.example/acme/app", &image]);
        command
            .current_dir(self.path())
            .env("XDG_CONFIG_HOME", self.path())
            .env("NOTATION_EXPERIMENTAL", "1");
        command.output().unwrap().status.success()
    }
}

/// Whether it is verified here.
fn is_verified_here(stores: &TrustStores, media_type: &str, envelope: &[u8]) -> bool {
    let policy = TrustPolicy::from_json(POLICY.as_bytes()).unwrap();
    let envelope = SignatureEnvelope::from_bytes(media_type, envelope);
    let verification = policy.statements()[0].verify(envelope, stores, &NotAsked, trust_testkit::now());
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let is_about = |found: &trust_core::notation::VerifiedEnvelope| {
        found.artifact().check(MANIFEST.as_bytes(), manifest).is_ok()
    };
    verification.counts() && verification.envelope.as_ref().is_some_and(is_about)
}

/// When all certificates are valid.
static VALIDITY: LazyLock<(String, String)> = LazyLock::new(around_now);

fn base() -> Notation {
    let (from, to) = &*VALIDITY;
    let mut envelope = Notation::new(&Digest::sha256(MANIFEST.as_bytes()));
    envelope.describe(MANIFEST, json!({"build": "7"}));
    envelope.chain = chain(&envelope.key, leaf_extensions(), (from, to));
    envelope
}

/// One envelope in one form, with some bytes changed.
fn bytes_changed(chance: &mut Chance) -> (&'static str, Vec<u8>) {
    let (media_type, mut bytes) = base().both()[chance.below(2)].clone();
    for _ in 0..=chance.below(2) {
        // What was cut off wholly has no byte to change.
        if bytes.is_empty() {
            break;
        }
        let place = chance.below(bytes.len());
        match chance.below(5) {
            0 => bytes[place] ^= 1 << chance.below(8),
            1 => drop(bytes.remove(place)),
            2 => bytes.insert(place, bytes[place]),
            3 => bytes.insert(place, chance.one(b"{}[]\",: \n\tAa1=\\\xc3\x00\xff")),
            _ => bytes.truncate(place),
        }
    }
    (media_type, bytes)
}

/// What is signed is changed, and signed again.
fn signed_changed(chance: &mut Chance) -> (&'static str, Vec<u8>) {
    let mut envelope = base();
    let now = trust_testkit::now().as_millis() / 1000;
    let names = [
        "io.cncf.notary.signingScheme",
        "io.cncf.notary.signingTime",
        "io.cncf.notary.authenticSigningTime",
        "io.cncf.notary.expiry",
        "io.cncf.notary.verificationPlugin",
        "io.cncf.notary.verificationPluginMinVersion",
        "io.cncf.notary.SigningScheme",
        "acme.build",
        "alg",
        "cty",
        "crit",
        "b64",
    ];
    for _ in 0..=chance.below(3) {
        match chance.below(8) {
            0 => envelope.critical.push(chance.one(&names)),
            1 => drop(envelope.critical.pop()),
            2 => {
                let time = now + [-86_400, -1, 0, 1, 86_400][chance.below(5)];
                envelope.attributes.push((chance.one(&names[1..4]), Attribute::Time(time)));
            }
            3 => {
                let text =
                    chance.one(&["notary.x509", "notary.x509.signingAuthority", "notary.X509", "x", ""]);
                envelope.attributes.push((chance.one(&names[..8]), Attribute::Text(text.to_owned())));
            }
            4 => {
                let place = chance.below(envelope.attributes.len().max(1));
                if !envelope.attributes.is_empty() {
                    envelope.attributes.remove(place);
                }
            }
            5 => {
                envelope.content_type =
                    chance.one(&["application/json", "", "application/vnd.cncf.notary.payload.v2+json"]);
            }
            6 => {
                envelope.algorithm = chance.one(&[("ES384", -35), ("PS256", -37), ("none", 0), ("HS256", 5)])
            }
            _ => {
                let (from, to) = chance.one(&[
                    ("\"size\":", "\"size\":1"),
                    ("image.manifest", "image.index"),
                    ("\"sha256:", "\"sha512:"),
                    ("\"build\"", "\"io.cncf.notary.build\""),
                    ("{\"targetArtifact\"", "{\"more\":1,\"targetArtifact\""),
                    ("targetArtifact", "TargetArtifact"),
                    ("\"mediaType\"", "\"MediaType\""),
                ]);
                envelope.payload = envelope.payload.replacen(from, to, 1);
            }
        }
    }
    envelope.both()[chance.below(2)].clone()
}

/// The certificates are changed, and everything is signed again.
fn chain_changed(chance: &mut Chance) -> (&'static str, Vec<u8>) {
    let mut envelope = base();
    let (from, to) = &*VALIDITY;
    const PURPOSES: [&str; 8] = [
        "1.3.6.1.5.5.7.3.3",
        "1.3.6.1.5.5.7.3.1",
        "1.3.6.1.5.5.7.3.2",
        "1.3.6.1.5.5.7.3.4",
        "1.3.6.1.5.5.7.3.8",
        "1.3.6.1.5.5.7.3.9",
        "2.5.29.37.0",
        "1.2.3.4",
    ];
    let mut extensions = Vec::new();
    if chance.below(8) > 0 {
        let usage = chance.one(&[0x80, 0x80, 0x80, 0xc0, 0xa0, 0x90, 0x88, 0x84, 0x82, 0x81, 0x40, 0x04]);
        let mut usage = key_usage(usage);
        if chance.below(6) == 0 {
            // Not critical: the boolean goes, and the lengths with it.
            usage = without_critical(&usage);
        }
        extensions.push(usage);
    }
    if chance.below(3) > 0 {
        let purposes: Vec<&str> = (0..=chance.below(2)).map(|_| chance.one(&PURPOSES)).collect();
        extensions.push(extended_key_usage(chance.below(2) == 0, &purposes));
    }
    match chance.below(6) {
        0 => extensions.push(basic_constraints(None)),
        1 => extensions.push(extension("2.5.29.19", true, &[0x30, 0])),
        2 => extensions.push(extension("1.2.3.4.5", chance.below(2) == 0, &[5, 0])),
        _ => {}
    }
    envelope.chain = chain(&envelope.key, extensions, (from, to));
    if chance.below(3) == 0 {
        let place = chance.below(envelope.chain.len());
        match chance.below(4) {
            0 => drop(envelope.chain.remove(place)),
            1 => envelope.chain.insert(place, envelope.chain[place].clone()),
            2 => envelope.chain.reverse(),
            _ => envelope.chain[place] = base().chain[chance.below(3)].clone(),
        }
    }
    envelope.both()[chance.below(2)].clone()
}

fn without_critical(extension: &[u8]) -> Vec<u8> {
    let boolean = extension.windows(3).position(|bytes| bytes == [1, 1, 0xff]).unwrap();
    let mut changed = [&extension[..boolean], &extension[boolean + 3..]].concat();
    changed[1] -= 3;
    changed
}

/// What stands beside the signature is changed.
fn unsigned_changed(chance: &mut Chance) -> (&'static str, Vec<u8>) {
    let envelope = base();
    if chance.below(2) == 0 {
        let mut jws = envelope.jws();
        let value = chance.one(&[json!(null), json!(1), json!(""), json!([]), json!({}), json!("AA==")]);
        let name = chance.one(&[
            "x5c",
            "io.cncf.notary.signingAgent",
            "io.cncf.notary.timestampSignature",
            "alg",
            "crit",
            "cty",
            "acme",
            "X5C",
        ]);
        match chance.below(4) {
            0 => jws["header"][name] = value,
            1 => jws[chance.one(&["payload", "protected", "signature", "header", "signatures", "a"])] = value,
            2 => drop(jws["header"].as_object_mut().unwrap().remove(name)),
            _ => {
                let part = chance.one(&["payload", "protected", "signature"]);
                let text = jws[part].as_str().unwrap().to_owned();
                jws[part] = (text + chance.one(&["=", "==", "A", "\n", " "])).into();
            }
        }
        return (JWS_MEDIA_TYPE, jws.to_string().into_bytes());
    }
    let chain: Vec<_> = envelope.chain.iter().map(|der| cbor::bytes(der)).collect();
    let mut entries = envelope.entries();
    let chain = match chance.below(4) {
        0 => cbor::bytes(&envelope.chain[0]),
        1 => cbor::array(&chain[..2]),
        2 => cbor::array(&[]),
        _ => cbor::array(&chain),
    };
    match chance.below(4) {
        0 => entries.push((cbor::int(chance.one(&[4, 33, 1, -7])), cbor::int(1))),
        1 => entries.push(entries[chance.below(entries.len())].clone()),
        _ => {}
    }
    let body = envelope.cose_with(&entries, chain);
    let tag =
        [&cbor::head(6, 18)[..], &cbor::head(6, 98), &[], &cbor::head(6, 55799)][chance.below(4)].to_vec();
    (COSE_MEDIA_TYPE, [tag, body].concat())
}

/// An envelope, and of a JWS its parts, for people.
fn shown(envelope: &[u8]) -> String {
    let jws: Value = serde_json::from_slice(envelope).unwrap_or_default();
    let part = |name: &str| {
        let text = jws[name].as_str().and_then(trust_core::internal::encoding::from_base64url);
        String::from_utf8_lossy(&text.unwrap_or_default()).into_owned()
    };
    let header: Vec<String> = jws["header"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| format!("{name}: {}", value.to_string().chars().take(60).collect::<String>()))
        .collect();
    match jws.is_null() {
        true => envelope.iter().map(|byte| format!("{byte:02x}")).collect(),
        false => format!("{} {} {header:?}", part("protected"), part("payload")),
    }
}

#[test]
fn what_notation_refuses_is_not_accepted() {
    if tool("notation").is_none() {
        return;
    }
    let base = base();
    let root = Certificate::from_der(&base.chain[2]).unwrap();
    let key = (StoreKind::CertificateAuthority, "acme".to_owned());
    let stores = TrustStores::from([(
        key,
        TrustStore::assertion(StoreKind::CertificateAuthority, vec![root]).unwrap(),
    )]);
    let layout = Layout::new(&base.chain[2]);
    for (media_type, envelope) in base.both() {
        assert!(
            layout.is_verified(media_type, &envelope) && is_verified_here(&stores, media_type, &envelope)
        );
    }
    let count = std::env::var("TRUST_DIFFERENTIAL").map_or(60, |count| count.parse().unwrap());
    type Kind = (&'static str, fn(&mut Chance) -> (&'static str, Vec<u8>));
    let kinds: [Kind; 4] = [
        ("bytes", bytes_changed),
        ("signed", signed_changed),
        ("unsigned", unsigned_changed),
        ("chain", chain_changed),
    ];
    let mut wrong = Vec::new();
    for (kind, change) in kinds {
        let (mut chance, mut counts) = (Chance(42), BTreeMap::new());
        for _ in 0..count {
            let (media_type, envelope) = change(&mut chance);
            let (theirs, ours) =
                (layout.is_verified(media_type, &envelope), is_verified_here(&stores, media_type, &envelope));
            *counts.entry((theirs, ours)).or_insert(0) += 1;
            if ours && !theirs {
                wrong.push(format!("{kind} {media_type}: {}", shown(&envelope)));
            }
        }
        println!("{kind}: (notation, here) {counts:?}");
    }
    assert!(wrong.is_empty(), "{} accepted here alone: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}
