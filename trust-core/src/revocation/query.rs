//! [`RevocationQuery`]: what to ask about a certificate, and where.

use core::fmt;

use der::Tag;
use der::asn1::ObjectIdentifier;
use sha1::{Digest as _, Sha1};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, CrlDistributionPoints};

use super::signed_list::is_same_serial;
use crate::asn1::{self, Element, Malformed};
use crate::digest::Digest;
use crate::key::hash_from_oid;
use crate::text::encoding::to_hex;
use crate::x509::certificate::{Certificate, CertificateError, oid};

/// URLs of one certificate; real ones have one or two.
const MAX_URLS: usize = 8;
const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");

/// What to ask about a certificate's revocation, and where. As text it is one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RevocationQuery {
    /// An OCSP request, sent by POST
    /// ([RFC 6960 appendix A](https://www.rfc-editor.org/rfc/rfc6960#appendix-A)).
    Ocsp {
        /// The responder's URL.
        url: String,
        /// The DER request. It has no nonce, so that the response can be cached.
        request: Vec<u8>,
    },
    /// A CRL, by GET.
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
}

impl fmt::Display for RevocationQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ocsp { url, request } => write!(f, "ocsp {url} {}", to_hex(request)),
            Self::Crl { url } => write!(f, "crl {url}"),
        }
    }
}

/// Where the CRL is that covers a certificate ([RFC 5280 section 4.2.1.13](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.13)).
pub(super) struct DistributionPoint {
    /// Every URL of the CRL.
    pub(super) names: Vec<String>,
    /// Those that are queried.
    pub(super) asked: Vec<String>,
    /// Why none is.
    pub(super) problem: Option<&'static str>,
}

impl fmt::Display for DistributionPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names.first().map_or("a distribution point", String::as_str))
    }
}

/// The URLs of a certificate's responders; `None` for a name that is not a URL.
pub(super) fn ocsp_urls(certificate: &Certificate) -> Result<Vec<Option<String>>, CertificateError> {
    let access: Option<AuthorityInfoAccessSyntax> =
        certificate.decode(oid::AUTHORITY_INFO_ACCESS, "authorityInfoAccess")?;
    let all = access.map(|access| access.0).unwrap_or_default();
    let of_ocsp = all.into_iter().filter(|one| one.access_method == oid::OCSP);
    let mut urls = Vec::new();
    for url in of_ocsp.map(|one| url(&one.access_location)) {
        if urls.len() < MAX_URLS && !urls.contains(&url) {
            urls.push(url);
        }
    }
    Ok(urls)
}

/// A certificate's distribution points.
pub(super) fn crl_points(certificate: &Certificate) -> Result<Vec<DistributionPoint>, CertificateError> {
    let points: Option<CrlDistributionPoints> =
        certificate.decode(oid::CRL_DISTRIBUTION_POINTS, "cRLDistributionPoints")?;
    let mut room = MAX_URLS;
    let read = |point: x509_cert::ext::pkix::crl::dp::DistributionPoint| {
        let names = match point.distribution_point {
            Some(DistributionPointName::FullName(names)) => names,
            _ => Vec::new(),
        };
        let names: Vec<String> = names.iter().filter_map(url).take(MAX_URLS).collect();
        let partial = if point.crl_issuer.is_some() {
            Some("it is for an indirect CRL, which is not supported")
        } else if point.reasons.is_some() {
            Some("it is limited to some reasons, which is not supported")
        } else {
            None
        };
        let asked = names.iter().filter(|url| is_asked(url) && partial.is_none());
        let asked: Vec<String> = asked.take(room).cloned().collect();
        room -= asked.len();
        let none = match names.iter().any(|url| is_asked(url)) {
            true => "the certificate names too many CRLs, and only the first 8 are queried",
            false => "it has no http URL, and no other is queried",
        };
        let problem = partial.or(asked.is_empty().then_some(none));
        DistributionPoint { names, asked, problem }
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

/// Responses and CRLs are signed, so they need no TLS, whose certificates would have to be checked in turn.
fn is_asked(url: &str) -> bool {
    let is_http = url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    is_http && url.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The query for a certificate at a responder; `None` if it is not queried.
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

/// The CertID of a certificate ([RFC 6960 section 4.1.1](https://www.rfc-editor.org/rfc/rfc6960#section-4.1.1)): by SHA-1, which
/// every responder supports ([RFC 5019 section 2.1.1](https://www.rfc-editor.org/rfc/rfc5019#section-2.1.1)) and which proves nothing here.
fn certificate_id(certificate: &Certificate, issuer: &Certificate) -> Option<Vec<u8>> {
    let algorithm = [asn1::encode(0x06, SHA1.as_bytes()), asn1::encode(0x05, &[])].concat();
    let parts = [
        asn1::encode(0x30, &algorithm),
        asn1::encode(0x04, &hash(SHA1, issuer.subject_der())?),
        asn1::encode(0x04, &hash(SHA1, subject_key(issuer).ok()?)?),
        asn1::encode(0x02, certificate.serial()),
    ];
    Some(asn1::encode(0x30, &parts.concat()))
}

/// Whether a CertID is this certificate's, by any supported hash.
pub(super) fn is_called(
    name: Element<'_>,
    certificate: &Certificate,
    issuer: &Certificate,
) -> Result<bool, Malformed> {
    let mut fields = name.open(Tag::Sequence)?;
    let mut algorithm = fields.next()?.open(Tag::Sequence)?;
    let algorithm = algorithm.next_oid()?;
    let (issuer_name, issuer_key) =
        (fields.next()?.content_of(Tag::OctetString)?, fields.next()?.content_of(Tag::OctetString)?);
    let serial = fields.next()?.content_of(Tag::Integer)?;
    fields.end()?;
    Ok(hash(algorithm, issuer.subject_der()).is_some_and(|hash| hash == issuer_name)
        && hash(algorithm, subject_key(issuer)?).is_some_and(|hash| hash == issuer_key)
        && is_same_serial(serial, certificate.serial()))
}

/// The bits of the subject's key, which a CertID hashes.
fn subject_key(certificate: &Certificate) -> Result<&[u8], Malformed> {
    let mut spki = Element::only(certificate.public_key().spki_der())?.open(Tag::Sequence)?;
    spki.next()?;
    let bits = spki.next()?.content_of(Tag::BitString)?;
    bits.split_first().map(|(_, key)| key).ok_or(Malformed)
}

fn hash(algorithm: ObjectIdentifier, bytes: &[u8]) -> Option<Vec<u8>> {
    if algorithm == SHA1 {
        return Some(Sha1::digest(bytes).to_vec());
    }
    hash_from_oid(&algorithm).map(|algorithm| Digest::of(algorithm, bytes).as_bytes().to_vec())
}
