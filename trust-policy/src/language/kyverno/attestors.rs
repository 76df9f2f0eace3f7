//! `attestors`: signers, by their keys, certificates or identities
//! ([attestors](https://kyverno.io/docs/policy-types/cluster-policy/verify-images/sigstore/)).

use trust_core::internal::pem;
use trust_core::{CertificateIdentity, IdentityPolicy, Pattern, PublicKey};

use super::roots::read_logs;
use crate::language::reader::signer::{
    self, authorities, certificate, certificates_of, extension, notary, secret_named,
};
use crate::language::reader::{At, Fields, PolicyError};
use crate::policy::policy_set::Lint;
use crate::policy::signer::{Attestor, AttestorSet, Signer};

/// Reads attestors; paths of what it makes are relative to the entry of `verifyImages`.
pub(super) struct Reader {
    base: String,
    pub(super) is_notary: bool,
    /// Those of all attestors.
    annotations: Vec<(String, String)>,
    /// Where all attestors keep their signatures that do not say otherwise.
    repository: Option<String>,
}

/// How deep sets of attestors may go into one another.
const MAX_NESTING: usize = 8;

impl Reader {
    /// A reader for an entry of `verifyImages` at this path, with what it says about all of its attestors.
    pub(super) fn new(base: &str, is_notary: bool, fields: &mut Fields<'_>) -> Result<Self, PolicyError> {
        let (annotations, repository) = (annotations(fields)?, signer::repository(fields.get("repository"))?);
        Ok(Self { base: base.to_owned(), is_notary, annotations, repository })
    }

    pub(super) fn relative(&self, path: &str) -> String {
        path.strip_prefix(&self.base).unwrap_or(path).to_owned()
    }

    pub(super) fn attestor_sets(
        &self,
        at: &At<'_>,
        lints: &mut Vec<Lint>,
    ) -> Result<Vec<AttestorSet>, PolicyError> {
        let sets = at.list()?;
        if sets.is_empty() {
            return Err(at.wrong("at least one set of attestors"));
        }
        sets.iter().map(|set| self.attestor_set(set, 1, lints)).collect()
    }

    fn attestor_set(
        &self,
        at: &At<'_>,
        depth: usize,
        lints: &mut Vec<Lint>,
    ) -> Result<AttestorSet, PolicyError> {
        if depth > MAX_NESTING {
            return Err(at.wrong("attestors in attestors, eight deep at most"));
        }
        let mut fields = at.fields()?;
        let entries = fields.require("entries", "a list of attestors")?;
        let mut attestors = Vec::new();
        for entry in entries.list()? {
            attestors.extend(self.entry(&entry, depth, lints)?);
        }
        if attestors.is_empty() {
            return Err(entries.wrong("at least one attestor"));
        }
        let count = match fields.get("count") {
            None => None,
            // 0 means all, as if it were absent.
            Some(count) => match count.integer()? {
                0 => None,
                wanted => Some(
                    usize::try_from(wanted).ok().filter(|wanted| *wanted <= attestors.len()).ok_or_else(
                        || count.wrong(format!("at most {}, the number of attestors", attestors.len())),
                    )?,
                ),
            },
        };
        fields.finish()?;
        Ok(AttestorSet::of(count, attestors).with_path(self.relative(at.path())))
    }

    /// One entry; `keys` with several keys in its text stands for several.
    fn entry(&self, at: &At<'_>, depth: usize, lints: &mut Vec<Lint>) -> Result<Vec<Attestor>, PolicyError> {
        let mut fields = at.fields()?;
        let mut annotations = self.annotations.clone();
        annotations.extend(self::annotations(&mut fields)?);
        let repository = signer::repository(fields.get("repository"))?.or_else(|| self.repository.clone());
        let kinds =
            ["keys", "keyless", "certificates", "attestor"].map(|name| fields.get(name).map(|at| (name, at)));
        let algorithm = fields.get("signatureAlgorithm");
        fields.finish()?;
        let mut kinds = kinds.into_iter().flatten();
        let (Some((kind, inner)), None) = (kinds.next(), kinds.next()) else {
            return Err(
                at.wrong("an entry with exactly one of `keys`, `keyless`, `certificates` and `attestor`")
            );
        };
        let mut attestors =
            match kind {
                "certificates" if self.is_notary => vec![self.notary(&inner, lints)?],
                "keys" | "keyless" if self.is_notary => {
                    lints.push(inner.lint("is no signer of the Notary Project's signatures: it denies"));
                    vec![self.attestor(
                        &inner,
                        Signer::Unsupported("Notary signatures by anything but certificates"),
                    )]
                }
                "keys" => self.keys(&inner, lints)?,
                "keyless" => vec![self.keyless(&inner, lints)?],
                "certificates" => vec![self.certificates(&inner, lints)?],
                _ => {
                    let set = self.attestor_set(&inner, depth + 1, lints)?;
                    vec![self.attestor(&inner, Signer::Some(Box::new(set)))]
                }
            };
        if let Some(algorithm) = algorithm
            && let Some(signer) = signer::other_hash(&algorithm, lints)?
        {
            attestors = vec![self.attestor(&algorithm, signer)];
        }
        for one in &mut attestors {
            one.annotations.clone_from(&annotations);
            one.repository.clone_from(&repository);
        }
        Ok(attestors)
    }

    fn attestor(&self, at: &At<'_>, signer: Signer) -> Attestor {
        Attestor {
            path: self.relative(at.path()),
            repository: self.repository.clone(),
            annotations: self.annotations.clone(),
            ..Attestor::new(signer)
        }
    }

    fn keys(&self, at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Vec<Attestor>, PolicyError> {
        let mut fields = at.fields()?;
        let logs = read_logs(&mut fields, lints)?;
        let algorithms = ["signatureAlgorithm", "hashAlgorithm"].map(|name| fields.get(name));
        let (public_keys, secret, kms) = (fields.get("publicKeys"), fields.get("secret"), fields.get("kms"));
        fields.finish()?;
        let mut attestors = match (public_keys, secret, kms) {
            (Some(public_keys), None, None) => self.public_keys(at, &public_keys, lints)?,
            (None, Some(secret), None) => vec![self.attestor(at, secret_key(&secret)?)],
            (None, None, Some(kms)) => {
                lints.push(
                    kms.lint("is a key of a key management service, which is not asked here: it denies"),
                );
                vec![self.attestor(at, Signer::Unsupported("a key of a key management service"))]
            }
            _ => return Err(at.wrong("exactly one of `publicKeys`, `secret` and `kms`")),
        };
        for algorithm in algorithms.into_iter().flatten() {
            if let Some(signer) = signer::other_hash(&algorithm, lints)? {
                attestors = vec![self.attestor(at, signer)];
            }
        }
        for attestor in &mut attestors {
            logs.clone().apply(attestor);
        }
        Ok(attestors)
    }

    fn public_keys(
        &self,
        at: &At<'_>,
        public_keys: &At<'_>,
        lints: &mut Vec<Lint>,
    ) -> Result<Vec<Attestor>, PolicyError> {
        let text = public_keys.text()?;
        if let Some(secret) = text.trim().strip_prefix("k8s://") {
            let Some((namespace, name)) = secret.split_once('/') else {
                return Err(public_keys.wrong("`k8s://<namespace>/<name>`"));
            };
            return Ok(vec![self.attestor(at, secret_named(namespace, name))]);
        }
        if ["awskms://", "gcpkms://", "azurekms://", "hashivault://"].iter().any(|kms| text.starts_with(kms))
        {
            lints.push(
                public_keys.lint("is a key of a key management service, which is not asked here: it denies"),
            );
            return Ok(vec![self.attestor(at, Signer::Unsupported("a key of a key management service"))]);
        }
        let template = public_keys.template()?;
        if template.constant().is_none() {
            return Ok(vec![self.attestor(at, Signer::KeysOf(template))]);
        }
        let blocks = pem::split_blocks(text);
        if blocks.is_empty() {
            return Err(public_keys.wrong("public keys in PEM"));
        }
        let several = blocks.len() > 1;
        let attestors: Vec<_> = blocks
            .into_iter()
            .enumerate()
            .map(|(index, block)| {
                let mut attestor = self.attestor(at, key_or_not(block));
                if several {
                    attestor.path = format!("{}.publicKeys[{index}]", attestor.path);
                }
                attestor
            })
            .collect();
        if attestors.iter().any(|one| matches!(one.signer, Signer::UnusableKey(_))) {
            lints.push(public_keys.lint("holds a key that cannot be used, so it can never be satisfied"));
        }
        Ok(attestors)
    }

    /// `key`, or `issuer` and `subject`, beside `image`: the older form of `attestors[0].entries[0]`.
    pub(super) fn older_attestor(
        &self,
        fields: &mut Fields<'_>,
        lints: &mut Vec<Lint>,
    ) -> Result<Option<AttestorSet>, PolicyError> {
        let set = |at: &At<'_>, attestors| {
            Some(AttestorSet::of(None, attestors).with_path(self.relative(at.path())))
        };
        if self.is_notary {
            let of_cosign = ["key", "subject", "issuer"].map(|name| fields.get(name));
            let Some(at) = of_cosign.into_iter().flatten().next() else { return Ok(None) };
            return Ok(set(&at, vec![self.not_of_notary(&at, lints)]));
        }
        if let Some(key) = fields.get("key") {
            return Ok(set(&key, self.public_keys(&key, &key, lints)?));
        }
        if let Some(subject) = fields.get("subject") {
            let mut attestor = self.identity(fields, &subject, lints)?;
            attestor.path = self.relative(subject.path());
            return Ok(set(&subject, vec![attestor]));
        }
        Ok(None)
    }

    fn keyless(&self, at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Attestor, PolicyError> {
        let mut fields = at.fields()?;
        if !at.has("rekor") {
            lints.push(
                at.lint("has no `rekor`, which Kyverno requires; a log entry is needed here all the same"),
            );
        }
        let logs = read_logs(&mut fields, lints)?;
        let mut attestor = self.identity(&mut fields, at, lints)?;
        let roots = fields.get("roots").filter(|at| at.text() != Ok(""));
        fields.finish()?;
        logs.apply(&mut attestor);
        match roots.as_ref().map(|at| (at, certificates_of(at))) {
            None => {}
            Some((_, Ok(certificates))) => {
                let roots = attestor.roots.get_or_insert_default();
                roots.certificate_authorities = Some(authorities(&certificates));
            }
            Some((at, Err(problem))) => {
                lints.push(at.lint(format!("cannot be used, so it can never be satisfied: {problem}")));
                attestor.signer =
                    Signer::Unsupported("identities under root certificates that cannot be read");
            }
        }
        Ok(attestor)
    }

    /// A certificate whose key signs, and maybe the chain that certifies it.
    fn certificates(&self, at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Attestor, PolicyError> {
        let mut fields = at.fields()?;
        let logs = read_logs(&mut fields, lints)?;
        let [cert, chain] =
            ["cert", "certChain"].map(|name| fields.get(name).filter(|at| at.text() != Ok("")));
        fields.finish()?;
        if cert.is_none() && chain.is_none() {
            return Err(at.wrong("`cert` or `certChain`"));
        }
        let mut attestor = match certificate(cert.as_ref(), chain.as_ref()) {
            Ok(leaf) => self.attestor(at, Signer::Certificate(Box::new(leaf))),
            Err(problem) => {
                lints.push(at.lint(format!("cannot be used, so it can never be satisfied: {problem}")));
                self.attestor(at, Signer::Unsupported("signatures by a certificate that cannot be used"))
            }
        };
        logs.apply(&mut attestor);
        Ok(attestor)
    }

    /// A signer of Sigstore's kind.
    fn not_of_notary(&self, at: &At<'_>, lints: &mut Vec<Lint>) -> Attestor {
        lints.push(at.lint("cannot sign in the Notary Project's format: it denies"));
        self.attestor(at, Signer::Unsupported("Notary signatures by anything but certificates"))
    }

    /// Certificates of which one must be in the chain of a signature, at notation's level `strict`. With `cert` it is that one, whatever
    /// `certChain` holds; Kyverno trusts every certificate of both.
    fn notary(&self, at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Attestor, PolicyError> {
        let mut fields = at.fields()?;
        // Logs concern Sigstore's signatures only.
        read_logs(&mut fields, lints)?;
        let [cert, chain] =
            ["cert", "certChain"].map(|name| fields.get(name).filter(|at| at.text() != Ok("")));
        fields.finish()?;
        let written = cert.or(chain).ok_or_else(|| at.wrong("`cert` or `certChain`"))?;
        let signer = match certificates_of(&written).and_then(|trusted| notary(trusted, Vec::new())) {
            Ok(signer) => signer,
            Err(problem) => {
                lints.push(at.lint(format!("cannot be used, so it can never be satisfied: {problem}")));
                Signer::Unsupported("signatures by a certificate that cannot be used")
            }
        };
        Ok(self.attestor(at, signer))
    }

    /// `issuer` and `subject`, each as text or as regular expression, and conditions on the certificate's extensions.
    fn identity(
        &self,
        fields: &mut Fields<'_>,
        at: &At<'_>,
        lints: &mut Vec<Lint>,
    ) -> Result<Attestor, PolicyError> {
        let mut part = |name: &'static str, expression: &'static str| match (
            fields.get(name).filter(|one| one.text() != Ok("")),
            fields.get(expression),
        ) {
            (Some(text), None) => {
                if text.text()?.trim_matches('*').is_empty() {
                    lints.push(text.lint("matches every identity of the issuer"));
                }
                Ok(Pattern::wildcard(text.text()?))
            }
            (None, Some(expression)) => signer::regular_expression(&expression, lints),
            (Some(_), Some(expression)) => Err(expression.wrong(format!("either this or `{name}`"))),
            (None, None) => {
                Err(at.wrong("`issuer` and `subject` that are not empty: otherwise it matches no identity"))
            }
        };
        let subject = part("subject", "subjectRegExp")?;
        let issuer = part("issuer", "issuerRegExp")?;
        let mut identity = CertificateIdentity::new(subject, issuer);
        if let Some(extensions) = fields.get("additionalExtensions") {
            for (name, value) in extensions.fields()?.all() {
                let extension = extension(name).ok_or_else(|| value.not_implemented())?;
                identity = identity.with_extension(extension, Pattern::wildcard(value.scalar()?));
            }
        }
        let policy = IdentityPolicy::new([identity]).map_err(|_| at.wrong("an identity"))?;
        Ok(self.attestor(at, Signer::Identity(policy)))
    }
}

/// Annotations that signatures must have.
fn annotations(fields: &mut Fields<'_>) -> Result<Vec<(String, String)>, PolicyError> {
    let Some(annotations) = fields.get("annotations") else { return Ok(Vec::new()) };
    let all = annotations.fields()?.all();
    all.into_iter().map(|(name, value)| Ok((name.to_owned(), value.scalar()?))).collect()
}

fn key_or_not(pem: &str) -> Signer {
    match PublicKey::from_pem(pem) {
        Ok(key) => Signer::Key(Box::new(key)),
        // A published policy with a placeholder must load; the user is told which key is meant.
        Err(error) => Signer::UnusableKey(error),
    }
}

fn secret_key(at: &At<'_>) -> Result<Signer, PolicyError> {
    let mut fields = at.fields()?;
    let name = fields.require("name", "the Secret's name")?.text()?;
    let namespace = fields.require("namespace", "the Secret's namespace")?.text()?;
    fields.finish()?;
    Ok(secret_named(namespace, name))
}
