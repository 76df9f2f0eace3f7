//! [`AttestorSet`]: who must have signed.

use core::fmt;

use thiserror::Error;
use trust_core::{Authority, Certificate, IdentityPolicy, KeyError, LogKey, PublicKey, TrustRoot};

use crate::expression::template::Template;
use crate::kubernetes::image_pattern::ReferencePattern;
use crate::kubernetes::object_name::ObjectName;
use crate::policy::notation_trust::NotationTrust;

/// Signers of whom some must have signed, each counted once.
#[derive(Clone, Debug, PartialEq)]
pub struct AttestorSet {
    /// Where it stands, relative to the requirement, such as `.attestors[0]`.
    pub(crate) path: String,
    /// How many different ones must have signed, at least 1; `None` for all.
    pub(crate) count: Option<usize>,
    /// The signers; at least `count`.
    pub(crate) attestors: Vec<Attestor>,
    /// What of an image they must have signed.
    pub(crate) placement: Placement,
}

/// What of an image with several platforms must have been signed. An image with one platform is itself all of this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Placement {
    /// What the workload names: an index, or a single image.
    #[default]
    Image,
    /// The image of each platform in the index, whoever signed the index.
    EveryPlatform,
    /// Either of them.
    Either,
}

/// A signer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attestor {
    /// Where it stands, relative to the requirement, such as `.attestors[0].entries[0].keys`.
    pub path: String,
    /// Who it is.
    pub signer: Signer,
    /// Whether its signatures must be in a transparency log.
    pub needs_log_entry: bool,
    /// Whether its certificates must be in a certificate transparency log.
    pub needs_certificate_log: bool,
    /// The repository in which it keeps signatures, if it does not beside the image. Where a signature is found proves
    /// nothing, so those beside the image count as well.
    pub repository: Option<String>,
    /// What is trusted for it instead of what the trust root has.
    pub roots: Option<Box<OwnRoots>>,
    /// The roots in its [set](crate::PolicySet::trust_root), by their names, whose parts are trusted for it instead.
    pub named_roots: NamedRoots,
    /// Whether a timestamp authority must have stamped its signatures.
    pub needs_timestamp: bool,
    /// Annotations that the signature must have.
    pub annotations: Vec<(String, String)>,
    /// Under one of which names the signature must be for the image; under any, or none, if there are none.
    pub names: Vec<ReferencePattern>,
}

/// What a policy trusts for a signer instead of what the trust root has: each list that is there.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OwnRoots {
    /// Certificate authorities.
    pub certificate_authorities: Option<Vec<Authority>>,
    /// Timestamp authorities.
    pub timestamp_authorities: Option<Vec<Authority>>,
    /// Transparency logs.
    pub transparency_logs: Option<Vec<LogKey>>,
    /// Certificate logs.
    pub certificate_logs: Option<Vec<LogKey>>,
}

/// Roots by their names, for each part of what is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedRoots {
    /// Whose certificate authorities and certificate logs.
    pub certificates: Option<String>,
    /// Whose transparency logs.
    pub logs: Option<String>,
    /// Whose timestamp authorities.
    pub timestamps: Option<String>,
}

impl OwnRoots {
    /// Everything that a trust root has.
    pub(crate) fn of(root: &TrustRoot) -> Self {
        Self {
            certificate_authorities: Some(root.certificate_authorities().to_vec()),
            timestamp_authorities: Some(root.timestamp_authorities().to_vec()),
            transparency_logs: Some(root.transparency_logs().to_vec()),
            certificate_logs: Some(root.certificate_logs().to_vec()),
        }
    }

    /// The trust root with these instead.
    pub(crate) fn instead_of(&self, root: &TrustRoot) -> TrustRoot {
        let mut root = root.clone();
        if let Some(authorities) = &self.certificate_authorities {
            root = root.with_certificate_authorities(authorities.clone());
        }
        if let Some(authorities) = &self.timestamp_authorities {
            root = root.with_timestamp_authorities(authorities.clone());
        }
        if let Some(logs) = &self.transparency_logs {
            root = root.with_transparency_logs(logs.clone());
        }
        if let Some(logs) = &self.certificate_logs {
            root = root.with_certificate_logs(logs.clone());
        }
        root
    }
}

impl PartialEq for OwnRoots {
    fn eq(&self, other: &Self) -> bool {
        let chains = |list: &Option<Vec<Authority>>| -> Option<Vec<Vec<Certificate>>> {
            list.as_ref().map(|list| list.iter().map(|one| one.chain().to_vec()).collect())
        };
        let keys = |list: &Option<Vec<LogKey>>| -> Option<Vec<PublicKey>> {
            list.as_ref().map(|list| list.iter().map(|one| one.key.clone()).collect())
        };
        chains(&self.certificate_authorities) == chains(&other.certificate_authorities)
            && chains(&self.timestamp_authorities) == chains(&other.timestamp_authorities)
            && keys(&self.transparency_logs) == keys(&other.transparency_logs)
            && keys(&self.certificate_logs) == keys(&other.certificate_logs)
    }
}

/// Who a signer is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Signer {
    /// The holder of a key.
    Key(Box<PublicKey>),
    /// The holder of a certificate's key, while the certificate is valid.
    Certificate(Box<Certificate>),
    /// The holder of a key that cannot be read: never satisfied.
    UnusableKey(KeyError),
    /// The holders of the keys that expressions have as their value.
    KeysOf(Template),
    /// The holder of the key in a Secret, which the caller looks up while it collects evidence.
    KeyInSecret(ObjectName),
    /// An identity that a certificate authority of the trust root certifies.
    Identity(IdentityPolicy),
    /// The signers that a trust policy of the Notary Project trusts, by its kind of signatures.
    Notation(Box<NotationTrust>),
    /// Some of the signers of a set.
    Some(Box<AttestorSet>),
    /// A signer whose signatures cannot be verified here yet: never satisfied.
    Unsupported(&'static str),
}

impl Attestor {
    /// A signer whose signatures and certificates must be in transparency logs.
    #[must_use]
    pub fn new(signer: Signer) -> Self {
        Self {
            path: "attestor".to_owned(),
            signer,
            needs_log_entry: true,
            needs_certificate_log: true,
            repository: None,
            roots: None,
            named_roots: NamedRoots::default(),
            needs_timestamp: false,
            annotations: Vec::new(),
            names: Vec::new(),
        }
    }
}

/// A set of signers that no signature could satisfy, or that needs none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AttestorSetError {
    /// It has no signer.
    #[error("set of signers is empty, expected at least one signer")]
    Empty,
    /// None of its signers must have signed, or more than it has.
    #[error("{found} of {signers} signers must have signed, expected 1 to {signers}")]
    Count {
        /// How many must have signed.
        found: usize,
        /// How many it names.
        signers: usize,
    },
}

impl AttestorSet {
    /// All of these signers.
    ///
    /// # Errors
    /// If there are none.
    pub fn new(attestors: Vec<Attestor>) -> Result<Self, AttestorSetError> {
        if attestors.is_empty() {
            return Err(AttestorSetError::Empty);
        }
        Ok(Self::of(None, attestors))
    }

    /// Some of these signers: at least `count` different ones.
    ///
    /// # Errors
    /// If that is none, or more than there are.
    pub fn at_least(count: usize, attestors: Vec<Attestor>) -> Result<Self, AttestorSetError> {
        let signers = attestors.len();
        if !(1..=signers).contains(&count) {
            return Err(AttestorSetError::Count { found: count, signers });
        }
        Ok(Self::of(Some(count), attestors))
    }

    pub(crate) fn of(count: Option<usize>, attestors: Vec<Attestor>) -> Self {
        Self { path: "attestors".to_owned(), count, attestors, placement: Placement::Image }
    }

    /// The same set, which must have signed this of an image. It counts for sets of signatures, attestations and documents; in authorities,
    /// for VEX statements and within other sets the image is meant.
    #[must_use]
    pub fn at(self, placement: Placement) -> Self {
        Self { placement, ..self }
    }

    /// What of an image they must have signed.
    #[must_use]
    pub fn placement(&self) -> Placement {
        self.placement
    }

    /// The signers: at least one.
    #[must_use]
    pub fn attestors(&self) -> &[Attestor] {
        &self.attestors
    }

    /// How many different ones of them must have signed, if not all.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        self.count
    }

    /// The same set, which stands there in its policy.
    #[must_use]
    pub fn with_path(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }

    /// Where it stands in its policy, for verdicts.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Sees every attestor, those in sets within, too.
    pub(crate) fn each(&self, see: &mut impl FnMut(&Attestor)) {
        for attestor in &self.attestors {
            see(attestor);
            if let Signer::Some(set) = &attestor.signer {
                set.each(see);
            }
        }
    }

    /// Whether keys in it are the values of expressions.
    pub(crate) fn has_expressions(&self) -> bool {
        let mut has = false;
        self.each(&mut |attestor| has |= matches!(attestor.signer, Signer::KeysOf(_)));
        has
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::Certificate(certificate) => write!(f, "the certificate `{}`", certificate.subject()),
            Self::UnusableKey(_) => f.write_str("an unusable key"),
            Self::KeysOf(_) => f.write_str("keys of a context entry"),
            Self::KeyInSecret(object) => write!(f, "the key in {object}"),
            Self::Identity(policy) => policy.fmt(f),
            Self::Notation(signer) => signer.fmt(f),
            Self::Some(set) => {
                let signers: Vec<_> = set.attestors.iter().map(|one| one.signer.to_string()).collect();
                let count = set.count.map_or_else(|| "all".to_owned(), |count| count.to_string());
                write!(f, "{count} of ({})", signers.join("; "))
            }
            Self::Unsupported(what) => f.write_str(what),
        }
    }
}
