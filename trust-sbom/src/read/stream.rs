//! [`JsonStream`]: a JSON document that is read one value at a time, and never held whole.

use std::collections::HashSet;
use std::io::Read;

use serde::de::{DeserializeOwned, IgnoredAny};
use trust_core::internal::json::{Document, JsonError, Objects};

use crate::read::error::SbomError;

/// How much is held at least, in bytes. A value that is larger is held whole.
const WINDOW: usize = 256 << 10;

/// The window slides over the document. Each value is read from it as from a text, which is several times as fast as
/// byte by byte; one that goes on behind the window's end is read again in a larger window.
pub(crate) struct JsonStream<'a> {
    input: &'a mut dyn Read,
    window: Vec<u8>,
    /// Where in the window the next value begins.
    start: usize,
    /// Lines before it.
    lines: usize,
    /// Bytes of its line before it.
    column: usize,
    is_at_end: bool,
}

impl<'a> JsonStream<'a> {
    pub(crate) fn new(input: &'a mut dyn Read) -> Self {
        Self { input, window: Vec::new(), start: 0, lines: 0, column: 0, is_at_end: false }
    }

    /// Reads the whole document, which must be an object that repeats no key. `read` must read each value.
    pub(crate) fn document(
        &mut self,
        mut read: impl FnMut(&str, &mut Self) -> Result<(), SbomError>,
    ) -> Result<(), SbomError> {
        self.expect(b'{')?;
        let mut keys = HashSet::new();
        let mut goes_on = !self.has(b'}')?;
        while goes_on {
            if self.peek()? != Some(b'"') {
                return Err(self.problem("key must be a string"));
            }
            let key: String = self.value()?;
            if keys.contains(&key) {
                return Err(self.problem(&format!("the key `{key}` is repeated, expected it once")));
            }
            self.expect(b':')?;
            read(&key, self)?;
            keys.insert(key);
            goes_on = self.goes_on(b'}')?;
        }
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.problem("trailing characters")),
        }
    }

    /// Reads a list and gives away each item; `null` is an empty list.
    pub(crate) fn each<T: DeserializeOwned>(
        &mut self,
        mut take: impl FnMut(T) -> Result<(), SbomError>,
    ) -> Result<(), SbomError> {
        self.items(|stream| take(stream.value()?))
    }

    /// Likewise, and no item may repeat a key at any depth.
    pub(crate) fn each_unique<T: DeserializeOwned>(
        &mut self,
        mut take: impl FnMut(T) -> Result<(), SbomError>,
    ) -> Result<(), SbomError> {
        self.items(|stream| {
            // Read once to find its end, once for its form, and once for what it says.
            let (IgnoredAny, len) = stream.read()?;
            let text = stream.window.get(stream.start..stream.start + len).unwrap_or_default();
            let value = Document::new(text).and_then(|item| item.read());
            let value = value.map_err(|error| stream.located(error))?;
            stream.advance(len);
            take(value)
        })
    }

    /// Passes over a value.
    pub(crate) fn skip(&mut self) -> Result<(), SbomError> {
        if self.peek()? == Some(b'[') {
            self.each(|IgnoredAny| Ok(()))
        } else {
            self.value().map(|IgnoredAny| ())
        }
    }

    /// Reads a value whole.
    pub(crate) fn value<T: DeserializeOwned>(&mut self) -> Result<T, SbomError> {
        let (value, len) = self.read()?;
        self.advance(len);
        Ok(value)
    }

    fn items(&mut self, mut read: impl FnMut(&mut Self) -> Result<(), SbomError>) -> Result<(), SbomError> {
        if self.peek()? == Some(b'n') {
            return self.value();
        }
        self.expect(b'[')?;
        let mut goes_on = !self.has(b']')?;
        while goes_on {
            read(self)?;
            goes_on = self.goes_on(b']')?;
        }
        Ok(())
    }

    /// The next value, left in place, and its length.
    fn read<T: DeserializeOwned>(&mut self) -> Result<(T, usize), SbomError> {
        if self.peek()?.is_none() {
            return Err(self.problem("EOF while parsing a value"));
        }
        loop {
            let rest = self.rest();
            let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Objects<T>>();
            match values.next() {
                // A number may go on where the window ends.
                Some(Ok(Objects(value))) if self.is_at_end || values.byte_offset() < rest.len() => {
                    return Ok((value, values.byte_offset()));
                }
                Some(Err(error)) if self.is_at_end || !error.is_eof() => {
                    return Err(self.located(error.into()));
                }
                _ => self.fill()?,
            }
        }
    }

    /// Whether another item follows, or the end.
    fn goes_on(&mut self, end: u8) -> Result<bool, SbomError> {
        if self.has(end)? {
            return Ok(false);
        }
        self.expect(b',').map(|()| true)
    }

    fn expect(&mut self, byte: u8) -> Result<(), SbomError> {
        if self.has(byte)? {
            return Ok(());
        }
        let found = match self.peek()? {
            Some(found) => format!("`{}`", char::from(found).escape_default()),
            None => "the end".to_owned(),
        };
        Err(self.problem(&format!("found {found}, expected `{}`", char::from(byte))))
    }

    /// Whether this byte is next; it is then consumed.
    fn has(&mut self, byte: u8) -> Result<bool, SbomError> {
        let is_next = self.peek()? == Some(byte);
        if is_next {
            self.advance(1);
        }
        Ok(is_next)
    }

    /// The next byte that is not white space; `None` at the end.
    fn peek(&mut self) -> Result<Option<u8>, SbomError> {
        loop {
            let rest = self.rest();
            let spaces = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
            let next = rest.get(spaces).copied();
            self.advance(spaces);
            if next.is_some() || self.is_at_end {
                return Ok(next);
            }
            self.fill()?;
        }
    }

    fn rest(&self) -> &[u8] {
        self.window.get(self.start..).unwrap_or_default()
    }

    fn advance(&mut self, len: usize) {
        let passed = self.rest().get(..len).unwrap_or_default();
        let column = match passed.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => len - newline - 1,
            None => self.column + len,
        };
        let lines = passed.iter().filter(|byte| **byte == b'\n').count();
        (self.start, self.lines, self.column) = (self.start + len, self.lines + lines, column);
    }

    /// Reads on, to twice of what is left and at least a whole window.
    fn fill(&mut self) -> Result<(), SbomError> {
        self.window.drain(..self.start);
        self.start = 0;
        let room = self.window.len().max(WINDOW);
        match Read::take(&mut self.input, room as u64).read_to_end(&mut self.window) {
            Ok(count) => self.is_at_end = count == 0,
            Err(error) => return Err(SbomError::Read { problem: error.to_string() }),
        }
        Ok(())
    }

    /// An error of a value, which counts its lines from the value's beginning.
    fn located(&self, mut error: JsonError) -> SbomError {
        if error.line == 1 {
            error.column += self.column;
        }
        error.line += self.lines;
        SbomError::Json(error)
    }

    fn problem(&self, problem: &str) -> SbomError {
        self.located(JsonError { line: 1, column: 1, problem: problem.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Reads one byte at a time.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let len = buffer.len().min(1);
            self.0.read(&mut buffer[..len])
        }
    }

    /// Larger than several windows, with values of every kind at their ends, and one that is larger than a window.
    fn document() -> (String, Vec<Value>) {
        let large = "x".repeat(WINDOW + 1);
        let kinds =
            [r#""a\u00e4\n\"""#, "-12.5e3", "12345678", "true", "null", r#"{"a": [1, "ä"]}"#, "[[], {}]", ""];
        let texts: Vec<String> = (0..60_000)
            .map(|index| match kinds[index % kinds.len()] {
                "" if index == 30_007 => format!("\"{large}\""),
                "" => format!("\n \"{}\"", "y".repeat(index % 61)),
                text => text.to_owned(),
            })
            .collect();
        let values = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        (
            format!(
                "{{\"skipped\": [1, {{}}],\n \"list\" : [{}],\"n\":null , \"last\": 7}}\n",
                texts.join(" ,")
            ),
            values,
        )
    }

    fn read(mut input: impl Read, is_unique: bool) -> Result<(Vec<Value>, u64), SbomError> {
        let (mut items, mut last) = (Vec::new(), 0);
        let mut keep = |item: Value| {
            items.push(item);
            Ok(())
        };
        JsonStream::new(&mut input).document(|key, json| {
            match key {
                "list" if is_unique => json.each_unique(&mut keep)?,
                "list" => json.each(&mut keep)?,
                "n" => json.each(&mut keep)?,
                "last" => last = json.value()?,
                _ => json.skip()?,
            }
            Ok(())
        })?;
        Ok((items, last))
    }

    #[test]
    fn windows_end_nowhere() {
        let (text, values) = document();
        for is_unique in [false, true] {
            assert!(read(text.as_bytes(), is_unique).unwrap() == (values.clone(), 7));
        }
        assert!(read(Slowly(text.as_bytes()), false).unwrap() == (values, 7));
    }

    #[test]
    fn what_is_no_json_is_refused_where_it_stands() {
        let (text, _) = document();
        for at in (0..text.len()).step_by(text.len() / 50).chain([0, 1, text.len() - 2, text.len() - 1]) {
            let at = text.floor_char_boundary(at);
            for broken in [format!("{}\u{1}{}", &text[..at], &text[at..]), text[..at].to_owned()] {
                let (ours, theirs) =
                    (read(broken.as_bytes(), false), serde_json::from_str::<Value>(&broken).err());
                let Some(theirs) = theirs else {
                    assert!(ours.is_ok(), "at {at}");
                    continue;
                };
                let Err(SbomError::Json(ours)) = ours else { panic!("at {at}: {theirs}") };
                assert_eq!(ours.line, theirs.line(), "at {at}: {ours}, {theirs}");
                assert!(ours.column.abs_diff(theirs.column()) <= 1, "at {at}: {ours}, {theirs}");
            }
        }
    }

    #[test]
    fn grammar_is_kept_between_values() {
        for text in [
            "",
            "{",
            "[]",
            "{}{}",
            "{} x",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":1 \"b\":2}",
            "{a:1}",
            "{\"list\":[1,]}",
            "{\"list\":[,1]}",
            "{\"list\":[1 2]}",
            "{\"list\":[1}",
            "{\"list\":{}}",
            "{\"list\":[1]",
            "{\"a\":1,\"a\":2}",
            "{\"\\u0061\":1,\"a\":2}",
            "{\"a\":nul}",
            "{\"a\":01}",
            "{\"list\":nothing}",
            "{\"list\":\"\"}",
        ] {
            assert!(matches!(read(text.as_bytes(), false), Err(SbomError::Json(_))), "{text}");
        }
    }
}
