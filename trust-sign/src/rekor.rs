//! Rekor: an entry of a transparency log.

use core::time::Duration;

use trust_core::{LogClaim, LogEntry, LogError, Reasons};
use trust_gate::{Deadline, HttpResponse, Transport};
use trust_rekor::{read_answer_v1, submission_v1, submission_v2};
use url::Url;

use crate::exchange::{self, Unanswered};

/// Rekor v2 answers when its next checkpoint is published.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A transparency log.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) url: String,
    pub(crate) api: RekorApi,
}

/// The API of a transparency log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RekorApi {
    /// Entries with a promise, and with an integrated time.
    V1,
    /// Entries with a proof alone; the time is a timestamp authority's.
    V2,
}

/// The log did not answer with an entry.
pub(crate) struct NotLogged {
    pub(crate) problem: String,
    pub(crate) entry: MaybeLogged,
}

/// Whether the entry may be in the log nevertheless.
#[derive(Clone, Copy)]
pub(crate) enum MaybeLogged {
    No,
    /// Perhaps, or certainly, at an unknown index.
    Somewhere,
    At(u64),
}

impl NotLogged {
    /// It was never sent.
    fn at_once(problem: String) -> Self {
        Self { problem, entry: MaybeLogged::No }
    }

    fn somewhere(problem: String) -> Self {
        Self { problem, entry: MaybeLogged::Somewhere }
    }
}

impl From<Unanswered> for NotLogged {
    fn from(error: Unanswered) -> Self {
        match error.may_have_arrived {
            true => Self::somewhere(error.problem),
            false => Self::at_once(error.problem),
        }
    }
}

impl Log {
    /// What this log is sent.
    pub(crate) fn submission(&self, claim: &LogClaim<'_>) -> Result<String, LogError> {
        match self.api {
            RekorApi::V1 => submission_v1(claim),
            RekorApi::V2 => submission_v2(claim),
        }
    }

    /// Has the log take it in.
    pub(crate) async fn submit(
        &self,
        transport: &dyn Transport,
        submission: String,
        until: Deadline,
    ) -> Result<LogEntry, NotLogged> {
        let until = until.at_most(TIMEOUT);
        match self.api {
            RekorApi::V1 => self.submit_v1(transport, submission, until).await,
            RekorApi::V2 => self.submit_v2(transport, submission, until).await,
        }
    }

    /// It answers with the entry that it has, so it may be asked again.
    async fn submit_v1(
        &self,
        transport: &dyn Transport,
        submission: String,
        until: Deadline,
    ) -> Result<LogEntry, NotLogged> {
        let url = exchange::below(&self.url, "api/v1/log/entries").map_err(NotLogged::at_once)?;
        let request = exchange::post(url.clone(), "application/json", submission.into_bytes());
        let first = exchange::send(transport, request.clone(), until).await;
        let is_lost = match &first {
            Ok(response) => response.status >= 500,
            Err(error) => error.may_have_arrived,
        };
        let asks_again = is_lost && !until.is_past();
        let mut response = match asks_again {
            true => exchange::send(transport, request, until).await.map_err(perhaps)?,
            false => first?,
        };
        let is_there = response.status == 409;
        if let (true, Some(location)) = (is_there, location(&response, &url)) {
            response = exchange::send(transport, exchange::get(location), until).await.map_err(perhaps)?;
        }
        match response.status {
            200..=299 => read_answer_v1(&response.body)
                .map_err(|error| NotLogged::somewhere(Reasons(&error).to_string())),
            409 => Err(there_already(&response)),
            status if asks_again || is_there || status >= 500 => {
                Err(NotLogged::somewhere(exchange::problem(&response)))
            }
            _ => Err(NotLogged::at_once(exchange::problem(&response))),
        }
    }

    /// It does not give an entry a second time, so it is asked once.
    async fn submit_v2(
        &self,
        transport: &dyn Transport,
        submission: String,
        until: Deadline,
    ) -> Result<LogEntry, NotLogged> {
        let url = exchange::below(&self.url, "api/v2/log/entries").map_err(NotLogged::at_once)?;
        let request = exchange::post(url, "application/json", submission.into_bytes());
        let response = exchange::send(transport, request, until).await?;
        match response.status {
            200..=299 => LogEntry::from_json(&response.body)
                .map_err(|error| NotLogged::somewhere(Reasons(&error).to_string())),
            409 => Err(there_already(&response)),
            // What a rule refuses has not been taken in; what meets a broken server may have been.
            500.. => Err(NotLogged::somewhere(exchange::problem(&response))),
            _ => Err(NotLogged::at_once(exchange::problem(&response))),
        }
    }
}

/// No answer from a log that was asked before, and so may have the entry.
fn perhaps(error: Unanswered) -> NotLogged {
    NotLogged::somewhere(error.problem)
}

/// Where the entry is, if the answer says so: on the same host.
fn location(response: &HttpResponse, asked: &Url) -> Option<Url> {
    let location = asked.join(response.header("location")?).ok()?;
    (location.origin() == asked.origin()).then_some(location)
}

fn there_already(response: &HttpResponse) -> NotLogged {
    let said = exchange::problem(response);
    let problem = format!(
        "it already has this very entry and does not return it ({said}); sign something that differs, for example by an annotation"
    );
    NotLogged { problem, entry: index_in(&said).map_or(MaybeLogged::Somewhere, MaybeLogged::At) }
}

/// The index that Rekor v2 names where it has an entry already.
fn index_in(said: &str) -> Option<u64> {
    said.rsplit_once("index ")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
