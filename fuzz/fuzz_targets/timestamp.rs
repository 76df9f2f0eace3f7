//! A timestamp that verifies, its signature aside, is over one content only, and within the authority's window.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::{Authority, TrustRoot, verify_timestamp};
use trust_fuzz::accepting_root;

static ROOT: LazyLock<TrustRoot> = LazyLock::new(TrustRoot::public_good);
static ACCEPTING: LazyLock<TrustRoot> = LazyLock::new(accepting_root);

fuzz_target!(|bytes: &[u8]| {
    // What stands before the token is the content, so that the imprint can be right.
    let (len, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let (content, token) = rest.split_at_checked(usize::from(*len)).unwrap_or((&[], rest));
    for root in [&ROOT, &ACCEPTING] {
        let authorities = root.timestamp_authorities();
        let Ok(verified) = verify_timestamp(token, content, authorities) else { continue };
        let is_its =
            |one: &&Authority| one.uri() == verified.authority() && one.valid_for().contains(verified.time());
        assert!(authorities.iter().find(is_its).is_some());
        let other = [content, b"more"].concat();
        assert!(verify_timestamp(token, &other, authorities).is_err());
    }
});
