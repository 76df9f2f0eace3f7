//! [`Provenance`]: how an artifact was built, as its builder says; and [`VerificationSummary`], who checked it before.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use trust_core::UnixTime;
use trust_core::internal::json::{Document, JsonError};

use crate::lenient::nullable;
use crate::read::draft;

/// How an artifact was built ([SLSA provenance](https://slsa.dev/spec/v1.1/provenance) 0.1, 0.2 and 1), in the words of
/// version 1. It is as good as its signer: that the builder is who it says must be checked against the signature.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Provenance {
    /// Who built it: `runDetails.builder.id`, `builder.id`.
    pub builder: String,
    /// How builds of this kind work: `buildDefinition.buildType`, `buildType`, `recipe.type`.
    pub build_type: String,
    /// What the builder was asked to do, under the control of the requester: `externalParameters`, `invocation`,
    /// `recipe`.
    pub external_parameters: Value,
    /// Where its instructions came from, if it says: `invocation.configSource`. In version 1 it is one of the
    /// dependencies, or stands in the parameters.
    pub config_source: Option<Material>,
    /// What went into it: `resolvedDependencies`, `materials`.
    pub dependencies: Vec<Material>,
    /// Which run it was.
    pub invocation: Option<String>,
    /// When the build began.
    pub started: Option<UnixTime>,
    /// When it was over.
    pub finished: Option<UnixTime>,
}

/// Where the instructions of a build came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// The repository or address, as written.
    pub uri: String,
    /// The branch, tag or commit, if it stands beside it.
    pub reference: Option<String>,
}

impl Source {
    /// The ways in which it is written: as it stands, without and with `git+`, with the reference behind `@`.
    #[must_use]
    pub fn forms(&self) -> Vec<String> {
        let bare = self.uri.strip_prefix("git+").unwrap_or(&self.uri);
        let mut forms = vec![self.uri.clone(), bare.to_owned(), format!("git+{bare}")];
        if let Some(reference) = &self.reference {
            forms.extend([format!("{bare}@{reference}"), format!("git+{bare}@{reference}")]);
        }
        // What stands behind `@` may also be left out.
        let name = bare.rsplit_once('@').map(|(name, _)| name).filter(|name| name.contains("://"));
        forms.extend(name.into_iter().flat_map(|name| [name.to_owned(), format!("git+{name}")]));
        forms.dedup();
        forms
    }
}

/// Where the parameters of builds of a type name their source, and its reference: the place that its documentation gives it.
const SOURCES: [(&str, &str, &str); 6] = [
    ("https://actions.github.io/buildtypes/workflow/", "/workflow/repository", "/workflow/ref"),
    (
        "https://slsa-framework.github.io/github-actions-buildtypes/workflow/",
        "/workflow/repository",
        "/workflow/ref",
    ),
    (
        "https://cloud.google.com/build/gcb-buildtypes/",
        "/buildConfigSource/repository",
        "/buildConfigSource/ref",
    ),
    (
        "https://slsa-framework.github.io/gcb-buildtypes/",
        "/buildConfigSource/repository",
        "/buildConfigSource/ref",
    ),
    ("https://github.com/moby/buildkit/", "/configSource/uri", "/configSource/ref"),
    ("https://mobyproject.org/buildkit@", "/configSource/uri", "/configSource/ref"),
];

/// Where builds of other types name it, by custom.
const USUAL_SOURCES: [(&str, &str); 4] = [
    ("/workflow/repository", "/workflow/ref"),
    ("/source/uri", "/source/ref"),
    ("/source", "/ref"),
    ("/configSource/uri", "/configSource/ref"),
];

/// Something that went into a build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Material {
    /// Where it came from.
    #[serde(default, deserialize_with = "nullable")]
    pub uri: String,
    /// Its digests, by algorithm, as written.
    #[serde(default, deserialize_with = "nullable")]
    pub digest: std::collections::BTreeMap<String, String>,
}

/// A verifier checked an artifact against a policy
/// ([SLSA verification summary](https://slsa.dev/spec/v1.1/verification_summary) 0.1, 0.2 and 1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct VerificationSummary {
    /// Who checked.
    pub verifier: String,
    /// When.
    pub verified: Option<UnixTime>,
    /// What was checked.
    pub resource: String,
    /// Against which policy.
    pub policy: String,
    /// It passed. Every other word than `PASSED` means that it did not.
    pub has_passed: bool,
    /// The levels that it reaches, such as `SLSA_BUILD_LEVEL_3`.
    pub levels: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V1 {
    build_definition: BuildDefinition,
    run_details: RunDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition {
    build_type: String,
    #[serde(default)]
    external_parameters: Value,
    #[serde(default, deserialize_with = "nullable")]
    resolved_dependencies: Vec<Material>,
}

#[derive(Deserialize)]
struct RunDetails {
    builder: Builder,
    metadata: Option<RunMetadata>,
}

#[derive(Deserialize)]
struct Builder {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunMetadata {
    invocation_id: Option<String>,
    started_on: Option<String>,
    finished_on: Option<String>,
}

/// 0.1 and 0.2: they differ in how they call the instructions.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V0 {
    builder: Builder,
    build_type: Option<String>,
    invocation: Option<Value>,
    recipe: Option<Value>,
    metadata: Option<BuildMetadata>,
    #[serde(default, deserialize_with = "nullable")]
    materials: Vec<Material>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildMetadata {
    #[serde(alias = "buildInvocationID")]
    build_invocation_id: Option<String>,
    build_started_on: Option<String>,
    build_finished_on: Option<String>,
}

fn time(text: Option<String>) -> Option<UnixTime> {
    text.as_deref().and_then(draft::time)
}

impl Provenance {
    /// Where its instructions came from: the `configSource` of version 0.2, the parameter that the build type has for it, else
    /// the first of the dependencies. That something is among the other dependencies says nothing about who wrote the
    /// instructions.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        if let Some(source) = &self.config_source {
            return Some(Source { uri: source.uri.clone(), reference: None });
        }
        let at = |uri: &str, reference: &str| {
            let text = |pointer: &str| self.external_parameters.pointer(pointer)?.as_str().map(str::to_owned);
            Some(Source { uri: text(uri).filter(|uri| !uri.is_empty())?, reference: text(reference) })
        };
        let own = SOURCES.iter().find(|(prefix, ..)| self.build_type.starts_with(prefix));
        match own {
            // A build type that has a place for it and does not say is not answered by what else it says.
            Some((_, uri, reference)) => at(uri, reference),
            None => USUAL_SOURCES.iter().find_map(|(uri, reference)| at(uri, reference)).or_else(|| {
                let first = self.dependencies.first()?;
                Some(Source { uri: first.uri.clone(), reference: None })
            }),
        }
    }

    /// Version 1.
    pub(crate) fn read_v1(document: &Document<'_>) -> Result<Self, JsonError> {
        let V1 { build_definition, run_details } = document.read()?;
        let metadata = run_details.metadata;
        let (invocation, started, finished) =
            metadata.map_or((None, None, None), |one| (one.invocation_id, one.started_on, one.finished_on));
        Ok(Self {
            builder: run_details.builder.id,
            build_type: build_definition.build_type,
            external_parameters: build_definition.external_parameters,
            config_source: None,
            dependencies: build_definition.resolved_dependencies,
            invocation,
            started: time(started),
            finished: time(finished),
        })
    }

    /// Versions 0.1 and 0.2.
    pub(crate) fn read_v0(document: &Document<'_>) -> Result<Self, JsonError> {
        let wire: V0 = document.read()?;
        let config_source = wire.invocation.as_ref().and_then(|one| one.get("configSource"));
        let config_source =
            config_source.map(|one| Material::deserialize(one).map_err(JsonError::from)).transpose()?;
        let recipe_type =
            wire.recipe.as_ref().and_then(|recipe| recipe.get("type")?.as_str().map(str::to_owned));
        let (invocation, started, finished) = wire.metadata.map_or((None, None, None), |one| {
            (one.build_invocation_id, one.build_started_on, one.build_finished_on)
        });
        Ok(Self {
            builder: wire.builder.id,
            build_type: wire.build_type.or(recipe_type).unwrap_or_default(),
            external_parameters: wire.invocation.or(wire.recipe).unwrap_or_default(),
            config_source,
            dependencies: wire.materials,
            invocation,
            started: time(started),
            finished: time(finished),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    verifier: Builder,
    time_verified: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    resource_uri: String,
    policy: Option<Policy>,
    verification_result: String,
    #[serde(default, deserialize_with = "nullable")]
    verified_levels: Vec<String>,
    /// 0.1 and 0.2 name one level.
    policy_level: Option<String>,
}

#[derive(Deserialize)]
struct Policy {
    #[serde(default, deserialize_with = "nullable")]
    uri: String,
}

impl VerificationSummary {
    pub(crate) fn read(document: &Document<'_>) -> Result<Self, JsonError> {
        let wire: Summary = document.read()?;
        Ok(Self {
            verifier: wire.verifier.id,
            verified: time(wire.time_verified),
            resource: wire.resource_uri,
            policy: wire.policy.map(|policy| policy.uri).unwrap_or_default(),
            has_passed: wire.verification_result == "PASSED",
            levels: wire.verified_levels.into_iter().chain(wire.policy_level).collect(),
        })
    }
}
