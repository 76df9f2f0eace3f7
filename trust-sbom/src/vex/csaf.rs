//! [CSAF](https://docs.oasis-open.org/csaf/csaf/v2.0/csaf-v2.0.html) 2.0 and 2.1: products by identifiers of the
//! document, and for each vulnerability lists of products by status.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use trust_core::internal::json::Document;

use super::{Vex, VexError, VexFormat};
use crate::lenient::nullable;
use crate::model::component::Hash;
use crate::model::vex_statement::{VexProduct, VexStatement, VexStatus};
use crate::package::purl::Purl;
use crate::read::draft;

#[derive(Deserialize)]
struct Wire {
    document: Header,
    product_tree: Option<ProductTree>,
    #[serde(default, deserialize_with = "nullable")]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Header {
    category: String,
    csaf_version: String,
    publisher: Option<Publisher>,
    tracking: Option<Tracking>,
}

#[derive(Deserialize)]
struct Publisher {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Tracking {
    id: Option<String>,
    current_release_date: Option<String>,
}

#[derive(Deserialize, Default)]
struct ProductTree {
    #[serde(default, deserialize_with = "nullable")]
    branches: Vec<Branch>,
    #[serde(default, deserialize_with = "nullable")]
    full_product_names: Vec<Product>,
    #[serde(default, deserialize_with = "nullable")]
    product_groups: Vec<Group>,
    #[serde(default, deserialize_with = "nullable")]
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default, deserialize_with = "nullable")]
    branches: Vec<Branch>,
    product: Option<Product>,
    category: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Product {
    product_id: String,
    product_identification_helper: Option<Helper>,
}

#[derive(Deserialize)]
struct Helper {
    purl: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    purls: Vec<String>,
    cpe: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    hashes: Vec<FileHashes>,
}

#[derive(Deserialize)]
struct FileHashes {
    #[serde(default, deserialize_with = "nullable")]
    file_hashes: Vec<FileHash>,
}

#[derive(Deserialize)]
struct FileHash {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
struct Group {
    group_id: String,
    #[serde(default, deserialize_with = "nullable")]
    product_ids: Vec<String>,
}

/// A product in, or on, another one.
#[derive(Deserialize)]
struct Relationship {
    full_product_name: Product,
    product_reference: String,
    relates_to_product_reference: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    cve: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    ids: Vec<Id>,
    #[serde(default, deserialize_with = "nullable")]
    product_status: HashMap<String, Vec<String>>,
    #[serde(default, deserialize_with = "nullable")]
    flags: Vec<Flag>,
    #[serde(default, deserialize_with = "nullable")]
    threats: Vec<Remark>,
    #[serde(default, deserialize_with = "nullable")]
    remediations: Vec<Remark>,
}

#[derive(Deserialize)]
struct Id {
    text: Option<String>,
}

#[derive(Deserialize)]
struct Flag {
    label: String,
    date: Option<String>,
    #[serde(flatten)]
    of: Of,
}

/// A threat or a remediation.
#[derive(Deserialize)]
struct Remark {
    category: Option<String>,
    details: Option<String>,
    #[serde(flatten)]
    of: Of,
}

/// To which products something applies.
#[derive(Deserialize)]
struct Of {
    #[serde(default, deserialize_with = "nullable")]
    product_ids: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    group_ids: Vec<String>,
}

/// The names of nested products may take this many times the document's length.
const MAX_KEPT: usize = 2;

/// The lists of products, and what they say.
const STATUSES: [(&str, VexStatus); 7] = [
    ("known_not_affected", VexStatus::NotAffected),
    ("known_affected", VexStatus::Affected),
    ("first_affected", VexStatus::Affected),
    ("last_affected", VexStatus::Affected),
    ("fixed", VexStatus::Fixed),
    ("first_fixed", VexStatus::Fixed),
    ("under_investigation", VexStatus::UnderInvestigation),
];

pub(super) fn read(document: &Document<'_>) -> Result<Vex, VexError> {
    let wire: Wire = document.read()?;
    if !["2.0", "2.1"].contains(&wire.document.csaf_version.as_str()) {
        return Err(VexError::Version {
            format: "CSAF",
            found: wire.document.csaf_version,
            expected: "2.0 or 2.1",
        });
    }
    let (id, date) = wire.document.tracking.map_or((None, None), |one| (one.id, one.current_release_date));
    let timestamp = date.as_deref().and_then(draft::time);
    let tree = wire.product_tree.unwrap_or_default();
    let mut groups: HashMap<&str, Vec<&str>> = HashMap::new();
    for group in &tree.product_groups {
        for product in &group.product_ids {
            groups.entry(product).or_default().push(&group.group_id);
        }
    }
    let products = products(&tree, document.text().len().saturating_mul(MAX_KEPT))?;
    let mut statements = Vec::new();
    for vulnerability in wire.vulnerabilities {
        let ids = vulnerability.ids.iter().filter_map(|id| id.text.clone());
        let names: Arc<[String]> = vulnerability.cve.iter().cloned().chain(ids).collect();
        let flags = ByProduct::new(vulnerability.flags.iter().map(|flag| (&flag.of, flag)));
        let impacts = vulnerability.threats.iter().filter(|one| one.category.as_deref() == Some("impact"));
        let impacts = ByProduct::new(impacts.map(|one| (&one.of, one.details())));
        let actions = ByProduct::new(vulnerability.remediations.iter().map(|one| (&one.of, one.details())));
        for (list, status) in STATUSES {
            // One statement for each product: the reasons are of products.
            for product in vulnerability.product_status.get(list).into_iter().flatten() {
                let groups = groups.get(product.as_str()).map(Vec::as_slice).unwrap_or_default();
                let flag = flags.get(product, groups);
                let impact = impacts.get(product, groups).cloned().flatten();
                let is_grounded = super::is_grounded(flag.map(|flag| flag.label.as_str()), impact.as_deref());
                let status = match &status {
                    // The profile requires a reason.
                    VexStatus::NotAffected if !is_grounded => {
                        VexStatus::Other("known_not_affected without a reason".to_owned())
                    }
                    status => status.clone(),
                };
                let flagged = flag.and_then(|flag| flag.date.as_deref()).and_then(draft::time);
                statements.push(VexStatement {
                    vulnerability: names.clone(),
                    products: products.get(product.as_str()).cloned().into_iter().collect(),
                    status,
                    justification: flag.map(|flag| flag.label.as_str().into()),
                    impact,
                    action: actions.get(product, groups).cloned().flatten(),
                    timestamp: flagged.or(timestamp),
                });
            }
        }
    }
    Ok(Vex {
        format: VexFormat::Csaf(wire.document.category),
        id,
        author: wire.document.publisher.and_then(|publisher| publisher.name),
        timestamp,
        statements,
    })
}

/// What is said of products, by themselves and by their groups: what comes first counts.
struct ByProduct<'a, T> {
    products: HashMap<&'a str, usize>,
    groups: HashMap<&'a str, usize>,
    said: Vec<T>,
}

impl<'a, T> ByProduct<'a, T> {
    fn new(all: impl Iterator<Item = (&'a Of, T)>) -> Self {
        let mut own = Self { products: HashMap::new(), groups: HashMap::new(), said: Vec::new() };
        for (of, said) in all {
            let place = own.said.len();
            own.said.push(said);
            for id in &of.product_ids {
                own.products.entry(id).or_insert(place);
            }
            for id in &of.group_ids {
                own.groups.entry(id).or_insert(place);
            }
        }
        own
    }

    fn get(&self, product: &str, groups: &[&str]) -> Option<&T> {
        let by_group = groups.iter().filter_map(|group| self.groups.get(group));
        self.said.get(*self.products.get(product).into_iter().chain(by_group).min()?)
    }
}

impl Remark {
    fn details(&self) -> Option<Arc<str>> {
        self.details.as_deref().map(Arc::from)
    }
}

/// Every product by its identifier. One that is in another one is that one, with itself as the part.
fn products(tree: &ProductTree, most: usize) -> Result<HashMap<&str, Arc<VexProduct>>, VexError> {
    let mut products: HashMap<&str, Arc<VexProduct>> = HashMap::new();
    let mut waiting: Vec<&Branch> = tree.branches.iter().collect();
    while let Some(branch) = waiting.pop() {
        products.extend(branch.product.iter().map(|product| {
            let mut model = to_model(product);
            let names_version = |one: &String| one.parse::<Purl>().is_ok_and(|purl| purl.version().is_some());
            let is_version =
                matches!(branch.category.as_deref(), Some("product_version" | "product_version_range"));
            // What a package URL says of the version is said in the form in which versions compare.
            if is_version && !model.identifiers.iter().any(names_version) {
                model.versions.extend(branch.name.clone());
            }
            (product.product_id.as_str(), Arc::new(model))
        }));
        waiting.extend(&branch.branches);
    }
    products.extend(
        tree.full_product_names
            .iter()
            .map(|product| (product.product_id.as_str(), Arc::new(to_model(product)))),
    );
    let mut kept = 0;
    for relationship in &tree.relationships {
        let own = to_model(&relationship.full_product_name);
        let part = products.get(relationship.product_reference.as_str()).cloned();
        let whole = products.get(relationship.relates_to_product_reference.as_str()).cloned();
        let (Some(part), Some(whole)) = (part, whole) else { continue };
        let mut whole = (*whole).clone();
        // Each one is kept with all the names of what it is in.
        let hashes = whole.hashes.iter().map(|hash| hash.algorithm.len() + hash.value.len());
        kept += whole.identifiers.iter().map(String::len).chain(hashes).sum::<usize>();
        if kept > most {
            let what = "bytes of names of products in products";
            return Err(VexError::TooMany { what, found: kept, expected: most });
        }
        // Of what is in what is in it, only the innermost is meant.
        whole.subcomponents = vec![part];
        whole.identifiers.extend(own.identifiers.into_iter().skip(1));
        whole.hashes.extend(own.hashes);
        products.insert(&relationship.full_product_name.product_id, Arc::new(whole));
    }
    Ok(products)
}

/// Its identifier in the document stands first, for people to read.
fn to_model(product: &Product) -> VexProduct {
    let mut model = VexProduct { identifiers: vec![product.product_id.clone()], ..VexProduct::default() };
    if let Some(helper) = &product.product_identification_helper {
        model.identifiers.extend(helper.purl.iter().chain(&helper.purls).chain(&helper.cpe).cloned());
        let hashes = helper.hashes.iter().flat_map(|file| &file.file_hashes);
        model.hashes.extend(hashes.map(|hash| Hash::new(&hash.algorithm, &hash.value)));
    }
    model
}
