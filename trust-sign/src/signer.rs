//! [`Signer`]: signatures that a verifier accepts, or none.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use trust_core::{
    Bundle, Certificate, CertificateIdentity, ClaimedContent, ClaimedSigner, Content, Digest, Envelope,
    HashAlgorithm, IdentityPolicy, KeyAlgorithm, LogClaim, LogEntry, LogError, ManagedKey, Material,
    PAYLOAD_TYPE, Pattern, Reasons, Signed, SignerPolicy, SigningConfig, SigningConfigError, Statement,
    TrustRoot, UnixTime, VerifiedBundle, Verifier, certificate_chain, certificate_request, cosign,
    pre_authentication_encoding, timestamp_request,
};
use trust_gate::internal::now;
use trust_gate::{Deadline, HttpRequest, Reach, Transport, TransportError};
use trust_rekor::{RekorLog, read_answer_v1, submission_v1, submission_v2};

use crate::exchange;
use crate::identity_token::TokenSource;
use crate::key::{PrivateKey, SigningKey};

/// Versions of APIs that are spoken.
const FULCIO: [u32; 1] = [1];
const REKOR: [u32; 2] = [1, 2];
const TIMESTAMP_AUTHORITY: [u32; 1] = [1];
/// Rekor v2 answers when its next checkpoint is published.
const LOG_TIMEOUT: Duration = Duration::from_secs(20);
/// By how much this clock may be behind an authority's: what is checked here is not the hour.
const CLOCK_TOLERANCE_MILLIS: u32 = 300_000;

/// Signs with a key, or with the identity that a token names, and has it seen by timestamp authorities and transparency logs.
///
/// What it returns has been written, read again, and accepted by a [`Verifier`] that trusts the root, with as many timestamps and log
/// entries as were asked for. It needs tokio.
#[derive(Clone, Debug)]
pub struct Signer {
    by: By,
    root: TrustRoot,
    transport: Option<Arc<dyn Transport>>,
    logs: Vec<Log>,
    timestamp_authorities: Vec<String>,
}

#[derive(Clone, Debug)]
enum By {
    Key(Arc<dyn SigningKey>),
    Identity { tokens: Arc<dyn TokenSource>, authority: String },
}

#[derive(Clone, Debug)]
struct Log {
    url: String,
    api: RekorApi,
}

/// The API of a transparency log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RekorApi {
    /// Entries with a promise, and with an integrated time.
    V1,
    /// Entries with a proof alone; the time is a timestamp authority's.
    V2,
}

/// A signature, verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedBundle {
    /// The bundle, v0.3.
    pub bundle: Bundle,
    /// It as JSON, as it was verified.
    pub json: String,
    /// What the verification found.
    pub verified: VerifiedBundle,
    /// What everyone can see now.
    pub published: Vec<Published>,
}

/// A signature as a layer with annotations, as cosign 1 and 2 store it; verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedLayer {
    /// The content of the layer.
    pub layer: Vec<u8>,
    /// Its media type.
    pub media_type: &'static str,
    /// What stands beside it.
    pub annotations: BTreeMap<String, String>,
    /// What the verification found.
    pub verified: VerifiedBundle,
    /// What everyone can see now.
    pub published: Vec<Published>,
}

/// What a service has made public; nobody can take it back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Published {
    /// A certificate with the signer's identity, in logs of certificates.
    Certificate {
        /// The authority's URL.
        authority: String,
        /// False: the authority may have made it, but has not answered with it.
        is_certain: bool,
    },
    /// The signature and its signer.
    LogEntry {
        /// The log's URL.
        log: String,
        /// Where it is there; `None`: the log may have taken it in, but has not answered.
        index: Option<u64>,
    },
}

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { authority, is_certain: true } => write!(f, "a certificate by {authority}"),
            Self::Certificate { authority, is_certain: false } => {
                write!(f, "perhaps a certificate by {authority}")
            }
            Self::LogEntry { log, index: Some(index) } => write!(f, "entry {index} of {log}"),
            Self::LogEntry { log, index: None } => write!(f, "perhaps an entry of {log}"),
        }
    }
}

/// What a signer was about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Begin: what is asked for cannot be made by these services.
    Begin,
    /// Get an identity token.
    Token,
    /// Sign with the key.
    Sign,
    /// Get a certificate.
    Certificate,
    /// Get a timestamp.
    Timestamp,
    /// Get an entry of a log.
    Log,
    /// Verify the outcome.
    Verify,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begin => "begin to sign",
            Self::Token => "get an identity token",
            Self::Sign => "sign",
            Self::Certificate => "get a certificate",
            Self::Timestamp => "get a timestamp",
            Self::Log => "log the signature",
            Self::Verify => "verify what was signed",
        })
    }
}

/// There is no signature.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot {stage}: {problem}{}", already(published))]
#[non_exhaustive]
pub struct SignError {
    /// What could not be done.
    pub stage: Stage,
    /// Why not.
    pub problem: String,
    /// What is public all the same.
    pub published: Vec<Published>,
}

impl SignError {
    /// Before anyone was asked.
    fn at_once(stage: Stage, problem: &str) -> Self {
        Self { stage, problem: problem.to_owned(), published: Vec::new() }
    }
}

fn already(published: &[Published]) -> String {
    let all: Vec<String> = published.iter().map(ToString::to_string).collect();
    if all.is_empty() { String::new() } else { format!("; already public: {}", all.join(", ")) }
}

/// What is to be signed.
#[derive(Clone, Copy)]
enum Unsigned<'a> {
    Statement(&'a Statement),
    Message(&'a [u8]),
}

/// What timestamps are over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TimestampOf {
    Signature,
    /// As cosign 1 and 2 do for attestations.
    Envelope,
}

/// What has been made so far.
struct Draft {
    content: Content,
    material: Material,
    issuers: Vec<Certificate>,
    timestamps: Vec<Vec<u8>>,
    entries: Vec<LogEntry>,
    published: Vec<Published>,
}

impl Signer {
    /// Signs with a key. Nobody sees the signature until a service is named.
    #[must_use]
    pub fn with_key(key: impl SigningKey + 'static, root: TrustRoot) -> Self {
        Self {
            by: By::Key(Arc::new(key)),
            root,
            transport: None,
            logs: Vec::new(),
            timestamp_authorities: Vec::new(),
        }
    }

    /// Signs with a key that lives for one signature, certified for the identity of a token, and has it seen by the services of the
    /// configuration.
    ///
    /// # Errors
    /// If the configuration has too few services now.
    pub fn with_identity(
        tokens: impl TokenSource + 'static,
        config: &SigningConfig,
        transport: impl Transport + 'static,
        root: TrustRoot,
        now: UnixTime,
    ) -> Result<Self, SigningConfigError> {
        let authority = config.authority(&FULCIO, now)?.url.clone();
        let bare = Self {
            by: By::Identity { tokens: Arc::new(tokens), authority },
            root,
            transport: Some(Arc::new(transport)),
            logs: Vec::new(),
            timestamp_authorities: Vec::new(),
        };
        bare.with_services(config, now)
    }

    /// Has each signature seen by the services of a configuration.
    ///
    /// # Errors
    /// If the configuration has too few services now.
    pub fn with_services(
        mut self,
        config: &SigningConfig,
        now: UnixTime,
    ) -> Result<Self, SigningConfigError> {
        for log in config.logs(&REKOR, now)? {
            let api = if log.version == 1 { RekorApi::V1 } else { RekorApi::V2 };
            self = self.logged_by(&log.url, api);
        }
        for authority in config.timestamp_authorities(&TIMESTAMP_AUTHORITY, now)? {
            self = self.timestamped_by(&authority.url);
        }
        Ok(self)
    }

    /// Has each signature timestamped by the authority at this URL.
    #[must_use]
    pub fn timestamped_by(mut self, url: impl Into<String>) -> Self {
        let url = url.into();
        if !self.timestamp_authorities.contains(&url) {
            self.timestamp_authorities.push(url);
        }
        self
    }

    /// Has each signature logged by the Rekor at this URL.
    #[must_use]
    pub fn logged_by(mut self, url: impl Into<String>, api: RekorApi) -> Self {
        let url = url.into();
        if !self.logs.iter().any(|log| log.url == url) {
            self.logs.push(Log { url, api });
        }
        self
    }

    /// By which services are asked.
    #[must_use]
    pub fn with_transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// The public key, if it signs with one of its own.
    #[must_use]
    pub fn public_key(&self) -> Option<&trust_core::PublicKey> {
        match &self.by {
            By::Key(key) => Some(key.public_key()),
            By::Identity { .. } => None,
        }
    }

    /// Signs a statement: an image's signature as cosign 3 makes it, or an attestation.
    ///
    /// # Errors
    /// If it cannot be signed, seen by all services, or verified; what is public all the same is said.
    pub async fn sign(&self, statement: &Statement, until: Deadline) -> Result<SignedBundle, SignError> {
        self.bundle(Unsigned::Statement(statement), until).await
    }

    /// Signs an artifact of any kind, by its content.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub async fn sign_artifact(&self, artifact: &[u8], until: Deadline) -> Result<SignedBundle, SignError> {
        self.bundle(Unsigned::Message(artifact), until).await
    }

    /// Signs an image as cosign 1 and 2 do.
    ///
    /// # Errors
    /// As [`sign`](Self::sign); and if a log makes entries for which that form has no place, as Rekor v2 does.
    pub async fn sign_image_layer(
        &self,
        payload: &cosign::SimpleSigning,
        until: Deadline,
    ) -> Result<SignedLayer, SignError> {
        self.check_older_form()?;
        let layer = payload.to_json().into_bytes();
        let draft = self.draft(Unsigned::Message(&layer), TimestampOf::Signature, until).await?;
        let (annotations, draft) = Self::annotations(draft)?;
        let bundle = cosign::signature_bundle(&annotations);
        let bundle = bundle.map_err(|error| draft.failed(Stage::Verify, &Reasons(&error)))?;
        let verified = self.verify(&bundle, Signed::Message(&layer), &draft)?;
        let media_type = cosign::SIMPLE_SIGNING_MEDIA_TYPE;
        Ok(SignedLayer { layer, media_type, annotations, verified, published: draft.published })
    }

    /// Signs an attestation as cosign 1 and 2 do.
    ///
    /// # Errors
    /// As [`sign_image_layer`](Self::sign_image_layer).
    pub async fn sign_attestation_layer(
        &self,
        statement: &Statement,
        until: Deadline,
    ) -> Result<SignedLayer, SignError> {
        self.check_older_form()?;
        let draft = self.draft(Unsigned::Statement(statement), TimestampOf::Envelope, until).await?;
        let (mut annotations, draft) = Self::annotations(draft)?;
        annotations.insert("predicateType".to_owned(), statement.predicate_type().to_owned());
        let layer = match &draft.content {
            Content::Envelope(envelope) => envelope.to_json().into_bytes(),
            Content::Message { .. } => Vec::new(),
        };
        let bundle = cosign::attestation_bundle(&layer, &annotations);
        let bundle = bundle.map_err(|error| draft.failed(Stage::Verify, &Reasons(&error)))?;
        let digest = subject_of(statement);
        let verified = self.verify(&bundle, Signed::Digest(&digest), &draft)?;
        let media_type = cosign::ENVELOPE_MEDIA_TYPE;
        Ok(SignedLayer { layer, media_type, annotations, verified, published: draft.published })
    }

    /// What could only fail when all is public.
    fn check_older_form(&self) -> Result<(), SignError> {
        let problem = if self.logs.iter().any(|log| log.api == RekorApi::V2) {
            "cosign's older form has no place for an entry without a promise, and Rekor v2 makes none"
        } else if self.logs.len() > 1 || self.timestamp_authorities.len() > 1 {
            "cosign's older form has a place for one log entry and one timestamp"
        } else {
            return Ok(());
        };
        Err(SignError::at_once(Stage::Begin, problem))
    }

    fn annotations(draft: Draft) -> Result<(BTreeMap<String, String>, Draft), SignError> {
        let bundle = draft.bundle();
        let annotations = cosign::annotations(&bundle, &draft.issuers);
        Ok((annotations.map_err(|error| draft.failed(Stage::Verify, &Reasons(&error)))?, draft))
    }

    async fn bundle(&self, unsigned: Unsigned<'_>, until: Deadline) -> Result<SignedBundle, SignError> {
        let draft = self.draft(unsigned, TimestampOf::Signature, until).await?;
        // What is verified is what is written.
        let json = draft.bundle().to_json();
        let bundle = Bundle::from_json(json.as_bytes());
        let bundle = bundle.map_err(|error| draft.failed(Stage::Verify, &Reasons(&error)))?;
        let digest;
        let artifact = match unsigned {
            Unsigned::Message(message) => Signed::Message(message),
            Unsigned::Statement(statement) => {
                digest = subject_of(statement);
                Signed::Digest(&digest)
            }
        };
        let verified = self.verify(&bundle, artifact, &draft)?;
        Ok(SignedBundle { bundle, json, verified, published: draft.published })
    }

    /// Sign, timestamp, log: what is public for ever comes last.
    async fn draft(
        &self,
        unsigned: Unsigned<'_>,
        timestamp_of: TimestampOf,
        until: Deadline,
    ) -> Result<Draft, SignError> {
        let has_time =
            !self.timestamp_authorities.is_empty() || self.logs.iter().any(|log| log.api == RekorApi::V1);
        if matches!(self.by, By::Identity { .. }) && !has_time {
            let problem = "nobody would vouch for the time, without which a certificate of some minutes verifies nowhere: \
                           expected a timestamp authority, or a Rekor v1";
            return Err(SignError::at_once(Stage::Begin, problem));
        }
        let mut published = Vec::new();
        let failed = |stage, problem: &dyn fmt::Display, published: &[Published]| SignError {
            stage,
            problem: problem.to_string(),
            published: published.to_vec(),
        };
        let ephemeral;
        let (key, material, issuers): (&dyn SigningKey, _, _) = match &self.by {
            By::Key(key) => (&**key, Material::Key { unverified_hint: key.public_key().hint() }, Vec::new()),
            By::Identity { tokens, authority } => {
                ephemeral = PrivateKey::generate(KeyAlgorithm::EcdsaP256)
                    .map_err(|error| failed(Stage::Sign, &error, &published))?;
                let certified = self.certificate(&ephemeral, &**tokens, authority, until).await;
                let (leaf, issuers) = certified?;
                published.push(Published::Certificate { authority: authority.clone(), is_certain: true });
                let leaf = Box::new(leaf);
                (&ephemeral, Material::Certificate { leaf, unverified_intermediates: Vec::new() }, issuers)
            }
        };
        let message = match unsigned {
            Unsigned::Message(message) => message.to_vec(),
            Unsigned::Statement(statement) => {
                pre_authentication_encoding(PAYLOAD_TYPE, statement.to_json().as_bytes())
            }
        };
        let signature = key.sign(&message, until).await;
        let signature = signature.map_err(|error| failed(Stage::Sign, &Reasons(&error), &published))?;
        let verifies = key.public_key().verify(key.scheme(), Signed::Message(&message), &signature);
        verifies.map_err(|error| failed(Stage::Sign, &Reasons(&error), &published))?;
        let content = match unsigned {
            Unsigned::Message(message) => {
                let hash = key.scheme().hash().unwrap_or(HashAlgorithm::Sha256);
                Content::Message { unverified_digest: Some(Digest::of(hash, message)), signature }
            }
            Unsigned::Statement(statement) => {
                Content::Envelope(Envelope::new(PAYLOAD_TYPE, statement.to_json().into_bytes(), signature))
            }
        };
        let mut draft =
            Draft { content, material, issuers, timestamps: Vec::new(), entries: Vec::new(), published };
        for url in &self.timestamp_authorities {
            let of = match (&draft.content, timestamp_of) {
                (Content::Envelope(envelope), TimestampOf::Envelope) => envelope.to_json().into_bytes(),
                (content, _) => content.signature().to_vec(),
            };
            let timestamp = self.timestamp(url, &of, until).await;
            let failed = |problem: String| draft.failed(Stage::Timestamp, &format!("{url}: {problem}"));
            let timestamp = timestamp.map_err(failed)?;
            draft.timestamps.push(timestamp);
        }
        // What can be refused here, is refused before anyone else knows of it.
        if timestamp_of == TimestampOf::Signature && !draft.timestamps.is_empty() {
            let digest;
            let artifact = match unsigned {
                Unsigned::Message(message) => Signed::Message(message),
                Unsigned::Statement(statement) => {
                    digest = subject_of(statement);
                    Signed::Digest(&digest)
                }
            };
            self.verify(&draft.bundle(), artifact, &draft)?;
        }
        let mut submissions = Vec::new();
        for log in &self.logs {
            let submission = submission(log, &draft.claim(key, &message));
            let failed =
                |error: LogError| draft.failed(Stage::Log, &format!("{}: {}", log.url, Reasons(&error)));
            submissions.push(submission.map_err(failed)?);
        }
        for (log, submission) in self.logs.iter().zip(submissions) {
            let asked = self.log(log, submission, until).await;
            match asked {
                Ok(entry) => {
                    let index = Some(entry.log_index);
                    draft.published.push(Published::LogEntry { log: log.url.clone(), index });
                    draft.entries.push(entry);
                }
                Err(Refused { problem, entry }) => {
                    let of = |index| Published::LogEntry { log: log.url.clone(), index };
                    draft.published.extend(entry.map(of));
                    return Err(draft.failed(Stage::Log, &format!("{}: {problem}", log.url)));
                }
            }
        }
        Ok(draft)
    }

    fn transport(&self) -> Result<&dyn Transport, String> {
        self.transport
            .as_deref()
            .ok_or_else(|| "no transport was given, by which services are asked".to_owned())
    }

    async fn certificate(
        &self,
        key: &PrivateKey,
        tokens: &dyn TokenSource,
        authority: &str,
        until: Deadline,
    ) -> Result<(Certificate, Vec<Certificate>), SignError> {
        let failed = |stage, problem: String| SignError { stage, problem, published: Vec::new() };
        let token = tokens.token(now(), until).await;
        let token = token.map_err(|error| failed(Stage::Token, Reasons(&error).to_string()))?;
        let proof = key.sign(token.unverified_subject().as_bytes(), until).await;
        let proof = proof.map_err(|error| failed(Stage::Sign, Reasons(&error).to_string()))?;
        let refused = |problem| failed(Stage::Certificate, format!("{authority}: {problem}"));
        let url = exchange::below(authority, "api/v2/signingCert").map_err(refused)?;
        exchange::for_secrets(&url).map_err(refused)?;
        let body = certificate_request(key.public_key(), &proof).into_bytes();
        let mut request = exchange::post(url, "application/json", body);
        request.headers.push(("authorization", format!("Bearer {}", token.secret())));
        let transport = self.transport().map_err(refused)?;
        let sent = send(transport, request, until.at_most(exchange::TIMEOUT)).await;
        let made = |problem: String, is_certain| SignError {
            published: vec![Published::Certificate { authority: authority.to_owned(), is_certain }],
            ..refused(problem)
        };
        let (status, body, said) = sent.map_err(|error| match error.entry {
            None => refused(error.problem),
            Some(_) => made(error.problem, false),
        })?;
        match status {
            200..=299 => certificate_chain(&body, key.public_key())
                .map_err(|error| made(Reasons(&error).to_string(), true)),
            ..500 => Err(refused(said.problem)),
            _ => Err(made(said.problem, false)),
        }
    }

    async fn timestamp(&self, url: &str, of: &[u8], until: Deadline) -> Result<Vec<u8>, String> {
        let url = url.parse().map_err(|error: url::ParseError| error.to_string())?;
        let request = exchange::post(url, "application/timestamp-query", timestamp_request(of));
        let transport = self.transport()?;
        let first = exchange::success(transport, request.clone(), until.at_most(exchange::TIMEOUT)).await;
        let answer = match first {
            // Nothing of it is kept by anyone, so it may be asked again.
            Err(_) if !until.is_past() => {
                exchange::success(transport, request, until.at_most(exchange::TIMEOUT)).await?
            }
            first => first?,
        };
        let authorities = self.root.timestamp_authorities();
        let verified = trust_core::verify_timestamp(&answer, of, authorities);
        verified.map_err(|error| Reasons(&error).to_string())?;
        Ok(answer)
    }

    async fn log(&self, log: &Log, submission: String, until: Deadline) -> Result<LogEntry, Refused> {
        let until = until.at_most(LOG_TIMEOUT);
        let transport = self.transport().map_err(Refused::certain)?;
        let path = match log.api {
            RekorApi::V1 => "api/v1/log/entries",
            RekorApi::V2 => "api/v2/log/entries",
        };
        let url = exchange::below(&log.url, path).map_err(Refused::certain)?;
        let request = exchange::post(url.clone(), "application/json", submission.into_bytes());
        // Once: a log may have taken it in whose answer is lost.
        let first = send(transport, request.clone(), until).await;
        let is_lost = first.as_ref().map_or_else(|error| error.entry.is_some(), |answer| answer.0 >= 500);
        // Rekor v1 answers with the entry that it has, so it may be asked again.
        let asked_again = log.api == RekorApi::V1 && is_lost && !until.is_past();
        let (mut status, mut body, mut said) = match asked_again {
            true => send(transport, request, until).await?,
            false => first?,
        };
        let mut is_there = asked_again;
        if status == 409 {
            is_there = true;
            let location = said.location.as_deref().and_then(|location| url.join(location).ok());
            let location = location.filter(|location| location.origin() == url.origin());
            if let (RekorApi::V1, Some(location)) = (log.api, location) {
                let request = HttpRequest::get(location, 1 << 20, Reach::Private);
                (status, body, said) = send(transport, request, until).await.map_err(Refused::perhaps)?;
            }
        }
        let read = match (status, log.api) {
            (200..=299, RekorApi::V1) => read_answer_v1(&body).map_err(|error| Reasons(&error).to_string()),
            (200..=299, RekorApi::V2) => {
                LogEntry::from_json(&body).map_err(|error| Reasons(&error).to_string())
            }
            (409, _) => {
                let problem = format!(
                    "it has this very entry, and does not give it again ({}); what is signed must differ, by an annotation for one",
                    said.problem
                );
                return Err(Refused { problem, entry: Some(index_in(&said.problem)) });
            }
            // Who is refused by a rule has not been taken in; who meets a broken server may have been.
            (status, _) => {
                let entry = (is_there || status >= 500).then_some(None);
                return Err(Refused { problem: said.problem, entry });
            }
        };
        read.map_err(|problem| Refused { problem, entry: Some(None) })
    }

    /// That a verifier with this root accepts it.
    fn verify(
        &self,
        bundle: &Bundle,
        artifact: Signed<'_>,
        draft: &Draft,
    ) -> Result<VerifiedBundle, SignError> {
        // How many there are is counted here; what they are worth to others is for others to say.
        let mut verifier = Verifier::new(&self.root, &RekorLog)
            .with_clock_tolerance(CLOCK_TOLERANCE_MILLIS)
            .with_timestamp_threshold(usize::from(!draft.timestamps.is_empty()));
        if draft.entries.is_empty() {
            verifier = verifier.accepting_signatures_in_no_transparency_log();
        }
        let policy = match &self.by {
            By::Key(key) => SignerPolicy::Key(ManagedKey::new(key.public_key().clone())),
            By::Identity { .. } => SignerPolicy::Identity(anyone(draft)?),
        };
        let verified = verifier.verify(bundle, artifact, &policy, now());
        let verified = verified.map_err(|error| draft.failed(Stage::Verify, &Reasons(&error)))?;
        let (found, expected) = (verified.log_entries().len(), draft.entries.len());
        if found != expected {
            let problem = format!("found {found} log entries that verify, expected {expected}");
            return Err(draft.failed(Stage::Verify, &problem));
        }
        Ok(verified)
    }
}

/// Whoever the token's issuer vouched for: the certificate says who that is, and the caller sees it in the outcome.
fn anyone(draft: &Draft) -> Result<IdentityPolicy, SignError> {
    let any = || Pattern::wildcard("*");
    let policy = IdentityPolicy::new([CertificateIdentity::new(any(), any())]);
    policy.map_err(|error| draft.failed(Stage::Verify, &error))
}

/// The first subject: a statement has one, and one of ours has a digest.
fn subject_of(statement: &Statement) -> Digest {
    let first = statement.subjects().first().and_then(|subject| subject.digests().first());
    first.cloned().unwrap_or_else(|| Digest::sha256(b""))
}

impl Draft {
    fn bundle(&self) -> Bundle {
        Bundle::new(
            self.content.clone(),
            self.material.clone(),
            self.entries.clone(),
            self.timestamps.clone(),
        )
    }

    /// What a log is told of it.
    fn claim<'a>(&'a self, key: &'a dyn SigningKey, message: &'a [u8]) -> LogClaim<'a> {
        LogClaim {
            signature: self.content.signature(),
            scheme: key.scheme(),
            signer: match &self.material {
                Material::Certificate { leaf, .. } => ClaimedSigner::Certificate(leaf),
                Material::Key { .. } => ClaimedSigner::Key(key.public_key()),
            },
            content: match &self.content {
                Content::Envelope(envelope) => ClaimedContent::Envelope(envelope),
                Content::Message { .. } => ClaimedContent::Artifact(Signed::Message(message)),
            },
        }
    }

    fn failed(&self, stage: Stage, problem: &dyn fmt::Display) -> SignError {
        SignError { stage, problem: problem.to_string(), published: self.published.clone() }
    }
}

fn submission(log: &Log, claim: &LogClaim<'_>) -> Result<String, LogError> {
    match log.api {
        RekorApi::V1 => submission_v1(claim),
        RekorApi::V2 => submission_v2(claim),
    }
}

/// The index that Rekor v2 names where it has an entry already.
fn index_in(problem: &str) -> Option<u64> {
    problem.rsplit_once("index ")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A log has not answered with an entry.
struct Refused {
    problem: String,
    /// `Some`: it has taken it in, or may have; with the index, if it says which.
    entry: Option<Option<u64>>,
}

impl Refused {
    fn certain(problem: String) -> Self {
        Self { problem, entry: None }
    }

    /// The same, of a log that has it.
    fn perhaps(self) -> Self {
        Self { entry: self.entry.or(Some(None)), ..self }
    }
}

/// What an answer says beside its body.
struct Said {
    problem: String,
    location: Option<String>,
}

async fn send(
    transport: &dyn Transport,
    request: HttpRequest,
    until: Deadline,
) -> Result<(u16, Vec<u8>, Said), Refused> {
    let sent = transport.send(request, until).await;
    let response = sent.map_err(|error| Refused {
        // An address that may not be asked was never sent to.
        entry: (!matches!(error, TransportError::NotPublic { .. })).then_some(None),
        problem: error.to_string(),
    })?;
    let said = Said {
        problem: exchange::problem(&response),
        location: response.header("location").map(str::to_owned),
    };
    Ok((response.status, response.body, said))
}
