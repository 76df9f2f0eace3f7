//! Signs and attests container images, so that cosign or notation, and the verifier of these crates, accept it.
//!
//! It is the one crate that holds private keys. A [`Signer`] signs with a [`SigningKey`], or with the identity that a token names
//! ([`Signer::with_identity`]); timestamp authorities and transparency logs see the signature; and what comes out has been verified by
//! our own [`Verifier`](trust_core::Verifier) before anyone gets it.
//!
//! ```no_run
//! use std::collections::BTreeMap;
//! use std::time::Duration;
//!
//! use trust_core::{TrustRoot, UnixTime};
//! use trust_gate::{Deadline, Pusher, Registry};
//! use trust_sign::{ImageTarget, Inline, PrivateKey, Signer, attestation, predicate_type, push_bundle};
//!
//! # async fn sign(registry: Registry, now: UnixTime) -> Result<(), Box<dyn std::error::Error>> {
//! let key = PrivateKey::from_encrypted_pem(&std::fs::read_to_string("cosign.key")?, b"password")?;
//! let signer = Signer::with_key(key, TrustRoot::public_good());
//! let (until, pusher) = (Deadline::after(Duration::from_secs(30)), Pusher::new(registry.clone()));
//!
//! let target = ImageTarget::find(&registry, &"ghcr.io/acme/app:v1".parse()?, until).await?;
//! let signed = signer.sign(&target.signature(&BTreeMap::new())?, until).await?;
//! push_bundle(&pusher, &target, &signed, Inline::No, now, until).await?;
//!
//! let sbom = std::fs::read_to_string("app.cdx.json")?;
//! let attested = signer.sign(&attestation(&target, predicate_type("cyclonedx")?, &sbom)?, until).await?;
//! push_bundle(&pusher, &target, &attested, Inline::No, now, until).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A verdict becomes an attestation in the same way: [`Verdict::to_summaries`](trust_policy::Verdict::to_summaries) makes the statement,
//! [`Signer::sign`] signs it.
//!
//! Each file is about one noun, and imports only from files above it in this list:
//!
//! | file | holds | follows |
//! |---|---|---|
//! | `exchange` | one question to a service | |
//! | `key` | [`SigningKey`], [`PrivateKey`] | RFC 5208, RFC 5915, RFC 6979; cosign's encrypted keys; PKCS #11, RFC 7512 |
//! | `identity_token` | [`IdentityToken`], [`TokenSource`], [`AmbientToken`] | OpenID Connect |
//! | `sign_error` | [`SignError`]: its [`Stage`], and what is [`Published`] all the same | |
//! | `fulcio`, `timestamp_authority`, `rekor` | what each service is asked | Fulcio's API, RFC 3161, Rekor's APIs |
//! | `signer` | [`Signer`] | Sigstore's client specification |
//! | `image` | [`ImageTarget`] | cosign's payloads |
//! | `attestation` | [`attestation()`], [`ProvenanceBuilder`] | in-toto, SLSA provenance v1 |
//! | `push` | [`push_bundle`], [`push_layer`] | cosign's specifications, OCI 1.1 |
//! | `notation` | [`NotationSigner`], [`push_envelope`] | the Notary Project's specifications |
//! | `copy` | [`copy()`] | |

mod exchange;

mod key;

mod identity_token;

mod sign_error;

mod fulcio;
mod rekor;
mod timestamp_authority;

mod signer;

mod image;

mod attestation;

mod push;

mod notation;

mod copy;

pub use attestation::{AttestationError, ProvenanceBuilder, attestation, predicate_type};
pub use copy::{Copied, copy};
pub use identity_token::{AUDIENCE, AmbientToken, IdentityToken, TokenError, TokenSource};
pub use image::ImageTarget;
pub use key::{KeyError, PrivateKey, SigningKey};
#[cfg(feature = "pkcs11")]
pub use key::{Pkcs11Key, Pkcs11Uri};
pub use notation::{NotationSigner, SignedEnvelope, push_envelope};
pub use push::{Inline, push_bundle, push_layer};
pub use rekor::RekorApi;
pub use sign_error::{Published, SignError, Stage};
pub use signer::{SignedBundle, SignedLayer, Signer};
