//! Signing an image with a key and pushing the signature: into a folder, and to a registry that takes 20 ms to answer, in turns with
//! real cosign where it is installed.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench sign`; `-- --test` does each once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)] // a benchmark may

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use trust_benches::data;
use trust_core::{ImageRef, KeyAlgorithm, TrustRoot};
use trust_gate::{Deadline, EvidenceStore, Http, OciLayout, OciLayoutWriter, Pusher, Registry, RegistryHost};
use trust_sign::{ImageTarget, Inline, PrivateKey, Signer, push_bundle};
use trust_testkit::servers::{Servers, run, tool};

const PASSWORD: &str = "correct horse";
const DELAY: &str = "20ms";

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

/// Finds the image, signs it, and pushes the bundle. The annotation makes each signature another.
async fn sign(stores: &dyn EvidenceStore, pusher: &Pusher, image: &ImageRef, signer: &Signer, run: usize) {
    let target = ImageTarget::find(stores, image, soon()).await.unwrap();
    let notes = BTreeMap::from([("run".to_owned(), run.to_string())]);
    let signed = signer.sign(&target.signature(&notes).unwrap(), soon()).await.unwrap();
    push_bundle(pusher, &target, &signed, Inline::No, trust_gate::internal::now(), soon()).await.unwrap();
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn main() {
    let is_test = std::env::args().any(|one| one == "--test");
    let runs = if is_test { 1 } else { 21 };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    fs::write(folder.path().join("our.key"), key.to_encrypted_pem(PASSWORD.as_bytes()).unwrap()).unwrap();
    let signer = Signer::with_key(key, TrustRoot::empty());
    let timed = |work: &mut dyn FnMut(usize)| {
        median(
            (0..runs)
                .map(|run| {
                    let start = Instant::now();
                    work(run);
                    start.elapsed()
                })
                .collect(),
        )
    };
    println!("into a folder: {:?}", timed(&mut |run| in_folder(&runtime, folder.path(), &signer, run)));

    let (Some(servers), Some(_)) = (Servers::new(), tool("cosign").and(tool("oras"))) else { return };
    let host =
        servers.start(&["registry", "-delay", DELAY])["OCIREF"].trim_start_matches("http://").to_owned();
    let image = format!("{host}/acme/app:v1");
    let layout = format!("{}:unsigned", data().join("images").display());
    run(tool("oras").unwrap().args(["cp", "--from-oci-layout", &layout, "--to-plain-http", &image]));
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..runs {
        let start = Instant::now();
        // As a program does that is started for it: nothing is cached, and the key is decrypted.
        let text = fs::read_to_string(folder.path().join("our.key")).unwrap();
        let key = PrivateKey::from_encrypted_pem(&text, PASSWORD.as_bytes()).unwrap();
        let signer = Signer::with_key(key, TrustRoot::empty());
        let registry = Registry::builder(http()).host(&host, RegistryHost::new().plain_http()).build();
        let pusher = Pusher::new(registry.clone());
        runtime.block_on(sign(&registry, &pusher, &image.parse().unwrap(), &signer, turn));
        times[0].push(start.elapsed());

        let start = Instant::now();
        let note = format!("run=cosign{turn}");
        run(tool("cosign").unwrap().current_dir(folder.path()).env("COSIGN_PASSWORD", PASSWORD).args([
            "sign",
            "--yes",
            "--key",
            "our.key",
            "--allow-http-registry",
            "--use-signing-config=false",
            "--tlog-upload=false",
            "-a",
            &note,
            &image,
        ]));
        times[1].push(start.elapsed());
    }
    let [ours, cosign] = times.map(median);
    let ratio = ours.as_secs_f64() / cosign.as_secs_f64();
    println!("to a registry {DELAY} away: {ours:?}, cosign {cosign:?}, ratio {ratio:.2}");
}

fn in_folder(runtime: &tokio::runtime::Runtime, folder: &Path, signer: &Signer, turn: usize) {
    let layout = folder.join("layout");
    if !layout.exists() {
        copy(&data().join("images"), &layout);
    }
    let pusher = Pusher::new(OciLayoutWriter::open(&layout).unwrap());
    let image = "example.com/acme/app:unsigned".parse().unwrap();
    runtime.block_on(sign(&OciLayout::open(&layout).unwrap(), &pusher, &image, signer, turn));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

fn http() -> Http {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    Http::new(tls).unwrap()
}
