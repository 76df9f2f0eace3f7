//! Whether certificates are revoked: by the responses of OCSP responders and by the CRLs of their issuers
//! ([RFC 6960](https://www.rfc-editor.org/rfc/rfc6960), [RFC 5280 sections 5 and 6.3](https://www.rfc-editor.org/rfc/rfc5280#section-5)).
//!
//! Nothing is fetched here: [`check_revocation`] asks [`RevocationAnswers`], and where one is missing, the error says [what to
//! ask](RevocationError::Unknown) before it is judged again. What is unknown is never taken for good.
//!
//! | file | holds |
//! |---|---|
//! | `signed_list` | what CRLs and OCSP responses have in common |
//! | `query` | [`RevocationQuery`]: what to ask, and where |
//! | `crl` | CRLs |
//! | `ocsp` | OCSP responses |

mod signed_list;

mod query;

mod crl;
mod ocsp;

use core::cell::RefCell;
use std::collections::BTreeMap;

use thiserror::Error;

pub use self::crl::CrlError;
pub use self::ocsp::OcspError;
pub use self::query::RevocationQuery;
use self::query::{DistributionPoint, crl_points, ocsp_query, ocsp_urls};
use self::signed_list::Entry;
use crate::digest::Digest;
use crate::text::reasons::Reasons;
use crate::text::time::UnixTime;
use crate::x509::certificate::{Certificate, CertificateError, oid};

/// By how much this machine's clock may be behind an issuer's or a responder's.
const CLOCK_TOLERANCE_MILLIS: i64 = 300_000;

/// What was answered.
pub trait RevocationAnswers {
    /// The OCSP response or the CRL, or why it could not be fetched; `None` if it was not asked for.
    fn answer(&self, query: &RevocationQuery) -> Option<Result<&[u8], String>>;

    /// Where the result for each certificate is kept, for these answers at one time; nowhere by default.
    fn memory(&self) -> Option<&RevocationMemory> {
        None
    }
}

/// The result for each certificate, so that the same long CRL is not read for each of many signatures.
#[derive(Debug, Default)]
pub struct RevocationMemory(RefCell<BTreeMap<Remembered, Result<(), RevocationError>>>);

/// A certificate, its issuer's key, whether that key may sign CRLs, and when the certificate signed.
type Remembered = (Digest, Digest, bool, Option<UnixTime>);

/// Nothing was asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotAsked;

impl RevocationAnswers for NotAsked {
    fn answer(&self, _: &RevocationQuery) -> Option<Result<&[u8], String>> {
        None
    }
}

impl RevocationAnswers for BTreeMap<RevocationQuery, Result<Vec<u8>, String>> {
    fn answer(&self, query: &RevocationQuery) -> Option<Result<&[u8], String>> {
        self.get(query).map(|found| found.as_deref().map_err(Clone::clone))
    }
}

/// A certificate is revoked, or its status is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// It is revoked.
    #[error("{certificate} is revoked{}{}, says {by}", since.map(|since| format!(" since {since}")).unwrap_or_default(), reason.map(|reason| format!(" ({reason})")).unwrap_or_default())]
    Revoked {
        /// Which certificate.
        certificate: String,
        /// Since when, if the time can be parsed.
        since: Option<UnixTime>,
        /// Why, if a reason is given ([RFC 5280 section 5.3.1](https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1)).
        reason: Option<&'static str>,
        /// The URL of the responder or the CRL.
        by: String,
    },
    /// Its status is unknown.
    #[error("cannot determine whether {certificate} is revoked: {}", causes(unasked, problems))]
    Unknown {
        /// Which certificate.
        certificate: String,
        /// What was not asked yet.
        unasked: Vec<RevocationQuery>,
        /// What was answered by a response or CRL that does not count: a newer one may.
        refused: Vec<RevocationQuery>,
        /// URLs without an answer that counts, each with the reason.
        problems: Vec<(String, String)>,
    },
    /// What it says of its own revocation cannot be read.
    #[error("a certificate cannot be read")]
    Certificate(#[from] CertificateError),
}

fn causes(unasked: &[RevocationQuery], problems: &[(String, String)]) -> String {
    let unasked = unasked.iter().map(|query| format!("{} was not asked", query.url()));
    let problems = problems.iter().map(|(url, problem)| format!("{url}: {problem}"));
    let all: Vec<String> = problems.chain(unasked).collect();
    all.join("; ")
}

/// Proves that a certificate is not revoked: a current OCSP response or CRL says so, or the certificate names neither, so that it cannot be
/// revoked. It does not prove that `issuer` issued the certificate: the caller has verified that.
///
/// OCSP comes first, and CRLs where no OCSP response counts. One answer that says that the certificate is revoked outweighs all others. With
/// `signed`, a trusted time, a certificate whose [invalidity date](https://www.rfc-editor.org/rfc/rfc5280#section-5.3.2) is later was good.
///
/// # Errors
/// If it is revoked, or its status is unknown.
pub fn check_revocation(
    certificate: &Certificate,
    issuer: &Certificate,
    signed: Option<UnixTime>,
    answers: &dyn RevocationAnswers,
    now: UnixTime,
) -> Result<(), RevocationError> {
    let check = || Asking::new(certificate, issuer, signed, answers, now).check();
    let Some(memory) = answers.memory() else { return check() };
    let may_list = issuer.key_usage()?.is_none_or(|usage| usage.crl_sign());
    let key = (certificate.fingerprint(), issuer.public_key().fingerprint(), may_list, signed);
    if let Some(known) = memory.0.borrow().get(&key) {
        return known.clone();
    }
    let found = check();
    memory.0.borrow_mut().insert(key, found.clone());
    found
}

/// The nextUpdate of an OCSP response or CRL, not verified: for caches.
#[must_use]
pub fn unverified_end(query: &RevocationQuery, answer: &[u8]) -> Option<UnixTime> {
    match query {
        RevocationQuery::Ocsp { .. } => ocsp::unverified_end(answer),
        RevocationQuery::Crl { .. } => crl::unverified_end(answer),
    }
}

/// A certificate, and what was asked about it so far.
struct Asking<'a> {
    certificate: &'a Certificate,
    issuer: &'a Certificate,
    signed: Option<UnixTime>,
    answers: &'a dyn RevocationAnswers,
    now: UnixTime,
    unasked: Vec<RevocationQuery>,
    refused: Vec<RevocationQuery>,
    problems: Vec<(String, String)>,
}

impl<'a> Asking<'a> {
    fn new(
        certificate: &'a Certificate,
        issuer: &'a Certificate,
        signed: Option<UnixTime>,
        answers: &'a dyn RevocationAnswers,
        now: UnixTime,
    ) -> Self {
        let (unasked, refused, problems) = (Vec::new(), Vec::new(), Vec::new());
        Self { certificate, issuer, signed, answers, now, unasked, refused, problems }
    }

    fn check(mut self) -> Result<(), RevocationError> {
        let Self { certificate, issuer, signed, now, .. } = self;
        let (responders, points) = (ocsp_urls(certificate)?, crl_points(certificate)?);
        if responders.is_empty() && points.is_empty() && certificate.extension(oid::FRESHEST_CRL).is_none() {
            return Ok(());
        }
        let mut is_good = false;
        for url in &responders {
            let query = url.as_ref().and_then(|url| ocsp_query(url, certificate, issuer));
            let Some(query) = query else {
                let name = url.as_deref().unwrap_or("a responder");
                self.problems.push((name.to_owned(), "only http URLs are queried".to_owned()));
                continue;
            };
            is_good |= self.ask(&query, |answer| ocsp::entry(answer, certificate, issuer, signed, now))?;
        }
        // A CRL is long, and a responder may tell.
        if !is_good && self.unasked.is_empty() {
            // Each that is read covers all reasons, so one is enough; and each is asked, for one may say that the certificate is revoked.
            for point in &points {
                is_good |= self.ask_for(point)?;
            }
        }
        if is_good {
            return Ok(());
        }
        let (certificate, Self { unasked, refused, problems, .. }) = (certificate.to_string(), self);
        Err(RevocationError::Unknown { certificate, unasked, refused, problems })
    }

    /// Whether an answer says that the certificate is good.
    fn ask<E: core::error::Error>(
        &mut self,
        query: &RevocationQuery,
        read: impl FnOnce(&[u8]) -> Result<Option<Entry>, E>,
    ) -> Result<bool, RevocationError> {
        let url = query.url().to_owned();
        let entry = match self.answers.answer(query) {
            None => {
                if !self.unasked.contains(query) {
                    self.unasked.push(query.clone());
                }
                return Ok(false);
            }
            Some(Err(problem)) => {
                self.problems.push((url, problem));
                return Ok(false);
            }
            Some(Ok(answer)) => match read(answer) {
                Ok(entry) => entry,
                Err(error) => {
                    self.refused.push(query.clone());
                    self.problems.push((url, Reasons(&error).to_string()));
                    return Ok(false);
                }
            },
        };
        let Some(entry) = entry.filter(|entry| !entry.spares(self.signed)) else { return Ok(true) };
        let Entry { since, reason, .. } = entry;
        Err(RevocationError::Revoked { certificate: self.certificate.to_string(), since, reason, by: url })
    }

    /// Whether the CRL of a distribution point says that the certificate is good; each of its URLs names the same CRL.
    fn ask_for(&mut self, point: &DistributionPoint) -> Result<bool, RevocationError> {
        if let Some(problem) = point.problem {
            self.problems.push((point.to_string(), problem.to_owned()));
            return Ok(false);
        }
        let Self { certificate, issuer, signed, now, .. } = *self;
        let mut is_good = false;
        for url in &point.asked {
            let query = RevocationQuery::Crl { url: url.clone() };
            let read = |crl: &[u8]| crl::entry(crl, certificate, issuer, &point.names, signed, now);
            is_good |= self.ask(&query, read)?;
        }
        Ok(is_good)
    }
}
