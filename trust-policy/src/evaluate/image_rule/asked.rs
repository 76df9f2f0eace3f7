//! [`Targets`] and [`Asked`]: an image of which something is asked, and each of its platforms.

use std::collections::BTreeMap;

use trust_core::{PinnedImage, Reasons, Statement, UnixTime};
use trust_sbom::{Limits, Predicate, PredicateKind};

use crate::cel::value::{Failure, Value, failed};
use crate::cel::{Cel, Environment, Interpreter, Question};
use crate::evaluate::Evaluation;
use crate::evaluate::image_content::{Unknown, platform_names};
use crate::evaluate::signers::{Kind, Must, Signed, SignedStatement, Wanted, What, predicate};
use crate::evidence::ImageEvidence;
use crate::expression::Scope;
use crate::policy::image_rule::Which;
use crate::policy::signer::{AttestorSet, Placement};
use crate::verdict::Explanation;
use crate::verdict::reason::ReasonCode;

use super::needs_several;

/// An image, as a workload names it or as one of its platforms, and what was fetched for it.
pub(super) struct Asked<'v, 'a> {
    pub(super) image: PinnedImage,
    pub(super) now: UnixTime,
    /// Under which name things were fetched for it.
    name: String,
    evidence: &'a ImageEvidence,
    evaluation: &'v Evaluation<'a>,
    scope: &'v Scope,
}

/// A document that a trusted signer attests, or why it cannot be read.
pub(super) struct Document {
    pub(super) signer: String,
    pub(super) statement: Statement,
    pub(super) content: Result<Predicate, String>,
}

impl<'v, 'a> Asked<'v, 'a> {
    pub(super) fn new(evaluation: &'v Evaluation<'a>, name: &str, scope: &'v Scope) -> Result<Self, Unknown> {
        let (image, evidence) = evaluation.evidence.pinned(name)?;
        Ok(Self { image, now: evaluation.now, name: name.to_owned(), evidence, evaluation, scope })
    }

    /// Who of a set signed what is wanted.
    pub(super) fn signed(&self, what: What<'_>, set: &AttestorSet) -> Signed {
        self.wanted(what, |wanted| self.evaluation.attestor_set(wanted, set))
    }

    /// What is there, or may be, and cannot be read.
    pub(super) fn unknown(&self) -> Vec<Explanation> {
        self.wanted(What::SIGNATURE, |wanted| wanted.unknown())
    }

    /// The same, and those of a set who cannot be read.
    pub(super) fn unknown_of(&self, set: &AttestorSet) -> Vec<Explanation> {
        let mut unknown = self.unknown();
        unknown.extend(self.evaluation.unread_signers(set, self.scope));
        unknown
    }

    fn wanted<T>(&self, what: What<'_>, ask: impl FnOnce(&Wanted<'_>) -> T) -> T {
        ask(&Wanted {
            image: &self.image,
            evidence: self.evidence,
            artifacts: &self.evaluation.parsed(&self.name),
            formats: self.evaluation.policies.formats(),
            scope: self.scope,
            what,
        })
    }

    pub(super) fn read(&self, statement: &Statement) -> Result<Predicate, String> {
        let read = self.evaluation.policies.formats().predicate_of(statement, &Limits::default());
        read.map_err(|error| Reasons(&error).to_string())
    }

    /// Whether enough trusted signers attest documents of a kind, and the documents.
    pub(super) fn documents(&self, kind: PredicateKind, set: &AttestorSet) -> (Explanation, Vec<Document>) {
        let signed = self.signed(Kind::Documents(kind).any(), set);
        let read = |one: SignedStatement| {
            let content = self.read(&one.statement);
            Document { signer: one.signer, statement: one.statement, content }
        };
        (signed.explanation, signed.statements.into_iter().map(read).collect())
    }

    /// Whether enough trusted signers attest what is wanted, and those of their attestations satisfy that must.
    pub(super) fn satisfied(
        &self,
        path: &str,
        which: Which,
        kind: Kind<'_>,
        set: &AttestorSet,
        judge: &dyn Fn(&Statement) -> Vec<Explanation>,
    ) -> Explanation {
        if which == Which::Any {
            let judge = |statement: &Statement, _: Option<UnixTime>| judge(statement);
            let signed = self.signed(kind.that_must(Must::Satisfy(&judge)), set);
            return Explanation::all(path, vec![signed.explanation]);
        }
        let signed = self.signed(kind.any(), set);
        let mut causes = vec![signed.explanation];
        if causes.iter().all(Explanation::holds) {
            // All must be good, or the last, so all must be known.
            causes.extend(self.unknown_of(set));
            let meant = match which {
                Which::Latest => latest(signed.statements, needs_several(set)),
                _ => Ok(signed.statements),
            };
            match meant {
                Ok(meant) => causes.extend(meant.iter().map(|one| {
                    Explanation::all(&format!("{kind} by {}", one.signer), judge(&one.statement))
                })),
                Err(problem) => causes.push(Explanation::fail("latest", ReasonCode::Unresolved, problem)),
            }
        }
        Explanation::all(path, causes)
    }
}

impl Asked<'_, '_> {
    /// Whether an expression over what is attested holds.
    pub(super) fn expressed(&self, expression: &Cel, statement: &Statement) -> Explanation {
        let check = format!("expression `{expression}`");
        let predicate = match predicate(statement) {
            Ok(predicate) => predicate,
            Err(error) => return Explanation::fail("predicate", ReasonCode::Malformed, error.to_string()),
        };
        let attested =
            Attested { predicate: (&predicate).into(), predicate_type: statement.predicate_type() };
        let budget = self.evaluation.scopes.budget();
        match Interpreter::new(&attested, budget, self.now).holds(expression) {
            Ok(true) => Explanation::pass(check, "holds"),
            Ok(false) => Explanation::fail(check, ReasonCode::Condition, "does not hold"),
            Err(failure) => {
                let message = format!("cannot be determined: {failure}");
                Explanation::fail(check, ReasonCode::Unresolved, message)
            }
        }
    }
}

/// What the names of an expression about an attestation stand for.
struct Attested<'e> {
    predicate: Value<'e>,
    predicate_type: &'e str,
}

impl<'e> Environment<'e> for Attested<'e> {
    fn value(&self, name: &str) -> Result<Value<'e>, Failure> {
        match name {
            "predicate" => self.predicate.clone().bounded(),
            "predicateType" => Ok(Value::from(self.predicate_type)),
            other => failed(format!("name `{other}` is not known")),
        }
    }

    fn member(&self, name: &str, _: &str) -> Result<Value<'e>, Failure> {
        failed(format!("name `{name}` is not known"))
    }

    fn answer(&self, _: Question, _: &[Value<'e>]) -> Result<Value<'e>, Failure> {
        failed("is not asked here")
    }
}

/// The attestations that were signed last, of all or of each signer; several if they were signed at the same time. One that says the
/// same again is as late as its latest.
fn latest(statements: Vec<SignedStatement>, of_each_signer: bool) -> Result<Vec<SignedStatement>, String> {
    let mut groups: BTreeMap<Option<String>, Vec<SignedStatement>> = BTreeMap::new();
    for one in statements {
        let group = groups.entry(of_each_signer.then(|| one.signer.clone())).or_default();
        match group.iter_mut().find(|other| is_same_predicate(&other.statement, &one.statement)) {
            // Of two times of which one is not known, the later one is not known.
            Some(same) => same.time = same.time.zip(one.time).map(|(own, other)| own.max(other)),
            None => group.push(one),
        }
    }
    let mut latest = Vec::new();
    for group in groups.into_values() {
        let unknown = group.iter().find(|one| one.time.is_none()).filter(|_| group.len() > 1);
        if let Some(unknown) = unknown {
            return Err(format!(
                "cannot determine which attestation is the latest: the time of a signature by {} is not vouched for",
                unknown.signer
            ));
        }
        let last = group.iter().map(|one| one.time).max().flatten();
        latest.extend(group.into_iter().filter(|one| one.time == last));
    }
    Ok(latest)
}

pub(super) fn is_same_predicate(one: &Statement, other: &Statement) -> bool {
    one.predicate_type() == other.predicate_type() && one.predicate_json() == other.predicate_json()
}

/// What a workload names, and the images of its platforms.
pub(super) struct Targets<'v, 'a> {
    image: Asked<'v, 'a>,
}

impl<'v, 'a> Targets<'v, 'a> {
    pub(super) fn new(image: Asked<'v, 'a>) -> Self {
        Self { image }
    }

    /// What the workload names.
    pub(super) fn image(&self) -> &Asked<'v, 'a> {
        &self.image
    }

    /// Judges what must have been signed: what the workload names, each of its platforms, or either. Where all of something must be
    /// good, or the last, what is bad of the index is not made good by its platforms: they count if it has nothing of the kind.
    pub(super) fn judge(
        &self,
        placement: Placement,
        which: Which,
        judge: &dyn Fn(&Asked<'_, '_>) -> Vec<Explanation>,
    ) -> Vec<Explanation> {
        match placement {
            Placement::Image => judge(&self.image),
            Placement::EveryPlatform => vec![self.every_platform(judge)],
            Placement::Either => {
                let own = Explanation::all("index", judge(&self.image));
                let has_nothing = own.code == Some(ReasonCode::NotFound);
                if own.holds() || which != Which::Any && !has_nothing {
                    return vec![own];
                }
                let every = self.every_platform(judge);
                if every.holds() {
                    return vec![every];
                }
                let code = own.code.unwrap_or(ReasonCode::NotFound);
                let message = "neither the index nor every platform satisfies it";
                vec![Explanation::fail("either", code, message).because(vec![own, every])]
            }
        }
    }

    fn every_platform(&self, judge: &dyn Fn(&Asked<'_, '_>) -> Vec<Explanation>) -> Explanation {
        let check = "every platform";
        let image = &self.image;
        match platform_names(&image.image, image.evaluation.evidence) {
            Err((code, problem)) => Explanation::fail(check, code, problem),
            Ok(platforms) => {
                let of_one = |(platform, name): (String, Option<String>)| {
                    // An image that is in no index is its own platform.
                    let Some(name) = name else { return Explanation::all(&platform, judge(image)) };
                    match Asked::new(image.evaluation, &name, image.scope) {
                        Ok(asked) => Explanation::all(&platform, judge(&asked)),
                        Err((code, problem)) => Explanation::fail(platform, code, problem),
                    }
                };
                Explanation::all(check, platforms.into_iter().map(of_one).collect())
            }
        }
    }
}
