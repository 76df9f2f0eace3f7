//! [`Certificate`]: an X.509 certificate, parsed over the bytes received
//! ([RFC 5280 section 4](https://www.rfc-editor.org/rfc/rfc5280#section-4)).

use core::fmt;
use core::ops::Range;

use der::asn1::ObjectIdentifier;
use der::{Decode as _, Tag};
use spki::AlgorithmIdentifierRef;
use thiserror::Error;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::time::Validity;

use crate::asn1::{self, Element, Elements, Malformed};
use crate::digest::Digest;
use crate::key::{KeyError, PublicKey, SignatureAlgorithm, SignatureError, SignatureScheme, Signed};
use crate::text::pem::{self, PemError};
use crate::text::time::{TimeWindow, UnixTime};

/// Fulcio's certificates have 1 to 3 KiB; a certificate beyond this is not read.
const MAX_LEN: usize = 64 * 1024;
/// Fulcio's certificates have up to 30.
pub(crate) const MAX_EXTENSIONS: usize = 64;
/// Names of certificates have up to ten.
const MAX_NAME_ATTRIBUTES: usize = 64;

/// Object identifiers of the extensions that path validation understands.
pub(crate) mod oid {
    use der::asn1::ObjectIdentifier;

    pub(crate) const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
    pub(crate) const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
    pub(crate) const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
    pub(crate) const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
    pub(crate) const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
    pub(crate) const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
    pub(crate) const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
    pub(crate) const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
    pub(crate) const FRESHEST_CRL: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.46");
    pub(crate) const AUTHORITY_INFO_ACCESS: ObjectIdentifier =
        ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
    pub(crate) const OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");
}

/// An X.509 v3 certificate. It proves nothing by itself: a chain to a trusted authority does.
///
/// Two certificates are equal if their DER is.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    parts: Parts,
    validity: TimeWindow,
    key: PublicKey,
    scheme: SignatureScheme,
    extensions: Vec<ExtensionAt>,
}

/// Where the parts of a certificate stand in its DER.
#[derive(Clone)]
struct Parts {
    tbs: Range<usize>,
    serial: Range<usize>,
    issuer: Range<usize>,
    subject: Range<usize>,
    signature: Range<usize>,
}

#[derive(Clone)]
struct ExtensionAt {
    oid: ObjectIdentifier,
    critical: bool,
    value: Range<usize>,
}

/// One extension, as it stands in the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extension<'a> {
    pub(crate) oid: ObjectIdentifier,
    pub(crate) critical: bool,
    pub(crate) value: &'a [u8],
}

/// The bytes are not a usable certificate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// It is longer than any certificate of this field.
    #[error("certificate has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It has more of something than certificates of this field have.
    #[error("certificate has more than {expected} of its {part}")]
    TooMany {
        /// Which part: its extensions, or the attributes of a name.
        part: &'static str,
        /// How many are read.
        expected: usize,
    },
    /// A part is not the DER that RFC 5280 requires.
    #[error("certificate is malformed: its {part} is not as RFC 5280 section 4.1 requires")]
    Malformed {
        /// Which part.
        part: &'static str,
    },
    /// The text is not a PEM block labelled `CERTIFICATE`.
    #[error("found no PEM block with a certificate")]
    Pem(#[from] PemError),
    /// An extension occurs twice (RFC 5280 section 4.2).
    #[error("certificate holds the extension {oid} twice")]
    DuplicateExtension {
        /// The extension.
        oid: String,
    },
    /// The signature algorithm is not supported, or differs between the two places that name it.
    #[error("certificate is signed with the algorithm `{found}`, which is not supported")]
    SignatureAlgorithm {
        /// The object identifier.
        found: String,
    },
    /// The subject's key cannot be used.
    #[error("certificate holds an unusable key")]
    Key(#[from] KeyError),
}

impl Certificate {
    /// Reads a DER certificate.
    ///
    /// # Errors
    /// If it is malformed, has a repeated extension, or an unsupported key or signature algorithm.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_LEN {
            return Err(CertificateError::TooLong { found: der.len() });
        }
        let part = |part| move |_: Malformed| CertificateError::Malformed { part };
        let whole = Element::only(der).map_err(part("outer sequence"))?;
        let mut outer = whole.open(Tag::Sequence).map_err(part("outer sequence"))?;
        let tbs = outer.next().map_err(part("tbsCertificate"))?;
        let algorithm = outer.next().map_err(part("signatureAlgorithm"))?;
        let signature = outer
            .next()
            .and_then(|element| element.content_of(Tag::BitString))
            .and_then(whole_bytes)
            .map_err(part("signatureValue"))?;
        outer.end().map_err(part("outer sequence"))?;

        let mut fields = tbs.open(Tag::Sequence).map_err(part("tbsCertificate"))?;
        let version =
            fields.next_if(asn1::context(0)).map_err(part("version"))?.map(|element| element.content);
        if version != Some(&[2, 1, 2]) {
            return Err(CertificateError::Malformed { part: "version" });
        }
        let serial = serial_number(&mut fields).map_err(part("serialNumber"))?;
        let inner_algorithm = fields.next().map_err(part("signature"))?;
        if inner_algorithm.encoding != algorithm.encoding {
            return Err(CertificateError::Malformed { part: "signature" });
        }
        let issuer = name(&mut fields, "issuer")?;
        let validity = validity(&mut fields).map_err(part("validity"))?;
        let subject = name(&mut fields, "subject")?;
        let spki = fields.next().map_err(part("subjectPublicKeyInfo"))?;
        // The unique identifiers of X.509 v2 must not be there (RFC 5280 section 4.1.2.8).
        let extensions = match fields.next_if(asn1::context(3)).map_err(part("extensions"))? {
            Some(explicit) => {
                Element::only(explicit.content).and_then(extensions).map_err(part("extensions"))?
            }
            None => Vec::new(),
        };
        fields.end().map_err(part("tbsCertificate"))?;
        at_most("extensions", extensions.len(), MAX_EXTENSIONS)?;
        for (index, extension) in extensions.iter().enumerate() {
            if extensions.iter().take(index).any(|earlier| earlier.oid == extension.oid) {
                return Err(CertificateError::DuplicateExtension { oid: extension.oid.to_string() });
            }
        }

        let algorithm: AlgorithmIdentifierRef<'_> = algorithm.decode().map_err(part("signatureAlgorithm"))?;
        let scheme = SignatureScheme::from_algorithm_identifier(&algorithm)
            .ok_or_else(|| CertificateError::SignatureAlgorithm { found: algorithm.oid.to_string() })?;
        let at = |part: &[u8]| range_within(der, part);
        Ok(Self {
            parts: Parts {
                tbs: at(tbs.encoding),
                serial: at(serial),
                issuer: at(issuer),
                subject: at(subject),
                signature: at(signature),
            },
            validity,
            key: PublicKey::from_der(spki.encoding)?,
            scheme,
            extensions: extensions
                .into_iter()
                .map(|Extension { oid, critical, value }| ExtensionAt { oid, critical, value: at(value) })
                .collect(),
            der: der.to_vec(),
        })
    }

    /// Reads one PEM block labelled `CERTIFICATE` (RFC 7468 section 5).
    ///
    /// # Errors
    /// As [`from_der`](Self::from_der), and if there is no such block, or another label.
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        Self::from_der(&pem::decode(text, "CERTIFICATE")?)
    }

    /// The bytes that were read.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The SHA-256 of [`der`](Self::der).
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::sha256(&self.der)
    }

    /// The subject's key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Verifies by this back end what the subject signed.
    #[must_use]
    pub fn with_back_end(self, back_end: &'static dyn SignatureAlgorithm) -> Self {
        self.map_key(|key| key.with_back_end(back_end))
    }

    pub(crate) fn map_key(mut self, change: impl FnOnce(PublicKey) -> PublicKey) -> Self {
        self.key = change(self.key);
        self
    }

    /// From notBefore to notAfter, both inclusive.
    #[must_use]
    pub fn validity(&self) -> TimeWindow {
        self.validity
    }

    /// The subject in the form of RFC 4514; empty in Fulcio's leaf certificates.
    #[must_use]
    pub fn subject(&self) -> String {
        display_name(self.subject_der())
    }

    /// The issuer in the form of RFC 4514.
    #[must_use]
    pub fn issuer(&self) -> String {
        display_name(self.issuer_der())
    }

    /// Whether subject and issuer are the same name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject_der() == self.issuer_der()
    }

    /// Proves that the holder of `issuer`'s key signed this certificate.
    ///
    /// Names, dates and permissions are the path's matter, not checked here.
    ///
    /// # Errors
    /// If the signature does not verify.
    pub fn verify_signature(&self, issuer: &PublicKey) -> Result<(), SignatureError> {
        issuer.verify(self.scheme, Signed::Message(self.tbs()), self.part(&self.parts.signature))
    }

    /// The signed part, as received.
    pub(crate) fn tbs(&self) -> &[u8] {
        self.part(&self.parts.tbs)
    }

    pub(crate) fn serial(&self) -> &[u8] {
        self.part(&self.parts.serial)
    }

    pub(crate) fn subject_der(&self) -> &[u8] {
        self.part(&self.parts.subject)
    }

    pub(crate) fn issuer_der(&self) -> &[u8] {
        self.part(&self.parts.issuer)
    }

    /// Whether this certificate's issuer is called as that one's subject.
    pub(crate) fn names_issuer(&self, issuer: &Self) -> bool {
        self.issuer_der() == issuer.subject_der()
    }

    pub(crate) fn extensions(&self) -> impl Iterator<Item = Extension<'_>> {
        self.extensions.iter().map(|one| Extension {
            oid: one.oid,
            critical: one.critical,
            value: self.part(&one.value),
        })
    }

    pub(crate) fn extension(&self, oid: ObjectIdentifier) -> Option<Extension<'_>> {
        self.extensions().find(|one| one.oid == oid)
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.der.get(range.clone()).unwrap_or_default()
    }

    pub(crate) fn basic_constraints(&self) -> Result<Option<BasicConstraints>, CertificateError> {
        self.decode(oid::BASIC_CONSTRAINTS, "basicConstraints")
    }

    pub(crate) fn key_usage(&self) -> Result<Option<KeyUsage>, CertificateError> {
        self.decode(oid::KEY_USAGE, "keyUsage")
    }

    pub(crate) fn extended_key_usage(&self) -> Result<Option<ExtendedKeyUsage>, CertificateError> {
        self.decode(oid::EXTENDED_KEY_USAGE, "extKeyUsage")
    }

    pub(crate) fn subject_alt_name(&self) -> Result<Option<SubjectAltName>, CertificateError> {
        self.decode(oid::SUBJECT_ALT_NAME, "subjectAltName")
    }

    pub(crate) fn subject_key_identifier(&self) -> Result<Option<Vec<u8>>, CertificateError> {
        let found: Option<SubjectKeyIdentifier> =
            self.decode(oid::SUBJECT_KEY_IDENTIFIER, "subjectKeyIdentifier")?;
        Ok(found.map(|id| id.0.into_bytes().into()))
    }

    pub(crate) fn authority_key_identifier(&self) -> Result<Option<Vec<u8>>, CertificateError> {
        let found: Option<AuthorityKeyIdentifier> =
            self.decode(oid::AUTHORITY_KEY_IDENTIFIER, "authorityKeyIdentifier")?;
        Ok(found.and_then(|id| id.key_identifier).map(|id| id.into_bytes().into()))
    }

    pub(crate) fn decode<'a, T: der::Decode<'a>>(
        &'a self,
        oid: ObjectIdentifier,
        part: &'static str,
    ) -> Result<Option<T>, CertificateError> {
        self.extension(oid)
            .map(|extension| T::from_der(extension.value))
            .transpose()
            .map_err(|_| CertificateError::Malformed { part })
    }
}

/// Where `part`, a part of `whole`, begins and ends in it.
fn range_within(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start + part.len()
}

/// The content of a BIT STRING of whole bytes.
fn whole_bytes(bits: &[u8]) -> Result<&[u8], Malformed> {
    match bits.split_first() {
        Some((0, bytes)) => Ok(bytes),
        _ => Err(Malformed),
    }
}

/// RFC 5280 section 4.1.2.2: a positive integer of at most 20 bytes.
fn serial_number<'a>(fields: &mut Elements<'a>) -> Result<&'a [u8], Malformed> {
    let serial = fields.next()?.content_of(Tag::Integer)?;
    let positive =
        serial.first().is_some_and(|first| first & 0x80 == 0) && serial.iter().any(|&byte| byte != 0);
    if positive && serial.len() <= 20 { Ok(serial) } else { Err(Malformed) }
}

fn name<'a>(fields: &mut Elements<'a>, part: &'static str) -> Result<&'a [u8], CertificateError> {
    let malformed = |_: Malformed| CertificateError::Malformed { part };
    let element = fields.next().map_err(malformed)?;
    // Sets are compared with each other when they are decoded.
    at_most(part, attributes(element).map_err(malformed)?, MAX_NAME_ATTRIBUTES)?;
    element.decode::<Name>().map_err(malformed)?;
    Ok(element.encoding)
}

/// How many attributes a name has.
fn attributes(name: Element<'_>) -> Result<usize, Malformed> {
    let (mut list, mut count) = (name.open(Tag::Sequence)?, 0);
    while !list.is_empty() {
        let mut set = list.next()?.open(Tag::Set)?;
        while !set.is_empty() {
            set.next()?;
            count += 1;
        }
    }
    Ok(count)
}

fn at_most(part: &'static str, found: usize, expected: usize) -> Result<(), CertificateError> {
    match found <= expected {
        true => Ok(()),
        false => Err(CertificateError::TooMany { part, expected }),
    }
}

fn validity(fields: &mut Elements<'_>) -> Result<TimeWindow, Malformed> {
    let validity: Validity = fields.next()?.decode()?;
    let seconds = |time: x509_cert::time::Time| {
        i64::try_from(time.to_unix_duration().as_secs()).map(UnixTime::from_seconds).map_err(|_| Malformed)
    };
    Ok(TimeWindow { start: Some(seconds(validity.not_before)?), end: Some(seconds(validity.not_after)?) })
}

/// Extensions, in a list that is not empty.
pub(crate) fn extensions(sequence: Element<'_>) -> Result<Vec<Extension<'_>>, Malformed> {
    let mut list = sequence.open(Tag::Sequence)?;
    let mut extensions = Vec::new();
    // One more than may be there shows that there are too many.
    while !list.is_empty() && extensions.len() <= MAX_EXTENSIONS {
        let mut fields = list.next()?.open(Tag::Sequence)?;
        let oid = fields.next_oid()?;
        let critical = match fields.next_if(Tag::Boolean)? {
            None => false,
            // DER omits the default, and has one spelling of true.
            Some(element) if element.content == [0xff] => true,
            Some(_) => return Err(Malformed),
        };
        let value = fields.next()?.content_of(Tag::OctetString)?;
        fields.end()?;
        extensions.push(Extension { oid, critical, value });
    }
    if extensions.is_empty() {
        return Err(Malformed);
    }
    Ok(extensions)
}

fn display_name(der: &[u8]) -> String {
    Name::from_der(der).map_or_else(|_| String::new(), |name| name.to_string())
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({self})")
    }
}

impl fmt::Display for Certificate {
    /// Subject, or fingerprint where the subject is empty.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject().as_str() {
            "" => write!(f, "certificate {}", self.fingerprint()),
            subject => write!(f, "certificate `{subject}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::TrustRoot;

    /// A certificate of the embedded root with other extensions, or with another subject.
    fn changed(extensions: Option<&[u8]>, subject: Option<&[u8]>) -> Result<Certificate, CertificateError> {
        let root = TrustRoot::public_good();
        let der = root.certificate_authorities()[0].chain()[0].der();
        let mut outer = Element::only(der).unwrap().open(Tag::Sequence).unwrap();
        let mut fields = outer.next().unwrap().open(Tag::Sequence).unwrap();
        let (mut tbs, mut place) = (Vec::new(), 0);
        while !fields.is_empty() {
            let field = fields.next().unwrap();
            match (place, extensions, subject) {
                (5, _, Some(subject)) => tbs.extend(asn1::encode(0x30, subject)),
                (7, Some(extensions), _) => tbs.extend(asn1::encode(0xa3, &asn1::encode(0x30, extensions))),
                _ => tbs.extend(field.encoding),
            }
            place += 1;
        }
        let mut whole = asn1::encode(0x30, &tbs);
        while !outer.is_empty() {
            whole.extend(outer.next().unwrap().encoding);
        }
        Certificate::from_der(&asn1::encode(0x30, &whole))
    }

    #[test]
    fn a_flag_has_one_spelling_and_certificates_are_equal_by_their_bytes() {
        let with_flag = |flag: &[u8]| {
            let fields = [asn1::encode(6, &[0x2b, 1, 1]), asn1::encode(1, flag), asn1::encode(4, &[])];
            changed(Some(&asn1::encode(0x30, &fields.concat())), None)
        };
        let one = with_flag(&[0xff]).unwrap();
        for flag in [&[0][..], &[1], &[], &[0xff, 0xff]] {
            assert!(with_flag(flag).is_err(), "{flag:?}");
        }
        let other = TrustRoot::public_good().certificate_authorities()[0].chain()[0].clone();
        assert!(one == with_flag(&[0xff]).unwrap() && one != other);
    }

    #[test]
    fn what_no_certificate_has_so_often_is_refused_before_it_is_compared() {
        let extension = |number: usize| {
            let oid = asn1::encode(6, &[0x2b, 1 + (number / 100) as u8, 1 + (number % 100) as u8]);
            asn1::encode(0x30, &[oid, asn1::encode(4, b"")].concat())
        };
        let extensions = |count: usize| (0..count).flat_map(extension).collect::<Vec<u8>>();
        assert!(changed(Some(&extensions(MAX_EXTENSIONS)), None).is_ok());
        for count in [MAX_EXTENSIONS + 1, 4000] {
            let error = changed(Some(&extensions(count)), None).unwrap_err();
            assert_eq!(error, CertificateError::TooMany { part: "extensions", expected: MAX_EXTENSIONS });
        }
        // Common names, each in a set of its own, and all in one.
        let attribute =
            asn1::encode(0x30, &[asn1::encode(6, &[0x55, 4, 3]), asn1::encode(12, b"a")].concat());
        let apart = |count: usize| asn1::encode(0x31, &attribute).repeat(count);
        assert!(changed(None, Some(&apart(MAX_NAME_ATTRIBUTES))).is_ok());
        let error = CertificateError::TooMany { part: "subject", expected: MAX_NAME_ATTRIBUTES };
        assert_eq!(changed(None, Some(&apart(MAX_NAME_ATTRIBUTES + 1))).unwrap_err(), error);
        let together = asn1::encode(0x31, &attribute.repeat(5000));
        assert_eq!(changed(None, Some(&together)).unwrap_err(), error);
    }
}
