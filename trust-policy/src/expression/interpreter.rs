//! The interpreter of expressions: JMESPath's own rules, with two of Kyverno's.
//!
//! A name that a map does not have is an error, not `null`: a typo in a policy must not read as an absent value. What asks
//! whether something is there catches it: `||`, `!`, comparisons, filters, projections, multi-selects and arguments of
//! functions. And every step is paid for from a [`Budget`].

use std::collections::BTreeMap;

use jmespath::ast::{Ast, Comparator};
use jmespath::{Rcvar, Variable};

use super::functions;
use crate::expression::budget::{Budget, Exhausted};

/// Why there is no value.
pub(super) enum Stop {
    /// A map does not have the name.
    NotFound(String),
    /// A function cannot do it, or it is no function.
    Failed(String),
    /// It would cost too much.
    Exhausted(Exhausted),
}

type Found = Result<Rcvar, Stop>;

impl From<Exhausted> for Stop {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}

/// The value of `node`, where `@` is `data`.
pub(super) fn interpret(data: &Rcvar, node: &Ast, budget: &Budget) -> Found {
    budget.spend(1)?;
    let evaluate = |data: &Rcvar, node: &Ast| interpret(data, node, budget);
    // What is not there is `null` where its presence is the question.
    let or_null = |data: &Rcvar, node: &Ast| match interpret(data, node, budget) {
        Err(Stop::NotFound(_)) => Ok(null()),
        other => other,
    };
    Ok(match node {
        Ast::Identity { .. } => data.clone(),
        Ast::Literal { value, .. } => value.clone(),
        Ast::Field { name, .. } => match &**data {
            Variable::Object(map) => map.get(name).cloned().ok_or_else(|| Stop::NotFound(name.clone()))?,
            _ => null(),
        },
        Ast::Index { idx, .. } => match usize::try_from(*idx) {
            Ok(index) => data.get_index(index),
            Err(_) => data.get_negative_index(idx.unsigned_abs() as usize),
        },
        Ast::Slice { step: 0, .. } => return Err(Stop::Failed("has a slice with the step 0".to_owned())),
        Ast::Slice { start, stop, step, .. } => match data.slice(*start, *stop, *step) {
            Some(items) => list(items, budget)?,
            None => null(),
        },
        // A slice projects what is before it.
        Ast::Subexpr { lhs, rhs, .. } if is_slice(rhs) => evaluate(&or_null(data, lhs)?, rhs)?,
        Ast::Subexpr { lhs, rhs, .. } => evaluate(&evaluate(data, lhs)?, rhs)?,
        Ast::Or { lhs, rhs, .. } => match or_null(data, lhs)? {
            found if found.is_truthy() => found,
            _ => or_null(data, rhs)?,
        },
        Ast::And { lhs, rhs, .. } => match or_null(data, lhs)? {
            found if found.is_truthy() => evaluate(data, rhs)?,
            found => found,
        },
        Ast::Not { node, .. } => boolean(!or_null(data, node)?.is_truthy()),
        Ast::Comparison { comparator, lhs, rhs, .. } => {
            let (left, right) = (or_null(data, lhs)?, or_null(data, rhs)?);
            budget.spend(size(&left).min(size(&right)))?;
            compare(comparator, &left, &right).map_or_else(null, boolean)
        }
        Ast::Condition { predicate, then, .. } => match or_null(data, predicate)?.is_truthy() {
            true => evaluate(data, then)?,
            false => null(),
        },
        Ast::ObjectValues { node, .. } => match &*or_null(data, node)? {
            Variable::Object(map) => list(map.values().cloned().collect(), budget)?,
            _ => null(),
        },
        Ast::Flatten { node, .. } => match &*or_null(data, node)? {
            Variable::Array(items) => {
                let mut flat = Vec::new();
                for item in items {
                    match &**item {
                        Variable::Array(inner) => flat.extend(inner.iter().cloned()),
                        _ => flat.push(item.clone()),
                    }
                }
                list(flat, budget)?
            }
            _ => null(),
        },
        Ast::Projection { lhs, rhs, .. } => match &*or_null(data, lhs)? {
            Variable::Array(items) => {
                let mut found = Vec::new();
                for item in items {
                    found.push(or_null(item, rhs)?);
                }
                found.retain(|one| !one.is_null());
                list(found, budget)?
            }
            _ => null(),
        },
        Ast::MultiList { .. } | Ast::MultiHash { .. } if data.is_null() => null(),
        Ast::MultiList { elements, .. } => {
            let found = elements.iter().map(|one| or_null(data, one)).collect::<Result<_, _>>()?;
            list(found, budget)?
        }
        Ast::MultiHash { elements, .. } => {
            let field =
                |pair: &jmespath::ast::KeyValuePair| Ok((pair.key.clone(), or_null(data, &pair.value)?));
            let fields = elements.iter().map(field).collect::<Result<BTreeMap<_, _>, Stop>>()?;
            Rcvar::new(Variable::Object(fields))
        }
        Ast::Expref { .. } => return Err(Stop::Failed("has `&` outside of a function".to_owned())),
        Ast::Function { name, args, .. } => match (name.as_str(), &args[..]) {
            ("map", [Ast::Expref { ast, .. }, items]) => {
                let items = array(name, &or_null(data, items)?)?;
                let mapped = items.iter().map(|item| or_null(item, ast)).collect::<Result<_, _>>()?;
                list(mapped, budget)?
            }
            ("sort_by" | "min_by" | "max_by", [items, Ast::Expref { ast, .. }]) => {
                let items = array(name, &or_null(data, items)?)?;
                let keys = items.iter().map(|item| or_null(item, ast)).collect::<Result<Vec<_>, _>>()?;
                budget.spend(items.len())?;
                by(name, items, keys)?
            }
            _ => {
                let args = args.iter().map(|one| or_null(data, one)).collect::<Result<Vec<_>, _>>()?;
                budget.spend(args.iter().fold(0, |sum, one| sum.saturating_add(size(one))))?;
                if let (true, [pattern, text, ..]) = (functions::matches(name), &args[..])
                    && let (Some(pattern), Some(text)) = (pattern.as_string(), text.as_string())
                {
                    budget.spend((1 + pattern.len() / 16).saturating_mul(1 + text.len() / 16))?;
                }
                let found = functions::call(name, &args, budget).map_err(Stop::Failed)?;
                budget.spend(size(&found))?;
                found
            }
        },
    })
}

fn is_slice(node: &Ast) -> bool {
    matches!(node, Ast::Projection { lhs, .. } if matches!(**lhs, Ast::Slice { .. }))
}

/// `sort_by`, `min_by` and `max_by`: by numbers, or by texts.
fn by(name: &str, items: Vec<Rcvar>, keys: Vec<Rcvar>) -> Found {
    // What stands alone is in order by any key.
    if let ([only], "min_by" | "max_by") = (&items[..], name) {
        return Ok(only.clone());
    }
    if items.len() == 1 {
        return Ok(Rcvar::new(Variable::Array(items)));
    }
    let are_numbers = keys.iter().all(|key| key.is_number());
    if !are_numbers && !keys.iter().all(|key| key.is_string()) {
        return Err(Stop::Failed(format!("`{name}` orders by what is neither all numbers nor all texts")));
    }
    let mut ordered: Vec<(Rcvar, Rcvar)> = keys.into_iter().zip(items).collect();
    let order = |one: &Rcvar, other: &Rcvar| match (one.as_number(), other.as_number()) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => one.as_string().cmp(&other.as_string()),
    };
    ordered.sort_by(|(one, _), (other, _)| order(one, other));
    let first_of_largest = || {
        let largest = ordered.last().map(|(key, _)| key)?;
        ordered.iter().find(|(key, _)| order(key, largest).is_eq())
    };
    Ok(match name {
        "sort_by" => Rcvar::new(Variable::Array(ordered.into_iter().map(|(_, item)| item).collect())),
        "min_by" => ordered.first().map_or_else(null, |(_, item)| item.clone()),
        _ => first_of_largest().map_or_else(null, |(_, item)| item.clone()),
    })
}

fn array(name: &str, value: &Rcvar) -> Result<Vec<Rcvar>, Stop> {
    value
        .as_array()
        .cloned()
        .ok_or_else(|| Stop::Failed(format!("`{name}` is called on a value that is not a list")))
}

/// `None` where the two have no order.
fn compare(comparator: &Comparator, left: &Variable, right: &Variable) -> Option<bool> {
    let numbers = || Some((left.as_number()?, right.as_number()?));
    Some(match comparator {
        Comparator::Equal => equal(left, right),
        Comparator::NotEqual => !equal(left, right),
        Comparator::LessThan => numbers().map(|(left, right)| left < right)?,
        Comparator::LessThanEqual => numbers().map(|(left, right)| left <= right)?,
        Comparator::GreaterThan => numbers().map(|(left, right)| left > right)?,
        Comparator::GreaterThanEqual => numbers().map(|(left, right)| left >= right)?,
    })
}

/// Whether two values are the same; numbers by what they amount to.
pub(super) fn equal(one: &Variable, other: &Variable) -> bool {
    match (one, other) {
        (Variable::Number(_), Variable::Number(_)) => one.as_number() == other.as_number(),
        (Variable::Array(one), Variable::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Variable::Object(one), Variable::Object(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && equal(one.1, other.1))
        }
        (Variable::Expref(_), _) => false,
        _ => one == other,
    }
}

/// How many steps it takes to look at the whole of a value. What is shared in it counts each time.
pub(super) fn size(value: &Rcvar) -> usize {
    match &**value {
        Variable::String(text) => 1 + text.len() / 64,
        Variable::Array(items) => items.iter().fold(1, |sum, item| sum.saturating_add(size(item))),
        Variable::Object(map) => map.values().fold(1, |sum, item| sum.saturating_add(size(item))),
        _ => 1,
    }
}

fn list(items: Vec<Rcvar>, budget: &Budget) -> Found {
    budget.spend(items.len())?;
    Ok(Rcvar::new(Variable::Array(items)))
}

fn boolean(value: bool) -> Rcvar {
    Rcvar::new(Variable::Bool(value))
}

fn null() -> Rcvar {
    Rcvar::new(Variable::Null)
}
