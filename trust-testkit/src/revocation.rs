//! Answers about revoked certificates, right in every respect until a test changes one.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use trust_core::UnixTime;

use crate::sigstore::{
    Issuer, Key, Template, certificate, extended_key_usage, extension, key_usage, oid, seq, tlv,
};

pub const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";
const NO_CHECK: &str = "1.3.6.1.5.5.7.48.1.5";

/// Seconds, as GeneralizedTime.
pub fn generalized(time: UnixTime) -> Vec<u8> {
    let digits: String = time.to_string().chars().take(19).filter(char::is_ascii_digit).collect();
    tlv(0x18, format!("{digits}Z").as_bytes())
}

/// Where responders and lists are, as extensions of a certificate.
pub fn sources(ocsp: Option<&str>, crl: Option<&str>) -> Vec<Vec<u8>> {
    let url = |url: &str| tlv(0x86, url.as_bytes());
    let responder = |at: &str| {
        let access = seq(&[oid("1.3.6.1.5.5.7.48.1"), url(at)]);
        extension("1.3.6.1.5.5.7.1.1", false, &seq(&[access]))
    };
    let list = |at: &str| {
        let point = seq(&[tlv(0xa0, &tlv(0xa0, &url(at)))]);
        extension("2.5.29.31", false, &seq(&[point]))
    };
    ocsp.map(responder).into_iter().chain(crl.map(list)).collect()
}

/// A certificate that says where its revocation can be asked for, and is not revoked until a list says so.
pub fn issued(subject: &str, key: &Key, issuer: &Issuer<'_>, extensions: Vec<Vec<u8>>) -> Vec<u8> {
    let (from, to) = crate::notation::around_now();
    certificate(&Template { subject, key, validity: (&from, &to), extensions }, issuer)
}

/// A list of revoked certificates.
pub struct Crl<'a> {
    pub issuer: Issuer<'a>,
    pub this: UnixTime,
    pub next: Option<UnixTime>,
    /// Serial numbers, with extensions of each.
    pub revoked: Vec<(u8, Vec<Vec<u8>>)>,
    pub extensions: Vec<Vec<u8>>,
}

impl Crl<'_> {
    pub fn der(&self) -> Vec<u8> {
        let entry = |(serial, extensions): &(u8, Vec<Vec<u8>>)| {
            let mut parts = vec![tlv(2, &[*serial]), generalized(self.this.plus_millis(-1000))];
            if !extensions.is_empty() {
                parts.push(seq(extensions));
            }
            seq(&parts)
        };
        let mut parts = vec![
            tlv(2, &[1]),
            self.issuer.key.algorithm(),
            crate::sigstore::name(self.issuer.name),
            generalized(self.this),
        ];
        parts.extend(self.next.map(generalized));
        if !self.revoked.is_empty() {
            parts.push(seq(&self.revoked.iter().map(entry).collect::<Vec<_>>()));
        }
        if !self.extensions.is_empty() {
            parts.push(tlv(0xa0, &seq(&self.extensions)));
        }
        signed(seq(&parts), self.issuer.key, None)
    }
}

/// What a responder says of a certificate.
#[derive(Clone, Copy)]
pub enum Status {
    Good,
    /// At this time, for this reason.
    Revoked(UnixTime, u8),
    Unknown,
}

/// A responder's answer.
pub struct Ocsp<'a> {
    /// Of the certificate that is asked about.
    pub issuer: Issuer<'a>,
    pub serial: u8,
    pub status: Status,
    pub this: UnixTime,
    pub next: Option<UnixTime>,
    pub single_extensions: Vec<Vec<u8>>,
    pub extensions: Vec<Vec<u8>>,
    /// How the certificate is named: by SHA-256 instead of SHA-1.
    pub by_sha256: bool,
    /// Who signs, if not the issuer, and its certificates, one after the other.
    pub by: Option<(Key, Vec<u8>)>,
}

impl Ocsp<'_> {
    fn certificate_id(&self) -> Vec<u8> {
        let spki = self.issuer.key.spki();
        // The bits after the tag, the length and the count of unused ones; keys of these tests end with them.
        let public = match self.issuer.key {
            Key::P256(_) => &spki[spki.len() - 65..],
            Key::P384(_) => &spki[spki.len() - 97..],
            _ => panic!("no test issues with such a key"),
        };
        let algorithm = match self.by_sha256 {
            true => seq(&[oid("2.16.840.1.101.3.4.2.1")]),
            false => seq(&[oid("1.3.14.3.2.26"), tlv(5, &[])]),
        };
        let hash = |bytes: &[u8]| match self.by_sha256 {
            true => tlv(4, &Sha256::digest(bytes)),
            false => tlv(4, &Sha1::digest(bytes)),
        };
        seq(&[
            algorithm,
            hash(&crate::sigstore::name(self.issuer.name)),
            hash(public),
            tlv(2, &[self.serial]),
        ])
    }

    pub fn der(&self) -> Vec<u8> {
        let status = match self.status {
            Status::Good => tlv(0x80, &[]),
            Status::Revoked(time, reason) => {
                tlv(0xa1, &[generalized(time), tlv(0xa0, &tlv(0x0a, &[reason]))].concat())
            }
            Status::Unknown => tlv(0x82, &[]),
        };
        let mut single = vec![self.certificate_id(), status, generalized(self.this)];
        single.extend(self.next.map(|next| tlv(0xa0, &generalized(next))));
        if !self.single_extensions.is_empty() {
            single.push(tlv(0xa1, &seq(&self.single_extensions)));
        }
        let mut data = vec![
            tlv(0xa1, &crate::sigstore::name(self.issuer.name)),
            generalized(self.this),
            seq(&[seq(&single)]),
        ];
        if !self.extensions.is_empty() {
            data.push(tlv(0xa1, &seq(&self.extensions)));
        }
        let basic = match &self.by {
            None => signed(seq(&data), self.issuer.key, None),
            Some((key, certificate)) => signed(seq(&data), key, Some(certificate)),
        };
        let bytes = seq(&[oid("1.3.6.1.5.5.7.48.1.1"), tlv(4, &basic)]);
        seq(&[tlv(0x0a, &[0]), tlv(0xa0, &bytes)])
    }
}

/// A responder's certificate, by this issuer; without one of the extensions.
pub fn responder(key: &Key, issuer: &Issuer<'_>, without: Option<&str>) -> Vec<u8> {
    issued("responder", key, issuer, responder_extensions(without))
}

/// A responder's key usage, extended key usage and id-pkix-ocsp-nocheck, without one of them.
pub fn responder_extensions(without: Option<&str>) -> Vec<Vec<u8>> {
    let all = [
        ("usage", key_usage(0x80)),
        ("purpose", extended_key_usage(false, &[OCSP_SIGNING])),
        ("nocheck", extension(NO_CHECK, false, &tlv(5, &[]))),
    ];
    all.into_iter().filter(|(name, _)| Some(*name) != without).map(|(_, one)| one).collect()
}

fn signed(content: Vec<u8>, key: &Key, certificate: Option<&Vec<u8>>) -> Vec<u8> {
    let signature = [&[0][..], &key.sign(&content)].concat();
    let mut parts = vec![content, key.algorithm(), tlv(3, &signature)];
    parts.extend(certificate.map(|ones| tlv(0xa0, &seq(std::slice::from_ref(ones)))));
    seq(&parts)
}
