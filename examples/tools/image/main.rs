//! Signs and attests images, verifies, lists, copies and fetches what is attached to them.

mod attest;
mod copy;
mod fetch;
mod keygen;
mod notarize;
mod sign;
mod signer;
mod tree;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use trust_core::{ImageRef, Reasons, TrustRoot};
use trust_examples::network::{Network, Root, progress, runtime};
use trust_examples::{Format, ImageSource, finish, parsed};
use trust_gate::{Limits, Repositories, collect_async};
use trust_policy::ImageEvidence;

/// Signs and attests images, verifies signatures, lists what is attached, copies images with it, or fetches it for use without network.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "image",
    version,
    after_help = "exit status: 0 done, or verified; 1 not verified, not signed, or not to be had; 2 bad input"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Make a key pair: NAME.key, encrypted as cosign does, and NAME.pub
    Keygen(keygen::Arguments),
    /// Sign an image, with a key or with the identity of a token
    Sign(sign::Arguments),
    /// Sign an image as notation does, with a key and its certificates
    Notarize(notarize::Arguments),
    /// Attest what a document says of an image
    Attest(attest::Arguments),
    /// Copy an image with all that is attached to it
    Copy(copy::Arguments),
    /// Verify that a key, or an identity, signed an image
    Verify(verify::Arguments),
    /// Show what is attached to an image, by whom and since when
    Tree(Source),
    /// Fetch images with what is attached to them into an OCI layout
    Fetch(fetch::Arguments),
}

/// An image, and where it is.
#[derive(Clone, Debug, clap::Args)]
struct Source {
    /// The image
    #[arg(value_name = "REF", value_parser = parsed::<ImageRef>)]
    image: ImageRef,
    /// The OCI layout in DIR answers for the repository, or the image, REF; registries answer for all others
    #[arg(long = "image", value_name = "REF=DIR")]
    layouts: Vec<ImageSource>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    network: Network,
}

/// What there is on an image, and what it is verified by.
struct Given {
    found: ImageEvidence,
    root: TrustRoot,
}

fn main() -> ExitCode {
    match trust_examples::arguments(|_: &Arguments| Ok(())) {
        Ok(arguments) => finish(
            "image",
            match &arguments.command {
                Command::Keygen(arguments) => keygen::run(arguments),
                Command::Sign(arguments) => sign::run(arguments),
                Command::Notarize(arguments) => notarize::run(arguments),
                Command::Attest(arguments) => attest::run(arguments),
                Command::Copy(arguments) => copy::run(arguments),
                Command::Verify(arguments) => verify::run(arguments),
                Command::Tree(source) => tree::run(source),
                Command::Fetch(arguments) => fetch::run(arguments),
            },
        ),
        Err(code) => code,
    }
}

impl Source {
    /// Fetches what is attached.
    fn fetch(&self) -> Result<Given, String> {
        let runtime = runtime()?;
        let root =
            match self.network.root(&self.root, &mut |file| trust_examples::read(file), runtime.handle())? {
                Some(current) => current.root.clone(),
                None => TrustRoot::public_good(),
            };
        let stores = stores(&self.layouts, &self.network)?;
        let limits = Limits::default();
        let _progress = progress(format!("fetching what is attached to {}", self.image.written()));
        let collecting = collect_async(&stores, &self.image, &limits, self.network.deadline());
        Ok(Given { found: runtime.block_on(collecting), root })
    }
}

fn stores(layouts: &[ImageSource], network: &Network) -> Result<Repositories, String> {
    let mut stores = trust_examples::repositories(layouts)?;
    if !network.offline {
        stores.insert_for_others(network.registry()?);
    }
    Ok(stores)
}

/// An error with all its reasons.
fn reasons(error: &dyn core::error::Error) -> String {
    Reasons(error).to_string()
}
