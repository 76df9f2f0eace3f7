//! x
#![allow(missing_docs)]

mod collect;
mod manifest;
mod oci_layout;
mod repositories;
mod store;

pub use collect::{Limits, collect, collect_for};
pub use oci_layout::OciLayout;
pub use repositories::Repositories;
pub use store::{EvidenceStore, StoreError};
