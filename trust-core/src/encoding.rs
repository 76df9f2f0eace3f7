//! Text forms of bytes: lower-case hexadecimal, and base64 as protobuf's JSON mapping allows it.

use core::fmt::Write as _;

use base64ct::{Base64, Base64Unpadded, Base64Url, Base64UrlUnpadded, Encoding as _};

/// Lower-case hexadecimal.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Reads lower-case hexadecimal; `None` for anything else, upper case included.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let nibble = |character: u8| match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some(nibble(high)? << 4 | nibble(low)?)).collect()
}

/// Standard base64 with padding.
#[must_use]
pub fn to_base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Reads standard base64 with padding, as signed texts hold it; `None` for anything else.
#[must_use]
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

/// Reads base64 as proto3's JSON mapping demands: standard or URL-safe alphabet, padding optional.
///
/// Line breaks, a mixed alphabet and non-zero padding bits are refused.
#[must_use]
pub fn from_proto_base64(text: &str) -> Option<Vec<u8>> {
    let padded = text.ends_with('=');
    let url_safe = text.contains(['-', '_']);
    match (url_safe, padded || text.is_empty()) {
        (false, true) => Base64::decode_vec(text),
        (false, false) => Base64Unpadded::decode_vec(text),
        (true, true) => Base64Url::decode_vec(text),
        (true, false) => Base64UrlUnpadded::decode_vec(text),
    }
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_and_odd_hexadecimal_are_refused() {
        assert_eq!(from_hex("00ff"), Some(vec![0, 255]));
        assert_eq!(from_hex("00FF"), None);
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("0g"), None);
    }

    #[test]
    fn all_four_spellings_of_base64_are_read() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(from_proto_base64(text), Some(vec![0xfb, 0xff]), "{text}");
        }
        for text in ["+_8=", "+/8==", "+/9=", "+/8\n", " "] {
            assert_eq!(from_proto_base64(text), None, "{text}");
        }
    }
}
