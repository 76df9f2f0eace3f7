//! `signers`, and who of them must have signed something.

use std::collections::BTreeMap;

use serde_json::json;
use trust_core::internal::pem;
use trust_core::{CertificateIdentity, FulcioExtension, IdentityPolicy, Pattern, PublicKey};

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

fn signer(at: &At<'_>) -> Result<Vec<Attestor>, PolicyError> {
    let mut fields = at.fields()?;
    let key = fields.get("publicKey");
    let (issuer, authority) = (fields.get("issuer"), fields.get("authority"));
    let (subject, expression) = (fields.get("subject"), fields.get("subjectRegExp"));
    let extensions = fields.get("extensions");
    let mut needs =
        |log| fields.get(log).map(|at| at.boolean()).transpose().map(|needs| needs.unwrap_or(true));
    let needs_log_entry = needs("transparencyLog")?;
    let needs_certificate_log = needs("certificateTransparencyLog")?;
    fields.finish()?;
    let attestor = |signer| Attestor {
        path: at.path().to_owned(),
        needs_log_entry,
        needs_certificate_log,
        ..Attestor::new(signer)
    };
    let subject = match (subject, expression) {
        (Some(subject), None) => Some(Pattern::wildcard(subject.text()?)),
        (None, Some(expression)) => Some(
            Pattern::regex(expression.text()?)
                .map_err(|error| expression.wrong(format!("a regular expression: {}", error.problem)))?,
        ),
        (None, None) => None,
        (Some(_), Some(expression)) => return Err(expression.wrong("either this or `subject`")),
    };
    let vouched = match (issuer, authority) {
        (Some(_), Some(authority)) => return Err(authority.wrong("either this or `issuer`")),
        (issuer, authority) => issuer.map(|at| (true, at)).or(authority.map(|at| (false, at))),
    };
    match (key, vouched, subject) {
        (Some(key), None, None) => {
            if let Some(extensions) = extensions {
                return Err(extensions.wrong("nothing beside `publicKey`: keys have no certificates"));
            }
            let blocks = pem::split_blocks(key.text()?);
            let signers = blocks.into_iter().map(|block| match PublicKey::from_pem(block) {
                Ok(key) => Ok(attestor(Signer::Key(Box::new(key)))),
                Err(error) => Err(key.wrong(format!("public keys in PEM: {error}"))),
            });
            let signers: Vec<_> = signers.collect::<Result<_, _>>()?;
            if signers.is_empty() { Err(key.wrong("public keys in PEM")) } else { Ok(signers) }
        }
        (None, Some((is_issuer, vouched)), Some(subject)) => {
            let mut identity = match (is_issuer, vouched.text()?) {
                (_, "") => return Err(vouched.wrong("text that is not empty")),
                (true, issuer) => CertificateIdentity::new(subject, Pattern::exact(issuer)),
                (false, authority) => CertificateIdentity::without_issuer(subject, authority),
            };
            for (extension, value) in
                extensions.as_ref().map(self::extensions).transpose()?.unwrap_or_default()
            {
                identity = identity.with_extension(extension, value);
            }
            let policy = IdentityPolicy::new([identity]).map_err(|_| at.wrong("an identity"))?;
            Ok(vec![attestor(Signer::Identity(policy))])
        }
        _ => {
            Err(at.wrong("either `publicKey`, or `issuer` or `authority` with `subject` or `subjectRegExp`"))
        }
    }
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
