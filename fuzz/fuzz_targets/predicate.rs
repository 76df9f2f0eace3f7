//! A predicate is what its type says, or refused: the first line is the type, the rest the predicate.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trust_sbom::{Format, Limits, Predicate};

fuzz_target!(|text: &str| {
    let (predicate_type, predicate) = text.split_once('\n').unwrap_or((text, ""));
    match Predicate::read(predicate_type, predicate.as_bytes(), &Limits::default()) {
        Ok(Predicate::Sbom(sbom, _)) => {
            assert_eq!(sbom.format() == Format::CycloneDx, predicate_type.contains("cyclonedx"));
        }
        Ok(Predicate::Other | Predicate::ScanReport(_) | Predicate::Vex(_)) | Err(_) => {}
        Ok(Predicate::Provenance(_)) => assert!(predicate_type.contains("slsa.dev/provenance")),
        Ok(Predicate::VerificationSummary(_)) => assert!(predicate_type.contains("verification_summary")),
        Ok(_) => {}
    }
});
