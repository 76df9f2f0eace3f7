//! The client protocol of [sigstore-conformance](https://github.com/sigstore/sigstore-conformance/blob/main/docs/cli_protocol.md):
//! verifies one bundle, as that suite asks every client to.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser};
use trust_core::{
    Bundle, CertificateIdentity, Digest, IdentityPolicy, Pattern, PublicKey, Reasons, Signed, SignerPolicy,
    TrustRoot, VerifiedBundle, Verifier,
};
use trust_examples::{BAD_INPUT, Format, clock, print, read, read_text};
use trust_rekor::RekorLog;

#[derive(Parser)]
#[command(
    name = "conformance",
    version,
    about = "Verifies one bundle, by the client protocol of sigstore-conformance"
)]
#[command(after_help = "exit status: 0 accepted, 1 rejected, 2 bad input")]
enum Command {
    /// Verify a bundle
    VerifyBundle(VerifyBundle),
}

#[derive(Args)]
struct VerifyBundle {
    /// Use the embedded root of Sigstore's staging instance, instead of the public-good instance's
    #[arg(long)]
    staging: bool,
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    #[command(flatten)]
    signer: Signer,
    /// The issuer of the identity
    #[arg(long, value_name = "URL", requires = "certificate_identity")]
    certificate_oidc_issuer: Option<String>,
    /// A trusted_root.json
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// A file, or `sha256:<64 hexadecimal digits>` where no file has that name
    #[arg(value_name = "FILE_OR_DIGEST")]
    artifact: PathBuf,
}

/// Who must have signed.
#[derive(Args)]
#[group(required = true, multiple = false)]
struct Signer {
    /// The identity in the certificate
    #[arg(long, value_name = "IDENTITY", requires = "certificate_oidc_issuer")]
    certificate_identity: Option<String>,
    /// A public key, as PEM
    #[arg(long, value_name = "PEM")]
    key: Option<PathBuf>,
}

/// Why there is no result.
enum Failure {
    Rejected(String),
    BadInput(String),
}

fn main() -> ExitCode {
    let Command::VerifyBundle(arguments) = match trust_examples::arguments(|_: &Command| Ok(())) {
        Ok(command) => command,
        Err(code) => return code,
    };
    match run(&arguments).and_then(|text| print(&text).map_err(Failure::Rejected)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Rejected(reason)) => {
            eprintln!("{}", reason.replace('\n', " "));
            ExitCode::from(1)
        }
        Err(Failure::BadInput(problem)) => {
            eprintln!("conformance: {problem}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

impl VerifyBundle {
    fn policy(&self) -> Result<SignerPolicy, Failure> {
        match (&self.signer.key, &self.signer.certificate_identity, &self.certificate_oidc_issuer) {
            (Some(file), ..) => {
                let key = PublicKey::from_pem(&read_text(file).map_err(Failure::BadInput)?);
                key.map(|key| SignerPolicy::Key(key.into())).map_err(|error| rejected(&error))
            }
            (None, Some(identity), Some(issuer)) => {
                let identity = CertificateIdentity::new(Pattern::exact(identity), Pattern::exact(issuer));
                IdentityPolicy::new([identity]).map(SignerPolicy::Identity).map_err(|error| rejected(&error))
            }
            _ => Err(Failure::BadInput("a key, or an identity and its issuer are needed".to_owned())),
        }
    }

    fn root(&self) -> Result<TrustRoot, Failure> {
        match &self.trusted_root {
            Some(file) => {
                let json = read(file).map_err(Failure::BadInput)?;
                TrustRoot::from_json(&json).map_err(|error| rejected(&error))
            }
            None if self.staging => Ok(TrustRoot::staging()),
            None => Ok(TrustRoot::public_good()),
        }
    }
}

fn run(arguments: &VerifyBundle) -> Result<String, Failure> {
    let (policy, root) = (arguments.policy()?, arguments.root()?);
    let bundle = read(&arguments.bundle).map_err(Failure::BadInput)?;
    let bundle = Bundle::from_json(&bundle).map_err(|error| rejected(&error))?;
    let now = clock().map_err(Failure::Rejected)?;
    let verify = |artifact: Signed<'_>| -> Result<VerifiedBundle, Failure> {
        let verifier = Verifier::new(&root, &RekorLog);
        verifier.verify(&bundle, artifact, &policy, now).map_err(|error| rejected(&error))
    };
    let file = &arguments.artifact;
    let verified = match file.to_string_lossy().parse::<Digest>() {
        Ok(digest) if !file.exists() => verify(Signed::Digest(&digest))?,
        _ => verify(Signed::Message(&read(file).map_err(Failure::BadInput)?))?,
    };
    match arguments.format {
        Format::Json => {
            serde_json::to_string_pretty(&verified).map(|json| json + "\n").map_err(|error| rejected(&error))
        }
        Format::Text => Ok(String::new()),
    }
}

fn rejected(error: &dyn std::error::Error) -> Failure {
    Failure::Rejected(Reasons(error).to_string())
}
