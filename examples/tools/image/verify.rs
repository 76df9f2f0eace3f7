//! `image verify`: who signed an image, when, and where that is logged.

use std::path::PathBuf;

use serde_json::{Value, json};
use trust_core::{
    CertificateIdentity, Digest, IdentityPolicy, ManagedKey, Pattern, PublicKey, SignerPolicy, UnixTime,
    VerifiedBundle, Verifier,
};
use trust_examples::{Format, clock, parsed, print, read_text};
use trust_policy::Plain;
use trust_rekor::RekorLog;

use crate::{Given, Source, reasons};

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The public key that must have signed, in PEM
    #[arg(long, value_name = "FILE", required_unless_present = "identity", conflicts_with_all = ["identity", "issuer"])]
    key: Option<PathBuf>,
    /// The identity that must have signed; `*` stands for any text
    #[arg(long, value_name = "ID", requires = "issuer")]
    identity: Option<String>,
    /// Who vouches for the identity
    #[arg(long, value_name = "URL", requires = "identity")]
    issuer: Option<String>,
    /// Accept a signature that is in no transparency log
    #[arg(long)]
    no_log: bool,
    /// The time to judge at; without it, the clock's
    #[arg(long, value_name = "RFC3339", value_parser = parsed::<UnixTime>)]
    now: Option<UnixTime>,
    #[command(flatten)]
    source: Source,
}

/// A signature that verifies.
struct Verified {
    location: String,
    /// The type of the attestation; `None` for a signature on the image itself.
    attestation: Option<String>,
    bundle: VerifiedBundle,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, String> {
    let signer = signer(arguments)?;
    let now = arguments.now.map_or_else(clock, Ok)?;
    let Given { found, root } = arguments.source.fetch()?;
    let digest = match &found.digest {
        Ok(digest) => digest.clone(),
        Err(failure) => return refused(arguments, vec![failure.to_string()]),
    };
    let mut verifier = Verifier::new(&root, &RekorLog);
    if arguments.no_log {
        verifier = verifier.accepting_signatures_in_no_transparency_log();
    }
    let (mut verified, mut problems) = (Vec::new(), Vec::new());
    for artifact in &found.artifacts {
        match artifact.verify(&digest, &signer, &verifier, now) {
            Ok(bundle) => verified.push(Verified {
                location: artifact.location.clone(),
                attestation: artifact.unverified_attestation_type().ok().flatten(),
                bundle,
            }),
            Err(error) => problems.push(format!("{}: {}", artifact.location, reasons(&error))),
        }
    }
    problems.extend(found.failures.iter().map(ToString::to_string));
    problems.extend(found.notes.iter().cloned());
    let attested = verified.iter().filter_map(|one| one.attestation.as_ref());
    problems.extend(attested.map(|kind| {
        format!("an attestation of type {kind} is signed so, which is no signature on the image")
    }));
    if problems.is_empty() && verified.is_empty() {
        problems.push("nothing is attached to it".to_owned());
    }
    // An attestation is no signature on the image, by whichever signer.
    if verified.iter().all(|one| one.attestation.is_some()) {
        return refused(arguments, problems);
    }
    print(&match arguments.source.format {
        Format::Text => text(arguments, &digest, &verified),
        Format::Json => pretty(&json!({
            "image": arguments.source.image.written(),
            "digest": digest.to_string(),
            "verified": true,
            "signatures": verified.iter().map(as_json).collect::<Vec<_>>(),
            "problems": problems,
        })),
    })?;
    Ok(0)
}

fn signer(arguments: &Arguments) -> Result<SignerPolicy, String> {
    if let Some(file) = &arguments.key {
        let key = PublicKey::from_pem(&read_text(file)?)
            .map_err(|error| format!("{}: {}", file.display(), reasons(&error)))?;
        return Ok(SignerPolicy::Key(ManagedKey::new(key)));
    }
    let pattern = |text: &Option<String>| Pattern::wildcard(text.as_deref().unwrap_or_default());
    let identity = CertificateIdentity::new(pattern(&arguments.identity), pattern(&arguments.issuer));
    IdentityPolicy::new([identity]).map(SignerPolicy::Identity).map_err(|error| reasons(&error))
}

/// One line a signature: who, when, and where it is logged.
fn text(arguments: &Arguments, digest: &Digest, verified: &[Verified]) -> String {
    let mut text = format!("{} is {digest}\n", arguments.source.image.written());
    for Verified { attestation, bundle, .. } in verified {
        let what = attestation.as_ref().map_or("signed".to_owned(), |kind| format!("attested ({kind})"));
        let line = format!("{what} by {}{}{}", bundle.signer(), when(bundle), logged(bundle));
        text.push_str(&format!("{}\n", Plain(&line)));
    }
    text
}

/// When it was signed, as far as somebody vouches for it.
pub(crate) fn when(bundle: &VerifiedBundle) -> String {
    let first = bundle.times().iter().min_by_key(|time| time.time());
    first.map_or(String::new(), |time| format!(", at {} by {}", time.time(), time.operator()))
}

/// Where it is logged.
pub(crate) fn logged(bundle: &VerifiedBundle) -> String {
    let entry = bundle.log_entries().first();
    entry.map_or(", in no log".to_owned(), |entry| {
        format!(", entry {} of {}", entry.log_index(), entry.operator())
    })
}

fn as_json(verified: &Verified) -> Value {
    let Verified { location, attestation, bundle } = verified;
    let times =
        bundle.times().iter().map(|time| json!({"time": time.time().to_string(), "by": time.operator()}));
    let entries = bundle
        .log_entries()
        .iter()
        .map(|entry| json!({"index": entry.log_index(), "operator": entry.operator()}));
    json!({
        "location": location,
        "attestation": attestation,
        "signer": bundle.signer().to_string(),
        "times": times.collect::<Vec<_>>(),
        "logEntries": entries.collect::<Vec<_>>(),
        "predicate": bundle.statement().map(|statement| statement.predicate_type()),
    })
}

fn refused(arguments: &Arguments, problems: Vec<String>) -> Result<u8, String> {
    let image = arguments.source.image.written();
    match arguments.source.format {
        Format::Json => print(&pretty(&json!({"image": image, "verified": false, "problems": problems})))?,
        Format::Text => {
            eprintln!("image: {image} is not verified");
            for problem in &problems {
                eprintln!("  {}", Plain(problem));
            }
        }
    }
    Ok(1)
}

pub(crate) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
