//! Verify that a workflow signed an image: certificate, log entries and timestamps, by a trust root.

use std::error::Error;

use trust_core::{
    CertificateIdentity, IdentityPolicy, Pattern, Reasons, SignerPolicy, TrustRoot, UnixTime, Verifier,
};
use trust_gate::{Limits, OciLayout, collect};
use trust_rekor::RekorLog;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data");

fn main() -> Result<(), Box<dyn Error>> {
    let layout = OciLayout::open(format!("{DATA}/images"))?;
    let image = std::env::args().nth(1).unwrap_or_else(|| "ghcr.io/myorg/web:keyless".to_owned());
    let found = collect(&layout, &image.parse()?, &Limits::default());
    let digest = found.digest?;
    let now: UnixTime = "2026-12-01T00:00:00Z".parse()?;

    // `TrustRoot::public_good()` for Sigstore's public instance; this one is made for the embedded set.
    let root = TrustRoot::from_json(&std::fs::read(format!("{DATA}/trusted-root.json"))?)?;
    let workflow =
        Pattern::wildcard("https://github.com/myorg/web/.github/workflows/release.yml@refs/tags/*");
    let issuer = Pattern::exact("https://token.actions.githubusercontent.com");
    let signer = SignerPolicy::Identity(IdentityPolicy::new([CertificateIdentity::new(workflow, issuer)])?);
    let verifier = Verifier::new(&root, &RekorLog);
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
