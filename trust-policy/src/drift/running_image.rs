//! [`RunningImage`]: what a node says that a container runs.

use core::fmt;

use serde::{Deserialize, Serialize};
use trust_core::Digest;

/// What a node says that a container runs: `imageID` of the container's status, in whichever form the runtime writes it.
///
/// It is the kubelet's word, which is as good as the node: a node that lies is not found out by it. And it is a digest of one of
/// several things, the index, the manifest of a platform or its configuration, so it is compared with an
/// [`ImageFamily`](crate::ImageFamily).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunningImage {
    /// Nothing: the container did not start, or its status is not there yet.
    NotStarted,
    /// A digest, and the repository if it is named.
    Digest {
        /// Of an index, a manifest or a configuration.
        digest: Digest,
        /// Where it was pulled from, without tag and digest. Only a digest of an index or a manifest has one.
        repository: Option<String>,
    },
    /// Something that names no digest. It matches nothing.
    Unreadable(String),
}

impl RunningImage {
    /// Reads an `imageID`: `repository@sha256:…` and `sha256:…` of containerd and CRI-O, `docker-pullable://repository@sha256:…` and
    /// `docker://sha256:…` of Docker, and the bare 64 digits of older CRI-O.
    ///
    /// ```
    /// use trust_policy::RunningImage;
    ///
    /// let digits = "0123456789abcdef".repeat(4);
    /// let pulled = RunningImage::read(&format!("docker-pullable://ghcr.io/acme/app@sha256:{digits}"));
    /// assert!(matches!(pulled, RunningImage::Digest { repository: Some(name), .. } if name == "ghcr.io/acme/app"));
    /// assert!(matches!(RunningImage::read("ghcr.io/acme/app:v1"), RunningImage::Unreadable(_)));
    /// ```
    #[must_use]
    pub fn read(image_id: &str) -> Self {
        if image_id.is_empty() {
            return Self::NotStarted;
        }
        let id = ["docker-pullable://", "docker://"].iter().find_map(|prefix| image_id.strip_prefix(prefix));
        let id = id.unwrap_or(image_id);
        let (repository, digest) = match id.rsplit_once('@') {
            Some((repository, digest)) => (Some(repository), digest),
            None => (None, id),
        };
        let is_bare =
            digest.len() == 64 && digest.bytes().all(|one| matches!(one, b'0'..=b'9' | b'a'..=b'f'));
        let digest =
            if is_bare && repository.is_none() { format!("sha256:{digest}") } else { digest.to_owned() };
        match (digest.parse(), repository) {
            (Ok(_), Some("")) | (Err(_), _) => Self::Unreadable(image_id.to_owned()),
            (Ok(digest), repository) => Self::Digest { digest, repository: repository.map(str::to_owned) },
        }
    }

    /// The digest, if one is named.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Digest { digest, .. } => Some(digest),
            Self::NotStarted | Self::Unreadable(_) => None,
        }
    }
}

impl fmt::Display for RunningImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("nothing yet"),
            Self::Digest { digest, repository: None } => write!(f, "{digest}"),
            Self::Digest { digest, repository: Some(repository) } => write!(f, "{repository}@{digest}"),
            Self::Unreadable(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_runtime_is_read_and_nothing_else() {
        let digest = Digest::sha256(b"x");
        let bare = digest.to_string().replace("sha256:", "");
        for (id, repository) in [
            (format!("ghcr.io/a/b@{digest}"), Some("ghcr.io/a/b")),
            (format!("docker-pullable://nginx@{digest}"), Some("nginx")),
            (format!("localhost:5000/a@{digest}"), Some("localhost:5000/a")),
            (format!("docker://{digest}"), None),
            (digest.to_string(), None),
            (bare.clone(), None),
        ] {
            let expected =
                RunningImage::Digest { digest: digest.clone(), repository: repository.map(str::to_owned) };
            assert_eq!(RunningImage::read(&id), expected, "{id}");
        }
        assert_eq!(RunningImage::read(""), RunningImage::NotStarted);
        for id in [
            "nginx".to_owned(),
            format!("a@{bare}"),
            format!("@{digest}"),
            format!("sha256:{}", &bare[1..]),
            format!("sha256:{bare}0"),
            bare.to_uppercase(),
            format!("{digest} "),
            format!("containerd://{digest}"),
        ] {
            assert_eq!(RunningImage::read(&id), RunningImage::Unreadable(id.clone()), "{id}");
        }
    }
}
