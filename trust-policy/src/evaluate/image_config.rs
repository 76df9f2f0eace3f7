//! What images must say about themselves.

use trust_core::{Digest, UnixTime};

use super::age::is_young;
use crate::evaluate::image_content::{Content, Unknown, platforms};
use crate::evidence::Evidence;
use crate::policy::image_rule::ImageConfigRequirement;
use crate::verdict::Explanation;
use crate::verdict::reason::{Mismatch, ReasonCode};

/// Whether every platform of an image says what is required.
pub(super) fn judge(
    requirement: &ImageConfigRequirement,
    image: &Digest,
    evidence: &Evidence,
    now: UnixTime,
) -> Explanation {
    let platforms = match platforms(image, evidence) {
        Ok(platforms) => platforms,
        Err((code, problem)) => return Explanation::fail(requirement.path.clone(), code, problem),
    };
    let judge = |content: Content| {
        let mut checks = Vec::new();
        if let Some(max_age) = requirement.max_age {
            checks.push(is_young(
                content.created(),
                max_age,
                now,
                "the image does not say when it was made",
                ReasonCode::TooOld,
            ));
        }
        if requirement.non_root {
            checks.push(user(content.user()));
        }
        if requirement.no_volumes {
            checks.push(volumes(&content.volumes()));
        }
        if let Some(most) = requirement.max_layers {
            checks.push(layers(content.layers(), most));
        }
        if !requirement.bases.is_empty() {
            checks.push(base(requirement, content.base_name()));
        }
        Explanation::all(&content.name, checks)
    };
    Explanation::all(&requirement.path, platforms.into_iter().map(judge).collect())
}

/// Whether an image has a base's layers below its own, on every platform.
pub(super) fn stands_on(image: &Digest, base: &Digest, evidence: &Evidence) -> Result<(), Unknown> {
    let differs = |problem: String| (ReasonCode::OtherBase, problem);
    let (own, below) = (platforms(image, evidence)?, platforms(base, evidence)?);
    for content in &own {
        let of_platform = below.iter().find(|one| one.name == content.name);
        let single = below.first().filter(|_| below.len() == 1);
        let base =
            of_platform.or(single).ok_or_else(|| differs(format!("the base has no {}", content.name)))?;
        if !content.stands_on(base) {
            return Err(differs(format!(
                "{} does not have the layers of its base below its own",
                content.name
            )));
        }
    }
    Ok(())
}

/// Root is the user 0, and the user of an image that names none. Whom another name stands for, only the image's own list of
/// users says, so it is not known; nor is what runtimes make of a number that is not written as one.
fn user(written: &str) -> Explanation {
    let name = written.split(':').next().unwrap_or_default();
    let number = name.parse::<u32>().ok().filter(|number| number.to_string() == name);
    match number {
        Some(number) if (1..1 << 31).contains(&number) => {
            Explanation::pass("user", format!("is `{written}`"))
        }
        _ if number == Some(0) || name.is_empty() || name == "root" => {
            let mismatch = Mismatch::new(Some(written), ["a user who is not root"]);
            Explanation::differs("user", ReasonCode::Condition, mismatch)
        }
        _ => {
            let message = format!(
                "found `{written}`, expected a number from 1 to 2147483647: whether another is root cannot be determined"
            );
            Explanation::fail("user", ReasonCode::Unresolved, message)
        }
    }
}

fn volumes(found: &[&str]) -> Explanation {
    match found {
        [] => Explanation::pass("volumes", "found none"),
        _ => {
            let mismatch = Mismatch::new(Some(found.join(", ")), ["no volumes"]);
            Explanation::differs("volumes", ReasonCode::Condition, mismatch)
        }
    }
}

fn layers(found: usize, most: usize) -> Explanation {
    match found <= most {
        true => Explanation::pass("layers", format!("found {found}")),
        false => {
            let mismatch = Mismatch::new(Some(found.to_string()), [format!("at most {most}")]);
            Explanation::differs("layers", ReasonCode::Condition, mismatch)
        }
    }
}

fn base(requirement: &ImageConfigRequirement, name: Option<&str>) -> Explanation {
    let is_meant = |name: &str| requirement.bases.iter().any(|pattern| pattern.matches(name) == Ok(true));
    match name {
        Some(name) if is_meant(name) => Explanation::pass("base", format!("says `{name}`")),
        found => {
            Explanation::differs("base", ReasonCode::OtherBase, Mismatch::new(found, &requirement.bases))
        }
    }
}
