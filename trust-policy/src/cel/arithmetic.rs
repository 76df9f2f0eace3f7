//! Sums, differences, products, quotients and rests
//! ([arithmetic operators](https://github.com/google/cel-spec/blob/master/doc/langdef.md#numeric-values)).
//!
//! Whole numbers, times and durations never wrap around: what is out of range has no value.

use trust_core::UnixTime;

use super::syntax::Operator;
use super::value::{Failure, Value, failed};

/// What an operator makes of two whole numbers of one type; nothing if that is out of range.
macro_rules! checked {
    ($operator:expr, $one:expr, $two:expr) => {
        match $operator {
            Operator::Add => $one.checked_add($two),
            Operator::Subtract => $one.checked_sub($two),
            Operator::Multiply => $one.checked_mul($two),
            Operator::Divide => $one.checked_div($two),
            _ => $one.checked_rem($two),
        }
    };
}

pub(super) fn negated<'a>(value: &Value<'a>) -> Result<Value<'a>, Failure> {
    match value {
        Value::Int(number) => number.checked_neg().map(Value::Int).ok_or_else(overflow),
        Value::Double(number) => Ok(Value::Double(-number)),
        Value::Duration(nanos) => nanos.checked_neg().map(Value::Duration).ok_or_else(overflow),
        other => failed(format!("cannot negate {}", other.type_name())),
    }
}

fn overflow() -> Failure {
    Failure::Failed("result is out of range".to_owned())
}

pub(super) fn arithmetic<'a>(
    operator: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Result<Value<'a>, Failure> {
    const MILLI: i128 = 1_000_000;
    let zero = || Failure::Failed("divides by zero".to_owned());
    match (operator, left, right) {
        (Operator::Divide | Operator::Modulo, Value::Int(_), Value::Int(0))
        | (Operator::Divide | Operator::Modulo, Value::Uint(_), Value::Uint(0)) => Err(zero()),
        (_, Value::Int(one), Value::Int(two)) => {
            checked!(operator, *one, *two).map(Value::Int).ok_or_else(overflow)
        }
        (_, Value::Uint(one), Value::Uint(two)) => {
            checked!(operator, *one, *two).map(Value::Uint).ok_or_else(overflow)
        }
        (Operator::Add, Value::Double(one), Value::Double(two)) => Ok(Value::Double(one + two)),
        (Operator::Subtract, Value::Double(one), Value::Double(two)) => Ok(Value::Double(one - two)),
        (Operator::Multiply, Value::Double(one), Value::Double(two)) => Ok(Value::Double(one * two)),
        (Operator::Divide, Value::Double(one), Value::Double(two)) => Ok(Value::Double(one / two)),
        (Operator::Add, Value::Duration(one), Value::Duration(two)) => {
            one.checked_add(*two).map(Value::Duration).ok_or_else(overflow)
        }
        (Operator::Subtract, Value::Duration(one), Value::Duration(two)) => {
            one.checked_sub(*two).map(Value::Duration).ok_or_else(overflow)
        }
        (Operator::Subtract, Value::Time(one), Value::Time(two)) => {
            Ok(Value::Duration(i128::from(one.as_millis().saturating_sub(two.as_millis())) * MILLI))
        }
        (Operator::Add, Value::Time(time), Value::Duration(nanos))
        | (Operator::Add, Value::Duration(nanos), Value::Time(time)) => later(*time, nanos / MILLI),
        (Operator::Subtract, Value::Time(time), Value::Duration(nanos)) => {
            later(*time, (nanos / MILLI).checked_neg().ok_or_else(overflow)?)
        }
        _ => {
            let verb = match operator {
                Operator::Add => "add",
                Operator::Subtract => "subtract",
                Operator::Multiply => "multiply",
                Operator::Divide => "divide",
                _ => "take the rest of",
            };
            failed(format!("cannot {verb} {} and {}", left.type_name(), right.type_name()))
        }
    }
}

fn later<'a>(time: UnixTime, millis: i128) -> Result<Value<'a>, Failure> {
    let found = i128::from(time.as_millis()).checked_add(millis).and_then(|found| i64::try_from(found).ok());
    found.map(|found| Value::Time(UnixTime::from_millis(found))).ok_or_else(overflow)
}
