//! Lists and sets.

use super::{Arguments, Function, Style, global, member};
use crate::cel::value::{Failure, Value, failed};
use core::cmp::Ordering;

pub(super) const FUNCTIONS: [Function; 12] = [
    member("isSorted", 1, |a| {
        let items = a.list(0)?;
        let pairs = items.iter().zip(items.iter().skip(1));
        let orders: Option<Vec<Ordering>> = pairs.map(|(one, two)| one.compare(two)).collect();
        match orders {
            Some(orders) => Ok(Value::Bool(orders.into_iter().all(Ordering::is_le))),
            None => a.wrong(0, "a list of values that have an order"),
        }
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
    member("sort", 1, |a| {
        let mut items = a.list(0)?;
        let comparable =
            items.first().is_none_or(|first| items.iter().all(|one| first.compare(one).is_some()));
        if !comparable {
            return a.wrong(0, "a list of values that have an order");
        }
        a.budget.spend(items.len() * 8)?;
        items.sort_by(|one, two| one.compare(two).unwrap_or(Ordering::Equal));
        Ok(items.into())
    }),
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
            Some(best) => match item.compare(&best) {
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
