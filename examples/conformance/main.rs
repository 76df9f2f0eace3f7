//! The client protocol of [sigstore-conformance](https://github.com/sigstore/sigstore-conformance/blob/main/docs/cli_protocol.md):
//! verifies one bundle, as that suite asks every client to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use trust_core::{
    Bundle, CertificateIdentity, Digest, IdentityPolicy, Pattern, PublicKey, Reasons, Signed, SignerPolicy,
    TrustRoot, UnixTime, VerifiedBundle, Verifier,
};
use trust_rekor::RekorLog;

const USAGE: &str = "\
usage: conformance verify-bundle [--staging] --bundle FILE
           (--certificate-identity IDENTITY --certificate-oidc-issuer URL | --key PEM)
           [--trusted-root FILE] [--format text|json] FILE_OR_DIGEST

FILE_OR_DIGEST is a file, or `sha256:<64 hexadecimal digits>` where no file has that name.
Without --trusted-root, the embedded root of the public-good instance is used, or of staging.

exit status: 0 accepted, 1 rejected, 2 usage
";

/// Why there is no result.
enum Failure {
    Rejected(String),
    Usage(String),
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match trust_examples::about("conformance", USAGE, &words) {
        Some(text) => Ok(text),
        None => Arguments::parse(&words).map_err(Failure::Usage).and_then(|arguments| run(&arguments)),
    };
    match outcome.and_then(|text| trust_examples::print(&text).map_err(Failure::Rejected)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Rejected(reason)) => {
            eprintln!("{}", reason.replace('\n', " "));
            ExitCode::from(1)
        }
        Err(Failure::Usage(problem)) => {
            eprintln!("conformance: {problem}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

#[derive(Default)]
struct Arguments {
    is_staging: bool,
    bundle: PathBuf,
    identity: Option<String>,
    issuer: Option<String>,
    key: Option<PathBuf>,
    trusted_root: Option<PathBuf>,
    is_json: bool,
    artifact: String,
}

impl Arguments {
    fn parse(words: &[String]) -> Result<Self, String> {
        let mut words = words.iter();
        match words.next().map(String::as_str) {
            Some("verify-bundle") => {}
            Some(other) => return Err(format!("`{other}` is not a command, expected `verify-bundle`")),
            None => return Err("no command, expected `verify-bundle`".to_owned()),
        }
        let (mut arguments, mut artifacts) = (Self::default(), Vec::new());
        let mut bundle = None;
        while let Some(word) = words.next() {
            let mut value = || words.next().cloned().ok_or_else(|| format!("`{word}` needs a value"));
            match word.as_str() {
                "--staging" => arguments.is_staging = true,
                "--bundle" => bundle = Some(PathBuf::from(value()?)),
                "--certificate-identity" => arguments.identity = Some(value()?),
                "--certificate-oidc-issuer" => arguments.issuer = Some(value()?),
                "--key" => arguments.key = Some(value()?.into()),
                "--trusted-root" => arguments.trusted_root = Some(value()?.into()),
                "--format" => {
                    arguments.is_json = match value()?.as_str() {
                        "json" => true,
                        "text" => false,
                        other => return Err(format!("--format: found `{other}`, expected `text` or `json`")),
                    }
                }
                option if option.starts_with("--") => return Err(format!("`{option}` is not an option")),
                artifact => artifacts.push(artifact.to_owned()),
            }
        }
        arguments.bundle = bundle.ok_or("`--bundle` is needed")?;
        match <[String; 1]>::try_from(artifacts) {
            Ok([artifact]) => arguments.artifact = artifact,
            Err(found) => return Err(format!("found {} artifacts, expected one", found.len())),
        }
        Ok(arguments)
    }

    fn policy(&self) -> Result<SignerPolicy, Failure> {
        match (&self.key, &self.identity, &self.issuer) {
            (Some(file), None, None) => {
                let key = PublicKey::from_pem(&read_text(file)?).map_err(|error| rejected(&error))?;
                Ok(SignerPolicy::Key(key.into()))
            }
            (None, Some(identity), Some(issuer)) => {
                let identity = CertificateIdentity::new(Pattern::exact(identity), Pattern::exact(issuer));
                IdentityPolicy::new([identity]).map(SignerPolicy::Identity).map_err(|error| rejected(&error))
            }
            _ => Err(Failure::Usage(
                "either `--key`, or `--certificate-identity` and `--certificate-oidc-issuer` are needed"
                    .to_owned(),
            )),
        }
    }

    fn root(&self) -> Result<TrustRoot, Failure> {
        match &self.trusted_root {
            Some(file) => TrustRoot::from_json(&read(file)?).map_err(|error| rejected(&error)),
            None if self.is_staging => Ok(TrustRoot::staging()),
            None => Ok(TrustRoot::public_good()),
        }
    }
}

fn run(arguments: &Arguments) -> Result<String, Failure> {
    let (policy, root) = (arguments.policy()?, arguments.root()?);
    let bundle = Bundle::from_json(&read(&arguments.bundle)?).map_err(|error| rejected(&error))?;
    let verify = |artifact: Signed<'_>| -> Result<VerifiedBundle, Failure> {
        Verifier::new(&root, &RekorLog)
            .verify(&bundle, artifact, &policy, now()?)
            .map_err(|error| rejected(&error))
    };
    let file = Path::new(&arguments.artifact);
    let verified = match arguments.artifact.parse::<Digest>() {
        Ok(digest) if !file.exists() => verify(Signed::Digest(&digest))?,
        _ => verify(Signed::Message(&read(file)?))?,
    };
    if arguments.is_json {
        let json = serde_json::to_string_pretty(&verified).map_err(|error| rejected(&error))?;
        return Ok(json + "\n");
    }
    Ok(String::new())
}

fn now() -> Result<UnixTime, Failure> {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| rejected(&error))?;
    Ok(UnixTime::from_millis(i64::try_from(elapsed.as_millis()).map_err(|error| rejected(&error))?))
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
}

fn read_text(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))
}

fn rejected(error: &dyn std::error::Error) -> Failure {
    Failure::Rejected(Reasons(error).to_string())
}
