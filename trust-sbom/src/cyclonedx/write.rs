//! The model as [CycloneDX 1.6](https://cyclonedx.org/docs/1.6/json/) in JSON.
