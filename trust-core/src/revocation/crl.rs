//! CRLs ([RFC 5280 section 5](https://www.rfc-editor.org/rfc/rfc5280#section-5)): complete ones, by the certificate's issuer itself.

use der::asn1::ObjectIdentifier;
use der::{Decode as _, Tag};
use thiserror::Error;
use x509_cert::ext::pkix::crl::dp::IssuingDistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};

use super::signed_list::{Entry, SignedPart, Update, is_same_serial, read_explicit, read_extensions, time};
use crate::asn1::{self, Element, Malformed};
use crate::key::SignatureError;
use crate::text::time::UnixTime;
use crate::x509::certificate::{Certificate, CertificateError, Extension, oid};

/// Public CAs' CRLs have up to some MiB.
const MAX_LEN: usize = 32 << 20;
const DELTA: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.27");
const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");

/// A CRL does not give a certificate's status.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CrlError {
    /// It is too long.
    #[error("CRL has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// A part is not as RFC 5280 requires.
    #[error("CRL is malformed: its {part} is not as RFC 5280 section 5.1 requires")]
    Malformed {
        /// Which part.
        part: &'static str,
    },
    /// Another CA issued it.
    #[error("CRL was not issued by the certificate's issuer")]
    Issuer,
    /// The issuer must not sign CRLs.
    #[error("the certificate's issuer lacks the key usage cRLSign")]
    KeyUsage,
    /// The issuer cannot be read.
    #[error("the certificate's issuer cannot be read")]
    Certificate(#[from] CertificateError),
    /// The algorithm of its signature is not supported.
    #[error("CRL is signed with the algorithm `{found}`, which is not supported")]
    Algorithm {
        /// The object identifier.
        found: String,
    },
    /// The issuer did not sign it.
    #[error("CRL was not signed by the certificate's issuer")]
    Signature(#[from] SignatureError),
    /// It is not current.
    #[error("CRL is valid from {this} until {next}, expected to cover {now}")]
    NotCurrent {
        /// Its thisUpdate.
        this: UnixTime,
        /// Its nextUpdate.
        next: UnixTime,
        /// The time at which it is needed.
        now: UnixTime,
    },
    /// It does not cover the certificate, or not all reasons.
    #[error("CRL is {kind}, which is not supported")]
    Partial {
        /// What it is.
        kind: &'static str,
    },
    /// A critical extension is not supported.
    #[error("CRL has the critical extension {oid}, which is not supported")]
    UnknownCritical {
        /// The extension.
        oid: String,
    },
}

/// A CRL, parsed. It proves nothing yet.
struct Crl<'a> {
    signed: SignedPart<'a>,
    issuer: Element<'a>,
    update: Update,
    entries: Option<Element<'a>>,
    extensions: Vec<Extension<'a>>,
}

impl<'a> Crl<'a> {
    fn from_der(list: &'a [u8]) -> Result<Self, CrlError> {
        if list.len() > MAX_LEN {
            return Err(CrlError::TooLong { found: list.len() });
        }
        let part = |part| move |_: Malformed| CrlError::Malformed { part };
        let whole = Element::only(list).and_then(|element| element.open(Tag::Sequence));
        let mut whole = whole.map_err(part("outer sequence"))?;
        let signed = SignedPart::read(&mut whole).map_err(part("outer sequence"))?;
        whole.end().map_err(part("outer sequence"))?;
        let mut fields = signed.content.open(Tag::Sequence).map_err(part("tbsCertList"))?;
        let version = fields.next_if(Tag::Integer).map_err(part("version"))?.map(|element| element.content);
        if !matches!(version, None | Some([1])) {
            return Err(CrlError::Malformed { part: "version" });
        }
        if fields.next().map_err(part("signature"))?.encoding != signed.algorithm.encoding {
            return Err(CrlError::Malformed { part: "signature" });
        }
        let issuer = fields.next().map_err(part("issuer"))?;
        let this = fields.next().and_then(time).map_err(part("thisUpdate"))?;
        // RFC 5280 requires it of every CRL.
        let next = fields.next().and_then(time).map_err(part("nextUpdate"))?;
        let entries = fields.next_if(Tag::Sequence).map_err(part("revokedCertificates"))?;
        let extensions = fields.next_if(asn1::context(0)).map_err(part("crlExtensions"))?;
        let extensions = read_explicit(extensions).map_err(part("crlExtensions"))?;
        fields.end().map_err(part("tbsCertList"))?;
        Ok(Self { signed, issuer, update: Update { this, next }, entries, extensions })
    }

    /// Proves that the issuer signed it.
    fn check_issuer(&self, issuer: &Certificate) -> Result<(), CrlError> {
        if self.issuer.encoding != issuer.subject_der() {
            return Err(CrlError::Issuer);
        }
        if issuer.key_usage()?.is_some_and(|usage| !usage.crl_sign()) {
            return Err(CrlError::KeyUsage);
        }
        let scheme = self.signed.scheme().map_err(|found| CrlError::Algorithm { found })?;
        Ok(self.signed.verify(scheme, issuer.public_key())?)
    }
}

/// The entry of a certificate in the CRL of a distribution point with these names; `None` if it is not revoked.
pub(super) fn entry(
    list: &[u8],
    certificate: &Certificate,
    issuer: &Certificate,
    names: &[String],
    signed: Option<UnixTime>,
    now: UnixTime,
) -> Result<Option<Entry>, CrlError> {
    let list = Crl::from_der(list)?;
    list.check_issuer(issuer)?;
    let found = find(list.entries, certificate)?;
    // A revoked certificate stays revoked, even if the CRL is expired or partial.
    if let Some(entry) = found.filter(|entry| entry.is_final(signed)) {
        return Ok(Some(entry));
    }
    let Update { this, next } = list.update;
    if !list.update.is_current(now) {
        return Err(CrlError::NotCurrent { this, next, now });
    }
    check_scope(&list.extensions, certificate, names)?;
    if certificate.extension(oid::FRESHEST_CRL).is_some() {
        return Err(CrlError::Partial { kind: WITH_DELTA });
    }
    Ok(found)
}

/// The nextUpdate.
pub(super) fn unverified_end(list: &[u8]) -> Option<UnixTime> {
    Crl::from_der(list).ok().map(|list| list.update.next)
}

const INDIRECT: &str = "an indirect CRL";
const WITH_DELTA: &str = "accompanied by a delta CRL";
/// The encoded object identifier of certificateIssuer: the entry extension that names another issuer.
const CERTIFICATE_ISSUER: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x1d];

/// Proves that the CRL covers the certificate, for every reason.
fn check_scope(
    extensions: &[Extension<'_>],
    certificate: &Certificate,
    names: &[String],
) -> Result<(), CrlError> {
    let partial = |kind| Err(CrlError::Partial { kind });
    for extension in extensions {
        match extension.oid {
            DELTA => return partial("a delta CRL"),
            oid::FRESHEST_CRL => return partial(WITH_DELTA),
            ISSUING_DISTRIBUTION_POINT => {
                let point = IssuingDistributionPoint::from_der(extension.value)
                    .map_err(|_| CrlError::Malformed { part: "issuingDistributionPoint" })?;
                if point.indirect_crl {
                    return partial(INDIRECT);
                }
                if point.only_some_reasons.is_some() {
                    return partial("limited to some reasons");
                }
                let is_authority = certificate.basic_constraints()?.is_some_and(|found| found.ca);
                if point.only_contains_attribute_certs
                    || point.only_contains_user_certs && is_authority
                    || point.only_contains_ca_certs && !is_authority
                {
                    return partial("limited to another kind of certificates");
                }
                let is_named = match &point.distribution_point {
                    None => true,
                    Some(DistributionPointName::FullName(own)) => own.iter().any(|name| {
                        matches!(name, GeneralName::UniformResourceIdentifier(one) if names.iter().any(|name| name == one.as_str()))
                    }),
                    Some(_) => false,
                };
                if !is_named {
                    return partial("for another distribution point");
                }
            }
            oid if extension.critical => return Err(CrlError::UnknownCritical { oid: oid.to_string() }),
            _ => {}
        }
    }
    Ok(())
}

/// The certificate's entry. Every entry is read: a malformed one may be the certificate's, and one with certificateIssuer makes those after it
/// another issuer's.
fn find(entries: Option<Element<'_>>, certificate: &Certificate) -> Result<Option<Entry>, CrlError> {
    let malformed = |_: Malformed| CrlError::Malformed { part: "revokedCertificates" };
    let Some(entries) = entries else { return Ok(None) };
    let mut list = entries.open(Tag::Sequence).map_err(malformed)?;
    let mut found = None;
    while !list.is_empty() {
        let mut fields = list.next().and_then(|entry| entry.open(Tag::Sequence)).map_err(malformed)?;
        let serial = fields.next().and_then(|serial| serial.content_of(Tag::Integer)).map_err(malformed)?;
        let since = fields.next().map_err(malformed)?;
        let extensions = fields.next_if(Tag::Sequence).map_err(malformed)?;
        fields.end().map_err(malformed)?;
        let is_of_other = |one: &Element<'_>| {
            one.content.windows(CERTIFICATE_ISSUER.len()).any(|part| part == CERTIFICATE_ISSUER)
        };
        if extensions.as_ref().is_some_and(is_of_other) {
            return Err(CrlError::Partial { kind: INDIRECT });
        }
        if found.is_none() && is_same_serial(serial, certificate.serial()) {
            found = Some(Entry::read(time(since), None, read_extensions(extensions)));
        }
    }
    Ok(found)
}
