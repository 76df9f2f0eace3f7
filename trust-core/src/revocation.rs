//! Whether certificates are revoked: by the answers of responders (OCSP) and by the lists of their issuers (CRLs)
//! ([RFC 6960](https://www.rfc-editor.org/rfc/rfc6960), [RFC 5280 sections 5 and 6.3](https://www.rfc-editor.org/rfc/rfc5280#section-5)).
//!
//! Nothing is fetched here: [`check_revocation`] asks [`RevocationAnswers`], and where one is missing, the error says [what to
//! ask](RevocationError::Unknown) before it is judged again. What is unknown is never taken for good.
//!
//! | file | holds |
//! |---|---|
//! | `signed_list` | what lists and answers have in common |
//! | `query` | [`RevocationQuery`]: what to ask, and where |
//! | `crl` | lists of revoked certificates |
//! | `ocsp` | answers about one certificate |

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

/// By how much this machine's clock may be behind that of who answers.
const CLOCK_TOLERANCE_MILLIS: i64 = 300_000;

/// What was answered.
pub trait RevocationAnswers {
    /// The answer's bytes, or why there is none; `None` if it was not asked.
    fn answer(&self, query: &RevocationQuery) -> Option<Result<&[u8], String>>;

    /// Where it is remembered what came of a certificate, by these answers at one time; nowhere, unless an implementor says so.
    fn memory(&self) -> Option<&RevocationMemory> {
        None
    }
}

/// What came of certificates, so that the same long list is not read for each of many signatures: whether each is revoked, by whose key it was
/// issued, and when it signed.
#[derive(Debug, Default)]
pub struct RevocationMemory(RefCell<BTreeMap<Remembered, Result<(), RevocationError>>>);

/// A certificate, its issuer's key, whether that may sign lists, and when the certificate signed.
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

/// A certificate is revoked, or it is not known whether it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// It is revoked.
    #[error("{certificate} is revoked{}{}, says {by}", since.map(|since| format!(" since {since}")).unwrap_or_default(), reason.map(|reason| format!(" ({reason})")).unwrap_or_default())]
    Revoked {
        /// Which certificate.
        certificate: String,
        /// Since when, if that can be read.
        since: Option<UnixTime>,
        /// Why, if that is said ([RFC 5280 section 5.3.1](https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1)).
        reason: Option<&'static str>,
        /// Who says so, by its URL.
        by: String,
    },
    /// It is not known whether it is.
    #[error("cannot determine whether {certificate} is revoked: {}", causes(unasked, problems))]
    Unknown {
        /// Which certificate.
        certificate: String,
        /// What was not asked yet, and may tell.
        unasked: Vec<RevocationQuery>,
        /// What was answered, and the answer does not count: another one may.
        refused: Vec<RevocationQuery>,
        /// Who was asked and gave no answer that counts, and why it does not.
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

/// Proves that a certificate is not revoked: its issuer's responder or list says so now, or it names neither, so that it cannot be.
///
/// Responders are asked first, and lists where no responder gives an answer that counts. Who of those that are asked says that a certificate is
/// revoked is believed, whatever the others say. With `signed`, a time that is vouched for, a certificate that was invalid only from a later
/// [date](https://www.rfc-editor.org/rfc/rfc5280#section-5.3.2) on was good.
///
/// # Errors
/// If it is revoked, or that is not known.
pub fn check_revocation(
    certificate: &Certificate,
    issuer: &Certificate,
    signed: Option<UnixTime>,
    answers: &dyn RevocationAnswers,
    now: UnixTime,
) -> Result<(), RevocationError> {
    let Some(memory) = answers.memory() else { return check(certificate, issuer, signed, answers, now) };
    let may_list = issuer.key_usage()?.is_none_or(|usage| usage.crl_sign());
    let key = (certificate.fingerprint(), issuer.public_key().fingerprint(), may_list, signed);
    if let Some(known) = memory.0.borrow().get(&key) {
        return known.clone();
    }
    let found = check(certificate, issuer, signed, answers, now);
    memory.0.borrow_mut().insert(key, found.clone());
    found
}

fn check(
    certificate: &Certificate,
    issuer: &Certificate,
    signed: Option<UnixTime>,
    answers: &dyn RevocationAnswers,
    now: UnixTime,
) -> Result<(), RevocationError> {
    let responders = ocsp_urls(certificate)?;
    let points = crl_points(certificate)?;
    if responders.is_empty() && points.is_empty() && certificate.extension(oid::FRESHEST_CRL).is_none() {
        return Ok(());
    }
    let mut asking = Asking {
        certificate,
        signed,
        answers,
        unasked: Vec::new(),
        refused: Vec::new(),
        problems: Vec::new(),
    };
    let mut is_good = false;
    for url in &responders {
        let query = url.as_ref().and_then(|url| ocsp_query(url, certificate, issuer));
        let Some(query) = query else {
            let name = url.as_deref().unwrap_or("a responder");
            asking.problems.push((name.to_owned(), "nothing is asked but by http".to_owned()));
            continue;
        };
        is_good |= asking.ask(&query, |answer| ocsp::entry(answer, certificate, issuer, signed, now))?;
    }
    if is_good {
        return Ok(());
    }
    // A list is long, and a responder may tell.
    if asking.unasked.is_empty() {
        // Each that is read is about all reasons, so one is enough; and each is asked, for one may say that it is revoked.
        for point in &points {
            is_good |= asking.ask_for(point, issuer, now)?;
        }
        if is_good {
            return Ok(());
        }
    }
    let Asking { unasked, refused, problems, .. } = asking;
    Err(RevocationError::Unknown { certificate: certificate.to_string(), unasked, refused, problems })
}

/// Until when an answer says that it is good, for whoever keeps it: nobody has verified that.
#[must_use]
pub fn unverified_end(query: &RevocationQuery, answer: &[u8]) -> Option<UnixTime> {
    match query {
        RevocationQuery::Ocsp { .. } => ocsp::unverified_end(answer),
        RevocationQuery::Crl { .. } => crl::unverified_end(answer),
    }
}

/// What was asked about a certificate so far.
struct Asking<'a> {
    certificate: &'a Certificate,
    signed: Option<UnixTime>,
    answers: &'a dyn RevocationAnswers,
    unasked: Vec<RevocationQuery>,
    refused: Vec<RevocationQuery>,
    problems: Vec<(String, String)>,
}

impl Asking<'_> {
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

    /// Whether a list of a distribution point says that the certificate is good; each of its URLs names the same list.
    fn ask_for(
        &mut self,
        point: &DistributionPoint,
        issuer: &Certificate,
        now: UnixTime,
    ) -> Result<bool, RevocationError> {
        if let Some(problem) = point.problem {
            self.problems.push((point.to_string(), problem.to_owned()));
            return Ok(false);
        }
        let (certificate, signed) = (self.certificate, self.signed);
        let mut is_good = false;
        for url in &point.asked {
            let query = RevocationQuery::Crl { url: url.clone() };
            is_good |= self
                .ask(&query, |answer| crl::entry(answer, certificate, issuer, &point.names, signed, now))?;
        }
        Ok(is_good)
    }
}
