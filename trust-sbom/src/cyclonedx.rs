//! [CycloneDX](https://cyclonedx.org/docs/1.6/json/) in JSON.

use serde::Deserialize;
use trust_core::json;

use crate::sbom::{Component, Format, Limits, SbomError};

const VERSIONS: [&str; 5] = ["1.2", "1.3", "1.4", "1.5", "1.6"];
pub(crate) const VERSIONS_TEXT: &str = "1.2 to 1.6";

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "bomFormat")]
    format: String,
    #[serde(rename = "specVersion")]
    version: String,
    #[serde(default)]
    components: Vec<WireComponent>,
}

#[derive(Deserialize)]
struct WireComponent {
    name: String,
    version: Option<String>,
    purl: Option<String>,
    #[serde(default)]
    components: Vec<WireComponent>,
}

/// The version, and the components, nested ones after the one that they are in.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<(String, Vec<Component>), SbomError> {
    let document: Document = json::from_slice(bytes)?;
    if document.format != "CycloneDX" || !VERSIONS.contains(&document.version.as_str()) {
        return Err(SbomError::Version {
            format: Format::CycloneDx,
            found: document.version,
            expected: VERSIONS_TEXT,
        });
    }
    let mut components = Vec::new();
    let mut waiting: Vec<WireComponent> = document.components.into_iter().rev().collect();
    while let Some(wire) = waiting.pop() {
        if components.len() == limits.components {
            return Err(SbomError::TooManyComponents { expected: limits.components });
        }
        components.push(Component {
            name: wire.name,
            version: wire.version,
            purls: wire.purl.into_iter().collect(),
        });
        waiting.extend(wire.components.into_iter().rev());
    }
    Ok((document.version, components))
}
