//! [`Verifier`]: from a [`Bundle`], which anyone can write, to a [`VerifiedBundle`], which only a check can make
//! ([Sigstore client specification, verification](https://github.com/sigstore/architecture-docs/blob/main/client-spec.md#4-verification)).

mod verified;

mod error;

#[cfg(feature = "rayon")]
mod batch;
mod cache;

use core::num::NonZeroUsize;
use std::collections::BTreeSet;

#[cfg(feature = "rayon")]
pub use batch::Question;
pub use cache::{VerifiedCache, VerifyJsonError};
pub use error::VerifyError;
pub use verified::{Attested, TimeSource, VerifiedBundle, VerifiedSigner, VerifiedTime};

use self::verified::{VerifiedContent, VerifiedScheme};
use crate::bundle::{Bundle, Content, Material};
use crate::digest::{Digest, HashAlgorithm};
use crate::key::{PublicKey, SignatureScheme, Signed};
use crate::log::{ClaimedContent, ClaimedSigner, LogClaim, LogError, TransparencyLog, VerifiedLogEntry};
use crate::root::TrustRoot;
use crate::sct::{self, VerifiedSct};
use crate::statement::{PAYLOAD_TYPE, Statement};
use crate::text::time::{TimeWindow, UnixTime};
use crate::timestamp::{self, TimestampError};
use crate::x509::authority::Authority;
use crate::x509::certificate::Certificate;
use crate::x509::chain::{ChainError, Usage};
use crate::x509::identity::{Identity, IdentityPolicy};

/// Verifies bundles against one trust root.
///
/// By default a bundle must have an entry in a trusted transparency log; a certificate must be vouched for by a
/// certificate transparency log and be valid at a time that an authority or log signed. What an embedder gives
/// up of that, it gives up by a method whose name says so.
#[derive(Clone, Copy, Debug)]
pub struct Verifier<'a> {
    root: &'a TrustRoot,
    log: &'a dyn TransparencyLog,
    log_entries: usize,
    scts: usize,
    timestamps: usize,
    observers: usize,
    current_time: bool,
    tolerance_millis: i64,
}

/// Who must have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignerPolicy {
    /// The holder of a key.
    Key(ManagedKey),
    /// An identity that Fulcio certified.
    Identity(IdentityPolicy),
}

/// A public key that is managed, and when its signatures count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedKey {
    key: PublicKey,
    valid_for: TimeWindow,
}

impl ManagedKey {
    /// A key whose signatures always count.
    #[must_use]
    pub fn new(key: PublicKey) -> Self {
        Self { key, valid_for: TimeWindow::ALWAYS }
    }

    /// Counts only signatures made in this window.
    #[must_use]
    pub fn with_validity(mut self, valid_for: TimeWindow) -> Self {
        self.valid_for = valid_for;
        self
    }

    /// The key.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }
}

impl From<PublicKey> for ManagedKey {
    fn from(key: PublicKey) -> Self {
        Self::new(key)
    }
}

impl<'a> Verifier<'a> {
    /// A verifier that trusts `root`, and checks log entries by `log`.
    #[must_use]
    pub fn new(root: &'a TrustRoot, log: &'a dyn TransparencyLog) -> Self {
        Self {
            root,
            log,
            log_entries: 1,
            scts: 1,
            timestamps: 0,
            observers: 0,
            current_time: false,
            tolerance_millis: 0,
        }
    }

    /// Demands entries in the logs of so many different operators. Where the trust root does not say who runs a log, its domain
    /// counts ([`LogKey::operator`](crate::LogKey)): both logs of the public-good instance are one operator's.
    #[must_use]
    pub fn with_log_threshold(mut self, operators: NonZeroUsize) -> Self {
        self.log_entries = operators.get();
        self
    }

    /// Demands that so many different certificate logs vouch for a certificate.
    #[must_use]
    pub fn with_certificate_log_threshold(mut self, logs: NonZeroUsize) -> Self {
        self.scts = logs.get();
        self
    }

    /// Demands times signed by timestamp authorities of so many different operators.
    #[must_use]
    pub fn with_timestamp_threshold(mut self, operators: usize) -> Self {
        self.timestamps = operators;
        self
    }

    /// Demands times signed by so many different operators, whether of timestamp authorities or of logs that promise.
    #[must_use]
    pub fn with_observer_threshold(mut self, operators: usize) -> Self {
        self.observers = operators;
        self
    }

    /// Judges a certificate whose signature carries no signed time at the current time: for certificates that live
    /// long. An attacker with the key can then sign for as long as the certificate is valid.
    #[must_use]
    pub fn accepting_certificates_at_the_current_time(mut self) -> Self {
        self.current_time = true;
        self
    }

    /// Accepts signed times that are later than `now` by so many milliseconds; without this, none.
    ///
    /// Clocks differ. What is signed and deployed within a second may carry a time that the verifier's clock has not reached, and
    /// be refused until it has. Some seconds are enough, and cost nothing: the authority that signs a time is trusted to know it. Windows of
    /// keys, logs and authorities are not widened.
    #[must_use]
    pub fn with_clock_tolerance(mut self, millis: u32) -> Self {
        self.tolerance_millis = i64::from(millis);
        self
    }

    /// Accepts signatures that are in no transparency log: that a stolen key was used then goes unnoticed.
    ///
    /// An entry of a log that the trust root knows is verified all the same.
    #[must_use]
    pub fn accepting_signatures_in_no_transparency_log(mut self) -> Self {
        self.log_entries = 0;
        self
    }

    /// Accepts certificates that are in no CT log: one that an authority should not have issued then goes unnoticed.
    #[must_use]
    pub fn accepting_certificates_in_no_transparency_log(mut self) -> Self {
        self.scts = 0;
        self
    }

    /// Proves that a signer whom `policy` accepts signed `artifact`, or a statement about it.
    ///
    /// `now` bounds signed times; certificates are judged at the signed times alone, unless there is none and
    /// [the current time is accepted](Self::accepting_certificates_at_the_current_time).
    ///
    /// # Errors
    /// The first check that fails. Order: material, signature, timestamps, log entries, certificate, subject, signer.
    pub fn verify(
        &self,
        bundle: &Bundle,
        artifact: Signed<'_>,
        policy: &SignerPolicy,
        now: UnixTime,
    ) -> Result<VerifiedBundle, VerifyError> {
        let candidate = Candidate::of(bundle, policy)?;
        let signer = candidate.claimed();
        let scheme = self.verify_signature(bundle, artifact, signer)?;
        let (mut times, unknown) = self.verify_timestamps(bundle)?;
        let log_entries = self.verify_log_entries(bundle, artifact, signer, scheme)?;
        times.extend(log_entries.iter().filter_map(time_of_entry));
        self.check_time_thresholds(&times, &unknown)?;
        if times.is_empty() && self.current_time && matches!(signer, ClaimedSigner::Certificate(_)) {
            times.push(VerifiedTime::by_caller(now));
        }
        check_log_windows(&log_entries, &times, now)?;
        let latest = now.plus_millis(self.tolerance_millis);
        if let Some(future) = times.iter().find(|time| time.time > latest) {
            return Err(VerifyError::Future { witness: future.source.clone(), time: future.time, now });
        }
        let certified = match signer {
            ClaimedSigner::Certificate(leaf) => Some(self.verify_certificate(bundle, leaf, &times, unknown)?),
            ClaimedSigner::Key(_) => None,
        };
        let (authority, certificate_timestamps) = certified.unzip();
        let content = verify_subject(bundle, artifact)?;
        Ok(VerifiedBundle {
            signer: candidate.verify(authority, &times, now)?,
            scheme: VerifiedScheme(scheme),
            content,
            times,
            log_entries,
            certificate_timestamps: certificate_timestamps.unwrap_or_default(),
        })
    }

    fn verify_signature(
        &self,
        bundle: &Bundle,
        artifact: Signed<'_>,
        signer: ClaimedSigner<'_>,
    ) -> Result<SignatureScheme, VerifyError> {
        let mut key = signer.public_key().clone();
        // A managed key verifies by its own back end; a certificate is a stranger's, so the root says by which.
        if let (ClaimedSigner::Certificate(_), Some(back_end)) = (signer, self.root.back_end()) {
            key = key.with_back_end(back_end);
        }
        match &bundle.content {
            Content::Message { signature, .. } => key.verify_artifact(artifact, signature),
            Content::Envelope(envelope) => {
                let signed = envelope.pre_authentication_encoding();
                key.verify_artifact(Signed::Message(&signed), envelope.signature())
            }
        }
        .map_err(|source| VerifyError::Signature {
            signer: match signer {
                ClaimedSigner::Certificate(certificate) => certificate.to_string(),
                ClaimedSigner::Key(key) => key.to_string(),
            },
            source,
        })
    }

    /// The times that trusted authorities vouch for, and why further timestamps do not count.
    fn verify_timestamps(
        &self,
        bundle: &Bundle,
    ) -> Result<(Vec<VerifiedTime>, Vec<TimestampError>), VerifyError> {
        let signature = bundle.content.signature();
        let (mut times, mut unknown) = (Vec::with_capacity(bundle.timestamps.len()), Vec::new());
        for (index, timestamp) in bundle.timestamps.iter().enumerate() {
            let over = timestamp.over.as_deref().unwrap_or(signature);
            let authorities = self.root.timestamp_authorities();
            let verified = match timestamp::verify_timestamp(&timestamp.token, over, authorities) {
                Ok(verified) => verified,
                // An unknown authority neither counts nor harms.
                Err(problem @ (TimestampError::UnknownAuthority { .. } | TimestampError::NoAuthority)) => {
                    unknown.push(problem);
                    continue;
                }
                // One of a known authority that does not verify is an attack or a fault: never passed over in silence.
                Err(source) => return Err(VerifyError::Timestamp { index, source }),
            };
            times.push(VerifiedTime {
                time: verified.time(),
                accuracy_millis: verified.accuracy_millis(),
                source: TimeSource::TimestampAuthority(verified.authority().to_owned()),
                operator: verified.operator().to_owned(),
            });
        }
        Ok((times, unknown))
    }

    fn check_time_thresholds(
        &self,
        times: &[VerifiedTime],
        unknown: &[TimestampError],
    ) -> Result<(), VerifyError> {
        if self.timestamps == 0 && self.observers == 0 {
            return Ok(());
        }
        let is_timestamp = |time: &&VerifiedTime| matches!(time.source, TimeSource::TimestampAuthority(_));
        let timestamps = distinct(times.iter().filter(is_timestamp).map(VerifiedTime::operator));
        let observers = distinct(times.iter().map(VerifiedTime::operator));
        for (witnesses, found, expected) in [
            ("timestamp authorities", timestamps, self.timestamps),
            ("timestamp authorities and logs", observers, self.observers),
        ] {
            if found < expected {
                let problems = unknown.to_vec();
                return Err(VerifyError::TooFewTimes { witnesses, found, expected, problems });
            }
        }
        Ok(())
    }

    fn verify_log_entries(
        &self,
        bundle: &Bundle,
        artifact: Signed<'_>,
        signer: ClaimedSigner<'_>,
        scheme: SignatureScheme,
    ) -> Result<Vec<VerifiedLogEntry>, VerifyError> {
        let claim = LogClaim {
            signature: bundle.content.signature(),
            scheme,
            signer,
            content: match &bundle.content {
                Content::Message { .. } => ClaimedContent::Artifact(artifact),
                Content::Envelope(envelope) => ClaimedContent::Envelope(envelope),
            },
        };
        let (mut verified, mut problems) = (Vec::<VerifiedLogEntry>::new(), Vec::new());
        for (index, entry) in bundle.log_entries.iter().enumerate() {
            match self.log.verify_entry(entry, &claim, self.root.transparency_logs()) {
                Ok(entry) => verified.push(entry),
                // An unknown log neither counts nor harms.
                Err(problem @ LogError::UnknownLog { .. }) => problems.push(problem),
                Err(source) => return Err(VerifyError::LogEntry { index, source }),
            }
        }
        let found = distinct(verified.iter().map(VerifiedLogEntry::operator));
        if found < self.log_entries {
            return Err(VerifyError::TooFewLogEntries { found, expected: self.log_entries, problems });
        }
        Ok(verified)
    }

    /// The certificate leads to a trusted authority, which is returned, at every signed time, and is in a certificate log.
    fn verify_certificate(
        &self,
        bundle: &Bundle,
        leaf: &Certificate,
        times: &[VerifiedTime],
        problems: Vec<TimestampError>,
    ) -> Result<(&'a Authority, Vec<VerifiedSct>), VerifyError> {
        if times.is_empty() {
            return Err(VerifyError::NoTime { problems });
        }
        let instants: Vec<UnixTime> = times.iter().map(VerifiedTime::time).collect();
        let hints = match &bundle.material {
            Material::Certificate { unverified_intermediates, .. } => &unverified_intermediates[..],
            Material::Key { .. } => &[],
        };
        let mut candidates: Vec<_> = self
            .root
            .certificate_authorities()
            .iter()
            .flat_map(|authority| paths(leaf, hints, authority).map(move |path| (authority, path)))
            .collect();
        // Several authorities may share the issuer's name; the others are tried for their errors' sake.
        candidates.sort_by_key(|(_, path)| !path.get(1).is_some_and(|issuer| leaf.names_issuer(issuer)));
        let mut closest = VerifyError::NoAuthority;
        for (authority, path) in candidates {
            match self.verify_path(&path, authority, &instants) {
                Ok(scts) => return Ok((authority, scts)),
                // "Issued by another authority" says less than any other reason.
                Err(error) => {
                    let says_less = matches!(error, VerifyError::Chain(ChainError::Issuer { .. }));
                    if !says_less || matches!(closest, VerifyError::NoAuthority) {
                        closest = error;
                    }
                }
            }
        }
        Err(closest)
    }

    fn verify_path(
        &self,
        path: &[&Certificate],
        authority: &Authority,
        instants: &[UnixTime],
    ) -> Result<Vec<VerifiedSct>, VerifyError> {
        authority.verify_path(path, Usage::CODE_SIGNING, instants)?;
        let window = authority.valid_for();
        if let Some(&time) = instants.iter().find(|&&time| !window.contains(time)) {
            return Err(VerifyError::AuthorityWindow { authority: authority.uri().to_owned(), window, time });
        }
        let [leaf, issuer, ..] = path else {
            return Err(ChainError::Length { found: path.len() }.into());
        };
        Ok(sct::verify_scts(leaf, issuer, self.root.certificate_logs(), self.scts)?)
    }
}

/// The paths that may lead from the leaf to the authority: over its own certificates, or over the bundle's hints.
fn paths<'b>(
    leaf: &'b Certificate,
    hints: &'b [Certificate],
    authority: &'b Authority,
) -> impl Iterator<Item = Vec<&'b Certificate>> {
    let own = core::iter::once(leaf).chain(authority.chain()).collect();
    let by_hints = || core::iter::once(leaf).chain(hints).chain(authority.chain().last()).collect();
    core::iter::once(own).chain((!hints.is_empty()).then(by_hints))
}

/// What the bundle brings, with what the policy wants of it: they must be of one kind.
enum Candidate<'b> {
    Certificate(&'b Certificate, &'b IdentityPolicy),
    Key(&'b ManagedKey),
}

impl<'b> Candidate<'b> {
    fn of(bundle: &'b Bundle, policy: &'b SignerPolicy) -> Result<Self, VerifyError> {
        const KEY: &str = "a key";
        const CERTIFICATE: &str = "a certificate";
        match (&bundle.material, policy) {
            (Material::Certificate { leaf, .. }, SignerPolicy::Identity(policy)) => {
                Ok(Self::Certificate(leaf, policy))
            }
            (Material::Key { unverified_hint }, SignerPolicy::Key(managed)) => {
                check_hints(&bundle.content, unverified_hint)?;
                Ok(Self::Key(managed))
            }
            (Material::Certificate { .. }, SignerPolicy::Key(_)) => {
                Err(VerifyError::Material { found: CERTIFICATE, expected: KEY })
            }
            (Material::Key { .. }, SignerPolicy::Identity(_)) => {
                Err(VerifyError::Material { found: KEY, expected: CERTIFICATE })
            }
        }
    }

    fn claimed(&self) -> ClaimedSigner<'b> {
        match self {
            Self::Certificate(leaf, _) => ClaimedSigner::Certificate(leaf),
            Self::Key(managed) => ClaimedSigner::Key(managed.public_key()),
        }
    }

    /// The signer is one whom the policy wants.
    fn verify(
        &self,
        authority: Option<&Authority>,
        times: &[VerifiedTime],
        now: UnixTime,
    ) -> Result<VerifiedSigner, VerifyError> {
        match self {
            Self::Certificate(leaf, policy) => {
                let identity = Identity::unverified_from_certificate(leaf)?;
                policy.check(&identity, authority.map(Authority::uri).unwrap_or_default())?;
                Ok(VerifiedSigner::Identity(identity))
            }
            Self::Key(managed) => {
                let window = managed.valid_for;
                let instants: Vec<_> = match times {
                    [] => vec![now],
                    _ => times.iter().map(VerifiedTime::time).collect(),
                };
                match instants.into_iter().find(|&time| !window.contains(time)) {
                    Some(time) => Err(VerifyError::KeyWindow { window, time }),
                    None => Ok(VerifiedSigner::Key(managed.public_key().fingerprint())),
                }
            }
        }
    }
}

/// sigstore_common.proto: the hint must match the envelope's key id, where both are there.
fn check_hints(content: &Content, hint: &str) -> Result<(), VerifyError> {
    match content {
        Content::Envelope(envelope) => match envelope.unverified_key_id() {
            key_id if key_id.is_empty() || hint.is_empty() || key_id == hint => Ok(()),
            key_id => Err(VerifyError::KeyHint { hint: hint.to_owned(), key_id: key_id.to_owned() }),
        },
        Content::Message { .. } => Ok(()),
    }
}

/// The content is about the artifact.
fn verify_subject(bundle: &Bundle, artifact: Signed<'_>) -> Result<VerifiedContent, VerifyError> {
    let envelope = match &bundle.content {
        Content::Envelope(envelope) => envelope,
        Content::Message { unverified_digest, .. } => {
            if let Some(found) = unverified_digest
                && let Some(expected) = artifact.digest(found.algorithm())
                && *found != expected
            {
                return Err(VerifyError::MessageDigest { found: found.clone(), expected });
            }
            return Ok(VerifiedContent::Artifact(artifact.any_digest()));
        }
    };
    if envelope.payload_type() != PAYLOAD_TYPE {
        return Err(VerifyError::PayloadType { found: envelope.payload_type().to_owned() });
    }
    let statement = Statement::from_json(envelope.payload())?;
    let digests: Vec<Digest> =
        HashAlgorithm::ALL.into_iter().filter_map(|algorithm| artifact.digest(algorithm)).collect();
    if digests.iter().any(|digest| statement.applies_to(digest)) {
        return Ok(VerifiedContent::Statement(Attested(statement)));
    }
    let found: Vec<String> = statement
        .subjects()
        .iter()
        .flat_map(|subject| subject.digests())
        .take(4)
        .map(|digest| format!("`{digest}`"))
        .collect();
    Err(VerifyError::Subject {
        found: if found.is_empty() { "nothing with a supported digest".to_owned() } else { found.join(", ") },
        expected: artifact.any_digest(),
    })
}

/// An entry without a time of its own counts if its log was trusted at every time at which the signature was seen.
fn check_log_windows(
    entries: &[VerifiedLogEntry],
    times: &[VerifiedTime],
    now: UnixTime,
) -> Result<(), VerifyError> {
    for (index, entry) in entries.iter().enumerate() {
        let window = entry.trusted_for();
        let outside = |seen: &&VerifiedTime| !window.contains(seen.time);
        if entry.integrated_time().is_some() {
            continue;
        }
        // Without a time it was before now: a log that is trusted later only did not have it.
        let too_early = times.is_empty() && window.start.is_some_and(|start| now < start);
        let time = times.iter().find(outside).map(|seen| seen.time).or(too_early.then_some(now));
        if let Some(time) = time {
            let log = entry.log().to_owned();
            return Err(VerifyError::LogEntry { index, source: LogError::Window { log, window, time } });
        }
    }
    Ok(())
}

fn time_of_entry(entry: &VerifiedLogEntry) -> Option<VerifiedTime> {
    let time = entry.integrated_time()?;
    Some(VerifiedTime {
        time,
        accuracy_millis: 0,
        source: TimeSource::TransparencyLog(entry.log().to_owned()),
        operator: entry.operator().to_owned(),
    })
}

/// How many different ones there are.
fn distinct<'n>(names: impl Iterator<Item = &'n str>) -> usize {
    names.collect::<BTreeSet<_>>().len()
}

/// One verifier serves many threads, without a lock.
const _: fn() = || {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Verifier<'_>>();
};
