//! [`Remembering`]: a back end that verifies each signature once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::{DEFAULT_BACK_END, PublicKey, SignatureAlgorithm, SignatureError, SignatureScheme, Signed};

/// A back end that remembers which signatures were right, so that they are not verified again.
///
/// One signer's attestations share his certificate, and with it the certificate's signature and the logs' promises.
/// What is remembered is the SHA-256 of key, scheme, content and signature: a fact that no trust root, policy or time
/// can change. Wrong signatures are not remembered. When the memory is full it forgets everything.
///
/// ```
/// use std::sync::LazyLock;
/// use trust_core::{Remembering, TrustRoot};
/// static MEMORY: LazyLock<Remembering> = LazyLock::new(|| Remembering::new(100_000));
/// let root = TrustRoot::public_good().with_back_end(&*MEMORY);
/// ```
#[derive(Debug)]
pub struct Remembering {
    inner: &'static dyn SignatureAlgorithm,
    capacity: usize,
    right: Mutex<BTreeSet<[u8; 32]>>,
}

impl Remembering {
    /// Remembers so many signatures, some 50 bytes for each, that the default back end verifies.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self::over(DEFAULT_BACK_END, capacity)
    }

    /// Remembers so many signatures that another back end verifies.
    #[must_use]
    pub fn over(inner: &'static dyn SignatureAlgorithm, capacity: usize) -> Self {
        Self { inner, capacity, right: Mutex::default() }
    }
}

impl SignatureAlgorithm for Remembering {
    fn verify(
        &self,
        key: &PublicKey,
        scheme: SignatureScheme,
        content: Signed<'_>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let digest = scheme.hash().and_then(|hash| content.digest(hash));
        let content = digest.as_ref().map_or(content, Signed::Digest);
        let mut fact = Sha256::new();
        let signed = match content {
            Signed::Message(message) => message,
            Signed::Digest(digest) => digest.as_bytes(),
        };
        for part in [key.spki_der(), scheme.to_string().as_bytes(), signed, signature] {
            fact.update(part.len().to_be_bytes());
            fact.update(part);
        }
        let fact: [u8; 32] = fact.finalize().into();
        // A thread that panicked while it held the lock left a set all the same.
        if self.right.lock().unwrap_or_else(PoisonError::into_inner).contains(&fact) {
            return Ok(());
        }
        self.inner.verify(key, scheme, content, signature)?;
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= self.capacity {
            right.clear();
        }
        if self.capacity > 0 {
            right.insert(fact);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::digest::{Digest, HashAlgorithm};

    /// Says that signatures are right if they are not empty, and counts.
    #[derive(Debug)]
    struct Counting(AtomicUsize);

    impl SignatureAlgorithm for Counting {
        fn verify(
            &self,
            _: &PublicKey,
            _: SignatureScheme,
            _: Signed<'_>,
            signature: &[u8],
        ) -> Result<(), SignatureError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            if signature.is_empty() { Err(SignatureError::Invalid) } else { Ok(()) }
        }
    }

    #[test]
    fn each_right_signature_is_verified_once_and_each_wrong_one_every_time() {
        static COUNTING: Counting = Counting(AtomicUsize::new(0));
        let calls = || COUNTING.0.load(Ordering::Relaxed);
        let memory: &'static Remembering = Box::leak(Box::new(Remembering::over(&COUNTING, 3)));
        let root = crate::TrustRoot::public_good().with_back_end(memory);
        let (key, other) = (&root.transparency_logs()[0].key, &root.certificate_logs()[0].key);
        let (ecdsa, wider) = (key.log_scheme(), SignatureScheme::Ecdsa(HashAlgorithm::Sha384));
        let digest = Digest::sha256(b"content");
        // The same content, whole and by its digest.
        for content in [Signed::Message(b"content"), Signed::Digest(&digest), Signed::Message(b"content")] {
            assert_eq!(key.verify(ecdsa, content, b"signature"), Ok(()));
        }
        assert_eq!(calls(), 1);
        // Each part of it is a part of what is remembered.
        let content = Signed::Message(b"content");
        for verified in [
            other.verify(ecdsa, content, b"signature"),
            key.verify(wider, content, b"signature"),
            key.verify(ecdsa, Signed::Message(b"content "), b"signature"),
            key.verify(ecdsa, content, b"signature "),
        ] {
            assert_eq!(verified, Ok(()));
        }
        assert_eq!(calls(), 5);
        for _ in 0..3 {
            assert_eq!(key.verify(ecdsa, content, b""), Err(SignatureError::Invalid));
        }
        assert_eq!(calls(), 8);
        // It was full, so it forgot the first.
        assert_eq!(key.verify(ecdsa, content, b"signature"), Ok(()));
        assert_eq!(calls(), 9);
    }
}
