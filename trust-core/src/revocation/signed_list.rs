//! What CRLs and OCSP responses have in common: a signed part, times, entries and extensions.

use der::Tag;
use der::asn1::ObjectIdentifier;
use spki::AlgorithmIdentifierRef;

use super::CLOCK_TOLERANCE_MILLIS;
use crate::asn1::{Element, Elements, Malformed};
use crate::key::{PublicKey, SignatureError, SignatureScheme, Signed};
use crate::text::time::UnixTime;
use crate::x509::certificate::{Extension, MAX_EXTENSIONS, extensions};

const REASON: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
const INVALIDITY_DATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.24");

/// The revocation of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) since: Option<UnixTime>,
    pub(super) reason: Option<&'static str>,
    /// Its invalidity date.
    pub(super) invalid_from: Option<UnixTime>,
}

/// A structure and the signature over it.
pub(super) struct SignedPart<'a> {
    pub(super) content: Element<'a>,
    /// The algorithm's whole encoding.
    pub(super) algorithm: Element<'a>,
    signature: &'a [u8],
}

impl<'a> SignedPart<'a> {
    pub(super) fn read(fields: &mut Elements<'a>) -> Result<Self, Malformed> {
        let (content, algorithm) = (fields.next()?, fields.next()?);
        let bits = fields.next()?.content_of(Tag::BitString)?;
        match bits.split_first() {
            Some((0, signature)) => Ok(Self { content, algorithm, signature }),
            _ => Err(Malformed),
        }
    }

    /// The scheme of the signature, or the object identifier of one that is not supported.
    pub(super) fn scheme(&self) -> Result<SignatureScheme, String> {
        let algorithm: Result<AlgorithmIdentifierRef<'_>, _> = self.algorithm.decode();
        let algorithm = algorithm.map_err(|_| "none".to_owned())?;
        SignatureScheme::from_algorithm_identifier(&algorithm).ok_or_else(|| algorithm.oid.to_string())
    }

    pub(super) fn verify(&self, scheme: SignatureScheme, key: &PublicKey) -> Result<(), SignatureError> {
        key.verify(scheme, Signed::Message(self.content.encoding), self.signature)
    }
}

/// thisUpdate and nextUpdate.
#[derive(Clone, Copy)]
pub(super) struct Update {
    pub(super) this: UnixTime,
    pub(super) next: UnixTime,
}

impl Update {
    /// Whether it is current; the local clock may be behind.
    pub(super) fn is_current(self, now: UnixTime) -> bool {
        self.this <= now.plus_millis(CLOCK_TOLERANCE_MILLIS) && now < self.next
    }
}

/// Seconds, as UTCTime or GeneralizedTime.
pub(super) fn time(element: Element<'_>) -> Result<UnixTime, Malformed> {
    let time: x509_cert::time::Time = element.decode()?;
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).map_err(|_| Malformed)?;
    Ok(UnixTime::from_seconds(seconds))
}

/// The extensions in a list, each once; none if there is no list.
pub(super) fn read_extensions(sequence: Option<Element<'_>>) -> Result<Vec<Extension<'_>>, Malformed> {
    let all = sequence.map(extensions).transpose()?.unwrap_or_default();
    let is_again =
        |(index, one): (usize, &Extension<'_>)| all.iter().take(index).any(|earlier| earlier.oid == one.oid);
    let is_odd = all.len() > MAX_EXTENSIONS || all.iter().enumerate().any(is_again);
    if is_odd { Err(Malformed) } else { Ok(all) }
}

/// The same of a list in an element of its own.
pub(super) fn read_explicit(explicit: Option<Element<'_>>) -> Result<Vec<Extension<'_>>, Malformed> {
    read_extensions(explicit.map(|explicit| Element::only(explicit.content)).transpose()?)
}

impl Entry {
    /// The revocation with what can be parsed of its details: without them the certificate is revoked all the same.
    pub(super) fn read(
        since: Result<UnixTime, Malformed>,
        reason: Option<&'static str>,
        extensions: Result<Vec<Extension<'_>>, Malformed>,
    ) -> Self {
        let mut entry = Self { since: since.ok(), reason, invalid_from: None };
        let extensions = extensions.unwrap_or_default();
        let is_known = |one: &Extension<'_>| [REASON, INVALIDITY_DATE].contains(&one.oid) || !one.critical;
        if !extensions.iter().all(is_known) {
            return entry;
        }
        for extension in extensions {
            match extension.oid {
                REASON => entry.reason = Element::only(extension.value).and_then(reason_of).ok(),
                INVALIDITY_DATE => entry.invalid_from = Element::only(extension.value).and_then(time).ok(),
                _ => {}
            }
        }
        entry
    }

    /// Whether a signature of this trusted time counts all the same: it is from before the invalidity date.
    pub(super) fn spares(&self, signed: Option<UnixTime>) -> bool {
        signed.zip(self.invalid_from).is_some_and(|(signed, from)| signed < from)
    }

    /// Whether it holds even once it is no longer current. A hold may be released, and a newer invalidity date may be earlier.
    pub(super) fn is_final(&self, signed: Option<UnixTime>) -> bool {
        !self.spares(signed) && !matches!(self.reason, Some("certificateHold" | "removeFromCRL"))
    }
}

/// [RFC 5280 section 5.3.1](https://www.rfc-editor.org/rfc/rfc5280#section-5.3.1)
pub(super) fn reason_of(element: Element<'_>) -> Result<&'static str, Malformed> {
    Ok(match element.content_of(Tag::Enumerated)? {
        [0] => "unspecified",
        [1] => "keyCompromise",
        [2] => "cACompromise",
        [3] => "affiliationChanged",
        [4] => "superseded",
        [5] => "cessationOfOperation",
        [6] => "certificateHold",
        [8] => "removeFromCRL",
        [9] => "privilegeWithdrawn",
        [10] => "aACompromise",
        _ => return Err(Malformed),
    })
}

/// Whether two serial numbers are equal, whatever their leading zeros.
pub(super) fn is_same_serial(one: &[u8], other: &[u8]) -> bool {
    let digits =
        |bytes: &[u8]| bytes.iter().position(|byte| *byte != 0).map_or(0, |first| bytes.len() - first);
    let (one_len, other_len) = (digits(one), digits(other));
    one_len == other_len && one.iter().rev().take(one_len).eq(other.iter().rev().take(other_len))
}
