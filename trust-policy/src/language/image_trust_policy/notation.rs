//! `notation` of a signer: the fields of a trust policy of the Notary Project
//! ([trust policy](https://github.com/notaryproject/specifications/blob/main/specs/trust-store-trust-policy.md#trust-policy)).

use serde_json::{Map, Value, json};
use trust_core::Reasons;
use trust_core::notation::{StoreKind, TrustPolicy, TrustStores};

use super::trust_store::store;
use crate::language::reader::{At, PolicyError};
use crate::policy::notation_trust::NotationTrust;
use crate::policy::signer::Signer;

/// The name of stores whose certificates stand in the policy.
const OWN: &str = "policy";
/// The kinds of stores, by the fields that hold their certificates.
const OWN_STORES: [(&str, StoreKind); 3] = [
    ("certificates", StoreKind::CertificateAuthority),
    ("signingAuthorities", StoreKind::SigningAuthority),
    ("timestampAuthorities", StoreKind::TimestampAuthority),
];

pub(super) fn read(at: &At<'_>) -> Result<Signer, PolicyError> {
    let mut fields = at.fields()?;
    let mut stores = TrustStores::new();
    let mut names = Vec::new();
    for (field, kind) in OWN_STORES {
        if let Some(certificates) = fields.get(field) {
            stores.insert((kind, OWN.to_owned()), store(kind, &certificates)?);
            names.push(format!("{kind}:{OWN}"));
        }
    }
    let named = fields.get("trustStores").map(|at| at.texts()).transpose()?.unwrap_or_default();
    names.extend(named.into_iter().map(str::to_owned));
    let identities =
        fields.require("trustedIdentities", "`*`, or names such as `x509.subject: C=US, O=Acme`")?;
    let level = fields.get("level").map(|at| at.text()).transpose()?.unwrap_or("strict");
    let mut verification = Map::from_iter([("level".to_owned(), json!(level))]);
    for name in ["override", "verifyTimestamp"] {
        verification.extend(fields.get(name).map(|at| (name.to_owned(), at.json())));
    }
    fields.finish()?;
    // It is parsed as the one statement of a document.
    let statement = json!({
        "name": OWN,
        "registryScopes": [if level == "skip" { "all.example/images" } else { "*" }],
        "signatureVerification": Value::Object(verification),
        "trustStores": names,
        "trustedIdentities": identities.texts()?,
    });
    let document = json!({"version": "1.0", "trustPolicies": [statement]});
    let policy = TrustPolicy::from_json(document.to_string().as_bytes())
        .map_err(|error| at.wrong(format!("what a trust policy says of signatures: {}", Reasons(&error))))?;
    match policy.statements() {
        [statement] if !statement.actions.skips_all() => {
            Ok(Signer::Notation(Box::new(NotationTrust::new(statement.clone(), stores))))
        }
        _ => Err(at.wrong("a level that verifies something: `strict`, `permissive` or `audit`")),
    }
}
