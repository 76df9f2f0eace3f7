//! The crate `sigstore` reads our keys and we read its keys, and its client verifies an image that we signed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sigstore::cosign::verification_constraint::{PublicKeyVerifier, VerificationConstraintVec};
use sigstore::cosign::{ClientBuilder, CosignCapabilities as _, verify_constraints};
use sigstore::crypto::SigningScheme;
use sigstore::crypto::signing_key::SigStoreKeyPair;
use sigstore::registry::{Auth, ClientConfig, ClientProtocol, OciReference};
use trust_core::{KeyAlgorithm, Signed, TrustRoot};
use trust_gate::{Deadline, Http, Pusher, Registry, RegistryHost};
use trust_sign::{ImageTarget, PrivateKey, Signer, SigningKey as _, push_layer};
use trust_testkit::servers::{Servers, run, tool};

const PASSWORD: &[u8] = b"correct horse";

/// What the crate has: it knows no P-521.
const KEYS: [(KeyAlgorithm, SigningScheme); 3] = [
    (KeyAlgorithm::EcdsaP256, SigningScheme::ECDSA_P256_SHA256_ASN1),
    (KeyAlgorithm::EcdsaP384, SigningScheme::ECDSA_P384_SHA384_ASN1),
    (KeyAlgorithm::Ed25519, SigningScheme::ED25519),
];

#[test]
fn encrypted_keys_are_read_both_ways() {
    for (algorithm, scheme) in KEYS {
        let ours = PrivateKey::generate(algorithm).unwrap();
        let text = ours.to_encrypted_pem(PASSWORD).unwrap();
        let theirs = SigStoreKeyPair::from_encrypted_pem(text.as_bytes(), PASSWORD).unwrap();
        assert_eq!(theirs.public_key_to_der().unwrap(), ours.public_key().spki_der());
        assert!(SigStoreKeyPair::from_encrypted_pem(text.as_bytes(), b"another").is_err());
        let signature = theirs.to_sigstore_signer(&scheme).unwrap().sign(b"message").unwrap();
        ours.public_key().verify(ours.scheme(), Signed::Message(b"message"), &signature).unwrap();

        let theirs = scheme.create_signer().unwrap().to_sigstore_keypair().unwrap();
        let text = theirs.private_key_to_encrypted_pem(PASSWORD).unwrap();
        let ours = PrivateKey::from_encrypted_pem(&text, PASSWORD).unwrap();
        assert_eq!(theirs.public_key_to_der().unwrap(), ours.public_key().spki_der());
        let plain = PrivateKey::from_pem(&theirs.private_key_to_pem().unwrap()).unwrap();
        assert_eq!(plain.public_pem(), ours.public_pem());
    }
}

#[test]
fn its_client_verifies_an_image_that_is_signed_here() {
    let (Some(servers), Some(mut oras)) = (Servers::new(), tool("oras")) else { return };
    let host = servers.start(&["registry"])["OCIREF"].trim_start_matches("http://").to_owned();
    let image = format!("{host}/acme/app:v1");
    let layout = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/images:unsigned");
    run(oras.args(["cp", "--from-oci-layout", layout, "--to-plain-http", &image]));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(verify(&host, &image));
}

async fn verify(host: &str, image: &str) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let registry =
        Registry::builder(Http::new(tls).unwrap()).host(host, RegistryHost::new().plain_http()).build();
    let soon = || Deadline::after(Duration::from_secs(60));
    let target = ImageTarget::find(&registry, &image.parse().unwrap(), soon()).await.unwrap();
    let pusher = Pusher::new(registry);
    let mut keys = Vec::new();
    for (algorithm, _) in KEYS {
        let key = PrivateKey::generate(algorithm).unwrap();
        keys.push(key.public_pem());
        let signer = Signer::with_key(key, TrustRoot::empty());
        let notes = BTreeMap::from([("key".to_owned(), algorithm.to_string())]);
        let layer = signer.sign_image_layer(&target.simple_signing(&notes), soon()).await.unwrap();
        push_layer(&pusher, &target, &layer, soon()).await.unwrap();
    }

    let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
    let mut client = ClientBuilder::default().with_oci_client_config(config).build().unwrap();
    let reference: OciReference = image.parse().unwrap();
    let (_, digest) = client.triangulate(&reference, &Auth::Anonymous).await.unwrap();
    assert_eq!(digest, target.digest.to_string());
    let layers = client.trusted_signature_layers(&Auth::Anonymous, &reference).await.unwrap();
    assert_eq!(layers.len(), KEYS.len());
    let verifies = |pem: &str| {
        let constraint = PublicKeyVerifier::try_from(pem.as_bytes()).unwrap();
        let constraints: VerificationConstraintVec = vec![Box::new(constraint)];
        verify_constraints(&layers, constraints.iter()).is_ok()
    };
    assert!(keys.iter().all(|key| verifies(key)));
    assert!(!verifies(&PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap().public_pem()));
}
