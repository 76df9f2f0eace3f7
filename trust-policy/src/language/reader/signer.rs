//! What the languages that are written for cosign say of signers alike.

use trust_core::internal::{MAX_PATH_LEN, pem};
use trust_core::notation::{StoreKind, TrustStatement, TrustStore, TrustStores};
use trust_core::{
    Authority, Certificate, FulcioExtension, ImageRef, Pattern, Reasons, TimeWindow, Usage, verify_path,
};

use super::{At, PolicyError};
use crate::kubernetes::object_name::ObjectName;
use crate::policy::notation_trust::NotationTrust;
use crate::policy::policy_set::Lint;
use crate::policy::signer::Signer;

/// A repository in which signatures are kept beside the image's own.
pub(crate) fn repository(at: Option<At<'_>>) -> Result<Option<String>, PolicyError> {
    let Some(at) = at else { return Ok(None) };
    let written = at.text()?;
    let is_repository = !written.rsplit('/').next().unwrap_or_default().contains([':', '@']);
    match written.parse::<ImageRef>() {
        Ok(_) if is_repository => Ok(Some(written.to_owned())),
        _ => Err(at.wrong("a repository such as `ghcr.io/acme/signatures`")),
    }
}

/// The signer of an algorithm that is not verified here. What else than the hash a key signs with, the key says.
pub(crate) fn other_hash(algorithm: &At<'_>, lints: &mut Vec<Lint>) -> Result<Option<Signer>, PolicyError> {
    match algorithm.text()? {
        "sha256" => Ok(None),
        "sha224" | "sha384" | "sha512" => {
            lints.push(algorithm.lint("is not verified here yet: it denies"));
            Ok(Some(Signer::Unsupported("signatures over other hashes than SHA-256")))
        }
        _ => Err(algorithm.wrong("`sha224`, `sha256`, `sha384` or `sha512`")),
    }
}

/// The holder of the key in a Secret.
pub(crate) fn secret_named(namespace: &str, name: &str) -> Signer {
    Signer::KeyInSecret(ObjectName { kind: "Secret", namespace: namespace.to_owned(), name: name.to_owned() })
}

/// A regular expression, which must match the whole text here.
pub(crate) fn regular_expression(at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Pattern, PolicyError> {
    let text = at.text()?;
    if !(text.starts_with('^') && text.ends_with('$')) {
        lints.push(at.lint(
            "is not anchored, so elsewhere it also matches identities that only contain it; here it must match the whole: \
             write `^…$`",
        ));
    }
    Pattern::regex(text).map_err(|error| at.wrong(format!("a regular expression: {}", error.problem)))
}

/// The certificates of a PEM text.
pub(crate) fn certificates_of(at: &At<'_>) -> Result<Vec<Certificate>, String> {
    let text = at.text().map_err(|error| error.to_string())?;
    if text.contains("{{") {
        return Err("certificates in expressions are not read".to_owned());
    }
    let blocks = pem::split_blocks(text);
    if blocks.is_empty() {
        return Err("found no PEM, expected certificates".to_owned());
    }
    blocks
        .into_iter()
        .map(|block| Certificate::from_pem(block).map_err(|error| Reasons(&error).to_string()))
        .collect()
}

/// An authority for each certificate, with those above it up to one that issued itself.
pub(crate) fn authorities(certificates: &[Certificate]) -> Vec<Authority> {
    let path = |first: &Certificate| {
        let mut path = vec![first.clone()];
        while path.len() < MAX_PATH_LEN
            && let Some(last) = path.last().filter(|last| !last.is_self_issued())
            && let Some(issuer) = certificates.iter().find(|one| one.subject() == last.issuer())
        {
            path.push(issuer.clone());
        }
        path
    };
    certificates.iter().map(|one| Authority::assertion("the policy", path(one), TimeWindow::ALWAYS)).collect()
}

/// The certificate of a signer: the first one that is written. Those after it must certify it when it begins to be valid.
pub(crate) fn certificate(cert: Option<&At<'_>>, chain: Option<&At<'_>>) -> Result<Certificate, String> {
    let mut path = Vec::new();
    for at in cert.into_iter().chain(chain) {
        path.extend(certificates_of(at)?);
    }
    let leaf = path.first().cloned().ok_or("found no certificate")?;
    if path.len() > 1 {
        let times: Vec<_> = leaf.validity().start.into_iter().collect();
        let path: Vec<&Certificate> = path.iter().collect();
        verify_path(&path, Usage::CODE_SIGNING, &times).map_err(|error| Reasons(&error).to_string())?;
    }
    Ok(leaf)
}

/// Any signer of the Notary Project's kind with one of these certificates in the chain, with timestamps of these authorities if there are any.
/// As in Kyverno, the level is `strict`.
pub(crate) fn notary(trusted: Vec<Certificate>, stamped: Vec<Certificate>) -> Result<Signer, String> {
    const NAME: &str = "policy";
    let mut stores = TrustStores::new();
    for (kind, certificates) in
        [(StoreKind::CertificateAuthority, trusted), (StoreKind::TimestampAuthority, stamped)]
    {
        if kind == StoreKind::CertificateAuthority || !certificates.is_empty() {
            let store =
                TrustStore::pinning(kind, certificates).map_err(|error| Reasons(&error).to_string())?;
            stores.insert((kind, NAME.to_owned()), store);
        }
    }
    let statement = TrustStatement::strict(NAME, stores.keys().cloned().collect());
    Ok(Signer::Notation(Box::new(NotationTrust::new(statement, stores))))
}

/// The names that cosign gives to Fulcio's first extensions, and their object identifiers.
pub(crate) fn extension(name: &str) -> Option<FulcioExtension> {
    Some(match name {
        "githubWorkflowTrigger" => FulcioExtension::GithubWorkflowTrigger,
        "githubWorkflowSha" => FulcioExtension::GithubWorkflowSha,
        "githubWorkflowName" => FulcioExtension::GithubWorkflowName,
        "githubWorkflowRepository" => FulcioExtension::GithubWorkflowRepository,
        "githubWorkflowRef" => FulcioExtension::GithubWorkflowRef,
        oid => {
            let number: u8 = oid.strip_prefix("1.3.6.1.4.1.57264.1.")?.parse().ok()?;
            *FulcioExtension::ALL.iter().find(|one| one.number() == number)?
        }
    })
}
