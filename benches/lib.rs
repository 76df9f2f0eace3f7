//! What the benchmarks measure on: the embedded set of `examples/data`, and bundles of third parties.

pub mod load;
pub mod random;
pub mod third_party;

use std::fs;
use std::path::{Path, PathBuf};

use trust_core::{Bundle, Content, Digest, TrustRoot};
pub use trust_testkit::AcceptAll;

/// The folder of the embedded set.
#[must_use]
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data")
}

/// The trust root of the embedded set, as text.
#[must_use]
pub fn trust_root_json() -> Vec<u8> {
    fs::read(data().join("trusted-root.json")).expect("the embedded set has a trust root")
}

/// The trust root of the embedded set.
#[must_use]
pub fn trust_root() -> TrustRoot {
    TrustRoot::from_json(&trust_root_json()).expect("the trust root is readable")
}

/// The digest of the image with this tag, and the bundle that signs it, as text.
#[must_use]
pub fn signed_image(tag: &str) -> (Digest, Vec<u8>) {
    let index = fs::read(data().join("images/index.json")).expect("the embedded set has images");
    let index: serde_json::Value = serde_json::from_slice(&index).expect("the index is JSON");
    let image = index["manifests"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| one["annotations"]["org.opencontainers.image.ref.name"] == tag)
        .expect("the tag is there");
    let digest: Digest = image["digest"].as_str().and_then(|text| text.parse().ok()).expect("a digest");
    let is_about = |blob: &Vec<u8>| {
        Bundle::from_json(blob).is_ok_and(|bundle| match bundle.unverified_content() {
            Content::Envelope(envelope) => {
                String::from_utf8_lossy(envelope.payload()).contains(&digest.to_hex())
            }
            Content::Message { .. } => false,
        })
    };
    let bundle = fs::read_dir(data().join("images/blobs/sha256"))
        .expect("the layout has blobs")
        .filter_map(|blob| fs::read(blob.ok()?.path()).ok())
        .find(is_about)
        .expect("the image is signed");
    (digest, bundle)
}
