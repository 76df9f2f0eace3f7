//! Strings. Places in them are counted in characters.

use regex::Regex;

use super::{Arguments, BYTES_IN_A_STEP, Function, MAX_TEXT, Style, global, member};
use crate::cel::value::{Failure, Value, failed};

/// Bytes that a regular expression reads in about the time of a step.
const READ_IN_A_STEP: usize = 64;

const fn ranged(name: &'static str, arguments: [usize; 2], run: super::Run) -> Function {
    Function { name, style: Style::Member, arguments, run }
}

pub(super) const FUNCTIONS: [Function; 18] = [
    member("charAt", 2, |a| {
        let (text, at) = (a.text(0)?, a.place(1)?);
        match text.chars().nth(at) {
            Some(letter) => Ok(letter.to_string().into()),
            None if at == text.chars().count() => Ok("".into()),
            None => failed(format!("`charAt`: index {at} is out of range")),
        }
    }),
    ranged("indexOf", [2, 3], index_of),
    ranged("lastIndexOf", [2, 3], last_index_of),
    ranged("join", [1, 2], join),
    member("lowerAscii", 1, |a| a.made(a.text(0)?.to_ascii_lowercase())),
    member("upperAscii", 1, |a| a.made(a.text(0)?.to_ascii_uppercase())),
    member("trim", 1, |a| a.made(a.text(0)?.trim().to_owned())),
    ranged("replace", [3, 4], replace),
    ranged("split", [2, 3], split),
    ranged("substring", [2, 3], substring),
    ranged("format", [2, 2], format),
    member("reverse", 1, reverse),
    global("strings.quote", 1, |a| {
        // A character may become six.
        a.fits(a.text(0)?.len().saturating_mul(6))?;
        Ok(format!("{:?}", &**a.text(0)?).into())
    }),
    // Kubernetes' regular expressions.
    member("find", 2, |a| {
        let regex = a.regex(1)?;
        let found = regex.find(a.text(0)?).map_or("", |found| found.as_str());
        a.made(found.to_owned())
    }),
    ranged("findAll", [2, 3], find_all),
    // cel-go's regular expressions.
    global("regex.extract", 2, |a| {
        let regex = a.regex(1)?;
        let found = regex.captures(a.text(0)?).and_then(|found| found.get(1).or(found.get(0)));
        let found = found.map(|found| Value::from(found.as_str().to_owned()));
        Ok(Value::Optional(found.map(Into::into)))
    }),
    global("regex.extractAll", 2, |a| matches_of(a, usize::MAX)),
    global("regex.replace", 3, |a| {
        let (regex, text, by) = (a.regex(1)?, a.text(0)?, a.text(2)?);
        let mut made = String::new();
        let mut end = 0;
        for found in regex.find_iter(text) {
            made.push_str(text.get(end..found.start()).unwrap_or_default());
            made.push_str(by);
            end = found.end();
            a.budget.spend(1 + text.len().saturating_sub(found.start()) / READ_IN_A_STEP)?;
            a.fits(made.len().min(by.len()))?;
            if made.len() > MAX_TEXT {
                return failed(format!("`regex.replace` would make a text of more than {MAX_TEXT} bytes"));
            }
        }
        made.push_str(text.get(end..).unwrap_or_default());
        a.made(made)
    }),
];

/// The place of a part in characters.
fn place<'a>(text: &str, found: Option<usize>) -> Result<Value<'a>, Failure> {
    let count = found.map(|end| text.get(..end).unwrap_or_default().chars().count());
    Ok(Value::Int(count.and_then(|count| i64::try_from(count).ok()).unwrap_or(-1)))
}

/// The byte at which a character begins, or the end.
fn byte_of(text: &str, at: usize) -> Option<usize> {
    let starts = text.char_indices().map(|(start, _)| start);
    starts.chain([text.len()]).nth(at)
}

fn out_of_range<T>(a: &Arguments<'_, '_>, at: usize) -> Result<T, Failure> {
    failed(format!("`{}`: index {at} is out of range", a.function.name))
}

fn index_of<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    if let Some(items) = a.get(0).items() {
        for (at, item) in items.iter().enumerate() {
            if item.equals(a.get(1), a.budget)? {
                return Ok(Value::Int(i64::try_from(at).unwrap_or(-1)));
            }
        }
        return Ok(Value::Int(-1));
    }
    let (text, part) = (a.text(0)?, a.text(1)?);
    let from = if a.len() > 2 { a.place(2)? } else { 0 };
    let Some(start) = byte_of(text, from) else { return out_of_range(a, from) };
    let rest = text.get(start..).unwrap_or_default();
    place(text, rest.find(&**part).map(|found| start + found))
}

fn last_index_of<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    if let Some(items) = a.get(0).items() {
        for (at, item) in items.iter().enumerate().rev() {
            if item.equals(a.get(1), a.budget)? {
                return Ok(Value::Int(i64::try_from(at).unwrap_or(-1)));
            }
        }
        return Ok(Value::Int(-1));
    }
    let (text, part) = (a.text(0)?, a.text(1)?);
    if a.len() == 2 {
        return place(text, text.rfind(&**part));
    }
    let last = a.place(2)?;
    let Some(start) = byte_of(text, last) else { return out_of_range(a, last) };
    // It begins at that place at the latest.
    let end = (start + part.len()).min(text.len());
    let mut end = end;
    while !text.is_char_boundary(end) {
        end += 1;
    }
    let before = text.get(..end).unwrap_or_default();
    place(text, before.rfind(&**part).filter(|found| *found <= start))
}

fn join<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    let separator = if a.len() > 1 { &**a.text(1)? } else { "" };
    let mut made = String::new();
    for (index, item) in a.list(0)?.iter().enumerate() {
        let Value::Text(text) = item else { return a.wrong(0, "a list of strings") };
        a.fits(text.len() + separator.len())?;
        made.push_str(if index > 0 { separator } else { "" });
        made.push_str(text);
        if made.len() > MAX_TEXT {
            return failed(format!("`join` would make a text of more than {MAX_TEXT} bytes"));
        }
    }
    Ok(made.into())
}

fn replace<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    let (text, part, by) = (a.text(0)?, a.text(1)?, a.text(2)?);
    let most = match if a.len() > 3 { a.int(3)? } else { -1 } {
        most if most < 0 => usize::MAX,
        most => usize::try_from(most).unwrap_or(usize::MAX),
    };
    let count = text.matches(&**part).take(most).count();
    a.fits(text.len().saturating_add(count.saturating_mul(by.len())))?;
    Ok(text.replacen(&**part, by, count).into())
}

fn split<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    let (text, separator) = (a.text(0)?, a.text(1)?);
    let limit = match if a.len() > 2 { a.int(2)? } else { -1 } {
        limit if limit < 0 => usize::MAX,
        limit => usize::try_from(limit).unwrap_or(usize::MAX),
    };
    if limit == 0 {
        return Ok(Vec::new().into());
    }
    // Each part takes the memory of some steps.
    let count = if separator.is_empty() { text.len() } else { text.matches(&**separator).count() };
    a.budget.spend(count.min(limit).saturating_mul(4))?;
    let parts: Vec<Value<'a>> = match separator.is_empty() {
        true => {
            let letters = text.char_indices().map(|(start, _)| start).take(limit).collect::<Vec<_>>();
            let ends = letters.iter().skip(1).copied().chain([text.len()]);
            let part = |(start, end)| text.get(start..end).unwrap_or_default().to_owned().into();
            letters.iter().copied().zip(ends).map(part).collect()
        }
        false => text.splitn(limit, &**separator).map(|part| part.to_owned().into()).collect(),
    };
    Ok(parts.into())
}

fn substring<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    let (text, start) = (a.text(0)?, a.place(1)?);
    let end = if a.len() > 2 { a.place(2)? } else { text.chars().count() };
    match (byte_of(text, start), byte_of(text, end)) {
        (Some(from), Some(to)) if from <= to => a.made(text.get(from..to).unwrap_or_default().to_owned()),
        _ => failed(format!("`substring`: {start} to {end} is out of range")),
    }
}

fn reverse<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    match a.get(0).items() {
        Some(items) => Ok(items.into_iter().rev().collect::<Vec<_>>().into()),
        None => a.made(a.text(0)?.chars().rev().collect()),
    }
}

/// `%s` and `%d` of cel-go's `format`, and hexadecimal and binary numbers.
fn format<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    let (mut made, mut arguments) = (String::new(), a.list(1)?.into_iter());
    let mut letters = a.text(0)?.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            made.push(letter);
            continue;
        }
        let kind = letters.next();
        if kind == Some('%') {
            made.push('%');
            continue;
        }
        let Some(argument) = arguments.next() else { return failed("`format` has too few arguments") };
        let text = match (kind, &argument) {
            (Some('s'), value) => shown(value, a, 0)?,
            (Some('d'), Value::Int(_) | Value::Uint(_)) => shown(&argument, a, 0)?,
            (Some('x'), Value::Int(number)) => format!("{number:x}"),
            (Some('b'), Value::Int(number)) => format!("{number:b}"),
            (Some('o'), Value::Int(number)) => format!("{number:o}"),
            (Some('f'), Value::Double(number)) => format!("{number:.6}"),
            (kind, value) => {
                let kind = kind.map_or_else(String::new, String::from);
                return failed(format!("`format` cannot write {} as `%{kind}`", value.type_name()));
            }
        };
        a.fits(text.len())?;
        made.push_str(&text);
        if made.len() > MAX_TEXT {
            return failed(format!("`format` would make a text of more than {MAX_TEXT} bytes"));
        }
    }
    match arguments.next() {
        Some(_) => failed("`format` has too many arguments"),
        None => a.made(made),
    }
}

/// A value as `%s` writes it.
fn shown(value: &Value<'_>, a: &Arguments<'_, '_>, depth: usize) -> Result<String, Failure> {
    const MAX_DEPTH: usize = 30;
    a.budget.spend(1)?;
    if depth > MAX_DEPTH {
        return failed("`format` found a value that is too deep");
    }
    if let Some(text) = value.to_text() {
        a.budget.spend(text.len() / BYTES_IN_A_STEP)?;
        return Ok(text.to_string());
    }
    let joined = |parts: Vec<String>| {
        let length = parts.iter().map(String::len).fold(0, usize::saturating_add);
        a.fits(length).map(|()| parts.join(", "))
    };
    if let Some(items) = value.items() {
        let parts = items.iter().map(|item| shown(item, a, depth + 1)).collect::<Result<_, _>>()?;
        return Ok(format!("[{}]", joined(parts)?));
    }
    if let Some(entries) = value.entries() {
        let entry = |(key, value): &(Value<'_>, Value<'_>)| {
            Ok(format!("{}: {}", shown(key, a, depth + 1)?, shown(value, a, depth + 1)?))
        };
        return Ok(format!("{{{}}}", joined(entries.iter().map(entry).collect::<Result<_, Failure>>()?)?));
    }
    match value {
        Value::Null => Ok("null".to_owned()),
        other => failed(format!("`format` cannot write {}", other.type_name())),
    }
}

fn find_all<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    let most = match if a.len() > 2 { a.int(2)? } else { -1 } {
        most if most < 0 => usize::MAX,
        most => usize::try_from(most).unwrap_or(usize::MAX),
    };
    matches_of(a, most)
}

/// What a regular expression finds. It may read all that follows for each of them, and that is paid for.
fn matches_of<'a>(a: &Arguments<'_, 'a>, most: usize) -> Result<Value<'a>, Failure> {
    let (regex, text): (Regex, _) = (a.regex(1)?, a.text(0)?);
    let mut found = Vec::new();
    for one in regex.find_iter(text).take(most) {
        a.budget.spend(2 + text.len().saturating_sub(one.start()) / READ_IN_A_STEP)?;
        found.push(Value::from(one.as_str().to_owned()));
    }
    Ok(found.into())
}
