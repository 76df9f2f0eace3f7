//! The functions of expressions, by name. What they make is bounded, and what they read is paid for.
//!
//! | file | holds |
//! |---|---|
//! | `core` | sizes, types and conversions ([standard functions](https://github.com/google/cel-spec/blob/master/doc/langdef.md#list-of-standard-definitions)) |
//! | `strings`, `lists`, `numbers`, `optionals` | cel-go's [extensions](https://github.com/google/cel-go/blob/master/ext/README.md) and Kubernetes' [lists and regular expressions](https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-list-library) |
//! | `times` | timestamps and durations |
//! | `kubernetes` | quantities and semantic versions |
//! | `images` | Kyverno's [image references](https://kyverno.io/docs/policy-types/cel-libraries/) |

mod core;
mod images;
mod kubernetes;
mod lists;
mod numbers;
mod optionals;
mod strings;
mod times;

use regex::{Regex, RegexBuilder};
use trust_core::UnixTime;

pub(crate) use self::images::hub;
use super::value::{Failure, Text, Value, failed};
use crate::expression::budget::Budget;

/// No function makes a longer text.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// Bytes that are read or written in about the time of a step.
const BYTES_IN_A_STEP: usize = 16;
/// What compiling a regular expression costs, in steps.
const REGEX_STEPS: usize = 10_000;
const MAX_REGEX_SIZE: usize = 1 << 18;
/// What searching a text costs for each of its bytes: at worst, each state of the expression looks at each of them.
pub(super) const REGEX_STEPS_A_BYTE: usize = 4;

type Run = for<'v, 'a> fn(&Arguments<'v, 'a>) -> Result<Value<'a>, Failure>;

/// A function.
#[derive(Debug)]
pub(super) struct Function {
    name: &'static str,
    style: Style,
    /// How many arguments it has, at least and at most, what it is called on among them.
    arguments: [usize; 2],
    run: Run,
}

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `f(a)`
    Global,
    /// `a.f()`
    Member,
    /// Either.
    Both,
}

const fn global(name: &'static str, arguments: usize, run: Run) -> Function {
    Function { name, style: Style::Global, arguments: [arguments, arguments], run }
}

/// A function that is called on its first argument.
const fn member(name: &'static str, arguments: usize, run: Run) -> Function {
    Function { name, style: Style::Member, arguments: [arguments, arguments], run }
}

const LIBRARY: [&[Function]; 8] = [
    &core::FUNCTIONS,
    &strings::FUNCTIONS,
    &lists::FUNCTIONS,
    &numbers::FUNCTIONS,
    &optionals::FUNCTIONS,
    &times::FUNCTIONS,
    &kubernetes::FUNCTIONS,
    &images::FUNCTIONS,
];

/// The function of this name.
///
/// # Errors
/// If it is not known, with the number of arguments that it takes if that is another one.
pub(super) fn find(name: &str, style: Style, arguments: usize) -> Result<&'static Function, Option<String>> {
    let mut expected = None;
    let known = LIBRARY.into_iter().flatten();
    for function in known.filter(|one| one.name == name && [style, Style::Both].contains(&one.style)) {
        let [least, most] = function.arguments;
        if (least..=most).contains(&arguments) {
            return Ok(function);
        }
        let own = usize::from(style == Style::Member);
        expected = Some(match (least - own, most - own) {
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        });
    }
    Err(expected)
}

/// A regular expression, of bounded size.
pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&ascii_classes(pattern))
        .size_limit(MAX_REGEX_SIZE)
        .build()
        .map_err(|error| format!("`{pattern}` is not a usable regular expression: {error}"))
}

/// The expression in which `\d`, `\w`, `\s` and `\b` mean ASCII alone, as in [RE2](https://github.com/google/re2/wiki/Syntax).
fn ascii_classes(pattern: &str) -> String {
    let (mut written, mut letters) = (String::new(), pattern.chars());
    while let Some(letter) = letters.next() {
        let class = match (letter, letters.clone().next()) {
            ('\\', Some('d')) => "[0-9]",
            ('\\', Some('D')) => "[^0-9]",
            ('\\', Some('w')) => "[0-9A-Za-z_]",
            ('\\', Some('W')) => "[^0-9A-Za-z_]",
            ('\\', Some('s')) => "[\\t\\n\\f\\r ]",
            ('\\', Some('S')) => "[^\\t\\n\\f\\r ]",
            ('\\', Some('b')) => "(?-u:\\b)",
            ('\\', Some('B')) => "(?-u:\\B)",
            _ => {
                written.push(letter);
                // What is escaped stands for itself, a backslash as well.
                written.extend(if letter == '\\' { letters.next() } else { None });
                continue;
            }
        };
        letters.next();
        written.push_str(class);
    }
    written
}

/// The arguments of a call.
pub(super) struct Arguments<'v, 'a> {
    function: &'static Function,
    values: &'v [Value<'a>],
    budget: &'v Budget,
    now: UnixTime,
}

/// How many bytes are read of a value; an element of it takes a step.
fn length(value: &Value<'_>) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        other => other.len().unwrap_or_default().saturating_mul(BYTES_IN_A_STEP),
    }
}

impl<'v, 'a> Arguments<'v, 'a> {
    /// Arguments, whose texts are paid for as if they were read once.
    pub(super) fn new(
        function: &'static Function,
        values: &'v [Value<'a>],
        budget: &'v Budget,
        now: UnixTime,
    ) -> Result<Self, Failure> {
        let read = values.iter().map(length).fold(0, usize::saturating_add);
        budget.spend(read / BYTES_IN_A_STEP)?;
        Ok(Self { function, values, budget, now })
    }

    pub(super) fn run(&self) -> Result<Value<'a>, Failure> {
        (self.function.run)(self)
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    fn get(&self, index: usize) -> &'v Value<'a> {
        self.values.get(index).unwrap_or(&Value::Null)
    }

    fn wrong<T>(&self, index: usize, expected: &str) -> Result<T, Failure> {
        let (name, found) = (self.function.name, self.get(index).type_name());
        failed(format!("`{name}` is asked of {found}, expected {expected}"))
    }

    fn text(&self, index: usize) -> Result<&'v Text<'a>, Failure> {
        match self.get(index) {
            Value::Text(text) => Ok(text),
            _ => self.wrong(index, "string"),
        }
    }

    fn int(&self, index: usize) -> Result<i64, Failure> {
        match self.get(index) {
            Value::Int(number) => Ok(*number),
            _ => self.wrong(index, "int"),
        }
    }

    /// An index or a number of things.
    fn place(&self, index: usize) -> Result<usize, Failure> {
        let number = self.int(index)?;
        usize::try_from(number)
            .or_else(|_| failed(format!("`{}`: index {number} is negative", self.function.name)))
    }

    fn list(&self, index: usize) -> Result<Vec<Value<'a>>, Failure> {
        self.get(index).items().map_or_else(|| self.wrong(index, "list"), Ok)
    }

    /// A text that is made of parts, which are paid for.
    fn made(&self, text: String) -> Result<Value<'a>, Failure> {
        self.fits(text.len())?;
        Ok(text.into())
    }

    /// Pays for a text of this length before it is made.
    fn fits(&self, length: usize) -> Result<(), Failure> {
        self.budget.spend(length / BYTES_IN_A_STEP)?;
        match length > MAX_TEXT {
            true => failed(format!(
                "`{}` would make a text of {length} bytes, expected at most {MAX_TEXT}",
                self.function.name
            )),
            false => Ok(()),
        }
    }

    /// A regular expression that stands in an argument, to search a text in the first one.
    fn regex(&self, index: usize) -> Result<Regex, Failure> {
        let text = length(self.get(0)).saturating_mul(REGEX_STEPS_A_BYTE);
        self.budget.spend(REGEX_STEPS.saturating_add(text))?;
        regex(self.text(index)?).map_err(Failure::Failed)
    }
}
