//! An unsigned image in a real registry, and real tools.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use trust_core::{ImageRef, UnixTime};
use trust_gate::{Deadline, Http, Registry, RegistryHost};
use trust_sign::ImageTarget;
use trust_testkit::servers::{Servers, run, tool};

pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) fn http() -> Http {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Http::new(tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()).unwrap()
}

pub(crate) fn now() -> UnixTime {
    trust_gate::internal::now()
}

pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

/// An unsigned image in a registry.
pub(crate) struct World {
    pub(crate) servers: Servers,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) host: String,
}

impl World {
    pub(crate) fn new(registry: &[&str], tools: &[&str]) -> Option<Self> {
        let servers = Servers::new()?;
        for name in tools {
            tool(name)?;
        }
        let started = servers.start(registry);
        let host = started.get("OCIREF").or(started.get("DOCKER_REGISTRY")).unwrap();
        let host = host.trim_start_matches("http://").to_owned();
        let world = Self { servers, folder: tempfile::tempdir().unwrap(), host };
        let layout = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/images:unsigned");
        world.tool("oras", &["cp", "--from-oci-layout", layout, "--to-plain-http", &world.image()]);
        Some(world)
    }

    pub(crate) fn image(&self) -> String {
        format!("{}/acme/app:v1", self.host)
    }

    pub(crate) fn registry(&self) -> Registry {
        Registry::builder(http()).host(&self.host, RegistryHost::new().plain_http()).build()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = tool(name).unwrap();
        command.args(arguments).current_dir(self.path()).env("COSIGN_PASSWORD", PASSWORD);
        command.env("XDG_CONFIG_HOME", self.path()).env("DOCKER_CONFIG", self.path());
        command
    }

    pub(crate) fn tool(&self, name: &str, arguments: &[&str]) -> String {
        run(&mut self.command(name, arguments))
    }

    pub(crate) async fn target(&self) -> ImageTarget {
        let image: ImageRef = self.image().parse().unwrap();
        ImageTarget::find(&self.registry(), &image, soon()).await.unwrap()
    }
}
