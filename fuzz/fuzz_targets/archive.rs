//! An archive that is read is judged, twice the same, and written and read again gives the same verdicts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trust_fuzz::assert_lines;
use trust_policy::Archive;

fuzz_target!(|bytes: &[u8]| {
    let Ok(archive) = Archive::from_json(bytes) else { return };
    let replay = archive.replay();
    replay.iter().flat_map(|replay| &replay.verdicts).for_each(assert_lines);
    assert_eq!(archive.replay(), replay);
    let written = serde_json::to_vec(&archive).unwrap();
    let again = Archive::from_json(&written).unwrap();
    assert_eq!(again, archive);
    assert_eq!(again.replay(), replay);
});
