//! `image notarize`: a signature of the Notary Project on an image, as notation makes it.

use std::path::{Path, PathBuf};

use trust_core::Certificate;
use trust_core::internal::pem;
use trust_core::notation::EnvelopeForm;
use trust_examples::network::{Network, progress, runtime};
use trust_examples::{clock, parsed, print, read_text};
use trust_policy::Plain;
use trust_sign::{ImageTarget, NotationSigner, push_envelope};
use url::Url;

use crate::reasons;
use crate::sign::annotation;
use crate::signer::{Place, read_key};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Sign with the private key in FILE: PEM, or encrypted as cosign does
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The key's password is the first line of FILE; without it, that in `COSIGN_PASSWORD`, or one that is asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The key's certificate and its issuers, up to a self-signed root: PEM
    #[arg(long, value_name = "FILE")]
    certificates: PathBuf,
    /// Write it in COSE, not in JWS
    #[arg(long)]
    cose: bool,
    /// Let the signature expire after this many hours
    #[arg(long, value_name = "HOURS")]
    valid_for: Option<u32>,
    /// Have it timestamped by the authority at URL
    #[arg(long, value_name = "URL", value_parser = parsed::<Url>, requires = "tsa_root")]
    tsa: Option<Url>,
    /// The root certificates of that authority: PEM
    #[arg(long, value_name = "FILE", requires = "tsa")]
    tsa_root: Option<PathBuf>,
    /// Add an annotation to the signature
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = annotation)]
    annotation: Vec<(String, String)>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    network: Network,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, String> {
    let (network, now) = (&arguments.network, clock()?);
    if network.offline && (arguments.tsa.is_some() || arguments.place.is_in_registry()) {
        return Err("`--offline` forbids asking a registry or a service".to_owned());
    }
    let key = read_key(&arguments.key, arguments.password_file.as_deref())?;
    let signer = NotationSigner::new(key, certificates(&arguments.certificates)?);
    let mut signer = signer.map_err(|error| reasons(&error))?;
    if arguments.cose {
        signer = signer.with_form(EnvelopeForm::Cose);
    }
    if let Some(hours) = arguments.valid_for {
        signer = signer.valid_for(i64::from(hours) * 3_600_000);
    }
    if let (Some(url), Some(roots)) = (&arguments.tsa, &arguments.tsa_root) {
        signer = signer.stamped_by(url.as_str(), network.http()?, certificates(roots)?);
    }
    let (stores, pusher) = arguments.place.open(network)?;
    let runtime = runtime()?;
    let image = arguments.place.image();
    let target = runtime.block_on(ImageTarget::find(&stores, image, network.deadline()));
    let target = target.map_err(|error| reasons(&error))?;
    let annotations = arguments.annotation.iter().cloned().collect();
    let progress = progress(format!("signing {}", image.written()));
    let signing = signer.sign(&target, &annotations, now, network.deadline());
    let signed = match runtime.block_on(signing) {
        Ok(signed) => signed,
        Err(error) => {
            eprintln!("image: {}", Plain(&reasons(&error)));
            return Ok(1);
        }
    };
    let pushing = push_envelope(&pusher, &target, &signed, now, network.deadline());
    let manifest = runtime.block_on(pushing).map_err(|error| reasons(&error))?;
    drop(progress);
    let name = signed.verified.identity().map_or_else(|error| reasons(&error), |name| name.to_string());
    let line = format!("signed by {name}, {manifest}");
    print(&format!("{} is {}\n{}\n", image.written(), target.digest, Plain(&line)))?;
    Ok(0)
}

fn certificates(file: &Path) -> Result<Vec<Certificate>, String> {
    let text = read_text(file)?;
    let at = |problem: String| format!("{}: {problem}", file.display());
    let read = |block| Certificate::from_pem(block).map_err(|error| at(reasons(&error)));
    let all: Vec<Certificate> = pem::split_blocks(&text).into_iter().map(read).collect::<Result<_, _>>()?;
    if all.is_empty() { Err(at("found no certificate in PEM".to_owned())) } else { Ok(all) }
}
