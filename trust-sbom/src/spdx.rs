//! [SPDX](https://spdx.github.io/spdx-spec/v2.3/) 2 in JSON.

use serde::Deserialize;
use trust_core::json;

use crate::sbom::{Component, Format, Limits, SbomError};

const VERSIONS: [&str; 2] = ["SPDX-2.2", "SPDX-2.3"];
pub(crate) const VERSIONS_TEXT: &str = "SPDX-2.2 or SPDX-2.3";

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "spdxVersion")]
    version: String,
    #[serde(default)]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    name: String,
    version_info: Option<String>,
    #[serde(default)]
    external_refs: Vec<ExternalRef>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_type: String,
    reference_locator: String,
}

/// The version, and the packages.
pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<(String, Vec<Component>), SbomError> {
    let document: Document = json::from_slice(bytes)?;
    if !VERSIONS.contains(&document.version.as_str()) {
        return Err(SbomError::Version {
            format: Format::Spdx,
            found: document.version,
            expected: VERSIONS_TEXT,
        });
    }
    if document.packages.len() > limits.components {
        return Err(SbomError::TooManyComponents { expected: limits.components });
    }
    let purls = |refs: Vec<ExternalRef>| {
        refs.into_iter().filter(|one| one.reference_type == "purl").map(|one| one.reference_locator).collect()
    };
    let component = |package: Package| Component {
        name: package.name,
        version: package.version_info,
        purls: purls(package.external_refs),
    };
    Ok((document.version, document.packages.into_iter().map(component).collect()))
}
