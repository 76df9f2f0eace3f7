//! [`RevocationSource`]: where it is asked whether certificates are revoked; [`collect_revocations`]: all that a request needs of it.

use std::sync::Arc;

use futures_util::future::{self, Either};
use futures_util::stream::{self, StreamExt as _};
use trust_core::UnixTime;
use trust_core::notation::{COSE_MEDIA_TYPE, JWS_MEDIA_TYPE};
use trust_core::revocation::RevocationQuery;
use trust_policy::{Artifact, Evidence, FetchFailure, PolicySet, Request, RevocationAnswer};

use crate::deadline::{Boxed, Deadline};
use crate::store::StoreError;

/// Responders are asked, and then lists; the last round sees what became of those.
const MAX_ROUNDS: usize = 3;
/// Questions of one request: a few certificates of a few signers.
const MAX_QUERIES: usize = 64;
/// Of these, at a time: each answer may be long.
const WIDTH: usize = 4;
/// Bytes of all answers of one request.
const MAX_LEN: usize = 64 << 20;

/// Where it is asked whether certificates are revoked.
///
/// An implementor promises that it answers by the deadline, and that what it answers is what was answered to it, now or while it was good:
/// who signed it is proved when it is judged.
pub trait RevocationSource: core::fmt::Debug + Send + Sync {
    /// The answer of a responder, or a list.
    ///
    /// # Errors
    /// If there is none.
    fn answer<'a>(
        &'a self,
        query: &'a RevocationQuery,
        until: Deadline,
    ) -> Boxed<'a, Result<Arc<[u8]>, StoreError>>;

    /// An answer did not count when it was judged: one that is kept is not given again.
    fn forget<'a>(&'a self, query: &'a RevocationQuery) -> Boxed<'a, ()> {
        let _ = query;
        Box::pin(future::ready(()))
    }
}

impl<T: RevocationSource + ?Sized> RevocationSource for Arc<T> {
    fn answer<'a>(
        &'a self,
        query: &'a RevocationQuery,
        until: Deadline,
    ) -> Boxed<'a, Result<Arc<[u8]>, StoreError>> {
        (**self).answer(query, until)
    }

    fn forget<'a>(&'a self, query: &'a RevocationQuery) -> Boxed<'a, ()> {
        (**self).forget(query)
    }
}

/// Asks what is to be known about the revocation of certificates, once the images of a request were
/// [collected](crate::collect_for_async): of signatures of the Notary Project, where the policies trust who signed. What is not answered by
/// the deadline is a failure in the evidence.
pub async fn collect_revocations(
    policies: &PolicySet,
    request: &Request,
    source: &dyn RevocationSource,
    evidence: &mut Evidence,
    now: UnixTime,
    until: Deadline,
) {
    let is_notation = |one: &Artifact| [JWS_MEDIA_TYPE, COSE_MEDIA_TYPE].contains(&one.media_type.as_str());
    if !evidence.images.values().flat_map(|image| &image.artifacts).any(is_notation) {
        return;
    }
    let too_much = |found: usize, unit: &'static str, limit: usize| StoreError::TooLarge {
        what: "what is asked about revocation for the request".to_owned(),
        found: found as u64,
        unit,
        limit: limit as u64,
    };
    let mut len = 0;
    for _ in 0..MAX_ROUNDS {
        let needed = policies.requirements(request, evidence, now);
        future::join_all(needed.refused_revocations.iter().map(|query| source.forget(query))).await;
        if needed.revocations.is_empty() {
            return;
        }
        let mut wanted: Vec<RevocationQuery> = needed.revocations.into_iter().collect();
        let count = evidence.revocations.len() + wanted.len();
        let room = MAX_QUERIES.saturating_sub(evidence.revocations.len());
        for query in wanted.split_off(room.min(wanted.len())) {
            let failure = too_much(count, "questions", MAX_QUERIES).into_failure(query.url());
            evidence.revocations.insert(query.to_string(), Err(failure));
        }
        let asking = wanted.into_iter().map(|query| async move {
            let answer = ask(source, &query, until).await;
            (query, answer)
        });
        let mut answers = stream::iter(asking).buffer_unordered(WIDTH);
        while let Some((query, mut answer)) = answers.next().await {
            len += answer.as_ref().map_or(0, |answer| answer.0.len());
            if len > MAX_LEN {
                answer = Err(too_much(len, "bytes", MAX_LEN).into_failure(query.url()));
            }
            evidence.revocations.insert(query.to_string(), answer);
        }
    }
}

async fn ask(
    source: &dyn RevocationSource,
    query: &RevocationQuery,
    until: Deadline,
) -> Result<RevocationAnswer, FetchFailure> {
    let late = async {
        until.passes().await;
        Err(StoreError::TimedOut { what: query.url().to_owned() })
    };
    let answer = match future::select(source.answer(query, until), Box::pin(late)).await {
        Either::Left((answer, _)) | Either::Right((answer, _)) => answer,
    };
    answer.map(RevocationAnswer).map_err(|error| error.into_failure(query.url()))
}
