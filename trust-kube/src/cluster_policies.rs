//! [`ClusterPolicies`] and [`ClusterRoots`]: what the API server stores of policies and of trust, as it is now.

use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;
use trust_core::{Digest, Pattern};
use trust_gate::RootSource;
use trust_policy::{Exception, PolicySet};

use crate::api::{ApiServer, Kind, Lists, Seen, follow_all};
use crate::last_good::{LastGood, Missing, State};
use crate::stored::{read_policy, read_root};

/// The policies that an API server stores: each `ImageTrustPolicy`, and of those of Kyverno and of policy-controller the ones
/// that are [chosen](Self::with_foreign). A kind that the server does not know it has none of.
///
/// A change takes effect at once. A policy that is changed so that it cannot be read stays as it was, and a new one that cannot be read
/// adds nothing; each is logged once. But if a policy that was stored before the program started cannot be read, nothing is judged until it
/// can: its last readable version is unknown.
#[derive(Debug)]
pub(crate) struct ClusterPolicies {
    followed: Followed<PolicySet>,
    /// The namespaces whose exceptions count.
    exceptions_from: Vec<Pattern>,
}

/// The objects of some kinds, each in its last readable version.
#[derive(Debug)]
struct Followed<T> {
    server: ApiServer,
    /// With the labels by which objects are chosen, if only some are.
    kinds: Vec<(Kind, Option<String>)>,
    objects: LastGood<T>,
    /// Whether each can be read, whenever that changes.
    states: mpsc::UnboundedSender<State>,
}

impl<T: Send> Followed<T> {
    /// Follows the objects for ever; calls `changed` whenever other objects are used, or the number of unreadable ones changes.
    async fn follow(mut self, lists: Lists, mut changed: impl FnMut(Vec<&T>, &Digest, usize)) {
        for (kind, _) in &mut self.kinds {
            *kind = self.server.known_version(*kind).await;
        }
        let mut seen = follow_all(&self.server, self.kinds.clone(), lists);
        let kinds: Vec<Kind> = self.kinds.iter().map(|(kind, _)| *kind).collect();
        let (mut told, mut missed): (_, Missing) = (None, Vec::new());
        loop {
            let Some((kind, first)) = seen.next().await else { return };
            self.take(kind, first);
            // What has come by now is one change.
            for (kind, next) in core::iter::from_fn(|| seen.next().now_or_never().flatten()) {
                self.take(kind, next);
            }
            if !self.objects.has_listed(&kinds) {
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
                Err(missing) if missing != missed => {
                    for (id, problem) in &missing {
                        tracing::error!(object = %id, problem, "nothing is judged before this can be read");
                    }
                    missed = missing;
                }
                Err(_) => {}
            }
        }
    }

    fn take(&mut self, kind: Kind, seen: Seen) {
        match &seen {
            Seen::Failed(error) if error.is_not_found() && !self.objects.has_listed(&[kind]) => {
                tracing::warn!(kind = kind.kind, "the server does not know this kind: there are none of it");
            }
            Seen::Failed(error) => {
                tracing::warn!(%error, "cannot be followed; what was seen before counts");
            }
            _ => {}
        }
        for state in self.objects.seen(kind, seen) {
            match &state.problem {
                Some(problem) => {
                    tracing::error!(object = %state.id, problem, earlier_version_is_used = state.is_before, "an object cannot be read");
                }
                None => tracing::info!(object = %state.id, "an object is used"),
            }
            // It is no failure that nothing writes it into a status.
            let _ = self.states.send(state);
        }
    }
}

impl ClusterPolicies {
    pub(crate) fn new(server: ApiServer, states: mpsc::UnboundedSender<State>) -> Self {
        let kinds = vec![(Kind::IMAGE_TRUST_POLICY, None)];
        let followed = Followed { server, kinds, objects: LastGood::new(read_policy), states };
        Self { followed, exceptions_from: Vec::new() }
    }

    /// Exceptions of these namespaces count, which are patterns; of others they do not.
    pub(crate) fn with_exceptions_from(mut self, namespaces: &[String]) -> Self {
        self.exceptions_from = namespaces.iter().map(Pattern::wildcard).collect();
        self
    }

    /// Policies and exceptions that are written for Kyverno, and policies that are written for policy-controller, with these labels, too,
    /// such as `trust.dev/gate=on`; all of them if it is empty. Those that Kyverno alone is for, such as policies that generate objects,
    /// cannot be read here: choose those that are about images. The roots that policy-controller's policies name are followed as well.
    pub(crate) fn with_foreign(mut self, labels: &str) -> Self {
        let labels = Some(labels.to_owned()).filter(|labels| !labels.is_empty());
        let kinds = [
            Kind::CLUSTER_POLICY,
            Kind::POLICY,
            Kind::POLICY_EXCEPTION,
            Kind::IMAGE_VALIDATING_POLICY,
            Kind::NAMESPACED_IMAGE_VALIDATING_POLICY,
            Kind::CEL_POLICY_EXCEPTION,
            Kind::CLUSTER_IMAGE_POLICY,
            Kind::SIGSTORE_TRUST_ROOT,
        ];
        self.followed.kinds.extend(kinds.map(|kind| (kind, labels.clone())));
        self
    }

    /// Follows them for ever: calls `changed` when all were listed, and then whenever others are used, or another number of them cannot
    /// be read; with what is used, added to `base`, what identifies it, and that number.
    pub(crate) async fn follow(
        self,
        lists: Lists,
        base: PolicySet,
        mut changed: impl FnMut(PolicySet, &Digest, usize),
    ) {
        let Self { followed, exceptions_from } = self;
        let joined = |all: Vec<&PolicySet>, digest: &Digest, refused| {
            let mut set = base.clone();
            for one in all {
                // Whoever may write into some namespace must not except from policies for all of them.
                let counts = |exception: &Exception| {
                    exceptions_from.iter().any(|from| from.matches(&exception.namespace))
                };
                match one.exceptions().iter().find(|exception| !counts(exception)) {
                    Some(Exception { namespace, name, .. }) => {
                        tracing::warn!(
                            namespace,
                            name,
                            "an exception does not count: exceptions of its namespace do not"
                        );
                    }
                    None => set.extend(one.clone()),
                }
            }
            changed(set, digest, refused);
        };
        followed.follow(lists, joined).await;
    }
}

/// The `TrustRoot`s that an API server stores. Several together are one root. They are followed as
/// [policies](ClusterPolicies) are.
#[derive(Debug)]
pub(crate) struct ClusterRoots(Followed<Vec<u8>>);

impl ClusterRoots {
    pub(crate) fn new(server: ApiServer, states: mpsc::UnboundedSender<State>) -> Self {
        let kinds = vec![(Kind::TRUST_ROOT, None)];
        Self(Followed { server, kinds, objects: LastGood::new(read_root), states })
    }

    /// Follows them for ever: calls `changed` when all were listed, and then whenever others are used; with the roots, and how many there
    /// are.
    pub(crate) async fn follow(self, lists: Lists, mut changed: impl FnMut(RootSource, usize)) {
        let joined = |all: Vec<&Vec<u8>>, _: &Digest, _| {
            let count = all.len();
            changed(all.into_iter().cloned().fold(RootSource::new(), RootSource::pinned), count);
        };
        self.0.follow(lists, joined).await;
    }
}
