//! What the tools do in the same way: read the command line, print, and open layouts.
//!
//! - `admit`: judge workloads by policies, with images from OCI layouts.
//! - `conformance`: verify a bundle by the protocol of sigstore-conformance.
//! - `image`: verify, list or fetch the signatures of images in registries.
//! - `inventory`: say what runs in a cluster, from its records.
//! - `log`: verify checkpoints, proofs and every entry of a transparency log.
//! - `policy`: lint and explain policies, and run their Kyverno test suites.
//! - `sbom`: read SBOMs, scan reports and VEX documents, and answer questions about them.
//! - `tuf`: fetch files that a TUF repository vouches for.
//!
//! Each tool stands in a folder of its own. The programs in `examples/embed` show one way of embedding the crates each,
//! those in `examples/kubernetes` run in a cluster.

pub mod network;

use std::error::Error;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::builder::styling::AnsiColor;
use clap::{Parser, ValueEnum};
use trust_core::{ImageRef, Reasons, UnixTime};
use trust_gate::{OciLayout, Repositories};

/// The exit status for a command line or a file that cannot be used.
pub const BAD_INPUT: u8 = 2;

/// The command line, if `check` finds nothing wrong with it.
///
/// # Errors
/// If it cannot be used, or asks for the help or the version: that is printed, and the program ends with this status.
pub fn arguments<T: Parser>(check: impl FnOnce(&T) -> Result<(), clap::Error>) -> Result<T, ExitCode> {
    let arguments = T::try_parse().and_then(|arguments| check(&arguments).map(|()| arguments));
    arguments.map_err(|error| {
        let command = T::command();
        if error.exit_code() == 0 {
            return finish(command.get_name(), print(&error.render().ansi().to_string()).map(|()| 0));
        }
        let text = error.render().to_string();
        eprint!("{}: {}", command.get_name(), text.strip_prefix("error: ").unwrap_or(&text));
        ExitCode::from(BAD_INPUT)
    })
}

/// The end of a program: its status, or a problem that is printed.
pub fn finish(program: &str, outcome: Result<u8, String>) -> ExitCode {
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(problem) => {
            eprintln!("{program}: {problem}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: short, with shortened digests, coloured on a terminal.
    #[default]
    Text,
    /// For programs: everything.
    Json,
}

/// Prints to standard output, with colours only on a terminal. A reader that stops, as `head` does, is no problem.
///
/// # Errors
/// If it cannot be written for another reason.
pub fn print(text: &str) -> Result<(), String> {
    match anstream::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    }
}

/// The text of verdicts with colours: the decision at the beginning of a line, and what fails. Only we write these: untrusted
/// text is indented and stands behind a name.
#[must_use]
pub fn painted(text: &str) -> String {
    let words = [("ALLOW", AnsiColor::Green), ("DENY", AnsiColor::Red), ("[FAIL]", AnsiColor::Red)];
    let line = |line: &str| {
        let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
        let may_start = |word: &str| indent.is_empty() || word == "[FAIL]";
        let painted = words.into_iter().filter(|(word, _)| may_start(word)).find_map(|(word, color)| {
            let (rest, style) = (rest.strip_prefix(word)?, color.on_default().bold());
            Some(format!("{indent}{style}{word}{style:#}{rest}\n"))
        });
        painted.unwrap_or_else(|| format!("{line}\n"))
    };
    text.lines().map(line).collect()
}

/// A value of an option, with all reasons why it is none.
///
/// # Errors
/// If it cannot be parsed.
pub fn parsed<T: FromStr<Err: Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| Reasons(&error).to_string())
}

/// The clock's time.
///
/// # Errors
/// If the clock is set to before 1970.
pub fn clock() -> Result<UnixTime, String> {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| format!("clock: {error}"))?;
    let millis = i64::try_from(elapsed.as_millis()).map_err(|error| format!("clock: {error}"))?;
    Ok(UnixTime::from_millis(millis))
}

/// A layout, and the repository or the image that it answers for.
#[derive(Clone, Debug)]
pub struct ImageSource {
    /// For which.
    pub reference: ImageRef,
    /// The folder.
    pub layout: PathBuf,
}

impl FromStr for ImageSource {
    type Err = String;

    /// `REF=DIR`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (reference, layout) =
            text.split_once('=').ok_or_else(|| format!("`{text}` has no `=`, expected REF=LAYOUT_DIR"))?;
        Ok(Self { reference: parsed(reference)?, layout: PathBuf::from(layout) })
    }
}

/// The repositories for which these layouts answer.
///
/// # Errors
/// If one is no layout.
pub fn repositories(sources: &[ImageSource]) -> Result<Repositories, String> {
    let mut repositories = Repositories::new();
    for ImageSource { reference, layout } in sources {
        let opened =
            OciLayout::open(layout).map_err(|error| format!("{}: {}", layout.display(), Reasons(&error)))?;
        repositories.insert(reference.clone(), opened);
    }
    Ok(repositories)
}

/// A file; the problem names it.
///
/// # Errors
/// If it cannot be read.
pub fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// A file as text; the problem names it.
///
/// # Errors
/// If it cannot be read, or is not UTF-8.
pub fn read_text(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// The front page's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct FrontPage;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_write_is_painted() {
        let text = "DENY Pod a\n  [FAIL] c: x\n    DENY/rule: y\n  ALLOW/rule: z\nALLOW Pod b\n";
        let painted = painted(text);
        let lines: Vec<bool> = painted.lines().map(|line| line.contains('\u{1b}')).collect();
        assert_eq!(lines, [true, true, false, false, true], "{painted:?}");
        assert_eq!(anstream::adapter::strip_str(&painted).to_string(), text);
    }
}
