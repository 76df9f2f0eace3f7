//! [`TufUpdate`]: a client of The Update Framework, by which Sigstore hands out its trust roots
//! ([specification](https://theupdateframework.github.io/specification/v1.0.34/)).
//!
//! It asks for files and is answered, and opens no connection itself.

mod metadata;

mod delegation;

use std::collections::{BTreeMap, BTreeSet};

use crate::root::tuf::delegation::Targets;
use crate::root::tuf::metadata::{Listed, Listing, Metadata, Root, Signers, check_expiry};
use crate::text::encoding::percent_encoded;
use crate::text::time::UnixTime;

pub use crate::root::tuf::metadata::TufError;

/// Roots that are taken over at once: a repository has one a year.
const MAX_ROOTS: u64 = 256;
/// Roles that are asked for one target beside the top level, as in other clients.
const MAX_DELEGATIONS: usize = 32;
/// The longest files, as in other clients, in bytes, where their length is not signed.
const MAX_ROOT_LEN: u64 = 512_000;
const MAX_TIMESTAMP_LEN: u64 = 16_384;
const MAX_SNAPSHOT_LEN: u64 = 2_000_000;
const MAX_TARGETS_LEN: u64 = 5_000_000;
/// The longest file whose length is signed.
const MAX_SIGNED_LEN: u64 = 64_000_000;

/// Metadata that a client keeps: the root that it trusts, and what it accepted before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TufFiles {
    root: Vec<u8>,
    roles: BTreeMap<String, Vec<u8>>,
}

impl TufFiles {
    /// A root that the caller trusts, wherever it is from, and nothing else.
    #[must_use]
    pub fn new(root: Vec<u8>) -> Self {
        Self { root, roles: BTreeMap::new() }
    }

    /// Adds metadata of another role that was accepted before. It is verified again.
    #[must_use]
    pub fn with(mut self, role: &str, metadata: Vec<u8>) -> Self {
        self.roles.insert(role.to_owned(), metadata);
        self
    }
}

/// A file of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TufFetch {
    /// Its name below the URL of the metadata, with all that has a meaning in URLs escaped.
    pub name: String,
    /// No more bytes of it are read.
    pub max_len: u64,
}

/// Metadata that was accepted, to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TufAccepted {
    /// Of which role. A repository names roles as it likes.
    pub role: String,
    /// Its version.
    pub version: u64,
}

impl TufAccepted {
    /// A name for a file to keep it in, which leads out of no folder.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.json", percent_encoded(&self.role))
    }
}

/// A file that the repository vouches for.
#[derive(Clone, Debug)]
pub struct TufTarget {
    name: String,
    listed: Listed,
    is_consistent: bool,
}

/// One update: from what a client has to what the repository says now.
///
/// Ask for what [`next`](Self::next) names, hand in what comes to [`answer`](Self::answer), keep what that accepts, and go on
/// until nothing is wanted. Then [`look_for`](Self::look_for) a target, and go on likewise. An error ends the update; what was
/// accepted before it stays accepted.
///
/// It proves: the newest root follows from the trusted one, each signed by the last; who the root names signed timestamp,
/// snapshot and targets; nothing has expired; nothing is older than what was accepted before. It does not prove that there is
/// nothing newer than the timestamp, which is why that expires soon.
///
/// ```no_run
/// use trust_core::{TufFiles, TufUpdate, UnixTime};
/// let now: UnixTime = "2026-11-26T00:00:00Z".parse()?;
/// let fetch = |name: &str| std::fs::read(format!("metadata/{name}")).ok();
/// let mut update = TufUpdate::new(TufFiles::new(std::fs::read("root.json")?), now)?;
/// update.look_for("trusted_root.json");
/// while let Some(wanted) = update.next() {
///     update.answer(fetch(&wanted.name).as_deref())?;
/// }
/// let target = update.target()?;
/// let content = target.verify(&std::fs::read(format!("targets/{}", target.path()))?)?.to_vec();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TufUpdate {
    now: UnixTime,
    cached: BTreeMap<String, Vec<u8>>,
    root: Root,
    timestamp: Option<Metadata<Listing>>,
    snapshot: Option<Metadata<Listing>>,
    targets: BTreeMap<String, Metadata<Targets>>,
    step: Step,
    search: Option<Search>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Root { left: u64 },
    Timestamp,
    Snapshot,
    Targets { role: String, delegator: String },
    Nothing,
}

/// How far a target was looked for (section 5.6.7).
#[derive(Debug)]
struct Search {
    target: String,
    /// Roles and their delegators, the next one last.
    left: Vec<(String, String)>,
    visited: BTreeSet<String>,
    outcome: Option<Result<Listed, TufError>>,
}

impl TufUpdate {
    /// Starts an update. `now` is its time from beginning to end (section 5.1).
    ///
    /// # Errors
    /// If the trusted root is malformed, or not signed by its own keys.
    pub fn new(files: TufFiles, now: UnixTime) -> Result<Self, TufError> {
        check_len("root", &files.root, MAX_ROOT_LEN)?;
        let root = Metadata::<Root>::read("root", &files.root)?;
        root.verify_by(root.signed.signers("root"))?;
        Ok(Self {
            now,
            cached: files.roles,
            root: root.signed,
            timestamp: None,
            snapshot: None,
            targets: BTreeMap::new(),
            step: Step::Root { left: MAX_ROOTS },
            search: None,
        })
    }

    /// The file that is wanted; `None` if nothing is.
    #[must_use]
    pub fn next(&self) -> Option<TufFetch> {
        let named = |version: u64, role: &str, max_len| {
            let prefix = if self.root.consistent_snapshot { format!("{version}.") } else { String::new() };
            Some(TufFetch { name: format!("{prefix}{}.json", percent_encoded(role)), max_len })
        };
        match &self.step {
            Step::Root { .. } => {
                let name = format!("{}.root.json", self.root.version.saturating_add(1));
                Some(TufFetch { name, max_len: MAX_ROOT_LEN })
            }
            Step::Timestamp => {
                Some(TufFetch { name: "timestamp.json".to_owned(), max_len: MAX_TIMESTAMP_LEN })
            }
            Step::Snapshot => {
                let listed = self.listed_snapshot().ok()?;
                named(
                    listed.version,
                    "snapshot",
                    listed.length.unwrap_or(MAX_SNAPSHOT_LEN).min(MAX_SIGNED_LEN),
                )
            }
            Step::Targets { role, .. } => {
                let listed = self.listed_role(role).ok()?;
                named(listed.version, role, listed.length.unwrap_or(MAX_TARGETS_LEN).min(MAX_SIGNED_LEN))
            }
            Step::Nothing => None,
        }
    }

    /// Takes the file that was wanted; `None` if the repository does not have it, which may end the list of roots and nothing
    /// else. What is accepted is to be kept at once, for another update starts from it.
    ///
    /// # Errors
    /// If the file is not what it must be.
    pub fn answer(&mut self, content: Option<&[u8]>) -> Result<Option<TufAccepted>, TufError> {
        let content = match (content, self.next()) {
            (Some(content), Some(wanted)) => {
                check_len(&wanted.name, content, wanted.max_len)?;
                content
            }
            (None, Some(_)) if matches!(self.step, Step::Root { .. }) => {
                self.end_of_roots()?;
                return Ok(None);
            }
            (None, Some(wanted)) => return Err(TufError::Withheld { name: wanted.name }),
            (_, None) => return Ok(None),
        };
        match self.step.clone() {
            Step::Root { left } => self.take_root(content, left).map(Some),
            Step::Timestamp => self.take_timestamp(content),
            Step::Snapshot => {
                let version = self.take_snapshot(content, true)?;
                Ok(Some(TufAccepted { role: "snapshot".to_owned(), version }))
            }
            Step::Targets { role, delegator } => {
                let version = self.take_targets(&role, &delegator, content)?;
                Ok(Some(TufAccepted { role, version }))
            }
            Step::Nothing => Ok(None),
        }
    }

    /// Goes on with the timestamp that was accepted before, where no newer one can be fetched.
    ///
    /// # Errors
    /// If there is none, or it has expired.
    pub fn keep_timestamp(&mut self) -> Result<(), TufError> {
        if matches!(self.step, Step::Root { .. }) {
            self.end_of_roots()?;
        }
        if self.step != Step::Timestamp {
            return Ok(());
        }
        let Some(timestamp) = &self.timestamp else {
            return Err(TufError::Withheld { name: "timestamp.json".to_owned() });
        };
        check_expiry("timestamp", timestamp.signed.expires, self.now)?;
        self.begin_snapshot()
    }

    /// Looks for a target, which may need files of further roles.
    pub fn look_for(&mut self, target: &str) {
        self.search = Some(Search {
            target: target.to_owned(),
            left: vec![("targets".to_owned(), "root".to_owned())],
            visited: BTreeSet::new(),
            outcome: None,
        });
        if self.step == Step::Nothing {
            self.go_on();
        }
    }

    /// The target that was looked for, once nothing is wanted any more.
    ///
    /// # Errors
    /// If no role that may say it says it, or a role that is needed is not listed by the snapshot.
    pub fn target(&self) -> Result<TufTarget, TufError> {
        let name = self.search.as_ref().map(|search| search.target.clone()).unwrap_or_default();
        let listed = match self.search.as_ref().and_then(|search| search.outcome.clone()) {
            Some(outcome) => outcome?,
            None => return Err(TufError::Unlisted { name }),
        };
        Ok(TufTarget { name, listed, is_consistent: self.root.consistent_snapshot })
    }

    /// The version of the root.
    #[must_use]
    pub fn root_version(&self) -> u64 {
        self.root.version
    }

    /// The version of the top-level targets; `None` before they are accepted.
    #[must_use]
    pub fn targets_version(&self) -> Option<u64> {
        self.targets.get("targets").map(|targets| targets.version)
    }

    /// When the first of what was accepted expires.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        let listings = self.timestamp.iter().chain(&self.snapshot).map(|one| one.signed.expires);
        let targets = self.targets.values().map(|one| one.signed.expires);
        listings.chain(targets).fold(self.root.expires, Ord::min)
    }

    /// Section 5.3: a root is signed by the last one and by itself, and is the next version.
    fn take_root(&mut self, content: &[u8], left: u64) -> Result<TufAccepted, TufError> {
        let root = Metadata::<Root>::read("root", content)?;
        root.verify_by(self.root.signers("root"))?;
        root.verify_by(root.signed.signers("root"))?;
        root.check_version(self.root.version.saturating_add(1))?;
        let version = root.version;
        self.root = root.signed;
        self.step = Step::Root { left: left.saturating_sub(1) };
        if left <= 1 {
            self.end_of_roots()?;
        }
        Ok(TufAccepted { role: "root".to_owned(), version })
    }

    fn end_of_roots(&mut self) -> Result<(), TufError> {
        check_expiry("root", self.root.expires, self.now)?;
        self.step = Step::Timestamp;
        // What the keys of the newest root did not sign is forgotten: that is how a client recovers from versions that went
        // too far with a key that was stolen. An expired one still says what is too old.
        let cached = self.cached.get("timestamp").and_then(|bytes| Metadata::read("timestamp", bytes).ok());
        self.timestamp =
            cached.filter(|one: &Metadata<Listing>| one.verify_by(self.root.signers("timestamp")).is_ok());
        Ok(())
    }

    /// Section 5.4. One of the same version is no news.
    fn take_timestamp(&mut self, content: &[u8]) -> Result<Option<TufAccepted>, TufError> {
        let new = Metadata::<Listing>::read("timestamp", content)?;
        new.verify_by(self.root.signers("timestamp"))?;
        let version = new.version;
        let is_news = self.timestamp.as_ref().is_none_or(|trusted| trusted.version != version);
        if let Some(trusted) = self.timestamp.as_ref().filter(|_| is_news) {
            check_rollback("timestamp", version, trusted.version)?;
            let snapshots = (new.signed.meta("snapshot.json")?, trusted.signed.meta("snapshot.json")?);
            check_rollback("snapshot", snapshots.0.version, snapshots.1.version)?;
        }
        let kept = self.timestamp.take();
        let current = if is_news { new } else { kept.unwrap_or(new) };
        let expires = current.signed.expires;
        current.signed.meta("snapshot.json")?;
        self.timestamp = Some(current);
        check_expiry("timestamp", expires, self.now)?;
        self.begin_snapshot()?;
        Ok(is_news.then(|| TufAccepted { role: "timestamp".to_owned(), version }))
    }

    fn begin_snapshot(&mut self) -> Result<(), TufError> {
        self.step = Step::Snapshot;
        if let Some(cached) = self.cached.get("snapshot").cloned() {
            // What is wrong with it is no matter: then it is fetched.
            let _ = self.take_snapshot(&cached, false);
        }
        Ok(())
    }

    /// Section 5.5. Of a snapshot that was accepted before, the timestamp does not know the hash.
    fn take_snapshot(&mut self, content: &[u8], is_new: bool) -> Result<u64, TufError> {
        let listed = self.listed_snapshot()?.clone();
        if is_new {
            listed.check("snapshot.json", content)?;
        }
        let new = Metadata::<Listing>::read("snapshot", content)?;
        new.verify_by(self.root.signers("snapshot"))?;
        for (name, trusted) in self.snapshot.iter().flat_map(|trusted| &trusted.signed.meta) {
            check_rollback(name, new.signed.meta(name)?.version, trusted.version)?;
        }
        let (version, expires) = (new.version, new.signed.expires);
        let right_version = new.check_version(listed.version);
        if is_new {
            right_version?;
            check_expiry("snapshot", expires, self.now)?;
            self.snapshot = Some(new);
        } else {
            // Even if it is not the one that is meant, it says what is too old.
            self.snapshot = Some(new);
            right_version?;
            check_expiry("snapshot", expires, self.now)?;
            listed.check("snapshot.json", content)?;
        }
        self.step = Step::Targets { role: "targets".to_owned(), delegator: "root".to_owned() };
        self.try_cached_targets();
        Ok(version)
    }

    /// Section 5.6, of any role that says targets.
    fn take_targets(&mut self, role: &str, delegator: &str, content: &[u8]) -> Result<u64, TufError> {
        let listed = self.listed_role(role)?;
        listed.check(role, content)?;
        let new = Metadata::<Targets>::read(role, content)?;
        new.verify_by(self.signers(role, delegator))?;
        new.check_version(listed.version)?;
        check_expiry(role, new.signed.expires, self.now)?;
        let version = new.version;
        self.targets.insert(role.to_owned(), new);
        self.step = Step::Nothing;
        self.go_on();
        Ok(version)
    }

    /// Takes what was accepted before, if it is what is meant now; else it is fetched.
    fn try_cached_targets(&mut self) {
        if let Step::Targets { role, delegator } = self.step.clone()
            && let Some(cached) = self.cached.get(&role).cloned()
        {
            let _ = self.take_targets(&role, &delegator, &cached);
        }
    }

    /// Who may sign a role, by the role that delegates to it.
    fn signers(&self, role: &str, delegator: &str) -> Signers<'_> {
        if delegator == "root" {
            return self.root.signers(role);
        }
        let delegations = self.targets.get(delegator).and_then(|one| one.signed.delegations.as_ref());
        delegations.map_or_else(|| self.root.signers(""), |delegations| delegations.signers(role))
    }

    fn listed_snapshot(&self) -> Result<&Listed, TufError> {
        let unlisted = || TufError::Unlisted { name: "snapshot.json".to_owned() };
        self.timestamp.as_ref().ok_or_else(unlisted)?.signed.meta("snapshot.json")
    }

    fn listed_role(&self, role: &str) -> Result<&Listed, TufError> {
        let name = format!("{role}.json");
        match &self.snapshot {
            Some(snapshot) => snapshot.signed.meta(&name),
            None => Err(TufError::Unlisted { name }),
        }
    }

    /// Goes on with a search, role by role, as far as roles are here (section 5.6.7).
    fn go_on(&mut self) {
        let Some(mut search) = self.search.take() else { return };
        while search.outcome.is_none() && search.visited.len() <= MAX_DELEGATIONS {
            let Some((role, delegator)) = search.left.pop() else { break };
            if search.visited.contains(&role) {
                continue;
            }
            // Another delegator may name other keys: only who is asked now counts.
            let is_here = self
                .targets
                .get(&role)
                .filter(|here| here.verify_by(self.signers(&role, &delegator)).is_ok());
            let Some(here) = is_here else {
                if let Err(error) = self.listed_role(&role) {
                    search.outcome = Some(Err(error));
                    break;
                }
                search.left.push((role.clone(), delegator.clone()));
                self.search = Some(search);
                self.step = Step::Targets { role, delegator };
                return self.try_cached_targets();
            };
            search.outcome = here.signed.targets.get(&search.target).cloned().map(Ok);
            search.visited.insert(role.clone());
            let mut next = Vec::new();
            for (child, is_last) in here.signed.delegations.iter().flat_map(|to| to.roles_for(&search.target))
            {
                next.push((child, role.clone()));
                if is_last {
                    search.left.clear();
                    break;
                }
            }
            search.left.extend(next.into_iter().rev());
        }
        self.search = Some(search);
    }
}

impl TufTarget {
    /// Its name, as it was looked for. It is a name, not a path: nothing here makes a file of it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its path below the URL of the targets, with the hash that a consistent repository puts before the name, and with all that
    /// has a meaning in URLs escaped.
    #[must_use]
    pub fn path(&self) -> String {
        let hash = self.listed.hashes.get("sha256").or_else(|| self.listed.hashes.values().next());
        let (folder, name) = match self.name.rsplit_once('/') {
            Some((folder, name)) => (Some(folder), name),
            None => (None, self.name.as_str()),
        };
        let folders =
            folder.iter().flat_map(|folder| folder.split('/')).map(|part| percent_encoded(part) + "/");
        let prefix = hash.filter(|_| self.is_consistent).map_or(String::new(), |hash| format!("{hash}."));
        format!("{}{prefix}{}", folders.collect::<String>(), percent_encoded(name))
    }

    /// A name for a file to keep it in, which leads out of no folder.
    #[must_use]
    pub fn file_name(&self) -> String {
        match self.name.as_str() {
            "." | ".." => self.name.replace('.', "%2E"),
            name => percent_encoded(name),
        }
    }

    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.listed.length.unwrap_or(0)
    }

    /// Whether it has no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Proves that the repository vouches for `content`.
    ///
    /// # Errors
    /// If it is something else, or the repository says no length and digest of it.
    pub fn verify<'c>(&self, content: &'c [u8]) -> Result<&'c [u8], TufError> {
        if self.listed.hashes.is_empty() || self.listed.length.is_none() {
            return Err(TufError::Content { name: self.name.clone() });
        }
        self.listed.check(&self.name, content)?;
        Ok(content)
    }
}

fn check_len(name: &str, content: &[u8], limit: u64) -> Result<(), TufError> {
    let (found, expected) = (content.len(), usize::try_from(limit).unwrap_or(usize::MAX));
    match found > expected {
        true => Err(TufError::TooLong { role: name.to_owned(), found, expected }),
        false => Ok(()),
    }
}

fn check_rollback(role: &str, found: u64, trusted: u64) -> Result<(), TufError> {
    match found < trusted {
        true => Err(TufError::Rollback { role: role.to_owned(), found, trusted }),
        false => Ok(()),
    }
}
