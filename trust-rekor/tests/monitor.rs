//! A real log of Rekor v2, followed entry by entry, and the ways in which it could cheat.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use std::fs;
use std::path::PathBuf;

use trust_core::{Bundle, CertificateIdentity, IdentityPolicy, Pattern, PublicKey, TimeWindow, TrustRoot};
use trust_rekor::{
    Checkpoint, Event, Frontier, KeyKind, Monitor, MonitorError, NoteKey, ProofError, SignedNote, Transition,
    TransitionError, VerifierKey, WitnessError, WitnessPolicy, merkle, verify_transition,
};

/// The folder of the log, and its key.
fn log() -> Option<(PathBuf, PublicKey)> {
    let folder = trust_testkit::vectors::vectors("rekor-v2")?;
    let key = PublicKey::from_pem(&fs::read_to_string(folder.join("rekor.pub")).unwrap()).unwrap();
    Some((folder.join("tiles"), key))
}

fn checkpoint(folder: &std::path::Path, key: &PublicKey) -> Checkpoint {
    let text = fs::read_to_string(folder.join("checkpoint")).unwrap();
    let note = SignedNote::parse(&text).unwrap();
    Checkpoint::verify(&note, &NoteKey::c2sp("127.0.0.1", key)).unwrap()
}

fn watching(subject: &str) -> Monitor {
    let identity = CertificateIdentity::new(Pattern::wildcard(subject), Pattern::wildcard("*"));
    Monitor::new().watching(IdentityPolicy::new([identity]).unwrap())
}

#[test]
fn every_entry_of_a_real_log_is_proven_and_searched() {
    let Some((folder, key)) = log() else { return };
    let checkpoint = checkpoint(&folder, &key);
    let mut monitor = watching("https://github.com/acme/*");
    let paths: Vec<_> = monitor.missing(&checkpoint).unwrap().map(|bundle| bundle.path()).collect();
    assert_eq!(paths, ["tile/entries/000.p/7"]);
    let bundles = vec![fs::read(folder.join(&paths[0])).unwrap()];

    let events = monitor.advance(&checkpoint, bundles.clone()).unwrap();
    assert_eq!(events.len(), 7);
    assert!(matches!(&events[3], Event::Match { index: 3, .. }), "{events:?}");
    assert_eq!(monitor.frontier().root(), *checkpoint.root());
    assert_eq!(watching("https://github.com/other/*").advance(&checkpoint, bundles).unwrap(), []);

    // Going on from what was kept.
    let resumed = Monitor::resume(checkpoint.clone(), monitor.frontier().clone()).unwrap();
    assert_eq!(resumed.missing(&checkpoint).unwrap().count(), 0);
    let other = Frontier::new().append([7; 32]).unwrap();
    assert_eq!(Monitor::resume(checkpoint, other).unwrap_err(), MonitorError::State { size: 1 });
}

#[test]
fn every_smaller_tree_of_a_real_log_is_the_beginning_of_the_larger_ones() {
    let Some((folder, _)) = log() else { return };
    let bytes = fs::read(folder.join("tile/entries/000.p/7")).unwrap();
    let mut entries = Vec::new();
    let mut rest = &bytes[..];
    while let Some((len, tail)) = rest.split_first_chunk::<2>() {
        let (entry, tail) = tail.split_at(usize::from(u16::from_be_bytes(*len)));
        entries.push(entry);
        rest = tail;
    }
    // The tiles hold the leaves' hashes.
    for size in 1..=7 {
        let tile = fs::read(folder.join(format!("tile/0/000.p/{size}"))).unwrap();
        let leaves: Vec<u8> = entries.iter().take(size).flat_map(|entry| merkle::leaf_hash(entry)).collect();
        assert_eq!(tile, leaves, "tile of {size}");
    }
}

#[test]
fn a_log_that_serves_other_entries_than_it_signed_is_caught() {
    let Some((folder, key)) = log() else { return };
    let checkpoint = checkpoint(&folder, &key);
    let good = fs::read(folder.join("tile/entries/000.p/7")).unwrap();
    for index in [2, good.len() / 2, good.len() - 1] {
        let mut changed = good.clone();
        changed[index] ^= 1;
        let mut monitor = watching("*");
        let error = monitor.advance(&checkpoint, [changed]).unwrap_err();
        assert!(matches!(error, MonitorError::OtherEntries { .. } | MonitorError::Bundle { .. }), "{error}");
        assert_eq!((monitor.frontier().size(), monitor.checkpoint()), (0, None), "the state is unchanged");
    }
    let short = fs::read(folder.join("tile/entries/000.p/6")).unwrap();
    assert!(matches!(watching("*").advance(&checkpoint, [short]), Err(MonitorError::Bundle { .. })));
    let none = watching("*").advance(&checkpoint, []).unwrap_err();
    assert_eq!(none, MonitorError::NoBundle { path: "tile/entries/000.p/7".to_owned() });
}

/// Checkpoints that conformance cases brought along: real ones of the public-good log.
fn public_good(case: &str) -> Option<Checkpoint> {
    let file = trust_testkit::vectors::vectors(&format!("conformance/{case}/bundle.sigstore.json"))?;
    let bundle = Bundle::from_json(&fs::read(file).unwrap()).unwrap();
    let text = bundle.unverified_log_entries()[0].proof.clone().unwrap().checkpoint;
    let root = TrustRoot::public_good();
    let note = SignedNote::parse(&text).unwrap();
    let key = NoteKey::rekor_v1("rekor.sigstore.dev", &root.transparency_logs()[0].key);
    Some(Checkpoint::verify(&note, &key).unwrap())
}

#[test]
fn a_log_that_shrinks_or_forks_is_caught() {
    let (Some(one), Some(other)) = (public_good("happy-path-v0.1"), public_good("managed-key-happy-path"))
    else {
        return;
    };
    assert_eq!(verify_transition(&one, &one, &[]), Ok(Transition::Unchanged));
    // Two shards are two logs.
    assert!(matches!(verify_transition(&one, &other, &[]), Err(TransitionError::OtherLog { .. })));
    let Some(newer) = public_good("happy-path-v0.3") else { return };
    let (old, new) = if one.size() < newer.size() { (one, newer) } else { (newer, one) };
    let (origin, from, to) = (old.origin().to_owned(), old.size(), new.size());
    assert_eq!(
        verify_transition(&new, &old, &[]),
        Err(TransitionError::Rollback { origin: origin.clone(), from: to, to: from })
    );
    match verify_transition(&old, &new, &[]) {
        Err(TransitionError::Consistency { source: ProofError::Length { found: 0, .. }, .. }) => {}
        found => panic!("{found:?}"),
    }
}

/// A checkpoint of Sigstore's staging log that three witnesses cosigned, and the log's key.
fn cosigned() -> Option<(String, VerifierKey)> {
    let folder = trust_testkit::vectors::vectors("conformance/rekor2-dsse-happy-path")?;
    let bundle = Bundle::from_json(&fs::read(folder.join("bundle.sigstore.json")).unwrap()).unwrap();
    let entry = &bundle.unverified_log_entries()[0];
    let root = TrustRoot::from_json(&fs::read(folder.join("trusted_root.json")).unwrap()).unwrap();
    let log = root.transparency_logs().iter().find(|log| log.log_id == entry.log_id).unwrap();
    let key = VerifierKey::new(log.origins()[1], KeyKind::Ed25519, &log.key).unwrap();
    Some((entry.proof.clone().unwrap().checkpoint, key))
}

const NAVIGLI: &str =
    "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G";

#[test]
fn a_quorum_of_real_witnesses_is_counted() {
    let Some((text, log)) = cosigned() else { return };
    let note = SignedNote::parse(&text).unwrap();
    let policy = |lines: &str| -> WitnessPolicy { format!("log {log}\n{lines}").parse().unwrap() };

    let witnessed = policy(&format!("witness N {NAVIGLI}\nquorum N\n")).verify(&note).unwrap();
    let time = witnessed.cosignatures()["witness.navigli.sunlight.geomys.org"];
    assert_eq!(time.to_string(), "2026-05-13T19:23:34Z");
    assert_eq!(witnessed.checkpoint().size(), 4_026_479);
    assert!(policy("quorum none\n").verify(&note).is_ok());
    // What is too old does not count, nor what is of the future.
    let within = |start: &str, end: &str| {
        let window = TimeWindow { start: Some(start.parse().unwrap()), end: Some(end.parse().unwrap()) };
        policy(&format!("witness N {NAVIGLI}\nquorum N\n")).verify_within(&note, window)
    };
    assert!(within("2026-05-13T19:23:34Z", "2026-05-13T19:23:34Z").is_ok());
    for (start, end) in
        [("2026-05-13T19:23:35Z", "2026-05-14T00:00:00Z"), ("2026-05-13T00:00:00Z", "2026-05-13T19:23:33Z")]
    {
        let expected = WitnessError::NoQuorum { quorum: "N".to_owned(), found: vec![] };
        assert_eq!(within(start, end), Err(expected), "{start}");
    }

    // The log's own key, as a witness that never cosigned.
    let absent = VerifierKey::new("absent.example", KeyKind::CosignatureV1, log.public_key()).unwrap();
    let both = format!("witness N {NAVIGLI}\nwitness A {absent}\n");
    assert!(policy(&format!("{both}group G any N A\nquorum G\n")).verify(&note).is_ok());
    let expected = WitnessError::NoQuorum { quorum: "G".to_owned(), found: vec!["N".to_owned()] };
    assert_eq!(policy(&format!("{both}group G all N A\nquorum G\n")).verify(&note), Err(expected));
    let expected = WitnessError::NoQuorum { quorum: "A".to_owned(), found: vec!["N".to_owned()] };
    assert_eq!(policy(&format!("{both}quorum A\n")).verify(&note), Err(expected));
}

#[test]
fn a_changed_cosignature_is_refused_even_where_the_quorum_does_without() {
    let Some((text, log)) = cosigned() else { return };
    let line = text.lines().find(|line| line.contains("navigli")).unwrap();
    let (start, base64) = line.rsplit_once(' ').unwrap();
    let mut bytes = trust_core::internal::encoding::from_base64(base64).unwrap();
    // Bytes 4 to 12 are the time: it is signed, too.
    bytes[11] ^= 1;
    let changed =
        text.replace(line, &format!("{start} {}", trust_core::internal::encoding::to_base64(&bytes)));
    let policy: WitnessPolicy = format!("log {log}\nwitness N {NAVIGLI}\nquorum none\n").parse().unwrap();
    let witness = "witness.navigli.sunlight.geomys.org".to_owned();
    assert_eq!(
        policy.verify(&SignedNote::parse(&changed).unwrap()),
        Err(WitnessError::Cosignature { witness })
    );
}
