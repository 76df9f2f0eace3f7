//! Lists and sets.

use core::cmp::Ordering;

use super::{Arguments, BYTES_IN_A_STEP, Function, Style, global, length, member};
use crate::cel::value::{Failure, Value, failed};

pub(super) const FUNCTIONS: [Function; 12] = [
    member("isSorted", 1, |a| {
        let items = a.list(0)?;
        let mut is_sorted = true;
        for (one, two) in items.iter().zip(items.iter().skip(1)) {
            match one.compare_within(two, a.budget)? {
                Some(order) => is_sorted &= order.is_le(),
                None => return a.wrong(0, "a list of values that have an order"),
            }
        }
        Ok(Value::Bool(is_sorted))
    }),
    member("sum", 1, |a| {
        let mut sum = None;
        for item in a.list(0)? {
            sum = Some(match (sum, item) {
                (None, one @ (Value::Int(_) | Value::Uint(_) | Value::Double(_))) => one,
                (Some(Value::Int(sum)), Value::Int(one)) => Value::Int(in_range(sum.checked_add(one))?),
                (Some(Value::Uint(sum)), Value::Uint(one)) => Value::Uint(in_range(sum.checked_add(one))?),
                (Some(Value::Double(sum)), Value::Double(one)) => Value::Double(sum + one),
                _ => return a.wrong(0, "a list of numbers of one type"),
            });
        }
        Ok(sum.unwrap_or(Value::Int(0)))
    }),
    member("min", 1, |a| extreme(a, a.list(0)?, Ordering::Less)),
    member("max", 1, |a| extreme(a, a.list(0)?, Ordering::Greater)),
    member("distinct", 1, |a| {
        let mut distinct: Vec<Value<'_>> = Vec::new();
        for item in a.list(0)? {
            if !holds(&distinct, &item, a)? {
                distinct.push(item);
            }
        }
        Ok(distinct.into())
    }),
    Function {
        name: "flatten",
        style: Style::Member,
        arguments: [1, 1],
        run: |a| {
            let mut flat = Vec::new();
            for item in a.list(0)? {
                match item.items() {
                    Some(inner) => flat.extend(inner),
                    None => flat.push(item),
                }
                a.budget.spend(1)?;
            }
            a.budget.spend(flat.len())?;
            Ok(flat.into())
        },
    },
    member("slice", 3, |a| {
        let (items, from, to) = (a.list(0)?, a.place(1)?, a.place(2)?);
        match items.get(from..to) {
            Some(part) => Ok(part.to_vec().into()),
            None => failed(format!("`slice`: {from} to {to} is out of range")),
        }
    }),
    member("sort", 1, sorted),
    global("lists.range", 1, |a| {
        let end = a.int(0)?;
        // Each number takes the memory of two steps.
        a.budget.spend(usize::try_from(end).unwrap_or_default().saturating_mul(2))?;
        Ok((0..end).map(Value::Int).collect::<Vec<_>>().into())
    }),
    global("sets.contains", 2, |a| contains(a, &a.list(0)?, &a.list(1)?)),
    global("sets.equivalent", 2, |a| {
        let (one, two) = (a.list(0)?, a.list(1)?);
        match contains(a, &one, &two)? {
            Value::Bool(true) => contains(a, &two, &one),
            no => Ok(no),
        }
    }),
    global("sets.intersects", 2, |a| {
        let (one, two) = (a.list(0)?, a.list(1)?);
        for item in &two {
            if holds(&one, item, a)? {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }),
];

/// In order. All are compared with the first one before, so that they have one.
fn sorted<'a>(a: &Arguments<'_, 'a>) -> Result<Value<'a>, Failure> {
    let mut items = a.list(0)?;
    let (Some(first), length) = (items.first(), items.iter().map(length).fold(0, usize::saturating_add))
    else {
        return Ok(items.into());
    };
    for one in &items {
        if first.compare_within(one, a.budget)?.is_none() {
            return a.wrong(0, "a list of values that have an order");
        }
    }
    let rounds = items.len().ilog2() as usize + 1;
    a.budget.spend((items.len() + length / BYTES_IN_A_STEP).saturating_mul(rounds))?;
    items.sort_by(|one, two| one.compare(two).unwrap_or(Ordering::Equal));
    Ok(items.into())
}

fn in_range<T>(sum: Option<T>) -> Result<T, Failure> {
    sum.ok_or_else(|| Failure::Failed("`sum` is out of range".to_owned()))
}

/// The smallest or largest of some values.
pub(super) fn extreme<'a>(
    a: &Arguments<'_, 'a>,
    items: Vec<Value<'a>>,
    wanted: Ordering,
) -> Result<Value<'a>, Failure> {
    let mut best: Option<Value<'a>> = None;
    for item in items {
        best = Some(match best {
            None => item,
            Some(best) => match item.compare_within(&best, a.budget)? {
                Some(order) => {
                    if order == wanted {
                        item
                    } else {
                        best
                    }
                }
                None => return a.wrong(0, "values that have an order"),
            },
        });
    }
    best.map_or_else(|| failed(format!("`{}` of no values", a.function.name)), Ok)
}

fn holds<'a>(items: &[Value<'a>], wanted: &Value<'a>, a: &Arguments<'_, 'a>) -> Result<bool, Failure> {
    for item in items {
        if item.equals(wanted, a.budget)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn contains<'a>(a: &Arguments<'_, 'a>, all: &[Value<'a>], some: &[Value<'a>]) -> Result<Value<'a>, Failure> {
    for item in some {
        if !holds(all, item, a)? {
            return Ok(Value::Bool(false));
        }
    }
    Ok(Value::Bool(true))
}
