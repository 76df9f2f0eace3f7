//! [`Template`]: a value of a policy in which texts may hold expressions, `{{ … }}`
//! ([variables](https://kyverno.io/docs/policy-types/cluster-policy/variables/)).

use serde_json::Value;

use crate::expression::{Expression, ExpressionError, Scope, Unresolved, UnresolvedKind, end_of};
use crate::value::value_pattern::scalar_text;

/// A value with expressions in it, or without.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Part);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Constant(Value),
    /// The text is one expression: its value may be of any kind.
    Expression(Box<Expression>),
    Text(Vec<Piece>),
    List(Vec<Part>),
    Map(Vec<(Part, Part)>),
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Expression(Expression),
}

impl Template {
    /// Reads the expressions of a value, in the keys of its maps, too: those between `{{` and `}}`.
    ///
    /// # Errors
    /// If one of them is no expression.
    pub fn new(value: &Value) -> Result<Self, ExpressionError> {
        part(value).map(Self)
    }

    /// A text that is one expression, with braces around it or without.
    ///
    /// # Errors
    /// If it is none.
    pub fn of_expression(text: &str) -> Result<Self, ExpressionError> {
        let text = text.trim();
        let within =
            text.strip_prefix("{{").filter(|rest| end_of(rest).is_some_and(|end| end + 2 == rest.len()));
        let within = within.and_then(|rest| rest.strip_suffix("}}")).unwrap_or(text);
        Expression::parse(within).map(|expression| Self(Part::Expression(Box::new(expression))))
    }

    /// A text without expressions.
    pub(crate) fn constant_text(text: &str) -> Self {
        Self(Part::Constant(Value::from(text)))
    }

    /// The value, if no expression is in it.
    pub(crate) fn constant(&self) -> Option<&Value> {
        match &self.0 {
            Part::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The value with the values of its expressions.
    pub(crate) fn resolve(&self, scope: &Scope) -> Result<Value, Unresolved> {
        resolve(&self.0, scope)
    }

    /// The value of an expression, `null` if it has none.
    pub(crate) fn resolve_or_null(&self, scope: &Scope) -> Result<Value, Unresolved> {
        match &self.0 {
            Part::Expression(expression) => expression.evaluate_or_null(scope),
            part => resolve(part, scope),
        }
    }

    /// The text with the values of its expressions, as text.
    pub(crate) fn resolve_text(&self, scope: &Scope) -> Result<String, Unresolved> {
        let value = self.resolve(scope)?;
        if value.is_null() {
            let expression = match &self.0 {
                Part::Expression(expression) => expression.written().to_owned(),
                _ => String::new(),
            };
            let problem = "is `null`, expected a text".to_owned();
            return Err(Unresolved { expression, problem, kind: UnresolvedKind::Absent });
        }
        Ok(text_of(&value))
    }
}

fn part(value: &Value) -> Result<Part, ExpressionError> {
    let part = match value {
        Value::String(text) => return text_part(text),
        Value::Array(items) => Part::List(items.iter().map(part).collect::<Result<_, _>>()?),
        Value::Object(map) => Part::Map(
            map.iter().map(|(key, value)| Ok((text_part(key)?, part(value)?))).collect::<Result<_, _>>()?,
        ),
        other => Part::Constant(other.clone()),
    };
    // What has no expression below it is the value itself.
    let is_constant = match &part {
        Part::List(items) => items.iter().all(|item| matches!(item, Part::Constant(_))),
        Part::Map(fields) => {
            fields.iter().flat_map(|(key, field)| [key, field]).all(|one| matches!(one, Part::Constant(_)))
        }
        _ => true,
    };
    Ok(if is_constant { Part::Constant(value.clone()) } else { part })
}

fn text_part(text: &str) -> Result<Part, ExpressionError> {
    let (mut pieces, mut rest, mut literal) = (Vec::new(), text, String::new());
    while let Some((before, after)) = rest.split_once("{{") {
        // `\{{ … }}` stands for the braces themselves.
        if let Some(before) = before.strip_suffix('\\') {
            literal.push_str(before);
            literal.push_str("{{");
            rest = after;
            continue;
        }
        literal.push_str(before);
        let end = end_of(after).ok_or(ExpressionError::Unclosed)?;
        let (within, after) = after.split_at_checked(end).ok_or(ExpressionError::Unclosed)?;
        rest = after.strip_prefix("}}").unwrap_or_default();
        let expression = Expression::parse(within)?;
        if pieces.is_empty() && literal.is_empty() && rest.is_empty() {
            return Ok(Part::Expression(Box::new(expression)));
        }
        pieces.push(Piece::Text(core::mem::take(&mut literal)));
        pieces.push(Piece::Expression(expression));
    }
    literal.push_str(rest);
    if pieces.is_empty() {
        return Ok(Part::Constant(Value::String(literal)));
    }
    pieces.push(Piece::Text(literal));
    Ok(Part::Text(pieces))
}

fn resolve(part: &Part, scope: &Scope) -> Result<Value, Unresolved> {
    Ok(match part {
        Part::Constant(value) => value.clone(),
        Part::Expression(expression) => expression.evaluate(scope)?,
        Part::Text(pieces) => {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(piece) => text.push_str(piece),
                    Piece::Expression(expression) => {
                        text.push_str(&text_of(&expression.evaluate(scope)?));
                    }
                }
            }
            Value::String(text)
        }
        Part::List(items) => items.iter().map(|item| resolve(item, scope)).collect::<Result<_, _>>()?,
        Part::Map(fields) => Value::Object(
            fields
                .iter()
                .map(|(key, field)| Ok((text_of(&resolve(key, scope)?), resolve(field, scope)?)))
                .collect::<Result<_, Unresolved>>()?,
        ),
    })
}

/// A value as text: a text as it is, anything else as JSON.
fn text_of(value: &Value) -> String {
    scalar_text(value).unwrap_or_else(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::expression::budget::Budget;

    fn resolved(value: Value) -> Result<Value, String> {
        let mut scope = Scope::new("2026-11-22T00:00:00Z".parse().unwrap(), Budget::default());
        scope.set("a", &json!({"list": [1, 2], "text": "x"}));
        let template = Template::new(&value).map_err(|error| error.to_string())?;
        template.resolve(&scope).map_err(|error| error.to_string())
    }

    #[test]
    fn expressions_are_replaced_by_their_values() {
        assert_eq!(resolved(json!("{{ a.list }}")), Ok(json!([1, 2])));
        assert_eq!(resolved(json!("v{{ a.list[0] }}-{{a.text}}.")), Ok(json!("v1-x.")));
        assert_eq!(resolved(json!({"k": ["{{ a.text }}", 3]})), Ok(json!({"k": ["x", 3]})));
        assert_eq!(resolved(json!("\\{{ a.text }}")), Ok(json!("{{ a.text }}")));
        assert_eq!(resolved(json!({"k": [true, null]})), Ok(json!({"k": [true, null]})));
        assert_eq!(resolved(json!("{{ b }}")), Err("`{{ b }}` has no value: `b` is absent".to_owned()));
        assert_eq!(resolved(json!("{{ b")), Err("`{{` has no `}}`".to_owned()));
    }
}
