//! [`RegistryHost`]: what is configured for a registry by name; [`Endpoint`]: where a repository is asked.

use trust_core::ImageRef;
use url::Url;

use crate::transport::Reach;

/// What is configured for one registry. That it is configured by name lets it be at a private address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryHost {
    is_plain: bool,
    at: Option<Url>,
    mirrors: Vec<Url>,
}

impl RegistryHost {
    /// By HTTPS, without mirrors.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks without TLS. An attacker on the network can then withhold what is there, point a tag anywhere, and read the
    /// credentials; what is signed still verifies or does not.
    #[must_use]
    pub fn plain_http(mut self) -> Self {
        self.is_plain = true;
        self
    }

    /// Asks there instead of at the registry's own name, for everything: where the registry itself cannot be reached, what is
    /// there is believed as if it were the registry.
    #[must_use]
    pub fn at(mut self, base: Url) -> Self {
        self.at = Some(base);
        self
    }

    /// Asks this mirror before the registry, after other mirrors that were added before, for images and for content by digest,
    /// with the mirror's own credentials. That it lacks something is believed only if the registry says so, too; which signatures
    /// there are is asked of the registry alone, for a mirror may not know the newest.
    #[must_use]
    pub fn mirror(mut self, base: Url) -> Self {
        self.mirrors.push(base);
        self
    }
}

/// Where a repository is asked.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// The URL before `v2/`.
    base: Url,
    pub(super) reach: Reach,
    /// The registry that it mirrors, as containerd's mirrors are told.
    mirrored: Option<String>,
    /// The repository as this host knows it, by which credentials are found.
    pub(super) image: ImageRef,
}

impl Endpoint {
    /// Mirrors in their order, and the registry itself.
    pub(super) fn all(image: &ImageRef, configured: Option<&RegistryHost>) -> Result<Vec<Self>, String> {
        let unusable = |error: &dyn core::fmt::Display| format!("registry `{}`: {error}", image.registry());
        let mut all = Vec::new();
        for base in configured.iter().flat_map(|host| &host.mirrors) {
            all.push(Self::elsewhere(base, image)?);
        }
        if let Some(base) = configured.and_then(|host| host.at.as_ref()) {
            all.push(Self::elsewhere(base, image)?);
            return Ok(all);
        }
        let scheme = if configured.is_some_and(|host| host.is_plain) { "http" } else { "https" };
        // Docker Hub's registry has another name than its images have.
        let host = if image.registry() == "docker.io" { "registry-1.docker.io" } else { image.registry() };
        all.push(Self {
            base: format!("{scheme}://{host}/").parse().map_err(|error: url::ParseError| unusable(&error))?,
            reach: if configured.is_some() { Reach::Private } else { Reach::Public },
            mirrored: None,
            image: image.clone(),
        });
        Ok(all)
    }

    /// The repository under another URL.
    fn elsewhere(base: &Url, image: &ImageRef) -> Result<Self, String> {
        let unusable =
            |problem: &str| format!("mirror `{base}` of registry `{}`: {problem}", image.registry());
        let host = base.host_str().ok_or_else(|| unusable("it has no host"))?;
        // With a port, for a name of one label would be taken for a part of a repository on Docker Hub.
        let port = base.port_or_known_default().unwrap_or(443);
        let known: Result<ImageRef, _> = format!("{host}:{port}/{}", image.repository()).parse();
        Ok(Self {
            base: base.clone(),
            reach: Reach::Private,
            mirrored: Some(image.registry().to_owned()),
            image: known.map_err(|error| unusable(&error.to_string()))?,
        })
    }

    /// Where a part of the repository is, such as `manifests/v1`.
    pub(super) fn url(&self, part: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/v2/{}/{part}", self.image.repository()));
        if let Some(mirrored) = &self.mirrored {
            url.query_pairs_mut().append_pair("ns", mirrored);
        }
        url
    }

    /// Scheme, host and port, by which what is known of a host is kept.
    pub(super) fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }
}
