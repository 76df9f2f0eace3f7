//! [`Credentials`]: who asks a registry.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use trust_core::internal::{canonical_registry, encoding, json};
use trust_core::{Digest, ImageRef, Reasons};

use crate::deadline::{Boxed, Deadline};

/// The most that a configuration, or the answer of a helper, has.
const MAX_LEN: usize = 1 << 20;
/// How long a helper may take.
const HELPER_TIMEOUT: Duration = Duration::from_secs(5);
/// By which Docker's own tools know Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// Where the credentials for a registry are found.
pub trait Credentials: core::fmt::Debug + Send + Sync {
    /// Those for the registry and repository of `image`; `None` if there are none, so it is asked without.
    ///
    /// # Errors
    /// If that cannot be known. The registry is not asked then.
    fn credential<'a>(
        &'a self,
        image: &'a ImageRef,
        until: Deadline,
    ) -> Boxed<'a, Result<Option<Credential>, CredentialError>>;
}

/// A secret by which a registry, or who hands out its tokens, knows a user.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// User name and password.
    Password {
        /// The name.
        user: String,
        /// The password, or a token in its place.
        password: String,
    },
    /// A refresh token of OAuth 2, which helpers call identity token.
    IdentityToken(String),
}

/// Without the secret.
impl core::fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Password { user, .. } => write!(formatter, "password of `{user}`"),
            Self::IdentityToken(_) => formatter.write_str("identity token"),
        }
    }
}

impl Credential {
    /// By which caches tell users apart.
    pub(super) fn fingerprint(&self) -> Digest {
        Digest::sha256(
            match self {
                Self::Password { user, password } => format!("{}:{user}{password}", user.len()),
                Self::IdentityToken(token) => format!("token:{token}"),
            }
            .as_bytes(),
        )
    }

    /// The value of the header `Authorization`, of a password.
    pub(super) fn basic(&self) -> Option<String> {
        match self {
            Self::Password { user, password } => {
                Some(format!("Basic {}", encoding::to_base64(format!("{user}:{password}").as_bytes())))
            }
            Self::IdentityToken(_) => None,
        }
    }
}

/// The credentials cannot be found out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The configuration is not as Docker writes it.
    #[error("registry configuration is malformed: {problem}")]
    Malformed {
        /// What was found and expected.
        problem: String,
    },
    /// The file cannot be read.
    #[error("registry configuration cannot be read: {problem}")]
    Unreadable {
        /// Why not.
        problem: String,
    },
    /// The helper failed.
    #[error("credential helper `{helper}` failed: {problem}")]
    Helper {
        /// Its name.
        helper: String,
        /// What happened.
        problem: String,
    },
}

/// No credentials.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anonymous;

impl Credentials for Anonymous {
    fn credential<'a>(
        &'a self,
        _: &'a ImageRef,
        _: Deadline,
    ) -> Boxed<'a, Result<Option<Credential>, CredentialError>> {
        Box::pin(async { Ok(None) })
    }
}

/// Docker's `config.json`: passwords in it, and the helpers that it names
/// ([format](https://docs.docker.com/reference/cli/docker/login/#credential-stores)).
#[derive(Clone, Debug, Default)]
pub struct DockerConfig {
    auths: Auths,
    /// Helpers by registry.
    helpers: BTreeMap<String, String>,
    /// The helper for all others.
    store: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    auths: BTreeMap<String, WireAuth>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
struct WireAuth {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
}

impl DockerConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// If it is malformed, or names a helper that cannot be one.
    pub fn from_json(bytes: &[u8]) -> Result<Self, CredentialError> {
        let wire: Wire = read(bytes)?;
        for helper in wire.cred_helpers.values().chain(&wire.creds_store) {
            check_helper(helper)?;
        }
        let helpers = wire.cred_helpers.into_iter().map(|(key, helper)| (Key::parse(&key).host, helper));
        Ok(Self {
            auths: Auths::read(wire.auths)?,
            helpers: helpers.collect(),
            store: wire.creds_store.filter(|store| !store.is_empty()),
        })
    }

    /// Reads the file, or takes one that is not there for an empty one.
    ///
    /// # Errors
    /// If it cannot be read, or is malformed.
    pub fn open(file: &Path) -> Result<Self, CredentialError> {
        match std::fs::read(file) {
            Ok(bytes) => Self::from_json(&bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => {
                let problem = format!("{}: {error}", file.display());
                Err(CredentialError::Unreadable { problem })
            }
        }
    }
}

impl Credentials for DockerConfig {
    fn credential<'a>(
        &'a self,
        image: &'a ImageRef,
        until: Deadline,
    ) -> Boxed<'a, Result<Option<Credential>, CredentialError>> {
        Box::pin(async move {
            let helper = self.helpers.get(image.registry());
            if let (None, Some(found)) = (helper, self.auths.find(image)) {
                return Ok(Some(found.clone()));
            }
            let Some(helper) = helper.or(self.store.as_ref()).cloned() else { return Ok(None) };
            let registry = image.registry();
            let server = if registry == "docker.io" { DOCKER_HUB_KEY } else { registry }.to_owned();
            let until = until.at_most(HELPER_TIMEOUT);
            let failed = |problem: String| CredentialError::Helper { helper: helper.clone(), problem };
            let name = helper.clone();
            let ask = tokio::task::spawn_blocking(move || ask_helper(&name, &server, until));
            ask.await.map_err(|error| failed(error.to_string()))?.map_err(failed)
        })
    }
}

/// Pull secrets of Kubernetes (`kubernetes.io/dockerconfigjson`), in the order in which they apply. Nothing in them is run.
#[derive(Clone, Debug, Default)]
pub struct PullSecrets {
    secrets: Vec<Auths>,
}

impl PullSecrets {
    /// Adds the bytes of `.dockerconfigjson`. Helpers are ignored: a secret of a namespace starts no program here.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), CredentialError> {
        let wire: Wire = read(bytes)?;
        self.secrets.push(Auths::read(wire.auths)?);
        Ok(())
    }
}

impl Credentials for PullSecrets {
    fn credential<'a>(
        &'a self,
        image: &'a ImageRef,
        _: Deadline,
    ) -> Boxed<'a, Result<Option<Credential>, CredentialError>> {
        let found = self.secrets.iter().find_map(|secret| secret.find(image)).cloned();
        Box::pin(async { Ok(found) })
    }
}

/// One credential, for one registry.
#[derive(Clone, Debug)]
pub struct ForRegistry {
    registry: String,
    credential: Credential,
}

impl ForRegistry {
    /// `registry` is a host, with its port if it has one.
    #[must_use]
    pub fn new(registry: &str, credential: Credential) -> Self {
        Self { registry: canonical_registry(registry), credential }
    }
}

impl Credentials for ForRegistry {
    fn credential<'a>(
        &'a self,
        image: &'a ImageRef,
        _: Deadline,
    ) -> Boxed<'a, Result<Option<Credential>, CredentialError>> {
        let found = (image.registry() == self.registry).then(|| self.credential.clone());
        Box::pin(async { Ok(found) })
    }
}

/// Credentials by registry, or by a part of its repositories.
#[derive(Clone, Debug, Default)]
struct Auths(Vec<(Key, Credential)>);

impl Auths {
    fn read(wire: BTreeMap<String, WireAuth>) -> Result<Self, CredentialError> {
        let mut auths = Vec::new();
        for (key, auth) in wire {
            if let Some(credential) = auth.credential(&key)? {
                auths.push((Key::parse(&key), credential));
            }
        }
        Ok(Self(auths))
    }

    /// The most specific that applies.
    fn find(&self, image: &ImageRef) -> Option<&Credential> {
        let applying = self.0.iter().filter(|(key, _)| key.applies_to(image));
        applying.max_by_key(|(key, _)| (key.path.len(), !key.host.contains('*'))).map(|(_, found)| found)
    }
}

/// What a credential is for: `registry.example`, `https://index.docker.io/v1/`, `*.example/team`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    /// In canonical form; `*` stands for one label, as in pull secrets.
    host: String,
    /// Empty, or the first parts of the repository.
    path: String,
}

impl Key {
    fn parse(text: &str) -> Self {
        let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        let (host, path) = text.split_once('/').unwrap_or((text, ""));
        let path = path.trim_matches('/');
        // What `docker login` writes for API versions of registries is no repository.
        let path = if matches!(path, "v1" | "v2") { "" } else { path };
        Self { host: canonical_registry(host), path: path.to_owned() }
    }

    fn applies_to(&self, image: &ImageRef) -> bool {
        let (ours, theirs): (Vec<_>, Vec<_>) =
            (self.host.split('.').collect(), image.registry().split('.').collect());
        let is_host =
            ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(our, their)| matches(our, their));
        let rest = image.repository().strip_prefix(self.path.as_str());
        is_host && rest.is_some_and(|rest| self.path.is_empty() || rest.is_empty() || rest.starts_with('/'))
    }
}

/// Whether a label is one of a pattern, in which `*` stands for any text.
fn matches(pattern: &str, label: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == label,
        Some((start, end)) => {
            label.len() >= start.len() + end.len() && label.starts_with(start) && label.ends_with(end)
        }
    }
}

impl WireAuth {
    fn credential(self, key: &str) -> Result<Option<Credential>, CredentialError> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Credential::IdentityToken(self.identitytoken)));
        }
        if !self.auth.is_empty() {
            let malformed = || CredentialError::Malformed {
                problem: format!("`auth` of `{key}` is not `user:password` in base64"),
            };
            let decoded = encoding::from_base64(&self.auth).ok_or_else(malformed)?;
            let text = String::from_utf8(decoded).map_err(|_| malformed())?;
            let (user, password) = text.split_once(':').ok_or_else(malformed)?;
            // Docker ends passwords of old files with NUL.
            let password = password.trim_end_matches('\0');
            return Ok(Some(Credential::Password { user: user.to_owned(), password: password.to_owned() }));
        }
        let has_user = !self.username.is_empty();
        Ok(has_user.then_some(Credential::Password { user: self.username, password: self.password }))
    }
}

fn read(bytes: &[u8]) -> Result<Wire, CredentialError> {
    let malformed = |problem: String| CredentialError::Malformed { problem };
    if bytes.len() > MAX_LEN {
        return Err(malformed(format!("it has {} bytes, expected at most {MAX_LEN}", bytes.len())));
    }
    json::from_slice(bytes).map_err(|error| malformed(Reasons(&error).to_string()))
}

/// A helper is the end of a program's name: nothing that a shell or a path could take for more.
fn check_helper(name: &str) -> Result<(), CredentialError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.bytes().all(is_plain) && !name.starts_with(['-', '.']) {
        return Ok(());
    }
    let problem = format!("found helper `{name}`, expected letters, digits, `-`, `_` and `.`");
    Err(CredentialError::Malformed { problem })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks a helper by its protocol ([docker-credential-helpers](https://github.com/docker/docker-credential-helpers)).
fn ask_helper(name: &str, server: &str, until: Deadline) -> Result<Option<Credential>, String> {
    let mut child = Command::new(format!("docker-credential-{name}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that reads nothing is no error.
        let _ = input.write_all(server.as_bytes());
    }
    let output = child.stdout.take();
    let (sender, text) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        output.map(|output| output.take(MAX_LEN as u64).read_to_end(&mut text));
        sender.send(text)
    });
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break status;
        }
        if until.is_past() {
            let _ = child.kill();
            let _ = child.wait();
            return Err("it did not answer in time".to_owned());
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    // Something that it started may hold its output open.
    let late = |_| "it did not answer in time".to_owned();
    let text = text.recv_timeout(until.left().unwrap_or(HELPER_TIMEOUT)).map_err(late)?;
    if !status.success() {
        let text = String::from_utf8_lossy(&text);
        let is_absent = text.contains("credentials not found");
        return if is_absent { Ok(None) } else { Err(format!("{status}: {}", text.trim())) };
    }
    let answer: Answer = json::from_slice(&text).map_err(|error| Reasons(&error).to_string())?;
    Ok(Some(match answer.username.as_str() {
        "<token>" => Credential::IdentityToken(answer.secret),
        _ => Credential::Password { user: answer.username, password: answer.secret },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::block_on;

    fn password(user: &str) -> Option<Credential> {
        Some(Credential::Password { user: user.to_owned(), password: "p".to_owned() })
    }

    fn find(credentials: &dyn Credentials, image: &str) -> Option<Credential> {
        block_on(credentials.credential(&image.parse().unwrap(), Deadline::never())).unwrap()
    }

    #[test]
    fn the_most_specific_credential_is_taken() {
        let auth =
            |user: &str| format!(r#"{{"auth": "{}"}}"#, encoding::to_base64(format!("{user}:p").as_bytes()));
        let config = format!(
            r#"{{"auths": {{"https://index.docker.io/v1/": {}, "ghcr.io": {}, "ghcr.io/acme": {}, "*.example.com": {},
            "http://r.example:5000/v2/": {}, "named.example": {{"username": "named", "password": "p"}},
            "token.example": {{"identitytoken": "t", "auth": "eDo="}}, "empty.example": {{}}}}}}"#,
            auth("hub"),
            auth("any"),
            auth("acme"),
            auth("glob"),
            auth("port"),
        );
        let mut secrets = PullSecrets::default();
        secrets.add(br#"{"auths": {}}"#).unwrap();
        secrets.add(config.as_bytes()).unwrap();
        let docker = DockerConfig::from_json(config.as_bytes()).unwrap();
        for (image, expected) in [
            ("nginx", password("hub")),
            ("index.docker.io/a/b", password("hub")),
            ("ghcr.io/acme/app", password("acme")),
            ("ghcr.io/acme", password("acme")),
            ("ghcr.io/acmeevil/app", password("any")),
            ("r.example.com/a", password("glob")),
            ("deep.r.example.com/a", None),
            ("example.com/a", None),
            ("r.example:5000/a", password("port")),
            ("r.example/a", None),
            ("named.example/a", password("named")),
            ("token.example/a", Some(Credential::IdentityToken("t".to_owned()))),
            ("empty.example/a", None),
            ("quay.io/a", None),
        ] {
            assert_eq!(find(&docker, image), expected, "{image}");
            assert_eq!(find(&secrets, image), expected, "{image}");
        }
        let one = ForRegistry::new("GHCR.io:443", password("me").unwrap());
        assert_eq!((find(&one, "ghcr.io/a"), find(&one, "quay.io/a")), (password("me"), None));
    }

    #[test]
    fn what_is_no_configuration_is_refused_and_secrets_are_not_shown() {
        let refused = |config: &str| DockerConfig::from_json(config.as_bytes()).unwrap_err().to_string();
        for (config, problem) in [
            ("", "malformed"),
            (r#"{"auths": []}"#, "malformed"),
            (r#"{"auths": {"a": {"auth": "!"}}}"#, "`auth` of `a` is not `user:password` in base64"),
            (r#"{"auths": {"a": {"auth": "YQ=="}}}"#, "`auth` of `a` is not `user:password` in base64"),
            (r#"{"credsStore": "../evil"}"#, "found helper `../evil`"),
            (r#"{"credHelpers": {"a": "x; rm"}}"#, "found helper `x; rm`"),
            (r#"{"credsStore": "-x"}"#, "found helper `-x`"),
        ] {
            assert!(refused(config).contains(problem), "{config}: {}", refused(config));
        }
        let shown =
            format!("{:?} {:?}", password("me").unwrap(), Credential::IdentityToken("secret".to_owned()));
        assert_eq!(shown, "password of `me` identity token");
        // A secret of a namespace starts no program.
        let mut secrets = PullSecrets::default();
        secrets.add(br#"{"credsStore": "desktop", "credHelpers": {"ghcr.io": "x"}}"#).unwrap();
        assert_eq!(find(&secrets, "ghcr.io/a"), None);
    }
}
