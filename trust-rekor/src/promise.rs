//! The promise of Rekor v1 to include an entry: the SignedEntryTimestamp
//! ([client specification, section 4.4](https://github.com/sigstore/architecture-docs/blob/main/client-spec.md)).

use trust_core::internal::encoding;
use trust_core::{LogEntry, LogError, LogKey, Signed, UnixTime};

/// Proves that `log` promised to include `entry`, and returns the time that the promise covers.
///
/// What is signed is canonical JSON (RFC 8785) of four members, none of which needs escaping.
///
/// # Errors
/// If the signature does not verify, or the log's key was not trusted at that time.
pub(crate) fn verify_promise(entry: &LogEntry, promise: &[u8], log: &LogKey) -> Result<UnixTime, LogError> {
    let time = entry.integrated_time.ok_or(LogError::NoIntegratedTime)?;
    let signed = format!(
        r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":{}}}"#,
        encoding::to_base64(&entry.body),
        time.as_millis().div_euclid(1000),
        encoding::to_hex(&log.log_id),
        entry.log_index,
    );
    log.key
        .verify(log.key.log_scheme(), Signed::Message(signed.as_bytes()), promise)
        .map_err(|_| LogError::Promise)?;
    if !log.valid_for.contains(time) {
        return Err(LogError::Window { log: log.base_url.clone(), window: log.valid_for, time });
    }
    Ok(time)
}
