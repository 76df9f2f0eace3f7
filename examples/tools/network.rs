//! How the tools reach registries and TUF repositories: options, TLS, caches, and a runtime.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Handle, Runtime};
use trust_core::Reasons;
use trust_gate::{
    Cached, Content, CurrentRoot, Deadline, DockerConfig, Http, Paced, Registry, RegistryHost,
    RevocationServices, RootSource, Roots, Transport, TufSource,
};
use url::Url;

use crate::parsed;

/// Bytes that `--cache` keeps.
const CACHE_LEN: u64 = 1 << 30;
/// Bytes that are kept in memory.
const MEMORY_LEN: u64 = 64 << 20;

/// Options of the tools that ask registries.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Network")]
pub struct Network {
    /// Ask no registry
    #[arg(long)]
    pub offline: bool,
    /// Credentials, as `docker login` writes them; without it, Docker's own file
    #[arg(long, value_name = "FILE")]
    registry_config: Option<PathBuf>,
    /// Ask this registry without TLS; it may be at a private address
    #[arg(long, value_name = "HOST", value_parser = host)]
    plain_http: Vec<String>,
    /// Let this registry, OCSP responder or CRL host be at a private address
    #[arg(long, value_name = "HOST", value_parser = host)]
    private: Vec<String>,
    /// Ask the mirror at URL before the registry HOST
    #[arg(long, value_name = "HOST=URL", value_parser = mirror)]
    mirror: Vec<(String, Url)>,
    /// Trust the authorities in this PEM file, too
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Keep what is fetched by digest, and TUF metadata, in this folder
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Seconds until an answer must be there
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT)]
    timeout: u64,
}

/// Options of the tools that trust a root.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Trust")]
pub struct Root {
    /// A trusted_root.json; without it, Sigstore's public-good instance
    #[arg(long, value_name = "FILE")]
    pub trust_root: Option<PathBuf>,
    /// The TUF repository that vouches for the trusted_root.json
    #[arg(long, value_name = "URL", requires = "tuf_root", conflicts_with = "trust_root")]
    pub tuf: Option<Url>,
    /// The repository's first root.json, which nothing proves
    #[arg(long, value_name = "FILE", requires = "tuf")]
    pub tuf_root: Option<PathBuf>,
}

fn host(text: &str) -> Result<String, String> {
    match text.contains('/') {
        true => Err("it is more than a host, expected HOST or HOST:PORT".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn mirror(text: &str) -> Result<(String, Url), String> {
    let (host, url) = text.split_once('=').ok_or("it has no `=`, expected HOST=URL")?;
    Ok((self::host(host)?, parsed(url)?))
}

/// The default of `--timeout`, in seconds.
const TIMEOUT: u64 = 30;

impl Default for Network {
    fn default() -> Self {
        Self {
            offline: false,
            registry_config: None,
            plain_http: Vec::new(),
            private: Vec::new(),
            mirror: Vec::new(),
            ca: None,
            cache: None,
            timeout: TIMEOUT,
        }
    }
}

impl Network {
    /// Whether anything is said of it, but that there is none.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        let other = self.plain_http.len() + self.private.len() + self.mirror.len() > 0;
        other || self.registry_config.is_some() || self.ca.is_some() || self.cache.is_some()
    }

    /// No network.
    #[must_use]
    pub fn none() -> Self {
        Self { offline: true, ..Self::default() }
    }

    /// When an answer must be there.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        Deadline::after(Duration::from_secs(self.timeout))
    }

    /// All registries, through a cache.
    ///
    /// # Errors
    /// If the options cannot be used.
    pub fn registry(&self) -> Result<Cached<Registry>, String> {
        self.registry_over(http(self.ca.as_deref())?)
    }

    /// Likewise, with at most `per_second` requests per second.
    ///
    /// # Errors
    /// If the options cannot be used.
    pub fn paced_registry(&self, per_second: u32) -> Result<Cached<Registry>, String> {
        self.registry_over(Paced::new(http(self.ca.as_deref())?, per_second, per_second))
    }

    /// All registries, to write to: nothing of what they say is remembered.
    ///
    /// # Errors
    /// If the options cannot be used.
    pub fn uncached_registry(&self) -> Result<Registry, String> {
        self.build(http(self.ca.as_deref())?)
    }

    /// OCSP responders and CRLs, at public addresses and at the named hosts' private ones; `None` when offline.
    ///
    /// # Errors
    /// If the options cannot be used.
    pub fn revocation(&self) -> Result<Option<RevocationServices>, String> {
        if self.offline {
            return Ok(None);
        }
        let services = RevocationServices::new(self.http()?);
        let named = self.private.iter().fold(services, |services, host| {
            services.with_private_host(host.split(':').next().unwrap_or(host))
        });
        Ok(Some(named))
    }

    /// What asks services.
    ///
    /// # Errors
    /// If the options cannot be used.
    pub fn http(&self) -> Result<Http, String> {
        http(self.ca.as_deref())
    }

    fn registry_over(&self, transport: impl Transport + 'static) -> Result<Cached<Registry>, String> {
        let mut content = Content::in_memory(MEMORY_LEN);
        if let Some(folder) = &self.cache {
            content = content
                .and_in_folder(folder.join("content"), CACHE_LEN)
                .map_err(|error| error.to_string())?;
        }
        Ok(Cached::with_content(self.build(transport)?, Arc::new(content)))
    }

    fn build(&self, transport: impl Transport + 'static) -> Result<Registry, String> {
        let file = self.registry_config.clone().or_else(docker_config);
        if let Some(file) = self.registry_config.as_ref().filter(|file| !file.exists()) {
            return Err(format!("{}: it is not there", file.display()));
        }
        let credentials = match &file {
            Some(file) => DockerConfig::open(file)
                .map_err(|error| format!("{}: {}", file.display(), Reasons(&error)))?,
            None => DockerConfig::default(),
        };
        let mut builder = Registry::builder(transport).credentials(credentials);
        for host in
            self.plain_http.iter().chain(&self.private).chain(self.mirror.iter().map(|(host, _)| host))
        {
            let mirrors = self.mirror.iter().filter(|(of, _)| of == host);
            let settings =
                mirrors.fold(RegistryHost::new(), |settings, (_, url)| settings.mirror(url.clone()));
            let is_plain = self.plain_http.contains(host);
            builder = builder.host(host, if is_plain { settings.plain_http() } else { settings });
        }
        Ok(builder.build())
    }

    /// The root that the options name, brought up to date; `None` if they name none.
    ///
    /// # Errors
    /// If it cannot be had.
    pub fn root(
        &self,
        root: &Root,
        read: &mut dyn FnMut(&Path) -> Result<Vec<u8>, String>,
        runtime: &Handle,
    ) -> Result<Option<Arc<CurrentRoot>>, String> {
        let mut source = RootSource::new();
        let name = match (&root.trust_root, &root.tuf, &root.tuf_root) {
            (Some(file), ..) => {
                source = source.pinned(read(file)?);
                if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() }
            }
            (None, Some(url), Some(first)) => {
                if self.offline {
                    return Err("`--offline` forbids to ask what `--tuf` names".to_owned());
                }
                let root = read(first)?;
                let mut repository =
                    TufSource::sigstore(http(self.ca.as_deref())?, url.clone(), root.clone());
                repository = repository.at_private_addresses(); // the user names it
                if let Some(folder) = &self.cache {
                    // What one repository said is no news of another.
                    let of = trust_core::Digest::sha256(&[url.as_str().as_bytes(), &root].concat()).to_hex();
                    let folder = folder.join("tuf").join(of);
                    repository = repository.keeping_targets_in(folder.join("targets")).keeping_in(folder);
                }
                source = source.tuf(repository);
                url.to_string()
            }
            _ => return Ok(None),
        };
        let loaded = runtime.block_on(Roots::load(source, self.deadline()));
        let roots = loaded.map_err(|error| format!("{name}: {}", Reasons(&error)))?;
        roots.current(crate::clock()?).map(Some).map_err(|error| Reasons(&error).to_string())
    }
}

/// A client that trusts the machine's authorities, and those in this file.
///
/// # Errors
/// If one of them cannot be used.
pub fn http(ca: Option<&Path>) -> Result<Http, String> {
    let mut roots = RootCertStore::empty();
    // Some stores hold certificates that are none; what is missing is said by the connection that needs it.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = ca {
        let at = |error: &dyn core::fmt::Display| format!("{}: {error}", file.display());
        let before = roots.len();
        for certificate in CertificateDer::pem_file_iter(file).map_err(|error| at(&error))? {
            roots.add(certificate.map_err(|error| at(&error))?).map_err(|error| at(&error))?;
        }
        if roots.len() == before {
            return Err(at(&"found no certificate in PEM, expected at least one"));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = tls.map_err(|error| error.to_string())?.with_root_certificates(roots).with_no_client_auth();
    Http::with_system_proxy(tls).map_err(|error| error.to_string())
}

/// Where Docker keeps its credentials.
fn docker_config() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".docker")))?;
    Some(folder.join("config.json")).filter(|file| fs::exists(file).unwrap_or(false))
}

/// What futures run on.
///
/// # Errors
/// If it cannot be started.
pub fn runtime() -> Result<Runtime, String> {
    Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}

/// Says on a terminal what is waited for, until it is dropped.
#[must_use]
pub fn progress(what: String) -> Progress {
    let bar = ProgressBar::new_spinner().with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    Progress(bar)
}

/// What is waited for.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
