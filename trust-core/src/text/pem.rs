//! PEM blocks ([RFC 7468](https://www.rfc-editor.org/rfc/rfc7468)), with lines of any length:
//! policies and log entries hold keys whose base64 is one long line.

use thiserror::Error;

use crate::text::encoding;

/// The text is not one PEM block of the kind that was expected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PemError {
    /// There is no beginning, or something stands before it.
    #[error("text does not begin with `-----BEGIN {expected}-----`{}", found_label(found.as_deref()))]
    Begin {
        /// The label that was found instead, if any.
        found: Option<String>,
        /// The label that was expected.
        expected: &'static str,
    },
    /// There is no end, or something stands after it.
    #[error("text does not end with `-----END {expected}-----`")]
    End {
        /// The label that was expected.
        expected: &'static str,
    },
    /// What stands between is not base64.
    #[error("found `{found}` between BEGIN and END, expected base64")]
    Base64 {
        /// The beginning of what was found.
        found: String,
    },
}

fn found_label(found: Option<&str>) -> String {
    found.map_or_else(String::new, |label| format!(", but with `{label}`"))
}

/// The content of the only block in `text`, which must have this label.
///
/// # Errors
/// If there is another label, anything before or after the block, or something else than base64 in it.
pub fn decode(text: &str, label: &'static str) -> Result<Vec<u8>, PemError> {
    let text = text.trim();
    let body = text
        .strip_prefix("-----BEGIN ")
        .and_then(|rest| rest.strip_prefix(label))
        .and_then(|rest| rest.strip_prefix("-----"))
        .ok_or_else(|| PemError::Begin {
            found: text
                .strip_prefix("-----BEGIN ")
                .and_then(|rest| rest.split_once("-----"))
                .map(|(found, _)| found.chars().take(40).collect()),
            expected: label,
        })?;
    let body = body
        .strip_suffix("-----")
        .and_then(|rest| rest.strip_suffix(label))
        .and_then(|rest| rest.strip_suffix("-----END "))
        .ok_or(PemError::End { expected: label })?;
    let mut base64 = String::with_capacity(body.len());
    base64.extend(body.lines().map(str::trim));
    encoding::from_base64(&base64)
        .filter(|bytes| !bytes.is_empty())
        .ok_or_else(|| PemError::Base64 { found: base64.chars().take(40).collect() })
}

/// The content as one block with this label, 64 letters a line.
///
/// ```
/// use trust_core::internal::pem;
/// assert_eq!(pem::decode(&pem::encode("X", b"content"), "X"), Ok(b"content".to_vec()));
/// ```
#[must_use]
pub fn encode(label: &str, content: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (index, letter) in encoding::to_base64(content).chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

/// Each block of `text`, one after the other, as `BEGIN … END`; what stands between blocks is an error of the last one.
///
/// Policies put several keys into one text.
#[must_use]
pub fn split_blocks(text: &str) -> Vec<&str> {
    const BEGIN: &str = "-----BEGIN ";
    let starts: Vec<usize> = text.match_indices(BEGIN).map(|(start, _)| start).collect();
    let first = starts.first().copied().unwrap_or(text.len());
    let mut blocks = Vec::new();
    // Anything before the first block is kept, so that it is refused rather than lost.
    if !text.get(..first).unwrap_or_default().trim().is_empty() {
        blocks.extend(text.get(..first).map(str::trim));
    }
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(text.len());
        blocks.extend(text.get(start..end).map(str::trim));
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_length_are_read() {
        for body in ["AAAA", "AA\nAA", "\r\nAA\r\nAA\r\n", " AA\n  AA\n"] {
            let text = format!("-----BEGIN X-----{body}-----END X-----\n");
            assert_eq!(decode(&text, "X"), Ok(vec![0; 3]), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_the_block_is_refused() {
        let begin = |found: Option<&str>| PemError::Begin { found: found.map(str::to_owned), expected: "X" };
        let base64 = |found: &str| PemError::Base64 { found: found.to_owned() };
        for (text, expected) in [
            ("", begin(None)),
            ("-----BEGIN Y-----AAAA-----END Y-----", begin(Some("Y"))),
            ("x-----BEGIN X-----AAAA-----END X-----", begin(None)),
            ("-----BEGIN X-----AAAA", PemError::End { expected: "X" }),
            ("-----BEGIN X-----AAAA-----END X-----x", PemError::End { expected: "X" }),
            ("-----BEGIN X----------END X-----", base64("")),
            ("-----BEGIN X-----\n...your public key...\n-----END X-----", base64("...your public key...")),
        ] {
            assert_eq!(decode(text, "X"), Err(expected), "{text:?}");
        }
    }

    #[test]
    fn blocks_are_split_and_nothing_is_lost() {
        let one = "-----BEGIN X-----AAAA-----END X-----";
        assert_eq!(split_blocks(&format!("{one}\n{one}\n")), [one, one]);
        assert_eq!(split_blocks(&format!("junk\n{one}")), ["junk", one]);
        assert_eq!(split_blocks("junk"), ["junk"]);
        assert!(split_blocks(" \n").is_empty());
    }
}
