//! Who signs, by the options; who sees it; and where it is pushed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Runtime;
use trust_core::cosign::SimpleSigning;
use trust_core::{ImageRef, SigningConfig, Statement, TrustRoot, VerifiedSigner};
use trust_examples::network::{Network, Root};
use trust_examples::{ImageSource, clock, parsed, read, read_text};
use trust_gate::{OciLayout, OciLayoutWriter, Pusher, Repositories, StoreError};
use trust_policy::Plain;
use trust_sign::{
    AmbientToken, IdentityToken, ImageTarget, Inline, Pkcs11Key, PrivateKey, Published, Signer, TokenSource,
    push_bundle, push_layer,
};
use url::Url;

use crate::reasons;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Sign with the private key in FILE: PEM, or encrypted as cosign does; or in a token, by a URI `pkcs11:...?module-path=...`
    #[arg(long, value_name = "FILE", conflicts_with = "identity_token")]
    key: Option<PathBuf>,
    /// The key's password or the token's PIN is the first line of FILE; without it, that in `COSIGN_PASSWORD`, or one that is asked
    /// for
    #[arg(long, value_name = "FILE", requires = "key")]
    password_file: Option<PathBuf>,
    /// Sign with the identity of the token in FILE; without it and `--key`, of the machine's own token
    #[arg(long, value_name = "FILE")]
    identity_token: Option<PathBuf>,
    /// Which services certify, timestamp and log it: a signing_config v0.2
    #[arg(long, value_name = "FILE", required_unless_present = "key")]
    signing_config: Option<PathBuf>,
    /// Have it timestamped by the authority at URL
    #[arg(long, value_name = "URL", value_parser = parsed::<Url>)]
    tsa: Vec<Url>,
    /// In which form: as cosign 3 stores it, as cosign 1 and 2 do, or in both
    #[arg(long, value_enum, default_value_t)]
    format: Form,
    /// Put the bundle into the manifest as well, so that a verifier needs one request less
    #[arg(long)]
    inline: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    root: Root,
    #[command(flatten)]
    network: Network,
}

/// In which form signatures are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    #[default]
    Bundle,
    Legacy,
    Both,
}

/// An image, and where it is.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Place {
    /// The image: of several platforms, the index; one platform alone by its digest
    #[arg(value_name = "REF", value_parser = parsed::<ImageRef>)]
    image: ImageRef,
    /// The image is in the OCI layout in DIR, not in a registry
    #[arg(long, value_name = "DIR")]
    layout: Option<PathBuf>,
}

/// Who signs what, and where it goes.
pub(crate) struct Signing {
    signer: Signer,
    pub(crate) target: ImageTarget,
    pusher: Pusher,
}

impl Signing {
    /// Signs in the forms that are wanted, and pushes each: the lines that say so, and the program's status. What fails is said at
    /// once, with what is public all the same.
    pub(crate) fn sign(
        &self,
        runtime: &Runtime,
        options: &Options,
        statement: &Statement,
        payload: Option<&SimpleSigning>,
    ) -> Result<(String, u8), String> {
        let mut text = String::new();
        let mut say = |signer: &VerifiedSigner, form: &str, public: &[Published]| {
            let what = match payload {
                Some(_) => "signed".to_owned(),
                None => format!("attested ({})", statement.predicate_type()),
            };
            let line = format!("{what} by {signer}{form}; {}", published(public));
            text.push_str(&format!("{}\n", Plain(&line)));
        };
        let deadline = || options.network.deadline();
        if options.format != Form::Legacy {
            let signed = match runtime.block_on(self.signer.sign(statement, deadline())) {
                Ok(signed) => signed,
                Err(error) => return Ok((text, failed(&error.to_string()))),
            };
            let inline = if options.inline { Inline::Data } else { Inline::No };
            let pushed = push_bundle(&self.pusher, &self.target, &signed, inline, clock()?, deadline());
            match runtime.block_on(pushed) {
                Ok(manifest) => say(signed.verified.signer(), &format!(", {manifest}"), &signed.published),
                Err(error) => return Ok((text, not_pushed(&error, &signed.published))),
            }
        }
        if options.format != Form::Bundle {
            let layer = runtime.block_on(async {
                match payload {
                    Some(payload) => self.signer.sign_image_layer(payload, deadline()).await,
                    None => self.signer.sign_attestation_layer(statement, deadline()).await,
                }
            });
            let layer = match layer {
                Ok(layer) => layer,
                Err(error) => return Ok((text, failed(&error.to_string()))),
            };
            match runtime.block_on(push_layer(&self.pusher, &self.target, &layer, deadline())) {
                Ok(()) => say(layer.verified.signer(), ", for cosign 1 and 2", &layer.published),
                Err(error) => return Ok((text, not_pushed(&error, &layer.published))),
            }
        }
        Ok((text, 0))
    }
}

impl Options {
    pub(crate) fn prepare(&self, runtime: &Runtime) -> Result<Signing, String> {
        let asks = self.signing_config.is_some() || !self.tsa.is_empty() || self.key.is_none();
        if self.network.offline && (asks || self.place.is_in_registry()) {
            return Err("`--offline` forbids asking a registry or a service".to_owned());
        }
        let root = self.network.root(&self.root, &mut read, runtime.handle())?;
        let root = root.map_or_else(TrustRoot::public_good, |current| current.root.clone());
        let signer = self.signer(root)?;
        let (stores, pusher) = self.place.open(&self.network)?;
        let found = ImageTarget::find(&stores, &self.place.image, self.network.deadline());
        let target = runtime.block_on(found).map_err(|error| reasons(&error))?;
        Ok(Signing { signer, target, pusher })
    }

    fn signer(&self, root: TrustRoot) -> Result<Signer, String> {
        let now = clock()?;
        let named =
            |file: &Path, error: &dyn core::error::Error| format!("{}: {}", file.display(), reasons(error));
        let config = self
            .signing_config
            .as_deref()
            .map(|file| SigningConfig::from_json(&read(file)?).map_err(|error| named(file, &error)));
        let config = config.transpose()?;
        let mut signer = match (&self.key, &config) {
            (Some(file), config) => {
                let signer = match file.to_str().filter(|text| text.starts_with("pkcs11:")) {
                    Some(uri) => Signer::with_key(self.open_key(uri)?, root),
                    None => Signer::with_key(read_key(file, self.password_file.as_deref())?, root),
                };
                let with =
                    config.as_ref().map_or(Ok(signer.clone()), |config| signer.with_services(config, now));
                with.map_err(|error| reasons(&error))?.with_transport(Arc::new(self.network.http()?))
            }
            (None, Some(config)) => {
                let tokens = self.tokens()?;
                let signer = Signer::with_identity(tokens, config, self.network.http()?, root, now);
                signer.map_err(|error| reasons(&error))?
            }
            (None, None) => return Err("expected `--key`, or `--signing-config`".to_owned()),
        };
        for url in &self.tsa {
            signer = signer.timestamped_by(url.as_str());
        }
        Ok(signer)
    }

    fn open_key(&self, uri: &str) -> Result<Pkcs11Key, String> {
        let uri = uri.parse().map_err(|error| reasons(&error))?;
        let pin = password(self.password_file.as_deref(), "PIN of the token: ")?;
        Pkcs11Key::open(&uri, &pin).map_err(|error| reasons(&error))
    }

    fn tokens(&self) -> Result<Tokens, String> {
        Ok(match &self.identity_token {
            Some(file) => {
                let token = IdentityToken::parse(&read_text(file)?, clock()?);
                Tokens::Given(token.map_err(|error| format!("{}: {}", file.display(), reasons(&error)))?)
            }
            None => Tokens::Ambient(AmbientToken::new(self.network.http()?)),
        })
    }
}

/// The private key in a file.
pub(crate) fn read_key(file: &Path, password_file: Option<&Path>) -> Result<PrivateKey, String> {
    let text = read_text(file)?;
    let key = match PrivateKey::from_pem(&text) {
        Err(trust_sign::KeyError::Encrypted) => {
            let password = password(password_file, "password of the key: ")?;
            PrivateKey::from_encrypted_pem(&text, password.as_bytes())
        }
        key => key,
    };
    key.map_err(|error| format!("{}: {}", file.display(), reasons(&error)))
}

/// Where the identity comes from.
#[derive(Debug)]
enum Tokens {
    Given(IdentityToken),
    Ambient(AmbientToken<trust_gate::Http>),
}

impl TokenSource for Tokens {
    fn token<'a>(
        &'a self,
        now: trust_core::UnixTime,
        until: trust_gate::Deadline,
    ) -> trust_gate::Boxed<'a, Result<IdentityToken, trust_sign::TokenError>> {
        match self {
            Self::Given(token) => token.token(now, until),
            Self::Ambient(machine) => machine.token(now, until),
        }
    }
}

impl Place {
    pub(crate) fn image(&self) -> &ImageRef {
        &self.image
    }

    pub(crate) fn is_in_registry(&self) -> bool {
        self.layout.is_none()
    }

    /// Where the image is read, and written to.
    pub(crate) fn open(&self, network: &Network) -> Result<(Repositories, Pusher), String> {
        let mut stores = Repositories::new();
        let pusher = match &self.layout {
            Some(layout) => {
                let at = |error| format!("{}: {}", layout.display(), reasons(&error));
                stores.insert(self.image.clone(), OciLayout::open(layout).map_err(at)?);
                Pusher::new(OciLayoutWriter::open(layout).map_err(at)?)
            }
            None => {
                let registry = network.uncached_registry()?;
                stores.insert_for_others(registry.clone());
                Pusher::new(registry)
            }
        };
        Ok((stores, pusher))
    }
}

/// Where an image is read from: a layout, or its registry.
pub(crate) fn source(
    layout: Option<&Path>,
    image: &ImageRef,
    network: &Network,
) -> Result<Repositories, String> {
    let sources: Vec<_> = layout
        .map(|layout| ImageSource { reference: image.clone(), layout: layout.to_owned() })
        .into_iter()
        .collect();
    let mut stores = trust_examples::repositories(&sources)?;
    if sources.is_empty() {
        stores.insert_for_others(network.uncached_registry()?);
    }
    Ok(stores)
}

/// What was made public, for people.
fn published(all: &[Published]) -> String {
    match all {
        [] => "not in a transparency log".to_owned(),
        all => {
            let all: Vec<String> = all.iter().map(ToString::to_string).collect();
            format!("public: {}", all.join(", "))
        }
    }
}

/// Says why there is no signature; the program's status.
fn failed(problem: &str) -> u8 {
    eprintln!("image: {}", Plain(problem));
    1
}

fn not_pushed(error: &StoreError, public: &[Published]) -> u8 {
    failed(&format!("signed, but not attached: {}; {}", reasons(error), published(public)))
}

/// A password for a key that is there.
fn password(file: Option<&Path>, prompt: &str) -> Result<String, String> {
    if let Some(file) = file {
        let text = read_text(file)?;
        return Ok(text.lines().next().unwrap_or_default().to_owned());
    }
    if let Ok(password) = std::env::var("COSIGN_PASSWORD") {
        return Ok(password);
    }
    let problem = |error| format!("{error}; set `COSIGN_PASSWORD`, or give `--password-file`");
    rpassword::prompt_password(prompt).map_err(problem)
}

/// A password for a key that is made: one that is typed, is typed twice.
pub(crate) fn new_password(file: Option<&Path>) -> Result<String, String> {
    let first = password(file, "password for the key: ")?;
    let is_typed = file.is_none() && std::env::var_os("COSIGN_PASSWORD").is_none();
    if is_typed && password(None, "the same again: ")? != first {
        return Err("the passwords differ".to_owned());
    }
    Ok(first)
}
