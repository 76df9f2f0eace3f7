//! Reading a large SBOM: time and memory, beside the crate that users expect.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench sbom` makes a CycloneDX document of 120 MB and prints a table.
//! Each way of reading runs in a process of its own, so that its peak of memory is its own. `-- --test` reads a small one.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use trust_sbom::{Limits, PackagePattern, Sbom};

/// Some 960 bytes each.
const COMPONENTS: usize = 125_000;

/// A document such as image scanners write: identifiers, a hash, a license and four properties for each component.
fn generate(path: &Path, components: usize) {
    let mut out = BufWriter::new(File::create(path).expect("the folder is writable"));
    let head = r#"{"bomFormat":"CycloneDX","specVersion":"1.5","serialNumber":"urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79","version":1,
"metadata":{"timestamp":"2026-01-31T12:00:00Z","tools":[{"vendor":"x","name":"generator","version":"1"}],
"component":{"type":"container","bom-ref":"root","name":"image"}},
"components":["#;
    out.write_all(head.as_bytes()).expect("the disk has room");
    for index in 0..components {
        let separator = if index == 0 { "" } else { "," };
        let (major, minor) = (index % 7, index % 53);
        writeln!(
            out,
            r#"{separator}{{"bom-ref":"pkg:maven/org.example.group{group}/artifact-{index}@{major}.{minor}.0?package-id={index:016x}",
  "type":"library","group":"org.example.group{group}","name":"artifact-{index}","version":"{major}.{minor}.0",
  "description":"A library that does what artifact {index} does, and nothing else",
  "hashes":[{{"alg":"SHA-256","content":"{hash:064x}"}}],
  "licenses":[{{"license":{{"id":"Apache-2.0"}}}}],
  "cpe":"cpe:2.3:a:example:artifact-{index}:{major}.{minor}.0:*:*:*:*:*:*:*",
  "purl":"pkg:maven/org.example.group{group}/artifact-{index}@{major}.{minor}.0",
  "externalReferences":[{{"type":"website","url":"https://example.org/artifact-{index}"}}],
  "properties":[{{"name":"syft:package:foundBy","value":"java-archive-cataloger"}},
   {{"name":"syft:package:language","value":"java"}},
   {{"name":"syft:location:0:layerID","value":"sha256:{hash:064x}"}},
   {{"name":"syft:location:0:path","value":"/opt/app/lib/artifact-{index}-{major}.{minor}.0.jar"}}]}}"#,
            group = index % 997,
            hash = index.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        )
        .expect("the disk has room");
    }
    out.write_all(b"]}\n").expect("the disk has room");
    out.flush().expect("the disk has room");
}

/// One pass, and of each component only the package URL is kept.
fn index(path: &Path) -> usize {
    let mut packages = HashSet::new();
    let file = File::open(path).expect("the document is there");
    Sbom::read_components(file, &Limits::default(), &mut |component| packages.extend(component.purls))
        .expect("the document is read");
    packages.len()
}

/// The whole model, and a question to it.
fn model(path: &Path) -> usize {
    let file = File::open(path).expect("the document is there");
    let (sbom, _) = Sbom::read(file, &Limits::default()).expect("the document is read");
    let pattern = "pkg:maven/org.example.group1/artifact-1".parse().expect("the package URL is readable");
    assert_eq!(sbom.find(&PackagePattern::Purl(Box::new(pattern))).len(), 1);
    sbom.components().len() - 1
}

/// The peer: <https://github.com/CycloneDX/cyclonedx-rust-cargo>.
fn cyclonedx_bom(path: &Path) -> usize {
    let file = File::open(path).expect("the document is there");
    let bom = cyclonedx_bom::prelude::Bom::parse_from_json(file).expect("the peer reads it");
    bom.components.map_or(0, |components| components.0.len())
}

const WAYS: [(&str, fn(&Path) -> usize); 3] = [
    ("trust-sbom, index of purls", index),
    ("trust-sbom, whole model", model),
    ("cyclonedx-bom 0.8.1", cyclonedx_bom),
];

/// The most memory that this process held, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // What a child process is told: the way, and the document.
    if let [_, way, path, count] = arguments.as_slice()
        && let Some((_, read)) = WAYS.iter().find(|(name, _)| name == way)
    {
        let start = Instant::now();
        let found = read(Path::new(path));
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(found.to_string(), *count, "{way} misses components");
        println!("{seconds} {}", peak());
        return;
    }
    let path = std::env::temp_dir().join(format!("trust-sbom-{}.json", std::process::id()));
    if arguments.iter().any(|argument| argument == "--test") {
        generate(&path, 1_000);
        WAYS.iter().for_each(|(_, read)| assert_eq!(read(&path), 1_000));
    } else {
        generate(&path, COMPONENTS);
        let megabytes = fs::metadata(&path).expect("the document is there").len() as f64 / 1e6;
        println!("CycloneDX 1.5 in JSON, {megabytes:.0} MB, {COMPONENTS} components; the best of three");
        println!("{:<28} {:>8} {:>8} {:>14}", "", "seconds", "MB/s", "peak memory");
        for (name, _) in WAYS {
            let mut best: Option<(f64, f64)> = None;
            for _ in 0..3 {
                let child =
                    Command::new(&arguments[0]).arg(name).arg(&path).arg(COMPONENTS.to_string()).output();
                let text =
                    String::from_utf8(child.expect("the program runs").stdout).expect("it prints text");
                let mut numbers = text.split_whitespace().map(|word| word.parse::<f64>().expect("a number"));
                let (Some(seconds), Some(kib)) = (numbers.next(), numbers.next()) else {
                    panic!("{name} failed")
                };
                if best.is_none_or(|(fastest, _)| seconds < fastest) {
                    best = Some((seconds, kib));
                }
            }
            let (seconds, kib) = best.expect("it ran");
            println!("{name:<28} {seconds:>8.2} {:>8.0} {:>10.1} MiB", megabytes / seconds, kib / 1024.0);
        }
    }
    let _ = fs::remove_file(&path);
}
