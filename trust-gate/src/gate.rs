//! [`Gate`]: answers admission reviews.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;
use trust_core::{Digest, UnixTime};
use trust_policy::{
    AdmissionResponse, AdmissionReview, Evidence, PolicySet, Request, Trust, TrustOptions, Verdict, evaluate,
};
use trust_rekor::WitnessPolicyError;

use crate::clock;
use crate::collect::collect_for_async;
use crate::deadline::Deadline;
use crate::discovery::Limits;
use crate::metrics::{Metrics, ReviewOutcome};
use crate::objects::{ObjectStore, Objects};
use crate::revocation::{RevocationSource, collect_revocations};
use crate::root_source::Roots;
use crate::store::EvidenceStore;
use crate::surroundings::Surroundings;

/// Reviews that are answered at a time unless it is said otherwise.
const MAX_IN_FLIGHT: u32 = 64;
/// A review counts as one for each such number of commas that it has: the memory that it needs grows with its values.
const COMMAS: usize = 2_000;
/// What judging and answering needs of the time that there is.
const MARGIN: Duration = Duration::from_millis(200);

/// Answers admission reviews: policies, trust and stores in, one answer out, by the deadline.
///
/// Whatever happens, the answer is one: what could not be fetched or judged in time is named in it, and denies. It needs tokio;
/// [`review_blocking`](Self::review_blocking) brings its own. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    policies: RwLock<Arc<PolicySet>>,
    trust: RwLock<GateTrust>,
    store: Box<dyn EvidenceStore>,
    objects: Box<dyn ObjectStore>,
    revocation: Option<Box<dyn RevocationSource>>,
    surroundings: Option<Box<dyn Surroundings>>,
    limits: Limits,
    in_flight: Arc<Semaphore>,
    max_in_flight: u32,
    metrics: Metrics,
    /// For who has no runtime.
    runtime: OnceLock<tokio::runtime::Runtime>,
}

/// A [`Gate`] that is being configured.
#[derive(Debug)]
pub struct GateBuilder(Inner);

/// By what a [`Gate`] verifies signatures.
#[derive(Clone, Debug)]
enum GateTrust {
    Fixed(Arc<Trust>),
    /// Roots that stay fresh, and what was made of the last one.
    Fresh {
        roots: Roots,
        options: TrustOptions,
        made: Arc<RwLock<Made>>,
    },
}

/// What was made of a root, by its digest.
type Made = Option<(Digest, Arc<Trust>)>;

/// The answer to one review.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Reviewed {
    /// What was asked, with what is [known](Surroundings) about it; `None` if it cannot be read.
    pub review: Option<Arc<AdmissionReview>>,
    /// What the API server is answered, with HTTP status 200; `None` for what is no review that could be answered: that is
    /// HTTP status 400.
    pub response: Option<AdmissionResponse>,
    /// Why; `None` if it was not judged.
    pub verdict: Option<Verdict>,
    /// By what it was judged.
    pub evidence: Arc<Evidence>,
    /// When.
    pub now: UnixTime,
}

/// What came of judging a request.
#[derive(Debug)]
struct Judged {
    /// `None` if the evaluation stopped unexpectedly.
    verdict: Option<Verdict>,
    evidence: Arc<Evidence>,
    /// What is to be said of the trust root.
    about_root: Option<String>,
}

/// The options of a trust cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("trust options")]
pub struct GateError(#[from] WitnessPolicyError);

impl GateBuilder {
    /// Verifies by roots that stay fresh, instead. Once they have expired, only the keys of policies count.
    ///
    /// # Errors
    /// If the options cannot be used.
    pub fn roots(mut self, roots: Roots, options: TrustOptions) -> Result<Self, GateError> {
        // So that a mistake is found now, not at the first review.
        Trust::with_options(trust_core::TrustRoot::empty(), options.clone())?;
        self.0.trust = RwLock::new(GateTrust::Fresh { roots, options, made: Arc::default() });
        Ok(self)
    }

    /// Looks ConfigMaps and Secrets up there.
    #[must_use]
    pub fn objects(mut self, objects: impl ObjectStore + 'static) -> Self {
        self.0.objects = Box::new(objects);
        self
    }

    /// Fetches OCSP responses and CRLs there, for signatures of the Notary Project. Without it, the status of a certificate that names a
    /// responder or a CRL is unknown.
    #[must_use]
    pub fn revocation(mut self, source: impl RevocationSource + 'static) -> Self {
        self.0.revocation = Some(Box::new(source));
        self
    }

    /// Completes requests by what reviews do not say: labels of namespaces, and roles of users.
    #[must_use]
    pub fn surroundings(mut self, surroundings: impl Surroundings + 'static) -> Self {
        self.0.surroundings = Some(Box::new(surroundings));
        self
    }

    /// Fetches no more than this for one review.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = limits;
        self
    }

    /// Answers at most `reviews` reviews at a time; others are denied at once, because a queue would make all of them late. A large review
    /// counts as several.
    #[must_use]
    pub fn max_in_flight(mut self, reviews: usize) -> Self {
        self.0.in_flight = Arc::new(Semaphore::new(reviews));
        self.0.max_in_flight = u32::try_from(reviews).unwrap_or(u32::MAX);
        self
    }

    /// The gate.
    #[must_use]
    pub fn build(self) -> Gate {
        Gate(Arc::new(self.0))
    }
}

impl Gate {
    /// A gate that judges by these policies, with this trust, what this store has.
    #[must_use]
    pub fn new(policies: PolicySet, trust: Trust, store: impl EvidenceStore + 'static) -> Self {
        Self::builder(policies, trust, store).build()
    }

    /// Likewise, to be configured further.
    #[must_use]
    pub fn builder(policies: PolicySet, trust: Trust, store: impl EvidenceStore + 'static) -> GateBuilder {
        GateBuilder(Inner {
            policies: RwLock::new(Arc::new(policies)),
            trust: RwLock::new(GateTrust::Fixed(Arc::new(trust))),
            store: Box::new(store),
            objects: Box::new(Objects::default()),
            revocation: None,
            surroundings: None,
            limits: Limits::default(),
            in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT as usize)),
            max_in_flight: MAX_IN_FLIGHT,
            metrics: Metrics::default(),
            runtime: OnceLock::new(),
        })
    }

    /// Judges by other policies from now on. Reviews that are being judged keep theirs.
    pub fn replace_policies(&self, policies: PolicySet) {
        *self.0.policies.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policies);
    }

    /// Verifies by another trust from now on. Reviews that are being judged keep theirs.
    pub fn replace_trust(&self, trust: Trust) {
        *self.0.trust.write().unwrap_or_else(PoisonError::into_inner) = GateTrust::Fixed(Arc::new(trust));
    }

    /// Identifies what is trusted now: the digest of the root, or a constant one where only the keys of policies count.
    #[must_use]
    pub fn trust_digest(&self) -> Digest {
        let (trust, _) = self.0.trust(clock::now());
        trust.root().digest().cloned().unwrap_or_else(|| Digest::sha256(b"keys only"))
    }

    /// What was done so far, as numbers.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// As how many reviews this one counts.
    fn weight(&self, body: &[u8]) -> u32 {
        let commas = body.iter().filter(|byte| **byte == b',').count();
        u32::try_from(1 + commas / COMMAS).unwrap_or(u32::MAX).min(self.0.max_in_flight).max(1)
    }

    /// Answers a review, at the latest at the deadline ([`Deadline::of_webhook`]). If the future is dropped, the review goes on to its
    /// end, for others may wait for what it fetches.
    pub async fn review(&self, body: &[u8], until: Deadline) -> Reviewed {
        let start = Instant::now();
        let now = clock::now();
        let (outcome, reviewed) = match AdmissionReview::from_json(body) {
            Err(error) => {
                let response = AdmissionResponse::for_unreadable(body, &error);
                (ReviewOutcome::Unreadable, unjudged(None, response, now))
            }
            Ok(review) => self.admit(review, self.weight(body), now, until).await,
        };
        self.0.metrics.add(outcome, start.elapsed());
        reviewed
    }

    /// Judges a review if there is room, and denies it if that takes too long or fails.
    async fn admit(
        &self,
        mut review: AdmissionReview,
        weight: u32,
        now: UnixTime,
        until: Deadline,
    ) -> (ReviewOutcome, Reviewed) {
        let permit = self.0.in_flight.clone().try_acquire_many_owned(weight);
        if permit.is_ok() {
            self.0.complete(&mut review.request, until.less(MARGIN)).await;
        }
        let review = Arc::new(review);
        let deny = |message: &str| {
            unjudged(Some(review.clone()), Some(AdmissionResponse::deny(&*review.uid, message)), now)
        };
        let Ok(permit) = permit else {
            return (ReviewOutcome::Busy, deny("denied: busy, too many reviews at a time; try again"));
        };
        let uid = &review.uid;
        let resource = review.request.resource.id().to_string();
        let span = tracing::info_span!("review", uid, resource);
        let judging =
            tokio::spawn(self.0.clone().answer(review.clone(), now, until, permit).instrument(span));
        match until.within(judging).await {
            Some(Ok(reviewed)) => {
                let is_allowed = reviewed.response.as_ref().is_some_and(|response| response.allowed);
                (if is_allowed { ReviewOutcome::Allowed } else { ReviewOutcome::Denied }, reviewed)
            }
            // What is late was not judged, and neither was what stopped unexpectedly.
            _ => (ReviewOutcome::Late, deny("denied: not judged by the deadline")),
        }
    }

    /// Judges a request that no review asks for, such as what already runs, by the policies and the trust of now. What is not
    /// fetched by the deadline is missing in the evidence, which denies. `None` if the evaluation stopped unexpectedly. It counts for
    /// nothing in the [metrics](Self::metrics).
    pub async fn judge(&self, mut request: Request, until: Deadline) -> Option<Verdict> {
        self.0.complete(&mut request, until).await;
        self.0.judge(Arc::new(request), |request| request, clock::now(), until).await.verdict
    }

    /// Where this gate finds evidence.
    #[must_use]
    pub fn store(&self) -> &dyn EvidenceStore {
        self.0.store.as_ref()
    }

    /// [`review`](Self::review), for who has no runtime. It must not be called from within one.
    #[must_use]
    pub fn review_blocking(&self, body: &[u8], until: Deadline) -> Reviewed {
        let runtime = match self.0.runtime.get() {
            Some(runtime) => runtime,
            None => {
                match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
                    Ok(runtime) => self.0.runtime.get_or_init(|| runtime),
                    Err(error) => {
                        let unreadable = AdmissionReview::from_json(body);
                        let message = format!("denied: no runtime can be started: {error}");
                        let response =
                            unreadable.ok().map(|review| AdmissionResponse::deny(review.uid, &message));
                        return unjudged(None, response, clock::now());
                    }
                }
            }
        };
        runtime.block_on(self.review(body, until))
    }
}

impl Inner {
    /// Judges a review and answers it. The permit is held until both have ended.
    async fn answer(
        self: Arc<Self>,
        review: Arc<AdmissionReview>,
        now: UnixTime,
        until: Deadline,
        permit: OwnedSemaphorePermit,
    ) -> Reviewed {
        let judged = self.judge(review.clone(), |review| &review.request, now, until.less(MARGIN)).await;
        drop(permit);
        let Judged { verdict, evidence, about_root } = judged;
        let Some(verdict) = verdict else {
            let response =
                AdmissionResponse::deny(&*review.uid, "denied: the evaluation stopped unexpectedly");
            return Reviewed { review: Some(review), response: Some(response), verdict: None, evidence, now };
        };
        let mut response = review.respond(&verdict);
        if let Some(about) = about_root {
            response.audit_annotations.insert("trust-root".to_owned(), about.into());
        }
        tracing::info!(allowed = response.allowed);
        Reviewed { review: Some(review), response: Some(response), verdict: Some(verdict), evidence, now }
    }

    /// Adds what a review does not say, as far as that is known in a third of the time: what is fetched needs the rest.
    async fn complete(&self, request: &mut Request, until: Deadline) {
        let Some(surroundings) = &self.surroundings else { return };
        let until = until.left().map_or(until, |left| until.at_most(left / 3));
        // What is not known by then stays unknown.
        let _ = until.within(surroundings.complete(request, until)).await;
    }

    /// Fetches what is needed, and evaluates it.
    async fn judge<T: Send + Sync + 'static>(
        &self,
        asked: Arc<T>,
        request: fn(&T) -> &Request,
        now: UnixTime,
        until: Deadline,
    ) -> Judged {
        let policies = self.policies.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (trust, about_root) = self.trust(now);
        let (store, objects) = (self.store.as_ref(), self.objects.as_ref());
        let collecting =
            collect_for_async(&policies, request(&asked), store, objects, &self.limits, now, until);
        let mut evidence = collecting.await;
        if let Some(source) = &self.revocation {
            let source = source.as_ref();
            collect_revocations(&policies, request(&asked), source, &mut evidence, now, until).await;
        }
        let evidence = Arc::new(evidence);
        let judging = {
            let evidence = evidence.clone();
            tokio::task::spawn_blocking(move || evaluate(&policies, request(&asked), &evidence, &trust, now))
        };
        Judged { verdict: judging.await.ok(), evidence, about_root }
    }

    /// What is trusted now, and what is to be said of it.
    fn trust(&self, now: UnixTime) -> (Arc<Trust>, Option<String>) {
        let trust = self.trust.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (roots, options, made) = match trust {
            GateTrust::Fixed(trust) => {
                let about = trust.root().digest().map(ToString::to_string);
                return (trust, about);
            }
            GateTrust::Fresh { roots, options, made } => (roots, options, made),
        };
        let current = match roots.current(now) {
            Ok(current) => current,
            Err(error) => return (Arc::new(Trust::keys_only()), Some(error.to_string())),
        };
        let about = match current.confirmed {
            Some(at) => format!("{}, confirmed at {at}", current.digest),
            None => format!("{}, not confirmed since it was loaded", current.digest),
        };
        let known = made.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, trust)) = known.filter(|(digest, _)| *digest == current.digest) {
            return (trust, Some(about));
        }
        let trust = Trust::with_options(current.root.clone(), options).unwrap_or_else(|_| Trust::keys_only());
        let trust = Arc::new(trust);
        *made.write().unwrap_or_else(PoisonError::into_inner) = Some((current.digest.clone(), trust.clone()));
        (trust, Some(about))
    }
}

fn unjudged(
    review: Option<Arc<AdmissionReview>>,
    response: Option<AdmissionResponse>,
    now: UnixTime,
) -> Reviewed {
    Reviewed { review, response, verdict: None, evidence: Arc::default(), now }
}
