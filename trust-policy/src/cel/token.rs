//! The words of a text ([lexis](https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax)).

use super::syntax::Problem;

/// A word, and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) word: Word,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// Without its sign, which may make the largest one fit.
    Int(u64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// A name, or a keyword.
    Name(String),
    /// A field between backticks.
    Field(String),
    Sign(&'static str),
    End,
}

/// Longer ones before those that they begin with.
const SIGNS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "?", ":", "<", ">", "+", "-", "*", "/", "%", "!", "(", ")", "[", "]",
    "{", "}", ",", ".",
];

/// The words of a text; the last one is its end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    let mut scanner = Scanner { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        scanner.skip_space();
        let at = scanner.at;
        let word = scanner.word().map_err(|problem| Problem { at, text: problem })?;
        let is_end = word == Word::End;
        tokens.push(Token { at, word });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Takes what stands next as long as it is of a kind.
    fn take(&mut self, is_of_kind: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !is_of_kind(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// Takes a text if it stands next.
    fn takes(&mut self, expected: &str) -> bool {
        let found = self.rest().starts_with(expected);
        self.at += if found { expected.len() } else { 0 };
        found
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest().chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn skip_space(&mut self) {
        loop {
            self.take(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c'));
            if !self.takes("//") {
                return;
            }
            self.take(|c| c != '\n');
        }
    }

    fn word(&mut self) -> Result<Word, String> {
        let rest = self.rest();
        let mut letters = rest.chars();
        let Some(first) = letters.next() else { return Ok(Word::End) };
        let digit_follows = letters.next().is_some_and(|c| c.is_ascii_digit());
        if let Some(word) = self.string()? {
            return Ok(word);
        }
        if first.is_ascii_digit() || first == '.' && digit_follows {
            return self.number();
        }
        if first == '`' {
            self.at += 1;
            let name = self.take(|c| c.is_ascii_alphanumeric() || "_.-/ ".contains(c));
            return match self.takes("`") && !name.is_empty() {
                true => Ok(Word::Field(name.to_owned())),
                false => Err("field between backticks has no end".to_owned()),
            };
        }
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok(Word::Name(self.take(|c| c.is_ascii_alphanumeric() || c == '_').to_owned()));
        }
        let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
        let sign = sign.ok_or_else(|| format!("found `{first}`, which no expression has"))?;
        self.at += sign.len();
        Ok(Word::Sign(sign))
    }

    fn number(&mut self) -> Result<Word, String> {
        let start = self.at;
        if self.takes("0x") || self.takes("0X") {
            let digits = self.take(|c| c.is_ascii_hexdigit());
            let number =
                u64::from_str_radix(digits, 16).map_err(|_| "found no hexadecimal number after `0x`")?;
            return self.whole(number);
        }
        self.take(|c| c.is_ascii_digit());
        let mut is_whole = true;
        let after_point = self.rest().strip_prefix('.').and_then(|rest| rest.chars().next());
        if after_point.is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            self.take(|c| c.is_ascii_digit());
            is_whole = false;
        }
        let exponent = self.rest().strip_prefix(['e', 'E']);
        let digits = exponent.map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
        if digits.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            self.at += 1;
            self.take(|c| matches!(c, '+' | '-'));
            self.take(|c| c.is_ascii_digit());
            is_whole = false;
        }
        let written = self.text.get(start..self.at).unwrap_or_default();
        if is_whole {
            let number = written.parse().map_err(|_| format!("`{written}` is out of range"))?;
            return self.whole(number);
        }
        written.parse().map(Word::Double).map_err(|_| format!("`{written}` is not a number"))
    }

    fn whole(&mut self, number: u64) -> Result<Word, String> {
        let word = if self.takes("u") || self.takes("U") { Word::Uint(number) } else { Word::Int(number) };
        match self.rest().starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            true => Err("number has letters behind it".to_owned()),
            false => Ok(word),
        }
    }

    /// A text or bytes, if they begin here.
    fn string(&mut self) -> Result<Option<Word>, String> {
        let rest = self.rest();
        let letters = rest.bytes().take(2).take_while(|b| b.is_ascii_alphabetic()).count();
        let (prefix, quoted) = rest.split_at(letters);
        if !quoted.starts_with(['"', '\'']) {
            return Ok(None);
        }
        let (is_raw, is_bytes) = match prefix.to_ascii_lowercase().as_str() {
            "" => (false, false),
            "r" => (true, false),
            "b" => (false, true),
            "rb" | "br" => (true, true),
            _ => return Ok(None),
        };
        self.at += prefix.len();
        let long = ["\"\"\"", "'''"].into_iter().find(|quote| self.rest().starts_with(quote));
        let quote = long.unwrap_or(if self.rest().starts_with('"') { "\"" } else { "'" });
        self.at += quote.len();
        let mut bytes = Vec::new();
        while !self.takes(quote) {
            let next = self.next().ok_or("text has no end")?;
            if matches!(next, '\n' | '\r') && long.is_none() {
                return Err("text has no end in its line".to_owned());
            }
            if next == '\\' && !is_raw {
                self.escaped(is_bytes, &mut bytes)?;
            } else {
                bytes.extend(next.encode_utf8(&mut [0; 4]).bytes());
            }
        }
        if is_bytes {
            return Ok(Some(Word::Bytes(bytes)));
        }
        String::from_utf8(bytes)
            .map(|text| Some(Word::Text(text)))
            .map_err(|_| "text is not UTF-8".to_owned())
    }

    /// What stands behind a backslash.
    fn escaped(&mut self, is_bytes: bool, bytes: &mut Vec<u8>) -> Result<(), String> {
        let kind = self.next().ok_or("text has no end")?;
        let simple = match kind {
            'a' => Some('\x07'),
            'b' => Some('\x08'),
            'f' => Some('\x0c'),
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'v' => Some('\x0b'),
            '\\' | '?' | '"' | '\'' | '`' => Some(kind),
            _ => None,
        };
        let (digits, radix) = match kind {
            'x' | 'X' => (2, 16),
            'u' if !is_bytes => (4, 16),
            'U' if !is_bytes => (8, 16),
            '0'..='3' => (3, 8),
            _ if simple.is_some() => (0, 16),
            _ => return Err(format!("`\\{kind}` is no escape")),
        };
        if let Some(letter) = simple {
            bytes.extend(letter.encode_utf8(&mut [0; 4]).bytes());
            return Ok(());
        }
        // The first digit of an octal number is read already.
        self.at -= if radix == 8 { 1 } else { 0 };
        let written = self.rest().get(..digits).unwrap_or_default();
        let is_number = written.len() == digits && written.chars().all(|c| c.is_digit(radix));
        let number = u32::from_str_radix(written, radix).ok().filter(|_| is_number);
        let number = number.ok_or_else(|| format!("expected {digits} digits after `\\{kind}`"))?;
        self.at += digits;
        match (is_bytes, u8::try_from(number), char::from_u32(number)) {
            (true, Ok(byte), _) => bytes.push(byte),
            (false, _, Some(letter)) => bytes.extend(letter.encode_utf8(&mut [0; 4]).bytes()),
            _ => return Err(format!("`{written}` is no character")),
        }
        Ok(())
    }
}
