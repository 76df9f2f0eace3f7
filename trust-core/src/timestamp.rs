//! Timestamps of authorities ([RFC 3161](https://www.rfc-editor.org/rfc/rfc3161), [RFC 5816](https://www.rfc-editor.org/rfc/rfc5816)).

pub(crate) mod cms;

use der::Tag;
use der::asn1::ObjectIdentifier;
use spki::AlgorithmIdentifierRef;
use thiserror::Error;

use self::cms::{CmsError, SignedData};
use crate::asn1::{self, Element, Malformed};
use crate::digest::{Digest, HashAlgorithm};
use crate::key::{self, SHA256};
use crate::text::time::{TimeWindow, UnixTime};
use crate::x509::authority::Authority;
use crate::x509::certificate::Certificate;
use crate::x509::chain::{ChainError, MAX_PATH_LEN, Usage};

const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// The best practices time-stamp policy, under which a time is off by a second at most
/// ([ETSI EN 319 421 section 5](https://www.etsi.org/deliver/etsi_en/319400_319499/319421/)).
const BEST_PRACTICES: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.4.0.2023.1.1");

/// Tokens with a chain of three certificates have some 6 KiB.
const MAX_LEN: usize = 64 * 1024;

/// A timestamp cannot be read, is not over the signature, or no trusted authority made it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimestampError {
    /// It is too long.
    #[error("timestamp has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// A part is not as RFC 3161 requires.
    #[error("timestamp {part} is malformed")]
    Malformed {
        /// Which part.
        part: &'static str,
    },
    /// The authority refused the request.
    #[error("timestamp response has status {found}, expected 0 (granted) or 1 (granted with modifications)")]
    Status {
        /// The PKIStatus.
        found: u8,
    },
    /// What was signed is not a TSTInfo.
    #[error("timestamp signs content of type `{found}`, expected TSTInfo")]
    ContentType {
        /// The object identifier.
        found: String,
    },
    /// The imprint is made with an algorithm that is not allowed.
    #[error("timestamp imprint uses `{found}`, expected sha256, sha384 or sha512")]
    ImprintAlgorithm {
        /// The object identifier.
        found: String,
    },
    /// The imprint is of other content than is at hand.
    #[error("timestamp is over content with digest `{found}`, expected `{expected}`")]
    Imprint {
        /// The imprint.
        found: Digest,
        /// The digest of the content at hand.
        expected: Digest,
    },
    /// The CMS signature is malformed or wrong.
    #[error("timestamp signature is not usable")]
    Cms(#[from] CmsError),
    /// The trust root has no timestamp authority.
    #[error("the trust root has no timestamp authority")]
    NoAuthority,
    /// It names no authority of the trust root as its signer.
    #[error("the timestamp's signer is of no authority in the trust root")]
    UnknownAuthority {
        /// Why not of the first one.
        source: Box<TimestampError>,
    },
    /// The signer's certificate is neither in the token nor in the trust root.
    #[error("the certificate that signed the timestamp is neither in it nor in the trust root")]
    NoSigner,
    /// The signer's certificate is not issued by the authority.
    #[error("the timestamp's signer is not trusted")]
    Chain(#[from] ChainError),
    /// The authority was not trusted at that time.
    #[error("the timestamp authority `{authority}` is trusted {window}, expected to cover {time}")]
    Window {
        /// The authority.
        authority: String,
        /// When it is trusted.
        window: TimeWindow,
        /// When it signed.
        time: UnixTime,
    },
}

/// A timestamp token, parsed. It proves nothing yet.
struct Token<'a> {
    signed: SignedData<'a>,
    info: TstInfo,
}

/// A time that an authority vouches for: the timestamped bytes existed then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTimestamp {
    authority: String,
    operator: String,
    time: UnixTime,
    accuracy_millis: i64,
}

impl VerifiedTimestamp {
    /// The authority, by its URI in the trust root.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Who runs the authority, by the trust root.
    #[must_use]
    pub fn operator(&self) -> &str {
        &self.operator
    }

    /// genTime, rounded up to milliseconds; certificates are judged at it, as Sigstore's clients do.
    #[must_use]
    pub fn time(&self) -> UnixTime {
        self.time
    }

    /// By how many milliseconds genTime may be off, by the authority's own account, or else by its policy's.
    #[must_use]
    pub fn accuracy_millis(&self) -> i64 {
        self.accuracy_millis
    }
}

/// A request for a timestamp over `content`: a TimeStampReq in DER
/// ([RFC 3161 section 2.4.1](https://www.rfc-editor.org/rfc/rfc3161#section-2.4.1)), with the authority's certificate in the answer.
///
/// It has no nonce: an older timestamp over the same content proves the same.
#[must_use]
pub fn timestamp_request(content: &[u8]) -> Vec<u8> {
    let sequence = |parts: &[&[u8]]| asn1::encode(0x30, &parts.concat());
    let digest = Digest::of(HashAlgorithm::Sha256, content);
    let algorithm = sequence(&[&asn1::encode(0x06, SHA256.as_bytes()), &asn1::encode(0x05, &[])]);
    let imprint = sequence(&[&algorithm, &asn1::encode(0x04, digest.as_bytes())]);
    let (version, wants_certificate) = (asn1::encode(0x02, &[1]), asn1::encode(0x01, &[0xff]));
    sequence(&[&version, &imprint, &wants_certificate])
}

/// Proves that one of `authorities` saw `content` at a time, and says when. In Sigstore the content is a signature.
///
/// `timestamp` is a TimeStampResp or a bare TimeStampToken.
///
/// # Errors
/// The reason of the authority that came closest; [`TimestampError::UnknownAuthority`] if the timestamp names none of them.
pub fn verify_timestamp(
    timestamp: &[u8],
    content: &[u8],
    authorities: &[Authority],
) -> Result<VerifiedTimestamp, TimestampError> {
    verify_timestamp_and_path(timestamp, content, authorities).map(|(verified, _)| verified)
}

/// The same, with the certificates from the signer's to the authority's anchor.
pub(crate) fn verify_timestamp_and_path(
    timestamp: &[u8],
    content: &[u8],
    authorities: &[Authority],
) -> Result<(VerifiedTimestamp, Vec<Certificate>), TimestampError> {
    let token = Token::from_der(timestamp)?;
    let imprint = &token.info.imprint;
    let expected = Digest::of(imprint.algorithm(), content);
    if *imprint != expected {
        return Err(TimestampError::Imprint { found: imprint.clone(), expected });
    }
    let (mut closest, mut is_known) = (TimestampError::NoAuthority, false);
    for authority in authorities {
        match token.verify_by(authority) {
            Ok(path) => {
                let verified = VerifiedTimestamp {
                    authority: authority.uri().to_owned(),
                    operator: authority.operator().to_owned(),
                    time: token.info.time,
                    accuracy_millis: token.info.accuracy_millis,
                };
                return Ok((verified, path.into_iter().cloned().collect()));
            }
            // "Not its signer" says less than any other reason.
            Err(error) => {
                let names_it = token.names(authority);
                if names_it && !is_known || matches!(closest, TimestampError::NoAuthority) {
                    closest = error;
                }
                is_known |= names_it;
            }
        }
    }
    match closest {
        TimestampError::NoAuthority => Err(closest),
        closest if is_known => Err(closest),
        closest => Err(TimestampError::UnknownAuthority { source: Box::new(closest) }),
    }
}

impl<'a> Token<'a> {
    fn from_der(bytes: &'a [u8]) -> Result<Self, TimestampError> {
        if bytes.len() > MAX_LEN {
            return Err(TimestampError::TooLong { found: bytes.len() });
        }
        let signed = SignedData::from_content_info(content_info(bytes)?)?;
        if signed.content_type != TST_INFO {
            return Err(TimestampError::ContentType { found: signed.content_type.to_string() });
        }
        let info = TstInfo::from_der(signed.content)?;
        Ok(Self { signed, info })
    }

    fn verify_by<'b>(&'b self, authority: &'b Authority) -> Result<Vec<&'b Certificate>, TimestampError> {
        let path = self.path(authority)?;
        let (Some(signer), Some(anchor)) = (path.first(), path.last()) else {
            return Err(TimestampError::NoSigner);
        };
        self.signed.verify(signer, &signer.public_key().by_back_end_of(anchor.public_key()))?;
        let time = self.info.time;
        if !authority.valid_for().contains(time) {
            return Err(TimestampError::Window {
                authority: authority.uri().to_owned(),
                window: authority.valid_for(),
                time,
            });
        }
        authority.verify_path(&path, Usage::TIME_STAMPING, &[time])?;
        Ok(path)
    }

    /// Whether it says that an authority signed it: by the certificate that it names, or by the issuer of that one.
    fn names(&self, authority: &Authority) -> bool {
        let chain = authority.chain();
        let leads_there =
            |certificate: &Certificate| chain.iter().any(|issuer| certificate.names_issuer(issuer));
        let embedded = &self.signed.certificates;
        chain.iter().any(|one| self.signed.names_signer(one))
            || embedded.iter().any(|one| self.signed.names_signer(one)) && embedded.iter().any(leads_there)
    }

    /// The signer's certificate and its issuers up to the authority's anchor.
    ///
    /// A leaf in the trust root is pinned. Without one, the token must bring it, and may bring intermediates:
    /// they are hints, and count only if they lead to the anchor.
    fn path<'b>(&'b self, authority: &'b Authority) -> Result<Vec<&'b Certificate>, TimestampError> {
        let is_authority = |certificate: &Certificate| matches!(certificate.basic_constraints(), Ok(Some(constraints)) if constraints.ca);
        let mut path: Vec<&Certificate> = authority.chain().iter().collect();
        let pinned = path.first().is_some_and(|first| !is_authority(first));
        if pinned {
            return Ok(path);
        }
        let embedded = &self.signed.certificates;
        let mut below = Vec::new();
        // The hash under the signature says which certificate is meant; without it, the first of the name is at fault.
        let mut named = embedded.iter().filter(|certificate| self.signed.names_signer(certificate));
        let mut current = named
            .clone()
            .find(|certificate| self.signed.signing_certificate_is(certificate))
            .or_else(|| named.next())
            .ok_or(TimestampError::NoSigner)?;
        while below.len() < MAX_PATH_LEN {
            below.push(current);
            let in_root = |issuer: &&Certificate| current.names_issuer(issuer);
            if let Some(position) = path.iter().position(in_root) {
                below.extend(path.drain(position..));
                return Ok(below);
            }
            match embedded.iter().find(in_root) {
                Some(issuer) => current = issuer,
                None => break,
            }
        }
        // No path: let the path check say which issuer is missing.
        below.extend(path);
        Ok(below)
    }
}

/// The token in a TimeStampResp, or the bare token, as it stands there.
pub(crate) fn token_of(bytes: &[u8]) -> Result<&[u8], TimestampError> {
    content_info(bytes).map(|token| token.encoding)
}

/// The token in a TimeStampResp, or the bare token.
fn content_info(bytes: &[u8]) -> Result<Element<'_>, TimestampError> {
    let part = |_| TimestampError::Malformed { part: "response" };
    let whole = Element::only(bytes).map_err(part)?;
    let mut fields = whole.open(Tag::Sequence).map_err(part)?;
    let Some(status_info) = fields.next_if(Tag::Sequence).map_err(part)? else {
        return Ok(whole);
    };
    let status = status_info
        .open(Tag::Sequence)
        .and_then(|mut info| info.next()?.content_of(Tag::Integer))
        .map_err(part)?;
    if !matches!(status, [0 | 1]) {
        return Err(TimestampError::Status { found: status.last().copied().unwrap_or(u8::MAX) });
    }
    let token = fields.next().map_err(part)?;
    fields.end().map_err(part)?;
    Ok(token)
}

/// What the authority signed (RFC 3161 section 2.4.2).
struct TstInfo {
    imprint: Digest,
    time: UnixTime,
    accuracy_millis: i64,
}

impl TstInfo {
    fn from_der(bytes: &[u8]) -> Result<Self, TimestampError> {
        let part = |_| TimestampError::Malformed { part: "TSTInfo" };
        let mut fields = Element::only(bytes).and_then(|whole| whole.open(Tag::Sequence)).map_err(part)?;
        let version = fields.next().and_then(|version| version.content_of(Tag::Integer)).map_err(part)?;
        if version != [1] {
            return Err(TimestampError::Malformed { part: "TSTInfo version" });
        }
        let policy = fields.next_oid().map_err(part)?;
        let imprint = message_imprint(fields.next().map_err(part)?)?;
        fields.next().and_then(|serial| serial.content_of(Tag::Integer)).map_err(part)?;
        let time = fields
            .next()
            .and_then(|time| generalized_time(time.content_of(Tag::GeneralizedTime)?))
            .map_err(|_| TimestampError::Malformed { part: "genTime" })?;
        let accuracy_millis = match fields.next_if(Tag::Sequence).map_err(part)? {
            Some(element) => accuracy(element).map_err(|_| TimestampError::Malformed { part: "accuracy" })?,
            None if policy == BEST_PRACTICES => 1000,
            None => 0,
        };
        fields.next_if(Tag::Boolean).map_err(part)?;
        fields.next_if(Tag::Integer).map_err(part)?;
        fields.next_if(asn1::context(0)).map_err(part)?;
        if let Some(extensions) = fields.next_if(asn1::context(1)).map_err(part)? {
            refuse_critical(extensions)
                .map_err(|_| TimestampError::Malformed { part: "critical extension" })?;
        }
        fields.end().map_err(part)?;
        Ok(Self { imprint, time, accuracy_millis })
    }
}

fn message_imprint(element: Element<'_>) -> Result<Digest, TimestampError> {
    let part = |_: Malformed| TimestampError::Malformed { part: "messageImprint" };
    let mut fields = element.open(Tag::Sequence).map_err(part)?;
    let algorithm: AlgorithmIdentifierRef<'_> = fields.next().and_then(Element::decode).map_err(part)?;
    let value = fields.next().and_then(|value| value.content_of(Tag::OctetString)).map_err(part)?;
    fields.end().map_err(part)?;
    let hash: HashAlgorithm = key::hash_from_oid(&algorithm.oid)
        .ok_or_else(|| TimestampError::ImprintAlgorithm { found: algorithm.oid.to_string() })?;
    Digest::new(hash, value).map_err(|_| part(Malformed))
}

/// `YYYYMMDDhhmmss[.f…]Z` without trailing zeros (RFC 3161 section 2.4.2), rounded up to milliseconds.
fn generalized_time(text: &[u8]) -> Result<UnixTime, Malformed> {
    let text = core::str::from_utf8(text).map_err(|_| Malformed)?;
    let text = text.strip_suffix('Z').ok_or(Malformed)?;
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !digits(whole) {
        return Err(Malformed);
    }
    let number = |from: usize, to: usize| -> Result<i64, Malformed> {
        whole.get(from..to).and_then(|part| part.parse().ok()).ok_or(Malformed)
    };
    let small = |value: i64| u8::try_from(value).map_err(|_| Malformed);
    let date =
        UnixTime::from_date(number(0, 4)?, small(number(4, 6)?)?, small(number(6, 8)?)?).ok_or(Malformed)?;
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    if hour > 23 || minute > 59 || second > 59 {
        return Err(Malformed);
    }
    let mut millis = ((hour * 60 + minute) * 60 + second) * 1000;
    if let Some(fraction) = fraction {
        if fraction.is_empty() || !digits(fraction) || fraction.ends_with('0') {
            return Err(Malformed);
        }
        let shown: String = fraction.chars().take(3).collect();
        millis += format!("{shown:0<3}").parse::<i64>().map_err(|_| Malformed)?;
        millis += i64::from(fraction.len() > 3);
    }
    Ok(date.plus_millis(millis))
}

/// Seconds, milliseconds and microseconds, rounded up to milliseconds.
fn accuracy(element: Element<'_>) -> Result<i64, Malformed> {
    let mut fields = element.open(Tag::Sequence)?;
    let integer = |content: &[u8]| -> Result<i64, Malformed> {
        if content.len() > 4 || content.first().is_none_or(|first| first & 0x80 != 0) {
            return Err(Malformed);
        }
        Ok(content.iter().fold(0, |value, &byte| value << 8 | i64::from(byte)))
    };
    let seconds = fields.next_if(Tag::Integer)?.map_or(Ok(0), |element| integer(element.content))?;
    let below_thousand = |number: u32, fields: &mut asn1::Elements<'_>| match fields
        .next_if(asn1::context_primitive(number))?
    {
        None => Ok(0),
        Some(element) => {
            Some(integer(element.content)?).filter(|value| (1..=999).contains(value)).ok_or(Malformed)
        }
    };
    let millis = below_thousand(0, &mut fields)?;
    let micros = below_thousand(1, &mut fields)?;
    fields.end()?;
    Ok(seconds * 1000 + millis + i64::from(micros > 0))
}

fn refuse_critical(extensions: Element<'_>) -> Result<(), Malformed> {
    let mut list = asn1::Elements::new(extensions.content);
    while !list.is_empty() {
        let mut fields = list.next()?.open(Tag::Sequence)?;
        fields.next_oid()?;
        if fields.next_if(Tag::Boolean)?.is_some() {
            return Err(Malformed);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_fractions_are_read() {
        let read = |text: &str| generalized_time(text.as_bytes()).map(|time| time.to_string());
        for (text, expected) in [
            ("20260131120000Z", "2026-01-31T12:00:00Z"),
            ("20260131120000.5Z", "2026-01-31T12:00:00.500Z"),
            ("20260131120000.0001Z", "2026-01-31T12:00:00.001Z"),
            ("20260131120000.123Z", "2026-01-31T12:00:00.123Z"),
            ("20260131235959Z", "2026-01-31T23:59:59Z"),
        ] {
            assert_eq!(read(text), Ok(expected.to_owned()));
        }
        for text in [
            "20260131120000",
            "20260131120000.Z",
            "20260131120000.50Z",
            "20260132120000Z",
            "202601311200Z",
            "20260131240000Z",
            "20260131126000Z",
            "20260131120060Z",
            "+0260131120000Z",
        ] {
            assert_eq!(read(text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn a_token_is_read_up_to_its_limit() {
        let read = |len: usize| verify_timestamp(&vec![0x30; len], b"", &[]);
        assert!(!matches!(read(MAX_LEN), Err(TimestampError::TooLong { .. })));
        assert_eq!(read(MAX_LEN + 1), Err(TimestampError::TooLong { found: MAX_LEN + 1 }));
    }

    #[test]
    fn accuracy_is_rounded_up() {
        let read = |bytes: &[u8]| Element::only(bytes).and_then(accuracy);
        assert_eq!(read(&[0x30, 3, 2, 1, 1]), Ok(1000));
        assert_eq!(read(&[0x30, 6, 0x80, 1, 5, 0x81, 1, 1]), Ok(6));
        assert_eq!(read(&[0x30, 3, 0x80, 1, 0]), Err(Malformed));
    }

    #[test]
    fn a_policy_may_say_the_accuracy() {
        let sequence = |parts: &[&[u8]]| asn1::encode(0x30, &parts.concat());
        let algorithm = sequence(&[&asn1::encode(0x06, SHA256.as_bytes())]);
        let imprint = sequence(&[&algorithm, &asn1::encode(0x04, &[0; 32])]);
        let number = |value| asn1::encode(0x02, &[value]);
        let accuracy_of = |policy: &ObjectIdentifier, accuracy: &[u8]| {
            let policy = asn1::encode(0x06, policy.as_bytes());
            let time = asn1::encode(0x18, b"20260131120000Z");
            let info = sequence(&[&number(1), &policy, &imprint, &number(5), &time, accuracy]);
            TstInfo::from_der(&info).map(|info| info.accuracy_millis)
        };
        let of_five_seconds = sequence(&[&number(5)]);
        assert_eq!(accuracy_of(&BEST_PRACTICES, &[]), Ok(1000));
        assert_eq!(accuracy_of(&BEST_PRACTICES, &of_five_seconds), Ok(5000));
        assert_eq!(accuracy_of(&SHA256, &[]), Ok(0));
    }
}
