//! `verifyImages`: who must have signed images
//! ([verify images](https://kyverno.io/docs/policy-types/cluster-policy/verify-images/)).

use super::attestors::Reader;
use super::conditions;
use crate::kubernetes::image_pattern::ReferencePattern;
use crate::language::reader::{At, PolicyError, mode_rule};
use crate::policy::image_rule::{AttestationDeny, AttestationRequirement, ImageRule};
use crate::policy::mode::{Mode, ModeRule};
use crate::policy::policy_set::Lint;

pub(super) fn read(
    at: &At<'_>,
    policy_mode: &ModeRule,
    lints: &mut Vec<Lint>,
) -> Result<Vec<ImageRule>, PolicyError> {
    let list = at.list()?;
    if list.is_empty() {
        return Err(at.wrong("at least one entry"));
    }
    list.iter().map(|entry| rule(entry, policy_mode, lints)).collect()
}

fn rule(at: &At<'_>, policy_mode: &ModeRule, lints: &mut Vec<Lint>) -> Result<ImageRule, PolicyError> {
    let mut fields = at.fields()?;
    let mode = mode_rule(fields.get("failureAction"), None, policy_mode)?;
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
    let except = patterns(fields.get("skipImageReferences"))?;
    lint_patterns(at, &references, lints);
    lint_patterns(at, &except, lints);
    // Signatures are found and verified in both of Sigstore's forms, whichever is named.
    let is_notary = match fields.get("type") {
        None => false,
        Some(kind) => match kind.text()? {
            "Cosign" | "SigstoreBundle" => false,
            "Notary" => true,
            _ => return Err(kind.wrong("`Cosign`, `SigstoreBundle` or `Notary`")),
        },
    };
    let reader = Reader::new(at.path(), is_notary, &mut fields)?;
    let mut attestors = match fields.get("attestors") {
        Some(sets) => reader.attestor_sets(&sets, lints)?,
        None => Vec::new(),
    };
    attestors.extend(reader.older_attestor(&mut fields, lints)?);
    let attestations = match fields.get("attestations") {
        Some(list) => attestations(&reader, &list, lints)?,
        None => Vec::new(),
    };
    let deny = fields.get("validate").map(|at| deny(&reader, &at)).transpose()?;
    let mut flag =
        |name| fields.get(name).map(|at| at.boolean()).transpose().map(|flag| flag.unwrap_or(true));
    let (pins_digest, needs_digest) = (flag("mutateDigest")?, flag("verifyDigest")?);
    // `required` lets a later request rely on the mark of an earlier one; here the one verdict covers both.
    flag("required")?;
    // What may be cached is for the embedder to say, and never changes a verdict.
    flag("useCache")?;
    // Referrers are looked for in any case.
    flag("cosignOCI11")?;
    let registry_credentials = fields.get("imageRegistryCredentials").map(|at| at.json());
    fields.finish()?;
    if mode.default == Mode::Audit && pins_digest {
        lints
            .push(at.lint("has `mutateDigest` in an Audit policy, which Kyverno refuses; set it to `false`"));
    }
    if attestors.is_empty() && attestations.is_empty() {
        lints.push(at.lint("names no attestors and no attestations: the images need no signature"));
    }
    Ok(ImageRule {
        path: at.path().to_owned(),
        span: at.span(),
        mode,
        except,
        signatures: attestors,
        attestations,
        deny,
        registry_credentials,
        pins_digest,
        needs_digest,
        ..ImageRule::new(references)
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

/// Says which patterns match more or less than they seem to.
fn lint_patterns(at: &At<'_>, references: &[ReferencePattern], lints: &mut Vec<Lint>) {
    let odd = references.iter().filter_map(|one| Some((one, one.oddity()?)));
    lints.extend(odd.map(|(one, oddity)| at.lint(format!("has the pattern {one}, {oddity}"))));
}

fn attestations(
    reader: &Reader,
    at: &At<'_>,
    lints: &mut Vec<Lint>,
) -> Result<Vec<AttestationRequirement>, PolicyError> {
    let list = at.list()?;
    if list.is_empty() {
        return Err(at.wrong("at least one attestation"));
    }
    list.iter().map(|one| attestation(reader, one, lints)).collect()
}

fn attestation(
    reader: &Reader,
    at: &At<'_>,
    lints: &mut Vec<Lint>,
) -> Result<AttestationRequirement, PolicyError> {
    let mut fields = at.fields()?;
    let predicate_type = match (fields.get("type"), fields.get("predicateType")) {
        (Some(one), None) | (None, Some(one)) => one.text()?.to_owned(),
        _ => return Err(at.wrong("exactly one of `type` and `predicateType`")),
    };
    let name = fields.get("name").map(|at| at.text()).transpose()?.map(str::to_owned);
    // Kyverno takes an attestation without attestors from every identity that Fulcio certified.
    let attestors = fields.require("attestors", "who must have signed the attestation")?;
    let attestors = reader.attestor_sets(&attestors, lints)?;
    let conditions = fields.get("conditions").map(|at| conditions::read_blocks(&at)).transpose()?;
    fields.finish()?;
    if reader.is_notary {
        lints.push(at.lint("requires an attestation signed in the Notary Project's format, which is not supported: it denies"));
    }
    Ok(AttestationRequirement {
        path: reader.relative(at.path()),
        predicate_type,
        name,
        attestors,
        shape: None,
        expression: None,
        conditions,
        max_age: None,
    })
}

fn deny(reader: &Reader, at: &At<'_>) -> Result<AttestationDeny, PolicyError> {
    let mut fields = at.fields()?;
    let message = fields.get("message").map(|at| at.template()).transpose()?;
    let deny = fields.require("deny", "conditions")?;
    fields.finish()?;
    let conditions = conditions::read_deny(&deny)?;
    Ok(AttestationDeny { path: reader.relative(at.path()), message, conditions })
}
