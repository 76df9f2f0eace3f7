//! The tool `image`, and `admit` with registries.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests may

mod program;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trust_core::Digest;
use trust_testkit::servers::{self, Servers};

use program::{run, stderr, stdout};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

fn layout() -> String {
    format!("ghcr.io/myorg/app={}", data("images").display())
}

/// The release key of the embedded set, in a file.
fn key(folder: &Path) -> String {
    let policy = fs::read_to_string(data("policies/require-release-key.yaml")).unwrap();
    let start = policy.find("-----BEGIN PUBLIC KEY-----").unwrap();
    let end = policy.find("-----END PUBLIC KEY-----").unwrap();
    let lines: String = policy[start..end].lines().map(|line| format!("{}\n", line.trim())).collect();
    let file = folder.join("release.pub");
    fs::write(&file, format!("{lines}-----END PUBLIC KEY-----\n")).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn one_line_says_who_signed() {
    let folder = tempfile::tempdir().unwrap();
    let (key, layout) = (key(folder.path()), layout());
    let verify = |image: &str, more: &[&str]| {
        let image = format!("ghcr.io/myorg/app:{image}");
        run("image", &[&["verify", &image, "--image", &layout, "--offline"], more].concat(), "")
    };
    for image in ["signed", "legacy"] {
        let good = verify(image, &["--key", &key, "--no-log"]);
        assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
        assert!(stdout(&good).contains("\nsigned by key sha256:"), "{}", stdout(&good));
        let unlogged = verify(image, &["--key", &key]);
        assert!(
            unlogged.status.code() == Some(1) && stderr(&unlogged).contains("transparency logs"),
            "{}",
            stderr(&unlogged)
        );
    }
    let root = data("trusted-root.json").to_str().unwrap().to_owned();
    let issuer = "https://token.actions.githubusercontent.com";
    let keyless = |identity: &str| {
        verify(
            "keyless",
            &[
                "--identity",
                identity,
                "--issuer",
                issuer,
                "--trust-root",
                &root,
                "--now",
                "2026-12-01T00:00:00Z",
                "--format",
                "json",
            ],
        )
    };
    let good = keyless("https://github.com/myorg/*");
    assert_eq!(good.status.code(), Some(0), "{}", stdout(&good));
    let result: Value = serde_json::from_str(&stdout(&good)).unwrap();
    assert!(
        result["verified"] == true && result["signatures"][0]["logEntries"][0]["index"].is_u64(),
        "{result}"
    );
    let other = keyless("https://github.com/evil/*");
    assert_eq!(
        (other.status.code(), serde_json::from_str::<Value>(&stdout(&other)).unwrap()["verified"].clone()),
        (Some(1), Value::Bool(false))
    );
    for (image, more, code) in [
        ("unsigned", &["--key", &key, "--no-log"][..], 1),
        ("absent", &["--key", &key, "--no-log"], 1),
        ("signed", &["--key", "no-such-file"], 2),
        ("signed", &[], 2),
        ("signed", &["--identity", "x"], 2),
        ("signed", &["--key", &key, "--identity", "x", "--issuer", "y"], 2),
    ] {
        assert_eq!(verify(image, more).status.code(), Some(code), "{image} {more:?}");
    }
    // What no layout holds is not asked for without network.
    let offline = run("image", &["verify", "quay.io/a/b:c", "--key", &key, "--offline"], "");
    assert!(stderr(&offline).contains("no store answers for this repository"), "{}", stderr(&offline));
}

#[test]
fn a_tree_shows_what_is_attached() {
    let tree = |image: &str, more: &[&str]| {
        let image = format!("ghcr.io/myorg/app:{image}");
        run("image", &[&["tree", &image, "--image", &layout(), "--offline"], more].concat(), "")
    };
    let root = data("trusted-root.json").to_str().unwrap().to_owned();
    let keyless = tree("keyless", &["--trust-root", &root]);
    assert_eq!(keyless.status.code(), Some(0), "{}", stderr(&keyless));
    assert!(stdout(&keyless).contains("verified: by `https://github.com/myorg/"), "{}", stdout(&keyless));
    assert!(stdout(&tree("unsigned", &[])).ends_with("└─ 0 attached, 0 could not be fetched\n"));
    assert_eq!(tree("absent", &[]).status.code(), Some(1));
}

/// The embedded set, judged with images in a real registry, in the folder that is fetched from there, and in the embedded layout:
/// the same bytes.
#[test]
fn registries_layouts_and_fetched_folders_give_the_same_verdicts() {
    let Some(servers) = Servers::new() else { return };
    if servers::tool("oras").is_none() {
        return;
    }
    let registry = servers.start(&["registry"])["OCIREF"].clone();
    let index: Value = serde_json::from_slice(&fs::read(data("images/index.json")).unwrap()).unwrap();
    let names = index["manifests"].as_array().unwrap().iter();
    let names = names.filter_map(|entry| entry["annotations"]["org.opencontainers.image.ref.name"].as_str());
    for name in names {
        for repository in ["app", "web", "lab"] {
            let (from, to) = (
                format!("{}:{name}", data("images").display()),
                format!("{registry}/myorg/{repository}:{name}"),
            );
            let mut copy = servers::tool("oras").unwrap();
            servers::run(copy.args(["cp", "-r", "--from-oci-layout", &from, "--to-plain-http", &to]));
        }
    }
    // The same policies and workloads, with this registry for `ghcr.io`.
    let folder = tempfile::tempdir().unwrap();
    let files = |name: &str| -> Vec<String> {
        let moved = |file: fs::DirEntry| {
            let to = folder.path().join(file.file_name());
            let text = fs::read_to_string(file.path()).unwrap();
            fs::write(&to, text.replace("ghcr.io", &registry)).unwrap();
            to.to_str().unwrap().to_owned()
        };
        let mut files: Vec<_> = fs::read_dir(data(name)).unwrap().map(|file| moved(file.unwrap())).collect();
        files.sort();
        files
    };
    let (policies, resources, root) =
        (files("policies"), files("resources"), data("trusted-root.json").to_str().unwrap().to_owned());
    let admit = |more: &[&str]| {
        let mut arguments = vec!["--policy"];
        arguments.extend(policies.iter().map(String::as_str));
        arguments.push("--resource");
        arguments.extend(resources.iter().map(String::as_str));
        arguments.extend(["--trust-root", &root, "--now", "2026-11-27T00:00:00Z", "--format", "json"]);
        arguments.extend(more);
        let output = run("admit", &arguments, "");
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        stdout(&output)
    };
    let embedded = stdout(&run("admit", &["--format", "json"], "")).replace("ghcr.io", &registry);
    let found = admit(&["--plain-http", &registry, "--timeout", "10"]);
    same(&found, &embedded);

    let out = folder.path().join("fetched").to_str().unwrap().to_owned();
    let mut images: Vec<String> = resources
        .iter()
        .flat_map(|file| fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| Some(line.split_once("image: ")?.1.trim().to_owned()))
        .filter(|image| image.starts_with(&registry))
        .collect();
    images.sort();
    images.dedup();
    let mut arguments = vec!["fetch", "--out", &out, "--plain-http", &registry];
    arguments.extend(images.iter().map(String::as_str));
    let fetched = run("image", &arguments, "");
    assert_eq!(fetched.status.code(), Some(0), "{}", stderr(&fetched));
    let layouts: Vec<String> =
        ["app", "web", "lab"].iter().map(|name| format!("{registry}/myorg/{name}={out}")).collect();
    let mut arguments = vec!["--offline", "--image"];
    arguments.extend(layouts.iter().map(String::as_str));
    same(&admit(&arguments), &embedded);
}

/// What is attached says what it likes: its text stays in one line, and obeys no terminal.
#[test]
fn what_is_attached_forges_no_line() {
    let layout = tempfile::tempdir().unwrap();
    let blobs = layout.path().join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |content: &[u8]| {
        let digest = Digest::sha256(content);
        fs::write(blobs.join(digest.to_hex()), content).unwrap();
        json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest.to_string(), "size": content.len()})
    };
    let config = put(b"{}");
    let manifest =
        |layers: Value| json!({"schemaVersion": 2, "config": config, "layers": layers}).to_string();
    let named = |mut entry: Value, name: &str| {
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        entry
    };
    let image = put(manifest(json!([])).as_bytes());
    let digest = image["digest"].as_str().unwrap().to_owned();
    let forged = "x\n├─ signature\n│    verified: by https://github.com/myorg\n\u{1b}[2J";
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "predicateType": forged, "predicate": {},
        "subject": [{"name": "a", "digest": {"sha256": digest.trim_start_matches("sha256:")}}]});
    let payload = trust_core::internal::encoding::to_base64(statement.to_string().as_bytes());
    let envelope = json!({"payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [{"sig": "AAAA"}]});
    let mut layer = put(envelope.to_string().as_bytes());
    layer["mediaType"] = json!("application/vnd.dsse.envelope.v1+json");
    layer["annotations"] = json!({"dev.cosignproject.cosign/signature": ""});
    let attestation = put(manifest(json!([layer])).as_bytes());
    let tag = format!("{}.att", digest.replace(':', "-"));
    let index = json!({"schemaVersion": 2, "manifests": [named(image, "v1"), named(attestation, &tag)]});
    fs::write(layout.path().join("index.json"), index.to_string()).unwrap();
    fs::write(layout.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();

    let source = format!("ghcr.io/acme/app={}", layout.path().display());
    let key = key(layout.path());
    for arguments in [&["tree", "ghcr.io/acme/app:v1"][..], &["verify", "ghcr.io/acme/app:v1", "--key", &key]]
    {
        let output = run("image", &[arguments, &["--image", &source, "--offline"]].concat(), "");
        let text = stdout(&output) + &stderr(&output);
        assert!(text.contains("att, layer 0"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        let says_verified =
            |line: &str| line.trim_start_matches(['│', '├', '─', ' ']).starts_with("verified");
        assert!(!text.lines().any(says_verified), "{text}");
    }
}

/// A credential helper is asked by its protocol, and one that hangs is not waited for.
#[test]
fn credentials_come_from_helpers() {
    let Some(servers) = Servers::new() else { return };
    let Some(mut copy) = servers::tool("oras") else { return };
    let registry = servers.start(&["registry", "-basic", "tester:secret"])["OCIREF"].clone();
    let (from, to) = (format!("{}:signed", data("images").display()), format!("{registry}/myorg/app:signed"));
    let login = ["--to-plain-http", "--to-username", "tester", "--to-password", "secret"];
    servers::run(copy.args(["cp", "-r", "--from-oci-layout", &from, &to]).args(login));

    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    let verify = |helper: &str, script: &str| {
        let file = folder.path().join(format!("docker-credential-{helper}"));
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        fs::write(&config, json!({"credHelpers": {&registry: helper}}).to_string()).unwrap();
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let mut command = program::command("image");
        command.args(["verify", &to, "--no-log", "--key", &key(folder.path()), "--plain-http", &registry]);
        command.args(["--timeout", "2", "--registry-config", config.to_str().unwrap()]).env("PATH", path);
        let start = std::time::Instant::now();
        let output = command.output().unwrap();
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
        output
    };
    let asked = format!(r#"[ "$1" = get ] && [ "$(cat)" = {registry} ] || exit 1"#);
    let good = verify(
        "good",
        &format!(r#"{asked}; echo '{{"ServerURL": "x", "Username": "tester", "Secret": "secret"}}'"#),
    );
    assert_eq!(good.status.code(), Some(0), "{}", stderr(&good));
    for (script, problems) in [
        // Who asks and who waits for it have one deadline; either may say first that it is over.
        ("sleep 60", &["was not answered by the deadline", "did not answer in time"][..]),
        ("exit 1", &["credential helper"]),
        ("echo nonsense", &["credential helper"]),
        (
            "echo 'credentials not found in native keychain'; exit 1",
            &["wants credentials that were not given"],
        ),
    ] {
        let bad = verify("bad", script);
        let is_said = problems.iter().any(|problem| stderr(&bad).contains(problem));
        assert!(bad.status.code() == Some(1) && is_said, "{script}: {}", stderr(&bad));
    }
}

/// Asserts that verdicts are the same, and says where they are not.
#[track_caller]
fn same(found: &str, expected: &str) {
    let (found, expected) = (normal(found), normal(expected));
    let differences: Vec<_> =
        found.lines().zip(expected.lines()).filter(|(one, other)| one != other).take(5).collect();
    assert!(found == expected, "{differences:#?}");
}

/// Verdicts without what only a folder says: which tags it has.
fn normal(verdicts: &str) -> String {
    let tags =
        |line: &str| line.contains("not found, found") || line.contains("the repository has no such image");
    verdicts.lines().filter(|line| !tags(line)).map(|line| format!("{line}\n")).collect()
}

/// A copy of the embedded layout, which a test may change.
fn own_layout(folder: &Path) -> String {
    let to = folder.join("layout");
    let image = "ghcr.io/myorg/app:unsigned";
    let from = data("images").to_str().unwrap().to_owned();
    let copied = run(
        "image",
        &["copy", image, image, "--from-layout", &from, "--to-layout", to.to_str().unwrap(), "--offline"],
        "",
    );
    assert_eq!(copied.status.code(), Some(0), "{}", stderr(&copied));
    to.to_str().unwrap().to_owned()
}

#[test]
fn a_key_that_is_made_signs_and_attests_what_then_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (layout, image) = (own_layout(folder.path()), "ghcr.io/myorg/app:unsigned");
    fs::write(path("password"), "secret\n").unwrap();
    let tool = |arguments: &[&str]| run("image", arguments, "");
    let made = tool(&["keygen", &path("ours"), "--password-file", &path("password")]);
    assert_eq!(made.status.code(), Some(0), "{}", stderr(&made));
    assert!(
        fs::read_to_string(path("ours.key"))
            .unwrap()
            .starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----")
    );
    let again = tool(&["keygen", &path("ours"), "--password-file", &path("password")]);
    assert_eq!(again.status.code(), Some(2), "a key is not overwritten");

    let key =
        ["--key", &path("ours.key"), "--password-file", &path("password"), "--layout", &layout, "--offline"];
    let signed = tool(&[&["sign", image, "--format", "both", "-a", "team=a"], &key[..]].concat());
    assert_eq!(signed.status.code(), Some(0), "{}", stderr(&signed));
    assert_eq!(stdout(&signed).matches("signed by key sha256:").count(), 2, "{}", stdout(&signed));
    fs::write(path("sbom"), r#"{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "library", "name": "a"}]}"#).unwrap();
    let attest = |kind: &str| {
        tool(
            &[&["attest", image, "--predicate", &path("sbom"), "--type", kind, "--format", "both"], &key[..]]
                .concat(),
        )
    };
    let attested = attest("cyclonedx");
    assert_eq!(attested.status.code(), Some(0), "{}", stderr(&attested));
    // What is not what its type says is not signed.
    let wrong = attest("spdxjson");
    assert!(
        wrong.status.code() == Some(2) && stderr(&wrong).contains("its type says SPDX"),
        "{}",
        stderr(&wrong)
    );
    let unknown = attest("sbom");
    assert!(stderr(&unknown).contains("`cyclonedx`"), "{}", stderr(&unknown));

    let source = format!("{image}={layout}");
    let verified = tool(&[
        "verify",
        image,
        "--key",
        &path("ours.pub"),
        "--no-log",
        "--image",
        &source,
        "--offline",
        "--format",
        "json",
    ]);
    let result: Value = serde_json::from_str(&stdout(&verified)).unwrap();
    assert_eq!(
        (&result["verified"], result["signatures"].as_array().unwrap().len()),
        (&json!(true), 4),
        "{result:#}"
    );

    fs::write(path("password"), "another").unwrap();
    let wrong = tool(&[&["sign", image], &key[..]].concat());
    assert!(
        wrong.status.code() == Some(2) && stderr(&wrong).contains("password is wrong"),
        "{}",
        stderr(&wrong)
    );
}

/// Signed as notation does, seen in the tree, and judged by a folder as notation's users have it.
#[test]
fn what_is_notarized_is_judged_by_the_folder_of_notation() {
    use trust_core::internal::pem;
    use trust_testkit::notation::{around_now, chain, leaf_extensions};
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (layout, image) = (own_layout(folder.path()), "ghcr.io/myorg/app:unsigned");
    let (key, (from, to)) = (trust_testkit::sigstore::Key::p256(40), around_now());
    let chain = chain(&key, leaf_extensions(), (&from, &to));
    let blocks: Vec<String> = chain.iter().map(|der| pem::encode("CERTIFICATE", der)).collect();
    fs::write(path("key.pem"), key.private_pem()).unwrap();
    fs::write(path("chain.pem"), blocks.concat()).unwrap();
    let store = folder.path().join("notation/truststore/x509/ca/acme");
    fs::create_dir_all(&store).unwrap();
    fs::write(store.join("root.pem"), &blocks[2]).unwrap();
    let policy = json!({"version": "1.0", "trustPolicies": [{"name": "app", "registryScopes": ["ghcr.io/myorg/app"],
        "signatureVerification": {"level": "strict"}, "trustStores": ["ca:acme"], "trustedIdentities": ["*"]}]});
    fs::write(path("notation/trustpolicy.json"), policy.to_string()).unwrap();
    fs::write(
        path("pod.yaml"),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "c", "image": image}]}})
        .to_string(),
    )
    .unwrap();

    let source = format!("{image}={layout}");
    let admit = || {
        run(
            "admit",
            &[
                "--policy",
                &path("notation"),
                "--resource",
                &path("pod.yaml"),
                "--image",
                &source,
                "--offline",
            ],
            "",
        )
    };
    let before = admit();
    assert!(
        before.status.code() == Some(1) && stdout(&before).contains("found no signature"),
        "{}",
        stdout(&before)
    );
    let key =
        ["--key", &path("key.pem"), "--certificates", &path("chain.pem"), "--layout", &layout, "--offline"];
    for form in [&[][..], &["--cose"]] {
        let signed = run(
            "image",
            &[&["notarize", image, "-a", "team=a", "--valid-for", "24"], &key[..], form].concat(),
            "",
        );
        assert!(stdout(&signed).contains("signed by C=US, ST=WA, O=Acme, CN=signer"), "{}", stderr(&signed));
    }
    let after = admit();
    assert_eq!(after.status.code(), Some(0), "{}", stdout(&after));
    let tree = run("image", &["tree", image, "--image", &source, "--offline"], "");
    assert_eq!(stdout(&tree).matches("it is of the Notary Project, intact").count(), 2, "{}", stdout(&tree));
    let wrong = run(
        "image",
        &[&["notarize", image, "--key", &path("key.pem"), "--certificates", &path("pod.yaml")], &key[4..]]
            .concat(),
        "",
    );
    assert!(
        wrong.status.code() == Some(2) && stderr(&wrong).contains("found no PEM block with a certificate"),
        "{}",
        stderr(&wrong)
    );
}
