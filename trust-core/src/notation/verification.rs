//! [`Verification`]: what a trust policy says of a signature, check by check
//! ([signature evaluation](https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md#signature-evaluation)).

use std::collections::BTreeMap;

use thiserror::Error;

use super::attributes::SigningScheme;
use super::chain::{self, NotationChainError};
use super::distinguished_name::NameError;
use super::envelope::{SignatureEnvelope, VerifiedEnvelope};
use super::parts::EnvelopeError;
use super::trust_policy::{Action, Check, TrustStatement};
use super::trust_store::{StoreKind, TrustStore};
use crate::revocation::{NotAsked, RevocationAnswers, RevocationError, RevocationQuery, check_revocation};
use crate::text::time::{TimeWindow, UnixTime};
use crate::timestamp::{TimestampError, verify_timestamp_and_path};
use crate::x509::authority::Authority;
use crate::x509::certificate::Certificate;

/// Trust stores, by kind and name.
pub type TrustStores = BTreeMap<(StoreKind, String), TrustStore>;

/// What a trust policy says of a signature.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Verification {
    /// The checks, in order. After an enforced authenticity that fails, timestamp and revocation are not checked.
    pub checks: Vec<Checked>,
    /// What the signature proves; `None` if it proves nothing.
    pub envelope: Option<VerifiedEnvelope>,
    /// When it was made at the latest, as a timestamp authority or the signing authority vouches.
    pub signed: Option<UnixTime>,
    /// The place of the first certificate in the chain that a trust store has. An attacker can replace those above it.
    pub anchor: Option<usize>,
    /// What to ask about the revocation of the trusted certificates.
    pub unasked: Vec<RevocationQuery>,
    /// What was answered by a response or CRL that does not count.
    pub refused: Vec<RevocationQuery>,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// Which check.
    pub check: Check,
    /// What the policy does where it fails.
    pub action: Action,
    /// Why it fails, if it does.
    pub problem: Option<CheckError>,
}

/// Why a check fails.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The envelope does not verify.
    #[error("signature does not verify")]
    Envelope(#[from] EnvelopeError),
    /// A store that the policy names is not at hand.
    #[error("trust store `{kind}:{name}` was not found")]
    NoStore {
        /// Its kind.
        kind: StoreKind,
        /// Its name.
        name: String,
    },
    /// No store that is for the signing scheme has a certificate of the chain.
    #[error("no trust store for the scheme `{scheme}` has a certificate of the chain")]
    NotTrusted {
        /// The scheme.
        scheme: SigningScheme,
    },
    /// The signer's name cannot be compared.
    #[error("the signer's name cannot be compared with identities")]
    Name(#[from] NameError),
    /// The signer is none of those whom the policy trusts.
    #[error("signer is `{found}`, expected {expected}")]
    Identity {
        /// The signer's name.
        found: String,
        /// The identities.
        expected: String,
    },
    /// The artifact should not be used any more.
    #[error("artifact is signed until {expiry}, which is not after {now}")]
    Expired {
        /// Until when.
        expiry: UnixTime,
        /// When it is asked.
        now: UnixTime,
    },
    /// A certificate was not valid when it had to be.
    #[error("{certificate} is valid {window}, expected to cover {time}")]
    NotValid {
        /// Which certificate.
        certificate: String,
        /// When it is valid.
        window: TimeWindow,
        /// When it had to be.
        time: UnixTime,
    },
    /// The policy wants a timestamp, and there is none.
    #[error("signature has no timestamp, and the policy names timestamp authorities")]
    NoTimestamp,
    /// The timestamp is not by an authority of the policy, or over something else.
    #[error("timestamp does not verify")]
    Timestamp(#[from] TimestampError),
    /// The certificates of the timestamp authority are not a chain as the specification wants it.
    #[error("the timestamp authority's certificates are not as the specification requires")]
    TimestampChain(#[from] NotationChainError),
    /// The signature was made at a time that is yet to come, says who vouches for it.
    #[error("signature is dated {time}, which is after {now}")]
    OfTheFuture {
        /// Its time, or the earliest that it may be.
        time: UnixTime,
        /// When it is asked.
        now: UnixTime,
    },
    /// A certificate is revoked, or its status is unknown.
    #[error("a certificate of the chain is revoked, or its status is unknown")]
    Revocation(#[from] RevocationError),
}

impl Verification {
    /// Whether the signature counts, for the artifact that it is about: nothing that the policy enforces fails.
    /// Where the policy skips everything, none is looked at and none counts.
    #[must_use]
    pub fn counts(&self) -> bool {
        let fails = |one: &Checked| one.problem.is_some() && one.action == Action::Enforce;
        self.envelope.is_some() && !self.checks.iter().any(fails)
    }
}

impl TrustStatement {
    /// Judges a signature under this statement at a time, with these answers about the revocation of its certificates, and of a timestamp
    /// authority's. What the signature is about, [`TargetArtifact::check`](super::TargetArtifact::check) proves.
    #[must_use]
    pub fn verify(
        &self,
        envelope: Result<SignatureEnvelope, EnvelopeError>,
        stores: &TrustStores,
        answers: &dyn RevocationAnswers,
        now: UnixTime,
    ) -> Verification {
        let mut verification = Verification::default();
        if self.actions.skips_all() {
            return verification;
        }
        let mut add = |check: Check, found: Result<(), CheckError>| {
            verification.checks.push(Checked { check, action: self.actions.of(check), problem: found.err() });
        };
        let envelope = match envelope.and_then(SignatureEnvelope::verify) {
            Ok(envelope) => envelope,
            Err(error) => {
                add(Check::Integrity, Err(error.into()));
                return verification;
            }
        };
        add(Check::Integrity, Ok(()));
        let anchor = self.anchor(&envelope, stores);
        let trusted = anchor.clone().and_then(|_| self.check_identity(&envelope));
        let (anchor, is_trusted) = (anchor.ok(), trusted.is_ok());
        add(Check::Authenticity, trusted);
        add(Check::Expiry, expiry(&envelope, now));
        // It does not count, whatever its time and its revocation.
        if !is_trusted && self.actions.of(Check::Authenticity) == Action::Enforce {
            return Verification { envelope: Some(envelope), anchor, ..verification };
        }
        let mut revocation = Revocation::new(answers, now);
        let signed = self.timestamp(&envelope, stores, &mut revocation);
        add(Check::AuthenticTimestamp, signed.as_ref().map(|_| ()).map_err(Clone::clone));
        let signed = signed.ok().flatten();
        if self.actions.of(Check::Revocation) != Action::Skip {
            // A signing authority's time is signed with the certificate in question.
            let is_vouched_for = envelope.attributes().scheme == SigningScheme::X509;
            let signed = signed.filter(|_| is_vouched_for);
            // An attacker can write certificates, and URLs in them: they count only up to a trusted one.
            let found = match anchor {
                Some(anchor) => revocation.check(envelope.certificates(), anchor, signed),
                None => {
                    let certificates = envelope.certificates();
                    Revocation::new(&NotAsked, now).check(certificates, certificates.len(), signed)
                }
            };
            add(Check::Revocation, found);
        }
        (verification.unasked, verification.refused) = (revocation.unasked, revocation.refused);
        verification.anchor = anchor;
        verification.envelope = Some(envelope);
        verification.signed = signed;
        verification
    }

    /// The stores of a kind; all that are named must be there.
    fn stores_of<'s>(
        &self,
        kind: StoreKind,
        stores: &'s TrustStores,
    ) -> Result<Vec<&'s TrustStore>, CheckError> {
        let named = self.stores.iter().filter(|(found, _)| *found == kind);
        let find = |key: &(StoreKind, String)| {
            stores
                .get(key)
                .filter(|store| store.kind() == kind)
                .ok_or_else(|| CheckError::NoStore { kind: key.0, name: key.1.clone() })
        };
        named.map(find).collect()
    }

    /// The place in the chain of the first certificate that a store has. Stores for one scheme are never asked for the other.
    fn anchor(&self, envelope: &VerifiedEnvelope, stores: &TrustStores) -> Result<usize, CheckError> {
        let scheme = envelope.attributes().scheme;
        let kind = match scheme {
            SigningScheme::X509 => StoreKind::CertificateAuthority,
            SigningScheme::SigningAuthority => StoreKind::SigningAuthority,
        };
        let stores = self.stores_of(kind, stores)?;
        let is_trusted = |one: &Certificate| stores.iter().any(|store| store.certificates().contains(one));
        let anchor = envelope.certificates().iter().position(is_trusted);
        anchor.ok_or(CheckError::NotTrusted { scheme })
    }

    /// Proves that the signer is a trusted identity.
    fn check_identity(&self, envelope: &VerifiedEnvelope) -> Result<(), CheckError> {
        let Some(identities) = &self.identities else { return Ok(()) };
        let name = envelope.identity()?;
        if identities.iter().any(|identity| identity.is_part_of(&name)) {
            return Ok(());
        }
        let expected: Vec<String> = identities.iter().map(|identity| format!("`{identity}`")).collect();
        Err(CheckError::Identity { found: name.to_string(), expected: expected.join(" or ") })
    }

    /// The certificates were valid when the signature was made: as a timestamp authority or the signing authority says, whose time it is, else
    /// now.
    fn timestamp(
        &self,
        envelope: &VerifiedEnvelope,
        stores: &TrustStores,
        revocation: &mut Revocation<'_>,
    ) -> Result<Option<UnixTime>, CheckError> {
        let now = revocation.now;
        if envelope.attributes().scheme == SigningScheme::SigningAuthority {
            let time = envelope.attributes().signing_time;
            return not_after(time, now).and_then(|()| valid_at(envelope, time)).map(|()| Some(time));
        }
        let authorities = self.stores_of(StoreKind::TimestampAuthority, stores)?;
        let is_over = |certificate: &Certificate| certificate.validity().end.is_some_and(|end| end < now);
        let is_wanted = !self.timestamps_after_expiry || envelope.certificates().iter().any(is_over);
        if authorities.is_empty() || !is_wanted {
            return valid_at(envelope, now).map(|()| None);
        }
        let token = envelope.unverified_timestamp().ok_or(CheckError::NoTimestamp)?;
        let roots = authorities.iter().flat_map(|store| store.certificates());
        let roots: Vec<Authority> = roots
            .map(|root| Authority::assertion("the trust store", vec![root.clone()], TimeWindow::ALWAYS))
            .collect();
        let (stamped, path) = verify_timestamp_and_path(token, envelope.signature(), &roots)?;
        chain::check_timestamping(&path)?;
        not_after(stamped.time().plus_millis(-stamped.accuracy_millis()), now)?;
        // The authority says how far off it may be: the certificates must be valid whatever it was.
        for offset in [-stamped.accuracy_millis(), stamped.accuracy_millis()] {
            valid_at(envelope, stamped.time().plus_millis(offset))?;
        }
        // Whatever the level does about the signer's, a revoked timestamp authority vouches for nothing.
        revocation.check(&path, path.len(), None)?;
        Ok(Some(stamped.time().plus_millis(stamped.accuracy_millis())))
    }
}

fn expiry(envelope: &VerifiedEnvelope, now: UnixTime) -> Result<(), CheckError> {
    match envelope.attributes().expiry {
        Some(expiry) if expiry <= now => Err(CheckError::Expired { expiry, now }),
        _ => Ok(()),
    }
}

/// A time in the future cannot be trusted.
fn not_after(time: UnixTime, now: UnixTime) -> Result<(), CheckError> {
    if time > now { Err(CheckError::OfTheFuture { time, now }) } else { Ok(()) }
}

fn valid_at(envelope: &VerifiedEnvelope, time: UnixTime) -> Result<(), CheckError> {
    match envelope.not_valid_at(time) {
        Some((certificate, window)) => {
            Err(CheckError::NotValid { certificate: certificate.to_string(), window, time })
        }
        None => Ok(()),
    }
}

/// The revocation of a signature's certificates, and what to ask about it.
struct Revocation<'a> {
    answers: &'a dyn RevocationAnswers,
    now: UnixTime,
    unasked: Vec<RevocationQuery>,
    refused: Vec<RevocationQuery>,
}

impl<'a> Revocation<'a> {
    fn new(answers: &'a dyn RevocationAnswers, now: UnixTime) -> Self {
        Self { answers, now, unasked: Vec::new(), refused: Vec::new() }
    }

    /// Proves that no certificate of a chain is revoked, from the leaf to the one at `anchor`; the next one gives its issuer's key, and a root is
    /// not checked. A revoked certificate is named before one whose status is unknown.
    fn check(
        &mut self,
        chain: &[Certificate],
        anchor: usize,
        signed: Option<UnixTime>,
    ) -> Result<(), CheckError> {
        let mut unknown = None;
        for pair in chain.windows(2).take(anchor.saturating_add(1)) {
            let [certificate, issuer] = pair else { continue };
            match check_revocation(certificate, issuer, signed, self.answers, self.now) {
                Ok(()) => {}
                Err(error) => {
                    let RevocationError::Unknown { unasked, refused, .. } = &error else {
                        return Err(error.into());
                    };
                    self.unasked.extend(unasked.iter().cloned());
                    self.refused.extend(refused.iter().cloned());
                    unknown.get_or_insert(error);
                }
            }
        }
        unknown.map_or(Ok(()), |unknown| Err(unknown.into()))
    }
}
