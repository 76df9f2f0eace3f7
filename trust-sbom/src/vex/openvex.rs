//! [OpenVEX](https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md), 0.0.1 and 0.2.0.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use trust_core::internal::json::Document;

use super::{Vex, VexError, VexFormat};
use crate::lenient::nullable;
use crate::model::component::Hash;
use crate::model::vex_statement::{VexProduct, VexStatement, VexStatus};
use crate::read::draft;

const CONTEXTS: [&str; 3] =
    ["https://openvex.dev/ns", "https://openvex.dev/ns/v0.0.1", "https://openvex.dev/ns/v0.2.0"];

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "@context")]
    context: String,
    #[serde(rename = "@id")]
    id: Option<String>,
    author: Option<String>,
    timestamp: Option<String>,
    last_updated: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    statements: Vec<Statement>,
}

#[derive(Deserialize)]
struct Statement {
    vulnerability: Option<Vulnerability>,
    timestamp: Option<String>,
    last_updated: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    products: Vec<Product>,
    #[serde(default, deserialize_with = "nullable")]
    subcomponents: Vec<Product>,
    status: String,
    status_notes: Option<String>,
    justification: Option<String>,
    impact_statement: Option<String>,
    action_statement: Option<String>,
}

/// A name in 0.0.1, an object since.
#[derive(Deserialize)]
#[serde(untagged)]
enum Vulnerability {
    Name(String),
    Object {
        #[serde(rename = "@id")]
        id: Option<String>,
        name: Option<String>,
        #[serde(default, deserialize_with = "nullable")]
        aliases: Vec<String>,
    },
}

/// Likewise.
#[derive(Deserialize)]
#[serde(untagged)]
enum Product {
    Name(String),
    Object {
        #[serde(rename = "@id")]
        id: Option<String>,
        #[serde(default, deserialize_with = "nullable")]
        identifiers: BTreeMap<String, String>,
        #[serde(default, deserialize_with = "nullable")]
        hashes: BTreeMap<String, String>,
        #[serde(default, deserialize_with = "nullable")]
        subcomponents: Vec<Product>,
    },
}

impl From<Product> for VexProduct {
    fn from(wire: Product) -> Self {
        match wire {
            Product::Name(name) => Self { identifiers: vec![name], ..Self::default() },
            Product::Object { id, identifiers, hashes, subcomponents } => Self {
                identifiers: id.into_iter().chain(identifiers.into_values()).collect(),
                hashes: hashes.iter().map(|(algorithm, value)| Hash::new(algorithm, value)).collect(),
                subcomponents: subcomponents.into_iter().map(|one| Arc::new(one.into())).collect(),
                ..Self::default()
            },
        }
    }
}

pub(super) fn read(document: &Document<'_>) -> Result<Vex, VexError> {
    let wire: Wire = document.read()?;
    if !CONTEXTS.contains(&wire.context.as_str()) {
        return Err(VexError::Version {
            format: "OpenVEX",
            found: wire.context,
            expected: "`https://openvex.dev/ns`, alone or with `/v0.0.1` or `/v0.2.0`",
        });
    }
    // The document may have been changed for the sake of another statement: without a time of its own, one is as old as the
    // document.
    let written = wire.timestamp.as_deref().and_then(draft::time);
    let timestamp = wire.last_updated.as_deref().and_then(draft::time).or(written);
    let statements = wire.statements.into_iter().map(|statement| {
        let vulnerability = match statement.vulnerability {
            Some(Vulnerability::Name(name)) => vec![name],
            Some(Vulnerability::Object { id, name, aliases }) => {
                name.into_iter().chain(aliases).chain(id).collect()
            }
            None => Vec::new(),
        };
        let mut products: Vec<VexProduct> = statement.products.into_iter().map(VexProduct::from).collect();
        // In 0.0.1 the parts stand beside the products, and are of each.
        let parts = statement.subcomponents.into_iter().map(|part| Arc::new(VexProduct::from(part)));
        let parts: Vec<_> = parts.collect();
        for product in &mut products {
            product.subcomponents.extend(parts.iter().cloned());
        }
        let is_grounded =
            super::is_grounded(statement.justification.as_deref(), statement.impact_statement.as_deref());
        let status = match statement.status.as_str() {
            "not_affected" if is_grounded => VexStatus::NotAffected,
            // The specification requires a reason.
            "not_affected" => VexStatus::Other("not_affected without a reason".to_owned()),
            "affected" => VexStatus::Affected,
            "fixed" => VexStatus::Fixed,
            "under_investigation" => VexStatus::UnderInvestigation,
            _ => VexStatus::Other(statement.status),
        };
        let said = statement.last_updated.or(statement.timestamp);
        VexStatement {
            vulnerability: vulnerability.into(),
            products: products.into_iter().map(Arc::new).collect(),
            status,
            justification: statement.justification.map(Arc::from),
            impact: statement.impact_statement.or(statement.status_notes).map(Arc::from),
            action: statement.action_statement.map(Arc::from),
            // One that cannot be read is unknown.
            timestamp: said.as_deref().map_or(written, draft::time),
        }
    });
    Ok(Vex {
        format: VexFormat::OpenVex,
        id: wire.id,
        author: wire.author,
        timestamp,
        statements: statements.collect(),
    })
}
