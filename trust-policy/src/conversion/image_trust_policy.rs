//! Rules about images as `ImageTrustPolicy`.

use serde_json::{Map, Value, json};
use trust_core::FulcioExtension;
use trust_core::internal::pem;
use trust_core::notation::{Action, Actions, Check, StoreKind, TrustStore};

use super::parts::{
    by_segment, excepted_by_segment, expression, flat, put, refuse_own_roots, refuse_what_has_no_words,
    selector, subject_and_issuer, wildcard, wildcards,
};
use super::scope::{Kinds, Scope};
use super::{ChangeKind, Obstacle, Source};
use crate::policy::image_rule::{AttestationRequirement, ImageAuthority, ImageRule, Vouching, Which};
use crate::policy::mode::ModeOverride;
use crate::policy::notation_trust::NotationTrust;
use crate::policy::signer::{Attestor, AttestorSet, Signer};

/// What one policy demands; several of them demand it together.
#[derive(Default)]
struct Demands {
    signatures: Option<Value>,
    attestations: Vec<Value>,
}

/// Signers by their names, each once.
#[derive(Default)]
struct Signers(Vec<(String, Attestor)>);

pub(super) fn write(
    source: &Source<'_>,
    changes: &mut Vec<(ChangeKind, String)>,
) -> Result<Vec<Value>, Obstacle> {
    let Source { images, name, .. } = source;
    refuse_what_has_no_words(images)?;
    let scope = Scope::of(source)?;
    let mut signers = Signers::default();
    let demands = demands(images, &mut signers)?;
    let mut spec = Map::new();
    put_scope(&mut spec, &scope, changes)?;
    let patterns: Vec<String> =
        images.references.iter().map(|one| by_segment(one, changes)).collect::<Result<_, _>>()?;
    put(&mut spec, "images", json!(patterns));
    let except: Vec<String> = images.except.iter().map(excepted_by_segment).collect::<Result<_, _>>()?;
    put(&mut spec, "exceptImages", json!(except));
    let mode = &images.mode;
    put(&mut spec, "mode", json!(mode.default.to_string()));
    put(&mut spec, "modeOverrides", mode.overrides.iter().map(mode_override).collect::<Result<_, _>>()?);
    if !images.pins_digest {
        put(&mut spec, "pinDigest", json!(false));
        put(&mut spec, "requireDigest", if images.needs_digest { json!(true) } else { Value::Null });
    }
    put(&mut spec, "signers", signers.written()?);
    let mut documents = Vec::new();
    for (index, demand) in demands.iter().enumerate() {
        let mut spec = spec.clone();
        let mut require = Map::new();
        put(&mut require, "signatures", demand.signatures.clone().unwrap_or_default());
        put(&mut require, "attestations", json!(demand.attestations));
        if require.is_empty() {
            // The rule pins digests alone. Something must be demanded, so it is what always holds: the rule's own patterns.
            put(&mut require, "registries", json!(patterns));
        }
        spec.insert("require".to_owned(), Value::Object(require));
        let name = if demands.len() == 1 { name.clone() } else { format!("{name}-{}", index + 1) };
        documents.push(json!({"apiVersion": "trust.dev/v1beta1", "kind": "ImageTrustPolicy", "metadata": {"name": name}, "spec": spec}));
    }
    Ok(documents)
}

fn put_scope(
    spec: &mut Map<String, Value>,
    scope: &Scope<'_>,
    changes: &mut Vec<(ChangeKind, String)>,
) -> Result<(), Obstacle> {
    let only = match &scope.kinds {
        Kinds::Any => None,
        Kinds::Pods => Some("Pods".to_owned()),
        Kinds::PodsAndControllers(_) => Some("Pods and what makes Pods".to_owned()),
        Kinds::Other(kinds) => Some(kinds.join(", ")),
    };
    if let Some(only) = only {
        changes
            .push((ChangeKind::Stricter, format!("it is about every resource with images, not only {only}")));
    }
    let namespaces = match scope.own_namespace {
        Some(own) if scope.namespaces.is_empty() => json!([own]),
        Some(_) => return Err("a policy of one namespace names namespaces".to_owned()),
        None => wildcards(&scope.namespaces)?,
    };
    put(spec, "namespaces", namespaces);
    put(spec, "exceptNamespaces", wildcards(&scope.except_namespaces)?);
    put(spec, "namespaceSelector", scope.namespace_selector.map_or(Value::Null, selector));
    Ok(())
}

fn mode_override(one: &ModeOverride) -> Result<Value, Obstacle> {
    let mut fields = Map::new();
    put(&mut fields, "action", json!(one.mode.to_string()));
    put(&mut fields, "namespaces", wildcards(&one.namespaces.iter().collect::<Vec<_>>())?);
    // One that selects everything is not nothing.
    fields.extend(one.selector.as_ref().map(|one| ("namespaceSelector".to_owned(), selector(one))));
    Ok(Value::Object(fields))
}

/// What is demanded. Each set of signers is a policy, for all policies must hold.
fn demands(images: &ImageRule, signers: &mut Signers) -> Result<Vec<Demands>, Obstacle> {
    let mut demands: Vec<Demands> = Vec::new();
    for set in &images.signatures {
        demands.push(Demands { signatures: Some(Value::Object(signers.from(set)?)), ..Demands::default() });
    }
    let mut attestations = Vec::new();
    for one in &images.attestations {
        attestations.extend(attestation(one, signers)?);
    }
    if let Some(mut vouched) = authority(&images.authorities, signers)? {
        attestations.append(&mut vouched.attestations);
        demands.extend(vouched.signatures.is_some().then_some(vouched));
    }
    match demands.first_mut() {
        Some(first) => first.attestations = attestations,
        None => demands.push(Demands { signatures: None, attestations }),
    }
    Ok(demands)
}

/// What authorities demand, of whom one must vouch.
fn authority(authorities: &[ImageAuthority], signers: &mut Signers) -> Result<Option<Demands>, Obstacle> {
    if authorities.is_empty() || authorities.iter().any(|one| matches!(one.vouching, Vouching::Always)) {
        return Ok(None);
    }
    let is_empty =
        |one: &ImageAuthority| matches!(&one.vouching, Vouching::Attestations(list) if list.is_empty());
    if authorities.iter().any(is_empty) {
        return Err("one authority vouches by no attestation, so it never does".to_owned());
    }
    if let [ImageAuthority { vouching: Vouching::Attestations(attestations), .. }] = authorities {
        let written: Result<Vec<_>, _> = attestations.iter().map(|one| attestation(one, signers)).collect();
        return Ok(Some(Demands { signatures: None, attestations: written?.concat() }));
    }
    let mut any = Vec::new();
    for authority in authorities {
        match &authority.vouching {
            Vouching::Signature(set) => {
                let (count, flat) = flat(set)?;
                if count != 1 {
                    return Err("one authority vouches by several signatures, or another one does".to_owned());
                }
                any.extend(flat.into_iter().cloned());
            }
            // One that vouches for nothing adds nothing to the others.
            Vouching::Never(_) if authorities.len() > 1 => {}
            Vouching::Never(_) => return Err("it denies every image".to_owned()),
            _ => return Err("one authority vouches by attestations, or another one does".to_owned()),
        }
    }
    if any.is_empty() {
        return Err("it denies every image".to_owned());
    }
    let signatures = signers.from(&AttestorSet::of(Some(1), any))?;
    Ok(Some(Demands { signatures: Some(Value::Object(signatures)), attestations: Vec::new() }))
}

fn attestation(one: &AttestationRequirement, signers: &mut Signers) -> Result<Vec<Value>, Obstacle> {
    if one.conditions.is_some() {
        return Err("it has conditions in JMESPath on an attestation".to_owned());
    }
    if one.attestors.is_empty() {
        return Err("nobody may sign an attestation that it demands".to_owned());
    }
    let expressed = match (&one.shape, &one.expression) {
        (Some(_), Some(_)) => return Err("it has two kinds of conditions on an attestation".to_owned()),
        (Some(shape), None) => Some((Which::Any, expression(shape))),
        (None, Some((which, expression))) => Some((*which, expression.written().to_owned())),
        (None, None) => None,
    };
    let write = |set: &AttestorSet| {
        let mut fields = Map::new();
        put(&mut fields, "type", json!(one.predicate_type));
        fields.extend(signers.from(set)?);
        put(&mut fields, "maxAge", one.max_age.map_or(Value::Null, |millis| json!(format!("{millis}ms"))));
        if let Some((which, expression)) = &expressed {
            let which = match which {
                Which::Any => "any",
                Which::All => "all",
                Which::Latest => "latest",
            };
            put(&mut fields, "which", json!(which));
            put(&mut fields, "expression", json!(expression));
        }
        Ok(Value::Object(fields))
    };
    one.attestors.iter().map(write).collect()
}

impl Signers {
    /// `from` and `atLeast` of a set.
    fn from(&mut self, set: &AttestorSet) -> Result<Map<String, Value>, Obstacle> {
        let (count, attestors) = flat(set)?;
        let names: Vec<String> = attestors.iter().map(|one| self.name(one)).collect();
        let mut fields = Map::new();
        fields.insert("from".to_owned(), json!(names));
        if count != names.len() {
            fields.insert("atLeast".to_owned(), json!(count));
        }
        Ok(fields)
    }

    fn name(&mut self, attestor: &Attestor) -> String {
        let attestor = Attestor { path: String::new(), ..attestor.clone() };
        if let Some((name, _)) = self.0.iter().find(|(_, known)| *known == attestor) {
            return name.clone();
        }
        let name = format!("signer{}", self.0.len() + 1);
        self.0.push((name.clone(), attestor));
        name
    }

    fn written(&self) -> Result<Value, Obstacle> {
        let mut signers = Map::new();
        for (name, attestor) in &self.0 {
            signers.insert(name.clone(), Value::Object(signer(attestor)?));
        }
        Ok(Value::Object(signers))
    }
}

fn signer(attestor: &Attestor) -> Result<Map<String, Value>, Obstacle> {
    let mut fields = match &attestor.signer {
        Signer::Key(key) => {
            Map::from_iter([("publicKey".to_owned(), json!(pem::encode("PUBLIC KEY", key.spki_der())))])
        }
        Signer::Certificate(one) => {
            Map::from_iter([("certificate".to_owned(), json!(pem::encode("CERTIFICATE", one.der())))])
        }
        Signer::Identity(policy) => match policy.identities() {
            [identity] => {
                let mut fields = subject_and_issuer(identity, true);
                put(&mut fields, "authority", json!(identity.authority()));
                let mut extensions = Map::new();
                for (extension, value) in identity.extensions() {
                    let name =
                        FulcioExtension::ALL.iter().find(|one| **one == extension).map(|one| json!(one));
                    let name = name.as_ref().and_then(Value::as_str).unwrap_or_default();
                    put(&mut extensions, name, json!(wildcard(value)?));
                }
                put(&mut fields, "extensions", Value::Object(extensions));
                fields
            }
            _ => return Err("one signer has several identities".to_owned()),
        },
        Signer::Notation(signer) => Map::from_iter([("notation".to_owned(), notation(signer)?)]),
        other => return Err(format!("a signer is {other}, which `ImageTrustPolicy` does not name")),
    };
    refuse_own_roots(attestor)?;
    let is_sigstore = !matches!(attestor.signer, Signer::Notation(_));
    if !attestor.needs_log_entry && is_sigstore {
        put(&mut fields, "transparencyLog", json!(false));
    }
    if !attestor.needs_certificate_log && is_sigstore {
        put(&mut fields, "certificateTransparencyLog", json!(false));
    }
    put(&mut fields, "repository", json!(attestor.repository));
    let annotations: Map<String, Value> =
        attestor.annotations.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    put(&mut fields, "annotations", Value::Object(annotations));
    Ok(fields)
}

/// `notation` of a signer.
fn notation(signer: &NotationTrust) -> Result<Value, Obstacle> {
    let statement = &signer.statement;
    let mut fields = Map::new();
    let mut named = Vec::new();
    for (kind, name) in &statement.stores {
        let Some(store) = signer.stores.get(&(*kind, name.clone())) else {
            named.push(format!("{kind}:{name}"));
            continue;
        };
        let field = match kind {
            StoreKind::SigningAuthority => "signingAuthorities",
            StoreKind::TimestampAuthority => "timestampAuthorities",
            _ => "certificates",
        };
        // A pinned certificate need not be a root; in `ImageTrustPolicy` it must.
        if TrustStore::assertion(*kind, store.certificates().to_vec()).is_err() {
            return Err("a signer's pinned certificate is not a root".to_owned());
        }
        if fields.contains_key(field) {
            return Err("a signer has several trust stores of one kind".to_owned());
        }
        put(&mut fields, field, json!(store.to_pem()));
    }
    if !named.is_empty() {
        put(&mut fields, "trustStores", json!(named));
    }
    let identities = statement.identities.as_ref();
    let identities = identities.map(|all| all.iter().map(|one| format!("x509.subject:{one}")).collect());
    put(&mut fields, "trustedIdentities", json!(identities.unwrap_or_else(|| vec!["*".to_owned()])));
    let strict = Actions::of_level("strict");
    let other =
        |check: &Check| strict.is_some_and(|strict| strict.of(*check) != statement.actions.of(*check));
    let overrides: Map<String, Value> = Check::ALL
        .into_iter()
        .filter(other)
        .map(|check| {
            let action = match statement.actions.of(check) {
                Action::Skip => "skip",
                Action::Log => "log",
                _ => "enforce",
            };
            (check.name().to_owned(), json!(action))
        })
        .collect();
    if !overrides.is_empty() {
        put(&mut fields, "override", Value::Object(overrides));
    }
    if statement.timestamps_after_expiry {
        put(&mut fields, "verifyTimestamp", json!("afterCertExpiry"));
    }
    Ok(Value::Object(fields))
}
