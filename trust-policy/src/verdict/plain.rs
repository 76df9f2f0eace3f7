//! [`Plain`]: text of strangers as it may be printed, in one line that only says what it says.

use core::fmt::{self, Write};

/// Characters of one piece of text that are printed; a finding and its reason have some hundred.
const MAX_CHARS: usize = 4000;

/// A text without line breaks, escapes for terminals, or characters that turn the direction of others or cannot be seen: those
/// are written by their number.
#[derive(Clone, Copy)]
pub(crate) struct Plain<'a>(pub(crate) &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars().take(MAX_CHARS) {
            match character {
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                other if is_hidden(other) => write!(f, "\\u{{{:x}}}", u32::from(other))?,
                other => f.write_char(other)?,
            }
        }
        match self.0.chars().count() {
            found if found > MAX_CHARS => write!(f, "… ({found} characters)"),
            _ => Ok(()),
        }
    }
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
    fn what_is_long_is_cut_and_says_so() {
        let long = Plain(&"x".repeat(MAX_CHARS + 1)).to_string();
        assert!(long.ends_with("x… (4001 characters)"), "{long}");
    }
}
