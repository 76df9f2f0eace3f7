//! What expressions ask for: signatures, attestations and their payloads, objects of the cluster.

use core::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use trust_core::internal::{json, pem};
use trust_core::{PinnedImage, PublicKey, Reasons, UnixTime};

use super::Asked;
use super::bindings::{Bindings, MAX_IMAGES, Questions};
use crate::cel::value::{Bounds, Failure, Value, failed};
use crate::cel::{Question, hub};
use crate::evaluate::Evaluation;
use crate::evaluate::image_content::registry_data;
use crate::evaluate::signers::{Found, Kind, Signed, SignedStatement, Wanted, What, distinct_signers};
use crate::evidence::{Evidence, ImageEvidence};
use crate::expression::Scope;
use crate::expression::budget::Budget;
use crate::kubernetes::object_name::ObjectName;
use crate::kubernetes::resource::{ContainerImage, ContainerKind};
use crate::policy::signer::{AttestorSet, Signer};
use crate::policy::validation::{AttestationKind, NamedAttestation, ValidationRule};
use crate::verdict::Explanation;
use crate::verdict::reason::ReasonCode;

/// Bytes of an attestation that are read in about the time of a step.
const READ_IN_A_STEP: usize = 16;

/// Objects and what registries hold of images, as expressions see them: made once, however often they are asked for.
pub(super) struct LookedUp<'v> {
    evidence: &'v Evidence,
    objects: RefCell<BTreeMap<ObjectName, Result<Value<'static>, Failure>>>,
    images: RefCell<BTreeMap<String, Result<Value<'static>, Failure>>>,
}

impl<'v> LookedUp<'v> {
    pub(super) fn new(evidence: &'v Evidence) -> Self {
        Self { evidence, objects: RefCell::default(), images: RefCell::default() }
    }

    fn object(&self, name: &ObjectName) -> Result<Value<'static>, Failure> {
        let mut objects = self.objects.borrow_mut();
        objects.entry(name.clone()).or_insert_with(|| object_in(self.evidence, name)).clone()
    }

    fn image(&self, image: &str) -> Result<Value<'static>, Failure> {
        let mut images = self.images.borrow_mut();
        images.entry(image.to_owned()).or_insert_with(|| image_data(self.evidence, image)).clone()
    }
}

/// Nothing is fetched yet: what is asked is noted, and signatures are taken for good, so that what depends on them is asked, too.
pub(super) struct Unanswered<'v> {
    looked_up: LookedUp<'v>,
    budget: &'v Budget,
    pub(super) asked: RefCell<Asked>,
}

impl<'v> Unanswered<'v> {
    pub(super) fn new(evidence: &'v Evidence, budget: &'v Budget) -> Self {
        Self { looked_up: LookedUp::new(evidence), budget, asked: RefCell::default() }
    }

    /// Notes that an image is asked about.
    fn image(&self, image: &Value<'_>) -> Result<String, Failure> {
        let image = image_text(image, self.budget)?;
        let mut asked = self.asked.borrow_mut();
        if asked.images.len() == MAX_IMAGES && !asked.images.contains(&image) {
            return failed(format!("asks about more than {MAX_IMAGES} images"));
        }
        asked.images.insert(image.clone());
        Ok(image)
    }
}

impl<'e> Questions<'e> for Unanswered<'_> {
    fn answer(&self, question: Question, arguments: &[Value<'e>]) -> Result<Value<'e>, Failure> {
        match (question, arguments) {
            (Question::ImageSignatures, [image, attestors])
            | (Question::AttestationSignatures, [image, _, attestors]) => {
                self.image(image)?;
                let count = attestors.len().and_then(|count| i64::try_from(count).ok());
                Ok(Value::Int(count.unwrap_or_default()))
            }
            (Question::Payload, [image, _]) => {
                self.image(image)?;
                Err(Failure::Unknown("nothing was fetched yet".to_owned()))
            }
            (Question::ImageData, [image]) => {
                let image = self.image(image)?;
                self.asked.borrow_mut().documents.insert(image.clone());
                self.looked_up.image(&image)
            }
            (_, arguments) => {
                let object = object_name(arguments)?;
                let found = self.looked_up.object(&object);
                if !self.looked_up.evidence.objects.contains_key(&object.to_string()) {
                    self.asked.borrow_mut().objects.insert(object);
                }
                found
            }
        }
    }
}

/// An image, the name of an attestation or none, and the place of an attestor.
type SignedKey = (String, Option<String>, usize);

/// The statements that counted for an image and the name of an attestation, or why there are none.
type Statements = BTreeMap<(String, String), Result<Vec<SignedStatement>, String>>;

/// Verifies what is asked.
pub(super) struct Verification<'v, 'a> {
    evaluation: &'v Evaluation<'a>,
    rule: &'v ValidationRule,
    scope: &'v Scope,
    looked_up: LookedUp<'v>,
    images: RefCell<Vec<ContainerImage>>,
    /// The signers of each attestor, or why they are not known.
    signers: RefCell<Vec<Result<AttestorSet, String>>>,
    /// What an attestor signed of an image; as attestation of a name, if there is one.
    signed: RefCell<BTreeMap<SignedKey, Rc<Signed>>>,
    /// The statements that counted when an attestation of an image was verified last.
    statements: RefCell<Statements>,
    payloads: RefCell<BTreeMap<(String, String), Value<'static>>>,
    /// Whose cause was told.
    told: RefCell<BTreeSet<SignedKey>>,
    causes: RefCell<Vec<Explanation>>,
    verified: RefCell<BTreeSet<String>>,
}

impl<'v, 'a> Verification<'v, 'a> {
    pub(super) fn new(evaluation: &'v Evaluation<'a>, rule: &'v ValidationRule, scope: &'v Scope) -> Self {
        let signers = rule.images.attestors.iter().map(|one| Ok(one.signers.clone())).collect();
        Self {
            evaluation,
            rule,
            scope,
            looked_up: LookedUp::new(evaluation.evidence),
            images: RefCell::default(),
            signers: RefCell::new(signers),
            signed: RefCell::default(),
            statements: RefCell::default(),
            payloads: RefCell::default(),
            told: RefCell::default(),
            causes: RefCell::default(),
            verified: RefCell::default(),
        }
    }

    /// The images that may be asked about.
    pub(super) fn select(&self, images: &[ContainerImage]) {
        *self.images.borrow_mut() = images.to_vec();
    }

    /// Evaluates the keys that expressions make.
    pub(super) fn bind_keys<'e>(&self, bindings: &Bindings<'e>)
    where
        'v: 'e,
    {
        for (index, attestor) in self.rule.images.attestors.iter().enumerate() {
            let Some(expression) = &attestor.key else { continue };
            let signers = match bindings.evaluate(expression) {
                Ok(Value::Text(text)) => with_keys(&attestor.signers, &text),
                Ok(other) => Err(format!("its key is {}, expected string", other.type_name())),
                Err(failure) => Err(format!("its key has no value: {failure}")),
            };
            if let Some(slot) = self.signers.borrow_mut().get_mut(index) {
                *slot = signers;
            }
        }
    }

    /// Why signatures counted and did not, since it was asked the last time.
    pub(super) fn take_causes(&self) -> Vec<Explanation> {
        self.told.borrow_mut().clear();
        self.causes.take()
    }

    /// The images of which something was verified.
    pub(super) fn into_verified(self) -> BTreeSet<String> {
        self.verified.into_inner()
    }

    /// How many different attestors of a list signed an image, or an attestation of it. Where it is not known of some, only the bounds
    /// are known.
    fn count(
        &self,
        image: &Value<'_>,
        attestation: Option<&NamedAttestation>,
        attestors: &Value<'_>,
    ) -> Result<Value<'static>, Failure> {
        let budget = self.evaluation.scopes.budget();
        let name = image_text(image, budget)?;
        let image = self.images.borrow().iter().find(|one| one.image == name).cloned();
        let Some(image) = image else { return self.not_selected(name) };
        budget.spend(attestors.len().unwrap_or_default())?;
        let Some(list) = attestors.items() else {
            return failed(format!("attestors are {}, expected list", attestors.type_name()));
        };
        let index = |attestor: &Value<'_>| match attestor {
            Value::Attestor(index) => Ok(*index),
            other => failed(format!("attestor is {}, expected one such as `attestors.a`", other.type_name())),
        };
        // An attestor that is named twice is one.
        let distinct: BTreeSet<usize> = list.iter().map(index).collect::<Result<_, _>>()?;
        let (mut signers, mut statements, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
        for attestor in distinct {
            let signed = self.signed(&image, attestation, attestor)?;
            statements.extend(signed.statements.iter().cloned());
            let explanation = &signed.explanation;
            if !explanation.holds() && explanation.code.is_some_and(is_unknown) {
                unknown.push(explanation.message.clone());
            }
            signers.push(signed.signers.clone());
            let key = (name.clone(), attestation.map(|one| one.name.clone()), attestor);
            if self.told.borrow_mut().insert(key) {
                self.causes.borrow_mut().push(explanation.clone());
            }
        }
        let count = distinct_signers(&signers);
        if count > 0 {
            if let Some(attestation) = attestation {
                let key = (name.clone(), attestation.name.clone());
                self.payloads.borrow_mut().remove(&key);
                // Of one who is not known a later one may be there.
                let known = unknown.first().map_or(Ok(statements), |reason| Err(reason.clone()));
                self.statements.borrow_mut().insert(key, known);
            }
            self.verified.borrow_mut().insert(name);
        }
        let number = |count| i64::try_from(count).unwrap_or(i64::MAX);
        let (least, most) = (number(count), number(count + unknown.len()));
        Ok(match unknown.into_iter().next() {
            None => Value::Int(least),
            Some(reason) => Value::Between(Rc::new(Bounds { least, most, reason })),
        })
    }

    /// What is said of an image that is not among those of the request. Of one that the policy passes over by its name, no signer counts.
    fn not_selected(&self, image: String) -> Result<Value<'static>, Failure> {
        let problem = format!("`{image}` is not an image of the request, so nothing is known of it");
        let image = ContainerImage::new(ContainerKind::Custom, String::new(), String::new(), image, false);
        match self.rule.images.selects(&image) {
            Some(false) => Ok(Value::Int(0)),
            _ => Err(Failure::Unknown(problem)),
        }
    }

    /// What an attestor signed, verified once.
    fn signed(
        &self,
        image: &ContainerImage,
        attestation: Option<&NamedAttestation>,
        attestor: usize,
    ) -> Result<Rc<Signed>, Failure> {
        let key = (image.image.clone(), attestation.map(|one| one.name.clone()), attestor);
        if let Some(signed) = self.signed.borrow().get(&key) {
            return Ok(signed.clone());
        }
        let signers = self.signers.borrow().get(attestor).cloned();
        let signers = signers.ok_or_else(|| Failure::Failed("attestor is not known".to_owned()))?;
        let signed = Rc::new(self.verify(image, attestation, attestor, signers));
        self.signed.borrow_mut().insert(key, signed.clone());
        Ok(signed)
    }

    fn verify(
        &self,
        image: &ContainerImage,
        attestation: Option<&NamedAttestation>,
        attestor: usize,
        signers: Result<AttestorSet, String>,
    ) -> Signed {
        let name = self.rule.images.attestors.get(attestor).map_or("", |one| one.name.as_str());
        let of = attestation.map_or_else(String::new, |one| format!(" of attestation `{}`", one.name));
        let check = format!("{image}, image `{}`: attestor `{name}`{of}", image.image);
        let fail = |code, message: String| {
            Signed::none(Explanation::fail(check.clone(), code, message).about(image, None))
        };
        let (pinned, evidence) = match self.evaluation.pinned(image) {
            Ok(found) => found,
            Err((code, message)) => return fail(code, message),
        };
        let set = match signers {
            Ok(set) => set,
            Err(problem) => return fail(ReasonCode::UnusablePolicy, problem),
        };
        let what = match attestation.map(|one| &one.kind) {
            None => What::SIGNATURE,
            Some(AttestationKind::Statement(predicate_type)) => Kind::Type(predicate_type).any(),
            Some(AttestationKind::Referrer(artifact)) => {
                let problem =
                    format!("signatures on artifacts of type `{artifact}` are not verified here yet");
                return fail(ReasonCode::UnusablePolicy, problem);
            }
        };
        let mut signed = self.signed_by(image, &pinned, evidence, what, &set);
        let causes = vec![signed.explanation];
        signed.explanation = Explanation::all(&check, causes).about(image, Some(pinned.digest()));
        signed
    }

    fn signed_by(
        &self,
        image: &ContainerImage,
        pinned: &PinnedImage,
        evidence: &ImageEvidence,
        what: What<'_>,
        set: &AttestorSet,
    ) -> Signed {
        let artifacts = self.evaluation.parsed(&image.image);
        let formats = self.evaluation.policies.formats();
        let wanted =
            Wanted { image: pinned, evidence, artifacts: &artifacts, formats, scope: self.scope, what };
        self.evaluation.attestor_set(&wanted, set)
    }

    fn attestation(&self, name: &Value<'_>) -> Result<&'v NamedAttestation, Failure> {
        let Value::Text(name) = name else {
            return failed(format!(
                "attestation is {}, expected one such as `attestations.a`",
                name.type_name()
            ));
        };
        let found = self.rule.images.attestations.iter().find(|one| one.name == **name);
        found.ok_or_else(|| Failure::Failed(format!("attestation `{}` is not known", &**name)))
    }

    /// What the latest attestation says of those that counted when it was verified last.
    fn payload(&self, image: &Value<'_>, name: &Value<'_>) -> Result<Value<'static>, Failure> {
        let image = image_text(image, self.evaluation.scopes.budget())?;
        let attestation = self.attestation(name)?;
        let key = (image, attestation.name.clone());
        if let Some(payload) = self.payloads.borrow().get(&key) {
            return Ok(payload.clone());
        }
        let later =
            |problem: String| Failure::Unknown(format!("a later attestation may be there: {problem}"));
        let statements = self.statements.borrow().get(&key).cloned().unwrap_or_else(|| Ok(Vec::new()));
        let statements = statements.map_err(later)?;
        let failures = self.evaluation.evidence.images.get(&key.0).map_or(&[][..], |one| &one.failures);
        if let Some(failure) = failures.first() {
            return Err(later(failure.to_string()));
        }
        let artifacts = self.evaluation.parsed(&key.0);
        if let Some(error) = artifacts.iter().find_map(Found::problem_of_attestation) {
            return Err(later(Reasons(error).to_string()));
        }
        let text = latest(&statements)?.ok_or_else(|| {
            Failure::Failed(format!(
                "`extractPayload`: no attestation `{}` of `{}` was verified before",
                key.1, key.0
            ))
        })?;
        self.evaluation.scopes.budget().spend(text.len() / READ_IN_A_STEP)?;
        let payload =
            json::from_slice(text.as_bytes()).map_err(|error| Failure::Failed(error.to_string()))?;
        let payload = Value::owned(payload);
        self.payloads.borrow_mut().insert(key, payload.clone());
        Ok(payload)
    }
}

impl<'e> Questions<'e> for Verification<'_, '_> {
    fn answer(&self, question: Question, arguments: &[Value<'e>]) -> Result<Value<'e>, Failure> {
        match (question, arguments) {
            (Question::ImageSignatures, [image, attestors]) => self.count(image, None, attestors),
            (Question::AttestationSignatures, [image, attestation, attestors]) => {
                self.count(image, Some(self.attestation(attestation)?), attestors)
            }
            (Question::Payload, [image, attestation]) => self.payload(image, attestation),
            (Question::ImageData, [image]) => {
                self.looked_up.image(&image_text(image, self.evaluation.scopes.budget())?)
            }
            (_, arguments) => self.looked_up.object(&object_name(arguments)?),
        }
    }
}

/// Whether a reason says that something is not known, not that it is not so.
fn is_unknown(code: ReasonCode) -> bool {
    matches!(
        code,
        ReasonCode::NotFetched | ReasonCode::Tampered | ReasonCode::UnusablePolicy | ReasonCode::Unresolved
    )
}

/// An image as text, which is paid for.
fn image_text(image: &Value<'_>, budget: &Budget) -> Result<String, Failure> {
    match image {
        Value::Text(text) => {
            budget.spend(1 + text.len() / READ_IN_A_STEP)?;
            Ok(text.to_string())
        }
        Value::Image(image) => Ok(image.written().to_owned()),
        other => failed(format!("image is {}, expected string", other.type_name())),
    }
}

/// The signers with these keys instead.
fn with_keys(set: &AttestorSet, text: &str) -> Result<AttestorSet, String> {
    let blocks = pem::split_blocks(text);
    let [block] = &blocks[..] else {
        return Err(format!("its key has {} keys in PEM, expected one", blocks.len()));
    };
    let key =
        PublicKey::from_pem(block).map_err(|error| format!("its key cannot be used: {}", Reasons(&error)))?;
    let mut set = set.clone();
    for attestor in &mut set.attestors {
        attestor.signer = Signer::Key(Box::new(key.clone()));
    }
    Ok(set)
}

/// The statement that was signed last. Where that is not known, which one counts is not known.
fn latest(statements: &[SignedStatement]) -> Result<Option<String>, Failure> {
    let mut times: BTreeMap<String, Option<UnixTime>> = BTreeMap::new();
    for one in statements {
        let time = times.entry(one.statement.to_json()).or_insert(one.time);
        // Of two times of which one is not known, the later one is not known.
        *time = time.zip(one.time).map(|(own, other)| own.max(other));
    }
    let count = times.len();
    let last = times.values().flatten().max().copied();
    let all_known = count == 1 || times.values().all(Option::is_some);
    let mut of_last = times.into_iter().filter(|(_, time)| all_known && *time == last);
    match (of_last.next(), of_last.next(), count) {
        (Some((text, _)), None, _) => Ok(Some(text)),
        (None, _, 0) => Ok(None),
        _ => Err(Failure::Unknown(format!(
            "found {count} attestations, and which is the latest cannot be known"
        ))),
    }
}

/// What a registry holds of an image, as Kyverno gives it to expressions.
fn image_data(evidence: &Evidence, image: &str) -> Result<Value<'static>, Failure> {
    let data = registry_data(image, evidence)
        .map_err(|(_, problem)| Failure::Unknown(format!("image `{image}`: {problem}")))?;
    let reference = data.image.reference();
    let name = reference.name();
    let mut whole = serde_json::json!({
        "image": reference.written(),
        "resolvedImage": format!("{name}@{}", data.image.digest()),
        "registry": hub(reference.registry()),
        "repository": reference.repository(),
        "digest": data.image.digest().to_string(),
        "manifest": data.manifest,
        "config": data.config,
    });
    if let serde_json::Value::Object(fields) = &mut whole {
        fields.extend(reference.tag().map(|tag| ("tag".to_owned(), tag.into())));
        fields.extend(data.index.map(|index| ("imageIndex".to_owned(), index)));
    }
    Ok(Value::owned(whole))
}

/// `apiVersion`, `resource`, namespace and name of an object.
fn object_name(arguments: &[Value<'_>]) -> Result<ObjectName, Failure> {
    let texts: Option<Vec<_>> = arguments
        .iter()
        .map(|one| match one {
            Value::Text(text) => Some(text.to_string()),
            _ => None,
        })
        .collect();
    match texts.as_deref() {
        Some([version, resource, namespace, name]) if version == "v1" && resource == "configmaps" => {
            Ok(ObjectName { kind: "ConfigMap", namespace: namespace.clone(), name: name.clone() })
        }
        Some([version, resource, ..]) => Err(Failure::Unknown(format!(
            "`{resource}` of `{version}` are not looked up here, only `configmaps`"
        ))),
        _ => failed("`resource.get` expects texts"),
    }
}

fn object_in(evidence: &Evidence, object: &ObjectName) -> Result<Value<'static>, Failure> {
    match evidence.objects.get(&object.to_string()) {
        Some(Ok(found)) => Ok(Value::owned(found.clone())),
        Some(Err(failure)) => Err(Failure::Unknown(failure.to_string())),
        None => Err(Failure::Unknown(format!("{object} was not looked up"))),
    }
}
