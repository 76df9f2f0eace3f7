//! [`Expression`]: JMESPath ([specification](https://jmespath.org/specification.html)) as policies use it, with Kyverno's
//! [functions](https://kyverno.io/docs/policy-types/cluster-policy/jmespath/), bounded in size and depth.
//!
//! | file | holds |
//! |---|---|
//! | `arithmetic`, `moment`, `version_range` | numbers, quantities and durations; times; ranges of versions |
//! | `functions` | Kyverno's functions |
//! | `x509` | certificates |
//! | `interpreter` | what an expression comes to |
//!
//! Where an expression holds another one (`time_since('', '{{ a }}', '')`), the inner one's value takes the place of its
//! text as a value: the author of the value cannot change the expression.

pub(crate) mod budget;

mod arithmetic;
mod moment;
pub(crate) mod version_range;
mod x509;

mod functions;

mod interpreter;

pub(crate) mod template;

pub(crate) mod operator;

pub(crate) mod condition;

use core::cell::RefCell;
use core::convert::Infallible;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jmespath::ast::Ast;
use jmespath::{Rcvar, Variable};
use serde_json::Value;
use thiserror::Error;
use trust_core::UnixTime;

use self::budget::Budget;
use self::interpreter::Stop;
use crate::kubernetes::object_name::ObjectName;
use crate::value::value_pattern::scalar_text;

/// Longer expressions are not read. The longest published ones have some 300 bytes.
const MAX_LEN: usize = 4096;
/// Signs that make an expression deeper, one step each at most.
const MAX_SIGNS: usize = 256;
/// How often the selections of several values in an expression can multiply a value.
const MAX_COPIES: usize = 4096;
/// Values in a result.
const MAX_VALUES: usize = 100_000;
/// What marks the place of an inner expression; no text of a policy has it.
const PLACE: char = '\u{1}';

/// An expression, read and checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    written: String,
    ast: Ast,
    /// The expressions within, by their places.
    inner: Vec<Expression>,
    needs_now: bool,
}

/// What an expression can refer to.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    /// An object of the names; copies share it.
    root: Rcvar,
    /// What `@` stands for, where that is not the names.
    whole: Option<Rcvar>,
    now: UnixTime,
    budget: Budget,
    /// How many loops it is in.
    loops: usize,
    /// Why names are absent that a policy meant to be there.
    absent: BTreeMap<String, Absence>,
    /// What was asked for and is not in the evidence; copies share it.
    missing: Rc<RefCell<Missing>>,
}

/// What expressions ask for and is not in the evidence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Missing {
    /// Objects of the cluster.
    pub(crate) objects: BTreeSet<ObjectName>,
    /// Images, whose manifests and configurations are asked for.
    pub(crate) images: BTreeSet<String>,
}

/// The text is no expression that is read here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// It is too long.
    #[error("expression has {found} bytes, expected at most {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// It could multiply a value too often.
    #[error("expression is too complex")]
    TooComplex,
    /// It calls a function that there is not.
    #[error("`{function}` is not a known function")]
    UnknownFunction {
        /// Which.
        function: String,
    },
    /// Its braces do not end.
    #[error("`{{{{` has no `}}}}`")]
    Unclosed,
    /// It is no JMESPath.
    #[error("{problem}")]
    Syntax {
        /// What is wrong.
        problem: String,
    },
}

/// An expression has no value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{{{{ {expression} }}}}` {problem}")]
pub(crate) struct Unresolved {
    pub(crate) expression: String,
    pub(crate) problem: String,
    pub(crate) kind: UnresolvedKind,
}

/// What the lack of a value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnresolvedKind {
    /// A name in the expression is not there: where a value may be absent, this is `null`.
    Absent,
    /// It cannot be computed. Only a context variable's own `default` takes its place.
    Failed,
    /// It was not fetched, or is more than may be computed. Nothing takes its place.
    Unknown,
}

/// Why a name has no value that a policy's context should give it.
#[derive(Clone, Debug)]
pub(crate) struct Absence {
    pub(crate) why: String,
    pub(crate) kind: UnresolvedKind,
}

impl Expression {
    /// Reads an expression without the braces around it.
    pub(crate) fn parse(text: &str) -> Result<Self, ExpressionError> {
        // `{{- a }}`, as in Go's templates, is `{{ a }}`.
        let text = text.strip_prefix('-').filter(|rest| rest.starts_with(' ')).unwrap_or(text);
        if text.len() > MAX_LEN {
            return Err(ExpressionError::TooLong { found: text.len() });
        }
        let (outer, inner) = take_out_inner(text)?;
        // Both the parser and the interpreter go as deep as there are signs.
        let signs = outer.chars().filter(|c| ".[({|&!*=<>,:@?".contains(*c)).count();
        if signs > MAX_SIGNS {
            return Err(ExpressionError::TooComplex);
        }
        let mut ast = jmespath::parse(&outer).map_err(|error| ExpressionError::Syntax {
            problem: format!("column {}: {}", error.column + 1, error.reason),
        })?;
        let (mut copies, mut needs_now) = (1usize, inner.iter().any(|one| one.needs_now));
        visit(&mut ast, &mut |node| {
            match node {
                Ast::MultiList { elements, .. } => copies = copies.saturating_mul(elements.len()),
                Ast::MultiHash { elements, .. } => copies = copies.saturating_mul(elements.len()),
                Ast::Function { name, .. } if !functions::exists(name) => {
                    return Err(ExpressionError::UnknownFunction { function: name.clone() });
                }
                Ast::Function { name, .. } => needs_now |= functions::needs_now(name),
                _ => {}
            }
            Ok(())
        })?;
        if copies > MAX_COPIES {
            return Err(ExpressionError::TooComplex);
        }
        Ok(Self { written: text.trim().to_owned(), ast, inner, needs_now })
    }

    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// Its value, which may be `null`; a name in it that nothing has is an error.
    pub(crate) fn evaluate(&self, scope: &Scope) -> Result<Value, Unresolved> {
        let value = self.variable(scope)?;
        let unknown = |problem: String| self.unresolved(UnresolvedKind::Unknown, problem);
        let cost = interpreter::size(&value).min(MAX_VALUES + 1);
        scope.budget.spend(cost).map_err(|exhausted| unknown(exhausted.to_string()))?;
        let mut left = MAX_VALUES;
        to_json(&value, &mut left).ok_or_else(|| unknown(format!("has more than {MAX_VALUES} values")))
    }

    /// Its value, `null` if a name in it is not there.
    pub(crate) fn evaluate_or_null(&self, scope: &Scope) -> Result<Value, Unresolved> {
        match self.evaluate(scope) {
            Err(error) if error.kind == UnresolvedKind::Absent => Ok(Value::Null),
            other => other,
        }
    }

    fn variable(&self, scope: &Scope) -> Result<Rcvar, Unresolved> {
        let root = match &scope.whole {
            Some(whole) => whole.clone(),
            None => scope.root.clone(),
        };
        let filled;
        let ast = if self.inner.is_empty() && !self.needs_now {
            &self.ast
        } else {
            let texts = self.inner.iter().map(|one| {
                let value = one.evaluate(scope)?;
                Ok(scalar_text(&value).unwrap_or_else(|| value.to_string()))
            });
            let texts: Vec<String> = texts.collect::<Result<_, Unresolved>>()?;
            filled = self.filled(&texts, scope.now);
            &filled
        };
        if let Some((name, absence)) = scope.absent_in(ast) {
            let problem = format!("has no value: `{name}` could not be loaded: {}", absence.why);
            return Err(self.unresolved(absence.kind, problem));
        }
        interpreter::interpret(&root, ast, &scope.budget).map_err(|stop| match stop {
            Stop::NotFound(name) => {
                self.unresolved(UnresolvedKind::Absent, format!("has no value: `{name}` is absent"))
            }
            Stop::Failed(problem) => self.unresolved(UnresolvedKind::Failed, problem),
            Stop::Exhausted(exhausted) => self.unresolved(UnresolvedKind::Unknown, exhausted.to_string()),
        })
    }

    /// The same tree with values in the marked places, and with the time as last argument of the functions that need it.
    fn filled(&self, texts: &[String], now: UnixTime) -> Ast {
        let mut ast = self.ast.clone();
        let Ok(()) = visit::<Infallible>(&mut ast, &mut |node| {
            match node {
                Ast::Field { name, .. } => *name = fill_text(name, texts),
                Ast::Literal { value, .. } => {
                    if let Variable::String(text) = &**value {
                        *value = Rcvar::new(Variable::String(fill_text(text, texts)));
                    }
                }
                Ast::Function { offset, name, args } if functions::needs_now(name) => {
                    let value = Rcvar::new(Variable::String(now.to_string()));
                    args.push(Ast::Literal { offset: *offset, value });
                }
                _ => {}
            }
            Ok(())
        });
        ast
    }

    fn unresolved(&self, kind: UnresolvedKind, problem: String) -> Unresolved {
        Unresolved { expression: self.written.clone(), problem, kind }
    }
}

impl Scope {
    /// A scope without names.
    pub(crate) fn new(now: UnixTime, budget: Budget) -> Self {
        let root = Rcvar::new(Variable::Object(BTreeMap::new()));
        Self { root, whole: None, now, budget, loops: 0, absent: BTreeMap::new(), missing: Rc::default() }
    }

    /// What may be spent on what is evaluated with it; copies share it.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// How many loops it is in.
    pub(crate) fn loops(&self) -> usize {
        self.loops
    }

    pub(crate) fn enter_loop(&mut self) {
        self.loops += 1;
    }

    /// A name in an expression that should have a value and has none. Nothing in the expression makes up for it: an
    /// expression that asks for what could not be loaded fails as a whole, as in Kyverno.
    fn absent_in(&self, ast: &Ast) -> Option<(&str, &Absence)> {
        if self.whole.is_some() || self.absent.is_empty() {
            return None;
        }
        let mut names = BTreeSet::new();
        add_names(&mut ast.clone(), &mut names);
        self.absent
            .iter()
            .filter(|(name, _)| names.contains(*name))
            // What is unknown says more than what failed.
            .max_by_key(|(_, absence)| absence.kind == UnresolvedKind::Unknown)
            .map(|(name, absence)| (name.as_str(), absence))
    }

    /// Says that an object was asked for that is not in the evidence.
    pub(crate) fn note_missing(&self, object: ObjectName) {
        self.missing.borrow_mut().objects.insert(object);
    }

    /// Says that an image was asked for that is not in the evidence.
    pub(crate) fn note_missing_image(&self, image: String) {
        self.missing.borrow_mut().images.insert(image);
    }

    /// What was asked for that is not in the evidence.
    pub(crate) fn missing(&self) -> Missing {
        self.missing.borrow().clone()
    }

    /// Gives a value to a name.
    pub(crate) fn set(&mut self, name: &str, value: &Value) {
        self.absent.remove(name);
        self.change(|names| {
            names.insert(name.to_owned(), from_json(value));
        });
    }

    /// Makes expressions speak of a value instead of names.
    pub(crate) fn set_whole(&mut self, value: &Value) {
        self.whole = Some(from_json(value));
    }

    /// Whether there is such a name already.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.root.as_object().is_some_and(|names| names.contains_key(name)) || self.absent.contains_key(name)
    }

    fn change(&mut self, change: impl FnOnce(&mut BTreeMap<String, Rcvar>)) {
        if let Variable::Object(names) = Rcvar::make_mut(&mut self.root) {
            change(names);
        }
    }

    /// Says why a name has no value that should have one.
    pub(crate) fn set_absent(&mut self, name: &str, absence: Absence) {
        self.change(|names| {
            names.remove(name);
        });
        self.absent.insert(name.to_owned(), absence);
    }
}

/// Replaces every `{{ … }}` by a mark, and reads what was between.
fn take_out_inner(text: &str) -> Result<(String, Vec<Expression>), ExpressionError> {
    let (mut outer, mut inner, mut rest) = (String::new(), Vec::new(), text);
    if text.contains(PLACE) {
        return Err(ExpressionError::Syntax { problem: "found a control character".to_owned() });
    }
    while let Some((before, after)) = rest.split_once("{{") {
        let end = end_of(after).ok_or(ExpressionError::Unclosed)?;
        let (within, after) = after.split_at_checked(end).ok_or(ExpressionError::Unclosed)?;
        outer.push_str(before);
        let index = inner.len();
        outer.push_str(&match quotes_at_end(&outer) {
            Some('\'') => format!("{PLACE}{index}{PLACE}"),
            Some(_) => format!("\\u0001{index}\\u0001"),
            // Elsewhere it is a name.
            None => format!("\"\\u0001{index}\\u0001\""),
        });
        inner.push(Expression::parse(within)?);
        rest = after.strip_prefix("}}").unwrap_or_default();
    }
    outer.push_str(rest);
    Ok((outer, inner))
}

/// The quotes that are open at the end of a text: a raw string's, or a quoted name's or a JSON string's.
fn quotes_at_end(text: &str) -> Option<char> {
    let (mut open, mut is_escaped) = (None, false);
    for c in text.chars() {
        match (c, open) {
            _ if is_escaped => is_escaped = false,
            ('\\', Some(_)) => is_escaped = true,
            ('\'' | '"', None) => open = Some(c),
            (c, Some(quote)) if c == quote => open = None,
            _ => {}
        }
    }
    open
}

/// Where the braces close that opened before `text`.
pub(crate) fn end_of(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0usize);
    while let Some(rest) = text.get(at..) {
        let opening = rest.find("{{");
        let closing = rest.find("}}")?;
        match opening.filter(|opening| *opening < closing) {
            Some(opening) if depth < 8 => (depth, at) = (depth + 1, at + opening + 2),
            Some(_) => return None,
            None if depth == 0 => return Some(at + closing),
            None => (depth, at) = (depth - 1, at + closing + 2),
        }
    }
    None
}

/// The nodes below a node.
fn children(node: &mut Ast) -> Vec<&mut Ast> {
    match node {
        Ast::Comparison { lhs, rhs, .. }
        | Ast::Projection { lhs, rhs, .. }
        | Ast::And { lhs, rhs, .. }
        | Ast::Or { lhs, rhs, .. }
        | Ast::Subexpr { lhs, rhs, .. } => vec![lhs, rhs],
        Ast::Condition { predicate, then, .. } => vec![predicate, then],
        Ast::Expref { ast, .. } => vec![ast],
        Ast::Flatten { node, .. } | Ast::Not { node, .. } | Ast::ObjectValues { node, .. } => vec![node],
        Ast::Function { args, .. } => args.iter_mut().collect(),
        Ast::MultiList { elements, .. } => elements.iter_mut().collect(),
        Ast::MultiHash { elements, .. } => elements.iter_mut().map(|pair| &mut pair.value).collect(),
        Ast::Identity { .. }
        | Ast::Field { .. }
        | Ast::Index { .. }
        | Ast::Literal { .. }
        | Ast::Slice { .. } => Vec::new(),
    }
}

fn visit<E>(node: &mut Ast, see: &mut impl FnMut(&mut Ast) -> Result<(), E>) -> Result<(), E> {
    children(node).into_iter().try_for_each(|child| visit(child, see))?;
    see(node)
}

/// The names that are looked up, but for those that stand behind a point and so in a value.
fn add_names(node: &mut Ast, names: &mut BTreeSet<String>) {
    match node {
        Ast::Field { name, .. } => {
            names.insert(name.clone());
        }
        Ast::Subexpr { lhs, rhs, .. }
            if matches!(**rhs, Ast::Field { .. }) && !matches!(**lhs, Ast::Identity { .. }) =>
        {
            add_names(lhs, names);
        }
        other => children(other).into_iter().for_each(|child| add_names(child, names)),
    }
}

/// The text with values in the marked places.
fn fill_text(text: &str, texts: &[String]) -> String {
    let mut parts = text.split(PLACE);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    while let Some(index) = parts.next() {
        filled.push_str(
            index.parse().ok().and_then(|index: usize| texts.get(index)).map_or("", String::as_str),
        );
        filled.push_str(parts.next().unwrap_or_default());
    }
    filled
}

/// A value as the interpreter holds it.
pub(crate) fn from_json(value: &Value) -> Rcvar {
    Rcvar::new(match value {
        Value::Null => Variable::Null,
        Value::Bool(value) => Variable::Bool(*value),
        Value::Number(number) => Variable::Number(number.clone()),
        Value::String(text) => Variable::String(text.clone()),
        Value::Array(items) => Variable::Array(items.iter().map(from_json).collect()),
        Value::Object(map) => {
            Variable::Object(map.iter().map(|(key, value)| (key.clone(), from_json(value))).collect())
        }
    })
}

/// The value as JSON; `None` if it holds more than `left` values. What is shared in it is counted each time.
fn to_json(value: &Rcvar, left: &mut usize) -> Option<Value> {
    *left = left.checked_sub(1)?;
    Some(match &**value {
        Variable::Null | Variable::Expref(_) => Value::Null,
        Variable::Bool(value) => Value::Bool(*value),
        Variable::Number(number) => Value::Number(number.clone()),
        Variable::String(text) => Value::String(text.clone()),
        Variable::Array(items) => {
            Value::Array(items.iter().map(|item| to_json(item, left)).collect::<Option<_>>()?)
        }
        Variable::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| Some((key.clone(), to_json(value, left)?)))
                .collect::<Option<_>>()?,
        ),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        let mut scope = Scope::new("2026-11-22T00:00:00Z".parse().unwrap(), Budget::default());
        scope.set("request", &json!({"namespace": "shop", "object": {"spec": {"a": [1, 2]}}}));
        scope.set("keys", &json!({"data": {"shop": "pem", "x'y": "quoted"}, "name": "x'y', 'z"}));
        scope.set("scan", &json!({"finished": "2026-11-20T00:00:00Z"}));
        scope
    }

    fn evaluate(text: &str) -> Result<Value, String> {
        let expression = Expression::parse(text).map_err(|error| error.to_string())?;
        expression.evaluate(&scope()).map_err(|error| error.to_string())
    }

    #[test]
    fn expressions_have_values() {
        assert_eq!(evaluate("request.object.spec.a[1]"), Ok(json!(2)));
        assert_eq!(evaluate("request.object.b || 'none'"), Ok(json!("none")));
        assert_eq!(evaluate("length(request.object.spec.a)"), Ok(json!(2)));
        assert_eq!(
            evaluate("request.object.b"),
            Err("`{{ request.object.b }}` has no value: `b` is absent".to_owned())
        );
    }

    #[test]
    fn inner_values_cannot_change_the_expression() {
        assert_eq!(evaluate("keys.data.{{ request.namespace }}"), Ok(json!("pem")));
        assert_eq!(evaluate("to_upper('{{ keys.name }}')"), Ok(json!("X'Y', 'Z")));
        assert_eq!(evaluate("time_since('', '{{ scan.finished }}', '')"), Ok(json!("48h0m0s")));
        assert!(evaluate("a.{{ b").is_err());
    }

    #[test]
    fn what_would_cost_too_much_is_refused() {
        let too_complex = Err(ExpressionError::TooComplex);
        for text in [
            "(".repeat(300),
            "!".repeat(300),
            format!("a{}", ".a".repeat(300)),
            format!("a{}", "[*].a".repeat(200)),
            "[@,@]|".repeat(20) + "@",
        ] {
            assert_eq!(Expression::parse(&text), too_complex, "{text}");
        }
        assert!(matches!(Expression::parse(&" ".repeat(5000)), Err(ExpressionError::TooLong { .. })));
        // The deepest that is read, on a thread's stack.
        for text in [
            "(".repeat(255),
            "!".repeat(255),
            format!("a{}", "[*].a".repeat(80)),
            "a|".repeat(255) + "a",
            "{{".repeat(100),
        ] {
            let _ = Expression::parse(&text).map(|one| one.evaluate_or_null(&scope()));
        }
        assert_eq!(
            Expression::parse("launch(a)"),
            Err(ExpressionError::UnknownFunction { function: "launch".to_owned() })
        );
    }
}
