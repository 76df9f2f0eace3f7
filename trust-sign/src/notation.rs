//! [`NotationSigner`]: signatures of the Notary Project, as notation makes them
//! ([signature specification](https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md)).

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::try_join;
use serde_json::json;
use trust_core::notation::{
    Check, CheckError, EnvelopeDraft, EnvelopeForm, SIGNATURE_MEDIA_TYPE, SignatureEnvelope, StoreKind,
    TargetArtifact, TrustStatement, TrustStore, TrustStores, VerifiedEnvelope,
};
use trust_core::revocation::{NotAsked, RevocationError};
use trust_core::{
    Authority, Certificate, Digest, HashAlgorithm, Reasons, SignatureScheme, TimeWindow, UnixTime,
};
use trust_gate::{Deadline, PushManifest, Pusher, StoreError, Transport};

use crate::image::{ImageTarget, MANIFEST};
use crate::key::SigningKey;
use crate::sign_error::{SignError, Stage};
use crate::timestamp_authority;

/// The prefix of annotations that the specification reserves.
const RESERVED: &str = "io.cncf.notary";
/// The annotation of the signature manifest with the certificates' fingerprints.
const THUMBPRINTS: &str = "io.cncf.notary.x509chain.thumbprint#S256";
/// By how much this machine's clock may be behind an authority's.
const CLOCK_TOLERANCE_MILLIS: i64 = 300_000;
/// The software, as envelopes name it.
const AGENT: &str = concat!("trust-sign/", env!("CARGO_PKG_VERSION"));

/// Signs with a key and its certificates, under the scheme `notary.x509`. Plugins are not run.
///
/// Each signature is parsed and verified before it is returned. Whether its root is trusted is up to the verifier's trust policy.
///
/// ```no_run
/// use std::collections::BTreeMap;
/// use std::time::Duration;
///
/// use trust_core::{Certificate, UnixTime};
/// use trust_gate::{Deadline, Pusher, Registry};
/// use trust_sign::{ImageTarget, NotationSigner, PrivateKey, push_envelope};
///
/// # async fn sign(registry: Registry, now: UnixTime) -> Result<(), Box<dyn std::error::Error>> {
/// let key = PrivateKey::from_pem(&std::fs::read_to_string("key.pem")?)?;
/// let certificate = Certificate::from_pem(&std::fs::read_to_string("certificate.pem")?)?;
/// let signer = NotationSigner::new(key, vec![certificate])?;
///
/// let (until, pusher) = (Deadline::after(Duration::from_secs(30)), Pusher::new(registry.clone()));
/// let target = ImageTarget::find(&registry, &"registry.example/acme/app:v1".parse()?, until).await?;
/// let signed = signer.sign(&target, &BTreeMap::new(), now, until).await?;
/// push_envelope(&pusher, &target, &signed, now, until).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct NotationSigner {
    key: Arc<dyn SigningKey>,
    certificates: Vec<Certificate>,
    form: EnvelopeForm,
    valid_for_millis: Option<i64>,
    stamped_by: Option<StampedBy>,
}

/// Whose timestamp stands beside each signature.
#[derive(Clone, Debug)]
struct StampedBy {
    url: String,
    transport: Arc<dyn Transport>,
    roots: Vec<Certificate>,
}

impl StampedBy {
    /// Proves that the timestamp counts under a trust policy that trusts the authority; its revocation is not checked.
    fn check(
        &self,
        envelope: &[u8],
        form: EnvelopeForm,
        certificates: &[Certificate],
        now: UnixTime,
    ) -> Result<(), SignError> {
        const NAME: &str = "own";
        let roots = certificates.last().into_iter().cloned().collect();
        let stores =
            [(StoreKind::CertificateAuthority, roots), (StoreKind::TimestampAuthority, self.roots.clone())];
        let failed = |error: &dyn core::error::Error| SignError::new(Stage::Timestamp, &Reasons(error));
        let mut all = TrustStores::new();
        for (kind, roots) in stores {
            let store = TrustStore::assertion(kind, roots).map_err(|error| failed(&error))?;
            all.insert((kind, NAME.to_owned()), store);
        }
        let statement = TrustStatement::strict(NAME, all.keys().cloned().collect());
        let envelope = SignatureEnvelope::from_bytes(form.media_type(), envelope);
        // The authority's clock may be ahead.
        let later = now.plus_millis(CLOCK_TOLERANCE_MILLIS);
        let checks = statement.verify(envelope, &all, &NotAsked, later).checks;
        let of_time = checks.into_iter().find(|one| one.check == Check::AuthenticTimestamp);
        match of_time.and_then(|one| one.problem) {
            None | Some(CheckError::Revocation(RevocationError::Unknown { .. })) => Ok(()),
            Some(problem) => Err(failed(&problem)),
        }
    }
}

/// An envelope, verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedEnvelope {
    /// As it is stored.
    pub envelope: Vec<u8>,
    /// Its form.
    pub form: EnvelopeForm,
    /// What it proves.
    pub verified: VerifiedEnvelope,
}

impl NotationSigner {
    /// Signs with a key, which is that of the first certificate; the others certify it, up to a root that issued itself.
    ///
    /// # Errors
    /// If the key is another one.
    pub fn new(key: impl SigningKey + 'static, certificates: Vec<Certificate>) -> Result<Self, SignError> {
        let of_leaf = certificates.first().map(Certificate::public_key);
        if of_leaf.map(|one| one.fingerprint()) != Some(key.public_key().fingerprint()) {
            return Err(SignError::new(Stage::Begin, &"the first certificate is not of the key that signs"));
        }
        let (form, key) = (EnvelopeForm::default(), Arc::new(key));
        Ok(Self { key, certificates, form, valid_for_millis: None, stamped_by: None })
    }

    /// Writes envelopes of this form.
    #[must_use]
    pub fn with_form(self, form: EnvelopeForm) -> Self {
        Self { form, ..self }
    }

    /// Lets each signature expire after this time in milliseconds.
    #[must_use]
    pub fn valid_for(self, millis: i64) -> Self {
        Self { valid_for_millis: Some(millis), ..self }
    }

    /// Adds to each signature a timestamp of this authority (RFC 3161), whose root is one of these.
    #[must_use]
    pub fn stamped_by(
        self,
        url: impl Into<String>,
        transport: impl Transport + 'static,
        roots: Vec<Certificate>,
    ) -> Self {
        let (url, transport) = (url.into(), Arc::new(transport));
        Self { stamped_by: Some(StampedBy { url, transport, roots }), ..self }
    }

    /// Signs an image, with these annotations (`notation sign --user-metadata`).
    ///
    /// # Errors
    /// If the certificates are not as the specification requires, the key does not sign, or the timestamp cannot be obtained or does not count.
    pub async fn sign(
        &self,
        target: &ImageTarget,
        annotations: &BTreeMap<String, String>,
        now: UnixTime,
        until: Deadline,
    ) -> Result<SignedEnvelope, SignError> {
        let failed = |stage| move |error: &dyn core::error::Error| SignError::new(stage, &Reasons(error));
        if let Some(name) = annotations.keys().find(|name| name.starts_with(RESERVED)) {
            let problem = format!(
                "the annotation `{name}` is reserved, expected one that does not begin with `{RESERVED}`"
            );
            return Err(SignError::new(Stage::Begin, &problem));
        }
        let mut artifact =
            TargetArtifact::new(target.media_type.clone(), target.digest.clone(), target.size as u64);
        artifact.annotations.clone_from(annotations);
        let expiry = self.valid_for_millis.map(|millis| now.plus_millis(millis));
        let draft = EnvelopeDraft::new(self.form, &artifact, self.certificates.clone(), now, expiry)
            .map_err(|error| failed(Stage::Begin)(&error))?;
        let signature = self.signature(&draft, until).await?;
        let token = match &self.stamped_by {
            None => None,
            Some(StampedBy { url, transport, roots }) => {
                let root =
                    |one: &Certificate| Authority::assertion(url, vec![one.clone()], TimeWindow::ALWAYS);
                let roots: Vec<Authority> = roots.iter().map(root).collect();
                let stamped =
                    timestamp_authority::timestamp(transport.as_ref(), url, &signature, &roots, until).await;
                Some(stamped.map_err(|problem| SignError::new(Stage::Timestamp, &problem))?)
            }
        };
        let (envelope, verified) =
            draft.seal(&signature, token.as_deref(), AGENT).map_err(|error| failed(Stage::Verify)(&error))?;
        if let Some(stamped_by) = &self.stamped_by {
            stamped_by.check(&envelope, self.form, &self.certificates, now)?;
        }
        Ok(SignedEnvelope { envelope, form: self.form, verified })
    }

    /// A signature over the draft, in the encoding that envelopes have.
    async fn signature(&self, draft: &EnvelopeDraft, until: Deadline) -> Result<Vec<u8>, SignError> {
        let failed = |error: &dyn core::fmt::Display| SignError::new(Stage::Sign, error);
        let message = draft.message();
        let scheme = match draft.scheme() {
            SignatureScheme::EcdsaP1363(hash) => SignatureScheme::Ecdsa(hash),
            other => other,
        };
        let signature = self.key.sign_by(scheme, &message, until).await.map_err(|error| failed(&error))?;
        let numbers = match draft.scheme() {
            SignatureScheme::EcdsaP1363(HashAlgorithm::Sha256) => {
                p256::ecdsa::Signature::from_der(&signature).map(|one| one.to_bytes().to_vec())
            }
            SignatureScheme::EcdsaP1363(HashAlgorithm::Sha384) => {
                p384::ecdsa::Signature::from_der(&signature).map(|one| one.to_bytes().to_vec())
            }
            SignatureScheme::EcdsaP1363(HashAlgorithm::Sha512) => {
                p521::ecdsa::Signature::from_der(&signature).map(|one| one.to_bytes().to_vec())
            }
            _ => return Ok(signature),
        };
        numbers.map_err(|_| failed(&"the key's signature is not two numbers in DER"))
    }
}

/// Attaches an envelope to an image, as a referrer, as notation does. The digest of the manifest is returned.
///
/// # Errors
/// If it is not stored, or not listed.
pub async fn push_envelope(
    pusher: &Pusher,
    target: &ImageTarget,
    signed: &SignedEnvelope,
    created: UnixTime,
    until: Deadline,
) -> Result<Digest, StoreError> {
    let thumbprints: Vec<String> = signed.verified.thumbprints().iter().map(Digest::to_hex).collect();
    let envelope = &signed.envelope;
    let layer = json!({
        "mediaType": signed.form.media_type(), "size": envelope.len(), "digest": Digest::sha256(envelope).to_string(),
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": SIGNATURE_MEDIA_TYPE, "size": 2, "digest": Digest::sha256(b"{}").to_string()},
        "layers": [layer],
        "subject": target.descriptor(),
        "annotations": {
            THUMBPRINTS: json!(thumbprints).to_string(),
            "org.opencontainers.image.created": created.to_string(),
        },
    });
    let push = |blob| pusher.target().push_blob(&target.image, blob, until);
    try_join(push(b"{}".as_slice()), push(envelope)).await?;
    let manifest = PushManifest::new(MANIFEST, manifest.to_string().into_bytes());
    pusher.attach(&target.image, &manifest, until).await
}
