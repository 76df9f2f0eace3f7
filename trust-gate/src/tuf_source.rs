//! [`TufSource`]: files that a TUF repository vouches for, fetched, verified and kept
//! ([TUF](https://theupdateframework.github.io/specification/v1.0.34/)).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;
use trust_core::{TufAccepted, TufError, TufFiles, TufTarget, TufUpdate, UnixTime};
use url::Url;

use crate::deadline::Deadline;
use crate::folder;
use crate::store::StoreError;
use crate::transport::{HttpRequest, Reach, Transport, TransportError};

/// The longest target unless it is said otherwise: Sigstore's trust root has 7 KiB.
const MAX_TARGET_LEN: u64 = 16 << 20;
/// The longest file that is read from the folder.
const MAX_KEPT_LEN: u64 = 64_000_000;
/// Files may be stored some hosts away.
const MAX_REDIRECTS: usize = 5;

/// A TUF repository over HTTP, and the folder in which a client keeps what it accepted.
///
/// The root that it starts from is the one thing that nothing proves: ship it with the program. Everything in the folder is
/// verified again each time, from that root on; an attacker who can write there can withhold news, as one on the network can,
/// until the metadata expires.
#[derive(Clone, Debug)]
pub struct TufSource {
    transport: Arc<dyn Transport>,
    metadata: Url,
    targets: Url,
    reach: Reach,
    root: Vec<u8>,
    /// What was accepted by this program: it is not given up for what is older, with or without a folder.
    kept: Arc<Mutex<Kept>>,
    folder: Option<PathBuf>,
    targets_folder: Option<PathBuf>,
    needs_answers: bool,
    max_target_len: u64,
}

/// Metadata that was accepted.
#[derive(Debug, Default)]
struct Kept {
    roots: BTreeMap<u64, Vec<u8>>,
    roles: BTreeMap<String, Vec<u8>>,
}

/// A file cannot be had from a TUF repository.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TufSourceError {
    /// The repository's metadata is refused.
    #[error("the metadata of {url} is refused")]
    Refused {
        /// Of which repository.
        url: String,
        /// Why.
        source: Box<TufError>,
    },
    /// The repository did not answer.
    #[error("{url} cannot be fetched: {problem}")]
    Unavailable {
        /// What.
        url: String,
        /// Why not.
        problem: String,
    },
    /// The repository lists no such file.
    #[error("the repository lists no target `{name}`")]
    NoTarget {
        /// Which.
        name: String,
    },
    /// What was accepted cannot be kept.
    #[error(transparent)]
    Unwritable(#[from] StoreError),
}

/// Metadata that was brought up to date.
#[derive(Debug)]
#[non_exhaustive]
pub struct TufRefreshed {
    /// What was accepted: it says which targets there are.
    pub update: TufUpdate,
    /// Whether the repository said so now; else it could not be asked, and what was kept has not expired.
    pub is_current: bool,
}

impl TufSource {
    /// A repository whose metadata are below one URL and whose targets below another.
    #[must_use]
    pub fn new(transport: impl Transport + 'static, metadata: Url, targets: Url, root: Vec<u8>) -> Self {
        let (metadata, targets) = (as_folder(metadata), as_folder(targets));
        Self {
            transport: Arc::new(transport),
            metadata,
            targets,
            reach: Reach::Public,
            root,
            kept: Arc::default(),
            folder: None,
            targets_folder: None,
            needs_answers: false,
            max_target_len: MAX_TARGET_LEN,
        }
    }

    /// A repository as Sigstore's are: the targets are in `targets/` below the metadata.
    #[must_use]
    pub fn sigstore(transport: impl Transport + 'static, url: Url, root: Vec<u8>) -> Self {
        let metadata = as_folder(url);
        let targets = metadata.join("targets/").unwrap_or_else(|_| metadata.clone());
        Self::new(transport, metadata, targets, root)
    }

    /// Keeps the metadata that is accepted in this folder, and starts from it.
    #[must_use]
    pub fn keeping_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Keeps targets in this folder.
    #[must_use]
    pub fn keeping_targets_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.targets_folder = Some(folder.into());
        self
    }

    /// Fetches targets of up to so many bytes.
    #[must_use]
    pub fn with_max_target_len(mut self, bytes: u64) -> Self {
        self.max_target_len = bytes;
        self
    }

    /// Takes it for an error that the repository cannot be reached, even if what was kept has not expired.
    #[must_use]
    pub fn needing_answers(mut self) -> Self {
        self.needs_answers = true;
        self
    }

    /// Lets the repository be at a private address.
    #[must_use]
    pub fn at_private_addresses(mut self) -> Self {
        self.reach = Reach::Private;
        self
    }

    /// Brings the metadata up to date. Where the repository cannot be reached, what was kept serves until it expires.
    ///
    /// # Errors
    /// If the repository cannot be reached and nothing was kept that serves, or what it says is refused.
    pub async fn refresh(&self, now: UnixTime, until: Deadline) -> Result<TufRefreshed, TufSourceError> {
        let mut update = self.start(now).map_err(|error| self.refused(error))?;
        let outcome = self.ask_all(&mut update, until).await;
        let is_current = outcome.is_ok();
        if let Err(error) = outcome {
            // What is wanted next was kept, or it is not there.
            let may_serve = !self.needs_answers && matches!(error, TufSourceError::Unavailable { .. });
            if !may_serve || update.keep_timestamp().is_err() || update.next().is_some() {
                return Err(error);
            }
        }
        Ok(TufRefreshed { update, is_current })
    }

    /// Finds a target, which may need metadata of further roles.
    ///
    /// # Errors
    /// If there is none, or metadata cannot be had.
    pub async fn find(
        &self,
        update: &mut TufUpdate,
        name: &str,
        until: Deadline,
    ) -> Result<TufTarget, TufSourceError> {
        update.look_for(name);
        self.ask_all(update, until).await?;
        update.target().map_err(|error| match error {
            TufError::Unlisted { name: unlisted } if unlisted == name => {
                TufSourceError::NoTarget { name: name.to_owned() }
            }
            error => self.refused(error),
        })
    }

    /// Fetches whatever is wanted.
    async fn ask_all(&self, update: &mut TufUpdate, until: Deadline) -> Result<(), TufSourceError> {
        while let Some(wanted) = update.next() {
            let url = self.metadata.join(&wanted.name).unwrap_or_else(|_| self.metadata.clone());
            let content = self.get(&url, wanted.max_len, until).await?;
            let accepted = update.answer(content.as_deref()).map_err(|error| self.refused(error))?;
            if let Some(accepted) = accepted {
                self.keep(&accepted, content.as_deref().unwrap_or_default())?;
            }
        }
        Ok(())
    }

    fn refused(&self, error: TufError) -> TufSourceError {
        TufSourceError::Refused { url: self.metadata.to_string(), source: error.into() }
    }

    /// The content of a target, from the folder if it is there, verified.
    ///
    /// # Errors
    /// If it cannot be fetched, or is not what is listed.
    pub async fn target(&self, target: &TufTarget, until: Deadline) -> Result<Vec<u8>, TufSourceError> {
        let kept = self.targets_folder.as_ref().map(|folder| folder.join(target.file_name()));
        if let Some(content) = kept.as_deref().and_then(|path| read(path, self.max_target_len))
            && target.verify(&content).is_ok()
        {
            return Ok(content);
        }
        let url = self.targets.join(&target.path()).ok();
        // A name may hold what leads elsewhere: `..`.
        let url = url.filter(|url| url.as_str().starts_with(self.targets.as_str()));
        let url = url.ok_or_else(|| TufSourceError::NoTarget { name: target.name().to_owned() })?;
        let refused =
            |error: TufError| TufSourceError::Refused { url: url.to_string(), source: error.into() };
        let limit = target.len();
        if limit > self.max_target_len {
            let (found, expected) = (to_usize(limit), to_usize(self.max_target_len));
            return Err(refused(TufError::TooLong { role: target.name().to_owned(), found, expected }));
        }
        let withheld = || refused(TufError::Withheld { name: target.name().to_owned() });
        let content = self.get(&url, limit, until).await?.ok_or_else(withheld)?;
        target.verify(&content).map_err(refused)?;
        if let Some(path) = kept {
            folder::write_whole(&path, &content)?;
        }
        Ok(content)
    }

    /// What was kept, as far as it follows from the root that the program ships.
    fn start(&self, now: UnixTime) -> Result<TufUpdate, TufError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut files = TufFiles::new(self.root.clone());
        let entries =
            self.folder.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
        for path in entries.map(|entry| entry.path()).filter(|path| path.is_file()) {
            let name =
                path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"));
            if let Some(role) = name.filter(|name| *name != "root")
                && let Some(content) = read(&path, MAX_KEPT_LEN)
            {
                files = files.with(&unescaped(role), content);
            }
        }
        files = kept.roles.iter().fold(files, |files, (role, content)| files.with(role, content.clone()));
        let mut update = TufUpdate::new(files, now)?;
        // Root after root; one that does not follow ends the row, and is fetched.
        let next = |update: &TufUpdate| {
            let version = update.root_version().saturating_add(1);
            let in_folder = || read(&self.folder.as_ref()?.join(root_file(version)), MAX_KEPT_LEN);
            kept.roots.get(&version).cloned().or_else(in_folder)
        };
        while let Some(root) = next(&update) {
            if update.answer(Some(&root)).is_err() {
                break;
            }
        }
        Ok(update)
    }

    fn keep(&self, accepted: &TufAccepted, content: &[u8]) -> Result<(), TufSourceError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match accepted.role.as_str() {
            "root" => drop(kept.roots.insert(accepted.version, content.to_vec())),
            role => drop(kept.roles.insert(role.to_owned(), content.to_vec())),
        }
        drop(kept);
        let Some(folder) = &self.folder else { return Ok(()) };
        if accepted.role == "root" {
            folder::write_whole(&folder.join(root_file(accepted.version)), content)?;
        }
        Ok(folder::write_whole(&folder.join(accepted.file_name()), content)?)
    }

    /// A file; `None` if the repository does not have it. What it holds is verified, so it does not matter where it is stored.
    async fn get(&self, url: &Url, limit: u64, until: Deadline) -> Result<Option<Vec<u8>>, TufSourceError> {
        let unavailable = |problem: String| TufSourceError::Unavailable { url: url.to_string(), problem };
        let (mut at, mut reach) = (url.clone(), self.reach);
        for _ in 0..=MAX_REDIRECTS {
            let sent = self.transport.send(HttpRequest::get(at.clone(), limit, reach), until).await;
            let response = sent.map_err(|error| match error {
                TransportError::TooLong { .. } => {
                    let (found, expected) = (to_usize(limit).saturating_add(1), to_usize(limit));
                    let source = TufError::TooLong { role: url.path().to_owned(), found, expected };
                    TufSourceError::Refused { url: url.to_string(), source: source.into() }
                }
                error => unavailable(error.to_string()),
            })?;
            match response.status {
                200 => return Ok(Some(response.body)),
                // Storage without a right to list says 403 of what is not there.
                403 | 404 => return Ok(None),
                301 | 302 | 303 | 307 | 308 => {}
                status => return Err(unavailable(format!("status {status}"))),
            }
            let next = response.header("location").and_then(|location| at.join(location).ok());
            let is_safe =
                |next: &Url| next.scheme() == "https" || next.scheme() == "http" && at.scheme() == "http";
            let next = next
                .filter(is_safe)
                .ok_or_else(|| unavailable("it is redirected to no safe URL".to_owned()))?;
            if next.host() != url.host() {
                reach = Reach::Public;
            }
            at = next;
        }
        Err(unavailable(format!("it is redirected more than {MAX_REDIRECTS} times")))
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Where a root is kept, by its version: the row of them is what proves the last one.
fn root_file(version: u64) -> String {
    format!("root_history/{version}.root.json")
}

/// The URL with `/` at its end, so that names are joined below it.
fn as_folder(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    url
}

fn read(path: &Path, limit: u64) -> Option<Vec<u8>> {
    folder::read_bounded(path, limit).ok().flatten()
}

/// The role of a file name.
fn unescaped(name: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        let digits: Option<Vec<u8>> = (byte == b'%').then(|| rest.by_ref().take(2).collect());
        let code = digits.and_then(|digits| u8::from_str_radix(core::str::from_utf8(&digits).ok()?, 16).ok());
        bytes.push(code.unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
