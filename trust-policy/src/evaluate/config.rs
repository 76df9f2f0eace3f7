//! What images say about themselves: indexes, manifests and configurations
//! ([image specification](https://github.com/opencontainers/image-spec/blob/v1.1.0/spec.md)).

use std::collections::BTreeMap;

use serde::Deserialize;
use trust_core::json;
use trust_core::{Digest, Reasons, UnixTime};

use super::trust::{is_young, judged};
use crate::evidence::Evidence;
use crate::image_trust::ImageDemand;
use crate::signature::ReasonCode;
use crate::verdict::Explanation;

/// Platforms of one image.
const MAX_PLATFORMS: usize = 100;

/// An index or a manifest, by its members.
#[derive(Deserialize)]
struct Manifest {
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: Digest,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
}

#[derive(Deserialize)]
struct Config {
    created: Option<UnixTime>,
    #[serde(default)]
    config: RuntimeConfig,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RuntimeConfig {
    user: String,
    labels: Option<BTreeMap<String, String>>,
}

const BASE_NAME: &str = "org.opencontainers.image.base.name";

/// Whether every platform of an image says what is demanded.
pub(super) fn judge(demand: &ImageDemand, image: &Digest, evidence: &Evidence, now: UnixTime) -> Explanation {
    let platforms = match platforms(image, evidence) {
        Ok(platforms) => platforms,
        Err(problem) => return Explanation::fail(demand.path.clone(), ReasonCode::NotFetched, problem),
    };
    let judge = |(name, manifest, config): (String, Manifest, Config)| {
        let mut checks = Vec::new();
        if let Some(max_age) = demand.max_age {
            checks.push(is_young(config.created, max_age, now, "the image does not say when it was made"));
        }
        if demand.non_root {
            checks.push(user(&config.config.user));
        }
        if !demand.bases.is_empty() {
            let labels = config.config.labels.unwrap_or_default();
            let name =
                manifest.annotations.get(BASE_NAME).or(labels.get(BASE_NAME)).or(labels.get("base.image"));
            checks.push(base(demand, name.map(String::as_str)));
        }
        judged(&name, checks)
    };
    judged(&demand.path, platforms.into_iter().map(judge).collect())
}

/// Each platform with its manifest and configuration. Attestations that builders store as platforms are none.
fn platforms(image: &Digest, evidence: &Evidence) -> Result<Vec<(String, Manifest, Config)>, String> {
    let top: Manifest = document(image, evidence)?;
    let Some(entries) = top.manifests else { return Ok(vec![platform("image".to_owned(), top, evidence)?]) };
    let is_image = |entry: &&Descriptor| {
        !entry.annotations.contains_key("vnd.docker.reference.type")
            && entry.platform.as_ref().is_none_or(|platform| platform.os != "unknown")
    };
    let images: Vec<_> = entries.iter().filter(is_image).collect();
    if images.is_empty() || images.len() > MAX_PLATFORMS {
        return Err(format!("index `{image}` has {} images, expected 1 to {MAX_PLATFORMS}", images.len()));
    }
    let read = |entry: &Descriptor| {
        let name = entry.platform.as_ref().map_or_else(
            || entry.digest.to_string(),
            |platform| format!("{}/{}", platform.os, platform.architecture),
        );
        platform(name, document(&entry.digest, evidence)?, evidence)
    };
    images.into_iter().map(read).collect()
}

fn platform(
    name: String,
    manifest: Manifest,
    evidence: &Evidence,
) -> Result<(String, Manifest, Config), String> {
    let config = manifest.config.as_ref().ok_or_else(|| format!("{name} has no configuration"))?;
    let config = document(&config.digest, evidence)?;
    Ok((name, manifest, config))
}

/// A document that is what its digest says.
fn document<T: serde::de::DeserializeOwned>(digest: &Digest, evidence: &Evidence) -> Result<T, String> {
    let text = evidence.documents.get(&digest.to_string());
    let text = text.ok_or_else(|| format!("`{digest}` was not fetched"))?;
    digest.check(text.as_bytes()).map_err(|error| Reasons(&error).to_string())?;
    json::from_slice(text.as_bytes()).map_err(|error| format!("`{digest}`: {error}"))
}

/// Root is the user 0 by any name, and the user of an image that names none.
fn user(written: &str) -> Explanation {
    let name = written.split(':').next().unwrap_or_default();
    let is_root = name.is_empty() || name == "root" || name.parse::<u64>() == Ok(0);
    match is_root {
        false => Explanation::pass("user", format!("is `{written}`")),
        true => {
            let message = format!("found `{written}`, expected a user who is not root");
            Explanation::fail("user", ReasonCode::Condition, message)
        }
    }
}

fn base(demand: &ImageDemand, name: Option<&str>) -> Explanation {
    let is_meant = |name: &str| demand.bases.iter().any(|pattern| pattern.matches(name) == Ok(true));
    match name {
        Some(name) if is_meant(name) => Explanation::pass("base", format!("says `{name}`")),
        found => {
            let expected: Vec<_> = demand.bases.iter().map(ToString::to_string).collect();
            let found = found.map_or_else(|| "nothing".to_owned(), |name| format!("`{name}`"));
            let message = format!("found {found}, expected {}", expected.join(" or "));
            Explanation::fail("base", ReasonCode::Condition, message)
        }
    }
}
