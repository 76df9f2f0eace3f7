//! Who of those that are wanted signed an image, and what they attested.

use core::fmt;
use std::collections::BTreeMap;

use serde_json::Value;
use trust_core::internal::json::{self, JsonError};
use trust_core::internal::{encoding, pem};
use trust_core::{PinnedImage, PublicKey, Reasons, Statement, UnixTime};
use trust_sbom::{Formats, PredicateKind};

use super::{Evaluation, unresolved};
use crate::evaluate::proof::{ArtifactError, Judging, Subject};
use crate::evaluate::signed_artifact::{Maker, SignedArtifact};
use crate::evidence::{Artifact, ImageEvidence};
use crate::expression::Scope;
use crate::expression::condition::Conditions;
use crate::kubernetes::object_name::ObjectName;
use crate::policy::shape::{OtherShape, Shape};
use crate::policy::signer::{Attestor, AttestorSet, NamedRoots, OwnRoots, Signer};
use crate::verdict::Explanation;
use crate::verdict::reason::{Mismatch, ReasonCode};

/// Things that are there instead of what is wanted, and that are named.
const MAX_NOTICED: usize = 10;
/// What may be said about an attestation, whatever its predicate says.
const OWN_NAMES: [&str; 4] = ["request", "images", "serviceAccountName", "serviceAccountNamespace"];

pub(super) type Parsed<'a> = Vec<Found<'a>>;

/// What was found on an image.
pub(super) struct Found<'a> {
    location: &'a str,
    /// Who makes what is said to be of its type.
    maker: Maker,
    parsed: Result<SignedArtifact<'a>, ArtifactError>,
}

impl Found<'_> {
    /// Why a possible attestation cannot be read. The Notary Project's tools sign no attestations.
    pub(super) fn problem_of_attestation(&self) -> Option<&ArtifactError> {
        self.parsed.as_ref().err().filter(|_| self.maker == Maker::Sigstore)
    }
}

/// What is wanted of the artifacts of one image.
pub(super) struct Wanted<'a> {
    pub(super) image: &'a PinnedImage,
    pub(super) evidence: &'a ImageEvidence,
    pub(super) artifacts: &'a Parsed<'a>,
    pub(super) formats: &'a Formats,
    pub(super) scope: &'a Scope,
    pub(super) what: What<'a>,
}

/// What an artifact must be.
#[derive(Clone, Copy)]
pub(super) struct What<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) must: Must<'a>,
}

/// A kind of artifacts.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    /// Signatures on the image itself.
    Signature,
    /// Attestations of a type.
    Type(&'a str),
    /// Attestations of one of the types of a kind of documents.
    Documents(PredicateKind),
}

/// What must hold of an attestation.
#[derive(Clone, Copy)]
pub(super) enum Must<'a> {
    /// Nothing but that it is there.
    Exist,
    /// Every one must meet these conditions.
    Meet(&'a Conditions),
    /// One must satisfy, which was signed at this time at the latest if that is vouched for; another one does not harm.
    Satisfy(&'a dyn Fn(&Statement, Option<UnixTime>) -> Vec<Explanation>),
}

impl What<'_> {
    /// A signature on the image itself.
    pub(super) const SIGNATURE: Self = Self { kind: Kind::Signature, must: Must::Exist };
}

impl<'a> Kind<'a> {
    /// One of them, whatever it says.
    pub(super) fn any(self) -> What<'a> {
        What { kind: self, must: Must::Exist }
    }

    /// One of them of which this holds.
    pub(super) fn that_must(self, must: Must<'a>) -> What<'a> {
        What { kind: self, must }
    }
}

impl Must<'_> {
    /// What is asked of a statement, and whether it is so.
    fn judge(self, statement: &Statement, signed: Option<UnixTime>, scope: &Scope) -> Vec<Explanation> {
        match self {
            Self::Meet(conditions) => unmet(conditions, statement, scope),
            Self::Satisfy(judge) => judge(statement, signed),
            Self::Exist => Vec::new(),
        }
    }
}

/// What a set of attestors signed.
pub(super) struct Signed {
    pub(super) explanation: Explanation,
    /// The signer of each signature or attestation that counts, for each attestor.
    pub(super) signers: Vec<String>,
    /// What they attested.
    pub(super) statements: Vec<SignedStatement>,
}

/// An attestation by a required signer.
#[derive(Clone)]
pub(super) struct SignedStatement {
    pub(super) statement: Statement,
    pub(super) signer: String,
    /// When it was signed at the latest, if that is vouched for.
    pub(super) time: Option<UnixTime>,
}

impl Signed {
    /// Nothing, for this reason.
    pub(super) fn none(explanation: Explanation) -> Self {
        Self { explanation, signers: Vec::new(), statements: Vec::new() }
    }
}

impl Evaluation<'_> {
    pub(super) fn attestor_set(&self, wanted: &Wanted<'_>, set: &AttestorSet) -> Signed {
        let attestors = self.expanded(set, wanted.scope);
        let count = set.count.unwrap_or(attestors.len());
        // Nobody of nobody has signed nothing.
        if count == 0 || attestors.is_empty() {
            let message = "the policy names no signers, so it can never be satisfied";
            let explanation = Explanation::fail(set.path.clone(), ReasonCode::UnusablePolicy, message);
            return Signed::none(explanation);
        }
        let kind = wanted.what.kind.to_string();
        let failures: Vec<_> = wanted
            .evidence
            .failures
            .iter()
            .map(|one| Explanation::fail(one.location.clone(), ReasonCode::NotFetched, one.problem.clone()))
            .collect();
        let candidates = wanted.candidates(set);
        if candidates.is_empty() {
            let code = if failures.is_empty() { ReasonCode::NotFound } else { ReasonCode::NotFetched };
            let signers: Vec<_> = set.attestors.iter().map(|attestor| attestor.signer.to_string()).collect();
            let message = format!("found no {kind} of the image, expected {count} of {}", signers.join("; "));
            let mut causes = failures;
            causes.extend(wanted.noticed());
            causes.extend(self.unusable_signers(set, wanted.scope));
            let explanation = Explanation::fail(set.path.clone(), code, message).because(causes);
            return Signed::none(explanation);
        }
        let mut causes: Vec<_> =
            attestors.iter().filter_map(|attestor| self.unusable_signer(attestor, wanted.scope)).collect();
        let (mut signers, mut statements) = (Vec::new(), Vec::new());
        for attestor in &attestors {
            let signed = match &attestor.signer {
                Signer::Some(inner) => self.attestor_set(wanted, inner),
                _ if self.unusable_signer(attestor, wanted.scope).is_some() => continue,
                _ => self.attestor(wanted, attestor, &candidates),
            };
            causes.push(signed.explanation);
            signers.push(signed.signers);
            statements.extend(signed.statements);
        }
        let found = distinct_signers(&signers);
        let message = format!("{found} of {count} required signers");
        let explanation = if found >= count {
            Explanation::pass(set.path.clone(), message)
        } else {
            // One attestor's own reason says more than that the number is too small.
            let code = match (&causes[..], failures.is_empty()) {
                ([only], true) => only.code.unwrap_or(ReasonCode::TooFewSigners),
                (_, true) => ReasonCode::TooFewSigners,
                (_, false) => ReasonCode::NotFetched,
            };
            causes.extend(failures);
            Explanation::fail(set.path.clone(), code, message)
        };
        let (signers, statements) = match explanation.holds() {
            true => (signers.concat(), statements),
            false => (Vec::new(), Vec::new()),
        };
        Signed { explanation: explanation.because(causes), signers, statements }
    }

    /// What one attestor signed. Every attestation of a type must meet the conditions; of those of which some must satisfy,
    /// only those count that do.
    fn attestor(&self, wanted: &Wanted<'_>, attestor: &Attestor, candidates: &[&Found<'_>]) -> Signed {
        let kind = wanted.what.kind;
        let image = wanted.image.digest();
        let manifest = self.evidence.documents.get(&image.to_string()).map(String::as_str);
        let (subject, maker) = (Subject { image, manifest }, Maker::of(&attestor.signer));
        let (policies, answers) = (self.policies, &self.answers);
        let by = Judging { policies, answers, trust: self.trust, now: self.now };
        let (mut signers, mut statements) = (Vec::new(), Vec::new());
        // What was found, of the others first what was signed.
        let (mut found, mut unmet, mut unsigned) = (Vec::new(), Vec::new(), Vec::new());
        for Found { location, parsed, .. } in candidates.iter().filter(|found| found.maker == maker) {
            let verified = match parsed {
                Ok(artifact) => artifact.verify(attestor, subject, by).map(|proof| (artifact, proof)),
                Err(error) => Err(error.clone()),
            };
            let check = format!("{kind} in {location}");
            let (artifact, proof) = match verified {
                Ok(verified) => verified,
                Err(error) => {
                    let message = format!("{}{}", Reasons(&error), remedy(&error, attestor));
                    let failed = Explanation::fail(check, error.code(), message);
                    unsigned.push(failed.differing(error.mismatch()).because(error.checks()));
                    continue;
                }
            };
            let signer = proof.signer;
            let statement = artifact.unverified_statement().filter(|_| wanted.is_attestation());
            // What a clock that may differ says of the near future is now.
            let time = proof.time.map(|time| time.min(self.now));
            let judged = statement.map(|statement| wanted.what.must.judge(statement, time, wanted.scope));
            let judged = judged.unwrap_or_default();
            if let Some(code) = judged.iter().find_map(|one| one.code) {
                let message = format!("by {signer}, does not say what it must");
                unmet.push(Explanation::fail(check, code, message).signed(proof.signature).because(judged));
                continue;
            }
            let because = proof.checks.into_iter().chain(judged).collect();
            found.push(
                Explanation::pass(check, format!("by {signer}")).signed(proof.signature).because(because),
            );
            statements.extend(statement.map(|statement| SignedStatement {
                statement: statement.clone(),
                signer: signer.clone(),
                time,
            }));
            signers.push(signer);
        }
        let check = format!("{}: {}", attestor.path, attestor.signer);
        let all_must = matches!(wanted.what.must, Must::Meet(_));
        let failed = |code, message, because| Signed {
            explanation: Explanation::fail(check.clone(), code, message).because(because),
            signers: Vec::new(),
            statements: Vec::new(),
        };
        // What is not known is not known, whatever else is there and wrong.
        let code_of = |all: &[Explanation]| {
            let codes = || all.iter().filter_map(|one| one.code);
            codes().find(|code| *code == ReasonCode::NotFetched).or_else(|| codes().next())
        };
        match (unmet.iter().find_map(|one| one.code), code_of(&unsigned)) {
            (Some(_), _) if all_must => {
                let because = found.into_iter().chain(unmet).collect();
                failed(ReasonCode::Condition, "has signed what does not meet the conditions", because)
            }
            (Some(code), _) if signers.is_empty() => {
                failed(code, "has signed nothing that says what it must", unmet)
            }
            (None, Some(code)) if signers.is_empty() => failed(code, "has not signed the image", unsigned),
            (None, None) if signers.is_empty() => {
                failed(ReasonCode::NotFound, "found no signature of its kind", Vec::new())
            }
            _ => {
                let explanation = Explanation::pass(check, "has signed the image").because(found);
                Signed { explanation, signers, statements }
            }
        }
    }

    /// The attestors of a set, with one for each key where keys stand elsewhere.
    fn expanded(&self, set: &AttestorSet, scope: &Scope) -> Vec<Attestor> {
        let expand = |attestor: &Attestor| {
            let attestor = &self.rooted(attestor).unwrap_or_else(|_| attestor.clone());
            let Ok(Some(text)) = self.keys_elsewhere(attestor, scope) else { return vec![attestor.clone()] };
            let blocks = pem::split_blocks(&text);
            let one = |block| {
                let signer = match PublicKey::from_pem(block) {
                    Ok(key) => Signer::Key(Box::new(key)),
                    Err(error) => Signer::UnusableKey(error),
                };
                Attestor { signer, ..attestor.clone() }
            };
            if blocks.is_empty() { vec![one(text.as_str())] } else { blocks.into_iter().map(one).collect() }
        };
        set.attestors.iter().flat_map(expand).collect()
    }

    /// An attestor with the parts of the roots that it names.
    fn rooted(&self, attestor: &Attestor) -> Result<Attestor, String> {
        let mut rooted = attestor.clone();
        if attestor.named_roots == NamedRoots::default() {
            return Ok(rooted);
        }
        let NamedRoots { certificates, logs, timestamps } = &attestor.named_roots;
        let own = rooted.roots.get_or_insert_default();
        let part = |name: &Option<String>| -> Result<OwnRoots, String> {
            let Some(name) = name else { return Ok(OwnRoots::default()) };
            match self.policies.trust_root(name) {
                Some(Ok(root)) => Ok(root.clone()),
                Some(Err(problem)) => Err(format!("the `TrustRoot` `{name}` cannot be used: {problem}")),
                None => Err(format!("the policy names the `TrustRoot` `{name}`, which is not in the set")),
            }
        };
        let (certificates, logs, timestamps) = (part(certificates)?, part(logs)?, part(timestamps)?);
        // Nothing takes the place of a part that the root does not have.
        let named = &attestor.named_roots;
        if named.certificates.is_some() {
            own.certificate_authorities = Some(certificates.certificate_authorities.unwrap_or_default());
            own.certificate_logs = Some(certificates.certificate_logs.unwrap_or_default());
        }
        if named.logs.is_some() {
            own.transparency_logs = Some(logs.transparency_logs.unwrap_or_default());
        }
        if named.timestamps.is_some() {
            own.timestamp_authorities = Some(timestamps.timestamp_authorities.unwrap_or_default());
        }
        Ok(rooted)
    }

    /// The text of keys that do not stand in the policy itself; `None` for other signers.
    fn keys_elsewhere(&self, attestor: &Attestor, scope: &Scope) -> Result<Option<String>, String> {
        match &attestor.signer {
            Signer::KeysOf(template) => {
                template.resolve_text(scope).map(Some).map_err(|error| error.to_string())
            }
            Signer::KeyInSecret(object) => self.key_in(object).map(Some),
            _ => Ok(None),
        }
    }

    fn key_in(&self, secret: &ObjectName) -> Result<String, String> {
        let object = match self.evidence.objects.get(&secret.to_string()) {
            Some(Ok(object)) => object,
            Some(Err(failure)) => return Err(failure.to_string()),
            None => return Err(format!("{secret} was not looked up")),
        };
        let data = object.get("data").and_then(Value::as_object);
        let value = data.and_then(|data| match data.get("cosign.pub") {
            // A Secret with a single entry leaves no choice.
            None if data.len() == 1 => data.values().next(),
            named => named,
        });
        let value = value.and_then(Value::as_str);
        let value = value.ok_or_else(|| format!("{secret} has neither `cosign.pub` nor a single entry"))?;
        let bytes = encoding::from_base64(value).and_then(|bytes| String::from_utf8(bytes).ok());
        bytes.ok_or_else(|| format!("the key of {secret} is not a text in base64"))
    }

    /// The signers of a set whose signatures cannot be verified, whatever is found.
    pub(super) fn unusable_signers(&self, set: &AttestorSet, scope: &Scope) -> Vec<Explanation> {
        let unusable = |attestor: &Attestor| match &attestor.signer {
            Signer::Some(inner) => self.unusable_signers(inner, scope),
            _ => self.unusable_signer(attestor, scope).into_iter().collect(),
        };
        self.expanded(set, scope).iter().flat_map(unusable).collect()
    }

    /// The signers of a set who cannot be read: where all of something must be good, it is not known whether it is.
    pub(super) fn unread_signers(&self, set: &AttestorSet, scope: &Scope) -> Vec<Explanation> {
        let unread = |attestor: &Attestor| match &attestor.signer {
            Signer::Some(inner) => self.unread_signers(inner, scope),
            // Whoever can sign nothing hides nothing.
            Signer::UnusableKey(_) | Signer::Unsupported(_) => Vec::new(),
            _ => self.unusable_signer(attestor, scope).into_iter().collect(),
        };
        self.expanded(set, scope).iter().flat_map(unread).collect()
    }

    fn unusable_signer(&self, attestor: &Attestor, scope: &Scope) -> Option<Explanation> {
        let message = match &attestor.signer {
            Signer::UnusableKey(error) => format!("the policy's key cannot be used: {}", Reasons(error)),
            Signer::Unsupported(what) => format!("{what} are not verified here yet"),
            Signer::Notation(trust) => self.policies.ambiguous_store(trust)?,
            _ => self.keys_elsewhere(attestor, scope).err().or_else(|| self.rooted(attestor).err())?,
        };
        Some(Explanation::fail(attestor.path.clone(), ReasonCode::UnusablePolicy, message))
    }
}

impl<'a> Wanted<'a> {
    /// What is there, or may be, and cannot be read: where all of something must be good, it is not known whether it is.
    pub(super) fn unknown(&self) -> Vec<Explanation> {
        let fetched = self.evidence.failures.iter();
        let fetched = fetched.map(|one| (one.location.as_str(), one.problem.clone()));
        let read = self
            .artifacts
            .iter()
            .filter_map(|one| Some((one.location, Reasons(one.problem_of_attestation()?).to_string())));
        let unknown = |(location, problem): (&str, String)| {
            let message = format!("cannot be read, and may change the verdict: {problem}");
            Explanation::fail(location, ReasonCode::NotFetched, message)
        };
        fetched.chain(read).map(unknown).collect()
    }

    /// What is there instead of what is wanted. It counts for nothing.
    fn noticed(&self) -> Vec<Explanation> {
        let types = self.artifacts.iter().filter_map(|one| {
            let what = match (one.parsed.as_ref().ok()?.unverified_attestation_type(), one.maker) {
                (Some(predicate_type), _) => format!("an attestation of type `{predicate_type}`"),
                (None, Maker::Sigstore) => "a signature on the image itself".to_owned(),
                (None, Maker::Notary) => "a signature of the Notary Project on the image itself".to_owned(),
            };
            Some(format!("{} is {what}", one.location))
        });
        let notes = types.chain(self.evidence.notes.iter().cloned());
        notes.take(MAX_NOTICED).map(|note| Explanation::skip("noticed", note)).collect()
    }

    fn is_attestation(&self) -> bool {
        !matches!(self.what.kind, Kind::Signature)
    }

    fn candidates(&self, set: &AttestorSet) -> Vec<&'a Found<'a>> {
        let mut makers = Vec::new();
        set.each(&mut |attestor| {
            if !matches!(attestor.signer, Signer::Some(_)) {
                makers.push(Maker::of(&attestor.signer));
            }
        });
        let is_wanted = |parsed: &Result<SignedArtifact<'_>, ArtifactError>| match parsed {
            Ok(artifact) => {
                let found = artifact.unverified_attestation_type();
                match self.what.kind {
                    Kind::Signature => found.is_none(),
                    Kind::Type(wanted) => found == Some(wanted),
                    Kind::Documents(wanted) => {
                        found.and_then(|found| self.formats.kind_of(found)) == Some(wanted)
                    }
                }
            }
            // It may be the wanted one: the reader of the verdict is told that it is there.
            Err(_) => true,
        };
        self.artifacts.iter().filter(|one| makers.contains(&one.maker) && is_wanted(&one.parsed)).collect()
    }
}

impl fmt::Display for Kind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature => f.write_str("signature"),
            Self::Type(predicate_type) => write!(f, "attestation of type `{predicate_type}`"),
            Self::Documents(kind) => kind.fmt(f),
        }
    }
}

/// Everything that was found on an image, parsed once.
pub(super) fn parsed<'a>(evidence: &'a ImageEvidence) -> Parsed<'a> {
    let found = |artifact: &'a Artifact| Found {
        location: &artifact.location,
        maker: Maker::of_media_type(&artifact.media_type),
        parsed: SignedArtifact::parse(artifact),
    };
    evidence.artifacts.iter().map(found).collect()
}

pub(super) fn predicate(statement: &Statement) -> Result<Value, JsonError> {
    json::from_slice(statement.predicate_json().as_bytes())
}

/// Where a statement has another shape.
pub(super) fn other_shapes(shape: &Shape, statement: &Statement) -> Vec<Explanation> {
    let predicate = match predicate(statement) {
        Ok(predicate) => predicate,
        Err(error) => return vec![Explanation::fail("predicate", ReasonCode::Malformed, error.to_string())],
    };
    let whole = serde_json::json!({"predicateType": statement.predicate_type(), "predicate": predicate});
    differing(shape, "", &whole)
}

/// Where a value at this path has another shape.
pub(super) fn differing(shape: &Shape, path: &str, value: &Value) -> Vec<Explanation> {
    let explain = |other: OtherShape| {
        let mismatch = Mismatch::new(other.found.as_deref(), [other.expected]);
        Explanation::differs(other.path, ReasonCode::Condition, mismatch)
    };
    shape.mismatches(path, Some(value)).into_iter().take(MAX_NOTICED).map(explain).collect()
}

/// The conditions that a predicate does not meet. Its fields are names; those that are there already it cannot take.
fn unmet(conditions: &Conditions, statement: &Statement, scope: &Scope) -> Vec<Explanation> {
    let mut scope = scope.clone();
    let predicate = match predicate(statement) {
        Ok(predicate) => predicate,
        Err(error) => return vec![Explanation::fail("predicate", ReasonCode::Malformed, error.to_string())],
    };
    for (name, value) in predicate.as_object().into_iter().flatten() {
        if !OWN_NAMES.contains(&name.as_str()) && !scope.has(name) {
            scope.set(name, value);
        }
    }
    if let Err(error) = conditions.resolve(&scope) {
        return vec![unresolved("conditions", &error)];
    }
    let judgement = conditions.judge(&scope);
    match judgement.holds {
        Ok(true) => Vec::new(),
        Ok(false) => judgement
            .findings
            .into_iter()
            .filter(|finding| finding.holds != Ok(true))
            .map(|finding| Explanation::fail(finding.path, ReasonCode::Condition, finding.text))
            .collect(),
        Err(error) => vec![unresolved("conditions", &error)],
    }
}

/// What the policy's author can do, where the signature is good but for something that the policy may give up.
fn remedy(error: &ArtifactError, attestor: &Attestor) -> &'static str {
    match (error.code(), &attestor.signer) {
        (ReasonCode::NotInLog, Signer::Key(_)) => {
            " (a policy accepts a key's signatures that are in no log only with `rekor.ignoreTlog: true`)"
        }
        _ => "",
    }
}

/// How many attestors can be matched with signers so that no signer counts twice.
///
/// Two entries that one signer satisfies are one signer: otherwise "2 of 3" could be had from one.
pub(super) fn distinct_signers(signed_by: &[Vec<String>]) -> usize {
    fn assign<'a>(
        attestor: usize,
        signed_by: &'a [Vec<String>],
        tried: &mut Vec<&'a str>,
        taken: &mut BTreeMap<&'a str, usize>,
    ) -> bool {
        for signer in signed_by.get(attestor).into_iter().flatten() {
            if tried.contains(&signer.as_str()) {
                continue;
            }
            tried.push(signer);
            let is_free = match taken.get(signer.as_str()).copied() {
                None => true,
                Some(holder) => assign(holder, signed_by, tried, taken),
            };
            if is_free {
                taken.insert(signer, attestor);
                return true;
            }
        }
        false
    }
    let mut taken = BTreeMap::new();
    (0..signed_by.len()).filter(|&attestor| assign(attestor, signed_by, &mut Vec::new(), &mut taken)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(signed_by: &[&[&str]]) -> Vec<Vec<String>> {
        signed_by.iter().map(|names| names.iter().map(|name| (*name).to_owned()).collect()).collect()
    }

    #[test]
    fn one_signer_counts_once() {
        assert_eq!(distinct_signers(&names(&[&["a"], &["a"]])), 1);
        assert_eq!(distinct_signers(&names(&[&["a", "b"], &["a"]])), 2);
        assert_eq!(distinct_signers(&names(&[&["a", "b"], &["a", "b"], &["a", "b"]])), 2);
        assert_eq!(distinct_signers(&names(&[&[], &["a"]])), 1);
        assert_eq!(distinct_signers(&[]), 0);
    }
}
