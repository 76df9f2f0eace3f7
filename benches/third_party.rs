//! Real bundles of third parties, which stand in `../shared/vectors` (or `$TRUST_VECTORS`): what this project and its peer verify.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use trust_core::{
    Bundle, CertificateIdentity, Content, Digest, Identity, IdentityPolicy, Material, Pattern, Signed,
    SignerPolicy, Statement, TrustRoot, UnixTime, Verifier,
};
use trust_rekor::RekorLog;

/// A bundle, and what it proves.
pub struct Case {
    /// What kind of bundle it is.
    pub name: &'static str,
    /// The bundle.
    pub json: String,
    /// The trust root.
    pub root: String,
    /// What was signed.
    pub digest: Digest,
    /// Who signed.
    pub subject: String,
    /// Who vouches for that.
    pub issuer: String,
}

impl Case {
    fn read(name: &'static str, bundle: &Path, root: &Path) -> Self {
        let json = fs::read_to_string(bundle).expect("a bundle");
        let parsed = Bundle::from_json(json.as_bytes()).expect("a bundle");
        let digest = match parsed.unverified_content() {
            Content::Message { unverified_digest, .. } => unverified_digest.clone().expect("a digest"),
            Content::Envelope(envelope) => {
                let statement = Statement::from_json(envelope.payload()).expect("a statement");
                statement.subjects()[0].digests()[0].clone()
            }
        };
        let Material::Certificate { leaf, .. } = parsed.unverified_material() else {
            panic!("a certificate")
        };
        let identity = Identity::unverified_from_certificate(leaf).expect("an identity");
        Self {
            name,
            root: fs::read_to_string(root).expect("a trust root"),
            digest,
            subject: identity.subjects()[0].value.clone(),
            issuer: identity.issuer().expect("Fulcio's certificate").to_owned(),
            json,
        }
    }

    /// The trust root, read anew.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn root(&self) -> TrustRoot {
        TrustRoot::from_json(self.root.as_bytes()).expect("a trust root")
    }

    /// The signer is the one who signed.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn policy(&self) -> SignerPolicy {
        let identity = CertificateIdentity::new(Pattern::exact(&self.subject), Pattern::exact(&self.issuer));
        SignerPolicy::Identity(IdentityPolicy::new([identity]).expect("an identity"))
    }

    /// The bundle, read anew.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn parse(&self) -> Bundle {
        Bundle::from_json(black_box(self.json.as_bytes())).expect("a bundle")
    }

    /// Verifies the bundle.
    ///
    /// # Panics
    /// If it does not verify.
    pub fn verify(&self, bundle: &Bundle, root: &TrustRoot, policy: &SignerPolicy) {
        let verified =
            Verifier::new(root, &RekorLog).verify(bundle, Signed::Digest(&self.digest), policy, now());
        black_box(verified.unwrap_or_else(|error| panic!("{}: {error}", self.name)));
    }
}

/// When the bundles are judged.
///
/// # Panics
/// Never.
#[must_use]
pub fn now() -> UnixTime {
    "2026-11-22T00:00:00Z".parse().expect("a time")
}

/// The folder of third parties' vectors, if it is there.
#[must_use]
pub fn vectors() -> Option<PathBuf> {
    let folder = std::env::var_os("TRUST_VECTORS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors"), PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// One bundle of each kind.
///
/// # Panics
/// If one is not there.
#[must_use]
pub fn cases(vectors: &Path) -> Vec<Case> {
    let public_good = vectors.join("trust-roots/public-good.json");
    let conformance = |case: &str, file: &str| vectors.join("conformance").join(case).join(file);
    let bundle = "bundle.sigstore.json";
    let v2 =
        |name, case| Case::read(name, &conformance(case, bundle), &conformance(case, "trusted_root.json"));
    vec![
        Case::read("Rekor v1, message", &conformance("happy-path-v0.3", bundle), &public_good),
        Case::read("Rekor v1, message, TSA", &vectors.join("cpython/3.11.15-1.sigstore.json"), &public_good),
        Case::read("Rekor v1, DSSE", &conformance("happy-path-intoto-in-dsse-v3", bundle), &public_good),
        v2("Rekor v2, message, TSA", "rekor2-happy-path"),
        v2("Rekor v2, DSSE, TSA", "rekor2-dsse-happy-path"),
    ]
}
