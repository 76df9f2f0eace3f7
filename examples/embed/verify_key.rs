//! Verify that a key signed an image: fetch what is stored beside it, and verify each of it.

use std::error::Error;

use trust_core::{ManagedKey, PublicKey, Reasons, SignerPolicy, TrustRoot, UnixTime, Verifier};
use trust_gate::{Limits, OciLayout, collect};
use trust_rekor::RekorLog;

const KEY: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEn7CjRjD1YBPkelMtDpZ9SXXU88PS
JH8QiM1q+Mfr+iDVhT+5D2NYX6DVLdpki4VWNlWO0HhWGzG4elwEHl8l5Q==
-----END PUBLIC KEY-----";

fn main() -> Result<(), Box<dyn Error>> {
    let layout = OciLayout::open(concat!(env!("CARGO_MANIFEST_DIR"), "/data/images"))?;
    let image = std::env::args().nth(1).unwrap_or_else(|| "ghcr.io/myorg/app:signed".to_owned());
    let found = collect(&layout, &image.parse()?, &Limits::default());
    let digest = found.digest?; // what the tag stood for; run this, not the tag
    let now: UnixTime = "2026-12-01T00:00:00Z".parse()?;

    // A key needs no certificates, and these images are in no log: without the last call that is refused.
    let root = TrustRoot::public_good();
    let verifier = Verifier::new(&root, &RekorLog).accepting_signatures_in_no_transparency_log();
    let signer = SignerPolicy::Key(ManagedKey::new(PublicKey::from_pem(KEY)?));
    for artifact in found.artifacts {
        match artifact.verify(&digest, &signer, &verifier, now) {
            Ok(verified) => {
                println!("{digest} is signed by {}", verified.signer());
                return Ok(());
            }
            Err(error) => println!("{}: {}", artifact.location, Reasons(&error)),
        }
    }
    Err("no signature of the image verifies".into())
}
