//! The limits of readers: what has as much as they allow is not refused for it, and is read in time; what has one more is
//! refused for it. (The table in `SECURITY.md` says where each is set. Those of certificates and of what judges and
//! collects are tested beside them.)

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may
#![allow(clippy::disallowed_macros, clippy::disallowed_methods)] // tests print, and measure time

use std::fmt::Display;
use std::time::{Duration, Instant};

use trust_core::internal::json;
use trust_core::{
    Bundle, Certificate, Envelope, ImageRef, Statement, TrustRoot, TufFiles, TufUpdate, UnixTime,
    verify_timestamp,
};
use trust_policy::{AdmissionReview, PolicySet, Resource, yaml};
use trust_rekor::SignedNote;
use trust_sbom::{Answer, License, LicensePolicy, Limits, Purl, Sbom, ScanReport, Vers, Vex};

/// What a reader that was not optimized may take at a limit, on a busy machine.
const COST: Duration = Duration::from_secs(5);

/// What so many of something look like, and what they are read by.
struct Row {
    what: &'static str,
    limit: usize,
    text: fn(usize) -> String,
    read: fn(&[u8]) -> Result<(), String>,
    /// What the error says, of the limit or of what was found.
    refusal: &'static str,
}

/// So many items between two texts; `#` in them is their number.
fn list(before: &str, item: &str, count: usize, after: &str) -> String {
    let items: Vec<String> = (0..count).map(|index| item.replace('#', &index.to_string())).collect();
    format!("{before}{}{after}", items.join(","))
}

/// JSON of so many bytes.
fn padded(len: usize) -> String {
    format!("{{{}}}", " ".repeat(len - 2))
}

fn told<T, E: Display>(result: Result<T, E>) -> Result<(), String> {
    result.map(drop).map_err(|error| error.to_string())
}

fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn bundle(bytes: &[u8]) -> Result<(), String> {
    told(Bundle::from_json(bytes))
}

fn statement(bytes: &[u8]) -> Result<(), String> {
    told(Statement::from_json(bytes))
}

fn root(bytes: &[u8]) -> Result<(), String> {
    told(TrustRoot::from_json(bytes))
}

fn repository(bytes: &[u8]) -> Result<(), String> {
    told(TufUpdate::new(TufFiles::new(bytes.to_vec()), UnixTime::from_millis(0)))
}

fn timestamp(bytes: &[u8]) -> Result<(), String> {
    told(verify_timestamp(bytes, b"", &[]))
}

fn note(bytes: &[u8]) -> Result<(), String> {
    told(SignedNote::parse(utf8(bytes)))
}

/// As the defaults have it, or less where that would take long.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.components = 1000;
    limits.relationships = 1000;
    limits.findings = 1000;
    limits.products = 1000;
    limits.per_component = 1000;
    limits
}

fn sbom(bytes: &[u8]) -> Result<(), String> {
    told(Sbom::read(bytes, &limits()))
}

fn license(bytes: &[u8]) -> Result<(), String> {
    let license = License::Expression(utf8(bytes).into());
    match LicensePolicy::new().denying(["Zlib"]).unwrap().allows(&license) {
        Answer::Unknown(why) => Err(why),
        Answer::Yes | Answer::No => Ok(()),
    }
}

fn yaml_text(bytes: &[u8]) -> Result<(), String> {
    told(yaml::parse_documents(utf8(bytes)))
}

fn policy(bytes: &[u8]) -> Result<(), String> {
    let expression = utf8(bytes);
    let text = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec: {{rules: [{{name: r, match: {{any: [{{resources: {{kinds: [Pod]}}}}]}}, validate: {{message: '{{{{{expression}}}}}', pattern: {{spec: {{}}}}}}}}]}}\n"
    );
    told(PolicySet::from_yaml(&text))
}

const BUNDLE: &str = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},"signature":"AA=="},"verificationMaterial":"#;
const STATEMENT: &str = r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"x","predicate":{},"#;
const ROOT: &str = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","#;
const CYCLONEDX: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","#;

fn core_rows() -> Vec<Row> {
    vec![
        Row {
            what: "bytes of a bundle",
            limit: 192 << 20,
            text: padded,
            read: bundle,
            refusal: "bytes, expected at most",
        },
        Row {
            what: "log entries of a bundle",
            limit: 32,
            text: |count| {
                list(&format!("{BUNDLE}{{\"publicKey\":{{}},\"tlogEntries\":["), "{}", count, "]}}")
            },
            read: bundle,
            refusal: "has 33 entries, expected at most 32",
        },
        Row {
            what: "timestamps of a bundle",
            limit: 32,
            text: |count| {
                let start = format!(
                    "{BUNDLE}{{\"publicKey\":{{}},\"timestampVerificationData\":{{\"rfc3161Timestamps\":["
                );
                list(&start, r#"{"signedTimestamp":"AA=="}"#, count, "]}}}")
            },
            read: bundle,
            refusal: "has 33 entries, expected at most 32",
        },
        Row {
            what: "hashes of a proof",
            limit: 64,
            text: |count| {
                let entry = r#"{"logId":{"keyId":"AA=="},"kindVersion":{"kind":"a","version":"b"}"#;
                let start = format!(
                    "{BUNDLE}{{\"publicKey\":{{}},\"tlogEntries\":[{entry},\"inclusionProof\":{{\"hashes\":["
                );
                list(&start, "\"\"", count, "]}}]}}")
            },
            read: bundle,
            refusal: "has 65 entries, expected at most 64",
        },
        Row {
            what: "certificates of a bundle",
            limit: 8,
            text: |count| {
                let start = format!("{BUNDLE}{{\"x509CertificateChain\":{{\"certificates\":[")
                    .replace(".v0.3+json", "+json;version=0.2");
                list(&start, r#"{"rawBytes":"AA=="}"#, count, "]}}}")
            },
            read: bundle,
            refusal: "has 9 entries, expected at most 8",
        },
        Row {
            what: "bytes of an envelope",
            limit: 128 << 20,
            text: padded,
            read: |bytes| told(Envelope::from_json(bytes)),
            refusal: "bytes, expected at most",
        },
        Row {
            what: "subjects of a statement",
            limit: 1024,
            text: |count| list(&format!("{STATEMENT}\"subject\":["), r#"{"digest":{"a":"b"}}"#, count, "]}"),
            read: statement,
            refusal: "has 1025 subjects, expected at most 1024",
        },
        Row {
            what: "digests of a subject",
            limit: 32,
            text: |count| {
                list(&format!("{STATEMENT}\"subject\":[{{\"digest\":{{"), r##""a#":"b""##, count, "}}]}")
            },
            read: statement,
            refusal: "expected at most 32",
        },
        Row {
            what: "bytes of a certificate",
            limit: 64 << 10,
            text: |len| "0".repeat(len),
            read: |bytes| told(Certificate::from_der(bytes)),
            refusal: "certificate has 65537 bytes, expected at most 65536",
        },
        Row {
            what: "bytes of a timestamp",
            limit: 64 << 10,
            text: |len| "0".repeat(len),
            read: timestamp,
            refusal: "timestamp has 65537 bytes, expected at most 65536",
        },
        Row {
            what: "bytes of TUF metadata",
            limit: 512_000,
            text: padded,
            read: repository,
            refusal: "bytes, expected at most",
        },
        Row {
            what: "signatures of TUF metadata",
            limit: 256,
            text: |count| list(r#"{"signed":{},"signatures":["#, r##"{"keyid":"#","sig":""}"##, count, "]}"),
            read: repository,
            refusal: "found 257, expected at most 256",
        },
        Row {
            what: "bytes of a trust root",
            limit: 4 << 20,
            text: padded,
            read: root,
            refusal: "bytes, expected at most",
        },
        Row {
            what: "logs of a trust root",
            limit: 256,
            text: |count| list(&format!("{ROOT}\"tlogs\":["), "{}", count, "]}"),
            read: root,
            refusal: "has 257 entries, expected at most 256",
        },
        Row {
            what: "bytes of a note",
            limit: 1_000_000,
            text: |len| "a".repeat(len),
            read: note,
            refusal: "bytes, expected at most",
        },
        Row {
            what: "signatures of a note",
            limit: 100,
            text: |count| format!("a\n\n{}", "\u{2014} a AAAAAAA=\n".repeat(count)),
            read: note,
            refusal: "has 101 signatures, expected at most 100",
        },
        Row {
            what: "levels of JSON",
            limit: 127,
            text: |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
            read: |bytes| told(json::from_slice::<serde_json::Value>(bytes)),
            refusal: "recursion limit",
        },
        Row {
            what: "keys of an object",
            limit: 100_000,
            text: |count| list("{", r##""#":0"##, count, "}"),
            read: |bytes| told(json::from_slice::<serde_json::Value>(bytes)),
            refusal: "an object has more than 100000 keys",
        },
        Row {
            what: "bytes of an image reference",
            limit: 776,
            text: |len| format!("a.io/b{}", "c".repeat(len - 6)),
            read: |bytes| told(utf8(bytes).parse::<ImageRef>()),
            refusal: "bytes, expected at most 776",
        },
    ]
}

fn document_rows() -> Vec<Row> {
    vec![
        Row {
            what: "components",
            limit: 1000,
            text: |count| {
                list(
                    &format!("{CYCLONEDX}\"components\":["),
                    r##"{"type":"library","name":"n#"}"##,
                    count,
                    "]}",
                )
            },
            read: sbom,
            refusal: "document has more than 1000 components",
        },
        Row {
            what: "relationships",
            limit: 1000,
            text: |count| {
                let start = format!("{CYCLONEDX}\"dependencies\":[{{\"ref\":\"a\",\"dependsOn\":[");
                list(&start, r##""b#""##, count, "]}]}")
            },
            read: sbom,
            refusal: "document has more than 1000 relationships",
        },
        Row {
            what: "properties of a component",
            limit: 1000,
            text: |count| {
                let start = format!(
                    "{CYCLONEDX}\"components\":[{{\"type\":\"library\",\"name\":\"n\",\"properties\":["
                );
                list(&start, r##"{"name":"a","value":"#"}"##, count, "]}]}")
            },
            read: sbom,
            refusal: "has more than 1000",
        },
        Row {
            what: "bytes of a component's name",
            limit: 8 << 10,
            text: |len| {
                let name = "n".repeat(len);
                format!("{CYCLONEDX}\"components\":[{{\"type\":\"library\",\"name\":\"{name}\"}}]}}")
            },
            read: sbom,
            refusal: "of 8193 bytes, expected at most 8192",
        },
        Row {
            what: "elements within elements",
            limit: 128,
            text: |depth| {
                let inner = depth - 1;
                format!(
                    "<bom xmlns=\"http://cyclonedx.org/schema/bom/1.6\">{}{}</bom>",
                    "<x>".repeat(inner),
                    "</x>".repeat(inner)
                )
            },
            read: sbom,
            refusal: "128",
        },
        Row {
            what: "findings of a report",
            limit: 1000,
            text: |count| {
                list(
                    r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"X"}},"results":["#,
                    r#"{"ruleId":"R","message":{"text":"m"}}"#,
                    count,
                    "]}]}",
                )
            },
            read: |bytes| told(ScanReport::read(bytes, &limits())),
            refusal: "expected at most 1000",
        },
        Row {
            what: "statements of a VEX document",
            limit: 1000,
            text: |count| {
                list(
                    r#"{"@context":"https://openvex.dev/ns/v0.2.0","statements":["#,
                    r##"{"vulnerability":{"name":"C-#"},"status":"fixed","products":[{"@id":"a"}]}"##,
                    count,
                    "]}",
                )
            },
            read: |bytes| told(Vex::read(bytes, &limits())),
            refusal: "expected at most 1000",
        },
        Row {
            what: "bytes of a license expression",
            limit: 8 << 10,
            text: |len| format!("{}LicenseRef-{}", "MIT OR ".repeat(1000), "a".repeat(len - 7011)),
            read: license,
            refusal: "bytes, expected at most 8192",
        },
        Row {
            what: "parentheses of a license expression",
            limit: 32,
            text: |depth| format!("{}MIT{}", "(".repeat(depth), ")".repeat(depth)),
            read: license,
            refusal: "nests deeper than 32",
        },
        Row {
            what: "bytes of a package URL",
            limit: 8 << 10,
            text: |len| format!("pkg:npm/{}", "a".repeat(len - 8)),
            read: |bytes| told(utf8(bytes).parse::<Purl>()),
            refusal: "bytes, expected at most 8192",
        },
        Row {
            what: "bytes of a range",
            limit: 64 << 10,
            text: |len| format!("vers:npm/{}", "1".repeat(len - 9)),
            read: |bytes| told(utf8(bytes).parse::<Vers>()),
            refusal: "bytes, expected at most 65536",
        },
        Row {
            what: "constraints of a range",
            limit: 1000,
            text: |count| {
                let versions: Vec<String> = (0..count).map(|index| format!("{index}.0.0")).collect();
                format!("vers:npm/{}", versions.join("|"))
            },
            read: |bytes| told(utf8(bytes).parse::<Vers>()),
            refusal: "1001 constraints, expected at most 1000",
        },
    ]
}

fn policy_rows() -> Vec<Row> {
    vec![
        Row {
            what: "bytes of YAML",
            limit: 4 << 20,
            text: |len| format!("a: {}", "b".repeat(len - 3)),
            read: yaml_text,
            refusal: "bytes, expected at most 4194304",
        },
        Row {
            what: "values of YAML",
            limit: 100_000,
            text: |count| list("[", "b", count - 1, "]"),
            read: yaml_text,
            refusal: "too many values, expected at most 100000",
        },
        Row {
            what: "levels of YAML",
            limit: 64,
            text: |depth| format!("{}b{}", "[".repeat(depth), "]".repeat(depth)),
            read: yaml_text,
            refusal: "expected 64 levels at most",
        },
        Row {
            what: "containers of a resource",
            limit: 1000,
            text: |count| {
                list(
                    "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [",
                    "{name: c#, image: a.io/b}",
                    count,
                    "]}}",
                )
            },
            read: |bytes| told(Resource::from_yaml(utf8(bytes))),
            refusal: "expected at most 1000",
        },
        Row {
            what: "bytes of an expression",
            limit: 4096,
            text: |len| "a".repeat(len),
            read: policy,
            refusal: "bytes, expected at most 4096",
        },
        Row {
            what: "signs of an expression",
            limit: 256,
            text: |count| format!("request.object{}", ".a".repeat(count - 1)),
            read: policy,
            refusal: "too complex",
        },
        Row {
            what: "bytes of an admission review",
            limit: 3 << 20,
            text: padded,
            read: |bytes| told(AdmissionReview::from_json(bytes)),
            refusal: "bytes, expected at most 3145728",
        },
    ]
}

#[test]
fn as_much_as_a_limit_allows_is_read_in_time_and_one_more_is_refused_for_it() {
    let mut wrong = Vec::new();
    for Row { what, limit, text, read, refusal } in
        [core_rows(), document_rows(), policy_rows()].into_iter().flatten()
    {
        let at_limit = text(limit);
        let start = Instant::now();
        let below = read(at_limit.as_bytes());
        let took = start.elapsed();
        let above = read(text(limit + 1).as_bytes());
        let said = |result: &Result<(), String>| match result {
            Ok(()) => "read".to_owned(),
            Err(error) => error.chars().take(120).collect(),
        };
        println!("{what:<40} {limit:>10}: {took:>10.1?}, {}; above: {}", said(&below), said(&above));
        if took > COST {
            wrong.push(format!("{what}: {limit} took {took:?}, expected at most {COST:?}"));
        }
        if below.is_err_and(|error| error.contains(refusal)) {
            wrong.push(format!("{what}: {limit} is refused"));
        }
        if !above.as_ref().is_err_and(|error| error.contains(refusal)) {
            wrong.push(format!("{what}: one more than {limit} is {}, expected `{refusal}`", said(&above)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
