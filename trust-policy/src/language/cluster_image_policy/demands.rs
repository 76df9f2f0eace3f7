//! What policies in CUE ask of attestations, and of the whole: of configurations, workloads, and of how often authorities vouch.

use super::cue::{self, AUTHORITY_MATCHES, Said};
use crate::language::reader::{At, Fields, PolicyError};
use crate::policy::image_rule::{VouchedCount, WorkloadRequirement};
use crate::policy::shape::Shape;

/// What an attestation has at its top.
const ATTESTATION: [&str; 2] = ["predicateType", "predicate"];

/// What one attestation at least must be.
pub(super) fn shape(at: &At<'_>) -> Result<Shape, PolicyError> {
    let mut fields = at.fields()?;
    let said = said_in(at, &mut fields, &ATTESTATION)?;
    fields.finish()?;
    Ok(Shape::Fields(said.fields))
}

/// What the image's configuration and its workload must be, and how often authorities must have vouched.
pub(super) fn workload(at: &At<'_>) -> Result<(WorkloadRequirement, Vec<VouchedCount>), PolicyError> {
    let mut fields = at.fields()?;
    let mut top = vec![AUTHORITY_MATCHES];
    for (flag, name) in [
        ("fetchConfigFile", "config"),
        ("includeSpec", "spec"),
        ("includeObjectMeta", "metadata"),
        ("includeTypeMeta", "typemeta"),
    ] {
        if fields.get(flag).map(|at| at.boolean()).transpose()?.unwrap_or(false) {
            top.push(name);
        }
    }
    let Said { fields: read, counts } = said_in(at, &mut fields, &top)?;
    fields.finish()?;
    let mut requirement =
        WorkloadRequirement { path: at.path().to_owned(), ..WorkloadRequirement::default() };
    for (name, shape) in read {
        match (name.as_str(), shape) {
            ("config", Shape::Fields(platforms)) => requirement.platforms.extend(platforms),
            ("config", _) => return Err(at.wrong("`config` with a field for each platform")),
            (_, shape) => requirement.object.push((name, shape)),
        }
    }
    Ok((requirement, counts))
}

/// What a policy in CUE says of the fields at the top.
fn said_in(at: &At<'_>, fields: &mut Fields<'_>, top: &[&str]) -> Result<Said, PolicyError> {
    let kind = fields.require("type", "`cue`")?;
    let data = fields.get("data");
    for elsewhere in ["remote", "configMapRef"] {
        if let Some(elsewhere) = fields.get(elsewhere) {
            return Err(elsewhere.not_implemented());
        }
    }
    match kind.text()? {
        "cue" => {}
        "rego" => return Err(kind.not_implemented()),
        _ => return Err(kind.wrong("`cue` or `rego`")),
    }
    let data = data.ok_or_else(|| at.wrong("`data`, with what it asks"))?;
    cue::read(data.text()?, top).map_err(|problem| PolicyError::Expression {
        path: data.path().to_owned(),
        span: data.span(),
        problem,
    })
}
