//! Real servers on 127.0.0.1, and real tools, for tests of interoperability: in `$TRUST_TOOLS`, or in `../shared/tools` beside the
//! repository.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn tools(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TRUST_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/tools"), PathBuf::from);
    Some(root.join(name)).filter(|path| path.exists())
}

fn skipped<T>(what: &str) -> Option<T> {
    assert!(std::env::var_os("CI").is_none(), "{what}");
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
    None
}

/// Servers of one test, which end with it.
#[derive(Debug)]
pub struct Servers {
    script: PathBuf,
    /// Where they write that they run, apart from those of other tests.
    state: tempfile::TempDir,
}

impl Servers {
    /// `None` where there are none, which is an error in CI.
    pub fn new() -> Option<Self> {
        match tools("servers/servers") {
            Some(script) => Some(Self { script, state: tempfile::tempdir().unwrap() }),
            None => skipped("no servers at ../shared/tools; set TRUST_TOOLS"),
        }
    }

    /// Starts one, and returns what a client must know of it.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(&self, arguments: &[&str]) -> BTreeMap<String, String> {
        let mut command = Command::new(&self.script);
        command.args(arguments).env("TRUST_SERVERS", self.state.path());
        if let Some(path) = path() {
            command.env("PATH", path);
        }
        let output = command.stderr(Stdio::piped()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        let line = |line: &str| {
            let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
            Some((name.to_owned(), value.trim_matches(['\'', '"']).to_owned()))
        };
        text.lines().filter_map(line).collect()
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let stop = Command::new(&self.script).arg("stop").env("TRUST_SERVERS", self.state.path()).output();
        drop(stop);
    }
}

/// The search path with the installed tools in front; `None` if they are not installed.
fn path() -> Option<std::ffi::OsString> {
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let tools = std::env::var_os("TRUST_TOOLS_BIN")
        .map_or_else(|| home.join(".cache/trust-tools/bin"), PathBuf::from);
    let path = std::env::var_os("PATH")?;
    let all = [tools].into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(all).ok()
}

/// A real tool, such as cosign; `None` where it is not installed, which is an error in CI.
pub fn tool(name: &str) -> Option<Command> {
    let path = path()?;
    if std::env::split_paths(&path).any(|folder| folder.join(name).is_file()) {
        let mut command = Command::new(name);
        command.env("PATH", path);
        return Some(command);
    }
    skipped(&format!("{name} is not installed; run ../shared/tools/fetch-tools"))
}

/// Runs a command to its good end, and returns what it prints.
///
/// # Panics
/// If it fails.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}
