//! [`Node`]: an expression as a tree.

use std::sync::Arc;

use regex::Regex;

use super::library::Function;

/// An expression within another one, and where it begins in the text.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) expression: Expression,
}

/// What is wrong with a text, and where.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) at: usize,
    pub(super) text: String,
}

/// One kind of expression.
#[derive(Debug)]
pub(super) enum Expression {
    Literal(Literal),
    /// A name of the environment, or of a macro around it.
    Name(Arc<str>),
    /// A member of a name whose members are known, such as `variables.x`.
    Member(&'static str, Arc<str>),
    Select {
        operand: Box<Node>,
        field: Arc<str>,
        selection: Selection,
    },
    Index {
        operand: Box<Node>,
        index: Box<Node>,
        is_optional: bool,
    },
    List(Vec<Element>),
    Map(Vec<(Node, Element)>),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    /// All of some; any of some.
    And(Vec<Node>),
    Or(Vec<Node>),
    Conditional(Box<[Node; 3]>),
    /// A function; what it is called on is its first argument.
    Call(&'static Function, Vec<Node>),
    /// A regular expression that is known.
    Matches(Box<Node>, Box<Regex>),
    /// A function of the environment.
    Ask(Question, Vec<Node>),
    /// A macro over the elements of a list or a map.
    Loop(Box<Loop>),
    /// A name for a value, in an expression.
    Bind {
        name: Arc<str>,
        value: Box<Node>,
        body: Box<Node>,
    },
    /// An expression over what an optional value holds.
    OptionalMap {
        operand: Box<Node>,
        name: Arc<str>,
        body: Box<Node>,
        is_flat: bool,
    },
}

#[derive(Debug)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    Type(&'static str),
}

/// An element of a list or a map; if it is optional, what its value holds is the element, or nothing is.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) value: Node,
    pub(super) is_optional: bool,
}

/// How a field is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// `a.b`
    Value,
    /// `has(a.b)`
    Presence,
    /// `a.?b`
    Optional,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

/// What only the environment knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// `verifyImageSignatures(image, attestors)`
    ImageSignatures,
    /// `verifyAttestationSignatures(image, attestation, attestors)`
    AttestationSignatures,
    /// `extractPayload(image, attestation)`
    Payload,
    /// `getImageData(image)`
    ImageData,
    /// `resource.Get(apiVersion, resource, namespace, name)`
    Resource,
}

/// What is asked of the environment, and with how many arguments.
pub(super) const QUESTIONS: [(&str, Question, usize); 7] = [
    ("verifyImageSignatures", Question::ImageSignatures, 2),
    ("verifyAttestationSignatures", Question::AttestationSignatures, 3),
    ("extractPayload", Question::Payload, 2),
    ("getImageData", Question::ImageData, 1),
    ("image.GetMetadata", Question::ImageData, 1),
    ("resource.Get", Question::Resource, 4),
    ("resource.get", Question::Resource, 4),
];

#[derive(Debug)]
pub(super) struct Loop {
    pub(super) kind: LoopKind,
    pub(super) range: Node,
    /// The element; or index and element, key and value.
    pub(super) names: Vec<Arc<str>>,
    /// Which elements count, of `map` with three arguments.
    pub(super) filter: Option<Node>,
    pub(super) body: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    /// A list of what the body makes of each element.
    Map,
    /// A map of what the body makes of each entry.
    MapEntries,
}

impl Node {
    /// Whether it, or an expression in it, asks this.
    pub(super) fn asks(&self, question: Question) -> bool {
        let mut asks = matches!(&self.expression, Expression::Ask(own, _) if *own == question);
        self.each_child(&mut |child| asks |= child.asks(question));
        asks
    }

    /// Sees the nodes right below this one.
    pub(super) fn each_child<'n>(&'n self, see: &mut dyn FnMut(&'n Self)) {
        match &self.expression {
            Expression::Literal(_) | Expression::Name(_) | Expression::Member(..) => {}
            Expression::Select { operand, .. } | Expression::Matches(operand, _) => see(operand),
            Expression::Not(operand) | Expression::Negate(operand) => see(operand),
            Expression::Index { operand, index, .. } => [operand, index].into_iter().for_each(|one| see(one)),
            Expression::Binary(_, left, right) => [left, right].into_iter().for_each(|one| see(one)),
            Expression::List(elements) => elements.iter().for_each(|one| see(&one.value)),
            Expression::Map(entries) => entries.iter().for_each(|(key, element)| {
                see(key);
                see(&element.value);
            }),
            Expression::And(parts) | Expression::Or(parts) => parts.iter().for_each(see),
            Expression::Call(_, arguments) | Expression::Ask(_, arguments) => arguments.iter().for_each(see),
            Expression::Conditional(parts) => parts.iter().for_each(see),
            Expression::Loop(one) => {
                see(&one.range);
                one.filter.iter().chain([&one.body]).for_each(see);
            }
            Expression::Bind { value, body, .. } => [value, body].into_iter().for_each(|one| see(one)),
            Expression::OptionalMap { operand, body, .. } => {
                [operand, body].into_iter().for_each(|one| see(one));
            }
        }
    }
}
