//! Rules about signatures and attestations as Kyverno's `ImageValidatingPolicy`
//! ([reference](https://kyverno.io/docs/policy-types/image-validating-policy/)).

use serde_json::{Map, Value, json};
use trust_core::internal::pem;
use trust_core::notation::{StoreKind, TrustStatement};
use trust_core::{CertificateIdentity, Pattern};

use super::parts::{
    flat, is_literal, put, refuse_own_roots, refuse_what_has_no_words, regular_expression,
    repository_and_tag, selector, subject_and_issuer, wildcard,
};
use super::scope::{Kinds, Scope};
use super::{ChangeKind, Obstacle, Source};
use crate::kubernetes::image_pattern::ReferencePattern;
use crate::language::reader::match_constraints::CONTROLLERS;
use crate::policy::image_rule::{AttestationRequirement, ImageAuthority, ImageRule, Vouching};
use crate::policy::mode::Mode;
use crate::policy::notation_trust::NotationTrust;
use crate::policy::signer::{Attestor, AttestorSet, Signer};

/// Images of the request, of every list that expressions have.
const IMAGES: &str = "(images.containers + images.initContainers + images.ephemeralContainers)";

/// Attestors and attestations by their names, each once.
#[derive(Default)]
struct Names {
    attestors: Vec<Attestor>,
    attestations: Vec<String>,
}

pub(super) fn write(
    source: &Source<'_>,
    changes: &mut Vec<(ChangeKind, String)>,
) -> Result<Vec<Value>, Obstacle> {
    let Source { images, name, .. } = source;
    refuse_what_has_no_words(images)?;
    refuse_own_gaps(images)?;
    let scope = Scope::of(source)?;
    let mut names = Names::default();
    let conditions = conditions(images, &mut names)?;
    let mut spec = Map::new();
    let action = match images.mode.default {
        Mode::Enforce => "Deny",
        Mode::Warn => "Warn",
        Mode::Audit => "Audit",
    };
    put(&mut spec, "validationActions", json!([action]));
    put_scope(&mut spec, &scope, changes)?;
    let mut globs = Vec::new();
    for pattern in &images.references {
        globs.extend(references(pattern, changes)?);
    }
    put(&mut spec, "matchImageReferences", json!(globs));
    let validations = conditions.iter().map(|condition| {
        json!({
            "expression": format!("{IMAGES}.all(image, {condition})"),
            "message": format!("an image does not satisfy `{}`", images.path),
        })
    });
    let validations: Vec<Value> = validations.collect();
    put(&mut spec, "attestors", names.attestors.iter().enumerate().map(attestor).collect::<Result<_, _>>()?);
    let attestations = names.attestations.iter().enumerate();
    let attestations = attestations
        .map(|(index, kind)| json!({"name": format!("attestation{}", index + 1), "intoto": {"type": kind}}));
    put(&mut spec, "attestations", attestations.collect());
    put(
        &mut spec,
        "validationConfigurations",
        json!({
            "mutateDigest": images.pins_digest,
            "verifyDigest": images.needs_digest,
            "required": false,
        }),
    );
    put(&mut spec, "validations", json!(validations));
    changes
        .push((ChangeKind::Narrower, "images that are mounted as volumes are not judged by it".to_owned()));
    let kind = if scope.own_namespace.is_some() {
        "NamespacedImageValidatingPolicy"
    } else {
        "ImageValidatingPolicy"
    };
    let mut metadata = Map::from_iter([("name".to_owned(), json!(name))]);
    put(&mut metadata, "namespace", json!(scope.own_namespace));
    Ok(vec![
        json!({"apiVersion": "policies.kyverno.io/v1", "kind": kind, "metadata": metadata, "spec": spec}),
    ])
}

/// What other languages say, and this one does not.
fn refuse_own_gaps(images: &ImageRule) -> Result<(), Obstacle> {
    match (images.except.is_empty(), images.mode.overrides.is_empty()) {
        (false, _) => Err("it passes over images".to_owned()),
        (_, false) => Err("what a violation does depends on the namespace".to_owned()),
        _ => Ok(()),
    }
}

fn put_scope(
    spec: &mut Map<String, Value>,
    scope: &Scope<'_>,
    changes: &mut Vec<(ChangeKind, String)>,
) -> Result<(), Obstacle> {
    let controllers = match &scope.kinds {
        Kinds::PodsAndControllers(kinds) => {
            let named = CONTROLLERS.iter().filter(|(_, kind, _)| kinds.contains(kind));
            named.map(|(resource, ..)| *resource).collect()
        }
        Kinds::Pods | Kinds::Any => CONTROLLERS.map(|(resource, ..)| resource).to_vec(),
        Kinds::Other(kinds) => {
            return Err(format!("it is about {}, not Pods and what makes Pods", kinds.join(", ")));
        }
    };
    let mut note = |kind, message: &str| changes.push((kind, message.to_owned()));
    // There a selector keeps a policy to Pods.
    match (&scope.kinds, scope.namespace_selector.is_some()) {
        (Kinds::Pods, false) => note(ChangeKind::Stricter, "it is about what makes Pods, too"),
        (Kinds::Any, false) => {
            note(
                ChangeKind::Narrower,
                "it is about Pods and what makes Pods, and no other resources with images",
            );
        }
        (Kinds::Pods, true) | (_, false) => {}
        (_, true) => note(ChangeKind::Narrower, "with a selector of namespaces it is about Pods alone"),
    }
    if controllers.len() < CONTROLLERS.len() {
        put(spec, "autogen", json!({"podControllers": {"controllers": controllers}}));
    }
    let mut constraints = Map::new();
    put(
        &mut constraints,
        "resourceRules",
        json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["pods"]}]),
    );
    put(&mut constraints, "namespaceSelector", scope.namespace_selector.map_or(Value::Null, selector));
    put(spec, "matchConstraints", Value::Object(constraints));
    let mut conditions = Vec::new();
    for (name, patterns, holds) in
        [("namespaces", &scope.namespaces, ""), ("except-namespaces", &scope.except_namespaces, "!")]
    {
        if !patterns.is_empty() {
            let any: Vec<String> = patterns.iter().map(|pattern| is_namespace(pattern)).collect();
            conditions.push(json!({"name": name, "expression": format!("{holds}({})", any.join(" || "))}));
        }
    }
    put(spec, "matchConditions", json!(conditions));
    Ok(())
}

fn is_namespace(pattern: &Pattern) -> String {
    match is_literal(pattern) {
        true => format!("request.namespace == {}", json!(pattern.written())),
        false => format!("request.namespace.matches({})", json!(regular_expression(pattern))),
    }
}

/// Globs that match what a pattern matches. What is compared there is the image as it is written.
fn references(
    pattern: &ReferencePattern,
    changes: &mut Vec<(ChangeKind, String)>,
) -> Result<Vec<Value>, Obstacle> {
    let glob = |text: String| json!({"glob": text});
    if pattern.is_glob() {
        return Ok(vec![glob(pattern.written().to_owned())]);
    }
    let (repository, tag) = repository_and_tag(pattern);
    let crosses = pattern.is_kyverno();
    let is_everything = repository.chars().all(|c| c == '*') && (crosses || repository.len() > 1);
    let registry = repository.split('/').next().unwrap_or_default();
    if !is_everything
        && (registry.contains(['*', '?']) || registry == "docker.io" || !repository.contains('/'))
    {
        return Err(format!(
            "{pattern} is about images of Docker Hub, or of several registries, which have names without a registry"
        ));
    }
    if !crosses && repository.replace("**", "").contains('*') {
        return Err(format!("{pattern} has `*` for one part of a path, and there it stands for anything"));
    }
    changes
        .push((ChangeKind::Elsewhere, format!("Kyverno compares {pattern} with images as they are written")));
    let escaped = escaped_text(&repository);
    let any_of = |escaped: &str| ["", ":*", "@*"].map(|end| glob(format!("{escaped}{end}"))).to_vec();
    Ok(match tag {
        Some((sign, tag)) if !["*", "**"].contains(&tag.as_str()) => {
            vec![glob(format!("{escaped}{sign}{}", escaped_text(&tag)))]
        }
        None if escaped.ends_with('*') => vec![glob(escaped)],
        None if pattern.is_by_segment() => any_of(&escaped),
        None => {
            let message = format!("{pattern} is about images without a tag, too, and about `latest`");
            changes.push((ChangeKind::Stricter, message));
            vec![glob(escaped)]
        }
        Some(_) => any_of(&escaped),
    })
}

/// A text in which `*` and `?` alone are wildcards.
fn escaped_text(text: &str) -> String {
    text.chars().map(|c| if "[]{}\\,".contains(c) { format!("\\{c}") } else { c.to_string() }).collect()
}

/// What must hold of each image: all of these.
fn conditions(images: &ImageRule, names: &mut Names) -> Result<Vec<String>, Obstacle> {
    let mut conditions = Vec::new();
    for set in &images.signatures {
        conditions.push(names.signed(set)?);
    }
    for one in &images.attestations {
        conditions.extend(attestation(one, names)?);
    }
    if !images.authorities.is_empty() {
        let any: Vec<String> =
            images.authorities.iter().map(|one| authority(one, names)).collect::<Result<_, _>>()?;
        conditions.push(any.join(" || "));
    }
    if conditions.is_empty() {
        return Err("it demands no signature and no attestation".to_owned());
    }
    Ok(conditions)
}

fn authority(authority: &ImageAuthority, names: &mut Names) -> Result<String, Obstacle> {
    match &authority.vouching {
        Vouching::Always => Ok("true".to_owned()),
        Vouching::Never(_) => Ok("false".to_owned()),
        // By no attestation nothing is vouched for.
        Vouching::Attestations(attestations) if attestations.is_empty() => Ok("false".to_owned()),
        Vouching::Signature(set) => names.signed(set),
        Vouching::Attestations(attestations) => {
            let all: Result<Vec<_>, _> = attestations.iter().map(|one| attestation(one, names)).collect();
            Ok(format!("({})", all?.concat().join(" && ")))
        }
    }
}

fn attestation(one: &AttestationRequirement, names: &mut Names) -> Result<Vec<String>, Obstacle> {
    if one.conditions.is_some() || one.shape.is_some() || one.expression.is_some() || one.max_age.is_some() {
        return Err("it has conditions on what is attested".to_owned());
    }
    if one.attestors.is_empty() {
        return Err("nobody may sign an attestation that it demands".to_owned());
    }
    let index =
        names.attestations.iter().position(|known| *known == one.predicate_type).unwrap_or_else(|| {
            names.attestations.push(one.predicate_type.clone());
            names.attestations.len() - 1
        });
    let write = |set: &AttestorSet| {
        let (count, list) = names.list(set)?;
        Ok(format!(
            "verifyAttestationSignatures(image, attestations.attestation{}, {list}) >= {count}",
            index + 1
        ))
    };
    one.attestors.iter().map(write).collect()
}

impl Names {
    /// That enough of a set signed an image.
    fn signed(&mut self, set: &AttestorSet) -> Result<String, Obstacle> {
        let (count, list) = self.list(set)?;
        Ok(format!("verifyImageSignatures(image, {list}) >= {count}"))
    }

    /// How many of which attestors.
    fn list(&mut self, set: &AttestorSet) -> Result<(usize, String), Obstacle> {
        let (count, attestors) = flat(set)?;
        let names: Vec<String> =
            attestors.into_iter().map(|one| format!("attestors.{}", self.name(one))).collect();
        Ok((count, format!("[{}]", names.join(", "))))
    }

    fn name(&mut self, attestor: &Attestor) -> String {
        let attestor = Attestor { path: String::new(), ..attestor.clone() };
        let index = self.attestors.iter().position(|known| *known == attestor).unwrap_or_else(|| {
            self.attestors.push(attestor);
            self.attestors.len() - 1
        });
        attestor_name(index)
    }
}

fn attestor_name(index: usize) -> String {
    format!("attestor{}", index + 1)
}

fn attestor((index, attestor): (usize, &Attestor)) -> Result<Value, Obstacle> {
    refuse_own_roots(attestor)?;
    if let Signer::Notation(signer) = &attestor.signer {
        return Ok(json!({"name": attestor_name(index), "notary": notary(attestor, signer)?}));
    }
    let mut cosign = Map::new();
    match &attestor.signer {
        Signer::Key(key) => {
            put(&mut cosign, "key", json!({"data": pem::encode("PUBLIC KEY", key.spki_der())}))
        }
        Signer::Certificate(one) => {
            put(&mut cosign, "certificate", json!({"cert": {"value": pem::encode("CERTIFICATE", one.der())}}))
        }
        Signer::Identity(policy) => match policy.identities() {
            [identity] => put(&mut cosign, "keyless", keyless(identity)?),
            _ => return Err("one signer has several identities".to_owned()),
        },
        other => return Err(format!("a signer is {other}, which `ImageValidatingPolicy` does not name")),
    }
    let mut logs = Map::new();
    put(&mut logs, "insecureIgnoreTlog", if attestor.needs_log_entry { Value::Null } else { json!(true) });
    put(
        &mut logs,
        "insecureIgnoreSCT",
        if attestor.needs_certificate_log { Value::Null } else { json!(true) },
    );
    put(&mut cosign, "ctlog", Value::Object(logs));
    let annotations: Map<String, Value> =
        attestor.annotations.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    put(&mut cosign, "annotations", Value::Object(annotations));
    let source =
        attestor.repository.as_ref().map_or(Value::Null, |repository| json!({"repository": repository}));
    put(&mut cosign, "source", source);
    Ok(json!({"name": attestor_name(index), "cosign": cosign}))
}

/// `notary` of an attestor: certificates of which one must be in the chain, at the level `strict`.
fn notary(attestor: &Attestor, signer: &NotationTrust) -> Result<Value, Obstacle> {
    let statement = &signer.statement;
    let strict = TrustStatement::strict(statement.name.clone(), statement.stores.clone());
    if *statement != strict || !attestor.annotations.is_empty() || attestor.repository.is_some() {
        return Err(format!("a signer is {signer}, and `ImageValidatingPolicy` has certificates only"));
    }
    let mut fields = Map::new();
    for key @ (kind, name) in &statement.stores {
        let store = signer.stores.get(key);
        let store = store
            .ok_or_else(|| format!("a signer's trust store `{kind}:{name}` is not part of the policy"))?;
        let field = match kind {
            StoreKind::CertificateAuthority => "certs",
            StoreKind::TimestampAuthority => "tsaCerts",
            _ => return Err("a signer is known by a signing authority".to_owned()),
        };
        if fields.contains_key(field) {
            return Err("a signer has several trust stores of one kind".to_owned());
        }
        put(&mut fields, field, json!({"value": store.to_pem()}));
    }
    Ok(Value::Object(fields))
}

fn keyless(identity: &CertificateIdentity) -> Result<Value, Obstacle> {
    if identity.authority().is_some() {
        return Err("a signer's identity is vouched for by an authority alone".to_owned());
    }
    let mut keyless = Map::new();
    put(&mut keyless, "identities", json!([subject_and_issuer(identity, false)]));
    let mut extensions = Map::new();
    for (extension, value) in identity.extensions() {
        put(&mut extensions, &format!("1.3.6.1.4.1.57264.1.{}", extension.number()), json!(wildcard(value)?));
    }
    put(&mut keyless, "additionalExtensions", Value::Object(extensions));
    Ok(Value::Object(keyless))
}
