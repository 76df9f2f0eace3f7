//! [`TrustStore`]: the roots that a trust policy names
//! ([trust store](https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md#trust-store)).

use core::fmt;

use thiserror::Error;

use super::chain::is_self_signed;
use crate::text::pem;
use crate::x509::certificate::{Certificate, CertificateError};

/// What the certificates of a store are trusted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StoreKind {
    /// `ca`: signatures of the scheme `notary.x509`.
    CertificateAuthority,
    /// `signingAuthority`: signatures of the scheme `notary.x509.signingAuthority`.
    SigningAuthority,
    /// `tsa`: timestamps.
    TimestampAuthority,
}

impl StoreKind {
    /// The kind as it is written, which is also the name of its folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CertificateAuthority => "ca",
            Self::SigningAuthority => "signingAuthority",
            Self::TimestampAuthority => "tsa",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::CertificateAuthority, Self::SigningAuthority, Self::TimestampAuthority]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Certificates that are trusted as roots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustStore {
    kind: StoreKind,
    certificates: Vec<Certificate>,
}

/// Certificates cannot be a trust store.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrustStoreError {
    /// There are none.
    #[error("trust store is empty, expected at least one certificate")]
    Empty,
    /// A file holds no certificate.
    #[error("`{file}` holds no certificate in PEM or DER")]
    File {
        /// Which.
        file: String,
        /// Why not.
        source: CertificateError,
    },
    /// One is neither a certification authority nor its own issuer; for timestamps, not both.
    #[error("{certificate} cannot be trusted as a root: expected {expected}")]
    NotRoot {
        /// Which.
        certificate: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl TrustStore {
    /// Trusts the certificates of these files, by name and content: one in DER, or one or more in PEM. The caller vouches for them.
    ///
    /// # Errors
    /// If a file holds anything else, there are none, or a certificate could not be a root.
    pub fn of_files<'a>(
        kind: StoreKind,
        files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, TrustStoreError> {
        let mut certificates = Vec::new();
        for (file, content) in files {
            let unreadable = |source| TrustStoreError::File { file: file.to_owned(), source };
            match core::str::from_utf8(content).ok().filter(|text| text.contains("-----BEGIN")) {
                Some(text) => {
                    for block in pem::split_blocks(text.trim()) {
                        certificates.push(Certificate::from_pem(block).map_err(unreadable)?);
                    }
                }
                None => certificates.push(Certificate::from_der(content).map_err(unreadable)?),
            }
        }
        Self::assertion(kind, certificates)
    }

    /// Trusts these certificates. The caller vouches for them.
    ///
    /// # Errors
    /// If there are none, or one could not be a root: whoever puts another's certificate there would trust more than it looks like.
    pub fn assertion(kind: StoreKind, certificates: Vec<Certificate>) -> Result<Self, TrustStoreError> {
        if certificates.is_empty() {
            return Err(TrustStoreError::Empty);
        }
        let expected = match kind {
            StoreKind::TimestampAuthority => "a certification authority that is its own issuer",
            _ => "a certification authority, or a certificate that is its own issuer",
        };
        let is_root = |one: &&Certificate| {
            let is_authority = one.basic_constraints().is_ok_and(|found| found.is_some_and(|found| found.ca));
            let is_own = is_self_signed(one);
            if kind == StoreKind::TimestampAuthority {
                is_authority && is_own
            } else {
                is_authority || is_own
            }
        };
        match certificates.iter().find(|one| !is_root(one)) {
            Some(other) => Err(TrustStoreError::NotRoot { certificate: other.to_string(), expected }),
            None => Ok(Self::of(kind, certificates)),
        }
    }

    /// Trusts signatures with one of these certificates in their chain: a root, an intermediate, or the signer's own. The caller vouches for
    /// them. Of timestamp authorities only [roots](Self::assertion) can be trusted.
    ///
    /// # Errors
    /// If there are none.
    pub fn pinning(kind: StoreKind, certificates: Vec<Certificate>) -> Result<Self, TrustStoreError> {
        match kind {
            StoreKind::TimestampAuthority => Self::assertion(kind, certificates),
            _ if certificates.is_empty() => Err(TrustStoreError::Empty),
            _ => Ok(Self::of(kind, certificates)),
        }
    }

    /// Their order has no meaning.
    fn of(kind: StoreKind, mut certificates: Vec<Certificate>) -> Self {
        certificates.sort_by(|one, other| one.der().cmp(other.der()));
        certificates.dedup();
        Self { kind, certificates }
    }

    /// What the certificates are trusted for.
    #[must_use]
    pub fn kind(&self) -> StoreKind {
        self.kind
    }

    /// The certificates.
    #[must_use]
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The certificates in PEM, one after the other.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.certificates.iter().map(|one| pem::encode("CERTIFICATE", one.der())).collect()
    }

    /// Whether a certificate of a chain is one of these.
    #[must_use]
    pub fn trusts(&self, chain: &[Certificate]) -> bool {
        chain.iter().any(|certificate| self.certificates.contains(certificate))
    }
}
