//! How much memory readers hold while they read what a stranger sent, beside the text itself: before anything is verified.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_macros)] // tests print

use peak_alloc::PeakAlloc;
use trust_core::cosign::SimpleSigning;
use trust_core::{Bundle, Certificate, Envelope, Statement, TrustRoot, TufFiles, TufUpdate, UnixTime};
use trust_policy::{AdmissionReview, Evidence, PolicySet, Resource};
use trust_sbom::{Advisory, Limits, Sbom, ScanReport, Vex};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that are held beside a multiple of the text: buffers and tables of fixed size.
const FIXED: usize = 1 << 20;

/// So many items between two texts.
fn list(before: &str, item: &str, count: usize, after: &str) -> String {
    let mut text = String::with_capacity(before.len() + (item.len() + 1) * count + after.len());
    text.push_str(before);
    for index in 0..count {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&item.replace('#', &index.to_string()));
    }
    text + after
}

/// What a reader holds at most, as a multiple of the text.
fn peak(text: &str, read: fn(&[u8])) -> f64 {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    read(text.as_bytes());
    let held = MEMORY.peak_usage().saturating_sub(before).saturating_sub(FIXED);
    held as f64 / text.len() as f64
}

type Row = (&'static str, String, fn(&[u8]), f64);

fn core_rows() -> Vec<Row> {
    const COUNT: usize = 300_000;
    let bundle = |material: &str, item: &str, end: &str| {
        let start = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":"#;
        list(&format!("{start}{material}["), item, COUNT, &format!("]{end}}}"))
    };
    let read_bundle: fn(&[u8]) = |bytes| drop(Bundle::from_json(bytes));
    let statement = |start: &str, item: &str, end: &str| {
        let head = r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","#;
        list(&format!("{head}{start}"), item, COUNT, end)
    };
    let read_statement: fn(&[u8]) = |bytes| drop(Statement::from_json(bytes));
    let subject = r#""predicate":{},"subject":[{"name":"a","digest":{"sha256":"0"},"annotations":{"#;
    let root = |list_of: &str| {
        let head = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","#;
        list(&format!("{head}\"{list_of}\":["), "{}", COUNT, "]}")
    };
    let read_root: fn(&[u8]) = |bytes| drop(TrustRoot::from_json(bytes));
    vec![
        ("bundle of empty log entries", bundle(r#"{"tlogEntries":"#, "{}", "}"), read_bundle, 1.0),
        (
            "bundle of empty certificates",
            bundle(r#"{"x509CertificateChain":{"certificates":"#, "{}", "}}"),
            read_bundle,
            1.0,
        ),
        (
            "bundle of empty timestamps",
            bundle(r#"{"timestampVerificationData":{"rfc3161Timestamps":"#, "{}", "}}"),
            read_bundle,
            1.0,
        ),
        (
            "bundle of empty proof hashes",
            bundle(r#"{"tlogEntries":[{"inclusionProof":{"hashes":"#, "\"\"", "}}]}"),
            read_bundle,
            1.0,
        ),
        (
            "envelope of many signatures",
            list(r#"{"payload":"","payloadType":"x","signatures":["#, r#"{"sig":""}"#, COUNT, "]}"),
            |bytes| drop(Envelope::from_json(bytes)),
            1.0,
        ),
        (
            "envelope of a large payload",
            format!(
                r#"{{"payload":"{}","payloadType":"x","signatures":[{{"sig":"AA=="}}]}}"#,
                "AAAA".repeat(COUNT)
            ),
            |bytes| drop(Envelope::from_json(bytes)),
            2.0,
        ),
        (
            "statement of many subjects",
            statement(r#""predicate":{},"subject":["#, "{}", "]}"),
            read_statement,
            1.0,
        ),
        (
            "statement of many digests",
            list(
                r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","subject":[{"digest":{"#,
                r##""a#":"""##,
                90_000,
                "}}]}",
            ),
            read_statement,
            4.0,
        ),
        (
            "statement of many annotations",
            statement(&format!("{subject}\"a\":["), r#"{"":0}"#, "]}}]}"),
            read_statement,
            2.0,
        ),
        (
            "statement of a large predicate",
            statement(r#""subject":[{"digest":{}}],"predicate":["#, "0", "]}"),
            read_statement,
            2.0,
        ),
        ("trust root of empty logs", root("tlogs"), read_root, 4.0),
        ("trust root of empty authorities", root("certificateAuthorities"), read_root, 4.0),
        (
            "metadata of many signatures",
            list(r#"{"signed":{},"signatures":["#, r##"{"keyid":"#","sig":""}"##, 100_000, "]}"),
            |bytes| drop(TufUpdate::new(TufFiles::new(bytes.to_vec()), UnixTime::from_millis(0))),
            2.0,
        ),
        (
            "signature payload of many annotations",
            list(r#"{"critical":{},"optional":{"a":["#, "0", COUNT, "]}}"),
            |bytes| drop(SimpleSigning::from_json(bytes)),
            4.0,
        ),
        ("text that is no certificate", "A".repeat(COUNT), |bytes| drop(Certificate::from_der(bytes)), 1.0),
        (
            "JSON that is not UTF-8 in the end",
            list("[", "0", COUNT, "\u{1}]"),
            |bytes| {
                let mut bytes = bytes.to_vec();
                let at = bytes.len() - 2;
                bytes[at] = 0xff;
                drop(Bundle::from_json(&bytes));
            },
            2.0,
        ),
    ]
}

fn document_rows() -> Vec<Row> {
    let read_sbom: fn(&[u8]) = |bytes| drop(Sbom::read(bytes, &Limits::default()));
    let read_report: fn(&[u8]) = |bytes| drop(ScanReport::read(bytes, &Limits::default()));
    let read_vex: fn(&[u8]) = |bytes| drop(Vex::read(bytes, &Limits::default()));
    let urls = list("[", r##"{"url":"https://example.org/#"}"##, 5000, "]");
    let license = format!(
        r#"{{"type":"expandedlicensing_CustomLicense","spdxId":"urn:l","name":"{}"}},"#,
        "x".repeat(200_000)
    );
    let purls = list("[", r##""pkg:npm/n#""##, 5000, "]");
    let help = "abcdefgh\\n".repeat(50_000);
    vec![
        (
            "one advisory list of many packages",
            list(
                &format!(
                    r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","vulnerabilities":[{{"id":"C","advisories":{urls},"affects":["#
                ),
                r##"{"ref":"r#"}"##,
                5000,
                "]}]}",
            ),
            read_sbom,
            24.0,
        ),
        (
            "one license of many packages",
            list(
                &format!(
                    r#"{{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[{{"type":"SpdxDocument","spdxId":"urn:d"}},{license}"#
                ),
                r##"{"type":"software_Package","spdxId":"urn:p#","name":"n"},{"type":"Relationship","spdxId":"urn:r#","from":"urn:p#","to":["urn:l"],"relationshipType":"hasDeclaredLicense"}"##,
                2000,
                "]}",
            ),
            read_sbom,
            16.0,
        ),
        (
            "one product of many statements",
            list(
                &format!(
                    r#"{{"document":{{"category":"csaf_vex","csaf_version":"2.0"}},"product_tree":{{"full_product_names":[{{"product_id":"P","product_identification_helper":{{"purls":{purls}}}}}]}},"vulnerabilities":["#
                ),
                r##"{"cve":"CVE-#","product_status":{"known_affected":["P"]}}"##,
                5000,
                "]}",
            ),
            read_vex,
            16.0,
        ),
        (
            "one rule of many results",
            list(
                &format!(
                    r#"{{"version":"2.1.0","runs":[{{"tool":{{"driver":{{"name":"X","rules":[{{"id":"R","help":{{"text":"{help}"}}}}]}}}},"results":["#
                ),
                r#"{"ruleId":"R","ruleIndex":0,"message":{"text":"m"}}"#,
                5000,
                "]}]}",
            ),
            read_report,
            16.0,
        ),
        (
            "an advisory of many packages",
            list(
                r#"{"id":"G","modified":"","affected":["#,
                r##"{"package":{"name":"n#","ecosystem":"npm"}}"##,
                5000,
                "]}",
            ),
            |bytes| drop(Advisory::read(bytes, &Limits::default())),
            24.0,
        ),
    ]
}

fn policy_rows() -> Vec<Row> {
    vec![
        (
            "a review",
            list(
                r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","object":{"a":["#,
                "{}",
                200_000,
                "]}}}",
            ),
            |bytes| drop(AdmissionReview::from_json(bytes)),
            24.0,
        ),
        (
            "evidence of one large layer",
            format!(
                r#"{{"images":{{"a":{{"digest":{{"Ok":"sha256:{}"}},"artifacts":[{{"location":"l","mediaType":"m","annotations":{{}},"content":"{}"}}],"failures":[]}}}}}}"#,
                "0".repeat(64),
                "AAAA".repeat(300_000)
            ),
            |bytes| drop(serde_json::from_slice::<Evidence>(bytes)),
            4.0,
        ),
        (
            "a policy that is none",
            list("", "a", 90_000, ""),
            |bytes| drop(PolicySet::from_yaml(std::str::from_utf8(bytes).unwrap())),
            16.0,
        ),
        (
            "a resource of many fields",
            list("{a: [", "b", 90_000, "]}"),
            |bytes| drop(Resource::from_yaml(std::str::from_utf8(bytes).unwrap())),
            80.0,
        ),
    ]
}

/// In one test, since what others hold meanwhile would be counted.
#[test]
fn readers_hold_no_more_than_a_multiple_of_what_they_read() {
    let mut over = Vec::new();
    for (name, text, read, most) in [core_rows(), document_rows(), policy_rows()].concat() {
        let found = peak(&text, read);
        println!("{name:<40} {:>9} bytes, holds {found:>6.2} times as much, at most {most}", text.len());
        if found > most {
            over.push(format!("{name}: {found:.2}, expected at most {most}"));
        }
    }
    assert!(over.is_empty(), "{over:#?}");
}
