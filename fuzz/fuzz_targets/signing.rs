//! Any key file, signing configuration, identity token, and answer of a service to a signer: nothing panics, and what is read can be
//! written and read again. The first six bytes say which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trust_core::{
    Bundle, Content, LogEntry, Material, PublicKey, SigningConfig, UnixTime, certificate_chain,
};
use trust_rekor::read_answer_v1;
use trust_sign::{IdentityToken, PrivateKey};

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_at_checked(6) else { return };
    let text = String::from_utf8_lossy(rest);
    let now: UnixTime = "2026-11-27T00:00:00Z".parse().expect("a time");
    match kind {
        b"config" => {
            if let Ok(config) = SigningConfig::from_json(rest) {
                // Who asks is told of each operator once.
                let logs = config.logs(&[1, 2], now).unwrap_or_default();
                let operators: std::collections::BTreeSet<_> = logs
                    .iter()
                    .map(|log| if log.operator.is_empty() { &log.url } else { &log.operator })
                    .collect();
                assert_eq!(operators.len(), logs.len());
            }
        }
        b"fulcio" => {
            let key = PublicKey::from_der(EVERYBODYS_KEY).expect("a key");
            let _ = certificate_chain(rest, &key);
        }
        b"rekor1" => {
            if let Ok(entry) = read_answer_v1(rest) {
                written_again(entry);
            }
        }
        b"rekor2" => {
            if let Ok(entry) = LogEntry::from_json(rest) {
                written_again(entry);
            }
        }
        b"token-" => {
            if let Ok(token) = IdentityToken::parse(&text, now) {
                assert!(token.expires() > now);
            }
        }
        _ => {
            let _ = PrivateKey::from_pem(&text);
        }
    }
});

/// An entry that can be in a bundle is the same there.
fn written_again(entry: LogEntry) {
    if entry.proof.is_none() || entry.kind.is_empty() {
        return;
    }
    let content = Content::Message { unverified_digest: None, signature: vec![1] };
    let material = Material::Key { unverified_hint: String::new() };
    let bundle = Bundle::new(content, material, vec![entry.clone()], Vec::new());
    let again = Bundle::from_json(bundle.to_json().as_bytes()).expect("what is written can be read");
    assert_eq!(again.unverified_log_entries(), [entry]);
}

/// The generator of P-256, of which everybody knows the private half.
const EVERYBODYS_KEY: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42,
    0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0,
    0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e,
    0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6,
    0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];
