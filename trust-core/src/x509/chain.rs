//! Certification paths: linear, because the trust root lists each authority's certificates in order
//! ([RFC 5280 section 6](https://www.rfc-editor.org/rfc/rfc5280#section-6)).
//!
//! No path is searched for, so there is nothing to exhaust: a path has at most [`MAX_PATH_LEN`] certificates.

use der::asn1::ObjectIdentifier;
use thiserror::Error;

use crate::key::SignatureError;
use crate::text::time::{TimeWindow, UnixTime};
use crate::x509::certificate::{Certificate, CertificateError, oid};

/// Fulcio's paths have three certificates, timestamp authorities' up to four.
pub const MAX_PATH_LEN: usize = 8;

const ANY_EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// What the leaf's key is used for: an extended key usage (RFC 5280 section 4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    name: &'static str,
    oid: ObjectIdentifier,
    is_sole: bool,
}

impl Usage {
    /// Signing artifacts: Fulcio's certificates.
    pub const CODE_SIGNING: Self = Self::by_arc("codeSigning", "1.3.6.1.5.5.7.3.3");

    /// Signing timestamps: RFC 3161 section 2.3 wants this as the only usage, in a critical extension.
    pub const TIME_STAMPING: Self =
        Self { is_sole: true, ..Self::by_arc("timeStamping", "1.3.6.1.5.5.7.3.8") };

    /// Another usage, by its name for messages and its object identifier.
    #[must_use]
    pub fn other(name: &'static str, oid: &str) -> Option<Self> {
        ObjectIdentifier::new(oid).ok().map(|oid| Self { name, oid, is_sole: false })
    }

    const fn by_arc(name: &'static str, oid: &str) -> Self {
        Self { name, oid: ObjectIdentifier::new_unwrap(oid), is_sole: false }
    }
}

/// A path does not lead from the leaf to the anchor.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// There are too few or too many certificates.
    #[error("path has {found} certificates, expected 2 to {MAX_PATH_LEN}")]
    Length {
        /// How many.
        found: usize,
    },
    /// A certificate names another issuer than the next one's subject, or another key.
    #[error("{certificate} was issued by `{found}`, expected `{expected}`")]
    Issuer {
        /// Which certificate.
        certificate: String,
        /// Its issuer.
        found: String,
        /// The subject of the next certificate.
        expected: String,
    },
    /// A certificate's signature does not verify with the next one's key.
    #[error("the signature of {certificate} was not made by its issuer")]
    Signature {
        /// Which certificate.
        certificate: String,
        /// Why not.
        source: SignatureError,
    },
    /// A certificate was not valid at a time at which it had to be.
    #[error("{certificate} is valid {window}, expected to cover {time}")]
    Validity {
        /// Which certificate.
        certificate: String,
        /// When it is valid.
        window: TimeWindow,
        /// When it had to be.
        time: UnixTime,
    },
    /// A certificate may not do what it does in this place.
    #[error("{certificate} {problem}")]
    Constraint {
        /// Which certificate.
        certificate: String,
        /// Which rule it breaks.
        problem: Constraint,
    },
    /// An extension is malformed.
    #[error("{certificate} cannot be read")]
    Extension {
        /// Which certificate.
        certificate: String,
        /// Why not.
        source: CertificateError,
    },
}

/// A rule of RFC 5280 (or, for timestamps, RFC 3161) that a certificate breaks.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Constraint {
    /// The leaf is a certification authority.
    #[error("is a certification authority, expected an end entity")]
    LeafIsCa,
    /// An issuer is not a certification authority.
    #[error("is not a certification authority, but issued a certificate")]
    NotCa,
    /// The key usage is absent or lacks a bit.
    #[error("lacks the key usage {expected}")]
    KeyUsage {
        /// The bit.
        expected: &'static str,
    },
    /// A leaf may sign certificates.
    #[error("is an end entity with the key usage keyCertSign")]
    LeafKeyCertSign,
    /// The extended key usage lacks the purpose.
    #[error("lacks the extended key usage {expected}")]
    ExtendedKeyUsage {
        /// The purpose.
        expected: &'static str,
    },
    /// A timestamp authority's certificate has further purposes, or the extension is not critical.
    #[error("must have timeStamping as its only extended key usage, in a critical extension")]
    TimeStampingNotSole,
    /// More authorities follow than the certificate allows.
    #[error("allows {allowed} intermediate authorities below it, found {found}")]
    PathLength {
        /// Its pathLenConstraint.
        allowed: u8,
        /// How many there are.
        found: usize,
    },
    /// An extension that must be understood is not.
    #[error("has the extension {oid}, which must be understood and is not")]
    UnknownCritical {
        /// The extension.
        oid: String,
    },
    /// The issuer's key is not named (RFC 5280 section 4.2.1.1).
    #[error("has no authorityKeyIdentifier with a key identifier")]
    NoAuthorityKeyIdentifier,
    /// The leaf may be used for anything.
    #[error("has the extended key usage any, expected {expected}")]
    AnyExtendedKeyUsage {
        /// The purpose.
        expected: &'static str,
    },
    /// An empty subject needs a critical subject alternative name (RFC 5280 section 4.1.2.6).
    #[error("has an empty subject, but its subjectAltName is absent or not critical")]
    EmptySubject,
}

/// Proves that `path`, leaf first and anchor last, is a certification path for `usage` at each of `times`.
///
/// The anchor's own signature is not checked: the caller vouches for it. Everything else is checked of the
/// anchor too, its dates included (the "hybrid model": every certificate is valid at the signing time).
/// Revocation is not checked: Fulcio's certificates live ten minutes. The anchor's back end verifies the signatures.
///
/// # Errors
/// The first rule that is broken, with the certificate that breaks it.
pub fn verify_path(path: &[&Certificate], usage: Usage, times: &[UnixTime]) -> Result<(), ChainError> {
    verify_path_by(path, usage, times, verify_signature)
}

/// The same, with each signature verified by `verify`, which is handed subject, issuer and anchor.
pub(crate) fn verify_path_by(
    path: &[&Certificate],
    usage: Usage,
    times: &[UnixTime],
    verify: impl Fn(&Certificate, &Certificate, &Certificate) -> Result<(), ChainError>,
) -> Result<(), ChainError> {
    check_path(path, usage, times)?;
    let Some(anchor) = path.last() else { return Ok(()) };
    for pair in path.windows(2) {
        if let [subject, issuer] = pair {
            verify(subject, issuer, anchor)?;
        }
    }
    Ok(())
}

/// Everything about a path but its signatures.
fn check_path(path: &[&Certificate], usage: Usage, times: &[UnixTime]) -> Result<(), ChainError> {
    let Some((leaf, issuers)) = path.split_first() else {
        return Err(ChainError::Length { found: 0 });
    };
    if issuers.is_empty() || path.len() > MAX_PATH_LEN {
        return Err(ChainError::Length { found: path.len() });
    }
    for pair in path.windows(2) {
        if let [subject, issuer] = pair {
            check_issuer(subject, issuer)?;
        }
    }
    for certificate in path {
        check_critical_extensions(certificate)?;
        check_validity(certificate, times)?;
    }
    check_leaf(leaf, usage)?;
    let mut intermediates = 0;
    for (index, issuer) in issuers.iter().enumerate() {
        let is_anchor = index + 1 == issuers.len();
        check_authority(issuer, usage, intermediates, is_anchor)?;
        intermediates += usize::from(!issuer.is_self_issued());
    }
    Ok(())
}

/// Proves that `issuer`'s key signed `subject`, by the back end of the path's anchor.
pub(crate) fn verify_signature(
    subject: &Certificate,
    issuer: &Certificate,
    anchor: &Certificate,
) -> Result<(), ChainError> {
    subject
        .verify_signature(&issuer.public_key().by_back_end_of(anchor.public_key()))
        .map_err(|source| ChainError::Signature { certificate: subject.to_string(), source })
}

fn check_issuer(subject: &Certificate, issuer: &Certificate) -> Result<(), ChainError> {
    if !subject.names_issuer(issuer) || issuer.subject_der().len() <= 2 {
        return Err(ChainError::Issuer {
            certificate: subject.to_string(),
            found: subject.issuer(),
            expected: issuer.subject(),
        });
    }
    let wanted = subject.authority_key_identifier().map_err(|source| extension_error(subject, source))?;
    let held = issuer.subject_key_identifier().map_err(|source| extension_error(issuer, source))?;
    match (wanted, held) {
        (None, _) => Err(broken(subject, Constraint::NoAuthorityKeyIdentifier)),
        (Some(wanted), Some(held)) if wanted != held => Err(ChainError::Issuer {
            certificate: subject.to_string(),
            found: format!("{} with key {}", subject.issuer(), crate::text::encoding::to_hex(&wanted)),
            expected: format!("{} with key {}", issuer.subject(), crate::text::encoding::to_hex(&held)),
        }),
        _ => Ok(()),
    }
}

fn check_critical_extensions(certificate: &Certificate) -> Result<(), ChainError> {
    const UNDERSTOOD: [ObjectIdentifier; 4] =
        [oid::BASIC_CONSTRAINTS, oid::KEY_USAGE, oid::EXTENDED_KEY_USAGE, oid::SUBJECT_ALT_NAME];
    for extension in certificate.extensions() {
        // Name constraints bind whether they are marked critical or not, and are not implemented.
        let must_be_understood = extension.critical || extension.oid == oid::NAME_CONSTRAINTS;
        if must_be_understood && !UNDERSTOOD.contains(&extension.oid) {
            return Err(broken(certificate, Constraint::UnknownCritical { oid: extension.oid.to_string() }));
        }
    }
    Ok(())
}

fn check_validity(certificate: &Certificate, times: &[UnixTime]) -> Result<(), ChainError> {
    let window = certificate.validity();
    match times.iter().find(|&&time| !window.contains(time)) {
        None => Ok(()),
        Some(&time) => Err(ChainError::Validity { certificate: certificate.to_string(), window, time }),
    }
}

fn check_leaf(leaf: &Certificate, usage: Usage) -> Result<(), ChainError> {
    let unreadable = |source| extension_error(leaf, source);
    if leaf.basic_constraints().map_err(unreadable)?.is_some_and(|constraints| constraints.ca) {
        return Err(broken(leaf, Constraint::LeafIsCa));
    }
    let key_usage = leaf.key_usage().map_err(unreadable)?;
    if !key_usage.is_some_and(|usage| usage.digital_signature()) {
        return Err(broken(leaf, Constraint::KeyUsage { expected: "digitalSignature" }));
    }
    if key_usage.is_some_and(|usage| usage.key_cert_sign()) {
        return Err(broken(leaf, Constraint::LeafKeyCertSign));
    }
    let purposes = leaf.extended_key_usage().map_err(unreadable)?.map(|usage| usage.0).unwrap_or_default();
    if !purposes.contains(&usage.oid) {
        return Err(broken(leaf, Constraint::ExtendedKeyUsage { expected: usage.name }));
    }
    if purposes.contains(&ANY_EXTENDED_KEY_USAGE) {
        return Err(broken(leaf, Constraint::AnyExtendedKeyUsage { expected: usage.name }));
    }
    let critical = leaf.extension(oid::EXTENDED_KEY_USAGE).is_some_and(|extension| extension.critical);
    if usage.is_sole && (purposes.len() != 1 || !critical) {
        return Err(broken(leaf, Constraint::TimeStampingNotSole));
    }
    let critical_name = leaf.extension(oid::SUBJECT_ALT_NAME).is_some_and(|extension| extension.critical);
    // A timestamp authority is known by its certificate, whatever it is called.
    if leaf.subject_der().len() <= 2 && !critical_name && usage != Usage::TIME_STAMPING {
        return Err(broken(leaf, Constraint::EmptySubject));
    }
    Ok(())
}

fn check_authority(
    issuer: &Certificate,
    usage: Usage,
    intermediates_below: usize,
    is_anchor: bool,
) -> Result<(), ChainError> {
    let unreadable = |source| extension_error(issuer, source);
    let constraints = issuer
        .basic_constraints()
        .map_err(unreadable)?
        .filter(|constraints| constraints.ca)
        .ok_or_else(|| broken(issuer, Constraint::NotCa))?;
    if let Some(allowed) = constraints.path_len_constraint
        && intermediates_below > usize::from(allowed)
    {
        return Err(broken(issuer, Constraint::PathLength { allowed, found: intermediates_below }));
    }
    let key_usage = issuer.key_usage().map_err(unreadable)?;
    if !key_usage.is_some_and(|usage| usage.key_cert_sign()) {
        return Err(broken(issuer, Constraint::KeyUsage { expected: "keyCertSign" }));
    }
    let purposes = issuer.extended_key_usage().map_err(unreadable)?;
    let permitted = purposes.is_none_or(|purposes| {
        purposes.0.contains(&usage.oid) || purposes.0.contains(&ANY_EXTENDED_KEY_USAGE)
    });
    // Only a root is for all purposes.
    if !(permitted || is_anchor && issuer.is_self_issued()) {
        return Err(broken(issuer, Constraint::ExtendedKeyUsage { expected: usage.name }));
    }
    Ok(())
}

fn broken(certificate: &Certificate, problem: Constraint) -> ChainError {
    ChainError::Constraint { certificate: certificate.to_string(), problem }
}

fn extension_error(certificate: &Certificate, source: CertificateError) -> ChainError {
    ChainError::Extension { certificate: certificate.to_string(), source }
}
