//! [`SigningConfig`]: which services a signer asks
//! ([`SigningConfig` v0.2](https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto)).

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;

use crate::text::json::{self, AtMost, JsonError, proto_enum};
use crate::text::time::{TimeWindow, UnixTime};

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";
/// No instance has more than ten services of a kind.
const MAX_SERVICES: usize = 256;
/// The real ones have 2 KiB.
const MAX_LEN: usize = 1 << 20;

/// Which services of a Sigstore instance a signer asks. It is as trustworthy as its source; what the services answer is verified with a
/// [`TrustRoot`](crate::TrustRoot).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningConfig {
    authorities: Vec<Service>,
    issuers: Vec<Service>,
    logs: Vec<Service>,
    log_selector: Selector,
    timestamp_authorities: Vec<Service>,
    timestamp_selector: Selector,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service {
    /// Where it is; its API's paths are below.
    pub url: String,
    /// The version of its API.
    pub version: u32,
    /// When new signatures may ask it.
    pub valid_for: TimeWindow,
    /// Who runs it.
    pub operator: String,
}

/// How many of the services are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Each of them.
    All,
    /// One.
    Any,
    /// Exactly this many.
    Exact(usize),
}

/// The configuration cannot be read, or names too few services.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SigningConfigError {
    /// It is too long.
    #[error("signing configuration has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It is not JSON, or of another shape.
    #[error("signing configuration is malformed")]
    Json(#[from] JsonError),
    /// It is of another type.
    #[error("signing configuration has the media type `{found}`, expected `{MEDIA_TYPE}`")]
    MediaType {
        /// What was found.
        found: String,
    },
    /// A list is too long.
    #[error("`{list}` has {found} entries, expected at most {MAX_SERVICES}")]
    TooMany {
        /// Which.
        list: &'static str,
        /// How many.
        found: usize,
    },
    /// A selector is not known.
    #[error("`{list}` has the selector `{found}`, expected ALL, ANY or EXACT with a count above 0")]
    Selector {
        /// Of which list.
        list: &'static str,
        /// What was found.
        found: String,
    },
    /// There are fewer services than must be asked.
    #[error("found {found} {what} that can be asked at {now}, expected {expected}; an operator counts once")]
    TooFew {
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many must be asked.
        expected: usize,
        /// When.
        now: UnixTime,
    },
}

impl SigningConfig {
    /// Reads a configuration, v0.2. Unknown fields are skipped.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn from_json(bytes: &[u8]) -> Result<Self, SigningConfigError> {
        if bytes.len() > MAX_LEN {
            return Err(SigningConfigError::TooLong { found: bytes.len() });
        }
        let wire: Wire = json::from_slice(bytes)?;
        if wire.media_type != MEDIA_TYPE {
            return Err(SigningConfigError::MediaType { found: wire.media_type });
        }
        Ok(Self {
            authorities: services("caUrls", wire.ca_urls)?,
            issuers: services("oidcUrls", wire.oidc_urls)?,
            log_selector: selector("rekorTlogConfig", wire.rekor_tlog_config, &wire.rekor_tlog_urls)?,
            logs: services("rekorTlogUrls", wire.rekor_tlog_urls)?,
            timestamp_selector: selector("tsaConfig", wire.tsa_config, &wire.tsa_urls)?,
            timestamp_authorities: services("tsaUrls", wire.tsa_urls)?,
        })
    }

    /// The authority that is asked for a certificate.
    ///
    /// # Errors
    /// If there is none now whose API has one of these versions.
    pub fn authority(&self, versions: &[u32], now: UnixTime) -> Result<&Service, SigningConfigError> {
        let what = "certificate authorities";
        let found = select(what, &self.authorities, Selector::Any, versions, now)?;
        found.first().copied().ok_or(SigningConfigError::TooFew { what, found: 0, expected: 1, now })
    }

    /// The logs that are asked: none, if there are none at all.
    ///
    /// # Errors
    /// If there are fewer now, whose API has one of these versions, than must be asked.
    pub fn logs(&self, versions: &[u32], now: UnixTime) -> Result<Vec<&Service>, SigningConfigError> {
        select("transparency logs", &self.logs, self.log_selector, versions, now)
    }

    /// The timestamp authorities that are asked, likewise.
    ///
    /// # Errors
    /// As [`logs`](Self::logs).
    pub fn timestamp_authorities(
        &self,
        versions: &[u32],
        now: UnixTime,
    ) -> Result<Vec<&Service>, SigningConfigError> {
        select("timestamp authorities", &self.timestamp_authorities, self.timestamp_selector, versions, now)
    }

    /// Who issues identity tokens.
    #[must_use]
    pub fn issuers(&self) -> &[Service] {
        &self.issuers
    }
}

/// Of each operator the service with the highest version, and of those the newest; then as many as the selector says.
fn select<'a>(
    what: &'static str,
    services: &'a [Service],
    selector: Selector,
    versions: &[u32],
    now: UnixTime,
) -> Result<Vec<&'a Service>, SigningConfigError> {
    let mut by_operator: BTreeMap<&str, (usize, &Service)> = BTreeMap::new();
    let usable = |one: &&Service| one.valid_for.contains(now) && versions.contains(&one.version);
    let rank = |one: &Service| (one.version, one.valid_for.start);
    for (place, one) in services.iter().enumerate().filter(|(_, one)| usable(one)) {
        // Services without an operator count each by themselves.
        let operator = if one.operator.is_empty() { &one.url } else { &one.operator };
        let best = by_operator.entry(operator).or_insert((place, one));
        if rank(one) > rank(best.1) {
            *best = (place, one);
        }
    }
    let mut found: Vec<(usize, &Service)> = by_operator.into_values().collect();
    found.sort_by_key(|(place, _)| *place);
    let mut found: Vec<&Service> = found.into_iter().map(|(_, one)| one).collect();
    let expected = match selector {
        _ if services.is_empty() => 0,
        Selector::All => found.len().max(1),
        Selector::Any => 1,
        Selector::Exact(count) => count,
    };
    if found.len() < expected {
        return Err(SigningConfigError::TooFew { what, found: found.len(), expected, now });
    }
    found.truncate(expected);
    Ok(found)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(alias = "media_type")]
    media_type: String,
    #[serde(default, alias = "ca_urls")]
    ca_urls: AtMost<WireService, MAX_SERVICES>,
    #[serde(default, alias = "oidc_urls")]
    oidc_urls: AtMost<WireService, MAX_SERVICES>,
    #[serde(default, alias = "rekor_tlog_urls")]
    rekor_tlog_urls: AtMost<WireService, MAX_SERVICES>,
    #[serde(alias = "rekor_tlog_config")]
    rekor_tlog_config: Option<WireSelector>,
    #[serde(default, alias = "tsa_urls")]
    tsa_urls: AtMost<WireService, MAX_SERVICES>,
    #[serde(alias = "tsa_config")]
    tsa_config: Option<WireSelector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireService {
    url: String,
    #[serde(alias = "major_api_version")]
    major_api_version: Option<u32>,
    #[serde(alias = "valid_for")]
    valid_for: Option<WireRange>,
    operator: Option<String>,
}

#[derive(Deserialize)]
struct WireRange {
    start: Option<UnixTime>,
    end: Option<UnixTime>,
}

#[derive(Deserialize)]
struct WireSelector {
    #[serde(default, deserialize_with = "proto_enum")]
    selector: Option<String>,
    #[serde(default)]
    count: usize,
}

fn services(
    list: &'static str,
    wire: AtMost<WireService, MAX_SERVICES>,
) -> Result<Vec<Service>, SigningConfigError> {
    let wire = wire.into_vec().map_err(|found| SigningConfigError::TooMany { list, found })?;
    Ok(wire
        .into_iter()
        .map(|one| Service {
            url: one.url,
            version: one.major_api_version.unwrap_or_default(),
            valid_for: one
                .valid_for
                .map_or(TimeWindow::ALWAYS, |range| TimeWindow { start: range.start, end: range.end }),
            operator: one.operator.unwrap_or_default(),
        })
        .collect())
}

/// Only an empty list may leave out how many of it are asked.
fn selector(
    list: &'static str,
    wire: Option<WireSelector>,
    services: &AtMost<WireService, MAX_SERVICES>,
) -> Result<Selector, SigningConfigError> {
    let wire = wire.unwrap_or(WireSelector { selector: None, count: 0 });
    match (wire.selector.as_deref(), wire.count) {
        (Some("ALL" | "1"), _) => Ok(Selector::All),
        (Some("ANY" | "2"), _) => Ok(Selector::Any),
        (Some("EXACT" | "3"), count @ 1..) => Ok(Selector::Exact(count)),
        (None, _) if services.found() == 0 => Ok(Selector::All),
        (found, count) => Err(SigningConfigError::Selector {
            list,
            found: format!("{} {count}", found.unwrap_or("SERVICE_SELECTOR_UNDEFINED")),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(logs: &str, selector: &str) -> Result<SigningConfig, SigningConfigError> {
        let text = format!(
            r#"{{"mediaType": "{MEDIA_TYPE}", "rekorTlogUrls": [{logs}], "rekorTlogConfig": {selector}}}"#
        );
        SigningConfig::from_json(text.as_bytes())
    }

    fn log(url: &str, version: u32, start: &str, operator: &str) -> String {
        format!(
            r#"{{"url": "{url}", "majorApiVersion": {version}, "validFor": {{"start": "{start}"}}, "operator": "{operator}"}}"#
        )
    }

    fn chosen(config: &SigningConfig, versions: &[u32]) -> Result<Vec<String>, SigningConfigError> {
        let now = "2026-11-27T00:00:00Z".parse().unwrap();
        let chosen = config.logs(versions, now)?;
        Ok(chosen.into_iter().map(|one| one.url.clone()).collect())
    }

    #[test]
    fn an_operator_is_asked_once_at_its_newest() {
        let logs = [
            log("a-old", 1, "2020-01-01T00:00:00Z", "a"),
            log("a-new", 2, "2025-01-01T00:00:00Z", "a"),
            log("a-newest", 2, "2026-01-01T00:00:00Z", "a"),
            log("a-future", 2, "2027-01-01T00:00:00Z", "a"),
            log("b", 1, "2020-01-01T00:00:00Z", "b"),
        ]
        .join(",");
        let all = config(&logs, r#"{"selector": "ALL"}"#).unwrap();
        assert_eq!(chosen(&all, &[1, 2]).unwrap(), ["a-newest", "b"]);
        assert_eq!(chosen(&all, &[1]).unwrap(), ["a-old", "b"]);
        let any = config(&logs, r#"{"selector": "ANY"}"#).unwrap();
        assert_eq!(chosen(&any, &[1, 2]).unwrap(), ["a-newest"]);
        let two = config(&logs, r#"{"selector": 3, "count": 2}"#).unwrap();
        assert_eq!(chosen(&two, &[1, 2]).unwrap(), ["a-newest", "b"]);
        let three = config(&logs, r#"{"selector": "EXACT", "count": 3}"#).unwrap();
        let error = chosen(&three, &[1, 2]).unwrap_err();
        assert!(matches!(error, SigningConfigError::TooFew { found: 2, expected: 3, .. }), "{error}");
        // An empty list means not to ask; a list without usable services is an error.
        assert_eq!(chosen(&config("", "null").unwrap(), &[2]).unwrap(), Vec::<String>::new());
        assert!(matches!(chosen(&all, &[3]), Err(SigningConfigError::TooFew { found: 0, .. })));
    }

    #[test]
    fn a_selector_that_says_nothing_is_refused() {
        let one = log("a", 1, "2020-01-01T00:00:00Z", "a");
        for wrong in ["null", "{}", r#"{"selector": "EXACT"}"#, r#"{"selector": "SOME"}"#] {
            assert!(matches!(config(&one, wrong), Err(SigningConfigError::Selector { .. })), "{wrong}");
        }
    }
}
