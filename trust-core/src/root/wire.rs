//! The document as JSON. Unknown fields are skipped: newer roots add some.

use serde::Deserialize;

use super::MAX_ENTRIES;
use crate::chain::MAX_PATH_LEN;
use crate::json::{AtMost, proto_enum};
use crate::time::UnixTime;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TrustedRoot {
    #[serde(alias = "media_type")]
    pub(super) media_type: String,
    #[serde(default)]
    pub(super) tlogs: AtMost<Log, MAX_ENTRIES>,
    #[serde(default, alias = "certificate_authorities")]
    pub(super) certificate_authorities: AtMost<Authority, MAX_ENTRIES>,
    #[serde(default)]
    pub(super) ctlogs: AtMost<Log, MAX_ENTRIES>,
    #[serde(default, alias = "timestamp_authorities")]
    pub(super) timestamp_authorities: AtMost<Authority, MAX_ENTRIES>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Log {
    #[serde(alias = "base_url")]
    pub(super) base_url: Option<String>,
    #[serde(alias = "hash_algorithm")]
    pub(super) hash_algorithm: Option<String>,
    #[serde(alias = "public_key")]
    pub(super) public_key: Option<PublicKey>,
    #[serde(alias = "log_id")]
    pub(super) log_id: Option<LogId>,
    pub(super) operator: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublicKey {
    #[serde(alias = "raw_bytes")]
    pub(super) raw_bytes: Option<String>,
    #[serde(default, alias = "key_details", deserialize_with = "proto_enum")]
    pub(super) key_details: Option<String>,
    #[serde(alias = "valid_for")]
    pub(super) valid_for: Option<TimeRange>,
}

#[derive(Deserialize)]
pub(super) struct TimeRange {
    pub(super) start: Option<UnixTime>,
    pub(super) end: Option<UnixTime>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogId {
    #[serde(alias = "key_id")]
    pub(super) key_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Authority {
    pub(super) uri: Option<String>,
    #[serde(alias = "cert_chain")]
    pub(super) cert_chain: Option<Chain>,
    #[serde(alias = "valid_for")]
    pub(super) valid_for: Option<TimeRange>,
    pub(super) operator: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct Chain {
    #[serde(default)]
    pub(super) certificates: AtMost<RawCertificate, MAX_PATH_LEN>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawCertificate {
    #[serde(alias = "raw_bytes")]
    pub(super) raw_bytes: String,
}
