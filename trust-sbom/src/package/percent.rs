//! Percent-encoding ([RFC 3986 section 2.1](https://www.rfc-editor.org/rfc/rfc3986#section-2.1)).

use core::fmt;

/// Decodes a text; `None` if a percent sign is not followed by two hexadecimal digits, or the bytes are not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'%' => {
                let (&[high, low], after) = after.split_first_chunk::<2>()?;
                rest = after;
                nibble(high)? << 4 | nibble(low)?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Encodes every character that is not plain.
pub(crate) fn encode(text: &str, is_plain: impl Fn(char) -> bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut rest = text;
    while !rest.is_empty() {
        let (plain, others) = rest.split_at(rest.find(|c| !is_plain(c)).unwrap_or(rest.len()));
        let (encoded, others) = others.split_at(others.find(&is_plain).unwrap_or(others.len()));
        f.write_str(plain)?;
        encoded.bytes().try_for_each(|byte| write!(f, "%{byte:02X}"))?;
        rest = others;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_hexadecimal_digits_follow_a_percent_sign() {
        assert_eq!(decode("a%20%c3%A4").as_deref(), Some("a ä"));
        for text in ["%", "%2", "%2g", "%+1", "% 1", "%ff"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
