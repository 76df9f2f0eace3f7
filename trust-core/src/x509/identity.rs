//! [`Identity`]: who a certificate says signed, and [`IdentityPolicy`]: who should have.
//!
//! The object identifiers are those of
//! [Fulcio's certificate specification](https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md).

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use der::Decode as _;
use der::asn1::{ObjectIdentifier, Utf8StringRef};
use serde::Serialize;
use thiserror::Error;
use x509_cert::ext::pkix::name::GeneralName;

use crate::text::pattern::Pattern;
use crate::x509::certificate::{Certificate, CertificateError};

const FULCIO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1");
const OTHER_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1.7");

/// Which kind of name a subject alternative name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum SubjectKind {
    /// A URI, such as a workflow.
    Uri,
    /// An e-mail address.
    Email,
    /// Fulcio's otherName, for example a user name.
    OtherName,
}

/// One subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Subject {
    /// Its kind.
    pub kind: SubjectKind,
    /// Its value.
    pub value: String,
}

/// What an authority wrote into a certificate about the signer: names; and Fulcio, the issuer of the identity token and the build.
///
/// As a part of a [`VerifiedBundle`](crate::VerifiedBundle) it is what that authority vouches for;
/// read from a certificate alone it is a claim that anyone can make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    subjects: Vec<Subject>,
    issuer: Option<String>,
    extensions: BTreeMap<FulcioExtension, String>,
}

macro_rules! fulcio_extensions {
    ($($number:literal $variant:ident $doc:literal)*) => {
        /// Fulcio's extensions 1.3.6.1.4.1.57264.1.N, by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "camelCase")]
        #[non_exhaustive]
        pub enum FulcioExtension {
            $(#[doc = $doc] $variant = $number,)*
        }

        impl FulcioExtension {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
        }
    };
}

fulcio_extensions! {
    1 IssuerV1 "Issuer of the identity token, as raw text (deprecated)."
    2 GithubWorkflowTrigger "Event that triggered the workflow (deprecated)."
    3 GithubWorkflowSha "Commit that the workflow ran on (deprecated)."
    4 GithubWorkflowName "Name of the workflow (deprecated)."
    5 GithubWorkflowRepository "Repository of the workflow (deprecated)."
    6 GithubWorkflowRef "Git ref that the workflow ran on (deprecated)."
    8 Issuer "Issuer of the identity token."
    9 BuildSignerUri "Reference to the build instructions that signed."
    10 BuildSignerDigest "Version of the build instructions that signed."
    11 RunnerEnvironment "Whether the build ran on a hosted or a self-hosted machine."
    12 SourceRepositoryUri "Source repository."
    13 SourceRepositoryDigest "Version of the source."
    14 SourceRepositoryRef "Ref of the source."
    15 SourceRepositoryIdentifier "Immutable identifier of the source repository."
    16 SourceRepositoryOwnerUri "Owner of the source repository."
    17 SourceRepositoryOwnerIdentifier "Immutable identifier of the owner."
    18 BuildConfigUri "Top-level build instructions."
    19 BuildConfigDigest "Version of the top-level build instructions."
    20 BuildTrigger "Event or action that started the build."
    21 RunInvocationUri "The run of the build."
    22 SourceRepositoryVisibilityAtSigning "Whether the source repository was public at signing."
    23 DeploymentEnvironment "Deployment environment of the build."
    24 TokenSubject "The identity token's `sub`."
}

impl FulcioExtension {
    /// The last arc of its object identifier.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The extension with this object identifier.
    fn from_oid(oid: &ObjectIdentifier) -> Option<Self> {
        let Some([number]) = oid.as_bytes().strip_prefix(FULCIO.as_bytes()) else { return None };
        Self::ALL.iter().copied().find(|one| one.number() == *number)
    }

    /// Up to .6 the value is raw text, from .8 on a DER UTF8String.
    fn decode(self, value: &[u8]) -> Option<String> {
        if self.number() <= 6 {
            String::from_utf8(value.to_vec()).ok()
        } else {
            Some(Utf8StringRef::from_der(value).ok()?.as_str().to_owned())
        }
    }
}

/// A certificate does not say who signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// An extension is malformed.
    #[error("certificate extension {extension:?} is not text")]
    Extension {
        /// Which.
        extension: FulcioExtension,
    },
    /// The names cannot be read.
    #[error("the subject alternative names cannot be read")]
    Names(#[from] CertificateError),
    /// There is no name of a kind that can sign.
    #[error("certificate has no subject alternative name of type URI, e-mail or otherName")]
    NoSubject,
    /// The two issuer extensions contradict each other.
    #[error("certificate names two issuers, `{v1}` and `{v2}`")]
    IssuersDiffer {
        /// By extension .1.
        v1: String,
        /// By extension .8.
        v2: String,
    },
    /// The signer is not one that the policy accepts.
    #[error("signed by {found}{}, certified by `{authority}`, expected {expected}", expected.extensions_of(found))]
    Mismatch {
        /// Who signed.
        found: Box<Identity>,
        /// The authority that certified it, by its URI in the trust root.
        authority: String,
        /// Who should have.
        expected: Box<IdentityPolicy>,
    },
}

impl Identity {
    /// Reads the identity out of a certificate, without asking who vouches for it.
    ///
    /// # Errors
    /// If there is no subject, or the issuers contradict each other.
    pub fn unverified_from_certificate(certificate: &Certificate) -> Result<Self, IdentityError> {
        let mut extensions = BTreeMap::new();
        for raw in certificate.extensions() {
            if let Some(extension) = FulcioExtension::from_oid(&raw.oid) {
                let value = extension.decode(raw.value).ok_or(IdentityError::Extension { extension })?;
                extensions.insert(extension, value);
            }
        }
        let issuer =
            match (extensions.get(&FulcioExtension::IssuerV1), extensions.get(&FulcioExtension::Issuer)) {
                (Some(v1), Some(v2)) if v1 != v2 => {
                    return Err(IdentityError::IssuersDiffer { v1: v1.clone(), v2: v2.clone() });
                }
                (v1, v2) => v2.or(v1).cloned(),
            };
        let names = certificate.subject_alt_name()?.map(|names| names.0);
        let subjects: Vec<Subject> = names.iter().flatten().filter_map(subject).collect();
        if subjects.is_empty() {
            return Err(IdentityError::NoSubject);
        }
        Ok(Self { subjects, issuer, extensions })
    }

    /// The names, in the certificate's order; at least one.
    #[must_use]
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// The issuer of the identity token; `None` if the certificate names none, as those do that other authorities than Fulcio issue.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The value of a Fulcio extension, if the certificate has it.
    #[must_use]
    pub fn extension(&self, extension: FulcioExtension) -> Option<&str> {
        self.extensions.get(&extension).map(String::as_str)
    }
}

fn subject(name: &GeneralName) -> Option<Subject> {
    let (kind, value) = match name {
        GeneralName::UniformResourceIdentifier(uri) => (SubjectKind::Uri, uri.as_str().to_owned()),
        GeneralName::Rfc822Name(email) => (SubjectKind::Email, email.as_str().to_owned()),
        GeneralName::OtherName(other) if other.type_id == OTHER_NAME => {
            let value = other.value.decode_as::<Utf8StringRef<'_>>().ok()?;
            (SubjectKind::OtherName, value.as_str().to_owned())
        }
        _ => return None,
    };
    (!value.is_empty()).then_some(Subject { kind, value })
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.subjects.iter().map(|subject| format!("`{}`", subject.value)).collect();
        f.write_str(&names.join(" and "))?;
        match &self.issuer {
            Some(issuer) => write!(f, " (issuer `{issuer}`)"),
            None => f.write_str(" (without issuer)"),
        }
    }
}

/// Who may have signed: any one of some identities, each with a subject and an issuer.
///
/// There is no way to leave out the subject, nor who vouches for it: an identity without either matches any certificate.
///
/// ```
/// use trust_core::{CertificateIdentity, IdentityPolicy, Pattern};
/// let policy = IdentityPolicy::new([CertificateIdentity::new(
///     Pattern::exact("https://github.com/org/app/.github/workflows/release.yml@refs/heads/main"),
///     Pattern::exact("https://token.actions.githubusercontent.com"),
/// )])?;
/// # Ok::<(), trust_core::EmptyIdentityPolicy>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityPolicy {
    any_of: Vec<CertificateIdentity>,
}

/// One identity: a subject, who vouches for it, and conditions on Fulcio's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateIdentity {
    subject: Pattern,
    vouched: VouchedBy,
    extensions: BTreeMap<FulcioExtension, Pattern>,
}

/// Who knew the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
enum VouchedBy {
    /// The issuer of an identity token, which the certificate names.
    Issuer(Pattern),
    /// An authority that certifies its subjects itself, by its URI in the trust root.
    Authority(String),
}

/// A policy without any identity would accept no signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("found no identity, expected at least one")]
pub struct EmptyIdentityPolicy;

impl CertificateIdentity {
    /// An identity; any one of the certificate's subjects must match `subject`.
    #[must_use]
    pub fn new(subject: Pattern, issuer: Pattern) -> Self {
        Self { subject, vouched: VouchedBy::Issuer(issuer), extensions: BTreeMap::new() }
    }

    /// An identity in a certificate that names no issuer: GitHub's for releases, or an SVID of
    /// [SPIFFE](https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md).
    ///
    /// Such an authority vouches for the subject itself, so it is pinned: `authority` is its `uri` in the trust root. The name alone
    /// would match every identity that any authority of the root certifies.
    #[must_use]
    pub fn without_issuer(subject: Pattern, authority: impl Into<String>) -> Self {
        Self { subject, vouched: VouchedBy::Authority(authority.into()), extensions: BTreeMap::new() }
    }

    /// Demands a Fulcio extension, too.
    #[must_use]
    pub fn with_extension(mut self, extension: FulcioExtension, value: Pattern) -> Self {
        self.extensions.insert(extension, value);
        self
    }

    /// What one of the certificate's names must match.
    #[must_use]
    pub fn subject(&self) -> &Pattern {
        &self.subject
    }

    /// What the issuer of the identity token must match; `None` if an authority vouches for the subject itself.
    #[must_use]
    pub fn issuer(&self) -> Option<&Pattern> {
        match &self.vouched {
            VouchedBy::Issuer(issuer) => Some(issuer),
            VouchedBy::Authority(_) => None,
        }
    }

    /// The authority that vouches for the subject itself, by its URI in the trust root.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        match &self.vouched {
            VouchedBy::Issuer(_) => None,
            VouchedBy::Authority(authority) => Some(authority),
        }
    }

    /// The extensions that it demands, and what each must match.
    pub fn extensions(&self) -> impl Iterator<Item = (FulcioExtension, &Pattern)> {
        self.extensions.iter().map(|(extension, value)| (*extension, value))
    }

    fn matches(&self, identity: &Identity, authority: &str) -> bool {
        self.claims(identity)
            && match &self.vouched {
                VouchedBy::Issuer(_) => true,
                VouchedBy::Authority(pinned) => !pinned.is_empty() && pinned == authority,
            }
    }

    /// Whether it is the identity, if the authority is the right one.
    fn claims(&self, identity: &Identity) -> bool {
        let subject = identity.subjects.iter().any(|subject| self.subject.matches(&subject.value));
        let extensions = self.extensions.iter().all(|(&extension, pattern)| {
            identity.extension(extension).is_some_and(|value| pattern.matches(value))
        });
        let issuer = match (&self.vouched, identity.issuer()) {
            (VouchedBy::Issuer(pattern), Some(issuer)) => pattern.matches(issuer),
            (VouchedBy::Authority(_), None) => true,
            _ => false,
        };
        subject && issuer && extensions
    }
}

impl IdentityPolicy {
    /// Any one of these identities.
    ///
    /// # Errors
    /// If there is none.
    pub fn new(any_of: impl IntoIterator<Item = CertificateIdentity>) -> Result<Self, EmptyIdentityPolicy> {
        let any_of: Vec<_> = any_of.into_iter().collect();
        if any_of.is_empty() {
            return Err(EmptyIdentityPolicy);
        }
        Ok(Self { any_of })
    }

    /// The identities, of which any one is accepted: at least one.
    #[must_use]
    pub fn identities(&self) -> &[CertificateIdentity] {
        &self.any_of
    }

    /// What an identity has in the extensions that this policy asks for.
    fn extensions_of(&self, found: &Identity) -> String {
        let asked: BTreeSet<_> = self.any_of.iter().flat_map(|one| one.extensions.keys().copied()).collect();
        let shown = asked.into_iter().map(|extension| match found.extension(extension) {
            Some(value) => format!(" with {extension:?} `{value}`"),
            None => format!(" without {extension:?}"),
        });
        shown.collect()
    }

    /// Proves that `identity`, which the authority with this URI certified, is one of those that this policy names.
    ///
    /// # Errors
    /// [`IdentityError::Mismatch`] with both sides.
    pub fn check(&self, identity: &Identity, authority: &str) -> Result<(), IdentityError> {
        if self.any_of.iter().any(|one| one.matches(identity, authority)) {
            return Ok(());
        }
        Err(IdentityError::Mismatch {
            found: Box::new(identity.clone()),
            authority: authority.to_owned(),
            expected: Box::new(self.clone()),
        })
    }

    /// Whether `identity` may be one of them, whichever authority certified it: to be warned, not to trust.
    #[must_use]
    pub fn is_claimed_by(&self, identity: &Identity) -> bool {
        self.any_of.iter().any(|one| one.claims(identity))
    }
}

impl fmt::Display for CertificateIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.vouched {
            VouchedBy::Issuer(issuer) => write!(f, "{} (issuer {issuer})", self.subject)?,
            VouchedBy::Authority(uri) => {
                write!(f, "{} (without issuer, certified by `{uri}`)", self.subject)?
            }
        }
        for (extension, pattern) in &self.extensions {
            write!(f, " with {extension:?} {pattern}")?;
        }
        Ok(())
    }
}

impl fmt::Display for IdentityPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.any_of.iter().map(ToString::to_string).collect();
        f.write_str(&names.join(" or "))
    }
}
