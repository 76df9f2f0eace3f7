//! `signers`, and who of them must have signed something.

use std::collections::BTreeMap;

use serde_json::json;
use trust_core::internal::pem;
use trust_core::{CertificateIdentity, FulcioExtension, IdentityPolicy, Pattern, PublicKey};

use crate::language::reader::signer::{certificate, repository};
use crate::language::reader::{At, Fields, PolicyError};
use crate::policy::signer::{Attestor, AttestorSet, Placement, Signer};

/// The signers by their names; several keys in one text are several signers of that name.
pub(super) struct Signers(BTreeMap<String, Vec<Attestor>>);

impl Signers {
    pub(super) fn read(at: Option<At<'_>>) -> Result<Self, PolicyError> {
        let mut signers = BTreeMap::new();
        let Some(all) = at else { return Ok(Self(signers)) };
        for (name, at) in all.fields()?.all() {
            signers.insert(name.to_owned(), signer(&at)?);
        }
        Ok(Self(signers))
    }

    /// [`Self::set`], and `at`: what of an image they must have signed.
    pub(super) fn placed_set(
        &self,
        at: &At<'_>,
        fields: &mut Fields<'_>,
    ) -> Result<AttestorSet, PolicyError> {
        let set = self.set(at, fields)?;
        let Some(place) = fields.get("at") else { return Ok(set) };
        Ok(set.at(match place.text()? {
            "index" => Placement::Image,
            "everyPlatform" => Placement::EveryPlatform,
            "either" => Placement::Either,
            _ => return Err(place.wrong("`index`, `everyPlatform` or `either`")),
        }))
    }

    /// `from`, names of signers, and `atLeast`, of how many; of all if it is absent.
    pub(super) fn set(&self, at: &At<'_>, fields: &mut Fields<'_>) -> Result<AttestorSet, PolicyError> {
        let from = fields.require("from", "names of signers")?;
        let mut attestors = Vec::new();
        for name in from.some()? {
            let signers = self.0.get(name.text()?).ok_or_else(|| name.wrong("the name of a signer"))?;
            attestors.extend(signers.iter().cloned());
        }
        let count = match fields.get("atLeast") {
            None => None,
            Some(count) => Some(
                usize::try_from(count.integer()?)
                    .ok()
                    .filter(|wanted| (1..=attestors.len()).contains(wanted))
                    .ok_or_else(|| count.wrong(format!("1 to {}, the number of signers", attestors.len())))?,
            ),
        };
        Ok(AttestorSet::of(count, attestors).with_path(at.path()))
    }
}

/// Who a signer may be.
const WHO: &str = "either `publicKey`, `certificate`, `notation`, or `issuer`, `issuerRegExp` or `authority` with `subject` or `subjectRegExp`";

fn signer(at: &At<'_>) -> Result<Vec<Attestor>, PolicyError> {
    let mut fields = at.fields()?;
    let (key, certificate) = (fields.get("publicKey"), fields.get("certificate"));
    let identity = identity(at, &mut fields)?;
    let notation = fields.get("notation");
    for log in ["transparencyLog", "certificateTransparencyLog"] {
        if let (Some(_), Some(log)) = (&notation, fields.get(log)) {
            return Err(log.wrong("no such field beside `notation`, whose signatures are not logged"));
        }
    }
    let mut needs =
        |log| fields.get(log).map(|at| at.boolean()).transpose().map(|needs| needs.unwrap_or(true));
    let (needs_log_entry, needs_certificate_log) =
        (needs("transparencyLog")?, needs("certificateTransparencyLog")?);
    let attestor = Attestor {
        path: at.path().to_owned(),
        needs_log_entry,
        needs_certificate_log,
        repository: repository(fields.get("repository"))?,
        annotations: fields.get("annotations").map(|at| annotations(&at)).transpose()?.unwrap_or_default(),
        ..Attestor::new(Signer::Unsupported("nobody"))
    };
    fields.finish()?;
    let signers = match (key, certificate, identity, notation) {
        (Some(key), None, None, None) => keys(&key)?,
        (None, None, None, Some(notation)) => vec![super::notation::read(&notation)?],
        (None, Some(certificate), None, None) => {
            let leaf = self::certificate(Some(&certificate), None);
            vec![Signer::Certificate(Box::new(
                leaf.map_err(|problem| certificate.wrong(format!("a certificate in PEM: {problem}")))?,
            ))]
        }
        (None, None, Some(identity), None) => vec![Signer::Identity(identity)],
        _ => return Err(at.wrong(WHO)),
    };
    Ok(signers.into_iter().map(|signer| Attestor { signer, ..attestor.clone() }).collect())
}

/// The holders of keys, of which one text may have several.
fn keys(at: &At<'_>) -> Result<Vec<Signer>, PolicyError> {
    let blocks = pem::split_blocks(at.text()?);
    let signers = blocks.into_iter().map(|block| match PublicKey::from_pem(block) {
        Ok(key) => Ok(Signer::Key(Box::new(key))),
        Err(error) => Err(at.wrong(format!("public keys in PEM: {error}"))),
    });
    let signers: Vec<_> = signers.collect::<Result<_, _>>()?;
    if signers.is_empty() { Err(at.wrong("public keys in PEM")) } else { Ok(signers) }
}

/// Who is certified, by whom; `None` if nothing of it is said.
fn identity(at: &At<'_>, fields: &mut Fields<'_>) -> Result<Option<IdentityPolicy>, PolicyError> {
    let issuer = one_of(fields, ["issuer", "issuerRegExp"], Pattern::exact)?;
    let subject = one_of(fields, ["subject", "subjectRegExp"], Pattern::wildcard)?;
    let (authority, extensions) = (fields.get("authority"), fields.get("extensions"));
    let identity = match (issuer, authority, subject) {
        (None, None, None) => {
            return match extensions {
                Some(extensions) => {
                    Err(extensions.wrong("`extensions` only beside `subject`: they stand in its certificate"))
                }
                None => Ok(None),
            };
        }
        (Some(_), Some(authority), _) => return Err(authority.wrong("either this or `issuer`")),
        (Some(issuer), None, Some(subject)) => CertificateIdentity::new(subject, issuer),
        (None, Some(authority), Some(subject)) => match authority.text()? {
            "" => return Err(authority.wrong("text that is not empty")),
            authority => CertificateIdentity::without_issuer(subject, authority),
        },
        _ => return Err(at.wrong(WHO)),
    };
    let extensions = extensions.map(|at| self::extensions(&at)).transpose()?.unwrap_or_default();
    let demand =
        |identity: CertificateIdentity, (extension, value)| identity.with_extension(extension, value);
    let identity = extensions.into_iter().fold(identity, demand);
    IdentityPolicy::new([identity]).map(Some).map_err(|_| at.wrong("an identity"))
}

/// A text, or a regular expression for the whole of it.
fn one_of(
    fields: &mut Fields<'_>,
    [text, expression]: [&'static str; 2],
    pattern: fn(String) -> Pattern,
) -> Result<Option<Pattern>, PolicyError> {
    match (fields.get(text), fields.get(expression)) {
        (None, None) => Ok(None),
        (Some(at), None) if at.text()?.is_empty() => Err(at.wrong("text that is not empty")),
        (Some(at), None) => Ok(Some(pattern(at.text()?.to_owned()))),
        (None, Some(at)) => match Pattern::regex(at.text()?) {
            Ok(pattern) => Ok(Some(pattern)),
            Err(error) => Err(at.wrong(format!("a regular expression: {}", error.problem))),
        },
        (Some(_), Some(at)) => Err(at.wrong(format!("either this or `{text}`"))),
    }
}

/// What must stand beside the digest in what was signed.
fn annotations(at: &At<'_>) -> Result<Vec<(String, String)>, PolicyError> {
    at.fields()?.all().into_iter().map(|(name, value)| Ok((name.to_owned(), value.scalar()?))).collect()
}

/// What Fulcio must have written into the certificate, by name.
fn extensions(at: &At<'_>) -> Result<Vec<(FulcioExtension, Pattern)>, PolicyError> {
    let mut fields = at.fields()?;
    let mut extensions = Vec::new();
    for extension in FulcioExtension::ALL {
        let name = json!(extension);
        if let Some(value) = name.as_str().and_then(|name| fields.get(name)) {
            extensions.push((*extension, Pattern::wildcard(value.text()?)));
        }
    }
    fields.finish()?;
    if extensions.is_empty() { Err(at.wrong("at least one extension")) } else { Ok(extensions) }
}
