//! The rules for certificates, which differ from Fulcio's
//! ([certificate requirements](https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md#certificate-requirements)).
//!
//! They are checked of the chain in the envelope, whoever trusts it. Of the extensions three are heeded; the others must not be.

use der::asn1::ObjectIdentifier;
use thiserror::Error;

use crate::key::KeyAlgorithm;
use crate::x509::certificate::{Certificate, CertificateError, oid};
use crate::x509::chain::MAX_PATH_LEN;

/// Purposes that a certificate which signs artifacts must not have: the specification's, and OCSPSigning, which notation refuses as well.
const OTHER_PURPOSES: [(&str, ObjectIdentifier); 6] = [
    ("anyExtendedKeyUsage", ObjectIdentifier::new_unwrap("2.5.29.37.0")),
    ("serverAuth", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1")),
    ("clientAuth", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2")),
    ("emailProtection", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4")),
    ("timeStamping", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8")),
    ("OCSPSigning", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9")),
];

/// A chain of certificates is not as the specification requires.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotationChainError {
    /// There are too few or too many.
    #[error("chain has {found} certificates, expected 1 to {MAX_PATH_LEN}")]
    Length {
        /// How many.
        found: usize,
    },
    /// One breaks a rule.
    #[error("{certificate} {rule}")]
    Broken {
        /// Which certificate.
        certificate: String,
        /// Which rule.
        rule: Rule,
    },
    /// An extension cannot be read.
    #[error("{certificate} cannot be read")]
    Extension {
        /// Of which certificate.
        certificate: String,
        /// Why not.
        source: CertificateError,
    },
}

/// A rule that a certificate breaks.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rule {
    /// The next certificate did not issue it.
    #[error("was not issued by the next certificate of the chain, {issuer}")]
    NotIssuedByNext {
        /// The next certificate.
        issuer: String,
    },
    /// The last certificate did not issue itself.
    #[error("is the last of the chain and did not issue itself: expected a root")]
    NoRoot,
    /// Another certificate than the last one issued itself.
    #[error("issued itself and is not the last of the chain")]
    SelfSigned,
    /// A certification authority signs artifacts.
    #[error("is a certification authority, expected an end entity")]
    LeafIsCa,
    /// An issuer is not a certification authority.
    #[error("has no critical basicConstraints with cA, and issued a certificate")]
    NotCa,
    /// More authorities follow than the certificate allows.
    #[error("allows {allowed} authorities below it, found {found}")]
    PathLength {
        /// Its pathLenConstraint.
        allowed: u8,
        /// How many there are.
        found: usize,
    },
    /// The key usage is absent, not critical, or lacks a bit.
    #[error("has no critical keyUsage with {expected}")]
    KeyUsage {
        /// The bit.
        expected: &'static str,
    },
    /// The key may be used for more than signatures.
    #[error("has the key usage {found}, which a certificate that signs artifacts must not have")]
    OtherKeyUsage {
        /// The bit.
        found: &'static str,
    },
    /// The certificate is for something else.
    #[error("has the extended key usage {found}, which a certificate that signs artifacts must not have")]
    OtherPurpose {
        /// The purpose.
        found: &'static str,
    },
    /// The key is too short.
    #[error("has a key of {found}, expected RSA of 2048 bits or more, or ECDSA")]
    Key {
        /// The key.
        found: KeyAlgorithm,
    },
}

/// Proves that `chain`, leaf first and root last, is as the specification requires. Who trusts it, and when it is valid, is not checked.
pub(super) fn check(chain: &[Certificate]) -> Result<(), NotationChainError> {
    check_timestamping(chain)?;
    chain.first().map_or(Ok(()), check_purposes)
}

/// The same of a chain of a timestamp authority, whose purposes RFC 3161 says.
pub(super) fn check_timestamping(chain: &[Certificate]) -> Result<(), NotationChainError> {
    let [leaf, issuers @ ..] = chain else { return Err(NotationChainError::Length { found: 0 }) };
    if chain.len() > MAX_PATH_LEN {
        return Err(NotationChainError::Length { found: chain.len() });
    }
    for (index, certificate) in chain.iter().enumerate() {
        let is_root = is_self_signed(certificate);
        match chain.get(index + 1) {
            None if !is_root => return Err(broken(certificate, Rule::NoRoot)),
            Some(_) if is_root => return Err(broken(certificate, Rule::SelfSigned)),
            Some(issuer) if !is_issued_by(certificate, issuer) => {
                return Err(broken(certificate, Rule::NotIssuedByNext { issuer: issuer.to_string() }));
            }
            _ => {}
        }
        let key = certificate.public_key().algorithm();
        let is_short =
            matches!(key, KeyAlgorithm::Rsa { bits } if bits < 2048) || key == KeyAlgorithm::Ed25519;
        if is_short {
            return Err(broken(certificate, Rule::Key { found: key }));
        }
    }
    check_leaf(leaf)?;
    issuers.iter().enumerate().try_for_each(|(below, issuer)| check_issuer(issuer, below))
}

fn is_issued_by(certificate: &Certificate, issuer: &Certificate) -> bool {
    certificate.names_issuer(issuer) && certificate.verify_signature(issuer.public_key()).is_ok()
}

pub(super) fn is_self_signed(certificate: &Certificate) -> bool {
    is_issued_by(certificate, certificate)
}

fn check_leaf(leaf: &Certificate) -> Result<(), NotationChainError> {
    let unreadable = |source| NotationChainError::Extension { certificate: leaf.to_string(), source };
    if leaf.basic_constraints().map_err(unreadable)?.is_some_and(|constraints| constraints.ca) {
        return Err(broken(leaf, Rule::LeafIsCa));
    }
    let usage = leaf.key_usage().map_err(unreadable)?.filter(|_| is_critical(leaf, oid::KEY_USAGE));
    let usage = usage.filter(|usage| usage.digital_signature());
    let usage = usage.ok_or_else(|| broken(leaf, Rule::KeyUsage { expected: "digitalSignature" }))?;
    let others = [
        ("keyEncipherment", usage.key_encipherment()),
        ("dataEncipherment", usage.data_encipherment()),
        ("keyAgreement", usage.key_agreement()),
        ("keyCertSign", usage.key_cert_sign()),
        ("cRLSign", usage.crl_sign()),
        ("encipherOnly", usage.encipher_only()),
        ("decipherOnly", usage.decipher_only()),
    ];
    match others.into_iter().find(|(_, is_set)| *is_set) {
        Some((found, _)) => Err(broken(leaf, Rule::OtherKeyUsage { found })),
        None => Ok(()),
    }
}

fn check_purposes(leaf: &Certificate) -> Result<(), NotationChainError> {
    let unreadable = |source| NotationChainError::Extension { certificate: leaf.to_string(), source };
    let purposes = leaf.extended_key_usage().map_err(unreadable)?.map(|usage| usage.0).unwrap_or_default();
    match OTHER_PURPOSES.into_iter().find(|(_, oid)| purposes.contains(oid)) {
        Some((found, _)) => Err(broken(leaf, Rule::OtherPurpose { found })),
        None => Ok(()),
    }
}

fn check_issuer(issuer: &Certificate, below: usize) -> Result<(), NotationChainError> {
    let unreadable = |source| NotationChainError::Extension { certificate: issuer.to_string(), source };
    let constraints = issuer.basic_constraints().map_err(unreadable)?;
    let constraints =
        constraints.filter(|constraints| constraints.ca && is_critical(issuer, oid::BASIC_CONSTRAINTS));
    let constraints = constraints.ok_or_else(|| broken(issuer, Rule::NotCa))?;
    if let Some(allowed) = constraints.path_len_constraint.filter(|allowed| below > usize::from(*allowed)) {
        return Err(broken(issuer, Rule::PathLength { allowed, found: below }));
    }
    let usage = issuer.key_usage().map_err(unreadable)?.filter(|_| is_critical(issuer, oid::KEY_USAGE));
    match usage.is_some_and(|usage| usage.key_cert_sign()) {
        true => Ok(()),
        false => Err(broken(issuer, Rule::KeyUsage { expected: "keyCertSign" })),
    }
}

fn is_critical(certificate: &Certificate, oid: ObjectIdentifier) -> bool {
    certificate.extension(oid).is_some_and(|extension| extension.critical)
}

fn broken(certificate: &Certificate, rule: Rule) -> NotationChainError {
    NotationChainError::Broken { certificate: certificate.to_string(), rule }
}
