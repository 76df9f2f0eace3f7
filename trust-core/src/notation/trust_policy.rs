//! [`TrustPolicy`]: which signatures are demanded of which artifacts, as notation's users write it in `trustpolicy.json`
//! ([trust policy](https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md#trust-policy)).

use core::fmt;
use std::collections::BTreeSet;

use serde::Deserialize;
use thiserror::Error;

use super::distinguished_name::{DistinguishedName, NameError};
use super::trust_store::StoreKind;
use crate::image_ref::ImageRef;
use crate::text::json::{self, JsonError};

const MAX_LEN: usize = 1 << 20;

/// A trust policy: statements, of which one is for each artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPolicy(Vec<TrustStatement>);

/// Which signatures are demanded of the artifacts of some repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrustStatement {
    /// Its name.
    pub name: String,
    /// The repositories, as [`ImageRef::name`] spells them; every repository that no other statement names, if there are none.
    pub scopes: Vec<String>,
    /// What is done where a check fails.
    pub actions: Actions,
    /// Whether timestamps count only for signatures whose certificates are not valid any more.
    pub timestamps_after_expiry: bool,
    /// The stores whose roots are trusted, by kind and name.
    pub stores: Vec<(StoreKind, String)>,
    /// Who may sign, under these roots; whoever has a certificate, if this is `None`.
    pub identities: Option<Vec<DistinguishedName>>,
}

/// What is verified of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Check {
    /// That the key of its certificate signed it.
    Integrity,
    /// That a trusted root certifies a trusted identity.
    Authenticity,
    /// That its certificates were valid when it was made.
    AuthenticTimestamp,
    /// That its signer's time for the artifact is not over.
    Expiry,
    /// That its certificates are not revoked.
    Revocation,
}

/// What is done where a check fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Action {
    /// It is not even asked.
    Skip,
    /// It is said.
    Log,
    /// The signature does not count.
    Enforce,
}

/// What is done where a check fails: by a level, and what is said instead of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actions([Action; 5]);

/// The levels by their names, with what each does of each [`Check`], in order
/// ([signature verification](https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md#signature-verification-details)).
const LEVELS: [(&str, Actions); 4] = {
    use Action::{Enforce as E, Log as L, Skip as S};
    [
        ("strict", Actions([E, E, E, E, E])),
        ("permissive", Actions([E, E, L, L, L])),
        ("audit", Actions([E, L, L, L, L])),
        ("skip", Actions([S, S, S, S, S])),
    ]
};

impl Check {
    /// All of them, in the order of the specification's table.
    pub const ALL: [Self; 5] =
        [Self::Integrity, Self::Authenticity, Self::AuthenticTimestamp, Self::Expiry, Self::Revocation];

    /// The check as it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Integrity => "integrity",
            Self::Authenticity => "authenticity",
            Self::AuthenticTimestamp => "authenticTimestamp",
            Self::Expiry => "expiry",
            Self::Revocation => "revocation",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Actions {
    /// What a level does; `None` if there is none of this name.
    #[must_use]
    pub fn of_level(name: &str) -> Option<Self> {
        LEVELS.iter().find(|(known, _)| *known == name).map(|(_, actions)| *actions)
    }

    /// What is done where this check fails.
    #[must_use]
    pub fn of(&self, check: Check) -> Action {
        let Self([integrity, authenticity, timestamp, expiry, revocation]) = *self;
        match check {
            Check::Integrity => integrity,
            Check::Authenticity => authenticity,
            Check::AuthenticTimestamp => timestamp,
            Check::Expiry => expiry,
            Check::Revocation => revocation,
        }
    }

    /// Whether no signature is looked at.
    #[must_use]
    pub fn skips_all(&self) -> bool {
        self.of(Check::Integrity) == Action::Skip
    }

    fn set(&mut self, check: Check, action: Action) {
        let Self(all) = self;
        for (known, slot) in Check::ALL.into_iter().zip(all) {
            if known == check {
                *slot = action;
            }
        }
    }
}

/// A trust policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrustPolicyError {
    /// It is too long.
    #[error("trust policy has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It is not the JSON that is expected.
    #[error("trust policy is not what is expected")]
    Json(#[from] JsonError),
    /// A value is wrong.
    #[error("`{path}` is {found}, expected {expected}")]
    Value {
        /// Where it stands.
        path: String,
        /// What it is.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// An identity is not a name that can be compared.
    #[error("`{path}` is not a name")]
    Identity {
        /// Where it stands.
        path: String,
        /// Why not.
        source: NameError,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document<T> {
    version: String,
    trust_policies: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImageStatement {
    name: String,
    registry_scopes: Vec<String>,
    signature_verification: Verification,
    #[serde(default)]
    trust_stores: Vec<String>,
    #[serde(default)]
    trusted_identities: Vec<String>,
}

/// What statements say, whatever they are about.
pub(super) struct Statement {
    pub(super) name: String,
    pub(super) verification: Verification,
    pub(super) trust_stores: Vec<String>,
    pub(super) trusted_identities: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Verification {
    level: String,
    #[serde(default, rename = "override")]
    instead: std::collections::BTreeMap<String, String>,
    verify_timestamp: Option<String>,
}

pub(super) fn wrong(path: impl Into<String>, found: &str, expected: &'static str) -> TrustPolicyError {
    TrustPolicyError::Value { path: path.into(), found: format!("`{found}`"), expected }
}

/// The statements of a document, each with a name of its own.
pub(super) fn statements<T: serde::de::DeserializeOwned>(
    bytes: &[u8],
    name: impl Fn(&T) -> &str,
) -> Result<Vec<T>, TrustPolicyError> {
    if bytes.len() > MAX_LEN {
        return Err(TrustPolicyError::TooLong { found: bytes.len() });
    }
    let document: Document<T> = json::from_slice(bytes)?;
    if document.version != "1.0" {
        return Err(wrong("version", &document.version, "`1.0`"));
    }
    if document.trust_policies.is_empty() {
        return Err(wrong("trustPolicies", "[]", "at least one statement"));
    }
    let mut names = BTreeSet::new();
    for (index, statement) in document.trust_policies.iter().enumerate() {
        let name = name(statement);
        if name.is_empty() || !names.insert(name) {
            let path = format!("trustPolicies[{index}].name");
            return Err(wrong(path, name, "a name that no other statement has"));
        }
    }
    Ok(document.trust_policies)
}

impl TrustPolicy {
    /// Reads a `trustpolicy.json`, or a `trustpolicy.oci.json`, of version 1.0.
    ///
    /// # Errors
    /// If it is malformed, or two statements are for one repository: with the place.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TrustPolicyError> {
        let mut scopes = BTreeSet::new();
        let mut read = Vec::new();
        let all = statements(bytes, |one: &ImageStatement| &one.name)?;
        for (index, statement) in all.into_iter().enumerate() {
            let path = format!("trustPolicies[{index}]");
            for (place, scope) in statement.registry_scopes.iter().enumerate() {
                if !scopes.insert(scope.clone()) {
                    let expected = "a scope that stands once, in one statement";
                    return Err(wrong(format!("{path}.registryScopes[{place}]"), scope, expected));
                }
            }
            read.push(statement.read(&path)?);
        }
        Ok(Self(read))
    }

    /// The statements, in order.
    #[must_use]
    pub fn statements(&self) -> &[TrustStatement] {
        &self.0
    }

    /// The statement for an image: the one that names its repository, else the one for all. Without any, it is not trusted.
    #[must_use]
    pub fn statement_for(&self, image: &ImageRef) -> Option<&TrustStatement> {
        let repository = image.name();
        let named = self.0.iter().find(|one| one.scopes.contains(&repository));
        named.or_else(|| self.0.iter().find(|one| one.scopes.is_empty()))
    }
}

impl TrustStatement {
    /// Requires at the level `strict`, for every repository, a signature with any certificate under a root of these stores.
    #[must_use]
    pub fn strict(name: impl Into<String>, stores: Vec<(StoreKind, String)>) -> Self {
        let [(_, actions), ..] = LEVELS;
        Self {
            name: name.into(),
            scopes: Vec::new(),
            actions,
            timestamps_after_expiry: false,
            stores,
            identities: None,
        }
    }
}

impl ImageStatement {
    fn read(self, path: &str) -> Result<TrustStatement, TrustPolicyError> {
        let is_global = self.registry_scopes == ["*"];
        let scopes = if is_global { Vec::new() } else { self.registry_scopes.clone() };
        self.check_scopes(path)?;
        let statement = Statement {
            name: self.name,
            verification: self.signature_verification,
            trust_stores: self.trust_stores,
            trusted_identities: self.trusted_identities,
        };
        let statement = statement.read(path, scopes)?;
        if statement.actions.skips_all() && is_global {
            let expected = "repositories by their names where all is skipped";
            return Err(wrong(format!("{path}.registryScopes"), "*", expected));
        }
        Ok(statement)
    }

    /// `*` alone, or repositories with their registries.
    fn check_scopes(&self, path: &str) -> Result<(), TrustPolicyError> {
        let path = format!("{path}.registryScopes");
        if self.registry_scopes.is_empty() {
            return Err(wrong(path, "[]", "`*`, or at least one repository"));
        }
        for (index, scope) in self.registry_scopes.iter().enumerate() {
            let is_everything = scope == "*" && self.registry_scopes.len() == 1;
            // In another spelling it would be the scope of nothing.
            let image = scope.parse::<ImageRef>();
            let is_repository = image.is_ok_and(|image| image.written() == image.name());
            if !(is_everything || is_repository) {
                let expected = "`*` alone, or a repository in its plain spelling, such as `registry.example/software/app`";
                return Err(wrong(format!("{path}[{index}]"), scope, expected));
            }
        }
        Ok(())
    }
}

impl Statement {
    pub(super) fn read(self, path: &str, scopes: Vec<String>) -> Result<TrustStatement, TrustPolicyError> {
        let verification = format!("{path}.signatureVerification");
        let actions = self.verification.actions(&verification)?;
        if actions.skips_all() {
            for (field, found) in
                [("trustStores", &self.trust_stores), ("trustedIdentities", &self.trusted_identities)]
            {
                if let Some(found) = found.first() {
                    return Err(wrong(format!("{path}.{field}"), found, "none where all is skipped"));
                }
            }
        }
        let timestamps_after_expiry = match self.verification.verify_timestamp.as_deref() {
            None | Some("always") => false,
            Some("afterCertExpiry") => true,
            Some(other) => {
                let expected = "`always` or `afterCertExpiry`";
                return Err(wrong(format!("{verification}.verifyTimestamp"), other, expected));
            }
        };
        Ok(TrustStatement {
            stores: if actions.skips_all() { Vec::new() } else { self.stores(path)? },
            identities: if actions.skips_all() { Some(Vec::new()) } else { self.identities(path)? },
            scopes,
            name: self.name,
            actions,
            timestamps_after_expiry,
        })
    }

    fn stores(&self, path: &str) -> Result<Vec<(StoreKind, String)>, TrustPolicyError> {
        let path = format!("{path}.trustStores");
        if self.trust_stores.is_empty() {
            return Err(wrong(path, "[]", "at least one store, such as `ca:acme`"));
        }
        let mut stores = Vec::new();
        for (index, written) in self.trust_stores.iter().enumerate() {
            let expected = "a store such as `ca:acme`, `signingAuthority:acme` or `tsa:acme`, once";
            let of_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            let store = written.split_once(':').and_then(|(kind, name)| {
                let is_name = !name.is_empty() && name.chars().all(of_name) && ![".", ".."].contains(&name);
                Some((StoreKind::from_name(kind)?, name.to_owned())).filter(|_| is_name)
            });
            match store.filter(|store| !stores.contains(store)) {
                Some(store) => stores.push(store),
                None => return Err(wrong(format!("{path}[{index}]"), written, expected)),
            }
        }
        match stores.iter().any(|(kind, _)| *kind != StoreKind::TimestampAuthority) {
            true => Ok(stores),
            false => Err(wrong(
                path,
                &self.trust_stores.join(", "),
                "a store of the kind `ca` or `signingAuthority`",
            )),
        }
    }

    fn identities(&self, path: &str) -> Result<Option<Vec<DistinguishedName>>, TrustPolicyError> {
        let path = format!("{path}.trustedIdentities");
        match &self.trusted_identities[..] {
            [] => return Err(wrong(path, "[]", "`*`, or at least one identity")),
            [one] if one == "*" => return Ok(None),
            _ => {}
        }
        let mut names: Vec<DistinguishedName> = Vec::new();
        for (index, written) in self.trusted_identities.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let name = written
                .strip_prefix("x509.subject:")
                .ok_or_else(|| wrong(&path, written, "`*` alone, or `x509.subject:` with a name"))?;
            let name = DistinguishedName::parse(name.trim_start())
                .map_err(|source| TrustPolicyError::Identity { path: path.clone(), source })?;
            // Of two of which one is a part of the other, one means nothing.
            if names.iter().any(|earlier| earlier.is_part_of(&name) || name.is_part_of(earlier)) {
                return Err(wrong(
                    path,
                    written,
                    "an identity that is no part of another one, and of which no other one is",
                ));
            }
            names.push(name);
        }
        Ok(Some(names))
    }
}

impl Verification {
    fn actions(&self, path: &str) -> Result<Actions, TrustPolicyError> {
        let levels = "`strict`, `permissive`, `audit` or `skip`";
        let mut actions = Actions::of_level(&self.level)
            .ok_or_else(|| wrong(format!("{path}.level"), &self.level, levels))?;
        for (name, written) in &self.instead {
            let path = format!("{path}.override.{name}");
            if actions.skips_all() {
                return Err(wrong(path, written, "no override where all is skipped"));
            }
            let check = Check::ALL.into_iter().find(|check| check.name() == name);
            let check = check.filter(|check| *check != Check::Integrity).ok_or_else(|| {
                wrong(
                    &path,
                    written,
                    "an override of `authenticity`, `authenticTimestamp`, `expiry` or `revocation`",
                )
            })?;
            let action = match written.as_str() {
                "enforce" => Action::Enforce,
                "log" => Action::Log,
                "skip" if check == Check::Revocation => Action::Skip,
                other => return Err(wrong(path, other, "`enforce` or `log`, or of `revocation` `skip`")),
            };
            actions.set(check, action);
        }
        Ok(actions)
    }
}
