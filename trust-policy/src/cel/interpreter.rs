//! The value of a tree ([evaluation](https://github.com/google/cel-spec/blob/master/doc/langdef.md#evaluation)).

use core::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use trust_core::UnixTime;

use super::Cel;
use super::arithmetic::{arithmetic, negated};
use super::library::{Arguments, MAX_TEXT, REGEX_STEPS_A_BYTE};
use super::syntax::{Element, Expression, Literal, Loop, LoopKind, Node, Operator, Question, Selection};
use super::value::{Failure, Key, Text, Value, failed};
use crate::expression::budget::Budget;

/// Bytes that are written in about the time of a step.
const WRITTEN_IN_A_STEP: usize = 16;
/// The memory of a map, in steps.
const MAP_STEPS: usize = 40;

/// What an expression refers to.
pub(crate) trait Environment<'a> {
    /// The value of a name.
    fn value(&self, name: &str) -> Result<Value<'a>, Failure>;

    /// The value of a member of a name.
    fn member(&self, name: &str, member: &str) -> Result<Value<'a>, Failure>;

    /// The answer to what only the environment knows.
    fn answer(&self, question: Question, arguments: &[Value<'a>]) -> Result<Value<'a>, Failure>;
}

/// Evaluates expressions in an environment.
pub(crate) struct Interpreter<'i, 'a> {
    environment: &'i dyn Environment<'a>,
    budget: &'i Budget,
    now: UnixTime,
    /// Names that macros give.
    locals: Vec<(&'a str, Value<'a>)>,
}

impl<'i, 'a> Interpreter<'i, 'a> {
    pub(crate) fn new(environment: &'i dyn Environment<'a>, budget: &'i Budget, now: UnixTime) -> Self {
        Self { environment, budget, now, locals: Vec::new() }
    }

    /// The value of an expression.
    pub(crate) fn evaluate(&mut self, expression: &'a Cel) -> Result<Value<'a>, Failure> {
        let value = self.value(&expression.root);
        self.locals.clear();
        // What was too much work has no value, even where one was found without it.
        if self.budget.is_exhausted() { Err(Failure::Exhausted) } else { value }
    }

    /// Whether an expression is true.
    pub(crate) fn holds(&mut self, expression: &'a Cel) -> Result<bool, Failure> {
        boolean(self.evaluate(expression)?)
    }

    fn value(&mut self, node: &'a Node) -> Result<Value<'a>, Failure> {
        self.budget.spend(1)?;
        match &node.expression {
            Expression::Literal(literal) => {
                if let Literal::Bytes(bytes) = literal {
                    self.budget.spend(bytes.len() / WRITTEN_IN_A_STEP)?;
                }
                Ok(literal_value(literal))
            }
            Expression::Name(name) => self.name(name),
            Expression::Member(name, member) => self.environment.member(name, member),
            Expression::Select { operand, field, selection } => {
                let operand = self.value(operand)?;
                select(operand, field, *selection)
            }
            Expression::Index { operand, index, is_optional } => {
                let (operand, index) = (self.value(operand)?, self.value(index)?);
                self.pay_for_key(&index)?;
                at_index(&operand, &index, *is_optional)
            }
            Expression::List(elements) => self.list(elements),
            Expression::Map(entries) => self.map(entries),
            Expression::Not(operand) => boolean(self.value(operand)?).map(|value| Value::Bool(!value)),
            Expression::Negate(operand) => negated(&self.value(operand)?),
            Expression::Binary(operator, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.binary(*operator, &left, &right)
            }
            Expression::And(parts) => self.until(parts, false),
            Expression::Or(parts) => self.until(parts, true),
            Expression::Conditional(parts) => {
                let [condition, yes, no] = &**parts;
                match boolean(self.value(condition)?)? {
                    true => self.value(yes),
                    false => self.value(no),
                }
            }
            Expression::Call(function, arguments) => {
                let values = self.values(arguments)?;
                Arguments::new(function, &values, self.budget, self.now)?.run()?.bounded()
            }
            Expression::Matches(operand, regex) => match self.value(operand)? {
                Value::Text(text) => {
                    self.budget.spend(text.len().saturating_mul(REGEX_STEPS_A_BYTE))?;
                    Ok(Value::Bool(regex.is_match(&text)))
                }
                other => failed(format!("`matches` is asked of {}, expected string", other.type_name())),
            },
            Expression::Ask(question, arguments) => {
                let values = self.values(arguments)?;
                self.environment.answer(*question, &values)
            }
            Expression::Loop(one) => self.looped(one),
            Expression::Bind { name, value, body } => {
                let value = self.value(value)?;
                self.with_local(name, value, body)
            }
            Expression::OptionalMap { operand, name, body, is_flat } => match self.value(operand)? {
                Value::Optional(None) => Ok(Value::Optional(None)),
                Value::Optional(Some(inner)) => {
                    let found = self.with_local(name, (*inner).clone(), body)?;
                    if *is_flat { Ok(found) } else { Value::Optional(Some(found.into())).bounded() }
                }
                other => {
                    failed(format!("`optMap` is asked of {}, expected optional_type", other.type_name()))
                }
            },
        }
    }

    fn name(&self, name: &str) -> Result<Value<'a>, Failure> {
        match self.locals.iter().rev().find(|(own, _)| *own == name) {
            Some((_, value)) => Ok(value.clone()),
            None => self.environment.value(name),
        }
    }

    fn with_local(&mut self, name: &'a str, value: Value<'a>, body: &'a Node) -> Result<Value<'a>, Failure> {
        self.locals.push((name, value));
        let found = self.value(body);
        self.locals.pop();
        found
    }

    fn values(&mut self, nodes: &'a [Node]) -> Result<Vec<Value<'a>>, Failure> {
        nodes.iter().map(|node| self.value(node)).collect()
    }

    /// The value of an element; `None` if it is optional and absent.
    fn element(&mut self, element: &'a Element) -> Result<Option<Value<'a>>, Failure> {
        match (self.value(&element.value)?, element.is_optional) {
            (value, false) => Ok(Some(value)),
            (Value::Optional(value), true) => Ok(value.map(|value| (*value).clone())),
            (other, true) => {
                failed(format!("element with `?` is {}, expected optional_type", other.type_name()))
            }
        }
    }

    fn list(&mut self, elements: &'a [Element]) -> Result<Value<'a>, Failure> {
        let mut items = Vec::with_capacity(elements.len());
        for element in elements {
            items.extend(self.element(element)?);
        }
        Value::from(items).bounded()
    }

    fn map(&mut self, entries: &'a [(Node, Element)]) -> Result<Value<'a>, Failure> {
        self.budget.spend(MAP_STEPS)?;
        let mut map = BTreeMap::new();
        for (key, element) in entries {
            let key = self.value(key)?;
            self.pay_for_key(&key)?;
            let found = Key::of(&key);
            let key = found
                .ok_or_else(|| Failure::Failed(format!("{} cannot be a key of a map", key.type_name())))?;
            if let Some(value) = self.element(element)?
                && map.insert(key, value).is_some()
            {
                return failed("map has one of its keys twice");
            }
        }
        Value::from(map).bounded()
    }

    /// Pays for a copy of a key.
    fn pay_for_key(&self, key: &Value<'a>) -> Result<(), Failure> {
        let length = if let Value::Text(text) = key { text.len() } else { 0 };
        Ok(self.budget.spend(length / WRITTEN_IN_A_STEP)?)
    }

    /// Parts up to the one that decides. One that fails does not matter if another one decides.
    fn until(&mut self, parts: &'a [Node], decides: bool) -> Result<Value<'a>, Failure> {
        let mut failure = None;
        for part in parts {
            let found = self.value(part).and_then(boolean);
            if decided(found, decides, &mut failure)? {
                return Ok(Value::Bool(decides));
            }
        }
        failure.map_or(Ok(Value::Bool(!decides)), Err)
    }

    fn looped(&mut self, one: &'a Loop) -> Result<Value<'a>, Failure> {
        let range = self.value(&one.range)?;
        let length = range.len().ok_or_else(|| {
            Failure::Failed(format!("macro is asked of {}, expected list or map", range.type_name()))
        })?;
        self.budget.spend(length)?;
        let entries = range.entries();
        let (mut failure, mut count) = (None, 0);
        let (mut items, mut map) = (Vec::new(), BTreeMap::new());
        for index in 0..length {
            // Of a list, the key is the place.
            let (key, value) = match &entries {
                Some(entries) => entries.get(index).cloned().unwrap_or((Value::Null, Value::Null)),
                None => (
                    Value::Int(i64::try_from(index).unwrap_or(i64::MAX)),
                    range.item(index).unwrap_or(Value::Null),
                ),
            };
            let before = self.locals.len();
            // One name stands for the element of a list, and for the key of a map.
            let given = match (&one.names[..], &entries) {
                ([name], Some(_)) => vec![(&**name, key.clone())],
                ([name], None) => vec![(&**name, value.clone())],
                (names, _) => {
                    let both = [key.clone(), value.clone()];
                    names.iter().map(|name| &**name).zip(both).collect()
                }
            };
            let element = given.first().map(|(_, element)| element.clone());
            self.locals.extend(given);
            let is_meant =
                one.filter.as_ref().map_or(Ok(true), |filter| self.value(filter).and_then(boolean));
            let found = is_meant.and_then(|is| if is { self.value(&one.body).map(Some) } else { Ok(None) });
            self.locals.truncate(before);
            match one.kind {
                LoopKind::All | LoopKind::Exists => {
                    let decides = one.kind == LoopKind::Exists;
                    let found = found.and_then(|value| boolean(value.unwrap_or(Value::Bool(!decides))));
                    if decided(found, decides, &mut failure)? {
                        return Ok(Value::Bool(decides));
                    }
                }
                LoopKind::ExistsOne => count += usize::from(found?.map(boolean).transpose()? == Some(true)),
                LoopKind::Filter => {
                    if found?.map(boolean).transpose()? == Some(true) {
                        items.extend(element);
                    }
                }
                LoopKind::Map => items.extend(found?),
                LoopKind::MapEntries => {
                    if let (Some(found), Some(key)) = (found?, Key::of(&key)) {
                        map.insert(key, found);
                    }
                }
            }
        }
        match one.kind {
            LoopKind::All | LoopKind::Exists => {
                failure.map_or(Ok(Value::Bool(one.kind == LoopKind::All)), Err)
            }
            LoopKind::ExistsOne => Ok(Value::Bool(count == 1)),
            LoopKind::Filter | LoopKind::Map => Value::from(items).bounded(),
            LoopKind::MapEntries => Value::from(map).bounded(),
        }
    }

    fn binary(&self, operator: Operator, left: &Value<'a>, right: &Value<'a>) -> Result<Value<'a>, Failure> {
        for (number, other) in [(left, right), (right, left)] {
            let Value::Between(bounds) = number else { continue };
            if matches!(operator, Operator::Equal | Operator::NotEqual | Operator::In) {
                break;
            }
            let says = |one: i64| {
                let one = Value::Int(one);
                if core::ptr::eq(number, left) {
                    self.binary(operator, &one, other)
                } else {
                    self.binary(operator, other, &one)
                }
            };
            // Where the least and the most that it may be say the same, all between them do.
            let is_order = matches!(
                operator,
                Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual
            );
            return if is_order && boolean(says(bounds.least)?)? == boolean(says(bounds.most)?)? {
                says(bounds.least)
            } else {
                Err(Failure::Unknown(bounds.reason.clone()))
            };
        }
        let ordered = |is_so: fn(Ordering) -> bool| match left.compare_within(right, self.budget)? {
            Some(order) => Ok(Value::Bool(is_so(order))),
            // Not a number is in no order with any.
            None if left.is_number() && right.is_number() => Ok(Value::Bool(false)),
            None => failed(format!("cannot compare {} with {}", left.type_name(), right.type_name())),
        };
        match operator {
            Operator::Equal => left.equals(right, self.budget).map(Value::Bool),
            Operator::NotEqual => left.equals(right, self.budget).map(|equal| Value::Bool(!equal)),
            Operator::Less => ordered(Ordering::is_lt),
            Operator::LessOrEqual => ordered(Ordering::is_le),
            Operator::Greater => ordered(Ordering::is_gt),
            Operator::GreaterOrEqual => ordered(Ordering::is_ge),
            Operator::In => self.is_in(left, right).map(Value::Bool),
            Operator::Add => self.sum(left, right),
            Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Modulo => {
                arithmetic(operator, left, right)
            }
        }
    }

    fn is_in(&self, element: &Value<'a>, list: &Value<'a>) -> Result<bool, Failure> {
        self.budget.spend(list.len().unwrap_or_default())?;
        self.pay_for_key(element)?;
        if let Some(items) = list.items() {
            for item in items {
                if element.equals(&item, self.budget)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        match list {
            Value::Map(_) | Value::Json(_) => Ok(list.at(element)?.is_some()),
            other => failed(format!("`in` is asked of {}, expected list or map", other.type_name())),
        }
    }

    fn sum(&self, left: &Value<'a>, right: &Value<'a>) -> Result<Value<'a>, Failure> {
        if let (Some(mut items), Some(more)) = (left.items(), right.items()) {
            self.budget.spend(items.len() + more.len())?;
            items.extend(more);
            return Ok(items.into());
        }
        match (left, right) {
            (Value::Text(one), Value::Text(two)) => {
                let length = one.len() + two.len();
                self.budget.spend(length / WRITTEN_IN_A_STEP)?;
                if length > MAX_TEXT {
                    return failed(format!(
                        "would make a text of {length} bytes, expected at most {MAX_TEXT}"
                    ));
                }
                Ok(Value::Text(Text::Made(format!("{}{}", &**one, &**two).into())))
            }
            (Value::Bytes(one), Value::Bytes(two)) => {
                self.budget.spend((one.len() + two.len()) / WRITTEN_IN_A_STEP)?;
                Ok(Value::Bytes(one.iter().chain(two.iter()).copied().collect()))
            }
            _ => arithmetic(Operator::Add, left, right),
        }
    }
}

fn literal_value(literal: &Literal) -> Value<'_> {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Int(number) => Value::Int(*number),
        Literal::Uint(number) => Value::Uint(*number),
        Literal::Double(number) => Value::Double(*number),
        Literal::Text(text) => Value::Text(Text::Borrowed(text)),
        Literal::Bytes(bytes) => Value::Bytes(bytes.iter().copied().collect()),
        Literal::Type(name) => Value::Type(name),
    }
}

pub(super) fn boolean(value: Value<'_>) -> Result<bool, Failure> {
    match value {
        Value::Bool(value) => Ok(value),
        other => failed(format!("found {}, expected bool", other.type_name())),
    }
}

/// Whether an answer decides. The first one that fails is kept; that something is not known counts more than that it failed.
fn decided(
    found: Result<bool, Failure>,
    decides: bool,
    failure: &mut Option<Failure>,
) -> Result<bool, Failure> {
    match found {
        Ok(value) => return Ok(value == decides),
        Err(Failure::Exhausted) => return Err(Failure::Exhausted),
        Err(found) => match failure {
            Some(Failure::Unknown(_)) => {}
            Some(_) if matches!(found, Failure::Failed(_)) => {}
            _ => *failure = Some(found),
        },
    }
    Ok(false)
}

fn select<'a>(operand: Value<'a>, field: &str, selection: Selection) -> Result<Value<'a>, Failure> {
    // What is asked of an optional value is optional.
    if let Value::Optional(inner) = operand {
        let found = inner.map(|inner| inner.field(field)).transpose()?.flatten();
        return Ok(match selection {
            Selection::Presence => Value::Bool(found.is_some()),
            Selection::Value | Selection::Optional => Value::Optional(found.map(Rc::new)),
        });
    }
    let found = operand.field(field)?;
    match selection {
        Selection::Presence => Ok(Value::Bool(found.is_some())),
        Selection::Optional => Ok(Value::Optional(found.map(Rc::new))),
        Selection::Value => found.map_or_else(|| failed(format!("no such field: `{field}`")), Ok),
    }
}

fn at_index<'a>(operand: &Value<'a>, index: &Value<'a>, is_optional: bool) -> Result<Value<'a>, Failure> {
    if let Value::Optional(inner) = operand {
        let found = inner.as_ref().map(|inner| inner.at(index)).transpose()?.flatten();
        return Ok(Value::Optional(found.map(Rc::new)));
    }
    let found = operand.at(index)?;
    match is_optional {
        true => Ok(Value::Optional(found.map(Rc::new))),
        false => found.map_or_else(|| failed("no such key or index"), Ok),
    }
}
