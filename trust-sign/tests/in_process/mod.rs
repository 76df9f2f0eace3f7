//! A Sigstore in this process that answers over a transport, rightly or wrongly.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use trust_core::internal::{encoding, pem};
use trust_core::{PublicKey, Signed, SigningConfig, TrustRoot};
use trust_gate::{Boxed, Deadline, HttpRequest, HttpResponse, Method, Transport, TransportError};
use trust_testkit::sigstore::world::{Entry, Log, World};
use trust_testkit::sigstore::{Key, rekor_v1, rekor_v2};

use crate::token::SUBJECT;

const LOG_V1: &str = "rekor.example";
const LOG_V2: &str = "log.example";

/// What a service does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    CertificateRefused,
    CertificateOfAnotherKey,
    CertificateDetached,
    CertificateNever,
    CertificateGarbage,
    TimestampOfOtherBytes,
    TimestampRefused,
    TimestampNever,
    EntryOfAnother,
    EntryRefused,
    EntryBroken,
    EntryNever,
    EntryGarbage,
    PromiseOfAnother,
    /// The log has the entry already, and says where.
    EntryThere,
    /// And does not say where.
    EntrySomewhere,
    /// And does not find it there.
    EntryGone,
    /// The first answer is lost, the second a refusal.
    EntryLost,
}

/// Fulcio, a timestamp authority, Rekor v1 and v2.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) fault: Fault,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    known: Arc<Mutex<Option<Value>>>,
}

impl core::fmt::Debug for Services {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "services with {:?}", self.fault)
    }
}

fn logs() -> [Log; 2] {
    let v2 = Log::v2(6, LOG_V2, "new");
    [v2, Log::v1(Key::p256(9), LOG_V1, Entry::HashedRekordV001)]
}

fn world() -> World {
    World { logs: logs().into(), ..World::new() }
}

impl Services {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { fault, asked: Arc::default(), known: Arc::default() }
    }

    /// What verifies what they answer.
    pub(crate) fn root() -> TrustRoot {
        TrustRoot::from_json(world().make().1.to_string().as_bytes()).unwrap()
    }

    /// Where they are. `version` is Rekor's.
    pub(crate) fn config(version: u32) -> SigningConfig {
        let log = if version == 1 { LOG_V1 } else { LOG_V2 };
        let service =
            |url: &str, version: u32| json!([{"url": url, "majorApiVersion": version, "operator": "o"}]);
        let config = json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": service("https://fulcio.example", 1),
            "rekorTlogUrls": service(&format!("https://{log}"), version),
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": service("https://stamps.example/api/v1/timestamp", 1),
            "tsaConfig": {"selector": "ANY"},
        });
        SigningConfig::from_json(config.to_string().as_bytes()).unwrap()
    }

    fn answer(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let path = request.url.path().to_owned();
        self.asked.lock().unwrap().push(path.clone());
        let ok = |status, body: Vec<u8>| Some(HttpResponse::new(status, Vec::new(), body));
        match path.as_str() {
            "/api/v2/signingCert" => match self.fault {
                Fault::CertificateNever => None,
                Fault::CertificateRefused => ok(403, b"{\"message\": \"not you\"}".to_vec()),
                Fault::CertificateGarbage => ok(200, b"{".to_vec()),
                _ => ok(201, self.certificate(request)),
            },
            "/api/v1/timestamp" => match self.fault {
                Fault::TimestampNever => None,
                Fault::TimestampRefused => ok(400, b"no".to_vec()),
                _ => ok(201, self.timestamp(request)),
            },
            _ if path.starts_with("/api/v1/log/entries") || path == "/api/v2/log/entries" => match self.fault
            {
                Fault::EntryNever => None,
                Fault::EntryRefused => ok(400, b"no such kind".to_vec()),
                Fault::EntryBroken => ok(500, b"oops".to_vec()),
                Fault::EntryGarbage => ok(201, b"{}".to_vec()),
                Fault::EntryThere | Fault::EntrySomewhere if path.starts_with("/api/v2") => {
                    ok(409, b"{\"message\": \"an equivalent entry already exists in the transparency log with index 7\"}".to_vec())
                }
                Fault::EntrySomewhere => ok(409, b"there".to_vec()),
                Fault::EntryLost => {
                    let asked = self.asked.lock().unwrap();
                    let times = asked.iter().filter(|one| one.contains("log/entries")).count();
                    if times == 1 { ok(503, b"busy".to_vec()) } else { ok(400, b"no".to_vec()) }
                }
                Fault::EntryGone if request.method == Method::Get => ok(404, b"gone".to_vec()),
                _ if path.starts_with("/api/v2") => {
                    {
                    ok(201, self.entry_v2(request.url.host_str().unwrap(), &request.body).to_string().into_bytes())
                }
                }
                Fault::EntryThere | Fault::EntryGone if request.method == Method::Post => {
                    *self.known.lock().unwrap() = Some(self.entry_v1(&request.body));
                    let location = ("location".to_owned(), "/api/v1/log/entries/24296fb2".to_owned());
                    Some(HttpResponse::new(409, vec![location], Vec::new()))
                }
                Fault::EntryThere => {
                    let known = self.known.lock().unwrap().clone().unwrap();
                    ok(200, known.to_string().into_bytes())
                }
                _ => ok(201, self.entry_v1(&request.body).to_string().into_bytes()),
            },
            other => panic!("nobody answers at {other}"),
        }
    }

    fn certificate(&self, request: &HttpRequest) -> Vec<u8> {
        assert!(
            request
                .headers
                .iter()
                .any(|(name, value)| *name == "authorization" && value.starts_with("Bearer "))
        );
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let asked = &body["publicKeyRequest"];
        let key = PublicKey::from_pem(asked["publicKey"]["content"].as_str().unwrap()).unwrap();
        let proof = encoding::from_base64(asked["proofOfPossession"].as_str().unwrap()).unwrap();
        key.verify_artifact(Signed::Message(SUBJECT.as_bytes()), &proof).expect("a proof of possession");
        let of = match self.fault {
            Fault::CertificateOfAnotherKey => Key::p256(77),
            _ => Key::Public(key.spki_der().to_vec()),
        };
        let (leaf, intermediate, root) = World { leaf_key: of, ..world() }.certificates();
        let chain: Vec<String> =
            [leaf, intermediate, root].iter().map(|der| pem::encode("CERTIFICATE", der)).collect();
        let name = match self.fault {
            Fault::CertificateDetached => "signedCertificateDetachedSct",
            _ => "signedCertificateEmbeddedSct",
        };
        json!({name: {"chain": {"certificates": chain}}}).to_string().into_bytes()
    }

    fn timestamp(&self, request: &HttpRequest) -> Vec<u8> {
        // The imprint stands before the last boolean.
        let end = request.body.len() - 3;
        let imprint = match self.fault {
            Fault::TimestampOfOtherBytes => Sha256::digest(b"other bytes").to_vec(),
            _ => request.body[end - 32..end].to_vec(),
        };
        world().stamps[0].make(&imprint, &Key::p256(1)).0
    }

    /// Of the log of the root, or of one that nobody knows.
    fn entry_v2(&self, host: &str, request: &[u8]) -> Value {
        let request: Value = serde_json::from_slice(request).unwrap();
        let asked = &request["hashedRekordRequestV002"];
        let digest = match self.fault {
            Fault::EntryOfAnother => json!(encoding::to_base64(&[7; 32])),
            _ => asked["digest"].clone(),
        };
        let body = json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": digest}, "signature": asked["signature"],
        }}});
        let unknown = Key::ed25519(99);
        let key = if host == LOG_V2 { &logs()[0].key } else { &unknown };
        rekor_v2(key, host, &[], &body.to_string())
    }

    /// As Rekor v1 answers.
    fn entry_v1(&self, request: &[u8]) -> Value {
        let mut request: Value = serde_json::from_slice(request).unwrap();
        if request["kind"] == "dsse" {
            let proposed = &request["spec"]["proposedContent"];
            let envelope: Value = serde_json::from_str(proposed["envelope"].as_str().unwrap()).unwrap();
            let payload = encoding::from_base64(envelope["payload"].as_str().unwrap()).unwrap();
            let hash = |bytes: &[u8]| json!({"algorithm": "sha256", "value": encoding::to_hex(&Sha256::digest(bytes))});
            request["spec"] = json!({
                "envelopeHash": hash(b""), "payloadHash": hash(&payload),
                "signatures": [{"signature": envelope["signatures"][0]["sig"], "verifier": proposed["verifiers"][0]}],
            });
        }
        if self.fault == Fault::EntryOfAnother {
            request["spec"]["signature"]["content"] = json!("AAAA");
        }
        let mut entry = rekor_v1(&logs()[1].key, LOG_V1, &request.to_string());
        if self.fault == Fault::PromiseOfAnother {
            let other =
                rekor_v1(&logs()[1].key, LOG_V1, r#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}"#);
            entry["inclusionPromise"] = other["inclusionPromise"].clone();
        }
        let number = |value: &Value| value.as_str().unwrap().parse::<i64>().unwrap();
        let id = encoding::from_base64(entry["logId"]["keyId"].as_str().unwrap()).unwrap();
        json!({"24296fb2": {
            "body": entry["canonicalizedBody"],
            "integratedTime": number(&entry["integratedTime"]),
            "logID": encoding::to_hex(&id),
            "logIndex": number(&entry["logIndex"]),
            "verification": {
                "signedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
                "inclusionProof": {
                    "checkpoint": entry["inclusionProof"]["checkpoint"]["envelope"], "hashes": [], "logIndex": 0,
                    "rootHash": "", "treeSize": 1,
                },
            },
        }})
    }
}

impl Transport for Services {
    fn send<'a>(
        &'a self,
        request: HttpRequest,
        until: Deadline,
    ) -> Boxed<'a, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            match self.answer(&request) {
                Some(answer) => Ok(answer),
                None => {
                    tokio::time::sleep(until.left().expect("each question has its time")).await;
                    Err(TransportError::TimedOut)
                }
            }
        })
    }
}
