//! Each check of the verifier, broken alone: one real bundle, and one change at a time to it, to the trust root, to
//! the policy or to the clock. The denial must name that very reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use core::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trust_core::{
    Bundle, CertificateIdentity, Content, Digest, FulcioExtension, IdentityPolicy, ManagedKey, Pattern,
    PublicKey, Reasons, Signed, SignerPolicy, TimeWindow, TrustRoot, UnixTime, VerifiedSigner, Verifier,
};
use trust_rekor::RekorLog;

const SUBJECT: &str = "https://github.com/myorg/web/.github/workflows/release.yml@refs/tags/v1";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// A bundle that cosign made, and what it needs to be accepted.
#[derive(Clone)]
struct Case {
    bundle: Value,
    root: Value,
    digest: Digest,
    policy: SignerPolicy,
    now: UnixTime,
    log_threshold: NonZeroUsize,
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data")
}

/// The bundle in the layout whose statement is about `digest`.
fn bundle_about(digest: &Digest) -> Vec<u8> {
    let is_about = |bundle: Bundle| match bundle.unverified_content() {
        Content::Envelope(envelope) => String::from_utf8_lossy(envelope.payload()).contains(&digest.to_hex()),
        Content::Message { .. } => false,
    };
    std::fs::read_dir(data().join("images/blobs/sha256"))
        .unwrap()
        .map(|blob| std::fs::read(blob.unwrap().path()).unwrap())
        .find(|blob| Bundle::from_json(blob).is_ok_and(is_about))
        .unwrap()
}

/// The digest of the image with this tag.
fn image(tag: &str) -> Digest {
    let index = read_json(&data().join("images/index.json"));
    let has_tag = |one: &&Value| one["annotations"]["org.opencontainers.image.ref.name"] == json!(tag);
    let image = index["manifests"].as_array().unwrap().iter().find(has_tag).unwrap();
    image["digest"].as_str().unwrap().parse().unwrap()
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

impl Case {
    fn new() -> Self {
        let digest = image("keyless");
        let bundle = bundle_about(&digest);
        Self {
            bundle: serde_json::from_slice(&bundle).unwrap(),
            root: read_json(&data().join("trusted-root.json")),
            digest,
            policy: identity(SUBJECT, ISSUER),
            now: "2026-11-27T00:00:00Z".parse().unwrap(),
            log_threshold: NonZeroUsize::MIN,
        }
    }

    /// `Ok` with what was verified, or the whole chain of reasons.
    fn verify(&self) -> Result<trust_core::VerifiedBundle, String> {
        let root = TrustRoot::from_json(self.root.to_string().as_bytes())
            .map_err(|error| Reasons(&error).to_string())?;
        let bundle = Bundle::from_json(self.bundle.to_string().as_bytes())
            .map_err(|error| Reasons(&error).to_string())?;
        Verifier::new(&root, &RekorLog)
            .with_log_threshold(self.log_threshold)
            .verify(&bundle, Signed::Digest(&self.digest), &self.policy, self.now)
            .map_err(|error| Reasons(&error).to_string())
    }

    fn material(&mut self) -> &mut Value {
        &mut self.bundle["verificationMaterial"]
    }

    fn entry(&mut self) -> &mut Value {
        &mut self.material()["tlogEntries"][0]
    }
}

fn identity(subject: &str, issuer: &str) -> SignerPolicy {
    let identity = CertificateIdentity::new(Pattern::exact(subject), Pattern::exact(issuer));
    SignerPolicy::Identity(IdentityPolicy::new([identity]).unwrap())
}

/// Changes one thing, and requires a denial whose reasons hold `expected`.
fn denied(name: &str, expected: &str, change: impl FnOnce(&mut Case)) {
    let mut case = Case::new();
    change(&mut case);
    let reason = case.verify().expect_err(name);
    assert!(reason.contains(expected), "{name}:\n found {reason}\n expected {expected}");
}

/// Replaces a base64 text by one whose last byte differs.
fn flip(value: &mut Value) {
    let mut bytes = trust_core::internal::encoding::from_base64(value.as_str().unwrap()).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    *value = trust_core::internal::encoding::to_base64(&bytes).into();
}

#[test]
fn the_unchanged_bundle_is_accepted_with_all_that_it_proves() {
    let verified = Case::new().verify().unwrap();
    let VerifiedSigner::Identity(identity) = verified.signer() else { panic!("{verified:?}") };
    assert_eq!(identity.subjects()[0].value, SUBJECT);
    assert_eq!(identity.extension(FulcioExtension::Issuer), Some(ISSUER));
    assert_eq!(verified.statement().unwrap().predicate_type(), "https://sigstore.dev/cosign/sign/v1");
    assert_eq!(verified.times().len(), 1);
    assert_eq!(verified.certificate_timestamps().len(), 1);
    let [entry] = verified.log_entries() else { panic!("{verified:?}") };
    assert_eq!((entry.kind(), entry.is_included()), ("hashedrekord/0.0.2", true));
    let json = serde_json::to_value(&verified).unwrap();
    assert_eq!(json["signer"]["identity"]["issuer"], ISSUER);
    assert_eq!(json["content"]["statement"]["subjects"][0][0], json!(Case::new().digest.to_string()));
}

#[test]
fn a_changed_envelope_is_denied() {
    denied("payload", "signature is not by certificate", |case| {
        let payload = &mut case.bundle["dsseEnvelope"]["payload"];
        let bytes = trust_core::internal::encoding::from_base64(payload.as_str().unwrap()).unwrap();
        let text = String::from_utf8(bytes).unwrap().replace("sign/v1", "sign/v2");
        *payload = trust_core::internal::encoding::to_base64(text.as_bytes()).into();
    });
    denied("payload type", "signature is not by certificate", |case| {
        case.bundle["dsseEnvelope"]["payloadType"] = "application/vnd.in-toto+jsonx".into();
    });
    denied("signature", "signature is not by certificate", |case| {
        flip(&mut case.bundle["dsseEnvelope"]["signatures"][0]["sig"]);
    });
    denied("two signatures", "envelope has 2 signatures, expected 1", |case| {
        let signatures = case.bundle["dsseEnvelope"]["signatures"].as_array_mut().unwrap();
        signatures.push(signatures[0].clone());
    });
}

#[test]
fn another_artifact_is_denied() {
    denied("artifact", "the signed statement is for `sha256:", |case| case.digest = Digest::sha256(b"other"));
}

#[test]
fn a_bundle_of_another_shape_is_denied() {
    denied("media type", "bundle has the media type `application/json`", |case| {
        case.bundle["mediaType"] = "application/json".into();
    });
    denied("no content", "found 0 of `messageSignature` and `dsseEnvelope`", |case| {
        case.bundle.as_object_mut().unwrap().remove("dsseEnvelope");
    });
    denied("two contents", "found 2 of `messageSignature` and `dsseEnvelope`", |case| {
        case.bundle["messageSignature"] = json!({"signature": "AAAA"});
    });
    denied("no certificate", "found 0 of `publicKey`, `certificate` and `x509CertificateChain`", |case| {
        case.material().as_object_mut().unwrap().remove("certificate");
    });
    denied(
        "key and certificate",
        "found 2 of `publicKey`, `certificate` and `x509CertificateChain`",
        |case| {
            case.material()["publicKey"] = json!({"hint": ""});
        },
    );
    denied("chain", "`verificationMaterial.x509CertificateChain` is not allowed in a bundle v0.3", |case| {
        let certificate = case.material()["certificate"].take();
        case.material()["x509CertificateChain"] = json!({"certificates": [certificate]});
    });
    denied("entry twice", "log entry 1 is there twice", |case| {
        let entry = case.entry().clone();
        case.material()["tlogEntries"].as_array_mut().unwrap().push(entry);
    });
    denied(
        "too many entries",
        "`verificationMaterial.tlogEntries` has 33 entries, expected at most 32",
        |case| {
            let entry = case.entry().clone();
            case.material()["tlogEntries"] = vec![entry; 33].into();
        },
    );
    denied("negative index", "`verificationMaterial.tlogEntries[0].logIndex` is `-1`", |case| {
        case.entry()["logIndex"] = "-1".into();
    });
    denied("no proof", "log entry 0 has no inclusion proof, which a bundle v0.3 must have", |case| {
        case.entry().as_object_mut().unwrap().remove("inclusionProof");
    });
    denied("no promise", "log entry 0 has no inclusion promise, which a bundle v0.1 must have", |case| {
        case.bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
    });
    denied("not base64", "`verificationMaterial.tlogEntries[0].canonicalizedBody` is `!`", |case| {
        case.entry()["canonicalizedBody"] = "!".into();
    });
}

#[test]
fn a_log_entry_that_does_not_hold_is_denied() {
    denied("no entry", "found the signature in 0 trusted transparency logs, expected 1", |case| {
        case.material()["tlogEntries"] = json!([]);
    });
    denied("threshold", "found the signature in 1 trusted transparency logs, expected 2", |case| {
        case.log_threshold = NonZeroUsize::new(2).unwrap();
    });
    denied("kind", "bundle says the entry is `dsse/0.0.2`, but it is `hashedrekord/0.0.2`", |case| {
        case.entry()["kindVersion"]["kind"] = "dsse".into();
    });
    denied("no kind", "`verificationMaterial.tlogEntries[0].kindVersion.kind`", |case| {
        case.entry()["kindVersion"] = json!({});
    });
    denied("no version", "`verificationMaterial.tlogEntries[0].kindVersion.version`", |case| {
        case.entry()["kindVersion"].as_object_mut().unwrap().remove("version");
    });
    denied("body", "entry has another canonical body than the bundle", |case| {
        let body = case.entry()["canonicalizedBody"].as_str().unwrap().to_owned();
        let text = String::from_utf8(trust_core::internal::encoding::from_base64(&body).unwrap()).unwrap();
        let text = text.replace("SHA2_256", "SHA2_384");
        case.entry()["canonicalizedBody"] = trust_core::internal::encoding::to_base64(text.as_bytes()).into();
    });
    denied("entry of dsse/0.0.2", "entry is of kind `dsse/0.0.2`, expected hashedrekord", |case| {
        let body = br#"{"apiVersion":"0.0.2","kind":"dsse","spec":{}}"#;
        case.entry()["canonicalizedBody"] = trust_core::internal::encoding::to_base64(body).into();
        case.entry()["kindVersion"]["kind"] = "dsse".into();
    });
    denied("index outside the tree", "leaf index is 9, expected less than the tree size", |case| {
        case.entry()["logIndex"] = "9".into();
    });
    denied("one hash more", "hashes, expected", |case| {
        let hash = trust_core::internal::encoding::to_base64(&[0; 32]);
        let hashes = &mut case.entry()["inclusionProof"]["hashes"];
        let mut list = hashes.as_array().cloned().unwrap_or_default();
        list.push(hash.into());
        *hashes = list.into();
    });
    denied("log identifier", "is not in the trust root", |case| flip(&mut case.entry()["logId"]["keyId"]));
}

#[test]
fn a_checkpoint_that_does_not_hold_is_denied() {
    let checkpoint = |case: &mut Case, change: &dyn Fn(String) -> String| {
        let envelope = &mut case.entry()["inclusionProof"]["checkpoint"]["envelope"];
        *envelope = change(envelope.as_str().unwrap().to_owned()).into();
    };
    denied("text", "the note's signature of `127.0.0.1` does not verify", |case| {
        checkpoint(case, &|text| text.replacen("\n\n", "\nextension\n\n", 1));
    });
    denied("origin", "its origin is `elsewhere`, expected that of `http://127.0.0.1:5010`", |case| {
        checkpoint(case, &|text| text.replacen("127.0.0.1", "elsewhere", 1));
    });
    denied("name", "note has no signature of `127.0.0.1`", |case| {
        checkpoint(case, &|text| text.replacen("\u{2014} 127.0.0.1", "\u{2014} elsewhere", 1));
    });
    denied("no signature", "note has no empty line before its signatures", |case| {
        checkpoint(case, &|text| text.split_once("\n\n").unwrap().0.to_owned() + "\n");
    });
    // Root hash and size of the bundle are not believed, nor looked at.
    let mut case = Case::new();
    case.entry()["inclusionProof"]["rootHash"] = trust_core::internal::encoding::to_base64(&[7; 32]).into();
    case.entry()["inclusionProof"]["treeSize"] = "12345".into();
    assert!(case.verify().is_ok());
}

#[test]
fn a_timestamp_that_does_not_hold_is_denied() {
    denied("no timestamp", "found no signed time", |case| {
        case.material().as_object_mut().unwrap().remove("timestampVerificationData");
    });
    denied("integrated time alone", "found no signed time", |case| {
        case.material().as_object_mut().unwrap().remove("timestampVerificationData");
        case.entry()["integratedTime"] = "1795246119".into();
    });
    denied(
        "garbage beside a good one",
        "timestamp 1 does not verify: timestamp response is malformed",
        |case| {
            let timestamps = &mut case.material()["timestampVerificationData"]["rfc3161Timestamps"];
            timestamps.as_array_mut().unwrap().push(json!({"signedTimestamp": "AAAA"}));
        },
    );
    denied("changed token", "timestamp 0 does not verify", |case| {
        let timestamps = &mut case.material()["timestampVerificationData"]["rfc3161Timestamps"];
        flip(&mut timestamps[0]["signedTimestamp"]);
    });
    denied("no authority", "the trust root has no timestamp authority", |case| {
        case.root["timestampAuthorities"] = json!([]);
    });
    denied(
        "authority not yet trusted",
        "the timestamp authority `http://127.0.0.1:5010` is trusted 2030",
        |case| {
            case.root["timestampAuthorities"][0]["validFor"]["start"] = "2030-01-01T00:00:00Z".into();
        },
    );
    denied("future", "says the signature was made at 2026-11-26", |case| {
        case.now = "2026-11-20T00:00:00Z".parse().unwrap();
    });
}

#[test]
fn a_certificate_that_does_not_hold_is_denied() {
    denied("no authority", "the trust root has no certificate authority", |case| {
        case.root["certificateAuthorities"] = json!([]);
    });
    denied("other authority", "was issued by `O=sigstore.mock,CN=sigstore`", |case| {
        let other = TrustRoot::public_good();
        let raw =
            trust_core::internal::encoding::to_base64(other.certificate_authorities()[0].chain()[0].der());
        case.root["certificateAuthorities"][0]["certChain"]["certificates"] = json!([{ "rawBytes": raw }]);
    });
    denied(
        "authority no longer trusted",
        "the certificate authority `http://127.0.0.1:5010` is trusted",
        |case| {
            case.root["certificateAuthorities"][0]["validFor"]["end"] = "2026-11-01T00:00:00Z".into();
        },
    );
    denied(
        "no certificate log",
        "0 trusted certificate transparency logs vouch for the certificate, expected 1",
        |case| {
            case.root["ctlogs"] = json!([]);
        },
    );
    denied("certificate log no longer trusted", "expected to cover 2026-11-26", |case| {
        case.root["ctlogs"][0]["publicKey"]["validFor"]["end"] = "2026-11-01T00:00:00Z".into();
    });
    denied("log no longer trusted", "log `http://127.0.0.1:5010` is trusted", |case| {
        case.root["tlogs"][0]["publicKey"]["validFor"]["end"] = "2026-11-01T00:00:00Z".into();
    });
}

#[test]
fn another_signer_is_denied() {
    denied("subject", "signed by `https://github.com/myorg/web", |case| {
        case.policy = identity("https://github.com/myorg/web", ISSUER);
    });
    denied("issuer", "expected `https://github.com/myorg/web", |case| {
        case.policy = identity(SUBJECT, "https://token.actions.githubusercontent.com/");
    });
    denied("extension", "with BuildTrigger `push`", |case| {
        let identity = CertificateIdentity::new(Pattern::exact(SUBJECT), Pattern::exact(ISSUER))
            .with_extension(FulcioExtension::BuildTrigger, Pattern::exact("push"));
        case.policy = SignerPolicy::Identity(IdentityPolicy::new([identity]).unwrap());
    });
    denied("key", "bundle was signed with a certificate, expected a key", |case| {
        let root = TrustRoot::public_good();
        case.policy = SignerPolicy::Key(root.transparency_logs()[0].key.clone().into());
    });
}

/// A bundle by a key alone, made by cosign without a network.
fn keyed() -> (Bundle, Digest, PublicKey) {
    let policy = std::fs::read_to_string(data().join("policies/require-release-key.yaml")).unwrap();
    let start = policy.find("-----BEGIN").unwrap();
    let end = policy.find("-----END PUBLIC KEY-----").unwrap() + "-----END PUBLIC KEY-----".len();
    let key = PublicKey::from_pem(&policy[start..end]).unwrap();
    let digest = image("signed");
    (Bundle::from_json(&bundle_about(&digest)).unwrap(), digest, key)
}

#[test]
fn a_key_alone_is_enough_only_when_the_caller_says_so() {
    let (bundle, digest, key) = keyed();
    let (root, now) = (TrustRoot::empty(), "2026-11-22T00:00:00Z".parse().unwrap());
    let policy = SignerPolicy::Key(key.clone().into());
    let verifier = Verifier::new(&root, &RekorLog);
    let verify = |verifier: Verifier<'_>, policy: &SignerPolicy| {
        verifier
            .verify(&bundle, Signed::Digest(&digest), policy, now)
            .map_err(|error| Reasons(&error).to_string())
    };
    assert_eq!(
        verify(verifier, &policy).unwrap_err(),
        "found the signature in 0 trusted transparency logs, expected 1"
    );
    let verifier = verifier.accepting_signatures_in_no_transparency_log();
    let verified = verify(verifier, &policy).unwrap();
    assert_eq!(verified.signer(), &VerifiedSigner::Key(key.fingerprint()));

    let ended = TimeWindow { start: None, end: Some("2026-11-01T00:00:00Z".parse().unwrap()) };
    let expired = SignerPolicy::Key(ManagedKey::new(key).with_validity(ended));
    assert_eq!(
        verify(verifier, &expired).unwrap_err(),
        "the key is valid until 2026-11-01T00:00:00Z, expected to cover 2026-11-22T00:00:00Z"
    );
    assert_eq!(
        verify(verifier, &identity(SUBJECT, ISSUER)).unwrap_err(),
        "bundle was signed with a key, expected a certificate"
    );
}

#[test]
fn hints_that_contradict_each_other_are_denied() {
    let (_, digest, key) = keyed();
    let mut bundle: Value = serde_json::from_slice(&bundle_about(&digest)).unwrap();
    let verify = |bundle: &Value| {
        let (root, policy) = (TrustRoot::empty(), SignerPolicy::Key(key.clone().into()));
        let bundle = Bundle::from_json(bundle.to_string().as_bytes()).unwrap();
        Verifier::new(&root, &RekorLog)
            .accepting_signatures_in_no_transparency_log()
            .verify(&bundle, Signed::Digest(&digest), &policy, "2026-11-22T00:00:00Z".parse().unwrap())
            .map(drop)
            .map_err(|error| Reasons(&error).to_string())
    };
    bundle["dsseEnvelope"]["signatures"][0]["keyid"] = key.hint().into();
    assert_eq!(verify(&bundle), Ok(()));
    bundle["dsseEnvelope"]["signatures"][0]["keyid"] = "another".into();
    let expected = format!("bundle hints at the key `{}`, but its envelope at `another`", key.hint());
    assert_eq!(verify(&bundle), Err(expected));
}

#[test]
fn a_flipped_bit_is_refused_or_means_nothing() {
    let case = Case::new();
    let root = TrustRoot::from_json(case.root.to_string().as_bytes()).unwrap();
    let text = case.bundle.to_string().into_bytes();
    let verify = |text: &[u8]| {
        let bundle = Bundle::from_json(text).ok()?;
        let verifier = Verifier::new(&root, &RekorLog);
        let verified = verifier.verify(&bundle, Signed::Digest(&case.digest), &case.policy, case.now).ok()?;
        Some(serde_json::to_value(&verified).unwrap())
    };
    let good = verify(&text).unwrap();
    let mut refused = 0;
    // Every byte, another bit each time.
    for index in 0..text.len() {
        let mut changed = text.clone();
        changed[index] ^= 1 << (index % 8);
        match verify(&changed) {
            Some(verified) => assert_eq!(verified, good, "byte {index}"),
            None => refused += 1,
        }
    }
    // Root hash and tree size are hints that are not looked at, as are names of fields that are not read.
    assert!(refused > text.len() * 9 / 10, "{refused} of {}", text.len());
}
