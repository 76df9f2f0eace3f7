//! [`Paced`]: a transport with a rate limit.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::deadline::{Boxed, Deadline};
use crate::transport::{HttpRequest, HttpResponse, Transport, TransportError};

/// A transport with a rate limit: a watch that judges a whole cluster again must not use up the requests that a registry grants, which starting
/// Pods need.
///
/// A request that could not be sent before its deadline is not sent.
#[derive(Debug)]
pub struct Paced<T> {
    transport: T,
    interval: Duration,
    /// How far ahead of the rate requests may be sent.
    ahead: Duration,
    /// When the next one is due.
    next: Mutex<Option<Instant>>,
}

impl<T: Transport> Paced<T> {
    /// Sends at most `burst` requests at once, and at most `per_second` per second in the long run; zero counts as one.
    #[must_use]
    pub fn new(transport: T, per_second: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self { transport, interval, ahead: interval * (burst.max(1) - 1), next: Mutex::default() }
    }

    /// When a request may be sent; `None` if that is after its deadline.
    fn place(&self, until: Deadline) -> Option<Instant> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let earliest = now.checked_sub(self.ahead).unwrap_or(now);
        let due = next.map_or(earliest, |next| next.max(earliest));
        let wait = due.saturating_duration_since(now);
        if until.left().is_some_and(|left| left < wait) {
            return None;
        }
        *next = Some(due + self.interval);
        Some(due)
    }
}

impl<T: Transport> Transport for Paced<T> {
    fn send<'a>(
        &'a self,
        request: HttpRequest,
        until: Deadline,
    ) -> Boxed<'a, Result<HttpResponse, TransportError>> {
        Box::pin(async move {
            let place = self.place(until).ok_or(TransportError::TimedOut)?;
            tokio::time::sleep_until(place).await;
            self.transport.send(request, until).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Says200;

    impl Transport for Says200 {
        fn send<'a>(
            &'a self,
            _: HttpRequest,
            _: Deadline,
        ) -> Boxed<'a, Result<HttpResponse, TransportError>> {
            Box::pin(async { Ok(HttpResponse::new(200, Vec::new(), Vec::new())) })
        }
    }

    #[test]
    fn a_burst_goes_through_and_the_rest_keeps_the_pace() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(async {
            let paced = Paced::new(Says200, 10, 5);
            let get = |until| {
                let url = "https://registry.example.com".parse().unwrap();
                paced.send(HttpRequest::get(url, 1, crate::transport::Reach::Public), until)
            };
            let start = Instant::now();
            for (number, millis) in [0, 0, 0, 0, 0, 100, 200].into_iter().enumerate() {
                get(Deadline::never()).await.unwrap();
                assert_eq!(start.elapsed(), Duration::from_millis(millis), "request {number}");
            }
            assert_eq!(
                get(Deadline::after(Duration::from_millis(50))).await.unwrap_err(),
                TransportError::TimedOut
            );
            // What was not sent took no place.
            get(Deadline::never()).await.unwrap();
            assert_eq!(start.elapsed(), Duration::from_millis(300));
            tokio::time::sleep(Duration::from_secs(60)).await;
            let start = Instant::now();
            for millis in [0, 0, 0, 0, 0, 100] {
                get(Deadline::never()).await.unwrap();
                assert_eq!(start.elapsed(), Duration::from_millis(millis));
            }
        });
    }
}
