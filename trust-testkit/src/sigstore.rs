//! A small Sigstore in one process: authorities, a certificate log, a transparency log and a timestamp authority, whose
//! keys are known, so that every kind of right and wrong bundle can be made.

pub mod world;

use p256::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use trust_core::internal::encoding::{to_base64, to_hex};
use trust_core::internal::pem;

/// A key that signs with the hash that belongs to it.
pub enum Key {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    P521(p521::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
    Ed25519ph(ed25519_dalek::SigningKey),
    Rsa(Box<rsa::RsaPrivateKey>),
    /// Of P-256; the private half is somebody else's.
    Public(Vec<u8>),
}

impl Key {
    pub fn p256(seed: u8) -> Self {
        Self::P256(p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub fn p384(seed: u8) -> Self {
        Self::P384(p384::ecdsa::SigningKey::from_slice(&[seed; 48]).unwrap())
    }

    pub fn p521(seed: u8) -> Self {
        let mut bytes = [seed; 66];
        bytes[0] = 0;
        Self::P521(p521::ecdsa::SigningKey::from_slice(&bytes).unwrap())
    }

    pub fn ed25519(seed: u8) -> Self {
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]))
    }

    pub fn ed25519ph(seed: u8) -> Self {
        Self::Ed25519ph(ed25519_dalek::SigningKey::from_bytes(&[seed; 32]))
    }

    /// One of three keys that `openssl genrsa` made for these tests.
    pub fn rsa(bits: usize) -> Self {
        let der: &[u8] = match bits {
            2048 => include_bytes!("../keys/rsa-2048.der"),
            3072 => include_bytes!("../keys/rsa-3072.der"),
            4096 => include_bytes!("../keys/rsa-4096.der"),
            _ => panic!("no key of {bits} bits"),
        };
        Self::Rsa(Box::new(rsa::RsaPrivateKey::from_pkcs8_der(der).unwrap()))
    }

    pub fn spki(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.verifying_key().to_public_key_der().unwrap().into_vec(),
            Self::P384(key) => key.verifying_key().to_public_key_der().unwrap().into_vec(),
            Self::P521(key) => key.verifying_key().to_public_key_der().unwrap().into_vec(),
            Self::Rsa(key) => key.to_public_key().to_public_key_der().unwrap().into_vec(),
            Self::Ed25519(key) | Self::Ed25519ph(key) => {
                let prefix = trust_core::internal::encoding::from_hex("302a300506032b6570032100").unwrap();
                [prefix, key.verifying_key().to_bytes().to_vec()].concat()
            }
            Self::Public(spki) => spki.clone(),
        }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        use p256::ecdsa::signature::Signer as _;
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Self::P521(key) => {
                let signature: p521::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Self::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Self::Ed25519ph(key) => {
                let state = Sha512::new().chain_update(message);
                key.sign_prehashed(state, None).unwrap().to_bytes().to_vec()
            }
            Self::Rsa(key) => key.sign(rsa::Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message)).unwrap(),
            Self::Public(_) => panic!("the private half is somebody else's"),
        }
    }

    fn hash(&self, message: &[u8]) -> (&'static str, Vec<u8>) {
        match self {
            Self::P384(_) => ("SHA2_384", Sha384::digest(message).to_vec()),
            Self::P521(_) | Self::Ed25519ph(_) => ("SHA2_512", Sha512::digest(message).to_vec()),
            _ => ("SHA2_256", Sha256::digest(message).to_vec()),
        }
    }

    /// In PKCS #8, in PEM.
    pub fn private_pem(&self) -> String {
        use p256::pkcs8::EncodePrivateKey as _;
        let der = match self {
            Self::P256(key) => p256::SecretKey::from(key).to_pkcs8_der(),
            Self::P384(key) => p384::SecretKey::from(key).to_pkcs8_der(),
            Self::P521(key) => p521::SecretKey::from(key).to_pkcs8_der(),
            Self::Rsa(key) => key.to_pkcs8_der(),
            _ => panic!("no test writes such a key"),
        };
        pem::encode("PRIVATE KEY", der.unwrap().as_bytes())
    }

    fn details(&self) -> &'static str {
        match self {
            Self::P256(_) | Self::Public(_) => "PKIX_ECDSA_P256_SHA_256",
            Self::P384(_) => "PKIX_ECDSA_P384_SHA_384",
            Self::P521(_) => "PKIX_ECDSA_P521_SHA_512",
            Self::Ed25519(_) => "PKIX_ED25519",
            Self::Ed25519ph(_) => "PKIX_ED25519_PH",
            Self::Rsa(key) => match rsa::traits::PublicKeyParts::size(key.as_ref()) * 8 {
                2048 => "PKIX_RSA_PKCS1V15_2048_SHA256",
                3072 => "PKIX_RSA_PKCS1V15_3072_SHA256",
                _ => "PKIX_RSA_PKCS1V15_4096_SHA256",
            },
        }
    }

    /// AlgorithmIdentifier of its signatures.
    pub(crate) fn algorithm(&self) -> Vec<u8> {
        let oid = match self {
            Self::P256(_) | Self::Public(_) => oid("1.2.840.10045.4.3.2"),
            Self::P384(_) => oid("1.2.840.10045.4.3.3"),
            Self::P521(_) => oid("1.2.840.10045.4.3.4"),
            Self::Ed25519(_) | Self::Ed25519ph(_) => oid("1.3.101.112"),
            Self::Rsa(_) => return seq(&[oid("1.2.840.113549.1.1.11"), tlv(5, &[])]),
        };
        seq(&[oid])
    }
}

pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        len @ 0..=127 => out.push(len as u8),
        len @ 128..=255 => out.extend([0x81, len as u8]),
        len => out.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    out.extend_from_slice(content);
    out
}

pub fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub fn oid(text: &str) -> Vec<u8> {
    let arcs: Vec<u64> = text.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut bytes = vec![(arcs[0] * 40 + arcs[1]) as u8];
    for arc in &arcs[2..] {
        let mut groups = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            groups.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        bytes.extend(groups.iter().rev());
    }
    tlv(6, &bytes)
}

/// A name: a common name, or attributes such as `C=US,O=Acme`.
pub(crate) fn name(written: &str) -> Vec<u8> {
    let attribute = |part: &str| {
        let (id, value) = part.split_once('=').unwrap_or(("CN", part));
        let id = match id {
            "C" => "2.5.4.6",
            "ST" => "2.5.4.8",
            "O" => "2.5.4.10",
            _ => "2.5.4.3",
        };
        tlv(0x31, &seq(&[oid(id), tlv(0x0c, value.as_bytes())]))
    };
    seq(&written.split(',').filter(|part| !part.is_empty()).map(attribute).collect::<Vec<_>>())
}

/// An extension: its object identifier, whether it is critical, its value.
pub fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(id)];
    if critical {
        parts.push(tlv(1, &[0xff]));
    }
    parts.push(tlv(4, value));
    seq(&parts)
}

pub fn basic_constraints(path_len: Option<u8>) -> Vec<u8> {
    let mut parts = vec![tlv(1, &[0xff])];
    parts.extend(path_len.map(|len| tlv(2, &[len])));
    extension("2.5.29.19", true, &seq(&parts))
}

/// The bits of keyUsage from the first byte of the BIT STRING: 0x80 digitalSignature, 0x04 keyCertSign.
pub fn key_usage(bits: u8) -> Vec<u8> {
    let unused = bits.trailing_zeros() as u8;
    extension("2.5.29.15", true, &tlv(3, &[unused, bits]))
}

pub fn extended_key_usage(critical: bool, usages: &[&str]) -> Vec<u8> {
    let usages: Vec<_> = usages.iter().map(|usage| oid(usage)).collect();
    extension("2.5.29.37", critical, &seq(&usages))
}

/// 2026-06-01T12:00:00Z, in seconds.
pub const SIGNED_AT: u64 = 1_780_315_200;

pub const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
pub const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";

/// A certificate to be.
pub struct Template<'a> {
    pub subject: &'a str,
    pub key: &'a Key,
    /// notBefore and notAfter, as UTCTime.
    pub validity: (&'a str, &'a str),
    pub extensions: Vec<Vec<u8>>,
}

pub struct Issuer<'a> {
    pub name: &'a str,
    pub key: &'a Key,
}

fn tbs(template: &Template<'_>, issuer: &Issuer<'_>, extensions: &[Vec<u8>]) -> Vec<u8> {
    let time = |text: &str| tlv(0x17, text.as_bytes());
    let key_id = tlv(0x80, &Sha256::digest(issuer.key.spki()));
    let mut all = vec![extension("2.5.29.35", false, &seq(&[key_id]))];
    all.extend_from_slice(extensions);
    seq(&[
        tlv(0xa0, &tlv(2, &[2])),
        tlv(2, &[7]),
        issuer.key.algorithm(),
        name(issuer.name),
        seq(&[time(template.validity.0), time(template.validity.1)]),
        name(template.subject),
        template.key.spki(),
        tlv(0xa3, &seq(&all)),
    ])
}

fn signed(tbs: Vec<u8>, issuer: &Issuer<'_>) -> Vec<u8> {
    let signature = [&[0][..], &issuer.key.sign(&tbs)].concat();
    seq(&[tbs, issuer.key.algorithm(), tlv(3, &signature)])
}

pub fn certificate(template: &Template<'_>, issuer: &Issuer<'_>) -> Vec<u8> {
    signed(tbs(template, issuer, &template.extensions), issuer)
}

/// A certificate with a timestamp of each of these certificate logs, at a time in milliseconds.
pub fn logged_certificate(template: &Template<'_>, issuer: &Issuer<'_>, logs: &[(&Key, u64)]) -> Vec<u8> {
    let precert = tbs(template, issuer, &template.extensions);
    let mut list = Vec::new();
    for (log, millis) in logs {
        let mut message = vec![0, 0];
        message.extend(millis.to_be_bytes());
        message.extend([0, 1]);
        message.extend(Sha256::digest(issuer.key.spki()));
        message.extend(&(precert.len() as u32).to_be_bytes()[1..]);
        message.extend(&precert);
        message.extend([0, 0]);
        let signature = log.sign(&message);
        let mut sct = vec![0];
        sct.extend(Sha256::digest(log.spki()));
        sct.extend(millis.to_be_bytes());
        sct.extend([0, 0, 4, if matches!(log, Key::Rsa(_)) { 1 } else { 3 }]);
        sct.extend((signature.len() as u16).to_be_bytes());
        sct.extend(signature);
        list.extend((sct.len() as u16).to_be_bytes());
        list.extend(sct);
    }
    let list = [&(list.len() as u16).to_be_bytes()[..], &list].concat();
    let mut extensions = template.extensions.clone();
    if !logs.is_empty() {
        extensions.push(extension("1.3.6.1.4.1.11129.2.4.2", false, &tlv(4, &list)));
    }
    signed(tbs(template, issuer, &extensions), issuer)
}

/// A timestamp token over content of this SHA-256 digest at a time, as GeneralizedTime, with certificates beside it.
pub fn timestamp(
    imprint: &[u8],
    time: &str,
    signer: &[u8],
    issuer: &str,
    key: &Key,
    beside: &[Vec<u8>],
    signers: usize,
) -> Vec<u8> {
    let sha256 = seq(&[oid("2.16.840.1.101.3.4.2.1")]);
    let imprint = seq(&[sha256.clone(), tlv(4, imprint)]);
    let info = seq(&[tlv(2, &[1]), oid("1.2.3"), imprint, tlv(2, &[5]), tlv(0x18, time.as_bytes())]);
    let attribute = |id: &str, value: Vec<u8>| seq(&[oid(id), tlv(0x31, &value)]);
    let certificate_id = seq(&[seq(&[seq(&[tlv(4, &Sha256::digest(signer))])])]);
    let mut attributes = [
        attribute("1.2.840.113549.1.9.3", oid("1.2.840.113549.1.9.16.1.4")),
        attribute("1.2.840.113549.1.9.4", tlv(4, &Sha256::digest(&info))),
        attribute("1.2.840.113549.1.9.16.2.47", certificate_id),
    ];
    attributes.sort();
    let attributes = attributes.concat();
    let signer_info = seq(&[
        tlv(2, &[1]),
        seq(&[name(issuer), tlv(2, &[7])]),
        sha256.clone(),
        tlv(0xa0, &attributes),
        key.algorithm(),
        tlv(4, &key.sign(&tlv(0x31, &attributes))),
    ]);
    let mut parts = vec![
        tlv(2, &[3]),
        tlv(0x31, &sha256),
        seq(&[oid("1.2.840.113549.1.9.16.1.4"), tlv(0xa0, &tlv(4, &info))]),
    ];
    if !beside.is_empty() {
        parts.push(tlv(0xa0, &beside.concat()));
    }
    parts.push(tlv(0x31, &signer_info.repeat(signers)));
    seq(&[oid("1.2.840.113549.1.7.2"), tlv(0xa0, &seq(&parts))])
}

/// What an entry is about.
pub struct Logged<'a> {
    pub signer: &'a Key,
    pub certificate: &'a [u8],
    /// The artifact, or the payload of an envelope.
    pub content: &'a [u8],
    /// What the signature is over: the artifact, or the envelope's PAE.
    pub signed: &'a [u8],
    pub signature: &'a [u8],
}

/// A certificate in PEM.
pub fn certificate_pem(der: &[u8]) -> String {
    pem::encode("CERTIFICATE", der)
}

impl Logged<'_> {
    fn pem(&self) -> String {
        to_base64(certificate_pem(self.certificate).as_bytes())
    }

    pub fn hashedrekord_v001(&self) -> String {
        let (name, digest) = self.signer.hash(self.signed);
        json!({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
            "data": {"hash": {"algorithm": name.replace("SHA2_", "sha"), "value": to_hex(&digest)}},
            "signature": {"content": to_base64(self.signature), "publicKey": {"content": self.pem()}},
        }})
        .to_string()
    }

    pub fn dsse_v001(&self) -> String {
        let payload = to_hex(&Sha256::digest(self.content));
        json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
            "envelopeHash": {"algorithm": "sha256", "value": "0".repeat(64)},
            "payloadHash": {"algorithm": "sha256", "value": payload},
            "signatures": [{"signature": to_base64(self.signature), "verifier": self.pem()}],
        }})
        .to_string()
    }

    pub fn intoto_v002(&self) -> String {
        let payload = to_hex(&Sha256::digest(self.content));
        let twice = to_base64(to_base64(self.signature).as_bytes());
        json!({"apiVersion": "0.0.2", "kind": "intoto", "spec": {"content": {
            "envelope": {
                "payloadType": trust_core::PAYLOAD_TYPE,
                "signatures": [{"publicKey": self.pem(), "sig": twice}],
            },
            "payloadHash": {"algorithm": "sha256", "value": payload},
        }}})
        .to_string()
    }

    pub fn hashedrekord_v002(&self) -> String {
        let (algorithm, digest) = self.signer.hash(self.signed);
        format!(
            r#"{{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{{"hashedRekordV002":{{"data":{{"algorithm":"{algorithm}","digest":"{}"}},"signature":{{"content":"{}","verifier":{{"keyDetails":"{}","x509Certificate":{{"rawBytes":"{}"}}}}}}}}}}}}"#,
            to_base64(&digest),
            to_base64(self.signature),
            self.signer.details(),
            to_base64(self.certificate),
        )
    }
}

/// An entry, alone in a log of Rekor v2, whose checkpoint these witnesses cosigned.
pub fn rekor_v2(log: &Key, host: &str, witnesses: &[(&str, Key)], body: &str) -> Value {
    let id = log_id(log, host);
    let mut checkpoint = checkpoint(log, host, host, &id, body);
    for (name, key) in witnesses {
        let text = checkpoint.split_once("\n\n").unwrap().0;
        let message = format!("cosignature/v1\ntime {SIGNED_AT}\n{text}\n");
        let hash = Sha256::digest([name.as_bytes(), b"\n\x04", &key.spki()[12..]].concat());
        let line = [&hash[..4], &SIGNED_AT.to_be_bytes(), &key.sign(message.as_bytes())].concat();
        checkpoint.push_str(&format!("\u{2014} {name} {}\n", to_base64(&line)));
    }
    json!({
        "logIndex": "0",
        "logId": {"keyId": to_base64(&id)},
        "kindVersion": kind_version(body),
        "inclusionProof": proof(&checkpoint),
        "canonicalizedBody": to_base64(body.as_bytes()),
    })
}

/// An entry, alone in a log of Rekor v1, with promise and proof.
pub fn rekor_v1(log: &Key, host: &str, body: &str) -> Value {
    let id = Sha256::digest(log.spki());
    let base64 = to_base64(body.as_bytes());
    let promised = format!(
        r#"{{"body":"{base64}","integratedTime":{SIGNED_AT},"logID":"{}","logIndex":70}}"#,
        to_hex(&id),
    );
    json!({
        "logIndex": "70",
        "logId": {"keyId": to_base64(&id)},
        "kindVersion": kind_version(body),
        "integratedTime": SIGNED_AT.to_string(),
        "inclusionPromise": {"signedEntryTimestamp": to_base64(&log.sign(promised.as_bytes()))},
        "inclusionProof": proof(&checkpoint(log, host, &format!("{host} - 42"), &id, body)),
        "canonicalizedBody": base64,
    })
}

fn kind_version(body: &str) -> Value {
    let body: Value = serde_json::from_str(body).unwrap();
    json!({"kind": body["kind"], "version": body["apiVersion"]})
}

fn checkpoint(log: &Key, host: &str, origin: &str, id: &[u8], body: &str) -> String {
    let root = trust_rekor::merkle::leaf_hash(body.as_bytes());
    let text = format!("{origin}\n1\n{}\n", to_base64(&root));
    let line = [&id[..4], &log.sign(text.as_bytes())].concat();
    format!("{text}\n\u{2014} {host} {}\n", to_base64(&line))
}

fn proof(checkpoint: &str) -> Value {
    json!({"logIndex": "0", "treeSize": "1", "rootHash": "", "hashes": [], "checkpoint": {"envelope": checkpoint}})
}

pub fn log_id(log: &Key, host: &str) -> Vec<u8> {
    let key = &log.spki()[12..];
    Sha256::digest([host.as_bytes(), b"\n\x01", key].concat()).to_vec()
}

/// A log of the trust root.
pub fn root_log(key: &Key, host: &str, id: &[u8], operator: &str) -> Value {
    json!({
        "baseUrl": format!("https://{host}"), "hashAlgorithm": "SHA2_256", "operator": operator,
        "logId": {"keyId": to_base64(id)},
        "publicKey": {"rawBytes": to_base64(&key.spki()), "keyDetails": key.details(),
                      "validFor": {"start": "2026-01-01T00:00:00Z"}},
    })
}

pub fn root_authority(uri: &str, chain: &[&[u8]]) -> Value {
    let certificates: Vec<_> = chain.iter().map(|der| json!({"rawBytes": to_base64(der)})).collect();
    json!({"uri": uri, "certChain": {"certificates": certificates}, "validFor": {"start": "2026-01-01T00:00:00Z"}})
}
