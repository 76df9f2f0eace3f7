//! Real bundles, changed in one place at a time, judged by this project and by sigstore-verify: what is accepted here is accepted
//! there too, and the other way round but for what is named.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

use std::collections::BTreeMap;

use serde_json::Value;
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types as peer;
use trust_benches::random::Random;
use trust_benches::third_party::{Case, cases, now, vectors};
use trust_core::internal::encoding;
use trust_core::{Bundle, Reasons, Signed, Verifier};
use trust_rekor::RekorLog;

/// How many changed bundles are judged, of each case alike many.
const MUTANTS: usize = 5000;

/// The paths of all values within, as JSON pointers.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in inner {
        let at = format!("{at}/{name}");
        pointers(value, &at, found);
        found.push(at);
    }
}

/// Changes one value, and says how.
fn mutate(bundle: &mut Value, donor: &Value, random: &mut Random) -> String {
    let mut paths = Vec::new();
    pointers(bundle, "", &mut paths);
    let path = &paths[random.below(paths.len())];
    let (parent, name) = path.rsplit_once('/').unwrap();
    let kind = random.below(8);
    match (kind, bundle.pointer_mut(parent).unwrap()) {
        (0, Value::Object(members)) => {
            members.remove(name);
            return format!("{path} removed");
        }
        (0, Value::Array(items)) => {
            items.remove(name.parse().unwrap());
            return format!("{path} removed");
        }
        (1, Value::Array(items)) => {
            let item = items[name.parse::<usize>().unwrap()].clone();
            items.insert(0, item);
            return format!("{path} repeated");
        }
        _ => {}
    }
    let value = bundle.pointer_mut(path).unwrap();
    let how = match (kind, &mut *value) {
        (2, value) if donor.pointer(path).is_some() => {
            *value = donor.pointer(path).unwrap().clone();
            "of another bundle"
        }
        (3, value) => {
            *value = [Value::Null, 1.into(), "".into(), Vec::<Value>::new().into()][random.below(4)].clone();
            "of another type"
        }
        (_, Value::String(text)) => match encoding::from_base64(text) {
            Some(mut bytes) if bytes.len() > 8 => {
                let at = random.below(bytes.len());
                match random.below(4) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at, 0),
                    _ => bytes[at] ^= 1 << random.below(8),
                }
                *text = encoding::to_base64(&bytes);
                "with other bytes"
            }
            _ => {
                let mut characters: Vec<char> = text.chars().collect();
                let at = random.below(characters.len() + 1);
                match random.below(3) {
                    0 => characters.insert(at, ['0', ' ', '-', 'a'][random.below(4)]),
                    1 => characters.truncate(at),
                    _ => characters.extend(['0', '\n', ' '][random.below(3)..].iter().take(1)),
                }
                *text = characters.into_iter().collect();
                "with another text"
            }
        },
        _ => "left as it is",
    };
    format!("{path} {how}")
}

/// Why sigstore-verify refuses what this project accepts.
const ACCEPTED_HERE_ONLY: [(&str, &str, &str); 5] = [
    (
        "inclusionProof/rootHash",
        "",
        "the signed checkpoint says what the root is; the bundle's copy is not read",
    ),
    ("inclusionProof/treeSize", "", "likewise"),
    (
        "inclusionProof/logIndex of another type",
        "null",
        "absent in proto3's JSON; Rekor v2 proves the entry's own index",
    ),
    ("messageDigest/algorithm of another type", "integer `1`", "the number of SHA2_256 in proto3's JSON"),
    (
        "signedTimestamp with other bytes",
        "failed to decode SignedData",
        "a part that is neither signed nor needed",
    ),
];

/// Why this project refuses what the peer accepts, by the beginning of its reason.
fn kind_of(reason: &str) -> String {
    reason.split(['`', ':']).next().unwrap().trim().to_owned()
}

#[test]
fn what_is_accepted_here_is_accepted_by_sigstore_verify() {
    let Some(vectors) = vectors() else {
        assert!(std::env::var_os("CI").is_none(), "the vectors are absent");
        eprintln!("SKIPPED: the vectors are absent");
        return;
    };
    let cases = cases(&vectors);
    let mut random = Random::new(0x2545_f491_4f6c_dd1d);
    let (mut only_here, mut only_there) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    let (mut both, mut neither) = (0, 0);
    for (index, case) in cases.iter().enumerate() {
        let (root, policy) = (case.root(), case.policy());
        let peer_root = TrustedRoot::from_json(&case.root).unwrap();
        let peer_policy =
            sigstore_verify::VerificationPolicy::new(case.subject.as_str(), case.issuer.as_str());
        let peer_verifier = sigstore_verify::Verifier::new(&peer_root).unwrap();
        let peer_digest = peer::Sha256Hash::from_hex(&case.digest.to_hex()).unwrap();
        let original: Value = serde_json::from_str(&case.json).unwrap();
        let donor: &Case = &cases[(index + 1) % cases.len()];
        let donor: Value = serde_json::from_str(&donor.json).unwrap();
        for _ in 0..MUTANTS / cases.len() {
            let mut bundle = original.clone();
            let change = mutate(&mut bundle, &donor, &mut random);
            let text = bundle.to_string();
            let here = Bundle::from_json(text.as_bytes())
                .map_err(|error| Reasons(&error).to_string())
                .and_then(|bundle| {
                    Verifier::new(&root, &RekorLog)
                        .verify(&bundle, Signed::Digest(&case.digest), &policy, now())
                        .map_err(|error| Reasons(&error).to_string())
                });
            let there =
                peer::Bundle::from_json(&text).map_err(|error| error.to_string()).and_then(|bundle| {
                    peer_verifier
                        .verify(peer_digest, &bundle, &peer_policy)
                        .map_err(|error| error.to_string())
                });
            match (here, there) {
                (Ok(_), Ok(_)) => both += 1,
                (Err(_), Err(_)) => neither += 1,
                (Ok(_), Err(reason)) => only_here.push(format!("{}: {change}: {reason}", case.name)),
                (Err(reason), Ok(_)) => {
                    only_there
                        .entry(kind_of(&reason))
                        .or_default()
                        .push(format!("{}: {change}: {reason}", case.name));
                }
            }
        }
    }
    println!("{MUTANTS} changed bundles: {both} accepted by both, {neither} refused by both");
    let known = only_here.len();
    let is_known = |one: &String| {
        ACCEPTED_HERE_ONLY.iter().any(|(change, reason, _)| one.contains(change) && one.contains(reason))
    };
    only_here.retain(|one| !is_known(one));
    println!("{known} accepted here only; {} there only:", only_there.values().map(Vec::len).sum::<usize>());
    for (kind, all) in &only_there {
        println!("{:5} {kind}; such as {}", all.len(), all[0]);
    }
    assert!(both > 500 && neither > 1000, "the changes test nothing");
    assert!(only_here.is_empty(), "accepted here only:\n{}", only_here.join("\n"));
}
