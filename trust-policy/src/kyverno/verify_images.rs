//! `verifyImages`: who must have signed images
//! ([verify images](https://kyverno.io/docs/policy-types/cluster-policy/verify-images/)).

use trust_core::pem;
use trust_core::{CertificateIdentity, IdentityPolicy, Pattern, PublicKey};

use super::fields::{At, Fields};
use super::{PolicyError, mode};
use crate::model::{AttestationRequirement, Attestor, AttestorSet, ImageRequirement, Lint, Mode, Signer};
use crate::reference::ReferencePattern;

pub(super) fn read(
    at: &At<'_>,
    policy_mode: Mode,
    lints: &mut Vec<Lint>,
) -> Result<Vec<ImageRequirement>, PolicyError> {
    let list = at.list()?;
    if list.is_empty() {
        return Err(at.wrong("at least one entry"));
    }
    list.iter().map(|entry| requirement(entry, policy_mode, lints)).collect()
}

fn requirement(
    at: &At<'_>,
    policy_mode: Mode,
    lints: &mut Vec<Lint>,
) -> Result<ImageRequirement, PolicyError> {
    let mut fields = at.fields()?;
    let reader = Reader { base: at.path().to_owned() };
    let mode = fields.get("failureAction").map(mode).transpose()?.unwrap_or(policy_mode);
    let mut references = patterns(fields.get("imageReferences"))?;
    // The older form of a single pattern.
    if let Some(image) = fields.get("image") {
        references.push(pattern(&image)?);
    }
    if references.is_empty() {
        return Err(PolicyError::Absent {
            path: at.child("imageReferences"),
            span: at.span(),
            expected: "at least one image reference",
        });
    }
    lint_crossing_patterns(at, &references, lints);
    let except = patterns(fields.get("skipImageReferences"))?;
    if let Some(kind) = fields.get("type") {
        // Signatures are found and verified in both forms, whichever is named.
        match kind.text()? {
            "Cosign" | "SigstoreBundle" => {}
            _ => return Err(kind.not_implemented()),
        }
    }
    let mut attestors = match fields.get("attestors") {
        Some(sets) => reader.attestor_sets(&sets, lints)?,
        None => Vec::new(),
    };
    if let Some(key) = fields.get("key") {
        attestors.push(reader.legacy_key(&key)?);
    }
    let attestations = match fields.get("attestations") {
        Some(list) => reader.attestations(&list, lints)?,
        None => Vec::new(),
    };
    let mut flag =
        |name| fields.get(name).map(|at| at.boolean()).transpose().map(|flag| flag.unwrap_or(true));
    let (pins_digest, needs_digest) = (flag("mutateDigest")?, flag("verifyDigest")?);
    // `required` lets a later request rely on the mark of an earlier one; here the one verdict covers both.
    flag("required")?;
    // What may be cached is for the embedder to say, and never changes a verdict.
    flag("useCache")?;
    fields.finish()?;
    if mode == Mode::Audit && pins_digest {
        lints
            .push(at.lint("has `mutateDigest` in an Audit policy, which Kyverno refuses; set it to `false`"));
    }
    if attestors.is_empty() && attestations.is_empty() {
        lints.push(at.lint("names no attestors and no attestations: nobody needs to have signed the images"));
    }
    Ok(ImageRequirement {
        path: at.path().to_owned(),
        span: at.span(),
        mode,
        references,
        except,
        attestors,
        attestations,
        pins_digest,
        needs_digest,
    })
}

fn patterns(list: Option<At<'_>>) -> Result<Vec<ReferencePattern>, PolicyError> {
    let list = list.map(|at| at.list()).transpose()?.unwrap_or_default();
    list.iter().map(pattern).collect()
}

fn pattern(at: &At<'_>) -> Result<ReferencePattern, PolicyError> {
    let text = at.text()?;
    if text.contains("{{") {
        return Err(at.wrong("a pattern without variables"));
    }
    if text.is_empty() {
        return Err(at.wrong("a pattern"));
    }
    Ok(ReferencePattern::kyverno(text))
}

/// `*` matches `/`: a pattern that begins with it trusts any registry with the rest in its path.
fn lint_crossing_patterns(at: &At<'_>, references: &[ReferencePattern], lints: &mut Vec<Lint>) {
    for reference in references {
        let text = reference.to_string();
        let text = text.trim_matches('`');
        if text.starts_with('*') && text.trim_start_matches('*').contains(['.', '/']) {
            lints.push(at.lint(format!(
                "has the pattern `{text}`, in which `*` also matches `/`: it is about `evil.example/x{}` too",
                text.trim_start_matches('*')
            )));
        }
    }
}

/// Reads attestors; paths of what it makes are relative to the entry of `verifyImages`.
struct Reader {
    base: String,
}

impl Reader {
    fn relative(&self, path: &str) -> String {
        path.strip_prefix(&self.base).unwrap_or(path).to_owned()
    }

    fn attestor_sets(&self, at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Vec<AttestorSet>, PolicyError> {
        let sets = at.list()?;
        if sets.is_empty() {
            return Err(at.wrong("at least one set of attestors"));
        }
        sets.iter().map(|set| self.attestor_set(set, lints)).collect()
    }

    fn attestor_set(&self, at: &At<'_>, lints: &mut Vec<Lint>) -> Result<AttestorSet, PolicyError> {
        let mut fields = at.fields()?;
        let entries = fields.require("entries", "a list of attestors")?;
        let mut attestors = Vec::new();
        for entry in entries.list()? {
            attestors.extend(self.entry(&entry, lints)?);
        }
        if attestors.is_empty() {
            return Err(entries.wrong("at least one attestor"));
        }
        let count = match fields.get("count") {
            // 0 means all, as if it were absent.
            Some(count) => match count.integer()? {
                0 => attestors.len(),
                wanted => {
                    usize::try_from(wanted).ok().filter(|wanted| *wanted <= attestors.len()).ok_or_else(
                        || count.wrong(format!("at most {}, the number of attestors", attestors.len())),
                    )?
                }
            },
            None => attestors.len(),
        };
        fields.finish()?;
        Ok(AttestorSet { path: self.relative(at.path()), count, attestors })
    }

    /// One entry; `keys` with several keys in its text stands for several.
    fn entry(&self, at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Vec<Attestor>, PolicyError> {
        let mut fields = at.fields()?;
        let attestors = match (fields.get("keys"), fields.get("keyless")) {
            (Some(keys), None) => self.keys(&keys, lints)?,
            (None, Some(keyless)) => vec![self.keyless(&keyless, lints)?],
            (keys, _) => {
                fields.finish()?;
                let found = if keys.is_some() { "both" } else { "neither" };
                return Err(PolicyError::Value {
                    path: at.path().to_owned(),
                    span: at.span(),
                    found: format!("an entry with {found} of `keys` and `keyless`"),
                    expected: "exactly one".to_owned(),
                });
            }
        };
        fields.finish()?;
        Ok(attestors)
    }

    fn keys(&self, at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Vec<Attestor>, PolicyError> {
        let mut fields = at.fields()?;
        let public_keys = fields.require("publicKeys", "one or more public keys in PEM")?;
        if let Some(algorithm) = fields.get("signatureAlgorithm")
            && algorithm.text()? != "sha256"
        {
            return Err(algorithm.not_implemented());
        }
        let logs = read_logs(&mut fields)?;
        fields.finish()?;
        let blocks = pem::split_blocks(public_keys.text()?);
        if blocks.is_empty() {
            return Err(public_keys.wrong("one or more public keys in PEM"));
        }
        let several = blocks.len() > 1;
        let attestor = |(index, block): (usize, &&str)| Attestor {
            path: match several {
                true => format!("{}.publicKeys[{index}]", self.relative(at.path())),
                false => self.relative(at.path()),
            },
            signer: signer(block),
            needs_log_entry: logs.needs_log_entry,
            needs_certificate_log: logs.needs_certificate_log,
        };
        let attestors: Vec<Attestor> = blocks.iter().enumerate().map(attestor).collect();
        if attestors.iter().any(|one| matches!(one.signer, Signer::UnusableKey(_))) {
            lints.push(public_keys.lint("holds a key that cannot be used, so nobody can satisfy it"));
        }
        Ok(attestors)
    }

    /// `key` beside `image`: the older form of `attestors[0].entries[0].keys`.
    fn legacy_key(&self, at: &At<'_>) -> Result<AttestorSet, PolicyError> {
        let path = self.relative(at.path());
        let attestors: Vec<Attestor> = pem::split_blocks(at.text()?)
            .into_iter()
            .map(|block| Attestor {
                path: path.clone(),
                signer: signer(block),
                needs_log_entry: true,
                needs_certificate_log: true,
            })
            .collect();
        if attestors.is_empty() {
            return Err(at.wrong("a public key in PEM"));
        }
        Ok(AttestorSet { path, count: attestors.len(), attestors })
    }

    fn keyless(&self, at: &At<'_>, lints: &mut Vec<Lint>) -> Result<Attestor, PolicyError> {
        let mut fields = at.fields()?;
        let issuer = fields.require("issuer", "the issuer of the identity token")?.text()?;
        let subject = fields.require("subject", "the signer's identity, with wildcards")?;
        if issuer.is_empty() || subject.text()?.is_empty() {
            return Err(at.wrong("`issuer` and `subject` that are not empty"));
        }
        if subject.text()?.trim_matches('*').is_empty() {
            lints.push(subject.lint("matches every identity of the issuer"));
        }
        if fields.get("rekor").is_none() {
            lints.push(
                at.lint("has no `rekor`, which Kyverno demands; a log entry is needed here all the same"),
            );
        }
        let logs = read_logs(&mut fields)?;
        fields.finish()?;
        let identity =
            CertificateIdentity::new(Pattern::wildcard(subject.text()?), Pattern::wildcard(issuer));
        let policy = IdentityPolicy::new([identity]).map_err(|_| at.wrong("an identity"))?;
        Ok(Attestor {
            path: self.relative(at.path()),
            signer: Signer::Identity(policy),
            needs_log_entry: logs.needs_log_entry,
            needs_certificate_log: logs.needs_certificate_log,
        })
    }

    fn attestations(
        &self,
        at: &At<'_>,
        lints: &mut Vec<Lint>,
    ) -> Result<Vec<AttestationRequirement>, PolicyError> {
        let list = at.list()?;
        if list.is_empty() {
            return Err(at.wrong("at least one attestation"));
        }
        list.iter().map(|one| self.attestation(one, lints)).collect()
    }

    fn attestation(&self, at: &At<'_>, lints: &mut Vec<Lint>) -> Result<AttestationRequirement, PolicyError> {
        let mut fields = at.fields()?;
        let predicate_type = match (fields.get("type"), fields.get("predicateType")) {
            (Some(one), None) | (None, Some(one)) => one.text()?.to_owned(),
            _ => return Err(at.wrong("exactly one of `type` and `predicateType`")),
        };
        // Kyverno takes an attestation without attestors from anybody whom Fulcio certified.
        let attestors = fields.require("attestors", "who must have signed the attestation")?;
        let attestors = self.attestor_sets(&attestors, lints)?;
        fields.finish()?;
        Ok(AttestationRequirement { path: self.relative(at.path()), predicate_type, attestors })
    }
}

fn signer(pem: &str) -> Signer {
    match PublicKey::from_pem(pem) {
        Ok(key) => Signer::Key(Box::new(key)),
        // A published policy with a placeholder must load; whoever uses it is told which key is meant.
        Err(error) => Signer::UnusableKey(error),
    }
}

struct Logs {
    needs_log_entry: bool,
    needs_certificate_log: bool,
}

/// `rekor` and `ctlog`: whether log entries are needed. Which logs are trusted, the trust root says.
fn read_logs(fields: &mut Fields<'_>) -> Result<Logs, PolicyError> {
    let ignored = |log: Option<At<'_>>, name| -> Result<bool, PolicyError> {
        let Some(log) = log else { return Ok(false) };
        let mut fields = log.fields()?;
        // Nothing is fetched: entries and proofs come with the signature.
        fields.get("url").map(|url| url.text().map(drop)).transpose()?;
        let ignored = fields.get(name).map(|at| at.boolean()).transpose()?;
        fields.finish()?;
        Ok(ignored.unwrap_or(false))
    };
    Ok(Logs {
        needs_log_entry: !ignored(fields.get("rekor"), "ignoreTlog")?,
        needs_certificate_log: !ignored(fields.get("ctlog"), "ignoreSCT")?,
    })
}
