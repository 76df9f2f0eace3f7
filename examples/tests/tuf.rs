//! The tool `tuf`, by the protocol of tuf-conformance, against a repository on a socket.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod program;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use serde_json::json;
use trust_core::Digest;
use trust_testkit::tuf::{Repository, target};

use program::{run, stderr};

type Served = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Serves files below a URL, for as long as the test runs.
fn serve(files: Served) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = [0; 4096];
            let len = connection.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..len]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
            let found = files.lock().unwrap().get(&path).cloned();
            let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
            let body = found.unwrap_or_default();
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(&body));
        }
    });
    url
}

#[test]
fn metadata_and_targets_are_fetched_as_the_protocol_says() {
    let mut repository = Repository::new();
    repository.delegate("targets", &[("../odd?", 10, json!({"paths": ["d/*"]}), false)]);
    repository.role("../odd?").targets = json!({"d/x": target(b"content")});
    repository.publish();
    let publish = |repository: &Repository| {
        let mut files: BTreeMap<_, _> = repository
            .files
            .iter()
            .map(|(name, bytes)| {
                (format!("metadata/{}", name.replace("../odd?", "..%2Fodd%3F")), bytes.clone())
            })
            .collect();
        files.insert(format!("targets/d/{}.x", Digest::sha256(b"content").to_hex()), b"content".to_vec());
        files
    };
    let served: Served = Arc::new(Mutex::new(publish(&repository)));
    let url = serve(served.clone());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("first.json"), &repository.files["1.root.json"]).unwrap();
    fs::create_dir(path("downloads")).unwrap();
    let tuf = |arguments: &[&str]| -> Output {
        run("tuf", &[&["--metadata-dir", &path("kept")], arguments].concat(), "")
    };
    let metadata = format!("{url}/metadata");
    let download = |name: &str| {
        let targets = format!("{url}/targets");
        tuf(&[
            "--metadata-url",
            &metadata,
            "--target-name",
            name,
            "--target-base-url",
            &targets,
            "--target-dir",
            &path("downloads"),
            "download",
        ])
    };
    assert_eq!(tuf(&["--metadata-url", &metadata, "refresh"]).status.code(), Some(1), "without a root");
    assert_eq!(tuf(&["init", &path("first.json")]).status.code(), Some(0));
    let refreshed = tuf(&["--metadata-url", &metadata, "refresh"]);
    assert_eq!(refreshed.status.code(), Some(0), "{}", stderr(&refreshed));
    let kept = || {
        let files = fs::read_dir(path("kept"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut kept: Vec<_> = files.filter(|name| Path::new(name).extension().is_some()).collect();
        kept.sort();
        kept
    };
    assert_eq!(kept(), ["root.json", "snapshot.json", "targets.json", "timestamp.json"]);
    let downloaded = download("d/x");
    assert_eq!(downloaded.status.code(), Some(0), "{}", stderr(&downloaded));
    assert_eq!(fs::read(path("downloads/d%2Fx")).unwrap(), b"content");
    assert_eq!(kept()[0], "..%2Fodd%3F.json");
    assert_eq!(download("d/y").status.code(), Some(1));

    // What is accepted is kept although what follows fails.
    repository.role("timestamp").version = 2;
    repository.role("snapshot").version = 2;
    repository.publish();
    let mut files = publish(&repository);
    files.remove("metadata/2.snapshot.json");
    *served.lock().unwrap() = files;
    let withheld = tuf(&["--metadata-url", &metadata, "refresh"]);
    assert!(
        withheld.status.code() == Some(1) && stderr(&withheld).contains("2.snapshot.json"),
        "{}",
        stderr(&withheld)
    );
    assert_eq!(fs::read(path("kept/timestamp.json")).unwrap(), repository.files["timestamp.json"]);
    // And a repository that is gone is an error.
    served.lock().unwrap().clear();
    assert_eq!(tuf(&["--metadata-url", &metadata, "refresh"]).status.code(), Some(1));
}
