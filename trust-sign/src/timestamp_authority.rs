//! Timestamp authorities: when a signature was there.

use trust_core::{Authority, Reasons, timestamp_request, verify_timestamp};
use trust_gate::{Deadline, Transport};

use crate::exchange;

/// A timestamp over these bytes, by one of the authorities that are trusted: a TimeStampResp.
pub(crate) async fn timestamp(
    transport: &dyn Transport,
    url: &str,
    of: &[u8],
    trusted: &[Authority],
    until: Deadline,
) -> Result<Vec<u8>, String> {
    let url = url.parse().map_err(|error: url::ParseError| error.to_string())?;
    let request = exchange::post(url, "application/timestamp-query", timestamp_request(of));
    let ask = || exchange::success(transport, request.clone(), until.at_most(exchange::TIMEOUT));
    let answer = match ask().await {
        // The authority keeps nothing of it, so it may be asked again.
        Err(_) if !until.is_past() => ask().await?,
        first => first?,
    };
    verify_timestamp(&answer, of, trusted).map_err(|error| Reasons(&error).to_string())?;
    Ok(answer)
}
