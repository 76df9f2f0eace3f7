//! `TrustRoot` of policy-controller: authorities and logs that `ClusterImagePolicy` names
//! ([its definition](https://github.com/sigstore/policy-controller/blob/main/config/300-trustroot.yaml)).

use trust_core::internal::{encoding, pem};
use trust_core::{Authority, Certificate, LogKey, PublicKey, Reasons, TimeWindow};

use crate::language::reader::signer::authorities;
use crate::language::reader::{At, PolicyError};
use crate::policy::policy_set::PolicySet;
use crate::policy::signer::OwnRoots;

const SOURCES: &str = "exactly one of `sigstoreKeys`, `repository` and `remote`";

pub(super) fn read(document: &At<'_>, set: &mut PolicySet) -> Result<(), PolicyError> {
    let mut fields = document.fields()?;
    fields.ignore("apiVersion");
    fields.ignore("kind");
    let metadata = fields.require("metadata", "the name of the root")?;
    let name = metadata.fields()?.require("name", "the name of the root")?.text()?.to_owned();
    let spec = fields.require("spec", SOURCES)?;
    fields.ignore("status");
    fields.finish()?;
    let mut fields = spec.fields()?;
    let sources =
        ["sigstoreKeys", "repository", "remote"].map(|source| fields.get(source).filter(|at| !at.is_empty()));
    fields.finish()?;
    let root = match sources {
        [Some(keys), None, None] => Ok(sigstore_keys(&keys)?),
        // What is published by The Update Framework is fetched and verified by the caller.
        [None, Some(_), None] | [None, None, Some(_)] => {
            Err("is published by The Update Framework: fetch it, and add it to the set".to_owned())
        }
        _ => return Err(spec.wrong(SOURCES)),
    };
    set.add_trust_root(name, root);
    Ok(())
}

fn sigstore_keys(at: &At<'_>) -> Result<OwnRoots, PolicyError> {
    let mut fields = at.fields()?;
    let [certificate_authorities, timestamp_authorities] =
        ["certificateAuthorities", "timestampAuthorities"].map(|name| fields.get(name));
    let [logs, certificate_logs] = ["tLogs", "ctLogs"].map(|name| fields.get(name));
    fields.finish()?;
    let chains = |at: Option<At<'_>>| -> Result<Option<Vec<Vec<Certificate>>>, PolicyError> {
        at.map(|at| at.some()?.iter().map(chain).collect()).transpose()
    };
    let keys = |at: Option<At<'_>>| -> Result<Option<Vec<LogKey>>, PolicyError> {
        at.map(|at| at.some()?.iter().map(log).collect()).transpose()
    };
    let stamped = |chain| Authority::assertion("the policy", chain, TimeWindow::ALWAYS);
    Ok(OwnRoots {
        certificate_authorities: chains(certificate_authorities)?
            .map(|chains| chains.iter().flat_map(|chain| authorities(chain)).collect()),
        timestamp_authorities: chains(timestamp_authorities)?
            .map(|chains| chains.into_iter().map(stamped).collect()),
        transparency_logs: keys(logs)?,
        certificate_logs: keys(certificate_logs)?,
    })
}

/// The certificates of an authority.
fn chain(at: &At<'_>) -> Result<Vec<Certificate>, PolicyError> {
    let mut fields = at.fields()?;
    let subject = fields.require("subject", "an organization and a common name")?;
    fields.require("uri", "the authority's URI")?.text()?;
    let chain = fields.require("certChain", "certificates in PEM, in base64")?;
    fields.finish()?;
    let mut names = subject.fields()?;
    names.require("organization", "an organization")?.text()?;
    names.require("commonName", "a common name")?.text()?;
    names.finish()?;
    let text = pem_in_base64(&chain)?;
    let read = |block: &str| {
        Certificate::from_pem(block)
            .map_err(|error| chain.wrong(format!("certificates in PEM, in base64: {}", Reasons(&error))))
    };
    pem::split_blocks(&text).into_iter().map(read).collect()
}

/// The key of a log.
fn log(at: &At<'_>) -> Result<LogKey, PolicyError> {
    let mut fields = at.fields()?;
    let url = fields.require("baseURL", "the URL of the log")?.text()?;
    fields.require("hashAlgorithm", "a hash algorithm such as `sha-256`")?.text()?;
    let key = fields.require("publicKey", "a public key in PEM, in base64")?;
    fields.finish()?;
    let read = PublicKey::from_pem(&pem_in_base64(&key)?);
    let read =
        read.map_err(|error| key.wrong(format!("a public key in PEM, in base64: {}", Reasons(&error))))?;
    Ok(LogKey::assertion(url, read, TimeWindow::ALWAYS))
}

fn pem_in_base64(at: &At<'_>) -> Result<String, PolicyError> {
    let bytes = encoding::from_base64(at.text()?.trim()).and_then(|bytes| String::from_utf8(bytes).ok());
    bytes.filter(|text| !pem::split_blocks(text).is_empty()).ok_or_else(|| at.wrong("PEM, in base64"))
}
