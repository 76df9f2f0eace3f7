//! Timestamps and durations. Times are in UTC, to the millisecond.

use super::{Arguments, Function, global, member};
use crate::cel::value::{Failure, Value, failed};

const MILLI: i128 = 1_000_000;
const SECOND: i128 = 1000 * MILLI;

pub(super) const FUNCTIONS: [Function; 13] = [
    // The time at which it is judged, which is an argument of the judgement.
    global("time.now", 0, |a| Ok(Value::Time(a.now))),
    member("getFullYear", 1, |a| field(a, 0, 4, 0)),
    member("getMonth", 1, |a| field(a, 5, 7, 1)),
    member("getDate", 1, |a| field(a, 8, 10, 0)),
    member("getDayOfMonth", 1, |a| field(a, 8, 10, 1)),
    member("getHours", 1, |a| match a.get(0) {
        Value::Duration(nanos) => whole(nanos / (3600 * SECOND)),
        _ => field(a, 11, 13, 0),
    }),
    member("getMinutes", 1, |a| match a.get(0) {
        Value::Duration(nanos) => whole(nanos / (60 * SECOND)),
        _ => field(a, 14, 16, 0),
    }),
    member("getSeconds", 1, |a| match a.get(0) {
        Value::Duration(nanos) => whole(nanos / SECOND),
        _ => field(a, 17, 19, 0),
    }),
    member("getMilliseconds", 1, |a| match a.get(0) {
        Value::Duration(nanos) => whole(nanos % SECOND / MILLI),
        Value::Time(time) => Ok(Value::Int(time.as_millis().rem_euclid(1000))),
        _ => a.wrong(0, "timestamp or duration"),
    }),
    member("getDayOfWeek", 1, |a| match a.get(0) {
        // The first of January 1970 was a Thursday.
        Value::Time(time) => Ok(Value::Int((time.as_millis().div_euclid(86_400_000) + 4).rem_euclid(7))),
        _ => a.wrong(0, "timestamp"),
    }),
    global("time.parse", 2, |a| match (&**a.text(0)?, a.text(1)?) {
        ("2006-01-02T15:04:05Z07:00" | "RFC3339", text) => parsed(text),
        (layout, _) => failed(format!("`time.parse` reads RFC 3339, not the layout `{layout}`")),
    }),
    global("time.before", 2, |a| match (a.get(0), a.get(1)) {
        (Value::Time(one), Value::Time(two)) => Ok(Value::Bool(one < two)),
        _ => a.wrong(0, "timestamp"),
    }),
    global("time.after", 2, |a| match (a.get(0), a.get(1)) {
        (Value::Time(one), Value::Time(two)) => Ok(Value::Bool(one > two)),
        _ => a.wrong(0, "timestamp"),
    }),
];

fn parsed<'a>(text: &str) -> Result<Value<'a>, Failure> {
    text.parse().map(Value::Time).or_else(|_| failed(format!("`{text}` is not a time of RFC 3339")))
}

/// A part of a time as it is written (RFC 3339), counted from another number.
fn field<'a>(a: &Arguments<'_, 'a>, from: usize, to: usize, first: i64) -> Result<Value<'a>, Failure> {
    let Value::Time(time) = a.get(0) else { return a.wrong(0, "timestamp or duration") };
    let written = time.to_string();
    let number = written.get(from..to).and_then(|digits| digits.parse::<i64>().ok());
    // Days of months are counted from 1 where they are called dates.
    let shift = first;
    number.map_or_else(|| failed("time is out of range"), |number| Ok(Value::Int(number - shift)))
}

fn whole<'a>(number: i128) -> Result<Value<'a>, Failure> {
    i64::try_from(number).map(Value::Int).or_else(|_| failed("duration is out of range"))
}
