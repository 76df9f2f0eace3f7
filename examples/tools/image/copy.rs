//! `image copy`: an image with all that is attached to it, between registries and layouts.

use std::path::PathBuf;

use trust_core::ImageRef;
use trust_examples::network::{Network, progress, runtime};
use trust_examples::{parsed, print};
use trust_gate::{OciLayoutWriter, Pusher};
use trust_policy::Plain;
use trust_sign::copy;

use crate::{reasons, signer};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The image
    #[arg(value_name = "SRC", value_parser = parsed::<ImageRef>)]
    source: ImageRef,
    /// What it is called where it is copied to
    #[arg(value_name = "DST", value_parser = parsed::<ImageRef>)]
    destination: ImageRef,
    /// SRC is in the OCI layout in DIR
    #[arg(long, value_name = "DIR")]
    from_layout: Option<PathBuf>,
    /// Copy into the OCI layout in DIR, which is created if it does not exist
    #[arg(long, value_name = "DIR")]
    to_layout: Option<PathBuf>,
    #[command(flatten)]
    network: Network,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, String> {
    let Arguments { source, destination, network, .. } = arguments;
    if network.offline && (arguments.from_layout.is_none() || arguments.to_layout.is_none()) {
        return Err("`--offline` forbids asking a registry".to_owned());
    }
    let from = signer::source(arguments.from_layout.as_deref(), source, network)?;
    let to = match &arguments.to_layout {
        Some(layout) => {
            let opened = OciLayoutWriter::open(layout);
            Pusher::new(opened.map_err(|error| format!("{}: {}", layout.display(), reasons(&error)))?)
        }
        None => Pusher::new(network.uncached_registry()?),
    };
    let progress = progress(format!("copying {}", source.written()));
    let copied = runtime()?.block_on(copy(&from, source, &to, destination, network.deadline()));
    drop(progress);
    match copied {
        Ok((digest, copied)) => {
            let left = match copied.left {
                0 => String::new(),
                left => format!("; {left} layers were not copied, for registries may not distribute them"),
            };
            let (manifests, blobs) = (copied.manifests, copied.blobs);
            print(&format!(
                "{} is {digest}: {manifests} manifests, {blobs} blobs{left}\n",
                destination.written()
            ))?;
            Ok(0)
        }
        Err(error) => {
            eprintln!("image: {}", Plain(&reasons(&error)));
            Ok(1)
        }
    }
}
