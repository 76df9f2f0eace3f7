//! Optional values ([cel-go's optional types](https://pkg.go.dev/github.com/google/cel-go/cel#OptionalTypes)).

use std::rc::Rc;

use super::{Arguments, Function, Style, global, member};
use crate::cel::value::{Failure, Value, failed};

pub(super) const FUNCTIONS: [Function; 9] = [
    global("optional.of", 1, |a| Ok(Value::Optional(Some(a.get(0).clone().into())))),
    global("optional.none", 0, |_| Ok(Value::Optional(None))),
    global("optional.ofNonZeroValue", 1, |a| {
        let is_zero = match a.get(0) {
            Value::Null | Value::Bool(false) | Value::Int(0) | Value::Uint(0) => true,
            Value::Double(number) => *number == 0.0,
            Value::Text(text) => text.is_empty(),
            Value::Bytes(bytes) => bytes.is_empty(),
            other => other.len() == Some(0),
        };
        Ok(Value::Optional((!is_zero).then(|| a.get(0).clone().into())))
    }),
    member("hasValue", 1, |a| Ok(Value::Bool(optional(a)?.is_some()))),
    member("value", 1, |a| match optional(a)? {
        Some(value) => Ok((**value).clone()),
        None => failed("`value` is asked of an optional value that is absent"),
    }),
    // Kyverno takes what is no optional value for one that is present.
    member("orValue", 2, |a| match a.get(0) {
        Value::Optional(Some(value)) => Ok((**value).clone()),
        Value::Optional(None) => Ok(a.get(1).clone()),
        present => Ok(present.clone()),
    }),
    member("or", 2, |a| match (optional(a)?, a.get(1)) {
        (Some(_), _) => Ok(a.get(0).clone()),
        (None, other @ Value::Optional(_)) => Ok(other.clone()),
        (None, _) => a.wrong(1, "optional_type"),
    }),
    Function {
        name: "first",
        style: Style::Member,
        arguments: [1, 1],
        run: |a| Ok(Value::Optional(a.list(0)?.into_iter().next().map(Rc::new))),
    },
    Function {
        name: "last",
        style: Style::Member,
        arguments: [1, 1],
        run: |a| Ok(Value::Optional(a.list(0)?.pop().map(Rc::new))),
    },
];

fn optional<'v, 'a>(a: &Arguments<'v, 'a>) -> Result<Option<&'v Rc<Value<'a>>>, Failure> {
    match a.get(0) {
        Value::Optional(value) => Ok(value.as_ref()),
        _ => a.wrong(0, "optional_type"),
    }
}
