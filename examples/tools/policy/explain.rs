//! What policies mean, in words.

mod image_rule;

use std::fmt::Write;

use trust_core::UnixTime;
use trust_policy::{
    AttestationKind, Cel, Conditions, Evidence, Filter, Filters, FormRequirement, ModeRule, Policy,
    PolicySet, Request, Requirement, Rule, ValidationRule,
};

use self::image_rule::{image_rule, signers};

pub(crate) fn explain(policies: &PolicySet) -> String {
    let mut text = String::new();
    for policy in policies.policies() {
        // Writing to a text cannot fail.
        let _ = self::policy(&mut text, policy);
    }
    for exception in policies.exceptions() {
        let rules: Vec<_> = exception
            .rules
            .iter()
            .map(|(policy, rules)| format!("{} of policy {policy}", list(rules)))
            .collect();
        let _ = writeln!(text, "exception `{}/{}`", exception.namespace, exception.name);
        for condition in exception.expressions.iter().flatten() {
            let _ = writeln!(text, "  only where `{}`: {}", condition.name, one_line(&condition.expression));
        }
        if let Some(expires) = exception.expires {
            let _ = writeln!(text, "  until {expires}");
        }
        let _ = writeln!(
            text,
            "  rules {} do not judge {}",
            rules.join(", "),
            filters(&exception.matches.matched)
        );
    }
    text
}

/// What would be fetched to judge a request, before anything is.
pub(crate) fn fetched(policies: &PolicySet, request: &Request, now: UnixTime) -> String {
    let needed = policies.requirements(request, &Evidence::default(), now);
    let mut text = format!("to judge {} would be fetched\n", request.resource.id());
    for object in &needed.objects {
        let _ = writeln!(text, "  {object}");
    }
    for image in &needed.images {
        let also = [
            (&needed.documents, "what it says about itself"),
            (&needed.platforms, "those of its platforms"),
            (&needed.bases, "its bases"),
        ];
        let also = also.into_iter().filter(|(list, _)| list.contains(image)).map(|(_, what)| what);
        let what: Vec<_> =
            ["its digest", "its signatures and attestations"].into_iter().chain(also).collect();
        let _ = writeln!(text, "  image `{image}`: {}", what.join(", "));
        for repository in needed.repositories.get(image).into_iter().flatten() {
            let _ = writeln!(text, "    those in `{repository}`, too");
        }
    }
    if needed.objects.is_empty() && needed.images.is_empty() {
        let _ = writeln!(text, "  nothing");
    }
    text
}

fn policy(text: &mut String, policy: &Policy) -> std::fmt::Result {
    let place = policy.namespace.as_ref().map_or_else(String::new, |one| format!(" of namespace `{one}`"));
    writeln!(text, "policy `{}`{place}", policy.name)?;
    if policy.first_rule_only {
        writeln!(text, "  only the first rule that applies to a resource counts")?;
    }
    policy.rules.iter().try_for_each(|rule| self::rule(text, rule))
}

fn rule(text: &mut String, rule: &Rule) -> std::fmt::Result {
    writeln!(text, "  rule `{}`", rule.name)?;
    writeln!(text, "    about {}", filters(&rule.matches.matched))?;
    if let Some(excluded) = &rule.matches.excluded {
        writeln!(text, "    but not {}", filters(excluded))?;
    }
    for entry in &rule.context {
        writeln!(text, "    with the name `{}`", entry.name)?;
    }
    if let Some(preconditions) = &rule.preconditions {
        writeln!(text, "    only where {}", count(preconditions))?;
    }
    match &rule.requirement {
        Requirement::Images { extractors, rules } => {
            for extractor in extractors {
                writeln!(
                    text,
                    "    images of `{}` stand at `/{}`",
                    extractor.kind,
                    extractor.path.join("/")
                )?;
            }
            rules.iter().try_for_each(|one| image_rule(text, one))
        }
        Requirement::Form { mode, requirement, .. } => {
            let requirement = match requirement {
                FormRequirement::Forms(forms) if forms.len() == 1 => {
                    "the resource must have a form".to_owned()
                }
                FormRequirement::Forms(forms) => {
                    format!("the resource must have one of {} forms", forms.len())
                }
                FormRequirement::Deny(conditions) => {
                    format!("the resource is refused where {}", count(conditions))
                }
                FormRequirement::ForEach(lists) => {
                    format!("every element of {} must be as required", counted(lists.len(), "list"))
                }
                _ => "something else is required".to_owned(),
            };
            writeln!(text, "    {requirement} ({})", mode_text(mode))
        }
        Requirement::Validations(rule) => validations(text, rule),
        Requirement::Check(own) => {
            writeln!(text, "    must satisfy the check `{}` ({})", own.check.name(), mode_text(&own.mode))
        }
        _ => writeln!(text, "    something else is required"),
    }
}

fn validations(text: &mut String, rule: &ValidationRule) -> std::fmt::Result {
    for condition in &rule.conditions {
        writeln!(text, "    only where `{}`: {}", condition.name, one_line(&condition.expression))?;
    }
    let images = &rule.images;
    let selected = images.references.iter().map(ToString::to_string);
    let selected: Vec<_> = selected.chain(images.reference_expressions.iter().map(one_line)).collect();
    match &selected[..] {
        [] => writeln!(text, "    images, every one ({})", mode_text(&rule.mode))?,
        some => writeln!(text, "    images {} ({})", some.join(", "), mode_text(&rule.mode))?,
    }
    for extractor in &images.extractors {
        writeln!(text, "      and `{}`: {}", extractor.name, one_line(&extractor.expression))?;
    }
    for attestor in &images.attestors {
        let key = attestor.key.as_ref().map(|key| format!("the key of {}", one_line(key)));
        let signers = key.unwrap_or_else(|| signers(&attestor.signers));
        writeln!(text, "      attestor `{}`: {signers}", attestor.name)?;
    }
    for attestation in &images.attestations {
        let kind = match &attestation.kind {
            AttestationKind::Statement(kind) => format!("statements of type `{kind}`"),
            AttestationKind::Referrer(kind) => format!("artifacts of type `{kind}`"),
            _ => "something else".to_owned(),
        };
        writeln!(text, "      attestation `{}`: {kind}", attestation.name)?;
    }
    for variable in &rule.variables {
        writeln!(text, "      variable `{}`: {}", variable.name, one_line(&variable.expression))?;
    }
    for validation in &rule.validations {
        writeln!(text, "      must hold: {}", one_line(&validation.expression))?;
    }
    if images.needs_signature && rule.asks_about_images() {
        writeln!(
            text,
            "      each image must have been verified by an expression, of this policy or another one"
        )?;
    }
    digest(text, images.pins_digest, images.needs_digest)
}

/// An expression without the line breaks of its text.
fn one_line(expression: &Cel) -> String {
    expression.written().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn digest(text: &mut String, pins_digest: bool, needs_digest: bool) -> std::fmt::Result {
    match (pins_digest, needs_digest) {
        (true, _) => writeln!(text, "      is pinned to the digest that was verified"),
        (false, true) => writeln!(text, "      must be named by digest"),
        (false, false) => Ok(()),
    }
}

fn filters(filters: &Filters) -> String {
    let joint = if matches!(filters, Filters::All(_)) { " and " } else { " or " };
    filters.filters().iter().map(filter).collect::<Vec<_>>().join(joint)
}

fn filter(filter: &Filter) -> String {
    let mut parts = Vec::new();
    let kinds: Vec<_> = filter.kinds.iter().map(|kind| &kind.kind).collect();
    parts.push(if kinds.is_empty() { "anything".to_owned() } else { list(&kinds) });
    for (what, patterns) in [("named", &filter.names), ("in namespaces", &filter.namespaces)] {
        if !patterns.is_empty() {
            parts.push(format!("{what} {}", list(patterns)));
        }
    }
    if filter.selector.is_some() || !filter.annotations.is_empty() {
        parts.push("with some labels or annotations".to_owned());
    }
    if filter.namespace_selector.is_some() {
        parts.push("in namespaces with some labels".to_owned());
    }
    if !filter.operations.is_empty() {
        parts.push(format!("on {}", list(&filter.operations)));
    }
    if !(filter.subjects.is_empty() && filter.roles.is_empty() && filter.cluster_roles.is_empty()) {
        parts.push("by some users".to_owned());
    }
    parts.join(" ")
}

fn mode_text(mode: &ModeRule) -> String {
    let overrides = match mode.overrides.len() {
        0 => String::new(),
        count => format!(", {} by namespace", counted(count, "override")),
    };
    format!("{}{overrides}", mode.default)
}

fn count(conditions: &Conditions) -> String {
    let count: usize =
        conditions.blocks.iter().map(|block| block.all.len() + block.any.as_ref().map_or(0, Vec::len)).sum();
    if count == 1 {
        "1 condition holds".to_owned()
    } else {
        format!("{count} conditions hold as they are joined")
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
