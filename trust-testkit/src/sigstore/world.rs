//! [`World`]: one signature with everything around it, right in every respect until a test changes one.

use core::num::NonZeroUsize;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use trust_core::internal::encoding::to_base64;
use trust_core::{
    Bundle, CertificateIdentity, Envelope, IdentityPolicy, Pattern, Reasons, Signed, SignerPolicy,
    TransparencyLog, TrustRoot, VerifiedBundle, Verifier,
};
use trust_rekor::RekorLog;

use super::{CODE_SIGNING, Issuer, Key, Logged, SIGNED_AT, TIME_STAMPING, Template, extension, seq, tlv};

pub const SUBJECT: &str = "https://github.com/org/app/.github/workflows/release.yml@refs/heads/main";
pub const ISSUER: &str = "https://token.actions.githubusercontent.com";
pub const ARTIFACT: &[u8] = b"an artifact";
pub const YEAR: (&str, &str) = ("260101000000Z", "270101000000Z");
pub const LOG: &str = "log.example";
pub const CT_LOG: u8 = 4;
pub const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

/// What is signed.
#[derive(Clone, Copy, PartialEq)]
pub enum Content {
    Artifact,
    /// An in-toto statement about the artifact.
    Statement,
    /// An envelope with this payload.
    Payload(&'static str),
}

/// In which form the signature is logged.
#[derive(Clone, Copy)]
pub enum Entry {
    HashedRekordV001,
    DsseV001,
    IntotoV002,
    HashedRekordV002,
}

pub struct Log {
    pub key: Key,
    pub host: &'static str,
    pub operator: &'static str,
    pub entry: Entry,
    pub witnesses: Vec<(&'static str, Key)>,
}

impl Log {
    pub fn v2(seed: u8, host: &'static str, operator: &'static str) -> Self {
        Self {
            key: Key::ed25519(seed),
            host,
            operator,
            entry: Entry::HashedRekordV002,
            witnesses: Vec::new(),
        }
    }

    pub fn v1(key: Key, host: &'static str, entry: Entry) -> Self {
        Self { key, host, operator: "operator", entry, witnesses: Vec::new() }
    }

    fn id(&self) -> Vec<u8> {
        match self.entry {
            Entry::HashedRekordV002 => super::log_id(&self.key, self.host),
            _ => Sha256::digest(self.key.spki()).to_vec(),
        }
    }

    fn entry(&self, logged: &Logged<'_>, change: impl Fn(String) -> String) -> Value {
        let body = change(match self.entry {
            Entry::HashedRekordV001 => logged.hashedrekord_v001(),
            Entry::DsseV001 => logged.dsse_v001(),
            Entry::IntotoV002 => logged.intoto_v002(),
            Entry::HashedRekordV002 => logged.hashedrekord_v002(),
        });
        match self.entry {
            Entry::HashedRekordV002 => super::rekor_v2(&self.key, self.host, &self.witnesses, &body),
            _ => super::rekor_v1(&self.key, self.host, &body),
        }
    }
}

/// Which certificates a timestamp token brings along.
#[derive(Clone, Copy)]
pub enum Beside {
    /// None: the trust root has the signer's own.
    Nothing,
    /// One that claims to be the signer's, and is not.
    Forged,
    /// The forged one before the signer's own.
    ForgedAndOwn,
    /// None, and the trust root does not have it either.
    Missing,
}

/// A timestamp authority and its token.
pub struct Stamp {
    pub seed: u8,
    pub host: &'static str,
    pub operator: &'static str,
    pub time: &'static str,
    pub purposes: (bool, Vec<&'static str>),
    pub beside: Beside,
    /// The name of its root.
    pub issuer: &'static str,
    /// How many times the signer's info stands in the token.
    pub signers: usize,
}

impl Stamp {
    pub fn new(seed: u8, host: &'static str, operator: &'static str) -> Self {
        Self {
            seed,
            host,
            operator,
            time: "20260601120000Z",
            purposes: (true, vec![TIME_STAMPING]),
            beside: Beside::Nothing,
            issuer: "stamps",
            signers: 1,
        }
    }

    /// The token over what has this SHA-256 digest, and the authority in the trust root.
    pub fn make(&self, imprint: &[u8], forger: &Key) -> (Vec<u8>, Value) {
        let (root_key, key) = (Key::p256(self.seed), Key::p256(self.seed + 1));
        let issuer = Issuer { name: self.issuer, key: &root_key };
        let certificate = |subject, key, issuer: &Issuer<'_>, extensions| {
            super::certificate(&Template { subject, key, validity: YEAR, extensions }, issuer)
        };
        let authority = vec![super::basic_constraints(None), super::key_usage(0x04)];
        let root = certificate(self.issuer, &root_key, &issuer, authority);
        let (critical, purposes) = &self.purposes;
        let usage = vec![super::key_usage(0x80), super::extended_key_usage(*critical, purposes)];
        let own = certificate("stamp", &key, &issuer, usage);
        let forged_issuer = Issuer { name: self.issuer, key: forger };
        let forged = || certificate("stamp", forger, &forged_issuer, vec![super::key_usage(0x80)]);
        let beside = match self.beside {
            Beside::Nothing | Beside::Missing => Vec::new(),
            Beside::Forged => vec![forged()],
            Beside::ForgedAndOwn => vec![forged(), own.clone()],
        };
        let chain: &[&[u8]] = match self.beside {
            Beside::Nothing => &[&own, &root],
            _ => &[&root],
        };
        let mut authority = super::root_authority(&format!("https://{}", self.host), chain);
        authority["operator"] = self.operator.into();
        (super::timestamp(imprint, self.time, &own, self.issuer, &key, &beside, self.signers), authority)
    }
}

/// Everything that a bundle and its trust root are made of.
pub struct World {
    pub content: Content,
    pub leaf_key: Key,
    pub leaf_validity: (&'static str, &'static str),
    pub leaf_usage: u8,
    pub leaf_purposes: Vec<&'static str>,
    pub leaf_extensions: Vec<Vec<u8>>,
    pub subject_alt_name: Vec<u8>,
    pub names_issuer: bool,
    pub issuer_v1: &'static str,
    pub intermediate_key: Key,
    pub intermediate_validity: (&'static str, &'static str),
    pub intermediate_extensions: Vec<Vec<u8>>,
    pub root_path_len: Option<u8>,
    pub scts: Vec<Key>,
    pub trusted_certificate_logs: Vec<Key>,
    pub stamps: Vec<Stamp>,
    pub logs: Vec<Log>,
    /// Changes what the log's entries are about.
    pub change_logged: for<'a> fn(&mut Logged<'a>),
    /// Changes an entry's body before the log takes it in.
    pub change_body: Box<dyn Fn(String) -> String>,
    pub wanted: Vec<CertificateIdentity>,
    pub change_root: fn(&mut Value),
    pub change_bundle: fn(&mut Value),
    pub log_verifier: Box<dyn TransparencyLog>,
    pub configure: for<'a> fn(Verifier<'a>) -> Verifier<'a>,
}

impl World {
    pub fn new() -> Self {
        Self {
            content: Content::Artifact,
            leaf_key: Key::p256(1),
            leaf_validity: ("260601115500Z", "260601120500Z"),
            leaf_usage: 0x80,
            leaf_purposes: vec![CODE_SIGNING],
            leaf_extensions: Vec::new(),
            subject_alt_name: tlv(0x86, SUBJECT.as_bytes()),
            names_issuer: true,
            issuer_v1: ISSUER,
            intermediate_key: Key::p384(3),
            intermediate_validity: YEAR,
            intermediate_extensions: vec![super::basic_constraints(Some(0)), super::key_usage(0x04)],
            root_path_len: None,
            scts: vec![Key::p256(CT_LOG)],
            trusted_certificate_logs: vec![Key::p256(CT_LOG)],
            stamps: vec![Stamp::new(7, "stamps.example", "stamps")],
            logs: vec![Log::v2(6, LOG, "operator")],
            change_logged: |_| {},
            change_body: Box::new(|body| body),
            wanted: vec![CertificateIdentity::new(Pattern::exact(SUBJECT), Pattern::exact(ISSUER))],
            change_root: |_| {},
            change_bundle: |_| {},
            log_verifier: Box::new(RekorLog),
            configure: |verifier| verifier,
        }
    }

    /// Makes the bundle and the trust root, and verifies the one by the other.
    pub fn verify(&self) -> Result<VerifiedBundle, String> {
        let (bundle, root) = self.make();
        let root =
            TrustRoot::from_json(root.to_string().as_bytes()).map_err(|error| Reasons(&error).to_string())?;
        let bundle =
            Bundle::from_json(bundle.to_string().as_bytes()).map_err(|error| Reasons(&error).to_string())?;
        let policy = SignerPolicy::Identity(IdentityPolicy::new(self.wanted.clone()).unwrap());
        (self.configure)(Verifier::new(&root, self.log_verifier.as_ref()))
            .verify(&bundle, Signed::Message(ARTIFACT), &policy, "2026-11-22T00:00:00Z".parse().unwrap())
            .map_err(|error| Reasons(&error).to_string())
    }

    /// The bundle and the trust root, as JSON.
    pub fn make(&self) -> (Value, Value) {
        let (leaf, intermediate, root) = self.certificates();
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "app", "digest": {"sha256": trust_core::Digest::sha256(ARTIFACT).to_hex()}}],
            "predicateType": "https://example.com/predicate/v1",
            "predicate": {},
        })
        .to_string();
        let (content, signed) = match self.content {
            Content::Artifact => (ARTIFACT, ARTIFACT.to_vec()),
            Content::Statement => (statement.as_bytes(), pre_authentication_encoding(&statement)),
            Content::Payload(payload) => (payload.as_bytes(), pre_authentication_encoding(payload)),
        };
        let signature = self.leaf_key.sign(&signed);
        let mut logged = Logged {
            signer: &self.leaf_key,
            certificate: &leaf,
            content,
            signed: &signed,
            signature: &signature,
        };
        (self.change_logged)(&mut logged);
        let stamps: Vec<_> =
            self.stamps.iter().map(|stamp| stamp.make(&Sha256::digest(&signature), &self.leaf_key)).collect();
        let tokens: Vec<_> =
            stamps.iter().map(|(token, _)| json!({"signedTimestamp": to_base64(token)})).collect();
        let authorities: Vec<_> = stamps.into_iter().map(|(_, authority)| authority).collect();
        let mut bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": to_base64(&leaf)},
                "tlogEntries": self.logs.iter().map(|log| log.entry(&logged, &self.change_body)).collect::<Vec<_>>(),
                "timestampVerificationData": {"rfc3161Timestamps": tokens},
            },
        });
        match self.content {
            Content::Artifact => bundle["messageSignature"] = json!({"signature": to_base64(&signature)}),
            Content::Statement | Content::Payload(_) => {
                bundle["dsseEnvelope"] = json!({
                    "payload": to_base64(content),
                    "payloadType": trust_core::PAYLOAD_TYPE,
                    "signatures": [{"sig": to_base64(&signature)}],
                });
            }
        }
        let logs: Vec<_> = self
            .logs
            .iter()
            .map(|log| super::root_log(&log.key, log.host, &log.id(), log.operator))
            .collect();
        let ct_log = |key: &Key| super::root_log(key, "ct.example", &Sha256::digest(key.spki()), "ct");
        let mut root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": logs,
            "ctlogs": self.trusted_certificate_logs.iter().map(ct_log).collect::<Vec<_>>(),
            "certificateAuthorities": [super::root_authority("https://fulcio.example", &[&intermediate, &root])],
            "timestampAuthorities": authorities,
        });
        (self.change_root)(&mut root);
        (self.change_bundle)(&mut bundle);
        (bundle, root)
    }

    /// Leaf, intermediate and root.
    pub fn certificates(&self) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let root_key = Key::p384(2);
        let fulcio = Issuer { name: "fulcio", key: &root_key };
        let extensions = vec![super::basic_constraints(self.root_path_len), super::key_usage(0x04)];
        let root = Template { subject: "fulcio", key: &root_key, validity: YEAR, extensions };
        let intermediate = Template {
            subject: "intermediate",
            key: &self.intermediate_key,
            validity: self.intermediate_validity,
            extensions: self.intermediate_extensions.clone(),
        };
        let mut extensions = vec![
            super::key_usage(self.leaf_usage),
            super::extended_key_usage(false, &self.leaf_purposes),
            extension("2.5.29.17", true, &seq(std::slice::from_ref(&self.subject_alt_name))),
        ];
        if self.names_issuer {
            extensions.extend([
                extension("1.3.6.1.4.1.57264.1.1", false, self.issuer_v1.as_bytes()),
                extension("1.3.6.1.4.1.57264.1.8", false, &tlv(0x0c, ISSUER.as_bytes())),
            ]);
        }
        extensions.extend(self.leaf_extensions.clone());
        let leaf = Template { subject: "", key: &self.leaf_key, validity: self.leaf_validity, extensions };
        let scts: Vec<_> = self.scts.iter().map(|key| (key, SIGNED_AT * 1000)).collect();
        let issuer = Issuer { name: "intermediate", key: &self.intermediate_key };
        (
            super::logged_certificate(&leaf, &issuer, &scts),
            super::certificate(&intermediate, &fulcio),
            super::certificate(&root, &fulcio),
        )
    }
}

fn pre_authentication_encoding(payload: &str) -> Vec<u8> {
    Envelope::new(trust_core::PAYLOAD_TYPE, payload.as_bytes().to_vec(), Vec::new())
        .pre_authentication_encoding()
}

/// What the world makes, with this change, verifies.
pub fn accepted(change: impl FnOnce(&mut World)) -> VerifiedBundle {
    let mut world = World::new();
    change(&mut world);
    world.verify().unwrap()
}

/// What the world makes, with this change, is denied for a reason that holds this text.
pub fn denied(expected: &str, change: impl FnOnce(&mut World)) {
    let mut world = World::new();
    change(&mut world);
    let reason = world.verify().expect_err(expected);
    assert!(reason.contains(expected), "\n found {reason}\n expected {expected}");
}
