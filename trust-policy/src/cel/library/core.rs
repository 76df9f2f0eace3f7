//! Sizes, types and conversions.

use trust_core::UnixTime;
use trust_core::internal::encoding;

use super::{Arguments, Function, Style, global, member};
use crate::cel::value::{Failure, Value, duration_of, failed};

pub(super) const FUNCTIONS: [Function; 17] = [
    Function { name: "size", style: Style::Both, arguments: [1, 1], run: size },
    member("contains", 2, |a| Ok(Value::Bool(a.text(0)?.contains(&**a.text(1)?)))),
    member("startsWith", 2, |a| Ok(Value::Bool(a.text(0)?.starts_with(&**a.text(1)?)))),
    member("endsWith", 2, |a| Ok(Value::Bool(a.text(0)?.ends_with(&**a.text(1)?)))),
    Function {
        name: "matches",
        style: Style::Both,
        arguments: [2, 2],
        run: |a| Ok(Value::Bool(a.regex(1)?.is_match(a.text(0)?))),
    },
    global("type", 1, |a| Ok(Value::Type(a.get(0).type_name()))),
    global("dyn", 1, |a| Ok(a.get(0).clone())),
    global("string", 1, |a| {
        a.get(0).to_text().map_or_else(|| a.wrong(0, "what has a text"), |text| Ok(Value::Text(text)))
    }),
    global("bool", 1, |a| match a.get(0) {
        Value::Bool(value) => Ok(Value::Bool(*value)),
        Value::Text(text) => match &**text {
            "true" | "True" | "TRUE" | "t" | "1" => Ok(Value::Bool(true)),
            "false" | "False" | "FALSE" | "f" | "0" => Ok(Value::Bool(false)),
            other => failed(format!("`{other}` is not a bool")),
        },
        _ => a.wrong(0, "bool or string"),
    }),
    global("int", 1, int),
    global("uint", 1, uint),
    global("double", 1, |a| match a.get(0) {
        Value::Double(number) => Ok(Value::Double(*number)),
        Value::Int(number) => Ok(Value::Double(*number as f64)),
        Value::Uint(number) => Ok(Value::Double(*number as f64)),
        Value::Text(text) => {
            text.parse().map(Value::Double).or_else(|_| failed(format!("`{}` is not a number", &**text)))
        }
        _ => a.wrong(0, "a number or string"),
    }),
    global("bytes", 1, |a| match a.get(0) {
        Value::Bytes(bytes) => Ok(Value::Bytes(bytes.clone())),
        Value::Text(text) => Ok(Value::Bytes(text.bytes().collect())),
        _ => a.wrong(0, "bytes or string"),
    }),
    global("timestamp", 1, |a| match a.get(0) {
        Value::Time(time) => Ok(Value::Time(*time)),
        Value::Int(seconds) => seconds.checked_mul(1000).map_or_else(
            || failed(format!("{seconds} seconds are out of range")),
            |millis| Ok(Value::Time(UnixTime::from_millis(millis))),
        ),
        Value::Text(text) => text
            .parse()
            .map(Value::Time)
            .or_else(|_| failed(format!("`{}` is not a time such as `2026-01-02T15:04:05Z`", &**text))),
        _ => a.wrong(0, "string or int"),
    }),
    global("duration", 1, |a| match a.get(0) {
        Value::Duration(nanos) => Ok(Value::Duration(*nanos)),
        Value::Text(text) => duration_of(text).map(Value::Duration),
        _ => a.wrong(0, "string"),
    }),
    global("base64.encode", 1, |a| match a.get(0) {
        Value::Bytes(bytes) => a.made(encoding::to_base64(bytes)),
        _ => a.wrong(0, "bytes"),
    }),
    global("base64.decode", 1, |a| match encoding::from_base64(a.text(0)?) {
        Some(bytes) => Ok(Value::Bytes(bytes.into())),
        None => failed("`base64.decode` found no base64"),
    }),
];

fn size<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    let length = match a.get(0) {
        Value::Text(text) => Some(text.chars().count()),
        Value::Bytes(bytes) => Some(bytes.len()),
        other => other.len(),
    };
    match length.and_then(|length| i64::try_from(length).ok()) {
        Some(length) => Ok(Value::Int(length)),
        None => a.wrong(0, "string, bytes, list or map"),
    }
}

fn int<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    // The last numbers that a double and an int have in common.
    const BOUND: f64 = 9_223_372_036_854_775_000.0;
    let found = match a.get(0) {
        Value::Int(number) => Some(*number),
        Value::Uint(number) => i64::try_from(*number).ok(),
        Value::Double(number) if number.abs() <= BOUND => Some(*number as i64),
        Value::Double(_) => None,
        Value::Text(text) => text.parse().ok(),
        Value::Time(time) => Some(time.as_millis().div_euclid(1000)),
        Value::Duration(nanos) => i64::try_from(*nanos).ok(),
        _ => return a.wrong(0, "a number, string or timestamp"),
    };
    found.map_or_else(
        || failed("`int` is out of range, or asked of what is not a number"),
        |number| Ok(Value::Int(number)),
    )
}

fn uint<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    const BOUND: f64 = 18_446_744_073_709_550_000.0;
    let found = match a.get(0) {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::Uint(number) => Some(*number),
        Value::Double(number) if (0.0..=BOUND).contains(number) => Some(*number as u64),
        Value::Double(_) => None,
        Value::Text(text) => text.parse().ok(),
        _ => return a.wrong(0, "a number or string"),
    };
    found.map_or_else(
        || failed("`uint` is out of range, or asked of what is not a number"),
        |number| Ok(Value::Uint(number)),
    )
}
