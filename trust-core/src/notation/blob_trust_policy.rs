//! [`BlobTrustPolicy`]: which signatures are required for blobs: notation's `trustpolicy.blob.json`.

use serde::Deserialize;

use super::trust_policy::{Statement, TrustPolicyError, TrustStatement, Verification, statements, wrong};

/// A trust policy for blobs, which are in no registry: statements by name, and a global one
/// ([blob trust policy](https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md#blob-trust-policy)).
///
/// [`VerifiedEnvelope::check_blob`](super::VerifiedEnvelope::check_blob) proves that a signature is for a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobTrustPolicy {
    statements: Vec<TrustStatement>,
    global: Option<usize>,
}

impl BlobTrustPolicy {
    /// Reads a `trustpolicy.blob.json` of version 1.0.
    ///
    /// # Errors
    /// If it is malformed, or two statements are global: with the place.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TrustPolicyError> {
        let (mut read, mut global) = (Vec::new(), None);
        let all = statements(bytes, |one: &BlobStatement| &one.name)?;
        for (index, statement) in all.into_iter().enumerate() {
            let path = format!("trustPolicies[{index}]");
            let BlobStatement { name, global_policy, signature_verification: verification, .. } = statement;
            let (trust_stores, trusted_identities) = (statement.trust_stores, statement.trusted_identities);
            let statement = Statement { name, verification, trust_stores, trusted_identities };
            let statement = statement.read(&path, Vec::new())?;
            if global_policy && (global.is_some() || statement.actions.skips_all()) {
                let expected = "true of one statement at most, and not where all is skipped";
                return Err(wrong(format!("{path}.globalPolicy"), "true", expected));
            }
            global = global.or(global_policy.then_some(index));
            read.push(statement);
        }
        Ok(Self { statements: read, global })
    }

    /// The statement of a name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&TrustStatement> {
        self.statements.iter().find(|one| one.name == name)
    }

    /// The global statement, for callers that name none.
    #[must_use]
    pub fn global(&self) -> Option<&TrustStatement> {
        self.global.and_then(|index| self.statements.get(index))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BlobStatement {
    name: String,
    #[serde(default)]
    global_policy: bool,
    signature_verification: Verification,
    #[serde(default)]
    trust_stores: Vec<String>,
    #[serde(default)]
    trusted_identities: Vec<String>,
}
