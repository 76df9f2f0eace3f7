//! `image fetch`: images with what is attached to them, in an OCI layout, for a judge without network.

use std::path::PathBuf;

use trust_core::{ImageRef, Reasons};
use trust_examples::network::{Network, progress, runtime};
use trust_examples::{parsed, print};
use trust_gate::{Limits, OciLayoutWriter};
use trust_policy::Plain;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The images
    #[arg(value_name = "REF", required = true, value_parser = parsed::<ImageRef>)]
    images: Vec<ImageRef>,
    /// The folder to write the OCI layout to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    network: Network,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, String> {
    if arguments.network.offline {
        return Err("`--offline` forbids to fetch".to_owned());
    }
    let registry = arguments.network.registry()?;
    let runtime = runtime()?;
    let out = OciLayoutWriter::open(&arguments.out).map_err(|error| Reasons(&error).to_string())?;
    let (limits, mut status) = (Limits::default(), 0);
    for image in &arguments.images {
        let _progress = progress(format!("fetching {}", image.written()));
        let copying = out.copy(&registry, image, &limits, arguments.network.deadline());
        match runtime.block_on(copying) {
            Ok(digest) => print(&format!("{} is {digest}\n", image.written()))?,
            Err(error) => {
                eprintln!("image: {}: {}", image.written(), Plain(&Reasons(&error).to_string()));
                status = 1;
            }
        }
    }
    Ok(status)
}
