//! Patterns, selectors, keys and modes, as every language writes them.

use serde_json::{Map, Value, json};
use trust_core::{CertificateIdentity, Pattern};

use super::{ChangeKind, Obstacle};
use crate::kubernetes::image_pattern::ReferencePattern;
use crate::kubernetes::label_selector::{LabelCondition, LabelSelector};
use crate::policy::image_rule::ImageRule;
use crate::policy::shape::Shape;
use crate::policy::signer::{Attestor, AttestorSet, NamedRoots, Placement, Signer};

/// Adds a field that says something.
pub(super) fn put(fields: &mut Map<String, Value>, name: &str, value: Value) {
    let says_nothing = match &value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(inner) => inner.is_empty(),
        _ => false,
    };
    if !says_nothing {
        fields.insert(name.to_owned(), value);
    }
}

/// Whether a pattern is one text alone.
pub(super) fn is_literal(pattern: &Pattern) -> bool {
    match pattern {
        Pattern::Exact(_) => true,
        Pattern::Wildcard(text) => !text.contains(['*', '?']),
        Pattern::Regex(_) => false,
    }
}

/// A regular expression that matches what a pattern matches, as a whole.
pub(super) fn regular_expression(pattern: &Pattern) -> String {
    let escaped = |text: &str, wildcards: bool| -> String {
        let each = text.chars().map(|c| match c {
            '*' if wildcards => ".*".to_owned(),
            '?' if wildcards => ".".to_owned(),
            c if "\\.+*?()|[]{}^$".contains(c) => format!("\\{c}"),
            c => c.to_string(),
        });
        each.collect()
    };
    match pattern {
        Pattern::Exact(text) => format!("^{}$", escaped(text, false)),
        Pattern::Wildcard(text) => format!("^{}$", escaped(text, true)),
        Pattern::Regex(_) => format!("^(?:{})$", pattern.written()),
    }
}

/// Patterns of names, as lists of wildcards.
pub(super) fn wildcards(patterns: &[&Pattern]) -> Result<Value, Obstacle> {
    Ok(json!(patterns.iter().map(|one| wildcard(one)).collect::<Result<Vec<_>, _>>()?))
}

/// A label selector as Kubernetes writes it. Wildcards in it are the languages' own.
pub(super) fn selector(selector: &LabelSelector) -> Value {
    let labels =
        selector.match_labels.iter().map(|(key, value)| (key.written().to_owned(), json!(value.written())));
    let expression = |condition: &LabelCondition| match condition {
        LabelCondition::In(key, values) => json!({"key": key, "operator": "In", "values": values}),
        LabelCondition::NotIn(key, values) => json!({"key": key, "operator": "NotIn", "values": values}),
        LabelCondition::Exists(key) => json!({"key": key, "operator": "Exists"}),
        LabelCondition::DoesNotExist(key) => json!({"key": key, "operator": "DoesNotExist"}),
    };
    let mut fields = Map::new();
    put(&mut fields, "matchLabels", Value::Object(labels.collect()));
    put(&mut fields, "matchExpressions", selector.match_expressions.iter().map(expression).collect());
    Value::Object(fields)
}

/// What no other language says, or only `ImageTrustPolicy` itself.
pub(super) fn refuse_what_has_no_words(images: &ImageRule) -> Result<(), Obstacle> {
    // Every field stands here, so that a new one is not forgotten.
    let ImageRule {
        path: _,
        span: _,
        mode: _,
        references: _,
        except: _,
        exceptions,
        every_image,
        registries,
        signatures: _,
        attestations: _,
        authorities: _,
        vouched,
        workload,
        deny,
        sbom,
        vulnerabilities,
        provenance,
        image,
        summary,
        registry_credentials: _,
        pins_digest: _,
        needs_digest: _,
    } = images;
    let asks = sbom.is_some() || vulnerabilities.is_some() || provenance.is_some() || summary.is_some();
    let (mut has_placement, mut has_names) = (false, false);
    for set in images.attestor_sets() {
        has_placement |= set.placement() != Placement::Image;
        set.each(&mut |attestor| has_names |= !attestor.names.is_empty());
    }
    let words = [
        (asks, "it asks what SBOMs, scan reports, provenance or summaries say"),
        (image.is_some(), "it asks what images say about themselves"),
        (!exceptions.is_empty(), "it has exceptions that end"),
        (*every_image, "it wants every image to be judged"),
        (has_placement, "it asks for signatures of platforms"),
        (has_names, "a signature must name the image"),
        (deny.is_some(), "it denies by conditions on several attestations"),
        (workload.is_some(), "it asks for the workload or the configuration of the image"),
        (!vouched.is_empty(), "it counts how often authorities vouch"),
        (!registries.is_empty(), "it says where images may come from"),
    ];
    words.into_iter().find(|(has, _)| *has).map_or(Ok(()), |(_, words)| Err(words.to_owned()))
}

/// A pattern as text with wildcards.
pub(super) fn wildcard(pattern: &Pattern) -> Result<String, Obstacle> {
    match pattern {
        Pattern::Exact(text) if text.contains(['*', '?']) => {
            Err(format!("`{text}` has `*` or `?` in it, which would be wildcards there"))
        }
        Pattern::Exact(text) | Pattern::Wildcard(text) => Ok(text.clone()),
        Pattern::Regex(_) => Err(format!("{pattern} is a regular expression, which cannot stand there")),
    }
}

/// What is trusted for one signer alone has no words elsewhere.
pub(super) fn refuse_own_roots(attestor: &Attestor) -> Result<(), Obstacle> {
    let has_own =
        attestor.roots.is_some() || attestor.named_roots != NamedRoots::default() || attestor.needs_timestamp;
    match has_own {
        true => {
            Err("a signer has certificate authorities, logs or timestamp authorities of its own".to_owned())
        }
        false => Ok(()),
    }
}

/// How many of which signers must have signed, without sets in sets where that says the same.
pub(super) fn flat(set: &AttestorSet) -> Result<(usize, Vec<&Attestor>), Obstacle> {
    let wanted = set.count().unwrap_or(set.attestors().len());
    let is_nested = |attestor: &Attestor| matches!(attestor.signer, Signer::Some(_));
    if !set.attestors().iter().any(is_nested) {
        return Ok((wanted, set.attestors().iter().collect()));
    }
    let mut signers = Vec::new();
    let mut all = 0;
    for attestor in set.attestors() {
        match &attestor.signer {
            Signer::Some(inner) => {
                let (count, inner) = flat(inner)?;
                // One of one of them is one of all, and all of all of them are all.
                let is_same = if wanted == 1 { count == 1 } else { count == inner.len() };
                if !is_same {
                    return Err("it counts signers of sets in sets".to_owned());
                }
                all += count;
                signers.extend(inner);
            }
            _ => {
                all += 1;
                signers.push(attestor);
            }
        }
    }
    match wanted {
        1 => Ok((1, signers)),
        _ if wanted == set.attestors().len() => Ok((all, signers)),
        _ => Err("it counts signers of sets in sets".to_owned()),
    }
}

/// A pattern of references, with the tag or digest that it wants and the sign before that.
pub(super) fn repository_and_tag(pattern: &ReferencePattern) -> (String, Option<(char, String)>) {
    let canonical = pattern.canonical();
    let start = canonical.rfind('/').map_or(0, |slash| slash + 1);
    let (path, last) = canonical.split_at(start);
    match last.char_indices().find(|(_, c)| [':', '@'].contains(c)) {
        Some((at, sign)) => {
            let (name, tag) = last.split_at(at);
            (format!("{path}{name}"), Some((sign, tag.trim_start_matches(sign).to_owned())))
        }
        None => (canonical, None),
    }
}

/// The pattern in the dialect of `ImageTrustPolicy`, which means at least the same images.
pub(super) fn by_segment(
    pattern: &ReferencePattern,
    changes: &mut Vec<(ChangeKind, String)>,
) -> Result<String, Obstacle> {
    if pattern.is_by_segment() {
        return Ok(pattern.written().to_owned());
    }
    if pattern.is_glob() || pattern.written().contains('?') {
        return Err(format!("{pattern} has wildcards that `ImageTrustPolicy` does not have"));
    }
    let (repository, tag) = repository_and_tag(pattern);
    let registry = repository.split('/').next().unwrap_or_default();
    // policy-controller compares images of Docker Hub without a registry, too.
    let is_anywhere = repository.starts_with("**");
    if !pattern.is_kyverno() && registry.contains('*') && !is_anywhere {
        return Err(format!(
            "{pattern} is about several registries, or images of Docker Hub without a registry"
        ));
    }
    let last = repository.rsplit('/').next().unwrap_or_default();
    match tag {
        None if repository.ends_with('*') => {}
        // The wildcard may stand for a part of the tag.
        None if last.contains('*') => {
            return Err(format!(
                "{pattern} is about tags or digests, and `ImageTrustPolicy` is about repositories"
            ));
        }
        Some((':', tag)) if ["*", "**"].contains(&tag.as_str()) => {}
        None | Some(('@', _)) => {
            changes
                .push((ChangeKind::Stricter, format!("{pattern} is about images of any tag and digest now")));
        }
        Some(_) => {
            return Err(format!(
                "{pattern} is about tags or digests, and `ImageTrustPolicy` is about repositories"
            ));
        }
    }
    // There `*` stays within one part of the path.
    let crosses = pattern.is_kyverno();
    let mut written = String::new();
    let mut letters = repository.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '*' {
            written.push(letter);
            continue;
        }
        let mut stars = 1;
        while letters.next_if_eq(&'*').is_some() {
            stars += 1;
        }
        written.push_str(if crosses || stars > 1 { "**" } else { "*" });
    }
    Ok(written)
}

/// The pattern of an exception in the dialect of `ImageTrustPolicy`, if it means exactly the same images.
pub(super) fn excepted_by_segment(pattern: &ReferencePattern) -> Result<String, Obstacle> {
    let (repository, tag) = repository_and_tag(pattern);
    match pattern.is_by_segment() || tag.is_none() && repository.ends_with('*') {
        true => by_segment(pattern, &mut Vec::new()),
        false => Err(format!("it passes over images by {pattern}, and not by their repositories alone")),
    }
}

/// What an attestation must be, as an expression.
pub(super) fn expression(shape: &Shape) -> String {
    let mut conditions = Vec::new();
    add_conditions(shape, String::new(), &mut conditions);
    if conditions.is_empty() { "true".to_owned() } else { conditions.join(" && ") }
}

fn add_conditions(shape: &Shape, path: String, conditions: &mut Vec<String>) {
    let time = |operator: &str, time: &dyn core::fmt::Display| {
        format!("type({path}) == string && timestamp({path}) {operator} timestamp(\"{time}\")")
    };
    match shape {
        Shape::Fields(fields) if fields.is_empty() => conditions.push(format!("type({path}) == map")),
        Shape::Fields(fields) => {
            for (name, inner) in fields {
                let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                    && !name.starts_with(|c: char| c.is_ascii_digit());
                let path = match (path.is_empty(), is_name) {
                    (true, _) => name.clone(),
                    (false, true) => format!("{path}.{name}"),
                    (false, false) => format!("{path}[{}]", json!(name)),
                };
                add_conditions(inner, path, conditions);
            }
        }
        // A number without a fraction is none with one.
        Shape::Exactly(Value::Number(number)) => {
            let kind = if number.is_f64() { "double" } else { "int" };
            conditions.push(format!("type({path}) == {kind} && {path} == {number}"));
        }
        Shape::Exactly(value) => conditions.push(format!("{path} == {value}")),
        Shape::Before(before) => conditions.push(time("<", before)),
        Shape::After(after) => conditions.push(time(">", after)),
    }
}

/// Who an identity is, as fields of a language that compares issuers as they are and subjects with wildcards.
pub(super) fn subject_and_issuer(identity: &CertificateIdentity, with_wildcards: bool) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put_pattern = |name: &str, expression: &str, pattern: &Pattern, with_wildcards: bool| {
        let written = pattern.written();
        match pattern {
            Pattern::Exact(text) if !with_wildcards || !text.contains(['*', '?']) => {
                fields.insert(name.to_owned(), json!(written))
            }
            Pattern::Wildcard(_) if with_wildcards || is_literal(pattern) => {
                fields.insert(name.to_owned(), json!(written))
            }
            _ => fields.insert(expression.to_owned(), json!(regular_expression(pattern))),
        };
    };
    put_pattern("subject", "subjectRegExp", identity.subject(), with_wildcards);
    if let Some(issuer) = identity.issuer() {
        put_pattern("issuer", "issuerRegExp", issuer, false);
    }
    fields
}
