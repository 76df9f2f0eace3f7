//! The command line.

use clap::{Args, Parser, Subcommand};
use trust_core::Digest;
use trust_examples::{Format, parsed};
use trust_sbom::{Profile, Purl, Severity, Vers};

/// Reads SBOMs, scan reports and VEX documents, and answers questions about them.
///
/// Formats are found out by content: CycloneDX 1.0 to 1.7 (JSON, XML); SPDX 2.1 to 2.3 (JSON, tag-value, YAML) and 3.0;
/// reports of Trivy, Grype, osv-scanner, SARIF, CycloneDX and in-toto vulns; OpenVEX, CSAF, CycloneDX, SPDX 3. SBOMs are
/// also read within an in-toto statement, a DSSE envelope, a Sigstore bundle or GitHub's `{"sbom": …}`, without verifying
/// anything; `show` says what else is in them. FILE may be `-` for standard input, and packed by gzip.
#[derive(Parser)]
#[command(name = "sbom", version)]
#[command(
    after_help = "exit status: 0 yes to check, no to affected and findings, no difference; 1 the other answer; 2 bad input; 3 unknown"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t, global = true)]
    pub(crate) format: Format,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// What it is, how much is in it, what is odd about it
    Show {
        file: String,
        /// Refuse what the specification forbids, and not only what has no meaning
        #[arg(long)]
        strict: bool,
    },
    /// Its package URLs, one a line, sorted
    Packages { file: String },
    /// Its licenses, and how many components have each
    Licenses { file: String },
    /// Whether it holds what is affected: versions of a package, those of advisories, or what scanners found
    Affected(Affected),
    /// Whether it says what a profile requires
    Check {
        file: String,
        /// ntia, cisa or bsi
        #[arg(long, value_parser = profile)]
        profile: &'static Profile,
    },
    /// What changed from the first to the second
    Diff { before: String, after: String },
    /// What the scanners found, joined, and what VEX says about it
    Findings(Findings),
    /// The document as CycloneDX 1.6 or SPDX 2.3, in JSON
    Convert {
        file: String,
        #[arg(long)]
        to: Target,
    },
}

#[derive(Args)]
pub(crate) struct Affected {
    pub(crate) file: String,
    #[command(flatten)]
    pub(crate) question: Question,
    /// The versions, such as `vers:npm/<4.17.21`
    #[arg(long, requires = "purl", value_parser = parsed::<Vers>)]
    pub(crate) range: Option<Vers>,
    /// Reports of scanners that name the vulnerability
    #[arg(long = "report", value_name = "REPORT", requires = "id", num_args = 1..)]
    pub(crate) reports: Vec<String>,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Question {
    /// A package, whatever its version
    #[arg(long, requires = "range", value_parser = parsed::<Purl>)]
    pub(crate) purl: Option<Purl>,
    /// Advisories of OSV
    #[arg(long = "advisory", value_name = "OSV", num_args = 1..)]
    pub(crate) advisories: Vec<String>,
    /// A vulnerability, such as `CVE-2021-23337`
    #[arg(long, requires = "reports")]
    pub(crate) id: Option<String>,
}

#[derive(Args)]
pub(crate) struct Findings {
    #[arg(value_name = "REPORT", required = true)]
    pub(crate) reports: Vec<String>,
    /// A document whose statements count
    #[arg(long, value_name = "FILE")]
    pub(crate) vex: Vec<String>,
    /// Only statements count that name the image by this digest
    #[arg(long, value_parser = parsed::<Digest>)]
    pub(crate) digest: Option<Digest>,
    /// Answer 1 if there is a finding of one of these severities
    #[arg(long, value_name = "SEVERITY", value_delimiter = ',', value_parser = severity)]
    pub(crate) fail_on: Vec<Severity>,
    /// Of those, count the ones for which a fix is known
    #[arg(long, requires = "fail_on")]
    pub(crate) fixed_only: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Target {
    Cyclonedx,
    Spdx,
}

fn profile(name: &str) -> Result<&'static Profile, String> {
    Profile::from_name(name).ok_or_else(|| format!("`{name}` is not a profile, expected ntia, cisa or bsi"))
}

fn severity(name: &str) -> Result<Severity, String> {
    match Severity::from_name(name) {
        Severity::Unknown if !name.eq_ignore_ascii_case("unknown") => {
            Err(format!("`{name}` is not a severity"))
        }
        severity => Ok(severity),
    }
}
