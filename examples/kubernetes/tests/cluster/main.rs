//! The two programs in a cluster of real parts: an API server, a registry, and images that cosign signed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

/// By this name `.ci/run` tells these tests, which mostly wait, from the others.
mod in_cluster {
    mod admission;
    mod drift;
    mod fixture;
    mod rights;
}
