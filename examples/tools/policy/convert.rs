//! Policies in another language, and what is not the same there.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use trust_examples::print;
use trust_policy::{ChangeKind, PolicySet};

use super::read;

/// The command line of a conversion.
#[derive(Args)]
pub(crate) struct ConvertArguments {
    /// The language
    #[arg(long, value_enum)]
    to: Language,
    /// Policies, of any other language
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// A language that policies are converted into.
#[derive(Clone, Copy, ValueEnum)]
enum Language {
    /// `ImageTrustPolicy` of trust.dev/v1beta1
    ImageTrustPolicy,
    /// Kyverno's `ImageValidatingPolicy` of policies.kyverno.io/v1
    ImageValidatingPolicy,
}

/// Whether nothing was left out.
pub(crate) fn convert(arguments: &ConvertArguments) -> Result<bool, String> {
    // All together, so that no policy of one file takes the place of one of another.
    let mut policies = PolicySet::default();
    for file in &arguments.files {
        policies.extend(read(file)?);
    }
    let conversion = match arguments.to {
        Language::ImageTrustPolicy => policies.to_image_trust_policies(),
        Language::ImageValidatingPolicy => policies.to_image_validating_policies(),
    };
    for change in &conversion.changes {
        // A name that people wrote stays within its comment.
        print(&format!("# {}\n", change.to_string().replace(['\n', '\r'], " ")))?;
    }
    for document in &conversion.documents {
        let text = serde_saphyr::to_string(document).map_err(|error| error.to_string())?;
        print(&format!("---\n{text}"))?;
    }
    Ok(!conversion.changes.iter().any(|change| change.kind == ChangeKind::LeftOut))
}
