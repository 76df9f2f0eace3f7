//! Numbers.

use core::cmp::Ordering;

use super::lists::extreme;
use super::{Arguments, Function, Style, global};
use crate::cel::value::{Failure, Value, failed};

pub(super) const FUNCTIONS: [Function; 9] = [
    Function {
        name: "math.greatest",
        style: Style::Global,
        arguments: [1, 8],
        run: |a| of_all(a, Ordering::Greater),
    },
    Function {
        name: "math.least",
        style: Style::Global,
        arguments: [1, 8],
        run: |a| of_all(a, Ordering::Less),
    },
    global("math.abs", 1, |a| match a.get(0) {
        Value::Int(number) => number
            .checked_abs()
            .map_or_else(|| failed("`math.abs` is out of range"), |number| Ok(Value::Int(number))),
        Value::Double(number) => Ok(Value::Double(number.abs())),
        Value::Uint(number) => Ok(Value::Uint(*number)),
        _ => a.wrong(0, "a number"),
    }),
    global("math.ceil", 1, |a| rounded(a, f64::ceil)),
    global("math.floor", 1, |a| rounded(a, f64::floor)),
    global("math.round", 1, |a| rounded(a, f64::round)),
    global("math.trunc", 1, |a| rounded(a, f64::trunc)),
    global("math.isNaN", 1, |a| match a.get(0) {
        Value::Double(number) => Ok(Value::Bool(number.is_nan())),
        _ => a.wrong(0, "double"),
    }),
    global("math.sign", 1, |a| match a.get(0) {
        Value::Int(number) => Ok(Value::Int(number.signum())),
        Value::Double(number) if *number == 0.0 || number.is_nan() => Ok(Value::Double(*number)),
        Value::Double(number) => Ok(Value::Double(number.signum())),
        Value::Uint(number) => Ok(Value::Uint((*number).min(1))),
        _ => a.wrong(0, "a number"),
    }),
];

/// Of its arguments, or of the elements of its only one.
fn of_all<'a>(a: &Arguments<'_, 'a>, wanted: Ordering) -> Result<Value<'a>, Failure> {
    let items = match a.get(0).items() {
        Some(items) if a.len() == 1 => items,
        _ => a.values.to_vec(),
    };
    let is_number = |one: &Value<'_>| matches!(one, Value::Int(_) | Value::Uint(_) | Value::Double(_));
    if items.iter().all(is_number) { extreme(a, items, wanted) } else { a.wrong(0, "numbers") }
}

fn rounded<'a>(a: &Arguments<'_, 'a>, round: fn(f64) -> f64) -> Result<Value<'a>, Failure> {
    match a.get(0) {
        Value::Double(number) => Ok(Value::Double(round(*number))),
        _ => a.wrong(0, "double"),
    }
}
