//! Any answers to the questions of discovery: the questions end, within limits; the order of answers changes nothing; and what is
//! withheld never turns a denial into an admission, unless it is what the store would have been caught with.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use trust_core::UnixTime;
use trust_gate::{Discovered, Discovery, Found, Item, Limits, OciLayout, StoreError, Want};
use trust_policy::{Decision, Evidence, FailureKind, PolicySet, Request, Resource, Trust, evaluate};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data");
const IMAGES: [&str; 5] = ["signed", "legacy", "keyless", "unsigned", "moved"];
const NOW: UnixTime = UnixTime::from_seconds(1_796_000_000);

static LAYOUT: LazyLock<OciLayout> =
    LazyLock::new(|| OciLayout::open(format!("{DATA}/images")).expect("layout"));
/// The first wants a signature, the second that no attestation of a type is there that is not signed.
static POLICIES: LazyLock<PolicySet> = LazyLock::new(|| {
    let path = format!("{DATA}/policies/require-release-key.yaml");
    PolicySet::from_yaml(&std::fs::read_to_string(path).expect("policy")).expect("policy")
});

/// Asks until nothing is wanted; the last open question is answered first, or the first.
fn run(
    image: &str,
    is_reversed: bool,
    mut answer: impl FnMut(&Want) -> Option<Result<Found, StoreError>>,
) -> Discovered {
    let limits = Limits::default();
    let mut discovery = Discovery::new(image.parse().expect("image"), &limits).with_documents();
    let (mut open, mut asked) = (Vec::new(), 0);
    loop {
        open.extend(discovery.wants());
        let at = if is_reversed { open.len().checked_sub(1) } else { (!open.is_empty()).then_some(0) };
        let Some(at) = at else { return discovery.finish() };
        let want: Want = open.remove(at);
        asked += 1;
        assert!(asked < 4 * (limits.manifests + limits.artifacts) + 500, "questions without end");
        if let Some(found) = answer(&want) {
            discovery.answer(&want, found);
        }
    }
}

fn decision(image: &str, found: Discovered) -> Decision {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"},
        "spec": {"containers": [{"name": "c", "image": image}]}});
    let request = Request::from(Resource::from_json(pod).expect("pod"));
    let images = BTreeMap::from([(image.to_owned(), found.image)]);
    let evidence = Evidence { images, documents: found.documents, ..Evidence::default() };
    evaluate(&POLICIES, &request, &evidence, &Trust::keys_only(), NOW).decision
}

fuzz_target!(|bytes: &[u8]| {
    let [image, rest @ ..] = bytes else { return };
    let image = format!("ghcr.io/myorg/app:{}", IMAGES[usize::from(*image) % IMAGES.len()]);
    // One answer for each question, by the order in which it is asked first.
    let mut answers: BTreeMap<Item, (Result<Found, StoreError>, bool)> = BTreeMap::new();
    let mut next = rest.iter().copied();
    let mut answer = |want: &Want| -> (Result<Found, StoreError>, bool) {
        let known = answers.entry(want.item.clone());
        known
            .or_insert_with(|| {
                let right = LAYOUT.find(want);
                let code = next.next().unwrap_or(0);
                let found = match (code & 7, right) {
                    (1, _) => Ok(Found::Absent),
                    (2, _) => {
                        Err(StoreError::Unavailable { what: "it".to_owned(), problem: "broken".to_owned() })
                    }
                    (3, Ok(Found::Bytes(mut bytes))) => {
                        let at = usize::from(next.next().unwrap_or(0)) * 31 % bytes.len().max(1);
                        if let Some(byte) = bytes.get_mut(at) {
                            *byte ^= next.next().unwrap_or(1);
                        }
                        Ok(Found::Bytes(bytes))
                    }
                    (4, _) => Ok(Found::Bytes(next.by_ref().take(usize::from(code)).collect())),
                    (5, Ok(Found::Referrers(mut some))) => {
                        some.extend((0..code).map(|index| trust_core::Digest::sha256(&[index])));
                        Ok(Found::Referrers(some))
                    }
                    (6, _) => Ok(Found::Digest(trust_core::Digest::sha256(&[code]))),
                    (_, right) => right,
                };
                (found, code & 128 != 0)
            })
            .clone()
    };
    let whole = run(&image, false, |want| Some(answer(want).0));
    let reversed = run(&image, true, |want| Some(answer(want).0));
    assert_eq!(whole, reversed, "the order of answers");
    let less = run(&image, false, |want| {
        Some(answer(want)).filter(|(_, is_withheld)| !is_withheld).map(|(found, _)| found)
    });
    // A store that is caught with another content than it should have is believed in nothing, and one that withholds it is not caught.
    let is_caught = whole.image.failures.iter().any(|one| one.kind == FailureKind::Tampered);
    if !is_caught && decision(&image, whole) == Decision::Deny {
        assert_eq!(decision(&image, less), Decision::Deny, "what is withheld");
    }
});
