//! [`SignedAttributes`]: what is signed beside the payload
//! ([signed attributes](https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md#signed-attributes)).

use core::fmt;

use thiserror::Error;

use crate::digest::HashAlgorithm;
use crate::key::{KeyAlgorithm, SignatureScheme};
use crate::notation::PAYLOAD_MEDIA_TYPE;
use crate::text::time::UnixTime;

pub(super) const SIGNING_SCHEME: &str = "io.cncf.notary.signingScheme";
pub(super) const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
pub(super) const AUTHENTIC_SIGNING_TIME: &str = "io.cncf.notary.authenticSigningTime";
pub(super) const EXPIRY: &str = "io.cncf.notary.expiry";
pub(super) const PLUGIN: &str = "io.cncf.notary.verificationPlugin";
pub(super) const PLUGIN_MIN_VERSION: &str = "io.cncf.notary.verificationPluginMinVersion";
pub(super) const TIMESTAMP_SIGNATURE: &str = "io.cncf.notary.timestampSignature";
pub(super) const SIGNING_AGENT: &str = "io.cncf.notary.signingAgent";

/// How it is known when a signature was made
/// ([signing schemes](https://github.com/notaryproject/specifications/blob/main/specs/signing-scheme.md)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SigningScheme {
    /// `notary.x509`: by a timestamp authority, or not at all.
    X509,
    /// `notary.x509.signingAuthority`: by the authority that signs.
    SigningAuthority,
}

impl SigningScheme {
    /// The scheme as it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X509 => "notary.x509",
            Self::SigningAuthority => "notary.x509.signingAuthority",
        }
    }
}

impl SigningScheme {
    /// The scheme of this name.
    fn from_name(name: &str) -> Option<Self> {
        [Self::X509, Self::SigningAuthority].into_iter().find(|scheme| scheme.name() == name)
    }
}

impl fmt::Display for SigningScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is signed beside the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedAttributes {
    /// How it is known when the signature was made.
    pub scheme: SigningScheme,
    /// When it was made: by the signer's own clock under `notary.x509`, where it proves nothing, else as the authority says.
    pub signing_time: UnixTime,
    /// From when on the artifact should not be used any more.
    pub expiry: Option<UnixTime>,
}

/// An attribute is not as the specification requires.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AttributesError {
    /// One that is required is absent.
    #[error("signed attribute `{name}` is absent")]
    Absent {
        /// Which.
        name: &'static str,
    },
    /// One is there that the scheme does not allow.
    #[error("signed attribute `{name}` does not belong to the scheme `{scheme}`")]
    NotOfScheme {
        /// Which.
        name: &'static str,
        /// The scheme.
        scheme: SigningScheme,
    },
    /// One has another value than it may.
    #[error("signed attribute `{name}` is {found}, expected {expected}")]
    Value {
        /// Which.
        name: String,
        /// Its value.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// One that a verifier must heed is not marked critical.
    #[error("signed attribute `{name}` is not critical, and must be")]
    NotCritical {
        /// Which.
        name: &'static str,
    },
    /// One is marked critical that is not understood here, or that is not there.
    #[error("signed attribute `{name}` is critical, and {problem}")]
    Critical {
        /// Which.
        name: String,
        /// Why it cannot be heeded.
        problem: &'static str,
    },
    /// A plugin must verify it.
    #[error("signed attribute `{name}` asks for a plugin, and none is run here")]
    Plugin {
        /// Which attribute asks for it.
        name: &'static str,
    },
    /// The algorithm is not the one of the key.
    #[error("signature algorithm is {found}, expected {expected} of a key of {key}")]
    Algorithm {
        /// The algorithm in the envelope.
        found: String,
        /// The one that the key has.
        expected: &'static str,
        /// The key.
        key: KeyAlgorithm,
    },
    /// No algorithm is for such keys.
    #[error("key is of {key}, expected RSA of 2048, 3072 or 4096 bits, or ECDSA on P-256, P-384 or P-521")]
    Key {
        /// The key.
        key: KeyAlgorithm,
    },
    /// It expires before it is made, or when it is.
    #[error("signature expires at {expiry}, which is not after {signing_time}, when it was made")]
    Expiry {
        /// When it expires.
        expiry: UnixTime,
        /// When it was made.
        signing_time: UnixTime,
    },
}

/// Attributes as both forms of envelopes have them, before they are checked.
#[derive(Clone, Default)]
pub(super) struct Attributes {
    pub(super) content_type: Option<String>,
    pub(super) critical: Vec<String>,
    pub(super) scheme: Option<String>,
    pub(super) signing_time: Option<UnixTime>,
    pub(super) authentic_signing_time: Option<UnixTime>,
    pub(super) expiry: Option<UnixTime>,
    /// The names of all that are there.
    pub(super) names: Vec<String>,
}

impl Attributes {
    pub(super) fn check(self) -> Result<SignedAttributes, AttributesError> {
        let value = |name: &str, found: &str, expected| AttributesError::Value {
            name: name.to_owned(),
            found: format!("`{found}`"),
            expected,
        };
        match self.content_type.as_deref() {
            Some(PAYLOAD_MEDIA_TYPE) => {}
            Some(other) => {
                return Err(value("content type", other, "`application/vnd.cncf.notary.payload.v1+json`"));
            }
            None => return Err(AttributesError::Absent { name: "content type" }),
        }
        let scheme = self.scheme.as_deref().ok_or(AttributesError::Absent { name: SIGNING_SCHEME })?;
        let known = "`notary.x509` or `notary.x509.signingAuthority`";
        let scheme = SigningScheme::from_name(scheme).ok_or_else(|| value(SIGNING_SCHEME, scheme, known))?;
        self.check_critical(scheme)?;
        let (own, foreign) = match scheme {
            SigningScheme::X509 => {
                ((SIGNING_TIME, self.signing_time), (AUTHENTIC_SIGNING_TIME, self.authentic_signing_time))
            }
            SigningScheme::SigningAuthority => {
                ((AUTHENTIC_SIGNING_TIME, self.authentic_signing_time), (SIGNING_TIME, self.signing_time))
            }
        };
        if foreign.1.is_some() {
            return Err(AttributesError::NotOfScheme { name: foreign.0, scheme });
        }
        let signing_time = own.1.ok_or(AttributesError::Absent { name: own.0 })?;
        if let Some(expiry) = self.expiry.filter(|expiry| *expiry <= signing_time) {
            return Err(AttributesError::Expiry { expiry, signing_time });
        }
        Ok(SignedAttributes { scheme, signing_time, expiry: self.expiry })
    }

    /// What must be heeded must be marked so, and what is marked must be there and be understood. Plugins are not run, so what one of
    /// them must check cannot be.
    fn check_critical(&self, scheme: SigningScheme) -> Result<(), AttributesError> {
        let must = [
            (SIGNING_SCHEME, true),
            (AUTHENTIC_SIGNING_TIME, scheme == SigningScheme::SigningAuthority),
            (EXPIRY, self.expiry.is_some()),
        ];
        let is_critical = |name: &str| self.critical.iter().any(|one| one == name);
        if let Some((name, _)) = must.into_iter().find(|(name, must)| *must && !is_critical(name)) {
            return Err(AttributesError::NotCritical { name });
        }
        for name in [PLUGIN, PLUGIN_MIN_VERSION] {
            if self.names.iter().any(|one| one == name) {
                return Err(AttributesError::Plugin { name });
            }
        }
        for (index, name) in self.critical.iter().enumerate() {
            let is_known = [SIGNING_SCHEME, AUTHENTIC_SIGNING_TIME, EXPIRY].contains(&name.as_str());
            let problem = match () {
                () if !self.names.contains(name) => "it is absent",
                () if name == SIGNING_TIME => "it must not be",
                () if !is_known => "it is not known here",
                () if self.critical.iter().take(index).any(|earlier| earlier == name) => "it is named twice",
                () => continue,
            };
            return Err(AttributesError::Critical { name: name.clone(), problem });
        }
        Ok(())
    }
}

/// The algorithm of a key, by its name in JWS and its number in COSE
/// ([algorithm selection](https://github.com/notaryproject/specifications/blob/main/specs/signature-specification.md#algorithm-selection)).
pub(super) struct Algorithm {
    pub(super) scheme: SignatureScheme,
    pub(super) jws: &'static str,
    pub(super) cose: i64,
}

impl Algorithm {
    pub(super) fn of_key(key: KeyAlgorithm) -> Result<Self, AttributesError> {
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        use SignatureScheme::{EcdsaP1363, RsaPss};
        let (scheme, jws, cose) = match key {
            KeyAlgorithm::Rsa { bits: 2048 } => (RsaPss(Sha256), "PS256", -37),
            KeyAlgorithm::Rsa { bits: 3072 } => (RsaPss(Sha384), "PS384", -38),
            KeyAlgorithm::Rsa { bits: 4096 } => (RsaPss(Sha512), "PS512", -39),
            KeyAlgorithm::EcdsaP256 => (EcdsaP1363(Sha256), "ES256", -7),
            KeyAlgorithm::EcdsaP384 => (EcdsaP1363(Sha384), "ES384", -35),
            KeyAlgorithm::EcdsaP521 => (EcdsaP1363(Sha512), "ES512", -36),
            _ => return Err(AttributesError::Key { key }),
        };
        Ok(Self { scheme, jws, cose })
    }
}

/// What a signer says of its signature.
#[derive(Clone, Copy)]
pub(super) struct Said {
    pub(super) signing_time: UnixTime,
    pub(super) expiry: Option<UnixTime>,
}

impl Said {
    /// What of it must be understood.
    pub(super) fn critical(self) -> Vec<&'static str> {
        [SIGNING_SCHEME].into_iter().chain(self.expiry.map(|_| EXPIRY)).collect()
    }
}
