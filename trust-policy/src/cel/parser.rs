//! From text to tree ([grammar](https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax)). Macros and functions are
//! resolved here.

use std::sync::Arc;

use super::library::{self, Style};
use super::names::Names;
use super::syntax::{Element, Expression, Literal, Loop, LoopKind, Node, Operator, Problem, Selection};
use super::token::{Token, Word, tokens};

/// Bytes of one expression; the longest of the published policies has some hundreds.
const MAX_LEN: usize = 4096;
/// Expressions within one another.
const MAX_NESTING: usize = 60;

/// The operators, from those that bind least.
const OPERATORS: [&[(&str, Operator)]; 3] = [
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("in", Operator::In),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Modulo)],
];

/// Names that are types.
const TYPES: [&str; 10] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

/// Names that the language keeps for itself.
const RESERVED: [&str; 18] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

pub(super) fn parse(text: &str, names: &Names) -> Result<Node, Problem> {
    if text.len() > MAX_LEN {
        let text = format!("expression has {} bytes, expected at most {MAX_LEN}", text.len());
        return Err(Problem { at: 0, text });
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, nesting: 0, names };
    let node = parser.expression()?;
    match parser.peek() {
        Word::End => Ok(node),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser<'n> {
    tokens: Vec<Token>,
    next: usize,
    nesting: usize,
    names: &'n Names,
}

impl Parser<'_> {
    fn token(&self) -> (usize, &Word) {
        // The last token is the end, which is never taken.
        self.tokens.get(self.next).map_or((0, &Word::End), |token| (token.at, &token.word))
    }

    fn peek(&self) -> &Word {
        self.token().1
    }

    fn at(&self) -> usize {
        self.token().0
    }

    fn take(&mut self) -> Word {
        let word = self.peek().clone();
        self.next += usize::from(word != Word::End);
        word
    }

    fn takes(&mut self, sign: &'static str) -> bool {
        let found = *self.peek() == Word::Sign(sign);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Problem> {
        if self.takes(sign) { Ok(()) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn unexpected(&self, expected: &str) -> Problem {
        let found = match self.peek() {
            Word::Int(number) | Word::Uint(number) => format!("`{number}`"),
            Word::Double(number) => format!("`{number}`"),
            Word::Text(_) => "a text".to_owned(),
            Word::Bytes(_) => "bytes".to_owned(),
            Word::Name(name) | Word::Field(name) => format!("`{name}`"),
            Word::Sign(sign) => format!("`{sign}`"),
            Word::End => "the end".to_owned(),
        };
        self.problem(format!("found {found}, expected {expected}"))
    }

    fn problem(&self, text: String) -> Problem {
        Problem { at: self.at(), text }
    }

    fn expression(&mut self) -> Result<Node, Problem> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(self.problem(format!("has more than {MAX_NESTING} expressions within one another")));
        }
        let at = self.at();
        let mut node = self.alternatives()?;
        if self.takes("?") {
            let yes = self.alternatives()?;
            self.expect(":")?;
            let no = self.expression()?;
            node = Node { at, expression: Expression::Conditional(Box::new([node, yes, no])) };
        }
        self.nesting -= 1;
        Ok(node)
    }

    fn alternatives(&mut self) -> Result<Node, Problem> {
        self.joined("||", Expression::Or, |parser| {
            parser.joined("&&", Expression::And, |parser| parser.binary(0))
        })
    }

    /// Parts with a sign between them; one part is itself.
    fn joined(
        &mut self,
        sign: &'static str,
        join: fn(Vec<Node>) -> Expression,
        part: impl Fn(&mut Self) -> Result<Node, Problem>,
    ) -> Result<Node, Problem> {
        let at = self.at();
        let first = part(self)?;
        if *self.peek() != Word::Sign(sign) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.takes(sign) {
            parts.push(part(self)?);
        }
        Ok(Node { at, expression: join(parts) })
    }

    fn binary(&mut self, level: usize) -> Result<Node, Problem> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary() };
        let at = self.at();
        let mut left = self.binary(level + 1)?;
        loop {
            let is_next = |sign: &str| match self.peek() {
                Word::Sign(found) => *found == sign,
                Word::Name(found) => found == sign,
                _ => false,
            };
            let Some((_, operator)) = operators.iter().find(|(sign, _)| is_next(sign)) else {
                return Ok(left);
            };
            self.take();
            let right = self.binary(level + 1)?;
            left = Node { at, expression: Expression::Binary(*operator, left.into(), right.into()) };
        }
    }

    fn unary(&mut self) -> Result<Node, Problem> {
        let at = self.at();
        let mut signs = Vec::new();
        while let Word::Sign(sign @ ("!" | "-")) = *self.peek() {
            self.take();
            signs.push(sign);
        }
        if signs.len() > MAX_NESTING {
            return Err(self.problem(format!("has more than {MAX_NESTING} signs before a value")));
        }
        let mut node = match (signs.last(), self.peek().clone()) {
            // The smallest whole number is one only with its sign.
            (Some(&"-"), Word::Int(number)) => {
                let number = i64::try_from(-i128::from(number))
                    .map_err(|_| self.problem(format!("`-{number}` is out of range")))?;
                self.take();
                signs.pop();
                let literal = Node { at, expression: Expression::Literal(Literal::Int(number)) };
                self.members(literal)?
            }
            _ => self.member()?,
        };
        for sign in signs.into_iter().rev() {
            let operand = Box::new(node);
            let expression = if sign == "!" { Expression::Not(operand) } else { Expression::Negate(operand) };
            node = Node { at, expression };
        }
        Ok(node)
    }

    fn member(&mut self) -> Result<Node, Problem> {
        let primary = self.primary()?;
        self.members(primary)
    }

    /// What is asked of a value, from left to right.
    fn members(&mut self, mut node: Node) -> Result<Node, Problem> {
        loop {
            let at = self.at();
            if self.takes(".") {
                let is_optional = self.takes("?");
                let name = match self.take() {
                    Word::Name(name) if !matches!(name.as_str(), "in" | "true" | "false" | "null") => name,
                    Word::Field(name) => name,
                    _ => {
                        self.next -= 1;
                        return Err(self.unexpected("the name of a field"));
                    }
                };
                node = match self.takes("(") {
                    true if !is_optional => {
                        let arguments = self.list(")", Self::expression)?;
                        self.call(at + 1, Some(node), &name, arguments)?
                    }
                    true => return Err(self.problem("a function has no `?` before it".to_owned())),
                    false => self.select(at, node, &name, is_optional)?,
                };
            } else if self.takes("[") {
                let is_optional = self.takes("?");
                let index = self.expression()?;
                self.expect("]")?;
                node = self.index(at, node, index, is_optional)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn select(&self, at: usize, operand: Node, field: &str, is_optional: bool) -> Result<Node, Problem> {
        let selection = if is_optional { Selection::Optional } else { Selection::Value };
        if let Expression::Name(name) = &operand.expression
            && let Some(member) = self.names.member(name, field)
        {
            let member = member.map_err(|text| Problem { at, text })?;
            let expression = Expression::Member(member, field.into());
            return Ok(match is_optional {
                true => self.call(at, None, "optional.of", vec![Node { at, expression }])?,
                false => Node { at, expression },
            });
        }
        Ok(Node {
            at,
            expression: Expression::Select { operand: operand.into(), field: field.into(), selection },
        })
    }

    fn index(&self, at: usize, operand: Node, index: Node, is_optional: bool) -> Result<Node, Problem> {
        if let (Expression::Name(name), Expression::Literal(Literal::Text(field))) =
            (&operand.expression, &index.expression)
            && self.names.member(name, field).is_some()
        {
            return self.select(at, operand, &field.clone(), is_optional);
        }
        let (operand, index) = (operand.into(), index.into());
        Ok(Node { at, expression: Expression::Index { operand, index, is_optional } })
    }

    fn primary(&mut self) -> Result<Node, Problem> {
        let at = self.at();
        let literal = |literal| Ok(Node { at, expression: Expression::Literal(literal) });
        match self.take() {
            Word::Int(number) => match i64::try_from(number) {
                Ok(number) => literal(Literal::Int(number)),
                Err(_) => Err(Problem { at, text: format!("`{number}` is out of range") }),
            },
            Word::Uint(number) => literal(Literal::Uint(number)),
            Word::Double(number) => literal(Literal::Double(number)),
            Word::Text(text) => literal(Literal::Text(text.into())),
            Word::Bytes(bytes) => literal(Literal::Bytes(bytes.into())),
            Word::Name(name) => self.named(at, &name),
            Word::Sign("(") => {
                let inner = self.expression()?;
                self.expect(")").map(|()| inner)
            }
            Word::Sign("[") => {
                let elements = self.list("]", Self::element)?;
                Ok(Node { at, expression: Expression::List(elements) })
            }
            Word::Sign("{") => {
                let entries = self.list("}", |parser| {
                    let is_optional = parser.takes("?");
                    let key = parser.expression()?;
                    parser.expect(":")?;
                    let value = parser.expression()?;
                    Ok((key, Element { value, is_optional }))
                })?;
                Ok(Node { at, expression: Expression::Map(entries) })
            }
            // A name of the outermost scope, which no macro hides here in any case.
            Word::Sign(".") => match self.take() {
                Word::Name(name) => self.named(at, &name),
                _ => Err(Problem { at, text: "expected a name after `.`".to_owned() }),
            },
            Word::End => Err(self.unexpected("a value")),
            Word::Sign(_) | Word::Field(_) => {
                self.next -= 1;
                Err(self.unexpected("a value"))
            }
        }
    }

    /// A name, or what it is called with.
    fn named(&mut self, at: usize, name: &str) -> Result<Node, Problem> {
        if self.takes("(") {
            let arguments = self.list(")", Self::expression)?;
            return self.call(at, None, name, arguments);
        }
        if *self.peek() == Word::Sign("{") {
            return Err(self.problem(format!("messages such as `{name}{{...}}` are not supported")));
        }
        let known_type = TYPES.into_iter().find(|known| *known == name);
        let expression = match name {
            "true" => Expression::Literal(Literal::Bool(true)),
            "false" => Expression::Literal(Literal::Bool(false)),
            "null" => Expression::Literal(Literal::Null),
            _ if RESERVED.contains(&name) => {
                return Err(Problem { at, text: format!("`{name}` is a reserved word") });
            }
            _ => match known_type {
                Some(known) => Expression::Literal(Literal::Type(known)),
                None => Expression::Name(name.into()),
            },
        };
        Ok(Node { at, expression })
    }

    fn element(&mut self) -> Result<Element, Problem> {
        let is_optional = self.takes("?");
        Ok(Element { value: self.expression()?, is_optional })
    }

    /// Things with commas between them, and maybe one behind them, up to a sign.
    fn list<T>(
        &mut self,
        end: &'static str,
        one: impl Fn(&mut Self) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        let mut list = Vec::new();
        while !self.takes(end) {
            list.push(one(self)?);
            if !self.takes(",") && *self.peek() != Word::Sign(end) {
                return Err(self.unexpected(&format!("`,` or `{end}`")));
            }
        }
        Ok(list)
    }

    fn call(
        &self,
        at: usize,
        target: Option<Node>,
        name: &str,
        mut arguments: Vec<Node>,
    ) -> Result<Node, Problem> {
        let fail = |text: String| Err(Problem { at, text });
        let full = match &target {
            None => Some(name.to_owned()),
            Some(target) => qualified(target).map(|space| format!("{space}.{name}")),
        };
        let made = |expression| Ok(Node { at, expression });
        if let Some(full) = &full {
            if full == "has" && target.is_none() {
                return presence(at, arguments);
            }
            if full == "cel.bind" {
                return bind(at, arguments);
            }
            if let Some((question, expected)) = self.names.question(full) {
                return match arguments.len() == expected {
                    true => made(Expression::Ask(question, arguments)),
                    false => fail(format!("`{full}` has {} arguments, expected {expected}", arguments.len())),
                };
            }
            match library::find(full, Style::Global, arguments.len()) {
                Ok(function) => return made(Expression::Call(function, arguments)),
                Err(Some(expected)) => {
                    return fail(format!("`{full}` has {} arguments, expected {expected}", arguments.len()));
                }
                Err(None) => {}
            }
        }
        let Some(target) = target else {
            return fail(format!("function `{name}` is not known"));
        };
        if let Some(node) = macro_over(at, name, arguments.len()) {
            return node(target, arguments);
        }
        if let ("matches", [Node { expression: Expression::Literal(Literal::Text(pattern)), .. }]) =
            (name, &arguments[..])
        {
            let regex = library::regex(pattern).map_err(|text| Problem { at, text })?;
            return made(Expression::Matches(target.into(), regex.into()));
        }
        arguments.insert(0, target);
        match library::find(name, Style::Member, arguments.len()) {
            Ok(function) => made(Expression::Call(function, arguments)),
            Err(Some(expected)) => {
                let found = arguments.len() - 1;
                fail(format!("`{name}` has {found} arguments, expected {expected}"))
            }
            Err(None) => fail(format!("function `{name}` is not known")),
        }
    }
}

/// The dotted name that an expression is, if it is one.
fn qualified(node: &Node) -> Option<String> {
    match &node.expression {
        Expression::Name(name) => Some(name.to_string()),
        Expression::Select { operand, field, selection: Selection::Value } => {
            qualified(operand).map(|space| format!("{space}.{field}"))
        }
        _ => None,
    }
}

/// `has(a.b)`
fn presence(at: usize, arguments: Vec<Node>) -> Result<Node, Problem> {
    let expression = match <[Node; 1]>::try_from(arguments) {
        Ok(
            [
                Node {
                    expression: Expression::Select { operand, field, selection: Selection::Value }, ..
                },
            ],
        ) => Expression::Select { operand, field, selection: Selection::Presence },
        // A name that is known is present.
        Ok([Node { expression: Expression::Member(..), .. }]) => Expression::Literal(Literal::Bool(true)),
        _ => return Err(Problem { at, text: "`has` expects a field such as `a.b`".to_owned() }),
    };
    Ok(Node { at, expression })
}

/// `cel.bind(name, value, body)`
fn bind(at: usize, arguments: Vec<Node>) -> Result<Node, Problem> {
    let expected = || Problem { at, text: "`cel.bind` expects a name, a value and an expression".to_owned() };
    let [name, value, body] = <[Node; 3]>::try_from(arguments).map_err(|_| expected())?;
    let name = variable(&name).ok_or_else(expected)?;
    Ok(Node { at, expression: Expression::Bind { name, value: value.into(), body: body.into() } })
}

/// The name that a macro gives to something.
fn variable(node: &Node) -> Option<Arc<str>> {
    match &node.expression {
        Expression::Name(name) => Some(name.clone()),
        _ => None,
    }
}

type MakeMacro<'m> = Box<dyn FnOnce(Node, Vec<Node>) -> Result<Node, Problem> + 'm>;

/// What makes the macro of this name with so many arguments
/// ([macros](https://github.com/google/cel-spec/blob/master/doc/langdef.md#macros)).
fn macro_over(at: usize, name: &str, arguments: usize) -> Option<MakeMacro<'_>> {
    // How many names it gives, and whether it has a filter before its body.
    let (kind, names, has_filter) = match (name, arguments) {
        ("all", 2 | 3) => (LoopKind::All, arguments - 1, false),
        ("exists", 2 | 3) => (LoopKind::Exists, arguments - 1, false),
        ("exists_one" | "existsOne", 2 | 3) => (LoopKind::ExistsOne, arguments - 1, false),
        ("filter", 2) => (LoopKind::Filter, 1, false),
        ("map", 2) => (LoopKind::Map, 1, false),
        ("map", 3) => (LoopKind::Map, 1, true),
        ("transformList", 3 | 4) => (LoopKind::Map, 2, arguments == 4),
        ("transformMap", 3 | 4) => (LoopKind::MapEntries, 2, arguments == 4),
        ("optMap" | "optFlatMap", 2) => {
            let is_flat = name == "optFlatMap";
            return Some(Box::new(move |operand, arguments| optional_map(at, operand, arguments, is_flat)));
        }
        _ => return None,
    };
    Some(Box::new(move |range, arguments| {
        let mut arguments = arguments.into_iter();
        let given: Option<Vec<_>> =
            arguments.by_ref().take(names).map(|argument| variable(&argument)).collect();
        let expected =
            || Problem { at, text: format!("`{name}` expects {names} names, and expressions over them") };
        let names = given.ok_or_else(expected)?;
        let filter = if has_filter { arguments.next() } else { None };
        let body = arguments.next().ok_or_else(expected)?;
        let one = Loop { kind, range, names, filter, body };
        Ok(Node { at, expression: Expression::Loop(one.into()) })
    }))
}

fn optional_map(at: usize, operand: Node, arguments: Vec<Node>, is_flat: bool) -> Result<Node, Problem> {
    let expected = || Problem { at, text: "`optMap` expects a name and an expression over it".to_owned() };
    let [name, body] = <[Node; 2]>::try_from(arguments).map_err(|_| expected())?;
    let name = variable(&name).ok_or_else(expected)?;
    let (operand, body) = (operand.into(), body.into());
    Ok(Node { at, expression: Expression::OptionalMap { operand, name, body, is_flat } })
}
