//! [`NotationTrust`]: the signers that a trust policy of the Notary Project trusts.

use core::fmt;

use trust_core::notation::{TrustStatement, TrustStores};

/// The signers that a statement of a trust policy trusts
/// ([trust policy](https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md#trust-policy)).
///
/// What the statement's level only logs is shown in verdicts, and does not deny.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotationTrust {
    /// What is verified, and who is trusted. Its scopes are ignored: the rule selects the images.
    pub statement: TrustStatement,
    /// Its own trust stores. Other stores that it names are the [set's](crate::PolicySet::trust_stores).
    pub stores: TrustStores,
}

impl NotationTrust {
    /// The signers that this statement trusts, under these stores.
    #[must_use]
    pub fn new(statement: TrustStatement, stores: TrustStores) -> Self {
        Self { statement, stores }
    }
}

impl fmt::Display for NotationTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.statement.identities {
            None => f.write_str("a certificate")?,
            Some(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                f.write_str(&names.join(" or "))?;
            }
        }
        let stores: Vec<String> =
            self.statement.stores.iter().map(|(kind, name)| format!("`{kind}:{name}`")).collect();
        write!(f, " under the trust stores {}", stores.join(", "))
    }
}
