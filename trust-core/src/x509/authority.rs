//! [`Authority`]: a certificate or timestamp authority that is trusted.

use core::ptr;
use std::sync::{Arc, OnceLock};

use crate::key::PublicKey;
use crate::text::time::{TimeWindow, UnixTime};
use crate::x509::certificate::Certificate;
use crate::x509::chain::{self, ChainError, Usage};

/// A certificate or timestamp authority.
#[derive(Clone, Debug)]
pub struct Authority {
    uri: String,
    operator: String,
    chain: Vec<Certificate>,
    valid_for: TimeWindow,
    /// Whether the next of its certificates signed each, once it was asked: they never change.
    signed_by_next: Arc<[OnceLock<Result<(), ChainError>>]>,
}

impl Authority {
    /// An assertion that these certificates, the anchor last, are an authority's.
    #[must_use]
    pub fn assertion(uri: impl Into<String>, chain: Vec<Certificate>, valid_for: TimeWindow) -> Self {
        let uri = uri.into();
        let operator = operator_of(&uri).to_owned();
        let signed_by_next = chain.iter().map(|_| OnceLock::new()).collect();
        Self { uri, operator, chain, valid_for, signed_by_next }
    }

    /// Says who runs it; otherwise it is the domain of [`uri`](Self::uri), the last two labels of its host: where it is not said
    /// who runs them, `a.sigstore.dev` and `b.sigstore.dev` are one operator's.
    #[must_use]
    pub fn with_operator(mut self, operator: impl Into<String>) -> Self {
        self.operator = operator.into();
        self
    }

    /// The same authority with its keys changed.
    pub(crate) fn map_keys(&self, change: impl Fn(PublicKey) -> PublicKey) -> Self {
        let chain = self.chain.iter().map(|certificate| certificate.clone().map_key(&change)).collect();
        Self::assertion(self.uri.clone(), chain, self.valid_for).with_operator(self.operator.clone())
    }

    /// Where it serves; its name in messages.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Who runs it; thresholds count operators.
    #[must_use]
    pub fn operator(&self) -> &str {
        &self.operator
    }

    /// Its certificates, the anchor last.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// When it is trusted.
    #[must_use]
    pub fn valid_for(&self) -> TimeWindow {
        self.valid_for
    }

    /// As [`chain::verify_path`], for a path to this authority; the signatures among its own certificates are verified
    /// once.
    pub(crate) fn verify_path(
        &self,
        path: &[&Certificate],
        usage: Usage,
        times: &[UnixTime],
    ) -> Result<(), ChainError> {
        chain::verify_path_by(path, usage, times, |subject, issuer, anchor| {
            let verify = || chain::verify_signature(subject, issuer, anchor);
            match self.own(subject, issuer) {
                Some(signed) => signed.get_or_init(verify).clone(),
                None => verify(),
            }
        })
    }

    /// What is known of the signature, if both are neighbours in this authority's chain.
    fn own(&self, subject: &Certificate, issuer: &Certificate) -> Option<&OnceLock<Result<(), ChainError>>> {
        let is_pair = |pair: &[Certificate]| match pair {
            [one, next] => ptr::eq(one, subject) && ptr::eq(next, issuer),
            _ => false,
        };
        self.signed_by_next.get(self.chain.windows(2).position(is_pair)?)
    }
}

/// `host[:port]/path` of a URL.
pub(crate) fn without_scheme(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.trim_end_matches('/')
}

/// Whom a URL belongs to, where it is not said: the last two labels of its host. Two operators below one such name count as
/// one, which asks for more of them, never for fewer.
pub(crate) fn operator_of(url: &str) -> &str {
    let host = host(url);
    let is_address = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match host.rmatch_indices('.').nth(1) {
        Some((at, _)) if !is_address => host.get(at + 1..).unwrap_or(host),
        _ => host,
    }
}

/// The host of a URL, without port.
pub(crate) fn host(url: &str) -> &str {
    let authority = without_scheme(url);
    let end = authority.find(['/', ':']).unwrap_or(authority.len());
    authority.get(..end).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_that_nobody_names_is_a_domain() {
        for (url, operator) in [
            ("https://rekor.sigstore.dev", "sigstore.dev"),
            ("https://log2025-1.rekor.sigstore.dev/", "sigstore.dev"),
            ("https://log.example:8443/a.b", "log.example"),
            ("http://127.0.0.1:3000", "127.0.0.1"),
            ("https://localhost", "localhost"),
            ("", ""),
        ] {
            assert_eq!(operator_of(url), operator);
        }
    }
}
