//! Whether certificates are revoked: answers and lists of our own, with one thing wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::BTreeMap;

use proptest::prelude::*;
use trust_core::revocation::{
    NotAsked, RevocationAnswers, RevocationError, RevocationMemory, RevocationQuery, check_revocation,
    unverified_end,
};
use trust_core::{Certificate, UnixTime};
use trust_testkit::revocation::{
    Crl, Ocsp, Status, generalized, issued, responder, responder_extensions, sources,
};
use trust_testkit::sigstore::{
    Issuer, Key, Template, basic_constraints, certificate, extension, key_usage, oid, seq, tlv,
};

const OCSP: &str = "http://ocsp.example/";
const CRL: &str = "http://crl.example/1.crl";
/// Certificates of these tests have one serial number.
const SERIAL: u8 = 7;
const HOUR: i64 = 3_600_000;

type Answers = BTreeMap<RevocationQuery, Result<Vec<u8>, String>>;

/// A certificate, its issuer, and what is answered about it.
struct World {
    key: Key,
    issuer: Certificate,
    certificate: Certificate,
    now: UnixTime,
    answers: Answers,
}

impl World {
    fn new(ocsp: Option<&str>, crl: Option<&str>) -> Self {
        Self::with(sources(ocsp, crl), 0x06)
    }

    /// With these extensions of the certificate, and these bits of the issuer's key usage: 0x04 keyCertSign, 0x02 cRLSign.
    fn with(extensions: Vec<Vec<u8>>, usage: u8) -> Self {
        let key = Key::p384(70);
        let issuer = Issuer { name: "issuer", key: &key };
        let authority = issued("issuer", &key, &issuer, vec![basic_constraints(None), key_usage(usage)]);
        let leaf = issued("leaf", &Key::p256(71), &issuer, extensions);
        let read = |der: &[u8]| Certificate::from_der(der).unwrap();
        let (issuer, certificate) = (read(&authority), read(&leaf));
        Self { key, issuer, certificate, now: trust_testkit::now(), answers: Answers::new() }
    }

    fn issuer(&self) -> Issuer<'_> {
        Issuer { name: "issuer", key: &self.key }
    }

    /// A list in which nothing is revoked.
    fn list(&self) -> Crl<'_> {
        Crl {
            issuer: self.issuer(),
            this: self.now.plus_millis(-HOUR),
            next: Some(self.now.plus_millis(HOUR)),
            revoked: Vec::new(),
            extensions: Vec::new(),
        }
    }

    /// An answer that the certificate is good.
    fn answer(&self) -> Ocsp<'_> {
        Ocsp {
            issuer: self.issuer(),
            serial: SERIAL,
            status: Status::Good,
            this: self.now.plus_millis(-HOUR),
            next: Some(self.now.plus_millis(HOUR)),
            single_extensions: Vec::new(),
            extensions: Vec::new(),
            by_sha256: false,
            by: None,
        }
    }

    fn ask(&self, answers: &dyn RevocationAnswers, signed: Option<UnixTime>) -> Result<(), RevocationError> {
        check_revocation(&self.certificate, &self.issuer, signed, answers, self.now)
    }

    /// The query for the responder, as it is wanted while nothing was asked.
    fn query(&self) -> RevocationQuery {
        match self.ask(&NotAsked, None) {
            Err(RevocationError::Unknown { unasked, .. }) => unasked[0].clone(),
            other => panic!("{other:?}"),
        }
    }

    fn judge(&self, ocsp: Option<Vec<u8>>, crl: Option<Vec<u8>>) -> Result<(), RevocationError> {
        let mut answers = self.answers.clone();
        answers.extend(ocsp.map(|answer| (self.query(), Ok(answer))));
        answers.extend(crl.map(|list| (RevocationQuery::Crl { url: CRL.to_owned() }, Ok(list))));
        self.ask(&answers, None)
    }
}

#[track_caller]
fn revoked(found: Result<(), RevocationError>, reason: Option<&'static str>) {
    match found {
        Err(RevocationError::Revoked { reason: found, .. }) => assert_eq!(found, reason),
        other => panic!("{other:?}"),
    }
}

/// It is unknown, for this reason.
#[track_caller]
fn unknown(found: Result<(), RevocationError>, reason: &str) {
    match found {
        Err(error @ RevocationError::Unknown { .. }) => {
            assert!(error.to_string().contains(reason), "expected {reason}: {error}");
        }
        other => panic!("{other:?}, expected {reason}"),
    }
}

#[test]
fn a_certificate_that_names_nobody_cannot_be_revoked() {
    assert_eq!(World::new(None, None).ask(&NotAsked, None), Ok(()));
}

#[test]
fn what_was_not_asked_is_wanted_a_list_where_the_responder_does_not_tell() {
    let world = World::new(Some(OCSP), Some(CRL));
    let query = world.query();
    assert_eq!(query.url(), OCSP);
    assert!(query.to_string().starts_with("ocsp http://ocsp.example/ 30"), "{query}");
    let mut answers = Answers::from([(query, Err("timed out".to_owned()))]);
    let Err(RevocationError::Unknown { unasked, refused, .. }) = world.ask(&answers, None) else { panic!() };
    let list = RevocationQuery::Crl { url: CRL.to_owned() };
    assert_eq!((unasked, refused), (vec![list.clone()], Vec::new()));
    answers.insert(list, Ok(world.list().der()));
    assert_eq!(world.ask(&answers, None), Ok(()));
    // Where the responder tells, nothing is wanted of the list.
    assert_eq!(world.judge(Some(world.answer().der()), None), Ok(()));
}

#[test]
fn answers_of_responders_are_judged_by_each_rule() {
    let world = World::new(Some(OCSP), None);
    let judge = |change: &dyn Fn(&mut Ocsp<'_>)| {
        let mut answer = world.answer();
        change(&mut answer);
        world.judge(Some(answer.der()), None)
    };
    assert_eq!(judge(&|_| {}), Ok(()));
    let since = world.now.plus_millis(-HOUR);
    revoked(judge(&|one| one.status = Status::Revoked(since, 1)), Some("keyCompromise"));
    revoked(judge(&|one| one.status = Status::Revoked(since, 6)), Some("certificateHold"));
    unknown(judge(&|one| one.status = Status::Unknown), "does not know the certificate");
    // It is revoked, whatever else is said, and also once the answer is over; what was on hold may be released.
    revoked(judge(&|one| one.status = Status::Revoked(since, 8)), Some("removeFromCRL"));
    let over = || Some(world.now.plus_millis(-1000));
    revoked(
        judge(&|one| (one.status, one.next) = (Status::Revoked(since, 1), over())),
        Some("keyCompromise"),
    );
    unknown(judge(&|one| (one.status, one.next) = (Status::Revoked(since, 6), over())), "expected to cover");
    unknown(judge(&|one| one.serial = 8), "for other certificates");
    unknown(judge(&|one| one.next = Some(world.now.plus_millis(-1000))), "expected to cover");
    unknown(judge(&|one| one.next = None), "nextUpdate");
    unknown(judge(&|one| one.this = world.now.plus_millis(HOUR)), "expected to cover");
    // A clock that is a minute behind takes what was just said.
    assert_eq!(judge(&|one| one.this = world.now.plus_millis(60_000)), Ok(()));
    let nonce = || extension("1.3.6.1.5.5.7.48.1.2", false, &tlv(4, &[1; 16]));
    unknown(judge(&|one| one.extensions = vec![nonce()]), "has a nonce, expected none");
    let other = || extension("1.2.3", true, &tlv(5, &[]));
    unknown(judge(&|one| one.extensions = vec![other()]), "which is not supported");
    unknown(judge(&|one| one.single_extensions = vec![other()]), "which is not supported");
    let revoked_oddly =
        |one: &mut Ocsp<'_>| (one.status, one.single_extensions) = (Status::Revoked(since, 1), vec![other()]);
    revoked(judge(&revoked_oddly), Some("keyCompromise"));
    for (status, expected) in [(3, "tryLater"), (6, "unauthorized"), (4, "responseStatus")] {
        unknown(world.judge(Some(seq(&[tlv(0x0a, &[status])])), None), expected);
    }
    unknown(world.judge(Some(vec![0x30; 2 << 20]), None), "bytes, expected at most");
    unknown(world.judge(Some(b"<html>".to_vec()), None), "its OCSPResponse is not");
}

#[test]
fn a_responder_is_the_issuer_or_named_by_it() {
    let world = World::new(Some(OCSP), None);
    let key = || Key::p256(72);
    let judge = |certificate: Vec<u8>| {
        let answer = Ocsp { by: Some((key(), certificate)), ..world.answer() };
        world.judge(Some(answer.der()), None)
    };
    let issuer = world.issuer();
    assert_eq!(judge(responder(&key(), &issuer, None)), Ok(()));
    unknown(judge(responder(&key(), &issuer, Some("purpose"))), "lacks the extended key usage OCSPSigning");
    unknown(judge(responder(&key(), &issuer, Some("nocheck"))), "id-pkix-ocsp-nocheck");
    assert_eq!(judge(responder(&key(), &issuer, Some("usage"))), Ok(()));
    // Another authority's responder, also one that is called as ours.
    let other = Key::p384(73);
    for name in ["issuer", "other"] {
        let stranger = responder(&key(), &Issuer { name, key: &other }, None);
        unknown(judge(stranger), "was not issued by the certificate's issuer");
    }
    // A certificate that is not the signer's.
    unknown(
        judge(responder(&Key::p256(74), &issuer, None)),
        "was signed neither by the certificate's issuer",
    );
    // A certificate that expired stands beside the newer one of the same key, in either order; alone it does not count.
    let expired = |key: &Key| {
        let extensions = responder_extensions(None);
        let validity = ("250101000000Z", "260101000000Z");
        certificate(&Template { subject: "responder", key, validity, extensions }, &world.issuer())
    };
    let (older, newer) = (expired(&key()), responder(&key(), &issuer, None));
    unknown(judge(older.clone()), "is not valid now");
    for beside in [[older.clone(), newer.clone()], [newer, older]] {
        let answer = Ocsp { by: Some((key(), beside.concat())), ..world.answer() };
        assert_eq!(world.judge(Some(answer.der()), None), Ok(()));
    }
    let other_usage =
        vec![key_usage(0x04), responder_extensions(None).remove(1), responder_extensions(None).remove(2)];
    unknown(judge(issued("responder", &key(), &issuer, other_usage)), "lacks the key usage digitalSignature");
    // What is signed by an algorithm that is not supported counts for nothing: SHA-1 with RSA.
    let good = world.answer().der();
    let algorithm = oid("1.2.840.10045.4.3.3");
    let place = good.windows(algorithm.len()).position(|part| part == algorithm).unwrap();
    let mut other = good;
    other[place + algorithm.len() - 1] = 9;
    unknown(world.judge(Some(other), None), "which is not supported");
    let mut forged = world.answer().der();
    *forged.last_mut().unwrap() ^= 1;
    unknown(world.judge(Some(forged), None), "was signed neither");
}

#[test]
fn lists_are_judged_by_each_rule() {
    let world = World::new(None, Some(CRL));
    let judge = |change: &dyn Fn(&mut Crl<'_>)| {
        let mut list = world.list();
        change(&mut list);
        world.judge(None, Some(list.der()))
    };
    assert_eq!(judge(&|_| {}), Ok(()));
    assert_eq!(judge(&|one| one.revoked = vec![(8, Vec::new()), (9, Vec::new())]), Ok(()));
    revoked(judge(&|one| one.revoked = vec![(8, Vec::new()), (SERIAL, Vec::new())]), None);
    let reason = |code: u8| extension("2.5.29.21", false, &tlv(0x0a, &[code]));
    revoked(judge(&|one| one.revoked = vec![(SERIAL, vec![reason(6)])]), Some("certificateHold"));
    // It is revoked, whatever else is said, and also once the list is over; what was on hold may be released.
    revoked(judge(&|one| one.revoked = vec![(SERIAL, vec![reason(8)])]), Some("removeFromCRL"));
    // What another issuer's entry says is not about this one's certificate (an indirect CRL).
    let other_issuer = extension("2.5.29.29", true, &seq(&[]));
    unknown(judge(&|one| one.revoked = vec![(SERIAL, vec![other_issuer.clone()])]), "an indirect CRL");
    let over = || Some(world.now.plus_millis(-1000));
    revoked(judge(&|one| (one.revoked, one.next) = (vec![(SERIAL, Vec::new())], over())), None);
    let held = |one: &mut Crl<'_>| (one.revoked, one.next) = (vec![(SERIAL, vec![reason(6)])], over());
    unknown(judge(&held), "expected to cover");
    unknown(judge(&|one| one.next = Some(world.now.plus_millis(-1000))), "expected to cover");
    unknown(judge(&|one| one.next = None), "nextUpdate");
    unknown(judge(&|one| one.this = world.now.plus_millis(HOUR)), "expected to cover");
    let with = |oid: &str, critical: bool, value: Vec<u8>| {
        let extension = extension(oid, critical, &value);
        judge(&move |one: &mut Crl<'_>| one.extensions = vec![extension.clone()])
    };
    unknown(with("2.5.29.27", true, tlv(2, &[1])), "CRL is a delta CRL");
    unknown(with("2.5.29.46", false, seq(&[])), "accompanied by a delta CRL");
    unknown(with("1.2.3", true, tlv(5, &[])), "which is not supported");
    assert_eq!(with("1.2.3", false, tlv(5, &[])), Ok(()));
    let scope = |parts: &[Vec<u8>]| with("2.5.29.28", true, seq(parts));
    let named = |url: &str| tlv(0xa0, &tlv(0xa0, &tlv(0x86, url.as_bytes())));
    assert_eq!(scope(&[named(CRL)]), Ok(()));
    unknown(scope(&[named("http://crl.example/2.crl")]), "for another distribution point");
    assert_eq!(scope(&[tlv(0x81, &[0xff])]), Ok(()));
    unknown(scope(&[tlv(0x82, &[0xff])]), "limited to another kind of certificates");
    unknown(scope(&[tlv(0x83, &[1, 2])]), "limited to some reasons");
    unknown(scope(&[tlv(0x84, &[0xff])]), "an indirect CRL");
    unknown(scope(&[tlv(0x85, &[0xff])]), "limited to another kind of certificates");
    unknown(world.judge(None, Some(b"404".to_vec())), "outer sequence");
    unknown(world.judge(None, Some(vec![0x30; (32 << 20) + 1])), "expected at most");
}

#[test]
fn a_list_is_the_issuers() {
    let world = World::new(None, Some(CRL));
    let other = Key::p384(73);
    let of = |name, key| Crl { issuer: Issuer { name, key }, ..world.list() }.der();
    unknown(world.judge(None, Some(of("issuer", &other))), "was not signed by the certificate's issuer");
    unknown(
        world.judge(None, Some(of("other", &world.key))),
        "CRL was not issued by the certificate's issuer",
    );
    let may_not = World::with(sources(None, Some(CRL)), 0x04);
    unknown(may_not.judge(None, Some(may_not.list().der())), "lacks the key usage cRLSign");
}

#[test]
fn a_later_date_of_invalidity_spares_what_was_signed_before() {
    let world = World::new(None, Some(CRL));
    let from = extension("2.5.29.24", false, &generalized(world.now.plus_millis(-HOUR)));
    let list = Crl { revoked: vec![(SERIAL, vec![from])], ..world.list() }.der();
    let answers = Answers::from([(RevocationQuery::Crl { url: CRL.to_owned() }, Ok(list))]);
    revoked(world.ask(&answers, None), None);
    revoked(world.ask(&answers, Some(world.now)), None);
    assert_eq!(world.ask(&answers, Some(world.now.plus_millis(-2 * HOUR))), Ok(()));
}

/// What an older word spared, a newer one may not: it does not count once it is over, nor from a list that lacks others.
#[test]
fn what_is_over_or_partial_spares_nothing() {
    let world = World::new(Some(OCSP), Some(CRL));
    let before = Some(world.now.plus_millis(-2 * HOUR));
    let from = || extension("2.5.29.24", false, &generalized(world.now.plus_millis(-HOUR)));
    let ask = |query: RevocationQuery, answer: Vec<u8>| {
        let mut answers = Answers::from([(world.query(), Err("down".to_owned()))]);
        answers.insert(query, Ok(answer));
        (world.ask(&answers, before), world.ask(&answers, None))
    };
    let list = |change: &dyn Fn(&mut Crl<'_>)| {
        let mut list = Crl { revoked: vec![(SERIAL, vec![from()])], ..world.list() };
        change(&mut list);
        ask(RevocationQuery::Crl { url: CRL.to_owned() }, list.der())
    };
    assert_eq!(list(&|_| {}).0, Ok(()));
    type Change<'a> = &'a dyn Fn(&mut Crl<'_>);
    let changes: [(Change<'_>, &str); 4] = [
        (&|one| one.next = Some(world.now.plus_millis(-1000)), "expected to cover"),
        (&|one| one.extensions = vec![extension("2.5.29.27", true, &tlv(2, &[1]))], "a delta CRL"),
        (&|one| one.extensions = vec![extension("2.5.29.46", false, &seq(&[]))], "a delta CRL"),
        (&|one| one.extensions = vec![extension("1.2.3", true, &tlv(5, &[]))], "which is not supported"),
    ];
    for (change, reason) in changes {
        let (spared, otherwise) = list(change);
        unknown(spared, reason);
        revoked(otherwise, None);
    }
    let answer = |next: i64| {
        let status = Status::Revoked(world.now.plus_millis(-HOUR), 1);
        let (single_extensions, next) = (vec![from()], Some(world.now.plus_millis(next)));
        ask(world.query(), Ocsp { status, single_extensions, next, ..world.answer() }.der())
    };
    assert_eq!(answer(HOUR).0, Ok(()));
    let (spared, otherwise) = answer(-1000);
    unknown(spared, "expected to cover");
    revoked(otherwise, Some("keyCompromise"));
}

#[test]
fn a_source_that_cannot_be_asked_is_one() {
    let name = tlv(0xa4, &seq(&[tlv(0x31, &seq(&[oid("2.5.4.3"), tlv(0x0c, b"x")]))]));
    let access = seq(&[oid("1.3.6.1.5.5.7.48.1"), name]);
    let by_name = extension("1.3.6.1.5.5.7.1.1", false, &seq(&[access]));
    unknown(World::with(vec![by_name], 0x06).ask(&NotAsked, None), "a responder: only http URLs are queried");
    let changes = extension("2.5.29.46", false, &seq(&[]));
    unknown(World::with(vec![changes], 0x06).ask(&NotAsked, None), "cannot determine whether");
    let many = (0..65).map(|number| extension(&format!("1.2.3.{number}"), false, &tlv(5, &[])));
    let world = World::new(None, Some(CRL));
    unknown(
        world.judge(None, Some(Crl { extensions: many.collect(), ..world.list() }.der())),
        "crlExtensions",
    );
}

/// What came of a certificate is found out once for all signatures.
#[test]
fn what_came_of_a_certificate_is_remembered() {
    #[derive(Default)]
    struct Counting(RevocationMemory, std::cell::Cell<usize>);
    impl RevocationAnswers for Counting {
        fn answer(&self, _: &RevocationQuery) -> Option<Result<&[u8], String>> {
            self.1.set(self.1.get() + 1);
            Some(Err("down".to_owned()))
        }
        fn memory(&self) -> Option<&RevocationMemory> {
            Some(&self.0)
        }
    }
    let (world, answers) = (World::new(Some(OCSP), None), Counting::default());
    let first = world.ask(&answers, None);
    assert_eq!((world.ask(&answers, None), answers.1.get()), (first, 1));
    unknown(world.ask(&answers, Some(world.now)), "down");
    assert_eq!(answers.1.get(), 2);
}

#[test]
fn who_says_that_it_is_revoked_is_believed() {
    let access = |url: &str| seq(&[oid("1.3.6.1.5.5.7.48.1"), tlv(0x86, url.as_bytes())]);
    let two = extension("1.3.6.1.5.5.7.1.1", false, &seq(&[access(OCSP), access("http://two.example/")]));
    let world = World::with(vec![two], 0x06);
    let Err(RevocationError::Unknown { unasked, .. }) = world.ask(&NotAsked, None) else { panic!() };
    let good = world.answer().der();
    let bad = Ocsp { status: Status::Revoked(world.now, 1), ..world.answer() }.der();
    for answers in [[good.clone(), bad.clone()], [bad, good.clone()]] {
        let answers: Answers = unasked.iter().cloned().zip(answers.map(Ok)).collect();
        revoked(world.ask(&answers, None), Some("keyCompromise"));
    }
    let one = Answers::from([(unasked[0].clone(), Ok(good))]);
    assert_eq!(world.ask(&one, None), Ok(()));
}

#[test]
fn what_is_not_asked_at_all_is_named() {
    let unasked = World::new(Some("https://ocsp.example/"), None);
    unknown(unasked.ask(&NotAsked, None), "only http URLs are queried");
    unknown(World::new(None, Some("ldap://crl.example/")).ask(&NotAsked, None), "it has no http URL");
    unknown(World::new(None, Some("http://crl.example/ 1")).ask(&NotAsked, None), "it has no http URL");
    let point = |parts: &[Vec<u8>]| {
        let name = tlv(0xa0, &tlv(0xa0, &tlv(0x86, CRL.as_bytes())));
        let point = seq(&[&[name], parts].concat());
        World::with(vec![extension("2.5.29.31", false, &seq(&[point]))], 0x06).ask(&NotAsked, None)
    };
    unknown(point(&[tlv(0x81, &[1, 2])]), "limited to some reasons");
    let name = tlv(0xa4, &seq(&[tlv(0x31, &seq(&[oid("2.5.4.3"), tlv(0x0c, b"x")]))]));
    unknown(point(&[tlv(0xa2, &name)]), "an indirect CRL");
}

#[test]
fn one_distribution_point_is_enough_and_each_may_say_that_it_is_revoked() {
    let point = |url: &str| seq(&[tlv(0xa0, &tlv(0xa0, &tlv(0x86, url.as_bytes())))]);
    let two = |other: &str| extension("2.5.29.31", false, &seq(&[point(CRL), point(other)]));
    let world = World::with(vec![two("ldap://crl.example/")], 0x06);
    assert_eq!(world.judge(None, Some(world.list().der())), Ok(()));
    let second = "http://crl.example/2.crl";
    let world = World::with(vec![two(second)], 0x06);
    let query = |url: &str| RevocationQuery::Crl { url: url.to_owned() };
    let good = world.list().der();
    let bad = Crl { revoked: vec![(SERIAL, Vec::new())], ..world.list() }.der();
    let answers = Answers::from([(query(CRL), Ok(good)), (query(second), Ok(bad))]);
    revoked(world.ask(&answers, None), None);
    // A certificate that names more than is queried, all under one point and then under another.
    let urls: Vec<_> =
        (0..9).map(|number| tlv(0x86, format!("http://crl.example/{number}").as_bytes())).collect();
    let many = seq(&[tlv(0xa0, &tlv(0xa0, &urls.concat()))]);
    let crowded = World::with(vec![extension("2.5.29.31", false, &seq(&[many, point(CRL)]))], 0x06);
    let Err(RevocationError::Unknown { unasked, problems, .. }) = crowded.ask(&NotAsked, None) else {
        panic!()
    };
    assert_eq!(unasked.len(), 8);
    assert!(problems[0].1.contains("names too many CRLs"), "{problems:?}");
    // Several names of one CRL are one query.
    let same = World::with(vec![two(CRL)], 0x06);
    let Err(RevocationError::Unknown { unasked, .. }) = same.ask(&NotAsked, None) else { panic!() };
    assert_eq!(unasked, [query(CRL)]);
}

#[test]
fn a_responder_may_name_the_certificate_by_another_hash() {
    let world = World::new(Some(OCSP), None);
    for by_sha256 in [false, true] {
        let answer = Ocsp { by_sha256, ..world.answer() };
        assert_eq!(world.judge(Some(answer.der()), None), Ok(()));
    }
}

#[test]
fn an_answer_says_how_long_it_is_good() {
    let world = World::new(Some(OCSP), Some(CRL));
    let end = |time: UnixTime| UnixTime::from_seconds(time.as_millis().div_euclid(1000));
    let list = RevocationQuery::Crl { url: CRL.to_owned() };
    assert_eq!(unverified_end(&list, &world.list().der()), world.list().next.map(end));
    assert_eq!(unverified_end(&world.query(), &world.answer().der()), world.answer().next.map(end));
    assert_eq!(unverified_end(&list, b"no list"), None);
}

proptest! {
    /// Whatever is changed in an answer or a list, it never makes a revoked certificate good.
    #[test]
    fn no_changed_byte_makes_a_revoked_certificate_good(place in 0_usize..10_000, bit in 0_u8..8, is_list: bool) {
        let world = World::new(Some(OCSP), Some(CRL));
        let mut bytes = match is_list {
            true => Crl { revoked: vec![(SERIAL, Vec::new())], ..world.list() }.der(),
            false => Ocsp { status: Status::Revoked(world.now, 1), ..world.answer() }.der(),
        };
        let place = place % bytes.len();
        bytes[place] ^= 1 << bit;
        let mut answers = Answers::from([(world.query(), Err("down".to_owned()))]);
        let query = if is_list { RevocationQuery::Crl { url: CRL.to_owned() } } else { world.query() };
        answers.insert(query, Ok(bytes));
        prop_assert!(world.ask(&answers, None).is_err());
    }
}
