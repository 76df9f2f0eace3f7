//! Kubernetes' quantities and semantic versions.

use core::cmp::Ordering;

use trust_sbom::VersionScheme;

use super::{Arguments, Function, Style, global};
use crate::cel::value::{Failure, Text, Value, failed};
use crate::value::quantity::Quantity;

const fn either(name: &'static str, run: super::Run) -> Function {
    Function { name, style: Style::Member, arguments: [2, 2], run }
}

pub(super) const FUNCTIONS: [Function; 9] = [
    global("quantity", 1, |a| {
        let text = a.text(0)?;
        let found = Quantity::parse(text).map(Value::Quantity);
        found.map_or_else(|| failed(format!("`{}` is not a quantity such as `1Gi`", &**text)), Ok)
    }),
    global("isQuantity", 1, |a| Ok(Value::Bool(Quantity::parse(a.text(0)?).is_some()))),
    global("semver", 1, |a| {
        let text = a.text(0)?;
        match is_version(text) {
            true => Ok(Value::Semver(text.clone())),
            false => failed(format!("`{}` is not a semantic version", &**text)),
        }
    }),
    global("isSemver", 1, |a| Ok(Value::Bool(is_version(a.text(0)?)))),
    either("isLessThan", |a| Ok(Value::Bool(order(a)?.is_lt()))),
    either("isGreaterThan", |a| Ok(Value::Bool(order(a)?.is_gt()))),
    either("compareTo", |a| Ok(Value::Int(order(a)? as i64))),
    Function {
        name: "asInteger",
        style: Style::Member,
        arguments: [1, 1],
        run: |a| match a.get(0) {
            Value::Quantity(amount) if amount.nano() % 1_000_000_000 == 0 => {
                let whole = i64::try_from(amount.nano() / 1_000_000_000);
                whole.map(Value::Int).or_else(|_| failed("quantity is out of range"))
            }
            Value::Quantity(_) => failed("quantity is not a whole number"),
            _ => a.wrong(0, "a quantity"),
        },
    },
    Function {
        name: "sign",
        style: Style::Member,
        arguments: [1, 1],
        run: |a| match a.get(0) {
            Value::Quantity(amount) => Ok(Value::Int(i64::from(amount.nano().signum() as i8))),
            _ => a.wrong(0, "a quantity"),
        },
    },
];

/// Whether a text is a version as [semver.org](https://semver.org/#semantic-versioning-specification-semver) has it: three numbers.
fn is_version(text: &Text<'_>) -> bool {
    let (core, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let numbers: Vec<&str> = core.split('.').collect();
    let is_number = |part: &&str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (*part == "0" || !part.starts_with('0'))
    };
    let is_named = |rest: &str| {
        rest.split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    };
    let (pre, build) = rest.split_once('+').map_or((rest, None), |(pre, build)| (pre, Some(build)));
    numbers.len() == 3
        && numbers.iter().all(is_number)
        && (pre.is_empty() || pre.strip_prefix('-').is_some_and(is_named))
        && build.is_none_or(is_named)
}

fn order(a: &Arguments<'_, '_>) -> Result<Ordering, Failure> {
    match (a.get(0), a.get(1)) {
        (Value::Quantity(one), Value::Quantity(two)) => Ok(one.cmp(two)),
        (Value::Semver(one), Value::Semver(two)) => {
            VersionScheme::Semver.compare(one, two).map_or_else(|| failed("versions have no order"), Ok)
        }
        (Value::Quantity(_) | Value::Semver(_), _) => a.wrong(1, "a value of the same type"),
        _ => a.wrong(0, "a quantity or a version"),
    }
}
