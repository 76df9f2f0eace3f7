//! [`Signer`]: makes signatures, and verifies each before it is returned.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

use trust_core::{
    Bundle, Certificate, CertificateIdentity, ClaimedContent, ClaimedSigner, Content, Digest, Envelope,
    HashAlgorithm, IdentityPolicy, KeyAlgorithm, LogClaim, LogEntry, ManagedKey, Material, PAYLOAD_TYPE,
    Pattern, Reasons, SignatureScheme, Signed, SignerPolicy, SigningConfig, SigningConfigError, Statement,
    StatementSubject, TrustRoot, UnixTime, VerifiedBundle, Verifier, cosign, pre_authentication_encoding,
};
use trust_gate::internal::now;
use trust_gate::{Deadline, Transport};
use trust_rekor::RekorLog;

use crate::identity_token::TokenSource;
use crate::key::{KeyError, PrivateKey, SigningKey};
use crate::rekor::{Log, MaybeLogged, NotLogged, RekorApi};
use crate::sign_error::{Published, SignError, Stage};
use crate::{fulcio, timestamp_authority};

/// Versions of APIs that are spoken.
const FULCIO: [u32; 1] = [1];
const REKOR: [u32; 2] = [1, 2];
const TIMESTAMP_AUTHORITY: [u32; 1] = [1];
/// By how much this machine's clock may be behind an authority's: other verifiers use their own.
const CLOCK_TOLERANCE_MILLIS: u32 = 300_000;

/// Signs with a key, or with the identity that a token names, and has it seen by timestamp authorities and transparency logs.
///
/// What it returns has been written, read again, and accepted by a [`Verifier`] that trusts the root, with as many timestamps and log
/// entries as were asked for.
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

/// What is to be signed.
#[derive(Clone, Copy)]
enum Unsigned<'a> {
    Statement(&'a Statement),
    Message(&'a [u8]),
}

impl<'a> Unsigned<'a> {
    /// What it is about, for a verifier; `None`: a statement that names no subject by a digest that is supported.
    fn artifact(self) -> Option<Signed<'a>> {
        match self {
            Self::Message(message) => Some(Signed::Message(message)),
            Self::Statement(statement) => {
                let mut digests = statement.subjects().iter().flat_map(StatementSubject::digests);
                digests.next().map(Signed::Digest)
            }
        }
    }

    /// The bytes that are signed.
    fn message(self) -> Vec<u8> {
        match self {
            Self::Message(message) => message.to_vec(),
            Self::Statement(statement) => {
                pre_authentication_encoding(PAYLOAD_TYPE, statement.to_json().as_bytes())
            }
        }
    }

    /// It with its signature.
    fn signed(self, signature: Vec<u8>, scheme: SignatureScheme) -> Content {
        match self {
            Self::Message(message) => {
                let hash = scheme.hash().unwrap_or(HashAlgorithm::Sha256);
                Content::Message { unverified_digest: Some(Digest::of(hash, message)), signature }
            }
            Self::Statement(statement) => {
                Content::Envelope(Envelope::new(PAYLOAD_TYPE, statement.to_json().into_bytes(), signature))
            }
        }
    }
}

/// What timestamps are over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TimestampOf {
    Signature,
    /// As cosign 1 and 2 do for attestations.
    Envelope,
}

/// Who signs.
struct Holder {
    key: Arc<dyn SigningKey>,
    material: Material,
    /// The certificates above the signer's.
    issuers: Vec<Certificate>,
    published: Vec<Published>,
}

/// What has been made so far.
struct Draft<'a> {
    /// What the signature is about.
    artifact: Signed<'a>,
    content: Content,
    material: Material,
    issuers: Vec<Certificate>,
    timestamps: Vec<Vec<u8>>,
    entries: Vec<LogEntry>,
    published: Vec<Published>,
}

impl Signer {
    /// Signs with a key. The signature is sent to no service until one is named.
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
    /// If it cannot be signed, timestamped, logged or verified. The error lists what is already public.
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
        let verified = self.verify(&bundle, &draft)?;
        let (media_type, published) = (cosign::SIMPLE_SIGNING_MEDIA_TYPE, draft.published);
        Ok(SignedLayer { layer, media_type, annotations, verified, published })
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
        let verified = self.verify(&bundle, &draft)?;
        let media_type = cosign::ENVELOPE_MEDIA_TYPE;
        Ok(SignedLayer { layer, media_type, annotations, verified, published: draft.published })
    }

    /// Refuses at once what would fail after everything is public.
    fn check_older_form(&self) -> Result<(), SignError> {
        let problem = if self.logs.iter().any(|log| log.api == RekorApi::V2) {
            "cosign's older form has no place for an entry without a promise, and Rekor v2 makes none"
        } else if self.logs.len() > 1 || self.timestamp_authorities.len() > 1 {
            "cosign's older form has a place for one log entry and one timestamp"
        } else {
            return Ok(());
        };
        Err(SignError::new(Stage::Begin, &problem))
    }

    fn annotations(draft: Draft<'_>) -> Result<(BTreeMap<String, String>, Draft<'_>), SignError> {
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
        let verified = self.verify(&bundle, &draft)?;
        Ok(SignedBundle { bundle, json, verified, published: draft.published })
    }

    /// Sign, timestamp, log: what is public for ever comes last.
    async fn draft<'a>(
        &self,
        unsigned: Unsigned<'a>,
        timestamp_of: TimestampOf,
        until: Deadline,
    ) -> Result<Draft<'a>, SignError> {
        let artifact = self.begin(unsigned)?;
        let Holder { key, material, issuers, published } = self.holder(until).await?;
        let message = unsigned.message();
        let signature = match sign_with(&*key, &message, until).await {
            Ok(signature) => signature,
            Err(error) => return Err(SignError { published, ..error }),
        };
        let mut draft = Draft {
            artifact,
            content: unsigned.signed(signature, key.scheme()),
            material,
            issuers,
            timestamps: Vec::new(),
            entries: Vec::new(),
            published,
        };
        self.timestamp(&mut draft, timestamp_of, until).await?;
        // What can be refused here is refused before a log knows of it.
        if timestamp_of == TimestampOf::Signature && !draft.timestamps.is_empty() {
            self.verify(&draft.bundle(), &draft)?;
        }
        self.log(&mut draft, &*key, &message, until).await?;
        Ok(draft)
    }

    /// The key, and what says whose it is.
    async fn holder(&self, until: Deadline) -> Result<Holder, SignError> {
        let (tokens, authority) = match &self.by {
            By::Identity { tokens, authority } => (tokens, authority),
            By::Key(key) => {
                let material = Material::Key { unverified_hint: key.public_key().hint() };
                return Ok(Holder { key: key.clone(), material, issuers: Vec::new(), published: Vec::new() });
            }
        };
        let failed = |error: KeyError| SignError::new(Stage::Sign, &Reasons(&error));
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).map_err(failed)?;
        let token = tokens.token(now(), until).await;
        let token = token.map_err(|error| SignError::new(Stage::Token, &Reasons(&error)))?;
        let (leaf, issuers) = fulcio::certify(self.transport()?, authority, &key, &token, until).await?;
        Ok(Holder {
            key: Arc::new(key),
            material: Material::Certificate { leaf: Box::new(leaf), unverified_intermediates: Vec::new() },
            issuers,
            published: vec![Published::Certificate { authority: authority.clone(), is_certain: true }],
        })
    }

    async fn timestamp(
        &self,
        draft: &mut Draft<'_>,
        timestamp_of: TimestampOf,
        until: Deadline,
    ) -> Result<(), SignError> {
        let of = match (&draft.content, timestamp_of) {
            (Content::Envelope(envelope), TimestampOf::Envelope) => envelope.to_json().into_bytes(),
            (content, _) => content.signature().to_vec(),
        };
        let trusted = self.root.timestamp_authorities();
        for url in &self.timestamp_authorities {
            let timestamp = timestamp_authority::timestamp(self.transport()?, url, &of, trusted, until).await;
            let failed = |problem| draft.failed(Stage::Timestamp, &format_args!("{url}: {problem}"));
            let timestamp = timestamp.map_err(failed)?;
            draft.timestamps.push(timestamp);
        }
        Ok(())
    }

    /// Submits it to each log. If one cannot take such a signature, none is asked.
    async fn log(
        &self,
        draft: &mut Draft<'_>,
        key: &dyn SigningKey,
        message: &[u8],
        until: Deadline,
    ) -> Result<(), SignError> {
        let mut submissions = Vec::new();
        for log in &self.logs {
            let submission = log.submission(&draft.claim(key, message));
            let failed = |error| draft.failed(Stage::Log, &format_args!("{}: {}", log.url, Reasons(&error)));
            submissions.push(submission.map_err(failed)?);
        }
        for (log, submission) in self.logs.iter().zip(submissions) {
            let entry_at = |index| Published::LogEntry { log: log.url.clone(), index };
            match log.submit(self.transport()?, submission, until).await {
                Ok(entry) => {
                    draft.published.push(entry_at(Some(entry.log_index)));
                    draft.entries.push(entry);
                }
                Err(NotLogged { problem, entry }) => {
                    draft.published.extend(match entry {
                        MaybeLogged::No => None,
                        MaybeLogged::Somewhere => Some(entry_at(None)),
                        MaybeLogged::At(index) => Some(entry_at(Some(index))),
                    });
                    return Err(draft.failed(Stage::Log, &format_args!("{}: {problem}", log.url)));
                }
            }
        }
        Ok(())
    }

    /// Refuses at once what would fail after something is public.
    fn begin<'a>(&self, unsigned: Unsigned<'a>) -> Result<Signed<'a>, SignError> {
        let refused = |problem: &str| SignError::new(Stage::Begin, &problem);
        let artifact = unsigned.artifact();
        let artifact = artifact.ok_or_else(|| {
            refused("the statement names no subject by a digest of SHA-256, SHA-384 or SHA-512")
        })?;
        let is_certified = matches!(self.by, By::Identity { .. });
        let has_time =
            !self.timestamp_authorities.is_empty() || self.logs.iter().any(|log| log.api == RekorApi::V1);
        if is_certified && !has_time {
            return Err(refused(
                "no service would sign the time, without which a short-lived certificate cannot be verified: \
                 expected a timestamp authority, or a Rekor v1",
            ));
        }
        if is_certified || !self.timestamp_authorities.is_empty() || !self.logs.is_empty() {
            self.transport()?;
        }
        Ok(artifact)
    }

    fn transport(&self) -> Result<&dyn Transport, SignError> {
        let missing = || SignError::new(Stage::Begin, &"no transport was given by which services are asked");
        self.transport.as_deref().ok_or_else(missing)
    }

    /// That a verifier with this root accepts it.
    fn verify(&self, bundle: &Bundle, draft: &Draft<'_>) -> Result<VerifiedBundle, SignError> {
        // Entries are counted below: a verifier's threshold counts operators instead.
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
        let verified = verifier.verify(bundle, draft.artifact, &policy, now());
        let verified = verified.map_err(|error| draft.failed(Stage::Verify, &Reasons(&error)))?;
        let (found, expected) = (verified.log_entries().len(), draft.entries.len());
        if found != expected {
            let problem = format!("found {found} log entries that verify, expected {expected}");
            return Err(draft.failed(Stage::Verify, &problem));
        }
        Ok(verified)
    }
}

/// Any identity that the authority certified: the caller finds it in what was verified.
fn anyone(draft: &Draft<'_>) -> Result<IdentityPolicy, SignError> {
    let any = || Pattern::wildcard("*");
    let policy = IdentityPolicy::new([CertificateIdentity::new(any(), any())]);
    policy.map_err(|error| draft.failed(Stage::Verify, &error))
}

/// A signature that verifies.
async fn sign_with(key: &dyn SigningKey, message: &[u8], until: Deadline) -> Result<Vec<u8>, SignError> {
    let signature = key.sign(message, until).await;
    let signature = signature.map_err(|error| SignError::new(Stage::Sign, &Reasons(&error)))?;
    let verified = key.public_key().verify(key.scheme(), Signed::Message(message), &signature);
    verified.map_err(|error| SignError::new(Stage::Sign, &Reasons(&error)))?;
    Ok(signature)
}

impl Draft<'_> {
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
