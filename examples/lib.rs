//! Runnable programs, one for each way of embedding the trust crates.
//!
//! - `admit`: judge workloads by Kyverno policies, with images from OCI layouts.
//! - `conformance`: verify a bundle by the protocol of sigstore-conformance.
//! - `log`: verify checkpoints, proofs and every entry of a transparency log.
//! - `policy`: lint and explain Kyverno policies, and run their test suites.
//! - `sbom`: read bills of materials, scan reports and VEX documents, and answer questions about them.
//!
//! This library holds nothing: each program stands in a folder of its own and uses the crates as anybody would.

/// The front page's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct FrontPage;
