//! [`RevocationQuery`]: what to ask about a certificate, and where.

use core::fmt;

use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, CrlDistributionPoints};

use crate::asn1::{self, Element};
use crate::digest::{Digest, HashAlgorithm};
use crate::key::SHA256;
use crate::text::encoding::{from_hex, to_hex};
use crate::x509::certificate::{Certificate, CertificateError, oid};

/// Names of one certificate; real ones have one or two.
const MAX_URLS: usize = 8;

/// Where it can be asked whether a certificate is revoked, and what is asked there. Its text is one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RevocationQuery {
    /// A responder, which is sent a request by POST
    /// ([RFC 6960 appendix A](https://www.rfc-editor.org/rfc/rfc6960#appendix-A)).
    Ocsp {
        /// Its URL.
        url: String,
        /// The request. It has no nonce, so that an answer can be kept until it is over.
        request: Vec<u8>,
    },
    /// A list, by GET.
    Crl {
        /// Its URL.
        url: String,
    },
}

impl RevocationQuery {
    /// Where it is asked.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Ocsp { url, .. } | Self::Crl { url } => url,
        }
    }

    /// The query of this text; `None` if it is of none.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let query = match (words.next()?, words.next()?) {
            ("crl", url) => Self::Crl { url: url.to_owned() },
            ("ocsp", url) => Self::Ocsp { url: url.to_owned(), request: from_hex(words.next()?)? },
            _ => return None,
        };
        words.next().is_none().then_some(query)
    }
}

impl fmt::Display for RevocationQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ocsp { url, request } => write!(f, "ocsp {url} {}", to_hex(request)),
            Self::Crl { url } => write!(f, "crl {url}"),
        }
    }
}

/// Where the list is in which a certificate would stand ([RFC 5280 section 4.2.1.13](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.13)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DistributionPoint {
    /// URLs of the one list, those that are asked.
    pub urls: Vec<String>,
    /// Why it is not asked.
    pub problem: Option<&'static str>,
}

impl fmt::Display for DistributionPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.urls.first() {
            Some(url) => f.write_str(url),
            None => f.write_str("a distribution point"),
        }
    }
}

/// The responders that a certificate names.
pub(super) fn ocsp_urls(certificate: &Certificate) -> Result<Vec<String>, CertificateError> {
    let access: Option<AuthorityInfoAccessSyntax> =
        certificate.decode(oid::AUTHORITY_INFO_ACCESS, "authorityInfoAccess")?;
    let all = access.map(|access| access.0).unwrap_or_default();
    let of_ocsp = all.into_iter().filter(|one| one.access_method == oid::OCSP);
    Ok(of_ocsp.filter_map(|one| url(&one.access_location)).take(MAX_URLS).collect())
}

/// The distribution points that a certificate names.
pub(super) fn crl_points(certificate: &Certificate) -> Result<Vec<DistributionPoint>, CertificateError> {
    let points: Option<CrlDistributionPoints> =
        certificate.decode(oid::CRL_DISTRIBUTION_POINTS, "cRLDistributionPoints")?;
    let read = |point: x509_cert::ext::pkix::crl::dp::DistributionPoint| {
        let names = match point.distribution_point {
            Some(DistributionPointName::FullName(names)) => names,
            _ => Vec::new(),
        };
        let urls: Vec<String> =
            names.iter().filter_map(url).filter(|url| is_asked(url)).take(MAX_URLS).collect();
        let problem = if point.crl_issuer.is_some() {
            Some("its list is another issuer's (an indirect CRL), which is not read")
        } else if point.reasons.is_some() {
            Some("its list is about some reasons alone, which is not read")
        } else if urls.is_empty() {
            Some("it names no URL of http, and nothing else is asked")
        } else {
            None
        };
        DistributionPoint { urls, problem }
    };
    let points = points.map(|points| points.0).unwrap_or_default();
    Ok(points.into_iter().take(MAX_URLS).map(read).collect())
}

fn url(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::UniformResourceIdentifier(url) => Some(url.to_string()),
        _ => None,
    }
}

/// Answers are signed, so they need no TLS, whose certificates would have to be checked in turn.
fn is_asked(url: &str) -> bool {
    let is_http = url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    is_http && url.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What a responder is asked about a certificate; `None` if it is not asked there.
pub(super) fn ocsp_query(
    url: &str,
    certificate: &Certificate,
    issuer: &Certificate,
) -> Option<RevocationQuery> {
    let single = asn1::encode(0x30, &certificate_id(certificate, issuer)?);
    let list = asn1::encode(0x30, &single);
    let request = asn1::encode(0x30, &asn1::encode(0x30, &list));
    is_asked(url).then(|| RevocationQuery::Ocsp { url: url.to_owned(), request })
}

/// By which a responder knows a certificate ([RFC 6960 section 4.1.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.1.1)).
pub(super) fn certificate_id(certificate: &Certificate, issuer: &Certificate) -> Option<Vec<u8>> {
    let hash = |bytes: &[u8]| Digest::of(HashAlgorithm::Sha256, bytes);
    let mut spki = Element::only(issuer.public_key().spki_der()).ok()?.open(der::Tag::Sequence).ok()?;
    spki.next().ok()?;
    let (_, key) = spki.next().ok()?.content_of(der::Tag::BitString).ok()?.split_first()?;
    let algorithm = [asn1::encode(0x06, SHA256.as_bytes()), asn1::encode(0x05, &[])].concat();
    let parts = [
        asn1::encode(0x30, &algorithm),
        asn1::encode(0x04, hash(issuer.subject_der()).as_bytes()),
        asn1::encode(0x04, hash(key).as_bytes()),
        asn1::encode(0x02, certificate.serial()),
    ];
    Some(asn1::encode(0x30, &parts.concat()))
}
