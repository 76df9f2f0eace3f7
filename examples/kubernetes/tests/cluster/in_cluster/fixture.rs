//! A cluster of real parts: an API server, a registry, images that cosign signed, and the two programs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trust_testkit::servers::{Servers, run, tool};

const EXAMPLE: &str = env!("CARGO_MANIFEST_DIR");

/// Waits for what comes soon.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, seconds: u64, mut find: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(seconds), "not within {seconds} s: {what}");
        sleep(Duration::from_millis(100));
    }
}

/// How many seconds something may take that is judged by fresh evidence: what is listed is remembered for half a minute.
pub(crate) const SOON: u64 = 60;

/// Waits until something is as expected.
#[track_caller]
pub(crate) fn settles(what: &str, expected: &[&str], find: impl Fn() -> Vec<String>) {
    let start = Instant::now();
    loop {
        let found = find();
        if found == expected {
            return;
        }
        assert!(start.elapsed().as_secs() < SOON, "{what}: expected {expected:?}, found {found:?}");
        sleep(Duration::from_millis(200));
    }
}

/// An address at which nothing listens.
pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

pub(crate) struct Cluster {
    servers: Servers,
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
    pub(crate) registry: String,
    authority: String,
}

/// A program that runs; it is killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    lines: std::path::PathBuf,
    pub(crate) address: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.lines.with_extension("log")).unwrap()
    }

    /// Asks it to end, as Kubernetes does, and waits for that.
    pub(crate) fn end(mut self) {
        run(Command::new("kill").arg(self.child.id().to_string()));
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }
}

impl Cluster {
    /// `None` where there are no servers. `arguments` are those of the API server.
    pub(crate) fn new(arguments: &[&str]) -> Option<Self> {
        let servers = Servers::new()?;
        for name in ["kubectl", "cosign", "crane", "oras"] {
            tool(name)?;
        }
        let folder = tempfile::tempdir().unwrap();
        let environment = servers.start(&[&["apiserver"], arguments].concat());
        let registry = servers.start(&["registry"])["OCIREF"].clone();
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        fs::write(folder.path().join("tls.crt"), made.cert.pem()).unwrap();
        fs::write(folder.path().join("tls.key"), made.signing_key.serialize_pem()).unwrap();
        let authority = trust_core::internal::encoding::to_base64(made.cert.pem().as_bytes());
        let cluster = Self { servers, folder, environment, registry, authority };
        for key in ["release", "other"] {
            cluster.tool("cosign", &["generate-key-pair", "--output-key-prefix", key]);
        }
        cluster.tool("cosign", &["signing-config", "create", "--out", "keyed.json"]);
        cluster.succeeds(&["apply", "-f", &format!("{EXAMPLE}/crds.json")], None);
        cluster.succeeds(&["create", "namespace", "trust-system"], None);
        for name in ["imagetrustpolicies", "trustroots", "workloadrecords", "workloadadmissions"] {
            let name = format!("crd/{name}.trust.dev");
            cluster.succeeds(&["wait", "--for=condition=Established", &name, "--timeout=20s"], None);
        }
        Some(cluster)
    }

    pub(crate) fn tool(&self, name: &str, arguments: &[&str]) -> String {
        let mut command = tool(name).unwrap();
        let home = self.folder.path();
        command.args(arguments).current_dir(home).env("COSIGN_PASSWORD", "x");
        run(command.env("XDG_CONFIG_HOME", home).env("DOCKER_CONFIG", home))
    }

    /// The events that the program of this name told.
    pub(crate) fn events(&self, program: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(program)).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What the watches of these names told of a kind of finding, in order. A watch that was killed between telling and writing that
    /// down is followed by one that tells it again, with the same id.
    pub(crate) fn told(&self, watches: &[&str], kind: &str) -> Vec<Value> {
        let events =
            watches.iter().filter(|name| self.path(name).exists()).flat_map(|name| self.events(name));
        let mut events: Vec<Value> = events.filter(|event| event["finding"]["kind"] == kind).collect();
        let key = |event: &Value| (event["time"].to_string(), event["id"].to_string());
        events.sort_by_key(key);
        events.dedup_by_key(|event| key(event));
        events
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Puts one of the repository's images there, and returns its digest.
    pub(crate) fn push(&self, from: &str, reference: &str) -> String {
        let layout = format!("{EXAMPLE}/../data/images:{from}");
        let image = format!("{}/{reference}", self.registry);
        self.tool("oras", &["cp", "--from-oci-layout", &layout, "--to-plain-http", &image]);
        self.tool("crane", &["digest", "--insecure", &image]).trim().to_owned()
    }

    pub(crate) fn sign(&self, key: &str, repository: &str, digest: &str) {
        let (image, key) = (format!("{}/{repository}@{digest}", self.registry), format!("{key}.key"));
        let common = ["--yes", "--allow-http-registry", "--key", &key, "--signing-config", "keyed.json"];
        self.tool("cosign", &[&["sign"], &common[..], &[&image]].concat());
    }

    pub(crate) fn attest(&self, key: &str, repository: &str, digest: &str, kind: &str, predicate: &Value) {
        fs::write(self.path("predicate.json"), predicate.to_string()).unwrap();
        let (image, key) = (format!("{}/{repository}@{digest}", self.registry), format!("{key}.key"));
        let common = ["--yes", "--allow-http-registry", "--key", &key, "--signing-config", "keyed.json"];
        let about = ["--type", kind, "--predicate", "predicate.json", &image];
        self.tool("cosign", &[&["attest"], &common[..], &about].concat());
    }

    /// Lets the registry misbehave, or behave again.
    pub(crate) fn fault(&self, rule: Option<&str>) {
        let url = format!("http://{}/_ociref/faults", self.registry);
        match rule {
            Some(rule) => run(Command::new("curl").args(["-sf", "--data-binary", rule, &url])),
            None => run(Command::new("curl").args(["-sf", "-X", "DELETE", &url])),
        };
    }

    /// Deletes a manifest.
    pub(crate) fn delete(&self, repository: &str, reference: &str) {
        let url = format!("http://{}/v2/{repository}/manifests/{reference}", self.registry);
        run(Command::new("curl").args(["-sf", "-X", "DELETE", &url]));
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let url = format!("http://{}{path}", self.registry);
        serde_json::from_str(&run(Command::new("curl").args(["-sf", &url]))).unwrap()
    }

    pub(crate) fn kubectl_with(&self, arguments: &[&str], input: Option<&Value>) -> (bool, String) {
        let mut command = tool("kubectl").unwrap();
        command.args(arguments).envs(&self.environment);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        if let Some(input) = input {
            stdin.write_all(input.to_string().as_bytes()).unwrap();
        }
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// What kubectl says, and whether it succeeded.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> (bool, String) {
        self.kubectl_with(arguments, None)
    }

    #[track_caller]
    pub(crate) fn succeeds(&self, arguments: &[&str], input: Option<&Value>) -> String {
        let (is_success, text) = self.kubectl_with(arguments, input);
        assert!(is_success, "{arguments:?}: {text}");
        text
    }

    #[track_caller]
    pub(crate) fn create(&self, object: &Value) {
        self.succeeds(&["create", "-f", "-"], Some(object));
    }

    /// Defines a kind of objects that may hold anything.
    #[track_caller]
    pub(crate) fn define(&self, group: &str, plural: &str, kind: &str, scope: &str, version: &str) {
        let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        self.create(&json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.{group}")}, "spec": {"group": group, "scope": scope,
            "names": {"kind": kind, "plural": plural}, "versions": [{"name": version, "served": true, "storage": true,
            "schema": {"openAPIV3Schema": any}}]}}));
    }

    #[track_caller]
    pub(crate) fn apply(&self, object: &Value) {
        self.succeeds(&["apply", "-f", "-"], Some(object));
    }

    /// Why an object is not created.
    #[track_caller]
    pub(crate) fn refused(&self, object: &Value) -> String {
        let (is_success, text) = self.kubectl_with(&["create", "-f", "-"], Some(object));
        assert!(!is_success, "it is created: {text}");
        text
    }

    #[track_caller]
    pub(crate) fn object(&self, arguments: &[&str]) -> Value {
        let text = self.succeeds(&[&["get", "-o", "json"], arguments].concat(), None);
        serde_json::from_str(&text).unwrap()
    }

    #[track_caller]
    pub(crate) fn patch(&self, arguments: &[&str], patch: &Value) {
        let patch = patch.to_string();
        self.succeeds(&[&["patch", "--type=merge", "-p", &patch], arguments].concat(), None);
    }

    /// What a node says that a container runs.
    pub(crate) fn runs(&self, pod: &str, image_id: &str) {
        let status = json!({"status": {"phase": "Running", "containerStatuses": [{"name": "c", "image": "x", "imageID": image_id,
            "ready": true, "restartCount": 0, "state": {"running": {}}}]}});
        self.patch(&["pod", pod, "--subresource=status"], &status);
    }

    fn start(
        &self,
        program: &str,
        name: &str,
        address: &str,
        arguments: &[&str],
        config: Option<&Path>,
    ) -> Program {
        let lines = self.path(name);
        let mut command = Command::new(program);
        command.args(["--cluster", "test", "--listen", address, "--plain-http", &self.registry]);
        command.args(arguments).envs(&self.environment).env("HOSTNAME", name);
        if let Some(config) = config {
            command.env("KUBECONFIG", config);
        }
        command.stdout(File::options().create(true).append(true).open(&lines).unwrap());
        command.stderr(File::create(lines.with_extension("log")).unwrap());
        Program { child: command.spawn().unwrap(), lines, address: address.to_owned() }
    }

    /// Whether a program says that it lives (`healthz`), or is ready (`readyz`).
    pub(crate) fn says(program: &Program, scheme: &str, route: &str) -> bool {
        let url = format!("{scheme}://{}/{route}", program.address);
        Command::new("curl").args(["-skf", &url]).output().unwrap().status.success()
    }

    /// Starts a webhook, without waiting until it is ready.
    pub(crate) fn webhook_starts(
        &self,
        name: &str,
        address: &str,
        arguments: &[&str],
        config: Option<&Path>,
    ) -> Program {
        let tls = self.folder.path().display().to_string();
        let program = env!("CARGO_BIN_EXE_trust-webhook");
        self.start(program, name, address, &[&["--tls", &tls], arguments].concat(), config)
    }

    #[track_caller]
    pub(crate) fn waits_for(&self, program: &Program, scheme: &str) {
        let start = Instant::now();
        while !Self::says(program, scheme, "readyz") {
            assert!(start.elapsed() < Duration::from_secs(20), "not ready: {}", program.log());
            sleep(Duration::from_millis(50));
        }
    }

    #[track_caller]
    pub(crate) fn webhook(&self, address: &str) -> Program {
        let program = self.webhook_starts("webhook", address, &[], None);
        self.waits_for(&program, "https");
        program
    }

    #[track_caller]
    pub(crate) fn watch(&self, name: &str, arguments: &[&str], config: Option<&Path>) -> Program {
        let program = self.start(env!("CARGO_BIN_EXE_trust-watch"), name, &free_address(), arguments, config);
        self.waits_for(&program, "http");
        program
    }

    /// Lets the API server ask that webhook, and waits until it does.
    #[track_caller]
    pub(crate) fn configure(&self, webhook: &Program, failure_policy: &str) {
        for (kind, path) in
            [("MutatingWebhookConfiguration", "/mutate"), ("ValidatingWebhookConfiguration", "/validate")]
        {
            let text = self.example("webhooks.yaml");
            let documents =
                text.split("\n---\n").filter(|document| document.contains(&format!("kind: {kind}\n")));
            for document in documents {
                let mut object = to_json(document);
                for one in object["webhooks"].as_array_mut().unwrap() {
                    let path = one["clientConfig"]["service"]["path"].as_str().unwrap_or(path).to_owned();
                    let url = format!("https://{}{path}", webhook.address);
                    one["clientConfig"] = json!({"url": url, "caBundle": self.authority});
                    if one["name"] == "images.trust.dev" {
                        one["failurePolicy"] = failure_policy.into();
                    }
                }
                self.apply(&object);
            }
        }
    }

    pub(crate) fn example(&self, name: &str) -> String {
        fs::read_to_string(format!("{EXAMPLE}/{name}")).unwrap()
    }

    /// A policy that wants a signature by this key.
    pub(crate) fn policy(&self, name: &str, key: &str, mode: &str) -> Value {
        let public = fs::read_to_string(self.path(&format!("{key}.pub"))).unwrap();
        json!({"apiVersion": "trust.dev/v1beta1", "kind": "ImageTrustPolicy", "metadata": {"name": name}, "spec": {
            "mode": mode,
            "images": [format!("{}/acme/**", self.registry)],
            "signers": {"release": {"publicKey": public, "transparencyLog": false}},
            "require": {"signatures": {"from": ["release"]}},
        }})
    }

    /// A configuration by which kubectl and the programs are this service account.
    pub(crate) fn config_of(&self, account: &str) -> std::path::PathBuf {
        let token = self.succeeds(&["create", "token", account, "-n", "trust-system"], None);
        let path = self.path(&format!("{account}.config"));
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": self.environment["KUBE_SERVER"], "certificate-authority": self.environment["KUBE_CA"]}}],
            "users": [{"name": "u", "user": {"token": token.trim()}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]});
        fs::write(&path, config.to_string()).unwrap();
        path
    }

    /// Another server of this kind, for as long as the cluster lives.
    pub(crate) fn servers(&self) -> &Servers {
        &self.servers
    }

    pub(crate) fn pod(&self, name: &str, image: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
            "spec": {"containers": [{"name": "c", "image": format!("{}/{image}", self.registry)}]}})
    }
}

/// A document of YAML.
pub(crate) fn to_json(text: &str) -> Value {
    trust_policy::yaml::parse_documents(text).unwrap()[0].to_json()
}
