//! [`Names`]: what an expression may refer to.

use std::sync::Arc;

use super::syntax::{Expression, Node, Problem, QUESTIONS, Question};

/// Expressions below one another: chains of operators, too.
const MAX_DEPTH: usize = 120;

/// What an expression may refer to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// Names with a value.
    pub(crate) values: Vec<&'static str>,
    /// Names whose members are known, such as `variables`.
    pub(crate) members: Vec<(&'static str, Vec<String>)>,
    /// Whether it may ask for signatures, attestations and objects.
    pub(crate) may_ask: bool,
}

impl Names {
    /// The member of a name whose members are known, or why it has none; `None` if they are not known.
    pub(super) fn member(&self, name: &str, member: &str) -> Option<Result<&'static str, String>> {
        let (name, members) = self.members.iter().find(|(own, _)| *own == name)?;
        Some(match members.iter().any(|one| one == member) {
            true => Ok(name),
            false if members.is_empty() => {
                Err(format!("`{name}.{member}` is not known: there are no {name}"))
            }
            false => Err(format!("`{name}.{member}` is not known, expected one of {}", members.join(", "))),
        })
    }

    /// The question that a function asks, and with how many arguments.
    pub(super) fn question(&self, function: &str) -> Option<(Question, usize)> {
        let found = QUESTIONS.iter().find(|(name, ..)| *name == function && self.may_ask);
        found.map(|(_, question, arguments)| (*question, *arguments))
    }

    /// Whether every name in an expression is known, and it is not too deep.
    pub(super) fn check(&self, root: &Node) -> Result<(), Problem> {
        self.check_node(root, &mut Vec::new(), 0)
    }

    fn check_node<'n>(
        &self,
        node: &'n Node,
        locals: &mut Vec<&'n Arc<str>>,
        depth: usize,
    ) -> Result<(), Problem> {
        let fail = |text: String| Err(Problem { at: node.at, text });
        if depth > MAX_DEPTH {
            return fail(format!("is more than {MAX_DEPTH} expressions deep"));
        }
        let before = locals.len();
        match &node.expression {
            Expression::Name(name) => return self.check_name(node, name, locals),
            // What is given a name is outside of what the name is for.
            Expression::Loop(one) => {
                self.check_node(&one.range, locals, depth + 1)?;
                self.declare(node, &one.names, locals)?;
                for inner in one.filter.iter().chain([&one.body]) {
                    self.check_node(inner, locals, depth + 1)?;
                }
            }
            Expression::Bind { name, value: outer, body }
            | Expression::OptionalMap { operand: outer, name, body, .. } => {
                self.check_node(outer, locals, depth + 1)?;
                self.declare(node, core::slice::from_ref(name), locals)?;
                self.check_node(body, locals, depth + 1)?;
            }
            _ => {
                let mut result = Ok(());
                node.each_child(&mut |child| {
                    if result.is_ok() {
                        result = self.check_node(child, locals, depth + 1);
                    }
                });
                result?;
            }
        }
        locals.truncate(before);
        Ok(())
    }

    fn check_name(&self, node: &Node, name: &Arc<str>, locals: &[&Arc<str>]) -> Result<(), Problem> {
        let fail = |text: String| Err(Problem { at: node.at, text });
        if locals.contains(&name) || self.values.contains(&&**name) {
            return Ok(());
        }
        match self.members.iter().any(|(own, _)| *own == &**name) {
            true => fail(format!("`{name}` can only be asked for one of its members")),
            false => fail(format!("name `{name}` is not known")),
        }
    }

    /// Names that a macro gives. One that hides another would make the expression mean something else than it seems to.
    fn declare<'n>(
        &self,
        node: &Node,
        names: &'n [Arc<str>],
        locals: &mut Vec<&'n Arc<str>>,
    ) -> Result<(), Problem> {
        for name in names {
            let is_taken =
                self.values.contains(&&**name) || self.members.iter().any(|(own, _)| *own == &**name);
            if is_taken {
                let text = format!("`{name}` would hide the name of the policy");
                return Err(Problem { at: node.at, text });
            }
            locals.push(name);
        }
        Ok(())
    }
}
