//! Reading an SBOM of any format keeps the limits; what the specification accepts is accepted without it
//! too; and what is written from it is read back with the same components.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trust_fuzz::within;
use trust_sbom::{Limits, Sbom, Strictness};

fuzz_target!(|bytes: &[u8]| {
    let mut limits = Limits::default();
    limits.components = 100;
    let by_specification = Sbom::read_strictly(bytes, &limits, Strictness::Spec).is_ok();
    let Ok((sbom, _)) = within(32, bytes, |bytes| Sbom::read(bytes, &limits)) else {
        assert!(!by_specification, "strict reading accepts more");
        return;
    };
    assert!(sbom.components().len() <= 100);
    assert!(sbom.diff(&sbom).is_empty());
    for written in [sbom.to_cyclonedx(), sbom.to_spdx()] {
        let again = Sbom::read(written.json.as_bytes(), &Limits::default());
        let (again, _) = again.unwrap_or_else(|error| panic!("{error:?}: {}", written.json));
        assert_eq!(again.components().len(), sbom.components().len(), "{}", written.json);
    }
});
