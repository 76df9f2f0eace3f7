//! [`LogKey`]: a log, and the key by which it signs.

use crate::key::PublicKey;
use crate::text::time::TimeWindow;
use crate::x509::authority::{host, operator_of, without_scheme};

/// A log and its key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogKey {
    /// Where it serves.
    pub base_url: String,
    /// Its identifier, as entries name it.
    pub log_id: Vec<u8>,
    /// Its key.
    pub key: PublicKey,
    /// When its key is trusted.
    pub valid_for: TimeWindow,
    /// Who runs it; if the root does not say, the domain of `base_url`: the last two labels of its host.
    pub operator: String,
}

impl LogKey {
    /// An assertion that this is the key of the log that serves at `base_url`, identified as in RFC 6962: by the hash of the
    /// key.
    #[must_use]
    pub fn assertion(base_url: impl Into<String>, key: PublicKey, valid_for: TimeWindow) -> Self {
        let base_url = base_url.into();
        let (log_id, operator) = (key.fingerprint().as_bytes().to_vec(), operator_of(&base_url).to_owned());
        Self { base_url, log_id, key, valid_for, operator }
    }

    /// The names by which a checkpoint of this log may call it: `host[:port]/path` of the base URL, or the host.
    #[must_use]
    pub fn origins(&self) -> [&str; 2] {
        [without_scheme(&self.base_url), host(&self.base_url)]
    }
}
