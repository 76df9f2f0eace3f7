//! Reading a bill of materials keeps the limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trust_sbom::{Limits, Sbom};

fuzz_target!(|bytes: &[u8]| {
    let mut limits = Limits::default();
    limits.components = 100;
    let Ok((sbom, _)) = Sbom::read(bytes, &limits) else { return };
    assert!(sbom.components().len() <= 100);
});
