//! `image keygen`: a new key pair, which cosign can use, too.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use trust_core::KeyAlgorithm;
use trust_examples::print;
use trust_sign::PrivateKey;

use crate::{reasons, signer};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The files' name, without `.key` and `.pub`
    #[arg(value_name = "NAME", default_value = "image")]
    name: PathBuf,
    /// The kind of key
    #[arg(long, value_enum, default_value_t)]
    kind: Kind,
    /// The password is the first line of FILE; without it, that in `COSIGN_PASSWORD`, or one that is asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Kind {
    #[default]
    P256,
    P384,
    P521,
    Ed25519,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, String> {
    let key = PrivateKey::generate(match arguments.kind {
        Kind::P256 => KeyAlgorithm::EcdsaP256,
        Kind::P384 => KeyAlgorithm::EcdsaP384,
        Kind::P521 => KeyAlgorithm::EcdsaP521,
        Kind::Ed25519 => KeyAlgorithm::Ed25519,
    });
    let key = key.map_err(|error| reasons(&error))?;
    let password = signer::new_password(arguments.password_file.as_deref())?;
    let private = key.to_encrypted_pem(password.as_bytes()).map_err(|error| reasons(&error))?;
    let file = |suffix: &str| {
        let mut name = arguments.name.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    };
    write_new(&file(".key"), &private, true)?;
    write_new(&file(".pub"), &key.public_pem(), false)?;
    print(&format!("{} is encrypted; {} verifies\n", file(".key").display(), file(".pub").display()))?;
    Ok(0)
}

/// A file that was not there; a secret one is its owner's alone.
fn write_new(file: &Path, text: &str, is_secret: bool) -> Result<(), String> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if is_secret { 0o600 } else { 0o644 });
    }
    let written = options.open(file).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| format!("{}: {error}", file.display()))
}
