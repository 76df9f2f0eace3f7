//! What the program was asked for.

use serde_json::Value;

/// Why a command has no answer.
pub(crate) enum Failure {
    /// It was asked in the wrong way.
    Usage(String),
    /// What it was given cannot be read.
    Input(String),
}

pub(crate) fn usage(problem: impl Into<String>) -> Failure {
    Failure::Usage(problem.into())
}

pub(crate) fn bad_input(problem: impl Into<String>) -> Failure {
    Failure::Input(problem.into())
}

/// Options that take no value.
const FLAGS: [&str; 2] = ["--strict", "--fixed-only"];
/// Options that take one, by the command that has them; `--format` is every command's.
const OPTIONS: [(&str, &[&str]); 8] = [
    ("show", &["--strict"]),
    ("packages", &[]),
    ("licenses", &[]),
    ("affected", &["--purl", "--range", "--advisory", "--id", "--report"]),
    ("check", &["--profile"]),
    ("diff", &[]),
    ("findings", &["--vex", "--digest", "--fail-on", "--fixed-only"]),
    ("convert", &["--to"]),
];

/// A command, its options in the order of writing, and its operands.
pub(crate) struct Arguments {
    command: String,
    options: Vec<(String, String)>,
    operands: Vec<String>,
}

impl Arguments {
    pub(crate) fn parse(words: &[String]) -> Result<Self, Failure> {
        let (command, words) = words.split_first().ok_or_else(|| usage("no command"))?;
        let known = OPTIONS.iter().find(|(name, _)| name == command).map(|(_, options)| *options);
        let known = known.ok_or_else(|| usage(format!("`{command}` is not a command")))?;
        let (mut options, mut operands) = (Vec::new(), Vec::new());
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if !word.starts_with("--") {
                operands.push(word.clone());
            } else if !known.contains(&word.as_str()) && word != "--format" {
                return Err(usage(format!("`{command}` has no option `{word}`")));
            } else if FLAGS.contains(&word.as_str()) {
                options.push((word.clone(), String::new()));
            } else {
                let value = words.next().ok_or_else(|| usage(format!("`{word}` needs a value")))?;
                options.push((word.clone(), value.clone()));
            }
        }
        Ok(Self { command: command.clone(), options, operands })
    }

    /// The JSON that is asked for; nothing is made where it is not.
    pub(crate) fn json(&self, json: impl FnOnce() -> Value) -> Value {
        if self.values("--format").any(|format| format == "json") { json() } else { Value::Null }
    }

    pub(crate) fn command(&self) -> &str {
        &self.command
    }

    pub(crate) fn operands(&self) -> &[String] {
        &self.operands
    }

    pub(crate) fn only_operand(&self) -> Result<&str, Failure> {
        match self.operands.as_slice() {
            [file] => Ok(file),
            other => Err(usage(format!("found {} files, expected one", other.len()))),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// All values of an option that may be given more than once.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.options.iter().filter(move |(option, _)| option == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn value(&self, name: &str) -> Result<Option<&str>, Failure> {
        let mut values = self.options.iter().filter(|(option, _)| option == name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(usage(format!("`{name}` is given twice"))),
            (first, None) => Ok(first.map(|(_, value)| value.as_str())),
        }
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, Failure> {
        self.value(name)?.ok_or_else(|| usage(format!("`{name}` is needed")))
    }
}
