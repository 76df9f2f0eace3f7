//! What images say about themselves: indexes, manifests and configurations
//! ([image specification](https://github.com/opencontainers/image-spec/blob/v1.1.0/spec.md)).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};
use trust_core::internal::json::{self, Objects};
use trust_core::{Digest, ImageRef, PinnedImage, Reasons, UnixTime};

use crate::evidence::{Evidence, FailureKind, ImageEvidence};
use crate::verdict::reason::ReasonCode;

/// Platforms of one image.
const MAX_PLATFORMS: usize = 100;

/// An index or a manifest, by its members.
#[derive(Deserialize)]
struct Manifest {
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
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
    variant: Option<String>,
}

#[derive(Deserialize)]
struct Config {
    created: Option<UnixTime>,
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    #[serde(default)]
    config: RuntimeConfig,
}

/// What an image says about itself on one platform.
pub(crate) struct Content {
    /// The platform.
    pub(crate) name: String,
    /// Of its manifest.
    digest: Digest,
    /// As the index says it; `None` for an image that is in none.
    platform: Option<String>,
    manifest: Manifest,
    config: Config,
    /// The configuration as a whole.
    pub(crate) json: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RuntimeConfig {
    user: String,
    labels: Option<BTreeMap<String, String>>,
    volumes: Option<BTreeMap<String, Value>>,
}

/// The fields of `config` in an image's configuration.
const CONFIG_FIELDS: [&str; 15] = [
    "ArgsEscaped",
    "Cmd",
    "Entrypoint",
    "Env",
    "ExposedPorts",
    "Healthcheck",
    "Labels",
    "Memory",
    "MemorySwap",
    "OnBuild",
    "Shell",
    "StopSignal",
    "User",
    "Volumes",
    "WorkingDir",
];

const BASE_NAME: &str = "org.opencontainers.image.base.name";
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

impl Content {
    /// When it was made.
    pub(crate) fn created(&self) -> Option<UnixTime> {
        self.config.created
    }

    /// How many layers it has.
    pub(crate) fn layers(&self) -> usize {
        self.manifest.layers.len()
    }

    /// The folders that are volumes of their own.
    pub(crate) fn volumes(&self) -> Vec<&str> {
        let volumes = self.config.config.volumes.as_ref();
        volumes.into_iter().flat_map(BTreeMap::keys).map(String::as_str).collect()
    }

    /// As whom it runs; empty if it does not say.
    pub(crate) fn user(&self) -> &str {
        &self.config.config.user
    }

    /// The name of the image that it was built on.
    pub(crate) fn base_name(&self) -> Option<&str> {
        self.annotation(BASE_NAME).or(self.annotation("base.image"))
    }

    /// The image that it was built on, with its digest if that is said.
    pub(crate) fn base(&self) -> Option<String> {
        let name = self.base_name()?;
        let name = name.split('@').next().unwrap_or(name);
        Some(match self.annotation(BASE_DIGEST) {
            Some(digest) => format!("{name}@{digest}"),
            None => name.to_owned(),
        })
    }

    /// Operating system, architecture and variant, such as `linux/arm/v7`: as the index says, else the configuration.
    pub(crate) fn platform(&self) -> String {
        let of_config = || {
            let config = &self.config;
            let parts = [&config.os, &config.architecture, &config.variant];
            parts.into_iter().flatten().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("/")
        };
        self.platform.clone().unwrap_or_else(of_config)
    }

    /// The configuration with the names of its fields as the specification writes them.
    pub(crate) fn config_json(&self) -> Value {
        let mut json = self.json.clone();
        if let Some(Value::Object(fields)) = json.get_mut("config") {
            let renamed = core::mem::take(fields).into_iter().map(|(name, value)| {
                let written = CONFIG_FIELDS.into_iter().find(|field| field.to_lowercase() == name);
                (written.map_or(name, str::to_owned), value)
            });
            *fields = renamed.collect();
        }
        json
    }

    /// Whether it has all of another image's layers below its own.
    pub(crate) fn stands_on(&self, base: &Self) -> bool {
        let layers = |content: &Self| -> Vec<Digest> {
            content.manifest.layers.iter().map(|layer| layer.digest.clone()).collect()
        };
        let (own, below) = (layers(self), layers(base));
        !below.is_empty() && own.starts_with(&below)
    }

    /// An annotation of the manifest, or a label.
    fn annotation(&self, name: &str) -> Option<&str> {
        let labels = self.config.config.labels.as_ref();
        let found = self.manifest.annotations.get(name).or_else(|| labels?.get(name));
        found.map(String::as_str)
    }
}

impl Evidence {
    /// The images that an image says it was built on, on any platform: so that their evidence can be fetched.
    #[must_use]
    pub fn bases_of(&self, image: &Digest) -> Vec<String> {
        let mut bases: Vec<String> =
            platforms(image, self).iter().flatten().filter_map(Content::base).collect();
        bases.sort();
        bases.dedup();
        bases
    }
}

impl Evidence {
    /// The images of the platforms of an image that is here under this name, by the names under which theirs must be: so that their evidence can
    /// be fetched. One that is in no index has none.
    #[must_use]
    pub fn platforms_of(&self, image: &str) -> Vec<String> {
        let Ok((pinned, _)) = self.pinned(image) else { return Vec::new() };
        let platforms = platform_names(&pinned, self).unwrap_or_default();
        platforms.into_iter().filter_map(|(_, name)| name).collect()
    }
}

/// The platforms of an image, and the names of their images; `None` for an image that is in no index.
pub(crate) fn platform_names(
    image: &PinnedImage,
    evidence: &Evidence,
) -> Result<Vec<(String, Option<String>)>, Unknown> {
    let contents = platforms(image.digest(), evidence)?;
    let name = |content: Content| {
        let is_other = content.digest != *image.digest();
        let name = is_other.then(|| format!("{}@{}", image.reference().name(), content.digest));
        (content.platform(), name)
    };
    Ok(contents.into_iter().map(name).collect())
}

impl Evidence {
    /// An image with the digest that it was resolved to, and what was fetched for it.
    pub(crate) fn pinned(&self, image: &str) -> Result<(PinnedImage, &ImageEvidence), Unknown> {
        let reference: ImageRef =
            image.parse().map_err(|error| (ReasonCode::Malformed, Reasons(&error).to_string()))?;
        let evidence = self
            .images
            .get(image)
            .ok_or_else(|| (ReasonCode::NotFetched, "nothing was fetched for it".to_owned()))?;
        if let Some(tampered) = evidence.failures.iter().find(|one| one.kind == FailureKind::Tampered) {
            return Err((
                ReasonCode::Tampered,
                format!("comes from a store that cannot be believed: {tampered}"),
            ));
        }
        let digest = evidence
            .digest
            .clone()
            .map_err(|failure| (ReasonCode::NotFetched, format!("cannot be resolved: {failure}")))?;
        let pinned = PinnedImage::new(reference, digest)
            .map_err(|error| (ReasonCode::OtherImage, Reasons(&error).to_string()))?;
        Ok((pinned, evidence))
    }
}

/// What a registry holds of an image, as JSON.
pub(crate) struct RegistryData {
    pub(crate) image: PinnedImage,
    /// Its index, if it has one.
    pub(crate) index: Option<Value>,
    /// Its manifest, and its configuration with the names of fields as the specification writes them: those for `linux/amd64`, or else
    /// for its first platform. Other platforms have the same configuration of what runs.
    pub(crate) manifest: Value,
    pub(crate) config: Value,
}

/// What a registry holds of an image. Where its platforms would not run alike, one of them says nothing about the others.
pub(crate) fn registry_data(image: &str, evidence: &Evidence) -> Result<RegistryData, Unknown> {
    let (image, _) = evidence.pinned(image)?;
    let contents = platforms(image.digest(), evidence)?;
    let amd64 = contents.iter().find(|one| one.platform() == "linux/amd64");
    let malformed = || (ReasonCode::Malformed, "image has no platform".to_owned());
    let meant = amd64.or(contents.first()).ok_or_else(malformed)?;
    if let Some(other) = contents.iter().find(|one| one.json.get("config") != meant.json.get("config")) {
        let (one, two) = (meant.platform(), other.platform());
        let problem =
            format!("image is configured in another way on {two} than on {one}, and one must speak for all");
        return Err((ReasonCode::Unresolved, problem));
    }
    let written = |digest: &Digest| -> Result<Value, Unknown> {
        let text = evidence.documents.get(&digest.to_string()).map_or("", String::as_str);
        json::from_slice(text.as_bytes()).map_err(|error| (ReasonCode::Malformed, error.to_string()))
    };
    let manifest = written(&meant.digest)?;
    let index = if meant.digest == *image.digest() { None } else { Some(written(image.digest())?) };
    Ok(RegistryData { config: meant.config_json(), manifest, index, image })
}

/// Why it is not known what an image says.
pub(crate) type Unknown = (ReasonCode, String);

/// Each platform with its manifest and configuration. Attestations that builders store as platforms are none.
pub(crate) fn platforms(image: &Digest, evidence: &Evidence) -> Result<Vec<Content>, Unknown> {
    let top: Manifest = document(image, &evidence.documents)?;
    let Some(entries) = top.manifests else {
        return Ok(vec![platform("image".to_owned(), image, None, top, evidence)?]);
    };
    let images = images_of(image, &entries)?;
    let read = |entry: &Descriptor| {
        let name = entry.platform.as_ref().map_or_else(
            || entry.digest.to_string(),
            |platform| format!("{}/{}", platform.os, platform.architecture),
        );
        let full = entry.platform.as_ref().map(|platform| {
            let variant = platform.variant.as_ref().filter(|variant| !variant.is_empty());
            let parts = [Some(&platform.os), Some(&platform.architecture), variant];
            parts.into_iter().flatten().cloned().collect::<Vec<_>>().join("/")
        });
        platform(name, &entry.digest, full, document(&entry.digest, &evidence.documents)?, evidence)
    };
    images.into_iter().map(read).collect()
}

/// The entries of an index that are images.
fn images_of<'a>(index: &Digest, entries: &'a [Descriptor]) -> Result<Vec<&'a Descriptor>, Unknown> {
    let is_image = |entry: &&Descriptor| {
        // Whatever a runtime could choose is an image, whatever it is annotated with.
        let is_of_no_platform = entry.platform.as_ref().is_some_and(|platform| {
            (platform.os.as_str(), platform.architecture.as_str()) == ("unknown", "unknown")
        });
        !(is_of_no_platform && entry.annotations.contains_key("vnd.docker.reference.type"))
    };
    let images: Vec<_> = entries.iter().filter(is_image).collect();
    if images.is_empty() || images.len() > MAX_PLATFORMS {
        let problem = format!("index `{index}` has {} images, expected 1 to {MAX_PLATFORMS}", images.len());
        return Err((ReasonCode::Unresolved, problem));
    }
    Ok(images)
}

/// The index and the manifests of an image that are not there yet.
pub(crate) fn missing(image: &Digest, documents: &BTreeMap<String, String>) -> Result<Vec<Digest>, Unknown> {
    if !documents.contains_key(&image.to_string()) {
        return Ok(vec![image.clone()]);
    }
    let top: Manifest = document(image, documents)?;
    let entries = match &top.manifests {
        Some(entries) => images_of(image, entries)?,
        None => Vec::new(),
    };
    Ok(entries
        .into_iter()
        .map(|entry| &entry.digest)
        .filter(|digest| !documents.contains_key(&digest.to_string()))
        .cloned()
        .collect())
}

/// The digests by which an image may run: its own, those of its platforms' manifests, and those of their configurations.
pub(crate) fn family(
    image: &Digest,
    documents: &BTreeMap<String, String>,
) -> Result<BTreeSet<Digest>, Unknown> {
    let top: Manifest = document(image, documents)?;
    let mut family = BTreeSet::from([image.clone()]);
    let mut manifests = Vec::new();
    match &top.manifests {
        Some(entries) => {
            for entry in images_of(image, entries)? {
                family.insert(entry.digest.clone());
                manifests.push(document::<Manifest>(&entry.digest, documents)?);
            }
        }
        None => manifests.push(top),
    }
    for manifest in manifests {
        let config = manifest.config;
        let absent = || (ReasonCode::Malformed, format!("a manifest of `{image}` has no configuration"));
        family.insert(config.ok_or_else(absent)?.digest);
    }
    Ok(family)
}

fn platform(
    name: String,
    digest: &Digest,
    platform: Option<String>,
    manifest: Manifest,
    evidence: &Evidence,
) -> Result<Content, Unknown> {
    let malformed = |problem: String| (ReasonCode::Malformed, problem);
    let config = manifest.config.as_ref().ok_or_else(|| malformed(format!("{name} has no configuration")))?;
    let json: Value = document(&config.digest, &evidence.documents)?;
    let read = serde_json::from_value(json.clone()).map(|Objects(config)| config);
    let config = read.map_err(|error| malformed(format!("`{}`: {error}", config.digest)))?;
    Ok(Content { name, digest: digest.clone(), platform, manifest, config, json })
}

/// A document that is what its digest says.
fn document<T: serde::de::DeserializeOwned>(
    digest: &Digest,
    documents: &BTreeMap<String, String>,
) -> Result<T, Unknown> {
    let text = documents.get(&digest.to_string());
    let text = text.ok_or_else(|| (ReasonCode::NotFetched, format!("`{digest}` was not fetched")))?;
    digest.check(text.as_bytes()).map_err(|error| (ReasonCode::Tampered, Reasons(&error).to_string()))?;
    let fail = |error: String| (ReasonCode::Malformed, format!("`{digest}`: {error}"));
    let mut value: Value = json::from_slice(text.as_bytes()).map_err(|error| fail(error.to_string()))?;
    fold(&mut value).map_err(fail)?;
    serde_json::from_value(value).map(|Objects(value)| value).map_err(|error| fail(error.to_string()))
}

/// Fields that are objects, or lists of them, with fields of their own.
const STRUCTURES: [&str; 6] = ["manifests", "layers", "config", "platform", "subject", "rootfs"];

/// Writes the names of fields in lower case: runtimes read them in any case, and of two that differ in case they take one.
fn fold(value: &mut Value) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(fold),
        Value::Object(map) => {
            let mut folded = Map::new();
            for (key, mut inner) in core::mem::take(map) {
                let name = key.to_lowercase();
                if STRUCTURES.contains(&name.as_str()) {
                    fold(&mut inner)?;
                }
                if folded.insert(name, inner).is_some() {
                    return Err(format!("field `{key}` stands there twice, in upper and lower case"));
                }
            }
            *map = folded;
            Ok(())
        }
        _ => Ok(()),
    }
}
