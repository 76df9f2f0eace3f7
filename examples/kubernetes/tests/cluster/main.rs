//! The two programs in a cluster of real parts: an API server, a registry, and images that cosign signed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod admission;
mod drift;
mod fixture;
mod rights;
