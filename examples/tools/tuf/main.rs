//! A client of The Update Framework, by the protocol of tuf-conformance
//! (<https://github.com/theupdateframework/tuf-conformance/blob/main/clients/CLIENT-CLI.md>).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use trust_core::Reasons;
use trust_examples::network::{Network, runtime};
use trust_examples::{clock, finish};
use trust_gate::{TufSource, TufSourceError};
use url::Url;

/// Fetches files that a TUF repository vouches for, and keeps its metadata.
#[derive(Clone, Debug, Parser)]
#[command(name = "tuf", version, after_help = "exit status: 0 done, 1 refused or not to be had, 2 bad input")]
struct Arguments {
    /// Where the metadata is kept
    #[arg(long, value_name = "DIR")]
    metadata_dir: PathBuf,
    /// The URL of the repository's metadata
    #[arg(long, value_name = "URL")]
    metadata_url: Option<Url>,
    /// A target to download
    #[arg(long = "target-name", value_name = "NAME")]
    target_names: Vec<String>,
    /// The URL of the repository's targets
    #[arg(long, value_name = "URL")]
    target_base_url: Option<Url>,
    /// Where targets are downloaded to
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

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
    if let Command::Init { root } = &arguments.command {
        return init(&arguments.metadata_dir, root).map(|()| 0);
    }
    let needed =
        |option: &Option<Url>, name: &str| option.clone().ok_or_else(|| format!("`{name}` is needed"));
    let metadata = needed(&arguments.metadata_url, "--metadata-url")?;
    let is_download = matches!(arguments.command, Command::Download);
    let (targets, folder) = match &arguments.target_dir {
        Some(folder) if is_download => {
            (needed(&arguments.target_base_url, "--target-base-url")?, folder.clone())
        }
        None if is_download => return Err("`--target-dir` is needed".to_owned()),
        _ => (metadata.clone(), PathBuf::new()),
    };
    let network = Network::default();
    let root = trust_examples::read(&arguments.metadata_dir.join("root.json"))?;
    let source = TufSource::new(network.http()?, metadata, targets, root)
        .keeping_in(&arguments.metadata_dir)
        .at_private_addresses()
        .keeping_targets_in(&folder)
        .needing_answers();
    let (until, now) = (network.deadline(), clock()?);
    let fetched = runtime()?.block_on(async {
        let mut refreshed = source.refresh(now, until).await?;
        for name in arguments.target_names.iter().filter(|_| is_download) {
            let target = source.find(&mut refreshed.update, name, until).await?;
            source.target(&target, until).await?;
        }
        Ok::<_, TufSourceError>(())
    });
    match fetched {
        Ok(()) => Ok(0),
        Err(error) => {
            eprintln!("tuf: {}", Reasons(&error));
            Ok(1)
        }
    }
}

fn init(folder: &Path, root: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let file = folder.join("root.json");
    fs::write(&file, trust_examples::read(root)?).map_err(|error| format!("{}: {error}", file.display()))
}
