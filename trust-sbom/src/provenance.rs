//! [`Provenance`]: how an artifact was built, as its builder says; and [`VerificationSummary`], who checked it before.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use trust_core::UnixTime;
use trust_core::json::{Document, JsonError};

use crate::draft;
use crate::lenient::nullable;

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
    /// What the builder was asked to do, under the control of whoever asked: `externalParameters`, `invocation`,
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

/// Somebody checked an artifact against a policy
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
