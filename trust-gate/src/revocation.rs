//! [`RevocationSource`]: where it is asked whether certificates are revoked; [`collect_revocations`]: all that a request needs of it.

use futures_util::future::{self, Either};
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
    ) -> Boxed<'a, Result<Vec<u8>, StoreError>>;

    /// An answer did not count when it was judged: one that is kept is not given again.
    fn forget<'a>(&'a self, query: &'a RevocationQuery) -> Boxed<'a, ()> {
        let _ = query;
        Box::pin(future::ready(()))
    }
}

impl<T: RevocationSource + ?Sized> RevocationSource for std::sync::Arc<T> {
    fn answer<'a>(
        &'a self,
        query: &'a RevocationQuery,
        until: Deadline,
    ) -> Boxed<'a, Result<Vec<u8>, StoreError>> {
        (**self).answer(query, until)
    }

    fn forget<'a>(&'a self, query: &'a RevocationQuery) -> Boxed<'a, ()> {
        (**self).forget(query)
    }
}

/// Asks what is to be known about the revocation of certificates, once the images of a request were
/// [collected](crate::collect_for_async): of signatures of the Notary Project, where the policies trust who signed. Everything is asked at
/// once, and what is not answered by the deadline is a failure in the evidence.
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
    for _ in 0..MAX_ROUNDS {
        let needed = policies.requirements(request, evidence, now);
        future::join_all(needed.refused_revocations.iter().map(|query| source.forget(query))).await;
        let left = MAX_QUERIES.saturating_sub(evidence.revocations.len());
        let queries: Vec<&RevocationQuery> = needed.revocations.iter().take(left).collect();
        if queries.is_empty() {
            return;
        }
        let answers = future::join_all(queries.iter().map(|query| ask(source, query, until))).await;
        evidence.revocations.extend(queries.iter().map(ToString::to_string).zip(answers));
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
    match answer {
        Ok(bytes) => Ok(RevocationAnswer(bytes.into())),
        Err(error) => Err(error.into_failure(query.url())),
    }
}
