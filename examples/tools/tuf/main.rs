//! A client of The Update Framework, by the protocol of tuf-conformance
//! (<https://github.com/theupdateframework/tuf-conformance/blob/main/clients/CLIENT-CLI.md>).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use trust_core::Reasons;
use trust_examples::network::{http, runtime};
use trust_examples::{clock, finish, print};
use trust_gate::{Deadline, TufSource, TufSourceError};
use trust_policy::Plain;
use url::Url;

/// Fetches files that a TUF repository vouches for, and keeps its metadata.
#[derive(Clone, Debug, Parser)]
#[command(name = "tuf", version, after_help = "exit status: 0 done, 1 refused or not to be had, 2 bad input")]
struct Arguments {
    /// Where the metadata is kept
    #[arg(long, value_name = "DIR", global = true)]
    metadata_dir: Option<PathBuf>,
    /// The URL of the repository's metadata
    #[arg(long, value_name = "URL", global = true)]
    metadata_url: Option<Url>,
    /// A target to download
    #[arg(long = "target-name", value_name = "NAME", global = true)]
    target_names: Vec<String>,
    /// The URL of the repository's targets
    #[arg(long, value_name = "URL", global = true)]
    target_base_url: Option<Url>,
    /// Where targets are downloaded to
    #[arg(long, value_name = "DIR", global = true)]
    target_dir: Option<PathBuf>,
    /// Trust the authorities in this PEM file, too
    #[arg(long, value_name = "FILE", global = true)]
    ca: Option<PathBuf>,
    /// Seconds until a file must be there
    #[arg(long, value_name = "SECONDS", default_value_t = 600, global = true)]
    timeout: u64,
    #[command(subcommand)]
    command: Command,
}

/// The longest target.
const MAX_TARGET_LEN: u64 = 4 << 30;

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Trust this root from now on
    Init {
        /// A root.json, which nothing proves
        root: PathBuf,
    },
    /// Bring the metadata up to date
    Refresh,
    /// Bring the metadata up to date, and download targets
    Download,
}

fn main() -> ExitCode {
    match trust_examples::arguments(|_: &Arguments| Ok(())) {
        Ok(arguments) => finish("tuf", run(&arguments)),
        Err(code) => code,
    }
}

fn run(arguments: &Arguments) -> Result<u8, String> {
    let kept = arguments.metadata_dir.as_ref().ok_or("`--metadata-dir` is needed")?;
    let done = match &arguments.command {
        Command::Init { root } => init(kept, root),
        Command::Refresh => fetch(arguments, kept, None),
        Command::Download => {
            let folder = arguments.target_dir.as_ref().ok_or("`--target-dir` is needed")?;
            let url = arguments.target_base_url.as_ref().ok_or("`--target-base-url` is needed")?;
            fetch(arguments, kept, Some((folder, url)))
        }
    };
    match done {
        Ok(()) => Ok(0),
        Err(problem) => {
            eprintln!("tuf: {}", Plain(&problem));
            Ok(1)
        }
    }
}

fn fetch(arguments: &Arguments, kept: &Path, targets: Option<(&PathBuf, &Url)>) -> Result<(), String> {
    let metadata = arguments.metadata_url.clone().ok_or("`--metadata-url` is needed")?;
    let root = trust_examples::read(&kept.join("root.json"))?;
    let http = http(arguments.ca.as_deref())?;
    let url = targets.map_or_else(|| metadata.clone(), |(_, url)| url.clone());
    let mut source = TufSource::new(http, metadata, url, root).keeping_in(kept).at_private_addresses();
    source = source.needing_answers().with_max_target_len(MAX_TARGET_LEN);
    if let Some((folder, _)) = targets {
        source = source.keeping_targets_in(folder);
    }
    let until = || Deadline::after(Duration::from_secs(arguments.timeout));
    let said = |error: TufSourceError| Reasons(&error).to_string();
    runtime()?.block_on(async {
        let mut refreshed = source.refresh(clock()?, until()).await.map_err(said)?;
        for name in arguments.target_names.iter().filter(|_| targets.is_some()) {
            let target = source.find(&mut refreshed.update, name, until()).await.map_err(said)?;
            source.target(&target, until()).await.map_err(said)?;
            print(&format!("{}\n", target.file_name()))?;
        }
        Ok(())
    })
}

fn init(folder: &Path, root: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let file = folder.join("root.json");
    fs::write(&file, trust_examples::read(root)?).map_err(|error| format!("{}: {error}", file.display()))
}
