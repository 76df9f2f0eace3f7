//! The command line.

use std::path::PathBuf;

use trust_core::UnixTime;
use trust_examples::ImageSource;
use trust_policy::Uncovered;

pub(crate) const HELP: &str = "\
Judges Kubernetes workloads by Kyverno policies, with images and signatures from OCI layouts.

usage: admit
       admit --policy FILE... --resource FILE... [--image REF=LAYOUT_DIR]... [--trust-root FILE]
             [--object FILE...] [--now RFC3339] [--allow-uncovered | --report-uncovered]
             [--allow-image PATTERN]... [--save FILE] [--explain | --format text|json]
       admit --replay FILE [--policy FILE...] [--format text|json]

Without arguments it judges a small embedded set. FILE may be `-` for standard input.

  --policy FILE...       Kyverno policies, YAML or JSON
  --resource FILE...     Kubernetes objects, YAML or JSON
  --image REF=DIR        the OCI layout in DIR answers for the repository, or the image, REF
  --object FILE...       Secrets and ConfigMaps that policies refer to, YAML or JSON
  --trust-root FILE      a trusted_root.json; without it, Sigstore's public-good instance
  --now RFC3339          the time to judge at; without it, the clock's
  --allow-uncovered      allows images that no rule about images judges; without it they are denied
  --report-uncovered     likewise, and names them
  --allow-image PATTERN  allows such images of these repositories only
  --save FILE            archives policies, requests, what was fetched, trust root, time and verdicts
  --replay FILE          judges an archive again, without fetching anything, and says what differs;
                         with --policy by these policies instead of its own: what if they had been there
  --format text|json     how verdicts are printed
  --explain              the whole tree of why, as text; the default
  --help, --version      this text; the version

exit status: 0 all allowed, 1 something denied, or a replay that differs, 2 bad input
";

/// Options that take no value.
const FLAGS: [&str; 5] = ["--help", "--version", "--explain", "--allow-uncovered", "--report-uncovered"];

/// What is asked for.
pub(crate) enum Command {
    Help,
    Version,
    Judge(Box<Arguments>),
}

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arguments {
    pub(crate) policies: Vec<PathBuf>,
    pub(crate) resources: Vec<PathBuf>,
    pub(crate) images: Vec<ImageSource>,
    pub(crate) trust_root: Option<PathBuf>,
    pub(crate) now: Option<UnixTime>,
    pub(crate) objects: Vec<PathBuf>,
    pub(crate) uncovered: Uncovered,
    pub(crate) allowed_images: Vec<String>,
    pub(crate) save: Option<PathBuf>,
    pub(crate) replay: Option<PathBuf>,
    pub(crate) format: Format,
}

/// How verdicts are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
}

impl Arguments {
    /// Reads the command line.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Command, String> {
        let mut arguments = Self::default();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let (option, inline) = match word.split_once('=') {
                Some((option, value)) if option.starts_with("--") => {
                    (option.to_owned(), Some(value.to_owned()))
                }
                _ => (word, None),
            };
            // Options that take files take all that follow, up to the next option.
            let mut values: Vec<String> = inline.into_iter().collect();
            let takes_many = matches!(
                option.as_str(),
                "--policy" | "--resource" | "--image" | "--object" | "--allow-image"
            );
            while (takes_many || values.is_empty()) && !FLAGS.contains(&option.as_str()) {
                match words.next_if(|next| !next.starts_with("--")) {
                    Some(value) => values.push(value),
                    None => break,
                }
            }
            match option.as_str() {
                "--help" | "-h" => return Ok(Command::Help),
                "--version" | "-V" => return Ok(Command::Version),
                "--allow-uncovered" if values.is_empty() => arguments.uncovered = Uncovered::Allow,
                "--report-uncovered" if values.is_empty() => arguments.uncovered = Uncovered::Report,
                "--explain" if values.is_empty() => arguments.format = Format::Text,
                _ if !option.starts_with("--") => return Err(format!("`{option}` is not an option")),
                _ if values.is_empty() => return Err(format!("`{option}` needs a value")),
                "--policy" => arguments.policies.extend(values.into_iter().map(PathBuf::from)),
                "--resource" => arguments.resources.extend(values.into_iter().map(PathBuf::from)),
                "--object" => arguments.objects.extend(values.into_iter().map(PathBuf::from)),
                "--allow-image" => arguments.allowed_images.extend(values),
                "--image" => {
                    for value in &values {
                        arguments.images.push(value.parse()?);
                    }
                }
                "--trust-root" => arguments.trust_root = values.pop().map(PathBuf::from),
                "--now" => {
                    let text = values.pop().unwrap_or_default();
                    arguments.now = Some(text.parse().map_err(|error| format!("--now: {error}"))?);
                }
                "--save" => arguments.save = values.pop().map(PathBuf::from),
                "--replay" => arguments.replay = values.pop().map(PathBuf::from),
                "--format" => arguments.format = format(&values.pop().unwrap_or_default())?,
                _ => return Err(format!("`{option}` is not an option")),
            }
        }
        if arguments.is_empty() {
            return Ok(Command::Judge(Box::new(arguments)));
        }
        if arguments.replay.is_some() {
            let others = Self { policies: Vec::new(), replay: None, ..arguments.clone() };
            return match others.is_empty() {
                true => Ok(Command::Judge(Box::new(arguments))),
                false => {
                    Err("beside `--replay` only `--policy` says something: the archive holds the rest"
                        .to_owned())
                }
            };
        }
        match (arguments.policies.is_empty(), arguments.resources.is_empty()) {
            (true, _) => Err("`--policy` is needed".to_owned()),
            (_, true) => Err("`--resource` is needed".to_owned()),
            _ => Ok(Command::Judge(Box::new(arguments))),
        }
    }

    /// Whether nothing is named to judge, so that the embedded set is.
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            policies,
            resources,
            images,
            trust_root,
            now,
            objects,
            allowed_images,
            uncovered: _,
            save: _,
            replay: _,
            format: _,
        } = self;
        policies.is_empty()
            && resources.is_empty()
            && images.is_empty()
            && trust_root.is_none()
            && now.is_none()
            && objects.is_empty()
            && allowed_images.is_empty()
    }
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "text" => Ok(Format::Text),
        "json" => Ok(Format::Json),
        _ => Err(format!("--format: found `{text}`, expected `text` or `json`")),
    }
}
