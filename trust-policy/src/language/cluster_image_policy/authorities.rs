//! `authorities`: by what an image may be vouched for.

use trust_core::internal::pem;
use trust_core::{CertificateIdentity, IdentityPolicy, Pattern, PublicKey, cosign};

use super::demands::shape;
use crate::language::reader::expressions::check_distinct;
use crate::language::reader::signer::{self, authorities, certificates_of};
use crate::language::reader::{At, Fields, PolicyError};
use crate::policy::image_rule::{AttestationRequirement, ImageAuthority, Vouching};
use crate::policy::policy_set::Lint;
use crate::policy::signer::{Attestor, AttestorSet, OwnRoots, Signer};

/// The namespace of Secrets that do not say theirs: policy-controller's own.
const OWN_NAMESPACE: &str = "cosign-system";

pub(super) fn authority(
    at: &At<'_>,
    index: usize,
    pull_secrets: &mut Vec<serde_json::Value>,
    lints: &mut Vec<Lint>,
) -> Result<ImageAuthority, PolicyError> {
    let mut fields = at.fields()?;
    let name = fields.get("name").map(|at| at.text()).transpose()?.filter(|name| !name.is_empty());
    let name = name.map_or_else(|| format!("authority-{index}"), str::to_owned);
    let kinds = ["key", "keyless", "static"].map(|kind| fields.get(kind).map(|at| (kind, at)));
    let source = fields.get("source").filter(|at| !at.is_empty());
    let (ctlog, timestamp) = (fields.get("ctlog"), fields.get("rfc3161timestamp"));
    let attestations = fields.get("attestations").filter(|at| !at.is_empty());
    let format = fields.get("signatureFormat");
    fields.finish()?;
    if let Some(format) = format.filter(|at| !matches!(at.text(), Ok("" | "legacy" | "bundle"))) {
        return Err(format.wrong("`legacy` or `bundle`"));
    }
    let mut kinds = kinds.into_iter().flatten();
    let (Some((kind, inner)), None) = (kinds.next(), kinds.next()) else {
        return Err(at.wrong("an authority with exactly one of `key`, `keyless` and `static`"));
    };
    let path = at.path().to_owned();
    if kind == "static" {
        if let Some(other) = source.or(ctlog).or(timestamp).or(attestations) {
            return Err(other.wrong("no such field beside `static`"));
        }
        return Ok(ImageAuthority { path, name, vouching: fixed(&inner, lints)? });
    }
    let mut signers = match kind {
        "key" => key(&inner, lints)?,
        _ => vec![keyless(&inner, lints)?],
    };
    let repository = source.map(|at| repository(&at, pull_secrets, lints)).transpose()?.flatten();
    let times = times(kind == "keyless", ctlog, timestamp)?;
    for signer in &mut signers {
        signer.repository.clone_from(&repository);
        signer.needs_log_entry = times.needs_log_entry;
        signer.needs_timestamp = times.timestamps.is_some();
        signer.named_roots.logs.clone_from(&times.logs);
        signer.named_roots.timestamps.clone_from(&times.timestamps);
    }
    let vouching = match attestations {
        // A signature by any key is one; an attestation must be signed by all of them.
        None => Vouching::Signature(AttestorSet::of(Some(1), signers).with_path(inner.path())),
        Some(list) => {
            let set = AttestorSet::of(None, signers).with_path(inner.path());
            let read: Result<Vec<_>, _> = list.list()?.iter().map(|at| attestation(at, &set)).collect();
            let (names, attestations): (Vec<_>, Vec<_>) = read?.into_iter().unzip();
            check_distinct(Some(&list), &names)?;
            Vouching::Attestations(attestations)
        }
    };
    Ok(ImageAuthority { path, name, vouching })
}

/// What is said of every image.
fn fixed(at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Vouching, PolicyError> {
    let mut fields = at.fields()?;
    let action = fields.require("action", "`pass` or `fail`")?;
    let message = fields.get("message").map(|at| at.text()).transpose()?;
    fields.finish()?;
    match action.text()? {
        "pass" => {
            lints.push(at.lint("vouches for every image, signed or not"));
            Ok(Vouching::Always)
        }
        "fail" => Ok(Vouching::Never(message.unwrap_or("vouches for no image").to_owned())),
        _ => Err(action.wrong("`pass` or `fail`")),
    }
}

const KMS: Signer = Signer::Unsupported("a key of a key management service");

fn attestor(at: &At<'_>, signer: Signer) -> Attestor {
    Attestor { path: at.path().to_owned(), ..Attestor::new(signer) }
}

fn key(at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Vec<Attestor>, PolicyError> {
    let mut fields = at.fields()?;
    let source = key_source(at, &mut fields)?;
    let algorithm = fields.get("hashAlgorithm");
    fields.finish()?;
    let signers = match source {
        KeySource::Data(data) => {
            let blocks = pem::split_blocks(data.text()?);
            let keys: Result<Vec<_>, _> = blocks.into_iter().map(PublicKey::from_pem).collect();
            let keys = keys.map_err(|error| data.wrong(format!("public keys in PEM: {error}")))?;
            if keys.is_empty() {
                return Err(data.wrong("public keys in PEM"));
            }
            keys.into_iter().map(|key| attestor(at, Signer::Key(Box::new(key)))).collect()
        }
        KeySource::Secret(namespace, name) => vec![attestor(at, signer::secret_named(namespace, name))],
        KeySource::Kms(kms) => {
            lints.push(kms.lint("is a key of a key management service, which is not asked here: it denies"));
            vec![attestor(at, KMS)]
        }
    };
    match algorithm.map(|at| signer::other_hash(&at, lints)).transpose()?.flatten() {
        Some(other) => Ok(vec![attestor(at, other)]),
        None => Ok(signers),
    }
}

/// Where a key or a certificate is.
enum KeySource<'a> {
    Data(At<'a>),
    Secret(&'a str, &'a str),
    Kms(At<'a>),
}

fn key_source<'a>(at: &At<'a>, fields: &mut Fields<'a>) -> Result<KeySource<'a>, PolicyError> {
    let (data, secret, kms) = (fields.get("data"), fields.get("secretRef"), fields.get("kms"));
    match (data, secret, kms) {
        (Some(data), None, None) => Ok(KeySource::Data(data)),
        (None, Some(secret), None) => {
            let mut fields = secret.fields()?;
            let name = fields.require("name", "the Secret's name")?.text()?;
            let namespace = fields.get("namespace").map(|at| at.text()).transpose()?;
            fields.finish()?;
            Ok(KeySource::Secret(namespace.unwrap_or(OWN_NAMESPACE), name))
        }
        (None, None, Some(kms)) if is_of_kms(kms.text()?) => Ok(KeySource::Kms(kms)),
        (None, None, Some(kms)) => {
            Err(kms.wrong("`awskms://<endpoint>/<ARN of a key or of an alias>`, or a URI of another service"))
        }
        _ => Err(at.wrong("exactly one of `data`, `secretRef` and `kms`")),
    }
}

/// Whether this names a key: AWS's only by its whole name, as other names depend on the machine.
fn is_of_kms(uri: &str) -> bool {
    match uri.strip_prefix("awskms://").map(|rest| rest.split_once('/')) {
        None => uri.contains("://"),
        Some(None) => false,
        Some(Some((_, name))) => {
            let resource = name.splitn(6, ':').nth(5).unwrap_or_default();
            name.starts_with("arn:") && ["key/", "alias/"].iter().any(|kind| resource.starts_with(kind))
        }
    }
}

fn keyless(at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Attestor, PolicyError> {
    let mut fields = at.fields()?;
    let url = fields.get("url").map(|at| at.text()).transpose()?;
    let authority = fields.get("ca-cert");
    let root = named_root(&mut fields)?;
    let ignores_log = fields.get("insecureIgnoreSCT").map(|at| at.boolean()).transpose()?.unwrap_or(false);
    let identities = fields.require("identities", "at least one identity")?;
    fields.finish()?;
    let other =
        [("url", url.is_some()), ("trustRootRef", root.is_some())].into_iter().find(|(_, is_said)| *is_said);
    if let (Some(authority), Some((other, _))) = (&authority, other) {
        return Err(authority.wrong(format!("either this or `{other}`")));
    }
    let identities: Vec<_> =
        identities.some()?.iter().map(|at| identity(at, lints)).collect::<Result<_, _>>()?;
    let policy = IdentityPolicy::new(identities).map_err(|_| at.wrong("an identity"))?;
    let mut attestor = attestor(at, Signer::Identity(policy));
    attestor.needs_certificate_log = !ignores_log;
    attestor.named_roots.certificates = root;
    if let Some(authority) = authority {
        let mut fields = authority.fields()?;
        match key_source(&authority, &mut fields)? {
            KeySource::Data(data) => {
                let certificates = certificates_of(&data)
                    .map_err(|problem| data.wrong(format!("certificates: {problem}")))?;
                let roots = OwnRoots {
                    certificate_authorities: Some(authorities(&certificates)),
                    ..OwnRoots::default()
                };
                attestor.roots = Some(Box::new(roots));
            }
            KeySource::Secret(..) | KeySource::Kms(_) => {
                lints.push(authority.lint("stands elsewhere, where it is not looked up yet: it denies"));
                attestor.signer = Signer::Unsupported("identities under certificates that stand elsewhere");
            }
        }
        fields.ignore("hashAlgorithm");
        fields.finish()?;
    }
    Ok(attestor)
}

fn identity(at: &At<'_>, lints: &mut Vec<Lint>) -> Result<CertificateIdentity, PolicyError> {
    let mut fields = at.fields()?;
    let mut part = |name: &'static str, expression: &'static str| match (
        said(&mut fields, name),
        said(&mut fields, expression),
    ) {
        (Some(text), None) => Ok(Pattern::exact(text.text()?)),
        (None, Some(expression)) => signer::regular_expression(&expression, lints),
        (Some(_), Some(expression)) => Err(expression.wrong(format!("either this or `{name}`"))),
        (None, None) => Err(at.wrong(format!("`{name}` or `{expression}`"))),
    };
    let subject = part("subject", "subjectRegExp")?;
    let issuer = part("issuer", "issuerRegExp")?;
    fields.finish()?;
    Ok(CertificateIdentity::new(subject, issuer))
}

/// Where signatures are kept, if not beside the image.
fn repository(
    at: &At<'_>,
    pull_secrets: &mut Vec<serde_json::Value>,
    lints: &mut Vec<Lint>,
) -> Result<Option<String>, PolicyError> {
    let list = at.list()?;
    let [one] = &list[..] else { return Err(at.wrong("one source")) };
    let mut fields = one.fields()?;
    let repository = signer::repository(fields.get("oci"))?;
    let secrets = fields.get("signaturePullSecrets").map(|at| at.list()).transpose()?.unwrap_or_default();
    let prefix = said(&mut fields, "tagPrefix");
    fields.finish()?;
    for secret in &secrets {
        let mut fields = secret.fields()?;
        fields.require("name", "the Secret's name")?.text()?;
        fields.finish()?;
        pull_secrets.push(secret.json());
    }
    if let Some(prefix) = prefix {
        lints.push(prefix.lint("is not read: signatures under tags with it are not found"));
    }
    Ok(repository)
}

/// Whether log entries and timestamps are needed, and whose count. Which logs count where none are named, the trust root says.
fn times(is_keyless: bool, ctlog: Option<At<'_>>, timestamp: Option<At<'_>>) -> Result<Times, PolicyError> {
    // If `ctlog` is absent, identities need a log entry and keys do not.
    let mut times = Times { needs_log_entry: is_keyless, logs: None, timestamps: None };
    if let Some(ctlog) = ctlog {
        let mut fields = ctlog.fields()?;
        let url = said(&mut fields, "url").map(|at| at.text()).transpose()?;
        times.logs = named_root(&mut fields)?;
        fields.finish()?;
        times.needs_log_entry = url.is_some() || times.logs.is_some();
    }
    if let Some(timestamp) = timestamp {
        let mut fields = timestamp.fields()?;
        times.timestamps = named_root(&mut fields)?;
        fields.finish()?;
        // policy-controller asks for no log entry where it asks for timestamps.
        times.needs_log_entry &= times.timestamps.is_none();
    }
    Ok(times)
}

/// Who must vouch for the time of a signature.
struct Times {
    needs_log_entry: bool,
    /// The root whose logs count.
    logs: Option<String>,
    /// The root whose timestamp authorities count, if timestamps are needed.
    timestamps: Option<String>,
}

/// A `TrustRoot` by its name.
fn named_root(fields: &mut Fields<'_>) -> Result<Option<String>, PolicyError> {
    said(fields, "trustRootRef").map(|root| root.text().map(str::to_owned)).transpose()
}

/// A field that is there and not empty.
fn said<'a>(fields: &mut Fields<'a>, name: &str) -> Option<At<'a>> {
    fields.get(name).filter(|at| at.text() != Ok(""))
}

/// An attestation, and its name.
fn attestation<'a>(at: &At<'a>, set: &AttestorSet) -> Result<(&'a str, AttestationRequirement), PolicyError> {
    let mut fields = at.fields()?;
    let name = fields.require("name", "the attestation's name")?.text()?;
    let kind = fields.require("predicateType", "a type such as `vuln`, or a URI")?;
    let shape = fields.get("policy").map(|at| shape(&at)).transpose()?;
    fields.finish()?;
    let written = kind.text()?;
    let known = cosign::PREDICATE_TYPES.iter().find(|(name, _)| *name == written).map(|(_, uri)| *uri);
    let predicate_type = match known {
        Some(uri) => uri,
        None if written.contains(':') => written,
        None => return Err(kind.wrong("a type such as `vuln`, or a URI")),
    };
    let mut requirement = AttestationRequirement::new(predicate_type, set.clone());
    at.path().clone_into(&mut requirement.path);
    requirement.shape = shape;
    Ok((name, requirement))
}
