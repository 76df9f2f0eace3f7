//! Signs and attests images.

mod exchange;

mod key;

mod identity_token;

mod signer;

mod image;

mod attestation;

mod push;

mod copy;

pub use attestation::{AttestationError, ProvenanceBuilder, attestation, predicate_type};
pub use copy::{Copied, copy};
pub use identity_token::{AUDIENCE, AmbientToken, IdentityToken, TokenError, TokenSource};
pub use image::ImageTarget;
pub use key::{KeyError, PrivateKey, SigningKey};
pub use push::{Inline, push_bundle, push_layer};
pub use signer::{Published, SignError, SignedBundle, SignedLayer, Signer, Stage};
