//! A path that holds but for its signatures: names chain, dates cover the time, leaf and issuers are what they must be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trust_core::internal::MAX_PATH_LEN;
use trust_core::{Certificate, ChainError, UnixTime, Usage, verify_path};
use trust_fuzz::{AcceptAll, der_values};

fuzz_target!(|bytes: &[u8]| {
    let read: Result<Vec<_>, _> = der_values(bytes).into_iter().map(Certificate::from_der).collect();
    let Ok(certificates) = read else { return };
    let path: Vec<&Certificate> = certificates.iter().collect();
    let accepting: Vec<_> = certificates.iter().map(|one| one.clone().with_back_end(&AcceptAll)).collect();
    let accepting: Vec<&Certificate> = accepting.iter().collect();
    let times = certificates.first().map(|leaf| leaf.validity()).and_then(|window| window.start);
    let times: Vec<UnixTime> = times.into_iter().collect();
    for usage in [Usage::CODE_SIGNING, Usage::TIME_STAMPING] {
        let found = verify_path(&path, usage, &times);
        match verify_path(&accepting, usage, &times) {
            // Signatures come last, so nothing else can be wrong.
            Ok(()) => assert!(matches!(found, Ok(()) | Err(ChainError::Signature { .. })), "{found:?}"),
            Err(error) => {
                assert_eq!(found, Err(error));
                continue;
            }
        }
        assert!((2..=MAX_PATH_LEN).contains(&path.len()));
        assert!(path.windows(2).all(|pair| pair[0].issuer() == pair[1].subject()));
        assert!(path.iter().all(|one| times.iter().all(|&time| one.validity().contains(time))));
    }
});
