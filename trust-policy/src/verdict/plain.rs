//! [`Plain`]: untrusted text as it may be printed, in one line that only says what it says.

use core::fmt::{self, Write};

/// Characters of one piece of text that are printed; a finding and its reason have some hundred.
const MAX_CHARS: usize = 4000;

/// Hexadecimal digits of a digest that people compare; JSON has all.
const DIGEST_CHARS: usize = 12;

/// A text without line breaks, escapes for terminals, or characters that turn the direction of others or cannot be seen: those
/// are written by their number. Digests are shortened.
///
/// ```
/// let title = "x\u{1b}[2J\nverified";
/// assert_eq!(trust_policy::Plain(title).to_string(), "x\\u{1b}[2J\\nverified");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a>(pub &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = with_short_digests(self.0);
        for character in text.chars().take(MAX_CHARS) {
            match character {
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                other if is_hidden(other) => write!(f, "\\u{{{:x}}}", u32::from(other))?,
                other => f.write_char(other)?,
            }
        }
        match text.chars().count() {
            found if found > MAX_CHARS => write!(f, "… ({found} characters)"),
            _ => Ok(()),
        }
    }
}

/// The text with the digests in it, which are hexadecimal digits of SHA-256, SHA-384 or SHA-512, cut to their beginning.
fn with_short_digests(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    for piece in text.split_inclusive(|character: char| !character.is_ascii_hexdigit()) {
        let digits = piece.bytes().take_while(u8::is_ascii_hexdigit).count();
        match (piece.get(..DIGEST_CHARS), piece.get(digits..)) {
            (Some(shown), Some(after)) if [64, 96, 128].contains(&digits) => {
                short.extend([shown, "…", after]);
            }
            _ => short.push_str(piece),
        }
    }
    short
}

/// Control and format characters: [Unicode](https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing) counts those
/// that turn directions, join, or have no width among them; and the separators of lines and paragraphs.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_writes_lines() {
        let text = "a\nALLOW Pod b\u{1b}[8m\r\u{202e}c\u{2028}d";
        assert_eq!(Plain(text).to_string(), "a\\nALLOW Pod b\\u{1b}[8m\\u{d}\\u{202e}c\\u{2028}d");
        assert_eq!(Plain("größe 漢字 … `x`").to_string(), "größe 漢字 … `x`");
    }

    #[test]
    fn digests_are_shortened_and_nothing_else_is() {
        let digest = "0123456789abcdef".repeat(4);
        let text = format!("a@sha256:{digest}, sha256-{digest}.sig");
        assert_eq!(Plain(&text).to_string(), "a@sha256:0123456789ab…, sha256-0123456789ab….sig");
        for other in [format!("{digest}0"), "deadbeef".to_owned()] {
            assert_eq!(Plain(&other).to_string(), other);
        }
    }

    #[test]
    fn what_is_long_is_cut_and_says_so() {
        let long = Plain(&"x".repeat(MAX_CHARS + 1)).to_string();
        assert!(long.ends_with("x… (4001 characters)"), "{long}");
    }
}
