//! [`Deadline`]: until when an answer is of use.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// A future in a box, as methods of object-safe traits return it.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What is longer is as good as this.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
/// Kubernetes' own default.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that Kubernetes waits. Whoever reaches the webhook writes the query: it gets no more.
const MAX_WEBHOOK_TIMEOUT: Duration = Duration::from_secs(30);
/// What an answer needs to arrive.
const WEBHOOK_MARGIN: Duration = Duration::from_millis(500);

/// Until when an answer is of use. It is a point in time, so what is asked on the way shares one deadline.
///
/// ```
/// use std::time::Duration;
/// use trust_gate::Deadline;
/// let until = Deadline::after(Duration::from_secs(10));
/// assert!(!until.is_past() && until.left().is_some_and(|left| left <= Duration::from_secs(10)));
/// assert_eq!(Deadline::never().left(), None);
/// let webhook = Deadline::of_webhook(Some("timeout=5s")).left().unwrap_or_default();
/// assert!(webhook > Duration::from_secs(4) && webhook <= Duration::from_millis(4_500));
/// let forever = Deadline::of_webhook(Some("timeout=1e19s")).left().unwrap_or_default();
/// assert!(forever <= Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time.min(LONGEST)))
    }

    /// None: for stores that never wait, such as a folder.
    #[must_use]
    pub const fn never() -> Self {
        Self(None)
    }

    /// When an API server of Kubernetes stops waiting, by the query of its request's URL, such as `timeout=10s`; a little
    /// earlier, for the answer has to arrive. Ten seconds where it does not say.
    #[must_use]
    pub fn of_webhook(query: Option<&str>) -> Self {
        let said = query.unwrap_or_default().split('&').find_map(|pair| {
            let text = pair.strip_prefix("timeout=")?;
            let (number, unit) = match text.strip_suffix("ms") {
                Some(number) => (number, 0.001),
                None => (text.strip_suffix('s')?, 1.0),
            };
            Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit).ok()
        });
        let time = said.unwrap_or(WEBHOOK_TIMEOUT).min(MAX_WEBHOOK_TIMEOUT);
        Self::after(time.saturating_sub(WEBHOOK_MARGIN.min(time / 4)))
    }

    /// How much time is left; `None` if there is no deadline.
    #[must_use]
    pub fn left(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// Whether it is too late.
    #[must_use]
    pub fn is_past(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    /// The earlier of this deadline and one so long from now.
    #[must_use]
    pub fn at_most(self, time: Duration) -> Self {
        let other = Self::after(time);
        match (self.0, other.0) {
            (Some(ours), Some(theirs)) => Self(Some(ours.min(theirs))),
            (ours, theirs) => Self(ours.or(theirs)),
        }
    }

    /// Somewhat earlier: so much is left for what comes after, but no more than a quarter.
    #[cfg(feature = "registry")]
    pub(crate) fn less(self, time: Duration) -> Self {
        match (self.0, self.left()) {
            (Some(at), Some(left)) => Self(at.checked_sub(time.min(left / 4))),
            _ => self,
        }
    }

    /// The output of a future, if it is ready in time. It must be polled by a runtime of tokio with time enabled.
    ///
    /// # Panics
    /// Outside such a runtime, unless there is no deadline.
    #[cfg(feature = "registry")]
    pub async fn within<T>(self, future: impl Future<Output = T>) -> Option<T> {
        match self.left() {
            Some(left) => tokio::time::timeout(left, future).await.ok(),
            None => Some(future.await),
        }
    }

    /// Waits until it is past. Without a runtime that has a clock, for ever: then the store keeps the deadline.
    pub(crate) async fn passes(self) {
        #[cfg(feature = "registry")]
        if let (Some(at), Ok(_)) = (self.0, tokio::runtime::Handle::try_current()) {
            return tokio::time::sleep_until(at.into()).await;
        }
        core::future::pending().await
    }
}

/// Runs a future on this thread. One that never waits, as those of a folder, is polled once.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = core::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
