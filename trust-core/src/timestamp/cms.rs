//! The part of CMS that timestamps use: SignedData with one signer
//! ([RFC 5652 section 5](https://www.rfc-editor.org/rfc/rfc5652#section-5)).
//!
//! Everything is borrowed from the bytes received, and verified over them: most tokens in the world are not
//! the DER that an encoder would make of them.

use der::Tag;
use der::asn1::ObjectIdentifier;
use spki::AlgorithmIdentifierRef;
use thiserror::Error;

use crate::asn1::{self, Element, Elements, Malformed};
use crate::digest::{Digest, HashAlgorithm};
use crate::key::{self, KeyAlgorithm, PublicKey, SignatureScheme, Signed};
use crate::x509::certificate::Certificate;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
const ALGORITHM_PROTECTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.52");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Authorities send their chain, at most; the limit bounds the work.
const MAX_CERTIFICATES: usize = 16;

/// SignedData is malformed, or not signed by the certificate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CmsError {
    /// A part is not as RFC 5652 requires.
    #[error("CMS {part} is malformed")]
    Malformed {
        /// Which part.
        part: &'static str,
    },
    /// There are several signers, or none.
    #[error("found {found} signers, expected 1")]
    Signers {
        /// How many.
        found: usize,
    },
    /// The hash or signature algorithm is not allowed; SHA-1 is not.
    #[error("the {part} algorithm `{found}` is not supported")]
    Algorithm {
        /// Where.
        part: &'static str,
        /// The object identifier.
        found: String,
    },
    /// An attribute that must be signed is absent, repeated, or contradicts the content.
    #[error("the signed attribute {attribute} {problem}")]
    Attribute {
        /// Which.
        attribute: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The certificate is not the one that signed.
    #[error("{certificate} is not the signer that the token names")]
    OtherSigner {
        /// The certificate.
        certificate: String,
    },
    /// The signature does not verify.
    #[error("the signature over the signed attributes does not verify")]
    Signature,
}

fn malformed(part: &'static str) -> impl Fn(Malformed) -> CmsError {
    move |_| CmsError::Malformed { part }
}

/// A SignedData structure, parsed. It proves nothing yet.
pub(crate) struct SignedData<'a> {
    /// What kind of content was signed.
    pub(crate) content_type: ObjectIdentifier,
    /// The content that was signed.
    pub(crate) content: &'a [u8],
    /// Certificates that were sent along; hints from a stranger. Those that cannot be read are left out.
    pub(crate) certificates: Vec<Certificate>,
    signer: SignerInfo<'a>,
}

struct SignerInfo<'a> {
    sid: Element<'a>,
    digest: HashAlgorithm,
    attributes: Vec<(ObjectIdentifier, Element<'a>)>,
    /// The attributes as they are signed: with the tag of a SET.
    signed_bytes: Vec<u8>,
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: &'a [u8],
}

impl<'a> SignedData<'a> {
    /// Reads a ContentInfo that holds SignedData.
    pub(crate) fn from_content_info(element: Element<'a>) -> Result<Self, CmsError> {
        let part = malformed("ContentInfo");
        let mut info = element.open(Tag::Sequence).map_err(&part)?;
        let content_type = info.next_oid().map_err(&part)?;
        if content_type != SIGNED_DATA {
            return Err(CmsError::Algorithm { part: "content", found: content_type.to_string() });
        }
        let explicit = info.next().map_err(&part)?;
        info.end().map_err(&part)?;
        let inner = explicit.content_of(asn1::context(0)).and_then(Element::only).map_err(&part)?;
        Self::from_sequence(inner)
    }

    fn from_sequence(element: Element<'a>) -> Result<Self, CmsError> {
        let part = malformed("SignedData");
        let mut fields = element.open(Tag::Sequence).map_err(&part)?;
        let version = fields.next().and_then(|version| version.content_of(Tag::Integer)).map_err(&part)?;
        // Version 3 where the content is not plain data (RFC 5652 section 5.1).
        if version != [3] {
            return Err(CmsError::Malformed { part: "SignedData version" });
        }
        fields.next().and_then(|algorithms| algorithms.content_of(Tag::Set)).map_err(&part)?;
        let (content_type, content) =
            fields.next().and_then(encapsulated).map_err(malformed("encapContentInfo"))?;
        let certificates = match fields.next_if(asn1::context(0)).map_err(&part)? {
            Some(set) => certificates(set).map_err(malformed("certificates"))?,
            None => Vec::new(),
        };
        fields.next_if(asn1::context(1)).map_err(&part)?;
        let mut signers = fields.next().and_then(|set| set.open(Tag::Set)).map_err(&part)?;
        fields.end().map_err(&part)?;
        let mut infos = Vec::new();
        while !signers.is_empty() {
            infos.push(signers.next().map_err(&part)?);
        }
        let [signer] = infos[..] else {
            return Err(CmsError::Signers { found: infos.len() });
        };
        Ok(Self { content_type, content, certificates, signer: SignerInfo::from_element(signer)? })
    }

    /// Whether the signature says that this certificate made it. Anybody can say so.
    pub(crate) fn names_signer(&self, certificate: &Certificate) -> bool {
        self.signer.names(certificate) == Ok(true)
    }

    /// Whether the hash in the signed attributes is this certificate's.
    pub(crate) fn signing_certificate_is(&self, certificate: &Certificate) -> bool {
        self.signer.signing_certificate_is(certificate) == Ok(true)
    }

    /// Proves that `key`, the key of `signer`, signed the content, and that the signature names that very certificate.
    pub(crate) fn verify(&self, signer: &Certificate, key: &PublicKey) -> Result<(), CmsError> {
        let info = &self.signer;
        let other_signer = || CmsError::OtherSigner { certificate: signer.to_string() };
        if !info.names(signer).map_err(malformed("sid"))? {
            return Err(other_signer());
        }
        let content_type = info.attribute(CONTENT_TYPE, "contentType")?;
        if content_type.decode::<ObjectIdentifier>().ok() != Some(self.content_type) {
            return Err(CmsError::Attribute {
                attribute: "contentType",
                problem: "differs from the content's type",
            });
        }
        let digest = info.attribute(MESSAGE_DIGEST, "messageDigest")?;
        let found = digest.content_of(Tag::OctetString).map_err(malformed("messageDigest"))?;
        if found != Digest::of(info.digest, self.content).as_bytes() {
            return Err(CmsError::Attribute {
                attribute: "messageDigest",
                problem: "differs from the content's digest",
            });
        }
        if !info.signing_certificate_is(signer)? {
            return Err(other_signer());
        }
        info.check_algorithm_protection()?;
        key.verify(info.scheme(key)?, Signed::Message(&info.signed_bytes), info.signature)
            .map_err(|_| CmsError::Signature)
    }
}

/// EncapsulatedContentInfo with its content there.
fn encapsulated(element: Element<'_>) -> Result<(ObjectIdentifier, &[u8]), Malformed> {
    let mut fields = element.open(Tag::Sequence)?;
    let content_type = fields.next_oid()?;
    let explicit = fields.next()?.content_of(asn1::context(0))?;
    fields.end()?;
    let content = Element::only(explicit)?.content_of(Tag::OctetString)?;
    Ok((content_type, content))
}

fn certificates(set: Element<'_>) -> Result<Vec<Certificate>, Malformed> {
    let mut elements = Elements::new(set.content);
    let mut certificates = Vec::new();
    while !elements.is_empty() {
        let element = elements.next()?;
        if certificates.len() == MAX_CERTIFICATES {
            return Err(Malformed);
        }
        certificates.extend(Certificate::from_der(element.encoding).ok());
    }
    Ok(certificates)
}

impl<'a> SignerInfo<'a> {
    fn from_element(element: Element<'a>) -> Result<Self, CmsError> {
        let part = malformed("SignerInfo");
        let mut fields = element.open(Tag::Sequence).map_err(&part)?;
        let version = fields.next().and_then(|version| version.content_of(Tag::Integer)).map_err(&part)?;
        let sid = fields.next().map_err(&part)?;
        // RFC 5652 section 5.3: 1 with issuer and serial number, 3 with the subject key identifier.
        match (version, sid.is(Tag::Sequence)) {
            ([1], true) | ([3], false) => {}
            _ => {
                return Err(CmsError::Malformed { part: "SignerInfo version" });
            }
        }
        let digest_algorithm: AlgorithmIdentifierRef<'a> =
            fields.next().and_then(Element::decode).map_err(malformed("digestAlgorithm"))?;
        let digest = key::hash_from_oid(&digest_algorithm.oid)
            .ok_or_else(|| CmsError::Algorithm { part: "digest", found: digest_algorithm.oid.to_string() })?;
        let attributes = fields
            .next_if(asn1::context(0))
            .map_err(&part)?
            .ok_or(CmsError::Attribute { attribute: "list", problem: "is absent" })?;
        let algorithm = fields.next().and_then(Element::decode).map_err(malformed("signatureAlgorithm"))?;
        let signature =
            fields.next().and_then(|signature| signature.content_of(Tag::OctetString)).map_err(&part)?;
        fields.next_if(asn1::context(1)).map_err(&part)?;
        fields.end().map_err(&part)?;
        Ok(Self {
            sid,
            digest,
            signed_bytes: asn1::encode(0x31, attributes.content),
            attributes: parse_attributes(attributes).map_err(malformed("signedAttrs"))?,
            algorithm,
            signature,
        })
    }

    /// Whether the signer identifier is this certificate's.
    fn names(&self, signer: &Certificate) -> Result<bool, Malformed> {
        if self.sid.is(asn1::context_primitive(0)) {
            let held = signer.subject_key_identifier().map_err(|_| Malformed)?;
            return Ok(held.as_deref() == Some(self.sid.content));
        }
        let mut fields = self.sid.open(Tag::Sequence)?;
        let issuer = fields.next()?.encoding;
        let serial = fields.next()?.content_of(Tag::Integer)?;
        fields.end()?;
        Ok(issuer == signer.issuer_der() && serial == signer.serial())
    }

    /// The only value of an attribute that must be there once.
    fn attribute(&self, oid: ObjectIdentifier, attribute: &'static str) -> Result<Element<'a>, CmsError> {
        self.optional_attribute(oid, attribute)?
            .ok_or(CmsError::Attribute { attribute, problem: "is absent" })
    }

    fn optional_attribute(
        &self,
        oid: ObjectIdentifier,
        attribute: &'static str,
    ) -> Result<Option<Element<'a>>, CmsError> {
        let mut found = self.attributes.iter().filter(|(other, _)| *other == oid);
        let first = found.next();
        if found.next().is_some() {
            return Err(CmsError::Attribute { attribute, problem: "is repeated" });
        }
        first
            .map(|(_, values)| Element::only(values.content))
            .transpose()
            .map_err(|_| CmsError::Attribute { attribute, problem: "does not have exactly one value" })
    }

    /// RFC 5816: the signature itself says by a hash which certificate it is to be verified with.
    ///
    /// The older attribute of RFC 2634 does so by SHA-1, and does not count.
    fn signing_certificate_is(&self, signer: &Certificate) -> Result<bool, CmsError> {
        let value = self.attribute(SIGNING_CERTIFICATE_V2, "signingCertificateV2")?;
        ess_cert_id_v2_is(value, signer)
            .map_err(|_| CmsError::Attribute { attribute: "signingCertificateV2", problem: "is malformed" })
    }

    /// RFC 6211: if the algorithms are repeated under the signature, they must be the same.
    fn check_algorithm_protection(&self) -> Result<(), CmsError> {
        let name = "cmsAlgorithmProtection";
        let Some(value) = self.optional_attribute(ALGORITHM_PROTECTION, name)? else {
            return Ok(());
        };
        let agrees = || -> Result<bool, Malformed> {
            let mut fields = value.open(Tag::Sequence)?;
            let digest: AlgorithmIdentifierRef<'_> = fields.next()?.decode()?;
            let signature = fields.next()?.content_of(asn1::context(1))?;
            let signature = Elements::new(signature).next_oid()?;
            Ok(key::hash_from_oid(&digest.oid) == Some(self.digest) && signature == self.algorithm.oid)
        };
        match agrees() {
            Ok(true) => Ok(()),
            _ => Err(CmsError::Attribute { attribute: name, problem: "differs from the algorithms used" }),
        }
    }

    /// The signature's scheme. `rsaEncryption` leaves the hash to digestAlgorithm (RFC 3370 section 3.2),
    /// and Ed25519 signs the attributes themselves.
    fn scheme(&self, key: &PublicKey) -> Result<SignatureScheme, CmsError> {
        if self.algorithm.oid == RSA_ENCRYPTION && matches!(key.algorithm(), KeyAlgorithm::Rsa { .. }) {
            return Ok(SignatureScheme::RsaPkcs1(self.digest));
        }
        let scheme = SignatureScheme::from_algorithm_identifier(&self.algorithm);
        scheme.ok_or_else(|| CmsError::Algorithm { part: "signature", found: self.algorithm.oid.to_string() })
    }
}

/// Each attribute with the SET of its values.
fn parse_attributes(list: Element<'_>) -> Result<Vec<(ObjectIdentifier, Element<'_>)>, Malformed> {
    let mut elements = Elements::new(list.content);
    let mut attributes = Vec::new();
    let mut previous: &[u8] = &[];
    while !elements.is_empty() {
        let element = elements.next()?;
        // RFC 5652 section 5.4: what is signed is DER, in which a SET OF is in order.
        if element.encoding < previous {
            return Err(Malformed);
        }
        previous = element.encoding;
        let mut fields = element.open(Tag::Sequence)?;
        let oid = fields.next_oid()?;
        let values = fields.next()?;
        values.content_of(Tag::Set)?;
        fields.end()?;
        attributes.push((oid, values));
    }
    Ok(attributes)
}

/// Whether the first ESSCertIDv2 of a SigningCertificateV2 (RFC 5035 section 3) is `signer`'s.
fn ess_cert_id_v2_is(value: Element<'_>, signer: &Certificate) -> Result<bool, Malformed> {
    let mut ids = value.open(Tag::Sequence)?.next()?.open(Tag::Sequence)?;
    let mut id = ids.next()?.open(Tag::Sequence)?;
    let algorithm = match id.next_if(Tag::Sequence)? {
        None => HashAlgorithm::Sha256,
        Some(element) => {
            let algorithm: AlgorithmIdentifierRef<'_> = element.decode()?;
            key::hash_from_oid(&algorithm.oid).ok_or(Malformed)?
        }
    };
    let hash = id.next()?.content_of(Tag::OctetString)?;
    if let Some(issuer_serial) = id.next_if(Tag::Sequence)? {
        let mut fields = issuer_serial.open(Tag::Sequence)?;
        let mut names = fields.next()?.open(Tag::Sequence)?;
        // GeneralName's directoryName is [4] EXPLICIT.
        let issuer = names.next()?.content_of(asn1::context(4))?;
        let serial = fields.next()?.content_of(Tag::Integer)?;
        if issuer != signer.issuer_der() || serial != signer.serial() {
            return Ok(false);
        }
    }
    Ok(hash == Digest::of(algorithm, signer.der()).as_bytes())
}
