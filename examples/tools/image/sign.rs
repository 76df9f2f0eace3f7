//! `image sign`: a signature on an image, verified before it is pushed.

use trust_examples::network::{progress, runtime};
use trust_examples::print;

use crate::reasons;
use crate::signer::Options;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Note something in the signature
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = annotation)]
    annotation: Vec<(String, String)>,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn annotation(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it has no `=`, expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, String> {
    let (options, runtime) = (&arguments.options, runtime()?);
    let signing = options.prepare(&runtime)?;
    let target = &signing.target;
    let annotations = arguments.annotation.iter().cloned().collect();
    let statement = target.signature(&annotations).map_err(|error| reasons(&error))?;
    let progress = progress(format!("signing {}", target.image.written()));
    let (signed, status) =
        signing.sign(&runtime, options, &statement, Some(&target.simple_signing(&annotations)))?;
    drop(progress);
    print(&format!("{} is {}\n{signed}", target.image.written(), target.digest))?;
    Ok(status)
}
