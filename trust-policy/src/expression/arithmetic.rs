//! Arithmetic on numbers, quantities and durations (Kyverno's pkg/engine/jmespath/arithmetic.go): a text is a quantity if it
//! can be read as one, else a duration.

use jmespath::Variable;
use serde_json::Number;

use crate::value::duration;
use crate::value::quantity::{Format, Quantity};

/// What is calculated with.
enum Operand {
    Number(f64),
    Quantity(Quantity, Format),
    /// Nanoseconds.
    Duration(i128),
}

const NOT_ALIKE: &str = "arguments cannot be calculated with one another";
const ZERO: &str = "divisor is zero";

fn operands(one: &Variable, other: &Variable) -> Result<(Operand, Operand), String> {
    Ok((operand(one)?, operand(other)?))
}

fn operand(value: &Variable) -> Result<Operand, String> {
    let text = match value {
        Variable::Number(number) => return Ok(Operand::Number(number.as_f64().unwrap_or_default())),
        Variable::String(text) => text,
        _ => return Err("argument is neither a number nor a text".to_owned()),
    };
    if let Some(quantity) = Quantity::parse(text) {
        return Ok(Operand::Quantity(quantity, Format::of(text)));
    }
    let duration = duration::parse(text).map(|nanoseconds| Operand::Duration(nanoseconds.into()));
    duration.ok_or_else(|| format!("`{text}` is neither a quantity nor a duration"))
}

pub(super) fn add(one: &Variable, other: &Variable) -> Result<Variable, String> {
    sum_of(one, other, |one, other| one + other, i128::checked_add)
}

pub(super) fn subtract(one: &Variable, other: &Variable) -> Result<Variable, String> {
    sum_of(one, other, |one, other| one - other, i128::checked_sub)
}

fn sum_of(
    one: &Variable,
    other: &Variable,
    of_numbers: impl Fn(f64, f64) -> f64,
    of_amounts: impl Fn(i128, i128) -> Option<i128>,
) -> Result<Variable, String> {
    match operands(one, other)? {
        (Operand::Number(one), Operand::Number(other)) => number(of_numbers(one, other)),
        (Operand::Quantity(one, format), Operand::Quantity(other, other_format)) => {
            let format = if one.nano() == 0 { other_format } else { format };
            quantity(of_amounts(one.nano(), other.nano()), format)
        }
        (Operand::Duration(one), Operand::Duration(other)) => span(of_amounts(one, other)),
        _ => Err(NOT_ALIKE.to_owned()),
    }
}

/// All of a list together. One alone stays as it is.
pub(super) fn sum(items: &[jmespath::Rcvar]) -> Result<Variable, String> {
    let mut items = items.iter();
    let first = items.next().ok_or("list is empty")?;
    items.try_fold((**first).clone(), |sum, item| add(&sum, item))
}

pub(super) fn multiply(one: &Variable, other: &Variable) -> Result<Variable, String> {
    match operands(one, other)? {
        (Operand::Number(one), Operand::Number(other)) => number(one * other),
        (Operand::Quantity(amount, format), Operand::Number(factor))
        | (Operand::Number(factor), Operand::Quantity(amount, format)) => {
            let (factor, scale) = decimal(factor)?;
            let product = amount.nano().checked_mul(factor);
            quantity(
                product.and_then(|product| Some(divided_up(product, 10i128.checked_pow(scale)?))),
                format,
            )
        }
        (Operand::Duration(time), Operand::Number(factor))
        | (Operand::Number(factor), Operand::Duration(time)) => span(Some((time as f64 * factor) as i128)),
        _ => Err(NOT_ALIKE.to_owned()),
    }
}

pub(super) fn divide(one: &Variable, other: &Variable) -> Result<Variable, String> {
    match operands(one, other)? {
        (_, Operand::Number(0.0) | Operand::Duration(0)) => Err(ZERO.to_owned()),
        (_, Operand::Quantity(divisor, _)) if divisor.nano() == 0 => Err(ZERO.to_owned()),
        (Operand::Number(one), Operand::Number(other)) => number(one / other),
        (Operand::Quantity(one, _), Operand::Quantity(other, _)) => {
            number(one.nano() as f64 / other.nano() as f64)
        }
        (Operand::Quantity(one, format), Operand::Number(other)) => {
            let (divisor, scale) = decimal(other)?;
            // With as many digits as the more precise of the two, rounded down.
            let digits = u32::max(one.digits(), scale);
            let quotient = one.nano().checked_mul(10i128.pow(scale)).map(|amount| amount / divisor);
            let unit = 10i128.pow(9u32.saturating_sub(digits));
            quantity(quotient.map(|quotient| quotient / unit * unit), format)
        }
        (Operand::Duration(one), Operand::Duration(other)) => number(one as f64 / other as f64),
        (Operand::Duration(one), Operand::Number(other)) => span(Some((one as f64 / other) as i128)),
        _ => Err(NOT_ALIKE.to_owned()),
    }
}

pub(super) fn modulo(one: &Variable, other: &Variable) -> Result<Variable, String> {
    const WHOLE: i128 = 1_000_000_000;
    match operands(one, other)? {
        (Operand::Number(one), Operand::Number(other)) if one.fract() == 0.0 && other.fract() == 0.0 => {
            if other == 0.0 {
                Err(ZERO.to_owned())
            } else {
                number(one % other)
            }
        }
        (Operand::Quantity(one, format), Operand::Quantity(other, _))
            if one.nano() % WHOLE == 0 && other.nano() % WHOLE == 0 =>
        {
            if other.nano() == 0 {
                Err(ZERO.to_owned())
            } else {
                quantity(Some(one.nano() % other.nano()), format)
            }
        }
        (Operand::Duration(_), Operand::Duration(0)) => Err(ZERO.to_owned()),
        (Operand::Duration(one), Operand::Duration(other)) => span(Some(one % other)),
        (Operand::Number(_), Operand::Number(_)) | (Operand::Quantity(..), Operand::Quantity(..)) => {
            Err("arguments are not whole".to_owned())
        }
        _ => Err(NOT_ALIKE.to_owned()),
    }
}

/// A number as digits and how many of them stand behind the point.
fn decimal(number: f64) -> Result<(i128, u32), String> {
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = format!("{whole}{fraction}").parse().map_err(|_| "number is out of range")?;
    let scale = u32::try_from(fraction.len()).ok().filter(|scale| *scale <= 18);
    scale.map(|scale| (digits, scale)).ok_or_else(|| "number has too many digits".to_owned())
}

/// The quotient, away from zero, as quantities are rounded.
fn divided_up(amount: i128, by: i128) -> i128 {
    let rest = amount % by;
    amount / by + if rest == 0 { 0 } else { rest.signum() }
}

pub(super) fn number(value: f64) -> Result<Variable, String> {
    // Whole numbers print without a fraction.
    let is_whole = value.fract() == 0.0 && value.abs() < 9e15;
    let number = if is_whole { Some(Number::from(value as i64)) } else { Number::from_f64(value) };
    number.map(Variable::Number).ok_or_else(|| "result is not a number".to_owned())
}

fn quantity(nano: Option<i128>, format: Format) -> Result<Variable, String> {
    let nano = nano.ok_or("result is out of range")?;
    Ok(Variable::String(Quantity::of_nano(nano).to_text(format)))
}

fn span(nanoseconds: Option<i128>) -> Result<Variable, String> {
    let nanoseconds =
        nanoseconds.filter(|found| i64::try_from(*found).is_ok()).ok_or("result is out of range")?;
    Ok(Variable::String(duration::to_text(nanoseconds)))
}
