//! The command line.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use trust_core::UnixTime;
use trust_examples::network::{Network, Root};
use trust_examples::{ImageSource, parsed};
use trust_policy::Uncovered;

/// Judges Kubernetes workloads by Kyverno policies and ImageTrustPolicies, with images and signatures from registries and OCI
/// layouts.
///
/// Without arguments it judges a small embedded set. FILE may be `-` for standard input.
#[derive(Clone, Debug, Default, Parser)]
#[command(
    name = "admit",
    version,
    after_help = "exit status: 0 all allowed, 1 something denied, or a replay that differs, 2 bad input"
)]
pub(crate) struct Arguments {
    /// Policies, YAML or JSON; or the folder of notation, with its trust policy and trust stores
    #[arg(long = "policy", value_name = "FILE", num_args = 1..)]
    pub(crate) policies: Vec<PathBuf>,
    /// Kubernetes objects, YAML or JSON
    #[arg(long = "resource", value_name = "FILE", num_args = 1..)]
    pub(crate) resources: Vec<PathBuf>,
    /// The OCI layout in DIR answers for the repository, or the image, REF; registries answer for all others
    #[arg(long = "image", value_name = "REF=DIR", num_args = 1..)]
    pub(crate) images: Vec<ImageSource>,
    /// Secrets and ConfigMaps that policies refer to, YAML or JSON
    #[arg(long = "object", value_name = "FILE", num_args = 1..)]
    pub(crate) objects: Vec<PathBuf>,
    /// The time to judge at; without it, the clock's
    #[arg(long, value_name = "RFC3339", value_parser = parsed::<UnixTime>)]
    pub(crate) now: Option<UnixTime>,
    /// Allow images that no rule about images judges; without it they are denied
    #[arg(long, conflicts_with = "report_uncovered")]
    pub(crate) allow_uncovered: bool,
    /// Likewise, and name them
    #[arg(long)]
    pub(crate) report_uncovered: bool,
    /// Allow such images of these repositories only
    #[arg(long = "allow-image", value_name = "PATTERN", num_args = 1..)]
    pub(crate) allowed_images: Vec<String>,
    /// Archive policies, requests, evidence, trust root, time and verdicts
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// Judge an archive again, without fetching anything, and say what differs; with --policy, judge it by these policies
    /// instead of its own
    #[arg(long, value_name = "FILE", conflicts_with_all =
        ["resources", "images", "objects", "trust_root", "tuf", "now", "allow_uncovered", "report_uncovered", "allowed_images", "save"])]
    pub(crate) replay: Option<PathBuf>,
    /// How verdicts are printed: text, json (all of them), sarif (SARIF 2.1.0), html (a page), report (PolicyReports, a line each) or
    /// vsa (SLSA verification summaries, unsigned, a line each)
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Who judges, as the summaries of --format vsa say
    #[arg(long, value_name = "URI", required_if_eq("format", "vsa"))]
    pub(crate) verifier: Option<String>,
    /// Print the whole tree of why, instead of the reasons of failures
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) root: Root,
    #[command(flatten)]
    pub(crate) network: Network,
}

/// How verdicts are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Sarif,
    Html,
    Report,
    Vsa,
}

impl Arguments {
    /// Refuses what one option alone cannot show to be wrong.
    pub(crate) fn check(&self) -> Result<(), clap::Error> {
        let needed = |option: &str| {
            Err(Self::command().error(ErrorKind::MissingRequiredArgument, format!("`{option}` is needed\n")))
        };
        match (self.policies.is_empty(), self.resources.is_empty()) {
            _ if self.replay.is_some() || self.is_empty() => Ok(()),
            (true, _) => needed("--policy"),
            (_, true) => needed("--resource"),
            _ => Ok(()),
        }
    }

    pub(crate) fn uncovered(&self) -> Uncovered {
        match (self.allow_uncovered, self.report_uncovered) {
            (true, _) => Uncovered::Allow,
            (_, true) => Uncovered::Report,
            _ => Uncovered::default(),
        }
    }

    /// Whether nothing is named to judge, so that the embedded set is.
    pub(crate) fn is_empty(&self) -> bool {
        self.policies.is_empty()
            && self.resources.is_empty()
            && self.images.is_empty()
            && self.root.trust_root.is_none()
            && self.root.tuf.is_none()
            && !self.network.is_configured()
            && self.now.is_none()
            && self.objects.is_empty()
            && self.allowed_images.is_empty()
    }
}
