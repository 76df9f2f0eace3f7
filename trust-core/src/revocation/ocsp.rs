//! OCSP responses ([RFC 6960 section 4.2](https://www.rfc-editor.org/rfc/rfc6960#section-4.2)): by the issuer, or by a delegated responder.

use der::Tag;
use der::asn1::ObjectIdentifier;
use thiserror::Error;

use super::query::is_called;
use super::signed_list::{Entry, SignedPart, Update, read_explicit, reason_of, time};
use crate::asn1::{self, Element, Malformed};
use crate::key::{PublicKey, SignatureError};
use crate::text::time::UnixTime;
use crate::x509::certificate::{Certificate, CertificateError, Extension};

/// Responses with a responder's certificates have some KiB.
const MAX_LEN: usize = 1 << 20;
/// Certificates in a response, and single responses.
const MAX_MEMBERS: usize = 16;
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
const NO_CHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");
const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");

/// An OCSP response does not give a certificate's status.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OcspError {
    /// It is too long.
    #[error("OCSP response has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// A part is not as RFC 6960 requires.
    #[error("OCSP response is malformed: its {part} is not as RFC 6960 section 4.2 requires")]
    Malformed {
        /// Which part.
        part: &'static str,
    },
    /// The responder failed.
    #[error("responder failed with the status `{status}`")]
    Failed {
        /// The status.
        status: &'static str,
    },
    /// The responder does not know the certificate.
    #[error("responder does not know the certificate")]
    UnknownCertificate,
    /// It is for other certificates.
    #[error("OCSP response is for other certificates")]
    OtherCertificate,
    /// It has a nonce, and the request had none.
    #[error("OCSP response has a nonce, expected none, as in the request")]
    Nonce,
    /// It is not current.
    #[error("OCSP response is valid from {this} until {next}, expected to cover {now}")]
    NotCurrent {
        /// Its thisUpdate.
        this: UnixTime,
        /// Its nextUpdate.
        next: UnixTime,
        /// The time at which it is needed.
        now: UnixTime,
    },
    /// The algorithm of its signature is not supported.
    #[error("OCSP response is signed with the algorithm `{found}`, which is not supported")]
    Algorithm {
        /// The object identifier.
        found: String,
    },
    /// Neither the issuer nor a delegated responder signed it.
    #[error("OCSP response was signed neither by the certificate's issuer nor by a delegated responder")]
    Responder {
        /// Why the issuer did not.
        source: SignatureError,
    },
    /// The responder that signed it is not a valid delegate.
    #[error("{responder} {problem}")]
    Delegate {
        /// Which one.
        responder: String,
        /// Why not.
        problem: &'static str,
    },
    /// The responder's certificate cannot be read.
    #[error("the responder's certificate cannot be read")]
    Certificate(#[from] CertificateError),
    /// A critical extension is not supported.
    #[error("OCSP response has the critical extension {oid}, which is not supported")]
    UnknownCritical {
        /// The extension.
        oid: String,
    },
}

/// A successful response, parsed. It proves nothing yet.
struct Response<'a> {
    signed: SignedPart<'a>,
    certificates: Vec<&'a [u8]>,
    singles: Vec<Single<'a>>,
    extensions: Vec<Extension<'a>>,
}

/// The status of one certificate.
struct Single<'a> {
    certificate: Element<'a>,
    status: Element<'a>,
    update: Update,
    extensions: Vec<Extension<'a>>,
}

impl<'a> Response<'a> {
    fn from_der(response: &'a [u8]) -> Result<Self, OcspError> {
        if response.len() > MAX_LEN {
            return Err(OcspError::TooLong { found: response.len() });
        }
        let part = |part| move |_: Malformed| OcspError::Malformed { part };
        let basic = Element::only(basic_response(response)?).and_then(|one| one.open(Tag::Sequence));
        let mut basic = basic.map_err(part("BasicOCSPResponse"))?;
        let signed = SignedPart::read(&mut basic).map_err(part("BasicOCSPResponse"))?;
        let certificates = basic.next_if(asn1::context(0)).map_err(part("certs"))?;
        let certificates = certificates.map(certificates_in).transpose().map_err(part("certs"))?;
        basic.end().map_err(part("BasicOCSPResponse"))?;
        let mut fields = signed.content.open(Tag::Sequence).map_err(part("tbsResponseData"))?;
        // There is one version, the default, which DER omits.
        fields.next_if(asn1::context(0)).map_err(part("version"))?;
        // The responder's name proves nothing beyond the signature.
        fields.next().map_err(part("responderID"))?;
        fields.next().and_then(time).map_err(part("producedAt"))?;
        let mut list = fields.next().and_then(|list| list.open(Tag::Sequence)).map_err(part("responses"))?;
        let mut singles = Vec::new();
        while !list.is_empty() {
            if singles.len() >= MAX_MEMBERS {
                return Err(OcspError::Malformed { part: "responses" });
            }
            singles.push(Single::read(list.next().map_err(part("responses"))?)?);
        }
        let extensions = fields.next_if(asn1::context(1)).map_err(part("responseExtensions"))?;
        let extensions = read_explicit(extensions).map_err(part("responseExtensions"))?;
        fields.end().map_err(part("tbsResponseData"))?;
        Ok(Self { signed, certificates: certificates.unwrap_or_default(), singles, extensions })
    }

    /// Proves that it has no nonce, as the request, and no critical extension.
    fn check_extensions(&self) -> Result<(), OcspError> {
        if self.extensions.iter().any(|extension| extension.oid == NONCE) {
            return Err(OcspError::Nonce);
        }
        refuse_critical(&self.extensions)
    }

    /// Proves that the issuer signed it, or a responder to which the issuer delegated that
    /// ([RFC 6960 section 4.2.2.2](https://www.rfc-editor.org/rfc/rfc6960#section-4.2.2.2)).
    fn check_signer(&self, issuer: &Certificate, now: UnixTime) -> Result<(), OcspError> {
        let scheme = self.signed.scheme().map_err(|found| OcspError::Algorithm { found })?;
        let is_by = |key: &PublicKey| self.signed.verify(scheme, key);
        let Err(source) = is_by(issuer.public_key()) else { return Ok(()) };
        let mut error = OcspError::Responder { source };
        // A responder's older certificate may stand beside its newer one.
        for der in &self.certificates {
            let Ok(responder) = Certificate::from_der(der) else { continue };
            let key = responder.public_key().by_back_end_of(issuer.public_key());
            if is_by(&key).is_ok() {
                match check_delegate(&responder, issuer, now) {
                    Ok(()) => return Ok(()),
                    Err(refused) => error = refused,
                }
            }
        }
        Err(error)
    }
}

impl<'a> Single<'a> {
    fn read(single: Element<'a>) -> Result<Self, OcspError> {
        let part = |part| move |_: Malformed| OcspError::Malformed { part };
        let mut fields = single.open(Tag::Sequence).map_err(part("SingleResponse"))?;
        let certificate = fields.next().map_err(part("certID"))?;
        let status = fields.next().map_err(part("certStatus"))?;
        let this = fields.next().and_then(time).map_err(part("thisUpdate"))?;
        let next = fields.next_if(asn1::context(0)).map_err(part("nextUpdate"))?;
        // Without it newer information is always available (RFC 6960 section 4.2.2.1), so the response could be of any age.
        let next = next.ok_or(Malformed).and_then(|next| time(Element::only(next.content)?));
        let update = Update { this, next: next.map_err(part("nextUpdate"))? };
        let extensions = fields.next_if(asn1::context(1)).map_err(part("singleExtensions"))?;
        let extensions = read_explicit(extensions).map_err(part("singleExtensions"))?;
        fields.end().map_err(part("SingleResponse"))?;
        Ok(Self { certificate, status, update, extensions })
    }

    /// `None` if the certificate is good.
    fn entry(&self) -> Result<Option<Entry>, OcspError> {
        let part = |part| move |_: Malformed| OcspError::Malformed { part };
        let is = |number| self.status.is(asn1::context_primitive(number)) && self.status.content.is_empty();
        if is(0) {
            return refuse_critical(&self.extensions).map(|()| None);
        }
        if is(2) {
            return Err(OcspError::UnknownCertificate);
        }
        let mut revoked = self.status.open(asn1::context(1)).map_err(part("certStatus"))?;
        let since = revoked.next().and_then(time);
        let reason = revoked.next_if(asn1::context(0)).ok().flatten();
        let reason = reason.and_then(|reason| Element::only(reason.content).and_then(reason_of).ok());
        Ok(Some(Entry::read(since, reason, Ok(self.extensions.clone()))))
    }
}

fn refuse_critical(extensions: &[Extension<'_>]) -> Result<(), OcspError> {
    match extensions.iter().find(|extension| extension.critical) {
        Some(unknown) => Err(OcspError::UnknownCritical { oid: unknown.oid.to_string() }),
        None => Ok(()),
    }
}

/// The revocation of a certificate; `None` if it is good.
pub(super) fn entry(
    response: &[u8],
    certificate: &Certificate,
    issuer: &Certificate,
    signed: Option<UnixTime>,
    now: UnixTime,
) -> Result<Option<Entry>, OcspError> {
    let response = Response::from_der(response)?;
    response.check_signer(issuer, now)?;
    let is_wanted = |single: &&Single<'_>| is_called(single.certificate, certificate, issuer) == Ok(true);
    let singles = || response.singles.iter().filter(is_wanted);
    // A revoked certificate stays revoked, even if the response is expired or has unknown extensions.
    let is_final = |entry: &Entry| entry.is_final(signed);
    if let Some(entry) = singles().filter_map(|single| single.entry().ok().flatten()).find(is_final) {
        return Ok(Some(entry));
    }
    response.check_extensions()?;
    let mut found = Err(OcspError::OtherCertificate);
    for single in singles() {
        let Update { this, next } = single.update;
        if !single.update.is_current(now) {
            return Err(OcspError::NotCurrent { this, next, now });
        }
        match single.entry()? {
            None if found.is_err() => found = Ok(None),
            None => {}
            Some(entry) => found = Ok(Some(entry)),
        }
    }
    found
}

/// The earliest nextUpdate.
pub(super) fn unverified_end(response: &[u8]) -> Option<UnixTime> {
    let response = Response::from_der(response).ok()?;
    response.singles.iter().map(|single| single.update.next).min()
}

/// The BasicOCSPResponse of a successful response.
fn basic_response(response: &[u8]) -> Result<&[u8], OcspError> {
    let part = |part| move |_: Malformed| OcspError::Malformed { part };
    let mut fields =
        Element::only(response).and_then(|one| one.open(Tag::Sequence)).map_err(part("OCSPResponse"))?;
    let status = fields.next().and_then(|one| one.content_of(Tag::Enumerated));
    match status.map_err(part("responseStatus"))? {
        [0] => {}
        [1] => return Err(OcspError::Failed { status: "malformedRequest" }),
        [2] => return Err(OcspError::Failed { status: "internalError" }),
        [3] => return Err(OcspError::Failed { status: "tryLater" }),
        [5] => return Err(OcspError::Failed { status: "sigRequired" }),
        [6] => return Err(OcspError::Failed { status: "unauthorized" }),
        _ => return Err(OcspError::Malformed { part: "responseStatus" }),
    }
    let bytes = fields.next().and_then(|explicit| explicit.content_of(asn1::context(0)));
    let bytes = bytes.and_then(Element::only).and_then(|one| one.open(Tag::Sequence));
    let mut bytes = bytes.map_err(part("responseBytes"))?;
    fields.end().map_err(part("OCSPResponse"))?;
    if bytes.next_oid().map_err(part("responseType"))? != BASIC {
        return Err(OcspError::Malformed { part: "responseType" });
    }
    let basic = bytes.next().and_then(|one| one.content_of(Tag::OctetString)).map_err(part("response"))?;
    bytes.end().map_err(part("responseBytes"))?;
    Ok(basic)
}

fn certificates_in(explicit: Element<'_>) -> Result<Vec<&[u8]>, Malformed> {
    let mut list = Element::only(explicit.content)?.open(Tag::Sequence)?;
    let mut certificates = Vec::new();
    while !list.is_empty() {
        certificates.push(list.next()?.encoding);
    }
    if certificates.len() > MAX_MEMBERS { Err(Malformed) } else { Ok(certificates) }
}

/// Proves that the issuer delegated OCSP to a responder, at this time. Its own revocation is not checked, as id-pkix-ocsp-nocheck permits.
fn check_delegate(responder: &Certificate, issuer: &Certificate, now: UnixTime) -> Result<(), OcspError> {
    let usage = responder.key_usage()?;
    let purposes = responder.extended_key_usage()?.map(|usage| usage.0).unwrap_or_default();
    let is_issued = responder.names_issuer(issuer) && responder.verify_signature(issuer.public_key()).is_ok();
    let problem = if !is_issued {
        "was not issued by the certificate's issuer"
    } else if !purposes.contains(&OCSP_SIGNING) {
        "lacks the extended key usage OCSPSigning"
    } else if usage.is_some_and(|usage| !usage.digital_signature()) {
        "lacks the key usage digitalSignature"
    } else if responder.extension(NO_CHECK).is_none() {
        "lacks id-pkix-ocsp-nocheck, and its own revocation is not checked"
    } else if !responder.validity().contains(now) {
        "is not valid now"
    } else {
        return Ok(());
    };
    Err(OcspError::Delegate { responder: responder.to_string(), problem })
}
