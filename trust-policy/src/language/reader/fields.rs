//! Reading a document field by field: every value knows its path, and an unknown field is refused.

use crate::expression::ExpressionError;
use crate::expression::template::Template;
use crate::language::reader::PolicyError;
use crate::policy::policy_set::Lint;
use crate::value::value_pattern::scalar_text;
use crate::yaml::{Node, Span, Value};

/// A value and its path.
#[derive(Clone, Debug)]
pub(crate) struct At<'a> {
    node: &'a Node,
    path: String,
}

impl<'a> At<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { node, path: String::new() }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn span(&self) -> Span {
        self.node.span
    }

    pub(crate) fn value(&self) -> &'a Value {
        &self.node.value
    }

    /// The path of a field of this map.
    pub(crate) fn child(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    pub(crate) fn text(&self) -> Result<&'a str, PolicyError> {
        match self.value() {
            Value::Text(text) => Ok(text),
            _ => Err(self.wrong("a text")),
        }
    }

    /// A text, or a number or boolean as text.
    pub(crate) fn scalar(&self) -> Result<String, PolicyError> {
        scalar_text(&self.node.to_json()).ok_or_else(|| self.wrong("a text"))
    }

    /// The value, without places.
    pub(crate) fn json(&self) -> serde_json::Value {
        self.node.to_json()
    }

    /// The value, with expressions in it.
    pub(crate) fn template(&self) -> Result<Template, PolicyError> {
        Template::new(&self.node.to_json()).map_err(|source| self.not_an_expression(source))
    }

    /// A text that stands here, such as a key, with expressions in it.
    pub(crate) fn template_of(&self, text: &str) -> Result<Template, PolicyError> {
        Template::new(&text.into()).map_err(|source| self.not_an_expression(source))
    }

    /// A text that is an expression as a whole, without braces; they may be around it all the same.
    pub(crate) fn expression(&self) -> Result<Template, PolicyError> {
        Template::of_expression(self.text()?).map_err(|source| self.not_an_expression(source))
    }

    fn not_an_expression(&self, problem: ExpressionError) -> PolicyError {
        PolicyError::Expression { path: self.path.clone(), span: self.span(), problem: problem.to_string() }
    }

    /// Whether this is a map or a list of nothing, as API servers write it.
    pub(crate) fn is_empty(&self) -> bool {
        says_nothing(self.node)
    }

    /// Whether this is a map that has a key.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.node.get(name).is_some()
    }

    pub(crate) fn boolean(&self) -> Result<bool, PolicyError> {
        match self.value() {
            Value::Bool(value) => Ok(*value),
            _ => Err(self.wrong("`true` or `false`")),
        }
    }

    pub(crate) fn integer(&self) -> Result<i64, PolicyError> {
        match self.value() {
            Value::Int(value) => Ok(*value),
            _ => Err(self.wrong("a whole number")),
        }
    }

    pub(crate) fn list(&self) -> Result<Vec<Self>, PolicyError> {
        let Value::List(items) = self.value() else { return Err(self.wrong("a list")) };
        let item = |(index, node)| Self { node, path: format!("{}[{index}]", self.path) };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// The elements of a list that has at least one: an empty list would require nothing.
    pub(crate) fn some(&self) -> Result<Vec<Self>, PolicyError> {
        let list = self.list()?;
        if list.is_empty() { Err(self.wrong("at least one element")) } else { Ok(list) }
    }

    /// The texts of a list that holds at least one.
    pub(crate) fn texts(&self) -> Result<Vec<&'a str>, PolicyError> {
        self.some()?.iter().map(Self::text).collect()
    }

    pub(crate) fn fields(&self) -> Result<Fields<'a>, PolicyError> {
        match self.value() {
            Value::Map(entries) => Ok(Fields {
                at: self.clone(),
                entries,
                asked_for: vec![false; entries.len()],
                names: Vec::new(),
            }),
            _ => Err(self.wrong("a map")),
        }
    }

    pub(crate) fn wrong(&self, expected: impl Into<String>) -> PolicyError {
        PolicyError::Value {
            path: self.path.clone(),
            span: self.span(),
            found: self.node.describe(),
            expected: expected.into(),
        }
    }

    pub(crate) fn not_implemented(&self) -> PolicyError {
        PolicyError::NotImplemented { path: self.path.clone(), span: self.span() }
    }

    pub(crate) fn lint(&self, message: impl Into<String>) -> Lint {
        Lint { path: self.path.clone(), span: self.span(), message: message.into() }
    }
}

fn says_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Map(entries) => entries.is_empty(),
        Value::List(items) => items.is_empty(),
        _ => false,
    }
}

/// The fields of a map.
pub(crate) struct Fields<'a> {
    at: At<'a>,
    entries: &'a [(String, Node)],
    asked_for: Vec<bool>,
    /// The fields that it may have.
    names: Vec<String>,
}

/// Fields that the languages have and that are not implemented here.
const NOT_IMPLEMENTED: [&str; 16] = [
    "apiCall",
    "assert",
    "ctlog",
    "dryRun",
    "generate",
    "globalReference",
    "images",
    "kms",
    "manifests",
    "mutate",
    "order",
    "podSecurity",
    "reportProperties",
    "signatureAlgorithm",
    "skipBackgroundRequests",
    "useServerSideApply",
];

impl<'a> Fields<'a> {
    /// The field, unless it is absent or `null`.
    pub(crate) fn get(&mut self, name: &str) -> Option<At<'a>> {
        self.names.push(name.to_owned());
        for ((key, node), asked_for) in self.entries.iter().zip(&mut self.asked_for) {
            if key == name {
                *asked_for = true;
                return (node.value != Value::Null).then(|| At { node, path: self.at.child(name) });
            }
        }
        None
    }

    /// The field, which must be there.
    pub(crate) fn require(&mut self, name: &str, expected: &'static str) -> Result<At<'a>, PolicyError> {
        let (path, span) = (self.at.child(name), self.at.span());
        self.get(name).ok_or(PolicyError::Absent { path, span, expected })
    }

    /// Allows a field that requires nothing.
    pub(crate) fn ignore(&mut self, name: &str) {
        self.get(name);
    }

    /// Allows a field that says nothing: an empty map or list, which API servers write.
    pub(crate) fn ignore_empty(&mut self, name: &str) {
        if self.entries.iter().any(|(key, node)| key == name && says_nothing(node)) {
            self.get(name);
        }
    }

    /// Refuses every field that was not asked for.
    pub(crate) fn finish(self) -> Result<(), PolicyError> {
        let unknown = self.entries.iter().zip(&self.asked_for).find(|(_, asked_for)| !**asked_for);
        match unknown {
            None => Ok(()),
            Some(((name, node), _)) if NOT_IMPLEMENTED.contains(&name.as_str()) => {
                Err(PolicyError::NotImplemented { path: self.at.child(name), span: node.span })
            }
            Some(((name, node), _)) => {
                let nearest = self.names.iter().map(|one| (distance(one, name), one)).min();
                let suggestion = nearest.filter(|(distance, _)| *distance <= 3).map(|(_, one)| one.clone());
                Err(PolicyError::Unknown { path: self.at.child(name), span: node.span, suggestion })
            }
        }
    }

    /// All fields, as name and value.
    pub(crate) fn all(&mut self) -> Vec<(&'a str, At<'a>)> {
        self.asked_for.fill(true);
        let field =
            |(name, node): &'a (String, Node)| (name.as_str(), At { node, path: self.at.child(name) });
        self.entries.iter().map(field).collect()
    }
}

/// How many letters must be changed to get from one name to another, in any case.
fn distance(one: &str, other: &str) -> usize {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        let mut next = vec![left];
        for (above, wanted) in row.iter().skip(1).zip(other.chars()) {
            left = (diagonal + usize::from(letter != wanted)).min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
