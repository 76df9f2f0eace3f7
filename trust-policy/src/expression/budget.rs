//! [`Budget`]: how much work one judgement may be.
//!
//! It is counted in steps that do not depend on the machine, so a verdict is the same everywhere. When it is used up, what
//! is being judged cannot be determined, which denies.

use core::cell::Cell;
use std::rc::Rc;

use thiserror::Error;

/// Steps of one judgement: nodes of expressions and patterns that are visited, values that are copied or compared. Two million
/// take about half a second; the published policies need some thousands for a large Deployment.
const MAX_STEPS: u64 = 2_000_000;

/// What is left to spend. Copies share it.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Rc<Cell<u64>>);

/// The budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("would take more than {MAX_STEPS} steps, the budget of a judgement")]
pub(crate) struct Exhausted;

impl Default for Budget {
    fn default() -> Self {
        Self(Rc::new(Cell::new(MAX_STEPS)))
    }
}

impl Budget {
    /// Pays for some steps.
    pub(crate) fn spend(&self, steps: usize) -> Result<(), Exhausted> {
        let left = self.0.get().checked_sub(steps as u64);
        // What was too expensive once stays too expensive: nothing cheaper is tried after it.
        self.0.set(left.unwrap_or_default());
        left.map(|_| ()).ok_or(Exhausted)
    }

    /// Pays for comparing a text with a pattern: where that has `*`, at worst each sign of one with each of the other.
    pub(crate) fn spend_on_match(&self, pattern: &str, text: &str) -> Result<(), Exhausted> {
        let (pattern_cost, text_cost) = (pattern.len() / 16, text.len() / 16);
        self.spend(
            1 + match pattern.contains('*') {
                true => (1 + pattern_cost).saturating_mul(1 + text_cost),
                false => pattern_cost.min(text_cost),
            },
        )
    }

    /// Whether nothing is left.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.0.get() == 0
    }
}
