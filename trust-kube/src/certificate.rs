//! [`ServerCertificate`]: read again when it changes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use trust_core::Digest;

/// How often the files are looked at. Their content is compared: Kubernetes replaces the folder behind a mounted Secret, which watching a
/// file does not see.
const PERIOD: Duration = Duration::from_secs(10);

/// The certificate and key of a server, in two files of PEM, such as a mounted `kubernetes.io/tls` Secret. A pair that cannot be used
/// does not replace one that can.
#[derive(Clone)]
pub struct ServerCertificate {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: Arc<RwLock<(Digest, Arc<CertifiedKey>)>>,
}

impl core::fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ServerCertificate({})", self.certificate.display())
    }
}

/// A certificate and its key cannot be used.
#[derive(Debug, Error)]
#[error("{path}: {problem}")]
pub struct CertificateError {
    /// Which file.
    pub path: String,
    /// What is wrong.
    pub problem: String,
}

fn failed(path: &Path, problem: &dyn core::fmt::Display) -> CertificateError {
    CertificateError { path: path.display().to_string(), problem: problem.to_string() }
}

impl ServerCertificate {
    /// Reads both files.
    ///
    /// # Errors
    /// If one cannot be read, or they do not belong together.
    pub fn open(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, CertificateError> {
        let (certificate, key) = (certificate.into(), key.into());
        let read = Self::read(&certificate, &key, &provider)?;
        Ok(Self { certificate, key, provider, current: Arc::new(RwLock::new(read)) })
    }

    fn read(
        certificate: &Path,
        key: &Path,
        provider: &CryptoProvider,
    ) -> Result<(Digest, Arc<CertifiedKey>), CertificateError> {
        let bytes = |path: &Path| std::fs::read(path).map_err(|error| failed(path, &error));
        let (chain, private) = (bytes(certificate)?, bytes(key)?);
        let digest = Digest::sha256(&[&chain[..], &private].concat());
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
        let chain = chain.map_err(|error| failed(certificate, &error))?;
        let private = PrivateKeyDer::from_pem_slice(&private).map_err(|error| failed(key, &error))?;
        let pair =
            CertifiedKey::from_der(chain, private, provider).map_err(|error| failed(certificate, &error))?;
        Ok((digest, Arc::new(pair)))
    }

    /// Reads the files again, if they changed; whether they did.
    ///
    /// # Errors
    /// If they cannot be used: then those that were read before are, still.
    pub fn refresh(&self) -> Result<bool, CertificateError> {
        let read = Self::read(&self.certificate, &self.key, &self.provider)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = current.0 != read.0;
        *current = read;
        Ok(is_new)
    }

    /// Reads the files again every ten seconds, for ever.
    pub async fn keep_fresh(self) {
        loop {
            tokio::time::sleep(PERIOD).await;
            match self.refresh() {
                Ok(true) => tracing::info!("the server's certificate changed"),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "the server's certificate cannot be read again"),
            }
        }
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).1.clone())
    }
}
