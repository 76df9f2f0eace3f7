//! CEL, the Common Expression Language ([definition](https://github.com/google/cel-spec/blob/master/doc/langdef.md)), with what
//! [Kubernetes](https://kubernetes.io/docs/reference/using-api/cel/) and [Kyverno](https://kyverno.io/docs/policy-types/cel-libraries/)
//! add to it, as far as policies about images use it.
//!
//! Policies come from tenants, and so do the objects that they are asked about: text, depth and work are bounded. Names and
//! functions are resolved when a text is compiled, so a policy with an unknown one does not load.
//!
//! | file | holds |
//! |---|---|
//! | `value` | [`Value`]; why an expression has none ([`Failure`]) |
//! | `library` | the functions, by name |
//! | `syntax` | [`Node`](syntax::Node): an expression as a tree |
//! | `names` | what an expression may refer to |
//! | `token`, `parser` | from text to tree |
//! | `arithmetic` | what operators make of numbers, times and durations |
//! | `interpreter` | the value of a tree |

pub(crate) mod value;

mod library;

mod syntax;

pub(crate) mod names;

mod token;

mod parser;

mod arithmetic;

mod interpreter;

#[cfg(test)]
mod tests;

use core::fmt;
use std::sync::Arc;

use thiserror::Error;

pub(crate) use self::interpreter::{Environment, Interpreter};
pub(crate) use self::library::hub;
use self::names::Names;
use self::syntax::Node;
pub(crate) use self::syntax::Question;

/// An expression, ready to be evaluated.
#[derive(Clone)]
pub struct Cel {
    written: Arc<str>,
    root: Arc<Node>,
}

/// A text is not an expression that can be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {problem}")]
pub(crate) struct CelError {
    /// Of the expression.
    line: usize,
    column: usize,
    problem: String,
}

impl Cel {
    /// Reads an expression that refers to nothing but these names.
    pub(crate) fn compile(text: &str, names: &Names) -> Result<Self, CelError> {
        let compiled = parser::parse(text, names).and_then(|root| names.check(&root).map(|()| root));
        let root = compiled.map_err(|problem| CelError::at(text, problem))?;
        Ok(Self { written: text.into(), root: root.into() })
    }

    /// Whether it may ask its environment this.
    pub(crate) fn asks(&self, question: Question) -> bool {
        self.root.asks(question)
    }

    /// The expression as it is written.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }
}

impl CelError {
    fn at(text: &str, problem: syntax::Problem) -> Self {
        let before = text.get(..problem.at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line, column, problem: problem.text }
    }
}

impl PartialEq for Cel {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl fmt::Debug for Cel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cel({:?})", self.written)
    }
}

impl fmt::Display for Cel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
