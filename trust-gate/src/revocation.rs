//! [`RevocationSource`]: where OCSP responses and CRLs come from; [`collect_revocations`]: all that a request needs.

use std::sync::Arc;

use futures_util::future::{self, Either};
use futures_util::stream::{self, StreamExt as _};
use trust_core::UnixTime;
use trust_core::notation::{COSE_MEDIA_TYPE, JWS_MEDIA_TYPE};
use trust_core::revocation::RevocationQuery;
use trust_policy::{Artifact, Evidence, FetchFailure, PolicySet, Request, RevocationAnswer};

use crate::deadline::{Boxed, Deadline};
use crate::store::StoreError;

/// OCSP, then CRLs; the last round sees which CRLs count.
const MAX_ROUNDS: usize = 3;
/// Queries of one request: a few certificates of a few signers.
const MAX_QUERIES: usize = 64;
/// Queries at a time: each answer may be long.
const WIDTH: usize = 4;
/// Bytes of all answers of one request.
const MAX_LEN: usize = 64 << 20;

/// Where OCSP responses and CRLs come from.
///
/// An implementor promises that it answers by the deadline, with what it received, now or from a cache. Signatures are verified during
/// evaluation.
pub trait RevocationSource: core::fmt::Debug + Send + Sync {
    /// The OCSP response or the CRL.
    ///
    /// # Errors
    /// If it cannot be fetched.
    fn answer<'a>(
        &'a self,
        query: &'a RevocationQuery,
        until: Deadline,
    ) -> Boxed<'a, Result<Arc<[u8]>, StoreError>>;

    /// Drops a cached answer, which did not count.
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

/// Fetches the OCSP responses and CRLs that a request needs, after its images were [collected](crate::collect_for_async): for signatures of
/// the Notary Project, so far as policies trust their certificates. What is not answered by the deadline is a failure in the evidence.
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
        what: "revocation for the request".to_owned(),
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
            let failure = too_much(count, "queries", MAX_QUERIES).into_failure(query.url());
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
