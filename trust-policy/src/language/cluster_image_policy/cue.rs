//! The part of [CUE](https://cuelang.org/docs/reference/spec/) in which published policies say what an attestation must be: fields
//! with texts, numbers and booleans, and times before or after a time. All else is refused, by its line.
//!
//! ```cue
//! import "time"
//! before: time.Parse(time.RFC3339, "2049-10-09T17:10:27Z")
//! predicateType: "https://cosign.sigstore.dev/attestation/v1"
//! predicate: {
//!   Data: "foobar"
//!   Timestamp: <before
//! }
//! ```
//!
//! A policy on the whole may also count what its authorities vouched by (`authorityMatches`), in the packages `list` and `struct`.
//!
//! In CUE, a field that the attestation does not have is as it must be, if that is one value alone; here it is absent, and the
//! attestation does not satisfy.

use std::collections::BTreeMap;

use serde_json::Value;
use trust_core::UnixTime;

use crate::policy::image_rule::VouchedCount;
use crate::policy::shape::Shape;

mod authority_matches;

/// What a policy says.
#[derive(Debug)]
pub(super) struct Said {
    /// What a document must be that has these fields at its top.
    pub(super) fields: Vec<(String, Shape)>,
    /// How often authorities must have vouched.
    pub(super) counts: Vec<VouchedCount>,
}

/// What authorities vouched by, in a policy on the whole.
pub(super) const AUTHORITY_MATCHES: &str = "authorityMatches";
const MAX_LEN: usize = 64 << 10;
const MAX_NESTING: usize = 32;

/// Reads a policy about a document that has these fields at its top.
pub(super) fn read(text: &str, top: &[&str]) -> Result<Said, String> {
    if text.len() > MAX_LEN {
        return Err(format!("found {} bytes, expected at most {MAX_LEN}", text.len()));
    }
    let mut reader = Reader {
        tokens: tokens(text)?,
        at: 0,
        times: BTreeMap::new(),
        labels: Vec::new(),
        counts: Vec::new(),
        top,
    };
    reader.imports()?;
    let fields = reader.fields(0)?;
    // In CUE, a name means the nearest field of that name, which is not looked for here.
    let is_time = |label: &&String| reader.times.contains_key(*label) || *label == "time";
    if let Some(label) = reader.labels.iter().find(is_time) {
        return Err(format!("found a field `{label}`, which has the name of a time"));
    }
    if let Some((line, token)) = reader.tokens.get(reader.at) {
        return Err(format!("line {line}: found {}, expected a field", token.shown()));
    }
    match fields.iter().find(|(name, _)| !top.contains(&name.as_str())) {
        Some((name, _)) => {
            let known: Vec<_> = top.iter().map(|name| format!("`{name}`")).collect();
            Err(format!("found `{name}`, expected {} alone", known.join(" and ")))
        }
        None if fields.is_empty() && reader.counts.is_empty() => {
            Err("found no field: it would ask for nothing".to_owned())
        }
        None => Ok(Said { fields, counts: reader.counts }),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(String),
    Symbol(char),
    /// Where a field may end: a line or a comma.
    End,
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Name(text) | Self::Number(text) => format!("`{text}`"),
            Self::Text(text) => format!("{text:?}"),
            Self::Symbol(symbol) => format!("`{symbol}`"),
            Self::End => "the end of a line".to_owned(),
        }
    }
}

/// The tokens, each with its line.
fn tokens(text: &str) -> Result<Vec<(usize, Token)>, String> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next().filter(|_| !rest.starts_with("//")) {
            let (token, length) = match first {
                '"' => {
                    text_token(rest).ok_or(format!("line {number}: found a text that is not read here"))?
                }
                ',' => (Token::End, 1),
                ':' | '{' | '}' | '<' | '>' | '(' | ')' | '.' | '&' => (Token::Symbol(first), 1),
                c if c.is_ascii_alphabetic() => word(rest, Token::Name),
                c if c.is_ascii_digit() || c == '-' => word(rest, Token::Number),
                other => return Err(format!("line {number}: found `{other}`, which is not read here")),
            };
            tokens.push((number, token));
            rest = rest.get(length..).unwrap_or_default().trim_start();
        }
        // A line ends no field that is without its value yet.
        if !matches!(tokens.last(), Some((_, Token::Symbol(':' | '<' | '>' | '.' | '(' | '&')))) {
            tokens.push((number, Token::End));
        }
    }
    Ok(tokens)
}

fn word(rest: &str, token: fn(String) -> Token) -> (Token, usize) {
    let is_number = rest.starts_with(|c: char| !c.is_ascii_alphabetic());
    let belongs = |c: char| c.is_ascii_alphanumeric() || c == '_' || is_number && "-+.".contains(c);
    let length = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    (token(rest.get(..length).unwrap_or_default().to_owned()), length)
}

/// A text whose escapes JSON has, too; one with an expression in it, or of several lines, is not read.
fn text_token(rest: &str) -> Option<(Token, usize)> {
    if rest.starts_with("\"\"\"") {
        return None;
    }
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    })?;
    let written = rest.get(..=end.0)?;
    Some((Token::Text(serde_json::from_str(written).ok()?), written.len()))
}

struct Reader<'t> {
    tokens: Vec<(usize, Token)>,
    at: usize,
    times: BTreeMap<String, UnixTime>,
    /// The names of all fields.
    labels: Vec<String>,
    /// How often authorities must have vouched.
    counts: Vec<VouchedCount>,
    /// What may stand at the top.
    top: &'t [&'t str],
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|(_, token)| token)
    }

    /// Goes on, if this is next.
    fn takes(&mut self, token: &Token) -> bool {
        let is_next = self.peek(0) == Some(token);
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_ends(&mut self) {
        while self.takes(&Token::End) {}
    }

    fn wrong<T>(&self, expected: &str) -> Result<T, String> {
        match self.tokens.get(self.at).or(self.tokens.last()) {
            Some((line, token)) => Err(format!("line {line}: found {}, expected {expected}", token.shown())),
            None => Err(format!("found nothing, expected {expected}")),
        }
    }

    fn expect(&mut self, symbol: char) -> Result<(), String> {
        match self.takes(&Token::Symbol(symbol)) {
            true => Ok(()),
            false => self.wrong(&format!("`{symbol}`")),
        }
    }

    fn expect_name(&mut self, name: &str) -> Result<(), String> {
        match self.takes(&Token::Name(name.to_owned())) {
            true => Ok(()),
            false => self.wrong(&format!("`{name}`")),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        let Some(Token::Text(text)) = self.peek(0).cloned() else { return self.wrong("a text") };
        self.at += 1;
        Ok(text)
    }

    fn imports(&mut self) -> Result<(), String> {
        self.skip_ends();
        while self.peek(0) == Some(&Token::Name("import".to_owned()))
            && self.peek(1) != Some(&Token::Symbol(':'))
        {
            self.at += 1;
            if !["time", "list", "struct"]
                .iter()
                .any(|package| self.takes(&Token::Text((*package).to_owned())))
            {
                return self.wrong("\"time\", \"list\" or \"struct\", the only packages that are read here");
            }
            self.skip_ends();
        }
        Ok(())
    }

    fn fields(&mut self, depth: usize) -> Result<Vec<(String, Shape)>, String> {
        let mut fields = Vec::new();
        self.skip_ends();
        while let Some(Token::Name(name) | Token::Text(name)) = self.peek(0).cloned() {
            self.at += 1;
            self.expect(':')?;
            if depth == 0 && name == AUTHORITY_MATCHES && self.top.contains(&AUTHORITY_MATCHES) {
                self.authority_matches()?;
            } else if self.peek(0) == Some(&Token::Name("time".to_owned())) {
                // It names a time for those after it.
                let time = self.time()?;
                if depth > 0 || self.top.contains(&name.as_str()) || self.times.insert(name, time).is_some() {
                    return self.wrong("a time that is named once, at the top");
                }
            } else {
                self.labels.push(name.clone());
                fields.push((name, self.value(depth)?));
            }
            if !matches!(self.peek(0), None | Some(Token::End | Token::Symbol('}'))) {
                return self.wrong("the end of the field");
            }
            self.skip_ends();
        }
        Ok(fields)
    }

    fn value(&mut self, depth: usize) -> Result<Shape, String> {
        if depth == MAX_NESTING {
            return self.wrong(&format!("fields in fields, {MAX_NESTING} deep at most"));
        }
        let is_label = self.peek(1) == Some(&Token::Symbol(':'));
        let Some(token) = self.peek(0).cloned() else { return self.wrong("a value") };
        match token {
            // `a: b: 1` is `a: {b: 1}`.
            Token::Name(name) | Token::Text(name) if is_label => {
                self.at += 2;
                self.labels.push(name.clone());
                Ok(Shape::Fields(vec![(name, self.value(depth + 1)?)]))
            }
            Token::Symbol('{') => {
                self.at += 1;
                let fields = self.fields(depth + 1)?;
                self.expect('}')?;
                Ok(Shape::Fields(fields))
            }
            Token::Symbol(sign @ ('<' | '>')) => {
                self.at += 1;
                let limit = self.limit()?;
                Ok(if sign == '<' { Shape::Before(limit) } else { Shape::After(limit) })
            }
            Token::Text(text) => {
                self.at += 1;
                Ok(Shape::Exactly(text.into()))
            }
            Token::Name(word) | Token::Number(word) => {
                // A number that a reader of JSON would round is none.
                let value = serde_json::from_str::<Value>(&word).ok();
                let Some(value) = value.filter(|value| word.eq(&value.to_string())) else {
                    return self.wrong(
                        "a text, a number, `true`, `false`, `null`, a map, or a time after `<` or `>`",
                    );
                };
                self.at += 1;
                Ok(Shape::Exactly(value))
            }
            Token::Symbol(_) | Token::End => self.wrong("a value"),
        }
    }

    /// A time: written, or by its name.
    fn limit(&mut self) -> Result<UnixTime, String> {
        match self.peek(0).cloned() {
            Some(Token::Name(name)) if name != "time" => match self.times.get(&name).copied() {
                Some(time) => {
                    self.at += 1;
                    Ok(time)
                }
                None => self.wrong("the name of a time that stands before"),
            },
            Some(Token::Name(_)) => self.time(),
            _ => self.wrong("the name of a time"),
        }
    }

    /// `time.Parse(time.RFC3339, "...")`.
    fn time(&mut self) -> Result<UnixTime, String> {
        self.expect_name("time")?;
        self.expect('.')?;
        self.expect_name("Parse")?;
        self.expect('(')?;
        self.expect_name("time")?;
        self.expect('.')?;
        self.expect_name("RFC3339")?;
        if !self.takes(&Token::End) {
            return self.wrong("`,`");
        }
        let text = self.text()?;
        let Ok(time) = text.parse() else {
            self.at -= 1;
            return self.wrong("a time such as \"2026-01-31T12:00:00Z\"");
        };
        self.expect(')')?;
        Ok(time)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOP: [&str; 2] = ["predicateType", "predicate"];

    #[test]
    fn fields_and_times_are_read() {
        let fields = read(
            "import \"time\"\nbefore: time.Parse(time.RFC3339, \"2049-10-09T17:10:27Z\")\n// so it is\npredicateType:\n  \"a\"\n\
             predicate: {\n  Data: \"x\", n: 1\n  \"q r\": deep: true\n  at: <before\n  at: >time.Parse(time.RFC3339, \
             \"2020-01-01T00:00:00Z\")\n}\n",
            &TOP,
        )
        .unwrap()
        .fields;
        let shape = Shape::Fields(fields);
        let right = json!({"predicateType": "a", "predicate": {
            "Data": "x", "n": 1, "q r": {"deep": true}, "at": "2026-01-01T00:00:00Z", "more": []}});
        assert_eq!(shape.mismatches("", Some(&right)), []);
        for (pointer, value) in [
            ("/predicateType", json!("b")),
            ("/predicate", json!([])),
            ("/predicate/Data", json!("y")),
            ("/predicate/n", json!(1.0)),
            ("/predicate/q r", json!(null)),
            ("/predicate/at", json!("2050-01-01T00:00:00Z")),
            ("/predicate/at", json!("2019-01-01T00:00:00Z")),
            ("/predicate/at", json!("soon")),
        ] {
            let mut wrong = right.clone();
            *wrong.pointer_mut(pointer).unwrap() = value;
            assert!(!shape.mismatches("", Some(&wrong)).is_empty(), "{pointer}");
        }
        let absent = shape.mismatches("", Some(&json!({"predicateType": "a", "predicate": {}})));
        assert_eq!(absent.len(), 5);
        assert_eq!(absent[0].path, "predicate.Data");
    }

    #[test]
    fn what_is_not_read_is_refused_by_its_line() {
        let deep = format!("predicate: {}1", "a: ".repeat(1000));
        for (text, problem) in [
            ("", "found no field"),
            ("// nothing\n", "found no field"),
            ("import \"strings\"\npredicate: 1", "line 1: found \"strings\", expected \"time\""),
            ("authorityMatches: a: signatures: list.MinItems(1)", "line 1: found `list`"),
            ("predicate: {\n  a: string\n}", "line 2: found `string`"),
            ("predicate: a?: 1", "line 1: found `?`"),
            ("predicate: \"\\(x)\"", "line 1: found a text"),
            ("predicate: \"\"\"\n a\n\"\"\"", "line 1: found a text"),
            ("predicate: \"a\" | \"b\"", "line 1: found `|`"),
            ("predicate: <5", "line 1: found `5`, expected the name of a time"),
            ("predicate: <later", "line 1: found `later`"),
            ("predicate: {a: 1", "expected `}`"),
            ("predicate:\n", "line 1: found `:`, expected a value"),
            ("predicate:,1", "line 1: found the end of a line, expected a value"),
            ("predicate: 1 2", "line 1: found `2`, expected the end of the field"),
            ("predicate: 1\n}", "line 2: found `}`, expected a field"),
            ("predicate: 01", "line 1: found `01`"),
            ("predicate: 18446744073709551617", "line 1: found `18446744073709551617`"),
            ("predicate: 0.1000000000000000001", "line 1: found `0.1000000000000000001`"),
            (
                "t: time.Parse(time.RFC3339, \"2049-10-09T17:10:27Z\")\npredicate: {t: \"2022-01-01T00:00:00Z\", a: <t}",
                "found a field `t`, which has the name of a time",
            ),
            ("predicate: {time: 1}", "found a field `time`"),
            ("#Def: 1", "line 1: found `#`"),
            ("_hidden: 1", "line 1: found `_`"),
            ("subject: 1", "found `subject`"),
            ("predicate: time.Parse(time.RFC3339, \"2049-10-09T17:10:27Z\")", "named once"),
            ("t: time.Parse(time.Kitchen, \"3PM\")\npredicate: a: <t", "line 1: found `Kitchen`"),
            ("t: time.Parse(time.RFC3339, \"3PM\")\npredicate: a: <t", "line 1: found \"3PM\""),
            (&deep, "32 deep at most"),
        ] {
            let error = read(text, &TOP).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
