//! [`ClusterPolicies`] and [`ClusterRoots`]: what the API server stores of policies and of trust, as it is now.

use futures_util::StreamExt;
use kube::Client;
use serde_json::{Value, json};
use trust_core::Digest;
use trust_gate::RootSource;
use trust_gate::internal::now;
use trust_policy::PolicySet;

use crate::api::{ApiServer, ClusterError, Kind, Lists, Seen, follow_all};
use crate::last_good::{LastGood, State};
use crate::stored::{read_policy, read_root};

/// The policies that an API server stores: each `ImageTrustPolicy`, and of Kyverno's `ClusterPolicy`, `Policy` and `PolicyException` those
/// that are [chosen](Self::with_kyverno). A kind that the server does not know it has none of.
///
/// A change takes effect at once. A policy that is changed so that it cannot be read stays as it was, and a new one that cannot be read
/// adds nothing; each is said, once. But one that is stored already when the program starts, and cannot be read, is waited for: nobody
/// knows what it demanded when it could.
#[derive(Debug)]
pub struct ClusterPolicies(Followed<PolicySet>);

/// What is there of some kinds, each object as it was when it could be read last.
#[derive(Debug)]
struct Followed<T> {
    server: ApiServer,
    /// With the labels by which objects are chosen, if only some are.
    kinds: Vec<(Kind, Option<String>)>,
    lists: Lists,
    objects: LastGood<T>,
    writes_status: bool,
}

impl<T: Send> Followed<T> {
    async fn new(
        client: Client,
        kind: Kind,
        read: fn(&Value) -> Result<T, String>,
    ) -> Result<Self, ClusterError> {
        let server = ApiServer(client);
        let lists = Lists::of(&server).await?;
        Ok(Self {
            server,
            kinds: vec![(kind, None)],
            lists,
            objects: LastGood::new(read),
            writes_status: false,
        })
    }

    /// Takes what is seen, for ever, and says whenever something else is used than before.
    async fn follow(mut self, mut changed: impl FnMut(Vec<&T>, &Digest, usize)) {
        let mut seen = follow_all(&self.server, self.kinds.clone(), self.lists);
        let names: Vec<&'static str> = self.kinds.iter().map(|(kind, _)| kind.kind).collect();
        let mut told = None;
        loop {
            let Some((kind, first)) = seen.next().await else { return };
            self.take(kind, first).await;
            // What has come by now is one change.
            while let Some(Some((kind, next))) = futures_util::FutureExt::now_or_never(seen.next()) {
                self.take(kind, next).await;
            }
            if !self.objects.has_listed(&names) {
                continue;
            }
            match self.objects.used() {
                Ok((used, digest)) => {
                    let state = (digest, self.objects.refused());
                    if told.as_ref() != Some(&state) {
                        changed(used, &state.0, state.1);
                        told = Some(state);
                    }
                }
                Err(missing) => {
                    for (id, problem) in missing {
                        tracing::error!(object = %id, problem, "nothing is judged before this can be read");
                    }
                }
            }
        }
    }

    async fn take(&mut self, kind: Kind, seen: Seen) {
        if let Seen::Failed(error) = &seen {
            match error.is_not_found() {
                true => tracing::debug!(kind = kind.kind, "the server does not know this kind"),
                false => tracing::warn!(%error, "the server is asked again; what was seen before is used"),
            }
        }
        for state in self.objects.seen(kind.kind, seen) {
            match &state.problem {
                Some(problem) => {
                    tracing::error!(object = %state.id, problem, stays_as_it_was = state.is_before, "it cannot be read");
                }
                None => tracing::info!(object = %state.id, "it is used"),
            }
            if self.writes_status && kind.group == Kind::IMAGE_TRUST_POLICY.group {
                self.write_status(kind, &state).await;
            }
        }
    }

    async fn write_status(&self, kind: Kind, state: &State) {
        let (status, reason, message) = match (&state.problem, state.is_before) {
            (None, _) => ("True", "Read", "it is used".to_owned()),
            (Some(problem), true) => ("False", "StaysAsItWas", problem.clone()),
            (Some(problem), false) => ("False", "CannotBeRead", problem.clone()),
        };
        let object = json!({
            "apiVersion": kind.api_version(),
            "kind": kind.kind,
            "metadata": {"name": state.id.name},
            "status": {"conditions": [{
                "type": "Ready",
                "status": status,
                "reason": reason,
                "message": message,
                "observedGeneration": state.generation,
                "lastTransitionTime": now().to_string(),
            }]},
        });
        let objects = kind.everywhere(&self.server);
        if let Err(error) = objects.apply_status(&state.id.name, &object).await {
            tracing::warn!(%error, "the status is not written");
        }
    }
}

impl ClusterPolicies {
    /// Of this API server.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub async fn new(client: Client) -> Result<Self, ClusterError> {
        Followed::new(client, Kind::IMAGE_TRUST_POLICY, read_policy).await.map(Self)
    }

    /// Kyverno's policies and exceptions with these labels, too, such as `trust.dev/gate=on`; all of them if it is empty. Those that Kyverno
    /// is there for, such as policies that generate objects, cannot be read here: choose those that are about images.
    #[must_use]
    pub fn with_kyverno(mut self, labels: &str) -> Self {
        let labels = Some(labels.to_owned()).filter(|labels| !labels.is_empty());
        let kinds = [Kind::CLUSTER_POLICY, Kind::POLICY, Kind::POLICY_EXCEPTION];
        self.0.kinds.extend(kinds.map(|kind| (kind, labels.clone())));
        self
    }

    /// Writes into the status of each `ImageTrustPolicy` whether it can be read, and why not. Let one program do so, the watch.
    #[must_use]
    pub fn writing_status(mut self) -> Self {
        self.0.writes_status = true;
        self
    }

    /// Follows them for ever: calls `changed` when all were listed, and then whenever others are used, or another number of them cannot
    /// be read; with what is used, what identifies it, and that number.
    pub async fn follow(self, mut changed: impl FnMut(PolicySet, &Digest, usize)) {
        let joined = |all: Vec<&PolicySet>, digest: &Digest, refused| {
            let mut set = PolicySet::default();
            all.into_iter().cloned().for_each(|one| set.extend(one));
            changed(set, digest, refused);
        };
        self.0.follow(joined).await;
    }
}

/// The `TrustRoot`s that an API server stores. Several together are one root. They are followed as
/// [policies](ClusterPolicies) are.
#[derive(Debug)]
pub struct ClusterRoots(Followed<Vec<u8>>);

impl ClusterRoots {
    /// Of this API server.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub async fn new(client: Client) -> Result<Self, ClusterError> {
        Followed::new(client, Kind::TRUST_ROOT, read_root).await.map(Self)
    }

    /// Writes into the status of each whether it can be read, and why not.
    #[must_use]
    pub fn writing_status(mut self) -> Self {
        self.0.writes_status = true;
        self
    }

    /// Follows them for ever: calls `changed` when all were listed, and then whenever others are used; with the roots, what identifies
    /// them, and how many there are.
    pub async fn follow(self, mut changed: impl FnMut(RootSource, &Digest, usize)) {
        let joined = |all: Vec<&Vec<u8>>, digest: &Digest, _| {
            let count = all.len();
            let source = all.into_iter().cloned().fold(RootSource::new(), RootSource::pinned);
            changed(source, digest, count);
        };
        self.0.follow(joined).await;
    }
}
