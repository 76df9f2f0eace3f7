//! x509-limbo: certification paths, of which most must be refused. Host names and revocation are not ours to judge.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)] // tests read files

use serde_json::Value;
use trust_core::{Certificate, UnixTime, Usage, verify_path};

/// Every path from the leaf over the intermediates to an anchor, by name.
fn paths<'a>(
    path: &mut Vec<&'a Certificate>,
    intermediates: &'a [Certificate],
    anchors: &'a [Certificate],
    found: &mut Vec<Vec<&'a Certificate>>,
    steps: &mut usize,
) {
    // Some cases are mazes, made to exhaust whoever searches them; the product never searches.
    *steps += 1;
    if *steps > 200 {
        return;
    }
    let issuer = path.last().unwrap().issuer();
    for anchor in anchors.iter().filter(|one| one.subject() == issuer) {
        found.push(path.iter().copied().chain([anchor]).collect());
    }
    if path.len() < 7 {
        for next in intermediates.iter().filter(|one| one.subject() == issuer) {
            if !path.contains(&next) {
                path.push(next);
                paths(path, intermediates, anchors, found, steps);
                path.pop();
            }
        }
    }
}

fn certificates(list: &Value) -> Vec<Certificate> {
    let certificates = list.as_array().unwrap().iter();
    certificates.filter_map(|pem| Certificate::from_pem(pem.as_str().unwrap()).ok()).collect()
}

/// Whether any path verifies; otherwise why the last one does not.
fn judge(case: &Value) -> Result<(), String> {
    let usage = match case["validation_kind"].as_str().unwrap() {
        "CLIENT" => Usage::other("clientAuth", "1.3.6.1.5.5.7.3.2").unwrap(),
        _ => Usage::other("serverAuth", "1.3.6.1.5.5.7.3.1").unwrap(),
    };
    let now = case["validation_time"].as_str().unwrap_or("2026-11-21T00:00:00Z");
    let now: UnixTime = now.parse().map_err(|error| format!("{error}"))?;
    let leaf = Certificate::from_pem(case["peer_certificate"].as_str().unwrap())
        .map_err(|error| error.to_string())?;
    let (intermediates, anchors) =
        (certificates(&case["untrusted_intermediates"]), certificates(&case["trusted_certs"]));
    let mut found = Vec::new();
    paths(&mut vec![&leaf], &intermediates, &anchors, &mut found, &mut 0);
    let mut reason = Err("no path".to_owned());
    for path in found {
        match verify_path(&path, usage, &[now]) {
            Ok(()) => return Ok(()),
            Err(error) => reason = Err(error.to_string()),
        }
    }
    reason
}

/// Cases that are judged otherwise here, by the beginning of their name, and why.
const LEDGER: [(&str, &str); 17] = [
    ("webpki::cn::", "host names are not judged: a signer is not a host"),
    ("webpki::san::", "likewise"),
    ("rfc5280::san::underscore-dns", "likewise"),
    ("crl::", "revocation is not judged: Fulcio's certificates live ten minutes"),
    ("pathlen::max-chain-depth", "the depth is fixed: paths have at most 8 certificates"),
    ("rfc5280::nc::", "a path with name constraints is refused, since they are not implemented"),
    ("webpki::nc::", "likewise"),
    ("rfc5280::eku::ee-without-eku", "stricter: the leaf must name its usage"),
    ("rfc5280::no-keyusage", "stricter: the leaf must have the key usage digitalSignature"),
    ("crl::issuer-no-keyusage-extension", "stricter: an authority must have the key usage keyCertSign"),
    (
        "rfc5280::validity::notafter-fractional",
        "stricter: notAfter is an instant, and is over five milliseconds later",
    ),
    (
        "webpki::aki::root-with-aki-missing-keyidentifier",
        "a rule for roots of the web; anchors are the caller's",
    ),
    ("webpki::aki::root-with-aki-authoritycertserialnumber", "likewise"),
    ("webpki::eku::root-has-eku", "likewise"),
    (
        "webpki::eku::ee-critical-eku",
        "a rule for certificates of web servers; timestamps require the opposite",
    ),
    ("webpki::malformed-aia", "the extension is not looked at: nothing is fetched"),
    ("online::", "nothing is fetched"),
];

#[test]
fn every_path_is_judged_right() {
    let Some(file) = trust_testkit::vectors::vectors("x509-limbo/limbo.json") else { return };
    let document: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let (mut judged, mut wrong) = (0, Vec::new());
    for case in document["testcases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let result = judge(case);
        judged += 1;
        let is_right = result.is_ok() == (case["expected_result"] == "SUCCESS");
        let diverges = LEDGER.iter().any(|(name, _)| id.starts_with(name));
        // What must be refused for constraints on names is refused whatever they say.
        let accepts_constraints = id.contains("::nc::") && result.is_ok() && !is_right;
        if (!is_right && !diverges) || accepts_constraints {
            wrong.push(format!("{id}: {result:?}, expected {}", case["expected_result"]));
        }
    }
    assert!(judged > 100, "{judged} cases");
    assert!(wrong.is_empty(), "{} of {judged} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
