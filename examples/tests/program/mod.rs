//! Running the programs as a user runs them.

#![allow(dead_code)] // each test uses some

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs an example, which cargo built beside this test.
pub(crate) fn run(name: &str, arguments: &[&str], input: &str) -> Output {
    run_in(Path::new("."), name, arguments, input)
}

/// An example, to be run.
pub(crate) fn command(name: &str) -> Command {
    let tests = std::env::current_exe().unwrap();
    Command::new(tests.ancestors().nth(2).unwrap().join("examples").join(name))
}

/// Likewise, in a folder.
pub(crate) fn run_in(folder: &Path, name: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = command(name)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that stops early does not read all of it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
