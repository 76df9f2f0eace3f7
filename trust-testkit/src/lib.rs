//! What the tests of these crates share. It is not published, and panics where a test would.
//!
//! - [`vectors`]: where test vectors by third parties are.
//! - [`servers`]: real servers and tools, for interoperability.
//! - [`sigstore`]: a small Sigstore in one process, which makes every kind of right and wrong bundle.
//! - [`artifacts`]: signatures and attestations by keys, as cosign 2 stores them.
//! - [`notation`]: signatures of the Notary Project, right until a test changes one.
//! - [`judge`]: pods, and verdicts on them.
//! - [`tuf`]: a TUF repository.
//! - [`AcceptAll`]: a back end to which every signature is right.

pub mod artifacts;
pub mod judge;
pub mod notation;
pub mod revocation;
pub mod servers;
pub mod sigstore;
pub mod tuf;
pub mod vectors;

use trust_core::{PublicKey, SignatureAlgorithm, SignatureError, SignatureScheme, Signed};

/// A back end to which every signature is right: a test or a fuzzer sees what else is checked.
#[derive(Clone, Copy, Debug)]
pub struct AcceptAll;

impl SignatureAlgorithm for AcceptAll {
    fn verify(
        &self,
        _: &PublicKey,
        _: SignatureScheme,
        _: Signed<'_>,
        _: &[u8],
    ) -> Result<(), SignatureError> {
        Ok(())
    }
}

/// The clock's time, for tests with real tools.
pub fn now() -> trust_core::UnixTime {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    trust_core::UnixTime::from_millis(i64::try_from(elapsed.as_millis()).unwrap())
}
