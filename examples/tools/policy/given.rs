//! What a run of suites is given beside them: images, objects, a trust root, a time.

use std::path::PathBuf;

use clap::Args;
use trust_core::{Reasons, TrustRoot, UnixTime};
use trust_examples::{ImageSource, clock, parsed};
use trust_gate::Repositories;
use trust_policy::{Resource, Trust};

use super::{at, text};

/// The command line of a run.
#[derive(Args)]
pub(crate) struct TestArguments {
    /// Folders: the suites in and below each are run
    #[arg(value_name = "DIR", required = true)]
    pub(crate) folders: Vec<PathBuf>,
    /// The OCI layout in DIR answers for the repository, or the image, REF; without any, rows that verify images are skipped
    #[arg(long = "image", value_name = "REF=DIR")]
    images: Vec<ImageSource>,
    /// Secrets and ConfigMaps that policies refer to, YAML or JSON, beside those of the suites
    #[arg(long = "object", value_name = "FILE")]
    objects: Vec<PathBuf>,
    /// A trusted_root.json; without it, Sigstore's public-good instance
    #[arg(long, value_name = "FILE")]
    trust_root: Option<PathBuf>,
    /// The time to judge at; without it, the clock's
    #[arg(long, value_name = "RFC3339", value_parser = parsed::<UnixTime>)]
    now: Option<UnixTime>,
}

/// What a run is given.
pub(crate) struct Given {
    pub(crate) images: Vec<ImageSource>,
    pub(crate) objects: Vec<Resource>,
    pub(crate) trust: Trust,
    pub(crate) now: UnixTime,
}

impl Given {
    pub(crate) fn read(arguments: &TestArguments) -> Result<Self, String> {
        let mut objects = Vec::new();
        for file in &arguments.objects {
            objects.extend(Resource::from_yaml(&text(file)?).map_err(|error| at(file, &error))?);
        }
        let root = match &arguments.trust_root {
            Some(file) => {
                TrustRoot::from_json(text(file)?.as_bytes()).map_err(|error| at(file, &Reasons(&error)))?
            }
            None => TrustRoot::public_good(),
        };
        let now = arguments.now.map_or_else(clock, Ok)?;
        Ok(Self { images: arguments.images.clone(), objects, trust: root.into(), now })
    }

    pub(crate) fn repositories(&self) -> Result<Repositories, String> {
        trust_examples::repositories(&self.images)
    }
}
