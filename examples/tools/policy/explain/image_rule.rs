//! What a rule about images requires, in words.

use std::fmt::Write as _;

use trust_policy::{
    AttestationRequirement, AttestorSet, ImageAuthority, ImageConfigRequirement, ImageException, ImageRule,
    Placement, ProvenanceRequirement, SbomRequirement, SummaryRequirement, Tools, Vouched, Vouching,
    VulnerabilityRequirement, Which,
};
use trust_sbom::PackagePattern;

use super::{count, counted, digest, list, mode_text, one_line};

pub(super) fn image_rule(text: &mut String, one: &ImageRule) -> std::fmt::Result {
    writeln!(text, "    images {} ({})", list(&one.references), mode_text(&one.mode))?;
    if !one.except.is_empty() {
        writeln!(text, "      but not {}", list(&one.except))?;
    }
    for exception in &one.exceptions {
        let ImageException { images, digests, reason, owner, expires, .. } = exception;
        let which: Vec<_> = images
            .iter()
            .map(ToString::to_string)
            .chain(digests.iter().map(|one| format!("`{one}`")))
            .collect();
        writeln!(text, "      nor, until {expires}, {}: {reason} ({owner})", which.join(" or "))?;
    }
    if one.every_image {
        writeln!(text, "      and every other image must be judged by some policy about images")?;
    }
    if !one.registries.is_empty() {
        writeln!(text, "      must come from {}", list(&one.registries))?;
    }
    for set in &one.signatures {
        writeln!(text, "      must be signed by {}{}", signers(set), named(set))?;
    }
    one.attestations.iter().try_for_each(|one| attestation(text, one))?;
    authorities(text, &one.authorities)?;
    for count in &one.vouched {
        let what = if count.of == Vouched::Attestations { "attestations" } else { "signatures" };
        let most = count.at_most.map_or_else(String::new, |most| format!(" and at most {most}"));
        writeln!(text, "      and by `{}` with at least {}{most} {what}", count.authority, count.at_least)?;
    }
    if let Some(workload) = &one.workload {
        for (name, _) in &workload.object {
            writeln!(text, "      the `{name}` of the workload must be what the policy says")?;
        }
        for (platform, _) in &workload.platforms {
            writeln!(text, "      its configuration for `{platform}` must be what the policy says")?;
        }
    }
    if let Some(deny) = &one.deny {
        writeln!(text, "      is refused where, of the attestations together, {}", count(&deny.conditions))?;
    }
    one.sbom.iter().try_for_each(|one| sbom(text, one))?;
    one.vulnerabilities.iter().try_for_each(|one| vulnerabilities(text, one))?;
    one.provenance.iter().try_for_each(|one| provenance(text, one))?;
    one.summary.iter().try_for_each(|one| summary(text, one))?;
    one.image.iter().try_for_each(|one| config(text, one))?;
    digest(text, one.pins_digest, one.needs_digest)
}

/// Under which names signatures must be.
fn named(set: &AttestorSet) -> String {
    let names = set.attestors().first().map(|one| &one.names).filter(|names| !names.is_empty());
    names.map_or_else(String::new, |names| format!(", as {}", list(names)))
}

fn attestation(text: &mut String, attestation: &AttestationRequirement) -> std::fmt::Result {
    for set in &attestation.attestors {
        let kind = &attestation.predicate_type;
        writeln!(text, "      must have an attestation of type `{kind}`, signed by {}", signers(set))?;
    }
    if attestation.attestors.is_empty() {
        let kind = &attestation.predicate_type;
        writeln!(
            text,
            "      must have an attestation of type `{kind}`, but no signer may sign it: it denies"
        )?;
    }
    age(text, attestation.max_age, "signed")?;
    if let Some(conditions) = &attestation.conditions {
        writeln!(text, "        for each of which {}", count(conditions))?;
    }
    if let Some((which, expression)) = &attestation.expression {
        writeln!(text, "        of which {} must satisfy `{}`", self::which(*which), one_line(expression))?;
    }
    Ok(())
}

/// Which of several must satisfy.
fn which(which: Which) -> &'static str {
    match which {
        Which::Any => "one",
        Which::All => "all",
        Which::Latest => "the latest",
        _ => "some",
    }
}

fn authorities(text: &mut String, authorities: &[ImageAuthority]) -> std::fmt::Result {
    for (index, authority) in authorities.iter().enumerate() {
        let or = if index == 0 { "must be vouched for" } else { "  or" };
        match &authority.vouching {
            Vouching::Always => {
                writeln!(text, "      {or} by `{}`, which vouches for every image", authority.name)?
            }
            Vouching::Never(_) => {
                writeln!(text, "      {or} by `{}`, which vouches for none", authority.name)?
            }
            Vouching::Signature(set) => {
                writeln!(text, "      {or} by `{}`: signed by {}", authority.name, signers(set))?
            }
            Vouching::Attestations(attestations) => {
                writeln!(text, "      {or} by `{}`: attested", authority.name)?;
                for (one, set) in
                    attestations.iter().flat_map(|one| one.attestors.iter().map(move |set| (one, set)))
                {
                    let shaped = if one.shape.is_some() { ", that says what it must" } else { "" };
                    writeln!(text, "          `{}`{shaped}, by {}", one.predicate_type, signers(set))?;
                }
            }
            _ => writeln!(text, "      {or} in another way")?,
        }
    }
    Ok(())
}

fn sbom(text: &mut String, requirement: &SbomRequirement) -> std::fmt::Result {
    let profile = requirement
        .profile
        .map_or_else(String::new, |profile| format!(", as complete as `{}` wants", profile.id));
    writeln!(text, "      must have an SBOM by {}{profile}", signers(&requirement.attestors))?;
    for denied in &requirement.denied {
        let versions = denied.versions.as_ref().map_or_else(String::new, |range| format!(" in `{range}`"));
        writeln!(text, "        without {}{versions}", package(&denied.pattern))?;
    }
    if requirement.licenses.is_some() {
        writeln!(text, "        with licenses that are allowed")?;
    }
    for tools in &requirement.without {
        let what = if *tools == Tools::Shells { "shells" } else { "package managers" };
        writeln!(text, "        without {what}")?;
    }
    for row in &requirement.end_of_life {
        writeln!(text, "        and not of {} {}, since {}", row.name, row.version, row.since)?;
    }
    several(text, requirement.which, Which::All)
}

/// Which of several must satisfy, if it is not what is usual.
fn several(text: &mut String, found: Which, usual: Which) -> std::fmt::Result {
    if found == usual {
        return Ok(());
    }
    writeln!(text, "        which {} must satisfy", which(found))
}

fn vulnerabilities(text: &mut String, requirement: &VulnerabilityRequirement) -> std::fmt::Result {
    let severities: Vec<_> = requirement.rule.severities.iter().map(|one| one.name()).collect();
    let severities = if severities.is_empty() { "any severity".to_owned() } else { severities.join(" or ") };
    let rule = &requirement.rule;
    let mut only = String::new();
    for (is_so, condition) in [
        (rule.fixed_only, ", if a fix is known"),
        (rule.exploited_only, ", if they are known to be exploited"),
        (rule.with_suppressed, ", even if a VEX statement or the scanner says that they do not count"),
    ] {
        only.push_str(if is_so { condition } else { "" });
    }
    if let Some(epss) = rule.min_epss {
        write!(only, ", if their EPSS is {epss} or above")?;
    }
    let signers = signers(&requirement.attestors);
    writeln!(text, "      must have a scan report by {signers} without findings of {severities}{only}")?;
    age(text, requirement.max_age, "as of")?;
    if let Some(vex) = &requirement.vex {
        writeln!(text, "        but those that do not count, says {}", self::signers(&vex.attestors))?;
    }
    Ok(())
}

fn provenance(text: &mut String, requirement: &ProvenanceRequirement) -> std::fmt::Result {
    writeln!(text, "      must have provenance by {}", signers(&requirement.attestors))?;
    for (what, patterns) in [
        ("built by", &requirement.builders),
        ("from", &requirement.sources),
        ("with dependencies that match each of", &requirement.dependencies),
        ("as", &requirement.build_types),
    ] {
        if !patterns.is_empty() {
            writeln!(text, "        {what} {}", list(patterns))?;
        }
    }
    several(text, requirement.which, Which::Any)
}

fn summary(text: &mut String, requirement: &SummaryRequirement) -> std::fmt::Result {
    let level =
        requirement.level.map_or_else(String::new, |level| format!(", SLSA build level {level} or above"));
    writeln!(text, "      must have a verification summary by {}{level}", signers(&requirement.attestors))?;
    for (what, patterns) in [
        ("by the verifier", &requirement.verifiers),
        ("on the resource", &requirement.resources),
        ("by the policy", &requirement.policies),
    ] {
        if !patterns.is_empty() {
            writeln!(text, "        {what} {}", list(patterns))?;
        }
    }
    age(text, requirement.max_age, "made")?;
    several(text, requirement.which, Which::Any)
}

fn config(text: &mut String, requirement: &ImageConfigRequirement) -> std::fmt::Result {
    age(text, requirement.max_age, "made")?;
    if requirement.non_root {
        writeln!(text, "      must run as a user who is not root")?;
    }
    if !requirement.bases.is_empty() {
        writeln!(text, "      must say that it was built on {}", list(&requirement.bases))?;
    }
    if let Some(policy) = &requirement.base_policy {
        writeln!(text, "      must be built on an image that satisfies the policy `{policy}`")?;
    }
    age(text, requirement.max_base_age, "on a base that was made")?;
    if requirement.no_volumes {
        writeln!(text, "      must declare no volumes")?;
    }
    if let Some(layers) = requirement.max_layers {
        writeln!(text, "      must have at most {}", counted(layers, "layer"))?;
    }
    Ok(())
}

/// How old something may be.
fn age(text: &mut String, max_age: Option<i64>, what: &str) -> std::fmt::Result {
    match max_age {
        Some(millis) => writeln!(text, "        {what} at most {} hours ago", millis as f64 / 3_600_000.0),
        None => Ok(()),
    }
}

fn package(pattern: &PackagePattern) -> String {
    match pattern {
        PackagePattern::Purl(purl) => format!("`{purl}`"),
        PackagePattern::Cpe(cpe) => format!("`{cpe:?}`"),
        PackagePattern::Name(name, _) => format!("anything called `{name}`"),
        _ => "a package".to_owned(),
    }
}

pub(super) fn signers(set: &AttestorSet) -> String {
    let signers: Vec<_> = set.attestors().iter().map(|one| one.signer.to_string()).collect();
    let signers = match (set.count(), signers.len()) {
        (_, 1) => signers.concat(),
        (None, _) => format!("all of: {}", signers.join("; ")),
        (Some(count), _) => format!("{count} of: {}", signers.join("; ")),
    };
    let of = match set.placement() {
        Placement::EveryPlatform => ", for every platform",
        Placement::Either => ", for the index or for every platform",
        _ => "",
    };
    format!("{signers}{of}")
}
