//! `attestors`: signers, by key, certificate or identity
//! ([attestors](https://kyverno.io/docs/policy-types/image-validating-policy/#attestors)).

use trust_core::internal::pem;
use trust_core::{
    Authority, Certificate, CertificateIdentity, IdentityPolicy, LogKey, Pattern, PublicKey, Reasons,
    TimeWindow, TrustRoot,
};

use super::expression;
use crate::cel::Cel;
use crate::cel::names::Names;
use crate::language::reader::signer::{self, authorities, certificate, certificates_of, extension};
use crate::language::reader::{At, Fields, PolicyError};
use crate::policy::policy_set::Lint;
use crate::policy::signer::{Attestor, AttestorSet, OwnRoots, Signer};
use crate::policy::validation::NamedAttestor;

pub(super) fn name<'a>(at: &At<'a>) -> Result<&'a str, PolicyError> {
    at.fields()?.require("name", "the attestor's name")?.text()
}

pub(super) fn read(at: &At<'_>, names: &Names, lints: &mut Vec<Lint>) -> Result<NamedAttestor, PolicyError> {
    let name = name(at)?.to_owned();
    let mut fields = at.fields()?;
    fields.ignore("name");
    let (cosign, notary) = (fields.get("cosign"), fields.get("notary"));
    fields.finish()?;
    let (attestor, key) = match (cosign, notary) {
        (Some(cosign), None) => self::cosign(&cosign, names, lints)?,
        (None, Some(notary)) => (self::notary(&notary, names, lints)?, None),
        _ => return Err(at.wrong("exactly one of `cosign` and `notary`")),
    };
    let signers = AttestorSet::of(None, vec![attestor]).with_path(at.path());
    Ok(NamedAttestor { name, signers, key })
}

fn attestor(at: &At<'_>, signer: Signer) -> Attestor {
    Attestor { path: at.path().to_owned(), ..Attestor::new(signer) }
}

/// A text that stands there, or that an expression makes.
enum Written<'a> {
    Value(At<'a>),
    Expression(At<'a>),
}

/// `value` or `expression`.
fn written<'a>(at: &At<'a>) -> Result<Written<'a>, PolicyError> {
    let mut fields = at.fields()?;
    let (value, over) = (said(&mut fields, "value"), said(&mut fields, "expression"));
    fields.finish()?;
    match (value, over) {
        (Some(value), None) => Ok(Written::Value(value)),
        (None, Some(over)) => Ok(Written::Expression(over)),
        _ => Err(at.wrong("exactly one of `value` and `expression`")),
    }
}

/// A text that stands there. One that an expression makes is not read.
fn value<'a>(at: &At<'a>) -> Result<At<'a>, PolicyError> {
    match written(at)? {
        Written::Value(value) => Ok(value),
        Written::Expression(over) => Err(over.not_implemented()),
    }
}

/// A field that is present and not empty.
fn said<'a>(fields: &mut Fields<'a>, name: &str) -> Option<At<'a>> {
    fields.get(name).filter(|at| at.text() != Ok("") && !at.is_empty())
}

/// Certificates of which one must be in the chain of a signature, and those of timestamp authorities.
fn notary(at: &At<'_>, names: &Names, lints: &mut Vec<Lint>) -> Result<Attestor, PolicyError> {
    let mut fields = at.fields()?;
    let (trusted, stamped) = (fields.require("certs", "certificates")?, fields.get("tsaCerts"));
    fields.finish()?;
    let mut of_expression = false;
    let mut certificates = |at: Option<At<'_>>| -> Result<Result<Vec<Certificate>, String>, PolicyError> {
        Ok(match at.map(|at| written(&at)).transpose()? {
            None => Ok(Vec::new()),
            Some(Written::Value(value)) => certificates_of(&value),
            Some(Written::Expression(over)) => {
                expression(&over, names)?;
                of_expression = true;
                Ok(Vec::new())
            }
        })
    };
    let (trusted, stamped) = (certificates(Some(trusted))?, certificates(stamped)?);
    if of_expression {
        lints.push(at.lint("takes its certificates from an expression, which is not supported: it denies"));
        return Ok(attestor(at, Signer::Unsupported("signatures by certificates from an expression")));
    }
    let signer = trusted.and_then(|trusted| signer::notary(trusted, stamped?));
    Ok(attestor(
        at,
        signer.unwrap_or_else(|problem| {
            lints.push(at.lint(format!("cannot be used, so it can never be satisfied: {problem}")));
            Signer::Unsupported("signatures by certificates that cannot be used")
        }),
    ))
}

fn cosign(at: &At<'_>, names: &Names, lints: &mut Vec<Lint>) -> Result<(Attestor, Option<Cel>), PolicyError> {
    let mut fields = at.fields()?;
    let kinds = ["key", "keyless", "certificate"].map(|kind| fields.get(kind).map(|at| (kind, at)));
    let (source, logs) = (said(&mut fields, "source"), said(&mut fields, "ctlog"));
    let (root, tuf) = (said(&mut fields, "trustedRoot"), said(&mut fields, "tuf"));
    let annotations = match said(&mut fields, "annotations") {
        None => Vec::new(),
        Some(at) => at
            .fields()?
            .all()
            .into_iter()
            .map(|(name, value)| Ok((name.to_owned(), value.scalar()?)))
            .collect::<Result<_, PolicyError>>()?,
    };
    fields.finish()?;
    let mut kinds = kinds.into_iter().flatten();
    let (Some((kind, inner)), None) = (kinds.next(), kinds.next()) else {
        return Err(at.wrong("an attestor with exactly one of `key`, `keyless` and `certificate`"));
    };
    let mut key_expression = None;
    let mut attestor = match kind {
        "key" => {
            let (attestor, over) = key(&inner, names, lints)?;
            key_expression = over;
            attestor
        }
        "keyless" => keyless(&inner, lints)?,
        _ => certified(&inner, lints)?,
    };
    attestor.annotations = annotations;
    attestor.repository = source.map(|at| repository(&at, lints)).transpose()?.flatten();
    if let Some(root) = root {
        let text = value(&root)?;
        let read = TrustRoot::from_json(text.text()?.as_bytes());
        let read = read.map_err(|error| text.wrong(format!("a trusted root: {}", Reasons(&error))))?;
        attestor.roots = Some(Box::new(OwnRoots::of(&read)));
    }
    if let Some(logs) = logs {
        self::logs(&logs, &mut attestor, lints)?;
    }
    if let Some(tuf) = tuf {
        let mut fields = tuf.fields()?;
        fields.ignore("mirror");
        fields.ignore("root");
        fields.finish()?;
        lints.push(tuf.lint("names a TUF repository, which is not asked here: it denies"));
        attestor.signer = Signer::Unsupported("signatures under a TUF repository");
        key_expression = None;
    }
    Ok((attestor, key_expression))
}

fn key(at: &At<'_>, names: &Names, lints: &mut Vec<Lint>) -> Result<(Attestor, Option<Cel>), PolicyError> {
    let mut fields = at.fields()?;
    let sources = ["data", "expression", "kms"].map(|name| said(&mut fields, name).map(|at| (name, at)));
    let algorithm = said(&mut fields, "hashAlgorithm");
    fields.finish()?;
    let mut sources = sources.into_iter().flatten();
    let (Some((kind, source)), None) = (sources.next(), sources.next()) else {
        return Err(at.wrong("exactly one of `data`, `kms` and `expression`"));
    };
    let other = algorithm.map(|at| signer::other_hash(&at, lints)).transpose()?.flatten();
    let (signer, over) = match kind {
        "data" => {
            let key = PublicKey::from_pem(source.text()?);
            // A published policy with a placeholder must load; the user is told which key is meant.
            if key.is_err() {
                lints.push(source.lint("holds a key that cannot be used, so it can never be satisfied"));
            }
            (key.map_or_else(Signer::UnusableKey, |key| Signer::Key(Box::new(key))), None)
        }
        "expression" => {
            let unresolved = Signer::Unsupported("keys whose expression has no value");
            (unresolved, Some(expression(&source, names)?))
        }
        _ => {
            lints.push(
                source.lint("is a key of a key management service, which is not asked here: it denies"),
            );
            (Signer::Unsupported("a key of a key management service"), None)
        }
    };
    match other {
        Some(other) => Ok((attestor(at, other), None)),
        None => Ok((attestor(at, signer), over)),
    }
}

fn keyless(at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Attestor, PolicyError> {
    let mut fields = at.fields()?;
    let identities = fields.require("identities", "at least one identity")?;
    let (roots, extensions) = (said(&mut fields, "roots"), said(&mut fields, "additionalExtensions"));
    fields.finish()?;
    let mut all: Vec<CertificateIdentity> =
        identities.some()?.iter().map(|at| identity(at, lints)).collect::<Result<_, _>>()?;
    if let Some(extensions) = extensions {
        for (name, value) in extensions.fields()?.all() {
            let extension = extension(name).ok_or_else(|| value.not_implemented())?;
            let wanted = Pattern::wildcard(value.scalar()?);
            all = all.into_iter().map(|one| one.with_extension(extension, wanted.clone())).collect();
        }
    }
    let policy = IdentityPolicy::new(all).map_err(|_| at.wrong("an identity"))?;
    let mut attestor = attestor(at, Signer::Identity(policy));
    if let Some(roots) = roots {
        let certificates =
            certificates_of(&roots).map_err(|problem| roots.wrong(format!("certificates: {problem}")))?;
        attestor.roots.get_or_insert_default().certificate_authorities = Some(authorities(&certificates));
    }
    Ok(attestor)
}

/// Identities are exact: a `*` stands for itself.
fn identity(at: &At<'_>, lints: &mut Vec<Lint>) -> Result<CertificateIdentity, PolicyError> {
    let mut fields = at.fields()?;
    let mut part =
        |name: &'static str, over: &'static str| match (said(&mut fields, name), said(&mut fields, over)) {
            (Some(text), None) => {
                if text.text()?.contains('*') {
                    lints.push(
                        text.lint(format!(
                            "has a `*`, which stands for itself; write `{over}` for a pattern"
                        )),
                    );
                }
                Ok(Pattern::exact(text.text()?))
            }
            (None, Some(over)) => signer::regular_expression(&over, lints),
            (Some(_), Some(over)) => Err(over.wrong(format!("either this or `{name}`"))),
            (None, None) => Err(at.wrong(format!("`{name}` or `{over}`"))),
        };
    let issuer = part("issuer", "issuerRegExp")?;
    let subject = part("subject", "subjectRegExp")?;
    if let Some(over) = fields.get("subjectExpression") {
        return Err(over.not_implemented());
    }
    fields.finish()?;
    Ok(CertificateIdentity::new(subject, issuer))
}

/// A certificate whose key signs, and maybe the chain that certifies it.
fn certified(at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Attestor, PolicyError> {
    let mut fields = at.fields()?;
    let parts = ["cert", "certChain"].map(|name| fields.get(name).filter(|at| !at.is_empty()));
    fields.finish()?;
    let [cert, chain] = parts.map(|part| part.map(|at| value(&at)).transpose());
    let (cert, chain) = (cert?, chain?);
    if cert.is_none() && chain.is_none() {
        return Err(at.wrong("`cert` or `certChain`"));
    }
    Ok(match certificate(cert.as_ref(), chain.as_ref()) {
        Ok(leaf) => attestor(at, Signer::Certificate(Box::new(leaf))),
        Err(problem) => {
            lints.push(at.lint(format!("cannot be used, so it can never be satisfied: {problem}")));
            attestor(at, Signer::Unsupported("signatures by a certificate that cannot be used"))
        }
    })
}

/// Where signatures are kept, if not beside the image.
fn repository(at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Option<String>, PolicyError> {
    let mut fields = at.fields()?;
    let repository = signer::repository(said(&mut fields, "repository"))?;
    if let Some(prefix) = said(&mut fields, "tagPrefix") {
        lints.push(prefix.lint("is not read: signatures under tags with it are not found"));
    }
    if let Some(secrets) = said(&mut fields, "PullSecrets") {
        lints.push(secrets.lint("is not read: the caller has the credentials of registries"));
    }
    fields.finish()?;
    Ok(repository)
}

/// Whether log entries are needed, and which logs and timestamp authorities are trusted instead of the trust root's.
fn logs(at: &At<'_>, attestor: &mut Attestor, lints: &mut Vec<Lint>) -> Result<(), PolicyError> {
    let mut fields = at.fields()?;
    let url = said(&mut fields, "url").map(|at| at.text()).transpose()?.unwrap_or_default();
    let mut flag =
        |name| fields.get(name).map(|at| at.boolean()).transpose().map(|flag| flag.unwrap_or(false));
    attestor.needs_log_entry = !flag("insecureIgnoreTlog")?;
    attestor.needs_certificate_log = !flag("insecureIgnoreSCT")?;
    let [log, certificate_log] = ["rekorPubKey", "ctLogPubKey"].map(|name| said(&mut fields, name));
    let timestamps = said(&mut fields, "tsaCertChain");
    fields.finish()?;
    let mut roots = attestor.roots.take().unwrap_or_default();
    if let Some(at) = log {
        roots.transparency_logs = Some(log_keys(&at, url)?);
    }
    if let Some(at) = certificate_log {
        roots.certificate_logs = Some(log_keys(&at, url)?);
    }
    if let Some(at) = timestamps {
        let chain = certificates_of(&at).map_err(|problem| at.wrong(format!("certificates: {problem}")))?;
        let authority = Authority::assertion("the policy", chain, TimeWindow::ALWAYS);
        roots.timestamp_authorities = Some(vec![authority]);
    }
    if *roots != OwnRoots::default() {
        attestor.roots = Some(roots);
    }
    if !attestor.needs_log_entry {
        lints.push(at.lint("accepts signatures in no transparency log"));
    }
    Ok(())
}

fn log_keys(at: &At<'_>, url: &str) -> Result<Vec<LogKey>, PolicyError> {
    let keys: Result<Vec<_>, _> =
        pem::split_blocks(at.text()?).into_iter().map(PublicKey::from_pem).collect();
    match keys {
        Ok(keys) if !keys.is_empty() => {
            Ok(keys.into_iter().map(|key| LogKey::assertion(url, key, TimeWindow::ALWAYS)).collect())
        }
        Ok(_) => Err(at.wrong("public keys in PEM")),
        Err(error) => Err(at.wrong(format!("public keys in PEM: {}", Reasons(&error)))),
    }
}
