//! `TrustStore`: certificates that signers of the Notary Project's kind are trusted under, by a name.
//!
//! ```yaml
//! apiVersion: trust.dev/v1beta1
//! kind: TrustStore
//! metadata: {name: acme}
//! spec: {type: ca, certificates: "-----BEGIN CERTIFICATE-----…"}
//! ```

use trust_core::Reasons;
use trust_core::notation::{StoreKind, TrustStore};

use crate::language::reader::signer::certificates_of;
use crate::language::reader::{At, Fields, PolicyError};
use crate::policy::policy_set::PolicySet;

/// Reads what comes after `apiVersion` and `kind`.
pub(super) fn read(mut fields: Fields<'_>, set: &mut PolicySet) -> Result<(), PolicyError> {
    let metadata = fields.require("metadata", "the store's name")?;
    let name = metadata.fields()?.require("name", "the store's name")?.text()?.to_owned();
    let spec = fields.require("spec", "`type` and `certificates`")?;
    fields.finish()?;
    let mut fields = spec.fields()?;
    let kind = fields.require("type", "`ca`, `signingAuthority` or `tsa`")?;
    let certificates = fields.require("certificates", "certificates in PEM")?;
    fields.finish()?;
    let kind =
        StoreKind::from_name(kind.text()?).ok_or_else(|| kind.wrong("`ca`, `signingAuthority` or `tsa`"))?;
    set.add_trust_store(name, store(kind, &certificates)?);
    Ok(())
}

/// The certificates of a text, as roots.
pub(super) fn store(kind: StoreKind, at: &At<'_>) -> Result<TrustStore, PolicyError> {
    let certificates =
        certificates_of(at).map_err(|problem| at.wrong(format!("certificates in PEM: {problem}")))?;
    TrustStore::assertion(kind, certificates)
        .map_err(|error| at.wrong(format!("certificates of roots: {}", Reasons(&error))))
}
