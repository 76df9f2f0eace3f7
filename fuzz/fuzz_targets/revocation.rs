//! Answers of responders and lists of revoked certificates are read without a panic, within what their length allows; and what is taken for
//! good now says that it is.
//!
//! The input is an answer or a list, or changes of a good one: places and bytes.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use trust_core::revocation::{NotAsked, RevocationError, RevocationQuery, check_revocation, unverified_end};
use trust_core::{Certificate, UnixTime};
use trust_fuzz::{AcceptAll, within};
use trust_testkit::revocation::{Crl, Ocsp, Status, issued, sources};
use trust_testkit::sigstore::{Issuer, Key, basic_constraints, key_usage};

/// A certificate, its issuer, who is asked about it, and good answers.
struct World {
    certificate: Certificate,
    issuer: Certificate,
    now: UnixTime,
    queries: [RevocationQuery; 2],
    answers: [Vec<u8>; 2],
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let (key, now, url) = (Key::p256(1), trust_testkit::now(), "http://crl.example/");
    let issuer = || Issuer { name: "issuer", key: &key };
    let authority = issued("issuer", &key, &issuer(), vec![basic_constraints(None), key_usage(0x06)]);
    let leaf = issued("leaf", &Key::p256(2), &issuer(), sources(Some("http://ocsp.example/"), Some(url)));
    // What anyone writes gets past no signature, so all are taken to be right.
    let read = |der: &[u8]| Certificate::from_der(der).unwrap().with_back_end(&AcceptAll);
    let (certificate, issuer_) = (read(&leaf), read(&authority));
    let unasked = match check_revocation(&certificate, &issuer_, None, &NotAsked, now) {
        Err(RevocationError::Unknown { unasked, .. }) => unasked,
        other => panic!("{other:?}"),
    };
    let (this, next) = (now.plus_millis(-3_600_000), Some(now.plus_millis(3_600_000)));
    let (single_extensions, extensions, by) = (Vec::new(), Vec::new(), None);
    let answer = Ocsp {
        issuer: issuer(),
        serial: 7,
        status: Status::Good,
        this,
        next,
        single_extensions,
        extensions,
        by_sha256: false,
        by,
    };
    let list = Crl { issuer: issuer(), this, next, revoked: vec![(8, Vec::new())], extensions: Vec::new() };
    let queries = [unasked[0].clone(), RevocationQuery::Crl { url: url.to_owned() }];
    World { certificate, issuer: issuer_, now, queries, answers: [answer.der(), list.der()] }
});

fuzz_target!(|input: &[u8]| {
    let World { certificate, issuer, now, queries, answers } = &*WORLD;
    let changed = |answer: &[u8]| {
        let mut answer = answer.to_vec();
        for change in input.chunks_exact(3) {
            let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % answer.len();
            answer[place] = change[2];
        }
        answer
    };
    for (query, answer) in queries.iter().zip(answers) {
        for bytes in [input.to_vec(), changed(answer)] {
            let mut answered = BTreeMap::from([(queries[0].clone(), Err("down".to_owned()))]);
            answered.insert(query.clone(), Ok(bytes.clone()));
            let found = within(64, &bytes, |_| check_revocation(certificate, issuer, None, &answered, *now));
            if found.is_ok() {
                // An answer may say something else of other certificates, too.
                let is_list = matches!(query, RevocationQuery::Crl { .. });
                assert!(unverified_end(query, &bytes).is_some_and(|end| end > *now || !is_list));
            }
        }
    }
});
