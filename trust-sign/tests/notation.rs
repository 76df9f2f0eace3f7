//! What is signed here, real notation verifies, and what it signs is verified here: in real registries, in both forms, with real
//! timestamps, and from an archive.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

mod registry;

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};
use trust_core::internal::pem;
use trust_core::notation::EnvelopeForm;
use trust_core::{Certificate, ImageRef};
use trust_gate::{
    Boxed, Deadline, EvidenceStore, HttpRequest, HttpResponse, Limits, Objects, OciLayout, Pusher,
    Repositories, Transport, TransportError, collect_for_async, notation_policies,
};
use trust_policy::{Decision, PolicySet, Trust, Verdict, evaluate};
use trust_sign::{ImageTarget, NotationSigner, PrivateKey, Stage, push_envelope};
use trust_testkit::judge::{pod, request};
use trust_testkit::notation::{around_now, chain, leaf_extensions};
use trust_testkit::sigstore::{
    Issuer, Key, TIME_STAMPING, Template, basic_constraints, certificate, extended_key_usage, extension,
    key_usage, timestamp,
};

use crate::registry::{World, http, now, soon};

/// A key, its certificates, and what notation must have to sign with it and to verify it.
struct Holder {
    key: Key,
    chain: Vec<Vec<u8>>,
}

impl Holder {
    fn new(key: Key) -> Self {
        let (from, to) = around_now();
        Self { chain: chain(&key, leaf_extensions(), (&from, &to)), key }
    }

    fn certificates(&self) -> Vec<Certificate> {
        self.chain.iter().map(|der| Certificate::from_der(der).unwrap()).collect()
    }

    fn pem(&self, from: usize) -> String {
        self.chain[from..].iter().map(|der| pem::encode("CERTIFICATE", der)).collect()
    }

    fn signer(&self) -> NotationSigner {
        NotationSigner::new(PrivateKey::from_pem(&self.key.private_pem()).unwrap(), self.certificates())
            .unwrap()
    }
}

fn trust_policy(stores: &[&str]) -> Value {
    json!({"version": "1.0", "trustPolicies": [{"name": "images", "registryScopes": ["*"],
        "signatureVerification": {"level": "strict"}, "trustStores": stores, "trustedIdentities": ["*"]}]})
}

impl World {
    /// Tells notation whom to trust, and with what to sign.
    fn configure(&self, holder: &Holder, timestamps: Option<&str>) {
        let folder = self.path().join("notation");
        let stores: Vec<&str> = ["ca:acme", "tsa:acme"][..1 + usize::from(timestamps.is_some())].to_vec();
        for (kind, certificate) in [("ca", Some(holder.pem(2))), ("tsa", timestamps.map(str::to_owned))] {
            let store = folder.join("truststore/x509").join(kind).join("acme");
            fs::create_dir_all(&store).unwrap();
            if let Some(certificate) = certificate {
                fs::write(store.join("root.pem"), certificate).unwrap();
            }
        }
        fs::write(folder.join("trustpolicy.json"), trust_policy(&stores).to_string()).unwrap();
        let (key, certificate) = (folder.join("key.pem"), folder.join("chain.crt"));
        fs::write(&key, holder.key.private_pem()).unwrap();
        fs::write(&certificate, holder.pem(0)).unwrap();
        let keys =
            json!({"default": "ours", "keys": [{"name": "ours", "keyPath": key, "certPath": certificate}]});
        fs::write(folder.join("signingkeys.json"), keys.to_string()).unwrap();
    }

    /// Whether notation verifies the image: what it says.
    fn verified_by_notation(&self, more: &[&str]) -> Result<String, String> {
        let image = self.image();
        let output = self
            .command("notation", &[&["verify", "--insecure-registry"], more, &[&image]].concat())
            .output()
            .unwrap();
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() { Ok(text) } else { Err(text) }
    }

    /// The verdict on a pod with the image, by the same files that notation has.
    async fn judged_here(&self) -> Verdict {
        judged(&self.registry(), self).await
    }
}

async fn judged(store: &dyn EvidenceStore, world: &World) -> Verdict {
    let policies = PolicySet::from_yaml(&notation_policies(&world.path().join("notation")).unwrap()).unwrap();
    let (request, objects, limits) = (request(pod(&world.image())), Objects::default(), Limits::default());
    let evidence = collect_for_async(&policies, &request, store, &objects, &limits, now(), soon()).await;
    evaluate(&policies, &request, &evidence, &Trust::keys_only(), now())
}

/// Each kind of key, in each form.
async fn both_ways(registry: &[&str]) {
    let Some(world) = World::new(registry, &["notation", "oras"]) else { return };
    let (pusher, target) = (Pusher::new(world.registry()), world.target().await);
    let notes = BTreeMap::from([("build".to_owned(), "7".to_owned())]);
    let mut keys = vec![Key::p256(40), Key::p384(45), Key::p521(46)];
    if cfg!(feature = "aws-lc") {
        keys.extend([2048, 3072, 4096].map(Key::rsa));
    }
    for key in keys {
        let holder = Holder::new(key);
        world.configure(&holder, None);
        for form in [EnvelopeForm::Jws, EnvelopeForm::Cose] {
            let signer = holder.signer().with_form(form).valid_for(86_400_000);
            let signed = signer.sign(&target, &notes, now(), soon()).await.unwrap();
            push_envelope(&pusher, &target, &signed, now(), soon()).await.unwrap();
            let found = world.verified_by_notation(&["-m", "build=7"]).unwrap();
            assert!(found.contains("Successfully verified"), "{found}");
            let verdict = world.judged_here().await;
            assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
        }
    }
    // Another's certificates: neither takes it.
    let stranger = Holder { chain: own_chain(), key: Key::p256(47) };
    world.configure(&stranger, None);
    assert!(world.verified_by_notation(&[]).unwrap_err().contains("signature verification failed"));
    let verdict = world.judged_here().await;
    assert!(verdict.to_string().contains("no trust store"), "{verdict}");
    // And what notation signs is verified here.
    let theirs = [
        ("jws", Key::p256(50)),
        ("cose", Key::p384(51)),
        ("jws", Key::p521(52)),
        ("jws", Key::rsa(2048)),
        ("cose", Key::rsa(3072)),
        ("jws", Key::rsa(4096)),
    ];
    for (form, key) in theirs {
        let Some(theirs) = World::new(registry, &["notation", "oras"]) else { return };
        let holder = Holder::new(key);
        theirs.configure(&holder, None);
        let before = theirs.judged_here().await;
        assert!(before.to_string().contains("found no signature"), "{before}");
        let arguments =
            ["sign", "--insecure-registry", "--signature-format", form, "-e", "24h", &theirs.image()];
        theirs.tool("notation", &arguments);
        let verdict = theirs.judged_here().await;
        assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
        from_an_archive(&theirs).await;
    }
}

fn own_chain() -> Vec<Vec<u8>> {
    let (from, to) = around_now();
    trust_testkit::notation::chain_of(
        "C=US,ST=WA,O=Other",
        &Key::p384(48),
        &Key::p256(47),
        leaf_extensions(),
        (&from, &to),
    )
}

/// The same image, copied into a folder, is judged without a network.
async fn from_an_archive(world: &World) {
    let image: ImageRef = world.image().parse().unwrap();
    let copied = world.path().join("copy");
    let target = format!("{}:v1", copied.display());
    world.tool("oras", &["cp", "-r", "--from-plain-http", "--to-oci-layout", &world.image(), &target]);
    let mut repositories = Repositories::new();
    repositories.insert(image.clone(), OciLayout::open(&copied).unwrap());
    let verdict = judged(&repositories, world).await;
    assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn notation_and_we_verify_each_other_by_the_referrers_api() {
    both_ways(&["registry"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn notation_and_we_verify_each_other_by_the_referrers_tag() {
    both_ways(&["registry", "-referrers=false"]).await;
}

/// Timestamps of a real authority, made for us and for notation.
#[tokio::test(flavor = "multi_thread")]
async fn timestamps_count_for_both() {
    let Some(world) = World::new(&["registry"], &["notation", "oras"]) else { return };
    let authority = world.servers.start(&["tsa"]);
    let chain = fs::read_to_string(&authority["TSA_CHAIN"]).unwrap();
    let root = pem::split_blocks(&chain).pop().unwrap().to_owned();
    let url = &authority["TSA_URL"];
    let holder = Holder::new(Key::p256(40));
    world.configure(&holder, Some(&root));
    let (pusher, target) = (Pusher::new(world.registry()), world.target().await);
    let roots = vec![Certificate::from_pem(&root).unwrap()];
    for form in [EnvelopeForm::Jws, EnvelopeForm::Cose] {
        let signer = holder.signer().with_form(form).stamped_by(url, http(), roots.clone());
        let signed = signer.sign(&target, &BTreeMap::new(), now(), soon()).await.unwrap();
        assert!(signed.verified.unverified_timestamp().is_some());
        push_envelope(&pusher, &target, &signed, now(), soon()).await.unwrap();
        let found = world.verified_by_notation(&[]).unwrap_or_else(|error| panic!("{form:?}: {error}"));
        assert!(found.contains("Successfully verified"), "{found}");
        let verdict = world.judged_here().await;
        assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
        assert!(verdict.to_string().contains("valid when it was signed, by"), "{verdict}");
    }
    let theirs = World::new(&["registry"], &["notation", "oras"]).unwrap();
    theirs.configure(&holder, Some(&root));
    fs::write(theirs.path().join("tsa.pem"), &root).unwrap();
    let stamped = ["--timestamp-url", url.as_str(), "--timestamp-root-cert", "tsa.pem"];
    theirs.tool("notation", &[&["sign", "--insecure-registry"], &stamped[..], &[&theirs.image()]].concat());
    let verdict = theirs.judged_here().await;
    assert_eq!(verdict.decision, Decision::Allow, "{verdict}");
}

#[tokio::test]
async fn what_cannot_be_signed_says_why() {
    let holder = Holder::new(Key::p256(40));
    let other = PrivateKey::from_pem(&Key::p256(41).private_pem()).unwrap();
    let error = NotationSigner::new(other, holder.certificates()).unwrap_err();
    assert!(error.to_string().contains("not of the key that signs"), "{error}");
    let target = target().await;
    let reserved = BTreeMap::from([("io.cncf.notary.a".to_owned(), String::new())]);
    let error = holder.signer().sign(&target, &reserved, now(), soon()).await.unwrap_err();
    assert!(error.stage == Stage::Begin && error.to_string().contains("is reserved"), "{error}");
    let mut short = holder.certificates();
    short.truncate(1);
    let key = PrivateKey::from_pem(&holder.key.private_pem()).unwrap();
    let error = NotationSigner::new(key, short)
        .unwrap()
        .sign(&target, &BTreeMap::new(), now(), soon())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("expected a root"), "{error}");
    let nowhere = holder.signer().stamped_by("http://127.0.0.1:9/", http(), holder.certificates());
    let error = nowhere.sign(&target, &BTreeMap::new(), now(), soon()).await.unwrap_err();
    assert_eq!(error.stage, Stage::Timestamp, "{error}");
}

/// A timestamp authority whose certificate has a key usage that is critical, or not.
#[derive(Debug)]
struct Stamps {
    is_critical: bool,
}

impl Stamps {
    fn certificate(&self, subject: &str, key: &Key, extensions: Vec<Vec<u8>>) -> Vec<u8> {
        let ((from, to), root) = (around_now(), Key::p256(80));
        let template = Template { subject, key, validity: (&from, &to), extensions };
        certificate(&template, &Issuer { name: "stamps", key: &root })
    }

    fn root(&self) -> Vec<u8> {
        self.certificate("stamps", &Key::p256(80), vec![basic_constraints(None), key_usage(0x06)])
    }
}

impl Transport for Stamps {
    fn send<'a>(
        &'a self,
        request: HttpRequest,
        _: Deadline,
    ) -> Boxed<'a, Result<HttpResponse, TransportError>> {
        // The imprint is the one octet string of 32 bytes.
        let place = request.body.windows(2).position(|head| head == [4, 32]).unwrap() + 2;
        let usage = extension("2.5.29.15", self.is_critical, &[3, 2, 7, 0x80]);
        let key = Key::p256(81);
        let leaf = self.certificate("stamp", &key, vec![usage, extended_key_usage(true, &[TIME_STAMPING])]);
        let digits: String = now().to_string().chars().take(19).filter(char::is_ascii_digit).collect();
        let (imprint, time) = (&request.body[place..place + 32], format!("{digits}Z"));
        let token = timestamp(imprint, &time, &leaf, "stamps", &key, std::slice::from_ref(&leaf), 1);
        Box::pin(async { Ok(HttpResponse::new(200, Vec::new(), token)) })
    }
}

/// CVE-2024-56138 and its like: a timestamp that a verifier refuses is refused when it is made.
#[tokio::test]
async fn a_timestamp_that_would_not_count_is_not_used() {
    let holder = Holder::new(Key::p256(40));
    for is_critical in [true, false] {
        let stamps = Stamps { is_critical };
        let root = Certificate::from_der(&stamps.root()).unwrap();
        let signer = holder.signer().stamped_by("http://tsa.example/", stamps, vec![root]);
        match signer.sign(&target().await, &BTreeMap::new(), now(), soon()).await {
            Ok(signed) => assert!(is_critical && signed.verified.unverified_timestamp().is_some()),
            Err(error) => {
                assert!(!is_critical && error.stage == Stage::Timestamp, "{error}");
                assert!(error.to_string().contains("has no critical keyUsage"), "{error}");
            }
        }
    }
}

/// RSA signs by PSS in envelopes, with the hash of its length.
#[cfg(feature = "aws-lc")]
#[tokio::test]
async fn keys_of_rsa_sign_by_pss() {
    for bits in [2048, 3072, 4096] {
        let holder = Holder::new(Key::rsa(bits));
        for form in [EnvelopeForm::Jws, EnvelopeForm::Cose] {
            let signer = holder.signer().with_form(form);
            signer.sign(&target().await, &BTreeMap::new(), now(), soon()).await.unwrap();
        }
    }
}

/// An image in a folder of this repository.
async fn target() -> ImageTarget {
    let layout = OciLayout::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/images")).unwrap();
    let image: ImageRef = "registry.example/acme/app:unsigned".parse().unwrap();
    let mut repositories = Repositories::new();
    repositories.insert(image.clone(), layout);
    ImageTarget::find(&repositories, &image, soon()).await.unwrap()
}
